"""From the options of a study to the choices of each dimension, with labels and content."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from specdid import _plugins
from specdid._diagnostics import Fault, Faults, Origin, SpecError, fault_at
from specdid._plan.records import (
    Codes,
    Dimension,
    EstimatorChoice,
    Grid,
    SampleChoice,
    Setting,
    TreatmentChoice,
    match_choice,
)
from specdid._study import Expression, Study, VariantOption
from specdid.language import (
    Effect,
    LanguageError,
    Mistake,
    Scope,
    Term,
    TermSets,
    effects,
    expand,
    expand_terms,
    join_term_sets,
    terms,
    write,
)
from specdid.language.tree import Node, Number
from specdid.panel.memory import available

Macros = Mapping[str, Node]


OPTION_BYTES = 800
"""Of an option of `controls` with its label, and of a specification with one vcov (877 MiB at 2^20)."""


def fitting() -> int:
    """Return how many options, or specifications, the memory that is free can hold."""
    return int(min(available() / OPTION_BYTES, 2.0**62))


class Expander:
    """Expands one study against the data's column names, gathering faults."""

    def __init__(self, study: Study, columns: Sequence[str]) -> None:
        self.study = study
        self.columns = tuple(columns)
        self.macros: Macros = {name: e.tree for name, e in study.macros.items()}
        self.limit = min(study.run.limit, fitting())
        self.faults: list[Fault] = []

    def nodes(self, expression: Expression, empty: float = 1.0) -> tuple[Node, ...]:
        """Expand ``expression``; a problem becomes a located fault and nothing."""
        try:
            return expand(expression.tree, self.macros, self.columns, empty, limit=self.limit)
        except LanguageError as error:
            self.report(error, expression.origin)
            return ()

    def _in_memory(self, problem: Mistake) -> Mistake:
        """Say that it is memory which limits, where a limit in the file is higher."""
        if problem.code != "too_many" or self.limit == self.study.run.limit:
            return problem
        help_ = f"there is memory for about {self.limit:,}: move arguments out of `mvsw()`"
        return replace(problem, help=help_)

    def report(self, error: LanguageError, origin: Origin) -> None:
        """Turn a language error into faults at ``origin``."""
        for p in map(self._in_memory, error.problems):
            self.faults.append(fault_at(origin, p.span, p.code, p.message, p.help))

    def sum_of(self, expression: Expression | None) -> tuple[Term, ...]:
        """Return the terms of an expression that must not branch (with, add)."""
        if expression is None:
            return ()
        nodes = self.nodes(expression)
        if len(nodes) > 1:
            self.faults.append(
                fault_at(
                    expression.origin,
                    None,
                    "treatment_terms",
                    f"`{expression.text}` stands for {len(nodes)} choices, but one is needed here",
                    help="stepwise operators belong in [controls] or a variant of their own",
                )
            )
        return terms(nodes[0]).terms if nodes else ()


def expand_outcomes(x: Expander) -> tuple[Dimension, tuple[Node, ...], tuple[str | None, ...]]:
    """Choices of the outcome dimension with their scales."""
    nodes: list[Node] = []
    scales: list[str | None] = []
    rows: list[tuple[str, int]] = []
    for position, option in enumerate(x.study.outcome):
        found = x.nodes(option.formula)
        for node in found:
            nodes.append(node)
            scales.append(option.scale)
            rows.append((_label(option.label, write(node), len(found)), position))
    return _dimension(x, "outcome", rows, x.study.outcome, nodes.__getitem__), tuple(nodes), tuple(scales)


def expand_treatments(x: Expander) -> tuple[Dimension, tuple[TreatmentChoice, ...]]:
    """Choices of the treatment dimension; a choice that is not one term is a fault."""
    choices: list[TreatmentChoice] = []
    rows: list[tuple[str, int]] = []
    for position, option in enumerate(x.study.treatment):
        found = x.nodes(option.term)
        with_ = x.sum_of(option.with_)
        cohort = option.cohort.tree if option.cohort else None
        for node in found:
            own = terms(node).terms
            if len(own) != 1:
                x.faults.append(
                    fault_at(
                        option.term.origin,
                        None,
                        "treatment_terms",
                        f"the treatment `{write(node)}` has {len(own)} terms; it must be one",
                        help='put the others in `with`: { term = "dudt:ind3", with = "dudt + ind3" }',
                    )
                )
                continue
            choices.append(TreatmentChoice(own[0], with_, cohort, option.estimand, option.arm))
            rows.append((_label(option.label, own[0].text, len(found)), position))
    return _dimension(x, "treatment", rows, x.study.treatment, choices.__getitem__), tuple(choices)


def expand_controls(x: Expander) -> tuple[Dimension, TermSets]:
    """Choices of the controls dimension as sets of terms (CSR), without a tree per choice."""
    parts: list[TermSets] = []
    rows: list[tuple[str, int]] = []
    for position, option in enumerate(x.study.controls):
        try:
            sets = expand_terms(option.formula.tree, x.macros, x.columns, limit=x.limit)
        except LanguageError as error:
            x.report(error, option.formula.origin)
            continue
        parts.append(sets)
        many = len(sets) > 1
        labels = [option.label] if option.label is not None and not many else sets.labels()
        rows += [(label, position) for label in labels]
    joined = join_term_sets(parts)
    content = lambda choice: frozenset(t.text for t in joined.set(choice))  # noqa: E731
    return _dimension(x, "controls", rows, x.study.controls, content), joined


def expand_effects(x: Expander) -> tuple[Dimension, tuple[tuple[Effect, ...], ...]]:
    """Choices of the fixed-effects dimension."""
    content: list[tuple[Effect, ...]] = []
    rows: list[tuple[str, int]] = []
    for position, option in enumerate(x.study.fixed_effects):
        found = x.nodes(option.formula, empty=0.0)
        for node in found:
            try:
                parts = effects(node)
            except LanguageError as error:
                x.report(error, option.formula.origin)
                continue
            content.append(parts)
            text = " + ".join(e.text for e in parts) or "0"
            rows.append((_label(option.label, text, len(found)), position))
    return _dimension(x, "fixed_effects", rows, x.study.fixed_effects, content.__getitem__), tuple(content)


def expand_samples(x: Expander) -> tuple[Dimension, tuple[SampleChoice, ...]]:
    """Choices of the sample dimension."""
    content = []
    rows = []
    for position, option in enumerate(x.study.sample):
        for node in x.nodes(option.where):
            match = match_choice(option.match, x.sum_of(option.match.on)) if option.match else None
            content.append(SampleChoice(node, match))
            rows.append((_label(option.label, write(node), 1), position))
    return _dimension(x, "sample", rows, x.study.sample, content.__getitem__), tuple(content)


def expand_weights(x: Expander) -> tuple[Dimension, tuple[Node | None, ...]]:
    """Choices of the weights dimension; None is unweighted."""
    content: list[Node | None] = []
    rows: list[tuple[str, int]] = []
    for position, option in enumerate(x.study.weights):
        found = x.nodes(option.formula)
        for node in found:
            content.append(None if node == Number(1.0) else node)
            rows.append((_label(option.label, write(node), len(found)), position))
    return _dimension(x, "weights", rows, x.study.weights, content.__getitem__), tuple(content)


def expand_estimators(x: Expander) -> tuple[Dimension, tuple[EstimatorChoice, ...]]:
    """Choices of the estimator dimension."""
    content = tuple(EstimatorChoice(o.method, _seeded(x, o.method, o.options)) for o in x.study.estimator)
    rows = [(o.label or o.method, p) for p, o in enumerate(x.study.estimator)]
    return _dimension(x, "estimator", rows, x.study.estimator), content


def _seeded(x: Expander, method: str, options: Mapping[str, object]) -> Mapping[str, object]:
    """Return the options, of an estimator that draws at random with the study's seed where they have none."""
    seeded = _plugins.load("estimators", method).seeded
    if seeded is None or not seeded(options) or "seed" in options:
        return options
    return {**options, "seed": x.study.seed}


def expand_variants(x: Expander) -> tuple[Dimension, ...]:
    """Make a dimension of each [variant] in file order."""
    return tuple(
        _dimension(x, v.name, [(o.label, p) for p, o in enumerate(v.options)], v.options) for v in x.study.variants
    )


def make_setting(x: Expander, choices: tuple[int, ...]) -> Setting:
    """Compose the chosen option of every variant."""
    options = [v.options[c] for v, c in zip(x.study.variants, choices, strict=True)]
    return Setting(
        choices,
        variant_scope(x.study, x.columns, options),
        tuple(dict.fromkeys(t for o in options for t in x.sum_of(o.add))),
        tuple(dict.fromkeys(e for o in options for e in _absorbed(x, o))),
        tuple(o.where.tree for o in options if o.where is not None),
        tuple(dict.fromkeys(t for o in options for t in x.sum_of(o.instruments))),
    )


def _absorbed(x: Expander, option: VariantOption) -> tuple[Effect, ...]:
    if option.absorb is None:
        return ()
    nodes = x.nodes(option.absorb, empty=0.0)
    try:
        return effects(nodes[0]) if nodes else ()
    except LanguageError as error:
        x.report(error, option.absorb.origin)
        return ()


def expand_grid(
    study: Study, columns: Sequence[str], empty: bool = False
) -> tuple[tuple[Dimension, ...], Grid, Expander]:
    """Expand every dimension; ``Grid.settings`` is filled once the combinations are known.

    With ``empty`` a dimension may have no option: its own have faults.

    Raises
    ------
    SpecError
        Where any option cannot be expanded or a dimension ends up empty.
    """
    x = Expander(study, columns)
    outcome, outcomes, scales = expand_outcomes(x)
    treatment, treatments = expand_treatments(x)
    controls, sets = expand_controls(x)
    fixed, fixed_effects = expand_effects(x)
    sample, samples = expand_samples(x)
    weight, weights = expand_weights(x)
    estimator, estimators = expand_estimators(x)
    dimensions = (outcome, treatment, controls, fixed, sample, weight, estimator, *expand_variants(x))
    x.faults += [_empty(d) for d in dimensions if not len(d) and not x.faults and not empty]
    if any(f.severity == "error" for f in x.faults):
        raise SpecError(Faults(tuple(x.faults)))
    grid = Grid(outcomes, scales, treatments, sets, fixed_effects, samples, weights, estimators, ())
    return dimensions, grid, x


def _empty(dimension: Dimension) -> Fault:
    return Fault("missing_key", f"the dimension {dimension.name} has no option", path=(dimension.name,))


def _label(written: str | None, text: str, count: int) -> str:
    return written if written is not None and count == 1 else text


def _dimension(
    x: Expander,
    name: str,
    rows: Sequence[tuple[str, int]],
    options: Sequence[Any],
    content: Callable[[int], object] = lambda choice: choice,
) -> Dimension:
    """Make a dimension of (label, option) rows; ``content`` tells whether two choices are the same."""
    option: Codes = np.array([p for _, p in rows], dtype=np.int32)
    labels = tuple(label for label, _ in rows)
    dimension = Dimension(name, labels, tuple(o.label for o in options), option, tuple(o.meta for o in options))
    x.faults += _clashes(dimension, options, content)
    return dimension


def _clashes(dimension: Dimension, options: Sequence[Any], content: Callable[[int], object]) -> list[Fault]:
    """Find written labels equal to another option's expanded label but not to its content."""
    if len(set(dimension.labels)) == len(dimension.labels):
        return []
    first: dict[str, int] = {}
    faults = []
    for choice, label in enumerate(dimension.labels):
        other = first.setdefault(label, choice)
        here, there = int(dimension.option[choice]), int(dimension.option[other])
        if here != there and content(choice) != content(other):
            faults.append(
                fault_at(
                    options[here].origin,
                    None,
                    "bad_name",
                    f"the label `{label}` of {dimension.name} stands for two different things",
                    help="another option expands to the same label: rename this one",
                )
            )
    return faults


def base_scope(study: Study, columns: Sequence[str]) -> Scope:
    """Return the scope of the data's columns and [derive], without variants."""
    return variant_scope(study, columns, ())


def variant_scope(study: Study, columns: Sequence[str], options: Sequence[VariantOption]) -> Scope:
    """Return the scope under ``options``.

    A variant's ``derive`` replaces data columns before [derive] is run again, and a
    derived column where it is defined, its own name meaning the old value. Options
    compose in file order; columns of an option's file take the place of the data's, whatever is derived under
    their names.
    """
    scope = Scope.of(columns)
    for option in options:
        for name, e in option.derive.items() if option.data is not None else ():
            scope = scope.define(name, e.tree)
    own = [option for option in options if option.data is None]
    replaced = [(name, e.tree) for option in own for name, e in option.derive.items()]
    for name, tree in replaced:
        if name not in study.derive:
            scope = scope.define(name, tree)
    for name, expression in study.derive.items():
        scope = scope.define(name, expression.tree)
        for tree in _of(replaced, name):
            scope = scope.define(name, tree)
    return scope


def _of(replaced: Sequence[tuple[str, Node]], name: str) -> list[Node]:
    return [tree for key, tree in replaced if key == name]
