"""From a spec file or a dict to a Study, with every fault of its shape at once.

A file may say only what it changes in another ([study] extends). A stranger's file names the other one, so that it may
be only a spec file of the same directory or below, never one behind a link; and one that extends a third is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, cast

from specdid import _plugins
from specdid._decode.study import SpecSource, decode
from specdid._decode.table import Item, Log, item_of_document, item_of_mapping, named_tables, plain_value
from specdid._diagnostics import Document, Fault, Faults, fault_at, file_order
from specdid._study import DIMENSIONS, Study
from specdid._toml import parse_toml, read_document, write_toml

__all__ = ["merged_spec", "read_study"]

KEY_BY_KEY = (
    "study", "derive", "macros", "variant", "match", "data", "preferred", "inference", "run", "figure", "appendix",
    "labels",
)  # fmt: skip
"""Tables of which a file replaces single keys; of the others, which are one choice each, it replaces all."""
NAMED = ("match", "data")
"""Of these, tables of named tables whose keys are replaced singly too."""
FILES = (("study", "data"), ("data", "*", "file"), ("variant", "*", "*", "data"))
"""Where a spec names data files, relative to itself."""
_IN_FORMULA = ("outcome", "controls", "fixed_effects")
_HELP = 'name a spec file of the same directory or below: extends = "base.toml"'
_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|[/\\~]")


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
        study = decode(root, SpecSource(None, Path(), "study"), log)
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
    text = _merged_text(found.root, found.document) if found else None
    return text, file_order(log.faults)


@dataclass(frozen=True, slots=True)
class _Merged:
    """A spec file, with what it extends."""

    root: Item
    document: Document
    base: Document | None


def _read_file(path: Path, log: Log) -> Study | None:
    found = _merged(path, log)
    if found is None:
        return None
    return decode(found.root, SpecSource(found.document, path.parent, path.stem, found.base), log)


def _merged(path: Path, log: Log) -> _Merged | None:
    found = _read(path, log)
    if found is None:
        return None
    root, document = found
    item = _rows(_rows(root).get("study")).get("extends")
    if item is None:
        return _Merged(root, document, None)
    text = log.text(item, _HELP)
    file = path.parent / (text or "")
    wrong = None if text is None else _wrong(text, path, file)
    if text is None or wrong:
        log.add(item.origin, "bad_path", wrong, _HELP) if wrong else None
        return _Merged(root, document, None)
    base = _read(file, log, item)
    if base is None:
        return None
    study = _rows(_rows(base[0]).get("study"))
    if "extends" in study:
        log.add(study["extends"].key, "bad_path", f"{path.name} extends this file, which extends another", _HELP)
    return _Merged(_merge(_moved(base[0], PurePosixPath(text).parent), root), document, base[1])


def _read(path: Path, log: Log, named: Item | None = None) -> tuple[Item, Document] | None:
    """Read a spec file, which another may have ``named``; None where it is no TOML or says nothing."""
    document, faults = read_document(path)
    log.faults += [
        f if f.place or not named else fault_at(named.origin, None, f.code, f.message, f.help) for f in faults
    ]
    if document is None or faults:
        return None
    toml = parse_toml(document)
    log.faults += toml.faults
    if not toml.values:
        if not toml.faults:
            help_ = "`specdid init DIR` writes a spec to start from"
            log.faults.append(Fault("empty_file", f"{document.name} says nothing", document.place(0, 1), help_))
        return None
    return item_of_document(toml, document), document


def _wrong(text: str, path: Path, file: Path) -> str | None:
    """Say why a file must not be opened."""
    parts = PurePosixPath(text).parts
    if _ELSEWHERE.match(text) or "\\" in text or ".." in parts or not text.isprintable():
        return "a spec file extends only a file of its own directory, or below"
    if not text.endswith(".toml"):
        return "a spec file extends a spec file, whose name ends with .toml"
    try:
        below = [path.parent.joinpath(*parts[: k + 1]) for k in range(len(parts))]
        if any(one.is_symlink() for one in below) or not file.resolve().is_relative_to(path.parent.resolve()):
            return f"{text} is behind a link, which is not followed"
        return "a spec file cannot extend itself" if file.resolve() == path.resolve() else None
    except (OSError, ValueError) as error:
        return f"{text} cannot be looked at: {error}"


def _merge(base: Item, own: Item) -> Item:
    """Return what a file says together with the one it extends: its own word first."""
    rows = _without_replaced(dict(_rows(base)), _rows(own))
    for key, item in _rows(own).items():
        rows[key] = _merged_value(key, rows[key], item) if key in rows else item
    return replace(own, value=rows)


def _merged_value(key: str, base: Item, own: Item) -> Item:
    if not (isinstance(base.value, dict) and isinstance(own.value, dict)):
        return own
    if key in KEY_BY_KEY:
        both = {**base.value, **own.value}
        for name in base.value.keys() & own.value.keys() if key in NAMED else ():
            both[name] = _one(base.value[name], own.value[name])
        return replace(own, value=both)
    if key in _plugins.names("analyses"):  # each named one is a table of its own
        names = named_tables(key, base)
        unnamed = len(named_tables(key, own)) < len(own.value)
        kept = {k: v for k, v in base.value.items() if k in names or not unnamed}
        return replace(own, value={**kept, **own.value})
    return own


def _one(base: Item, own: Item) -> Item:
    """Return a named table with the keys of both, its own first; what is no table takes the base's place."""
    if not (isinstance(base.value, dict) and isinstance(own.value, dict)):
        return own
    return replace(own, value={**base.value, **own.value})


def _without_replaced(rows: dict[str, Item], own: Mapping[str, Item]) -> dict[str, Item]:
    """Leave out of a base what the file says in the other form; its name is its own, as are its results."""
    mine = _rows(own.get("study"))
    gone = {"name", "extends"}
    for name in (*DIMENSIONS, "vcov"):
        if name in own or name in mine:
            gone.add(name)
            rows.pop(name, None) if name not in own else None
    if "formula" in mine:
        gone |= {*_IN_FORMULA}
        rows = {key: item for key, item in rows.items() if key not in _IN_FORMULA}
    if not {"split", "full_split"}.isdisjoint(mine):
        gone |= {"split", "full_split"}
    if "study" in rows:
        kept = {key: item for key, item in _rows(rows["study"]).items() if key not in gone}
        rows["study"] = replace(rows["study"], value=kept)
    return rows


def _moved(item: Item, directory: PurePosixPath, paths: Sequence[tuple[str, ...]] = FILES) -> Item:
    """Return a base whose data files are named from the directory of the file that extends it."""
    if directory == PurePosixPath() or not isinstance(item.value, dict):
        return item
    rows = {}
    for key, inner in _rows(item).items():
        below = [path[1:] for path in paths if path[0] in ("*", key)]
        if () in below and isinstance(inner.value, str) and not _ELSEWHERE.match(inner.value):
            rows[key] = replace(inner, value=str(directory / inner.value))
        else:
            rows[key] = _moved(inner, directory, [path for path in below if path])
    return replace(item, value=rows)


def _merged_text(root: Item, own: Document) -> str:
    """Write a merged spec as one file; what is of the base has its name behind it."""

    def source(path: tuple[str, ...]) -> str:
        item = root
        for part in path:
            item = _rows(item)[part]
        document = item.key.document
        return "" if document is None or document == own else Path(document.name).name

    values = cast("dict[str, object]", plain_value(root))
    study = values.get("study")
    if isinstance(study, dict):
        study.pop("extends", None)
    return write_toml(values, source)


def _rows(item: Item | Mapping[str, Item] | None) -> Mapping[str, Item]:
    value = item.value if isinstance(item, Item) else item
    return cast("Mapping[str, Item]", value) if isinstance(value, Mapping) else {}
