"""From polars series to columns: which cells are missing, numbers, logicals, dates or text; what reading gives."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from specdid._arrays import Floats
from specdid._diagnostics import Origin, SpecdidError
from specdid.panel.columns import Column, number, text

MISSING = ("", "NA", "NaN", "nan", ".", "null", "NULL", "N/A", "#N/A")
"""Cells of a text file that stand for a missing value, after trimming."""

_LOGICAL = {"TRUE": 1.0, "True": 1.0, "true": 1.0, "FALSE": 0.0, "False": 0.0, "false": 0.0}
_LARGEST = 2.0**53


def written_column(name: str, cells: pl.Series) -> tuple[Column, tuple[Remark, ...]]:
    """Read a column of a text file: numbers where every cell is one, else logical, else text."""
    cells = cells.str.strip_chars()
    cells = cells.set(cells.is_in(MISSING).fill_null(value=True), None)
    numbers = cells.cast(pl.Float64, strict=False)
    lost = numbers.null_count() - cells.null_count()
    if lost == 0:
        return number(_floats(numbers)), (*_large_codes(name, cells, numbers), *_leading_zeros(name, cells, numbers))
    distinct = cells.unique().drop_nulls()
    if len(distinct) <= len(_LOGICAL) and set(distinct) <= set(_LOGICAL):
        return number(_floats(cells.replace_strict(_LOGICAL, return_dtype=pl.Float64))), ()
    odd: tuple[str, ...] = ()
    if lost <= (len(cells) - cells.null_count()) / 2:
        strange = cells.filter(cells.is_not_null() & numbers.is_null())
        odd = tuple(strange.unique(maintain_order=True).head(3))
    return _texts(cells, odd=odd), ()


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
    return text(np.full(len(series), -1), (), kind=str(kind)), ()


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
    large = (numbers.abs() >= _LARGEST) & cells.str.contains(r"^[+-]?\d+$")
    return _too_large(name, str(cells.filter(large).first())) if large.any() else ()


def _leading_zeros(name: str, cells: pl.Series, numbers: pl.Series) -> tuple[Remark, ...]:
    """Say where values with leading zeros, codes perhaps, are the same number as others."""
    padded = cells.str.starts_with("0").fill_null(value=False)
    if not padded.any():
        return ()
    codes = cells.filter(padded).unique()
    codes = codes.filter(codes.str.contains(r"^0\d+$"))
    if not len(codes):
        return ()
    near = pl.DataFrame({"cell": cells, "number": numbers})
    near = near.filter(pl.col("number").is_in(codes.cast(pl.Float64).to_list())).unique("cell").sort("number", "cell")
    meeting = near.group_by("number", maintain_order=True).agg("cell").filter(pl.col("cell").list.len() > 1)
    if not meeting.height:
        return ()
    shown = ", ".join(" and ".join(written) for written in meeting["cell"].head(3).to_list())
    more = f" and {meeting.height - 3:,} more" if meeting.height > 3 else ""
    return (
        Remark(
            "leading_zeros",
            f"`{name}` is read as numbers, so that values that differ in leading zeros are the same: {shown}{more}",
            help="if they are different codes, put a letter before each of them in the file, as z01, so that they "
            "are text; if they are the same, write them alike",
        ),
    )


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
