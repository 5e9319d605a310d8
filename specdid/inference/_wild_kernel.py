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

Another effect than none may be imposed. With y - b D in the place of y and b = -x se, u~
becomes u~ + x se D~: s, q and r are linear in x, with o_g = sum D~^2 and H_g' in the place of
s_g and q_g, and the sum of r^2 is quadratic. Three sums, of the two parts' squares and of
their product, give t^b under every effect, without another draw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from specdid.inference._base import Floats, Ints
from specdid.inference._crossed_effects import Carried, Stack

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
) -> tuple[Floats, Floats, Floats, Floats]:
    """Draw the coefficient and t of every regression of a family.

    Parameters
    ----------
    signs : (G, B) float64; a column of ones gives the real statistics.
    squares : (G, B) float64, their squares, or None where all are 1.

    Returns
    -------
    estimate, statistic, std_error : (m, B) float64
    imposed : (3, m, B) float64
        a, b and c: with the effect -x times the real standard error imposed instead of none,
        the t of the draw is (t + a x) / sqrt(1 + b x + c x^2).
    """
    scores = cluster_scores(blocks, family)
    if isinstance(blocks.carried, Stack):
        omega, moved = _signed(scores.of_outcome, signs), _signed(scores.of_treatment, signs)
        ss, product, square = _direct(blocks.carried, scores, omega, moved, signs)
    else:
        omega, moved, (ss, product, square) = _multiplied_out(blocks.carried, scores, signs, squares)
    error = np.sqrt(np.maximum(ss, 0.0) * family.correction[:, None])
    dd = scores.dd[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate, std_error = omega[:, 0] / dd, error / dd
        real = std_error[:, :1]
        imposed = np.stack([moved[:, 0] * real / error, 2 * real * product / ss, real**2 * square / ss])
        return estimate, omega[:, 0] / error, std_error, imposed


@dataclass(frozen=True, slots=True)
class Scores:
    """Sums of a family by cluster.

    Attributes
    ----------
    d, u : (K, m) coefficients of D~ and u~ in the batch's columns; dd : (m,)
    of_outcome : (m, 1 + k, G), s_g and q_g
    of_treatment : (m, 1 + k, G), H_g', the sums with D~ in the place of u~
    c : (m, 1 + k, G), A H_g' for D~ and the controls
    """

    d: Floats
    u: Floats
    dd: Floats
    of_outcome: Floats
    of_treatment: Floats
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
    of_outcome, of_treatment = (np.concatenate([a[:, None, :], b], axis=1) for a, b in ((s, q), (own, h)))
    return Scores(d, u, dd, of_outcome, of_treatment, c)


def _signed(columns: Floats, signs: Floats) -> Floats:
    """Sum signed columns over clusters: (m, p, G) and (G, B) give (m, p, B)."""
    m, p, g = columns.shape
    return np.asarray((columns.reshape(m * p, g) @ signs).reshape(m, p, -1))


Three = tuple[Floats, Floats, Floats]
"""Sums over clusters, (m, B): r^2, the product of r and of what the treatment adds to it, the square of that."""


def _multiplied_out(
    parts: tuple[Carried, ...], scores: Scores, signs: Floats, squares: Floats | None
) -> tuple[Floats, Floats, Three]:
    """Return the signed sums of outcome and treatment, (m, 1 + k, B), and the three sums, squares multiplied out."""
    both = (scores.of_outcome, scores.of_treatment)
    columns = np.concatenate([*both, *(a[:, :1] * scores.c for a in both)], axis=1)
    found = _parts(_signed(columns, signs), 4)
    signed, crossed = found[:2], found[2:]
    s, o = scores.of_outcome[:, 0], scores.of_treatment[:, 0]
    own = [a.sum(axis=1)[:, None] if squares is None else a @ squares for a in (s**2, s * o, o**2)]
    sums = _squared(own, signed, crossed, scores.c @ scores.c.transpose(0, 2, 1))
    for part in parts:
        added = _expanded(part, scores, signed, signs)
        for total, more in zip(sums, added, strict=True):
            total += more
    return signed[0], signed[1], sums


def _squared(own: list[Floats], signed: list[Floats], crossed: list[Floats], matrix: Floats) -> Three:
    """Return own - omega'x - x'omega + omega' matrix omega of outcome twice, outcome and treatment, treatment twice."""
    (u, d), (x, z) = signed, crossed
    ss = own[0] - 2 * _dot(u, x)
    ss += _dot(matrix @ u, u)
    rest = matrix @ d
    rest -= z
    product = own[1] + _dot(u, rest)
    product -= _dot(d, x)
    rest -= z
    return ss, product, own[2] + _dot(d, rest)


def _parts(columns: Floats, count: int) -> list[Floats]:
    """Cut (m, count * p, B) into (m, p, B) views."""
    width = columns.shape[1] // count
    return [columns[:, k * width : (k + 1) * width] for k in range(count)]


def _dot(left: Floats, right: Floats) -> Floats:
    return np.asarray(np.einsum("mpb,mpb->mb", left, right))


def _direct(stack: Stack, scores: Scores, omega: Floats, moved: Floats, signs: Floats) -> Three:
    """Return the three sums from the scores, formed one by one.

    Within a set of clusters the dummies' part of r is linear in these clusters' signs,
    (H A q') v, a small square matrix.
    """
    width, sets, g, levels = stack.cells.shape
    flat = stack.cells.reshape(width, -1)
    m = scores.d.shape[1]
    h = (scores.d.T @ flat).reshape(m, sets, g, levels)
    q = (scores.u.T @ flat).reshape(m, sets, g, levels)
    loads = -(h @ stack.inverse)
    at = np.arange(g)
    matrices = []
    for cells, columns in ((q, scores.of_outcome), (h, scores.of_treatment)):
        matrix = loads @ cells.transpose(0, 1, 3, 2)
        padded = np.concatenate([columns[:, 0], np.zeros((m, 1))], axis=1)
        matrix[:, :, at, at] += padded[:, stack.clusters]
        matrices.append(matrix)
    c = np.concatenate([scores.c, np.zeros((*scores.c.shape[:2], 1))], axis=2)[:, :, stack.clusters]
    c = np.ascontiguousarray(c.reshape(m, -1, sets * g).transpose(0, 2, 1))
    index = np.minimum(stack.clusters, len(signs) - 1).ravel()  # padding meets zeros of the matrix
    ss, product, square = np.empty((3, m, signs.shape[1]))
    step = max(32, CACHED // (sets * g))
    for first in range(0, signs.shape[1], step):
        some = slice(first, first + step)
        mine = signs[:, some][index].reshape(sets, g, -1)
        for one in range(m):
            score, of_treatment = ((matrix[one] @ mine).reshape(sets * g, -1) for matrix in matrices)
            score -= c[one] @ omega[one, :, some]
            of_treatment -= c[one] @ moved[one, :, some]
            ss[one, some] = np.einsum("gb,gb->b", score, score)
            product[one, some] = np.einsum("gb,gb->b", score, of_treatment)
            square[one, some] = np.einsum("gb,gb->b", of_treatment, of_treatment)
    return ss, product, square


def _expanded(part: Carried, scores: Scores, omegas: list[Floats], signs: Floats) -> Three:
    """Return what the component adds to the three sums, the squares multiplied out."""
    width, g, levels = part.cells.shape
    m = scores.d.shape[1]
    flat = part.cells.reshape(width, g * levels)
    sums = [(a.T @ flat).reshape(m, g, levels) for a in (scores.u, scores.d)]
    loads = (sums[1].reshape(m * g, levels) @ part.inverse).reshape(m, g, levels)
    mine = part.clusters
    c = loads.transpose(0, 2, 1)
    with_controls = c @ scores.c[:, :, mine].transpose(0, 2, 1)
    signed = signs if len(mine) == len(signs) else signs[mine]
    shared = None if part.signed is None else part.signed.reshape(width, -1)
    weighted = [columns[:, :1, mine] * c for columns in (scores.of_outcome, scores.of_treatment)]
    if shared is None:
        weighted += [cells.transpose(0, 2, 1) for cells in sums]
    found = _parts(_signed(np.concatenate(weighted, axis=1), signed), len(weighted))
    crossed = [linear - with_controls @ omega for linear, omega in zip(found, omegas, strict=False)]
    if shared is not None:
        found += [(a.T @ shared).reshape(m, levels, -1) for a in (scores.u, scores.d)]
    zero = np.zeros((m, 1))
    return _squared([zero, zero, zero], found[2:], crossed, c @ loads)


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
