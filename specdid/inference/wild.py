"""The null-imposed wild cluster bootstrap with one sign per cluster and draw for all specifications.

Cameron, Gelbach and Miller (2008); the restricted, studentised version of Roodman,
MacKinnon, Nielsen and Webb (2019). Rademacher signs; Webb's (2023) six points below 12
clusters. A draw is seeded by its own number and covers every cluster of the panel in
sorted order, before any row is cut: it is the same in every specification and does not
change with what else is in the grid.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from specdid.engine import ssc
from specdid.engine.demean import Absorber, demean, relevel
from specdid.engine.problem import Members, Problem
from specdid.inference._base import Context, Floats, Ints, Null, NullDraws
from specdid.inference._batches import Batch, kept_controls, make_batches
from specdid.inference._wild_kernel import Blocks, Family, carry, cluster_gram, wild_draws

FEW = 12
CHUNK = 64


def draw(context: Context) -> NullDraws:
    """Draw the null of no effect for the least-squares specifications among the chosen."""
    compiled = context.compiled
    linear = compiled.batched[context.chosen] & (compiled.members.sunab[context.chosen] < 0)
    problem = compiled.problem
    chosen = context.chosen[linear]
    members = compiled.members.take(chosen)
    dropped = {
        new: context.dropped[old]
        for new, old in enumerate(np.flatnonzero(linear).tolist())
        if old in context.dropped
    }
    signs = cluster_signs(context.cluster, context.draws, context.seed)
    estimate = np.full((len(chosen), context.draws + 1), np.nan)
    statistic, error = np.full_like(estimate, np.nan), np.full(len(chosen), np.nan)
    facts = np.zeros((len(chosen), 2), np.int64)
    done = 0
    for batch in make_batches(problem, members):
        context.progress("wild null", done, len(chosen))
        done += len(batch.members)
        if _slopes_across(problem, batch, context.cluster):
            continue
        prepared = _prepare(problem, members, batch, context.cluster)
        facts[batch.members] = _cluster_facts(problem, members, batch, prepared)
        for places, family in _families(problem, members, dropped, batch, prepared):
            b, t, se = wild_draws(prepared.blocks, family, signs[:, prepared.present])
            scale = prepared.scale[family.outcome] / prepared.scale[family.treatment]
            estimate[places] = b * scale[:, None]
            statistic[places] = t
            error[places] = se[:, 0] * scale
    usable = np.asarray(np.isfinite(statistic).all(axis=1))
    notes = _left_out(linear, usable)
    df = facts[:, 0].astype(np.float64) - 1.0
    return NullDraws(
        "wild",
        members.index[usable],
        estimate[usable, 0],
        statistic[usable, 0],
        error[usable],
        df[usable],
        estimate[usable, 1:],
        statistic[usable, 1:],
        notes,
        0,
        int(facts[usable, 0].min(initial=2**31)),
        int(facts[usable, 1].min(initial=2**31)),
    )


def cluster_signs(cluster: Ints, draws: int, seed: int) -> Floats:
    """Give (1 + draws, G) signs over all clusters of the panel; the first row, ones, is the data."""
    count = int(cluster.max(initial=-1)) + 1
    out = np.ones((draws + 1, count))
    for b in range(draws):
        generator = np.random.Generator(np.random.Philox(key=[seed % 2**64, b]))
        if count >= FEW:
            out[b + 1] = 2.0 * generator.integers(0, 2, count) - 1.0
        else:
            six = np.sqrt([0.5, 1.0, 1.5])
            out[b + 1] = np.concatenate([-six, six])[generator.integers(0, 6, count)]
    return out


def residualise(
    columns: Floats, effects: list[Ints], slopes: list[tuple[Ints, Floats]], weights: Floats | None
) -> Floats:
    """Take effects and slopes out of (n, K) columns; without any, the mean."""
    codes = effects if effects or slopes else [np.zeros(len(columns), np.int64)]
    sizes = [
        np.array([int(c.max()) + 1 for c in group], np.int64) for group in (codes, [c for c, _ in slopes])
    ]
    swept = np.asfortranarray(columns)
    demean(swept, Absorber(tuple(codes), sizes[0], tuple(slopes), sizes[1], weights))
    return swept


def _slopes_across(problem: Problem, batch: Batch, cluster: Ints) -> bool:
    """Say whether a slope's levels lie across clusters: these are not carried."""
    codes = [problem.codes[batch.rows, f] for f, _ in batch.effects.slopes]
    return any(not ssc.is_nested(c, (cluster[batch.rows],)) for c in codes)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A batch's sums, which clusters are in it, and what the correction needs."""

    blocks: Blocks
    present: Ints
    column: dict[int, int]
    scale: Floats
    nobs: int
    absorbed: int
    intercept: int
    clusters: Ints


def _prepare(problem: Problem, members: Members, batch: Batch, cluster: Ints) -> _Prepared:
    rows = batch.rows
    present = np.unique(cluster[rows])
    clusters = np.searchsorted(present, cluster[rows])
    weights = problem.values[rows, batch.weights] if batch.weights >= 0 else None
    effects = [relevel(problem.codes[rows, f]) for f in batch.effects.fixed]
    slopes = [(relevel(problem.codes[rows, f]), problem.values[rows, x]) for f, x in batch.effects.slopes]
    columns = problem.values[np.ix_(rows, batch.columns)]
    spread = columns.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    residual = residualise((columns - columns.mean(axis=0)) / scale, effects, slopes, weights)
    root = None if weights is None else np.sqrt(weights)
    if root is not None:
        residual = residual * root[:, None]
    nested = [ssc.is_nested(e, (clusters,)) for e in effects]
    levels, total = _carried_levels(effects, nested, bool(slopes), len(rows))
    inner = [e for e, inside in zip(effects, nested, strict=True) if inside]
    carried = (
        carry(
            residual,
            clusters,
            len(present),
            levels,
            total,
            _crossed(levels, total, inner, slopes, weights),
            root,
        )
        if levels
        else ()
    )
    blocks = Blocks(cluster_gram(residual, clusters, len(present)), carried)
    counts = [int(e.max()) + 1 for e in effects]
    loose = sum(int(f.max()) + 1 for f, _ in slopes if not ssc.is_nested(f, (clusters,)))
    absorbed = int(ssc.absorbed_parameters(counts, np.array(nested, dtype=bool), loose))
    column = {int(c): k for k, c in enumerate(batch.columns)}
    plain = int(not effects and not slopes)
    return _Prepared(blocks, present, column, scale, len(rows), absorbed, plain, clusters)


def _carried_levels(effects: list[Ints], nested: list[bool], slopes: bool, n: int) -> tuple[list[Ints], int]:
    """Give numbers to the levels of the effects not nested in the cluster, over all of them from 0.

    Without any effect the intercept is what is carried. An effect that another carried
    one is finer than adds nothing.
    """
    carried = [e for e, inside in zip(effects, nested, strict=True) if not inside]
    if not effects and not slopes:
        carried = [np.zeros(n, np.int64)]
    levels, total = [], 0
    for effect in _finest(carried):
        levels.append(effect + total)
        total += int(effect.max()) + 1
    return levels, total


def _crossed(
    levels: list[Ints],
    total: int,
    inner: list[Ints],
    slopes: list[tuple[Ints, Floats]],
    weights: Floats | None,
) -> Callable[[Ints, Ints], Floats]:
    """Give the function (rows, own levels) -> cross product of the dummies after the nested effects."""
    n = len(levels[0])
    if len(inner) > 1 or slopes:
        dummies = np.zeros((n, total))
        for level in levels:
            dummies[np.arange(n), level] = 1.0
        dummies = residualise(dummies, inner, slopes, weights)
        whole = dummies.T @ (dummies if weights is None else dummies * weights[:, None])
        return lambda rows, own: whole[np.ix_(own, own)]
    return lambda rows, own: _counted(levels, inner, weights, rows, own, total)


def _counted(
    levels: list[Ints], inner: list[Ints], weights: Floats | None, rows: Ints, own: Ints, total: int
) -> Floats:
    """Cross product of dummies from counts: F'F less the part within the one nested effect's levels."""
    place = np.full(total, -1, np.int64)
    place[own] = np.arange(len(own))
    local = [place[level[rows]] for level in levels]
    weight = None if weights is None else weights[rows]
    size = len(own)
    out = np.zeros(size * size)
    for a in local:
        for b in local:
            out += np.bincount(a * size + b, weights=weight, minlength=size * size)
    crossed = out.reshape(size, size)
    if inner:
        level = relevel(inner[0][rows])
        count = int(level.max()) + 1
        cells = np.zeros(count * size)
        for a in local:
            cells += np.bincount(level * size + a, weights=weight, minlength=count * size)
        shares = cells.reshape(count, size)
        mass = np.bincount(level, weights=weight, minlength=count)
        crossed = crossed - shares.T @ (shares / mass[:, None])
    return crossed


def _finest(effects: list[Ints]) -> list[Ints]:
    """Drop effects whose levels are unions of another's."""
    keep: list[Ints] = []
    for k, coarse in enumerate(effects):
        finer = [
            fine
            for j, fine in enumerate(effects)
            if j != k and ssc.is_nested(fine, (coarse,)) and (j < k or not ssc.is_nested(coarse, (fine,)))
        ]
        if not finer:
            keep.append(coarse)
    return keep


def _families(
    problem: Problem, members: Members, dropped: dict[int, tuple[int, ...]], batch: Batch, prepared: _Prepared
) -> Iterator[tuple[Ints, Family]]:
    """Stack the batch's members by their number of controls, in chunks."""
    by_size: dict[int, list[tuple[int, Ints]]] = defaultdict(list)
    for s in batch.members.tolist():
        kept = kept_controls(members, dropped, s)
        by_size[len(kept)].append((s, kept))
    for size in sorted(by_size):
        entries = by_size[size]
        factor = float(
            ssc.variance_factor(
                "cluster",
                prepared.nobs,
                1 + size + prepared.intercept + prepared.absorbed,
                len(prepared.present),
            )
        )
        for start in range(0, len(entries), CHUNK):
            part = entries[start : start + CHUNK]
            places = np.array([s for s, _ in part], np.int64)
            yield (
                places,
                Family(
                    _positions(prepared, members.outcome[places]),
                    _positions(prepared, members.treatment[places]),
                    np.array([_positions(prepared, kept) for _, kept in part], np.int64).reshape(
                        len(part), size
                    ),
                    np.full(len(part), factor),
                ),
            )


def _positions(prepared: _Prepared, columns: Ints) -> Ints:
    return np.array([prepared.column[int(c)] for c in columns], np.int64)


def _cluster_facts(problem: Problem, members: Members, batch: Batch, prepared: _Prepared) -> Ints:
    """Count clusters, and clusters in which the treatment is ever not zero; (m, 2)."""
    out = np.empty((len(batch.members), 2), np.int64)
    out[:, 0] = len(prepared.present)
    for treatment in np.unique(members.treatment[batch.members]):
        on = problem.values[batch.rows, treatment] != 0
        mine = members.treatment[batch.members] == treatment
        out[mine, 1] = len(np.unique(prepared.clusters[on]))
    return out


def _left_out(linear: np.ndarray, usable: np.ndarray) -> tuple[str, ...]:
    notes = []
    other = int(np.count_nonzero(~linear))
    if other:
        notes.append(f"{other:,} specifications are not plain least squares and are not in this test")
    broken = int(np.count_nonzero(~usable))
    if broken:
        notes.append(
            f"{broken:,} specifications have no cluster-robust variance, or slopes that lie across clusters, and are not in this test"
        )
    return tuple(notes)


INFERENCE = Null(
    "wild",
    "wild cluster bootstrap",
    "The null imposed, one sign per cluster and draw shared by all specifications, studentised.",
    draw,
)
