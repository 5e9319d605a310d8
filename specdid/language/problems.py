"""What can be wrong with an expression, before it is known where the expression stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from specdid._diagnostics import Span, SpecdidError

MAX_LENGTH = 10_000
MAX_DEPTH = 50
MAX_CHAIN = 250


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong with an expression; ``span`` counts its characters from 0.

    ``incomplete``: something is missing where another program's spelling may be meant, which says more.
    """

    code: str
    message: str
    span: Span
    help: str | None = None
    incomplete: bool = False


class LanguageError(SpecdidError):
    """An expression cannot be read or expanded; ``problems`` says where and why."""

    def __init__(self, problems: Mistake | Iterable[Mistake]) -> None:
        self.problems = (problems,) if isinstance(problems, Mistake) else tuple(problems)
        super().__init__("; ".join(problem.message for problem in self.problems))
