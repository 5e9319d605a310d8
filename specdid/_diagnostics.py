"""Spans, places, faults and the error tree; faults as text, lined up with their source in a terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal, overload

from specdid import _html
from specdid._columns import DIMENSIONS

Severity = Literal["error", "warning"]
WIDEST_LINE = 100
"""Columns of source shown; a longer line is cropped around the caret."""
LONGEST_MESSAGE = 400
"""Characters; a name of a million letters is quoted in part."""
_TAB = "    "
_LABELLED = {"variant": 2, "labels": 1, "table": 1}
"""How many parts after a table's name are the user's own texts; a dimension has one."""
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_STYLES = {"error": "1;31", "warning": "1;33", "frame": "1;34", "bold": "1", "help": "36"}


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of characters in an expression's text, from 0."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file; line and column count characters from 1."""

    file: str
    line: int
    column: int
    length: int
    line_text: str


@dataclass(frozen=True, slots=True)
class Document:
    """The text of one spec file, its lines ending with LF, and the name it is shown under."""

    name: str
    text: str = field(repr=False)

    def place(self, start: int, stop: int) -> Place:
        """Return the place of the characters ``start`` to ``stop`` of the file."""
        first = self.text.rfind("\n", 0, start) + 1
        last = self.text.find("\n", first)
        line_text = self.text[first : last if last >= 0 else len(self.text)]
        line = self.text.count("\n", 0, start) + 1
        length = max(1, min(stop, first + len(line_text)) - start)
        return Place(self.name, line, start - first + 1, length, line_text)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value of the spec comes from.

    ``path`` is the key path (``("controls", "none")``). ``offsets`` gives, for each
    character of a text value after TOML unescaping and for its end, the offset in the
    document; for other values the two offsets of the whole value. ``document`` is
    None when the study was given as a dict.
    """

    path: tuple[str, ...]
    document: Document | None = None
    offsets: tuple[int, ...] = ()

    def place(self, span: Span | None = None) -> Place | None:
        """Locate ``span`` of the value's text, or the whole value."""
        if self.document is None or not self.offsets:
            return None
        if span is None:
            begin, end = self.offsets[0], self.offsets[-1]
            empty_text = begin == end and self.document.text[begin - 1 : begin + 1] in {'""', "''"}
            return self.document.place(begin - empty_text, end + empty_text)
        last = len(self.offsets) - 1
        start, stop = min(span.start, last), min(span.stop, last)
        begin = self.offsets[start]
        return self.document.place(begin, self._end(stop) if stop > start else begin)

    def _end(self, stop: int) -> int:
        """Return the end of the character before ``stop``, which may be an escape of several."""
        final = self.offsets[stop - 1]
        text = self.document.text if self.document else ""
        return self.offsets[stop] if text[final : final + 1] == "\\" else final + 1


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, where, and what to do about it.

    ``code`` is a stable name for tests and users (``no_column``); ``message`` is one
    line; ``label`` may stand after the caret; ``notes`` are further lines.
    """

    code: str
    message: str
    place: Place | None = None
    help: str | None = None
    path: tuple[str, ...] = ()
    severity: Severity = "error"
    label: str = ""
    notes: tuple[str, ...] = ()


def fault_at(
    origin: Origin,
    span: Span | None,
    code: str,
    message: str,
    help: str | None = None,
    severity: Severity = "error",
    label: str = "",
    notes: tuple[str, ...] = (),
) -> Fault:
    """Build a fault located at ``span`` of the value that ``origin`` describes."""
    return Fault(code, message, origin.place(span), help, origin.path, severity, label, notes)


def file_order(faults: Iterable[Fault]) -> Faults:
    """Sort faults by where they stand, those without a place last, and drop repetitions."""
    distinct = tuple(dict.fromkeys(faults))
    return Faults(tuple(sorted(distinct, key=_position)))


def _position(fault: Fault) -> tuple[int, str, int, int]:
    place = fault.place
    return (0, place.file, place.line, place.column) if place else (1, "", 0, 0)


@dataclass(frozen=True, slots=True)
class Faults(Sequence[Fault]):
    """All faults of a study at once, in file order."""

    items: tuple[Fault, ...] = ()

    @overload
    def __getitem__(self, index: int) -> Fault: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Fault, ...]: ...

    def __getitem__(self, index: int | slice) -> Fault | tuple[Fault, ...]:
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Fault]:
        return iter(self.items)

    def __repr__(self) -> str:
        return "\n".join([_counted(self), *(f"- {_told(fault)}" for fault in self.items)])

    def _repr_html_(self) -> str:
        return f"<div>{_html.heading(_counted(self))}{_html.listing(_told(f) for f in self.items)}</div>"

    @property
    def errors(self) -> tuple[Fault, ...]:
        """The faults that stop a run."""
        return tuple(f for f in self.items if f.severity == "error")

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """The faults that do not."""
        return tuple(f for f in self.items if f.severity == "warning")

    def __add__(self, other: Iterable[Fault]) -> Faults:
        return Faults(self.items + tuple(other))


def _counted(faults: Faults) -> str:
    parts = [(len(faults.errors), "error"), (len(faults.warnings), "warning")]
    return ", ".join(f"{n} {word}{'s' * (n > 1)}" for n, word in parts if n) or "no faults"


def _told(fault: Fault) -> str:
    """Return a fault in one line: what, where, and what to do."""
    place = fault.place
    where = f"{place.file}:{place.line}:{place.column}" if place else ".".join(fault.path)
    return f"{fault.severity}: {fault.message}{f' ({where})' * bool(where)}{f'; {fault.help}' if fault.help else ''}"


def closest(word: str, candidates: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the candidate that ``word`` is most probably a misspelling of, if one is near.

    Upper and lower case count as equal; of several equally near the first is taken.
    """
    by_fold: dict[str, str] = {}
    for candidate in candidates:
        by_fold.setdefault(candidate.casefold(), candidate)
    size = len(folded := word.casefold())
    # What its length alone puts too far away: difflib would first look through all of a long word.
    maybe = [k for k in by_fold if 2 * min(len(k), size) >= cutoff * (len(k) + size)]
    near = get_close_matches(folded, maybe, n=1, cutoff=cutoff) if maybe else []
    return by_fold[near[0]] if near else None


def did_you_mean(word: str, candidates: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the help text for a misspelt ``word``, or None where nothing is near."""
    near = closest(word, candidates, cutoff)
    return None if near is None else f"did you mean `{near}`?"


_OF_ONE = {"are": "is", "have": "has"}


def many(n: int, noun: str, verb: str = "") -> str:
    """Write how many there are in English, as messages and results have it: ``1 unit is``, ``1,200 units are``."""
    said = verb if n != 1 or not verb else _OF_ONE.get(verb, f"{verb}s")
    return f"{n:,} {noun}{'' if n == 1 else 's'} {said}".rstrip()


def first_few(words: Sequence[str], most: int = 8) -> str:
    """Return the first words, joined by commas, and how many more there are."""
    more = len(words) - most
    return ", ".join(words[:most]) + (f" and {more:,} more" if more > 0 else "")


class SpecdidError(Exception):
    """The base of everything specdid raises on purpose."""


class SpecError(SpecdidError):
    """The spec or its data are wrong; ``faults`` says where and what to do."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = faults if isinstance(faults, Faults) else Faults(tuple(faults))
        super().__init__("\n".join(f.message for f in self.faults))


class OutputError(SpecdidError):
    """An output directory cannot be written or is in use."""


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
        left, right = _window(widths, first, widest)
    before = "…" if left > 0 else ""
    text = before + "".join(cells[left:right]) + ("…" if right < len(cells) else "")
    start = len(before) + sum(widths[left:first])
    return text, start, max(1, sum(widths[first : min(stop, right)]))


def _window(widths: list[int], first: int, widest: int) -> tuple[int, int]:
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
