"""Clusters of the standard errors and of the tests over the curve."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from specdid import _plugins
from specdid._check.assignment import codes_of
from specdid._check.data import Data, leaves
from specdid._diagnostics import Fault, Severity, SpecError, fault_at
from specdid._plan import build_plan
from specdid._study import Expression
from specdid.engine.compile import compile_plan
from specdid.engine.rows import used_rows
from specdid.language import LanguageError, write
from specdid.language.tree import chain
from specdid.panel import EvaluationError
from specdid.panel.columns import Flags


def check_clusters(data: Data) -> Iterator[Fault]:
    """Find clusters that are missing in rows that a specification uses.

    The first of [vcov] and those of [inference] must be there; a further vcov is had where it can be.
    """
    given, vcovs = data.study.inference, data.study.vcov
    needed = [cluster for option in vcovs[:1] for cluster in option.clusters]
    needed += [e for e in (given.cluster, given.level, given.strata) if e is not None]
    further = [cluster for option in vcovs[1:] for cluster in option.clusters]
    yield from _not_offered(data)
    for option in vcovs:
        for cluster in option.clusters:
            yield from _one_cluster(data, cluster, "error" if option is vcovs[0] else "warning")
    if given.cluster is not None and given.draws:
        yield from _one_cluster(data, given.cluster, "warning")
    used: Flags | None = None
    for expression in (*needed, *further):
        for node in chain(expression.tree, "+"):
            column = data.column(node)
            if column is None or not (column.missing & _perhaps_used(data)).any():
                continue
            used = _used(data) if used is None else used
            rows = np.flatnonzero(column.missing & used)
            if not rows.size:
                continue
            message = f"`{write(node)}` is missing in {data.rows(rows)}, which specifications use"
            if expression in needed:
                advice = "every row of a specification needs its cluster: fill it in, or leave these rows out"
                yield fault_at(expression.origin, node.span, "cluster_missing", message, advice)
            else:
                message += ": those have no standard error by it"
                yield fault_at(expression.origin, node.span, "vcov_missing", message, severity="warning")


def _not_offered(data: Data) -> Iterator[Fault]:
    """Find variances that an estimator of the study does not offer."""
    for option in data.study.vcov:
        kind = "twoway" if len(option.clusters) > 1 else option.kind
        methods = dict.fromkeys(e.method for e in data.study.estimator)
        lacking = [m for m in methods if kind not in _plugins.load("estimators", m).vcovs]
        if lacking:
            message = f"no standard errors by `{option.name}` of {' and '.join(lacking)}"
            advice = "those specifications have none: write a variance first that all estimators offer"
            yield fault_at(option.origin, None, "vcov_not_offered", message, advice, "warning")


def _one_cluster(data: Data, cluster: Expression, severity: Severity) -> Iterator[Fault]:
    """Find clusters of which the samples have fewer than two."""
    codes = codes_of(data, cluster)
    if codes is not None and len(np.unique(codes[data.sampled & (codes >= 0)])) < 2 and data.sampled.any():
        message = f"`{cluster.text}` is one cluster in all samples, and from one there is no standard error"
        yield fault_at(cluster.origin, cluster.tree.span, "one_cluster", message, severity=severity)


def _perhaps_used(data: Data) -> Flags:
    """Mark the rows of samples that have some outcome: more than the specifications use, and soon known."""
    found = np.zeros(data.panel.n_rows, dtype=bool)
    for outcome in data.study.outcome:
        for node, _ in leaves(outcome.formula.tree, "outcome"):
            values = data.column(node)
            found |= ~values.missing if values is not None else True
    return data.sampled & found


def _used(data: Data) -> Flags:
    """Mark the rows that some planned specification uses, all that may be where there is no plan yet."""
    try:
        plan = build_plan(data.study, data.panel, data.evaluator)
        compiled = compile_plan(plan, data.panel, data.evaluator)
        return used_rows(compiled.problem, compiled.members)
    except (SpecError, LanguageError, EvaluationError):
        return _perhaps_used(data)


def check_inference(data: Data) -> Iterator[Fault]:
    """Check that the tests over the curve have what they need."""
    given, study = data.study.inference, data.study
    if not given.draws:
        return
    least = int(np.ceil(1 / given.alpha - 1 - 1e-9))
    if given.draws < least:
        yield fault_at(
            given.draws_origin or given.origin,
            None,
            "draws_too_few",
            f"{given.draws:,} draws give no p of {given.alpha:g} or less, and no simultaneous band",
            f"write draws = {least:,} or more: the smallest p is 1 / (draws + 1)",
            severity="warning",
        )
    signed = [name for name in given.null if not _plugins.load("inference", name).assigns]
    if signed and study.unit is None and given.cluster is None:
        yield fault_at(
            given.origin,
            None,
            "no_test",
            "the test of the curve is off: the study has no unit to cluster by",
            'declare `unit`, or write cluster = "…" in [inference]',
            severity="warning",
        )
