"""The permutation null: the assignment moved between those who could have been assigned.

The columns of [inference] ``assign`` are permuted across ``level`` (within ``strata``),
whole paths at a time; derived columns, treatments, cohorts, variants and samples that
depend on them are built again. One permutation serves every specification. Where only
the treatment depends on the assignment, the outcome and the controls are residualised
once; everything else is estimated again by the engine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._records import Caution
from specdid._records.numerals import specifications
from specdid.engine.cache_keys import Content, digest, used_columns
from specdid.engine.columns import evaluate
from specdid.engine.problem import Members, Problem
from specdid.engine.store import Store
from specdid.inference._assignment import Assignment, clusters_of, different_of, levels_of, make_assignment, permute
from specdid.inference._base import Context, Null, NullDraws
from specdid.inference._draw_tables import DrawTable, recall_table
from specdid.inference._partialled_out import draw_simple
from specdid.inference._permutation_strategy import Strategies, again_key, estimate_again, make_again, split
from specdid.inference.permutation_refit import draws_anew
from specdid.panel import Evaluator

PART = 256
"""Specifications a worker takes at a time."""
DRAWS = 16
"""Draws whose treatments are made at a time."""
ESTIMATED = 32
"""Draws a worker estimates again at a time: what is the same in all of them is laid out once."""
TREATMENTS = 2**28
"""Bytes of permuted treatments beyond which fewer draws are made at a time."""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What was found so far: estimate, t and standard error of the data, (3, S), and tables of the draws."""

    real: Floats
    estimate: DrawTable
    statistic: DrawTable

    def enter(self, places: Ints, table: Floats, first: int) -> None:
        """Write (3, len(places), k), from draw ``first`` on; draw 0 is the data."""
        skip = 1 if first == 0 else 0
        if skip:
            self.real[:, places] = table[:, :, 0]
        self.estimate.enter(places, table[0, :, skip:], first - 1 + skip)
        self.statistic.enter(places, table[1, :, skip:], first - 1 + skip)


def draw(context: Context) -> NullDraws:
    """Draw the null in which the assignment is exchangeable between levels."""
    of = split(context)
    members = context.compiled.members.take(context.chosen)
    assignment = make_assignment(context.panel, of.names, *levels_of(context))
    count = len(members)
    drawn = _Drawn(np.full((3, count), np.nan), context.table(count), context.table(count))
    store = context.store_for(count)
    columns = np.unique(members.treatment[of.simple])
    for draws in _draws_at_a_time(context, len(columns)):
        treatments = _permuted_treatments(context, assignment, columns, draws)
        _draw_simple(context, of.problem, members, np.flatnonzero(of.simple), treatments, draws, drawn, store)
    _draw_again(context, of, np.flatnonzero(of.again), assignment, drawn, store)
    found = _collected(context, members, of.simple | of.again, drawn, _notes(context, of))
    return replace(found, distinct=different_of(context, assignment).fewer_than(context.draws))


def _draws_at_a_time(context: Context, treatments: int) -> list[range]:
    """Cut the draws so that the treatments of a cut are of bounded size: a function of the plan and data alone."""
    if not treatments:
        return []
    total = context.draws + 1
    step = max(DRAWS, TREATMENTS // (8 * treatments * context.panel.n_rows))
    return [range(b, min(b + step, total)) for b in range(0, total, step)]


def _permuted_treatments(context: Context, assignment: Assignment, columns: Ints, draws: range) -> dict[int, Floats]:
    """Evaluate the treatments in these draws, (n, draws); draw 0 is the data."""
    out = {int(c): np.empty((context.panel.n_rows, len(draws))) for c in columns}
    for k, b in enumerate(draws):
        if b == 0:
            for c, table in out.items():
                table[:, k] = context.compiled.problem.values[:, c]
            continue
        panel = permute(context.panel, assignment, context.seed, b - 1)
        evaluator = Evaluator(panel)
        for c, table in out.items():
            table[:, k] = evaluate(context.compiled.value_recipes[c], panel, evaluator)
    return out


def _draw_simple(
    context: Context,
    problem: Problem,
    members: Members,
    places: Ints,
    treatments: dict[int, Floats],
    draws: range,
    drawn: _Drawn,
    store: Store | None,
) -> None:
    """Fill draws of members of which only the treatment moves, in parts for workers."""
    part = members.take(places)
    dropped = {new: context.dropped[old] for new, old in enumerate(places.tolist()) if old in context.dropped}
    order = np.lexsort((np.arange(len(part)), part.weights, part.effects, part.rows, part.treatment))
    pieces = [order[start : start + PART] for start in range(0, len(order), PART)]
    items = []
    for piece in pieces:
        mine = part.take(piece)
        gone = {k: dropped[int(p)] for k, p in enumerate(piece) if int(p) in dropped}
        items.append((mine, gone))
    hashes = {} if store is None else {t: digest(column) for t, column in treatments.items()}

    def key(k: int) -> bytes:
        assert store is not None
        return _simple_key(store.content(problem), *items[k], hashes)

    done = 0
    for k, found in recall_table(store, key, _simple_part, (problem, treatments), items, context.jobs, context.backend):
        done += len(pieces[k])
        context.progress("permutation null", done * draws.stop // (context.draws + 1), len(part))
        drawn.enter(places[pieces[k]], found, draws.start)


def _simple_part(
    shared: tuple[Problem, dict[int, Floats]], piece: tuple[Members, dict[int, tuple[int, ...]]]
) -> Floats:
    problem, treatments = shared
    return draw_simple(problem, *piece, treatments)


def _simple_key(
    content: Content, members: Members, dropped: dict[int, tuple[int, ...]], hashes: dict[int, bytes]
) -> bytes:
    """Hash all that the draws of a piece depend on; ``hashes`` are those of the treatments in every draw."""
    columns = used_columns(members)
    gone = [(k, np.searchsorted(columns, lost).tolist()) for k, lost in sorted(dropped.items())]
    moved = b"".join(hashes[int(t)] for t in np.unique(members.treatment))
    return digest("permutation", content.study, content.members(members, columns), moved, repr(gone))


def _draw_again(
    context: Context, of: Strategies, places: Ints, assignment: Assignment, drawn: _Drawn, store: Store | None
) -> None:
    """Estimate members again in every draw: their rows, controls or cohorts move too."""
    if not len(places):
        return
    work = make_again(context, of, assignment, places)
    starts = range(0, context.draws + 1, ESTIMATED)
    items = [range(b, min(b + ESTIMATED, context.draws + 1)) for b in starts]
    shared = b"" if store is None else again_key(store, context, work)
    done = 0
    for k, block in recall_table(
        store, lambda k: digest(shared, repr(items[k])), estimate_again, work, items, context.jobs, context.backend
    ):
        draws = items[k]
        done += len(draws)
        context.progress("permutation null, estimated again", done, context.draws + 1)
        drawn.enter(places, block[:3], draws.start)


def _collected(
    context: Context, members: Members, usable: Bools, drawn: _Drawn, notes: tuple[Caution, ...]
) -> NullDraws:
    """Keep the specifications with a real statistic."""
    kept = usable & np.isfinite(drawn.real[1])
    places = np.flatnonzero(kept)
    estimate, statistic = (t if kept.all() else t.take(places) for t in (drawn.estimate, drawn.statistic))
    clusters = clusters_of(context, members.take(places))
    failed = int(np.count_nonzero(usable & ~kept))
    if failed:
        said = specifications(failed, "have no cluster-robust variance and are not in this test")
        notes = (*notes, Caution("note", "no_cluster_variance", said, specifications=failed))
    return NullDraws(
        "permutation",
        members.index[places],
        drawn.real[0, places],
        drawn.real[1, places],
        drawn.real[2, places],
        clusters[:, 0].astype(np.float64) - 1.0,
        estimate,
        statistic,
        notes,
        clusters=int(clusters[:, 0].min(initial=2**31)),
        treated=int(clusters[:, 1].min(initial=2**31)),
    )


def _notes(context: Context, of: Strategies) -> tuple[Caution, ...]:
    draws = draws_anew(context, of)
    apart = f"are left to the refits of this null, in {draws:,} draws and as far as a fixed amount of work allows"
    moving = f"change rows or cohorts with the assignment, too long a work in {context.draws:,} draws"
    still = "have a treatment that `assign` does not move and are not in this test"
    counted = [
        ("not_least_squares", ~of.batched & of.depends, f"are not least squares, and {apart}"),
        ("not_moved", ~of.depends, still),
        ("costly", of.costly, f"{moving}, and {apart}"),
    ]
    found = [(code, int(np.count_nonzero(which)), words) for code, which, words in counted]
    return tuple(Caution("note", code, specifications(n, words), specifications=n) for code, n, words in found if n)


INFERENCE = Null(
    "permutation",
    "permutation of the assignment",
    "Whole paths of the assigned columns moved between levels; everything that follows is built again.",
    draw,
    "permutation null",
    assigns=True,
)
