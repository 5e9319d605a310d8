"""Cells that do not go with what their unit has before and after: a thousand times it, a thousandth of it, or 0.

Or from which on all are a thousand times those before.

They are told where all the rest of the column is smooth, so that nothing else than another unit of measurement or a
missing value is likely: series that rise and fall by the hundred are left alone.
"""

from __future__ import annotations

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._diagnostics import many
from specdid.panel.columns import number_text

ALIKE = 2.0
"""Ratio up to which what a unit has before and after is alike."""
SMOOTH = 10.0
"""Ratio to its neighbours that no other cell may have."""
FEW = 0.02
"""Share of the cells that may be apart, if they are of several periods."""
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
    known = np.isfinite(v) & (v >= 0)
    if len(v) < 5 or not known[np.isfinite(v)].all():
        return ""
    at = np.arange(len(v))
    first, last = at - np.searchsorted(unit, unit), np.searchsorted(unit, unit, side="right") - 1 - at
    inner = np.minimum(first, last) > 0
    one = np.where(inner, at - 1, np.where(first == 0, at + 1, at - 1))  # at the ends the next two
    other = np.where(inner, at + 1, np.where(first == 0, at + 2, at - 2))
    whole = first + last > 1
    one, other = np.where(whole, one, at), np.where(whole, other, at)
    low, high = np.minimum(v[one], v[other]), np.maximum(v[one], v[other])
    with np.errstate(divide="ignore", invalid="ignore"):  # by logarithms, for there are numbers of 1e300
        judged = whole & known & (low > 0) & (high / ALIKE <= low)
        size = np.log10(v) - (np.log10(low) + np.log10(high)) / 2
    zero, thousand = judged & (v == 0), judged & (np.abs(np.abs(size) - 3) < 0.15)
    rest = judged & ~zero & ~thousand
    if not (zero | thousand).any():
        return _told_step(v, unit, periods[order], numbers[order])
    if rest.sum() < 2 * (zero | thousand).sum() or (np.abs(size[rest]) > np.log10(SMOOTH)).any():
        return ""
    if thousand.any() and not zero.any() and _rare(thousand, judged, periods[order]):
        row = _first(thousand, order)
        factor = 10 ** float(size[order == row][0])
        times = f"{factor:,.0f} times" if factor > 1 else f"a {1 / factor:,.0f}th of"
        return (
            f"in {many(int(thousand.sum()), 'row')} about {times} what the unit has next to it, "
            f"{number_text(float(values[row]))} in data row {numbers[row]:,}: where it is in another unit of "
            "measurement, correct it in the file"
        )
    large = zero & (low >= LARGE)
    if large.any() and not thousand.any() and (large == (known & (v == 0))).all() and _rare(large, judged, None):
        row = _first(large, order)
        return (
            f"0 in {many(int(large.sum()), 'row')}, the first data row {numbers[row]:,}, though its unit has "
            f"{number_text(LARGE)} and more next to it: if that means missing, derive ifelse({words} == 0, NA, {words})"
        )
    return ""


def _told_step(v: Floats, unit: Ints, periods: Ints, rows: Ints) -> str:
    """Say from which row on a unit has a thousand times what it had, or a thousandth, where all else is smooth.

    Parameters
    ----------
    v, unit, periods, rows : (n,), sorted by unit and period
    """
    there = np.flatnonzero(np.isfinite(v) & (v > 0))
    before, after = there[:-1], there[1:]
    pair = unit[before] == unit[after]
    before, after = before[pair], after[pair]
    size = np.log10(v[after]) - np.log10(v[before])
    step = np.abs(np.abs(size) - 3) < 0.15
    if not step.any() or (np.abs(size[~step]) > np.log10(SMOOTH)).any() or not _rare(step, step | True, periods[after]):
        return ""
    k = int(np.flatnonzero(step)[np.argmin(rows[after[step]])])
    factor = 10 ** abs(float(size[k]))
    times = f"{factor:,.0f} times" if size[k] > 0 else f"a {factor:,.0f}th of"
    first, then = (number_text(float(v[row[k]])) for row in (before, after))
    return (
        f"of {many(int(step.sum()), 'unit')} about {times} what it was from one period to the next, {then} behind "
        f"{first} in data row {rows[after[k]]:,}: where that is another unit of measurement, correct it in the file"
    )


def _rare(apart: Bools, judged: Bools, periods: Ints | None) -> bool:
    return bool(apart.sum() <= max(1, FEW * judged.sum())) or (
        periods is not None and len(np.unique(periods[apart])) == 1
    )


def _first(apart: Bools, order: Ints) -> int:
    return int(order[apart].min())
