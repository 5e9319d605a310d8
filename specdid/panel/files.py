"""Data files by their ending; what is read is hashed, and columns that nothing uses are not read.

Stata's .dta gives numbers as stored (no value labels, no dates), float32 widened.

A workbook is a zip archive: what it holds is looked at before anything unpacks it.
"""

from __future__ import annotations

import hashlib
import io
import logging
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from specdid._diagnostics import did_you_mean
from specdid.panel.columns import (
    UNREAD,
    Column,
    ReadColumns,
    ReadError,
    Remark,
    error_cells,
    typed_column,
    written_column,
)
from specdid.panel.delimited import (
    read_delimited,
    refuse_repeated,
)
from specdid.panel.memory import available
from specdid.panel.operators import STATA_DATES

Wanted = Callable[[Sequence[str]], Collection[str]]
"""From the names of all columns to those that are to be read."""

_Read = tuple[dict[str, Column], int, tuple[Remark, ...]]
MOST_BYTES = 2 * 1024**3
MOST_RATIO = 1000
SMALL = 50 * 1024**2
MOST_APART = 20_000_000
"""Cells of a sheet, empty ones between the others included, that a sparse sheet may span."""
_CELL_BYTES = 64
"""Bytes that reading a cell takes, an empty one between others included."""
_OLD = b"\xd0\xcf\x11\xe0"
_CELL_TAG = re.compile(rb"""<c\b(?:[^>]*?\br=["']([A-Za-z]*)([0-9]*))?[^>]*?(/?)>""")
_ROW = re.compile(rb"""<row\b(?:[^>]*?\br=["']([0-9]+)["'])?[^>]*?>""")
"""Both take a tag whole, with a number or without: no tag is gone through twice, whatever a stranger wrote."""
_SHEET = re.compile(r"(?i)^/?xl/(?:worksheets/)?[^/]*sheet[^/]*\.xml$")


class _File:
    """One data file, as the readers want it: a path, or its bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        found = path.stat()
        self.size, self.changed = found.st_size, found.st_mtime_ns

    @cached_property
    def raw(self) -> bytes:
        return self.path.read_bytes()

    def sha256(self) -> str:
        """Hash the content, and see that it is still what was read."""
        if "raw" in self.__dict__:
            return hashlib.sha256(self.raw).hexdigest()
        with self.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found = self.path.stat()
        if (found.st_size, found.st_mtime_ns) != (self.size, self.changed):
            raise ReadError("not_readable", "the file changed while it was read", help="run again when it is complete")
        return digest


@dataclass(frozen=True, slots=True)
class _FileReader:
    """How files of one ending are read, and about how many bytes of memory one of theirs takes at most."""

    read: Callable[[_File, Wanted], _Read]
    swelling: float


def read_columns(path: Path, name: str, wanted: Wanted | None = None) -> ReadColumns:
    """Read a data file.

    Parameters
    ----------
    path : the file
    name : what messages call it
    wanted
        Says which columns to read; None reads all. The others are UNREAD.

    Raises
    ------
    ReadError
        Where there is no such file, it cannot be read or it does not fit in memory.
    """
    try:
        reader = _reader(path, name)
        file = _File(path)
        _refuse_size(file, reader, name)
        found, n_rows, remarks = reader.read(file, wanted or _all)
        digest = file.sha256()
    except ReadError as error:
        raise _named(error, name) from None
    except OSError as error:
        raise ReadError("not_readable", f"`{name}` cannot be read: {error.strerror}") from None
    except MemoryError:
        raise _named(_too_large(), name) from None
    if not n_rows:
        raise ReadError("no_rows", f"`{name}` has no rows")
    return ReadColumns(found, n_rows, digest, remarks)


def _all(names: Sequence[str]) -> Collection[str]:
    return names


def _named(error: ReadError, name: str) -> ReadError:
    message = error.message.replace("the file", f"`{name}`", 1).replace("the workbook", f"`{name}`", 1)
    if message == error.message and f"`{name}`" not in message:
        message = f"`{name}`: {message}"
    return ReadError(error.code, message, error.help, error.notes, error.origin)


def refuse_large(needed: float) -> None:
    """Raise where ``needed`` bytes are more than there are."""
    free = available()
    if needed > free:
        sizes = f" (about {needed / 1024**2:,.0f} MB; {free / 1024**2:,.0f} MB are free)"
        raise _too_large(sizes)


def _too_large(sizes: str = "") -> ReadError:
    help_ = "save it as .parquet, of which only the columns in use are read, or take a machine with more memory"
    return ReadError("too_large", f"the file needs more memory than there is{sizes}", help_)


def _refuse_size(file: _File, reader: _FileReader, name: str) -> None:
    if not file.size:
        raise ReadError("empty_file", f"`{name}` is empty")
    refuse_large(file.size * reader.swelling)


def _reader(path: Path, name: str) -> _FileReader:
    """Return the reader of an ordinary file, by its ending."""
    if path.is_dir():
        raise ReadError("not_readable", f"`{name}` is a directory; `data` must name one file")
    if not path.exists():
        raise ReadError("no_file", f"there is no file `{name}`", help=_nearby(path))
    if not path.is_file():
        raise ReadError("not_readable", f"`{name}` is no regular file")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        help_ = "data may be " + " ".join(_READERS)
        raise ReadError("not_readable", f"`{name}` has an ending that cannot be read", help_)
    return reader


def _nearby(path: Path) -> str | None:
    if not path.parent.is_dir():
        return f"there is no directory `{path.parent}` either; `data` is relative to the spec file"
    here = sorted(p.name for p in path.parent.iterdir() if p.suffix.lower() in _READERS)
    near = did_you_mean(path.name, here, cutoff=0.5)
    if near:
        return near
    return "data files there: " + ", ".join(f"`{n}`" for n in here[:5]) if here else None


def _delimited(file: _File, wanted: Wanted, separator: str) -> _Read:
    return read_delimited(file.raw, separator, wanted)


def _parquet(file: _File, wanted: Wanted) -> _Read:
    names = _attempt(lambda: list(pl.read_parquet_schema(file.path)))
    scan = _attempt(lambda: pl.scan_parquet(file.path, glob=False, hive_partitioning=False))
    chosen = [n for n in names if n in set(wanted(names))]
    n_rows = int(_attempt(lambda: scan.select(pl.len()).collect().item()))
    refuse_large(n_rows * (len(chosen) + 1) * _CELL)
    columns: dict[str, Column] = dict.fromkeys(names, UNREAD)
    remarks: list[Remark] = []
    for name in chosen:
        read = partial(pl.read_parquet, file.path, columns=[name], glob=False, hive_partitioning=False)
        columns[name], notes = typed_column(name, _attempt(read).to_series())
        remarks += notes
    return columns, n_rows, tuple(remarks)


_CELL = 24
"""Bytes of memory that reading a cell takes at most, two of them for a while."""


def _feather(file: _File, wanted: Wanted) -> _Read:
    names = _attempt(lambda: list(pl.read_ipc_schema(file.path)))
    chosen = [n for n in names if n in set(wanted(names))]
    frame = _attempt(lambda: pl.read_ipc(file.path, columns=chosen or names[:1]))
    columns, n_rows, remarks = convert(frame)
    return {n: columns[n] if n in chosen else UNREAD for n in names}, n_rows, remarks


def _attempt(read: Callable[[], Any]) -> Any:
    """Read, and make a ReadError of whatever a damaged file raises, a panic of the reader included."""
    try:
        return read()
    except (ReadError, KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException:  # a Rust panic is no Exception
        advice = "copy or export it again"
        raise ReadError("not_readable", "the file is damaged or cut short", advice) from None


def convert(frame: pl.DataFrame) -> _Read:
    """Convert a typed frame's columns."""
    columns: dict[str, Column] = {}
    remarks: list[Remark] = []
    for series in frame.iter_columns():
        columns[series.name], notes = typed_column(series.name, series)
        remarks += notes
    return columns, frame.height, tuple(remarks)


def _excel(file: _File, wanted: Wanted) -> _Read:
    raw = file.raw
    check_workbook(raw)
    try:
        import fastexcel
    except ImportError:
        raise ReadError(
            "not_readable", "reading .xlsx needs the package fastexcel", help="pip install 'specdid[excel]'"
        ) from None
    logging.getLogger("fastexcel").setLevel(logging.ERROR)  # it warns, on the screen, of every empty column
    book: Any = _attempt(lambda: fastexcel.read_excel(raw))
    first = _attempt(lambda: book.load_sheet(0, header_row=None, n_rows=1, dtypes="string").to_polars())
    if not first.height:
        raise ReadError("empty_file", "the file is empty: its first sheet has no cells")
    names = [str(v).strip() if v is not None else "" for v in first.row(0)]
    refuse_repeated([n for n in names if n])
    # Of a type guessed from the first rows, a later cell of text would become a missing value.
    sheet: Any = _attempt(lambda: book.load_sheet(0, schema_sample_rows=None))
    cells, errors = _attempt(sheet.to_arrow_with_errors)
    frame = _without_blank_end(pl.DataFrame(pl.from_arrow(cells)))
    chosen = set(wanted([n for n in names if n]))
    remarks = [*_other_sheets(book), *_errors_of_formulas(errors, names, chosen)]
    numbers = (
        frame if pl.String not in frame.dtypes else _attempt(lambda: book.load_sheet(0, dtypes="float").to_polars())
    )
    columns: dict[str, Column] = {}
    for place, (name, series) in enumerate(zip(names, frame.iter_columns(), strict=False)):
        if name not in chosen:
            columns |= {name: UNREAD} if name else {}
            continue
        if series.dtype == pl.String:
            columns[name], notes = written_column(name, _with_exact(series, numbers.to_series(place).head(len(series))))
        else:
            columns[name], notes = typed_column(name, series)
        remarks += notes
    return columns, frame.height, tuple(remarks)


def _without_blank_end(frame: pl.DataFrame) -> pl.DataFrame:
    """Leave out blank rows at the end; others keep their place, as other programs read them."""
    texts = pl.selectors.string()
    blank = pl.all_horizontal((~texts).is_null(), texts.fill_null("").str.strip_chars() == "")
    filled = np.flatnonzero(~frame.select(blank).to_series().to_numpy())
    return frame.head(int(filled[-1]) + 1 if filled.size else 0)


def _with_exact(texts: pl.Series, numbers: pl.Series) -> pl.Series:
    """Return a column of texts with its numbers as stored, which stand in the texts with nine decimals."""
    shown = texts.cast(pl.Float64, strict=False)
    rounded = ((shown - numbers).abs() <= 1e-9 + 1e-15 * numbers.abs()) & (shown != numbers)
    rows = np.flatnonzero(rounded.fill_null(value=False).to_numpy())
    return texts.scatter(rows, [repr(value) for value in numbers[rows].to_list()]) if rows.size else texts


_ERROR = re.compile(r"Error\((\w+)\)")
_ERRORS = {"Div0": "#DIV/0!", "NA": "#N/A", "Name": "#NAME?", "Null": "#NULL!", "Num": "#NUM!", "Ref": "#REF!"}


def _errors_of_formulas(errors: Any, names: Sequence[str], chosen: Collection[str]) -> Iterator[Remark]:
    """Warn of cells of the first sheet whose formula has an error: they are read as empty."""
    wrong: dict[str, list[tuple[int, str]]] = {}
    for cell in errors.errors if errors is not None else ():
        row, place = cell.position
        if (found := _ERROR.search(cell.detail)) and names[place] in chosen:
            wrong.setdefault(names[place], []).append((row, _ERRORS.get(found[1], "#VALUE!")))
    for name, cells in wrong.items():
        yield error_cells(name, sorted(cells))


def _other_sheets(book: Any) -> tuple[Remark, ...]:
    sheets: Sequence[str] = book.sheet_names
    if len(sheets) < 2:
        return ()
    others = ", ".join(f"`{s}`" for s in sheets[1:4])
    message = f"only the first sheet, `{sheets[0]}`, was read; there are also {others}"
    return (Remark("sheets", message, "where another sheet is meant move it before the first"),)


def _stata(file: _File, wanted: Wanted) -> _Read:
    names, frame, formats, labels = _attempt(lambda: read_stata(file.raw, wanted))
    columns, n_rows, remarks = convert(frame)
    for name, kind in formats.items():
        if name in columns and columns[name].numbers is not None:
            columns[name] = replace(columns[name], kind=kind)
    for name, pairs in labels.items():
        if name in columns and columns[name].numbers is not None:
            columns[name] = replace(columns[name], labels=pairs)
    return {n: columns.get(n, UNREAD) for n in names}, n_rows, remarks


_READERS: Mapping[str, _FileReader] = {
    ".csv": _FileReader(partial(_delimited, separator=","), 5),
    ".tsv": _FileReader(partial(_delimited, separator="\t"), 5),
    ".parquet": _FileReader(_parquet, 0),
    ".feather": _FileReader(_feather, 1),
    ".dta": _FileReader(_stata, 3),
    ".xlsx": _FileReader(_excel, 1),
}


_UNICODE_SINCE = 118


def read_stata(
    raw: bytes, wanted: Callable[[Sequence[str]], Collection[str]]
) -> tuple[list[str], pl.DataFrame, dict[str, str], dict[str, tuple[tuple[float, str], ...]]]:
    """Read a .dta file; gives the names of all columns, those that are wanted, the formats of dates, and value labels.

    Labelled values stay numbers, as in a regression in Stata; %tm and the like stay the
    whole numbers that Stata counts, so that a step is 1.
    """
    import pandas as pd

    with (
        warnings.catch_warnings(),
        pd.read_stata(
            io.BytesIO(raw), convert_categoricals=False, convert_dates=False, preserve_dtypes=True, iterator=True
        ) as reader,
    ):
        warnings.simplefilter("ignore")  # of text that is not the encoding its version asks for
        frame = reader.read()
        version = int(getattr(reader, "_format_version", _UNICODE_SINCE))
        shown = [str(f)[:3] for f in getattr(reader, "_fmtlist", [])]
        sets, of_column = reader.value_labels(), getattr(reader, "_lbllist", [])
    legacy = version < _UNICODE_SINCE
    names = [_repair(str(name)) if legacy else str(name) for name in frame.columns]
    chosen = wanted(names)
    places = [place for place, name in enumerate(names) if name in chosen] or [0][: len(names)]
    formats = {name: kind for name, kind in zip(names, shown, strict=False) if kind in STATA_DATES}
    labels = {
        name: tuple((float(value), _repair(text) if legacy else text) for value, text in sets[label].items())
        for name, label in zip(names, of_column, strict=False)
        if label in sets
    }
    return names, pl.DataFrame([_series(names[p], frame.iloc[:, p], legacy) for p in places]), formats, labels


def _series(name: str, values: Any, legacy: bool) -> pl.Series:
    if values.dtype == np.float32:
        return pl.Series(name, values.to_numpy())
    if values.dtype.kind in "biuf":
        return pl.Series(name, values.to_numpy(dtype=np.float64, na_value=np.nan))
    texts = [v if isinstance(v, str) and v else None for v in values.tolist()]
    return pl.Series(name, [_repair(t) if legacy and t else t for t in texts], dtype=pl.String)


def _repair(text: str) -> str:
    """Undo the reading of Chinese bytes as Latin-1, which is all that old files let one know."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("gb2312")
    except UnicodeError:
        return text


def check_workbook(raw: bytes) -> None:
    """Refuse an archive that is damaged, escapes its directory or swells beyond measure.

    Raises
    ------
    ReadError
        With the reason; nothing has been unpacked to disk, and no more than MOST_BYTES in memory.
    """
    if raw.startswith(_OLD):
        raise ReadError(
            "not_readable",
            "the workbook is an old .xls or has a password",
            help="save it as .xlsx without a password",
        )
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            _check_sizes(archive.infolist(), len(raw))
            damaged = archive.testzip()
            sheets = [m.filename for m in archive.infolist() if _SHEET.match(m.filename)]
            for sheet in sheets if damaged is None else ():
                _check_extent(archive.read(sheet))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError):
        raise ReadError(
            "not_readable", "the workbook is damaged or cut short", help="copy or export it again"
        ) from None
    if damaged is not None:
        raise ReadError(
            "not_readable",
            f"the workbook is damaged: {damaged} does not match its checksum",
            help="copy or export it again",
        )


def _check_sizes(members: list[zipfile.ZipInfo], size: int) -> None:
    total = sum(member.file_size for member in members)
    if total > MOST_BYTES or (total > SMALL and total > MOST_RATIO * size):
        raise ReadError(
            "too_large",
            f"the workbook would unpack to {total / 1024**2:,.0f} MB from {size / 1024**2:,.1f} MB",
            help="export the sheet as .csv or .parquet",
        )
    if total * 4 > available():
        unpacked = f"{total / 1024**2:,.0f} MB"
        raise ReadError("too_large", f"the workbook unpacks to {unpacked}, more than memory has room for")
    for member in members:
        parts = member.filename.replace("\\", "/").split("/")
        if ".." in parts or member.filename.startswith(("/", "\\")) or ":" in parts[0]:
            raise ReadError(
                "not_readable",
                f"the workbook holds a file outside its archive: {member.filename!r}",
                help="export the sheet as .csv",
            )


def _check_extent(sheet: bytes) -> None:
    """Refuse a sheet whose cells lie so far apart that the empty ones between them fill the memory."""
    width, height, count = 1, 1, 0
    for column, row in _placed(sheet):
        width, height, count = max(width, column), max(height, row), count + 1
    rows = [int(digits[:12]) for digits in _ROW.findall(_tags(sheet)) if digits]
    area = max(width, _longest_row(sheet)) * max(height, *rows, len(rows), 1)
    if area * _CELL_BYTES > available() or (area > MOST_APART and area > 50 * max(count, len(rows))):
        raise ReadError(
            "too_large",
            f"the workbook has a sheet of {area:,} cells, nearly all of them empty",
            help="delete what stands far from the table, or export the sheet as .csv",
        )


def _tags(sheet: bytes) -> bytes:
    """Leave out what follows the last tag: a tag that never ends would be looked for again from each beginning."""
    return sheet[: sheet.rfind(b">") + 1]


def _placed(sheet: bytes) -> Iterator[tuple[int, int]]:
    """Return column and row, from 1, of the cells that hold something and say where they stand."""
    for letters, digits, closed in _CELL_TAG.findall(_tags(sheet)):
        if not closed and (letters or digits):
            yield _column_number(letters), int(digits[:12] or 0)


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters[:8].upper():
        number = number * 26 + letter - 64
    return number


def _longest_row(sheet: bytes) -> int:
    """Count the cells of the row that has most, for cells that do not say where they stand."""
    return max((row.count(b"<c") for row in sheet.split(b"<row")), default=0)
