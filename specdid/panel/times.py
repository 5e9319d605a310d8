"""Time as written (201212) to whole period numbers in which one step is 1, and times that are no sensible periods.

Odd are whole numbers with one far off, and months or dates without their step.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Floats, Ints
from specdid._diagnostics import Fault, Origin, Severity, fault_at, first_few, many
from specdid._study import Study
from specdid.panel.columns import Column, cell_text, number_text
from specdid.panel.operators import STATA_DATES

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
FAR, APART = 30, 10
"""Steps without a row, and times the span of the others, beyond which a time is far off."""
IMPOSSIBLE = 100
"""Steps from which on that is taken for a slip of the pen, and is a fault."""
FEW = 0.1
"""Share of the rows that can be far off from the others."""
YEARLY = "100"
"""The step of years that are written with one month or quarter: 199404, 199504."""
_STEPS = ("half", "quarter", "month", "day", "week")
_YEAR: dict[str, Callable[[Floats], Floats]] = {
    "half": lambda v: np.floor(v / np.where(v < 100_000, 10, 100)),
    "quarter": lambda v: np.floor(v / np.where(v < 100_000, 10, 100)),
    "month": lambda v: np.floor(v / 100),
    "week": lambda v: np.floor(v / 100),
    "day": lambda v: np.floor(v / 10_000),
}


_PART = re.compile(r"(?P<year>\d{4})\s*[-/.:年]?\s*(?P<step>[hqmw]|第)?\s*(?P<part>\d{1,2})\s*(?:[月周]|季度)?", re.I)
_PART_FIRST = re.compile(r"(?P<step>[hqmw])\s*(?P<part>\d{1,2})\s*[-/.:]?\s*(?P<year>\d{4})", re.I)
_WHOLE_YEAR = re.compile(r"(?:FY\s*)?(\d{4})\s*(?:年度?)?", re.I)
_SEASON = re.compile(r"(\d{4})\s*[-–/]\s*(\d{4})(?:学?年度?)?")
_SHORT_SEASON = re.compile(r"(\d{4})\s*[-–/]\s*(\d{2})(?:学?年度?)?")
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[ T][\d:.]+)?")
_PARTS = {"half": 2, "quarter": 4, "month": 12, "week": 53}
_LETTERS = {"h": "half", "q": "quarter", "m": "month", "w": "week"}


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
    numbers = _CALENDAR[step or ""](distinct) if step in _CALENDAR else _counted(distinct, _width(step), origin)
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


FEW_BETWEEN = 0.25
"""The share of rows below which those between the periods of the others are few."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The period and unit of every row of the panel: what a specification's own rows do not tell.

    Attributes
    ----------
    periods, units : (n,) int64, rows in the order of units and periods
    names : the units by code
    width : of a period in the units of time; 0 where the step has a name
    written : (n,) the time as the data write it
    """

    periods: Ints
    units: Ints
    names: tuple[str, ...]
    width: float
    written: Floats | None = None

    def period_name(self, period: float) -> str:
        """Write a period of the panel as the data do."""
        rows = np.flatnonzero(self.periods == period)[:1]
        return f"{period:g}" if self.written is None or not rows.size else number_text(float(self.written[rows[0]]))

    def write_step(self, step: int) -> str:
        """Say how ``step`` periods are made one."""
        if not self.width:
            return "number them in a column of the data and make it `time`"
        return f'write step = "{step * self.width:g}" in [study]'

    def between(self, own: Floats, step: int) -> str:
        """Name the rows of the panel between periods that are ``step`` apart; empty where there are none."""
        return self._named((self.periods - int(np.rint(own.min()))) % step != 0)

    def few_between(self) -> tuple[int, str]:
        """Return how far apart the rows of most units are, and name the few rows between; 1 where none are few."""
        gaps = np.diff(self.periods)[np.diff(self.units) == 0]
        step = int(np.median(gaps)) if len(gaps) else 1
        if step < 2:
            return 1, ""
        place = self.periods % step
        off = place != np.bincount(place, minlength=step).argmax()
        return (step, self._named(off)) if 0 < off.mean() < FEW_BETWEEN else (1, "")

    def _named(self, rows: NDArray[np.bool_]) -> str:
        if not rows.any():
            return ""
        units = [self.names[u] for u in np.unique(self.units[rows])]
        whose = f"unit{'s' * (len(units) > 1)} {first_few(units, 3)}"
        when = [str(t) for t in np.unique(self.periods[rows])] if self.width == 1 else []
        return f"{many(int(rows.sum()), 'row')} of {whose}" + (f", in {first_few(when, 3)}" if when else "")


def calendar_of(
    periods: Ints | None, units: Ints | None, names: tuple[str, ...], step: str | None, written: Floats | None
) -> Calendar | None:
    """Return the calendar of a panel that has units and periods."""
    if periods is None or units is None:
        return None
    return Calendar(periods, units, names, 1.0 if step == "year" else _width(step) or 0.0, written)


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


def text_time_advice(column: Column) -> str:
    """Say how periods that are text become numbers; of a few among numbers, where they stand."""
    if not column.odd:
        return numbering_advice(column)
    return f"cells that are no number: {', '.join(column.odd)}; write these periods as the others are"


def numbering_advice(column: Column) -> str:
    """Say how periods that are text or dates (2005q1, 2005-03, 2005-03-31) are numbered, by the column's own cells."""
    cells = [c.strip() for c in column.levels]
    seasons = [_SHORT_SEASON.fullmatch(c) for c in cells]
    if len(cells) > 1 and all(s is not None and (int(s[1]) + 1 - int(s[2])) % 100 == 0 for s in seasons):
        return _numbering(cells, [c[:4] for c in cells], "year")[1]
    periods = [numbered(c) for c in cells]
    found = [n for n in periods if n is not None]
    steps = {step for _, step in found}
    if not cells or len(found) < len(cells) or len(steps) != 1:
        return "number the periods in a column, as 2012 or 201212 (with step)"
    return _numbering(cells, [n for n, _ in found], *steps)[1]


def _numbering(cells: Sequence[str], found: Sequence[str], step: str) -> tuple[str, str]:
    """Return the coarsest step of periods, and how those written as ``cells`` and ``found`` are numbered by it."""
    first = list(zip(cells, found, strict=True))
    if len(found) > 1 and len({n[4:] for n in found}) == 1:
        shown = ", ".join(f"{n[:4]} for “{c}”" for c, n in first[:2])
        return "year", f"these are years: number them in a column, {shown} and so on"
    days = [date(int(n[:4]), int(n[4:6]), int(n[6:])) for n in found] if step == "day" else []
    weeks = len(days) > 2 and len({d.weekday() for d in days}) == 1
    if weeks:
        found, step = [f"{d.isocalendar()[0]}{d.isocalendar()[1]:02}" for d in days], "week"
    if step == "day" and len({n[:6] for n in found}) == len(found):
        found, step = [n[:6] for n in found], "month"
    months = {int(n[4:6]) for n in found} if step == "month" else {0}
    for wider, size in (("half", 6), ("quarter", 3)):
        if len(months) > 1 and len({m % size for m in months}) == 1:
            found, step = [f"{n[:4]}{(int(n[4:6]) - 1) // size + 1}" for n in found], wider
            break
    shown = ", ".join(f"{n} for “{c}”" for c, n in list(zip(cells, found, strict=True))[:2])
    iso = " (weeks as ISO counts them)" if weeks else ""
    return step, f'number the periods in a column, {shown} and so on{iso}, with step = "{step}" in [study]'


def _of_days(column: Column) -> str:
    """Say how the dates of a file that lie whole weeks, or months, apart are numbered; nothing of Stata's dates."""
    return days_advice(column.numbers) if column.numbers is not None and not column.kind else ""


def days_advice(times: Floats) -> str:
    """Say how dates such as 20191007 that lie whole weeks, or months, apart are numbered; nothing of other times."""
    values = np.unique(times)
    try:
        period_numbers(values, "day")
    except StepError:
        return ""
    cells = [f"{v:.0f}" for v in values]
    step, advice = _numbering(cells, cells, "day") if len(cells) > 2 else ("day", "")
    return "" if step == "day" else f'{advice}: step = "day" counts the days between'


def numbered(cell: str) -> tuple[str, str] | None:
    """Return a period as a number and its step, where the cell is one."""
    if day := _DAY.fullmatch(cell):
        year, month, of_month = map(int, day.groups())
        written = f"{year}{month:02}{of_month:02}"
        return None if np.isnan(_CALENDAR["day"](np.array([float(written)]))).any() else (written, "day")
    if cell.isdigit():
        return None
    if whole := _WHOLE_YEAR.fullmatch(cell):
        return whole[1], "year"
    if (season := _SEASON.fullmatch(cell)) and int(season[2]) == int(season[1]) + 1:
        return season[1], "year"
    part = _PART.fullmatch(cell) or _PART_FIRST.fullmatch(cell)
    if part is None:
        return None
    letter = (part["step"] or "m").lower()
    if letter in ("m", "第"):
        letter = "w" if cell.endswith("周") else "q" if letter == "第" or cell.endswith("季度") else "m"
    step = _LETTERS[letter]
    if not 1 <= int(part["part"]) <= _PARTS[step]:
        return None
    width = 1 if step in ("half", "quarter") else 2
    return f"{part['year']}{int(part['part']):0{width}}", step


def time_fault(study: Study, code: str, message: str, advice: str | None = None, severity: Severity = "error") -> Fault:
    """Make a fault of the time column."""
    origin = study.time_origin or Origin(("study", "time"))
    return fault_at(origin, None, code, message, advice, severity)


def odd_times(study: Study, column: Column, periods: Ints, name: str) -> tuple[Fault, ...]:
    """Find a few rows far from all others, which stretch the panel, and dates that are read as numbers."""
    distinct, count = np.unique(periods, return_counts=True)
    dated = _looks_dated(study, column, distinct)
    if dated == YEARLY:
        first, second = (cell_text(column, int(np.flatnonzero(periods == p)[0])) for p in distinct[:2])
        message = f"`{study.time}` is a year, coded {first}, {second}, …: from one to the next is a gap of 99"
        return (time_fault(study, "time_without_step", message, f'write step = "{dated}" in [study]', "warning"),)
    if dated is not None:
        example = cell_text(column, int(np.argmin(periods)))
        message = f"`{study.time}` holds values such as {example}, read as a number: from one year to the next is a gap"
        advice = (_of_days(column) if dated == "day" else "") or f'write step = "{dated}" in [study]'
        return (time_fault(study, "time_without_step", message, advice, "warning"),)
    if len(distinct) < 2:
        return ()
    gaps = np.diff(distinct)
    k = int(np.argmax(gaps))
    gap, others = int(gaps[k]), int(gaps.sum() - gaps[k])
    before, after = int(count[: k + 1].sum()), int(count[k + 1 :].sum())
    if len(distinct) < 3 or gap <= FAR or gap <= APART * max(others, 1) or min(before, after) > FEW * len(periods):
        return tuple(_common_gaps(study, column, periods, distinct))
    late = after < before
    rows = np.flatnonzero(periods > distinct[k] if late else periods <= distinct[k])
    edge = cell_text(column, int(np.flatnonzero(periods == distinct[k if late else k + 1])[0]))
    value = cell_text(column, int(rows[0]))
    more = "" if len(rows) == 1 else f" and {len(rows) - 1:,} more"
    side = "after the last of the others" if late else "before the first of the others"
    message = (
        f"`{study.time}` is {value} in data row {int(rows[0]) + 1:,}{more} of {name}, {gap:,} steps {side}, {edge}"
    )
    advice = "correct it in the data: the panel's first and last period, lags and cohorts depend on it"
    return (time_fault(study, "time_outlier", message, advice, "error" if gap > IMPOSSIBLE else "warning"),)


def _looks_dated(study: Study, column: Column, distinct: Ints) -> str | None:
    """Return the step with which all times are dates of several years, where the study gives none."""
    if (
        study.step not in (None, "year")
        or column.numbers is None
        or column.kind in STATA_DATES
        or not (distinct >= 10_000).all()
    ):
        return None
    return fitting_step(distinct.astype(np.float64))


def fitting_step(values: Floats) -> str | None:
    """Return the step with which all of ``values`` are dates of several years: the coarsest."""
    values = np.unique(values[np.isfinite(values)])
    if not len(values):
        return None
    parts = np.unique(values % 100)
    for step in _STEPS:
        years = _YEAR[step](values)
        if len(np.unique(years)) < 2 or years.min() < 1500 or years.max() > 2500:
            continue
        try:
            period_numbers(values, step)
        except StepError:
            continue
        if values.min() < 100_000:
            return step if len(np.unique(values % 10)) > 1 else None
        if len(parts) == 1 and step in ("half", "quarter", "month", "week"):
            return YEARLY
        return step
    return None


def _common_gaps(study: Study, column: Column, periods: Ints, distinct: Ints) -> Iterator[Fault]:
    """Warn of periods that no row has, between others: lags, leads and event time count them."""
    gaps = np.diff(distinct)
    if gaps.max() == 1:
        return
    width = int(np.gcd.reduce(gaps))
    k = int(np.argmax(gaps > width)) if (gaps > width).any() else 0
    before, after = (_shown(column, int(np.flatnonzero(periods == distinct[j])[0])) for j in (k, k + 1))
    missing = int(distinct[-1] - distinct[0] + 1 - len(distinct))
    span = _span(column.kind, width) if study.step is None else ""
    if width > 1 and (gaps == width).all():
        message = (
            f"the periods of `{study.time}` are {span or width} apart ({before}, {after}): lags, leads and event time "
        )
        message += "count the periods between, which no row has"
    else:
        if span:  # not milliseconds
            missing = int((distinct[-1] - distinct[0]) // width + 1 - len(distinct))
        many = f"{missing:,} periods{f' of {span}' * bool(span)} are" if missing > 1 else "1 period is"
        message = f"`{study.time}` has gaps: {many} in no row (after {before} comes {after}), "
        message += "and lags, leads and event time count them"
    advice = "where the panel has no gap there, number its periods in a column of the data and make it `time`"
    fits = fitting_step(np.asarray(column.numbers)) if study.step == "month" and column.numbers is not None else None
    if fits in ("quarter", "half"):  # 201201 to 201204
        advice = f'where these are {fits}s, write step = "{fits}" in [study]'
    elif study.step == "day" and (numbered := _of_days(column)):
        advice = numbered
    elif coarse := _calendar_unit(column):
        advice = f"where these are {coarse}s, number them in a column of the data and make it `time`"
    elif width > 1 and study.step in (None, "year"):
        advice = f'where these are the panel\'s periods, write step = "{width}" in [study]{f" ({span})" * bool(span)}'
    elif width > 1 and _coarser(study.step, width):
        advice = f"where these are the panel's periods, code {_coarser(study.step, width)}s in a column of the data"
    yield time_fault(study, "time_gaps", message, advice, "warning")


_SPANS = {
    "%tc": {"week": 604_800_000, "day": 86_400_000, "hour": 3_600_000, "minute": 60_000, "second": 1000},
    "%td": {"week": 7, "day": 1},
    "%tm": {"year": 12, "quarter": 3, "month": 1},
    "%tq": {"year": 4, "quarter": 1},
    "%th": {"year": 2, "half-year": 1},
}
"""How many of what a format of a .dta file counts are in a longer span, the longest first."""


def _span(kind: str, width: int) -> str:
    """Say how long ``width`` of what a .dta file counts is: a day, 6 hours; "" where that is no span of time."""
    for word, size in _SPANS.get(kind, {}).items():
        if width % size == 0:
            return f"{width // size:,} {word}s" if width > size else f"an {word}" if word == "hour" else f"a {word}"
    return ""


def _dates_of(column: Column) -> NDArray[np.datetime64] | None:
    """Return the dates, to the minute, that a .dta file counts in days or milliseconds; None of other columns."""
    if column.kind not in ("%td", "%tc") or column.numbers is None or not (np.abs(column.numbers) < 1e15).all():
        return None
    minutes = np.floor(column.numbers / STATA_DATES[column.kind] * 1440)
    return np.asarray(np.datetime64("1960-01-01", "m") + minutes.astype("timedelta64[m]"))


def _shown(column: Column, row: int) -> str:
    dates = _dates_of(column)
    return cell_text(column, row) if dates is None else str(dates[row]).removesuffix("T00:00")


def _calendar_unit(column: Column) -> str:
    """Return "year" or "month" where dates are one day of each, which lie unevenly many days apart; else ""."""
    dates = _dates_of(column)
    if dates is None:
        return ""
    months = dates.astype("datetime64[M]")
    if len(np.unique(dates - months)) > 1:
        return ""
    return "month" if len(np.unique(months.astype(np.int64) % 12)) > 1 else "year"


def _coarser(step: str | None, width: int) -> str | None:
    return {
        ("month", 3): "quarter",
        ("month", 6): "half-year",
        ("quarter", 2): "half-year",
        ("month", 12): "year",
        ("quarter", 4): "year",
        ("half", 2): "year",
    }.get((step or "", width))
