"""Expressions against values worked out by hand, or by R 4.3 where the comment says so."""

import math

import numpy as np
import pytest
from frames_as_panels import bound, evaluate, panel_of, values
from specdid.panel import EvaluationError, Evaluator

NA = None
INF = math.inf
PANEL = panel_of(
    {
        "x": [1.0, -2.0, 0.0, NA, 4.0, 2.5],
        "y": [0.0, 3.0, NA, NA, 2.0, -1.0],
        "b": [True, False, NA, True, False, True],
        "city": ["Beijing", "Tianjin", NA, "Beijing", "Hefei", "Hefei"],
        "zone": ["Beijing", "Hefei", "Hefei", "Beijing", NA, "Hefei"],
        "year": [2010, 2011, 2012, 2013, 2014, 2015],
        "北京": [1, 1, 0, 0, 0, 1],
    }
)

VALUES = {
    "x": [1, -2, 0, NA, 4, 2.5],
    "北京": [1, 1, 0, 0, 0, 1],
    "b": [1, 0, NA, 1, 0, 1],
    "3": [3] * 6,
    "TRUE": [1] * 6,
    "NA": [NA] * 6,
    '"text"': ["text"] * 6,
    "-x": [-1, 2, 0, NA, -4, -2.5],
    "-x^2": [-1, -4, 0, NA, -16, -6.25],
    "x + y": [1, 1, NA, NA, 6, 1.5],
    "x - y - 1": [0, -6, NA, NA, 1, 2.5],
    "x * b": [1, 0, NA, NA, 0, 2.5],
    "x / y": [INF, -2 / 3, NA, NA, 2, -2.5],
    "0 / y": [NA, 0, NA, NA, 0, 0],
    "x %% 2": [1, 0, 0, NA, 0, 0.5],
    "-7 %% 3": [2] * 6,
    "-7 %/% 3": [-3] * 6,
    "7 %% -3": [-2] * 6,
    "7.5 %/% 2": [3] * 6,
    "5 %/% 0": [INF] * 6,
    "5 %% 0": [NA] * 6,
    "1^NA": [1] * 6,
    "NA^0": [1] * 6,
    "(-8)^(1/3)": [NA] * 6,
    "2^-1": [0.5] * 6,
    "x > 0": [1, 0, 0, NA, 1, 1],
    "x == NA": [NA] * 6,
    "x != 1": [0, 1, 1, NA, 1, 1],
    "year >= 2012 & year <= 2013": [0, 0, 1, 1, 0, 0],
    "!x": [0, 0, 1, NA, 0, 0],
    "!is.na(x) & x > 0": [1, 0, 0, 0, 1, 1],
    "is.na(city)": [0, 0, 1, 0, 0, 0],
    'city == "Hefei"': [0, 0, NA, 0, 1, 1],
    '"Hefei" != city': [1, 1, NA, 1, 0, 0],
    "city == zone": [1, 0, NA, 1, NA, 1],
    'city == "Nowhere"': [0, 0, NA, 0, 0, 0],
    "city == NA": [NA] * 6,
    "year %in% c(2010, 2013:2014)": [1, 0, 0, 1, 1, 0],
    "year %in% 2014:2012": [0, 0, 1, 1, 1, 0],
    "year %in% 2012": [0, 0, 1, 0, 0, 0],
    "x %in% -2:2": [1, 1, 1, 0, 0, 0],
    "x %in% c(1, NA)": [1, 0, 0, 1, 0, 0],
    "x %in% c(1)": [1, 0, 0, 0, 0, 0],
    "x %in% c()": [0] * 6,
    "x %in% y": [0, 0, 1, 1, 0, 0],
    'city %in% c("Beijing", "Hefei")': [1, 0, 0, 1, 1, 1],
    'city %in% c("Tianjin", NA)': [0, 1, 1, 0, 0, 0],
    "city %in% zone": [1, 0, 1, 1, 1, 1],
    "!(year %in% 2010:2013)": [0, 0, 0, 0, 1, 1],
    "ifelse(x > 0, 1, 0)": [1, 0, 0, NA, 1, 1],
    "ifelse(b, x, y)": [1, 3, NA, NA, 2, 2.5],
    'ifelse(x > 0, "up", city)': ["up", "Tianjin", NA, NA, "up", "up"],
    'ifelse(x > 0, "up", NA)': ["up", NA, NA, NA, "up", "up"],
    "pmin(x, y)": [0, -2, NA, NA, 2, -1],
    "pmax(x, y, 1)": [1, 3, NA, NA, 4, 2.5],
    "log(x)": [0, NA, NA, NA, math.log(4), math.log(2.5)],
    "log(x, 2)": [0, NA, NA, NA, 2, math.log2(2.5)],
    "log10(100)": [2] * 6,
    "log1p(x)": [math.log(2), NA, 0, NA, math.log(5), math.log(3.5)],
    "exp(y)": [1, math.exp(3), NA, NA, math.exp(2), math.exp(-1)],
    "sqrt(x)": [1, NA, 0, NA, 2, math.sqrt(2.5)],
    "abs(x)": [1, 2, 0, NA, 4, 2.5],
    "floor(-x)": [-1, 2, 0, NA, -4, -3],
    "asinh(x)": [math.asinh(1), math.asinh(-2), 0, NA, math.asinh(4), math.asinh(2.5)],
    "I(x^2)": [1, 4, 0, NA, 16, 6.25],
    "center(y)": [-1, 2, NA, NA, 1, -2],
    "scale(y)": [
        -1 / math.sqrt(10 / 3),
        2 / math.sqrt(10 / 3),
        NA,
        NA,
        1 / math.sqrt(10 / 3),
        -2 / math.sqrt(10 / 3),
    ],
    # R: quantile(c(1, -2, 0, 4, 2.5), c(.1, .9)) is -1.2 and 3.4
    "winsorize(x, 0.1)": [1, -1.2, 0, NA, 3.4, 2.5],
    "trim(x, 0.1)": [1, NA, 0, NA, NA, 2.5],
    # R: quantile(c(1, -2, 0, 4, 2.5), c(.2, .8), type = 2) is -1 and 3.25; Stata's _pctile and winsor2 have the same
    "winsorize(x, 0.2, type = 2)": [1, -1, 0, NA, 3.25, 2.5],
    "trim(x, 0.2, type = 2)": [1, NA, 0, NA, NA, 2.5],
    "winsorize(x, 0.1, type = 2)": [1, -2, 0, NA, 4, 2.5],
    "trim(x, 0)": [1, -2, 0, NA, 4, 2.5],
    "trim(x, 0.25)": [1, NA, 0, NA, NA, 2.5],
    "winsorize(x, 0)": [1, -2, 0, NA, 4, 2.5],
    "ave(x, city)": [1, -2, NA, 1, 3.25, 3.25],
    "ave(y, b)": [-0.5, 2.5, NA, -0.5, 2.5, -0.5],
}


@pytest.mark.parametrize("text", VALUES)
def test_values(text):
    expected = VALUES[text]
    found = values(PANEL, text)
    if any(isinstance(v, str) for v in expected):
        assert found == expected
    else:
        wanted = [math.nan if v is NA else v for v in expected]
        np.testing.assert_allclose([math.nan if v is NA else v for v in found], wanted, rtol=1e-14, atol=1e-15)


LOG0 = {
    "log(x)": [0, 1, 1, 0, 0, 0],
    "log(x / 2) + 1": [0, 1, 1, 0, 0, 0],
    "log1p(x)": [0, 1, 0, 0, 0, 0],
    "log(log(x))": [1, 1, 1, 0, 0, 0],
    "log(x) * y": [0, 1, 1, 0, 0, 0],
    "y + log(x)": [0, 1, 1, 0, 0, 0],
    "ifelse(x > 0, log(x), 0)": [0] * 6,
    "ifelse(year > 2011, y, log(x))": [0, 1, 0, 0, 0, 0],
    "is.na(log(x))": [0] * 6,
    "log(x) > 0 | TRUE": [0] * 6,
    "log(x) > 0": [0, 1, 1, 0, 0, 0],
    "pmax(log(x), 1)": [0, 1, 1, 0, 0, 0],
    "center(log(x))": [0, 1, 1, 0, 0, 0],
    "sqrt(x)": [0] * 6,
    "x": [0] * 6,
}


@pytest.mark.parametrize("text", LOG0)
def test_missing_logs_are_marked(text):
    column = evaluate(PANEL, text)
    mask = np.zeros(6, bool) if column.log0 is None else column.log0
    assert mask.astype(int).tolist() == LOG0[text]
    assert not (mask & ~np.isnan(column.numbers)).any()


ERRORS = {
    "city + 1": ("column_type", "`city` is text, not numeric", "city"),
    "-city": ("column_type", "`city` is text", "city"),
    "log(city)": ("column_type", "`city` is text", "city"),
    "city == 1": ("column_type", "`city` is text and `1` is numeric", "city == 1"),
    'year == "2012"': ("column_type", '`"2012"` is text and `year` is numeric', 'year == "2012"'),
    "city %in% c(1, 2)": ("column_type", "`city` is text and `1` is numeric", "city %in% c(1, 2)"),
    'year %in% c(2010, "x")': (
        "column_type",
        '`"x"` is text and `year` is numeric',
        'year %in% c(2010, "x")',
    ),
    "city %in% 1:3": ("column_type", "`city` is text", "city %in% 1:3"),
    'city < "B"': ("column_type", "texts have no order", 'city < "B"'),
    "ifelse(x > 0, city, 1)": (
        "column_type",
        "text in one case and numbers in the other",
        "ifelse(x > 0, city, 1)",
    ),
    "winsorize(x, 0.5)": ("arguments", "below 0.5", "0.5"),
    "winsorize(x, y)": ("not_constant", "one number", "y"),
    "x %in% 1:y": ("not_constant", "the end of a range", "y"),
    "l(x, 1)": ("no_unit", "`l` needs the unit and time of the panel", "l(x, 1)"),
    "at(x, year == 2011)": ("no_unit", "`at` needs the unit", "at(x, year == 2011)"),
    "x:y": ("column_type", "an interaction stands among the terms", "x:y"),
    "1:3 + x": ("column_type", "`:` makes a range only after", "1:3"),
    "c(1, 2)": ("column_type", "`c()` gives no values", "c(1, 2)"),
    "poly(x, 2) + 1": ("column_type", "`poly()`", "poly(x, 2)"),
    "log(..economy)": ("wrong_place", "stands for terms", "..economy"),
}


@pytest.mark.parametrize("text", ERRORS)
def test_errors_say_what_and_where(text):
    code, message, marked = ERRORS[text]
    with pytest.raises(EvaluationError) as caught:
        evaluate(PANEL, text)
    problem = caught.value.problem
    assert problem.code == code
    assert message in problem.message
    assert text[problem.span.start : problem.span.stop] == marked
    assert caught.value.within == ()


def test_an_error_in_a_derived_column_names_it():
    with pytest.raises(EvaluationError) as caught:
        evaluate(PANEL, "outer + 1", inner="1 + city", outer="inner * 2")
    assert caught.value.within == ("outer", "inner")
    assert caught.value.problem.span.start == 4


def test_text_in_arithmetic_shows_what_the_column_holds():
    with pytest.raises(EvaluationError) as caught:
        evaluate(PANEL, "city * 2")
    assert "“Beijing”, “Hefei”, “Tianjin”" in caught.value.problem.help


def test_a_derived_name_in_its_own_definition_is_the_old_value():
    assert values(PANEL, "y", y="y + 1") == [1, 4, NA, NA, 3, 0]


def test_equal_content_is_evaluated_once():
    evaluator = Evaluator(PANEL)
    direct = evaluator.column(bound(PANEL, "log( x )"))
    assert evaluator.column(bound(PANEL, "lx", lx="log(x)")) is direct


def test_results_are_read_only():
    column = evaluate(PANEL, "x + 1")
    with pytest.raises(ValueError, match="read-only"):
        column.numbers[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        PANEL.columns["x"].numbers[0] = 1


def test_a_condition_that_is_na_is_false():
    assert Evaluator(PANEL).condition(bound(PANEL, "x > 0")).tolist() == [
        True,
        False,
        False,
        False,
        True,
        True,
    ]


def test_a_condition_of_text_is_an_error():
    with pytest.raises(EvaluationError, match="`city` is text"):
        Evaluator(PANEL).condition(bound(PANEL, "city"))


def test_joint_codes_are_sorted_and_skip_missing():
    codes = Evaluator(PANEL).codes((bound(PANEL, "city"), bound(PANEL, "b")))
    # (Beijing, TRUE), (Tianjin, FALSE), missing, (Beijing, TRUE), (Hefei, FALSE), (Hefei, TRUE)
    assert codes.tolist() == [0, 3, -1, 0, 1, 2]


def test_definitions_as_deep_as_the_language_allows():
    derived = {"v0": "x"} | {f"v{i}": f"{'abs(' * 14}v{i - 1}{')' * 14}" for i in range(1, 17)}
    assert values(PANEL, "v16", **derived) == [1, 2, 0, NA, 4, 2.5]
    aliases = {"v0": "x"} | {f"v{i}": f"I(v{i - 1})" for i in range(1, 120)}
    assert values(PANEL, "v119", **aliases) == [1, -2, 0, NA, 4, 2.5]


def test_a_long_chain_does_not_recurse():
    assert values(PANEL, " + ".join(["北京"] * 240))[0] == 240
