"""One specification as one text: which one is meant, in words, as a table, and as code in every language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np

from specdid import __version__, _plugins
from specdid._diagnostics import Fault, SpecError
from specdid._plan import Plan, PlanStatus
from specdid._plan.records import SampleChoice
from specdid._programs.script import Script
from specdid._records import Caution, Results, Status
from specdid._records.cautions import against, capital
from specdid._records.files import read_rows
from specdid._records.numerals import ordinal
from specdid._records.read import read_results
from specdid._run.manifest import content_hash, default_directory, read_record
from specdid._run.plan_columns import formula_writer
from specdid._run.prepare import Prepared, Source, prepare
from specdid._run.selectors import Found, find
from specdid._run.show_table import regression_table
from specdid._run.write import read_warnings
from specdid._study import Core, VariantOption
from specdid.analyses._words import listed
from specdid.exports._base import NoProgramError
from specdid.exports._build import make_script
from specdid.inference._base import null_words
from specdid.language import write
from specdid.report.comparison import visible

WIDTH = 100


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
    lines = [visible(line) for line in describe(prepared, found, results, directory)]
    return "\n".join([*lines, *_codes(prepared, found.place)]) + "\n"


def _codes(prepared: Prepared, place: int) -> Iterator[str]:
    """Return the specification in every language, each under its title; none where it is excluded."""
    place = with_content(prepared.plan, place)
    if prepared.plan.status[place] == PlanStatus.EXCLUDED:
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


def stored_results(prepared: Prepared, directory: Path) -> Results | None:
    """Read a run's results, where there are some and they are of this plan on these data."""
    if not (directory / "results.parquet").is_file():
        return None
    record = read_record(directory)
    if record is not None and content_hash(record["data"]) != prepared.panel.sha256:
        return None
    results = read_results(directory)
    return results if np.array_equal(results.planned.ids, prepared.plan.ids) else None


def script_of(prepared: Prepared, place: int) -> Script:
    """Lay the specification out for the languages of exports/."""
    plan = prepared.plan
    where = prepared.study.document.name if prepared.study.document else "a study in memory"
    words = [
        f"Specification {plan.spec_id(place)} of {where}",
        formula_writer(plan)(place, place + 1)[0],
        " · ".join(f"{d.name}: {d.labels[c]}" for d, c in zip(plan.dimensions, plan.codes[place], strict=True)),
        f"Written by specdid {__version__}.",
    ]
    about = [line for text in words for line in wrap(text, WIDTH, break_long_words=False)]
    return make_script(plan, prepared.panel, prepared.evaluator, place, about=about)


def code_of(prepared: Prepared, place: int, language: str) -> str:
    """Write the specification as a program.

    Raises
    ------
    SpecError
        It is excluded, so that there is nothing to reproduce, or its estimator brings no program in this language.
    """
    place = with_content(prepared.plan, place)
    if prepared.plan.status[place] == PlanStatus.EXCLUDED:
        reason = prepared.plan.reasons[int(prepared.plan.reason[place])].message
        raise SpecError([Fault("excluded", f"the specification is excluded, so there is no code for it: {reason}")])
    try:
        return str(_plugins.load("exports", language).write(script_of(prepared, place)))
    except NoProgramError as error:
        raise SpecError([Fault("no_program", str(error), help=_others(prepared, place, language))]) from None


def _others(prepared: Prepared, place: int, language: str) -> str | None:
    """Say which other languages the specification can be had in."""
    found = []
    for export in _plugins.every("exports"):
        if export.name != language:
            with suppress(NoProgramError):
                export.write(script_of(prepared, place))
                found.append(f"--code {export.name}")
    return f"there is {listed(found)}" if found else None


def with_content(plan: Plan, place: int) -> int:
    """Return the planned specification of the same content; itself but for duplicates."""
    return int(plan.twin[place]) if plan.status[place] == PlanStatus.DUPLICATE else place


def describe(prepared: Prepared, found: Found, results: Results | None, directory: Path) -> Iterator[str]:
    """Return the lines that show a specification, without code."""
    plan, place = prepared.plan, found.place
    if results is not None:
        yield from _unusable(read_warnings(directory), plan.spec_id(place))
    preferred = "  (preferred)" if place == plan.preferred else ""
    yield f"Specification {place + 1:,} of {len(plan):,} · {plan.spec_id(place)}{preferred}"
    yield formula_writer(plan)(place, place + 1)[0]
    yield from found.notes
    yield ""
    excluded = plan.status[place] == PlanStatus.EXCLUDED
    script = None if excluded else script_of(prepared, with_content(plan, place))
    yield from in_words(prepared, place, script)
    yield ""
    if excluded:
        reason = plan.reasons[int(plan.reason[place])]
        yield f"Excluded ({reason.code}): {reason.message}"
        return
    yield from _became(prepared, place, results)
    yield from regression_table(prepared, with_content(plan, place))
    yield from _standing(place, results, directory)


def _unusable(cautions: Sequence[Caution], spec_id: str) -> Iterator[str]:
    """Say that the numbers of the run must not be used, and what is wrong with this one."""
    if failed := against(cautions).failed:
        yield failed
        yield from (c.message for c in cautions if c.severity == "error" and c.where == spec_id)
        yield ""


def _became(prepared: Prepared, place: int, results: Results | None) -> Iterator[str]:
    """Say of which specification a duplicate is the twin."""
    plan = prepared.plan
    if plan.status[place] == PlanStatus.DUPLICATE:
        twin = int(plan.twin[place])
        yield f"Duplicate (same_content) of specification {twin + 1:,}, which has the id and the numbers."
        yield ""
    elif results is not None and results.status[place] == Status.DUPLICATE:
        twin = int(results.twin[place])
        yield (
            f"Duplicate (same_model): the same rows, weights, fixed effects and kept terms, by their values, as "
            f"specification {twin + 1:,} ({plan.spec_id(twin)}), which stands on the curve."
        )
        yield ""


def _standing(place: int, results: Results | None, directory: Path) -> Iterator[str]:
    """Return rank and joint tests, from the results of a run."""
    if results is None:
        yield ""
        yield (
            f"No results of this study in {directory}: `specdid run` adds its rank and the joint tests' p-values; "
            "those of a run with --out need the same --out here."
        )
        return
    at = int(results.twin[place]) if results.status[place] == Status.DUPLICATE else place
    if results.status[at] != Status.OK:
        return
    rank, of = results.rank(at)
    yield ""
    yield f"Rank: {ordinal(rank)} of {of:,} from the lowest estimate."
    yield from _nulls(directory, at)


def _nulls(directory: Path, place: int) -> Iterator[str]:
    """Return the p-values under every null; the draws behind them stand beside the tests of the curve."""
    tests = read_rows(directory / "inference.csv", ("null",), ("draws",))
    draws = {row["null"]: int(row["draws"]) for row in tests if np.isfinite(row["draws"])}
    numbers = ("index", "p_null", "p_adjusted", "band_low", "band_high")
    for row in read_rows(directory / "inference_specifications.csv", ("null",), numbers):
        if row["index"] == place + 1:
            words = null_words(row["null"], draws.get(row["null"]))
            yield (
                f"{capital(words)}: p = {row['p_null']:.4f}, adjusted for all "
                f"specifications p = {row['p_adjusted']:.4f}{_band(row['band_low'], row['band_high'])}."
            )


def _band(low: float, high: float) -> str:
    """Write a simultaneous band, whose missing end means that it has no bound there; nothing where it has neither."""
    if np.isnan(low) and np.isnan(high):
        return ""
    ends = ("−∞" if np.isnan(low) else f"{low:.4g}", "∞" if np.isnan(high) else f"{high:.4g}")
    return f"; simultaneous band {ends[0]} to {ends[1]}"


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
