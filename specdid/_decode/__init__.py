"""From a spec file or a dict to a Study, with every fault of its shape at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specdid._decode.extends import merge, merged_text, read_base
from specdid._decode.study import Source, decode
from specdid._decode.table import Item, Log, item_of_document, item_of_mapping
from specdid._diagnostics import Document, Fault, Faults, file_order
from specdid._study import Study
from specdid._toml import parse_toml, read_document

__all__ = ["merged_spec", "read_study"]

FOLLOWS = ("missing_", "no_dimension", "empty_dimension", "no_assign", "no_option")
"""Codes of faults that may only follow from a statement that could not be placed."""


def read_study(source: str | Path | Mapping[str, Any]) -> tuple[Study | None, Faults]:
    """Read a spec file, or a dict of the same shape.

    Parameters
    ----------
    source
        Path of a TOML file, or its content as a mapping (``data`` is then relative to
        the working directory).

    Returns
    -------
    study
        What could be read, so that the data can be checked too; where there are errors
        it lacks what they are about. None where the file says nothing.
    faults
        Every fault, in file order.
    """
    log = Log()
    study: Study | None
    if isinstance(source, Mapping):
        root = item_of_mapping(source, log.faults)
        study = decode(root, Source(None, Path(), "study"), log)
    elif isinstance(source, str | Path):
        study = _read_file(Path(source), log)
    else:
        raise TypeError(f"a study is a path or a dict, not {type(source).__name__}")
    return study, file_order(log.faults)


def merged_spec(path: Path) -> tuple[str | None, Faults]:
    """Write a spec file with the one that it extends as one file, without its comments.

    Returns
    -------
    The text, None where there is nothing to merge, and the faults of reading the two.
    """
    log = Log()
    found = _merged(path, log)
    text = merged_text(found.root, found.document) if found else None
    return text, file_order(log.faults)


@dataclass(frozen=True, slots=True)
class _Merged:
    """A spec file, with what it extends; ``whole`` says that all statements could be placed."""

    root: Item
    document: Document
    base: Document | None
    whole: bool


def _read_file(path: Path, log: Log) -> Study | None:
    found = _merged(path, log)
    if found is None:
        return None
    after = Log()
    study = decode(found.root, Source(found.document, path.parent, path.stem, found.base), after)
    log.faults += [f for f in after.faults if found.whole or not f.code.startswith(FOLLOWS)]
    return study


def _merged(path: Path, log: Log) -> _Merged | None:
    document, faults = read_document(path)
    log.faults += faults
    if document is None or not document.text.strip():
        return None
    toml = parse_toml(document)
    log.faults += toml.faults
    if not toml.values:
        if not toml.faults:
            help_ = "`specdid init DIR` writes a spec to start from"
            place = document.place(0, 1)
            log.faults.append(Fault("empty_file", f"{document.name} says nothing", place, help_))
        return None
    root = item_of_document(toml, document)
    base = read_base(root, path, log)
    if base is None:
        return _Merged(root, document, None, not toml.lost)
    return _Merged(merge(base.root, root), document, base.document, base.whole and not toml.lost)
