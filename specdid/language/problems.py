"""What can be wrong with an expression, before it is known where the expression stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from specdid._diagnostics import Span, SpecdidError

MAX_LENGTH = 10_000
MAX_DEPTH = 50
MAX_CHAIN = 250


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an expression; ``span`` counts its characters from 0."""

    code: str
    message: str
    span: Span
    help: str | None = None


class LanguageError(SpecdidError):
    """An expression cannot be read or expanded; ``problems`` says where and why."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("; ".join(problem.message for problem in self.problems))


def closest(word: str, known: Sequence[str]) -> str | None:
    """Return the known word that ``word`` was probably meant to be, or None.

    Spelling counts first; then case, so that ``GDP`` finds ``gdp``.
    """
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return near[0]
    folded = word.casefold()
    return next((candidate for candidate in known if candidate.casefold() == folded), None)
