"""Units that are made of other units: totals, subtotals and averages, by their names and their numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._check.data import Data, leaves, uses
from specdid._check.values import MOST_NAMED, defined
from specdid._diagnostics import Fault, Origin, fault_at, first_few, many
from specdid.language import FUNCTIONS, LanguageError, bind, write
from specdid.language import parse as parse_expression
from specdid.language.scope import sources
from specdid.language.tree import Call, Name, Node, Text, walk
from specdid.panel.columns import Column, rank
from specdid.panel.operators import read_number


def check_total_units(data: Data) -> Iterator[Fault]:
    """Warn of a unit that is the total of the others, by what outcomes and controls are made of.

    Of those that are called totals, also where they are the sum of some others alone, or nearly.
    """
    units, periods = data.panel.unit_codes, data.panel.periods
    if units is None or periods is None or not len(units):
        return
    time = np.unique(periods, return_inverse=True)[1].reshape(-1)
    names: dict[str, None] = {}
    for use in uses(data.study):
        if use.role in ("outcome", "terms") and use.option is None:
            for node, _ in leaves(use.expression.tree, use.role):
                with suppress(LanguageError):
                    names |= dict.fromkeys(sorted(sources(bind(node, data.scope))))
    said: set[int] = set()
    over = _over_units(data)
    read = np.ones_like(data.sampled) if over else data.sampled
    values = {name: found for name in names if (found := _numbers(data.panel.columns.get(name))) is not None}
    for name, column in values.items():
        for unit, *counts in _totals(column, units, time, data.panel.unit_levels):
            if unit not in said and (read & (units == unit)).any():
                said.add(unit)
                yield _total(data, unit, name, counts, over)
    for pattern in (CALLED_TOTAL, CALLED_AVERAGE) if data.panel.columns[data.panel.unit or ""].is_text else ():
        called = [k for k, level in enumerate(data.panel.unit_levels) if pattern.fullmatch(level.strip())]
        called = [k for k in called if k not in said and (read & (units == k)).any()]
        if called:
            said.update(called)
            yield _called(data, called, pattern is CALLED_AVERAGE, over)
    with np.errstate(over="ignore", invalid="ignore"):  # sums beyond the largest number are equal to none
        made = [one for one in _made_of_others(data, values, time) if one.unit not in said]
    made = [one for one in made if (read & (units == one.unit)).any() and read[np.isin(units, one.others)].any()]
    if made:
        yield _subtotals(data, made, over)


def _numbers(column: Column | None) -> Floats | None:
    """Return a column's numbers, those that texts show too, as `parse_number` reads them."""
    if column is None or column.codes is None or not column.is_text:
        return None if column is None else column.numbers
    read = [read_number(level) for level in column.levels]
    if all(one is None for one in read):
        return None
    return np.array([*(np.nan if one is None else one for one in read), np.nan])[column.codes]


def _over_units(data: Data) -> Node | None:
    """Return a call that is of rows of several units, whatever the samples; none that names the unit itself."""
    trees = [e.tree for e, _ in defined(data)]
    for table in data.study.analyses:
        groups = table.values.get("groups")
        for condition in groups.values() if isinstance(groups, Mapping) else ():
            with suppress(LanguageError):
                trees.append(parse_expression(str(condition)))
    for tree in trees:
        for call in walk(tree):
            if isinstance(call, Call) and call.function in OVER_ROWS and Name(data.panel.unit or "") not in walk(call):
                return call
    return None


OVER_ROWS = frozenset(name for name, f in FUNCTIONS.items() if any(p.name == "by" for p in f.parameters))
"""Functions of the rows of a group, or of all."""


def _totals(values: Floats, units: Ints, time: Ints, levels: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Return the units that are half of the sum over all in the periods they are seen in, and in how many.

    But for rounding, and where others have a gap, whose sum is too small then; that is not so in most periods.

    So that no small counts meet by chance there are two others or more that are not 0, periods are three or more, or
    its name says that it is a total, and its values are not all the same.
    """
    known = np.isfinite(values) & (values != 0) & (units >= 0)
    if not known.any():
        return
    x, of, when = values[known], units[known], time[known]
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.bincount(when, weights=x)[when]
        count = np.bincount(when)[when]
        off, fine = np.abs(2 * x - total), SUM * np.abs(total)
    partial = (count < count.max()) & (2 * x > total) if (x > 0).all() else np.zeros(len(x), dtype=bool)
    close = (off <= np.maximum(fine, ROUNDED * np.abs(x))) & (count > 2)
    seen, likely = (np.bincount(of, weights=w, minlength=len(levels)) for w in (None, close | partial))
    step = _step(x)
    for unit in np.flatnonzero((seen > 1) & (likely == seen)).tolist():
        mine = of == unit
        own = x[mine]
        rounded = max(step, _step(own))
        allowed = np.where(rounded <= ROUNDED * np.abs(own), np.maximum(rounded, fine[mine]), fine[mine])
        near = close[mine] & (off[mine] <= allowed)
        hits = int(near.sum())
        if not (near | partial[mine]).all() or 2 * hits < len(own):
            continue
        level = levels[unit].strip()
        called = CALLED_TOTAL.fullmatch(level) or level.casefold() in PERHAPS_TOTAL
        if called or (hits > 2 and len(np.unique(own)) > 1):
            yield unit, hits, len(own)


ROUNDED = 1e-3
"""Of a total, as a share of it, the step up to which it may be rounded."""
SUM = 1e-6
"""Relative distance up to which a number is the sum of others, which may be rounded."""
CALLED_TOTAL = re.compile(
    r"(?i)(.*[\s_:,(-])?(sub-?|grand\s)?totals?\)?|sub-?totals?[\s:,(].*|national|world|全国|全球|世界"
    r"|.*(合计|总计|小计|总和)[数值额]?([\s:：(（)）-].*)?"
)
"""Names of units that are the sum of others: Total, East total, World, 合计."""
CALLED_AVERAGE = re.compile(
    r"(?i)(.*[\s_:,(-])?(averages?|avg\.?|means?|medians?)\)?|(average|mean|median)(\sof\s|\s?[:,;(]).*"
    r"|.*(平均|均值|中位数)([值数]|水平)?([\s:：(（)）-].*)?"
)
"""Names of units that are the average of others: All counties (average), 全国平均; Mean Well is a firm."""
PERHAPS_TOTAL = frozenset({"all", "sum", "nation", "全部"})
"""Names that a total may have, and others too."""


def _total(data: Data, unit: int, name: str, periods: Sequence[int], over: Node | None) -> Fault:
    level, key = data.panel.unit_levels[unit], data.panel.unit or ""
    column = data.panel.columns[key]
    without = f"{write(Name(key))} != {write(Text(level)) if column.is_text else level}"
    hits, count = periods
    message = (
        f"the unit “{level}” is the total of the others: its `{name}` is their sum in all its {many(count, 'period')}"
    )
    if hits < count:
        message = (
            f"the unit “{level}” is the total of the others: its `{name}` is their sum in {hits:,} of its {count:,} "
            "periods, and some other is missing in the rest"
        )
    help = f"{_leave_out('its', without, over)}: it holds every other unit once more, the treated ones too"
    return fault_at(data.study.unit_origin or Origin(("study", "unit")), None, "total_unit", message, help, "warning")


def _leave_out(its: str, without: str, over: Node | None) -> str:
    """Say how rows are left out, also of what is computed over all rows of the file."""
    delete = f"delete {its} rows from the file"
    if over is None:
        return f"{delete}, or leave them out with `{without}` in [sample]"
    return f"{delete}; `{without}` in [sample] would leave them in `{write(over)}`, which is computed over all rows"


def _called(data: Data, called: Sequence[int], average: bool, over: Node | None) -> Fault:
    one = len(called) == 1
    shown = first_few([f"“{data.panel.unit_levels[k]}”" for k in called], MOST_NAMED)
    if average:
        message = f"the unit {shown} is called an average, which holds other units once more"
        if not one:
            message = f"the units {shown} are called averages, which hold other units once more"
    else:
        message = f"the unit {shown} is called a total, which holds other units once more"
        if not one:
            message = f"the units {shown} are called totals, which hold other units once more"
    help = (
        f"where {'it is' if one else 'they are'}, {_leave_out('its' if one else 'their', _without(data, called), over)}"
    )
    origin = data.study.unit_origin or Origin(("study", "unit"))
    return fault_at(origin, None, "total_unit", message, help, "warning")


def _without(data: Data, units: Iterable[int]) -> str:
    """Write the condition that leaves units out."""
    key = data.panel.unit or ""
    texts = data.panel.columns[key].is_text
    levels = [data.panel.unit_levels[k] for k in units]
    return " & ".join(f"{write(Name(key))} != {write(Text(level)) if texts else level}" for level in levels)


@dataclass(frozen=True, slots=True)
class _Made:
    """A unit that is the sum or the mean of others, and by which columns.

    That is so in ``hits`` of its ``periods``, and some of the others are missing in the rest; ``off`` is the largest
    share of the unit's number by which it is another one, where rounding does not explain that, else 0.
    """

    unit: int
    others: Ints
    mean: bool
    columns: tuple[str, ...]
    hits: int
    periods: int
    off: float


def _subtotals(data: Data, made: Sequence[_Made], over: Node | None) -> Fault:
    levels, told = data.panel.unit_levels, []
    for one in made:
        others = first_few([f"“{levels[k]}”" for k in one.others.tolist()], 2)
        by = " and ".join(f"`{name}`" for name in one.columns[:2])
        if one.mean:
            told.append(f"“{levels[one.unit]}” is the mean of {others} by {by}")
        elif one.hits < one.periods:
            told.append(
                f"“{levels[one.unit]}” is the sum of {others} by {by} in {one.hits:,} of its {one.periods:,} periods, "
                "and some are missing in the rest"
            )
        elif one.off:
            told.append(f"“{levels[one.unit]}” is the sum of {others} by {by} but for {100 * one.off:.2g}% at most")
        else:
            told.append(f"“{levels[one.unit]}” is the sum of {others} by {by}")
    message = f"units that are made of other units hold these once more: {first_few(told, 3)}"
    single = len(made) == 1
    help = _leave_out("its" if single else "their", _without(data, [one.unit for one in made]), over)
    help += "; sums that are less exact, or of units that do not stand together in the file, are not looked for"
    origin = data.study.unit_origin or Origin(("study", "unit"))
    return fault_at(origin, None, "total_unit", message, help, "warning")


MOST_IN_RUNS = 400
"""Units of which pairs, and those that stand next to each other in the file, are summed."""
MOST_NEAR = 3
"""Sums near a unit of which the nearest are looked at."""
REVISED = 1e-3
"""Share of a sum up to which a total that was revised may be another number, where chance cannot do that."""
MOST_SEARCHED = 2
"""Columns, outcomes first, in which such units are looked for; by the others they are confirmed."""
FINE = 4
"""Steps of a column's numbers in their standard deviation, below which a mean is soon met by chance."""
CHANCE = 5.0
"""Digits by which a sum has to be more exact than the best of all that are tried is by chance."""


def _made_of_others(data: Data, values: Mapping[str, Floats], time: Ints) -> list[_Made]:
    """Return units that are the sum or the mean of their group, of all others (the mean), or the sum of neighbours.

    The columns that group units are those that the study mentions. Neighbours stand next to each other in the file.
    """
    units = data.panel.unit_codes
    assert units is not None
    n, last = len(data.panel.unit_levels), int(time.max()) + 1
    tables: dict[str, tuple[Floats, float]] = {}
    for name, column in values.items():
        table = np.full((n, last), np.nan)
        table[units[units >= 0], time[units >= 0]] = column[units >= 0]
        step, known = _step(table), table[np.isfinite(table)]
        if known.size and known.std() > FINE * step:
            tables[name] = table, step
    groupings = [np.zeros(n, dtype=np.int64), *_groupings(data, units)]
    found: dict[int, _Made] = {}

    def keep(unit: int, others: Ints, mean: bool, tried: int) -> bool:
        made = None if unit in found else _evident(tables, unit, others, mean, tried)
        if made is not None:
            found[unit] = made
        return made is not None

    for table, step in islice(tables.values(), MOST_SEARCHED):
        for group in groupings:
            for unit, mean in _of_group(table, step, group):
                others = np.flatnonzero((group == group[unit]) & (np.arange(n) != unit))
                keep(unit, others, mean, n * len(groupings) * len(tables) * 2)
        if n > MOST_IN_RUNS:
            continue
        rows = data.panel.file_rows
        begin = np.full(n, len(units))
        np.minimum.at(begin, units[units >= 0], (np.arange(len(units)) if rows is None else rows)[units >= 0])
        order, parts = np.argsort(begin, kind="stable"), [np.empty(0, dtype=np.int64)]
        while parts:  # without the parts of a sum its whole stands next to those with which it makes up a larger one
            order = order[~np.isin(order, np.concatenate(parts))]
            parts = [others for unit, others in _of_some(table, step, order) if keep(unit, others, False, n**3)]
    return [found[unit] for unit in sorted(found)]


def _groupings(data: Data, units: Ints) -> Iterator[Ints]:
    """Return the columns of whole units that part them in two groups or more, as codes of units, -1 where missing."""
    n, known = len(data.panel.unit_levels), units >= 0
    for name, column in data.panel.columns.items():
        codes, count = column.codes, len(column.levels)
        if name in (data.panel.unit, data.panel.time) or (codes is None and n > MOST_IN_RUNS):
            continue
        if codes is None:
            codes, count = rank(column)
        if not codes.size or not 2 <= count <= n / 2:
            continue
        group = np.full(n, -1)
        group[units[known]] = codes[known]
        if (group[units[known]] == codes[known]).all():
            own = {level: k for k, level in enumerate(column.levels)}  # none of numbers
            named = [own.get(level, -1) for level in data.panel.unit_levels]
            yield np.where(np.array(named) >= 0, named, group)


def _of_group(table: Floats, step: float, group: Ints) -> Iterator[tuple[int, bool]]:
    """Return the units that may be the sum or mean of the others of their group; True: mean."""
    members = group >= 0
    known = np.isfinite(table) & members[:, None]
    x, at = np.where(known, table, 0.0), np.maximum(group, 0)
    total, count = np.zeros((int(at.max()) + 1, table.shape[1])), np.zeros((int(at.max()) + 1, table.shape[1]))
    np.add.at(total, at[members], x[members])
    np.add.at(count, at[members], known[members])
    rest, others = total[at] - x, count[at] - known
    high, low = np.full_like(total, -np.inf), np.full_like(total, np.inf)
    np.maximum.at(high, at[members], np.where(known, table, -np.inf)[members])
    np.minimum.at(low, at[members], np.where(known, table, np.inf)[members])
    differ = (high > low).sum(axis=1) > 1  # a number of the whole group is the mean of itself
    gap = others < others.max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        for mean in (False, True):
            whole = rest / others if mean else rest
            near = _near(x, whole, _rounding(step, others, mean), mean) & (others > 1)
            good = _holds(near, known, gap & (x > whole) & (not mean and (x >= 0).all())) & differ[at]
            for unit in np.flatnonzero(good).tolist():
                yield unit, mean


def _near(own: Floats, whole: Floats, rounding: Floats, mean: bool) -> Bools:
    """Say where a number may be a sum or mean."""
    return np.asarray(np.abs(own - whole) <= rounding + (SUM if mean else REVISED) * np.abs(whole))


def _holds(near: Bools, known: Bools, partial: Bools) -> Bools:
    """Say whether units are near a sum where they are known, but for less than half of the periods, with a gap."""
    hits = (near & known).sum(axis=-1)
    return np.asarray((near | ~known | partial).all(axis=-1) & (hits > 0) & (2 * hits >= known.sum(axis=-1)))


def _of_some(table: Floats, step: float, order: Ints) -> Iterator[tuple[int, Ints]]:
    """Return the units that may be the sum of two others, or of more that stand next to each other in ``order``."""
    known, n = np.isfinite(table[order]), len(order)
    x = np.where(known, table[order], 0.0)
    sums, gaps = (np.concatenate((np.zeros((1, x.shape[1])), v.cumsum(axis=0))) for v in (x, ~known))
    pairs = np.triu_indices(n, 1)
    positive, filled = bool((x >= 0).all()), known & (x != 0)
    units = np.flatnonzero(filled.sum(axis=1) > 1)
    anchors = np.argsort(-filled.sum(axis=0), kind="stable")[: 1 if known.all() else 2].tolist()
    for anchor in anchors:
        wanted = units[known[units, anchor]]
        wanted = wanted[np.argsort(x[wanted, anchor], kind="stable")]
        own = x[wanted, anchor]
        slack = _rounding(step, np.array(n), False) + 2 * REVISED * np.abs(own)
        for apart in (False, True):
            i, j = pairs
            here = x[i, anchor] + x[j, anchor] if apart else sums[j + 1, anchor] - sums[i, anchor]
            low, high = np.searchsorted(own + slack, here), np.searchsorted(own - slack, here, "right")
            several = np.maximum(high - low, 0)
            c = np.repeat(np.arange(len(here)), several)
            k = wanted[np.repeat(low, several) + np.arange(len(c)) - np.repeat(several.cumsum() - several, several)]
            fit = (k != i[c]) & (k != j[c]) & (j[c] > i[c] + 1) if apart else (k < i[c]) | (k > j[c])
            i, j, k = i[c[fit]], j[c[fit]], k[fit]
            if anchor != anchors[0]:  # what is known there has been looked at
                at = anchors[0]
                gap = ~(known[i, at] & known[j, at]) if apart else gaps[j + 1, at] > gaps[i, at]
                fit = gap | ~known[k, at]
                i, j, k = i[fit], j[fit], k[fit]
            hits, off = np.zeros(len(k)), np.zeros(len(k))
            rounding = _rounding(step, np.array(2) if apart else j - i + 1, False)
            for t in (anchor, *(t for t in range(x.shape[1]) if t != anchor)):
                whole = x[i, t] + x[j, t] if apart else sums[j + 1, t] - sums[i, t]
                gap = ~(known[i, t] & known[j, t]) if apart else gaps[j + 1, t] > gaps[i, t]
                near = known[k, t] & _near(x[k, t], whole, rounding, False)
                fit = near | ~known[k, t] | (gap & (x[k, t] > whole) & positive)
                hits += near
                off = np.where(near, np.maximum(off, np.abs(x[k, t] - whole)), off)
                i, j, k, hits, off = i[fit], j[fit], k[fit], hits[fit], off[fit]
                rounding = rounding if apart else rounding[fit]
            fit = np.flatnonzero(2 * hits >= known[k].sum(axis=1))
            fit = fit[np.lexsort((off[fit], k[fit]))]
            nth = np.arange(len(fit)) - np.searchsorted(k[fit], k[fit])
            for m in fit[nth < MOST_NEAR].tolist():
                yield int(order[k[m]]), order[[i[m], j[m]]] if apart else order[i[m] : j[m] + 1]


def _rounding(step: float, others: Floats | Ints, mean: bool) -> Floats:
    """Return how far a sum or mean may be from the rounded number that it is written as."""
    root = np.sqrt(np.maximum(others, 1))
    return np.asarray(step / 2 * (1 + (1 / root if mean else root)))


def _step(table: Floats) -> float:
    """Return what the numbers of a table are multiples of: 1, 0.1 and so on, 0 where they have many digits."""
    known = table[np.isfinite(table)]
    digits = (d for d in range(7) if np.allclose(known * 10**d, np.round(known * 10**d), rtol=1e-12, atol=1e-4))
    found = next(digits, None)
    return 0.0 if found is None else 10.0**-found


def _evident(
    tables: Mapping[str, tuple[Floats, float]], unit: int, others: Ints, mean: bool, tried: int
) -> _Made | None:
    """Return the unit as the sum or mean of others, where chance cannot do that.

    A period counts by how much further apart the others moved, other than in proportion or by the same step, than
    the number is from their sum or mean: units that move alike are a mean of each other for ever. If it is more than
    all that are seen in periods in which some of the others are missing, the other periods count, half of all or more.
    """
    columns: list[str] = []
    digits, hits, periods, far = 0.0, 0, 0, 0.0
    for name, (table, step) in tables.items():
        own, x = table[unit], table[others]
        seen, known = np.isfinite(x), np.isfinite(own)
        count = seen.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            whole = np.where(seen, x, 0.0).sum(axis=0) / (count if mean else 1)
        rounding = _rounding(step, np.array(len(others)), mean)
        near = known & (count > 1) & _near(own, whole, rounding, mean)
        gap = count < count.max()
        more = gap & (own > whole) & (not mean and not (x < 0).any())
        if not _holds(near, known, more):
            continue
        there = near if near.sum() == known.sum() else near & ~gap
        if 2 * there.sum() < known.sum():
            continue
        own, x, seen, whole = own[there], x[:, there], seen[:, there], whole[there]
        off = np.abs(own - whole)
        if not columns:
            hits, periods = len(own), int(known.sum())
        columns.append(name)
        moved = np.array([x[seen[:, 0], 0].std(), *(_apart(x[both, t - 1], x[both, t]) for t, both in _in_both(seen))])
        if (off > rounding + SUM * np.abs(whole)).any():
            far = max(far, float((off / np.maximum(np.abs(own), np.abs(whole))).max()))
            # Trends that are near each other once are so in all periods: what counts is how they turn.
            with np.errstate(invalid="ignore"):
                turns = np.nan_to_num(np.diff(x, n=2, axis=1))
            moved[2:] = np.minimum(moved[2:], np.sqrt(np.mean(turns**2, axis=0)))
        exact = np.maximum(max(step, 2 * off.max()), SUM * np.abs(whole))
        with np.errstate(divide="ignore", invalid="ignore"):
            digits += float(np.log10(np.maximum(1.0, 2.5 * moved / exact)).clip(max=3).sum())
    enough = digits > CHANCE + math.log10(tried)
    return _Made(unit, others, mean, tuple(columns), hits, periods, far) if enough else None


def _in_both(seen: Bools) -> Iterator[tuple[int, Bools]]:
    """Return each period but the first, and which units are seen in it and in the one before."""
    yield from ((t, seen[:, t - 1] & seen[:, t]) for t in range(1, seen.shape[1]))


def _apart(before: Floats, after: Floats) -> float:
    """Return how far units moved other than along a line through where they were; 0 of fewer than two."""
    if len(before) < 2:
        return 0.0
    steps = (after - before).std()
    total = before.sum()
    shares = float(np.sqrt(np.mean((after - before * after.sum() / total) ** 2))) if total else math.inf
    if len(before) < 4 or not before.std():
        return float(min(steps, shares))
    old, new = before - before.mean(), after - after.mean()
    return float((new - old * (old @ new) / (old @ old)).std())
