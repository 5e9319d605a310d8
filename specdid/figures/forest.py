"""Forest plot: effects below each other with their intervals, and what stands behind each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from specdid._words import later, say, sentences
from specdid.figures._axes import style_rows, with_room
from specdid.figures._base import FigureKind
from specdid.figures._fonts import Fonts
from specdid.figures._page import Page, axes_differ, choose_fonts
from specdid.figures._panes import Box, Pane, estimate_of, label_across, lay_sheet
from specdid.figures._style import ACCENT, CROSS, CROSSED, DEFAULT, INK, QUIET, SMALL, TEXT, own_style, shape_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SMALL_SIGN = "†"
"""Stands before the label of an effect of too few units for its errors."""
_ROW = 12.0
_LABELS, _ACROSS = 60.0, 44.0
"""Room that labels and an axis have at least: facts that leave less are not written, from the last on."""
_MARK, _ENDS = 4.4, 2.5
"""Size of a mark, and so many times that size: with a shorter interval all have smaller marks and their ends marked."""
_HALF = 1.5
"""An interval longer than so many times the median one is cut at the axis."""


@dataclass(frozen=True, slots=True)
class ForestRow:
    """One effect: NaN where it could not be estimated; ``facts`` stand in the columns at the right.

    ``whole`` marks the effect that the others are to be compared with, ``small`` one of too few units for its errors.
    """

    label: str
    estimate: float
    low: float
    high: float
    facts: tuple[str, ...]
    whole: bool = False
    small: bool = False

    @property
    def known(self) -> bool:
        """Whether the effect has an interval, and so a standard error."""
        return bool(np.isfinite(self.low))

    @property
    def hollow(self) -> bool:
        """Whether the interval includes zero, as it does where p >= alpha."""
        return self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True)
class ForestBlock:
    """Effects on one axis; blocks of one ``axis`` have the same limits, and their effects a ``scale``, if declared.

    ``words`` stand above the rows, such as a test of their equality.
    """

    name: str
    axis: str
    rows: tuple[ForestRow, ...]
    words: str = ""
    scale: str = ""


@dataclass(frozen=True, slots=True)
class ForestData:
    """A forest plot; ``columns`` head the facts."""

    title: str
    columns: tuple[str, ...]
    blocks: tuple[ForestBlock, ...]
    note: str = ""


def draw(data: ForestData, width: float | None = None) -> Figure:
    """Draw the data on a new figure, which pyplot does not know.

    Raises
    ------
    ValueError
        There is nothing to draw.
    """
    if not any(np.isfinite(r.estimate) for b in data.blocks for r in b.rows):
        raise ValueError("no effect was estimated, so there is no forest plot to draw")
    fonts = choose_fonts(_texts(data))
    with own_style():
        return _draw(data, fonts, width or DEFAULT)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the labels, the axis and the facts stand, in points; as many facts as there are ``ends`` are written."""

    labels: float
    width: float
    ends: tuple[float, ...]


def _draw(data: ForestData, fonts: Fonts, width: float) -> Figure:
    columns = _place(data, fonts, 72 * width)
    rows = [(r, *_limits(data, b)) for b in data.blocks for r in b.rows if np.isfinite(r.estimate)]
    narrow = any(r.known and (r.high - r.low) * columns.width / (hi - lo) < _ENDS * _MARK for r, lo, hi in rows)
    listed = say(", ").join(data.columns[len(columns.ends) :])
    said = {
        data.note: True,
        say("Hollow: the interval includes zero."): any(r.hollow for r, *_ in rows),
        say("Upright strokes: the ends of intervals."): narrow,
        say("Crosses: no standard error."): not all(r.known for r, *_ in rows),
        say("Arrows: intervals that go beyond the axis."): any(r.low < lo or r.high > hi for r, lo, hi in rows),
        **dict.fromkeys(axes_differ(_limits(data, b) for b in data.blocks), True),
        say("Not shown for lack of room: {listed}.", listed=listed): bool(listed),
    }
    page, boxes = lay_sheet(
        data.title,
        [Pane((b.name,), (b.words,) if b.words else ()) for b in data.blocks],
        sentences(text for text, holds in said.items() if holds and text),
        fonts,
        width,
        [_ROW * (len(b.rows) + 1) for b in data.blocks],
        margin=columns.labels,
        inner=(6.0, 72 * width - 2 - columns.labels - 6 - columns.width),
        cut=any(fonts.width(r.label, TEXT) > columns.labels - 8 for b in data.blocks for r in b.rows),
        across=1,
    )
    for block, box in zip(data.blocks, boxes, strict=False):
        for text, end in zip(data.columns, columns.ends, strict=False):
            page.text(end, box.top + _ROW / 2, text, SMALL, colour=QUIET, align="right")
        rows_box = replace(box, top=box.top + _ROW, height=box.height - _ROW)
        _block(page, columns, block, _limits(data, block), rows_box, narrow)
        label_across(page, box, *estimate_of(block.scale, True))
    return page.figure


def _place(data: ForestData, fonts: Fonts, width: float) -> _Columns:
    widths = []
    for k, head in enumerate(data.columns):
        texts = [head, *(r.facts[k] for b in data.blocks for r in b.rows)]
        widths.append(max(fonts.width(t, SMALL) for t in texts) + 9)
    longest = max(fonts.width(r.label, TEXT) for b in data.blocks for r in b.rows) + 10
    least = min(longest, _LABELS) + _ACROSS + 10
    widths = widths[: next(k for k in range(len(widths), -1, -1) if k == 0 or width - sum(widths[:k]) >= least)]
    ends = [width - 2 - sum(widths[k + 1 :]) for k in range(len(widths))]
    right = width - 2 - sum(widths)
    labels = min(longest, 0.3 * width, right - _ACROSS - 8)
    return _Columns(labels, right - labels - 8, tuple(ends))


_TRIFLE = 0.1
"""Share of an axis by which it is longer where no interval then goes beyond it there."""


def _limits(data: ForestData, block: ForestBlock) -> tuple[float, float]:
    """Return the ends of an axis: zero, all estimates, and intervals unless they explode."""
    rows = [r for b in data.blocks if b.axis == block.axis for r in b.rows if np.isfinite(r.estimate)]
    lengths = [r.high - r.low for r in rows if np.isfinite(r.high)]
    reach = _HALF * float(np.median(lengths)) if lengths else 0.0
    ends = [0.0, *(r.estimate for r in rows)]
    for r in rows:
        ends += [r.estimate + min(max(end - r.estimate, -reach), reach) for end in (r.low, r.high)]
    # What would be cut by a trifle is not.
    low, high = with_room(ends)
    near = _TRIFLE * (high - low)
    ends += [end for r in rows for end in (r.low, r.high) if low - near < end < low or high < end < high + near]
    return with_room(ends)


def _block(
    page: Page, columns: _Columns, block: ForestBlock, limits: tuple[float, float], box: Box, narrow: bool
) -> None:
    axes = page.axes(box.left, box.top, box.width, box.height)
    style_rows(axes, page.fonts, limits, box.width, len(block.rows), 6)
    short = page.fonts.apart([row.label for row in block.rows], TEXT, columns.labels - 8)
    for k, row in enumerate(block.rows):
        middle = box.top + _ROW * (k + 0.5)
        page.text(8, middle, short[row.label], bold=row.whole)
        if row.small:
            page.text(2, middle, SMALL_SIGN)
        _effect(axes, row, k, limits, narrow)
        for text, end in zip(row.facts, columns.ends, strict=False):
            page.text(end, middle, text, SMALL, align="right")


def _effect(axes: Axes, row: ForestRow, place: int, limits: tuple[float, float], short: bool) -> None:
    """Draw a point and its interval, with an arrow where the interval goes beyond the axis.

    Where some are ``short``, they are not hidden by their marks: upright strokes are the ends of all.
    """
    if not np.isfinite(row.estimate):
        return
    y, colour = place + 0.5, ACCENT if row.whole else INK
    low, high = max(row.low, limits[0]), min(row.high, limits[1])
    axes.hlines(y, low, high, color=colour, linewidth=1.0, zorder=4)
    for end, beyond, marker in ((low, row.low < limits[0], "<"), (high, row.high > limits[1], ">")):
        if beyond:
            axes.plot([end], [y], marker=marker, markersize=4, color=colour, clip_on=False, zorder=5)
    kind = ("D" if row.whole else "o") if row.known else (CROSSED if row.whole else CROSS)
    shape, size = shape_of(kind, 0.6 * _MARK if short else _MARK)
    if short and row.known:
        axes.vlines([low, high], y - 0.3, y + 0.3, color=colour, linewidth=0.7, zorder=6.5)
    axes.plot(
        [row.estimate], [y], marker=shape, markersize=size, color=colour,
        markerfacecolor="white" if kind == CROSSED or row.hollow else colour,
        markeredgewidth=0.9 if row.hollow or not row.known else 0.0, zorder=6,
    )  # fmt: skip


def _texts(data: ForestData) -> Iterator[str]:
    yield data.title + data.note + "−–…·≤≥χ²" + SMALL_SIGN
    yield from data.columns
    for block in data.blocks:
        yield block.name + block.words + block.scale
        for row in block.rows:
            yield row.label + "".join(row.facts)


FIGURE = FigureKind("forest", later("Forest plot"), ForestData, draw)
