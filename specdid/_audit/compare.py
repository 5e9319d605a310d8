"""Draw the sample, ask the reference, and measure the gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from textwrap import shorten
from typing import Protocol

import numpy as np

from specdid._arrays import Ints
from specdid._audit.reference import AuditRequest, Numbers, Reestimated
from specdid._audit.worker import NotDoneError, ask
from specdid._records import Audit, Disagreement, Results, Status
from specdid.engine.one_by_one import Method, OneByOneWork
from specdid.engine.problem import Effects, Members, Problem

LIMIT = 1e-6
NEARLY_COLLINEAR = 1e6
NOTHING = Numbers("the audit", float("nan"), ())
REFERENCE = "pyfixest and by the audit's own algebra"
STREAM = 0xA0D17
"""Keeps the audit's draw apart from the nulls', which use the same seed."""


class AuditedEstimator(Protocol):
    """An estimator of the study: its name and the user's options."""

    @property
    def method(self) -> str: ...
    @property
    def options(self) -> Mapping[str, object]: ...


class AuditInput(Protocol):
    """The part of ``engine.compile.Compiled`` that the audit reads."""

    @property
    def problem(self) -> Problem: ...
    @property
    def members(self) -> Members: ...
    @property
    def method(self) -> Ints: ...
    @property
    def cohort(self) -> Ints: ...
    @property
    def time(self) -> int: ...


def audit_results(
    compiled: AuditInput, estimators: Sequence[AuditedEstimator], results: Results, size: int | None, seed: int
) -> Audit:
    """Estimate a seeded random sample of the ok specifications again: by pyfixest and by the audit's own algebra.

    Parameters
    ----------
    compiled
        The engine's arrays; of the engine's own work only the results are read.
    estimators
        The study's estimators, in the order of ``compiled.method``.
    results
        What the engine gave.
    size
        How many specifications; None is all of them.
    seed
        The study's seed.

    Returns
    -------
    Audit
        ``disagreements`` holds the specifications with |Δβ|/se or |Δse|/se above 1e-6 or other
        rows, and those that are not identified or could not be estimated again. Where the reference
        itself cannot be had, nothing was checked, and ``not_done`` says why.
    """
    ok = np.flatnonzero(results.status == Status.OK)
    sample = draw(ok, size, seed)
    position = np.searchsorted(compiled.members.index, sample)
    methods = tuple(Method(e.method, dict(e.options)) for e in estimators)
    work = OneByOneWork(compiled.problem, compiled.members, methods, compiled.method, compiled.cohort, compiled.time)
    request = smallest(work, position, [results.dropped_columns.get(s, ()) for s in sample.tolist()])
    try:
        again = ask(request)
    except NotDoneError as error:
        return Audit(0, len(ok), 0.0, 0.0, LIMIT, REFERENCE, not_done=str(error))
    compared = [_compared(results, int(s), a) for s, a in zip(sample, again, strict=True)]
    return Audit(
        checked=len(sample),
        eligible=len(ok),
        estimate_gap=max((d.estimate_gap for d in compared), default=0.0),
        se_gap=max((d.se_gap for d in compared), default=0.0),
        limit=LIMIT,
        reference=_reference(again),
        by_itself=tuple(dict.fromkeys(a.itself for a in again if a.itself)),
        disagreements=tuple(d for d in compared if d.cause),
    )


def _reference(again: Sequence[Reestimated]) -> str:
    """Say by what specifications were estimated again; an estimator that was asked itself confirms itself."""
    alone = [a.itself for a in again if a.itself]
    if not alone:
        return REFERENCE
    names = " and ".join(dict.fromkeys(alone))
    others = f"{len(again) - len(alone):,} by {REFERENCE}, " if len(alone) < len(again) else ""
    whose = f"{len(alone):,} by {names} once more, with controls in another order, for want of another program"
    return f"the audit: {others}{whose}"


def draw(ok: Ints, size: int | None, seed: int) -> Ints:
    """Draw ``size`` of the positions ``ok`` without replacement, in plan order."""
    if size is None or size >= len(ok):
        return ok
    return np.sort(np.random.default_rng([seed, STREAM]).choice(ok, size, replace=False))


def _compared(results: Results, s: int, again: Reestimated) -> Disagreement:
    """Return the gaps to the program that is furthest off; ``cause`` is empty where all agree."""
    found = [(_beside(results, s, one), one.program) for one in again.numbers or (NOTHING,)]
    worst, program = max(found, key=lambda pair: max(pair[0].estimate_gap, pair[0].se_gap))
    return replace(worst, cause=_cause(results, s, again, worst, program))


def _beside(results: Results, s: int, numbers: Numbers) -> Disagreement:
    """Return |Δβ| and the largest |Δse|, in standard errors; infinite where a program gave nothing.

    A perfect fit has no standard error; |Δβ| is then relative to β.
    """
    error = np.asarray(results.numbers["std_error"], dtype=np.float64)[s]
    theirs = np.full(len(error), np.nan)
    for v, found in enumerate(numbers.std_error):  # an error that it does not compute is taken as it was reported
        theirs[v] = error[v] if found is None else found
    here = np.isfinite(error) & (error > 0)
    unit = error[here][0] if here.any() else max(abs(results.estimate[s]), np.finfo(float).tiny)
    error_gap = np.zeros(len(error))
    error_gap[here] = np.abs(error[here] - theirs[here]) / error[here]
    error_gap[np.isnan(error_gap)] = np.inf
    worst = int(np.argmax(np.where(error_gap > LIMIT, error_gap, 0.0)))
    gap = abs(float(results.estimate[s]) - numbers.estimate) / unit
    return Disagreement(
        results.planned.spec_id(s),
        s + 1,
        float(results.estimate[s]),
        numbers.estimate,
        float(error[worst]),
        float(theirs[worst]),
        float(gap) if np.isfinite(gap) else float("inf"),
        float(error_gap[worst]),
        results.planned.vcovs[worst],
        "",
    )


def _cause(results: Results, s: int, again: Reestimated, worst: Disagreement, program: str) -> str:
    """Say what is likely behind a disagreement; nothing where there is none."""
    if again.why:
        return shorten(again.why, 200, placeholder=" …")
    nobs = int(results.numbers["nobs"][s])
    if again.nobs not in (nobs, -1):
        return f"other rows: {nobs:,} were used, the audit finds {again.nobs:,}"
    if worst.estimate_gap > LIMIT:
        if not np.isfinite(worst.estimate_gap):
            return f"{program} gives no estimate"
        if again.condition > NEARLY_COLLINEAR:
            return (
                f"the coefficient differs from {program}'s: the regressors are nearly collinear (condition number "
                f"{again.condition:.0e}), so that few of its digits are known"
            )
        return f"the coefficient differs from {program}'s: other terms or levels, weights, or no convergence"
    if not np.isfinite(worst.se_gap):
        return f"the coefficient agrees, and {program} gives no standard error"
    if worst.se_gap > LIMIT:
        return (
            f"the coefficient agrees and its standard error differs from {program}'s: clusters, or parameters "
            "counted otherwise"
        )
    return ""


def smallest(work: OneByOneWork, position: Ints, dropped: Sequence[Sequence[int]]) -> AuditRequest:
    """Keep the columns and row masks that the members at ``position`` use, to send to a worker.

    Parameters
    ----------
    dropped : columns that each lost as collinear
    """
    problem, members, cohort = work.problem, work.members.take(position), work.cohort[position]
    slopes = [x for e in np.unique(members.effects) for _, x in problem.effects[e].slopes]
    used = [members.outcome, members.treatment, members.controls, members.weights, members.extra_rows, cohort]
    columns = np.unique(np.concatenate([*used, np.array([*slopes, work.time], np.int64)]))
    columns = columns[columns >= 0]
    rows, row = np.unique(members.rows, return_inverse=True)

    def place(column: Ints) -> Ints:
        return np.where(column < 0, -1, np.searchsorted(columns, column))

    def effect(e: Effects) -> Effects:
        return Effects(e.fixed, tuple((c, int(place(np.array([x]))[0])) for c, x in e.slopes if x in slopes))

    small = OneByOneWork(
        replace(
            problem,
            values=np.asfortranarray(problem.values[:, columns]),
            labels=tuple(problem.labels[c] for c in columns),
            rows=problem.rows[rows],
            log0=None,
            effects=tuple(effect(e) for e in problem.effects),
            offsets=tuple(k for k, c in enumerate(columns.tolist()) if c in problem.offsets),
        ),
        replace(
            members,
            outcome=place(members.outcome),
            treatment=place(members.treatment),
            controls=place(members.controls),
            weights=place(members.weights),
            extra_rows=place(members.extra_rows),
            rows=row.reshape(-1).astype(np.int64),
        ),
        work.methods,
        work.method[position],
        place(cohort),
        int(place(np.array([work.time]))[0]),
    )
    return AuditRequest(small, tuple(tuple(place(np.array(lost, np.int64)).tolist()) for lost in dropped))
