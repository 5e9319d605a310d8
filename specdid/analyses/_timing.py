"""Timing placebos: the treatment moved some periods earlier, estimated before it really began."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from specdid.analyses._base import Bench, Cell, CellFit, Extra
from specdid.engine.problem import Floats, Ints
from specdid.inference._assignment import fill_path

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Timing:
    """When the units of a cell are treated.

    Attributes
    ----------
    first : (n,) float64, the unit's first treated period, inf for never treated units
    before : (n,) bool, rows of units not treated so far, in periods before the last adoption
    """

    first: Floats = field(repr=False)
    before: Bools = field(repr=False)

    def most(self, periods: Ints) -> int:
        """Give the most periods that a treatment can be moved with one left before it."""
        adopted = self.first[np.isfinite(self.first) & self.before]
        return int(adopted.max() - periods[self.before].min() - 1) if len(adopted) else 0


def timing(bench: Bench, cell: Cell) -> Timing:
    """Find when treatment begins; the panel must have units and periods."""
    units, periods = bench.panel.unit_codes, bench.periods
    assert units is not None
    assert periods is not None
    treated = bench.treatment(cell)
    on = np.isfinite(treated) & (treated != 0)
    by_unit = np.full(int(units.max()) + 1, np.inf)
    np.minimum.at(by_unit, units[on], periods[on].astype(np.float64))
    first = by_unit[units]
    sample = bench.in_sample(cell)
    adopted = first[sample & np.isfinite(first) & (first > periods.min())]
    last = adopted.max() if len(adopted) else -np.inf
    return Timing(first, sample & (periods < first) & (periods < last))


def fit_earlier(bench: Bench, cell: Cell, when: Timing, earlier: int) -> CellFit:
    """Estimate a cell with its treatment moved ``earlier`` periods ahead of time, untreated rows only."""
    units, periods = bench.panel.unit_codes, bench.periods
    assert units is not None
    assert periods is not None
    place = periods - periods.min()
    shape = (int(units.max()) + 1, int(place.max()) + 1)
    path = fill_path(bench.treatment(cell), units, place, shape)
    moved = path[units, np.minimum(place + earlier, shape[1] - 1)]
    label = f"treatment {earlier} earlier"
    return bench.fit(cell, treatment=Extra(label, moved), where=when.before)
