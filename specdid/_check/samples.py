"""Samples on the data: matched ones that need no matching to be seen to be wrong; those that a pattern writes out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np

from specdid._arrays import Bools, Floats
from specdid._check.data import Data, changing_rows
from specdid._diagnostics import Fault, Severity, fault_at
from specdid._plan.records import Plan
from specdid._plan.write_out import pattern_parts
from specdid._study import AnalysisTable, Expression, Match, SampleOption, Study, TreatmentOption, VariantOption
from specdid.language import LanguageError, bind, expand, terms, write
from specdid.language.functions import SAMPLE_PATTERNS, argument
from specdid.language.tree import Macro, Name, Node, number_value, walk
from specdid.panel import EvaluationError, never_treated, number_text


def check_matches(data: Data) -> Iterator[Fault]:
    """Find cross-sections with several rows of a unit, a treated that is not 0/1, and no overlap."""
    for sample in data.study.sample:
        match = sample.match
        if match is None:
            continue
        faults = [*_at(data, match), *_treated(data, match), *_nothing(data, match)]
        yield from faults or _overlap(data, sample, match)


def check_unused(study: Study) -> Iterator[Fault]:
    """Warn of a [match] that no sample and no analysis uses: it changes nothing, and is not looked at."""
    used = {sample.match.name for sample in study.sample if sample.match is not None}
    for table in study.analyses:
        fix = table.values.get("fix")
        written = fix.get("sample") if isinstance(fix, Mapping) else None
        several = written if isinstance(written, list) else [written]
        used |= {s["match"] for s in several if isinstance(s, Mapping) and isinstance(s.get("match"), str)}
    for name, match in study.matches.items():
        if name not in used:
            help = f'use it in a sample, match = "{name}", or in `fix` of an analysis; or take it away'
            yield fault_at(match.origin, None, "match_unused", f"nothing uses the match `{name}`", help, "warning")


def _at(data: Data, match: Match) -> Iterator[Fault]:
    rows = data.condition(match.at)
    if match.at is None or rows is None:
        return
    origin, span = match.at.origin, match.at.tree.span
    units = data.panel.unit_codes
    if units is None:
        yield fault_at(origin, span, "no_unit", "`at` needs the unit of the panel", 'declare `unit = "…"` in [study]')
    elif not rows.any():
        yield fault_at(origin, span, "match_at", "no row satisfies `at`, so there is nothing to match on")
    else:
        count = np.bincount(units[rows], minlength=len(data.panel.unit_levels))
        if count.max() > 1:
            unit = data.panel.unit_levels[int(count.argmax())]
            message = f"`at` must select one row per unit; {data.panel.unit} {unit} has {count.max():,}"
            yield fault_at(origin, span, "match_at", message, "name one period, as in year == 2011")


def _treated(data: Data, match: Match) -> Iterator[Fault]:
    values = data.numbers(match.treated)
    if match.treated is None or values is None:
        return
    wrong = np.flatnonzero(~np.isnan(values) & ~np.isin(values, (0.0, 1.0)))
    if wrong.size:
        shown = number_text(float(values[wrong[0]]))
        yield fault_at(
            match.treated.origin,
            match.treated.tree.span,
            "match_treated",
            f"`treated` must be 0 or 1; it is {shown} in {data.place(int(wrong[0]))}",
            f'write a condition, as in treated = "{match.treated.text} == {shown}"',
        )


def _nothing(data: Data, match: Match) -> Iterator[Fault]:
    on = _on(data, match)
    if on == () and not (match.method == "exact" and match.exact is not None):
        yield fault_at(match.on.origin, match.on.tree.span, "match_on_nothing", "`on` names no variable to match on")


def _on(data: Data, match: Match) -> tuple[Node, ...] | None:
    """Return the variables matched on, None where `on` cannot be followed; interactions are left out."""
    try:
        found = [terms(n).terms for n in expand(match.on.tree, data.macros, data.names, 1.0)]
        for term in (t for each in found for t in each):
            for factor in term.factors:
                bind(factor, data.scope)
    except LanguageError:
        return None
    if len(found) != 1:
        return None
    return tuple(f for term in found[0] for f in (term.factors if len(term.factors) == 1 else ()))


def _overlap(data: Data, sample: SampleOption, match: Match) -> Iterator[Fault]:
    """Say where no cross-section has treated and controls that one variable does not tell apart."""
    where = data.condition(sample.where)
    nodes = _on(data, match)
    if where is None or nodes is None:
        return
    columns = [(n, c) for n in nodes if (c := _numbers(data, n)) is not None]
    for _, column in columns:
        where = where & np.isfinite(column)
    found = []
    treatments = list(_treatments(data, match))
    for label, treated in treatments:
        problems = [_problem(treated[rows], rows, columns) for rows in _sections(data, match, where)]
        if problems and all(problems):
            found.append((label, problems[0]))
    severity: Severity = "error" if len(found) == len(treatments) else "warning"
    for label, problem in found:
        assert problem is not None
        node, message = problem
        about = f"{message}{label}"
        macros = any(isinstance(n, Macro) for n in walk(match.on.tree))
        span = match.on.tree.span if node is None or macros else node.span
        yield fault_at(match.on.origin, span, "no_overlap", about, _advice(node), severity)


def _numbers(data: Data, node: Node) -> Floats | None:
    column = data.column(node)
    return None if column is None else column.numbers


def _advice(node: Node | None) -> str | None:
    return None if node is None else f"there is nothing to compare: leave `{write(node)}` out of `on`"


def _treatments(data: Data, match: Match) -> Iterator[tuple[str, Bools]]:
    """Return each definition of treated, (n,), with words for it: the one written, or one per treatment."""
    if match.treated is not None:
        values = data.numbers(match.treated)
        if values is not None:
            yield "", np.nan_to_num(values) != 0
        return
    for option in data.study.treatment:
        on = _ever(data, option)
        if on is not None:
            several = len(data.study.treatment) > 1
            yield f" (treatment `{option.label or option.term.text}`)" if several else "", on


def _ever(data: Data, option: TreatmentOption) -> Bools | None:
    """Mark the rows of units that are ever treated, by the cohort where one is declared."""
    cohort = data.numbers(option.cohort)
    if cohort is not None:
        return np.asarray(~(never_treated(data.panel, cohort) | np.isnan(cohort)))
    try:
        term = terms(expand(option.term.tree, data.macros, data.names, 1.0)[0]).terms[0]
        values = data.evaluator.term(tuple(bind(f, data.scope) for f in term.factors))[0].numbers
    except (LanguageError, EvaluationError, IndexError):
        return None
    on = np.asarray(np.nan_to_num(values) != 0)
    units = data.panel.unit_codes
    return on if units is None else np.isin(units, units[on])


def _sections(data: Data, match: Match, where: Bools) -> Iterator[Bools]:
    """Return the rows of each match: those of ``at``, else each period's."""
    periods = data.panel.periods
    if match.at is not None:
        at = data.condition(match.at)
        yield where if at is None else where & at
    elif periods is None:
        yield where
    else:
        yield from (where & (periods == p) for p in np.unique(periods[where]))


def _problem(treated: Bools, rows: Bools, columns: list[tuple[Node, Floats]]) -> tuple[Node | None, str] | None:
    """Say why rows cannot be matched, with the variable that separates them, if one does."""
    if not treated.any() or treated.all():
        if not len(treated):
            return None, "no row of the sample has every variable to match on"
        side = "untreated" if treated.any() else "treated"
        return None, f"there is nothing to match: none of the {len(treated):,} complete rows is {side}"
    for node, column in columns:
        values = column[rows]
        sides = [(values[treated], "treated"), (values[~treated], "controls")]
        for (above, one), (below, other) in (sides, sides[::-1]):
            if above.min() > below.max():
                least, most = number_text(float(above.min())), number_text(float(below.max()))
                words = f"all {one} have at least {least}, all {other} at most {most}"
                return node, f"treated and controls do not overlap in `{write(node)}`: {words}"
    return None


FEW = 10
"""Units below which errors clustered by unit, and tests by them, say little."""
SHOWN = 4
"""Labels that a message names."""


def check_patterns(data: Data) -> Iterator[Fault]:
    """Warn of the rows that a pattern leaves out, and of its samples that can tell little or nothing."""
    dimensions: list[Sequence[SampleOption | VariantOption]] = [data.study.sample]
    dimensions += [variant.options for variant in data.study.variants]
    for options in dimensions:
        for pattern, made in groupby(options, lambda option: option.pattern):
            found = [(option.label or "", data.rows_of(option)) for option in made] if pattern else []
            samples = {label: rows for label, rows in found if rows is not None and rows.any()}
            if pattern is not None and samples:
                yield from _unplaced(data, pattern, list(samples.values()))
                yield from _short(data, pattern, samples)
                yield from _divided(data, pattern)
                told = set()
                treatments = (pair for option in data.study.treatment for pair in _treatment_terms(data, option))
                for words, values in treatments:
                    flat = [label for label, rows in samples.items() if _flat(values[rows])]
                    told |= set(flat)
                    if flat:
                        message = f"the treatment `{words}` is the same in all rows of {_listed(flat)}"
                        yield _warning(pattern, "levels_untreated", f"{message}, which will fail")
                yield from _small(data, pattern, {k: rows for k, rows in samples.items() if k not in told})


def check_preferred_levels(data: Data, plan: Plan) -> Iterator[Fault]:
    """Warn of samples of a pattern that the preferred specification, or an analysis, takes because they come first."""
    study = plan.study
    dimensions: dict[str, Sequence[SampleOption | VariantOption]] = {"sample": study.sample}
    dimensions |= {variant.name: variant.options for variant in study.variants}
    for d, dimension in enumerate(plan.dimensions):
        name, label = dimension.name, dimension.labels[plan.codes[plan.preferred, d] if plan.preferred >= 0 else 0]
        option = next((o for o in dimensions.get(name, ()) if o.pattern and o.label == label), None)
        asked = list(dict.fromkeys(f"[{table.kind}]" for table in study.analyses if not _moved(table, name)))
        if option is None or option.pattern is None or name in study.preferred or (plan.preferred < 0 and not asked):
            continue
        rows = data.rows_of(option)
        whole = data.units(np.ones(data.panel.n_rows, dtype=bool))
        of = "" if rows is None else f", {data.count_units(rows):,} of {whole}"
        who, many = "the preferred specification has", f"it is the first of {len(dimension):,}"
        if plan.preferred < 0:
            who = f"{', '.join(asked)} {'has' if len(asked) == 1 else 'have'}"
            many += ", as there is no [preferred]"
        else:
            many += " that [preferred] leaves open"
        message = f"{who} the {name} `{label}`{of}: {many}"
        key = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)
        line = f"{key} = {json.dumps(label, ensure_ascii=False)}"
        advice = f"name the one that is meant in [preferred]: {line}"
        yield _warning(option.pattern, "preferred_level", message, advice)


def _moved(table: AnalysisTable, dimension: str) -> bool:
    """Say whether an analysis fixes a dimension, or has a column for each of its options."""
    fixed, varied = table.values.get("fix"), table.values.get("vary")
    return (isinstance(fixed, Mapping) and dimension in fixed) or dimension in (
        [varied] if isinstance(varied, str) else varied if isinstance(varied, Sequence) else []
    )


def _unplaced(data: Data, pattern: Expression, samples: Sequence[Bools]) -> Iterator[Fault]:
    """Count the rows whose level is missing, and those behind the last window."""
    call, rest = pattern_parts(pattern)
    inside = np.ones(data.panel.n_rows, dtype=bool)
    for part in rest:
        column = data.column(part)
        inside &= True if column is None or column.numbers is None else np.nan_to_num(column.numbers) != 0
    none = inside & ~np.any(samples, axis=0)
    levels = data.column(call.arguments[0].value) if call.function != "halves" and call.arguments[0].value else None
    missing = np.zeros_like(none) if levels is None else levels.missing
    places = {"in none of its samples": none & missing, "in all of its samples": missing & np.all(samples, axis=0)}
    for place, rows in places.items():
        if rows.any():
            words = write(call.arguments[0].value) if call.arguments[0].value else ""
            message = f"`{words}` is missing in {_rows(data, rows)}, which are {place}"
            advice = f"`& !is.na({words})` leaves such rows out altogether"
            if call.function == "each" and levels is not None:
                other = "'none'" if levels.is_text else -1
                advice = f"to have them as a sample of their own write `each(coalesce({words}, {other}))`"
            yield _warning(pattern, "levels_missing", message, advice)
    if call.function == "window" and (behind := none & ~missing).any():
        message = f"{_rows(data, behind)} lie behind the last window, in no sample"
        yield _warning(pattern, "levels_missing", message, "choose a width and a step that end with the data")


def _short(data: Data, pattern: Expression, samples: dict[str, Bools]) -> Iterator[Fault]:
    """Count the windows with fewer periods than their width: gaps, and codes that do not run on, count as periods."""
    call, _ = pattern_parts(pattern)
    node = argument(call, "x", SAMPLE_PATTERNS[call.function]) if call.function == "window" else None
    values = None if node is None else data.column(node)
    if node is None or values is None or values.numbers is None:
        return
    given = argument(call, "width", SAMPLE_PATTERNS["window"])
    width = 0 if given is None else int(number_value(given) or 0)
    counts = {label: len(np.unique(values.numbers[rows])) for label, rows in samples.items()}
    if short := [label for label, count in counts.items() if count < width]:
        low, high = min(counts[k] for k in short), max(counts[k] for k in short)
        periods = f"{low}{'' if low == high else f' to {high}'} period{'' if high == 1 else 's'} of `{write(node)}`"
        whole = f"{len(short):,} of {len(samples):,} windows have {periods}, fewer than {width}: {_listed(short)}"
        advice = "periods without rows count in the width"
        if node != Name(data.panel.time or ""):
            left = f"whole numbers that `{write(node)}` leaves out count in the width"
            advice = f"{left}: number its periods 1, 2, 3, … in a column, and move the window over that"
        yield _warning(pattern, "levels_short", whole, advice)


def _divided(data: Data, pattern: Expression) -> Iterator[Fault]:
    """Count the units that ``halves(n, by = x)`` may put in both halves, or ``each(x)`` in several samples."""
    call, _ = pattern_parts(pattern)
    key = {"halves": "by", "each": "f", "drop_each": "f"}.get(call.function)
    node = argument(call, key, SAMPLE_PATTERNS[call.function]) if key else None
    column, units = None if node is None else data.column(node), data.panel.unit_codes
    if node is None or column is None or units is None:
        return
    numbers = column.numbers if column.codes is None else np.where(column.codes < 0, np.nan, column.codes)
    known = None if numbers is None else ~np.isnan(numbers)
    if numbers is None or known is None:
        return
    changing = changing_rows(units[known], numbers[known])
    count, of = len(np.unique(units[known][changing])), data.units(np.ones(data.panel.n_rows, dtype=bool))
    if len(changing) and call.function != "halves":
        times = data.panel.periods
        if times is None or not len(changing_rows(np.unique(times[known], return_inverse=True)[1], numbers[known])):
            return  # samples of periods
        message = f"`{write(node)}` changes within {count:,} of {of}, which have rows in several of its samples"
        fixed = f"at({write(node)}, {write(Name(data.panel.time or ''))} == …)"
        yield _warning(
            pattern, "levels_change", message, f"where a unit should stay in one sample: `{call.function}({fixed})`"
        )
    elif len(changing):
        message = f"`{write(node)}` changes within {count:,} of {of}, which may have rows in both halves"
        yield _warning(pattern, "halves_divide", message, "leave out `by`, or give what stays the same within a unit")


def _small(data: Data, pattern: Expression, samples: dict[str, Bools]) -> Iterator[Fault]:
    """Name samples of few units, of one alone if there are any."""
    counts = {label: data.count_units(rows) for label, rows in samples.items()}
    if few := [label for label, count in counts.items() if count < FEW]:
        low, high = min(counts[k] for k in few), max(counts[k] for k in few)
        word = "row" if data.panel.unit_codes is None else "unit"
        units = f"{low}{'' if low == high else f' to {high}'} {word}{'' if high == 1 else 's'}"
        message = f"there {'is' if high == 1 else 'are'} {units} in {_listed(few)}: errors and tests say little there"
        yield _warning(pattern, "levels_small", message)


def _treatment_terms(data: Data, option: TreatmentOption) -> Iterator[tuple[str, Floats]]:
    """Return the values of a treatment's terms, where they are one column."""
    try:
        found = [terms(node).terms for node in expand(option.term.tree, data.macros, data.names, 1.0)]
    except LanguageError:
        return
    for term in (one[0] for one in found if len(one) == 1):
        values = [data.column(factor) for factor in term.factors]
        numbers = [v.numbers for v in values if v is not None and v.numbers is not None]
        if len(numbers) == len(term.factors):
            yield term.text, np.prod(numbers, axis=0)


def _flat(values: Floats) -> bool:
    known = values[np.isfinite(values)]
    return not known.size or bool(known.min() == known.max())


def _listed(labels: Sequence[str]) -> str:
    rest = f" and {len(labels) - SHOWN:,} more" if len(labels) > SHOWN else ""
    return ", ".join(f"`{label}`" for label in labels[:SHOWN]) + rest


def _rows(data: Data, rows: Bools) -> str:
    count = int(rows.sum())
    units = f" of {data.units(rows)}" if data.panel.unit_codes is not None else ""
    return f"{count:,} row{'' if count == 1 else 's'}{units}"


def _warning(pattern: Expression, code: str, message: str, advice: str | None = None) -> Fault:
    return fault_at(pattern.origin, None, code, message, advice, "warning")
