"""Specifications that cannot share their work: each is cut, handed to its estimator and recorded.

Workers get the Problem once (joblib maps its arrays), indices, and an estimator's name;
they give back columns. Nothing of pyfixest crosses a process boundary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import Any, TypeVar

import numpy as np

from specdid import _plugins
from specdid._arrays import Floats, Ints
from specdid._hashing import Words, digest_of
from specdid._records.fits import blank_fits, pack_fits, unpack_fits
from specdid._study import RULES
from specdid.engine.cache_keys import Content, digest
from specdid.engine.demean import make_absorber, relevel
from specdid.engine.least_squares import NEAR
from specdid.engine.model_identity import RATIOS, Values
from specdid.engine.problem import Code, Effects, Fits, Members, Problem, VcovCode
from specdid.engine.qr_basis import make_basis, triangle
from specdid.engine.rows import Cut, count_units, cut_rows, effective_rows, other_arms
from specdid.engine.scores import clusters_of, missing_clusters
from specdid.engine.ssc import t_inference
from specdid.engine.store import Store
from specdid.engine.workers import as_done, parallel
from specdid.estimators._base import VCOV_NOTES, Estimate, Estimator, Failure, Record, Task

CHUNK = 8
"""Specifications handed to a worker at a time: a constant, so that blocks never depend on jobs."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Method:
    """An estimator by name, with the user's options."""

    name: str
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OneByOneWork:
    """Members with what the estimators need beside them.

    Attributes
    ----------
    methods : the study's estimators
    method : (S,) int64, place in ``methods``
    cohort : (S,) int64, column of values with the first treated period, or -1
    time : column of values with the period, or -1
    """

    problem: Problem
    members: Members
    methods: tuple[Method, ...]
    method: Ints
    cohort: Ints
    time: int


def fit_one_by_one(
    work: OneByOneWork, jobs: int = 1, backend: str = "serial", store: Store | None = None
) -> Iterator[Fits]:
    """Estimate every member of ``work`` as blocks of CHUNK, in order; lazily, so that it can be stopped.

    With a store, those that it has come first, one by one, and blocks of the others as they
    are done; each is stored before it is given.
    """
    chunks = [np.array(run) for run in _runs(range(len(work.members)), CHUNK)]
    if store is None:
        yield from parallel(_fit_chunk, work, chunks, jobs, backend)
        return
    content = store.content(work.problem)
    keys = [_key(content, work, s) for s in range(len(work.members))]
    missing = []
    for s, key in enumerate(keys):
        found = store.get(key)
        if found is None:
            missing.append(s)
        else:
            yield unpack_fits(found, work.members.index[s : s + 1], _own_columns(work.members, s))
    chunks = [np.array(run) for run in _runs(missing, CHUNK)]
    for k, fits in as_done(_fit_chunk, work, chunks.__getitem__, range(len(chunks)), jobs, backend):
        # What stopped an estimator may be the machine's doing and not the data's: it is tried again in the next run.
        for at, s in ((a, s) for a, s in enumerate(chunks[k].tolist()) if fits.code[a] != Code.ESTIMATOR_ERROR):
            store.put(keys[s], pack_fits(fits, _own_columns(work.members, s), slice(at, at + 1)))
        yield fits


def _own_columns(members: Members, s: int) -> Ints:
    return np.unique(np.concatenate([[members.outcome[s], members.treatment[s]], members.controls_of(s)]))


def _key(content: Content, work: OneByOneWork, s: int) -> bytes:
    """Hash all that member ``s`` depends on; its terms' texts too, which an estimator's message may name."""
    problem, members, method = work.problem, work.members, work.methods[work.method[s]]
    own = [members.outcome[s], members.treatment[s], members.extra_rows[s], work.cohort[s], work.time]
    controls = members.controls_of(s)
    effects = problem.effects[members.effects[s]]
    texts = [*(problem.labels[c] for c in controls), *(problem.effect_labels[c] for c in effects.fixed)]
    return digest(
        "one by one",
        content.study,
        content.shared(members, s),
        content.rows(int(members.rows[s])),
        content.values(map(int, own)),
        content.values(controls.tolist()),
        method.name,
        repr(sorted(method.options.items())),
        repr(texts),
    )


def _runs(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    rest = iter(items)
    while run := tuple(islice(rest, size)):
        yield run


def _fit_chunk(work: OneByOneWork, places: Ints) -> Fits:
    extra: dict[str, Floats] = {}
    fits = blank_fits(work.members.index[places], len(work.problem.vcovs), extra)
    for at, s in enumerate(places.tolist()):
        began = perf_counter()
        _fit_one(work, s, at, fits, extra)
        fits.seconds[at] = perf_counter() - began
    return fits


def fit_in_full(work: OneByOneWork, s: int = 0) -> tuple[Fits, Estimate | None]:
    """Estimate member ``s`` alone: its block of one, and its estimator's own record where there is a number."""
    extra: dict[str, Floats] = {}
    fits = blank_fits(work.members.index[s : s + 1], len(work.problem.vcovs), extra)
    return fits, _fit_one(work, s, 0, fits, extra)


def _fit_one(work: OneByOneWork, s: int, at: int, fits: Fits, extra: dict[str, Floats]) -> Estimate | None:
    """Estimate member ``s`` and record it at position ``at``; return the estimator's own record."""
    problem, members = work.problem, work.members
    method = work.methods[work.method[s]]
    declared = _plugins.load("estimators", method.name)
    if members.instruments[s] >= 0:  # the engine's alone: without its instruments it would be another model
        raise ValueError(f"{method.name} was asked one by one for a specification with instruments")
    cut = rows_for(problem, members, s, declared, method.options)
    fits.n_missing[at], fits.n_log0[at], fits.n_singletons[at] = cut.n_missing, cut.n_log0, cut.n_singletons
    outcome = problem.values[cut.rows, members.outcome[s]]
    treatment = problem.values[cut.record if declared.changes == "outcome" else cut.rows, members.treatment[s]]
    if not len(cut.rows):
        fits.code[at] = Code.NO_ROWS
    elif np.ptp(outcome) == 0:
        fits.code[at], fits.culprit[at] = Code.NO_OUTCOME_VARIATION, members.outcome[s]
    elif np.ptp(treatment) == 0:
        fits.code[at], fits.culprit[at] = Code.NO_TREATMENT_VARIATION, members.treatment[s]
    else:
        task = make_task(problem, members, s, cut, method.options, int(work.cohort[s]), work.time)
        result: Estimate | Failure = declared.estimate(task)
        if isinstance(result, Failure):
            fits.code[at] = Code.__members__.get(result.code.upper(), Code.ESTIMATOR_ERROR)
            fits.detail[at] = result.message
        else:
            _record(work, s, at, fits, cut, task, result)
            for name, value in result.extra.items():
                extra.setdefault(name, np.full(len(fits.index), np.nan))[at] = value
            return result
    return None


def _record(work: OneByOneWork, s: int, at: int, fits: Fits, cut: Cut, task: Task, result: Estimate) -> None:
    """Write an estimate, what follows from it and its rows into the block."""
    keep = np.ones(len(cut.rows), bool) if result.keep is None else result.keep
    fits.estimate[at], fits.std_error[at], fits.df[at] = result.estimate, result.std_error, result.df
    fits.n_clusters[at], fits.nobs[at], fits.r2_within[at] = result.n_clusters, result.nobs, result.r2_within
    fits.statistic[at], fits.p_value[at], fits.conf_low[at], fits.conf_high[at] = t_inference(
        np.full(len(result.df), result.estimate), fits.std_error[at], fits.df[at], work.problem.alpha
    )
    fits.vcov_code[at] = [VCOV_NOTES.index(note) for note in result.vcov_notes or [""] * len(result.df)]
    declared = _plugins.load("estimators", work.methods[work.method[s]].name)
    for v in (v for v, note in enumerate(result.vcov_notes) if note == "no_rule"):
        offered = ", ".join(rule for rule in RULES if rule in declared.ssc)
        said = f"{declared.name} does not offer the small-sample correction {task.rule(v)}; it has {offered}"
        fits.vcov_detail[at, v] = said
    for v, words in missing_clusters(work.problem, cut.rows).items():
        fits.vcov_code[at, v], fits.n_clusters[at, v] = VcovCode.FEW_CLUSTERS, -1
        fits.vcov_detail[at, v] = words
    fits.y_mean[at] = task.outcome[keep].mean()
    weights = None if task.weights is None else task.weights[keep]
    fits.n_eff[at] = effective_rows(int(keep.sum()), weights)
    if task.unit is not None:
        others = work.problem.values[np.ix_(cut.rows[keep], other_arms(work.problem.arms, work.members, s))]
        units = result.units or count_units(relevel(task.unit[keep]), task.treatment[keep], others)
        fits.n_units[at], fits.n_treated[at], fits.n_control[at], fits.n_always_treated[at] = units
    columns = work.members.controls_of(s)
    if result.dropped:
        fits.dropped[at] = tuple(int(columns[j]) for j in result.dropped)
    _enter_near(work.problem, work.members, s, cut.rows[keep], [int(c) for c in columns], declared, fits, at)
    fits.signature[at] = _signature(work, s, cut, task, result)


def _enter_near(
    problem: Problem,
    members: Members,
    s: int,
    rows: Ints,
    columns: Sequence[int],
    declared: Estimator,
    fits: Fits,
    at: int,
) -> None:
    """Write of which control those before it and the effects leave so little that single precision may have made it.

    Estimators of changes put controls beside a constant: there they are judged without unit and period effects.
    """
    kept = [c for c in columns if c not in fits.dropped.get(at, ()) and c not in problem.offsets]
    if not kept or len(rows) <= len(kept):
        return
    weights = problem.values[rows, members.weights[s]] if members.weights[s] >= 0 else None
    effects = Effects((), ()) if declared.changes else problem.effects[members.effects[s]]
    absorber = make_absorber(problem, effects, rows, weights)
    values = problem.values[np.ix_(rows, np.array(kept, np.int64))]
    basis = make_basis(np.asfortranarray(values), absorber, factors=triangle)
    left, noise = np.square(np.diagonal(basis.r)), basis.rounding[: len(kept)]
    near = ~basis.flat[: len(kept)] & (left > 0) & (left < NEAR**2 * noise)
    if near.any():
        times = np.sqrt(left / np.where(near, noise, np.nan))
        k = int(np.nanargmin(times))
        fits.near[at] = kept[k], float(times[k])


def _signature(work: OneByOneWork, s: int, cut: Cut, task: Task, result: Estimate) -> Words:
    """Hash the values that the estimate depends on, of the record where there is one, with the options in force."""
    rows = cut.rows if task.record is None else cut.record
    method, members, dropped = work.methods[work.method[s]], work.members, set(result.dropped)
    declared = _plugins.load("estimators", method.name)
    options = {o.name: o.default for o in declared.settings} | dict(method.options) | dict(result.in_force)
    read = np.ones(len(rows), bool) if result.reads is None else result.reads
    place = np.arange(len(rows)) if task.record is None else task.record.place
    known = digest_of(np.isin(np.flatnonzero(read), place)).hex()
    kept = [int(c) for j, c in enumerate(members.controls_of(s)) if j not in dropped]
    cohort = work.problem.values[rows[read], work.cohort[s]] if declared.cohort and work.cohort[s] >= 0 else None
    return Values(work.problem, rows[read]).signature(
        repr(
            (
                method.name,
                sorted(options.items()),
                [j for j, c in enumerate(kept) if c in work.problem.offsets],
                known,
                "" if result.sizes is None else _sizes_digest(work, s, cut.rows, result.sizes).hex(),
            )
        ),
        int(members.outcome[s]),
        int(members.treatment[s]),
        kept,
        work.problem.effects[members.effects[s]],
        int(members.weights[s]),
        cohort,
    )


def _sizes_digest(work: OneByOneWork, s: int, rows: Ints, sizes: Floats) -> bytes:
    """Hash the units that count in sizes of groups, their groups, and their weights as ratios."""
    sized = np.flatnonzero(~np.isnan(sizes))
    unit = work.problem.codes[rows[sized], work.problem.unit]
    order = np.argsort(unit)
    cohort = work.problem.values[rows[sized], work.cohort[s]]
    ratio = np.rint(sizes[sized] / sizes[sized].max(initial=0.0) * RATIOS)
    return digest_of(unit[order], np.where(np.isnan(cohort), np.nan, cohort + 0.0)[order], ratio[order])


def rows_for(problem: Problem, members: Members, s: int, declared: Estimator, options: Mapping[str, object]) -> Cut:
    """Return the rows that an estimator with these options is given of member ``s``."""
    return cut_rows(problem, members, s, declared.changes, declared.takes_singletons(options))


def make_task(
    problem: Problem, members: Members, s: int, cut: Cut, options: Mapping[str, Any], cohort: int, time: int
) -> Task:
    """Lay out member ``s`` on its rows; ``cohort`` and ``time`` are columns of values, or -1."""
    values, effects, controls = problem.values, problem.effects[members.effects[s]], members.controls_of(s)
    rows = cut.rows
    clusters = clusters_of(problem, rows)
    units = problem.codes[rows, problem.unit] if problem.unit >= 0 else None
    names = None if units is None or problem.unit_names is None else problem.unit_names[np.unique(units)]

    def column(place: int) -> Floats | None:
        return values[rows, place] if place >= 0 else None

    return Task(
        outcome=values[rows, members.outcome[s]],
        treatment=values[rows, members.treatment[s]],
        controls=values[np.ix_(rows, controls)],
        control_labels=tuple(problem.labels[c] for c in controls),
        offsets=tuple(j for j, c in enumerate(controls.tolist()) if c in problem.offsets),
        effects=tuple(relevel(problem.codes[rows, c]) for c in effects.fixed),
        effect_labels=tuple(problem.effect_labels[c] for c in effects.fixed),
        slopes=tuple((relevel(problem.codes[rows, c]), values[rows, x]) for c, x in effects.slopes),
        weights=column(int(members.weights[s])),
        vcovs=tuple(v.kind for v in problem.vcovs),
        clusters=tuple(tuple(relevel(clusters[c]) for c in v.clusters) for v in problem.vcovs),
        unit=None if units is None else relevel(units),
        unit_names=None if names is None else tuple(names.tolist()),
        time=column(time),
        cohort=column(cohort),
        options=options,
        alpha=problem.alpha,
        rules=tuple(v.ssc for v in problem.vcovs),
        distributions=tuple(v.distribution for v in problem.vcovs),
        calendar=problem.calendar,
        record=_record_of(problem, members, s, cut, time) if len(cut.record) > len(rows) else None,
    )


def _record_of(problem: Problem, members: Members, s: int, cut: Cut, time: int) -> Record | None:
    if problem.unit < 0 or time < 0:
        return None
    values, unit = problem.values[cut.record], relevel(problem.codes[cut.record, problem.unit])
    outcome = np.where(cut.known, values[:, members.outcome[s]], np.nan)
    place = np.searchsorted(cut.record, cut.rows)
    return Record(outcome, unit, values[:, time], place, values[:, members.treatment[s]])
