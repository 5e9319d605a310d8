"""Values with the places they come from, from a TOML document or a dict alike."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from specdid._diagnostics import Document, Fault, Origin
from specdid._toml import AGAIN, KeyPath, Spot, Toml, Unread

MAX_DEPTH = 40

_WORDS = (
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a decimal number"),
    (str, "text"),
    (Mapping, "a table"),
    (tuple, "a list"),
    ((datetime.date, datetime.time), "a date or time"),
)


@dataclass(frozen=True, slots=True)
class Item:
    """One value of a spec.

    ``value`` is a text, number, boolean or date, a tuple of items, or a dict of items; UNREAD where
    it is no TOML, which has a fault of its own.
    ``origin`` is the value's, ``key`` that of its key; ``dotted`` says that the key was
    followed by another one in the same dotted key or header.
    """

    value: object
    origin: Origin
    key: Origin
    dotted: bool = False

    @property
    def unread(self) -> bool:
        """Say whether nothing is known of the value."""
        return isinstance(self.value, Unread)

    def kind(self) -> str:
        """Name the kind of value for a message."""
        named = (word for kinds, word in _WORDS if isinstance(self.value, kinds))
        return next(named, type(self.value).__name__)


def item_of_document(toml: Toml, document: Document) -> Item:
    """Return the table that a document is."""
    whole = Origin((), document, _first_line(document))
    return _located(toml.values, (), toml.spots, document, whole)


def _first_line(document: Document) -> tuple[int, int]:
    """Mark the first line that says something, for what is missing from the whole file."""
    text = document.text
    start = len(text) - len(text.lstrip())
    end = text.find("\n", start)
    return start, end if end >= 0 else len(text)


def _located(value: object, path: KeyPath, spots: Mapping[KeyPath, Spot], document: Document, parent: Origin) -> Item:
    spot = spots.get(path)
    names = written(path)
    key = Origin(names, document, spot.key if spot else parent.offsets)
    origin = Origin(names, document, (spot.offsets or spot.value) if spot else parent.offsets)
    content: object = value
    if isinstance(value, dict):
        content = {k: _located(v, (*path, k), spots, document, key) for k, v in value.items()}
    elif isinstance(value, list):
        content = tuple(_located(v, (*path, i), spots, document, key) for i, v in enumerate(value))
    return Item(content, origin, key, bool(spot and spot.dotted))


def written(path: KeyPath) -> tuple[str, ...]:
    """Return a key path as texts: items of lists become ``[0]``, a key that stands again is itself."""
    return tuple(part.split(AGAIN)[0] if isinstance(part, str) else f"[{part}]" for part in path)


def item_of_mapping(mapping: Mapping[Any, object], faults: list[Fault]) -> Item:
    """Return the table that a dict is; what TOML could not hold becomes a fault."""
    return _plain(mapping, (), faults)


def _plain(value: object, path: tuple[str, ...], faults: list[Fault]) -> Item:
    origin = Origin(path)
    content: object = value
    if len(path) > MAX_DEPTH:
        faults.append(Fault("too_deep", "tables and lists are nested too deep", path=path[:4]))
        content = ""
    elif isinstance(value, Mapping):
        content = {key: _plain(v, (*path, key), faults) for key, v in _text_keys(value, path, faults)}
    elif isinstance(value, list | tuple):
        content = tuple(_plain(v, (*path, f"[{i}]"), faults) for i, v in enumerate(value))
    elif isinstance(value, PurePath):
        content = str(value)
    elif hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        content = value.item()
    return Item(content, origin, origin)


def _text_keys(
    mapping: Mapping[Any, object], path: tuple[str, ...], faults: list[Fault]
) -> Iterable[tuple[str, object]]:
    for key, value in mapping.items():
        if isinstance(key, str):
            yield str(key), value
        else:
            faults.append(Fault("wrong_type", f"the key {key!r} is not text", path=path))


def plain_value(item: Item) -> object:
    """Return an item's value with nothing but dicts, lists, texts, numbers and dates."""
    if isinstance(item.value, dict):
        return {key: plain_value(inner) for key, inner in item.value.items()}
    if isinstance(item.value, tuple):
        return [plain_value(inner) for inner in item.value]
    return item.value


def finite(value: object) -> bool:
    """Say whether ``value`` is a number (not a boolean) that is neither infinite nor NaN, nor too large for a float."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False
