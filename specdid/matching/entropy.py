"""Entropy balancing: weights of the controls that give the treated's means (Hainmueller 2012)."""

from __future__ import annotations

import numpy as np

from specdid._arrays import Floats
from specdid._plan.records import MatchSettings
from specdid._words import later
from specdid.matching._base import Candidates, Matched, Matching, Unmatched
from specdid.matching._score import FLAT, att_weights, basis, polished

CLOSE = 1e-8
"""Means that differ by no more than this, in standard deviations, are equal."""


def match(candidates: Candidates, settings: MatchSettings) -> Matched | Unmatched:
    """Weight controls so that means equal the treated's, as near to equal weights as can be.

    Within each group of ``exact``, where there are such groups, on its own.
    """
    treated, groups = candidates.treated, candidates.groups
    labels = np.zeros(len(treated), np.int64) if groups is None else groups
    shares, found = np.zeros(len(treated)), np.zeros(len(treated), dtype=bool)
    for label in np.unique(labels[treated]):
        here = labels == label
        weights = _balance(candidates.covariates[here], treated[here])
        if weights is not None:
            found[here] = True
            shares[np.flatnonzero(here)[~treated[here]]] = weights * treated[here].sum()
    if not found.any():
        return Unmatched("no weights of the controls give the treated's means of the variables in `on`")
    return Matched(att_weights(treated, found, shares))


def _balance(covariates: Floats, treated: np.ndarray) -> Floats | None:
    """Return the controls' weights, which sum to 1; None where the means are out of reach.

    Minimises the dual, log Σ exp((x - x̄₁)'λ) (equation 7), with scipy's trust-region Newton.
    """
    if treated.all():
        return None
    from scipy.optimize import minimize
    from scipy.special import logsumexp, softmax

    X = basis(covariates)
    Z = X[~treated] - X[treated].mean(axis=0)
    if not Z.shape[1]:
        return np.full(len(Z), 1.0 / len(Z))

    def dual(b: Floats) -> tuple[float, Floats]:
        u = Z @ b
        return float(logsumexp(u)), np.asarray(softmax(u) @ Z)

    def curvature(b: Floats) -> Floats:
        weights = softmax(Z @ b)
        mean = weights @ Z
        return np.asarray((Z.T * weights) @ Z - np.outer(mean, mean))

    options = {"gtol": 1e-13, "maxiter": 200}
    found = minimize(dual, np.zeros(Z.shape[1]), jac=True, hess=curvature, method="trust-exact", options=options)
    b = polished(found.x, lambda b: dual(b)[1], curvature)
    if np.abs(dual(b)[1]).max() > CLOSE or np.linalg.eigvalsh(curvature(b))[0] < FLAT:
        return None
    return np.asarray(softmax(Z @ b))


MATCHING = Matching(
    name="entropy",
    title=later("entropy balancing"),
    settings=frozenset(),
    weighted=lambda settings: True,
    match=match,
)
