"""Ties: of some dimensions only the combinations that [[together]] names are planned.

A tie is a relation between dimensions, kept as the rows of the file: for each dimension the choices that are
meant, crossed within the row. Rows do not overlap (a check says where they do), so that combinations are counted
without being made: of a grid of 10^6 with 10 that are meant, 10 are made.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from specdid._plan.records import Codes, Dimension, Flags, Grid
from specdid._plan.selectors import select
from specdid._study import Study
from specdid.language.tree import Node

Ranges = Sequence[tuple[int, int]]
"""For each dimension the choices from (included) and to (excluded) which it is taken."""


@dataclass(frozen=True, slots=True)
class Tied:
    """The dimensions at ``places`` of the plan, and of each row the choices of each, ascending."""

    places: tuple[int, ...]
    rows: tuple[tuple[Codes, ...], ...]

    def count(self, ranges: Ranges) -> int:
        """Count the combinations within ``ranges``."""
        return sum(math.prod(map(len, cells)) for cells in self._within(ranges))

    def combinations(self, ranges: Ranges) -> Codes:
        """Return the combinations within ``ranges``, (n, tied dimensions) int32."""
        blocks = [crossed(cells) for cells in self._within(ranges)]
        return np.concatenate(blocks) if blocks else np.zeros((0, len(self.places)), np.int32)

    def _within(self, ranges: Ranges) -> Iterator[tuple[Codes, ...]]:
        for row in self.rows:
            bounds = (ranges[d] for d in self.places)
            yield tuple(cell[(low <= cell) & (cell < high)] for cell, (low, high) in zip(row, bounds, strict=True))

    def holds(self, codes: Codes) -> Flags:
        """Mark the specifications, (S, D) int32, whose choices are together in a row."""
        found = np.zeros(len(codes), dtype=bool)
        for row in self.rows:
            found |= np.logical_and.reduce(
                [np.isin(codes[:, d], cell) for d, cell in zip(self.places, row, strict=True)]
            )
        return found

    def named(self, codes: Codes) -> Flags:
        """Mark the specifications all of whose tied choices are named in some row."""
        found = np.ones(len(codes), dtype=bool)
        for k, d in enumerate(self.places):
            found &= np.isin(codes[:, d], np.concatenate([row[k] for row in self.rows]))
        return found


def crossed(cells: Sequence[Codes]) -> Codes:
    """Return all combinations of some choices, the last varying fastest, (n, len(cells)) int32."""
    grids = np.meshgrid(*cells, indexing="ij")
    return np.stack([g.reshape(-1) for g in grids], axis=1).astype(np.int32)


def tied_choices(
    study: Study, dimensions: Sequence[Dimension], grid: Grid, macros: Mapping[str, Node], columns: Sequence[str]
) -> tuple[Tied, ...]:
    """Look up what the rows of every [[together]] mean."""
    place = {dimension.name: d for d, dimension in enumerate(dimensions)}

    def choices(d: int, cell: object) -> Codes:
        return np.flatnonzero(select(dimensions[d], cell, grid, macros, columns)).astype(np.int32)  # type: ignore[arg-type]

    found = []
    for tie in study.together:
        places = tuple(place[name] for name in tie.dimensions)
        rows = (tuple(choices(d, cell) for d, cell in zip(places, row.cells, strict=True)) for row in tie.rows)
        found.append(Tied(places, tuple(rows)))
    return tuple(found)


def first_choices(ties: Sequence[Tied], named: Sequence[int | None]) -> tuple[int, ...]:
    """Return a choice of every dimension: what is ``named``, else the first; in a tie the first with what is named.

    Where nothing in a tie goes with what is named, the first is returned, and is not planned.
    """
    found = [0 if choice is None else choice for choice in named]
    for tied in ties:
        free = [k for k, d in enumerate(tied.places) if named[d] is None]
        fits = [
            [row[k][0] for k in free]
            for row in tied.rows
            if all(len(cell) for cell in row)
            and all(named[d] is None or named[d] in row[k] for k, d in enumerate(tied.places))
        ]
        if free and fits:
            for k, choice in zip(free, min(fits), strict=True):
                found[tied.places[k]] = int(choice)
    return tuple(found)
