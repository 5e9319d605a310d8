"""A reader of the R that `specdid show --code r` writes: its own parser and values, regressions from `regressions`.

Numbers are float64 arrays and logical values float32, with NaN for NA; text is an object array with None.
A formula is its tree. What a program prints of the treatment is found in ``Program.found``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from regressions import Absorbed, Fit, least_squares, likelihood, numbered, two_stage
from scipy.optimize import brentq
from scipy.special import digamma
from specdid._audit.definitions import average_of_changes, weights_of
from specdid.panel.design import Spline

TOKEN = re.compile(
    r"""(?P<space>[ \t]+|\#[^\n]*)|(?P<newline>\n)|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
      |(?P<text>"(?:\\.|[^"\\])*")|(?P<quoted>`[^`]*`)|(?P<name>[A-Za-z.][A-Za-z0-9._]*)
      |(?P<operator>%\w*\*?/?%?%|<-|<=|>=|==|!=|\[\[|::|[-+*/^()\[\]{},;:=<>!&|~$])""",
    re.VERBOSE,
)
BINARY = {
    "<-": (1, 0), "=": (1, 0), "~": (3, 4), "|": (5, 6), "&": (7, 8), "==": (11, 12), "!=": (11, 12), "<": (11, 12),
    "<=": (11, 12), ">": (11, 12), ">=": (11, 12), "+": (13, 14), "-": (13, 14), "*": (15, 16),
    "/": (15, 16), ":": (19, 20), "^": (24, 23),
}  # fmt: skip
"""Left and right binding power, from R's ?Syntax."""
SPECIAL, SIGN, NOT, POSTFIX = (17, 18), 21, 9, 30


@dataclass(frozen=True)
class Tree:
    """A call, an operator or a statement: its head and parts; arguments are (name, tree) pairs."""

    head: str
    parts: tuple[Any, ...]


class Parser:
    """Operator precedence over R's tokens; a newline ends an expression outside brackets."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(text):
            match = TOKEN.match(text, place)
            assert match, text[place : place + 60]
            place = match.end()
            if match.lastgroup != "space":
                self.tokens.append((match.lastgroup or "", match.group()))
        self.at, self.inside = 0, [False]

    def program(self) -> list[Any]:
        found = []
        while self.skip() and self.at < len(self.tokens):
            found.append(self.expression())
        return found

    def skip(self) -> bool:
        while self.at < len(self.tokens) and self.tokens[self.at][1] in ("\n", ";"):
            self.at += 1
        return True

    def peek(self) -> str:
        if self.inside[-1]:
            while self.at < len(self.tokens) and self.tokens[self.at][1] == "\n":
                self.at += 1
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> tuple[str, str]:
        found = self.peek()
        assert not wanted or found == wanted, (wanted, self.tokens[self.at : self.at + 8])
        self.at += 1
        return self.tokens[self.at - 1]

    def expression(self, power: int = 0) -> Any:
        while self.tokens[self.at][1] == "\n":
            self.at += 1
        left = self.prefix()
        while True:
            operator = self.peek()
            if operator in ("(", "[", "[[", "$", "::"):
                left = self.postfix(left, operator)
                continue
            strength = SPECIAL if operator.startswith("%") else BINARY.get(operator)
            if strength is None or strength[0] < power:
                return left
            self.take()
            left = Tree(operator, (left, self.expression(strength[1])))

    def postfix(self, left: Any, operator: str) -> Any:
        self.take()
        if operator in ("$", "::"):
            return Tree(operator, (left, self.take()[1].strip("`")))
        closing = {"(": ")", "[": "]", "[[": "]"}[operator]
        arguments = self.arguments(closing)
        if operator == "[[":
            self.take("]")
        return Tree({"(": "call", "[": "[", "[[": "[["}[operator], (left, arguments))

    def arguments(self, closing: str) -> tuple[tuple[str, Any], ...]:
        self.inside.append(True)
        found: list[tuple[str, Any]] = []
        while self.peek() != closing:
            if self.peek() == ",":
                found.append(("", None))
                self.take()
                continue
            name = ""
            kind, word = self.tokens[self.at]
            if kind in ("name", "text") and self.tokens[self.at + 1][1] == "=":
                name = word.strip('"')
                self.at += 2
            found.append((name, self.expression(2)))
            if self.peek() == ",":
                self.take()
                if self.peek() == closing:
                    found.append(("", None))
        self.inside.pop()
        self.at += 1
        return tuple(found)

    def prefix(self) -> Any:
        kind, word = self.take()
        if kind == "number":
            return np.array([float(word)])
        if kind == "text":
            return np.array([re.sub(r"\\u([0-9a-f]{4})|\\U([0-9a-f]{8})|\\(.)", _escape, word[1:-1])], object)
        if word in ("-", "+"):
            return Tree(f"unary{word}", (self.expression(SIGN),))
        if word == "!":
            return Tree("!", (self.expression(NOT),))
        if word == "~":
            return Tree("~", (self.expression(4),))
        if word == "(":
            self.inside.append(True)
            found = self.expression()
            self.peek()
            self.inside.pop()
            self.take(")")
            return found
        if word == "{":
            return self.block()
        return self.statement(word)

    def block(self) -> Tree:
        self.inside.append(False)
        found = []
        while self.skip() and self.tokens[self.at][1] != "}":
            found.append(self.expression())
        self.inside.pop()
        self.at += 1
        return Tree("{", tuple(found))

    def statement(self, word: str) -> Any:
        if word == "function":
            self.take("(")
            return Tree("function", (self.arguments(")"), self.expression()))
        if word in ("if", "while", "for"):
            self.take("(")
            self.inside.append(True)
            name = ""
            if word == "for":
                name = self.take()[1]
                assert self.take()[1] == "in"
            condition = self.expression()
            self.peek()
            self.inside.pop()
            self.take(")")
            body = self.expression()
            other = None
            if word == "if" and self.peek() == "else":
                self.take()
                other = self.expression()
            return Tree(word, (name, condition, body, other))
        if word == "repeat":
            return Tree("repeat", (self.expression(),))
        if word in ("break", "TRUE", "FALSE", "NA", "NA_real_", "Inf", "NULL"):
            return Tree("constant", (word,))
        return Tree("name", (word.strip("`"),))


def _escape(match: re.Match[str]) -> str:
    code = match.group(1) or match.group(2)
    return chr(int(code, 16)) if code else {"n": "\n", "t": "\t", "r": "\r"}.get(match.group(3), match.group(3))


class Frame(dict[str, np.ndarray]):
    """A data frame: columns by name."""

    @property
    def rows(self) -> int:
        return len(next(iter(self.values()))) if self else 0

    def take(self, which: np.ndarray) -> Frame:
        return Frame({n: c[which] for n, c in self.items()})


@dataclass
class Named:
    """A vector with names."""

    values: np.ndarray
    names: list[str]


@dataclass
class Arguments:
    """Columns and named arguments, for do.call()."""

    columns: list[np.ndarray]
    named: dict[str, Any]


class Break(Exception):  # noqa: N818
    """Leaves a loop."""


class Return(Exception):  # noqa: N818
    """Leaves a function with a value."""


@dataclass
class Program:
    """An R program being read; ``found`` has the estimate, and standard errors by label."""

    names: dict[str, Any] = field(default_factory=dict)
    estimate: float = float("nan")
    found: dict[str, float] = field(default_factory=dict)
    label: str = ""

    def run(self, text: str) -> Program:
        for tree in Parser(text).program():
            self.value(tree, self.names)
        return self

    def value(self, tree: Any, names: dict[str, Any]) -> Any:
        if not isinstance(tree, Tree):
            return tree
        head, parts = tree.head, tree.parts
        special = getattr(self, f"_{SPECIALS[head]}", None) if head in SPECIALS else None
        if special is not None:
            return special(parts, names)
        if head == "~":
            return tree
        if head.startswith("unary"):
            value = self.value(parts[0], names)
            return -value if head.endswith("-") else value
        given = [self.value(p, names) for p in parts]
        plain = [g.values if isinstance(g, Named) else g for g in given]
        if head != "%*%" and {np.ndim(p) for p in plain} == {1, 2}:  # a vector goes down the columns of a matrix
            plain = [p[:, None] if p.ndim == 1 and len(p) > 1 else p for p in plain]
        found = OPERATORS[head](*plain)
        kept = [g.names for g in given if isinstance(g, Named) and head in "+-*/"]
        return Named(found, kept[0]) if kept and found.shape == (len(kept[0]),) else found

    def _name(self, parts: tuple[Any, ...], names: dict[str, Any]) -> Any:
        if parts[0] in names:
            return names[parts[0]]
        return self.names[parts[0]] if parts[0] in self.names else BUILTINS[parts[0]]

    def _constant(self, parts: tuple[Any, ...], names: dict[str, Any]) -> Any:
        if parts[0] == "break":
            raise Break
        values = {"TRUE": logical([1]), "FALSE": logical([0]), "NA": logical([np.nan]), "NULL": None}
        return values[parts[0]] if parts[0] in values else np.array([np.inf if parts[0] == "Inf" else np.nan])

    def _block(self, parts: tuple[Any, ...], names: dict[str, Any]) -> Any:
        found = None
        for part in parts:
            found = self.value(part, names)
        return found

    def _function(self, parts: tuple[Any, ...], names: dict[str, Any]) -> Callable[..., Any]:
        parameters, body = parts
        order = [n if n else t.parts[0] for n, t in parameters]
        defaults = {n: t for n, t in parameters if n}

        def call(*given: Any, **named: Any) -> Any:
            local = {**names, **dict(zip(order, given, strict=False)), **named}
            if "..." in order:
                local["..."] = tuple(given[order.index("...") :])
            for name, tree in defaults.items():
                if name not in named and order.index(name) >= len(given):
                    local[name] = self.value(tree, local)
            try:
                return self.value(body, local)
            except Return as value:
                return value.args[0]

        return call

    def _if(self, parts: tuple[Any, ...], names: dict[str, Any]) -> Any:
        _, condition, body, other = parts
        if bool(self.value(condition, names)[0]):
            return self.value(body, names)
        return None if other is None else self.value(other, names)

    def _for(self, parts: tuple[Any, ...], names: dict[str, Any]) -> None:
        name, over, body, _ = parts
        for item in self.value(over, names):
            number = isinstance(item, int | float | np.number)
            names[name] = item if isinstance(item, np.ndarray) else np.array([item], None if number else object)
            try:
                self.value(body, names)
            except Break:
                return

    def _repeat(self, parts: tuple[Any, ...], names: dict[str, Any]) -> None:
        while True:
            try:
                self.value(parts[0], names)
            except Break:
                return

    def _assign(self, parts: tuple[Any, ...], names: dict[str, Any]) -> Any:
        target, tree = parts
        self.put(target, self.value(tree, names), names)

    def put(self, target: Any, value: Any, names: dict[str, Any]) -> None:
        """Assign to a name, a column, or some elements of either."""
        head, parts = target.head, target.parts
        if head == "name":
            names[parts[0]] = value
        elif head == "call":  # names(d) <- ...
            assert parts[0].parts[0] == "names"
            frame = self.value(parts[1][0][1], names)
            self.put(parts[1][0][1], Frame(zip(value.tolist(), frame.values(), strict=True)), names)
        elif head == "$" or (head == "[[" and isinstance(self.value(parts[0], names), Frame)):
            column = parts[1] if head == "$" else str(self.value(parts[1][0][1], names)[0])
            frame = Frame(self.value(parts[0], names))
            frame[column] = np.broadcast_to(value, (frame.rows,)).copy()
            self.put(parts[0], frame, names)
        else:
            old, index = self.value(parts[0], names), self.value(parts[1][0][1], names)
            if isinstance(old, Frame):
                new: Any = Frame({**old, **dict(zip(index.tolist(), value, strict=True))})
            else:
                new = old.copy()
                gone = old.dtype == object and value.dtype != object  # NA among text
                new[_places(index, len(old))] = None if gone else value if len(value) > 1 else value[0]
            self.put(parts[0], new, names)

    def _column(self, parts: tuple[Any, ...], names: dict[str, Any]) -> Any:
        frame = self.value(parts[0], names)
        return frame[parts[1]] if isinstance(frame, dict) else getattr(frame, parts[1])

    def _namespace(self, parts: tuple[Any, ...], names: dict[str, Any]) -> Any:
        return BUILTINS[parts[1]]

    def _element(self, parts: tuple[Any, ...], names: dict[str, Any]) -> Any:
        whole, index = self.value(parts[0], names), self.value(parts[1][0][1], names)
        if isinstance(whole, Named):
            whole = dict(zip(whole.names, whole.values[:, None], strict=True))
        if isinstance(whole, dict):
            return whole[str(index[0])] if index.dtype == object else list(whole.values())[int(index[0]) - 1]
        return whole[int(index[0]) - 1]

    def _some(self, parts: tuple[Any, ...], names: dict[str, Any]) -> Any:
        whole = self.value(parts[0], names)
        given = [None if t is None else self.value(t, names) for n, t in parts[1] if n != "drop"]
        return _subset(whole, given, any(n == "drop" for n, _ in parts[1]))

    def _call(self, parts: tuple[Any, ...], names: dict[str, Any]) -> Any:
        function, arguments = parts
        name = function.parts[0] if isinstance(function, Tree) and function.head == "name" else ""
        if name == "with":
            frame = self.value(arguments[0][1], names)
            return self.value(arguments[1][1], {**names, **frame})
        if name == "return":
            raise Return(self.value(arguments[0][1], names))
        if name == "library":
            return None
        given = []
        for n, t in arguments:
            if not n:
                value = self.value(t, names)
                given += value if isinstance(value, tuple) else (value,)
        named = {n.replace(".", "_"): self.value(t, names) for n, t in arguments if n}
        if name in ("cat", "print"):
            return self.printed(name, given)
        if name in ("feols", "fepois", "feglm"):
            return regression(name, given[0], **named)
        return self.value(function, names)(*given, **named)

    def printed(self, name: str, given: list[Any]) -> None:
        """Keep what a program says: a label, then the treatment's row; or an estimate and its error."""
        if name == "cat" and given[1][0] == "\n":
            self.label = str(given[0][0])
        elif name == "cat":
            self.found[str(given[0][0])] = float(given[4][0])
            self.estimate = float(given[2][0])
        elif isinstance(given[0], Named):
            self.estimate = float(given[0].values[0])
            self.found[self.label] = float(given[0].values[1])


def logical(values: Any) -> np.ndarray:
    """Make R's logical values."""
    return np.asarray(values, np.float32)


def _places(index: np.ndarray, size: int) -> np.ndarray:
    """Turn a mask or places from 1 into places from 0, -1 for NA."""
    if index.dtype == np.float32:
        return np.flatnonzero(np.resize(index, size) == 1)
    return np.where(np.isnan(index), 0, index).astype(np.int64) - 1


def _subset(whole: Any, given: list[Any], keep: bool = False) -> Any:
    if isinstance(whole, Frame):
        columns = given[0] if len(given) == 1 else given[1]
        frame = whole if columns is None else Frame({n: whole[n] for n in columns.tolist()})
        rows = None if len(given) == 1 else given[0]
        return frame if rows is None else frame.take(_places(rows, frame.rows))
    if isinstance(whole, Table):
        return whole.rows_and_columns(given)
    if isinstance(whole, Named):
        if given[0].dtype != object:
            return _subset(whole.values, given)
        at = [whole.names.index(n) if n in whole.names else -1 for n in given[0].tolist()]
        return np.array([whole.values[a] if a >= 0 else np.nan for a in at])
    if whole.ndim == 2:
        sides = zip(given, whole.shape, strict=True)
        rows, columns = (np.arange(n) if g is None else _places(g, n) for g, n in sides)
        found = whole[np.ix_(rows, columns)]
        return found if keep else found.ravel()
    at = _places(given[0], len(whole))
    beyond = (at < 0) | (at >= len(whole))
    if not beyond.any():
        return whole[at]
    nothing = np.array([None if whole.dtype == object else np.nan], whole.dtype)
    return np.append(whole, nothing)[np.where(beyond, -1, at)]


def _missing(x: np.ndarray) -> np.ndarray:
    return np.array([v is None for v in x]) if x.dtype == object else np.isnan(x)


def _compare(sign: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    functions = {
        "==": np.equal,
        "!=": np.not_equal,
        "<": np.less,
        "<=": np.less_equal,
        ">": np.greater,
        ">=": np.greater_equal,
    }

    def compare(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if (a.dtype == object) != (b.dtype == object):
            a, b = _text(a), _text(b)
        a, b = np.broadcast_arrays(a, b)
        gone = _missing(a) | _missing(b)
        out = np.full(len(gone), np.nan)
        out[~gone] = functions[sign](a[~gone], b[~gone])
        return logical(out)

    return compare


def _text(x: np.ndarray) -> np.ndarray:
    if x.dtype == np.float32:
        return np.array([None if np.isnan(v) else "TRUE" if v else "FALSE" for v in x], object)
    return x if x.dtype == object else np.array([None if np.isnan(v) else f"{v:.15g}" for v in x], object)


def _and(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = np.broadcast_arrays(a, b)
    return logical(np.where((a == 0) | (b == 0), 0.0, np.where(np.isnan(a) | np.isnan(b), np.nan, 1.0)))


def _or(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = np.broadcast_arrays(a, b)
    yes = ((a != 0) & ~np.isnan(a)) | ((b != 0) & ~np.isnan(b))
    return logical(np.where(yes, 1.0, np.where(np.isnan(a) | np.isnan(b), np.nan, 0.0)))


def _not(a: np.ndarray) -> np.ndarray:
    return logical(np.where(np.isnan(a), np.nan, (a == 0).astype(float)))


def _in(a: np.ndarray, values: np.ndarray) -> np.ndarray:
    if (a.dtype == object) != (values.dtype == object):
        a, values = _text(a), _text(values)
    found = set(values.tolist())
    nothing = any(v is None or v != v for v in found)
    return logical(np.array([float(nothing if v is None or v != v else v in found) for v in a.tolist()]))


def _less(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Subtract; a vector as long as a matrix is high is taken off each of its columns."""
    return a - (b[:, None] if a.ndim == 2 and b.ndim == 1 and len(b) == len(a) > 1 else b)


OPERATORS: dict[str, Callable[..., Any]] = {
    **{s: _compare(s) for s in ("==", "!=", "<", "<=", ">", ">=")},
    "+": np.add, "-": _less, "*": np.multiply, "/": np.divide, "^": np.float_power, "%%": np.mod,
    "%/%": lambda a, b: np.floor(a / b), "&": _and, "|": _or, "!": _not, "%in%": _in,
    "&&": _and, "||": _or,
    "%*%": lambda a, b: (a.values if isinstance(a, Named) else a) @ (b.values if isinstance(b, Named) else b),
    ":": lambda a, b: np.arange(a[0], b[0] + np.sign(b[0] - a[0] or 1) * 0.5, np.sign(b[0] - a[0] or 1)),
}  # fmt: skip
SPECIALS = {
    "name": "name", "constant": "constant", "{": "block", "function": "function", "if": "if", "for": "for",
    "repeat": "repeat", "<-": "assign", "=": "assign", "$": "column", "::": "namespace", "[[": "element", "[": "some",
    "call": "call",
}  # fmt: skip


def _read_csv(path: np.ndarray, na_strings: np.ndarray, colClasses: Any = None, **_: Any) -> Frame:
    frame = pl.read_csv(path[0], infer_schema=False)
    gone = set(na_strings.tolist())
    texts = set(colClasses.names) if isinstance(colClasses, Named) else set()
    found = Frame()
    for name in frame.columns:
        cells = np.array([None if c is None or c.strip() in gone else c.strip() for c in frame[name]], object)
        try:
            found[name] = cells if name in texts else np.array([np.nan if c is None else float(c) for c in cells])
        except ValueError:
            found[name] = cells
    return found


def _read_frame(frame: pl.DataFrame) -> Frame:
    def column(c: pl.Series) -> np.ndarray:
        if c.dtype == pl.String:
            return np.array([v or None for v in c], object)
        return c.cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()

    return Frame({c.name: column(c) for c in frame})


def _read_stata(path: np.ndarray) -> Frame:
    import pandas as pd

    table = pd.read_stata(path[0], convert_categoricals=False)
    return _read_frame(pl.from_pandas(table))


def _combine(*values: Any, **named: Any) -> Any:
    if any(isinstance(v, Frame) for v in values):  # c(d[effect], sep = "\r"), for do.call
        return Arguments([*values[0].values()], named)
    parts = [*values, *named.values()]
    if any(p.dtype == object for p in parts):
        parts = [_text(p) for p in parts]
    parts = [p.ravel(order="F") if p.ndim > 1 else p for p in parts]
    joined = np.concatenate(parts) if parts else np.zeros(0)
    return Named(joined, list(named)) if named and not values else joined


def _paste(*values: np.ndarray, sep: Any = None, collapse: Any = None) -> np.ndarray:
    between = " " if sep is None else sep[0]
    size = max(len(v) for v in values)
    texts = [["NA" if t is None else t for t in np.resize(_text(v), size).tolist()] for v in values]
    joined = [between.join(t) for t in zip(*texts, strict=True)]
    return np.array([collapse[0].join(joined)] if collapse is not None else joined, object)


def _match(x: np.ndarray, table: np.ndarray) -> np.ndarray:
    place: dict[Any, float] = {}
    for k, v in enumerate(table.tolist()):
        place.setdefault(v, k + 1.0)
    return np.array([place.get(v, np.nan) for v in x.tolist()])


def _function(found: Any) -> Callable[..., Any]:
    return found if callable(found) else BUILTINS[str(found[0])]


def _ave(x: np.ndarray, by: np.ndarray, FUN: Callable[..., Any]) -> np.ndarray:
    at = _levels(by)
    out = np.full(len(x), None if x.dtype == object else np.nan, x.dtype if x.dtype == object else float)
    for level in np.unique(at):
        out[at == level] = FUN(x[at == level])
    return out


def _levels(by: np.ndarray) -> np.ndarray:
    return numbered(np.array(["" if v is None else str(v) for v in by], object)) if by.dtype == object else numbered(by)


def _tapply(x: np.ndarray, by: np.ndarray, found: Any, **options: Any) -> Named:
    function = _function(found)
    texts = _text(by)
    names = sorted({t for t in texts if t is not None})
    return Named(np.array([function(x[texts == n], **options)[0] for n in names]), names)


def _quantile(x: np.ndarray, p: np.ndarray, **_: Any) -> np.ndarray:
    return np.nanquantile(x, p)


def _round(x: np.ndarray, digits: Any = None) -> np.ndarray:
    """Round what is nearer as decimal numbers are written; R's ties among represented candidates go to even."""
    return np.array([v if np.isnan(v) else float(round(v, int(digits[0]) if digits is not None else 0)) for v in x])


def _rank(x: np.ndarray) -> np.ndarray:
    return np.array([(np.sum(x < v) + np.sum(x <= v) + 1) / 2 for v in x])


def _cummax(x: np.ndarray) -> np.ndarray:
    return np.maximum.accumulate(x)  # which keeps NaN, as R does NA


def _rbind(frames: list[Frame]) -> Frame:
    return Frame({n: np.concatenate([f[n] for f in frames]) for n in frames[0]})


def _expand_grid(**columns: np.ndarray) -> Frame:
    """Cross columns, whose names begin with a dot where they begin with ``_`` here, the first varying fastest."""
    crossed = np.meshgrid(*columns.values(), indexing="ij")
    names = [f".{n[1:]}" if n.startswith("_") else n for n in columns]
    return Frame({n: c.ravel(order="F") for n, c in zip(names, crossed, strict=True)})


def _merge(x: Frame, y: Frame, all_x: np.ndarray) -> Frame:
    """Join by the columns of one name, with the rows of ``x`` that have no partner."""
    assert all_x[0] == 1
    keys = [n for n in x if n in y]
    place = {key: k for k, key in enumerate(zip(*(y[n].tolist() for n in keys), strict=True))}
    assert len(place) == y.rows
    at = np.array([place.get(key, -1) for key in zip(*(x[n].tolist() for n in keys), strict=True)])
    found = dict(x)
    for name in (n for n in y if n not in keys):
        nothing = np.array([None if y[name].dtype == object else np.nan], y[name].dtype)
        found[name] = np.append(y[name], nothing)[np.where(at < 0, y.rows, at)]
    return Frame(found)


def _approx(x: np.ndarray, y: np.ndarray, xout: np.ndarray) -> dict[str, np.ndarray]:
    order = np.argsort(x)
    return {"y": np.interp(xout, x[order], y[order], left=np.nan, right=np.nan)}


def _find_interval(x: np.ndarray, breaks: np.ndarray, left_open: Any = None) -> np.ndarray:
    test = np.greater if left_open is not None else np.greater_equal
    return np.where(np.isnan(x), np.nan, sum(test(x, b).astype(float) for b in breaks))


def _sort(x: np.ndarray, method: Any = None) -> np.ndarray:
    return np.array(sorted(v for v in x.tolist() if v is not None and v == v), x.dtype)


def _each(change: Callable[[str], Any]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.array([None if t is None else change(t) for t in x], object)


def _substr(x: np.ndarray, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    return _each(lambda t: t[int(start[0]) - 1 : int(stop[0])])(x)


def _order(*keys: np.ndarray, method: Any = None) -> np.ndarray:
    return np.lexsort([_levels(k) for k in keys[::-1]]) + 1.0


def _apply(matrix: np.ndarray, _: np.ndarray, function: Callable[..., Any]) -> np.ndarray:
    return np.array([function(row)[0] for row in matrix])


def _is_finite(x: np.ndarray) -> np.ndarray:
    return logical(np.zeros(len(x)) if x.dtype == object else np.isfinite(x))


def _grepl(pattern: np.ndarray, x: np.ndarray, perl: Any) -> np.ndarray:
    return logical([float(t is not None and re.search(pattern[0], t) is not None) for t in x])


def _sprintf(form: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.array(["NA" if np.isnan(v) else form[0] % v for v in x], object)


def _spline(natural: bool) -> Callable[..., np.ndarray]:
    """Return splines::bs or ns; that they are R's, test_functions_of_r says."""

    def columns(x: np.ndarray, knots: Any, Boundary_knots: np.ndarray, degree: Any = None) -> np.ndarray:
        inner = () if knots is None else tuple(knots.tolist())
        order = 3 if degree is None else int(degree[0])
        return Spline(natural, order, inner, tuple(Boundary_knots.tolist())).columns(x)

    return columns


def _poly(x: np.ndarray, degree: np.ndarray) -> np.ndarray:
    powers = np.vander(x - x.mean(), int(degree[0]) + 1, increasing=True)
    q, r = np.linalg.qr(powers)
    return (q * np.sign(np.diag(r)))[:, 1:]


def _ifelse(test: np.ndarray, yes: np.ndarray, no: np.ndarray) -> np.ndarray:
    text = yes.dtype == object or no.dtype == object
    test, yes, no = np.broadcast_arrays(test, _text(yes) if text else yes, _text(no) if text else no)
    out = np.where(np.nan_to_num(test, nan=0.0) != 0, yes, no)
    out[np.isnan(test)] = None if text else np.nan
    return out


def _extreme(function: Any) -> Callable[..., np.ndarray]:
    def extreme(*values: np.ndarray) -> np.ndarray:
        return np.asarray(function.reduce(np.broadcast_arrays(*values)))

    return extreme


def _summary(function: Any) -> Callable[..., np.ndarray]:
    def summary(*given: np.ndarray, na_rm: Any = None) -> np.ndarray:
        x = np.concatenate(given)
        known = x if na_rm is None else x[~np.isnan(x)]
        return np.array([function(known) if len(known) else np.nan])

    return summary


def _table(x: np.ndarray) -> Named:
    names, counts = np.unique(x.astype(str), return_counts=True)
    return Named(counts.astype(float), names.tolist())


def _unique(x: Any) -> Any:
    if isinstance(x, Frame):
        rows = list(dict.fromkeys(zip(*(c.tolist() for c in x.values()), strict=True)))
        return Frame({n: np.array([r[k] for r in rows]) for k, n in enumerate(x)})
    return np.array(list(dict.fromkeys(x.tolist())), x.dtype)


def _do_call(function: Callable[..., Any], given: Arguments) -> Any:
    return function(*given.columns, **given.named)


def _reduce(function: Callable[..., Any], x: np.ndarray) -> np.ndarray:
    found = x[:1]
    for value in x[1:]:
        found = function(found, np.array([value]))
    return found


class Table:
    """A matrix with names on both sides."""

    def __init__(self, values: np.ndarray, rows: list[str], columns: list[str]) -> None:
        self.values, self.rows, self.columns = values, rows, columns

    def rows_and_columns(self, given: list[Any]) -> Any:
        sides = zip(given, (self.rows, self.columns), strict=True)
        at = [None if g is None else [names.index(str(n)) for n in g.tolist()] for g, names in sides]
        if at[1] is None and at[0] is not None:
            return Named(self.values[at[0][0]], self.columns)
        return self.values[np.ix_(*at)]  # type: ignore[arg-type]


def _sapply(x: np.ndarray, function: Callable[..., Any]) -> Any:
    found = [function(np.array([v], x.dtype)) for v in x]
    if found and len(found[0]) > 1:
        return np.column_stack(found)
    values = np.array([f[0] for f in found])
    return Named(values, x.tolist()) if x.dtype == object else values


def _coeftable(fit: RFit, vcov: Any) -> Table:
    return Table(np.column_stack([fit.fit.beta, fit.errors(vcov)]), fit.fit.names, ["Estimate", "Std. Error"])


def _vcov(fit: RFit, vcov: Any, ssc: Any = None) -> Table:
    return Table(fit.covariance(vcov, ssc), fit.fit.names, fit.fit.names)


def _ssc(**given: Any) -> dict[str, Any]:
    """Read fixest's ssc(): what is counted, and which corrections are made."""
    exact = "no redundant" if "fixef_force_exact" in given else "nested out"
    return {
        "count": "every dummy" if "fixef_K" in given else exact,
        "adjust": "adj" not in given,
        "adjust_clusters": "cluster_adj" not in given,
    }


@dataclass
class RFit:
    """A fit with the data that its clusters are taken from."""

    fit: Fit
    data: Frame
    resid: np.ndarray | None = None

    def covariance(self, vcov: Any, ssc: Any = None) -> np.ndarray:
        options = ssc or {}
        if isinstance(vcov, Tree):
            clusters = [self.data[n][self.fit.rows] for n in _summands(vcov.parts[0])]
            return self.fit.vcov("cluster", clusters, **options)
        return self.fit.vcov(str(vcov[0]), **options)

    def errors(self, vcov: Any, ssc: Any = None) -> np.ndarray:
        return np.sqrt(np.maximum(np.diag(self.covariance(vcov, ssc)), 0))

    @property
    def nobs(self) -> np.ndarray:
        return np.array([float(len(self.fit.rows))])

    @property
    def nparams(self) -> np.ndarray:
        return np.array([float(self.fit.parameters(()))])


@dataclass
class QR:
    """R's qr(): columns that are combinations of earlier ones stand last."""

    q: np.ndarray
    r: np.ndarray
    pivot: np.ndarray
    rank: np.ndarray


def _qr(x: np.ndarray, tol: np.ndarray) -> QR:
    kept: list[int] = []
    basis = np.zeros((len(x), 0))
    for k, column in enumerate(x.T):
        rest = column - basis @ (basis.T @ column)
        rest = rest - basis @ (basis.T @ rest)
        if np.linalg.norm(rest) > tol[0] * np.linalg.norm(column):
            basis = np.column_stack([basis, rest / np.linalg.norm(rest)])
            kept.append(k)
    q, r = np.linalg.qr(x[:, kept])
    others = [k for k in range(x.shape[1]) if k not in kept]
    return QR(q, r, np.array([*kept, *others]) + 1.0, np.array([float(len(kept))]))


def _backsolve(r: np.ndarray, x: np.ndarray, transpose: Any = None) -> np.ndarray:
    return np.linalg.solve(r if transpose is None else r.T, x)


def _summands(tree: Tree) -> list[Any]:
    if tree.head == "+":
        return [*_summands(tree.parts[0]), *_summands(tree.parts[1])]
    return [tree.parts[0]] if tree.head == "name" else [tree]


def _effect(tree: Any, data: Frame) -> Absorbed:
    """Read ``a``, ``a^b``, ``a[x, z]``, ``(a^b)[[x]]``."""
    if isinstance(tree, str):
        return Absorbed(_levels(data[tree]))
    if tree.head in ("[", "[["):
        inner = _effect(tree.parts[0].parts[0] if tree.parts[0].head == "name" else tree.parts[0], data)
        return Absorbed(inner.codes, [data[t.parts[0]] for _, t in tree.parts[1]], tree.head == "[")
    names = []
    while isinstance(tree, Tree) and tree.head == "^":
        names.append(tree.parts[1].parts[0])
        tree = tree.parts[0]
    return Absorbed(numbered(*(_levels(data[n]) for n in [tree.parts[0], *names])))


def regression(name: str, formula: Tree, data: Frame, weights: Any = None, family: Any = None, **options: Any) -> RFit:
    outcome, right = formula.parts
    behind: list[Any] = []
    if isinstance(outcome, Tree) and outcome.head == "~":  # y ~ x | f | d ~ z
        return _two_stage(outcome, _summands(right), data, weights, options)
    if right.head == "|":
        right, effects = right.parts
        behind = _summands(effects)
    columns = {n: data[n] for n in _summands(right)}
    absorbed = [_effect(t, data) for t in behind]
    w = None if weights is None else data[weights.parts[0].parts[0]]
    y = data[outcome.parts[0]]
    if name == "feols":
        fit = RFit(least_squares(y, columns, absorbed, w, _singletons(options)), data)
        blocks = [*(e.columns() for e in absorbed), *(c[:, None] for c in columns.values())]
        design = np.hstack(blocks if absorbed else [np.ones((len(y), 1)), *blocks])
        root, size = 1.0 if w is None else np.sqrt(w), np.linalg.norm(design, axis=0).clip(1e-300)
        if w is not None and outcome.parts[0].startswith("."):  # a step of iterated least squares
            scaled = design / size * np.reshape(root, (-1, 1))
            fit.resid = y - design / size @ np.linalg.lstsq(scaled, y * root, rcond=1e-11)[0]
        return fit
    return RFit(likelihood(y, columns, absorbed, "poisson" if name == "fepois" else family, w), data)


def _singletons(options: dict[str, Any]) -> str:
    """Say how rows alone in a level go: fixest's manual has "just one pass, there is no recursivity"."""
    return "once" if options.get("fixef_rm", ["none"])[0] == "singleton" else ""


def _uniroot(f: Any, interval: np.ndarray, tol: np.ndarray) -> Frame:
    return Frame(root=_one(brentq(lambda k: float(f(_one(k))[0]), *interval, xtol=float(tol[0]))))


def _two_stage(formula: Tree, instruments: list[Any], data: Frame, weights: Any, options: Any) -> RFit:
    outcome, right = formula.parts
    exogenous, treatment = right.parts
    behind: list[Any] = []
    if isinstance(exogenous, Tree) and exogenous.head == "|":
        exogenous, effects = exogenous.parts
        behind = _summands(effects)
    columns = {n: data[n] for n in (_summands(exogenous) if isinstance(exogenous, Tree) else ())}  # else it is 1
    own = treatment.parts[0] if isinstance(treatment, Tree) else treatment
    w = None if weights is None else data[weights.parts[0].parts[0]]
    fit = two_stage(
        data[outcome.parts[0]],
        f"fit_{own}",
        data[own],
        columns,
        {n: data[n] for n in instruments},
        [_effect(t, data) for t in behind],
        w,
        _singletons(options),
    )
    return RFit(fit, data)


def _as_numbers(x: np.ndarray) -> np.ndarray:
    if x.dtype == object:
        return np.array([np.nan if v is None else float(v) for v in x])
    return x.astype(np.float64)


def _one(value: float) -> np.ndarray:
    return np.array([float(value)])


def _log(x: np.ndarray, base: Any = None) -> np.ndarray:
    return np.log(x) if base is None else np.log(x) / np.log(base)


def _plain(x: Any) -> np.ndarray:
    return x.values if isinstance(x, Named) else x


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _same(x: Any, **_: Any) -> Any:
    return x


def _did_multiplegt_dyn(**given: Any) -> Frame:
    """Run the authors' command by the audit's program."""
    frame, flags = given["df"], ("normalized", "same_switchers", "only_never_switchers")
    names = {"unit": "group", "t": "time", "y": "outcome", "d": "treatment"}
    columns = {new: frame[given[old][0]] for new, old in names.items()}
    columns["w"] = np.ones(frame.rows) if given["weight"] is None else frame[given["weight"][0]]
    columns["c"] = columns["unit"] if given["cluster"] is None else frame[given["cluster"][0]]
    options = {"effects": int(given["effects"][0])} | {n: bool(given[n][0]) for n in flags}
    found = {}
    for row, aggregate in (("ATE", "total"), ("Effects", "effect")):
        estimate, (error,) = average_of_changes(pd.DataFrame(columns), options | {"aggregate": aggregate}, ["c"])
        found[row] = np.tile([estimate, error], (options["effects"], 1))
    return Frame(results=Frame(**found))


def _synthdid(outcome: np.ndarray, controls: np.ndarray, before: np.ndarray) -> dict[str, Any]:
    """Stand in for R's synthdid, by the audit's weights."""
    count, first = int(controls[0]), int(before[0])
    omega, lam = weights_of(outcome[:count], outcome[count:].mean(axis=0), len(outcome) - count, first)
    return {"weights": {"omega": omega, "lambda": lam}}


BUILTINS: dict[str, Callable[..., Any]] = {
    "did_multiplegt_dyn": _did_multiplegt_dyn, "expand.grid": _expand_grid, "merge": _merge,
    "l10n_info": lambda: {"UTF-8": logical([1])},
    # data
    "read.csv": _read_csv, "read_dta": _read_stata,
    "read_parquet": lambda path: _read_frame(pl.read_parquet(path[0])),
    "zap_labels": _same, "as.data.frame": _same, "nrow": lambda x: _one(x.rows),
    "names": lambda x: np.array(x.names if isinstance(x, Named) else list(x), object),
    "complete.cases": lambda d: logical(~np.logical_or.reduce([_missing(c) for c in d.values()])),
    # vectors
    "c": _combine, "list": lambda *x, **named: named or list(x), "rep_len": lambda x, n: np.resize(x, int(n[0])),
    "rep": lambda x, n: np.resize(x, int(n[0])), "length": lambda x: _one(len(x)),
    "seq_len": lambda n: np.arange(1.0, n[0] + 1), "seq_along": lambda x: np.arange(1.0, len(x) + 1),
    "unique": _unique, "sort": _sort, "match": _match,
    "order": _order, "which": lambda x: np.flatnonzero(x == 1) + 1.0,
    "unname": _same, "intersect": lambda a, b: np.array([n for n in a.tolist() if n in b.tolist()], object),
    "drop": np.ravel,
    # what values are
    "is.na": lambda x: logical(_matrix_na(x)), "is.numeric": lambda x: logical([x.dtype == np.float64]),
    "is.logical": lambda x: logical([x.dtype == np.float32]), "is.finite": _is_finite,
    "anyNA": lambda x: logical([_missing(x).any()]), "as.numeric": _as_numbers, "as.character": _text,
    "trimws": lambda x: np.array([None if t is None else t.strip() for t in x], object), "paste": _paste,
    "paste0": lambda *x: _paste(*x, sep=[""]), "format": _same,
    # functions of numbers
    "exp": np.exp, "sqrt": np.sqrt, "abs": np.abs, "asinh": np.arcsinh, "log": _log, "log1p": np.log1p,
    "log10": np.log10, "round": _round, "ceiling": np.ceil, "floor": np.floor, "diff": np.diff, "ifelse": _ifelse,
    "pmin": _extreme(np.minimum), "pmax": _extreme(np.maximum), "min": _summary(np.min), "max": _summary(np.max),
    "mean": _summary(np.mean), "sd": _summary(lambda x: np.std(x, ddof=1)),
    "sum": lambda x, **_: _one(np.sum(_plain(x))), "quantile": _quantile, "poly": _poly,
    "bs": _spline(natural=False), "ns": _spline(natural=True),
    "median": _summary(np.median), "rank": _rank, "sign": np.sign, "cumsum": np.cumsum, "cummax": _cummax,
    "approx": _approx, "findInterval": _find_interval,
    # texts
    "substr": _substr, "tolower": _each(str.lower), "toupper": _each(str.upper), "grepl": _grepl, "sprintf": _sprintf,
    "chartr": lambda old, new, x: np.array([
        t.translate(str.maketrans(old[0], new[0])) if isinstance(t, str) else t for t in x
    ], object),
    "gsub": lambda pattern, new, x: np.array([
        None if t is None else re.sub(pattern[0], new[0], t) for t in x
    ], object),
    "nchar": lambda x: np.array([np.nan if t is None else float(len(t)) for t in x]),
    "inherits": lambda x, _: logical([0]),
    "is.character": lambda x: logical([x.dtype == object]),
    # functions of functions and groups
    "ave": _ave, "tapply": _tapply, "table": _table, "lapply": lambda x, f: [f(c) for c in x.values()],
    "match.fun": _function, "apply": _apply, "sapply": _sapply, "Reduce": _reduce, "do.call": _do_call,
    # matrices
    "rowSums": lambda x: x.sum(axis=1), "rowMeans": lambda x: x.mean(axis=1), "solve": np.linalg.inv,
    "rbind": lambda *x: (
        _rbind([d for d in x if isinstance(d, Frame)]) if any(isinstance(d, Frame) for d in x) else np.concatenate(x)
    ),
    "cbind": lambda *x: np.column_stack([c for c in x if c is not None and len(c)]),
    "outer": lambda a, b, _: (a[:, None] == b[None, :]).astype(np.float64), "crossprod": lambda a, b: a.T @ b,
    "qr": _qr, "qr.Q": lambda x: x.q, "qr.R": lambda x: x.r, "backsolve": _backsolve,
    # regressions
    "coef": lambda fit: Named(fit.fit.beta, fit.fit.names), "coeftable": _coeftable, "vcov": _vcov, "ssc": _ssc,
    "se": lambda fit, vcov, ssc=None: Named(fit.errors(vcov, ssc), fit.fit.names), "summary": _nothing,
    "fitstat": _nothing, "binomial": lambda link: str(link[0]), "resid": lambda fit: fit.resid, "digamma": digamma,
    "uniroot": _uniroot,
    "synthdid_estimate": _synthdid, "attr": lambda fit, name: fit[name[0]], "t": np.transpose,
    "colMeans": lambda x: x.mean(axis=0),
    "as.formula": lambda x: Parser(x[0]).program()[0],
    "degrees_freedom": lambda *_, **__: _one(np.nan), "pnorm": _same,
    "pt": lambda x, df: x,  # no p-value is looked at
}  # fmt: skip


def _matrix_na(x: Any) -> np.ndarray:
    return np.column_stack([_missing(c) for c in x.values()]) if isinstance(x, Frame) else _missing(x)


def read_back(path: Any, like: Frame) -> Frame:
    """Read a frame that R wrote, with text where the other has it."""
    frame = pl.read_csv(path, infer_schema=False)
    found = Frame()
    for name in frame.columns:
        cells = [None if c == "NA" else c for c in frame[name]]
        text = name in like and like[name].dtype == object
        found[name] = np.array(cells, object) if text else np.array([np.nan if c is None else float(c) for c in cells])
    return found
