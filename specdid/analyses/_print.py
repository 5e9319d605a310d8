"""How numbers stand in printed tables: the same number of decimals in a column of numbers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from specdid._records.numerals import signed

LEAST = 0.001
"""Smaller p-values are only said to be below it."""


def decimals(errors: Iterable[float]) -> int:
    """Return the decimals that show two digits of the smallest finite error: at least 3, at most 6."""
    known = [e for e in errors if np.isfinite(e) and e > 0]
    return int(np.clip(1 - np.floor(np.log10(min(known))), 3, 6)) if known else 3


def number(value: float | None, places: int = 3) -> str:
    """Write a number with a true minus sign; empty where there is none."""
    if value is None or not np.isfinite(value):
        return ""
    return signed(f"{value:,.{places}f}")


def in_parentheses(value: float | None, places: int = 3) -> str:
    """Write a standard error; empty where there is none."""
    text = number(value, places)
    return f"({text})" if text else ""


def count(value: int) -> str:
    """Write a count; empty where it is unknown (negative)."""
    return f"{value:,}" if value >= 0 else ""


def p_value(p: float) -> str:
    """Write a p-value: three decimals, or that it is below the last of them."""
    if not np.isfinite(p):
        return ""
    return f"< {LEAST}" if p < LEAST else f"{p:.3f}"


def p_is(p: float) -> str:
    """Write a p-value as a relation, for a sentence: ``= 0.012`` or ``< 0.001``."""
    return p_value(p) if p < LEAST else f"= {p_value(p)}"
