"""Who switches when, and DID_l: switchers' changes less those of who has not switched, with units' influences.

D_{g,1} is a unit's treatment where it is first known and F_g the first period in which it is another. DID_l compares,
of every switcher, the change from F_g - 1 to F_g - 1 + l with that of units of the same D_{g,1} which have not switched
yet, and takes a switch to less treatment with the other sign (de Chaisemartin and D'Haultfœuille
2024). The influences are those of the authors' analytic variance, as in their package DIDmultiplegtDYN: changes about
the mean of who has the same D_{g,1}, F_g and D_{g,F_g}, or of the controls of the period, times the root of
n / (n - 1), n clusters; where n is 1, about the mean of switchers and controls together.
Treatments are those of the task's record, in which a row may lack the outcome; rows that it lacks are taken as the
authors take missing treatments: see `lay_out`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._diagnostics import many
from specdid.engine.demean import relevel
from specdid.estimators._base import Task
from specdid.estimators._pyfixest import Refusal

Lack = Literal["both_ways", "unseen", "no_control"]
"""Why no switcher has an effect."""


@dataclass(frozen=True, slots=True)
class SwitchPanel:
    """A task as units by periods; periods are the places of those in which the treatment of any unit is known.

    Attributes
    ----------
    outcome : (U, T), NaN where not seen or not used
    treatment : (U, T), after the switch without gaps: NaN where it is not known
    weight : (U, T), 0 where not seen or not used
    row : (U, T) int64, row of the task, -1 where there is none
    times : (T,) float64
    baseline : (U,) int64, code of the first treatment that is known
    level : (U,) that treatment
    switch : (U,) int64, place of F_g; T: does not switch
    never : (U,) bool, whether it does not switch while anybody can be compared with
    sign : (U,) 1.0 for a switch to more treatment, -1.0 to less, 0.0 for none
    cohort : (U,) int64, code of who has the same baseline, switch and first other treatment
    in_gap : units that switch where rows are missing, so that nobody knows when
    alone : units without a variation of F_g among those of their baseline
    always : units whose treatment is the same in all periods, and not 0
    """

    outcome: Floats
    treatment: Floats
    weight: Floats
    row: Ints
    times: Floats
    baseline: Ints
    level: Floats
    switch: Ints
    never: Bools
    sign: Floats
    cohort: Ints
    in_gap: int
    alone: int
    always: int

    @property
    def size(self) -> int:
        """Return how many units there are."""
        return len(self.switch)

    @property
    def periods(self) -> int:
        """Return how many periods there are."""
        return len(self.times)

    @property
    def reach(self) -> int:
        """Return the largest l that any switcher has a period for."""
        return int((self.periods - self.switch[self.sign != 0]).max(initial=0))


def lay_out(task: Task) -> SwitchPanel:
    """Lay a task out by unit and period, and date the switches.

    A unit begins where its treatment is first known; one without any outcome is left out, as by the authors. A row
    that is missing before the last one in which treatment is still the first
    counts as that treatment, one after the switch as the treatment switched to. Where rows are missing between the
    last period of the first treatment and the first of another, nobody knows when the unit switched: it is a control
    until then and is not used from there on. Once treatment has been above and below the first, a unit's periods are
    not used (their design restriction 2).
    """
    known = task.history()
    unit, times = relevel(known.unit), np.unique(known.time)
    shape = (int(unit.max()) + 1, len(times))
    at = np.searchsorted(times, known.time)
    row = np.full(shape, -1, np.int64)
    row[unit[known.place], at[known.place]] = np.arange(len(task.outcome))
    outcome, treatment, weight = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape)
    outcome[unit, at], treatment[unit, at] = known.outcome, known.treatment
    weight[row >= 0] = 1.0 if task.weights is None else (task.weights / task.weights.mean())[row[row >= 0]]
    seen, there = ~np.isnan(treatment), ~np.isnan(outcome).all(axis=1)
    each, place = np.arange(shape[0]), np.arange(shape[1])
    level = treatment[each, seen.argmax(axis=1)]
    above, below = (np.logical_or.accumulate(x, axis=1) for x in _sides(treatment, level))
    used = seen & ~(above & below)
    switched = (above | below) & used
    switch = np.where(switched.any(axis=1), switched.argmax(axis=1), shape[1])
    before = np.where(used & (place < switch[:, None]), place, -1).max(axis=1)
    first = treatment[each, np.minimum(switch, shape[1] - 1)]
    gap = (switch < shape[1]) & (before < switch - 1)
    used &= ~(gap[:, None] & (place > before[:, None]))
    levels, baseline = np.unique(level, return_inverse=True)
    baseline = baseline.reshape(-1).astype(np.int64)
    spread = np.array([len(np.unique(switch[there & (baseline == b)])) for b in range(len(levels))])
    alone = there & (spread[baseline] < 2)
    keep = there & ~alone
    switch = np.where(gap, shape[1], switch)
    compared = (used & keep[:, None] & (place < switch[:, None])).any(axis=0)
    last = int(np.flatnonzero(compared).max(initial=-1))
    never = switch > last
    sign = np.where(switch < shape[1], np.sign(first - level), 0.0)
    after = place > switch[:, None]
    treatment = np.where(after & np.isnan(treatment), first[:, None], np.where(used, treatment, np.nan))
    _, cohort = np.unique(np.column_stack([baseline, switch, first]), axis=0, return_inverse=True)
    keep &= (row >= 0).any(axis=1)  # who has one outcome is a singleton, and in no change
    return SwitchPanel(
        np.where(used, outcome, np.nan)[keep],
        treatment[keep],
        np.where(used, weight, 0.0)[keep],
        row[keep],
        times,
        baseline[keep],
        level[keep],
        switch[keep],
        never[keep],
        sign[keep],
        cohort.reshape(-1).astype(np.int64)[keep],
        int((gap & keep).sum()),
        int(alone.sum()),
        int((there & (level != 0) & ~(above | below).any(axis=1)).sum()),
    )


def _sides(treatment: Floats, level: Floats) -> tuple[Bools, Bools]:
    with np.errstate(invalid="ignore"):
        return treatment > level[:, None], treatment < level[:, None]


@dataclass(frozen=True, slots=True)
class Horizon:
    """DID_l before its division by the switchers: sums over units and periods.

    Attributes
    ----------
    steps : l, below 0 for a placebo
    total : the sum of switchers' signed changes less their controls'
    switchers : their weights
    dose, doses : sums of |D_{g,F_g-1+l} - D_{g,1}| over switchers, and of these over the periods 1 to l
    treated : (U,) bool, the switchers
    coefficient : (2, U, T), of each change in ``total`` for switches to more and to less treatment
    change : (U, T), NaN where not seen
    """

    steps: int
    total: float
    switchers: float
    dose: float
    doses: float
    treated: Bools
    coefficient: Floats
    change: Floats
    switching: Bools

    @property
    def used(self) -> Bools:
        """Mark the periods F_g - 1 + l in which a unit is compared, (U, T)."""
        return np.asarray((self.coefficient != 0).any(axis=0))


def longer_steps(panel: SwitchPanel, found: Iterable[Horizon]) -> int:
    """Return how many steps between periods that switchers' changes go over are longer than the shortest of all."""
    steps, at = np.diff(panel.times), np.arange(panel.periods - 1)
    inside = np.zeros(len(steps), bool)
    for one in found:
        before = panel.switch[one.treated, None] - 1
        ends = sorted((0, one.steps))
        inside |= ((at >= before + ends[0]) & (at < before + ends[1])).any(axis=0)
    return int((inside & (steps > steps.min(initial=np.inf) * (1 + 1e-9))).sum())


def lack_of(panel: SwitchPanel, steps: Sequence[int], *, only_never: bool) -> Lack:
    """Say why no switcher has all of these effects, or placebos.

    "both_ways": one would, had its treatment not been above and below the baseline by then; "unseen": none has rows in
    all these periods and before its switch; "no_control": nobody is left to compare with.
    """
    seen, compared, each = panel.sign != 0, panel.sign != 0, np.arange(panel.size)
    for lag in steps:
        before, now = panel.switch - 1, panel.switch - 1 + abs(lag)
        ends = (before, now, before + lag)
        seen = seen & (before + min(lag, 0) >= 0) & (now < panel.periods)
        places = [np.clip(end, 0, panel.periods - 1) for end in ends]
        seen &= np.all([panel.row[each, place] >= 0 for place in places], axis=0)
        known = ~np.isnan(changes(panel, lag)) & (panel.weight > 0)
        beside = _by_cell(panel, panel.weight * (known & _controls(panel, only_never)))
        compared = compared & seen & (beside[each, places[1]] > 0)
    return "both_ways" if compared.any() else "no_control" if seen.any() else "unseen"


def horizon(panel: SwitchPanel, steps: int, *, only_never: bool, among: Bools | None = None) -> Horizon:
    """Compare switchers ``steps`` periods on, or before; ``among`` (U,) says which switchers."""
    change = changes(panel, steps)
    known = ~np.isnan(change) & (panel.weight > 0)
    place = np.arange(panel.periods)
    control = known & _controls(panel, only_never)
    beside = _by_cell(panel, panel.weight * control)
    switching = known & (place == panel.switch[:, None] - 1 + abs(steps)) & (beside > 0)
    switching &= (panel.sign != 0)[:, None]
    if among is not None:
        switching &= among[:, None]
    parts = []
    for sign in (1.0, -1.0):
        into = panel.weight * (switching & (panel.sign == sign)[:, None])
        share = np.divide(_by_cell(panel, into), beside, out=np.zeros(change.shape), where=beside > 0)
        parts.append(sign * (into - share * panel.weight * control))
    coefficient = np.array(parts)
    weight = panel.weight * switching
    away = np.abs(np.where(place >= panel.switch[:, None], panel.treatment - panel.level[:, None], 0.0))
    cumulated = np.nancumsum(away, axis=1)
    return Horizon(
        steps,
        float(np.nansum(coefficient.sum(axis=0) * np.where(known, change, 0.0))),
        float(weight.sum()),
        float((weight * np.where(switching, away, 0.0)).sum()),
        float((weight * cumulated).sum()),
        switching.any(axis=1),
        coefficient,
        np.where(known, change, np.nan),
        switching,
    )


def _controls(panel: SwitchPanel, only_never: bool) -> Bools:
    """Mark the periods in which a unit has not switched yet."""
    waiting = np.arange(panel.periods) < panel.switch[:, None]
    return np.asarray(waiting & panel.never[:, None] if only_never else waiting)


def changes(panel: SwitchPanel, steps: int) -> Floats:
    """Return Y_t - Y_{t-l}, or of a placebo Y_{t-2l} - Y_{t-l}, in t."""
    lag = abs(steps)
    base = _lagged(panel.outcome, lag)
    return (panel.outcome if steps > 0 else _lagged(panel.outcome, 2 * lag)) - base


def _lagged(values: Floats, lag: int) -> Floats:
    out = np.full(values.shape, np.nan)
    if lag < values.shape[1]:
        out[:, lag:] = values[:, : values.shape[1] - lag]
    return out


def _cells(panel: SwitchPanel) -> Ints:
    """Return the codes of baseline and period."""
    return np.asarray(panel.baseline[:, None] * panel.periods + np.arange(panel.periods))


def _by_cell(panel: SwitchPanel, values: Floats) -> Floats:
    cells = _cells(panel)
    return np.asarray(np.bincount(cells.ravel(), values.ravel())[cells])


def reaching(panel: SwitchPanel, effects: int, *, only_never: bool) -> Bools:
    """Mark the switchers that have every effect up to ``effects``."""
    found = np.ones(panel.size, bool)
    for steps in range(1, effects + 1):
        found &= horizon(panel, steps, only_never=only_never).treated
    return found


def influence(panel: SwitchPanel, found: Horizon, cluster: Ints, *, only_never: bool) -> tuple[Floats, int, bool]:
    """Return units' influences on ``total``, (U,), cohorts of one cluster, and whether their variance is defined.

    Parameters
    ----------
    cluster : (U,) codes

    Notes
    -----
    A switcher that is alone in its cohort, or a control alone in its period, is taken about the mean of switchers and
    controls; where these are one cluster there is no variance.
    """
    parts, single, defined = np.zeros(panel.size), set(), True
    change = np.where(np.isnan(found.change), 0.0, found.change)
    control = ~np.isnan(found.change) & _controls(panel, only_never)
    cells = _cells(panel)
    cohorts = np.broadcast_to(panel.cohort[:, None], cells.shape)
    among = _About(panel.weight, change, cluster)
    for sign, coefficient in zip((1.0, -1.0), found.coefficient, strict=True):
        used = coefficient != 0
        if not used.any():
            continue
        switching = found.switching & (panel.sign == sign)[:, None]
        of_cohort, n_cohort = among(cohorts, switching)
        of_control, n_control = among(cells, control)
        of_all, n_all = among(cells, switching | control)
        mean, count = np.where(switching, of_cohort, of_control), np.where(switching, n_cohort, n_control)
        lone = used & (count < 2)
        single |= set(cohorts[lone & switching].tolist())
        defined &= bool((n_all[lone] >= 2).all())
        mean, count = np.where(lone, of_all, mean), np.where(lone, n_all, count)
        scale = np.sqrt(count / np.maximum(count - 1, 1))
        parts += np.where(used, coefficient * scale * (change - mean), 0.0).sum(axis=1)
    return parts, len(single), defined


@dataclass(frozen=True, slots=True)
class _About:
    """Weighted means of changes in groups of cells, and how many clusters each has."""

    weight: Floats
    change: Floats
    cluster: Ints

    def __call__(self, groups: Ints, where: Bools) -> tuple[Floats, Floats]:
        size = int(groups.max()) + 1
        weight = np.bincount(groups[where], self.weight[where], size)
        total = np.bincount(groups[where], (self.weight * self.change)[where], size)
        mean = np.divide(total, weight, out=np.zeros(size), where=weight > 0)
        cluster = np.broadcast_to(self.cluster[:, None], groups.shape)[where]
        pairs = np.unique(groups[where] * (int(self.cluster.max()) + 1) + cluster)
        count = np.bincount(pairs // (int(self.cluster.max()) + 1), minlength=size).astype(np.float64)
        return np.asarray(mean[groups]), np.asarray(count[groups])


def nobody(panel: SwitchPanel, why: str) -> Refusal:
    """Say that nobody can be compared, and what stands in the way."""
    return Refusal("not_identified", why + _hint(panel))


def _hint(panel: SwitchPanel) -> str:
    gone = []
    if panel.alone:
        units = many(panel.alone, "unit", "have")
        gone.append(f"{units} a first treatment with which no unit switches in another period")
    if panel.in_gap:
        gone.append(f"{many(panel.in_gap, 'unit', 'switch')} where rows are missing")
    return "; " + "; ".join(gone) if gone else ""
