"""Conditions that are numbers: what is neither 0 nor 1 holds or not only by R's grace."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from specdid._check.data import Data
from specdid._check.uses import Use, uses
from specdid._diagnostics import Fault, fault_at
from specdid._study import Expression
from specdid.language import FUNCTIONS, LanguageError, Scope, bind, write
from specdid.language.functions import match_arguments
from specdid.language.tree import Binary, Call, Constant, Node, Number, Unary, walk
from specdid.panel import EvaluationError

_TRUTHS = ("==", "!=", "<", "<=", ">", ">=", "%in%")


def check_conditions(data: Data) -> Iterator[Fault]:
    """Find columns used as conditions that hold more than 0 and 1: ``year`` as a sample is every row."""
    for name, expression in data.study.derive.items():
        definition = data.scope.definition(name)
        if definition is not None:
            yield from _in(data, expression, definition.scope, whole=False)
    for use in uses(data.study):
        if use.expression.origin.path[-1:] != ("treated",):  # of a match, which has a rule of its own
            yield from check_conditions_of(data, use)


def check_conditions_of(data: Data, use: Use) -> Iterator[Fault]:
    """Check the conditions in one expression."""
    scope = data.scope if use.option is None else data.scope_of((use.option,))
    if scope is not None:
        yield from _in(data, use.expression, scope, use.role == "condition")


def _in(data: Data, expression: Expression, scope: Scope, whole: bool) -> Iterator[Fault]:
    places = [expression.tree] if whole else []
    for node in walk(expression.tree):
        places += _conditions(node)
    for node in dict.fromkeys(leaf for place in places for leaf in _leaves(place)):
        shown = _other_values(data, node, scope)
        if shown:
            text = write(node)
            message = f"`{text}` is no condition: it holds {shown}, not only 0 and 1"
            advice = f"compare it, as in `{text} > {shown.split(',')[0]}`"
            yield fault_at(expression.origin, node.span, "not_a_condition", message, advice)


def _conditions(node: Node) -> list[Node]:
    """Return what must hold or not hold in ``node``."""
    if isinstance(node, Binary) and node.operator in ("&", "|"):
        return [node.left, node.right]
    if isinstance(node, Unary) and node.operator == "!":
        return [node.operand]
    if isinstance(node, Call) and node.function in FUNCTIONS:
        function = FUNCTIONS[node.function]
        given = match_arguments(node, function).given
        found = (given.get(p.name) for p in function.parameters if p.kind == "condition")
        return [argument.value for argument in found if argument is not None and argument.value is not None]
    return []


def _leaves(node: Node) -> Iterator[Node]:
    """Return the parts joined by ``&``, ``|`` and ``!`` that are neither comparisons nor constants."""
    if isinstance(node, Binary) and node.operator in ("&", "|"):
        yield from _leaves(node.left)
        yield from _leaves(node.right)
    elif isinstance(node, Unary) and node.operator == "!":
        yield from _leaves(node.operand)
    elif not isinstance(node, Constant | Number) and not (isinstance(node, Binary) and node.operator in _TRUTHS):
        yield node


def _other_values(data: Data, node: Node, scope: Scope) -> str:
    """List the first values that are neither 0, 1 nor missing."""
    try:
        column = data.evaluator.column(bind(node, scope))
    except (LanguageError, EvaluationError):
        return ""  # which has its own fault
    if column.numbers is None or column.is_text:
        return ""
    values = np.asarray(column.numbers, dtype=np.float64)
    others = np.unique(values[~np.isnan(values) & (values != 0) & (values != 1)])
    shown = ", ".join(f"{v:.6g}" for v in others[:3])
    return f"{shown}, …" if len(others) > 3 else shown
