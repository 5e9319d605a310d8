"""Name patterns: what is accepted cannot blow up, and matches in data order."""

import subprocess
import sys

import pytest
from pace import within
from specdid.language import LanguageError, check, expand, parse, write

COLUMNS = ["z1", "ind2", "ind3", "ln_open", "ln_pat", "GDP（亿元）", "人口"]


def matched(pattern, columns=COLUMNS):
    (node,) = expand(parse(f"regex({pattern})"), {}, columns, 1.0)
    return write(node)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("'^ind'", "ind2 + ind3"),
        ("'^ln_(open|pat)$'", "ln_open + ln_pat"),
        ("'[0-9]$'", "z1 + ind2 + ind3"),
        ("'^[[:alpha:]]+[[:digit:]]$'", "z1 + ind2 + ind3"),
        (r"'\\d'", "z1 + ind2 + ind3"),
        ("'（.*）'", "`GDP（亿元）`"),
        ("'^人'", "人口"),
        ("'n_o?(pen)?'", "ln_open + ln_pat"),
        (r"'[\\d_]{1}'", "z1 + ind2 + ind3 + ln_open + ln_pat"),
    ],
)
def test_matches_in_data_order(pattern, expected):
    assert check(parse(f"regex({pattern})"), "terms") == ()
    assert matched(pattern) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        *("(a+)+", "(a*)*", "(a|b)*", "((a)+)?+", "a++", "(a?)*", "((a|b))+", "a{2}{2}"),
        *("a{101}", "a{1,101}", "(?i)a", "(?=a)", "(?P<n>a)", "(a)\\\\1"),
        *("(", "a)", "[", "*a"),
    ],
)
def test_refused(pattern):
    text = f"regex('{pattern}')"
    (problem,) = check(parse(text), "terms")
    assert problem.code == "regex"
    assert text[problem.span.start : problem.span.stop] == f"'{pattern}'"
    with pytest.raises(LanguageError):
        matched(f"'{pattern}'")


def test_what_is_accepted_is_fast_on_the_worst_names():
    with within(3):
        for pattern in ("'a*a*a*a*a*a*a*a*b'", "'" + "a?" * 60 + "a{60}b'", "'.*.*.*.*.*.*x$'"):
            with pytest.raises(LanguageError, match="matches no column"):
                matched(pattern, ["a" * 5_000] * 20)


def test_nothing_heavy_is_imported_and_the_grammar_is_ready_at_once():
    code = (
        "import sys, time\n"
        "import numpy\n"
        "from specdid.language import check, parse\n"
        "check(parse('regex(\"^a\") + b'), 'terms')\n"
        "heavy = ['pandas', 'scipy', 'formulaic', 'pyfixest', 'matplotlib', 'polars']\n"
        "assert not [m for m in heavy if m in sys.modules]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
