"""Estimators that are not linear on two workers against one: fepois and logit.

Workers and their imports are warm in both timings. Run as
``python tests/bench/nonlinear.py [--quick]``.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import _bench
import numpy as np
from _panels import EFFECTS, Panel, make_members, make_panel, make_problem
from specdid.engine.one_by_one import Method, OneByOneWork, fit_one_by_one

BAR = 1.7
COUNT, BINARY = 0, 1
"""The panel's outcomes, remade: a count for fepois, 0/1 for logit."""


def make_outcomes(panel: Panel) -> Panel:
    """Make the first outcome a Poisson count and the second one 0/1, with the same signal."""
    rng = np.random.default_rng(3)
    values = panel.values.copy()
    signal = np.clip(0.4 * values[:, :2], -3, 3)
    values[:, COUNT] = rng.poisson(np.exp(1.0 + signal[:, COUNT]))
    values[:, BINARY] = rng.random(len(values)) < 1 / (1 + np.exp(-signal[:, BINARY]))
    return replace(panel, values=values)


def make_work(estimator: str, outcome: int) -> OneByOneWork:
    """All control subsets of one outcome under city + year effects."""
    panel = make_outcomes(make_panel(controls=4 if _bench.quick() else 8))
    members = make_members(panel, 1)
    members = members.take(np.flatnonzero(members.outcome == outcome))
    none = np.full(len(members), -1, dtype=np.int64)
    problem = make_problem(panel, (EFFECTS["city + year"],))
    return OneByOneWork(problem, members, (Method(estimator, {}),), np.zeros(len(members), dtype=np.int64), none, -1)


def run(work: OneByOneWork, jobs: int, backend: str) -> np.ndarray:
    """Estimate all of ``work``; give the estimates."""
    return np.concatenate([fits.estimate for fits in fit_one_by_one(work, jobs, backend)])


def main() -> None:
    """Time both estimators, print and keep the table."""
    rows = []
    for estimator, outcome in (("fepois", COUNT), ("logit", BINARY)):
        work = make_work(estimator, outcome)
        if run(work, 1, "serial").tobytes() != run(work, 2, "loky").tobytes():
            raise RuntimeError(f"{estimator}: two workers give other numbers than one")
        one = _bench.seconds(partial(run, work, 1, "serial"))
        two = _bench.seconds(partial(run, work, 2, "loky"))
        met = "yes" if one / two >= BAR else "NO"
        rows.append([estimator, len(work.members), one, two, one / two, BAR, met])
    header = ["estimator", "specifications", "serial, s", "2 workers, s", "times faster", "bar", "met"]
    _bench.report("nonlinear", "Estimators that are not linear, on two workers", header, rows)


if __name__ == "__main__":
    main()
