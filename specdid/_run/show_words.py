"""A specification in words: the option of every dimension, and what stands behind it."""

from __future__ import annotations

from collections.abc import Iterator

from specdid import _plugins
from specdid._plan import Plan
from specdid._plan.records import SampleChoice
from specdid._programs.script import Script
from specdid._run.prepare import Prepared
from specdid._study import Core, VariantOption
from specdid.language import write


def in_words(prepared: Prepared, place: int, script: Script | None) -> Iterator[str]:
    """Return a line for every dimension, then the new columns the specification is made of."""
    plan = prepared.plan
    contents = [*_core(plan, place), *_variants(plan, place)]
    width = max(len(d.name) for d in plan.dimensions)
    for dimension, code, content in zip(plan.dimensions, plan.codes[place].tolist(), contents, strict=True):
        label = dimension.labels[code]
        shown = label if content in ("", label) else f"{label}:  {content}"
        yield f"  {dimension.name:<{width}}  {shown}"
        meta = dimension.metas[int(dimension.option[code])]
        if meta.why:
            yield f"  {'':<{width}}  ({meta.type + ': ' if meta.type else ''}{meta.why})"
    if script is not None:
        derived = [s.comment for s in script.steps if " = " in s.comment]
        for position, text in enumerate(derived):
            yield f"  {'new columns' if not position else '':<{width}}  {text}"


def _core(plan: Plan, place: int) -> Iterator[str]:
    grid = plan.grid
    outcome, treatment, controls, effects, sample, weight, estimator = plan.codes[place, : len(Core)].tolist()
    scale = plan.scales[plan.scale[place]] if plan.scale[place] >= 0 else None
    yield write(grid.outcomes[outcome]) + (f"  ({scale})" if scale else "")
    choice = grid.treatments[treatment]
    with_ = f", with {' + '.join(t.text for t in choice.with_)}" if choice.with_ else ""
    cohort = f", cohort {write(choice.cohort)}" if choice.cohort is not None else ""
    yield f"{choice.term.text}{with_}{cohort}"
    sets = grid.controls
    terms = [sets.terms[k].text for k in sets.index[sets.start[controls] : sets.start[controls + 1]]]
    yield " + ".join(terms) or "1"
    yield " + ".join(e.text for e in grid.fixed_effects[effects]) or "0"
    yield _sample(grid.samples[sample])
    node = grid.weights[weight]
    yield "1" if node is None else write(node)
    chosen = grid.estimators[estimator]
    title = _plugins.load("estimators", chosen.method).title
    options = "".join(f", {k} = {v}" for k, v in chosen.options.items())
    yield f"{chosen.method} ({title}){options}"


def _sample(sample: SampleChoice) -> str:
    where = write(sample.where)
    rows = "every row" if where == "TRUE" else f"rows where {where}"
    match = sample.match
    if match is None:
        return rows
    on = " + ".join(t.text for t in match.on)
    at = f" at {write(match.at)}" if match.at is not None else " period by period"
    return f"{rows}, matched on {on}{at} ({match.method})"


def _variants(plan: Plan, place: int) -> Iterator[str]:
    for variant, code in zip(plan.study.variants, plan.codes[place, len(Core) :].tolist(), strict=True):
        yield _change(variant.options[code])


def _change(option: VariantOption) -> str:
    """Say what an option of a variant changes."""
    parts = [f"{name} is {e.text}" for name, e in option.derive.items()]
    if option.add is not None:
        parts.append(f"adds {option.add.text}")
    if option.absorb is not None:
        parts.append(f"absorbs {option.absorb.text}")
    if option.where is not None:
        parts.append(f"only rows where {option.where.text}")
    return "; ".join(parts)
