"""What evaluating an expression raises and notes, and the arguments that a call must have."""

from __future__ import annotations

from dataclasses import dataclass

from specdid._diagnostics import Span, SpecdidError
from specdid.language import FUNCTIONS, Mistake, argument
from specdid.language.tree import Call, Node


class EvaluationError(SpecdidError):
    """An expression that cannot be evaluated on this panel.

    ``problem`` has the span within the text where the fault stands. ``within`` names the
    derived columns whose definition that text is, outermost first; empty where the fault
    is in the evaluated expression itself.
    """

    def __init__(self, code: str, message: str, span: Span, help: str | None = None) -> None:
        super().__init__(message)
        self.problem = Mistake(code, message, span, help)
        self.within: tuple[str, ...] = ()

    def inside(self, name: str) -> EvaluationError:
        """Return the same error as one of the derived column ``name``."""
        error = EvaluationError(self.problem.code, self.problem.message, self.problem.span, self.problem.help)
        error.within = (name, *self.within)
        return error


@dataclass(frozen=True, slots=True)
class Note:
    """What a call's values could be taken for and are not: told once, where the call stands."""

    code: str
    message: str
    call: Call
    help: str


def needed(call: Call, name: str) -> Node:
    """Return what ``call`` passes for a parameter without a default.

    Raises
    ------
    EvaluationError
        Where it is not given; the language's own check says so before.
    """
    node = argument(call, name)
    if node is None:
        signature = FUNCTIONS[call.function].signature
        raise EvaluationError("arguments", f"`{call.function}` lacks `{name}`", call.span, f"write {signature}")
    return node
