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
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Kind = Literal["iid", "hetero", "cluster"]


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


def absorbed_parameters(levels: ArrayLike, nested: ArrayLike | None = None, slopes: ArrayLike = 0) -> Ints:
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
    size = np.asarray(levels, dtype=np.int64)
    count = size.sum(axis=0) - max(len(size) - 1, 0) + np.asarray(slopes, dtype=np.int64)
    if nested is not None and len(size):
        inside = np.asarray(nested, dtype=bool)
        inside = inside.reshape(inside.shape + (1,) * (size.ndim - inside.ndim))
        count = count - np.where(inside, size - 1, 0).sum(axis=0)
    return np.asarray(count, dtype=np.int64)


def variance_factor(kind: Kind, nobs: ArrayLike, df_k: ArrayLike, n_clusters: ArrayLike = -1) -> Floats:
    """Give what the sandwich (iid: RSS times the bread) is multiplied with; NaN without degrees of freedom.

    Parameters
    ----------
    nobs, df_k, n_clusters : broadcast against each other
        ``n_clusters`` is the smaller one of two, and is read for kind "cluster" only.
    """
    n, k, g = (np.asarray(a, dtype=np.float64) for a in (nobs, df_k, n_clusters))
    with np.errstate(divide="ignore", invalid="ignore"):
        rows = {"iid": 1.0 / (n - k), "hetero": n / (n - k), "cluster": (n - 1) / (n - k)}[kind]
        factor = rows * (g / (g - 1)) if kind == "cluster" else rows
    usable = (n > k) & (g > 1) if kind == "cluster" else n > k
    return np.asarray(np.where(usable, factor, np.nan))


def t_df(kind: Kind, nobs: ArrayLike, df_k: ArrayLike, n_clusters: ArrayLike = -1) -> Floats:
    """Give the degrees of freedom of the t distribution."""
    if kind == "cluster":
        return np.asarray(n_clusters, dtype=np.float64) - 1.0
    return np.asarray(nobs, dtype=np.float64) - np.asarray(df_k, dtype=np.float64)


def t_inference(
    estimate: Floats, std_error: Floats, df: Floats, alpha: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """Give t, two-sided p, and the limits of the confidence interval at 1 − alpha.

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
    """Give the 1 − alpha/2 quantiles of t; each distinct df is inverted once."""
    from scipy.special import ndtri, stdtrit

    distinct, place = np.unique(np.asarray(df, dtype=np.float64), return_inverse=True)
    quantile = np.where(np.isinf(distinct), ndtri(1.0 - alpha / 2.0), stdtrit(distinct, 1.0 - alpha / 2.0))
    return np.asarray(quantile[place.reshape(-1)].reshape(np.shape(df)))
