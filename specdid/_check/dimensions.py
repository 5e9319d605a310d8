"""Selectors that match no option, options that cannot be expanded or no estimator has, scales that nearly agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from specdid import _plugins
from specdid._check.data import Data, selectors
from specdid._check.sound import NO_LABEL, Sound
from specdid._diagnostics import Fault, SpecError, did_you_mean, fault_at
from specdid._plan.expand import expand_grid
from specdid._plan.records import Dimension
from specdid._plan.selectors import select
from specdid._study import EstimatorOption, Selector, Study
from specdid.estimators._base import Estimator
from specdid.language import LanguageError, subtraction_problems, unknown_columns
from specdid.panel import Panel

MOST_LABELS = 5_000
"""Labels that are compared for a close match."""


def check_expansions(study: Study, panel: Panel) -> Iterator[Fault]:
    """Expand every dimension."""
    try:
        expand_grid(study, tuple(panel.columns), empty=True)
    except SpecError as error:
        yield from error.faults
    macros = {name: e.tree for name, e in study.macros.items()}
    for option in study.controls:
        try:
            problems = subtraction_problems(option.formula.tree, macros, tuple(panel.columns))
        except LanguageError:
            continue  # which has its own fault
        for p in problems:
            yield fault_at(option.formula.origin, p.span, p.code, p.message, p.help)


def check_selectors(data: Data, sound: Sound) -> Iterator[Fault]:
    """Look every selector up that means none of the options left out."""
    study = data.study
    try:
        dimensions, grid, expander = expand_grid(study, data.names, empty=not sound.whole)
    except SpecError:
        return  # which has its own faults
    by_name = {dimension.name: dimension for dimension in dimensions}
    known = (*data.names, *data.study.derive)
    for name, selector in selectors(study):
        dimension = by_name.get(name)
        if dimension is None or not len(dimension) or _names_unknown(data, selector):
            continue
        if select(dimension, (selector,), grid, expander.macros, data.names).any():
            continue
        if not sound.may_mean(name, selector.text, known):
            yield nothing_selected(dimension, selector, sound.labels(name))
    for name, found in study.preferred.items():
        dimension = by_name.get(name)
        if dimension is None or not len(dimension):
            continue
        count = int(select(dimension, found, grid, expander.macros, data.names).sum())
        if count > 1:
            first = next(
                label
                for label, hit in zip(
                    dimension.labels, select(dimension, found, grid, expander.macros, data.names), strict=True
                )
                if hit
            )
            yield fault_at(
                found[0].origin,
                None,
                "preferred_several",
                f"this stands for {count:,} options of {name}; the preferred specification takes one",
                f"write one of them out, such as `{first}`",
            )


def _names_unknown(data: Data, selector: Selector) -> bool:
    known = (*data.names, *data.study.derive)
    expressions = (e for e in (selector.has, selector.lacks) if e is not None)
    return any(unknown_columns(e.tree, known) for e in expressions)


def nothing_selected(dimension: Dimension, selector: Selector, declared: Sequence[str] | None = None) -> Fault:
    """Say that a selector means no option, and which there are; ``declared`` are all labels of the file."""
    if selector.text is None:
        parts = [f"{word} `{e.text}`" for word, e in (("has", selector.has), ("lacks", selector.lacks)) if e]
        message = f"no option of {dimension.name} {' and '.join(parts)}"
        return fault_at(selector.origin, None, "no_option", message)
    written = dimension.declared if declared is None else declared
    labels = dict.fromkeys(label for label in written if label is not None)
    labels |= dict.fromkeys(label for label in dimension.labels[:MOST_LABELS] if label != NO_LABEL)
    shown = ", ".join(f"`{label}`" for label in list(labels)[:5]) + (" …" if len(labels) > 5 else "")
    return fault_at(
        selector.origin,
        None,
        "no_option",
        f"no option of {dimension.name} is `{selector.text}`",
        did_you_mean(selector.text, labels) or f"its options are {shown}",
    )


def check_directions(study: Study) -> Iterator[Fault]:
    """Find outcomes without an expected sign in joint tests with outcomes that have one."""
    entering = [option for option in study.outcome if option.meta.type in (None, "equivalent")]
    given = next((option.expect for option in entering if option.expect), None)
    for option in entering if given and study.inference.draws else ():
        if option.expect is None:
            yield fault_at(
                option.origin,
                None,
                "no_direction",
                "this outcome has no `expect`, and others have: joint tests take the direction of all or of none",
                f'add `expect = "{given}"` or the opposite; where theory gives none, keep the outcome out of the joint '
                'tests by type = "uncertain", or leave `expect` out of all',
            )


def check_scales(study: Study) -> Iterator[Fault]:
    """Warn of scales that differ only in spelling, and of outcomes without one beside others."""
    scales = dict.fromkeys(option.scale for option in study.outcome if option.scale is not None)
    first: dict[str, str] = {}
    for option in study.outcome:
        if option.scale is None:
            if scales:
                yield fault_at(
                    option.origin,
                    None,
                    "no_scale",
                    "this outcome has no scale, so it gets a curve of its own",
                    f'outcomes share a curve where their `scale` is the same: scale = "{next(iter(scales))}"',
                    severity="warning",
                )
            continue
        other = first.setdefault("".join(option.scale.casefold().split()), option.scale)
        if other != option.scale:
            yield fault_at(
                option.origin,
                None,
                "scale_spelling",
                f"the scales `{option.scale}` and `{other}` are two curves",
                "spell them the same way if they are the same",
                severity="warning",
            )


def check_estimators(study: Study) -> Iterator[Fault]:
    """Check every estimator's options, and that the panel has what the estimator works along."""
    for option in study.estimator:
        estimator: Estimator = _plugins.load("estimators", option.method)
        yield from _columns(study, option, estimator)
        if estimator.cohort or estimator.effects == "unit + time":
            absent = [word for word, key in (("unit", study.unit), ("time", study.time)) if key is None]
            if absent:
                advice = "; ".join(f'declare `{word} = "…"` in [study]' for word in absent)
                message = f"{option.method} needs the {' and '.join(absent)} of the panel"
                yield fault_at(option.origin, None, "no_unit", message, advice)


def _columns(study: Study, option: EstimatorOption, estimator: Estimator) -> Iterator[Fault]:
    """Find variants that are called as a column of the estimator's own."""
    for variant in study.variants:
        if variant.name in estimator.columns:
            message = f"a variant cannot be called `{variant.name}`, a column of the results of {option.method}"
            yield fault_at(variant.origin, None, "reserved_name", message, "give it another name")
