"""The effect over the range of a moderator, with its interval and where the units are.

What stands behind the line is shown as Hainmueller, Mummolo and Xu (2019, Political
Analysis 27) ask: the moderator's distribution among treated and control units.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from specdid._arrays import Bools, Floats
from specdid._records.numerals import minus
from specdid._words import later, say, sentences
from specdid.figures._axes import apart, draw_steps, round_ticks, style, style_across, with_room
from specdid.figures._base import FigureKind
from specdid.figures._fonts import Fonts
from specdid.figures._page import choose_fonts
from specdid.figures._panes import Box, KeyEntry, Pane, estimate_of, label_across, lay_sheet, room_of
from specdid.figures._style import ACCENT, BAND95, CONTROL, DEFAULT, INK, QUIET, SMALL, TREATED, blend, own_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from specdid.figures._page import Page

_HEIGHT = 128.0
_STRIP = 30.0
_TITLE = 9.0
"""Points that the name of the vertical axis takes."""
_LEAST = 84.0
"""Height that a pane has at least where many stand below each other."""
_BINS = 24
FEW = 6
"""A moderator of so many values or fewer is drawn value by value."""


@dataclass(frozen=True, slots=True)
class EffectPanel:
    """The marginal effect in one specification.

    Attributes
    ----------
    name, short, facts : what it is, and how it is told where that is too long
    at, effect, low, high : (m,) the moderator's values and the effect there
    treated, control : the moderator of every treated and control unit
    average : the effect without the interaction, NaN where unknown
    axis : panels of one have the same limits
    scale : that of the effect, where one is declared
    """

    name: str
    facts: tuple[str, ...]
    at: Floats = field(repr=False)
    effect: Floats = field(repr=False)
    low: Floats = field(repr=False)
    high: Floats = field(repr=False)
    treated: Floats = field(repr=False)
    control: Floats = field(repr=False)
    average: float = np.nan
    short: str = ""
    axis: str = ""
    scale: str = ""


@dataclass(frozen=True, slots=True)
class EffectData:
    """All panels; ``moderator`` says what the horizontal axes are."""

    title: str
    moderator: str
    level: str
    panels: tuple[EffectPanel, ...]
    note: str = ""


def draw(data: EffectData, width: float | None = None) -> Figure:
    """Draw the data on a new figure, which pyplot does not know.

    Raises
    ------
    ValueError
        There is nothing to draw.
    """
    if not data.panels:
        raise ValueError("no interaction was estimated, so there is nothing to draw")
    fonts = choose_fonts(_texts(data))
    inner, width = _room(data, fonts), width or DEFAULT
    with own_style():
        page, boxes = lay_sheet(
            data.title,
            [Pane((p.name, p.short or p.name), (*p.facts, *_counts(p, data))) for p in data.panels],
            sentences(
                [
                    data.note,
                    say("Bars of treated and of control units: counts, each side to a height of its own."),
                    *_beyond_said(data),
                ]
            ),
            fonts,
            width,
            _HEIGHT + _STRIP,
            inner=inner,
            least=_LEAST,
            key=_key(data),
            cut=fonts.width(data.moderator, SMALL) > room_of(len(data.panels), width, 0.0, inner),
        )
        for panel, box in zip(data.panels, boxes, strict=False):
            _draw_panel(page, box, panel, data)
            label_across(page, box, data.moderator)
            high = box.height - _STRIP - 4
            name = fonts.first_fit(estimate_of(panel.scale, True), SMALL, high)
            page.upright(box.left - inner[0] + 5.0, box.top + high / 2, name, SMALL, QUIET)
        return page.figure


def _key(data: EffectData) -> list[KeyEntry]:
    entries = [
        KeyEntry("thin bar", INK, say("effect")),
        KeyEntry("bar", BAND95, say("{level} interval", level=data.level)),
    ]
    if any(np.isfinite(p.average) for p in data.panels):
        entries.append(KeyEntry("dashed", ACCENT, say("average effect (dashed)")))
    words = [say("treated units"), say("control units")]
    if _alike(data):
        counts = len(data.panels[0].treated), len(data.panels[0].control)
        words = [say("{words} ({n:,})", words=w, n=n) for w, n in zip(words, counts, strict=True)]
    return [*entries, *(KeyEntry("bar", c, w) for c, w in zip((TREATED, CONTROL), words, strict=True))]


def _alike(data: EffectData) -> bool:
    return len({(len(p.treated), len(p.control)) for p in data.panels}) == 1


def _counts(panel: EffectPanel, data: EffectData) -> list[str]:
    """Count a panel's units where the key of all does not."""
    n, of = len(panel.treated), len(panel.control)
    return [] if _alike(data) else [say("{n:,} treated, {of:,} control units", n=n, of=of)]


def _beyond(panel: EffectPanel) -> Bools:
    """Return where no treated unit is: beyond their range, or of few values those that none has."""
    if len(panel.at) <= FEW:
        return np.isin(panel.at, panel.treated, invert=True)
    if not len(panel.treated):
        return np.ones(len(panel.at), dtype=bool)
    return np.asarray((panel.at < panel.treated.min()) | (panel.at > panel.treated.max()))


def _beyond_said(data: EffectData) -> Iterator[str]:
    few = {len(p.at) <= FEW for p in data.panels if _beyond(p).any()}
    if False in few:
        yield say("Dotted, in a paler band: beyond the range of treated units.")
    if True in few:
        yield say("Hollow: no treated unit has this value.")


def _ends(panel: EffectPanel, data: EffectData) -> tuple[float, float]:
    alike = [p for p in data.panels if p is panel or (p.axis and p.axis == panel.axis)]
    return with_room([0.0, *(v for p in alike for v in (p.average, *p.low.tolist(), *p.high.tolist()))])


def _room(data: EffectData, fonts: Fonts) -> tuple[float, float]:
    """Return the points that numbers along the panels' axes, and a name, take left of them and beyond their right."""
    up = (label for p in data.panels for label in round_ticks(*_ends(p, data), 6)[1])
    across = (minus(f"{round(end, 6):g}") for p in data.panels for end in (p.at[0], p.at[-1]))
    left, right = (max(fonts.width(text, SMALL) for text in texts) for texts in (up, across))
    return max(30.0, left + 6.0) + _TITLE, max(12.0, right / 2 + 4.0)


def _draw_panel(page: Page, box: Box, panel: EffectPanel, data: EffectData) -> None:
    low, high = with_room(panel.at.tolist(), 0.12 if len(panel.at) <= FEW else 0.02)
    upper = page.axes(box.left, box.top, box.width, box.height - _STRIP - 4)
    style(upper, page.fonts, "y")
    upper.spines["bottom"].set_visible(False)
    ends = _ends(panel, data)
    upper.set_xlim(low, high)
    upper.set_ylim(*ends)
    upper.set_xticks([])
    upper.set_yticks(*round_ticks(*ends, 6))
    upper.axhline(0, color=INK, linewidth=0.6, zorder=2)
    if np.isfinite(panel.average):
        upper.axhline(panel.average, color=ACCENT, linewidth=0.8, linestyle=(0, (4, 2)), zorder=2.5)
    _effect(upper, panel)
    strip = page.axes(box.left, box.top + box.height - _STRIP, box.width, _STRIP)
    style_across(strip, page.fonts, low, high, box.width)
    strip.grid(False)
    strip.set_yticks([])
    if len(panel.at) <= FEW:
        values = panel.at.tolist()
        labels = [minus(f"{value:g}") for value in values]
        kept = apart(values, labels, page.fonts, box.width / (high - low))
        strip.set_xticks([values[k] for k in kept], [labels[k] for k in kept])
    _units(strip, panel, (low, high))


def _effect(axes: Axes, panel: EffectPanel) -> None:
    if len(panel.at) <= FEW:
        axes.vlines(panel.at, panel.low, panel.high, color=INK, linewidth=1.0, zorder=3)
        faces = np.where(_beyond(panel), "white", INK)
        axes.scatter(panel.at, panel.effect, s=3.7**2, c=faces, edgecolors=INK, linewidths=0.7, zorder=4)
        return
    beyond = _beyond(panel)
    first, last = (0, -1) if beyond.all() else np.flatnonzero(~beyond)[[0, -1]].tolist()
    parts = (slice(first, last + 1), False), (slice(0, first + 1), True), (slice(last, None), True)
    for part, outside in parts if not beyond.all() else ((slice(None), True),):
        x = panel.at[part]
        if len(x) > 1:
            tint = blend(BAND95, 0.45) if outside else BAND95
            axes.fill_between(x, panel.low[part], panel.high[part], color=tint, linewidth=0, zorder=1)
            dots = (0, (1, 1.6)) if outside else "-"
            axes.plot(x, panel.effect[part], color=INK, linewidth=1.1, linestyle=dots, zorder=3)


def _units(axes: Axes, panel: EffectPanel, ends: tuple[float, float]) -> None:
    """Draw the units' distribution: the treated above, the controls below, each to its own height."""
    edges = np.linspace(*ends, _BINS + 1)
    for values, sign, colour in ((panel.treated, 1.0, TREATED), (panel.control, -1.0, CONTROL)):
        counts = np.histogram(values, edges)[0].astype(np.float64)
        heights = sign * counts / max(counts.max(initial=0.0), 1.0)
        draw_steps(axes, heights, edges, facecolor=colour)
    axes.axhline(0, color=QUIET, linewidth=0.4)
    axes.set_ylim(-1.1, 1.1)


def _texts(data: EffectData) -> Iterator[str]:
    yield data.title + data.note + data.moderator + "−–…·≥×%"
    for panel in data.panels:
        yield panel.name + panel.scale + "".join(panel.facts)


FIGURE = FigureKind("marginal_effect", later("The effect over a moderator"), EffectData, draw)
