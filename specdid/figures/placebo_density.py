"""Random placebos as this literature shows them: density of the estimates, p-values, and the actual one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from specdid._arrays import Floats
from specdid._words import later, say, sentences
from specdid.figures._axes import bandwidth, density, round_ticks, style, style_across, with_room
from specdid.figures._base import FigureKind
from specdid.figures._page import axes_differ, choose_fonts
from specdid.figures._panes import Box, KeyEntry, Pane, estimate_of, label_across, lay_sheet
from specdid.figures._style import ACCENT, DEFAULT, INK, QUIET, SERIES, blend, own_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from specdid.figures._page import Page

_HEIGHT, _LEAST = 132.0, 42.0
_QUARTERS = 72.0
"""Height of axes from which quarters of p have room beside them."""
_TAIL = 3.0
"""Bandwidths beyond the outermost estimate at which their density is drawn no more."""
_DOTS = blend(SERIES[0], 0.55)


@dataclass(frozen=True, slots=True)
class PlaceboPanel:
    """The placebos of one specification.

    Attributes
    ----------
    name, short, facts : what it is, how it is told where that is too long, and what the draws say
    actual : the estimate with the real assignment, NaN where there is none
    actual_words : the estimate as written
    estimates, p_values : (B,) of the draws
    axis : panels of one have the same limits
    scale : that of the estimates, where one is declared
    """

    name: str
    facts: tuple[str, ...]
    actual: float
    actual_words: str
    estimates: Floats = field(repr=False)
    p_values: Floats = field(repr=False)
    short: str = ""
    axis: str = ""
    scale: str = ""


@dataclass(frozen=True, slots=True)
class PlaceboData:
    """All panels; ``alpha`` is marked on the axis of p, and ``doubt`` says what stands against the errors."""

    title: str
    alpha: float
    panels: tuple[PlaceboPanel, ...]
    note: str = ""
    doubt: str = ""


def draw(data: PlaceboData, width: float | None = None) -> Figure:
    """Draw the data on a new figure, which pyplot does not know.

    Raises
    ------
    ValueError
        There is nothing to draw.
    """
    if not data.panels:
        raise ValueError("no placebo was estimated, so there is nothing to draw")
    fonts, ends = choose_fonts(_texts(data)), [_ends(panel, data) for panel in data.panels]
    with own_style():
        page, boxes = lay_sheet(
            data.title,
            [_pane(p) for p in data.panels],
            sentences([data.note, *axes_differ(ends)]),
            fonts,
            width or DEFAULT,
            _HEIGHT,
            inner=(26.0, 26.0),
            least=_LEAST,
            doubt=data.doubt,
            key=_key(data.alpha),
        )
        for panel, box, own in zip(data.panels, boxes, ends, strict=False):
            _draw_panel(page, box, panel, data.alpha, own)
        return page.figure


def _ends(panel: PlaceboPanel, data: PlaceboData) -> tuple[float, float]:
    """Return the ends of an axis: zero, the actual estimates, and densities down to where nothing of them is left."""
    alike = [p for p in data.panels if p is panel or (p.axis and p.axis == panel.axis)]
    reach = [0.0]
    for p in alike:
        tail = _TAIL * bandwidth(p.estimates)
        reach += [p.actual, float(p.estimates.min()) - tail, float(p.estimates.max()) + tail]
    return with_room(reach, 0.02)


def _pane(panel: PlaceboPanel) -> Pane:
    return Pane(
        (panel.name, panel.short or panel.name),
        (say("actual: {estimate}", estimate=panel.actual_words), *panel.facts),
    )


def _key(alpha: float) -> list[KeyEntry]:
    return [
        KeyEntry("upright", ACCENT, say("actual estimate")),
        KeyEntry("thin upright", INK, say("zero")),
        KeyEntry("thin bar", INK, say("density of the placebos (left)")),
        KeyEntry("dot", _DOTS, say("their p (right; dashed: {alpha:g})", alpha=alpha)),
    ]


def _draw_panel(page: Page, box: Box, panel: PlaceboPanel, alpha: float, ends: tuple[float, float]) -> None:
    low, high = ends
    points = page.axes(box.left, box.top, box.width, box.height)
    style_across(points, page.fonts, low, high, box.width)
    points.set_ylim(0, 1.08)
    points.yaxis.tick_right()
    points.tick_params(axis="y", length=0)
    ticks = (
        {0: "0", 0.25: "0.25", 0.5: "0.50", 0.75: "0.75", 1: "1"}
        if box.height >= _QUARTERS
        else {0: "0", 0.5: "0.5", 1: "1"}
    )
    points.set_yticks([*ticks], [*ticks.values()])
    points.scatter(panel.estimates, panel.p_values, s=3.2, color=_DOTS, linewidths=0, zorder=3)
    points.axhline(alpha, color=QUIET, linewidth=0.5, linestyle=(0, (3, 2)), zorder=2.5)
    curve = page.axes(box.left, box.top, box.width, box.height)
    _density(curve, page, panel, (low, high), box.height)
    points.tick_params(axis="x", pad=6)  # numbers below the axis may reach beyond its ends, below its zeros
    points.axvline(0, color=INK, linewidth=0.5, zorder=2)
    if np.isfinite(panel.actual):
        curve.axvline(panel.actual, color=ACCENT, linewidth=1.8, zorder=6)
    label_across(page, box, *estimate_of(panel.scale))


def _density(axes: Axes, page: Page, panel: PlaceboPanel, ends: tuple[float, float], high: float) -> None:
    """Draw the density on an axis of its own at the left."""
    style(axes, page.fonts, "y")
    axes.grid(False)
    axes.spines["bottom"].set_visible(False)
    axes.set_xlim(*ends)
    axes.set_xticks([])
    x, y = density(panel.estimates, *ends, bandwidth(panel.estimates))
    top = 1.08 * float(y.max())
    axes.set_ylim(0, top)
    axes.set_yticks(*round_ticks(0, top, 5 if high >= _QUARTERS else 3))
    axes.plot(x, y, color=INK, linewidth=1.0, zorder=5)


def _texts(data: PlaceboData) -> Iterator[str]:
    yield data.title + data.note + data.doubt + "−–…·≥|"
    for panel in data.panels:
        yield panel.name + panel.scale + "".join(panel.facts) + panel.actual_words


FIGURE = FigureKind("placebo_density", later("Placebo estimates and their p-values"), PlaceboData, draw)
