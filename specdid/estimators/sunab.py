"""Sun and Abraham's (2021) interaction-weighted estimator, averaged to one ATT as fixest's sunab does."""

from __future__ import annotations

import numpy as np

from specdid.engine.demean import Absorber, relevel
from specdid.engine.gram import make_basis
from specdid.engine.problem import Sunab
from specdid.engine.sunab import NEVER_BEFORE, NO_NEVER, ONE_COHORT, make_cells, open_cells, why_open
from specdid.estimators._base import (
    EVERY_RULE,
    Estimate,
    Estimator,
    EstimatorSetting,
    Failure,
    Floats,
    Task,
    where_zero,
)
from specdid.estimators._pyfixest import Bools, Refusal, estimate_with, guarded, model
from specdid.estimators._read import read


@guarded
def _fit(task: Task) -> Estimate | Failure:
    assert task.time is not None and task.cohort is not None  # noqa: PT018 - the plan sees to it
    control = str(task.options.get("control", "never"))
    reference = tuple(np.atleast_1d(task.options.get("reference", -1)).tolist())
    keep, cohort = comparison(task.time, task.cohort, control)
    columns, relative = cells(task.time, np.where(keep, cohort, np.nan), control, reference)
    weights = np.ones(len(keep)) if task.weights is None else task.weights
    shares = np.where(relative >= 0, columns.T @ (weights * keep), 0.0)
    _refuse_unidentified(task, keep, Sunab(0, 0, reference, "notyet" if control == "notyet" else "never"))
    laid = model(task, columns, keep, scale_outcome=True)
    return read(estimate_with("feols", laid), laid, task, shares)


def _refuse_unidentified(task: Task, keep: Bools, aggregate: Sunab) -> None:
    """Raise where the effects leave the average open: pyfixest drops cells, and would give one of many numbers."""
    assert task.time is not None and task.cohort is not None  # noqa: PT018 - the plan sees to it
    time, cohort = task.time[keep], task.cohort[keep]
    weights = None if task.weights is None else task.weights[keep]
    codes = tuple(relevel(c[keep]) for c in task.effects)
    slopes = tuple((relevel(c[keep]), values[keep]) for c, values in task.slopes)
    if not codes and not slopes:
        codes = (np.zeros(len(time), np.int64),)
    sizes = [np.array([int(c.max()) + 1 for c in part], np.int64) for part in (codes, [c for c, _ in slopes])]
    cells_ = make_cells(time, cohort, weights, aggregate)
    absorber = Absorber(codes, sizes[0], slopes, sizes[1], weights)
    lost = open_cells(cells_, absorber)
    if lost.any():
        after = cells_.dummies[:, cells_.share > 0].sum(axis=1, keepdims=True)
        if make_basis(np.asfortranarray(after), absorber).absorbed[0]:
            raise Refusal("absorbed", "the fixed effects absorb the treatment")
        effects = " + ".join([*task.effect_labels, *(["slopes"] if slopes else [])])
        raise Refusal("not_identified", why_open(cells_, lost, time, cohort, aggregate, effects, bool(slopes)))


def comparison(time: Floats, cohort: Floats, control: str) -> tuple[Bools, Floats]:
    """Give the rows to use and the cohorts (NaN: the comparison group) among them.

    Always-treated cohorts are left out, as in fixest. Without never-treated units
    ``control = "notyet"`` compares with the last cohort before its treatment.
    """
    last = time.max()
    cohort = np.where(cohort > last, np.nan, cohort)
    first = {g: time[cohort == g].min() for g in np.unique(cohort[~np.isnan(cohort)])}
    keep = np.ones(len(time), bool)
    for g, start in first.items():
        if start >= g:
            keep &= cohort != g
    treated = np.unique(cohort[keep & ~np.isnan(cohort)])
    if len(treated) == 0:
        raise Refusal("no_treatment_variation", NEVER_BEFORE)
    if not np.isnan(cohort[keep]).any():
        if control == "never":
            raise Refusal("not_identified", ONE_COHORT if len(treated) == 1 else NO_NEVER)
        keep &= time < treated[-1]
        cohort = np.where(cohort == treated[-1], np.nan, cohort)
        if len(treated) == 1:
            raise Refusal("not_identified", ONE_COHORT)
    return keep, cohort


def cells(time: Floats, cohort: Floats, control: str, reference: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Give the cohort × relative-period dummies (n, m) and their relative periods (m,).

    ``control = "notyet"`` has no dummies before treatment: the rows of units not yet
    treated then belong to the comparison group.
    """
    relative = time - cohort
    known = ~np.isnan(relative)
    pairs = np.unique(np.column_stack([cohort[known], relative[known]]), axis=0)
    wanted = pairs[:, 1] >= 0 if control == "notyet" else ~np.isin(pairs[:, 1], reference)
    pairs = pairs[wanted]
    columns = (cohort[:, None] == pairs[:, 0]) & (relative[:, None] == pairs[:, 1])
    return columns.astype(float), pairs[:, 1]


_WORDS = "average effect on the treated (cohort shares)"

ESTIMATOR = Estimator(
    name="sunab",
    title="Sun–Abraham",
    estimand=_WORDS,
    settings=(
        EstimatorSetting("reference", int, -1, doc="the relative period left out, or several", several=True),
        EstimatorSetting("control", str, "never", ("never", "notyet"), "the comparison group"),
    ),
    honours=frozenset({"outcome", "treatment", "controls", "fixed_effects", "sample", "weights"}),
    effects="any",
    cohort=True,
    binary=True,
    batched=True,
    vcovs=frozenset({"iid", "hetero", "cluster", "twoway"}),
    fit=_fit,
    words=lambda treated, options: f"{_WORDS}{where_zero(treated)}",
    doc="Least squares on cohort × period dummies; the engine estimates it in batches.",
    ssc=EVERY_RULE,
)
