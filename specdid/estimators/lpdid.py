"""Local-projections difference in differences (Dube, Girardi, Jordà and Taylor 2023), pooled effect.

The regression of pyfixest's lpdid(att=True): the mean outcome over the post window less
the outcome one period before, on entering treatment, with period effects, on the units
entering and the clean controls. Leads and lags are taken on the calendar, where pyfixest
shifts rows, so that a gap in a unit's record gives a missing value.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from specdid.estimators._base import Estimate, Estimator, EstimatorSetting, Failure, Floats, Ints, Task
from specdid.estimators._pyfixest import Bools, estimate_with, guarded, model, read, relevelled


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
    return _regress(task, rows, change, entering, period)


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
    unit = relevelled(unit)
    last = int(period.max())
    table = np.full((int(unit.max()) + 1, last + window + 2), np.nan)
    table[unit, period + 1] = outcome
    ahead = np.mean([table[unit, period + 1 + h] for h in range(window + 1)], axis=0)
    entering = (period == cohort) & (period > 0)
    clean = np.isnan(cohort) | (period + window < cohort)
    return ahead - table[unit, period], entering, clean


def _regress(task: Task, rows: Bools, change: Floats, entering: Bools, period: Ints) -> Estimate:
    cut = replace(
        task,
        outcome=change[rows],
        treatment=entering[rows].astype(float),
        controls=np.empty((int(rows.sum()), 0)),
        effects=(relevelled(period[rows]),),
        slopes=(),
        weights=None,
        clusters=tuple(tuple(codes[rows] for codes in pair) for pair in task.clusters),
    )
    laid = model(cut, cut.treatment[:, None], scale_outcome=True)
    result = read(estimate_with("feols", laid), laid, cut, np.ones(1))
    used = rows.copy()
    if result.keep is not None:
        used[np.flatnonzero(rows)] = result.keep
    return replace(result, keep=used, r2_within=float("nan"))


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
)
