"""A SYNTHETIC smart-city panel: 210 made-up cities, 2005-2017, with known effects of the pilot.

No number in it was observed. Its moments follow what the literature reports for Chinese
prefecture-level cities, so that the choices that move real estimates move these too. The city data
of the papers is not public.

The dirt of real statistical yearbooks: blanks, slips of the decimal point, zeros.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Floats, Ints

ExampleColumns = dict[str, NDArray[Any]]

# Chosen among the first 300 seeds as an example that teaches: estimates near their averages over seeds,
# pre-trends that fail (p = .02) and no longer do with zone-by-year effects (p = .75).
SEED = 114
YEARS: Ints = np.arange(2005, 2018)
MUNICIPALITIES = ("Beijing", "Tianjin", "Shanghai", "Chongqing")
# One capital each; made-up numbers of cities, larger where the real province is larger.
PROVINCES = {
    "Hebei": 8, "Shanxi": 8, "Inner Mongolia": 6, "Liaoning": 10, "Jilin": 6, "Heilongjiang": 9,
    "Jiangsu": 10, "Zhejiang": 8, "Anhui": 12, "Fujian": 6, "Jiangxi": 8, "Shandong": 12, "Henan": 12,
    "Hubei": 9, "Hunan": 9, "Guangdong": 15, "Guangxi": 10, "Hainan": 2, "Sichuan": 13, "Guizhou": 4,
    "Yunnan": 6, "Shaanxi": 7, "Gansu": 8, "Qinghai": 2, "Ningxia": 4, "Xinjiang": 2,
}  # fmt: skip
BATCHES = {2012: 33, 2013: 27, 2014: 14}
# Cities in the two-control zone, by batch (0: never a pilot).
ZONE = {2012: 26, 2013: 13, 2014: 7, 0: 57}

SIZE_BINS = (100.0, 500.0, 1000.0)  # population in 2011, 10,000 persons
EFFECT_SO2 = np.array([0.0, -0.11, -0.187, 0.10])
EFFECT_WW = np.array([0.10, -0.0865, -0.373, 0.15])
EFFECT_TERTIARY = 0.8
# Linear over three years, scaled so that the first batch's six years average to the effect.
RAMP = np.array([0.4, 0.8, 1.2])

SO2_YEARS = np.array([0.10, 0.12, 0.08, 0.0, -0.08, -0.08, -0.14, -0.20, -0.25, -0.27, -0.35, -1.42, -1.82])
WW_YEARS = np.array([0.05, 0.05, 0.02, 0.0, -0.03, -0.04, -0.05, -0.08, -0.12, -0.15, -0.20, -0.72, -0.87])
SECONDARY_YEARS = np.array([-2.4, -1.0, 0.0, 0.9, 0.1, 1.0, 1.4, 0.8, -0.2, -1.6, -3.6, -5.2, -6.2])
ZONE_SO2 = np.array([0, 0, 0, 0, -0.46, -0.44, -0.42, -0.41, -0.41, -0.41, -0.41, -0.41, -0.41])
POLICIES = {  # first year: share of the cities, three times as likely for a pilot of the first batch
    "lowcarbon": {2010: 0.14, 2012: 0.10, 2017: 0.06},
    "broadband": {2014: 0.18, 2015: 0.15, 2016: 0.10},
    "newenergy": {2010: 0.09, 2013: 0.24},
}


@dataclass(frozen=True, slots=True)
class _Cities:
    """What does not change over time, one value a city, shape (210,)."""

    province: NDArray[np.str_]
    municipality: Ints
    capital: Ints
    batch: Ints
    tcz: Ints
    pop: Floats


def make_panel(seed: int = SEED, *, effect: bool = True, dirt: bool = True) -> ExampleColumns:
    """Draw the synthetic panel.

    The random numbers do not depend on the switches: two panels of one seed differ by the effect
    alone, or by the dirt alone.

    Parameters
    ----------
    seed
        Seed of ``numpy.random.default_rng``.
    effect
        False for a panel in which no pilot has any effect.
    dirt
        False for a panel without missing values, slips of the decimal point and zeros.

    Returns
    -------
    dict
        Column name to array of shape (2730,), sorted by city_id and year. Units: pop 10,000
        persons; so2 t; ww 10,000 t; pgdp 10,000 yuan; ind2, ind3 percent of GDP; trade 1,000 yuan
        a head; patents a count. NaN is missing.
    """
    rng = np.random.default_rng(seed)
    cities = _draw_cities(rng)
    economy = _draw_economy(rng, cities)
    dose = _dose(cities.batch) * effect
    ln_so2, ln_ww = _draw_emissions(rng, cities, economy["ind2"], dose)
    pop = cities.pop[:, None] * np.exp(rng.normal(0.006, 0.006, (len(cities.pop), 1)) * (YEARS - 2011))
    economy["ind3"] = economy["ind3"] + EFFECT_TERTIARY * dose
    columns = {
        "pop": np.round(pop, 2),
        "so2": np.round(np.exp(ln_so2) * pop, 1),
        "ww": np.round(np.exp(ln_ww) * pop, 2),
        "pgdp": np.round(economy["pgdp"], 4),
        "ind2": np.round(economy["ind2"], 2),
        "ind3": np.round(economy["ind3"], 2),
        "trade": np.round(economy["trade"], 3),
        "patents": np.round(economy["patents_per_head"] * pop),
    }
    dirty = add_dirt(rng, columns, YEARS)
    return _assemble(cities, dirty if dirt else columns, _draw_policies(rng, cities.batch))


def write_csv(path: Path, panel: ExampleColumns) -> None:
    """Write a panel as CSV, missing cells empty, whole numbers without a decimal point."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(panel)
        writer.writerows(zip(*(_cells(column) for column in panel.values()), strict=True))


def _cells(column: NDArray[Any]) -> list[object]:
    values: list[Any] = column.tolist()
    if column.dtype.kind != "f":
        return values
    whole = all(value != value or value.is_integer() for value in values)
    return ["" if value != value else int(value) if whole else value for value in values]


def _draw_cities(rng: np.random.Generator) -> _Cities:
    towns = sum(PROVINCES.values())
    n = towns + len(MUNICIPALITIES)
    municipality = (np.arange(n) < len(MUNICIPALITIES)).astype(np.int64)
    first = np.cumsum([0, *PROVINCES.values()])[:-1] + len(MUNICIPALITIES)
    batch = np.zeros(n, dtype=np.int64)
    batch[: sum(BATCHES.values())] = np.repeat(list(BATCHES), list(BATCHES.values()))
    batch = rng.permutation(batch)
    tcz = np.zeros(n, dtype=np.int64)
    for group, count in ZONE.items():
        tcz[rng.choice(np.flatnonzero(batch == group), count, replace=False)] = 1
    # Evenly spread quantiles of a two-sided log-normal: median 372, a longer tail to the left.
    z = rng.permutation(_normal_quantiles(towns))
    pop = np.exp(np.log(369) + np.where(z < 0, 0.74, 0.55) * z)
    return _Cities(
        province=np.repeat(
            np.array([*MUNICIPALITIES, *PROVINCES]), [1] * len(MUNICIPALITIES) + list(PROVINCES.values())
        ),
        municipality=municipality,
        capital=np.isin(np.arange(n), first).astype(np.int64),
        batch=batch,
        tcz=tcz,
        pop=np.concatenate([rng.permutation(np.geomspace(1000, 3290, len(MUNICIPALITIES))), pop]),
    )


def _normal_quantiles(n: int) -> Floats:
    """Return the expected order statistics of a standard normal sample, simulated (scipy is slow to load)."""
    samples: Floats = np.sort(np.random.default_rng(0).normal(size=(400, n)), axis=1)
    return np.asarray(samples.mean(axis=0))


def _draw_economy(rng: np.random.Generator, cities: _Cities) -> dict[str, Floats]:
    """Income, industry, trade and patents; pilots were richer, more open and more industrial."""
    n = len(cities.batch)
    first, later = cities.batch == 2012, cities.batch > 2012
    city = 1.0 * cities.municipality + 0.4 * cities.capital
    income = rng.normal(size=n) + 0.62 * first + 0.2 * later + city
    openness = 0.5 * income + 0.87 * rng.normal(size=n) + 0.26 * first
    industry = 0.3 * income + 0.95 * rng.normal(size=n) + 0.38 * first - 0.5 * city
    mean = np.exp(np.interp(YEARS, [2005, 2011, 2017], np.log([1.7, 4.3, 6.7])))
    growth = rng.normal(0, 0.012, (n, 1)) * (YEARS - 2011)
    ln_pgdp = np.log(mean) - 0.24 + 0.5 * income[:, None] + growth + 0.08 * _ar1(rng, n, 0.6, 8)
    turn = rng.normal(0, 0.9, (n, 1)) * (YEARS - 2011)
    ind2 = 48.5 + 7.3 * industry[:, None] + SECONDARY_YEARS + turn + 8.0 * _ar1(rng, n, 0.97, 8)
    ind2 = np.clip(ind2, 5, 90)
    ind1 = np.clip(14 - 0.35 * (ind2 - 49) + 4 * rng.normal(size=(n, 1)), 0.5, 100 - ind2 - 5)
    ln_trade = 1.05 + 1.15 * openness[:, None] + 0.05 * (YEARS - 2011) + 0.25 * _ar1(rng, n, 0.5, 8)
    ln_patents = -0.6 + 0.17 * (YEARS - 2011) + 0.7 * income[:, None] + 0.3 * rng.normal(size=(n, 1))
    return {
        "pgdp": np.exp(ln_pgdp),
        "ind2": ind2,
        "ind3": 100 - ind2 - ind1,
        "trade": np.exp(ln_trade),
        "patents_per_head": np.exp(ln_patents + 0.25 * _ar1(rng, n, 0.5, 8)),
    }


def _draw_emissions(rng: np.random.Generator, cities: _Cities, ind2: Floats, dose: Floats) -> tuple[Floats, Floats]:
    """Ln SO2 and ln wastewater per 10,000 persons, each of shape (210, 13)."""
    n = len(cities.batch)
    level = rng.normal(size=(n, 1)) + 0.4 * (ind2.mean(axis=1, keepdims=True) - 49) / 11
    size = np.digitize(cities.pop, SIZE_BINS, right=True)
    zone = cities.tcz[:, None] * ZONE_SO2
    so2 = 4.93 + 0.97 * level + SO2_YEARS + zone + 0.38 * _shock(rng, cities.province, 0.59)
    ww_level = 0.6 * level + 0.78 * rng.normal(size=(n, 1))
    ww = 2.62 + 0.9 * ww_level + WW_YEARS + 0.338 * _shock(rng, cities.province, 0.64)
    return so2 + EFFECT_SO2[size, None] * dose, ww + EFFECT_WW[size, None] * dose


def _shock(rng: np.random.Generator, province: NDArray[np.str_], rho: float) -> Floats:
    """Draw AR(1) shocks of unit variance, a quarter of it common to a province and year, with heavy tails."""
    labels, place = np.unique(province, return_inverse=True)
    common = _ar1(rng, len(labels), rho, 8)
    own = _ar1(rng, len(province), rho, 3)
    shock: Floats = np.sqrt(0.28) * common[place] + np.sqrt(0.72) * own
    return shock


def _ar1(rng: np.random.Generator, n: int, rho: float, df: int) -> Floats:
    """Stationary AR(1) of unit variance with Student-t innovations, shape (n, 13)."""
    steps: Floats = np.clip(rng.standard_t(df, size=(n, len(YEARS))), -8, 8) * np.sqrt((df - 2) / df)
    out = np.empty_like(steps)
    out[:, 0] = steps[:, 0]
    for t in range(1, len(YEARS)):
        out[:, t] = rho * out[:, t - 1] + np.sqrt(1 - rho**2) * steps[:, t]
    return out


def _dose(batch: Ints) -> Floats:
    """How much of the effect has arrived, by city and year; 0 before the batch and without one."""
    since = YEARS - np.where(batch > 0, batch, 9999)[:, None]
    return np.where(since >= 0, RAMP[np.clip(since, 0, 2)], 0.0)


def _draw_policies(rng: np.random.Generator, batch: Ints) -> dict[str, Ints]:
    odds = np.where(batch == 2012, 3.0, 1.0)
    # Exponential waiting times: a city with three times the odds comes three times as early.
    return {
        name: _phase_in(np.argsort(rng.exponential(size=len(batch)) / odds), starts)
        for name, starts in POLICIES.items()
    }


def _phase_in(order: Ints, starts: dict[int, float]) -> Ints:
    on = np.zeros((len(order), len(YEARS)), dtype=np.int64)
    done = 0.0
    for year, share in starts.items():
        members = order[round(done * len(order)) : round((done + share) * len(order))]
        on[np.ix_(members, np.flatnonzero(year <= YEARS))] = 1
        done += share
    return on


def _assemble(cities: _Cities, economy: dict[str, Floats], policies: dict[str, Ints]) -> ExampleColumns:
    n, periods = len(cities.batch), len(YEARS)
    fixed = {
        "municipality": cities.municipality,
        "capital": cities.capital,
        "pilot": (cities.batch == 2012).astype(np.int64),
        "batch": cities.batch,
        "tcz": cities.tcz,
    }
    return {
        "city_id": np.repeat(np.arange(1, n + 1), periods),
        "province": np.repeat(cities.province, periods),
        "year": np.tile(YEARS, n),
        "pop": economy["pop"].ravel(),
        **{name: np.repeat(values, periods) for name, values in fixed.items()},
        **{name: values.ravel() for name, values in economy.items() if name != "pop"},
        **{name: values.ravel() for name, values in policies.items()},
    }


EMISSIONS = ("so2", "ww")
MISSING = {"so2": 0.01, "ww": 0.01, "trade": 0.03}
BLANK_CITIES = 8
SLIPS = 8  # cells multiplied by ten, and as many divided by ten, for each pollutant
ZEROS = 2


def add_dirt(rng: np.random.Generator, columns: dict[str, Floats], years: NDArray[np.int64]) -> dict[str, Floats]:
    """Return dirty copies of columns of shape (cities, years); population stays whole."""
    out = {name: values.copy() for name, values in columns.items()}
    shape = out["so2"].shape
    for name in EMISSIONS:
        cells = rng.choice(shape[0] * shape[1], 2 * SLIPS + ZEROS, replace=False)
        flat = out[name].reshape(-1)
        flat[cells[:SLIPS]] *= 10
        flat[cells[SLIPS : 2 * SLIPS]] /= 10
        flat[cells[2 * SLIPS :]] = 0
        out[name] = np.round(out[name], 2)
    for name, share in MISSING.items():
        out[name][rng.random(shape) < share] = np.nan
    blank = np.ix_(rng.choice(shape[0], BLANK_CITIES, replace=False), np.flatnonzero(years <= 2006))
    for name, values in out.items():
        if name != "pop":
            values[blank] = np.nan
    return out
