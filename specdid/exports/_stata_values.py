"""Expressions in Stata, where missing is larger than every number.

What is no expression there becomes a variable of its own: a lag, a mean by group, a quantile, a spline.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from specdid._programs.names import COMPARISONS, given, is_constant, is_missing, many, members, number, plain_number
from specdid._programs.script import DATE, POLY, SPLINE
from specdid._programs.stata import INFINITY, literal
from specdid.language import argument
from specdid.language.tree import Binary, Call, Constant, Name, Node, Number, Text, Unary, children, joint_levels
from specdid.panel.design import Spline

_DIRECT = {
    "exp": "exp", "sqrt": "sqrt", "abs": "abs", "floor": "floor", "asinh": "asinh", "sign": "sign", "ceiling": "ceil",
}  # fmt: skip
_TEXTS = {"tolower": "ustrlower", "toupper": "ustrupper", "trimws": "ustrtrim"}
_DAYS = {"%td": "", "%tc": "dofc", "%tm": "dofm", "%tq": "dofq", "%th": "dofh"}
_LOGS = {"log": ("ln", "0"), "log10": ("log10", "0"), "log1p": ("ln1p", "-1")}
_ARITHMETIC = {"+": (6, "+"), "-": (6, "-"), "*": (7, "*"), "/": (7, "/"), "^": (9, "^")}
_STATISTICS = {
    "mean": ("mean", 1), "median": ("median", 1), "min": ("min", 1), "max": ("max", 1), "sum": ("total", 1),
    "sd": ("sd", 2),
}  # fmt: skip
"""Function -> egen's word, and how many known values it needs."""


OPERATORS = 100
"""Comparisons in one expression: Stata takes at most 800 operators of two sides, two for each."""


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
        while len(tests) > OPERATORS:  # a long list, as half of all units, is more than one expression can hold
            parts = [tests[k : k + OPERATORS] for k in range(0, len(tests), OPERATORS)]
            tests = [self.generate(" | ".join(part)) for part in parts]
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

    def parse_number(self, call: Call) -> str:
        """Write the number that a text shows, without commas, blanks and a sign of percent."""
        x = given(call, "x")
        if not self.is_text(x):
            return f"({self.text(x)})"
        found = f'ustrnormalize({self.variable(x)}, "nfkc")'
        found = f'subinstr({found}, uchar(8722), "-", .)'
        for sign in ('"%"', '" "', "char(9)"):
            found = f'subinstr({found}, {sign}, "", .)'
        found = self.generate(found, text=True)
        decimal = f'ustrregexm({found}, "^[-+]?0[0-9]*,")'  # 0,681
        return f'cond({decimal}, ., real(subinstr({found}, ",", "", .)))'

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
    "parse_number": StataValues.parse_number,
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


def _groups(values: StataValues, call: Call) -> list[str]:
    """Return the variables that form groups; one that is the same in every row where there are none."""
    by = argument(call, "by")
    return [values.variable(Number(1.0))] if by is None else [values.variable(n) for n in joint_levels(by)]


def _known(values: StataValues, call: Call, groups: list[str]) -> str:
    """Make the variable without the rows that are in no group."""
    x = values.variable(given(call, "x"))
    return values.generate(f"cond(missing({', '.join(groups)}), ., {x})")


def _egen(values: StataValues, function: str, x: str, groups: list[str]) -> str:
    name = values.new()
    here = f"if !missing({', '.join(groups)})"
    values.lines.append(f"egen double {name} = {function}({x}) {here}, by({' '.join(groups)})")
    return name


def _aggregate(values: StataValues, call: Call) -> str:
    """Make a statistic of groups, missing where they have too few known values."""
    groups = _groups(values, call)
    x = _known(values, call, groups)
    function, least = _STATISTICS[call.function]
    name, known = _egen(values, function, x, groups), _egen(values, "count", x, groups)
    values.lines.append(f"replace {name} = . if {known} < {least}")
    return name


def _count(values: StataValues, call: Call) -> str:
    return _egen(values, "count", values.variable(Number(1.0)), _groups(values, call))


def _rank(values: StataValues, call: Call) -> str:
    groups = _groups(values, call)
    return _egen(values, "rank", _known(values, call, groups), groups)


def _quantile_of(values: StataValues, x: str, groups: list[str], p: float, call: Call) -> str:
    """Make R's default quantile of groups, between the two values around place (n - 1) p + 1, or that of _pctile."""
    n = _egen(values, "count", x, groups)
    kind = argument(call, "type")
    if kind is not None and number(kind) == 2:
        above, name = values.generate(f"floor({n} * {p!r} + 1e-6)"), values.new()
        below = values.generate(f"cond({n} * {p!r} - {above} < 1e-6, {above} - 1, {above})")
        mean = f"({x}[max({below}, 0) + 1] + {x}[min({above}, {n} - 1) + 1]) / 2"
        values.lines.append(f"bysort {' '.join(groups)} ({x}): generate double {name} = {mean}")
        return name
    place = values.generate(f"({n} - 1) * {p!r} + 1")
    low = values.generate(f"floor({place})")
    name = values.new()
    step = f"({place} - {low}) * ({x}[min({low} + 1, {n})] - {x}[{low}])"
    values.lines.append(f"bysort {' '.join(groups)} ({x}): generate double {name} = {x}[{low}] + {step}")
    return name


def _quantile(values: StataValues, call: Call) -> str:
    groups = _groups(values, call)
    return _quantile_of(values, _known(values, call, groups), groups, number(given(call, "probs")), call)


def _quantile_group(values: StataValues, call: Call) -> str:
    groups = _groups(values, call)
    x, n = _known(values, call, groups), int(number(given(call, "n")))
    cuts = [_quantile_of(values, x, groups, k / n, call) for k in range(1, n)]
    return values.generate(f"cond(missing({x}), ., 1 + {' + '.join(f'({x} > {cut})' for cut in cuts)})")


def _ntile(values: StataValues, call: Call) -> str:
    """Make groups of equal size, ties in the order of unit and time."""
    groups = _groups(values, call)
    x, n = _known(values, call, groups), plain_number(number(given(call, "n")))
    size, place = _egen(values, "count", x, groups), values.new()
    keys = " ".join(k for k in (x, values.unit, values.time) if k)
    values.lines.append(f"bysort {' '.join(groups)} ({keys}): generate double {place} = _n - 1")
    small, larger = values.generate(f"floor({size} / {n})"), values.generate(f"mod({size}, {n})")
    edge = values.generate(f"{larger} * ({small} + 1)")
    first, later = f"floor({place} / ({small} + 1))", f"{larger} + floor(({place} - {edge}) / max({small}, 1))"
    return values.generate(f"cond(missing({x}), ., cond({place} < {edge}, {first}, {later}) + 1)")


def _group(values: StataValues, call: Call) -> str:
    name = values.new()
    values.lines.append(f"egen double {name} = group({' '.join(map(values.variable, many(call)))})")
    return name


def _running(values: StataValues, call: Call) -> str:
    """Make a running sum or largest value, missing from the unit's first missing value on."""
    x, name, unknown = values.variable(given(call, "x")), values.new(), values.new()
    along = f"bysort {values.unit} ({values.time})"
    values.lines.append(f"{along}: generate double {unknown} = sum(missing({x}))")
    if call.function == "cumsum":
        values.lines.append(f"{along}: generate double {name} = sum({x})")
    else:
        values.lines.append(f"generate double {name} = {x}")
        values.lines.append(f"{along}: replace {name} = max({name}, {name}[_n-1]) if _n > 1")
    values.lines.append(f"replace {name} = . if {unknown} > 0")
    return name


def _lagged(values: StataValues, x: str, k: int) -> str:
    """Name a variable k periods earlier."""
    values.used["panel"] = None
    values.lines.append("sort _unit _period")
    return x if k == 0 else values.generate(f"L{k}.{x}")


def _window(values: StataValues, call: Call) -> str:
    """Make a statistic of n periods in a row; a lag that has no row is missing, and so is the sum."""
    x, n = values.variable(given(call, "x")), int(number(given(call, "n")))
    lags = [_lagged(values, x, k) for k in range(n)]
    total = values.generate(" + ".join(lags))
    if call.function == "roll_sum":
        return total
    mean = values.generate(f"{total} / {n}")
    if call.function == "roll_mean":
        return mean
    return values.generate(f"sqrt(({' + '.join(f'({lag} - {mean})^2' for lag in lags)}) / {n - 1})")


def _growth(values: StataValues, call: Call) -> str:
    x = values.variable(given(call, "x"))
    return f"({x} / {_lagged(values, x, int(number(given(call, 'k'))))} - 1)"


def _interpolate(values: StataValues, call: Call) -> str:
    """Fill gaps along a straight line in time; outside the record nothing is known."""
    x, name = values.variable(given(call, "x")), values.new()
    values.used["panel"] = None
    values.lines.append(f"ipolate {x} _period, generate({name}) by(_unit)")
    return name


def _carry_forward(values: StataValues, call: Call) -> str:
    x = given(call, "x")
    text = values.is_text(x)
    source, name = values.variable(x), values.new(text)
    values.lines.append(f"generate {'' if text else 'double '}{name} = {source}")
    along = f"bysort {values.unit} ({values.time})"
    values.lines.append(f"{along}: replace {name} = {name}[_n-1] if missing({name}) & _n > 1")
    return name


def _spline(values: StataValues, call: Call) -> str:
    """Make a column of a spline by the recursion of de Boor and Cox over its knots, each B-spline a variable."""
    x, kind, degree, inner, ends, part = many(call)
    assert isinstance(kind, Text)
    low, high = (number(n) for n in children(ends))
    curve = Spline(kind.value == "ns", int(number(degree)), tuple(number(n) for n in children(inner)), (low, high))
    name = values.variable(x)
    if (name, curve) not in values.splines:
        values.splines[name, curve] = _b_splines(values, name, curve)
    weights = curve.combinations()[:, int(number(part)) - 1].tolist()
    pairs = zip(weights, values.splines[name, curve], strict=True)
    return values.generate(" + ".join(f"({w!r}) * {b}" for w, b in pairs if w))


def _b_splines(values: StataValues, x: str, curve: Spline) -> list[str]:
    """Make the B-splines of x but the first; the last interval holds its right end."""
    knots = [float(k) for k in curve.knots]
    basis: list[str | None] = []
    for a, b in pairwise(knots):
        closed = "<=" if b == knots[-1] else "<"
        basis.append(values.generate(f"cond(missing({x}), ., {x} >= {a!r} & {x} {closed} {b!r})") if a < b else None)
    for degree in range(1, curve.degree + 1):
        new: list[str | None] = []
        for j, (left, right) in enumerate(pairwise(basis)):
            terms = []
            if left is not None:
                terms.append(f"({x} - ({knots[j]!r})) / {knots[j + degree] - knots[j]!r} * {left}")
            if right is not None:
                terms.append(f"({knots[j + degree + 1]!r} - {x}) / {knots[j + degree + 1] - knots[j + 1]!r} * {right}")
            new.append(values.generate(" + ".join(terms)) if terms else None)
        basis = new
    return [b for b in basis[1:] if b is not None]


VARIABLES: dict[str, Callable[[StataValues, Call], str]] = {
    "l": _lag, "f": _lag, "d": _lag, "at": _at, "first": _first, "ave": _average, "winsorize": _tails,
    "trim": _tails, "scale": _standardised, "center": _standardised, POLY: _polynomial, SPLINE: _spline,
    **dict.fromkeys(_STATISTICS, _aggregate), "count": _count, "rank": _rank, "quantile": _quantile,
    "quantile_group": _quantile_group, "ntile": _ntile, "group": _group, "cumsum": _running, "cummax": _running,
    "roll_mean": _window, "roll_sum": _window, "roll_sd": _window, "growth": _growth, "interpolate": _interpolate,
    "carry_forward": _carry_forward,
}  # fmt: skip
"""Function -> what makes a variable of its values and names it."""
