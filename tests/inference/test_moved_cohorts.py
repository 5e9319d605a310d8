"""Sun-Abraham's draws by group sums are the engine's own estimates; what group sums cannot decide is left to it."""

import dataclasses

import numpy as np
import polars as pl
import pytest
from refits import context, panel
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
