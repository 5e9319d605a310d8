"""Members estimated anew in every draw, by the engine: their rows, controls or cohorts move with the assignment."""

from __future__ import annotations

import dataclasses

import numpy as np

from specdid.engine import execute
from specdid.engine.columns import Recipe, evaluate, row_mask
from specdid.engine.content import digest, source_hash, used_columns
from specdid.engine.problem import Code, Members, Problem
from specdid.engine.store import Store
from specdid.inference._assignment import Assignment, Moved, permute
from specdid.inference._base import Context, Floats, Ints
from specdid.inference._permutation_split import Split
from specdid.panel import Evaluator, Panel


@dataclasses.dataclass(frozen=True, slots=True)
class Again:
    """What a worker needs to estimate members under permuted assignments."""

    problem: Problem
    members: Members
    panel: Panel
    assignment: Assignment
    seed: int
    moved: Moved
    value_recipes: tuple[Recipe, ...]
    row_recipes: tuple[Recipe, ...]
    code_recipes: tuple[Recipe, ...]


def make_again(context: Context, of: Split, assignment: Assignment, places: Ints) -> Again:
    """Gather the work on the chosen specifications at ``places``."""
    compiled = context.compiled
    return Again(
        of.problem,
        compiled.members.take(context.chosen[places]),
        context.panel,
        assignment,
        context.seed,
        of.moved,
        compiled.value_recipes,
        compiled.row_recipes,
        compiled.code_recipes,
    )


def estimate_again(work: Again, draws: range) -> Floats:
    """Estimate all members in some draws: (4, S, draws) of estimate, t, standard error and df."""
    out = np.full((4, len(work.members), len(draws)), np.nan)
    for k, b in enumerate(draws):
        fits = execute.run(work.problem if b == 0 else permuted_problem(work, b - 1), work.members)
        ok = fits.code == Code.OK
        columns = (fits.estimate, fits.statistic[:, 0], fits.std_error[:, 0], fits.df[:, 0])
        for row, values in enumerate(columns):
            out[row, :, k] = np.where(ok, values, np.nan)
    return out


def again_key(store: Store, context: Context, work: Again) -> bytes:
    """Hash all that a draw's estimates depend on but its number.

    What a permutation does to a column follows from the data, the assignment and the
    members' content, which their ids hash, by any of this package's code.
    """
    study, members = context.plan.study, work.members
    content = store.content(work.problem)
    dealt = (work.assignment.level, work.assignment.period, work.assignment.strata)
    return digest(
        "again", content.study, content.members(members, used_columns(members)), context.plan.ids[members.index],
        work.panel.sha256, repr((study.unit, study.time, study.step, study.missing, study.never.text, work.seed)),
        *dealt, repr(tuple(work.assignment.paths)), *work.assignment.paths.values(), source_hash(("",)),
    )  # fmt: skip


def permuted_problem(work: Again, draw: int) -> Problem:
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
