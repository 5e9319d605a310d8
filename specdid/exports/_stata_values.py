"""Expressions in Stata: missing is larger than every number, a lag or a mean is a variable of its own."""

from __future__ import annotations

from collections.abc import Callable

from specdid._programs.script import POLY
from specdid._programs.stata import INFINITY, literal
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
)

_DIRECT = {"exp": "exp", "sqrt": "sqrt", "abs": "abs", "floor": "floor", "asinh": "asinh"}
_LOGS = {"log": ("ln", "0"), "log10": ("log10", "0"), "log1p": ("ln1p", "-1")}
_ARITHMETIC = {"+": (6, "+"), "-": (6, "-"), "*": (7, "*"), "/": (7, "/"), "^": (9, "^")}


class StataValues:
    """Writes expressions, adding to ``lines`` the variables that they need first.

    Attributes
    ----------
    texts : names of variables that hold text
    used : helper programs that were called
    """

    def __init__(self, texts: frozenset[str], unit: str | None, time: str | None) -> None:
        self.texts = set(texts)
        self.unit, self.time = unit, time
        self.lines: list[str] = []
        self.used: dict[str, None] = {}
        self._count = 0
        self._atoms: dict[Node, str] = {}

    def is_text(self, node: Node) -> bool:
        """Say whether an expression gives text."""
        match node:
            case Name():
                return node.name in self.texts
            case Text():
                return True
            case Call(function="ifelse"):
                return self.is_text(given(node, "yes")) or self.is_text(given(node, "no"))
            case Call(function="l" | "f" | "at" | "I" | "factor" | "C"):
                return self.is_text(given(node, "x"))
            case _:
                return False

    def text(self, node: Node, level: int = 0) -> str:
        """Write a value; ``level`` is that of the operator around it."""
        match node:
            case Name():
                return node.name
            case Number():
                return _number(node.value)
            case Text():
                written = literal(node.value)
                return f"({written})" if "+" in written and level else written
            case Constant():
                return "." if node.value is None else str(int(node.value))
            case Unary(operator="!"):
                return self._three(node)
            case Unary():
                return _enclosed(f"{node.operator}{self.text(node.operand, 8)}", level > 8)
            case Binary(operator="==" | "!=" | "<" | "<=" | ">" | ">=" | "&" | "|"):
                return self._three(node)
            case Binary(operator="%in%"):
                return f"({self.true(node)})"
            case Binary():
                return self._arithmetic(node, level)
            case Call():
                return self._function(node)
        raise TypeError(node)

    def true(self, node: Node) -> str:
        """Write where a condition holds."""
        return self._holds(node, wanted=True)

    def false(self, node: Node) -> str:
        """Write where a condition is known not to hold."""
        return self._holds(node, wanted=False)

    def _holds(self, node: Node, wanted: bool) -> str:
        """Write where a condition is true, or where it is false; NA is neither."""
        if isinstance(node, Unary) and node.operator == "!":
            return self._holds(node.operand, not wanted)
        if isinstance(node, Binary) and node.operator in ("&", "|"):
            sign = node.operator if wanted else {"&": "|", "|": "&"}[node.operator]
            return f"({self._holds(node.left, wanted)} {sign} {self._holds(node.right, wanted)})"
        if isinstance(node, Binary) and node.operator in COMPARISONS:
            return self._comparison(node, wanted)
        if isinstance(node, Binary) and node.operator == "%in%":
            return self._member(node) if wanted else f"!{self._member(node)}"
        if isinstance(node, Call) and node.function == "is.na":
            test = f"missing({self.atom(given(node, 'x'))})"
            return test if wanted else f"!{test}"
        if isinstance(node, Constant):
            return str(int(node.value is wanted))
        name = self.atom(node)
        return f"({name} != 0 & !missing({name}))" if wanted else f"({name} == 0)"

    def _comparison(self, node: Binary, wanted: bool) -> str:
        if is_missing(node.left) or is_missing(node.right):
            return "0"
        operands = [self.atom(n) for n in (node.left, node.right)]
        opposite = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
        sign = node.operator if wanted else opposite[node.operator]
        variables = [a for a, n in zip(operands, (node.left, node.right), strict=True) if not is_constant(n)]
        known = f" & !missing({', '.join(variables)})" if variables else ""
        return f"({operands[0]} {sign} {operands[1]}{known})"

    def _three(self, node: Node) -> str:
        """Write a condition as a value: 1, 0 or missing."""
        if isinstance(node, Binary) and node.operator in COMPARISONS:
            if is_missing(node.left) or is_missing(node.right):
                return "."
            operands = [self.atom(n) for n in (node.left, node.right)]
            unknown = [a for a, n in zip(operands, (node.left, node.right), strict=True) if not is_constant(n)]
            test = f"{operands[0]} {node.operator} {operands[1]}"
            return f"cond(missing({', '.join(unknown)}), ., {test})" if unknown else f"({test})"
        return f"cond({self.true(node)}, 1, cond({self.false(node)}, 0, .))"

    def _member(self, node: Binary) -> str:
        name, tests = self.atom(node.left), []
        for element in members(node.right):
            if is_missing(element):
                tests.append(f"missing({name})")
            elif isinstance(element, Binary) and element.operator == ":":
                low, high = sorted((number(element.left), number(element.right)))
                first = plain_number(number(element.left))
                whole = f"{name} - {first} == floor({name} - {first})"
                tests.append(f"(inrange({name}, {plain_number(low)}, {plain_number(high)}) & {whole})")
            else:
                tests.append(f"{name} == {self.text(element, 6)}")
        return f"({' | '.join(tests) or '0'})"

    def atom(self, node: Node) -> str:
        """Return a constant or the name of a variable that holds the value, made where there is none."""
        if is_constant(node) or is_missing(node):
            return self.text(node, 9)
        return self.variable(node)

    def variable(self, node: Node) -> str:
        """Return the name of a variable that holds the value, also where it is constant."""
        if isinstance(node, Name):
            return node.name
        if node not in self._atoms:
            self._atoms[node] = self.generate(self.text(node), self.is_text(node))
        return self._atoms[node]

    def generate(self, expression: str, text: bool = False) -> str:
        """Make a variable of an expression and name it."""
        name = self.new(text)
        self.lines.append(f"generate {'' if text else 'double '}{name} = {expression}")
        return name

    def new(self, text: bool = False) -> str:
        """Return a new name."""
        self._count += 1
        name = f"_x{self._count}"
        if text:
            self.texts.add(name)
        return name

    def _arithmetic(self, node: Binary, level: int) -> str:
        if node.operator in ("%%", "%/%"):
            a, b = self.atom(node.left), self.atom(node.right)
            return f"(floor({a} / {b}))" if node.operator == "%/%" else f"({a} - {b} * floor({a} / {b}))"
        own, sign = _ARITHMETIC[node.operator]
        left, right = (own + 1, own + 1) if node.operator == "^" else (own, own + 1)
        written = f"{self.text(node.left, left)} {sign} {self.text(node.right, right)}"
        return _enclosed(written, own < level)

    def _function(self, call: Call) -> str:
        name = call.function
        if name in ("I", "factor", "C"):
            return self.text(given(call, "x"))
        if name == "is.na":
            return f"missing({self.atom(given(call, 'x'))})"
        if name in _DIRECT:
            return f"{_DIRECT[name]}({self.text(given(call, 'x'))})"
        if name in _LOGS:
            return self._logarithm(call)
        if name in ("pmin", "pmax"):
            atoms = [self.atom(n) for n in many(call)]
            function = "min" if name == "pmin" else "max"
            return f"cond(missing({', '.join(atoms)}), ., {function}({', '.join(atoms)}))"
        if name == "ifelse":
            return self._ifelse(call)
        return VARIABLES[name](self, call)

    def _logarithm(self, call: Call) -> str:
        x = self.atom(given(call, "x"))
        function, least = _LOGS[call.function]
        text = f"cond({x} > {least} & !missing({x}), {function}({x}), .)"
        if call.function == "log" and len(many(call)) > 1:
            return f"({text} / ln({self.text(given(call, 'base'))}))"
        return text

    def _ifelse(self, call: Call) -> str:
        text = self.is_text(call)
        test = given(call, "test")
        yes, no = (self._side(given(call, n), text) for n in ("yes", "no"))
        nothing = '""' if text else "."
        return f"cond({self.true(test)}, {yes}, cond({self.false(test)}, {no}, {nothing}))"

    def _side(self, node: Node, text: bool) -> str:
        return '""' if text and is_missing(node) else self.text(node)


def _number(value: float) -> str:
    return plain_number(value) if abs(value) < float("inf") else (INFINITY if value > 0 else f"-{INFINITY}")


def _enclosed(text: str, needed: bool) -> str:
    return f"({text})" if needed else text


def _lag(values: StataValues, call: Call) -> str:
    """Make a lag along unit and time."""
    k = int(number(given(call, "k"))) * (-1 if call.function == "f" else 1)
    x = values.variable(given(call, "x"))
    text = values.is_text(given(call, "x"))
    name = values.new(text)
    values.used["panel"] = None
    values.lines.append("sort _unit _period")
    operator = f"{'L' if k >= 0 else 'F'}{abs(k)}"
    if text:
        row = values.generate("_n")
        source = values.generate(f"{operator}.{row}")
        values.lines.append(f"generate {name} = {x}[{source}]")
    else:
        values.lines.append(f"generate double {name} = {operator}.{x}")
    return f"({x} - {name})" if call.function == "d" else name


def _at(values: StataValues, call: Call) -> str:
    """Make the unit's value where a condition holds."""
    x, name = values.variable(given(call, "x")), values.new(values.is_text(given(call, "x")))
    held = values.generate(values.true(given(call, "cond")))
    values.lines.append(f"replace {held} = 0 if missing({x})")
    kind, nothing = ("", '""') if name in values.texts else ("double ", ".")
    chosen = f"cond({held}[_N] == 1, {x}[_N], {nothing})"
    values.lines.append(f"bysort {values.unit} ({held}): generate {kind}{name} = {chosen}")
    return name


def _first(values: StataValues, call: Call) -> str:
    """Make the first time at which a condition holds; infinity is Stata's largest number."""
    condition = given(call, "cond")
    hit = values.generate(f"cond({values.true(condition)}, {values.time}, {INFINITY})")
    known = values.generate(f"{values.true(condition)} | {values.false(condition)}")
    name, any_known = values.new(), values.new()
    values.lines.append(f"egen double {name} = min({hit}), by({values.unit})")
    values.lines.append(f"egen double {any_known} = max({known}), by({values.unit})")
    values.lines.append(f"replace {name} = . if {any_known} == 0")
    return name


def _average(values: StataValues, call: Call) -> str:
    """Make a group's mean."""
    x, by, name = values.variable(given(call, "x")), values.variable(given(call, "by")), values.new()
    values.lines.append(f"egen double {name} = mean({x}) if !missing({by}), by({by})")
    return name


def _tails(values: StataValues, call: Call) -> str:
    """Make the variable with its tails set to their quantiles, or to missing."""
    x, p, name = values.variable(given(call, "x")), plain_number(number(given(call, "p"))), values.new()
    values.used["quantiles"] = None
    values.lines.append(f"quantiles {x} {p}")
    if call.function == "trim":
        values.lines.append(f"generate double {name} = {x} if inrange({x}, r(low), r(high))")
    else:
        inside = f"min(max({x}, r(low)), r(high))"
        values.lines.append(f"generate double {name} = cond(missing({x}), ., {inside})")
    return name


def _standardised(values: StataValues, call: Call) -> str:
    """Make the centred (and scaled) variable."""
    x, name = values.variable(given(call, "x")), values.new()
    values.lines.append(f"summarize {x}")
    scale = " / r(sd)" if call.function == "scale" else ""
    values.lines.append(f"generate double {name} = ({x} - r(mean)){scale}")
    return name


def _polynomial(values: StataValues, call: Call) -> str:
    """Make a column of an orthogonal polynomial of unit length, as R scales it."""
    x, degree, k = many(call)
    variable, name = values.variable(x), values.new()
    top = int(number(degree))
    stubs = " ".join(f"{name}_{j}" for j in range(1, top + 1))
    values.lines.append(f"orthpoly {variable}, generate({stubs}) degree({top})")
    values.lines.append(f"quietly count if !missing({variable})")
    values.lines.append(f"generate double {name} = {name}_{int(number(k))} / sqrt(r(N))")
    return name


VARIABLES: dict[str, Callable[[StataValues, Call], str]] = {
    "l": _lag, "f": _lag, "d": _lag, "at": _at, "first": _first, "ave": _average, "winsorize": _tails,
    "trim": _tails, "scale": _standardised, "center": _standardised, POLY: _polynomial,
}  # fmt: skip
"""Function -> what makes a variable of its values and names it."""
