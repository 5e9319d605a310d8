"""Batches for a null: specifications with the same rows, effects and weights, residualised once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from specdid.engine.problem import Effects, Members, Problem
from specdid.engine.tasks import controls_of, cut_rows
from specdid.inference._base import Ints


@dataclass(frozen=True, slots=True)
class Batch:
    """Specifications that share rows, effects and weights.

    Attributes
    ----------
    members : positions among the members given
    rows : (n,) rows of the panel
    effects : the fixed-effects option
    weights : column of values, or -1
    columns : (K,) columns of values that any member needs, ascending
    """

    members: Ints
    rows: Ints
    effects: Effects
    weights: int
    columns: Ints


def make_batches(problem: Problem, members: Members) -> Iterator[Batch]:
    """Group members by rows, effects and weights, in order of their first member."""
    patterns = _finite_patterns(problem)
    groups: dict[tuple[object, ...], list[int]] = {}
    for s in range(len(members)):
        used = _used(problem, members, s)
        key = (
            int(members.rows[s]),
            int(members.effects[s]),
            int(members.weights[s]),
            int(members.extra_rows[s]),
            tuple(np.unique(patterns[used]).tolist()),
        )
        groups.setdefault(key, []).append(s)
    for mine in groups.values():
        first = mine[0]
        needed = np.unique(np.concatenate([_regressors(members, s) for s in mine]))
        yield Batch(
            np.array(mine, np.int64),
            cut_rows(problem, members, first).rows,
            problem.effects[members.effects[first]],
            int(members.weights[first]),
            needed,
        )


def _regressors(members: Members, s: int) -> Ints:
    return np.concatenate([[members.outcome[s], members.treatment[s]], controls_of(members, s)])


def _used(problem: Problem, members: Members, s: int) -> Ints:
    slopes = [x for _, x in problem.effects[members.effects[s]].slopes]
    return np.concatenate([_regressors(members, s), np.array(slopes, np.int64)])


def _finite_patterns(problem: Problem) -> Ints:
    """Give numbers to the distinct patterns of missing cells; columns of equal patterns cut equal rows."""
    seen: dict[bytes, int] = {}
    found = [
        seen.setdefault(np.packbits(np.isfinite(problem.values[:, k])).tobytes(), len(seen))
        for k in range(problem.values.shape[1])
    ]
    return np.array(found, np.int64)


def kept_controls(members: Members, dropped: Mapping[int, tuple[int, ...]], s: int) -> Ints:
    """Give the controls of member ``s`` that were not dropped as collinear."""
    own = controls_of(members, s)
    gone = dropped.get(s, ())
    return own[~np.isin(own, gone)] if gone else own
