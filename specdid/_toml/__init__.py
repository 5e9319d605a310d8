"""TOML with places: values through tomli, the span of every key and leaf through ``scan``."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

import tomli

from specdid._diagnostics import Document, Fault
from specdid._toml.diagnose import diagnose
from specdid._toml.scan import KeyPath, Scan, Spot, Statement, scan
from specdid._toml.source import read_document

__all__ = ["KeyPath", "Spot", "Toml", "parse_toml", "read_document"]

MOST_FAULTS = 20
"""After so many statements that are not TOML, the file is probably something else."""


@dataclass(frozen=True, slots=True)
class Toml:
    """What a document says, where, and the statements that are not TOML (left out)."""

    values: dict[str, object]
    spots: dict[KeyPath, Spot]
    faults: tuple[Fault, ...]


def parse_toml(document: Document) -> Toml:
    """Read ``document``; what is not TOML becomes a fault and the rest is read all the same."""
    text = document.text
    found = scan(text)
    faults: list[Fault] = []
    # Before tomli reads them: it takes a minute for a key of 100,000 parts.
    for deep in found.broken:
        statement = found.statements[deep]
        if statement.broken is not None and statement.broken.code == "too_deep" and len(faults) < MOST_FAULTS:
            faults.append(diagnose(document, text, found, statement, statement.broken.start, ""))
            text = _without(text, found.statements, deep)
    while len(faults) < MOST_FAULTS:
        refused = _refusal(text)
        if isinstance(refused, dict):
            return Toml(refused, scan(text).spots if faults else found.spots, tuple(faults))
        at, said = refused
        position = _statement_at(found, text, at)
        if position is None:
            faults.append(Fault("toml", f"not TOML: {said}", document.place(at, at + 1)))
            break
        faults.append(diagnose(document, text, found, found.statements[position], at, said))
        text = _without(text, found.statements, position)
    return Toml({}, {}, tuple(faults))


def _refusal(text: str) -> dict[str, object] | tuple[int, str]:
    """Give the values, or where and why tomli refuses the text."""
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        return error.pos, error.msg
    except (RecursionError, ValueError) as error:
        return len(text), str(error)


def _statement_at(found: Scan, text: str, at: int) -> int | None:
    """Give the statement to blame for what tomli met at ``at``: one that was left open, or the last."""
    statements = found.statements
    last = bisect_right(statements, at, key=lambda statement: statement.start) - 1
    for position in found.broken:
        if position <= last and text[statements[position].start] != " ":
            return position
    while last >= 0 and text[statements[last].start] == " ":
        last -= 1
    return last if last >= 0 else None


def _without(text: str, statements: list[Statement], position: int) -> str:
    """Blank a statement; a header takes its table with it, which would land elsewhere."""
    last = position + 1
    while statements[position].header and last < len(statements) and not statements[last].header:
        last += 1
    start = statements[position].start
    stop = statements[last].start if last < len(statements) else len(text)
    return text[:start] + re.sub(r"[^\n]", " ", text[start:stop]) + text[stop:]
