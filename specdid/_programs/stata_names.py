"""Texts in Stata: literals without quotes, macros or line ends in them, and comments that end where they should."""

from __future__ import annotations

from collections.abc import Iterable

from specdid._programs.names import comment

WIDTH = 96
INFINITY = "maxdouble()"
"""Stands for infinity, which Stata lacks; missing would be larger still."""
_PLAIN = " _-.,:;()[]{}<>=+*%&|!?#@^~/"


def literal(text: str) -> str:
    """Write a text as an expression: what could end a string or start a macro is given by its code."""
    parts: list[str] = []
    run = ""
    for character in text:
        if character.isalnum() or character in _PLAIN:
            run += character
            continue
        if run:
            parts.append(f'"{run}"')
        parts.append(f"uchar({ord(character)})")
        run = ""
    if run or not parts:
        parts.append(f'"{run}"')
    return " + ".join(parts)


def remark(text: str) -> str:
    """Write a comment's text without what begins or ends comments, strings or macros."""
    plain = "".join(c if c.isalnum() or c in _PLAIN else " " for c in text)
    while any(pair in plain for pair in ("//", "/*", "*/")):
        plain = plain.replace("//", "/ /").replace("/*", "/ *").replace("*/", "* /")
    return comment(plain)


def printable(text: str) -> str:
    """Return a text that can be displayed between plain quotes."""
    return "".join(c if c.isalnum() or c in _PLAIN else " " for c in text)


def filled(before: str, words: Iterable[str], after: str) -> list[str]:
    """Fill a list of names into lines that go on with ///."""
    lines, current = [], before
    for word in words:
        if len(current) + len(word) > WIDTH:
            lines.append(current + " ///")
            current = "   "
        current += f" {word}"
    return [*lines, current + after]
