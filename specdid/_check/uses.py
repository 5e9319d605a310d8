"""Every expression of a study with what it is used for, and the parts of it that have values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from specdid._study import Expression, Match, Selector, Study, VariantOption
from specdid.language.functions import PATTERNS, STEPWISE
from specdid.language.terms import is_algebra, power
from specdid.language.tree import BRACKETS, Binary, Call, Macro, Node, Number, Unary, chain

Role = Literal["outcome", "treatment", "terms", "effects", "condition", "value", "names", "number"]
Kind = Literal["number", "value", "term", "condition", "level"]


@dataclass(frozen=True, slots=True)
class Use:
    """An expression in its role; ``option`` is the variant's option whose names it may use."""

    expression: Expression
    role: Role
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
            yield from _of_match(sample.match)
    for weight in study.weights:
        yield Use(weight.formula, "number")
    for variant in study.variants:
        for option in variant.options:
            yield from _written(
                (option.add, "terms"), (option.absorb, "effects"), (option.where, "condition"), option=option
            )
    for vcov in study.vcov:
        for cluster in vcov.clusters:
            yield Use(cluster, "names")
    given = study.inference
    yield from _written(*((e, "names") for e in (given.cluster, given.assign, given.level, given.strata)))


def _of_match(match: Match) -> Iterator[Use]:
    return _written((match.on, "terms"), (match.treated, "condition"), (match.at, "condition"), (match.exact, "names"))


def _written(*pairs: tuple[Expression | None, Role], option: VariantOption | None = None) -> Iterator[Use]:
    for expression, role in pairs:
        if expression is not None:
            yield Use(expression, role, option)


def selectors(study: Study) -> Iterator[tuple[str, Selector]]:
    """Return every selector of [[exclude]] and [preferred] with its dimension."""
    for rule in study.exclude:
        for condition in (rule.when, rule.unless):
            for name, found in condition.items():
                yield from ((name, selector) for selector in found)
    for name, found in study.preferred.items():
        yield from ((name, selector) for selector in found)


def leaves(node: Node, role: Role) -> Iterator[tuple[Node, Kind]]:
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


def _term_leaves(node: Node, role: Role) -> Iterator[tuple[Node, Kind]]:
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


def _level_leaves(node: Node) -> Iterator[tuple[Node, Kind]]:
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
