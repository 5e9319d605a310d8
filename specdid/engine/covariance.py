"""Covariance matrices of all coefficients of one regression, and of the constant that is not estimated.

With x̃ the columns net of the effects, A = x̃'x̃ and e the residuals, coefficient j has the
influences ψ_ij = (A⁻¹ x̃_i)_j e_i; a sandwich is Σ_g ψ_g ψ_g' times its correction. The
constant is ȳ − x̄'β, with influences e_i / n − x̄'ψ_i.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from specdid.engine import ssc
from specdid.engine.demean import Absorber
from specdid.engine.dense import (
    CANCELLED,
    FEW_CLUSTERS,
    NO_DF,
    NO_VARIANCE,
    NOT_POSITIVE,
    PERFECT,
    PERFECT_FIT,
    UNCOUNTED,
)
from specdid.engine.problem import Floats, Ints, Vcov
from specdid.engine.scores import cluster_codes, wanted_clusterings


@dataclass(frozen=True, slots=True)
class Solution:
    """A regression on k columns of a basis.

    Attributes
    ----------
    rows : (n, k + 1) float64, orthonormal columns and the residual, times √weight
    inverse : (k, k), of R, so that rows[:, :k] @ R are the columns
    rss, within : squares of the residual, and of the outcome net of the effects
    unit : (k,), what a coefficient on the basis is in the columns' own units
    scale : the same for the outcome
    means : (k,), (weighted) means of the columns
    effect : (k + 1,), weights of the treatment's effect, the constant last
    """

    rows: Floats
    inverse: Floats
    rss: float
    within: float
    unit: Floats
    scale: float
    means: Floats
    effect: Floats


def errors(
    vcovs: tuple[Vcov, ...], codes: Mapping[int, Ints], absorber: Absorber, solution: Solution
) -> tuple[Floats, Ints, Floats, Ints]:
    """Give covariance matrices with the constant last, their codes, degrees of freedom and clusters."""
    n, k, effect = len(solution.rows), len(solution.unit), solution.effect
    influence, bread = _influence(absorber, solution)
    rss = solution.rss
    vcov = np.full((len(vcovs), k + 1, k + 1), np.nan)
    note, df = np.zeros(len(vcovs), np.int64), np.full(len(vcovs), np.nan)
    clusters = np.full(len(vcovs), -1)
    for v, kind in enumerate(vcovs):
        meat, gross, clusters[v] = _meat(kind, codes, influence, bread * rss, effect)
        of = tuple(codes[c] for c in kind.clusters)
        correction = ssc.correction(kind.kind, kind.ssc, absorber.codes, absorber.slopes, of)
        factor = float(correction.factor(n, k, clusters[v]))
        if kind.kind == "cluster" and clusters[v] < 2:
            note[v] = FEW_CLUSTERS
        elif n <= correction.df_k(k):
            note[v] = NO_DF
        elif rss < PERFECT * solution.within:
            note[v] = PERFECT_FIT
        elif not _positive(meat, gross, bread * rss, effect):
            note[v] = NOT_POSITIVE
        elif np.isnan(factor):
            note[v] = UNCOUNTED
        else:
            vcov[v] = meat * factor
            df[v] = float(ssc.freedom(kind.distribution, correction.t_df(n, k, clusters[v])))
    return vcov, note, df, clusters


def _positive(meat: Floats, gross: float, iid: Floats, effect: Floats) -> bool:
    variance, reference = float(effect @ meat @ effect), float(effect @ iid @ effect)
    return variance > NO_VARIANCE * reference and variance > CANCELLED * gross


def _influence(absorber: Absorber, solution: Solution) -> tuple[Floats, Floats]:
    """Give the rows' influences (n, k + 1), in own units, and the bread for an RSS in the basis's."""
    rows, scale = solution.rows, solution.scale
    n = len(rows)
    residual = rows[:, -1:]
    slopes = rows[:, :-1] @ (solution.inverse.T * solution.unit) * residual
    weights = absorber.weights
    root = np.ones(n) if weights is None else np.sqrt(weights / weights.mean())
    constant = root * residual[:, 0] * scale / n - slopes @ solution.means
    half = (solution.inverse * solution.unit[:, None]).T
    half = np.column_stack([half, -half @ solution.means])
    bread = half.T @ half
    bread[-1, -1] += scale**2 / n
    return np.column_stack([slopes, constant]), bread


def _meat(
    vcov: Vcov, codes: Mapping[int, Ints], influence: Floats, iid: Floats, effect: Floats
) -> tuple[Floats, float, int]:
    """Give the matrix before its correction, the effect's variance without signs, and the clusters."""
    if vcov.kind == "iid":
        return iid, 0.0, -1
    total, gross, sizes = np.zeros_like(iid), 0.0, []
    for sign, key in wanted_clusterings(vcov):
        scores = influence
        if key:
            cluster = cluster_codes(codes, key)
            sizes += [int(cluster.max()) + 1] if sign > 0 else []
            scores = np.array([np.bincount(cluster, column) for column in influence.T]).T
        total += sign * (scores.T @ scores)
        gross += float(((scores @ effect) ** 2).sum())
    return total, gross, min(sizes, default=-1)


