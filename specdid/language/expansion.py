"""Stepwise operators multiplied out: which arguments stand in which alternative.

`expand` gives trees; `expand_terms` gives very many alternatives of a right-hand side as columns instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from specdid.language.functions import STEPWISE
from specdid.language.grammar import OUTCOME_LISTS
from specdid.language.resolve import resolve
from specdid.language.terms import Term, TermKey, is_algebra, unit_terms
from specdid.language.tree import (
    MAX_CHAIN,
    Binary,
    Call,
    LanguageError,
    Mistake,
    Node,
    Number,
    Unary,
    chain,
    joined,
    walk,
)

_LIMIT = 2_000_000
_MAX_PRODUCTS = 10_000
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class _Group:
    """One summand of an expression: ``size`` choices among ``units``.

    A unit is a block of terms (None: nothing). A fixed summand has one unit and one
    choice; ``kind`` is its sign, else the stepwise operator, else "one" of the units.
    """

    kind: str
    units: tuple[Node | None, ...]
    size: int
    node: Node


def expand(
    node: Node,
    macros: Mapping[str, Node],
    columns: Sequence[str],
    empty: float,
    limit: int = _LIMIT,
) -> tuple[Node, ...]:
    """Return the alternatives that an expression stands for, in the contract's order.

    Parameters
    ----------
    node : Node
        An expression that `check` accepts in its role; ``c(y1, y2)`` at the top lists
        outcomes.
    macros : Mapping[str, Node]
        Macro name, without its dots, to its tree.
    columns : Sequence[str]
        The columns that patterns may match, in data order.
    empty : float
        What stands for the empty set: 1 among terms, 0 among fixed effects.
    limit : int
        The most alternatives to make.

    Raises
    ------
    LanguageError
        An unknown macro, a circle of macros, a pattern that matches nothing, an
        operator where it cannot stand, or more alternatives than ``limit``.
    """
    resolved = _listed(resolve(node, macros, columns))
    if not _is_stepwise(resolved):
        return (resolved,)
    groups = _groups_of(resolved)
    _within_limit(groups, limit, node)
    _refuse_long(groups)
    choices = [list(_choices(group)) for group in groups]
    return tuple(_sum(chosen, empty) for chosen in product(*choices))


def expansion_size(node: Node, macros: Mapping[str, Node], columns: Sequence[str]) -> int:
    """Return how many alternatives `expand` would make, without making them."""
    resolved = _listed(resolve(node, macros, columns))
    return prod(group.size for group in _groups_of(resolved)) if _is_stepwise(resolved) else 1


def _listed(node: Node) -> Node:
    """Read ``c(y1, y2)`` at the top as ``sw(y1, y2)``."""
    return replace(node, function="sw") if isinstance(node, Call) and node.function in OUTCOME_LISTS else node


def _groups_of(node: Node) -> list[_Group]:
    """Take a resolved expression apart into its summands."""
    groups: list[_Group] = []
    while isinstance(node, Binary) and node.operator in ("+", "-"):
        groups.append(_group(node.right, node.operator))
        node = node.left
    groups.append(_group(node, "+"))
    return groups[::-1]


def _within_limit(groups: Sequence[_Group], limit: int, node: Node) -> int:
    """Return the number of alternatives; more than ``limit`` is an error at the largest operator."""
    count = prod(group.size for group in groups)
    if count > limit:
        largest = max(groups, key=lambda group: group.size).node
        message = f"this stands for {_amount(count)} alternatives; the limit is {limit:,}"
        help = "move arguments out of `mvsw()`, or raise [run] limit"
        raise LanguageError(Mistake("too_many", message, (largest if groups else node).span, help))
    return count


def _choice_matrix(group: _Group) -> NDArray[np.bool_]:
    """Return which units stand in which choice, (size, units), choices in order."""
    n = len(group.units)
    eye = np.eye(n, dtype=bool)
    first = np.zeros((1, n), dtype=bool)
    if group.kind in ("sw", "one"):
        return eye
    if group.kind == "sw0":
        return np.vstack([first, eye])
    if group.kind in ("csw", "csw0"):
        steps = np.tri(n, dtype=bool)
        return steps if group.kind == "csw" else np.vstack([first, steps])
    if group.kind == "mvsw":
        return _subsets(n)
    return np.ones((1, n), dtype=bool)


def _subsets(n: int) -> NDArray[np.bool_]:
    """Return all subsets of n, by size, each size in the order of combinations."""
    code = np.arange(2**n, dtype=np.int32)
    size = np.bitwise_count(code)
    code = code[np.lexsort((-code, size))]
    bits = np.arange(n - 1, -1, -1, dtype=np.int32)
    return (code[:, None] >> bits & 1).astype(bool)


def _amount(count: int) -> str:
    return f"{count:,}" if count < 10**15 else f"about 10^{len(str(count)) - 1}"


def _is_stepwise(node: Node) -> bool:
    return any(isinstance(n, Call) and n.function in STEPWISE for n in walk(node))


def _group(node: Node, sign: str) -> _Group:
    if not _is_stepwise(node):
        return _Group(sign, (node,), 1, node)
    if isinstance(node, Unary) and node.operator == "+":
        return _group(node.operand, sign)
    if sign == "-" or isinstance(node, Unary):
        raise LanguageError(Mistake("wrong_place", "alternatives cannot be subtracted", node.span))
    if isinstance(node, Call):
        return _operator(node)
    units = tuple(_alternatives(node))
    return _Group("one", units, len(units), node)


def _operator(call: Call) -> _Group:
    if call.function not in STEPWISE:
        raise LanguageError(_misplaced(call))
    units = tuple(a.value for a in call.arguments)
    nested = next((n for u in units if u is not None for n in walk(u) if _is_operator(n)), None)
    if nested is not None:
        help = "write one operator with all arguments, as in `sw(a, b, c)`"
        problem = Mistake("wrong_place", "stepwise operators cannot stand in each other", nested.span, help)
        raise LanguageError(problem)
    if not units:
        problem = Mistake("wrong_place", f"`{call.function}()` has no arguments", call.span)
        raise LanguageError(problem)
    size = 2 ** len(units) if call.function == "mvsw" else len(units) + call.function.endswith("0")
    return _Group(call.function, units, size, call)


def _is_operator(node: Node) -> bool:
    return isinstance(node, Call) and node.function in STEPWISE


def _misplaced(node: Node) -> Mistake:
    inner = next(n for n in walk(node) if isinstance(n, Call) and n.function in STEPWISE)
    help = f"write the alternatives whole, as in `{inner.function}(log(a), log(b))`"
    return Mistake("wrong_place", f"`{inner.function}()` cannot stand inside this", inner.span, help)


def _alternatives(node: Node) -> list[Node | None]:
    """List what a product like ``dudt:sw(a, b)`` stands for."""
    if not _is_stepwise(node):
        return [node]
    if isinstance(node, Call):
        group = _operator(node)
        _within_limit([group], _MAX_PRODUCTS, node)
        return [joined(units) if units else None for _, units in _choices(group)]
    if not (isinstance(node, Binary) and is_algebra(node)):
        raise LanguageError(_misplaced(node))
    pairs = list(product(_alternatives(node.left), _alternatives(node.right)))
    if len(pairs) > _MAX_PRODUCTS:
        message = f"this stands for more than {_MAX_PRODUCTS:,} alternatives"
        raise LanguageError(Mistake("too_many", message, node.span))
    return [_combined(node, left, right) for left, right in pairs]


def _combined(node: Binary, left: Node | None, right: Node | None) -> Node | None:
    if left is not None and right is not None:
        return Binary(node.operator, left, right, node.span)
    if node.operator == "+":
        return left if right is None else right
    message = f"nothing can stand beside `{node.operator}`"
    help = "use `sw()` or `csw()`, which have no empty alternative"
    raise LanguageError(Mistake("wrong_place", message, node.span, help))


def _choices(group: _Group) -> Iterator[tuple[str, list[Node]]]:
    """Yield the sign and the addends of each choice."""
    sign = "-" if group.kind == "-" else "+"
    addends = [[] if u is None else [u] if sign == "-" else chain(u, "+") for u in group.units]
    for row in _choice_matrix(group):
        yield sign, [node for unit in np.flatnonzero(row) for node in addends[unit]]


def _sum(chosen: Sequence[tuple[str, list[Node]]], empty: float) -> Node:
    total: Node | None = None
    for sign, nodes in chosen:
        for node in nodes:
            if total is not None:
                total = Binary(sign, total, node)
            else:
                total = node if sign == "+" else Unary("-", node)
    return Number(empty) if total is None else total


def _refuse_long(groups: Sequence[_Group]) -> None:
    """Refuse sums that would be too long to be a tree."""
    parts = sum(len(chain(u, "+")) for group in groups for u in group.units if u is not None)
    if parts > MAX_CHAIN:
        message = f"the alternatives have up to {parts:,} terms; at most {MAX_CHAIN} can stand in one"
        raise LanguageError(Mistake("too_many", message, groups[0].node.span))


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


def expand_terms(node: Node, macros: Mapping[str, Node], columns: Sequence[str], limit: int = _LIMIT) -> TermSets:
    """Return the alternatives of a right-hand side as sets of terms, without building trees.

    Equal to the written terms of what `expand` gives, in the same order; 2^20
    alternatives take seconds.

    Raises
    ------
    LanguageError
        As `expand` and `terms` do.
    """
    groups = _groups_of(resolve(node, macros, columns))
    count = _within_limit(groups, limit, node)
    table = _Table()
    for group in groups:
        table.add(group)
    return table.sets(groups, count)


def join_term_sets(parts: Sequence[TermSets]) -> TermSets:
    """Put the alternatives of several options behind one another, sharing their terms."""
    terms: dict[TermKey, Term] = {}
    place: dict[TermKey, int] = {}
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
    places: dict[TermKey, int] = field(default_factory=dict)
    term: list[int] = field(default_factory=list)
    unit: list[int] = field(default_factory=list)
    dead: list[bool] = field(default_factory=list)
    intercepts: list[tuple[int, bool]] = field(default_factory=list)
    units: int = 0

    def add(self, group: _Group) -> None:
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

    def sets(self, groups: Sequence[_Group], count: int) -> TermSets:
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


def _chosen(groups: Sequence[_Group], count: int) -> Iterator[NDArray[np.bool_]]:
    """Yield, in chunks of rows, which units (columns) each alternative has; the last group is fastest."""
    matrices = [_choice_matrix(group) for group in groups]
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
