"""From statements to values and their places, also where TOML does not allow them together.

What stands twice is merged (a table) or kept under a name of its own (a key), so that all
of it is read; each time it is a conflict.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import tomli

from specdid._toml.scan import Broken, PlacedKey, Range, ScannedValue, Statement

KeyPath = tuple[str | int, ...]
AGAIN = "\ud800"
"""Behind a key that stands again comes this and a number; a lone surrogate, which no TOML text can hold."""


class Unread:
    """The value of a key that could not be read: there, but nothing is known of it."""

    def __repr__(self) -> str:
        return "UNREAD"


UNREAD = Unread()


@dataclass(frozen=True, slots=True)
class Spot:
    """Where one key path stands.

    ``key`` is its key (of an array's item: the item), ``value`` the whole value with its
    quotes, ``offsets`` the characters of a text; ``dotted`` says that the key is followed
    by another in the same dotted key or header.
    """

    key: Range
    value: Range
    offsets: tuple[int, ...] = ()
    text: str | None = None
    dotted: bool = False


@dataclass(frozen=True, slots=True)
class Conflict:
    """What stands twice or contradicts what stands above; ``first`` is where that is, if it is the same."""

    what: str
    name: str
    place: Range
    first: Range | None = None


@dataclass(slots=True)
class Built:
    """Values, spots, conflicts, scalars that are none, and whether rows lie under a header that cannot be read."""

    values: dict[str, object] = field(default_factory=dict)
    spots: dict[KeyPath, Spot] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    slips: list[Broken] = field(default_factory=list)
    lost: list[Statement] = field(default_factory=list)


def build(statements: list[Statement], document: str, refused: bool = True) -> Built:
    """Put statements together.

    Parameters
    ----------
    refused
        Whether tomli refuses the document; otherwise only the spots are wanted.
    """
    builder = _TomlBuilder(document, refused)
    for statement in statements:
        builder.add(statement)
    return builder.built


class _TomlBuilder:
    def __init__(self, document: str, refused: bool) -> None:
        self.document, self.refused = document, refused
        self.built = Built()
        self.kinds: dict[KeyPath, str] = {}
        self.table: dict[str, object] = self.built.values
        self.path: KeyPath = ()
        self.sections: dict[KeyPath, int] = {}
        self.section = 0
        self.is_lost = False

    def add(self, statement: Statement) -> None:
        if statement.header:
            self.section += 1
            self.is_lost = not statement.keys
            if statement.keys:
                self._header(statement)
        if self.is_lost or not statement.keys:
            self.built.lost.append(statement)
        elif not statement.header:
            self._pair(self.table, self.path, statement.keys, statement.value)

    # Headers

    def _header(self, statement: Statement) -> None:
        whole = (statement.start, statement.stop)
        table, path = self._parents(statement.keys[:-1], whole)
        name, span = statement.keys[-1]
        spot = Spot(span, whole)
        if statement.header == "[[":
            self.table, self.path = self._array_item(table, path, name, spot)
        else:
            self.table, self.path = self._table(table, path, name, spot)

    def _parents(self, keys: list[PlacedKey], whole: Range) -> tuple[dict[str, object], KeyPath]:
        """Walk to the table of a header; a name of an array of tables means its last item."""
        table = self.built.values
        path: KeyPath = ()
        for name, span in keys:
            self._record((*path, name), Spot(span, whole, dotted=True))
            table, path = self._inside(table, path, name, span, "implicit")
        return table, path

    def _inside(
        self, table: dict[str, object], path: KeyPath, name: str, span: Range, kind: str
    ) -> tuple[dict[str, object], KeyPath]:
        """Return the table of this name, made where it is not there; where the name is none, one to be thrown away."""
        path = (*path, name)
        found = table.setdefault(name, {})
        self.kinds.setdefault(path, kind)
        if isinstance(found, list) and self.kinds[path] == "array":
            path = (*path, len(found) - 1)
            found = found[-1]
        if not isinstance(found, dict) or self.kinds.get(path) == "value":
            self._conflict("contradiction", name, span)
            return {}, (AGAIN, *path)
        return found, path

    def _table(
        self, table: dict[str, object], path: KeyPath, name: str, spot: Spot
    ) -> tuple[dict[str, object], KeyPath]:
        path = (*path, name)
        kind = self.kinds.get(path)
        if kind not in {None, "implicit"}:
            first = self.built.spots.get(path)
            same = kind in {"header", "array"}
            self._conflict("table" if same else "contradiction", name, spot.key, first.key if first else None)
            found = table[name]
            found = found[-1] if isinstance(found, list) and kind == "array" else found
            return (found, path) if isinstance(found, dict) and kind != "value" else ({}, (AGAIN, *path))
        self.kinds[path] = "header"
        self._record(path, spot)
        found = table.setdefault(name, {})
        assert isinstance(found, dict)
        return found, path

    def _array_item(
        self, table: dict[str, object], path: KeyPath, name: str, spot: Spot
    ) -> tuple[dict[str, object], KeyPath]:
        path = (*path, name)
        if self.kinds.setdefault(path, "array") != "array":
            first = self.built.spots.get(path)
            self._conflict("table", name, spot.key, first.key if first else None)
            return {}, (AGAIN, *path)
        items = table.setdefault(name, [])
        assert isinstance(items, list)
        item: dict[str, object] = {}
        items.append(item)
        self._record(path, spot)
        path = (*path, len(items) - 1)
        self.kinds[path] = "header"
        self._record(path, spot)
        return item, path

    # Pairs

    def _pair(
        self, table: dict[str, object], path: KeyPath, keys: list[PlacedKey], value: ScannedValue, inline: bool = False
    ) -> None:
        for name, span in keys[:-1]:
            self._record((*path, name), Spot(span, span, dotted=True))
            known = self.kinds.get((*path, name))
            fresh = known == "dotted" and (inline or self.sections.get((*path, name)) == self.section)
            if known is not None and not fresh and known != "value":
                self._conflict("contradiction", name, span)
            self.sections.setdefault((*path, name), self.section)
            table, path = self._inside(table, path, name, span, "dotted")
        name, span = keys[-1]
        path = (*path, name)
        if name in table:
            first = self.built.spots.get(path)
            same = self.kinds.get(path) == "value"
            self._conflict("key" if same else "contradiction", name, span, first.key if first else None)
            name = next(again for again in self._again(name) if again not in table)
            path = (*path[:-1], name)
        self.kinds[path] = "value"
        table[name] = self._value(value, path, span)

    def _again(self, name: str) -> Iterator[str]:
        n = 2
        while True:
            yield f"{name}{AGAIN}{n}"
            n += 1

    def _value(self, value: ScannedValue, path: KeyPath, key: Range | None) -> object:
        whole = (value.start, value.stop)
        text = value.text if value.kind == "text" else None
        self._record(path, Spot(key or whole, whole, value.offsets, text))
        if value.kind == "array":
            return [self._value(item, (*path, i), None) for i, item in enumerate(value.items)]
        if value.kind == "table":
            table: dict[str, object] = {}
            for keys, inner in value.pairs:
                self._pair(table, path, keys, inner, inline=True)
            return table
        if value.kind == "scalar":
            return self._scalar(value)
        return value.text if value.kind == "text" else UNREAD

    def _scalar(self, value: ScannedValue) -> object:
        if not self.refused:
            return UNREAD
        try:
            return tomli.loads(f"x = {value.text}")["x"]
        except (ValueError, RecursionError):
            self.built.slips.append(Broken("bad_value", value.start, value.stop))
            return UNREAD

    def _record(self, path: KeyPath, spot: Spot) -> None:
        known = self.built.spots.get(path)
        # A header of the table itself says more of where it is than [table.name] before it.
        if known is None or (known.dotted and not spot.dotted):
            self.built.spots[path] = spot

    def _conflict(self, what: str, name: str, place: Range, first: Range | None = None) -> None:
        self.built.conflicts.append(Conflict(what, name.split(AGAIN)[0], place, first))
