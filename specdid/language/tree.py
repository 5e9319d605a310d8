"""The tree of an expression, what R's parser gives, with exact spans; what can be wrong with one.

Parentheses leave no node, as in shared/reference/r_parse.csv. Every node knows the
characters it was made from. Nodes compare by content, never by span.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce

from specdid._diagnostics import Span, SpecdidError

NOWHERE = Span(0, 0)


@dataclass(frozen=True, slots=True)
class Name:
    """A column, a macro without its dots is never a Name. Backticks are taken off."""

    name: str
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Macro:
    """``..economy``; ``name`` is without the dots."""

    name: str
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Number:
    """A number; ``1L``, ``0x10`` and ``1e3`` are read as R reads them."""

    value: float
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Text:
    """A text in either quote, unescaped."""

    value: str
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Constant:
    """``TRUE`` and ``T`` (True), ``FALSE`` and ``F`` (False), ``NA`` (None)."""

    value: bool | None
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Unary:
    """``-a``, ``+a``, ``!a``, ``~a``."""

    operator: str
    operand: Node
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """``+ - * / ^ : %% %/% %in% %like% == != < <= > >= & | ~`` and ``[``, ``[[`` (f[x], f[[x]])."""

    operator: str
    left: Node
    right: Node
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a call: ``value`` None is an empty one, ``name`` as in ``ref = 1``."""

    value: Node | None
    name: str | None = None
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """``log(x)``; ``..("^ind")`` is the call of ``..``."""

    function: str
    arguments: tuple[Argument, ...]
    span: Span = field(default=NOWHERE, compare=False)


Node = Name | Macro | Number | Text | Constant | Unary | Binary | Call

BRACKETS = ("[", "[[")


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly below ``node``, in written order, empty arguments left out."""
    match node:
        case Unary():
            return (node.operand,)
        case Binary():
            return (node.left, node.right)
        case Call():
            return tuple(a.value for a in node.arguments if a.value is not None)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """Yield ``node`` and all nodes below it, in written order of their beginnings."""
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(reversed(children(top)))


def chain(node: Node, operator: str) -> list[Node]:
    """Return the operands of a left-deep chain: ``a + b + c`` gives a, b, c for ``+``."""
    operands: list[Node] = []
    while isinstance(node, Binary) and node.operator == operator:
        operands.append(node.right)
        node = node.left
    operands.append(node)
    return operands[::-1]


def joint_levels(node: Node) -> list[Node]:
    """Return the operands of ``a^b^c``, however they are grouped: columns whose values form groups together."""
    found: list[Node] = []
    while isinstance(node, Binary) and node.operator == "^":
        found += joint_levels(node.left)
        node = node.right
    return [*found, node]


def joined(nodes: Sequence[Node], operator: str = "+") -> Node:
    """Build the left-deep chain of ``nodes``, which must not be empty."""
    return reduce(lambda left, right: Binary(operator, left, right), nodes)


MAX_LENGTH = 10_000
MAX_DEPTH = 50
MAX_CHAIN = 250
_CHAINED = (*BRACKETS, "^")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong with an expression; ``span`` counts its characters from 0."""

    code: str
    message: str
    span: Span
    help: str | None = None


class LanguageError(SpecdidError):
    """An expression cannot be read or expanded; ``problems`` says where and why."""

    def __init__(self, problems: Mistake | Iterable[Mistake]) -> None:
        self.problems = (problems,) if isinstance(problems, Mistake) else tuple(problems)
        super().__init__("; ".join(problem.message for problem in self.problems))


def too_deep(root: Node) -> Mistake | None:
    """Return a problem where ``root`` is nested too deep.

    A chain like ``a + b + c`` counts as one level, but may not be longer than 250.
    """
    stack: list[tuple[Node, int, int]] = [(root, 1, 1)]
    while stack:
        node, depth, height = stack.pop()
        if depth > MAX_DEPTH:
            message = f"the expression is nested more than {MAX_DEPTH} deep"
            return Mistake("too_large", message, node.span, "define parts of it in [derive]")
        if height > MAX_CHAIN:
            message = f"more than {MAX_CHAIN} operators in a row"
            return Mistake("too_large", message, node.span, "split the expression")
        for child in children(node):
            chained = isinstance(node, Binary) and node.operator not in _CHAINED and child is node.left
            level = depth if chained and isinstance(child, Binary) else depth + 1
            stack.append((child, level, height + 1))
    return None


def number_value(node: Node) -> float | None:
    """Return the number that ``2`` or ``-2`` is, else None."""
    if isinstance(node, Unary) and node.operator in ("+", "-"):
        inner = number_value(node.operand)
        return None if inner is None else -inner if node.operator == "-" else inner
    return node.value if isinstance(node, Number) else None
