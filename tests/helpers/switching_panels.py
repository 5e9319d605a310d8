"""Random panels of treatments with several levels that switch on and off, with gaps and weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

CHOICES: tuple[dict[str, object], ...] = (
    {"effects": 3},
    {"effects": 2, "cluster": "state"},
    {"effects": 3, "weights": True, "normalized": True},
    {"effects": 3, "weights": True, "same_switchers": True, "cluster": "state"},
    {"effects": 2, "only_never_switchers": True},
)


def panel(seed: int) -> Mapping[str, np.ndarray]:
    """Return unit, state, t, d, y and w, with y missing where it is known all the same when a unit switches."""
    rng = np.random.default_rng(seed)
    units, periods = int(rng.integers(24, 60)), int(rng.integers(6, 10))
    levels = int(rng.integers(2, 5))
    d = np.zeros((units, periods))
    d[:, 0] = rng.integers(0, levels, units) * (rng.random(units) < 0.4)
    for t in range(1, periods):
        moves = rng.random(units) < 0.15
        d[:, t] = np.where(moves, rng.integers(0, levels, units), d[:, t - 1])
    y = rng.normal(size=units)[:, None] + 0.2 * np.arange(periods) + 0.7 * d + rng.normal(size=d.shape)
    gone = rng.random(d.shape) < (0.06 if seed % 2 else 0.0)
    away = (d != d[:, :1]).cumsum(axis=1) > 0
    first = np.take_along_axis(d, np.where(away.any(axis=1), away.argmax(axis=1), 0)[:, None], axis=1)
    still = np.pad(d[:, 1:] == d[:, :-1], ((0, 0), (1, 1)), constant_values=True)
    y[gone & still[:, 1:] & still[:, :-1] & (~away | (d == first))] = np.nan
    unit = np.repeat(np.arange(units), periods)
    return {
        "unit": unit,
        "state": unit // 4,
        "t": np.tile(np.arange(periods), units),
        "d": d.ravel(),
        "y": y.ravel(),
        "w": rng.uniform(0.3, 3.0, units * periods),
    }


def lacking(seed: int) -> Mapping[str, np.ndarray]:
    """Return such a panel with a fifth of the outcomes and some weights missing anywhere, and all treatments known."""
    found, rng = dict(panel(seed)), np.random.default_rng(1000 + seed)
    size = len(found["y"])
    found["y"] = np.where(rng.random(size) < 0.2, np.nan, found["y"])
    found["w"] = np.where(rng.random(size) < 0.03, np.nan, found["w"])
    return found
