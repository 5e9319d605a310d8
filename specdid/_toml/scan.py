"""The statements of a TOML text, each with its places, read on where they are not TOML.

tomli gives the values and decides what is TOML; this scanner finds places. Where a statement
is wrong it notes a slip and takes what was evidently meant (a key without quotes, ``:`` for
``=``, a text without quotes, a list that is not closed), so that one slip hides nothing else.
Of TOML's four kinds of text it knows the offset of every character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Range = tuple[int, int]
PlacedKey = tuple[str, Range]
ValueKind = Literal["text", "scalar", "array", "table", "unread"]

MAX_DEPTH = 40
"""Arrays and tables within each other, and parts of a dotted key; a spec file needs four."""

MOST_SLIPS = 100
"""Faults after which scanning stops."""

LONGEST_NUMBER = 200
"""Characters; Python refuses to read numbers of some thousand digits."""

LITERALS = {"True": "true", "TRUE": "true", "T": "true", "False": "false", "FALSE": "false", "F": "false"}
NOTHING = {"null", "None", "NULL", "nil", "NA", "NaN"}
_SPACE = re.compile(r"[ \t]*")
_LAYOUT = re.compile(r"(?:[ \t\n]+|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_MACRO_KEY = re.compile(r"\.\.(\w+)(?=[ \t]*=)")
_EQUALS = re.compile(r":=|<-|=>|==|[=＝:：]")
_SEPARATOR = re.compile(r"[,，、;；]")
_VALUE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d[^\s,\]}#]*|[^\s,，、\]}#=]+")
_SCALAR = re.compile(
    r"true|false|[+-]?(?:inf|nan)|0x[0-9A-Fa-f_]+|0o[0-7_]+|0b[01_]+|\d{4}-\d\d-\d\d.*|\d\d:\d\d.*"
    r"|[+-]?[0-9][0-9_]*(?:\.[0-9][0-9_]*)?(?:[eE][+-]?[0-9][0-9_]*)?"
)
_NUMBER_WITHOUT_DIGIT = re.compile(r"[+-]?(\.\d+|\d+\.)([eE][+-]?\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_TOKEN = re.compile(r"[^\s=,\[\]{}#\"']+|\S?")
_PAIR_START = r"""(?:"[^"\n]*"|'[^'\n]*'|[^\s=#"'\[\]{},]{1,200})[^\n"'=#,\[\]{}]{0,200}[=＝]"""
_PAIR = re.compile(rf"[ \t]*{_PAIR_START}")
_STATEMENT = re.compile(rf"^[ \t]*(?:\[|{_PAIR_START})", re.MULTILINE)
"""What a line begins with that can be a statement; bounded, so that a long line costs little."""
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b", '"': '"', "\\": "\\"}
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}
_CONTINUATION = re.compile(r"\\[ \t]*\n[ \t\n]*")
_PLAIN = {
    '"': re.compile(r'[^"\\\n]+'),
    "'": re.compile(r"[^'\n]+"),
    '"""': re.compile(r'[^"\\]+'),
    "'''": re.compile(r"[^']+"),
}


QUOTES = "“”„‟‘’«»＂＇"
"""Those of word processors and Chinese input methods."""


@dataclass(slots=True)
class ScannedValue:
    """One value, ``start`` to ``stop`` with its quotes; ``offsets`` are those of a text's characters."""

    kind: ValueKind
    start: int
    stop: int
    text: str = ""
    offsets: tuple[int, ...] = ()
    items: list[ScannedValue] = field(default_factory=list)
    pairs: list[tuple[list[PlacedKey], ScannedValue]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Statement:
    """One header or one ``key = value``; ``keys`` are empty where they cannot be told."""

    start: int
    stop: int
    header: Literal["", "[", "[["]
    keys: list[PlacedKey]
    value: ScannedValue
    slips: tuple[Broken, ...]


def scan(document: str) -> list[Statement]:
    """Return the statements of ``document``, whose lines end with LF."""
    scanner = _Scanner(document)
    return list(scanner.statements())


class _Scanner:
    def __init__(self, document: str) -> None:
        self.document = document
        self.at = 0
        self.slips: list[Broken] = []
        self.keys: list[PlacedKey] = []
        self.total = 0

    def statements(self) -> Iterator[Statement]:
        while self.total < MOST_SLIPS:
            self._skip(_LAYOUT)
            start = self.at
            if start >= len(self.document):
                return
            self.slips, self.keys = [], []
            brackets: Literal["", "[", "[["] = ""
            value = ScannedValue("unread", start, start)
            try:
                if self._looking_at("["):
                    brackets = "[[" if self._looking_at("[[") else "["
                    self._header(brackets)
                else:
                    value = self._line(start)
            except Broken as problem:
                value = self._broken(start, problem, value)
            self.total += len(self.slips)
            yield Statement(start, self.at, brackets, self.keys, value, tuple(self.slips))

    def _broken(self, start: int, problem: Broken, value: ScannedValue) -> ScannedValue:
        """Go on after a statement that cannot be read to its end; what is left open ends with its line."""
        left_open = problem.code.startswith("unclosed")
        line_end = self.document.find("\n", start if left_open else problem.start)
        following = _STATEMENT.search(self.document, line_end + 1) if line_end >= 0 else None
        self.at = following.start() if following else len(self.document)
        self.slips = [s for s in self.slips if not left_open or s.start < problem.start or s.start < line_end]
        self.slips.append(problem.with_traceback(None))
        partial = problem.partial
        return partial if isinstance(partial, ScannedValue) and partial.start < line_end else value

    def slip(self, code: str, start: int, stop: int) -> None:
        """Note what is wrong, and go on."""
        self.slips.append(Broken(code, start, stop))
        if len(self.slips) > MOST_SLIPS:
            raise Broken("too_many", start, stop)

    # Headers and keys

    def _header(self, brackets: str) -> None:
        start = self.at
        closing = "]" * len(brackets)
        self.at += len(brackets)
        self.keys = self._keys("]")
        if self._looking_at(closing):
            self.at += len(closing)
        else:
            self.slip("unclosed_header", start, self._line_end())
            self.at = self._line_end() if not self._looking_at("]") else self.at + 1
            return
        self._skip(_SPACE)
        if self.at < self._line_end() and not self._looking_at("#"):
            self.slip("after_header", self.at, self._token_end())
        self.at = self._line_end()

    def _keys(self, closing: str) -> list[PlacedKey]:
        keys: list[PlacedKey] = []
        while True:
            self._skip(_SPACE)
            keys.append(self._key(closing))
            self._skip(_SPACE)
            if not self._looking_at("."):
                return keys
            if len(keys) > MAX_DEPTH:
                raise Broken("too_deep", keys[0][1][0], self.at)
            self.at += 1

    def _key(self, closing: str) -> PlacedKey:
        start = self.at
        first = self.document[start : start + 1]
        if first in {'"', "'"} and self.document[start : start + 3] not in {'"""', "'''"}:
            quoted = _scan_text(self.document, start)
            self.at = quoted.stop
            return quoted.text, (start, quoted.stop)
        macro = _MACRO_KEY.match(self.document, start) if closing == "=" else None
        if macro:
            self.slip("macro_dots", *macro.span())
            self.at = macro.end()
            return macro[1], macro.span()
        bare = _BARE_KEY.match(self.document, start)
        if bare:
            self.at = bare.end()
            self._skip(_SPACE)
            rest = self.document[self.at : self.at + 1]
            ends = rest in {".", "", "\n"} if closing == "=" else rest in {".", "]", "\n", ""}
            if ends or (closing == "=" and (rest in {'"', "'", "{"} or self._equals_here())):
                self.at = bare.end()
                return bare[0], bare.span()
        return self._odd_key(start, closing)

    def _equals_here(self) -> bool:
        """Say whether a key ends here: before ``=``, or before ``:`` where no ``=`` follows (as in a:b = …)."""
        token = _EQUALS.match(self.document, self.at)
        if token is None or token[0] in {"=", "＝", "=="}:
            return token is not None
        after = self.document[token.end() : min(self._line_end(), token.end() + LONGEST_NUMBER)]
        return re.match(r"[^\"'=＝]*[=＝]", after) is None

    def _odd_key(self, start: int, closing: str) -> PlacedKey:
        """Read a key that only quotes would make one: ``ln SO2``, ``收入``, ``“income”``."""
        self.at = start
        end = min(self._line_end(), start + LONGEST_NUMBER)
        if closing == "]":
            found = re.compile(r"[\]\n.\"']").search(self.document, start, end)
        else:
            found = re.compile(r"[=＝.\"'{},]|:=|<-|=>").search(self.document, start, end)
            if found is None or found[0] in "\"'{":
                found = re.compile(r"[:：]").search(self.document, start, end) or found
        stop = found.start() if found else end
        written = self.document[start:stop].rstrip()
        if not written:
            raise Broken("no_key" if found and found[0] in "].=" else "bare_key", start, self._token_end())
        if closing == "=" and (found is None or found[0] in "\"'{},"):
            raise Broken("no_equals", start, start + len(written))
        self.slip("bare_key", start, start + len(written))
        self.at = stop
        return written.strip(QUOTES) or written, (start, start + len(written))

    # Pairs and values

    def _line(self, start: int) -> ScannedValue:
        self.keys = self._keys("=")
        self._equals(start)
        value = self._value(0)
        self._skip(_SPACE)
        if self.at < self._line_end() and not self._looking_at("#"):
            self._trailing(value)
        self.at = self._line_end()
        return value

    def _equals(self, start: int) -> None:
        token = _EQUALS.match(self.document, self.at)
        if token is None:
            if not self._looking_at('"') and not self._looking_at("'"):
                raise Broken("no_equals", start, max(self.at, start + 1))
            self.slip("no_equals", start, self.at)
        elif token[0] != "=":
            self.slip("equals", *token.span())
            self.at = token.end()
        else:
            self.at += 1
        self._skip(_SPACE)

    def _value(self, depth: int) -> ScannedValue:
        start = self.at
        if depth > MAX_DEPTH:
            raise Broken("too_deep", start, start + 1)
        first = self.document[start : start + 1]
        if first and first in "\"'":
            try:
                scanned = _scan_text(self.document, start, self.slips)
            except Broken as problem:
                return self._open_text(problem, depth)
            self.at = scanned.stop
            return ScannedValue("text", start, self.at, scanned.text, scanned.offsets)
        if first and first in QUOTES:
            return self._typographic(start)
        if first == "[":
            return self._array(depth)
        if first == "{":
            return self._table(depth)
        return self._token(start, depth)

    def _open_text(self, problem: Broken, depth: int) -> ScannedValue:
        """Take a text that is not closed to end with its line, where nothing else can stand behind it."""
        start = self.at
        rest = self._rest(start + 1)
        if depth or self.document.startswith(self.document[start] * 3, start):
            raise problem
        self.slips.append(problem.with_traceback(None))
        self.at = self._line_end()
        stop = start + 1 + len(rest)
        return ScannedValue("text", start, stop, rest, tuple(range(start + 1, stop + 1)))

    def _typographic(self, start: int) -> ScannedValue:
        """Read a text between quotes of a word processor."""
        closing = re.compile(f"[{QUOTES}\"'\n]").search(self.document, start + 1)
        stop = closing.start() if closing else len(self.document)
        self.slip("character", start, start + 1)
        if closing is None or closing[0] == "\n":
            raise Broken("unclosed_text", start, stop)
        self.at = stop + 1
        return ScannedValue("text", start, self.at, self.document[start + 1 : stop], tuple(range(start + 1, stop + 1)))

    def _token(self, start: int, depth: int) -> ScannedValue:
        """Read a number, date or boolean, or the text that stands in its place."""
        token = _VALUE.match(self.document, start)
        if token is None:
            raise Broken("no_value", start, self._token_end())
        written = token[0]
        stop = token.end()
        if not depth:
            rest = self._rest(start)
            decimal_comma = _DECIMAL_COMMA.fullmatch(rest) is not None
            if decimal_comma or re.match(r"[^,\]})#]", self.document[stop : start + len(rest)].lstrip(" \t")):
                written, stop = rest, start + len(rest)
        elif not _SCALAR.fullmatch(written):
            stop = self._unquoted_end(start)
            written = self.document[start:stop]
        self.at = stop
        if len(written) <= LONGEST_NUMBER and _SCALAR.fullmatch(written):
            return ScannedValue("scalar", start, stop, written)
        return self._not_a_value(start, stop, written)

    def _not_a_value(self, start: int, stop: int, written: str) -> ScannedValue:
        self.slip("bad_value", start, stop)
        if written in LITERALS:
            return ScannedValue("scalar", start, stop, LITERALS[written])
        if _NUMBER_WITHOUT_DIGIT.fullmatch(written) or _DECIMAL_COMMA.fullmatch(written):
            return ScannedValue("scalar", start, stop, str(float(written.replace(",", "."))))
        strange = not written or not (written[0].isascii() or written[0].isalnum())
        if written in NOTHING or len(written) > 10 * LONGEST_NUMBER or strange:
            return ScannedValue("unread", start, stop)
        return ScannedValue("text", start, stop, written, tuple(range(start, stop + 1)))

    def _rest(self, start: int) -> str:
        """Return what stands from here to the end of the line, without a comment."""
        return re.split(r"[ \t]#", self.document[start : self._line_end()], maxsplit=1)[0].rstrip()

    def _unquoted_end(self, start: int) -> int:
        """Return the end of a text without quotes in a list or inline table: its parentheses may hold commas."""
        depth = 0
        for found in re.compile(r"[()\[\]{},，\n#]|[^()\[\]{},，\n#]+").finditer(self.document, start):
            if found[0] in "([":
                depth += 1
            elif found[0] in ")]" and depth:
                depth -= 1
            elif found[0] in "\n#}" or (found[0] in ",，])" and not depth):
                return start + len(self.document[start : found.start()].rstrip())
        return len(self.document.rstrip())

    def _array(self, depth: int) -> ScannedValue:
        array = ScannedValue("array", self.at, self.at)
        for _ in self._between("]", "unclosed_array", array):
            array.items.append(self._value(depth + 1))
        array.stop = self.at
        return array

    def _table(self, depth: int) -> ScannedValue:
        table = ScannedValue("table", self.at, self.at)
        for _ in self._between("}", "unclosed_table", table):
            keys: list[PlacedKey] = []
            try:
                keys = self._keys("=")
                self._equals(keys[0][1][0])
                table.pairs.append((keys, self._value(depth + 1)))
            except Broken as problem:
                if problem.code.startswith(("unclosed", "too_")):
                    raise
                self.slips.append(problem)
                ending = re.compile(r"[,，}\n]").search(self.document, problem.start)
                self.at = ending.start() if ending else len(self.document)
                if keys:
                    table.pairs.append((keys, ScannedValue("unread", problem.start, self.at)))
        table.stop = self.at
        return table

    def _between(self, closing: str, unclosed: str, partial: ScannedValue) -> Iterator[None]:
        """Yield where each item of an array or inline table starts."""
        opening = self.at
        left_open = Broken(unclosed, opening, opening + 1, partial)
        self.at += 1
        while True:
            self._skip(_LAYOUT)
            if self._looking_at(closing):
                break
            if self.at >= len(self.document) or (closing == "]" and self._looking_at_line(_PAIR)):
                raise left_open
            yield
            before = self.at
            self._skip(_LAYOUT)
            separator = _SEPARATOR.match(self.document, self.at)
            if separator:
                if separator[0] != ",":
                    self.slip("character", *separator.span())
                self.at += 1
            elif not self._looking_at(closing):
                if self.at >= len(self.document) or self._left_open(closing):
                    raise left_open
                self._no_comma(before)
        self.at += 1

    def _no_comma(self, before: int) -> None:
        """Say that a comma is missing, or where the quotes of the line are odd in number, a quote."""
        first = self.document.rfind("\n", 0, self.at) + 1
        line = self.document[first : self._line_end()]
        quote = self.document[before - 1]
        if quote in {'"', "'"} and line.count(quote) % 2:
            raise Broken("odd_quotes", self.at, self._token_end())
        if self.document[self.at] in "]})":
            raise Broken("wrong_bracket", self.at, self.at + 1)
        self.slip("no_comma", self.at, self._token_end())

    def _trailing(self, value: ScannedValue) -> None:
        """Say what is wrong with what follows a value on its line; the value may go on to the last quote."""
        start, rest = self.at, self._rest(self.at)
        quote = self.document[value.start : value.start + 1]
        if rest in {",", ";", "，", "；"}:
            self.slip("line_comma", start, start + 1)
        elif rest.startswith(("//", "--")):
            self.slip("comment", start, start + 2)
        elif rest and rest[0] in "]})":  # nothing is left where a carriage return stands alone
            self.slip("closes_nothing", start, start + 1)
        elif value.kind == "text" and start == value.stop and rest.rstrip().endswith(quote):
            self.slip("after_text", start, self._token_end())
            value.stop = start + len(rest.rstrip())
            value.text = self.document[value.start + 1 : value.stop - 1]
            value.offsets = tuple(range(value.start + 1, value.stop))
        else:
            self.slip("after_text" if value.kind == "text" else "after_value", start, self._token_end())
            value.kind = "unread"

    # Looking ahead

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
        """Return the end of the run of characters at hand, for a caret under it."""
        token = _TOKEN.match(self.document, self.at)
        return token.end() if token else self.at


class Broken(Exception):  # noqa: N818 - caught in this package, never shown
    """What is not TOML: ``code`` says why, from ``start`` to ``stop`` of the document.

    Raised where the scanner cannot go on; ``partial`` is then the value that was left open.
    """

    def __init__(self, code: str, start: int, stop: int, partial: object = None) -> None:
        self.code, self.start, self.stop, self.partial = code, start, stop, partial
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class _ScannedText:
    """A text, the document's offset of each of its characters and of its end, and what follows."""

    text: str
    offsets: tuple[int, ...]
    stop: int


def _scan_text(document: str, start: int, slips: list[Broken] | None = None) -> _ScannedText:
    """Read the text whose opening quote stands at ``start``.

    Given ``slips``, the first that is no escape is noted there; all are taken as they stand.

    Raises
    ------
    Broken
        ``unclosed_text`` or ``bad_escape``.
    """
    quote = document[start]
    mark = quote * 3 if document.startswith(quote * 3, start) else quote
    at = start + len(mark)
    if len(mark) == 3 and document.startswith("\n", at):
        at += 1
    characters: list[str] = []
    offsets: list[int] = []
    while not document.startswith(mark, at):
        try:
            piece, end = _piece(document, at, mark, start)
        except Broken as problem:
            if slips is None or problem.code != "bad_escape":
                raise
            if not any(slip.code == "bad_escape" and slip.start > start for slip in slips):
                slips.append(problem.with_traceback(None))
            piece, end = document[at], at + 1
        characters.append(piece)
        offsets.extend(range(at, end) if end - at == len(piece) else [at] * len(piece))
        at = end
    extra = _quotes_before_closing(document, at, mark)
    text = "".join(characters) + quote * extra
    offsets.extend(range(at, at + extra + 1))
    return _ScannedText(text, tuple(offsets), at + extra + len(mark))


def _quotes_before_closing(document: str, at: int, mark: str) -> int:
    """Count the quotes that belong to a multi-line text though they touch its closing mark."""
    if len(mark) == 1:
        return 0
    return 2 if document.startswith(mark[0] * 5, at) else int(document.startswith(mark[0] * 4, at))


def _piece(document: str, at: int, mark: str, start: int) -> tuple[str, int]:
    """Return the next characters of the text and where they end."""
    plain = _PLAIN[mark].match(document, at)
    if plain:
        return plain[0], plain.end()
    if at >= len(document) or document[at] == "\n":
        raise Broken("unclosed_text", start, min(at, _line_end(document, start)))
    if document[at] == "\\":
        return _escape(document, at, mark)
    return document[at], at + 1


def _escape(document: str, at: int, mark: str) -> tuple[str, int]:
    continuation = _CONTINUATION.match(document, at) if len(mark) == 3 else None
    if continuation:
        return "", continuation.end()
    letter = document[at + 1 : at + 2]
    if letter in _ESCAPES:
        return _ESCAPES[letter], at + 2
    stop = at + 2 + _HEX_DIGITS.get(letter, 0)
    digits = document[at + 2 : stop]
    if letter in _HEX_DIGITS and re.fullmatch(f"[0-9A-Fa-f]{{{_HEX_DIGITS[letter]}}}", digits):
        number = int(digits, 16)
        if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF:
            return chr(number), stop
    raise Broken("bad_escape", at, min(stop, _line_end(document, at)))


def _line_end(document: str, start: int) -> int:
    end = document.find("\n", start)
    return len(document) if end < 0 else end
