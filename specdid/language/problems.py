"""What can be wrong with an expression, before it is known where the expression stands; how deep it may be nested."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from specdid._diagnostics import Span, SpecdidError
from specdid.language.tree import BRACKETS, Binary, Node, children

MAX_LENGTH = 10_000
MAX_DEPTH = 50
MAX_CHAIN = 250
_CHAINED = (*BRACKETS, "^")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong with an expression; ``span`` counts its characters from 0.

    ``incomplete``: something is missing where another program's spelling may be meant, which says more.
    """

    code: str
    message: str
    span: Span
    help: str | None = None
    incomplete: bool = False


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
            return Mistake("too_deep", message, node.span, "define parts of it in [derive]")
        if height > MAX_CHAIN:
            message = f"more than {MAX_CHAIN} operators in a row"
            return Mistake("too_long", message, node.span, "split the expression")
        for child in children(node):
            chained = isinstance(node, Binary) and node.operator not in _CHAINED and child is node.left
            level = depth if chained and isinstance(child, Binary) else depth + 1
            stack.append((child, level, height + 1))
    return None
