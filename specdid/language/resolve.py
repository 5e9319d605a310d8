"""Macros and name patterns replaced by what they stand for."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from specdid._diagnostics import Span, closest
from specdid.language.functions import PATTERNS, STEPWISE, argument
from specdid.language.tree import (
    MAX_CHAIN,
    Argument,
    Binary,
    Call,
    LanguageError,
    Macro,
    Mistake,
    Name,
    Node,
    Number,
    Text,
    Unary,
    chain,
    joined,
    too_deep,
)

_MAX_NODES = 50_000
_MAX_PATTERN = 200
_MAX_REPEAT = 100
UNNAMEABLE = "`"
"""What no name in a formula can hold, with backticks or without."""
_TOKEN = re.compile(
    r"(?P<escape>\\.)"
    r"|(?P<set>\[\^?\]?(?:\[:\w+:\]|\\.|[^\]\\])*\])"
    r"|(?P<extension>\(\?)"
    r"|(?P<open>\()|(?P<close>\))"
    r"|(?P<repeat>[*+]|\{\d*,?\d*\})"
    r"|(?P<option>\?)|(?P<either>\|)"
    r"|(?P<other>.)",
    re.DOTALL,
)


def resolve(node: Node, macros: Mapping[str, Node], columns: Sequence[str]) -> Node:
    """Return ``node`` with macros, ``regex()``, ``..()`` and ``each()`` written out.

    What comes out of a macro or a pattern has its place where the macro or pattern stands.

    Raises
    ------
    LanguageError
        An unknown macro, a circle, a pattern that matches nothing, or too much of all.
    """
    resolved = _Resolver(macros, columns).resolve(node, None, ())
    if problem := too_deep(resolved):
        raise LanguageError(problem)
    return resolved


@dataclass(slots=True)
class _Resolver:
    macros: Mapping[str, Node]
    columns: Sequence[str]
    made: int = field(default=0)

    def resolve(self, node: Node, place: Span | None, path: tuple[str, ...]) -> Node:
        """Write out ``node``, putting it at ``place`` where it comes from a macro on ``path``."""
        span = place or node.span
        self.made += 1
        if self.made > _MAX_NODES:
            raise LanguageError(Mistake("too_large", "the macros stand for too long an expression", span))
        match node:
            case Macro():
                return self._macro(node, span, path)
            case Unary():
                return Unary(node.operator, self.resolve(node.operand, place, path), span)
            case Binary():
                left = self.resolve(node.left, place, path)
                right = self.resolve(node.right, place, path)
                return _spliced(node, left, right, span)
            case Call() if node.function in PATTERNS:
                return joined([Name(name, span) for name in self._matching(node, span)])
            case Call():
                return self._call(node, span, place, path)
            case _:
                return node if place is None else replace(node, span=place)

    def _macro(self, macro: Macro, span: Span, path: tuple[str, ...]) -> Node:
        if macro.name in path:
            circle = " → ".join(f"..{name}" for name in (*path[path.index(macro.name) :], macro.name))
            help = "a macro cannot hold itself"
            raise LanguageError(Mistake("circular", f"the macros go in a circle: {circle}", span, help))
        if macro.name not in self.macros:
            near = closest(macro.name, list(self.macros))
            help = f"did you mean `..{near}`?" if near else "define it in [macros]"
            raise LanguageError(Mistake("unknown_name", f"no macro `..{macro.name}`", span, help))
        return self.resolve(self.macros[macro.name], span, (*path, macro.name))

    def _call(self, call: Call, span: Span, place: Span | None, path: tuple[str, ...]) -> Node:
        arguments: list[Argument] = []
        for given in call.arguments:
            value = given.value
            if call.function in STEPWISE and isinstance(value, Call) and value.function == "each":
                at = place or value.span
                arguments += [Argument(Name(name, at), None, at) for name in self._matching(value, at)]
            elif value is None:
                arguments.append(given if place is None else replace(given, span=place))
            else:
                inner = self.resolve(value, place, path)
                arguments.append(Argument(inner, given.name, place or given.span))
        return _lags(replace(call, arguments=tuple(arguments), span=span))

    def _matching(self, call: Call, span: Span) -> list[str]:
        pattern = argument(call, "pattern")
        if not isinstance(pattern, Text):
            problem = Mistake("arguments", f"`{call.function}()` takes one pattern in quotes", span)
            raise LanguageError(problem)
        at = span if span != call.span else pattern.span
        found = matching(replace(call, span=span), replace(pattern, span=at), self.columns)
        if len(found) > MAX_CHAIN:
            message = f"the pattern matches {len(found):,} columns; at most {MAX_CHAIN} fit into one block"
            raise LanguageError(Mistake("too_many", message, span))
        self.made += len(found)
        return found


def _spliced(node: Binary, left: Node, right: Node, span: Span) -> Node:
    """Add a block's terms one by one, so that sums stay flat: ``x + (a + b)`` is ``x + a + b``."""
    block = isinstance(node.right, Macro) or (isinstance(node.right, Call) and node.right.function in PATTERNS)
    if node.operator != "+" or not block:
        return Binary(node.operator, left, right, span)
    for part in chain(right, "+"):
        left = Binary("+", left, part, span)
    return left


def _lags(call: Call) -> Node:
    """Write ``l(x, 1:2)`` out as ``l(x, 1) + l(x, 2)``."""
    if call.function not in ("l", "f", "d"):
        return call
    value, lag = argument(call, "x"), argument(call, "k")
    lags = lag_values(lag) if isinstance(lag, Binary | Call) else ()
    if value is None or not lags:
        return call
    return joined([_lagged(call, value, k) for k in lags])


def _lagged(call: Call, value: Node, k: int) -> Node:
    number: Node = Number(float(abs(k)), call.span)
    number = Unary("-", number, call.span) if k < 0 else number
    return Call(call.function, (Argument(value), Argument(number)), call.span)


def lag_values(node: Node | None) -> tuple[int, ...]:
    """Return the lags that ``1``, ``-1``, ``1:3`` or ``c(1, 3)`` stand for; none if not whole."""
    match node:
        case Number() if node.value == int(node.value):
            return (int(node.value),)
        case Unary(operator="-" | "+"):
            sign = -1 if node.operator == "-" else 1
            return tuple(sign * k for k in lag_values(node.operand))
        case Binary(operator=":"):
            first, last = lag_values(node.left), lag_values(node.right)
            if len(first) != 1 or len(last) != 1 or abs(last[0] - first[0]) > 100:
                return ()
            step = 1 if last[0] >= first[0] else -1
            return tuple(range(first[0], last[0] + step, step))
        case Call(function="c"):
            return tuple(k for a in node.arguments for k in lag_values(a.value))
        case _:
            return ()


def pattern_problem(pattern: Text) -> Mistake | None:
    """Return what is wrong with a regular expression, or None.

    Only what any engine matches in linear time is accepted: no look-around, no
    back-references, no repeats inside repeats, counts up to 100.
    """
    reason = _refused(pattern.value) or _broken(pattern.value)
    if reason is None:
        return None
    return Mistake("regex", f"the pattern {reason[0]}", pattern.span, reason[1])


def matching(call: Call, pattern: Text, columns: Sequence[str]) -> list[str]:
    """Return the columns in which ``pattern`` is found, in data order; never one that no formula can name.

    Raises
    ------
    LanguageError
        The pattern is refused or matches no column.
    """
    if problem := pattern_problem(pattern):
        raise LanguageError(problem)
    import polars as pl

    names = pl.Series("name", [c for c in columns if UNNAMEABLE not in c], dtype=pl.String)
    try:
        found = names.filter(names.str.contains(pattern.value)).to_list()
    except pl.exceptions.PolarsError:
        problem = Mistake("regex", "the pattern cannot be read", pattern.span)
        raise LanguageError(problem) from None
    if not found:
        help = "`^` is the beginning of a name, `$` its end"
        raise LanguageError(Mistake("regex", "the pattern matches no column", call.span, help))
    return found


def _refused(pattern: str) -> tuple[str, str | None] | None:
    if len(pattern) > _MAX_PATTERN:
        return f"is longer than {_MAX_PATTERN} characters", None
    repeats = [False]
    closed: bool | None = None
    for token in _TOKEN.finditer(pattern):
        kind, text = token.lastgroup, token.group()
        if kind == "extension":
            return "has `(?`, which is not part of the language", "write plain groups `( )`"
        if kind == "escape" and text[1].isdigit():
            return f"has the back-reference `{text}`", "write the text out"
        if kind == "repeat":
            if closed:
                return "repeats a group that repeats or branches itself", "repeat single characters only"
            if any(int(count) > _MAX_REPEAT for count in re.findall(r"\d+", text)):
                return f"repeats more than {_MAX_REPEAT} times", None
            repeats[-1] = True
        if kind in ("either", "option"):
            repeats[-1] = True
        if kind == "open":
            repeats.append(False)
        closed = None
        if kind == "close" and len(repeats) > 1:
            closed = repeats.pop()
            repeats[-1] |= closed
        elif kind in ("repeat", "option"):
            closed = True
    return None


def _broken(pattern: str) -> tuple[str, str | None] | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            return f"cannot be read: {error}", None
    return None
