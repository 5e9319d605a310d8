"""Stata's logic in the one of this language, which is R's: a missing value of Stata is larger than any number.

``x > 30`` is true in Stata where x is missing, and missing in R. What is written is neither longer than it has to be (a
row whose condition is missing is out, as one whose condition is false) nor ever missing where Stata knows an answer.
Text that is empty is missing in Stata, so here it is NA wherever a value is made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Literal

from specdid.language import parse, write
from specdid.language.tree import (
    Argument,
    Binary,
    Call,
    Constant,
    Name,
    Node,
    Number,
    Text,
    Unary,
    chain,
    joined,
    joint_levels,
    number_value,
    walk,
)

Missing = Callable[[str], bool]
"""Whether a column may have a missing value."""
_EMPTY = Text("")
_COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}
_LOGICAL = _COMPARISONS | {"&", "|", "%in%", "%like%"}
_AS_IT_IS = {
    "abs", "floor", "ceiling", "exp", "asinh", "sign", "factor", "I", "as.numeric", "as.integer", "group", "tolower",
    "toupper", "trimws", "substr",
}  # fmt: skip
"""Functions that are missing where an argument is, and nowhere else."""


def as_stata(
    text: str,
    asked: Literal["value", "truth", "rows"],
    missing: Missing,
    zero: Callable[[str], bool] = lambda _name: True,
) -> str:
    """Return an expression with the value that Stata gives it, also where a column is missing.

    Parameters
    ----------
    asked : what the expression is; what rows are chosen by may be missing where it is false
    zero : whether a column may be 0
    """
    node = parse(text)
    new = _value(node, missing) if asked == "value" else _truth(node, asked == "rows", missing, frozenset())
    new = _finite(new, zero)
    return text if new == node else write(new)


def may_be_missing(text: str, missing: Missing) -> bool:
    """Say whether an expression that was written out may be missing."""
    return _may_miss(parse(text), missing)


def may_be_zero(node: Node, zero: Callable[[str], bool]) -> bool:
    """Say whether a value may be 0, by what is known of its columns."""
    match node:
        case Name():
            return zero(node.name)
        case Number():
            return not node.value
        case Constant():
            return node.value is not None
        case Unary(operator="-"):
            return may_be_zero(node.operand, zero)
        case Binary(operator="*"):
            return may_be_zero(node.left, zero) or may_be_zero(node.right, zero)
        case Binary(operator="/" | "^"):
            return may_be_zero(node.left, zero)
        case Call(function="exp"):
            return False
        case Call(function="ifelse", arguments=(_, yes, no)):
            return any(a.value is None or may_be_zero(a.value, zero) for a in (yes, no))
        case Call(function="pmax" | "pmin" | "coalesce"):
            return any(a.value is None or may_be_zero(a.value, zero) for a in node.arguments)
        case Call(function="l" | "f" | "abs" | "sqrt" | "max" | "min", arguments=(first, *_)):
            return first.value is None or may_be_zero(first.value, zero)
        case _:
            return True


def _finite(node: Node, zero: Callable[[str], bool]) -> Node:
    """Write out that what is divided by 0 is missing in Stata, as is a negative power of 0; here it is infinite."""
    match node:
        case Unary():
            return replace(node, operand=_finite(node.operand, zero))
        case Binary():
            new = replace(node, left=_finite(node.left, zero), right=_finite(node.right, zero))
        case Call():
            given = (a if a.value is None else replace(a, value=_finite(a.value, zero)) for a in node.arguments)
            return replace(node, arguments=tuple(given))
        case _:
            return node
    divisor = {"/": new.right, "^": new.left}.get(new.operator)
    if new.operator == "^" and (number_value(new.right) or 0) >= 0:
        return new
    if divisor is None or not may_be_zero(divisor, zero):
        return new
    at_zero = Binary("==", divisor, Number(0.0))
    return Call("ifelse", (Argument(at_zero), Argument(Constant(None)), Argument(new)))


def _is_na(node: Node) -> Node:
    return Call("is.na", (Argument(node),))


def _not_na(node: Node) -> Node:
    return Unary("!", _is_na(node))


def _may_miss(node: Node, missing: Missing) -> bool:
    """Say whether a value, in which truths are written out already, may be missing."""
    match node:
        case Name():
            return missing(node.name)
        case Number() | Text():
            return False
        case Constant():
            return node.value is None
        case Unary(operator="!"):
            return False
        case Unary():
            return _may_miss(node.operand, missing)
        case Binary() if node.operator in _LOGICAL:
            return False
        case Binary(operator="^") if not isinstance(node.right, Number):
            return True
        case Binary(operator="/" | "%%" | "%/%") if not (isinstance(node.right, Number) and node.right.value):
            return True
        case Binary():
            return _may_miss(node.left, missing) or _may_miss(node.right, missing)
        case Call(function="is.na"):
            return False
        case Call(function="ifelse"):
            return any(a.value is None or _may_miss(a.value, missing) for a in node.arguments[1:])
        case Call(function="pmax" | "pmin"):
            return any(a.value is None or _may_miss(a.value, missing) for a in node.arguments)
        case Call(function="sum" | "count" | "mean" | "median" | "min" | "max"):
            return any(a.value is None or any(_may_miss(n, missing) for n in _columns(a.value)) for a in node.arguments)
        case Call(function="coalesce"):
            return all(a.value is None or _may_miss(a.value, missing) for a in node.arguments)
        case Call() if node.function in _AS_IT_IS:
            return any(a.value is None or _may_miss(a.value, missing) for a in node.arguments)
        case _:
            return True


def _columns(node: Node) -> Iterator[Node]:
    """Yield what an argument is made of: itself, or the columns of groups."""
    yield from joint_levels(node)


def _truth(node: Node, loose: bool, missing: Missing, known: frozenset[Node]) -> Node:
    """Write a truth out; ``loose`` where missing may stand for false, ``known`` is what other parts ask to be there."""

    def may_miss(value: Node) -> bool:
        return value not in known and _may_miss(value, missing)

    match node:
        case Binary(operator="&"):
            return _all(chain(node, "&"), loose, missing, known)
        case Binary(operator="|"):
            return joined([_truth(one, loose, missing, known) for one in chain(node, "|")], "|")
        case Unary(operator="!"):
            return Unary("!", _truth(node.operand, False, missing, known))
        case Binary() if node.operator in _COMPARISONS:
            return _comparison(node, loose, may_miss, missing)
        case Binary(operator="%in%"):  # an empty text is a missing one
            return Binary("|", _is_na(node.left), node) if Text("") in walk(node.right) else node
        case Binary(operator="%like%"):
            if _finds_empty(node.right):
                return Binary("|", node, _is_na(node.left)) if may_miss(node.left) else node
            return node if loose or not may_miss(node.left) else Binary("&", node, _not_na(node.left))
        case Call(function="is.na"):
            return _value(node, missing)
        case Constant():
            return node
        case _:
            value = _value(node, missing)
            holds = Binary("!=", value, Number(0.0))
            return Binary("|", holds, _is_na(value)) if may_miss(value) else holds


def _all(parts: list[Node], loose: bool, missing: Missing, known: frozenset[Node]) -> Node:
    """Join by ``&``: where one part asks for a value that is there, the others need not."""
    asked = [_asks(part, loose) for part in parts]
    found: list[Node] = []
    for k, part in enumerate(parts):
        others = frozenset(node for j, nodes in enumerate(asked) if j != k for node in nodes)
        safe = others if _asks_only(part) or loose else frozenset()
        found.append(_truth(part, loose, missing, known | safe))
    return joined(found, "&")


def _asks(part: Node, loose: bool) -> frozenset[Node]:
    """Return what has to be there for ``part`` to be true, as it stands."""
    match part:
        case Unary(operator="!", operand=Call(function="is.na", arguments=(argument,))) if argument.value is not None:
            return frozenset({argument.value})
        case Binary(operator="<" | "<=" | "==", right=Number() | Text()) if loose:
            return frozenset({part.left})
        case _:
            return frozenset()


def _asks_only(part: Node) -> bool:
    """Say whether a part is a single comparison, which missing values make missing and no more."""
    return isinstance(part, Binary) and part.operator in _COMPARISONS


def _comparison(node: Binary, loose: bool, may_miss: Callable[[Node], bool], missing: Missing) -> Node:
    operator, left, right = node.operator, _value(node.left, missing), _value(node.right, missing)
    for one, other in ((node.left, right), (node.right, left)):
        if one == _EMPTY and operator in ("==", "!="):  # a text that is missing
            return _is_na(other) if operator == "==" else _not_na(other)
    if isinstance(right, Text):  # which is not empty: what may be is another either way
        left = _plain_text(left)
    elif isinstance(left, Text):
        right = _plain_text(right)
    plain: Node = Binary(node.operator, left, right)
    if operator in ("<", "<="):
        operator, left, right = {"<": ">", "<=": ">="}[operator], right, left
    of_left, of_right = may_miss(left), may_miss(right)
    if not of_left and not of_right:
        return plain
    if operator == "==":
        if of_left and of_right:
            both = Binary("&", _is_na(left), _is_na(right))
            apart = plain if loose else Binary("&", Binary("&", plain, _not_na(left)), _not_na(right))
            return Binary("|", apart, both)
        return plain if loose else Binary("&", plain, _not_na(left if of_left else right))
    if operator == "!=":
        if of_left and of_right:
            return Unary("!", _comparison(replace(node, operator="=="), False, may_miss, missing))
        return Binary("|", plain, _is_na(left if of_left else right))
    if of_right and not of_left:  # nothing is larger than a missing value, and no number as large
        return plain if loose else Binary("&", plain, _not_na(right))
    if not of_right:
        return Binary("|", plain, _is_na(left))
    if operator == ">":
        return Binary("&", Binary("|", plain, _is_na(left)), _not_na(right))
    apart = plain if loose else Binary("&", plain, _not_na(right))
    return Binary("|", apart, _is_na(left))


def _value(node: Node, missing: Missing) -> Node:
    """Return a value with the truths in it written out."""
    match node:
        case Binary() if node.operator in _LOGICAL:
            return _truth(node, False, missing, frozenset())
        case Unary(operator="!"):
            return _truth(node, False, missing, frozenset())
        case Unary():
            return replace(node, operand=_value(node.operand, missing))
        case Binary(operator="^"):
            return _power(replace(node, left=_value(node.left, missing), right=_value(node.right, missing)), missing)
        case Binary():
            return replace(node, left=_value(node.left, missing), right=_value(node.right, missing))
        case Text() if node == _EMPTY:
            return Constant(None)
        case Call(function="trimws" | "substr", arguments=(first, *rest)) if first.value is not None:
            new = replace(node, arguments=(_argument(first, missing), *rest))
            if node.function == "substr" and rest[0].value == Number(1.0):
                return new
            empty = Binary("==", new, _EMPTY)
            return Call("ifelse", (Argument(empty), Argument(Constant(None)), Argument(new)))
        case Call(function="pmax" | "pmin", arguments=(_, _, *_)) if not any(
            a.value is None or a.name for a in node.arguments
        ):
            return _largest(node, missing)
        case Call(function="ifelse", arguments=(test, *rest)) if test.value is not None:
            first = replace(test, value=_truth(test.value, False, missing, frozenset()))
            return replace(node, arguments=(first, *(_argument(a, missing) for a in rest)))
        case Call():
            return replace(node, arguments=tuple(_argument(a, missing) for a in node.arguments))
        case _:
            return node


def _finds_empty(pattern: Node) -> bool:
    """Say whether a pattern is found in an empty text, as ``^$`` is."""
    with suppress(re.error):
        return isinstance(pattern, Text) and re.search(pattern.value, "") is not None
    return False


def _plain_text(node: Node) -> Node:
    """Return a text without saying that it is missing where it is empty."""
    match node:
        case Call(function="ifelse", arguments=(test, _, text)) if text.value is not None and test.value == Binary(
            "==", text.value, _EMPTY
        ):
            return text.value
        case _:
            return node


def _power(node: Binary, missing: Missing) -> Node:
    """Write a power; ``x^0`` is 1 here where x is missing, and missing in Stata."""
    if not _may_miss(node.left, missing) or node.right not in (Number(0.0), Unary("-", Number(0.0))):
        return node
    return Call("ifelse", (Argument(_is_na(node.left)), Argument(Constant(None)), Argument(node)))


def _largest(node: Call, missing: Missing) -> Node:
    """Write max and min of columns, which leave missing values out as long as one is known."""
    values = [_value(a.value, missing) for a in node.arguments if a.value is not None]
    found, *others = sorted(values, key=lambda value: _may_miss(value, missing))  # what is always there first
    for value in others:
        both = Call(node.function, (Argument(found), Argument(value)))
        left = [found, value] if _may_miss(found, missing) else [found]
        unsure = _may_miss(found, missing) or _may_miss(value, missing)
        found = Call("coalesce", (Argument(both), *map(Argument, left))) if unsure else both
    return found


def _argument(argument: Argument, missing: Missing) -> Argument:
    return argument if argument.value is None else replace(argument, value=_value(argument.value, missing))
