"""Imputation in two stages by one pivoted QR of the untreated rows' design.

With X₀ the untreated rows' regressors, times √weight, and t the sum of w x over the treated rows
divided by that of w, the estimate is the treated rows' mean of y less t'δ, δ = X₀⁺y. It is
identified where t is in the row space of X₀: with X₀P = Q(R₁ R₂), where t₂ = R₂'R₁⁻ᵀt₁. The rows'
influences are those of both stages as one GMM problem (Gardner 2021, section 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from specdid._audit.corrections import between
from specdid._audit.least_squares import ESTIMABLE, RANK
from specdid._audit.sample import Floats, Sample
from specdid.engine.problem import Vcov

LARGEST = 5e10
"""Multiplications up to which the design is factorised."""


@dataclass(frozen=True, slots=True)
class Imputed:
    """An estimate and its standard errors, NaN where there is none; ``why`` says why there is no estimate."""

    nobs: int
    estimate: float = float("nan")
    std_error: tuple[float | None, ...] = ()
    why: str = ""


def imputed(sample: Sample, vcovs: Sequence[Vcov]) -> Imputed | None:
    """Impute the treated rows' outcome without treatment; None where the design is too large."""
    from scipy.linalg import qr, solve_triangular

    treated = sample.treated[:, 0] == 1
    keep = np.ones(len(sample), bool)
    for codes in (*sample.effects, *(c for c, _ in sample.slopes)):
        keep &= np.isin(codes, codes[~treated])
    sample, treated = sample.take(keep), treated[keep]
    width = sum(len(np.unique(c)) for c in (*sample.effects, *(c for c, _ in sample.slopes)))
    if len(sample) * (width + len(sample.labels)) ** 2 > LARGEST:
        return None
    design = _design(sample)
    weights = np.ones(len(sample)) if sample.weights is None else sample.weights / sample.weights.mean()
    share, root = weights * treated / (weights @ treated), np.sqrt(weights)
    first = design[~treated] * root[~treated, None]
    length = np.linalg.norm(first, axis=0)
    there = length > RANK * np.abs(design).max(axis=0)
    target = (share @ design) / np.where(there, length, 1.0)
    q, r, pivot = qr(np.where(there, first / np.where(there, length, 1.0), 0.0), mode="economic", pivoting=True)
    rank = int(np.count_nonzero(np.abs(np.diag(r)) > RANK * np.abs(r[0, 0])))
    kept, rest = pivot[:rank], pivot[rank:]
    along = solve_triangular(r[:rank, :rank], target[kept], trans="T")
    outside = np.linalg.norm(target[rest] - r[:rank, rank:].T @ along) / np.linalg.norm(target)
    if outside > ESTIMABLE:
        said = f"a share of {outside:.2g} of the treated rows' regressors lies outside those of the untreated rows"
        return Imputed(len(sample), why=f"the counterfactual is not identified: {said}")
    centre = float(sample.outcome.mean())
    y = sample.outcome - centre
    solution = np.zeros(design.shape[1])
    solution[kept] = solve_triangular(r[:rank, :rank], q[:, :rank].T @ (root * y)[~treated]) / length[kept]
    left = y - design @ solution
    estimate = float(share @ left)
    influence = share * (left - estimate)
    influence[~treated] -= (q[:, :rank] @ along) * root[~treated] * left[~treated]
    return Imputed(len(sample), estimate, tuple(_error(sample, v, k, influence) for k, v in enumerate(vcovs)))


def _design(sample: Sample) -> Floats:
    """Write effects, slopes and controls out, the latter about their means and at unit deviation."""
    blocks = [np.eye(len(levels))[at] for levels, at in (_numbered(c) for c in sample.effects)]
    blocks = blocks or [np.ones((len(sample), 1))]
    for codes, values in sample.slopes:
        levels, at = _numbered(codes)
        blocks.append(np.eye(len(levels))[at] * _standardised(values)[:, None])
    return np.hstack([*blocks, *(_standardised(c)[:, None] for c in sample.controls.T)])


def _numbered(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    levels, at = np.unique(codes, return_inverse=True)
    return levels, at.reshape(-1)


def _standardised(values: Floats) -> Floats:
    values = np.ldexp(values, -np.frexp(np.abs(values).max(initial=0.0))[1])
    centred = values - values.mean()
    deviation = float(np.sqrt(np.mean(centred**2)))
    return np.asarray(centred / deviation if deviation > 0 else centred)


def _error(sample: Sample, vcov: Vcov, v: int, influence: Floats) -> float | None:
    """Return the standard error without a small-sample correction, as the R package did2s does, or with glm's."""
    if vcov.kind == "iid":
        return float("nan")
    if vcov.kind == "hetero":
        return float(np.sqrt(influence @ influence * _glm(vcov, len(sample))))
    clusters = sample.clusters[v]
    smallest = min(len(np.unique(c)) for c in clusters)
    if smallest < 2:
        return float("nan")
    variance = between(clusters, influence) * _glm(vcov, smallest)
    return float(np.sqrt(variance)) if variance > 0 else float("nan")


def _glm(vcov: Vcov, count: int) -> float:
    return count / (count - 1) if vcov.ssc == "glm" else 1.0
