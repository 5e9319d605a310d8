"""From a path or a dict to a checked study, its panel and its plan."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from specdid._check import check_study
from specdid._check.analyses import check_analyses, read_requests
from specdid._check.data import Data
from specdid._check.own_outcome import check_own_outcome
from specdid._check.possible import check_possible
from specdid._check.samples import check_preferred_levels
from specdid._check.sound import KEYS, Sound, sound_part
from specdid._check.sources import check_sources, with_sources
from specdid._check.tested import check_tested
from specdid._check.treatments import counts_periods
from specdid._decode import read_study
from specdid._diagnostics import Fault, Faults, Origin, SpecError, fault_at, file_order
from specdid._plan import Plan, PlanStatus, build_plan
from specdid._plan.build import preferred_choices
from specdid._plan.exclude import tied_choices
from specdid._plan.write_out import expand_arms, expand_instruments, expand_sample_levels
from specdid._run.selectors import check_shown
from specdid._study import Expression, FormulaOption, Meta, Study
from specdid.analyses._cells import Request
from specdid.engine.distributed import missing_package
from specdid.language import LanguageError, write_name
from specdid.language.tree import Number
from specdid.panel import EvaluationError, Evaluator, Panel, read_panel

StudySource = Study | str | Path | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A study that has no errors, with what was made on the way; ``requests`` are its analyses as decoded."""

    study: Study
    panel: Panel
    evaluator: Evaluator
    plan: Plan
    warnings: Faults
    requests: tuple[Request, ...] = ()


def read(source: str | Path | Mapping[str, Any]) -> Study:
    """Read a spec file, or a dict of the same shape.

    Parameters
    ----------
    source
        Path of a TOML file, or its content as a mapping (``data`` is then relative to the
        working directory).

    Raises
    ------
    SpecError
        With every fault of the file at once.
    """
    study, faults = read_study(source)
    if study is None or faults.errors:
        raise SpecError(faults)
    return study


def check(study: StudySource, data: Any = None) -> Faults:
    """Find every fault of a study and its data; estimates nothing.

    Parameters
    ----------
    study
        A Study, a path or a dict.
    data
        A pandas, polars or Arrow frame in place of the file named by the study.

    Returns
    -------
    Faults
        Errors and warnings in file order; empty where all is well.
    """
    return with_untested(*examine(study, data))


def with_untested(prepared: Prepared | None, faults: Faults) -> Faults:
    """Add what is known before a run of specifications that no null will test; the run says it of its results."""
    if prepared is None:
        return faults
    return file_order((*faults, *check_tested(prepared.plan, prepared.panel, prepared.evaluator)))


def examine(source: StudySource, data: Any = None) -> tuple[Prepared | None, Faults]:
    """Read, check and plan, gathering faults; None where there are errors."""
    if isinstance(source, Study):
        study: Study | None = source
        faults = Faults(source.warnings)
    else:
        study, faults = read_study(source)
    if study is None:
        return None, faults
    panel, found = (None, ()) if _no_data(study, faults) else read_panel(study, data, in_part=True)
    faults = faults + found
    if panel is None:
        study = expand_sample_levels(study, None, None)[0]
        faults = faults + tuple(_without_keys(study, (*check_study(study, None), *read_requests(study)[1])))
        return None, file_order(_in_backticks((), faults))
    if panel.unit != study.unit or panel.time != study.time:
        study = _keyless(study, panel)
    evaluator = Evaluator(panel)
    study, found = with_sources(study, panel)
    faults = faults + found
    study, found = expand_sample_levels(study, panel, evaluator)
    faults = faults + found
    study, found = expand_arms(study, panel, evaluator)
    faults = faults + found
    study = expand_instruments(study, tuple(panel.columns))
    faults = faults + tuple(_without_keys(study, check_study(study, panel, evaluator, faults)))
    faults = faults + tuple(check_sources(study, panel, faults))
    if faults.errors:
        faults = faults + tuple(_without_keys(study, _in_part(study, panel, evaluator, faults)))
        return None, file_order(_in_backticks(panel.columns, _of_known_columns(study, panel, faults)))
    faults = file_order(faults)
    try:
        plan = build_plan(study, panel, evaluator)
    except SpecError as error:
        return None, file_order(faults + error.faults)
    requests, wrong = read_requests(study)
    wrong = (*check_possible(plan, panel, evaluator), *wrong, *check_analyses(study, requests, panel, evaluator))
    faults = file_order((*faults, *wrong))
    if faults.errors:
        return None, faults
    levels = check_preferred_levels(Data(study, panel, evaluator), plan)
    wrong = (*_preferred(study, plan, tuple(panel.columns)), *levels, *_backend(study), *check_shown(study, plan))
    groups = [e for request in requests for e, role in request.expressions if role == "condition"]
    wrong = (*wrong, *check_own_outcome(plan, panel, evaluator, groups))
    faults = file_order((*faults, *wrong))
    if faults.errors:
        return None, faults
    if not counts_periods(study, [expression for request in requests for expression, _ in request.expressions]):
        faults = Faults(tuple(fault for fault in faults if fault.code != "time_gaps"))
    return Prepared(study, panel, evaluator, plan, faults, requests), faults


_OF_DATA = (("study", "data"), ("study", "reshape"))


def _no_data(study: Study, faults: Faults) -> bool:
    """Return whether the file names data that cannot be recognised, or is no spec file."""
    wrong = any(table == "data" or (table, key) in _OF_DATA for table, key in study.unread)
    return wrong or any(f.code == "missing_study" for f in faults)


NEED_KEYS = ("no_unit", "no_time", "no_level", "no_test", "assign_part", "assign_half")
"""Codes that say that unit or time is not declared, or take a column for one that is assigned because it is neither."""


def _keyless(study: Study, panel: Panel) -> Study:
    """Return a study without the unit or time that the data do not have, nor what is made of them by default."""
    none = FormulaOption(None, Expression("0", Number(0.0), Origin(())), Meta(), Origin(()))
    effects = tuple(none if o.origin.path == ("fixed_effects",) else o for o in study.fixed_effects)
    vcov = tuple(o for o in study.vcov if o.origin.path != ("vcov",))
    unread = study.unread | KEYS
    return replace(study, unit=panel.unit, time=panel.time, fixed_effects=effects, vcov=vcov, unread=unread)


def _without_keys(study: Study, faults: Iterable[Fault]) -> Iterator[Fault]:
    """Leave out what is said only because unit or time is wrong."""
    lost = not KEYS.isdisjoint(study.unread)
    yield from (f for f in faults if not (lost and f.code in NEED_KEYS))


UNKNOWN = ("no_column", "circular", "regex")
"""Codes that say that a column is not there."""


def _of_known_columns(study: Study, panel: Panel, faults: Iterable[Fault]) -> Iterator[Fault]:
    """Leave out what may be said only because a file could not be joined, so that its columns are not known."""
    joined = {file.label for file in panel.files}
    lost = any(file.name not in joined for file in study.files)
    yield from (f for f in faults if not (lost and f.code in UNKNOWN and f.path[:1] != ("data",)))


def _in_backticks(columns: Iterable[str], faults: Iterable[Fault]) -> Iterator[Fault]:
    """Say of what is no expression that it is the name of a column, where there is one called so; of keys always."""
    named = sorted((n for n in columns if write_name(n) != n), key=len, reverse=True)
    for f in faults:
        if f.code == "syntax" and f.place is not None:
            place, text = f.place.column - 1, f.place.line_text
            for name in named:
                start = text.rfind(name, 0, place + len(name))
                before, after = text[start - 1 : start], text[start + len(name) :][:1]
                if 0 <= start <= place < start + len(name) and not re.search(r"[\w`]", before + after):
                    shown = f"`` {write_name(name)} ``"
                    f = replace(f, help=f"in backticks where the column is meant: {shown}")
                    break
            else:
                if f.path in (("study", "unit"), ("study", "time")):
                    f = replace(f, help="a column's name of several words stands in backticks: `` `…` ``")
        yield f


def _in_part(study: Study, panel: Panel, evaluator: Evaluator, faults: Faults) -> Iterator[Fault]:
    """Look for what is wrong besides: with the plan of what is sound, and with analyses of it."""
    yield from read_requests(study)[1]
    yield from _backend(study)
    sound = sound_part(study, faults)
    known = {f.place for f in faults}
    found = list(_looked_at("the plan", lambda: _plan_faults(sound, panel, evaluator)))
    for table in sound.study.analyses:
        alone = replace(sound, study=replace(sound.study, analyses=(table,)))
        found += _looked_at(f"[{table.kind}]", partial(_analysis_faults, alone, panel, evaluator))
    yield from (f for f in found if f.place not in known or f.place is None)


def _looked_at(what: str, look: Callable[[], Iterable[Fault]]) -> Iterator[Fault]:
    """Return the faults of a part of a faulty study; one that fails does not hide those of the others."""
    try:
        yield from look()
    except (LanguageError, EvaluationError):
        return  # which has its own fault
    except SpecError as error:
        yield from error.faults
    except Exception as error:  # what is known to be wrong must be said, whatever a part of a study may do
        said = f"{what} could not be checked beside these errors ({type(error).__name__}: {error})"
        yield Fault("not_checked", said, help="check again when they are mended", severity="warning")


def _analysis_faults(alone: Sound, panel: Panel, evaluator: Evaluator) -> Iterator[Fault]:
    requests, faults = read_requests(alone.study)
    yield from faults
    yield from check_analyses(alone.study, requests, panel, evaluator, alone)


def _plan_faults(sound: Sound, panel: Panel, evaluator: Evaluator) -> Iterator[Fault]:
    if not sound.planned:
        return
    try:
        build_plan(sound.study, panel, evaluator)
    except SpecError as error:
        # Main effects may stand in an option that was left out.
        others = {"controls", "fixed_effects"} | {v.name for v in sound.file.variants}
        alone = others.isdisjoint(sound.dropped)
        yield from (f for f in error.faults if alone or f.code != "no_main_effects")
    except (LanguageError, EvaluationError):
        return  # which has its own fault


def _backend(study: Study) -> tuple[Fault, ...]:
    """Refuse a backend whose package is not installed."""
    package = missing_package(study.run.backend)
    if package is None:
        return ()
    name = study.run.backend
    message = f'backend = "{name}" needs the package {package}, which is not installed'
    return (Fault("no_backend", message, help=f"pip install 'specdid[{name}]'", path=("run", "backend")),)


def _preferred(study: Study, plan: Plan, columns: Sequence[str]) -> tuple[Fault, ...]:
    """Warn of a preferred specification that will not be on the curve."""
    if not study.preferred or (plan.preferred >= 0 and plan.status[plan.preferred] != PlanStatus.EXCLUDED):
        return ()
    origin = next(iter(study.preferred.values()))[0].origin
    if plan.preferred < 0:
        why = f"is not planned: {_not_planned(study, plan, columns)}"
    else:
        why = f"is excluded: {plan.reasons[int(plan.reason[plan.preferred])].message}"
    help = "choose options that are planned together, or change the rule"
    return (fault_at(origin, None, "preferred_not_planned", f"the preferred specification {why}", help, "warning"),)


def _not_planned(study: Study, plan: Plan, columns: Sequence[str]) -> str:
    """Say which of what restricts the plan leaves the preferred specification out."""
    known = plan.dimensions, plan.grid, {name: e.tree for name, e in study.macros.items()}, columns
    ties = tied_choices(study, *known)
    chosen = preferred_choices(study, known[0], known[1], ties, known[2], columns)
    for tie, tied in zip(study.together, ties, strict=True):
        if not tied.holds(np.array([chosen])).all():
            labels = " and ".join(f"`{plan.dimensions[d].labels[chosen[d]]}`" for d in tied.places)
            return f"[[together]] has no row of {' and '.join(tie.dimensions)} with {labels}"
    return "more than one of one_at_a_time leaves its first option"


def prepare(source: StudySource, data: Any = None) -> Prepared:
    """Read, check and plan.

    Raises
    ------
    SpecError
        With every fault where there is an error.
    """
    prepared, faults = examine(source, data)
    if prepared is None:
        raise SpecError(faults)
    return prepared


def plan(study: StudySource, data: Any = None) -> Plan:
    """Enumerate every specification of a study without estimating any.

    Raises
    ------
    SpecError
        With every fault where there is an error.
    """
    return prepare(study, data).plan
