"""Stacked difference in differences: a data set for each cohort, one upon the other, and one regression.

A cohort a is put beside its clean controls, untreated until a + post_window (or never treated), in the periods
a − pre_window to a + post_window. In the stacked rows the outcome is regressed on treated × period since treatment,
with unit × stack and period × stack effects and controls; the estimate is the mean of the coefficients from 0 on,
all changes since the period before treatment (Cengiz and others 2019). Within a stack these are differences in
differences. ``weighting = "corrected"`` weights the controls of stack a by (N_a^D / N^D) / (N_a^C / N^C), so that
stacks count by their treated units (Wing, Freedman and Hollingsworth 2024, equation 8); "none" leaves to least
squares how they count. A cohort whose window is not in the data, or that nobody is a clean control of, is left out;
so are units that lack a period of the window.

Rows that stand in several stacks are one row: standard errors are clustered over all copies, with the corrections
of the regression on the stacked rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._diagnostics import many
from specdid._format import NumberValue, Word
from specdid._plugins import Own
from specdid._programs import python
from specdid._programs.script import Levels, Script
from specdid._programs.templates import template
from specdid._records import Caution
from specdid.engine.demean import Absorber, demean, relevel
from specdid.estimators._base import (
    EVERY_RULE,
    Estimate,
    Estimator,
    EstimatorSetting,
    Failure,
    Path,
    Program,
    Task,
    where_zero,
)
from specdid.estimators._cohorts import (
    POST_WINDOW,
    compared_with,
    control,
    one_unit_cohorts,
    refuse_apart,
    window_averaged,
)
from specdid.estimators._influences import by_units, counted, errors_of, path_of, without_rounding
from specdid.estimators._pyfixest import Refusal, guarded, refusal, standardised

if TYPE_CHECKING:
    from specdid._plan.estimands import Treated


COLLINEAR = 1e-7
NOWHERE = "no stack has this period"


@dataclass(frozen=True, slots=True)
class _Clock:
    """Periods and cohorts from the first period of these rows; NaN: never treated in them."""

    period: Ints
    cohort: Floats
    last: int


def _clock(task: Task) -> _Clock:
    assert task.time is not None and task.cohort is not None  # noqa: PT018 - the plan sees to it
    refuse_apart(task.time, task.calendar)
    start = task.time.min()
    period = np.rint(task.time - start).astype(np.int64)
    cohort = np.ceil(task.cohort - start)
    return _Clock(period, np.where(cohort > period.max(), np.nan, cohort), int(period.max()))


@dataclass(frozen=True, slots=True)
class _Stacks:
    """Rows of the task, by stack.

    Attributes
    ----------
    rows : (n,) int64, places in the task; the same row may stand in several stacks
    stack : (n,) int64 from 0
    since : (n,) int64, periods since the stack's cohort is treated
    treated : (n,) bool, rows of the cohort
    cohorts : that have a stack; ``missing`` adopt and have none
    """

    rows: Ints
    stack: Ints
    since: Ints
    treated: Bools
    cohorts: tuple[int, ...]
    missing: int


def _stacks(task: Task, clock: _Clock, before: int, after: int) -> _Stacks:
    assert task.unit is not None
    never_only = task.options.get("control", "notyet") == "never"
    parts, missing = [], 0
    cohorts: list[int] = []
    for a in np.unique(clock.cohort[clock.cohort > 0]).astype(int).tolist():
        inside = (clock.period >= a - before) & (clock.period <= a + after)
        treated = clock.cohort == a
        clean = np.isnan(clock.cohort)
        if not never_only:
            clean |= clock.cohort > a + after
        inside &= treated | clean
        seen = np.bincount(task.unit[inside], minlength=int(task.unit.max()) + 1)
        inside &= (seen == before + after + 1)[task.unit]
        if not (inside & treated).any() or not (inside & clean).any():
            missing += 1
            continue
        rows = np.flatnonzero(inside)
        parts.append((rows, np.full(len(rows), len(cohorts)), clock.period[rows] - a, treated[rows]))
        cohorts.append(a)
    if not parts:
        return _Stacks(*(np.zeros(0, np.int64),) * 3, np.zeros(0, bool), (), missing)
    rows, stack, since, treated = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _Stacks(rows, stack, since, treated, tuple(cohorts), missing)


def _longest(task: Task, clock: _Clock, before: int) -> int:
    """Return the longest window that leaves out no cohort which has a stack in the period it is treated."""
    every = _stacks(task, clock, before, 0).cohorts
    window = 0
    while window < clock.last and every == _stacks(task, clock, before, window + 1).cohorts:
        window += 1
    return window


def _begin(task: Task) -> tuple[_Stacks, int, int]:
    """Stack a task.

    Raises
    ------
    Refusal
        No cohort has a stack, or periods are several apart.
    """
    clock, before = _clock(task), int(str(task.options.get("pre_window") or 1))
    written = task.options.get("post_window")
    after = _longest(task, clock, before) if written is None else int(str(written))
    found = _stacks(task, clock, before, after)
    if found.cohorts:
        return found, before, after
    if not found.missing:
        raise Refusal("no_treatment_variation", "no unit enters treatment in these rows")
    raise Refusal(
        "not_identified",
        f"no cohort is seen from {many(before, 'period')} before its treatment to {after} after, beside units that "
        "stay untreated; take a shorter post_window",
    )


@dataclass(frozen=True, slots=True)
class _Regression:
    """Coefficients of treated × period, and each task row's influence on them."""

    periods: tuple[int, ...]
    estimate: Floats
    influence: Floats
    roots: Floats
    dropped: tuple[int, ...]
    used: Bools


def _weights(task: Task, stacks: _Stacks) -> Floats:
    """Weight rows by the task's weights, and controls so that stacks count by their treated units."""
    own = np.ones(len(task.outcome)) if task.weights is None else task.weights / task.weights.mean()
    weights = own[stacks.rows]
    if task.options.get("weighting", "corrected") == "none":
        return weights
    at = stacks.since == -1
    count = len(stacks.cohorts)
    sides = (at & stacks.treated, at & ~stacks.treated)
    into, beside = (np.bincount(stacks.stack[who], weights[who], count) for who in sides)
    factor = into / into.sum() * beside.sum() / beside
    return np.asarray(weights * np.where(stacks.treated, 1.0, factor[stacks.stack]))


def _regress(task: Task, stacks: _Stacks, periods: tuple[int, ...]) -> _Regression:
    assert task.unit is not None
    weights = _weights(task, stacks)
    size = int(task.unit.max()) + 1
    width = int(np.ptp(stacks.since)) + 1
    own = (stacks.stack * size + task.unit[stacks.rows], stacks.stack * width + stacks.since - stacks.since.min())
    effects = tuple(relevel(codes) for codes in own)
    levels = np.array([int(e.max()) + 1 for e in effects], np.int64)
    scaled = (standardised(c[stacks.rows])[0] for c in task.controls.T)
    controls = np.column_stack([np.zeros((len(weights), 0)), *scaled])
    dummies = stacks.treated[:, None] & (stacks.since[:, None] == np.array(periods))
    outcome, unit = standardised(task.outcome[stacks.rows])
    columns = np.asfortranarray(np.column_stack([controls, 1.0 * dummies, outcome]))
    length = np.linalg.norm(np.sqrt(weights)[:, None] * columns, axis=0)
    if not demean(columns, Absorber(effects, levels, (), np.zeros(0, np.int64), weights)):
        raise Refusal("not_converged", "demeaning by the fixed effects did not converge")
    net = np.sqrt(weights)[:, None] * columns
    basis: Floats = np.zeros((len(net), 0))
    dropped: list[int] = []
    kept: list[int] = []
    for j in range(net.shape[1] - 1):
        rest = net[:, j] - basis @ (basis.T @ net[:, j])
        rest = rest - basis @ (basis.T @ rest)
        norm = float(np.linalg.norm(rest))
        if norm > COLLINEAR * length[j]:
            basis, kept = np.column_stack([basis, rest / norm]), [*kept, j]
        elif j < controls.shape[1]:
            dropped.append(j)
        else:
            raise Refusal("not_identified", "the treatment is, within stacks, a combination of the controls")
    x, y = net[:, kept], net[:, -1]
    inverse = np.linalg.inv(x.T @ x)
    beta = inverse @ (x.T @ y)
    left = y - x @ beta
    first = len(kept) - len(periods)
    stacked = (x @ inverse)[:, first:] * left[:, None] * unit
    influence = np.column_stack([np.bincount(stacks.rows, c, len(task.outcome)) for c in stacked.T]).astype(np.float64)
    roots, _ = counted(task, stacks.rows, effects, len(kept))
    used = np.zeros(len(task.outcome), bool)
    used[stacks.rows] = True
    influence = without_rounding(influence, task.outcome)
    return _Regression(periods, beta[first:] * unit, influence, roots, tuple(dropped), used)


@guarded
def _fit(task: Task) -> Estimate | Failure:
    stacks, before, after = _begin(task)
    periods = tuple(k for k in range(-before, after + 1) if k != -1)
    found = _regress(task, stacks, periods)
    share = np.array([1.0 / (after + 1) if k >= 0 else 0.0 for k in periods])
    average = without_rounding((found.influence @ share)[:, None], task.outcome)
    errors = by_units(task, errors_of(task, average, found.used, found.roots[:, None]), "t")
    assert task.unit is not None
    into, beside = (np.unique(task.unit[stacks.rows[who]]) for who in (stacks.treated, ~stacks.treated))
    adopts = np.unique(task.unit[np.isfinite(_clock(task).cohort)])
    return Estimate(
        estimate=float(found.estimate @ share),
        std_error=errors.std_error,
        df=errors.df,
        n_clusters=errors.n_clusters,
        nobs=int(found.used.sum()),
        dropped=found.dropped,
        keep=found.used,
        reads=found.used,
        in_force={"pre_window": before, "post_window": after},
        vcov_notes=errors.notes,
        extra={
            "post_window": float(after),
            "n_cohorts": float(len(stacks.cohorts)),
            "n_cohorts_left_out": float(stacks.missing),
            "n_one_unit_cohorts": float(_single(task, stacks)),
            "n_stacked_rows": float(len(stacks.rows)),
            "n_treated_left_out": float(len(np.setdiff1d(adopts, into))),
        },
        units=(len(np.union1d(into, beside)), len(into), len(np.setdiff1d(beside, into)), 0),
    )


def _single(task: Task, stacks: _Stacks) -> int:
    """Count the stacks whose cohort is one unit."""
    assert task.unit is not None
    at = stacks.treated & (stacks.since == -1)
    return int((np.bincount(stacks.stack[at]) == 1).sum())


@guarded
def _path(task: Task, relative: Floats, periods: tuple[int, ...], reference: int) -> Path | Failure:
    """Return the coefficients of one regression, on stacks as wide as the periods asked for."""
    if reference != -1:
        return Failure("not_identified", "effects of stackedev are changes since period -1; write reference = -1")
    before, after = max([1, *(-k for k in periods)]), max([0, *periods])
    clock = _clock(task)
    stacks = _stacks(task, clock, before, after)
    if not stacks.cohorts:
        return Failure(
            "not_identified",
            f"no cohort is seen from {many(before, 'period')} before its treatment to {after} after, beside units "
            "that stay untreated; take a shorter window",
        )
    found = _regress(task, stacks, tuple(k for k in range(-before, after + 1) if k != -1))
    at = [found.periods.index(k) for k in periods]
    size = np.array([int((stacks.treated & (stacks.since == k)).sum()) for k in periods])
    path = path_of(
        task,
        periods,
        found.estimate[at],
        found.influence[:, at],
        found.used,
        size,
        np.repeat(found.roots[:, None], len(at), axis=1),
        "t",
    )
    left = f"; {many(stacks.missing, 'cohort', 'are')} not seen in all of it" if stacks.missing else ""
    return replace(
        path,
        binned=False,
        from_reference=True,
        note=f"stackedev has the cohorts and units that are seen in the whole window{left}",
    )


def _words(treated: Treated, options: Mapping[str, object]) -> str:
    """Say which average it is, and of which periods."""
    window = options.get("post_window")
    span = "the periods that all compared cohorts reach" if window is None else f"periods 0 to {window}"
    span = "the period of adoption" if window == 0 else span
    corrected = options.get("weighting", "corrected") == "corrected"
    effect = "average effect on the treated" if corrected else "variance-weighted effect on the treated"
    return f"{effect} over {span}{where_zero(treated)} (stacked)"


def _cautions(found: Mapping[str, Floats]) -> Iterable[Caution]:
    return list(_said(found))


def _said(found: Mapping[str, Floats]) -> Iterator[Caution]:
    window, lost, units = (found[n] for n in ("post_window", "n_cohorts_left_out", "n_treated_left_out"))
    why = "which its stack fits perfectly: the standard errors hold nothing of its variation and are too small"
    yield from one_unit_cohorts("stackedev", found, why)
    yield window_averaged("stackedev", window)
    if (some := (lost > 0) | (units > 0)).any():
        worst = int(np.argmax(lost + units / 1e9))
        every = int(lost[worst] + found["n_cohorts"][worst])
        parts = [f"{int(lost[worst])} of {every} cohorts that adopt"] * bool(lost[worst])
        parts += [many(int(units[worst]), "treated unit")] * bool(units[worst])
        yield Caution(
            "serious",
            "cohorts_left_out",
            f"stackedev leaves out {' and '.join(parts)}: not seen in all of the window beside units that stay "
            "untreated (columns n_cohorts_left_out, n_treated_left_out)",
            specifications=int(some.sum()),
        )


_EFFECTS = (Levels("_unit", ("_unit",)), Levels("_when", ("_when",)))


def _offered(script: Script) -> Script:
    """Leave the errors that the estimator offers, whose cluster may still part a unit's rows."""
    return replace(script, errors=script.one_way, fixed=_EFFECTS)


ESTIMATOR = Estimator(
    name="stackedev",
    title="Stacked event study",
    estimand="average effect on the treated over the periods that all compared cohorts reach (stacked)",
    settings=(
        EstimatorSetting(
            "pre_window",
            NumberValue("1 or more", whole=True, least=1),
            "Periods before adoption that a stack has; an [event_study] has its own.",
            "3",
            1,
        ),
        POST_WINDOW,
        control("notyet", "those not treated within the window too"),
        EstimatorSetting(
            "weighting",
            Word(("corrected", "none")),
            "Whether stacks count by their treated units, or as least squares weights them.",
            '"none"',
            "corrected",
        ),
    ),
    honours=frozenset({"outcome", "treatment", "controls", "sample", "weights"}),
    effects="unit + time",
    cohort=True,
    binary=True,
    absorbing=True,
    batched=False,
    vcovs=frozenset({"cluster"}),
    fit=_fit,
    slopes=False,
    doc="A stack for each cohort, with unit and period effects of its own. Clusters must hold units whole. "
    "Takes no other fixed effects.",
    path=_path,
    alone=lambda options: "stacks of cohorts and clean controls are regressed on treated × period since treatment",
    beside=compared_with("notyet"),
    words=_words,
    ssc=EVERY_RULE,
    cautions=_cautions,
    refuses=refusal(_begin),
    columns=frozenset(
        {
            "n_cohorts",
            "n_cohorts_left_out",
            "n_one_unit_cohorts",
            "n_stacked_rows",
            "n_treated_left_out",
            "post_window",
        }
    ),
    programs={
        "python": Program(template("stackedev.py", offered_in=_offered), python.PYFIXEST),
        "r": Program(template("stackedev.R", offered_in=_offered), ("fixest",)),
        "stata": Program(template("stackedev.do", offered_in=_offered), ("reghdfe",)),
    },
)

OWN = Own(
    zh_kept={
        "effects of stackedev are changes since period -1; write reference = -1": (
            "stackedev 的效应为自第 -1 期以来的变化；请写 reference = -1"
        ),
        "the treatment is, within stacks, a combination of the controls": "在各堆叠之内，处理变量是控制变量的线性组合",
        "{n} ‹cohort is|cohorts are› not seen in all of it": "{n} 个批次未在整个窗口内被观察到",
        "stackedev leaves out {n} of {m} cohorts that adopt and {units}: not seen in all of the window "
        "beside units that stay untreated (columns n_cohorts_left_out, n_treated_left_out)": (
            "stackedev 略去 {m} 个采纳批次中的 {n} 个和 {units}：它们未在整个窗口内与一直未受处理"
            "的个体同时出现（n_cohorts_left_out 与 n_treated_left_out 列）"
        ),
        "stackedev leaves out {n} of {m} cohorts that adopt: not seen in all of the window "
        "beside units that stay untreated (columns n_cohorts_left_out, n_treated_left_out)": (
            "stackedev 略去 {m} 个采纳批次中的 {n} 个：它们未在整个窗口内与一直未受处理"
            "的个体同时出现（n_cohorts_left_out 与 n_treated_left_out 列）"
        ),
        "stackedev leaves out {n} treated ‹unit|units›: not seen in all of the window "
        "beside units that stay untreated (columns n_cohorts_left_out, n_treated_left_out)": (
            "stackedev 略去 {n} 个受处理个体：它们未在整个窗口内与一直未受处理"
            "的个体同时出现（n_cohorts_left_out 与 n_treated_left_out 列）"
        ),
        "stackedev has the cohorts and units that are seen in the whole window": (
            "stackedev 只含在整个窗口内均被观察到的批次与个体"
        ),
    },
    meanings={"columns": {"n_stacked_rows": "rows of all stacks, a row counted in each that it is in"}},
)
