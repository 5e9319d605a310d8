"""warnings.csv: what is known to speak against a run's numbers, written by it and read to draw them again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from specdid._records import Caution
from specdid._records.cautions import SEVERITIES, worst_first
from specdid._records.files import read_bytes, read_json
from specdid.tables._base import TidyTable

FILE = "warnings.csv"
HEADER = ("severity", "code", "where", "message", "specifications")


def warnings_table(found: Sequence[Caution]) -> TidyTable:
    """Return the rows of warnings.csv; ``specifications`` is empty where none are concerned."""
    rows = ((c.severity, c.code, c.where, c.message, c.specifications or None) for c in found)
    return TidyTable(HEADER, tuple(rows))


def read_warnings(directory: Path) -> tuple[Caution, ...]:
    """Return the cautions of a results directory, worst first.

    A failed audit that only manifest.json knows of is among them; what is no row that a run
    writes is left out.
    """
    found = tuple(_stored(directory / FILE))
    if not any(c.severity == "error" for c in found):
        found = (*_audited(directory), *found)
    return worst_first(found)


def _stored(path: Path) -> Iterator[Caution]:
    try:
        rows = list(csv.DictReader(io.StringIO(read_bytes(path).decode("utf-8"), newline="")))
    except (OSError, ValueError, csv.Error):
        return
    for row in rows:
        severity, *texts = (_line(row.get(name)) for name in HEADER)
        code, where, message, count = texts
        if severity in SEVERITIES and code and message:
            known = int(count) if count.isascii() and count.isdigit() and len(count) < 16 else 0
            yield Caution(severity, code, message, where or "run", known)


def _line(cell: object) -> str:
    """Return a cell in one line, without the guard against spreadsheets."""
    text = " ".join(cell.split()) if isinstance(cell, str) else ""
    return text[1:] if text[:1] == "'" and text[1:2] in tuple("=+-@") else text


def _audited(directory: Path) -> Iterator[Caution]:
    """Read from the manifest that the audit failed."""
    manifest = read_json(directory / "manifest.json")
    audit = manifest.get("audit") if isinstance(manifest, dict) else None
    wrong = audit.get("disagreements", audit.get("disagreeing")) if isinstance(audit, dict) else None
    if isinstance(wrong, list) and wrong:
        said = f"{len(wrong):,} specifications disagree with the reference: do not use these numbers"
        yield Caution("error", "audit_failed", said, specifications=len(wrong))
