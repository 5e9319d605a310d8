"""The null-imposed wild cluster bootstrap with one sign per cluster and draw for all specifications.

Cameron, Gelbach and Miller (2008); the restricted, studentised version of Roodman,
MacKinnon, Nielsen and Webb (2019). Rademacher signs; Webb's (2023) six points below 12
clusters. A draw is seeded by its own number and covers every cluster of the panel in
sorted order, before any row is cut: it is the same in every specification and does not
change with what else is in the grid.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from specdid.engine import ssc
from specdid.engine.content import Content, digest
from specdid.engine.demean import demean
from specdid.engine.problem import Members, Problem
from specdid.engine.workers import as_done
from specdid.inference._base import Context, Floats, Ints, Null, NullDraws
from specdid.inference._batches import Batch, Laid, kept_controls, lay_out, make_batches, positions
from specdid.inference._carried import Carried, Stack, carried_levels, carry, cross_products
from specdid.inference._wild_kernel import Blocks, Family, cluster_gram, wild_draws

FEW = 12
CHUNK = 16
"""Regressions whose draws are formed together: what fits the cache."""
LARGE_POWER = 400
"""Powers of two beyond which a column's values are scaled before they are squared."""

LEAST_PART = 64
SMALL = 200_000
"""Specifications times draws below which workers are not worth starting."""


def draw(context: Context) -> NullDraws:
    """Draw the null of no effect for the least-squares specifications among the chosen."""
    compiled = context.compiled
    linear = compiled.batched[context.chosen]
    members = compiled.members.take(context.chosen[linear])
    kept = {old: new for new, old in enumerate(np.flatnonzero(linear).tolist())}
    dropped = {kept[old]: gone for old, gone in context.dropped.items() if old in kept}
    signs = cluster_signs(context.cluster, context.draws, context.seed)
    slices, size = cut(make_batches(compiled.problem, members), len(members))
    done, drawn = 0, _Drawn.empty(len(members), context.draws)
    for found in _recall(context, members, dropped, slices, size, signs):
        drawn.enter(found)
        done += len(found.places)
        context.progress("wild null", done, len(members))
    usable = np.asarray(np.isfinite(drawn.statistic).all(axis=1))
    notes = _left_out(linear, usable)
    return NullDraws(
        "wild",
        members.index[usable],
        drawn.estimate[usable, 0],
        drawn.statistic[usable, 0],
        drawn.error[usable],
        drawn.facts[usable, 0].astype(np.float64) - 1.0,
        drawn.estimate[usable, 1:],
        drawn.statistic[usable, 1:],
        notes,
        0,
        int(drawn.facts[usable, 0].min(initial=2**31)),
        int(drawn.facts[usable, 1].min(initial=2**31)),
    )


Shared = tuple[Problem, Members, dict[int, tuple[int, ...]], Ints, Floats]
DRAWN = ("estimate", "statistic", "error", "facts")


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What was drawn: estimate and statistic (S, 1 + B), error (S,), clusters and treated clusters (S, 2)."""

    places: Ints
    estimate: Floats
    statistic: Floats
    error: Floats
    facts: Ints

    @classmethod
    def empty(cls, count: int, draws: int) -> _Drawn:
        """Give room for ``count`` specifications."""
        table = np.full((count, draws + 1), np.nan)
        return cls(np.arange(count), table, table.copy(), np.full(count, np.nan), np.zeros((count, 2), np.int64))

    def enter(self, part: _Drawn) -> None:
        """Write a part at its places."""
        for name in DRAWN:
            getattr(self, name)[part.places] = getattr(part, name)


def cut(batches: list[Batch], count: int) -> tuple[list[Batch], int]:
    """Cut batches into slices of at most some size, a power of two: a function of the plan alone."""
    size = max(LEAST_PART, 2 ** (count // 24 - 1).bit_length())
    starts = ((b, range(0, len(b.members), size)) for b in batches)
    return [replace(b, members=b.members[s : s + size]) for b, all_ in starts for s in all_], size


def gather(slices: list[Batch], chosen: list[int], size: int) -> list[list[int]]:
    """Put small slices together into parts for workers."""
    parts: list[list[int]] = [[]]
    filled = 0
    for k in chosen:
        parts[-1].append(k)
        filled += len(slices[k].members)
        if filled >= size:
            parts.append([])
            filled = 0
    return [part for part in parts if part]


def _recall(
    context: Context,
    members: Members,
    dropped: dict[int, tuple[int, ...]],
    slices: list[Batch],
    size: int,
    signs: Floats,
) -> Iterator[_Drawn]:
    """Give the draws of slices: those that are stored, then the others, storing each."""
    problem, store = context.compiled.problem, context.store_for(len(members))
    keys: list[bytes] = []
    missing = list(range(len(slices)))
    if store is not None:
        keys = list(_keys(store.content(problem), members, dropped, slices, context.cluster, signs))
        missing = []
        for k, key in enumerate(keys):
            found = store.get(key)
            if found is None:
                missing.append(k)
            else:
                yield _Drawn(slices[k].members, **found)
    parts = gather(slices, missing, size)
    small = sum(len(slices[k].members) for k in missing) * context.draws < SMALL

    def part(p: int) -> list[Batch]:
        return [slices[k] for k in parts[p]]

    shared = (problem, members, dropped, context.cluster, signs)
    jobs = 1 if small else context.jobs
    for p, drawn in as_done(_draw_part, shared, part, range(len(parts)), jobs, context.backend):
        if store is not None:
            ends = np.cumsum([len(slices[k].members) for k in parts[p]]).tolist()
            for k, end in zip(parts[p], ends, strict=True):
                here = slice(end - len(slices[k].members), end)
                store.put(keys[k], {name: getattr(drawn, name)[here] for name in DRAWN})
        yield drawn


def _keys(
    content: Content,
    members: Members,
    dropped: dict[int, tuple[int, ...]],
    slices: list[Batch],
    cluster: Ints,
    signs: Floats,
) -> Iterator[bytes]:
    """Hash all that the draws of each slice depend on."""
    shared = digest("wild", content.study, cluster, signs)
    for batch in slices:
        mine, places = members.take(batch.members), enumerate(batch.members.tolist())
        gone = [(k, np.searchsorted(batch.columns, dropped[s]).tolist()) for k, s in places if s in dropped]
        rows, batch_of = batch.rows, content.shared(mine, 0)
        yield digest(shared, rows, batch_of, content.layout(mine, batch.columns), repr(gone))


def _draw_part(shared: Shared, batches: list[Batch]) -> _Drawn:
    """Draw a part's specifications."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what is no number is left out
        return _drawn_batches(*shared, batches)


def _drawn_batches(
    problem: Problem,
    members: Members,
    dropped: dict[int, tuple[int, ...]],
    cluster: Ints,
    signs: Floats,
    batches: list[Batch],
) -> _Drawn:
    places = np.concatenate([b.members for b in batches])
    local = {int(p): k for k, p in enumerate(places)}
    drawn = _Drawn.empty(len(places), signs.shape[1] - 1)
    squares = signs**2
    for batch in batches:
        if _slopes_across(problem, batch, cluster):
            continue
        prepared = _prepare(problem, members, batch, cluster, signs)
        at = np.array([local[int(p)] for p in batch.members])
        drawn.facts[at] = _cluster_facts(problem, members, batch, prepared)
        for places_, family in _families(members, dropped, batch, prepared):
            b, t, se = wild_draws(prepared.blocks, family, prepared.signs, among(prepared.present, squares))
            scale = prepared.scale[family.outcome] / prepared.scale[family.treatment]
            at = np.array([local[int(p)] for p in places_])
            drawn.estimate[at] = b * scale[:, None]
            drawn.statistic[at] = t
            drawn.error[at] = se[:, 0] * scale
    return _Drawn(places, drawn.estimate, drawn.statistic, drawn.error, drawn.facts)


def cluster_signs(cluster: Ints, draws: int, seed: int) -> Floats:
    """Give (G, 1 + draws) signs over all clusters of the panel; the first column, ones, is the data."""
    count = int(cluster.max(initial=-1)) + 1
    out = np.ones((count, draws + 1))
    for b in range(draws):
        generator = np.random.Generator(np.random.Philox(key=[seed % 2**64, b]))
        if count >= FEW:
            out[:, b + 1] = 2.0 * generator.integers(0, 2, count) - 1.0
        else:
            six = np.sqrt([0.5, 1.0, 1.5])
            out[:, b + 1] = np.concatenate([-six, six])[generator.integers(0, 6, count)]
    return out


def _slopes_across(problem: Problem, batch: Batch, cluster: Ints) -> bool:
    """Say whether a slope's levels lie across clusters: these are not carried."""
    codes = [problem.codes[batch.rows, f] for f, _ in batch.effects.slopes]
    return any(not ssc.is_nested(c, (cluster[batch.rows],)) for c in codes)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A batch's sums, which clusters are in it, and what the correction needs."""

    laid: Laid
    blocks: Blocks
    signs: Floats
    present: Ints
    scale: Floats
    nobs: int
    absorbed: int
    intercept: int
    clusters: Ints


def _prepare(problem: Problem, members: Members, batch: Batch, cluster: Ints, signs: Floats) -> _Prepared:
    present, clusters = _numbered(cluster[batch.rows], len(signs))
    mine = among(present, signs)
    laid = lay_out(problem, members, batch)
    absorber, plain = laid.absorber, not batch.effects.fixed and not batch.effects.slopes
    residual = np.subtract(laid.values, laid.values.mean(axis=0), order="F")
    power = np.frexp(np.maximum(residual.max(axis=0), -residual.min(axis=0)))[1]
    power = np.where(np.abs(power) > LARGE_POWER, power, 0)
    if power.any():  # squares would be no numbers, or 0
        np.ldexp(residual, -power, out=residual)
    spread = np.sqrt(np.einsum("ij,ij->j", residual, residual) / len(residual))
    scale = np.where(spread > 0, spread, 1.0)
    residual /= scale
    scale = np.ldexp(scale, power)
    demean(residual, absorber)
    root = None if absorber.weights is None else np.sqrt(absorber.weights)
    if root is not None:
        residual *= root[:, None]
    effects = [] if plain else list(absorber.codes)
    nested = [ssc.is_nested(e, (clusters,)) for e in effects]
    levels, total = carried_levels(effects, nested, plain, len(clusters))
    shared = mine if len(batch.members) > len(batch.columns) else None
    carried: tuple[Carried, ...] | Stack = ()
    if levels:
        inner = [e for e, inside in zip(effects, nested, strict=True) if inside]
        crossed = cross_products(levels, inner, list(absorber.slopes), absorber.weights)
        carried = carry(residual, clusters, len(present), levels, total, crossed, root, shared)
    gram = cluster_gram(residual, clusters, len(present))
    blocks = Blocks(gram, gram.sum(axis=0), carried)
    counts = np.zeros(0, np.int64) if plain else absorber.levels
    absorbed = int(ssc.absorbed_parameters(counts, np.array(nested, dtype=bool)))
    return _Prepared(laid, blocks, mine, present, scale, len(clusters), absorbed, int(plain), clusters)


def _numbered(cluster: Ints, count: int) -> tuple[Ints, Ints]:
    """Give the clusters among ``count`` that rows have, and each row's place among these."""
    seen = np.bincount(cluster, minlength=count) > 0
    return np.flatnonzero(seen), (np.cumsum(seen) - 1)[cluster]


def among(present: Ints, table: Floats) -> Floats:
    """Take the rows of the clusters that are present; no copy where all are."""
    return table if len(present) == len(table) else table[present]


def _families(
    members: Members, dropped: dict[int, tuple[int, ...]], batch: Batch, prepared: _Prepared
) -> Iterator[tuple[Ints, Family]]:
    """Stack the batch's members by their number of controls, in chunks."""
    laid = prepared.laid
    by_size: dict[int, list[tuple[int, Ints]]] = defaultdict(list)
    for s in batch.members.tolist():
        kept = np.concatenate([positions(laid, kept_controls(members, dropped, s)), laid.block])
        by_size[len(kept)].append((s, kept))
    for size in sorted(by_size):
        entries = by_size[size]
        df_k = 1 + size + prepared.intercept + prepared.absorbed
        factor = float(ssc.variance_factor("cluster", prepared.nobs, df_k, len(prepared.present)))
        for start in range(0, len(entries), CHUNK):
            part = entries[start : start + CHUNK]
            places = np.array([s for s, _ in part], np.int64)
            treatment = positions(laid, members.treatment[places])
            yield (
                places,
                Family(
                    positions(laid, members.outcome[places]),
                    treatment if laid.treatment < 0 else np.full(len(part), laid.treatment),
                    np.array([kept for _, kept in part], np.int64).reshape(len(part), size),
                    np.full(len(part), factor),
                ),
            )


def _cluster_facts(problem: Problem, members: Members, batch: Batch, prepared: _Prepared) -> Ints:
    """Count clusters, and clusters in which the treatment is ever not zero; (m, 2)."""
    out = np.empty((len(batch.members), 2), np.int64)
    out[:, 0] = len(prepared.present)
    for treatment in np.unique(members.treatment[batch.members]):
        on = problem.values[batch.rows, treatment] != 0
        mine = members.treatment[batch.members] == treatment
        out[mine, 1] = np.count_nonzero(np.bincount(prepared.clusters[on]))
    return out


def _left_out(linear: np.ndarray, usable: np.ndarray) -> tuple[str, ...]:
    notes = []
    other = int(np.count_nonzero(~linear))
    if other:
        notes.append(f"{other:,} specifications are not plain least squares and are not in this test")
    broken = int(np.count_nonzero(~usable))
    if broken:
        reason = "have no cluster-robust variance, or slopes that lie across clusters,"
        notes.append(f"{broken:,} specifications {reason} and are not in this test")
    return tuple(notes)


INFERENCE = Null(
    "wild",
    "wild cluster bootstrap",
    "The null imposed, one sign per cluster and draw shared by all specifications, studentised.",
    draw,
)
