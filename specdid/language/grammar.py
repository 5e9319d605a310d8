"""From text to tree: R's grammar with exact spans (grammar.lark holds the rules), and why a text is no expression."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import cast

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from specdid._diagnostics import Span
from specdid.language.scan import WORD_CONSTANTS, scan, spans_of_code
from specdid.language.tree import (
    Argument,
    Binary,
    Call,
    Constant,
    LanguageError,
    Macro,
    Mistake,
    Name,
    Node,
    Number,
    Text,
    Unary,
    chain,
    too_deep,
)

_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|u\{[0-9a-fA-F]{1,4}\}|u[0-9a-fA-F]{1,4}|U[0-9a-fA-F]{1,8}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_VALUES = ("NAME", "BACKTICK", "MACRO", "NUMBER", "TEXT", "DOTS", "LEFT")
_ENDS = ("NAME", "BACKTICK", "MACRO", "NUMBER", "TEXT", "RIGHT", "CLOSE")
_CLOSERS = {"(": ")", "[": "]"}
_WORDS = {
    "and": "write `&`",
    "AND": "write `&`",
    "or": "write `|`",
    "OR": "write `|`",
    "not": "write `!`, as in `!(a == 1)`",
    "NOT": "write `!`, as in `!(a == 1)`",
    "is": "write `==`, or `is.na(x)` for missing values",
    "lambda": "expressions cannot define functions",
    "import": "a spec file is data; it cannot import anything",
    "from": "a spec file is data; it cannot import anything",
    "by": "write `mean(x, by = g)`",
    "where": "conditions stand in [sample]",
}
_SPECIALS = {
    "%between%": "write `between(x, 1, 2)`",
    "%inrange%": "write `between(x, 1, 2)`",
    "%chin%": "write `%in%`",
    "%notin%": "write `!(x %in% c(1, 2))`",
    "%nin%": "write `!(x %in% c(1, 2))`",
    "%ilike%": 'write `tolower(x) %like% "a"`',
    "%flike%": 'write `x %like% "a"`',
}
OUTCOME_LISTS = ("c", "sw")


@dataclass(frozen=True, slots=True)
class _Part:
    """A node, and how far it reaches with the parentheses around it."""

    node: Node
    start: int
    stop: int


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
    found = _read(text)
    if isinstance(found, tuple):
        raise LanguageError(found)
    return found


@lru_cache(8192)
def _read(text: str) -> Node | tuple[Mistake, ...]:
    """Return the tree or what is wrong, which is kept as well: a reader of code tries the same text again and again."""
    if problems := scan(text):
        return problems
    try:
        part = cast(_Part, _parser().parse(text))
    except UnexpectedInput as stop:
        return (_explain(text, stop, _last_token(text, stop)),)
    problem = too_deep(part.node)
    return (problem,) if problem else part.node


def _last_token(text: str, stop: UnexpectedInput) -> Token | None:
    if not isinstance(stop, UnexpectedToken):
        return None
    end = len(text) if stop.token.type == "$END" else stop.token.start_pos
    tokens = list(_lexer().lex(text[:end]))
    return tokens[-1] if tokens else None


@cache
def _parser() -> Lark:
    return Lark(_rules(), parser="lalr", lexer="basic", transformer=_Build())


@cache
def _lexer() -> Lark:
    """Return the lexer alone: a parser makes itself a new one at every call of ``lex``."""
    return Lark(_rules(), parser=None, lexer="basic")


def _rules() -> str:
    return Path(__file__).with_name("grammar.lark").read_text("utf-8")


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
        raise LanguageError(Mistake("syntax", f"`{token}` is too large a number", span))
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
    raise LanguageError(Mistake("syntax", f"unknown escape `\\{code}`", span, help))


def _explain(text: str, stop: UnexpectedInput, before: Token | None) -> Mistake:
    """Say what is wrong where the parser stopped, ``before`` being the token it took last."""
    unbalanced = _unbalanced(text)
    if isinstance(stop, UnexpectedCharacters):
        return _unreadable(text, stop.pos_in_stream or 0)
    if not isinstance(stop, UnexpectedToken):
        return Mistake("syntax", "this is not an expression", Span(0, len(text)))
    token = stop.token
    if token.type == "$END":
        return unbalanced or _unfinished(text, before)
    if token.type in ("RIGHT", "CLOSE") and unbalanced and unbalanced.span.start <= (token.start_pos or 0):
        return unbalanced
    span = Span(token.start_pos or 0, token.end_pos or 0)
    if token.type in _VALUES and before is not None and before.type in _ENDS:
        return _adjacent(text, before, token, span)
    return _misplaced(token, before, span)


def _unreadable(text: str, place: int) -> Mistake:
    character = text[place]
    rest = Span(place, len(text))
    if character in "\"'":
        return Mistake("syntax", f"the text is never closed: no second `{character}`", rest, f"add `{character}`")
    if character == "`":
        if text[place : place + 2] == "``":
            return Mistake("syntax", "a name in backticks cannot be empty", Span(place, place + 2))
        return Mistake("syntax", "the name is never closed: no second backtick", rest, "add a backtick")
    if special := re.match(r"%[^%\s]*%", text[place:]):
        known = "the operators in percent signs are `%in%`, `%like%`, `%%` and `%/%`"
        known = _SPECIALS.get(special.group(), known)
        message = f"no operator `{special.group()}`"
        return Mistake("syntax", message, Span(place, place + special.end()), known)
    if character == "%":
        help = "the operators in percent signs are `%in%`, `%like%`, `%%` (remainder) and `%/%`"
        return Mistake("syntax", "a single `%` is no operator", Span(place, place + 1), help)
    if character == "_":
        if digits := re.search(r"[0-9]+$", text[:place]):
            span = Span(digits.start(), place + 1)
            return Mistake("syntax", "a number has no `_` in it", span, "write it without, as in `1000`")
        end = place + len(re.match(r"[\w.]*", text[place:]).group())  # type: ignore[union-attr]
        help = f"put it in backticks: `` `{text[place:end]}` ``"
        return Mistake("syntax", "a name cannot begin with `_`", Span(place, end), help)
    return Mistake("syntax", f"`{character}` cannot stand in an expression", Span(place, place + 1))


def _unbalanced(text: str) -> Mistake | None:
    """Find the first bracket that closes nothing, else the last one that is never closed."""
    opened: list[tuple[str, int]] = []
    for kind, piece, start in spans_of_code(text):
        if kind != "plain" or piece not in "()[]":
            continue
        span = Span(start, start + 1)
        if piece in "([":
            opened.append((piece, start))
        elif not opened:
            return Mistake("syntax", f"`{piece}` closes nothing", span, "delete it, or add the opening bracket")
        elif _CLOSERS[opened[-1][0]] != piece:
            wanted = _CLOSERS[opened[-1][0]]
            message = f"`{piece}` cannot close the `{opened[-1][0]}` before it"
            return Mistake("syntax", message, span, f"write `{wanted}`")
        else:
            opened.pop()
    if opened:
        bracket, start = opened[-1]
        message = f"`{bracket}` is never closed"
        return Mistake("syntax", message, Span(start, start + 1), f"add `{_CLOSERS[bracket]}`")
    return None


def _unfinished(text: str, before: Token | None) -> Mistake:
    if before is None:
        help = "write `1` for no controls, `0` for no fixed effects, `TRUE` for all rows"
        return Mistake("syntax", "the expression is empty", Span(0, len(text)), help)
    span = Span(before.start_pos or 0, before.end_pos or 0)
    help = f"write what comes after `{before}`, or take it away"
    return Mistake("syntax", f"the expression ends after `{before}`", span, help)


def _adjacent(text: str, before: Token, token: Token, span: Span) -> Mistake:
    """Explain two values with nothing between them."""
    start = before.start_pos or 0
    for word, place in ((str(before), Span(start, before.end_pos or 0)), (str(token), span)):
        if word in _WORDS:
            return Mistake("syntax", f"`{word}` is not an operator here", place, _WORDS[word])
    touching = before.end_pos == token.start_pos
    if before.type == "NUMBER" and token.type == "NAME" and touching:
        whole = f"{before}{token}"
        help = f"write `{before} * {token}`, or `` `{whole}` `` if that is the column's name"
        return Mistake("syntax", "a name cannot begin with a digit", Span(start, span.stop), help)
    if token.type == "LEFT":
        message = f"`{text[start : before.end_pos]}` is not a function that `(` could call"
        return Mistake("syntax", message, span, "write `*` to multiply")
    if token.type == "TEXT" and before.type == "NAME" and touching:
        message = f"texts have no prefix `{before}` here"
        return Mistake("syntax", message, Span(start, span.stop), f"write {token}")
    help = "write the operator: `+` adds a term, `*` multiplies, `&` joins conditions"
    return Mistake("syntax", f"an operator is missing before `{_short(token)}`", span, help)


def _misplaced(token: Token, before: Token | None, span: Span) -> Mistake:
    if token.type == "EQUALS":
        return Mistake("syntax", "`=` does not compare", span, "write `==`")
    if token.type == "COMPARE" and before is not None and before.type in _ENDS:
        help = "join two comparisons, as in `a < b & b < c`"
        return Mistake("syntax", "comparisons cannot be chained", span, help)
    if token.type == "COMMA":
        help = "a list is written `c(a, b)`; alternatives are `sw(a, b)`"
        return Mistake("syntax", "a comma can stand only between a function's arguments", span, help)
    if token.type == "TILDE":
        help = "`~` stands once, between the outcome and the right-hand side"
        return Mistake("syntax", "`~` cannot stand inside an expression", span, help)
    if before is not None and before.type not in _ENDS:
        message = f"nothing stands between `{before}` and `{token}`"
        return Mistake("syntax", message, Span(before.start_pos or 0, span.stop), "a value is missing here")
    if before is None:
        return Mistake("syntax", f"nothing stands before `{token}`", span, "a value is missing here")
    return Mistake("syntax", f"`{_short(token)}` cannot stand after `{_short(before)}`", span)


def _short(token: Token) -> str:
    return str(token) if len(token) <= 30 else f"{token[:27]}..."


@dataclass(frozen=True, slots=True)
class FormulaParts:
    """``c(y1, y2) ~ right | effects``; ``effects`` is None where there is no bar."""

    outcomes: tuple[Node, ...]
    right: Node
    effects: Node | None


def formula_parts(node: Node) -> FormulaParts:
    """Split a formula into its two or three parts.

    Raises
    ------
    LanguageError
        There is no ``~``, nothing on its left, or a part too many.
    """
    if isinstance(node, Unary) and node.operator == "~":
        problem = Mistake("syntax", "no outcome stands before `~`", node.span, "write `y ~ x | f`")
        raise LanguageError(problem)
    if not (isinstance(node, Binary) and node.operator == "~"):
        help = "write `outcome ~ treatment + controls | fixed effects`"
        raise LanguageError(Mistake("syntax", "a formula has a `~`", node.span, help))
    if isinstance(node.left, Binary) and node.left.operator == "~":
        help = 'instruments of the treatment stand in a table of their own: [instruments] "z" = "z1 + z2"'
        raise LanguageError(Mistake("syntax", "a formula has one `~`", node.span, help))
    right = chain(node.right, "|")
    if len(right) > 2:
        help = "the parts are `outcome ~ terms | fixed effects`; clusters stand in [vcov]"
        raise LanguageError(Mistake("syntax", "a formula has at most one `|`", right[2].span, help))
    return FormulaParts(outcomes(node.left), right[0], right[1] if len(right) == 2 else None)


def outcomes(node: Node) -> tuple[Node, ...]:
    """Return the outcomes that ``c(y1, y2)`` or ``sw(y1, y2)`` lists, else the one."""
    if isinstance(node, Call) and node.function in OUTCOME_LISTS:
        listed = tuple(a.value for a in node.arguments if a.value is not None)
        return listed or (node,)
    return (node,)
