"""Both nulls against explicit refits with pyfixest, draw by draw."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyfixest as pf
import pytest
from refits import DRAWS, TIGHT, clean, context, frame_of, model, panel, t_of
from small_studies import small_study
from specdid.inference import _permutation_strategy, permutation, permutation_refit, wild
from specdid.inference._assignment import make_assignment, permute


@pytest.mark.parametrize(("cluster", "units"), [("id", 24), ("group", 60), ("group", 24), ("year", 24)])
def test_wild(cluster, units):
    """Nested and crossed clusters; 6 groups and 7 years are few, so Webb's points."""
    data = panel(units)
    ctx = context(cluster, data)
    drawn = wild.draw(ctx)
    signs = wild.cluster_signs(ctx.cluster, DRAWS, 11)
    assert (np.abs(signs[:, 1:]) == 1).all() == (len(signs) >= 12)
    frame = frame_of(data)
    frame["_g"] = ctx.cluster
    rng = np.random.default_rng(0)
    assert len(drawn.index) >= 20
    for k in rng.choice(len(drawn.index), 10, replace=False):
        controls, effects, weights = model(ctx, int(drawn.index[k]))
        used = clean(frame, controls, effects)
        given = {"weights": weights} if weights else {}
        null = pf.feols(f"y ~ {controls.removeprefix(' + ') or '1'}{effects}", used, demeaner=TIGHT, **given)
        residual = used.y.to_numpy() - null.predict()
        for b in range(DRAWS + 1):
            used["_y"] = null.predict() + residual * signs[:, b][used["_g"]]
            estimate, t = t_of(f"d{controls}{effects}", used, weights, cluster, "_y")
            got = drawn.statistic[k] if b == 0 else np.asarray(drawn.null_statistic)[k, b - 1]
            coefficient = drawn.estimate[k] if b == 0 else np.asarray(drawn.null_estimate)[k, b - 1]
            assert got == pytest.approx(t, rel=1e-8, abs=1e-9)
            assert coefficient == pytest.approx(estimate, rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("cluster", ["id", "group"])
def test_permutation(cluster):
    data = panel()
    ctx = context(cluster, data, sample={"all": "TRUE", "moved": "cohort != 2005"})
    drawn = permutation.draw(ctx)
    assignment = make_assignment(ctx.panel, ("cohort",), ctx.panel.unit_codes, None)
    rng = np.random.default_rng(1)
    assert drawn.dropped_draws == 0
    for k in rng.choice(len(drawn.index), 12, replace=False):
        place = int(drawn.index[k])
        controls, effects, weights = model(ctx, place)
        moved = ctx.plan.dimensions[4].labels[ctx.plan.codes[place, 4]] == "moved"
        for b in range(DRAWS + 1):
            here = ctx.panel if b == 0 else permute(ctx.panel, assignment, 11, b - 1)
            frame = frame_of(data.with_columns(cohort=pl.Series(here.columns["cohort"].numbers)))
            if moved:
                frame = frame[frame.cohort != 2005]
            used = clean(frame, controls, effects)
            estimate, t = t_of(f"d{controls}{effects}", used, weights, cluster, "y")
            got = drawn.statistic[k] if b == 0 else np.asarray(drawn.null_statistic)[k, b - 1]
            coefficient = drawn.estimate[k] if b == 0 else np.asarray(drawn.null_estimate)[k, b - 1]
            assert got == pytest.approx(t, rel=1e-8, abs=1e-9)
            assert coefficient == pytest.approx(estimate, rel=1e-8, abs=1e-9)


def test_draws_do_not_depend_on_what_else_is_in_the_grid():
    data = panel()
    small = wild.draw(context("id", data))
    more = context("id", data, estimator={"OLS": "feols"}, sample={"all": "TRUE", "late": "year > 2002"})
    large = wild.draw(more)
    ids = {int(more.plan.ids[i]): k for k, i in enumerate(large.index)}
    first = context("id", data)
    for k, place in enumerate(small.index):
        match = ids[int(first.plan.ids[place])]
        one, other = large.null_statistic.take(np.array([match])), small.null_statistic.take(np.array([k]))
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-9)


def test_sun_abraham_enters_the_wild_test():
    data = panel()
    study = small_study(
        outcome={"y": "y"},
        controls={"none": "1"},
        fixed_effects={"two-way": "id + year"},
        treatment={"d": {"term": "d", "cohort": "cohort"}},
        estimator={"SA": "sunab"},
        vcov={"unit": "~id"},
        inference={"draws": 19},
    )
    import specdid

    curve = specdid.run(study, data, audit=0)
    found = curve.tests[0]
    table = curve.table
    assert found.index.tolist() == [0]
    reach = found.adjusted.band.below * table.std_error[0]
    assert found.adjusted.band_low[0] == pytest.approx(table.estimate[0] - reach, rel=1e-9)


def test_poisson_is_fitted_again_in_every_draw():
    data = panel()
    ctx = context("id", data, estimator={"P": "fepois"}, outcome={"z": "z"}, weights={"none": "1"})
    drawn = permutation_refit.draw(ctx)
    assignment = make_assignment(ctx.panel, ("cohort",), ctx.panel.unit_codes, None)
    assert len(drawn.index) == len(ctx.chosen)
    assert (drawn.clusters, drawn.treated) == (24, 16)
    assert drawn.null_statistic.shape[1] + drawn.dropped_draws == DRAWS
    k = 4
    controls, effects, _ = model(ctx, int(drawn.index[k]))
    for b in range(3):
        here = ctx.panel if b == 0 else permute(ctx.panel, assignment, 11, b - 1)
        used = clean(frame_of(data.with_columns(cohort=pl.Series(here.columns["cohort"].numbers))), controls, effects)
        fit = pf.fepois(f"z ~ d{controls}{effects}", used, vcov={"CRV1": "id"}, demeaner=TIGHT, iwls_tol=1e-12).tidy()
        got = drawn.statistic[k] if b == 0 else np.asarray(drawn.null_statistic)[k, b - 1]
        assert got == pytest.approx(fit.loc["d", "t value"], rel=1e-6)


def test_sun_abraham_beyond_the_budget_is_fitted_again_in_the_first_draws(monkeypatch):
    treatment = {"d": {"term": "d", "cohort": "cohort"}}
    ctx = context("id", panel(), estimator={"SA": "sunab"}, treatment=treatment, weights={"none": "1"})
    every = permutation.draw(ctx)
    monkeypatch.setattr(_permutation_strategy, "BUDGET", 0.0)
    none, few = permutation.draw(ctx), permutation_refit.draw(ctx)
    assert len(none.index) == 0
    assert "fewer draws" in none.left_out[0].message
    np.testing.assert_array_equal(few.index, every.index)
    assert (few.clusters, few.treated) == (every.clusters, every.treated)
    np.testing.assert_allclose(few.statistic, every.statistic, rtol=1e-12)
    draws = few.null_statistic.shape[1]
    assert draws == min(permutation_refit.DRAWS, DRAWS)
    np.testing.assert_allclose(np.asarray(few.null_statistic), np.asarray(every.null_statistic)[:, :draws], rtol=1e-12)


def test_what_no_budget_allows_is_counted(monkeypatch):
    ctx = context("id", panel(), estimator={"P": "fepois"}, outcome={"z": "z"}, weights={"none": "1"})
    monkeypatch.setattr(permutation_refit, "BUDGET", 0.0)
    drawn = permutation_refit.draw(ctx)
    assert len(drawn.index) == 0
    (said,) = drawn.left_out
    assert said.message == (
        f"{len(ctx.chosen)} specifications would take more than 0 s to fit {DRAWS} times again and are not in this test"
    )
