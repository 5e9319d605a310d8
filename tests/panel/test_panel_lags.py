"""Lags, `at` and `first` along units and periods: gaps, unsorted rows, months."""

import math

import numpy as np
import pytest
from examples import examples
from frames_as_panels import as_given, evaluate, faults_of, panel_of, values
from hypothesis import given, settings
from hypothesis import strategies as st
from specdid.panel import EvaluationError, StepError, period_numbers

NA = None
# unit 1 lacks 2012; rows are not sorted; units are not numbered from 0
GAPS = panel_of(
    {
        "id": [7, 1, 1, 7, 1, 7],
        "year": [2011, 2013, 2010, 2010, 2011, 2012],
        "x": [71.0, 13.0, 10.0, 70.0, 0.0, NA],
        "town": ["b", "a", "a", "b", NA, "b"],
    },
    "id",
    "year",
)
EXPECTED = {
    "l(x)": [70, NA, NA, NA, 10, 71],
    "l(x, 1)": [70, NA, NA, NA, 10, 71],
    "l(x, 2)": [NA, 0, NA, NA, NA, 70],
    "l(x, 0)": [71, 13, 10, 70, 0, NA],
    "l(x, -1)": [NA, NA, 0, 71, NA, NA],
    "f(x)": [NA, NA, 0, 71, NA, NA],
    "f(x, 2)": [NA, NA, NA, NA, 13, NA],
    "d(x)": [1, NA, NA, NA, -10, NA],
    "d(x, 2)": [NA, 13, NA, NA, NA, NA],
    "l(l(x))": [NA, NA, NA, NA, NA, 70],
    "l(x, 1e9)": [NA] * 6,
    "l(town)": ["b", NA, NA, NA, "a", "b"],
    "at(x, year == 2010)": [70, 10, 10, 70, 10, 70],
    "at(x, year == 2012)": [NA] * 6,
    "at(town, year == 2010)": ["b", "a", "a", "b", "a", "b"],
    "at(id, TRUE)": [7, 1, 1, 7, 1, 7],
    "first(x > 12)": [2010, 2013, 2013, 2010, 2013, 2010],
    "first(x > 100)": [math.inf] * 6,
    "first(x == 0)": [math.inf, 2011, 2011, math.inf, 2011, math.inf],
    "first(is.na(x))": [2012, math.inf, math.inf, 2012, math.inf, 2012],
    "first(NA)": [NA] * 6,
    "year >= first(x == 0)": [0, 1, 0, 0, 1, 0],
}


@pytest.mark.parametrize("text", EXPECTED)
def test_along_the_panel(text):
    assert values(GAPS, text) == EXPECTED[text]


def test_a_lagged_log_keeps_its_mark():
    mask = evaluate(GAPS, "l(log(x), 2)").log0
    assert as_given(GAPS, mask).tolist() == [False, True, False, False, False, False]


def test_at_with_several_values_names_the_unit():
    with pytest.raises(EvaluationError, match="id 1 has more than one"):
        evaluate(GAPS, "at(x, year != 2012)")


def test_lags_need_whole_periods():
    with pytest.raises(EvaluationError, match="whole periods"):
        evaluate(GAPS, "l(x, 0.5)")


def test_months_follow_the_calendar():
    panel = panel_of({"id": [1, 1, 1], "m": [201212, 201301, 201303], "x": [1.0, 2.0, 3.0]}, "id", "m", "month")
    assert panel.periods.tolist() == [24155, 24156, 24158]
    assert values(panel, "l(x)") == [NA, 1, NA]
    assert values(panel, "l(x, 2)") == [NA, NA, 2]
    assert values(panel, "first(x > 1)") == [201301] * 3


def test_without_a_step_months_are_plain_numbers():
    panel = panel_of({"id": [1, 1], "m": [201212, 201301], "x": [1.0, 2.0]}, "id", "m")
    assert values(panel, "l(x)") == [NA, NA]


STEPS = [
    (None, [2012, 2013], 1),
    ("year", [2012, 2013], 1),
    ("half", [20122, 20131], 1),
    ("quarter", [20124, 20131], 1),
    ("quarter", [201204, 201301], 1),
    ("quarter", [198704, 198802], 2),
    ("half", [201202, 201301], 1),
    ("month", [201212, 201301], 1),
    ("week", [202052, 202053], 1),
    ("week", [202053, 202101], 1),
    ("day", [20120228, 20120229], 1),
    ("day", [20121231, 20130101], 1),
    ("5", [1990, 1995], 1),
    ("0.25", [2012.75, 2013.0], 1),
]


@pytest.mark.parametrize(("step", "times", "apart"), STEPS)
def test_steps(step, times, apart):
    first, second = period_numbers(np.array(times, float), step)
    assert second - first == apart


@pytest.mark.parametrize(
    ("step", "value"),
    [
        ("month", 201213),
        ("month", 201200),
        ("quarter", 20125),
        ("quarter", 198705),
        ("quarter", 9904),
        ("quarter", 1987004),
        ("half", 201203),
        ("month", 20120101),
        ("month", 9912),
        ("week", 9912),
        ("day", 201212),
        ("week", 202153),
        ("day", 20130229),
        ("day", 1e300),
        (None, 2012.5),
        ("5", 1991),
    ],
)
def test_values_that_are_no_period(step, value):
    with pytest.raises(StepError) as caught:
        period_numbers(np.array([value]), step)
    assert caught.value.examples.tolist() == [value]


def test_never_treated_is_not_a_period():
    panel = panel_of({"id": [1, 1], "m": [201212, 201301]}, "id", "m", "month")
    periods = panel.to_periods(np.array([201301, np.inf, np.nan, 999999]))
    np.testing.assert_equal(periods, [24156, np.inf, np.nan, np.inf])
    with pytest.raises(StepError):
        panel.to_periods(np.array([201213]))


def test_panels_every_five_years_begin_in_any_year():
    panel = panel_of({"id": [1, 1, 1], "t": [1987, 1992, 1997], "x": [1.0, 2.0, 3.0]}, "id", "t", "5")
    assert np.diff(panel.periods).tolist() == [1, 1]
    assert panel.to_periods(np.array([1992.0])) - panel.periods[0] == 1
    with pytest.raises(StepError, match="no multiple of 5 from 1987"):
        panel.to_periods(np.array([1990.0]))
    (fault,) = faults_of({"id": [1, 1], "t": [1987, 1990]}, "id", "t", "5")
    assert "1990, which is no multiple of 5 from 1987" in fault.message


def test_what_is_no_quarter_is_told_how_a_quarter_is_written():
    (fault,) = faults_of({"id": [1, 1], "q": [198712, 198801]}, "id", "q", "quarter")
    assert fault.message == "`q` holds 198712, which is no quarter, as in 20124 or 201204"
    assert fault.help == 'write step = "month" in [study]'


def test_a_month_that_does_not_exist_is_a_fault():
    (fault,) = faults_of({"id": [1, 1], "m": [201212, 201213]}, "id", "m", "month")
    assert fault.code == "bad_time"
    assert "`m` holds 201213, which is no month, as in 201212" in fault.message


@settings(max_examples=examples(60))
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(-3, 4)), min_size=1, max_size=20, unique=True),
    st.integers(-3, 3),
)
def test_lags_agree_with_a_look_up(rows, shift):
    x = {row: float(i) for i, row in enumerate(rows)}
    panel = panel_of({"id": [u for u, _ in rows], "t": [t for _, t in rows], "x": list(x.values())}, "id", "t")
    expected = [x.get((u, t - shift)) for u, t in rows]
    assert values(panel, f"l(x, {shift})") == expected
