"""Conditions of Stata: missing values are larger than all numbers there, and neither true nor false here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from specdid._draft.regression import Guard, NotReadError
from specdid._draft.stata_terms import lagged
from specdid.language import write_name

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"]*")|(?P<number>\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)|(?P<missing>\.(?![\w.]))"""
    r"""|(?P<name>(?:[LFDSlfds]\d*\.)?[^\W\d]\w*)|(?P<sign>==|!=|~=|>=|<=|[-+*/^()<>&|!~,]))"""
)
_FLIPPED = {"==": "!=", "!=": "==", ">": "<=", "<=": ">", "<": ">=", ">=": "<"}
_FUNCTIONS = {"abs": "abs", "ln": "log", "log": "log", "exp": "exp", "sqrt": "sqrt", "floor": "floor"}


@dataclass(frozen=True, slots=True)
class _Node:
    """``sign`` is an operator, a function's name, or one of "name", "number", "text", "missing" with its ``text``."""

    sign: str
    parts: tuple[_Node, ...] = ()
    text: str = ""


def condition(text: str, open_: Guard) -> str:
    """Translate a condition; ``open_`` says which columns may be missing where the regression has rows.

    Raises
    ------
    NotReadError
        It has no translation that is sure to choose the same rows.
    """
    return _truth(_Parser(text).whole(), False, open_)


class _Parser:
    """Precedence of Stata: all comparisons alike, then ``&``, then ``|``."""

    def __init__(self, text: str) -> None:
        self._text, self._tokens, at = text, list[tuple[str, str]](), 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise NotReadError(f"`{text}` has no translation")
            self._tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            at = found.end()
        self._tokens.append(("end", ""))

    def whole(self) -> _Node:
        node = self._level(0)
        if self._tokens[0][0] != "end":
            raise NotReadError(f"`{self._text}` has no translation")
        return node

    def _take(self, *signs: str) -> str:
        kind, text = self._tokens[0]
        if kind == "sign" and text in signs:
            del self._tokens[0]
            return text
        return ""

    def _level(self, depth: int) -> _Node:
        levels = (("|",), ("&",), ("==", "!=", "~=", ">=", "<=", "<", ">"), ("+", "-"), ("*", "/"))
        if depth == len(levels):
            return self._unary()
        left = self._level(depth + 1)
        while sign := self._take(*levels[depth]):
            left = _Node(sign.replace("~=", "!="), (left, self._level(depth + 1)))
        return left

    def _unary(self) -> _Node:
        if sign := self._take("!", "~", "-"):
            return _Node({"~": "!", "-": "minus"}.get(sign, sign), (self._unary(),))
        base = self._operand()
        return _Node("^", (base, self._unary())) if self._take("^") else base

    def _operand(self) -> _Node:
        if self._take("("):
            node = self._level(0)
            if not self._take(")"):
                raise NotReadError(f"`{self._text}` has no translation")
            return node
        kind, text = self._tokens.pop(0)
        if kind not in ("text", "number", "missing", "name"):
            raise NotReadError(f"`{self._text}` has no translation")
        if kind != "name" or not self._take("("):
            return _Node(kind, (), text)
        parts = [self._level(0)]
        while self._take(","):
            parts.append(self._level(0))
        if not self._take(")"):
            raise NotReadError(f"`{self._text}` has no translation")
        return _Node(text, tuple(parts))


def _value(node: _Node) -> str:
    """Write a value that is missing here where it is in Stata."""
    match node.sign:
        case "number" | "text":
            return node.text
        case "name" if "." in node.text:
            return lagged(*node.text.rsplit(".", 1)) or node.text
        case "name" if node.text not in ("_n", "_N"):
            return write_name(node.text)
        case "minus":
            return f"-{_bracketed(node.parts[0])}"
        case "+" | "-" | "*" | "^":
            return f" {node.sign} ".join(map(_bracketed, node.parts))
        case "/" if node.parts[1].sign == "number":
            return f"{_bracketed(node.parts[0])} / {node.parts[1].text}"
        case sign if sign in _FUNCTIONS and len(node.parts) == 1:
            return f"{_FUNCTIONS[sign]}({_value(node.parts[0])})"
    raise NotReadError(f"`{node.text or node.sign}` has no translation")


def _bracketed(node: _Node) -> str:
    written = _value(node)
    return f"({written})" if node.sign in ("+", "-", "*", "/", "^", "minus") else written


def _truth(node: _Node, negated: bool, open_: Guard) -> str:
    """Write what is true where Stata has it so, and FALSE or NA elsewhere; negation goes down to the comparisons."""
    match node.sign:
        case "!":
            return _truth(node.parts[0], not negated, open_)
        case "&" | "|":
            sign = {"&": "|", "|": "&"}[node.sign] if negated else node.sign
            written = [_truth(part, negated, open_) for part in node.parts]
            if sign == "&":
                written = [f"({one})" if _top(one, "|") else one for one in written]
            return f" {sign} ".join(written)
        case "==" | "!=" | "<" | "<=" | ">" | ">=":
            left, right = node.parts
            return _comparison(_FLIPPED[node.sign] if negated else node.sign, left, right, open_)
        case "missing" | "mi" if node.parts:
            tests = [f"{'!' * negated}is.na({_value(part)})" for part in node.parts]
            return (" & " if negated else " | ").join(tests)
        case "inlist" if len(node.parts) > 1:
            if not all(part.sign in ("number", "text", "minus") for part in node.parts[1:]):
                raise NotReadError("`inlist` of columns has no translation")
            one = f"{_bracketed(node.parts[0])} %in% c({', '.join(map(_value, node.parts[1:]))})"
            return f"!({one})" if negated else one
        case "inrange" if len(node.parts) == 3:
            x, low, high = node.parts
            return _truth(_Node("&", (_Node(">=", (x, low)), _Node("<=", (x, high)))), negated, open_)
        case "number":
            return "TRUE" if (float(node.text) != 0) is not negated else "FALSE"
        case "name" | "minus" | "+" | "-" | "*":
            return _comparison("==" if negated else "!=", node, _Node("number", (), "0"), open_)
    raise NotReadError(f"`{node.sign}` has no translation")


def _comparison(sign: str, left: _Node, right: _Node, open_: Guard) -> str:
    if left.sign in ("missing", "number", "text") and right.sign not in ("missing", "number", "text"):
        turned = {">": "<", "<": ">", ">=": "<=", "<=": ">="}.get(sign, sign)
        return _comparison(turned, right, left, open_)
    if right.sign == "missing" or (right.sign == "text" and right.text == '""'):
        if sign in ("==", ">="):
            return f"is.na({_value(left)})"
        if sign in ("!=", "<"):
            return f"!is.na({_value(left)})"
        raise NotReadError("a comparison with missing values has no translation")
    if sign in ("==", "!=") and any(one.sign == "number" and not float(one.text).is_integer() for one in (left, right)):
        raise NotReadError("whether a decimal number is equal turns on single precision")
    a, b = _bracketed(left), _bracketed(right)
    plain = f"{a} {sign} {b}"
    may_a, may_b = open_(_value(left)), right.sign not in ("number", "text") and open_(_value(right))
    more: list[str] = []
    if sign in (">", ">=") and may_a:
        more = [f"is.na({a})" + f" & !is.na({b})" * (sign == ">" and may_b)]
    elif sign in ("<", "<=") and may_b:
        more = [f"is.na({b})" + f" & !is.na({a})" * (sign == "<" and may_a)]
    elif sign == "!=" and (may_a or may_b):
        more = [f"is.na({a}) != is.na({b})" if may_a and may_b else f"is.na({a if may_a else b})"]
    elif sign == "==" and may_a and may_b:
        more = [f"is.na({a}) & is.na({b})"]
    return " | ".join([plain, *more])


def _top(text: str, sign: str) -> bool:
    """Say whether an operator stands outside all brackets and quotes."""
    depth, quoted = 0, False
    for letter in text:
        quoted ^= letter == '"'
        depth += 0 if quoted else (letter == "(") - (letter == ")")
        if letter == sign and not depth and not quoted:
            return True
    return False


def all_of(parts: Sequence[str]) -> str:
    """Join conditions that must all hold."""
    known = [part for part in parts if part != "TRUE"]
    if len(known) == 1:
        return known[0]
    return " & ".join(f"({part})" if _top(part, "|") else part for part in known) or "TRUE"
