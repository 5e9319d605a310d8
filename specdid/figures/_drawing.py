"""A matplotlib figure that notebooks show though pyplot does not know it; apart, to load matplotlib only to draw."""

from __future__ import annotations

from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure

from specdid.figures._style import known_glyphs, png


class Drawing(Figure):
    """A figure of its own: no global state, and a picture where a cell ends with it."""

    def draw(self, renderer: RendererBase) -> None:
        """Draw; on a screen with letters where they were measured, which Agg would round to whole pixels each."""
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import RendererAgg

        with rc_context({"text.hinting": "no_hinting"} if isinstance(renderer, RendererAgg) else {}), known_glyphs():
            super().draw(renderer)

    def _repr_png_(self) -> bytes:
        return png(self, 150)
