"""Row masks of many specifications at once, singletons taken out on the counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from specdid.engine.effect_components import Grid
from specdid.engine.listwise.sample import Sample, within_axes
from specdid.engine.listwise.scratch import Scratch

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def complete_rows(sample: Sample, needed: Floats, scratch: Scratch) -> Floats:
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


def level_counts(grid: Grid, mask: Floats) -> tuple[Floats, ...]:
    """Sum a mask by level of each effect: (blocks, levels, M), the first effect's and the second's."""
    return (first_sums(grid, mask), second_sums(grid, mask))[: grid.n_effects]


def first_sums(grid: Grid, rows: Floats) -> Floats:
    """Sum rows (g, M) by level of the first effect: (blocks, levels, M)."""
    sums: Floats = rows.reshape(grid.n_blocks, grid.n_first, grid.n_second * grid.n_slots, -1).sum(2)
    return sums


def second_sums(grid: Grid, rows: Floats) -> Floats:
    """Sum rows (g, M) by level of the second effect: (blocks, levels, M)."""
    sums: Floats = rows.reshape(*grid.shape, -1).sum((1, 3))
    return sums


def drop_singletons(grid: Grid, mask: Floats) -> tuple[tuple[Floats, ...], Ints]:
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
