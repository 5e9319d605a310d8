"""Sun-Abraham models as members of a batch, and their cells in full, against fixest."""

import csv

import numpy as np
import pytest
from panels import NAMES, REFERENCE, members_of, reference_problem
from specdid.engine.execute import run
from specdid.engine.full import by_relative_period, combine, fit_full
from specdid.engine.problem import Code, Problem, Sunab
from specdid.engine.sunab import aggregate_columns, comparison, make_cells, shares

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
    cells = make_cells(time, cohort, None, Sunab(COHORT, YEAR))
    treatment, others = aggregate_columns(cells.dummies, shares(cells))
    assert others.shape[1] == cells.dummies.shape[1] - 1
    both = np.column_stack([treatment, others])
    assert np.linalg.matrix_rank(both) == np.linalg.matrix_rank(np.hstack([both, cells.dummies]))


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
    changed = Problem(
        values, problem.codes, problem.rows, None, problem.labels, problem.effect_labels, problem.effects,
        problem.vcovs, 0, 0.05,
    )  # fmt: skip
    fits = run(changed, sunab_members())
    assert fits.nobs[0] == np.isfinite(values[~early, 0]).sum()
