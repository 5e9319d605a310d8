"""csdid: R's did 2.5.1 cell by cell and average by average, formulas by hand, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import r_reader
import specdid
import stata_reader
from adoption import adoption_panel
from programs import difference, differences, estimated, program
from small_problems import task_of
from specdid import _plugins
from specdid._run.prepare import prepare
from specdid._words import known
from specdid.estimators._base import Estimate, Failure
from specdid.estimators.csdid import group_time

REFERENCE = Path(__file__).parents[1] / "reference"
CSDID = _plugins.load("estimators", "csdid")
COLUMNS = ["city_id", "year", "province", "ln_so2", "ind2", "ln_open", "pop", "dudt", "batch"]


@pytest.fixture(scope="module")
def panels() -> dict[str, pd.DataFrame]:
    """The rows of R's cases."""
    frame = pd.read_csv(REFERENCE / "panel.csv")[COLUMNS].astype(float)
    frame["cohort"] = frame.batch.where(frame.batch > 0)
    rows = pd.read_csv(REFERENCE / "did" / "did_balanced_rows.csv")
    frame = frame.sort_values(["city_id", "year"], ignore_index=True)
    return {"balanced": frame.merge(rows, on=["city_id", "year"]), "unbalanced": frame}


def case_of(name: str) -> dict[str, object]:
    rows, controls, control, way, base, *more = name.split("|")
    return {
        "rows": rows,
        "controls": () if controls == "none" else tuple(controls.split("+")),
        "weights": "pop" if "weights=pop" in more else None,
        "cluster": "province" if "cluster=province" in more else "city_id",
        "options": {
            "control": "never" if control == "nevertreated" else "notyet",
            "est_method": way,
            "base_period": base,
            "anticipation": 1 if "anticipation=1" in more else 0,
            "unbalanced": "rows" if rows == "unbalanced" else "pairs",
        },
    }


def laid(panels, case, **more):
    spec = ("ln_so2", "dudt", case["controls"], ("city_id", "year"), case["weights"], "csdid")
    options = {"csdid": case["options"] | more}
    return task_of(panels[case["rows"]], spec, vcovs=(case["cluster"],), cohort="cohort", options=options)


def test_every_cell_is_that_of_r(panels):
    """858 effects by cohort and period, and their standard errors."""
    reference = pd.read_csv(REFERENCE / "did" / "did_att_gt.csv")
    checked = 0
    for name, cells in reference.groupby("case", sort=False):
        case = case_of(name)
        options, task = case["options"], laid(panels, case)
        ahead = options["anticipation"]
        panel = group_time.lay_out(task, ahead, options["unbalanced"])
        cluster = task.clusters[0][0][panel.first]
        for row in cells.itertuples():
            g, t = (int(np.searchsorted(panel.times, v)) for v in (row.group, row.time))
            last = g - 1 - ahead
            base = last if options["base_period"] == "universal" or t > last else t - 1
            checked += 1
            if base == t:
                assert row.att == 0
                assert np.isnan(row.se)
                continue
            cell = group_time.compare(
                panel,
                g,
                t,
                base,
                never=options["control"] == "never",
                anticipation=ahead,
                way=options["est_method"],
                rows=options["unbalanced"] == "rows",
            )
            sums = np.bincount(cluster, cell.influence)
            assert [cell.effect, np.sqrt(sums @ sums)] == pytest.approx([row.att, row.se], rel=1e-6), (name, g, t)
    assert checked == 858


@pytest.fixture(scope="module")
def averages() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "did" / "did_aggte.csv")


def test_every_overall_average_is_that_of_r(panels, averages):
    overall = averages[averages.level == "overall"]
    for row in overall.itertuples():
        found = CSDID.fit(laid(panels, case_of(row.case), aggregate=row.type))
        assert [found.estimate, found.std_error[0]] == pytest.approx([row.att, row.se], rel=1e-6), row.case
    assert len(overall) == 4 * 23


def test_every_average_by_cohort_or_calendar_period_is_that_of_r(panels, averages):
    """One cohort alone is the group average of the sample without the others; one period, a mean of its cells."""
    checked = 0
    for row in averages[(averages.level == "by") & (averages.type != "dynamic")].itertuples():
        case = case_of(row.case)
        task, options = laid(panels, case), case["options"]
        panel = group_time.lay_out(task, options["anticipation"], options["unbalanced"])
        time = int(np.searchsorted(panel.times, row.at))
        cells = []
        for g in panel.cohorts if row.type == "calendar" else [time]:
            for t in range(g, panel.periods):
                if row.type == "group" or t == time:
                    base = g - 1 - options["anticipation"]
                    how = {"anticipation": options["anticipation"], "way": options["est_method"]}
                    how |= {"never": options["control"] == "never", "rows": options["unbalanced"] == "rows"}
                    cells.append(group_time.compare(panel, g, t, base, **how))
        average = (
            group_time.pooled
            if row.type == "calendar"
            else lambda _, own: group_time.alike([(c.effect, c.influence) for c in own])
        )
        effect, influence = average(panel, cells)
        sums = np.bincount(task.clusters[0][0][panel.first], influence)
        assert [effect, np.sqrt(sums @ sums)] == pytest.approx([row.att, row.se], rel=1e-6), row.case
        checked += 1
    assert checked == 23 * 9


def test_every_average_by_event_time_is_that_of_r(panels, averages):
    """The event study: with one base period the reference has no estimate, as in R no standard error."""
    checked = 0
    dynamic = averages[(averages.level == "by") & (averages.type == "dynamic")]
    for name, rows in dynamic.groupby("case", sort=False):
        case = case_of(name)
        task, ahead = laid(panels, case), case["options"]["anticipation"]
        reference = -1 - ahead
        rows = rows.astype({"at": int}).set_index("at")
        periods = tuple(k for k in rows.index if not np.isnan(rows.se[k]))
        found = CSDID.path(task, task.time - task.cohort, periods, reference)
        assert found.periods == periods
        errors = np.sqrt(np.diag(found.vcov[0]))
        np.testing.assert_allclose(found.estimate, rows.att.loc[list(periods)], rtol=1e-6, err_msg=name)
        np.testing.assert_allclose(errors, rows.se.loc[list(periods)], rtol=1e-6, err_msg=name)
        assert found.from_reference == (case["options"]["base_period"] == "universal")
        checked += len(rows)
    assert checked == 631 - 23 * 13


def test_the_published_average_of_the_minimum_wage_panel():
    """Callaway and Sant'Anna (2021), Table 3, without controls; R's did has −.03995 (.01203)."""
    frame = pd.read_csv(REFERENCE.parents[1] / "specs" / "data" / "mpdta.csv")
    frame = frame[["countyreal", "year", "first_treat", "lemp"]].astype(float)
    frame["cohort"] = frame.first_treat.where(frame.first_treat > 0)
    frame["post"] = 1.0 * (frame.year >= frame.cohort)
    spec = ("lemp", "post", (), ("countyreal", "year"), None, "csdid")
    options = {"csdid": {"aggregate": "simple"}}
    found = CSDID.fit(task_of(frame, spec, vcovs=("countyreal",), unit="countyreal", cohort="cohort", options=options))
    assert (found.estimate, found.std_error[0]) == pytest.approx((-0.039951, 0.012034), abs=1e-6)
    assert np.isinf(found.df[0])


# Corner cases, against formulas written here.


def small(frame, controls=(), weights=None, vcovs=("unit",), **options):
    spec = ("y", "d", controls, ("unit", "t"), weights, "csdid")
    task = task_of(frame, spec, vcovs=vcovs, unit="unit", time="t", cohort="cohort", options={"csdid": options})
    return CSDID.estimate(task)


def mean_changes(frame, into, beside, t, base):
    """The difference of mean changes, and each unit's part in it."""
    wide = frame.pivot_table(index="unit", columns="t", values="y")
    change = wide[t] - wide[base]
    change = change[change.notna()]
    first = frame.groupby("unit").cohort.first().fillna(np.inf)
    effect, part = 0.0, pd.Series(0.0, index=wide.index)
    for units, sign in ((first.index[into(first)], 1.0), (first.index[beside(first)], -1.0)):
        own = change[change.index.intersection(units)]
        effect += sign * own.mean()
        part[own.index] += sign * (own - own.mean()) / len(own)
    return effect, part


def test_all_treated_at_once_is_a_mean_of_differences_of_means():
    frame = adoption_panel()
    frame = frame[(frame.cohort != 6)]
    cells = [mean_changes(frame, lambda g: g == 4, lambda g: np.isinf(g), t, 3) for t in (4, 5, 6, 7)]
    influence = sum(p for _, p in cells) / 4
    for aggregate in ("group", "simple", "dynamic", "calendar"):
        found = small(frame, aggregate=aggregate)
        assert found.estimate == pytest.approx(np.mean([e for e, _ in cells]), rel=1e-12)
        assert found.std_error[0] == pytest.approx(np.sqrt((influence**2).sum()), rel=1e-10)
    assert found.units == (45, 15, 30, 0)


def test_units_that_are_always_treated_leave_and_are_counted():
    frame = adoption_panel()
    always = frame.unit < 5
    with_always = frame.assign(cohort=frame.cohort.mask(always, 0.0), d=frame.d.mask(always, 1.0))
    found, without = small(with_always), small(frame[~always])
    assert (found.estimate, found.std_error) == (without.estimate, without.std_error)
    assert found.extra["n_treated_left_out"] == 5
    (caution,) = CSDID.cautions({k: np.array([v]) for k, v in found.extra.items()})
    assert caution.code == "cohorts_left_out"
    assert "5 treated units are not in the average effect" in caution.message


def test_a_cohort_of_one_unit_has_no_variation_of_its_own_and_the_user_is_told():
    frame = adoption_panel()
    frame = frame[frame.cohort.isna() | (frame.unit == 3)]
    cells = [mean_changes(frame, lambda g: g == 4, lambda g: np.isinf(g), t, 3) for t in (4, 5, 6, 7)]
    controls = sum(p for _, p in cells).drop(3.0) / 4
    found = small(frame)
    assert found.std_error[0] == pytest.approx(np.sqrt((controls**2).sum()), rel=1e-10)
    (caution,) = CSDID.cautions({k: np.array([v]) for k, v in found.extra.items()})
    assert caution.code == "one_unit_cohorts"


def test_without_never_treated_later_cohorts_serve_until_their_treatment():
    frame = adoption_panel()
    frame = frame[frame.cohort.notna()]
    refused = small(frame)
    assert isinstance(refused, Failure)
    assert (refused.code, "notyet" in refused.message) == ("not_identified", True)
    found = small(frame, control="notyet")
    cells = [mean_changes(frame, lambda g: g == 4, lambda g: g == 6, t, 3) for t in (4, 5)]
    assert found.estimate == pytest.approx(np.mean([e for e, _ in cells]), rel=1e-12)
    assert (found.extra["n_cells"], found.extra["n_cells_left_out"], found.extra["n_treated_left_out"]) == (2, 4, 15)
    assert found.units == (30, 15, 15, 0)
    (caution,) = CSDID.cautions({k: np.array([v]) for k, v in found.extra.items()})
    assert caution.code == "cells_left_out"
    assert "2 of 6 cohorts × periods" in caution.message


def test_what_a_unit_that_lacks_periods_is_part_of():
    """Pairs: changes that are seen at both ends; rows: means of whoever is seen; drop: nothing."""
    frame = adoption_panel()
    frame = frame[(frame.cohort != 6) & ~((frame.unit == 2) & (frame.t == 5)) & ~((frame.unit == 40) & (frame.t == 3))]
    pairs = [mean_changes(frame, lambda g: g == 4, lambda g: np.isinf(g), t, 3)[0] for t in (4, 5, 6, 7)]
    assert small(frame).estimate == pytest.approx(np.mean(pairs), rel=1e-12)
    means = frame.assign(treated=frame.cohort.notna()).groupby(["treated", "t"]).y.mean().unstack()
    rows = [means.loc[True, t] - means.loc[True, 3] - means.loc[False, t] + means.loc[False, 3] for t in (4, 5, 6, 7)]
    assert small(frame, unbalanced="rows").estimate == pytest.approx(np.mean(rows), rel=1e-12)
    whole = small(frame[~frame.unit.isin([2, 40])])
    dropped = small(frame, unbalanced="drop")
    assert (dropped.estimate, dropped.std_error) == (whole.estimate, whole.std_error)
    assert dropped.extra["n_units_left_out"] == 2
    refused = small(frame, ("x",), unbalanced="rows")
    assert isinstance(refused, Failure)
    assert "takes no controls" in refused.message


def test_means_of_rows_are_also_of_units_with_one_row(tmp_path):
    """As R's did keeps them with allow_unbalanced_panel = TRUE; programs have the same rows."""
    frame = adoption_panel()
    frame = frame.assign(g=frame.cohort.fillna(0).astype(int))[["unit", "t", "g", "y"]].copy()
    for unit, t in ((0, 3), (1, 5), (frame.unit[frame.g == 0].iloc[0], 4)):
        frame = frame[(frame.unit != unit) | (frame.t == t)]
    frame["d"] = ((frame.g > 0) & (frame.t >= frame.g)).astype(int)
    frame.to_csv(tmp_path / "a.csv", index=False)
    (tmp_path / "a.toml").write_text(
        '[study]\ndata = "a.csv"\nunit = "unit"\ntime = "t"\nnever = 0\noutcome = "y"\n'
        '[treatment]\n"d" = { term = "d", cohort = "g" }\n[inference]\ndraws = 0\n'
        '[estimator]\n"rows" = { method = "csdid", aggregate = "simple", unbalanced = "rows" }\n'
    )
    prepared = prepare(tmp_path / "a.toml")
    results = estimated(prepared)
    mean, cells = frame.groupby(["g", "t"]).y.mean(), []
    for g in sorted(set(frame.g) - {0}):
        cells += [
            (frame.unit[frame.g == g].nunique(), mean[g, t] - mean[g, g - 1] - mean[0, t] + mean[0, g - 1])
            for t in range(g, int(frame.t.max()) + 1)
        ]
    expected = np.average([e for _, e in cells], weights=[n for n, _ in cells])
    assert results.estimate[0] == pytest.approx(expected, rel=1e-12)
    assert results.numbers["n_singletons"][0] == 0
    assert max(differences(prepared, [0], results).values()) < 1e-9
    for language in ("r", "stata"):
        assert "singleton" not in program(prepared, 0, language)


@pytest.mark.parametrize("aggregate", ["group", "simple", "dynamic", "calendar"])
@pytest.mark.parametrize("unbalanced", ["pairs", "drop"])
def test_a_row_without_a_control_is_in_no_comparison_as_if_it_were_not_there(unbalanced, aggregate):
    """R's did and Stata's csdid leave such rows out first; a later period without it gives no effect of its own."""
    frame, options = adoption_panel(), {"unbalanced": unbalanced, "aggregate": aggregate, "est_method": "reg"}
    some = (frame.unit.isin([2, 20, 50])) & frame.t.isin([3, 5])
    for lost in (some, frame.t >= 7, some | (frame.t >= 7)):
        found = small(frame.assign(x=frame.x.mask(lost)), ("x",), **options)
        without = small(frame[~lost], ("x",), **options)
        assert (found.estimate, found.std_error[0], found.nobs) == (
            without.estimate,
            without.std_error[0],
            without.nobs,
        )
        assert found.extra == without.extra
    whole = small(frame, ("x",), **options)
    late = small(frame.assign(x=frame.x.mask(frame.t >= 7)), ("x",), **options)
    assert abs(late.estimate / whole.estimate - 1) > 1e-6


GAPS = (
    {},
    {"unbalanced": "drop"},
    {"control": "notyet"},
    {"est_method": "ipw"},
    {"est_method": "reg", "aggregate": "dynamic"},
)


@pytest.mark.parametrize("options", GAPS, ids=lambda o: "-".join(o.values()) or "default")
@pytest.mark.parametrize("weights", ["1", "w"])
def test_programs_leave_rows_without_a_control_out_too(options, weights, tmp_path):
    """In Python, R and Stata: a control that ends early, and one missing here and there."""
    frame = adoption_panel()
    frame["cohort"] = frame.cohort.fillna(0)
    lost = (frame.t == 7) | ((frame.unit % 7 == 1) & (frame.t == 3)) | ((frame.unit % 9 == 2) & (frame.t == 5))
    frame["x"] = frame.x.mask(lost)
    frame["w"] = frame.w.mask((frame.unit == 3) & (frame.t == 4))
    frame.to_csv(tmp_path / "a.csv", index=False)
    given = "".join(f', {k} = "{v}"' for k, v in options.items())
    (tmp_path / "a.toml").write_text(
        '[study]\ndata = "a.csv"\nunit = "unit"\ntime = "t"\nnever = 0\noutcome = "y"\n'
        '[treatment]\n"d" = { term = "d", cohort = "cohort" }\n[controls]\n"c" = "x + z"\n[inference]\ndraws = 0\n'
        f'[weights]\n"w" = "{weights}"\n[estimator]\n"e" = {{ method = "csdid"{given} }}\n'
    )
    prepared = prepare(tmp_path / "a.toml")
    results = estimated(prepared)
    assert results.numbers["n_missing"][0] >= lost.sum()
    assert max(differences(prepared, [0], results).values()) < 1e-8
    for language, reader in (("r", r_reader), ("stata", stata_reader)):
        with np.errstate(all="ignore"):
            read = reader.Program().run(program(prepared, 0, language))
        assert difference(results, 0, (read.estimate, read.found)) < 1e-8


def test_periods_two_apart_are_neighbours_where_none_lies_between():
    frame = adoption_panel()
    even = frame[frame.t % 2 == 0]
    even = even.assign(cohort=even.cohort - 1)  # 3 and 5: first treated rows are 4 and 6
    moved = even.assign(t=even.t / 2, cohort=(even.cohort + 1) / 2)
    assert small(even).estimate == pytest.approx(small(moved).estimate, rel=1e-12)


def test_anticipation_moves_the_base_period_and_takes_those_about_to_adopt_from_the_comparison():
    frame = adoption_panel()
    cells = [
        mean_changes(frame, lambda g: g == 4, lambda g, t=t: np.isinf(g) | ((g > t + 1) & (g != 4)), t, 2)
        for t in (4, 5, 6, 7)
    ]
    cells6 = [mean_changes(frame, lambda g: g == 6, lambda g: np.isinf(g), t, 4) for t in (6, 7)]
    expected = (np.mean([e for e, _ in cells]) + np.mean([e for e, _ in cells6])) / 2
    assert small(frame, control="notyet", anticipation=1).estimate == pytest.approx(expected, rel=1e-12)


def test_clusters_that_part_a_units_rows_are_not_offered():
    found = small(adoption_panel(), vcovs=("t", "state"))
    assert found.vcov_notes == ("parts_units", "")


def test_without_overlap_there_is_no_estimate_and_the_regression_has_one():
    frame = adoption_panel()
    frame["x"] = frame.cohort.notna() + 0.01 * frame.x
    refused = small(frame, ("x",))
    assert isinstance(refused, Failure)
    assert refused.message.startswith("the controls tell cohort 4 in 4 apart")
    assert isinstance(small(frame, ("x",), est_method="reg"), Estimate)


def test_the_logit_is_at_its_maximum_where_the_deviance_would_stop_earlier():
    """The castle panel's cohort of 2007 with `poverty`, by population.

    R's glm ends by the change of the deviance: where that is 1e-7 of it, the effect is still 2e-7 off.
    """
    frame = pd.read_csv(REFERENCE.parents[1] / "specs/data/castle.csv")
    first = frame.sid.map(frame[frame.post == 1].groupby("sid").year.min())
    wide = np.log(frame.homicide).groupby([frame.sid, frame.year]).first().unstack()
    cohort = first.groupby(frame.sid).first()
    rows, before = ((cohort >= 2007) | cohort.isna()).to_numpy(), frame[frame.year == 2006]
    into, weight = (cohort == 2007).to_numpy()[rows], (before.popwt / before.popwt.mean()).to_numpy()[rows]
    change = (wide[2007] - wide[2006]).to_numpy()[rows]
    design = np.column_stack([np.ones(rows.sum()), before.poverty.to_numpy()[rows]])
    root = np.sqrt(weight)[:, None]

    def effect(odds):
        w = weight * ~into
        fitted = design @ np.linalg.lstsq((root * design)[~into], (root[:, 0] * change)[~into], rcond=None)[0]
        left = change - fitted
        return weight[into] @ left[into] / weight[into].sum() - (w * odds) @ left / (w @ odds)

    mean, deviance, steps = (weight * into + 0.5) / (weight + 1), np.inf, []
    for _ in range(12):
        size = root[:, 0] * np.sqrt(mean * (1 - mean))
        score = np.log(mean / (1 - mean)) + (into - mean) / (mean * (1 - mean))
        beta = np.linalg.lstsq(size[:, None] * design, size * score, rcond=None)[0]
        mean = 1 / (1 + np.exp(-design @ beta))
        earlier, deviance = deviance, -2 * weight @ np.log(np.where(into, mean, 1 - mean))
        steps.append((abs(earlier - deviance) / (deviance + 0.1), effect(mean / (1 - mean))))
    stopped = next(value for moved, value in steps if moved < 1e-6)
    found, _ = group_time.contrast(change, into, design, weight, "dr", "")
    assert found == pytest.approx(steps[-1][1], rel=1e-12)
    assert 1e-8 < abs(stopped / found - 1) < 1e-6


def test_a_control_that_is_constant_among_the_comparison_group_alone_is_refused():
    frame = adoption_panel()
    frame["z"] = frame.z.where(frame.cohort.notna(), 5.0)
    refused = small(frame, ("x", "z"), est_method="reg")
    assert (refused.code, refused.message[:4]) == ("not_identified", "`z` ")
    same = small(frame, ("x", "double"))
    assert same.estimate == pytest.approx(small(frame, ("x",)).estimate, rel=1e-10)


def test_a_path_without_one_base_period_says_so():
    spec = ("y", "d", (), ("unit", "t"), None, "csdid")
    options = {"csdid": {"base_period": "varying"}}
    task = task_of(adoption_panel(), spec, vcovs=("unit",), unit="unit", time="t", cohort="cohort", options=options)
    found = CSDID.path(task, task.time - task.cohort, (-3, -2, 0, 1), -1)
    assert "varying" in found.note
    assert found.periods == (-3, -2, -1, 0, 1)  # csdid's Tm1 and did's -1: the change since the period before
    levels = CSDID.path(replace(task, options={}), task.time - task.cohort, (-3, -2, 0, 1), -1)
    assert found.estimate[2] == pytest.approx(-levels.estimate[1], rel=1e-9)
    ahead = replace(task, options={"anticipation": 1})
    moved = CSDID.path(ahead, task.time - task.cohort, (-3, 0, 1), -1)
    assert moved.note == "effects of csdid are changes since period -2, which anticipation leaves untouched"
    assert not moved.from_reference


def test_what_fits_perfectly_has_no_standard_error():
    frame = adoption_panel()
    frame = frame.assign(y=0.1 * frame.unit + 0.37 * frame.t + frame.d)
    found = small(frame)
    assert found.estimate == pytest.approx(1.0, abs=1e-12)
    assert found.vcov_notes == ("perfect_fit",)


def fitted(frame: pd.DataFrame, weights: str | None = None, **options) -> Estimate:
    spec = ("y", "d", (), ("unit", "t"), weights, "csdid")
    task = task_of(frame, spec, vcovs=("unit",), unit="unit", time="t", cohort="cohort", options={"csdid": options})
    return CSDID.fit(task)


def test_units_in_no_comparison_count_in_shares():
    """They leave the same N, units and treated when they are taken out, and move the average: R's convention."""
    frame = adoption_panel()
    begin = frame.groupby("unit").cohort.first().dropna()
    lonely = begin.index[begin == begin.min()][:4]
    late = frame[~(frame.unit.isin(lonely) & (frame.t < begin.min()))].reset_index(drop=True)
    found, without = fitted(late), fitted(late[~late.unit.isin(lonely)].reset_index(drop=True))
    assert (found.nobs, found.units) == (without.nobs, without.units)
    assert abs(found.estimate - without.estimate) > 1e-4
    # The shares by hand: each cohort alone has its own effect, and its size is all of its units in the sample.
    size, own = begin.groupby(begin).size(), {}
    for g in size.index:
        own[g] = fitted(late[late.cohort.isna() | (late.cohort == g)].reset_index(drop=True)).estimate
    by_hand = sum(size[g] * own[g] for g in size.index) / size.sum()
    assert found.estimate == pytest.approx(by_hand, rel=1e-10)


def test_shares_under_weights_are_those_of_first_rows():
    rng = np.random.default_rng(5)
    frame = adoption_panel()
    frame = frame.assign(w=rng.uniform(0.5, 2, len(frame)))
    first = frame.sort_values("t").groupby("unit").agg(cohort=("cohort", "first"), w=("w", "first")).dropna()
    own = {
        g: fitted(frame[frame.cohort.isna() | (frame.cohort == g)].reset_index(drop=True), "w").estimate
        for g in first.cohort.unique()
    }
    size = first.groupby("cohort").w.sum()
    found = fitted(frame, "w")
    assert found.estimate == pytest.approx(sum(size[g] * own[g] for g in size.index) / size.sum(), rel=1e-10)


def test_cells_left_out_of_which_no_treated_unit_is_lost_speak_of_none():
    frame = adoption_panel()
    found = small(frame[~((frame.cohort == 4) & (frame.t == 5))])
    assert (found.extra["n_cells_left_out"], found.extra["n_treated_left_out"]) == (1, 0)
    cautions = CSDID.cautions({k: np.array([v]) for k, v in found.extra.items()})
    (message,) = (c.message for c in cautions if c.code == "cells_left_out")
    assert "every treated unit is in some of these" in message
    assert known(message, "zh")


def test_where_periods_lie_further_apart_what_counts_them_is_refused():
    """Places of periods do not count time: without rows of 4, cohorts of 4 and 5 had one adoption in 5."""
    frame = adoption_panel()
    frame["cohort"] = frame.cohort.replace(6.0, 5.0)
    frame["d"] = (frame.t >= frame.cohort).astype(float)
    gone = frame[frame.t != 4]
    for refused, words in (
        (small(gone, aggregate="dynamic"), "counts time since treatment in periods that have rows"),
        (small(gone, anticipation=1), "counts anticipation in periods that have rows"),
    ):
        assert isinstance(refused, Failure)
        assert words in refused.message
        assert known(refused.message, "zh")
    for aggregate in ("group", "simple", "calendar"):
        assert isinstance(small(gone, aggregate=aggregate), Estimate)
    assert isinstance(small(frame, aggregate="dynamic", anticipation=1), Estimate)
    for rows, fails in ((gone, True), (frame, False), (gone[gone.cohort != 4], False)):
        spec = ("y", "d", (), ("unit", "t"), None, "csdid")
        task = task_of(rows, spec, vcovs=("unit",), unit="unit", time="t", cohort="cohort", options={"csdid": {}})
        found = CSDID.effects_by_period(task, task.time - task.cohort, (1, 2), -1)
        assert isinstance(found, Failure) == fails
        if fails:
            assert "csdid makes one cohort" in found.message
            assert known(found.message, "zh")


def test_a_path_from_an_older_base_is_not_said_to_be_from_the_reference():
    """Treated rows of the period before treatment are left out: zero stood at -1, and effects were since -2."""
    frame = adoption_panel()
    rows = frame[~((frame.t == frame.cohort - 1) & frame.cohort.notna())]
    spec, options = ("y", "d", (), ("unit", "t"), None, "csdid"), {"csdid": {}}
    task = task_of(rows, spec, vcovs=("unit",), unit="unit", time="t", cohort="cohort", options=options)
    found = CSDID.path(task, task.time - task.cohort, (-3, 0, 1), -1)
    assert not found.from_reference
    assert "of cohorts without rows there since their last period before it" in found.note
    assert known(found.note, "zh")


def test_programs_leave_out_the_controls_that_are_dropped(tmp_path):
    frame = adoption_panel()
    frame = frame.assign(g=frame.cohort.fillna(0).astype(int), x=frame.x.astype(np.float32).astype(float))
    frame["twice"] = (2 * frame.x + 8).astype(np.float32).astype(float)
    frame[["unit", "t", "g", "d", "y", "x", "twice"]].to_csv(tmp_path / "a.csv", index=False)
    (tmp_path / "a.toml").write_text(
        '[study]\ndata = "a.csv"\nunit = "unit"\ntime = "t"\nnever = 0\noutcome = "y"\n'
        '[treatment]\n"d" = { term = "d", cohort = "g" }\n[controls]\n"both" = "x + twice"\n[inference]\ndraws = 0\n'
        '[estimator]\n"CS" = "csdid"\n'
    )
    prepared = prepare(tmp_path / "a.toml")
    results = estimated(prepared)
    assert results.dropped.at(0) == "twice"
    assert max(differences(prepared, [0], results).values()) < 1e-9
    for language in ("python", "r", "stata"):
        assert "left out, as combinations of the periods and the other controls: twice" in program(
            prepared, 0, language
        )


@pytest.mark.parametrize("way", ["reg", "ipw", "dr"])
def test_a_control_that_is_another_but_for_single_precision_is_dropped_and_named(way):
    frame = adoption_panel()
    rounded = (2 * frame.x + 8).astype(np.float32).astype(float)
    frame = frame.assign(single=rounded, period=frame.t % 3)
    assert np.linalg.norm(rounded - 2 * frame.x - 8) > 1.1e-7 * np.linalg.norm(frame.x - frame.x.mean())
    alone = small(frame, ("x",), est_method=way)
    for more in ("single", "double", "period"):
        found = small(frame, ("x", more), est_method=way)
        assert (found.estimate, found.std_error, found.dropped) == (alone.estimate, alone.std_error, (1,))
    assert small(frame, ("period", "x", "single"), est_method=way).dropped == (0, 2)


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn_test")
def test_rows_without_a_control_are_in_no_honest_set_and_no_refit():
    frame, rng = adoption_panel().fillna({"cohort": 0}), np.random.default_rng(2)
    lost = (frame.t == 7) | (rng.random(len(frame)) < 0.05)
    frame["x"] = frame.x.mask(lost)
    other = frame.assign(y=frame.y.mask(lost, 9.0))
    study = {
        "study": {"unit": "unit", "time": "t", "data": "given.csv", "seed": 7, "outcome": "y", "controls": "x"},
        "treatment": {"d": {"term": "d", "cohort": "cohort"}},
        "estimator": {"e": {"method": "csdid", "est_method": "reg"}},
        "inference": {"draws": 19, "null": ["permutation"], "assign": "d + cohort"},
        "honest": {"window": [-3, 1]},
    }
    found = []
    for one in (frame, other):
        curve = specdid.run(study, pl.DataFrame({c: one[c].to_numpy() for c in one}).fill_nan(None), audit=0)
        assert curve.tests[0].draws == 19
        (analysed,) = curve.analyses
        found.append(repr((curve.tests[0].tests, [t.rows for t in analysed.finding.tables])))
    assert found[0] == found[1]
