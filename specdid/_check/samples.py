"""Samples and weights on the data."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from specdid._check.data import Data
from specdid._check.uses import leaves
from specdid._diagnostics import Fault, fault_at
from specdid._study import Expression
from specdid.language.tree import Node, Number


def check_samples(data: Data) -> Iterator[Fault]:
    """Warn of conditions that hold nowhere."""
    conditions = [sample.where for sample in data.study.sample]
    conditions += [o.where for v in data.study.variants for o in v.options if o.where is not None]
    for expression in conditions:
        rows = data.condition(expression)
        if rows is not None and not rows.any():
            yield fault_at(
                expression.origin,
                expression.tree.span,
                "empty_sample",
                "no row satisfies this condition",
                severity="warning",
            )


def check_weights(data: Data) -> Iterator[Fault]:
    """Find weights that are negative, or nothing but zeros and gaps."""
    for option in data.study.weights:
        for node, _ in leaves(option.formula.tree, "number"):
            if not isinstance(node, Number):
                yield from _weight(data, option.formula, node)


def _weight(data: Data, expression: Expression, node: Node) -> Iterator[Fault]:
    column = data.column(node)
    if column is None or column.numbers is None:
        return
    values = column.numbers
    negative = np.flatnonzero(values < 0)
    missing = np.flatnonzero(np.isnan(values))
    if negative.size:
        yield fault_at(
            expression.origin,
            node.span,
            "weights_negative",
            f"the weight is negative in {data.rows(negative)}",
            notes=tuple(f"{data.place(int(r))}: {values[r]:g}" for r in negative[:3]),
        )
    elif not (values > 0).any():
        yield fault_at(expression.origin, node.span, "weights_zero", "no row has a weight above 0")
    elif missing.size:
        yield fault_at(
            expression.origin,
            node.span,
            "weights_missing",
            f"the weight is missing in {data.rows(missing)}, which weighted specifications leave out",
            severity="warning",
        )
