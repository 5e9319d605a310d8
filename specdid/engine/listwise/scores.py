"""Rows of the treatment and of the residual, net of everything, and what they sum to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specdid.engine.effect_components import Grid, back_substitute
from specdid.engine.listwise.masks import first_sums
from specdid.engine.listwise.moments import Moments
from specdid.engine.listwise.sample import Sample
from specdid.engine.listwise.scratch import Scratch
from specdid.engine.listwise.solve import Partial

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scores:
    """What the rows of M regressions say.

    Attributes
    ----------
    score : (g, M), weight × treatment net of effects and controls × residual; 0 outside the mask
    treatment, residual : (M,), their (weighted) sums of squares
    estimate : (M,), refined on the rows
    """

    score: Floats
    treatment: Floats
    residual: Floats
    estimate: Floats


def scores(
    sample: Sample,
    columns: Floats,
    mask: Floats,
    weighted: Floats,
    net: Moments,
    fit: Partial,
    scratch: Scratch,
) -> Scores:
    """Form treatment and residual on the rows and take the effects out of them.

    The rows do not inherit the moments' cancellation: an error in the coefficients enters
    the sums of squares and the estimate squared.

    Parameters
    ----------
    mask, weighted : (g, M) float64, the rows used, without and with the weights
    """
    d, e = scratch.array("treatment", mask.shape), scratch.array("residual", mask.shape)
    spare = scratch.array("spare", mask.shape)
    second = _second_effect(sample.grid, net, fit) if net.system is not None else (None, None)
    for part, on_columns, effect in zip((d, e), (fit.treatment, fit.residual), second, strict=True):
        np.matmul(columns, on_columns, out=part)
        if effect is not None:
            cells = part.reshape(*sample.grid.shape, -1)
            cells -= effect[:, None, :, None]
        _take_first_out(sample.grid, part, weighted, net.first_inverse, spare)
    if sample.weights is None:
        d *= mask
        residual = _squares(e, np.multiply(e, mask, out=spare))
        squares, score = _squares(d, d), np.multiply(d, e, out=e)
    else:
        residual = _squares(e, np.multiply(e, weighted, out=spare))
        score = np.multiply(d, spare, out=e)
        squares = _squares(d, np.multiply(d, weighted, out=spare))
    safe = np.where(squares > 0, squares, 1.0)
    return Scores(score, squares, residual, fit.estimate + score.sum(0) / safe)


def _take_first_out(grid: Grid, part: Floats, weighted: Floats, inverse: Floats, spare: Floats) -> None:
    """Subtract the weighted mean of each level of the first effect, in place; rows outside are arbitrary."""
    total = first_sums(grid, np.multiply(part, weighted, out=spare))
    cells = part.reshape(grid.n_blocks, grid.n_first, grid.n_second * grid.n_slots, -1)
    cells -= (total * inverse)[:, :, None]


def _squares(one: Floats, two: Floats) -> Floats:
    sums: Floats = np.einsum("gm,gm->m", one, two)
    return sums


def _second_effect(grid: Grid, net: Moments, fit: Partial) -> Floats:
    """Coefficients of the second effect for the treatment and the residual: (2, blocks, levels, M)."""
    assert net.system is not None
    assert net.pivots is not None
    b, n_masks = len(net.pivots), len(fit.estimate)
    reduced = net.system[:, b:].reshape(b, -1, grid.n_blocks, n_masks)
    right = np.empty((b, 2, grid.n_blocks, n_masks))
    for place, coefficients in enumerate((fit.treatment, fit.residual)):
        np.einsum("bkcm,km->bcm", reduced, coefficients, out=right[:, place])
    solved = back_substitute(net.system, net.pivots, right.reshape(b, 2, -1))
    return np.ascontiguousarray(solved.reshape(b, 2, grid.n_blocks, n_masks).transpose(1, 2, 0, 3))
