"""Files of a results directory: read as data with a limit, written without following what was planted there.

A directory of results may come from a stranger. What is read must be a regular file of a
bounded size (no link, pipe or device, which could hang or lead elsewhere); what is written
goes to a new file of a random name, opened exclusively, which then takes the place of the
old one: a link of that name is replaced, never followed.
"""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from specdid._diagnostics import Fault, SpecError

TEXT_LIMIT = 2**26
"""Bytes of a text file that is read whole: inference.csv of a large study has some hundred thousand."""
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_BINARY = getattr(os, "O_BINARY", 0)


class StrangeFileError(ValueError):
    """A file of a results directory that is not the regular file of bounded size which a run writes."""


def is_regular(path: Path) -> bool:
    """Say whether ``path`` is a regular file and not a link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file to read its bytes.

    Raises
    ------
    FileNotFoundError
        There is none.
    StrangeFileError
        It is a link, a pipe, a device or a directory.
    OSError
        It cannot be read.
    """
    # Looked at before it is opened: opening a pipe or a device can hang or do something.
    if not stat.S_ISREG(path.lstat().st_mode):
        raise StrangeFileError("it is no regular file")
    descriptor = os.open(path, os.O_RDONLY | _NO_FOLLOW | _NO_WAIT | _BINARY)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise StrangeFileError("it is no regular file")
        yield file


def read_bytes(path: Path, limit: int = TEXT_LIMIT) -> bytes:
    """Return the content of a regular file of at most ``limit`` bytes.

    Raises
    ------
    FileNotFoundError
        There is none.
    StrangeFileError
        It is a link, a pipe, a device or a directory, or too large.
    OSError
        It cannot be read.
    """
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise StrangeFileError(f"it has {size:,} bytes, more than {limit:,}")
        return file.read(limit + 1)[:limit]


def read_json(path: Path) -> Any:
    """Return the content of a JSON file; None where it is missing, damaged or no regular file."""
    try:
        return json.loads(read_bytes(path).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def read_object(path: Path) -> dict[str, Any]:
    """Return the object that a JSON file holds; an empty one where there is no file.

    Raises
    ------
    SpecError
        It is not the file that a run writes.
    """
    if not os.path.lexists(path):
        return {}
    found = read_json(path)
    if not isinstance(found, dict):
        raise strange(path)
    return found


def read_rows(path: Path, texts: Sequence[str], numbers: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of a CSV file that a run wrote: these columns as text, and these as float64.

    An empty number is NaN. A file that is not there has no rows.

    Raises
    ------
    SpecError
        It is not the file that a run writes.
    """
    if not os.path.lexists(path):
        return []
    try:
        found = list(csv.DictReader(io.StringIO(read_bytes(path).decode("utf-8"), newline=""), strict=True))
        rows = [{name: row[name] for name in texts} | {n: float(row[n] or "nan") for n in numbers} for row in found]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise strange(path) from error
    cells = [row[name] for row in rows for name in texts]
    if not all(isinstance(cell, str) and (cell.isprintable() or not cell) for cell in cells):
        raise strange(path)
    return rows


def strange(path: Path) -> SpecError:
    """Return the fault of a file that is not what a run writes."""
    help_ = "run the study again, or take the file away"
    return SpecError([Fault("no_results", f"{path} is not the file that a run writes", help=help_)])


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Return a new, empty file that takes the place of ``path`` only when all went well."""
    new = path.with_name(f".specdid-{secrets.token_hex(8)}.part")
    os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o666))
    try:
        yield new
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
