"""The analyses: Markdown of the summary, figures, printed tables, and the rows of their CSV files."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from specdid._records.numerals import MINUS, minus
from specdid.report._html import element, inside, table
from specdid.report._input import AnalysisBlock, Picture
from specdid.tables._base import Cell, PrintTable, Row, TidyTable

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_ROWS = 120
"""Rows of a CSV file that the page repeats."""


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


def picture(shown: Picture) -> Element:
    """Show a figure; its numbers stand in a table beside it."""
    figure = element("figure")
    source = f"data:image/png;base64,{b64encode(shown.content).decode('ascii')}"
    inside(figure, "img", src=source, alt=f"{shown.title}; its numbers are in the tables and files of this report")
    inside(figure, "figcaption", f"{shown.title} ({shown.stem})")
    return figure


def block_parts(block: AnalysisBlock) -> Iterator[Element]:
    """Return figures and tables of an analysis."""
    for shown in block.pictures:
        yield picture(shown)
    for name, tidy in block.tables:
        if tidy.print is not None:
            yield from printed(tidy.print)
        yield _tidy(name, tidy)


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
        yield element("p", "Notes: " + " ".join(laid.notes), class_="note")


def _printed_row(body: Element, line: Row, width: int) -> None:
    row = inside(body, "tr")
    if not any(line.cells):
        inside(row, "th", line.label, scope="rowgroup", colspan=str(width + 1), class_="heading")
        return
    inside(row, "th", line.label, scope="row")
    for cell in line.cells:
        inside(row, "td", cell, class_="number")
    if any(line.under):
        row = inside(body, "tr", class_="under")
        inside(row, "td")
        for cell in line.under:
            inside(row, "td", cell, class_="number")


def _tidy(name: str, tidy: TidyTable) -> Element:
    """Repeat the rows of a CSV file, folded away."""
    folded = element("details", class_="rows", data_file=name)
    many = f"{len(tidy.rows):,} rows" if len(tidy.rows) != 1 else "1 row"
    shown = f"; the first {_ROWS:,} here" if len(tidy.rows) > _ROWS else ""
    inside(folded, "summary", f"{name}: {many}{shown}")
    caption = f"{name}, numbers to 6 significant digits"
    folded.append(table(caption, tidy.header, [[_cell(c) for c in row] for row in tidy.rows[:_ROWS]], len(tidy.header)))
    return folded


def _cell(value: Cell) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | str):
        return minus(str(value)) if isinstance(value, int) else value
    return minus(f"{float(value):.6g}")
