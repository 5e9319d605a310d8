"""The expressions of a study: what each is used for, and evaluating it; None where a fault is said elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._diagnostics import Fault, Span, fault_at
from specdid._plan.expand import base_scope, variant_scope
from specdid._study import Expression, Match, SampleOption, Selector, Study, VariantOption
from specdid.language import LanguageError, Scope, bind
from specdid.language.functions import PATTERNS, STEPWISE
from specdid.language.terms import is_algebra, power
from specdid.language.tree import BRACKETS, Binary, Call, Macro, Node, Number, Unary, chain
from specdid.panel import Column, EvaluationError, Evaluator, Panel, cell_text

StudyRole = Literal["outcome", "treatment", "terms", "effects", "condition", "value", "names", "number"]
LeafKind = Literal["number", "value", "term", "condition", "level"]


class Data:
    """A study with its panel, and what its names mean without variants."""

    def __init__(self, study: Study, panel: Panel, evaluator: Evaluator) -> None:
        self.study = study
        self.panel = panel
        self.evaluator = evaluator
        self.names = tuple(panel.columns)
        self.scope = self._known_scope()
        self.macros = {name: e.tree for name, e in study.macros.items()}

    def _known_scope(self) -> Scope:
        """Return the scope of [derive]; definitions that use unknown names are left out of it."""
        try:
            return base_scope(self.study, self.names)
        except LanguageError:
            scope = Scope.of(self.names)
        for name, expression in self.study.derive.items():
            try:
                scope = scope.define(name, expression.tree)
            except LanguageError:
                continue
        return scope

    def scope_of(self, options: Sequence[VariantOption]) -> Scope | None:
        """Return the scope under options of variants, None where a definition cannot be followed."""
        try:
            return variant_scope(self.study, self.names, options)
        except LanguageError:
            return None

    def column(self, node: Node, scope: Scope | None = None) -> Column | None:
        """Evaluate ``node``, in ``scope`` or without variants; None where that is not possible."""
        try:
            return self.evaluator.column(bind(node, scope or self.scope))
        except (LanguageError, EvaluationError):
            return None

    def numbers(self, expression: Expression | None) -> Floats | None:
        """Evaluate an expression that should be numeric; None where it is not."""
        column = self.column(expression.tree) if expression is not None else None
        return None if column is None else column.numbers

    def condition(self, expression: Expression | None) -> Bools | None:
        """Evaluate a condition, NA is False; None where that is not possible."""
        values = self.numbers(expression)
        return None if values is None else np.asarray((values != 0) & ~np.isnan(values))

    def rows_of(self, option: SampleOption | VariantOption) -> Bools | None:
        """Mark the rows of a sample, or those that a variant leaves; by the names that it redefines itself."""
        if option.where is None or isinstance(option, SampleOption) or not option.derive:
            return self.condition(option.where)
        scope = self.scope_of((option,))
        try:
            return None if scope is None else self.evaluator.condition(bind(option.where.tree, scope))
        except (LanguageError, EvaluationError):
            return None

    @cached_property
    def sampled(self) -> Bools:
        """The rows of any sample, before matching; all where one cannot be evaluated."""
        used = np.zeros(self.panel.n_rows, dtype=bool)
        for sample in self.study.sample:
            rows = self.condition(sample.where)
            used |= True if rows is None else rows
        return used

    def count_units(self, rows: Bools | Ints) -> int:
        """Count the units of some rows; the rows themselves where the study has no unit."""
        units = self.panel.unit_codes
        if units is None:
            return int(np.count_nonzero(rows)) if rows.dtype == bool else len(rows)
        return len(np.unique(units[rows]))

    def units(self, rows: Bools | Ints) -> str:
        """Write how many units some rows have: "12 units"."""
        count, word = self.count_units(rows), "row" if self.panel.unit_codes is None else "unit"
        return f"{count:,} {word}{'' if count == 1 else 's'}"

    def rows(self, rows: Ints, limit: int = 3) -> str:
        """Name rows of the file: "row 7", "rows 3, 8, 9 and 12 more"."""
        shown = [f"{number:,}" for number in np.sort(self.panel.row_numbers(rows))[:limit]]
        if len(rows) == 1:
            return f"row {shown[0]}"
        if len(rows) > limit:
            return f"rows {', '.join(shown)} and {len(rows) - limit:,} more"
        return f"rows {', '.join(shown[:-1])} and {shown[-1]}"

    def place(self, row: int) -> str:
        """Name a row by unit and time where the study has them: "row 7 (city_id 3, year 2012)"."""
        keys = [key for key in (self.panel.unit, self.panel.time) if key is not None]
        cells = ", ".join(f"{key} {cell_text(self.panel.columns[key], row)}" for key in keys)
        return f"row {self.panel.row_number(row):,}" + (f" ({cells})" if cells else "")


def count_levels(codes: Ints) -> int:
    """Count the codes that occur, but for -1; they are of an evaluator's, without large gaps."""
    return int(np.count_nonzero(np.bincount(codes + 1)[1:]))


def changing_rows(codes: Ints | None, values: Floats) -> Ints:
    """Return the rows whose value is not that of the first row of their group; missing groups are left out."""
    if codes is None or not len(codes):
        return np.empty(0, dtype=np.int64)
    first = np.zeros(int(codes.max()) + 2, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    start = values[first[codes]]
    same = (values == start) | (np.isnan(values) & np.isnan(start)) | (codes < 0)
    return np.flatnonzero(~same)


def located(
    expression: Expression, error: LanguageError | EvaluationError, span: Span | None = None
) -> tuple[Fault, ...]:
    """Make faults of what the language or the data refuse."""
    problems = error.problems if isinstance(error, LanguageError) else (error.problem,)
    return tuple(fault_at(expression.origin, span or p.span, p.code, p.message, p.help) for p in problems)


@dataclass(frozen=True, slots=True)
class Use:
    """An expression in its role; ``option`` is the variant's option whose names it may use."""

    expression: Expression
    role: StudyRole
    option: VariantOption | None = None


def uses(study: Study) -> Iterator[Use]:
    """Return every expression of a study but definitions and selectors, in file order of the tables."""
    for expression in study.macros.values():
        yield Use(expression, "terms")
    for outcome in study.outcome:
        yield Use(outcome.formula, "outcome")
    for treatment in study.treatment:
        yield Use(treatment.term, "treatment")
        yield from _written((treatment.with_, "terms"), (treatment.cohort, "number"))
    for control in study.controls:
        yield Use(control.formula, "terms")
    for effect in study.fixed_effects:
        yield Use(effect.formula, "effects")
    for sample in study.sample:
        yield Use(sample.where, "condition")
        if sample.match is not None:
            yield from match_uses(sample.match)
    for weight in study.weights:
        yield Use(weight.formula, "number")
    for variant in study.variants:
        for option in variant.options:
            yield from _written(
                (option.add, "terms"),
                (option.instruments, "terms"),
                (option.absorb, "effects"),
                (option.where, "condition"),
                option=option,
            )
    for vcov in study.vcov:
        for cluster in vcov.clusters:
            yield Use(cluster, "names")
    given = study.inference
    yield from _written(*((e, "names") for e in (given.cluster, given.assign, given.level, given.strata)))


def match_uses(match: Match) -> Iterator[Use]:
    """Return the expressions of a match."""
    return _written((match.on, "terms"), (match.treated, "condition"), (match.at, "condition"), (match.exact, "names"))


def _written(*pairs: tuple[Expression | None, StudyRole], option: VariantOption | None = None) -> Iterator[Use]:
    for expression, role in pairs:
        if expression is not None:
            yield Use(expression, role, option)


def selectors(study: Study) -> Iterator[tuple[str, Selector]]:
    """Return every selector of [[together]], [[exclude]] and [preferred] with its dimension."""
    for tie in study.together:
        for row in tie.rows:
            for name, cell in zip(tie.dimensions, row.cells, strict=True):
                yield from ((name, selector) for selector in cell)
    for rule in study.exclude:
        for condition in (rule.when, rule.unless):
            for name, found in condition.items():
                yield from ((name, selector) for selector in found)
    for name, found in study.preferred.items():
        yield from ((name, selector) for selector in found)


def leaves(node: Node, role: StudyRole) -> Iterator[tuple[Node, LeafKind]]:
    """Return the parts of an expression that are evaluated each on their own, and as what."""
    if isinstance(node, Call) and (node.function in STEPWISE or (role == "outcome" and node.function == "c")):
        for argument in node.arguments:
            if argument.value is not None:
                yield from leaves(argument.value, role)
    elif isinstance(node, Macro) or (isinstance(node, Call) and node.function in PATTERNS):
        return
    elif role in ("terms", "treatment"):
        yield from _term_leaves(node, role)
    elif role in ("effects", "names"):
        yield from _level_leaves(node)
    else:
        yield node, "condition" if role == "condition" else "number"


def _term_leaves(node: Node, role: StudyRole) -> Iterator[tuple[Node, LeafKind]]:
    if isinstance(node, Number):
        return
    if not is_algebra(node):
        yield node, "term"
    elif isinstance(node, Unary):
        yield from leaves(node.operand, role)
    elif isinstance(node, Binary) and node.operator == "^":
        raised = power(node)
        if raised is not None:
            yield raised, "term"
        else:
            yield from leaves(node.left, role)
    elif isinstance(node, Binary):
        for part in (*chain(node, node.operator),):
            yield from leaves(part, role)


def _level_leaves(node: Node) -> Iterator[tuple[Node, LeafKind]]:
    if isinstance(node, Number):
        return
    if isinstance(node, Binary) and node.operator in BRACKETS:
        yield from leaves(node.left, "effects")
        yield node.right, "number"
    elif isinstance(node, Binary) and node.operator in ("+", "^"):
        for part in chain(node, node.operator):
            yield from leaves(part, "effects")
    else:
        yield node, "level"
