"""The treatments: numbers that vary, and cohorts that agree with them, fit the panel and say when units are treated."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from specdid import _plugins
from specdid._arrays import Bools, Floats, Ints
from specdid._check.data import Data, changing_rows, uses
from specdid._check.gaps import check_treatment_gaps
from specdid._diagnostics import Fault, Severity, SpecError, fault_at, many
from specdid._plan import build_plan
from specdid._plan.records import PlanStatus
from specdid._plan.write_out import CONTROLS
from specdid._programs.names import IN_TIME, functions
from specdid._study import AnalysisTable, Core, Expression, Study, TreatmentOption
from specdid.language import LanguageError, Term, bind, expand, terms, write
from specdid.language.scope import Scope, bounds_behind, sources
from specdid.language.tree import Binary, Call, Name, Node, Number, walk
from specdid.panel import (
    STEPS,
    CodedColumn,
    EvaluationError,
    StepError,
    cell_text,
    declared_never,
    never_treated,
    number_text,
)
from specdid.panel.operators import number_advice

TREATED = ("yes", "y", "treated", "treatment", "treat", "true", "t", "1", "on", "post", "是", "处理组", "试点")
"""What a text says of who is treated."""
Objection = tuple[str, str, str | None]
SHOWN = 3
"""Values that a message names."""
CODES = 100
"""Periods after the last one of the data from which on a cohort is taken for a code, as 9999 is."""


def check_treatments(data: Data) -> Iterator[Fault]:
    """Find treatments that are missing, constant or no single number, and cohorts that do not fit."""
    single: list[tuple[TreatmentOption, Term, Floats]] = []
    for option in data.study.treatment:
        columns = []
        for term in _choices(data, option):
            values, faults = _values(data, option, term)
            yield from faults
            if values is not None:
                columns.append((term, values))
                yield from _two_values(data, option, term, values)
                if option.cohort is None:
                    yield from _untreated_again(data, option, term, values)
        yield from check_treatment_gaps(data, option, columns)
        yield from _unknown_taken_for_never(data, option, columns)
        yield from check_cohort(data, option, columns)
        yield from _code_taken_for_first(data, option, columns)
        single += [(option, term, values) for term, values in columns if option.arm is None and len(columns) == 1]
    yield from _other_arms(data, single)


def _unknown_taken_for_never(
    data: Data, option: TreatmentOption, columns: Sequence[tuple[Term, Floats]]
) -> Iterator[Fault]:
    """Warn of units that a missing treatment may have treated, where the study takes them for never treated.

    That is a match without `treated`, or a `treated` or cohort made of the treatment's own columns.
    """
    panel, units = data.panel, data.panel.unit_codes
    if units is None:
        return
    for term, values in columns:
        off, unknown = np.ones(len(panel.unit_levels) + 1, bool), np.zeros(len(panel.unit_levels) + 1, bool)
        off[units[~np.isnan(values) & (values != 0)]] = False
        unknown[units[np.isnan(values)]] = True
        known = np.zeros_like(unknown)
        known[units[~np.isnan(values)]] = True
        rows = data.sampled & (units >= 0) & (off & unknown & known)[units]
        if not rows.any():
            continue
        own = frozenset().union(*(sources(bind(factor, data.scope)) for factor in term.factors))
        takers = [(where, found) for where, taken in _takers(data, option, own) if (found := rows & taken).any()]
        if not takers:
            continue
        who = list(dict.fromkeys(where for where, _ in takers))
        mine = np.logical_or.reduce([found for _, found in takers])
        one = data.count_units(mine) == 1
        example = np.flatnonzero(mine & np.isnan(values))
        named = list(dict.fromkeys(cell_text(panel.columns[panel.unit or ""], int(row)) for row in example))
        shown = ", ".join(named[:SHOWN]) + (", …" if len(named) > SHOWN else "")
        message = (
            f"`{term.text}` is missing in some rows of {data.units(mine)} and 0 in all the others: "
            f"{' and '.join(who)} {'take' if len(who) > 1 else 'takes'} "
            f"{'it' if one else 'them'} for never treated ({panel.unit} {shown})"
        )
        advice = (
            "fill the cells, or leave these units out in [sample]; a match may say who is treated by `treated`, from "
            "a column that knows"
        )
        notes = tuple(data.place(int(r)) for r in example[:SHOWN])
        yield _at(option.term, "never_unknown", message, advice, notes, "warning")


def _takers(data: Data, option: TreatmentOption, own: frozenset[str]) -> Iterator[tuple[str, Bools]]:
    """Return what tells by the columns ``own`` who is never treated, and the rows that it says so of."""
    cohort = data.numbers(option.cohort)
    first = None if option.cohort is None or cohort is None else _sources(data, option.cohort)
    matches = {sample.match.origin: sample.match for sample in data.study.sample if sample.match is not None}
    by_term = [m for m in matches.values() if m.treated is None and option.cohort is None]
    if by_term:
        yield "matching without `treated`", np.ones(data.panel.n_rows, bool)
    for match in matches.values():
        values = data.numbers(match.treated)
        if match.treated is not None and values is not None and not own.isdisjoint(_sources(data, match.treated)):
            yield f"`treated = {match.treated.text}`", values == 0
    shared = first is not None and not own.isdisjoint(first)
    if shared and cohort is not None and option.cohort is not None and _needs_cohort(data, option):
        yield f"the cohort `{option.cohort.text}`", never_treated(data.panel, cohort) | np.isnan(cohort)


def _code_taken_for_first(
    data: Data, option: TreatmentOption, columns: Sequence[tuple[Term, Floats]]
) -> Iterator[Fault]:
    """Warn of units that are treated throughout because their first period is a code: 0 or -9, where never is meant.

    A code is 0 or less, or among years less than half the first one, or one that many units have long before it.
    """
    panel = data.panel
    time = panel.columns[panel.time].numbers if panel.time else None
    if time is None or panel.unit_codes is None:
        return
    begin = float(time.min())
    for term, values in columns:
        for comparison, name, scope in _compared_with_time(data, option, term):
            column = data.column(name, scope)
            if column is None or column.numbers is None or changing_rows(panel.unit_codes, column.numbers).size:
                continue
            first = column.numbers
            coded = (first < begin) & ((first <= 0) | ((begin >= 1000) & (first < begin / 2))) & data.sampled
            if 1000 <= begin < 10_000 and not coded.any():
                coded = data.sampled & (
                    first == _year_of_many(panel.unit_codes[data.sampled], first[data.sampled], begin)
                )
            coded &= ~np.isin(panel.unit_codes, panel.unit_codes[coded & (values != 1)])
            if option.cohort is not None:
                coded &= ~declared_never(panel, first)  # _agreement() says so
            if not coded.any():
                continue
            codes = np.unique(first[coded])
            message = (
                f"`{write(name)}` is {_listed(codes)} in all rows of {data.units(coded)}, before the first period, "
                f"{number_text(begin)}: there `{term.text}` is always 1"
            )
            # Where the comparison holds of them they are to be taken out of it, else to be put into it.
            rest = "& {} >" if _holds(comparison, name, first, time)[coded].all() else "| {} <="
            advice = f"if that means never treated, write {write(comparison)} {rest.format(write(name))} "
            advice += number_text(float(codes[-1]))
            if option.cohort is not None:
                advice += f", and never = {_with(data, float(codes[-1]))} in [study]"
            notes = tuple(data.place(int(r)) for r in np.flatnonzero(coded)[:SHOWN])
            yield _at(option.term, "first_is_code", message, advice, notes, "warning")
            break


def _year_of_many(units: Ints, first: Floats, begin: float) -> float:
    """Return the year long before the data since which many units would be treated, all others later; NaN if none."""
    years, counts = np.unique(first[np.unique(units, return_index=True)[1]], return_counts=True)
    if np.isnan(years[-1:]).any() or len(years) < 2 or counts[0] <= MANY_UNITS * counts.sum():
        return np.nan
    return float(years[0]) if years[0] + LONG <= min(begin, years[1]) else np.nan


MANY_UNITS, LONG = 0.2, 5
"""Share of the units, and years before the data and all other years: a date then is more likely a code."""


def _holds(comparison: Node, name: Name, first: Floats, time: Floats) -> Bools:
    """Say in which rows a comparison of the time with a column holds."""

    def value(node: Node) -> Floats:
        if isinstance(node, Binary):
            return value(node.left) - value(node.right)
        return np.full(len(time), float(node.value)) if isinstance(node, Number) else first if node == name else time

    assert isinstance(comparison, Binary)
    left, right = value(comparison.left), value(comparison.right)
    compare = {">=": np.greater_equal, ">": np.greater, "<=": np.less_equal, "<": np.less}
    return np.asarray(compare[comparison.operator](left, right))


def _compared_with_time(data: Data, option: TreatmentOption, term: Term) -> Iterator[tuple[Node, Name, Scope]]:
    """Return the comparisons of the time with a column in a treatment's definition, then that with its cohort."""
    time = Name(data.panel.time or "")
    try:
        factors = [bind(factor, data.scope) for factor in term.factors]
    except LanguageError:
        return
    for current in bounds_behind(factors):
        for node in walk(current.node):
            if not isinstance(node, Binary) or node.operator not in (">=", ">", "<=", "<"):
                continue
            sides, gap = (node.left, node.right), node.left
            if isinstance(gap, Binary) and gap.operator == "-" and isinstance(node.right, Number):
                sides = (gap.left, gap.right)
            for one, other in (sides, sides[::-1]):
                if one == time and isinstance(other, Name) and other != time:
                    yield node, other, current.scope
    if option.cohort is not None and isinstance(option.cohort.tree, Name):
        yield Binary(">=", time, option.cohort.tree), option.cohort.tree, data.scope


def _sources(data: Data, expression: Expression) -> frozenset[str]:
    """Return the data columns that an expression is made of."""
    try:
        return sources(bind(expression.tree, data.scope))
    except LanguageError:
        return frozenset()


def _other_arms(data: Data, single: Sequence[tuple[TreatmentOption, Term, Floats]]) -> Iterator[Fault]:
    """Warn of units that count as controls of one treatment and have another, which none of the treated has."""
    units = data.panel.unit_codes
    if units is None:
        return
    samples = [rows for sample in data.study.sample if (rows := data.rows_of(sample)) is not None]

    def treated(values: Floats) -> Ints:
        known = values[~np.isnan(values)]
        binary = known.size and np.isin(known, (0.0, 1.0)).all()
        return np.unique(units[values == 1]) if binary else np.empty(0, np.int64)

    alone = [(term, treated(values)) for _, term, values in single]
    for option, term, values in single:
        own, beside = treated(values), list(_beside(data, option))
        for other, theirs in [(t, treated(v)) for t, v in beside] + alone:
            if not len(theirs) or not len(own) or np.isin(theirs, own).any():
                continue
            if not all(np.isin(theirs, units[rows]).all() for rows in samples):
                continue  # a sample leaves some of them out
            who = f"{len(theirs):,} units that have" if len(theirs) > 1 else "1 unit that has"
            count = "count" if len(theirs) > 1 else "counts"
            message = f"{who} `{other.text}` {count} as controls of `{option.label or term.text}`"
            advice = "leave them out in [sample], or write the arms as one factor, `i(arm, ref = 'control')`"
            if any(other.text == t.text for t, _ in beside):
                message += ", in n_control too, beside a coefficient of their own"
                advice = "`i(arm, ref = 'control')`, of one column of arms, counts them apart"
            yield fault_at(option.term.origin, option.term.tree.span, "other_arms", message, advice, "warning")
            break


def _beside(data: Data, option: TreatmentOption) -> Iterator[tuple[Term, Floats]]:
    """Return the terms of ``with`` that are numbers."""
    try:
        found = () if option.with_ is None else terms(option.with_.tree).terms
    except LanguageError:
        return
    for term in found:
        column = data.column(term.factors[0]) if len(term.factors) == 1 else None
        if column is not None and column.numbers is not None:
            yield term, column.numbers


def _choices(data: Data, option: TreatmentOption) -> list[Term]:
    """Return the single terms that a treatment stands for; what is no single term is the plan's fault."""
    try:
        expanded = [terms(node).terms for node in expand(option.term.tree, data.macros, data.names, 1.0)]
    except LanguageError:
        return []
    return [found[0] for found in expanded if len(found) == 1]


def _offset(term: Term) -> Objection | None:
    factor = term.factors[0]
    if not (isinstance(factor, Call) and factor.function == "offset"):
        return None
    return "treatment_offset", "an offset has the coefficient 1 and is no treatment", "offsets stand in [controls]"


def _values(data: Data, option: TreatmentOption, term: Term) -> tuple[Floats | None, list[Fault]]:
    """Return the numbers of a treatment term, None where there are none to go on with, and its faults."""
    try:
        columns = data.evaluator.term(tuple(bind(factor, data.scope) for factor in term.factors))
    except (LanguageError, EvaluationError):
        return None, []
    refused = _offset(term) or _text(data, term) or _no_number(data, term, columns)
    if refused is None:
        return columns[0].numbers, []
    code, message, advice = refused
    return None, [fault_at(option.term.origin, option.term.tree.span, code, message, advice)]


YES = frozenset({"yes", "y", "treated", "treatment", "true", "on", "adopted", "是", "有"})
NO = frozenset({"no", "n", "untreated", "control", "false", "off", "not adopted", "否", "无"})


def _called(data: Data, factor: Node) -> dict[float, str]:
    """Return what the file calls the numbers of a column of its own."""
    column = data.panel.columns.get(factor.name) if isinstance(factor, Name) else None
    return dict(column.labels) if column is not None else {}


def _two_values(data: Data, option: TreatmentOption, term: Term, values: Floats) -> Iterator[Fault]:
    """Warn of a treatment of two values that are not 0 and 1, as 1 and 2: nobody counts as untreated."""
    found = np.unique(values[~np.isnan(values)])
    if len(found) != 2 or 0.0 in found:
        return
    low, high = (number_text(float(v)) for v in found)
    factor = term.factors[0]
    labels = _called(data, factor) if len(term.factors) == 1 else {}
    names = [labels.get(float(v), "").strip() for v in found]
    treated, name = (low, names[0]) if names[0].casefold() in YES and names[1].casefold() in NO else (high, names[1])
    where = f"where {treated} is treated"
    if all(names):
        where = f"where {treated}, which the file calls “{name}”, is treated"
    line = f'"{term.text} == {treated}"' if len(term.factors) == 1 else "a condition"
    advice = f"{where}, write the condition as the treatment: {line}"
    if len(term.factors) == 1 and isinstance(factor, Name) and option.cohort is None and option.label is not None:
        advice = f'{where}, write {option.label} = "{write(factor)} == {treated}"'
    message = f"the treatment `{term.text}` is {low} or {high}, not 0 or 1: no row counts as untreated"
    if found[1] - found[0] != 1:
        message += f", and its effect is of one step, of which there are {number_text(float(found[1] - found[0]))}"
    yield fault_at(option.term.origin, option.term.tree.span, "not_zero_one", message, advice, "warning")


def _untreated_again(data: Data, option: TreatmentOption, term: Term, values: Floats) -> Iterator[Fault]:
    """Say that a treatment of 0 and 1 ends in some units, and in how many it comes back: a cell may be mistyped."""
    units, periods = data.panel.unit_codes, data.panel.periods
    known = data.sampled & ~np.isnan(values)
    if units is None or periods is None or not np.isin(values[known], (0.0, 1.0)).all():
        return
    rows = np.flatnonzero(known & (units >= 0))
    rows = rows[np.lexsort((periods[rows], units[rows]))]
    same, change = units[rows][1:] == units[rows][:-1], np.diff(values[rows])
    off = rows[1:][same & (change < 0)]
    if not len(off):
        return
    ended, begun = units[off], units[rows][1:][same & (change > 0)]
    # A unit comes back if it begins after it has ended once.
    first_end = np.full(int(units.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first_end, ended, periods[off])
    on = rows[1:][same & (change > 0)]
    back = len(np.unique(begun[periods[on] > first_end[begun]]))
    unit, time = data.panel.unit, data.panel.time
    assert unit is not None
    assert time is not None
    firsts = off[np.unique(ended, return_index=True)[1]]
    cells = [f"{cell_text(data.panel.columns[unit], r)}, {cell_text(data.panel.columns[time], r)}" for r in firsts]
    ever = len(np.unique(units[rows][values[rows] == 1]))
    yield fault_at(
        option.term.origin,
        option.term.tree.span,
        "untreated_again",
        f"the treatment `{term.text}` goes from 1 back to 0 in {len(cells):,} of {ever:,} units ever treated, and to 1 "
        f"again in {back:,} of them: {'; '.join(cells[:SHOWN])}{' …' * (len(cells) > SHOWN)}",
        "where a cell is mistyped correct it in the file; where the treatment does end this is as it should be",
        "warning",
    )


def _text(data: Data, term: Term) -> Objection | None:
    column = data.column(term.factors[0]) if len(term.factors) == 1 else None
    if column is None or not column.is_text or not column.levels:
        return None
    if advice := number_advice(column):
        return "treatment_text", f"the treatment `{term.text}` is text", advice
    levels = ", ".join(f"“{level}”" for level in column.levels[:4])
    treated = [level for level in column.levels if level.strip().casefold() in TREATED]
    example = f": {term.text} == '{treated[0]}'" if len(treated) == 1 else " that holds where it is treated"
    control = next((level for level in column.levels if level.strip().casefold() in CONTROLS), column.levels[0])
    arms = f"; `i({term.text}, ref = '{control}')` is one treatment for each other value"
    advice = f"its values are {levels}; write a condition{example}{arms if len(column.levels) > 2 else ''}"
    return "treatment_text", f"the treatment `{term.text}` is text", advice


def _no_number(data: Data, term: Term, columns: Sequence[CodedColumn]) -> Objection | None:
    if len(columns) != 1:
        message = f"the treatment `{term.text}` is {len(columns)} variables; it must be one"
        return "treatment_terms", message, _as_number(data, term)
    known = columns[0].numbers[~np.isnan(columns[0].numbers)]
    if not known.size:
        return "treatment_missing", f"the treatment `{term.text}` is missing in every row", None
    if known.min() == known.max():
        message = f"the treatment `{term.text}` is {number_text(float(known[0]))} in every row"
        blank = len(columns[0].numbers) - len(known)
        help_ = "a treatment must differ between rows"
        if blank and known[0]:
            help_ += f"; it is missing (blank) in {many(blank, 'row')}: write 0 where these are untreated"
        return "treatment_constant", message, help_
    return None


def _as_number(data: Data, term: Term) -> str:
    """Say what to write for a term of several variables: a factor that is 0 and 1 is one as a number."""

    def number(factor: Node) -> Node:
        if not (isinstance(factor, Call) and factor.function == "factor" and len(factor.arguments) == 1):
            return factor
        inner = factor.arguments[0].value
        column = None if inner is None else data.column(inner)
        known = column.numbers[~np.isnan(column.numbers)] if column is not None and column.numbers is not None else None
        return inner if inner is not None and known is not None and np.isin(known, (0.0, 1.0)).all() else factor

    numbers = Term(tuple(map(number, term.factors)))
    if numbers == term or any(isinstance(one, Call) and one.function == "factor" for one in numbers.factors):
        return "name one of them as the treatment and put the others in `with`"
    return f"write `{numbers.text}`: the factor is 0 and 1, and has a column for each as a factor"


def check_cohort(data: Data, option: TreatmentOption, columns: Sequence[tuple[Term, Floats]]) -> Iterator[Fault]:
    """Check a cohort: numeric, one per unit, a period, and the same story as the 0/1 term."""
    cohort = data.numbers(option.cohort)
    if option.cohort is None or cohort is None:
        return
    empty = np.flatnonzero(np.isnan(cohort) & ~_left_out(data, columns, cohort))
    if empty.size and not data.panel.never.empty:
        yield _at(
            option.cohort,
            "cohort_missing",
            f"the cohort is empty in {data.rows(empty)} of {data.panel.name}",
            'never treated is 0, or empty with never = "empty" in [study]',
        )
        return
    time = data.panel.columns[data.panel.time].numbers if data.panel.time else None
    if time is None:
        yield _at(option.cohort, "no_time", "a cohort needs the time of the panel", 'declare `time = "…"` in [study]')
        return
    first = np.where(never_treated(data.panel, cohort), np.inf, cohort)
    problems = [*_varying(data, option.cohort, first), *_no_period(data, option.cohort, first)]
    yield from problems
    if problems:
        return
    problems = list(_undeclared_zero(data, option.cohort, cohort, time))
    yield from problems or _after_the_data(data, option.cohort, cohort, time)
    for term, values in () if problems else columns:
        contradicted = list(_treated_though_never(data, option, term, values, cohort, time))
        yield from contradicted or _agreement(data, option, term, values, cohort, time)


def _left_out(data: Data, columns: Sequence[tuple[Term, Floats]], cohort: Floats) -> Bools:
    """Mark rows that a missing treatment leaves out, of units that have a cohort in none of their rows."""
    out = np.logical_and.reduce([np.isnan(values) for _, values in columns]) & (len(columns) > 0)
    units = data.panel.unit_codes
    return np.asarray(out if units is None else out & ~np.isin(units, units[~np.isnan(cohort)]))


def _at(
    expression: Expression,
    code: str,
    message: str,
    advice: str | None,
    notes: tuple[str, ...] = (),
    severity: Severity = "error",
) -> Fault:
    return fault_at(expression.origin, expression.tree.span, code, message, advice, severity, notes=notes)


def _varying(data: Data, cohort: Expression, first: Floats) -> Iterator[Fault]:
    rows = changing_rows(data.panel.unit_codes, first)
    if rows.size:
        assert data.panel.unit is not None
        unit = cell_text(data.panel.columns[data.panel.unit], int(rows[0]))
        yield _at(
            cohort,
            "cohort_varies",
            f"the cohort changes within {data.panel.unit} {unit}",
            "a unit has one first treated period; `at()` or `first()` gives it to all its rows",
            (f"it changes in {data.rows(rows)}",),
        )


def _no_period(data: Data, cohort: Expression, first: Floats) -> Iterator[Fault]:
    said = ""
    if (first == -np.inf).any():
        said = f"-Inf, which is no {data.panel.step or 'period'}"
    else:
        try:
            data.panel.to_periods(first)
        except StepError as error:
            said = f"{_listed(error.examples)}, which {error}"
    if said:
        advice = "a cohort is written as the time is"
        if data.panel.step not in (None, *STEPS):
            advice += f"; of a law between two periods it is the first from then on, {_next_period(data, cohort)}"
        yield _at(cohort, "cohort_period", f"the cohort holds {said}", advice)


def _next_period(data: Data, cohort: Expression) -> str:
    """Write how a cohort becomes the first period from it on; what is no period of the data stays: never, or later."""
    assert data.panel.time is not None and data.panel.step is not None  # noqa: PT018 - a cohort has no period else
    time = data.panel.columns[data.panel.time].numbers
    if time is None or not isinstance(cohort.tree, Name):
        return "`first(d == 1)` of a dummy `d`"
    name, step, start = write(cohort.tree), data.panel.step, number_text(float(time.min()))
    inside = f"{name} > {'0' if time.min() > 0 else start} & {name} <= {number_text(float(time.max()))}"
    return f"`ifelse({inside}, {start} + {step} * ceiling(({name} - {start}) / {step}), {name})`"


def _undeclared_zero(data: Data, expression: Expression, cohort: Floats, time: Floats) -> Iterator[Fault]:
    """Find cohorts of 0 before the data begin where a list of `never` leaves 0 out."""
    never = data.panel.never
    if 0.0 in never.values or not (cohort == 0).any() or not time.min() > 0:
        return
    yield _at(
        expression,
        "cohort_zero",
        f"the cohort is 0 in {data.rows(np.flatnonzero(cohort == 0))}, and `never` is {never.text}: "
        f"a first treated period before {number_text(float(time.min()))}",
        f"if 0 means never treated too, write never = {_with(data, 0.0)}",
    )


def _after_the_data(data: Data, expression: Expression, cohort: Floats, time: Floats) -> Iterator[Fault]:
    """Name cohorts after the last period of the data or of a sample: those units are not seen treated there."""
    rows = data.sampled
    if not rows.any():
        return
    last = time[rows].max()
    later = rows & (cohort > last) & (cohort <= last + CODES) & ~declared_never(data.panel, cohort)
    whole = last == time.max()
    yield from _after_a_sample(data, expression, cohort, time, cohort <= (last if whole else time.max() + CODES))
    if not whole or not later.any():
        return
    values = np.unique(cohort[later])
    one, code = len(values) == 1, float(values[-1]) > time.max()
    advice = f"if {'it means' if one else 'one of them means'} never treated, say so: "
    yield fault_at(
        expression.origin,
        expression.tree.span,
        "cohort_after_data",
        f"the cohort{'' if one else 's'} {_listed(values)} lie{'s' if one else ''} after the last period of the data, "
        f"{number_text(float(last))}: {data.units(later)} {'is' if data.count_units(later) == 1 else 'are'} "
        "not treated there",
        f"{advice}never = {_with(data, float(values[-1]))} in [study]" if code else None,
        "warning",
    )


def _after_a_sample(
    data: Data, expression: Expression, cohort: Floats, time: Floats, reached: Bools
) -> Iterator[Fault]:
    """Name cohorts that a sample ends before, of those in ``reached``: in it they count as never treated."""
    found = []
    for sample in data.study.sample:
        rows = data.rows_of(sample)
        if rows is None or not rows.any():
            continue
        last = time[rows].max()
        later = rows & (cohort > last) & reached & ~declared_never(data.panel, cohort)
        if later.any():
            found.append((data.count_units(later), sample.label, float(last), later))
    if not found:
        return
    _, label, last, later = max(found, key=lambda f: f[0])
    values = np.unique(cohort[later])
    one, single = len(values) == 1, data.count_units(later) == 1
    less = len(found) - 1
    message = (
        f"in the sample `{label}` the cohort{'' if one else 's'} {_listed(values)} lie{'s' if one else ''} after the "
        f"last period, {number_text(last)}: {data.units(later)} {'is' if single else 'are'} among the never treated "
        "there, whom sunab and csdid compare with"
    )
    yield fault_at(
        expression.origin,
        expression.tree.span,
        "cohort_after_data",
        message,
        "that is right while they neither anticipate treatment nor differ; else leave them out of the sample",
        "warning",
        notes=(f"so are units in {less:,} more of the samples",) if less else (),
    )


def _with(data: Data, value: float) -> str:
    """Write `never` with one value more."""
    never = data.panel.never
    values = [f"{v:.15g}" for v in sorted({*never.values, value})]
    return "[" + ", ".join([*values, *(['"empty"'] if never.empty else [])]) + "]"


def _listed(values: Floats) -> str:
    shown = ", ".join(number_text(float(v)) for v in values[:SHOWN])
    return shown + (f" and {len(values) - SHOWN:,} more" if len(values) > SHOWN else "")


def _treated_though_never(
    data: Data, option: TreatmentOption, term: Term, values: Floats, cohort: Floats, time: Floats
) -> Iterator[Fault]:
    """Find units whose cohort `never` declares never treated, and whose term is not 0 from that period on."""
    assert option.cohort is not None
    declared = declared_never(data.panel, cohort) & ~np.isnan(cohort)
    wrong = np.flatnonzero(declared & (time >= cohort) & (cohort >= time.min()) & ~np.isnan(values) & (values != 0))
    if not wrong.size:
        return
    value = float(cohort[wrong[0]])
    others = [v for v in data.panel.never.values if v != value]
    words = ", ".join([*(f"{v:.15g}" for v in others), *(['"empty"'] if data.panel.never.empty or not others else [])])
    yield _at(
        option.cohort,
        "never_is_period",
        f"{number_text(value)} is never treated (never = {data.panel.never.text}), and is a period in which "
        f"{data.units(wrong)} {'is' if data.count_units(wrong) == 1 else 'are'} first treated",
        f"if it is a period, leave it out in [study]: never = [{words}]; if it means never treated, "
        f"correct `{term.text}`, which is {number_text(float(values[wrong[0]]))} there",
        (data.place(int(wrong[0])),),
    )


def _agreement(
    data: Data, option: TreatmentOption, term: Term, values: Floats, cohort: Floats, time: Floats
) -> Iterator[Fault]:
    """Compare a 0/1 term with ``time >= cohort``."""
    known = ~np.isnan(values)
    if not np.isin(values[known], (0.0, 1.0)).all():
        return
    if all(_plugins.load("estimators", e.method).dates_itself for e in data.study.estimator):
        return  # a treatment may switch off; an event study refuses a cohort that is not the first change
    treated = (time >= cohort) & ~never_treated(data.panel, cohort)
    rows = np.flatnonzero(known & (values != treated))
    if not rows.size:
        return
    assert option.cohort is not None
    needed = _needs_cohort(data, option)
    notes = tuple(
        f"{data.place(int(row))}: the term is {number_text(float(values[row]))} and the cohort says {int(treated[row])}"
        for row in rows[:SHOWN]
    )
    advice = "correct one of the two" if needed else "no analysis here uses this cohort; correct it before one does"
    apart = _shifted(data, option.cohort, values, cohort)
    everywhere = ""
    if apart is not None:
        shift, line = apart
        everywhere = f": everywhere the cohort is {many(abs(shift), 'period')} {'later' if shift > 0 else 'earlier'}"
        if line:
            line = json.dumps(line, ensure_ascii=False)
            advice = f"if `{term.text}` is right, write cohort = {line}; else correct it"
    code = _code_of_never(cohort, values, rows)
    if code is not None and apart is None:
        never = f"never = {_with(data, code)} in [study]"
        advice = f"if {number_text(code)} means never treated, write {never}; else {advice}"
    yield fault_at(
        option.term.origin,
        option.term.tree.span,
        "cohort_differs",
        f"`{term.text}` differs from `{data.panel.time} >= {option.cohort.text}` in {many(len(rows), 'row')}"
        f"{everywhere}",
        advice,
        "error" if needed else "warning",
        notes=notes,
    )


def _shifted(data: Data, expression: Expression, values: Floats, cohort: Floats) -> tuple[int, str] | None:
    """Return by how many periods all cohorts are too late, and the expression that mends it, or None.

    It is the commonest distance from the first treated period, where the term is what it says in every row.
    """
    panel = data.panel
    if panel.periods is None or panel.unit_codes is None or panel.step not in (None, "year"):
        return None
    never = declared_never(panel, cohort) | ~np.isfinite(cohort)
    first = np.where(never, np.nan, cohort)
    began = np.full(int(panel.unit_codes.max(initial=-1)) + 1, np.inf)
    np.minimum.at(began, panel.unit_codes[values == 1], panel.periods[values == 1])
    distances = first - began[panel.unit_codes]
    distances = distances[np.isfinite(distances)]
    found, count = np.unique(distances, return_counts=True)
    shift = int(found[count.argmax()]) if len(found) else 0
    known = ~np.isnan(values)
    if shift == 0 or ((panel.periods >= first - shift) != values)[known].any():
        return None
    text = expression.text if expression.text.isidentifier() else f"({expression.text})"
    line = f"{text} {'-' if shift > 0 else '+'} {abs(shift)}"
    codes = cohort[never & np.isfinite(cohort)]
    if codes.size:
        line = f"ifelse({text} > {codes.max():.15g}, {line}, {text})"
    return shift, line if codes.max(initial=-np.inf) < cohort[~never].min() else ""


def _code_of_never(cohort: Floats, values: Floats, rows: np.ndarray) -> float | None:
    """Return the one cohort that all differing rows have, where its units are never treated by the term."""
    code = float(cohort[rows[0]])
    if not (cohort[rows] == code).all() or np.nansum(values[cohort == code]) != 0:
        return None
    return code


def _needs_cohort(data: Data, option: TreatmentOption) -> bool:
    """Say whether anything dates adoption by the treatment's cohort: an analysis, a match or an estimator."""
    study = data.study
    if any(_dates(table) for table in study.analyses):
        return True
    if any(sample.match is not None and sample.match.treated is None for sample in study.sample):
        return True
    methods = [_plugins.load("estimators", e.method) for e in study.estimator]
    dated = np.array([method.cohort or method.binary for method in methods], dtype=bool)
    if not dated.any():
        return False
    try:
        plan = build_plan(study, data.panel, data.evaluator)
    except (SpecError, LanguageError, EvaluationError):
        return True
    treatment, estimator = plan.dimensions[Core.TREATMENT], plan.dimensions[Core.ESTIMATOR]
    mine = treatment.option[plan.codes[:, Core.TREATMENT]] == study.treatment.index(option)
    cohort = dated[estimator.option[plan.codes[:, Core.ESTIMATOR]]]
    return bool((mine & cohort & (plan.status != PlanStatus.EXCLUDED)).any())


def counts_periods(study: Study, more: Iterable[Expression] = ()) -> bool:
    """Say whether a study counts periods: by lags, leads and runs of time, or as time since adoption.

    ``more`` are expressions beside the study's own, of its analyses.
    """
    derived = [e for v in study.variants for option in v.options for e in option.derive.values()]
    trees = (e.tree for e in (*study.derive.values(), *derived, *(use.expression for use in uses(study)), *more))
    methods = (_plugins.load("estimators", e.method) for e in study.estimator)
    dated = any(m.cohort for m in methods) or any(map(_dates, study.analyses))
    return dated or not (IN_TIME - {"ntile"}).isdisjoint(functions(trees))


def _dates(table: AnalysisTable) -> bool:
    """Say whether an analysis asks when units adopt."""
    return bool(_plugins.load("analyses", table.kind).dates(table.values))
