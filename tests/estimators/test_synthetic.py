"""sdid: R's synthdid on the reference panel, formulas by hand in corner cases, and what it refuses."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import specdid
from adoption import adoption_panel
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from small_problems import task_of
from small_studies import small_panel, small_study
from specdid import _plugins
from specdid._audit.definitions import Synthetic, weights_of
from specdid._records.fits import VCOV_NOTES as TEXTS
from specdid._words import known
from specdid.estimators._base import VCOV_NOTES, Failure
from specdid.estimators.sdid import synthetic
from specdid.estimators.sdid.synthetic import Penalty, simplex_weights

SDID = _plugins.load("estimators", "sdid")
REFERENCE = Path(__file__).parents[1] / "reference"


def laid(frame, controls=(), vcovs=("unit",), weights=None, **options):
    spec = ("y", "d", controls, ("unit", "t"), weights, "sdid")
    return task_of(frame, spec, vcovs=vcovs, unit="unit", time="t", cohort="cohort", options={"sdid": options})


def fit(frame, *given, **options):
    return SDID.estimate(laid(frame, *given, **options))


def panel(y, first):
    """A frame of outcomes (N, T) by unit and period, and each unit's first treated period."""
    count, periods = y.shape
    frame = pd.DataFrame({"unit": np.repeat(np.arange(count), periods), "t": np.tile(np.arange(periods), count)})
    cohort = np.repeat(np.asarray(first, float), periods)
    frame["cohort"] = np.where(cohort < periods, cohort, np.nan)
    return frame.assign(y=y.ravel(), d=(frame.t >= frame.cohort).astype(float)).astype(float)


def random_panel(seed, count=9, periods=7, first=(4, 4)):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(count, 1)) + rng.normal(size=(count, periods)).cumsum(axis=1)
    return y, [*first, *([periods] * (count - len(first)))]


def test_r_s_synthdid_on_the_reference_panel():
    """synthdid 0.0.9 with its defaults: batch 2012 against the never treated."""
    rows = pd.read_csv(REFERENCE / "did" / "did_balanced_rows.csv")
    frame = pd.read_csv(REFERENCE / "panel.csv").merge(rows, on=["city_id", "year"])
    frame = frame[frame.batch.isin([0, 2012])].copy()
    frame["cohort"] = frame.batch.replace(0, np.nan).astype(float)
    frame["d"] = (frame.year >= frame.cohort).astype(float)
    frame = frame.rename(columns={"city_id": "unit", "year": "t", "ln_so2": "y"})
    theirs = pd.read_csv(REFERENCE / "did" / "synthdid.csv").set_index("method").loc["synthdid"]
    found = fit(frame[["unit", "t", "y", "cohort", "d"]].astype(float))
    assert found.estimate == pytest.approx(theirs.estimate, rel=1e-10)
    assert found.std_error[0] == pytest.approx(theirs.se_jackknife, rel=1e-10)
    assert found.units == (93, 17, 76, 0)
    assert (found.nobs, found.n_clusters, found.df) == (93 * 13, (93,), (np.inf,))


def test_proposition_99_where_a_package_brings_it():
    """-15.604 in Arkhangelsky and others (2021), -15.60383 by Stata's sdid; the data are in PyPI's synthdid-py 0.1."""
    load = getattr(pytest.importorskip("synthdid"), "load_california_prop99", None)
    if load is None:
        pytest.skip("another package of that name")
    rows = load().sort_values(["State", "Year"])
    wide = rows.pivot(index="State", columns="Year", values="PacksPerCapita")
    found = fit(panel(wide.to_numpy(), np.where(wide.index == "California", 19, 31)), vce="bootstrap", replications=2)
    assert found.estimate == pytest.approx(-15.60383, abs=5e-6)
    assert found.vcov_notes == ("no_bootstrap",)


def test_draws_of_the_bootstrap_are_those_of_another_program(monkeypatch):
    """PyPI's synthdid-py 0.1, a port of R's synthdid, given the units that are drawn here."""
    pytest.importorskip("synthdid.vcov")
    import synthdid

    y, first = random_panel(5, 20, 8, (5,) * 6)
    y, first = y[::-1], first[::-1]  # controls stand first there
    laid_out = synthetic.BalancedPanel(y, np.empty((0, *y.shape)), np.array(first))
    aims, cohorts = synthetic.overall(laid_out), synthetic.estimate_cohorts(laid_out)
    found = synthetic.resamples(laid_out, cohorts, aims, np.arange(20), 5, 7)
    there = synthdid.synthdid_estimate(y, 14, 5)
    drawn = iter(synthetic._generators(5, 7))

    class Units:
        def integers(self, low, high, size):
            return next(drawn).integers(20, size=20)

    monkeypatch.setattr(np.random, "default_rng", lambda seed: Units())
    theirs = sys.modules["synthdid.vcov"].bootstrap_sample(there, 5, random_state=0)
    assert found[:, 0] == pytest.approx(theirs, rel=1e-9)


def weights_by_slsqp(columns, target, zeta):
    """The same program, by another algorithm and to its end."""
    a, b = columns - columns.mean(axis=0), target - target.mean()
    count = a.shape[1]

    def objective(x):
        rest = a @ x - b
        gradient = 2 * (a.T @ rest / len(a) + zeta**2 * x)
        return rest @ rest / len(a) + zeta**2 * x @ x, gradient

    total = {"type": "eq", "fun": lambda x: x.sum() - 1, "jac": lambda x: np.ones(count)}
    start = np.full(count, 1 / count)
    return minimize(
        objective,
        start,
        jac=True,
        bounds=[(0, 1)] * count,
        constraints=[total],
        options={"ftol": 1e-14, "maxiter": 500},
    ).x


@pytest.mark.parametrize("seed", range(4))
def test_weights_solve_their_program(seed):
    rng = np.random.default_rng(seed)
    columns, target = rng.normal(size=(8, 6)), rng.normal(size=8)
    found = simplex_weights(columns[None], target[None], Penalty(0.7, 1e-8))[0][0]
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(found, weights_by_slsqp(columns, target, 0.7), atol=2e-4)


def test_programs_solved_at_once_are_each_as_alone():
    """Also where the matrices of cross-products would be too large, and rows of them are formed one by one."""
    rng = np.random.default_rng(2)
    columns, targets = rng.normal(size=(5, 8, 6)), rng.normal(size=(5, 8))
    together, _ = simplex_weights(columns, targets, Penalty(0.3, 1e-5))
    alone = [simplex_weights(c[None], b[None], Penalty(0.3, 1e-5))[0][0] for c, b in zip(columns, targets, strict=True)]
    np.testing.assert_allclose(together, alone, atol=1e-12)
    wide, target = rng.normal(size=(4, 2100)), rng.normal(size=4)
    found = simplex_weights(wide[None], target[None], Penalty(0.5, 1e-4))[0][0]
    expected, _ = weights_of(np.column_stack([wide.T, wide.T[:, :1]]), np.append(target, 0.0), 1, 4)
    assert found.shape == expected.shape
    assert found.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ("count", "periods", "first"),
    [(9, 7, (4, 4)), (9, 7, (4,)), (9, 7, (6, 6)), (9, 7, (3, 3, 5)), (4, 7, (4, 4)), (12, 4, (2, 3, 3))],
    ids=["block", "one treated", "one post period", "staggered", "two controls", "two pre-periods"],
)
def test_the_formula_unit_by_unit(count, periods, first):
    """Against the audit's program, which leaves units out and weights by residuals."""
    y, start = random_panel(3, count, periods, first)
    found = fit(panel(y, start))
    expected = Synthetic(y, [], start)
    assert found.estimate == pytest.approx(expected.estimate(), rel=1e-9)
    error = expected.jackknife(np.arange(count))
    if np.isnan(error):
        assert found.vcov_notes == ("rather_placebo",)
    else:
        assert found.std_error[0] == pytest.approx(error, rel=1e-9)


def test_two_controls_and_one_cohort_by_hand():
    """λ and ω of two numbers have closed forms: a line's minimum within 0 and 1."""
    y = np.array([[1.0, 2.0, 4.0], [0.0, 2.0, 1.0], [1.0, 1.5, 2.5]])
    found = fit(panel(y, [2, 3, 3]))
    sigma = np.std([2.0, 0.5], ddof=1)
    # Before treatment the treated unit rises by 1, the controls by 2 and ½: rows are half of that from their mean.
    # Least of (ω (2 − ½) + ½ − 1)² / 4 + σ² (ω² + (1 − ω)²), one cell being treated.
    omega = np.clip((1.5 * 0.5 / 4 + sigma**2) / (1.5**2 / 4 + 2 * sigma**2), 0, 1)
    # The controls differ by −1 and ½ before treatment and by −1½ after it: without extrapolation λ takes all of −1.
    lam = 1.0
    change = y[:, 2] - lam * y[:, 0] - (1 - lam) * y[:, 1]
    assert found.estimate == pytest.approx(change[0] - omega * change[1] - (1 - omega) * change[2], rel=1e-4)


@settings(max_examples=examples(12), deadline=None)
@given(st.integers(0, 10_000))
def test_what_leaves_the_number_and_what_scales_it(seed):
    y, first = random_panel(seed, 8, 6, (3, 5))
    rng = np.random.default_rng(seed + 1)
    frame = panel(y, first)
    found = fit(frame)
    order = rng.permutation(len(frame))
    assert fit(frame.iloc[order].reset_index(drop=True)).estimate == pytest.approx(found.estimate, rel=1e-9, abs=1e-12)
    names = rng.permutation(8)
    renamed = fit(frame.assign(unit=names[frame.unit.astype(int)].astype(float)))
    assert renamed.estimate == pytest.approx(found.estimate, rel=1e-6, abs=1e-8)
    assert renamed.std_error[0] == pytest.approx(found.std_error[0], rel=1e-6, nan_ok=True)
    moved = y + 100 * rng.normal(size=(8, 1)) + 7.0 * np.arange(6)
    assert fit(panel(moved, first)).estimate == pytest.approx(found.estimate, rel=1e-6, abs=1e-8)
    scaled = fit(panel(-1e-5 * y, first))
    assert scaled.estimate == pytest.approx(-1e-5 * found.estimate, rel=1e-9, abs=1e-14)
    assert scaled.std_error[0] == pytest.approx(1e-5 * found.std_error[0], rel=1e-8, nan_ok=True)


def test_cohorts_count_by_their_treated_cells():
    y, first = random_panel(5, 12, 8, (3, 3, 6))
    frame = panel(y, first)
    early, late = (fit(frame[frame.cohort.isna() | (frame.cohort == a)]).estimate for a in (3, 6))
    assert fit(frame).estimate == pytest.approx((10 * early + 2 * late) / 12, rel=1e-8)


def test_the_jackknife_by_cluster_leaves_whole_clusters_out():
    frame = adoption_panel()
    found = fit(frame, (), ("unit", "state", "t"))
    assert found.vcov_notes == ("", "", "parts_units")
    wide = frame.pivot(index="unit", columns="t", values="y").to_numpy()
    state = frame.groupby("unit").state.first().to_numpy()
    first = frame.groupby("unit").cohort.first().fillna(8).astype(int).to_numpy()
    expected = Synthetic(wide, [], first)
    assert found.std_error[:2] == pytest.approx(
        (expected.jackknife(np.arange(60)), expected.jackknife(state)), rel=1e-8
    )
    assert found.n_clusters[:2] == (60, 10)


def test_controls_are_taken_out_by_the_never_treated():
    frame = adoption_panel()
    plain, netted = fit(frame), fit(frame, ("x",))
    never = frame[frame.cohort.isna()]
    dummies = [pd.get_dummies(never[c]).to_numpy(float) for c in ("unit", "t")]
    beta = np.linalg.lstsq(np.column_stack([never.x, *dummies]), never.y, rcond=None)[0][0]
    by_hand = fit(frame.assign(y=frame.y - beta * frame.x))
    assert netted.estimate == pytest.approx(by_hand.estimate, rel=1e-9)
    assert netted.std_error[0] != pytest.approx(by_hand.std_error[0], rel=1e-6)  # β is estimated without each unit
    constant = frame.assign(x=frame.unit)
    found = fit(constant, ("x",))
    assert (found.dropped, found.estimate) == ((0,), pytest.approx(plain.estimate, rel=1e-12))
    apart = frame.assign(x=np.where(frame.cohort.isna(), 0.0, frame.x))
    refused = fit(apart, ("x",))
    assert refused.code == "not_identified"
    assert refused.message.startswith("the coefficient of x is not known: among the units never treated")


def test_one_treated_unit_has_no_jackknife_and_a_placebo():
    y, first = random_panel(8, 12, 7, (4,))
    frame = panel(y, first)
    assert (fit(frame).vcov_notes, np.isnan(fit(frame).std_error[0])) == (("rather_placebo",), True)
    found = fit(frame, vce="placebo", replications=30, seed=4)
    assert found.vcov_notes == ("",)
    assert found.std_error == fit(frame, vce="placebo", replications=30, seed=4).std_error
    assert found.std_error != fit(frame, vce="placebo", replications=30, seed=5).std_error
    assert found.estimate == fit(frame).estimate
    few = fit(panel(*random_panel(8, 5, 7, (4, 4))), vce="placebo", replications=5)
    assert few.vcov_notes == ("no_placebo",)
    assert fit(adoption_panel(), (), ("unit + state",)).vcov_notes == ("not_offered",)  # which has no jackknife


def test_what_is_advised_has_a_standard_error():
    """Whether the jackknife or placebos have one depends on the clusters and on how many are never treated."""
    frame = adoption_panel().query("unit < 24 or unit >= 30")  # 24 treated, 30 never
    wider = fit(frame, (), ("unit", "state"), vce="placebo", replications=5)
    assert wider.vcov_notes == ("", "only_by_unit")
    one_state = frame[frame.cohort.isna() | (frame.state == frame.state[frame.cohort.notna()].min())]
    assert fit(one_state, (), ("unit", "state")).vcov_notes == ("", "placebo_by_unit")
    assert fit(one_state, (), ("unit",), vce="placebo", replications=5).vcov_notes == ("",)
    y, first = random_panel(8, 3, 7, (4,))  # two never treated
    few = panel(y, first)
    assert fit(few).vcov_notes == ("no_jackknife",)
    assert fit(few, vce="placebo", replications=5).vcov_notes == ("no_placebo",)
    notes = dict(zip(VCOV_NOTES, TEXTS, strict=True))
    assert 'vce = "placebo" has a standard error' not in notes["no_jackknife"]
    assert notes["rather_placebo"].endswith("here")
    assert notes["placebo_by_unit"].endswith("by unit alone")


def test_placebos_are_estimates_on_permuted_units():
    """Each draw once more, alone: weights that begin from those of the estimate, with its penalties."""
    y, first = random_panel(9, 11, 7, (4, 5))
    laid_out = synthetic.BalancedPanel(y, np.empty((0, *y.shape)), np.array(first))
    cohorts = synthetic.estimate_cohorts(laid_out)
    found = synthetic.placebos(laid_out, cohorts, synthetic.overall(laid_out), 6, 3)
    for draw, one in enumerate(found[:, 0]):
        key = [3, synthetic.STREAM + draw]
        order = np.random.Generator(np.random.Philox(key=key)).permutation(9)
        own, effects = np.sort(order[:7]), []
        for cohort, placed in zip(cohorts, order[7:], strict=True):
            a, into = cohort.first, y[2 + placed]
            start = cohort.omega[own] / cohort.omega[own].sum()
            controls = y[2 + own]
            lam = simplex_weights(
                controls[None, :, :a], controls[None, :, a:].mean(axis=2), cohort.time_penalty, cohort.lam[None]
            )[0][0]
            omega = simplex_weights(controls.T[None, :a], into[None, :a], cohort.unit_penalty, start[None])[0][0]
            gap = into - omega @ controls
            effects.append(gap[a:].mean() - lam @ gap[:a])
        assert one == pytest.approx(np.average(effects, weights=[3, 2]), rel=1e-7)


@pytest.mark.parametrize("count", [0, 1])
def test_placebos_of_cohorts_of_several_units_count_by_their_cells(count):
    """Two units are given the first cohort and one the second; a control is taken out by those left untreated."""
    raw, first = random_panel(9, 12, 7, (4, 4, 5))
    x = np.random.default_rng(4).normal(size=(count, *raw.shape))
    laid_out = synthetic.BalancedPanel(raw, x, np.array(first))
    cohorts = synthetic.estimate_cohorts(laid_out)
    found = synthetic.placebos(laid_out, cohorts, synthetic.overall(laid_out), 5, 3)
    for draw, one in enumerate(found[:, 0]):
        order = np.random.Generator(np.random.Philox(key=[3, synthetic.STREAM + draw])).permutation(9)
        own, groups, effects, y = np.sort(order[:6]), (np.sort(order[6:8]), order[8:]), [], raw
        if count:
            dummies = np.column_stack([np.kron(np.eye(6), np.ones((7, 1))), np.tile(np.eye(7), (6, 1))])
            design = np.column_stack([x[0][3 + own].ravel(), dummies])
            y = raw - np.linalg.lstsq(design, raw[3 + own].ravel(), rcond=None)[0][0] * x[0]
        for cohort, group in zip(cohorts, groups, strict=True):
            a, controls, into = cohort.first, y[3 + own], y[3 + group].mean(axis=0)
            start = cohort.omega[own] / cohort.omega[own].sum()
            after = controls[None, :, a:].mean(axis=2)
            lam = simplex_weights(controls[None, :, :a], after, cohort.time_penalty, cohort.lam[None])[0][0]
            omega = simplex_weights(controls.T[None, :a], into[None, :a], cohort.unit_penalty, start[None])[0][0]
            gap = into - omega @ controls
            effects.append(gap[a:].mean() - lam @ gap[:a])
        assert one == pytest.approx(np.average(effects, weights=[2 * 3, 1 * 2]), rel=1e-7)
    frame = panel(raw, first).assign(**{f"x{k}": values.ravel() for k, values in enumerate(x)})
    error = fit(frame, ("x0",) * count, vce="placebo", replications=5, seed=3).std_error[0]
    assert error == pytest.approx(np.sqrt(np.mean((found - found.mean()) ** 2)), rel=1e-6)


def test_weights_are_counted_over_cohorts():
    """Controls with a weight in any cohort, and periods of the cohort that has most."""
    y, first = random_panel(3, 12, 9, (3, 3, 7))
    counted = fit(panel(y, first)).extra
    audited = Synthetic(y, [], first).weights.values()
    used = [(omega > 0, int((lam > 0).sum())) for omega, lam in audited]
    assert counted["n_controls_weighted"] == np.logical_or(*(u for u, _ in used)).sum()
    assert counted["n_controls_weighted"] > np.logical_and(*(u for u, _ in used)).sum()
    assert counted["n_periods_weighted"] == max(n for _, n in used) > min(n for _, n in used)


def test_a_jackknife_needs_weights_in_every_cohort_without_each_cluster():
    y, first = random_panel(3, 10, 8, (4, 4, 6, 6))
    laid_out = synthetic.BalancedPanel(y, np.empty((0, *y.shape)), np.array(first))
    (one, other), aims = synthetic.estimate_cohorts(laid_out), synthetic.overall(laid_out)
    alone = replace(one, omega=np.eye(6)[0])
    even = replace(other, omega=np.full(6, 1 / 6))
    assert synthetic.left_out(laid_out, (even, replace(even, first=4, lam=one.lam)), aims, np.arange(10)) is not None
    assert synthetic.left_out(laid_out, (alone, even), aims, np.arange(10)) is None


def again(y, first, cohorts, units):
    """One draw's average, alone: its units one after the other, with the penalties and weights of the estimate."""
    periods, places = y.shape[1], np.asarray(first)
    never = np.flatnonzero(places == periods)
    own = units[places[units] == periods]
    effects, cells = [], []
    for cohort in cohorts:
        a, treated = cohort.first, units[places[units] == cohort.first]
        if not len(treated):
            continue
        into, controls, start = y[treated].mean(axis=0), y[own], cohort.omega[np.searchsorted(never, own)]
        start = start / start.sum() if start.sum() > 0 else np.full(len(own), 1 / len(own))
        late = controls[None, :, a:].mean(axis=2)
        lam = simplex_weights(controls[None, :, :a], late, cohort.time_penalty, cohort.lam[None])[0][0]
        omega = simplex_weights(controls.T[None, :a], into[None, :a], cohort.unit_penalty, start[None])[0][0]
        gap = into - omega @ controls
        effects.append(gap[a:].mean() - lam @ gap[:a])
        cells.append(len(treated) * (periods - a))
    return np.average(effects, weights=cells)


def drawn_units(seed, draw, members):
    """The units of one draw of clusters with replacement."""
    generator = np.random.Generator(np.random.Philox(key=[seed, synthetic.STREAM + draw]))
    return np.sort(np.concatenate([members[g] for g in generator.integers(len(members), size=len(members))]))


@pytest.mark.parametrize("clusters", [np.arange(11), np.repeat(np.arange(6), [2, 2, 2, 2, 2, 1])[::-1]])
def test_the_bootstrap_draws_clusters_of_units_and_weights_them_anew(clusters):
    y, first = random_panel(9, 11, 7, (4, 4, 5))
    laid_out = synthetic.BalancedPanel(y, np.empty((0, *y.shape)), np.array(first))
    cohorts, aims = synthetic.estimate_cohorts(laid_out), synthetic.overall(laid_out)
    codes = np.unique(clusters, return_inverse=True)[1]
    found = synthetic.resamples(laid_out, cohorts, aims, codes, 8, 3)
    assert found.shape == (8, 1)
    members = [np.flatnonzero(codes == g) for g in range(codes.max() + 1)]
    drawn = [drawn_units(3, draw, members) for draw in range(8)]
    both = [{3 if u > 2 else 0 for u in units} == {0, 3} for units in drawn]
    assert sum(both) > 5  # others are drawn again
    expected = [again(y, first, cohorts, units) for units, usable in zip(drawn, both, strict=True) if usable]
    assert found[both, 0] == pytest.approx(expected, rel=1e-7)


def test_bootstrap_errors_by_unit_and_cluster_and_whom_they_need():
    frame = adoption_panel()
    frame = frame[frame.unit % 2 == 0]
    found = fit(frame, (), ("unit", "state", "t"), vce="bootstrap", replications=6, seed=4)
    assert found.vcov_notes == ("", "", "parts_units")
    assert found.estimate == fit(frame).estimate
    assert found.std_error[:1] == fit(frame, vce="bootstrap", replications=6, seed=4).std_error
    assert found.std_error[:1] != fit(frame, vce="bootstrap", replications=6, seed=5).std_error
    wide = frame.pivot(index="unit", columns="t", values="y").to_numpy()
    first = frame.groupby("unit").cohort.first().fillna(8).astype(int).to_numpy()
    laid_out = synthetic.BalancedPanel(wide - wide.mean(axis=1, keepdims=True), np.empty((0, *wide.shape)), first)
    cohorts = synthetic.estimate_cohorts(laid_out)
    state = np.unique(frame.groupby("unit").state.first(), return_inverse=True)[1]
    for v, codes in enumerate((np.arange(30), state)):
        members = [np.flatnonzero(codes == g) for g in range(codes.max() + 1)]
        draws = [again(wide, first, cohorts, drawn_units(4, draw, members)) for draw in range(6)]
        assert found.std_error[v] == pytest.approx(np.std(draws), rel=1e-6)
    alone = fit(panel(*random_panel(8, 12, 7, (4,))), vce="bootstrap", replications=5)
    assert alone.vcov_notes == ("no_bootstrap",)
    of_each = fit(panel(*random_panel(8, 12, 7, (4, 5))), vce="bootstrap", replications=5)
    assert of_each.vcov_notes == ("",)  # two treated units, of which a draw may lack one


def effects_by_hand(y, first, weights, periods, stays):
    """Each period's gap to the weighted controls since the weighted earlier periods, by units of the cohorts in it."""
    places = np.asarray(first)
    found = []
    for k in periods:
        total = count = 0.0
        for a, (omega, lam) in weights.items():
            own, here = stays & (places == a), stays[places == y.shape[1]]
            if not 0 <= a + k < y.shape[1]:
                continue
            controls = (omega * here) @ y[places == y.shape[1]] / (omega * here).sum()
            for gap in y[own] - controls:
                total, count = total + gap[a + k] - lam @ gap[:a], count + 1
        found.append(total / count)
    return np.array(found)


def test_the_event_study_is_since_the_weighted_periods():
    """By hand with the audit's weights; its effects average to the estimate, and the jackknife is by whole paths."""
    y, first = random_panel(4, 14, 8, (4, 4, 4, 5, 5))
    frame = panel(y, first)
    task = laid(frame)
    relative = task.time - task.cohort
    found = SDID.effects_by_period(task, relative, (-3, -2, 0, 1, 2, 3, 9), -1)
    assert found.periods == (-3, -2, -1, 0, 1, 2, 3)
    assert list(found.left_out) == [9]
    assert not found.from_reference
    assert found.untestable
    by_audit, everyone = Synthetic(y, [], first).weights, np.ones(14, bool)
    by_hand = effects_by_hand(y, first, by_audit, found.periods, everyone)
    assert found.estimate == pytest.approx(by_hand, rel=1e-8)
    assert found.size.tolist() == [5, 5, 5, 5, 5, 5, 3]
    assert found.estimate[3:] @ found.size[3:] / found.size[3:].sum() == pytest.approx(fit(frame).estimate, rel=1e-9)
    left = np.array([effects_by_hand(y, first, by_audit, found.periods, np.arange(14) != gone) for gone in range(14)])
    assert found.vcov[0] == pytest.approx(13 * np.cov(left.T, bias=True), rel=1e-7)
    drawn = laid(frame, vce="bootstrap", replications=9, seed=2)
    one, again_ = (SDID.effects_by_period(drawn, relative, (-2, 0, 3), -1) for _ in range(2))
    assert one.vcov.tobytes() == again_.vcov.tobytes()
    assert one.estimate == pytest.approx(by_hand[[1, 2, 3, 6]], rel=1e-8)
    assert np.linalg.eigvalsh(one.vcov[0]).max() > 0


def test_a_lead_that_has_all_weight_is_the_reference():
    """A random walk's last period foresees best: λ is 1 there, and effects are since it, as with other estimators."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=(20, 1)) + 5 * rng.normal(size=(20, 6)).cumsum(axis=1)
    first = [4] * 4 + [6] * 16
    assert Synthetic(y, [], first).weights[4][1][3] == 1
    task = laid(panel(y, first))
    found = SDID.effects_by_period(task, task.time - task.cohort, (-3, -2, 0, 1), -1)
    assert found.periods == (-3, -2, 0, 1)
    assert found.from_reference
    assert found.left_out == {}
    assert "lies in the reference period, which effects and leads are since" in found.note
    assert (np.diag(found.vcov[0]) > 0).all()
    other = SDID.effects_by_period(task, task.time - task.cohort, (-3, -1, 0, 1), -2)
    assert not other.from_reference
    assert list(other.left_out) == [-1]
    assert other.left_out[-1].startswith("zero by construction")
    assert "not since the reference period" in other.note


def test_one_way_of_saying_that_the_reference_has_all_weight(tmp_path):
    """File, table, figure's note and warnings: the reference, and no period without a number or not identified."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=(20, 1)) + 5 * rng.normal(size=(20, 6)).cumsum(axis=1)
    frame = panel(y, [4] * 4 + [6] * 16)
    study = {
        "study": {"data": "given.csv", "unit": "unit", "time": "t", "never": "empty"},
        "outcome": {"y": "y"},
        "treatment": {"d": {"term": "d", "cohort": "cohort"}},
        "estimator": {"s": "sdid"},
        "inference": {"draws": 0},
        "event_study": {"window": [-3, 1]},
        "honest": {"window": [-3, 1]},
        "figure": {"formats": ["pdf"]},
    }
    curve = specdid.run(study, frame, out=tmp_path, audit=0)
    row = pl.read_csv(tmp_path / "event_study.csv").filter(pl.col("period") == -1).row(0, named=True)
    assert (row["reference"], row["estimate"], row["message"]) == (True, 0, "reference")
    assert "(reference) & 0" in (tmp_path / "event_study.tex").read_text("utf-8")
    note = (tmp_path / "event_study_figure.tex").read_text("utf-8")
    assert "(hollow)" in note
    assert "no reference period" not in note
    assert "not_identified" not in {c.code for c in curve.warnings}
    (why,) = pl.read_csv(tmp_path / "honest.csv")["message"].unique().drop_nulls().to_list()
    assert why == "leads of sdid are small by the choice of its weights, and no test of parallel trends"
    dropped = specdid.run({**study, "honest": {"ends": "drop", "window": [-2, 1]}}, frame, audit=0, jobs=1)
    assert any(why in c.message for c in dropped.warnings if c.code == "not_estimated")


def test_the_bootstrap_warns_of_cohorts_of_one_unit():
    """The jackknife has no error of one, and placebos take none from the treated."""
    y, first = random_panel(4, 16, 8, (4, 5, 5, 5))
    found = fit(panel(y, first), vce="bootstrap", replications=5)
    assert found.std_error[0] > 0
    assert found.extra["n_one_unit_cohorts"] == 1
    told = SDID.cautions({k: np.array([v]) for k, v in found.extra.items()})
    caution = next(c for c in told if c.code == "one_unit_cohorts")
    assert caution.severity == "note"
    assert known(caution.message, "zh")
    assert "n_one_unit_cohorts" not in fit(panel(y, first), vce="placebo", replications=5).extra


def test_periods_since_treatment_must_be_the_same_for_a_cohort():
    """Where nobody is seen in periods 5 and 6, cohorts of 5, 6 and 7 begin in one that is seen."""
    y, first = random_panel(4, 14, 10, (5, 5, 6, 6))
    frame = panel(y, first)
    task = laid(frame[~frame.t.isin([5, 6])])
    refused = SDID.effects_by_period(task, task.time - task.cohort, (0, 1), -1)
    assert isinstance(refused, Failure)
    assert refused.code == "not_identified"


def test_steps_that_are_cut_off_are_told(monkeypatch):
    """With a cap of three steps: of the estimate's weights, alone and solved at once, and of placebos'."""
    rng = np.random.default_rng(2)
    columns, targets = rng.normal(size=(5, 8, 6)), rng.normal(size=(5, 8))
    _, settled = simplex_weights(columns, targets, Penalty(0.3, 1e-5))
    assert settled.tolist() == [False] * 5
    y, first = random_panel(8, 12, 7, (4, 5))
    assert fit(panel(y, first)).extra["n_weights_capped"] == 0
    monkeypatch.setattr(synthetic, "MOST", 3)
    _, together = simplex_weights(columns, targets, Penalty(0.3, 1e-5))
    alone = [simplex_weights(c[None], b[None], Penalty(0.3, 1e-5))[1][0] for c, b in zip(columns, targets, strict=True)]
    assert together.tolist() == alone
    assert together.any()
    found = fit(panel(y, first), vce="placebo", replications=5).extra
    assert found["n_weights_capped"] > 0
    (told,) = SDID.cautions({k: np.array([v]) for k, v in found.items()})
    assert (told.severity, told.code) == ("serious", "weights_capped")


def test_what_it_refuses_and_whom_it_names():
    frame = adoption_panel()
    task = laid(frame[~((frame.unit == 7) & (frame.t == 3))])
    found = SDID.estimate(replace(task, unit_names=tuple(f"city {u}" for u in range(60))))
    assert (found.code, "rows are missing of 1 of 60 units (unit city 7 has 7 of 8 periods)" in found.message) == (
        "not_identified", True,
    )  # fmt: skip
    single = laid(frame[(frame.unit != 7) | (frame.t == 3)])
    assert "rows are missing of 1 of 60 units (the first of them has 1 of 8 periods)" in SDID.estimate(single).message
    beyond = pd.concat([frame, frame[(frame.unit == 9) & (frame.t == 7)].assign(t=8)])
    assert "rows are missing of 59 of 60 units (the first of them has 8 of 9 periods)" in fit(beyond).message
    always = frame.assign(cohort=frame.cohort.replace(4.0, 0.0))
    assert "treated in the first period" in fit(always).message
    names = tuple(f"city {u}" for u in range(60))
    late = always.assign(cohort=np.where(frame.unit == 0, np.nan, always.cohort))
    assert (
        "14 units are treated in the first period, among them city 1;"
        in SDID.estimate(replace(laid(late), unit_names=names)).message
    )
    early = frame.assign(cohort=frame.cohort.replace(4.0, 1.0))
    assert "two periods before treatment: 15 units have one" in fit(early).message
    nobody = fit(frame[frame.cohort.notna()])
    assert (nobody.code, "there are none" in nobody.message) == ("not_identified", True)
    one = frame[frame.cohort.notna() | (frame.unit == 40)]
    assert "there is one" in fit(one).message
    untreated = fit(frame[frame.cohort.isna()].assign(d=frame.d))
    assert isinstance(untreated, Failure)
    assert untreated.code == "no_treatment_variation"
    assert "weights" not in SDID.honours
    assert SDID.effects == "unit + time"
    assert SDID.absorbing


def test_the_unit_that_lacks_rows_is_named_in_a_run():
    """Units' names are in another order than their rows, and a sample leaves the first of them out."""
    frame = small_panel().with_columns(id=(pl.lit("city ") + (50 - pl.col("id")).cast(pl.String)), number=pl.col("id"))
    frame = frame.filter((pl.col("number") != 7) | (pl.col("year") != 2003))
    study = small_study(
        outcome={"y": "y"},
        controls={"none": "1"},
        fixed_effects={"two-way": "id + year"},
        sample={"some": "number > 2 & number < 20"},
        estimator={"OLS": "feols", "it": "sdid"},
        vcov={"unit": "~id"},
    )
    (message,) = specdid.run(study, frame, audit=0).table.query("estimator == 'it'").message
    assert "1 of 17 units (unit city 43 has 6 of 7 periods)" in message


def test_what_fits_perfectly_has_no_standard_error():
    frame = adoption_panel()
    frame = frame.assign(y=0.1 * frame.unit + 0.37 * frame.t + frame.d)
    found = fit(frame)
    assert found.estimate == pytest.approx(1.0, abs=1e-10)
    assert found.vcov_notes == ("perfect_fit",)


def test_tied_controls_share_or_take_turns_and_the_number_is_theirs():
    """Two controls that are copies: whichever has the weight, the estimate is the same."""
    y, first = random_panel(12, 7, 7, (4, 4))
    y[6] = y[5]
    swapped = y[[0, 1, 2, 3, 4, 6, 5]]
    assert fit(panel(y, first)).estimate == fit(panel(swapped, first)).estimate
