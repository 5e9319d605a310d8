"""Units in the rows: how many, and how many with treatment variation."""

from __future__ import annotations

import numpy as np

from specdid.engine.problem import Floats, Ints


def count_units(unit: Ints, treatment: Floats) -> tuple[int, int, int, int]:
    """Count units, those whose treatment varies, is always zero, is always one other value.

    Parameters
    ----------
    unit : (n,) int64, levels without gaps
    treatment : (n,) float64
    """
    size = int(unit.max()) + 1
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(low, unit, treatment)
    np.maximum.at(high, unit, treatment)
    varies, zero = low != high, (low == 0) & (high == 0)
    return size, int(varies.sum()), int(zero.sum()), int((~varies & ~zero).sum())


def effective_rows(n: int, weights: Floats | None) -> float:
    """Return Kish's effective sample size, (Σw)² / Σw²."""
    if weights is None:
        return float(n)
    scaled = weights / weights.max()
    return float(scaled.sum() ** 2 / (scaled @ scaled))
