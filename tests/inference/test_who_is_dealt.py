"""Whose assignment is dealt out: the levels that have a row in a sample, and no others."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import specdid
from simulated import records
from small_studies import small_panel, small_study
from specdid._records.cautions import from_fault
from specdid._run.prepare import prepare
from specdid.engine.compile import compile_plan
from specdid.inference._assignment import deal, in_samples, make_assignment, permute

pytestmark = pytest.mark.usefixtures("undrawn")

INSIDE, UNITS = 24, 48


def panel() -> pl.DataFrame:
    """24 units of which 16 are treated, and 24 others, untreated, which no sample has."""
    inside = small_panel().with_columns(inside=pl.lit(1))
    outside = inside.with_columns(
        pl.col("id") + INSIDE, inside=pl.lit(0), cohort=pl.lit(0, pl.Int64), d=pl.lit(0, pl.Int64)
    )
    return pl.concat([inside, outside.select(inside.columns)]).with_columns(
        ever=(pl.col("cohort") > 0).cast(pl.Int64), wing=pl.col("id") % 2
    )


def study(**changes):
    base = {
        "controls": {"n": "1"},
        "outcome": {"y": "y"},
        "fixed_effects": {"t": "id + year"},
        "vcov": {"u": "~id"},
        "sample": {"in": "inside == 1"},
        "inference": {"draws": 99, "null": ["permutation"], "assign": "d + cohort"},
    }
    return small_study(**{**base, **changes})


def dealt(spec, data, names=("d", "cohort"), some=None) -> list[int]:
    """The units that are dealt."""
    made = prepare(spec, data)
    compiled = compile_plan(made.plan, made.panel, made.evaluator)
    members = compiled.members if some is None else compiled.members.take(np.array(some))
    level = in_samples(made.panel.unit_codes, compiled, members, frozenset(names), made.evaluator)
    units = made.panel.columns["id"].numbers
    assert sorted(np.unique(level[level >= 0])) == list(range(level.max() + 1))
    return np.unique(units[level >= 0]).astype(int).tolist()


FIRST, EVERY = list(range(1, INSIDE + 1)), list(range(1, UNITS + 1))
WHO = {
    "a sample": ({}, FIRST),
    "two samples": ({"sample": {"in": "inside == 1", "more": "id <= 30"}}, list(range(1, 31))),
    "all": ({"sample": {"all": "TRUE", "in": "inside == 1"}}, EVERY),
    "one that reads the assignment": ({"sample": {"in": "inside == 1 & d >= 0"}}, EVERY),
    "one that reads what is made of it": (
        {"derive": {"on": "max(d, by = id)"}, "sample": {"in": "inside == 1 & on >= 0"}},
        EVERY,
    ),
    "an outcome that is not there": ({"outcome": {"y": "ifelse(id > 20, NA, y)"}}, list(range(1, 21))),
    "a control that is not there": ({"controls": {"c": "I(ifelse(id > 20, NA, x1))"}}, list(range(1, 21))),
    "one of two controls": ({"controls": {"c": "I(ifelse(id > 20, NA, x1))", "n": "1"}}, FIRST),
    "a control made of the assignment": ({"controls": {"c": "I(ifelse(d > 1, 1, x1 * (d + 1)))"}}, FIRST),
    "a weight of nothing": ({"weights": {"w": "ifelse(id > 20, 0, w)"}}, list(range(1, 21))),
    "rows common to all": (
        {
            "controls": {"c": "I(ifelse(id > 20, NA, x1))", "n": "1"},
            "study": {**small_study()["study"], "missing": "common"},
        },
        list(range(1, 21)),
    ),
    "Sun-Abraham": ({"estimator": {"s": "sunab"}}, FIRST),
    "a variant's rows": (
        {"variant": {"v": {"a": {"where": "id != 3"}}}, "sample": {"in": "inside == 1 & d >= 0"}},
        [u for u in EVERY if u != 3],
    ),
}


@pytest.mark.parametrize("case", WHO)
def test_levels_with_a_row_in_a_sample_are_dealt(case):
    changes, expected = WHO[case]
    assert dealt(study(**changes), panel()) == expected


def test_a_missing_treatment_leaves_nobody_out_since_it_moves():
    data = panel().with_columns(
        pl.when(pl.col("id") == 5).then(None).otherwise(pl.col(c)).alias(c) for c in ("d", "cohort")
    )
    assert dealt(study(), data) == FIRST


def test_who_is_left_out_keeps_its_path_and_nobody_gets_it():
    made = prepare(study(sample={"in": "id > 10 & id <= 30"}), panel())
    compiled = compile_plan(made.plan, made.panel, made.evaluator)
    names = frozenset(("d", "cohort"))
    level = in_samples(made.panel.unit_codes, compiled, compiled.members, names, made.evaluator)
    assignment, moved = make_assignment(made.panel, ("d", "cohort"), level, None), 0
    for draw in range(5):
        permuted = permute(made.panel, assignment, 7, draw)
        old, new = (p.columns["cohort"].numbers for p in (made.panel, permuted))
        assert (old[level < 0] == new[level < 0]).all()
        assert sorted(old[level >= 0]) == sorted(new[level >= 0])
        moved += (old != new).any()
        assert sorted(deal(assignment, 7, draw)) == list(range(20))
    assert moved


@pytest.mark.parametrize("estimator", ["feols", "sunab", "did2s", "csdid"])
def test_units_outside_all_samples_change_no_draw(estimator):
    """The null, by draws or refits, and placebos: the same as of a file without these units, in every draw."""
    changes = {"estimator": {"e": estimator}, "inference": {**study()["inference"], "draws": 19}}
    if estimator in ("feols", "sunab"):
        changes["placebo"] = {"draws": 29}
    data = panel()
    with_, without = (specdid.run(study(**changes), one, audit=0) for one in (data, data.filter(pl.col("inside") == 1)))
    assert len(with_.tests) == 1
    assert repr(with_.tests[0].tests) == repr(without.tests[0].tests)
    assert with_.tests[0].draws == without.tests[0].draws == 19
    for one, other in zip(with_.analyses, without.analyses, strict=True):
        for table, same in zip(one.finding.tables, other.finding.tables, strict=True):
            assert repr(table.rows) == repr(same.rows)


def test_a_placebo_deals_among_those_of_its_own_sample():
    """The curve's null has all units, since one sample has them; the placebo of the other one has its 24."""
    found = {}
    for name, data, sample in (
        ("alone", panel().filter(pl.col("inside") == 1), {"in": "inside == 1"}),
        ("beside", panel(), {"in": "inside == 1", "all": "TRUE"}),
    ):
        spec = study(
            sample=sample,
            inference={"draws": 0, "assign": "d + cohort"},
            placebo={"draws": 49, "fix": {"sample": "in"}},
        )
        (finding,) = (a.finding for a in specdid.run(spec, data, audit=0).analyses)
        (found[name],) = records(finding.tables[0])
    assert found["alone"]["placebo_sd"] == pytest.approx(found["beside"]["placebo_sd"], rel=1e-10)


def test_counts_of_check_are_of_those_who_are_dealt():
    """4 units of which one is treated are 4 assignments, however many others the file has."""
    data = panel()
    few = study(
        sample={"in": "id <= 6 & id != 3 & id != 4"},
        inference={"draws": 19, "null": ["permutation"], "assign": "d + cohort"},
    )
    said = {f.code: f.message for f in specdid.check(few, data)}
    alone = {
        f.code: f.message
        for f in specdid.check(few, data.filter(pl.col("id") <= 6, pl.col("id") != 3, pl.col("id") != 4))
    }
    assert "there are 12 different assignments" in said["few_assignments"]  # 2005, never, never, 2004 and so on
    assert said["few_assignments"] == alone["few_assignments"]
    curve = specdid.run(few, data, audit=0)
    assert [t.distinct for t in curve.tests] == [12]


def test_levels_in_fixed_strata_and_treated_that_stay_are_counted_among_those_who_are_dealt():
    data = panel().with_columns(stratum=pl.when(pl.col("id") % 3 == 0).then(0).otherwise(pl.col("id") % 4 + 1))
    asked = study(inference={"draws": 99, "null": ["permutation"], "assign": "d + cohort", "strata": "stratum"})
    found = []
    for one in (data, data.filter(pl.col("inside") == 1)):
        faults = {f.code: f for f in specdid.check(asked, one)}
        found.append([faults[c].message for c in ("strata_fixed", "treated_stay")])
        assert from_fault(faults["treated_stay"]).severity == "serious"
    assert found[0] == found[1]
    assert "of 24 levels" in found[0][0]
