"""Members gathered by what they share, and each gathering prepared and cut into chunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from specdid.engine.effect_components import Grid, make_grid
from specdid.engine.listwise.counts import UnitValues, unit_values
from specdid.engine.listwise.sample import Sample, make_sample
from specdid.engine.listwise.vcov import Clusters, make_clusters
from specdid.engine.model_identity import Words, row_words
from specdid.engine.problem import Floats, Ints, Members, Problem

CHUNK = 128
"""Masks at a time."""
CHUNK_CELLS = 2**23
"""Fewer where a mask over all rows is long: cells of one row array."""


@dataclass(frozen=True, slots=True)
class Group:
    """Members with the same rows, fixed effects and weights.

    Attributes
    ----------
    members : (m,) positions, by outcome, treatment and number of controls
    base : (n,) rows of the panel on which nothing but a model's own variables can be missing
    used : (k,) columns of Problem.values, those of ``sample.columns``
    sample, clusters : prepared on the grid
    units : for each column that is a treatment, its values within units (empty without units)
    log0 : (r, k + 1) float64 or None, 1 where a log of a non-positive value was taken
    n_sample : rows of the sample
    levels : (places, k) float64, columns in their own units, 0 where missing
    row_words : (places, 2) uint64, the rows' words of `signature`, 0 where there is none
    """

    members: Ints
    base: Ints
    used: Ints
    sample: Sample
    clusters: tuple[Clusters, ...]
    units: dict[int, UnitValues]
    log0: Floats | None
    n_sample: int
    levels: Floats
    row_words: Words


def group_keys(members: Members) -> list[tuple[tuple[int, int, int], Ints]]:
    """Gather positions by (rows, effects, weights), in the order of the keys."""
    keys = np.stack([members.rows, members.effects, members.weights], axis=1)
    distinct, which = np.unique(keys, axis=0, return_inverse=True)
    which = which.reshape(-1)
    return [((int(a), int(b), int(c)), np.flatnonzero(which == g)) for g, (a, b, c) in enumerate(distinct)]


def base_rows(problem: Problem, rows: int, effects: int, weights: int) -> Ints:
    """Find the rows of a sample on which the effects and weights are there."""
    keep = problem.rows[rows].copy()
    for code in problem.effects[effects].fixed:
        keep &= problem.codes[:, code] >= 0
    if weights >= 0:
        keep &= np.isfinite(problem.values[:, weights]) & (problem.values[:, weights] > 0)
    return np.flatnonzero(keep)


def lay_out(problem: Problem, base: Ints, effects: int) -> Grid:
    """Lay the base rows out by an option's fixed effects."""
    return make_grid(tuple(problem.codes[base, code] for code in problem.effects[effects].fixed), len(base))


def make_group(problem: Problem, members: Members, key: tuple[int, int, int], mine: Ints) -> Group:
    """Prepare a gathering of members, of which at least one row is left."""
    rows, effects, weights = key
    base = base_rows(problem, *key)
    grid = lay_out(problem, base, effects)
    spans = [members.controls[members.start[s] : members.start[s + 1]] for s in mine]
    extra = members.extra_rows[mine]
    alone = (members.outcome[mine], members.treatment[mine], extra[extra >= 0])
    used = np.unique(np.concatenate([*alone, *spans]))
    heavy = None if weights < 0 else problem.values[base, weights]
    values = problem.values[np.ix_(base, used)]
    sample = make_sample(values, grid, heavy)
    levels = np.zeros((grid.cells, len(used)))
    levels[grid.place] = np.where(np.isfinite(values), values, 0.0)
    clusters = tuple(make_clusters(v, tuple(problem.codes[base, c] for c in v.clusters), grid) for v in problem.vcovs)
    units = {}
    if problem.unit >= 0:
        unit = problem.codes[base, problem.unit]
        for column in np.unique(members.treatment[mine]):
            units[int(column)] = unit_values(unit, problem.values[base, column], grid.place, grid.cells)
    counts = np.diff(members.start)[mine]
    order = np.lexsort((mine, counts, members.treatment[mine], members.outcome[mine]))
    hashed = np.zeros((grid.cells, 2), dtype=np.uint64)
    hashed[grid.place] = row_words(len(problem.values))[base]
    n_sample = int(problem.rows[rows].sum())
    return Group(
        mine[order],
        base,
        used,
        sample,
        clusters,
        units,
        _log0(problem, key, used),
        n_sample,
        levels,
        hashed,
    )


def _log0(problem: Problem, key: tuple[int, int, int], used: Ints) -> Floats | None:
    """Mark the logs of non-positive values on the sample's rows that have any: (r, k + 1)."""
    if problem.log0 is None:
        return None
    rows, _, weights = key
    marked = problem.log0[problem.rows[rows]]
    last = marked[:, weights] if weights >= 0 else np.zeros(len(marked), dtype=bool)
    here = np.column_stack([marked[:, used], last])
    here = here[here.any(1)]
    return here.astype(np.float64) if len(here) else None


def chunks(group: Group) -> Iterator[Ints]:
    """Cut a group's members into runs small enough to hold a row array for each."""
    size = max(1, min(CHUNK, CHUNK_CELLS // group.sample.grid.cells))
    for start in range(0, len(group.members), size):
        yield group.members[start : start + size]
