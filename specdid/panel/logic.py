"""R's three-valued logic on floats: 0 is FALSE, NaN is NA, anything else TRUE."""

from __future__ import annotations

import numpy as np

from specdid.panel.columns import Floats


def both(a: Floats, b: Floats) -> Floats:
    """Give ``a & b``: FALSE where either is FALSE, else NA where either is NA."""
    false = (a == 0) | (b == 0)
    return np.where(false, 0.0, np.where(np.isnan(a) | np.isnan(b), np.nan, 1.0))


def either(a: Floats, b: Floats) -> Floats:
    """Give ``a | b``: TRUE where either is TRUE, else NA where either is NA."""
    na = np.isnan(a) | np.isnan(b)
    true = (~np.isnan(a) & (a != 0)) | (~np.isnan(b) & (b != 0))
    return np.where(true, 1.0, np.where(na, np.nan, 0.0))


def negation(a: Floats) -> Floats:
    """Give ``!a``: NA stays NA."""
    return np.where(np.isnan(a), np.nan, (a == 0).astype(np.float64))


def known(result: np.ndarray, missing: np.ndarray) -> Floats:
    """Turn a comparison's result to 0/1, NA where an operand is missing."""
    return np.where(missing, np.nan, result.astype(np.float64))
