"""Standard errors from a regression of the audit's own, with parameters counted here.

V = factor × Σ_g (Σ_{i∈g} a_i e_i)² with a row's influence a_i and residual e_i; fixest's rule:
K counts coefficients, the levels of effects less one for each effect after the first, and a
slope's levels; under clustering not the effects whose every level lies in one cluster, but one
for all of these. The factor is (N − 1)/(N − K) × G/(G − 1), for hetero N/(N − K).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from specdid._audit.least_squares import Solved
from specdid._audit.sample import Sample
from specdid.engine.problem import Vcov

Ints = NDArray[np.int64]


def corrected(vcov: Vcov, sample: Sample, solved: Solved, v: int, dispersion: float | None = None) -> float | None:
    """Give a standard error; NaN where there is none, None for a vcov that the audit does not know.

    Parameters
    ----------
    dispersion
        For a likelihood, the mean of its weights, whose inverse information is the iid variance;
        for least squares None, and the iid variance is of the residuals.
    """
    clusters = sample.clusters[v]
    n, k = len(sample), solved.rank + _levels(sample, clusters)
    if n <= k:
        return float("nan")
    if vcov.kind == "iid":
        size = float(solved.influence @ solved.influence)
        if dispersion is not None:
            return float(np.sqrt(size / dispersion * (n - 1) / (n - k)))
        return float(np.sqrt(size * (solved.residual @ solved.residual) / (n - k)))
    scores = solved.influence * solved.residual
    if vcov.kind == "hetero":
        return float(np.sqrt(scores @ scores * n / (n - k)))
    groups = min(len(np.unique(c)) for c in clusters)
    if groups < 2:
        return float("nan")
    variance = between(clusters, scores) * (n - 1) / (n - k) * groups / (groups - 1)
    return float(np.sqrt(variance)) if variance > 0 else float("nan")


def between(clusters: tuple[Ints, ...], scores: NDArray[np.float64]) -> float:
    """Sum squares of sums of scores by cluster; for two clusterings those of both less those of their cells."""
    total = sum(float(np.sum(np.bincount(_numbered(c), scores) ** 2)) for c in clusters)
    if len(clusters) == 2:
        cells = np.unique(np.column_stack(clusters), axis=0, return_inverse=True)[1].reshape(-1)
        total -= float(np.sum(np.bincount(cells, scores) ** 2))
    return total


def _numbered(codes: Ints) -> Ints:
    return np.asarray(np.unique(codes, return_inverse=True)[1].reshape(-1))


def _levels(sample: Sample, clusters: tuple[Ints, ...]) -> int:
    """Count the parameters of the effects, and of an intercept where there are none."""
    slopes = sum(len(np.unique(c)) for c, _ in sample.slopes)
    if not sample.effects:
        return slopes + (not sample.slopes)
    nested = [any(_inside(e, c) for c in clusters) for e in sample.effects]
    sizes = [len(np.unique(e)) for e in sample.effects]
    total = sum(sizes) - (len(sizes) - 1)
    return slopes + total - sum(s for s, inside in zip(sizes, nested, strict=True) if inside) + sum(nested)


def _inside(effect: Ints, cluster: Ints) -> bool:
    """Say whether every level of an effect lies in one cluster."""
    pairs = np.unique(np.column_stack([effect, cluster]), axis=0)
    return len(pairs) == len(np.unique(effect))
