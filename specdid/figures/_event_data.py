"""What an event-study figure shows, and how each series looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from specdid._arrays import Floats
from specdid._words import say
from specdid.figures._curve_axes import fixed
from specdid.figures._style import ACCENT, INK, MARKERS, SERIES, blend

NAMED = 4
"""Curves that a note names."""
MOST = len(SERIES)
"""Series with colours and bars of their own; of more, only the preferred one has them."""


@dataclass(frozen=True, slots=True)
class EventSeries:
    """One curve.

    ``pointwise`` and ``band`` are half widths (m,) at the periods, NaN where there are no
    errors; ``references`` are the periods set to zero; ``test`` is F, df1, df2 and p of
    the leads, NaN where there is none; ``bins`` are the ends that include what lies beyond them.
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
    are the window's periods as the data write them. ``sample`` is what all curves are of, where there are others.
    ``absent`` says which curves could not be estimated, and why.
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
    sample: str = ""
    absent: tuple[str, ...] = ()

    def tick(self, period: int) -> str:
        """Write a period: −1, or 2011."""
        return self.ticks[period - self.window[0]] if self.ticks else fixed(float(period), 0)

    def binned(self, period: int) -> bool:
        """Say whether ``period`` includes what lies beyond it in every curve that has it."""
        curves = [s for p in self.panels for s in p.series if period in s.references or period in s.periods]
        return bool(curves) and all(period in s.bins for s in curves)


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
    """Return the look of a panel's series ``k``."""
    if len(panel.series) <= MOST:
        return Look(SERIES[k], MARKERS[k], True)
    if panel.series[k].preferred:
        return Look(ACCENT, "D", True)
    return Look(blend(INK, 0.3), "o", False)
