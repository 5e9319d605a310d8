"""Batches: specifications that share rows, fixed effects and weights, and the chunks they are solved in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specdid.engine.masks import Keys, Samples, number_rows
from specdid.engine.problem import Ints, Members

CHUNK = 256
"""Specifications solved together: a function of the plan alone, so that numbers never depend on jobs."""


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
class Piece:
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


def cut(batches: tuple[Batch, ...], largest: int) -> list[Piece]:
    """Cut batches into pieces of at most ``largest`` chunks."""
    return [
        Piece(place, first, min(first + largest, batch.chunks))
        for place, batch in enumerate(batches)
        for first in range(0, batch.chunks, largest)
    ]
