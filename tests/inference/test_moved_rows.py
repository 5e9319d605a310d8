"""Draws that move rows are the engine's own estimates; what cross products cannot decide is left to it."""

import dataclasses

import numpy as np
import polars as pl
import pytest
from refits import context, panel, with_rule
from specdid.inference import _permutation_strategy
from specdid.inference._assignment import make_assignment
from specdid.inference._moved_rows import rows_batches
from specdid.inference._permutation_strategy import estimate_again, make_again, permuted_problem, split

STUDY = {"title": "small", "data": "given.csv", "unit": "id", "time": "year", "seed": 7}
SAMPLES = {"early": "cohort %in% c(0, 2004)", "before": "cohort == 0 | year < cohort + 2"}


def work(data=None, cluster="id", **changes):
    ctx = context(cluster, panel(30) if data is None else data, **{"sample": SAMPLES, **changes})
    of = split(ctx)
    assignment = make_assignment(ctx.panel, of.names, ctx.panel.unit_codes, None)
    return make_again(ctx, of, assignment, np.flatnonzero(of.again | of.costly))


def by_engine(found, draws, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(_permutation_strategy, "_laid_out", lambda work: ())
        return estimate_again(found, draws)


def same(found, draws, monkeypatch):
    ours, theirs = estimate_again(found, draws), by_engine(found, draws, monkeypatch)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    error = theirs[2]
    assert np.nanmax(np.abs(ours[0] - theirs[0]) / error) < 1e-10
    assert np.nanmax(np.abs(ours[1] - theirs[1]) / np.maximum(np.abs(theirs[1]), 1.0)) < 1e-10
    np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-10)
    np.testing.assert_array_equal(ours[3], theirs[3])
    return theirs


def taken(found, draw=0):
    problem = permuted_problem(found, draw)
    return [batch.draw([problem])[0] is not None for batch in rows_batches(found.problem, found.members, found.moved)]


@pytest.mark.parametrize("cluster", ["id", "group"])
@pytest.mark.parametrize("missing", ["listwise", "common"])
def test_are_those_of_the_engine(cluster, missing, monkeypatch):
    """Units cut and rows cut, four kinds of effects and three beside, weights, controls and rows missing."""
    found = work(cluster=cluster, study={**STUDY, "missing": missing})
    theirs = same(found, range(3), monkeypatch)
    assert np.isfinite(theirs).mean() > 0.5
    assert sum(taken(found)) > 0.6 * len(taken(found))


@pytest.mark.parametrize("seed", range(3))
def test_are_those_of_the_engine_on_unbalanced_panels(seed, monkeypatch):
    """A fifth of the rows gone, the data of large and of small units."""
    rng = np.random.default_rng(seed)
    data = panel(40)
    data = data.filter(pl.Series(rng.random(len(data)) > 0.2))
    data = data.with_columns(y=1e6 + 1e3 * pl.col("y"), x1=1e-2 * pl.col("x1"), w=1e5 * pl.col("w"))
    found = work(data)
    assert any(taken(found))
    same(found, range(1, 4), monkeypatch)


@pytest.mark.parametrize(("ssc", "distribution"), [("reghdfe", "normal"), ("lsdv", None), ("none", "t")])
def test_correct_and_judge_as_the_vcov_says(ssc, distribution, monkeypatch):
    """Draws that are solved together have other levels, which these rules count."""
    found = with_rule(work(), ssc, distribution)
    assert any(taken(found))
    theirs = same(found, range(1, 4), monkeypatch)
    assert np.isinf(theirs[3]).any() == (distribution == "normal")


def test_the_real_assignment_is_the_engines_to_the_bit(monkeypatch):
    found = work()
    np.testing.assert_array_equal(estimate_again(found, range(1)), by_engine(found, range(1), monkeypatch))


def test_gaps_of_a_treatment_travel_with_it(monkeypatch):
    data = panel(30)
    data = data.with_columns(dose=pl.when(pl.col("cohort") > 0).then(pl.col("cohort") % 3 + 1).otherwise(0))
    data = data.with_columns(dose=pl.when(pl.col("id") % 7 == 0).then(None).otherwise(pl.col("dose")))
    found = work(
        data,
        sample={"all": "TRUE"},
        treatment={"dose": {"term": "dose:I(year > 2003)", "with": "I(year > 2003)"}},
        inference={"draws": 5, "cluster": "id", "assign": "dose", "null": ["permutation"]},
        derive={},
    )
    assert any(taken(found))
    same(found, range(1, 4), monkeypatch)


def test_treatments_with_gaps_of_their_own_have_rows_of_their_own(monkeypatch):
    """Two doses of one batch, missing for other units: no rows are those of both."""
    data = panel(30)
    dose = pl.when(pl.col("cohort") > 0).then(pl.col("cohort") % 3 + 1).otherwise(0)
    data = data.with_columns(
        **{f"dose{k}": pl.when(pl.col("id") % 7 == k).then(None).otherwise(dose) for k in range(2)}
    )
    found = work(
        data,
        sample={"all": "TRUE"},
        treatment={f"{k}": {"term": f"dose{k}:I(year > 2003)", "with": "I(year > 2003)"} for k in range(2)},
        inference={"draws": 5, "cluster": "id", "assign": "dose0 + dose1", "null": ["permutation"]},
        derive={},
    )
    assert len(set(found.members.treatment.tolist())) == 2
    same(found, range(1, 4), monkeypatch)


def test_slopes_and_third_effects_are_left_to_the_engine(monkeypatch):
    found = work(fixed_effects={"slopes": "id[year] + year", "three": "id + year + group^half", "two": "id + year"})
    kinds = [found.problem.effects[e] for e in found.members.effects]
    simple = [not k.slopes and len(k.fixed) < 3 for k in kinds]
    batches = rows_batches(found.problem, found.members, found.moved)
    assert sorted(np.concatenate([b.places for b in batches])) == np.flatnonzero(simple).tolist()
    same(found, range(3), monkeypatch)


def test_a_control_that_is_nearly_another_is_left_to_the_engine(monkeypatch):
    rng = np.random.default_rng(3)
    data = panel(30)
    data = data.with_columns(x2=pl.col("x1") + 1e-3 * pl.Series(rng.normal(size=len(data))))
    found = work(data)
    assert not all(taken(found))
    ours, theirs = estimate_again(found, range(1, 4)), by_engine(found, range(1, 4), monkeypatch)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-8, atol=1e-9)


def test_an_outcome_that_controls_fit_perfectly_is_the_engines(monkeypatch):
    data = panel(30).with_columns(y=2 * pl.col("x1") - pl.col("x3"))
    found = work(data)
    perfect = np.diff(found.members.start) == 3
    theirs = by_engine(found, range(1, 3), monkeypatch)
    assert np.isnan(theirs[1:, perfect]).all()
    np.testing.assert_array_equal(np.isnan(estimate_again(found, range(1, 3))), np.isnan(theirs))


@pytest.mark.parametrize("noise", [0.0, 1e-6, 1e-4])
def test_an_outcome_that_the_treatment_fits_in_every_draw_is_the_engines(noise, monkeypatch):
    """All who are in a draw are treated at once, and the outcome is 1 from then on, but for next to nothing."""
    data = panel(30)
    cohort = pl.when(pl.col("id") % 2 == 0).then(2004).otherwise(0)
    off = pl.Series(noise * np.random.default_rng(1).normal(size=len(data)))
    data = data.with_columns(cohort=cohort, y=(pl.col("year") >= 2004).cast(pl.Float64) + off)
    bare = {"controls": {"none": "1"}, "fixed_effects": {"unit": "id"}, "weights": {"none": "1"}}
    found = work(data, sample={"treated": "cohort > 0"}, **bare)
    assert not any(taken(found))
    ours, theirs = estimate_again(found, range(1, 3)), by_engine(found, range(1, 3), monkeypatch)
    np.testing.assert_array_equal(ours, theirs)
    assert np.isnan(theirs[1:]).all() == (noise == 0.0)


def test_effects_that_fall_apart_in_a_draw_are_the_engines(monkeypatch):
    """Early units and late ones share periods with one unit alone, which leaves the sample in some draws."""
    data = pl.concat([panel(21), panel(21).with_columns(pl.col("year") + 7)]).with_columns(half=1)
    early, link, lost = pl.col("id") <= 10, pl.col("id") == 21, pl.col("id") == 1
    data = data.filter(link | (early == (pl.col("year") < 2008)))
    begins = pl.when(early).then(2004).otherwise(2011)
    cohort = pl.when(lost).then(1999).when(link | (pl.col("id") % 2 == 0)).then(0).otherwise(begins)
    data = data.with_columns(cohort=cohort).sort("id", "year")
    ctx = context("id", data, sample={"not 1999": "cohort != 1999"}, fixed_effects={"two-way": "id + year"})
    of = split(ctx)
    unit = ctx.panel.columns["id"].numbers
    strata = np.where(np.isin(unit, (1, 21)), 0, np.where(unit <= 10, 1, 2))
    assignment = make_assignment(ctx.panel, of.names, ctx.panel.unit_codes, strata)
    found = make_again(ctx, of, assignment, np.flatnonzero(of.again | of.costly))
    apart = [
        bool((permuted_problem(found, k).values[unit == 21, found.members.treatment[0]] > 0).all()) for k in range(8)
    ]
    assert {*apart} == {True, False}
    for draw, gone in enumerate(apart):
        assert any(taken(found, draw)) is not gone
    same(found, range(1, 6), monkeypatch)


def test_a_draw_that_leaves_nothing_treated_is_the_engines(monkeypatch):
    found = work(sample={"never": "cohort == 0", "all": "TRUE"})
    assert not any(taken(found))
    np.testing.assert_array_equal(estimate_again(found, range(1, 3)), by_engine(found, range(1, 3), monkeypatch))


def test_what_moves_besides_is_not_taken():
    """Outcomes, controls, weights, effects or clusters made of the assignment; errors that are not clustered."""
    found = work()
    members = found.members
    wanted = (np.diff(members.start) > 0) & (members.weights >= 0)
    wanted &= np.array([len(found.problem.effects[e].fixed) == 2 for e in members.effects])
    one = members.take(np.flatnonzero(wanted)[:1])
    assert rows_batches(found.problem, one, found.moved)
    columns = {"values": [one.outcome[0], one.controls[0], one.weights[0]]}
    columns["codes"] = [found.problem.effects[one.effects[0]].fixed[0], found.problem.vcovs[0].clusters[0]]
    for kind, places in columns.items():
        for place in places:
            marked = getattr(found.moved, kind).copy()
            marked[place] = True
            moved = dataclasses.replace(found.moved, **{kind: marked})
            assert not rows_batches(found.problem, one, moved), (kind, place)
    loose = dataclasses.replace(found.problem, vcovs=(dataclasses.replace(found.problem.vcovs[0], kind="hetero"),))
    assert not rows_batches(loose, one, found.moved)
    offset = dataclasses.replace(found.problem, offsets=np.array([one.controls[0]]))
    assert not rows_batches(offset, one, found.moved)
