"""stackedev: formulas by hand, statsmodels on stacked rows with every dummy, and what it leaves out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import r_reader
import specdid
import stata_reader
import statsmodels.api as sm
from adoption import adoption_panel
from programs import difference, estimated, execute, program
from small_problems import task_of
from specdid import _plugins
from specdid._run.prepare import prepare
from specdid.estimators._base import Failure

STACKED = _plugins.load("estimators", "stackedev")
RULES = ("fixest", "reghdfe", "areg", "lsdv", "glm", "none")


def laid(frame, controls=(), weights=None, vcovs=("unit",), **options):
    spec = ("y", "d", controls, ("unit", "t"), weights, "stackedev")
    return task_of(frame, spec, vcovs=vcovs, unit="unit", time="t", cohort="cohort", options={"stackedev": options})


def fit(frame, *given, **options):
    return STACKED.estimate(laid(frame, *given, **options))


def stacks(frame, before, after, never=False):
    """Cohorts 4 and 6 with their clean controls."""
    for a in (4.0, 6.0):
        clean = frame.cohort.isna() | ((frame.cohort > a + after) & (not never))
        part = frame[((frame.cohort == a) | clean) & frame.t.between(a - before, a + after)]
        yield part.assign(stack=a, since=part.t - a, into=part.cohort == a)


def contrasts(frame, after, never=False, weight="one"):
    """Each stack's difference in differences, treated and control units."""
    for part in stacks(frame.assign(one=1.0), 1, after, never):
        sides = []
        for into in (True, False):
            own = part[part["into"] == into]
            weighted = (own.y * own[weight]).groupby(own.since).sum() / own[weight].groupby(own.since).sum()
            sides.append((weighted.loc[0:].mean() - weighted.loc[-1], own[weight][own.since == -1].sum()))
        yield sides[0][0] - sides[1][0], sides[0][1], sides[1][1]


@pytest.mark.parametrize("control", ["never", "notyet"])
@pytest.mark.parametrize("pre", [1, 3])
def test_corrected_weights_count_stacks_by_their_treated_units(control, pre):
    frame = adoption_panel()
    effects, into, beside = np.array(list(contrasts(frame, 1, control == "never"))).T
    found = fit(frame, post_window=1, control=control, pre_window=pre)
    assert found.estimate == pytest.approx(into @ effects / into.sum(), rel=1e-10)
    plain = fit(frame, post_window=1, control=control, pre_window=pre, weighting="none")
    variance = into * beside / (into + beside)
    assert plain.estimate == pytest.approx(variance @ effects / variance.sum(), rel=1e-10)
    assert found.units == (60, 30, 30, 0)  # who adopts later and is compared with before counts once, as treated


def test_weights_are_those_of_units_where_they_do_not_change():
    frame = adoption_panel()
    frame["w"] = frame.groupby("unit").w.transform("first")
    effects, into, _ = np.array(list(contrasts(frame, 1, weight="w"))).T
    assert fit(frame, (), "w", post_window=1).estimate == pytest.approx(into @ effects / into.sum(), rel=1e-10)


def test_errors_are_those_of_the_regression_on_stacked_rows():
    """With every dummy written out, clustered by unit over all stacks it stands in: statsmodels, ssc = "lsdv"."""
    frame = adoption_panel()
    rows = pd.concat(stacks(frame, 2, 1), ignore_index=True)
    base = rows[rows.since == -1].groupby(["stack", "into"]).size().unstack()
    factor = base[True] / base[True].sum() * base[False].sum() / base[False]
    rows["q"] = np.where(rows["into"], 1.0, rows["stack"].map(factor))
    cells = np.column_stack([rows["into"] & (rows.since == k) for k in (-2, 0, 1)]).astype(float)
    units = pd.get_dummies(rows["stack"] * 1000 + rows.unit).to_numpy(float)
    times = pd.get_dummies(rows["stack"] * 1000 + rows.t).to_numpy(float)
    x = np.column_stack([cells, rows.x, units, times[:, 1:4], times[:, 5:8]])
    model = sm.WLS(rows.y.to_numpy(), x, weights=rows.q.to_numpy())
    theirs = model.fit(cov_type="cluster", cov_kwds={"groups": rows.unit.to_numpy()})
    share = np.array([0, 0.5, 0.5])
    expected = share @ theirs.params[:3], np.sqrt(share @ theirs.cov_params()[:3, :3] @ share)
    task = replace(laid(frame, ("x",), post_window=1, pre_window=2), rules=("lsdv",))
    found = STACKED.estimate(task)
    assert (found.estimate, found.std_error[0]) == pytest.approx(expected, rel=1e-8)
    path = STACKED.effects_by_period(task, task.time - task.cohort, (-2, 0, 1), -1)
    np.testing.assert_allclose(path.estimate, theirs.params[:3], rtol=1e-8)
    np.testing.assert_allclose(path.vcov[0], theirs.cov_params()[:3, :3], rtol=1e-7)


def test_programs_have_the_corrections_that_errors_ask_for(tmp_path):
    """And no error by clusters that part a unit's rows."""
    frame = adoption_panel().fillna({"cohort": 0}).assign(late=lambda d: 1 * (d.t > 5))
    frame[["unit", "state", "late", "t", "cohort", "d", "x", "y"]].to_csv(tmp_path / "panel.csv", index=False)
    rules = {f"{by} {rule}": {"formula": f"~{by}", "ssc": rule} for by in ("unit", "state") for rule in RULES}
    study = {
        "study": {"data": str(tmp_path / "panel.csv"), "unit": "unit", "time": "t", "title": "stacks"},
        "outcome": {"y": "y"},
        "treatment": {"d": {"term": "d", "cohort": "cohort"}},
        "controls": {"none": "1", "x": "x"},
        "estimator": {"stacked": {"method": "stackedev", "post_window": 1}},
        "vcov": {**rules, "parted": {"formula": "~late", "ssc": "glm"}},
        "inference": {"draws": 0},
    }
    prepared = prepare(study)
    results = estimated(prepared)
    for s in range(2):
        answers = {"python": execute([program(prepared, s)])[0]}
        for language, reader in (("r", r_reader), ("stata", stata_reader)):
            read = reader.Program().run(program(prepared, s, language))
            answers[language] = (read.estimate, read.found)
        for language, answer in answers.items():
            assert difference(results, s, answer) < 1e-8, (language, answer)
            assert np.isnan(answer[1].get("parted", np.nan))


def test_the_window_that_leaves_out_no_cohort():
    found = fit(adoption_panel())
    assert (found.in_force["post_window"], found.extra["n_cohorts_left_out"]) == (1, 0)  # cohort 6 is seen until 7
    longer = fit(adoption_panel(), post_window=3)
    assert (longer.extra["n_cohorts"], longer.extra["n_cohorts_left_out"], longer.extra["n_treated_left_out"]) == (
        1, 1, 15,
    )  # fmt: skip
    codes = [c.code for c in STACKED.cautions({k: np.array([v]) for k, v in longer.extra.items()})]
    assert codes == ["post_window", "cohorts_left_out"]


def test_units_that_lack_a_period_of_the_window_and_always_treated_ones_leave_and_are_counted():
    frame = adoption_panel()
    some = frame[~((frame.unit == 2) & (frame.t == 5))]
    whole = frame[~(frame.unit == 2)]
    found, without = fit(some, post_window=1), fit(whole, post_window=1)
    assert found.estimate == pytest.approx(without.estimate, rel=1e-12)
    assert found.extra["n_treated_left_out"] == 1
    first = frame.unit < 5
    always = fit(frame.assign(cohort=frame.cohort.mask(first, 0.0), d=frame.d.mask(first, 1.0)), post_window=1)
    assert always.extra["n_treated_left_out"] == 5
    assert always.estimate == pytest.approx(fit(frame[~first], post_window=1).estimate, rel=1e-12)


def test_a_cohort_of_one_unit_is_told():
    frame = adoption_panel()
    frame = frame[frame.cohort.isna() | (frame.unit == 3)]
    found = fit(frame, post_window=1)
    codes = [c.code for c in STACKED.cautions({k: np.array([v]) for k, v in found.extra.items()})]
    assert codes[0] == "one_unit_cohorts"


def test_what_it_refuses():
    frame = adoption_panel()
    nobody = fit(frame[frame.cohort == 4], post_window=1)
    assert isinstance(nobody, Failure)
    assert (nobody.code, "shorter post_window" in nobody.message) == ("not_identified", True)
    assert fit(frame, vcovs=("t", "state"), post_window=1).vcov_notes == ("parts_units", "")
    task = laid(frame, post_window=1)
    moved = STACKED.effects_by_period(task, task.time - task.cohort, (-3, -1, 0), -2)
    assert "reference = -1" in moved.message
    tied = frame.assign(x=1.0 * (frame.cohort == 4) * (frame.t >= 4))
    assert fit(tied[tied.cohort != 6], ("x",), post_window=1).code == "not_identified"


def test_what_fits_perfectly_has_no_standard_error():
    frame = adoption_panel()
    frame = frame.assign(y=0.1 * frame.unit + 0.37 * frame.t + frame.d)
    found = fit(frame, post_window=1)
    assert found.estimate == pytest.approx(1.0, abs=1e-12)
    assert found.vcov_notes == ("perfect_fit",)


@pytest.mark.usefixtures("undrawn")
def test_samples_that_differ_in_rows_of_no_stack_are_one_point():
    unit, year = np.repeat(np.arange(20), 8), np.tile(np.arange(2001, 2009), 20)
    cohort = np.where(unit % 2, 2004, 0)
    d = ((cohort > 0) & (year >= cohort)) * 1.0
    data = pd.DataFrame({"id": unit, "year": year, "cohort": cohort, "d": d})
    data["y"] = d + np.random.default_rng(5).normal(size=len(data))
    study = {
        "study": {"data": "given.csv", "unit": "id", "time": "year"},
        "outcome": {"y": {"formula": "y", "scale": "level"}},
        "treatment": {"d": {"term": "d", "cohort": "cohort"}},
        "sample": {"all": "TRUE", "to 2006": "year <= 2006", "to 2004": "year <= 2004"},
        "estimator": {"stacked": {"method": "stackedev", "pre_window": 1, "post_window": 1}},
        "inference": {"draws": 0},
        "run": {"backend": "serial"},
    }
    found = specdid.run(study, data, audit=None).table
    assert found["status"].to_list()[:2] == ["ok", "duplicate"]
    assert found["estimate"].notna().to_list() == [True, False, False]
