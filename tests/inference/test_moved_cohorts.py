"""Sun-Abraham's draws by group sums are the engine's own estimates; what group sums cannot decide is left to it."""

import dataclasses

import numpy as np
import polars as pl
import pytest
from refits import context, panel, with_rule
from specdid.inference import _permutation_strategy
from specdid.inference._assignment import make_assignment
from specdid.inference._moved_cohorts import moved_batches
from specdid.inference._permutation_strategy import estimate_again, make_again, permuted_problem, split

TREATMENT = {"d": {"term": "d", "cohort": "cohort"}}
BOTH = {"never": "sunab", "not yet": {"method": "sunab", "control": "notyet"}}


def work(data=None, cluster="id", **changes):
    ctx = context(cluster, panel() if data is None else data, **{"estimator": BOTH, "treatment": TREATMENT, **changes})
    of = split(ctx)
    assignment = make_assignment(ctx.panel, of.names, ctx.panel.unit_codes, None)
    return make_again(ctx, of, assignment, np.flatnonzero(of.again | of.costly))


def by_engine(found, draws, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(_permutation_strategy, "_laid_out", lambda work: ())
        return estimate_again(found, draws)


@pytest.mark.parametrize("cluster", ["id", "group"])
def test_are_those_of_the_engine(cluster, monkeypatch):
    """Five kinds of effects, two of weights, three sets of controls, rows missing, both comparisons."""
    found = work(cluster=cluster)
    ours, theirs = estimate_again(found, range(6)), by_engine(found, range(6), monkeypatch)
    assert np.isfinite(theirs).mean() > 0.5
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    error = theirs[2]
    assert np.nanmax(np.abs(ours[0] - theirs[0]) / error) < 1e-9
    assert np.nanmax(np.abs(ours[1] - theirs[1])) < 1e-8
    np.testing.assert_allclose(ours[2:], theirs[2:], rtol=1e-9)


def agrees(found, draws, monkeypatch):
    ours, theirs = estimate_again(found, draws), by_engine(found, draws, monkeypatch)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-8)
    np.testing.assert_array_equal(ours[3], theirs[3])
    return theirs


@pytest.mark.parametrize("seed", range(2))
def test_are_those_of_the_engine_on_unbalanced_panels(seed, monkeypatch):
    """Draws that are solved together have other numbers of cells, and in some cells nothing is left of one."""
    rng = np.random.default_rng(seed)
    data = panel(15)
    data = data.filter(pl.Series(rng.random(len(data)) > 0.3)).with_columns(cohort=pl.col("cohort") - pl.col("id") % 2)
    data = data.with_columns(cohort=pl.when(pl.col("cohort") < 2000).then(0).otherwise(pl.col("cohort")))
    found, left = leaves_out(data, draws=8)
    assert 0 < sum(map(sum, left)) < sum(map(len, left))
    agrees(found, range(1, 9), monkeypatch)


@pytest.mark.parametrize(("ssc", "distribution"), [("reghdfe", "normal"), ("lsdv", None), ("none", "t")])
def test_correct_and_judge_as_the_vcov_says(ssc, distribution, monkeypatch):
    found = with_rule(work(), ssc, distribution)
    theirs = agrees(found, range(1, 3), monkeypatch)
    assert np.isinf(theirs[3][np.isfinite(theirs[3]) | np.isinf(theirs[3])]).all() == (distribution == "normal")


def test_an_outcome_that_controls_nearly_fit_is_left_to_the_engine(monkeypatch):
    data = panel()
    off = pl.Series(1e-4 * np.random.default_rng(3).normal(size=len(data)))
    found, left = leaves_out(data.with_columns(y=2 * pl.col("x1") - pl.col("x3") + off), draws=2)
    assert any(map(any, left))
    agrees(found, range(1, 3), monkeypatch)


def test_most_are_not_left_to_the_engine():
    found = work()
    batches = moved_batches(found.problem, found.members, found.moved)
    problem = permuted_problem(found, 0)
    done = sum(len(b.places) for b in batches if b.draw([problem])[0] is not None)
    assert done > 0.8 * np.count_nonzero(found.members.sunab >= 0)


def test_the_real_assignment_is_the_engines_to_the_bit(monkeypatch):
    found = work()
    np.testing.assert_array_equal(estimate_again(found, range(1)), by_engine(found, range(1), monkeypatch))


def leaves_out(data, draws=6, **changes):
    found = work(data, **changes)
    batches = moved_batches(found.problem, found.members, found.moved)
    return found, [[b.draw([permuted_problem(found, k)])[0] is None for b in batches] for k in range(draws)]


def test_cohorts_treated_from_the_start_change_the_rows(monkeypatch):
    first = int(panel()["year"].min())
    data = panel().with_columns(cohort=pl.when(pl.col("id") % 5 == 0).then(first).otherwise(pl.col("cohort")))
    found, left = leaves_out(data)
    assert all(map(all, left))
    np.testing.assert_array_equal(estimate_again(found, range(1, 4)), by_engine(found, range(1, 4), monkeypatch))


def test_without_never_treated_units_the_last_cohort_is_the_engines_to_choose(monkeypatch):
    """With effects of units alone all cells have coefficients, though nothing is there to compare them with."""
    data = panel().with_columns(cohort=pl.when(pl.col("cohort") == 0).then(2006).otherwise(pl.col("cohort")))
    found, left = leaves_out(data, draws=3, fixed_effects={"unit": "id"})
    assert all(map(all, left))
    np.testing.assert_array_equal(estimate_again(found, range(1, 3)), by_engine(found, range(1, 3), monkeypatch))


def test_cohorts_after_the_last_period_of_the_sample_are_never_treated(monkeypatch):
    """Those of 2005 are seen until 2004 alone."""
    found, left = leaves_out(panel(), draws=2, sample={"early": "year <= 2004"})
    assert not all(left[0])
    ours, theirs = estimate_again(found, range(1, 3)), by_engine(found, range(1, 3), monkeypatch)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-8)


def test_cohorts_that_are_not_seen_treated_leave_nothing_to_average():
    """In a draw who adopts may be seen before alone: no cell is in the average, or there is none at all."""
    paired, short = pl.col("id") <= 4, pl.col("id") % 2 == 0
    data = panel().filter(~paired | ~short | (pl.col("year") < 2004))
    data = data.with_columns(cohort=pl.when(paired & ~short).then(2004).otherwise(0)).drop("d")
    ctx = context("id", data, estimator=BOTH, treatment=TREATMENT)
    of = split(ctx)
    pairs = (ctx.panel.columns["id"].numbers.astype(np.int64) + 1) // 2
    assignment = make_assignment(ctx.panel, of.names, ctx.panel.unit_codes, pairs)
    found = make_again(ctx, of, assignment, np.flatnonzero(of.again | of.costly))
    treated = [(permuted_problem(found, k).values[:, found.members.treatment[0]] > 0).any() for k in range(20)]
    draw = treated.index(False)
    batches = moved_batches(found.problem, found.members, found.moved)
    assert batches
    assert all(b.draw([permuted_problem(found, draw)]) == [None] for b in batches)


def test_gaps_that_travel_change_the_rows(monkeypatch):
    """Units of which it is not known whether they are treated are other units in a draw, and cohorts all known."""
    data = panel().with_columns(known=pl.when(pl.col("id") % 7 == 0).then(None).otherwise(1))
    found, left = leaves_out(
        data,
        derive={"d": "known * ((cohort > 0) & (year >= cohort))"},
        inference={"draws": 5, "cluster": "id", "assign": "cohort + known", "null": ["permutation"]},
    )
    assert left[0]
    assert all(map(all, left))
    np.testing.assert_array_equal(estimate_again(found, range(1, 4)), by_engine(found, range(1, 4), monkeypatch))


def test_a_control_that_is_nearly_another_is_left_to_the_engine(monkeypatch):
    rng = np.random.default_rng(3)
    data = panel()
    data = data.with_columns(x2=pl.col("x1") + 1e-5 * pl.Series(rng.normal(size=len(data))))
    found, left = leaves_out(data)
    assert any(map(any, left))
    ours, theirs = estimate_again(found, range(1, 4)), by_engine(found, range(1, 4), monkeypatch)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-6, atol=1e-7)


def test_what_moves_besides_is_not_taken():
    """Rows, controls, weights, effects or clusters made of the assignment; errors that are not clustered."""
    found = work()
    effects = [len(found.problem.effects[e].fixed) for e in found.members.effects]
    member = int(np.flatnonzero((np.diff(found.members.start) > 0) & (np.array(effects) > 0))[0])
    one = found.members.take(np.array([member]))
    assert moved_batches(found.problem, one, found.moved)
    columns = {"values": [one.outcome[0], one.controls[0]], "rows": [one.rows[0]]}
    columns["codes"] = [found.problem.effects[one.effects[0]].fixed[0], found.problem.vcovs[0].clusters[0]]
    for kind, places in columns.items():
        for place in places:
            marked = getattr(found.moved, kind).copy()
            marked[place] = True
            moved = dataclasses.replace(found.moved, **{kind: marked})
            assert not moved_batches(found.problem, one, moved), (kind, place)
    loose = dataclasses.replace(found.problem, vcovs=(dataclasses.replace(found.problem.vcovs[0], kind="hetero"),))
    assert not moved_batches(loose, one, found.moved)
    offset = dataclasses.replace(found.problem, offsets=np.array([one.controls[0]]))
    assert not moved_batches(offset, one, found.moved)
