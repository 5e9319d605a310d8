"""Two-way clustered matrices with negative eigenvalues: what programs print that set these to zero.

V₁ + V₂ − V₁₂ of all coefficients need not be positive semi-definite (Cameron, Gelbach and Miller 2011). specdid
reports its diagonal, as pyfixest does. Others rebuild the matrix V = UΛU' without its negative eigenvalues, which
changes every error in it, and since eigenvalues depend on the units of the columns they do not agree:

    fixest 0.13   V of the coefficients as they are, the intercept's too where nothing is absorbed; Λ ≥ 1e-16
    reghdfe 6     V of the slopes of columns divided by their SD over the rows; Λ ≥ 0
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from specdid._arrays import Floats
from specdid._columns import OF_TWO_WAY
from specdid.engine.problem import Vcov

NAMES: tuple[str, str] = (OF_TWO_WAY[0].name, OF_TWO_WAY[1].name)
"""Of Fits.extra, each (S, V): the errors of fixest and of reghdfe, NaN where the sum is theirs, too."""
NEGATIVE = 1e-9
"""Share of the largest eigenvalue, of a matrix with a unit diagonal before the subtraction, beyond rounding."""
VISIBLE = 1e-6
"""Share of the standard error from which on another one is said."""
SMALLEST_EIGENVALUE, SMALLEST_SD = 1e-16, 1e-3
"""fixest's for an eigenvalue that is not positive, reghdfe's for a column."""


def is_two_way(vcov: Vcov) -> bool:
    """Say whether a vcov is a sum that need not be positive semi-definite."""
    return len(vcov.clusters) == 2


def blank_errors(vcovs: Sequence[Vcov], n: int) -> dict[str, Floats]:
    """Return columns of NAMES for ``n`` specifications with nothing in them; none without two-way clusters."""
    if not any(map(is_two_way, vcovs)):
        return {}
    return {name: np.full((n, len(vcovs)), np.nan) for name in NAMES}


def errors_of_others(
    total: Floats,
    size: Floats,
    unit: Floats,
    spread: Floats | None,
    weights: Floats | None = None,
    intercept: bool = False,
) -> Floats:
    """Return the errors that fixest and reghdfe print of an effect, (2, M); NaN where they print the same.

    Parameters
    ----------
    total : (M, k, k), V₁ + V₂ − V₁₂ of coefficients in any units
    size : (M, k), of their errors, by which eigenvalues are compared
    unit : (M, k), one unit of each coefficient in its own
    spread : (M, k), SDs of the columns over the rows, without the intercept; None where reghdfe has no such model
    weights : (M, k), the effect is their product with the coefficients; by default the first coefficient
    intercept : the last coefficient is one, which reghdfe leaves out
    """
    found = np.full((2, len(total)), np.nan)
    size = np.where(size > 0, size, 1.0)
    usable = np.isfinite(total).all(axis=(1, 2)) & np.isfinite(unit).all(axis=1)
    lowest = np.zeros((len(total), 2))
    scaled = total[usable] / (size[usable, :, None] * size[usable, None])
    lowest[usable] = np.linalg.eigvalsh(scaled)[:, [0, -1]]
    at = np.flatnonzero(lowest[:, 0] < -NEGATIVE * np.abs(lowest[:, 1]))
    if not len(at):
        return found
    chosen = np.eye(total.shape[1])[:1] if weights is None else weights[at]
    chosen = np.broadcast_to(chosen, (len(at), total.shape[1]))
    own = total[at] * (unit[at, :, None] * unit[at, None])
    slopes = slice(None, -1) if intercept else slice(None)
    found[0, at] = _without_negative(own, chosen, SMALLEST_EIGENVALUE)
    if spread is not None:
        by = np.maximum(spread[at], SMALLEST_SD)
        standardised = own[:, slopes, slopes] * (by[:, :, None] * by[:, None])
        found[1, at] = _without_negative(standardised, chosen[:, slopes] / by, 0.0)
    plain = np.einsum("mk,mkl,ml->m", chosen, own, chosen)
    with np.errstate(invalid="ignore"):
        errors = np.sqrt(found[:, at])
        errors[np.abs(errors - np.sqrt(plain)) <= VISIBLE * np.sqrt(plain)] = np.nan
    found[:, at] = errors
    return found


def errors_of_one(vcov: Floats, weights: Floats) -> float:
    """Return the error that fixest prints of weights'b, from the matrix (k, k) of b as it is; NaN where it is ours."""
    if not np.isfinite(vcov).all():
        return float("nan")
    one = np.ones((1, len(vcov)))
    return float(errors_of_others(vcov[None], np.sqrt(np.abs(np.diag(vcov)))[None], one, None, weights[None])[0, 0])


def summed(parts: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Return V₁ + V₂ − V₁₂, (M, k, k), of these, and the roots of the diagonal without the subtraction, (M, k)."""
    gross = sum(np.einsum("mkk->mk", part) for part in parts)
    return np.asarray(parts[0] + parts[1] - parts[2]), np.asarray(np.sqrt(gross))


def _without_negative(matrix: Floats, weights: Floats, least: float) -> Floats:
    """Return w'Vw, (M,), with the eigenvalues of V (M, k, k) at least ``least``."""
    values, vectors = np.linalg.eigh(matrix)
    along = np.einsum("mk,mkl->ml", weights, vectors)
    return np.asarray(np.einsum("ml,ml->m", along**2, np.maximum(values, least)))
