"""The wild bootstrap cut into slices of batches: those that are stored are recalled, the others go to workers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from specdid.engine.content import Content, digest
from specdid.engine.problem import Members
from specdid.engine.workers import as_done
from specdid.inference._base import Context, Floats, Ints
from specdid.inference._batches import Batch
from specdid.inference._wild_batches import DRAWN, Drawn, draw_part

LEAST_PART = 64
PART_DRAWS = 2**21
"""Specifications times draws of a part at most: a worker gives it back whole."""
SMALL = 200_000
"""Specifications times draws below which workers are not worth starting."""


def cut(batches: list[Batch], count: int, draws: int = 999) -> tuple[list[Batch], int]:
    """Cut batches into slices of at most some size, a power of two: a function of the plan alone."""
    size = max(LEAST_PART, 2 ** (count // 24 - 1).bit_length())
    size = min(size, 2 ** max(4, (PART_DRAWS // (draws + 1)).bit_length() - 1))
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


def recall(
    context: Context,
    members: Members,
    dropped: dict[int, tuple[int, ...]],
    slices: list[Batch],
    size: int,
    signs: Floats,
) -> Iterator[Drawn]:
    """Give the draws of slices: those that are stored, then the others, storing each."""
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
                yield Drawn(slices[k].members, **found)
    parts = gather(slices, missing, size)
    again = None if store is None else store.sample("wild", [keys[k] for k in taken])
    if again is not None:
        parts.append([taken[again]])
    small = sum(len(slices[k].members) for k in missing) * context.draws < SMALL

    def part(p: int) -> list[Batch]:
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
