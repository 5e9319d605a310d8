"""The appendix as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from specdid.appendix._base import Appendix, FigureItem, Part, TableItem
from specdid.tables._markdown import escape_markdown, write_markdown


def write_appendix(appendix: Appendix) -> str:
    """Write appendix.md: headings, figures by file, tables."""
    parts = "\n\n".join("\n\n".join(_part(part)) for part in appendix.parts)
    return f"# {escape_markdown(appendix.title)}\n\n{parts}\n"


def _part(part: Part) -> Iterator[str]:
    yield f"## {escape_markdown(part.heading)}"
    yield from (escape_markdown(text) for text in part.text)
    for item in part.items:
        yield write_markdown(item.table).rstrip("\n") if isinstance(item, TableItem) else _figure(item)


def _figure(item: FigureItem) -> str:
    lines = [f"![{escape_markdown(item.caption)}]({item.file})", f"**{escape_markdown(item.caption)}**"]
    lines += [f"*{escape_markdown(head)}:* {escape_markdown(text)}" for head, text in item.notes]
    return "\n\n".join(lines)
