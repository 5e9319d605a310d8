"""An expression of Stata as a tree of this language: its own precedence, and only functions that are the same here."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from contextvars import ContextVar

import numpy as np

from specdid._arrays import Floats
from specdid._draft.memory import NotReadError, marked_name
from specdid.language import in_our_spelling, parse, write
from specdid.language.tree import MAX_DEPTH, Argument, Binary, Call, Constant, Name, Node, Number, Text, Unary, joined
from specdid.language.tree import number_value as value_of

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"]*")
      |(?P<series>[LFDSlfds][LFDSlfds\d]*\.[A-Za-z_]\w*)
      |(?P<level>\d+\.(?P<of>[^\W\d]\w*))
      |(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
      |(?P<missing>\.[a-z]?(?![\w.(]))
      |(?P<name>[^\W\d]\w*)
      |(?P<operator>==|!=|<=|>=|[-+*/^()<>!&|,]))""",
    re.VERBOSE,
)
_POWERS = {"|": 1, "&": 2, **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), 3), "+": 4, "-": 4, "*": 5, "/": 5}
_POWER = 7
_FUNCTIONS = {
    "ln": "log", "log": "log", "log10": "log10", "ln1p": "log1p", "log1p": "log1p", "exp": "exp", "sqrt": "sqrt",
    "abs": "abs", "asinh": "asinh", "floor": "floor", "ceil": "ceiling", "int": "as.integer", "trunc": "as.integer",
    "sign": "sign", "year": "year", "month": "month", "quarter": "quarter",
    "lower": "tolower", "strlower": "tolower", "upper": "toupper", "strupper": "toupper",
    "trim": "trimws", "strtrim": "trimws",
}  # fmt: skip
"""Functions of one value that are the same here, by Stata's names."""
_NOT_READ = {
    "sum": "sum() of generate is a running sum in the order of rows",
    "group": "group() of generate numbers rows",
    "round": "Stata rounds halves up, and here as in R to the even number",
    "strlen": "the length of a missing text is 0 in Stata",
    "length": "the length of a missing text is 0 in Stata",
    "real": "real() of Stata is not read. Here: parse_number(x), where its texts are numbers; the column "
    "itself, where it is read as numbers",
    "string": "string() of Stata is not read. Here: paste0(x), where a missing number has no text",
    "strofreal": "strofreal() of Stata is not read. Here: paste0(x), where a missing number has no text",
    "e": "it asks for what a command left",
    "r": "it asks for what a command left",
}
"""Functions of Stata that something else is called here, or nothing, and why."""


EXTENDED: ContextVar[bool] = ContextVar("extended", default=False)
"""Whether .a to .z may stand in the data of the do-file that is read."""


def tree_of(text: str) -> Node:
    """Return the tree of an expression of Stata.

    Raises
    ------
    NotReadError
        A part of it is not known to be the same here.
    """
    return _Reader(text).whole()


def single(number: float) -> float:
    """Return what single precision makes of a number."""
    try:
        return float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:
        return number


def of_rows(node: Node, column: Callable[[str], Floats | None]) -> Floats | None:
    """Return what an expression of a row's own numbers is in every row, None where it is another or not known."""
    match node:
        case Number():
            return np.float64(node.value)  # type: ignore[return-value]
        case Constant():
            return np.float64(np.nan if node.value is None else node.value)  # type: ignore[return-value]
        case Name():
            return column(node.name)
        case Unary(operator="-" | "!"):
            inner = of_rows(node.operand, column)
            return None if inner is None else -inner if node.operator == "-" else np.float64(1.0) - (inner != 0)
        case Binary() if node.operator in _BY_ROW:
            left, right = of_rows(node.left, column), of_rows(node.right, column)
            if left is None or right is None:
                return None
            with np.errstate(all="ignore"):
                return np.float64(1.0) * _BY_ROW[node.operator](left, right)
        case Call() if node.function in _BY_ROW:
            values = [a.value and of_rows(a.value, column) for a in node.arguments if a.name is None]
            if any(one is None for one in values) or len(values) != len(node.arguments):
                return None
            with np.errstate(all="ignore"):
                return np.float64(1.0) * _BY_ROW[node.function](*values)
        case _:
            return None


def _chosen(test: Floats, yes: Floats, no: Floats) -> Floats:
    return np.where(test != 0, yes, no)


_BY_ROW: dict[str, Callable[..., Floats]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "%%": np.mod, "&": np.logical_and,
    "|": np.logical_or, "==": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater,
    ">=": np.greater_equal, "floor": np.floor, "ceiling": np.ceil, "as.integer": np.trunc, "abs": np.abs,
    "sqrt": np.sqrt, "log": np.log, "exp": np.exp, "is.na": np.isnan,
    "ifelse": _chosen,
}  # fmt: skip
"""What is computed of a row's own numbers; of one argument a log is natural."""


class _Reader:
    """Reads one expression from left to right."""

    def __init__(self, text: str) -> None:
        self._text, self._tokens, self._at, self._depth = text, list[tuple[str, str]](), 0, 0
        self._extended, place = False, 0
        while text[place:].strip():
            match = _TOKEN.match(text, place)
            if match is None:
                raise NotReadError(f"`{text}` is not understood")
            kind = match.lastgroup if match["level"] is None else "level"
            self._tokens.append((kind or "", match[kind or 0]))
            place = match.end()

    def whole(self) -> Node:
        found = self._operators(0)
        if self._at < len(self._tokens):
            raise NotReadError(f"`{self._text}` is not understood")
        return found

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise NotReadError("it is nested too deep")

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _take(self, wanted: str = "") -> tuple[str, str]:
        if self._at >= len(self._tokens) or (wanted and self._peek() != wanted):
            raise NotReadError(f"`{self._text}` is not understood")
        self._at += 1
        return self._tokens[self._at - 1]

    def _operators(self, least: int) -> Node:
        """Read operands and the operators between them that bind as tightly as ``least``; all are left-associative."""
        self._deeper()
        left, compared = self._signed(), False
        while (power := _POWERS.get(operator := self._peek(), -1)) >= max(least, 0):
            self._take()
            right = self._operators(power + 1)
            if power == _POWERS["=="]:
                if compared:
                    raise NotReadError(self._chained(left, operator, right))
                left = self._compared(operator, left, right)
                compared = True
                continue
            compared = False
            if operator in "&|":
                left, right = found_in(left), found_in(right)
                for one in (left, right):
                    if (number := value_of(one)) is not None:
                        raise NotReadError(self._number_as_truth(number, operator, left))
            elif any(isinstance(one, Text | Constant) for one in (left, right)):
                raise NotReadError(f"`{operator}` of texts or missing values is not read")
            left = Binary(operator, left, right)
        self._depth -= 1
        return left

    def _signed(self) -> Node:
        """Read a sign, which binds less than a power, and more than any other operator of two."""
        if self._peek() in ("-", "+"):
            _, sign = self._take()
            self._deeper()
            inner = self._signed()
            self._depth -= 1
            if isinstance(inner, Text | Constant):
                raise NotReadError(f"`{sign}` of a text or a missing value is not read")
            return Unary("-", inner) if sign == "-" else inner
        left = self._not()
        while self._peek() == "^":
            self._take()
            right = self._exponent()
            if any(isinstance(one, Text | Constant) for one in (left, right)):
                raise NotReadError("`^` of texts or missing values is not read")
            left = Binary("^", left, right)
        return left

    def _exponent(self) -> Node:
        if self._peek() in ("-", "+"):
            _, sign = self._take()
            self._deeper()
            inner = self._exponent()
            self._depth -= 1
            return Unary("-", inner) if sign == "-" else inner
        return self._not()

    def _not(self) -> Node:
        if self._peek() != "!":
            return self._operand()
        self._take()
        bracketed = self._peek() in ("(", "!")
        self._deeper()
        inner = found_in(self._not())
        self._depth -= 1
        if self._peek() in ("==", "!=", "<", "<=", ">", ">=") and not bracketed and not isinstance(inner, Call):
            raise NotReadError("`!` of a part of a comparison: write it with brackets")
        if isinstance(inner, Text | Constant):
            raise NotReadError("`!` of a text or a missing value is not read")
        return Unary("!", inner)

    def _operand(self) -> Node:
        kind, token = self._take()
        if kind == "number":
            return Number(float(token))
        if kind == "text":
            return Text(token[1:-1])
        if kind == "missing":
            self._extended |= token != "."
            return Constant(None)
        if kind == "series":
            found = in_our_spelling(token[0].upper() + token[1:], "value")
            if found is None:
                raise NotReadError(f"`{token}` is not understood")
            return parse(found)
        if kind == "level":
            value, _, name = token.partition(".")
            return Binary("==", Name(marked_name(name)), Number(float(value)))
        if token == "(":
            found_inside = self._operators(0)
            self._take(")")
            return found_inside
        if kind != "name":
            raise NotReadError(f"`{self._text}` is not understood")
        if self._peek() == "(":
            return self._call(token)
        if token in ("_n", "_N"):
            raise NotReadError("rows have no number here")
        if token in ("_pi", "_rc", "_cons"):
            raise NotReadError(f"`{token}` is not read")
        return Name(marked_name(token))

    def _call(self, function: str) -> Node:
        self._take("(")
        given: list[Node] = []
        while self._peek() != ")":
            given.append(self._operators(0))
            if self._peek() != ",":
                break
            self._take()
        self._take(")")
        return _called(function, given)

    def _chained(self, left: Node, operator: str, right: Node) -> str:
        first = left.left if isinstance(left, Binary) else left
        middle = left.right if isinstance(left, Binary) else left
        before = left.operator if isinstance(left, Binary) else operator
        a, x, b = (write(node) for node in (first, middle, right))
        number = value_of(right)
        always = number is not None and {"<": number > 1, "<=": number >= 1}.get(operator, False)
        never = number is not None and {">": number >= 1, ">=": number > 1}.get(operator, False)
        if before in ("==", "!=") and operator in ("==", "!=") and number in (0, 1):
            same = (before == "==") == ((operator == "==") == (number == 1))
            meant = f"`({a} {before} {x}) {operator} {b}`, which is `{a} {'==' if same else '!='} {x}`"
            return f"the comparison of a truth, 0 or 1, in Stata: `{a} {before} {x} {operator} {b}` is {meant}"
        told = "always true" if always else "never true" if never else "the comparison of a truth, 0 or 1,"
        read = f"{told} in Stata: `{a} {before} {x} {operator} {b}` is `({a} {before} {x}) {operator} {b}`"
        bounds = {before[0], operator[0]} in ({"<"}, {">"})
        return f"{read}; if you meant both bounds, write `{a} {before} {x} & {x} {operator} {b}`" if bounds else read

    def _number_as_truth(self, number: float, operator: str, left: Node) -> str:
        if operator == "&" or not number:
            told = "never true" if operator == "&" and not number else "a part that decides nothing"
            return f"{told} in Stata: `{operator} {number:g}` asks whether {number:g} is other than 0; leave it out"
        meant = ""
        last = left
        while isinstance(last, Binary) and last.operator in "&|":
            last = last.right
        if isinstance(last, Binary) and last.operator == "==" and value_of(last.right) is not None:
            x, one = write(last.left), write(last.right)
            meant = f"; if you meant one of several values, write `inlist({x}, {one}, {number:g})`"
        return f"always true in Stata: `| {number:g}` asks whether {number:g} is other than 0{meant}"

    def _compared(self, operator: str, left: Node, right: Node) -> Node:
        """Compare two values, or ask whether the left one is missing, which in Stata is larger than any number."""
        if isinstance(left, Call) and left.function == "strpos" and (number := value_of(right)) is not None:
            if (operator, number) in ((">", 0), ("!=", 0), (">=", 1)):
                return found_in(left)
            if (operator, number) in (("==", 0), ("<=", 0), ("<", 1)):
                return Unary("!", found_in(left))
            if (operator, number) == ("==", 1):
                return found_in(left, start="^")
            raise NotReadError("strpos() is read where it is compared with 0, and with 1 by `==`")
        if isinstance(right, Constant) and not isinstance(left, Constant | Text | Number):
            if operator in ("==", "!=") and EXTENDED.get():
                raise NotReadError(
                    "`.` alone is not .a to .z, which the data or a line of the code have and which are one missing "
                    "value here. Write missing(x), or have the condition as a column of 0 and 1 in the data"
                )
            if operator in ("==", ">=") and not (operator == "==" and self._extended):
                return Call("is.na", (Argument(left),))
            if operator in ("!=", "<") and not (operator == "!=" and self._extended):
                return Unary("!", Call("is.na", (Argument(left),)))
        if isinstance(left, Constant) or isinstance(right, Constant):
            raise NotReadError("it compares with a missing value in a way that is not read")
        if operator not in ("==", "!=") and (isinstance(left, Text) or isinstance(right, Text)):
            raise NotReadError("texts are compared by their order, of which an empty one is the first")
        return Binary(operator, left, right)


def found_in(node: Node, start: str = "") -> Node:
    """Return whether a text has another in it, or at its start, where a node is strpos() of a fixed one."""
    if not isinstance(node, Call) or node.function != "strpos":
        return node
    text, fixed = node.arguments[0].value, node.arguments[1].value
    if text is None or not isinstance(fixed, Text):
        return node
    return Binary("%like%", text, Text(start + re.sub(r"([.\\|()\[\]{}^$*+?])", r"\\\1", fixed.value)))


def _of(function: str, *values: Node) -> Call:
    return Call(function, tuple(map(Argument, values)))


def _called(function: str, given: list[Node]) -> Node:
    """Return what a function of Stata is here."""
    name = function.removeprefix("u") if function in ("usubstr", "ustrlower", "ustrupper", "ustrtrim") else function
    x = given[0] if given else None
    if x is None or (name not in ("cond", "inlist") and any(isinstance(one, Constant) for one in given)):
        pass
    elif name in _FUNCTIONS and len(given) == 1:
        return _of(_FUNCTIONS[name], x)
    elif name in ("missing", "mi"):
        return joined([_of("is.na", one) for one in given], "|")
    elif name in ("max", "min") and len(given) > 1:
        return _of(f"p{name}", *given)
    elif name == "cond" and len(given) == 3:
        return _of("ifelse", found_in(x), *given[1:])
    elif name in ("strpos", "ustrpos") and len(given) == 2 and isinstance(given[1], Text) and given[1].value:
        return _of("strpos", x, given[1])
    elif name == "irecode" and len(given) > 1 and all(value_of(one) is not None for one in given[1:]):
        found: Node = Number(float(len(given) - 1))
        for k in range(len(given) - 1, 0, -1):
            found = _of("ifelse", Binary("<=", x, given[k]), Number(float(k - 1)), found)
        return _of("ifelse", _of("is.na", x), Constant(None), found)
    elif name == "mod" and len(given) == 2:
        rest = Binary("%%", x, given[1])
        if (number := value_of(given[1])) is not None and number > 0:
            return rest
        return _of("ifelse", Binary(">", given[1], Number(0.0)), rest, Constant(None))  # Stata: missing
    elif name == "float" and len(given) == 1 and (number := value_of(x)) is not None:
        rounded = single(number)
        return Number(rounded) if rounded >= 0 else Unary("-", Number(-rounded))
    elif name == "inlist" and len(given) > 1:
        if all(isinstance(one, Text | Constant) or value_of(one) is not None for one in given[1:]):
            return Binary("%in%", x, _of("c", *given[1:]))
        return joined([Binary("==", x, one) for one in given[1:]], "|")
    elif name == "substr" and len(given) == 3:
        first, count = value_of(given[1]), value_of(given[2])
        if first is not None and count is not None and first >= 1 and count >= 1:
            return _of("substr", x, Number(first), Number(first + count - 1))
        raise NotReadError("substr() is read from one fixed place to another, not from the end")
    elif name in ("regexm", "ustrregexm") and len(given) == 2 and isinstance(given[1], Text):
        return Binary("%like%", x, given[1])
    told = _NOT_READ.get(function, f"{function}() of Stata is not read")
    raise NotReadError(told if x is None else told.replace("(x)", f"({write(x)})"))
