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
    before, after = part.around
    yield from map(_item, before)
    if part.account:
        yield "\n".join(f"- **{escape_markdown(head)}.** {escape_markdown(text)}" for head, text in part.account)
    yield from map(_item, after)


def _item(item: TableItem | FigureItem) -> str:
    if isinstance(item, TableItem):
        return write_markdown(item.table).rstrip("\n")
    caption = escape_markdown(item.caption)
    return f"![{caption}]({item.file})\n\n**{caption}**"
