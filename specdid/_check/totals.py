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
    made = [one for one in made if (read & (units == one.unit)).any()]
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
    """A unit that is the sum or the mean of others in all its periods, and by which columns."""

    unit: int
    others: Ints
    mean: bool
    columns: tuple[str, ...]


def _subtotals(data: Data, made: Sequence[_Made], over: Node | None) -> Fault:
    levels, told = data.panel.unit_levels, []
    for one in made:
        others = first_few([f"“{levels[k]}”" for k in one.others.tolist()], 2)
        by = " and ".join(f"`{name}`" for name in one.columns[:2])
        if one.mean:
            told.append(f"“{levels[one.unit]}” is the mean of {others} by {by}")
        else:
            told.append(f"“{levels[one.unit]}” is the sum of {others} by {by}")
    message = f"units that are made of other units hold these once more, in all their periods: {first_few(told, 3)}"
    single = len(made) == 1
    help = _leave_out("its" if single else "their", _without(data, [one.unit for one in made]), over)
    origin = data.study.unit_origin or Origin(("study", "unit"))
    return fault_at(origin, None, "total_unit", message, help, "warning")


MOST_IN_RUNS = 400
"""Units of which those that stand next to each other in the file are summed."""
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
    for table, step in islice(tables.values(), MOST_SEARCHED):
        for at, group in enumerate(groupings):
            tried = n * len(groupings) * len(tables) * 2
            for unit, mean in _of_group(table, step, group, sums=at > 0):
                others = np.flatnonzero((group == group[unit]) & (np.arange(n) != unit))
                if unit not in found and (columns := _evident(tables, unit, others, mean, tried)):
                    found[unit] = _Made(unit, others, mean, columns)
        if n <= MOST_IN_RUNS:
            rows = data.panel.file_rows
            begin = np.full(n, len(units))
            np.minimum.at(begin, units[units >= 0], (np.arange(len(units)) if rows is None else rows)[units >= 0])
            order = np.argsort(begin, kind="stable")
            for unit, others in _of_neighbours(table, step, order):
                if unit not in found and (columns := _evident(tables, unit, others, False, n**3)):
                    found[unit] = _Made(unit, others, False, columns)
    return [found[unit] for unit in sorted(found)]


def _groupings(data: Data, units: Ints) -> Iterator[Ints]:
    """Return the columns of whole units that part them in two groups or more, as codes of units, -1 where missing."""
    n, known = len(data.panel.unit_levels), units >= 0
    for name, column in data.panel.columns.items():
        codes, levels = column.codes, column.levels
        if name in (data.panel.unit, data.panel.time) or (codes is None and n > MOST_IN_RUNS):
            continue
        if codes is None:
            codes, count = rank(column)
            levels = tuple(str(k) for k in range(count))
        if not codes.size or not 2 <= len(levels) <= n / 2:
            continue
        group = np.full(n, -1)
        group[units[known]] = codes[known]
        if (group[units[known]] == codes[known]).all():
            own = {level: k for k, level in enumerate(column.levels)}  # none of numbers
            named = [own.get(level, -1) for level in data.panel.unit_levels]
            yield np.where(np.array(named) >= 0, named, group)


def _of_group(table: Floats, step: float, group: Ints, sums: bool) -> Iterator[tuple[int, bool]]:
    """Return the units that are, wherever they are known, the sum or mean of the others of their group; True: mean."""
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
    enough = known.any(axis=1) & ((others > 1) | ~known).all(axis=1) & differ[at]
    with np.errstate(invalid="ignore", divide="ignore"):
        for mean in (False, True) if sums else (True,):
            whole = rest / others if mean else rest
            near = np.abs(x - whole) <= _rounding(step, others, mean) + SUM * np.abs(whole)
            for unit in np.flatnonzero(enough & (near | ~known).all(axis=1)).tolist():
                yield unit, mean


def _of_neighbours(table: Floats, step: float, order: Ints) -> Iterator[tuple[int, Ints]]:
    """Return the units that are the sum of two others or more that stand next to each other in ``order``."""
    x = np.nan_to_num(table[order], nan=0.0, posinf=0.0, neginf=0.0)
    n = len(x)
    sums = np.concatenate((np.zeros((1, x.shape[1])), x.cumsum(axis=0)))
    first = int(np.argmax((x != 0).sum(axis=0)))
    begin, end = sums[:, first], sums[:, first]
    allowed = _rounding(step, np.array(n), False)
    sorting = np.argsort(begin, kind="stable")
    for k in np.flatnonzero((x != 0).sum(axis=1) > 1).tolist():
        wanted = begin + x[k, first]
        slack = allowed + SUM * np.abs(x[k, first])
        low = np.searchsorted(end[sorting], wanted - slack)
        high = np.searchsorted(end[sorting], wanted + slack, side="right")
        for i in np.flatnonzero(high > low).tolist():
            for j in sorting[low[i] : high[i]].tolist():
                if j > i + 1 and not i <= k < j:
                    whole = sums[j] - sums[i]
                    if (np.abs(whole - x[k]) <= _rounding(step, np.array(j - i), False) + SUM * np.abs(whole)).all():
                        yield int(order[k]), order[i:j]


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
) -> tuple[str, ...]:
    """Return the columns in which a unit is the sum or mean of others, where chance cannot do that.

    A period counts by how much further apart the others moved, other than in proportion or by the same step, than
    the number is from their sum or mean: units that move alike are a mean of each other for ever.
    """
    digits, columns = 0.0, []
    for name, (table, step) in tables.items():
        own, x = table[unit], table[others]
        there = np.isfinite(own) & (np.isfinite(x).sum(axis=0) > 1)
        if not there.any() or (np.isfinite(own) & ~there).any():
            continue
        own, x = own[there], x[:, there]
        seen = np.isfinite(x)
        whole = np.where(seen, x, 0.0).sum(axis=0) / (seen.sum(axis=0) if mean else 1)
        off = np.abs(own - whole)
        if (off > _rounding(step, np.array(len(others)), mean) + SUM * np.abs(whole)).any():
            continue
        columns.append(name)
        moved = np.array([x[seen[:, 0], 0].std(), *(_apart(x[both, t - 1], x[both, t]) for t, both in _in_both(seen))])
        exact = np.maximum(max(step, 2 * off.max()), SUM * np.abs(whole))
        with np.errstate(divide="ignore", invalid="ignore"):
            digits += float(np.log10(np.maximum(1.0, 2.5 * moved / exact)).clip(max=3).sum())
    return tuple(columns) if digits > CHANCE + math.log10(tried) else ()


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
