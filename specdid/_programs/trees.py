"""What the languages share when they turn trees into text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from specdid.language import FUNCTIONS, argument
from specdid.language.tree import Argument, Binary, Call, Constant, Name, Node, Number, Text, Unary, walk

IN_TIME = frozenset(name for name, f in FUNCTIONS.items() if f.by_unit and name not in ("at", "first")) | {"ntile"}
"""Functions that need unit and period; ``ntile`` for ties alone, and so also where a study has neither."""
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")


def given(call: Call, name: str) -> Node:
    """Return an argument that the check has found to be there."""
    node = argument(call, name)
    assert node is not None
    return node


def many(call: Call) -> list[Node]:
    """Return the arguments of a call that takes any number."""
    return [a.value for a in call.arguments if a.value is not None]


def is_constant(node: Node) -> bool:
    """Say whether a node is a constant that is not missing."""
    if isinstance(node, Unary):
        return is_constant(node.operand)
    return isinstance(node, Number | Text) or (isinstance(node, Constant) and node.value is not None)


def number(node: Node) -> float:
    """Return the value of a constant that is a number, ``-1`` included."""
    if isinstance(node, Unary):
        return -number(node.operand) if node.operator == "-" else number(node.operand)
    if isinstance(node, Constant):
        return float("nan") if node.value is None else float(node.value)
    assert isinstance(node, Number)
    return node.value


def members(node: Node) -> Iterator[Node]:
    """Yield the elements of what follows ``%in%``; a range is one element."""
    if isinstance(node, Call) and node.function == "c":
        for element in many(node):
            yield from members(element)
    else:
        yield node


def is_missing(node: Node) -> bool:
    """Say whether a node is ``NA``."""
    return isinstance(node, Constant) and node.value is None


def functions(nodes: Iterable[Node]) -> set[str]:
    """Name the functions that are called in trees."""
    return {n.function for node in nodes for n in walk(node) if isinstance(n, Call)}


def plain_number(value: float) -> str:
    """Write a finite number in the fewest digits, whole ones without a point."""
    return repr(float(value)).removesuffix(".0")


__all__ = [
    "COMPARISONS", "IN_TIME", "Argument", "Binary", "Call", "Constant", "Name", "Node", "Number", "Text", "Unary",
    "functions", "given", "is_constant", "is_missing", "many", "members", "number", "plain_number", "walk",
]  # fmt: skip
