"""The panel: every column of the data, read-only, and how its rows hang together over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from specdid._study import Never
from specdid.panel.columns import Column, Flags, Floats, Ints
from specdid.panel.steps import StepError, period_numbers


@dataclass(frozen=True, slots=True)
class Panel:
    """The data of a study, in the order of the file's rows.

    Attributes
    ----------
    columns : name -> Column, in data order.
    n_rows : int
    unit, time : the names of the columns, None where the study declares none.
    step : how one period follows another (see ``steps``); None is whole numbers.
    sha256 : hex digest of the file, or of the columns of a frame in memory.
    path : the file, None for a frame in memory.
    name : the data as messages call them.
    unit_codes : (n,) int64 or None
        Units from 0 in sorted order.
    unit_levels : the units as text, by code.
    periods : (n,) int64 or None
        Period numbers; one step is 1.
    never : which cohorts mean never treated.
    sorted_rows, sorted_keys : (n,) int64 or None
        Rows by unit and period, and the keys they are sorted by (``order_rows``).
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
    sorted_rows: Ints | None = field(default=None, repr=False)
    sorted_keys: Ints | None = field(default=None, repr=False)

    def to_periods(self, values: Floats) -> Floats:
        """Give the periods of values written like the time column; inf and NaN stay.

        A value after the last one of the panel that is no period (999999) becomes inf.

        Raises
        ------
        StepError
            Where any other value is no period (201213 with months).
        """
        try:
            return period_numbers(values, self.step)
        except StepError:
            written = self.columns[self.time].numbers if self.time else None
            if written is None:
                raise
            return period_numbers(np.where(values > written.max(), np.inf, values), self.step)

    def shifted_rows(self, shift: int) -> Ints:
        """Give, for each row, the row of the same unit ``shift`` periods earlier, -1 where none.

        A panel with unit and time is required; ``shift`` may be negative (later).
        """
        assert self.unit_codes is not None
        assert self.periods is not None
        assert self.sorted_keys is not None
        assert self.sorted_rows is not None
        low, width = _span(self.periods)
        wanted = self.periods - low - shift
        key = self.unit_codes * width + wanted
        place = np.minimum(np.searchsorted(self.sorted_keys, key), self.n_rows - 1)
        found = (self.sorted_keys[place] == key) & (wanted >= 0) & (wanted < width)
        return np.where(found, self.sorted_rows[place], -1)


def _span(periods: Ints) -> tuple[int, int]:
    low = int(periods.min())
    return low, int(periods.max()) - low + 1


def order_rows(unit_codes: Ints, periods: Ints) -> tuple[Ints, Ints]:
    """Sort rows by unit and period; gives the order and the sorted keys (unit × span + period).

    Raises
    ------
    OverflowError
        Where periods span so much that a key has no room in 63 bits.
    """
    low, width = _span(periods)
    if (int(unit_codes.max()) + 1) * width >= 2**62:
        raise OverflowError(width)
    key = unit_codes * width + (periods - low)
    order = np.argsort(key, kind="stable")
    return order, key[order]


def repeated(keys: Ints) -> Flags:
    """Mark, among sorted keys, those equal to the one before."""
    same = np.zeros(len(keys), dtype=bool)
    same[1:] = keys[1:] == keys[:-1]
    return same
