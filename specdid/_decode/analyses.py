"""The paper's analyses, kept as written: each analysis reads its own table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from specdid._decode.items import Item, plain_value
from specdid._decode.table import Log, as_table
from specdid._decode.words import TABLE_KEYS
from specdid._diagnostics import Origin
from specdid._study import AnalysisTable


def read_analyses(tables: Mapping[str, Item], kinds: Sequence[str], log: Log) -> tuple[AnalysisTable, ...]:
    """Give every table of section 7 in file order, named ones each on their own."""
    found: list[AnalysisTable] = []
    for kind, item in tables.items():
        if kind in kinds and as_table(item, log, f"[{kind}]", f"write [{kind}], or [{kind}.\"name\"]"):
            found += _of_kind(kind, item, log)
    _same_files(found, log)
    return tuple(found)


def _same_files(tables: Sequence[AnalysisTable], log: Log) -> None:
    """Refuse two analyses that would write the same files, on a system that does not tell A from a too."""
    first: dict[str, AnalysisTable] = {}
    for table in tables:
        other = first.setdefault(table.stem.casefold(), table)
        if other is not table:
            message = f"`{table.name}` and `{other.name}` would write the same file {other.stem}.csv"
            log.add(table.origin, "same_file", message, "give one of them another name")


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
