"""Fixed effects: interacted effects and effects with slopes of their own."""

from __future__ import annotations

from dataclasses import dataclass

from specdid.language.functions import FUNCTIONS
from specdid.language.problems import LanguageError, Mistake
from specdid.language.tree import BRACKETS, Binary, Call, Name, Node, Number, chain, joint_levels
from specdid.language.write import write, write_summand

_HELP = {
    "*": "write `a + b + a^b` for both effects and their interaction",
    ":": "write `a^b` for the interaction of two effects",
    "-": "list the effects that are wanted, joined by `+`",
}


@dataclass(frozen=True, slots=True)
class Effect:
    """One fixed effect: the joint levels of ``factors``, and slopes that vary with them.

    With ``slopes_only`` (``f[[x]]``) the levels have no intercepts of their own.
    """

    factors: tuple[Node, ...]
    slopes: tuple[Node, ...] = ()
    slopes_only: bool = False

    @property
    def text(self) -> str:
        """The effect as it stands in a formula: ``province^year``, ``city_id[year]``."""
        node = self.factors[-1]
        for factor in reversed(self.factors[:-1]):
            node = Binary("^", factor, node)
        base = write_summand(node) if len(self.factors) == 1 or not self.slopes else f"({write(node)})"
        left, right = ("[[", "]]") if self.slopes_only else ("[", "]")
        return base + "".join(f"{left}{write(slope)}{right}" for slope in self.slopes)


def effects(node: Node) -> tuple[Effect, ...]:
    """Return the fixed effects of an expanded expression, each once; ``0`` is none.

    Raises
    ------
    LanguageError
        A part is not an effect: ``a:b``, ``a*b``, arithmetic, a factor() call.
    """
    found: dict[Effect, None] = {}
    problems: list[Mistake] = []
    for part in chain(node, "+"):
        if isinstance(part, Number) and part.value in (0, 1):
            continue
        try:
            found[read_effect(part)] = None
        except LanguageError as error:
            problems += error.problems
    if problems:
        raise LanguageError(problems)
    return tuple(found)


def read_effect(node: Node) -> Effect:
    """Read one summand of the fixed effects."""
    slopes: list[Node] = []
    brackets: list[str] = []
    while isinstance(node, Binary) and node.operator in BRACKETS:
        slopes.append(_slope(node.right))
        brackets.append(node.operator)
        node = node.left
    if len(set(brackets)) > 1:
        help = "write `f[x] + f[[z]]`"
        raise LanguageError(Mistake("not_an_effect", "`[` and `[[` cannot follow each other", node.span, help))
    return Effect(tuple(_levels(node)), tuple(reversed(slopes)), brackets[:1] == ["[["])


def _levels(node: Node) -> list[Node]:
    return [*dict.fromkeys(map(_level, joint_levels(node)))]


def _level(node: Node) -> Node:
    if isinstance(node, Name):
        return node
    help = "derive the column in [derive] and name it here"
    if isinstance(node, Call):
        function = FUNCTIONS.get(node.function)
        if function is not None and function.where == "value":
            return node
        if node.function in ("factor", "C", "i", "as.factor") and node.arguments:
            help = "a fixed effect is always a factor: write the column's name alone"
    if isinstance(node, Binary):
        help = _HELP.get(node.operator, help)
    raise LanguageError(Mistake("not_an_effect", f"`{write(node)}` is not a fixed effect", node.span, help))


def _slope(node: Node) -> Node:
    if isinstance(node, Name) or (isinstance(node, Call) and node.function in FUNCTIONS):
        return node
    help = "a slope is a column, as in `city_id[year]`; derive it in [derive] first"
    raise LanguageError(Mistake("not_an_effect", f"`{write(node)}` is not a slope", node.span, help))
