"""How each specification is drawn again when the assignment moves: from residuals, by the engine, or in fewer draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specdid import _shelf
from specdid.engine.problem import Members, Problem
from specdid.inference._assignment import Moved
from specdid.inference._base import Context
from specdid.inference._moving import assigned, moved_by, with_cluster

Bools = NDArray[np.bool_]

BUDGET = 120.0
"""Seconds of one core that estimating anew may take, by the guesses below: a function of the plan alone."""
PLAIN_SECONDS = 5e-4
SUNAB_SECONDS = 4e-3


@dataclass(frozen=True, slots=True)
class Split:
    """The chosen specifications by what a permutation does to them.

    Attributes
    ----------
    problem : with the test's cluster as its only vcov
    names : the assigned columns; ``moved`` is what follows from them
    batched, depends : (S,) bool, least squares; what says who is treated when moves
    simple : nothing moves but the treatment
    again : rows, controls or cohorts move too
    costly : the same, beyond the budget
    """

    problem: Problem
    names: tuple[str, ...]
    moved: Moved
    batched: Bools
    depends: Bools
    simple: Bools
    again: Bools
    costly: Bools


def split(context: Context) -> Split:
    """Say of every chosen specification how it is drawn."""
    compiled = context.compiled
    problem = with_cluster(compiled.problem, context.cluster)
    names = assigned(context)
    moved = moved_by(context, frozenset(names))
    members = compiled.members.take(context.chosen)
    batched = compiled.batched[context.chosen]
    depends = _treatment_moves(context, members, moved)
    usable = batched & depends
    simple = usable & _only_treatment(problem, members, moved)
    anew = usable & ~simple
    costly = _too_costly(members, anew, context.draws)
    return Split(problem, tuple(names), moved, batched, depends, simple, anew & ~costly, costly)


def _treatment_moves(context: Context, members: Members, moved: Moved) -> Bools:
    """Mark members whose treatment moves: the cohort of an estimator that reads one, else the term."""
    methods = context.plan.grid.estimators
    reads = np.array([_shelf.load("estimators", e.method).cohort for e in methods], dtype=bool)
    method, cohort = context.compiled.method[context.chosen], context.compiled.cohort[context.chosen]
    by_cohort = reads[method] & (cohort >= 0)
    return np.asarray(np.where(by_cohort, moved.values[cohort], moved.values[members.treatment]))


def _only_treatment(problem: Problem, members: Members, moved: Moved) -> Bools:
    """Mark members of which nothing but the treatment depends on the assignment."""
    owner = np.repeat(np.arange(len(members)), np.diff(members.start))
    held = np.zeros(len(members), dtype=bool)
    np.logical_or.at(held, owner, moved.values[members.controls])
    for column in (members.weights, members.extra_rows):
        held |= (column >= 0) & moved.values[column]
    of_effects = np.array(
        [
            any(moved.codes[c] for c in e.fixed) or any(moved.codes[c] or moved.values[x] for c, x in e.slopes)
            for e in problem.effects
        ],
        dtype=bool,
    )
    complete = np.asarray(np.isfinite(problem.values).all(axis=0))[members.treatment]
    held |= moved.values[members.outcome] | moved.rows[members.rows] | of_effects[members.effects] | ~complete
    return ~held & (members.sunab < 0)


def _too_costly(members: Members, again: Bools, draws: int) -> Bools:
    """Mark members that would be estimated anew in every draw beyond the budget, the dearest first."""
    sunab = again & (members.sunab >= 0)
    plain = again & ~sunab
    seconds = draws * PLAIN_SECONDS * int(np.count_nonzero(plain))
    costly = np.zeros(len(again), dtype=bool)
    if seconds > BUDGET:
        costly |= plain
        seconds = 0.0
    if seconds + draws * SUNAB_SECONDS * int(np.count_nonzero(sunab)) > BUDGET:
        costly |= sunab
    return costly


def seconds_anew(members: Members) -> float:
    """Guess the seconds of one core that one draw of these takes."""
    sunab = int(np.count_nonzero(members.sunab >= 0))
    return SUNAB_SECONDS * sunab + PLAIN_SECONDS * (len(members) - sunab)
