"""How wide text is in Computer Modern at 10 points, and where it is broken."""

from __future__ import annotations

from functools import lru_cache
from unicodedata import combining, east_asian_width

# cmr10.tfm: the width of a character in thousandths of the font's size.
_GROUPS = {
    278: "!',.:;[]_`il", 306: "fj", 333: "- ", 361: "I", 389: "()t", 392: "r", 394: "s", 444: "cez",
    472: "?", 500: '"$*/0123456789\\^ago{}~', 514: "J", 528: "kqvxy", 556: "Sbdhnpu", 611: "Z",
    625: "L", 653: "F", 681: "EP", 708: "B", 722: "CTw", 736: "R", 750: "AHNUVXY", 764: "D",
    778: "&+=@KOQ<>−×≤≥±", 785: "G", 833: "#%m", 917: "M", 1028: "W",
}  # fmt: skip
_WIDTH = {c: w for w, characters in _GROUPS.items() for c in characters}
_OTHER, _CJK = 556, 1000
FONT = 10.0


@lru_cache(16_384)
def width(text: str) -> float:
    """Return a text's width in points at 10 points."""
    return FONT * sum(_character(c) for c in text) / 1000


def _character(c: str) -> int:
    if c in _WIDTH:
        return _WIDTH[c]
    if combining(c):
        return 0
    return _CJK if east_asian_width(c) in "WF" else _OTHER


def _wider(text: str, room: float) -> bool:
    """Say whether a text is wider than ``room``, without reading on once it is: a label may be very long."""
    total = 0
    for c in text:
        total += _character(c)
        if FONT * total / 1000 > room:
            return True
    return False


@lru_cache(16_384)
def wrap(text: str, room: float) -> tuple[str, ...]:
    """Break a text into lines of at most ``room`` points, at spaces, else within a word."""
    lines, line = [], ""
    for piece in _pieces(text):
        if line and _wider((line + piece).rstrip(), room):
            lines.append(line.rstrip())
            line = ""
        while _wider(piece.rstrip(), room) and len(piece.rstrip()) > 1:
            head = _head(piece, room)
            lines.append(head)
            piece = piece[len(head) :]
        line += piece
    return tuple([*lines, line.rstrip()] if line.rstrip() or not lines else lines)


def _head(piece: str, room: float) -> str:
    """Return the longest beginning that fits, at least one character; after a mark where there is one."""
    fits = max(1, next((k for k in range(1, len(piece)) if _wider(piece[: k + 1], room)), len(piece)))
    # A sign that ends a word does not begin a line.
    least = 1 if piece[fits:].strip() in (*",.;:)%",) else fits // 2
    marks = [k + 1 for k, c in enumerate(piece[:fits]) if c in "_-/:.,;)×^" and k >= least]
    return piece[: marks[-1] if marks else fits]


def _pieces(text: str) -> list[str]:
    """Split before words; a sign such as + stays with what follows it, Chinese breaks anywhere."""
    found = [""]
    for c in text:
        wide = east_asian_width(c) in "WF"
        after_space = found[-1].endswith(" ") and len(found[-1].strip()) > 1
        if found[-1] and (after_space or (wide and c not in "，。、；：）》”！？")):
            found.append("")
        found[-1] += c
    return [p for p in found if p]
