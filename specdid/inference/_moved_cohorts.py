r"""Sun-Abraham models under draws that move cohorts alone: what a batch has once, and a draw by group sums.

Outcomes and controls C, net of the fixed effects, are the same in all draws, and so are the effects' normal equations.
A draw has cells D (cohort × relative period) of its own, of which all that is needed are sums: with S₁ = E₁'D and
S₂ = E₂'D by the levels of the largest effect and of the others, A their counts and H⁺ an inverse of A₂₂ − A₂₁A₁₁⁻¹A₁₂,

    D'MD = D'D − S₁'A₁₁⁻¹S₁ − R'H⁺R,   R = S₂ − A₂₁A₁₁⁻¹S₁,   D'MC = D'C

(all weighted). With w the cells' shares after treatment the estimate is w'θ_D, linear in the outcome with influence
MDh_D + C_Sh_S, h = G⁻¹(w, 0), and its score in a cluster is the sum of influence × residual. Normal equations lose
half of the digits that a QR keeps: a draw in which a pivot is small (`PIVOT`), rows change or anything is not
identified is left to the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._study import Distribution
from specdid.engine import ssc
from specdid.engine.demean import components, demean, make_absorber, make_elimination, places, relevel
from specdid.engine.problem import Members, Problem, Sunab
from specdid.engine.rows import cut_rows
from specdid.engine.sunab import CellCodes, code_cohorts, number_cells
from specdid.inference._assignment import Moved

PIVOT = 1e-6
"""Share of a column's squares that those before it must leave; below, the engine decides."""


@dataclass(frozen=True, slots=True)
class _Effects:
    """The effect with the most levels, and the others side by side: ``cross`` (C, F, L) is A₁₁⁻¹A₁₂, ``inverse`` H⁺.

    Both are a block for each of C connected components, (C, L, L) the latter; levels are numbered from one block to the
    next, F or L each, of which the last may be none.
    """

    first: Ints
    count: Floats
    others: tuple[Ints, ...]
    cross: Floats = field(repr=False)
    inverse: Floats = field(repr=False)


@dataclass(frozen=True, slots=True)
class MovedBatch:
    """Members with the same rows, effects, weights and aggregate, ready for draws.

    Attributes
    ----------
    places : (M,) int64, of the members among all
    rows : (n,) int64, rows of the panel, by cluster; ``finite`` (N,) marks where the columns that move are known
    times, of_time : (T,) float64 periods in order, and (n,) each row's place among them
    weights : (n,) float64, their mean is 1, or None
    columns : (n, K) float64, outcomes and controls net of the effects, of unit norm
    norm : (K,) float64, one unit of a column in its own units
    outcome : (M,) int64, of each member, as a place in ``columns``
    controls, alike : (P, k) int64, sets of controls, padded with K; and (M,) int64, which of them a member has
    starts : (G,) int64, where each cluster begins
    """

    places: Ints
    rows: Ints
    moving: tuple[int, ...]
    finite: Bools
    aggregate: Sunab
    times: Floats
    of_time: Ints
    weights: Floats | None
    effects: _Effects
    columns: Floats
    norm: Floats
    gram: Floats
    outcome: Ints
    controls: Ints
    alike: Ints
    starts: Ints
    correction: ssc.Correction
    distribution: Distribution | None

    def draw(self, problems: Sequence[Problem]) -> list[Floats | None]:
        """Return (4, M) estimates, t, standard errors and df of each draw's problem; None where the engine must."""
        found: list[Floats | None] = [None] * len(problems)
        known = [(k, cells) for k, problem in enumerate(problems) if (cells := self._cells(problem)) is not None]
        if known:
            for (k, _), solved in zip(known, _solve(self, [cells for _, cells in known]), strict=True):
                found[k] = solved
        return found

    def _cells(self, problem: Problem) -> _Cells | None:
        if not np.array_equal(np.isfinite(problem.values[:, list(self.moving)]).all(axis=1), self.finite):
            return None
        cohort = problem.values[self.rows, self.aggregate.cohort]
        cohorts, of_cohort = code_cohorts(np.where(cohort > self.times[-1], np.nan, cohort))
        count = len(cohorts)
        begun = np.full(count + 1, len(self.times))
        np.minimum.at(begun, of_cohort, self.of_time)
        # As `comparison` has it: without never treated rows, or where a cohort is seen treated only, rows go.
        if begun[count] == len(self.times) or (self.times[begun[:count]] >= cohorts).any():
            return None
        codes = number_cells(self.times, self.of_time, cohorts, of_cohort, self.weights, self.aggregate)
        if not codes.share.any():
            return None
        return _Cells.made(self, codes)


def moved_batches(problem: Problem, members: Members, moved: Moved) -> tuple[MovedBatch, ...]:
    """Gather the Sun-Abraham members of which nothing moves but the cohort and the treatment's own column."""
    vcov = problem.vcovs[0]
    if vcov.kind != "cluster" or len(vcov.clusters) != 1 or len(problem.vcovs) != 1:
        return ()
    if moved.codes[vcov.clusters[0]]:
        return ()
    groups: dict[tuple[object, ...], list[int]] = {}
    rows_of: dict[tuple[object, ...], Ints] = {}
    for s in np.flatnonzero(members.sunab >= 0).tolist():
        if not _fits(problem, members, moved, s):
            continue
        rows = cut_rows(problem, members, s).rows
        shared = (members.effects[s], members.weights[s], members.sunab[s])
        key = (rows.tobytes(), *map(int, shared), int(members.treatment[s]), int(members.extra_rows[s]))
        groups.setdefault(key, []).append(s)
        rows_of[key] = rows
    made = (_make(problem, members, np.array(places), rows_of[key]) for key, places in groups.items())
    return tuple(batch for batch in made if batch is not None)


def _fits(problem: Problem, members: Members, moved: Moved, s: int) -> bool:
    effects, aggregate = problem.effects[members.effects[s]], members.aggregates[members.sunab[s]]
    still = [members.outcome[s], *members.controls_of(s), aggregate.period]
    still += [members.weights[s]] if members.weights[s] >= 0 else []
    return not (
        moved.rows[members.rows[s]]
        or moved.values[still].any()
        or any(moved.codes[c] for c in effects.fixed)
        or effects.slopes
        or np.isin(problem.offsets, members.controls_of(s)).any()
    )


def _make(problem: Problem, members: Members, places: Ints, rows: Ints) -> MovedBatch | None:
    lead = int(places[0])
    weight = int(members.weights[lead])
    cluster = problem.codes[rows, problem.vcovs[0].clusters[0]] if len(rows) else np.zeros(0, np.int64)
    if not len(rows) or cluster.min() < 0:
        return None
    rows = rows[np.argsort(cluster, kind="stable")]
    cluster = relevel(problem.codes[rows, problem.vcovs[0].clusters[0]])
    weights = np.ones(len(rows)) if weight < 0 else problem.values[rows, weight]
    weights = weights / weights.mean()
    absorber = make_absorber(problem, problem.effects[members.effects[lead]], rows, weights)
    used = np.unique([c for s in places for c in (members.outcome[s], *members.controls_of(s))])
    columns = np.asfortranarray(problem.values[np.ix_(rows, used)])
    columns -= columns.mean(axis=0) if absorber.codes else 0.0
    spread = np.sqrt(np.einsum("n,nk,nk->k", weights, columns, columns))
    columns /= np.where(spread > 0, spread, 1.0)
    if not demean(columns, absorber):
        return None
    left = np.sqrt(np.einsum("n,nk,nk->k", weights, columns, columns))
    if (left < np.sqrt(PIVOT)).any():
        return None
    columns /= left
    sets: dict[bytes, tuple[int, Ints]] = {}
    for s in places:
        of = np.searchsorted(used, members.controls_of(s))
        sets.setdefault(of.tobytes(), (len(sets), of))
    controls = np.full((len(sets), max(len(of) for _, of in sets.values())), len(used))
    for place, of in sets.values():
        controls[place, : len(of)] = of
    alike = [sets[np.searchsorted(used, members.controls_of(s)).tobytes()][0] for s in places]
    vcov = problem.vcovs[0]
    times, of_time = np.unique(
        problem.values[rows, members.aggregates[members.sunab[lead]].period], return_inverse=True
    )
    moving = tuple(int(c) for c in (members.treatment[lead], members.extra_rows[lead]) if c >= 0)
    return MovedBatch(
        places,
        rows,
        moving,
        np.asarray(np.isfinite(problem.values[:, list(moving)]).all(axis=1)),
        members.aggregates[members.sunab[lead]],
        times,
        of_time.reshape(-1),
        None if weight < 0 else weights,
        _effects(absorber.codes, weights),
        np.ascontiguousarray(columns),
        spread * left,
        columns.T @ (weights[:, None] * columns),
        np.searchsorted(used, members.outcome[places]),
        controls,
        np.array(alike, np.int64),
        np.searchsorted(cluster, np.arange(int(cluster[-1]) + 1)),
        ssc.correction(vcov.kind, vcov.ssc, absorber.codes, absorber.slopes, (cluster,)),
        vcov.distribution,
    )


def _effects(codes: tuple[Ints, ...], weights: Floats) -> _Effects:
    first = codes[int(np.argmax([int(c.max()) for c in codes]))]
    rest = [c for c in codes if not np.array_equal(c, first)]
    if not rest:
        count = np.bincount(first, weights).astype(np.float64)
        return _Effects(first, count, (), np.zeros((1, len(count), 0)), np.zeros((1, 0, 0)))
    levels = [int(c.max()) + 1 for c in rest]
    rest = [c + start for c, start in zip(rest, np.cumsum([0, *levels[:-1]]), strict=True)]
    n_first, n_others = int(first.max()) + 1, sum(levels)
    blocks = components(first, n_first, rest, n_others)
    sizes = [int(np.bincount(labels).max()) for labels in blocks]
    if (int(blocks[0].max()) + 1) * sum(sizes) * sizes[1] > (n_first + n_others) * n_others:  # of very unequal sizes
        blocks, sizes = (np.zeros(n_first, np.int64), np.zeros(n_others, np.int64)), [n_first, n_others]
    shape = int(blocks[0].max()) + 1, *sizes
    within = places(blocks[1])
    first = (blocks[0] * sizes[0] + places(blocks[0]))[first]
    others = tuple((blocks[1] * sizes[1] + within)[c] for c in rest)
    count = np.bincount(first, weights, shape[0] * sizes[0]).astype(np.float64)
    count[count == 0] = 1.0
    cross = np.sum([np.bincount(first * sizes[1] + c % sizes[1], weights, np.prod(shape)) for c in others], axis=0)
    eliminated = make_elimination(codes, (), weights)
    assert eliminated.solve is not None
    i, j = np.nonzero(blocks[1][:, None] == blocks[1])
    inverse = np.zeros((shape[0], sizes[1], sizes[1]))
    inverse[blocks[1][i], within[i], within[j]] = eliminated.solve(np.eye(n_others))[i, j]
    return _Effects(first, count, others, (cross.reshape(-1, sizes[1]) / count[:, None]).reshape(shape), inverse)


@dataclass(frozen=True, slots=True)
class _Cells:
    """The cells of a draw net of the effects: products by group sums, and combinations by row.

    Attributes
    ----------
    cell : (n,) int64, each row's, -1 in none; ``share`` (m,) are the cells'
    first, second : sums by the effects' levels and cell, times the inverse of the effects' own
    with_columns : (m, K) float64, cross products
    on_columns, of_share : (m, K), (m, 1) float64, the same and the shares times the inverse of the cells' own
    """

    cell: Ints
    share: Floats
    first: Floats
    second: Floats
    with_columns: Floats
    on_columns: Floats
    of_share: Floats

    @classmethod
    def made(cls, batch: MovedBatch, codes: CellCodes) -> _Cells | None:
        """Sum by group; None where a cell leaves less than PIVOT of its own squares."""
        effects, m = batch.effects, len(codes.size)
        inside = np.flatnonzero(codes.cell >= 0)
        here, weights = codes.cell[inside], None if batch.weights is None else batch.weights[inside]

        def sums(levels: Ints, count: int) -> Floats:
            found = np.bincount(levels[inside] * m + here, weights, count * m)
            return np.asarray(found.reshape(count, m), np.float64)

        own = sums(effects.first, len(effects.count))
        first = own / effects.count[:, None]
        gram, second = np.diag(codes.size) - first.T @ own, np.zeros((0, m))
        if effects.others:
            blocks, levels, _ = effects.inverse.shape
            rest = np.sum([sums(of, blocks * levels) for of in effects.others], axis=0)
            rest -= (effects.cross.transpose(0, 2, 1) @ own.reshape(blocks, -1, m)).reshape(rest.shape)
            second = (effects.inverse @ rest.reshape(blocks, levels, m)).reshape(rest.shape)
            gram -= rest.T @ second
        columns = batch.columns[inside] if weights is None else weights[:, None] * batch.columns[inside]
        with_columns = np.array([np.bincount(here, column, m) for column in columns.T]).T
        solved = _solved(gram, codes.size, np.column_stack([with_columns, codes.share]))
        if solved is None:
            return None
        return cls(codes.cell, codes.share, first, second, with_columns, solved[:, :-1], solved[:, -1:])

    def add(self, effects: _Effects, coefficients: Floats, to: Floats) -> None:
        """Add D̃ times (m, P) coefficients to (n, P)."""
        padded = np.vstack([coefficients, np.zeros((1, coefficients.shape[1]))])
        to += np.take(padded, self.cell, axis=0, mode="wrap")
        second = self.second @ coefficients
        first = self.first @ coefficients
        first -= (effects.cross @ second.reshape(len(effects.cross), -1, second.shape[1])).reshape(first.shape)
        to -= np.take(first, effects.first, axis=0)
        for codes in effects.others:
            to -= np.take(second, codes, axis=0)


def _solve(batch: MovedBatch, draws: Sequence[_Cells]) -> list[Floats | None]:
    """Solve all regressions of a batch in some draws; None where a pivot is too small to be sure of."""
    k, members = batch.gram.shape[0], len(batch.places)
    left, average = np.zeros((len(draws), k + 1, k + 1)), np.zeros((len(draws), k + 1))
    for b, cells in enumerate(draws):
        left[b, :k, :k] = batch.gram - cells.with_columns.T @ cells.on_columns
        average[b, :k] = cells.share @ cells.on_columns
    sets, outcome, each = batch.controls, batch.outcome, np.arange(members)
    mine = sets[batch.alike]
    products = left[:, sets[:, :, None], sets[:, None, :]]
    products[..., range(sets.shape[1]), range(sets.shape[1])] += sets == k
    inverse, sure = _inverses(products)
    gamma = (inverse[:, batch.alike] @ left[:, mine, outcome[:, None]][..., None])[..., 0]
    weight = (inverse @ average[:, sets][..., None])[..., 0]
    beta = average[:, outcome] - np.einsum("bmk,bmk->bm", average[:, mine], gamma)
    rss = left[:, outcome, outcome] - np.einsum("bmk,bmk->bm", left[:, mine, outcome[:, None]], gamma)
    sure &= (rss >= PIVOT).all(axis=1)
    # The row behind the columns is that of the padding.
    own = np.zeros((len(draws), k + 1, 2 * members))
    own[:, mine, each[:, None]] = -gamma
    own[:, outcome, each] = 1.0
    own[:, mine, members + each[:, None]] = -weight[:, batch.alike]
    squares = np.full((len(draws), members), np.nan)
    for b in np.flatnonzero(sure).tolist():
        on_cells = -draws[b].on_columns @ own[b, :k]
        on_cells[:, members:] += draws[b].of_share
        both = batch.columns @ own[b, :k]
        draws[b].add(batch.effects, on_cells, both)
        product = both[:, :members] * both[:, members:]
        if batch.weights is not None:
            product *= batch.weights[:, None]
        scores = np.add.reduceat(product, batch.starts, axis=0)
        squares[b] = np.einsum("gp,gp->p", scores, scores)
    nobs, clusters = len(batch.rows), len(batch.starts)
    count = (sets < k).sum(axis=1)[batch.alike] + np.array([[len(cells.share)] for cells in draws])
    variance = squares * batch.correction.factor(nobs, count, clusters)
    sure &= (variance > 0).all(axis=1) & (clusters >= 2)
    unit = batch.norm[outcome]
    with np.errstate(invalid="ignore"):  # of draws that are left to the engine
        error = np.sqrt(variance) * unit
    df = ssc.freedom(batch.distribution, batch.correction.t_df(nobs, count, clusters))
    table = np.array([beta * unit, beta * unit / error, error, np.broadcast_to(df, beta.shape)])
    return [table[:, b] if good else None for b, good in enumerate(sure.tolist())]


def _solved(gram: Floats, total: Floats, right: Floats) -> Floats | None:
    """Solve for the right-hand sides; None where a column leaves less than PIVOT of ``total``, its own squares."""
    from scipy.linalg.lapack import dposv

    scale = 1.0 / np.sqrt(total)
    root, solved, failed = dposv(gram * np.outer(scale, scale), right * scale[:, None], lower=1)
    if failed or (root.diagonal() ** 2 < PIVOT).any():
        return None
    return np.asarray(solved * scale[:, None])


def _inverses(gram: Floats) -> tuple[Floats, Bools]:
    """Invert (B, P, k, k) products of columns of unit norm; say of each draw whether every column leaves PIVOT."""
    try:
        root, inverse = np.linalg.cholesky(gram), np.linalg.inv(gram)
    except np.linalg.LinAlgError:
        if len(gram) == 1:
            return np.zeros(gram.shape), np.zeros(1, dtype=bool)
        each = [_inverses(gram[b : b + 1]) for b in range(len(gram))]
        return np.concatenate([found for found, _ in each]), np.concatenate([good for _, good in each])
    return np.asarray(inverse), np.asarray((root.diagonal(axis1=-2, axis2=-1) ** 2 >= PIVOT).all(axis=(1, 2)))
