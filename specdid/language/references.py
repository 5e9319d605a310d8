"""The columns and macros that an expression mentions."""

from __future__ import annotations

from specdid.language.tree import Macro, Name, Node, walk


def referenced(node: Node) -> tuple[Name, ...]:
    """Return the column names in ``node`` in written order, each time they stand there.

    Functions, macros and the names of arguments are not columns.
    """
    return tuple(n for n in walk(node) if isinstance(n, Name))


def macros_in(node: Node) -> tuple[Macro, ...]:
    """Return the macros that ``node`` mentions, in written order."""
    return tuple(n for n in walk(node) if isinstance(n, Macro))
