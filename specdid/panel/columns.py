"""Columns: numbers with NaN for missing, or text as codes into levels; polars series made so; cells as R prints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

import numpy as np
import polars as pl

from specdid._arrays import Bools, Floats, Ints
from specdid._diagnostics import Origin, SpecdidError, many
from specdid._study import UNIT
from specdid._toml import toml_text
from specdid.language import write_name


@dataclass(frozen=True, slots=True)
class Column:
    """One variable on the full panel.

    Attributes
    ----------
    numbers : (n,) float64 or None
        The values of a numeric or logical (0/1) column; NaN is missing.
    codes : (n,) int64 or None
        For text: the position in ``levels``, -1 where missing.
    levels : the distinct texts, sorted by code point.
    log0 : (n,) bool or None
        True where the value is missing because a log of a non-positive value was taken.
    kind : what the file held where that is neither number nor text
        ("date", or the name of a type that cannot be used), else "".
    odd : the first cells that kept an otherwise numeric column from being numeric, and where they stand.
    single : the file stores the numbers in single precision.
    labels : what a .dta file calls numbers: (number, label).
    """

    numbers: Floats | None = None
    codes: Ints | None = None
    levels: tuple[str, ...] = ()
    log0: Bools | None = None
    kind: str = ""
    odd: tuple[str, ...] = ()
    single: bool = False
    labels: tuple[tuple[float, str], ...] = ()

    @property
    def is_text(self) -> bool:
        """Whether the values are texts."""
        return self.numbers is None

    @property
    def missing(self) -> Bools:
        """Where the value is missing, (n,) bool."""
        if self.numbers is not None:
            return np.asarray(np.isnan(self.numbers))
        return np.asarray(self._codes < 0)

    @property
    def _codes(self) -> Ints:
        assert self.codes is not None
        return self.codes

    def take(self, rows: Ints) -> Column:
        """Return the values at ``rows``; -1 gives a missing value."""
        absent = rows < 0
        log0 = None if self.log0 is None else self.log0[rows] & ~absent
        if self.numbers is None:
            return text(np.where(absent, -1, self._codes[rows]), self.levels)
        return number(np.where(absent, np.nan, self.numbers[rows]), log0)

    def in_order(self, order: Ints) -> Column:
        """Return the same column with its rows in another order; one that was not read stays so."""
        if self.numbers is not None:
            return replace(self, numbers=number(self.numbers[order]).numbers, log0=None)
        return text(self._codes[order], self.levels, self.kind, self.odd) if self._codes.size else self

    def broadcast(self, n_rows: int) -> Column:
        """Return the column with a single value repeated on ``n_rows`` rows."""
        values = self._codes if self.numbers is None else self.numbers
        if values.ndim:
            return self
        if self.numbers is None:
            return text(np.full(n_rows, values), self.levels)
        log0 = None if self.log0 is None else np.full(n_rows, self.log0)
        return number(np.full(n_rows, values), log0)


def number(values: Floats, log0: Bools | None = None) -> Column:
    """Make a read-only numeric column; a log0 mask without a True is left out."""
    values = np.asarray(values, dtype=np.float64)
    values.setflags(write=False)
    if log0 is None or not log0.any():
        return Column(values)
    log0.setflags(write=False)
    return Column(values, log0=log0)


def text(codes: Ints, levels: tuple[str, ...], kind: str = "", odd: tuple[str, ...] = ()) -> Column:
    """Make a read-only text column of codes into sorted ``levels``."""
    codes = np.asarray(codes, dtype=np.int64)
    codes.setflags(write=False)
    return Column(codes=codes, levels=levels, kind=kind, odd=odd)


UNREAD = text(np.empty(0, dtype=np.int64), (), kind="a column that was not read")
"""Stands for a column of the file that the study does not mention."""


def merge_levels(columns: Sequence[Column]) -> tuple[tuple[str, ...], list[Ints]]:
    """Put text columns on common levels; gives the levels and each column's codes."""
    levels = tuple(sorted({level for column in columns for level in column.levels}))
    place = {level: i for i, level in enumerate(levels)}
    recoded = []
    for column in columns:
        table = np.array([*(place[level] for level in column.levels), -1], dtype=np.int64)
        recoded.append(table[column._codes])
    return levels, recoded


def combined(columns: Sequence[Column]) -> Column:
    """Return the combinations of columns without missing values as text, their parts joined by ^.

    Raises
    ------
    ReadError
        Where two combinations are the same text.
    """
    codes, count = join_codes([rank(column) for column in columns])
    first = np.zeros(count, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    names = ["^".join(cell_text(column, row) for column in columns) for row in first.tolist()]
    levels, place = np.unique(names, return_inverse=True)
    if len(levels) < count:
        raise ReadError("bad_name", "two units would have the same name", help="write the parts of names without ^")
    return text(place.reshape(-1)[codes], tuple(levels.tolist()))


def rank(column: Column) -> tuple[Ints, int]:
    """Code a column's values from 0 in sorted order, -1 where missing; gives also how many levels occur."""
    if column.numbers is None:
        return compact(column._codes)
    known = ~np.isnan(column.numbers)
    whole = bool(known.all())
    small, count = _ranked(column.numbers if whole else column.numbers[known])
    if whole:
        return small, count
    codes = np.full(column.numbers.shape, -1, dtype=np.int64)
    codes[known] = small
    return codes, count


_PARTS = {
    "half": (2, 10, re.compile(r"half|semester|半年", re.IGNORECASE)),
    "quarter": (4, 10, re.compile(r"quarter|qtr|trimest|^q$|季", re.IGNORECASE)),
    "month": (12, 100, re.compile(r"month|^m$|月", re.IGNORECASE)),
    "week": (53, 100, re.compile(r"week|周", re.IGNORECASE)),
}
"""Of a step its periods in a year, what the year is multiplied by, and names of columns that number them."""


def parted_time_advice(columns: Mapping[str, Column], unit: Sequence[str], time: str) -> str:
    """Say how year and quarter (month, …) in two columns, of which one is ``time``, become one; "" where they do not.

    The name must say it: a gender, 1 or 2, and a group of ages, 1 to 4, part a year as well.
    """
    whole = {
        n: c.numbers
        for n, c in columns.items()
        if c.numbers is not None and not c.missing.any() and not c.kind and (c.numbers == np.floor(c.numbers)).all()
    }
    years = [n for n, v in whole.items() if v.size and v.min() >= 1500 and v.max() <= 2500]
    for step, (most, factor, named) in _PARTS.items():
        for part in (n for n in whole if named.search(n) and n not in unit):
            low, high = whole[part].min(initial=1), whole[part].max(initial=0)
            if not 0 <= low < high < most + (low > 0):
                continue
            for year in (n for n in years if time in (n, part)):
                period = whole[year] * 100 + whole[part]
                cells, count = join_codes([*(rank(columns[name]) for name in unit), rank(number(period))])
                if count == len(cells) > 0:
                    add = " + 1" if low == 0 else ""
                    first = int(whole[year][0] * factor + whole[part][0] + (low == 0))
                    return (
                        f"the time is in two columns: number the periods in one, `{year}` * {factor} + `{part}`{add} "
                        f"({first} in the first data row), write it into the file, and name it as the time, with "
                        f'step = "{step}"'
                    )
    return ""


MOST_APART = 40
"""Levels of a column that is told to split a unit's period into rows."""


def repeats_advice(columns: Mapping[str, Column], unit: Sequence[str], time: str) -> str:
    """Say which column tells the rows of one unit and period apart, as a sector or gender does, and what to do.

    ``unit`` are the columns that tell units.
    """
    if parted := parted_time_advice(columns, unit, time):
        return parted
    cell, _ = join_codes([rank(columns[name]) for name in (*unit, time)])
    apart = []
    for name, column in columns.items():
        if name in (*unit, UNIT, time) or column.kind or column.missing.any():
            continue
        codes, levels = rank(column)
        if 2 <= levels <= min(MOST_APART, len(cell) // 2) and len(np.unique(cell * levels + codes)) == len(cell):
            apart.append(name)
    if not apart:
        return (
            "delete rows that are the same; of parts (ages, genders, sectors) make one row by sum or mean, or name "
            'their columns with the unit\'s: unit = ["state", "sector"]'
        )
    listed = ", ".join(toml_text(write_name(name)) for name in (*unit, apart[0]))
    named = " or ".join(f"`{name}`" for name in apart[:3])
    return f"a row is one of each {named}: write unit = [{listed}], or make one row of them by sum or mean"


def _ranked(values: Floats) -> tuple[Ints, int]:
    """Code known values in sorted order; whole numbers close to each other without sorting them."""
    if not values.size:
        return np.zeros(0, dtype=np.int64), 0
    low, high = values.min(), values.max()
    if np.isfinite(low) and np.isfinite(high) and high < low + 10 * values.size:
        above = values - low
        whole = above.astype(np.int64)
        if (whole == above).all() and low == np.floor(low):
            return compact(whole)
    levels, inverse = np.unique(values, return_inverse=True)
    return inverse.reshape(-1), len(levels)


def compact(codes: Ints) -> tuple[Ints, int]:
    """Renumber non-negative codes without gaps, keeping their order and -1."""
    top = int(codes.max(initial=-1)) + 1
    if top > 10 * codes.size + 1000:
        levels, inverse = np.unique(codes, return_inverse=True)
        gap = int(levels[0] < 0)
        return inverse.reshape(-1) - gap, len(levels) - gap
    present = np.zeros(top + 1, dtype=bool)
    present[codes] = True
    present[top] = False
    if present[:top].all() and codes.min(initial=0) >= 0:
        return codes, top
    table = np.cumsum(present) - 1
    table[top] = -1
    return table[codes], int(present.sum())


def join_codes(parts: Sequence[tuple[Ints, int]]) -> tuple[Ints, int]:
    """Code the combinations of several codings that occur, in the order of the first, then the second.

    Missing (-1) in any of them is missing. Codes stay below 2^63 as every step is compacted.
    """
    codes, count = parts[0]
    for other, size in parts[1:]:
        joint = np.where((codes < 0) | (other < 0), -1, codes * max(size, 1) + other)
        codes, count = compact(joint)
    return codes, count


def cell_text(column: Column, row: int) -> str:
    """Write one cell as R prints it: whole numbers without a point, missing as NA."""
    if column.numbers is None:
        assert column.codes is not None
        code = int(column.codes[row])
        return column.levels[code] if code >= 0 else "NA"
    return number_text(float(column.numbers[row]))


def listed_rows(rows: Ints) -> str:
    """Write the places of rows of data, the first below the headings being 1; the first three of many."""
    shown = ", ".join(f"{row + 1:,}" for row in rows[:3])
    more = f" and {rows.size - 3:,} more" if rows.size > 3 else ""
    return f"data row{'s' * (rows.size > 1)} {shown}{more}"


def number_text(value: float) -> str:
    """Write a number in the fewest digits (15 at most), whole ones without a point."""
    if value != value:
        return "NA"
    if value in (float("inf"), float("-inf")):
        return "Inf" if value > 0 else "-Inf"
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.15g}"


_NINES = tuple(float(f"{'9' * n}.{'9' * m}") for n in (2, 3, 4) for m in (1, 2))
CODES_OF_MISSING = frozenset(
    (*(float(digit * n) for digit in "89" for n in range(1, 10)), *_NINES, *np.asarray(_NINES, np.float32).tolist())
)
"""Numbers that files of surveys and yearbooks write, with or without a minus, where a value is missing."""
NEGATIVE_CODES = CODES_OF_MISSING | {100.0, 1000.0, 10_000.0}
"""What is written with a minus alone."""
REPEATED = frozenset((88.0, 98.0, 99.0))
OFTEN = 5
"""Rows in which a number of two digits is no accident where nothing is near it."""


def missing_codes(values: Floats, repeats: bool = True) -> tuple[tuple[float, int], ...]:
    """Return (value, rows) of numbers that are codes of a missing value rather than values.

    Such a number stands at least twice (of several digits: once), beyond all others, and far from them: further than
    three times their range, or their range once for -999 and longer and for 99.9 and the like in several rows.
    Among others none of which is negative a negative code is one at any distance: -9 where it is the only negative
    one of many values.

    Among many others one row is enough, of one digit too, where the number is further away than their range and ten
    times their interquartile range, where it alone is negative and none is 0, or less than a hundredth of the least.

    So is -1 among many others above 10, and 0 in few rows where many others are further from it than a hundred
    interquartile ranges; and up to three whole numbers from -9 to -1, each in several rows and a hundredth of them,
    where all others, many, are above 0.

    Negative numbers of one digit that are in more than half of the rows together are values.

    With ``repeats`` (rows of one unit do not repeat each other) so is 88, 98 or 99 in five rows or more, above many
    others by half their range.
    """
    known = values[np.isfinite(values)]
    if not known.size:
        return ()
    least = known.min()
    small = -9 <= least < 0 and least == int(least)
    small |= least == 0 and np.count_nonzero(known == 0) <= 1 + known.size // 100
    if not small and not {-least, least, known.max()} & (NEGATIVE_CODES | REPEATED):
        return ()
    distinct, counts = np.unique(known, return_counts=True)
    first, last = 0, len(distinct)
    while first < last and -distinct[first] in NEGATIVE_CODES:
        first += 1
    if last - first > MANY and distinct[first] in CODES_OF_MISSING and distinct[first + 1] > FAR * distinct[first]:
        first += 1
    if small and first == 0 and last > MANY:
        first = _small_codes(distinct, counts)
    often = REPEATED if repeats else frozenset()
    while last > first and (
        distinct[last - 1] in CODES_OF_MISSING or (distinct[last - 1] in often and counts[last - 1] >= OFTEN)
    ):
        last -= 1
    if last - first < 2:
        return ()
    low, high, many_others = distinct[first], distinct[last - 1], last - first >= MANY
    quarters = np.quantile(known[(known >= low) & (known <= high)], (0.25, 0.75))
    isolated = max(high - low, 10 * (quarters[1] - quarters[0]))
    found = []
    for at in (*range(first), *range(last, len(distinct))):
        code, rows = float(distinct[at]), int(counts[at])
        broken = code != round(code)  # nobody measures 99.9 twice by chance
        long = code <= -999 or (broken and rows > 1)
        gap = low - code if code < low else code - high
        alone = low >= 0 and (code < -9 or (code < 0 and many_others))
        once = code <= -88 or code >= 8888 or broken
        far = alone or gap > (high - low) * (1 if long else 3)
        single = many_others and (gap > isolated or code < 0 < low or 0 < code < low)
        again = code in often and rows >= OFTEN and many_others and gap >= (high - low) / 2
        if single or again or (far and (rows > 1 or once)):
            found.append((code, rows))
    digits = sum(rows for code, rows in found if -9 <= code < 0)
    return tuple((code, rows) for code, rows in found if 2 * digits <= known.size or not -9 <= code < 0)


def _small_codes(values: Floats, counts: Ints) -> int:
    """Count the least of many values that are codes of one digit, by how they stand to the others, all above 0."""
    others, n = values[1:], counts[1:]
    if not values[0]:
        low, high = others[np.searchsorted(np.cumsum(n), n.sum() * np.array([0.25, 0.75]))]
        return int(high > low and others[0] > FAR * (high - low))
    negative = int(np.searchsorted(values, 0.0))
    codes, rows = values[:negative], counts[:negative]
    whole = negative <= MOST_CODES and values[negative] > 0 and bool((codes == codes.round()).all())
    if whole and len(values) - negative > MANY and (rows >= max(2, counts.sum() / 100)).all():
        return negative
    return int(values[0] == -1 and others[0] > 10)


MOST_CODES = 3
"""Codes of one digit that a column of positive values may have: -1, -2 and -3 of a survey."""
MANY = 10
"""Distinct values, none of them negative, among which -9 is no value, and among which one row tells a code."""
FAR = 100
"""Times by which the least of many values is more than a positive code below them: 99 where all others are weights."""


def told_codes(name: str, codes: Sequence[tuple[float, int]], labels: Mapping[float, str]) -> tuple[str, str]:
    """Say in how many rows codes of missing values stand and why they may be some, and write what makes them missing.

    ``labels`` are what the file calls those that it labels as missing.
    """
    made = name
    for code, _ in codes:
        made = f"ifelse({name} == {number_text(code)}, NA, {made})"
    labelled = [code in labels for code, _ in codes]
    why = "far from its other values"
    if any(labelled):
        why = "labelled as missing" if all(labelled) else f"{why} or labelled as missing"
    shown = [
        f"{number_text(code)}{f' (“{labels[code]}”)' if code in labels else ''} in {many(rows, 'row')}"
        for code, rows in codes
    ]
    return f"{' and '.join(shown)}, {why}", made


MISSING = ("", "NA", "NaN", "nan", ".", "null", "NULL", "N/A", "#N/A")
"""Cells of a text file that stand for a missing value, after trimming."""


_LOGICAL = {"TRUE": 1.0, "True": 1.0, "true": 1.0, "FALSE": 0.0, "False": 0.0, "false": 0.0}
_LARGEST = 2.0**53


def written_column(name: str, cells: pl.Series) -> tuple[Column, tuple[Remark, ...]]:
    """Read a column of a text file: numbers where every cell is one, else logical, else text."""
    return next(written_columns([name], pl.DataFrame([cells])))


AT_ONCE = 1_000_000
"""Cells that one query of polars reads: a query takes as long as thousands, and the whole of a large file memory."""


def written_columns(names: Sequence[str], frame: pl.DataFrame) -> Iterator[tuple[Column, tuple[Remark, ...]]]:
    """Read the columns of a text file, each as `written_column` does; ``names`` are for the remarks."""
    step = max(1, AT_ONCE // max(1, frame.height))
    for start in range(0, frame.width, step):
        part = frame.select(pl.col(frame.columns[start : start + step]).str.strip_chars())
        cells = part.select(pl.when(~pl.col(c).is_in(MISSING)).then(pl.col(c)) for c in part.columns)
        numbers = cells.select(pl.all().cast(pl.Float64, strict=False))
        read = zip(names[start:], cells.iter_columns(), numbers.iter_columns(), strict=False)
        for name, of_one, as_numbers in read:
            yield _written_column(name, of_one, as_numbers)


def _written_column(name: str, cells: pl.Series, numbers: pl.Series) -> tuple[Column, tuple[Remark, ...]]:
    lost = numbers.null_count() - cells.null_count()
    if lost == 0:
        return number(numbers.to_numpy()), _large_codes(name, cells, numbers)
    distinct = cells.unique().drop_nulls()
    if len(distinct) <= len(_LOGICAL) and set(distinct) <= set(_LOGICAL):
        return number(_floats(cells.replace_strict(_LOGICAL, return_dtype=pl.Float64))), ()
    odd: tuple[str, ...] = ()
    if lost <= (len(cells) - cells.null_count()) / 2:
        rows = np.flatnonzero((cells.is_not_null() & numbers.is_null()).to_numpy())
        first = dict(zip(cells[rows[::-1]], rows[::-1].tolist(), strict=True))
        odd = tuple(f"“{cell}” (data row {row + 1:,})" for cell, row in sorted(first.items(), key=itemgetter(1))[:3])
    return _texts(cells, odd=odd), ()


def error_cells(name: str, found: Sequence[tuple[int, str]]) -> Remark:
    """Warn of errors of a spreadsheet in a column: how many, and where the first is, by data row."""
    one = len(found) == 1
    which, first = ", ".join(dict.fromkeys(error for _, error in found)), format(found[0][0], ",")
    return Remark(
        "error_cells",
        f"`{name}` has {many(len(found), 'cell')} with an error of a spreadsheet ({which}), "
        f"{'in' if one else 'the first in'} data row {first}, read as {'a missing value' if one else 'missing values'}",
        help="mend the formulas, or empty these cells if their values are not known",
    )


def typed_column(name: str, series: pl.Series) -> tuple[Column, tuple[Remark, ...]]:
    """Take over a column that has a type; numbers become float64."""
    kind = series.dtype
    if kind == pl.Null:
        return number(np.full(len(series), np.nan)), ()
    if kind.is_numeric() or kind == pl.Boolean:
        values = _floats(series.cast(pl.Float64))
        column = replace(number(values), single=kind == pl.Float32)
        return column, _large_integers(name, values) if kind.is_integer() else ()
    if kind == pl.String:
        return _texts(series), ()
    if kind in (pl.Categorical, pl.Enum):
        return _categories(series), ()
    if kind in (pl.Date, pl.Datetime):
        days = series.dt.to_string("%Y-%m-%d" if kind == pl.Date else "%Y-%m-%d %H:%M:%S")
        return _texts(days, kind="date"), ()
    return text(np.full(len(series), -1), (), kind="durations" if kind == pl.Duration else str(kind)), ()


def _floats(numbers: pl.Series) -> Floats:
    """Return float64; without missing values the series' own memory, else one copy with NaN."""
    return numbers.cast(pl.Float64).to_numpy()


def _texts(cells: pl.Series, kind: str = "", odd: tuple[str, ...] = ()) -> Column:
    levels = cells.unique().drop_nulls().sort()
    if not len(levels):
        return text(np.full(len(cells), -1), (), kind)
    codes = cells.cast(pl.Enum(levels)).to_physical().cast(pl.Int64).fill_null(-1)
    return text(codes.to_numpy().copy(), tuple(levels), kind, odd)


def _categories(cells: pl.Series) -> Column:
    """Take over codes, renumbered to the levels that occur in the order of their texts."""
    distinct = cells.unique().drop_nulls()
    if not len(distinct):
        return text(np.full(len(cells), -1), ())
    labels = distinct.cast(pl.String)
    order = labels.arg_sort().to_numpy()
    stored = distinct.to_physical().to_numpy()[order].astype(np.int64)
    ranked = np.argsort(stored)
    codes = cells.to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
    found = np.searchsorted(stored, codes, sorter=ranked).clip(max=len(stored) - 1)
    return text(np.where(codes < 0, -1, ranked[found]), tuple(labels.to_numpy()[order].tolist()))


def _large_codes(name: str, cells: pl.Series, numbers: pl.Series) -> tuple[Remark, ...]:
    large = cells.filter(numbers.abs() >= _LARGEST)
    whole = large.filter(large.str.contains(r"^[+-]?\d+$"))
    return _too_large(name, str(whole.first())) if len(whole) else ()


def _large_integers(name: str, values: Floats) -> tuple[Remark, ...]:
    if not values.size or max(values.max(), -values.min()) < _LARGEST:
        return ()
    large = values[np.abs(values) >= _LARGEST]
    return _too_large(name, f"{large[0]:.0f}") if large.size else ()


def _too_large(name: str, example: str) -> tuple[Remark, ...]:
    return (
        Remark(
            "large_integers",
            f"`{name}` holds whole numbers beyond 2^53, such as {example}, which are not exact as numbers",
            help="two units may fall together: store the codes as text",
        ),
    )


class ReadError(SpecdidError):
    """Data that cannot be read; becomes a fault at ``origin``, by default the place where the file is named."""

    def __init__(
        self,
        code: str,
        message: str,
        help: str | None = None,
        notes: tuple[str, ...] = (),
        origin: Origin | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help
        self.notes = notes
        self.origin = origin


@dataclass(frozen=True, slots=True)
class Remark:
    """A warning about data that could be read; ``origin`` is that of the file's name, if None."""

    code: str
    message: str
    help: str | None = None
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class ReadColumns:
    """Columns as read, in data order."""

    columns: dict[str, Column]
    n_rows: int
    sha256: str
    remarks: tuple[Remark, ...] = ()
