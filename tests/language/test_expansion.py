"""Stepwise operators, macros and patterns: the contract's order, checked against fixest's models."""

import csv
from itertools import chain as flattened
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from pace import within
from specdid.language import (
    LanguageError,
    effects,
    expand,
    expand_terms,
    expansion_size,
    formula_parts,
    join_term_sets,
    parse,
    terms,
    write,
)

COLUMNS = [*"abcdxy", "y2", "ln_open", "ln_pat", "ind2", "ind3", "city_id", "year", "province"]
REFERENCE = Path(__file__).parents[1] / "reference" / "fixest_expansions.csv"
with REFERENCE.open(encoding="utf-8", newline="") as file:
    ROWS = [(r["formula"], int(r["n"]), r["models"]) for r in csv.DictReader(file)]

ORDER = "the same models; fixest varies the right-hand side fastest, the contract the last part written"
REORDERED = {
    "y~x+sw(a,b)|sw0(city_id,year)": ORDER,
    "y~x+csw0(a,b)|csw0(city_id,year)": ORDER,
    "c(y,y2)~x+csw0(a,b)|sw(city_id,city_id+year)": ORDER,
    "y~x+mvsw(a,b)|mvsw(city_id,year)": ORDER,
}


def models(formula):
    """All models of a formula, spelled as in the reference (an empty effects part is `1`)."""
    parts = formula_parts(parse(formula))
    found = []
    for outcome in parts.outcomes:
        for right in expand(parts.right, {}, COLUMNS, 1.0):
            left = f"{write(outcome)} ~ {' + '.join(t.text for t in terms(right).terms)}"
            if parts.effects is None:
                found.append(left)
                continue
            for part in expand(parts.effects, {}, COLUMNS, 0.0):
                found.append(f"{left} | {' + '.join(e.text for e in effects(part)) or '1'}")
    return found


def test_as_many_alternatives_as_the_limit_are_made():
    node = parse("sw(a, b, c)")
    assert len(expand(node, {}, COLUMNS, 1.0, limit=3)) == len(expand_terms(node, {}, COLUMNS, limit=3)) == 3
    for made in (lambda: expand(node, {}, COLUMNS, 1.0, limit=2), lambda: expand_terms(node, {}, COLUMNS, limit=2)):
        with pytest.raises(LanguageError, match="3 alternatives; the limit is 2"):
            made()


def test_a_term_that_no_alternative_has_is_none_of_the_set():
    found = expand_terms(parse("a + b + c - a"), {}, COLUMNS)
    assert [term.text for term in found.terms] == ["b", "c"]
    assert found.labels() == ["b + c"]


def test_all_31_are_here():
    assert len(ROWS) == 31
    assert {formula for formula, _, _ in ROWS} > REORDERED.keys()


@pytest.mark.parametrize(("formula", "count", "expected"), ROWS, ids=[r[0] for r in ROWS])
def test_fixests_models(formula, count, expected):
    found = models(formula)
    wanted = [" ".join(model.split()) for model in expected.split(";;")]
    assert len(found) == count
    if formula in REORDERED:
        assert found != wanted
        assert sorted(found) == sorted(wanted)
    else:
        assert found == wanted


def alternatives(text, macros=None, empty=1.0, columns=COLUMNS):
    trees = {name: parse(value) for name, value in (macros or {}).items()}
    return [write(node) for node in expand(parse(text), trees, columns, empty)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sw(a, b)", ["a", "b"]),
        ("sw0(a, b)", ["1", "a", "b"]),
        ("sw(, a)", ["1", "a"]),
        ("csw(a, b, c)", ["a", "a + b", "a + b + c"]),
        ("csw0(a, b)", ["1", "a", "a + b"]),
        ("csw(, a)", ["1", "a"]),
        ("+sw(a, b)", ["a", "b"]),
        ("mvsw(a, b, c)", ["1", "a", "b", "c", "a + b", "a + c", "b + c", "a + b + c"]),
        ("x + sw(a + b, c)", ["x + a + b", "x + c"]),
        ("sw(a, b) + x + sw0(c)", ["a + x", "a + x + c", "b + x", "b + x + c"]),
        ("sw(a, b) + sw(a, b)", ["a + a", "a + b", "b + a", "b + b"]),
        ("x:sw(a, b)", ["x:a", "x:b"]),
        ("(x + sw(a, b))^2", ["(x + a)^2", "(x + b)^2"]),
        ("x - a + sw(b, c)", ["x - a + b", "x - a + c"]),
        ("regex('^ind')", ["ind2 + ind3"]),
        ("x + ..('^ind')", ["x + ind2 + ind3"]),
        ("mvsw(regex('^ind'), a)", ["1", "ind2 + ind3", "a", "ind2 + ind3 + a"]),
        (
            "mvsw(each('^ind'), a)",
            ["1", "ind2", "ind3", "a", "ind2 + ind3", "ind2 + a", "ind3 + a", "ind2 + ind3 + a"],
        ),
        ("regex('^ind'):x", ["(ind2 + ind3):x"]),
        ("c(y, y2)", ["y", "y2"]),
        ("log(y)", ["log(y)"]),
        ("year %in% c(2010, 2012)", ["year %in% c(2010, 2012)"]),
        ("l(a, 1:2) + d(b, c(1, -3))", ["l(a, 1) + l(a, 2) + (d(b, 1) + d(b, -3))"]),
    ],
)
def test_alternatives(text, expected):
    assert alternatives(text) == expected
    assert expansion_size(parse(text), {}, COLUMNS) == len(expected)


def test_empty_fixed_effects_are_zero():
    assert alternatives("sw0(city_id, city_id + year)", empty=0.0) == ["0", "city_id", "city_id + year"]


def test_macros_hold_macros_patterns_and_operators():
    macros = {"economy": "a + I(a^2)", "all": "..economy + regex('^ln')", "any": "mvsw(b, c)"}
    assert alternatives("x + ..all", macros) == ["x + a + I(a^2) + ln_open + ln_pat"]
    assert alternatives("..economy:x", macros) == ["(a + I(a^2)):x"]
    assert alternatives("..any", macros) == ["1", "b", "c", "b + c"]
    assert alternatives("sw(..economy, b)", macros) == ["a + I(a^2)", "b"]


def test_what_comes_from_a_macro_stands_where_the_macro_stands():
    node = expand(parse("x + ..m:b"), {"m": parse("log(aaaaaaaaaaaaaaaaaaaaaaaaaa)")}, (), 1.0)[0]
    text = "x + ..m:b"
    assert text[node.right.left.span.start : node.right.left.span.stop] == "..m"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "macros", "message"),
    [
        ("..m", {}, "no macro `..m`"),
        ("..eco", {"economy": "a", "ecom": "b"}, "no macro `..eco`"),
        ("..a", {"a": "..a"}, "the macros go in a circle: ..a → ..a"),
        ("..a", {"a": "x + ..b", "b": "..c", "c": "..b"}, "the macros go in a circle: ..b → ..c → ..b"),
        ("regex('^zzz')", {}, "the pattern matches no column"),
        ("sw(a, sw(b, c))", {}, "stepwise operators cannot stand in each other"),
        ("sw(a, ..m)", {"m": "mvsw(b, c)"}, "stepwise operators cannot stand in each other"),
        ("log(sw(a, b))", {}, "`sw()` cannot stand inside this"),
        ("x - sw(a, b)", {}, "alternatives cannot be subtracted"),
        ("-sw(a, b)", {}, "alternatives cannot be subtracted"),
        ("x:sw0(a, b)", {}, "nothing can stand beside `:`"),
        (
            "mvsw(" + ", ".join(f"x{i}" for i in range(21)) + ")",
            {},
            "2,097,152 alternatives; the limit is 2,000,000",
        ),
        ("mvsw(" + ", ".join(f"x{i}" for i in range(90)) + ")", {}, "about 10^27 alternatives"),
        (
            "..m40",
            {f"m{i + 1}": f"..m{i} + ..m{i}" for i in range(40)} | {"m0": "a"},
            "too long an expression",
        ),
    ],
)
def test_what_cannot_be_expanded(text, macros, message):
    with pytest.raises(LanguageError) as caught:
        alternatives(text, macros)
    (problem,) = caught.value.problems
    assert message in problem.message
    assert 0 <= problem.span.start < problem.span.stop <= len(text)


def test_a_pattern_for_too_many_columns():
    with pytest.raises(LanguageError, match="matches 300 columns"):
        alternatives("regex('x')", columns=[f"x{i}" for i in range(300)])


def test_size_without_making_them():
    text = "mvsw(" + ", ".join(f"x{i}" for i in range(90)) + ") + sw(a, b)"
    assert expansion_size(parse(text), {}, ()) == 2**91


ARGUMENTS = st.lists(st.sampled_from(["a", "b", "c + d", "ind2", "log(a)", "a:b"]), min_size=1, max_size=4, unique=True)
OPERATORS = st.sampled_from(["sw", "sw0", "csw", "csw0", "mvsw"])
CALLS = st.lists(st.tuples(OPERATORS, ARGUMENTS), min_size=1, max_size=3)


def by_definition(operator, arguments):
    """The contract's table, in plain Python."""
    n = len(arguments)
    first = [()] if operator.endswith("0") else []
    if operator in ("sw", "sw0"):
        return first + [(a,) for a in arguments]
    if operator in ("csw", "csw0"):
        return first + [tuple(arguments[: k + 1]) for k in range(n)]
    return list(flattened.from_iterable(combinations(arguments, k) for k in range(n + 1)))


@settings(max_examples=examples(60))
@given(CALLS)
def test_the_contracts_table_and_its_product(calls):
    text = " + ".join(f"{operator}({', '.join(arguments)})" for operator, arguments in calls)
    expected = [()]
    for operator, arguments in calls:
        expected = [done + more for done in expected for more in by_definition(operator, arguments)]
    found = alternatives(text)
    assert found == [" + ".join(parts) or "1" for parts in expected]
    assert expansion_size(parse(text), {}, ()) == len(found)
    sets = expand_terms(parse(text), {}, ())
    written = [terms(parse(words)).written for words in found]
    assert [sets.set(i) for i in range(len(sets))] == written
    assert sets.labels() == [sets.label(i) for i in range(len(sets))]
    assert sets.labels() == [" + ".join(t.text for t in one) or "1" for one in written]


@pytest.mark.parametrize(
    "text",
    [
        "1",
        "a*b - a + sw(c, d)",
        "x + a - x + x",
        "x - a + mvsw(a, x)",
        "(a + sw(b, c))^2",
        "0 + sw(a, 1)",
        "sw(a, 0 + b)",
        "sw(a, b) - 1",
        "0 + sw(a, b) - 0",
    ],
)
def test_term_sets_equal_the_terms_of_trees(text):
    trees = [terms(node) for node in expand(parse(text), {}, COLUMNS, 1.0)]
    sets = expand_terms(parse(text), {}, COLUMNS)
    assert [[t.key for t in sets.set(i)] for i in range(len(sets))] == [[t.key for t in f.written] for f in trees]
    assert sets.intercept.tolist() == [f.intercept for f in trees]


def test_term_sets_of_a_million_alternatives():
    with within(5):
        sets = expand_terms(parse("z + mvsw(" + ", ".join(f"x{i}" for i in range(20)) + ")"), {}, ())
    assert len(sets) == 2**20
    assert len(sets.terms) == 21
    assert sets.start[-1] == len(sets.index) == 2**20 + 20 * 2**19
    assert sets.index.nbytes + sets.start.nbytes < 100e6
    assert [sets.label(i) for i in (0, 1, 21, 2**20 - 1)][:3] == ["z", "z + x0", "z + x0 + x1"]


def test_joined_term_sets_share_their_terms():
    parts = [expand_terms(parse(text), {}, ()) for text in ("sw(a:b, c)", "1", "mvsw(c, b:a)")]
    joined = join_term_sets(parts)
    assert [t.text for t in joined.terms] == ["a:b", "c"]
    assert joined.labels() == ["a:b", "c", "1", "1", "c", "a:b", "c + a:b"]
    assert np.array_equal(joined.start, [0, 1, 2, 2, 2, 3, 4, 6])
    assert len(join_term_sets([])) == 0
