"""Spans, places, faults and the error tree.

Exception tree::

    SpecdidError
    ├── SpecError      the spec or the data are wrong; carries ``faults``
    └── OutputError    an output directory that cannot be written or is in use
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

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
    """The text of one spec file and the name it is shown under."""

    name: str
    text: str = field(repr=False)

    def place(self, start: int, stop: int) -> Place:
        """Give the place of the characters ``start`` to ``stop`` of the file."""
        first = self.text.rfind("\n", 0, start) + 1
        last = self.text.find("\n", first)
        line_text = self.text[first : last if last >= 0 else len(self.text)].rstrip("\r")
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
            return self.document.place(self.offsets[0], self.offsets[-1])
        last = len(self.offsets) - 1
        start, stop = min(span.start, last), min(span.stop, last)
        begin = self.offsets[start]
        end = self.offsets[stop - 1] + 1 if stop > start else begin
        return self.document.place(begin, end)


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
    help: str | None = None,  # noqa: A002 - the word printed
    severity: Severity = "error",
    label: str = "",
    notes: tuple[str, ...] = (),
) -> Fault:
    """Build a fault located at ``span`` of the value that ``origin`` describes."""
    return Fault(code, message, origin.place(span), help, origin.path, severity, label, notes)


@dataclass(frozen=True, slots=True)
class Faults(Sequence[Fault]):
    """All faults of a study at once, in file order."""

    items: tuple[Fault, ...] = ()

    def __getitem__(self, index):  # type: ignore[no-untyped-def,override]
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Fault]:
        return iter(self.items)

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


class SpecdidError(Exception):
    """The base of everything specdid raises on purpose."""


class SpecError(SpecdidError):
    """The spec or its data are wrong; ``faults`` says where and what to do."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = faults if isinstance(faults, Faults) else Faults(tuple(faults))
        super().__init__("\n".join(f.message for f in self.faults))


class OutputError(SpecdidError):
    """An output directory cannot be written or is in use."""
