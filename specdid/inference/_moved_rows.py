r"""Least squares under draws that move rows as well as treatments: samples cut by who is treated, gaps that travel.

Outcomes and controls C do not move. Net of the effects on all rows that a draw can use they are the same regressors as
before, so that in a draw little is left to take out; with treatments D beside them, one elimination of the effects on
the draw's rows and one matrix of cross products A serve every regression of a batch:

    γ = A_XX⁻¹ A_X[D,y],   L = A_[D,y] − A_[D,y]X γ,   β = L_Dy / L_DD,   d = D − Xγ_D,   e = y − Xγ_y − βd,
    scores Σ_g w d e

Cross products lose half of the digits that a QR keeps: a draw in which a pivot is small (`PIVOT`), far above what the
engine drops a column for, is left to the engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from specdid._arrays import Bools, Floats, Ints, standardised
from specdid.engine import ssc
from specdid.engine.demean import demean, make_absorber, relevel
from specdid.engine.listwise.grid import EffectGrid, make_grid
from specdid.engine.problem import Members, Problem, Vcov
from specdid.engine.rows import sample_rows, without_singletons
from specdid.inference._assignment import Moved

PIVOT = 1e-4
"""Share of a column's squares that the effects and those before it must leave; below, the engine decides."""
MOST_EFFECTS = 2
SPARSE = 8
"""Places of the effects' grid to a row, beyond which it is mostly empty."""


@dataclass(frozen=True, slots=True)
class RowsBatch:
    """Members with the same sample, effects, weights and missing values of what does not move, ready for draws.

    Attributes
    ----------
    places : (M,) int64, of the members among all
    sample : row of Problem.rows
    extra : column of values that must be complete, or -1
    rows : (n,) int64, rows of the panel that lack nothing but the sample and what moves, by cluster
    treatments : (T,) int64, columns of values
    columns : (n, K) float64, outcomes and controls net of the effects, of unit SD
    unit : (K,) float64, one unit of a column in its own units
    weights : (n,) float64
    grid : the effects; ``first`` and ``second`` sum rows by level, ``levels`` are each row's, ``cell`` numbers pairs
    codes, cluster : of (n,) int64, levels of the effects and clusters; ``starts`` is where each cluster begins
    outcome, treatment : (M,) int64, of each member, as places in ``columns`` with the treatments behind
    alike : members by their controls
    """

    places: Ints
    sample: int
    extra: int
    rows: Ints
    treatments: Ints
    columns: Floats
    unit: Floats
    weights: Floats
    grid: EffectGrid
    first: Any
    second: Any
    levels: tuple[Ints, Ints]
    cell: Ints
    codes: tuple[Ints, ...]
    cluster: Ints
    starts: Ints
    vcov: Vcov
    outcome: Ints
    treatment: Ints
    alike: tuple[_Regressions, ...]

    def draw(self, problems: Sequence[Problem]) -> list[Floats | None]:
        """Return (4, M) estimates, t, standard errors and df of each draw's problem; None where the engine must."""
        found: list[Floats | None] = [None] * len(problems)
        known = [(k, net) for k, problem in enumerate(problems) if (net := self._net(problem)) is not None]
        if known:
            for (k, _), solved in zip(known, _solve(self, [net for _, net in known]), strict=True):
                found[k] = solved
        return found

    def _net(self, problem: Problem) -> _Net | None:
        keep = problem.rows[self.sample][self.rows]
        if self.extra >= 0:
            keep &= np.isfinite(problem.values[:, self.extra].take(self.rows))
        treatments = np.array([problem.values[:, c].take(self.rows) for c in self.treatments])
        lacking = ~np.isfinite(treatments)
        if lacking.any():
            if (lacking != lacking[:1])[:, keep].any():
                return None
            keep &= ~lacking[0]
            treatments[lacking] = 0.0
        kept = without_singletons(np.flatnonzero(keep), self.codes)
        return _net_of_effects(self, kept, treatments) if len(kept) else None


def rows_batches(problem: Problem, members: Members, moved: Moved) -> tuple[RowsBatch, ...]:
    """Gather the least-squares members of which nothing moves but the treatment and the rows."""
    vcov = problem.vcovs[0]
    if vcov.kind != "cluster" or len(vcov.clusters) != 1 or len(problem.vcovs) != 1 or moved.codes[vcov.clusters[0]]:
        return ()
    everywhere = replace(problem, rows=np.ones_like(problem.rows))
    groups: dict[tuple[object, ...], list[int]] = {}
    for s in np.flatnonzero((members.sunab < 0) & (members.instruments < 0)).tolist():
        if not _fits(problem, members, moved, s):
            continue
        own = [int(members.outcome[s]), *members.controls_of(s).tolist()]
        shared = [int(x[s]) for x in (members.rows, members.effects, members.weights, members.extra_rows)]
        complete = sample_rows(everywhere, shared[0], shared[1], *own, weights=shared[2])
        groups.setdefault((complete.tobytes(), *shared), []).append(s)
    made = (_make(problem, members, np.array(places), key) for key, places in groups.items())
    return tuple(batch for batch in made if batch is not None)


def _fits(problem: Problem, members: Members, moved: Moved, s: int) -> bool:
    effects, controls = problem.effects[members.effects[s]], members.controls_of(s)
    still = [members.outcome[s], *controls, *([members.weights[s]] if members.weights[s] >= 0 else [])]
    return not (
        moved.values[still].any()
        or any(moved.codes[c] for c in effects.fixed)
        or effects.slopes
        or len(effects.fixed) > MOST_EFFECTS
        or np.isin(problem.offsets, controls).any()
    )


def _make(problem: Problem, members: Members, places: Ints, key: tuple[object, ...]) -> RowsBatch | None:
    lead, vcov = int(places[0]), problem.vcovs[0]
    complete = np.frombuffer(key[0], dtype=bool) if isinstance(key[0], bytes) else np.zeros(0, bool)
    rows = np.flatnonzero(complete)
    cluster = problem.codes[rows, vcov.clusters[0]]
    if not len(rows) or cluster.min() < 0:
        return None
    rows = rows[np.argsort(cluster, kind="stable")]
    cluster = relevel(problem.codes[rows, vcov.clusters[0]])
    effects, weight = problem.effects[members.effects[lead]], int(members.weights[lead])
    weights = np.ones(len(rows)) if weight < 0 else problem.values[rows, weight]
    weights = weights / weights.mean()
    codes = tuple(problem.codes[rows, c] for c in effects.fixed)
    grid = make_grid(codes, len(rows))
    if grid.cells > SPARSE * len(rows) * grid.n_slots:
        return None
    cell = grid.place // grid.n_slots
    first, within = np.divmod(cell, grid.n_second)
    second = first // grid.n_first * grid.n_second + within
    used = np.unique([c for s in places for c in (members.outcome[s], *members.controls_of(s))])
    treatments = np.unique(members.treatment[places])
    columns, unit = standardised(problem.values[np.ix_(rows, used)])
    if not demean(columns, make_absorber(problem, effects, rows, weights)):
        return None
    columns, left = standardised(columns)
    if (left < np.sqrt(PIVOT)).any():
        return None
    outcome = np.searchsorted(used, members.outcome[places])
    treatment = len(used) + np.searchsorted(treatments, members.treatment[places])
    return RowsBatch(
        places,
        int(members.rows[lead]),
        int(members.extra_rows[lead]),
        rows,
        treatments,
        np.ascontiguousarray(columns),
        unit * left,
        weights,
        grid,
        _sums(first, grid.n_blocks * grid.n_first),
        _sums(second, grid.n_blocks * grid.n_second),
        (first, second),
        cell,
        codes,
        cluster,
        np.searchsorted(cluster, np.arange(int(cluster[-1]) + 1)),
        problem.vcovs[0],
        outcome,
        treatment,
        tuple(_alike(members, places, used, treatment, outcome)),
    )


@dataclass(frozen=True, slots=True)
class _Regressions:
    """Members with the same controls: these, and treatments and outcomes (``targets``), as places in ``columns``.

    ``treatment`` and ``outcome`` are places in ``targets``, of each of ``members``.
    """

    members: Ints
    controls: Ints
    targets: Ints
    treatment: Ints
    outcome: Ints


def _alike(members: Members, places: Ints, used: Ints, treatment: Ints, outcome: Ints) -> Iterator[_Regressions]:
    """Gather members by their controls."""
    found: dict[bytes, list[int]] = {}
    for j, s in enumerate(places.tolist()):
        found.setdefault(members.controls_of(s).tobytes(), []).append(j)
    for listed in found.values():
        mine = np.array(listed)
        controls = np.searchsorted(used, members.controls_of(int(places[mine[0]])))
        targets = np.unique([treatment[mine], outcome[mine]])
        d, y = (np.searchsorted(targets, column[mine]) for column in (treatment, outcome))
        yield _Regressions(mine, controls, targets, d, y)


def _sums(levels: Ints, count: int) -> Any:
    """Return the sparse matrix that sums rows by level."""
    from scipy.sparse import csr_matrix

    return csr_matrix((np.ones(len(levels)), (levels, np.arange(len(levels)))), shape=(count, len(levels)))


@dataclass(frozen=True, slots=True)
class _Net:
    """A draw's columns net of the effects and times the root of weights, 0 in rows that are not in it.

    Attributes
    ----------
    columns : (n, K + T) float64; ``unit`` and ``squares`` of each before
    nobs, clusters : how many are in the draw
    """

    columns: Floats
    unit: Floats
    squares: Floats
    nobs: int
    clusters: int
    correction: ssc.Correction


def _net_of_effects(batch: RowsBatch, kept: Ints, treatments: Floats) -> _Net | None:
    """Take the effects out of a draw's columns; None where levels hang together by too little."""
    grid, count, fixed = batch.grid, len(kept), batch.columns.shape[1]
    inside = np.zeros(len(batch.rows))
    inside[kept] = 1.0
    weights = inside * batch.weights
    treatments = treatments - (treatments @ inside / count)[:, None]
    spread = np.sqrt(treatments**2 @ inside / count)
    spread[spread == 0] = 1.0
    wide = np.empty((len(inside), fixed + len(spread) + 1))
    wide[:, :fixed], wide[:, fixed:-1], wide[:, -1] = batch.columns, (treatments / spread[:, None]).T, 1.0
    weighted = wide * weights[:, None]
    squares = (wide.T @ weighted).diagonal()[:-1]
    blocks, width = grid.n_blocks, wide.shape[1] - 1
    first = batch.first @ weighted
    mass = np.where(first[:, -1:] > 0, first[:, -1:], 1.0)
    means = first[:, :-1] / mass
    net = wide[:, :-1]
    if grid.n_second > 1:
        second = batch.second @ weighted
        cells = np.bincount(batch.cell, weights, blocks * grid.n_first * grid.n_second)
        cells = cells.reshape(blocks, grid.n_first, grid.n_second)
        shares = (cells / mass.reshape(blocks, -1, 1)).transpose(0, 2, 1)
        right = second[:, :-1].reshape(blocks, -1, width) - shares @ first[:, :-1].reshape(blocks, -1, width)
        found = _solve_levels(second[:, -1].reshape(blocks, -1), shares @ cells, right)
        if found is None:
            return None
        means = means - (cells @ found).reshape(len(means), width) / mass
        net = net - np.take(found.reshape(-1, width), batch.levels[1], axis=0)
    net = net - np.take(means, batch.levels[0], axis=0)
    net *= np.sqrt(weights)[:, None]
    codes = tuple(relevel(c[kept]) for c in batch.codes) or (np.zeros(count, np.int64),)
    cluster = relevel(batch.cluster[kept])
    return _Net(
        net,
        np.concatenate([batch.unit, spread]),
        squares,
        count,
        int(cluster[-1]) + 1,
        ssc.correction(batch.vcov.kind, batch.vcov.ssc, codes, (), (cluster,)),
    )


def _solve_levels(mass: Floats, explained: Floats, right: Floats) -> Floats | None:
    """Solve for the second effect's levels, (C, L, K): graph Laplacians, each regular but for a common shift.

    Levels that a draw does not have get 0. None where a component falls apart, or nearly.
    """
    here = mass > 0
    largest = np.maximum(mass.max(axis=1), np.finfo(float).tiny)[:, None]
    system = (largest / np.maximum(here.sum(axis=1, keepdims=True), 1))[:, :, None] * (here[:, :, None] & here[:, None])
    system -= explained
    each = np.arange(mass.shape[1])
    system[:, each, each] += np.where(here, mass, largest)
    try:
        inverse = np.linalg.inv(system)
    except np.linalg.LinAlgError:
        return None
    if not (np.abs(inverse).max(axis=(1, 2)) * largest[:, 0] < 1.0 / PIVOT).all():
        return None
    found = inverse @ right
    return np.asarray(found + inverse @ (right - (system @ found)))


def _solve(batch: RowsBatch, draws: Sequence[_Net]) -> list[Floats | None]:
    """Solve all regressions of a batch in some draws; None where a pivot is too small to be sure of."""
    gram = np.array([draw.columns.T @ draw.columns for draw in draws])
    before, units = (np.array([getattr(draw, name) for draw in draws]) for name in ("squares", "unit"))
    least = PIVOT * before
    sure = (gram.diagonal(axis1=1, axis2=2) > least).all(axis=1)
    width, count = gram.shape[1], len(batch.places)
    coefficients = np.zeros((len(draws), width, 2 * count))
    of_treatment, of_residual = coefficients[:, :, :count], coefficients[:, :, count:]
    beta, squares, rss, found = np.empty((4, len(draws), count))
    controls = np.empty(count)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # of draws that are left to the engine
        for group in batch.alike:
            mine, x, targets, d, y = group.members, group.controls, group.targets, group.treatment, group.outcome
            gamma, good = _on_controls(gram, least, x, targets)
            left = gram[:, targets[:, None], targets] - gram[:, targets[:, None], x] @ gamma
            sure &= good & (left.diagonal(axis1=1, axis2=2) > least[:, targets]).all(axis=1)
            beta[:, mine] = slope = left[:, d, y] / left[:, d, d]
            squares[:, mine], rss[:, mine] = left[:, d, d], left[:, y, y] - slope * left[:, d, y]
            controls[mine] = len(x)
            of_treatment[:, x[:, None], mine] = -gamma[:, :, d]
            of_residual[:, x[:, None], mine] = slope[:, None] * gamma[:, :, d] - gamma[:, :, y]
            of_treatment[:, batch.treatment[mine], mine] = of_residual[:, batch.outcome[mine], mine] = 1.0
            of_residual[:, batch.treatment[mine], mine] = -slope
        sure &= (rss > least[:, batch.outcome]).all(axis=1)
        for k, draw in enumerate(draws):
            both = draw.columns @ coefficients[k]
            scores = np.add.reduceat(both[:, :count] * both[:, count:], batch.starts, axis=0)
            found[k] = np.einsum("gm,gm->m", scores, scores)
        nobs, clusters = (np.array([[getattr(draw, name)] for draw in draws]) for name in ("nobs", "clusters"))
        absorbed, spare = (np.array([[getattr(d.correction, name)] for d in draws]) for name in ("absorbed", "spare"))
        correction, k_of = replace(draws[0].correction, absorbed=absorbed, spare=spare), 1 + controls
        variance = found / squares**2 * correction.factor(nobs, k_of, clusters)
        unit = units[:, batch.outcome] / units[:, batch.treatment]
        error, statistic = np.sqrt(variance) * unit, beta / np.sqrt(variance)
    certain = (found > PIVOT**2 * squares * rss / nobs) & (variance > 0) & (nobs > correction.df_k(k_of))
    sure &= certain.all(axis=1) & (clusters[:, 0] >= 2)
    df = ssc.freedom(batch.vcov.distribution, correction.t_df(nobs, k_of, clusters))
    table = np.array([beta * unit, statistic, error, np.broadcast_to(df, beta.shape)])
    return [table[:, k] if good else None for k, good in enumerate(sure.tolist())]


def _on_controls(gram: Floats, least: Floats, controls: Ints, targets: Ints) -> tuple[Floats, Bools]:
    """Regress the targets on the controls in each draw, refined once; and say where each leaves more than ``least``."""
    own, right = gram[:, controls[:, None], controls], gram[:, controls[:, None], targets]
    try:
        root, inverse = np.linalg.cholesky(own), np.linalg.inv(own)
    except np.linalg.LinAlgError:
        if len(gram) == 1:
            return np.full(right.shape, np.nan), np.zeros(1, dtype=bool)
        each = [_on_controls(gram[k : k + 1], least[k : k + 1], controls, targets) for k in range(len(gram))]
        return np.concatenate([gamma for gamma, _ in each]), np.concatenate([good for _, good in each])
    gamma = inverse @ right
    gamma += inverse @ (right - own @ gamma)
    return gamma, np.asarray((root.diagonal(axis1=1, axis2=2) ** 2 > least[:, controls]).all(axis=1))
