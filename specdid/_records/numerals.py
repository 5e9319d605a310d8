"""How numbers are written for readers, the same in the figure and in the summary."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from specdid._words import ENGLISH, say, spoken

MINUS = "−"


def ordinal(n: int) -> str:
    """Write 1st, 2nd, 3rd, 4th, 11th, 21st; in other languages as they say it."""
    if spoken() != ENGLISH:
        return say("the {n:,}th", n=n)
    suffix = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n:,}{suffix}"


_SINGULAR = {"are": "is", "have": "has", "were": "was", "change": "changes", "disagree": "disagrees"}


def specifications(n: int, words: str = "") -> str:
    """Write ``12 specifications are …``; of one the verbs agree with it: ``1 specification is …``."""
    if n == 1:
        words = re.sub(r"\b(?:are|have|were|change|disagree)\b", lambda verb: _SINGULAR[verb[0]], words)
    return f"{n:,} specification{'' if n == 1 else 's'}{f' {words}' if words else ''}"


def counted(n: int) -> str:
    """Write how many specifications there are, in the language that is written in."""
    return say("{n:,} specification" if n == 1 else "{n:,} specifications", n=n)


def decimals_for(values: NDArray[np.float64]) -> int:
    """Return the decimals that show three digits of the largest value, at most 15.

    And two of half of the values, without their signs: of -6604, -0.36 and 0.15 the median is no 0.
    """
    sizes = np.abs(values)
    largest, middle = float(sizes.max()), float(np.median(sizes))
    digits = [k - np.floor(np.log10(size)) for k, size in ((2, largest), (1, middle)) if size > 0]
    return int(np.clip(max(digits, default=0), 0, 15))


def percent(share: float, digits: int = 0) -> str:
    """Write a share in percent, with more ``digits`` where these tell some from none and most from all."""
    while digits < 6 and 0 < share < 1 and f"{share:.{digits}%}" in (f"{0:.{digits}%}", f"{1:.{digits}%}"):
        digits += 1
    return f"{share:.{digits}%}"


def minus(text: str) -> str:
    """Write minus signs for the hyphens of a number as Python writes it."""
    return text.replace("-", MINUS)


def signed(text: str) -> str:
    """Write a number as Python does with a minus sign, and a zero without a sign."""
    return minus(text) if float(text.replace(",", "")) else text.lstrip("+-")


def degrees(df: float, form: str = "g") -> str:
    """Write degrees of freedom: those of a chi² divided by its own are infinite."""
    return "∞" if np.isinf(df) else f"{df:{form}}"


_LEVELS, _MOST = (0.01, 0.05, 0.1), 6
"""What tests are judged at, and the digits beyond which nothing is told apart from these."""


def p_digits(p: float) -> str:
    """Write a p-value to three decimals, or as many more as tell it from a level that rounding would make it."""
    digits = 3
    while digits < _MOST and float(text := f"{p:.{digits}f}") in _LEVELS and abs(p - float(text)) > 1e-9:
        digits += 1
    if float(f"{p:.{digits}f}") in _LEVELS:
        digits = 3
    return f"{p:.{digits}f}"


def p_text(p: float) -> str:
    """Write a p-value as `p_digits` does, or that it is below the last of three decimals."""
    return "p < 0.001" if p < 0.001 else f"p = {p_digits(p)}"
