"""The tables of the paper's analyses: their keys, their names, their selectors, their data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from specdid import _plugins
from specdid._check.data import Data, StudyRole, Use, uses
from specdid._check.dimensions import nothing_selected
from specdid._check.names import unknown
from specdid._check.samples import check_matches
from specdid._check.sound import Sound
from specdid._check.times import check_times_of
from specdid._check.values import check_conditions_of, check_use, in_single
from specdid._diagnostics import Fault, SpecError, fault_at, first_few
from specdid._plan import PlanStatus
from specdid._plan.exclude import select
from specdid._plan.expand import expand_grid
from specdid._study import Selector, Study
from specdid.analyses._base import Analysis, Bench, Request
from specdid.analyses._cells import plan_cells, read_request
from specdid.panel import Evaluator, Panel

_AS: dict[str, StudyRole] = {"terms": "terms", "effects": "effects", "condition": "condition", "names": "names"}
"""Roles whose expressions are evaluated here; what values an analysis takes it says itself."""


def read_requests(study: Study) -> tuple[tuple[Request, ...], tuple[Fault, ...]]:
    """Decode every table of an analysis; one with errors has no request. Needs no data."""
    requests: list[Request] = []
    faults: list[Fault] = []
    for table in study.analyses:
        if table.kind in _plugins.names("analyses"):
            analysis: Analysis = _plugins.load("analyses", table.kind)
            request, found = read_request(study, table, analysis.form, analysis.decode)
            faults += found
            if not any(fault.severity == "error" for fault in found):
                requests.append(request)
    return tuple(requests), tuple(faults)


def check_analyses(
    study: Study, requests: Sequence[Request], panel: Panel, evaluator: Evaluator, sound: Sound | None = None
) -> Iterator[Fault]:
    """Find what is wrong with every request on the data.

    Parameters
    ----------
    study
        That of the requests.
    sound
        Where the study has errors, the part without: an analysis plans specifications of its own,
        which is done only where the options it starts from are there.
    """
    for request in requests:
        yield from _names(request, panel, () if sound is None else sound.file.derive)
        if not any(_names(request, panel)):
            bench = Bench(study, panel, evaluator)
            analysis: Analysis = _plugins.load("analyses", request.table.kind)
            if sound is None:
                yield from _planned(analysis, bench, request)
            else:
                yield from _in_part(analysis, bench, request, sound)


def _added(request: Request, study: Study) -> list[Use]:
    """Return the expressions of the options that only this analysis has."""
    known = {id(u.expression) for u in uses(study)}
    return [u for u in uses(request.layout.study) if id(u.expression) not in known]


def _names(request: Request, panel: Panel, derived: Iterable[str] = ()) -> Iterator[Fault]:
    """Say which names are unknown; ``derived`` are known beside those of the study, with faults of their own."""
    study = request.layout.study
    columns = tuple(dict.fromkeys((*panel.columns, *study.derive, *derived)))
    for expression, _ in request.expressions:
        yield from unknown(expression, columns, panel)
    for use in uses(study):
        if use.expression.origin.path[: len(request.table.origin.path)] == request.table.origin.path:
            yield from unknown(use.expression, columns, panel)


def _selectors(request: Request, panel: Panel) -> Iterator[Fault]:
    study, columns = request.layout.study, tuple(panel.columns)
    dimensions, grid, expander = expand_grid(study, columns)
    by_name = {d.name: d for d in dimensions}
    for name, chosen in request.layout.fix.items():
        for selector in chosen:
            if isinstance(selector, Selector):
                dimension = by_name[name]
                if not select(dimension, (selector,), grid, expander.macros, columns).any():
                    yield nothing_selected(dimension, selector)


def _planned(analysis: Analysis, bench: Bench, request: Request) -> Iterator[Fault]:
    """Check what needs the analysis's own plan; what cannot be planned is a fault of its own."""
    try:
        found = list(_selectors(request, bench.panel)) or list(_values(bench, request))
        if not any(f.severity == "error" for f in found):
            found += [*_without_columns(request, bench), *analysis.check(bench, request)]
        yield from found
    except SpecError as error:
        yield from error.faults


def _without_columns(request: Request, bench: Bench) -> Iterator[Fault]:
    """Plan the columns; warn where every one of them is excluded."""
    plan = plan_cells(request, bench.panel, bench.evaluator).plan
    if len(plan) and (plan.status == PlanStatus.EXCLUDED).all():
        reasons = [plan.reasons[k].message for k in dict.fromkeys(plan.reason.tolist())]
        message = f"{request.header} has no column, so it gives no numbers: {first_few(reasons)}"
        help_ = "write in `fix` an option of every dimension that the rule names, such that they are planned together"
        yield fault_at(request.key("fix"), None, "no_columns", message, help_, "warning")


def _in_part(analysis: Analysis, bench: Bench, request: Request, sound: Sound) -> Iterator[Fault]:
    """Check what does not depend on options that have faults of their own."""
    try:
        found = list(_values(bench, request))
        known = (*bench.panel.columns, *bench.study.derive)
        chosen = [(name, s) for name, each in request.layout.fix.items() for s in each if isinstance(s, Selector)]
        depends = bool(sound.moved) or any(sound.may_mean(name, s.text, known) for name, s in chosen)
        if sound.planned:
            found += [f for f in _selectors(request, bench.panel) if not depends]
        if sound.planned and not depends and not any(f.severity == "error" for f in found):
            found += [*_without_columns(request, bench), *analysis.check(bench, request)]
        yield from found
    except SpecError as error:
        yield from error.faults


def _values(bench: Bench, request: Request) -> Iterator[Fault]:
    """Evaluate the expressions of the analysis's own options and keys."""
    data = Data(request.layout.study, bench.panel, bench.evaluator)
    own = [Use(e, _AS[role]) for e, role in request.expressions if role in _AS]
    every = (*_added(request, bench.study), *own)
    for use in every:
        yield from check_use(data, use)
        yield from check_conditions_of(data, use)
    named = [(use.expression, data.scope) for use in every]
    for expression, scope in named:
        yield from in_single(data, expression, scope)
    yield from check_times_of(data, every, named)
    matched = request.layout.study.sample[len(bench.study.sample) :]
    if matched:
        own_samples = replace(request.layout.study, sample=matched)
        yield from check_matches(Data(own_samples, bench.panel, bench.evaluator))
