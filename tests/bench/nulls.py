"""The nulls against one pf.feols fit: 999 draws of a specification, common sample and listwise.

Run as ``python tests/bench/nulls.py [--quick]``.
"""

from __future__ import annotations

import dataclasses
from time import perf_counter

import _bench
import numpy as np
from _panels import EFFECTS, make_members, make_panel, make_problem
from _reference import formula, mean_seconds
from specdid.engine.problem import Members, Problem
from specdid.inference import wild
from specdid.inference._batches import draw_batches
from specdid.inference._partialled_out import draw_simple
from specdid.inference._wild_draws import draw_part
from specdid.inference.wild import gather, slice_batches

DRAWS = 999
SETS = tuple(EFFECTS)


def wild_seconds(problem: Problem, members: Members, cluster: np.ndarray) -> float:
    """Seconds a specification of the wild null takes, once libraries are loaded (as of the fit beside it)."""
    shared = (problem, members, {}, cluster, wild.cluster_signs(cluster, DRAWS, 1))
    draw_part(shared, slice_batches(draw_batches(problem, members), len(members))[0][-8:])
    began = perf_counter()
    slices, size = slice_batches(draw_batches(problem, members), len(members))
    for part in gather(slices, list(range(len(slices))), size):
        draw_part(shared, [slices[k] for k in part])
    return (perf_counter() - began) / len(members)


def permutation_seconds(problem: Problem, members: Members, cluster: np.ndarray) -> float:
    """Seconds a specification of the permutation null takes; treatment paths moved across cities."""
    treatment = int(members.treatment[0])
    values = problem.values[:, treatment].reshape(int(cluster.max()) + 1, -1)
    rng = np.random.default_rng(2)
    moved = np.empty((len(cluster), DRAWS + 1))
    for b in range(DRAWS + 1):
        moved[:, b] = values[rng.permutation(len(values))].ravel() if b else values.ravel()
    began = perf_counter()
    draw_simple(problem, members, {}, {treatment: moved})
    return (perf_counter() - began) / len(members)


def measure(title: str, missing: float, sets: tuple[str, ...], bars: tuple[float, float]) -> list[list[object]]:
    panel = make_panel(controls=4 if _bench.quick() else 8, missing=missing)
    problem = make_problem(panel, tuple(EFFECTS[e] for e in sets))
    members = make_members(panel, len(sets))
    if missing:
        rng = np.random.default_rng(3)
        members = members.take(np.sort(rng.choice(len(members), min(256, len(members)), replace=False)))
        # paths are whole: a treatment with gaps would be estimated anew
        values = problem.values.copy(order="F")
        full = make_problem(make_panel(controls=panel.n_controls), (EFFECTS[sets[0]],)).values
        values[:, members.treatment[0]] = full[:, members.treatment[0]]
        problem = dataclasses.replace(problem, values=values)
    cluster = problem.codes[:, problem.vcovs[0].clusters[0]]
    picked = np.linspace(0, len(members) - 1, 16).astype(int)
    fit = mean_seconds(panel, [formula(panel, members, s, sets) for s in picked], {"CRV1": "city"})
    rows = []
    for name, seconds, bar in (
        ("wild", wild_seconds(problem, members, cluster), bars[0]),
        ("permutation", permutation_seconds(problem, members, cluster), bars[1]),
    ):
        share = seconds / fit
        met = "yes" if share <= bar else "NO"
        rows.append([f"{name}, {title}", len(members), seconds * 1e3, fit * 1e3, share, bar, met])
    return rows


if __name__ == "__main__":
    header = ["null", "specifications", "999 draws, ms each", "pf.feols, ms", "share of a fit", "bar", "met"]
    rows = measure("common sample", 0.0, SETS, (1 / 20, 1 / 15))
    rows += measure("3% missing, listwise", 0.03, SETS, (1 / 10, 1.5))
    _bench.report("nulls", "999 draws of a specification against one pf.feols fit", header, rows)
