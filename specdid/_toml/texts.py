"""TOML's four kinds of text, unescaped, with the offset of every character."""

from __future__ import annotations

import re
from dataclasses import dataclass

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


class Broken(Exception):  # noqa: N818 - caught in this package, never shown
    """What is not TOML: ``code`` says why, from ``start`` to ``stop`` of the document.

    Raised where the scanner cannot go on; ``partial`` is then the value that was left open.
    """

    def __init__(self, code: str, start: int, stop: int, partial: object = None) -> None:
        self.code, self.start, self.stop, self.partial = code, start, stop, partial
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class ScannedText:
    """A text, the document's offset of each of its characters and of its end, and what follows."""

    text: str
    offsets: tuple[int, ...]
    stop: int


def scan_text(document: str, start: int, slips: list[Broken] | None = None) -> ScannedText:
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
    return ScannedText(text, tuple(offsets), at + extra + len(mark))


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
