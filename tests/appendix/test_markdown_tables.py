"""Tables of appendix.md as a reader of Markdown shows them, in HTML: cell by cell those of the printed tables."""

from __future__ import annotations

import re

import pytest
import specdid
from markdown_it import MarkdownIt
from pages import _Reader
from small_studies import small_panel, small_study
from specdid._run import appendix as writing
from specdid.appendix.markdown import write_markdown
from specdid.tables._base import PrintTable, Row

HOSTILE = (
    "a | b", "<b>1</b>", "*x*", "_y_", "$z$", "~~w~~", "-1", "+2", "=3", "1. a", "`c`", "\\", "[l](u)", "&amp;",
    "# h", "https://a.b", "",
)  # fmt: skip


def html_tables(markdown: str) -> list[list[list[str]]]:
    """Return every table of the page: rows of the texts of their cells, a line for each part of a heading."""
    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown)
    reader = _Reader()
    reader.feed(page.replace("<br>", "\n"))
    rows = [[row.find("th") + row.find("td") for row in table.find("tr")] for table in reader.root.find("table")]
    return [[[_text(cell.text) for cell in cells] for cells in table] for table in rows]


def _text(cell: str) -> str:
    return re.sub(r"[ \u2003]+", " ", cell).strip()


def printed(table: PrintTable) -> list[list[str]]:
    """Return the cells of a table, those of its headings with what spans them above."""
    above: list[list[str]] = [[] for _ in table.columns]
    for line in table.spanners:
        spanned = [text for text, count in line for _ in range(count)]
        for column, text in zip(above, spanned, strict=False):
            column += [text] if text else []
    heads = ["\n".join([*texts, own]) for texts, own in zip(above, table.columns, strict=True)]
    rows = [[table.stub, *heads]]
    for row in (row for block in table.blocks for row in block):
        rows.append([row.label, *row.cells])
        rows += [["", *row.under]] if any(row.under) else []
    return [[_text(cell) for cell in row] for row in rows]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_changes_a_table(text):
    row = Row(text or "label", (text, "−0.5"), (text, "(0.1)"), indent=True)
    table = PrintTable(
        f"T {text}", (f"A{text}", "B"), ((row, Row("c", ("1", text))),), (((f"S{text}", 2),),), stub=text
    )
    assert html_tables(write_markdown(table)) == [printed(table)]


def test_every_table_of_an_appendix_is_the_printed_one(tmp_path, monkeypatch):
    kept = []
    assemble = writing.assemble
    monkeypatch.setattr(writing, "assemble", lambda material: kept.append(assemble(material)) or kept[-1])
    study = small_study(
        controls={"any": "csw0(x1, x2)"},
        figure={"formats": ["pdf"]},
        inference={"draws": 19},
        preferred={"controls": "x1"},
        table={"T": {"vary": ["controls"]}},
        appendix={"show": ["#2"], "formats": ["md"]},
    )
    specdid.run(study, small_panel(), out=tmp_path, jobs=1, audit=0)
    (made,) = kept
    found = html_tables((tmp_path / "appendix.md").read_text(encoding="utf-8"))
    tables = [item.table for part in made.parts for items in part.around for item in items if hasattr(item, "table")]
    assert len(tables) >= 3
    assert found == [printed(table) for table in tables]
