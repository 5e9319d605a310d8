"""Group-time average effects, each unit's influence on them, and their aggregates.

ATT(g, t) compares the change since a base period of the units first treated in g with that of a
comparison group (Callaway and Sant'Anna 2021), without controls as a difference in means and with
them by outcome regression, inverse probability weighting, or both (Sant'Anna and Zhao 2020,
section 3.1: panel data; controls and weights are those of the earlier of the two periods, the
propensity score is a logit and the outcome model linear, as in the R packages did and DRDID).
The influences are the estimators' derivatives with respect to the units' weights: summed by
cluster and squared they are the variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid.engine.demean import Absorber, relevel
from specdid.engine.qr_basis import collinear_share, independent, make_basis, triangle
from specdid.estimators._base import Task
from specdid.estimators._pyfixest import Refusal, standardised
from specdid.panel.times import Calendar

Way = Literal["reg", "ipw", "dr"]
OVERLAP = 0.999
"""Fitted probability of treatment from which there is nobody to compare with, as in R's did; DRDID's for controls is
the smaller .995."""
OVERLAP_OF_CONTROLS = 0.995
STEPS = 50


@dataclass(frozen=True, slots=True)
class UnitsByPeriod:
    """A task as units by periods.

    Attributes
    ----------
    outcome, weight : (U, T), NaN where there is no row
    controls : (U, T, k), NaN where not seen, in SDs; without combinations of the periods and of those before them
    labels, places, spread : of each of the k, its term, its place among the task's controls and its SD
    start : (U,) first treated period, which may have no rows; infinite: never
    cohort : (U,) int64, place of the first period from then on; T: not treated in these periods
    share : (U,) weight of a unit in the size of its cohort: that of its first row
    times : (T,)
    row : (U, T) int64, row of the task, -1 where there is none
    first : (U,) int64, a row of the task for each unit
    always : units left out because they are treated in all periods, or were before the first base period
    lost : units left out because they lack a period, where every period is asked for
    """

    outcome: Floats
    weight: Floats
    controls: Floats
    labels: tuple[str, ...]
    places: Ints
    spread: Floats
    start: Floats
    cohort: Ints
    share: Floats
    times: Floats
    row: Ints
    first: Ints
    always: int
    lost: int
    calendar: Calendar | None = None

    def name(self, place: int) -> str:
        """Write a period as the data do."""
        period = float(self.times[place])
        return f"{period:g}" if self.calendar is None else self.calendar.period_name(period)

    @property
    def periods(self) -> int:
        """Return how many there are."""
        return len(self.times)

    @property
    def cohorts(self) -> list[int]:
        """Return the places of the first treated periods."""
        return [int(g) for g in np.unique(self.cohort) if g < self.periods]

    @property
    def seen(self) -> Bools:
        """Mark the outcomes that are known."""
        return ~np.isnan(self.outcome)


def lay_out(task: Task, anticipation: int, unbalanced: str) -> UnitsByPeriod:
    """Lay a task out by unit and period."""
    assert task.unit is not None and task.time is not None and task.cohort is not None  # noqa: PT018
    unit = relevel(task.unit)
    times, at = np.unique(task.time, return_inverse=True)
    size, width = int(unit.max()) + 1, len(times)
    outcome, weight = np.full((size, width), np.nan), np.full((size, width), np.nan)
    outcome[unit, at] = task.outcome
    weight[unit, at] = 1.0 if task.weights is None else task.weights / task.weights.mean()
    places = np.flatnonzero(_told_apart(task, at))
    controls, spread = np.full((size, width, len(places)), np.nan), np.ones(len(places))
    for k, j in enumerate(places):
        controls[unit, at, k], spread[k] = standardised(task.controls[:, j])
    row = np.full((size, width), -1, np.int64)
    row[unit, at] = np.arange(len(unit))
    first = np.array([r[r >= 0][0] for r in row])
    starts = np.where(np.isnan(task.cohort[first]), np.inf, task.cohort[first])
    cohort = np.searchsorted(times, starts)
    share = weight.ravel()[np.arange(size) * width + (row >= 0).argmax(axis=1)]
    always = cohort <= anticipation
    whole = (row >= 0).all(axis=1) if unbalanced == "drop" else np.ones(size, bool)
    keep = ~always & whole
    return UnitsByPeriod(
        outcome[keep],
        weight[keep],
        controls[keep],
        tuple(task.control_labels[j] for j in places),
        places,
        spread,
        starts[keep],
        cohort[keep],
        share[keep],
        times,
        row[keep],
        first[keep],
        int((always & whole).sum()),
        int((~whole).sum()),
        task.calendar,
    )


def _told_apart(task: Task, period: Ints) -> Bools:
    """Tell which controls are no combination of the periods and of those before them, by the rule of least squares.

    Of such a combination every comparison has nothing left: each takes its controls from one period.
    """
    count = task.controls.shape[1]
    if not count:
        return np.ones(0, bool)
    codes = relevel(period)
    levels, nothing = np.array([int(codes.max()) + 1], np.int64), np.zeros(0, np.int64)
    absorber = Absorber((codes,), levels, (), nothing, task.weights)
    basis = make_basis(np.array(task.controls, order="F"), absorber, factors=triangle)
    return independent(basis, np.arange(count))[0]


@dataclass(frozen=True, slots=True)
class CohortEffect:
    """ATT(g, t).

    Attributes
    ----------
    cohort, period, base : places
    influence : (U,) of each unit on ``effect``
    treated, control : (U,) bool, the units compared
    entered : (k,) bool, the controls that are no combination of those before them among the units compared with
    """

    cohort: int
    period: int
    base: int
    effect: float
    influence: Floats
    treated: Bools
    control: Bools
    entered: Bools


def compare(
    panel: UnitsByPeriod, cohort: int, period: int, base: int, *, never: bool, anticipation: int, way: Way, rows: bool
) -> CohortEffect | None:
    """Estimate ATT(g, t); None where no unit of the cohort, or none to compare it with, is seen in both periods.

    ``rows``: each period's mean is over the units seen in it, in one of the two or in both.
    """
    early = min(period, base)
    into, beside = panel.cohort == cohort, panel.cohort == panel.periods
    if not never:
        beside |= (panel.cohort > max(period, base) + anticipation) & ~into
    if rows:
        return _repeated(panel, cohort, period, base, into, beside)
    seen = panel.seen[:, period] & panel.seen[:, base]
    into, beside = into & seen, beside & seen
    if not into.any() or not beside.any():
        return None
    both = np.flatnonzero(into | beside)
    change = panel.outcome[both, period] - panel.outcome[both, base]
    where = f"cohort {panel.name(cohort)} in {panel.name(period)}"
    design, entered = _design(panel.controls[both, early], into[both], panel, where)
    influence = np.zeros(len(into))
    effect, influence[both] = contrast(change, into[both], design, panel.weight[both, early], way, where)
    return CohortEffect(cohort, period, base, effect, influence, into, beside, entered)


def _repeated(
    panel: UnitsByPeriod, cohort: int, period: int, base: int, into: Bools, beside: Bools
) -> CohortEffect | None:
    """Compare four means, as R's did with allow_unbalanced_panel = TRUE."""
    effect, influence, seen = 0.0, np.zeros(len(into)), np.zeros(len(into), bool)
    for group, side in ((into, 1.0), (beside, -1.0)):
        for at, sign in ((period, side), (base, -side)):
            here = group & panel.seen[:, at]
            if not here.any():
                return None
            w, y = panel.weight[here, at], panel.outcome[here, at]
            mean = float(w @ y / w.sum())
            effect += sign * mean
            influence[here] += sign * w * (y - mean) / w.sum()
            seen |= here
    return CohortEffect(cohort, period, base, effect, influence, into & seen, beside & seen, np.zeros(0, bool))


def _design(controls: Floats, into: Bools, panel: UnitsByPeriod, where: str) -> tuple[Floats, Bools]:
    """Return a constant and the controls, without combinations of those before them, and which controls these are.

    Raises
    ------
    Refusal
        A control is a combination of others among the comparison group but not among the treated.
    """
    basis, columns = np.zeros((int((~into).sum()), 0)), [np.ones(len(into))]
    least = np.sqrt(collinear_share(len(basis), np.append(1.0, panel.spread)))
    entered = np.zeros(controls.shape[1], bool)
    for j, column in enumerate([columns[0], *controls.T]):
        rest = column[~into]
        for _ in range(2):
            rest = rest - basis @ (basis.T @ rest)
        size = float(np.linalg.norm(rest))
        if size > least[j] * float(np.linalg.norm(column)):
            basis = np.column_stack([basis, rest / size])
            if j:
                columns.append(column)
                entered[j - 1] = True
            continue
        tie = np.linalg.lstsq(np.column_stack(columns)[~into], column[~into], rcond=None)[0]
        apart = column - np.column_stack(columns) @ tie
        if np.linalg.norm(apart[into]) > 10 * least[j] * np.linalg.norm(column):
            said = (
                f"`{panel.labels[j - 1]}` is, among the units that {where} is compared with, a combination of the "
                "other controls, but not among the treated: their counterfactual is not identified"
            )
            raise Refusal("not_identified", said)
    return np.column_stack(columns), entered


def contrast(change: Floats, into: Bools, design: Floats, weight: Floats, way: Way, where: str) -> tuple[float, Floats]:
    """Return the effect on the treated, and each unit's influence on it: weights are divided by nothing."""
    treated, size = into.astype(np.float64), float(weight @ into)
    beside = weight * (1 - treated)
    fitted: Floats = np.zeros(len(change))
    of_fit: Floats = np.zeros((len(change), design.shape[1]))
    if way in ("reg", "dr") or design.shape[1] == 1:
        moments = design.T @ (beside[:, None] * design)
        beta = np.linalg.solve(moments, design.T @ (beside * change))
        fitted = np.asarray(design @ beta, dtype=np.float64)
        moved = design * (beside * (change - fitted))[:, None]
        of_fit = np.asarray(np.linalg.solve(moments, moved.T).T, dtype=np.float64)
    left = change - fitted
    effect = float(weight * treated @ left) / size
    first = weight * treated * (left - effect) / size
    through = (weight * treated) @ design / size
    if way == "reg" or design.shape[1] == 1:
        return effect, first - of_fit @ through
    odds, of_score = _propensity(treated, design, weight, where)
    share = beside * odds
    mean = float(share @ left / share.sum())
    second = share * (left - mean)
    second = (second + of_score @ (design.T @ (share * (left - mean)))) / share.sum()
    through = through - share @ design / share.sum()
    return effect - mean, first - second - of_fit @ through


def _propensity(treated: Floats, design: Floats, weight: Floats, where: str) -> tuple[Floats, Floats]:
    """Fit a logit; return the odds of treatment, and each unit's influence on the coefficients."""
    beta, scale = np.zeros(design.shape[1]), weight / weight.sum()
    beta[0] = np.log(scale @ treated / (scale @ (1 - treated)))
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-(design @ beta)))
        score = design * (scale * (treated - p))[:, None]
        hessian = design.T @ ((scale * p * (1 - p))[:, None] * design)
        if not np.isfinite(hessian).all() or np.linalg.cond(hessian) > 1e14:
            break
        step = np.linalg.solve(hessian, score.sum(axis=0))
        beta = beta + step
        if np.abs(design @ step).max() < 1e-13 * max(1.0, float(np.abs(design @ beta).max())):
            break
    p = 1 / (1 + np.exp(-(design @ beta)))
    if not (p < OVERLAP).all() or not (p[treated == 0] < OVERLAP_OF_CONTROLS).all() or np.linalg.cond(hessian) > 1e14:
        said = (
            f"the controls tell {where} apart from those it is compared with (fitted probabilities of treatment of "
            f'{OVERLAP_OF_CONTROLS} and more): nobody is comparable; take fewer controls, or est_method = "reg"'
        )
        raise Refusal("not_identified", said)
    return p / (1 - p), np.linalg.solve(hessian, score.T).T


def pooled(panel: UnitsByPeriod, cells: Sequence[CohortEffect]) -> tuple[float, Floats]:
    """Average effects by the size of their cohorts, which is estimated too, and each unit's influence on it."""
    size = np.array([panel.share[panel.cohort == c.cohort].sum() for c in cells])
    effect = float(size @ np.array([c.effect for c in cells]) / size.sum())
    influence: Floats = np.asarray(np.column_stack([c.influence for c in cells]) @ size, dtype=np.float64)
    for cell in cells:
        influence += (cell.effect - effect) * panel.share * (panel.cohort == cell.cohort)
    return effect, influence / size.sum()


def alike(found: Sequence[tuple[float, Floats]]) -> tuple[float, Floats]:
    """Return the plain mean of effects, and of the influences on them."""
    return float(np.mean([e for e, _ in found])), np.asarray(np.mean([i for _, i in found], axis=0))
