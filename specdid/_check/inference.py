"""Clusters, and what a permutation moves: who was assigned, within what, and by which columns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from specdid._check.data import Data, changing_rows
from specdid._diagnostics import Fault, fault_at
from specdid._study import Expression
from specdid.language import LanguageError, bind, write
from specdid.language.tree import chain
from specdid.panel import EvaluationError
from specdid.panel.columns import Ints


def check_clusters(data: Data) -> Iterator[Fault]:
    """Find clusters with missing values in rows of any sample, of [vcov] and of [inference]."""
    given, used = data.study.inference, data.sampled
    named = [cluster for option in data.study.vcov for cluster in option.clusters]
    named += [e for e in (given.cluster, given.level, given.strata) if e is not None]
    for expression in named:
        for node in chain(expression.tree, "+"):
            column = data.column(node)
            if column is None or not (column.missing & used).any():
                continue
            rows = data.rows(np.flatnonzero(column.missing & used))
            advice = "every row of a sample needs its cluster: fill it in, or leave these rows out"
            message = f"`{write(node)}` is missing in {rows}"
            yield fault_at(expression.origin, node.span, "cluster_missing", message, advice)


def check_inference(data: Data) -> Iterator[Fault]:
    """Check that the tests over the curve have what they need."""
    given, study = data.study.inference, data.study
    if not given.draws:
        return
    if "wild" in given.null and study.unit is None and given.cluster is None:
        yield fault_at(
            given.origin,
            None,
            "no_test",
            "the test of the curve is off: the study has no unit to cluster by",
            'declare `unit`, or write cluster = "…" in [inference]',
            severity="warning",
        )
    if "permutation" in given.null and given.assign is not None:
        if given.level is None and study.unit is None:
            yield fault_at(
                given.assign.origin,
                None,
                "no_level",
                "permutation needs to know who was assigned",
                'write level = "…" in [inference], or declare `unit` in [study]',
            )
            return
        yield from _permutation(data)


def _permutation(data: Data) -> Iterator[Fault]:
    given = data.study.inference
    level = _codes(data, given.level) if given.level is not None else data.panel.unit_codes
    if level is None:
        return
    words = given.level.text if given.level is not None else data.study.unit
    assert given.assign is not None
    if given.level is not None and data.panel.unit_codes is not None:
        yield from _constant(
            data,
            given.level,
            data.panel.unit_codes,
            level,
            f"changes within a {data.panel.unit}",
            "a unit belongs to one of those who were assigned",
        )
    if given.strata is not None:
        strata = _codes(data, given.strata)
        if strata is not None:
            yield from _constant(
                data, given.strata, level, strata, f"changes within a {words}", "strata hold whole levels"
            )
    path = level if data.panel.periods is None else _joint(level, data.panel.periods)
    when = "" if data.panel.periods is None else f" and {data.study.time}"
    for node in chain(given.assign.tree, "+"):
        part = Expression(given.assign.text[node.span.start : node.span.stop], node, given.assign.origin)
        codes = _codes(data, part)
        if codes is not None:
            yield from _constant(
                data,
                part,
                path,
                codes,
                f"changes within a {words}{when}",
                f"what is assigned at the level of {words} is the same for all its units; "
                "set `level` to who was assigned",
            )


def _constant(
    data: Data, expression: Expression, groups: Ints, codes: Ints, words: str, advice: str
) -> Iterator[Fault]:
    rows = changing_rows(groups, codes.astype(np.float64))
    if rows.size:
        yield fault_at(
            expression.origin,
            expression.tree.span,
            "not_constant",
            f"`{expression.text}` {words}: {data.place(int(rows[0]))}",
            advice,
        )


def _codes(data: Data, expression: Expression) -> Ints | None:
    try:
        return data.evaluator.codes(tuple(bind(n, data.scope) for n in chain(expression.tree, "+")))
    except (LanguageError, EvaluationError):
        return None


def _joint(level: Ints, periods: Ints) -> Ints:
    """Code level × period; a missing level stays missing."""
    _, period = np.unique(periods, return_inverse=True)
    _, joint = np.unique(level * (int(period.max()) + 1) + period.reshape(-1), return_inverse=True)
    return np.where(level < 0, -1, joint.reshape(-1))
