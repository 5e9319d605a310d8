"""Small studies as dicts and the panels they stand on."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl


def small_panel(seed: int = 1, units: int = 24, periods: int = 7) -> pl.DataFrame:
    """A staggered panel with controls x1 to x3, groups of units, weights and some missing cells."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(1, units + 1), periods)
    year = np.tile(np.arange(2001, 2001 + periods), units)
    cohort = np.where(unit % 3 == 0, 2004, np.where(unit % 3 == 1, 2005, 0))
    d = ((cohort > 0) & (year >= cohort)).astype(int)
    x = rng.normal(size=(3, len(unit))) + 0.1 * unit
    level = rng.normal(size=units)[unit - 1]
    y = level + 0.1 * (year - 2000) + 0.3 * d + x[0] * 0.2 + rng.normal(size=len(unit)) * 0.5
    frame = {
        "id": unit,
        "year": year,
        "group": (unit - 1) // 4,
        "cohort": cohort,
        "d": d,
        "x1": x[0],
        "x2": x[1],
        "x3": x[2],
        "y": y,
        "z": np.exp(y),
        "w": rng.uniform(0.5, 2, len(unit)),
    }
    out = pl.DataFrame(frame)
    gap = pl.Series(rng.random(len(unit)) < 0.05)
    return out.with_columns(pl.when(gap).then(None).otherwise(pl.col("x2")).alias("x2"))


def small_study(**changes: Any) -> dict[str, Any]:
    """A study of ``small_panel``; ``changes`` replace or add tables."""
    base: dict[str, Any] = {
        "study": {"title": "small", "data": "given.csv", "unit": "id", "time": "year", "seed": 7},
        "outcome": {"y": "y", "log z": "log(z)"},
        "treatment": {"d": {"term": "d", "cohort": "cohort"}},
        "controls": {"any": "mvsw(x1, x2, x3)"},
        "fixed_effects": {"two-way": "id + year", "unit": "id"},
        "vcov": {"unit": "~id", "robust": "hetero"},
        "inference": {"draws": 0},
    }
    return {**base, **changes}
