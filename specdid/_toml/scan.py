"""Where every key and value of a TOML text stands.

tomli gives the values and decides what is TOML; this scanner only finds places, and goes
on after a statement that it cannot read, so that one document can have several faults.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from specdid._toml.texts import Broken, scan_text

KeyPath = tuple[str | int, ...]
Range = tuple[int, int]

MAX_DEPTH = 40
"""Arrays and tables within each other, and parts of a dotted key; a spec file needs four."""

MOST_BROKEN = 100
"""Statements that are not TOML, after which nobody reads on."""

LONGEST_NUMBER = 200
"""Characters; Python refuses to read numbers of some thousand digits."""

_SPACE = re.compile(r"[ \t]*")
_LAYOUT = re.compile(r"(?:[ \t\n]+|#[^\n]*)*")
_COMMENT = re.compile(r"#[^\n]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_VALUE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d[^\s,\]}#]*|[^\s,\]}#=]+")
_TOKEN = re.compile(r"[^\s=,\[\]{}#\"']+|\S?")
_PAIR_START = r"""(?:"[^"\n]*"|'[^'\n]*'|[^\s=#"'\[\]{},]{1,200})[^\n"'=#,\[\]{}]{0,200}[=＝]"""
_PAIR = re.compile(rf"[ \t]*{_PAIR_START}")
_STATEMENT = re.compile(rf"^[ \t]*(?:\[|{_PAIR_START})", re.MULTILINE)
"""What a line begins with that can be a statement; bounded, so that a long line costs little."""


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
class Statement:
    """One header or one ``key = value``; ``broken`` says why it could not be read."""

    start: int
    stop: int
    header: bool
    path: KeyPath
    broken: Broken | None = None
    repeats: tuple[tuple[KeyPath, Range], ...] = ()


@dataclass(slots=True)
class Scan:
    """Every key path's spot, the statements in file order, and which of them are broken."""

    spots: dict[KeyPath, Spot] = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)
    broken: list[int] = field(default_factory=list)


def scan(document: str) -> Scan:
    """Find the places of all keys and values of ``document``, whose lines end with LF."""
    scanner = _Scanner(document)
    while scanner.next_statement() and len(scanner.found.broken) < MOST_BROKEN:
        pass
    return scanner.found


class _Scanner:
    def __init__(self, document: str) -> None:
        self.document = document
        self.at = 0
        self.found = Scan()
        self.table: KeyPath = ()
        self.lengths: dict[KeyPath, int] = {}
        self.headers: dict[KeyPath, Range] = {}
        self.repeats: list[tuple[KeyPath, Range]] = []

    def next_statement(self) -> bool:
        self._skip(_LAYOUT)
        start = self.at
        if start >= len(self.document):
            return False
        self.repeats = []
        broken = None
        header = self._looking_at("[")
        path: KeyPath = ()
        try:
            path = self._header() if header else self._pair(self.table)
            self._end_of_line()
        except Broken as problem:
            broken = problem.with_traceback(None)
            self.found.broken.append(len(self.found.statements))
            self.at = self._resume(start, problem)
        statement = Statement(start, self.at, header, path, broken, tuple(self.repeats))
        self.found.statements.append(statement)
        return True

    def _resume(self, start: int, problem: Broken) -> int:
        """Find where reading can go on: what is left open is taken to end with its line."""
        left_open = problem.code.startswith("unclosed")
        line_end = self.document.find("\n", start if left_open else problem.start)
        following = _STATEMENT.search(self.document, line_end + 1) if line_end >= 0 else None
        return following.start() if following else len(self.document)

    def _header(self) -> KeyPath:
        start = self.at
        array = self.document.startswith("[[", start)
        self.at += 1 + array
        keys = self._keys("]")
        closing = "]]" if array else "]"
        if not self._looking_at(closing):
            raise Broken("unclosed_header", start, self._line_end())
        self.at += len(closing)
        path = self._resolve(keys, (start, self.at))
        last = keys[-1][1]
        if array:
            position = self.lengths[path] = self.lengths.get(path, -1) + 1
            self._record(path, Spot(last, (start, self.at)))
            path = (*path, position)
        elif path in self.headers or path in self.lengths:
            self.repeats.append((path, last))
        self.headers[path] = last
        self._record(path, Spot(last, (start, self.at)))
        self.table = path
        return path

    def _resolve(self, keys: list[tuple[str, Range]], header: Range) -> KeyPath:
        """Give the header's path; a key that names an array of tables means its last item."""
        path: KeyPath = ()
        for name, span in keys[:-1]:
            path = (*path, name)
            self._record(path, Spot(span, header, dotted=True))
            if path in self.lengths:
                path = (*path, self.lengths[path])
        return (*path, keys[-1][0])

    def _pair(self, base: KeyPath, depth: int = 0) -> KeyPath:
        keys = self._keys("=")
        if not self._looking_at("="):
            raise Broken("no_equals", self.at, self._token_end())
        self.at += 1
        self._skip(_SPACE)
        path = base
        for name, span in keys[:-1]:
            path = (*path, name)
            self._record(path, Spot(span, span, dotted=True))
        path = (*path, keys[-1][0])
        self._value(path, keys[-1][1], depth)
        return path

    def _keys(self, closing: str) -> list[tuple[str, Range]]:
        keys = []
        while True:
            self._skip(_SPACE)
            keys.append(self._key(closing))
            self._skip(_SPACE)
            if not self._looking_at("."):
                return keys
            if len(keys) > MAX_DEPTH:
                raise Broken("too_deep", keys[0][1][0], self.at)
            self.at += 1

    def _key(self, closing: str) -> tuple[str, Range]:
        start = self.at
        if self._looking_at('"') or self._looking_at("'"):
            if self.document[start : start + 3] in {'"""', "'''"}:
                raise Broken("bare_key", start, start + 3)
            quoted = scan_text(self.document, start)
            self.at = quoted.stop
            return quoted.text, (start, quoted.stop)
        bare = _BARE_KEY.match(self.document, start)
        if not bare:
            raise Broken("no_key" if self._looking_at(closing) else "bare_key", start, self._token_end())
        self.at = bare.end()
        return bare[0], bare.span()

    def _value(self, path: KeyPath, key: Range | None, depth: int) -> None:
        start = self.at
        if depth > MAX_DEPTH:
            raise Broken("too_deep", start, start + 1)
        first = self.document[start : start + 1]
        offsets: tuple[int, ...] = ()
        text = None
        if first in {'"', "'"}:
            scanned = scan_text(self.document, start)
            text, offsets, self.at = scanned.text, scanned.offsets, scanned.stop
        elif first == "[":
            self._items(path, depth)
        elif first == "{":
            self._inline_table(path, depth)
        else:
            token = _VALUE.match(self.document, start)
            if not token:
                raise Broken("no_value", start, self._token_end())
            if len(token[0]) > LONGEST_NUMBER:
                raise Broken("bad_value", start, token.end())
            self.at = token.end()
        self._record(path, Spot(key or (start, self.at), (start, self.at), offsets, text), value=True)

    def _items(self, path: KeyPath, depth: int) -> None:
        for position, _ in enumerate(self._between("]", "unclosed_array")):
            self._value((*path, position), None, depth + 1)

    def _inline_table(self, path: KeyPath, depth: int) -> None:
        for _ in self._between("}", "unclosed_table"):
            self._pair(path, depth + 1)

    def _between(self, closing: str, unclosed: str) -> Iterator[None]:
        """Yield where each item of an array or inline table starts."""
        opening = self.at
        self.at += 1
        while True:
            self._skip(_LAYOUT)
            if self._looking_at(closing):
                break
            if self.at >= len(self.document) or (closing == "]" and self._looking_at_line(_PAIR)):
                raise Broken(unclosed, opening, opening + 1)
            yield
            self._skip(_LAYOUT)
            if self._looking_at(","):
                self.at += 1
            elif not self._looking_at(closing):
                if self.at >= len(self.document) or self._left_open(closing):
                    raise Broken(unclosed, opening, opening + 1)
                raise Broken("no_comma", self.at, self._token_end())
        self.at += 1

    def _record(self, path: KeyPath, spot: Spot, value: bool = False) -> None:
        if value and path in self.found.spots:
            self.repeats.append((path, spot.key))
        known = self.found.spots.get(path)
        # A header of the table itself says more of where it is than [table.name] before it.
        if known is None or (known.dotted and not spot.dotted):
            self.found.spots[path] = spot

    def _end_of_line(self) -> None:
        self._skip(_SPACE)
        self._skip(_COMMENT)
        if self.at < len(self.document) and self.document[self.at] != "\n":
            raise Broken("trailing", self.at, self._token_end())

    def _looking_at(self, text: str) -> bool:
        return self.document.startswith(text, self.at)

    def _looking_at_line(self, pattern: re.Pattern[str]) -> bool:
        """Say whether a line starts here, and begins with ``pattern``."""
        before = self.at
        while before > 0 and self.document[before - 1] in " \t":
            before -= 1
        fresh = before == 0 or self.document[before - 1] == "\n"
        return fresh and pattern.match(self.document, before) is not None

    def _left_open(self, closing: str) -> bool:
        """Say whether the line that starts here belongs to no open list or inline table."""
        line = self.document[self.at : self._line_end()]
        closes_here = closing == "}" and line.count("}") > line.count("{")
        return not closes_here and self._looking_at_line(_STATEMENT)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.document, self.at)
        if match:
            self.at = match.end()

    def _line_end(self) -> int:
        end = self.document.find("\n", self.at)
        return len(self.document) if end < 0 else end

    def _token_end(self) -> int:
        """Give the end of the run of characters at hand, for a caret under it."""
        token = _TOKEN.match(self.document, self.at)
        return token.end() if token else self.at
