"""The least-squares engine against pf.feols in a loop: common sample, listwise, 390-level second effect.

Run as ``python tests/bench/engine.py [--quick]``.
"""

from __future__ import annotations

import _bench
import numpy as np
from _panels import EFFECTS, make_members, make_panel, make_problem
from _reference import formula, largest_difference, mean_seconds
from specdid.engine import execute

CASES = (
    ("common sample, 4 fixed-effects sets", 0.0, tuple(EFFECTS), 1000.0),
    ("3% of each variable missing, listwise, 4 fixed-effects sets", 0.03, tuple(EFFECTS), 120.0),
    ("the same, city + province^year alone (390 levels)", 0.03, ("city + province^year",), 6.0),
)


def measure(title: str, missing: float, effects: tuple[str, ...], bar: float) -> list[object]:
    """Time one case: the engine on all specifications, pyfixest on a random few of them."""
    panel = make_panel(controls=6 if _bench.quick() else 8, missing=missing)
    problem = make_problem(panel, tuple(EFFECTS[e] for e in effects))
    members = make_members(panel, len(effects))
    fits = execute.run(problem, members)
    engine = _bench.seconds(lambda: execute.run(problem, members), 5) / len(members)
    rng = np.random.default_rng(64)
    picked = np.sort(rng.choice(len(members), 16 if _bench.quick() else 64, replace=False))
    formulas = [formula(panel, members, s, effects) for s in picked]
    vcov = {"CRV1": "city"}
    one = mean_seconds(panel, formulas, vcov)
    worst = largest_difference(panel, formulas, picked, fits, vcov)
    ratio = one / engine
    met = "yes" if ratio >= bar and worst < 1e-8 else "NO"
    return [title, len(members), engine * 1e6, one * 1e3, round(ratio), round(bar), worst, met]


if __name__ == "__main__":
    header = [
        "case",
        "specifications",
        "engine, µs each",
        "pf.feols, ms each",
        "times faster",
        "bar",
        "largest relative difference",
        "met",
    ]
    rows = [measure(*case) for case in CASES]
    _bench.report("engine", "Least squares: the engine against pf.feols", header, rows)
