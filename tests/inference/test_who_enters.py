"""Which specifications enter the joint tests, and what the summary says of those that do not.

A draw whose treatment the effects and controls make up has no statistic: rounding is no placebo.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import specdid
from panels import levels, members_of
from small_studies import small_panel, small_study
from specdid._records.numerals import decimals_for, minus
from specdid._run import infer
from specdid._words import known
from specdid.engine.problem import Effects, Problem, Vcov
from specdid.figures._curve_data import curve_data
from specdid.inference import permutation
from specdid.inference._batches import with_error
from specdid.inference._draw_tables import DrawTable
from specdid.inference._partialled_out import draw_simple
from specdid.report.page import family_numbers, lead
from specdid.report.summary import estimate_tables


def run(types, **inference):
    weights = {"none": "1", "w": {"formula": "w", "type": types[1]}}
    weights["none"] = {"formula": "1", "type": types[0]}
    study = small_study(controls={"none": "1", "one": "x1"}, weights=weights, inference={"draws": 19, **inference})
    return specdid.run(study, small_panel(), audit=0)


@pytest.mark.parametrize("kind", ["nonequivalent", "uncertain"])
def test_options_of_another_type_are_left_out_and_counted(kind):
    curve = run(("equivalent", kind))
    (test,) = curve.tests
    assert set(curve.table.set_index("index").loc[test.index + 1, "weights"]) == {"none"}
    assert len(test.index) == 8
    note = "8 specifications have an option of type nonequivalent or uncertain and are in no joint test"
    notes = [(n.code, n.message, n.specifications) for n in test.notes]
    assert notes == [("not_entering", note, 8)]
    assert f"- {note}" in curve.summary()


def test_equivalent_options_enter():
    curve = run(("equivalent", "equivalent"))
    assert "in no joint test" not in curve.summary()


def test_where_none_enters_the_test_is_off_and_says_so():
    curve = run(("uncertain", "nonequivalent"))
    assert curve.joint == ()
    (off,) = (w for w in curve.warnings if w.code == "no_test")
    assert off.message.startswith("the joint test is off: every specification has an option")


@pytest.mark.parametrize(("alpha", "written"), [(0.05, "at most 0.05 "), (0.2, "at most 0.2 ")])
def test_adjusted_p_values_are_counted_at_the_studys_level(alpha, written):
    curve = run(("equivalent", "equivalent"), alpha=alpha)
    (test,) = curve.tests
    count = int((test.adjusted.p_adjusted <= alpha).sum())
    assert f"{count} of 16 specifications have a step-down adjusted p of {written}" in curve.summary()


METHODS = {"OLS": "feols", "Poisson": "fepois", "did2s": "did2s"}


def untested(monkeypatch=None, **changes):
    inference = {"draws": 19, **changes.pop("inference", {})}
    plain = {"controls": {"none": "1"}, "fixed_effects": {"two-way": "id + year"}, "outcome": {"z": "z"}}
    study = small_study(**plain, inference=inference, **changes)
    curve = specdid.run(study, small_panel().with_columns(d2=(small_panel()["w"] > 1).cast(int)), audit=0)
    return curve, [(w.message, w.specifications) for w in curve.warnings if w.code == "untested"]


@pytest.mark.filterwarnings("ignore")
def test_what_no_null_tests_is_named_with_the_reason(monkeypatch):
    curve, said = untested(estimator=METHODS)
    head = "2 of 3 specifications are tested by no null (Poisson 1, did2s 1): they "
    assert said == [
        (head + "are no least squares, which alone the wild bootstrap takes, and no other null is asked for", 2)
    ]
    apart = curve.summary().split("## Estimates in log points of z")[1].split("##")[0]
    assert "since no null tested these specifications; the warnings say why." in apart
    both = {"null": ["wild", "permutation"], "assign": "d + cohort"}
    assert not untested(estimator=METHODS, inference=both)[1]
    monkeypatch.setattr("specdid.inference.permutation_refit.BUDGET", 1e-9)
    curve, said = untested(estimator=METHODS, inference=both)
    assert said == [
        (
            head + "are no least squares, and would take more than 120 s to fit again in every draw, "
            "by a fixed count of seconds for a fit",
            2,
        )
    ]
    text = curve.summary()
    assert "tested apart" not in text
    assert (
        "2 specifications are not least squares, and are left to the refits of this null, in 19 draws and as far as"
        in text
    )
    assert "no null tested these specifications; the warnings say why." in text


@pytest.mark.filterwarnings("ignore")
def test_what_is_left_out_for_its_work_is_not_said_to_have_no_error(monkeypatch):
    """Beside one that is fitted again: one cause is not told as the other."""
    monkeypatch.setattr("specdid.inference.permutation_refit.SECONDS", 3.2)
    both = {"null": ["permutation"], "assign": "d + cohort"}
    drawn = {"method": "sdid", "vce": "bootstrap", "replications": 5}
    _, said = untested(estimator={"OLS": "feols", "did2s": "did2s", "boot": drawn}, inference=both)
    (message,) = (m for m, _ in said)
    assert "(boot 1): they are no least squares, and would take more than" in message


@pytest.mark.filterwarnings("ignore")
def test_a_treatment_that_stays_is_tested_by_the_wild_null_alone():
    both = {"null": ["wild", "permutation"], "assign": "d + cohort"}
    treatment = {"d": {"term": "d", "cohort": "cohort"}, "other": "d2"}
    _, said = untested(estimator=METHODS, inference=both, treatment=treatment)
    head = "1 of 5 specifications are tested by no null (Poisson 1): they "
    assert said == [(head + "have a treatment that `assign` does not move, and are no least squares", 1)]


UNITS, PERIODS = 12, 8


def panel(effects):
    rng = np.random.default_rng(0)
    unit, time = np.repeat(np.arange(UNITS), PERIODS), np.tile(np.arange(PERIODS), UNITS)
    here = rng.random(len(unit)) < 0.93
    unit, time = unit[here], time[here]
    x = rng.normal(size=len(unit))
    real = treated(unit, time, (0, 2))
    made = treated(unit, time, (1, 5)) + 0.1 * time + x
    values = np.column_stack([rng.normal(size=len(unit)), real, x, made, rng.uniform(0.5, 2, len(unit))])
    codes = np.column_stack([levels(unit), levels(time), levels(100 * (unit // 2) + time)])
    problem = Problem(
        np.asfortranarray(values),
        np.asfortranarray(codes),
        np.ones((1, len(unit)), bool),
        None,
        ("y", "d", "x", "made", "w"),
        ("id", "t", "region^t"),
        (effects,),
        (Vcov("cluster", (0,)),),
        0,
        0.05,
    )
    # The data; a whole region of two; another assignment; all units; nobody; what controls and time effects make up.
    dealt = [(0, 2), (2, 3), (4, 7), range(UNITS), (), (1, 5)]
    return problem, np.column_stack([treated(unit, time, ids) for ids in dealt])


def treated(unit, time, ids):
    return (np.isin(unit, list(ids)) & (time >= 4)).astype(float)


@pytest.mark.parametrize("weights", [-1, 4])
@pytest.mark.parametrize(
    ("effects", "controls", "open_"),
    [
        (Effects((0, 2)), (), [1, 3, 4]),
        (Effects((0, 2)), (2,), [1, 3, 4]),
        (Effects((0, 1)), (), [3, 4]),
        (Effects((0, 1)), (2,), [3, 4]),
        (Effects((0, 1)), (2, 3), [3, 4, 5]),
        (Effects((0, 2)), (2, 3), [1, 3, 4, 5]),
        (Effects((0, 1), ((0, 2),)), (), [3, 4]),
    ],
)
def test_draws_that_are_open_have_no_number_and_the_others_are_refits(effects, controls, open_, weights):
    problem, dealt = panel(effects)
    members = members_of([(0, 1, controls, 0, 0, weights)])
    estimate, t, error = draw_simple(problem, members, {}, {1: dealt})[:, 0]
    for found in (estimate, t, error):
        assert np.flatnonzero(np.isnan(found)).tolist() == open_
    root = np.ones(len(dealt)) if weights < 0 else np.sqrt(problem.values[:, weights])
    parts = [np.eye(c.max() + 1)[c] for c in problem.codes[:, list(effects.fixed)].T]
    parts += [np.eye(UNITS)[problem.codes[:, c]] * problem.values[:, [x]] for c, x in effects.slopes]
    rest = np.hstack([*parts, problem.values[:, list(controls)]])
    for b in range(dealt.shape[1]):
        design = np.column_stack([dealt[:, b], rest]) * root[:, None]
        both = [np.linalg.matrix_rank(part, tol=1e-9) for part in (design, design[:, 1:])]
        assert (both[0] == both[1]) == (b in open_)
        if b not in open_:
            beta = np.linalg.lstsq(design, problem.values[:, 0] * root, rcond=1e-11)[0]
            assert estimate[b] == pytest.approx(beta[0], rel=1e-8)


def pairs(**changes):
    """Eight pairs of a treated and an untreated unit, each a sample, beside all of them."""
    rng = np.random.default_rng(5)
    unit, year = np.repeat(np.arange(16), 9), np.tile(np.arange(2001, 2010), 16)
    d = ((unit % 2 == 0) & (year >= 2005)).astype(int)
    data = pl.DataFrame({"id": unit, "year": year, "region": unit // 4, "pair": unit // 2, "d": d})
    data = data.with_columns(y=pl.Series(rng.normal(size=len(unit)) + unit * 0.37 + year * 0.01 + d * 0.2))
    samples = {"all": "TRUE", **{f"{k}": f"pair == {k}" for k in range(8)}}
    study = {
        "study": {"title": "pairs", "data": "given.csv", "unit": "id", "time": "year", "seed": 3},
        "outcome": {"y": "y"},
        "treatment": {"d": "d"},
        "sample": samples,
        **changes,
    }
    return specdid.run(study, data, audit=0)


BOTH = {"draws": 99, "null": ["wild", "permutation"], "assign": "d"}


@pytest.mark.parametrize("vcov", ["~id", "hetero"])
def test_what_has_no_standard_error_by_the_nulls_cluster_is_in_no_null(vcov, monkeypatch):
    """Of two clusters every sum of scores is rounding; the nulls' cluster may be none of the study's own."""
    estimated = []
    monkeypatch.setattr(infer, "with_error", lambda context: estimated.append(vcov) or with_error(context))
    curve = pairs(inference=BOTH, vcov={"v": vcov})
    assert estimated == ["hetero"] * (vcov == "hetero")
    error = curve.table.std_error
    assert np.isfinite(error[0])
    assert np.isfinite(error[1:]).all() == (vcov == "hetero")
    assert [(t.null, t.index.tolist(), t.draws) for t in curve.tests] == [("wild", [0], 99), ("permutation", [0], 99)]
    (said,) = (w for w in curve.warnings if w.code == "untested")
    assert said.message == (
        "8 of 9 specifications are tested by no null (feols 8): they have no cluster-robust variance in these nulls"
    )
    assert not [w for w in curve.warnings if w.code in ("draws_failed", "not_moved", "too_near_collinear")]


def test_where_none_has_a_standard_error_the_test_is_off_and_says_so():
    curve = pairs(inference=BOTH, sample={"one": "pair == 0", "two": "pair == 3"})
    assert curve.tests == ()
    (off,) = (w for w in curve.warnings if w.code == "no_test")
    assert off.message == "the joint test is off: no specification has a standard error clustered by `id`"
    assert off.specifications == 2


@pytest.mark.parametrize("why", ["not_moved", "too_near_collinear", "draws_failed"])
def test_only_what_is_tested_takes_draws_from_the_others(why, monkeypatch):
    """The second specification fails in most draws, and in two cases is not tested for another reason."""
    null = permutation.INFERENCE

    def failing(context):
        drawn = null.draw(context)
        table = np.array(drawn.null_statistic)
        table[1, 5:] = np.nan
        estimate = drawn.estimate.copy()
        if why == "not_moved":
            table[1, :5] = drawn.statistic[1]
        if why == "too_near_collinear":
            estimate[1] += 1.0
        return replace(drawn, null_statistic=DrawTable.of(table), estimate=estimate)

    monkeypatch.setattr(permutation, "INFERENCE", replace(null, draw=failing))
    asked = {**BOTH, "null": ["permutation"], "assign": "d + cohort"}
    study = small_study(controls={"any": "mvsw(x1, x2)"}, outcome={"y": "y"}, inference=asked)
    (test,) = specdid.run(study, small_panel(), audit=0).tests
    assert [n.code for n in test.notes] == [why]
    assert (1 in test.index, test.draws) == ((True, 5) if why == "draws_failed" else (False, 99))
    if why == "draws_failed":
        assert "most often number 2 of the plan, in 94" in test.notes[0].message


def test_a_specification_without_a_t_in_any_draw_leaves_the_others_their_test(monkeypatch):
    """Its two-way variance cancels in all draws: it was the end of every draw of all."""
    null = permutation.INFERENCE

    def failing(context):
        drawn = null.draw(context)
        table = np.array(drawn.null_statistic)
        table[1] = np.nan
        return replace(drawn, null_statistic=DrawTable.of(table))

    monkeypatch.setattr(permutation, "INFERENCE", replace(null, draw=failing))
    asked = {**BOTH, "null": ["permutation"], "assign": "d + cohort"}
    study = small_study(controls={"any": "mvsw(x1, x2)"}, outcome={"y": "y"}, inference=asked)
    (test,) = specdid.run(study, small_panel(), audit=0).tests
    assert (1 in test.index, test.draws) == (False, 99)
    (said,) = (n for n in test.notes if n.code == "draws_failed")
    assert said.message == "1 specification has no t in any draw and is not in this test (the first, number 2)"
    assert known(said.message, "zh")


def test_medians_and_ranges_are_of_the_specifications_that_the_joint_test_takes():
    curve = run(("equivalent", "nonequivalent"), primary="median estimate", null=["wild"])
    primary = [t for t in curve.joint if t.role == "primary"]
    assert len(primary) == 2
    for test in primary:
        mine = curve.table[(curve.table["scale"].fillna(curve.table["outcome"]) == test.group)]
        taken, rest = (mine[mine["weights"] == name]["estimate"] for name in ("none", "w"))
        pools = {f.apart: f for f in curve.results.pools if f.key == (test.group, test.estimand)}
        assert {kind: len(f.places) for kind, f in pools.items()} == {"": 4, "nonequivalent": 4}
        assert np.allclose(curve.results.spread(pools[""]), (test.value, taken.min(), taken.max()), rtol=1e-12)
        assert np.isclose(curve.results.spread(pools["nonequivalent"])[0], rest.median())
        assert pools["nonequivalent"].shares(curve.null_shares) is None
        lines = {
            line[0]: line[1:5] for title, _, table in estimate_tables(curve) if test.group in title for line in table
        }
        decimals = [decimals_for(values.to_numpy()) for values in (taken, rest)]
        words = (test.estimand, f"{test.estimand}; nonequivalent")
        for name, values, places in zip(words, (taken, rest), decimals, strict=True):
            numbers = (values.median(), values.min(), values.max())
            assert lines[name] == ("4", *(minus(f"{v:,.{places}f}") for v in numbers))
        (panel,) = (p for p in curve_data(curve.results).panels if p.group == test.group)
        assert [s.n for s in panel.series] == [4]
        assert np.isclose(panel.series[0].median, test.value)
        (spread,) = (c.spread for c in curve.choices if c.family.key == (test.group, test.estimand))
        assert spread.n == 4
    numbers = family_numbers(curve)
    assert not lead(numbers, curve.results).family.apart
