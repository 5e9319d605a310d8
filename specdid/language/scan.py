"""The look at an expression's characters before it is parsed.

Finds, all at once, what can never belong to the language: full-width punctuation,
invisible characters, and the operators and words of R, Python, Stata and SQL that have
another spelling here. Text and backticked names are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from specdid._diagnostics import Span
from specdid.language.tree import MAX_DEPTH, MAX_LENGTH, Mistake

RESERVED = {
    "if": "write `ifelse(condition, yes, no)`",
    "else": "write `ifelse(condition, yes, no)`",
    "function": "a spec file holds expressions of columns; it cannot define functions",
    "for": "every expression already runs over all rows",
    "while": "every expression already runs over all rows",
    "repeat": "every expression already runs over all rows",
    "next": "every expression already runs over all rows",
    "break": "every expression already runs over all rows",
    "in": "write `%in%`, as in `year %in% c(2010, 2012)`",
    "NULL": "write `NA` for a missing value",
    "NaN": "write `NA` for a missing value",
    "Inf": "there is no infinity here; `NA` is a missing value",
    "NA_integer_": "write `NA`",
    "NA_real_": "write `NA`",
    "NA_character_": "write `NA`",
    "NA_complex_": "write `NA`",
}
WORD_CONSTANTS = {"TRUE": True, "T": True, "FALSE": False, "F": False, "NA": None}
CONSTANTS_AND_KEYWORDS = frozenset((*RESERVED, *WORD_CONSTANTS))
"""Words that no column's name can be without backticks."""

OPERATORS = {
    "&&": ("`&&` looks at one value, not at a column", "write `&`"),
    "||": ("`||` looks at one value, not at a column", "write `|`"),
    "**": ("`**` is not a power here", "write `^`"),
    "<<-": ("`<<-` assigns, which no expression may do", "define new columns in [derive]"),
    "<-": ("`<-` assigns, which no expression may do", "for `less than minus`, write a space: `< -`"),
    "->": ("`->` assigns, which no expression may do", "define new columns in [derive]"),
    ":=": ("`:=` assigns, which no expression may do", "define new columns in [derive]"),
    "|>": ("pipes are not part of the language", "write the call inside out: `log(x)`"),
    "===": ("`===` is not a comparison here", "write `==`"),
    "<>": ("`<>` is not a comparison here", "write `!=`"),
    "~=": ("`~=` is not a comparison here", "write `!=`"),
    "=<": ("`=<` is not a comparison here", "write `<=`"),
    "=>": ("`=>` is not a comparison here", "write `>=`"),
    "::": ("there are no packages to call", "write the function's name alone, as in `log(x)`"),
    "##": ("`##` is Stata's interaction", "write `a*b` for both variables and their product"),
    "#": ("`#` cannot stand in an expression", "write `a:b` for an interaction; comments stand outside"),
    "$": ("`$` takes a part of an object, and there are only columns", "write the column's name alone"),
    "@": ("`@` takes a part of an object, and there are only columns", "write the column's name alone"),
    ";": ("`;` separates expressions, and only one can stand here", "keep one expression"),
    "{": ("blocks in braces are not part of the language", "use parentheses: `(a + b)`"),
    "}": ("blocks in braces are not part of the language", "use parentheses: `(a + b)`"),
    "\\": ("`\\` cannot stand in an expression", "write functions by name, as in `log(x)`"),
    "?": ("`?` cannot stand in an expression", "write `ifelse(condition, yes, no)`"),
}
PUNCTUATION = {
    "≥": ">=", "≤": "<=", "≠": "!=", "−": "-", "–": "-", "—": "-", "×": "*", "÷": "/", "“": '"', "”": '"', "‘": "'",
    "’": "'", "、": ",", "。": ".",
}  # fmt: skip
"""What word processors and input methods make of signs, beside full-width ones."""
_PIECE = re.compile(
    r"""(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`)"""
    r"|(?P<special>%[^%\s]*%)"
    r"|(?P<word>[\w.]+)"
    r"|(?P<operator>===|<<-|==|!=|<=|>=|&&|\|\||\*\*|<-|->|:=|\|>|<>|~=|=<|=>|::|\#\#|[\#$@;{}\\?])"
    r"|(?P<other>[^\x20-\x7e\t\r\n])"
    r"|(?P<plain>.|\s)",
    re.DOTALL,
)
_NAME = re.compile(r"(?:[^\W\d_]|\.(?![\d.]))[\w.]*")
_HIDDEN_IN_TEXT = re.compile("[\x00\u202a-\u202e\u2066-\u2069]")


def scan(text: str) -> tuple[Mistake, ...]:
    """Return the problems that the characters alone give away, in order of place."""
    if len(text) > MAX_LENGTH:
        message = f"the expression has {len(text):,} characters; at most {MAX_LENGTH:,} are read"
        return (Mistake("too_large", message, Span(MAX_LENGTH, len(text)), "use macros or `regex()`"),)
    return (*_characters(text), *_nesting(text))


def spans_of_code(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield (kind, characters, start) of the pieces of ``text``."""
    for match in _PIECE.finditer(text):
        yield match.lastgroup or "plain", match.group(), match.start()


def _characters(text: str) -> Iterator[Mistake]:
    for kind, piece, start in spans_of_code(text):
        if kind == "quoted":
            for hidden in _HIDDEN_IN_TEXT.finditer(piece):
                yield _foreign(hidden.group(), start + hidden.start())
        elif kind == "word":
            if piece in RESERVED:
                message = f"`{piece}` cannot stand in an expression"
                yield Mistake("syntax", message, _span(piece, start), RESERVED[piece])
        elif kind == "operator" and piece in OPERATORS:
            yield Mistake("syntax", OPERATORS[piece][0], _span(piece, start), OPERATORS[piece][1])
        elif kind == "other" or (kind == "plain" and piece < " " and piece not in "\t\r\n"):
            yield _foreign(piece, start)


def _foreign(character: str, start: int) -> Mistake:
    from unicodedata import category, name, normalize

    words = f"{name(character, 'control character').lower()}, U+{ord(character):04X}"
    if category(character) in ("Cc", "Cf", "Zs", "Zl", "Zp", "Mn", "Cs", "Co", "Cn") and character != "\u3000":
        return Mistake("syntax", f"invisible character: {words}", _span(character, start), "delete it")
    plain = PUNCTUATION.get(character, normalize("NFKC", character))
    help = "put a column's name that holds it in backticks"
    if plain.isascii():
        help = f"write `{'^' if plain.isdigit() else ''}{plain}`, or {help}"
    message = f"`{character}` ({words}) cannot stand in an expression"
    return Mistake("syntax", message, _span(character, start), help)


def _span(piece: str, start: int) -> Span:
    return Span(start, start + len(piece))


def _nesting(text: str) -> Iterator[Mistake]:
    depth = 0
    for kind, piece, start in spans_of_code(text):
        if kind == "plain":
            depth += (piece in "([") - (piece in ")]")
            if depth > MAX_DEPTH:
                message = f"brackets are nested more than {MAX_DEPTH} deep"
                yield Mistake("too_large", message, _span(piece, start), "define parts in [derive]")
                return


@lru_cache(4096)
def plain_name(name: str) -> bool:
    """Tell whether ``name`` can be written without backticks."""
    return bool(_NAME.fullmatch(name)) and name not in CONSTANTS_AND_KEYWORDS
