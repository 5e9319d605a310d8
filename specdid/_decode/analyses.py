"""The paper's analyses, kept as written: each analysis reads its own table."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence

from specdid._decode.items import Item, plain_value
from specdid._decode.table import Log, as_table
from specdid._decode.words import FILE_SUFFIXES, TABLE_KEYS
from specdid._diagnostics import Origin
from specdid._study import AnalysisTable

LONGEST_STEM = 200
"""Bytes of UTF-8; systems take 255 for a whole name, and an analysis's own suffix and ending come behind it."""


def read_analyses(tables: Mapping[str, Item], kinds: Sequence[str], log: Log) -> tuple[AnalysisTable, ...]:
    """Return every table of section 7 in file order, named ones each on their own."""
    found: list[AnalysisTable] = []
    for kind, item in tables.items():
        if kind in kinds and as_table(item, log, f"[{kind}]", f'write [{kind}], or [{kind}."name"]'):
            found += _of_kind(kind, item, log)
    _check_files(found, log)
    return tuple(found)


def _check_files(tables: Sequence[AnalysisTable], log: Log) -> None:
    """Refuse names whose files would be one file, on systems that ignore case too, or that no system takes."""
    taken: dict[str, AnalysisTable] = {}
    for table in tables:
        if (size := len(table.stem.encode())) > LONGEST_STEM:
            message = f"this name makes a file name of {size:,} bytes; {LONGEST_STEM} are left for it"
            log.add(table.origin, "bad_label", message, "give it a shorter name")
        for suffix in ("", *FILE_SUFFIXES):
            other = taken.setdefault(_as_file(f"{table.stem}_{suffix}" if suffix else table.stem), table)
            if other is not table:
                first, second = (f"[{t.kind}]" if t.name is None else f'[{t.kind}."{t.name}"]' for t in (other, table))
                message = f"{first} and {second} would write the same file: {table.stem}{suffix and '_' + suffix}.csv"
                log.add(table.origin, "same_file", message, "name one of them so that letters or digits differ")
                break


def _as_file(stem: str) -> str:
    """Return what two names have in common that one of Linux, macOS and Windows takes for the same."""
    return unicodedata.normalize("NFKC", stem).casefold()


def _of_kind(kind: str, item: Item, log: Log) -> Iterator[AnalysisTable]:
    """Tell a table's own keys from names: a name holds a table, and is not a key that does.

    [balance] without keys beside [balance.name] is an analysis too: whoever writes it wants it.
    """
    rows: dict[str, Item] = item.value  # type: ignore[assignment]
    named = {k: v for k, v in rows.items() if isinstance(v.value, dict) and k not in TABLE_KEYS}
    own = {k: v for k, v in rows.items() if k not in named}
    if own or not named or all(_has_header(one) for one in (item, *named.values())):
        yield _table(kind, None, Item(own, item.origin, item.key))
    for inner in named.values():
        yield _table(kind, log.label(inner), inner)


def _has_header(item: Item) -> bool:
    """Say whether a table is written as [a] or [a.b], and not inline, nor only as the parent of others."""
    document = item.origin.document
    return document is not None and not item.dotted and document.text[item.origin.offsets[0]] == "["


def _table(kind: str, name: str | None, item: Item) -> AnalysisTable:
    rows: dict[str, Item] = item.value  # type: ignore[assignment]
    origins: dict[tuple[str, ...], Origin] = {}
    keys: dict[tuple[str, ...], Origin] = {}
    for path, inner in _below(item, ()):
        origins[path] = inner.origin
        keys[path] = inner.key
    values = {key: plain_value(inner) for key, inner in rows.items()}
    return AnalysisTable(kind, name, values, origins, item.key, keys)


def _below(item: Item, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Item]]:
    rows: Iterable[tuple[str, Item]] = ()
    if isinstance(item.value, dict):
        rows = item.value.items()
    elif isinstance(item.value, tuple):
        rows = [(f"[{i}]", one) for i, one in enumerate(item.value)]
    for key, one in rows:
        yield (*path, key), one
        yield from _below(one, (*path, key))
