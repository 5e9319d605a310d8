"""Which data columns an expression is made of, derived columns followed to the data."""

from __future__ import annotations

from specdid.language.references import referenced
from specdid.language.scope import Bound


def sources(bound: Bound) -> frozenset[str]:
    """Give the data columns that the value of ``bound`` depends on."""
    found: set[str] = set()
    seen: set[str] = set()
    stack = [bound]
    while stack:
        current = stack.pop()
        if current.digest in seen:
            continue
        seen.add(current.digest)
        for name in referenced(current.node):
            definition = current.scope.definition(name.name)
            if definition is None:
                found.add(name.name)
            else:
                stack.append(definition)
    return frozenset(found)
