"""Local-projections difference in differences (Dube, Girardi, Jordà and Taylor 2023), pooled effect.

The regression of pyfixest's lpdid(att=True): the mean outcome over the post window less
the outcome one period before, on entering treatment, with period effects, on the units
entering and the clean controls. Leads and lags are taken on the calendar, where pyfixest
shifts rows, so that a gap in a unit's record gives a missing value.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from specdid.engine import ssc
from specdid.engine.demean import relevel
from specdid.estimators._base import (
    EVERY_RULE,
    Estimate,
    Estimator,
    EstimatorSetting,
    Failure,
    Floats,
    Ints,
    Path,
    Task,
)
from specdid.estimators._influences import path_of
from specdid.estimators._pyfixest import Bools, estimate_with, guarded, model
from specdid.estimators._read import read


@guarded
def _fit(task: Task) -> Estimate | Failure:
    assert task.unit is not None and task.time is not None and task.cohort is not None  # noqa: PT018
    period, cohort = periods(task.time, task.cohort)
    last = int(np.nanmax(period - cohort)) if np.any(period >= cohort) else -1
    window = task.options.get("post_window")
    window = last if window is None else int(window)
    if last < 0:
        return Failure("no_treatment_variation", "no unit is treated in these rows")
    change, entering, clean = projection(task.outcome, task.unit, period, cohort, window)
    if task.options.get("control", "notyet") == "never":
        clean &= np.isnan(cohort)
    rows = ~np.isnan(change) & (entering | clean)
    if not (rows & entering).any():
        reason = f"no unit is seen from the period before its treatment to {window} periods after"
        return Failure("no_treatment_variation", f"{reason}; set post_window to a smaller number")
    if not (rows & clean).any():
        reason = f"no unit to compare with stays untreated for {window} periods"
        return Failure("not_identified", f"{reason}; set post_window to a smaller number")
    found = _regress(task, rows, change, entering, period)
    reads = _within_window(relevel(task.unit), period, rows, window)
    return replace(found, reads=reads, in_force={"post_window": window, "pre_window": None})


def periods(time: Floats, cohort: Floats) -> tuple[Ints, Floats]:
    """Count time and cohort in steps of the panel from its first period."""
    values = np.unique(time)
    step = np.gcd.reduce(np.rint(np.diff(values)).astype(np.int64)) if len(values) > 1 else 1
    start, step = values[0], max(int(step), 1)
    return np.rint((time - start) / step).astype(np.int64), np.ceil((cohort - start) / step)


def projection(
    outcome: Floats, unit: Ints, period: Ints, cohort: Floats, window: int
) -> tuple[Floats, Bools, Bools]:
    """Give each row's change of the outcome, and whether it enters treatment or is a clean control."""
    unit = relevel(unit)
    last = int(period.max())
    table = np.full((int(unit.max()) + 1, last + window + 2), np.nan)
    table[unit, period + 1] = outcome
    ahead = np.mean([table[unit, period + 1 + h] for h in range(window + 1)], axis=0)
    entering = (period == cohort) & (period > 0)
    clean = np.isnan(cohort) | (period + window < cohort)
    return ahead - table[unit, period], entering, clean


def _within_window(unit: Ints, period: Ints, rows: Bools, window: int) -> Bools:
    """Mark the rows whose outcome some of ``rows`` reads, from the period before to the window's end."""
    wanted = np.zeros((int(unit.max()) + 1, int(period.max()) + window + 2), bool)
    for horizon in range(-1, window + 1):
        wanted[unit[rows], period[rows] + 1 + horizon] = True
    return np.asarray(wanted[unit, period + 1])


def _regress(task: Task, rows: Bools, change: Floats, entering: Bools, period: Ints) -> Estimate:
    cut = replace(
        task,
        outcome=change[rows],
        treatment=entering[rows].astype(float),
        controls=np.empty((int(rows.sum()), 0)),
        effects=(relevel(period[rows]),),
        slopes=(),
        weights=None,
        clusters=tuple(tuple(codes[rows] for codes in pair) for pair in task.clusters),
    )
    laid = model(cut, cut.treatment[:, None], scale_outcome=True)
    result = read(estimate_with("feols", laid), laid, cut, np.ones(1))
    used = rows.copy()
    if result.keep is not None:
        used[np.flatnonzero(rows)] = result.keep
    return replace(result, keep=used, r2_within=float("nan"), coefficients=None)


@guarded
def _path(task: Task, relative: Floats, periods_: tuple[int, ...], reference: int) -> Path | Failure:
    """Run one projection per horizon: the change since ``reference``, on entering treatment.

    Horizons before treatment are compared with units that are untreated on entering,
    later ones with units that still are at the horizon. The covariance between horizons
    is that of their influences, with each one's own small-sample factor.
    """
    assert task.unit is not None and task.time is not None and task.cohort is not None  # noqa: PT018
    period, cohort = periods(task.time, task.cohort)
    found, estimate, size = [], [], []
    influences = np.zeros((len(period), len(periods_)))
    factors = np.full((len(task.vcovs), len(periods_)), np.nan)
    used = np.zeros(len(period), bool)
    for k, horizon in enumerate(periods_):
        change = _change(task.outcome, task.unit, period, horizon, reference)
        clean = np.isnan(cohort) | (period + max(horizon, 0) < cohort)
        if task.options.get("control", "notyet") == "never":
            clean &= np.isnan(cohort)
        entering = (period == cohort) & ~np.isnan(change)
        rows = ~np.isnan(change) & (entering | clean)
        fitted = _within_periods(change, entering, rows, period)
        if fitted is None:
            continue
        found.append(k)
        estimate.append(fitted[0])
        influences[:, k] = fitted[1]
        factors[:, k] = [_factor(task, v, rows, period) for v in range(len(task.vcovs))]
        used |= rows
        size.append(int(entering.sum()))
    if not found:
        return Failure("no_treatment_variation", "at no horizon is an entering unit seen beside a clean control")
    at = np.array(found)
    names = tuple(periods_[k] for k in found)
    kept = influences[:, at]
    return path_of(task, names, np.array(estimate), kept, used, np.array(size), np.sqrt(factors[:, at]))


def _change(outcome: Floats, unit: Ints, period: Ints, horizon: int, base: int) -> Floats:
    """Give each row's outcome ``horizon`` periods on less that ``base`` periods on."""
    unit, low, high = relevel(unit), min(horizon, base, 0), max(horizon, base, 0)
    table = np.full((int(unit.max()) + 1, int(period.max()) + high - low + 1), np.nan)
    table[unit, period - low] = outcome
    return np.asarray(table[unit, period + horizon - low] - table[unit, period + base - low])


def _within_periods(
    change: Floats, entering: Bools, rows: Bools, period: Ints
) -> tuple[float, Floats] | None:
    """Regress on entering with period effects; None where nothing is left of entering."""
    at = np.flatnonzero(rows)
    if not len(at):
        return None
    level = relevel(period[at])
    count = np.bincount(level)
    x, y = (v - (np.bincount(level, v) / count)[level] for v in (entering[at].astype(float), change[at]))
    square = float(x @ x)
    if square < 1e-10:
        return None
    slope = float(x @ y) / square
    influence = np.zeros(len(rows))
    influence[at] = x * (y - slope * x) / square
    return slope, influence


def _factor(task: Task, v: int, rows: Bools, period: Ints) -> float:
    """Give the small-sample factor that a regression of one horizon has by itself."""
    level, clusters = relevel(period[rows]), tuple(relevel(c[rows]) for c in task.clusters[v])
    kind, groups = task.vcovs[v], min((len(np.unique(c)) for c in clusters), default=-1)
    nested = [ssc.is_nested(level, clusters)] if kind == "cluster" else None
    df_k = 1 + int(ssc.absorbed_parameters([int(level.max()) + 1], nested))
    return float(ssc.variance_factor(kind, int(rows.sum()), df_k, groups))


ESTIMATOR = Estimator(
    name="lpdid",
    title="LP-DiD",
    estimand="average effect on the treated (local projections, pooled)",
    settings=(
        EstimatorSetting("pre_window", int, None, doc="periods before; the pooled effect uses none"),
        EstimatorSetting("post_window", int, None, doc="periods after to average; by default all"),
        EstimatorSetting("control", str, "notyet", ("never", "notyet"), "the comparison group"),
    ),
    honours=frozenset({"outcome", "treatment", "sample"}),
    effects="unit + time",
    cohort=True,
    binary=True,
    batched=False,
    vcovs=frozenset({"iid", "hetero", "cluster", "twoway"}),
    fit=_fit,
    slopes=False,
    doc="Takes no controls, weights or other fixed effects.",
    path=_path,
    alone="changes of the outcome are regressed on entering treatment, with period effects and no controls",
    ssc=EVERY_RULE,
)
