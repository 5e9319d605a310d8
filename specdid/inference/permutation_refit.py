"""The permutation null of estimators that are not least squares: every draw fitted again, fewer draws.

The same permutations as in ``permutation``, the first DRAWS of them; the conductor runs it
beside that null. Poisson, logit, did2s and lpdid are fitted one by one, through their own
estimators, on the permuted data.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from specdid.engine.content import digest, plugin_hash
from specdid.engine.one_by_one import Method, Work, fit_one_by_one
from specdid.engine.problem import Code
from specdid.engine.store import Store
from specdid.inference._assignment import make_assignment
from specdid.inference._base import Context, Floats, Ints, Null, NullDraws
from specdid.inference._moving import assigned, levels_of, moved_by, with_cluster
from specdid.inference._permutation_again import Again, again_key, permuted_problem
from specdid.inference._stored import recall_table

DRAWS = 99
SLICE = 4
"""Draws a worker takes at a time."""
BUDGET = 120.0
SECONDS = 0.03
"""A guess of one fit's seconds, and what all may take on one core: beyond it they are left out."""


def draw(context: Context) -> NullDraws:
    """Draw the null for the specifications among the chosen that the engine does not take."""
    compiled = context.compiled
    names = assigned(context)
    moved = moved_by(context, frozenset(names))
    alone = ~compiled.batched[context.chosen]
    members = compiled.members.take(context.chosen[alone])
    cohort = compiled.cohort[context.chosen[alone]]
    depends = moved.values[members.treatment] | ((cohort >= 0) & moved.values[cohort])
    members, cohort = members.take(np.flatnonzero(depends)), cohort[depends]
    draws = min(DRAWS, context.draws)
    if not len(members) or len(members) * draws * SECONDS > BUDGET:
        return _nothing(len(members), draws)
    methods = tuple(Method(e.method, dict(e.options)) for e in context.plan.grid.estimators)
    problem = with_cluster(compiled.problem, context.cluster)
    method = compiled.method[context.chosen[alone]][depends]
    again = Again(
        problem,
        members,
        context.panel,
        make_assignment(context.panel, names, *levels_of(context)),
        context.seed,
        moved,
        compiled.value_recipes,
        compiled.row_recipes,
        compiled.code_recipes,
    )
    work = Work(problem, members, methods, method, cohort, compiled.time)
    items = [(again, work, range(b, min(b + SLICE, draws + 1))) for b in range(0, draws + 1, SLICE)]
    table = np.full((4, len(members), draws + 1), np.nan)
    store = context.store_for(len(members))
    shared = b"" if store is None else digest("refit", again_key(store, context, again), _method_key(store, work))
    done = 0
    for k, found in recall_table(
        store, lambda k: digest(shared, repr(items[k][2])), _refit, items, context.jobs, context.backend
    ):
        part = items[k][2]
        done += len(part)
        context.progress("permutation null, refits", done, draws + 1)
        table[:, :, part.start : part.stop] = found
    return _collected(members.index, table, draws)


def _method_key(store: Store, work: Work) -> bytes:
    """Hash the estimators of members, and the cohorts that they take."""
    content = store.content(work.problem)
    names = [work.methods[m].name for m in work.method]
    options = [sorted(work.methods[m].options.items()) for m in work.method]
    cohorts, time = content.values(work.cohort.tolist()), content.value(work.time)
    return digest(repr((names, options)), cohorts, time, *map(plugin_hash, dict.fromkeys(names)))


def _refit(item: tuple[Again, Work, range]) -> Floats:
    """Fit all members in some draws: (4, S, draws) of estimate, t, standard error and df."""
    again, work, draws = item
    out = np.full((4, len(work.members), len(draws)), np.nan)
    for k, b in enumerate(draws):
        problem = work.problem if b == 0 else permuted_problem(again, b - 1)
        done = 0
        for fits in fit_one_by_one(dataclasses.replace(work, problem=problem)):
            here = slice(done, done + len(fits.index))
            done = here.stop
            ok = fits.code == Code.OK
            columns = (fits.estimate, fits.statistic[:, 0], fits.std_error[:, 0], fits.df[:, 0])
            for row, values in enumerate(columns):
                out[row, here, k] = np.where(ok, values, np.nan)
    return out


def _collected(index: Ints, table: Floats, draws: int) -> NullDraws:
    """Keep the specifications with a real statistic and the draws in which none of them failed."""
    places = np.flatnonzero(np.isfinite(table[1, :, 0]))
    whole = np.isfinite(table[1, places]).all(axis=0)
    whole[0] = False
    kept = int(whole.sum())
    notes = [f"fitted again in {draws:,} draws only, the first of the permutation null's"]
    if kept < draws:
        notes.append(f"{draws - kept:,} draws in which a specification failed are left out for all")
    return NullDraws(
        "permutation_refit",
        index[places],
        table[0, places, 0],
        table[1, places, 0],
        table[2, places, 0],
        table[3, places, 0],
        table[0][np.ix_(places, whole)],
        table[1][np.ix_(places, whole)],
        tuple(notes),
        draws - kept,
    )


def _nothing(count: int, draws: int) -> NullDraws:
    none = np.zeros(0)
    note = f"{count:,} specifications that are not least squares would take too long to fit {draws} times again"
    return NullDraws(
        "permutation_refit", np.zeros(0, np.int64), none, none, none, none,
        np.zeros((0, 0)), np.zeros((0, 0)), (note,) if count else (),
    )  # fmt: skip


INFERENCE = Null(
    "permutation_refit",
    "permutation of the assignment, estimators that are not least squares",
    "The first draws of the permutation null, every estimator fitted again.",
    draw,
)
