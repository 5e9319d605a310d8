"""Matched samples on the data: what needs no matching to be seen to be wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from specdid._arrays import Bools, Floats
from specdid._check.data import Data
from specdid._diagnostics import Fault, Severity, fault_at
from specdid._study import Match, SampleOption, Study, TreatmentOption
from specdid.language import LanguageError, bind, expand, terms, write
from specdid.language.tree import Macro, Node, walk
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
