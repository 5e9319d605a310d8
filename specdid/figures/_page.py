"""A figure addressed in points from its top left corner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from specdid.figures._fonts import Fonts
from specdid.figures._style import INK, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Page:
    """Places texts, small drawings and axes."""

    figure: Figure
    fonts: Fonts
    width: float
    height: float

    @classmethod
    def new(cls, fonts: Fonts, width: float, height: float) -> Page:
        """Make a figure of this size in points; pyplot does not know it."""
        from specdid.figures._drawing import Drawing

        figure = Drawing(figsize=(width / 72, height / 72), dpi=150, facecolor="white")
        return cls(figure, fonts, width, height)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Add axes whose upper left corner is at (left, top)."""
        bottom = self.height - top - height
        return self.figure.add_axes((left / self.width, bottom / self.height, width / self.width, height / self.height))

    def text(
        self, x: float, middle: float, text: str, size: float = TEXT, bold: bool = False,
        colour: str = INK, align: str = "left",
    ) -> None:  # fmt: skip
        """Write one line of text, vertically centred on the height of its capitals, within the page's sides."""
        if align != "left":
            wide = self.fonts.width(text, size, bold) * (0.5 if align == "center" else 1.0)
            x = max(x, wide + 0.5)
            x = min(x, self.width - wide - 0.5) if align == "center" and 2 * wide < self.width else x
        self.figure.text(
            x / self.width, 1 - (middle + 0.36 * size) / self.height, text, fontsize=size, color=colour,
            weight="bold" if bold else "normal", ha=align, va="baseline", family=list(self.fonts.families),
        )  # fmt: skip

    def upright(self, x: float, middle: float, text: str, size: float, colour: str) -> None:
        """Write a text that reads upwards, centred on this point, as the name of a vertical axis."""
        self.figure.text(
            x / self.width, 1 - middle / self.height, text, fontsize=size, color=colour, rotation=90,
            ha="center", va="center", family=list(self.fonts.families),
        )  # fmt: skip

    def line(self, x: tuple[float, float], y: tuple[float, float], colour: Any, width: float) -> None:
        """Draw a line."""
        from matplotlib.lines import Line2D

        self.figure.add_artist(self._made(Line2D, x, y, color=colour, linewidth=width, solid_capstyle="butt"))

    def filled(self, left: float, top: float, width: float, height: float, colour: Any) -> None:
        """Fill a rectangle whose upper left corner is at (left, top)."""
        from matplotlib.patches import Rectangle

        corner = (left / self.width, 1 - (top + height) / self.height)
        self.figure.add_artist(
            Rectangle(
                corner, width / self.width, height / self.height, facecolor=colour, linewidth=0,
                transform=self.figure.transFigure, zorder=0.5,
            )
        )  # fmt: skip

    def dot(self, x: float, y: float, colour: Any, marker: str = "o", size: float = 4.0) -> None:
        """Draw a marker."""
        from matplotlib.lines import Line2D

        self.figure.add_artist(
            self._made(Line2D, (x,), (y,), color=colour, marker=marker, markersize=size, markeredgewidth=0)
        )

    def _made(self, kind: Any, x: tuple[float, ...], y: tuple[float, ...], **looks: Any) -> Any:
        places = [v / self.width for v in x], [1 - v / self.height for v in y]
        return kind(*places, transform=self.figure.transFigure, **looks)
