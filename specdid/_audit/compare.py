"""Draw the sample, ask the reference in a process of its own, and measure the gaps.

pyfixest takes two seconds to import. A process that has nothing else to do, started while the spec is still being read,
imports it on the other core; it is sent arrays and frozen records and gives back numbers.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import shorten
from typing import BinaryIO, Protocol, cast

import numpy as np

from specdid import _plugins
from specdid._arrays import Floats, Ints
from specdid._audit.reference import AuditRequest, ProgramNumbers, Reestimated, estimate_again
from specdid._records import Audit, Disagreement, Results, Status
from specdid.engine import execute
from specdid.engine.one_by_one import Method, OneByOneWork, fit_one_by_one
from specdid.engine.problem import Code, Effects, Members, Problem
from specdid.engine.workers import safe_path, single_threaded

LIMIT = 1e-6
NEARLY_COLLINEAR = 1e6
PERFECT = 1e-9
"""Of the scale of a coefficient: how far apart two are that agree where they have no standard error."""
ROUNDING = 1e-13
"""Of the same: what is rounding, however small the standard error."""
NOTHING = ProgramNumbers("the audit", float("nan"), ())
REFERENCE = "pyfixest and by the audit's own algebra"
REFERENCE_SCALED = "pyfixest, given weights scaled to mean 1, and by the audit's own algebra"
"""Where errors of a likelihood depend on the weights' scale, which cancels in all else."""
LARGE_PANEL = 200_000
"""Rows above which both programs estimate again, on whole units drawn at random."""
ROWS_DRAWN = 50_000
"""Rows that these units have, about."""
STREAM = 0xA0D17
"""Keeps the audit's draw apart from the nulls', which use the same seed."""
_COMMAND = "from specdid._audit.compare import serve; serve()"
_started: list[subprocess.Popen[bytes]] = []


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
        itself cannot be had, nothing was checked, and ``not_done`` says why. Of a large panel both are asked
        on the rows of ``units``, drawn at random.
    """
    ok = np.flatnonzero(results.status == Status.OK)
    sample = draw(ok, size, seed)
    position = np.searchsorted(compiled.members.index, sample)
    methods = tuple(Method(e.method, dict(e.options)) for e in estimators)
    work = OneByOneWork(compiled.problem, compiled.members, methods, compiled.method, compiled.cohort, compiled.time)
    units = (0, 0)
    if len(compiled.problem.values) > LARGE_PANEL and compiled.problem.unit >= 0 and len(sample):
        work, units = on_units(work, position, seed)
        reported = _by_the_engine(work, position)
    else:
        reported = [
            Reported(float(b), np.asarray(se, np.float64), int(n), results.dropped_columns.get(s, ()))
            for s, b, se, n in zip(
                sample.tolist(),
                results.estimate[sample],
                np.asarray(results.numbers["std_error"])[sample],
                results.numbers["nobs"][sample],
                strict=True,
            )
        ]
    request = smallest(work, position, [one.dropped for one in reported])
    try:
        again = ask(request)
    except NotDoneError as error:
        return Audit(0, len(ok), 0.0, 0.0, LIMIT, REFERENCE, not_done=str(error))
    again = [replace(a, unsolved=a.unsolved or r.unsolved) for a, r in zip(again, reported, strict=True)]
    scales = [_scale(work, p) for p in position.tolist()]
    compared = [
        _compared(results, int(s), r, a, u)
        for s, r, a, u in zip(sample, reported, again, scales, strict=True)
        if not a.unsolved
    ]
    unsolved = [a.unsolved for a in again if a.unsolved]
    if unsolved and not compared:
        return Audit(0, len(ok), 0.0, 0.0, LIMIT, REFERENCE, not_done=unsolved[0])
    done = [a for a in again if not a.unsolved]
    return Audit(
        checked=len(compared),
        eligible=len(ok),
        estimate_gap=max((d.estimate_gap for d in compared), default=0.0),
        se_gap=max((d.se_gap for d in compared), default=0.0),
        limit=LIMIT,
        reference=_reference(done, REFERENCE_SCALED if _scaled(work, position) else REFERENCE),
        by_itself=tuple(dict.fromkeys(a.itself for a in done if a.itself)),
        disagreements=tuple(d for d in compared if d.cause),
        units=units,
        not_audited=len(unsolved),
        why_not=unsolved[0] if unsolved else "",
    )


@dataclass(frozen=True, slots=True)
class Reported:
    """What the engine says of a specification: estimate, (V,) standard errors, rows, columns dropped as collinear."""

    estimate: float
    std_error: Floats
    nobs: int
    dropped: tuple[int, ...] = ()
    unsolved: str = ""


def on_units(work: OneByOneWork, position: Ints, seed: int) -> tuple[OneByOneWork, tuple[int, int]]:
    """Return the work on the rows of some units, drawn at random, and how many of how many these are.

    Half are drawn among the units in which the treatment of a member at ``position`` changes: of few treated units
    a plain draw could have none.
    """
    problem = work.problem
    code = problem.codes[:, problem.unit]
    count = int(code.max()) + 1
    known = code >= 0
    changes = np.zeros(count, bool)
    for column in np.unique(work.members.treatment[position]).tolist():
        low, high = np.full(count, np.inf), np.full(count, -np.inf)
        here = known & np.isfinite(problem.values[:, column])
        np.minimum.at(low, code[here], problem.values[here, column])
        np.maximum.at(high, code[here], problem.values[here, column])
        changes |= high > low
    there = np.bincount(code[known], minlength=count) > 0
    wanted = max(2, int(there.sum() * ROWS_DRAWN / len(code)))
    rng = np.random.default_rng([seed, STREAM, 1])
    treated, rest = np.flatnonzero(there & changes), np.flatnonzero(there & ~changes)
    half = min(len(treated), max(wanted // 2, wanted - len(rest)))
    drawn = np.zeros(count, bool)
    for group, size in ((treated, half), (rest, min(len(rest), wanted - half))):
        drawn[rng.choice(group, size, replace=False)] = True
    keep = np.flatnonzero(known & drawn[code])
    calendar = problem.calendar
    if calendar is not None:
        written = None if calendar.written is None else calendar.written[keep]
        calendar = replace(calendar, periods=calendar.periods[keep], units=calendar.units[keep], written=written)
    smaller = replace(
        problem,
        values=np.asfortranarray(problem.values[keep]),
        codes=np.asfortranarray(problem.codes[keep]),
        rows=problem.rows[:, keep],
        log0=None if problem.log0 is None else problem.log0[keep],
        calendar=calendar,
    )
    return replace(work, problem=smaller), (int(drawn.sum()), int(there.sum()))


def _by_the_engine(work: OneByOneWork, position: Ints) -> list[Reported]:
    """Estimate the members at ``position`` as a run does."""
    members = work.members.take(position)
    batched = np.array([_plugins.load("estimators", m.name).batched for m in work.methods])
    in_engine = batched[work.method[position]] | (members.instruments >= 0)
    alone = replace(work, members=members.take(np.flatnonzero(~in_engine)))
    alone = replace(alone, method=work.method[position][~in_engine], cohort=work.cohort[position][~in_engine])
    blocks = [execute.run(work.problem, members.take(np.flatnonzero(in_engine)))] if in_engine.any() else []
    found: dict[int, Reported] = {}
    for fits in (*blocks, *fit_one_by_one(alone)):
        for k, index in enumerate(fits.index.tolist()):
            why = "" if fits.code[k] == Code.OK else "it cannot be estimated on the units that were drawn"
            dropped = tuple(fits.dropped.get(k, ()))
            found[index] = Reported(float(fits.estimate[k]), fits.std_error[k], int(fits.nobs[k]), dropped, why)
    return [found[index] for index in members.index.tolist()]


def _scale(work: OneByOneWork, position: int) -> float:
    """Return sd(outcome) / sd(treatment) of a member, over the rows that have both; 0 where that is not known.

    Of an outcome in logarithms where the estimator's link makes it one.
    """
    problem, members = work.problem, work.members
    linked = _plugins.load("estimators", work.methods[work.method[position]].name).unit
    pair = problem.values[:, [members.outcome[position], members.treatment[position]]][
        problem.rows[members.rows[position]]
    ]
    pair = pair[np.isfinite(pair).all(axis=1)]
    outcome, treatment = pair.std(axis=0) if len(pair) else (0.0, 0.0)
    return float((1.0 if linked else outcome) / treatment) if treatment > 0 else 0.0


def _scaled(work: OneByOneWork, position: Ints) -> bool:
    """Say whether one of the members at ``position`` is a likelihood with weights."""
    weighted = position[work.members.weights[position] >= 0]
    return any(_plugins.load("estimators", work.methods[e].name).likelihood for e in np.unique(work.method[weighted]))


def _reference(again: Sequence[Reestimated], reference: str) -> str:
    """Say by what specifications were estimated again, and how many by one program alone."""
    alone = [a.itself for a in again if a.itself]
    own = sum(a.without_pyfixest for a in again)
    both = len(again) - len(alone) - own
    parts = [f"{both:,} by {reference}"] if both else []
    if own:
        parts.append(f"{own:,} by the audit's own algebra alone (their slopes are not given to pyfixest)")
    if alone:
        names = " and ".join(dict.fromkeys(alone))
        parts.append(
            f"{len(alone):,} by {names} once more, with controls in another order, for want of another program"
        )
    return f"the audit: {', '.join(parts)}" if own or alone else reference


def draw(ok: Ints, size: int | None, seed: int) -> Ints:
    """Draw ``size`` of the positions ``ok`` without replacement, in plan order."""
    if size is None or size >= len(ok):
        return ok
    return np.sort(np.random.default_rng([seed, STREAM]).choice(ok, size, replace=False))


def _compared(results: Results, s: int, reported: Reported, again: Reestimated, scale: float) -> Disagreement:
    """Return the gaps to the program that is furthest off; ``cause`` is empty where all agree."""
    found = [(_beside(results, s, reported, one, scale), one.program) for one in again.numbers or (NOTHING,)]
    worst, program = max(found, key=lambda pair: max(pair[0].estimate_gap, pair[0].se_gap))
    return replace(worst, cause=_cause(reported, again, worst, program))


def _beside(results: Results, s: int, reported: Reported, numbers: ProgramNumbers, scale: float) -> Disagreement:
    """Return |Δβ| and the largest |Δse|, in standard errors; infinite where a program gave nothing.

    A β of 0 is rounding: without a standard error |Δβ| is relative to β or, if that is larger, to what makes `LIMIT` be
    `PERFECT` of ``scale``, the coefficient's; an error is taken to be `ROUNDING` of that at the least.
    """
    error = reported.std_error
    theirs = np.full(len(error), np.nan)
    for v, found in enumerate(numbers.std_error):  # an error that it does not compute is taken as it was reported
        theirs[v] = error[v] if found is None else found
    here = np.isfinite(error) & (error > 0)
    units = np.maximum(error[here], scale * ROUNDING / LIMIT)
    unit = units[0] if here.any() else max(abs(reported.estimate), scale * PERFECT / LIMIT, np.finfo(float).tiny)
    error_gap = np.zeros(len(error))
    error_gap[here] = np.abs(error[here] - theirs[here]) / units
    error_gap[np.isnan(error_gap)] = np.inf
    worst = int(np.argmax(np.where(error_gap > LIMIT, error_gap, 0.0)))
    gap = abs(reported.estimate - numbers.estimate) / unit
    return Disagreement(
        results.planned.spec_id(s),
        s + 1,
        reported.estimate,
        numbers.estimate,
        float(error[worst]),
        float(theirs[worst]),
        float(gap) if np.isfinite(gap) else float("inf"),
        float(error_gap[worst]),
        results.planned.vcovs[worst],
        "",
    )


def _cause(reported: Reported, again: Reestimated, worst: Disagreement, program: str) -> str:
    """Say what is likely behind a disagreement; nothing where there is none."""
    if again.why:
        return shorten(again.why, 200, placeholder=" …")
    nobs = reported.nobs
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
    used.append(members.instrument_columns)
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
            instruments=np.where(members.instruments < 0, -1, np.arange(len(members))),
            instrument_sets=tuple(tuple(place(members.instruments_of(s)).tolist()) for s in range(len(members))),
        ),
        work.methods,
        work.method[position],
        place(cohort),
        int(place(np.array([work.time]))[0]),
    )
    return AuditRequest(small, tuple(tuple(place(np.array(lost, np.int64)).tolist()) for lost in dropped))


def start_reference() -> None:
    """Start the reference's process unless there is one; where none can be, the audit runs here."""
    if _started and _started[0].poll() is None:
        return
    # A pickle.py beside the spec is not to be run: neither "" nor what -c would add is on the path.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(safe_path())}
    environment["TZ"] = "UTC"  # one that names a wrong file makes pyfixest's import fail
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    except OSError:
        return
    _started[:] = [process]


@atexit.register
def stop_reference() -> None:
    """Let the reference's process end, whatever it is doing."""
    for process in _started:
        process.kill()
        process.communicate()
    _started.clear()


class NotDoneError(Exception):
    """The reference cannot answer; the words say why. Nothing is known then of the specifications."""


def ask(request: AuditRequest) -> list[Reestimated]:
    """Have every member of a request estimated again by the reference's process, or here where none can be started.

    A process that ends without an answer is replaced once.

    Raises
    ------
    NotDoneError
        pyfixest cannot be imported, or ends the process that imports it.
    """
    ended = ""
    for _ in range(2):
        start_reference()
        if not _started:
            return estimate_all_again(request)
        answer = _answer(_started[0], request)
        if isinstance(answer, list):
            return answer
        if answer is not None:
            raise NotDoneError(answer)
        ended = _how_it_ended()
    raise NotDoneError(f"the process of the reference {ended} without an answer, twice")


def _answer(process: subprocess.Popen[bytes], request: AuditRequest) -> list[Reestimated] | str | None:
    """Return what the process answers: numbers, why it has none, or None where it has ended."""
    stdin, stdout = cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
    try:
        pickle.dump(request, stdin, protocol=5)
        stdin.flush()
        answer = cast("list[Reestimated] | str", pickle.load(stdout))
    except (OSError, EOFError, pickle.UnpicklingError):
        return None
    stop_reference()
    return answer


def _how_it_ended() -> str:
    try:
        code = _started[0].wait(timeout=1)
    except subprocess.TimeoutExpired:
        code = 0
    stop_reference()
    return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"


def estimate_all_again(request: AuditRequest) -> list[Reestimated]:
    """Estimate every member of a request again, in order.

    Raises
    ------
    NotDoneError
        pyfixest cannot be imported.
    """
    with single_threaded(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if failed := _import_reference():
            raise NotDoneError(failed)
        return [estimate_again(request, s) for s in range(len(request.work.members))]


def _import_reference() -> str:
    """Import pyfixest; return why that cannot be, or nothing."""
    try:
        import pyfixest as pf

        pf.feols  # noqa: B018 - the import is lazy; touching the function completes it
    except (Exception, SystemExit) as error:  # whatever a library of this machine does
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return shorten(f"pyfixest cannot be imported: {said}", 300, placeholder=" …")
    return ""


def serve() -> None:
    """Run in the reference's process: import pyfixest, wait for work, answer, end."""
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what pyfixest prints must not stand in the answer
    failed = _import_reference()
    try:
        request = pickle.load(stdin)
    except EOFError:
        return
    pickle.dump(failed or estimate_all_again(request), stdout, protocol=5)
    stdout.flush()
