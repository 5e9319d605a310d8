"""Very many alternatives of a right-hand side, held as columns instead of trees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from specdid.language.expansion import LIMIT, Group, choice_matrix, groups_of, within_limit
from specdid.language.resolve import resolve
from specdid.language.terms import Key, Term, unit_terms
from specdid.language.tree import Node

_CHUNK = 65_536


@dataclass(frozen=True, slots=True, eq=False)
class TermSets:
    """Alternatives of a right-hand side: alternative i has ``index[start[i]:start[i + 1]]``.

    Attributes
    ----------
    terms : tuple[Term, ...]
        The distinct terms of all alternatives, in written order.
    start : (n + 1,) int64
    index : (start[n],) int32, places in ``terms``, in written order
    intercept : (n,) bool, False where the alternative says ``0 +`` or ``- 1``
    """

    terms: tuple[Term, ...]
    start: NDArray[np.int64]
    index: NDArray[np.int32]
    intercept: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.start) - 1

    def set(self, choice: int) -> tuple[Term, ...]:
        """Return the terms of alternative ``choice``."""
        return tuple(self.terms[k] for k in self.index[self.start[choice] : self.start[choice + 1]])

    def label(self, choice: int) -> str:
        """Return the terms of ``choice`` written out: ``pgdp + ind2``; ``1`` for none."""
        return _label([term.text for term in self.set(choice)], bool(self.intercept[choice]))

    def labels(self) -> list[str]:
        """Return the labels of all alternatives."""
        texts = [term.text for term in self.terms]
        found: list[str] = []
        for low in range(0, len(self), _CHUNK):
            start = self.start[low : low + _CHUNK + 1]
            words = [texts[k] for k in self.index[start[0] : start[-1]].tolist()]
            ends = (start - start[0]).tolist()
            intercepts = self.intercept[low : low + _CHUNK].tolist()
            bounds = zip(ends[:-1], ends[1:], intercepts, strict=True)
            found += [_label(words[first:last], intercept) for first, last, intercept in bounds]
        return found


def expand_terms(node: Node, macros: Mapping[str, Node], columns: Sequence[str], limit: int = LIMIT) -> TermSets:
    """Return the alternatives of a right-hand side as sets of terms, without building trees.

    Equal to the written terms of what `expand` gives, in the same order; 2^20
    alternatives take seconds.

    Raises
    ------
    LanguageError
        As `expand` and `terms` do.
    """
    groups = groups_of(resolve(node, macros, columns))
    count = within_limit(groups, limit, node)
    table = _Table()
    for group in groups:
        table.add(group)
    return table.sets(groups, count)


def join_term_sets(parts: Sequence[TermSets]) -> TermSets:
    """Put the alternatives of several options behind one another, sharing their terms."""
    terms: dict[Key, Term] = {}
    place: dict[Key, int] = {}
    indices, starts, offset = [np.zeros(0, np.int32)], [np.zeros(1, np.int64)], 0
    for part in parts:
        for term in part.terms:
            place.setdefault(term.key, len(terms))
            terms.setdefault(term.key, term)
        own = np.array([place[term.key] for term in part.terms], dtype=np.int32)
        indices.append(own[part.index] if len(own) else part.index)
        starts.append(part.start[1:] + offset)
        offset += int(part.start[-1])
    intercept = np.concatenate([np.zeros(0, dtype=bool), *(part.intercept for part in parts)])
    return TermSets(tuple(terms.values()), np.concatenate(starts), np.concatenate(indices), intercept)


@dataclass(slots=True)
class _Table:
    """The terms of every unit, side by side: what a row of chosen units has to be spread over."""

    terms: list[Term] = field(default_factory=list)
    places: dict[Key, int] = field(default_factory=dict)
    term: list[int] = field(default_factory=list)
    unit: list[int] = field(default_factory=list)
    dead: list[bool] = field(default_factory=list)
    intercepts: list[tuple[int, bool]] = field(default_factory=list)
    units: int = 0

    def add(self, group: Group) -> None:
        """Enter the terms of a group's units; a subtracted one strikes out what stands before."""
        for unit in group.units:
            found, intercept = ((), None) if unit is None else unit_terms(unit)
            if intercept is not None:
                self.intercepts.append((self.units, intercept == (group.kind != "-")))
            for term in found:
                place = self._place(term)
                if group.kind == "-":
                    self.dead = [d or t == place for d, t in zip(self.dead, self.term, strict=True)]
                else:
                    self.term.append(place)
                    self.unit.append(self.units)
                    self.dead.append(False)
            self.units += 1

    def _place(self, term: Term) -> int:
        if term.key not in self.places:
            self.places[term.key] = len(self.terms)
            self.terms.append(term)
        return self.places[term.key]

    def sets(self, groups: Sequence[Group], count: int) -> TermSets:
        """Spread all combinations of the groups' choices over the terms, in chunks."""
        kept = [k for k, dead in enumerate(self.dead) if not dead]
        term = np.array([self.term[k] for k in kept], dtype=np.int32)
        unit = np.array([self.unit[k] for k in kept], dtype=np.int64)
        repeats = [(i, j) for j in range(len(term)) for i in range(j) if term[i] == term[j]]
        lengths, indices, intercepts = [], [], []
        for chosen in _chosen(groups, count):
            present = chosen[:, unit]
            for i, j in repeats:
                present[:, j] &= ~present[:, i]
            lengths.append(present.sum(axis=1, dtype=np.int64))
            indices.append(term[np.nonzero(present)[1]])
            intercepts.append(self._intercept(chosen))
        start = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate(lengths))])
        sets = TermSets(tuple(self.terms), start, np.concatenate(indices), np.concatenate(intercepts))
        return _used(sets)

    def _intercept(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        said = np.ones(len(chosen), dtype=bool)
        for unit, value in self.intercepts:
            said[chosen[:, unit]] = value
        return said


def _chosen(groups: Sequence[Group], count: int) -> Iterator[NDArray[np.bool_]]:
    """Yield, in chunks of rows, which units (columns) each alternative has; the last group is fastest."""
    matrices = [choice_matrix(group) for group in groups]
    strides = np.cumprod([1, *(group.size for group in groups[:0:-1])])[::-1]
    for low in range(0, count, _CHUNK):
        rows = np.arange(low, min(low + _CHUNK, count))
        yield np.hstack([m[rows // stride % len(m)] for m, stride in zip(matrices, strides, strict=True)])


def _used(sets: TermSets) -> TermSets:
    """Drop terms that no alternative has."""
    used = np.zeros(len(sets.terms), dtype=bool)
    used[sets.index] = True
    if used.all():
        return sets
    place = (np.cumsum(used) - 1).astype(np.int32)
    terms = tuple(term for term, kept in zip(sets.terms, used, strict=True) if kept)
    return TermSets(terms, sets.start, place[sets.index], sets.intercept)


def _label(texts: list[str], intercept: bool) -> str:
    return " + ".join(texts if intercept else ["0", *texts]) or "1"
