"""Densities of estimates on a grid, by a histogram smoothed with a normal kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BINS = 400


def bandwidth(values: Floats) -> float:
    """Return Silverman's (1986, equation 3.31) bandwidth; 0 where all values are equal."""
    quartiles = np.quantile(values, [0.25, 0.75])
    spreads = [s for s in (float(np.std(values)), float(quartiles[1] - quartiles[0]) / 1.34) if s > 0]
    return 0.9 * min(spreads) * len(values) ** -0.2 if spreads else 0.0


def density(values: Floats, low: float, high: float, width: float) -> tuple[Floats, Floats]:
    """Return BINS points of [low, high] and the density of ``values`` there; its integral is 1."""
    edges = np.linspace(low, high, BINS + 1)
    step = edges[1] - edges[0]
    width = max(width, 1.5 * step)
    counts = np.histogram(values, edges)[0].astype(np.float64)
    reach = min(int(np.ceil(4 * width / step)), BINS // 2 - 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / width) ** 2)
    smooth = np.convolve(counts, kernel / kernel.sum(), mode="same")
    return (edges[1:] + edges[:-1]) / 2, smooth / (max(len(values), 1) * step)
