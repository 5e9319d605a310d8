"""Evaluate bound expressions on the full panel, each content once."""

from __future__ import annotations

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._diagnostics import Span
from specdid.language import Bound, Scope, bind, referenced
from specdid.language.tree import (
    Binary,
    Call,
    Constant,
    Macro,
    Name,
    Node,
    Number,
    Text,
    Unary,
)
from specdid.panel import operators, texts
from specdid.panel.columns import Column, join_codes, number, rank, text
from specdid.panel.design import CodedColumn, at_base, code_term
from specdid.panel.errors import EvaluationError, Note
from specdid.panel.functions import FUNCTIONS
from specdid.panel.panel import Panel


class Evaluator:
    """The values of expressions on one panel, kept by the digest of their content.

    Every expression is evaluated on all rows, before any is cut. What is returned is
    read-only and shared.
    """

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self._columns: dict[str, Column] = {}
        self._codes: dict[tuple[str, ...], Ints] = {}
        self._terms: dict[tuple[str, ...], tuple[CodedColumn, ...]] = {}
        self._failed: dict[str, EvaluationError] = {}
        self.notes: dict[tuple[str, str], Note] = {}
        """What the functions that were evaluated had to say, each once."""

    def column(self, bound: Bound) -> Column:
        """Evaluate an expression.

        Raises
        ------
        EvaluationError
            Where the data do not allow it: text in arithmetic, a lag without a unit.
        """
        found = self._columns.get(bound.digest)
        if found is None:
            for definition in self._definitions(bound):
                try:
                    self._evaluate(definition)
                except EvaluationError as error:
                    self._failed[definition.digest] = error
            found = self._evaluate(bound)
        return found

    def _evaluate(self, bound: Bound) -> Column:
        with np.errstate(all="ignore"):
            found = self.evaluation(bound.scope).value(bound.node).broadcast(self.panel.n_rows)
        self._columns[bound.digest] = found
        return found

    def _definitions(self, bound: Bound) -> list[Bound]:
        """List what an expression builds on and is not yet evaluated, innermost first.

        Evaluated in this order, derived columns never nest, however long their chain is.
        """
        ordered: dict[str, Bound] = {}
        stack = [(bound, False)]
        while stack:
            top, complete = stack.pop()
            if complete:
                ordered[top.digest] = top
            if complete or top.digest in ordered:
                continue
            stack.append((top, True))
            for name in referenced(top.node):
                inner = top.scope.definition(name.name)
                if inner is not None and not self._known(inner.digest) and inner.digest not in ordered:
                    stack.append((inner, False))
        ordered.pop(bound.digest)
        return list(ordered.values())

    def _known(self, digest: str) -> bool:
        return digest in self._columns or digest in self._failed

    def derived(self, definition: Bound, name: str) -> Column:
        """Return a derived column; its error names it.

        Raises
        ------
        EvaluationError
        """
        try:
            if definition.digest in self._failed:
                raise self._failed[definition.digest]
            return self.column(definition)
        except EvaluationError as error:
            raise error.inside(name) from None

    def evaluation(self, scope: Scope) -> Evaluation:
        """Begin to evaluate in ``scope``."""
        return Evaluation(self, scope)

    def numbers(self, bound: Bound) -> Floats:
        """Evaluate an expression that must give numbers, (n,) float64.

        Raises
        ------
        EvaluationError
            Also where the value is text, or too large to compute with.
        """
        values = operators.numeric(self.column(bound), bound.node)
        operators.refuse_huge(values, bound.node)
        return values

    def condition(self, bound: Bound) -> Bools:
        """Evaluate a condition: (n,) bool, NA is False.

        Raises
        ------
        EvaluationError
            Also where the value is text.
        """
        values = self.numbers(bound)
        return np.asarray((values != 0) & ~np.isnan(values))

    def codes(self, bounds: tuple[Bound, ...]) -> Ints:
        """Code the joint levels of expressions from 0 in sorted order, -1 where any is missing.

        Raises
        ------
        EvaluationError
        """
        key = tuple(bound.digest for bound in bounds)
        found = self._codes.get(key)
        if found is None:
            columns = [self.column(bound) for bound in bounds]
            for bound, column in zip(bounds, columns, strict=True):
                operators.usable(column, bound.node)
            found, _ = join_codes([rank(column) for column in columns])
            found.setflags(write=False)
            self._codes[key] = found
        return found

    def term(self, factors: tuple[Bound, ...]) -> tuple[CodedColumn, ...]:
        """Return the columns of a regressor term: products of numbers, dummies and polynomials.

        A factor that stands alone loses its first level; in an interaction it keeps all, which spans the same space
        whichever main effects are in the model. Where an interaction is with the treatment that would leave the
        treatment's own coefficient open: the engine leaves out what is `at_base`.

        Raises
        ------
        EvaluationError
        """
        key = tuple(factor.digest for factor in factors)
        found = self._terms.get(key)
        if found is None:
            with np.errstate(all="ignore"):
                found = code_term(self, factors)
            for column in found:
                operators.refuse_huge(column.numbers, factors[0].node)
            self._terms[key] = found
        return found

    def at_base(self, factors: tuple[Bound, ...], place: int) -> Bools:
        """Mark the columns of a `term` at the first level of the factor at ``place``."""
        return at_base(self, factors, place)


class Evaluation:
    """One pass over a tree in one scope; values of constants have no dimension."""

    def __init__(self, evaluator: Evaluator, scope: Scope) -> None:
        self.evaluator = evaluator
        self.panel = evaluator.panel
        self.scope = scope

    def value(self, node: Node) -> Column:
        """Evaluate a node to a column, or to a single value where it is constant."""
        match node:
            case Name():
                return self._name(node)
            case Number():
                return number(np.asarray(node.value))
            case Text():
                return text(np.asarray(0), (node.value,))
            case Constant():
                return number(np.asarray(np.nan if node.value is None else float(node.value)))
            case Unary():
                return operators.unary(node, self.value(node.operand))
            case Binary():
                return self._binary(node)
            case Call():
                return self._call(node)
            case Macro():
                message = f"the macro `..{node.name}` stands for terms, not for a value"
                raise EvaluationError("wrong_place", message, node.span)

    def column(self, node: Node) -> Column:
        """Evaluate a node to all rows."""
        return self.value(node).broadcast(self.panel.n_rows)

    def numbers(self, node: Node) -> Floats:
        """Evaluate a node that must give numbers."""
        return operators.numeric(self.value(node), node)

    def constant(self, node: Node, what: str) -> float:
        """Evaluate a node that must be one number."""
        values = self.numbers(node)
        if values.ndim:
            raise EvaluationError("not_constant", f"{what} must be one number for all rows", node.span)
        return float(values)

    def _name(self, node: Name) -> Column:
        definition = self.scope.definition(node.name)
        if definition is not None:
            return self.evaluator.derived(definition, node.name)
        column = self.panel.columns.get(node.name)
        if column is None:
            raise EvaluationError("no_column", f"no column `{node.name}` in {self.panel.names}", node.span)
        operators.usable(column, node)
        return column

    def _binary(self, node: Binary) -> Column:
        """Evaluate a chain of operators from its innermost left end, without recursing along it."""
        spine = [node]
        while isinstance(spine[-1].left, Binary):
            spine.append(spine[-1].left)
        left = self.value(spine[-1].left)
        for step in reversed(spine):
            left = self._apply(step, left)
        return left

    def _apply(self, node: Binary, left: Column) -> Column:
        if node.operator == "%in%":
            return operators.contained(self, node, left)
        if node.operator == "%like%":
            return texts.matches(node, left)
        if node.operator in operators.BINARY:
            return operators.binary(node, left, self.value(node.right))
        raise EvaluationError("column_type", operators.misplaced(node.operator), node.span)

    def _call(self, node: Call) -> Column:
        function = FUNCTIONS.get(node.function)
        if function is None:
            raise EvaluationError("column_type", f"`{node.function}()` gives no values of its own", node.span)
        return function(self, node)

    def note(self, code: str, message: str, call: Call, help: str) -> None:
        """Note what a call's values could be taken for and are not."""
        self.evaluator.notes.setdefault((code, message), Note(code, message, call, help))

    def bind(self, node: Node) -> Bound:
        """Bind a part of the expression in the scope of the whole."""
        return bind(node, self.scope)

    def require_unit(self, span: Span, what: str, time: bool) -> None:
        """Raise where the study declares no unit (or time) to work along."""
        keys = (("unit", self.panel.unit_codes), ("time", self.panel.periods))
        absent = [word for word, key in keys if key is None]
        needed = [word for word in absent if time or word == "unit"]
        if needed:
            raise EvaluationError(
                "no_unit",
                f"{what} needs the {' and '.join(needed)} of the panel",
                span,
                help="; ".join(f'declare `{word} = "…"` in [study]' for word in needed),
            )
