"""Coefficients and cluster-robust t of many regressions under permuted treatments, by matrix products.

With everything residualised on the effects (and times the root of the weights), a
regression of y on D and controls X has, for draw b,

    gamma = (X'X)^-1 X'D_b    beta = (D_b'y - gamma'X'y) / (D_b'D_b - gamma'X'D_b)
    d = D_b - X gamma         e = y - X delta - beta d
    t = beta (d'd) / sqrt(c sum_g (sum_{i in g} d_i e_i)^2)

Each cluster's score is linear in its cross products of pairs of columns. Where a batch
has many regressions, sum_g score_g^2 = theta' T_b theta with T_b the cross product, over
clusters, of these pairs; T_b is formed once per draw for all of them. Where it has few,
the scores themselves are cheaper. Arrays have the draws last.

It is for permuted treatments where nothing else moves: outcome and controls are residualised once.

The treatments of all draws are residualised at once, exactly, a few rows at a time. With E and W the
dummies of the largest effect and the others (but for those that another is finer than),

    (W'W - W'E (E'E)^-1 E'W) a = W'x - W'E (E'E)^-1 E'x,    x~ = x - W a - E (E'E)^-1 E'(x - W a),

weighted where there are weights; with one other effect the system falls into the components that E connects.
Rows are long here (one draw a column) and would not stay in the processor's cache
together: what is kept is (E'E)^-1 E'(x - W a) and a, and residuals are formed where
they are used. The engine's demeaner goes column by column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from specdid._arrays import Floats, Ints, ordinary_weights, standardised, unit_sized
from specdid.engine import ssc
from specdid.engine.demean import Absorber, demean, make_absorber, make_elimination
from specdid.engine.problem import Members, Problem
from specdid.inference._batches import DrawBatch, draw_batches, kept_controls
from specdid.inference._crossed_effects import connect, cross_products, finest

ABSORBED = 1e-18
"""What rounding leaves of a row's square, at most, where the effects absorb a treatment of size 1."""
COLLINEAR = 1e-10
"""The same of its squares net of the effects where it is a combination of controls: a difference of sums."""
MOST_LEVELS = 1_500
SLICE = 128


@dataclass(frozen=True, slots=True)
class Sums:
    """A batch's cross products for one treatment, by cluster.

    Attributes
    ----------
    total : (K, K) cross products of the fixed columns (controls and outcomes).
    place : (K, K) int64, the pair of two columns.
    fixed : (G, P) cross products of pairs of fixed columns, P = K (K + 1) / 2.
    moved : (G, K + 1, B) cross products of the fixed columns and, last, D with D.
    with_d : (K + 1, B) sum of these over clusters.
    least : (B,) what is left of D² by the effects and controls where D is a combination of them.
    """

    total: Floats
    place: Ints
    fixed: Floats
    moved: Floats
    with_d: Floats
    least: Floats


@dataclass(frozen=True, slots=True)
class PairProducts:
    """Cross products over clusters of pairs of columns.

    Attributes
    ----------
    fixed : (P, P) cross products of pairs of fixed columns.
    mixed : (P, K + 1, B) the same of fixed pairs with (column, D), last (D, D).
    both : (K + 1, K + 1, B) the same of the pairs with D.
    """

    fixed: Floats
    mixed: Floats
    both: Floats


def make_sums(columns: Floats, treatments: Residuals, clusters: Ints, n_clusters: int) -> Sums:
    """Form the cross products.

    Parameters
    ----------
    columns : (n, K) fixed columns; clusters : (n,) ascending from 0
    treatments : (n, B), of which the largest number was near 1 before the effects were taken out
    """
    bounds = np.searchsorted(clusters, np.arange(n_clusters + 1)).tolist()
    k = columns.shape[1]
    upper = np.triu_indices(k)
    place = np.zeros((k, k), np.int64)
    place[upper] = np.arange(len(upper[0]))
    place = np.maximum(place, place.T)
    fixed = np.empty((n_clusters, len(upper[0])))
    moved = np.empty((n_clusters, k + 1, treatments.columns.shape[1]))
    for g in range(n_clusters):
        here = slice(bounds[g], bounds[g + 1])
        x, d = columns[here], treatments.block(here)
        fixed[g] = (x.T @ x)[upper]
        np.matmul(x.T, d, out=moved[g, :k])
        np.einsum("ib,ib->b", d, d, out=moved[g, k])
    with_d = np.einsum("gjb->jb", moved)
    weight = len(clusters) if treatments.root is None else float(treatments.root @ treatments.root)
    least = np.maximum(ABSORBED * weight, COLLINEAR * with_d[-1])
    return Sums(columns.T @ columns, place, fixed, moved, with_d, least)


def make_pairs(sums: Sums) -> PairProducts:
    """Form the cross products of pairs over clusters."""
    n_clusters, width, _ = sums.moved.shape
    mixed = (sums.fixed.T @ sums.moved.reshape(n_clusters, -1)).reshape(-1, *sums.moved.shape[1:])
    both = np.empty((width, *sums.moved.shape[1:]))
    for i in range(width):
        for j in range(i + 1):
            both[i, j] = both[j, i] = np.einsum("gb,gb->b", sums.moved[:, i], sums.moved[:, j])
    return PairProducts(sums.fixed.T @ sums.fixed, mixed, both)


def permutation_draws(
    sums: Sums, pairs: PairProducts | None, outcome: int, controls: Ints, correction: float
) -> tuple[Floats, Floats, Floats]:
    """Return the coefficient, t and standard error of one regression in every draw, (B,) each.

    Without ``pairs`` the clusters' scores are formed. Where the controls cannot be told apart, and in
    draws in which the treatment is a combination of effects and controls, there are no numbers.
    """
    k = len(controls)
    a = sums.total[np.ix_(controls, controls)]
    try:
        inverse = np.linalg.inv(a) if k else np.zeros((0, 0))
    except np.linalg.LinAlgError:
        nothing = np.full(sums.with_d.shape[1], np.nan)
        return nothing, nothing, nothing
    xd, xy = sums.with_d[controls], sums.total[controls, outcome]
    gamma, delta = inverse @ xd, inverse @ xy
    gamma += inverse @ (xd - a @ gamma)
    dd = sums.with_d[-1] - np.einsum("kb,kb->b", gamma, xd)
    dd = np.where(dd > sums.least, dd, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        beta = (sums.with_d[outcome] - delta @ xd) / dd
        form = _form(sums, outcome, controls, gamma, delta, beta)
        squares = _squared_scores(sums, form) if pairs is None else _squared_by_pairs(pairs, form)
        error = np.sqrt(np.maximum(squares, 0.0) * correction) / dd
        return beta, beta / error, error


@dataclass(frozen=True, slots=True)
class _Form:
    """A cluster's score as a linear form: (Q, B) on the fixed pairs ``places``, (k + 2, B) on ``columns`` with D."""

    places: Ints
    theta: Floats
    columns: Ints
    with_d: Floats


def _form(sums: Sums, outcome: int, controls: Ints, gamma: Floats, delta: Floats, beta: Floats) -> _Form:
    k, b = gamma.shape
    rest = beta * gamma - delta[:, None]
    rows, cols = np.triu_indices(k)
    products = -(gamma[rows] * rest[cols] + gamma[cols] * rest[rows])
    products[rows == cols] *= 0.5
    theta = np.concatenate([products, -gamma])
    places = np.concatenate([sums.place[controls[rows], controls[cols]], sums.place[controls, outcome]])
    with_d = np.concatenate([rest + beta * gamma, np.ones((1, b)), -beta[None]])
    return _Form(places, theta, np.concatenate([controls, [outcome, len(sums.total)]]), with_d)


def _squared_scores(sums: Sums, form: _Form) -> Floats:
    """Sum over clusters of (sum d e)², from the scores."""
    factors = np.zeros(sums.with_d.shape)
    factors[form.columns] = form.with_d
    scores = np.einsum("gjb,jb->gb", sums.moved, factors)
    scores += sums.fixed[:, form.places] @ form.theta
    return np.asarray(np.einsum("gb,gb->b", scores, scores))


def _squared_by_pairs(pairs: PairProducts, form: _Form) -> Floats:
    """Sum over clusters of (sum d e)², as a quadratic form in the pairs of columns."""
    both = pairs.both[np.ix_(form.columns, form.columns)]
    out = np.einsum("ib,ijb,jb->b", form.with_d, both, form.with_d, optimize=True)
    if len(form.places):
        out += np.einsum("pb,pb->b", form.theta, pairs.fixed[np.ix_(form.places, form.places)] @ form.theta)
        mixed = pairs.mixed[np.ix_(form.places, form.columns)]
        out += 2.0 * np.einsum("pb,pb->b", form.theta, np.einsum("pjb,jb->pb", mixed, form.with_d))
    return np.asarray(out)


def draw_simple(
    problem: Problem, members: Members, dropped: Mapping[int, tuple[int, ...]], treatments: Mapping[int, Floats]
) -> Floats:
    """Return estimate, t and standard error of every member in every draw, (3, S, 1 + B).

    Parameters
    ----------
    problem : with the inference cluster as its only vcov
    dropped : position -> columns of values dropped as collinear
    treatments : column of values -> (n, 1 + B), the treatment in every draw
    """
    width = next(iter(treatments.values())).shape[1] if treatments else 0
    table = np.full((3, len(members), width), np.nan)
    sized = {column: unit_sized(drawn) for column, drawn in treatments.items()}
    for batch in draw_batches(problem, members):
        for mine, sums, facts in _batch_sums(problem, members, batch, {c: d for c, (d, _) in sized.items()}):
            pairs = make_pairs(sums) if len(mine) > sums.moved.shape[1] else None
            column = {int(c): k for k, c in enumerate(facts.columns)}
            for s in mine.tolist():
                kept = kept_controls(members, dropped, s)
                at = np.array([column[int(c)] for c in kept], np.int64)
                outcome = column[int(members.outcome[s])]
                beta, t, se = permutation_draws(sums, pairs, outcome, at, facts.factor(len(kept)))
                power = sized[int(members.treatment[s])][1]
                of_unit = [np.ldexp(value * facts.scale[outcome], -power) for value in (beta, se)]
                table[:, s] = of_unit[0], t, of_unit[1]
    return table


@dataclass(frozen=True, slots=True)
class _Facts:
    """What turns a batch's sums into numbers: fixed columns, their scales, and the correction."""

    columns: Ints
    scale: Floats
    nobs: int
    clusters: int
    absorbed: int
    intercept: int

    def factor(self, controls: int) -> float:
        """Return the CRV1 factor of a regression with so many controls."""
        df_k = 1 + controls + self.intercept + self.absorbed
        return ssc.cluster_factor(self.nobs, df_k, self.clusters)


def _batch_sums(
    problem: Problem, members: Members, batch: DrawBatch, treatments: Mapping[int, Floats]
) -> Iterator[tuple[Ints, Sums, _Facts]]:
    """Residualise a batch once, then each of its treatments under all draws."""
    rows, cluster, n_clusters = _by_cluster(problem, batch.rows)
    weights = ordinary_weights(problem.values[rows, batch.weights]) if batch.weights >= 0 else None
    absorber = make_absorber(problem, batch.effects, rows, weights)
    own = np.unique(members.treatment[batch.members])
    fixed = np.setdiff1d(batch.columns, own[~np.isin(own, _regressors(members, batch))])
    columns, scale = standardised(problem.values[np.ix_(rows, fixed)])
    demean(columns, absorber)
    if weights is not None:
        columns *= np.sqrt(weights)[:, None]
    columns = np.ascontiguousarray(columns)
    facts = _facts(problem, batch, rows, fixed, scale, cluster, n_clusters)
    for treatment in own.tolist():
        moved = make_residuals(treatments[treatment], rows, absorber)
        mine = batch.members[members.treatment[batch.members] == treatment]
        yield mine, make_sums(columns, moved, cluster, n_clusters), facts


def _by_cluster(problem: Problem, rows: Ints) -> tuple[Ints, Ints, int]:
    """Put rows in the order of their clusters, and number these from 0."""
    codes = problem.codes[rows, problem.vcovs[0].clusters[0]]
    if (np.diff(codes) < 0).any():
        rows = rows[np.argsort(codes, kind="stable")]
        codes = problem.codes[rows, problem.vcovs[0].clusters[0]]
    present, cluster = np.unique(codes, return_inverse=True)
    return rows, cluster, len(present)


def _regressors(members: Members, batch: DrawBatch) -> Ints:
    parts = [members.controls_of(s) for s in batch.members]
    return np.unique(np.concatenate([*parts, members.outcome[batch.members]]))


def _facts(
    problem: Problem, batch: DrawBatch, rows: Ints, fixed: Ints, scale: Floats, cluster: Ints, n_clusters: int
) -> _Facts:
    codes = [problem.codes[rows, c] for c in batch.effects.fixed]
    nested = [ssc.is_nested(c, (cluster,)) for c in codes]
    counts = [len(np.unique(c)) for c in codes]
    slopes = sum(len(np.unique(problem.codes[rows, c])) for c, _ in batch.effects.slopes)
    absorbed = int(ssc.absorbed_parameters(counts, np.array(nested, dtype=bool), slopes))
    return _Facts(fixed, scale, len(rows), n_clusters, absorbed, int(not codes and not slopes))


@dataclass(frozen=True, slots=True)
class Residuals:
    """Residuals of many columns on the effects, times the root of the weights.

    Attributes
    ----------
    columns : (N, B) float64, C order
    rows : (n,) int64, rows of ``columns``
    effects : of ((n,) int64 levels, (levels, B) float64 to subtract)
    root : (n,) float64, or None without weights
    """

    columns: Floats
    rows: Ints
    effects: tuple[tuple[Ints, Floats], ...]
    root: Floats | None

    def block(self, here: slice) -> Floats:
        """Return the residuals of the rows ``here``, as a new array."""
        block = self.columns[self.rows[here]]
        for levels, shift in self.effects:
            own = levels[here]
            block -= shift[own[0]] if own[0] == own[-1] and (own == own[0]).all() else shift[own]
        if self.root is not None:
            block *= self.root[here, None]
        return block


def make_residuals(columns: Floats, rows: Ints, absorber: Absorber) -> Residuals:
    """Take the effects out of the ``rows`` of (N, B) columns, C order.

    Slopes, and effects with very many levels beside the largest, go to the engine's demeaner.
    """
    root = None if absorber.weights is None else np.sqrt(absorber.weights)
    first, *others = sorted(finest(list(absorber.codes)), key=lambda c: -int(c.max()))
    starts = np.cumsum([0, *(int(c.max()) + 1 for c in others)])
    if absorber.slopes or starts[-1] >= MOST_LEVELS:
        swept = np.asfortranarray(columns[rows])
        for start in range(0, swept.shape[1], SLICE):
            demean(swept[:, start : start + SLICE], absorber)
        return Residuals(np.ascontiguousarray(swept), np.arange(len(rows)), (), root)
    mass = np.bincount(first, absorber.weights)[:, None]
    means = _sums(columns, rows, first, absorber.weights) / mass
    if not others:
        return Residuals(columns, rows, ((first, means),), root)
    right = np.concatenate([_sums(columns, rows, other, absorber.weights) for other in others])
    counts = _counts(first, [other + start for other, start in zip(others, starts, strict=False)], absorber.weights)
    right -= counts.T @ means
    solution = _solve(first, others, absorber.weights, right)
    means -= (counts @ solution) / mass
    parts = zip(others, np.split(solution, starts[1:-1]), strict=True)
    return Residuals(columns, rows, ((first, means), *parts), root)


def _sums(columns: Floats, rows: Ints, levels: Ints, weights: Floats | None) -> Floats:
    """Sum the rows of each level."""
    from scipy.sparse import csr_matrix

    data = np.ones(len(rows)) if weights is None else weights
    return np.asarray(csr_matrix((data, (levels, rows)), shape=(int(levels.max()) + 1, len(columns))) @ columns)


def _counts(first: Ints, others: Sequence[Ints], weights: Floats | None):  # type: ignore[no-untyped-def]
    """Return the (weighted) counts of the first effect's levels with those of the others, sparse."""
    from scipy.sparse import csr_matrix

    data = np.ones(len(first)) if weights is None else weights
    places = np.tile(first, len(others)), np.concatenate(others)
    return csr_matrix((np.tile(data, len(others)), places))


def _solve(first: Ints, others: Sequence[Ints], weights: Floats | None, right: Floats) -> Floats:
    """Solve for the (L, B) coefficients of the other effects: of one component by component, of several together."""
    if len(others) > 1:
        solve = make_elimination([first, *others], (), weights).solve
        assert solve is not None
        return solve(right)
    crossed = cross_products([others[0]], [first], [], weights)
    net = connect(first, int(first.max()) + 1, [others[0]], len(right), crossed)
    size = net.inverse.shape[1]
    place = net.of_level * size + net.level_place
    padded = np.zeros((len(net.inverse) * size, right.shape[1]))
    padded[place] = right
    return np.asarray((net.inverse @ padded.reshape(len(net.inverse), size, -1)).reshape(padded.shape)[place])
