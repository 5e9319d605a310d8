"""How each specification is drawn again when the assignment moves: from residuals, by the engine, or in fewer draws.

Those are estimated anew in every draw whose rows, controls or cohorts move with the assignment.
"""

from __future__ import annotations

import dataclasses
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from specdid import _plugins
from specdid._arrays import Bools, Floats, Ints
from specdid._plan.records import EstimatorChoice
from specdid.engine import execute
from specdid.engine.cache_keys import digest, source_hash, used_columns
from specdid.engine.columns import Recipe, evaluate, row_mask
from specdid.engine.problem import Code, Members, Problem
from specdid.engine.rows import missing_patterns, row_keys
from specdid.engine.store import Store
from specdid.engine.sunab import cell_codes
from specdid.inference._assignment import Assignment, Moved, assigned, moved_by, permute
from specdid.inference._base import Context
from specdid.inference._batches import with_cluster
from specdid.inference._moved_cohorts import MovedBatch, moved_batches
from specdid.inference._moved_rows import RowsBatch, rows_batches
from specdid.panel import Evaluator, Panel

BUDGET = 60.0
"""Seconds of one core that estimating anew may take, by the guesses below: a function of the plan alone."""
PLAIN_SECONDS = 5e-4
BATCH_SECONDS, BATCH_ROW, BATCH_ROW_CELL, CELLS_SQUARED, CELLS_CUBED = 4e-4, 1.4e-7, 1.4e-9, 1.4e-8, 2.2e-11
MEMBER_SECONDS, MEMBER_ROW = 2e-5, 1.4e-8
"""Of Sun-Abraham models in one draw: of a batch, by its rows and cohort × period cells, and of a specification in it.
Between 1 and 2 times what was measured with 14 to 780 cells and 800 to 80,000 rows."""
TOGETHER, TOGETHER_BYTES = 16, 2**25
"""Draws that a batch solves together, and what their values may take."""
_local = threading.local()


@dataclass(frozen=True, slots=True)
class Strategies:
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


def split(context: Context) -> Strategies:
    """Say of every chosen specification how it is drawn."""
    compiled = context.compiled
    problem = with_cluster(compiled.problem, context.cluster)
    names = assigned(context)
    moved = moved_by(compiled, frozenset(names))
    members = compiled.members.take(context.chosen)
    batched = compiled.batched[context.chosen]
    depends = _treatment_moves(context, members, moved)
    usable = batched & depends
    simple = usable & _only_treatment(problem, members, moved)
    anew = usable & ~simple
    costly = _too_costly(problem, members, anew, context.draws)
    return Strategies(problem, tuple(names), moved, batched, depends, simple, anew & ~costly, costly)


def _treatment_moves(context: Context, members: Members, moved: Moved) -> Bools:
    """Mark members whose treatment moves: the cohort of an estimator that reads one, else the term."""
    methods = context.plan.grid.estimators
    reads = np.array([_plugins.load("estimators", e.method).cohort for e in methods], dtype=bool)
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


def _too_costly(problem: Problem, members: Members, again: Bools, draws: int) -> Bools:
    """Mark members that would be estimated anew in every draw beyond the budget, the dearest first."""
    sunab = again & (members.sunab >= 0)
    plain = again & ~sunab
    seconds = draws * PLAIN_SECONDS * int(np.count_nonzero(plain))
    costly = np.zeros(len(again), dtype=bool)
    if seconds > BUDGET:
        costly |= plain
        seconds = 0.0
    if seconds + draws * seconds_of_sunab(problem, members.take(np.flatnonzero(sunab))) > BUDGET:
        costly |= sunab
    return costly


def fits_each(estimators: Sequence[EstimatorChoice], method: Ints) -> Ints:
    """Return how many fits an estimate of each member takes, (S,): some draw their standard errors."""
    each = [(_plugins.load("estimators", e.method).fits, e.options) for e in estimators]
    return np.array([1 if fits is None else fits(dict(options)) for fits, options in each], np.int64)[method]


def seconds_anew(problem: Problem, members: Members) -> float:
    """Guess the seconds of one core that one draw of these takes."""
    sunab = members.sunab >= 0
    plain = PLAIN_SECONDS * int(np.count_nonzero(~sunab))
    return plain + seconds_of_sunab(problem, members.take(np.flatnonzero(sunab)))


def seconds_of_sunab(problem: Problem, members: Members) -> float:
    """Guess the seconds of one draw of Sun-Abraham models, by the rows and the cells that the panel has."""
    if not len(members):
        return 0.0
    values, rows = problem.values, len(problem.values)
    of = [cell_codes(values[:, a.period], values[:, a.cohort], None, a) for a in members.aggregates]
    sizes = np.array([len(found.size) for found in of], dtype=np.float64)
    first = np.unique(row_keys(members, missing_patterns(problem, members)).of_member, return_index=True)[1]
    cells = sizes[members.sunab[first]]
    batches = BATCH_SECONDS + rows * (BATCH_ROW + BATCH_ROW_CELL * cells)
    batches += CELLS_SQUARED * cells**2 + CELLS_CUBED * cells**3
    return float(batches.sum()) + len(members) * (MEMBER_SECONDS + MEMBER_ROW * rows)


@dataclasses.dataclass(frozen=True, slots=True)
class Reestimation:
    """What a worker needs to estimate members under permuted assignments; ``token`` names it among all."""

    problem: Problem
    members: Members
    panel: Panel
    assignment: Assignment
    seed: int
    moved: Moved
    value_recipes: tuple[Recipe, ...]
    row_recipes: tuple[Recipe, ...]
    code_recipes: tuple[Recipe, ...]
    token: bytes


def make_again(context: Context, of: Strategies, assignment: Assignment, places: Ints) -> Reestimation:
    """Gather the work on the chosen specifications at ``places``."""
    compiled, chosen = context.compiled, context.chosen[places]
    members = compiled.members.take(chosen)
    return Reestimation(
        of.problem,
        members,
        context.panel,
        assignment,
        context.seed,
        _moved_of(of, members, compiled.cohort[chosen]),
        compiled.value_recipes,
        compiled.row_recipes,
        compiled.code_recipes,
        secrets.token_bytes(8),
    )


def _moved_of(of: Strategies, members: Members, cohort: Ints) -> Moved:
    """Leave of what moves the columns and samples that members read: a draw evaluates no others."""
    effects = [of.problem.effects[e] for e in np.unique(members.effects)]
    aggregates = [members.aggregates[a] for a in np.unique(members.sunab[members.sunab >= 0])]
    read = [*(x for e in effects for _, x in e.slopes), *(c for a in aggregates for c in (a.cohort, a.period))]
    values, rows = np.zeros_like(of.moved.values), np.zeros_like(of.moved.rows)
    for columns in (used_columns(members), members.weights, cohort, np.array(read, np.int64)):
        values[columns[columns >= 0]] = True
    rows[members.rows] = True
    return dataclasses.replace(of.moved, values=of.moved.values & values, rows=of.moved.rows & rows)


def estimate_again(work: Reestimation, draws: range) -> Floats:
    """Estimate all members in some draws: (4, S, draws) of estimate, t, standard error and df."""
    out = np.full((4, len(work.members), len(draws)), np.nan)
    left = np.ones(out.shape[1:], dtype=bool)
    ready, width = _laid_out(work), max(1, min(TOGETHER, TOGETHER_BYTES // max(1, work.problem.values.nbytes)))
    for start in range(0, len(draws), width):
        some = range(start, min(start + width, len(draws)))
        problems = [permuted_problem(work, draws[k] - 1) if draws[k] else work.problem for k in some]
        moved = [k for k in some if draws[k]]
        for batch in ready if moved else ():
            found = batch.draw([problems[k - start] for k in moved])
            for k, table in zip(moved, found, strict=True):
                if table is not None:
                    out[:, batch.places, k], left[batch.places, k] = table, False
        for k in some:
            places = np.flatnonzero(left[:, k])
            if len(places):
                fits = execute.run(problems[k - start], work.members.take(places))
                columns = (fits.estimate, fits.statistic[:, 0], fits.std_error[:, 0], fits.df[:, 0])
                out[:, places, k] = np.where(fits.code == Code.OK, columns, np.nan)
    return out


def _laid_out(work: Reestimation) -> tuple[MovedBatch | RowsBatch, ...]:
    """Lay out what all draws share, once in a worker that is given draws again and again."""
    last: tuple[bytes, tuple[MovedBatch | RowsBatch, ...]] | None = getattr(_local, "last", None)
    if last is not None and last[0] == work.token:
        return last[1]
    shared = work.problem, work.members, work.moved
    found: tuple[MovedBatch | RowsBatch, ...] = (*moved_batches(*shared), *rows_batches(*shared))
    _local.last = work.token, found
    return found


def again_key(store: Store, context: Context, work: Reestimation) -> bytes:
    """Hash all that a draw's estimates depend on but its number.

    What a permutation does to a column follows from the data, the assignment and the
    members' content, which their ids hash, by any of this package's code; and which rows are
    common to all specifications follows from what the others are made of.
    """
    study, members = context.plan.study, work.members
    content = store.content(work.problem)
    common = [work.value_recipes[c] for c in np.unique(members.extra_rows[members.extra_rows >= 0])]
    dealt = (work.assignment.level, work.assignment.period, work.assignment.strata)
    return digest(
        "again",
        content.study,
        content.members(members, used_columns(members)),
        context.plan.ids[members.index],
        work.panel.sha256,
        repr((study.unit, study.time, study.step, study.missing, study.never.text, work.seed)),
        repr([_of_others(needed) for recipe in common for needed in recipe.needed]),
        *dealt,
        repr(tuple(work.assignment.paths)),
        *work.assignment.paths.values(),
        source_hash(("",)),
    )


def _of_others(needed: Recipe) -> tuple[object, ...]:
    match = None if needed.match is None else (needed.match.method, needed.match.settings)
    return needed.kind, needed.part, [b.digest for b in needed.bounds], match


def permuted_problem(work: Reestimation, draw: int) -> Problem:
    """Evaluate what depends on the assignment again."""
    panel = permute(work.panel, work.assignment, work.seed, draw)
    evaluator = Evaluator(panel)
    problem = work.problem
    values, rows, codes = problem.values.copy(order="F"), problem.rows.copy(), problem.codes.copy(order="F")
    for c in np.flatnonzero(work.moved.values):
        values[:, c] = evaluate(work.value_recipes[c], panel, evaluator)
    for r in np.flatnonzero(work.moved.rows):
        rows[r] = row_mask(work.row_recipes[r], panel, evaluator)
    for c in np.flatnonzero(work.moved.codes):
        codes[:, c] = evaluator.codes(work.code_recipes[c].bounds)
    return dataclasses.replace(problem, values=values, rows=rows, codes=codes)
