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

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from specdid.inference._base import Floats, Ints


@dataclass(frozen=True, slots=True)
class Carried:
    """Dummies of effects not nested in the cluster, within one set of clusters they connect.

    Attributes
    ----------
    clusters : (G_b,) int64, positions among the batch's clusters.
    cells : (K, G_b, L) float64
        Sums of each column within cluster × level.
    inverse : (L, L) float64
        Pseudo-inverse of the dummies' cross product after the nested effects.
    """

    clusters: Ints
    cells: Floats
    inverse: Floats


@dataclass(frozen=True, slots=True)
class Blocks:
    """A batch's sums: same rows, effects and weights.

    Attributes
    ----------
    gram : (G, K, K) float64, cross products of the K columns within each cluster.
    carried : the effects that are not nested in the cluster.
    """

    gram: Floats
    carried: tuple[Carried, ...]


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
        inverse = np.asarray(np.linalg.inv(a), np.float64)
        coefficients = inverse @ right
        coefficients += inverse @ (right - a @ coefficients)
        d[family.controls, rows[:, None]] = -coefficients[:, :, 0]
        u[family.controls, rows[:, None]] = -coefficients[:, :, 1]
    d[family.treatment, rows] = 1.0
    u[family.outcome, rows] = 1.0
    return d, u, np.einsum("km,kl,lm->m", d, total, d, optimize=True), inverse


def wild_draws(blocks: Blocks, family: Family, signs: Floats) -> tuple[Floats, Floats, Floats]:
    """Draw the coefficient and t of every regression of a family.

    Parameters
    ----------
    signs : (B, G) float64; a row of ones gives the real statistics.

    Returns
    -------
    estimate, statistic, std_error : (m, B) float64
    """
    g, width, _ = blocks.gram.shape
    m, k = family.controls.shape
    d, u, dd, inverse = solve(blocks.gram.sum(axis=0), family)
    rows = np.arange(m)[:, None]
    with_u = (blocks.gram.reshape(g * width, width) @ u).reshape(g, width, m)
    with_d = (blocks.gram.reshape(g * width, width) @ d).reshape(g, width, m)
    s = np.einsum("gkm,km->mg", with_u, d)
    own = np.einsum("gkm,km->mg", with_d, d)
    q = with_u[:, family.controls, rows].transpose(1, 2, 0)
    h = with_d[:, family.controls, rows].transpose(1, 2, 0)
    c = np.concatenate([(own / dd[:, None])[:, None, :], inverse @ h], axis=1)
    products = _signed(signs, np.concatenate([s[:, None, :], q, s[:, None, :] * c], axis=1))
    omega, crossed = products[:, :, : 1 + k], products[:, :, 1 + k :]
    squares = (signs**2) @ (s**2).T
    ss = squares.T - 2 * np.einsum("mbp,mbp->mb", omega, crossed) + _quadratic(omega, c @ c.transpose(0, 2, 1))
    for part in blocks.carried:
        ss += _carried(part, d, u, s, c, omega, signs)
    sums = omega[:, :, 0]
    error = np.sqrt(np.maximum(ss, 0.0) * family.correction[:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        return sums / dd[:, None], sums / error, error / dd[:, None]


def _signed(signs: Floats, columns: Floats) -> Floats:
    """Sum signed columns over clusters: (B, G) and (m, p, G) give (m, B, p)."""
    m, p, g = columns.shape
    return np.ascontiguousarray((signs @ columns.reshape(m * p, g).T).reshape(-1, m, p).transpose(1, 0, 2))


def _quadratic(omega: Floats, matrix: Floats) -> Floats:
    return np.asarray(np.einsum("mbp,mbp->mb", omega @ matrix, omega))


def _carried(part: Carried, d: Floats, u: Floats, s: Floats, c: Floats, omega: Floats, signs: Floats) -> Floats:
    """Give what the effects not nested in the cluster add to the sum of squared scores."""
    width, g, levels = part.cells.shape
    m = d.shape[1]
    mine = np.ascontiguousarray(signs[:, part.clusters])
    flat = part.cells.reshape(width, g * levels)
    h = (d.T @ flat).reshape(m, g, levels)
    mine_c = (h @ part.inverse).transpose(0, 2, 1)
    signed_cells = np.matmul(mine, part.cells).reshape(width, -1)
    mine_omega = (u.T @ signed_cells).reshape(m, -1, levels)
    crossed = _signed(mine, s[:, None, part.clusters] * mine_c)
    across = c[:, :, part.clusters] @ mine_c.transpose(0, 2, 1)
    linear = crossed - omega @ across
    out = -2 * np.einsum("mbp,mbp->mb", mine_omega, linear)
    return np.asarray(out + _quadratic(mine_omega, mine_c @ mine_c.transpose(0, 2, 1)))


def cluster_gram(columns: Floats, clusters: Ints, n_clusters: int) -> Floats:
    """Cross products of columns within clusters: (n, K) and (n,) give (G, K, K)."""
    order = np.argsort(clusters, kind="stable")
    sorted_columns, bounds = columns[order], np.searchsorted(clusters[order], np.arange(n_clusters + 1))
    out = np.empty((n_clusters, columns.shape[1], columns.shape[1]))
    for g in range(n_clusters):
        block = sorted_columns[bounds[g] : bounds[g + 1]]
        out[g] = block.T @ block
    return out


def carry(
    columns: Floats,
    clusters: Ints,
    n_clusters: int,
    levels: Sequence[Ints],
    n_levels: int,
    crossed: Callable[[Ints, Ints], Floats],
    root: Floats | None,
) -> tuple[Carried, ...]:
    """Lay out the dummies of effects not nested in the cluster, by connected component.

    Parameters
    ----------
    columns : (n, K), residualised on all effects and times the root of the weights.
    levels : for each effect its (n,) levels, numbered over all effects from 0.
    crossed : (rows, own levels) -> cross product of these dummies after the nested effects.
    root : (n,) root of the weights, or None.
    """
    of_cluster, of_level, count = _components(clusters, n_clusters, levels, n_levels)
    of_row = of_cluster[clusters]
    order = np.argsort(of_row, kind="stable")
    bounds = np.searchsorted(of_row[order], np.arange(count + 1))
    weighted = columns if root is None else columns * root[:, None]
    parts = []
    for component in range(count):
        mine = np.flatnonzero(of_cluster == component)
        own = np.flatnonzero(of_level == component)
        rows = order[bounds[component] : bounds[component + 1]]
        g, size = np.searchsorted(mine, clusters[rows]), len(own)
        cells = np.zeros((columns.shape[1], len(mine) * size))
        for effect in levels:
            place = g * size + np.searchsorted(own, effect[rows])
            for k in range(len(cells)):
                cells[k] += np.bincount(place, weights=weighted[rows, k], minlength=len(mine) * size)
        inverse = np.asarray(np.linalg.pinv(crossed(rows, own), rcond=1e-10, hermitian=True), np.float64)
        parts.append(Carried(mine, cells.reshape(-1, len(mine), size), inverse))
    return tuple(parts)


def _components(clusters: Ints, n_clusters: int, levels: Sequence[Ints], n_levels: int) -> tuple[Ints, Ints, int]:
    """Give numbers to the sets of clusters and levels that rows connect: of each cluster, of each level."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    rows = np.concatenate([clusters] * len(levels))
    columns = np.concatenate(list(levels)) + n_clusters
    links = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(n_clusters + n_levels,) * 2)
    count, label = connected_components(links, directed=False)
    return label[:n_clusters].astype(np.int64), label[n_clusters:].astype(np.int64), int(count)
