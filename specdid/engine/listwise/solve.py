"""Partialled-out regressions of many specifications from stacked moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specdid.engine.listwise.moments import Moments

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TRUSTED = 1e-5
"""Least share of a column's variation that the earlier ones may leave: below, the dense path decides."""
UNABSORBED = 1e-6
"""The same before and after the effects, where cancellation costs the digits."""
COLLINEAR = 1e-8
"""The same of its variation before the effects: the dense path drops a column below a tenth of this."""


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


def partial_out(net: Moments, share: Floats, controls: Ints, treatment: Ints, outcome: Ints) -> Partial:
    """Regress, for each mask m, outcome[m] on treatment[m] and controls[:, m].

    Parameters
    ----------
    net : moments of k columns under M masks
    share : (k,), part of the columns' variance that the effects leave
    controls : (c, M) int64, columns; k where a specification has fewer
    """
    k, n_masks = net.raw.shape
    each = np.arange(n_masks)
    system, given = _gather(net.within, np.vstack([controls, treatment, outcome]))
    size = len(system)
    before = np.vstack([net.raw, np.ones(n_masks)])[given, each]
    least = COLLINEAR * before / np.append(np.maximum(share, 1e-30), 1.0)[given]
    left = np.einsum("qqm->qm", system).copy()
    doubtful = ~(left > UNABSORBED * before).all(0)
    for step in range(size - 2):
        pivot = system[step, step]
        doubtful |= ~(pivot > np.maximum(TRUSTED * left[step], least[step]))
        factor = system[step, step + 1 :] / np.where(pivot > 0, pivot, 1.0)
        system[step + 1 :, step + 1 :] -= factor[:, None] * system[step, None, step + 1 :]
        system[step, step + 1 :] = factor
    pivot = system[size - 2, size - 2]
    doubtful |= ~(pivot > np.maximum(TRUSTED * left[size - 2], least[size - 2]))
    estimate = system[size - 2, size - 1] / np.where(doubtful, 1.0, pivot)
    on_controls = _back(system, size - 2)
    d = np.zeros((k + 1, n_masks))
    e = np.zeros((k + 1, n_masks))
    for step in range(size - 2):
        d[given[step], each] = -on_controls[step, 0]
        e[given[step], each] = -(on_controls[step, 1] - estimate * on_controls[step, 0])
    d[treatment, each] = 1.0
    e[treatment, each] -= estimate
    e[outcome, each] = 1.0
    return Partial(d[:k], e[:k], estimate, doubtful)


def _gather(within: Floats, given: Ints) -> tuple[Floats, Ints]:
    """Pick each specification's own rows and columns; an absent control is a unit column of its own."""
    k, _, n_masks = within.shape
    padded = np.zeros((k + 1, k + 1, n_masks))
    padded[:k, :k] = within
    each = np.arange(n_masks)
    system = padded[given[:, None, :], given[None, :, :], each]
    absent = given == k
    steps, masks = np.nonzero(absent)
    system[steps, steps, masks] = 1.0
    return system, given


def _back(system: Floats, size: int) -> Floats:
    """Coefficients (size, 2, M) of treatment and outcome on the controls, from the scaled triangle."""
    coefficients = np.zeros((size, 2, system.shape[2]))
    for step in range(size - 1, -1, -1):
        coefficients[step] = system[step, size : size + 2]
        if step + 1 < size:
            below = system[step, step + 1 : size]
            coefficients[step] -= np.einsum("sm,scm->cm", below, coefficients[step + 1 :])
    return coefficients
