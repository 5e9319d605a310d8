"""How deep a tree may be: everything that walks one may recurse without a second thought."""

from __future__ import annotations

from specdid.language.problems import MAX_CHAIN, MAX_DEPTH, Mistake
from specdid.language.tree import BRACKETS, Binary, Node, children

_CHAINED = (*BRACKETS, "^")


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
