"""Partialled-out regressions of a chunk of specifications, from columns of R.

With S a specification's controls, D its treatment and y its outcome (columns of R):

    A = R_S'R_S,   γ = A⁻¹R_S'[R_D, R_y],   v = R_t − R_S γ,   γ += A⁻¹R_S'v     (one refinement)
    β = v_D·v_y / v_D·v_D,   e = v_y − β v_D,   RSS = e·e

A is eliminated for all specifications at once, specifications along the last axis. A
pivot is the share of a column's variation that the earlier ones leave; a column with less
than `Basis.least` is collinear and dropped. Pivots that A's rounding cannot decide, and
solutions it would cost digits, are taken from R_S itself, in extended precision.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specdid.engine.problem import Floats, Ints
from specdid.engine.qr_basis import Basis, project_out

Bools = NDArray[np.bool_]

EPS = float(np.finfo(np.float64).eps)
DOUBTFUL = 1e-7
"""A pivot below this is taken from the columns themselves, unless it clearly is none."""


@dataclass(frozen=True, slots=True)
class BasisRegressions:
    """M regressions in the units of the basis; r its rank.

    Attributes
    ----------
    treatment, residual : (r, M), v_D and e: Q times these are the rows
    squares, rss : (M,), v_D·v_D and e·e
    estimate : (M,), β
    kept : (q, M) bool, controls in the regression
    on_controls : (q, M), coefficients of the treatment on the controls
    """

    treatment: Floats
    residual: Floats
    squares: Floats
    rss: Floats
    estimate: Floats
    kept: Bools
    on_controls: Floats


@dataclass(frozen=True, slots=True)
class _Triangles:
    """A unit lower triangle and pivots for each specification; 0 where a column was dropped."""

    lower: Floats
    inverse: Floats
    doubtful: Bools

    def solve(self, right: Floats) -> Floats:
        """Solve A x = right for (q, t, M), overwriting it."""
        size = len(right)
        for j in range(size):
            right[j + 1 :] -= self.lower[j + 1 :, j, None] * right[j]
        right *= self.inverse[:, None]
        for j in range(size - 1, 0, -1):
            right[:j] -= self.lower[j, :j, None] * right[j]
        return right


def solve_chunk(basis: Basis, controls: Ints, treatment: Ints, outcome: Ints) -> BasisRegressions:
    """Regress outcome[m] on treatment[m] and controls[:, m] for each m.

    Parameters
    ----------
    controls : (q, M) int64, columns of the basis in written order, its last where there is none
    treatment, outcome : (M,) int64
    """
    each = np.arange(len(treatment))
    targets = np.stack([treatment, outcome])
    factor = _factorise(basis, controls)
    gamma = factor.solve(basis.gram[controls[:, None], targets])
    coefficients = np.zeros((basis.gram.shape[0], 2, len(each)))
    coefficients[controls[:, None], [[0], [1]], each] = -gamma
    coefficients[targets, [[0], [1]], each] += 1.0
    left = _times(basis.r, coefficients)
    correction = factor.solve(_times(basis.r.T, left)[controls[:, None], [[0], [1]], each])
    gamma += correction
    coefficients[controls[:, None], [[0], [1]], each] -= correction
    left = _times(basis.r, coefficients)
    kept = factor.inverse != 0
    for m in np.flatnonzero(factor.doubtful):
        kept[:, m], gamma[:, 0, m], left[:, :, m] = _by_qr(basis, controls[:, m], targets[:, m])
    return _regress(left, kept, np.ascontiguousarray(gamma[:, 0]))


def _times(matrix: Floats, stacked: Floats) -> Floats:
    return np.asarray((matrix @ stacked.reshape(len(stacked), -1)).reshape(len(matrix), *stacked.shape[1:]))


def _regress(left: Floats, kept: Bools, on_controls: Floats) -> BasisRegressions:
    """Regress the outcome's part that the controls leave on the treatment's."""
    d, y = np.ascontiguousarray(left[:, 0]), left[:, 1]
    squares = np.einsum("rm,rm->m", d, d)
    safe = np.where(squares > 0, squares, 1.0)
    estimate = np.einsum("rm,rm->m", d, y) / safe
    residual = y - estimate * d
    slip = np.einsum("rm,rm->m", d, residual) / safe
    residual -= slip * d
    return BasisRegressions(
        d, residual, squares, np.einsum("rm,rm->m", residual, residual), estimate + slip, kept, on_controls
    )


def _factorise(basis: Basis, controls: Ints) -> _Triangles:
    size = len(controls)
    system = basis.gram[controls[:, None], controls]
    least = basis.least[controls]
    known = basis.absorbed[controls]
    inverse = np.zeros(controls.shape)
    doubtful = np.zeros(controls.shape[1], dtype=bool)
    smallest = np.ones(controls.shape[1])
    for j in range(size):
        pivot = system[j, j]
        lost = (pivot < 0.25 * least[j]) & (0.25 * least[j] * smallest > 8 * EPS) | known[j]
        doubtful |= ~lost & (pivot < DOUBTFUL)
        inverse[j] = np.where(lost, 0.0, 1.0 / np.where(pivot > 0, pivot, 1.0))
        smallest = np.where(lost, smallest, np.minimum(smallest, pivot))
        row = system[j, j + 1 :].copy()
        system[j + 1 :, j] *= inverse[j]
        system[j + 1 :, j + 1 :] -= system[j + 1 :, None, j] * row
    return _Triangles(system, inverse, doubtful)


def _by_qr(basis: Basis, controls: Ints, targets: Ints) -> tuple[Bools, Floats, Floats]:
    """Decide and solve one specification by QR of the columns themselves.

    Returns
    -------
    kept : (q,), on_controls : (q,), left : (r, 2)
    """
    kept = independent(basis, controls)
    here = np.flatnonzero(kept)
    coefficients, left = project_out(basis.r[:, controls[here]], basis.r[:, targets])
    on_controls = np.zeros(len(controls))
    on_controls[here] = coefficients[:, 0]
    return kept, on_controls, left


def independent(basis: Basis, columns: Ints) -> Bools:
    """Tell which columns of the basis are no combination of the effects and of earlier ones kept.

    Parameters
    ----------
    columns : (q,) int64, places in the basis, in order

    Returns
    -------
    (q,) bool
    """
    kept = ~basis.absorbed[columns]
    while True:
        here = np.flatnonzero(kept)
        r = np.linalg.qr(basis.r[:, columns[here]], mode="r")
        pivots = np.zeros(len(here))
        pivots[: len(r)] = np.diag(r) ** 2
        lost = np.flatnonzero(pivots < basis.least[columns[here]])
        if not len(lost):
            return np.asarray(kept)
        kept[here[lost[0]]] = False
