"""Expressions in Stata: missing is larger than every number, a lag or a mean is a variable of its own."""

from __future__ import annotations

from collections.abc import Callable

from specdid._programs.script import DATE
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
from specdid.exports._stata_variables import VARIABLES
from specdid.language import argument
from specdid.language.tree import children
from specdid.panel.splines import Spline

_DIRECT = {
    "exp": "exp", "sqrt": "sqrt", "abs": "abs", "floor": "floor", "asinh": "asinh", "sign": "sign", "ceiling": "ceil",
}  # fmt: skip
_TEXTS = {"tolower": "ustrlower", "toupper": "ustrupper", "trimws": "ustrtrim"}
_DAYS = {"%td": "", "%tc": "dofc", "%tm": "dofm", "%tq": "dofq", "%th": "dofh"}
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
        self.splines: dict[tuple[str, Spline], list[str]] = {}

    def is_text(self, node: Node) -> bool:
        """Say whether an expression gives text."""
        match node:
            case Name():
                return node.name in self.texts
            case Text():
                return True
            case Call(function="ifelse"):
                return self.is_text(given(node, "yes")) or self.is_text(given(node, "no"))
            case Call(function="l" | "f" | "at" | "I" | "factor" | "C" | "carry_forward"):
                return self.is_text(given(node, "x"))
            case Call(function="paste" | "paste0" | "substr" | "tolower" | "toupper" | "trimws"):
                return True
            case Call(function="coalesce" | "case_when"):
                return any(map(self.is_text, _results(node)))
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
            case Binary(operator="%in%" | "%like%"):
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
        if isinstance(node, Binary) and node.operator == "%like%":
            name = self.words(node.left)
            test = f"(!missing({name}) & ustrregexm({name}, {self.text(node.right)}))"
            return test if wanted else f"!{test}"
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
        if name in _SPECIAL:
            return _SPECIAL[name](self, call)
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

    def round(self, call: Call) -> str:
        """Write R's rounding: to the nearer candidate, at a tie to the even one."""
        x, digits = self.variable(given(call, "x")), int(number(given(call, "digits")))
        power = plain_number(10.0 ** abs(digits))
        up, down = ("*", "/") if digits > 0 else ("/", "*")
        scaled = self.generate(f"{x} {up} {power}")
        low, high = (self.generate(f"{f}({scaled}) {down} {power}") for f in ("floor", "ceil"))
        even = f"({x} - {low} == {high} - {x} & mod(floor({scaled}), 2) == 0)"
        return f"cond(abs({scaled}) > 1e15, {x}, cond({x} - {low} < {high} - {x} | {even}, {low}, {high}))"

    def between(self, call: Call) -> str:
        """Write the two comparisons."""
        x, left, right = (given(call, n) for n in ("x", "left", "right"))
        return self._three(Binary("&", Binary(">=", x, left), Binary("<=", x, right)))

    def is_finite(self, call: Call) -> str:
        """Write whether a number is known; Stata has no infinite ones."""
        x = given(call, "x")
        return "0" if self.is_text(x) else f"(!missing({self.atom(x)}))"

    def case_when(self, call: Call) -> str:
        """Write cases inside each other."""
        text = self.is_text(call)
        default = argument(call, ".default")
        found = ('""' if text else ".") if default is None else self._side(default, text)
        for case in reversed(many(call)):
            if isinstance(case, Binary) and case.operator == "~":
                found = f"cond({self.true(case.left)}, {self._side(case.right, text)}, {found})"
        return found

    def coalesce(self, call: Call) -> str:
        """Write the first value that is known."""
        *first, last = (self.atom(n) for n in many(call))
        for name in reversed(first):
            last = f"cond(!missing({name}), {name}, {last})"
        return last

    def cut(self, call: Call) -> str:
        """Count the breaks below a value."""
        x, breaks = self.variable(given(call, "x")), children(given(call, "breaks"))
        sign = ">" if argument(call, "right") == Constant(True) else ">="
        return f"cond(missing({x}), ., {' + '.join(f'({x} {sign} {self.text(b)})' for b in breaks)})"

    def words(self, node: Node) -> str:
        """Return a text variable; of numbers without an exponent, and with the zero that Stata leaves out."""
        if self.is_text(node):
            return self.variable(node)
        x = self.generate(f"{self.text(node, 6)} + 0")  # no negative zero
        whole = f"{x} == floor({x}) & abs({x}) < 1e15"
        shown = f'cond({whole}, trim(string({x}, "%20.0f")), trim(string({x}, "%21.15g")))'
        text = self.generate(f'cond(missing({x}), "", {shown})', text=True)
        zero = f'cond(substr({text}, 1, 2) == "-.", "-0" + substr({text}, 2, 30), {text})'
        return self.generate(f'cond(substr({text}, 1, 1) == ".", "0" + {text}, {zero})', text=True)

    def paste(self, call: Call) -> str:
        """Join texts; a missing one is the text NA."""
        between = argument(call, "sep") if call.function == "paste" else None
        separator = f" + {self.text(between)} + " if isinstance(between, Text) and between.value else " + "
        names = [self.words(a.value) for a in call.arguments if a.value is not None and a.name is None]
        return "(" + separator.join(f'cond(missing({n}), "NA", {n})' for n in names) + ")"

    def text_part(self, call: Call) -> str:
        """Write a function of a text."""
        name = self.words(given(call, "x"))
        if call.function == "nchar":
            return f"cond(missing({name}), ., ustrlen({name}))"
        if call.function == "substr":
            start, stop = (int(number(given(call, n))) for n in ("start", "stop"))
            return f"usubstr({name}, {start}, {max(stop - start + 1, 0)})"
        return f"{_TEXTS[call.function]}({name})"

    def date_part(self, call: Call) -> str:
        """Write a part of a date that is written 2012-12-31."""
        name = self.variable(given(call, "x"))
        if call.function == "year":
            return f"real(substr(trim({name}), 1, 4))"
        month = f"real(substr(trim({name}), 6, 2))"
        return month if call.function == "month" else f"(floor(({month} - 1) / 3) + 1)"

    def stata_date(self, call: Call) -> str:
        """Write a part of one of Stata's own dates."""
        x, part, kind = many(call)
        assert isinstance(part, Text)
        assert isinstance(kind, Text)
        return f"{part.value}({_DAYS[kind.value]}({self.text(x)}))"


_SPECIAL: dict[str, Callable[[StataValues, Call], str]] = {
    "round": StataValues.round, "between": StataValues.between, "is.finite": StataValues.is_finite,
    "case_when": StataValues.case_when, "coalesce": StataValues.coalesce, "cut": StataValues.cut,
    "paste": StataValues.paste, "paste0": StataValues.paste, DATE: StataValues.stata_date,
    **dict.fromkeys(("substr", "nchar", *_TEXTS), StataValues.text_part),
    **dict.fromkeys(("year", "month", "quarter"), StataValues.date_part),
}  # fmt: skip
"""Function -> how it is written as an expression."""


def _results(call: Call) -> list[Node]:
    """Return what a choice may give."""
    return [n.right if isinstance(n, Binary) and n.operator == "~" else n for n in many(call)]


def _number(value: float) -> str:
    return plain_number(value) if abs(value) < float("inf") else (INFINITY if value > 0 else f"-{INFINITY}")


def _enclosed(text: str, needed: bool) -> str:
    return f"({text})" if needed else text
