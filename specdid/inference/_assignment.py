"""Permuting who was assigned: the columns of [inference] assign move between levels, whole paths at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from specdid.inference._base import Floats, Ints
from specdid.panel import Panel

Bools = NDArray[np.bool_]
STREAM = 1 << 32


@dataclasses.dataclass(frozen=True, slots=True)
class Assignment:
    """The assignment as a table of levels by periods.

    Attributes
    ----------
    level, period : (n,) int64, of each row, from 0.
    paths : column -> (L, T) float64
        The column's value for a level in a period; where a level is not observed in a
        period, its value in the period before (after, at the beginning).
    strata : (L,) int64
    """

    level: Ints
    period: Ints
    paths: Mapping[str, Floats]
    strata: Ints


@dataclasses.dataclass(frozen=True, slots=True)
class Moved:
    """What depends on the assignment: columns of values, row masks, columns of codes."""

    values: Bools
    rows: Bools
    codes: Bools


def make_assignment(panel: Panel, names: tuple[str, ...], level: Ints, strata: Ints | None) -> Assignment:
    """Lay out the assigned columns; ``level`` and ``strata`` are codes by row."""
    period = np.zeros(panel.n_rows, np.int64) if panel.periods is None else panel.periods - panel.periods.min()
    shape = (int(level.max()) + 1, int(period.max()) + 1)
    paths = {name: fill_path(_numbers(panel, name), level, period, shape) for name in names}
    of_level = np.zeros(shape[0], np.int64)
    if strata is not None:
        of_level[level] = strata
    return Assignment(level, period, paths, of_level)


def _numbers(panel: Panel, name: str) -> Floats:
    column = panel.columns[name]
    if column.numbers is not None:
        return column.numbers
    assert column.codes is not None
    return np.where(column.codes >= 0, column.codes, np.nan).astype(np.float64)


def fill_path(values: Floats, level: Ints, period: Ints, shape: tuple[int, int]) -> Floats:
    """Give values as a table of levels by periods; a hole has the value before it, or else after it."""
    table = np.full(shape, np.nan)
    known = ~np.isnan(values)
    table[level[known], period[known]] = values[known]
    for t in range(1, shape[1]):
        table[:, t] = np.where(np.isnan(table[:, t]), table[:, t - 1], table[:, t])
    for t in range(shape[1] - 2, -1, -1):
        table[:, t] = np.where(np.isnan(table[:, t]), table[:, t + 1], table[:, t])
    return table


def permute(panel: Panel, assignment: Assignment, seed: int, draw: int) -> Panel:
    """Give the panel with the assignment of draw ``draw``; the draw is seeded by its own number."""
    generator = np.random.Generator(np.random.Philox(key=[seed % 2**64, STREAM + draw]))
    source = np.arange(len(assignment.strata))
    for stratum in np.unique(assignment.strata):
        mine = np.flatnonzero(assignment.strata == stratum)
        source[mine] = generator.permutation(mine)
    columns = dict(panel.columns)
    for name, table in assignment.paths.items():
        moved = table[source[assignment.level], assignment.period]
        old = columns[name]
        if old.numbers is not None:
            columns[name] = dataclasses.replace(old, numbers=moved)
        else:
            columns[name] = dataclasses.replace(old, codes=np.where(np.isnan(moved), -1, moved).astype(np.int64))
    return dataclasses.replace(panel, columns=columns)
