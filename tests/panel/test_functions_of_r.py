"""Functions of columns against R's values on the reference panel: r_functions.csv, made by R, dplyr and data.table."""

from __future__ import annotations

import csv
import math
import re
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from frames_as_panels import bound, panel_of
from specdid.panel import Evaluator, Panel

REFERENCE = Path(__file__).parents[1] / "reference"
ROWS = list(csv.DictReader((REFERENCE / "r_functions.csv").open(encoding="utf-8")))
SINGLE = (5, 100, 777, 2000)


@cache
def panel() -> Panel:
    frame = pl.read_csv(REFERENCE / "panel.csv").sort("city_id", "year")
    return panel_of(frame.to_dict(as_series=False), unit="city_id", time="year")


def found(expression: str) -> np.ndarray:
    """Evaluate a column, or one of the columns of a term: ``bs(ln_pat, df = 4), column 2``."""
    evaluator = Evaluator(panel())
    term = re.fullmatch(r"(.*), column (\d)", expression)
    if term is None:
        return evaluator.numbers(bound(panel(), expression))
    return evaluator.term((bound(panel(), term[1]),))[int(term[2]) - 1].numbers


@pytest.mark.parametrize("row", ROWS, ids=[r["expression"] for r in ROWS])
def test_a_function_is_rs(row):
    values = found(row["expression"])
    assert int(np.isnan(values).sum()) == int(row["n_missing"])
    mine = [np.nansum(values), np.nansum(values**2), *(values[k - 1] for k in SINGLE)]
    theirs = [float(row[k]) if row[k] else math.nan for k in ("sum", "sum_squares", *(f"row{k}" for k in SINGLE))]
    np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-13)


def test_every_row_is_tried():
    assert len(ROWS) == 39


def test_means_of_equal_values_are_these_and_deviations_zero():
    """0.1 three times sums to 0.30000000000000004: `k > mean(k, by = id)` held in units in which k never changes."""
    ids = np.repeat(np.arange(60), 7)
    k = np.repeat(np.arange(60) * 0.37 + 0.1, 7)
    frame = {"id": ids, "t": np.tile(np.arange(7), 60), "k": k, "one": np.full(420, 0.1)}
    small = panel_of({n: v.tolist() for n, v in frame.items()}, unit="id", time="t")
    evaluator = Evaluator(small)

    def of(expression):
        return evaluator.numbers(bound(small, expression))

    for same, zero in (("mean(k, by = id)", "sd(k, by = id)"), ("ave(k, id)", "k - mean(k, by = id)")):
        np.testing.assert_array_equal(of(same), k)
        np.testing.assert_array_equal(of(zero), 0.0)
    for zero in ("sd(one)", "center(one)", "one - mean(one)", "one - roll_mean(one, 3)", "roll_sd(one, 3)"):
        values = of(zero)
        assert np.isfinite(values).any()
        assert not values[np.isfinite(values)].any(), zero
    assert np.isinf(of("mean(1 / (t > 2), by = id)")).all()
