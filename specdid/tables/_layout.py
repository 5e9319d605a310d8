"""How a printed table is fitted to a page: type size, broken lines, turned, parted, or over several pages.

Widths are those of Computer Modern at 10 points.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
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
_NUMBER = re.compile(r"[(<>]? ?[−+]?\d[\d,]*(\.\d+)?[%)]?(\*{0,3})")
CellLines = tuple[str, ...]
PAGE, TURNED = 340.0, 545.0
"""Width of the text, and of a page that lies on its side."""
TALL, TALL_TURNED = 520.0, 300.0
"""Height of a table on one page."""
_LINE, _HEAD = 12.0, 45.0
INDENT = 10.0
"""A quad, by which labels are indented."""
_WORD = 80.0
_STUB, _LONGEST_STUB = 72.0, 260.0
_MOST_LINES = 3
"""Of a label beside its numbers, where there is no room for a wider one."""


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
class Point:
    """What the numbers of a column have before and after their decimal point, where each is widest.

    Counts have a point only where nothing in their column has decimals: then they end below each other.
    """

    before: str
    after: str
    counts: bool

    def parts(self, text: str) -> tuple[str, str] | None:
        """Return what stands before and after the point of a number; None of a text that is not aligned."""
        if _NUMBER.fullmatch(text) is None:
            return None
        before, dot, after = text.partition(".")
        return (before, dot + after) if dot or self.counts else None


def point_of(table: PrintTable, column: int) -> Point:
    """Return what the numbers of a column need on both sides of their point."""
    rows = [row for block in table.blocks for row in block]
    cells = [c for r in rows for c in (*r.cells[column : column + 1], *r.under[column : column + 1])]
    counts = not any("." in c for c in cells if _NUMBER.fullmatch(c))
    point = Point("", "", counts)
    both = [parts for c in cells if (parts := point.parts(c)) is not None]
    before = max((b for b, _ in both), key=width, default="")
    return Point(before, max((a for _, a in both), key=width, default=""), counts)


@dataclass(frozen=True, slots=True)
class Size:
    """A type size: its points, half the space between columns, and cells' room at 10 points."""

    points: float
    gap: float
    cell: float

    @property
    def share(self) -> float:
        """Return the size as a share of 10 points."""
        return self.points / FONT


UPRIGHT = (Size(9, 5.0, 70.0), Size(8, 3.5, 62.0), Size(8, 3.0, 50.0), Size(8, 2.5, 36.5))
ON_SIDE = (Size(9, 5.0, 70.0), Size(8, 3.0, 50.0))
"""Tried in this order; type smaller than footnotes is not for print."""
NOTES = 8.0
"""Points of the notes below a table."""
_FEW = 4
"""Rows that the last page of a table has at least."""


@dataclass(frozen=True, slots=True)
class TableLayout:
    """A table as it is set.

    Attributes
    ----------
    table : the table, or the part of it that fits
    size : its type
    turned : on a page that lies on its side
    stub : room for the labels of rows
    spread : labels stand on lines of their own, above their numbers, since the stub would break them again and again
    spanners : lines of each spanner
    headings : lines of each heading, the stub's first
    part, parts : which part of how many
    width, height : of the whole in points
    continued : begun on another page
    """

    table: PrintTable
    size: Size
    turned: bool
    stub: float
    spanners: tuple[tuple[tuple[CellLines, int], ...], ...]
    headings: tuple[CellLines, ...]
    part: int = 1
    parts: int = 1
    width: float = 0.0
    height: float = 0.0
    continued: bool = False
    spread: bool = False

    @property
    def tall(self) -> float:
        """Return the height that it may have."""
        return TALL_TURNED if self.turned else TALL


def lay_out(table: PrintTable) -> tuple[TableLayout, ...]:
    """Fit a table: upright in the largest type that does, else turned, else in parts of its columns.

    One page is preferred to large type.
    """
    for turned, sizes in ((False, UPRIGHT), (True, ON_SIDE)):
        fitting = [found for size in sizes if (found := _fit(table, size, turned)) is not None]
        if fitting:
            best = next((f for f in fitting if f.height <= f.tall), fitting[min(1, len(fitting) - 1)])
            return (best,) if best.height <= best.tall else tuple(_pages(best))
    half = _cut(table)
    if half == len(table.columns):
        return tuple(_pages(_layout(table, ON_SIDE[-1], True, _natural_stub(table), _columns(table, ON_SIDE[-1]))))
    pieces = [p for piece in (_slice(table, 0, half), _slice(table, half, None)) for p in lay_out(piece)]
    first = [k for k, p in enumerate(pieces) if not p.continued]
    return tuple(replace(p, part=sum(f <= k for f in first), parts=len(first)) for k, p in enumerate(pieces))


def _pages(layout: TableLayout) -> Iterator[TableLayout]:
    """Cut a table that is taller than a page before rows that begin a new one; only the last has the notes.

    A heading of rows stays with what it heads.
    """
    blocks: list[list[Row]] = [[]]
    pieces, inside = [], False
    for block in layout.table.blocks:
        blocks = [*blocks, []] if blocks[-1] else blocks
        for k, row in enumerate(block):
            head = not any(row.cells) and k + 1 < len(block)
            ahead = [*blocks[:-1], [*blocks[-1], row, *([block[k + 1]] if head else [])]]
            if any(blocks) and _height(_only(layout, ahead)) > layout.tall:
                pieces.append([b for b in blocks if b])
                blocks, inside = [[]], k > 0
            blocks[-1].append(row)
    if pieces:
        _even(pieces[-1], blocks, inside)
    pieces.append(blocks)
    for k, rows in enumerate(pieces):
        piece = _only(layout, rows)
        notes = layout.table.notes if k + 1 == len(pieces) else ()
        yield replace(piece, table=replace(piece.table, notes=notes), continued=k > 0)


def _even(before: list[list[Row]], last: list[list[Row]], inside: bool) -> None:
    """Move rows to a last page that has too few; it begins ``inside`` a block, or with one."""
    while sum(map(len, before)) > 2 * _FEW and (sum(map(len, last)) < _FEW or not any(before[-1][-1].cells)):
        row = before[-1].pop()
        if inside:
            last[0].insert(0, row)
        else:
            last.insert(0, [row])
        inside = bool(before[-1])
        if not inside:
            before.pop()


def _only(layout: TableLayout, blocks: Sequence[Sequence[Row]]) -> TableLayout:
    return replace(layout, table=replace(layout.table, blocks=tuple(tuple(b) for b in blocks if b), notes=()))


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
    layout = TableLayout(table, size, turned, stub, spanners, headings)
    layout = replace(layout, width=(stub + sum(columns)) * size.share + 2 * size.gap * len(columns))
    labels = [stub_lines(layout, row) for block in table.blocks for row in block if any(row.cells)]
    spread = stub < _natural_stub(table) and max(map(len, labels), default=0) > _MOST_LINES
    layout = replace(layout, spread=spread)
    return replace(layout, height=_height(layout))


def _natural_stub(table: PrintTable) -> float:
    labels = [width(r.label) + (INDENT if r.indent else 0) for block in table.blocks for r in block if any(r.cells)]
    return min(max([width(table.stub), 1.0, *labels]), _LONGEST_STUB)


def _columns(table: PrintTable, size: Size) -> list[float]:
    """Return the width of each column: of its numbers, and of its heading and texts once broken."""
    widths = []
    for k, heading in enumerate(table.columns):
        cells = [c for block in table.blocks for r in block for c in (*r.cells[k : k + 1], *r.under[k : k + 1])]
        point = point_of(table, k)
        body = max((_broken(c, _room(c, size)) for c in cells), default=0.0)
        body = max(body, width(point.before) + width(point.after))
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


def _spanner(line: Sequence[tuple[str, int]], columns: Sequence[float], size: Size) -> list[tuple[CellLines, int]]:
    found, at = [], 0
    for text, count in line:
        room = sum(columns[at : at + count]) + 2 * size.gap / size.share * (count - 1)
        found.append((wrap(text, max(room, _room(text, size)) + 0.1), count))
        at += count
    return found


def _height(layout: TableLayout) -> float:
    """Estimate the height: caption, heads, rows, notes, which are as wide as the table."""
    heads = sum(max((len(t) for t, _ in line), default=1) for line in layout.spanners)
    heads += max(len(h) for h in layout.headings)
    rows = sum(row_lines(layout, row) for block in layout.table.blocks for row in block)
    notes = width(" ".join(layout.table.notes)) * NOTES / FONT / max(layout.width, 1.0)
    lines = (heads + rows) * layout.size.points + notes * NOTES
    return _HEAD + _LINE / FONT * lines + 6 * len(layout.table.blocks)


def row_lines(layout: TableLayout, row: Row) -> int:
    """Count the lines of a row."""
    if not any(row.cells):
        return 1
    cells = max(len(cell_lines(layout, c)) for c in row.cells)
    if layout.spread:
        return len(stub_lines(layout, row)) + cells + bool(any(row.under))
    return max(len(stub_lines(layout, row)), cells + bool(any(row.under)))


def stub_lines(layout: TableLayout, row: Row) -> CellLines:
    """Break a row's label; lines after the first are indented by the writer."""
    room = (layout.width / layout.size.share if layout.spread else layout.stub) + 0.1
    first, *rest = wrap(row.label, room - (INDENT if row.indent else 0))
    return (first, *wrap(" ".join(rest), room - INDENT)) if rest else (first,)


def cell_lines(layout: TableLayout, text: str) -> CellLines:
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
