"""The columns and macros that an expression mentions."""

from __future__ import annotations

from collections.abc import Sequence

from specdid.language.hints import column_help
from specdid.language.problems import Mistake
from specdid.language.tree import Macro, Name, Node, walk


def referenced(node: Node) -> tuple[Name, ...]:
    """Return the column names in ``node`` in written order, each time they stand there.

    Functions, macros and the names of arguments are not columns.
    """
    return tuple(n for n in walk(node) if isinstance(n, Name))


def macros_in(node: Node) -> tuple[Macro, ...]:
    """Return the macros that ``node`` mentions, in written order."""
    return tuple(n for n in walk(node) if isinstance(n, Macro))


def unknown_columns(node: Node, known: Sequence[str]) -> tuple[Mistake, ...]:
    """Return a problem for every name in ``node`` that is not in ``known``, with a suggestion."""
    names = dict.fromkeys(known)
    return tuple(
        Mistake("no_column", f"no column `{n.name}`", n.span, column_help(n.name, list(names)))
        for n in referenced(node)
        if n.name not in names
    )
