"""Two runs' estimates in pairs, specification by specification, and below how far each moved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Floats
from specdid._compare import Comparison, FamilyMove, in_errors, shown_group
from specdid._records import Results
from specdid._records.numerals import decimals_for
from specdid._words import say, sentences, told
from specdid.figures._axes import beyond_words, draw_steps, fixed, shown_range, style_up, with_room
from specdid.figures._base import FigureKind
from specdid.figures._fonts import Fonts
from specdid.figures._page import Page, choose_fonts
from specdid.figures._panes import Box, KeyEntry, Pane, columns, effect_names, label_across, lay_sheet
from specdid.figures._style import ACCENT, DEFAULT, INK, QUIET, RING, SERIES, SMALL, blend, own_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OLD, NEW = QUIET, SERIES[0]
_PAIRS = 200
"""Up to so many pairs are dots joined by lines; more are the ranges of neighbours."""
_BINS = 100
_LEAST = 0.05
"""The axis of moves reaches so far at least: rounding errors are no moves."""
_LOWER, _BETWEEN = 0.3, 12.0


@dataclass(frozen=True, slots=True)
class Ranked:
    """One run's curve: (n,) estimates by rank, and the preferred one's place or -1."""

    estimate: Floats
    preferred: int


@dataclass(frozen=True, slots=True)
class ComparedPanel:
    """One scale, estimand and kind.

    Attributes
    ----------
    old, new : the curves.
    pairs : (2, m) old and new estimates of the specifications estimated in both runs, by the old one.
    move : (m,) their moves in old standard errors, NaN without one.
    alone : the estimates that only the old and only the new run has, ascending.
    preferred : places in ``pairs`` of the old and the new run's preferred specification, -1 where not among them.
    apart : the kind, where no joint test takes it.
    """

    group: str
    estimand: str
    scaled: bool
    old: Ranked
    new: Ranked
    pairs: Floats
    move: Floats
    alone: tuple[Floats, Floats]
    preferred: tuple[int, int]
    apart: str = ""

    @property
    def gap(self) -> float:
        """The room before what one run has alone, in the room of a pair."""
        return max(1.0, 0.03 * float(self.pairs.shape[1]))

    @property
    def values(self) -> Floats:
        """The estimates of both runs."""
        return np.concatenate([self.pairs.reshape(-1), *self.alone])

    def starts(self) -> tuple[float, float, float]:
        """Return where the old run's own estimates begin, the new run's, and where the axis ends."""
        pairs, (old, new) = float(self.pairs.shape[1]), map(len, self.alone)
        first = pairs + (self.gap if pairs and old else 0.0)
        second = first + old + (self.gap if first + old and new else 0.0)
        return first, second, second + new


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
    order = np.argsort(old.estimate[family.both_old], kind="stable")
    before, after = family.both_old[order], family.both_new[order]
    alone = (np.setdiff1d(family.places_old, before), np.setdiff1d(family.places_new, after))
    marked = (np.flatnonzero(before == old.preferred), np.flatnonzero(after == new.preferred))
    return ComparedPanel(
        shown_group(comparison, family),
        family.estimand,
        family.scaled,
        _ranked(old, family.places_old),
        _ranked(new, family.places_new),
        np.stack([old.estimate[before], new.estimate[after]]),
        in_errors(old, new, before, after),
        (np.sort(old.estimate[alone[0]]), np.sort(new.estimate[alone[1]])),
        (int(marked[0][0]) if len(marked[0]) else -1, int(marked[1][0]) if len(marked[1]) else -1),
        family.apart,
    )


def _ranked(results: Results, places: NDArray[np.int64]) -> Ranked:
    at = np.flatnonzero(places == results.preferred)
    return Ranked(results.estimate[places], int(at[0]) if len(at) else -1)


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
        page, boxes = lay_sheet(data.title, panes, _note(data), fonts, width, height, least=90.0, key=[*_key(data)])
        for panel, box in zip(data.panels, boxes, strict=False):
            label_across(page, box, say("specifications, by the old estimate"))
            lower = _LOWER * box.height if np.isfinite(panel.move).any() else 0.0
            if not lower:
                _curves(page, box, panel)
                continue
            upper = replace(box, height=box.height - lower - _BETWEEN)
            below = replace(box, top=box.top + box.height - lower, height=lower)
            _curves(page, upper, panel)
            _draw_moves(page.axes(below.left, below.top, below.width, below.height), fonts, panel)
            page.text(below.left + 3, below.top + 1, say("move in old standard errors"), SMALL, colour=QUIET)
        return page.figure


def _curves(page: Page, box: Box, panel: ComparedPanel) -> None:
    _draw_pairs(page.axes(box.left, box.top, box.width, box.height), page.fonts, panel)


def _pane(panel: ComparedPanel, data: ComparedData) -> Pane:
    counts = zip(
        (panel.pairs.shape[1], *map(len, panel.alone)), (say("in both"), say("only old"), say("only new")), strict=True
    )
    present = [f"{n:,} {words}" for n, words in counts if n or words == say("in both")]
    named = (told(panel.estimand) if data.several and panel.estimand else "", panel.apart and say(panel.apart))
    return Pane(effect_names(panel.group, panel.scaled), (*present, *filter(None, named), *_numbers(panel)))


def _numbers(panel: ComparedPanel) -> Iterator[str]:
    decimals = decimals_for(np.concatenate([panel.old.estimate, panel.new.estimate]))
    for side, words in ((panel.old, say("old")), (panel.new, say("new"))):
        if len(side.estimate):
            median = fixed(float(np.median(side.estimate)), decimals)
            yield say("{which}: {n:,}, median {median}", which=words, n=len(side.estimate), median=median)
    if panel.old.preferred >= 0 or panel.new.preferred >= 0:
        ends = [
            fixed(float(s.estimate[s.preferred]), decimals) if s.preferred >= 0 else say("none")
            for s in (panel.old, panel.new)
        ]
        yield say("preferred: {old} → {new}", old=ends[0], new=ends[1])


def _key(data: ComparedData) -> Iterator[KeyEntry]:
    yield KeyEntry("dot", OLD, f"{say('old')}: {_short(data.names[0])}", RING)
    yield KeyEntry("dot", NEW, f"{say('new')}: {_short(data.names[1])}")
    if any(max(p.old.preferred, p.new.preferred) >= 0 for p in data.panels):
        yield KeyEntry("dot", ACCENT, say("preferred"), "D")


def _short(name: str) -> str:
    """Cut a long directory at its beginning: its end tells runs apart."""
    return name if len(name) <= 28 else "…" + name[-27:]


def _draw_pairs(axes: Axes, fonts: Fonts, panel: ComparedPanel) -> None:
    """Draw each specification's old and new estimate and a line from one to the other; many as ranges."""
    old, new, stop = panel.starts()
    low, high = with_room([0.0, *shown_range(panel.values)])
    style_up(axes, fonts, low, high)
    axes.set_xlim(-0.5, max(stop, 1.0) + 0.5)
    before, after = panel.pairs
    x = np.arange(len(before)) + 0.5
    if len(before) <= _PAIRS:
        axes.vlines(x, np.minimum(before, after), np.maximum(before, after), color=blend(NEW, 0.4), linewidth=0.7)
        size = float(np.clip(160 / max(stop, 1.0), 1.6, 3.6)) ** 2
        axes.scatter(x, before, s=size, zorder=3, **_ring(size))
        axes.scatter(x, after, s=size, color=NEW, linewidths=0, zorder=4)
    else:
        _ranges(axes, after, 3)
        _steps(axes, before, OLD, 1.2, 5)
    for start, own, colour in ((old, panel.alone[0], OLD), (new, panel.alone[1], NEW)):
        size = float(np.clip(160 / max(stop, 1.0), 1.2, 3.6)) ** 2
        looks = _ring(size) if colour == OLD else {"color": colour, "linewidths": 0}
        axes.scatter(start + np.arange(len(own)) + 0.5, own, s=size, zorder=3, **looks)
    _draw_preferred(axes, panel)


def _ring(size: float) -> dict[str, Any]:
    """Return the looks of an old estimate: hollow, since grey print has one grey for both runs."""
    return {"facecolors": "white", "edgecolors": OLD, "linewidths": 0.22 * size**0.5}


def _bins(n: int) -> tuple[list[NDArray[np.int64]], NDArray[np.float64]]:
    """Return runs of neighbours and the edges between them."""
    runs = np.array_split(np.arange(n), _BINS)
    return runs, np.concatenate([[0.0], np.cumsum([len(run) for run in runs])])


def _ranges(axes: Axes, values: Floats, order: float) -> None:
    """Draw, in steps, extremes, quartiles and median of runs of neighbours."""
    runs, edges = _bins(len(values))
    known = [v[np.isfinite(v)] for v in (values[run] for run in runs)]
    q = np.array([np.quantile(v, [0, 0.25, 0.5, 0.75, 1]) if len(v) else np.full(5, np.nan) for v in known]).T
    for low, high, share in ((q[0], q[4], 0.18), (q[1], q[3], 0.4)):
        draw_steps(axes, high, edges, low, order - share, facecolor=blend(NEW, share))
    draw_steps(axes, q[2], edges, None, order, fill=False, edgecolor=NEW, linewidth=1.2)


def _steps(axes: Axes, values: Floats, colour: str, wide: float, order: float) -> None:
    runs, edges = _bins(len(values))
    medians = [float(np.median(values[run])) for run in runs]
    draw_steps(axes, medians, edges, None, order, fill=False, edgecolor=colour, linewidth=wide, linestyle=(0, (2, 1)))


def _draw_preferred(axes: Axes, panel: ComparedPanel) -> None:
    """Mark the preferred estimates: hollow the old one, full the new one, and a line between those of pairs."""
    if min(panel.preferred) >= 0:
        places = [k + 0.5 for k in panel.preferred]
        axes.plot(
            places,
            [panel.pairs[side, k] for side, k in enumerate(panel.preferred)],
            color=ACCENT,
            linewidth=0.8,
            zorder=6,
        )
    runs = zip((panel.old, panel.new), panel.alone, panel.starts(), panel.preferred, ("white", ACCENT), strict=False)
    for side, (run, alone, start, paired, face) in enumerate(runs):
        if run.preferred >= 0:
            y = float(run.estimate[run.preferred])
            # One that the other run has not stands among those that a run has alone, which are sorted.
            x = paired if paired >= 0 else start + int(np.searchsorted(alone, y))
            axes.scatter(
                [x + 0.5], [y], s=24, marker="D", color=face, edgecolor=INK if side else ACCENT, linewidth=0.8,
                zorder=7 + side,
            )  # fmt: skip


def _draw_moves(axes: Axes, fonts: Fonts, panel: ComparedPanel) -> None:
    known = panel.move[np.isfinite(panel.move)]
    largest = max(_LEAST, float(np.abs(known).max()) if len(known) else 0.0)
    low, high = with_room([-largest, largest], 0.12)
    style_up(axes, fonts, low, high, 4)
    axes.set_xlim(-0.5, max(panel.starts()[2], 1.0) + 0.5)
    if len(panel.move) <= _PAIRS:
        x = np.arange(len(panel.move)) + 0.5
        axes.scatter(x, panel.move, s=5, color=NEW, linewidths=0, zorder=4)
    else:
        _ranges(axes, panel.move, 4)


def _note(data: ComparedData) -> str:
    many = {p.pairs.shape[1] > _PAIRS for p in data.panels}
    parts = []
    if False in many:
        parts.append(say("A line joins a specification's old and new estimate."))
    if True in many:
        parts.append(
            say("Of many: median, quartiles and extremes of neighbours in steps, the old ones' median dashed.")
        )
    if any(len(own) for p in data.panels for own in p.alone):
        parts.append(say("At the right is what one run has alone."))
    beyond = [y[(y < low) | (y > high)] for y in (p.values for p in data.panels) for low, high in [shown_range(y)]]
    if said := [beyond_words(y, decimals_for(y)) for y in beyond if len(y)]:
        parts.append(say("Beyond the axis: {listed}.", listed=say("; ").join(said)))
    if any(not p.pairs.shape[1] for p in data.panels):
        parts.append(say("No moves are drawn where no specification is in both runs."))
    still = sum(int(np.count_nonzero(~np.isfinite(p.move))) for p in data.panels)
    if still:
        parts.append(say("Without a move, since neither run has a standard error: {still:,}.", still=still))
    return sentences(parts)


def _texts(data: ComparedData) -> Iterator[str]:
    yield "−–…·→%" + data.title + "".join(data.names)
    for panel in data.panels:
        yield panel.group + panel.estimand


FIGURE = FigureKind("compared_curves", "Two runs' curves", compared_data, draw)
