"""Problems for the engine, without the language: the reference panel, and random small ones."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from specdid.engine.problem import Effects, Members, Problem, Sunab, Vcov

REFERENCE = Path(__file__).parents[1] / "reference"


def levels(values) -> np.ndarray:
    return np.unique(np.asarray(values), return_inverse=True)[1].reshape(-1).astype(np.int64)


def members_of(
    specs: Sequence[tuple[int, int, Sequence[int], int, int, int]],
    sunab: Sequence[int] | None = None,
    aggregates: tuple[Sunab, ...] = (),
) -> Members:
    """(outcome, treatment, controls, rows, effects, weights) each."""

    def column(k: int) -> np.ndarray:
        return np.array([s[k] for s in specs], np.int64)

    start = np.cumsum([0, *(len(s[2]) for s in specs)]).astype(np.int64)
    controls = np.array([c for s in specs for c in s[2]], np.int64)
    none = np.full(len(specs), -1, np.int64)
    return Members(
        np.arange(len(specs)),
        column(0),
        column(1),
        start,
        controls,
        column(3),
        column(4),
        column(5),
        none,
        none if sunab is None else np.array(sunab, np.int64),
        aggregates,
    )


NAMES = ("ln_so2", "ln_ww", "dudt", "pgdp", "ind2", "ln_open", "ln_pat", "pop", "batch", "year")
EFFECTS = ("0", "city_id", "city_id + year", "city_id + province^year")
SAMPLES = ("all", "no_municipality", "upto2015")
VCOVS = ("iid", "hetero", "city_id", "province", "city_id+year")


def reference_problem() -> Problem:
    """The synthetic smart-city panel with the reference grid's effects, samples and vcovs."""
    data = pl.read_csv(REFERENCE / "panel.csv")
    values = np.asfortranarray(data.select(NAMES).to_numpy().astype(float))
    values[values[:, 8] == 0, 8] = np.nan
    cell = data["province"].to_numpy() * 10_000 + data["year"].to_numpy()
    codes = [levels(data["city_id"]), levels(data["year"]), levels(data["province"]), levels(cell)]
    rows = [np.ones(len(data), bool), (data["municipality"] == 0).to_numpy(), (data["year"] <= 2015).to_numpy()]
    return Problem(
        values,
        np.asfortranarray(np.column_stack(codes)),
        np.array(rows),
        None,
        NAMES,
        ("city_id", "year", "province", "province^year"),
        (Effects(), Effects((0,)), Effects((0, 1)), Effects((0, 3))),
        (Vcov("iid"), Vcov("hetero"), Vcov("cluster", (0,)), Vcov("cluster", (2,)), Vcov("cluster", (0, 1))),
        0,
        0.05,
    )


def reference_specs() -> list[tuple[int, int, tuple[int, ...], int, int, int]]:
    """The 768 specifications of reference.toml."""
    subsets = [s for k in range(5) for s in itertools.combinations((3, 4, 5, 6), k)]
    return [(y, 2, s, r, f, w) for y in (0, 1) for s in subsets for f in range(4) for r in range(3) for w in (-1, 7)]


CODES = ("unit", "time", "region", "region^time", "crossed")
COLUMNS = (
    "y", "d", "x1", "x2", "x1+x2", "constant", "unit constant", "missing", "infinite", "time trend",
    "unit and time", "w", "continuous d", "absorbed d", "x1 copy",
)  # fmt: skip
VCOVS_SMALL = (
    Vcov("iid"), Vcov("hetero"), Vcov("cluster", (0,)), Vcov("cluster", (2,)), Vcov("cluster", (4,)),
    Vcov("cluster", (0, 1)), Vcov("cluster", (2, 1)),
)  # fmt: skip
EFFECTS_SMALL = (
    Effects(), Effects((0,)), Effects((0, 1)), Effects((0, 3)), Effects((2, 1)), Effects((0, 1, 4)),
    Effects((2,)), Effects((4, 1)), Effects((1,)),
)  # fmt: skip


def random_problem(seed: int, n_units: int, n_times: int, share: float, weighted_zeros: bool) -> Problem:
    """An unbalanced panel with every awkward column; see COLUMNS and CODES."""
    rng = np.random.default_rng(seed)
    unit, time = (a.ravel() for a in np.meshgrid(np.arange(n_units), np.arange(n_times), indexing="ij"))
    keep = rng.random(len(unit)) < share
    keep[rng.integers(len(unit))] = True
    unit, time = unit[keep], time[keep]
    n = len(unit)
    region = unit // 3
    crossed = rng.integers(0, max(2, n_units // 2), n)
    start = rng.integers(1, n_times + 2, n_units)
    x1, x2 = rng.normal(size=n), rng.normal(2.0, 3.0, size=n)
    d = (time >= start[unit]).astype(float)
    y = d + x1 + rng.normal(size=n_units)[unit] + rng.normal(size=n)
    missing, infinite = x1 + rng.normal(size=n), rng.normal(size=n)
    missing[rng.random(n) < 0.15] = np.nan
    infinite[rng.random(n) < 0.1] = np.inf
    y[rng.random(n) < 0.05] = np.nan
    w = rng.uniform(0.2, 3.0, n)
    if weighted_zeros:
        w[rng.random(n) < 0.1] = 0.0
    trend, by_unit = time.astype(float), rng.normal(size=n_units)[unit]
    values = [
        y,
        d,
        x1,
        x2,
        x1 + x2,
        np.full(n, 7.0),
        by_unit,
        missing,
        infinite,
        trend,
        by_unit + trend,
        w,
        rng.normal(size=n),
        (unit % 2).astype(float),
        3.0 * x1 - 1.0,
    ]
    codes = [unit, time, region, region * 100 + time, crossed]
    return Problem(
        np.asfortranarray(np.column_stack(values)),
        np.asfortranarray(np.column_stack([levels(c) for c in codes])),
        np.ones((1, n), bool),
        None,
        COLUMNS,
        CODES,
        EFFECTS_SMALL,
        VCOVS_SMALL,
        0,
        0.05,
    )
