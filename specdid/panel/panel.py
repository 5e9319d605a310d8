"""The panel: every column of the data, read-only, and how its rows hang together over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from specdid._study import Never
from specdid.panel.columns import Column, Floats, Ints
from specdid.panel.order import span
from specdid.panel.steps import StepError, period_numbers


@dataclass(frozen=True, slots=True)
class Panel:
    """The data of a study, its rows by unit and period (see ``order``).

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
