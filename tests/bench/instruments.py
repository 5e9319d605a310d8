"""Coverage of Anderson-Rubin sets and of Wald intervals, by the strength and number of instruments.

    python tests/bench/instruments.py --replications 4000 > tests/bench/results/instruments.md

40 clusters of 12 rows, errors with a part that the cluster shares, a treatment that shares them (correlation about .7),
an effect of .5; one member of the engine a draw, errors clustered.
"""

from __future__ import annotations

import argparse

import numpy as np
from specdid._arrays import Floats
from specdid.engine.problem import Effects, Members, Problem, Vcov

CLUSTERS, EACH, EFFECT = 40, 12, 0.5
DESIGNS = ((1, 0.0), (1, 0.06), (1, 0.15), (1, 0.6), (3, 0.0), (3, 0.06), (3, 0.3), (8, 0.1))
"""Instruments, and the coefficient of each in the first stage."""


def draw(rng: np.random.Generator, instruments: int, strength: float) -> Floats:
    """Outcome, treatment and instruments of one draw, as columns."""
    group, n = np.repeat(np.arange(CLUSTERS), EACH), CLUSTERS * EACH
    z = rng.normal(size=(n, instruments)) + 0.5 * rng.normal(size=(CLUSTERS, instruments))[group]
    common = rng.normal(size=n) + 0.7 * rng.normal(size=CLUSTERS)[group]
    d = strength * z.sum(axis=1) + common + 0.7 * rng.normal(size=n)
    return np.column_stack([EFFECT * d + common + 0.7 * rng.normal(size=n), d, z])


def covered(instruments: int, strength: float, replications: int, seed: int) -> tuple[float, float, float, float]:
    """The mean effective F, the shares of sets and intervals that hold the effect, and of sets without a bound."""
    rng = np.random.default_rng([seed, instruments, int(1000 * strength)])
    size = 2 + instruments
    values = np.hstack([draw(rng, instruments, strength) for _ in range(replications)])
    at, none = np.arange(replications), np.full(replications, -1)
    sets = tuple(tuple(range(r * size + 2, (r + 1) * size)) for r in at.tolist())
    members = Members(
        at, at * size, at * size + 1, np.zeros(replications + 1, np.int64), np.zeros(0, np.int64), np.zeros_like(at),
        np.zeros_like(at), none, none, none, (), at, sets,
    )  # fmt: skip
    codes = np.repeat(np.arange(CLUSTERS), EACH)[:, None]
    rows = np.ones((1, len(values)), bool)
    labels = tuple(f"x{k}" for k in range(values.shape[1]))
    vcovs = (Vcov("cluster", (0,)),)
    problem = Problem(np.asfortranarray(values), codes, rows, None, labels, ("g",), (Effects(),), vcovs, -1, 0.05)
    fits = run_extra(problem, members)
    low, high, gap, end = (fits[f"ar_{n}"] for n in ("low", "high", "gap_low", "gap_high"))
    inside = ~(low > EFFECT) & ~(high < EFFECT) & ~((gap < EFFECT) & (end > EFFECT)) & (fits["ar_intervals"] > 0)
    wald = (fits["conf_low"] <= EFFECT) & (fits["conf_high"] >= EFFECT)
    open_ = (fits["ar_intervals"] > 0) & (np.isnan(low) | np.isnan(high))
    return float(fits["effective_f"].mean()), float(inside.mean()), float(wald.mean()), float(open_.mean())


def run_extra(problem: Problem, members: Members) -> dict[str, Floats]:
    """Estimate, with the columns of instruments, which `execute.run` has no place for."""
    from specdid.engine.execute import run_parts
    from specdid.engine.instruments import STATISTICS

    found = {name: np.full(len(members), np.nan) for name in (*STATISTICS, "conf_low", "conf_high")}
    for at, part in run_parts(problem, members):
        for name, column in part.extra.items():
            found[name][at] = column
        found["conf_low"][at], found["conf_high"][at] = part.conf_low[:, 0], part.conf_high[:, 0]
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replications", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(f"# Instruments: coverage at a nominal .95, {given.replications:,} draws a design\n")
    print("| instruments | coefficient of each | mean effective F | Anderson-Rubin | Wald | sets without a bound |")
    print("|--:|--:|--:|--:|--:|--:|")
    for instruments, strength in DESIGNS:
        f, sets, wald, open_ = covered(instruments, strength, given.replications, given.seed)
        print(f"| {instruments} | {strength:g} | {f:.1f} | {sets:.3f} | {wald:.3f} | {open_:.3f} |")


if __name__ == "__main__":
    main()
