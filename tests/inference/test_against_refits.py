"""Both nulls against explicit refits with pyfixest, draw by draw.

The t of the data that a null starts from is the t of results.csv, whatever is absorbed: one count of parameters.

A null leaves out the very columns that the estimate left out, whatever they are called.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from types import SimpleNamespace

import numpy as np
import polars as pl
import pyfixest as pf
import pytest
import specdid
from refits import DRAWS, TIGHT, clean, context, frame_of, model, panel, t_of
from small_studies import small_panel, small_study
from specdid._audit.definitions import Synthetic, average_of_changes
from specdid._run import infer
from specdid._run.infer import agreeing
from specdid._run.prepare import prepare
from specdid.engine.cache_keys import Content
from specdid.engine.compile import compile_plan
from specdid.inference import _permutation_strategy, permutation, permutation_refit, wild
from specdid.inference._assignment import make_assignment, permute
from specdid.inference._base import NullDraws
from specdid.inference._batches import draw_batches
from specdid.inference._draw_tables import DrawTable
from specdid.inference._wild_draws import BatchSums, RegressionFamily, Signs, cluster_scores, draw_family, draw_part


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
    dealt = [ctx.panel, *(permute(ctx.panel, assignment, 11, b) for b in range(DRAWS))]
    frames = [frame_of(data.with_columns(cohort=pl.Series(here.columns["cohort"].numbers))) for here in dealt]
    rng = np.random.default_rng(1)
    assert drawn.dropped_draws == 0
    for k in rng.choice(len(drawn.index), 12, replace=False):
        place = int(drawn.index[k])
        controls, effects, weights = model(ctx, place)
        moved = ctx.plan.dimensions[4].labels[ctx.plan.codes[place, 4]] == "moved"
        for b, frame in enumerate(frames):
            if moved:
                frame = frame[frame.cohort != 2005]
            used = clean(frame, controls, effects)
            estimate, t = t_of(f"d{controls}{effects}", used, weights, cluster, "y")
            got = drawn.statistic[k] if b == 0 else np.asarray(drawn.null_statistic)[k, b - 1]
            coefficient = drawn.estimate[k] if b == 0 else np.asarray(drawn.null_estimate)[k, b - 1]
            assert got == pytest.approx(t, rel=1e-8, abs=1e-9)
            assert coefficient == pytest.approx(estimate, rel=1e-8, abs=1e-9)


def test_a_missing_treatment_moves_with_its_path():
    """Who gets the path of a unit without a treatment lacks one in that draw: other rows are used."""
    unknown = pl.when(pl.col("id").is_in([5, 9])).then(None).otherwise(pl.col("cohort"))
    data = panel().with_columns(cohort=unknown)
    ctx = context("id", data, treatment={"d": "d"})
    drawn = permutation.draw(ctx)
    assert drawn.dropped_draws == 0
    assignment = make_assignment(ctx.panel, ("cohort",), ctx.panel.unit_codes, None)
    for k in np.random.default_rng(1).choice(len(drawn.index), 4, replace=False):
        controls, effects, weights = model(ctx, int(drawn.index[k]))
        for b in range(DRAWS):
            dealt = pl.Series(permute(ctx.panel, assignment, 11, b).columns["cohort"].numbers)
            frame = frame_of(data.with_columns(cohort=dealt.fill_nan(None))).dropna(subset=["d"])
            assert frame.id.nunique() == 22
            estimate, t = t_of(f"d{controls}{effects}", clean(frame, controls, effects), weights, "id", "y")
            assert np.asarray(drawn.null_statistic)[k, b] == pytest.approx(t, rel=1e-8, abs=1e-9)
            assert np.asarray(drawn.null_estimate)[k, b] == pytest.approx(estimate, rel=1e-8, abs=1e-9)


def test_a_control_made_of_the_assignment_moves_with_it():
    data = panel()
    ctx = context("id", data, treatment={"d": {"term": "d", "with": "I((cohort == 2005) * x1)"}})
    drawn = permutation.draw(ctx)
    assignment = make_assignment(ctx.panel, ("cohort",), ctx.panel.unit_codes, None)
    for k in np.random.default_rng(1).choice(len(drawn.index), 4, replace=False):
        controls, effects, weights = model(ctx, int(drawn.index[k]))
        for b in range(DRAWS):
            dealt = pl.Series(permute(ctx.panel, assignment, 11, b).columns["cohort"].numbers)
            frame = frame_of(data.with_columns(cohort=dealt))
            frame["late"] = (frame.cohort == 2005) * frame.x1
            used = clean(frame, controls, effects)
            estimate, t = t_of(f"d + late{controls}{effects}", used, weights, "id", "y")
            assert np.asarray(drawn.null_statistic)[k, b] == pytest.approx(t, rel=1e-8, abs=1e-9)
            assert np.asarray(drawn.null_estimate)[k, b] == pytest.approx(estimate, rel=1e-8, abs=1e-9)


def test_rows_common_to_all_specifications_move_with_the_assignment():
    """Others' treatment is missing where x4 is, for whoever is dealt 2005, and others' effects: no such row is used."""
    rng = np.random.default_rng(2)
    data = panel()
    x4 = pl.Series(np.where(rng.random(len(data)) < 0.1, np.nan, 1.0)).fill_nan(None)
    data = data.with_columns(x4=x4, group=pl.when(pl.col("x3") < 2.5).then(pl.col("group")))
    common = {"title": "common", "data": "given.csv", "unit": "id", "time": "year", "seed": 7, "missing": "common"}
    ctx = context("id", data, study=common, treatment={"d": "d", "e": "I(ifelse(cohort == 2005, x4, d))"})
    drawn = permutation.draw(ctx)
    # Units without a row that has what all need are in no sample, and are not dealt.
    unit = data["id"].to_numpy()
    some = np.unique(unit[(data["x2"].is_not_null() & data["group"].is_not_null()).to_numpy()])
    assert 0 < len(some) < len(np.unique(unit))
    level = np.where(np.isin(unit, some), np.searchsorted(some, unit), -1)
    assignment = make_assignment(ctx.panel, ("cohort",), level, None)
    mine = np.flatnonzero(ctx.plan.codes[drawn.index, 1] == 0)
    for k in rng.choice(mine, 4, replace=False):
        controls, effects, weights = model(ctx, int(drawn.index[k]))
        for b in range(DRAWS):
            dealt = pl.Series(permute(ctx.panel, assignment, 11, b).columns["cohort"].numbers)
            frame = frame_of(data.with_columns(cohort=dealt)).dropna(subset=["x2", "group"])
            used = clean(frame[(frame.cohort != 2005) | frame.x4.notna()], controls, effects)
            estimate, t = t_of(f"d{controls}{effects}", used, weights, "id", "y")
            assert np.asarray(drawn.null_statistic)[k, b] == pytest.approx(t, rel=1e-8, abs=1e-9)
            assert np.asarray(drawn.null_estimate)[k, b] == pytest.approx(estimate, rel=1e-8, abs=1e-9)


def test_stored_draws_are_those_of_the_rows_that_others_leave_in_common():
    """Two grids whose other treatment lacks the same rows in the data, and others when the cohorts are dealt out."""
    data = panel().with_columns(flag=(pl.col("cohort") == 2005).cast(pl.Int64))
    data = data.with_columns(x4=pl.when(pl.col("x3") < 2.0).then(1.0))
    common = {"title": "common", "data": "given.csv", "unit": "id", "time": "year", "seed": 7, "missing": "common"}
    keys, markers = [], []
    for condition in ("cohort == 2005", "cohort == 2005 & flag == 1", "cohort == 2005"):
        ctx = context("id", data, study=common, treatment={"d": "d", "e": f"I(ifelse({condition}, x4, d))"})
        of = _permutation_strategy.split(ctx)
        places = np.flatnonzero(of.again & (ctx.plan.codes[ctx.compiled.members.index, 1] == 0))
        assignment = make_assignment(ctx.panel, of.names, ctx.panel.unit_codes, None)
        work = _permutation_strategy.make_again(ctx, of, assignment, places)
        keys.append(_permutation_strategy.again_key(SimpleNamespace(content=Content), ctx, work))
        markers.append(work.problem.values[:, work.members.extra_rows[0]])
    np.testing.assert_array_equal(markers[0], markers[1])
    assert keys[0] == keys[2] != keys[1]


@pytest.mark.parametrize("null", [wild, permutation])
def test_clusters_are_treated_by_a_treatment_of_either_sign(null):
    data = panel()
    drawn = null.draw(context("id", data, treatment={"minus": "I(-d)"}))
    assert (drawn.clusters, drawn.treated) == (24, data.filter(pl.col("cohort") > 0)["id"].n_unique())
    assert (drawn.df == 23).all()


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
    assert "left to the refits of this null, in" in none.left_out[0].message
    np.testing.assert_array_equal(few.index, every.index)
    assert (few.clusters, few.treated) == (every.clusters, every.treated)
    np.testing.assert_allclose(few.statistic, every.statistic, rtol=1e-12)
    draws = few.null_statistic.shape[1]
    assert draws == min(*permutation_refit.DRAWS, DRAWS)
    assert not few.left_out  # as many as were asked for
    monkeypatch.setattr(permutation_refit, "DRAWS", (DRAWS - 1,))
    (fewer,) = permutation_refit.draw(ctx).left_out
    assert fewer.message.startswith(f"fitted again in {DRAWS - 1} draws only")
    np.testing.assert_allclose(np.asarray(few.null_statistic), np.asarray(every.null_statistic)[:, :draws], rtol=1e-12)


def test_what_no_budget_allows_is_counted(monkeypatch):
    ctx = context("id", panel(), estimator={"P": "fepois"}, outcome={"z": "z"}, weights={"none": "1"})
    monkeypatch.setattr(permutation_refit, "BUDGET", 0.0)
    drawn = permutation_refit.draw(ctx)
    assert len(drawn.index) == 0
    (said,) = drawn.left_out
    assert said.message == (
        f"{len(ctx.chosen)} specifications would take more than 0 s to fit {DRAWS} times again, by a fixed count of "
        "seconds for a fit that is the same on every machine, and are not in this test"
    )


@pytest.mark.filterwarnings("ignore")
def test_every_null_starts_from_the_t_of_the_results(monkeypatch):
    """Slopes count whether they are nested in the clusters or not, as in fixest and reghdfe."""
    drawn, tests = {}, infer._tests

    def kept(prepared, results, draws, title):
        drawn[draws.null] = draws
        return tests(prepared, results, draws, title)

    monkeypatch.setattr(infer, "_tests", kept)
    effects = {
        "none": "0",
        "unit": "id",
        "two-way": "id + year",
        "groups": "id + group^year",
        "trends": "id[year] + year",
        "own trends": "id[[x1]] + year",
        "group trends": "id + year + group[[x3]]",
    }
    study = small_study(
        outcome={"y": "y"},
        controls={"none": "1", "x": "x1 + x2"},
        fixed_effects=effects,
        estimator={"OLS": "feols", "SA": {"method": "sunab", "control": "notyet"}, "did2s": "did2s"},
        weights={"none": "1", "w": "w"},
        vcov={"unit": "~id"},
        # what is looked at is the data's own t, which each null has once whatever its draws
        inference={"draws": 3, "null": ["wild", "permutation"], "assign": "d + cohort", "level": "id"},
    )
    curve = specdid.run(study, small_panel(), audit=0, jobs=1)
    statistic = curve.results.first("statistic")
    trends = curve.table["fixed_effects"].isin(["trends", "own trends"])
    assert {"wild", "permutation", "permutation_refit"} <= set(drawn)
    for null, draws in drawn.items():
        np.testing.assert_allclose(draws.statistic, statistic[draws.index], rtol=1e-7, err_msg=null)
        assert null == "permutation_refit" or trends.to_numpy()[draws.index].sum() >= 4
    shared = np.intersect1d(drawn["wild"].index, drawn["permutation"].index)
    assert len(shared) >= 20


NULLS = {"draws": 99, "null": ["wild", "permutation"], "assign": "cohort + d", "cluster": "id"}


def p_values(**changes):
    given = {"outcome": {"y": "y"}, "fixed_effects": {"two": "id + year"}, "inference": NULLS}
    curve = specdid.run(small_study(**given | changes), data=small_panel(units=16), audit=0)
    tests = curve.tests
    assert [t.null for t in tests] == ["wild", "permutation"]
    return curve.table, [t.adjusted.p_null.tolist() for t in tests]


@cache
def without_dropped():
    return p_values(controls={"all": "x1 + x3"})[1]


@pytest.mark.parametrize(
    ("controls", "dropped"),
    [
        ("x1 + x3 + I(x1 + x3)", "I(x1 + x3)"),
        ("x1 + x3 + I(x1 - x3) + group", "I(x1 - x3) + group"),
        ("x1 + x3 + factor(group)", None),
    ],
)
def test_terms_whose_label_holds_a_plus(controls, dropped):
    table, found = p_values(controls={"all": controls})
    assert table["dropped"].iloc[0]
    assert dropped is None or table["dropped"].iloc[0] == dropped
    assert found == [pytest.approx(p) for p in without_dropped()]


def test_one_label_with_another_content_in_each_variant():
    """ave(cohort, y) is the unit's cohort where y has no ties, and something else where it is winsorized."""
    variant = {"cut": {"none": {}, "5%": {"derive": {"y": "winsorize(y, 0.05)"}}}}
    table, found = p_values(controls={"mean": "ave(cohort, y)"}, variant=variant)
    _, plain = p_values(controls={"none": "1"})
    first = table.drop_duplicates("index")
    assert first["dropped"].tolist()[:1] == ["ave(cohort, y)"]
    assert [p[0] for p in found] == [pytest.approx(p[0]) for p in plain]


def test_a_singular_regression_has_no_test_and_costs_the_others_nothing():
    rng = np.random.default_rng(1)
    z = rng.normal(size=(30, 4))
    z[:, 3] = 0.0
    gram = np.stack([part.T @ part for part in np.split(z, 6)])
    blocks = BatchSums(gram, gram.sum(axis=0), ())
    signs = np.ones((6, 3))
    two = RegressionFamily(np.array([0, 0]), np.array([1, 1]), np.array([[2], [3]]), np.ones(2))
    one = RegressionFamily(np.array([0]), np.array([1]), np.array([[2]]), np.ones(1))

    def drawn(family):
        return draw_family(
            cluster_scores(blocks, family), blocks.carried, family.correction, Signs(signs, signs**2, {})
        )

    estimate, statistic, *_ = drawn(two)
    assert np.isnan(estimate[1]).all()
    assert np.isnan(statistic[1]).all()
    assert statistic[0] == pytest.approx(drawn(one)[1][0])


def test_a_null_that_finds_another_estimate_is_left_out():
    curve = specdid.run(small_study(inference={"draws": 0}), data=small_panel(), audit=0)
    index = np.flatnonzero(curve.results.status == 0)[:3]
    exact = curve.results.estimate[index]
    table, ones = DrawTable.of(np.zeros((3, 5))), np.ones(3)
    draws = NullDraws("wild", index, exact.copy(), ones, np.full(3, 0.1), ones, table, table, (), 0, 9, 9, (table,) * 3)
    assert agreeing(draws, curve.results) is draws
    off = dataclasses.replace(draws, estimate=exact + np.array([0.0, 1e-4, 0.0]))
    kept = agreeing(off, curve.results)
    assert kept.index.tolist() == index[[0, 2]].tolist()
    assert kept.null_statistic.shape == (2, 5)
    assert [t.shape for t in kept.imposed] == [(2, 5)] * 3
    assert [c.message for c in kept.left_out] == [
        "1 specification is too near to collinear for this null, and left out of it"
    ]


@pytest.mark.parametrize(("cluster", "units"), [("id", 24), ("group", 60), ("group", 24), ("year", 24)])
def test_a_specification_alone_in_its_batch_draws_what_it_draws_among_others(cluster, units):
    """Alone it has sums of its own columns, not cross products of all; nested, crossed and several components."""
    ctx = context(cluster, panel(units))
    problem, members = ctx.compiled.problem, ctx.compiled.members
    signs = wild.cluster_signs(ctx.cluster, DRAWS, 11)
    shared = (problem, members, ctx.dropped, ctx.cluster, signs)
    alone = 0
    for batch in draw_batches(problem, members):
        together = draw_part(shared, [batch])
        for k, member in enumerate(batch.members):
            one = draw_part(shared, [dataclasses.replace(batch, members=np.array([member]))])
            alone += len(batch.members) > 1
            for name in ("estimate", "statistic", "imposed", "error"):
                got, expected = getattr(one, name)[0], getattr(together, name)[k]
                assert got == pytest.approx(expected, rel=1e-8, abs=1e-9, nan_ok=True)
    assert alone >= 20


@pytest.mark.parametrize(
    ("plain", "sunab", "costly"),
    [(119, 0, (False, False)), (121, 10, (True, False)), (121, 151, (True, True)), (50, 90, (False, True))],
)
def test_the_dearest_are_left_to_fewer_draws(plain, sunab, costly, monkeypatch):
    """A thousand draws within 60 seconds, of .5 ms and .4 ms each; what is left out takes no time from the others."""
    kind = np.repeat([-1, 0], [plain, sunab])
    monkeypatch.setattr(_permutation_strategy, "seconds_of_sunab", lambda problem, members: 4e-4 * len(members))
    members = SimpleNamespace(sunab=kind, take=lambda which: which)
    found = _permutation_strategy._too_costly(None, members, np.ones(len(kind), bool), 1000)
    assert found.tolist() == np.repeat(costly, [plain, sunab]).tolist()


def test_sun_abraham_models_cost_by_their_cells():
    """Two models of 16 cohorts over 40 periods take 10 ms each in a draw, 25 times what .4 ms a model would be."""
    seconds = {}
    for periods, cohorts in ((8, 2), (40, 16)):
        unit, year = np.repeat(np.arange(60), periods), np.tile(np.arange(periods), 60)
        first = np.where(np.arange(60) % 3 == 0, -1, 1 + np.arange(60) % cohorts)[unit]
        columns = {"id": unit, "year": year, "state": unit % 5, "first": first, "y": np.sin(unit * year)}
        data = pl.DataFrame({**columns, "d": ((first > 0) & (year >= first)) * 1.0})
        study = {
            "study": {"data": "given.csv", "unit": "id", "time": "year", "never": [-1]},
            "outcome": {"y": "y"},
            "treatment": {"d": {"term": "I((first > 0) * (year >= first))", "cohort": "first"}},
            "fixed_effects": {"plain": "id + year", "by state": "id + year + state"},
            "estimator": {"s": "sunab"},
            "inference": {"null": ["permutation"], "assign": "first"},
        }
        prepared = prepare(study, data)
        compiled = compile_plan(prepared.plan, prepared.panel, prepared.evaluator)
        members, problem = compiled.members, compiled.problem
        seconds[periods] = _permutation_strategy.seconds_of_sunab(problem, members)
        every = np.ones(len(members), bool)
        assert _permutation_strategy._too_costly(problem, members, every, 9999).all() == (periods == 40)
    assert seconds[40] > 20 * seconds[8]
    assert 0.02 < seconds[40] < 0.04


def test_the_whole_history_of_a_treatment_moves():
    """Where a unit lacks the outcome it has the treatment of whose history it is dealt, which dates its switch."""
    rng = np.random.default_rng(4)
    data = panel()
    moves = np.where(rng.random((24, 7)) < 0.2, rng.integers(0, 3, (24, 7)), -1)
    moves[:, 0] = 0
    s = np.array([pl.Series(np.where(row < 0, np.nan, row)).fill_nan(None).forward_fill() for row in moves]).ravel()
    unseen = rng.random(len(data)) < 0.25
    data = data.with_columns(s=pl.Series(s), y=pl.when(pl.Series(unseen)).then(None).otherwise(pl.col("y")))
    moved = {"draws": DRAWS, "cluster": "id", "assign": "s", "null": ["permutation"]}
    plain = {"weights": {"none": "1"}, "controls": {"none": "1"}, "fixed_effects": {"two-way": "id + year"}}
    asked = {"method": "did_multiplegt_dyn", "effects": 2}
    ctx = context("id", data, treatment={"s": "s"}, estimator={"D": asked}, inference=moved, **plain)
    drawn = permutation_refit.draw(ctx)
    assert drawn.index.tolist() == [0]
    assignment = make_assignment(ctx.panel, ("s",), ctx.panel.unit_codes, None)
    names = {"id": "unit", "year": "t", "s": "d"}
    apart = 0
    for b in range(DRAWS):
        dealt = pl.Series(permute(ctx.panel, assignment, 11, b).columns["s"].numbers)
        frame = data.with_columns(s=dealt, w=pl.lit(1.0)).select("id", "year", "y", "s", "w").rename(names).to_pandas()
        estimate, (error,) = average_of_changes(frame, {"effects": 2}, ["unit"])
        assert np.asarray(drawn.null_estimate)[0, b] == pytest.approx(estimate, rel=1e-9)
        assert np.asarray(drawn.null_statistic)[0, b] == pytest.approx(estimate / error, rel=1e-9)
        apart += abs(average_of_changes(frame.dropna(), {"effects": 2}, ["unit"])[0] - estimate) > 1e-3
    assert apart  # treatments of rows without an outcome matter


def test_synthetic_weights_are_found_anew_and_placebos_within_the_budget():
    """An error by placebos is as many fits as these: beyond the budget it is left out, and takes no place of others."""
    data = panel()
    plain = {"weights": {"none": "1"}, "controls": {"none": "1"}, "fixed_effects": {"two-way": "id + year"}}
    placebo = {"method": "sdid", "vce": "placebo", "replications": 5000}
    treatment = {"d": {"term": "d", "cohort": "cohort"}}
    ctx = context("id", data, treatment=treatment, estimator={"P": placebo, "S": "sdid"}, **plain)
    drawn = permutation_refit.draw(ctx)
    assert drawn.index.tolist() == [1]
    (said,) = (note for note in drawn.left_out if note.code == "costly")
    assert said.message.startswith("1 specification would take more than 120 s to fit 5 times again")
    assignment = make_assignment(ctx.panel, ("cohort",), ctx.panel.unit_codes, None)
    y = data.sort("id", "year")["y"].to_numpy().reshape(24, 7)
    for b in range(DRAWS):
        cohort = permute(ctx.panel, assignment, 11, b).columns["cohort"].numbers.reshape(24, 7)[:, 0]
        by_hand = Synthetic(y, [], np.where(cohort > 0, cohort - 2001, 7).astype(int))
        estimate, error = by_hand.estimate(), by_hand.jackknife(np.arange(24))
        assert np.asarray(drawn.null_estimate)[0, b] == pytest.approx(estimate, rel=1e-7)
        assert np.asarray(drawn.null_statistic)[0, b] == pytest.approx(estimate / error, rel=1e-6)


def test_signs_in_another_order_are_the_same_whether_kept_or_not():
    table = np.arange(12.0).reshape(4, 3)
    signs = Signs(table, None, {})
    order = np.array([3, 0, 0, 1])
    np.testing.assert_array_equal(signs.in_order(order), table[order])
    assert signs.in_order(order) is signs.in_order(order)
    assert signs.in_order(np.zeros(9, np.int64)) is None  # padding would take more room than the draws
    for first in range(4):
        for second in range(4):
            np.testing.assert_array_equal(signs.in_order(np.array([first, second])), table[[first, second]])
    assert len(signs.ordered) <= 4
