"""Every message has a text in every language, the values of one are those of the other, and nothing is left over."""

import ast
import re
import string
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import specdid
from specdid import _plugins
from specdid._diagnostics import many
from specdid._format import Flag, Word
from specdid._plan.estimands import Treated, instrumented_words
from specdid._records.collect import _SAME_MODEL
from specdid._records.results import NotEstimated, Status
from specdid._study import Inference
from specdid._words import (
    ENGLISH,
    LANGUAGES,
    _close,
    catalogue,
    kept,
    known,
    page_words,
    say,
    sentences,
    speaking,
    told,
)
from specdid.analyses._cells import Request
from specdid.report.summary import NO_SHARES

PACKAGE = Path(specdid.__file__).parent
OTHERS = [code for code in LANGUAGES if code != ENGLISH]


@cache
def trees() -> dict[Path, ast.Module]:
    return {file: ast.parse(file.read_text("utf-8")) for file in sorted(PACKAGE.rglob("*.py"))}


@cache
def nodes() -> dict[Path, list[ast.AST]]:
    return {file: [*ast.walk(tree)] for file, tree in trees().items()}


@pytest.fixture(scope="module", autouse=True)
def let_go():
    """What every later collection of garbage would go over."""
    yield
    trees.cache_clear()
    nodes.cache_clear()


@cache
def messages() -> frozenset[str]:
    """Return what the program says: the first argument of every call of `say`, which is a text written out."""
    found = set()
    for file, every in nodes().items():
        for node in every:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("say", "later"):
                found |= set(texts(node.args[0], file))
    return frozenset(found)


def texts(node: ast.expr, file: Path):
    if isinstance(node, ast.IfExp):
        yield from (*texts(node.body, file), *texts(node.orelse, file))
    elif isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Call)):
        yield from ()  # marked by later() where it stands
    else:
        assert isinstance(node, ast.Constant), f"{file.name}:{node.lineno}: say() of a text that is put together"
        yield node.value


def names(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", OTHERS)
def test_the_catalogue_has_every_message_and_no_other(language):
    known = set(catalogue(language))
    assert not messages() - known, "these have no text"
    assert not known - messages(), "nothing says these"


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_has_the_values_of_its_english(language):
    for english, text in catalogue(language).items():
        assert names(text) == names(english), english
        assert text.strip(), english


def test_values_are_filled_in_after_the_translation():
    with speaking("zh"):
        assert say("an unknown text of {x}", x="{y}") == "an unknown text of {y}"
    assert say("{braces} without values") == "{braces} without values"


@pytest.mark.parametrize(
    ("value", "text"), [("3", "在 {x} 中"), ("北京", "在{x}中"), ("3月", "在 {x}中"), ("北京3", "在{x} 中")]
)
def test_spaces_stand_beside_numbers_and_latin_alone(value, text):
    assert _close("在 {x} 中", {"x": value}) == text


BROWSER = PACKAGE / "report" / "browser"


def page_texts() -> set[str]:
    """Return the texts of page.html, and those of its scripts: templates tagged with ``tr``, {0}, {1}, … for values."""
    page = (BROWSER / "page.html").read_text("utf-8")
    found = {t.strip() for t in re.findall(r"(?<=>)[^<>]+(?=<)|(?<=aria-label=\")[^\"]+(?=\")", page)}
    found = {t for t in found if re.search(r"[A-Za-z]{2}", t) and not t.startswith("$")}
    for file in BROWSER.glob("*.js"):
        script = file.read_text("utf-8")
        found |= {tagged(script, start.end()) for start in re.finditer(r"\btr`", script)}
    return found


def tagged(script: str, at: int) -> str:
    """Return the template that begins at ``at``, its values numbered; they may hold templates themselves."""
    text, values = "", 0
    while script[at] != "`":
        if script.startswith("${", at):
            at = behind(script, at + 2)
            text, values = f"{text}{{{values}}}", values + 1
        else:
            text, at = text + script[at], at + 1
    return text


def behind(script: str, at: int) -> int:
    """Return the place behind a value's closing brace."""
    while script[at] != "}":
        if script[at] == "`":
            at += 1
            while script[at] != "`":
                at = behind(script, at + 2) if script.startswith("${", at) else at + 1
        at = behind(script, at + 1) if script[at] == "{" else at + 1
    return at + 1


@pytest.mark.parametrize("language", OTHERS)
def test_the_page_has_every_text_and_no_other(language):
    with speaking(language):
        said = page_words()
    assert not page_texts() - set(said), "these have no text"
    assert not set(said) - page_texts(), "nothing says these"
    for english, text in said.items():
        assert names(text) == names(english), english


@pytest.mark.parametrize("language", OTHERS)
def test_texts_of_results_are_the_programs(language):
    """Every longer word of theirs stands in the code: a text that was changed there is found here."""
    code = "\n".join(literals())
    for english, text in kept(language).items():
        assert names(text) <= names(re.sub("[‹›]", "", english)), english
        words = re.findall(r"[A-Za-z]{5,}", re.sub(r"\{\w+\}", "", english))
        assert not [w for w in words if w not in code and w[:-1] not in code and w.lower() not in code], english


@cache
def literals() -> frozenset[str]:
    """Return the program's texts, the constant parts of those with values put together; not what plug-ins translate."""
    found = set()
    for tree in trees().values():
        waiting: list[ast.AST] = [tree]
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.Assign) and [getattr(t, "id", "") for t in node.targets] == ["OWN"]:
                continue
            waiting += ast.iter_child_nodes(node)
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return frozenset(found)


@pytest.mark.parametrize("name", [f"{code}{end}" for code in OTHERS for end in ("", "_kept")])
def test_a_text_stands_in_one_place(name):
    """What a plug-in says of its own is in no other file and not in the catalogue, which would be read in its place."""
    texts = [[*tomllib.loads((PACKAGE / f"_words/{name}.toml").read_text("utf-8"))]]
    texts += [[*getattr(own, name)] for own in _plugins.owned().values()]
    assert [text for text, n in Counter(chain(*texts)).items() if n > 1] == []


FROM_TO = re.compile(r"from (?:period )?\{(\w+)[^}]*\} to \{(\w+)[^}]*\}")
PART_OF = re.compile(r"\{(\w+)[^}]*\} of \{(\w+)[^}]*\}")


def test_chinese_names_the_whole_before_its_part_and_the_old_before_the_new():
    found = 0
    for english, chinese in (*catalogue("zh").items(), *kept("zh").items()):
        place = {value[1]: value.start() for value in re.finditer(r"\{(\w+)", chinese)}
        for old, new in FROM_TO.findall(english):
            assert place[old] < place[new], english
        for part, whole in PART_OF.findall(english):
            assert place[whole] < place[part] or re.search(rf"共 \{{{whole}\b", chinese), english
        found += len(FROM_TO.findall(english)) + len(PART_OF.findall(english))
    assert found > 30


def test_numbers_keep_their_signs_and_their_order():
    with speaking("zh"):
        assert told("from −0.30 to 0.20 (x)") == "从 −0.30 变为 0.20（x）"
        assert told("from 0.30 to -0.20 (x)") == "从 0.30 变为 -0.20（x）"
        assert (
            told("the effect in period −2 changes most, from −0.1 to 0.3") == "第 −2 期的效应变化最大，从 −0.1 变为 0.3"
        )


@pytest.mark.parametrize(
    ("side", "chinese"),
    [("above", "上方"), ("below", "下方"), ("above and below", "上下均"), ("below and above", "上下均")],
)
def test_an_interval_says_on_which_side_it_has_no_end(side, chinese):
    said = (
        f"unbounded {side}: an effect 50 standard errors away is not rejected, as happens where very few clusters, or "
    )
    with speaking("zh"):
        assert told(said + "all but very few, are treated").startswith(
            f"{chinese}无界：相距 50 个标准误的效应仍未被拒绝"
        )


def test_several_parts_are_told_each_and_sentences_stand_close():
    both = "the variance of the estimates is 18% smaller (a; b), 3% larger (c) and 5% smaller (d)"
    moved = "from 0.1 to 0.2 (a) and from 1.0 to −2.0 (b)"
    with speaking("zh"):
        assert told(both) == "估计值的方差减小 18%（a; b）、增大 3%（c）、减小 5%（d）"
        assert told(f"{both}; the median moves {moved}").endswith("；中位数从 0.1 变为 0.2（a）、从 1.0 变为 −2.0（b）")
        apart = told("the variance of the estimates is 18% smaller (ATT; nonequivalent) and unchanged (ATT)")
        assert apart == "估计值的方差减小 18%（ATT；不等价）、不变（ATT）"
        listed = told("matching made the bias larger in x, “a, b and c” and z")
        assert listed == "匹配后偏差反而增大的变量：x、“a, b and c”、z"
        assert sentences(["一。", "二。"]) == "一。二。"
    assert sentences(["One.", "Two."]) == "One. Two."


def test_units_are_no_rows():
    said = "did2s: up to 3 treated {} are not in the average effect: never seen untreated, or beside nobody who is "
    said += "untreated (columns n_treated_left_out, n_treated_rows_left_out)"
    with speaking("zh"):
        assert told(said.format("units")).startswith("did2s：至多 3 个受处理个体不在平均效应之内")
        assert told(said.format("rows")).startswith("did2s：至多 3 个受处理的行不在平均效应之内")


def test_a_text_of_the_results_is_told_with_what_varies_in_it():
    with speaking("zh"):
        assert told("as few as 7 clusters: standard errors may be too small; read it") == (
            "仅有 7 个聚类：标准误可能过小；read it"
        )
        assert told("凶杀: it has no cluster-robust variance") == "凶杀：没有聚类稳健方差"
        assert told("a label: of the user") == "a label: of the user"
        assert told("the variance of the estimates is 36% smaller (log; average effect; uncertain)") == (
            "估计值的方差减小 36%（log；平均效应；存疑）"
        )
        finer = (
            "errors are clustered by `county` (500), and the treatment `d` never varies within `state`{} (29, 13 of "
        )
        finer += "them with treatment): where it was assigned by these, errors and p are too small"
        assert "在 `state` × year（29 个，其中 13 个受处理）内从不变化" in told(finer.format(" and year"), ours=True)
        assert "在 `state`（29 个，其中 13 个受处理）内从不变化" in told(finer.format(""), ours=True)
        assert told("a new warning of ours without a text", ours=True).startswith("（暂无中文译文）")
    assert told("it has no cluster-robust variance") == "it has no cluster-robust variance"


@cache
def warnings_written() -> dict[str, str]:
    """Return the messages of `Caution` and of faults that are warnings as they are written, 7 for what varies.

    Each with itself where ``many(n, "row")`` is 7 rows.
    """
    found = {}
    for every in nodes().values():
        for function in every:
            if not isinstance(function, ast.FunctionDef):
                continue
            assigned: dict[str, list[ast.expr]] = {}
            within = [*ast.walk(function)]
            for node in within:
                for target in node.targets if isinstance(node, ast.Assign) else ():
                    if isinstance(target, ast.Name):
                        assigned.setdefault(target.id, []).append(node.value)
            for node in within:
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and (at := place_of_message(node)):
                    said = node.args[at] if len(node.args) > at else None
                    ways = assigned.get(said.id, []) if isinstance(said, ast.Name) else [said]
                    written = [way for way in ways if isinstance(way, (ast.JoinedStr, ast.Constant))]
                    found |= {as_written(way): as_written(way, many_as_written) for way in written}
    return found


def place_of_message(call: ast.Call) -> int:
    """Return which argument is the message of a warning, 0 where the call makes none."""
    values = [a.value for a in (*call.args, *(k.value for k in call.keywords)) if isinstance(a, ast.Constant)]
    fault = {"fault_at": 3, "time_fault": 2}.get(call.func.id, 0)
    return 2 if call.func.id == "Caution" else fault if "warning" in values else 0


def as_written(node: ast.JoinedStr | ast.Constant, varying: Callable[[ast.expr], str] = lambda _: "7") -> str:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(str(p.value) if isinstance(p, ast.Constant) else varying(p) for p in parts)


def many_as_written(part: ast.expr) -> str:
    """Return "7 rows" for ``many(n, "row")`` and "7 rows are" for ``many(n, "row", "are")``, 7 for what else varies."""
    call = part.value if isinstance(part, ast.FormattedValue) else part
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == many.__name__:
        words = [a.value for a in call.args[1:] if isinstance(a, ast.Constant)]
        if len(words) == len(call.args) - 1:
            return " ".join(("7", f"{words[0]}s", *words[1:]))
    return "7"


COMPOSED = {
    "7: 7 of 7 estimates 7 of 7; they are no two findings, so keep one of them, or compare their errors": (
        "b: 1 of 8 estimates is that of a; they are no two findings, so keep one of them, or compare their errors"
    ),
    "the other terms and the fixed effects leave of it 7 times what single precision (Stata's float, 7 digits) rounds, "
    "at the least (#7): where values were stored so, 7 of what is left is not rounding; leave out the terms that it is "
    "a combination of, or store them as double": (
        "the other terms and the fixed effects leave of it 3 times what single precision (Stata's float, 7 digits) "
        "rounds, at the least (#7): where values were stored so, one digit of what is left is not rounding; leave out "
        "the terms that it is a combination of, or store them as double"
    ),
    "7: 7: the data cannot test this": (
        "x: leads and lags are identified only by holding effects constant in the binned ends, as effects have trends: "
        "the data cannot test "
        "this"
    ),
    "7 is compared with 77": (
        "`period` is compared with 1990, which is no period as the data have them, 19731 to 19984; `period >= 1990` "
        "holds in every row"
    ),
    "7: 7 of 7 without a value of the moderator 7 left out": (
        "x: 3 of 24 units without a value of the moderator in 2005 left out"
    ),
    "7 77 weak instruments (effective F below 7, the lowest 7): estimates are biased towards least squares, and their "
    "standard errors, p-values and intervals do not hold; read the Anderson-Rubin sets (`ar_p`, `ar_low`, `ar_high`)": (
        "1 of 4 two-stage least squares has weak instruments (effective F below 10, the lowest 3.2): estimates are "
        "biased towards least squares, and their standard errors, p-values and intervals do not hold; read the "
        "Anderson-Rubin sets (`ar_p`, `ar_low`, `ar_high`), 1 of which is unbounded"
    ),
    "7: the test of equality rests on 7: it rejects too often": (
        "x: the test of equality rests on 1 such small group: it rejects too often"
    ),
    "`7` is 7 in data row 77 of 7, 7 steps 7, 7": (
        "`year` is 2999 in data row 12 and 3 more of `p.csv`, 985 steps after the last of the others, 2014"
    ),
    "as few as 7: standard errors may be too small; 7": (
        "as few as 9 clusters: standard errors may be too small; rely on the median t of the permutation null, if the "
        "assignment could have fallen on other clusters"
    ),
    "nothing is left for this rule to exclude: [[together]] ties 7": (
        "nothing is left for this rule to exclude: [[together]] ties `controls` and `sample`"
    ),
    "the joint test is off: 7": (
        "the joint test is off: neither null is one of two-stage least squares; `ar_p` in the results tests each "
        "specification for no effect, whatever the strength of its instruments"
    ),
    "the periods of `7` are 7 apart (7, 7): lags, leads and event time ": (
        "the periods of `year` are 5 apart (2000, 2005): lags, leads and event time count the periods between, which "
        "no row has"
    ),
    "7 7 the same |t| in every draw: this null cannot move 7, and 7 not in this test": (
        "2 specifications have the same |t| in every draw: this null cannot move them, and they are not in this test"
    ),
    "7 7 too near to collinear for this null, and left out of it": (
        "1 specification is too near to collinear for this null, and left out of it"
    ),
    "7 7with more than one instrument reject at 7 that all instruments estimate the same effect "
    "(Hansen's J, or Sargan): an instrument is not valid, or they move units with other effects": (
        "3 of 4 two-stage least squares with more than one instrument reject at 0.05 that all "
        "instruments estimate the same effect (Hansen's J, or Sargan): an instrument is not valid, or "
        "they move units with other effects"
    ),
    "7 left out for all, since a specification failed in it: most often number 7 of the plan, in 7, as where a draw "
    "leaves its sample no treated unit or no variance; in a study of its own it takes no draws from the others": (
        "3 of 99 draws are left out for all, since a specification failed in it: most often number 5 of the plan, in "
        "2, as where a draw leaves its sample no treated unit or no variance; in a study of its own it takes no draws "
        "from the others"
    ),
    "7 nonequivalent or uncertain and 7 in no joint test": (
        "16 specifications have an option of type nonequivalent or uncertain and are in no joint test"
    ),
    "7 would take more than 7 s to fit 7 times again": (
        "3 specifications would take more than 60 s to fit 99 times again, by a fixed count of seconds for a fit that "
        "is the same on every machine, and are not in this test"
    ),
    "7, but 7 by permutation": ("x: p = 0.020 by clustered errors, but 0.210 by permutation"),
    "7: no bounds on the slope, since 7": ("x: no bounds on the slope, since of it"),
    "7: the 7 differs from zero under parallel trends, but zero enters the robust set at M̄ = 7: a "
    "change after adoption 7 times as large as the largest before would do": (
        "x: the first effect differs from zero under parallel trends, but zero enters the robust set at "
        "M̄ = 0.50: a change after adoption 0.50 times as large as the largest before would do"
    ),
    "7: the leads cannot be tested jointly under the first vcov: 7": (
        "x: the leads cannot be tested jointly under the first vcov: the variance matrix of what is "
        "tested is singular, as with fewer clusters than terms: no joint test"
    ),
    "7 `7` 7 as controls of `7`": ("1 unit that has `x` counts as controls of `y`"),
    "7: those left are a selection": (
        "30 of 40 specifications (75%) could not be estimated, most often `absorbed`: those left are a selection"
    ),
    "7; no row is in all of them": ("samples differ across specifications (3 to 5 rows); no row is in all of them"),
    "7; on the 7 rows that 7 have, 7": (
        "samples differ across specifications (462 to 550 rows); on the 462 rows that all have, none can be estimated"
    ),
    "7; the median moves 7": (
        "samples differ across specifications (462 to 550 rows); on the 462 rows that all have, the "
        "variance of the estimates is 18% smaller (x); the median moves from 0.1 to 0.2 (x)"
    ),
    "7; they were not estimated again on common rows": (
        "samples differ across specifications (3 to 5 rows); they were not estimated again on common rows"
    ),
    "stackedev leaves out 7: not seen in all of the window beside units that stay untreated (columns "
    "n_cohorts_left_out, n_treated_left_out)": (
        "stackedev leaves out 1 treated unit: not seen in all of the window beside units that stay untreated (columns "
        "n_cohorts_left_out, n_treated_left_out)"
    ),
    "unequal clusters7: 7 effective of 7 (coefficient of variation 7 of partial leverage, which the effective number "
    "is of, and 7 of rows, 7 to 7 a cluster); 7": (
        "unequal clusters by `省`: 2.3 effective of 23 (coefficient of variation 2.99 of partial leverage, which the "
        "effective number is of, and 2.35 of rows, 20 to 480 a cluster); with unequal clusters the permutation of the "
        "median estimate, which is not studentised, rejects too often or too rarely (.085 or .015 at 5% where the 6 "
        "smallest or largest of 30 are treated): read the median t"
    ),
    "as few as 7 without treatment7: what compares with them alone rests on these (the dates of "
    "adoption carry the measured specification: 7 effective clusters)": (
        "as few as 2 clusters without treatment by `省`: what compares with them alone rests on these (the dates "
        "of adoption carry the measured specification: 20.1 effective clusters)"
    ),
    "as few as 7 with treatment7: 7; 7": (
        "as few as 2 clusters with treatment by `省`: clustered errors of least squares reject too often (a true null "
        "at 5%: .12 with 5 of 40, .32 with 2 of 40) and the wild bootstrap hardly ever with 2; rely on the median t of "
        "the permutation null, if the assignment could have fallen on other clusters"
    ),
    "as few as 7 without treatment7: 7; 7": (
        "as few as 2 clusters without treatment by `省`: clustered errors of least squares reject too often (a true "
        "null at 5%: .12 with 5 of 40, .32 with 2 of 40) and the wild bootstrap hardly ever with 2; rely on the median "
        "t of the permutation null, if the assignment could have fallen on other clusters"
    ),
    "7 in no joint test (7): 7": (
        "4 specifications are in no joint test (b 2, c 2): no least squares, which alone the wild bootstrap takes"
    ),
    "`7`7 is missing in 77, where `7` is: specifications with it leave them out, as R does with NA; in Stata, where a "
    "missing value is larger than any number, it is 7 there": (
        "`pop > 30` is missing in 2 rows of 1 unit, where `pop` is: specifications with it leave them out, as R does "
        "with NA; in Stata, where a missing value is larger than any number, it is true there"
    ),
    "bad control? 7 differ7 with the treatment 7: p < 0.05 by `7` for 7 of 7 controls, by chance 7; a control that the "
    "treatment moves takes part of the effect away": (
        "bad control? `x` (p = 0.008) differs with the treatment given what the preferred specification holds fixed "
        "(`id`, `year`): p < 0.05 by `city` for 1 of 4 controls, by chance 0.2; a control that the treatment moves "
        "takes part of the effect away"
    ),
    "in the sample `7` the cohort7 7 lie7 after the last period, 7: 7 7 among the never treated there, whom sunab and "
    "csdid compare with": (
        "in the sample `1985` the cohorts 1995, 1996 lie after the last period, 1994: 2 units are among the never "
        "treated there, whom sunab and csdid compare with"
    ),
    "7; nothing else differs between them": (
        "samples differ across specifications (90 to 120 rows); nothing else differs between them"
    ),
    "medians7 of opposite signs: 7 and 7": ("medians of opposite signs: 0.1 (a) and −0.1 (b)"),
    "7; of the two only 7 differs from zero": (
        "medians of opposite signs: 0.1 (a) and −0.1 (b); of the two only 0.1 differs from zero"
    ),
    "the median7 (7) has 7 under the 7 and 7 under the 7": (
        "the median (a) has p = 0.010 under the permutation null and p = 0.400 under the wild cluster bootstrap"
    ),
    "`7` is 7, and every estimate takes that for a value": (
        "`c` is 9 (“拒答”) in 3 rows, labelled as missing, and every estimate takes that for a value"
    ),
    "`7` is 7, and `by` makes a group of each such value": (
        "`c` is -999 in 3 rows, far from its other values, and `by` makes a group of each such value"
    ),
    "`7` is 7, and the condition `7` holds there": (
        "`c` is -999 in 1 row and 9 (“拒答”) in 2 rows, far from its other values or labelled as missing, and the "
        "condition `c > 1` holds there"
    ),
}
"""Warnings that are put together of parts: as they are written, and one as it is read."""


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("written", COMPOSED)
def test_warnings_of_parts_are_told_whole(language, written):
    with speaking(language):
        said = told(COMPOSED[written], ours=True)
    names = r"n_treated\w*|did2s|sunab|csdid|lpdid|state|Stata|Hansen|Sargan|Anderson-Rubin|\[\[together\]\]"
    names += r"|float|double|n_cohorts\w*|stackedev"
    rest = re.sub(rf"`[^`]*`|\([^)]*column[^)]*\)|{names}", "", said)
    assert not re.search("[A-Za-z]{3,}", rest), said


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_not_translated_is_listed(language):
    """Whoever writes a warning gives it a text in every language, or lists it here: a reader is told it has none."""
    lacking = {
        text
        for text, counted in warnings_written().items()
        if re.search("[a-z]{3,}", text) and not known(text, language) and not known(counted, language)
    }
    assert not COMPOSED.keys() - warnings_written(), "these are written no more"
    lacking -= COMPOSED.keys()
    listed = set((Path(__file__).parent / f"untranslated_{language}.txt").read_text("utf-8").splitlines())
    assert lacking == listed


MESSAGE_OF = {"Refusal": 1, "Failure": 1, "nobody": 1, "SunabComparison": 3}
"""Which argument of a call says why nothing is estimated."""


@cache
def constants() -> dict[str, list[ast.expr]]:
    """Return what every capital name of the package stands for."""
    found: dict[str, list[ast.expr]] = {}
    for tree in trees().values():
        for node in tree.body:
            for target in node.targets if isinstance(node, ast.Assign) else ():
                if isinstance(target, ast.Name) and target.id.isupper():
                    found.setdefault(target.id, []).append(node.value)
    return found


def texts_of(node: ast.expr, assigned: dict[str, list[ast.expr]]) -> Iterator[str]:
    """Return the texts that an argument may be, as written: by name, or one of two."""
    if isinstance(node, (ast.JoinedStr, ast.Constant)):
        yield as_written(node)
    elif isinstance(node, ast.IfExp):
        yield from (*texts_of(node.body, assigned), *texts_of(node.orelse, assigned))
    elif isinstance(node, ast.Name):
        for way in assigned.get(node.id) or constants().get(node.id, []):
            yield from texts_of(way, {k: v for k, v in assigned.items() if k != node.id})
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        yield from (re.sub(r"\{\w*\}", "7", text) for text in texts_of(node.func.value, assigned))


@cache
def reasons_written() -> set[str]:
    """Return why estimators refuse a specification, as it is written, 7 for what varies."""
    found = set()
    shelves = {PACKAGE / "estimators", PACKAGE / "engine"}
    for function in chain(*(every for file, every in nodes().items() if shelves & {*file.parents})):
        if not isinstance(function, ast.FunctionDef):
            continue
        assigned: dict[str, list[ast.expr]] = {}
        within = [*ast.walk(function)]
        for node in within:
            for target in node.targets if isinstance(node, ast.Assign) else ():
                if isinstance(target, ast.Name):
                    assigned.setdefault(target.id, []).append(node.value)
        for node in within:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                at = MESSAGE_OF.get(node.func.id, len(node.args))
                found |= {text for said in node.args[at : at + 1] for text in texts_of(said, assigned)}
    return found


REASONS = {
    "periods of these rows are 7 apart, and time since treatment counts the periods between, which 7": (
        "periods of these rows are 2 apart, and time since treatment counts the periods between, which no row has; "
        "where they are the panel's periods, number them in a column of the data and make it `time`"
    ),
    "7 predicted perfectly by the treatment, controls and fixed effects together (separation), so that a coefficient "
    "is infinite: leave out a control, or join groups": (
        "1 row is predicted perfectly by the treatment, controls and fixed effects together (separation), so that a "
        "coefficient is infinite: leave out a control, or join groups"
    ),
    "some periods of these rows lie further apart than others, and csdid counts 7 in periods that have rows; write "
    'aggregate = "group" or "simple" without anticipation, or take a sample whose periods are as far apart': (
        "some periods of these rows lie further apart than others, and csdid counts anticipation in periods that have "
        'rows; write aggregate = "group" or "simple" without anticipation, or take a sample whose periods are as far '
        "apart"
    ),
    "a negative binomial needs 7; for other values take `fepois`": (
        "a negative binomial needs an outcome of counts (0, 1, 2, …); for other values take `fepois`"
    ),
    "Poisson needs 7; some values are negative": "Poisson needs an outcome of zero or more; some values are negative",
    "no unit to compare with stays untreated for 77": (
        "no unit to compare with stays untreated for 5 periods; set post_window to a smaller number (3 is the longest "
        "that leaves out no cohort)"
    ),
    "entering treatment is, within periods, 7": (
        "entering treatment is, within periods, the same for all in each period"
    ),
    "in no period is there a comparison: 7": (
        "in no period is there a comparison: no unit that switches is seen in it and in the period before its switch, "
        "beside one that has not switched; 3 units switch where rows are missing"
    ),
    "of no cohort and period is there a comparison: 7": (
        "of no cohort and period is there a comparison: no unit of the cohort, or none to compare it with, is seen in "
        "it and in the base period"
    ),
    "no unit enters treatment in these rows77": (
        "no unit enters treatment in these rows; 3 units are treated in all that could be compared; 1 unit lacks a "
        "period"
    ),
    "sdid needs periods before treatment: 7 treated in the first period7; leave out by [sample] who is": (
        "sdid needs periods before treatment: 2 units are treated in the first period, among them 北京; leave out by "
        "[sample] who is"
    ),
    "sdid needs two periods before treatment: 7 one7; leave out by [sample] who has": (
        "sdid needs two periods before treatment: 2 units have one, among them 北京; leave out by [sample] who has"
    ),
    "7 a cohort that is not the first period in which the treatment changes; write cohort as that period, 0 where it "
    "never does": (
        "1 unit has a cohort that is not the first period in which the treatment changes; write cohort as that period, "
        "0 where it never does"
    ),
    "no cohort is seen from 7 before its treatment to 7 after, beside units that stay untreated; take a shorter "
    "post_window": (
        "no cohort is seen from 1 period before its treatment to 3 after, beside units that stay untreated; take a "
        "shorter post_window"
    ),
    "no cohort is seen from 7 before its treatment to 7 after, beside units that stay untreated; take a shorter "
    "window": (
        "no cohort is seen from 2 periods before its treatment to 3 after, beside units that stay untreated; take a "
        "shorter window"
    ),
    "sdid compares with units never treated, and needs two: there 7 in these rows": (
        "sdid compares with units never treated, and needs two: there is one in these rows"
    ),
}
"""Reasons that are put together of parts: as they are written, and one as it is read."""
COMPOSED_ELSEWHERE = (
    "no unit that switches has effect 1 beside one with its first treatment that has not switched yet; set effects to "
    "2, the least that one has; 3 units switch where rows are missing",
    "no unit that switches has effect 5 beside one that never switches; set effects to 4",
    "no unit that switches has effect 1 beside one that never switches; units have rows every 2 periods but for 5 rows "
    'of unit 北京, in 2002, 2004, 2006 and 2 more: leave these out of the data and write step = "2" in [study]',
    "periods of these rows are 2 apart, and time since treatment counts the periods between, which only rows not used "
    'here have (1 row of unit 北京, in 2002); leave these out of the data and write step = "2" in [study]; where other '
    "samples use them, do so in a study of this sample alone",
    "sdid needs every unit in every period: rows are missing of 3 of 40 units (unit 北京 has 3 of 5 periods); "
    "keep complete units and periods by [sample], or leave out the variables that are missing",
    "no unit that switches is seen beside one that never switches; only_never_switchers = false compares with those "
    "that switch later; 3 units switch where rows are missing",
    "no unit that switches has every effect up to 5 beside one with its first treatment that has not switched yet; set "
    "effects to 2 or less; 1,200 units have a first treatment with which no unit switches in another period",
    "in all units that switch and would have effect 3 beside one that never switches, treatment has been above and "
    "below its first value by then, and what follows is left out, as in DIDmultiplegtDYN; set effects to 2 or less",
    "no unit that switches has effect 5 beside one that never switches; set effects to 2 or less",
    "the effects of cohorts 2005, 2006 and 4 more cannot be told apart from the fixed effects `州 + 年`: in 2005 and "
    "2006 every row is of a treated cohort: there is no comparison",
    "the effects of cohort 2005 cannot be told apart from the fixed effects `州 + 年`: cohort 2005 has no row in "
    "period −1 from treatment, against which effects are measured; write reference = [-1, -2], so that every cohort "
    "has such a row, or leave this cohort out of the sample",
    "the effects of cohorts 2005 and 2007 cannot be told apart from the fixed effects `州 + 年`: cohort 2005 has no "
    "row in period −1 from treatment, against which effects are measured; write reference = -2, so that "
    "every cohort has such a row, or leave this cohort out of the sample; in 2010 every row is of a treated cohort, so "
    "that cohort 2007 has no comparison there",
    "the effects of cohorts 2005 and 2007 cannot be told apart from the fixed effects `州 + 年`: cohort 2005 has no "
    "row in period −1 from treatment, against which effects are measured; write reference = -2, so that "
    "every cohort has such a row, or leave this cohort out of the sample; cohort 2007 is open together with these",
    "stackedev has the cohorts and units that are seen in the whole window; 3 cohorts are not seen in all of it",
    "effects of did_multiplegt_dyn are counted from the first change of the treatment, and a change to less is taken "
    "with the other sign; they are per unit of treatment; not all are of the same switchers; periods are those in "
    "which some treatment is known, and some lie further apart",
    "in all units that switch and would have every effect up to 5 beside one with its first treatment that has not "
    "switched yet, treatment has been above and below its first value by then, and what follows is left out, as in "
    "DIDmultiplegtDYN; set effects to 2 or less",
    "in all units compared in it treatment has been above and below its first value by then, and what follows is left "
    "out, as in DIDmultiplegtDYN",
    "the ends of sunab's window are single periods: it does not bin",
    "csdid has no rows beyond the window, which moves effects inside it, too",
    "leads and effects of did2s are not changes from one period (leads of did2s are measured against all untreated "
    "rows, not against the reference period); sunab, csdid and feols have such",
    " Effective F of the first stage 14.1; 95% Anderson-Rubin set 0.028 to 0.281, p = 0.016.",
    " Effective F of the first stage 3.1, weak instruments; 95% Anderson-Rubin set −∞ to −0.1 and 0.2 to ∞, p = 0.016.",
    "without period 4, which holds what lies beyond it",
    "the effect in period 4 has no bounds: it is not estimated, or after a gap",
)
NAMED = (
    r"`[^`]*`|\[sample\]|only_never_switchers = false|post_window|reference|did_multiplegt_dyn|sdid|csdid|sunab|feols"
    r"|did2s|stackedev|effects 设|DIDmultiplegtDYN|cohort|window|Anderson-Rubin"
    r'|\[study\]|step = "2"|time|aggregate = "group"|"simple"|anticipation'
)


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("text", [*REASONS.values(), *COMPOSED_ELSEWHERE])
def test_reasons_of_parts_are_told_whole(language, text):
    with speaking(language):
        said = re.sub(NAMED, "", told(text, ours=True))
    assert not re.search("[A-Za-z]{3,}", said), said


@pytest.mark.parametrize("language", OTHERS)
def test_every_reason_of_an_estimator_has_a_text(language):
    lacking = {text for text in reasons_written() if re.search("[a-z]{3,}", text) and not known(text, language)}
    assert not REASONS.keys() - reasons_written(), "these are written no more"
    assert not lacking - REASONS.keys()


def values_of(kind) -> tuple[object, ...]:
    return kind.choices if isinstance(kind, Word) else (True, False) if isinstance(kind, Flag) else (1, 3)


@pytest.mark.parametrize("language", OTHERS)
def test_every_estimand_has_a_text(language):
    """Under all options that are words or switches; of amounts, too, and of interactions where controls are."""
    treated = [Treated("d"), Treated("d", "amount")]
    for name in _plugins.names("estimators"):
        one = _plugins.load("estimators", name)
        said = {one.estimand}
        ways = [{}, *({s.name: value} for s in one.settings for value in values_of(s.kind))]
        kinds = [*treated, Treated("d", interaction=True)] if one.words and "controls" in one.honours else treated
        said |= {one.words(of, way) for of in kinds for way in ways if one.words is not None}
        assert not {text for text in said if not known(text, language)}, name
        assert not one.unit or known(one.unit, language), name
    for of in (*treated, Treated("d:x", interaction=True)):
        assert known(instrumented_words(of, ("z1", "z2")), language)


@pytest.mark.parametrize("language", OTHERS)
def test_every_kind_of_analysis_has_a_name(language):
    for name in _plugins.names("analyses"):
        kind = name.replace("_", " ").capitalize()
        assert name == "table" or known(kind, language), kind
        assert known(f"{kind}: 甲", language)


NEVER_ONE = (
    "stands for {,} options", "{,} draws", "{,} levels over {,} periods", "none of the {,} complete rows",
    "{,} patterns", "{,} to {,} rows", "on the {,} rows", "have the same {,} rows",
    "{,} units, {,} periods", "{,} units and {,} periods", "{,} groups", "has {,} levels",
    "divisions are {,} samples", "spans {,} periods", "are {,} windows", "has {,} values", "are {,} samples",
    "more than {,}", "{,} bytes", "{,} rows, more", "{,} options", "{,} specifications' ids",
    "{,} specifications begin", "the grid has {,} specifications", "are {,} columns", "N = {,} rows",
    "after {,} steps", "the pattern matches {,} columns", "{,} characters", "{,} parts", "up to {,} terms",
    "has {,} rows when", "{,}{} of {}, {,} steps", "{,} divisions",
)  # fmt: skip
"""Counts that are of two or more wherever they are written, as draws, or what is above a limit."""


def plurals_behind_counts() -> Iterator[str]:
    """Give texts in which a plural stands behind a count whatever that is, ``{,}``; a part of others is no subject."""
    verbs = "of|and|or|in|to|is|are|from|by|with|than|at|for|has|have|as|does|was|were|whose|gives|times|this|less|its"
    word = rf"(?!(?:{verbs})\b)[a-z]+"
    plural = re.compile(
        rf"(?<!\bof )(?<!\bof its ){{,}} (?:{word} ){{0,2}}?{word}(?<=[^s]s)\b".replace("{,}", r"\{,\}")
    )
    for file, every in nodes().items():
        chosen = {id(node) for choice in every if isinstance(choice, ast.IfExp) for node in ast.walk(choice)}
        for node in every:
            if isinstance(node, ast.JoinedStr) and id(node) not in chosen:
                text = "".join(counted_as_written(part) for part in node.values)
                if plural.search(text) and not any(known in text for known in NEVER_ONE):
                    yield f"{file.name}:{node.lineno}: {text}"


def counted_as_written(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    spec = part.format_spec if isinstance(part, ast.FormattedValue) else None
    return "{,}" if spec is not None and "".join(str(c.value) for c in spec.values) == "," else "{}"


def test_why_an_estimator_gives_its_effect_alone_is_told_and_a_rules_reason_is_the_studys():
    with speaking("zh"):
        for estimator in _plugins.every("estimators"):
            for options in ({}, {"reweight": True}) if estimator.alone is not None else ():
                assert re.search("[a-z]{3,} [a-z]{3,}", told(estimator.alone(options), ours=True)) is None
    reasons = [NotEstimated(Status.EXCLUDED, code, "", np.arange(1)) for code in ("rule", "own_outcome")]
    assert [reason.ours for reason in reasons] == [False, True]


def test_why_no_share_is_printed_names_the_tests_that_there_are_by_default():
    given = Inference()
    assert f"by default it is the {given.null[0]} one with {given.draws} draws" in NO_SHARES
    with speaking("zh"):
        assert re.search("[a-z]{3,} [a-z]{3,}", told(_SAME_MODEL, ours=True)) is None


def test_what_a_failed_audit_says_of_a_specification_is_told():
    said = "place 1,204: estimate 0.1, again 0.2; standard error (city) 0.03, again 0.04; likely cause: "
    causes = (
        "other rows: 1,200 were used, the audit finds 1,100",
        "pyfixest gives no estimate",
        "the coefficient differs from pyfixest's: other terms or levels, weights, or no convergence",
        "the coefficient agrees, and pyfixest gives no standard error",
    )
    with speaking("zh"):
        for cause in causes:
            assert re.search("[a-z]{3,} [a-z]{3,}", told(said + cause, ours=True)) is None


def test_an_analysis_without_a_name_has_a_title_with_a_capital():
    request = SimpleNamespace(table=SimpleNamespace(name=None, kind="heterogeneity"))
    assert Request.title.fget(request) == "Heterogeneity"


def test_one_of_something_is_no_plural():
    """A count is written with its noun by ``many``, or in a text that is chosen by it."""
    assert list(plurals_behind_counts()) == []
    assert [many(1, "unit", verb) for verb in ("are", "have", "lack", "")] == [
        "1 unit is", "1 unit has", "1 unit lacks", "1 unit",
    ]  # fmt: skip
    assert many(1200, "unit", "lack") == "1,200 units lack"
