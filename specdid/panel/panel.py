"""The panel: every column of the data, read-only, and how its rows hang together over time.

Rows are in the order of units and periods, never in that of the file.

Sums of floating-point numbers depend on their order in the last digits, and ties in matching on
which row comes first. So rows are put in an order that is a function of what they hold: by unit
and period. Where these do not tell all rows apart (no unit, or no time), rows of one unit or
period follow a hash of their cells: an arbitrary order, which follows no variable's values and
is the same however the file is sorted. Rows that hold the same are interchangeable.

A cohort says when units are first treated; some of its values mean never treated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Bools, Floats, Ints
from specdid._hashing import spread, text_word
from specdid._study import Never
from specdid.panel.columns import Column
from specdid.panel.joined import SourceFile
from specdid.panel.operators import USABLE
from specdid.panel.times import StepError, period_numbers

Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Panel:
    """The data of a study, its rows by unit and period (see `order_rows`).

    Attributes
    ----------
    columns : name -> Column, in data order.
    n_rows : int
    unit, time : the names of the columns, None where the study declares none.
    step : how one period follows another (see ``panel.times``); None is whole numbers.
    sha256 : hex digest of the file, or of the columns of a frame in memory; of several files, of all and their joins.
    path : the study's own file, None for a frame in memory.
    name : the data as messages call them.
    files : what the columns come from: the study's own file or frame, then those that are joined.
    unit_codes : (n,) int64 or None
        Units from 0 in sorted order.
    unit_levels : the units as text, by code.
    periods : (n,) int64 or None
        Period numbers; one step is 1.
    never : which cohorts mean never treated.
    sorted_keys : (n,) int64 or None
        What rows are sorted by: unit × span + period, where there are both.
    file_rows : (n,) int64 or None
        Where each row stands in the file, from 0; None where it is the same place.
    """

    columns: Mapping[str, Column]
    n_rows: int
    unit: str | None = None
    time: str | None = None
    step: str | None = None
    sha256: str = ""
    path: Path | None = None
    name: str = "data"
    unit_codes: Ints | None = None
    unit_levels: tuple[str, ...] = ()
    periods: Ints | None = None
    never: Never = field(default_factory=Never)
    sorted_keys: Ints | None = field(default=None, repr=False)
    file_rows: Ints | None = field(default=None, repr=False)
    files: tuple[SourceFile, ...] = ()

    @property
    def names(self) -> str:
        """Name all files that the columns come from."""
        others = dict.fromkeys(file.name for file in self.files[1:] if file.option is None)
        joined = [name for name in others if name != self.name]
        return " and ".join([", ".join([self.name, *joined[:-1]]), *joined[-1:]])

    @property
    def accounts(self) -> tuple[str, ...]:
        """Say how each file was reshaped and joined."""
        reshaped = ((file.name.removesuffix(" (reshaped)"), file.layout) for file in self.files)
        found = [f"{name}: {layout.words}" for name, layout in reshaped if layout is not None]
        return (*found, *(file.account(self.n_rows) for file in self.files[1:]))

    def row_numbers(self, rows: Ints) -> Ints:
        """Return the numbers of rows in the file, from 1: how messages and written programs call them."""
        return (rows if self.file_rows is None else self.file_rows[rows]) + 1

    def row_number(self, row: int) -> int:
        """Return the number of one row in the file."""
        return int(self.row_numbers(np.array(row)))

    def to_periods(self, values: Floats) -> Floats:
        """Return the periods of values written like the time column; inf and NaN stay.

        A value after the last one of the panel that is no period (999999) becomes inf.

        Raises
        ------
        StepError
            Where any other value is no period (201213 with months).
        """
        written = self.columns[self.time].numbers if self.time else None
        if written is None or not len(written):
            return period_numbers(values, self.step)
        start = float(written.min())
        try:
            return period_numbers(values, self.step, start)
        except StepError:
            return period_numbers(np.where(values > written.max(), np.inf, values), self.step, start)

    def shifted_rows(self, shift: int) -> Ints:
        """Give, for each row, the row of the same unit ``shift`` periods earlier, -1 where none.

        A panel with unit and time is required; ``shift`` may be negative (later).
        """
        assert self.unit_codes is not None
        assert self.periods is not None
        assert self.sorted_keys is not None
        low, width = span(self.periods)
        wanted = self.periods - low - shift
        key = self.unit_codes * width + wanted
        place = np.minimum(np.searchsorted(self.sorted_keys, key), self.n_rows - 1)
        found = (self.sorted_keys[place] == key) & (wanted >= 0) & (wanted < width)
        return np.where(found, place, -1)


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


def repeated(keys: Ints) -> Bools:
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
        if column.kind in USABLE:  # others hold nothing that can be used
            words += spread(_cell_words(column) ^ np.uint64(_seed(name)))
    return np.lexsort((words,) if codes is None else (words, codes))


def _cell_words(column: Column) -> Words:
    """Return a word for each cell: the same for equal cells, and for all missing ones."""
    if column.numbers is not None:
        numbers = np.where(np.isnan(column.numbers), np.nan, column.numbers + 0.0)
        return spread(numbers.view(np.uint64))
    assert column.codes is not None
    table = np.array([*map(_seed, column.levels), 0], dtype=np.uint64)
    return np.asarray(table[column.codes])


def _seed(text: str) -> int:
    return text_word(text, "little")


def declared_never(panel: Panel, cohort: Floats) -> Bools:
    """Mark the rows whose cohort holds one of the values that [study] ``never`` declares."""
    found = np.isin(cohort, panel.never.values)
    return found | np.isnan(cohort) if panel.never.empty else found


def never_treated(panel: Panel, cohort: Floats) -> Bools:
    """Mark the rows of never treated units: the declared values, +inf, and after the last period.

    ``cohort`` (n,) is written as the time column is.
    """
    found = declared_never(panel, cohort)
    written = panel.columns[panel.time].numbers if panel.time is not None else None
    last = np.inf if written is None or not len(written) else written.max()
    return np.asarray(found | (cohort > last) | (cohort == np.inf))


def first_periods(panel: Panel, cohort: Floats) -> Floats:
    """Turn a cohort into the numbers of first treated periods, (n,); NaN is never treated.

    Raises
    ------
    StepError
        Where a value is neither a period nor one that means never treated.
    """
    first = np.full(panel.n_rows, np.nan)
    treated = ~(never_treated(panel, cohort) | np.isnan(cohort))
    first[treated] = panel.to_periods(cohort[treated])
    return first
