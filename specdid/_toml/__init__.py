"""TOML with places: values through tomli, the span of every key and leaf through ``scan``."""

from __future__ import annotations

from dataclasses import dataclass

import tomli

from specdid._diagnostics import Document, Fault, file_order
from specdid._toml.build import AGAIN, UNREAD, Built, KeyPath, Spot, Unread, build
from specdid._toml.diagnose import control_characters, explain_conflict, explain_slip, refused
from specdid._toml.scan import Statement, scan
from specdid._toml.source import read_document

__all__ = ["AGAIN", "UNREAD", "KeyPath", "Spot", "Toml", "Unread", "parse_toml", "read_document"]

MOST_FAULTS = 20
"""With more that is not TOML, the file is probably something else."""


@dataclass(frozen=True, slots=True)
class Toml:
    """What a document says, and where.

    Attributes
    ----------
    values : ``UNREAD`` is the value of a key whose value could not be read; a key that stands
        again has ``AGAIN`` and a number behind it
    lost : texts of statements that could not be placed; what they say is missing from ``values``
    """

    values: dict[str, object]
    spots: dict[KeyPath, Spot]
    faults: tuple[Fault, ...]
    lost: tuple[str, ...] = ()


def parse_toml(document: Document) -> Toml:
    """Read ``document``; what is not TOML becomes a fault, and the rest is read all the same."""
    text = document.text
    statements = scan(text)
    # tomli takes a minute for a key of 100,000 parts.
    deep = any(slip.code == "too_deep" for s in statements for slip in s.slips)
    found = (0, "nested too deep") if deep else _tomli(text)
    if isinstance(found, dict):
        return Toml(found, build(statements, text, refused=False).spots, ())
    built = build(statements, text)
    faults = _faults(document, statements, built) or [refused(document, *found)]
    if len(faults) >= MOST_FAULTS:
        return Toml({}, {}, tuple(faults[:MOST_FAULTS]))
    lost = tuple(text[s.start : s.stop] for s in built.lost)
    return Toml(built.values, built.spots, tuple(faults), lost)


def _tomli(text: str) -> dict[str, object] | tuple[int, str]:
    """Return the values, or where and why tomli refuses the text."""
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        return error.pos, error.msg
    except (RecursionError, ValueError) as error:
        return len(text), str(error)


def _faults(document: Document, statements: list[Statement], built: Built) -> list[Fault]:
    """Say everything that is wrong, in file order."""
    faults = [explain_slip(document, s, slip) for s in statements for slip in s.slips]
    faults += [explain_conflict(document, conflict) for conflict in built.conflicts]
    faults += [explain_slip(document, statements[0], slip) for slip in built.slips]
    faults += control_characters(document)
    places: dict[tuple[int, int], Fault] = {}
    for fault in faults:
        assert fault.place is not None
        places.setdefault((fault.place.line, fault.place.column), fault)
    return list(file_order(places.values()))
