"""A workbook is a zip archive: look at what it holds before anything unpacks it."""

from __future__ import annotations

import io
import zipfile
import zlib

from specdid.panel.sources import ReadError

MOST_BYTES = 2 * 1024**3
MOST_RATIO = 1000
SMALL = 50 * 1024**2
_OLD = b"\xd0\xcf\x11\xe0"


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
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
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
    for member in members:
        parts = member.filename.replace("\\", "/").split("/")
        if ".." in parts or member.filename.startswith(("/", "\\")) or ":" in parts[0]:
            raise ReadError(
                "not_readable",
                f"the workbook holds a file outside its archive: {member.filename!r}",
                help="export the sheet as .csv",
            )
