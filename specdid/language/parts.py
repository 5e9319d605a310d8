"""A whole formula taken apart: outcomes, right-hand side, fixed effects."""

from __future__ import annotations

from dataclasses import dataclass

from specdid.language.problems import LanguageError, Mistake
from specdid.language.tree import Binary, Call, Node, Unary, chain

OUTCOME_LISTS = ("c", "sw")


@dataclass(frozen=True, slots=True)
class FormulaParts:
    """``c(y1, y2) ~ right | effects``; ``effects`` is None where there is no bar."""

    outcomes: tuple[Node, ...]
    right: Node
    effects: Node | None


def formula_parts(node: Node) -> FormulaParts:
    """Split a formula into its two or three parts.

    Raises
    ------
    LanguageError
        There is no ``~``, nothing on its left, or a part too many.
    """
    if isinstance(node, Unary) and node.operator == "~":
        problem = Mistake("formula", "no outcome stands before `~`", node.span, "write `y ~ x | f`")
        raise LanguageError(problem)
    if not (isinstance(node, Binary) and node.operator == "~"):
        help = "write `outcome ~ treatment + controls | fixed effects`"
        raise LanguageError(Mistake("formula", "a formula has a `~`", node.span, help))
    if isinstance(node.left, Binary) and node.left.operator == "~":
        help = "an instrumental-variables part is not available"
        raise LanguageError(Mistake("formula", "a formula has one `~`", node.span, help))
    right = chain(node.right, "|")
    if len(right) > 2:
        help = "the parts are `outcome ~ terms | fixed effects`; clusters stand in [vcov]"
        raise LanguageError(Mistake("formula", "a formula has at most one `|`", right[2].span, help))
    return FormulaParts(outcomes(node.left), right[0], right[1] if len(right) == 2 else None)


def outcomes(node: Node) -> tuple[Node, ...]:
    """Return the outcomes that ``c(y1, y2)`` or ``sw(y1, y2)`` lists, else the one."""
    if isinstance(node, Call) and node.function in OUTCOME_LISTS:
        listed = tuple(a.value for a in node.arguments if a.value is not None)
        return listed or (node,)
    return (node,)
