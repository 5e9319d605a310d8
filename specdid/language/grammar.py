"""From text to tree: R's grammar with exact spans (grammar.lark holds the rules)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import cast

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedInput, UnexpectedToken

from specdid._diagnostics import Span
from specdid.language.limits import too_deep
from specdid.language.problems import LanguageError, Mistake
from specdid.language.scan import WORD_CONSTANTS, scan
from specdid.language.syntax import explain
from specdid.language.tree import (
    Argument,
    Binary,
    Call,
    Constant,
    Macro,
    Name,
    Node,
    Number,
    Text,
    Unary,
)

_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|u\{[0-9a-fA-F]{1,4}\}|u[0-9a-fA-F]{1,4}|U[0-9a-fA-F]{1,8}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


@dataclass(frozen=True, slots=True)
class _Part:
    """A node, and how far it reaches with the parentheses around it."""

    node: Node
    start: int
    stop: int


@lru_cache(8192)
def parse(text: str) -> Node:
    """Read an expression of the formula language.

    Parameters
    ----------
    text : str
        Up to 10,000 characters, nested up to 50 deep.

    Returns
    -------
    Node
        R's parse tree, its spans counting characters of ``text`` from 0.

    Raises
    ------
    LanguageError
        The text is not an expression; every problem the characters give away is
        reported at once, else the first place where the grammar stops.
    """
    if problems := scan(text):
        raise LanguageError(problems)
    try:
        part = cast(_Part, _parser().parse(text))
    except UnexpectedInput as stop:
        raise LanguageError(explain(text, stop, _last_token(text, stop))) from None
    if problem := too_deep(part.node):
        raise LanguageError(problem)
    return part.node


def _last_token(text: str, stop: UnexpectedInput) -> Token | None:
    if not isinstance(stop, UnexpectedToken):
        return None
    end = len(text) if stop.token.type == "$END" else stop.token.start_pos
    tokens = list(_parser().lex(text[:end]))
    return tokens[-1] if tokens else None


@cache
def _parser() -> Lark:
    rules = Path(__file__).with_name("grammar.lark").read_text("utf-8")
    return Lark(rules, parser="lalr", lexer="basic", transformer=_Build())


@v_args(inline=True)
class _Build(Transformer[Token, _Part]):
    """Builds nodes from the bottom up while the text is parsed, without recursion."""

    def start(self, part: _Part) -> _Part:
        return part

    def unary(self, operator: Token, operand: _Part) -> _Part:
        start, stop = _offset(operator), operand.stop
        return _Part(Unary(str(operator), operand.node, Span(start, stop)), start, stop)

    def binary(self, left: _Part, operator: Token, right: _Part) -> _Part:
        span = Span(left.start, right.stop)
        return _Part(Binary(str(operator), left.node, right.node, span), span.start, span.stop)

    def bracket(self, left: _Part, opening: Token, right: _Part, *closing: Token) -> _Part:
        span = Span(left.start, _end(closing[-1]))
        return _Part(Binary(str(opening), left.node, right.node, span), span.start, span.stop)

    def parentheses(self, left: Token, part: _Part, right: Token) -> _Part:
        return _Part(part.node, _offset(left), _end(right))

    def name(self, token: Token) -> _Part:
        word = str(token)
        if word in WORD_CONSTANTS:
            return _leaf(Constant(WORD_CONSTANTS[word]), token)
        return _leaf(Name(word), token)

    def backtick(self, token: Token) -> _Part:
        return _leaf(Name(_unquoted(token)), token)

    def macro(self, token: Token) -> _Part:
        return _leaf(Macro(str(token)[2:]), token)

    def number(self, token: Token) -> _Part:
        return _leaf(Number(_value(token)), token)

    def text(self, token: Token) -> _Part:
        return _leaf(Text(_unquoted(token)), token)

    def call(self, function: Token, arguments: tuple[tuple[Argument, ...], int]) -> _Part:
        name = _unquoted(function) if function.type == "BACKTICK" else str(function)
        start, stop = _offset(function), arguments[1]
        return _Part(Call(name, arguments[0], Span(start, stop)), start, stop)

    def arguments(self, left: Token, *pieces: Token | Argument) -> tuple[tuple[Argument, ...], int]:
        """Return empty arguments the place where they would stand."""
        arguments: list[Argument] = []
        edge = _end(left)
        for piece in pieces:
            if isinstance(piece, Token):
                edge = _end(piece)
            else:
                empty = piece.value is None
                arguments.append(replace(piece, span=Span(edge, edge)) if empty else piece)
        if len(arguments) == 1 and arguments[0].value is None:
            arguments = []
        return tuple(arguments), edge

    def positional(self, value: _Part) -> Argument:
        return Argument(value.node, None, Span(value.start, value.stop))

    def named(self, name: Token, _: Token, value: _Part) -> Argument:
        text = str(name) if name.type == "NAME" else _unquoted(name)
        return Argument(value.node, text, Span(_offset(name), value.stop))

    def argument(self) -> Argument:
        return Argument(None)


def _leaf(node: Name | Macro | Number | Text | Constant, token: Token) -> _Part:
    start, stop = _offset(token), _end(token)
    return _Part(replace(node, span=Span(start, stop)), start, stop)


def _offset(token: Token) -> int:
    return token.start_pos or 0


def _end(token: Token) -> int:
    return token.end_pos or 0


def _value(token: Token) -> float:
    digits = str(token).removesuffix("L")
    number = float(int(digits, 16)) if digits[:2] in ("0x", "0X") and len(digits) < 200 else _float(digits)
    if math.isinf(number):
        span = Span(_offset(token), _end(token))
        raise LanguageError(Mistake("number", f"`{token}` is too large a number", span))
    return number


def _float(digits: str) -> float:
    return float(digits) if digits[:2] not in ("0x", "0X") else math.inf


def _unquoted(token: Token) -> str:
    """Take off quotes or backticks and resolve R's escapes."""
    inner = str(token)[1:-1]
    quote = str(token)[0]
    pieces, done = [], 0
    for match in _ESCAPE.finditer(inner):
        pieces += [inner[done : match.start()], _escape(match.group(1), quote, token, match.start())]
        done = match.end()
    return "".join([*pieces, inner[done:]])


def _escape(code: str, quote: str, token: Token, offset: int) -> str:
    if code in _ESCAPES:
        return _ESCAPES[code]
    if code in ("\\", "'", '"', "`", "\n"):
        return code
    digits = code[1:].strip("{}")
    value = int(digits, 16) if digits else 0
    if (code[0] in "xuU" and 0 < value < 0xD800) or 0xDFFF < value < 0x110000:
        return chr(value)
    start = _offset(token) + 1 + offset
    help = f"write `\\\\{code[0]}` for a backslash and `{code[0]}`" if quote != "`" else None
    span = Span(start, start + 1 + len(code))
    raise LanguageError(Mistake("escape", f"unknown escape `\\{code}`", span, help))
