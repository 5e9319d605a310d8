"""A QR of a batch's columns, better than rounding leaves Householder's.

LAPACK's Q R is Z + E with E of a few ulps. E and Q'Q − I are formed from halves of the
numbers, so that the large products are exact, and what they say is put right:

    E = Z − Q R,   R ← (I + U)(R + Q'E),   Q ← Q − Q U + (I − Q Q') E R⁻¹,   U + U' = Q'Q − I,

U upper triangular. Regressions that follow then have as many digits as a QR of their own
columns gives, or more (tests/bench/results/digits.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from specdid.engine.problem import Floats

Extended = NDArray[np.longdouble]

MANTISSA = 53
CELLS = 2**22
"""Cells up to which the correction is made: it needs four copies of the columns."""
COLLINEAR = 1e-7
"""Diagonal of R below which a column's direction is rounding and is left alone."""


def factorise(columns: Floats) -> tuple[Floats, Floats]:
    """Return Q and R of ``columns``, which are overwritten.

    Parameters
    ----------
    columns : (n, K) float64, Fortran order, norms near 1 or 0

    Returns
    -------
    q : (n, r) float64, r = min(n, K)
    r : (r, K) float64, upper triangular but for rounding
    """
    if columns.size > CELLS:
        return householder(columns)
    exact = columns.copy(order="F")
    return _correct(exact, *householder(columns))


def triangle(columns: Floats) -> tuple[Floats, Floats]:
    """Return no Q (0, r), and Householder's R (r, K), of ``columns``, which are overwritten."""
    from scipy.linalg.lapack import dgeqrf

    factored, *_ = dgeqrf(columns, lwork=64 * columns.shape[1], overwrite_a=1)
    rank = min(columns.shape)
    return np.empty((0, rank)), np.triu(factored[:rank])


def householder(columns: Floats) -> tuple[Floats, Floats]:
    """Return Householder's Q and R as they are, in place: no second copy of the rows."""
    from scipy.linalg.lapack import dgeqrf, dorgqr

    n, k = columns.shape
    rank = min(n, k)
    factored, tau, _, _ = dgeqrf(columns, lwork=64 * k, overwrite_a=1)
    r = np.triu(factored[:rank])
    q, _, _ = dorgqr(factored[:, :rank], tau[:rank], lwork=64 * rank, overwrite_a=1)
    return q, r


def _correct(columns: Floats, q: Floats, r: Floats) -> tuple[Floats, Floats]:
    error = _error(columns, q, r)
    within = q.T @ error
    error -= q @ within
    tilt = np.triu(_departure(q))
    tilt[np.diag_indices_from(tilt)] *= 0.5
    turn = _divide(error, r)
    turn -= q @ tilt
    r = r + within
    return np.add(q, turn, order="F"), r + tilt @ r


def _error(columns: Floats, q: Floats, r: Floats) -> Floats:
    """Return Z − Q R; overwrites Z."""
    high, low = _halves(q, 1, len(r))
    r_high, r_low = _halves(r, 0, len(r))
    columns -= high @ r_high
    columns -= high @ r_low
    columns -= low @ r
    return columns


def _departure(q: Floats) -> Floats:
    """Return Q'Q − I."""
    high, low = _halves(q, 0, len(q))
    cross = high.T @ low
    return np.asarray((high.T @ high - np.eye(q.shape[1])) + (cross + cross.T) + low.T @ low)


def _halves(x: Floats, axis: int, terms: int) -> tuple[Floats, Floats]:
    """Split x so that sums of ``terms`` products of leading halves along ``axis`` are exact."""
    bits = (MANTISSA - int(terms).bit_length()) // 2
    peak = np.abs(x).max(axis=axis, keepdims=True)
    shift = 1.5 * np.exp2(np.ceil(np.log2(np.where(peak > 0, peak, 1.0))) + MANTISSA - bits)
    high = (x + shift) - shift
    return high, x - high


def _divide(error: Floats, r: Floats) -> Floats:
    """Return E R⁻¹, 0 where a column is collinear."""
    from scipy.linalg import solve_triangular

    rank = len(r)
    square = r[:, :rank].copy()
    clear = np.abs(square.diagonal()) > COLLINEAR
    square[np.ix_(~clear, ~clear)] = 0.0
    square[~clear, ~clear] = 1.0
    right = np.where(clear, error[:, :rank], 0.0)
    return np.asarray(solve_triangular(square, right.T, trans="T", check_finite=False).T)


def project_out(columns: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Regress on a few columns in extended precision, where the machine has it.

    Parameters
    ----------
    columns : (r, q) float64, independent
    right : (r, t) float64

    Returns
    -------
    coefficients : (q, t) float64
    left : (r, t) float64, the residuals
    """
    q = columns.astype(np.longdouble)
    r = np.zeros((q.shape[1], q.shape[1]), np.longdouble)
    for j in range(q.shape[1]):
        r[:j, j] = _subtract(q[:, :j], q[:, j])
        r[j, j] = np.sqrt(q[:, j] @ q[:, j])
        q[:, j] /= r[j, j]
    left = right.astype(np.longdouble)
    coefficients = _subtract(q, left)
    for j in range(len(r) - 1, -1, -1):
        coefficients[j] /= r[j, j]
        coefficients[:j] -= np.multiply.outer(r[:j, j], coefficients[j])
    return coefficients.astype(np.float64), left.astype(np.float64)


def _subtract(q: Extended, x: Extended) -> Extended:
    """Take the part in the span of orthonormal q out of x, in place and twice, and give its coordinates."""
    first = q.T @ x
    x -= q @ first
    second = q.T @ x
    x -= q @ second
    return np.asarray(first + second)
