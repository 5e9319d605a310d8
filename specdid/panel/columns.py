"""Columns of evaluated values: numbers with NaN for missing, or text as codes into levels; cells as R prints them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from specdid._arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class Column:
    """One variable on the full panel.

    Attributes
    ----------
    numbers : (n,) float64 or None
        The values of a numeric or logical (0/1) column; NaN is missing.
    codes : (n,) int64 or None
        For text: the position in ``levels``, -1 where missing.
    levels : the distinct texts, sorted by code point.
    log0 : (n,) bool or None
        True where the value is missing because a log of a non-positive value was taken.
    kind : what the file held where that is neither number nor text
        ("date", or the name of a type that cannot be used), else "".
    odd : examples of the cells that kept an otherwise numeric column from being numeric.
    single : the file stores the numbers in single precision.
    """

    numbers: Floats | None = None
    codes: Ints | None = None
    levels: tuple[str, ...] = ()
    log0: Bools | None = None
    kind: str = ""
    odd: tuple[str, ...] = ()
    single: bool = False

    @property
    def is_text(self) -> bool:
        """Whether the values are texts."""
        return self.numbers is None

    @property
    def missing(self) -> Bools:
        """Where the value is missing, (n,) bool."""
        if self.numbers is not None:
            return np.asarray(np.isnan(self.numbers))
        return np.asarray(self._codes < 0)

    @property
    def _codes(self) -> Ints:
        assert self.codes is not None
        return self.codes

    def take(self, rows: Ints) -> Column:
        """Return the values at ``rows``; -1 gives a missing value."""
        absent = rows < 0
        log0 = None if self.log0 is None else self.log0[rows] & ~absent
        if self.numbers is None:
            return text(np.where(absent, -1, self._codes[rows]), self.levels)
        return number(np.where(absent, np.nan, self.numbers[rows]), log0)

    def in_order(self, order: Ints) -> Column:
        """Return the same column with its rows in another order; one that was not read stays so."""
        if self.numbers is not None:
            return replace(number(self.numbers[order]), kind=self.kind, odd=self.odd, single=self.single)
        return text(self._codes[order], self.levels, self.kind, self.odd) if self._codes.size else self

    def broadcast(self, n_rows: int) -> Column:
        """Return the column with a single value repeated on ``n_rows`` rows."""
        values = self._codes if self.numbers is None else self.numbers
        if values.ndim:
            return self
        if self.numbers is None:
            return text(np.full(n_rows, values), self.levels)
        log0 = None if self.log0 is None else np.full(n_rows, self.log0)
        return number(np.full(n_rows, values), log0)


def number(values: Floats, log0: Bools | None = None) -> Column:
    """Make a read-only numeric column; a log0 mask without a True is left out."""
    values = np.asarray(values, dtype=np.float64)
    values.setflags(write=False)
    if log0 is None or not log0.any():
        return Column(values)
    log0.setflags(write=False)
    return Column(values, log0=log0)


def text(codes: Ints, levels: tuple[str, ...], kind: str = "", odd: tuple[str, ...] = ()) -> Column:
    """Make a read-only text column of codes into sorted ``levels``."""
    codes = np.asarray(codes, dtype=np.int64)
    codes.setflags(write=False)
    return Column(codes=codes, levels=levels, kind=kind, odd=odd)


UNREAD = text(np.empty(0, dtype=np.int64), (), kind="a column that was not read")
"""Stands for a column of the file that the study does not mention."""


def merge_levels(columns: Sequence[Column]) -> tuple[tuple[str, ...], list[Ints]]:
    """Put text columns on common levels; gives the levels and each column's codes."""
    levels = tuple(sorted({level for column in columns for level in column.levels}))
    place = {level: i for i, level in enumerate(levels)}
    recoded = []
    for column in columns:
        table = np.array([*(place[level] for level in column.levels), -1], dtype=np.int64)
        recoded.append(table[column._codes])
    return levels, recoded


def rank(column: Column) -> tuple[Ints, int]:
    """Code a column's values from 0 in sorted order, -1 where missing; gives also how many levels occur."""
    if column.numbers is None:
        return compact(column._codes)
    known = ~np.isnan(column.numbers)
    whole = bool(known.all())
    small, count = _ranked(column.numbers if whole else column.numbers[known])
    if whole:
        return small, count
    codes = np.full(column.numbers.shape, -1, dtype=np.int64)
    codes[known] = small
    return codes, count


def _ranked(values: Floats) -> tuple[Ints, int]:
    """Code known values in sorted order; whole numbers close to each other without sorting them."""
    if not values.size:
        return np.zeros(0, dtype=np.int64), 0
    low, high = values.min(), values.max()
    if np.isfinite(low) and np.isfinite(high) and high - low < 10 * values.size:
        above = values - low
        whole = above.astype(np.int64)
        if (whole == above).all() and low == np.floor(low):
            return compact(whole)
    levels, inverse = np.unique(values, return_inverse=True)
    return inverse.reshape(-1), len(levels)


def compact(codes: Ints) -> tuple[Ints, int]:
    """Renumber non-negative codes without gaps, keeping their order and -1."""
    top = int(codes.max(initial=-1)) + 1
    if top > 10 * codes.size + 1000:
        levels, inverse = np.unique(codes, return_inverse=True)
        gap = int(levels[0] < 0)
        return inverse.reshape(-1) - gap, len(levels) - gap
    present = np.zeros(top + 1, dtype=bool)
    present[codes] = True
    present[top] = False
    if present[:top].all() and codes.min(initial=0) >= 0:
        return codes, top
    table = np.cumsum(present) - 1
    table[top] = -1
    return table[codes], int(present.sum())


def join_codes(parts: Sequence[tuple[Ints, int]]) -> tuple[Ints, int]:
    """Code the combinations of several codings that occur, in the order of the first, then the second.

    Missing (-1) in any of them is missing. Codes stay below 2^63 as every step is compacted.
    """
    codes, count = parts[0]
    for other, size in parts[1:]:
        joint = np.where((codes < 0) | (other < 0), -1, codes * max(size, 1) + other)
        codes, count = compact(joint)
    return codes, count


def cell_text(column: Column, row: int) -> str:
    """Write one cell as R prints it: whole numbers without a point, missing as NA."""
    if column.numbers is None:
        assert column.codes is not None
        code = int(column.codes[row])
        return column.levels[code] if code >= 0 else "NA"
    return number_text(float(column.numbers[row]))


def listed_rows(rows: Ints) -> str:
    """Write the places of rows below the headings, the first three of many."""
    shown = ", ".join(f"{row + 1:,}" for row in rows[:3])
    more = f" and {rows.size - 3:,} more" if rows.size > 3 else ""
    return f"row{'s' * (rows.size > 1)} {shown}{more}"


def footer(columns: Mapping[str, Column], missing: Bools) -> str | None:
    """Say that rows without a key look like a table's footer: the last of the file, with one filled cell at most."""
    rows = np.flatnonzero(missing)
    if not rows.size or rows[0] + rows.size != missing.size:
        return None
    gaps = [(c, c.missing) for c in columns.values()]
    read = [(c, ~gap[rows]) for c, gap in gaps if len(gap) == missing.size]
    if len(read) < 2:
        return None
    filled = np.sum([known for _, known in read], axis=0)
    if filled.max() > 1:
        return None
    text = ""
    if filled.any():
        first = int(np.argmax(filled))
        text = next(cell_text(c, int(rows[first])) for c, known in read if known[first])
    alone = " and nothing else" if len(read) == len(columns) else ""  # columns that nobody mentions are not read
    held = f"holds “{text[:60]}{'…' * (len(text) > 60)}”{alone}" if text else "is empty"
    line = format(rows[0] + 2, ",")
    place = f"{listed_rows(rows[:1])} below the headings (line {line} where these are the first)"
    return f"{place} {held}: a footer or note? delete {'it' if rows.size == 1 else 'it and the rows after it'}"


def number_text(value: float) -> str:
    """Write a number in the fewest digits (15 at most), whole ones without a point."""
    if value != value:
        return "NA"
    if value in (float("inf"), float("-inf")):
        return "Inf" if value > 0 else "-Inf"
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.15g}"
