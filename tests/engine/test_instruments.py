"""Two-stage least squares against R's fixest, textbooks, another library's numbers and code written out here."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import specdid
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from specdid.engine.instruments import (
    STATISTICS,
    _of_one,
    anderson_rubin,
    anderson_rubin_set,
    effective_f_critical,
    f_quantile,
    f_tail,
)

REFERENCE = Path(__file__).parents[1] / "reference"
CARD = " + ".join(["exper", "expersq", "black", "south", "smsa", "smsa66", *(f"reg66{k}" for k in range(1, 9))])
ERRORS = {"iid": "iid", "robust": "hetero"}


def table(frame, outcome, treatment, controls, instruments, **tables):
    """The results of a study without fixed effects, by instruments and vcov."""
    study = {
        "study": {"title": "instruments", "data": "given.csv"},
        "outcome": {"y": outcome},
        "treatment": {"d": treatment},
        "controls": {"controls": controls},
        "instruments": instruments,
        "vcov": ERRORS,
        "inference": {"draws": 0},
        "run": {"backend": "serial"},
        **tables,
    }
    return specdid.run(study, frame, audit=0).table.set_index(["instruments", "vcov"])


def test_every_value_of_fixest():
    rows = pd.read_csv(REFERENCE / "did/fixest_iv.csv")
    worst = dict.fromkeys(("estimate", "se", "t", "p", "first_stage_F", "wald_first", "sargan"), 0.0)
    count = 0
    for cluster in ("city_id", "province"):
        study = {
            "study": {"data": str(REFERENCE / "panel.csv"), "unit": "city_id", "time": "year"},
            "derive": {
                "z1": "(year >= 2012) * ((7 * city_id) %% 11) + 0.3 * dudt * ((3 * city_id) %% 5)",
                "z2": "lowcarbon",
            },
            "outcome": {"so2": "ln_so2", "ww": "ln_ww"},
            "treatment": {"t": "dudt"},
            "controls": {"none": "1", "two": "ind2 + ln_open", "pgdp": "pgdp + ind2"},
            "fixed_effects": {"cy": "city_id + year", "py": "city_id + province^year"},
            "instruments": {"OLS": "1", "z1": "z1", "z1 z2": "z1 + z2"},
            "vcov": {"v": f"~{cluster}"},
            "inference": {"draws": 0},
        }
        found = specdid.run(study, audit=0).table.set_index("formula")
        for want in rows[rows.cluster == cluster].to_dict("records"):
            mine = found.loc[want["formula"].replace(" | dudt", " | dudt")]
            assert mine["nobs"] == want["nobs"]
            pairs = {
                "estimate": "estimate", "se": "std_error", "t": "statistic", "p": "p_value",
                "first_stage_F": "first_stage_f", "wald_first": "kleibergen_paap_f", "sargan": "sargan",
            }  # fmt: skip
            for theirs, ours in pairs.items():
                if np.isfinite(want[theirs]):
                    worst[theirs] = max(worst[theirs], abs(mine[ours] / want[theirs] - 1))
                    count += 1
    assert count == 8 * 6 + 4
    assert max(worst.values()) < 1e-10, worst


def test_published_and_another_librarys_numbers():
    """Wooldridge's Introductory Econometrics (2013): examples 15.4 and 15.5, exercise C2 of chapter 15.

    Robust errors, J of two-step GMM and Sargan are those of linearmodels 7.1, debiased.
    """
    card = pd.read_csv(REFERENCE.parents[1] / "specs/data/card.csv")
    found = table(card, "lwage", "educ", CARD, {"one": "nearc4", "two": "nearc4 + nearc2"})
    assert found.loc[("one", "iid"), ["estimate", "std_error"]].tolist() == pytest.approx(
        [0.13150377545844094, 0.05496366786579575], rel=1e-9
    )
    assert found.loc[("one", "robust"), "std_error"] == pytest.approx(0.05414361647491344, rel=1e-9)
    assert found.loc[("two", "robust"), ["estimate", "std_error", "sargan"]].tolist() == pytest.approx(
        [0.15705932727905747, 0.05255254994119802, 1.2481553896087805], rel=1e-9
    )
    robust = table(card, "lwage", "educ", CARD, {"two": "nearc4 + nearc2"}, vcov={"robust": "hetero"})
    assert robust["hansen_j"].iloc[0] == pytest.approx(1.2689129454294241, rel=1e-8)
    assert robust["hansen_p"].iloc[0] == pytest.approx(stats.chi2.sf(1.2689129454294241, 1), rel=1e-8)
    mroz = pd.read_csv(REFERENCE / "iv/mroz.csv")
    found = table(mroz, "lwage", "educ", "exper + expersq", {"parents": "motheduc + fatheduc"})
    row = found.loc[("parents", "iid")]
    assert row[["estimate", "std_error"]].round(4).tolist() == [0.0614, 0.0314]
    assert row[["sargan", "sargan_p"]].round(3).tolist() == [0.378, 0.539]
    assert row["wu_hausman"] == pytest.approx(2.792593128767188, rel=1e-9)
    assert row["wu_hausman_p"] == pytest.approx(stats.f.sf(2.792593128767188, 1, 428 - 5), rel=1e-9)
    assert row["first_stage_f"] == pytest.approx(55.40, abs=0.005)
    fertility = pd.read_csv(REFERENCE / "iv/fertil2.csv.gz")
    row = table(fertility, "children", "educ", "age + agesq", {"half": "frsthalf"}).loc[("half", "iid")]
    assert row[["estimate", "std_error"]].round(4).tolist() == [-0.1715, 0.0532]
    assert row["nobs"] == 4361


def panel(seed=0, groups=18, each=9, strength=0.6, columns=2, invalid=0.0):
    """Rows in groups, with an effect of 0.5 and errors that are correlated within groups."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), each)
    n = len(group)
    z = rng.normal(size=(n, columns)) + rng.normal(size=(groups, columns))[group]
    shared = rng.normal(size=n) + rng.normal(size=groups)[group]
    x = rng.normal(size=n)
    d = strength * z.sum(axis=1) + 0.3 * x + shared + rng.normal(size=n)
    y = 0.5 * d + 0.2 * x + shared + invalid * z[:, -1] + rng.normal(size=n)
    out = {"y": y, "d": d, "x": x, "g": group, "year": np.tile(np.arange(each), groups), "w": rng.uniform(0.5, 2, n)}
    return pd.DataFrame(out | {f"z{j}": z[:, j] for j in range(columns)})


def by_hand(frame, outcome, columns, others, cluster, weights=None):
    """Coefficients of ``columns`` and their clustered variance, (N − 1)/(N − K) × G/(G − 1), by lstsq."""
    w = np.ones(len(frame)) if weights is None else weights / weights.mean()
    design = np.column_stack([columns, others]) * np.sqrt(w)[:, None]
    y = outcome * np.sqrt(w)
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ design.T @ y
    scores = design * (y - design @ beta)[:, None]
    sums = np.array([scores[cluster == g].sum(axis=0) for g in np.unique(cluster)])
    n, k, groups = *design.shape, len(sums)
    variance = inverse @ sums.T @ sums @ inverse * (n - 1) / (n - k) * groups / (groups - 1)
    size = columns.shape[1]
    return beta[:size], variance[:size, :size], groups


@pytest.mark.parametrize(
    ("strength", "invalid", "columns"), [(0.6, 0.0, 2), (0.04, 0.0, 1), (0.02, 0.0, 2), (0.3, 3.0, 3)]
)
@pytest.mark.parametrize("weights", [None, "w"])
def test_anderson_rubin_set_by_regressions_over_a_grid(strength, invalid, columns, weights):
    """At 400 effects b, y − b d is regressed on instruments, controls and year dummies, and the instruments tested."""
    frame = panel(3, strength=strength, columns=columns, invalid=invalid)
    names = [f"z{j}" for j in range(columns)]
    options = {"weights": {"w": weights}} if weights else {}
    tables = {"fixed_effects": {"years": "year"}, "vcov": {"g": "~g"}, **options}
    row = table(frame, "y", "d", "x", {"iv": " + ".join(names)}, **tables).iloc[0]
    others = np.column_stack([frame["x"], pd.get_dummies(frame["year"]).to_numpy(float)])
    z, w = frame[names].to_numpy(), None if weights is None else frame["w"].to_numpy()
    parts = int(row["ar_intervals"])
    low, high = (v if np.isfinite(v) else s * np.inf for v, s in ((row["ar_low"], -1), (row["ar_high"], 1)))
    gap = (row["ar_gap_low"], row["ar_gap_high"])
    grid = np.concatenate([np.linspace(-12, 12, 401), 0.5 + np.array([-1e4, 1e4])])
    for b in grid:
        beta, variance, groups = by_hand(frame, (frame["y"] - b * frame["d"]).to_numpy(), z, others, frame["g"], w)
        f = beta @ np.linalg.solve(variance, beta) / columns
        left = groups - columns
        accepted = f <= (groups - 1) / left * stats.f.ppf(0.95, columns, left)  # Hotelling's T²
        inside = parts > 0 and low <= b <= high and not (parts > 1 and gap[0] < b < gap[1])
        assert accepted == inside, (b, f, parts, low, high, gap)
    beta, variance, groups = by_hand(frame, frame["y"].to_numpy(), z, others, frame["g"], w)
    f = beta @ np.linalg.solve(variance, beta) / columns
    left = groups - columns
    assert row["ar_p"] == pytest.approx(stats.f.sf(f * left / (groups - 1), columns, left), rel=1e-8)
    beta, variance, _ = by_hand(frame, frame["d"].to_numpy(), z, others, frame["g"], w)
    assert row["kleibergen_paap_f"] == pytest.approx(beta @ np.linalg.solve(variance, beta) / columns, rel=1e-9)
    root = np.sqrt(np.ones(len(frame)) if w is None else w)[:, None]
    net = root * z - root * others @ np.linalg.lstsq(root * others, root * z, rcond=None)[0]
    squares = net.T @ net
    assert row["effective_f"] == pytest.approx(beta @ squares @ beta / np.trace(variance @ squares), rel=1e-9)
    d = frame["d"].to_numpy()
    unexplained = [root[:, 0] * d - root * x @ np.linalg.lstsq(root * x, root[:, 0] * d, rcond=None)[0]
                   for x in (np.column_stack([z, others]), others)]  # fmt: skip
    left, whole = (v @ v for v in unexplained)
    assert row["first_stage_r2"] == pytest.approx(1 - left / whole, rel=1e-9)
    both = np.column_stack([unexplained[0] / root[:, 0], d])
    beta, variance, _ = by_hand(frame, frame["y"].to_numpy(), both, others, frame["g"], w)
    assert row["wu_hausman"] == pytest.approx(beta[0] ** 2 / variance[0, 0], rel=1e-7)
    assert row["wu_hausman_p"] == pytest.approx(stats.f.sf(row["wu_hausman"], 1, groups - 1), rel=1e-7)


def test_the_grid_meets_an_interval_a_line_with_a_gap_the_whole_line_and_an_empty_set():
    """The four shapes of a set, of one instrument and of several, each from numbers that must have it."""
    one = np.array([[1.0]])
    omega = np.block([[one, 0 * one], [0 * one, one]])
    critical = f_quantile(0.05, 1, np.inf)
    assert critical == pytest.approx(1.959963984540054**2)
    (interval,) = anderson_rubin_set(np.array([10.0]), np.array([5.0]), omega, critical)
    assert interval[0] < 0.5 < interval[1]
    left, right = anderson_rubin_set(np.array([1.0]), np.array([5.0]), omega, critical)
    assert left[0] == -np.inf
    assert right[1] == np.inf
    assert left[1] < right[0]
    assert anderson_rubin_set(np.array([0.1]), np.array([0.1]), omega, critical) == [(-np.inf, np.inf)]
    two = np.eye(4)
    assert anderson_rubin_set(np.array([9.0, 9.0]), np.array([9.0, -9.0]), two, f_quantile(0.05, 2, np.inf)) == []


@pytest.mark.parametrize("size", [1, 3])
def test_with_infinite_degrees_of_freedom_f_is_chi2_over_its_own(size):
    assert f_tail(2.5, size, np.inf) == pytest.approx(stats.chi2.sf(2.5 * size, size), rel=1e-12)
    assert f_quantile(0.1, size, np.inf) == pytest.approx(stats.chi2.isf(0.1, size) / size, rel=1e-12)
    assert f_tail(f_quantile(0.1, size, 7.0), size, 7.0) == pytest.approx(0.1, rel=1e-9)


def test_of_several_gaps_the_widest_is_named():
    rng = np.random.default_rng(114)
    root = rng.normal(size=(4, 5))
    omega, pair = root @ root.T / 3, (rng.normal(size=2), 2 * rng.normal(size=2))
    found = {name: np.full(1, np.nan) for name in STATISTICS}
    _of_one(found, 0, pair, omega, 20.0, SimpleNamespace(vcov=SimpleNamespace(kind="iid"), alpha=0.05), 0.0)
    assert found["ar_intervals"] == 3
    assert np.isnan([found["ar_low"], found["ar_high"]]).all()
    grid = np.linspace(-5, 60, 65_001)
    out = np.array([anderson_rubin(*pair, omega, b) > f_quantile(0.05, 2, 20.0) for b in grid])
    first, last = np.flatnonzero(np.diff(out.astype(int)) > 0), np.flatnonzero(np.diff(out.astype(int)) < 0)
    widest = int(np.argmax(grid[last] - grid[first]))
    ends = found["ar_gap_low"][0], found["ar_gap_high"][0]
    assert ends == pytest.approx((grid[first[widest]], grid[last[widest]]), abs=2e-3)


@given(st.integers(0, 10_000), st.integers(1, 4), st.floats(0.0, 8.0))
def test_the_ends_of_a_set_are_where_the_statistic_is_critical(seed, size, strength):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(2 * size, 2 * size + 3))
    omega, first, reduced = root @ root.T / 5, strength * rng.normal(size=size), rng.normal(size=size) * 3
    critical = f_quantile(0.05, size, 20.0)
    parts = anderson_rubin_set(first, reduced, omega, critical, 0.3)
    for low, high in parts:
        for end in (low, high):
            if np.isfinite(end):
                assert anderson_rubin(first, reduced, omega, end) == pytest.approx(critical, rel=1e-5)
    for b in np.concatenate([rng.normal(size=30), 1e3 * rng.normal(size=5)]):
        value = anderson_rubin(first, reduced, omega, float(b))
        if abs(value / critical - 1) > 1e-6:
            assert (value <= critical) == any(low <= b <= high for low, high in parts)


def test_critical_value_of_the_effective_f():
    """Montiel Olea and Pflueger (2013), table 1: 23.1 where the effective degrees of freedom are 1."""
    assert effective_f_critical(np.array([[2.0]])) == pytest.approx(23.1085, abs=1e-4)
    assert effective_f_critical(np.diag([1.0, 1e-12])) == pytest.approx(23.1085, abs=1e-3)
    assert effective_f_critical(np.eye(2)) == pytest.approx(stats.ncx2.ppf(0.95, 2, 20) / 2, rel=1e-9)
    effective = 4**2 * 21 / (3**2 + 1 + 20 * 4 * 3)  # trace 4, largest eigenvalue 3, x = 10
    expected = stats.ncx2.ppf(0.95, effective, 10 * effective) / effective
    assert effective_f_critical(np.diag([3.0, 1.0])) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("vcov", ["iid", "hetero", "~g", "~g + year"])
@pytest.mark.parametrize("weights", [{}, {"weights": {"w": "w"}}])
def test_one_instrument_is_the_reduced_form_over_the_first_stage(vcov, weights):
    frame = panel(5, columns=1)
    common = {"fixed_effects": {"years": "year"}, "vcov": {"v": vcov}, **weights}
    iv = table(frame, "y", "d", "x", {"z": "z0"}, **common).iloc[0]
    first = table(frame, "d", "z0", "x", {"none": "1"}, **common).iloc[0]
    reduced = table(frame, "y", "z0", "x", {"none": "1"}, **common).iloc[0]
    assert iv["estimate"] == pytest.approx(reduced["estimate"] / first["estimate"], rel=1e-10)
    assert iv["kleibergen_paap_f"] == pytest.approx(first["statistic"] ** 2, rel=1e-9)
    assert iv["effective_f"] == pytest.approx(first["statistic"] ** 2, rel=1e-9)
    assert iv["ar_p"] == pytest.approx(reduced["p_value"], rel=1e-8)


def test_scale_order_and_combinations_of_instruments_change_nothing():
    frame = panel(6, columns=2)
    frame["a"], frame["b"] = 1e6 * frame["z0"] + 3 * frame["z1"], frame["z1"] - 1e-3 * frame["z0"]
    frame["again"] = 2 * frame["z0"] - frame["z1"]
    options = {"base": "z0 + z1", "order": "z1 + z0", "combined": "a + b", "one too many": "z0 + z1 + again"}
    study = {"fixed_effects": {"years": "year"}, "vcov": {"g": "~g"}}
    found = {name: table(frame, "y", "d", "x", {name: text}, **study).iloc[0] for name, text in options.items()}
    numbers = [c for c in found["base"].index if c.startswith(("estimate", "std_", "effective", "ar_", "hansen", "wu"))]
    for name, row in found.items():
        np.testing.assert_allclose(
            row[numbers].astype(float), found["base"][numbers].astype(float), rtol=1e-7, err_msg=name
        )
    assert found["one too many"]["dropped"] == "again"
    assert found["one too many"]["n_instruments"] == 2


def test_a_strong_enough_instrument_is_least_squares_and_the_treatment_itself_is_refused():
    frame = panel(7, columns=1)
    frame["near"] = frame["d"] + 1e-4 * frame["z0"]
    frame["same"] = 2 * frame["d"] + 1
    frame["in_years"] = frame["year"] ** 2.0
    beside = np.column_stack([frame[["d", "x"]], pd.get_dummies(frame["year"]).to_numpy(float)])
    noise = np.random.default_rng(1).normal(size=len(frame))
    for _ in range(2):
        noise = noise - beside @ np.linalg.lstsq(beside, noise, rcond=None)[0]
    frame["unrelated"] = noise
    options = {"OLS": "1", "near": "near", "same": "same", "control": "x", "absorbed": "in_years", "own": "y"}
    options["unrelated"] = "unrelated"
    found = table(frame, "y", "d", "x", options, fixed_effects={"years": "year"}, vcov={"g": "~g"})
    found = found.reset_index("vcov")
    assert found.loc["near", "estimate"] == pytest.approx(found.loc["OLS", "estimate"], rel=1e-3)
    said = {"same": "R² of 1", "control": "combination of the controls", "absorbed": "absorbed"}
    for name, words in (said | {"unrelated": "not related at all"}).items():
        assert found.loc[name, ["status", "code"]].tolist() == ["failed", "not_identified"]
        assert words in found.loc[name, "message"]
    assert found.loc["own", ["status", "code"]].tolist() == ["excluded", "own_outcome"]


def test_rows_without_an_instrument_are_dropped_and_counted_and_common_rows_lack_none():
    frame = panel(8, columns=2)
    frame.loc[[1, 5, 9], "z0"] = np.nan
    options = {"OLS": "1", "z0": "z0", "z1": "z1"}
    listwise = table(frame, "y", "d", "x", options, vcov={"g": "~g"})
    assert listwise["nobs"].tolist() == [len(frame), len(frame) - 3, len(frame)]
    assert listwise["n_missing"].tolist() == [0, 3, 0]
    study = {"title": "instruments", "data": "given.csv", "missing": "common"}
    common = table(frame, "y", "d", "x", options, vcov={"g": "~g"}, study=study)
    assert common["nobs"].tolist() == [len(frame) - 3] * 3


def test_fewer_clusters_than_instruments_leave_an_estimate_of_unknown_strength():
    frame = panel(9, groups=4, each=20, columns=4)
    row = table(frame, "y", "d", "x", {"iv": "z0 + z1 + z2 + z3"}, vcov={"g": "~g"}).iloc[0]
    assert np.isfinite(row["estimate"])
    assert row[["effective_f", "kleibergen_paap_f", "ar_p", "hansen_j"]].isna().all()
    assert np.isfinite(row["first_stage_f"])
