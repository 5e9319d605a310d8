"""The null-imposed wild cluster bootstrap with one sign per cluster and draw for all specifications.

Cameron, Gelbach and Miller (2008); the restricted, studentised version of Roodman,
MacKinnon, Nielsen and Webb (2019). Rademacher signs; Webb's (2023) six points below 12
clusters. A draw is seeded by its own number and covers every cluster of the panel in
sorted order, before any row is cut: it is the same in every specification and does not
change with what else is in the grid.

The work is cut into slices of batches: those that are stored are recalled, the others go to workers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from specdid._arrays import Floats, Ints
from specdid._records import Caution
from specdid._records.numerals import specifications
from specdid.engine.cache_keys import Content, digest
from specdid.engine.problem import Members
from specdid.engine.workers import as_done
from specdid.inference._base import Context, Null, NullDraws
from specdid.inference._batches import DrawBatch, draw_batches
from specdid.inference._wild_draws import DRAWN, FEW, WildDraws, draw_part


def draw(context: Context) -> NullDraws:
    """Draw the null of no effect for the least-squares specifications among the chosen."""
    compiled = context.compiled
    linear = compiled.batched[context.chosen]
    members = compiled.members.take(context.chosen[linear])
    kept = {old: new for new, old in enumerate(np.flatnonzero(linear).tolist())}
    dropped = {kept[old]: gone for old, gone in context.dropped.items() if old in kept}
    signs = cluster_signs(context.cluster, context.draws, context.seed)
    slices, size = slice_batches(draw_batches(compiled.problem, members), len(members), context.draws)
    done, count = 0, len(members)
    real = np.full((3, count), np.nan)
    facts, usable = np.zeros((count, 2), np.int64), np.zeros(count, dtype=bool)
    estimate, statistic, a, b, c = tables = tuple(context.table(count) for _ in range(5))
    for found in recall_draws(context, members, dropped, slices, size, signs):
        at = found.places
        real[:, at] = found.estimate[:, 0], found.statistic[:, 0], found.error
        facts[at], usable[at] = found.facts, np.isfinite(found.statistic).all(axis=1)
        drawn = (found.estimate[:, 1:], found.statistic[:, 1:], *found.imposed.transpose(1, 0, 2))
        for table, numbers in zip(tables, drawn, strict=True):
            table.enter(at, numbers)
        done += len(at)
        context.progress("wild null", done, count)
    rows = np.flatnonzero(usable)
    if not usable.all():
        estimate, statistic, a, b, c = (table.take(rows) for table in tables)
    facts = facts[rows]
    return NullDraws(
        "wild",
        members.index[rows],
        real[0, rows],
        real[1, rows],
        real[2, rows],
        facts[:, 0].astype(np.float64) - 1.0,
        estimate,
        statistic,
        _left_out(linear, usable),
        0,
        int(facts[:, 0].min(initial=2**31)),
        int(facts[:, 1].min(initial=2**31)),
        (a, b, c),
    )


def cluster_signs(cluster: Ints, draws: int, seed: int) -> Floats:
    """Return (G, 1 + draws) signs over all clusters of the panel; the first column, ones, is the data."""
    count = int(cluster.max(initial=-1)) + 1
    out = np.ones((count, draws + 1))
    counter = np.random.Philox(key=[seed % 2**64, 0])
    generator, fresh = np.random.Generator(counter), counter.state
    for b in range(draws):
        fresh["state"]["key"][1] = b
        counter.state = fresh  # a new Philox of this key, in half the time
        if count >= FEW:
            out[:, b + 1] = 2.0 * generator.integers(0, 2, count) - 1.0
        else:
            six = np.sqrt([0.5, 1.0, 1.5])
            out[:, b + 1] = np.concatenate([-six, six])[generator.integers(0, 6, count)]
    return out


def _left_out(linear: np.ndarray, usable: np.ndarray) -> tuple[Caution, ...]:
    notes = []
    other = int(np.count_nonzero(~linear))
    if other:
        said = specifications(other, "are not plain least squares and are not in this test")
        notes.append(Caution("note", "not_least_squares", said, specifications=other))
    broken = int(np.count_nonzero(~usable))
    if broken:
        reason = "have no cluster-robust variance, or slopes that lie across clusters,"
        said = specifications(broken, f"{reason} and are not in this test")
        notes.append(Caution("note", "no_cluster_variance", said, specifications=broken))
    return tuple(notes)


INFERENCE = Null(
    "wild",
    "wild cluster bootstrap",
    "The null imposed, one sign per cluster and draw shared by all specifications, studentised; below 12 clusters "
    "one of Webb's six points in place of the sign, of which there would be too few.",
    draw,
    "wild bootstrap null",
    imposes=True,
)


LEAST_PART = 64
PART_DRAWS = 2**21
"""Specifications times draws of a part at most: a worker gives it back whole."""
SMALL = 200_000
"""Specifications times draws below which workers are not worth starting."""


def slice_batches(batches: list[DrawBatch], count: int, draws: int = 999) -> tuple[list[DrawBatch], int]:
    """Cut batches into slices of at most some size, a power of two: a function of the plan alone."""
    size = max(LEAST_PART, 2 ** (count // 24 - 1).bit_length())
    size = min(size, 2 ** max(4, (PART_DRAWS // (draws + 1)).bit_length() - 1))
    starts = ((b, range(0, len(b.members), size)) for b in batches)
    return [replace(b, members=b.members[s : s + size]) for b, all_ in starts for s in all_], size


def gather(slices: list[DrawBatch], chosen: list[int], size: int) -> list[list[int]]:
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


def recall_draws(
    context: Context,
    members: Members,
    dropped: dict[int, tuple[int, ...]],
    slices: list[DrawBatch],
    size: int,
    signs: Floats,
) -> Iterator[WildDraws]:
    """Return the draws of slices: those that are stored, then the others, storing each."""
    problem, store = context.compiled.problem, context.store_for(len(members))
    keys: list[bytes] = []
    missing, taken = list(range(len(slices))), []
    if store is not None:
        keys = list(_keys(store.content(problem), members, dropped, slices, context.cluster, signs))
        missing = []
        for k, key in enumerate(keys):
            found = store.get(key)
            if found is None:
                missing.append(k)
            else:
                taken.append(k)
                yield WildDraws(slices[k].members, **found)
    parts = gather(slices, missing, size)
    again = None if store is None else store.sample("wild", [keys[k] for k in taken])
    if again is not None:
        parts.append([taken[again]])
    small = sum(len(slices[k].members) for k in missing) * context.draws < SMALL

    def part(p: int) -> list[DrawBatch]:
        return [slices[k] for k in parts[p]]

    shared = (problem, members, dropped, context.cluster, signs)
    jobs = 1 if small else context.jobs
    for p, drawn in as_done(draw_part, shared, part, range(len(parts)), jobs, context.backend):
        if store is not None and again is not None and p == len(parts) - 1:
            store.compare(keys[parts[p][0]], {name: getattr(drawn, name) for name in DRAWN})
            continue
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
    slices: list[DrawBatch],
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
