"""The null-imposed wild cluster bootstrap of many regressions by matrix products, no refit.

The sums of a batch are made once; its specifications are stacked by their number of controls.

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

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from specdid._arrays import Floats, Ints, standardised
from specdid.engine import ssc
from specdid.engine.demean import Absorber, demean
from specdid.engine.problem import Members, Problem
from specdid.inference._batches import DrawBatch, Laid, kept_controls, lay_out, positions
from specdid.inference._crossed_effects import (
    Carried,
    CarriedStack,
    Net,
    carried_levels,
    carry,
    connect,
    cross_products,
    take_out,
)

FEW = 12
"""Clusters of the panel below which Webb's six points are drawn, not signs."""
CHUNK = 16
"""Regressions whose draws are formed together: what fits the cache."""

Shared = tuple[Problem, Members, dict[int, tuple[int, ...]], Ints, Floats]
DRAWN = ("estimate", "statistic", "imposed", "error", "facts")
FEW_CELLS = 400_000
"""Products below which they are all formed at once rather than cluster by cluster."""
ORDERS = 4
"""Orders of the signs that are kept at most."""
CELLS = 2**18
"""Signed scores that are formed together at most: 999 draws of 262 clusters, 2 MB."""
FIRST, SECOND = np.eye(2)[:, :1], np.eye(2)[:, 1:]
"""Coefficients of u~ and D~ in these two."""


@dataclass(frozen=True, slots=True)
class WildDraws:
    """What was drawn.

    Attributes
    ----------
    places : (S,) positions among the members.
    estimate, statistic : (S, 1 + B), the first of the data.
    imposed : (S, 3, B), how the statistics of the draws change with the effect imposed; see `draw_family`.
    error : (S,) standard error of the data.
    facts : (S, 2), clusters and treated clusters.
    """

    places: Ints
    estimate: Floats
    statistic: Floats
    imposed: Floats
    error: Floats
    facts: Ints

    @classmethod
    def empty(cls, count: int, draws: int) -> WildDraws:
        """Return room for ``count`` specifications."""
        table = np.full((count, draws + 1), np.nan)
        imposed = np.full((count, 3, draws), np.nan)
        facts = np.zeros((count, 2), np.int64)
        return cls(np.arange(count), table, table.copy(), imposed, np.full(count, np.nan), facts)


def draw_part(shared: Shared, batches: list[DrawBatch]) -> WildDraws:
    """Draw a part's specifications."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what is no number is left out
        return _drawn_batches(*shared, batches)


def _drawn_batches(
    problem: Problem,
    members: Members,
    dropped: dict[int, tuple[int, ...]],
    cluster: Ints,
    signs: Floats,
    batches: list[DrawBatch],
) -> WildDraws:
    places = np.concatenate([b.members for b in batches])
    local = {int(p): k for k, p in enumerate(places)}
    drawn = WildDraws.empty(len(places), signs.shape[1] - 1)
    table = Signs(signs, signs**2 if len(signs) < FEW else None, {})
    for batch in batches:
        if _slopes_across(problem, batch, cluster):
            continue
        prepared = _prepare(problem, members, batch, cluster, table)
        at = np.array([local[int(p)] for p in batch.members])
        drawn.facts[at] = _cluster_facts(members, batch, prepared)
        blocks = None if len(batch.members) == 1 else _batch_sums(prepared, len(batch.members))
        for places_, family in _families(members, dropped, batch, prepared):
            if blocks is None:
                scores, carried = _own_scores(prepared, family)
            else:
                scores, carried = cluster_scores(blocks, family), blocks.carried
            b, t, se, imposed = draw_family(scores, carried, family.correction, prepared.signs)
            scale = prepared.scale[family.outcome] / prepared.scale[family.treatment]
            at = np.array([local[int(p)] for p in places_])
            drawn.estimate[at] = b * scale[:, None]
            drawn.statistic[at] = t
            drawn.imposed[at] = imposed[:, :, 1:].transpose(1, 0, 2)
            drawn.error[at] = se[:, 0] * scale
    return replace(drawn, places=places)


def _slopes_across(problem: Problem, batch: DrawBatch, cluster: Ints) -> bool:
    """Say whether a slope's levels lie across clusters: these are not carried."""
    codes = [problem.codes[batch.rows, f] for f, _ in batch.effects.slopes]
    return any(not ssc.is_nested(c, (cluster[batch.rows],)) for c in codes)


@dataclass(frozen=True, slots=True)
class Signs:
    """What the scores of clusters are multiplied by.

    Attributes
    ----------
    table : (G, B) float64; a column of ones gives the real statistics.
    squares : (G, B) float64, their squares, or None where all are 1.
    ordered : the table in other orders of its rows, as they were asked for.
    """

    table: Floats
    squares: Floats | None
    ordered: dict[bytes, Floats]

    def among(self, present: Ints) -> Signs:
        """Take the rows of the clusters that are present; nothing is copied where all are."""
        if len(present) == len(self.table):
            return self
        return Signs(self.table[present], None if self.squares is None else self.squares[present], {})

    def in_order(self, index: Ints) -> Floats | None:
        """Return the rows ``index``, which batches share as a rule; None where these are many more than there are."""
        if len(index) > 2 * len(self.table):
            return None
        key = index.tobytes()
        if key not in self.ordered:
            if len(self.ordered) == ORDERS:
                self.ordered.clear()
            self.ordered[key] = self.table[index]
        return self.ordered[key]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A batch's residuals times the root of the weights, which clusters are in it, and what the correction needs."""

    laid: Laid
    residual: Floats
    net: Net | None
    root: Floats | None
    signs: Signs
    present: Ints
    scale: Floats
    nobs: int
    absorbed: int
    intercept: int
    clusters: Ints


def _prepare(problem: Problem, members: Members, batch: DrawBatch, cluster: Ints, signs: Signs) -> _Prepared:
    present, clusters = _clusters_present(cluster[batch.rows], len(signs.table))
    laid = lay_out(problem, members, batch)
    absorber, plain = laid.absorber, not batch.effects.fixed and not batch.effects.slopes
    residual, scale = standardised(laid.values)
    sizes, least = ([] if plain else absorber.levels.tolist()), len(present)  # each cluster has a level of its own
    nested = [size >= least and ssc.is_nested(e, (clusters,)) for e, size in zip(absorber.codes, sizes, strict=False)]
    net = _residualise(residual, absorber, nested, plain, clusters)
    root = None if absorber.weights is None else np.sqrt(absorber.weights)
    if root is not None:
        residual *= root[:, None]
    absorbed = int(ssc.absorbed_parameters(sizes, nested, sum(absorber.slope_levels.tolist())))
    return _Prepared(
        laid, residual, net, root, signs.among(present), present, scale, len(clusters), absorbed, int(plain), clusters
    )


def _batch_sums(prepared: _Prepared, count: int) -> BatchSums:
    """Make the sums of a batch of ``count`` members."""
    gram = cluster_gram(prepared.residual, prepared.clusters, len(prepared.present))
    return BatchSums(gram, gram.sum(axis=0), _carried(prepared, prepared.residual, count > prepared.residual.shape[1]))


def _carried(prepared: _Prepared, columns: Floats, shared: bool) -> tuple[Carried, ...] | CarriedStack:
    if prepared.net is None:
        return ()
    signs = prepared.signs.table if shared else None
    return carry(columns, prepared.clusters, len(prepared.present), prepared.net, prepared.root, signs)


def _own_scores(
    prepared: _Prepared, family: RegressionFamily
) -> tuple[ClusterScores, tuple[Carried, ...] | CarriedStack]:
    """Return the scores of a batch's only regression: of its D~ and u~ alone, no cross products by cluster."""
    rows, controls = prepared.residual.T, family.controls[0]
    pair = [family.outcome[0], family.treatment[0]]
    regressors = rows[[pair[1], *controls]]
    total = regressors[1:] @ rows.T
    inverse, coefficients = _coefficients(total[:, controls][None], total[:, pair][None])
    own = rows[pair] - coefficients[0].T @ regressors[1:]
    regressors[0] = own[1]
    products = own[:, None] * regressors
    order, bounds = _by_cluster(prepared.clusters, len(prepared.present))
    sums = np.add.reduceat(products if order is None else products[:, :, order], bounds, axis=2)
    dd = own[1:] @ own[1]
    c = np.concatenate([sums[1:, :1] / dd, inverse @ sums[1:, 1:]], axis=1)
    return ClusterScores(SECOND, FIRST, dd, sums[:1], sums[1:], c), _carried(prepared, own.T, False)


def _residualise(columns: Floats, absorber: Absorber, nested: list[bool], plain: bool, clusters: Ints) -> Net | None:
    """Take a batch's effects out of its columns; return the net of those that are carried, if any are.

    The dummies' cross products, needed for the draws anyhow, give the residuals in less time than
    alternating projections where they are exact counts: without weights or slopes, and with one nested effect.
    """
    effects = list(absorber.codes[: len(nested)])
    levels, total = carried_levels(effects, nested, plain, len(clusters))
    if not levels:
        demean(columns, absorber)
        return None
    inner = [e for e, inside in zip(effects, nested, strict=True) if inside]
    crossed = cross_products(levels, inner, list(absorber.slopes), absorber.weights)
    net = connect(clusters, int(clusters.max()) + 1, levels, total, crossed)
    direct = absorber.weights is None and not absorber.slopes and len(inner) <= 1
    if not (direct and take_out(columns, net, inner)):
        demean(columns, absorber)
    return net


def _clusters_present(cluster: Ints, count: int) -> tuple[Ints, Ints]:
    """Return the clusters among ``count`` that rows have, and each row's place among these."""
    seen = np.bincount(cluster, minlength=count) > 0
    if seen.all():
        return np.arange(count), cluster
    return np.flatnonzero(seen), (np.cumsum(seen) - 1)[cluster]


def _families(
    members: Members, dropped: dict[int, tuple[int, ...]], batch: DrawBatch, prepared: _Prepared
) -> Iterator[tuple[Ints, RegressionFamily]]:
    """Stack the batch's members by their number of controls, in chunks."""
    laid = prepared.laid
    by_size: dict[int, list[tuple[int, Ints]]] = defaultdict(list)
    for s in batch.members.tolist():
        kept = np.concatenate([positions(laid, kept_controls(members, dropped, s)), laid.block])
        by_size[len(kept)].append((s, kept))
    for size in sorted(by_size):
        entries = by_size[size]
        df_k = 1 + size + prepared.intercept + prepared.absorbed
        factor = ssc.cluster_factor(prepared.nobs, df_k, len(prepared.present))
        for start in range(0, len(entries), CHUNK):
            part = entries[start : start + CHUNK]
            places = np.array([s for s, _ in part], np.int64)
            treatment = positions(laid, members.treatment[places])
            yield (
                places,
                RegressionFamily(
                    positions(laid, members.outcome[places]),
                    treatment if laid.treatment < 0 else np.full(len(part), laid.treatment),
                    np.array([kept for _, kept in part], np.int64).reshape(len(part), size),
                    np.full(len(part), factor),
                ),
            )


def _cluster_facts(members: Members, batch: DrawBatch, prepared: _Prepared) -> Ints:
    """Count clusters, and clusters in which the treatment is ever not zero; (m, 2)."""
    out = np.empty((len(batch.members), 2), np.int64)
    out[:, 0], laid = len(prepared.present), prepared.laid
    for treatment in set(members.treatment[batch.members].tolist()):
        treated = np.zeros(len(prepared.present), dtype=bool)
        treated[prepared.clusters[laid.values[:, laid.place[treatment]] != 0]] = True
        out[members.treatment[batch.members] == treatment, 1] = np.count_nonzero(treated)
    return out


@dataclass(frozen=True, slots=True)
class BatchSums:
    """A batch's sums: same rows, effects and weights.

    Attributes
    ----------
    gram : (G, K, K) float64, cross products of the K columns within each cluster.
    total : (K, K), their sum.
    carried : the effects that are not nested in the cluster.
    """

    gram: Floats
    total: Floats
    carried: tuple[Carried, ...] | CarriedStack


@dataclass(frozen=True, slots=True)
class RegressionFamily:
    """Regressions of a batch with the same number k of controls, as positions of columns.

    outcome, treatment : (m,); controls : (m, k); correction : (m,) the CRV1 factor.
    """

    outcome: Ints
    treatment: Ints
    controls: Ints
    correction: Floats


def solve(total: Floats, family: RegressionFamily) -> tuple[Floats, Floats, Floats, Floats]:
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
        inverse, coefficients = _coefficients(a, right)
        d[family.controls, rows[:, None]] = -coefficients[:, :, 0]
        u[family.controls, rows[:, None]] = -coefficients[:, :, 1]
    d[family.treatment, rows] = 1.0
    u[family.outcome, rows] = 1.0
    return d, u, np.asarray((d * (total @ d)).sum(axis=0)), inverse


def _coefficients(a: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Return the inverses of (m, k, k) and the solutions for (m, k, r), refined once."""
    inverse = _inverse(a)
    coefficients = inverse @ right
    coefficients += inverse @ (right - a @ coefficients)
    return inverse, coefficients


def _inverse(a: Floats) -> Floats:
    """Invert each of (m, k, k); one that is singular becomes NaN, and with it the test of that regression."""
    try:
        return np.asarray(np.linalg.inv(a), np.float64)
    except np.linalg.LinAlgError:
        if len(a) == 1:
            return np.full(a.shape, np.nan)
        return np.concatenate([_inverse(one[None]) for one in a])


def draw_family(
    scores: ClusterScores,
    carried: tuple[Carried, ...] | CarriedStack,
    correction: Floats,
    signs: Signs,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Draw the coefficient and t of every regression of a family.

    Returns
    -------
    estimate, statistic, std_error : (m, B) float64
    imposed : (3, m, B) float64
        a, b and c: with the effect -x times the real standard error imposed instead of none,
        the t of the draw is (t + a x) / sqrt(1 + b x + c x^2).
    """
    if isinstance(carried, CarriedStack):
        both = np.concatenate([scores.of_outcome, scores.of_treatment], axis=1)
        omega, moved = _parts(_signed(both, signs.table), 2)
        ss, product, square = _direct(carried, scores, omega, moved, signs)
    else:
        omega, moved, (ss, product, square) = _multiplied_out(carried, scores, signs.table, signs.squares)
    error = np.sqrt(np.maximum(ss, 0.0) * correction[:, None])
    dd = scores.dd[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate, std_error = omega[:, 0] / dd, error / dd
        real = std_error[:, :1]
        imposed = np.empty((3, *error.shape))
        np.divide(moved[:, 0] * real, error, out=imposed[0])
        np.divide(2 * real * product, ss, out=imposed[1])
        np.divide(real**2 * square, ss, out=imposed[2])
        return estimate, omega[:, 0] / error, std_error, imposed


@dataclass(frozen=True, slots=True)
class ClusterScores:
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


def cluster_scores(blocks: BatchSums, family: RegressionFamily) -> ClusterScores:
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
    return ClusterScores(d, u, dd, of_outcome, of_treatment, c)


def _signed(columns: Floats, signs: Floats) -> Floats:
    """Sum signed columns over clusters: (m, p, G) and (G, B) give (m, p, B)."""
    m, p, g = columns.shape
    return np.asarray((columns.reshape(m * p, g) @ signs).reshape(m, p, -1))


Three = tuple[Floats, Floats, Floats]
"""Sums over clusters, (m, B): r^2, the product of r and of what the treatment adds to it, the square of that."""


def _multiplied_out(
    parts: tuple[Carried, ...], scores: ClusterScores, signs: Floats, squares: Floats | None
) -> tuple[Floats, Floats, Three]:
    """Return the signed sums of outcome and treatment, (m, 1 + k, B), and the three sums, squares multiplied out."""
    if len(parts) == 1 and parts[0].signed is None and len(parts[0].clusters) == len(signs):
        scores, parts = _joined(parts[0], scores), ()
    both = (scores.of_outcome, scores.of_treatment)
    matrix = scores.c @ scores.c.transpose(0, 2, 1)
    columns = np.concatenate([*both, *(matrix @ a - 2 * a[:, :1] * scores.c for a in both)], axis=1)
    u, d, x, z = _parts(_signed(columns, signs), 4)
    s, o = scores.of_outcome[:, 0], scores.of_treatment[:, 0]
    ends = np.ones((len(signs), 1)) if squares is None else squares
    own = [a @ ends for a in (s**2, s * o, o**2)]
    sums = [total + more for total, more in zip(own, _crossed(u, d, x, z), strict=True)]
    for part in parts:
        for total, more in zip(sums, _expanded(part, scores, (u, d), signs), strict=True):
            total += more
    return u, d, (sums[0], sums[1], sums[2])


def _joined(part: Carried, scores: ClusterScores) -> ClusterScores:
    """Put dummies that connect all clusters behind the controls."""
    outcome, treatment = _level_sums(part, scores)
    return replace(
        scores,
        of_outcome=np.concatenate([scores.of_outcome, outcome], axis=1),
        of_treatment=np.concatenate([scores.of_treatment, treatment], axis=1),
        c=np.concatenate([scores.c, part.inverse @ treatment], axis=1),
    )


def _level_sums(part: Carried, scores: ClusterScores) -> tuple[Floats, Floats]:
    """Return the sums of u~ and D~ by level and cluster, (m, L, G_b)."""
    width, g, levels = part.cells.shape
    flat = part.cells.reshape(width, g * levels)
    outcome, treatment = ((a.T @ flat).reshape(-1, g, levels).transpose(0, 2, 1) for a in (scores.u, scores.d))
    return outcome, treatment


def _crossed(u: Floats, d: Floats, x: Floats, z: Floats) -> Three:
    """Return what the signed sums u and d add to the three sums of squares.

    (s - c u)^2 is s^2 + u'(c c' u - 2 s c): x is that bracket, signed and summed, and z the same with the
    treatment in the place of the outcome.
    """
    return _dot(u, x), (_dot(d, x) + _dot(u, z)) / 2, _dot(d, z)


def _parts(columns: Floats, count: int) -> list[Floats]:
    """Cut (m, count * p, B) into (m, p, B) views."""
    width = columns.shape[1] // count
    return [columns[:, k * width : (k + 1) * width] for k in range(count)]


def _dot(left: Floats, right: Floats) -> Floats:
    return np.asarray(np.einsum("mpb,mpb->mb", left, right))


def _direct(stack: CarriedStack, scores: ClusterScores, omega: Floats, moved: Floats, signs: Signs) -> Three:
    """Return the three sums from the scores, formed one by one.

    Within a set of clusters the dummies' part of r is linear in these clusters' signs,
    (H A q') v, a small square matrix.
    """
    from scipy.linalg.blas import dgemm

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
    index = np.minimum(stack.clusters, len(signs.table) - 1).ravel()  # padding meets zeros of the matrix
    ordered, count = signs.in_order(index), signs.table.shape[1]
    ss, product, square = np.empty((3, m, count))
    step = max(32, CELLS // (sets * g))
    room = np.empty((2, sets * g * step))  # the system clears new memory, and would do so for every chunk
    for first in range(0, count, step):
        some = slice(first, first + step)
        rows = signs.table[:, some][index] if ordered is None else ordered[:, some]
        mine = rows.reshape(sets, g, -1)
        score, of_treatment = (a[: mine.size].reshape(sets * g, -1) for a in room)
        for one in range(m):
            for out, matrix, sums in ((score, matrices[0], omega), (of_treatment, matrices[1], moved)):
                np.matmul(matrix[one], mine, out=out.reshape(mine.shape))
                dgemm(-1.0, sums[one, :, some].T, c[one].T, 1.0, out.T, overwrite_c=1)
            np.einsum("gb,gb->b", score, score, out=ss[one, some])
            np.einsum("gb,gb->b", score, of_treatment, out=product[one, some])
            np.einsum("gb,gb->b", of_treatment, of_treatment, out=square[one, some])
    return ss, product, square


def _expanded(part: Carried, scores: ClusterScores, omegas: tuple[Floats, Floats], signs: Floats) -> Three:
    """Return what the component adds to the three sums, the squares multiplied out."""
    sums = _level_sums(part, scores)
    m, levels, _ = sums[0].shape
    loads = part.inverse @ sums[1]
    mine = part.clusters
    matrix = loads @ loads.transpose(0, 2, 1)
    with_controls = 2 * loads @ scores.c[:, :, mine].transpose(0, 2, 1)
    signed = signs if len(mine) == len(signs) else signs[mine]
    both = (scores.of_outcome, scores.of_treatment)
    columns = [matrix @ cells - 2 * a[:, :1, mine] * loads for a, cells in zip(both, sums, strict=True)]
    if part.signed is None:
        x, z, u, d = _parts(_signed(np.concatenate([*columns, *sums], axis=1), signed), 4)
    else:
        x, z = _parts(_signed(np.concatenate(columns, axis=1), signed), 2)
        shared = part.signed.reshape(len(part.signed), -1)
        u, d = ((a.T @ shared).reshape(m, levels, -1) for a in (scores.u, scores.d))
    x += with_controls @ omegas[0]
    z += with_controls @ omegas[1]
    return _crossed(u, d, x, z)


def cluster_gram(columns: Floats, clusters: Ints, n_clusters: int) -> Floats:
    """Cross products of columns within clusters: (n, K) and (n,) give (G, K, K)."""
    order, bounds = _by_cluster(clusters, n_clusters)
    columns = columns if order is None else columns[order]
    k = columns.shape[1]
    if len(columns) * k * k < FEW_CELLS:
        products = (columns[:, :, None] * columns[:, None, :]).reshape(len(columns), k * k)
        return np.asarray(np.add.reduceat(products, bounds, axis=0).reshape(n_clusters, k, k))
    ends = [*bounds[1:], len(columns)]
    blocks = (columns[start:stop] for start, stop in zip(bounds, ends, strict=True))
    return np.stack([block.T @ block for block in blocks])


def _by_cluster(clusters: Ints, n_clusters: int) -> tuple[Ints | None, Ints]:
    """Return the order that puts the rows of a cluster together, None where they are, and where each begins."""
    order = np.argsort(clusters, kind="stable") if (clusters[1:] < clusters[:-1]).any() else None
    return order, np.searchsorted(clusters if order is None else clusters[order], np.arange(n_clusters))
