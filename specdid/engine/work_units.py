"""Pieces: runs of a batch's chunks, handed to workers and given back as columns.

Whoever gets a piece prepares the batch the same way on one thread, so that numbers do not
depend on who does. Workers receive arrays (large ones memory-mapped by joblib).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from os import getpid
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid.engine.batches import CHUNK, Batch, Piece, cut
from specdid.engine.cache_keys import Content, digest
from specdid.engine.cost import chunk_seconds, prepare_seconds
from specdid.engine.dense import Need, Prepared, fit_members, prepare
from specdid.engine.masks import SLICE, Samples, rows_of
from specdid.engine.problem import Fits, Ints, Members, Problem
from specdid.engine.store import Store, recall
from specdid.engine.stored import pack_fits, unpack_fits
from specdid.engine.workers import as_done

PIECE = 32
"""Chunks a worker is given at a time."""
WORTH_WORKERS = 3.0
"""Seconds of work below which starting processes costs more than it saves."""

_tokens = count()
_local = threading.local()


@dataclass(frozen=True, slots=True)
class Job:
    """A piece with all it needs but the problem; ``token`` names the run and the batch."""

    token: tuple[int, int, int]
    members: Members
    need: Need


@dataclass(frozen=True, slots=True)
class _Work:
    """Pieces of batches, with what was found of the batches so far; rows are kept of one only."""

    problem: Problem
    members: Members
    samples: Samples
    batches: tuple[Batch, ...]
    pieces: list[Piece]
    token: int
    roles: dict[int, tuple[Ints, Ints]] = field(default_factory=dict)
    needs: dict[int, Need] = field(default_factory=dict)
    shared: dict[int, bytes] = field(default_factory=dict)

    def positions(self, k: int) -> Ints:
        """Return the positions of a piece's members."""
        piece = self.pieces[k]
        return self.batches[piece.batch].members[piece.first * CHUNK : piece.last * CHUNK]

    def columns(self, k: int) -> tuple[Ints, Ints]:
        """Return the columns of a piece's batch, and those that are treatments."""
        batch = self.pieces[k].batch
        if batch not in self.roles:
            self.roles[batch] = _columns(self.problem, self.members, self.batches[batch])
        return self.roles[batch]

    def job(self, k: int) -> Job:
        """Put together what a worker needs."""
        batch = self.pieces[k].batch
        if batch not in self.needs:
            self.needs.clear()
            rows = rows_of(self.samples.packed[self.batches[batch].key], len(self.problem.values))
            self.needs[batch] = Need(rows, *self.columns(k))
        token = (getpid(), self.token, batch)
        return Job(token, self.members.take(self.positions(k)), self.needs[batch])

    def key(self, content: Content, k: int) -> bytes:
        """Hash all that a piece depends on: its batch, and which columns its members use."""
        place, (columns, treatments) = self.pieces[k].batch, self.columns(k)
        if place not in self.shared:
            batch = self.batches[place]
            shared = content.shared(self.members, int(batch.members[0]))
            treated = np.isin(columns, treatments)
            self.shared[place] = digest("batch", content.study, shared, self.samples.packed[batch.key], treated)
        return digest(self.shared[place], content.layout(self.members.take(self.positions(k)), columns))

    def seconds(self, pieces: list[int]) -> float:
        """Guess what pieces take."""
        rows = [int(self.samples.nobs[self.batches[self.pieces[k].batch].key]) for k in pieces]
        chunks = [self.pieces[k].last - self.pieces[k].first for k in pieces]
        begun = {self.pieces[k].batch: n for k, n in zip(pieces, rows, strict=True)}
        seconds = sum(c * chunk_seconds(n) for c, n in zip(chunks, rows, strict=True))
        return seconds + sum(map(prepare_seconds, begun.values()))


def fit_batches(
    problem: Problem,
    members: Members,
    samples: Samples,
    batches: tuple[Batch, ...],
    jobs: int,
    backend: str,
    store: Store | None = None,
) -> Iterator[tuple[Ints, Fits]]:
    """Estimate batches piece by piece, giving positions and their fits, in any order.

    Counts of lost rows and signatures are left to the caller. Pieces that ``store`` has are
    not estimated; the others are stored as they are done.
    """
    work = _Work(problem, members, samples, batches, cut(batches, PIECE), next(_tokens))
    content = None if store is None else store.content(problem)

    def key(k: int) -> bytes:
        assert content is not None
        return work.key(content, k)

    def pack(k: int, fits: Fits) -> dict[str, NDArray[Any]]:
        return pack_fits(fits, work.columns(k)[0])

    def unpack(k: int, arrays: dict[str, NDArray[Any]]) -> Fits:
        return unpack_fits(arrays, members.index[work.positions(k)], work.columns(k)[0])

    def compute(missing: list[int]) -> Iterator[tuple[int, Fits]]:
        chosen = workers(work.seconds(missing), len(missing), jobs, backend)
        return as_done(_fit_piece, problem, work.job, missing, *chosen)

    for k, fits in recall(store, len(work.pieces), key, pack, unpack, compute):
        yield work.positions(k), fits


def _columns(problem: Problem, members: Members, batch: Batch) -> tuple[Ints, Ints]:
    """Find the columns that a batch needs, and its treatments."""
    p = problem.values.shape[1]
    treated, used = np.zeros(p, dtype=bool), np.zeros(p, dtype=bool)
    treated[members.treatment[batch.members]] = True
    used[members.outcome[batch.members]] = True
    for first in range(0, len(batch.members), SLICE):
        used[members.take(batch.members[first : first + SLICE]).controls] = True
    return np.flatnonzero(used | treated), np.flatnonzero(treated)


def workers(seconds: float, pieces: int, jobs: int, backend: str) -> tuple[int, str]:
    """Choose how many workers a piece of work deserves; no number depends on it."""
    small = pieces < 2 or seconds < WORTH_WORKERS
    return (1, "serial") if backend == "serial" or (small and backend == "loky") else (jobs, backend)


def _fit_piece(problem: Problem, job: Job) -> Fits:
    """Estimate a piece; the batch stays prepared for the next piece of it."""
    began = perf_counter()
    prepared = _prepared(problem, job)
    spent = perf_counter() - began
    fits = fit_members(problem, job.members, prepared)
    fits.seconds[:] += spent / len(job.members)
    return fits


def _prepared(problem: Problem, job: Job) -> Prepared:
    last: tuple[tuple[int, int, int], Prepared] | None = getattr(_local, "last", None)
    if last is None or last[0] != job.token:
        _local.last = last = None
        last = _local.last = (job.token, prepare(problem, job.members, job.need))
    return last[1]
