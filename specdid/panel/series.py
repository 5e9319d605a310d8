"""Cells that do not go with what their unit has before and after: a thousand times it, a thousandth of it, or 0.

Or from which on all are a thousand times those before.

They are told where all the rest of the column is smooth, so that nothing else than another unit of measurement or a
missing value is likely: series that rise and fall by the hundred are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._diagnostics import many
from specdid.panel.columns import missing_codes, number_text

ALIKE = 2.0
"""Ratio up to which what a unit has before and after is alike."""
SMOOTH = 10.0
"""Ratio to its neighbours that no other cell may have."""
POWERS = (3, 4, 6, 8)
"""Of ten, by which units of measurement differ: thousand, 万, million, 亿."""
PERCENT = 2
"""The power by which percents and shares do: told of cells between others where nothing else doubles."""
NEAR = (0.15, 0.5)
"""How far the logarithm, to the base 10, of a jump may be from such a power: the least, and where all moves so much."""
FEW, FEW_BETWEEN = 0.02, 0.05
"""Share of the cells that may be apart, if they are of several periods: from which on all are, and others."""
LARGE = 100.0
"""Least value of neighbours beside which 0 is no small number."""


def told_jumps(words: str, values: Floats, codes: Ints, periods: Ints, rows: Ints | None = None) -> str:
    """Say which cells of a column do not go with their neighbours; "" where none or other cells do not, too.

    Parameters
    ----------
    words : the column as expressions write it
    codes, periods : (n,), of the rows
    rows : (n,), their numbers in the file, from 1; all in the order of the file without
    """
    numbers = np.arange(1, len(values) + 1) if rows is None else rows
    order = np.lexsort((periods, codes))
    v, unit = values[order], codes[order]
    there = np.flatnonzero(np.isfinite(v))
    if len(v) < 5 or (v[there] < 0).any():
        return ""
    before, after = there[:-1], there[1:]
    joined = (unit[before] == unit[after]) & (v[before] > 0) & (v[after] > 0)
    size = np.zeros(len(joined))  # by logarithms, for there are numbers of 1e300
    size[joined] = np.log10(v[after[joined]]) - np.log10(v[before[joined]])
    jump = np.abs(size) > np.log10(SMOOTH)
    if not jump.any():
        return _told_zeros(words, v, unit, numbers[order])
    when = periods[order][after[jump]]
    if jump.sum() > max(2, 2 * FEW_BETWEEN * len(v)) and len(np.unique(when)) > 2:
        return ""
    rest, power = float(np.abs(size[~jump]).max(initial=0)), np.round(np.abs(size))
    powers = POWERS if rest > np.log10(ALIKE) else (PERCENT, *POWERS)
    if not (np.isin(power, powers) & (np.abs(np.abs(size) - power) <= np.clip(rest, *NEAR)))[jump].all():
        return ""
    level = np.append(0, np.cumsum(np.sign(size) * jump))
    return _told_levels(v[there], unit[there], periods[order][there], numbers[order][there], level, ~joined)


def _told_levels(v: Floats, unit: Ints, periods: Ints, rows: Ints, level: Floats, apart: Bools) -> str:
    """Say which cells are in another unit of measurement than most next to them, and which units stay in another.

    Parameters
    ----------
    v, unit, periods, rows : of the cells that are known, by unit and period
    level : how many jumps up, less those down, stand before them
    apart : whether another unit or a 0 parts a cell from the next
    """
    cells: list[tuple[int, float]] = []
    steps: list[tuple[int, float]] = []
    for start, end, first, last in _runs(level, apart):
        between, one = first < start and end < last, end - start == 1
        if between or (one and last - first > 2):
            beside = [k for k in (start - 1, end) if first <= k < last]
            found = [(k, float(np.log10(v[k]) - np.log10(v[beside]).mean())) for k in range(start, end)]
            cells += found
        else:
            at = end if start == first else start
            found = [(at, float(np.log10(v[at]) - np.log10(v[at - 1])))]
            steps += found
        if not (between and one) and round(abs(found[0][1])) == PERCENT:
            return ""
    few = (FEW_BETWEEN, cells), (FEW, steps)
    if not all(len(f) <= max(1, s * len(v)) or len({periods[k] for k, _ in f}) == 1 for s, f in few):
        return ""
    if cells and {float(v[k]) for k, _ in cells} <= {code for code, _ in missing_codes(v)}:
        return ""
    told = []
    if cells:
        at, size = min(cells, key=lambda cell: rows[cell[0]])
        told.append(
            f"in {many(len(cells), 'row')} about {_times(size, cells)} what the unit has next to it, "
            f"{number_text(float(v[at]))} in data row {rows[at]:,}"
        )
    if steps:
        at, size = min(steps, key=lambda step: rows[step[0]])
        before, then = (number_text(float(v[k])) for k in (at - 1, at))
        n_units = len({unit[k] for k, _ in steps})
        told.append(
            f"of {many(n_units, 'unit')} about {_times(size, steps)} what it was from one period to "
            f"the next, {then} behind {before} in data row {rows[at]:,}"
        )
    return f"{' and '.join(told)}: where it is in another unit of measurement, correct it in the file"


def _runs(level: Floats, apart: Bools) -> Iterator[tuple[int, int, int, int]]:
    """Return where cells begin and end that have another level than most of those that stand together.

    Behind these stand where those that stand together begin and end.
    """
    bounds = np.concatenate([[0], np.flatnonzero(apart) + 1, [len(level)]])
    moved = np.flatnonzero(np.diff(level)) + 1
    for k in np.unique(np.searchsorted(bounds, moved, side="right")).tolist():
        first, last = int(bounds[k - 1]), int(bounds[k])
        own = level[first:last]
        levels, counts = np.unique(own, return_counts=True)
        usual = levels[np.argmax(counts)]
        starts = [first, *(np.flatnonzero(np.diff(own)) + first + 1).tolist(), last]
        yield from ((a, b, first, last) for a, b in pairwise(starts) if level[a] != usual)


def _times(size: float, found: Sequence[tuple[int, float]]) -> str:
    both = any(other * size < 0 for _, other in found)
    if size > 0:
        return f"{10**size:,.0f} times" + " (or such a part of)" * both
    return f"a {10**-size:,.0f}th of" + " (or so many times)" * both


def _told_zeros(words: str, v: Floats, unit: Ints, rows: Ints) -> str:
    """Say where 0 stands between large values of its unit that are alike; "" where other zeros do not.

    Parameters
    ----------
    v, unit, rows : (n,), by unit and period
    """
    zero, at = v == 0, np.arange(len(v))
    if not zero.any():
        return ""
    first, last = at - np.searchsorted(unit, unit), np.searchsorted(unit, unit, side="right") - 1 - at
    one = np.where(first == 0, at + 1, np.where(last == 0, at - 2, at - 1))  # at the ends the next two
    other = np.where(first == 0, at + 2, np.where(last == 0, at - 1, at + 1))
    whole = first + last > 1
    one, other = np.where(whole, one, at), np.where(whole, other, at)
    low, high = np.minimum(v[one], v[other]), np.maximum(v[one], v[other])
    judged = whole & np.isfinite(v) & (low > 0) & (high / ALIKE <= low)
    large = zero & judged & (low >= LARGE)
    if (large != zero).any() or (judged & ~zero).sum() < 2 * large.sum():
        return ""
    if large.sum() > max(1, FEW * judged.sum()):
        return ""
    row = int(rows[large].min())
    return (
        f"0 in {many(int(large.sum()), 'row')}, the first data row {row:,}, though its unit has {number_text(LARGE)} "
        f"and more next to it: if that means missing, derive ifelse({words} == 0, NA, {words})"
    )
