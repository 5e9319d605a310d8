"""Small-sample corrections and what follows from a standard error: t, p and confidence limits.

With N rows, k coefficients of columns and m fixed effects of L_j levels,

    K_fe = Σ_j L_j − (m − 1)
    iid, hetero   df_k = k + K_fe;   V = (X'X)⁻¹ × RSS / (N − df_k),
                  V = sandwich × N / (N − df_k);   t with N − df_k
    cluster       df_k = k + K_fe − Σ_nested L_j + #nested
                  V = sandwich × (N − 1) / (N − df_k) × G / (G − 1);   t with G − 1
    two clusters  V = V₁ + V₂ − V₁₂, each with G = min(G₁, G₂)

An effect is nested when each of its levels lies in one cluster of either variable.
These are fixest's defaults (K.fixef = "nonnested", t.df = "min", G.df = "min"), verified
against pyfixest 0.60 and fixest 0.12. A varying slope counts one parameter per level of its
effect, nested or not (fixest 0.12, vcov.fixest); without any effect the intercept is one
effect of one level, so that k counts slopes of columns only.

That is the rule "fixest". The others, which a vcov may name as its ``ssc``, are

    reghdfe   as fixest, but redundant parameters are not counted (reghdfe 6.12, estimate_dof,
              dofadjustments(pairwise clusters continuous)): of a later effect that is not nested
              as many as it has connected components with an earlier one, at the most; of a slope
              one for each level within which it is constant. t with the lower of G − 1 and
              N − k − absorbed, where absorbed leaves out the constant if an effect is nested.
    lsdv      every fixed effect and slope as a column of its own, nested or not: df_k = k + the
              rank of these columns. As regress and statsmodels' OLS with dummies, R's lm with
              sandwich::vcovCL(type = "HC1").
    areg      the same count: Stata's areg takes the absorbed effect's levels from N also where
              they are nested in the clusters (Stata 18 [R] areg, Methods and formulas).
    glm       nothing of the model is counted: V = sandwich × N / (N − 1), or × G / (G − 1); iid as
              fixest. As Stata's maximum likelihood commands (Stata 18 [P] _robust) and ppmlhdfe.
    none      V = sandwich (HC0, CR0), and (X'X)⁻¹ × RSS / N

with fixest's t where nothing else is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from specdid._arrays import Bools, Floats, Ints
from specdid._study import Distribution, Rule, VcovKind
from specdid.engine.demean import count_components, rank_of

Slopes = tuple[tuple[Ints, Floats], ...]

MOST_LEVELS = 3_000
"""Levels beside the largest effect's up to which the rank of three effects, or of slopes, is found."""


@dataclass(frozen=True, slots=True)
class Correction:
    """How one vcov is corrected on given rows, whatever k.

    Attributes
    ----------
    kind, rule : of the vcov
    absorbed : () or (M,)
        Parameters of the fixed effects in df_k; -1 where the rule could not count them.
    spare : () or (M,)
        1 where reghdfe's residual degrees of freedom have the constant back.
    """

    kind: VcovKind
    rule: Rule
    absorbed: ArrayLike
    spare: ArrayLike = 0

    def df_k(self, k: ArrayLike) -> Ints:
        """Return the parameters that are counted, k of them coefficients of columns."""
        return np.asarray(np.asarray(k, np.int64) + np.asarray(self.absorbed, np.int64))

    def factor(self, nobs: ArrayLike, k: ArrayLike, n_clusters: ArrayLike = -1) -> Floats:
        """Return what the sandwich (iid: RSS times the bread) is multiplied with; see `variance_factor`."""
        usual = variance_factor(self.kind, nobs, self.df_k(k), n_clusters)
        if self.rule not in ("glm", "none"):
            return np.asarray(np.where(np.asarray(self.absorbed) < 0, np.nan, usual))
        n, g = (np.asarray(a, dtype=np.float64) for a in (nobs, n_clusters))
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.rule == "none":
                found = 1.0 / n if self.kind == "iid" else np.ones_like(n)
            else:
                found = {"iid": usual, "hetero": n / (n - 1), "cluster": g / (g - 1)}[self.kind]
        return np.asarray(np.where(np.isnan(usual), np.nan, found))

    def t_df(self, nobs: ArrayLike, k: ArrayLike, n_clusters: ArrayLike = -1) -> Floats:
        """Return the degrees of freedom of the t distribution."""
        found = t_df(self.kind, nobs, self.df_k(k), n_clusters)
        if self.rule == "reghdfe" and self.kind == "cluster":
            left = np.asarray(nobs) - self.df_k(k) + np.asarray(self.spare)
            found = np.minimum(found, left)
        return np.asarray(found, dtype=np.float64)


def correction(
    kind: VcovKind, rule: Rule, effects: tuple[Ints, ...], slopes: Slopes = (), clusters: tuple[Ints, ...] = ()
) -> Correction:
    """Count what the fixed effects take under a rule.

    Parameters
    ----------
    effects : of (n,) int64, levels from 0 without gaps; the intercept alone is one effect of one level
    slopes : of ((n,) int64 codes, (n,) float64 values)
    clusters : of (n,) int64, for kind "cluster"
    """
    if rule in ("lsdv", "areg"):
        return Correction(kind, rule, _rank(effects, slopes))
    nested = [kind == "cluster" and is_nested(e, clusters) for e in effects]
    if rule == "reghdfe":
        redundant = [_redundant(effects, nested, j) for j in range(len(effects))]
        count = sum(_size(e) - r for e, r in zip(effects, redundant, strict=True))
        count += sum(_varying(codes, x, effects) for codes, x in slopes)
        return Correction(kind, rule, count + any(nested), int(any(nested)))
    levels = [_size(e) for e in effects]
    counted = absorbed_parameters(levels, nested if kind == "cluster" else None, sum(_size(c) for c, _ in slopes))
    return Correction(kind, rule, int(counted))


def _size(codes: Ints) -> int:
    return int(codes.max(initial=-1)) + 1


def _redundant(effects: tuple[Ints, ...], nested: list[bool], j: int) -> int:
    """Count the levels of effect j that reghdfe takes for redundant."""
    if nested[j]:
        return _size(effects[j])
    earlier = [effects[i] for i in range(j) if not nested[i]]
    return max([int(bool(j) or any(nested)), *(count_components(e, effects[j]) for e in earlier)])


def _varying(codes: Ints, x: Floats, effects: tuple[Ints, ...]) -> int:
    """Count the levels in which a slope's variable varies or, without dummies of its levels, is not zero."""
    low, high = np.full((2, _size(codes)), np.inf)
    np.minimum.at(low, codes, x)
    np.minimum.at(high, codes, -x)
    if any(np.array_equal(e, codes) for e in effects):
        return int((-high > low).sum())
    return int(((low != 0) | (high != 0)).sum())


def _rank(effects: tuple[Ints, ...], slopes: Slopes) -> int:
    """Return the rank of the columns that effects and slopes are; -1 where they are too many."""
    sizes = [_size(c) for c in (*effects, *(c for c, _ in slopes))]
    if len(sizes) == 1 and not slopes:
        return sizes[0]
    if len(sizes) == 2 and not slopes:
        return sum(sizes) - count_components(*effects)
    return rank_of(effects, slopes) if sum(sizes) - max(sizes) <= MOST_LEVELS else -1


def is_nested(effect: Ints, clusters: tuple[Ints, ...]) -> bool:
    """Tell whether each level of ``effect`` lies in one cluster of any of ``clusters``.

    Parameters
    ----------
    effect : (n,) int64, levels from 0
    clusters : (n,) int64 each
    """
    return any(_constant_within(effect, cluster) for cluster in clusters)


def _constant_within(effect: Ints, cluster: Ints) -> bool:
    size = int(effect.max()) + 1 if len(effect) else 0
    seen = np.zeros(size, dtype=np.int64)
    seen[effect] = cluster
    return bool((seen[effect] == cluster).all())


def absorbed_parameters(
    levels: Sequence[Any] | Ints, nested: Sequence[Any] | Bools | None = None, slopes: Any = 0
) -> Ints:
    """Count the parameters of the fixed effects that enter df_k.

    Parameters
    ----------
    levels : (m,) or (m, M)
        Levels of each effect (in each of M samples).
    nested : (m,) or (m, M) bool
        Which effects are nested in the clusters; None for iid and hetero.
    slopes : () or (M,)
        Parameters of varying slopes that count.

    Returns
    -------
    () or (M,) int64
    """
    count = sum(levels) - max(len(levels) - 1, 0) + slopes
    if nested is not None:
        count = count - sum((size - 1) * inside for size, inside in zip(levels, nested, strict=True))
    return np.asarray(count, dtype=np.int64)


def variance_factor(kind: VcovKind, nobs: ArrayLike, df_k: ArrayLike, n_clusters: ArrayLike = -1) -> Floats:
    """Return what the sandwich (iid: RSS times the bread) is multiplied with; NaN without degrees of freedom.

    Parameters
    ----------
    nobs, df_k, n_clusters : broadcast against each other
        ``n_clusters`` is the smaller one of two, and is read for kind "cluster" only.
    """
    n, k, g = (np.asarray(a, dtype=np.float64) for a in (nobs, df_k, n_clusters))
    with np.errstate(divide="ignore", invalid="ignore"):
        rows = {"iid": np.ones(()), "hetero": n, "cluster": n - 1}[kind] / (n - k)
        factor = rows * (g / (g - 1)) if kind == "cluster" else rows
    usable = (n > k) & (g > 1) if kind == "cluster" else n > k
    return np.asarray(np.where(usable, factor, np.nan))


def cluster_factor(nobs: int, df_k: int, n_clusters: int) -> float:
    """Return the `variance_factor` of one clustered regression: the same number, without arrays."""
    if nobs <= df_k or n_clusters <= 1:
        return float("nan")
    return (nobs - 1) / (nobs - df_k) * (n_clusters / (n_clusters - 1))


def t_df(kind: VcovKind, nobs: ArrayLike, df_k: ArrayLike, n_clusters: ArrayLike = -1) -> Floats:
    """Return the degrees of freedom of the t distribution."""
    if kind == "cluster":
        return np.asarray(n_clusters, dtype=np.float64) - 1.0
    return np.asarray(nobs, dtype=np.float64) - np.asarray(df_k, dtype=np.float64)


def freedom(distribution: Distribution | None, df: Floats) -> Floats:
    """Return the degrees of freedom under a distribution that was asked for: inf is the normal one."""
    return np.full_like(df, np.inf) if distribution == "normal" else df


def t_inference(estimate: Floats, std_error: Floats, df: Floats, alpha: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Return t, two-sided p, and the limits of the confidence interval at 1 − alpha.

    Parameters
    ----------
    estimate, std_error, df : broadcast against each other; df inf is the normal distribution
    """
    from scipy.special import ndtr, stdtr

    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.asarray(estimate / std_error)
    below = -np.abs(statistic)
    p_value = np.asarray(2.0 * np.where(np.isinf(df), ndtr(below), stdtr(df, below)))
    margin = critical_values(df, alpha) * std_error
    return statistic, p_value, np.asarray(estimate - margin), np.asarray(estimate + margin)


def critical_values(df: Floats, alpha: float) -> Floats:
    """Return the 1 − alpha/2 quantiles of t; each distinct df is inverted once."""
    from scipy.special import ndtri, stdtrit

    distinct, place = np.unique(np.asarray(df, dtype=np.float64), return_inverse=True)
    quantile = np.where(np.isinf(distinct), ndtri(1.0 - alpha / 2.0), stdtrit(distinct, 1.0 - alpha / 2.0))
    return np.asarray(quantile[place.reshape(-1)].reshape(np.shape(df)))
