"""Every dimension from its table, from [study], from the formula, or by default.

``[study] formula``: one text that stands for outcomes, treatment, controls and fixed effects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from specdid import language
from specdid._decode.items import Item
from specdid._decode.options import Options, Row
from specdid._decode.table import Log, Table, fixed, part_of
from specdid._decode.vcov import read_vcov, read_vcovs
from specdid._decode.words import ROLES
from specdid._diagnostics import Origin
from specdid._study import (
    EstimatorOption,
    Expression,
    FormulaOption,
    Meta,
    OutcomeOption,
    SampleOption,
    TreatmentOption,
    VcovOption,
)
from specdid.language import FormulaParts, LanguageError
from specdid.language.tree import Binary, Constant, Name, Node, Number, Unary, joined

Option = TypeVar("Option")
Keys = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The seven dimensions of every study."""

    outcome: tuple[OutcomeOption, ...]
    treatment: tuple[TreatmentOption, ...]
    controls: tuple[FormulaOption, ...]
    fixed_effects: tuple[FormulaOption, ...]
    sample: tuple[SampleOption, ...]
    weights: tuple[FormulaOption, ...]
    estimator: tuple[EstimatorOption, ...]


class DimensionReader:
    """Reads dimensions of one study; ``keys`` are the columns of unit and time, if declared."""

    def __init__(self, tables: Mapping[str, Item], study: Table, options: Options, keys: Keys) -> None:
        self.tables, self.study, self.options, self.keys = tables, study, options, keys
        self.log = options.log
        self.formula: FormulaDimensions | None = None

    def read(self) -> Dimensions:
        """Read them all; what the formula stands for must not stand elsewhere as well.

        A dimension without a single option that is right takes its default, so that the
        data can be checked all the same.
        """
        scale = self.study.text("scale")
        cohort = self.study.expression("cohort", "value")
        formula = self.study.expression("formula", "formula")
        treatment = self._written("treatment", lambda row: self.options.treatment(row, cohort))
        if formula is not None:
            terms = tuple(t.term.tree for t in treatment or ())
            self.formula = split_formula(formula, terms, self.log)
        return Dimensions(
            self._outcome(scale),
            self._treatment(treatment, cohort),
            self._formulas("controls", Number(1.0)),
            self._formulas("fixed_effects", self._both_keys()),
            self._sample(),
            self._formulas("weights", Number(1.0), "unweighted"),
            self._estimator(),
        )

    def _written(self, name: str, make: Callable[[Row], Option | None]) -> tuple[Option, ...] | None:
        """Return the options that the file writes for a dimension; None where it writes none."""
        table, short = self.tables.get(name), self.study.get(name)
        if table is not None and short is not None:
            self._contradiction(short, f"`{name}` stands in [study] and as [{name}]")
        if table is not None:
            return self.options.named(name, table, make)
        if short is None:
            return None
        if not isinstance(short.value, str):
            help_ = self.log.as_text(short) or f"a list of options is a table of its own: [{name}]"
            self.log.wrong_type(short, "text", help_)
            return ()
        option = self.options.one(name, None, short, make)
        return () if option is None else (option,)

    def _outcome(self, scale: str | None) -> tuple[OutcomeOption, ...]:
        written = self._written("outcome", lambda row: self.options.outcome(row, scale))
        if self.formula is not None:
            self._twice("outcome")
            return tuple(OutcomeOption(None, y, scale, Meta(), y.origin) for y in self.formula.outcomes)
        if written is None and "formula" not in self.study:
            help_ = 'write [outcome] and below it "label" = "log(y)", or outcome = "log(y)" in [study]'
            self.study.missing("outcome", "no outcome is declared", help_)
        return written or ()

    def _treatment(
        self, written: tuple[TreatmentOption, ...] | None, cohort: Expression | None
    ) -> tuple[TreatmentOption, ...]:
        if written is None and self.formula is not None and self.formula.treatment is not None:
            term = self.formula.treatment
            return (TreatmentOption(None, term, None, cohort, None, Meta(), term.origin),)
        if written is None and "formula" not in self.study:
            help_ = 'write [treatment] and below it "label" = "d", or treatment = "d" in [study]'
            self.study.missing("treatment", "no treatment is declared", help_)
        return written or ()

    def _formulas(self, name: str, default: Node, label: str | None = None) -> tuple[FormulaOption, ...]:
        role = ROLES[name]
        written = self._written(name, lambda row: self.options.formula(row, role))
        in_formula: Expression | None = getattr(self.formula, name, None)
        if in_formula is not None:
            self._twice(name)
            return (FormulaOption(None, in_formula, Meta(), in_formula.origin),)
        if written:
            return written
        origin = Origin((name,))
        return (FormulaOption(label, fixed(default, origin), Meta(), origin),)

    def _twice(self, name: str) -> None:
        other = self.study.rows.get(name) or self.tables.get(name)
        if other is not None:
            self._contradiction(other, f"`{name}` stands here and in `formula`")

    def _contradiction(self, item: Item, message: str) -> None:
        self.log.add(item.key, "contradiction", message, "keep one of them")

    def _both_keys(self) -> Node:
        unit, time = self.keys
        if unit is None or time is None:
            return Number(0.0)
        return joined([Name(unit), Name(time)])

    def _sample(self) -> tuple[SampleOption, ...]:
        written = self._written("sample", self.options.sample)
        if written:
            return written
        origin = Origin(("sample",))
        return (SampleOption("all", fixed(Constant(True), origin), None, Meta(), origin),)

    def _estimator(self) -> tuple[EstimatorOption, ...]:
        written = self._written("estimator", self.options.estimator)
        if written:
            return written
        return (EstimatorOption(None, "feols", {}, Meta(), Origin(("estimator",))),)

    def vcov(self) -> tuple[VcovOption, ...]:
        """Read [vcov] or its short form; by default errors are clustered by unit."""
        table, short = self.tables.get("vcov"), self.study.get("vcov")
        if table is not None and short is not None:
            self._contradiction(short, "`vcov` stands in [study] and as [vcov]")
        if table is not None:
            return read_vcovs(table, self.log)
        if short is not None:
            option = read_vcov(short, None, self.log)
            return () if option is None else (option,)
        unit, origin = self.keys[0], Origin(("vcov",))
        if unit is None:
            return (VcovOption(None, "hetero", (), "hetero", origin),)
        cluster = fixed(Name(unit), origin)
        return (VcovOption(None, "cluster", (cluster,), f"~{cluster.text}", origin),)


@dataclass(frozen=True, slots=True)
class FormulaDimensions:
    """What the formula says of each dimension; None where it says nothing."""

    outcomes: tuple[Expression, ...]
    treatment: Expression | None
    controls: Expression | None
    fixed_effects: Expression | None


def split_formula(formula: Expression, treatments: tuple[Node, ...], log: Log) -> FormulaDimensions | None:
    """Take a formula apart.

    Parameters
    ----------
    formula
        ``c(y1, y2) ~ treatment + controls | fixed effects``.
    treatments
        The treatment terms declared elsewhere: they are not controls. Without any the
        first term is the treatment.
    """
    try:
        parts = language.formula_parts(formula.tree)
    except LanguageError as error:
        log.problems(error.problems, formula.origin)
        return None
    return _dimensions(formula, parts, treatments, log)


def _dimensions(
    formula: Expression, parts: FormulaParts, treatments: tuple[Node, ...], log: Log
) -> FormulaDimensions | None:
    text, origin = formula.text, formula.origin
    summands = _summands(parts.right)
    first = None
    if not treatments:
        first = next((node for sign, node in summands if sign == "+" and not isinstance(node, Number)), None)
        if first is None:
            log.add(
                origin,
                "missing_treatment",
                "the formula has no treatment after `~`",
                "write `outcome ~ treatment + controls | fixed effects`",
                parts.right.span,
            )
            return None
    others = [(sign, node) for sign, node in summands if node is not first and node not in treatments]
    controls = None
    if others:
        whole = len(others) == len(summands)
        tree = parts.right if whole else _sum(others)
        controls = _expression(text, tree, origin, len(others) == 1 or whole)
    return FormulaDimensions(
        tuple(part_of(text, node, origin) for node in parts.outcomes),
        part_of(text, first, origin) if first is not None else None,
        controls,
        part_of(text, parts.effects, origin) if parts.effects is not None else None,
    )


def _expression(text: str, tree: Node, origin: Origin, written: bool) -> Expression:
    """Return a part that is written in one piece its own text; a rebuilt sum keeps the whole one."""
    return part_of(text, tree, origin) if written else Expression(text, tree, origin)


def _summands(node: Node) -> list[tuple[str, Node]]:
    """Return the operands of a chain of ``+`` and ``-`` with the sign before each."""
    found: list[tuple[str, Node]] = []
    while isinstance(node, Binary) and node.operator in {"+", "-"}:
        found.append((node.operator, node.right))
        node = node.left
    found.append(("+", node))
    return found[::-1]


def _sum(summands: list[tuple[str, Node]]) -> Node:
    sign, tree = summands[0]
    if sign == "-":
        tree = Unary("-", tree, tree.span)
    for operator, node in summands[1:]:
        tree = Binary(operator, tree, node, node.span)
    return tree
