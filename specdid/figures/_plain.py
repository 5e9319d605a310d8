"""What the analyses' figures share: fonts with a warning, notes below, plain axes, round numbers."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from specdid.figures._curve_axes import fixed
from specdid.figures._fonts import Fonts, fonts_for
from specdid.figures._page import Page
from specdid.figures._style import FAINT, HAIR, QUIET, SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE = 10.5
"""Height of a line of text, in points."""
NOTE = 9.0


def choose_fonts(texts: Iterable[str]) -> Fonts:
    """Return the fonts for a figure's texts, and warn of characters that none can write."""
    fonts = fonts_for(texts)
    if fonts.missing:
        warnings.warn(
            f"no installed font can write {' '.join(fonts.missing[:20])} in the figure; "
            "for Chinese install one such as Noto Sans CJK (fonts-noto-cjk)",
            stacklevel=3,
        )
    return fonts


def wrap(text: str, fonts: Fonts, room: float, size: float = SMALL, bold: bool = False) -> list[str]:
    """Break a text between words into lines of at most ``room`` points."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and fonts.width(longer, size, bold) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines if text else []


def write_note(page: Page, lines: Sequence[str], top: float, colour: str = QUIET) -> None:
    """Write the lines of a note from ``top`` downwards."""
    for k, line in enumerate(lines):
        page.text(2, top + NOTE * k + NOTE / 2, line, SMALL, colour=colour)


def style(axes: Axes, fonts: Fonts, grid: str) -> None:
    """Leave numbers, a hairline grid along one axis ("x" or "y") and no box."""
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_facecolor("none")
    axes.tick_params(length=0, pad=3, labelsize=SMALL, labelcolor=QUIET, labelfontfamily=list(fonts.families))
    axes.grid(axis="x" if grid == "x" else "y", color=HAIR, linewidth=0.5, zorder=0)
    axes.set_axisbelow(True)
    axes.spines["bottom"].set_visible(True)
    axes.spines["bottom"].set(color=FAINT, linewidth=0.5)


def round_ticks(low: float, high: float, most: int = 6) -> tuple[list[float], list[str]]:
    """Return round numbers between two ends, all with the decimals that their step needs."""
    from matplotlib.ticker import MaxNLocator

    ticks = np.asarray(MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
    ticks = ticks[(ticks >= low) & (ticks <= high)]
    step = float(ticks[1] - ticks[0]) if len(ticks) > 1 else 1.0
    decimals = next((d for d in range(8) if abs(step * 10**d - round(step * 10**d)) < 1e-6 * step * 10**d), 8)
    values = [0.0 if abs(v) < 1e-9 * step else float(v) for v in ticks]
    return values, ["0" if v == 0 else fixed(v, decimals) for v in values]


def with_room(ends: Iterable[float], share: float = 0.05) -> tuple[float, float]:
    """Return the least and the greatest finite of ``ends`` with some room beside them."""
    finite = [e for e in ends if np.isfinite(e)] or [0.0]
    low, high = min(finite), max(finite)
    room = share * (high - low) or 1.0
    return low - room, high + room
