"""Coefficients and cluster-robust t of many regressions under permuted treatments, by matrix products.

With everything residualised on the effects (and times the root of the weights), a
regression of y on D and controls X has, for draw b,

    gamma = (X'X)^-1 X'D_b    beta = (D_b'y - gamma'X'y) / (D_b'D_b - gamma'X'D_b)
    d = D_b - X gamma         e = y - X delta - beta d
    t = beta (d'd) / sqrt(c sum_g (sum_{i in g} d_i e_i)^2)

Each cluster's score is linear in its cross products of pairs of columns, so that
sum_g score_g^2 = theta' T_b theta with T_b the cross product, over clusters, of these
pairs; T_b is formed once per draw for all regressions of a batch. Arrays have the draws
last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from specdid.inference._base import Floats, Ints


@dataclass(frozen=True, slots=True)
class Pairs:
    """A batch's cross products for one treatment.

    Attributes
    ----------
    total : (K, K) cross products of the fixed columns (controls and outcomes).
    fixed : (P, P) cross products over clusters of pairs of fixed columns, P = K (K + 1) / 2.
    place : (K, K) int64, the pair of two columns.
    with_d : (K, B) cross products of the fixed columns with D.
    d_d : (B,) sum of D².
    mixed : (P, K + 1, B) cross products over clusters of fixed pairs with (column, D), last (D, D).
    both : (K + 1, K + 1, B) the same of the pairs with D.
    """

    total: Floats
    fixed: Floats
    place: Ints
    with_d: Floats
    d_d: Floats
    mixed: Floats
    both: Floats


def make_pairs(columns: Floats, treatments: Floats, clusters: Ints, n_clusters: int) -> Pairs:
    """Form the cross products.

    Parameters
    ----------
    columns : (n, K) fixed columns; treatments : (n, B); clusters : (n,) from 0.
    """
    x, d = columns, treatments
    if (np.diff(clusters) < 0).any():
        order = np.argsort(clusters, kind="stable")
        clusters, x, d = clusters[order], columns[order], treatments[order]
    bounds = np.searchsorted(clusters, np.arange(n_clusters + 1))
    k, b = x.shape[1], d.shape[1]
    upper = np.triu_indices(k)
    place = np.zeros((k, k), np.int64)
    place[upper] = np.arange(len(upper[0]))
    place = np.maximum(place, place.T)
    fixed = np.empty((n_clusters, len(upper[0])))
    with_d = np.empty((n_clusters, k + 1, b))
    for g in range(n_clusters):
        here = slice(bounds[g], bounds[g + 1])
        fixed[g] = (x[here].T @ x[here])[upper]
        with_d[g, :k] = x[here].T @ d[here]
        with_d[g, k] = np.einsum("ib,ib->b", d[here], d[here])
    sums = with_d.sum(axis=0)
    mixed = (fixed.T @ with_d.reshape(n_clusters, -1)).reshape(-1, k + 1, b)
    both = np.einsum("gib,gjb->ijb", with_d, with_d, optimize=True)
    return Pairs(x.T @ x, fixed.T @ fixed, place, sums[:k], sums[k], mixed, both)


def permutation_draws(pairs: Pairs, outcome: int, controls: Ints, correction: float) -> tuple[Floats, Floats, Floats]:
    """Give the coefficient, t and standard error of one regression in every draw, (B,) each."""
    k = len(controls)
    a = pairs.total[np.ix_(controls, controls)]
    inverse = np.linalg.inv(a) if k else np.zeros((0, 0))
    xd, xy = pairs.with_d[controls], pairs.total[controls, outcome]
    gamma, delta = inverse @ xd, inverse @ xy
    gamma += inverse @ (xd - a @ gamma)
    dd = pairs.d_d - np.einsum("kb,kb->b", gamma, xd)
    with np.errstate(divide="ignore", invalid="ignore"):
        beta = (pairs.with_d[outcome] - delta @ xd) / dd
        squares = _squared_scores(pairs, outcome, controls, gamma, delta, beta)
        error = np.sqrt(np.maximum(squares, 0.0) * correction) / dd
        return beta, beta / error, error


def _squared_scores(pairs: Pairs, outcome: int, controls: Ints, gamma: Floats, delta: Floats, beta: Floats) -> Floats:
    """Sum over clusters of (sum d e)², as a quadratic form in the pairs of columns."""
    k, b = gamma.shape
    rest = beta * gamma - delta[:, None]
    rows, cols = np.triu_indices(k)
    products = -(gamma[rows] * rest[cols] + gamma[cols] * rest[rows])
    products[rows == cols] *= 0.5
    theta = np.concatenate([products, -gamma])
    places = np.concatenate([pairs.place[controls[rows], controls[cols]], pairs.place[controls, outcome]])
    with_d = np.concatenate([rest + beta * gamma, np.ones((1, b)), -beta[None]])
    columns = np.concatenate([controls, [outcome, len(pairs.total)]])
    both = pairs.both[np.ix_(columns, columns)]
    out = np.einsum("ib,ijb,jb->b", with_d, both, with_d, optimize=True)
    if k:
        out += np.einsum("pb,pb->b", theta, pairs.fixed[np.ix_(places, places)] @ theta)
        mixed = pairs.mixed[np.ix_(places, columns)]
        out += 2.0 * np.einsum("pb,pb->b", theta, np.einsum("pjb,jb->pb", mixed, with_d))
    return np.asarray(out)
