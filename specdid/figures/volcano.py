"""The volcano plot: every estimate against its p-value, one pane per scale; many are counted in squares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from specdid._arrays import Floats, Ints
from specdid._describe.curve_tests import NullMedian, shares_by_estimand
from specdid._plugins import Own
from specdid._records import KINDS, NullShares, Results
from specdid._records.numerals import counted
from specdid._words import later, say, sentences
from specdid.figures._axes import mark_beyond, shown_range, style_across, with_room
from specdid.figures._base import FigureKind
from specdid.figures._curve_axes import draw_tested, draw_untested, mark_preferred, preferred_mark, shade
from specdid.figures._curve_data import CurvePanel, curve_data
from specdid.figures._page import CUT, choose_fonts
from specdid.figures._panes import (
    Box,
    KeyEntry,
    Pane,
    columns,
    effect_names,
    estimands_of,
    estimate_of,
    label_across,
    lay_sheet,
    nulls_told,
    p_entries,
    preferred_entries,
    room_of,
    series_entries,
    shares_told,
    without_error,
)
from specdid.figures._style import DEFAULT, HAIR, INK, QUIET, SERIES, SMALL, blend, marker_of, own_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from specdid.figures._page import Page

LEAST = 1e-300
"""Smaller p-values are drawn here."""
MANY, _BIN = 1000, 2.4
"""More specifications than this are squares of so many points, the darker the more there are."""
_INNER = (37.0, 6.0)
_SHAPES = 200
"""Up to so many specifications, the shapes of series are large."""
_RUG = 8.0
"""Points below p = 1 for estimates without a p-value, where there are any."""


@dataclass(frozen=True, slots=True)
class Volcano:
    """One pane.

    Attributes
    ----------
    panel : the curve with the same specifications, sorted by estimate.
    height : (n,) -log10 p, NaN where there is no p-value.
    nulls : by estimand, shares significant of the specifications tested, beside those a null expects.
    """

    panel: CurvePanel
    height: Floats
    nulls: tuple[tuple[str, NullShares], ...]


@dataclass(frozen=True, slots=True)
class VolcanoData:
    """All panes; ``doubt`` is what is against the shares beside them, ``verdict`` the same in short."""

    title: str
    alpha: float
    vcov: str
    panels: tuple[Volcano, ...]
    doubt: str = ""
    verdict: str = ""


def volcano_data(results: Results, null_medians: Sequence[NullMedian] = ()) -> VolcanoData:
    """Compute what the figure shows; ``null_medians`` give the shares expected under the first null."""
    data = curve_data(results, choices=False)
    p = np.maximum(results.first("p_value"), LEAST)
    shares = shares_by_estimand(null_medians).items()
    panels = tuple(
        Volcano(q, -np.log10(p[q.positions]), tuple((words, s) for (name, words), s in shares if name == q.group))
        for q in data.panels
    )
    return VolcanoData(data.title, data.alpha, data.vcov, panels)


def draw(data: VolcanoData, width: float | None = None) -> Figure:
    """Draw the data on a new figure, which pyplot does not know."""
    fonts, width = choose_fonts(_texts(data)), width or DEFAULT
    known = [float(v.height[np.isfinite(v.height)].max()) for v in data.panels if np.isfinite(v.height).any()]
    top = 1.07 * max([*known, -1.3 * np.log10(data.alpha)])
    with own_style():
        height = 175.0 if columns(len(data.panels), width) == 1 else 140.0
        names = (effect_names(v.panel.name, v.panel.scaled) for v in data.panels)
        panes = [Pane(n, (counted(len(v.panel)),)) for n, v in zip(names, data.panels, strict=True)]
        room = room_of(len(panes), width, 0.0, _INNER)
        page, boxes = lay_sheet(
            data.title,
            panes,
            _note(data),
            fonts,
            width,
            height,
            inner=_INNER,
            least=50.0,
            doubt=data.doubt,
            verdict=data.verdict,
            key=[*_key(data), *_darkness(data, (room, height), top)],
            told_in=CUT,
        )
        for volcano, box in zip(data.panels, boxes, strict=False):
            _draw_pane(page, box, volcano, data.alpha, top)
    return page.figure


def _key(data: VolcanoData) -> Iterator[KeyEntry]:
    panels = [v.panel for v in data.panels]
    yield from series_entries(panels, lambda panel, k: "s" if len(panel) > MANY else _marker(panel, k))
    if few := [panel for panel in panels if len(panel) <= MANY]:
        yield from p_entries(few, data.alpha)
    elif not all(panel.tested.all() for panel in panels):
        yield without_error()
    yield from preferred_entries(panels)


def _darkness(data: VolcanoData, size: tuple[float, float], top: float) -> Iterator[KeyEntry]:
    """Say what the shades of squares count, the darkest of panes of this ``size``."""
    many = [v for v in data.panels if len(v.panel) > MANY]
    counts = (_cells(v, _shown(v), _scale(v, size, top))[1] for v in many)
    most = max((int(c.sum(axis=1).max(initial=0.0)) for c in counts), default=0)
    if most > 1:
        shades = tuple(blend(INK, _level(count, most)) for count in np.geomspace(1, most, 4))
        yield KeyEntry("shades", shades, say("specifications in a square: 1 to {most:,}, log scale", most=most))


def _level(count: Any, most: float) -> Any:
    """Return how dark squares with ``count`` specifications are."""
    return 0.22 + 0.78 * np.log1p(count) / np.log1p(most)


def _shown(volcano: Volcano) -> Ints:
    """Return the places of the estimates that are drawn: those with a p-value within the axis."""
    y, (low, high) = volcano.panel.estimate, shown_range(volcano.panel.estimate)
    return np.flatnonzero((y >= low) & (y <= high) & np.isfinite(volcano.height))


def _scale(volcano: Volcano, size: tuple[float, float], top: float) -> tuple[float, float]:
    """Return the points that a unit of estimates and of -log10 p takes on axes of this ``size``."""
    low, high = with_room([0.0, *shown_range(volcano.panel.estimate)])
    return size[0] / (high - low), size[1] / top


def _draw_pane(page: Page, box: Box, volcano: Volcano, alpha: float, top: float) -> None:
    """Draw a pane whose axis of p, which is that of all panes, ends at ``top``."""
    panel = volcano.panel
    axes = page.axes(box.left, box.top, box.width, box.height)
    shown = shown_range(panel.estimate)
    low, high = with_room([0.0, *shown])
    style_across(axes, page.fonts, low, high, box.width)
    alone = ~panel.tested & (panel.estimate >= shown[0]) & (panel.estimate <= shown[1])
    bottom = -_RUG * top / box.height if not panel.tested.all() else -0.015 * top
    axes.set_ylim(bottom, top)
    axes.set_yticks(*p_ticks(alpha, top, box.height))
    axes.grid(axis="y", color=HAIR, linewidth=0.5, zorder=0)
    axes.axvline(0, color=INK, linewidth=0.6, zorder=2)
    axes.axhline(-np.log10(alpha), color=QUIET, linewidth=0.6, linestyle=(0, (3, 2)), zorder=2)
    if len(panel) > MANY:
        _bins(axes, volcano, _scale(volcano, (box.width, box.height), top))
    else:
        _points(axes, volcano)
    draw_untested(axes, panel, (panel.estimate[alone], np.full(alone.sum(), bottom / 2)), panel.which[alone], 3.2)
    mark_beyond(axes, page.fonts, panel.estimate, (low, high), shown, 0.95 * top, panel.decimals)
    if panel.preferred:
        place = panel.preferred.place
        height = float(volcano.height[place]) if panel.tested[place] else bottom / 2
        x = float(np.clip(panel.preferred.estimate, low, high))
        mark_preferred(axes, x, height, preferred_mark(panel), white=2.9)
    label_across(page, box, *estimate_of(panel.name if panel.scaled else ""))
    page.upright(box.left - 31, box.top + box.height / 2, say("p, log scale"), SMALL, QUIET)


def p_ticks(alpha: float, top: float, points: float) -> tuple[list[float], list[str]]:
    """Return heights and words of p-values: alpha, and powers of ten as far apart as texts must be."""
    # On the lowest axes of the smallest p no power of ten but 1 has room.
    step = next((k for k in (1, 2, 3, 5, 10, 20, 50, 100, 200) if k * points / top >= 16), int(top) + 1)
    line, least = -np.log10(alpha), 10 * top / points
    places = [float(k) for k in range(0, int(top) + 1, step) if abs(k - line) >= least]
    words = [f"{10.0**-k:.{int(k)}f}" if k <= 4 else f"1e−{k:.0f}" for k in places]
    return [line, *places], [f"{alpha:g}", *words]


def _points(axes: Axes, volcano: Volcano) -> None:
    """Draw marks, what is significant above what is not, which shows those below it."""
    panel, shown = volcano.panel, _shown(volcano)
    most = 4.0 if len(panel.series) > 1 and len(panel) <= _SHAPES else 3.2
    size = float(np.clip(80.0 / np.sqrt(len(panel)), 1.5, most))
    for significant in (False, True):
        for k in range(len(panel.series)):
            at = shown[(panel.which[shown] == k) & (panel.significant[shown] == significant)]
            places, full = (panel.estimate[at], volcano.height[at]), np.full(len(at), float(significant))
            draw_tested(axes, places, shade(panel, k, 1.0), full, _marker(panel, k), size, haloed=True, zorder=5)


def _marker(panel: CurvePanel, k: int) -> str:
    return marker_of(panel.series[k].colour) if len(panel.series) > 1 else "o"


def _cells(volcano: Volcano, at: Ints, scale: tuple[float, float]) -> tuple[Ints, Floats]:
    """Return the squares, (k, 2), that have points and how many of each series: (k, series)."""
    wide, tall = (_BIN / s for s in scale)
    x, y = (np.floor(v[at] / w).astype(np.int64) for v, w in ((volcano.panel.estimate, wide), (volcano.height, tall)))
    cells, which = np.unique(np.stack([x, y], axis=1), axis=0, return_inverse=True)
    counts = np.zeros((len(cells), len(volcano.panel.series)))
    np.add.at(counts, (which.reshape(-1), volcano.panel.which[at]), 1.0)
    return cells, counts


def _bins(axes: Axes, volcano: Volcano, scale: tuple[float, float]) -> None:
    """Draw squares in the colour of the series that most of their points have, the darker the more points."""
    from matplotlib.collections import PolyCollection

    panel = volcano.panel
    wide, tall = (_BIN / s for s in scale)
    cells, counts = _cells(volcano, _shown(volcano), scale)
    level = _level(counts.sum(axis=1), counts.sum(axis=1).max(initial=1.0))
    tints = [INK if len(panel.series) == 1 else SERIES[s.colour % len(SERIES)] for s in panel.series]
    colours = [blend(tints[k], v) for k, v in zip(counts.argmax(axis=1), level.tolist(), strict=True)]
    left, bottom = cells[:, 0] * wide, cells[:, 1] * tall
    corners = np.stack([[left, bottom], [left + wide, bottom], [left + wide, bottom + tall], [left, bottom + tall]])
    axes.add_collection(PolyCollection(list(corners.transpose(2, 0, 1)), facecolors=colours, linewidths=0, zorder=3))


def _note(data: VolcanoData) -> str:
    many = {len(v.panel) > MANY for v in data.panels}
    kinds = {
        False: say("a point is a specification"),
        True: say("of many, the darker a square the more specifications"),
    }
    said = "; ".join(kinds[k] for k in sorted(many))
    parts = [
        say(
            "{marks}; dashed: p = {alpha:g} (standard errors: {vcov}).",
            marks=said[0].upper() + said[1:],
            alpha=data.alpha,
            vcov=data.vcov,
        ),
        *estimands_of([v.panel for v in data.panels]),
    ]
    several = len({v.panel.name for v in data.panels}) > 1
    parts += [shares_told(v.panel, v.nulls, data.alpha, data.vcov, several) for v in data.panels if v.nulls]
    if without := sum(int(np.count_nonzero(~np.isfinite(v.height))) for v in data.panels):
        parts.append(
            say(
                "{without:,} without a p-value stands below the axis of p."
                if without == 1
                else "{without:,} without a p-value stand below the axis of p.",
                without=without,
            )
        )
    parts += nulls_told([(v.panel, [(words, s.null) for words, s in v.nulls]) for v in data.panels])
    if any(s.kind != KINDS[0] for v in data.panels for s in v.panel.segments):
        parts.append(say("Uncertain and nonequivalent: in no joint test."))
    return sentences(parts)


def _texts(data: VolcanoData) -> Iterator[str]:
    yield "−–…·≥%" + data.title + data.vcov + data.doubt + data.verdict
    yield from (words + s.null for v in data.panels for words, s in v.nulls)
    for volcano in data.panels:
        yield volcano.panel.name
        yield from (s.label for s in volcano.panel.series)


FIGURE = FigureKind("volcano", later("Estimates against p-values"), volcano_data, draw, volcano_data, on_page=False)

OWN = Own(
    zh={
        "specifications in a square: 1 to {most:,}, log scale": "每格设定数：1 至 {most:,}（对数刻度）",
        "Uncertain and nonequivalent: in no joint test.": "存疑与不等价的设定不进入联合检验。",
        "Estimates against p-values": "估计值与 p 值",
        "a point is a specification": "每个点为一个设定",
        "of many, the darker a square the more specifications": "设定较多时，方格颜色越深，设定越多",
        "p, log scale": "p（对数刻度）",
        "preferred: {estimate}, {words}": "首选：{estimate}，{words}",
        "{marks}; dashed: p = {alpha:g} (standard errors: {vcov}).": "{marks}；虚线：p = {alpha:g}（标准误：{vcov}）。",
        "{without:,} without a p-value stand below the axis of p.": "{without:,} 个没有 p 值的设定绘于 p 轴下方。",
        "{without:,} without a p-value stands below the axis of p.": "{without:,} 个没有 p 值的设定绘于 p 轴下方。",
    },
)
