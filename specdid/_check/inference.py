"""Clusters of the standard errors and of the tests over the curve."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from specdid._check.data import Data
from specdid._diagnostics import Fault, fault_at
from specdid.language import write
from specdid.language.tree import chain


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
    if "wild" in given.null and study.unit is None and given.cluster is None:
        yield fault_at(
            given.origin,
            None,
            "no_test",
            "the test of the curve is off: the study has no unit to cluster by",
            'declare `unit`, or write cluster = "…" in [inference]',
            severity="warning",
        )
