"""The arrays that most of the code computes with, and columns and weights of a size whose squares are numbers.

Scaling by powers of two is exact: numbers of ordinary size keep every digit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
LARGE_POWER = 400
"""Powers of two beyond which a column's values are scaled before they are squared."""
ORDINARY = (2.0**-300, 2.0**300)
"""Standard deviations between which no value has such a power."""
HEAVY_POWER = 100
"""The same of weights, whose products are squared again."""


def standardised(values: Floats) -> tuple[Floats, Floats]:
    """Return columns about their means in standard deviations, (n, K) Fortran order, and these, (K,).

    A constant column stays 0, and its scale is 1.
    """
    columns = np.subtract(values, values.mean(axis=0), order="F")
    power = np.zeros(columns.shape[1], np.int64)
    spread = _root_mean_square(columns)
    if not ((spread > ORDINARY[0]) & (spread < ORDINARY[1])).all():
        power = np.frexp(np.maximum(columns.max(axis=0), -columns.min(axis=0)))[1]
        power = np.where(np.abs(power) > LARGE_POWER, power, 0)
        np.ldexp(columns, -power, out=columns)
        spread = _root_mean_square(columns)
    scale = np.where(spread > 0, spread, 1.0)
    columns /= scale
    return columns, np.ldexp(scale, power)


def _root_mean_square(columns: Floats) -> Floats:
    return np.asarray(np.sqrt(np.einsum("ij,ij->j", columns, columns) / len(columns)))


def extreme_power(values: Floats) -> int:
    """Return the exponent of two of the largest number where its square may be 0 or infinite, else 0."""
    power = int(np.frexp(np.abs(values[np.isfinite(values)]).max(initial=0.0))[1])
    return power if abs(power) > LARGE_POWER else 0


def unit_sized(values: Floats) -> tuple[Floats, int]:
    """Return numbers divided by a power of two that leaves the largest between 1 and 2, and its exponent."""
    largest = np.abs(values[np.isfinite(values)]).max(initial=0.0)
    power = int(np.frexp(largest)[1]) - 1 if largest > 0 else 0
    return (np.ldexp(values, -power), power) if power else (values, 0)


def ordinary_weights(weights: Floats) -> Floats:
    """Return analytic weights, whose unit is without effect, of a size whose powers are numbers."""
    power = int(np.frexp(weights.mean())[1])
    return np.ldexp(weights, -power) if abs(power) > HEAVY_POWER else weights
