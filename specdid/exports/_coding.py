"""The columns of a regressor term as expressions: dummies are comparisons, interactions products.

The columns and their order are those of ``panel.design``, which gives their values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from specdid._programs.script import POLY
from specdid.language import Bound, argument
from specdid.language.tree import Argument, Binary, Call, Name, Node, Number, Text, Unary
from specdid.panel import Column, Evaluator
from specdid.panel.design import listed

Place = Callable[[Bound], str]
"""Returns the name of a column that holds an expression."""


def coded_columns(evaluator: Evaluator, factors: Sequence[Bound], place: Place) -> tuple[Node, ...]:
    """Return the trees of a term's columns, over placed names; the first factor varies fastest."""
    alone = len(factors) == 1
    columns: list[Node] = []
    for position, factor in enumerate(factors):
        mine = _Factor(evaluator, factor, place).columns(alone)
        columns = mine if position == 0 else [Binary("*", a, b) for b in mine for a in columns]
    return tuple(columns)


class _Factor:
    def __init__(self, evaluator: Evaluator, bound: Bound, place: Place) -> None:
        self.evaluator, self.bound, self.place = evaluator, bound, place
        self.evaluation = evaluator.evaluation(bound.scope)

    def columns(self, alone: bool) -> list[Node]:
        """Return the factor's columns; by itself a factor loses its first level."""
        node = self.bound.node
        if isinstance(node, Call):
            if node.function in ("factor", "C"):
                return self._dummies(self._given(node, "x"), alone)
            if node.function == "i":
                return self._event_dummies(node, alone)
            if node.function == "poly":
                return self._polynomial(node)
            if node.function in ("l", "f", "d"):
                return self._lags(node)
        column = self.evaluator.column(self.bound)
        if column.is_text and not column.odd:
            return self._dummies(node, alone)
        return [self._name(node)]

    def _given(self, call: Call, name: str) -> Node:
        node = argument(call, name)
        assert node is not None
        return node

    def _name(self, node: Node) -> Node:
        return Name(self.place(self.evaluation.bind(node)))

    def _levels(self, node: Node) -> list[Node]:
        """Return a factor's levels as constants, sorted by value."""
        column = self.evaluator.column(self.evaluation.bind(node))
        if column.numbers is not None:
            return [_constant(float(v)) for v in np.unique(column.numbers[~np.isnan(column.numbers)])]
        assert column.codes is not None
        return [Text(column.levels[int(c)]) for c in np.unique(column.codes) if c >= 0]

    def _dummies(self, node: Node, drop_first: bool) -> list[Node]:
        name = self._name(node)
        return [Binary("==", name, level) for level in self._levels(node)[int(drop_first) :]]

    def _event_dummies(self, call: Call, alone: bool) -> list[Node]:
        factor, second = self._given(call, "f"), argument(call, "x")
        levels = self._levels(factor)
        references = [_value(self.evaluation.value(n)) for n in listed(argument(call, "ref"))]
        if not references and second is None and alone:
            levels = levels[1:]
        name = self._name(factor)
        dummies: list[Node] = [
            Binary("==", name, level) for level in levels if _value(self.evaluation.value(level)) not in references
        ]
        if second is None:
            return dummies
        return [Binary("*", d, x) for x in self._interacted(second) for d in dummies]

    def _interacted(self, node: Node) -> list[Node]:
        wrapped = isinstance(node, Call) and node.function in ("factor", "C")
        inner = self._given(node, "x") if wrapped and isinstance(node, Call) else node
        if wrapped or self.evaluator.column(self.evaluation.bind(inner)).is_text:
            return self._dummies(inner, drop_first=False)
        return [self._name(node)]

    def _polynomial(self, call: Call) -> list[Node]:
        name = self._name(self._given(call, "x"))
        degree = int(self.evaluation.constant(self._given(call, "degree"), "the degree"))
        raw = bool(self.evaluation.constant(self._given(call, "raw"), "`raw`"))
        powers = [Number(float(k)) for k in range(1, degree + 1)]
        if raw:
            return [Binary("^", name, k) for k in powers]
        return [Call(POLY, (Argument(name), Argument(Number(float(degree))), Argument(k))) for k in powers]

    def _lags(self, call: Call) -> list[Node]:
        name = self._name(self._given(call, "x"))
        shifts: list[int] = []
        for element in listed(self._given(call, "k")):
            if isinstance(element, Binary) and element.operator == ":":
                first, last = (int(self.evaluation.constant(e, "a lag")) for e in (element.left, element.right))
                step = 1 if last >= first else -1
                shifts += range(first, last + step, step)
            else:
                shifts.append(int(self.evaluation.constant(element, "a lag")))
        return [Call(call.function, (Argument(name), Argument(_constant(float(k))))) for k in shifts]


def _constant(value: float) -> Node:
    return Number(value) if value >= 0 else Unary("-", Number(-value))


def _value(column: Column) -> float | str:
    """Return the one value of a constant."""
    return column.levels[0] if column.numbers is None else float(column.numbers)
