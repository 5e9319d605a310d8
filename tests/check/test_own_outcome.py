"""Lags of the outcome beside unit effects, and rows chosen by it: what is warned of, and what looks like it."""

import polars as pl
import pytest
import specdid
from small_studies import small_panel, small_study
from specdid._check.own_outcome import LONG, reads
from specdid.language import Scope, bind, parse

PANEL = small_panel().with_columns(pop=pl.col("w") + 1)
LAGGED, SELECTED, OWN = "lagged_outcome", "selected_on_outcome", "own_control"
TWO_WAY = {"fixed_effects": {"two-way": "id + year"}}


def found(panel=PANEL, **changes) -> list[specdid.Fault]:
    codes = (LAGGED, SELECTED, OWN)
    faults = specdid.check(small_study(**{"outcome": {"y": "y"}, **TWO_WAY, **changes}), panel)
    assert not faults.errors, faults
    return [f for f in faults if f.code in codes]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"controls": {"lag": "x1 + l(y)"}}, "controls"),
        ({"controls": {"lag": "l(y, 2)"}}, "controls"),
        ({"controls": {"any": "mvsw(x1, l(y))"}}, "controls"),
        ({"derive": {"before": "l(y)", "again": "before^2"}, "controls": {"lag": "x1 + again"}}, "controls"),
        ({"macros": {"own": "x1 + l(y)"}, "controls": {"lag": "..own"}}, "macros"),
        ({"controls": {"means": "roll_mean(l(y), 2)"}}, "controls"),
        ({"controls": {"change": "l(d(y))"}}, "controls"),
        ({"outcome": {"growth": "d(y)"}, "controls": {"level": "l(y)"}}, "controls"),
        ({"outcome": {"next": "f(y)"}, "controls": {"now": "y"}}, "controls"),
        ({"outcome": {"per head": "log(z / pop)"}, "controls": {"lag": "l(log(z))"}}, "controls"),
        ({"treatment": {"d": "d", "fell": "l(y) < 1"}, "controls": {"x": "x1"}}, "treatment"),
        ({"controls": {"lag": "l(y)"}, "fixed_effects": {"halves": "id^group + year"}}, "controls"),
        ({"controls": {"x": "x1"}, "variant": {"lag": {"no": {}, "yes": {"add": "l(y)"}}}}, "variant"),
    ],
)
def test_a_lagged_outcome_beside_unit_effects_in_a_short_panel(changes, path):
    (fault,) = found(**changes)
    assert (fault.code, fault.severity, fault.path[0]) == (LAGGED, "warning", path)
    assert "T = " in fault.message


@pytest.mark.parametrize(
    "changes",
    [
        {"controls": {"lag": "l(x1)"}},
        {"controls": {"lag": "l(y)"}, "fixed_effects": {"wide": "group + year"}},
        {"controls": {"lag": "l(d(y))"}, "outcome": {"y": "d(y)"}, "fixed_effects": {"year": "year"}},
        {"outcome": {"per head": "log(z / pop)"}, "controls": {"lag": "l(log(pop))"}},
        {"controls": {"baseline": "i(year, at(y, year == 2001))"}},
        {"controls": {"lag": "l(y)"}, "estimator": {"lp": "lpdid"}},
    ],
)
def test_what_looks_like_a_lagged_outcome(changes):
    assert not found(**changes)


@pytest.mark.parametrize("control", ["roll_mean(y, 3)", "f(y)", "x1 + l(log1p(y^2), -1)", "cumsum(y)"])
def test_the_outcome_itself_is_no_control(control):
    (fault,) = found(controls={"own": control})
    assert (fault.code, fault.path[0]) == (OWN, "controls")


def test_a_lag_that_was_made_before_is_known_by_its_values():
    panel = PANEL.sort("id", "year").with_columns(
        before=pl.col("y").shift(1).over("id").round(9), other=pl.col("y") * 2
    )
    (fault,) = found(panel, controls={"lag": "before"})
    assert fault.code == LAGGED
    assert not found(panel, controls={"lag": "x1"})
    assert not found(panel.with_columns(before=pl.col("before") + pl.col("x1")), controls={"lag": "before"})


@pytest.mark.parametrize(("periods", "warned"), [(LONG + 1, True), (LONG + 2, False)])
def test_a_long_panel_is_not_warned_of(periods, warned):
    """A lag costs a period: of 31 there are 30 in the regression."""
    panel = small_panel(units=6, periods=periods)
    got = found(panel, controls={"lag": "l(y)"})
    assert [f.code for f in got] == [LAGGED] * warned
    if warned:
        assert f"T = {LONG} " in got[0].message


def test_the_shortest_panel_is_told_once():
    sample = {"all": "TRUE", "late": "year >= 2004"}
    (fault,) = found(controls={"one": "l(y)", "two": "l(y, 2)"}, sample=sample)
    assert "T = 4 " in fault.message


@pytest.mark.parametrize(
    "changes",
    [
        {"sample": {"high": "y > 1"}},
        {"derive": {"own": "abs(y)", "kept": "own < 2"}, "sample": {"kept": "kept"}},
        {"sample": {"ever": "max(y, by = id) > 1.5"}},
        {"sample": {"late": "at(y, year == 2006) > 1"}},
        {"sample": {"typical": "between(y, quantile(y, 0.01), quantile(y, 0.99))"}},
        {"sample": {"above": "y > mean(y, by = year)"}},
        {"outcome": {"per head": "log(z / pop)"}, "sample": {"large": "z > 2"}},
        {"variant": {"outliers": {"kept": {}, "dropped": {"where": "y < 2"}}}},
        {"sample": {"by level": "each(ntile(y, 2))"}},
    ],
)
def test_a_sample_chosen_by_the_outcome(changes):
    (fault,) = {(f.code, f.severity, f.path[0]) for f in found(controls={"x": "x1"}, **changes)}
    assert fault == (SELECTED, "warning", next(k for k in ("sample", "variant") if k in changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"sample": {"known": "!is.na(y)"}},
        {"sample": {"before": "at(y, year == 2003) > 1"}},
        {"sample": {"before": "year >= 2004 | y > 1"}},
        {"sample": {"other": "x1 > 0"}},
        {"sample": {"all": "y > -100"}},
        {"outcome": {"log": "log(y)"}, "sample": {"known": "y > 0"}},
        {"outcome": {"per head": "log(z / pop)"}, "sample": {"large": "pop > 2"}},
        {"derive": {"start": "mean(ifelse(year < 2004, y, NA), by = id)"}, "sample": {"poor": "start < 1.5"}},
    ],
)
def test_what_looks_like_a_sample_chosen_by_the_outcome(changes):
    assert not found(controls={"x": "x1"}, **changes)


@pytest.mark.parametrize(("year", "warned"), [(2002, False), (2006, True)])
def test_groups_chosen_by_the_outcome(year, warned):
    groups = {"high": f"at(y, year == {year}) > 1", "low": f"at(y, year == {year}) <= 1"}
    got = found(controls={"x": "x1"}, heterogeneity={"groups": groups})
    assert [f.code for f in got] == [SELECTED] * 2 * warned


def test_without_a_time_every_outcome_is_after():
    study = small_study(outcome={"y": "y"}, treatment={"d": "d"}, sample={"high": "y > 1"})
    study |= {"study": {"title": "rows", "data": "given.csv"}, "fixed_effects": {"g": "group"}, "vcov": {"r": "hetero"}}
    assert SELECTED in {f.code for f in specdid.check(study | {"controls": {"x": "x1"}}, PANEL.drop("id", "year"))}


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("y", (0, 0)),
        ("l(y, 2) + f(y)", (-2, 1)),
        ("l(d(y, 2))", (-3, -1)),
        ("l(roll_sum(y, 3))", (-3, -1)),
        ("l(cumsum(y))", (-float("inf"), -1)),
        ("l(first(y > 1))", (-float("inf"), float("inf"))),
    ],
)
def test_the_periods_that_a_value_reads(text, window):
    assert reads(bind(parse(text), Scope.of(["y"]))) == {"y": window}
