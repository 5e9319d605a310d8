"""The null-imposed wild cluster bootstrap with one sign per cluster and draw for all specifications.

Cameron, Gelbach and Miller (2008); the restricted, studentised version of Roodman,
MacKinnon, Nielsen and Webb (2019). Rademacher signs; Webb's (2023) six points below 12
clusters. A draw is seeded by its own number and covers every cluster of the panel in
sorted order, before any row is cut: it is the same in every specification and does not
change with what else is in the grid.
"""

from __future__ import annotations

import numpy as np

from specdid._records import Caution
from specdid.inference._base import Context, Floats, Ints, Null, NullDraws
from specdid.inference._batches import make_batches
from specdid.inference._wild_batches import FEW
from specdid.inference._wild_slices import cut, recall


def draw(context: Context) -> NullDraws:
    """Draw the null of no effect for the least-squares specifications among the chosen."""
    compiled = context.compiled
    linear = compiled.batched[context.chosen]
    members = compiled.members.take(context.chosen[linear])
    kept = {old: new for new, old in enumerate(np.flatnonzero(linear).tolist())}
    dropped = {kept[old]: gone for old, gone in context.dropped.items() if old in kept}
    signs = cluster_signs(context.cluster, context.draws, context.seed)
    slices, size = cut(make_batches(compiled.problem, members), len(members), context.draws)
    done, count = 0, len(members)
    real = np.full((3, count), np.nan)
    facts, usable = np.zeros((count, 2), np.int64), np.zeros(count, dtype=bool)
    estimate, statistic, a, b, c = tables = tuple(context.table(count) for _ in range(5))
    for found in recall(context, members, dropped, slices, size, signs):
        at = found.places
        real[:, at] = found.estimate[:, 0], found.statistic[:, 0], found.error
        facts[at], usable[at] = found.facts, np.isfinite(found.statistic).all(axis=1)
        drawn = (found.estimate[:, 1:], found.statistic[:, 1:], *found.imposed.transpose(1, 0, 2))
        for table, numbers in zip(tables, drawn, strict=True):
            table.enter(at, numbers)
        done += len(at)
        context.progress("wild null", done, count)
    rows = np.flatnonzero(usable)
    if not usable.all():
        estimate, statistic, a, b, c = (table.take(rows) for table in tables)
    facts = facts[rows]
    return NullDraws(
        "wild",
        members.index[rows],
        real[0, rows],
        real[1, rows],
        real[2, rows],
        facts[:, 0].astype(np.float64) - 1.0,
        estimate,
        statistic,
        _left_out(linear, usable),
        0,
        int(facts[:, 0].min(initial=2**31)),
        int(facts[:, 1].min(initial=2**31)),
        (a, b, c),
    )


def cluster_signs(cluster: Ints, draws: int, seed: int) -> Floats:
    """Give (G, 1 + draws) signs over all clusters of the panel; the first column, ones, is the data."""
    count = int(cluster.max(initial=-1)) + 1
    out = np.ones((count, draws + 1))
    for b in range(draws):
        generator = np.random.Generator(np.random.Philox(key=[seed % 2**64, b]))
        if count >= FEW:
            out[:, b + 1] = 2.0 * generator.integers(0, 2, count) - 1.0
        else:
            six = np.sqrt([0.5, 1.0, 1.5])
            out[:, b + 1] = np.concatenate([-six, six])[generator.integers(0, 6, count)]
    return out


def _left_out(linear: np.ndarray, usable: np.ndarray) -> tuple[Caution, ...]:
    notes = []
    other = int(np.count_nonzero(~linear))
    if other:
        said = f"{other:,} specifications are not plain least squares and are not in this test"
        notes.append(Caution("note", "not_least_squares", said, specifications=other))
    broken = int(np.count_nonzero(~usable))
    if broken:
        reason = "have no cluster-robust variance, or slopes that lie across clusters,"
        said = f"{broken:,} specifications {reason} and are not in this test"
        notes.append(Caution("note", "no_cluster_variance", said, specifications=broken))
    return tuple(notes)


INFERENCE = Null(
    "wild",
    "wild cluster bootstrap",
    "The null imposed, one sign per cluster and draw shared by all specifications, studentised.",
    draw,
    "wild bootstrap null",
    imposes=True,
)
