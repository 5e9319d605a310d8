"""Event studies against fixest, the estimators' own averages and theory.

What wrong tables of event studies are told.

Event studies in calendar time: relative time shifted, several cohorts, months.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyfixest as pf
import pytest
import specdid
from event_studies import ALL, FIRST, one, paths_of
from scipy.integrate import quad
from scipy.stats import chi2, f, ncx2, norm
from simulated import analysed, simulated
from small_studies import small_study
from specdid import _manual
from specdid._run.analyse import run_one
from specdid._run.prepare import examine, prepare
from specdid.analyses import event_study
from specdid.analyses._event_paths import noncentrality, path, simultaneous
from specdid.analyses._fit import joint_test
from specdid.analyses._words import of_columns
from specdid.figures.event_study import note
from studies import PANEL, SPEC, bench_of, columns, fault_texts, reference, run_tables

pytestmark = pytest.mark.usefixtures("panel_read_once")


def test_coefficients_are_those_of_fixest(tmp_path):
    table = columns(one(tmp_path, FIRST).tables[0])
    first = [v == "city" for v in table["vcov"]]
    ours = {}
    for k, mine in enumerate(first):
        if mine and not table["reference"][k] and table["term"][k] != "Constant":
            term = table["term"][k]
            name = f"rel::{table['period'][k]}:pilot" if term == "period" else term
            ours[name] = tuple(table[c][k] for c in ("estimate", "std_error", "statistic", "p_value", "nobs"))
    theirs = {
        row["term"]: tuple(float(row[c]) for c in ("Estimate", "Std. Error", "t value", "Pr(>|t|)", "nobs"))
        for row in reference("fixest_event_study.csv")
    }
    assert len(theirs) == 16
    assert sorted(ours) == sorted(theirs)
    for term, numbers in theirs.items():
        np.testing.assert_allclose(ours[term], numbers, rtol=1e-9)


def test_joint_test_is_fixests_wald_with_clusters_less_one(tmp_path):
    tests = columns(one(tmp_path, FIRST).tables[1])
    (row,) = reference("fixest_event_study_pretrend_wald.csv")
    assert tests["statistic"][0] == pytest.approx(float(row["stat"]), rel=1e-9)
    assert (tests["df1"][0], tests["df2"][0]) == (6, tests["n_clusters"][0] - 1)
    assert tests["chi2"][0] == pytest.approx(float(row["stat"]) * int(row["df1"]), rel=1e-9)
    assert tests["p_value"][0] == pytest.approx(f.sf(float(row["stat"]), 6, tests["df2"][0]), rel=1e-7)


def test_the_trend_is_found_with_the_power_that_is_said(tmp_path):
    """Leads drawn with this trend and the errors' covariance: Hotelling's F rejects in that share of draws."""
    (found,) = (path(*asked) for asked in paths_of(tmp_path, FIRST))
    leads = np.flatnonzero(found.leads)
    covariance, df = found.vcov[0][np.ix_(leads, leads)], found.df[0]
    rng = np.random.default_rng(5)
    for power in (0.5, 0.8):
        mean = found.trend_found(0.05, power) * (found.periods[leads] + 1)
        drawn = rng.multivariate_normal(mean, covariance, 100_000)
        scale = rng.chisquare(df, len(drawn)) / df
        statistic = np.einsum("dk,kl,dl->d", drawn, np.linalg.inv(covariance), drawn) / (len(leads) * scale)
        assert np.mean(statistic > f.isf(0.05, len(leads), df)) == pytest.approx(power, abs=0.006)
    assert np.isnan(replace(found, references=(-1, -2)).trend_found(0.05, 0.8))
    # divided by the treatment of each period, leads do not grow by a trend's step
    assert np.isnan(replace(found, per_unit=True).trend_found(0.05, 0.8))


def test_the_trends_that_would_be_found_are_in_the_table(tmp_path):
    (found,) = (path(*asked) for asked in paths_of(tmp_path, FIRST))
    tests = columns(one(tmp_path, FIRST).tables[1])
    assert tests["trend_50"][0] == pytest.approx(found.trend_found(0.05, 0.5))
    assert tests["trend_80"][0] == pytest.approx(found.trend_found(0.05, 0.8))


def test_a_bin_stands_where_its_rows_lie_in_a_trend(tmp_path):
    """An outcome that is the trend itself, one cohort: the estimates of bins are the periods since the reference."""
    ((bench, *asked),) = paths_of(tmp_path, FIRST + "\nwindow = [-3, 2]")
    found = path(bench, *asked)
    cohort, periods, units = bench.cohort(asked[0]), bench.periods, bench.panel.unit_codes
    rows = found.fit.rows
    apart = np.where(np.isfinite(cohort), periods, 0.0)[rows]
    place = np.clip(periods - cohort, -3, 2)[rows]
    effects = [np.eye(len(np.unique(c)))[np.unique(c, return_inverse=True)[1]] for c in (units[rows], periods[rows])]
    dummies = np.column_stack([place == k for k in found.periods])
    slopes = np.linalg.lstsq(np.hstack([dummies, *effects]), apart, rcond=None)[0][: len(found.periods)]
    assert found.bins == (-3, 2)
    assert found.since_reference == pytest.approx(slopes, abs=0.1)  # not every unit has all rows
    assert abs(found.since_reference[0] - -2) > 1
    assert replace(found, ends={}).trend_found(0.05, 0.8) > 1.2 * found.trend_found(0.05, 0.8)


def test_the_noncentrality_of_a_power_is_that_of_tables():
    """χ² with 1 and 3 degrees of freedom, 5% and .8: (1.96 + .8416)² and 10.903; F with many is χ²."""
    assert noncentrality(1, np.inf, 0.05, 0.8) == pytest.approx(7.849, abs=1e-3)
    assert noncentrality(3, np.inf, 0.05, 0.8) == pytest.approx(10.903, abs=1e-3)
    assert noncentrality(3, 1e6, 0.05, 0.8) == pytest.approx(10.903, abs=2e-3)
    found, critical = noncentrality(3, 10.0, 0.05, 0.8), f.isf(0.05, 3, 10)
    power = quad(lambda x: ncx2.sf(3 * critical * x / 10, 3, found) * chi2.pdf(x, 10), 0, np.inf)[0]
    assert power == pytest.approx(0.8, abs=1e-6)


def test_a_trend_that_slopes_take_out_is_not_said_to_be_found(tmp_path):
    base = SPEC + '[fixed_effects]\n"trends" = "city_id + year + province[year]"\n'
    (told,) = run_tables(tmp_path, f"[event_study]\n{FIRST}", base)
    tests = columns(told.finding.tables[1])
    assert np.isfinite(tests["p_value"][0])
    assert np.isnan(tests["trend_80"][0])


def test_sun_abraham_by_period_is_fixests(tmp_path):
    fix = f'fix = {{ {ALL}, estimator = "Sun-Abraham" }}'
    table = columns(one(tmp_path, fix).tables[0])
    ours = {
        period: (table["estimate"][k], table["std_error"][k])
        for k, period in enumerate(table["period"])
        if table["vcov"][k] == "city" and table["term"][k] == "period" and not table["reference"][k]
    }
    theirs = {
        int(row["term"].split("::")[1]): (float(row["Estimate"]), float(row["Std. Error"]))
        for row in reference("fixest_sunab.csv")
        if row["term"] != "ATT"
    }
    assert sorted(ours) == sorted(theirs)
    for period, numbers in theirs.items():
        np.testing.assert_allclose(ours[period], numbers, rtol=1e-8)


@pytest.mark.parametrize("estimator", ["Sun-Abraham", "did2s"])
def test_one_bin_after_treatment_is_the_average_effect(tmp_path, estimator):
    fix = f'fix = {{ {ALL}, estimator = "{estimator}" }}'
    ((bench, cell, clock),) = paths_of(tmp_path, f"{fix}\nwindow = [-3, 0]")
    found, fit = path(bench, cell, clock), bench.fit(cell)
    assert found.estimate[-1] == pytest.approx(fit.estimate[0], rel=1e-9)
    for v in range(2):
        assert found.std_error(v)[-1] == pytest.approx(fit.coefficient(0, v).std_error, rel=1e-7)


def test_local_projection_at_zero_is_the_estimators(tmp_path):
    fix = f'fix = {{ {ALL}, estimator = {{ method = "lpdid", post_window = 0 }} }}'
    ((bench, cell, clock),) = paths_of(tmp_path, fix)
    found, fit = path(bench, cell, clock), bench.fit(cell)
    at = int(np.flatnonzero(found.periods == 0)[0])
    assert found.estimate[at] == pytest.approx(fit.estimate[0], rel=1e-9)
    for v in range(2):
        assert found.std_error(v)[at] == pytest.approx(fit.coefficient(0, v).std_error, rel=1e-7)


def test_local_projections_by_hand(tmp_path):
    """Three horizons as changes regressed on entering and period dummies."""
    fix = f'fix = {{ {ALL}, estimator = "lpdid" }}'
    ((bench, cell, clock),) = paths_of(tmp_path, fix)
    found = path(bench, cell, clock)
    unit, time, cohort = bench.panel.unit_codes, bench.periods, bench.cohort(cell)
    y = {(u, t): v for u, t, v in zip(unit, time, bench.outcome(cell), strict=True)}
    for horizon in (-3, 0, 2):
        rows = []
        for u, t, c in zip(unit, time, cohort, strict=True):
            change = y.get((u, t + horizon), np.nan) - y.get((u, t - 1), np.nan)
            clean = np.isnan(c) or t + max(horizon, 0) < c
            if not np.isnan(change) and not np.isnan(y[u, t]) and (t == c or clean):
                rows.append((change, t == c, t))
        change, enters, t = (np.array(column, float) for column in zip(*rows, strict=True))
        design = np.column_stack([enters, t[:, None] == np.unique(t)])
        slope = np.linalg.lstsq(design, change, rcond=None)[0][0]
        assert found.estimate[found.periods == horizon][0] == pytest.approx(slope, rel=1e-8)


def test_bins_and_drops(tmp_path):
    ((_, _, binned),) = paths_of(tmp_path, FIRST + "window = [-5, 3]")
    assert (binned.periods, bool(binned.keep.all())) == ((-5, -4, -3, -2, 0, 1, 2, 3), True)
    assert binned.bins(np.arange(len(binned.place))) == {-5: -6.0, 3: 4.0}
    ((bench, cell, dropped),) = paths_of(tmp_path, FIRST + 'window = [-5, 3]\nends = "drop"')
    assert not dropped.bins(np.arange(len(dropped.place)))
    out = ~dropped.keep
    assert set(np.unique((bench.periods - bench.cohort(cell))[out])) == {-7, -6, 4, 5}
    both = [columns(one(tmp_path, FIRST + f'window = [-5, 3]\nends = "{e}"').tables[0]) for e in ("bin", "drop")]
    rows = [t["n_treated_rows"][t["term"].index("period")] for t in both]
    assert rows[0] == 29 + 31 + 32
    assert rows[1] == 29
    assert both[0]["end"][0] == "and earlier"
    assert both[1]["end"][0] is None


def test_band_of_independent_estimates_has_the_exact_critical_value():
    exact = norm.ppf((1 + 0.95 ** (1 / 6)) / 2)
    assert simultaneous(np.diag(np.arange(1.0, 7.0)), np.inf, 0.05, 1, 1.96) == pytest.approx(exact, rel=0.01)
    assert simultaneous(np.ones((5, 5)), np.inf, 0.05, 1, 1.9599) == pytest.approx(1.96, rel=0.01)
    assert simultaneous(np.eye(3), 10.0, 0.05, 1, 2.2281) > simultaneous(np.eye(3), np.inf, 0.05, 1, 1.96)


def test_without_degrees_of_freedom_the_joint_test_is_a_chi2():
    variance = np.array([[2.0, 0.5, 0.1], [0.5, 1.0, 0.2], [0.1, 0.2, 3.0]])
    value = np.array([1.5, -1.0, 2.0])
    wald = value @ np.linalg.inv(variance) @ value
    found, few = joint_test(value, variance, np.inf), joint_test(value, variance, 9.0)
    assert (found.statistic, found.df1, found.p_value) == pytest.approx((wald / 3, 3, chi2.sf(wald, 3)))
    assert (few.statistic, few.df2, few.p_value) == pytest.approx((wald / 3, 9, f.sf(wald / 3, 3, 9)))


def test_without_a_positive_covariance_there_is_neither_band_nor_test():
    """Two-way clustering can give either; no warning of numpy reaches the user."""
    indefinite = np.array([[1.0, 2.0], [2.0, 1.0]])
    assert np.isnan(joint_test(np.ones(2), indefinite, 9.0).p_value)
    negative = np.diag([-1.0, 1.0])
    assert np.isnan(joint_test(np.ones(2), negative, 9.0).p_value)
    assert np.isnan(simultaneous(negative, 9.0, 0.05, 1, 2.26))
    assert np.isnan(joint_test(np.zeros(0), np.zeros((0, 0)), 9.0).p_value)


def test_band_is_never_narrower_than_the_interval(tmp_path):
    table = columns(one(tmp_path, FIRST).tables[0])
    for k, term in enumerate(table["term"]):
        if term == "period" and not table["reference"][k]:
            assert table["band_low"][k] <= table["conf_low"][k] < table["conf_high"][k] <= table["band_high"][k]


def test_specifications_are_overlaid_by_outcome(tmp_path):
    finding = one(tmp_path, 'fix = { sample = "batch 1" }\nvary = ["controls"]')
    (chart,) = finding.charts
    assert [(p.name, [s.label for s in p.series]) for p in chart.data.panels] == [
        ("ln SO2", ["none", "all controls"]),
        ("ln wastewater", ["none", "all controls"]),
    ]
    assert (chart.data.reference, chart.data.window, chart.data.unit) == (-1, (-7, 5), "year")
    assert [s.preferred for s in chart.data.panels[0].series] == [True, False]
    series = chart.data.panels[0].series[0]
    assert series.references == (-1,)
    assert -1 not in series.periods


def test_warns_of_leads_cohorts_and_estimators_without_periods(tmp_path):
    fix = 'fix = { outcome = ["ln SO2", "ln wastewater"], treatment = "all batches" }\nvary = ["estimator"]'
    said = [str(w) for w in one(tmp_path, fix).warnings]
    assert "no column for ln SO2, PPML: PPML takes levels" in said
    assert any(w.startswith("no column for ln wastewater, PPML: fepois needs an outcome of zero or more") for w in said)
    share = 'outcome = { formula = "exp(ln_so2)" }, treatment = "all batches", estimator = "PPML"'
    (alone,) = one(tmp_path, f"fix = {{ {share} }}").warnings
    assert str(alone).endswith("fepois gives no effects by relative period")
    assert any(w.startswith("with several cohorts, leads and lags of least squares mix") for w in said)
    (row,) = reference("fixest_event_study_pretrend_wald.csv")
    joint = f"ln SO2: the leads are jointly different from zero (F(6, 168) = {float(row['stat']):.2f}, p < 0.001)"
    assert ("serious", joint) in [(w.severity, str(w)) for w in one(tmp_path, FIRST).warnings]


def test_one_cohort_and_no_comparison_is_a_message(tmp_path):
    base_rows = 'fix = { outcome = "ln SO2", sample = { where = "pilot == 1" } }'
    (found,) = run_tables(tmp_path, f"[event_study]\n{base_rows}\n")
    assert found.failure is None
    assert not found.finding.charts
    assert len(found.finding.warnings) == 1
    assert found.finding.warnings[0].message.startswith("ln SO2: ")


def test_only_what_is_binned_is_called_a_bin(tmp_path):
    """lpdid's ends are single horizons, and so is an end beyond which nobody is seen, or a curve has no row."""
    which = f'fix = {{ {ALL}, estimator = ["OLS", "Sun-Abraham", "did2s", "lpdid"] }}'
    found = one(tmp_path, which + "\nwindow = [-5, 4]")
    table = columns(found.tables[0])
    ends = {}
    for name, term, end, period in zip(table["estimator"], table["term"], table["end"], table["period"], strict=True):
        if term == "period":
            ends.setdefault(name, {})[period] = end
    for name in ("OLS", "Sun-Abraham", "did2s"):
        assert (ends[name][-5], ends[name][4]) == ("and earlier", "and later"), name
    assert set(ends["lpdid"].values()) == {None}
    rows = [row.label for block in found.tables[0].print.blocks for row in block]
    assert {"−5", "+4"} <= set(rows)
    notes = " ".join(found.tables[0].print.notes)
    assert "The first period includes all earlier ones in (1), (2), (3) only" in notes
    assert "he ends of lpdid's window are single periods: it does not bin." in notes
    (chart,) = found.charts
    assert {s.label: s.bins for p in chart.data.panels for s in p.series}["lpdid"] == ()
    notyet = 'estimator = { method = "sunab", control = "notyet" }'
    (chart,) = one(tmp_path, f"fix = {{ {ALL}, {notyet} }}\nwindow = [-5, 4]").charts
    assert [s.bins for p in chart.data.panels for s in p.series] == [(4,)]  # it has no leads
    whole = columns(one(tmp_path, 'fix = { outcome = "ln SO2", treatment = "all batches" }').tables[0])
    assert set(whole["end"]) == {None}


def test_the_absorbed_constant_is_no_row_of_an_event_study(tmp_path):
    fix = f'fix = {{ {ALL}, estimator = "Sun-Abraham" }}'
    assert "Constant" not in columns(one(tmp_path, fix).tables[0])["term"]
    bare = FIRST.replace(" }", ', fixed_effects = { formula = "0" } }')
    assert "Constant" in columns(one(tmp_path, bare).tables[0])["term"]


FAULTS = {
    'fix = { treatment = "no cohort" }': (
        "event_study",
        "the treatment `no cohort` has no cohort, so there is no time relative to adoption",
        'give it one: { term = "…", cohort = "…" }, the first treated period, 0 for never',
    ),
    'fix = { sample = { where = "year >= 2012" } }': (
        "event_study",
        "no treated unit is seen before its first treated period, so there are no leads",
        "an event study needs periods before treatment; check the cohort and the sample",
    ),
    "window = [-9, 5]": (
        "-9",
        "no treated unit is seen 9 periods before its first treated one",
        "relative periods in the data run from -7 to 5",
    ),
    "window = [-7, 6]": (
        "6",
        "no treated unit is seen 6 periods after its first treated one",
        "relative periods in the data run from -7 to 5",
    ),
    "window = [-4, 5]\nreference = -6": (
        "-6",
        "the reference period -6 is outside the window [-4, 5]",
        "the window must hold the period that all others are compared with",
    ),
    "reference = -8": (
        "-8",
        "no treated unit is seen in the reference period -8",
        "relative periods in the data run from -7 to 5",
    ),
    "reference = 0": ("0", "`reference` must be before treatment, such as -1", None),
    "window = [0, 5]": (
        "[0, 5]",
        "the window [0, 5] must begin at -2 or before and end at 0 or after",
        'it counts periods from the first treated one, which is 0; for years write time = "calendar"',
    ),
    "window = 5": (
        "5",
        "expected a list of 2 values, found a whole number",
        "for example, window = [-7, 5]",
    ),
    'time = "years"': ("years", "`time` cannot be `years`", "`time` is one of relative, calendar"),
    'time = "calendar"\nwindow = [2004, 2017]': (
        "2004",
        "no treated unit is seen in 2004",
        "treated units are seen from 2005 to 2017, the first are treated in 2012",
    ),
    'time = "calendar"\nwindow = [2012, 2017]': (
        "2012",
        "the window has no period before treatment",
        "treated units are seen from 2005 to 2017, the first are treated in 2012",
    ),
    'time = "calendar"\nreference = 2012': (
        "2012",
        "the reference period 2012 is not before treatment",
        "treated units are seen from 2005 to 2017, the first are treated in 2012",
    ),
    'time = "calendar"\nreference = -1': (
        "-1",
        "no treated unit is seen in the reference period -1",
        "treated units are seen from 2005 to 2017, the first are treated in 2012",
    ),
    'time = "calendar"\nwindow = [2015, 2009]': (
        "[2015, 2009]",
        "the window [2015, 2009] must begin before it ends",
        "in calendar time it goes from one period of the data to another",
    ),
    'ends = "bins"': ("bins", "`ends` cannot be `bins`", "did you mean `bin`?"),
    "windw = [-7, 5]": ("windw", "unknown key `windw` in [event_study]", "did you mean `window`?"),
    'vary = ["control"]': ("control", "no dimension `control`", "did you mean `controls`?"),
    'fix = { controls = { formula = "pgpd" } }': (
        "pgpd",
        "no column `pgpd` in {panel}",
        "did you mean `pgdp`?",
    ),
    'fix = { controls = "al controls" }': (
        "al controls",
        "no option of controls is `al controls`",
        "did you mean `all controls`?",
    ),
}


@pytest.mark.parametrize("keys", FAULTS)
def test_faults(tmp_path, keys):
    wanted = FAULTS[keys]
    (found,) = fault_texts(tmp_path, f"[event_study]\n{keys}\n")
    message = wanted[1].replace("{panel}", found[1].split(" in ")[-1])
    assert found == (wanted[0], message, wanted[2])


def periods_of(finding):
    """A study's lines by period: estimate, standard error, band, treated rows."""
    table = columns(finding.tables[0])
    names = ("estimate", "std_error", "band_low", "n_treated_rows")
    return {
        (table["outcome"][k], table["vcov"][k], table["period"][k]): tuple(table[n][k] for n in names)
        for k, term in enumerate(table["term"])
        if term == "period"
    }


@pytest.mark.parametrize("estimator", ["OLS", "Sun-Abraham", "did2s"])
@pytest.mark.parametrize("window", ["", "window = [{}, {}]\n", 'window = [{}, {}]\nends = "drop"\n'])
def test_with_one_cohort_calendar_time_is_relative_time_shifted(tmp_path, estimator, window):
    fix = f'fix = {{ sample = "batch 1", estimator = "{estimator}" }}\n'
    relative = periods_of(one(tmp_path, fix + window.format(-5, 3)))
    calendar = periods_of(one(tmp_path, f'{fix}time = "calendar"\n' + window.format(2007, 2015)))
    if "drop" not in window:
        assert calendar == {(outcome, vcov, 2012 + k): v for (outcome, vcov, k), v in relative.items()}
        return
    # Outside the window calendar time drops the controls' rows too.
    cut = periods_of(
        one(
            tmp_path,
            f'fix = {{ sample = {{ where = "batch %in% c(0, 2012) & year %in% 2007:2015" }}, '
            f'estimator = "{estimator}" }}\ntime = "calendar"',
        )
    )
    assert calendar == cut


def test_calendar_time_of_several_cohorts_is_a_regression_on_treated_by_year(tmp_path):
    fix = 'fix = { outcome = "ln SO2", treatment = "all batches", controls = "none" }\ntime = "calendar"'
    finding = one(tmp_path, fix)
    frame = pd.read_csv(PANEL)
    treated = (frame["batch"] > 0) & (frame["year"] >= frame["batch"])
    for year in sorted(set(frame["year"]) - {2011}):
        mine = treated if year >= 2012 else frame["batch"] > 0
        frame[f"at{year}"] = ((frame["year"] == year) & mine).astype(float)
    names = [c for c in frame if c.startswith("at")]
    fit = pf.feols(f"ln_so2 ~ {' + '.join(names)} | city_id + year", frame, vcov={"CRV1": "city_id"})
    ours = {k[2]: v for k, v in periods_of(finding).items() if k[1] == "city"}
    for name in names:
        np.testing.assert_allclose(ours[int(name[2:])][:2], (fit.coef()[name], fit.se()[name]), rtol=1e-7)
    assert ours[2011][0] == 0
    assert ours[2013][3] == treated[(frame["year"] == 2013) & frame["ln_so2"].notna()].sum()
    leads = [n for n in names if int(n[2:]) < 2012]
    beta, covariance = fit.coef()[leads].to_numpy(), pd.DataFrame(fit._vcov, fit._coefnames, fit._coefnames)
    wald = beta @ np.linalg.solve(covariance.loc[leads, leads].to_numpy(), beta) / len(leads)
    assert columns(finding.tables[1])["statistic"][0] == pytest.approx(wald, rel=1e-6)
    assert columns(finding.tables[1])["df1"][0] == 6


def test_one_cohort_for_all_is_fixests_interaction_of_years_and_ever_treated(tmp_path):
    """What `explain event_study.time` and the dictionary give for i(year, ever, ref = 2011) with several cohorts."""
    cohort = "ifelse(ever == 1, 2012, 0)"
    assert cohort in " ".join(_manual.screen(_manual.find("event_study.time")).split())
    assert cohort in (Path(__file__).parents[2] / "docs/dictionary.md").read_text("utf-8")
    base = SPEC.replace("c12 =", 'ever = "batch > 0"\nadopted = "ever * (year >= 2012)"\nc12 =')
    fix = f'fix = {{ outcome = "ln SO2", controls = "none", treatment = {{ term = "adopted", cohort = "{cohort}" }} }}'
    (found,) = run_tables(tmp_path, f'[event_study]\n{fix}\ntime = "calendar"\nreference = 2011\n', base)
    ours = {k[2]: v for k, v in periods_of(found.finding).items() if k[1] == "city"}
    frame = pd.read_csv(PANEL)
    frame["ever"] = (frame["batch"] > 0).astype(float)
    fit = pf.feols("ln_so2 ~ i(year, ever, ref = 2011) | city_id + year", frame, vcov={"CRV1": "city_id"})
    for year in sorted(set(frame["year"]) - {2011}):
        name = f"year::{year}:ever"
        np.testing.assert_allclose(ours[year][:2], (fit.coef()[name], fit.se()[name]), rtol=1e-7)


def test_calendar_time_averages_the_cells_of_sunab_that_are_treated_by_then(tmp_path):
    fix = f'fix = {{ {ALL}, estimator = "Sun-Abraham" }}\ntime = "calendar"'
    ((bench, cell, clock),) = paths_of(tmp_path, fix)
    found = path(bench, cell, clock)
    cells = found.fit.full.cells
    year = cells.cohort + cells.relative
    for k, estimate in zip(found.periods, found.estimate, strict=True):
        here = (year == k) & ((cells.relative >= 0) if k >= 2012 else (cells.relative < 0))
        average = np.average(found.fit.full.estimate[: len(year)][here], weights=cells.size[here])
        assert estimate == pytest.approx(average)
    assert (clock.start, found.references) == (2012, ())
    assert found.notes == (
        "each cohort of sunab is measured against its own period before treatment, so no period is zero",
    )


def test_calendar_time_says_so_everywhere(tmp_path):
    finding = one(
        tmp_path, 'fix = { outcome = "ln SO2", treatment = "all batches" }\ntime = "calendar"\nvary = ["estimator"]'
    )
    assert any("lpdid gives effects by relative time, not by calendar time" in w for w in map(str, finding.warnings))
    (chart,) = finding.charts
    assert (chart.data.reference, chart.data.starts, chart.data.ticks[0]) == (2011, (2012,), "2005")
    printed = finding.tables[0].print
    assert printed.notes[0] == (
        "Effects by calendar period on units treated by then; the first are treated in 2012. "
        "Before, leads of all that will be treated; the reference is 2011."
    )
    assert [row.label for row in printed.blocks[0]][-2:] == ["2010", "2011 (reference)"]
    assert printed.blocks[1][0].label == "2012"


MONTHS = """\
[study]
step = "month"
unit = "id"
time = "month"
data = "given.csv"
[outcome]
"y" = "y"
[treatment]
"d" = { term = "d", cohort = "first" }
[inference]
draws = 0
[event_study]
time = "calendar"
"""


def months():
    rng = np.random.default_rng(3)
    every = [100 * year + month for year in (2012, 2013) for month in range(1, 13)]
    frame = pd.DataFrame([(u, m) for u in range(12) for m in every], columns=["id", "month"])
    frame["first"] = np.where(frame["id"] % 3 == 0, 201301, 0)
    frame["d"] = ((frame["first"] > 0) & (frame["month"] >= frame["first"])).astype(int)
    return frame.assign(y=rng.normal(size=len(frame)))


def test_calendar_months_are_written_as_in_the_data(tmp_path):
    (tmp_path / "s.toml").write_text(MONTHS)
    prepared = prepare(tmp_path / "s.toml", months())
    (analysis,) = prepared.requests
    found = run_one(bench_of(prepared), analysis).finding
    table = columns(found.tables[0])
    assert table["period"][:13] == [*range(201201, 201213), 201301]
    assert table["reference"][11] is True
    assert found.charts[0].data.ticks[12] == "201301"
    for end, message in (
        ("201213", "201213 is no month, as in 201212"),
        ("201401", "no treated unit is seen in 201401"),
    ):
        (tmp_path / "s.toml").write_text(f"{MONTHS}window = [201203, {end}]\n")
        (fault,) = examine(tmp_path / "s.toml", months())[1]
        assert fault.message == message


def test_a_curve_that_could_not_be_estimated_is_named_with_its_reason():
    """Who is treated is told by the control: csdid has nobody to compare with, least squares drops it."""
    spec = {"controls": {"z": "pilot"}, "estimator": {"o": "feols", "CS": "csdid"}}
    finding = analysed("event_study", {"vary": ["estimator"]}, simulated(), **spec).finding
    (why,) = (w.message for w in finding.warnings if w.code == "not_estimated")
    assert "CS" in why
    (absent,) = finding.charts[0].data.absent
    assert absent == why
    assert why in note(finding.charts[0].data)
    assert any(said.startswith("Column (2): ") for said in finding.tables[0].print.notes)


@pytest.mark.parametrize(("cohorts", "told"), [((2003, 2006), True), ((2005, 2005), False)])
def test_periods_of_fewer_treated_units_are_said(cohorts, told):
    """Two cohorts in a panel of 2001 to 2008: four periods before are seen of the later one alone."""
    ids, years = np.repeat(np.arange(30), 8), np.tile(np.arange(2001, 2009), 30)
    cohort = np.choose(ids % 3, [0, *cohorts])
    y = np.random.default_rng(1).normal(size=len(ids))
    frame = pl.DataFrame(
        {"id": ids, "year": years, "g": cohort, "d": ((cohort > 0) & (years >= cohort)).astype(int), "y": y}
    )
    study = small_study(
        treatment={"d": {"term": "d", "cohort": "g"}},
        controls={"n": "1"},
        fixed_effects={"t": "id + year"},
        outcome={"y": "y"},
        event_study={"window": [-4, 1], "ends": "drop"},
    )
    (found,) = specdid.run(study, frame, audit=0).analyses
    notes = next(t.print.notes for t in found.finding.tables if t.print is not None)
    said = [n for n in notes if "ot every treated unit" in n]
    assert bool(said) == told
    if told:
        assert said[0].startswith("Not every treated unit is in every period, 10 rows in −4 and 20 in ")


def test_what_holds_of_several_columns_is_said_once():
    both, one = of_columns([(1, "it ends early"), (2, "no leads"), (3, "it ends early"), (4, "")])
    assert both.startswith("Columns (1) and (3): it ends early")
    assert one.startswith("Column (2): no leads")


def test_leads_of_few_clusters_are_counted_once_for_a_path_and_vcov(monkeypatch):
    counted, count = [], event_study.lead_clusters
    monkeypatch.setattr(event_study, "lead_clusters", lambda *given: counted.append(given[1:]) or count(*given))
    assert analysed("event_study", {}, simulated()).failure is None
    assert len(counted) == len({(id(one), v) for one, v in counted}) > 0
