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


def studies_of_every_table() -> dict[str, dict[str, Any]]:
    """Studies of the small panel, in small.csv, that together use every table of the file."""
    light = {"figure": {"formats": ["svg"]}, "inference": {"draws": 9}, "run": {"jobs": 1, "backend": "serial"}}
    given = small_study()["study"] | {"data": "small.csv"}

    def study(**changes: Any) -> dict[str, Any]:
        return small_study(study=given, **light | changes)

    all_estimators = {
        "OLS": "feols",
        "PPML": "fepois",
        "SA": "sunab",
        "2S": "did2s",
        "LP": {"method": "lpdid", "post_window": 1},
    }
    return {
        "plain": study(controls={"any": "mvsw(x1, x2)"}, sample={"all": "TRUE", "late": "year > 2001"}),
        "derived": study(
            derive={
                "l_x": "l(x1, 1)",
                "big": "ifelse(x1 > 0, 1, 0)",
                "wx": "winsorize(x2, 0.05)",
                "m": "ave(x3, group)",
            },
            macros={"some": "x1 + I(x1^2)", "more": "..some + x3"},
            controls={"none": "1", "steps": "..more + csw0(l_x, wx, m)"},
            weights={"no": "1", "w": "w"},
            preferred={"controls": "..more + l_x"},
        ),
        "estimators": study(
            outcome={"z": "z"}, controls={"none": "1"}, estimator=all_estimators, fixed_effects={"two": "id + year"}
        ),
        "variants": study(
            variant={
                "cut": {"none": {}, "5%": {"derive": {"y": "winsorize(y, 0.05)"}}},
                "trend": {"no": {}, "yes": {"absorb": "group^year"}},
                "drop": {"no": {}, "yes": {"where": "group != 1"}, "add": {"add": "x3"}},
            },
            controls={"x": "sw(x1, x2)"},
            exclude=[{"when": {"cut": "5%", "outcome": ["log z"]}, "unless": {"trend": "no"}, "because": "too much"}],
        ),
        "nulls": study(
            controls={"one": "x1"},
            inference={
                "draws": 9,
                "null": ["wild", "permutation"],
                "assign": "cohort + d",
                "level": "id",
                "strata": "group",
                "cluster": "id",
            },
        ),
        "formula": {
            "study": given | {"formula": "c(y, z) ~ d + sw0(x1, regex('^x[23]')) | sw(id + year, id)"},
            **light,
        },
        "analyses": study(
            controls={"one": "x1"},
            fixed_effects={"two": "id + year"},
            event_study={"window": [-2, 2], "reference": -1},
            hausman={},
            heterogeneity={"size": {"groups": {"low": "group <= 1", "high": "group > 1"}}},
            mechanism={"m": {"moderator": "x3"}},
            placebo={"draws": 19},
            table={"T": {"vary": ["controls"]}},
        ),
        "matched": study(
            sample={"all": "TRUE", "matched": {"match": {"on": "x1 + x3", "at": "year == 2003", "method": "nearest"}}},
            controls={"none": "1"},
            balance={},
        ),
    }
