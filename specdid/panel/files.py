"""Data files by their ending; what is read is hashed, and columns that nothing uses are not read.

Stata's .dta gives numbers as stored (no value labels, no dates), float32 widened.

A workbook is a zip archive: what it holds is looked at before anything unpacks it.
"""

from __future__ import annotations

import hashlib
import html
import io
import logging
import re
import unicodedata
import warnings
import zipfile
import zlib
from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from specdid._arrays import Floats, Ints
from specdid._diagnostics import did_you_mean, first_few, many
from specdid.panel.columns import (
    UNREAD,
    Column,
    ReadColumns,
    ReadError,
    Remark,
    error_cells,
    logical_cells,
    merged_cells,
    percent_cells,
    percent_shares,
    replaced_cells,
    superscript_cells,
    thousand_cells,
    typed_column,
    uncomputed_cells,
    worded_cells,
    written_column,
)
from specdid.panel.delimited import (
    read_delimited,
    refuse_repeated,
)
from specdid.panel.memory import available
from specdid.panel.operators import STATA_DATES, read_number

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
        raise ReadError("data_format", f"`{name}` is a directory; `data` must name one file")
    if not path.exists():
        raise ReadError("no_file", f"there is no file `{name}`", help=_nearby(path))
    if not path.is_file():
        raise ReadError("not_readable", f"`{name}` is no regular file")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        help_ = "data may be " + " ".join(_READERS)
        raise ReadError("data_format", f"`{name}` has an ending that cannot be read", help_)
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
            "missing_extra", "reading .xlsx needs the package fastexcel", help="pip install 'specdid[excel]'"
        ) from None
    logging.getLogger("fastexcel").setLevel(logging.ERROR)  # it warns, on the screen, of every empty column
    book: Any = _attempt(lambda: fastexcel.read_excel(raw))
    first = _attempt(lambda: book.load_sheet(0, header_row=None, n_rows=1, dtypes="string").to_polars())
    if not first.height:
        raise ReadError("empty_file", "the file is empty: its first sheet has no cells")
    names = [str(v).strip() if v is not None else "" for v in first.row(0)]
    refuse_repeated([n for n in names if n])
    # Of a type guessed from the first rows, a later cell of text would become a missing value.
    load = partial(book.load_sheet, 0, header_row=None, skip_rows=1, column_names=None, schema_sample_rows=None)
    frame = _attempt(lambda: load().to_polars())
    frame, blank = _without_blank_end(frame)
    columns: dict[str, Column] = {}
    remarks: list[Remark] = list(_other_sheets(book))
    remarks += blank
    chosen = set(wanted([n for n in names if n]))
    sheet = _first_sheet(raw)
    remarks += _hidden_rows(sheet)
    remarks += _errors_of_formulas(sheet.xml, names, chosen)
    remarks += _formatted(sheet, frame, names, chosen)
    remarks += _merged_cells(sheet, frame, names, chosen)
    for place, (name, series) in enumerate(zip(names, frame.iter_columns(), strict=False)):
        if name in chosen:
            if series.dtype == pl.String:
                series, raised = _with_superscripts(name, series, sheet, place)
                remarks += raised
                columns[name], notes = _of_cells(name, series, sheet.cells, place)
            else:
                columns[name], notes = typed_column(name, series)
            remarks += notes
        elif name:
            columns[name] = UNREAD
    return columns, frame.height, tuple(remarks)


_TAG = rb"[^<>]{0,400}?"
_AT = _TAG + rb"""\br=["']([A-Za-z]{1,3})([0-9]{1,7})["']""" + _TAG + rb">"
_ERROR = re.compile(
    rb"<(?:\w{1,9}:)?c\b(?=" + _TAG + rb"""\bt=["']e["'])""" + _AT + rb"""(?:(?!</?(?:\w{1,9}:)?c\b).){0,9999}?"""
    rb"""<(?:\w{1,9}:)?v>([^<]{1,20})</""",
    re.DOTALL,
)
_UNCOMPUTED = re.compile(
    rb"<(?:\w{1,9}:)?c\b(?!" + _TAG + rb"""\bt=["']str["'])""" + _AT + rb"""\s*+<(?:\w{1,9}:)?f\b"""
    rb"""[^<>]{0,400}(?:/>|>[^<]*+</(?:\w{1,9}:)?f>)\s*+"""
    rb"""(?:<(?:\w{1,9}:)?v\s*+/>|<(?:\w{1,9}:)?v\s*+>\s*+</(?:\w{1,9}:)?v>)?\s*+</"""
)
"""A formula without a value; of the type `str` it may be the empty text."""


def _errors_of_formulas(sheet: bytes, names: Sequence[str], chosen: Collection[str]) -> Iterator[Remark]:
    """Warn of cells of the first sheet whose formula has an error or was never computed: they are read as empty."""
    errors = _ERROR.findall(sheet) if re.search(rb"""\bt=["']e["']""", sheet) else []
    uncomputed = _UNCOMPUTED.findall(sheet)
    if not errors and not uncomputed:
        return
    placed = list(_placed(sheet))
    left, top = (min(place, default=1) for place in ([c for c, _ in placed], [row for _, row in placed]))
    wrong: dict[int, list[tuple[int, str]]] = defaultdict(list)
    empty: dict[int, list[int]] = defaultdict(list)
    for letters, row, error in errors:
        wrong[_column_number(letters)].append((int(row), error.decode(errors="replace")))
    for letters, row in uncomputed:
        empty[_column_number(letters)].append(int(row))
    for column, name in enumerate(names, left):
        if name not in chosen:
            continue
        found = sorted(cell for cell in wrong[column] if cell[0] > top)
        if found:
            yield error_cells(name, column - 1, found, True)
        rows = sorted(row for row in empty[column] if row > top)
        if rows:
            yield uncomputed_cells(name, column - 1, rows)


def _hidden_rows(sheet: _Sheet) -> tuple[Remark, ...]:
    """Warn of rows that the sheet does not show, by hand or by a filter: they are read, as other programs read them."""
    if b"hidden=" not in sheet.xml:
        return ()
    hidden = [row for row in sheet.cells.hidden if 1 < row <= sheet.cells.last]
    if not hidden:
        return ()
    one, shown = len(hidden) == 1, first_few([f"{row:,}" for row in hidden], 3)
    filtered = ", which has a filter," * (b"autoFilter" in sheet.xml)
    message = (
        f"the sheet{filtered} hides {many(len(hidden), 'row')} of the file, which {'was' if one else 'were'} read: "
        f"row{'s' * (not one)} {shown}, as a spreadsheet counts"
    )
    return (Remark("rows_hidden", message, "delete the rows that are not meant, or show them"),)


_MERGED = re.compile(
    rb"""<(?:\w{1,9}:)?mergeCell\b[^<>]{0,40}?\bref=["']([A-Z]{1,3})(\d{1,7}):[A-Z]{1,3}(\d{1,7})["']"""
)


def _merged_cells(sheet: _Sheet, frame: pl.DataFrame, names: Sequence[str], chosen: set[str]) -> Iterator[Remark]:
    """Warn of cells that are merged over rows: but for the first row of each they are read as empty."""
    merged: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for letters, first, last in _MERGED.findall(sheet.xml):
        if 1 < int(first) < int(last):
            merged[_column_number(letters) - sheet.cells.left].append((int(first), int(last)))
    for place, name in enumerate(names[: frame.width]):
        cells = frame.to_series(place)
        found = [(a, min(b, frame.height + 1)) for a, b in sorted(merged[place]) if a < frame.height + 1]
        found = [(a, b) for a, b in found if cells[a - 2] is not None]
        if name in chosen and found:
            yield merged_cells(name, sheet.cells.left + place - 1, found, str(cells[found[0][0] - 2]))


_HIDDEN = re.compile(rb"""\bhidden=["'](?:1|true)["']""")
_PIECE = re.compile(rb"<(?:\w{1,9}:)?(row|c|v|is)\b([^<>]*)>([^<]*)")
_ATTRIBUTE = re.compile(rb"""\b([rst])=["']([^"'<>]{1,40})["']""")
_PLACE = re.compile(rb"([A-Za-z]{1,3})([0-9]{1,7})")
_DIGITS = 40
_LONGEST_FORMAT = 400
_NUMBER_FORMAT = re.compile(rb"<(?:\w{1,9}:)?numFmt\b([^<>]*)>")
_FORMAT_ATTRIBUTE = re.compile(rb"""\b(numFmtId|formatCode)=(?:"([^"<>]*)"|'([^'<>]*)')""")
_FORMAT = re.compile(rb"<(?:\w{1,9}:)?xf\b([^<>]*)>")


_Texts = tuple[str | None, str | None, str | None]


@dataclass(frozen=True)
class _Sheet:
    """The first sheet of a workbook; its cells are gone through once, and only where a reader asks.

    Attributes
    ----------
    xml : empty where it is not where workbooks have it
    scaled : of the styles that show a number in percent, in thousands or with a word, as cells name them, which
    words : of formats, in the order of their kinds; none where all are the same sign of a currency
    instead : of the styles that show a text in place of some numbers, the texts of those above 0, below and of 0
    shared : the texts of cells that stand apart; empty where none of them has a superscript
    """

    xml: bytes
    scaled: Mapping[bytes, int] = field(default_factory=dict)
    words: Sequence[str] = ()
    instead: Mapping[bytes, _Texts] = field(default_factory=dict)
    shared: bytes = b""

    @cached_property
    def cells(self) -> _Cells:
        return _read_cells(self.xml, self.scaled, self.instead)

    @cached_property
    def raised(self) -> dict[int, dict[int, str]]:
        """By column and row, what cells hold whose text is a number but for the digits of a superscript."""
        if not self.shared and _SUPERSCRIPT not in self.xml:
            return {}
        shared = [_raised_digits(runs) for _, _, runs in _rich_texts(self.shared)]
        found: dict[int, dict[int, str]] = defaultdict(dict)
        for (column, row), value, runs in _rich_texts(self.xml):
            at = int(value) if value.isdigit() and len(value) < _DIGITS else -1
            text = _raised_digits(runs) if runs else shared[at] if 0 <= at < len(shared) else ""
            if text:
                found[column][row] = text
        return found


_SUPERSCRIPT = b"superscript"
_RUN = re.compile(rb"<(/?)(?:\w{1,9}:)?(row|c|v|si|r|rPh|vertAlign|t)\b([^<>]*)>([^<]*)")
_Runs = list[tuple[str, bool]]


def _rich_texts(xml: bytes) -> Iterator[tuple[tuple[int, int], bytes, _Runs]]:
    """Return the texts of a sheet's cells, or of those that stand apart, in order.

    Each has its cell's column and row, its number among the texts that stand apart, and its runs: text, and whether it
    is a superscript. Of a text that stands apart the first two say nothing.
    """
    column, row, of_shared, value, started = 0, 0, False, b"", False
    runs: _Runs = []
    raised = phonetic = False
    for closing, name, written, text in map(re.Match.groups, _RUN.finditer(_tags(xml))):
        if name == b"rPh":
            phonetic = not closing and not written.endswith(b"/")
        elif closing:
            continue
        elif name == b"r":
            raised = False
        elif name == b"vertAlign":
            raised = _SUPERSCRIPT in written
        elif name == b"t":
            if not phonetic:
                runs.append((text.decode(errors="replace"), raised))
        elif name == b"v":
            value = text if of_shared else b""
        else:
            if started:
                yield (column, row), value, runs
            runs, value, raised, phonetic, started = [], b"", False, False, name != b"row"
            given = dict(_ATTRIBUTE.findall(written))
            at = given.get(b"r", b"")
            of_shared = given.get(b"t") == b"s"
            if name == b"row":
                row, column = int(at) if at.isdigit() and len(at) < _DIGITS else row + 1, 0
            elif place := _PLACE.fullmatch(at):
                column, row = _column_number(place[1]), int(place[2])
            else:
                column += 1
    if started:
        yield (column, row), value, runs


_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def _raised_digits(runs: _Runs) -> str:
    """Return a text with raised digits for those of its superscripts; nothing where it would be no number anyway."""
    whole = "".join(text for text, _ in runs)
    below = "".join(text for text, raised in runs if not raised)
    if below == whole or len(whole) > _DIGITS or read_number(whole) is None or read_number(below) is None:
        return ""
    return "".join(text.translate(_RAISED) if raised else text for text, raised in runs)


def _with_superscripts(name: str, series: pl.Series, sheet: _Sheet, place: int) -> tuple[pl.Series, tuple[Remark, ...]]:
    """Return a column as the sheet shows it: 25 with the superscript 1 is 25¹, the mark of a footnote, and not 251."""
    left = sheet.cells.left if sheet.raised else 0
    raised = {row: text for row, text in sheet.raised.get(left + place, {}).items() if 1 < row <= len(series) + 1}
    if not raised:
        return series, ()
    cells = series.to_list()
    for row, text in raised.items():
        cells[row - 2] = text
    return pl.Series(series.name, cells, dtype=pl.String), (superscript_cells(name, left + place - 1, raised),)


_NUMBER, _PERCENT, _LOGICAL, _THOUSANDS, _WORDED = range(5)
"""The last and those behind it are of numbers whose format has a word: the first, second, … of the workbook's words."""


@dataclass(frozen=True, slots=True)
class _Cells:
    """The cells of a sheet that have a value; rows and columns count from 1.

    Attributes
    ----------
    left, last : the first column and the last row
    hidden : the rows that the sheet does not show
    column, row, value, kind : of stored numbers (plain, in percent, in thousands or with a word) and of logical cells;
        by column
    instead : by column and row, the text that the sheet shows in place of a stored number
    """

    left: int
    last: int
    hidden: Sequence[int]
    column: Ints
    row: Ints
    value: Floats
    kind: NDArray[np.uint8]
    instead: Mapping[int, Mapping[int, str]]

    def of(self, place: int, kinds: Collection[int]) -> dict[int, float]:
        """Return by row what the column at this place of the table has below the headings."""
        mine = self._of(place)
        kind = self.kind[mine]
        wanted = (self.row[mine] > 1) & np.isin(np.where(kind < _WORDED, kind, _NUMBER), list(kinds))
        return dict(zip(self.row[mine][wanted].tolist(), self.value[mine][wanted].tolist(), strict=True))

    def worded(self, place: int) -> dict[int, dict[int, float]]:
        """Return by word, and then by row, the column's numbers that are shown with one."""
        found: dict[int, dict[int, float]] = defaultdict(dict)
        mine = self._of(place)
        for row, value, kind in zip(self.row[mine].tolist(), self.value[mine].tolist(), self.kind[mine], strict=True):
            if row > 1 and kind >= _WORDED:
                found[int(kind) - _WORDED][row] = value
        return found

    def _of(self, place: int) -> slice:
        return slice(*np.searchsorted(self.column, [self.left + place, self.left + place + 1]).tolist())


def _read_cells(xml: bytes, scaled: Mapping[bytes, int], instead: Mapping[bytes, _Texts]) -> _Cells:
    texts: dict[int, dict[int, str]] = defaultdict(dict)
    left, last, row, tag, column = 0, 0, 0, 0, 0
    hidden, columns, rows, values, kinds = array("q"), array("q"), array("q"), array("d"), array("B")
    cell: dict[bytes, bytes] = {}
    for piece in _PIECE.finditer(_tags(xml)):
        name, written, value = piece.groups()
        if name in (b"v", b"is"):
            if not column:
                continue
            if column < left or not left:
                left = column
            if row > last:
                last = row
            type_ = cell.get(b"t", b"n")
            if type_ == b"b":
                number, kind = 0.0, _LOGICAL
            elif type_ == b"n" and len(value) <= _DIGITS:
                try:
                    number = float(value)
                except ValueError:
                    continue
                style = cell.get(b"s", b"")
                kind = scaled.get(style, _NUMBER)
                if (
                    style in instead
                    and (shown := instead[style][0 if number > 0 else 1 if number < 0 else 2]) is not None
                ):
                    texts[column][row] = shown
            else:
                continue
            columns.append(column)
            rows.append(row)
            values.append(number)
            kinds.append(kind)
            continue
        cell = dict(_ATTRIBUTE.findall(written))
        at = cell.get(b"r", b"")
        if name == b"row":
            given = int(at[:9]) if at.isdigit() else None
            row, tag, column = (row + 1, tag + 1, 0) if given is None else (given, given, 0)
            if _HIDDEN.search(written):
                hidden.append(tag)
        elif place := _PLACE.fullmatch(at):
            row, column = int(place[2]), _column_number(place[1])
        else:
            column += 1
    found = np.array(columns, np.int64)
    order = np.argsort(found, kind="stable")
    return _Cells(
        left or 1,
        last,
        hidden,
        found[order],
        np.array(rows, np.int64)[order],
        np.array(values, np.float64)[order],
        np.array(kinds, np.uint8)[order],
        texts,
    )


_IN_THOUSANDS = re.compile(rb"[0#?],+(?![0#?,])")
"""Of a format: a comma behind its last digit."""


_WORD = re.compile(r'"([^"]*)"|\[\$([^\]-]*)[^\]]*\]|([$€£¥])')
_ALIKE = {"usd": "$", "us$": "$", "eur": "€", "euro": "€", "gbp": "£", "jpy": "¥", "cny": "¥", "rmb": "¥", "元": "¥"}
MOST_WORDS = 200


def _word_of(code: str) -> str | None:
    """Return the one word, or sign of a currency, that a format of numbers writes beside them; None of several.

    A single Latin letter is a mark, as r of a revised number, but for g, k, m and t, which are units.
    """
    if re.search("[ymdhs]", re.sub(r"\\.|\[.*?\]|General", "", _WORD.sub("", code)), re.IGNORECASE):
        return ""  # a date
    numbers = ";".join(part for part in _sections(code) if _text_alone(part) is None)
    found = {unicodedata.normalize("NFKC", "".join("".join(parts).split())) for parts in _WORD.findall(numbers)}
    words = {word for word in found if any(c.isalpha() or unicodedata.category(c) == "Sc" for c in word)}
    if len(words) > 1:
        return None
    word = words.pop() if words else ""
    return "" if re.fullmatch(r"\W*[a-fhijln-su-zA-FHIJLN-SU-Z]\W*", word) else word


_SECTION = re.compile(r'(?:"[^"]*"|\\.|[^;"\\])+|(?<=;)(?=;|$)|^(?=;)')
_LITERAL = re.compile(r'"([^"]*)"|\\(.)|\[[^\]]*\]|[_*].')


def _sections(code: str) -> list[str]:
    """Return what a format has for numbers above 0, for those below, for 0 and for texts, as far as it has them."""
    return _SECTION.findall(code)


def _text_alone(section: str) -> str | None:
    """Return the text that a section of a format shows in place of a number; None where it shows the number."""
    if re.search(r"[0#@?%A-Za-z]", _LITERAL.sub("", section)):
        return None
    return _LITERAL.sub(lambda found: found[1] or found[2] or "", section).strip()


def _texts_alone(code: str) -> _Texts:
    """Return the texts that a format shows in place of numbers above 0, of those below, and of 0."""
    above, *more = map(_text_alone, _sections(code)[:3] or [""])
    below, zero = (more[k] if k < len(more) else above for k in range(2))
    return above, below, zero


def _same_word(word: str) -> str:
    plain = word.casefold().rstrip(".")
    plain = plain.removesuffix("s") if len(plain) > 2 else plain
    return _ALIKE.get(plain, plain)


def _scaling_styles(styles: bytes) -> tuple[dict[bytes, int], list[str], dict[bytes, _Texts]]:
    """Return which styles of cells show a number in percent, in thousands or with a word, and the words.

    Styles stand by their numbers as cells name them; a sign of a currency, which accountants put on some lines, is told
    from others only. Last are the texts of those that show a text in place of some numbers.
    """
    instead: dict[bytes, _Texts] = {}
    words: dict[str, str] = {}
    of_format: dict[bytes, str | None] = {}
    scaled = {b"9": _PERCENT, b"10": _PERCENT}
    for written in _NUMBER_FORMAT.findall(styles):
        given = {name: one or other for name, one, other in _FORMAT_ATTRIBUTE.findall(written)}
        whole = html.unescape(given.get(b"formatCode", b"")[:_LONGEST_FORMAT].decode(errors="replace"))
        texts = _texts_alone(whole)
        if whole and not _CONDITION.search(whole) and texts != (None, None, None):
            instead[given.get(b"numFmtId", b"")] = texts
        code = given.get(b"formatCode", b"").replace(b'"', b"&quot;").split(b"&quot;")
        plain = [re.sub(rb"\\.", b"", part) for part in code[::2]]  # what is quoted is a mere sign
        if any(b"%" in part for part in plain):
            scaled[given.get(b"numFmtId", b"")] = _PERCENT
        elif any(map(_IN_THOUSANDS.search, plain)):
            scaled[given.get(b"numFmtId", b"")] = _THOUSANDS
        elif (word := _word_of(whole)) != "":
            of_format[given.get(b"numFmtId", b"")] = words.setdefault(_same_word(word), word) if word else None
    parts = styles.split(b"cellXfs")
    if len(parts) < 3:
        return {}, [], {}
    shown = [*words.values()][:MOST_WORDS]
    if len(shown) == 1 and _is_currency(shown[0]):
        shown = []
    else:
        places = {word: k for k, word in enumerate(shown)}
        scaled |= {name: _WORDED + places.get(word or "", len(shown)) for name, word in of_format.items()}
    formats = [dict(re.findall(rb"""\b(numFmtId)=["']([0-9]{1,9})["']""", xf)) for xf in _FORMAT.findall(parts[1])]
    ids = [given.get(b"numFmtId", b"") for given in formats]
    return (
        {b"%d" % k: scaled[id_] for k, id_ in enumerate(ids) if id_ in scaled},
        shown,
        {b"%d" % k: instead[id_] for k, id_ in enumerate(ids) if id_ in instead},
    )


def _is_currency(word: str) -> bool:
    plain = _same_word(word)
    return plain in _CURRENCIES or any(unicodedata.category(c) == "Sc" for c in plain)


_CURRENCIES = frozenset(("aud", "cad", "chf", "czk", "dem", "dkk", "dm", "fr", "frf", "hkd", "huf", "inr", "itl", "kr"))
_CURRENCIES |= {"krw", "mxn", "nok", "nzd", "pln", "r", "rub", "sek", "sfr", "sgd", "try", "twd", "zar"}
"""Beside signs and what is like them in ``_ALIKE``; without a final s."""
_CONDITION = re.compile(r"\[[<>=]")
"""Of a format whose sections are not those of above, below and zero."""
_NOTHING = {"", "-", "–", "—", "0", "nil", "zero", "none"}
"""Texts by which a sheet shows that there is none: of a stored 0 they say what it is."""


def _formatted(sheet: _Sheet, frame: pl.DataFrame, names: Sequence[str], chosen: set[str]) -> Iterator[Remark]:
    """Warn of TRUE and FALSE among numbers, and of cells in percent, thousands or a unit beside others that are not."""
    if not (sheet.scaled or sheet.instead) and not re.search(rb"""\bt=["']b["']""", sheet.xml):
        return
    cells = sheet.cells
    for place, name in enumerate(names[: frame.width]):
        if name not in chosen:
            continue
        series = frame.to_series(place)
        shares, thousands = (cells.of(place, {kind}) for kind in (_PERCENT, _THOUSANDS))
        numbers, logical = (cells.of(place, {kind}) for kind in (_NUMBER, _LOGICAL))
        formatted = {**shares, **thousands}
        beside = {*formatted.values(), *numbers.values()} - {0.0, 1.0}
        if logical and beside and series.dtype.is_numeric():
            yield logical_cells(name, cells.left + place - 1, list(logical))
        if formatted and series.dtype == pl.String:
            texts = series.str.strip_chars().cast(pl.Float64, strict=False).to_list()
            written = {row: v for row, v in enumerate(texts, 2) if v is not None and row not in formatted}
            numbers = {**written, **numbers}
        at = cells.left + place - 1
        by_word = cells.worded(place) if sheet.words else {}
        worded = {sheet.words[k]: found for k, found in by_word.items() if k < len(sheet.words)}
        shown = cells.instead.get(cells.left + place, {})
        with_word = {row for found in by_word.values() for row in found}
        stored = {row: v for row, v in numbers.items() if row not in shown}
        plain = {row: v for row, v in stored.items() if row not in with_word and v}
        if len(worded) > 1 or (worded and plain and not _is_currency(next(iter(worded)))):
            yield worded_cells(name, at, worded if len(worded) > 1 else {**worded, "": plain})
        if stored or shares or thousands:  # else its texts are the labels of a code
            mute = {
                row: v for row, v in numbers.items() if row in shown and (v or shown[row].casefold() not in _NOTHING)
            }
            if mute:
                yield replaced_cells(name, at, {row: (shown[row], v) for row, v in mute.items()})
        if shares and not (thousands or numbers) and series.dtype.is_numeric():
            yield percent_shares(name, at, shares)
        both = (percent_cells(name, at, shares, {**thousands, **numbers}), thousand_cells(name, at, thousands, numbers))
        yield from (found for found in both if found is not None)


def _of_cells(name: str, series: pl.Series, cells: _Cells, place: int) -> tuple[Column, tuple[Remark, ...]]:
    """Read a column of texts, in which fastexcel has rounded the numbers to nine decimals."""
    exact, shown = series.to_list(), series.to_list()
    for at, value in cells.of(place, {_NUMBER, _PERCENT, _THOUSANDS}).items():
        row = at - 2
        given = exact[row] if row < len(exact) else None
        try:
            near = float(given or "nan")
        except ValueError:  # a date
            continue
        if near != value and abs(near - value) <= 1e-9 + 1e-15 * abs(value):
            exact[row] = repr(value)
            short = f"{value:.9f}".rstrip("0").rstrip(".")
            shown[row] = short if f"{float(short):.15g}" == f"{value:.15g}" else repr(value)
    read = written_column(name, pl.Series(exact, dtype=pl.String))
    return written_column(name, pl.Series(shown, dtype=pl.String)) if read[0].is_text else read


def _without_blank_end(frame: pl.DataFrame) -> tuple[pl.DataFrame, tuple[Remark, ...]]:
    """Leave out blank rows at the end, and say where others are; they keep their place, as other programs read them."""
    texts = [c for c, kind in frame.schema.items() if kind == pl.String]
    blank = frame.select(
        pl.all_horizontal(
            pl.exclude(texts).is_null(), *(pl.col(c).fill_null("").str.strip_chars() == "" for c in texts)
        )
    ).to_series()
    filled = np.flatnonzero(~blank.to_numpy())
    if len(filled) == frame.height:
        return frame, ()
    last = int(filled[-1]) + 1 if filled.size else 0
    rows = [row + 2 for row in np.flatnonzero(blank.to_numpy()[:last]).tolist()]
    if not rows:
        return frame.head(last), ()
    one, shown = len(rows) == 1, ", ".join(f"{row:,}" for row in rows[:3])
    more = f" and {len(rows) - 3:,} more" if len(rows) > 3 else ""
    message = f"row{'s' * (not one)} {shown}{more} of the file, as a spreadsheet counts, {'is' if one else 'are'} blank"
    return frame.head(last), (Remark("blank_rows", message, f"delete {'it' if one else 'them'}"),)


def _first_sheet(raw: bytes) -> _Sheet:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        held = {m.filename.lower(): m.filename for m in archive.infolist()}
        book, relations, styles = (
            archive.read(held[name]) if name in held else b""
            for name in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml")
        )
        scaled, words, instead = _scaling_styles(styles)
        shared = archive.read(held["xl/sharedstrings.xml"]) if "xl/sharedstrings.xml" in held else b""
        shared = shared if _SUPERSCRIPT in shared else b""
        named = re.search(rb"""<(?:\w{1,9}:)?sheet\b[^<>]{0,400}?\s\w{1,9}:id=["']([^"'<>]+)["']""", book)
        for relation in re.findall(rb"<(?:\w{1,9}:)?Relationship\b[^<>]*>", relations):
            given = dict(re.findall(rb"""\b(Id|Target)=["']([^"'<>]{1,400})["']""", relation))
            if named and given.get(b"Id") == named[1] and b"Target" in given:
                path = given[b"Target"].decode(errors="replace")
                path = (path.lstrip("/") if path.startswith("/") else f"xl/{path}").lower()
                return _Sheet(archive.read(held[path]) if path in held else b"", scaled, words, instead, shared)
    return _Sheet(b"", scaled, words, instead, shared)


def _other_sheets(book: Any) -> tuple[Remark, ...]:
    sheets: Sequence[str] = book.sheet_names
    if len(sheets) < 2:
        return ()
    others = ", ".join(f"`{s}`" for s in sheets[1:4])
    if _attempt(lambda: book.load_sheet(0, header_row=None, n_rows=1).visible) != "visible":
        message = f"only the first sheet, `{sheets[0]}`, was read, which is hidden; there are also {others}"
        return (
            Remark("sheet_hidden", message, "show it and see what it holds; move the sheet that is meant before it"),
        )
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
