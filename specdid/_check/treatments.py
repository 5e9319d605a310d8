"""The treatments: numbers that vary, and cohorts that agree with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from specdid._check.adoption import check_cohort
from specdid._check.data import Data
from specdid._check.gaps import check_treatment_gaps
from specdid._diagnostics import Fault, fault_at
from specdid._study import TreatmentOption
from specdid.language import LanguageError, Term, bind, expand, terms, write
from specdid.language.tree import Name
from specdid.panel import CodedColumn, EvaluationError, number_text
from specdid.panel.columns import Floats

TREATED = ("yes", "y", "treated", "treatment", "treat", "true", "t", "1", "on", "post", "是", "处理组", "试点")
"""What a text says of who is treated."""


def check_treatments(data: Data) -> Iterator[Fault]:
    """Find treatments that are missing, constant or no single number, and cohorts that do not fit."""
    for option in data.study.treatment:
        columns = []
        for term in _choices(data, option):
            values, faults = _values(data, option, term)
            yield from faults
            if values is not None:
                columns.append((term, values))
                yield from _two_values(option, term, values)
        yield from check_treatment_gaps(data, option, columns)
        yield from check_cohort(data, option, columns)


def _choices(data: Data, option: TreatmentOption) -> list[Term]:
    """Return the single terms that a treatment stands for; what is no single term is the plan's fault."""
    try:
        expanded = [terms(node).terms for node in expand(option.term.tree, data.macros, data.names, 1.0)]
    except LanguageError:
        return []
    return [found[0] for found in expanded if len(found) == 1]


def _values(data: Data, option: TreatmentOption, term: Term) -> tuple[Floats | None, list[Fault]]:
    """Return the numbers of a treatment term, None where there are none to go on with, and its faults."""
    try:
        columns = data.evaluator.term(tuple(bind(factor, data.scope) for factor in term.factors))
    except (LanguageError, EvaluationError):
        return None, []
    refused = _text(data, term) or _no_number(term, columns)
    if refused is None:
        return columns[0].numbers, []
    code, message, advice = refused
    return None, [fault_at(option.term.origin, option.term.tree.span, code, message, advice)]


def _two_values(option: TreatmentOption, term: Term, values: Floats) -> Iterator[Fault]:
    """Warn of a treatment of two values that are not 0 and 1, as 1 and 2: nobody counts as untreated."""
    found = np.unique(values[~np.isnan(values)])
    if len(found) != 2 or 0.0 in found:
        return
    low, high = (number_text(float(v)) for v in found)
    factor = term.factors[0]
    line = f'"{term.text} == {high}"' if len(term.factors) == 1 else "a condition"
    advice = f"where {high} is treated, write the condition as the treatment: {line}"
    if len(term.factors) == 1 and isinstance(factor, Name) and option.cohort is None and option.label is not None:
        advice = f'where {high} is treated, write {option.label} = "{write(factor)} == {high}"'
    message = f"the treatment `{term.text}` is {low} or {high}, not 0 or 1: no row counts as untreated"
    if found[1] - found[0] != 1:
        message += f", and its effect is of one step, of which there are {number_text(float(found[1] - found[0]))}"
    yield fault_at(option.term.origin, option.term.tree.span, "not_zero_one", message, advice, "warning")


Refusal = tuple[str, str, str | None]


def _text(data: Data, term: Term) -> Refusal | None:
    column = data.column(term.factors[0]) if len(term.factors) == 1 else None
    if column is None or not column.is_text or not column.levels:
        return None
    levels = ", ".join(f"“{level}”" for level in column.levels[:4])
    treated = [level for level in column.levels if level.strip().casefold() in TREATED]
    example = f": {term.text} == '{treated[0]}'" if len(treated) == 1 else " that holds where it is treated"
    advice = f"its values are {levels}; write a condition{example}"
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
