"""What a do-file or an R script says of its regressions, in the spelling of a spec file, whatever its language."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

import numpy as np

from specdid._diagnostics import SpecdidError
from specdid.language import LanguageError, Role, check, parse, referenced, write
from specdid.panel import Column

T = TypeVar("T")
Language = Literal["Stata", "R"]
MOST_REGRESSIONS = 2_000
"""Regressions, loops written out, after which a file is read no further."""


class NotReadError(SpecdidError):
    """A part of a command cannot be translated."""


class OtherModelError(NotReadError):
    """A command estimates another model than those that are read, as random effects."""


@dataclass(frozen=True, slots=True)
class Regression:
    """One regression of a script.

    Attributes
    ----------
    line, command : where it stands, and its text with macros written out
    regressors : what is estimated, the endogenous one first where there are instruments
    absorbed : fixed effects, whether absorbed or written as dummies
    condition : the rows, as far as they are translated
    open_rows : what else chooses rows, as the code has it, "" where all is translated
    family : feols or fepois
    vcov, ssc : a formula of [vcov] and its small-sample correction, "" for that of fixest
    unstated : whether the errors are a default that versions of fixest differ in
    doubts : what a person has to look at
    above : the comment above it
    """

    language: Language
    line: int
    command: str
    outcome: str
    regressors: tuple[str, ...]
    absorbed: tuple[str, ...] = ()
    condition: str = "TRUE"
    open_rows: str = ""
    weights: str = "1"
    family: str = "feols"
    instruments: tuple[str, ...] = ()
    vcov: str = "iid"
    ssc: str = ""
    unstated: bool = False
    doubts: tuple[str, ...] = ()
    above: str = ""


@dataclass(frozen=True, slots=True)
class Preparation:
    """A line that makes columns, or with ``rows`` changes which rows there are."""

    line: int
    text: str
    makes: frozenset[str]
    rows: bool


@dataclass(slots=True)
class Code:
    """A script: ``left`` are estimation commands that stay out, each with its line, text and reason."""

    regressions: list[Regression] = field(default_factory=list)
    preparation: list[Preparation] = field(default_factory=list)
    left: list[tuple[int, str, str]] = field(default_factory=list)
    others: list[tuple[int, str, str]] = field(default_factory=list)
    """The same of commands that estimate another model: ``xtreg, re``."""
    errors: list[tuple[int, str]] = field(default_factory=list)
    """Lines that ask for other standard errors of a regression estimated before."""
    data: str | None = None
    unit: str | None = None
    time: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the data show: columns in their order, those of 0 and 1, those without a missing value."""

    columns: tuple[str, ...] = ()
    binary: frozenset[str] = frozenset()
    complete: frozenset[str] = frozenset()


def facts_of(columns: Mapping[str, Column]) -> Facts:
    """Return what decides how code is translated for these columns."""
    binary = {
        name
        for name, column in columns.items()
        if column.numbers is not None and np.isin(column.numbers[~np.isnan(column.numbers)], (0, 1)).all()
    }
    complete = {name for name, column in columns.items() if not column.missing.any()}
    return Facts(tuple(columns), frozenset(binary), frozenset(complete))


State = tuple[str, ...]
"""The lines that have chosen the rows of the data at a regression, in their order, with the name of a data frame."""


def of_main(regressions: Sequence[Regression], states: Sequence[State]) -> list[Regression]:
    """Say of regressions on other rows than most have which lines, beside those of most, have chosen theirs."""
    if not states:
        return []
    main = max(unique(states), key=states.count)
    found = []
    for r, state in zip(regressions, states, strict=True):
        more, fewer = [one for one in state if one not in main], [one for one in main if one not in state]
        told = [f"after {'; '.join(more)}"] * bool(more) + [f"before {'; '.join(fewer)}"] * bool(fewer and not more)
        found.append(replace(r, open_rows="; ".join(filter(None, [*told, r.open_rows]))))
    return found


def names_in(texts: Iterable[str]) -> frozenset[str]:
    """Return the columns that expressions name; of what cannot be read, none."""
    found: set[str] = set()
    for text in texts:
        try:
            found |= {one.name for one in referenced(parse(text))}
        except LanguageError:
            continue
    return frozenset(found)


_TIME = re.compile(r"(?i)(?:.*_)?(?:year|yr|date|time|month|quarter|qtr|week|day|wave|period|round|t|fyear|ym|yq)\d*")


def like_time(name: str) -> bool:
    """Say whether a column is one of periods by its name."""
    return _TIME.fullmatch(name) is not None


def fine(text: str, role: Role) -> bool:
    """Say whether an expression is one of the language, in its place."""
    try:
        return not check(parse(text), role)
    except LanguageError:
        return False


def canonical(text: str, role: Role) -> str:
    """Return an expression as it is written here.

    Raises
    ------
    NotReadError
        It is none of this language.
    """
    if not fine(text, role):
        raise NotReadError(f"`{text}` has no translation")
    return write(parse(text))


def unique(items: Iterable[T]) -> tuple[T, ...]:
    """Return items in their order, each once."""
    return tuple(dict.fromkeys(items))


def joined(texts: Sequence[str], empty: str) -> str:
    """Join terms or effects; ``empty`` where there are none."""
    return " + ".join(texts) or empty


Guard = Callable[[str], bool]
"""Whether an expression may be missing in rows that a regression could use."""
