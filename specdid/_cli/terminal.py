"""Markdown on a terminal: words wrapped between words, tables with columns, nothing read as markup."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from specdid._records.cautions import FAILED
from specdid.report._markdown import plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_BETWEEN_CELLS = re.compile(r"(?<!\\)\|")
_BOLD_BEGUN = re.compile(r"\*\*([^*]+)\*\*")
_TEXT_LEAST = 24
"""Columns that the texts of a table need."""


def print_markdown(text: str) -> None:
    """Print a summary as wide as the terminal."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=False)
    for is_table, lines in groupby(text.splitlines(), key=lambda line: line.startswith("|")):
        if is_table:
            _print_table(console, [_cells(plain(line)) for line in lines])
        else:
            for line in lines:
                _print_line(console, plain(line))


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in _BETWEEN_CELLS.split(line)[1:-1]]


def _print_line(console: Console, line: str) -> None:
    """Print a heading in bold, an item of a list with its further lines indented, or a paragraph."""
    from rich.padding import Padding
    from rich.text import Text

    heading = re.match(r"#+ ", line)
    item = re.match(r" *- ", line)
    if heading is not None:
        words = line[heading.end() :]
        console.print(Text(words, style="bold reverse red" if words == FAILED else "bold"))
    elif item is not None:
        first, *rest = _bold_begun(line[item.end() :]).wrap(console, max(console.width - item.end(), 20))
        console.print(Text(item.group()).append_text(first), overflow="fold")
        for more in rest:
            console.print(Padding(more, (0, 0, 0, item.end())))
    else:
        console.print(_bold_begun(line), overflow="fold")


def _bold_begun(line: str) -> Text:
    """Return a line whose beginning between ** is bold, as that of a warning."""
    from rich.text import Text

    begun = _BOLD_BEGUN.match(line)
    if begun is None:
        return Text(line)
    return Text(begun[1], style="bold").append(line[begun.end() :], style="not bold")


def _print_table(console: Console, rows: Sequence[Sequence[str]]) -> None:
    """Print a table, or where its numbers have no place beside each other its rows below each other."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    header, rule, *body = rows
    right = [cell.endswith(":") for cell in rule]
    least = [max(_longest(cells), 3) if r else 0 for r, cells in zip(right, _columns(header, body), strict=True)]
    if sum(least) + 3 * (len(least) - 1) + _TEXT_LEAST > console.width:
        _print_rows(console, header, body)
        return
    whole = sum(_longest(cells) + 3 for cells in zip(header, *body, strict=True)) - 3
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name, numeric, width in zip(header, right, least, strict=True):
        # Where room is short, headings of numbers are broken before texts are.
        most = width if numeric and whole > console.width else None
        table.add_column(
            Text(name), justify="right" if numeric else "left", overflow="fold", min_width=width or None, max_width=most
        )
    for row in body:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def _columns(header: Sequence[str], body: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    """Return what cannot be broken in every column: the words of its heading, whole cells."""
    for k, name in enumerate(header):
        yield [*name.split(" "), *(row[k] for row in body)]


def _longest(cells: Sequence[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, cells), default=0)


def _print_rows(console: Console, header: Sequence[str], body: Sequence[Sequence[str]]) -> None:
    """Print a row's first cell, and below it the others under their names, none of them broken."""
    from rich.text import Text

    for row in body:
        console.print(Text(row[0]))
        line = " "
        for name, cell in zip(header[1:], row[1:], strict=True):
            fact = f" {name}: {cell};"
            if line != " " and _longest([line + fact]) > console.width:
                console.print(Text(line), overflow="fold")
                line = " "
            line += fact
        console.print(Text(line.removesuffix(";")), overflow="fold")
