"""From members to fits: rows found, paths chosen, batches estimated, results put together.

Numbers depend on the problem and the members alone: what goes which path, and which
specifications are solved together, is fixed before any work is spread.

Workers are given work units, which are runs of a batch's chunks, and give back columns. Whoever gets
one prepares the batch the same way on one thread, so that numbers do not depend on who does.
Workers receive arrays (large ones memory-mapped by joblib).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from os import getpid
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Bools, Floats, Ints
from specdid._hashing import Words
from specdid._records.fits import blank_fits, pack_fits, place, take, unpack_fits
from specdid.engine import listwise
from specdid.engine.cache_keys import Content, digest, used_columns
from specdid.engine.least_squares import CHUNK, BatchColumns, PreparedBatch, fit_members, prepare_batch
from specdid.engine.model_identity import Equal, equal_on_panel, settle, sign
from specdid.engine.one_by_one import Method, OneByOneWork, fit_one_by_one
from specdid.engine.problem import Code, Fits, Members, Problem
from specdid.engine.rows import SLICE, Keys, Samples, find_samples, missing_patterns, number_rows, row_keys, rows_of
from specdid.engine.scores import missing_clusters
from specdid.engine.store import Store, recall
from specdid.engine.workers import as_done

if TYPE_CHECKING:
    from specdid.engine.compile import Compiled

Progress = Callable[[str, int, int], None]
"""Told the stage, how much of it is done, and of how much."""
MANY_MASKS = 8
PER_MASK = 24
"""Members that share sample, effects and weights take the listwise path where they have at
least so many missing patterns, and at most so many members to a pattern: demeaning once per
mask then costs more."""
LISTWISE_RUN = 2048
"""Members the listwise path is given at a time: it prepares their columns once."""
PIECE = 32
"""Chunks a worker is given at a time."""
WORTH_WORKERS = 3.0
"""Seconds of work below which starting processes costs more than it saves."""
PREPARE, PREPARE_ROW = 1.0e-3, 1.0e-6
"""Seconds per batch, and per batch and row: demeaning, QR and cluster blocks of about ten columns."""
CHUNK_ALONE, CHUNK_ROW = 2.0e-3, 0.4e-6
"""Seconds per chunk, and per chunk and row where rows are formed."""
LISTWISE_MEMBER = 1.0e-4
"""Seconds per specification with its own rows, where many have (of some thousand rows)."""
_tokens = count()
_local = threading.local()


def silent(stage: str, done: int, total: int) -> None:
    """Ignore progress."""


class Recalled(str):
    """A stage of progress whose numbers an earlier run had left."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Estimated:
    """Fits of all specifications, in any order, or of those done before an interruption.

    ``recalled`` are how many of them the store had.
    """

    blocks: tuple[Fits, ...]
    interrupted: bool
    recalled: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Members that one demeaning serves.

    Attributes
    ----------
    members : (m,) int64
        Positions, by number of controls and then in plan order: chunks hold equal sizes.
    key : a key of theirs, for the rows
    """

    members: Ints
    key: int

    @property
    def chunks(self) -> int:
        """How many chunks its members make."""
        return -(-len(self.members) // CHUNK)


@dataclass(frozen=True, slots=True)
class WorkUnit:
    """Chunks ``first`` to ``last`` (exclusive) of a batch: what a worker is given."""

    batch: int
    first: int
    last: int


def make_batches(members: Members, keys: Keys, samples: Samples, which: Bools) -> tuple[Batch, ...]:
    """Gather the members ``which`` (S,) by the rows they are left with; in order of first member."""
    lead = keys.first
    _, of_key = number_rows(
        *samples.words.T, members.effects[lead], members.weights[lead], members.sunab[lead], members.instruments[lead]
    )
    places = np.flatnonzero(which)
    batch = of_key[keys.of_member[places]]
    sizes = np.diff(members.start)[places]
    order = np.lexsort((places, sizes, batch))
    groups = np.split(places[order], np.flatnonzero(np.diff(batch[order])) + 1) if len(order) else []
    found = [Batch(group, int(keys.of_member[group[0]])) for group in groups]
    return tuple(sorted(found, key=lambda b: int(b.members.min())))


def work_units(batches: tuple[Batch, ...], largest: int) -> list[WorkUnit]:
    """Cut batches into pieces of at most ``largest`` chunks."""
    return [
        WorkUnit(place, first, min(first + largest, batch.chunks))
        for place, batch in enumerate(batches)
        for first in range(0, batch.chunks, largest)
    ]


def prepare_seconds(rows: int) -> float:
    """Guess the seconds that preparing a batch of ``rows`` rows takes."""
    return PREPARE + PREPARE_ROW * rows


def chunk_seconds(rows: int) -> float:
    """Guess the seconds of one chunk of a batch of ``rows`` rows."""
    return CHUNK_ALONE + CHUNK_ROW * rows


def estimate_all(
    compiled: Compiled,
    estimators: Sequence[Any],
    jobs: int,
    backend: str,
    progress: Progress,
    store: Store | None = None,
) -> Estimated:
    """Estimate every planned specification: least squares in batches, the others one by one.

    Parameters
    ----------
    compiled : what is to be estimated
    estimators : the study's, each with ``method`` and ``options``
    jobs, backend : as in joblib
    progress : called as ``progress("estimating", done, S)``, and once with what the store had
    store : what it has is not estimated, what is estimated is stored

    Returns
    -------
    Estimated
        After Ctrl-C, what was done.
    """
    blocks: list[Fits] = []
    done, recalled, taken, interrupted = 0, 0, 0, False
    try:
        for block in _blocks(compiled, estimators, jobs, backend, store):
            blocks.append(block)
            done += len(block.index)
            progress("estimating", done, len(compiled.members))
            if store is not None and store.taken > taken:
                taken, recalled = store.taken, recalled + len(block.index)
    except KeyboardInterrupt:
        interrupted = True
    if recalled:
        progress(Recalled("estimates"), recalled, len(compiled.members))
    return Estimated(settle(compiled.problem, compiled.members, compiled.in_engine, blocks), interrupted, recalled)


def _blocks(
    compiled: Compiled, estimators: Sequence[Any], jobs: int, backend: str, store: Store | None
) -> Iterator[Fits]:
    members = compiled.members
    batched = np.flatnonzero(compiled.in_engine)
    for _, fits in run_parts(compiled.problem, members.take(batched), jobs, backend, store):
        yield fits
    alone = np.flatnonzero(~compiled.in_engine)
    if len(alone):
        methods = tuple(Method(e.method, dict(e.options)) for e in estimators)
        work = OneByOneWork(
            compiled.problem,
            members.take(alone),
            methods,
            compiled.method[alone],
            compiled.cohort[alone],
            compiled.time,
        )
        yield from fit_one_by_one(work, jobs, backend, store)


def run(
    problem: Problem,
    members: Members,
    jobs: int = 1,
    backend: str = "serial",
    progress: Progress | None = None,
) -> Fits:
    """Estimate least-squares specifications.

    Parameters
    ----------
    problem, members
        The study's columns and S specifications.
    jobs, backend
        As in joblib; "serial" ignores jobs. Small work is done serially in any case.
    progress
        Called as ``progress("estimating", done, S)``.

    Returns
    -------
    Fits
        In the members' order; the same bytes for any jobs and backend.
    """
    total = blank_fits(members.index, len(problem.vcovs))
    done = 0
    for at, part in run_parts(problem, members, jobs, backend):
        place(total, part, at)
        done += len(at)
        if progress is not None:
            progress("estimating", done, len(members))
    return total


def run_parts(
    problem: Problem, members: Members, jobs: int = 1, backend: str = "serial", store: Store | None = None
) -> Iterator[tuple[Ints, Fits]]:
    """Estimate as `run` does, giving (positions, their fits) as they are finished."""
    equal = equal_on_panel(problem, members.aggregates)
    patterns = missing_patterns(problem, members)
    keys = row_keys(members, patterns)
    apart = _for_listwise(problem, members, keys)
    dense = ~apart
    if apart.any():
        places = np.flatnonzero(apart)
        for at, fits, undecided in _listwise_parts(problem, members, places, jobs, backend, store):
            dense[at[undecided]] = True
            if not undecided.all():
                decided = take(fits, np.flatnonzero(~undecided))
                yield at[~undecided], _signed(equal, members.take(at[~undecided]), decided, decided.signature)
    which = np.unique(keys.of_member[dense])
    samples = find_samples(problem, members, keys, patterns, which)
    hopeless = dense & (samples.code[keys.of_member] > Code.OK)
    if hopeless.any():
        yield _without_rows(problem, members, keys, samples, np.flatnonzero(hopeless))
    lacking = _lacks_clusters(problem, members)
    batches = make_batches(members, keys, samples, dense & ~hopeless)
    for at, fits in fit_batches(problem, members, samples, batches, jobs, backend, store):
        key = keys.of_member[at]
        counted = _with_counts(fits, samples, key)
        if lacking:
            counted = _with_missing_clusters(problem, counted, samples, key)
        if (members.sunab[at] >= 0).any():
            counted = replace(
                counted, extra={**counted.extra, **_left_out(counted, samples, key, members.sunab[at] >= 0)}
            )
        yield at, _signed(equal, members.take(at), counted, samples.words[key])


def _for_listwise(problem: Problem, members: Members, keys: Keys) -> Bools:
    """Choose the members whose masks are too many to demean one by one."""
    chosen = np.zeros(len(members), dtype=bool)
    if keys.bits.any(axis=1).sum() < MANY_MASKS or _lacks_clusters(problem, members):
        return chosen
    lead = keys.first
    table = np.column_stack([members.rows[lead], members.effects[lead], members.weights[lead]])
    _, family = np.unique(table, axis=0, return_inverse=True)
    family = family.reshape(-1)
    masks = np.bincount(family)
    of_member = family[keys.of_member]
    size = np.bincount(of_member, minlength=len(masks))
    chosen = (
        ((masks >= MANY_MASKS) & (size <= PER_MASK * masks))[of_member]
        & (members.sunab < 0)
        & (members.instruments < 0)
    )
    if chosen.any():
        places = np.flatnonzero(chosen)
        chosen[places] = listwise.supports(problem, members.take(places))
    return np.asarray(chosen)


def _lacks_clusters(problem: Problem, members: Members) -> bool:
    """Say whether a cluster is missing in a row of any member's sample."""
    columns = sorted({c for vcov in problem.vcovs for c in vcov.clusters})
    if not columns or not (problem.codes[:, columns] < 0).any():
        return False
    rows = problem.rows[np.unique(members.rows)].any(axis=0)
    return bool((problem.codes[rows][:, columns] < 0).any())


def _with_missing_clusters(problem: Problem, fits: Fits, samples: Samples, key: Ints) -> Fits:
    """Record that a missing cluster is why a variance was not computed."""
    details, n_clusters = dict(fits.vcov_detail), fits.n_clusters.copy()
    for one in np.unique(key).tolist():
        words = missing_clusters(problem, rows_of(samples.packed[one], len(problem.values)))
        for at in np.flatnonzero((key == one) & (fits.code == Code.OK)).tolist() if words else ():
            details |= {(at, v): text for v, text in words.items()}
            n_clusters[at, list(words)] = -1
    return replace(fits, vcov_detail=details, n_clusters=n_clusters)


def _listwise_parts(
    problem: Problem, members: Members, places: Ints, jobs: int, backend: str, store: Store | None
) -> Iterator[tuple[Ints, Fits, Bools]]:
    """Return the listwise path runs of members that share rows, effects and weights."""
    groups = [places[at] for _, at in listwise.group_keys(members.take(places))]
    runs = [g[first : first + LISTWISE_RUN] for g in groups for first in range(0, len(g), LISTWISE_RUN)]
    taken = [members.take(run) for run in runs]
    columns = [used_columns(m) for m in taken]
    content = None if store is None else store.content(problem)

    def key(k: int) -> bytes:
        assert content is not None
        rows, shared = content.rows(int(taken[k].rows[0])), content.shared(taken[k], 0)
        return digest("listwise", content.study, rows, shared, content.layout(taken[k], columns[k]))

    def pack(k: int, found: tuple[Fits, Bools]) -> dict[str, NDArray[Any]]:
        return {**pack_fits(found[0], columns[k]), "undecided": found[1]}

    def unpack(k: int, arrays: dict[str, NDArray[Any]]) -> tuple[Fits, Bools]:
        return unpack_fits(arrays, taken[k].index, columns[k]), arrays["undecided"]

    def compute(missing: list[int]) -> Iterator[tuple[int, tuple[Fits, Bools]]]:
        count = sum(len(runs[k]) for k in missing)
        chosen = workers(count * LISTWISE_MEMBER, len(missing), jobs, backend)
        return as_done(listwise.fit, problem, taken.__getitem__, missing, *chosen)

    for k, (fits, undecided) in recall(store, len(runs), key, pack, unpack, compute):
        yield runs[k], fits, undecided


def _without_rows(problem: Problem, members: Members, keys: Keys, samples: Samples, at: Ints) -> tuple[Ints, Fits]:
    """Record the members that have no rows, or nothing to compare on them."""
    fits = blank_fits(members.index[at], len(problem.vcovs))
    key = keys.of_member[at]
    fits.code[:] = samples.code[key]
    fits.nobs[:] = samples.nobs[key]
    fits.culprit[:] = np.where(samples.code[key] == Code.NO_ROWS, -1, members.treatment[at])
    fits.detail.update({k: samples.why[one] for k, one in enumerate(key.tolist()) if samples.why[one]})
    return at, _with_counts(fits, samples, key)


def _with_counts(fits: Fits, samples: Samples, key: Ints) -> Fits:
    """Return the fits with what was dropped; what a worker sent may be read-only memory."""
    return replace(
        fits,
        n_missing=samples.n_missing[key],
        n_log0=samples.n_log0[key],
        n_singletons=samples.n_singletons[key],
    )


def _left_out(fits: Fits, samples: Samples, key: Ints, sunab: Bools) -> dict[str, Floats]:
    """Count treated units and rows of the sample that are not in a Sun-Abraham average."""
    counts = np.where((sunab & (fits.code == Code.OK))[:, None], samples.left_out[key], np.nan)
    return {"n_treated_left_out": counts[:, 1], "n_treated_rows_left_out": counts[:, 0]}


def _signed(equal: Equal, members: Members, fits: Fits, rows: Words) -> Fits:
    """Return the fits with their signatures, from the digests of their rows."""
    return replace(fits, signature=sign(fits, members, rows, equal))


@dataclass(frozen=True, slots=True)
class Job:
    """A piece with all it needs but the problem; ``token`` names the run and the batch."""

    token: tuple[int, int, int]
    members: Members
    need: BatchColumns


@dataclass(frozen=True, slots=True)
class _Units:
    """Pieces of batches, with what was found of the batches so far; rows are kept of one only."""

    problem: Problem
    members: Members
    samples: Samples
    batches: tuple[Batch, ...]
    pieces: list[WorkUnit]
    token: int
    roles: dict[int, tuple[Ints, Ints]] = field(default_factory=dict)
    needs: dict[int, BatchColumns] = field(default_factory=dict)
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
            self.needs[batch] = BatchColumns(rows, *self.columns(k))
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
    work = _Units(problem, members, samples, batches, work_units(batches, PIECE), next(_tokens))
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
    used[members.instruments_of(int(batch.members[0]))] = True
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


def _prepared(problem: Problem, job: Job) -> PreparedBatch:
    last: tuple[tuple[int, int, int], PreparedBatch] | None = getattr(_local, "last", None)
    if last is None or last[0] != job.token:
        _local.last = last = None
        last = _local.last = (job.token, prepare_batch(problem, job.members, job.need))
    return last[1]
