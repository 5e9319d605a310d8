"""Where every key and every value of a TOML document stands, which tomli does not say.

Only what tomli has read is looked at, so that nothing here decides what is TOML. Of TOML's four kinds of text the
offset of every character is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

Range = tuple[int, int]
KeyPath = tuple[str | int, ...]
PlacedKey = tuple[str, Range]

MAX_DEPTH = 40
"""Arrays and tables within each other, and parts of a dotted key; a spec file needs four."""
_SPACE = re.compile(r"[ \t]*")
_LAYOUT = re.compile(r"(?:[ \t\n]+|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]*[^,\]}#\s]")
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b", '"': '"', "\\": "\\"}
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}
_CONTINUATION = re.compile(r"\\[ \t]*\n[ \t\n]*")
_PLAIN = {'"': re.compile(r'[^"\\]+'), "'": re.compile(r"[^']+")}


class DeepError(ValueError):
    """Tables and lists are nested too deep."""


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
    dotted: bool = False


def places(document: str) -> dict[KeyPath, Spot]:
    """Return the spot of every key path of a document that is TOML, its lines ending with LF."""
    scanner = _Scanner(document)
    scanner.read()
    return scanner.spots


class _Scanner:
    def __init__(self, document: str) -> None:
        self.document = document
        self.at = 0
        self.spots: dict[KeyPath, Spot] = {}
        self.items: dict[KeyPath, int] = {}

    def read(self) -> None:
        path: KeyPath = ()
        while self._next():
            if self.document[self.at] == "[":
                path = self._header()
            else:
                self._pair(path)

    def _next(self) -> bool:
        """Go on to what says something, and tell whether anything does."""
        self._skip(_LAYOUT)
        return self.at < len(self.document)

    def _header(self) -> KeyPath:
        start = self.at
        brackets = 2 if self.document.startswith("[[", start) else 1
        self.at += brackets
        keys = self._keys()
        self.at += brackets
        whole = (start, self.at)
        path: KeyPath = ()
        for k, (name, span) in enumerate(keys):
            path = (*path, name)
            last = k == len(keys) - 1
            self._record(path, Spot(span, whole, dotted=not last))
            if last and brackets == 2:
                self.items[path] = self.items.get(path, 0) + 1
                self._record((*path, self.items[path] - 1), Spot(span, whole))
            if path in self.items:  # its last item is meant
                path = (*path, self.items[path] - 1)
        return path

    def _pair(self, path: KeyPath) -> None:
        *above, (name, span) = self._keys()
        for part, place in above:
            path = (*path, part)
            self._record(path, Spot(place, place, dotted=True))
        self.at += 1
        self._skip(_SPACE)
        self._value((*path, name), span)

    def _keys(self) -> list[PlacedKey]:
        keys: list[PlacedKey] = []
        while True:
            self._skip(_SPACE)
            start = self.at
            if self.document[start] in "\"'":
                name, _ = self._text()
            else:
                self._skip(_BARE_KEY)
                name = self.document[start : self.at]
            keys.append((name, (start, self.at)))
            self._skip(_SPACE)
            if self.document[self.at] != ".":
                return keys
            self.at += 1

    def _value(self, path: KeyPath, key: Range | None) -> None:
        """Place a value; an item of a list is its own key."""
        start, offsets = self.at, tuple[int, ...]()
        first = self.document[start]
        if len(path) > MAX_DEPTH:
            raise DeepError
        if first in "\"'":
            _, offsets = self._text()
        elif first == "[":
            for k, _ in enumerate(self._between("]")):
                self._value((*path, k), None)
        elif first == "{":
            for _ in self._between("}"):
                self._pair(path)
        else:
            self._skip(_SCALAR)
        whole = (start, self.at)
        self._record(path, Spot(key or whole, whole, offsets))

    def _between(self, closing: str) -> Iterator[None]:
        """Yield where each item of a list or inline table starts."""
        self.at += 1
        while self._next() and self.document[self.at] != closing:
            yield
            self._skip(_LAYOUT)
            self.at += self.document[self.at] == ","
        self.at += 1

    def _text(self) -> tuple[str, tuple[int, ...]]:
        """Read a text: its characters, and the offset of each and of its end."""
        document, start = self.document, self.at
        quote = document[start]
        mark = quote * 3 if document.startswith(quote * 3, start) else quote
        at = start + len(mark)
        if len(mark) == 3 and document.startswith("\n", at):
            at += 1
        pieces: list[str] = []
        offsets: list[int] = []
        while not document.startswith(mark, at):
            piece, end = self._piece(at, quote)
            pieces.append(piece)
            offsets.extend(range(at, end) if end - at == len(piece) else [at] * len(piece))
            at = end
        # Up to two quotes before the closing ones belong to a text of several lines.
        more = len(re.match(f"{quote}*", document[at : at + 5])[0]) - 3 if len(mark) == 3 else 0  # type: ignore[index]
        offsets.extend(range(at, at + more + 1))
        self.at = at + more + len(mark)
        return "".join(pieces) + quote * more, tuple(offsets)

    def _piece(self, at: int, quote: str) -> tuple[str, int]:
        """Return the next characters of a text and where they end."""
        if plain := _PLAIN[quote].match(self.document, at):
            return plain[0], plain.end()
        if self.document[at] != "\\":
            return quote, at + 1
        if continuation := _CONTINUATION.match(self.document, at):
            return "", continuation.end()
        letter = self.document[at + 1]
        if letter in _ESCAPES:
            return _ESCAPES[letter], at + 2
        stop = at + 2 + _HEX_DIGITS[letter]
        return chr(int(self.document[at + 2 : stop], 16)), stop

    def _skip(self, pattern: re.Pattern[str]) -> None:
        if found := pattern.match(self.document, self.at):
            self.at = found.end()

    def _record(self, path: KeyPath, spot: Spot) -> None:
        known = self.spots.get(path)
        # A header of the table itself says more of where it is than [table.name] before it.
        if known is None or (known.dotted and not spot.dotted):
            self.spots[path] = spot
