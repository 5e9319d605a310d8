"""Studies whose rows have every estimator, kind of fixed effect, weight, sample, variant and coding of cohorts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from programs import estimated
from specdid._records import Results, Status
from specdid._run.prepare import Prepared, prepare

UNITS, PERIODS, FIRST = 40, 9, 2001


def frame(seed: int = 5) -> pl.DataFrame:
    """A panel with text, gaps, missing cells, zero weights, an always-treated cohort and one unit seen once."""
    rng = np.random.default_rng(seed)
    unit, year = np.repeat(np.arange(1, UNITS + 1), PERIODS), np.tile(np.arange(FIRST, FIRST + PERIODS), UNITS)
    cohort = np.array([0, 2004, 2005, 0, 2007, 0, 2005, 2001])[unit % 8]
    d = (cohort > 0) & (year >= cohort)
    x = rng.normal(size=(4, len(unit)))
    y = rng.normal(size=UNITS + 1)[unit] + 0.1 * (year - FIRST) + 0.4 * d + 0.2 * x[0]
    y = y + 0.4 * rng.normal(size=len(unit))
    region = np.array(["东", "b c", "d'e", "f"])[unit % 4]
    wide = pl.DataFrame(
        {
            "id": unit,
            "year": year,
            "cohort": cohort,
            "d": d.astype(int),
            "region": region,
            "zone": (unit - 1) // 5,
            "x1": x[0],
            "x2": x[1] * 2000,
            "x3": np.exp(x[2]),
            "size": np.exp(x[3][unit - 1]),
            "y": y,
            "count": rng.poisson(np.exp(y.clip(-2, 2))),
            "flag": rng.integers(0, 2, len(unit)),
            "high": (0.5 * y + rng.logistic(size=len(unit)) > 0).astype(int),
            "dose": d * rng.uniform(0.5, 2, len(unit)),
            "w": rng.uniform(0.2, 3, len(unit)) * (rng.random(len(unit)) > 0.02),
        }
    )
    gone = {c: pl.Series(rng.random(len(unit)) < 0.02) for c in ("x1", "x3", "y", "w")}
    wide = wide.with_columns(pl.when(g).then(None).otherwise(pl.col(c)).alias(c) for c, g in gone.items())
    return wide.filter(~((pl.col("id") == 9) & (pl.col("year") > FIRST)) & (pl.Series(rng.random(len(unit))) > 0.02))


DERIVE = {
    "lagged": "l(x1, 1)", "base": "at(size, year == 2003)", "big": "ifelse(size > 1, 'big', 'small')",
    "began": "first(d == 1)", "wave": "ave(x1, zone)", "smooth": "roll_mean(x1, 2) + cumsum(flag)",
    "tile": "ntile(x2, 3, by = region) * (paste0(region, zone) %like% '[135]$')",
    "around": "median(x3, by = region^year) - interpolate(carry_forward(x3))",
}  # fmt: skip
CONTROLS = {
    "none": "1", "some": "x1 + x2", "lags": "lagged + log(x3) + d(x1, 1)",
    "coded": "i(year, size, ref = 2003) + poly(x1, 2) + factor(zone):x3", "twice": "x1 + I(2 * x1 + 3) + wave",
    "functions": "smooth + tile + bs(x2, df = 4) + i(zone, x1, bin = list(low = 0:3), ref = 'low') + around",
}  # fmt: skip
EFFECTS = {
    "none": "0", "unit": "id", "two-way": "id + year", "interacted": "id + region^year", "trends": "id[x3] + year",
    "slopes only": "zone[[x1]] + year", "both": "id[x1] + id[x3] + zone^year",
}  # fmt: skip
WEIGHTS = {"none": "1", "w": "w", "product": "w * size"}
SAMPLES: dict[str, Any] = {
    "all": "TRUE", "late": "year > 2002 & !(zone == 3)", "text": "region %in% c('东', \"d'e\", 'f') | is.na(x3)",
    "matched": {"where": "year < 2009", "match": {
        "on": "size", "treated": "began < 9999", "at": "year == 2003", "method": "nearest", "ratio": 2,
        "replace": True}},
    "kernel": {"where": "TRUE", "match": {"on": "x1", "treated": "began < 9999", "method": "kernel"}},
}  # fmt: skip
VARIANTS = {
    "tails": {"kept": {}, "winsorized": {"derive": {"y": "winsorize(y, 0.02)", "x1": "trim(x1, 0.01)"}}},
    "more": {"no": {}, "yes": {"absorb": "zone^year", "where": "flag == 1 | year > 2003", "add": "x3"}},
}
VCOV: dict[str, Any] = {"unit": "~id", "two": "~id + year", "region": "~region", "hc": "hetero", "iid": "iid"}
RULES = ("fixest", "reghdfe", "areg", "lsdv", "glm", "none")
CORRECTED = {f"{rule} {name}": {"formula": text, "ssc": rule} for rule in RULES
             for name, text in (("id", "~id"), ("two", "~id + zone"), ("hc", "hetero"), ("iid", "iid"))}  # fmt: skip
TREATMENT = {"d": {"term": "d", "cohort": "cohort"}}


def tables() -> dict[str, dict[str, Any]]:
    """The studies by name, each without its data."""
    return {
        "least squares": {
            "treatment": {**TREATMENT, "dose": "dose", "moderated": {"term": "d:x3", "with": "d + x3"}},
            "controls": CONTROLS,
            "fixed_effects": EFFECTS,
            "weights": WEIGHTS,
            "sample": SAMPLES,
            "variant": VARIANTS,
        },
        "common rows": {
            "study": {"missing": "common"},
            "controls": {"sets": "mvsw(x1, lagged, x3)"},
            "variant": VARIANTS,
            "fixed_effects": {"two-way": "id + year", "interacted": "id + region^year"},
            "weights": WEIGHTS,
            "estimator": {"ols": "feols", "sa": "sunab", "two": "did2s"},
        },
        "staggered": {
            "controls": CONTROLS,
            "weights": WEIGHTS,
            "sample": SAMPLES,
            "fixed_effects": {k: EFFECTS[k] for k in ("unit", "two-way", "interacted", "trends")},
            "estimator": {
                "sa": "sunab",
                "later": {"method": "sunab", "control": "notyet"},
                "references": {"method": "sunab", "reference": [-1, -2]},
                "two": "did2s",
                "lp": {"method": "lpdid", "post_window": 2},
                "never": {"method": "lpdid", "post_window": 1, "control": "never"},
            },
        },
        "group-time": {
            "controls": {"none": "1", "some": "x1"},
            "weights": WEIGHTS,
            "fixed_effects": {"two-way": "id + year"},
            "estimator": {
                "gt": "csdid",
                "imputed": "did_imputation",
                "stacked": {"method": "stackedev", "post_window": 1, "pre_window": 2},
                "event": {"method": "csdid", "aggregate": "dynamic", "control": "notyet", "est_method": "ipw"},
                "whole": {"method": "csdid", "aggregate": "calendar", "est_method": "reg", "unbalanced": "drop"},
                "means": {"method": "csdid", "aggregate": "simple", "unbalanced": "rows", "anticipation": 1},
            },
        },
        "likelihoods": {
            "outcome": {"count": "count", "high": "high"},
            "controls": CONTROLS,
            "weights": WEIGHTS,
            "sample": SAMPLES,
            "fixed_effects": {"none": "0", "zone": "zone", "two-way": "zone + year", "interacted": "region^year"},
            "treatment": {**TREATMENT, "dose": "dose"},
            "estimator": {
                "ppml": "fepois",
                "logit": "logit",
                "probit": "probit",
                "nb": "fenegbin",
                "loose": {"method": "fepois", "iwls_tol": 1e-14},
            },
        },
        "without never treated": {
            "sample": {"treated": "began < 9999", "and late": "began < 9999 & year > 2001"},
            "weights": WEIGHTS,
            "estimator": {
                "later": {"method": "sunab", "control": "notyet"},
                "lp": {"method": "lpdid", "post_window": 1},
                "two": "did2s",
            },
        },
        "corrections": {
            "outcome": {"y": "y", "count": "count", "high": "high"},
            "vcov": CORRECTED,
            "weights": WEIGHTS,
            "fixed_effects": {k: EFFECTS[k] for k in ("none", "unit", "two-way", "interacted", "trends", "both")},
            "estimator": {
                "ols": "feols",
                "sa": "sunab",
                "two": "did2s",
                "lp": {"method": "lpdid", "post_window": 2},
                "ppml": "fepois",
                "logit": "logit",
                "probit": "probit",
                "nb": "fenegbin",
            },
            "exclude": [
                {"when": {"outcome": "y"}, "unless": {"estimator": ["ols", "sa", "two", "lp"]}, "because": "levels"},
                {"when": {"outcome": "count"}, "unless": {"estimator": ["ppml", "nb"]}, "because": "a count"},
                {"when": {"outcome": "high"}, "unless": {"estimator": ["logit", "probit"]}, "because": "yes or no"},
            ],
        },
        "monthly": {
            "derive": {
                "lagged": "l(x1, 1)",
                "led": "f(x3, 2)",
                "began": "first(d == 1)",
                "base": "at(size, year == 200011)",
            },
            "controls": {"none": "1", "lags": "lagged + led + d(x1, 3)", "base": "base:x1 + x1"},
            "weights": WEIGHTS,
            "sample": {"all": "TRUE", "late": "year >= 200010 & began != 200101"},
            "estimator": {"ols": "feols", "sa": "sunab", "two": "did2s", "lp": {"method": "lpdid", "post_window": 3}},
        },
    }


CODINGS: dict[str, tuple[pl.Expr, dict[str, Any], str]] = {
    "zero": (pl.col("cohort"), {}, "csv"),
    "infinite": (pl.when(pl.col("cohort") == 0).then(float("inf")).otherwise(pl.col("cohort")), {}, "csv"),
    "later": (pl.when(pl.col("cohort") == 0).then(9999).otherwise(pl.col("cohort")), {}, "dta"),
    "empty": (pl.when(pl.col("cohort") == 0).then(None).otherwise(pl.col("cohort")), {"never": "empty"}, "csv"),
    "values": (pl.when(pl.col("cohort") == 0).then(1900).otherwise(pl.col("cohort")), {"never": [1900, 0]}, "parquet"),
}
"""How the never treated are coded: the column, the key of [study] that says so, and the kind of file."""


def _month(year: pl.Expr) -> pl.Expr:
    """Make 2001 September 2000 as 200009, and 2005 January 2001 as 200101; leave what is no year."""
    month = year - FIRST + 200_009
    known = year.is_between(FIRST, FIRST + 20)
    return pl.when(~known).then(year).when(month > 200_012).then(month + 88).otherwise(month)


def study(name: str, directory: Path, coding: str = "zero") -> dict[str, Any]:
    """A study of `tables` with its data in ``directory``."""
    column, keys, kind = CODINGS[coding]
    data = frame().with_columns(column.alias("cohort"))
    if name == "monthly":
        data = data.with_columns(_month(pl.col(c)).alias(c) for c in ("year", "cohort"))
        keys = {**keys, "step": "month"}
    path = directory / f"{coding}{'_months' if name == 'monthly' else ''}.{kind}"
    if kind == "dta":
        data.to_pandas().to_stata(path, version=118, write_index=False)
    else:
        data.write_csv(path.with_suffix(".csv"))  # beside a file that Stata cannot read, too
        if kind == "parquet":
            data.write_parquet(path)
    own = tables()[name]
    base = {
        "derive": DERIVE,
        "outcome": {"y": "y"},
        "treatment": TREATMENT,
        "controls": {"none": "1", "some": "x1"},
        "vcov": VCOV,
        "inference": {"draws": 0},
        **{k: v for k, v in own.items() if k != "study"},
    }
    base["study"] = {"data": str(path), "unit": "id", "time": "year", "title": name, **keys, **own.get("study", {})}
    return base


CASES = (
    ("least squares", "zero", 50),
    ("common rows", "later", 15),
    ("staggered", "zero", 30),
    ("staggered", "infinite", 10),
    ("staggered", "empty", 10),
    ("staggered", "values", 10),
    ("likelihoods", "zero", 25),
    ("corrections", "zero", 25),
    ("without never treated", "later", 10),
    ("monthly", "zero", 8),
    ("group-time", "zero", 7),
)
"""Study, coding of the never treated, and how many of its rows."""


def cases(directory: Path, seed: int = 12) -> Iterator[tuple[Prepared, Results, list[int]]]:
    """Give studies, some of their results, and 200 of their rows that are ok, drawn at random."""
    rng = np.random.default_rng(seed)
    for name, coding, count in CASES:
        prepared = prepare(study(name, directory, coding))
        planned = np.flatnonzero(prepared.plan.status == 0)
        chosen = np.sort(rng.choice(planned, min(count * 3 // 2 + 8, len(planned)), replace=False))
        results = estimated(prepared, chosen)
        ok = np.flatnonzero(results.status == Status.OK)
        yield prepared, results, np.sort(rng.choice(ok, min(count, len(ok)), replace=False)).tolist()
