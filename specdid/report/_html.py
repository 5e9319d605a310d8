"""HTML as element trees: every text is escaped by the writer, none is pasted; tables, Markdown, rows of CSV files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, tostring

from specdid._records.numerals import MINUS, minus
from specdid._words import say, sentences
from specdid.tables._base import PrintTable, Row, TidyTable, Value

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_ROWS = 120
"""Rows of a CSV file that the page repeats."""


def element(tag: str, text: str = "", /, **attributes: str) -> Element:
    """Make an element; a trailing ``_`` in an attribute's name is cut, other ``_`` are hyphens."""
    made = Element(tag, {k.rstrip("_").replace("_", "-"): v for k, v in attributes.items()})
    made.text = text or None
    return made


def inside(parent: Element, tag: str, text: str = "", /, **attributes: str) -> Element:
    """Make an element within another."""
    made = element(tag, text, **attributes)
    parent.append(made)
    return made


def written(parent: Element, tag: str, text: str, **attributes: str) -> Element:
    """Make an element within another from a message, whose words between backticks are code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return inside(parent, tag, text, **attributes)
    made = inside(parent, tag, parts[0], **attributes)
    for code, after in zip(parts[1::2], parts[2::2], strict=True):
        inside(made, "code", code).tail = after
    return made


def markup(elements: Iterable[Element]) -> str:
    """Write elements as HTML."""
    return "\n".join(tostring(e, encoding="unicode", method="html") for e in elements)


def table(
    caption: str,
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    numeric_from: int = 1,
    messages: Sequence[int] = (),
) -> Element:
    """Make a table in a box that scrolls.

    Columns from ``numeric_from`` on are numbers; those of ``messages`` have code between backticks.
    """
    box = element("div", class_="scroll", tabindex="0", role="region", aria_label=caption)
    made = inside(box, "table")
    inside(made, "caption", caption)
    line = SubElement(SubElement(made, "thead"), "tr")
    for k, words in enumerate(header):
        inside(line, "th", words, scope="col", **_number(k, numeric_from))
    body = SubElement(made, "tbody")
    for row in rows:
        line = SubElement(body, "tr")
        for k, cell in enumerate(row):
            write = written if k in messages else inside
            if k:
                write(line, "td", cell, **_number(k, numeric_from))
            else:
                write(line, "th", cell, scope="row", **_number(k, numeric_from))
    return box


def _number(column: int, numeric_from: int) -> dict[str, str]:
    return {"class_": "number"} if column >= numeric_from else {}


def markdown(lines: Sequence[str]) -> str:
    """Write Markdown as HTML; markup, links and images within it stay text.

    A table's columns are aligned by class, since the page's policy allows no inline style.
    """
    reader = _reader()
    tokens = reader.parse("\n".join(lines))
    for opened, within, closed in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if opened.type == "th_open" and not within.content:
            opened.tag = closed.tag = "td"
    for token in tokens:
        if token.type == "table_open":
            # It scrolls where the page is narrow: by keyboard, too.
            token.attrSet("tabindex", "0")
        if token.attrs.pop("style", "") == "text-align:right":
            token.attrSet("class", "number")
        if token.type == "inline" and token.children:
            token.children[0].content = re.sub(r"^-(?=[\d.])", MINUS, token.children[0].content)
    return str(reader.renderer.render(tokens, reader.options, {}))


@cache
def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    return reader.disable(["link", "image", "autolink", "html_block", "html_inline", "reference"])


def printed(laid: PrintTable) -> Iterator[Element]:
    """Write a table as it is printed, with its notes."""
    box = element("div", class_="scroll", tabindex="0", role="region", aria_label=laid.title)
    made = inside(box, "table", class_="journal")
    inside(made, "caption", laid.title)
    head = inside(made, "thead")
    for line in laid.spanners:
        row = inside(head, "tr")
        inside(row, "td")
        for words, width in line:
            inside(row, "th" if words else "td", words, colspan=str(width), class_="spanner" if words else "gap")
    row = inside(head, "tr")
    inside(row, "th" if laid.stub else "td", laid.stub)
    for words in laid.columns:
        inside(row, "th", words, scope="col", class_="number")
    for rows in laid.blocks:
        body = inside(made, "tbody")
        for printed_row in rows:
            _printed_row(body, printed_row, len(laid.columns))
    yield box
    if laid.notes:
        yield element("p", say("Notes: {notes}", notes=sentences(laid.notes)), class_="note")


def _printed_row(body: Element, line: Row, width: int) -> None:
    row = inside(body, "tr")
    if not any(line.cells):
        inside(row, "th", line.label, scope="rowgroup", colspan=str(width + 1), class_="heading")
        return
    if line.label:
        inside(row, "th", line.label, scope="row")
    else:
        inside(row, "td")
    for cell in line.cells:
        inside(row, "td", cell, class_="number")
    if any(line.under):
        row = inside(body, "tr", class_="under")
        inside(row, "td")
        for cell in line.under:
            inside(row, "td", cell, class_="number")


def csv_rows(name: str, tidy: TidyTable) -> Element:
    """Repeat the rows of a CSV file, folded away."""
    folded = element("details", class_="rows", data_file=name)
    many = say("{n:,} rows", n=len(tidy.rows)) if len(tidy.rows) != 1 else say("1 row")
    shown = say("; the first {n:,} here", n=_ROWS) if len(tidy.rows) > _ROWS else ""
    inside(folded, "summary", f"{name}: {many}{shown}")
    caption = say("{name}, numbers to 6 significant digits", name=name)
    folded.append(table(caption, tidy.header, [[_cell(c) for c in row] for row in tidy.rows[:_ROWS]], len(tidy.header)))
    return folded


def _cell(value: Value) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | str):
        return minus(str(value)) if isinstance(value, int) else value
    return minus(f"{float(value):.6g}")
