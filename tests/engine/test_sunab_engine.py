"""Sun-Abraham models as members of a batch, and their cells in full, against fixest."""

import csv
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import specdid
from panels import NAMES, REFERENCE, members_of, reference_problem
from specdid.engine.coefficient_table import by_relative_period, combine, fit_full
from specdid.engine.execute import run
from specdid.engine.problem import Code, Problem, Sunab
from specdid.engine.rows import without_singletons
from specdid.engine.sunab import aggregate_columns, cohort_cells, comparison

COHORT, YEAR = NAMES.index("batch"), NAMES.index("year")
CITY = 2


@pytest.fixture(scope="module")
def fixest():
    with (REFERENCE / "fixest_sunab.csv").open(newline="", encoding="utf-8") as file:
        return {r["term"]: (float(r["Estimate"]), float(r["Std. Error"]), int(r["nobs"])) for r in csv.DictReader(file)}


def sunab_members(control="never", reference=(-1,), controls=((), (3,))):
    specs = [(0, 2, c, 0, 2, -1) for c in controls]
    return members_of(specs, [0] * len(specs), (Sunab(COHORT, YEAR, reference, control),))


def test_average_effect(fixest):
    fits = run(reference_problem(), sunab_members())
    estimate, std_error, nobs = fixest["ATT"]
    assert fits.nobs[0] == nobs
    assert fits.estimate[0] == pytest.approx(estimate, rel=1e-10)
    assert fits.std_error[0, CITY] == pytest.approx(std_error, rel=1e-8)


def test_by_relative_period(fixest):
    fit = fit_full(reference_problem(), sunab_members())
    periods, weights = by_relative_period(fit)
    estimate, std_error, _ = combine(fit, weights)
    assert len(periods) == len(fixest) - 1
    for period, b, se in zip(periods, estimate, std_error[CITY], strict=True):
        want = fixest[f"year::{int(period)}"]
        assert (b, se) == pytest.approx(want[:2], rel=1e-8)


@pytest.mark.parametrize("control", ["never", "notyet"])
def test_the_batch_and_the_full_fit_agree(control):
    problem, members = reference_problem(), sunab_members(control)
    fits = run(problem, members)
    for s in range(2):
        fit = fit_full(problem, members, s)
        estimate, std_error, _ = combine(fit, fit.weights[None])
        assert estimate[0] == pytest.approx(fits.estimate[s], rel=1e-10)
        np.testing.assert_allclose(std_error[:, 0], fits.std_error[s], rtol=1e-9)
        np.testing.assert_allclose(fit.df, fits.df[s])


def test_the_reparameterisation_spans_the_cells():
    problem = reference_problem()
    time, cohort = problem.values[:, YEAR], problem.values[:, COHORT]
    cells = cohort_cells(time, cohort, None, Sunab(COHORT, YEAR))
    treatment, others = aggregate_columns(cells.dummies, cells.share)
    assert others.shape[1] == cells.dummies.shape[1] - 1
    both = np.column_stack([treatment, others])
    assert np.linalg.matrix_rank(both) == np.linalg.matrix_rank(np.hstack([both, cells.dummies]))


@pytest.mark.parametrize("control", ["never", "notyet"])
def test_shares_are_those_of_weights_after_treatment(control):
    """By polars: each cohort's and period's sum of weights over that of all treated rows."""
    rng = np.random.default_rng(3)
    cohort = np.repeat([2.0, 2.0, 4.0, 4.0, 4.0, np.nan], 6)
    time, weights = np.tile(np.arange(6.0), 6), rng.uniform(0.2, 5.0, 36)
    cells = cohort_cells(time, cohort, weights, Sunab(COHORT, YEAR, (-1,), control))
    rows = pl.DataFrame({"g": cohort, "t": time, "w": weights}).filter(pl.col("t") >= pl.col("g"))
    want = rows.group_by("g", (pl.col("t") - pl.col("g")).alias("k")).agg(pl.col("w").sum() / rows["w"].sum())
    found = {(g, k): s for g, k, s in zip(cells.cohort, cells.relative, cells.share, strict=True) if k >= 0}
    assert found == pytest.approx({(g, k): w for g, k, w in want.iter_rows()})
    assert (cells.share[cells.relative < 0] == 0).all()


def test_without_never_treated_units():
    time = np.tile(np.arange(4.0), 3)
    cohort = np.repeat([1.0, 2.0, 3.0], 4)
    assert comparison(time, cohort, "never").code == Code.NOT_IDENTIFIED
    found = comparison(time, cohort, "notyet")
    assert found.code == Code.OK
    assert time[found.keep].max() == 2  # until the last cohort is treated
    assert np.isnan(found.cohort[8:]).all()
    assert comparison(time, np.full(12, 0.0), "never").code == Code.NO_TREATMENT_VARIATION


def test_always_treated_cohorts_are_left_out():
    problem = reference_problem()
    values = problem.values.copy(order="F")
    early = values[:, COHORT] == 2012
    values[early, COHORT] = 2005
    changed = replace(problem, values=values)
    fits = run(changed, sunab_members())
    assert fits.nobs[0] == np.isfinite(values[~early, 0]).sum()


def with_column(problem: Problem, column: np.ndarray) -> Problem:
    values = np.asfortranarray(np.column_stack([problem.values, column]))
    return replace(problem, values=values, labels=(*problem.labels, "new"))


@pytest.mark.parametrize("control", ["never", "notyet"])
@pytest.mark.parametrize("weights", [-1, NAMES.index("pop")])
@pytest.mark.parametrize("effects", [1, 2, 3])
def test_the_average_is_that_of_a_regression_on_all_cells(effects, weights, control):
    problem = reference_problem()
    aggregate = Sunab(COHORT, YEAR, (-1,), control)
    spec = (0, 2, (3, 4), 0, effects, weights)
    fits = run(problem, members_of([spec], [0], (aggregate,)))
    rows = np.flatnonzero(np.isfinite(problem.values[:, [0, 3, 4, YEAR]]).all(axis=1))
    fixed = problem.effects[effects].fixed
    rows = without_singletons(rows, tuple(problem.codes[:, c] for c in fixed))
    assert fits.nobs[0] == len(rows)
    time, cohort = problem.values[rows, YEAR], problem.values[rows, COHORT]
    w = None if weights < 0 else problem.values[rows, weights]
    cells = cohort_cells(time, cohort, w, aggregate)
    dummies = [problem.codes[rows, c][:, None] == np.unique(problem.codes[rows, c]) for c in fixed]
    design = np.hstack([cells.dummies, problem.values[rows][:, [3, 4]], *dummies]).astype(float)
    root = np.ones(len(rows)) if w is None else np.sqrt(w)
    beta = np.linalg.lstsq(design * root[:, None], problem.values[rows, 0] * root, rcond=1e-11)[0]
    assert fits.estimate[0] == pytest.approx(cells.share @ beta[: len(cells.size)], rel=1e-8)


def with_a_cell_as_control(years, effects):
    problem = reference_problem()
    cell = (problem.values[:, COHORT] == 2013) & np.isin(problem.values[:, YEAR], years)
    problem = with_column(problem, cell + 10.0 * (problem.values[:, YEAR] == 2010))
    last = problem.values.shape[1] - 1
    specs = [(0, 2, c, 0, effects, -1) for c in ((3,), (last, 3))]
    return problem, members_of(specs, [0, 0], (Sunab(COHORT, YEAR),)), last


@pytest.mark.parametrize("effects", [2, 3])
def test_a_control_in_the_span_of_the_cells_before_treatment_is_dropped(effects):
    problem, members, last = with_a_cell_as_control([2008, 2009], effects)
    fits = run(problem, members)
    assert fits.dropped == {1: (last,)}
    assert fits.estimate[1] == pytest.approx(fits.estimate[0], rel=1e-10)
    np.testing.assert_allclose(fits.std_error[1], fits.std_error[0], rtol=1e-9)
    assert fit_full(problem, members, 1).dropped == (last,)
    assert (fits.df[1] == fits.df[0]).all()


def test_a_control_that_has_effects_after_treatment_leaves_none_to_average():
    problem, members, last = with_a_cell_as_control([2014, 2015], 2)
    fits = run(problem, members)
    assert fits.code.tolist() == [Code.OK, Code.NOT_IDENTIFIED]
    assert fits.culprit[1] == last


def test_what_the_effects_leave_of_the_outcome_does_not_depend_on_the_cells():
    problem, members = reference_problem(), sunab_members()
    assert run(problem, members).r2_within[1] == pytest.approx(fit_full(problem, members, 1).r2_within, rel=1e-10)


@pytest.mark.parametrize("width", [2, 5])
def test_periods_that_are_apart_are_told_the_step(width, monkeypatch):
    monkeypatch.setattr("specdid._check.possible.MOST_TRIED", 0)  # which foresees it
    rng = np.random.default_rng(1)
    unit, time = np.repeat(np.arange(40), 2), np.tile([90 - width, 90], 40)
    first = np.where(unit % 2 == 0, 90, 0)
    frame = {"id": unit, "t": time, "g": first, "d": (first > 0) * (time >= first), "y": rng.normal(size=80)}
    study = {
        "study": {"title": "x", "data": "g.csv", "unit": "id", "time": "t"},
        "outcome": {"y": "y"},
        "treatment": {"d": {"term": "d", "cohort": "g"}},
        "estimator": {"s": "sunab"},
        "inference": {"draws": 0},
    }
    (row,) = specdid.run(study, pl.DataFrame(frame), audit=0).table.to_dict("records")
    assert row["message"].endswith(
        f"periods are {width} apart, so that no row is in period −1 from treatment, against which "
        f'effects are measured; write step = "{width}" in [study]'
    )
    study["study"]["step"] = str(width)
    assert specdid.run(study, pl.DataFrame(frame), audit=0).table["status"].tolist() == ["ok"]
