"""Columns of regressor terms: labels as R and fixest spell them, values by hand."""

import numpy as np
import pytest
from frames_as_panels import bound, panel_of
from specdid.panel import EvaluationError, Evaluator

PANEL = panel_of(
    {
        "id": [1, 1, 1, 2, 2, 2],
        "year": [2010, 2011, 2012, 2010, 2011, 2012],
        "x": [1.0, 2.0, 4.0, 3.0, 0.0, None],
        "zone": ["west", "west", "east", "east", None, "mid"],
        "one": ["a"] * 6,
    },
    "id",
    "year",
)
NAN = np.nan


def term(*factors):
    columns = Evaluator(PANEL).term(tuple(bound(PANEL, f) for f in factors))
    return {c.label: c.numbers.tolist() for c in columns}


def test_products_of_numbers():
    np.testing.assert_equal(term("x", "year > 2010"), {"x:year > 2010": [0, 2, 4, 0, 0, NAN]})


def test_a_factor_loses_its_first_level():
    assert term("factor(year)") == {
        "factor(year)2011": [0, 1, 0, 0, 1, 0],
        "factor(year)2012": [0, 0, 1, 0, 0, 1],
    }


def test_text_is_a_factor_and_a_missing_level_is_missing():
    np.testing.assert_equal(term("zone"), {"zonemid": [0, 0, 0, 0, NAN, 1], "zonewest": [1, 1, 0, 0, NAN, 0]})


def test_an_interacted_factor_keeps_all_levels():
    assert list(term("factor(year)", "x")) == [
        "factor(year)2010:x",
        "factor(year)2011:x",
        "factor(year)2012:x",
    ]


def test_the_first_factor_varies_fastest():
    assert list(term("zone", "factor(id)")) == [
        "zoneeast:factor(id)1",
        "zonemid:factor(id)1",
        "zonewest:factor(id)1",
        "zoneeast:factor(id)2",
        "zonemid:factor(id)2",
        "zonewest:factor(id)2",
    ]


def test_a_factor_of_one_level_has_no_column():
    assert term("one") == {}


def test_i_of_a_factor():
    assert list(term("i(year)")) == ["year::2011", "year::2012"]
    assert list(term("i(year, ref = 2011)")) == ["year::2010", "year::2012"]
    assert list(term("i(year, ref = c(2010, 2012))")) == ["year::2011"]


def test_i_with_a_variable_keeps_all_levels_but_the_reference():
    np.testing.assert_equal(
        term("i(year, x, ref = 2011)"),
        {"year::2010:x": [1, 0, 0, 3, 0, NAN], "year::2012:x": [0, 0, 4, 0, 0, NAN]},
    )
    assert len(term("i(year, x)")) == 3


def test_i_with_a_factor():
    assert list(term('i(zone, factor(id), ref = "east")')) == [
        "zone::mid:id::1",
        "zone::west:id::1",
        "zone::mid:id::2",
        "zone::west:id::2",
    ]


def test_poly_is_orthonormal_over_the_rows_that_are_known():
    columns = term("poly(x, 2)")
    assert list(columns) == ["poly(x, 2)1", "poly(x, 2)2"]
    basis = np.column_stack(list(columns.values()))
    assert np.isnan(basis[5]).all()
    np.testing.assert_allclose(basis[:5].T @ basis[:5], np.eye(2), atol=1e-14)
    # R 4.3: poly(c(1, 2, 4, 3, 0), 2)
    np.testing.assert_allclose(basis[:3, 0], [-0.3162277660, 0, 0.6324555320], atol=1e-10)
    np.testing.assert_allclose(basis[:3, 1], [-0.2672612419, -0.5345224838, 0.5345224838], atol=1e-10)


def test_raw_poly_is_powers():
    np.testing.assert_equal(
        term("poly(x, 2, raw = TRUE)"),
        {"poly(x, 2, raw = TRUE)1": [1, 2, 4, 3, 0, NAN], "poly(x, 2, raw = TRUE)2": [1, 4, 16, 9, 0, NAN]},
    )


def test_several_lags_are_several_columns():
    np.testing.assert_equal(term("l(x, 0:1)"), {"l(x, 0)": [1, 2, 4, 3, 0, NAN], "l(x, 1)": [NAN, 1, 2, NAN, 3, 0]})
    assert list(term("f(x, c(1, -1))")) == ["f(x, 1)", "f(x, -1)"]
    assert list(term("l(x)")) == ["l(x)"]


def test_a_term_keeps_the_mark_of_a_missing_log():
    (column,) = Evaluator(PANEL).term((bound(PANEL, "year"), bound(PANEL, "log(x)")))
    assert column.log0.tolist() == [False, False, False, False, True, False]


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("i(year, ref = 1999)", "no_level", "`year` has no level 1999"),
        ('i(year, ref = "2011")', "column_type", "is text and `year` is numeric"),
        ('i(zone, ref = "north")', "no_level", "`zone` has no level"),
        ("i(year, keep = 1990:1999)", "no_level", "`year` has no level 1990:1999"),
        ("i(year, ref = 2011, keep = 2011)", "no_level", "`keep` holds nothing but the reference"),
        ('i(zone, bin = list(a = c("est", "mid")))', "no_level", '`zone` has no level "est"'),
        ("poly(x, 5)", "arguments", "from 1 to 4"),
        ("poly(zone, 2)", "column_type", "`zone` is text"),
        ("l(x, 0:100000)", "arguments", "too many lags"),
    ],
)
def test_errors(text, code, words):
    with pytest.raises(EvaluationError, match=words) as caught:
        term(text)
    assert caught.value.problem.code == code


def test_too_many_levels_belong_in_the_fixed_effects():
    panel = panel_of({"firm": list(range(1500))})
    with pytest.raises(EvaluationError, match="1,500 levels"):
        Evaluator(panel).term((bound(panel, "factor(firm)"),))
