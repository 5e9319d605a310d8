"""What users of R, dplyr, data.table, fixest and Stata type every day, and what it gives here, one line each.

golden/everyday.csv: an expression gives a value (how many rows are missing, and their sum; of terms the formula) or a
fault with the spelling of this language. After a wanted change: SPECDID_UPDATE_GOLDEN=1 pytest
tests/check/test_everyday_expressions.py, then read the diff.
"""

from __future__ import annotations

import csv
import math
import os
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import specdid
from specdid._run.prepare import prepare
from specdid.language import bind, parse
from specdid.language.scope import Scope
from specdid.panel import Evaluator

GOLDEN = Path(__file__).with_name("golden") / "everyday.csv"
UPDATE = os.environ.get("SPECDID_UPDATE_GOLDEN") == "1"
KEYS = ("from", "place", "typed", "gives", "missing", "sum", "help")


@cache
def panel() -> pl.DataFrame:
    """30 cities in 5 provinces, 2005 to 2014, with gaps and ties, texts and dates."""
    rng = np.random.default_rng(15)
    city, year = np.repeat(np.arange(110000, 110030), 10), np.tile(np.arange(2005, 2015), 30)
    n = len(city)
    columns = {
        "city": city, "year": year, "province": (city - 110000) // 6, "batch": np.where(city % 3, 0, 2010),
        "so2": np.exp(rng.normal(size=n)).round(3), "gdp": np.exp(rng.normal(2, 0.5, n)).round(2),
        "pop": rng.integers(50, 900, n), "ind": rng.uniform(20, 70, n).round(1), "trade": rng.normal(size=n).round(2),
        "patents": rng.poisson(5, n), "zone": np.where(city % 2, "East", "West "),
        "name": [f"City {c % 7}" for c in city],
        "day": [f"{y}-{1 + c % 12:02d}-15" for c, y in zip(city, year, strict=True)],
    }  # fmt: skip
    columns["d"] = ((columns["batch"] > 0) & (year >= 2010)).astype(int)
    gaps = pl.Series(rng.random(n) < 0.1)
    frame = pl.DataFrame(columns).with_columns(pl.when(~gaps).then(pl.col("trade")).alias("trade"))
    return frame.filter(~((pl.col("city") == 110003) & (pl.col("year") == 2008)))


def study(place: str, text: str) -> dict:
    made: dict = {
        "study": {"unit": "city", "time": "year"},
        "outcome": {"y": "so2"},
        "treatment": {"d": "d"},
        "inference": {"draws": 0},
    }
    if place == "formula":
        return {"study": {**made["study"], "formula": text}, "inference": {"draws": 0}}
    return {**made, place: {"new" if place == "derive" else "o": text}}


def lines() -> list[dict[str, str]]:
    with GOLDEN.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def found(line: dict[str, str]) -> dict[str, str]:
    """Evaluate a line: its values, or the first error with its help."""
    made = study(line["place"], line["typed"])
    errors = specdid.check(made, panel()).errors
    if errors:
        return {**line, "gives": errors[0].message, "missing": "", "sum": "", "help": errors[0].help or ""}
    noted = line["help"] if line["gives"] == "value" else ""  # in what it is not the same, on the page of habits
    missing, total = values(line["place"], line["typed"], made)
    return {**line, "gives": "value", "missing": str(missing), "sum": f"{total:.10g}", "help": noted}


def values(place: str, text: str, made: dict) -> tuple[int, float]:
    """Count what is missing, and sum what is not: of a column, or over the columns of all specifications."""
    if place not in ("derive", "sample", "outcome", "weights"):
        results = specdid.run(made, panel(), audit=0).table
        return int(results["estimate"].isna().sum()), float(results["estimate"].sum())
    prepared = prepare(study("controls", "1"), panel())
    column = Evaluator(prepared.panel).column(bind(parse(text), Scope.of(tuple(prepared.panel.columns))))
    numbers = column.numbers
    if numbers is None:
        numbers = np.array([*map(len, column.levels), math.nan])[column.codes]
    numbers = np.broadcast_to(numbers, (prepared.panel.n_rows,))
    return int(np.isnan(numbers).sum()), float(np.nansum(numbers))


TABLE = lines() if GOLDEN.exists() else []


def test_the_table_is_complete():
    if UPDATE:
        rows = [found(line) for line in lines()]
        with GOLDEN.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, KEYS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return
    assert len(TABLE) >= 120
    assert len({(line["place"], line["typed"]) for line in TABLE}) == len(TABLE)
    assert sum(line["gives"] == "value" for line in TABLE) >= 90
    assert all(line["gives"] == "value" or line["help"] for line in TABLE)


@pytest.mark.parametrize("line", TABLE, ids=[f"{row['from']}: {row['typed']}" for row in TABLE])
def test_an_expression_gives_what_is_stored(line):
    if not UPDATE:
        mine = found(line)
        assert mine | {"sum": ""} == line | {"sum": ""}
        assert not line["sum"] or math.isclose(float(mine["sum"]), float(line["sum"]), rel_tol=1e-8, abs_tol=1e-10)
