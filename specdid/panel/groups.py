"""Functions of a column within groups, and along a unit's time: means, quantiles, ranks; running sums, windows, gaps.

Without ``by`` the panel is one group. Sums run in the panel's order of rows (by unit and period), so that they are the
same for any number of threads; order statistics, which no order of rows changes, are polars'.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from specdid._arrays import Bools, Floats, Ints
from specdid.language import argument, write
from specdid.language.tree import Call, joint_levels
from specdid.panel.columns import Column, join_codes, number, rank
from specdid.panel.errors import EvaluationError, needed
from specdid.panel.operators import carry, numeric, usable

if TYPE_CHECKING:
    from specdid.panel.evaluate import Evaluation

Statistic = Callable[[Floats, Ints, int], Floats]
"""Known values, the group of each and the number of groups -> a value for each group, NaN where it has none."""
AtShare = Callable[[Floats, Floats, float], Floats]
"""Values in order, one group after the other, sizes of groups and a share -> the quantile of each."""
WHOLE = 1e-6
"""What a number of rows times a share may lack of a whole number: .99 is none that a computer has."""


def _groups(evaluation: Evaluation, call: Call) -> tuple[Ints, int]:
    """Return the group of each row by ``by``, -1 where any of it is missing, and how many there are."""
    by = argument(call, "by")
    if by is None:
        return np.zeros(evaluation.panel.n_rows, dtype=np.int64), 1
    parts, filled = [], ""
    for node in joint_levels(by):
        column = evaluation.column(node)
        usable(column, node)
        parts.append(rank(column))
        if not filled and column.missing.any():
            other = "'none'" if column.is_text else 0
            filled = f"coalesce({write(node)}, {other})"
    codes, count = join_codes(parts)
    if lost := int(np.count_nonzero(codes < 0)):
        evaluation.note(
            "by_missing",
            f"`{write(by)}` is missing in {lost:,} row{'s' if lost > 1 else ''}, where `{call.function}()` is missing",
            call,
            f"to have them as a group of their own, write `{filled}` in its place",
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
    codes, count = _groups(evaluation, call)
    known = ~np.isnan(values)
    if argument(call, "by") is None:
        return carry(np.full(values.shape, statistic(values[known], codes[known], 1)[0]), column)
    # What is missing is a group of its own behind the others: that is faster than taking it out.
    apart = codes if known.all() and codes.min(initial=0) >= 0 else np.where(known & (codes >= 0), codes, count)
    return carry(_spread(statistic(values, apart, count + 1)[:count], codes), column)


def _sizes(codes: Ints, count: int) -> Floats:
    if count == 1:
        return np.array([float(len(codes))])
    return np.bincount(codes, minlength=count).astype(np.float64)


def _sum(values: Floats, codes: Ints, count: int) -> Floats:
    if count == 1:
        return np.array([values.sum() if values.size else np.nan])
    sums = np.bincount(codes, values, minlength=count)
    return np.where(_sizes(codes, count) > 0, sums, np.nan)


def _mean(values: Floats, codes: Ints, count: int) -> Floats:
    """Return means, of equal values these: a second pass takes out what the sum has rounded, as R's mean does."""
    sizes = _sizes(codes, count)
    mean = _sum(values, codes, count) / sizes
    with np.errstate(invalid="ignore"):
        rest = np.bincount(codes, values - mean[codes], minlength=count) / sizes
    return mean + np.where(np.isfinite(rest), rest, 0.0)


def _deviation(values: Floats, codes: Ints, count: int) -> Floats:
    below = _sizes(codes, count) - 1
    centred = values - _mean(values, codes, count)[codes]
    squares = np.bincount(codes, np.multiply(centred, centred, out=centred), minlength=count)
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
        raise EvaluationError("arguments", f"`probs` is {p:g}, not a share from 0 to 1", call.span)
    return _aggregate(evaluation, call, partial(_quantiles, p=p, at_share=_at_share_of(evaluation, call)))


def _quantiles(values: Floats, codes: Ints, count: int, p: float, at_share: AtShare) -> Floats:
    return at_share(_in_order(values, codes, count), _sizes(codes, count), p)


def _at_share_of(evaluation: Evaluation, call: Call) -> AtShare:
    node = argument(call, "type")
    return _averaged if node is not None and evaluation.constant(node, "`type`") == 2 else _at_share


def _in_order(values: Floats, codes: Ints, count: int) -> Floats:
    """Sort values within groups, one group after the other."""
    if count == 1:
        return np.sort(values)
    frame = pl.DataFrame({"g": codes, "x": values}).group_by("g").agg(pl.col("x").sort())
    return frame.sort("g")["x"].explode().to_numpy()


def _at_share(ordered: Floats, sizes: Floats, p: float) -> Floats:
    """Return R's quantile of type 7, to the last digit: polars' own has changed from release to release."""
    whole = sizes.astype(np.int64)
    out = np.full(len(whole), np.nan)
    some = np.flatnonzero(whole)
    first = (np.cumsum(whole) - whole)[some]
    place = (whole[some] - 1) * p
    low = np.floor(place).astype(np.int64)
    share = place - low
    below, above = ordered[first + low], ordered[first + np.ceil(place).astype(np.int64)]
    out[some] = np.where((share > 0) & (above != below), (1 - share) * below + share * above, below)
    return out


def _averaged(ordered: Floats, sizes: Floats, p: float) -> Floats:
    """Return R's quantile of type 2, which is that of Stata's _pctile: where n p is whole, the mean of two values."""
    whole = sizes.astype(np.int64)
    out = np.full(len(whole), np.nan)
    some = np.flatnonzero(whole)
    first, last = (np.cumsum(whole) - whole)[some], whole[some] - 1
    place = whole[some] * p
    above = np.floor(place + WHOLE).astype(np.int64)
    below = np.where(place - above < WHOLE, above - 1, above)
    low, high = (ordered[first + np.clip(k, 0, last)] for k in (below, above))
    out[some] = (low + high) / 2
    return out


def _count(evaluation: Evaluation, call: Call) -> Column:
    codes, count = _groups(evaluation, call)
    known = codes >= 0
    return number(_spread(_sizes(codes[known], count), codes))


def _average(evaluation: Evaluation, call: Call) -> Column:
    """``ave(x, by)``: the mean of a group, missing values left out."""
    return _aggregate(evaluation, call, _mean)


def _ranks(values: Floats, codes: Ints, count: int, method: Literal["average", "ordinal"]) -> Floats:
    """Rank known values within groups, from 1."""
    ranks = pl.col("x").rank(method)
    frame = pl.DataFrame({"x": values, "g": codes})
    return frame.select(ranks if count == 1 else ranks.over("g"))["x"].cast(pl.Float64).to_numpy()


def _rank(evaluation: Evaluation, call: Call) -> Column:
    column, values = _values(evaluation, call)
    codes, count = _groups(evaluation, call)
    known = ~np.isnan(values) & (codes >= 0)
    found = np.full(values.shape, np.nan)
    found[known] = _ranks(values[known], codes[known], count, "average")
    return carry(found, column)


def _ntile(evaluation: Evaluation, call: Call) -> Column:
    """``ntile(x, n)`` as dplyr has it: the first groups are one larger where sizes cannot be equal."""
    n = int(evaluation.constant(needed(call, "n"), "the number of groups"))
    column, values = _values(evaluation, call)
    codes, count = _groups(evaluation, call)
    known = ~np.isnan(values) & (codes >= 0)
    x, g = values[known], codes[known]
    place = _ranks(x, g, count, "ordinal").astype(np.int64) - 1
    sizes = np.bincount(g, minlength=count)
    _split_ties(evaluation, call, x, place + (np.cumsum(sizes) - sizes)[g], sizes, n)
    small, larger = (size[g] for size in np.divmod(sizes, n))
    edge = larger * (small + 1)
    tiles = np.where(place < edge, place // (small + 1), larger + (place - edge) // np.maximum(small, 1)) + 1
    found = np.full(values.shape, np.nan)
    found[known] = tiles
    return carry(found, column)


def _split_ties(evaluation: Evaluation, call: Call, x: Floats, place: Ints, sizes: Ints, n: int) -> None:
    """Say how many cuts part rows of equal value; ``place`` is that of all groups in a row."""
    ordered = np.empty(len(x))
    ordered[place] = x
    small, larger = np.divmod(sizes, n)
    starts, cuts = np.cumsum(sizes) - sizes, []
    for k in range(1, min(n, int(sizes.max(initial=0)))):
        edge = k * small + np.minimum(k, larger)
        cuts.append((starts + edge)[edge < sizes])
    at = np.concatenate([*cuts, np.empty(0, np.int64)])
    split = at[ordered[at - 1] == ordered[at]]
    if not split.size:
        return
    words, panel = write(call), evaluation.panel
    together = f"`{words.replace('ntile', 'quantile_group', 1)}` keeps equal values together"
    value = f"{ordered[split[0]]:.6g} for one"
    if panel.unit is None or panel.time is None:
        message = f"`{words}` parts rows of equal value, {value}, and no order says which"
        raise EvaluationError("ties", message, call.span, together)
    message = f"`{words}` parts rows of equal value at {split.size:,} cut{'s' if split.size > 1 else ''} ({value}) "
    evaluation.note("ties_split", f"{message}in the order of {panel.unit} and {panel.time}", call, together)


def _quantile_group(evaluation: Evaluation, call: Call) -> Column:
    """Cut at quantiles, intervals closed on the right: 1 + how many cut points lie below x."""
    n = int(evaluation.constant(needed(call, "n"), "the number of groups"))
    column, values = _values(evaluation, call)
    codes, count = _groups(evaluation, call)
    known = ~np.isnan(values) & (codes >= 0)
    found = np.where(known, 1.0, np.nan)
    ordered, sizes = _in_order(values[known], codes[known], count), _sizes(codes[known], count)
    at_share = _at_share_of(evaluation, call)
    for k in range(1, n):
        cut = at_share(ordered, sizes, k / n)
        found += values > (cut[0] if count == 1 else _spread(cut, codes))
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


# Along a unit's time


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
    """Return means of every n neighbours, with a second pass as in `_mean`."""
    mean = _window_sum(values, n) / n
    rest = sum((values[k : k + len(mean)] - mean for k in range(n)), np.zeros(len(mean))) / n
    return np.asarray(mean + np.where(np.isfinite(rest), rest, 0.0))


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
    "ave": _average,
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
    "cumsum": partial(_running, what=pl.col("x").cum_sum()),
    "cummax": partial(_running, what=pl.col("x").cum_max()),
    "roll_mean": partial(_window, statistic=_window_mean),
    "roll_sum": partial(_window, statistic=_window_sum),
    "roll_sd": partial(_window, statistic=_window_deviation),
    "growth": _growth,
    "interpolate": _interpolate,
    "carry_forward": _carry_forward,
}
