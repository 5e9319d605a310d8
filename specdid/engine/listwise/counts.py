"""Units in each specification's rows: how many, and how many with treatment variation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid.engine.listwise.vcov import level_sums

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class UnitValues:
    """Distinct values of a treatment within units, on the places of a grid.

    ``pairs`` sums places by (unit, value), ``units`` and ``zeros`` sum pairs by unit: all
    of them, and those with value 0.
    """

    pairs: Any
    units: Any
    zeros: Any


def unit_values(unit: Ints, treatment: Floats, place: Ints, n_places: int) -> UnitValues:
    """Prepare the counts for rows at ``place`` (NaN: the row is in no mask that needs the treatment)."""
    from scipy.sparse import csr_array

    codes = np.unique(unit, return_inverse=True)[1].astype(np.int64)
    values, which = np.unique(treatment, return_inverse=True)
    found, pair = np.unique(codes * len(values) + which, return_inverse=True)
    owner, value = np.divmod(found, len(values))
    shape = (int(codes.max(initial=-1)) + 1, len(found))
    units = csr_array((np.ones(len(found)), (owner, np.arange(len(found)))), shape=shape)
    zeros = csr_array(((values[value] == 0).astype(np.float64), (owner, np.arange(len(found)))), shape=shape)
    return UnitValues(level_sums(pair.astype(np.int64), place, n_places), units, zeros)


def count_units(values: UnitValues, mask: Floats) -> Ints:
    """Count units, and those whose treatment varies, is always zero, or always one other value: (4, M)."""
    present = (values.pairs @ mask > 0).astype(np.float64)
    distinct = values.units @ present
    zero = values.zeros @ present > 0
    once = distinct == 1
    kinds = (distinct > 0, distinct > 1, once & zero, once & ~zero)
    return np.array([kind.sum(0) for kind in kinds], dtype=np.int64)
