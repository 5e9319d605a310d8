"""A matplotlib figure that notebooks show though pyplot does not know it; apart, to load matplotlib only to draw."""

from __future__ import annotations

from matplotlib.figure import Figure

from specdid.figures._style import png


class Drawing(Figure):
    """A figure of its own: no global state, and a picture where a cell ends with it."""

    def _repr_png_(self) -> bytes:
        return png(self, 150)
