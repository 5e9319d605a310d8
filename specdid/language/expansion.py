"""Stepwise operators multiplied out: which arguments stand in which alternative."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from specdid.language.functions import STEPWISE
from specdid.language.parts import OUTCOME_LISTS
from specdid.language.problems import MAX_CHAIN, LanguageError, Mistake
from specdid.language.resolve import resolve
from specdid.language.terms import is_algebra
from specdid.language.tree import Binary, Call, Node, Number, Unary, chain, joined, walk

LIMIT = 2_000_000
MAX_PRODUCTS = 10_000


@dataclass(frozen=True, slots=True)
class Group:
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
    limit: int = LIMIT,
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
    groups = groups_of(resolved)
    within_limit(groups, limit, node)
    _refuse_long(groups)
    choices = [list(_choices(group)) for group in groups]
    return tuple(_sum(chosen, empty) for chosen in product(*choices))


def expansion_size(node: Node, macros: Mapping[str, Node], columns: Sequence[str]) -> int:
    """Return how many alternatives `expand` would make, without making them."""
    resolved = _listed(resolve(node, macros, columns))
    return prod(group.size for group in groups_of(resolved)) if _is_stepwise(resolved) else 1


def _listed(node: Node) -> Node:
    """Read ``c(y1, y2)`` at the top as ``sw(y1, y2)``."""
    return replace(node, function="sw") if isinstance(node, Call) and node.function in OUTCOME_LISTS else node


def groups_of(node: Node) -> list[Group]:
    """Take a resolved expression apart into its summands."""
    groups: list[Group] = []
    while isinstance(node, Binary) and node.operator in ("+", "-"):
        groups.append(_group(node.right, node.operator))
        node = node.left
    groups.append(_group(node, "+"))
    return groups[::-1]


def within_limit(groups: Sequence[Group], limit: int, node: Node) -> int:
    """Return the number of alternatives; more than ``limit`` is an error at the largest operator."""
    count = prod(group.size for group in groups)
    if count > limit:
        largest = max(groups, key=lambda group: group.size).node
        message = f"this stands for {_amount(count)} alternatives; the limit is {limit:,}"
        help = "move arguments out of `mvsw()`, or raise [run] limit"
        raise LanguageError(Mistake("too_many", message, (largest if groups else node).span, help))
    return count


def choice_matrix(group: Group) -> NDArray[np.bool_]:
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


def _group(node: Node, sign: str) -> Group:
    if not _is_stepwise(node):
        return Group(sign, (node,), 1, node)
    if isinstance(node, Unary) and node.operator == "+":
        return _group(node.operand, sign)
    if sign == "-" or isinstance(node, Unary):
        raise LanguageError(Mistake("stepwise", "alternatives cannot be subtracted", node.span))
    if isinstance(node, Call):
        return _operator(node)
    units = tuple(_alternatives(node))
    return Group("one", units, len(units), node)


def _operator(call: Call) -> Group:
    if call.function not in STEPWISE:
        raise LanguageError(_misplaced(call))
    units = tuple(a.value for a in call.arguments)
    nested = next((n for u in units if u is not None for n in walk(u) if _is_operator(n)), None)
    if nested is not None:
        help = "write one operator with all arguments, as in `sw(a, b, c)`"
        problem = Mistake("stepwise", "stepwise operators cannot stand in each other", nested.span, help)
        raise LanguageError(problem)
    if not units:
        problem = Mistake("stepwise", f"`{call.function}()` has no arguments", call.span)
        raise LanguageError(problem)
    size = 2 ** len(units) if call.function == "mvsw" else len(units) + call.function.endswith("0")
    return Group(call.function, units, size, call)


def _is_operator(node: Node) -> bool:
    return isinstance(node, Call) and node.function in STEPWISE


def _misplaced(node: Node) -> Mistake:
    inner = next(n for n in walk(node) if isinstance(n, Call) and n.function in STEPWISE)
    help = f"write the alternatives whole, as in `{inner.function}(log(a), log(b))`"
    return Mistake("stepwise", f"`{inner.function}()` cannot stand inside this", inner.span, help)


def _alternatives(node: Node) -> list[Node | None]:
    """List what a product like ``dudt:sw(a, b)`` stands for."""
    if not _is_stepwise(node):
        return [node]
    if isinstance(node, Call):
        group = _operator(node)
        within_limit([group], MAX_PRODUCTS, node)
        return [joined(units) if units else None for _, units in _choices(group)]
    if not (isinstance(node, Binary) and is_algebra(node)):
        raise LanguageError(_misplaced(node))
    pairs = list(product(_alternatives(node.left), _alternatives(node.right)))
    if len(pairs) > MAX_PRODUCTS:
        message = f"this stands for more than {MAX_PRODUCTS:,} alternatives"
        raise LanguageError(Mistake("too_many", message, node.span))
    return [_combined(node, left, right) for left, right in pairs]


def _combined(node: Binary, left: Node | None, right: Node | None) -> Node | None:
    if left is not None and right is not None:
        return Binary(node.operator, left, right, node.span)
    if node.operator == "+":
        return left if right is None else right
    message = f"nothing can stand beside `{node.operator}`"
    help = "use `sw()` or `csw()`, which have no empty alternative"
    raise LanguageError(Mistake("stepwise", message, node.span, help))


def _choices(group: Group) -> Iterator[tuple[str, list[Node]]]:
    """Yield the sign and the addends of each choice."""
    sign = "-" if group.kind == "-" else "+"
    addends = [[] if u is None else [u] if sign == "-" else chain(u, "+") for u in group.units]
    for row in choice_matrix(group):
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


def _refuse_long(groups: Sequence[Group]) -> None:
    """Refuse sums that would be too long to be a tree."""
    parts = sum(len(chain(u, "+")) for group in groups for u in group.units if u is not None)
    if parts > MAX_CHAIN:
        message = f"the alternatives have up to {parts:,} terms; at most {MAX_CHAIN} can stand in one"
        raise LanguageError(Mistake("too_many", message, groups[0].node.span))
