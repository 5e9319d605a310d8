"""Time as written (201212) to whole period numbers in which one step is 1."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np

from specdid.panel.columns import Floats

STEPS = ("year", "half", "quarter", "month", "week", "day")
"""The steps with a name: values are 2012, 20122, 20124, 201212, 201252 (ISO), 20121231."""


class StepError(ValueError):
    """Time values that the step cannot read; ``examples`` are some of them."""

    def __init__(self, message: str, examples: Floats) -> None:
        super().__init__(message)
        self.examples = examples


def known_step(step: str | None) -> bool:
    """Say whether ``step`` is a name of STEPS or a positive number such as "5"."""
    return step is None or step in STEPS or _width(step) is not None


def period_numbers(values: Floats, step: str | None) -> Floats:
    """Return time values as period numbers, so that a step is 1; NaN and ±inf stay.

    Without a step, or with "year", a period is the value itself. A number such as "5"
    is the distance between two periods (a panel every five years).

    Raises
    ------
    StepError
        Where a value is no period of that step (month 201213, a fraction of a step).
    """
    finite = np.isfinite(values)
    distinct, inverse = np.unique(values[finite], return_inverse=True)
    numbers = _calendar(step)(distinct) if step in _CALENDAR else distinct / (_width(step) or 1.0)
    whole = np.round(numbers)
    bad = np.isnan(numbers) | (np.abs(numbers - whole) > 1e-6)
    if bad.any():
        unit = step if step in STEPS else f"multiple of {step}" if step else "whole number"
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


def _calendar(step: str | None) -> Callable[[Floats], Floats]:
    return _CALENDAR[step or ""]


def _parts(base: int, size: int) -> Callable[[Floats], Floats]:
    """Read year × base + part, with ``size`` parts from 1 in a year."""

    def number(values: Floats) -> Floats:
        year, part = np.divmod(values, base)
        good = (part >= 1) & (part <= size) & (part == np.floor(part))
        return np.where(good, year * size + part - 1, np.nan)

    return number


def _dates(read: Callable[[int], date], days: int) -> Callable[[Floats], Floats]:
    def number(values: Floats) -> Floats:
        return np.array([_ordinal(read, v) / days for v in values], dtype=np.float64)

    return number


def _ordinal(read: Callable[[int], date], value: float) -> float:
    try:
        return float(read(int(value)).toordinal() - 1) if value == int(value) else float("nan")
    except (ValueError, OverflowError):
        return float("nan")


_CALENDAR: dict[str, Callable[[Floats], Floats]] = {
    "half": _parts(10, 2),
    "quarter": _parts(10, 4),
    "month": _parts(100, 12),
    # an ISO week starts on a Monday, and Monday 0001-01-01 has ordinal 1
    "week": _dates(lambda v: date.fromisocalendar(v // 100, v % 100, 1), 7),
    "day": _dates(lambda v: date(v // 10000, v // 100 % 100, v % 100), 1),
}
