"""Love plot: the standardised bias of every variable before and after matching.

With its sign, so that a bias that changes sides shows; the band is what is called balanced.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from specdid._words import later, say, sentences
from specdid.figures._base import FigureKind
from specdid.figures._curve_axes import fixed
from specdid.figures._fonts import Fonts
from specdid.figures._page import (
    CUT_OF_TABLE,
    LINE,
    NOTE,
    Page,
    choose_fonts,
    first_fitting,
    style_rows,
    title_height,
    with_room,
    wrap,
    write_note,
)
from specdid.figures._style import ACCENT, BAND95, DEFAULT, FAINT, INK, QUIET, SMALL, TEXT, own_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW, _AXIS, _COLUMN = 12.0, 20.0, 32.0
HEADS = (later("before"), later("after"))


@dataclass(frozen=True, slots=True)
class LoveRow:
    """A variable's bias in per cent, NaN where it has none."""

    label: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class LoveBlock:
    """A matched sample, and in words how many it matched."""

    name: str
    rows: tuple[LoveRow, ...]
    facts: str = ""


@dataclass(frozen=True, slots=True)
class LoveData:
    """A love plot; ``limit`` is the bias up to which a variable is called balanced."""

    title: str
    blocks: tuple[LoveBlock, ...]
    limit: float
    note: str = ""


def draw(data: LoveData, width: float | None = None) -> Figure:
    """Draw the data on a new figure, which pyplot does not know.

    Raises
    ------
    ValueError
        There is nothing to draw.
    """
    if not any(block.rows for block in data.blocks):
        raise ValueError("no sample was matched, so there is no balance to draw")
    fonts = choose_fonts(_texts(data))
    with own_style():
        return _draw(data, fonts, 72 * (width or DEFAULT))


def _draw(data: LoveData, fonts: Fonts, width: float) -> Figure:
    labels = min(max(fonts.width(r.label, TEXT) for b in data.blocks for r in b.rows) + 16, 0.4 * width)
    head = (title_height(data.title, fonts, width) or 2.0) + LINE + 3
    heights = [LINE * len(_facts(b, fonts, width)) + _ROW * len(b.rows) + _AXIS for b in data.blocks]
    cut = any(
        _name(b, fonts, width) != b.name or any(fonts.width(r.label, TEXT) > labels - 12 for r in b.rows)
        for b in data.blocks
    )
    loud = any(abs(r.after) > data.limit for b in data.blocks for r in b.rows)
    bold = say("Bold, after matching: beyond ±{limit:g}%.", limit=data.limit) if loud else ""
    note = sentences(filter(None, (data.note, bold, say(CUT_OF_TABLE) if cut else "")))
    some, notes = first_fitting(note, heights, head + LINE + 3, fonts, width - 4, [b.name for b in data.blocks])
    page = Page.new(fonts, width, head + sum(heights[:some]) + LINE + NOTE * len(notes) + 3)
    page.title(data.title)
    _key(page, head - LINE, data.limit)
    biases = (x for b in data.blocks for r in b.rows for x in (r.before, r.after))
    limits = with_room([-data.limit, data.limit, *biases])
    top = head
    for block, height in zip(data.blocks[:some], heights, strict=False):
        _block(page, block, data.limit, limits, (top, labels))
        top += height
    middle = labels + (width - labels - 2 * _COLUMN) / 2
    page.text(middle, top, say("standardised bias, % (treated less controls)"), SMALL, colour=QUIET, align="center")
    write_note(page, notes, top + LINE - 2)
    return page.figure


def _key(page: Page, middle: float, limit: float) -> None:
    """Say what the marks and the band are, and head the columns at the right."""
    x = 2.0
    marks = ((FAINT, "o", say("before matching")), (ACCENT, "D", say(HEADS[1])), (BAND95, "s", f"±{limit:g}%"))
    for colour, marker, words in marks:
        page.dot(x + 4, middle, colour, marker, 4.4)
        page.text(x + 10, middle, words, SMALL, colour=QUIET)
        x += 20 + page.fonts.width(words, SMALL)
    for k, words in enumerate(HEADS):
        page.text(page.width - 2 - _COLUMN * (1 - k), middle, say(words), SMALL, colour=QUIET, align="right")


def _name(block: LoveBlock, fonts: Fonts, width: float) -> str:
    return fonts.fit(block.name, TEXT, 0.6 * width, bold=True)


def _facts(block: LoveBlock, fonts: Fonts, width: float) -> list[str]:
    """Return the facts beside a name and in lines below it: below alone where not all fit, as a cut number misleads."""
    room = width - 12 - fonts.width(_name(block, fonts, width), TEXT, bold=True)
    beside = fonts.width(block.facts, SMALL) <= room
    return [block.facts] if beside else ["", *wrap(block.facts, fonts, width - 12)]


def _block(
    page: Page, block: LoveBlock, limit: float, limits: tuple[float, float], corner: tuple[float, float]
) -> None:
    """Write a sample's name, its variables with their numbers, and draw the biases."""
    top, left = corner
    name, (facts, *below) = _name(block, page.fonts, page.width), _facts(block, page.fonts, page.width)
    page.text(2, top + LINE / 2, name, bold=True)
    page.text(8 + page.fonts.width(name, TEXT, bold=True), top + LINE / 2, facts, SMALL, colour=QUIET)
    for k, line in enumerate(below, 1):
        page.text(8, top + LINE * (k + 0.5), line, SMALL, colour=QUIET)
    first, count = top + LINE * (1 + len(below)), len(block.rows)
    across = page.width - left - 2 * _COLUMN - 4
    axes = page.axes(left, first, across, _ROW * count)
    style_rows(axes, page.fonts, limits, across, count, 8)
    axes.axvspan(-limit, limit, color=BAND95, linewidth=0, zorder=0.5)
    short = page.fonts.apart([row.label for row in block.rows], TEXT, left - 12)
    for k, row in enumerate(block.rows):
        middle = first + _ROW * (k + 0.5)
        page.text(8, middle, short[row.label])
        _bias(axes, row, k + 0.5)
        for place, value in enumerate((row.before, row.after)):
            words = fixed(value, 1) if np.isfinite(value) else "–"
            loud = place == 1 and abs(value) > limit
            end = page.width - 2 - _COLUMN * (1 - place)
            page.text(end, middle, words, SMALL, loud, INK if loud else QUIET, "right")


def _bias(axes: Axes, row: LoveRow, y: float) -> None:
    if np.isfinite(row.before) and np.isfinite(row.after):
        axes.hlines(y, row.before, row.after, color=FAINT, linewidth=0.8, zorder=3)
    for value, colour, marker in ((row.before, FAINT, "o"), (row.after, ACCENT, "D")):
        if np.isfinite(value):
            axes.plot([value], [y], marker=marker, markersize=4.4, color=colour, markeredgewidth=0, zorder=5)


def _texts(data: LoveData) -> Iterator[str]:
    yield data.title + data.note + "−–…±%"
    for block in data.blocks:
        yield block.name + block.facts
        yield from (row.label for row in block.rows)


FIGURE = FigureKind("love_plot", later("Love plot"), LoveData, draw)
