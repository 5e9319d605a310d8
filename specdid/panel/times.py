"""Times that are whole numbers and yet no sensible periods: one far off, months or dates without their step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from specdid._diagnostics import Fault, Origin, Severity, fault_at
from specdid._study import Study
from specdid.panel.columns import Column, Floats, Ints
from specdid.panel.steps import StepError, period_numbers
from specdid.panel.text import cell_text

FAR, APART = 30, 10
"""Steps without a row, and times the span of the others, beyond which a time is far off."""
IMPOSSIBLE = 100
"""Steps from which on that is taken for a slip of the pen, and is a fault."""
FEW = 0.1
"""Share of the rows that can be far off from the others."""
_STEPS = ("month", "day", "week")
_YEAR: dict[str, Callable[[Floats], Floats]] = {
    "month": lambda v: np.floor(v / 100), "week": lambda v: np.floor(v / 100), "day": lambda v: np.floor(v / 10_000),
}  # fmt: skip


def time_fault(study: Study, code: str, message: str, advice: str | None = None, severity: Severity = "error") -> Fault:
    """Make a fault of the time column."""
    origin = study.time_origin or Origin(("study", "time"))
    return fault_at(origin, None, code, message, advice, severity)


def odd_times(study: Study, column: Column, periods: Ints, name: str) -> tuple[Fault, ...]:
    """Find a few rows far from all others, which stretch the panel, and dates that are read as numbers."""
    distinct, count = np.unique(periods, return_counts=True)
    if len(distinct) < 3:
        return ()
    dated = _looks_dated(study, column, distinct)
    if dated is not None:
        example = cell_text(column, int(np.argmin(periods)))
        message = f"`{study.time}` holds values such as {example}, read as a number: from one year to the next is a gap"
        return (time_fault(study, "time_without_step", message, f'write step = "{dated}" in [study]', "warning"),)
    gaps = np.diff(distinct)
    k = int(np.argmax(gaps))
    gap, others = int(gaps[k]), int(gaps.sum() - gaps[k])
    before, after = int(count[: k + 1].sum()), int(count[k + 1 :].sum())
    if gap <= FAR or gap <= APART * max(others, 1) or min(before, after) > FEW * len(periods):
        return ()
    late = after < before
    rows = np.flatnonzero(periods > distinct[k] if late else periods <= distinct[k])
    edge = cell_text(column, int(np.flatnonzero(periods == distinct[k if late else k + 1])[0]))
    value = cell_text(column, int(rows[0]))
    more = "" if len(rows) == 1 else f" and {len(rows) - 1:,} more"
    side = "after the last of the others" if late else "before the first of the others"
    message = f"`{study.time}` is {value} in row {int(rows[0]) + 1:,}{more} of {name}, {gap:,} steps {side}, {edge}"
    advice = "correct it in the data: the panel's first and last period, lags and cohorts depend on it"
    return (time_fault(study, "time_outlier", message, advice, "error" if gap > IMPOSSIBLE else "warning"),)


def _looks_dated(study: Study, column: Column, distinct: Ints) -> str | None:
    """Return the step with which all times are dates of several years, where the study gives none."""
    if study.step not in (None, "year") or column.numbers is None or not (distinct >= 10_000).all():
        return None
    values = distinct.astype(np.float64)
    for step in _STEPS:
        years = _YEAR[step](values)
        if len(np.unique(years)) < 2 or years.min() < 1500 or years.max() > 2500:
            continue
        try:
            period_numbers(values, step)
        except StepError:
            continue
        return step
    return None
