"""What stands wrong on a figure's page: outside it, over other text, or too small to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import combinations
from typing import Any

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from specdid.figures._style import SMALL, own_style

DOTS = 300
ROOM = 0.3 * DOTS / 72
"""How far an edge may pass another, in dots: Agg sets glyphs on whole ones."""


def layout_faults(figure: Figure) -> list[str]:
    """Say which texts are outside the page, over each other or smaller than SMALL, and what else leaves the page."""
    figure.set_dpi(DOTS)
    with own_style(), rc_context({"text.hinting": "no_hinting"}):
        renderer = FigureCanvasAgg(figure).get_renderer()
        with renderer._draw_disabled():  # places are looked at, no picture
            figure.draw(renderer)
        return list(_faults(figure, renderer))


def _faults(figure: Figure, renderer: Any) -> Iterator[str]:
    page, measure = figure.bbox, cache(partial(renderer.get_text_width_height_descent, ismath=False))
    texts = [(t, _ink(t, renderer, measure)) for t in _shown(figure)]
    for text, box in texts:
        if text.get_fontsize() < SMALL:
            yield f"{text.get_fontsize():g} points: {text.get_text()!r}"
        if not _within(box, page):
            yield f"outside the page: {text.get_text()!r}"
    for (one, a), (other, b) in combinations(texts, 2):
        if min(a.x1, b.x1) - max(a.x0, b.x0) > -ROOM and min(a.y1, b.y1) - max(a.y0, b.y0) > ROOM:
            yield f"not apart: {one.get_text()!r} and {other.get_text()!r}"
    drawn = Bbox(figure.get_tightbbox(renderer).get_points() * DOTS)
    if not _within(drawn, page):
        yield f"drawn beyond the page: {drawn.extents / DOTS} inches of {page.extents / DOTS}"


def _shown(figure: Figure) -> Iterator[Text]:
    """Give the texts that are drawn: ticks beyond the ends of an axis are not, nor those of axes switched off."""
    hidden = {
        id(label)
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
        if not (axes.axison and axis.get_visible() and _between(tick.get_loc(), axis.get_view_interval()))
        for label in (tick.label1, tick.label2)
    }
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip() and id(text) not in hidden:
            yield text


def _between(place: float, ends: Any) -> bool:
    return bool(min(ends) <= place <= max(ends))


def _ink(text: Text, renderer: Any, measure: Callable[..., tuple[float, float, float]]) -> Bbox:
    """Return the box of the letters, without what their line keeps free for letters that it does not have."""
    box = text.get_window_extent(renderer)
    if text.get_rotation() or "\n" in text.get_text():
        return box
    measured = (measure(t, text.get_fontproperties()) for t in (text.get_text(), "lp"))
    (_, tall, below), (_, _, line) = measured
    bottom = box.y0 + max(line, below) - below
    return Bbox([[box.x0, bottom], [box.x1, bottom + tall]])


def _within(box: Bbox, page: Bbox) -> bool:
    return bool(
        box.x0 >= page.x0 - ROOM and box.x1 <= page.x1 + ROOM and box.y0 >= page.y0 - ROOM and box.y1 <= page.y1 + ROOM
    )
