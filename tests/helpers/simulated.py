"""A simulated panel with a known effect, and an analysis run on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import specdid
from specdid._run.analyse import Analysed, run_one
from specdid._run.prepare import prepare
from specdid.analyses._base import Bench

SPEC: dict[str, Any] = {
    "study": {"unit": "id", "time": "year", "data": "simulated.csv", "seed": 7},
    "outcome": {"y": "y"},
    "treatment": {"policy": {"term": "d", "cohort": "cohort"}},
    "controls": {"x": "x"},
    "fixed_effects": {"two-way": "id + year"},
    "vcov": {"id": "~id"},
}


def simulated(units: int = 60, seed: int = 1, effect: float = 0.5, cohorts: tuple[int, ...] = (2004,)) -> pl.DataFrame:
    """Units over 2000-2007, a third of them treated from their cohort on; ``size`` moves over time."""
    rng = np.random.default_rng(seed)
    years = np.arange(2000, 2008)
    unit, year = np.repeat(np.arange(units), len(years)), np.tile(years, units)
    cohort = np.array([cohorts[(u // 3) % len(cohorts)] if u % 3 == 0 else 0 for u in range(units)])[unit]
    d = ((cohort > 0) & (year >= cohort)).astype(float)
    size = np.repeat(rng.uniform(0, 10, units), len(years)) + 0.1 * (year - 2003)
    x = rng.normal(size=len(unit)) + 0.3 * size
    m = np.repeat(rng.normal(size=units), len(years)) + 0.4 * d + 0.2 * rng.normal(size=len(unit))
    noise = rng.normal(size=units)[unit] + 0.1 * (year - 2000) + 0.5 * rng.normal(size=len(unit))
    y = effect * d + 0.05 * size * d + 0.2 * x + 0.3 * m + noise
    return pl.DataFrame(
        {
            "id": unit,
            "year": year,
            "cohort": cohort,
            "d": d,
            "pilot": (cohort > 0).astype(float),
            "size": size,
            "region": unit % 4,
            "x": x,
            "m": m,
            "y": y,
        }
    )


def spec_with(kind: str, table: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Give a spec with one analysis; ``more`` replaces tables."""
    return {**SPEC, **more, kind: dict(table)}


def analysed(kind: str, table: Mapping[str, Any], data: pl.DataFrame, jobs: int = 1, **more: Any) -> Analysed:
    """Run one analysis of a spec."""
    prepared = prepare(spec_with(kind, table, **more), data)
    bench = Bench(prepared.study, prepared.panel, prepared.evaluator, jobs, "loky" if jobs > 1 else "serial")
    return run_one(bench, prepared.requests[0])


def faults_of(kind: str, table: Mapping[str, Any], data: pl.DataFrame, **more: Any) -> list[str]:
    """Give the codes of what is wrong with a spec."""
    return [f.code for f in specdid.check(spec_with(kind, table, **more), data)]


def records(table: Any) -> list[dict[str, Any]]:
    """Give a tidy table's rows by column."""
    return [dict(zip(table.header, row, strict=True)) for row in table.rows]
