"""Spans, places, faults and the error tree.

Exception tree::

    SpecdidError
    ├── SpecError      the spec or the data are wrong; carries ``faults``
    └── OutputError    an output directory that cannot be written or is in use
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal, overload

from specdid import _html

Severity = Literal["error", "warning"]


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


def _position(fault: Fault) -> tuple[int, int, int]:
    place = fault.place
    return (0, place.line, place.column) if place else (1, 0, 0)


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
    near = get_close_matches(word.casefold(), by_fold, n=1, cutoff=cutoff)
    return by_fold[near[0]] if near else None


def did_you_mean(word: str, candidates: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the help text for a misspelt ``word``, or None where nothing is near."""
    near = closest(word, candidates, cutoff)
    return None if near is None else f"did you mean `{near}`?"


class SpecdidError(Exception):
    """The base of everything specdid raises on purpose."""


class SpecError(SpecdidError):
    """The spec or its data are wrong; ``faults`` says where and what to do."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = faults if isinstance(faults, Faults) else Faults(tuple(faults))
        super().__init__("\n".join(f.message for f in self.faults))


class OutputError(SpecdidError):
    """An output directory cannot be written or is in use."""
