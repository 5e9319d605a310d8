"""Sensitivity to failing parallel trends: the robust set of an effect over how far they may fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from specdid._arrays import Floats
from specdid._records.numerals import minus
from specdid._words import later, say, told
from specdid.figures._axes import round_ticks, style, style_across, with_room
from specdid.figures._base import FigureKind
from specdid.figures._page import choose_fonts, wrap
from specdid.figures._panes import Box, KeyEntry, Pane, estimate_of, label_across, lay_sheet
from specdid.figures._style import ACCENT, DEFAULT, INK, QUIET, SMALL, own_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from specdid.figures._page import Page

_HEIGHT = 130.0
_TITLE = 9.0
"""Points that the name of the vertical axis takes."""
_LABEL = 30.0
"""Points that a line of the label of parallel trends takes at most, lest it read as one with the tick at 0."""


@dataclass(frozen=True, slots=True)
class HonestPanel:
    """The sets of one effect under one restriction.

    Attributes
    ----------
    name : whose effect it is
    relative : bounds are M̄ of relative magnitudes, else M of smoothness
    bound, low, high : (n,) the bounds and the ends of the sets
    base : estimate and ends of the interval under parallel trends
    breakdown : the bound at which zero enters; NaN where there is none, inf where zero never enters
    axis : panels of one have the same limits
    scale : that of the effect, where one is declared
    """

    name: str
    relative: bool
    bound: Floats
    low: Floats
    high: Floats
    base: tuple[float, float, float]
    breakdown: float
    axis: str = ""
    scale: str = ""

    @property
    def sign(self) -> str:
        """The bound's letter."""
        return "M̄" if self.relative else "M"


@dataclass(frozen=True, slots=True)
class HonestData:
    """All panels, of ``of`` in all; ``level`` is that of the sets, as text."""

    title: str
    panels: tuple[HonestPanel, ...]
    level: str
    note: str = ""
    of: int = 0


def draw(data: HonestData, width: float | None = None) -> Figure:
    """Draw the data on a new figure, which pyplot does not know.

    Raises
    ------
    ValueError
        There is nothing to draw.
    """
    if not data.panels:
        raise ValueError("no effect has robust sets, so there is nothing to draw")
    fonts = choose_fonts(_texts(data))
    labels = [label for p in data.panels for label in round_ticks(*_limits(p, data))[1]]
    left = max(30.0, max(fonts.width(label, SMALL) for label in labels) + 6.0) + _TITLE
    key = (
        KeyEntry("bar", ACCENT, say("{level} interval, parallel trends", level=data.level)),
        KeyEntry("bar", INK, say("{level} robust set", level=data.level)),
    )
    with own_style():
        page, boxes = lay_sheet(
            data.title,
            [_pane(p) for p in data.panels],
            data.note,
            fonts,
            width or DEFAULT,
            _HEIGHT,
            inner=(left, 12.0),
            least=70.0,
            key=key,
            of=data.of,
        )
        for panel, box in zip(data.panels, boxes, strict=False):
            _draw_panel(page, box, panel, _limits(panel, data))
            label_across(page, box, f"{panel.sign}: {_words(panel)}")
            name = fonts.first_fit(estimate_of(panel.scale, True), SMALL, box.height)
            page.upright(box.left - left + 5.0, box.top + box.height / 2, name, SMALL, QUIET)
        return page.figure


def other_side(estimate: float, low: float, high: float) -> str:
    """Say where the set at M = 0 lies on the other side of zero from the estimate; nothing where it does not."""
    if high < 0 < estimate:
        return "the set at M = 0 is wholly negative while the estimate is positive"
    if estimate < 0 < low:
        return "the set at M = 0 is wholly positive while the estimate is negative"
    return ""


def _words(panel: HonestPanel) -> str:
    return say("relative magnitudes") if panel.relative else say("change of slope")


def _pane(panel: HonestPanel) -> Pane:
    if np.isnan(panel.breakdown):
        least = panel.bound.argmin()
        fact = told(other_side(panel.base[0], float(panel.low[least]), float(panel.high[least]))) or say(
            "zero is inside at {sign} = 0", sign=panel.sign
        )
    elif np.isinf(panel.breakdown):
        fact = say("zero stays outside")
    else:
        fact = say("zero enters at {sign} = {value}", sign=panel.sign, value=f"{panel.breakdown:.3g}")
    return Pane((panel.name, panel.name), (fact,))


def _limits(panel: HonestPanel, data: HonestData) -> tuple[float, float]:
    alike = [p for p in data.panels if p is panel or (p.axis and p.axis == panel.axis)]
    return with_room([0.0, *(v for p in alike for v in (*p.base, *p.low.tolist(), *p.high.tolist()))])


def _draw_panel(page: Page, box: Box, panel: HonestPanel, limits: tuple[float, float]) -> None:
    axes = page.axes(box.left, box.top, box.width, box.height)
    most = float(panel.bound.max()) or 1.0
    begin = -0.14 * most
    style_across(axes, page.fonts, 1.7 * begin, most * 1.07, box.width)
    axes.set_xticks([t for t in axes.get_xticks() if 0 <= t <= most])
    style(axes, page.fonts, "y")
    axes.set_ylim(*limits)
    axes.set_yticks(*round_ticks(*limits))
    axes.axhline(0, color=INK, linewidth=0.6, zorder=2)
    estimate, least, greatest = panel.base
    axes.axvline(0.5 * begin, color=QUIET, linewidth=0.4, zorder=1)  # left of it nothing is of a bound
    divider = box.left + box.width * -1.2 * begin / (1.07 * most - 1.7 * begin)
    for k, line in enumerate(wrap(say("parallel trends"), page.fonts, _LABEL)):
        page.text(divider - 2.0, box.top + box.height + 5 + 7.5 * k, line, SMALL, colour=ACCENT, align="right")
    axes.vlines(begin, least, greatest, color=ACCENT, linewidth=2.2, zorder=4)
    # A dot would hide an interval that is no longer than it.
    axes.plot([begin], [estimate], "_", color=ACCENT, markersize=6.0, markeredgewidth=1.0, zorder=5)
    axes.vlines(panel.bound, panel.low, panel.high, color=INK, linewidth=2.2, zorder=4)
    if np.isfinite(panel.breakdown) and panel.breakdown <= most * 1.07:
        axes.axvline(panel.breakdown, color=QUIET, linewidth=0.8, linestyle=(0, (4, 2)), zorder=2.5)


def _texts(data: HonestData) -> Iterator[str]:
    yield data.title + data.note + data.level + "−–…·M̄= " + minus("-1")
    for panel in data.panels:
        yield panel.name + panel.scale + _words(panel)


FIGURE = FigureKind("honest", later("Sensitivity to failing parallel trends"), HonestData, draw)
