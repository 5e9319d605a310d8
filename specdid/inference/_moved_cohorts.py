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

from dataclasses import dataclass, field

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._study import Distribution
from specdid.engine import ssc
from specdid.engine.demean import components, demean, make_absorber, make_elimination, places, relevel
from specdid.engine.problem import Members, Problem, Sunab
from specdid.engine.rows import cut_rows
from specdid.engine.sunab import code_cohorts, number_cells
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
    rows : (n,) int64, rows of the panel; ``finite`` (N,) marks where the columns that move are known
    times, of_time : (T,) float64 periods in order, and (n,) each row's place among them
    weights : (n,) float64, their mean is 1
    columns : (n, K) float64, outcomes and controls net of the effects, of unit norm
    norm : (K,) float64, one unit of a column in its own units
    regressions : (outcome, controls) as places in ``columns``, of each member
    order, starts : rows by cluster
    """

    places: Ints
    rows: Ints
    moving: tuple[int, ...]
    finite: Bools
    aggregate: Sunab
    times: Floats
    of_time: Ints
    weights: Floats
    effects: _Effects
    columns: Floats
    norm: Floats
    gram: Floats
    regressions: tuple[tuple[int, Ints], ...]
    order: Ints
    starts: Ints
    correction: ssc.Correction
    distribution: Distribution | None

    def draw(self, problem: Problem) -> Floats | None:
        """Return (4, M) estimates, t, standard errors and df on the problem of a draw; None if the engine must."""
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
        return _solve(self, _Cells(self, codes.cell, codes.size), codes.share)


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
    at = {int(c): k for k, c in enumerate(used)}
    regressions = tuple(
        (at[int(members.outcome[s])], np.array([at[int(c)] for c in members.controls_of(s)], np.int64)) for s in places
    )
    cluster = relevel(cluster)
    order = np.argsort(cluster, kind="stable")
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
        weights,
        _effects(absorber.codes, weights),
        columns,
        spread * left,
        columns.T @ (weights[:, None] * columns),
        regressions,
        order,
        np.searchsorted(cluster[order], np.arange(int(cluster.max()) + 1)),
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


class _Cells:
    """The cells of a draw net of the effects: products by group sums, and combinations by row."""

    def __init__(self, batch: MovedBatch, cell: Ints, size: Floats) -> None:
        effects, m = batch.effects, len(size)
        self.batch, self.cell, self.size = batch, cell, size
        inside = np.flatnonzero(cell >= 0)
        here, weights = cell[inside], batch.weights[inside]

        def sums(codes: Ints, levels: int) -> Floats:
            found = np.bincount(codes[inside] * m + here, weights, levels * m)
            return np.asarray(found.reshape(levels, m), np.float64)

        self.first = sums(effects.first, len(effects.count)) / effects.count[:, None]
        self.gram = np.diag(size) - self.first.T @ (self.first * effects.count[:, None])
        self.second = np.zeros((0, m))
        if effects.others:
            blocks, levels, _ = effects.inverse.shape
            rest = np.sum([sums(codes, blocks * levels) for codes in effects.others], axis=0)
            own = (self.first * effects.count[:, None]).reshape(blocks, -1, m)
            rest -= (effects.cross.transpose(0, 2, 1) @ own).reshape(rest.shape)
            self.second = (effects.inverse @ rest.reshape(blocks, levels, m)).reshape(rest.shape)
            self.gram -= rest.T @ self.second
        weighted = weights[:, None] * batch.columns[inside]
        self.with_columns = np.column_stack([np.bincount(here, column, m) for column in weighted.T])

    def combine(self, coefficients: Floats) -> Floats:
        """Return D̃ times (m, P) coefficients: (n, P)."""
        effects = self.batch.effects
        padded = np.vstack([coefficients, np.zeros((1, coefficients.shape[1]))])
        found = np.take(padded, self.cell, axis=0, mode="wrap")
        second = self.second @ coefficients
        first = self.first @ coefficients
        first -= (effects.cross @ second.reshape(len(effects.cross), -1, second.shape[1])).reshape(first.shape)
        found -= np.take(first, effects.first, axis=0)
        for codes in effects.others:
            found -= np.take(second, codes, axis=0)
        return found


def _solve(batch: MovedBatch, cells: _Cells, share: Floats) -> Floats | None:
    """Solve all regressions of a batch; None where a pivot is too small to be sure of."""
    inverse = _inverse(cells.gram, cells.size)
    if inverse is None:
        return None
    solved = inverse @ np.column_stack([cells.with_columns, share])
    on_columns, of_share = solved[:, :-1], solved[:, -1]
    left = batch.gram - cells.with_columns.T @ on_columns
    average = share @ on_columns
    members, k, m = len(batch.places), batch.gram.shape[0], len(share)
    beta, count = np.zeros(members), np.zeros(members, np.int64)
    on_cells, on_own = np.zeros((2, m, members)), np.zeros((2, k, members))
    known: dict[bytes, tuple[Floats, Floats]] = {}
    for j, (outcome, controls) in enumerate(batch.regressions):
        key = controls.tobytes()
        if key not in known:
            own = _inverse(left[np.ix_(controls, controls)], np.ones(len(controls)))
            if own is None:
                return None
            known[key] = own, own @ average[controls]
        own, weight = known[key]
        gamma = own @ left[controls, outcome]
        beta[j] = average[outcome] - average[controls] @ gamma
        on_cells[0, :, j] = on_columns[:, controls] @ gamma - on_columns[:, outcome]
        on_own[0, outcome, j], on_own[0, controls, j] = 1.0, -gamma
        on_cells[1, :, j] = of_share + on_columns[:, controls] @ weight
        on_own[1, controls, j] = -weight
        count[j] = len(controls)
    both = cells.combine(np.hstack([*on_cells])) + batch.columns @ np.hstack([*on_own])
    residual, influence = both[:, :members], both[:, members:]
    rss = np.einsum("n,np,np->p", batch.weights, residual, residual)
    if (rss < PIVOT).any():
        return None
    scores = np.add.reduceat((batch.weights[:, None] * residual * influence)[batch.order], batch.starts, axis=0)
    nobs, clusters = len(batch.rows), len(batch.starts)
    factor = batch.correction.factor(nobs, count + m, clusters)
    variance = np.einsum("gp,gp->p", scores, scores) * factor
    if not (variance > 0).all() or clusters < 2:
        return None
    unit = batch.norm[[outcome for outcome, _ in batch.regressions]]
    error = np.sqrt(variance) * unit
    df = ssc.freedom(batch.distribution, batch.correction.t_df(nobs, count + m, clusters))
    return np.array([beta * unit, beta * unit / error, error, np.broadcast_to(df, beta.shape)])


def _inverse(gram: Floats, total: Floats) -> Floats | None:
    """Invert a matrix of cross products; None where a column leaves less than PIVOT of ``total``, its own squares."""
    scale = 1.0 / np.sqrt(total)
    try:
        root = np.linalg.cholesky(gram * np.outer(scale, scale))
    except np.linalg.LinAlgError:
        return None
    if (root.diagonal() ** 2 < PIVOT).any():
        return None
    half = np.linalg.inv(root) * scale
    return np.asarray(half.T @ half)
