"""Effects of treatments that switch on and off: moderndid's numbers, formulas by loops, and what must not matter."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import specdid
from small_problems import task_of, work_of
from specdid import _plugins
from specdid._audit.definitions import average_of_changes
from specdid._plan.estimands import Treated
from specdid.engine.one_by_one import fit_in_full
from specdid.estimators._base import Failure
from switching_panels import CHOICES, lacking, panel

REFERENCE = Path(__file__).parents[1] / "reference"
ESTIMATOR = _plugins.load("estimators", "did_multiplegt_dyn")
MODERNDID = json.loads((REFERENCE / "dcdh_moderndid.json").read_text(encoding="utf-8"))
LACKING = json.loads((REFERENCE / "dcdh_moderndid_lacking.json").read_text(encoding="utf-8"))
"""The same of panels that lack outcomes; where a weight is missing the outcome was, too."""

ONE_CLUSTER = {(14, 1), (16, 1), (14, 3)}
"""A switcher and all its controls are one cluster: moderndid takes their changes about zero, we give no error."""


def laid(frame: pd.DataFrame, weights: bool = False, cluster: str = "unit", **options: object):
    spec = ("y", "d", (), ("unit", "t"), "w" if weights else None, "did_multiplegt_dyn")
    layout = {"vcovs": (cluster,), "unit": "unit", "time": "t", "options": {"did_multiplegt_dyn": options}}
    return task_of(frame, spec, **layout)


def first_change(frame: pd.DataFrame) -> pd.Series:
    """Return each row's periods since the first in which its unit's treatment is not its first one."""
    known = frame.dropna(subset=["d"])
    changed = known[known.d != known.groupby("unit").d.transform("first")].groupby("unit").t.min()
    return frame.unit.map(changed)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("choice", range(len(CHOICES)))
def test_moderndid(seed, choice):
    """Estimates and errors of moderndid 0.4.1 on random panels: effects, placebos and the average total effect."""
    asked, theirs = dict(CHOICES[choice]), MODERNDID[seed * len(CHOICES) + choice]
    frame = pd.DataFrame(panel(seed))
    task = laid(frame, bool(asked.pop("weights", False)), str(asked.pop("cluster", "unit")), **asked)
    found = ESTIMATOR.estimate(task)
    np.testing.assert_allclose(found.estimate, theirs["total"][0], rtol=1e-9)
    if (seed, choice) in ONE_CLUSTER:
        assert found.vcov_notes == ("few_clusters",)
        return
    np.testing.assert_allclose(found.std_error[0], theirs["total"][1], rtol=1e-9)
    assert found.extra["n_effects"] == len(theirs["effects"][0])
    relative = first_change(frame.dropna())
    relative = (frame.dropna().t - relative).to_numpy()
    known = dict(enumerate(zip(*theirs["effects"], strict=True)))
    known |= {-2 - k: column for k, column in enumerate(zip(*theirs["placebos"], strict=True))}
    known = {k: v for k, v in known.items() if not np.isnan(v[0])}
    path = ESTIMATOR.effects_by_period(task, relative, tuple(sorted(known)), -1)
    assert path.periods == tuple(sorted(known))
    numbers = np.array([path.estimate, np.sqrt(np.diagonal(path.vcov[0])), path.size])
    np.testing.assert_allclose(numbers, np.transpose([known[k] for k in path.periods]), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("choice", range(len(CHOICES)))
def test_moderndid_where_outcomes_and_weights_are_missing(seed, choice):
    """Treatments of rows without an outcome date the switches, as in the package."""
    asked, theirs = dict(CHOICES[choice]), LACKING[seed * len(CHOICES) + choice]
    frame = pd.DataFrame(lacking(seed))
    weights = bool(asked.pop("weights", False))
    task = laid(frame, weights, str(asked.pop("cluster", "unit")), **asked)
    found = ESTIMATOR.estimate(task)
    if theirs["total"] is None:
        assert isinstance(found, Failure)
        return
    assert found.estimate == pytest.approx(theirs["total"][0], rel=1e-9)
    assert found.std_error[0] == pytest.approx(theirs["total"][1], rel=1e-9)
    usable = frame.y.notna() & (frame.w.notna() | (not weights))
    assert len(task.outcome) == usable.sum()
    assert found.nobs <= usable.sum()
    relative = (frame.t - first_change(frame))[usable].to_numpy()
    first = ESTIMATOR.effects_by_period(task, relative, (0,), -1).estimate[0]
    assert first == pytest.approx(theirs["effects"][0][0], rel=1e-9)


def test_the_authors_example():
    """Effects 1 to 3 as the authors' package prints them for Favara and Imbs (2015): 120 counties lack outcomes."""
    moderndid = pytest.importorskip("moderndid")
    names = {"county": "unit", "year": "t", "Dl_vloans_b": "y", "inter_bra": "d", "state_n": "state"}
    frame = pd.DataFrame(moderndid.load_favara_imbs().to_dict(as_series=False)).rename(columns=names).astype(float)
    found = [ESTIMATOR.estimate(laid(frame, effects=k, aggregate="effect")).estimate for k in (1, 2, 3)]
    assert [f"{x:.4f}" for x in found] == ["0.0435", "0.0387", "0.0813"]


def by_loops(frame: pd.DataFrame, effects: int) -> tuple[float, float]:
    """Return the average total effect and its error by unit: loops over units, periods and l, by the authors' rules."""
    y, d, w = ({(r.unit, r.t): getattr(r, c) for r in frame.itertuples()} for c in ("y", "d", "w"))
    y = {key: value for key, value in y.items() if not (np.isnan(value) or np.isnan(w[key]))}
    units, times = sorted({g for g, _ in y}), sorted(frame.t.unique())
    place = {t: k for k, t in enumerate(times)}
    base, switch, after, end = {}, {}, {}, {}
    for g in units:
        own = [t for t in times if (g, t) in d]
        base[g], switch[g], end[g] = d[g, own[0]], len(times), len(times)
        up = down = False
        for before, t in zip([own[0], *own], own, strict=False):
            up, down = up or d[g, t] > base[g], down or d[g, t] < base[g]
            if up and down:
                end[g] = place[t]
                break
            if d[g, t] != base[g] and switch[g] == len(times):
                if place[t] > place[before] + 1:  # nobody knows when
                    end[g] = place[before] + 1
                    break
                switch[g], after[g] = place[t], d[g, t]

    def at(values, g, k):
        return values.get((g, times[k])) if 0 <= k < end[g] else None

    above, below, cells = 0.0, 0.0, []
    for lag in range(1, effects + 1):
        change = {}
        for g in units:
            for k in range(lag, len(times)):
                now, then = at(y, g, k), at(y, g, k - lag)
                if now is not None and then is not None:
                    change[g, k] = now - then
        controls = {(b, k): [g for g in units if base[g] == b and (g, k) in change and switch[g] > k]
                    for b in set(base.values()) for k in range(len(times))}  # fmt: skip
        movers = [g for g in units if switch[g] < len(times) and (g, switch[g] - 1 + lag) in change
                  and controls[base[g], switch[g] - 1 + lag]]  # fmt: skip
        for g in movers:
            k = switch[g] - 1 + lag
            sign, weight, beside = np.sign(after[g] - base[g]), at(w, g, k), controls[base[g], k]
            mean = sum(at(w, h, k) * change[h, k] for h in beside) / sum(at(w, h, k) for h in beside)
            above += sign * weight * (change[g, k] - mean)
            below += weight * abs(at(d, g, k) - base[g])
            alike = [h for h in movers if (base[h], switch[h], after[h]) == (base[g], switch[g], after[g])]
            union = [h for h in movers if base[h] == base[g] and switch[h] == switch[g]
                     and np.sign(after[h] - base[h]) == sign] + beside  # fmt: skip
            cells.append((g, change[g, k], sign * weight, alike if len(alike) > 1 else union, change, k))
            for h in beside:
                share = at(w, h, k) / sum(at(w, j, k) for j in beside)
                cells.append((h, change[h, k], -sign * weight * share, beside if len(beside) > 1 else union, change, k))
    influence = dict.fromkeys(units, 0.0)
    for g, own, weight, alike, change, k in cells:
        mean = sum(at(w, h, k) * change[h, k] for h in alike) / sum(at(w, h, k) for h in alike)
        influence[g] += weight * np.sqrt(len(alike) / (len(alike) - 1)) * (own - mean)
    return above / below, float(np.sqrt(sum(v**2 for v in influence.values())) / below)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("gone", [0.0, 0.15])
def test_loops_with_rows_missing_anywhere(seed, gone):
    """Rows missing where units switch too: the authors' rules for treatments that are not known."""
    frame = pd.DataFrame(panel(2 * seed))
    frame = frame[np.random.default_rng(seed).random(len(frame)) >= gone]
    found = ESTIMATOR.estimate(laid(frame, weights=True, effects=3))
    estimate, error = by_loops(frame, 3)
    assert found.estimate == pytest.approx(estimate, rel=1e-9)
    assert found.std_error[0] == pytest.approx(error, rel=1e-9)
    assert (found.extra["n_switchers_left_out"] > 0) or not gone


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("gone", [0.0, 0.1])
def test_loops_with_outcomes_and_weights_missing(seed, gone):
    """A row that lacks only these has a treatment; some rows are missing altogether beside them."""
    frame = pd.DataFrame(lacking(seed))
    frame = frame[np.random.default_rng(seed).random(len(frame)) >= gone]
    frame.loc[frame.unit == 3, "y"] = np.nan  # of one unit nothing is known but its treatment
    found = ESTIMATOR.estimate(laid(frame, weights=True, effects=3))
    estimate, error = by_loops(frame, 3)
    assert found.estimate == pytest.approx(estimate, rel=1e-9)
    assert found.std_error[0] == pytest.approx(error, rel=1e-9)
    if not gone:  # the history matters
        complete = ESTIMATOR.estimate(laid(frame.dropna(), weights=True, effects=3))
        assert complete.estimate != pytest.approx(estimate, rel=1e-3)
    audited, (again,) = average_of_changes(frame.assign(y=frame.y.where(frame.w.notna())), {"effects": 3}, ["unit"])
    assert (audited, again) == pytest.approx((estimate, error), rel=1e-9)


def test_a_treatment_that_is_on_where_no_outcome_is_seen_still_is_a_switch():
    """All rows with an outcome are untreated, and the effect two periods on is one."""
    frame = staggered().assign(d=lambda f: 1.0 * (f.t == f.cohort))
    frame.loc[frame.d == 1, "y"] = np.nan
    asked = {"effects": 2, "aggregate": "effect"}
    found = ESTIMATOR.estimate(laid(frame, **asked))
    assert found.estimate == ESTIMATOR.estimate(laid(staggered().assign(d=frame.d), **asked)).estimate
    layout = {"vcovs": ("unit",), "unit": "unit", "time": "t", "options": {"did_multiplegt_dyn": asked}}
    work = work_of(frame, [("y", "d", (), ("unit", "t"), None, "did_multiplegt_dyn")], **layout)
    fits, _ = fit_in_full(work)
    assert fits.estimate[0] == found.estimate
    assert (fits.n_missing[0], fits.nobs[0]) == (20, found.nobs)


def test_two_histories_are_two_models():
    """Treatments that differ where the outcome is missing alone; and the same once more."""
    frame = staggered().assign(twin=lambda f: f.d, other=lambda f: f.d)
    frame.loc[(frame.t == 0) & (frame.unit < 4), "y"] = np.nan
    frame.loc[(frame.t == 0) & (frame.unit < 2), "other"] = 1.0
    specs = [("y", d, (), ("unit", "t"), None, "did_multiplegt_dyn") for d in ("d", "twin", "other")]
    work = work_of(frame, specs, vcovs=("unit",), unit="unit", time="t", options={"did_multiplegt_dyn": {"effects": 2}})
    one, twin, other = (fit_in_full(work, s)[0] for s in range(3))
    assert (one.signature == twin.signature).all()
    assert (one.signature != other.signature).any()
    assert one.estimate[0] != other.estimate[0]
    weights = [("y", "d", (), ("unit", "t"), w, "did_multiplegt_dyn") for w in ("w", "v")]
    frame = frame.assign(w=np.where(frame.t == 1, np.nan, 1.0), v=np.where(frame.t == 1, np.nan, 1.0 + frame.unit))
    work = work_of(frame, weights, vcovs=("unit",), unit="unit", time="t", options={"did_multiplegt_dyn": {}})
    one, other = (fit_in_full(work, s)[0] for s in range(2))
    assert (one.signature != other.signature).any()


def test_periods_that_lie_further_apart_are_told():
    frame = staggered()
    skipped = frame[frame.t != 3].assign(cohort=lambda f: f.cohort.replace(3.0, 4.0))
    found = ESTIMATOR.estimate(laid(skipped))
    assert found.extra["n_longer_steps"] == 1
    (caution,) = ESTIMATOR.cautions({k: np.array([v]) for k, v in found.extra.items()})
    assert (caution.severity, caution.code) == ("serious", "uneven_periods")
    path = ESTIMATOR.effects_by_period(laid(skipped), (skipped.t - skipped.cohort).to_numpy(), (0,), -1)
    assert path.note.endswith("some lie further apart")
    every_other = ESTIMATOR.estimate(laid(frame.assign(t=2 * frame.t)))
    assert (every_other.extra["n_longer_steps"], every_other.estimate) == (0, ESTIMATOR.estimate(laid(frame)).estimate)
    known = frame.assign(y=frame.y.where(frame.t != 3))  # treatments are known: it is a period
    assert ESTIMATOR.estimate(laid(known)).extra["n_longer_steps"] == 0


@pytest.mark.parametrize("seed", range(3))
def test_order_of_rows_and_effects_of_units_and_periods_change_nothing(seed):
    frame = pd.DataFrame(panel(seed)).dropna()
    rng = np.random.default_rng(seed)
    moved = frame.assign(y=frame.y + rng.normal(size=99)[frame.unit] + 5 * rng.normal(size=99)[frame.t] + 3)
    moved = moved.sample(frac=1, random_state=seed)
    one, other = (ESTIMATOR.estimate(laid(f, effects=2)) for f in (frame, moved))
    assert other.estimate == pytest.approx(one.estimate, rel=1e-9)
    assert other.std_error[0] == pytest.approx(one.std_error[0], rel=1e-9)
    assert other.extra == pytest.approx(one.extra, rel=1e-9)
    less = ESTIMATOR.estimate(laid(frame.assign(d=-2 * frame.d + 7), effects=2))  # a switch is one in any unit
    assert less.estimate == pytest.approx(-one.estimate / 2, rel=1e-9)
    assert less.std_error[0] == pytest.approx(one.std_error[0] / 2, rel=1e-9)


def staggered(seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"unit": np.repeat(np.arange(40), 7), "t": np.tile(np.arange(7), 40)})
    frame["cohort"] = np.array([3.0, 5.0, np.nan, np.nan])[frame.unit % 4]
    frame["d"] = 1.0 * (frame.t >= frame.cohort)
    return frame.assign(y=frame.d + 0.3 * frame.t + rng.normal(size=len(frame)), w=1.0)


def test_staggered_adoption_is_callaway_and_sant_anna():
    """A treatment that stays on, nobody always treated: DID_l is csdid's average effect of not yet treated at l - 1."""
    frame = staggered()
    spec, layout = ("y", "d", (), ("unit", "t"), None), {"unit": "unit", "time": "t", "vcovs": ("unit",)}
    csdid = task_of(frame, (*spec, "csdid"), cohort="cohort", options={"csdid": {"control": "notyet"}}, **layout)
    theirs = _plugins.load("estimators", "csdid").effects_by_period(csdid, csdid.time - csdid.cohort, (0, 1, 2), -1)
    ours = ESTIMATOR.effects_by_period(laid(frame), (frame.t - frame.cohort).to_numpy(), (0, 1, 2), -1)
    np.testing.assert_allclose(ours.estimate, theirs.estimate, rtol=1e-10)
    last = ESTIMATOR.estimate(laid(frame, effects=3, aggregate="effect"))
    assert last.estimate == pytest.approx(theirs.estimate[2], rel=1e-10)


def failed(frame: pd.DataFrame, **options: object) -> Failure:
    found = ESTIMATOR.estimate(laid(frame, **options))
    assert isinstance(found, Failure)
    assert ESTIMATOR.refuses(laid(frame, **options)) in (None, found)
    return found


def test_failures_say_what_is_wrong():
    frame = staggered()
    assert failed(frame.assign(d=1.0)) == Failure("no_treatment_variation", "treatment is the same in all these rows")
    always = failed(frame.assign(d=1.0 * (frame.unit % 2)))
    assert always.message.startswith("no unit's treatment changes beside a unit with the same treatment")
    far = failed(frame, effects=6, aggregate="effect")
    assert (far.code, far.message) == (
        "not_identified",
        "no unit that switches has effect 6 beside one with its first treatment that has not switched yet; "
        "set effects to 4 or less",
    )
    early = failed(frame[frame.cohort.notna()], effects=3, aggregate="effect")
    assert "set effects to 2 or less" in early.message  # the last to switch are alone from 5 on
    missing = frame.cohort.notna() & (frame.t == frame.cohort)  # the treatment is known there, and no outcome
    first = failed(frame.assign(y=frame.y.mask(missing)), effects=1)
    assert first.message.endswith("has not switched yet; set effects to 2, the least that one has")
    gap = failed(frame[(frame.t < frame.cohort - 1) | (frame.t >= frame.cohort) | frame.cohort.isna()])
    assert gap.message.startswith("of no unit is it known in which period its treatment changes; 20 units")


def test_fewer_effects_than_asked_for_are_said():
    found = ESTIMATOR.estimate(laid(staggered(), effects=6))
    assert (found.extra["n_effects"], found.extra["n_effects_left_out"], found.in_force["effects"]) == (4, 2, 4)
    several = {k: np.array([v]) for k, v in found.extra.items()}
    assert "averages 4 of the 6 effects asked for" in next(iter(ESTIMATOR.cautions(several))).message


def told(found, **beside: float) -> dict[str, str]:
    cautions = ESTIMATOR.cautions({k: np.array([v]) for k, v in {**found.extra, **beside}.items()})
    return {f"{c.severity} {c.code}": c.message for c in cautions}


def both_ways(frame: pd.DataFrame) -> pd.DataFrame:
    """Return those whose treatment goes from 1 to 2 in period 3, and to 0 in period 5, beside units that stay at 1."""
    switches = frame.unit % 4 == 0
    return frame.assign(d=np.where(switches & (frame.t >= 5), 0.0, np.where(switches & (frame.t >= 3), 2.0, 1.0)))


def test_effects_lost_to_treatments_above_and_below_the_baseline_are_not_for_want_of_controls():
    frame = both_ways(staggered())
    found = ESTIMATOR.estimate(laid(frame, effects=6))
    counts = [found.extra[f"n_effects{k}"] for k in ("", "_left_out", "_both_ways", "_unseen")]
    assert counts == [2, 4, 2, 2]
    message = told(found)["serious cells_left_out"]
    assert message.endswith(
        "treatment has been above and below its first value by then (2), no switcher is seen so long after its "
        "switch (2)"
    )
    third = failed(frame, effects=3, aggregate="effect")
    assert third.message == (
        "in all units that switch and would have effect 3 beside one with its first treatment that has not switched "
        "yet, treatment has been above and below its first value by then, and what follows is left out, as in "
        "DIDmultiplegtDYN; set effects to 2 or less"
    )
    relative = (frame.t - np.where(frame.unit % 4 == 0, 3, np.nan)).to_numpy()
    path = ESTIMATOR.effects_by_period(laid(frame), relative, (0, 1, 2, 4), -1)
    assert path.periods == (0, 1)
    assert "above and below its first value" in path.left_out[2]
    assert "is seen in it" in path.left_out[4]
    alone = frame[(frame.unit % 4 == 0) | (frame.t < 5)]  # nobody to compare with, whatever the treatments
    assert ESTIMATOR.estimate(laid(alone, effects=4)).extra["n_effects_both_ways"] == 0
    early = ESTIMATOR.estimate(laid(staggered().query("cohort == cohort"), effects=4))
    assert "nobody who has not switched is left beside the switchers (2)" in told(early)["serious cells_left_out"]


def test_only_steps_that_a_change_goes_over_make_periods_uneven():
    frame = staggered()  # switches in 3 and 5
    skipped = frame[frame.t != 1]
    relative = (skipped.t - skipped.cohort).to_numpy()
    found = ESTIMATOR.estimate(laid(skipped, effects=2))
    assert found.extra["n_longer_steps"] == 0
    assert "serious uneven_periods" not in told(found)
    near = ESTIMATOR.effects_by_period(laid(skipped), relative, (0, 1), -1)
    assert "further apart" not in near.note
    ranks = skipped.t.rank(method="dense") - skipped.cohort.map({3.0: 3, 5.0: 5})
    far = ESTIMATOR.effects_by_period(laid(skipped), ranks.to_numpy(), (-2, 0), -1)
    assert "further apart" in far.note


def test_the_always_treated_are_counted_and_named():
    frame = staggered()
    frame["d"] = np.where(frame.unit % 4 == 3, 1.0, frame.d)
    found = ESTIMATOR.estimate(laid(frame))
    assert found.units == (30, 20, 10, 10)
    assert found.extra["n_no_counterpart"] == 10
    message = told(found, n_always_treated=found.units[3])["serious cohorts_left_out"]
    assert message.endswith("; 10 units are treated in every period (column n_always_treated)")
    compared = ESTIMATOR.estimate(laid(frame.assign(d=1.0 - frame.d)))  # those who stay at 1 while others leave
    assert compared.units == (30, 20, 10, 10)


def test_a_cohort_that_is_not_the_first_change_has_no_event_study():
    frame = staggered()
    late = ESTIMATOR.effects_by_period(laid(frame), (frame.t - frame.cohort - 1).to_numpy(), (0, 1), -1)
    assert isinstance(late, Failure)
    assert late.message.startswith("20 units have a cohort that is not the first period in which the treatment")


def test_units_and_signs_are_counted():
    found = ESTIMATOR.estimate(laid(staggered()))
    assert found.units == (40, 20, 20, 0)
    turned = ESTIMATOR.estimate(laid(staggered().assign(d=lambda f: 1.0 - f.d)))
    assert (turned.extra["n_switchers_in"], turned.extra["n_switchers_out"]) == (0, 20)
    assert turned.estimate == pytest.approx(-found.estimate, rel=1e-12)


@pytest.mark.parametrize("seed", range(1, 4))
@pytest.mark.parametrize("aggregate", ["total", "effect"])
@pytest.mark.parametrize("choice", range(len(CHOICES)))
def test_the_audit_has_the_same_numbers(seed, aggregate, choice):
    """By joins of pandas, with rows missing anywhere."""
    frame, asked = pd.DataFrame(panel(seed)).dropna(), dict(CHOICES[choice]) | {"aggregate": aggregate}
    frame = frame[np.random.default_rng(seed).random(len(frame)) > 0.02 * seed]
    weights, cluster = bool(asked.pop("weights", False)), str(asked.pop("cluster", "unit"))
    found = ESTIMATOR.estimate(laid(frame, weights, cluster, **asked))
    rows = frame.assign(w=frame.w if weights else 1.0)
    estimate, (error,) = average_of_changes(rows, asked, [cluster])
    assert found.estimate == pytest.approx(estimate, rel=1e-9)
    assert found.std_error[0] == pytest.approx(error, rel=1e-9, nan_ok=True)


def test_a_baseline_later_than_the_first_period_is_said():
    """Units without a row there; one that lacks only the outcome has its treatment."""
    frame = staggered()
    found = ESTIMATOR.estimate(laid(frame[(frame.t > 0) | (frame.unit >= 3)], effects=2))
    assert found.extra["n_late_baseline"] == 3
    (caution,) = ESTIMATOR.cautions({k: np.array([v]) for k, v in found.extra.items()})
    assert (caution.severity, caution.code) == ("serious", "late_baseline")
    assert "of up to 3 units the treatment in the first period is not known" in caution.message
    lacks = frame.assign(y=frame.y.where((frame.t > 0) | (frame.unit >= 3)))
    assert ESTIMATOR.estimate(laid(lacks, effects=2)).extra["n_late_baseline"] == 0
    assert ESTIMATOR.estimate(laid(frame, effects=2)).extra["n_late_baseline"] == 0


def test_what_is_counted_of_units_that_take_no_part():
    """A switch in a gap, one nobody shares the baseline of, each told."""
    frame = staggered()
    plain = ESTIMATOR.estimate(laid(frame, effects=2)).extra
    names = ("n_switchers_left_out", "n_no_counterpart", "n_one_unit_cohorts")
    assert [plain[n] for n in names] == [0, 0, 0]
    gap = ESTIMATOR.estimate(laid(frame[(frame.unit != 0) | ~frame.t.isin([2, 3])], effects=2)).extra
    assert gap["n_switchers_left_out"] == 1
    alone = frame.assign(d=frame.d.where(~frame.unit.isin([2, 3]), 5.0))
    alone = ESTIMATOR.estimate(laid(alone, effects=2)).extra
    assert alone["n_no_counterpart"] == 2

    def told(extra):
        return [(c.severity, c.code) for c in ESTIMATOR.cautions({k: np.array([v]) for k, v in extra.items()})]

    assert told(plain) == []
    assert told(gap) == told(alone) == [("serious", "cohorts_left_out")]


def test_of_several_specifications_the_most_units_are_told():
    extra = ESTIMATOR.estimate(laid(staggered(), effects=2)).extra
    found = {k: np.full(2, v) for k, v in extra.items()}
    found |= {"n_switchers_left_out": np.array([2.0, 7.0]), "n_late_baseline": np.array([4.0, 0.0])}
    left, late = ESTIMATOR.cautions(found)
    assert (left.code, left.specifications, "up to 7 units" in left.message) == ("cohorts_left_out", 2, True)
    assert (late.code, late.specifications, "up to 4 units" in late.message) == ("late_baseline", 1, True)


def test_an_effect_is_named_by_what_it_is_divided_by():
    def words(**options):
        return ESTIMATOR.words(Treated("d"), {"aggregate": "effect", "effects": 2} | options)

    assert words(normalized=True).startswith("effect per unit of treatment (period 1, that of the switch being 0")
    assert words(normalized=False).startswith("effect of having switched (period 1, that of the switch being 0")
    assert words(aggregate="total", effects=1).startswith(
        "average total effect per unit of treatment (switchers over 1 period)"
    )


def test_cohorts_of_one_unit_are_counted_and_lone_controls_are_none():
    """In period 5 one unit is left to compare with: it is no cohort."""
    frame = staggered()
    one_control = ESTIMATOR.estimate(laid(frame[frame.cohort.notna() | (frame.unit == 2)])).extra
    assert one_control["n_one_unit_cohorts"] == 0
    one_switcher = ESTIMATOR.estimate(laid(frame[(frame.cohort != 5) | (frame.unit == 1)])).extra
    assert one_switcher["n_one_unit_cohorts"] == 1


def test_the_dose_is_what_an_effect_is_divided_by():
    """A treatment of 2 that stays: 2 in each period on average, 4 summed over two."""
    frame = staggered().assign(d=lambda f: 2 * f.d)
    assert ESTIMATOR.estimate(laid(frame, effects=2)).extra["dose"] == pytest.approx(2)
    asked = {"effects": 2, "aggregate": "effect"}
    summed = ESTIMATOR.estimate(laid(frame, normalized=True, **asked))
    assert summed.extra["dose"] == pytest.approx(4)
    plain = ESTIMATOR.estimate(laid(frame, **asked))
    assert np.isnan(plain.extra["dose"])
    assert plain.estimate == pytest.approx(4 * summed.estimate, rel=1e-12)
    relative = (frame.t - frame.cohort).to_numpy()
    paths = [
        ESTIMATOR.effects_by_period(laid(frame, normalized=n), relative, (-2, -1, 0, 1), -1) for n in (True, False)
    ]
    assert [path.per_unit for path in paths] == [True, False]


def test_the_rows_of_placebos_are_those_before_the_switch():
    """Effect 1 compares t = 2 and 3 of 40 units and t = 4 and 5 of 30; placebo 1 the step before each."""
    frame = staggered()
    relative = (frame.t - frame.cohort).to_numpy()
    effect, placebo, both = (
        ESTIMATOR.effects_by_period(laid(frame), relative, k, -1).nobs for k in ((0,), (-2,), (-2, 0))
    )
    assert (effect, placebo, both) == (140, 140, 40 * 3 + 30 * 2)


def test_an_option_that_changes_nothing_is_not_in_force():
    frame = staggered()
    forces = [
        "same_switchers" in ESTIMATOR.estimate(laid(frame, effects=effects, same_switchers=same)).in_force
        for effects, same in ((2, False), (2, True), (1, True))
    ]
    assert forces == [True, False, True]  # named as of no consequence


@pytest.mark.usefixtures("audit_here", "undrawn")
def test_effects_per_unit_of_treatment_have_a_panel_of_their_own(tmp_path):
    """Effect and effect per unit are no curves of one axis; either is named by its period, as event studies count."""
    frame = pd.DataFrame({name: values for name, values in panel(4).items() if name != "w"})
    frame["t"] += 2001
    away = frame.groupby("unit")["d"].transform("first") != frame["d"]
    frame["cohort"] = frame["unit"].map(frame[away].groupby("unit")["t"].min()).fillna(0)
    third = {"method": "did_multiplegt_dyn", "aggregate": "effect", "effects": 3}
    study = {
        "study": {"data": "given.csv", "unit": "unit", "time": "t"},
        "outcome": {"y": "y"},
        "treatment": {"d": {"term": "d", "cohort": "cohort"}},
        "estimator": {"raw": third, "normalized": {**third, "normalized": True}},
        "inference": {"draws": 0},
        "event_study": {"window": [-2, 2], "vary": ["estimator"]},
        "figure": {"formats": ["svg"]},
    }
    curve = specdid.run(study, frame, out=tmp_path, audit=0)
    raw, normalized = curve.analyses[0].finding.charts[0].data.panels
    assert (raw.name, [s.label for s in raw.series]) == ("y", ["raw"])
    assert (normalized.name, [s.label for s in normalized.series]) == ("y, per unit of treatment", ["normalized"])
    assert raw.axis != normalized.axis
    rows = pd.read_csv(tmp_path / "event_study.csv").set_index(["estimator", "period"])["estimate"]
    table = pd.read_csv(tmp_path / "results.csv").set_index("estimator")
    for name in ("raw", "normalized"):
        assert rows[name, 2] == pytest.approx(table.estimate[name], rel=1e-9)
        assert "(period 2, that of the switch being 0" in table.estimand[name]


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("options", [{"aggregate": "effect", "effects": 1}, {"effects": 2}, {"normalized": True}])
def test_samples_that_differ_in_units_and_rows_of_no_change_are_one_point(options):
    """A sample that leaves out who is always treated had a second point with the same number."""
    unit, year = np.repeat(np.arange(30), 8), np.tile(np.arange(2001, 2009), 30)
    cohort = np.where(unit < 6, 2001, np.where(unit % 2, 2004, 0))
    d = ((cohort > 0) & (year >= cohort)) * 1.0
    data = pd.DataFrame({"id": unit, "year": year, "cohort": cohort, "d": d})
    data["y"] = d + np.random.default_rng(5).normal(size=len(data))
    data.loc[data.id == 29, "y"] = data.y.where(data.year != 2004)
    study = {
        "study": {"data": "given.csv", "unit": "id", "time": "year"},
        "outcome": {"y": {"formula": "y", "scale": "level"}},
        "treatment": {"d": {"term": "d", "cohort": "cohort"}},
        "sample": {"all": "TRUE", "not always": "id >= 6", "to 2006": "year <= 2006", "fewer": "id != 8"},
        "estimator": {"switches": {"method": "did_multiplegt_dyn", **options}},
        "inference": {"draws": 0},
        "run": {"backend": "serial"},
    }
    curve = specdid.run(study, data, audit=None)
    assert curve.table["status"].to_list() == ["ok", "duplicate", "duplicate", "ok"]
    assert [len(f.places) for f in curve.results.families] == [2]


def test_an_event_study_without_a_cohort_is_told_that_it_wants_the_first_change():
    """It was told of the first treated period, which a treatment that switches off does not settle."""
    study = {
        "study": {"data": "given.csv", "unit": "unit", "time": "t"},
        "outcome": {"y": "y"},
        "treatment": {"d": "d"},
        "estimator": {"switches": "did_multiplegt_dyn"},
        "event_study": {},
    }
    (fault,) = (f for f in specdid.check(study, pd.DataFrame(panel(4))) if f.code == "no_cohort")
    assert "the first period in which the treatment changes, 0 for never" in fault.help
    assert "whose estimators are all `did_multiplegt_dyn`" in fault.help
