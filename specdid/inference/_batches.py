"""What nulls make of a problem: its errors under their cluster, and batches with their columns laid out.

A batch is of specifications with the same rows, effects and weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from specdid._arrays import Bools, Floats, Ints, ordinary_weights
from specdid.engine import execute as engine
from specdid.engine.demean import Absorber, make_absorber
from specdid.engine.problem import Code, Effects, Members, Problem, Vcov
from specdid.engine.rows import rows_of, rows_of_members
from specdid.engine.sunab import aggregate_columns, cohort_cells, independent_cells
from specdid.inference._base import Context


def with_cluster(problem: Problem, cluster: Ints) -> Problem:
    """Return the problem with one vcov, clustered at [inference] cluster."""
    codes = np.asfortranarray(np.column_stack([problem.codes, cluster]))
    labels = (*problem.effect_labels, "cluster")
    vcovs = (Vcov("cluster", (codes.shape[1] - 1,)),)
    return replace(problem, codes=codes, effect_labels=labels, vcovs=vcovs)


def with_error(context: Context) -> Bools:
    """Mark the chosen specifications that have a standard error under the nulls' cluster, as the engine estimates it.

    Without one, sums of scores are rounding and so is every t. What is not the engine's is marked:
    its refits have errors of their own rule.
    """
    compiled, chosen = context.compiled, context.chosen
    linear = compiled.batched[chosen]
    members = compiled.members.take(chosen[linear])
    found = np.ones(len(chosen), dtype=bool)
    fits = engine.run(with_cluster(compiled.problem, context.cluster), members, context.jobs, context.backend)
    found[linear] = np.isfinite(fits.std_error[:, 0])
    return found


@dataclass(frozen=True, slots=True)
class DrawBatch:
    """Specifications that share rows, effects and weights.

    Attributes
    ----------
    members : positions among the members given
    rows : (n,) rows of the panel
    effects : the fixed-effects option
    weights : column of values, or -1
    sunab : index of the aggregate, or -1
    columns : (K,) columns of values that any member needs, ascending
    """

    members: Ints
    rows: Ints
    effects: Effects
    weights: int
    sunab: int
    columns: Ints


def draw_batches(problem: Problem, members: Members) -> list[DrawBatch]:
    """Group members by rows, effects and weights, as the engine does; in order of first member."""
    keys, samples = rows_of_members(problem, members)
    usable = samples.code[keys.of_member] == Code.OK
    found = []
    for batch in engine.make_batches(members, keys, samples, usable):
        mine, first = np.sort(batch.members), int(batch.members[0])
        found.append(
            DrawBatch(
                mine,
                rows_of(samples.packed[batch.key], len(problem.values)),
                problem.effects[members.effects[first]],
                int(members.weights[first]),
                int(members.sunab[first]),
                np.unique(np.concatenate([_regressors(members, s) for s in mine.tolist()])),
            )
        )
    return found


def _regressors(members: Members, s: int) -> Ints:
    return np.concatenate([[members.outcome[s], members.treatment[s]], members.controls_of(s)])


def kept_controls(members: Members, dropped: Mapping[int, tuple[int, ...]], s: int) -> Ints:
    """Return the controls of member ``s`` that were not dropped as collinear."""
    own = members.controls_of(s)
    gone = dropped.get(s, ())
    return own[~np.isin(own, gone)] if gone else own


@dataclass(frozen=True, slots=True)
class Laid:
    """A batch's columns on its rows.

    Attributes
    ----------
    values : (n, K + m) float64
        The batch's columns, then a Sun-Abraham block and, last, its aggregate.
    place : column of Problem.values -> position
    block : positions of a Sun-Abraham block
    treatment : position of its aggregate, or -1: the member's own treatment
    absorber : the batch's effects
    """

    values: Floats
    place: Mapping[int, int]
    block: Ints
    treatment: int
    absorber: Absorber


def lay_out(problem: Problem, members: Members, batch: DrawBatch) -> Laid:
    """Take the rows of a batch's columns, and make the cells of a Sun-Abraham model."""
    rows = batch.rows
    weights = ordinary_weights(problem.values[rows, batch.weights]) if batch.weights >= 0 else None
    absorber = make_absorber(problem, batch.effects, rows, weights)
    values = np.empty((len(batch.columns), len(rows)))
    for column, c in zip(values, batch.columns, strict=True):
        problem.values[:, c].take(rows, out=column, mode="clip")  # without a copy in between
    values = values.T
    place = {int(c): k for k, c in enumerate(batch.columns)}
    if batch.sunab < 0:
        return Laid(values, place, np.zeros(0, np.int64), -1, absorber)
    aggregate = members.aggregates[batch.sunab]
    time, cohort = problem.values[rows, aggregate.period], problem.values[rows, aggregate.cohort]
    cells = independent_cells(cohort_cells(time, cohort, weights, aggregate), absorber)
    treatment, others = aggregate_columns(cells.dummies, cells.share)
    first = values.shape[1]
    block = np.arange(first, first + others.shape[1])
    return Laid(np.column_stack([values, others, treatment]), place, block, first + len(block), absorber)


def positions(laid: Laid, columns: Ints) -> Ints:
    """Return the positions of columns of Problem.values."""
    return np.array([laid.place[int(c)] for c in columns], np.int64)
