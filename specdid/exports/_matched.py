"""A matched sample written out: which units (or rows) it holds, with their weights."""

from __future__ import annotations

import numpy as np

from specdid import _plugins
from specdid._plan.matches import MatchChoice, MatchSettings
from specdid._programs.script import MatchedUnits
from specdid.engine.matched import MatchRecipe, match_rows
from specdid.engine.problem import Floats
from specdid.exports._program import Program
from specdid.language import write
from specdid.panel import Column


def matched_units(program: Program, match: MatchChoice, recipe: MatchRecipe) -> MatchedUnits:
    """Match, and write the result as keys and weights: units where each has one weight, else their periods.

    Which units a match takes depends on ties and on the last digits of a score, so that a
    program which matched again in another language could reproduce the paper only by luck.
    """
    panel = program.panel
    weights = match_rows(recipe, panel, program.evaluator).weights
    names = [name for name in (panel.unit, panel.time) if name is not None]
    if panel.unit is not None and (recipe.at is not None or _one_weight(panel.unit_codes, weights)):
        names = names[:1]
    rows = np.flatnonzero(weights > 0)
    columns = [panel.columns[name] for name in names]
    found: dict[tuple[float | str, ...], float] = {}
    for row in rows.tolist():
        key = tuple(_cell(c, row) for c in columns) if panel.unit is not None else (float(panel.row_number(row)),)
        found.setdefault(key, float(weights[row]))
    by = tuple(program.data_column(name) for name in names) if panel.unit is not None else ()
    return MatchedUnits(by, tuple(found), tuple(found.values()), _words(match))


def _one_weight(units: np.ndarray | None, weights: Floats) -> bool:
    """Say whether each unit has one weight, in all of its rows."""
    if units is None:
        return False
    by_unit = np.zeros(int(units.max()) + 1)
    by_unit[units] = weights
    return bool((by_unit[units] == weights).all())


def _cell(column: Column, row: int) -> float | str:
    if column.numbers is not None:
        return float(column.numbers[row])
    assert column.codes is not None
    return column.levels[int(column.codes[row])]


def _words(match: MatchChoice) -> tuple[str, ...]:
    """Say how the sample was matched."""
    lines = [f"{match.method} matching on {' + '.join(t.text for t in match.on)}"]
    if match.treated is not None:
        lines.append(f"treated: {write(match.treated)}")
    lines.append("period by period" if match.at is None else f"on the rows where {write(match.at)}")
    if match.exact:
        lines.append(f"only within equal values of {' + '.join(map(write, match.exact))}")
    honoured = _plugins.load("matching", match.method).settings
    written = [(name, getattr(match.settings, name)) for name in MatchSettings.__slots__ if name in honoured]
    lines.append(", ".join(f"{name} = {value}" for name, value in written if value is not None))
    return tuple(line for line in lines if line)
