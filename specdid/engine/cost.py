"""What estimating will take, said before it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from specdid.engine.batches import CHUNK
from specdid.engine.masks import missing_patterns, row_keys

if TYPE_CHECKING:
    from specdid.engine.compile import Compiled

PREPARE, PREPARE_ROW = 1.0e-3, 1.0e-6
"""Seconds per batch, and per batch and row: demeaning, QR and cluster blocks of about ten columns."""
CHUNK_ALONE, CHUNK_ROW = 2.0e-3, 0.4e-6
"""Seconds per chunk, and per chunk and row where rows are formed."""
LISTWISE_MEMBER = 1.0e-4
"""Seconds per specification with its own rows, where many have (of some thousand rows)."""
ONE_BY_ONE = 2.0e-2
"""Seconds per specification of an estimator that is not least squares."""


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
