"""Cells as text, as R prints them."""

from __future__ import annotations

from specdid.panel.columns import Column


def cell_text(column: Column, row: int) -> str:
    """Write one cell as R prints it: whole numbers without a point, missing as NA."""
    if column.numbers is None:
        assert column.codes is not None
        code = int(column.codes[row])
        return column.levels[code] if code >= 0 else "NA"
    return number_text(float(column.numbers[row]))


def number_text(value: float) -> str:
    """Write a number in the fewest digits (15 at most), whole ones without a point."""
    if value != value:
        return "NA"
    if value in (float("inf"), float("-inf")):
        return "Inf" if value > 0 else "-Inf"
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.15g}"
