"""Words and numbers that several analyses write: rows of the panel, columns of the table, decimals in print."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from specdid import _plugins
from specdid._records.numerals import p_digits, signed
from specdid._words import said_list, say
from specdid.analyses._cells import Cell, Cells
from specdid.language.terms import relabel
from specdid.panel import Panel
from specdid.panel.columns import cell_text

Label = Callable[[str], str]
"""Gives the display text of a term."""
PANELS = 8
"""Columns of an analysis that a figure shows in panels of their own."""
_MOST = 5
"""Decimals in a table of coefficients."""
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
LEAST = 0.001
"""Smaller p-values are only said to be below it."""


def labels_of(cells: Cells) -> tuple[str, ...]:
    """Return the dimensions whose labels a tidy row holds."""
    return tuple(cells[0].labels) if len(cells) else ()


def axis_of(cell: Cell) -> str:
    """Return what effects must share to stand on one axis: the scale, else the outcome, in the same unit."""
    plan = cell.plan
    scale = int(plan.scale[cell.place])
    if scale >= 0:
        return plan.scales[scale]
    unit = _plugins.load("estimators", cell.method).unit
    return f"{unit} of {cell.labels['outcome']}" if unit else cell.labels["outcome"]


def scale_of(cell: Cell, cells: Cells) -> str:
    """Return the scale that a cell's outcome declares, as readers know it; nothing where it declares none."""
    scale = int(cell.plan.scale[cell.place])
    return relabel(cell.plan.scales[scale], cells.names) if scale >= 0 else ""


def unit_name(panel: Panel, row: int) -> str:
    """Name the unit of a row: ``city_id 17``."""
    if panel.unit is None:
        return f"row {panel.row_number(row):,}"
    return f"{panel.unit} {cell_text(panel.columns[panel.unit], row)}"


def time_name(panel: Panel, row: int) -> str:
    """Return the time of a row as the data write it."""
    return cell_text(panel.columns[panel.time], row) if panel.time is not None else f"row {panel.row_number(row):,}"


def shown(total: int, most: int = PANELS) -> str:
    """Say that a figure has the first of many columns; empty where it has all."""
    return say(" The first {most} of {total:,} columns are drawn.", most=most, total=total) if total > most else ""


def listed(words: Sequence[str]) -> str:
    """Join words in English, as warnings have them: ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def decimals(errors: Iterable[float]) -> int:
    """Return the decimals of a table: two digits of its smallest error up to 4 decimals, one of it up to 5, at least 3.

    Errors that need more have no say: their rows are written in powers of ten, see `estimate_and_error`.
    """
    known = [need for e in errors if np.isfinite(e) and e > 0 and (need := -int(np.floor(np.log10(e)))) <= _MOST]
    return max(3, *(max(need, min(need + 1, 4)) for need in known)) if known else 3


def estimate_and_error(value: float, error: float, places: int = 3) -> tuple[str, str]:
    """Write an estimate and its standard error in parentheses to the same decimals.

    An estimate that rounds to zero says below what it is, in size; where the error itself rounds to zero, both are
    written in powers of ten.
    """
    least = 10.0**-places
    if np.isfinite(error) and 0 < error < least / 2:
        return _power(value), f"({_power(error)})"
    if 0 < abs(value) < least / 2:
        return f"{'<' if value > 0 else '>'} {signed(f'{np.copysign(least, value):.{places}f}')}", in_parentheses(
            error, places
        )
    return number(value, places), in_parentheses(error, places)


def _power(value: float) -> str:
    """Write a number with two digits and a power of ten."""
    if not np.isfinite(value):
        return ""
    digits, power = f"{value:.1e}".split("e")
    return f"{signed(digits)}×10{str(int(power)).translate(_RAISED)}" if value else "0"


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


def units_text(count: int, word: str = "unit") -> str:
    """Write a count: ``1 unit``, ``12 clusters``."""
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def p_value(p: float) -> str:
    """Write a p-value: three decimals or what `p_digits` needs, or that it is below the last of them."""
    if not np.isfinite(p):
        return ""
    return f"< {LEAST}" if p < LEAST else p_digits(p)


def p_is(p: float) -> str:
    """Write a p-value as a relation, for a sentence: ``= 0.012`` or ``< 0.001``."""
    return p_value(p) if p < LEAST else f"= {p_value(p)}"


def of_columns(words: Iterable[tuple[int, str]]) -> Iterator[str]:
    """Say what holds of columns (from 1), where it is the same of several once."""
    places: dict[str, list[str]] = {}
    for k, own in words:
        if own:
            places.setdefault(own, []).append(f"({k})")
    for own, columns in places.items():
        listed = said_list(columns)
        if len(columns) > 1:
            yield say("Columns {columns}: {words}.", columns=listed, words=own)
        else:
            yield say("Column {column}: {words}.", column=listed, words=own)
