"""What one key of the spec file is: its kind of value, what it means, and what holds where it is not written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from specdid import _plugins
from specdid.language.check import Role


@dataclass(frozen=True, slots=True)
class TextValue:
    """A text that is not empty; ``shown`` to readers, so that it is one line without control characters."""

    shown: bool = True


@dataclass(frozen=True, slots=True)
class NumberValue:
    """A finite number, or a ``whole`` one, within bounds that ``rule`` says in words; None is no bound."""

    rule: str = ""
    whole: bool = False
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    never: float | None = None  # the one value that it cannot be

    def holds(self, value: float) -> bool:
        """Say whether ``value`` is within the bounds."""
        return (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
            and value != self.never
        )


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Word:
    """One of some words: those listed, or the plug-ins of ``shelf``."""

    words: tuple[str, ...] = ()
    shelf: str = ""

    @property
    def choices(self) -> tuple[str, ...]:
        """Return the words."""
        if not self.shelf:
            return self.words
        return _plugins.nulls() if self.shelf == "inference" else _plugins.names(self.shelf)


@dataclass(frozen=True, slots=True)
class Formula:
    """An expression of the language in its ``role``."""

    role: Role


@dataclass(frozen=True, slots=True)
class ColumnValue:
    """The name of one column; ``several``: a list of them stands for their combinations."""

    several: bool = False


@dataclass(frozen=True, slots=True)
class Many:
    """A list of values of one kind, or ``exactly`` so many; otherwise one value ``alone`` counts as a list of one."""

    kind: Kind
    exactly: int = 0
    alone: bool = True


@dataclass(frozen=True, slots=True)
class Lines:
    """A table whose keys are the user's own: ``label = value``, each value of one kind."""

    kind: Kind
    label: str = "label"


@dataclass(frozen=True, slots=True)
class Nested:
    """A table with keys of its own."""

    table: TableKeys


@dataclass(frozen=True, slots=True)
class Either:
    """A value of one of several kinds, told apart by their types of TOML."""

    kinds: tuple[Kind, ...]


Kind = TextValue | NumberValue | Flag | Word | Formula | ColumnValue | Many | Lines | Nested | Either


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table.

    Attributes
    ----------
    name : as written.
    kind : what its value may be.
    doc : what it does, in one sentence or two.
    example : a value as TOML writes it; on its own line ``name = example`` is right.
    default : the value that holds where the key is not written.
    otherwise : what holds then in words, where ``default`` does not say it.
    required : what to write, where the key cannot be left out.
    """

    name: str
    kind: Kind
    doc: str
    example: str
    default: Any = None
    otherwise: str = ""
    required: str = ""


@dataclass(frozen=True, slots=True)
class TableKeys:
    """One table of the file.

    ``header`` is how it is written; ``more`` says which further keys it takes, where plug-ins have their own;
    of each set of keys in ``needs`` one must be written, beside it what to write.
    """

    name: str
    header: str
    doc: str
    keys: tuple[Key, ...]
    more: str = ""
    needs: tuple[tuple[tuple[str, ...], str], ...] = ()

    def __getitem__(self, name: str) -> Key:
        return next(key for key in self.keys if key.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the keys, as messages list them."""
        return tuple(key.name for key in self.keys)


def nested(kind: Kind) -> Iterator[TableKeys]:
    """Return the tables that a value of ``kind`` may be or hold, without those inside them."""
    match kind:
        case Nested(table):
            yield table
        case Many(inner) | Lines(inner):
            yield from nested(inner)
        case Either(kinds):
            for one in kinds:
                yield from nested(one)
        case _:
            pass
