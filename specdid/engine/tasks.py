"""One specification's rows, cut for an estimator that takes it alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from specdid.engine.demean import relevel
from specdid.engine.masks import without_singletons
from specdid.engine.problem import Floats, Ints, Members, Problem
from specdid.engine.scores import clusters_of
from specdid.estimators._base import Task


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
    """Return the columns of values that member ``s`` has as controls."""
    return members.controls[members.start[s] : members.start[s + 1]]


def cut_rows(problem: Problem, members: Members, s: int) -> Cut:
    """Drop the rows with a missing or infinite variable, then singletons to a fixpoint."""
    effects = problem.effects[members.effects[s]]
    own = [members.outcome[s], members.treatment[s], *controls_of(members, s)]
    own += [values for _, values in effects.slopes]
    own += [c for c in (members.weights[s], members.extra_rows[s]) if c >= 0]
    codes = [*effects.fixed, *(c for c, _ in effects.slopes)]
    sample = problem.rows[members.rows[s]]
    complete = sample & (problem.codes[:, codes] >= 0).all(axis=1)
    complete &= np.isfinite(problem.values[:, own]).all(axis=1)
    if members.weights[s] >= 0:
        complete &= problem.values[:, members.weights[s]] > 0
    rows = np.flatnonzero(complete)
    kept = without_singletons(rows, tuple(problem.codes[:, c] for c in effects.fixed))
    log0 = 0 if problem.log0 is None else int((sample & problem.log0[:, own].any(axis=1)).sum())
    return Cut(kept, int(sample.sum()) - len(rows), log0, len(rows) - len(kept))


def make_task(
    problem: Problem, members: Members, s: int, rows: Ints, options: Mapping[str, Any], cohort: int, time: int
) -> Task:
    """Lay out member ``s`` on ``rows``; ``cohort`` and ``time`` are columns of values, or -1."""
    values, effects, controls = problem.values, problem.effects[members.effects[s]], controls_of(members, s)
    clusters = clusters_of(problem, rows)

    def column(place: int) -> Floats | None:
        return values[rows, place] if place >= 0 else None

    return Task(
        outcome=values[rows, members.outcome[s]],
        treatment=values[rows, members.treatment[s]],
        controls=values[np.ix_(rows, controls)],
        control_labels=tuple(problem.labels[c] for c in controls),
        effects=tuple(relevel(problem.codes[rows, c]) for c in effects.fixed),
        effect_labels=tuple(problem.effect_labels[c] for c in effects.fixed),
        slopes=tuple((relevel(problem.codes[rows, c]), values[rows, x]) for c, x in effects.slopes),
        weights=column(int(members.weights[s])),
        vcovs=tuple(v.kind for v in problem.vcovs),
        clusters=tuple(tuple(relevel(clusters[c]) for c in v.clusters) for v in problem.vcovs),
        unit=relevel(problem.codes[rows, problem.unit]) if problem.unit >= 0 else None,
        time=column(time),
        cohort=column(cohort),
        options=options,
        alpha=problem.alpha,
        rules=tuple(v.ssc for v in problem.vcovs),
        distributions=tuple(v.distribution for v in problem.vcovs),
    )
