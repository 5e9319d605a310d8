"""What functions of the language take from a call, and what they have to say of its result."""

from __future__ import annotations

from dataclasses import dataclass

from specdid.language import FUNCTIONS, argument
from specdid.language.tree import Call, Node
from specdid.panel.errors import EvaluationError


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
