"""Terms under the names that readers know them by."""

from __future__ import annotations

import re
from collections.abc import Mapping

from specdid.language.grammar import parse
from specdid.language.problems import LanguageError
from specdid.language.terms import Term, terms

_PLAIN = re.compile(r"[^\W\d]\w*( \+ [^\W\d]\w*)*")
"""A sum of bare names, as most labels of controls are; it need not be parsed."""
_LEVEL = re.compile(r"(?P<by>[^:]+)::(?P<level>[^:]+)(?::(?P<times>[^:]+))?")


def relabel(text: str, names: Mapping[str, str]) -> str:
    """Write a sum of terms with the names of its terms, or of the factors of an interaction.

    A text that is no sum of terms, as a label in words, stays as it is; a level of ``i()``, which
    fixest writes ``year::2004:lpop``, becomes ``year 2004 × lpop``.
    """
    if text in names:
        return names[text]
    level = _LEVEL.fullmatch(text)
    if level is not None:
        return _level(level, names)
    if not names:
        return text
    if _PLAIN.fullmatch(text) and len(set(parts := text.split(" + "))) == len(parts):
        return " + ".join(names.get(part, part) for part in parts)
    try:
        found = terms(parse(text)).written
    except LanguageError:
        return text
    if " + ".join(term.text for term in found) != text:
        return text
    return " + ".join(_named(term, names) for term in found)


def _level(level: re.Match[str], names: Mapping[str, str]) -> str:
    words = f"{names.get(level['by'], level['by'])} {level['level']}"
    times = level["times"]
    return words if times is None else f"{words} × {names.get(times, times)}"


def _named(term: Term, names: Mapping[str, str]) -> str:
    if term.text in names:
        return names[term.text]
    factors = [Term((factor,)).text for factor in term.factors]
    if any(factor in names for factor in factors):
        return " × ".join(names.get(factor, factor) for factor in factors)
    return term.text
