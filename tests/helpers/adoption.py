"""A small panel in which units adopt a treatment at two dates, with an outcome for every estimator."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from specdid import _plugins

VCOVS = ("unit", "state", "unit + t", "hetero", "iid")


def adoption_panel() -> pd.DataFrame:
    """60 units, 8 periods; a control in thousands (z) and one that is twice another; y, a count and a 0/1 outcome.

    The effect is 1 on y, .3 on the logarithm of the count.
    """
    return _panel().copy()  # hundreds of tests ask for it, and some write to it


@cache
def _panel() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"unit": np.repeat(np.arange(60.0), 8), "t": np.tile(np.arange(8.0), 60)})
    n, unit = len(frame), frame.unit.astype(int)
    frame["state"] = frame.unit // 6
    frame["cohort"] = np.select([frame.unit < 15, frame.unit < 30], [4.0, 6.0], np.nan)
    frame["d"] = (frame.t >= frame.cohort).astype(float)
    frame["x"] = rng.normal(size=n) + 0.1 * frame.t
    frame["z"] = 5000.0 + 1000.0 * rng.normal(size=n)
    frame["double"] = 2.0 * frame.x
    mean = frame.d + 0.5 * frame.x - 0.0003 * (frame.z - 5000.0)
    frame["y"] = mean + rng.normal(size=60)[unit] + rng.normal(size=n)
    frame["count"] = rng.poisson(np.exp(0.3 * frame.y)).astype(float)
    frame["large"] = 1e7 * frame["count"]
    frame["binary"] = (frame.y + rng.normal(size=n) > 0.5).astype(float)
    frame["w"] = rng.uniform(0.5, 2.0, n)
    return frame


def outcome_of(name: str) -> str:
    """Name the panel's first outcome that estimator ``name`` can have, by its own word."""
    unfit, panel = _plugins.load("estimators", name).unfit, adoption_panel()
    return next(c for c in ("y", "count", "binary") if unfit is None or not unfit(panel[c].to_numpy()))
