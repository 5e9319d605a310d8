"""How a printed table is fitted to a page: type size, broken lines, turned, parted, or over several pages.

Widths are those of Computer Modern at 10 points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from unicodedata import combining, east_asian_width

from specdid.tables._base import PrintTable, Row

# cmr10.tfm: the width of a character in thousandths of the font's size.
_GROUPS = {
    278: "!',.:;[]_`il", 306: "fj", 333: "- ", 361: "I", 389: "()t", 392: "r", 394: "s", 444: "cez",
    472: "?", 500: '"$*/0123456789\\^ago{}~', 514: "J", 528: "kqvxy", 556: "Sbdhnpu", 611: "Z",
    625: "L", 653: "F", 681: "EP", 708: "B", 722: "CTw", 736: "R", 750: "AHNUVXY", 764: "D",
    778: "&+=@KOQ<>−×≤≥±", 785: "G", 833: "#%m", 917: "M", 1028: "W",
}  # fmt: skip
_WIDTH = {c: w for w, characters in _GROUPS.items() for c in characters}
_OTHER, _CJK = 556, 1000
FONT = 10.0
Lines = tuple[str, ...]
PAGE, TURNED = 340.0, 545.0
"""Width of the text, and of a page that lies on its side."""
TALL, TALL_TURNED = 500.0, 300.0
"""Height that a table may take before it goes over several pages."""
_LINE, _HEAD = 12.0, 45.0
INDENT = 10.0
"""A quad, by which labels are indented."""
_WORD = 80.0
_STUB, _LONGEST_STUB = 72.0, 260.0


@lru_cache(16_384)
def width(text: str) -> float:
    """Return a text's width in points at 10 points."""
    return FONT * sum(_character(c) for c in text) / 1000


def _character(c: str) -> int:
    if c in _WIDTH:
        return _WIDTH[c]
    if combining(c):
        return 0
    return _CJK if east_asian_width(c) in "WF" else _OTHER


def _wider(text: str, room: float) -> bool:
    """Say whether a text is wider than ``room``, without reading on once it is: a label may be very long."""
    total = 0
    for c in text:
        total += _character(c)
        if FONT * total / 1000 > room:
            return True
    return False


@lru_cache(16_384)
def wrap(text: str, room: float) -> tuple[str, ...]:
    """Break a text into lines of at most ``room`` points, at spaces, else within a word."""
    lines, line = [], ""
    for piece in _pieces(text):
        if line and _wider((line + piece).rstrip(), room):
            lines.append(line.rstrip())
            line = ""
        while _wider(piece.rstrip(), room) and len(piece.rstrip()) > 1:
            head = _head(piece, room)
            lines.append(head)
            piece = piece[len(head) :]
        line += piece
    return tuple([*lines, line.rstrip()] if line.rstrip() or not lines else lines)


def _head(piece: str, room: float) -> str:
    """Return the longest beginning that fits, at least one character; after a mark where there is one."""
    fits = max(1, next((k for k in range(1, len(piece)) if _wider(piece[: k + 1], room)), len(piece)))
    # A sign that ends a word does not begin a line.
    least = 1 if piece[fits:].strip() in (*",.;:)%",) else fits // 2
    marks = [k + 1 for k, c in enumerate(piece[:fits]) if c in "_-/:.,;)×^" and k >= least]
    return piece[: marks[-1] if marks else fits]


def _pieces(text: str) -> list[str]:
    """Split before words; a sign such as + stays with what follows it, Chinese breaks anywhere."""
    found = [""]
    for c in text:
        wide = east_asian_width(c) in "WF"
        after_space = found[-1].endswith(" ") and len(found[-1].strip()) > 1
        if found[-1] and (after_space or (wide and c not in "，。、；：）》”！？")):
            found.append("")
        found[-1] += c
    return [p for p in found if p]


@dataclass(frozen=True, slots=True)
class Size:
    """A type size: its command, its share of 10 points, half the space between columns, and cells' room."""

    command: str
    share: float
    gap: float
    cell: float


UPRIGHT = (
    Size(r"\normalsize", 1.0, 6.0, 80.0), Size(r"\small", 0.9, 5.0, 70.0),
    Size(r"\footnotesize", 0.8, 3.5, 62.0), Size(r"\footnotesize", 0.8, 3.0, 50.0),
    Size(r"\footnotesize", 0.8, 2.5, 36.0),
)  # fmt: skip
ON_SIDE = (Size(r"\small", 0.9, 5.0, 70.0), Size(r"\footnotesize", 0.8, 3.0, 50.0))
"""Tried in this order; type smaller than footnotes is not for print."""


@dataclass(frozen=True, slots=True)
class TableLayout:
    """A table as it is set.

    Attributes
    ----------
    table : the table, or the part of it that fits
    size : its type
    turned : on a page that lies on its side
    long : over several pages
    stub : room for the labels of rows
    spanners : lines of each spanner
    headings : lines of each heading, the stub's first
    part, parts : which part of how many
    """

    table: PrintTable
    size: Size
    turned: bool
    long: bool
    stub: float
    spanners: tuple[tuple[tuple[Lines, int], ...], ...]
    headings: tuple[Lines, ...]
    part: int = 1
    parts: int = 1


def lay_out(table: PrintTable) -> tuple[TableLayout, ...]:
    """Fit a table: upright in the largest type that does, else turned, else in parts of its columns.

    One page is preferred to large type.
    """
    for turned, sizes in ((False, UPRIGHT), (True, ON_SIDE)):
        fitting = [found for size in sizes if (found := _fit(table, size, turned)) is not None]
        if fitting:
            return (next((f for f in fitting if not f.long), fitting[min(1, len(fitting) - 1)]),)
    half = _cut(table)
    if half == len(table.columns):
        return (_layout(table, ON_SIDE[-1], True, _natural_stub(table), _columns(table, ON_SIDE[-1])),)
    pieces = [p for piece in (_slice(table, 0, half), _slice(table, half, None)) for p in lay_out(piece)]
    return tuple(replace(p, part=k + 1, parts=len(pieces)) for k, p in enumerate(pieces))


def _fit(table: PrintTable, size: Size, turned: bool) -> TableLayout | None:
    room = (TURNED if turned else PAGE) / size.share - 2 * size.gap / size.share * len(table.columns)
    columns = _columns(table, size)
    stub = min(_natural_stub(table), room - sum(columns))
    if stub < min(_natural_stub(table), _STUB):
        return None
    return _layout(table, size, turned, stub, columns)


def _layout(table: PrintTable, size: Size, turned: bool, stub: float, columns: Sequence[float]) -> TableLayout:
    heads = zip((table.stub, *table.columns), (max(stub, 1.0), *columns), strict=True)
    headings = tuple(wrap(text, max(room, _room(text, size)) + 0.1) for text, room in heads)
    spanners = tuple(tuple(_spanner(line, columns, size)) for line in table.spanners)
    layout = TableLayout(table, size, turned, False, stub, spanners, headings)
    return replace(layout, long=_height(layout) * size.share > (TALL_TURNED if turned else TALL))


def _natural_stub(table: PrintTable) -> float:
    labels = [width(r.label) + (INDENT if r.indent else 0) for block in table.blocks for r in block if any(r.cells)]
    return min(max([width(table.stub), 1.0, *labels]), _LONGEST_STUB)


def _columns(table: PrintTable, size: Size) -> list[float]:
    """Return the width of each column: of its numbers, and of its heading and texts once broken."""
    widths = []
    for k, heading in enumerate(table.columns):
        cells = [c for block in table.blocks for r in block for c in (*r.cells[k : k + 1], *r.under[k : k + 1])]
        body = max((_broken(c, _room(c, size)) for c in cells), default=0.0)
        widths.append(max(body, _broken(heading, max(body, _room(heading, size)))))
    for line in table.spanners:
        at = 0
        for text, count in line:
            room = sum(widths[at : at + count])
            more = max(0.0, _broken(text, max(room, _room(text, size))) - room) / count
            widths[at : at + count] = [w + more for w in widths[at : at + count]]
            at += count
    return widths


@lru_cache(16_384)
def _room(text: str, size: Size) -> float:
    """Return the room a text in a column gets: words are not broken, unless they are very long."""
    return max(size.cell, min(_WORD, max((width(word) for word in text.split()), default=0.0) + 0.1))


def _broken(text: str, room: float) -> float:
    return max(width(line) for line in wrap(text, room))


def _spanner(line: Sequence[tuple[str, int]], columns: Sequence[float], size: Size) -> list[tuple[Lines, int]]:
    found, at = [], 0
    for text, count in line:
        room = sum(columns[at : at + count]) + 2 * size.gap / size.share * (count - 1)
        found.append((wrap(text, max(room, _room(text, size)) + 0.1), count))
        at += count
    return found


def _height(layout: TableLayout) -> float:
    """Estimate the height at 10 points: caption, heads, rows, notes."""
    heads = sum(max((len(t) for t, _ in line), default=1) for line in layout.spanners)
    heads += max(len(h) for h in layout.headings)
    rows = sum(row_lines(layout, row) for block in layout.table.blocks for row in block)
    notes = width(" ".join(layout.table.notes)) / PAGE
    return _HEAD + _LINE * (heads + rows + notes) + 6 * len(layout.table.blocks)


def row_lines(layout: TableLayout, row: Row) -> int:
    """Count the lines of a row."""
    if not any(row.cells):
        return 1
    cells = max(len(cell_lines(layout, c)) for c in row.cells)
    return max(len(stub_lines(layout, row)), cells + bool(any(row.under)))


def stub_lines(layout: TableLayout, row: Row) -> Lines:
    """Break a row's label; lines after the first are indented by the writer."""
    first, *rest = wrap(row.label, layout.stub + 0.1 - (INDENT if row.indent else 0))
    return (first, *wrap(" ".join(rest), layout.stub + 0.1 - INDENT)) if rest else (first,)


def cell_lines(layout: TableLayout, text: str) -> Lines:
    """Break a cell that is a long text."""
    return wrap(text, _room(text, layout.size))


def _cut(table: PrintTable) -> int:
    """Return the column to part a table before: half way, at a spanner's edge where one is near."""
    n = len(table.columns)
    half = (n + 1) // 2
    edges = {0, n}
    if table.spanners:
        at = 0
        edges = {at := at + count for _, count in table.spanners[0]} - {n}
    near = [e for e in sorted(edges) if 0 < e < n and n // 4 <= e <= n - n // 4]
    return min(near, key=lambda e: abs(e - half)) if near else half


def _slice(table: PrintTable, start: int, stop: int | None) -> PrintTable:
    stop = len(table.columns) if stop is None else stop
    return replace(
        table,
        columns=table.columns[start:stop],
        blocks=tuple(
            tuple(replace(r, cells=r.cells[start:stop], under=r.under[start:stop]) for r in block)
            for block in table.blocks
        ),
        spanners=tuple(_slice_line(line, start, stop) for line in table.spanners),
    )


def _slice_line(line: Sequence[tuple[str, int]], start: int, stop: int) -> tuple[tuple[str, int], ...]:
    found, at = [], 0
    for text, count in line:
        inside = min(at + count, stop) - max(at, start)
        if inside > 0:
            found.append((text, inside))
        at += count
    return tuple(found)
