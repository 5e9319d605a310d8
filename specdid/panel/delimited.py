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

from specdid._diagnostics import first_few
from specdid.panel.columns import ERRORS, MISSING, UNREAD, Column, ReadError, Remark, error_cells, written_columns
from specdid.panel.operators import what_to_do

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
LONGEST_NAME = 10_000
"""Characters of a column's name."""
_OTHER = {",": "\t;|", "\t": ",;|"}
_NAMES = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}


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
        Not text, no header, two columns of one name, another delimiter, ragged rows.
    """
    content, remarks = decode(raw)
    whole = content
    content = content.lstrip("\r\n")
    above = len(whole[: len(whole) - len(content)].splitlines())
    if "\n" not in content:
        content = content.replace("\r", "\n")
    names = _header(content, separator)
    frame = _parse(content, names, separator)
    if frame.height and frame.to_series(-1).null_count():
        _refuse_ragged(whole, len(names), separator)
    refuse_header_again(frame, names, above + 2)
    refuse_units_row(frame, names, above + 2)
    if '"' in content and frame.select(pl.any_horizontal(pl.all().str.contains("\n", literal=True).any())).item():
        _refuse_swallowed(content, len(names), separator, above)
    chosen = set(wanted([name for name in names if name]))
    errors = [*written_errors(frame, names, chosen, above + 2)] if "#" in content else []
    found = [*remarks, *few_headings(names, frame, above + 1), *errors]
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
            "not_text",
            "the file is no text: it looks like Excel or parquet",
            help="give the file the ending of what it is: .xlsx or .parquet",
        )
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            return _strict(raw[len(mark) :], encoding), ()
    if b"\x00" in raw[:4096]:
        raise ReadError(
            "not_text",
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
            "encoding",
            f"the file starts as {encoding} but byte {error.start + 1} is not",
            help="save it as CSV UTF-8",
        ) from None


def _gb18030(raw: bytes, first: int) -> tuple[str, tuple[Remark, ...]]:
    try:
        content = raw.decode("gb18030")
    except UnicodeDecodeError:
        line = raw.count(b"\n", 0, first) + 1
        raise ReadError(
            "encoding", f"the file is neither UTF-8 (line {line}) nor GB18030", help="save it as CSV UTF-8"
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
    if len(names) == 1:
        _refuse_delimiter(names[0], separator)
    refuse_repeated([name for name in names if name])
    if not _anything(content, content.find("\n") + 1 or len(content)):
        raise ReadError("no_rows", "the file has a header and no rows")
    return names


def _anything(content: str, start: int) -> bool:
    return re.compile(r"\S").search(content, start) is not None


def _refuse_delimiter(header: str, separator: str) -> None:
    for other in _OTHER[separator]:
        if other in header:
            raise ReadError(
                "delimiter",
                f"the file has one column; its cells seem to be separated by {_NAMES[other]}",
                help=f"separate the columns by {_NAMES[separator]}"
                + (" and write decimal points, not commas" if other == ";" else ""),
            )


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


def refuse_header_again(frame: pl.DataFrame, names: Sequence[str], first: int) -> None:
    """Raise where rows are the names again, as in files put one below the other; ``first`` is the sheet's first row."""
    lead = next((k for k, name in enumerate(names[: frame.width]) if name), None)
    if lead is None or frame.width < 2 or frame.to_series(lead).dtype != pl.String:
        return
    named = pl.col(frame.columns[lead]).str.strip_chars().is_in([*names]).fill_null(value=False)
    maybe = np.flatnonzero(frame.select(named).to_series().to_numpy())
    if not len(maybe):
        return
    cells = frame[maybe].select(pl.all().cast(pl.String, strict=False).str.strip_chars().fill_null("")).rows()
    again = [
        (row + first, list(line))
        for row, line in zip(maybe.tolist(), cells, strict=True)
        if sum(map(bool, line)) > 1 and all(cell in names or not cell for cell in line)
    ]
    if again:
        shown = ", ".join(f"{row:,}" for row, _ in again[:3])
        more = f" and {len(again) - 3:,} more" if len(again) > 3 else ""
        moved = any(line != list(names[: len(line)]) for _, line in again)
        words = ("rows", "repeat", "them") if len(again) > 1 else ("row", "repeats", "it")
        raise ReadError(
            "header_again",
            f"{words[0]} {shown}{more} of the file, as a spreadsheet counts, {words[1]} the headings "
            f"(row {first - 1:,})" + (", in another order or not all of them" if moved else ""),
            help=f"several files put one below the other? delete {words[2]}"
            + (": the cells below must stand under their own headings" if moved else " and save the file again"),
        )


_NO_UNIT = {"na", "nan", "nd", "ka", "none", "nil", "missing", "null", "x", "c", "s", "p", "unknown", "suppressed", ""}
"""Words of a cell without a value, without points and strokes; of others a line of units may consist."""


def refuse_units_row(frame: pl.DataFrame, names: Sequence[str], first: int) -> None:
    """Raise where the first row below the headings says in which units columns are; ``first`` is the frame's first row.

    It holds no number, each of its words stands nowhere else in its column, some above numbers (nine cells of ten).
    Another column is blank there alone; or none is blank, and all words stand above numbers or in brackets, or two do.
    Notes and blank rows, with one filled cell at most, are none of the rows.
    """
    if named := _units(frame, names):
        row, units = named
        bare = [str(cell).strip() for name, cell in zip(names, frame.row(row), strict=False) if cell and not name]
        shown = first_few([f"“{word}”" for word in dict.fromkeys(units)], 3)
        raise ReadError(
            "units_row",
            f"row {row + first:,} of the file, as a spreadsheet counts, holds {shown} above numbers, and no number: a "
            "second heading line, of units?",
            help=f"write one line of headings, for “{bare[0]}” has none above it in row {format(first - 1, ',')} "
            "(merged cells?), and delete the other line"
            if bare
            else "delete it in the file: each row below the headings is read as a row of data",
            notes=(
                *(f"{note}: a note? delete it, too" for note in _notes_below(frame, first)),
                *_totals_and_marks(frame.slice(row + 1), names, row + 1 + first),
            ),
        )


def _units(frame: pl.DataFrame, names: Sequence[str]) -> tuple[int, list[str]] | None:
    """Return the place of a row of units and its words above numbers."""
    named = frame.width if len(names) >= frame.width else len(names)
    rows = ([(k, str(v).strip()) for k, v in enumerate(cells) if v is not None] for cells in frame.head(9).iter_rows())
    filled = ([(k, word) for k, word in row if word] for row in rows)
    at, row = next(((n, row) for n, row in enumerate(filled) if row), (0, []))
    words = [(k, word) for k, word in row if k < named and names[k]]
    if frame.height < at + 3 or not words or any(_NUMBER.match(word) for _, word in words):
        return None
    if _titled(names, frame.width):
        return None
    texts = [c for c, kind in frame.schema.items() if kind == pl.String]
    below = frame.slice(at + 1).with_columns(pl.col(texts).str.strip_chars().replace(["", "NA"], None))
    if frame.width > 2:
        below = below.filter(pl.sum_horizontal(pl.all().is_not_null()) > 1)
    above, others = [], []
    for k, word in words:
        cells = below.to_series(k).drop_nulls()
        if cells.dtype != pl.String or not len(cells) or (cells == word).any():
            return None
        shown = cells.str.contains(r"^[-+\u2212]?[.,]?\d") & ~cells.str.contains(r"\d[-/]?\pL")
        if int(shown.sum()) >= NUMBERS * len(cells):
            above.append(word)
        elif not re.fullmatch(r"[(\[（].*[)\]）]", word):
            others.append(word)
    units = [word for word in above if re.sub(r"[^\w%$€£¥]", "", word).casefold() not in _NO_UNIT]
    held = {k for k, _ in words}
    blank = [k for k in range(named) if k not in held and names[k]]
    alone = any(len(below) and not below.to_series(k).null_count() for k in blank)
    heading = alone if blank else not others or len({*units}) > 1
    heading &= not any(re.search(r"\d", word) for word in others)
    return (at, units) if len(units) == len(above) > 0 and heading else None


_NUMBER = re.compile(r"[-+\u2212]?[.,]?\d[\d.,]*([eE][-+]?\d+)?$")
_YEAR = re.compile(r"(19|20)\d\d$")
NUMBERS = 0.9
"""Share of the cells below a unit that are numbers; the others may be marked, or words that stand for missing."""


def _notes_below(frame: pl.DataFrame, first: int) -> tuple[str, ...]:
    """Say which rows at the end hold a note, one cell beside which nothing is filled."""
    cells = frame.tail(MOST_NOTES).select(pl.all().cast(pl.String).str.strip_chars().replace("", None)).rows()
    notes: list[tuple[int, str]] = []
    for row, line in reversed([*enumerate(cells, frame.height - len(cells) + first)]):
        held = [cell for cell in line if cell is not None]
        if len(held) > 1:
            break
        notes += [(row, held[0])] if held else []
    if not notes or len(notes) == len(cells) or frame.width < 3:
        return ()
    row, text = notes[-1]
    rest = " and nothing else" if len(notes) == 1 else f" alone, and {len(notes) - 1} more below it a cell each"
    return (f"row {format(row, ',')} holds “{text[:60]}{'…' * (len(text) > 60)}”{rest}",)


def _totals_and_marks(frame: pl.DataFrame, names: Sequence[str], first: int) -> Iterator[str]:
    """Say what else keeps rows below the headings from being data: a last row without a key, words among numbers."""
    texts = [c for c, kind in frame.schema.items() if kind == pl.String]
    cells = frame.with_columns(pl.col(texts).str.strip_chars().replace("", None)).with_row_index("at", first)
    rows = cells.filter(pl.sum_horizontal(pl.col(frame.columns).is_not_null()) > 1)
    if rows.height < 3:
        return
    at, last = rows["at"], rows.row(-1)[1:]
    for place, name in enumerate(names[: frame.width]):
        series = rows.to_series(place + 1)
        if name and last[place] is None and series.null_count() == 1:
            held = next((str(cell) for cell in last if cell is not None), "")
            yield f"row {format(at[-1], ',')} holds “{held[:60]}” and is blank in `{name}`: a total? delete it, too"
            break
    for place, name in enumerate(names[: frame.width]):
        series = rows.to_series(place + 1)
        if not name or series.dtype != pl.String:
            continue
        words = series.is_not_null() & series.cast(pl.Float64, strict=False).is_null() & ~series.is_in(MISSING)
        odd = [*zip(series.filter(words), at.filter(words), strict=True)]
        if 0 < len(odd) <= (1 - NUMBERS) * (len(series) - series.null_count()):
            marks: dict[str, int] = {}
            for word, row in odd:
                marks.setdefault(word, row)
            shown = first_few([f"“{word[:40]}” (row {row:,})" for word, row in marks.items()], 3)
            yield f"`{name}` holds {shown} among its numbers: {what_to_do([*marks])}"


LONGEST_ADVICE = 450
"""Characters from which nothing is added to an advice: messages are cut where they are longer."""
MOST_NOTES = 20
"""Rows at the end of a file in which notes are looked for."""


def written_errors(frame: pl.DataFrame, names: Sequence[str], chosen: Collection[str], first: int) -> Iterator[Remark]:
    """Warn of errors of a spreadsheet that stand as text; ``first`` is the sheet's row of the first of the frame."""
    for place, (name, series) in enumerate(zip(names, frame.iter_columns(), strict=False)):
        if name not in chosen or series.dtype != pl.String:
            continue
        cells = series.str.strip_chars()
        at = np.flatnonzero(cells.is_in(ERRORS).fill_null(value=False).to_numpy())
        if len(at):
            found = [(row + first, error) for row, error in zip(at.tolist(), cells[at].to_list(), strict=True)]
            yield error_cells(name, place, found, all(error in MISSING for _, error in found))


def _titled(names: Sequence[str], width: int) -> bool:
    """Say whether less than half of the columns have a name."""
    return 2 * sum(map(bool, names)) < width


def few_headings(names: Sequence[str], frame: pl.DataFrame, row: int) -> tuple[Remark, ...]:
    """Warn where the headings, in ``row`` of the file, name less than half of the columns: it may be a title.

    What stands below is named with it: the headings, a line of units, notes at the end.
    """
    named, width = [n for n in names if n], frame.width
    if not _titled(names, width):
        return ()
    read = first_few([f"`{n}`" for n in named], 4)
    has = "has a name" if len(named) == 1 else "have names"
    message = f"row {row} of the file was taken for the headings: of its {width:,} columns {read} alone {has} there"
    advice = "if it is a title, delete all rows above the headings of the columns"
    below: list[str] = []
    for n, line in enumerate(frame.head(9).iter_rows()):
        words = ["" if cell is None else str(cell).strip() for cell in line]
        if not _titled(words, width) and not any(_NUMBER.match(w) and not _YEAR.match(w) for w in words):
            shown = first_few([f"“{word}”" for word in words if word], 4)
            advice += f", {shown}, which seem to stand in row {row + 1 + n}"
            units = _units(frame.slice(n + 1), words)
            skipped = n + 1 + (1 + units[0] if units else 0)
            below = [*_totals_and_marks(frame.slice(skipped), words, row + 1 + skipped)]
            if units:
                advice += f"; row {row + 2 + n + units[0]} holds “{units[1][0]}”, a unit perhaps: delete it, too"
            break
    for note in _notes_below(frame, row + 1):
        advice += f"; {note}: if that is a note delete it, too"
    for told in below:
        advice += f"; {told}" if len(advice) + len(told) < LONGEST_ADVICE else ""
    return (Remark("headings_row", message, advice),)


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


def _refuse_swallowed(content: str, width: int, separator: str, above: int) -> None:
    """Raise where a cell in quotes holds the end of its row and whole rows: the quotes are strays."""
    reader, line = csv.reader(io.StringIO(content, newline=""), delimiter=separator), above + 1
    with _long_cells(content):
        for record in reader:
            for place, cell in enumerate(record):
                lines = cell.splitlines()
                if len(lines) < 2 or width < 3:
                    continue
                counts = [held.count(separator) for held in lines]
                parts = [part.strip() for held in lines for part in held.split(separator)]
                rows = [width - 1 - place, *[width - 1] * (len(lines) - 2), place]
                if counts == rows and any(re.fullmatch(r"[-+]?[\d.]+", part) for part in parts):
                    first = line + sum(len(before.splitlines() or [""]) - 1 for before in record[:place])
                    last = first + len(lines) - 1
                    raise ReadError(
                        "quoted_rows",
                        f"a quote opens a cell on line {first:,} and closes on line {last:,}, and what is between "
                        f"looks like {len(lines) - 1:,} row{'s' * (len(lines) > 2)} of the file",
                        help="delete the stray quotes on these lines, or put the missing one behind the cell",
                    )
            line = reader.line_num + above + 1


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
