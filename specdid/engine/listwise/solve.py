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
