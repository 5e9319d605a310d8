"""What an event-study figure shows, and how each series looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from specdid.figures._curve_axes import fixed
from specdid.figures._curve_panel import Floats
from specdid.figures._style import ACCENT, INK, MARKERS, SERIES, blend

MOST = len(SERIES)
"""Series with colours and bars of their own; of more, only the preferred one has them."""


@dataclass(frozen=True, slots=True)
class EventSeries:
    """One curve.

    ``pointwise`` and ``band`` are half widths (m,) at the periods, NaN where there are no
    errors; ``references`` are the periods set to zero; ``test`` is F, df1, df2 and p of
    the leads, NaN where there is none.
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


@dataclass(frozen=True, slots=True)
class EventPanel:
    """The curves of one outcome."""

    name: str
    series: tuple[EventSeries, ...]


@dataclass(frozen=True, slots=True)
class EventData:
    """What an event-study figure shows.

    ``reference`` is a period, ``window`` the first and last; ``unit`` is a period's word: "year".
    ``starts`` are the first treated periods, 0 in relative time. In calendar time ``ticks``
    are the window's periods as the data write them.
    """

    title: str
    panels: tuple[EventPanel, ...]
    reference: int
    window: tuple[int, int]
    binned: bool
    alpha: float
    vcov: str
    unit: str = "period"
    starts: tuple[int, ...] = (0,)
    ticks: tuple[str, ...] = ()

    def tick(self, period: int) -> str:
        """Write a period: −1, or 2011."""
        return self.ticks[period - self.window[0]] if self.ticks else fixed(float(period), 0)


@dataclass(frozen=True, slots=True)
class Look:
    """How a series is drawn: its colour and marker, and whether its intervals are."""

    colour: Any
    marker: str
    bars: bool


def look_of(panel: EventPanel, k: int) -> Look:
    """Give the look of a panel's series ``k``."""
    if len(panel.series) <= MOST:
        return Look(SERIES[k], MARKERS[k], True)
    if panel.series[k].preferred:
        return Look(ACCENT, "D", True)
    return Look(blend(INK, 0.3), "o", False)
