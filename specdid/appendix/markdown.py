"""The appendix as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from specdid._records.cautions import AGAINST, Against, capital
from specdid.appendix._base import Appendix, FigureItem, Part, TableItem
from specdid.tables._markdown import escape_markdown, write_markdown


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
    items = [f"> - **{escape_markdown(capital(clause))}**: {escape_markdown(text)}" for clause, text in found.items]
    rest = [f"> - Besides: {escape_markdown('; '.join(found.rest))}"] if found.rest else []
    yield "\n".join([f"> **{AGAINST}**", ">", *items, *rest])


def _part(part: Part, pictures: str, failed: str) -> Iterator[str]:
    yield f"## {escape_markdown(part.heading)}"
    if failed:
        yield f"> **{escape_markdown(failed)}**"
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
