"""The permutation null of what every draw must fit anew at some cost: fewer draws.

The same permutations as in ``permutation``, the first DRAWS of them; the conductor runs it
beside that null. Poisson, logit, did2s, csdid and lpdid are fitted one by one, through their own
estimators, on the permuted data; least squares whose rows or cohorts move (Sun-Abraham) by
the engine.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._records import Caution
from specdid._records.numerals import specifications
from specdid.engine.cache_keys import digest
from specdid.engine.one_by_one import Method, OneByOneWork, fit_one_by_one
from specdid.engine.problem import Code, Members, Problem
from specdid.engine.store import Store
from specdid.inference._assignment import clusters_of, different_of, levels_of, make_assignment
from specdid.inference._base import Context, Null, NullDraws
from specdid.inference._draw_tables import DrawTable, recall_table
from specdid.inference._permutation_strategy import (
    Reestimation,
    Strategies,
    again_key,
    estimate_again,
    fits_each,
    make_again,
    permuted_problem,
    seconds_anew,
    split,
)

DRAWS = (199, 99)
"""Draws, the most that the budget allows."""
SLICE = 25
"""Draws a worker takes at a time."""
BUDGET = 120.0
SECONDS = 0.03
"""What all may take on one core, and one fit's seconds, beyond which they are left out. Neither is measured: the
same specifications enter on every machine."""


def draw(context: Context) -> NullDraws:
    """Draw the null for the specifications that ``permutation`` leaves out for their cost."""
    of, compiled = split(context), context.compiled
    alone, costly, draws, beyond = affordable(context, of)
    places = np.flatnonzero(alone | costly)
    table = np.full((4, len(places), draws + 1), np.nan)
    assignment = make_assignment(context.panel, of.names, *levels_of(context)) if len(places) else None
    for mine, work in ((np.flatnonzero(alone), _one_by_one), (np.flatnonzero(costly), _by_engine)):
        if assignment is not None and len(mine):
            work(context, of, make_again(context, of, assignment, mine), mine, np.searchsorted(places, mine), table)
    found = _collected(compiled.members.index[context.chosen[places]], table, draws, context.draws, beyond)
    distinct = 0 if assignment is None else different_of(context, assignment).fewer_than(draws)
    found = dataclasses.replace(found, distinct=distinct)
    tested = np.flatnonzero(np.isin(compiled.members.index, found.index))
    clusters, treated = clusters_of(context, compiled.members.take(tested)).min(axis=0, initial=2**31).tolist()
    return dataclasses.replace(found, clusters=clusters, treated=treated)


def draws_anew(context: Context, of: Strategies) -> int:
    """Return in how many draws specifications are fitted again."""
    return affordable(context, of)[2]


def affordable(context: Context, of: Strategies) -> tuple[Bools, Bools, int, int]:
    """Return which chosen specifications are fitted again, by parts as `within_budget` has them."""
    members = context.compiled.members.take(context.chosen)
    fits = fits_each(context.plan.grid.estimators, context.compiled.method[context.chosen])
    return within_budget(of.problem, members, ~of.batched & of.depends, of.costly, context.draws, fits)


def within_budget(
    problem: Problem, members: Members, alone: Bools, costly: Bools, asked: int, fits: Ints
) -> tuple[Bools, Bools, int, int]:
    """Keep what can be fitted in the time, least squares before the others; count the draws, and what cannot be.

    There are as many draws of DRAWS as let the most specifications in. ``fits`` (S,) is what an estimate takes; those
    of more than one come last.
    """
    seconds = seconds_anew(problem, members.take(np.flatnonzero(costly)))
    ways = [_kept(seconds, alone, costly, min(draws, asked), fits) for draws in DRAWS]
    return min(ways, key=lambda way: way[3])


def _kept(anew: float, alone: Bools, costly: Bools, draws: int, fits: Ints) -> tuple[Bools, Bools, int, int]:
    left = BUDGET - draws * anew
    kept, others = (costly if left >= 0 else np.zeros_like(costly)), np.zeros_like(alone)
    left = left if left >= 0 else BUDGET
    for part in (alone & (fits == 1), alone & (fits > 1)):
        seconds = draws * SECONDS * int(fits[part].sum())
        if seconds <= left:
            others, left = others | part, left - seconds
    return others, kept, draws, int(np.count_nonzero((alone | costly) & ~(kept | others)))


def _one_by_one(context: Context, of: Strategies, again: Reestimation, places: Ints, rows: Ints, table: Floats) -> None:
    """Fill the draws of what the engine does not take."""
    compiled, chosen = context.compiled, context.chosen[places]
    methods = tuple(Method(e.method, dict(e.options)) for e in context.plan.grid.estimators)
    work = OneByOneWork(
        of.problem, again.members, methods, compiled.method[chosen], compiled.cohort[chosen], compiled.time
    )
    store = context.store_for(len(places))
    key = b"" if store is None else digest("refit", again_key(store, context, again), _method_key(store, work))
    _fill(context, table, rows, _refit, (again, work), key, store)


def _by_engine(context: Context, of: Strategies, again: Reestimation, places: Ints, rows: Ints, table: Floats) -> None:
    """Fill the draws of least squares whose rows, controls or cohorts move."""
    store = context.store_for(len(places))
    key = b"" if store is None else digest("refit", again_key(store, context, again))
    _fill(context, table, rows, estimate_again, again, key, store)


def _slices(table: Floats) -> list[range]:
    count = table.shape[2]
    return [range(b, min(b + SLICE, count)) for b in range(0, count, SLICE)]


def _fill(
    context: Context,
    table: Floats,
    rows: Ints,
    function: Callable[[Any, range], Floats],
    work: Any,
    key: bytes,
    store: Store | None,
) -> None:
    done, items = 0, _slices(table)
    for k, found in recall_table(
        store,
        lambda k: digest(key, repr(items[k])),
        function,
        work,
        items,
        context.jobs,
        context.backend,
        "permutation_refit",
    ):
        part = items[k]
        done += len(part)
        context.progress("permutation null, refits", done, table.shape[2])
        table[:, rows, part.start : part.stop] = found


def _method_key(store: Store, work: OneByOneWork) -> bytes:
    """Hash the estimators of members, and the cohorts that they take."""
    content = store.content(work.problem)
    names = [work.methods[m].name for m in work.method]
    options = [sorted(work.methods[m].options.items()) for m in work.method]
    cohorts, time = content.values(work.cohort.tolist()), content.value(work.time)
    return digest(repr((names, options)), cohorts, time)


def _refit(shared: tuple[Reestimation, OneByOneWork], draws: range) -> Floats:
    """Fit all members in some draws: (4, S, draws) of estimate, t, standard error and df."""
    again, work = shared
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


def _collected(index: Ints, table: Floats, draws: int, asked: int, beyond: int) -> NullDraws:
    """Keep the specifications with a real statistic; say where draws are fewer than ``asked``."""
    places = np.flatnonzero(np.isfinite(table[1, :, 0]))
    notes = []
    if len(places) and draws < asked:
        said = f"fitted again in {draws:,} draws only, the first of the permutation null's"
        notes.append(Caution("note", "few_draws", said))
    if beyond:
        said = f"{specifications(beyond)} would take more than {BUDGET:g} s to fit {min(draws, *DRAWS)} times again"
        said += ", by a fixed count of seconds for a fit that is the same on every machine,"
        said += f" and {'is' if beyond == 1 else 'are'} not in this test"
        notes.append(Caution("note", "costly", said, specifications=beyond))
    return NullDraws(
        "permutation_refit",
        index[places],
        table[0, places, 0],
        table[1, places, 0],
        table[2, places, 0],
        table[3, places, 0],
        DrawTable.of(table[0, places, 1:]),
        DrawTable.of(table[1, places, 1:]),
        tuple(notes),
    )


INFERENCE = Null(
    "permutation_refit",
    "permutation of the assignment, specifications fitted again in every draw",
    "The first draws of the permutation null, for estimators and cohorts that every draw must fit again.",
    draw,
    "permutation null",
    "refits",
    assigns=True,
)
