"""What a permutation of the assignment moves: the columns asked for, their levels, what depends on them."""

from __future__ import annotations

import dataclasses

import numpy as np

from specdid.engine.masks import find_samples, missing_patterns, row_keys, rows_of
from specdid.engine.problem import Members, Problem, Vcov
from specdid.inference._assignment import Moved
from specdid.inference._base import Context, Ints
from specdid.language import bind, referenced
from specdid.language.sources import sources
from specdid.language.tree import Name, chain


def assigned(context: Context) -> tuple[str, ...]:
    """Give the columns that the assignment consists of."""
    expression = context.plan.study.inference.assign
    assert expression is not None
    return tuple(dict.fromkeys(name.name for name in referenced(expression.tree)))


def levels_of(context: Context) -> tuple[Ints, Ints | None]:
    """Give the codes of who was assigned, and of strata, by row."""
    asked = context.plan.study.inference
    scope = context.plan.grid.settings[0].scope
    unit = context.panel.unit
    node = asked.level.tree if asked.level is not None else Name(unit or "")
    level = context.evaluator.codes(tuple(bind(n, scope) for n in chain(node, "+")))
    if asked.strata is None:
        return level, None
    return level, context.evaluator.codes(tuple(bind(n, scope) for n in chain(asked.strata.tree, "+")))


def moved_by(context: Context, names: frozenset[str]) -> Moved:
    """Mark what depends on the columns ``names``."""
    compiled = context.compiled
    found = [
        np.array([any(sources(b) & names for b in recipe.bounds) for recipe in recipes], dtype=bool)
        for recipes in (compiled.value_recipes, compiled.row_recipes, compiled.code_recipes)
    ]
    codes = np.zeros(compiled.problem.codes.shape[1] + 1, dtype=bool)
    codes[: len(found[2])] = found[2]
    return Moved(found[0], found[1], codes)


def with_cluster(problem: Problem, cluster: Ints) -> Problem:
    """Give the problem with one vcov, clustered at [inference] cluster."""
    codes = np.asfortranarray(np.column_stack([problem.codes, cluster]))
    labels = (*problem.effect_labels, "cluster")
    vcovs = (Vcov("cluster", (codes.shape[1] - 1,)),)
    return dataclasses.replace(problem, codes=codes, effect_labels=labels, vcovs=vcovs)


def clusters_of(context: Context, members: Members) -> Ints:
    """Count the clusters of each member's rows, and those with treatment; (S, 2)."""
    problem, cluster = context.compiled.problem, context.cluster
    patterns = missing_patterns(problem, members)
    keys = row_keys(members, patterns)
    samples = find_samples(problem, members, keys, patterns, np.arange(len(keys.first)))
    out = np.empty((len(members), 2), np.int64)
    for key, packed in enumerate(samples.packed):
        mine = np.flatnonzero(keys.of_member == key)
        rows = rows_of(packed, len(cluster))
        out[mine, 0] = len(np.unique(cluster[rows]))
        for treatment in np.unique(members.treatment[mine]):
            on = rows[problem.values[rows, treatment] != 0]
            out[mine[members.treatment[mine] == treatment], 1] = len(np.unique(cluster[on]))
    return out
