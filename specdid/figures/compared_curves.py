"""Two runs' curves by rank, and below how far every specification that both have moved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from specdid._compare import Comparison, FamilyMove, in_errors, shown_group
from specdid._records import Results
from specdid._records.numerals import decimals_for
from specdid.figures._base import FigureKind
from specdid.figures._curve_axes import fixed
from specdid.figures._page import choose_fonts, round_ticks, style, style_across, with_room
from specdid.figures._panes import KeyEntry, Pane, columns, label_across, lay_sheet
from specdid.figures._style import ACCENT, DEFAULT, INK, QUIET, SERIES, SMALL, blend, own_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
OLD, NEW = QUIET, SERIES[0]
_MOST = 1200
"""A curve of more specifications is drawn at so many places."""
_POINTS = 500
"""Up to so many moves are points; more are the ranges of neighbours."""
_BINS = 100
_LEAST = 0.05
"""The axis of moves reaches so far at least: rounding errors are no moves."""
_LOWER, _BETWEEN = 0.3, 12.0


@dataclass(frozen=True, slots=True)
class Ranked:
    """One run's curve: (n,) estimates and intervals by rank, and the preferred one's place or -1."""

    estimate: Floats
    low: Floats
    high: Floats
    preferred: int

    def rank(self) -> Floats:
        """Return ranks in percent of the curve, so that curves of different length lie over each other."""
        return np.asarray(100 * (np.arange(len(self.estimate)) + 0.5) / max(1, len(self.estimate)))


@dataclass(frozen=True, slots=True)
class ComparedPanel:
    """One scale and estimand.

    Attributes
    ----------
    old, new : the curves.
    rank : (m,) percent, the old rank of the specifications estimated in both runs.
    move : (m,) their moves in old standard errors.
    """

    group: str
    estimand: str
    scaled: bool
    old: Ranked
    new: Ranked
    rank: Floats
    move: Floats


@dataclass(frozen=True, slots=True)
class ComparedData:
    """All panels; ``several`` where estimands must be told apart."""

    title: str
    alpha: float
    names: tuple[str, str]
    panels: tuple[ComparedPanel, ...]
    several: bool


def compared_data(comparison: Comparison) -> ComparedData:
    """Compute what the figure shows."""
    panels = tuple(_panel(comparison, f) for f in comparison.families)
    title = comparison.new.planned.title or comparison.old.planned.title
    several = len({p.estimand for p in panels}) > 1
    return ComparedData(title, comparison.new.planned.alpha, comparison.names, panels, several)


def _panel(comparison: Comparison, family: FamilyMove) -> ComparedPanel:
    old, new = comparison.old, comparison.new
    before = _ranked(old, family.places_old)
    rank = np.full(len(old), np.nan)
    rank[family.places_old] = before.rank()
    moves = in_errors(old, new, family.both_old, family.both_new)
    at = rank[family.both_old]
    order = np.argsort(at, kind="stable")
    order = order[np.isfinite(moves[order])]
    return ComparedPanel(
        shown_group(comparison, family),
        family.estimand,
        family.scaled,
        before,
        _ranked(new, family.places_new),
        at[order],
        moves[order],
    )


def _ranked(results: Results, places: NDArray[np.int64]) -> Ranked:
    at = np.flatnonzero(places == results.preferred)
    low, high = (results.first(name)[places] for name in ("conf_low", "conf_high"))
    return Ranked(results.estimate[places], low, high, int(at[0]) if len(at) else -1)


def draw(data: ComparedData, width: float | None = None) -> Figure:
    """Draw the data on a new figure, which pyplot does not know.

    Raises
    ------
    ValueError
        Neither run has an estimate.
    """
    if not data.panels:
        raise ValueError("neither run has an estimate, so there is no curve to draw")
    fonts = choose_fonts(_texts(data))
    width = width or DEFAULT
    with own_style():
        height = 215.0 if columns(len(data.panels), width) == 1 else 185.0
        panes = [_pane(p, data) for p in data.panels]
        page, boxes = lay_sheet(data.title, panes, _note(data), fonts, width, height)
        for panel, box in zip(data.panels, boxes, strict=True):
            lower = _LOWER * box.height
            upper = replace(box, height=box.height - lower - _BETWEEN)
            below = replace(box, top=box.top + box.height - lower, height=lower)
            curves = page.axes(upper.left, upper.top, upper.width, upper.height)
            style(curves, fonts, "y")
            _draw_curves(curves, panel)
            moves = page.axes(below.left, below.top, below.width, below.height)
            style_across(moves, fonts, 0, 100, box.width)
            _draw_moves(moves, panel)
            page.text(below.left + 3, below.top + 1, "move in old standard errors", SMALL, colour=QUIET)
            label_across(page, box, "rank by estimate, % (below: by the old estimate)")
        return page.figure


def _pane(panel: ComparedPanel, data: ComparedData) -> Pane:
    names = (f"Effect in {panel.group}" if panel.scaled else f"Effect on {panel.group}", panel.group)
    both = f"{len(panel.move):,} in both"
    facts = (both, *([panel.estimand] if data.several and panel.estimand else []))
    return Pane(names, facts, tuple(_entries(panel, data.names)))


def _entries(panel: ComparedPanel, names: tuple[str, str]) -> Iterator[KeyEntry]:
    values = np.concatenate([panel.old.estimate, panel.new.estimate])
    decimals = decimals_for(values)
    for side, name, words, colour in ((panel.old, names[0], "old", OLD), (panel.new, names[1], "new", NEW)):
        if len(side.estimate):
            median = fixed(float(np.median(side.estimate)), decimals)
            yield KeyEntry("bar", colour, f"{words}: {_short(name)} ({len(side.estimate):,}, median {median})")
    if panel.old.preferred >= 0 or panel.new.preferred >= 0:
        ends = [
            fixed(float(s.estimate[s.preferred]), decimals) if s.preferred >= 0 else "none"
            for s in (panel.old, panel.new)
        ]
        yield KeyEntry("dot", ACCENT, f"preferred: {ends[0]} → {ends[1]}", "D")


def _short(name: str) -> str:
    """Cut a long directory at its beginning: its end tells runs apart."""
    return name if len(name) <= 28 else "…" + name[-27:]


def _draw_curves(axes: Axes, panel: ComparedPanel) -> None:
    ends = [v for s in (panel.old, panel.new) for v in (*_range(s), *_range(s, intervals=True))]
    low, high = with_room([0.0, *ends])
    axes.set_xlim(0, 100)
    axes.set_ylim(low, high)
    axes.set_xticks([])
    axes.set_yticks(*round_ticks(low, high))
    axes.axhline(0, color=INK, linewidth=0.6, zorder=2)
    for z, (side, colour) in enumerate(((panel.old, OLD), (panel.new, NEW))):
        if len(side.estimate):
            x, middle, bottom, top = _thin(side)
            axes.fill_between(x, bottom, top, color=colour, alpha=0.16, linewidth=0, zorder=1 + 0.1 * z)
            axes.plot(x, middle, color=colour, linewidth=1.4, zorder=3 + z)
    _draw_preferred(axes, panel)


def _draw_preferred(axes: Axes, panel: ComparedPanel) -> None:
    """Mark the preferred estimates: hollow the old one, full the new one, and a line from one to the other."""
    marks = [(s.rank()[s.preferred], s.estimate[s.preferred]) for s in (panel.old, panel.new) if s.preferred >= 0]
    if len(marks) == 2:
        axes.plot(*zip(*marks, strict=True), color=ACCENT, linewidth=0.8, zorder=6)
    for side, face in ((panel.old, "white"), (panel.new, ACCENT)):
        if side.preferred >= 0:
            axes.scatter(
                [side.rank()[side.preferred]],
                [side.estimate[side.preferred]],
                s=24,
                marker="D",
                color=face,
                edgecolor=ACCENT,
                linewidth=1.0,
                zorder=7,
            )


def _range(side: Ranked, intervals: bool = False) -> tuple[float, ...]:
    """Return the ends of the estimates, or of intervals as far as they are not wide beyond measure."""
    if not len(side.estimate):
        return ()
    low, high = float(side.estimate.min()), float(side.estimate.max())
    if not intervals or not np.isfinite(side.low).any():
        return low, high
    reach = 1.5 * float(np.nanmedian(side.high - side.low))
    return max(float(np.nanmin(side.low)), low - reach), min(float(np.nanmax(side.high)), high + reach)


def _thin(side: Ranked) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the curve at no more than _MOST places, the ends of intervals as medians of neighbours."""
    whole = (side.rank(), side.estimate, side.low, side.high)
    if len(side.estimate) <= _MOST:
        return whole
    runs = np.array_split(np.arange(len(side.estimate)), _MOST)
    x, middle, low, high = (np.array([_median(values[run]) for run in runs]) for values in whole)
    return x, middle, low, high


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _draw_moves(axes: Axes, panel: ComparedPanel) -> None:
    largest = max(_LEAST, float(np.abs(panel.move).max()) if len(panel.move) else 0.0)
    low, high = with_room([-largest, largest], 0.12)
    axes.set_ylim(low, high)
    axes.set_yticks(*round_ticks(low, high, 4))
    axes.axhline(0, color=INK, linewidth=0.6, zorder=2)
    if len(panel.move) <= _POINTS:
        axes.scatter(panel.rank, panel.move, s=5, color=NEW, alpha=0.7, linewidths=0, zorder=4)
        return
    runs = np.array_split(np.arange(len(panel.move)), _BINS)
    x = [float(panel.rank[run].mean()) for run in runs]
    q = np.array([np.quantile(panel.move[run], [0, 0.25, 0.5, 0.75, 1]) for run in runs]).T
    axes.fill_between(x, q[0], q[4], color=blend(NEW, 0.18), linewidth=0, zorder=1)
    axes.fill_between(x, q[1], q[3], color=blend(NEW, 0.4), linewidth=0, zorder=1.1)
    axes.plot(x, q[2], color=NEW, linewidth=1.2, zorder=4)


def _note(data: ComparedData) -> str:
    parts = [
        f"Shaded: {100 * (1 - data.alpha):g}% confidence intervals.",
        "Ranks are in percent, so that curves of different length lie over each other.",
    ]
    if any(len(p.move) > _POINTS for p in data.panels):
        parts.append("Moves: median, quartiles, extremes.")
    return " ".join(parts)


def _texts(data: ComparedData) -> Iterator[str]:
    yield "−–…·→%" + data.title + "".join(data.names)
    for panel in data.panels:
        yield panel.group + panel.estimand


FIGURE = FigureKind("compared_curves", "Two runs' curves", compared_data, draw)
