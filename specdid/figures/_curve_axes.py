"""A panel of the specification curve: estimates and intervals, the strip with N, the options that each takes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from specdid._records.numerals import signed
from specdid.figures._curve_data import MARKS, ChoiceRow, ChoiceRows, CurvePanel, Flags, Floats, shares
from specdid.figures._curve_order import POINTS
from specdid.figures._fonts import Fonts
from specdid.figures._layout import ChoiceLine, PanelRow
from specdid.figures._style import (
    ACCENT,
    BAND90,
    BAND95,
    FAINT,
    HAIR,
    INK,
    MARKERS,
    QUIET,
    SERIES,
    SMALL,
    TEXT,
    blend,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


THIN = 1200
"""More specifications than this are drawn at so many places, each the median of its neighbours."""

_LEAST_SLOT = 2.0
"""Points of width below which bars run into each other."""
_TILE = 3.2
"""Least width of a tile in points."""
_NEIGHBOURS = 8
"""Least number of specifications of a tile, below which shares are noise."""


@dataclass(frozen=True, slots=True)
class DrawnCurve:
    """The curve at the places drawn: every specification, or runs of neighbours."""

    x: Floats
    estimate: Floats
    ends: tuple[Floats, Floats, Floats, Floats]
    significant: Floats


def thin(panel: CurvePanel, chosen: Flags) -> DrawnCurve:
    """Return the chosen specifications' places and numbers, thinned to at most THIN."""
    at = np.flatnonzero(chosen)
    x = panel.across(at) + 0.5
    ends = (panel.low95[at], panel.high95[at], panel.low90[at], panel.high90[at])
    significant = panel.significant[at].astype(np.float64)
    if len(at) <= THIN:
        return DrawnCurve(x, panel.estimate[at], ends, significant)
    runs = np.array_split(np.arange(len(at)), THIN)

    def middle(values: NDArray[Any]) -> Floats:
        return np.asarray([_median(values[run]) for run in runs])

    low95, high95, low90, high90 = (middle(end) for end in ends)
    share = np.asarray([significant[run].mean() for run in runs])
    return DrawnCurve(middle(x), middle(panel.estimate[at]), (low95, high95, low90, high90), share)


def _median(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else np.nan


def limits(panel: CurvePanel) -> tuple[float, float]:
    """Return the ends of the vertical axis: zero and all estimates, and intervals unless they explode."""
    low, high = panel.low95[np.isfinite(panel.low95)], panel.high95[np.isfinite(panel.high95)]
    ends = np.concatenate([panel.estimate, [0.0]])
    if len(low):
        middle = float(np.median(high - low))
        bottom = max(float(low.min()), float(ends.min()) - 1.5 * middle)
        top = min(float(high.max()), float(ends.max()) + 1.5 * middle)
        ends = np.concatenate([ends, [bottom, top]])
    if panel.null_band is not None:
        ends = np.concatenate([ends, [np.nanmin(panel.null_band), np.nanmax(panel.null_band)]])
    bottom, top = float(ends.min()), float(ends.max())
    room = 0.05 * (top - bottom) or 1.0
    return bottom - room, top + room


def beyond(panel: CurvePanel) -> int:
    """Count the intervals that go beyond the axis."""
    bottom, top = limits(panel)
    return int(np.sum((panel.low95 < bottom) | (panel.high95 > top)))


def shade(panel: CurvePanel, series: int, significant: float) -> Any:
    """Return the colour of a point: greys for one series, a hue and its tint for several."""
    if len(panel.series) == 1:
        return blend(INK, 0.36 + 0.64 * significant)
    return blend(SERIES[panel.series[series].colour % len(SERIES)], 0.5 + 0.5 * significant)


def few(panel: CurvePanel, width: float) -> bool:
    """Say whether there is room, in points of width, for a bar per specification."""
    return len(panel) <= POINTS and width / panel.extent >= _LEAST_SLOT


def draw_curve(axes: Axes, panel: CurvePanel, fonts: Fonts, width: float) -> None:
    """Draw the sorted estimates with nested intervals, the zero line and the preferred one."""
    style_axis(axes, fonts)
    axes.set_xlim(0, panel.extent)
    axes.set_ylim(*limits(panel))
    number_axis(axes, *limits(panel))
    axes.axhline(0, color=INK, linewidth=0.6, zorder=2)
    if panel.null_band is not None:
        for start, stop in panel.pieces:
            _null_band(axes, panel.null_band[:, start:stop], float(panel.across(start)))
    slot = width / panel.extent
    if few(panel, width):
        _bars(axes, panel, slot)
    else:
        _ribbons(axes, panel, slot)
    axes.vlines([panel.across(b) for b in panel.breaks], *axes.get_ylim(), color=FAINT, linewidth=0.5, zorder=2)
    if panel.preferred:
        _preferred(axes, panel, slot)
        _annotate(axes, panel, fonts, slot)


def _bars(axes: Axes, panel: CurvePanel, slot: float) -> None:
    """Draw a point and two bars per specification, thin for 95% and thick for 90%."""
    for k in range(len(panel.series)):
        drawn = thin(panel, panel.which == k)
        colours = [shade(panel, k, s) for s in drawn.significant]
        low95, high95, low90, high90 = drawn.ends
        marker, size = MARKERS[panel.series[k].colour % len(MARKERS)], min(3.8, max(1.8, 0.75 * slot)) ** 2
        thick95, thick90 = min(0.8, 0.3 * slot), min(1.8, 0.5 * slot)
        for low, high, thick in ((low95, high95, thick95), (low90, high90, thick90)):
            axes.vlines(drawn.x, low, high, colors=colours, alpha=0.5, linewidth=thick, zorder=3)
        axes.scatter(drawn.x, drawn.estimate, s=size, c=colours, linewidths=0, marker=marker, zorder=5)


def _ribbons(axes: Axes, panel: CurvePanel, slot: float) -> None:
    """Draw ribbons piece by piece, in a series' colour where it has the piece to itself."""
    several = len(panel.series) > 1
    places = np.arange(len(panel))
    for start, stop in panel.pieces:
        drawn = thin(panel, (places >= start) & (places < stop))
        low95, high95, low90, high90 = drawn.ends
        own = np.unique(panel.which[start:stop])
        colour = SERIES[own[0] % len(SERIES)] if several and len(own) == 1 else None
        outer, inner = (blend(colour, 0.12), blend(colour, 0.24)) if colour else (BAND95, BAND90)
        axes.fill_between(drawn.x, low95, high95, color=outer, linewidth=0, zorder=1)
        axes.fill_between(drawn.x, low90, high90, color=inner, linewidth=0, zorder=1.1)
        for k in own.tolist():
            drawn = thin(panel, (panel.which == k) & (places >= start) & (places < stop))
            colours = [shade(panel, k, s) for s in drawn.significant]
            size = max(1.2, min(2.2, 1.6 * slot)) ** 2
            axes.scatter(drawn.x, drawn.estimate, s=size, c=colours, linewidths=0, marker="o", zorder=5)


def _null_band(axes: Axes, band: Floats, start: float) -> None:
    if np.isnan(band).any():
        return
    x = start + np.arange(band.shape[1]) + 0.5
    for values, style in zip(band, ((0, (2, 2)), (0, (5, 2)), (0, (2, 2))), strict=True):
        axes.plot(x, values, color=QUIET, linewidth=0.6, linestyle=style, zorder=2.5)


def _preferred(axes: Axes, panel: CurvePanel, slot: float) -> None:
    assert panel.preferred is not None
    at = panel.preferred.place
    x, y = float(panel.across(at)) + 0.5, panel.preferred.estimate
    axes.vlines(x, panel.low95[at], panel.high95[at], color=ACCENT, linewidth=0.9, zorder=6)
    axes.vlines(x, panel.low90[at], panel.high90[at], color=ACCENT, linewidth=2.0, zorder=6)
    axes.scatter(
        [x],
        [y],
        s=max(4.4, min(5.4, 0.8 * slot)) ** 2,
        marker="D",
        color=ACCENT,
        edgecolor="white",
        linewidth=0.6,
        zorder=7,
    )


def _annotate(axes: Axes, panel: CurvePanel, fonts: Fonts, slot: float) -> None:
    """Write the rank where it covers as little as possible, near the estimate."""
    assert panel.preferred is not None
    short = f"preferred: {fixed(panel.preferred.estimate, panel.decimals)}"
    rank = panel.preferred.words.removesuffix(panel.preferred.among)
    ways = (f"{short}, {panel.preferred.words}", f"{short}, {rank}", short)
    words = fonts.first_fit(ways, TEXT, panel.extent * slot)
    at, n, half = float(panel.across(panel.preferred.place)), panel.extent, 0.5 * fonts.width(words, TEXT) / slot
    middle = float(np.clip(at + 0.5, min(half, n / 2), max(n - half, n / 2)))
    places = panel.across(np.arange(len(panel)))
    first, last = np.searchsorted(places, (int(middle - half) - 1, int(middle + half) + 2)).tolist()
    near = slice(first, last, max(1, (last - first) // THIN))
    axes.text(
        middle,
        _clear_place(axes, panel, near),
        words,
        ha="center",
        va="center_baseline",
        color=ACCENT,
        fontsize=TEXT,
        family=list(fonts.families),
        zorder=8,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
    )


def _clear_place(axes: Axes, panel: CurvePanel, near: slice) -> float:
    """Return the height at which a line of text among these neighbours covers least.

    Intervals weigh most, then the zero line, then the null's dashed lines, then the distance
    from the preferred estimate.
    """
    assert panel.preferred is not None
    bottom, top = axes.get_ylim()
    figure: Any = axes.figure
    points = axes.get_window_extent().height * 72 / figure.dpi
    half = 0.5 * (TEXT + 6) * (top - bottom) / points
    centres = np.linspace(bottom + half, top - half, 161)
    low = np.fmin(panel.low95[near], panel.estimate[near])
    high = np.fmax(panel.high95[near], panel.estimate[near])
    cost = 4 * _covered(centres, half, low, high) + 0.5 * (np.abs(centres) < half)
    if panel.null_band is not None:
        for line in panel.null_band[:, near]:
            cost += 0.3 * _covered(centres, half, line, line)
    distance = np.abs(centres - panel.preferred.estimate) / (top - bottom)
    return float(centres[np.argmin(cost + 0.2 * distance)])


def _covered(centres: Floats, half: float, low: Floats, high: Floats) -> Floats:
    """Return the share of the ranges ``low`` to ``high`` that text at each centre would cover."""
    meets = (centres[:, None] - half < high) & (centres[:, None] + half > low)
    return np.asarray(meets.mean(axis=1), dtype=np.float64)


def draw_strip(axes: Axes, panel: CurvePanel, fonts: Fonts) -> None:
    """Draw the number of rows of every specification, from zero."""
    style_axis(axes, fonts)
    axes.grid(False)
    axes.set_xlim(0, panel.extent)
    most = float(max(panel.nobs.max(), 1))
    axes.set_ylim(0, most * 1.04)
    for segment in panel.segments:
        nobs = panel.nobs[segment.start : segment.stop]
        runs = np.array_split(nobs, min(len(nobs), THIN))
        edges = panel.across(segment.start) + np.concatenate([[0], np.cumsum([len(run) for run in runs])])
        axes.stairs([float(np.median(run)) for run in runs], edges, fill=True, color=blend(INK, 0.3), linewidth=0)
    axes.set_yticks([0, most], ["0", f"{int(most):,}"])
    axes.spines["bottom"].set_visible(True)
    axes.spines["bottom"].set(color=FAINT, linewidth=0.5)


def number_axis(axes: Axes, bottom: float, top: float) -> None:
    """Put round numbers at the vertical axis, all with the decimals that their step needs."""
    from matplotlib.ticker import MaxNLocator

    ticks = np.asarray(MaxNLocator(nbins=7, steps=[1, 2, 2.5, 5, 10]).tick_values(bottom, top))
    ticks = ticks[(ticks >= bottom) & (ticks <= top)]
    step = float(ticks[1] - ticks[0]) if len(ticks) > 1 else 1.0
    decimals = next((d for d in range(8) if abs(step * 10**d - round(step * 10**d)) < 1e-6 * step * 10**d), 8)
    labels = ["0" if abs(v) < 1e-9 * step else fixed(float(v), decimals) for v in ticks]
    axes.set_yticks(ticks, labels)


def style_axis(axes: Axes, fonts: Fonts) -> None:
    """Leave the numbers of the vertical axis, a hairline grid, and no box."""
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_facecolor("none")
    axes.xaxis.set_visible(False)
    axes.tick_params(axis="y", length=0, pad=3, labelsize=SMALL, labelcolor=QUIET)
    axes.tick_params(axis="y", labelfontfamily=list(fonts.families))
    axes.grid(axis="y", color=HAIR, linewidth=0.5, zorder=0)
    axes.set_axisbelow(True)


def fixed(value: float, decimals: int) -> str:
    """Write a number with a real minus sign, but zero without one."""
    return signed(f"{value:,.{decimals}f}")


def draw_choices(axes: Axes, panel: CurvePanel, band: PanelRow, row: float, width: float) -> None:
    """Draw the marks or tiles of every row; the axes' vertical unit is a point, downwards."""
    axes.set_xlim(0, panel.extent)
    axes.set_ylim(band.choices, 0)
    axes.axis("off")
    rows = {(c.heading, r.label): r for c in panel.choices for r in c.rows}
    full = {c.heading: darkest(c) for c in panel.choices}
    for line in band.lines:
        found = rows.get((line.heading, line.label))
        if line.is_heading or found is None:
            continue
        middle = line.top + row / 2
        if separate(panel, width):
            starts = panel.across(np.array([s.start for s in panel.segments]))
            stops = [x + s.stop - s.start for x, s in zip(starts, panel.segments, strict=True)]
            axes.hlines([middle] * len(stops), starts, stops, color=HAIR, linewidth=0.5, zorder=1)
            _marks(axes, panel, found, middle, row, width)
        else:
            _tiles(axes, panel, found, line, row, width, full[line.heading])
        _preferred_choice(axes, panel, found, middle, row, width)


def separate(panel: CurvePanel, width: float) -> bool:
    """Say whether there is room, in points of width, for a mark per specification."""
    return len(panel) <= MARKS and width >= panel.extent


def _marks(axes: Axes, panel: CurvePanel, row: ChoiceRow, middle: float, height: float, width: float) -> None:
    at = np.flatnonzero(row.chosen)
    colours = [shade(panel, int(panel.which[s]), float(panel.significant[s])) for s in at]
    half = 0.31 * height
    thick = min(3.4, 0.62 * width / panel.extent)
    axes.vlines(panel.across(at) + 0.5, middle - half, middle + half, colors=colours, linewidth=thick, zorder=2)


def darkest(choices: ChoiceRows) -> float:
    """Return the share that is drawn darkest: three times the mean share, so that 30 options still show."""
    return min(1.0, 3 * float(np.mean([r.chosen for r in choices.rows])) or 1.0)


def _tiles(
    axes: Axes, panel: CurvePanel, row: ChoiceRow, line: ChoiceLine, height: float, width: float, full: float
) -> None:
    """Draw tiles that reach half a point under the next one, so that no seams show."""
    from matplotlib.collections import PolyCollection

    top, bottom = line.top + 0.10 * height, line.top + 0.90 * height
    over = 0.5 * panel.extent / width
    ends = {s.stop for s in panel.segments}
    corners, colours = [], []
    for start, stop in panel.pieces:
        n = stop - start
        bins = max(1, min(n // _NEIGHBOURS, int(width * n / panel.extent / _TILE)))
        moved = float(panel.across(start)) - start
        last = moved + stop + (0 if stop in ends else over)
        for left, right in pairwise(np.linspace(moved + start, moved + stop, bins + 1)):
            reach = min(right + over, last)
            corners.append(((left, top), (reach, top), (reach, bottom), (left, bottom)))
        levels = np.minimum(shares(row.chosen[start:stop], bins) / full, 1.0)
        colours += [blend(INK, 0.04 + 0.74 * level) for level in levels.tolist()]
    axes.add_collection(PolyCollection(corners, facecolors=colours, linewidths=0, zorder=2))


def _preferred_choice(
    axes: Axes, panel: CurvePanel, row: ChoiceRow, middle: float, height: float, width: float
) -> None:
    if panel.preferred is None or not row.chosen[panel.preferred.place]:
        return
    x, half = float(panel.across(panel.preferred.place)) + 0.5, 0.36 * height
    thick = max(2.2, min(3.8, 0.7 * width / panel.extent))
    axes.vlines(x, middle - half, middle + half, color="white", linewidth=thick + 1.2, zorder=3)
    axes.vlines(x, middle - half, middle + half, color=ACCENT, linewidth=thick, zorder=4)
