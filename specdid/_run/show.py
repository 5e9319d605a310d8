"""One specification as one text: which one is meant, in words, as a table estimated anew, and as code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np

from specdid import __version__, _html, _plugins
from specdid._arrays import Floats
from specdid._describe.instruments import known, words_of_instruments
from specdid._diagnostics import Fault, SpecError, many
from specdid._plan import Plan, PlanStatus
from specdid._plan.records import SampleChoice
from specdid._programs.script import Script
from specdid._records import Caution, Results, Status
from specdid._records.cautions import against, capital
from specdid._records.collect import formula_writer
from specdid._records.files import read_rows
from specdid._records.fits import VCOV_NOTES, Code, Fits, failure_message
from specdid._records.read import read_results
from specdid._run.manifest import content_hash, default_directory, read_record
from specdid._run.prepare import Prepared, StudySource, prepare
from specdid._run.selectors import Found, find
from specdid._run.write import read_warnings
from specdid._study import Core, VariantOption
from specdid.analyses._fit import CONSTANT_LABEL, own_terms, whole_table
from specdid.analyses._words import listed
from specdid.engine.coefficient_table import (
    CELL,
    CONSTANT,
    FullFit,
    by_relative_period,
    combine,
    fit_full,
    stages_apart,
)
from specdid.engine.compile import Compiled
from specdid.engine.execute import estimate_all, silent
from specdid.engine.one_by_one import Method, OneByOneWork, fit_in_full
from specdid.engine.ssc import t_inference
from specdid.estimators._base import NEVER, TREATMENT, Coefficients, Estimator
from specdid.exports._base import NoProgramError
from specdid.exports._make_script import compile_one, make_script
from specdid.inference._base import null_words
from specdid.language import write
from specdid.report.comparison import visible

WIDTH = 100
_NOTHING = Coefficients((), np.zeros(0), np.zeros((0, 0, 0)))


def show(
    study: StudySource,
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
        Its id or the beginning of one, its rank as ``#41``, ``lowest``, ``median``, ``highest``, or ``preferred``.
    data
        A pandas, polars or Arrow frame in place of the file named by the study.
    out
        Where a run left results, for ranks and the null's p; ``outputs/<name>`` by default.
    code
        ``python``, ``r``, ``stata`` or another of exports/: the program in this language alone; ``all``: in each.

    Returns
    -------
    str
        What the command prints, and every program; in a notebook it shows itself as a table with the programs folded.

    Raises
    ------
    SpecError
        The study or its data are wrong, or there is no such specification.
    """
    prepared = prepare(study, data)
    directory = Path(out) if out is not None else default_directory(prepared.study)
    return Shown(shown_text(prepared, which, directory, code, programs=True))


class Shown(str):
    """The text of a specification, which a notebook shows in lines."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return _html.preformatted(self)


ALL = "all"
"""In place of a language: every one of them."""


def shown_text(prepared: Prepared, which: str, directory: Path, language: str | None, *, programs: bool = False) -> str:
    """Write one specification of a prepared study; ``programs``: beside its table, too. See :func:`show`."""
    results = stored_results(prepared, directory)
    found = find(prepared, which, results, directory)
    if language == ALL:
        _refuse_excluded(prepared, found.place)
        return "\n".join(_codes(prepared, found.place)).lstrip("\n") + "\n"
    if language is not None:
        return code_of(prepared, found.place, language)
    lines = [visible(line) for line in describe(prepared, found, results, directory)]
    beside = _codes if programs else _where_code_is
    return "\n".join([*lines, *beside(prepared, found.place)]) + "\n"


def _where_code_is(prepared: Prepared, place: int) -> Iterator[str]:
    """Say how the programs are had; nothing where the specification is excluded or has none."""
    excluded = prepared.plan.status[with_content(prepared.plan, place)] == PlanStatus.EXCLUDED
    if found := [] if excluded else _languages(prepared, place):
        yield from ("", f"Code that reproduces it: {listed(found)}")


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
    _refuse_excluded(prepared, place)
    place = with_content(prepared.plan, place)
    try:
        return str(_plugins.load("exports", language).write(script_of(prepared, place)))
    except NoProgramError as error:
        raise SpecError([Fault("no_program", str(error), help=_others(prepared, place, language))]) from None


def _refuse_excluded(prepared: Prepared, place: int) -> None:
    place = with_content(prepared.plan, place)
    if prepared.plan.status[place] == PlanStatus.EXCLUDED:
        reason = prepared.plan.reasons[int(prepared.plan.reason[place])].message
        raise SpecError([Fault("excluded", f"the specification is excluded, so there is no code for it: {reason}")])


def _others(prepared: Prepared, place: int, language: str) -> str | None:
    """Say which other languages the specification can be had in."""
    found = _languages(prepared, place, but=language)
    return f"there is {listed(found)}" if found else None


def _languages(prepared: Prepared, place: int, but: str = "") -> list[str]:
    """Return the options that print the specification's programs."""
    found = []
    script = script_of(prepared, with_content(prepared.plan, place))
    for export in _plugins.every("exports"):
        if export.name != but:
            with suppress(NoProgramError):
                export.write(script)
                found.append(f"--code {export.name}")
    return found


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
    rank, of = results.place_among(at)
    yield ""
    yield f"Rank: {rank} of {of:,} from the lowest estimate."
    yield from _nulls(directory, at, results.planned.alpha)


def _nulls(directory: Path, place: int, alpha: float) -> Iterator[str]:
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
            banded = not (np.isnan(row["band_low"]) and np.isnan(row["band_high"]))
            if banded and row["p_adjusted"] <= alpha and not (row["band_low"] > 0 or row["band_high"] < 0):
                yield "The band holds zero: it reaches to the farthest effect not rejected; the p tests zero alone."


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
    instrumented = bool(grid.settings[int(plan.setting[place])].instruments)
    title = (
        "two-stage least squares"
        if instrumented
        else _plugins.load("estimators", chosen.method).title_with(chosen.options)
    )
    options = "".join(f", {k} = {v}" for k, v in chosen.options.items())
    yield f"{chosen.method} ({title}){options}"


def _sample(sample: SampleChoice) -> str:
    where = write(sample.where)
    rows = "every row" if where == "TRUE" else f"rows where {where}"
    match = sample.match
    if match is None:
        return rows
    return f"{rows}, {match.words}"


def _variants(plan: Plan, place: int) -> Iterator[str]:
    for variant, code in zip(plan.study.variants, plan.codes[place, len(Core) :].tolist(), strict=True):
        yield _change(variant.options[code])


def _change(option: VariantOption) -> str:
    """Say what an option of a variant changes."""
    parts = [f"{name} is {e.text}" for name, e in option.derive.items()]
    if option.add is not None:
        parts.append(f"adds {option.add.text}")
    if option.instruments is not None:
        parts.append(f"instruments of the treatment: {option.instruments.text}")
    if option.absorb is not None:
        parts.append(f"absorbs {option.absorb.text}")
    if option.where is not None:
        parts.append(f"only rows where {option.where.text}")
    return "; ".join(parts)


def regression_table(prepared: Prepared, place: int) -> Iterator[str]:
    """Estimate the specification at ``place`` and return the lines of its table."""
    plan = prepared.plan
    compiled, s = compile_one(plan, prepared.panel, prepared.evaluator, place)
    at = np.array([s], np.int64)
    one = replace(
        compiled,
        members=compiled.members.take(at),
        method=compiled.method[at],
        cohort=compiled.cohort[at],
        batched=compiled.batched[at],
    )
    fits, full, whole = _estimate(prepared, one)
    if fits.code[0] != Code.OK:
        yield f"Failed ({Code(int(fits.code[0])).name.lower()}): {_failure(prepared, place, one, fits)}"
        return
    vcovs = [v.name for v in plan.study.vcov]
    if full is not None:
        yield from _coefficients(prepared, place, one, full, vcovs)
    else:
        yield from _own_coefficients(one, fits, whole, vcovs)
    yield ""
    yield from _other_vcovs(fits, vcovs)
    yield from _footer(prepared, one, fits, full)
    yield from _fit_of(prepared, one, fits, whole if full is None else full)
    if full is not None and one.members.instruments[0] >= 0:
        yield from _instrumented(one, fits, full)


def _instrumented(one: Compiled, fits: Fits, full: FullFit) -> Iterator[str]:
    """Return what is known of the instruments, then the first stage and the reduced form."""
    yield ""
    yield from words_of_instruments(known(fits.extra, 0), one.problem.alpha)
    first, reduced = stages_apart(one.problem, one.members, full)
    kept = [c for c in one.members.instruments_of(0).tolist() if c not in fits.dropped.get(0, ())]
    outcomes = (one.members.treatment[0], one.members.outcome[0])
    for title, fit, explained in zip(("First stage", "Reduced form"), (first, reduced), outcomes, strict=True):
        at = [k for k, c in enumerate(fit.columns.tolist()) if c in kept]
        if not at:
            continue
        yield ""
        yield f"{title}: {one.problem.labels[explained]} on the instruments and the controls"
        names = [one.problem.labels[int(fit.columns[k])] for k in at]
        yield from _table(names, fit.estimate[at], fit.std_error[0][at], float(fit.df[0]), one.problem.alpha)


def _estimate(prepared: Prepared, one: Compiled) -> tuple[Fits, FullFit | None, Coefficients]:
    """Estimate in the engine, or by an estimator of its own, whose coefficients come last."""
    estimators = prepared.plan.grid.estimators
    if not one.in_engine[0]:
        methods = tuple(Method(e.method, dict(e.options)) for e in estimators)
        fits, found = fit_in_full(OneByOneWork(one.problem, one.members, methods, one.method, one.cohort, one.time))
        return fits, None, _NOTHING if found is None else whole_table(found)
    outcome = estimate_all(one, estimators, 1, "serial", silent)
    fits = next(b for b in outcome.blocks if len(b.index))
    full = fit_full(one.problem, one.members)
    if full.code in (Code.OK, Code.TOO_FEW_CLUSTERS):
        return fits, full, _NOTHING
    return fits, None, Coefficients((TREATMENT,), fits.estimate[:1], fits.std_error[0][:, None, None] ** 2)


def _failure(prepared: Prepared, place: int, one: Compiled, fits: Fits) -> str:
    plan, codes = prepared.plan, prepared.plan.codes[place].tolist()
    if 0 in fits.detail:
        return fits.detail[0]
    labels = one.problem.labels
    culprit = int(fits.culprit[0])
    return failure_message(
        Code(int(fits.code[0])),
        plan.grid.treatments[codes[Core.TREATMENT]].term.text,
        write(plan.grid.outcomes[codes[Core.OUTCOME]]),
        " + ".join(e.text for e in plan.grid.fixed_effects[codes[Core.FIXED_EFFECTS]]),
        labels[culprit] if culprit >= 0 else "",
    )


def _table(names: Sequence[str], estimates: Floats, errors: Floats, df: float, alpha: float) -> Iterator[str]:
    """Lay out rows of estimate, standard error, t, p and interval."""
    statistic, p, low, high = t_inference(estimates, errors, np.full(len(estimates), df), alpha)
    head = ["estimate", "std. error", _letter(df), "p", f"{100 * (1 - alpha):g}% CI low", "high"]
    rows = [
        [_number(v) for v in row[:2]] + [_fixed(row[2], 3), _fixed(row[3], 4), _number(row[4]), _number(row[5])]
        for row in zip(estimates, errors, statistic, p, low, high, strict=True)
    ]
    first = max(len(n) for n in names)
    widths = [max(len(h), *(len(r[k]) for r in rows)) for k, h in enumerate(head)]
    yield " " * first + "  " + "  ".join(f"{h:>{w}}" for h, w in zip(head, widths, strict=True))
    for name, row in zip(names, rows, strict=True):
        yield f"{name:<{first}}  " + "  ".join(f"{c:>{w}}" for c, w in zip(row, widths, strict=True))


def _letter(df: float) -> str:
    """Name the statistic: z where p-values are from the normal distribution."""
    return "z" if np.isinf(df) else "t"


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.6g}"


def _fixed(value: float, digits: int) -> str:
    text = "" if np.isnan(value) else f"{value:.{digits}f}"
    return text if not text or float(text) else text.lstrip("-")


def _heading(label: str, clusters: int) -> str:
    return f"Standard errors: {label}" + (f", {many(clusters, 'cluster')}" if clusters >= 0 else "")


def _coefficients(prepared: Prepared, place: int, one: Compiled, full: FullFit, vcovs: Sequence[str]) -> Iterator[str]:
    """Return every coefficient under the first vcov."""
    labels, alpha = one.problem.labels, one.problem.alpha
    names = ["(constant)" if c == CONSTANT else "" if c == CELL else labels[c] for c in full.columns.tolist()]
    weights = np.eye(len(full.estimate))[[c != CELL for c in full.columns]]
    if full.cells is not None:
        periods, of_period = by_relative_period(full)
        weights = np.vstack([full.weights, of_period, weights])
        term = prepared.plan.grid.treatments[int(prepared.plan.codes[place, Core.TREATMENT])].term.text
        since = [f"  period {int(p):+d}" if p else "  period 0" for p in periods]
        names = [f"{term} (mean of the cohorts)", *since, *(n for n in names if n)]
    estimates, spread, _ = combine(full, weights)
    yield _heading(vcovs[0], int(full.n_clusters[0]))
    yield from _table(names, estimates, spread[0], float(full.df[0]), alpha)
    if np.isnan(estimates).any():
        yield "Without a number: not identified, they cannot be told apart from each other or from what was left out"


def _own_coefficients(one: Compiled, fits: Fits, whole: Coefficients, vcovs: Sequence[str]) -> Iterator[str]:
    """Return the coefficients of another estimator than least squares; the treatment's error is the results'."""
    terms = own_terms(one.problem, one.members, whole)
    names = ["(constant)" if t == CONSTANT_LABEL else t for t in terms]
    variance = np.diagonal(whole.vcov[0])
    errors = np.sqrt(np.where(variance > 0, variance, np.nan))
    errors[0] = fits.std_error[0, 0]
    yield _heading(vcovs[0], int(fits.n_clusters[0, 0]))
    yield from _table(names, whole.estimate, errors, float(fits.df[0, 0]), one.problem.alpha)


def _other_vcovs(fits: Fits, vcovs: Sequence[str]) -> Iterator[str]:
    """Return the treatment's standard error under the other vcovs, and why one has none."""
    for v, label in enumerate(vcovs):
        note = fits.vcov_detail.get((0, v)) or VCOV_NOTES[int(fits.vcov_code[0, v])]
        if note:
            yield f"{label}: {note}"
        elif v:
            yield (
                f"{label}: std. error {_number(fits.std_error[0, v])}, "
                f"{_letter(fits.df[0, v])} {_fixed(fits.statistic[0, v], 3)}, "
                f"p {_fixed(fits.p_value[0, v], 4)}, CI {_number(fits.conf_low[0, v])} to "
                f"{_number(fits.conf_high[0, v])}"
                + (f", {many(int(fits.n_clusters[0, v]), 'cluster')}" if fits.n_clusters[0, v] >= 0 else "")
            )


def _footer(prepared: Prepared, one: Compiled, fits: Fits, full: FullFit | None) -> Iterator[str]:
    """Return rows, units and fixed effects."""
    units = f"; {many(int(fits.n_units[0]), 'unit')}" if fits.n_units[0] >= 0 else ""
    estimator, options = _estimator(prepared, one)
    control = NEVER if estimator.beside is None else estimator.beside(options)
    kinds = (("treated", fits.n_treated), (control, fits.n_control), ("always treated", fits.n_always_treated))
    counted = ", ".join(f"{int(n[0]):,} {word}" for word, n in kinds if n[0] > 0)
    yield f"Rows: {int(fits.nobs[0]):,}{units}" + (f" ({counted})" if counted else "")
    lost = f"{int(fits.n_missing[0]):,} missing{_logs(fits)}, {many(int(fits.n_singletons[0]), 'singleton')}"
    yield f"Dropped: {lost}{_separated(fits)}"
    effects = one.problem.effects[one.members.effects[0]]
    names = [one.problem.effect_labels[c] for c in effects.fixed]
    sizes = list(full.levels) if full is not None and len(full.levels) == len(names) else []
    shown = [f"{n} ({many(int(sizes[k]), 'level')})" if sizes else n for k, n in enumerate(names)]
    shown += [f"{one.problem.effect_labels[c]}[{one.problem.labels[x]}]" for c, x in effects.slopes]
    yield f"Fixed effects: {', '.join(shown) or 'none'}"
    if effects.slopes and one.problem.vcovs[0].ssc == "fixest":
        yield "Standard errors count a parameter per level of a slope, nested in the clusters or not, as fixest does"


def _fit_of(prepared: Prepared, one: Compiled, fits: Fits, fit: FullFit | Coefficients) -> Iterator[str]:
    """Return measures of fit, what was left out, and why there may be one coefficient only."""
    measures = [("R²", fit.r2), ("Within R²", float(fits.r2_within[0]))]
    if isinstance(fit, Coefficients):
        measures.append(("Pseudo R²", fit.pseudo_r2))
    known = [f"{name}: {value:.4f}" for name, value in measures if not np.isnan(value)]
    if known:
        yield "; ".join(known)
    unweighted = " (unweighted)" if one.members.weights[0] >= 0 else ""
    yield f"Mean of the outcome: {_number(fits.y_mean[0])}{unweighted}"
    dropped = [one.problem.labels[c] for c in fits.dropped.get(0, ())]
    if dropped:
        yield f"Collinear, left out: {' + '.join(dropped)}"
    estimator, options = _estimator(prepared, one)
    if estimator.alone is not None:
        yield f"Only the treatment's coefficient is given: {estimator.alone(options)}."


def _estimator(prepared: Prepared, one: Compiled) -> tuple[Estimator, Mapping[str, object]]:
    choice = prepared.plan.grid.estimators[int(one.method[0])]
    return _plugins.load("estimators", choice.method), choice.options


def _separated(fits: Fits) -> str:
    count = fits.extra.get("n_separated", np.zeros(1))[0]
    return f", {int(count):,} predicted perfectly by the fixed effects" if count > 0 else ""


def _logs(fits: Fits) -> str:
    count = int(fits.n_log0[0])
    return f" ({count:,} of them for the log of a non-positive value)" if count > 0 else ""
