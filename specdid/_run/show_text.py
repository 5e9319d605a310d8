"""One specification as one text: in words, as a table, and as code in every language.

The words are the option of every dimension, and what stands behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from specdid import _plugins
from specdid._plan import Plan, Status
from specdid._plan.records import SampleChoice
from specdid._programs.script import Script
from specdid._run.owner import default_directory
from specdid._run.prepare import Prepared, Source, prepare
from specdid._run.show import code_of, describe, find, script_of, stored_results, with_content
from specdid._study import Core, VariantOption
from specdid.exports._base import NoProgramError
from specdid.language import write


def show(
    study: Source,
    which: str = "preferred",
    data: Any = None,
    out: str | Path | None = None,
    code: str | None = None,
) -> str:
    """Show one specification of a study: in words, as a regression table, and as code.

    Parameters
    ----------
    study
        A Study, the path of a spec file, or a dict of the same shape.
    which
        Its id or the beginning of one, its rank as ``#41``, or ``preferred``.
    data
        A pandas, polars or Arrow frame in place of the file named by the study.
    out
        Where a run left results, for ranks and the null's p; ``outputs/<name>`` by default.
    code
        ``python``, ``r``, ``stata`` or another of exports/: the program in this language alone.

    Returns
    -------
    str

    Raises
    ------
    SpecError
        The study or its data are wrong, or there is no such specification.
    """
    prepared = prepare(study, data)
    directory = Path(out) if out is not None else default_directory(prepared.study)
    return shown_text(prepared, which, directory, code)


def shown_text(prepared: Prepared, which: str, directory: Path, language: str | None) -> str:
    """Write one specification of a prepared study; see :func:`show`."""
    results = stored_results(prepared, directory)
    found = find(prepared, which, results, directory)
    if language is not None:
        return code_of(prepared, found.place, language)
    lines = [_visible(line) for line in describe(prepared, found, results, directory)]
    return "\n".join([*lines, *_codes(prepared, found.place)]) + "\n"


def _codes(prepared: Prepared, place: int) -> Iterator[str]:
    """Return the specification in every language, each under its title; none where it is excluded."""
    place = with_content(prepared.plan, place)
    if prepared.plan.status[place] == Status.EXCLUDED:
        return
    script = script_of(prepared, place)
    for export in _plugins.every("exports"):
        try:
            code = export.write(script)
        except NoProgramError as error:
            code = f"There is {error}."
        yield from ("", f"== {export.title} ==", "", code.rstrip("\n"))
    for name, why in _plugins.broken("exports").items():
        yield from ("", f"== {name} ==", "", why)


def _visible(line: str) -> str:
    """Put a space for what a terminal would obey: labels are a stranger's text."""
    return "".join(c if c.isprintable() else " " for c in line)


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
