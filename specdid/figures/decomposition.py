"""Goodman-Bacon's (2021, figure 6) plot: every comparison of two groups, its estimate over its weight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from specdid._records.numerals import decimals_for
from specdid._words import later, say, sentences
from specdid.figures._axes import fixed, round_ticks, style, style_across, with_room
from specdid.figures._base import FigureKind
from specdid.figures._page import choose_fonts
from specdid.figures._panes import Box, KeyEntry, Pane, label_across, lay_sheet
from specdid.figures._style import ACCENT, DEFAULT, INK, QUIET, SMALL, own_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from specdid.figures._page import Page

_HEIGHT, _UPRIGHT = 150.0, 10.0
UNTREATED = later("treated, untreated")
EARLIER = later("earlier treated, later treated")
LATER = later("later treated, earlier treated")
ALWAYS = later("later treated, always treated")
LOOKS = {UNTREATED: ("o", INK), EARLIER: ("^", INK), LATER: ("v", ACCENT), ALWAYS: ("s", ACCENT)}
"""Markers and colours; coloured are comparisons whose controls are treated already."""
KINDS = tuple(LOOKS)
_TOLD = {
    UNTREATED: later("treated; controls: untreated"),
    EARLIER: later("earlier treated; controls: later treated"),
    LATER: later("later treated; controls: earlier treated (forbidden)"),
    ALWAYS: later("later treated; controls: always treated (forbidden)"),
}


@dataclass(frozen=True, slots=True)
class TwoByTwo:
    """A change of the gap between a treated and a control group, and its weight in the coefficient."""

    treated: str
    control: str
    kind: str
    estimate: float
    weight: float


@dataclass(frozen=True, slots=True)
class ComparisonPanel:
    """The comparisons of one coefficient."""

    name: str
    estimate: float
    comparisons: tuple[TwoByTwo, ...]


@dataclass(frozen=True, slots=True)
class DecompositionData:
    """All panels."""

    title: str
    panels: tuple[ComparisonPanel, ...]
    note: str = ""


def draw(data: DecompositionData, width: float | None = None) -> Figure:
    """Draw the data on a new figure, which pyplot does not know.

    Raises
    ------
    ValueError
        There is nothing to draw.
    """
    if not data.panels:
        raise ValueError("no coefficient was decomposed, so there is nothing to draw")
    fonts = choose_fonts(_texts(data))
    ends = with_room([0.0, *(v for p in data.panels for v in (p.estimate, *(c.estimate for c in p.comparisons)))])
    far = with_room([0.0, *(c.weight for p in data.panels for c in p.comparisons)])[1]
    # Axes end with a number, so that no point is beyond the last.
    step = np.diff(round_ticks(*ends)[0][:2]).sum()
    ends = (float(np.floor(ends[0] / step) * step), float(np.ceil(ends[1] / step) * step)) if step else ends
    up = round_ticks(*ends)
    left = max(30.0, max(fonts.width(label, SMALL) for label in up[1]) + 6.0) + _UPRIGHT
    with own_style():
        panes = [_pane(p) for p in data.panels]
        page, boxes = lay_sheet(
            data.title,
            panes,
            sentences([data.note, *_forbidden(data)]),
            fonts,
            width or DEFAULT,
            _HEIGHT,
            inner=(left, 12.0),
            least=80.0,
        )
        for panel, box in zip(data.panels, boxes, strict=False):
            _draw_panel(page, box, panel, (ends, far), up)
            label_across(page, box, say("weight"))
            page.upright(box.left - left + 4, box.top + box.height / 2, say("estimate"), SMALL, QUIET)
        return page.figure


def _forbidden(data: DecompositionData) -> list[str]:
    found = any(c.kind in (LATER, ALWAYS) for p in data.panels for c in p.comparisons)
    return [say("Forbidden: controls are treated already, so that changes of their effect are in it.")] if found else []


def _pane(panel: ComparisonPanel) -> Pane:
    kinds = [k for k in LOOKS if any(c.kind == k for c in panel.comparisons)]
    facts = (
        say("estimates of {comparisons:,} comparisons over their weights", comparisons=len(panel.comparisons)),
        say("dashed: coefficient {estimate}", estimate=fixed(panel.estimate, decimals_for(np.array([panel.estimate])))),
    )
    return Pane(
        (panel.name, panel.name), facts, tuple(KeyEntry("dot", LOOKS[k][1], say(_TOLD[k]), LOOKS[k][0]) for k in kinds)
    )


def _draw_panel(
    page: Page,
    box: Box,
    panel: ComparisonPanel,
    ends: tuple[tuple[float, float], float],
    up: tuple[list[float], list[str]],
) -> None:
    axes = page.axes(box.left, box.top, box.width, box.height)
    (low, high), far = ends
    style_across(axes, page.fonts, 0.0, far, box.width)
    style(axes, page.fonts, "y")
    axes.set_ylim(low, high)
    axes.set_yticks(*up)
    axes.axhline(0, color=INK, linewidth=0.6, zorder=2)
    axes.axhline(panel.estimate, color=QUIET, linewidth=0.8, linestyle=(0, (4, 2)), zorder=2.5)
    for kind, (marker, colour) in LOOKS.items():
        chosen = [c for c in panel.comparisons if c.kind == kind]
        if chosen:
            axes.scatter(
                [c.weight for c in chosen], [c.estimate for c in chosen], s=4.6**2, color=colour, marker=marker,
                linewidths=0.0, zorder=4, clip_on=False,
            )  # fmt: skip


def _texts(data: DecompositionData) -> Iterator[str]:
    yield data.title + data.note + "−–…·;weight" + "".join(_TOLD.values())
    for panel in data.panels:
        yield panel.name


FIGURE = FigureKind("decomposition", later("Comparisons of two groups"), DecompositionData, draw)
