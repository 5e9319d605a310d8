"""Name patterns: which are accepted, and which columns they match."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence

from specdid.language.problems import LanguageError, Mistake
from specdid.language.tree import Call, Text

MAX_PATTERN = 200
MAX_REPEAT = 100
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
    if len(pattern) > MAX_PATTERN:
        return f"is longer than {MAX_PATTERN} characters", None
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
            if any(int(count) > MAX_REPEAT for count in re.findall(r"\d+", text)):
                return f"repeats more than {MAX_REPEAT} times", None
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
