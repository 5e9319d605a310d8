"""Batches: specifications that share rows, fixed effects and weights, the chunks they are solved in, and their cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from specdid.engine.problem import Ints, Members
from specdid.engine.rows import Keys, Samples, missing_patterns, number_rows, row_keys

if TYPE_CHECKING:
    from specdid.engine.compile import Compiled

CHUNK = 256
"""Specifications solved together: a function of the plan alone, so that numbers never depend on jobs."""
PREPARE, PREPARE_ROW = 1.0e-3, 1.0e-6
"""Seconds per batch, and per batch and row: demeaning, QR and cluster blocks of about ten columns."""
CHUNK_ALONE, CHUNK_ROW = 2.0e-3, 0.4e-6
"""Seconds per chunk, and per chunk and row where rows are formed."""
LISTWISE_MEMBER = 1.0e-4
"""Seconds per specification with its own rows, where many have (of some thousand rows)."""
ONE_BY_ONE = 2.0e-2
"""Seconds per specification of an estimator that is not least squares."""


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


def make_batches(members: Members, keys: Keys, samples: Samples, which: NDArray[np.bool_]) -> tuple[Batch, ...]:
    """Gather the members ``which`` (S,) by the rows they are left with; in order of first member."""
    lead = keys.first
    _, of_key = number_rows(*samples.words.T, members.effects[lead], members.weights[lead], members.sunab[lead])
    places = np.flatnonzero(which)
    batch = of_key[keys.of_member[places]]
    sizes = np.diff(members.start)[places]
    order = np.lexsort((places, sizes, batch))
    groups = np.split(places[order], np.flatnonzero(np.diff(batch[order])) + 1) if len(order) else []
    found = [Batch(group, int(keys.of_member[group[0]])) for group in groups]
    return tuple(sorted(found, key=lambda b: int(b.members.min())))


def cut(batches: tuple[Batch, ...], largest: int) -> list[WorkUnit]:
    """Cut batches into pieces of at most ``largest`` chunks."""
    return [
        WorkUnit(place, first, min(first + largest, batch.chunks))
        for place, batch in enumerate(batches)
        for first in range(0, batch.chunks, largest)
    ]


@dataclass(frozen=True, slots=True)
class Cost:
    """A listing for ``specdid plan``.

    Attributes
    ----------
    batches : specifications with the same missing pattern, fixed effects and weights
    largest : specifications of the largest
    sharing : columns demeaned one by one, over columns demeaned in batches
    one_by_one : specifications that pyfixest estimates alone
    seconds : on one core, roughly
    megabytes : the study's columns
    """

    batches: int
    largest: int
    sharing: float
    one_by_one: int
    seconds: float
    megabytes: float


def prepare_seconds(rows: int) -> float:
    """Guess the seconds that preparing a batch of ``rows`` rows takes."""
    return PREPARE + PREPARE_ROW * rows


def chunk_seconds(rows: int) -> float:
    """Guess the seconds of one chunk of a batch of ``rows`` rows."""
    return CHUNK_ALONE + CHUNK_ROW * rows


def estimate_cost(compiled: Compiled) -> Cost:
    """Count batches and guess the time, without forming any row mask."""
    problem = compiled.problem
    members = compiled.members.take(np.flatnonzero(compiled.batched))
    one_by_one = int(np.count_nonzero(~compiled.batched))
    rows, p = problem.values.shape
    megabytes = (problem.values.nbytes + problem.codes.nbytes) / 1e6
    if not len(members):
        return Cost(0, 0, 1.0, one_by_one, one_by_one * ONE_BY_ONE, megabytes)
    batch = row_keys(members, missing_patterns(problem, members)).of_member
    sizes = np.bincount(batch)
    lengths = np.diff(members.start)
    owner = np.repeat(batch, lengths)
    used = [batch * p + members.outcome, batch * p + members.treatment, owner * p + members.controls]
    shared = len(np.unique(np.concatenate(used)))
    alone = int(lengths.sum()) + 2 * len(members)
    chunks = int((-(-sizes // CHUNK)).sum())
    dense = len(sizes) * prepare_seconds(rows) + chunks * chunk_seconds(rows)
    seconds = min(dense, len(members) * LISTWISE_MEMBER * max(1.0, rows / 2_000)) + one_by_one * ONE_BY_ONE
    return Cost(len(sizes), int(sizes.max()), alone / shared, one_by_one, seconds, megabytes)
