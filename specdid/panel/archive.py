"""A workbook is a zip archive: look at what it holds before anything unpacks it."""

from __future__ import annotations

import io
import re
import zipfile
import zlib

from specdid.panel.memory import available
from specdid.panel.sources import ReadError

MOST_BYTES = 2 * 1024**3
MOST_RATIO = 1000
SMALL = 50 * 1024**2
MOST_APART = 20_000_000
"""Cells of a sheet, empty ones between the others included, that a sparse sheet may span."""

_CELL = 64
"""Bytes that reading a cell takes, an empty one between others included."""

_OLD = b"\xd0\xcf\x11\xe0"
_PLACED = re.compile(rb"""<c\b[^>]*?\br=["']([A-Za-z]*)([0-9]*)[^>]*(?<!/)>""")
_ROW = re.compile(rb"""<row\b[^>]*?\br=["']([0-9]+)["']""")
_SHEET = re.compile(r"(?i)^/?xl/(?:worksheets/)?[^/]*sheet[^/]*\.xml$")


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
    for letters, digits in _PLACED.findall(sheet):
        width, height, count = max(width, _column_number(letters)), max(height, int(digits[:12] or 0)), count + 1
    rows = [int(digits[:12]) for digits in _ROW.findall(sheet)]
    area = max(width, _longest_row(sheet)) * max(height, *rows, len(rows), 1)
    if area * _CELL > available() or (area > MOST_APART and area > 50 * max(count, len(rows))):
        raise ReadError(
            "too_large",
            f"the workbook has a sheet of {area:,} cells, nearly all of them empty",
            help="delete what stands far from the table, or export the sheet as .csv",
        )


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters[:8].upper():
        number = number * 26 + letter - 64
    return number


def _longest_row(sheet: bytes) -> int:
    """Count the cells of the row that has most, for cells that do not say where they stand."""
    return max((row.count(b"<c") for row in sheet.split(b"<row")), default=0)
