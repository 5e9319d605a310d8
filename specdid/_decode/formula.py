"""``[study] formula``: one text that stands for outcomes, treatment, controls and fixed effects."""

from __future__ import annotations

from dataclasses import dataclass

from specdid import language
from specdid._decode.table import Log, part_of
from specdid._diagnostics import Origin
from specdid._study import Expression
from specdid.language import FormulaParts, LanguageError
from specdid.language.tree import Binary, Node, Number, Unary


@dataclass(frozen=True, slots=True)
class FormulaDimensions:
    """What the formula says of each dimension; None where it says nothing."""

    outcomes: tuple[Expression, ...]
    treatment: Expression | None
    controls: Expression | None
    fixed_effects: Expression | None


def split_formula(formula: Expression, treatments: tuple[Node, ...], log: Log) -> FormulaDimensions | None:
    """Take a formula apart.

    Parameters
    ----------
    formula
        ``c(y1, y2) ~ treatment + controls | fixed effects``.
    treatments
        The treatment terms declared elsewhere: they are not controls. Without any the
        first term is the treatment.
    """
    try:
        parts = language.formula_parts(formula.tree)
    except LanguageError as error:
        log.problems(error.problems, formula.origin)
        return None
    return _dimensions(formula, parts, treatments, log)


def _dimensions(
    formula: Expression, parts: FormulaParts, treatments: tuple[Node, ...], log: Log
) -> FormulaDimensions | None:
    text, origin = formula.text, formula.origin
    summands = _summands(parts.right)
    first = None
    if not treatments:
        first = next((node for sign, node in summands if sign == "+" and not isinstance(node, Number)), None)
        if first is None:
            log.add(origin, "missing_treatment", "the formula has no treatment after `~`",
                    "write `outcome ~ treatment + controls | fixed effects`", parts.right.span)
            return None
    others = [(sign, node) for sign, node in summands if node is not first and node not in treatments]
    controls = None
    if others:
        whole = len(others) == len(summands)
        tree = parts.right if whole else _sum(others)
        controls = _expression(text, tree, origin, len(others) == 1 or whole)
    return FormulaDimensions(
        tuple(part_of(text, node, origin) for node in parts.outcomes),
        part_of(text, first, origin) if first is not None else None,
        controls,
        part_of(text, parts.effects, origin) if parts.effects is not None else None,
    )


def _expression(text: str, tree: Node, origin: Origin, written: bool) -> Expression:
    """Give a part that is written in one piece its own text; a rebuilt sum keeps the whole one."""
    return part_of(text, tree, origin) if written else Expression(text, tree, origin)


def _summands(node: Node) -> list[tuple[str, Node]]:
    """Give the operands of a chain of ``+`` and ``-`` with the sign before each."""
    found: list[tuple[str, Node]] = []
    while isinstance(node, Binary) and node.operator in {"+", "-"}:
        found.append((node.operator, node.right))
        node = node.left
    found.append(("+", node))
    return found[::-1]


def _sum(summands: list[tuple[str, Node]]) -> Node:
    sign, tree = summands[0]
    if sign == "-":
        tree = Unary("-", tree, tree.span)
    for operator, node in summands[1:]:
        tree = Binary(operator, tree, node, node.span)
    return tree
