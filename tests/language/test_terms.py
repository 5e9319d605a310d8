"""Term algebra against R's terms() and, as a second opinion, formulaic."""

import csv
from pathlib import Path

import pytest
from formulaic.parser import DefaultFormulaParser
from hypothesis import assume, given
from hypothesis import strategies as st
from specdid.language import LanguageError, effects, formula_parts, parse, terms, write
from specdid.language.tree import Unary

REFERENCE = Path(__file__).parents[1] / "reference" / "r_terms.csv"
with REFERENCE.open(encoding="utf-8", newline="") as file:
    ROWS = [(r["formula"], r["terms"], r["intercept"] == "1") for r in csv.DictReader(file)]

OTHERWISE = {"~a^2": ("I(a^2)", "DESIGN 2: x^2 for a column is I(x^2); R gives a, which nobody means")}


def texts(text):
    return [term.text for term in terms(parse(text)).terms]


def test_all_30_are_here():
    assert len(ROWS) == 30


@pytest.mark.parametrize(("formula", "expected", "intercept"), ROWS, ids=[r[0] for r in ROWS])
def test_rs_terms(formula, expected, intercept):
    node = parse(formula)
    assert isinstance(node, Unary)
    found = terms(node.operand)
    assert " + ".join(t.text for t in found.terms) == OTHERWISE.get(formula, (expected,))[0]
    assert found.intercept == intercept


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b + b:a", ["a", "b", "a:b"]),
        ("b:a + a", ["a", "b:a"]),
        ("(a + b) / c", ["a", "b", "a:b:c"]),
        ("(a + b) %in% c", ["a:c", "b:c"]),
        ("a:(b + c)", ["a:b", "a:c"]),
        ("a - b + b", ["a", "b"]),
        ("a + b - (a + c)", ["b"]),
        ("(a:b)^2", ["a:b"]),
        ("log(x)^2", ["I(log(x)^2)"]),
        ("x^1 + factor(f)^2", ["x", "factor(f)"]),
        ("x^0.5 + x^-1", ["I(x^0.5)", "I(x^-1)"]),
        ("x^2:b", ["I(x^2):b"]),
        ("a %% 2 + !b", ["a %% 2", "(!b)"]),
        ("pilot:(year>=2012)", ["pilot:(year >= 2012)"]),
        ("pilot:(batch %in% c(1, 2))", ["pilot:(batch %in% c(1, 2))"]),
        ("x %in% 1:3", ["x %in% 1:3"]),
        ("i(f, x, ref=1):b", ["i(f, x, ref = 1):b"]),
        ("`a b`:`c`", ["`a b`:c"]),
    ],
)
def test_rules_beyond_the_reference(text, expected):
    assert texts(text) == expected


def test_written_order_is_kept_beside_rs():
    found = terms(parse("a:b + c + a"))
    assert [t.text for t in found.terms] == ["c", "a", "a:b"]
    assert [t.text for t in found.written] == ["a:b", "c", "a"]


@pytest.mark.parametrize("text", ["x - 1", "0 + x", "x + 0", "-1 + x", "x - 1 + 0"])
def test_no_intercept(text):
    assert not terms(parse(text)).intercept
    assert [t.text for t in terms(parse(text)).terms] == ["x"]


@pytest.mark.parametrize("text", ["a + 2", "2:a", "a + 'b'", "a + ..m", "sw(a, b)", "a ~ b", "c(a, b)", "a[b]"])
def test_what_is_no_term(text):
    with pytest.raises(LanguageError) as caught:
        terms(parse(text))
    problem = caught.value.problems[0]
    assert problem.code == "wrong_place"
    assert text[problem.span.start : problem.span.stop] in text


def test_terms_that_would_explode_are_refused():
    many = " + ".join(f"x{i}" for i in range(150))
    with pytest.raises(LanguageError, match="more than 10,000 terms"):
        terms(parse(f"({many})^10"))


NAMES = st.sampled_from(["a", "b", "c", "d"])
FORMULAS = st.recursive(
    NAMES,
    lambda inner: st.tuples(inner, st.sampled_from(["+", "*", ":", "-", "/"]), inner).map(
        lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
    ),
    max_leaves=6,
)


@given(FORMULAS)
def test_formulaic_has_the_same_terms(text):
    # formulaic nests within what a difference leaves (and fails where that is nothing), R within all it mentions
    assume(not ("-" in text and "/" in text))
    second = DefaultFormulaParser(include_intercept=False).get_terms(text)
    opinion = {frozenset(str(f) for f in term.factors) for term in second}
    found = terms(parse(text))
    assert {frozenset(write(f) for f in t.factors) for t in found.terms} == opinion


@given(FORMULAS)
def test_terms_are_distinct_and_read_back(text):
    found = terms(parse(text)).terms
    assert len({t.key for t in found}) == len(found)
    if found:
        again = terms(parse(" + ".join(t.text for t in found))).terms
        assert [t.key for t in again] == [t.key for t in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", []),
        ("1", []),
        ("city_id + year", ["city_id", "year"]),
        ("a + b + a", ["a", "b"]),
        ("province^year + city_id", ["province^year", "city_id"]),
        ("a^b^c", ["a^b^c"]),
        ("city_id[year]", ["city_id[year]"]),
        ("city_id[[year]]", ["city_id[[year]]"]),
        ("(a^b)[x][z]", ["(a^b)[x][z]"]),
        ("floor(year / 5)^a", ["floor(year / 5)^a"]),
    ],
)
def test_effects(text, expected):
    found = effects(parse(text))
    assert [e.text for e in found] == expected
    assert effects(parse(" + ".join(expected) or "0")) == found


def test_parts_of_effects():
    (found,) = effects(parse("(a^b)[[x]]"))
    assert found.slopes_only
    assert [write(f) for f in found.factors] == ["a", "b"]
    assert [write(s) for s in found.slopes] == ["x"]


@pytest.mark.parametrize("text", ["a:b", "a*b", "a - b", "a[x][[z]]", "a + 2", "a[1]", "factor(a)", "'a'", "a > 1"])
def test_what_is_no_effect(text):
    with pytest.raises(LanguageError) as caught:
        effects(parse(text))
    assert caught.value.problems[0].code == "wrong_place"


def test_formula_parts():
    parts = formula_parts(parse("c(y1, log(y2)) ~ x + z | f1 + f2"))
    assert [write(o) for o in parts.outcomes] == ["y1", "log(y2)"]
    assert write(parts.right) == "x + z"
    assert parts.effects is not None
    assert write(parts.effects) == "f1 + f2"
    assert formula_parts(parse("y1 + y2 ~ x")).outcomes == (parse("y1 + y2"),)
    assert formula_parts(parse("y ~ x")).effects is None
