"""The propensity score by logit, and what nearest, radius and kernel matching make of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._plan.matches import MatchSettings
from specdid.matching._base import Candidates, Unmatched

RANK = 1e-10
"""Singular values below this share of the largest are of combinations of other columns."""
FLAT = 1e-9
"""Below this curvature the likelihood has no maximum: treated and controls are separated."""


def basis(columns: Floats) -> Floats:
    """Return scaled orthogonal columns, (n, r), that span ``columns`` less their means.

    On them, neither units of measurement nor near-collinearity cost digits.
    """
    centred = columns - columns.mean(axis=0)
    scale = np.sqrt((centred**2).mean(axis=0))
    known = scale > RANK * np.abs(columns).max(axis=0, initial=0.0)
    if not known.any():
        return np.empty((len(columns), 0))
    left, size, _ = np.linalg.svd(centred[:, known] / scale[known], full_matrices=False)
    return np.asarray(left[:, size > RANK * size[0]] * np.sqrt(len(columns)))


@dataclass(frozen=True, slots=True)
class Logit:
    """A logit with an intercept.

    Attributes
    ----------
    probability : (n,) float64
    log_likelihood : float, weighted
    df : number of independent columns beside the intercept
    separated : True where a combination of the columns tells the two sides apart
    """

    probability: Floats
    log_likelihood: float
    df: int
    separated: bool


def fit_logit(treated: Bools, columns: Floats, weights: Floats | None = None) -> Logit:
    """Maximise the (weighted) likelihood with scipy's trust-region Newton method."""
    from scipy.optimize import minimize
    from scipy.special import expit

    X = np.column_stack([np.ones(len(treated)), basis(columns)])
    sign = np.where(treated, 1.0, -1.0)
    total = float(len(treated)) if weights is None else float(weights.sum())
    w = np.full(len(treated), 1 / total) if weights is None else weights / total

    def loss(b: Floats) -> tuple[float, Floats]:
        margin = sign * (X @ b)
        return float(w @ np.logaddexp(0.0, -margin)), -(w * sign * expit(-margin)) @ X

    def curvature(b: Floats) -> Floats:
        p = expit(X @ b)
        return np.asarray((X.T * (w * p * (1 - p))) @ X)

    options = {"gtol": 1e-13, "maxiter": 200}
    found = minimize(loss, np.zeros(X.shape[1]), jac=True, hess=curvature, method="trust-exact", options=options)
    b = polished(found.x, lambda b: loss(b)[1], curvature)
    # Of rows with the same values one: products of matrices may round them differently, and they must tie.
    score = np.asarray(expit((X * b).sum(axis=1)))[_first_alike(columns)]
    flat = bool(np.linalg.eigvalsh(curvature(b))[0] < FLAT)
    return Logit(score, -total * loss(b)[0], X.shape[1] - 1, flat)


def _first_alike(columns: Floats) -> Ints:
    """Return for each row the first with the same values, (n,)."""
    order = np.lexsort(columns.T) if columns.shape[1] else np.arange(len(columns))
    new = np.ones(len(columns), dtype=bool)
    new[1:] = (np.diff(columns[order], axis=0) != 0).any(axis=1)
    first = np.empty(len(columns), np.int64)
    first[order] = order[np.maximum.accumulate(np.where(new, np.arange(len(columns)), 0))]
    return first


def polished(b: Floats, slope: Callable[[Floats], Floats], curvature: Callable[[Floats], Floats]) -> Floats:
    """Take Newton steps while they make the slope smaller.

    scipy's trust region stops where the loss has no more digits, at slopes about 1e-8.
    """
    least = np.abs(slope(b)).max(initial=0.0)
    for _ in range(4):
        bend = curvature(b)
        if np.linalg.eigvalsh(bend)[0] < FLAT:
            break
        moved = b - np.linalg.solve(bend, slope(b))
        size = np.abs(slope(moved)).max(initial=0.0)
        if not size < least:
            break
        b, least = moved, size
    return b


def propensity_score(candidates: Candidates) -> Floats | Unmatched:
    """Estimate the probability of treatment by logit, (n,)."""
    treated = candidates.treated
    if not treated.any() or treated.all():
        return Unmatched(f"there is no {'control' if treated.any() else 'treated unit'} to match")
    fit = fit_logit(treated, candidates.covariates)
    if fit.separated:
        return Unmatched(
            "the propensity score cannot be estimated: a combination of the variables in `on` "
            "separates treated and controls, whose scores do not overlap"
        )
    return fit.probability


def supported(treated: Bools, score: Floats, settings: MatchSettings) -> Bools:
    """Mark the candidates that may be matched, (n,): all, or those on the common support.

    The common support is the range of the controls' scores, and only treated units are
    left out for it, since the effect is that on the treated (Leuven and Sianesi 2003).
    """
    if not settings.common_support:
        return np.ones(len(treated), dtype=bool)
    controls = score[~treated]
    return np.asarray(~treated | ((score >= controls.min()) & (score <= controls.max())))


def caliper(score: Floats, settings: MatchSettings) -> float:
    """Return the largest distance between matched scores; a standard deviation is that of all scores."""
    if settings.caliper_sd is not None:
        return settings.caliper_sd * float(np.std(score, ddof=1))
    return np.inf if settings.caliper is None else settings.caliper
