"""R's numbers: integers, which end, and doubles, whose texts R writes in its own way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from specdid.language.tree import Binary, Call, Constant, Name, Node, Number, Unary, children

LARGEST_INTEGER = 2147483647
Kind = Literal["integer", "double", ""]

_LOGICAL = {"==", "!=", "<", "<=", ">", ">=", "&", "|", "%in%", "%like%"}
_OF_TESTS = {"is.na", "is.finite", "grepl", "between"}
_KEEP = {"sum", "cumsum", "cummax", "min", "max", "l", "f", "d", "at", "I", "coalesce", "pmin", "pmax", "abs"}
"""Functions whose value is of their arguments' kind."""
_DOUBLE = {"as.numeric", "mean", "median", "log", "log1p", "log10", "exp", "sqrt", "round", "floor", "ceiling"}


def kind_of(node: Node, text: str, column: Callable[[str], Kind]) -> Kind:
    """Say which of R's numbers an expression is, "" where that is not known, or it is none.

    Parameters
    ----------
    text : the expression that ``node`` is a part of, where ``2L`` is an integer.
    column : says it of a column.
    """

    def joint(*nodes: Node) -> Kind:
        kinds = {kind_of(one, text, column) for one in nodes if one != Constant(None)}
        return "" if not kinds or "" in kinds else "integer" if kinds == {"integer"} else "double"

    match node:
        case Name():
            return column(node.name)
        case Number():
            return "integer" if text[node.span.start : node.span.stop].endswith("L") else "double"
        case Constant():
            return "integer" if node.value is not None else ""
        case Unary(operator="!"):
            return "integer"
        case Binary() if node.operator in _LOGICAL:
            return "integer"
        case Unary():
            return kind_of(node.operand, text, column)
        case Binary(operator="/" | "^"):
            return "double" if joint(node.left, node.right) else ""
        case Binary(operator="+" | "-" | "*" | "%%" | "%/%"):
            return joint(node.left, node.right)
        case Call(function="as.integer"):
            return "integer"
        case Call() if node.function in _OF_TESTS:
            return "integer"
        case Call(function="ifelse"):
            return joint(*children(node)[1:3])
        case Call():
            values = [a.value for a in node.arguments if a.value is not None and a.name is None]
            values = values[:1] if node.function in ("l", "f", "d", "at") else values
            if node.function in _DOUBLE:
                return "double" if values and kind_of(values[0], text, column) == "double" else ""
            return joint(*values) if node.function in _KEEP else ""
        case _:
            return ""


def text_in_r(value: float, scipen: int = 0) -> str:
    """Return what ``as.character()`` of a double is: in fixed notation unless that is wider than the other.

    Of 15 significant digits, as the documentation of R has it; ``scipen`` is its option.
    """
    mantissa, _, exponent = f"{value:.14e}".partition("e")
    mantissa, power = mantissa.rstrip("0").rstrip("."), int(exponent)
    digits = len(mantissa.lstrip("-").replace(".", ""))
    places = max(digits - 1 - power, 0)
    fixed = max(power, 0) + 1 + (places > 0) * (places + 1)
    other = digits + (digits > 1) + (5 if abs(power) >= 100 else 4)
    if fixed <= other + scipen:
        return f"{value:.{places}f}"
    return f"{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"
