"""Permuting who was assigned: the columns of [inference] assign move between levels, whole paths at a time.

A path has a place for each period of the data, not for each number between the first and the
last: one year typed as 20051231 costs one place.

What moves with it: the columns asked for, their levels, and every column that is made of them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid.engine.columns import Recipe, evaluate, row_mask
from specdid.engine.compile import Compiled
from specdid.engine.problem import Members
from specdid.engine.rows import complete_rows, rows_of, rows_of_members
from specdid.inference._base import Context
from specdid.language import Bound, bind, referenced
from specdid.language.scope import sources
from specdid.language.tree import Name, chain
from specdid.panel import EvaluationError, Evaluator, Panel

STREAM = 1 << 32
MOST_CELLS = 2**27
"""Cells of a path table, a gigabyte, beyond which levels × periods are too sparse to lay out."""
MOST_GIVEN = 2**26
"""Paths × rows beyond which it is not asked which paths do the same."""


@dataclasses.dataclass(frozen=True, slots=True)
class Assignment:
    """The assignment as a table of levels by periods.

    Attributes
    ----------
    level : (n,) int64, of each row, from 0; -1 where the row belongs to none that is dealt and keeps its values.
    period : (n,) int64, the place of the row's period among those of the data.
    paths : column -> (L, T) float64
        The column's value for a level in a period; where a level is not observed in a
        period, its value in the period before (after, at the beginning).
    observed : (L, T) bool, where a level has rows.
    strata : (L,) int64
    kind : (L,) int64
        Paths of one kind do the same to whoever gets them: the same paths, or as `of_kinds` finds them.
    by_value : `of_kinds` was asked and could not say, so that kinds are still the same paths.
    """

    level: Ints
    period: Ints
    paths: Mapping[str, Floats]
    observed: Bools
    strata: Ints
    kind: Ints
    by_value: bool = False

    def different(self) -> float:
        """Return the logarithm of how many different assignments there are; 0 where nothing can move.

        Levels of one kind change nothing by changing places.
        """
        total = 0.0
        for stratum in np.unique(self.strata):
            counts = np.unique(self.kind[self.strata == stratum], return_counts=True)[1]
            total += math.lgamma(counts.sum() + 1) - sum(math.lgamma(c + 1) for c in counts.tolist())
        return total if total > 1e-6 else 0.0

    def fewer_than(self, draws: int) -> int:
        """Return how many different assignments there are where these are fewer than the draws, else 0."""
        different = self.different()
        return round(math.exp(different)) if 0 < different < math.log(max(draws, 1)) else 0

    def fixed(self) -> Bools:
        """Mark the levels, (L,), whose stratum holds no other kind: what they have is the same in every draw."""
        first = np.zeros(int(self.strata.max(initial=0)) + 1, np.int64)
        first[self.strata[::-1]] = np.arange(len(self.strata) - 1, -1, -1)
        apart = self.kind != self.kind[first[self.strata]]
        moves = np.zeros(len(first), dtype=bool)
        moves[self.strata[apart]] = True
        return ~moves[self.strata]


@dataclasses.dataclass(frozen=True, slots=True)
class Moved:
    """What depends on the assignment: columns of values, row masks, columns of codes."""

    values: Bools
    rows: Bools
    codes: Bools


def made_of(panel: Panel, bounds: Iterable[Bound]) -> tuple[str, ...]:
    """Return the columns of the data that expressions depend on, but for the unit and the time, in data order."""
    used = frozenset().union(*(sources(bound) for bound in bounds))
    return tuple(name for name in panel.columns if name in used and name not in (panel.unit, panel.time))


def cells(panel: Panel, level: Ints) -> int:
    """Return how many places a path table has: levels × periods of the data."""
    periods = 1 if panel.periods is None else len(np.unique(panel.periods))
    return (int(level.max(initial=-1)) + 1) * periods


def make_assignment(panel: Panel, names: Sequence[str], level: Ints, strata: Ints | None) -> Assignment:
    """Lay out the assigned columns; ``level`` and ``strata`` are codes by row, -1 missing."""
    period = np.zeros(panel.n_rows, np.int64)
    if panel.periods is not None:
        period = np.unique(panel.periods, return_inverse=True)[1].reshape(-1)
    shape = (int(level.max(initial=-1)) + 1, int(period.max(initial=0)) + 1)
    paths = {name: fill_path(_numbers(panel, name), level, period, shape) for name in names}
    inside = level >= 0
    observed = np.zeros(shape, dtype=bool)
    observed[level[inside], period[inside]] = True
    of_level = np.zeros(shape[0], np.int64)
    if strata is not None:
        of_level[level[inside]] = strata[inside]
        of_level -= of_level.min(initial=0)
    joint = np.column_stack([np.where(np.isnan(path), np.inf, path) for path in paths.values()])
    kind = np.unique(joint, axis=0, return_inverse=True)[1].reshape(-1)
    return Assignment(level, period, paths, observed, of_level, kind)


def of_kinds(panel: Panel, assignment: Assignment, bounds: Iterable[Bound]) -> Assignment:
    """Return the assignment with paths that ``bounds`` do not tell apart, whoever gets them, as one kind.

    Every path is given to all levels in turn. Doses that are all "treated" to a study are one assignment. Where that
    is too long a work, or something cannot be evaluated, paths that differ stay of different kinds.
    """
    moved = [b for b in dict.fromkeys(bounds) if sources(b) & assignment.paths.keys()]
    first = np.unique(assignment.kind, return_index=True)[1]
    if not moved:
        return assignment
    if len(first) * panel.n_rows > MOST_GIVEN:
        return dataclasses.replace(assignment, by_value=True)
    found: dict[bytes, int] = {}
    merged = np.empty(len(first), np.int64)
    try:
        for k, one in enumerate(first.tolist()):
            evaluator = Evaluator(_give(panel, assignment, np.full(len(assignment.kind), one)))
            parts = [evaluator.column(bound) for bound in moved]
            text = b"".join(
                np.ascontiguousarray(c.codes if c.numbers is None else c.numbers + 0.0).tobytes() for c in parts
            )
            merged[k] = found.setdefault(hashlib.sha256(text).digest(), len(found))
    except EvaluationError:
        return dataclasses.replace(assignment, by_value=True)
    return dataclasses.replace(assignment, kind=merged[assignment.kind])


def _numbers(panel: Panel, name: str) -> Floats:
    column = panel.columns[name]
    if column.numbers is not None:
        return column.numbers
    assert column.codes is not None
    return np.where(column.codes >= 0, column.codes, np.nan).astype(np.float64)


def fill_path(values: Floats, level: Ints, period: Ints, shape: tuple[int, int]) -> Floats:
    """Return values as a table of levels by periods; where there is no row, the value before it, or else after it.

    A row whose value is missing is a part of the path: who gets the path gets the gap.
    """
    table, empty = np.full(shape, np.nan), np.ones(shape, dtype=bool)
    inside = level >= 0
    known = inside & ~np.isnan(values)
    table[level[known], period[known]] = values[known]
    empty[level[inside], period[inside]] = False
    for order in (range(shape[1]), range(shape[1] - 1, -1, -1)):
        last = np.full(shape[0], np.nan)
        for t in order:
            table[:, t] = np.where(empty[:, t] & np.isnan(table[:, t]), last, table[:, t])
            last = np.where(np.isnan(table[:, t]), last, table[:, t])
    return table


def deal(assignment: Assignment, seed: int, draw: int) -> Ints:
    """Return whose path each level has in draw ``draw``, (L,); the draw is seeded by its own number."""
    generator = np.random.Generator(np.random.Philox(key=[seed % 2**64, STREAM + draw]))
    source = np.arange(len(assignment.strata))
    order = np.argsort(assignment.strata, kind="stable")
    ends = np.flatnonzero(np.diff(assignment.strata[order], append=-1)) + 1
    start = 0
    for end in ends.tolist():
        mine = order[start:end]
        source[mine], start = generator.permutation(mine), end
    return source


def permute(panel: Panel, assignment: Assignment, seed: int, draw: int) -> Panel:
    """Return the panel with the assignment of draw ``draw``."""
    return _give(panel, assignment, deal(assignment, seed, draw))


def _give(panel: Panel, assignment: Assignment, source: Ints) -> Panel:
    """Return the panel in which every level has the path of its ``source``."""
    outside = assignment.level < 0
    columns = dict(panel.columns)
    for name, table in assignment.paths.items():
        moved = table[source[assignment.level], assignment.period]
        if outside.any():
            moved = np.where(outside, _numbers(panel, name), moved)
        old = columns[name]
        if old.numbers is not None:
            columns[name] = dataclasses.replace(old, numbers=moved)
        else:
            columns[name] = dataclasses.replace(old, codes=np.where(np.isnan(moved), -1, moved).astype(np.int64))
    return dataclasses.replace(panel, columns=columns)


def assigned(context: Context) -> tuple[str, ...]:
    """Return the columns that the assignment consists of."""
    expression = context.plan.study.inference.assign
    assert expression is not None
    return tuple(dict.fromkeys(name.name for name in referenced(expression.tree)))


def levels_of(context: Context) -> tuple[Ints, Ints | None]:
    """Return the codes of who was assigned, -1 where they are in no sample, and of strata, by row."""
    asked = context.plan.study.inference
    scope = context.plan.grid.settings[0].scope
    unit = context.panel.unit
    node = asked.level.tree if asked.level is not None else Name(unit or "")
    level = context.evaluator.codes(tuple(bind(n, scope) for n in chain(node, "+")))
    members = context.compiled.members if context.alone is None else context.compiled.members.take(context.alone)
    level = in_samples(level, context.compiled, members, frozenset(assigned(context)), context.evaluator)
    if asked.strata is None:
        return level, None
    return level, context.evaluator.codes(tuple(bind(n, scope) for n in chain(asked.strata.tree, "+")))


def in_samples(level: Ints, compiled: Compiled, members: Members, names: frozenset[str], evaluator: Evaluator) -> Ints:
    """Leave out, as -1, the levels that have no row in the sample of any member, and number the others from 0.

    A row is in a sample that keeps it where all variables are there. What depends on the assigned columns ``names``
    restricts nothing: in another draw the row would be in. Where no level has a row, all stay.
    """
    moved, problem = moved_by(compiled, names), compiled.problem
    values, rows, codes = problem.values.copy(order="F"), problem.rows.copy(), problem.codes.copy(order="F")
    values[:, moved.values], codes[:, moved.codes[: codes.shape[1]]] = 1.0, 0
    for r in np.flatnonzero(moved.rows).tolist():
        recipe = compiled.row_recipes[r]
        conditions = recipe.bounds if recipe.match is None else recipe.match.conditions
        still = tuple(bound for bound in conditions if not sources(bound) & names)
        rows[r] = row_mask(Recipe("rows", still), evaluator.panel, evaluator)
    for c in np.flatnonzero(moved.values).tolist():  # rows common to all specifications
        needed = tuple(n for n in compiled.value_recipes[c].needed if not any(sources(b) & names for b in n.bounds))
        if needed:
            values[:, c] = evaluate(Recipe("complete", needed=needed), evaluator.panel, evaluator)
    used = complete_rows(dataclasses.replace(problem, values=values, rows=rows, codes=codes), members) & (level >= 0)
    kept = np.zeros(int(level.max(initial=-1)) + 1, dtype=bool)
    kept[level[used]] = True
    if not kept.any() or kept[level[level >= 0]].all():
        return level
    number = np.where(kept, np.cumsum(kept) - 1, -1)
    return np.where(level >= 0, number[level], -1)


def moved_by(compiled: Compiled, names: frozenset[str]) -> Moved:
    """Mark what depends on the columns ``names``."""
    found = [
        np.array([any(sources(b) & names for b in recipe.bounds) for recipe in recipes], dtype=bool)
        for recipes in (compiled.value_recipes, compiled.row_recipes, compiled.code_recipes)
    ]
    codes = np.zeros(compiled.problem.codes.shape[1] + 1, dtype=bool)
    codes[: len(found[2])] = found[2]
    return Moved(found[0], found[1], codes)


def clusters_of(context: Context, members: Members) -> Ints:
    """Count the clusters of each member's rows, and those with treatment; (S, 2)."""
    problem, cluster = context.compiled.problem, context.cluster
    keys, samples = rows_of_members(problem, members)
    out = np.empty((len(members), 2), np.int64)
    for key, packed in enumerate(samples.packed):
        mine = np.flatnonzero(keys.of_member == key)
        rows = rows_of(packed, len(cluster))
        out[mine, 0] = len(np.unique(cluster[rows]))
        for treatment in np.unique(members.treatment[mine]):
            on = rows[problem.values[rows, treatment] != 0]
            out[mine[members.treatment[mine] == treatment], 1] = len(np.unique(cluster[on]))
    return out


def different_of(context: Context, assignment: Assignment) -> Assignment:
    """Return the assignment with its kinds by all that specifications are made of."""
    compiled = context.compiled
    every = (*compiled.value_recipes, *compiled.row_recipes, *compiled.code_recipes)
    return of_kinds(context.panel, assignment, [bound for recipe in every for bound in recipe.bounds])
