"""What members with the same rows, fixed effects and weights share, prepared once: columns on the grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specdid.engine.effect_components import Grid

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SWEEPS = 6
"""Passes over the effects before the masks are known: they need not converge, they only save digits."""


@dataclass(frozen=True, slots=True)
class Sample:
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
    grid: Grid
    weights: Floats | None


def make_sample(values: Floats, grid: Grid, weights: Floats | None) -> Sample:
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
    return Sample(columns / spread, scale * spread, spread**2, lost, absorbed, grid, heavy)


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


def _constant_within(columns: Floats, missing: Bools, grid: Grid) -> Bools:
    """Tell the columns that do not vary within the levels of some effect."""
    low = np.where(missing, np.inf, columns).reshape(*grid.shape, -1)
    high = np.where(missing, -np.inf, columns).reshape(*grid.shape, -1)
    absorbed = np.zeros(columns.shape[1], dtype=bool)
    for axes in within_axes(grid):
        absorbed |= ~(high.max(axes) > low.min(axes)).any((0, 1))
    return absorbed


def within_axes(grid: Grid) -> tuple[tuple[int, int], ...]:
    """Axes of the grid along which the rows of a level lie, for each effect (the intercept, without any)."""
    return ((2, 3), (1, 3))[: max(grid.n_effects, 1)]


def _sweep(columns: Floats, missing: Bools, grid: Grid, weights: Floats | None) -> None:
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
