r"""What a table consists of: tidy rows for the CSV file, and cells laid out for print.

Both are records; a plug-in of this shelf (``latex``) writes the printed form. Every cell of
``PrintTable`` is plain text, never markup: the plug-in escapes it. A whole one,
``specdid/tables/example_text.py``::

    # Tables as plain text.
    from specdid.tables._base import TableFormat


    def write(table):
        rows = [" | ".join((row.label, *row.cells)) for block in table.blocks for row in block]
        return "\n".join([f"EXAMPLE {table.title}", *rows, ""])


    TABLE = TableFormat("example_text", "Plain text", ".example.txt", write)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from specdid._records.cautions import headline
from specdid._words import say

Value = str | float | int | bool | None


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a printed table; ``under`` is set below it in parentheses, ``indent`` the label to the right."""

    label: str
    cells: tuple[str, ...]
    under: tuple[str, ...] = ()
    indent: bool = False


@dataclass(frozen=True, slots=True)
class PrintTable:
    """A table as it is printed.

    Attributes
    ----------
    title : the caption.
    columns : headings of the columns, without that of the first (the labels).
    blocks : rows between rules.
    spanners : (text, number of columns) from the left, above ``columns``, line by line;
        an empty text spans columns that share nothing.
    notes : sentences below the table.
    stub : heading of the column of labels.
    label : what text refers to it by, for formats that have references.
    """

    title: str
    columns: tuple[str, ...]
    blocks: tuple[tuple[Row, ...], ...]
    spanners: tuple[tuple[tuple[str, int], ...], ...] = ()
    notes: tuple[str, ...] = ()
    stub: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class TidyTable:
    """One table of an analysis.

    Attributes
    ----------
    header : names of the CSV file's columns.
    rows : one tuple of cells each; None and NaN are written empty.
    print : how it is printed, None for a CSV file only.
    suffix : what is added to the analysis's file name; "" for its main table.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    print: PrintTable | None = None
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class TableFormat:
    """A format tables are printed in: ``write(table) -> str`` for files that end in ``ending``."""

    name: str
    title: str
    ending: str
    write: Callable[[PrintTable], Any]


def unusable(table: PrintTable, failed: str) -> PrintTable:
    """Return the table with ``failed``, why its numbers must not be used, in its title and first of its notes."""
    if not failed:
        return table
    return replace(
        table,
        title=say("{failed}. {caption}", failed=headline(failed), caption=table.title),
        notes=(say("{sample}.", sample=failed), *table.notes),
    )


def csv_text(table: TidyTable) -> str:
    r"""Write tidy rows: 12 significant digits, ``\n``, empty cells, text guarded as in results.csv."""
    lines = [table.header, *table.rows]
    return "".join(",".join(_csv_cell(c) for c in line) + "\n" for line in lines)


def _csv_cell(value: Value) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        text = f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
        return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n\r') else text
    return f"{float(value):.12g}"
