"""The choice panel: which options each specification takes, or the shares among neighbours."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from specdid.figures._curve_axes import shade
from specdid.figures._curve_data import shares
from specdid.figures._curve_panel import MARKS, Choices, Panel, Row
from specdid.figures._layout import Band, Line
from specdid.figures._style import ACCENT, HAIR, INK, blend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TILE = 3.2
"""Least width of a tile in points."""
_NEIGHBOURS = 8
"""Least number of specifications of a tile, below which shares are noise."""


def draw_choices(axes: Axes, panel: Panel, band: Band, row: float, width: float) -> None:
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
        _preferred(axes, panel, found, middle, row, width)


def separate(panel: Panel, width: float) -> bool:
    """Say whether there is room, in points of width, for a mark per specification."""
    return len(panel) <= MARKS and width >= panel.extent


def _marks(axes: Axes, panel: Panel, row: Row, middle: float, height: float, width: float) -> None:
    at = np.flatnonzero(row.chosen)
    colours = [shade(panel, int(panel.which[s]), float(panel.significant[s])) for s in at]
    half = 0.31 * height
    thick = min(3.4, 0.62 * width / panel.extent)
    axes.vlines(panel.across(at) + 0.5, middle - half, middle + half, colors=colours, linewidth=thick, zorder=2)


def darkest(choices: Choices) -> float:
    """Return the share that is drawn darkest: three times the mean share, so that 30 options still show."""
    return min(1.0, 3 * float(np.mean([r.chosen for r in choices.rows])) or 1.0)


def _tiles(axes: Axes, panel: Panel, row: Row, line: Line, height: float, width: float, full: float) -> None:
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


def _preferred(axes: Axes, panel: Panel, row: Row, middle: float, height: float, width: float) -> None:
    if panel.preferred is None or not row.chosen[panel.preferred.place]:
        return
    x, half = float(panel.across(panel.preferred.place)) + 0.5, 0.36 * height
    thick = max(2.2, min(3.8, 0.7 * width / panel.extent))
    axes.vlines(x, middle - half, middle + half, color="white", linewidth=thick + 1.2, zorder=3)
    axes.vlines(x, middle - half, middle + half, color=ACCENT, linewidth=thick, zorder=4)
