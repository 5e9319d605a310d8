"""A matplotlib figure that notebooks show though pyplot does not know it; apart, to load matplotlib only to draw."""

from __future__ import annotations

from typing import Any

from matplotlib import rc_context
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure

from specdid.figures._style import png, quiet_fonts

_LETTERS: dict[Any, Any] = {"text.hinting": "no_hinting"}
"""Agg would round the place of each letter to whole pixels."""


class Drawing(Figure):
    """A figure of its own: no global state, and a picture where a cell ends with it."""

    def draw(self, renderer: RendererBase) -> None:
        """Draw; on a screen with letters where they were measured."""
        from matplotlib.backends.backend_agg import RendererAgg

        with rc_context(_LETTERS if isinstance(renderer, RendererAgg) else {}), quiet_fonts():
            super().draw(renderer)

    def _repr_png_(self) -> bytes:
        return png(self, 150)
