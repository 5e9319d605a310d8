"""Functions of a column within groups: means, quantiles, ranks. Without ``by`` the panel is one group.

Sums run in the panel's order of rows, so that they are the same for any number of threads;
order statistics, which no order of rows changes, are polars'.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from specdid.language import argument, write
from specdid.language.tree import Call, joint_levels
from specdid.panel.calls import needed
from specdid.panel.columns import Column, Floats, Ints, join_codes, number, rank
from specdid.panel.errors import EvaluationError
from specdid.panel.operators import carry, numeric, usable

if TYPE_CHECKING:
    from specdid.panel.evaluate import Evaluation

Statistic = Callable[[Floats, Ints, int], Floats]
"""Known values, the group of each and the number of groups -> a value for each group, NaN where it has none."""


def groups(evaluation: Evaluation, call: Call) -> tuple[Ints, int]:
    """Return the group of each row by ``by``, -1 where any of it is missing, and how many there are."""
    by = argument(call, "by")
    if by is None:
        return np.zeros(evaluation.panel.n_rows, dtype=np.int64), 1
    parts = []
    for node in joint_levels(by):
        column = evaluation.column(node)
        usable(column, node)
        parts.append(rank(column))
    codes, count = join_codes(parts)
    if lost := int(np.count_nonzero(codes < 0)):
        evaluation.note(
            "by_missing",
            f"`{write(by)}` is missing in {lost:,} row{'s' if lost > 1 else ''}, where `{call.function}()` is missing",
            call,
            "to have them as a group of their own, give them a value in [derive], as in coalesce(g, 0)",
        )
    return codes, count


def _values(evaluation: Evaluation, call: Call) -> tuple[Column, Floats]:
    node = needed(call, "x")
    column = evaluation.column(node)
    return column, numeric(column, node)


def _spread(values: Floats, codes: Ints) -> Floats:
    """Give every row the value of its group."""
    return np.append(values, np.nan)[codes]


def _aggregate(evaluation: Evaluation, call: Call, statistic: Statistic) -> Column:
    column, values = _values(evaluation, call)
    codes, count = groups(evaluation, call)
    known = ~np.isnan(values) & (codes >= 0)
    return carry(_spread(statistic(values[known], codes[known], count), codes), column)


def _sizes(codes: Ints, count: int) -> Floats:
    return np.bincount(codes, minlength=count).astype(np.float64)


def _sum(values: Floats, codes: Ints, count: int) -> Floats:
    sums = np.bincount(codes, values, minlength=count)
    return np.where(_sizes(codes, count) > 0, sums, np.nan)


def _mean(values: Floats, codes: Ints, count: int) -> Floats:
    return _sum(values, codes, count) / _sizes(codes, count)


def _deviation(values: Floats, codes: Ints, count: int) -> Floats:
    centred = values - _mean(values, codes, count)[codes]
    below = _sizes(codes, count) - 1
    squares = np.bincount(codes, centred * centred, minlength=count)
    return np.sqrt(np.where(below > 0, squares / below, np.nan))


def _ordered(values: Floats, codes: Ints, count: int, what: pl.Expr) -> Floats:
    """Return an order statistic of the column ``x``."""
    found = pl.DataFrame({"x": values, "g": codes}).group_by("g").agg(what)
    out = np.full(count, np.nan)
    out[found["g"].to_numpy()] = found["x"].to_numpy()
    return out


def _quantile(evaluation: Evaluation, call: Call) -> Column:
    p = evaluation.constant(needed(call, "probs"), "`probs`")
    if not 0 <= p <= 1:
        raise EvaluationError("argument_value", f"`probs` is {p:g}, not a share from 0 to 1", call.span)
    return _aggregate(evaluation, call, partial(_ordered, what=pl.col("x").quantile(p, "linear")))


def _count(evaluation: Evaluation, call: Call) -> Column:
    codes, count = groups(evaluation, call)
    known = codes >= 0
    return number(_spread(_sizes(codes[known], count), codes))


def average(evaluation: Evaluation, call: Call) -> Column:
    """``ave(x, by)``: the mean of a group, missing values left out."""
    return _aggregate(evaluation, call, _mean)


def _ranked(values: Floats, codes: Ints, method: str) -> Floats:
    """Rank known values within groups, NaN elsewhere."""
    ranks = np.full(values.shape, np.nan)
    known = ~np.isnan(values) & (codes >= 0)
    frame = pl.DataFrame({"x": values[known], "g": codes[known]})
    ranks[known] = frame.select(pl.col("x").rank(method).over("g"))["x"].to_numpy()  # type: ignore[arg-type]
    return ranks


def _rank(evaluation: Evaluation, call: Call) -> Column:
    column, values = _values(evaluation, call)
    return carry(_ranked(values, groups(evaluation, call)[0], "average"), column)


def _ntile(evaluation: Evaluation, call: Call) -> Column:
    """``ntile(x, n)`` as dplyr has it: the first groups are one larger where sizes cannot be equal."""
    n = int(evaluation.constant(needed(call, "n"), "the number of groups"))
    column, values = _values(evaluation, call)
    codes, count = groups(evaluation, call)
    place = _ranked(values, codes, "ordinal") - 1
    known = ~np.isnan(place)
    sizes = _spread(_sizes(codes[known], count), codes)
    small, larger = np.divmod(sizes, n)
    edge = larger * (small + 1)
    inside = place < edge
    tiles = np.where(inside, place // (small + 1), larger + (place - edge) // np.where(small > 0, small, 1)) + 1
    _split_ties(evaluation, call, values, codes, np.where(known, tiles, np.nan))
    return carry(np.where(known, tiles, np.nan), column)


def _split_ties(evaluation: Evaluation, call: Call, values: Floats, codes: Ints, tiles: Floats) -> None:
    """Say how many rows share their value with a row of another tile."""
    known = np.flatnonzero(~np.isnan(tiles))
    order = known[np.lexsort((tiles[known], values[known], codes[known]))]
    same = (values[order[1:]] == values[order[:-1]]) & (codes[order[1:]] == codes[order[:-1]])
    split = np.flatnonzero(same & (tiles[order[1:]] != tiles[order[:-1]]))
    if not split.size:
        return
    text, panel = write(call), evaluation.panel
    together = f"`{write(call).replace('ntile', 'quantile_group', 1)}` keeps equal values together"
    if panel.unit is None or panel.time is None:
        message = f"`{text}` parts rows of equal value, {values[order[split[0]]]:.6g} for one, and no order says which"
        raise EvaluationError("ties", message, call.span, together)
    value = values[order[split[0]]]
    evaluation.note(
        "ties_split",
        f"`{text}` parts rows of equal value at {split.size:,} cut{'s' if split.size > 1 else ''} ({value:.6g} for "
        f"one) in the order of {panel.unit} and {panel.time}",
        call,
        together,
    )


def _quantile_group(evaluation: Evaluation, call: Call) -> Column:
    """Cut at type 7 quantiles, intervals closed on the right: 1 + how many cut points lie below x."""
    n = int(evaluation.constant(needed(call, "n"), "the number of groups"))
    column, values = _values(evaluation, call)
    codes, count = groups(evaluation, call)
    known = ~np.isnan(values) & (codes >= 0)
    found = np.where(known, 1.0, np.nan)
    for k in range(1, n):
        cut = _ordered(values[known], codes[known], count, pl.col("x").quantile(k / n, "linear"))
        found += values > _spread(cut, codes)
    return carry(found, column)


def _group(evaluation: Evaluation, call: Call) -> Column:
    """Return a number from 1 for every combination that occurs, in sorted order; missing where any part is."""
    parts = []
    for given in call.arguments:
        if given.value is not None:
            column = evaluation.column(given.value)
            usable(column, given.value)
            parts.append(rank(column))
    codes, _ = join_codes(parts)
    return number(np.where(codes < 0, np.nan, codes + 1.0))


FUNCTIONS: dict[str, Callable[[Evaluation, Call], Column]] = {
    "ave": average,
    "mean": partial(_aggregate, statistic=_mean),
    "sum": partial(_aggregate, statistic=_sum),
    "sd": partial(_aggregate, statistic=_deviation),
    "median": partial(_aggregate, statistic=partial(_ordered, what=pl.col("x").median())),
    "min": partial(_aggregate, statistic=partial(_ordered, what=pl.col("x").min())),
    "max": partial(_aggregate, statistic=partial(_ordered, what=pl.col("x").max())),
    "quantile": _quantile,
    "count": _count,
    "rank": _rank,
    "ntile": _ntile,
    "quantile_group": _quantile_group,
    "group": _group,
}
