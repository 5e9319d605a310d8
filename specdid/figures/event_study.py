"""An event study: effects by period with pointwise and simultaneous intervals, specifications overlaid; its data.

A panel per outcome, one above the other; the reference period is a hollow mark at zero and
is named below it. The joint test of the leads stands above the panel it is about. The axis
counts periods from adoption, or is the calendar.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from specdid._arrays import Floats
from specdid._records.numerals import degrees, p_text, percent
from specdid._words import later, say, sentences
from specdid.figures._axes import fixed, style_up, with_room
from specdid.figures._base import FigureKind
from specdid.figures._curve_axes import draw_tested
from specdid.figures._fonts import Fonts
from specdid.figures._page import Page, axes_differ, choose_fonts
from specdid.figures._panes import Box, KeyEntry, Pane, label_across, lay_sheet
from specdid.figures._style import (
    ACCENT,
    CROSS,
    DEFAULT,
    FAINT,
    INK,
    QUIET,
    SERIES,
    SMALL,
    blend,
    look_of_series,
    own_style,
)
from specdid.figures.forest import SMALL_SIGN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


NAMED = 4
"""Curves that a note names."""
MOST = len(SERIES)
"""Series with colours and bars of their own; of more, only the preferred one has them."""


@dataclass(frozen=True, slots=True)
class EventSeries:
    """One curve.

    ``pointwise`` and ``band`` are half widths (m,) at the periods, NaN where there are no
    errors; ``references`` are the periods set to zero; ``test`` is F, df1, df2 and p of
    the leads, NaN where there is none; ``bins`` are the ends that include what lies beyond them;
    ``place`` is that of its estimator among the study's; ``few`` are periods of too few treated units for their errors.
    """

    label: str
    periods: Floats
    estimate: Floats
    pointwise: Floats
    band: Floats
    references: tuple[int, ...]
    test: tuple[float, int, float, float]
    nobs: int
    preferred: bool = False
    bins: tuple[int, ...] = ()
    place: int = 0
    few: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class EventPanel:
    """The curves of one outcome; panels of one ``axis`` have the same limits."""

    name: str
    series: tuple[EventSeries, ...]
    axis: str = ""


@dataclass(frozen=True, slots=True)
class EventData:
    """What an event-study figure shows.

    ``reference`` is a period, ``window`` the first and last; ``unit`` is a period's word: "year".
    ``starts`` are the first treated periods, 0 in relative time. In calendar time ``ticks``
    are the window's periods as the data write them. ``drawn`` is a sentence on what all curves are of.
    ``absent`` says which curves could not be estimated, and why; ``remarks`` are sentences about what effects are of.
    ``doubt`` says that leads differ from zero.
    """

    title: str
    panels: tuple[EventPanel, ...]
    reference: int
    window: tuple[int, int]
    alpha: float
    vcov: str
    unit: str = "period"
    starts: tuple[int, ...] = (0,)
    ticks: tuple[str, ...] = ()
    drawn: str = ""
    absent: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    doubt: str = ""

    def tick(self, period: int) -> str:
        """Write a period: −1, or 2011."""
        return self.ticks[period - self.window[0]] if self.ticks else fixed(float(period), 0)

    def binned(self, period: int) -> tuple[bool, ...]:
        """Say of each curve that has ``period`` whether it includes what lies beyond it."""
        curves = [s for p in self.panels for s in p.series if period in s.references or period in s.periods]
        return tuple(period in s.bins for s in curves)


def ends_note(curves: Sequence[tuple[str, tuple[int, ...]]], window: tuple[int, int]) -> str:
    """Say which ends of ``window`` include what lies beyond them, and in which of the named curves."""
    sides = zip(
        window,
        (say("the first period includes all earlier ones"), say("the last period includes all later ones")),
        strict=True,
    )
    said, names = [], list(dict.fromkeys(name for name, _ in curves))
    for end, words in sides:
        having = list(dict.fromkeys(name for name, bins in curves if end in bins))
        if all(end in bins for _, bins in curves):
            said.append(words)
        elif having and len(having) > NAMED >= len(names) - len(having) > 0:
            others = say(", ").join(name for name in names if name not in having)
            said.append(say("{words}, but not in {others}", words=words, others=others))
        elif having:
            which = (
                say(", ").join(having)
                if len(having) <= NAMED
                else say("{having} of {names} curves", having=len(having), names=len(names))
            )
            said.append(say("{words} in {which} only", words=words, which=which))
    if all(bins == window for _, bins in curves):
        return say("The end periods include all earlier and later ones.")
    text = say("; ").join(said)
    return say("{sample}.", sample=text[0].upper() + text[1:]) if text else ""


@dataclass(frozen=True, slots=True)
class Look:
    """How a series is drawn: its colour and marker, and whether its intervals are."""

    colour: Any
    marker: str
    bars: bool


def look_of(panel: EventPanel, k: int) -> Look:
    """Return the look of a panel's series ``k``: where each has an estimator of its own, that of the curve."""
    if len(panel.series) <= MOST:
        places = [s.place for s in panel.series]
        return Look(*look_of_series(places[k] if len({*places}) == len(places) else k), True)
    if panel.series[k].preferred:
        return Look(ACCENT, "D", True)
    return Look(blend(INK, 0.3), "o", False)


__all__ = ["FIGURE", "EventData", "EventPanel", "EventSeries"]


_LEFT, _RIGHT = 34.0, 6.0
_TALL, _LEAST = 128.0, 46.0
"""Height of the axes, and at least."""
_STEPS = (1, 2, 5, 10, 20, 50, 100)
_CALENDAR_STEPS = {"month": (1, 3, 6, 12, 24, 60, 120), "quarter": (1, 2, 4, 8, 20, 40, 80)}
"""Periods between two labels of the axis."""


def key_entries(data: EventData) -> Iterator[KeyEntry]:
    """Say what colours and bars mean; series are named once where all panels have the same."""
    panel = max(data.panels, key=lambda p: len(p.series))
    if 1 < len(panel.series) <= MOST:
        for k, series in enumerate(panel.series):
            yield _marked(look_of(panel, k), series.label)
    elif len(panel.series) > MOST:
        kept = next((s for s in panel.series if s.preferred), None)
        if kept is not None:
            yield KeyEntry("dot", ACCENT, say("preferred: {label}", label=kept.label), "D")
        yield KeyEntry("thin bar", blend(INK, 0.3), say("{n:,} others", n=len(panel.series) - (kept is not None)))
    level = f"{100 * (1 - data.alpha):g}%"
    colour = blend(ACCENT if len(panel.series) > MOST else INK, 0.5)
    drawn = [s for p in data.panels for k, s in enumerate(p.series) if look_of(p, k).bars]
    if any(np.isfinite(s.pointwise).any() for s in drawn):
        yield KeyEntry("bar", colour, say("{level} pointwise", level=level))
    if any(np.isfinite(s.band).any() for s in drawn):
        yield KeyEntry("thin bar", colour, say("{level} simultaneous", level=level))
    if any(np.isnan(s.pointwise).any() for s in drawn):
        yield KeyEntry("dot", QUIET, say("no standard error"), CROSS)


def _marked(look: Look, words: str) -> KeyEntry:
    return KeyEntry("dot", look.colour, words, look.marker)


def test_entries(panel: EventPanel, data: EventData) -> Iterator[KeyEntry]:
    """Write each curve's joint test of the leads, or for many curves how often it rejects."""
    tested = [(k, s.test) for k, s in enumerate(panel.series) if np.isfinite(s.test[3])]
    if not tested:
        return
    if len(panel.series) > MOST:
        share = percent(float(np.mean([test[3] < data.alpha for _, test in tested])))
        words = say(
            "joint test of the leads: p < {alpha:g} in {share} of {tested:,}",
            alpha=data.alpha,
            share=share,
            tested=len(tested),
        )
        yield KeyEntry("words", QUIET, words)
        return
    yield KeyEntry("words", QUIET, say("joint test of the leads:"))
    for k, (statistic, df1, df2, p) in tested:
        words = f"F({df1}, {degrees(df2)}) = {statistic:.2f}, {p_text(p)}"
        yield _marked(look_of(panel, k), words) if len(panel.series) > 1 else KeyEntry("words", QUIET, words)


def note(data: EventData) -> str:
    """Say what is drawn, in sentences."""
    parts = []
    marked = [bool(s.references) for p in data.panels for k, s in enumerate(p.series) if look_of(p, k).bars]
    relative = [bool(s.references) for p in data.panels for s in p.series]
    if any(relative):
        parts.append(
            say(
                "Effects are relative to {unit} {tick} (hollow)."
                if any(marked)
                else "Effects are relative to {unit} {tick}.",
                unit=data.unit,
                tick=data.tick(data.reference),
            )
        )
    else:
        parts.append(say("No period is set to zero."))
    if any(relative) and not all(relative):
        parts.append(
            say(
                "From treatment on, effects of curves without a hollow mark are not relative to one period; what their "
                "leads are measured against is in the table's notes."
            )
            if len(marked) == len(relative) and any(marked)
            else say(
                "From treatment on, effects of {n:,} curves are not relative to one period; what their leads are "
                "measured against is in the table's notes.",
                n=relative.count(False),
            )
        )
    if data.ticks:
        parts.append(_beginning(data))
    parts.append(ends_note([(s.label, s.bins) for p in data.panels for s in p.series], data.window))
    parts.append(say("Standard errors: {vcov}; the simultaneous band covers the whole curve.", vcov=data.vcov))
    parts.append(data.drawn)
    if data.absent:
        more = [say("{n} more", n=len(data.absent) - NAMED)] if len(data.absent) > NAMED else []
        parts.append(say("Not estimated: {said}.", said=say("; ").join([*data.absent[:NAMED], *more])))
    parts += data.remarks
    return sentences(filter(None, parts))


def _beginning(data: EventData) -> str:
    """Say when treatment begins, where the axis does not."""
    first, last = data.window
    known = [data.tick(k) for k in data.starts if first <= k <= last]
    return say("The first units are treated in {periods} (dashed).", periods=say(" or ").join(known)) if known else ""


def draw(data: EventData, width: float | None = None) -> Figure:
    """Draw on a new figure, which pyplot does not know.

    Raises
    ------
    ValueError
        There is nothing to draw.
    """
    if not any(panel.series for panel in data.panels):
        raise ValueError("no event study could be estimated, so there is nothing to draw")
    fonts, ends = choose_fonts(_texts(data)), [_ends(panel, data) for panel in data.panels]
    arrows = say("Arrows: intervals that go beyond the axis.")
    beyond = any(_is_beyond(p, data) for p in data.panels)
    panes = [Pane((say("Effect on {name}", name=p.name),), entries=tuple(test_entries(p, data))) for p in data.panels]
    with own_style():
        page, boxes = lay_sheet(
            data.title,
            panes,
            sentences([note(data), *([arrows] if beyond else []), *axes_differ(ends)]),
            fonts,
            width or DEFAULT,
            _TALL,
            inner=(_LEFT, _RIGHT),
            least=_LEAST,
            doubt=data.doubt,
            key=list(key_entries(data)),
            across=1,
        )
        for panel, box in zip(data.panels, boxes, strict=False):
            _panel(page, panel, data, box)
        words = data.unit if data.ticks else say("{unit}s since the first treated one", unit=data.unit)
        label_across(page, boxes[-1], words.capitalize())
        return page.figure


def _panel(page: Page, panel: EventPanel, data: EventData, box: Box) -> None:
    """Draw one outcome's axes, curves, and the periods below them."""
    axes = page.axes(box.left, box.top, box.width, box.height)
    style_up(axes, page.fonts, *_ends(panel, data), 7)
    first, last = data.window
    axes.set_xlim(first - 0.5, last + 0.5)
    for start in data.starts:
        axes.axvline(start - 0.5, color=FAINT, linewidth=0.6, linestyle=(0, (3, 2)), zorder=1.5)
    slot = box.width / (last - first + 1)
    step = _step(len(panel.series), slot)
    for k, series in enumerate(panel.series):
        place = (k - (len(panel.series) - 1) / 2) * step / slot if len(panel.series) <= MOST else 0.0
        look = look_of(panel, k)
        _curve(axes, series, look, place, step)
        if look.bars:
            _sign_few(axes, page.fonts, series, look, place)
    _periods(page, data, box, slot)


def _step(count: int, slot: float) -> float:
    """Return the points that a series has to itself in a slot, all of it for one alone or among too many."""
    return min(6.5, 0.86 * slot / count) if 1 < count <= MOST else slot


def _curve(axes: Axes, series: EventSeries, look: Look, shift: float, room: float) -> None:
    """Draw a curve: thick pointwise and thin simultaneous intervals, or a thin line among many."""
    x, y = series.periods + shift, series.estimate
    size = min(4.0, max(1.8, 0.75 * room))
    if not look.bars:
        places = np.concatenate([series.periods, np.array(series.references, dtype=float)])
        order = np.argsort(places)
        heights = np.concatenate([y, np.zeros(len(series.references))])
        axes.plot(places[order], heights[order], color=look.colour, linewidth=0.6, zorder=2.5)
        return
    bottom, top = axes.get_ylim()
    for edge, cut, arrow in ((bottom, y - series.band < bottom, "v"), (top, y + series.band > top, "^")):
        axes.scatter(
            x[cut], [edge] * int(cut.sum()), s=8, color=[look.colour], marker=arrow, clip_on=False, linewidths=0
        )
    for half, thick in ((series.band, 0.7), (series.pointwise, min(1.9, 0.45 * room))):
        known = np.isfinite(half)
        axes.vlines(
            x[known],
            (y - half)[known],
            (y + half)[known],
            colors=[blend(look.colour, 0.55)],
            linewidth=thick,
            zorder=3,
        )
    known = np.isfinite(series.pointwise)
    full, colour = np.ones(int(known.sum())), blend(look.colour, 1.0)
    draw_tested(axes, (x[known], y[known]), colour, full, look.marker, size, haloed=True, zorder=5)
    axes.scatter(x[~known], y[~known], s=size**2, color=[colour], marker=CROSS, linewidths=0.2 * size, zorder=5)
    references = np.array(series.references, dtype=float) + shift
    zeros = np.zeros(len(references))
    draw_tested(axes, (references, zeros), colour, zeros, look.marker, size, haloed=True, zorder=5, clip_on=False)


def _sign_few(axes: Axes, fonts: Fonts, series: EventSeries, look: Look, shift: float) -> None:
    """Mark above their intervals the effects of too few treated units, which look as precise as the others."""
    bottom, top = axes.get_ylim()
    half = np.nan_to_num(np.where(np.isfinite(series.band), series.band, series.pointwise))
    ends = np.minimum(series.estimate + half, top - 0.06 * (top - bottom))
    for period, end in zip(series.periods.tolist(), ends.tolist(), strict=True):
        if period in series.few:
            axes.annotate(
                SMALL_SIGN,
                (period + shift, end),
                (0, 1),
                textcoords="offset points",
                fontsize=SMALL,
                color=blend(look.colour, 1.0),
                family=list(fonts.families),
                ha="center",
                va="bottom",
                zorder=6,
            )


def _ends(panel: EventPanel, data: EventData) -> tuple[float, float]:
    alike = [p for p in data.panels if p is panel or (p.axis and p.axis == panel.axis)]
    return _limits([curve for p in alike for curve in _looks(p)])


def _is_beyond(panel: EventPanel, data: EventData) -> bool:
    """Say whether a band that is drawn goes beyond the axis."""
    bottom, top = _ends(panel, data)
    bands = [(s.estimate, s.band) for s, look in _looks(panel) if look.bars]
    return any(bool(((y - half < bottom) | (y + half > top)).any()) for y, half in bands)


def _looks(panel: EventPanel) -> list[tuple[EventSeries, Look]]:
    return [(series, look_of(panel, k)) for k, series in enumerate(panel.series)]


def _limits(curves: list[tuple[EventSeries, Look]]) -> tuple[float, float]:
    """Return the ends of the vertical axis: zero, all estimates, bars or none, and bands unless these explode."""
    ends, lows, highs = [0.0], [], []
    for series, look in curves:
        ends += series.estimate.tolist()
        if look.bars:
            half = np.where(np.isfinite(series.band), series.band, series.pointwise)
            known = np.isfinite(half)
            lows += (series.estimate - half)[known].tolist()
            highs += (series.estimate + half)[known].tolist()
    low, high = min(ends), max(ends)
    if lows:
        typical = float(np.median(np.array(highs) - np.array(lows)))
        low = min(low, max(min(lows), low - 2 * typical))
        high = max(high, min(max(highs), high + 2 * typical))
    return with_room([low, high], 0.06)


def _periods(page: Page, data: EventData, box: Box, slot: float) -> None:
    """Write the periods at even steps, from the reference or of the calendar, and both ends where they have room."""
    first, last = data.window
    width = {k: page.fonts.width(_tick(data, k), SMALL, k == data.reference) for k in range(first, last + 1)}
    widest = max((width[k] for k in range(first + 1, last)), default=max(width.values()))
    steps = _CALENDAR_STEPS.get(data.unit, _STEPS) if data.ticks else _STEPS
    step = next(s for s in steps if s * slot > widest + 4 or s == steps[-1])
    begin = 0 if data.ticks else data.reference
    written: list[tuple[float, float]] = []
    for k in dict.fromkeys([data.reference, first, last, *(k for k in width if (k - begin) % step == 0)]):
        if k not in width:
            continue
        x, half = box.left + (k - first + 0.5) * slot, width[k] / 2
        x = min(x, page.width - half - 0.5)
        if all(abs(x - other) > half + wide + 4 for other, wide in written):
            written.append((x, half))
            at_reference = k == data.reference
            colour = INK if at_reference else QUIET
            page.text(x, box.top + box.height + 7, _tick(data, k), SMALL, at_reference, colour, "center")


def _tick(data: EventData, period: int) -> str:
    """Write a period, an end as what it stands for: −3, ≤ −3, or where curves differ both."""
    text = data.tick(period)
    if period not in data.window or not any(binned := data.binned(period)):
        return text
    beyond = f"≤ {text}" if period == data.window[0] else f"≥ {text}"
    return beyond if all(binned) else f"{text} / {beyond}"


def _texts(data: EventData) -> Iterator[str]:
    yield data.title + data.doubt + data.vcov + data.unit + "".join(data.ticks) + "−≤≥…∞" + SMALL_SIGN
    for panel in data.panels:
        yield panel.name
        yield from (s.label for s in panel.series)


FIGURE = FigureKind("event_study", later("Event study"), EventData, draw)
