"""The Q-basis of a batch: one QR holds every regression of the batch, and its rows.

Every column any member needs is brought to an SD near 1, cleared of the fixed effects,
multiplied with √weight and brought to a norm near 1; then Z = Q R. A regression on a
subset S is a regression of columns of R on R_S, and its rows are Q times the result.
A block of regressors that every member has is projected out before the QR.

The QR is better than rounding leaves Householder's. LAPACK's Q R is Z + E with E of a few ulps. E and
Q'Q − I are formed from halves of the numbers, so that the large products are exact, and what they say
is put right:

    E = Z − Q R,   R ← (I + U)(R + Q'E),   Q ← Q − Q U + (I − Q Q') E R⁻¹,   U + U' = Q'Q − I,

U upper triangular. Regressions that follow then have as many digits as a QR of their own
columns gives, or more (tests/bench/results/digits.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Bools, Floats, Ints
from specdid.engine.demean import Absorber, demean

Extended = NDArray[np.longdouble]

MANTISSA = 53
CELLS = 2**22
"""Cells up to which the correction is made: it needs four copies of the columns."""
COLLINEAR = 1e-7
"""Diagonal of R below which a column's direction is rounding and is left alone."""
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
SINGLE = 2.0**-24 / 3**0.5
"""Root mean square by which a value of single precision, as Stata's float, is rounded, at most, as a share of it."""
WHOLE = 2.0**24
"""Up to here whole numbers are exact in single precision."""
BLOCK = 2**16
"""Cells worked on together."""
NO_OUTCOME = 1e-18
"""Share of the outcome's variance below which the effects explain all of it."""


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
    """Take the part in the span of orthonormal q out of x, in place and twice, and return its coordinates."""
    first = q.T @ x
    x -= q @ first
    second = q.T @ x
    x -= q @ second
    return np.asarray(first + second)


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
    rounding : (K + 1,) float64, the square of what single precision would have rounded in a column, 0 of whole numbers
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
    rounding: Floats
    constant: Bools
    absorbed: Bools
    flat: Bools
    converged: bool


Factors = Callable[[Floats], tuple[Floats, Floats]]


def make_basis(columns: Floats, absorber: Absorber, block: Floats | None = None, factors: Factors = factorise) -> Basis:
    """Build the basis; ``columns`` (n, K), Fortran order, finite, are overwritten.

    ``block`` (n, m), orthonormal, on √weight and net of the effects, is projected out of them.
    ``factors`` is `factorise`, `triangle` or `householder`: where no specification is solved on the basis, one that
    rounds as LAPACK does. Raises nothing; where the effects could not be swept out, ``converged``
    says so.
    """
    k = columns.shape[1]
    sd, constant, rounded = _standardise(columns, centred=bool(absorber.codes))
    converged = demean(columns, absorber)
    converged &= _demean_again(columns, absorber)
    weights = absorber.weights
    if weights is not None:
        root = np.sqrt(weights / weights.mean())
        columns *= root[:, None]
    share = np.einsum("ij,ij->j", columns, columns) / len(columns)
    collinear = np.where(constant, np.inf, collinear_share(len(columns), sd))
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
    rounded = len(columns) * (rounded / norm) ** 2
    return Basis(
        q,
        np.hstack([r, np.zeros((len(r), 1))]),
        gram,
        np.append(within, 0.0),
        np.append(unit, 1.0),
        np.append(least, 0.0),
        np.append(rounded, 0.0),
        np.append(constant, True),
        np.append(absorbed, True),
        np.append(flat, True),
        converged,
    )


def _project_out(columns: Floats, block: Floats) -> Floats:
    """Take an orthonormal block out of columns, in place and twice, and return their squares before: (K,)."""
    squares = np.einsum("ij,ij->j", columns, columns)
    for _ in range(2):
        columns -= block @ (block.T @ columns)
    return np.asarray(squares)


def _power_of_two(size: Floats) -> Floats:
    """Return the nearest powers of two: to scale by one rounds nothing, which near-collinear columns notice."""
    return np.asarray(np.exp2(np.round(np.log2(np.where(size > 0, size, 1.0)))))


def _standardise(columns: Floats, centred: bool) -> tuple[Floats, Bools, Floats]:
    """Scale, and where an intercept is absorbed bring large means down, in place.

    Both round nothing: the scale is a power of two, and a mean is subtracted only where it
    is so large that the difference is exact.

    Returns
    -------
    scale : (K,), one unit of a column in its old units, its SD up to a factor √2
    constant : (K,) bool
    rounded : (K,), root mean square of what single precision would have rounded, in the new units
    """
    n, k = columns.shape
    scale, constant, rounded = np.ones(k), np.zeros(k, dtype=bool), np.zeros(k)
    step = max(1, BLOCK // n)
    for first in range(0, k, step):
        x = columns[:, first : first + step]
        largest = np.maximum(x.max(axis=0), -x.min(axis=0))
        exact = (largest <= WHOLE) & (x == np.rint(x)).all(axis=0)
        peak = _power_of_two(largest)
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
        rounded[first : first + step] = np.where(exact, 0.0, SINGLE * np.hypot(middle, spread) / unit)
    return scale, constant, rounded


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


def collinear_share(n: int, sd: Floats) -> Floats:
    """Return pyfixest's rule as a share of each column's variance."""
    ordinary = (sd >= ORDINARY[0]) & (sd <= ORDINARY[1])
    scale = np.where(ordinary, sd, 1.0)
    return np.asarray(np.clip(PYFIXEST_PIVOT / (n * scale**2), LEAST, MOST))


def independent(basis: Basis, columns: Ints) -> tuple[Bools, Floats]:
    """Tell which columns of the basis are no combination of the effects and of earlier ones kept.

    Parameters
    ----------
    columns : (q,) int64, places in the basis, in order

    Returns
    -------
    kept : (q,) bool
    pivots : (q,) float64, squares of what earlier ones kept leave of a column, 0 of those not kept
    """
    kept = ~basis.absorbed[columns]
    while True:
        here = np.flatnonzero(kept)
        r = np.linalg.qr(basis.r[:, columns[here]], mode="r")
        pivots = np.zeros(len(here))
        pivots[: len(r)] = np.diag(r) ** 2
        lost = np.flatnonzero(pivots < basis.least[columns[here]])
        if not len(lost):
            left = np.zeros(len(columns))
            left[here] = pivots
            return np.asarray(kept), left
        kept[here[lost[0]]] = False
