"""Which columns of a file a study uses: the others are known by name and never read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass

from specdid._diagnostics import Document, Fault, Origin
from specdid._study import AnalysisTable, EstimatorOption, Expression, Study
from specdid.language import LanguageError, parse, referenced
from specdid.language.functions import PATTERNS, argument
from specdid.language.patterns import matching
from specdid.language.tree import Call, Node, Text, walk


def needed(study: Study, columns: Sequence[str]) -> frozenset[str]:
    """Return those of ``columns`` that any expression of ``study`` names or matches by a pattern.

    Texts that may be expressions (those of the analyses) count too; one that is none mentions nothing.
    """
    found = {study.unit, study.time}
    for tree in _trees(study):
        found |= {name.name for name in referenced(tree)}
        found.update(*(_matched(node, columns) for node in walk(tree) if isinstance(node, Call)))
    return frozenset(column for column in columns if column in found)


def _trees(value: object) -> Iterator[Node]:
    """Return every expression below ``value``; each kind of object is entered, whatever its fields are called."""
    if isinstance(value, Expression):
        yield value.tree
    elif isinstance(value, AnalysisTable):
        yield from _written(value.values)
    elif isinstance(value, EstimatorOption):
        yield from _written(value.options)
    elif is_dataclass(value) and not isinstance(value, (Origin, Document, Fault)):
        for field in fields(value):
            yield from _trees(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _trees(inner)
    elif isinstance(value, tuple):
        for inner in value:
            yield from _trees(inner)


def _written(value: object) -> Iterator[Node]:
    """Return the expressions among TOML values."""
    if isinstance(value, str):
        try:
            yield parse(value)
        except LanguageError:
            return
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _written(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _written(inner)


def _matched(call: Call, columns: Sequence[str]) -> Sequence[str]:
    pattern = argument(call, "pattern") if call.function in PATTERNS else None
    if not isinstance(pattern, Text):
        return ()
    try:
        return matching(call, pattern, columns)
    except LanguageError:
        return ()
