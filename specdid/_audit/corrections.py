"""Standard errors from a regression of the audit's own, with parameters counted here.

V = factor × Σ_g (Σ_{i∈g} a_i e_i)² with a row's influence a_i and residual e_i; fixest's rule:
K counts coefficients, the levels of effects less one for each effect after the first, and a
slope's levels; under clustering not the effects whose every level lies in one cluster, but one
for all of these. The factor is (N − 1)/(N − K) × G/(G − 1), for hetero N/(N − K). What the other
rules count, `engine.ssc` says; it is counted here once more, from tables of levels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from specdid._audit.least_squares import LARGEST_BASIS, Solved
from specdid._audit.sample import Sample
from specdid._study import Rule
from specdid.engine.problem import Vcov

Ints = NDArray[np.int64]


def corrected(vcov: Vcov, sample: Sample, solved: Solved, v: int, dispersion: float | None = None) -> float | None:
    """Return a standard error; NaN where there is none, None for a vcov that the audit does not know.

    Parameters
    ----------
    dispersion
        For a likelihood, the mean of its weights, whose inverse information is the iid variance;
        for least squares None, and the iid variance is of the residuals.
    """
    clusters, rule = sample.clusters[v], vcov.ssc
    if dispersion is not None and rule == "reghdfe":
        rule = "glm"  # ppmlhdfe's
    counted = _counted(rule, sample, clusters, solved)
    if counted is None:
        return None
    n, k = len(sample), solved.rank + counted
    if n <= k:
        return float("nan")
    if vcov.kind == "iid":
        size = float(solved.influence @ solved.influence)
        if dispersion is not None:
            return float(np.sqrt(size / dispersion * ((n - 1) / (n - k) if rule == "fixest" else 1.0)))
        return float(np.sqrt(size * (solved.residual @ solved.residual) / (n if rule == "none" else n - k)))
    scores = solved.influence * solved.residual
    left = {"glm": n - 1, "none": n}.get(rule, n - k)
    if vcov.kind == "hetero":
        return float(np.sqrt(scores @ scores * n / left))
    groups = min(len(np.unique(c)) for c in clusters)
    if groups < 2:
        return float("nan")
    between_groups = 1.0 if rule == "none" else groups / (groups - 1)
    factor = 1.0 if rule in ("glm", "none") else (n - 1) / left
    variance = between(clusters, scores) * factor * between_groups
    return float(np.sqrt(variance)) if variance > 0 else float("nan")


def _counted(rule: Rule, sample: Sample, clusters: tuple[Ints, ...], solved: Solved) -> int | None:
    """Count the parameters of effects and slopes, or of an intercept; None where their rank is not known."""
    if rule in ("areg", "lsdv"):
        sizes = [len(np.unique(c)) for c in (*sample.effects, *(c for c, _ in sample.slopes))]
        if len(sample.effects) == 2 and not sample.slopes:
            return sum(sizes) - _components(*sample.effects)
        known = (sum(sizes) - max(sizes, default=0)) * len(sample) <= LARGEST_BASIS
        return solved.absorbed or 1 if known else None
    if rule == "reghdfe":
        return _levels(sample, clusters) - _redundant(sample, clusters)
    return _levels(sample, clusters)


def _redundant(sample: Sample, clusters: tuple[Ints, ...]) -> int:
    """Count what reghdfe, beyond fixest, takes for redundant: components but one, slopes on a constant."""
    free = [e for e in sample.effects if not any(_inside(e, c) for c in clusters)]
    found = sum(max((_components(e, f) for e in free[:j]), default=1) - 1 for j, f in enumerate(free))
    for codes, x in sample.slopes:
        own = any(_inside(codes, e) and _inside(e, codes) for e in sample.effects)
        parts = (x[codes == level] for level in np.unique(codes))
        found += sum(not np.ptp(part) if own else not part.any() for part in parts)
    return found


def _components(a: Ints, b: Ints) -> int:
    """Count the groups of levels that no row connects: each row takes the lowest label of its levels until all do."""
    a, b = _numbered(a), _numbered(b)
    label = a
    while True:
        lower = label
        for codes in (b, a):
            least = np.full(int(codes.max()) + 1, len(a))
            np.minimum.at(least, codes, lower)
            lower = least[codes]
        if np.array_equal(lower, label):
            return len(np.unique(label))
        label = lower


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
