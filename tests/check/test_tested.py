"""`check` announces which specifications will be in no joint test; a run says it of its results."""

from __future__ import annotations

import polars as pl
import pytest
import specdid
from small_studies import small_panel, small_study
from specdid._words import known

PANEL = small_panel(30)
ASSIGN = {"null": ["wild", "permutation"], "assign": "cohort"}
MADE = {
    "treatment": {"d": {"term": "made", "cohort": "cohort"}},
    "derive": {"made": "(cohort > 0) * (year >= cohort)"},
    "fixed_effects": {"two-way": "id + year"},
    "outcome": {"y": "y"},
    "controls": {"none": "1", "one": "x1"},
}


def said(**changes):
    found = [f for f in specdid.check(small_study(**{**MADE, **changes}), PANEL) if f.code == "in_no_test"]
    assert all(known(f.message, "zh") and f.severity == "warning" for f in found)
    return [f.message for f in found]


def test_no_least_squares_under_the_wild_bootstrap_alone():
    estimators = {"ols": "feols", "two-stage": "did2s", "Poisson": "lpdid"}
    (one,) = said(estimator=estimators, inference={"draws": 19})
    assert one.startswith("4 specifications are in no joint test (two-stage 2, Poisson 2): no least squares")
    assert said(estimator=estimators, inference={"draws": 0}) == []
    assert said(estimator=estimators, inference={"draws": 19, **ASSIGN}) == []
    assert said(inference={"draws": 19}) == []


@pytest.mark.usefixtures("audit_here", "undrawn")
def test_placebos_of_more_treated_units_than_are_never_treated_have_no_error():
    late = PANEL.filter(pl.col("cohort") == 2005)["id"].unique().sort()[:4]  # beside 8 of 2004, and 8 never
    few = PANEL.filter((pl.col("cohort") != 2005) | pl.col("id").is_in(late.to_list()))
    estimators = {"OLS": "feols", "sdid": {"method": "sdid", "vce": "placebo", "replications": 5}, "two": "did2s"}
    samples = {"all": "TRUE", "one cohort": "cohort == 0 | cohort == 2005"}
    asked = {"estimator": estimators, "sample": samples, "inference": {"draws": 19, **ASSIGN}}
    study = small_study(**{**MADE, "controls": {"none": "1"}, "vcov": {"unit": "~id"}, **asked})
    (one,) = (f for f in specdid.check(study, few) if f.code == "vcov_not_offered")
    assert known(one.message, "zh")
    assert one.message.startswith("1 of 2 specifications of the estimator `sdid` will have no standard error")
    table = specdid.run(study, few, jobs=1, audit=0).table
    theirs = table[table.estimator == "sdid"]
    assert set(theirs.status) == {"ok"}
    assert dict(zip(theirs["sample"], theirs.std_error.isna(), strict=True)) == {"all": True, "one cohort": False}


def test_two_stage_least_squares():
    (one,) = said(instruments={"none": "1", "z": "x2"}, inference={"draws": 19})
    assert one.startswith("2 specifications are in no joint test (feols 2): neither null is one of two-stage")


def test_more_work_than_refits_take_as_plan_says(monkeypatch):
    study = {"estimator": {"ols": "feols", "two-stage": "did2s"}, "inference": {"draws": 19, **ASSIGN}}
    monkeypatch.setattr("specdid.inference.permutation_refit.BUDGET", 1.0)
    (one,) = said(**study)
    assert one.startswith("2 specifications are in no joint test (two-stage 2): more than 1 s of work")
    (fault,) = (f for f in specdid.check(small_study(**{**MADE, **study}), PANEL) if f.code == "in_no_test")
    assert "counted as planned, so that those that fail are among them" in fault.help


def test_least_squares_that_is_fitted_again_in_fewer_draws_is_counted(monkeypatch):
    study = {"sample": {"all": "cohort != 2005"}, "inference": {"draws": 399, **ASSIGN}}

    def counted():
        return [f for f in specdid.check(small_study(**{**MADE, **study}), PANEL) if f.code == "fewer_draws"]

    assert counted() == []
    monkeypatch.setattr("specdid.inference._permutation_strategy.BUDGET", 0.1)
    (one,) = counted()
    assert known(one.message, "zh")
    assert one.message.startswith("2 specifications are by least squares, with what moves by draw")
    assert "fitted again in 199 of 399 draws" in one.message


def test_options_of_another_type_are_in_no_joint_test_anyway():
    estimators = {"ols": "feols", "two-stage": {"method": "did2s", "type": "uncertain", "why": "other weights"}}
    assert said(estimator=estimators, inference={"draws": 19}) == []


@pytest.mark.usefixtures("audit_here", "undrawn")
def test_a_run_says_it_once():
    study = small_study(**{**MADE, "estimator": {"a": "feols", "b": "did2s"}, "inference": {"draws": 19}})
    codes = [c.code for c in specdid.run(study, PANEL, audit=None).warnings]
    assert codes.count("untested") == 1
    assert "in_no_test" not in codes


def test_a_cohort_without_its_reference_period_fails_for_sure_and_a_reference_that_works_is_named():
    """Cohort 2004 is seen two periods before treatment alone, and cohort 2005 one and three before."""
    cohorts = {"d": {"term": "d", "cohort": "cohort"}}
    panel = PANEL.filter(~pl.col("year").is_in([2001, 2003]))

    def failing(panel, **setting):
        study = small_study(
            outcome={"y": "y"},
            treatment=cohorts,
            controls={"none": "1", "one": "x1"},
            estimator={"OLS": "feols", "SA": {"method": "sunab", **setting}},
        )
        table = specdid.run(study, panel, jobs=1, audit=0).table
        faults = specdid.check(study, panel)
        return [f.message for f in faults if f.code == "option_fails"], table[table.estimator == "SA"]

    (one,), results = failing(panel)
    assert known(one, "zh")
    assert "write reference = [-1, -2], so that every cohort has such a row" in one
    assert set(results.status) == {"failed"}
    assert all("write reference = [-1, -2]" in m for m in results.message)
    said, results = failing(panel, reference=[-1, -2])
    assert not said
    assert set(results.status) == {"ok"}
    (one,), _ = failing(PANEL.filter((pl.col("cohort") != 2004) | (pl.col("year") != 2003)))
    assert "write reference = -2, so that" in one
    absent = panel.with_columns(pl.when(pl.col("cohort") != 2004).then(pl.col("x1")).alias("x1"))
    said, results = failing(absent)
    assert not said
    assert set(results.status) == {"failed", "ok"}


def test_controls_that_the_options_of_an_estimator_do_not_take_are_counted():
    rows = {"method": "csdid", "aggregate": "simple", "unbalanced": "rows"}
    given = {**MADE, "outcome": {"y": "y"}, "controls": {"none": "1", "one": "x1", "two": "x1 + x3"}}

    def failing(**changes):
        study = small_study(**{**given, **changes})
        found = [f.message for f in specdid.check(study, PANEL) if f.code == "option_fails"]
        return found, specdid.run(study, PANEL, jobs=1, audit=0).table

    (one,), table = failing(estimator={"CS": "csdid", "rows": rows})
    assert known(one, "zh")
    assert one.startswith(
        "2 of 3 specifications of the estimator `rows` will fail, those with controls: csdid: unbalanced = "
    )
    assert table.spec_id[table.status == "failed"].nunique() == 2
    assert failing(estimator={"CS": "csdid", "rows": rows}, controls={"none": "1"})[0] == []
    assert failing(estimator={"CS": "csdid", "rows": {**rows, "unbalanced": "drop"}})[0] == []
