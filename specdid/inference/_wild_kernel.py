"""The null-imposed wild cluster bootstrap of many regressions by matrix products, no refit.

For one regression of y on D, controls X and effects, with everything residualised (and
multiplied by the root of the weights): D~ is D less all other regressors, u~ is y less
the same (the null imposed), and W = [D~, X, effects not nested in the cluster]. For
signs v_g on clusters (Cameron, Gelbach and Miller 2008; Roodman et al. 2019):

    s_g = sum D~ u~        q_g = sum W u~        H_g = sum D~ W'        A = (W'W)^-1
    beta^b = sum_g v_g s_g / sum D~^2
    r_g^b  = v_g s_g - H_g A sum_h v_h q_h
    t^b    = sum_g v_g s_g / sqrt(c sum_g (r_g^b)^2)

The columns of a batch are residualised on all effects. D~, X and the effects' dummies
are then orthogonal blocks of W, so that A is block diagonal, and effects nested in the
cluster drop out. The first draw is v = 1: the real statistic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from specdid.inference._base import Floats, Ints
from specdid.inference._carried import Carried, Stack

FEW_CELLS = 400_000
"""Products below which they are all formed at once rather than cluster by cluster."""


CACHED = 2**15
"""Cells of signed scores that are formed together: what fits the cache."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """A batch's sums: same rows, effects and weights.

    Attributes
    ----------
    gram : (G, K, K) float64, cross products of the K columns within each cluster.
    total : (K, K), their sum.
    carried : the effects that are not nested in the cluster.
    """

    gram: Floats
    total: Floats
    carried: tuple[Carried, ...] | Stack


@dataclass(frozen=True, slots=True)
class Family:
    """Regressions of a batch with the same number k of controls, as positions of columns.

    outcome, treatment : (m,); controls : (m, k); correction : (m,) the CRV1 factor.
    """

    outcome: Ints
    treatment: Ints
    controls: Ints
    correction: Floats


def solve(total: Floats, family: Family) -> tuple[Floats, Floats, Floats, Floats]:
    """Residualise treatment and outcome on the controls.

    Parameters
    ----------
    total : (K, K) cross products of the batch's columns.

    Returns
    -------
    d, u : (K, m) coefficients of D~ and u~ in the batch's columns.
    dd : (m,) sum of D~².
    inverse : (m, k, k) inverse of the controls' cross product.
    """
    m, k = family.controls.shape
    rows = np.arange(m)
    d, u = np.zeros((len(total), m)), np.zeros((len(total), m))
    inverse = np.zeros((m, k, k))
    if k:
        a = total[family.controls[:, :, None], family.controls[:, None, :]]
        right = np.stack(
            [
                total[family.controls, family.treatment[:, None]],
                total[family.controls, family.outcome[:, None]],
            ],
            axis=2,
        )
        inverse = _inverse(a)
        coefficients = inverse @ right
        coefficients += inverse @ (right - a @ coefficients)
        d[family.controls, rows[:, None]] = -coefficients[:, :, 0]
        u[family.controls, rows[:, None]] = -coefficients[:, :, 1]
    d[family.treatment, rows] = 1.0
    u[family.outcome, rows] = 1.0
    return d, u, np.asarray((d * (total @ d)).sum(axis=0)), inverse


def _inverse(a: Floats) -> Floats:
    """Invert each of (m, k, k); one that is singular becomes NaN, and with it the test of that regression."""
    try:
        return np.asarray(np.linalg.inv(a), np.float64)
    except np.linalg.LinAlgError:
        if len(a) == 1:
            return np.full(a.shape, np.nan)
        return np.concatenate([_inverse(one[None]) for one in a])


def wild_draws(
    blocks: Blocks, family: Family, signs: Floats, squares: Floats | None
) -> tuple[Floats, Floats, Floats]:
    """Draw the coefficient and t of every regression of a family.

    Parameters
    ----------
    signs : (G, B) float64; a column of ones gives the real statistics.
    squares : (G, B) float64, their squares, or None where all are 1.

    Returns
    -------
    estimate, statistic, std_error : (m, B) float64
    """
    scores = cluster_scores(blocks, family)
    k = family.controls.shape[1]
    if isinstance(blocks.carried, Stack):
        omega = _signed(np.concatenate([scores.s[:, None, :], scores.q], axis=1), signs)
        ss = _direct(blocks.carried, scores, omega, signs)
    else:
        weighted = scores.s[:, None, :] * scores.c
        products = _signed(np.concatenate([scores.s[:, None, :], scores.q, weighted], axis=1), signs)
        omega, crossed = products[:, : 1 + k], products[:, 1 + k :]
        own = scores.s**2
        ss = own.sum(axis=1)[:, None] if squares is None else own @ squares
        ss = ss - 2 * np.einsum("mpb,mpb->mb", omega, crossed)
        ss += _quadratic(omega, scores.c @ scores.c.transpose(0, 2, 1))
        for part in blocks.carried:
            ss += _expanded(part, scores, omega, signs)
    error = np.sqrt(np.maximum(ss, 0.0) * family.correction[:, None])
    dd = scores.dd[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        return omega[:, 0] / dd, omega[:, 0] / error, error / dd


@dataclass(frozen=True, slots=True)
class Scores:
    """Sums of a family by cluster.

    Attributes
    ----------
    d, u : (K, m) coefficients of D~ and u~ in the batch's columns; dd : (m,)
    s : (m, G); q : (m, k, G); c : (m, 1 + k, G), A H_g' for D~ and the controls
    """

    d: Floats
    u: Floats
    dd: Floats
    s: Floats
    q: Floats
    c: Floats


def cluster_scores(blocks: Blocks, family: Family) -> Scores:
    """Form s, q and c of every regression."""
    g, width, _ = blocks.gram.shape
    m = len(family.outcome)
    d, u, dd, inverse = solve(blocks.total, family)
    rows = np.arange(m)[:, None]
    both = (blocks.gram.reshape(g * width, width) @ np.hstack([u, d])).reshape(g, width, 2 * m)
    s = np.einsum("gkm,km->mg", both[:, :, :m], d)
    own = np.einsum("gkm,km->mg", both[:, :, m:], d)
    q = both[:, family.controls, rows].transpose(1, 2, 0)
    h = both[:, family.controls, rows + m].transpose(1, 2, 0)
    c = np.concatenate([(own / dd[:, None])[:, None, :], inverse @ h], axis=1)
    return Scores(d, u, dd, s, q, c)


def _signed(columns: Floats, signs: Floats) -> Floats:
    """Sum signed columns over clusters: (m, p, G) and (G, B) give (m, p, B)."""
    m, p, g = columns.shape
    return np.asarray((columns.reshape(m * p, g) @ signs).reshape(m, p, -1))


def _quadratic(omega: Floats, matrix: Floats) -> Floats:
    return np.asarray(np.einsum("mpb,mpb->mb", matrix @ omega, omega))


def _direct(stack: Stack, scores: Scores, omega: Floats, signs: Floats) -> Floats:
    """Sum the squared scores, formed one by one.

    Within a set of clusters the dummies' part of r is linear in these clusters' signs,
    (H A q') v, a small square matrix.
    """
    width, sets, g, levels = stack.cells.shape
    flat = stack.cells.reshape(width, -1)
    m = scores.d.shape[1]
    h = (scores.d.T @ flat).reshape(m, sets, g, levels)
    q = (scores.u.T @ flat).reshape(m, sets, g, levels)
    matrix = -(h @ stack.inverse) @ q.transpose(0, 1, 3, 2)
    at = np.arange(g)
    padded = np.concatenate([scores.s, np.zeros((m, 1))], axis=1)
    matrix[:, :, at, at] += padded[:, stack.clusters]
    c = np.concatenate([scores.c, np.zeros((*scores.c.shape[:2], 1))], axis=2)[:, :, stack.clusters]
    c = np.ascontiguousarray(c.reshape(m, -1, sets * g).transpose(0, 2, 1))
    index = np.minimum(stack.clusters, len(signs) - 1).ravel()  # padding meets zeros of the matrix
    out = np.empty((m, signs.shape[1]))
    step = max(32, CACHED // (sets * g))
    for first in range(0, signs.shape[1], step):
        some = slice(first, first + step)
        mine = signs[:, some][index].reshape(sets, g, -1)
        for one in range(m):
            score = (matrix[one] @ mine).reshape(sets * g, -1)
            score -= c[one] @ omega[one, :, some]
            out[one, some] = np.einsum("gb,gb->b", score, score)
    return out


def _expanded(part: Carried, scores: Scores, omega: Floats, signs: Floats) -> Floats:
    """Give what the component adds to the sum of squared scores, the square multiplied out."""
    loads, q = _loads(part, scores)
    mine = part.clusters
    c = loads.transpose(0, 2, 1)
    signed = signs if len(mine) == len(signs) else signs[mine]
    if part.signed is None:
        mine_omega = q.transpose(0, 2, 1) @ signed
    else:
        mine_omega = (scores.u.T @ part.signed.reshape(len(scores.u), -1)).reshape(*c.shape[:2], -1)
    linear = _signed(scores.s[:, None, mine] * c, signed)
    linear -= (c @ scores.c[:, :, mine].transpose(0, 2, 1)) @ omega
    out = -2 * np.einsum("mlb,mlb->mb", mine_omega, linear)
    return np.asarray(out + _quadratic(mine_omega, c @ loads))


def _loads(part: Carried, scores: Scores) -> tuple[Floats, Floats]:
    """Give A H_g' and q_g of the dummies, (m, G_b, L) each."""
    width, g, levels = part.cells.shape
    m = scores.d.shape[1]
    flat = part.cells.reshape(width, g * levels)
    h = (scores.d.T @ flat).reshape(m * g, levels)
    return (h @ part.inverse).reshape(m, g, levels), (scores.u.T @ flat).reshape(m, g, levels)


def cluster_gram(columns: Floats, clusters: Ints, n_clusters: int) -> Floats:
    """Cross products of columns within clusters: (n, K) and (n,) give (G, K, K)."""
    sorted_columns = columns
    if (np.diff(clusters) < 0).any():
        order = np.argsort(clusters, kind="stable")
        clusters, sorted_columns = clusters[order], columns[order]
    bounds = np.searchsorted(clusters, np.arange(n_clusters))
    k = columns.shape[1]
    if len(columns) * k * k < FEW_CELLS:
        products = (sorted_columns[:, :, None] * sorted_columns[:, None, :]).reshape(len(columns), k * k)
        return np.asarray(np.add.reduceat(products, bounds, axis=0).reshape(n_clusters, k, k))
    ends = [*bounds[1:], len(columns)]
    blocks = (sorted_columns[start:stop] for start, stop in zip(bounds, ends, strict=True))
    return np.stack([block.T @ block for block in blocks])
