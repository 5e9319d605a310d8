"""Which data columns an expression is made of, derived columns followed to the data."""

from __future__ import annotations

from specdid.language.references import referenced
from specdid.language.scope import Bound
from specdid.language.tree import Node


def sources(bound: Bound) -> frozenset[str]:
    """Return the data columns that the value of ``bound`` depends on."""
    found: set[str] = set()
    seen: set[tuple[str, Node]] = set()
    stack = [bound]
    while stack:
        current = stack.pop()
        key = (current.digest, current.node)
        if key in seen:
            continue
        seen.add(key)
        for name in referenced(current.node):
            definition = current.scope.definition(name.name)
            if definition is None:
                found.add(name.name)
            else:
                stack.append(definition)
    return frozenset(found)
