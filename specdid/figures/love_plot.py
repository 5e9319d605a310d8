"""Love plot: the standardised bias of every variable before and after matching.

With its sign, so that a bias that changes sides shows; the band is what is called balanced.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from specdid._words import later, say, sentences
from specdid.figures._axes import fixed, style_rows, with_room
from specdid.figures._base import FigureKind
from specdid.figures._page import Page, choose_fonts
from specdid.figures._panes import Box, KeyEntry, Pane, label_across, lay_sheet
from specdid.figures._style import ACCENT, BAND95, DEFAULT, FAINT, INK, QUIET, SMALL, TEXT, own_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW, _COLUMN = 12.0, 32.0
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
    fonts, width = choose_fonts(_texts(data)), width or DEFAULT
    labels = min(max(fonts.width(r.label, TEXT) for b in data.blocks for r in b.rows) + 16, 0.4 * 72 * width)
    loud = any(abs(r.after) > data.limit for b in data.blocks for r in b.rows)
    bold = say("Bold, after matching: beyond ±{limit:g}%.", limit=data.limit) if loud else ""
    marks = ((FAINT, "o", say("before matching")), (ACCENT, "D", say(HEADS[1])), (BAND95, "s", f"±{data.limit:g}%"))
    biases = (x for b in data.blocks for r in b.rows for x in (r.before, r.after))
    limits = with_room([-data.limit, data.limit, *biases])
    with own_style():
        page, boxes = lay_sheet(
            data.title,
            [Pane((b.name,), (b.facts,) if b.facts else ()) for b in data.blocks],
            sentences(filter(None, (data.note, bold))),
            fonts,
            width,
            [_ROW * (len(b.rows) + 1) for b in data.blocks],
            margin=labels,
            inner=(0.0, 2 * _COLUMN + 2),
            key=[KeyEntry("dot", colour, words, marker) for colour, marker, words in marks],
            cut=any(fonts.width(r.label, TEXT) > labels - 12 for b in data.blocks for r in b.rows),
            across=1,
        )
        for block, box in zip(data.blocks, boxes, strict=False):
            _block(page, block, data.limit, limits, replace(box, top=box.top + _ROW, height=box.height - _ROW))
            label_across(page, box, say("standardised bias, % (treated less controls)"))
        return page.figure


def _block(page: Page, block: LoveBlock, limit: float, limits: tuple[float, float], box: Box) -> None:
    """Write a sample's variables with their numbers, and draw the biases."""
    axes = page.axes(box.left, box.top, box.width, box.height)
    style_rows(axes, page.fonts, limits, box.width, len(block.rows), 8)
    axes.axvspan(-limit, limit, color=BAND95, linewidth=0, zorder=0.5)
    ends = [page.width - 2 - _COLUMN * (1 - k) for k in range(2)]
    for words, end in zip(HEADS, ends, strict=True):
        page.text(end, box.top - _ROW / 2, say(words), SMALL, colour=QUIET, align="right")
    short = page.fonts.apart([row.label for row in block.rows], TEXT, box.left - 12)
    for k, row in enumerate(block.rows):
        middle = box.top + _ROW * (k + 0.5)
        page.text(8, middle, short[row.label])
        _bias(axes, row, k + 0.5)
        for value, end, after in zip((row.before, row.after), ends, (False, True), strict=True):
            words = fixed(value, 1) if np.isfinite(value) else "–"
            loud = after and abs(value) > limit
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
