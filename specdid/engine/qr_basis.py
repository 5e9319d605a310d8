"""The Q-basis of a batch: one QR holds every regression of the batch, and its rows.

Every column any member needs is brought to an SD near 1, cleared of the fixed effects,
multiplied with √weight and brought to a norm near 1; then Z = Q R. A regression on a
subset S is a regression of columns of R on R_S, and its rows are Q times the result.
A block of regressors that every member has is projected out before the QR.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specdid.engine.demean import Absorber, demean
from specdid.engine.orthogonal import factorise
from specdid.engine.problem import Floats

Bools = NDArray[np.bool_]

PYFIXEST_PIVOT = 1e-9
"""pyfixest drops a column whose squared pivot, in the column's own units, is below this."""
ORDINARY = (1e-4, 1e4)
"""SDs for which that rule is followed; other units must not decide what is collinear."""
LEAST, MOST = 1e-14, 1e-13
"""Bounds of the rule as a share of a column's variance: what rounding leaves of a collinear column, and
what a QR estimates with eight digits though pyfixest would drop it from a small sample."""
CONSTANT = 1e-15
"""SD below which, as a share of its largest value, a column is constant but for rounding."""
LARGE_MEAN = 8.0
"""SDs from which on a mean is subtracted before anything else."""
NEARLY_ABSORBED = 1e-5
"""Share of a column's variance below which what the effects leave is scaled up and demeaned again."""
BLOCK = 2**16
"""Cells worked on together."""
NO_OUTCOME = 1e-18
"""Share of the outcome's variance below which the effects explain all of it."""


@dataclass(frozen=True, slots=True)
class Basis:
    """K columns of a batch and one more, which is zero (it pads specifications of different size).

    Attributes
    ----------
    q : (n, r) float64, orthonormal, r = min(n, K)
    r : (r, K + 1) float64
    gram : (K + 1, K + 1) float64, R'R
    within : (K + 1,) float64, squares of the columns net of the effects alone: R'R has them net of the block too
    unit : (K + 1,) float64, one unit of a column of Z in the column's own units
    least : (K + 1,) float64, the pivot below which a column is collinear
    constant, absorbed : (K + 1,) bool, no variation in the rows, none beyond the fixed effects
    flat : (K + 1,) bool, the same as an outcome
    converged : bool
    """

    q: Floats
    r: Floats
    gram: Floats
    within: Floats
    unit: Floats
    least: Floats
    constant: Bools
    absorbed: Bools
    flat: Bools
    converged: bool


Factors = Callable[[Floats], tuple[Floats, Floats]]


def make_basis(columns: Floats, absorber: Absorber, block: Floats | None = None, factors: Factors = factorise) -> Basis:
    """Build the basis; ``columns`` (n, K), Fortran order, finite, are overwritten.

    ``block`` (n, m), orthonormal, on √weight and net of the effects, is projected out of them.
    ``factors`` is one of `orthogonal`: where no specification is solved on the basis, one that
    rounds as LAPACK does. Raises nothing; where the effects could not be swept out, ``converged``
    says so.
    """
    k = columns.shape[1]
    sd, constant = _standardise(columns, centred=bool(absorber.codes))
    converged = demean(columns, absorber)
    converged &= _demean_again(columns, absorber)
    weights = absorber.weights
    if weights is not None:
        root = np.sqrt(weights / weights.mean())
        columns *= root[:, None]
    share = np.einsum("ij,ij->j", columns, columns) / len(columns)
    collinear = np.where(constant, np.inf, _collinear_share(len(columns), sd))
    absorbed = ~(share >= collinear)
    flat = constant | (share < NO_OUTCOME)
    norm = _power_of_two(np.sqrt(share * len(columns)))
    columns *= np.where(flat, 0.0, 1.0 / norm)
    within = None if block is None else _project_out(columns, block)
    q, r = factors(columns)
    gram = np.zeros((k + 1, k + 1))
    gram[:k, :k] = r.T @ r
    within = gram.diagonal()[:k] if within is None else within
    with np.errstate(divide="ignore", invalid="ignore"):
        least = np.where(flat, 2.0, collinear / share * within)
    unit = np.where(flat, 1.0, sd * norm)
    return Basis(
        q,
        np.hstack([r, np.zeros((len(r), 1))]),
        gram,
        np.append(within, 0.0),
        np.append(unit, 1.0),
        np.append(least, 0.0),
        np.append(constant, True),
        np.append(absorbed, True),
        np.append(flat, True),
        converged,
    )


def _project_out(columns: Floats, block: Floats) -> Floats:
    """Take an orthonormal block out of columns, in place and twice, and give their squares before: (K,)."""
    squares = np.einsum("ij,ij->j", columns, columns)
    for _ in range(2):
        columns -= block @ (block.T @ columns)
    return np.asarray(squares)


def _power_of_two(size: Floats) -> Floats:
    """Return the nearest powers of two: to scale by one rounds nothing, which near-collinear columns notice."""
    return np.asarray(np.exp2(np.round(np.log2(np.where(size > 0, size, 1.0)))))


def _standardise(columns: Floats, centred: bool) -> tuple[Floats, Bools]:
    """Scale, and where an intercept is absorbed bring large means down, in place.

    Both round nothing: the scale is a power of two, and a mean is subtracted only where it
    is so large that the difference is exact.

    Returns
    -------
    scale : (K,), one unit of a column in its old units, its SD up to a factor √2
    constant : (K,) bool
    """
    n, k = columns.shape
    scale, constant = np.ones(k), np.zeros(k, dtype=bool)
    step = max(1, BLOCK // n)
    for first in range(0, k, step):
        x = columns[:, first : first + step]
        peak = _power_of_two(np.maximum(x.max(axis=0), -x.min(axis=0)))
        x /= peak  # squares neither overflow nor vanish
        middle = x.mean(axis=0)
        spread = x.std(axis=0)
        flat = ~(spread > CONSTANT)
        if centred:
            x -= np.where(np.abs(middle) > LARGE_MEAN * spread, middle, 0.0)
        unit = _power_of_two(np.where(flat, 1.0, spread))
        x /= unit
        x[:, flat] = 0.0
        scale[first : first + step] = peak * unit
        constant[first : first + step] = flat
    return scale, constant


def _demean_again(columns: Floats, absorber: Absorber) -> bool:
    """Clear what is left of nearly absorbed columns to the same relative accuracy, in place."""
    left = np.sqrt(np.einsum("ij,ij->j", columns, columns) / len(columns))
    few = np.flatnonzero((left > np.sqrt(NO_OUTCOME)) & (left < np.sqrt(NEARLY_ABSORBED)))
    if not len(few):
        return True
    scale = _power_of_two(left[few])
    part = np.asfortranarray(columns[:, few] / scale)
    converged = demean(part, absorber)
    columns[:, few] = part * scale
    return converged


def _collinear_share(n: int, sd: Floats) -> Floats:
    """Return pyfixest's rule as a share of each column's variance."""
    ordinary = (sd >= ORDINARY[0]) & (sd <= ORDINARY[1])
    scale = np.where(ordinary, sd, 1.0)
    return np.asarray(np.clip(PYFIXEST_PIVOT / (n * scale**2), LEAST, MOST))
