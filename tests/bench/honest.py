"""Coverage of the robust sets of [honest] where parallel trends fail as far as they may.

Run as ``python tests/bench/honest.py [--replications N] [--quick]``. Seeded.

A panel has units with outcomes that are a difference in trends δ_t of the treated half, an effect of 0.4 in every
period after, and random walks with steps of variance 0.09 plus noise of variance 0.25. Estimates are differences of
means between treated and control of y_t − y_ref, with the covariance of independent units: least squares with dummies
by period, computed here. δ is: none; one change of 0.2 before and as much after in every period (M̄ = 1 holds with
equality); the same with all changes before alike; a line (M = 0 holds); a line that turns at adoption by 0.1.

Coverage is of the effect: by the interval under parallel trends (normal), by the set under relative magnitudes at M̄
and by that under smoothness at M, both the least bounds that hold. Sets are never to cover less than 95%, but for the
error of the simulation and of few units; where δ lies inside the bounds they cover more.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import _bench
import numpy as np
from specdid.analyses._honest_bounds import Estimates, RelativeMagnitudes, Smoothness

EFFECT, TREND, TURN, BEFORE, AFTER, SEED = 0.4, 0.2, 0.1, 4, 3, 18
HEADER = [
    "units", "difference in trends", "effect asked for", "M̄", "M", "replications", "parallel trends",
    "relative magnitudes", "smoothness", "mean length, relative magnitudes", "mean length, smoothness",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Design:
    """``trend`` (BEFORE + 1 + AFTER,) is δ by period; ``relative`` and ``slope`` are the least bounds that hold."""

    words: str
    trend: tuple[float, ...]
    relative: float
    slope: float


def designs() -> list[Design]:
    """Return δ by period, zero in the last before adoption."""
    time = np.arange(-BEFORE, AFTER + 1)
    later = np.maximum(time, 0)
    single = np.where(time < -1, -TREND, 0.0)
    saw = np.where(time < 0, TREND * (np.arange(len(time)) % 2), 0.0)
    return [
        Design("none", tuple(0.0 * time), 0.0, 0.0),
        Design("one change before, as much after", tuple(single + TREND * later), 1.0, TREND),
        Design("equal changes before, as much after", tuple(saw + TREND * later), 1.0, 2 * TREND),
        Design("a line", tuple(TREND * time), 1.0, 0.0),
        Design("a line that turns", tuple(TREND * time + TURN * later), 1.5, TURN),
    ]


def estimates(design: Design, units: int, weights: np.ndarray, rng: np.random.Generator) -> Estimates:
    """Draw a panel and give its event study."""
    periods = BEFORE + 1 + AFTER
    walk = np.cumsum(0.3 * rng.standard_normal((2 * units, periods)), axis=1)
    y = walk + 0.5 * rng.standard_normal((2 * units, periods))
    y[:units] += np.array(design.trend) + EFFECT * (np.arange(periods) > BEFORE)
    change = np.delete(y - y[:, [BEFORE]], BEFORE, axis=1)
    treated, control = change[:units], change[units:]
    beta = treated.mean(axis=0) - control.mean(axis=0)
    vcov = (np.cov(treated.T) + np.cov(control.T)) / units
    return Estimates(beta[:BEFORE], beta[BEFORE:], vcov, weights)


def covers(ends: tuple[float, float]) -> bool:
    """Tell whether a set holds the effect."""
    return ends[0] <= EFFECT <= ends[1]


def main(replications: int) -> None:
    """Replicate every design."""
    rows = []
    for units in (15, 100):
        for place, design in enumerate(designs()):
            for name, weights in (("first", np.eye(AFTER)[0]), ("average", np.full(AFTER, 1 / AFTER))):
                found = []
                for r in range(replications):
                    rng = np.random.default_rng([SEED, units, place, r])
                    one = estimates(design, units, weights, rng)
                    relative = RelativeMagnitudes(one).confidence_set(design.relative)
                    smooth = Smoothness(one).confidence_set(design.slope)
                    plain = abs(one.effect - EFFECT) <= 1.959964 * one.std_error
                    found.append((plain, covers(relative), covers(smooth), np.ptp(relative), np.ptp(smooth)))
                mean = np.array(found, float).mean(axis=0)
                rates, lengths = (f"{x:.3f}" for x in mean[:3]), (f"{x:.2f}" for x in mean[3:])
                bounds = (f"{design.relative:g}", f"{design.slope:g}")
                rows.append([2 * units, design.words, name, *bounds, replications, *rates, *lengths])
                print(rows[-1], flush=True)
    _bench.report("honest", "Coverage of robust sets at a nominal 95%", HEADER, rows)
    if not _bench.quick():
        assert __doc__ is not None
        page = _bench.RESULTS / "honest.md"
        note = f"The Monte Carlo standard error of .95 is {(0.0475 / replications) ** 0.5:.4f}."
        page.write_text("\n".join([page.read_text("utf-8"), __doc__.split("\n\n", 2)[2], note, ""]), "utf-8")


if __name__ == "__main__":
    asked = int(sys.argv[sys.argv.index("--replications") + 1]) if "--replications" in sys.argv else 500
    main(10 if _bench.quick() else asked)
