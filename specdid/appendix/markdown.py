"""The appendix and its printed tables as Markdown: every text escaped, for GitHub, pandoc and Quarto."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath

from specdid._records.cautions import AGAINST, Against, capital
from specdid._words import say, sentences
from specdid.appendix._base import Appendix, FigureItem, Part, TableItem
from specdid.tables._base import PrintTable, Row

_MARKS = re.compile(r"([\\`*_{}\[\]<>#|$~^&@!]|:(?=//)|(?<=www)\.)", re.IGNORECASE)


def write_appendix(appendix: Appendix, pictures: str) -> str:
    """Write appendix.md: headings, tables, figures by their files that end in ``pictures``."""
    found = appendix.against
    parts = ["\n\n".join(_part(part, pictures, found.failed)) for part in appendix.parts]
    head = [*_failed(found), f"# {escape_markdown(appendix.title)}", *_doubts(found)]
    return "\n\n".join([*head, *parts]) + "\n"


def _failed(found: Against) -> Iterator[str]:
    if found.failed:
        yield f"# {escape_markdown(found.failed)}"
        yield "\n".join(f"- {escape_markdown(line)}" for line in found.details)


def _doubts(found: Against) -> Iterator[str]:
    if not found.verdict:
        return
    items = [
        f"> - **{escape_markdown(capital(clause))}**{say(': ')}{escape_markdown(text)}" for clause, text in found.items
    ]
    rest = [f"> - {say('Besides')}{say(': ')}{escape_markdown(say('; ').join(found.rest))}"] if found.rest else []
    yield "\n".join([f"> **{say(AGAINST)}**", ">", *items, *rest])


def _part(part: Part, pictures: str, failed: str) -> Iterator[str]:
    yield f"## {escape_markdown(part.heading)}"
    if failed:
        yield f"> **{escape_markdown(failed)}**"
    yield from (escape_markdown(text) for text in part.text)
    before, after = part.around
    yield from (_item(item, pictures) for item in before)
    if part.account:
        yield "\n".join(
            say("- **{head}.** {text}", head=escape_markdown(head), text=escape_markdown(text))
            for head, text in part.account
        )
    yield from (_item(item, pictures) for item in after)


def _item(item: TableItem | FigureItem, pictures: str) -> str:
    if isinstance(item, TableItem):
        return write_markdown(item.table).rstrip("\n")
    caption = escape_markdown(item.caption)
    file = PurePath(item.file).with_suffix(f".{pictures}")
    note = f"\n\n{escape_markdown(item.note)}" if item.note and pictures == "pdf" else ""
    return f"![{caption}]({file})\n\n**{caption}**{note}"


def escape_markdown(text: str) -> str:
    """Write plain text so that Markdown shows it as it is."""
    clean = "".join(c for c in " ".join(text.split()) if c.isprintable())
    return re.sub(r"^(\d+)([.)])", r"\1\\\2", re.sub(r"^([-+=])", r"\\\1", _MARKS.sub(r"\\\1", clean)))


def write_markdown(table: PrintTable) -> str:
    """Write caption, table and notes."""
    lines = [f"**{escape_markdown(table.title)}**", "", *_grid(table)]
    if table.notes:
        lines += ["", say("*Notes:* {notes}", notes=sentences(escape_markdown(n) for n in table.notes))]
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
