"""Text columns used as controls, which become dummies: numbers written as text, and very many levels."""

from __future__ import annotations

import re
from collections.abc import Iterator

from specdid._check.data import Data, leaves, uses
from specdid._diagnostics import Fault, Origin, Span, fault_at
from specdid._study import Expression
from specdid.language.tree import Name
from specdid.panel import Column

MOST_DUMMIES = 50
"""Dummies under a plain name that are not warned of: the states and the capital of the United States."""
_LONGEST = 40
"""Characters of a number; a stranger's longer text is not tried."""
_NUMBER = re.compile(r"[-+\u2212(]?\s*[$€£¥]?\s*[-+]?[.,]?\d[\d.,'\u2019\s]*([eE][-+]?\d+)?\s*[%‰kKmM]?\)?")
"""A number as spreadsheets show it: with a currency, commas, a percent sign or a unit."""


def check_text_controls(data: Data) -> Iterator[Fault]:
    """Warn of text under its plain name that looks like numbers, or becomes very many dummies; ``i(x)`` asks for it.

    Columns of an option's file are looked at with that file.
    """
    names: dict[Name, Expression] = {}
    for use in uses(data.study):
        if use.role == "terms":
            found = (node for node, _ in leaves(use.expression.tree, use.role) if isinstance(node, Name))
            for node in found:
                names.setdefault(node, use.expression)
    for node, expression in names.items():
        yield from _said(expression.origin, node.span, node.name, data.column(node), _where(data, node.name))
    for variant in data.study.variants:
        for option in variant.options:
            scope = data.scope_of((option,)) if option.derive and option.data is None else None
            for node in [n for n in names if scope is not None and n.name in option.derive]:
                words = f" under {variant.name} = “{option.label}”"
                made = option.derive[node.name]
                yield from _said(made.origin, made.tree.span, node.name, data.column(node, scope), words)


def _said(origin: Origin, span: Span, name: str, column: Column | None, where: str) -> Iterator[Fault]:
    """Warn of one column, where its name stands or what defines it."""
    if column is None or not column.is_text or column.odd:
        return
    levels = column.levels
    numbers = [level for level in levels if len(level) <= _LONGEST and _NUMBER.fullmatch(level)]
    alike = 2 * len(numbers) > len(levels)
    if not alike and len(levels) - 1 <= MOST_DUMMIES:
        return
    dummies = f"{len(levels) - 1:,} {'dummy' if len(levels) == 2 else 'dummies'}"
    message = f"`{name}` is text{where}, so that it becomes {dummies}"
    advice = f"write `i({name})` where dummies are meant"
    if alike:
        message += f"; its values look like numbers: {', '.join(f'“{level}”' for level in numbers[:3])}"
        advice = "make them numbers in the file, with a decimal point and without other marks: 0.088, 7673; "
        advice += f"where dummies are meant, write `i({name})`"
    yield fault_at(origin, span, "text_control", message, advice, "warning")


def _where(data: Data, name: str) -> str:
    """Say which file has a column; nothing of a derived one."""
    if name not in data.panel.columns:
        return ""
    joined = (file.name for file in data.panel.files if file.label is not None and name in file.columns)
    return f" in {next(joined, data.panel.name)}"
