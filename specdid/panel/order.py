"""The order of the panel's rows: that of units and periods, never that of the file.

Sums of floating-point numbers depend on their order in the last digits, and ties in matching on
which row comes first. So rows are put in an order that is a function of what they hold: by unit
and period. Where these do not tell all rows apart (no unit, or no time), rows of one unit or
period follow a hash of their cells: an arbitrary order, which follows no variable's values and
is the same however the file is sorted. Rows that hold the same are interchangeable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from specdid._hashing import spread, text_word
from specdid.panel.columns import Column, Flags, Ints

Words = NDArray[np.uint64]


def order_rows(unit_codes: Ints, periods: Ints) -> tuple[Ints, Ints]:
    """Sort rows by unit and period; gives the order and the sorted keys (unit × span + period).

    Raises
    ------
    OverflowError
        Where periods span so much that a key has no room in 63 bits.
    """
    low, width = span(periods)
    if (int(unit_codes.max()) + 1) * width >= 2**62:
        raise OverflowError(width)
    key = unit_codes * width + (periods - low)
    order = np.argsort(key, kind="stable")
    return order, key[order]


def span(periods: Ints) -> tuple[int, int]:
    """Return the first period, and how many there are to the last."""
    low = int(periods.min())
    return low, int(periods.max()) - low + 1


def repeated(keys: Ints) -> Flags:
    """Mark, among sorted keys, those equal to the one before."""
    same = np.zeros(len(keys), dtype=bool)
    same[1:] = keys[1:] == keys[:-1]
    return same


def order_by_content(columns: Mapping[str, Column], names: Iterable[str], codes: Ints | None, n_rows: int) -> Ints:
    """Sort rows by ``codes`` (of units or periods) where there are any, then by a hash of their cells.

    Parameters
    ----------
    names : the columns that are hashed, in any order
    """
    words = np.zeros(n_rows, np.uint64)
    for name in names:
        column = columns[name]
        if not column.kind or column.kind == "date":  # others hold nothing that can be used
            words += spread(_cells(column) ^ np.uint64(_seed(name)))
    return np.lexsort((words,) if codes is None else (words, codes))


def _cells(column: Column) -> Words:
    """Return a word for each cell: the same for equal cells, and for all missing ones."""
    if column.numbers is not None:
        numbers = np.where(np.isnan(column.numbers), np.nan, column.numbers + 0.0)
        return spread(numbers.view(np.uint64))
    assert column.codes is not None
    table = np.array([*map(_seed, column.levels), 0], dtype=np.uint64)
    return np.asarray(table[column.codes])


def _seed(text: str) -> int:
    return text_word(text, "little")
