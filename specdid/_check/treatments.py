"""The treatments: numbers that vary, and cohorts that agree with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from specdid import _shelf
from specdid._check.data import Data
from specdid._diagnostics import Fault, SpecError, fault_at
from specdid._plan import build_plan
from specdid._plan.records import Status
from specdid._study import TreatmentOption
from specdid.language import LanguageError, Term, bind, expand, terms
from specdid.panel import CodedColumn, EvaluationError, StepError, cell_text, number_text
from specdid.panel.columns import Floats, Ints


def check_treatments(data: Data) -> Iterator[Fault]:
    """Find treatments that are missing, constant or no single number, and cohorts that do not fit."""
    for option in data.study.treatment:
        columns = []
        for term in _choices(data, option):
            values, faults = _values(data, option, term)
            yield from faults
            if values is not None:
                columns.append((term, values))
        yield from _cohort(data, option, columns)


def _choices(data: Data, option: TreatmentOption) -> list[Term]:
    """Give the single terms that a treatment stands for; what is no single term is the plan's fault."""
    try:
        expanded = [terms(node).terms for node in expand(option.term.tree, data.macros, data.names, 1.0)]
    except LanguageError:
        return []
    return [found[0] for found in expanded if len(found) == 1]


def _values(data: Data, option: TreatmentOption, term: Term) -> tuple[Floats | None, list[Fault]]:
    """Give the numbers of a treatment term, None where there are none to go on with, and its faults."""
    try:
        columns = data.evaluator.term(tuple(bind(factor, data.scope) for factor in term.factors))
    except (LanguageError, EvaluationError):
        return None, []
    refused = _text(data, term) or _no_number(term, columns)
    if refused is None:
        return columns[0].numbers, []
    code, message, advice = refused
    return None, [fault_at(option.term.origin, option.term.tree.span, code, message, advice)]


Refusal = tuple[str, str, str | None]


def _text(data: Data, term: Term) -> Refusal | None:
    column = data.column(term.factors[0]) if len(term.factors) == 1 else None
    if column is None or not column.is_text or not column.levels:
        return None
    levels = ", ".join(f"“{level}”" for level in column.levels[:4])
    advice = f'its values are {levels}; write a condition: {term.text} == "{column.levels[0]}"'
    return "treatment_text", f"the treatment `{term.text}` is text", advice


def _no_number(term: Term, columns: Sequence[CodedColumn]) -> Refusal | None:
    if len(columns) != 1:
        message = f"the treatment `{term.text}` is {len(columns)} variables; it must be one"
        return "treatment_terms", message, "name one of them as the treatment and put the others in `with`"
    known = columns[0].numbers[~np.isnan(columns[0].numbers)]
    if not known.size:
        return "treatment_missing", f"the treatment `{term.text}` is missing in every row", None
    if known.min() == known.max():
        message = f"the treatment `{term.text}` is {number_text(float(known[0]))} in every row"
        return "treatment_constant", message, "a treatment must differ between rows"
    return None


def _cohort(data: Data, option: TreatmentOption, columns: list[tuple[Term, Floats]]) -> Iterator[Fault]:
    """Check a cohort: numeric, one per unit, a period, and the same story as the 0/1 term."""
    cohort = data.numbers(option.cohort)
    if option.cohort is None or cohort is None:
        return
    origin, span = option.cohort.origin, option.cohort.tree.span
    empty = np.flatnonzero(np.isnan(cohort))
    if empty.size and data.study.never != "empty":
        yield fault_at(
            origin,
            span,
            "cohort_missing",
            f"the cohort is empty in {data.rows(empty)} of {data.panel.name}",
            'never treated is 0, or empty with never = "empty" in [study]',
        )
        return
    time = data.panel.columns[data.panel.time].numbers if data.panel.time else None
    if time is None:
        yield fault_at(
            origin, span, "no_time", "a cohort needs the time of the panel", 'declare `time = "…"` in [study]'
        )
        return
    never = np.isnan(cohort) | (cohort == 0) | (cohort > time.max())
    first = np.where(never, np.inf, cohort)
    problems = [*_varying(data, option, first), *_no_period(data, option, first)]
    yield from problems
    if not problems:
        for term, values in columns:
            yield from _agreement(data, option, term, values, time >= first)


def _varying(data: Data, option: TreatmentOption, first: Floats) -> Iterator[Fault]:
    assert option.cohort is not None
    rows = changing_rows(data.panel.unit_codes, first)
    if rows.size:
        row = int(rows[0])
        assert data.panel.unit is not None
        unit = cell_text(data.panel.columns[data.panel.unit], row)
        yield fault_at(
            option.cohort.origin,
            option.cohort.tree.span,
            "cohort_varies",
            f"the cohort changes within {data.panel.unit} {unit}",
            "a unit has one first treated period; `at()` or `first()` gives it to all its rows",
            notes=(f"it changes in {data.rows(rows)}",),
        )


def changing_rows(codes: Ints | None, values: Floats) -> Ints:
    """Give the rows whose value is not that of the first row of their group; missing groups are left out."""
    if codes is None or not len(codes):
        return np.empty(0, dtype=np.int64)
    first = np.zeros(int(codes.max()) + 2, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    start = values[first[codes]]
    same = (values == start) | (np.isnan(values) & np.isnan(start)) | (codes < 0)
    return np.flatnonzero(~same)


def _no_period(data: Data, option: TreatmentOption, first: Floats) -> Iterator[Fault]:
    assert option.cohort is not None
    try:
        data.panel.to_periods(first)
    except StepError as error:
        shown = ", ".join(number_text(float(v)) for v in error.examples)
        yield fault_at(
            option.cohort.origin,
            option.cohort.tree.span,
            "cohort_period",
            f"the cohort holds {shown}, which {error}",
            "a cohort is written as the time is",
        )


def _agreement(
    data: Data, option: TreatmentOption, term: Term, values: Floats, treated: np.ndarray
) -> Iterator[Fault]:
    """Compare a 0/1 term with ``time >= cohort``."""
    known = ~np.isnan(values)
    if not np.isin(values[known], (0.0, 1.0)).all():
        return
    rows = np.flatnonzero(known & (values != treated))
    if not rows.size:
        return
    assert option.cohort is not None
    needed = _needs_cohort(data, option)
    notes = tuple(
        f"{data.place(int(row))}: the term is {number_text(float(values[row]))} and "
        f"the cohort says {int(treated[row])}"
        for row in rows[:3]
    )
    advice = (
        "correct one of the two"
        if needed
        else "no cohort estimator uses this cohort; correct it before one does"
    )
    yield fault_at(
        option.term.origin,
        option.term.tree.span,
        "cohort_differs",
        f"`{term.text}` differs from `{data.panel.time} >= {option.cohort.text}` in {len(rows):,} rows",
        advice,
        "error" if needed else "warning",
        notes=notes,
    )


def _needs_cohort(data: Data, option: TreatmentOption) -> bool:
    """Say whether an event study or a cohort estimator that is not excluded uses the treatment."""
    study = data.study
    if any(table.kind == "event_study" for table in study.analyses):
        return True
    methods = [_shelf.load("estimators", e.method).cohort for e in study.estimator]
    if not any(methods):
        return False
    try:
        plan = build_plan(study, data.panel, data.evaluator)
    except (SpecError, LanguageError, EvaluationError):
        return True
    treatment, estimator = plan.dimensions[1], plan.dimensions[6]
    mine = treatment.option[plan.codes[:, 1]] == study.treatment.index(option)
    cohort = np.array(methods)[estimator.option[plan.codes[:, 6]]]
    return bool((mine & cohort & (plan.status != Status.EXCLUDED)).any())
