"""Words that several analyses write: rows of the panel, columns of the table, facts of a fit."""

from __future__ import annotations

from collections.abc import Sequence

from specdid import _plugins
from specdid.analyses._cells import Cell, Cells
from specdid.analyses._coefficients import CellFit, Coefficient
from specdid.panel import Panel
from specdid.panel.columns import cell_text
from specdid.tables._base import Cell as Value

COEFFICIENT = ("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high", "df")
PANELS = 8
"""Columns of an analysis that a figure shows in panels of their own."""
SIZES = ("nobs", "n_units", "n_treated", "n_control", "n_clusters", "r2", "r2_within")


def numbers_of(coefficient: Coefficient | None) -> tuple[Value, ...]:
    """Return a coefficient's numbers in the order of COEFFICIENT, empty where there is none."""
    if coefficient is None:
        return (None,) * len(COEFFICIENT)
    c = coefficient
    return (c.estimate, c.std_error, c.statistic, c.p_value, c.conf_low, c.conf_high, c.df)


def sizes_of(fit: CellFit, vcov: int) -> tuple[Value, ...]:
    """Return what a regression counts and explains, in the order of SIZES; empty where it failed."""
    if fit.failure is not None:
        return (None,) * len(SIZES)
    found = (fit.nobs, fit.n_units, fit.n_treated, fit.n_control, int(fit.n_clusters[vcov]))
    return (*(n if n >= 0 else None for n in found), fit.r2, fit.r2_within)


def labels_of(cells: Cells) -> tuple[str, ...]:
    """Return the dimensions whose labels a tidy row holds."""
    return tuple(cells[0].labels) if len(cells) else ()


def heading(cells: Cells, cell: Cell) -> str:
    """Return a column's name in one line."""
    return cells.shown(cell)


def axis_of(cell: Cell) -> str:
    """Return what effects must share to stand on one axis: the outcome, in the same unit."""
    unit = _plugins.load("estimators", cell.method).unit
    return f"{unit} of {cell.labels['outcome']}" if unit else cell.labels["outcome"]


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
    return f" The first {most} of {total:,} columns are drawn." if total > most else ""


def listed(words: Sequence[str]) -> str:
    """Join words: ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
