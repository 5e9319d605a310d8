"""Fixed effects laid out on a grid by connected component: what makes a second effect cheap to eliminate.

Rows tie a level of the first effect to a level of the second; within a connected
component of that graph the normal equations of the second effect, after the first is
divided out, are a weighted graph Laplacian with one null direction per component.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specdid.engine.demean import relevel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NULL_PIVOT = 1e-10
"""A pivot below this share of its level's weight closes a component."""
WEAK_PIVOT = 1e-6
"""Between the two nobody can tell a weak link from none: the specification is solved elsewhere."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows placed at (component, level of the first effect, level of the second, slot), padded to one size.

    Slots number the rows of one cell; with one effect there is one second level, without
    any also one first level.

    Attributes
    ----------
    n_blocks, n_first, n_second, n_slots : the four sizes
    place : (n,) int64
        Each row's place on the flattened grid.
    n_effects : 0, 1 or 2
    """

    n_blocks: int
    n_first: int
    n_second: int
    n_slots: int
    place: Ints
    n_effects: int

    @property
    def cells(self) -> int:
        """Places on the grid."""
        return self.n_blocks * self.n_first * self.n_second * self.n_slots

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The four sizes."""
        return self.n_blocks, self.n_first, self.n_second, self.n_slots

    def levels(self) -> tuple[Ints, ...]:
        """Levels of each effect at each place: (cells,), those of the first, then of the second."""
        block, first, second, _ = np.unravel_index(np.arange(self.cells), self.shape)
        return (block * self.n_first + first, block * self.n_second + second)[: self.n_effects]


def make_grid(effects: tuple[Ints, ...], n: int) -> Grid:
    """Lay out n rows by none, one or two effects.

    Of two effects, the one with fewer levels per component takes the third axis: it is
    eliminated, the other divided out.

    Parameters
    ----------
    effects : arrays (n,) of int64
        Levels of each row, any non-negative codes.
    """
    if len(effects) < 2:
        first = relevel(effects[0]) if effects else np.zeros(n, dtype=np.int64)
        return _with_slots(1, int(first.max()) + 1, 1, first, len(effects))
    first, second = relevel(effects[0]), relevel(effects[1])
    blocks = _components(first, second)
    sizes = [int(np.bincount(labels).max()) for labels in blocks]
    if sizes[0] < sizes[1]:
        first, second, blocks, sizes = second, first, blocks[::-1], sizes[::-1]
    at_first = blocks[0][first] * sizes[0] + places(blocks[0])[first]
    cell = at_first * sizes[1] + places(blocks[1])[second]
    return _with_slots(int(blocks[0].max()) + 1, sizes[0], sizes[1], cell, 2)


def _with_slots(n_blocks: int, n_first: int, n_second: int, cell: Ints, n_effects: int) -> Grid:
    slot = places(cell)
    n_slots = int(slot.max()) + 1
    return Grid(n_blocks, n_first, n_second, n_slots, cell * n_slots + slot, n_effects)


def count_components(first: Ints, second: Ints) -> int:
    """Count the connected components of two effects, levels from 0 without gaps."""
    return int(_components(first, second)[0].max(initial=-1)) + 1


def _components(first: Ints, second: Ints) -> tuple[Ints, Ints]:
    """Return each level of either effect the number of its component."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    n_first, n_second = int(first.max()) + 1, int(second.max()) + 1
    size = n_first + n_second
    graph = csr_array((np.ones(len(first)), (first, second + n_first)), shape=(size, size))
    _, labels = connected_components(graph, directed=False)
    labels = labels.astype(np.int64)
    return labels[:n_first], labels[n_first:]


def places(labels: Ints) -> Ints:
    """Count, for each element, the earlier ones with its label."""
    order = np.argsort(labels, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(labels))])
    found = np.empty(len(labels), dtype=np.int64)
    found[order] = np.arange(len(labels)) - starts[labels[order]]
    return found


def eliminate(system: Floats, weight: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Reduce stacked Laplacians with their right-hand sides to upper triangles, in place.

    Rows without a pivot (levels that are not there, and the last level of each connected
    component: the null direction) get coefficient zero, which is one dropped level per
    component and, unlike a pseudo-inverse, keeps no null direction.

    Parameters
    ----------
    system : (b, b + k, N) float64
        Laplacian and right-hand sides for N problems.
    weight : (b, N) float64
        Each level's summed weight, to judge pivots by.

    Returns
    -------
    inverse : (b, N), one over the pivot, 0 for a row without one
    doubtful : (N,) bool, a pivot too small to be trusted and too large to be zero
    """
    size = len(system)
    inverse = np.zeros_like(weight)
    doubtful = np.zeros(weight.shape[1], dtype=bool)
    for level in range(size):
        pivot = system[level, level]
        kept = pivot > NULL_PIVOT * weight[level]
        doubtful |= kept & (pivot < WEAK_PIVOT * weight[level])
        np.divide(1.0, pivot, out=inverse[level], where=kept)
        pivot_row = system[level, level + 1 :]
        for below in range(level + 1, size):
            system[below, level + 1 :] -= (system[level, below] * inverse[level]) * pivot_row
    return inverse, doubtful


def back_substitute(system: Floats, inverse: Floats, right: Floats) -> Floats:
    """Solve the triangles that `eliminate` left for right-hand sides (b, r, N) already reduced."""
    size = len(inverse)
    solution = np.zeros_like(right)
    for level in range(size - 1, -1, -1):
        rest = right[level]
        if level + 1 < size:
            rest = rest - np.einsum("sn,srn->rn", system[level, level + 1 : size], solution[level + 1 :])
        solution[level] = rest * inverse[level]
    return solution
