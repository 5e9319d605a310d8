"""Why a text is not an expression: the parser's stop, explained to a researcher."""

from __future__ import annotations

import re

from lark import Token
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from specdid._diagnostics import Span
from specdid.language.problems import Mistake
from specdid.language.scan import spans_of_code

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


def explain(text: str, stop: UnexpectedInput, before: Token | None) -> Mistake:
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
        return Mistake("operator", message, Span(place, place + special.end()), known)
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
        return Mistake("empty", "the expression is empty", Span(0, len(text)), help)
    span = Span(before.start_pos or 0, before.end_pos or 0)
    help = f"write what comes after `{before}`, or take it away"
    return Mistake("syntax", f"the expression ends after `{before}`", span, help)


def _adjacent(text: str, before: Token, token: Token, span: Span) -> Mistake:
    """Explain two values with nothing between them."""
    start = before.start_pos or 0
    for word, place in ((str(before), Span(start, before.end_pos or 0)), (str(token), span)):
        if word in _WORDS:
            return Mistake("keyword", f"`{word}` is not an operator here", place, _WORDS[word])
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
    return Mistake("syntax", f"an operator is missing before `{_short(token)}`", span, help, True)


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
        return Mistake("syntax", message, Span(before.start_pos or 0, span.stop), "a value is missing here", True)
    if before is None:
        return Mistake("syntax", f"nothing stands before `{token}`", span, "a value is missing here", True)
    return Mistake("syntax", f"`{_short(token)}` cannot stand after `{_short(before)}`", span)


def _short(token: Token) -> str:
    return str(token) if len(token) <= 30 else f"{token[:27]}..."
