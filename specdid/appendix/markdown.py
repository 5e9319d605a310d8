"""The appendix as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from specdid.appendix._base import Appendix, FigureItem, Part, TableItem
from specdid.tables._markdown import escape_markdown, write_markdown


def write_appendix(appendix: Appendix, pictures: str) -> str:
    """Write appendix.md: headings, tables, figures by their files that end in ``pictures``."""
    parts = "\n\n".join("\n\n".join(_part(part, pictures)) for part in appendix.parts)
    return f"# {escape_markdown(appendix.title)}\n\n{parts}\n"


def _part(part: Part, pictures: str) -> Iterator[str]:
    yield f"## {escape_markdown(part.heading)}"
    yield from (escape_markdown(text) for text in part.text)
    before, after = part.around
    yield from (_item(item, pictures) for item in before)
    if part.account:
        yield "\n".join(f"- **{escape_markdown(head)}.** {escape_markdown(text)}" for head, text in part.account)
    yield from (_item(item, pictures) for item in after)


def _item(item: TableItem | FigureItem, pictures: str) -> str:
    if isinstance(item, TableItem):
        return write_markdown(item.table).rstrip("\n")
    caption = escape_markdown(item.caption)
    file = PurePath(item.file).with_suffix(f".{pictures}")
    return f"![{caption}]({file})\n\n**{caption}**"
