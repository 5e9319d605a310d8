"""Event studies against fixest, the estimators' own averages and theory."""

import numpy as np
import pytest
from event_studies import ALL, FIRST, one, paths_of
from scipy.stats import norm
from specdid.analyses._event_paths import path, simultaneous
from specdid.analyses._fit import joint_test
from studies import columns, reference, run_tables


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
    assert binned.bins(np.arange(len(binned.place))) == (-5, 3)
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
    assert "The ends of lpdid's window are single periods: it does not bin." in notes
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
