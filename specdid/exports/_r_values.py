"""Expressions in R, whose rules are the language's own: names of helpers are all that changes."""

from __future__ import annotations

from specdid._programs.script import POLY
from specdid._programs.trees import (
    Argument,
    Binary,
    Call,
    Constant,
    Node,
    Number,
    Unary,
    is_missing,
    members,
    number,
)
from specdid.language import argument
from specdid.language import write as written

_HELPERS = {
    "log": "log_na", "log10": "log10_na", "log1p": "log1p_na", "at": "at_cond", "first": "first_time",
    "ave": "mean_by", "scale": "scale_all", "center": "center_all", "winsorize": "winsorize", "trim": "trim",
    POLY: "poly_part",
}  # fmt: skip


class RValues:
    """Writes expressions, noting in ``used`` the helpers that they call."""

    def __init__(self) -> None:
        self.used: dict[str, None] = {}

    def text(self, node: Node) -> str:
        """Write an expression over the columns of a data frame."""
        return written(self._own(node))

    def _own(self, node: Node) -> Node:
        match node:
            case Number(value=value) if abs(value) == float("inf"):
                return Binary("/", Number(1.0 if value > 0 else -1.0), Number(0.0))
            case Constant(value=value) if value is not None:
                return Number(float(value))
            case Unary():
                return Unary(node.operator, self._own(node.operand))
            case Binary(operator="%in%"):
                return self._member(node)
            case Binary():
                return Binary(node.operator, self._own(node.left), self._own(node.right))
            case Call():
                return self._call(node)
            case _:
                return node

    def _member(self, node: Binary) -> Node:
        """Write `%in%`: a missing value is in a list where NA stands there; R tells NaN from NA."""
        left = self._own(node.left)
        if any(map(is_missing, members(node.right))):
            self.used["in_or_na"] = None
            return Call("in_or_na", (Argument(left), Argument(node.right)))
        return Binary("%in%", left, node.right)

    def _call(self, call: Call) -> Node:
        if call.function in ("l", "f", "d"):
            return self._lag(call)
        arguments = tuple(Argument(None if a.value is None else self._own(a.value), a.name) for a in call.arguments)
        if call.function in ("factor", "C", "I") and arguments[0].value is not None:
            return arguments[0].value
        helper = _HELPERS.get(call.function)
        if helper is not None:
            self.used[helper] = None
        return Call(helper or call.function, arguments)

    def _lag(self, call: Call) -> Node:
        helper = "change_by" if call.function == "d" else "lag_by"
        self.used[helper] = None
        x, k = argument(call, "x"), argument(call, "k")
        assert x is not None
        assert k is not None
        shift = number(k) * (-1 if call.function == "f" else 1)
        amount: Node = Number(shift) if shift >= 0 else Unary("-", Number(-shift))
        return Call(helper, (Argument(self._own(x)), Argument(amount)))
