"""Functions along a unit's time: running sums, windows, gaps filled. Rows stand by unit and period."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from specdid._arrays import Bools, Floats, Ints
from specdid.language import write
from specdid.language.tree import Call
from specdid.panel.columns import Column
from specdid.panel.errors import needed
from specdid.panel.operators import carry, numeric

if TYPE_CHECKING:
    from specdid.panel.evaluate import Evaluation


def shifted(evaluation: Evaluation, call: Call, periods: int) -> Column:
    """Return the unit's value ``periods`` earlier; a gap in time gives a missing value."""
    evaluation.require_unit(call.span, f"`{call.function}`", time=True)
    return evaluation.column(needed(call, "x")).take(evaluation.panel.shifted_rows(periods))


def _keys(evaluation: Evaluation, call: Call) -> tuple[Ints, Ints]:
    """Return the unit and the period of each row."""
    evaluation.require_unit(call.span, f"`{call.function}`", time=True)
    units, periods = evaluation.panel.unit_codes, evaluation.panel.periods
    assert units is not None
    assert periods is not None
    return units, periods


def _over_gaps(evaluation: Evaluation, call: Call, what: str) -> None:
    """Say how many gaps in time a function passes over as if nothing had been there."""
    units, periods = _keys(evaluation, call)
    gaps = int(np.count_nonzero((units[1:] == units[:-1]) & (periods[1:] - periods[:-1] > 1)))
    if gaps:
        message = f"`{write(call)}` {what} {gaps:,} gap{'s' if gaps > 1 else ''} in time, where a unit has no row"
        advice = "if the periods should count, add their rows to the data"
        evaluation.note("over_gaps", message, call, advice)


def _running(evaluation: Evaluation, call: Call, what: pl.Expr) -> Column:
    """Accumulate along each unit's rows; from a unit's first missing value on nothing is known, as in R."""
    units, _ = _keys(evaluation, call)
    node = needed(call, "x")
    column = evaluation.column(node)
    values = numeric(column, node)
    frame = pl.DataFrame({"x": values, "u": units})
    unknown = pl.col("x").is_nan().cum_max().over("u")
    found = frame.select(pl.when(unknown).then(float("nan")).otherwise(what.over("u")).alias("x"))["x"].to_numpy()
    _over_gaps(evaluation, call, "passes over")
    return carry(found, column)


def _window(evaluation: Evaluation, call: Call, statistic: Callable[[Floats, int], Floats]) -> Column:
    """Take a statistic of n periods in a row, missing where one of them is missing or has no row."""
    units, periods = _keys(evaluation, call)
    node = needed(call, "x")
    n = int(evaluation.constant(needed(call, "n"), "the window"))
    column = evaluation.column(node)
    values = numeric(column, node)
    size = len(values)
    found = np.full(size, np.nan)
    if size >= n:
        last, start = slice(n - 1, size), slice(0, size - n + 1)
        whole = (units[last] == units[start]) & (periods[last] - periods[start] == n - 1)
        found[last] = np.where(whole, statistic(values, n), np.nan)
    return carry(found, column)


def _window_sum(values: Floats, n: int) -> Floats:
    """Sum every n neighbours; one addition after the other, so that nothing of one window is left in the next."""
    rows = len(values) - n + 1
    total = values[:rows].copy()
    for k in range(1, n):
        total += values[k : k + rows]
    return total


def _window_mean(values: Floats, n: int) -> Floats:
    return _window_sum(values, n) / n


def _window_deviation(values: Floats, n: int) -> Floats:
    rows = len(values) - n + 1
    mean, squares = _window_mean(values, n), np.zeros(rows)
    for k in range(n):
        squares += (values[k : k + rows] - mean) ** 2
    return np.sqrt(squares / (n - 1))


def _growth(evaluation: Evaluation, call: Call) -> Column:
    """``x / l(x, k) - 1``."""
    node = needed(call, "x")
    k = int(evaluation.constant(needed(call, "k"), "the periods of `growth`"))
    column, before = evaluation.column(node), shifted(evaluation, call, k)
    return carry(numeric(column, node) / numeric(before, node) - 1, column, before)


def _last_known(known: Bools, units: Ints) -> Ints:
    """Return the last row of the unit up to each row where something is known, -1 where there is none."""
    rows = np.maximum.accumulate(np.where(known, np.arange(len(known)), -1))
    return np.where((rows >= 0) & (units[rows] == units), rows, -1)


def _interpolate(evaluation: Evaluation, call: Call) -> Column:
    """Fill gaps between known values by a straight line in time; outside the record nothing is known."""
    units, periods = _keys(evaluation, call)
    node = needed(call, "x")
    column = evaluation.column(node)
    values = numeric(column, node)
    known = ~np.isnan(values)
    before = _last_known(known, units)
    after = len(values) - 1 - _last_known(known[::-1], units[::-1])[::-1]
    between = ~known & (before >= 0) & (after < len(values))
    a, b = before[between], after[between]
    share = (periods[between] - periods[a]) / (periods[b] - periods[a])
    found = values.copy()
    found[between] = values[a] + (values[b] - values[a]) * share
    return carry(found, column)


def _carry_forward(evaluation: Evaluation, call: Call) -> Column:
    units, _ = _keys(evaluation, call)
    column = evaluation.column(needed(call, "x"))
    _over_gaps(evaluation, call, "carries values over")
    return column.take(_last_known(~column.missing, units))


FUNCTIONS: dict[str, Callable[[Evaluation, Call], Column]] = {
    "cumsum": partial(_running, what=pl.col("x").cum_sum()),
    "cummax": partial(_running, what=pl.col("x").cum_max()),
    "roll_mean": partial(_window, statistic=_window_mean),
    "roll_sum": partial(_window, statistic=_window_sum),
    "roll_sd": partial(_window, statistic=_window_deviation),
    "growth": _growth,
    "interpolate": _interpolate,
    "carry_forward": _carry_forward,
}
