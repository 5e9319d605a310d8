"""One specification's rows, cut for an estimator that takes it alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid.engine.problem import Floats, Ints, Members, Problem
from specdid.estimators._base import Task

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cut:
    """The rows of one specification.

    Attributes
    ----------
    rows : (n,) int64, rows of the panel that are left
    n_missing, n_log0, n_singletons : rows of the sample that are not, and why
    """

    rows: Ints
    n_missing: int
    n_log0: int
    n_singletons: int


def controls_of(members: Members, s: int) -> Ints:
    """Give the columns of values that member ``s`` has as controls."""
    return members.controls[members.start[s] : members.start[s + 1]]


def cut_rows(problem: Problem, members: Members, s: int) -> Cut:
    """Drop the rows with a missing or infinite variable, then singletons to a fixpoint."""
    effects = problem.effects[members.effects[s]]
    own = [members.outcome[s], members.treatment[s], *controls_of(members, s)]
    own += [values for _, values in effects.slopes]
    own += [c for c in (members.weights[s], members.extra_rows[s]) if c >= 0]
    codes = [*effects.fixed, *(c for c, _ in effects.slopes), *(c for v in problem.vcovs for c in v.clusters)]
    sample = problem.rows[members.rows[s]]
    complete = sample & (problem.codes[:, codes] >= 0).all(axis=1)
    complete &= np.isfinite(problem.values[:, own]).all(axis=1)
    keep = without_singletons(complete, tuple(problem.codes[:, c] for c in effects.fixed))
    log0 = 0 if problem.log0 is None else int((sample & problem.log0[:, own].any(axis=1)).sum())
    left = int(complete.sum())
    return Cut(np.flatnonzero(keep), int(sample.sum()) - left, log0, left - int(keep.sum()))


def without_singletons(keep: Bools, effects: tuple[Ints, ...]) -> Bools:
    """Drop rows that are alone in a level of a fixed effect, again until none is."""
    keep = keep.copy()
    while True:
        before = int(keep.sum())
        for codes in effects:
            alone = np.bincount(codes[keep], minlength=int(codes.max(initial=-1)) + 1) == 1
            keep &= ~alone[codes]
        if int(keep.sum()) == before:
            return keep


def make_task(
    problem: Problem, members: Members, s: int, rows: Ints, options: Mapping[str, Any], cohort: int, time: int
) -> Task:
    """Lay out member ``s`` on ``rows``; ``cohort`` and ``time`` are columns of values, or -1."""
    values, effects, controls = problem.values, problem.effects[members.effects[s]], controls_of(members, s)

    def column(place: int) -> Floats | None:
        return values[rows, place] if place >= 0 else None

    return Task(
        outcome=values[rows, members.outcome[s]],
        treatment=values[rows, members.treatment[s]],
        controls=values[np.ix_(rows, controls)],
        control_labels=tuple(problem.labels[c] for c in controls),
        effects=tuple(_levels(problem.codes[rows, c]) for c in effects.fixed),
        effect_labels=tuple(problem.effect_labels[c] for c in effects.fixed),
        slopes=tuple((_levels(problem.codes[rows, c]), values[rows, x]) for c, x in effects.slopes),
        weights=column(int(members.weights[s])),
        vcovs=tuple(v.kind for v in problem.vcovs),
        clusters=tuple(tuple(_levels(problem.codes[rows, c]) for c in v.clusters) for v in problem.vcovs),
        unit=_levels(problem.codes[rows, problem.unit]) if problem.unit >= 0 else None,
        time=column(time),
        cohort=column(cohort),
        options=options,
        alpha=problem.alpha,
    )


def _levels(codes: Ints) -> Ints:
    return np.unique(codes, return_inverse=True)[1].reshape(-1).astype(np.int64)


def count_units(unit: Ints, treatment: Floats) -> tuple[int, int, int, int]:
    """Count units, those whose treatment varies, is always zero, is always the same other value."""
    order = np.lexsort((treatment, unit))
    unit, treatment = unit[order], treatment[order]
    first = np.flatnonzero(np.r_[True, unit[1:] != unit[:-1]])
    low, high = np.minimum.reduceat(treatment, first), np.maximum.reduceat(treatment, first)
    varies, zero = low != high, (low == 0) & (high == 0)
    return len(first), int(varies.sum()), int(zero.sum()), int((~varies & ~zero).sum())
