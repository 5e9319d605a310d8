"""An event study's time axis: periods from adoption, or the calendar; and what the data do not fill of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from specdid._diagnostics import Fault, fault_at
from specdid._records.numerals import minus
from specdid.analyses._base import Bench, Cell, Request
from specdid.analyses._words import time_name
from specdid.engine.problem import Floats, Ints
from specdid.panel.times import StepError

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Config:
    """The table's keys; ``window`` None is all that the data show, ``reference`` None the period before treatment.

    In calendar time both are written as the time column is.
    """

    window: tuple[int, int] | None
    reference: int | None
    ends: str
    calendar: bool = False


@dataclass(frozen=True, slots=True)
class Clock:
    """A cell's time axis.

    Attributes
    ----------
    place : (n,) float64
        Where a row stands on the axis, ends binned; NaN for rows whose effect is not asked for.
        In relative time these are the never treated. In calendar time a unit stands there once
        it is treated and, as a lead, before ``start``; between the two it is a control.
    keep : (n,) bool, rows inside the window
    periods : periods to estimate, without the reference
    reference : int
    first, last : the window
    start : the first treated period: 0, or of the calendar; leads come before
    beyond : (n,) float64, ``place`` before ends are binned
    binned : ends are binned: they hold what lies beyond them, where something does
    names : in calendar time the periods of the window as the data write them
    """

    place: Floats = field(repr=False)
    keep: Bools = field(repr=False)
    periods: tuple[int, ...]
    reference: int
    first: int
    last: int
    start: int
    beyond: Floats = field(repr=False)
    binned: bool
    names: tuple[str, ...] = ()

    @property
    def calendar(self) -> bool:
        """Whether the axis is the calendar."""
        return bool(self.names)

    def bins(self, rows: Ints) -> tuple[int, ...]:
        """Return the ends that hold what lies beyond them in ``rows``; an end that holds nothing else is one period."""
        if not self.binned:
            return ()
        here = self.beyond[rows]
        ends = ((self.first, here < self.first), (self.last, here > self.last))
        return tuple(end for end, outside in ends if outside.any())

    def text(self, period: int, plus: bool = False) -> str:
        """Write a period: −1, or 2011; ``plus`` marks those after adoption."""
        if self.calendar:
            return self.names[period - self.first]
        return f"+{period}" if plus and period > 0 else minus(f"{period}")

    def written(self, period: int) -> int | str:
        """Return a period for a tidy table: relative, or as the data write it."""
        text = self.text(period)
        return period if not self.calendar else int(text) if text.isdecimal() else text


def clock_of(bench: Bench, cell: Cell, config: Config) -> Clock:
    """Set the time axis of a cell, which must have a cohort; StepError where a written period is none."""
    place, start = _places(bench, cell, config)
    here = place[_known(bench, cell)]
    lowest, highest = int(np.nanmin(here)), int(np.nanmax(here))
    first, last = _window(bench, config) or (lowest, highest)
    reference = _reference(bench, config, start)
    keep, beyond = np.ones(len(place), bool), place
    if config.ends == "bin":
        place = np.clip(place, first, last)
    else:
        keep = np.isnan(place) | ((place >= first) & (place <= last))
        if config.calendar and bench.periods is not None:
            keep &= (bench.periods >= first) & (bench.periods <= last)
    periods = tuple(k for k in range(first, last + 1) if k != reference)
    names = tuple(_names(bench, first, last)) if config.calendar else ()
    return Clock(place, keep, periods, reference, first, last, start, beyond, config.ends == "bin", names)


def _places(bench: Bench, cell: Cell, config: Config) -> tuple[Floats, int]:
    """Return each row's place on the axis, ends not binned yet, and the first treated period."""
    cohort, periods = bench.cohort(cell), bench.periods
    assert cohort is not None
    assert periods is not None
    if not config.calendar:
        return np.asarray(periods - cohort), 0
    rows = _known(bench, cell) & np.isfinite(cohort)
    # Units treated before the data begin have no leads, and do not say when treatment starts.
    adopted = cohort[rows][cohort[rows] > periods[rows].min()] if rows.any() else cohort[:0]
    start = int(np.ceil(adopted.min())) if len(adopted) else int(periods.min())
    treated = periods >= cohort
    stands = np.isfinite(cohort) & (treated == (periods >= start))
    return np.where(stands, periods, np.nan), start


def _known(bench: Bench, cell: Cell) -> Bools:
    """Mark the rows of a cell's sample whose outcome is known."""
    return np.asarray(bench.in_sample(cell) & np.isfinite(bench.outcome(cell)))


def _period(bench: Bench, written: int) -> int:
    return int(bench.panel.to_periods(np.array([float(written)]))[0])


def _window(bench: Bench, config: Config) -> tuple[int, int] | None:
    if config.window is None or not config.calendar:
        return config.window
    return _period(bench, config.window[0]), _period(bench, config.window[1])


def _reference(bench: Bench, config: Config, start: int) -> int:
    if config.reference is None:
        return start - 1
    return _period(bench, config.reference) if config.calendar else config.reference


def _names(bench: Bench, first: int, last: int) -> Iterator[str]:
    """Write the periods of a window as the data do; one that no row has as its number."""
    assert bench.periods is not None
    seen, row = np.unique(bench.periods, return_index=True)
    rows = dict(zip(seen.tolist(), row.tolist(), strict=True))
    for k in range(first, last + 1):
        yield time_name(bench.panel, rows[k]) if k in rows else str(k)


def check(bench: Bench, request: Request) -> Iterator[Fault]:
    """Find treatments without a cohort or a pre-period, and windows that the data do not fill."""
    config: Config = request.config
    cells = bench.cells(request)
    without = dict.fromkeys(c.labels["treatment"] for c in cells if bench.cohort(c) is None)
    for label in without:
        yield fault_at(
            request.table.origin,
            None,
            "no_cohort",
            f"the treatment `{label}` has no cohort, so there is no time relative to adoption",
            'give it one: { term = "…", cohort = "…" }, the first treated period, 0 for never',
        )
    usable = [c for c in cells if c.labels["treatment"] not in without]
    if bench.periods is None or not usable:
        return
    if wrong := list(_unwritten(bench, request)):
        yield from wrong
        return
    axes = [(place[_known(bench, c)], start) for c in usable for place, start in [_places(bench, c, config)]]
    known = np.unique(np.concatenate([place for place, _ in axes]))
    known = known[~np.isnan(known)].astype(int)
    start = min(first for _, first in axes)
    if not (known < start).any():
        yield fault_at(
            request.table.origin,
            None,
            "no_pre_period",
            "no treated unit is seen before its first treated period, so there are no leads",
            "an event study needs periods before treatment; check the cohort and the sample",
        )
    elif config.calendar:
        yield from _outside_calendar(bench, request, known.tolist(), start)
    else:
        yield from _outside(request, known.tolist())


def _unwritten(bench: Bench, request: Request) -> Iterator[Fault]:
    """Find calendar periods that are none: month 201213."""
    config: Config = request.config
    given: list[tuple[int, tuple[str, ...]]] = [(v, ("window", f"[{k}]")) for k, v in enumerate(config.window or ())]
    given += [(config.reference, ("reference",))] if config.reference is not None else []
    for value, path in given if config.calendar else ():
        try:
            _period(bench, value)
        except (StepError, OverflowError) as error:
            said = str(error) if isinstance(error, StepError) else "is no period"
            yield fault_at(
                request.origin(*path),
                None,
                "bad_period",
                f"{value} {said}",
                f"in calendar time periods are written as in {bench.panel.time}",
            )


def _outside(request: Request, known: Sequence[int]) -> Iterator[Fault]:
    """Compare window and reference with the relative periods in the data."""
    config: Config = request.config
    low, high = min(known), max(known)
    runs = f"relative periods in the data run from {low} to {high}"
    for k, (end, beyond) in enumerate(zip(config.window or (), (-1, 1), strict=False)):
        if (end - (low, high)[k]) * beyond > 0:
            side = "before" if beyond < 0 else "after"
            message = f"no treated unit is seen {abs(end):,} periods {side} its first treated one"
            yield fault_at(request.origin("window", f"[{k}]"), None, "window_outside", message, runs)
    reference = -1 if config.reference is None else config.reference
    if reference not in known:
        message = f"no treated unit is seen in the reference period {reference}"
        yield fault_at(request.origin("reference"), None, "reference_unseen", message, runs)


def _outside_calendar(bench: Bench, request: Request, known: Sequence[int], start: int) -> Iterator[Fault]:
    """Compare window and reference with the calendar periods in the data."""
    config: Config = request.config
    low, high = min(known), max(known)
    first, last, begins = (next(_names(bench, k, k)) for k in (low, high, start))
    runs = f"treated units are seen from {first} to {last}, the first are treated in {begins}"
    for k, (end, written) in enumerate(zip(_window(bench, config) or (), config.window or (), strict=True)):
        side = ("has no period before treatment", "has no treated period")[k]
        if not low <= end <= high or (end >= start) != (k == 1):
            message = f"the window {side}" if low <= end <= high else f"no treated unit is seen in {written}"
            yield fault_at(request.origin("window", f"[{k}]"), None, "window_outside", message, runs)
    reference = _reference(bench, config, start)
    if reference not in known or reference >= start:
        (name,) = _names(bench, reference, reference)
        message = f"no treated unit is seen in the reference period {name}"
        message = message if reference < start else f"the reference period {name} is not before treatment"
        yield fault_at(request.origin("reference"), None, "reference_unseen", message, runs)
