"""CSV and TSV: encodings, the header, ragged rows; the cells themselves are polars' work."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import polars as pl

from specdid.panel.columns import UNREAD, Column, ReadError, Remark, written_columns

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
LONGEST_NAME = 10_000
"""Characters of a column's name."""


def read_delimited(
    raw: bytes, separator: str, wanted: Callable[[Sequence[str]], Collection[str]]
) -> tuple[dict[str, Column], int, tuple[Remark, ...]]:
    """Read the bytes of a .csv (``,``) or .tsv (tab) file.

    Returns
    -------
    Columns by name in file order (UNREAD but for those of ``wanted(names)``), the number of
    rows, and remarks. Blank rows are left out.

    Raises
    ------
    ReadError
        Not text, no header, two columns of one name, ragged rows.
    """
    content, remarks = decode(raw)
    whole, content = content, content.lstrip("\r\n")
    if "\n" not in content:
        content = content.replace("\r", "\n")
    names = _header(content, separator)
    frame = _parse(content, names, separator)
    if frame.height and frame.to_series(-1).null_count():
        _refuse_ragged(whole, len(names), separator)
    chosen = set(wanted([name for name in names if name]))
    found = [*remarks]
    if frame.height:
        frame = frame.filter(~pl.all_horizontal(pl.all().is_null() | (pl.all() == "")))
    columns: dict[str, Column] = {}
    places = [c for c, name in zip(frame.columns, names, strict=True) if name in chosen]
    read = written_columns([name for name in names if name in chosen], frame.select(places))
    for name in names:
        if name in chosen:
            columns[name], notes = next(read)
            found += notes
        elif name:
            columns[name] = UNREAD
    return columns, frame.height, tuple(found)


def decode(raw: bytes) -> tuple[str, tuple[Remark, ...]]:
    """Decode UTF-8, UTF-16 with its mark, or GB18030 (with a remark that says so).

    Raises
    ------
    ReadError
        Where the bytes are none of these.
    """
    if raw.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1")):
        raise ReadError(
            "not_readable",
            "the file is no text: it looks like Excel or parquet",
            help="give the file the ending of what it is: .xlsx or .parquet",
        )
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            return _strict(raw[len(mark) :], encoding), ()
    if b"\x00" in raw[:4096]:
        raise ReadError(
            "not_readable",
            "the file holds NUL bytes: it is binary, or UTF-16 without its mark",
            help="save it as CSV UTF-8",
        )
    try:
        return raw.decode("utf-8"), ()
    except UnicodeDecodeError as error:
        return _gb18030(raw, error.start)


def _strict(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise ReadError(
            "not_readable",
            f"the file starts as {encoding} but byte {error.start + 1} is not",
            help="save it as CSV UTF-8",
        ) from None


def _gb18030(raw: bytes, first: int) -> tuple[str, tuple[Remark, ...]]:
    try:
        content = raw.decode("gb18030")
    except UnicodeDecodeError:
        line = raw.count(b"\n", 0, first) + 1
        raise ReadError(
            "not_readable", f"the file is neither UTF-8 (line {line}) nor GB18030", help="save it as CSV UTF-8"
        ) from None
    sample = next(line for line in content.splitlines() if not line.isascii())[:40]
    return content, (
        Remark(
            "gb18030",
            f"the file is not UTF-8 and was read as GB18030: “{sample}”",
            help="if that text is wrong, save the file as CSV UTF-8",
        ),
    )


def _header(content: str, separator: str) -> list[str]:
    if not _anything(content, 0):
        raise ReadError("empty_file", "the file is empty")
    with _long_cells(content):
        reader = csv.reader(io.StringIO(content, newline=""), delimiter=separator)
        names = [name.strip() for name in next(reader)]
    sizes = [len(name) for name in names]
    if max(sizes) > LONGEST_NAME:
        message = f"the name of column {1 + sizes.index(max(sizes)):,} has {max(sizes):,} characters"
        raise ReadError("not_readable", message, help="is the first line the names? a quote may be missing in it")
    refuse_repeated([name for name in names if name])
    if not _anything(content, content.find("\n") + 1 or len(content)):
        raise ReadError("no_rows", "the file has a header and no rows")
    return names


def _anything(content: str, start: int) -> bool:
    return re.compile(r"\S").search(content, start) is not None


def refuse_repeated(names: list[str]) -> None:
    """Raise where a column name occurs twice."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        places = [str(i + 1) for i, name in enumerate(names) if name == twice[0]]
        shown = ", ".join(f"`{name}`" for name in twice[:5])
        raise ReadError(
            "duplicate_columns",
            f"two columns have the same name: {shown}",
            help=f"rename one of the columns number {' and '.join(places)}",
        )


@contextmanager
def _long_cells(content: str) -> Iterator[None]:
    """Have the csv module read cells of any length meanwhile; its limit is one of the whole process."""
    before = csv.field_size_limit(len(content) + 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _parse(content: str, names: list[str], separator: str) -> pl.DataFrame:
    try:
        frame = pl.read_csv(
            io.BytesIO(content.encode()),
            separator=separator,
            has_header=True,
            infer_schema=False,
            new_columns=[str(i) for i in range(len(names))],
        )
    except (pl.exceptions.PolarsError, ValueError, OSError) as error:
        _refuse_ragged(content, len(names), separator, strict=True)
        _refuse_stray(content, separator)
        raise ReadError("not_readable", f"the file cannot be read: {str(error).splitlines()[0]}") from None
    # An older polars takes a stray quote for a part of the text.
    if '"' in content and any(column.str.contains('"', literal=True).any() for column in frame.iter_columns()):
        _refuse_stray(content, separator)
    return frame


def _refuse_ragged(content: str, width: int, separator: str, strict: bool = False) -> None:
    """Raise where a row has another number of cells than the header, naming its line."""
    if '"' not in content and _even(content, width, separator):
        return
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=separator, strict=strict)
    line, above = 1, 0
    try:
        with _long_cells(content):
            for record in reader:
                if record and len(record) != width:
                    advice = "a delimiter or a quote is missing or stands there too often"
                    if width < len(record) and (above == 1 or width == 1):
                        advice = "if the first line is a title, delete all lines above the headings of the columns; "
                        advice += "else a delimiter is missing there"
                    raise ReadError(
                        "ragged", f"line {line} has {len(record)} cells and the header {width}", help=advice
                    )
                above += bool(record)
                line = reader.line_num + 1
    except csv.Error as error:
        raise ReadError(
            "ragged", f"the row on line {line} cannot be read: {error}", help="a quote may be missing"
        ) from None


def _refuse_stray(content: str, separator: str) -> None:
    """Raise at the first quote that neither opens nor closes a cell, which leaves open where cells end."""
    whole = rf'(?<![^{re.escape(separator)}\r\n])"(?:[^"]++|"")*+"(?![^{re.escape(separator)}\r\n])'
    left = re.sub(whole, lambda cell: "\n" * cell[0].count("\n"), content)
    place = left.find('"')
    if place >= 0:
        line = left.count("\n", 0, place)
        shown = content.split("\n")[line].strip()[:60]
        raise ReadError(
            "ragged",
            f"line {line + 1:,} has a quote that neither opens nor closes a cell: {shown}",
            help="delete it; a quote that belongs to the text is written twice, in a cell in quotes",
        )


def _even(content: str, width: int, separator: str) -> bool:
    """Say whether every line that is not blank has ``width`` cells, for text without quotes."""
    raw = np.frombuffer(content.encode() + b"\n", dtype=np.uint8)
    ends = np.flatnonzero(raw == ord("\n"))
    marks = np.searchsorted(np.flatnonzero(raw == ord(separator)), ends)
    length = np.diff(ends, prepend=-1) - 1
    blank = (length == 0) | ((length == 1) & (raw[ends - 1] == ord("\r")))
    return bool((blank | (np.diff(marks, prepend=0) == width - 1)).all())
