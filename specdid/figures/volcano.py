"""The volcano plot: every estimate against its p-value, one pane per scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from specdid._records import NullShares, Results
from specdid.figures._base import FigureKind
from specdid.figures._curve_axes import fixed, shade
from specdid.figures._curve_data import CurvePanel, Floats, curve_data
from specdid.figures._page import choose_fonts, round_ticks, style_across, with_room
from specdid.figures._panes import (
    Box,
    KeyEntry,
    Pane,
    columns,
    label_across,
    lay_sheet,
)
from specdid.figures._style import ACCENT, DEFAULT, FAINT, HAIR, INK, QUIET, SMALL, own_style
from specdid.inference._curve_tests import Placebo, shares_by_group

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from specdid.figures._page import Page

LEAST = 1e-300
"""Smaller p-values are drawn here."""
_GRAIN = 0.5
"""Points of one colour nearer than this, in points of the page, are drawn once."""


@dataclass(frozen=True, slots=True)
class Volcano:
    """One pane.

    Attributes
    ----------
    panel : the curve with the same specifications, sorted by estimate.
    height : (n,) -log10 p, NaN where there is no p-value.
    null : shares significant of the specifications tested, beside those the null expects, if one was drawn.
    """

    panel: CurvePanel
    height: Floats
    null: NullShares | None


@dataclass(frozen=True, slots=True)
class VolcanoData:
    """All panes; ``doubt`` is what is against the shares beside them."""

    title: str
    alpha: float
    vcov: str
    panels: tuple[Volcano, ...]
    doubt: str = ""


def volcano_data(results: Results, placebos: Sequence[Placebo] = ()) -> VolcanoData:
    """Compute what the figure shows; ``placebos`` give the shares expected under the first null."""
    data = curve_data(results)
    p = np.maximum(results.first("p_value"), LEAST)
    shares = shares_by_group(placebos)
    panels = tuple(Volcano(q, -np.log10(p[q.positions]), shares.get(q.group)) for q in data.panels)
    return VolcanoData(data.title, data.alpha, data.vcov, panels)


def draw(data: VolcanoData, width: float | None = None) -> Figure:
    """Draw the data on a new figure, which pyplot does not know."""
    fonts = choose_fonts(_texts(data))
    width = width or DEFAULT
    with own_style():
        panes = [_pane(v, data.alpha) for v in data.panels]
        height = 165.0 if columns(len(panes), width) == 1 else 130.0
        page, boxes = lay_sheet(data.title, panes, _note(data), fonts, width, height, doubt=data.doubt)
        for volcano, box in zip(data.panels, boxes, strict=True):
            _draw_pane(page, box, volcano, data.alpha)
        return page.figure


def _pane(volcano: Volcano, alpha: float) -> Pane:
    panel = volcano.panel
    names = (f"Effect in {panel.name}" if panel.scaled else f"Effect on {panel.name}", panel.name)
    facts = [f"{len(panel):,} specifications"]
    if (null := volcano.null) is not None:
        if null.tested < len(panel):
            facts.append(f"of the {null.tested:,} tested:")
        facts.append(f"{null.negative:.1%} negative, p < {alpha:g} ({null.null_negative:.1%} under the null)")
        facts.append(f"{null.positive:.1%} positive, p < {alpha:g} ({null.null_positive:.1%} under the null)")
    return Pane(names, tuple(facts), tuple(_entries(panel, alpha)))


def _entries(panel: CurvePanel, alpha: float) -> Iterator[KeyEntry]:
    if len(panel.series) > 1:
        for k, series in enumerate(panel.series):
            yield KeyEntry("dot", shade(panel, k, 1.0), series.label)
        yield KeyEntry("dot", FAINT, f"pale: p ≥ {alpha:g}")
    else:
        yield KeyEntry("dot", shade(panel, 0, 1.0), f"p < {alpha:g}")
        yield KeyEntry("dot", shade(panel, 0, 0.0), f"p ≥ {alpha:g}")
    if panel.preferred:
        words = f"preferred: {fixed(panel.preferred.estimate, panel.decimals)}, {panel.preferred.words}"
        yield KeyEntry("dot", ACCENT, words, "D")


def _draw_pane(page: Page, box: Box, volcano: Volcano, alpha: float) -> None:
    panel = volcano.panel
    axes = page.axes(box.left, box.top, box.width, box.height)
    low, high = with_room([0.0, float(panel.estimate.min()), float(panel.estimate.max())])
    style_across(axes, page.fonts, low, high, box.width)
    known = volcano.height[np.isfinite(volcano.height)]
    top = 1.07 * max(float(known.max()) if len(known) else 0.0, -1.3 * np.log10(alpha))
    axes.set_ylim(-0.015 * top, top)
    axes.set_yticks(*round_ticks(0, top, 6))
    axes.grid(axis="y", color=HAIR, linewidth=0.5, zorder=0)
    axes.axvline(0, color=INK, linewidth=0.6, zorder=2)
    axes.axhline(-np.log10(alpha), color=QUIET, linewidth=0.6, linestyle=(0, (3, 2)), zorder=2)
    _points(axes, volcano, (low, high), top, box)
    words = f"estimate, {panel.name}" if panel.scaled else "estimate"
    label_across(page, box, words)
    page.upright(box.left - 24, box.top + box.height / 2, "−log10 p", SMALL, QUIET)


def _points(axes: Axes, volcano: Volcano, ends: tuple[float, float], top: float, box: Box) -> None:
    panel = volcano.panel
    across = np.round((panel.estimate - ends[0]) / (ends[1] - ends[0]) * box.width / _GRAIN)
    up = np.round(np.nan_to_num(volcano.height) / top * box.height / _GRAIN)
    size = float(np.clip(80.0 / np.sqrt(len(panel)), 1.5, 3.2)) ** 2
    known = np.isfinite(volcano.height)
    # What is not significant lies below, so that a significant point is never hidden by a pale one.
    for significant in (False, True):
        mine = np.flatnonzero(known & (panel.significant == significant))
        key = (across[mine] * 10_000 + up[mine]) * len(panel.series) + panel.which[mine]
        _, first = np.unique(key, return_index=True)
        at = mine[np.sort(first)]
        colours = [shade(panel, int(panel.which[s]), float(significant)) for s in at.tolist()]
        axes.scatter(panel.estimate[at], volcano.height[at], s=size, c=colours, linewidths=0, zorder=3 + significant)
    if panel.preferred:
        place = panel.preferred.place
        axes.scatter(
            [panel.preferred.estimate],
            [volcano.height[place]],
            s=26,
            marker="D",
            color=ACCENT,
            edgecolor="white",
            linewidth=0.6,
            zorder=7,
        )


def _note(data: VolcanoData) -> str:
    parts = [f"A point is a specification; dashed: p = {data.alpha:g} (standard errors: {data.vcov})."]
    without = sum(int(np.count_nonzero(~np.isfinite(v.height))) for v in data.panels)
    if without:
        parts.append(f"{without:,} without a p-value {'is' if without == 1 else 'are'} not drawn.")
    of = {v.panel.name: v.null.null for v in data.panels if v.null is not None}
    if of:
        nulls = dict.fromkeys(of.values())
        panes = {null: ", ".join(name for name, one in of.items() if one == null) for null in nulls}
        named = [null if len(nulls) == 1 else f"{null} ({panes[null]})" for null in nulls]
        parts.append(f"Under the null: the mean share over the draws of the {'; of the '.join(named)}.")
    return " ".join(parts)


def _texts(data: VolcanoData) -> Iterator[str]:
    yield "−–…·≥%" + data.title + data.vcov + data.doubt
    yield from (v.null.null for v in data.panels if v.null is not None)
    for volcano in data.panels:
        yield volcano.panel.name
        yield from (s.label for s in volcano.panel.series)


FIGURE = FigureKind("volcano", "Estimates against p-values", volcano_data, draw, volcano_data, on_page=False)
