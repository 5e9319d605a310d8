"""From a spec file or a dict to a Study, with every fault of its shape at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from specdid._decode.study import Source, decode
from specdid._decode.table import Item, Log, item_of_document, item_of_mapping
from specdid._diagnostics import Fault, Faults, file_order
from specdid._study import Study
from specdid._toml import parse_toml, read_document

__all__ = ["read_study"]

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


def _read_file(path: Path, log: Log) -> Study | None:
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
    after = Log()
    root: Item = item_of_document(toml, document)
    study = decode(root, Source(document, path.parent, path.stem), after)
    log.faults += [f for f in after.faults if not toml.lost or not f.code.startswith(FOLLOWS)]
    return study
