"""From a plan and its panel to the engine's arrays: which columns each specification is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specdid import _shelf
from specdid._diagnostics import Fault
from specdid._plan import Plan, Status
from specdid._plan.contents import Contents
from specdid._study import Core
from specdid.engine.columns import Columns, Recipe
from specdid.engine.match_members import match_warnings
from specdid.engine.member_table import MemberTable
from specdid.engine.problem import Ints, Members, Problem, Vcov
from specdid.language import bind
from specdid.language.tree import Name
from specdid.panel import Evaluator, Panel


@dataclass(frozen=True, slots=True)
class Compiled:
    """What is to be estimated, as arrays.

    Attributes
    ----------
    problem, members
        Every planned specification, in plan order.
    method : (S,) int64
        The estimator's choice in ``plan.grid.estimators``.
    cohort : (S,) int64
        Column of values with the first treated period (NaN: never treated), or -1.
    time : column of values with the time index, or -1.
    batched : (S,) bool
        True where the least-squares engine takes the specification.
    value_recipes, code_recipes, row_recipes
        How to evaluate each column of values and codes and each row mask again.
    warnings
        What matched samples lost, located at their ``match``.
    """

    problem: Problem
    members: Members
    method: Ints
    cohort: Ints
    time: int
    batched: NDArray[np.bool_]
    value_recipes: tuple[Recipe, ...]
    code_recipes: tuple[Recipe, ...]
    row_recipes: tuple[Recipe, ...]
    warnings: tuple[Fault, ...] = ()


def compile_plan(plan: Plan, panel: Panel, evaluator: Evaluator | None = None) -> Compiled:
    """Evaluate every column the planned specifications need and index them.

    Returns
    -------
    Compiled
        Members are the specifications with status PLANNED, in plan order.
    """
    columns = Columns(panel, evaluator or Evaluator(panel))
    contents = [Contents(plan.grid, s) for s in plan.grid.settings]
    index = np.flatnonzero(plan.status == Status.PLANNED)
    table = MemberTable(plan, index)
    time = _time(columns, panel)
    for s, content in enumerate(contents):
        table.fill(columns, content, np.flatnonzero(plan.setting[index] == s), time)
    extra = _common(plan, index, columns, table) if plan.study.missing == "common" else table.blank()
    base = contents[0]
    members = table.members(index, extra)
    batched = np.array([_shelf.load("estimators", e.method).batched for e in plan.grid.estimators])
    vcovs = _vcovs(plan, columns, base)
    problem = _problem(plan, panel, columns, base, vcovs)
    return Compiled(
        problem,
        members,
        table.method,
        table.cohort,
        time,
        batched[table.method],
        tuple(columns.value_recipes),
        tuple(columns.code_recipes),
        tuple(columns.row_recipes),
        match_warnings(plan, table.notes),
    )


def _time(columns: Columns, panel: Panel) -> int:
    if panel.periods is None:
        return -1
    return columns.add("time:", panel.periods.astype(np.float64), panel.time or "time")


def _common(plan: Plan, index: Ints, columns: Columns, table: MemberTable) -> Ints:
    """Give, per member, a column that is missing where any variable of its outcome's grid is."""
    extra = table.blank()
    start, controls = table.controls()
    outcome = plan.codes[index, Core.OUTCOME]
    for o in np.unique(outcome):
        mine = outcome == o
        spans = [controls[start[m] : start[m + 1]] for m in np.flatnonzero(mine)]
        used = np.unique(
            np.concatenate([table.outcome[mine], table.treatment[mine], table.weights[mine], *spans])
        )
        complete = np.ones(columns.panel.n_rows, dtype=bool)
        for column in used[used >= 0]:
            complete &= np.isfinite(columns.values[column])
        for effects in np.unique(table.effects[mine]):
            for code in columns.effects[effects].fixed:
                complete &= columns.codes[code] >= 0
        marker = np.where(complete, 0.0, np.nan)
        extra[mine] = columns.add(f"common:{o}", marker, "complete rows")
    return extra


def _vcovs(plan: Plan, columns: Columns, content: Contents) -> tuple[Vcov, ...]:
    found = []
    for option in plan.study.vcov:
        codes = tuple(columns.code([bind(c.tree, content.scope)], c.text) for c in option.clusters)
        found.append(Vcov(option.kind, codes, option.ssc, option.distribution))
    return tuple(found)


def _problem(
    plan: Plan, panel: Panel, columns: Columns, content: Contents, vcovs: tuple[Vcov, ...]
) -> Problem:
    unit = -1
    if panel.unit is not None:
        unit = columns.code([bind(Name(panel.unit), content.scope)], panel.unit)
    n = panel.n_rows
    values = np.empty((n, len(columns.values)), order="F")
    for k, column in enumerate(columns.values):
        values[:, k] = column
    codes = np.empty((n, len(columns.codes)), np.int64, order="F")
    for k, code in enumerate(columns.codes):
        codes[:, k] = code
    log0 = None
    if any(flag is not None for flag in columns.log0):
        log0 = np.zeros((n, len(columns.values)), dtype=bool, order="F")
        for k, flag in enumerate(columns.log0):
            if flag is not None:
                log0[:, k] = flag
    rows = np.array(columns.rows, dtype=bool).reshape(len(columns.rows), n)
    return Problem(
        values,
        codes,
        rows,
        log0,
        tuple(columns.labels),
        tuple(columns.code_labels),
        tuple(columns.effects),
        vcovs,
        unit,
        plan.study.inference.alpha,
    )
