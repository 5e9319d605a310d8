"""Expressions in Python: numpy arrays and pandas columns, with R's rules for what is missing."""

from __future__ import annotations

from specdid._programs.names import quoted
from specdid._programs.script import POLY
from specdid._programs.trees import (
    COMPARISONS,
    Binary,
    Call,
    Constant,
    Name,
    Node,
    Number,
    Text,
    Unary,
    given,
    is_constant,
    is_missing,
    many,
    members,
    number,
    plain_number,
    walk,
)

_DIRECT = {"exp": "np.exp", "sqrt": "np.sqrt", "abs": "np.abs", "asinh": "np.arcsinh", "floor": "np.floor"}
_HELPERS = {
    "is.na": "is_missing", "ifelse": "ifelse", "ave": "average", "at": "at", "first": "first",
    "winsorize": "winsorize", "trim": "trim", "scale": "scale", "center": "center", "l": "lag", "f": "lag", "d": "lag",
    POLY: "poly", "log": "log", "log1p": "log1p", "log10": "log10",
}  # fmt: skip
_NUMPY = {
    "+": "np.add", "-": "np.subtract", "*": "np.multiply", "/": "np.divide", "^": "np.float_power", "%%": "np.mod",
}  # fmt: skip
_ARITHMETIC = {"+": (6, "+"), "-": (6, "-"), "*": (7, "*"), "/": (7, "/"), "^": (9, "**"), "%%": (7, "%")}


class PythonValues:
    """Writes expressions, noting in ``used`` the helpers that they call."""

    def __init__(self) -> None:
        self.used: dict[str, None] = {}

    def text(self, node: Node, level: int = 0) -> str:
        """Write an expression; ``level`` is that of the operator around it."""
        match node:
            case Name():
                return f'd["{node.name}"]'
            case Number():
                return _number(node.value)
            case Text():
                return quoted(node.value)
            case Constant():
                return "np.nan" if node.value is None else str(float(node.value))
            case Unary(operator="!"):
                return self._call("negation", self.text(node.operand))
            case Unary():
                return _enclosed(f"{node.operator}{self.text(node.operand, 8)}", level > 8)
            case Binary():
                return self._binary(node, level)
            case Call():
                return self._function(node)
        raise TypeError(node)

    def holds(self, node: Node) -> str:
        """Write where a condition holds: missing is no."""
        return self._call("holds", self.text(node))

    def _call(self, helper: str, *arguments: str) -> str:
        self.used[helper] = None
        return f"{helper}({', '.join(arguments)})"

    def _binary(self, node: Binary, level: int) -> str:
        if node.operator in COMPARISONS:
            return self._comparison(node)
        if node.operator in ("&", "|"):
            helper = "both" if node.operator == "&" else "either"
            return self._call(helper, self.text(node.left), self.text(node.right))
        if node.operator == "%in%":
            return self._member(node)
        if node.operator == "%/%":
            return f"np.floor(np.divide({self.text(node.left)}, {self.text(node.right)}))"
        if not any(isinstance(n, Name) for n in walk(node)):  # Python's own numbers stop at 1 / 0
            return f"{_NUMPY[node.operator]}(1.0 * {self.text(node.left, 8)}, {self.text(node.right)})"
        own, sign = _ARITHMETIC[node.operator]
        left, right = (own + 1, own) if node.operator == "^" else (own, own + 1)
        return _enclosed(f"{self.text(node.left, left)} {sign} {self.text(node.right, right)}", own < level)

    def _comparison(self, node: Binary) -> str:
        operands = [n for n in (node.left, node.right) if not is_constant(n)]
        if not all(isinstance(n, Name) or is_missing(n) for n in operands):  # written once, however deep it is
            return self._call("compare", self.text(node.left), quoted(node.operator), self.text(node.right))
        result = f"{self.text(node.left, 6)} {node.operator} {self.text(node.right, 6)}"
        return self._call("known", result, *(self.text(n) for n in operands))

    def _member(self, node: Binary) -> str:
        values, missing = [], False
        for element in members(node.right):
            if is_missing(element):
                missing = True
            elif isinstance(element, Binary) and element.operator == ":":
                values.append(_range(number(element.left), number(element.right)))
            else:
                values.append(self.text(element))
        self.used["is_in"] = None
        extra = ", missing=True" if missing else ""
        return f"is_in({self.text(node.left)}, [{', '.join(values)}]{extra})"

    def _function(self, call: Call) -> str:
        name = call.function
        if name in ("I", "factor", "C"):
            return self.text(given(call, "x"))
        if name in _DIRECT:
            return f"{_DIRECT[name]}({self.text(given(call, 'x'))})"
        if name in ("pmin", "pmax"):
            return self._extreme("np.minimum" if name == "pmin" else "np.maximum", many(call))
        if name in ("l", "f", "d"):
            k = number(given(call, "k")) * (-1 if name == "f" else 1)
            return self._call("change" if name == "d" else "lag", self.text(given(call, "x")), _number(k))
        if name == POLY:
            return self._call("poly", *map(self.text, many(call)))
        base = call.function == "log" and len(many(call)) > 1
        parameters = {"ifelse": ("test", "yes", "no"), "ave": ("x", "by"), "at": ("x", "cond"), "first": ("cond",)}
        names = parameters.get(name) or (("x", "p") if name in ("winsorize", "trim") else ("x",))
        arguments = [self.text(given(call, n)) for n in (*names, *(("base",) if base else ()))]
        return self._call(_HELPERS[name], *arguments)

    def _extreme(self, function: str, nodes: list[Node]) -> str:
        text = self.text(nodes[0])
        for node in nodes[1:]:
            text = f"{function}({text}, {self.text(node)})"
        return text


def _number(value: float) -> str:
    return plain_number(value) if abs(value) < float("inf") else ("np.inf" if value > 0 else "-np.inf")


def _range(first: float, last: float) -> str:
    if first == int(first) and last == int(last):
        step = 1 if last >= first else -1
        end = f"{int(last) + step}" + ("" if step > 0 else ", -1")
        return f"*range({int(first)}, {end})"
    step = 1 if last >= first else -1
    return f"*np.arange({_number(first)}, {_number(last + step * 1e-9)}, {step})"


def _enclosed(text: str, needed: bool) -> str:
    return f"({text})" if needed else text
