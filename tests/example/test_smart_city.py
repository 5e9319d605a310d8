"""The synthetic panel has the moments of shared/field/README.md, on average over seeds."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from specdid._example.smart_city import MUNICIPALITIES, make_panel, write_csv

SEEDS = range(1, 41)
CSV = Path(__file__).parents[2] / "specs" / "data" / "smart_city.csv"
BEFORE = slice(0, 7)  # 2005-2011

Panel = dict[str, np.ndarray]


def wide(panel: Panel, name: str) -> np.ndarray:
    return panel[name].reshape(210, 13).astype(float)


def log_per_head(panel: Panel, name: str) -> np.ndarray:
    with np.errstate(divide="ignore"):
        logs = np.log(wide(panel, name) / wide(panel, "pop"))
    return np.where(np.isfinite(logs), logs, np.nan)


def residuals(values: np.ndarray) -> np.ndarray:
    """What city and year effects leave, by alternating projections."""
    for _ in range(60):
        values = values - np.nanmean(values, axis=1, keepdims=True)
        values = values - np.nanmean(values, axis=0, keepdims=True)
    return values


def autocorrelation(e: np.ndarray) -> float:
    before, after = e[:, :-1], e[:, 1:]
    both = ~np.isnan(before + after)
    return float(before[both] @ after[both] / (before[both] @ before[both]))


def kurtosis(e: np.ndarray) -> float:
    return float(np.nanmean(e**4) / np.nanmean(e**2) ** 2 - 3)


def province_share(panel: Panel, e: np.ndarray) -> float:
    """Covariance of two cities of one province in one year, as a share of the variance."""
    province = panel["province"].reshape(210, 13)[:, 0]
    covariances = []
    for name in np.unique(province):
        block = np.nan_to_num(e[province == name])
        n = len(block)
        if n > 1:
            covariances.append(np.mean((block.sum(0) ** 2 - (block**2).sum(0)) / (n * (n - 1))))
    return float(np.mean(covariances) / np.nanvar(e))


def standardised_difference(panel: Panel, values: np.ndarray) -> float:
    """Of the first batch against all others, in 2011, in percent."""
    pilot = panel["pilot"].reshape(210, 13)[:, 0] == 1
    a, b = values[pilot, 6], values[~pilot, 6]
    return float(100 * (np.nanmean(a) - np.nanmean(b)) / np.sqrt((np.nanvar(a) + np.nanvar(b)) / 2))


def fell(panel: Panel, name: str, year: int) -> float:
    means = np.nanmean(log_per_head(panel, name), axis=0)
    return float(means[year - 2005] - means[2015 - 2005])


def pollutant(name: str, statistic: Callable[[np.ndarray], float]) -> Callable[[Panel], float]:
    return lambda panel: statistic(log_per_head(panel, name)[:, BEFORE])


def city_sd(values: np.ndarray) -> float:
    return float(np.nanmean(values, axis=1).std(ddof=1))


# name: (measure on one panel, target, tolerance of the average over seeds)
MOMENTS: dict[str, tuple[Callable[[Panel], float], float, float]] = {
    "ln SO2, mean": (pollutant("so2", np.nanmean), 4.80, 0.04),
    "ln SO2, between": (pollutant("so2", city_sd), 1.07, 0.03),
    "ln SO2, residual": (pollutant("so2", lambda y: np.nanstd(residuals(y))), 0.338, 0.012),
    "ln SO2, AR(1)": (pollutant("so2", lambda y: autocorrelation(residuals(y))), 0.21, 0.03),
    "ln SO2, province": (lambda p: province_share(p, residuals(log_per_head(p, "so2")[:, :7])), 0.2, 0.04),
    "ln wastewater, mean": (pollutant("ww", np.nanmean), 2.59, 0.04),
    "ln wastewater, between": (pollutant("ww", city_sd), 0.92, 0.03),
    "ln wastewater, residual": (pollutant("ww", lambda y: np.nanstd(residuals(y))), 0.284, 0.012),
    "ln wastewater, AR(1)": (pollutant("ww", lambda y: autocorrelation(residuals(y))), 0.13, 0.03),
    "ind2, mean": (lambda p: np.nanmean(wide(p, "ind2")[:, BEFORE]), 49.2, 0.5),
    "ind2, between": (lambda p: city_sd(wide(p, "ind2")[:, BEFORE]), 11.0, 0.4),
    "ind2, residual": (lambda p: np.nanstd(residuals(wide(p, "ind2")[:, BEFORE])), 2.8, 0.2),
    "ind2, AR(1)": (lambda p: autocorrelation(residuals(wide(p, "ind2")[:, BEFORE])), 0.64, 0.04),
    "jumps, percent": (
        pollutant("so2", lambda y: 100 * np.mean(np.abs(np.diff(y))[~np.isnan(np.diff(y))] > 1.5)), 1.3, 0.2,
    ),
    "SO2 break 2016": (lambda p: fell(p, "so2", 2016), -1.07, 0.03),
    "SO2 break 2017": (lambda p: fell(p, "so2", 2017), -1.47, 0.03),
    "wastewater break 2016": (lambda p: fell(p, "ww", 2016), -0.52, 0.03),
    "wastewater break 2017": (lambda p: fell(p, "ww", 2017), -0.67, 0.03),
    "pop, 10%": (lambda p: np.quantile(wide(p, "pop")[:, 6], 0.1), 144, 4),
    "pop, median": (lambda p: np.median(wide(p, "pop")[:, 6]), 372, 4),
    "pop, 90%": (lambda p: np.quantile(wide(p, "pop")[:, 6], 0.9), 792, 15),
    "income 2005": (lambda p: np.nanmean(wide(p, "pgdp")[:, 0]), 1.7, 0.05),
    "income 2011": (lambda p: np.nanmean(wide(p, "pgdp")[:, 6]), 4.3, 0.1),
    "income 2017": (lambda p: np.nanmean(wide(p, "pgdp")[:, 12]), 6.7, 0.15),
    "selection on income": (lambda p: standardised_difference(p, wide(p, "pgdp")), 55, 7),
    "selection on openness": (lambda p: standardised_difference(p, np.log(wide(p, "trade"))), 60, 7),
    "selection on industry": (lambda p: standardised_difference(p, wide(p, "ind2")), 40, 7),
}  # fmt: skip


@pytest.fixture(scope="module")
def panels() -> list[Panel]:
    return [make_panel(seed) for seed in SEEDS]


@pytest.mark.parametrize("name", MOMENTS)
def test_moment_is_met_on_average(name: str, panels: list[Panel]) -> None:
    measure, target, tolerance = MOMENTS[name]

    assert np.mean([measure(panel) for panel in panels]) == pytest.approx(target, abs=tolerance)


@pytest.mark.parametrize("name", ["so2", "ww"])
def test_tails_are_heavy_without_the_slips(name: str) -> None:
    clean = [make_panel(seed, dirt=False) for seed in SEEDS]

    assert np.mean([kurtosis(residuals(log_per_head(p, name)[:, BEFORE])) for p in clean]) > 0.5


def test_true_effects_are_the_paper_s_by_size_and_ramp_over_three_years() -> None:
    with_effect, without = (make_panel(7, effect=e, dirt=False) for e in (True, False))
    effect = log_per_head(with_effect, "so2") - log_per_head(without, "so2")
    batch, pop = wide(with_effect, "batch")[:, 0], wide(with_effect, "pop")[:, 6]
    middle = (batch == 2012) & (pop > 100) & (pop <= 500)

    np.testing.assert_allclose(effect[middle][:, :7], 0, atol=1e-9)
    np.testing.assert_allclose(effect[middle][:, 7:].mean(axis=1), -0.11, atol=1e-3)
    ramp = np.array([0.4, 0.8, 1.2, 1.2, 1.2, 1.2]) * -0.11
    np.testing.assert_allclose(effect[middle][:, 7:].mean(axis=0), ramp, atol=1e-3)
    np.testing.assert_allclose(effect[batch == 0], 0, atol=1e-9)
    assert np.allclose(effect[batch == 2014][:, :9], 0, atol=1e-9)
    assert np.any(effect[batch == 2014][:, 9] != 0)


def test_average_true_effects_and_the_mediator() -> None:
    so2, ww, tertiary = [], [], []
    for seed in SEEDS:
        treated, untreated = (make_panel(seed, effect=e, dirt=False) for e in (True, False))
        rows = (treated["pilot"] == 1) & (treated["year"] >= 2012)
        so2.append(np.log(treated["so2"] / untreated["so2"])[rows].mean())
        ww.append(np.log(treated["ww"] / untreated["ww"])[rows].mean())
        tertiary.append((treated["ind3"] - untreated["ind3"])[rows].mean())

    assert np.mean(so2) == pytest.approx(-0.114, abs=0.006)
    assert np.mean(ww) == pytest.approx(-0.142, abs=0.012)
    np.testing.assert_allclose(tertiary, 0.8, atol=0.01)


def did(panel: Panel, name: str, zone_years: bool, later_batches: bool) -> tuple[float, float]:
    """Return the two-way estimate and its standard error clustered by city, from pyfixest."""
    import pandas as pd
    import pyfixest as pf

    frame = pd.DataFrame({key: panel[key] for key in ("city_id", "year", "tcz", "batch")})
    frame["y"] = log_per_head(panel, name).ravel()
    frame["dudt"] = panel["pilot"] * (panel["year"] >= 2012)
    if not later_batches:
        frame = frame[frame["batch"].isin([0, 2012])]
    effects = "city_id + year" + (" + tcz^year" if zone_years else "")
    fit = pf.feols(f"y ~ dudt | {effects}", frame, vcov={"CRV1": "city_id"})
    return float(fit.coef()["dudt"]), float(fit.se()["dudt"])


@pytest.mark.parametrize(
    ("name", "zone_years", "later_batches", "estimate", "std_error"),
    [
        ("so2", False, True, -0.17, 0.06),
        ("ww", False, True, -0.14, 0.05),
        ("so2", True, False, -0.105, 0.06),
        ("ww", True, False, -0.145, 0.05),
    ],
)
def test_two_way_regressions_tell_the_known_story(
    panels: list[Panel], name: str, zone_years: bool, later_batches: bool, estimate: float, std_error: float
) -> None:
    fits = np.array([did(panel, name, zone_years, later_batches) for panel in panels])

    assert fits[:, 0].mean() == pytest.approx(estimate, abs=0.035)  # half a standard error
    assert fits[:, 1].mean() == pytest.approx(std_error, abs=0.012)


def test_the_zone_makes_a_pretrend_that_zone_years_remove(panels: list[Panel]) -> None:
    def gap(panel: Panel, within: np.ndarray) -> float:
        y, pilot = log_per_head(panel, "so2"), wide(panel, "pilot")[:, 0] == 1
        change = np.nanmean(y[:, 4:7], axis=1) - np.nanmean(y[:, 0:4], axis=1)
        return float(np.nanmean(change[pilot & within]) - np.nanmean(change[~pilot & within]))

    everywhere = np.mean([gap(p, np.full(210, True)) for p in panels])
    in_zone = np.mean([gap(p, wide(p, "tcz")[:, 0] == 1) for p in panels])

    assert everywhere < -0.1
    assert abs(in_zone) < 0.05


def test_composition(panels: list[Panel]) -> None:
    for panel in panels[:5]:
        batch = panel["batch"].reshape(210, 13)[:, 0]
        tcz = panel["tcz"].reshape(210, 13)[:, 0]
        province = panel["province"].reshape(210, 13)[:, 0]
        single = [name for name in np.unique(province) if (province == name).sum() == 1]

        assert {b: int((batch == b).sum()) for b in (2012, 2013, 2014, 0)} == {
            2012: 33,
            2013: 27,
            2014: 14,
            0: 136,
        }
        assert tcz[batch == 2012].mean() == pytest.approx(0.80, abs=0.02)
        assert tcz[batch == 0].mean() == pytest.approx(0.42, abs=0.01)
        assert sorted(single) == sorted(MUNICIPALITIES)
        assert panel["capital"].reshape(210, 13)[:, 0].sum() == 26
        assert 995 < wide(panel, "pop")[:4, 6].min() <= wide(panel, "pop")[:4, 6].max() < 3300


def test_concurrent_policies_switch_on_for_good_and_favour_pilots(panels: list[Panel]) -> None:
    for name in ("lowcarbon", "broadband", "newenergy"):
        on = np.array([wide(panel, name) for panel in panels])
        pilot = np.array([wide(panel, "pilot")[:, 0] == 1 for panel in panels])

        assert np.all(np.diff(on, axis=2) >= 0)
        assert on[:, :, -1][pilot].mean() > 1.3 * on[:, :, -1][~pilot].mean()


def test_dirt_is_that_of_yearbooks() -> None:
    dirty, clean = make_panel(3), make_panel(3, dirt=False)

    assert not any(np.isnan(column).any() for column in clean.values() if column.dtype.kind == "f")
    blank = np.isnan(wide(dirty, "pgdp"))
    assert blank.sum() == 16
    assert blank[:, :2].all(axis=1).sum() == 8
    assert np.isnan(dirty["so2"]).mean() == pytest.approx(0.016, abs=0.005)
    assert np.isnan(dirty["trade"]).mean() == pytest.approx(0.036, abs=0.008)
    assert 0 < (dirty["so2"] == 0).sum() <= 3
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.round(np.log10(dirty["ww"] / clean["ww"]), 2)
    assert (ratio == 1).sum() > 3
    assert (ratio == -1).sum() > 3
    assert not np.isnan(dirty["pop"]).any()


def test_switches_leave_the_random_numbers_alone() -> None:
    a, b = make_panel(5), make_panel(5, effect=False)

    untreated = a["batch"] == 0
    for name in a:
        np.testing.assert_array_equal(a[name][untreated], b[name][untreated])


def test_committed_csv_is_the_default_panel(tmp_path: Path) -> None:
    write_csv(tmp_path / "panel.csv", make_panel())
    drawn, committed = ((p.read_text("utf-8").splitlines()) for p in (tmp_path / "panel.csv", CSV))

    assert drawn[0] == committed[0]
    assert len(drawn) == len(committed) == 2731
    different = sum(a != b for a, b in zip(drawn, committed, strict=True))
    assert different <= 5  # a last digit may round otherwise under another libm
