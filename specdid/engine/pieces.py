"""Pieces: runs of a batch's chunks, handed to workers and given back as columns.

Whoever gets a piece prepares the batch the same way on one thread, so that numbers do not
depend on who does. Workers receive arrays (large ones memory-mapped by joblib).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from os import getpid
from time import perf_counter

import numpy as np

from specdid.engine.batches import CHUNK, Batch, Piece, cut
from specdid.engine.cost import chunk_seconds, prepare_seconds
from specdid.engine.dense import Need, Prepared, fit_members, prepare
from specdid.engine.masks import SLICE, Samples, rows_of
from specdid.engine.one_by_one import parallel
from specdid.engine.problem import Fits, Ints, Members, Problem

PIECE = 32
"""Chunks a worker is given at a time."""
WORTH_WORKERS = 3.0
"""Seconds of work below which starting processes costs more than it saves."""

_tokens = count()
_local = threading.local()


@dataclass(frozen=True, slots=True)
class Job:
    """A piece with all it needs; ``token`` names the run and the batch."""

    token: tuple[int, int, int]
    problem: Problem
    members: Members
    need: Need


def fit_batches(
    problem: Problem,
    members: Members,
    samples: Samples,
    batches: tuple[Batch, ...],
    jobs: int,
    backend: str,
) -> Iterator[tuple[Ints, Fits]]:
    """Estimate batches piece by piece, giving positions and their fits (without counts of lost rows)."""
    pieces = cut(batches, PIECE)
    run_token = next(_tokens)
    needs: dict[int, Need] = {}

    def make(piece: Piece) -> Job:
        batch = batches[piece.batch]
        if piece.batch not in needs:
            needs.clear()
            needs[piece.batch] = _need(problem, members, samples, batch)
        mine = members.take(_positions(batch, piece))
        return Job((getpid(), run_token, piece.batch), problem, mine, needs[piece.batch])

    seconds = sum(prepare_seconds(samples.nobs[batch.key]) for batch in batches)
    seconds += sum(batch.chunks * chunk_seconds(samples.nobs[batch.key]) for batch in batches)
    found = parallel(_fit_piece, map(make, pieces), *workers(seconds, len(pieces), jobs, backend))
    for piece, fits in zip(pieces, found, strict=True):
        yield _positions(batches[piece.batch], piece), fits


def _need(problem: Problem, members: Members, samples: Samples, batch: Batch) -> Need:
    """Find the rows and the columns that a batch needs."""
    n, p = problem.values.shape
    treated, used = np.zeros(p, dtype=bool), np.zeros(p, dtype=bool)
    treated[members.treatment[batch.members]] = True
    used[members.outcome[batch.members]] = True
    for first in range(0, len(batch.members), SLICE):
        used[members.take(batch.members[first : first + SLICE]).controls] = True
    rows = rows_of(samples.packed[batch.key], n)
    return Need(rows, np.flatnonzero(used | treated), np.flatnonzero(treated), samples.words[batch.key])


def _positions(batch: Batch, piece: Piece) -> Ints:
    return batch.members[piece.first * CHUNK : piece.last * CHUNK]


def workers(seconds: float, pieces: int, jobs: int, backend: str) -> tuple[int, str]:
    """Choose how many workers a piece of work deserves; no number depends on it."""
    small = pieces < 2 or seconds < WORTH_WORKERS
    return (1, "serial") if backend == "serial" or (small and backend == "loky") else (jobs, backend)


def _fit_piece(job: Job) -> Fits:
    """Estimate a piece; the batch stays prepared for the next piece of it."""
    began = perf_counter()
    prepared = _prepared(job)
    spent = perf_counter() - began
    fits = fit_members(job.problem, job.members, prepared)
    fits.seconds[:] += spent / len(job.members)
    return fits


def _prepared(job: Job) -> Prepared:
    last: tuple[tuple[int, int, int], Prepared] | None = getattr(_local, "last", None)
    if last is None or last[0] != job.token:
        _local.last = last = None
        last = _local.last = (job.token, prepare(job.problem, job.members, job.need))
    return last[1]
