"""Wide files: a column per variable and period (gdp_2010, gdp_2011) read as a row per unit and period.

Rows follow those of the file, each with its periods in order, as Stata's ``reshape long`` and R's ``pivot_longer``
give them: a row for every period that any of the variables has a column of, missing where a variable has none.
Columns of no pattern are repeated in each period.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from specdid._diagnostics import many
from specdid._study import Reshape, WideColumns
from specdid.panel.columns import UNREAD, Column, ReadColumns, ReadError, Remark, merge_levels, number, text
from specdid.panel.memory import available

_DIGITS = re.compile(r"[0-9]{1,8}")
"""A period as written in a column's name: 2012, 201212, 20121231."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class WideLayout:
    """Which columns of a wide file become which.

    Attributes
    ----------
    time : the column that holds the period
    periods : in order, as numbers
    columns : name of each new column -> period -> name in the file
    kept : names of the columns that stay
    remarks : what a user must know of it
    """

    time: str
    periods: tuple[float, ...]
    columns: Mapping[str, Mapping[float, str]]
    kept: tuple[str, ...]
    remarks: tuple[Remark, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the columns that there are afterwards."""
        return (*self.kept, self.time, *self.columns)

    def file_columns(self, wanted: Collection[str]) -> list[str]:
        """Return the file's columns that ``wanted`` ones of `names` are made of."""
        made = [raw for name, found in self.columns.items() if name in wanted for raw in found.values()]
        return [*(name for name in self.kept if name in wanted), *made]

    @property
    def words(self) -> str:
        """Say what became of how many columns."""
        count = sum(map(len, self.columns.values()))
        made = ", ".join(f"`{name}`" for name in self.columns)
        first, last = (f"{p:.0f}" for p in (self.periods[0], self.periods[-1]))
        periods = many(len(self.periods), "period")
        return f"{many(count, 'column')} became {made} of {periods}, {self.time} {first} to {last}"


def wide_layout(names: Sequence[str], reshape: Reshape) -> WideLayout:
    """Sort a file's columns into those of patterns and those that stay.

    Raises
    ------
    ReadError
        Located at the pattern: no column fits it, one fits two, two are of one period, or a new name is taken.
    """
    found: dict[str, dict[float, str]] = {pattern.name: {} for pattern in reshape.columns}
    taken: dict[str, WideColumns] = {}
    strange: dict[str, tuple[str, WideColumns]] = {}
    short = _of_two_digits(names, reshape)
    for name in names:
        for pattern in reshape.columns:
            period = _period_text(name, pattern)
            if short and period is not None and _DIGITS.fullmatch(period):
                period = in_full(period)
            if period is None:
                if _period_text(_MARKS.sub("", name), pattern) is not None:
                    strange.setdefault(name, (name, pattern))
                continue
            if not _DIGITS.fullmatch(period):
                strange.setdefault(name, (period, pattern))
            elif name in taken:
                said = f"the column `{name}` fits `{taken[name].text}` and `{pattern.text}`"
                raise ReadError("bad_reshape", said, "write patterns that no column shares", origin=pattern.origin)
            elif float(period) in found[pattern.name]:
                said = f"`{found[pattern.name][float(period)]}` and `{name}` are both `{pattern.name}` of {period}"
                help_ = "take one of the columns away, or rename it"
                raise ReadError("bad_reshape", said, help_, origin=pattern.origin)
            else:
                taken[name] = pattern
                found[pattern.name][float(period)] = name
    for pattern in reshape.columns:
        if not found[pattern.name]:
            raise _nothing_fits(pattern, names, strange)
    kept = tuple(name for name in names if name not in taken)
    for new, origin in ((reshape.time, reshape.origin), *((p.name, p.origin) for p in reshape.columns)):
        if new in kept:
            said = f"the file has a column `{new}` already, beside those that are to become `{new}`"
            help_ = (
                "rename the file's column"
                if new == reshape.time
                else f'name the new one: columns = {{ {new}_2 = "…" }}'
            )
            raise ReadError("bad_reshape", said, help_, origin=origin)
    periods = tuple(sorted({p for one in found.values() for p in one}))
    remarks = (*_strange(strange, taken), *_gaps(found, periods, reshape))
    return WideLayout(reshape.time, periods, found, kept, remarks)


def in_full(year: str) -> str:
    """Return the year from 1950 on whose last two digits are given."""
    return f"{'19' if year >= '50' else '20'}{year}"


def are_years(texts: Collection[str]) -> bool:
    """Say whether texts of two digits are years, some before 2000: 98, 99, 00; not weeks, 01 to 52."""
    if not all(re.fullmatch("[0-9]{2}", one) for one in texts) or max(texts, default="") < "50":
        return False
    return int(in_full(max(texts, key=in_full))) - int(in_full(min(texts, key=in_full))) < 50


def _of_two_digits(names: Sequence[str], reshape: Reshape) -> bool:
    """Say whether the file writes years as 98 and 01, whose order is not that of the numbers."""
    found = {t for name in names for one in reshape.columns if (t := _period_text(name, one)) is not None}
    return _YEAR.search(reshape.time) is not None and are_years([one for one in found if _DIGITS.fullmatch(one)])


_YEAR = re.compile(r"(?i)year|(^|_)yr|年|jahr|ann[eo]")
_MARKS = re.compile(r"(\s*[¹²³⁰⁴-⁹①-⑳*†‡]|\s*[(（\[]\d{1,2}[)）\]]|\s+\d{1,2}|\s)+$")
"""Marks of footnotes behind a heading."""


def _period_text(name: str, pattern: WideColumns) -> str | None:
    """Return what stands in a name in the period's place; None where it does not fit."""
    fits = name.startswith(pattern.before) and name.endswith(pattern.after)
    if not fits or len(name) <= len(pattern.before) + len(pattern.after):
        return None
    return name[len(pattern.before) : len(name) - len(pattern.after)]


def _nothing_fits(
    pattern: WideColumns, names: Sequence[str], strange: Mapping[str, tuple[str, WideColumns]]
) -> ReadError:
    near = [f"`{name}`, where `{period}` is no number" for name, (period, p) in strange.items() if p is pattern]
    help_ = "the period stands in the name in digits, as 2012 or 201212"
    listed = ", ".join(near[:_SHOWN]) or ", ".join(f"`{n}`" for n in names[:8]) + (" …" if len(names) > 8 else "")
    what = "columns that nearly fit" if near else "columns"
    notes = (f"{what} of the file: {listed}",)
    return ReadError("bad_reshape", f"no column of the file fits `{pattern.text}`", help_, notes, pattern.origin)


def _strange(strange: Mapping[str, tuple[str, WideColumns]], taken: Mapping[str, WideColumns]) -> Iterator[Remark]:
    """Tell of columns that fit a pattern but for a text in the period's place."""
    by_pattern: dict[str, list[str]] = {}
    for name, (_, pattern) in strange.items():
        if name not in taken and pattern.before + pattern.after:  # everything fits "{year}" alone
            by_pattern.setdefault(pattern.text, []).append(name)
    origins = {pattern.text: pattern.origin for _, pattern in strange.values()}
    for written, names in by_pattern.items():
        shown = ", ".join(f"`{n}`" for n in names[:_SHOWN])
        more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
        said = f"{shown}{more} of the file would fit `{written}`, with a text that is no period"
        help_ = "they stay as they are; where one is meant to be a period, rename it in the file"
        yield Remark("reshape_text", said, help_, origins[written])


def _gaps(found: Mapping[str, Mapping[float, str]], periods: Sequence[float], reshape: Reshape) -> Iterator[Remark]:
    """Tell of variables without a column in some periods that others have."""
    for pattern in reshape.columns:
        lacks = [f"{p:.0f}" for p in periods if p not in found[pattern.name]]
        if lacks:
            shown = ", ".join(lacks[:_SHOWN]) + (f" and {len(lacks) - _SHOWN:,} more" if len(lacks) > _SHOWN else "")
            said = f"`{pattern.text}` has no column of {reshape.time} {shown} in the file, for which others have one"
            yield Remark("reshape_gaps", said, f"`{pattern.name}` is missing there", pattern.origin)


def reshaped(source: ReadColumns, layout: WideLayout) -> ReadColumns:
    """Return the columns with a row per row of the file and period.

    Raises
    ------
    ReadError
        Where columns of one variable are numbers in one period and text in another, or memory lacks.
    """
    n_periods = len(layout.periods)
    n_rows = source.n_rows * n_periods
    width = 1 + sum(column is not UNREAD for column in source.columns.values())
    if n_rows * width * 8 > available():
        said = f"the file has {n_rows:,} rows when it is reshaped, more than memory has room for"
        raise ReadError("too_large", said, "reshape fewer columns, or take a machine with more memory")
    repeated = np.repeat(np.arange(source.n_rows), n_periods)
    columns = {name: source.columns[name].in_order(repeated) for name in layout.kept}
    columns[layout.time] = number(np.tile(np.array(layout.periods), source.n_rows))
    for name, found in layout.columns.items():
        columns[name] = _stacked(name, found, source, layout.periods)
    return ReadColumns(columns, n_rows, source.sha256, (*source.remarks, *layout.remarks))


def _stacked(name: str, found: Mapping[float, str], source: ReadColumns, periods: Sequence[float]) -> Column:
    """Lay the columns of a variable one after the other, period by period of each row."""
    parts = {period: source.columns[raw] for period, raw in found.items()}
    if any(part is UNREAD for part in parts.values()):
        return UNREAD
    known = {period: part for period, part in parts.items() if not part.missing.all()}
    kinds = {(part.is_text, part.kind) for part in known.values()}
    if len(kinds) > 1:
        raise _mixed(name, {found[period]: part for period, part in known.items()})
    n = source.n_rows
    if not any(is_text for is_text, _ in kinds):
        empty = np.full(n, np.nan)
        stacked = [parts[p].numbers if p in known else empty for p in periods]
        column = number(np.column_stack([empty if s is None else s for s in stacked]).ravel())
        single = any(part.single for part in known.values())
        return replace(column, kind=next(iter(kinds), (False, ""))[1], single=single)
    levels, codes = merge_levels(list(known.values()))
    by_period = dict(zip(known, codes, strict=True))
    none = np.full(n, -1, dtype=np.int64)
    whole = np.column_stack([by_period.get(p, none) for p in periods]).ravel()
    odd = next((part.odd for part in known.values() if part.odd), ())
    return text(whole, levels, next(iter(kinds))[1], odd)


def _mixed(name: str, parts: Mapping[str, Column]) -> ReadError:
    texts = [raw for raw, part in parts.items() if part.is_text]
    others = [raw for raw in parts if raw not in texts] or texts[1:]
    said = f"`{texts[0]}` of the file is text and `{others[0]}` is not, so that they are no one column `{name}`"
    odd = parts[texts[0]].odd
    help_ = f"cells that are no number: {', '.join(odd)}" if odd else "give all of them one type in the file"
    return ReadError("bad_reshape", said, help_)
