"""Processor seconds of every function of columns on a million rows, beside polars' own for the same column.

100,000 units of 10 years, 5% missing; both on one thread, so that other programs add little. What polars has no
function for is written with its expressions as a user would. Run as ``python tests/bench/functions.py [--quick]``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from time import process_time

import _bench

os.environ["POLARS_MAX_THREADS"] = "1"  # read when polars is imported

import numpy as np
import polars as pl
from specdid.language import Scope, bind, parse
from specdid.panel import Evaluator, Panel
from specdid.panel.columns import number, text

BAR = 3.0
"""Times polars' own seconds."""
FLOOR = 0.005
"""Seconds below which a ratio says nothing: a few passes over a million numbers."""
YEARS = 10
x, y, g, h, u, t, s, day = (pl.col(name) for name in ("x", "y", "g", "h", "u", "t", "s", "day"))

POLARS: dict[str, pl.Expr] = {
    "round(x, 1)": x.round(1),
    "sign(x)": x.sign(),
    "ceiling(x)": x.ceil(),
    "between(x, -1, 1)": x.is_between(-1, 1),
    "case_when(x > 1 ~ 2, y > 0 ~ 1, TRUE ~ 0)": pl.when(x > 1).then(2).when(y > 0).then(1).otherwise(0),
    "coalesce(x, y, 0)": pl.coalesce(x, y, 0),
    "is.finite(x)": x.is_finite(),
    "cut(x, c(-1, 0, 1))": x.cut([-1, 0, 1]).to_physical(),
    "ntile(x, 4)": (x.rank("ordinal") * 4 / pl.len()).ceil(),
    "ntile(x, 4, by = g)": (x.rank("ordinal").over("g") * 4 / pl.len().over("g")).ceil(),
    "quantile_group(x, 4)": 1 + sum((x > x.quantile(k / 4, "linear")).cast(pl.Float64) for k in (1, 2, 3)),
    "rank(x)": x.rank("average"),
    "rank(x, by = g)": x.rank("average").over("g"),
    "mean(x)": x.mean() + 0 * t,
    "mean(x, by = g)": x.mean().over("g"),
    "mean(x, by = g^t)": x.mean().over("g", "t"),
    "median(x, by = g)": x.median().over("g"),
    "min(x, by = u)": x.min().over("u"),
    "max(x, by = g^t)": x.max().over("g", "t"),
    "sum(x, by = s)": x.sum().over("s"),
    "sd(x, by = g)": x.std().over("g"),
    "count(by = g^t)": pl.len().over("g", "t"),
    "quantile(x, 0.9, by = g)": x.quantile(0.9, "linear").over("g"),
    "cumsum(y)": y.cum_sum().over("u"),
    "cummax(y)": y.cum_max().over("u"),
    "roll_mean(x, 3)": x.rolling_mean(3).over("u"),
    "roll_sum(x, 3)": x.rolling_sum(3).over("u"),
    "roll_sd(x, 3)": x.rolling_std(3).over("u"),
    "growth(x)": x / x.shift(1).over("u") - 1,
    "interpolate(x)": x.interpolate_by("t").over("u"),
    "carry_forward(x)": x.forward_fill().over("u"),
    "paste(s, t)": s + " " + t.cast(pl.Int64).cast(pl.String),
    "substr(s, 2, 3)": s.str.slice(1, 2),
    "tolower(s)": s.str.to_lowercase(),
    "toupper(s)": s.str.to_uppercase(),
    "trimws(s)": s.str.strip_chars(),
    "nchar(s)": s.str.len_chars(),
    "s %like% '^unit1'": s.str.contains("^unit1"),
    "group(g, t)": pl.struct("g", "t").rank("dense"),
    "year(day)": day.str.to_date().dt.year(),
    "month(day)": day.str.to_date().dt.month(),
    "quarter(day)": day.str.to_date().dt.quarter(),
}


def make(units: int) -> tuple[pl.DataFrame, Panel]:
    """Return the same columns as a frame and as a panel."""
    rng = np.random.default_rng(1)
    unit, year = np.repeat(np.arange(units), YEARS), np.tile(np.arange(2001, 2001 + YEARS), units)
    n = len(unit)
    values = {"u": unit, "t": year, "x": rng.normal(size=n), "y": rng.poisson(3, n), "g": unit % 300, "h": unit % 7}
    values["x"][rng.random(n) < 0.05] = np.nan
    days = [f"{2001 + k // 336}-{k // 28 % 12 + 1:02d}-{k % 28 + 1:02d}" for k in range(336 * YEARS)]
    words = {"s": [f"unit{k:05d}" for k in range(5000)], "day": days}
    codes = {name: rng.integers(0, len(levels), n) for name, levels in words.items()}
    frame = pl.DataFrame({name: np.asarray(v, float) for name, v in values.items()}).with_columns(
        *(pl.Series(name, np.array(words[name], object)[codes[name]].tolist()) for name in words),
        x=pl.Series(values["x"]).fill_nan(None),
    )
    columns = {name: number(np.array(v, float)) for name, v in values.items()}
    columns |= {name: text(codes[name], tuple(words[name])) for name in words}
    key = unit * YEARS + year - 2001
    levels = tuple(map(str, range(units)))
    return frame, Panel(columns, n, "u", "t", unit_codes=unit, unit_levels=levels, periods=year, sorted_keys=key)


def best(work: Callable[[], object]) -> float:
    """Return the shortest of nine runs: what else the machine does only adds to a time."""
    times = []
    for _ in range(9):
        began = process_time()
        work()
        times.append(process_time() - began)
    return min(times)


def main() -> None:
    frame, panel = make(5_000 if _bench.quick() else 100_000)
    scope, rows = Scope.of(panel.columns), []
    for expression, theirs in POLARS.items():
        bound = bind(parse(expression), scope)
        mine = best(lambda bound=bound: Evaluator(panel).column(bound))
        polars = best(lambda theirs=theirs: frame.select(theirs.alias("new")))
        rows.append((expression, round(mine, 4), round(polars, 4), round(mine / max(polars, FLOOR), 2)))
    missed = [row[0] for row in rows if row[3] > BAR]
    title = f"Functions of columns on {panel.n_rows:,} rows, beside polars (or {FLOOR} s where polars takes less)"
    _bench.report("functions", title, ("expression", "seconds", "polars seconds", "ratio"), rows)
    print(f"bar: {BAR:g} times; above it: {', '.join(missed) or 'none'}")


if __name__ == "__main__":
    main()
