"""Faults as text: cause, place, source line, caret and help, lined up in a terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from specdid._columns import DIMENSIONS
from specdid._diagnostics import Fault, Place

WIDEST_LINE = 100
"""Columns of source shown; a longer line is cropped around the caret."""

LONGEST_MESSAGE = 400
"""Characters; a name of a million letters is quoted in part."""

_TAB = "    "
_LABELLED = {"variant": 2, "labels": 1, "table": 1}
"""How many parts after a table's name are the user's own texts; a dimension has one."""
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_STYLES = {"error": "1;31", "warning": "1;33", "frame": "1;34", "bold": "1", "help": "36"}


def render(fault: Fault, colour: bool = False, widest: int = WIDEST_LINE) -> str:
    """Write one fault as the contract shows it, without a final line break.

    Parameters
    ----------
    fault
        Its message may be of any length; only characters that a terminal prints are kept.
    colour
        Write ANSI colours.
    widest
        Columns of source shown; on a narrow terminal a line that wraps would leave its caret behind.
    """
    paint = _Paint(colour)
    place = fault.place
    margin = " " * (len(str(place.line)) if place else 1)
    where = f"{place.file}:{place.line}:{place.column}" if place else written_path(fault.path)
    caret = fault.severity
    message = printable(fault.message).replace("\n", " ")
    lines = [paint(caret, caret) + paint("bold", f": {_shortened(message)}")]
    if where:
        lines.append(f"{margin}{paint('frame', '-->')} {printable(where)}")
    if place:
        lines += _source(place, fault.label, margin, caret, paint, widest)
    remarks = [("help", fault.help)] if fault.help else []
    for word, text in [*remarks, *(("note", note) for note in fault.notes)]:
        lines += _remark(word, text, margin, paint)
    return "\n".join(lines)


def render_all(faults: Iterable[Fault], colour: bool = False, widest: int = WIDEST_LINE) -> str:
    """Write faults one below the other, and how many there are; empty for none."""
    listed = tuple(faults)
    if not listed:
        return ""
    return "\n\n".join([*(render(fault, colour, widest) for fault in listed), count(listed)]) + "\n"


def count(faults: Sequence[Fault]) -> str:
    """Say how many errors and warnings there are: "3 errors, 1 warning"."""
    numbers = [(sum(f.severity == word for f in faults), word) for word in ("error", "warning")]
    return ", ".join(f"{n} {word}{'s' * (n != 1)}" for n, word in numbers if n) or "no faults"


def written_path(path: Sequence[str]) -> str:
    """Write a key path as in TOML: ``controls."none"``, ``exclude[0].because``."""
    own = _LABELLED.get(path[0], int(path[0] in (*DIMENSIONS, "vcov"))) if path else 0
    text = ""
    for i, part in enumerate(path):
        if re.fullmatch(r"\[\d+\]", part):
            text += part
        else:
            bare = _BARE.match(part) and not 1 <= i <= own
            text += ("." if text else "") + (part if bare else f'"{part}"')
    return text


def display_width(text: str) -> int:
    """Count the terminal columns that ``text`` takes: 2 for a full-width character."""
    return sum(_columns(character) for character in text)


def printable(text: str) -> str:
    """Replace what a terminal would obey or hide (escapes, direction marks, controls)."""
    return "".join(c if c == "\n" or not _unprintable(c) else f"\\u{ord(c):04x}" for c in text)


class _Paint:
    """Wrap text in a style's ANSI codes, or leave it alone."""

    def __init__(self, colour: bool) -> None:
        self._colour = colour

    def __call__(self, style: str, text: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self._colour and text else text


def _source(place: Place, label: str, margin: str, caret: str, paint: _Paint, widest: int) -> list[str]:
    bar = paint("frame", "|")
    line, start, width = _crop(*_shown(place), widest)
    marks = paint(caret, "^" * width + (f" {printable(label)}" if label else ""))
    return [
        f"{margin} {bar}",
        f"{paint('frame', str(place.line))} {bar} {line}".rstrip(),
        f"{margin} {bar} {' ' * start}{marks}",
    ]


def _shown(place: Place) -> tuple[list[str], int, int]:
    """Return the line's characters as shown, and the first and last marked one."""
    cells = [_TAB if c == "\t" else "�" if _unprintable(c) else c for c in place.line_text]
    first = min(place.column - 1, len(cells))
    return cells, first, first + place.length


def _crop(cells: list[str], first: int, stop: int, widest: int) -> tuple[str, int, int]:
    """Return the text to show, the caret's column in it and its width, both in columns."""
    widths = [display_width(cell) for cell in cells]
    left, right = 0, len(cells)
    if sum(widths) > widest:
        left, right = _window(widths, first, stop, widest)
    before = "…" if left > 0 else ""
    text = before + "".join(cells[left:right]) + ("…" if right < len(cells) else "")
    start = len(before) + sum(widths[left:first])
    return text, start, max(1, sum(widths[first : min(stop, right)]))


def _window(widths: list[int], first: int, stop: int, widest: int) -> tuple[int, int]:
    """Choose the cells around the caret that fit, a third of the room before it."""
    left, room = first, widest // 3
    while left > 0 and widths[left - 1] <= room:
        left -= 1
        room -= widths[left]
    right, room = left, widest - 2
    while right < len(widths) and widths[right] <= room:
        room -= widths[right]
        right += 1
    return left, max(right, min(first + 1, len(widths)))


def _remark(word: str, text: str, margin: str, paint: _Paint) -> list[str]:
    first, *others = (_shortened(line) for line in printable(text).split("\n"))
    head = f"{margin} {paint('frame', '=')} {paint('help', word)}: {first}"
    return [head, *(f"{margin}   {' ' * len(word)}  {line}" for line in others)]


def _shortened(line: str) -> str:
    return line if len(line) <= LONGEST_MESSAGE else line[:LONGEST_MESSAGE] + "…"


def _unprintable(character: str) -> bool:
    if character < "\x7f":
        return character < " " and character != "\t"
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"}


def _columns(character: str) -> int:
    if character < "\x7f":
        return 1
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
