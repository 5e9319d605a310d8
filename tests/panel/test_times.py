"""Times that are whole numbers and yet no sensible periods."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
import specdid
from small_studies import small_panel, small_study
from specdid._words import speaking, told
from specdid.panel.times import calendar_of

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
        (
            20_051_231,
            "error",
            "`year` is 20051231 in data row 6 of the data frame, 20,049,224 steps after the last of ",
        ),
        (99, "error", "1,902 steps before the first of the others, 2001"),
        (20_005, "error", "17,998 steps after"),
        (1905, "warning", "96 steps before"),
    ],
)
def test_one_year_far_from_the_others(value, severity, words):
    fault = found(but_for(value))[0]  # with another year a unit may also lose a treated row: that is said, too
    assert (fault.code, fault.severity) == ("time_outlier", severity)
    assert words in fault.message


def test_the_other_faults_are_found_beside_it():
    spec = small_study(treatment={"d": "d"}, controls={"n": "nope"})
    faults = specdid.check(spec, DATA.with_columns(year=pl.Series(but_for(20_051_231)))).errors
    assert {f.code for f in faults} == {"time_outlier", "no_column"}


GAPS = [
    (YEAR * 10, "are 10 apart (20010, 20020)", 'write step = "10" in [study]'),
    (1985 + 5 * (YEAR > 2003), "are 5 apart (1985, 1990)", 'write step = "5" in [study]'),
    ((YEAR - 2000) ** 2 + 1900, "has gaps: 42 periods are in no row (after 1901 comes 1904)", "number its periods in"),
    (np.where(YEAR > 2003, YEAR + 1, YEAR), "1 period is in no row (after 2003 comes 2005)", "number its periods in"),
    (np.where(YEAR > 2003, YEAR + 60, YEAR), "has gaps: 60 periods are in no row (after 2003 comes 2064)", "number"),
]


@pytest.mark.parametrize(("year", "words", "advice"), GAPS)
def test_gaps_common_to_all_units_are_warned_of(year, words, advice):
    data = DATA.with_columns(year=pl.Series(year)).unique(["id", "year"], keep="first", maintain_order=True)
    assert list(specdid.check(small_study(treatment={"d": "d"}), data)) == []  # where nothing counts periods
    spec = small_study(treatment={"d": "d"}, controls={"lag": "l(x1, 1)"})
    (fault,) = (f for f in specdid.check(spec, data) if f.code != "over_gaps")
    assert (fault.code, fault.severity) == ("time_gaps", "warning")
    assert words in fault.message
    assert advice in fault.help
    if "write step" in advice:
        spec["study"]["step"] = advice.split('"')[1]
        assert list(specdid.check(spec, data)) == []


DATES = [
    ("tc", "D", "are a day apart (2010-01-01, 2010-01-02)", 'write step = "86400000" in [study] (a day)'),
    ("td", "7D", "are a week apart (2010-01-01, 2010-01-08)", 'write step = "7" in [study] (a week)'),
    ("tc", "6h", "6 hours apart (2010-01-01, 2010-01-01T06:00)", 'write step = "21600000" in [study] (6 hours)'),
    ("tm", "QS", "are a quarter apart (600, 603)", 'write step = "3" in [study] (a quarter)'),
    (
        "tc",
        "YS",
        "periods of a day are in no row (after 2010-01-01 comes 2011-01-01)",
        "these are years, number them in",
    ),
    (
        "td",
        "MS",
        "periods of a day are in no row (after 2010-01-01 comes 2010-02-01)",
        "these are months, number them in",
    ),
]


@pytest.mark.parametrize(("format_", "every", "words", "advice"), DATES)
def test_gaps_of_dates_of_stata_are_told_as_dates(tmp_path, format_, every, words, advice):
    """A day of %tc is 86400000, which nobody reads."""
    dates = pd.date_range("2010-01-01", periods=DATA["year"].n_unique(), freq=every)
    frame = DATA.to_pandas()
    frame["year"] = dates[frame["year"] - frame["year"].min()]
    frame.to_stata(tmp_path / "d.dta", write_index=False, convert_dates={"year": format_})
    spec = small_study(treatment={"d": "d"}, controls={"lag": "l(x1, 1)"})
    spec["study"]["data"] = str(tmp_path / "d.dta")
    (fault,) = (f for f in specdid.check(spec) if f.code == "time_gaps")
    assert words in fault.message
    assert advice in fault.help
    with speaking("zh"):
        assert not re.search("[A-Za-z]{3,}", told(fault.message).replace("year", ""))
    if "write step" in advice:
        spec["study"]["step"] = advice.split('"')[1]
        assert "time_gaps" not in {f.code for f in specdid.check(spec)}


def test_no_gap_is_no_warning():
    assert found(YEAR) == []


@pytest.mark.parametrize(
    ("year", "step"),
    [
        (200_100 + YEAR - 2000 + 96 * (YEAR > 2004), "quarter"),
        (200_100 + YEAR - 2000 + 2 + 94 * (YEAR > 2004), "month"),
        (20_010 + YEAR - 2000 + 6 * (YEAR > 2004), "quarter"),
        (4 + 100 * YEAR, "100"),
        (20_011_228 + YEAR - 2001 + 8869 * (YEAR > 2004), "day"),
        (200_100 + 7 * (YEAR - 2000) + 80 * (YEAR > 2004), "week"),
    ],
)
def test_dates_without_their_step(year, step):
    (fault,) = found(year)
    assert (fault.code, fault.severity) == ("time_without_step", "warning")
    assert fault.help == f'write step = "{step}" in [study]'
    assert "time_without_step" not in {f.code for f in found(year, step=step)}


@pytest.mark.parametrize(
    ("every", "advice"),
    [
        ("7D", '201949 for “20191203”, 201950 for “20191210” and so on (weeks as ISO counts them), with step = "week"'),
        ("MS", '201912 for “20191201”, 202001 for “20200101” and so on, with step = "month"'),
    ],
)
def test_dates_whole_weeks_or_months_apart_are_numbered_by_these(every, advice):
    start = "2019-12-03" if every == "7D" else "2019-12-01"
    dates = pd.date_range(start, periods=DATA["year"].n_unique(), freq=every)
    days = np.array([int(d.strftime("%Y%m%d")) for d in dates])[YEAR - YEAR.min()]
    (fault,) = found(days)
    assert (fault.code, fault.severity) == ("time_without_step", "warning")
    assert advice in fault.help
    spec = small_study(treatment={"d": "d"}, controls={"lag": "l(x1, 1)"})
    spec["study"]["step"] = "day"
    gaps = [f for f in specdid.check(spec, DATA.with_columns(year=pl.Series(days))) if f.code == "time_gaps"]
    assert advice in gaps[0].help
    calendar = dates.isocalendar()
    weeks = (calendar["year"] * 100 + calendar["week"]).to_numpy() if every == "7D" else None
    numbered = weeks if weeks is not None else np.array([d.year * 100 + d.month for d in dates])
    spec["study"]["step"] = "week" if every == "7D" else "month"
    taken = DATA.with_columns(year=pl.Series(numbered[YEAR - YEAR.min()].astype(int)))
    assert {f.code for f in specdid.check(spec, taken)}.isdisjoint({"time_gaps", "time_without_step", "bad_time"})


@pytest.mark.parametrize("size", [1e300, 1e17])
def test_times_that_no_integer_holds(size):
    (fault,) = found(YEAR * size)
    assert fault.code == "bad_time"


def test_quarters_that_are_called_months():
    quarters = DATA.with_columns(year=pl.Series(200_100 + YEAR - 2000 + 96 * (YEAR > 2004)))
    spec = small_study(treatment={"d": "d"}, controls={"ahead": "f(x1, 1)"})
    spec["study"]["step"] = "month"
    (fault,) = (f for f in specdid.check(spec, quarters) if f.code not in ("over_gaps", "later_values"))
    assert (fault.code, fault.help) == ("time_gaps", 'where these are quarters, write step = "quarter" in [study]')


def test_a_calendar_writes_periods_as_the_data_do():
    periods = np.array([494, 495, 497])
    calendar = calendar_of(periods, np.zeros(3, np.int64), ("a",), "4", np.array([1976.0, 1980.0, 1988.0]))
    assert [calendar.period_name(p) for p in (494.0, 497.0, 499.0)] == ["1976", "1988", "499"]
