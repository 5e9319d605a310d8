"""Text columns used as controls, which become dummies: numbers written as text, and very many levels."""

from __future__ import annotations

import re
from collections.abc import Iterator

from specdid._check.data import Data, leaves, uses
from specdid._diagnostics import Fault, fault_at
from specdid.language import write
from specdid.language.tree import Name

MOST_DUMMIES = 50
"""Dummies under a plain name that are not warned of: the states and the capital of the United States."""
_NUMBER = re.compile(r"[-+\u2212(]?\s*[$€£¥]?\s*[-+]?[.,]?\d[\d.,'\u2019\s]*([eE][-+]?\d+)?\s*[%‰kKmM]?\)?")
"""A number as spreadsheets show it: with a currency, commas, a percent sign or a unit."""


def check_text_controls(data: Data) -> Iterator[Fault]:
    """Warn of text under its plain name that looks like numbers, or becomes very many dummies; ``i(x)`` asks for it."""
    seen: set[str] = set()
    for use in uses(data.study):
        if use.role != "terms":
            continue
        for node, _ in leaves(use.expression.tree, use.role):
            column = data.column(node) if isinstance(node, Name) else None
            name = write(node)
            if column is None or not column.is_text or column.odd or name in seen:
                continue
            levels = column.levels
            numbers = [level for level in levels if _NUMBER.fullmatch(level)]
            alike = 2 * len(numbers) > len(levels)
            if not alike and len(levels) - 1 <= MOST_DUMMIES:
                continue
            seen.add(name)
            dummies = f"{len(levels) - 1:,} {'dummy' if len(levels) == 2 else 'dummies'}"
            message = f"`{name}` is text{_where(data, name)}, so that it becomes {dummies}"
            advice = f"write `i({name})` where dummies are meant"
            if alike:
                message += f"; its values look like numbers: {', '.join(f'“{level}”' for level in numbers[:3])}"
                advice = "make them numbers in the file, with a decimal point and without other marks: 0.088, 7673; "
                advice += f"where dummies are meant, write `i({name})`"
            yield fault_at(use.expression.origin, node.span, "text_control", message, advice, "warning")


def _where(data: Data, name: str) -> str:
    """Say which file has a column; nothing of a derived one."""
    if name not in data.panel.columns:
        return ""
    joined = (file.name for file in data.panel.files if file.label is not None and name in file.columns)
    return f" in {next(joined, data.panel.name)}"
