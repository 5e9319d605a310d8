"""warnings.csv: what is known to speak against a run's numbers, written by it and read to draw them again."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from specdid._records import Caution
from specdid._records.cautions import FAILED, SEVERITIES, worst_first
from specdid._records.files import read_bytes, read_object, strange
from specdid.tables._base import TidyTable

FILE = "warnings.csv"
HEADER = ("severity", "code", "where", "message", "specifications")


def warnings_table(found: Sequence[Caution]) -> TidyTable:
    """Return the rows of warnings.csv; ``specifications`` is empty where none are concerned."""
    rows = ((c.severity, c.code, c.where, c.message, c.specifications or None) for c in found)
    return TidyTable(HEADER, tuple(rows))


def read_warnings(directory: Path) -> tuple[Caution, ...]:
    """Return the cautions of a results directory, worst first.

    A failed audit that only manifest.json knows of is among them.

    Raises
    ------
    SpecError
        A file is there and is not what a run writes: what it warned of cannot be told.
    """
    found = tuple(_stored(directory / FILE))
    if not any(c.severity == "error" for c in found):
        found = (*_audited(directory), *found)
    return worst_first(found)


def _stored(path: Path) -> Iterator[Caution]:
    if not os.path.lexists(path):
        return
    try:
        header, *rows = csv.reader(io.StringIO(read_bytes(path).decode("utf-8"), newline=""), strict=True)
    except (OSError, ValueError, csv.Error) as error:
        raise strange(path) from error
    if tuple(header) != HEADER:
        raise strange(path)
    for row in rows:
        severity, *texts = map(_line, row)
        if len(row) != len(HEADER) or severity not in SEVERITIES:
            raise strange(path)
        code, where, message, count = texts
        if not (code and message) or (count and not (count.isascii() and count.isdigit() and len(count) < 16)):
            raise strange(path)
        yield Caution(severity, code, message, where or "run", int(count or 0))


def _line(cell: object) -> str:
    """Return a cell in one line, without the guard against spreadsheets."""
    text = " ".join(cell.split()) if isinstance(cell, str) else ""
    return text[1:] if text[:1] == "'" and text[1:2] in tuple("=+-@") else text


def _audited(directory: Path) -> Iterator[Caution]:
    """Read from the manifest that the audit failed."""
    audit = read_object(directory / "manifest.json").get("audit")
    wrong = audit.get("disagreements", audit.get("disagreeing")) if isinstance(audit, dict) else None
    if isinstance(wrong, list) and wrong:
        said = f"{len(wrong):,} specifications disagree with the reference: do not use these numbers"
        yield Caution("error", "audit_failed", said, specifications=len(wrong))
    elif isinstance(audit, dict) and audit.get("verdict") == FAILED:
        yield Caution("error", "audit_failed", "manifest.json says so: do not use these numbers")
