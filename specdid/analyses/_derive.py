"""The engine's problem of one cell, with columns and rows of an analysis's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from specdid.analyses._cells import Cell
from specdid.engine.problem import Effects, Floats, Ints, Members, Problem


@dataclass(frozen=True, slots=True)
class Extra:
    """A column that is not in the study: numbers on all rows of the panel, NaN missing."""

    label: str
    numbers: Floats = field(repr=False)


def derive(
    cell: Cell,
    extra: Sequence[Extra] = (),
    treatment: Extra | None = None,
    outcome: Extra | None = None,
    controls: bool = True,
    where: NDArray[np.bool_] | None = None,
    within: Ints | None = None,
) -> tuple[Problem, Members]:
    """Return the engine's problem of one cell with an analysis's own columns and rows."""
    problem = cell.compiled.problem
    one = cell.compiled.members.take(np.array([cell.member], np.int64))
    new = [*extra, *(e for e in (treatment, outcome) if e is not None)]
    if new:
        first = problem.values.shape[1]
        values = np.asfortranarray(np.column_stack([problem.values, *(e.numbers for e in new)]))
        log0 = problem.log0
        if log0 is not None:
            log0 = np.asfortranarray(np.column_stack([log0, np.zeros((len(log0), len(new)), bool)]))
        problem = replace(problem, values=values, log0=log0, labels=(*problem.labels, *(e.label for e in new)))
        column = {id(e): np.array([first + k], np.int64) for k, e in enumerate(new)}
        kept = one.controls if controls else one.controls[:0]
        lines = np.concatenate([*(column[id(e)] for e in extra), kept]).astype(np.int64)
        one = replace(one, controls=lines, start=np.array([0, len(lines)], np.int64))
        if treatment is not None:
            one = replace(one, treatment=column[id(treatment)], sunab=np.full(1, -1, np.int64))
        if outcome is not None:
            one = replace(one, outcome=column[id(outcome)])
    elif not controls:
        one = replace(one, controls=one.controls[:0], start=np.zeros(2, np.int64))
    if where is not None:
        problem = replace(problem, rows=problem.rows[one.rows] & where)
        one = replace(one, rows=np.zeros(1, np.int64))
    return (problem, one) if within is None else interact_effects(problem, one, within)


def interact_effects(problem: Problem, one: Members, within: Ints) -> tuple[Problem, Members]:
    """Interact every fixed effect with codes; without effects there is one constant per code."""
    effects = problem.effects[one.effects[0]]
    used = dict.fromkeys([*effects.fixed, *(c for c, _ in effects.slopes)])
    first, columns, labels = problem.codes.shape[1], [], []
    for code in used:
        both = problem.codes[:, code] * (int(within.max()) + 1) + within
        columns.append(np.where((problem.codes[:, code] < 0) | (within < 0), -1, both))
        labels.append(problem.effect_labels[code])
    place = {code: first + k for k, code in enumerate(used)}
    fixed = tuple(place[c] for c in effects.fixed)
    if not used:
        columns, labels, fixed = [within], ["group"], (first,)
    codes = np.asfortranarray(np.column_stack([problem.codes, *columns]))
    crossed = Effects(fixed, tuple((place[c], x) for c, x in effects.slopes))
    problem = replace(problem, codes=codes, effect_labels=(*problem.effect_labels, *labels), effects=(crossed,))
    return problem, replace(one, effects=np.zeros(1, np.int64))
