"""A matplotlib figure that notebooks show though pyplot does not know it; apart, to load matplotlib only to draw."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from matplotlib import rc_context, rcParams
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter
from matplotlib.transforms import Bbox

from specdid.figures._style import known_glyphs, png

_LETTERS: dict[Any, Any] = {"text.hinting": "no_hinting"}
"""Agg would round the place of each letter to whole pixels."""


def _letters() -> AbstractContextManager[None]:
    """Set these where they are not set already: a context copies all of matplotlib's settings."""
    known = all(rcParams[key] == value for key, value in _LETTERS.items())
    return nullcontext() if known else rc_context(_LETTERS)


class Line(Text):
    """A line that begins at its place: laid out once where it is drawn, not measured first to be moved by nothing."""

    def draw(self, renderer: RendererBase) -> None:
        """Draw it as `Text` would."""
        words = self.get_text()
        if not words or not self.get_visible() or "\n" in words:
            super().draw(renderer)
            return
        renderer.open_group("text", self.get_gid())
        x, y = self.get_transform().transform(self.get_position())
        if renderer.flipy():
            y = renderer.get_canvas_width_height()[1] - y
        gc = renderer.new_gc()
        gc.set_foreground(self.get_color())
        renderer.draw_text(gc, x, y, words, self.get_fontproperties(), 0.0, mtext=self)
        gc.restore()
        renderer.close_group("text")
        self.stale = False

    def get_window_extent(self, renderer: RendererBase | None = None, dpi: float | None = None) -> Bbox:
        """Measure it as it is drawn."""
        with _letters():
            return super().get_window_extent(renderer, dpi)


@contextmanager
def _unmeasured(figure: Figure) -> Iterator[None]:
    """Have numbers along axes not be measured to set apart from them an axis's name and a power of ten: there is none.

    matplotlib gives no say in it; where it does that by other names, it is done.
    """
    each: list[Any] = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    alone = [a for a in each if not a.label.get_text() and isinstance(a.get_major_formatter(), FixedFormatter)]
    alone = [a for a in alone if not a.get_major_formatter().get_offset()]
    for axis in alone:
        axis._update_label_position = lambda *_: None
        axis._get_ticklabel_bboxes = lambda *_, **__: ([], [])
    try:
        yield
    finally:
        for axis in alone:
            del axis._update_label_position, axis._get_ticklabel_bboxes


class Drawing(Figure):
    """A figure of its own: no global state, and a picture where a cell ends with it."""

    def draw(self, renderer: RendererBase) -> None:
        """Draw; on a screen with letters where they were measured."""
        from matplotlib.backends.backend_agg import RendererAgg

        with rc_context(_LETTERS if isinstance(renderer, RendererAgg) else {}), known_glyphs(), _unmeasured(self):
            super().draw(renderer)

    def _repr_png_(self) -> bytes:
        return png(self, 150)
