"""Draw the sample, ask the reference, and measure the gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from specdid._audit.worker import ask
from specdid._records import Audit, Disagreement, Results, Status
from specdid.engine.one_by_one import Method, Work
from specdid.engine.problem import Effects, Ints, Members, Problem

if TYPE_CHECKING:
    from specdid._audit.reference import Again

LIMIT = 1e-6
STREAM = 0xA0D17
"""Keeps the audit's draw apart from the nulls', which use the same seed."""


class Chosen(Protocol):
    """An estimator of the study: its name and the user's options."""

    @property
    def method(self) -> str: ...
    @property
    def options(self) -> Mapping[str, object]: ...


class Compiled(Protocol):
    """The part of ``engine.columns.Compiled`` that the audit reads."""

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
    compiled: Compiled, estimators: Sequence[Chosen], results: Results, size: int | None, seed: int
) -> Audit:
    """Estimate a seeded random sample of the ok specifications again, with plain calls of pyfixest.

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
        ``disagreements`` holds the specifications with |Δβ|/se or |Δse|/se above 1e-6, and
        those that the reference could not estimate.
    """
    ok = np.flatnonzero(results.status == Status.OK)
    sample = draw(ok, size, seed)
    position = np.searchsorted(compiled.members.index, sample)
    methods = tuple(Method(e.method, dict(e.options)) for e in estimators)
    work = Work(compiled.problem, compiled.members, methods, compiled.method, compiled.cohort, compiled.time)
    again = ask(smallest(work, position))
    compared = [_compared(results, int(s), a) for s, a in zip(sample, again, strict=True)]
    return Audit(
        checked=len(sample),
        eligible=len(ok),
        estimate_gap=max((d.estimate_gap for d in compared), default=0.0),
        se_gap=max((d.se_gap for d in compared), default=0.0),
        limit=LIMIT,
        reference="pyfixest",
        disagreements=tuple(d for d in compared if not max(d.estimate_gap, d.se_gap) <= LIMIT),
    )


def draw(ok: Ints, size: int | None, seed: int) -> Ints:
    """Draw ``size`` of the positions ``ok`` without replacement, in plan order."""
    if size is None or size >= len(ok):
        return ok
    return np.sort(np.random.default_rng([seed, STREAM]).choice(ok, size, replace=False))


def _compared(results: Results, s: int, again: Again) -> Disagreement:
    """Return |Δβ| and the largest |Δse|, in standard errors; infinite where the reference gave nothing.

    A perfect fit has no standard error; |Δβ| is then relative to β.
    """
    error = np.asarray(results.numbers["std_error"], dtype=np.float64)[s]
    here = np.isfinite(error) & (error > 0)
    unit = error[here][0] if here.any() else max(abs(results.estimate[s]), np.finfo(float).tiny)
    estimate_gap = abs(results.estimate[s] - again.estimate) / unit
    error_gap = np.full(len(error), 0.0)
    error_gap[here] = np.abs(error[here] - np.array(again.std_error)[here]) / error[here]
    error_gap[np.isnan(error_gap)] = np.inf
    worst = int(np.argmax(np.where(error_gap > LIMIT, error_gap, 0.0)))
    gaps = _or_infinite(estimate_gap), _or_infinite(error_gap[worst])
    reported = float(results.estimate[s]), float(error[worst])
    found = float(again.estimate), float(again.std_error[worst])
    return Disagreement(
        f"{int(results.planned.ids[s]):016x}", s + 1, reported[0], found[0], reported[1], found[1], *gaps,
        results.planned.vcovs[worst], _cause(gaps, again.why),
    )  # fmt: skip


def _cause(gaps: tuple[float, float], why: str) -> str:
    """Say what is likely behind these gaps."""
    estimate, error = gaps
    if not np.isfinite(estimate):
        return f"the reference gave no estimate ({why})" if why else "the reference gave no estimate"
    if estimate > LIMIT:
        return "the coefficient differs: other rows, other terms dropped as collinear, or no convergence"
    if not np.isfinite(error):
        return "the coefficient agrees, and the reference gave no standard error"
    return "the coefficient agrees and its standard error does not: clusters, degrees of freedom or corrections differ"


def _or_infinite(gap: float) -> float:
    return float(gap) if np.isfinite(gap) else float("inf")


def smallest(work: Work, position: Ints) -> Work:
    """Keep the columns and row masks that the members at ``position`` use, to send to a worker."""
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

    return Work(
        replace(
            problem,
            values=np.asfortranarray(problem.values[:, columns]),
            labels=tuple(problem.labels[c] for c in columns),
            rows=problem.rows[rows],
            log0=None,
            effects=tuple(effect(e) for e in problem.effects),
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
