"""Time as written (201212) to whole period numbers in which one step is 1."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np

from specdid.panel.columns import Floats

STEPS = ("year", "half", "quarter", "month", "week", "day")
"""The steps with a name: values are 2012, 20122 or 201202, 20124 or 201204, 201212, 201252 (ISO), 20121231."""
WRITTEN = {
    "year": "2012",
    "half": "20122 or 201202",
    "quarter": "20124 or 201204",
    "month": "201212",
    "week": "201252",
    "day": "20121231",
}
"""How a period of each step is written."""


class StepError(ValueError):
    """Time values that the step cannot read; ``examples`` are some of them."""

    def __init__(self, message: str, examples: Floats) -> None:
        super().__init__(message)
        self.examples = examples


def known_step(step: str | None) -> bool:
    """Say whether ``step`` is a name of STEPS or a positive number such as "5"."""
    return step is None or step in STEPS or _width(step) is not None


def period_numbers(values: Floats, step: str | None, origin: float = 0.0) -> Floats:
    """Return time values as period numbers, so that a step is 1; NaN and ±inf stay.

    Without a step, or with "year", a period is the value itself. A number such as "5"
    is the distance between two periods (a panel every five years), one of which is ``origin``.
    Years of the calendar have four digits.

    Raises
    ------
    StepError
        Where a value is no period of that step (month 201213, a fraction of a step).
    """
    finite = np.isfinite(values)
    distinct, inverse = np.unique(values[finite], return_inverse=True)
    numbers = _calendar(step)(distinct) if step in _CALENDAR else _counted(distinct, _width(step), origin)
    whole = np.round(numbers)
    bad = np.isnan(numbers) | (np.abs(numbers - whole) > 1e-6)
    if bad.any():
        unit = f"{step}, as in {WRITTEN[step]}" if step in STEPS else "whole number"
        if step and step not in STEPS:
            unit = f"multiple of {step}" + (f" from {origin:.15g}" if origin else "")
        raise StepError(f"is no {unit}", distinct[bad][:3])
    out = values.copy()
    out[finite] = whole[inverse.reshape(-1)]
    return out


def _width(step: str | None) -> float | None:
    try:
        width = float(step or "1")
    except (ValueError, OverflowError):
        return None
    return width if np.isfinite(width) and width > 0 else None


def _counted(values: Floats, width: float | None, origin: float) -> Floats:
    if width is None or width == 1.0:
        return values
    phase = origin - width * float(np.floor(origin / width + 1e-6))
    return np.asarray((values - phase) / width)


def _calendar(step: str | None) -> Callable[[Floats], Floats]:
    return _CALENDAR[step or ""]


def _parts(size: int) -> Callable[[Floats], Floats]:
    """Read a year of four digits and a part of one or two, with ``size`` parts from 1 in a year."""

    def number(values: Floats) -> Floats:
        base = np.where((values < 100_000) & (size < 10), 10.0, 100.0)
        year, part = np.divmod(values, base)
        good = (year >= 1000) & (year < 10_000) & (part >= 1) & (part <= size) & (part == np.floor(part))
        return np.where(good, year * size + part - 1, np.nan)

    return number


def _dates(read: Callable[[int], date], days: int) -> Callable[[Floats], Floats]:
    def number(values: Floats) -> Floats:
        return np.array([_ordinal(read, v) / days for v in values], dtype=np.float64)

    return number


def _ordinal(read: Callable[[int], date], value: float) -> float:
    try:
        day = read(int(value))
        return float(day.toordinal() - 1) if value == int(value) and day.year >= 1000 else float("nan")
    except (ValueError, OverflowError):
        return float("nan")


_CALENDAR: dict[str, Callable[[Floats], Floats]] = {
    "half": _parts(2),
    "quarter": _parts(4),
    "month": _parts(12),
    # an ISO week starts on a Monday, and Monday 0001-01-01 has ordinal 1
    "week": _dates(lambda v: date.fromisocalendar(v // 100, v % 100, 1), 7),
    "day": _dates(lambda v: date(v // 10000, v // 100 % 100, v % 100), 1),
}
