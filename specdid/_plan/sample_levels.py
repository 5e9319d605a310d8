"""Samples by pattern: ``each(f)`` is one option per level of f, ``drop_each(f)`` one per level left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from specdid import language
from specdid._diagnostics import Fault, fault_at
from specdid._plan.expand import base_scope
from specdid._study import Exclusion, Expression, SampleOption, Selector, Study
from specdid.language import LanguageError, bind
from specdid.language.functions import SAMPLE_PATTERNS
from specdid.language.tree import Binary, Call, Constant, Node, Number, Text, Unary, chain
from specdid.panel import EvaluationError, Evaluator, Panel, number_text

MOST = 200
"""Levels of a pattern at most: a sample each."""


def expand_samples(study: Study, panel: Panel | None, evaluator: Evaluator | None) -> tuple[Study, tuple[Fault, ...]]:
    """Write the options of patterns out, once the data are read.

    ``regions = "each(region) & year > 2003"`` becomes ``regions: East``, ``regions: West``, …, in the order of the
    levels that the other conditions leave. [[exclude]] and [preferred] may name one of these, or
    ``regions`` for all. Without data a pattern is any sample, so that the rest can be checked.

    Returns
    -------
    study, faults
    """
    if not any(_patterns(o.where.tree) for o in study.sample):
        return study, ()
    faults: list[Fault] = []
    options: list[SampleOption] = []
    written: dict[str, tuple[str, ...]] = {}
    for option in study.sample:
        found = list(_expanded(study, option, panel, evaluator, faults))
        if _patterns(option.where.tree):
            written[option.label or option.where.text] = tuple(o.label or "" for o in found)
        options += found
    labels = [o.label for o in options]
    for option in options:
        if option.label is not None and labels.count(option.label) > 1 and not faults:
            said = f"the sample `{option.label}` stands twice, once by a pattern"
            faults.append(Fault("duplicate_label", said, help="give one of them another label", path=("sample",)))
    rename = _renamed(written)
    exclude = tuple(_in_rule(rule, rename) for rule in study.exclude)
    preferred = {name: _in_selectors(name, chosen, rename) for name, chosen in study.preferred.items()}
    return replace(study, sample=tuple(options), exclude=exclude, preferred=preferred), tuple(faults)


def _patterns(tree: Node) -> list[Call]:
    return [node for node in chain(tree, "&") if isinstance(node, Call) and node.function in SAMPLE_PATTERNS]


def _expanded(
    study: Study, option: SampleOption, panel: Panel | None, evaluator: Evaluator | None, faults: list[Fault]
) -> Iterator[SampleOption]:
    calls = _patterns(option.where.tree)
    if not calls:
        yield option
        return
    rest = [part for part in chain(option.where.tree, "&") if part not in calls]
    if panel is not None and evaluator is not None:
        made = _by_level(study, option, calls[0], rest, panel, evaluator)
        if not isinstance(made, str):
            yield from made
            return
        help = "leave this sample out, or write another column"
        faults.append(fault_at(option.where.origin, calls[0].span, "sample_pattern", made, help))
    yield replace(option, where=_joined(rest, option))


def _joined(parts: Sequence[Node], option: SampleOption) -> Expression:
    tree = reduce(lambda a, b: Binary("&", a, b), parts) if parts else Constant(True)
    return Expression(language.write(tree), tree, option.where.origin)


@dataclass(frozen=True, slots=True)
class _Level:
    node: Node
    text: str


def _by_level(
    study: Study, option: SampleOption, call: Call, rest: list[Node], panel: Panel, evaluator: Evaluator
) -> list[SampleOption] | str:
    """Return an option per level, or why there are none."""
    column = call.arguments[0].value
    assert column is not None  # the caller has looked
    try:
        scope = base_scope(study, tuple(panel.columns))
        inside = np.ones(panel.n_rows, bool)
        for part in rest:
            inside &= evaluator.condition(bind(part, scope))
        levels = _levels(evaluator, bind(column, scope), inside)
    except (LanguageError, EvaluationError) as error:
        return str(error)
    words = language.write(column)
    if len(levels) > MOST:
        return f"`{words}` has {len(levels):,} levels, and each would be a sample; at most {MOST} are written out"
    if len(levels) < 2:
        return f"`{words}` has {'one level' if levels else 'no level'} in these rows: there is nothing to tell apart"
    label, found = option.label or words, []
    for level in levels:
        one: Node = Binary("==", column, level.node)
        if call.function == "drop_each":  # rows without a level stay: they are of no level
            one = Unary("!", Binary("%in%", column, level.node))
        without = "without " if call.function == "drop_each" else ""
        found.append(replace(option, label=f"{label}: {without}{level.text}", where=_joined([one, *rest], option)))
    return found


def _levels(evaluator: Evaluator, bound: language.Bound, inside: np.ndarray) -> list[_Level]:
    column = evaluator.column(bound)
    if column.codes is not None:
        seen = np.unique(column.codes[inside])
        return [_Level(Text(column.levels[k]), column.levels[k]) for k in seen.tolist() if k >= 0]
    numbers = evaluator.numbers(bound)[inside]
    values = np.unique(numbers[np.isfinite(numbers)]).tolist()
    return [_Level(Number(v) if v >= 0 else Unary("-", Number(-v)), number_text(v)) for v in values]


def _renamed(written: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    return {label: found for label, found in written.items() if found and found != (label,)}


def _in_rule(rule: Exclusion, rename: Mapping[str, tuple[str, ...]]) -> Exclusion:
    when, unless = (
        {name: _in_selectors(name, chosen, rename) for name, chosen in part.items()}
        for part in (rule.when, rule.unless)
    )
    return replace(rule, when=when, unless=unless)


def _in_selectors(
    dimension: str, chosen: tuple[Selector, ...], rename: Mapping[str, tuple[str, ...]]
) -> tuple[Selector, ...]:
    """Write a pattern's label out as those of all its options."""
    if dimension != "sample":
        return chosen
    return tuple(
        replace(selector, text=text)
        for selector in chosen
        for text in (rename.get(selector.text, (selector.text,)) if selector.text is not None else (None,))
    )
