"""Ties that leave an option out, say a thing twice or nothing at all, or plan what [[exclude]] takes away."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from specdid._check.data import Data
from specdid._check.sound import Sound
from specdid._diagnostics import Fault, Origin, SpecError, fault_at
from specdid._plan.expand import expand_grid
from specdid._plan.records import Codes, Dimension, Flags, Grid
from specdid._plan.selectors import select
from specdid._plan.together import Tied, tied_choices
from specdid._study import Exclusion, Study, Tie
from specdid.language.tree import Node

MOST = 1_000_000
"""Combinations of a tie that are looked at one by one."""


def check_together(data: Data, sound: Sound) -> Iterator[Fault]:
    """Check every [[together]] of a study of which nothing was left out."""
    study = data.study
    if not study.together or not sound.whole:
        return
    try:
        dimensions, grid, expander = expand_grid(study, data.names)
    except SpecError:
        return  # which has its own faults
    ties = tied_choices(study, dimensions, grid, expander.macros, data.names)
    for tie, tied in zip(study.together, ties, strict=True):
        own = [dimensions[d] for d in tied.places]
        known = grid, expander.macros, data.names
        cells = ((d, cell) for row in tie.rows for d, cell in zip(own, row.cells, strict=True))
        if not all(select(d, (selector,), *known).any() for d, cell in cells for selector in cell):
            continue  # a selector that means nothing has its own fault
        faults = [*_untied(study, tie, tied, own), *_twice(tie, tied, own)]
        yield from faults
        if faults:
            continue
        whole = [(0, len(d)) for d in dimensions]
        if tied.count(whole) == math.prod(map(len, own)):
            message = f"every combination of {' and '.join(tie.dimensions)} is in these rows: nothing is tied"
            yield fault_at(tie.origin, None, "tie_of_all", message, "take this [[together]] away")
            continue
        yield from _unreachable(study, tie, tied)
        if tied.count(whole) <= MOST:
            names = {d.name: k for k, d in enumerate(own)}
            found = _Combinations(tied.combinations(whole), names, own, known)
            yield from _excluded(study, tie, tied, found)


def _untied(study: Study, tie: Tie, tied: Tied, own: Sequence[Dimension]) -> Iterator[Fault]:
    """Find options of a tied dimension that are in no row: nothing would be planned with them."""
    for k, dimension in enumerate(own):
        missing = np.setdiff1d(np.arange(len(dimension)), np.concatenate([row[k] for row in tied.rows]))
        for option in dict.fromkeys(dimension.option[missing].tolist()):
            first = dimension.labels[next(c for c in missing.tolist() if dimension.option[c] == option)]
            message = f"`{first}` of {dimension.name} is in no row of [[together]], so nothing would be planned with it"
            rest = " and ".join(name for name in tie.dimensions if name != dimension.name)
            help_ = f"add a row that says with which {rest} it goes, or leave it out"
            yield fault_at(_origin(study, dimension.name, option) or tie.origin, None, "not_tied", message, help_)


def _origin(study: Study, dimension: str, option: int) -> Origin | None:
    variants = {v.name: v.options for v in study.variants}
    origin: Origin = (variants.get(dimension) or getattr(study, dimension))[option].origin
    return origin if origin.document is not None else None


def _twice(tie: Tie, tied: Tied, own: Sequence[Dimension]) -> Iterator[Fault]:
    """Find rows that share a combination with an earlier one."""
    members = [[set(cell.tolist()) for cell in row] for row in tied.rows]
    for later, mine in enumerate(members):
        for earlier in range(later):
            both = [a & b for a, b in zip(members[earlier], mine, strict=True)]
            if all(both):
                labels = " with ".join(f"`{d.labels[min(shared)]}`" for d, shared in zip(own, both, strict=True))
                message = f"row {earlier + 1} has {labels} already"
                yield fault_at(tie.rows[later].origin, None, "tied_again", message, "leave it in one of the two rows")
                break


def _unreachable(study: Study, tie: Tie, tied: Tied) -> Iterator[Fault]:
    """Find rows in which two dimensions of one_at_a_time have left their first option."""
    starred = [k for k, name in enumerate(tie.dimensions) if name in {n for n, _ in study.one_at_a_time}]
    for row, written in zip(tied.rows, tie.rows, strict=True):
        moved = [tie.dimensions[k] for k in starred if 0 not in row[k]]
        if len(moved) > 1:
            message = f"this row is never planned: {' and '.join(moved)} are one_at_a_time and leave their first option"
            help_ = "take one of them out of one_at_a_time, or the row away"
            yield fault_at(written.origin, None, "tie_not_planned", message, help_)


class _Combinations:
    """The combinations that a tie plans, and which of them a rule's conditions hold for."""

    def __init__(
        self,
        codes: Codes,
        place: Mapping[str, int],
        own: Sequence[Dimension],
        known: tuple[Grid, Mapping[str, Node], Sequence[str]],
    ) -> None:
        self.codes, self.place, self.own, self.known = codes, place, own, known

    def __len__(self) -> int:
        return len(self.codes)

    def excluded(self, rule: Exclusion) -> Flags | None:
        """Mark what ``rule`` excludes; None where it is about other dimensions too."""
        if not {*rule.when, *rule.unless} <= set(self.place):
            return None
        hit = self._hold(rule.when)
        return hit & ~self._hold(rule.unless) if rule.unless else hit

    def _hold(self, condition: Mapping[str, object]) -> Flags:
        hit = np.ones(len(self.codes), dtype=bool)
        for name, cell in condition.items():
            k = self.place[name]
            hit &= select(self.own[k], cell, *self.known)[self.codes[:, k]]  # type: ignore[arg-type]
        return hit


def _excluded(study: Study, tie: Tie, tied: Tied, found: _Combinations) -> Iterator[Fault]:
    """Find rows that [[exclude]] takes away whole, and rules that find nothing left to exclude."""
    alone = Tied(tuple(range(len(tied.places))), tied.rows)
    gone = np.zeros(len(found), dtype=bool)
    for rule in study.exclude:
        hit = found.excluded(rule)
        if hit is None:
            continue
        if not hit.any():
            message = f"nothing is left for this rule to exclude: [[together]] ties {' and '.join(tie.dimensions)}"
            yield fault_at(rule.origin, None, "rule_unused", message, "take the rule away", "warning")
        gone |= hit
    for row, written in zip(alone.rows, tie.rows, strict=True):
        mine = Tied(alone.places, (row,)).holds(found.codes)
        if gone[mine].all():
            message = "[[exclude]] takes away all that this row ties together"
            yield fault_at(written.origin, None, "tie_excluded", message, "take the row away, or the rule")
