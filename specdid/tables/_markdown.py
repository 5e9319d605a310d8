"""Printed tables as Markdown: pipe tables, every text escaped, for GitHub, pandoc and Quarto."""

from __future__ import annotations

import re
from collections.abc import Iterator

from specdid.tables._base import PrintTable, Row

_MARKS = re.compile(r"([\\`*_{}\[\]<>#|$~^&@!]|:(?=//)|(?<=www)\.)", re.IGNORECASE)


def escape_markdown(text: str) -> str:
    """Write plain text so that Markdown shows it as it is."""
    clean = "".join(c for c in " ".join(text.split()) if c.isprintable())
    return re.sub(r"^(\d+)([.)])", r"\1\\\2", re.sub(r"^([-+=])", r"\\\1", _MARKS.sub(r"\\\1", clean)))


def write_markdown(table: PrintTable) -> str:
    """Write caption, table and notes."""
    lines = [f"**{escape_markdown(table.title)}**", "", *_grid(table)]
    if table.notes:
        lines += ["", f"*Notes:* {' '.join(escape_markdown(n) for n in table.notes)}"]
    return "\n".join(lines) + "\n"


def _grid(table: PrintTable) -> Iterator[str]:
    """Write the table itself; spanners stand in the heading of every column below them."""
    yield _line([escape_markdown(table.stub), *headings(table)])
    yield "|" + "|".join([":--", *(["--:"] * len(table.columns))]) + "|"
    for block in table.blocks:
        for row in block:
            yield from _row(row)


def headings(table: PrintTable) -> list[str]:
    """Join what stands above each column."""
    above: list[list[str]] = [[] for _ in table.columns]
    for line in table.spanners:
        at = 0
        for text, count in line:
            for column in above[at : at + count]:
                column += [escape_markdown(text)] if text else []
            at += count
    return ["<br>".join([*texts, escape_markdown(own)]) for texts, own in zip(above, table.columns, strict=True)]


def _row(row: Row) -> Iterator[str]:
    if not any(row.cells):
        yield _line([f"*{escape_markdown(row.label)}*", *([""] * len(row.cells))])
        return
    lead = "&emsp;" if row.indent else ""
    yield _line([lead + escape_markdown(row.label), *map(_cell, row.cells)])
    if any(row.under):
        yield _line(["", *map(_cell, row.under)])


def _cell(text: str) -> str:
    return _MARKS.sub(r"\\\1", "".join(c for c in " ".join(text.split()) if c.isprintable()))


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
