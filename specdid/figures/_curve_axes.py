"""A panel of the specification curve: estimates and intervals, the strip with N, the options that each takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Bools, Floats, Ints
from specdid._records.numerals import decimals_for
from specdid.figures._axes import beyond_words, draw_steps, draw_upright, shown_range, style, style_up, with_room
from specdid.figures._curve_data import MARKS, ChoiceRow, ChoiceRows, CurvePanel, shares
from specdid.figures._curve_order import POINTS
from specdid.figures._fonts import Fonts
from specdid.figures._layout import ChoiceLine, PanelRow
from specdid.figures._style import (
    ACCENT,
    BAND90,
    BAND95,
    CROSS,
    CROSSED,
    FAINT,
    HAIR,
    INK,
    OPEN,
    QUIET,
    SERIES,
    SMALL,
    blend,
    look_of_series,
    narrowed,
    shape_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


THIN = 1200
"""More specifications than this are drawn at so many places, each the median of its neighbours."""

STRIP_SHADES = tuple(blend(INK, 0.08 + 0.92 * share) for share in (0.0, 1 / 3, 2 / 3, 1.0))
"""Shades of a dense curve's strip, from none with p < alpha to all."""
LEAST_SLOT = 2.0
"""Points of width below which bars run into each other."""
_STRIP, _RUN = 4.0, 2.0
"""Height of that strip, and width of what has one shade in it, in points."""
_STICK = 0.5
"""Points of a bar of breakdown values, at least: the median of those that its neighbours have."""
_HALO = 4.5
"""Where the white around marks lies: above bars and lines, below all marks."""
_CROSS = 2.6
"""Size of a cross on ribbons, in points."""
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


def thin(panel: CurvePanel, chosen: Bools) -> DrawnCurve:
    """Return the chosen specifications' places and numbers, thinned to at most THIN."""
    at = np.flatnonzero(chosen)
    x = panel.across(at) + 0.5
    ends = (panel.low95[at], panel.high95[at], panel.low90[at], panel.high90[at])
    significant = panel.significant[at].astype(np.float64)
    if len(at) <= THIN:
        return DrawnCurve(x, panel.estimate[at], ends, significant)
    runs = np.array_split(np.arange(len(at)), THIN)
    longer = len(at) % THIN  # this many runs, the first, have one more

    def middle(values: NDArray[Any]) -> Floats:
        first, others = np.split(values, [longer * len(runs[0])])
        parts = (first.reshape(-1, len(runs[0])), others.reshape(-1, len(runs[-1])))
        return np.concatenate([_medians(part) for part in parts])

    low95, high95, low90, high90 = (middle(end) for end in ends)
    share = np.asarray([significant[run].mean() for run in runs])
    return DrawnCurve(middle(x), middle(panel.estimate[at]), (low95, high95, low90, high90), share)


def _medians(values: Floats) -> Floats:
    """Return the median of what is finite in every row; NaN where nothing is."""
    finite = np.isfinite(values)
    ordered, count = np.sort(np.where(finite, values, np.inf), axis=1), finite.sum(axis=1)
    row = np.arange(len(values))
    low, high = ordered[row, np.maximum(count - 1, 0) // 2], ordered[row, np.minimum(count // 2, values.shape[1] - 1)]
    with np.errstate(over="ignore"):
        middle = np.where(count % 2, low, (low + high) / 2)
    return np.where(count == 0, np.nan, middle + 0.0)  # no zero is negative


def limits(panel: CurvePanel) -> tuple[float, float]:
    """Return the ends of the vertical axis: zero, the estimates, and intervals unless they explode."""
    low, high = panel.low95[np.isfinite(panel.low95)], panel.high95[np.isfinite(panel.high95)]
    ends = np.array([*shown_range(panel.estimate), 0.0])
    if len(low):
        middle = float(np.median(high - low))
        bottom = max(float(low.min()), float(ends.min()) - 1.5 * middle)
        top = min(float(high.max()), float(ends.max()) + 1.5 * middle)
        ends = np.concatenate([ends, [bottom, top]])
    if panel.null_band is not None:
        ends = np.concatenate([ends, [np.nanmin(panel.null_band), np.nanmax(panel.null_band)]])
    return with_room(ends.tolist())


def beyond(panel: CurvePanel) -> int:
    """Count the intervals of drawn estimates that go beyond the axis."""
    bottom, top = limits(panel)
    inside = (panel.estimate >= bottom) & (panel.estimate <= top)
    return int(np.sum(inside & ((panel.low95 < bottom) | (panel.high95 > top))))


def shade(panel: CurvePanel, series: int, significant: float) -> Any:
    """Return the colour of a point: greys for one series, a hue and its tint for several."""
    if len(panel.series) == 1:
        return blend(INK, 0.52 + 0.48 * significant)
    return blend(look_of_series(panel.series[series].colour)[0], 0.62 + 0.38 * significant)


def draw_tested(
    axes: Axes,
    at: tuple[Floats, Floats],
    colours: Any,
    significant: Floats,
    marker: str,
    size: float,
    joined: bool = False,
    haloed: bool = False,
    **looks: Any,
) -> None:
    """Draw a mark of ``size`` points for each estimate with a p-value, hollow where p >= alpha.

    Hollow marks are told from full ones in grey print too, where a pale mark looks like a full one of a paler series.
    Those of a dense curve are ``joined``: neighbours, which have no room for an outline each, have one around them.
    ``haloed`` ones have white around them, which tells them from bars, ribbons and the null's lines below.

    Parameters
    ----------
    colours : one of all, or (n, 3)
    significant : (n,), whether; of neighbours drawn as one the share, and the larger it is the fuller is the mark
    """
    edge = max(0.35, 0.2 * size)
    shape, wide = shape_of(marker, size)
    (x, y), solid, hollow = at, np.atleast_2d(colours), significant < 1
    if haloed:
        axes.scatter(x, y, s=(wide + 1.4) ** 2, c="white", linewidths=0, marker=shape, **{**looks, "zorder": _HALO})
    own: Any = solid[hollow] if len(solid) > 1 else solid
    faces = 1 - significant[hollow, None] * (1 - own) if significant[hollow].any() else [(1.0, 1.0, 1.0)]
    under = np.ones_like(hollow) if joined else ~hollow
    if under.any():
        marks = solid[under] if len(solid) > 1 else solid
        axes.scatter(x[under], y[under], s=wide**2, c=marks, linewidths=0, marker=shape, **looks)
    if hollow.any() and joined:
        axes.scatter(x[hollow], y[hollow], s=(wide - 2 * edge) ** 2, c=faces, linewidths=0, marker=shape, **looks)
    elif hollow.any():
        axes.scatter(
            x[hollow], y[hollow], s=(wide - edge) ** 2, facecolors=faces, edgecolors=own, linewidths=edge, marker=shape,
            **looks,
        )  # fmt: skip


def draw_untested(
    axes: Axes, panel: CurvePanel, at: tuple[Floats, Floats], which: int | Ints, size: float, order: float = 5
) -> None:
    """Draw a cross, of ``size`` points, for each estimate without a p-value: a pale point would say that it has one."""
    x, y = at
    colours = [shade(panel, k, 1.0) for k in np.broadcast_to(which, np.shape(x)).tolist()]
    if colours:
        axes.scatter(x, y, s=size**2, c=colours, marker=CROSS, linewidths=max(0.4, 0.18 * size), zorder=order)


def marker_in(panel: CurvePanel, series: int, bars: bool) -> str:
    """Return the marker of a series; on ribbons, where it is small, all are dots unless two share a colour."""
    return look_of_series(panel.series[series].colour)[1] if bars or _shared_colours(panel) else "o"


def _shared_colours(panel: CurvePanel) -> bool:
    return max(s.colour for s in panel.series) >= len(SERIES)


def few(panel: CurvePanel, width: float) -> bool:
    """Say whether there is room, in points of width, for a bar per specification."""
    return len(panel) <= POINTS and width / panel.extent >= LEAST_SLOT


def draw_curve(axes: Axes, panel: CurvePanel, fonts: Fonts, width: float) -> None:
    """Draw the sorted estimates with nested intervals, the zero line and the preferred one."""
    ends = limits(panel)
    style_up(axes, fonts, *ends, 7)
    axes.set_xlim(0, panel.extent)
    slot = width / panel.extent
    if few(panel, width):
        _bars(axes, panel, slot)
    else:
        _ribbons(axes, panel, slot)
    if panel.null_band is not None:
        for start, stop in panel.pieces:
            _null_band(axes, panel.null_band[:, start:stop], float(panel.across(start)))
    if panel.breaks:
        axes.vlines(panel.across(np.array(panel.breaks)), *ends, color=FAINT, linewidth=0.5, zorder=2)
    if panel.preferred:
        _preferred(axes, panel, slot)
    _mark_beyond(axes, panel, fonts, slot)


def _bars(axes: Axes, panel: CurvePanel, slot: float) -> None:
    """Draw a point and two bars per specification, thin for 95% and thick for 90%."""
    bottom, top = limits(panel)
    x, y = panel.across(np.arange(len(panel))) + 0.5, panel.estimate
    for k in range(len(panel.series)):
        mine, alone = (panel.which == k) & panel.tested, (panel.which == k) & ~panel.tested
        colours = np.array([shade(panel, k, s) for s in panel.significant.tolist()])
        for low, high, thick in (
            (panel.low95, panel.high95, min(0.8, 0.3 * slot)),
            (panel.low90, panel.high90, min(1.8, 0.5 * slot)),
        ):
            looks = {"colors": colours[mine], "alpha": 0.5, "linewidth": thick, "zorder": 3}
            draw_upright(axes, x[mine], low[mine], high[mine], **looks)
        marker = marker_in(panel, k, bars=True)
        size = narrowed(marker, min(3.8, max(1.8, 0.75 * slot)), 0.95 * slot)
        significant = panel.significant[mine].astype(np.float64)
        draw_tested(axes, (x[mine], y[mine]), shade(panel, k, 1.0), significant, marker, size, haloed=True, zorder=5)
        draw_untested(axes, panel, (x[alone], y[alone]), k, size)
        inside = mine & (y >= bottom) & (y <= top)
        for cut, edge, arrow in ((panel.low95 < bottom, bottom, "v"), (panel.high95 > top, top, "^")):
            at = inside & cut
            if at.any():
                axes.scatter(
                    x[at], [edge] * int(at.sum()), s=7, c=colours[at], linewidths=0, marker=arrow, clip_on=False
                )


def ribbon_shades(panel: CurvePanel, own: Ints) -> tuple[Any, Any]:
    """Return the colours of the 95% and 90% ribbons of a piece that has these series."""
    if len(panel.series) == 1 or len(own) > 1:
        return BAND95, BAND90
    colour = look_of_series(panel.series[own[0]].colour)[0]
    return blend(colour, 0.16), blend(colour, 0.32)


def ribbons_of(panel: CurvePanel, start: int, stop: int) -> list[Ints]:
    """Return the series of each ribbon of a piece: all of it together where stripes of each would be too narrow."""
    own = np.unique(panel.which[start:stop])
    return [own] if len(panel) > MARKS else np.split(own, len(own))


def dense(panel: CurvePanel) -> bool:
    """Say whether full and hollow marks would lie on one another: a strip below the curve has the shares instead."""
    return len(panel) > THIN


def _ribbons(axes: Axes, panel: CurvePanel, slot: float) -> None:
    """Draw ribbons in steps, piece by piece, in the colours of series unless they are many (see `ribbons_of`)."""
    places = np.arange(len(panel))
    for start, stop in panel.pieces:
        drawn = thin(panel, (places >= start) & (places < stop))
        sizes = [len(run) for run in np.array_split(places[start:stop], len(drawn.x))]
        edges = panel.across(start) + np.concatenate([[0], np.cumsum(sizes)])
        low95, high95, low90, high90 = drawn.ends
        own, ribbons = np.unique(panel.which[start:stop]), ribbons_of(panel, start, stop)
        for some in ribbons:
            there = np.ones(len(high95), dtype=bool) if len(ribbons) == 1 else panel.which[start:stop] == some[0]
            outer, inner = ribbon_shades(panel, some)
            for low, high, tint, order in ((low95, high95, outer, 1), (low90, high90, inner, 1.1)):
                draw_steps(axes, np.where(there, high, np.nan), edges, low, order, facecolor=tint)
        for k in own.tolist():
            mine = (panel.which == k) & (places >= start) & (places < stop)
            drawn = thin(panel, mine & panel.tested)
            size = max(2.2 if _shared_colours(panel) else 1.7, min(2.2, 1.6 * slot))
            mark = marker_in(panel, k, bars=False)
            at, solid = (drawn.x, drawn.estimate), shade(panel, k, 1.0)
            full = np.ones_like(drawn.significant) if dense(panel) else drawn.significant
            draw_tested(axes, at, solid, full, mark, size, joined=True, haloed=True, zorder=5)
    for k in range(len(panel.series)):
        alone = thin(panel, (panel.which == k) & ~panel.tested)
        draw_untested(axes, panel, (alone.x, alone.estimate), k, _CROSS)
    if dense(panel):
        _draw_shares(axes, panel, slot)


def _draw_shares(axes: Axes, panel: CurvePanel, slot: float) -> None:
    """Draw along the foot of the axes which share of neighbours, of those that have a p-value, has p < alpha."""
    bottom, top = axes.get_ylim()
    tall = _STRIP * (top - bottom) / (72 * axes.bbox.height / axes.figure.dpi)
    for start, stop in panel.pieces:
        runs = np.array_split(np.arange(start, stop), max(1, int(slot * (stop - start) / _RUN)))
        edges = panel.across(start) + np.concatenate([[0], np.cumsum([len(run) for run in runs])])
        draw_steps(axes, [bottom + 1.3 * tall], edges[[0, -1]], bottom, 3, facecolor="white")
        for run, left, right in zip(runs, edges[:-1], edges[1:], strict=True):
            if panel.tested[run].any():
                shade = blend(INK, 0.08 + 0.92 * float(panel.significant[run][panel.tested[run]].mean()))
                draw_steps(axes, [bottom + tall], [left, right], bottom, 3.1, facecolor=shade)


_NULL_STYLES = ((0, (2, 2)), (0, (5, 2)), (0, (2, 2)))


def _null_band(axes: Axes, band: Floats, start: float) -> None:
    if np.isnan(band).any():
        return
    x = start + np.arange(band.shape[1] + 1)
    for values, dashes in zip(band, _NULL_STYLES, strict=True):
        whole = np.append(values, values[-1])
        axes.plot(x, whole, color=QUIET, linewidth=0.6, linestyle=dashes, drawstyle="steps-post", zorder=2.5)


def _preferred(axes: Axes, panel: CurvePanel, slot: float) -> None:
    assert panel.preferred is not None
    at = panel.preferred.place
    x, y = float(panel.across(at)) + 0.5, panel.preferred.estimate
    axes.vlines(x, panel.low95[at], panel.high95[at], color=ACCENT, linewidth=0.9, zorder=6)
    axes.vlines(x, panel.low90[at], panel.high90[at], color=ACCENT, linewidth=2.0, zorder=6)
    mark_preferred(axes, x, y, preferred_mark(panel), max(4.6, min(5.4, 0.8 * slot)))


def preferred_mark(panel: CurvePanel) -> str:
    """Return the mark of a panel's preferred estimate: hollow like others where p >= alpha, crossed without a p."""
    place = panel.preferred.place if panel.preferred else 0
    return CROSSED if not panel.tested[place] else "D" if panel.significant[place] else OPEN


def mark_preferred(axes: Axes, x: float, y: float, mark: str = "D", size: float = 5.2, white: float = 7) -> None:
    """Draw the preferred estimate as a diamond that is seen in grey as well: dark edged, and white around it.

    ``mark``: that of `preferred_mark`. ``white``: the place in the order of drawing of what is around it.
    """
    axes.scatter([x], [y], s=(1.5 * size) ** 2, marker="D", color="white", linewidths=0.7, zorder=white, clip_on=False)
    shape, wide = shape_of(mark, size)
    face, edge = (ACCENT, INK) if mark == "D" else ("white", ACCENT)
    thick = {OPEN: 1.1, CROSSED: 0.9}.get(mark, 0.7)
    axes.scatter(
        [x], [y], s=wide**2, marker=shape, color=face, edgecolor=edge, linewidth=thick, zorder=8, clip_on=False
    )


def _mark_beyond(axes: Axes, panel: CurvePanel, fonts: Fonts, slot: float) -> None:
    """Mark estimates beyond the axis by arrows at its edge, with their values beside them."""
    bottom, top = limits(panel)
    x = panel.across(np.arange(len(panel))) + 0.5
    for cut, edge, arrow, side in (
        (panel.estimate > top, top, "^", "top"),
        (panel.estimate < bottom, bottom, "v", "bottom"),
    ):
        if not cut.any():
            continue
        colours = [shade(panel, k, 1.0) for k in panel.which[cut].tolist()]
        axes.scatter(
            x[cut], [edge] * int(cut.sum()), s=14, c=colours, marker=arrow, linewidths=0, clip_on=False, zorder=9
        )
        words = beyond_words(panel.estimate[cut], decimals_for(panel.estimate[cut]))
        # A sorted curve has room at the edge towards its other end.
        after = float(x[cut].mean()) < panel.extent / 2
        place = float(x[cut].max()) + 4 / slot if after else float(x[cut].min()) - 4 / slot
        axes.text(
            place, edge, words, color=INK, fontsize=SMALL, family=list(fonts.families), va=side,
            ha="left" if after else "right", zorder=9,
        )  # fmt: skip


def draw_strip(axes: Axes, panel: CurvePanel, fonts: Fonts) -> None:
    """Draw the number of rows of every specification, from zero."""
    style(axes, fonts, "y", across=False)
    axes.grid(False)
    axes.set_xlim(0, panel.extent)
    most = float(max(panel.nobs.max(), 1))
    axes.set_ylim(0, most * 1.04)
    for segment in panel.segments:
        nobs = panel.nobs[segment.start : segment.stop]
        runs = np.array_split(nobs, min(len(nobs), THIN))
        edges = panel.across(segment.start) + np.concatenate([[0], np.cumsum([len(run) for run in runs])])
        draw_steps(axes, [float(np.median(run)) for run in runs], edges, facecolor=blend(INK, 0.3))
    axes.set_yticks([0, most], ["0", f"{int(most):,}"])
    axes.spines["bottom"].set_visible(True)
    axes.spines["bottom"].set(color=FAINT, linewidth=0.5)


def draw_breakdowns(axes: Axes, panel: CurvePanel, fonts: Fonts) -> None:
    """Draw up to which M̄ zero stays outside, to twice the bound marked, and a value of zero as a line on the axis.

    What has no event study is pale, below zero. No bar has the accent: that is the preferred specification's.
    """
    found = panel.breakdowns
    assert found is not None
    style(axes, fonts, "y", across=False)
    axes.grid(False)
    axes.set_xlim(0, panel.extent)
    most = 2 * found.bound
    axes.set_ylim(-0.16 * most, most * 1.04)
    height = np.where(found.known, np.minimum(np.nan_to_num(found.values, nan=0.0), most), np.nan)
    for segment in panel.segments:
        count = segment.stop - segment.start
        room = 72 * axes.bbox.width / axes.figure.dpi * count / panel.extent
        runs = np.array_split(height[segment.start : segment.stop], min(count, max(1, int(room / _STICK))))
        edges = panel.across(segment.start) + np.concatenate([[0], np.cumsum([len(run) for run in runs])])
        tops = np.array([float(np.median(k)) if len(k := run[~np.isnan(run)]) else np.nan for run in runs])
        for colour, chosen in ((blend(INK, 0.3), tops < found.bound), (blend(INK, 0.6), tops >= found.bound)):
            draw_steps(axes, np.where(chosen, tops, 0.0), edges, facecolor=colour)
        none = np.where(tops == 0, 0.04 * most, 0.0)
        draw_steps(axes, none, edges, -none, 3, facecolor=blend(INK, 0.8))
        draw_steps(axes, np.where(np.isnan(tops), -0.14, -0.06) * most, edges, -0.06 * most, facecolor=blend(INK, 0.2))
    axes.axhline(0, color=FAINT, linewidth=0.5)
    axes.axhline(found.bound, color=FAINT, linewidth=0.4)
    axes.set_yticks([0, found.bound, most], ["0", f"{found.bound:g}", f"≥ {most:g}"])


def draw_choices(axes: Axes, panel: CurvePanel, band: PanelRow, row: float, width: float) -> None:
    """Draw the marks or tiles of every row; the axes' vertical unit is a point, downwards."""
    axes.set_xlim(0, panel.extent)
    axes.set_ylim(band.choices, 0)
    axes.axis("off")
    rows = {(c.heading, r.label): r for c in panel.choices for r in c.rows}
    full = {c.heading: darkest(c) for c in panel.choices}
    lines = [(line, rows[line.heading, line.label]) for line in band.lines if (line.heading, line.label) in rows]
    if separate(panel, width):
        _marks(axes, panel, lines, row, width)
    else:
        _tiles(axes, panel, lines, row, width, full)
    _preferred_choices(axes, panel, lines, row, width)


def separate(panel: CurvePanel, width: float) -> bool:
    """Say whether there is room, in points of width, for a mark per specification."""
    return len(panel) <= MARKS and width >= panel.extent


def short_marks(panel: CurvePanel, width: float) -> bool:
    """Say whether some marks of options are short, for p >= alpha."""
    return separate(panel, width) and bool((panel.tested & ~panel.significant).any())


ChoiceLines = list[tuple[ChoiceLine, ChoiceRow]]


def _marks(axes: Axes, panel: CurvePanel, lines: ChoiceLines, height: float, width: float) -> None:
    starts = panel.across(np.array([s.start for s in panel.segments]))
    stops = [x + s.stop - s.start for x, s in zip(starts, panel.segments, strict=True)]
    middles = np.array([line.top + height / 2 for line, _ in lines])
    many = len(starts)
    axes.hlines(
        np.repeat(middles, many), np.tile(starts, len(lines)), np.tile(stops, len(lines)), color=HAIR, linewidth=0.5,
        zorder=1,
    )  # fmt: skip
    at = [np.flatnonzero(row.chosen) for _, row in lines]
    every = np.concatenate([np.zeros(0, np.int64), *at])
    middle, tested = np.repeat(middles, [len(a) for a in at]), panel.tested[every]
    taken = every[tested]
    colours = [shade(panel, int(panel.which[s]), float(panel.significant[s])) for s in taken.tolist()]
    thick = min(3.4, 0.62 * width / panel.extent)
    half = np.where(panel.significant[taken], 0.33, 0.16) * height
    x, y = panel.across(taken) + 0.5, middle[tested]
    draw_upright(axes, x, y - half, y + half, colors=colours, linewidth=thick, zorder=2)
    alone = every[~tested]
    draw_untested(axes, panel, (panel.across(alone) + 0.5, middle[~tested]), panel.which[alone], max(1.8, thick), 2)


def darkest(choices: ChoiceRows) -> float:
    """Return the share that is drawn darkest: three times the mean share, so that 30 options still show."""
    return min(1.0, 3 * float(np.mean([r.chosen for r in choices.rows])) or 1.0)


def _tiles(
    axes: Axes, panel: CurvePanel, lines: ChoiceLines, height: float, width: float, full: Mapping[str, float]
) -> None:
    """Draw tiles that reach half a point under the next one, so that no seams show."""
    from matplotlib.collections import PolyCollection

    over = 0.5 * panel.extent / width
    ends = {s.stop for s in panel.segments}
    corners, colours = [], []
    for line, row in lines:
        top, bottom = line.top + 0.10 * height, line.top + 0.90 * height
        for start, stop in panel.pieces:
            n = stop - start
            bins = max(1, min(n // _NEIGHBOURS, int(width * n / panel.extent / _TILE)))
            moved = float(panel.across(start)) - start
            last = moved + stop + (0 if stop in ends else over)
            for left, right in pairwise(np.linspace(moved + start, moved + stop, bins + 1).tolist()):
                reach = min(right + over, last)
                corners.append(((left, top), (reach, top), (reach, bottom), (left, bottom)))
            levels = np.minimum(shares(row.chosen[start:stop], bins) / full[line.heading], 1.0)
            colours += [blend(INK, 0.04 + 0.74 * level) for level in levels.tolist()]
    axes.add_collection(PolyCollection(corners, facecolors=colours, linewidths=0, zorder=2))


def _preferred_choices(axes: Axes, panel: CurvePanel, lines: ChoiceLines, height: float, width: float) -> None:
    if panel.preferred is None:
        return
    place = panel.preferred.place
    middle = np.array([line.top + height / 2 for line, row in lines if row.chosen[place]])
    short = short_marks(panel, width) and panel.tested[place] and not panel.significant[place]
    x, half = np.full(len(middle), float(panel.across(place)) + 0.5), (0.2 if short else 0.36) * height
    thick = max(2.2, min(3.8, 0.7 * width / panel.extent))
    for colour, wide, tall, order in (("white", 2.6, 1.4, 3), (INK, 1.2, 0.5, 3.5), (ACCENT, 0.0, 0.0, 4)):
        top, bottom = middle - half - tall, middle + half + tall
        axes.vlines(x, top, bottom, color=colour, linewidth=thick + wide, zorder=order, clip_on=False)
