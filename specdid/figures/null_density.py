"""The median estimate under each null, in a histogram, with the observed one marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from specdid._arrays import Bools, Floats
from specdid._describe.curve_tests import NullMedian
from specdid._records import Results
from specdid._records.numerals import counted, decimals_for, p_text
from specdid._words import later, say, sentences, told
from specdid.figures._axes import bandwidth, draw_steps, fixed, style_across, with_room
from specdid.figures._base import FigureKind
from specdid.figures._fonts import Fonts
from specdid.figures._page import choose_fonts, wrap
from specdid.figures._panes import Box, KeyEntry, Pane, label_across, lay_sheet, room_of
from specdid.figures._style import ACCENT, BAND95, DEFAULT, INK, QUIET, SMALL, blend, own_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from specdid.figures._page import Page

OFF_CENTRE = later(
    " A permutation null need not lie around zero: the outcomes keep the effect and the shocks of the treated, and "
    "assignments dealt out again, the more so within strata, still meet some of them."
)
_RIDGE = 62.0
"""Height of one null's histogram, in points."""
_PEAK = 43.4
"""Points of that which its highest bin takes."""
_INNER = (16.0, 16.0)
"""Points at the left and right of the axes."""
_BIN = 2.5
"""Points that a bin is wide, at least."""


@dataclass(frozen=True, slots=True)
class NullPanel:
    """The nulls of one scale and estimand; the observed median is the same up to what they leave out."""

    group: str
    estimand: str
    scaled: bool
    several: bool
    nulls: tuple[NullMedian, ...]


@dataclass(frozen=True, slots=True)
class NullData:
    """All panes, of what nulls were drawn of, and what is ``without``; ``doubt`` is what stands against the medians.

    ``verdict`` is the same in short.
    """

    title: str
    panels: tuple[NullPanel, ...]
    doubt: str = ""
    without: tuple[str, ...] = ()
    verdict: str = ""


def null_data(null_medians: Sequence[NullMedian], results: Results) -> NullData:
    """Gather the nulls by scale and estimand, in their order."""
    scaled = {f.group: f.scaled for f in results.families}
    shown = results.planned.shown
    keys = list(dict.fromkeys((p.group, p.estimand) for p in null_medians))
    panels = tuple(
        NullPanel(
            shown(group),
            words,
            scaled.get(group, False),
            sum(g == group for g, _ in keys) > 1,
            tuple(p for p in null_medians if (p.group, p.estimand) == (group, words)),
        )
        for group, words in keys
    )
    several = len({f.group for f in results.families}) > 1
    left = [f for f in results.families if (f.group, f.estimand) not in keys]
    names = (f"{f.shown}: {told(f.estimand)}" if several else told(f.estimand) for f in left)
    return NullData(results.planned.title, panels, without=tuple(dict.fromkeys(names)))


def draw(data: NullData, width: float | None = None) -> Figure:
    """Draw the data on a new figure, which pyplot does not know."""
    fonts = choose_fonts(_texts(data))
    with own_style():
        note = say(
            "Histogram of the median estimate under each null, in which there is no effect: of {n} quantiles of its "
            "draws, so that heights are not whole draws; dark: "
            "the draws at least as far from zero as the observed median, whose share is p; thin line: zero.",
            n=max(len(null.quantiles) for p in data.panels for null in p.nulls),
        )
        if _off_centre(data):
            note += say(OFF_CENTRE)
        if data.without:
            said = say("No null, and so in no joint test: {listed}.", listed=say("; ").join(data.without))
            note = sentences([note, said])
        panes = [_pane(p) for p in data.panels]
        room = room_of(len(panes), width or DEFAULT, 0.0, _INNER)
        named = [_named(null, fonts, room)[1] for p in data.panels for null in p.nulls]
        ridge = _RIDGE + max(0 if lines[0] else 8 * len(lines) - 12 for lines in named)
        height = ridge * max(len(p.nulls) for p in data.panels)
        page, boxes = lay_sheet(
            data.title,
            panes,
            note,
            fonts,
            width or DEFAULT,
            height,
            inner=_INNER,
            doubt=data.doubt,
            verdict=data.verdict,
            key=[KeyEntry("upright", ACCENT, _observed(data.panels[0]))],
        )
        for panel, box in zip(data.panels, boxes, strict=False):
            alike = [p for p in data.panels if (p.group, p.scaled) == (panel.group, panel.scaled)]
            _draw_pane(page, replace(box, height=ridge * len(panel.nulls)), panel, _ends(alike), ridge)
        return page.figure


def _observed(panel: NullPanel) -> str:
    times = panel.nulls[0].expected
    return say("observed median of estimate × expected sign") if times else say("observed median")


def _pane(panel: NullPanel) -> Pane:
    name = (
        say("Median effect in {group}", group=panel.group)
        if panel.scaled
        else say("Median effect on {group}", group=panel.group)
    )
    if panel.nulls[0].expected:
        name += say(" × expected sign")
    values = list(dict.fromkeys(fixed(p.value, decimals_for(np.array([p.value]))) for p in panel.nulls))
    facts = (counted(panel.nulls[0].specifications), *([told(panel.estimand)] if panel.several else []))
    return Pane((name, panel.group), (*facts, f"{_observed(panel)}: {' / '.join(values)}"))


def _ends(panels: Sequence[NullPanel]) -> tuple[float, float]:
    nulls = [null for panel in panels for null in panel.nulls]
    return with_room([0.0, *(v for n in nulls for v in (n.value, float(n.quantiles[0]), float(n.quantiles[-1])))], 0.08)


def _off_centre(data: NullData) -> bool:
    """Say whether a permutation null lies off zero: its median by more than a quarter of its spread."""
    nulls = [n for p in data.panels for n in p.nulls if n.null.startswith("permutation")]
    ends = [np.quantile(n.quantiles, [0.16, 0.5, 0.84]) for n in nulls]
    return any(abs(middle) > 0.25 * (high - low) / 2 for low, middle, high in ends)


def _draw_pane(page: Page, box: Box, panel: NullPanel, ends: tuple[float, float], ridge: float) -> None:
    axes = page.axes(box.left, box.top, box.width, box.height)
    low, high = ends
    style_across(axes, page.fonts, low, high, box.width)
    rows = len(panel.nulls)
    axes.set_ylim(0, rows)
    axes.set_yticks([])
    for k, null in enumerate(panel.nulls):
        base = rows - 1 - k
        edges, heights, dark = histogram(null, _BIN * (high - low) / box.width)
        y = base + _PEAK / ridge * heights
        draw_steps(axes, y, edges, base, 2, facecolor=BAND95)
        draw_steps(axes, np.where(dark, y, base), edges, base, 2.1, facecolor=blend(INK, 0.5))
        draw_steps(axes, y, edges, base, 2.2, facecolor="none", edgecolor=INK, linewidth=0.7)
        # no line strikes through the second line of a name
        top = base + (49.6 if _label(page, box, null, k * ridge) == 1 else 44.0) / ridge
        axes.plot([0, 0], [base, top], color=INK, linewidth=0.5, zorder=2.3)
        axes.plot([null.value] * 2, [base, top], color=ACCENT, linewidth=1.8, zorder=4)
    times = say(" × expected sign") if panel.nulls[0].expected else ""
    label_across(
        page,
        box,
        *([say("median estimate{times}, {group}", times=times, group=panel.group)] if panel.scaled else []),
        say("median estimate{times}", times=times),
    )


def histogram(null: NullMedian, least: float) -> tuple[Floats, Floats, Bools]:
    """Return the edges of bins, ``least`` wide or more, how high they are, up to 1, and which are dark.

    The first and the last bin are those of the outermost draws.

    The observed median and what lies as far beyond zero are edges, so that dark bins have the share of draws that p
    counts, as far as quantiles tell it: between neighbouring ones there are as many draws.
    """
    wide = max(bandwidth(null.quantiles), least)
    # Draws exactly as far as the observed median count.
    far, reach = max(abs(null.value) * (1 - 1e-9), 1e-9 * wide), float(np.abs(null.quantiles).max())
    inner = np.linspace(-far, far, max(1, round(2 * far / wide)) + 1)
    outer = far + wide * np.arange(1, int(max(0.0, reach - far) / wide) + 2)
    edges = np.concatenate([-outer[::-1], inner, outer])
    widths, below = np.diff(edges), np.interp(edges, null.quantiles, np.linspace(0, 1, len(null.quantiles)))
    heights = np.diff(below) / widths
    # What is in a sliver around zero may be of any height.
    most = heights[widths > 0.3 * wide].max() or heights.max()
    # An outline over empty bins would say that there are draws as far out.
    first, last = np.flatnonzero(heights)[[0, -1]]
    kept = slice(first, last + 1)
    dark = np.abs(edges[1:] + edges[:-1]) > 2 * far
    return edges[first : last + 2], np.minimum(heights / most, 1.0)[kept], dark[kept]


def _label(page: Page, box: Box, null: NullMedian, down: float) -> int:
    """Write a null's name, on several lines where it is long, and p above its bins; return how many lines it has."""
    title, p = _named(null, page.fonts, box.width)
    for line, (text, value) in enumerate(zip(title, p, strict=True)):
        page.text(box.left, box.top + down + 5 + 8 * line, text, SMALL, colour=QUIET, ground=True)
        page.text(
            box.left + box.width, box.top + down + 5 + 8 * line, value, SMALL, colour=INK, align="right", ground=True
        )
    return len(title)


def _named(null: NullMedian, fonts: Fonts, width: float) -> tuple[list[str], list[str]]:
    """Return the lines of a null's name, whole, and p beside one of them: the first where two lines are enough."""
    p = p_text(null.p_value)
    if round(null.p_value * (null.draws + 1)) == 1 and null.draws:
        p = say("{p}, the least of {n:,} draws", p=p, n=null.draws)
    room = width - fonts.width(p, SMALL) - 8
    beside = wrap(told(null.title), fonts, room)
    if len(beside) <= 2:
        return beside, [p, *[""] * (len(beside) - 1)]
    lines = wrap(told(null.title), fonts, width)
    if fonts.width(lines[-1], SMALL) > room:
        lines.append("")
    return lines, [*[""] * (len(lines) - 1), p]


def _texts(data: NullData) -> Iterator[str]:
    yield "−–…·≥%×" + data.title + data.doubt + data.verdict + "".join(data.without)
    for panel in data.panels:
        yield panel.group + panel.estimand
        yield from (p.title for p in panel.nulls)


FIGURE = FigureKind(
    "null_density", later("The median estimate under the null"), null_data, draw,
    lambda results, null_medians: null_data(null_medians, results), files=("inference.csv",),
)  # fmt: skip
