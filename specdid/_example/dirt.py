"""The dirt of real statistical yearbooks: blanks, slips of the decimal point, zeros."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EMISSIONS = ("so2", "ww")
MISSING = {"so2": 0.01, "ww": 0.01, "trade": 0.03}
BLANK_CITIES = 8
SLIPS = 8  # cells multiplied by ten, and as many divided by ten, for each pollutant
ZEROS = 2


def add_dirt(
    rng: np.random.Generator, columns: dict[str, Floats], years: NDArray[np.int64]
) -> dict[str, Floats]:
    """Return dirty copies of columns of shape (cities, years); population stays whole."""
    out = {name: values.copy() for name, values in columns.items()}
    shape = out["so2"].shape
    for name in EMISSIONS:
        cells = rng.choice(shape[0] * shape[1], 2 * SLIPS + ZEROS, replace=False)
        flat = out[name].reshape(-1)
        flat[cells[:SLIPS]] *= 10
        flat[cells[SLIPS : 2 * SLIPS]] /= 10
        flat[cells[2 * SLIPS :]] = 0
        out[name] = np.round(out[name], 2)
    for name, share in MISSING.items():
        out[name][rng.random(shape) < share] = np.nan
    blank = np.ix_(rng.choice(shape[0], BLANK_CITIES, replace=False), np.flatnonzero(years <= 2006))
    for name, values in out.items():
        if name != "pop":
            values[blank] = np.nan
    return out
