"""Times that are whole numbers and yet no sensible periods."""

import numpy as np
import polars as pl
import pytest
import specdid
from small_studies import small_panel, small_study

DATA = small_panel()
YEAR = DATA["year"].to_numpy()


def found(year, **study):
    spec = small_study(treatment={"d": "d"})
    spec["study"] |= study
    return list(specdid.check(spec, DATA.with_columns(year=pl.Series(year))))


def but_for(value, row=5):
    return np.where(np.arange(len(YEAR)) == row, value, YEAR)


@pytest.mark.parametrize(
    ("value", "severity", "words"),
    [
        (20_051_231, "error", "`year` is 20051231 in row 6 of the data frame, 20,049,224 steps after the last of "),
        (99, "error", "1,902 steps before the first of the others, 2001"),
        (20_005, "error", "17,998 steps after"),
        (1905, "warning", "96 steps before"),
    ],
)
def test_one_year_far_from_the_others(value, severity, words):
    (fault,) = found(but_for(value))
    assert (fault.code, fault.severity) == ("time_outlier", severity)
    assert words in fault.message


def test_the_other_faults_are_found_beside_it():
    spec = small_study(treatment={"d": "d"}, controls={"n": "nope"})
    faults = specdid.check(spec, DATA.with_columns(year=pl.Series(but_for(20_051_231)))).errors
    assert {f.code for f in faults} == {"time_outlier", "no_column"}


@pytest.mark.parametrize("year", [YEAR, YEAR * 10, (YEAR - 2000) ** 2 + 1900, np.where(YEAR > 2003, YEAR + 60, YEAR)])
def test_gaps_that_a_panel_may_have(year):
    assert found(year) == []


@pytest.mark.parametrize(
    ("year", "step"),
    [
        (200_100 + YEAR - 2000 + 96 * (YEAR > 2004), "month"),
        (20_011_228 + YEAR - 2001 + 8869 * (YEAR > 2004), "day"),
        (200_100 + 7 * (YEAR - 2000) + 80 * (YEAR > 2004), "week"),
    ],
)
def test_dates_without_their_step(year, step):
    (fault,) = found(year)
    assert (fault.code, fault.severity) == ("time_without_step", "warning")
    assert fault.help == f'write step = "{step}" in [study]'
    assert found(year, step=step) == []


@pytest.mark.parametrize("size", [1e300, 1e17])
def test_times_that_no_integer_holds(size):
    (fault,) = found(YEAR * size)
    assert fault.code == "time_span"
