"""Second moments of many columns under many row masks at once, net of the fixed effects, and regressions from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specdid.engine.listwise.grid import EffectGrid, Scratch, eliminate, first_sums, second_sums
from specdid.engine.problem import Floats, Ints

ROW_BLOCK = 2048
"""Rows multiplied pairwise at a time, so that the products stay in cache."""
TRUSTED = 1e-5
"""Least share of a column's variation that the earlier ones may leave: below, `least_squares` decides."""
UNABSORBED = 1e-6
"""The same before and after the effects, where cancellation costs the digits."""
COLLINEAR = 1e-8
"""The same of its variation before the effects: `least_squares` drops a column below a tenth of this."""


@dataclass(frozen=True, slots=True)
class ListwiseMoments:
    """For k columns and M masks.

    Attributes
    ----------
    raw : (k, M), squares before the effects are taken out
    within : (k, k, M), products net of the effects
    first_inverse : (blocks, levels, M), one over the weight of each level of the first effect
    system, pivots : the second effect's triangle (b, b + k, blocks * M) and one over its pivots, or None
    doubtful : (M,) bool, masks whose second effect is hardly connected
    """

    raw: Floats
    within: Floats
    first_inverse: Floats
    system: Floats | None
    pivots: Floats | None
    doubtful: NDArray[np.bool_]

    @property
    def rank(self) -> Ints:
        """Return the rank of the effects' dummies under each mask, (M,)."""
        found = (self.first_inverse > 0).sum((0, 1))
        if self.pivots is None:
            return np.asarray(found)
        return np.asarray(found + (self.pivots > 0).reshape(-1, len(found)).sum(0))


def moments(grid: EffectGrid, columns: Floats, mask: Floats, scratch: Scratch) -> ListwiseMoments:
    """Compute the moments of ``columns`` (g, k) under ``mask`` (g, M), weights multiplied in."""
    n_masks, k = mask.shape[1], columns.shape[1]
    within = _products(columns, mask, scratch)
    raw = np.einsum("kkm->km", within).copy()
    by_mask = scratch.array("by mask", (n_masks, len(mask)))
    by_mask[:] = mask.T
    wide = _first_sums(grid, columns, by_mask, scratch)
    weight = first_sums(grid, mask)
    inverse = np.zeros_like(weight)
    np.divide(1.0, weight, out=inverse, where=weight > 0)
    wide *= np.sqrt(inverse).transpose(2, 0, 1)[..., None]
    within -= _squares(wide[..., -k:].reshape(n_masks, -1, k))
    if grid.n_effects < 2:
        return ListwiseMoments(raw, within, inverse, None, None, np.zeros(n_masks, dtype=bool))
    system, second = _second_system(grid, wide, columns, mask, scratch)
    pivots, doubtful = eliminate(system, second)
    _subtract_second(within, system, pivots, grid.n_blocks)
    doubt = np.asarray(doubtful.reshape(-1, n_masks).any(0))
    return ListwiseMoments(raw, within, inverse, system, pivots, doubt)


def _products(columns: Floats, mask: Floats, scratch: Scratch) -> Floats:
    """Sum pairwise products of columns under each mask: (k, k, M)."""
    k = columns.shape[1]
    left, right = np.triu_indices(k)
    total = np.zeros((len(left), mask.shape[1]))
    for start in range(0, len(columns), ROW_BLOCK):
        part = np.ascontiguousarray(columns[start : start + ROW_BLOCK].T)
        pairs = scratch.array("pairs", (len(left), part.shape[1]))
        place = 0
        for one in range(k):
            np.multiply(part[one], part[one:], out=pairs[place : place + k - one])
            place += k - one
        total += pairs @ mask[start : start + ROW_BLOCK]
    products = np.empty((k, k, mask.shape[1]))
    products[left, right] = total
    products[right, left] = total
    return products


def _first_sums(grid: EffectGrid, columns: Floats, by_mask: Floats, scratch: Scratch) -> Floats:
    """Sum columns by level of the first effect, after the weights of its cells where a second follows.

    Returns
    -------
    (M, blocks, levels, b + k), without the first b for one effect
    """
    n_masks, k = len(by_mask), columns.shape[1]
    b = grid.n_second if grid.n_effects == 2 else 0
    levels = grid.n_blocks * grid.n_first
    wide = scratch.array("by first", (n_masks, levels, b + k))
    if b:
        wide[..., :b] = by_mask.reshape(n_masks, levels, b, grid.n_slots).sum(3)
    rows = by_mask.reshape(n_masks, levels, -1)
    sums = np.matmul(rows.transpose(1, 0, 2), columns.reshape(levels, -1, k))
    wide[..., b:] = sums.transpose(1, 0, 2)
    return wide.reshape(n_masks, grid.n_blocks, grid.n_first, b + k)


def _squares(wide: Floats) -> Floats:
    """Sum products over the middle axis of (M, rows, k): (k, k, M)."""
    products: Floats = np.matmul(wide.transpose(0, 2, 1), wide).transpose(1, 2, 0)
    return products


def _second_system(
    grid: EffectGrid, wide: Floats, columns: Floats, mask: Floats, scratch: Scratch
) -> tuple[Floats, Floats]:
    """Set up the second effect net of the first, with the columns as right-hand sides."""
    n_masks, k = mask.shape[1], columns.shape[1]
    n_blocks, b = grid.n_blocks, grid.n_second
    crossed = np.matmul(wide[..., :b].transpose(0, 1, 3, 2), wide)
    rows = mask.reshape(*grid.shape, n_masks).transpose(0, 2, 1, 3, 4).reshape(n_blocks, b, -1, n_masks)
    across = columns.reshape(*grid.shape, k).transpose(0, 2, 4, 1, 3).reshape(n_blocks, b, k, -1)
    by_second = np.matmul(across, rows)
    weight = second_sums(grid, mask).transpose(1, 0, 2)
    system = scratch.array("system", (b, b + k, n_blocks, n_masks))
    np.negative(crossed.transpose(2, 3, 1, 0), out=system)
    system[:, b:] += by_second.transpose(1, 2, 0, 3)
    steps = np.arange(b)
    system[steps, steps] += weight
    return system.reshape(b, b + k, -1), weight.reshape(b, -1)


def _subtract_second(within: Floats, system: Floats, pivots: Floats, n_blocks: int) -> None:
    """Take the eliminated second effect out of the products."""
    b, k, n_masks = len(pivots), len(within), within.shape[2]
    reduced = system[:, b:] * np.sqrt(pivots)[:, None]
    wide = np.ascontiguousarray(reduced.reshape(b, k, n_blocks, n_masks).transpose(3, 0, 2, 1))
    within -= _squares(wide.reshape(n_masks, -1, k))


@dataclass(frozen=True, slots=True)
class Partial:
    """Treatment and outcome net of the controls, for M specifications over k columns.

    Attributes
    ----------
    treatment, residual : (k, M), coefficients on the columns: Z @ treatment is the treatment
        net of the controls, Z @ residual the regression's residual
    estimate : (M,), in the columns' units
    doubtful : (M,) bool, too ill-conditioned for moments
    """

    treatment: Floats
    residual: Floats
    estimate: Floats
    doubtful: NDArray[np.bool_]


def partial_out(net: ListwiseMoments, share: Floats, controls: Ints, treatment: Ints, outcome: Ints) -> Partial:
    """Regress, for each mask m, outcome[m] on treatment[m] and controls[:, m].

    Parameters
    ----------
    net : moments of k columns under M masks
    share : (k,), part of the columns' variance that the effects leave
    controls : (c, M) int64, columns; k where a specification has fewer
    """
    given = np.vstack([controls, treatment, outcome])
    system = _gather(net.within, given)
    each = np.arange(given.shape[1])
    before = np.vstack([net.raw, np.ones(len(each))])[given, each]
    kept = np.append(np.maximum(share, np.finfo(float).tiny), 1.0)[given]
    left = np.einsum("qqm->qm", system).copy()
    doubtful = ~(left > UNABSORBED * before).all(0)
    doubtful |= _eliminate(system, np.maximum(TRUSTED * left, COLLINEAR * before / kept))
    estimate = np.where(doubtful, 0.0, system[-2, -1])
    gamma = _back(system)
    on_treatment, on_outcome = np.zeros((2, *given.shape))
    on_treatment[:-2], on_treatment[-2] = -gamma[:, 0], 1.0
    on_outcome[:-2], on_outcome[-2], on_outcome[-1] = estimate * gamma[:, 0] - gamma[:, 1], -estimate, 1.0
    net_of = np.zeros((2, len(net.raw) + 1, len(each)))
    net_of[0, given, each] = np.where(doubtful, 0.0, on_treatment)
    net_of[1, given, each] = np.where(doubtful, 0.0, on_outcome)
    return Partial(net_of[0, :-1], net_of[1, :-1], estimate, doubtful)


def _gather(within: Floats, given: Ints) -> Floats:
    """Pick each specification's own rows and columns; an absent control is a unit column of its own."""
    k, _, n_masks = within.shape
    padded = np.zeros((k + 1, k + 1, n_masks))
    padded[:k, :k] = within
    system = padded[given[:, None, :], given[None, :, :], np.arange(n_masks)]
    steps, masks = np.nonzero(given == k)
    system[steps, steps, masks] = 1.0
    return np.asarray(system)


def _eliminate(system: Floats, least: Floats) -> NDArray[np.bool_]:
    """Eliminate all but the outcome in place, rows divided by their pivots; tell where one is too small."""
    doubtful = np.zeros(system.shape[2], dtype=bool)
    for step in range(len(system) - 1):
        pivot = system[step, step]
        trusted = pivot > least[step]
        doubtful |= ~trusted
        factor = system[step, step + 1 :] / np.where(trusted, pivot, 1.0)
        system[step + 1 :, step + 1 :] -= factor[:, None] * system[step, None, step + 1 :]
        system[step, step + 1 :] = factor
    return doubtful


def _back(system: Floats) -> Floats:
    """Coefficients (controls, 2, M) of treatment and outcome on the controls, from the triangle."""
    size = len(system) - 2
    gamma = np.zeros((size, 2, system.shape[2]))
    for step in range(size - 1, -1, -1):
        gamma[step] = system[step, size:]
        if step + 1 < size:
            gamma[step] -= np.einsum("sm,scm->cm", system[step, step + 1 : size], gamma[step + 1 :])
    return gamma
