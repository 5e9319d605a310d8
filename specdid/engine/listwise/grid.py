"""Fixed effects laid out on a grid by connected component, and the columns and row masks of members on it.

Rows tie a level of the first effect to a level of the second; within a connected
component of that graph the normal equations of the second effect, after the first is
divided out, are a weighted graph Laplacian with one null direction per component.

Members with the same rows, fixed effects and weights share their columns, prepared once. Masks are of
many specifications at once; singletons are taken out on the counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Bools, Floats, Ints
from specdid.engine.demean import components, places, relevel

NULL_PIVOT = 1e-10
"""A pivot below this share of its level's weight closes a component."""
WEAK_PIVOT = 1e-6
"""Between the two a weak link and none look alike: the specification is solved elsewhere."""
SWEEPS = 6
"""Passes over the effects before the masks are known: they need not converge, they only save digits."""


@dataclass(frozen=True, slots=True)
class EffectGrid:
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


def make_grid(effects: tuple[Ints, ...], n: int) -> EffectGrid:
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
    blocks = components(first, int(first.max()) + 1, (second,), int(second.max()) + 1)
    sizes = [int(np.bincount(labels).max()) for labels in blocks]
    if sizes[0] < sizes[1]:
        first, second, blocks, sizes = second, first, blocks[::-1], sizes[::-1]
    at_first = blocks[0][first] * sizes[0] + places(blocks[0])[first]
    cell = at_first * sizes[1] + places(blocks[1])[second]
    return _with_slots(int(blocks[0].max()) + 1, sizes[0], sizes[1], cell, 2)


def _with_slots(n_blocks: int, n_first: int, n_second: int, cell: Ints, n_effects: int) -> EffectGrid:
    slot = places(cell)
    n_slots = int(slot.max()) + 1
    return EffectGrid(n_blocks, n_first, n_second, n_slots, cell * n_slots + slot, n_effects)


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


@dataclass(frozen=True, slots=True)
class ListwiseSample:
    """Columns on the g places of a grid, nearly free of the effects, at unit SD; missing cells are zero.

    Attributes
    ----------
    columns : (g, k) float64
    scale : (k,) float64
        A column times this is in its original units.
    share : (k,) float64
        Part of a column's variance that the effects leave.
    missing : (g, k + 1) float64
        1 where the cell is missing; the last column is 1 where the place holds no row.
    absorbed : (k,) bool
        Constant within the levels of an effect, hence dropped under every mask.
    grid : the effects
    weights : (g, 1) or None
    """

    columns: Floats
    scale: Floats
    share: Floats
    missing: Floats
    absorbed: Bools
    grid: EffectGrid
    weights: Floats | None


def make_sample(values: Floats, grid: EffectGrid, weights: Floats | None) -> ListwiseSample:
    """Prepare columns ``values`` (n, k; NaN or infinite is missing) of the rows that ``grid`` places."""
    k = values.shape[1]
    placed = np.full((grid.cells, k), np.nan)
    placed[grid.place] = values
    empty = np.ones((grid.cells, 1), dtype=bool)
    empty[grid.place] = False
    missing = ~np.isfinite(placed)
    columns, scale = _standardise(placed, missing)
    absorbed = _constant_within(columns, missing, grid)
    heavy = None if weights is None else np.zeros((grid.cells, 1))
    if heavy is not None:
        heavy[grid.place, 0] = weights
    _sweep(columns, missing, grid, heavy)
    spread = _spread(columns, missing)
    lost = np.hstack([missing, empty]).astype(np.float64)
    return ListwiseSample(columns / spread, scale * spread, spread**2, lost, absorbed, grid, heavy)


def _standardise(placed: Floats, missing: Bools) -> tuple[Floats, Floats]:
    """Centre and scale each column on its own rows; missing cells become zero."""
    count = np.maximum((~missing).sum(0), 1)
    columns = np.where(missing, 0.0, placed)
    # Twice: the first mean of a large, nearly constant column carries rounding of its own size.
    for _ in range(2):
        columns = np.where(missing, 0.0, columns - columns.sum(0) / count)
    largest = np.abs(columns).max(0, initial=0.0)
    largest[largest == 0] = 1.0
    columns /= largest
    spread = _spread(columns, missing)
    return columns / spread, largest * spread


def _spread(columns: Floats, missing: Bools) -> Floats:
    """Root mean square on a column's own rows, 1 for a column of zeros."""
    spread = np.sqrt(np.einsum("ij,ij->j", columns, columns) / np.maximum((~missing).sum(0), 1))
    return np.where(spread > 0, spread, 1.0)


def _constant_within(columns: Floats, missing: Bools, grid: EffectGrid) -> Bools:
    """Tell the columns that do not vary within the levels of some effect."""
    low = np.where(missing, np.inf, columns).reshape(*grid.shape, -1)
    high = np.where(missing, -np.inf, columns).reshape(*grid.shape, -1)
    absorbed = np.zeros(columns.shape[1], dtype=bool)
    for axes in within_axes(grid):
        absorbed |= ~(high.max(axes) > low.min(axes)).any((0, 1))
    return absorbed


def within_axes(grid: EffectGrid) -> tuple[tuple[int, int], ...]:
    """Axes of the grid along which the rows of a level lie, for each effect (the intercept, without any)."""
    return ((2, 3), (1, 3))[: max(grid.n_effects, 1)]


def _sweep(columns: Floats, missing: Bools, grid: EffectGrid, weights: Floats | None) -> None:
    """Take level means out of each column, on its own rows, in place."""
    here = (~missing).astype(np.float64)
    if weights is not None:
        here *= weights
    wide, heavy = columns.reshape(*grid.shape, -1), here.reshape(*grid.shape, -1)
    sides = within_axes(grid)
    totals = [np.maximum(heavy.sum(axes, keepdims=True), np.finfo(float).tiny) for axes in sides]
    for _ in range(SWEEPS if len(sides) > 1 else 1):
        for axes, total in zip(sides, totals, strict=True):
            wide -= (wide * heavy).sum(axes, keepdims=True) / total
    columns[missing] = 0.0


class Scratch:
    """Named work arrays: the pages of a fresh large array cost more than the sums that fill it."""

    __slots__ = ("_arrays",)

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[np.float64]] = {}

    def array(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return an array of this shape with arbitrary content; the next call by this name may reuse it."""
        size = math.prod(shape)
        kept = self._arrays.get(name)
        if kept is None or kept.size < size:
            kept = self._arrays[name] = np.empty(size)
        return kept[:size].reshape(shape)


def complete_rows(sample: ListwiseSample, needed: Floats, scratch: Scratch) -> Floats:
    """Tell the rows complete in every column that a specification needs.

    Parameters
    ----------
    needed : (k + 1, M) float64, 1 where the specification uses the column (always the last)

    Returns
    -------
    (g, M) float64, 1 for a row in the sample
    """
    mask = scratch.array("mask", (len(sample.missing), needed.shape[1]))
    np.matmul(sample.missing, needed, out=mask)
    return np.equal(mask, 0.0, out=mask, casting="unsafe")


def level_counts(grid: EffectGrid, mask: Floats) -> tuple[Floats, ...]:
    """Sum a mask by level of each effect: (blocks, levels, M), the first effect's and the second's."""
    return (first_sums(grid, mask), second_sums(grid, mask))[: grid.n_effects]


def first_sums(grid: EffectGrid, rows: Floats) -> Floats:
    """Sum rows (g, M) by level of the first effect: (blocks, levels, M)."""
    sums: Floats = rows.reshape(grid.n_blocks, grid.n_first, grid.n_second * grid.n_slots, -1).sum(2)
    return sums


def second_sums(grid: EffectGrid, rows: Floats) -> Floats:
    """Sum rows (g, M) by level of the second effect: (blocks, levels, M)."""
    sums: Floats = rows.reshape(*grid.shape, -1).sum((1, 3))
    return sums


def drop_singletons(grid: EffectGrid, mask: Floats) -> tuple[tuple[Floats, ...], Ints]:
    """Take out rows alone in a level of an effect until there are none, in place.

    Returns
    -------
    counts : rows left by level of each effect
    dropped : (M,) int64, rows taken out
    """
    counts = level_counts(grid, mask)
    dropped = np.zeros(mask.shape[1], dtype=np.int64)
    todo = np.arange(mask.shape[1])
    while counts:
        alone = np.logical_or.reduce([(count[..., todo] == 1).any((0, 1)) for count in counts])
        todo = todo[alone]
        if not len(todo):
            break
        part = mask[:, todo]
        cells = part.reshape(*grid.shape, -1)
        for axes, count in zip(within_axes(grid), counts, strict=True):
            cells *= np.expand_dims(count[..., todo] != 1, axes)
        dropped[todo] += (mask[:, todo].sum(0) - part.sum(0)).astype(np.int64)
        mask[:, todo] = part
        for count, fewer in zip(counts, level_counts(grid, part), strict=True):
            count[..., todo] = fewer
    return counts, dropped
