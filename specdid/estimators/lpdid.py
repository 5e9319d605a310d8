"""Local-projections difference in differences (Dube, Girardi, Jordà and Taylor 2025), pooled effect; and its programs.

A unit that enters treatment at t is compared with units that are untreated until t + H, in the change
from the period before to the mean of periods t to t + H:

    mean(y_i,t … y_i,t+H) − y_i,t−1 = β entering_it + γ'x_it + δ_t + e_it        (weighted by w_it)

β is a weighted average of the cohorts' effects, each over periods 0 to H; the weights grow with the
variance of entering within the period. ``reweight = true`` weights every entering unit alike (by w): by
weighted least squares whose weights undo the others, or with controls by regression adjustment, γ and δ
from the clean controls alone (their sections 3.3 and 4.1; Stata's lpdid, rw). Unless ``post_window``
gives H, it is the longest that leaves out no cohort which can be compared at all. Leads and lags are
taken on the calendar, where pyfixest shifts rows, so that a gap in a unit's record gives a missing value.
Controls are those of period t: a row without them still is an end of other rows' changes.
An entering unit with no clean control in its period is left out. The rows of periods in which nobody enters
hold no comparison, and count in N and clusters all the same, as in Stata's lpdid: with controls γ is fitted on
them too. ``reweight`` without controls leaves them out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._diagnostics import many
from specdid._format import Flag, NumberValue
from specdid._programs import python
from specdid._programs.script import Errors
from specdid._programs.templates import template
from specdid._records import Caution
from specdid.engine.demean import relevel
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
from specdid.estimators._cohorts import POST_WINDOW, compared_with, control, refuse_apart, window_averaged
from specdid.estimators._influences import counted, errors_of, path_of
from specdid.estimators._pyfixest import Refusal, guarded, refusal, standardised

if TYPE_CHECKING:
    from specdid._plan.estimands import Treated


COLLINEAR = 1e-7
"""What is left of a column beside the others, as a share of it, below which it is a combination of them."""
PERFECT = 1e-9
"""The same of the residuals: nothing but rounding."""
NOBODY_AT = "not identified: at this horizon no entering unit is seen beside a clean control"
TIED = "`{label}` is, among the clean controls, a combination of period effects and other controls, but not beyond"


@dataclass(frozen=True, slots=True)
class _Begun:
    """A task before anything is estimated: its clock, its window, and the rows that are compared."""

    calendar: _Calendar
    cohort: Floats
    adopting: Floats
    window: int
    change: Floats
    entering: Bools
    clean: Bools


def _begin(task: Task) -> _Begun:
    """Lay the changes out, pooled over the window.

    Raises
    ------
    Refusal
        Nobody enters, or beside nobody that is untreated.
    """
    assert task.cohort is not None
    calendar = _calendar(task)
    period, cohort = calendar.period[calendar.place], calendar.steps(task.cohort)
    adopting = cohorts_of(cohort, (cohort > 0) & (cohort <= period.max()))
    if not len(adopting):
        raise Refusal("no_treatment_variation", "no unit enters treatment in these rows")
    written = task.options.get("post_window")
    window = longest(task, calendar, cohort) if written is None else int(written)
    pooled = projection(task, calendar, cohort, window)
    entering, clean = compared(pooled, period)
    if not entering.any():
        raise _nobody(task, calendar, cohort, window, pooled)
    return _Begun(calendar, cohort, adopting, window, pooled.change, entering, clean)


@guarded
def _fit(task: Task) -> Estimate | Failure:
    begun = _begin(task)
    assert task.unit is not None
    calendar, cohort, adopting, window = begun.calendar, begun.cohort, begun.adopting, begun.window
    period = calendar.period[calendar.place]
    entering, clean = begun.entering, begun.clean
    found = contrast(task, begun.change, entering, clean, period)
    errors = errors_of(task, found.influence[:, None], found.used, found.roots[:, None])
    std_error, notes = list(errors.std_error), list(errors.notes)
    for v, kind in enumerate(task.vcovs):
        if kind == "iid" and np.isfinite(found.iid):
            std_error[v], notes[v] = float(found.iid * found.roots[v]), "" if found.roots[v] > 0 else "no_df"
        if np.isnan(found.roots[v]) and notes[v] == "uncounted":
            notes[v] = "no_df"
        if found.perfect and not notes[v]:
            std_error[v], notes[v] = float("nan"), "perfect_fit"
    units, enters = np.unique(task.unit[found.used]), np.unique(task.unit[entering & found.used])
    inside = len(cohorts_of(cohort, entering & found.used))
    treated = np.unique(task.unit[cohort <= period.max()])
    return Estimate(
        estimate=found.estimate,
        std_error=tuple(std_error),
        df=tuple(float("nan") if note else d for d, note in zip(found.df, notes, strict=True)),
        n_clusters=errors.n_clusters,
        nobs=int(found.used.sum()),
        dropped=found.dropped,
        keep=found.used,
        reads=_within_window(calendar, found.used, window),
        in_force={"post_window": window, "pre_window": None},
        vcov_notes=tuple(notes),
        extra={
            "post_window": float(window),
            "n_cohorts": float(inside),
            "n_cohorts_left_out": float(len(adopting) - inside),
            "n_treated_left_out": float(len(treated) - len(enters)),
        },
        units=(len(units), len(enters), len(units) - len(enters), 0),
    )


@dataclass(frozen=True, slots=True)
class _Calendar:
    """The rows in which the outcome is known, of units numbered from 0, by period from the first.

    ``place`` (n,) says which of these m rows the task's are; ``start`` is the first period.
    """

    outcome: Floats
    unit: Ints
    period: Ints
    place: Ints
    start: float

    @property
    def last(self) -> int:
        return int(self.period.max())

    def steps(self, cohort: Floats) -> Floats:
        """Return cohorts as the period in which, or after which, they begin."""
        return np.asarray(np.ceil(cohort - self.start))

    def shifted(self, low: int, high: int) -> Floats:
        """Return the task's outcomes of ``low`` to ``high`` periods on, (n, high - low + 1), NaN where unknown."""
        before, after = max(-low, 0), max(high, 0)
        table = np.full((int(self.unit.max()) + 1, self.last + before + after + 1), np.nan)
        table[self.unit, self.period + before] = self.outcome
        ahead = self.period[self.place, None] + np.arange(low, high + 1) + before
        return np.asarray(table[self.unit[self.place, None], ahead])


def _calendar(task: Task) -> _Calendar:
    assert task.unit is not None and task.time is not None  # noqa: PT018
    known = task.history()
    refuse_apart(known.time, task.calendar)
    start = float(known.time.min())
    period = np.rint(known.time - start).astype(np.int64)
    return _Calendar(known.outcome, relevel(known.unit), period, known.place, start)


def cohorts_of(cohort: Floats, rows: Bools) -> Floats:
    """Return the cohorts that have one of the rows."""
    return np.unique(cohort[rows & ~np.isnan(cohort)])


@dataclass(frozen=True, slots=True)
class Projection:
    """Each row's change of the outcome (NaN: not seen), and whether it enters, or is a clean control."""

    change: Floats
    entering: Bools
    clean: Bools


def projection(task: Task, calendar: _Calendar, cohort: Floats, window: int) -> Projection:
    """Pool periods 0 to ``window`` less the one before."""
    seen = calendar.shifted(-1, window)
    return _laid(task, seen[:, 1:].mean(axis=1) - seen[:, 0], calendar, cohort, window)


def _laid(task: Task, change: Floats, calendar: _Calendar, cohort: Floats, horizon: int) -> Projection:
    seen, period = ~np.isnan(change), calendar.period[calendar.place]
    never = np.isnan(cohort)
    clean = never if task.options.get("control", "notyet") == "never" else never | (period + horizon < cohort)
    return Projection(change, (period == cohort) & (period > 0) & seen, clean & seen)


def compared(found: Projection, period: Ints) -> tuple[Bools, Bools]:
    """Return the entering rows with a clean control in their period, and the clean controls."""
    with_clean = np.zeros(int(period.max()) + 1, bool)
    with_clean[period[found.clean]] = True
    return found.entering & with_clean[period], found.clean


def longest(task: Task, calendar: _Calendar, cohort: Floats) -> int:
    """Return the longest window that leaves out no cohort which can be compared in the period it enters."""
    all_cohorts, window = None, 0
    for horizon in range(calendar.last + 1):
        found = projection(task, calendar, cohort, horizon)
        entering, _ = compared(found, calendar.period[calendar.place])
        here = cohorts_of(cohort, entering)
        if all_cohorts is None:
            all_cohorts = here
        if not len(here) or len(here) < len(all_cohorts):
            break
        window = horizon
    return window


def _nobody(task: Task, calendar: _Calendar, cohort: Floats, window: int, found: Projection) -> Refusal:
    """Say why no entering unit has a comparison, and which post_window would have one."""
    reach = longest(task, calendar, cohort)
    at_all = compared(projection(task, calendar, cohort, 0), calendar.period[calendar.place])[0].any()
    smaller = f"; set post_window to a smaller number ({reach} is the longest that leaves out no cohort)"
    advice = smaller if at_all else ""
    if not found.entering.any():
        reason = f"no unit is seen from the period before its treatment to {many(window, 'period')} after"
        return Refusal("no_treatment_variation", reason + advice)
    return Refusal("not_identified", f"no unit to compare with stays untreated for {many(window, 'period')}{advice}")


def _within_window(calendar: _Calendar, rows: Bools, window: int) -> Bools:
    """Mark the rows whose outcome some of the task's ``rows`` reads, from the period before to the window's end."""
    wanted = np.zeros((int(calendar.unit.max()) + 1, calendar.last + window + 2), bool)
    places = calendar.place[rows]
    for horizon in range(-1, window + 1):
        wanted[calendar.unit[places], calendar.period[places] + 1 + horizon] = True
    return np.asarray(wanted[calendar.unit, calendar.period + 1])


@dataclass(frozen=True, slots=True)
class Contrast:
    """Entering units less clean controls.

    Attributes
    ----------
    influence : (n,) of each row on the estimate, 0 outside ``used``
    iid : standard error for independent errors before its factor, NaN where there is none
    roots, df : (V,) roots of the small-sample factors, and degrees of freedom of t, by vcov
    dropped : positions of controls left out as collinear
    """

    estimate: float
    influence: Floats
    used: Bools
    iid: float
    roots: Floats
    df: tuple[float, ...]
    dropped: tuple[int, ...]
    perfect: bool


def contrast(task: Task, change: Floats, entering: Bools, clean: Bools, period: Ints) -> Contrast:
    """Regress changes on entering with period effects, controls and weights, or adjust them by regression."""
    weights = np.ones(len(change)) if task.weights is None else task.weights / task.weights.mean()
    used = entering | clean
    if task.options.get("reweight", False):
        if task.controls.shape[1]:
            return _adjusted(task, change, entering, clean, period, weights)
        weights, used = _alike(weights, entering, clean, period)
    used &= (np.bincount(period[used], minlength=int(period.max()) + 1) > 1)[period]
    return _regression(task, change, entering, used, period, weights)


def _alike(weights: Floats, entering: Bools, clean: Bools, period: Ints) -> tuple[Floats, Bools]:
    """Weight periods so that entering units count alike; periods in which none enters are left out.

    Least squares gives a period's effect the weight W₁W₀/(W₁ + W₀), with W₁ and W₀ the weights of
    entering and clean; dividing by the clean share leaves W₁.
    """
    size = int(period.max()) + 1
    into, beside = (np.bincount(period[rows], weights[rows], size) for rows in (entering, clean))
    share = np.divide(beside, into + beside, out=np.zeros(size), where=(into > 0) & (beside > 0))
    there = share[period] > 0
    return np.where(there, weights / np.where(there, share[period], 1.0), 0.0), (entering | clean) & there


def _net(columns: Floats, weights: Floats, level: Ints) -> Floats:
    """Take (weighted) period means out of columns (n, k)."""
    total = np.bincount(level, weights)
    means = np.array([np.bincount(level, weights * c) / total for c in columns.T]).reshape(columns.shape[1], -1)
    return np.asarray(columns - means.T[level])


def _regression(task: Task, change: Floats, entering: Bools, used: Bools, period: Ints, weights: Floats) -> Contrast:
    level, w = relevel(period[used]), weights[used] / weights[used].mean()
    root = np.sqrt(w)[:, None]
    scaled = [standardised(c)[0] for c in task.controls[used].T]
    y, unit = standardised(change[used])
    columns = np.column_stack([*scaled, entering[used].astype(float), y])
    net = root * _net(columns, w, level)
    basis, dropped = _basis(net[:, :-2], np.linalg.norm(root * columns[:, :-2], axis=0))
    rest = net[:, -2:]
    for _ in range(2):
        rest = rest - basis @ (basis.T @ rest)
    d, outcome = rest.T
    if not d @ d > COLLINEAR**2 * max(float(net[:, -2] @ net[:, -2]), 1e-12):
        tied = "a combination of the controls" if basis.shape[1] else "the same for all in each period"
        raise Refusal("not_identified", f"entering treatment is, within periods, {tied}")
    slope = float(d @ outcome) / float(d @ d)
    residual = outcome - slope * d
    influence = np.zeros(len(change))
    influence[used] = d * residual / float(d @ d) * unit
    iid = float(np.linalg.norm(residual) / np.linalg.norm(d)) * unit
    perfect = bool(np.linalg.norm(residual) <= PERFECT * np.linalg.norm(net[:, -1]))
    return _contrast(task, slope * unit, influence, used, iid, period, 1 + basis.shape[1], dropped, perfect)


def _basis(net: Floats, size: Floats) -> tuple[Floats, tuple[int, ...]]:
    """Return an orthonormal basis of columns in their order, and which are combinations of those before them."""
    basis, dropped = np.zeros((len(net), 0)), []
    for j, column in enumerate(net.T):
        left = column
        for _ in range(2):
            left = left - basis @ (basis.T @ left)
        length = float(np.linalg.norm(left))
        if length > COLLINEAR * float(size[j]):
            basis = np.column_stack([basis, left / length])
        else:
            dropped.append(j)
    return basis, tuple(dropped)


def _adjusted(task: Task, change: Floats, entering: Bools, clean: Bools, period: Ints, weights: Floats) -> Contrast:
    """Impute the entering units' changes from the clean controls: controls and period effects fitted on these alone."""
    used = entering | clean
    level, w = relevel(period[used]), weights[used] / weights[used].mean()
    own, into = clean[used], entering[used]
    of_clean = np.where(own, w, 0.0)
    scaled = np.column_stack([standardised(c)[0] for c in task.controls[used].T])
    y, unit = standardised(change[used])
    columns = np.column_stack([scaled, y])
    net = _net(columns, of_clean, level)  # about the period means of the clean
    root = np.sqrt(of_clean)[:, None]
    _, dropped = _basis((root * net)[:, :-1], np.linalg.norm(root * scaled, axis=0))
    kept = [j for j in range(scaled.shape[1]) if j not in dropped]
    z, w1 = net[:, kept], np.where(into, w, 0.0)
    gamma = np.linalg.lstsq(root * z, root[:, 0] * net[:, -1], rcond=None)[0]
    for j in dropped:  # as among the clean, or what is imputed is not identified
        tie = np.linalg.lstsq(root * z, root[:, 0] * net[:, j], rcond=None)[0]
        if np.linalg.norm((net[:, j] - z @ tie)[into]) > 10 * COLLINEAR * np.linalg.norm(scaled[into, j]):
            raise Refusal("not_identified", TIED.format(label=task.control_labels[j]))
    left = net[:, -1] - z @ gamma
    total = float(w1.sum())
    effect = float(w1 @ left) / total
    moments = np.linalg.pinv((of_clean[:, None] * z).T @ z)
    ratio = np.bincount(level, w1) / np.bincount(level, of_clean)
    through = of_clean * (ratio[level] + z @ (moments @ (w1 @ z)))
    influence = np.zeros(len(change))
    influence[used] = (w1 * (left - effect) - through * left) / total * unit
    perfect = bool(np.linalg.norm(root[:, 0] * left) <= PERFECT * np.linalg.norm(root[:, 0] * net[:, -1]))
    return _contrast(task, effect * unit, influence, used, float("nan"), period, 1 + len(kept), dropped, perfect)


def _contrast(
    task: Task,
    estimate: float,
    influence: Floats,
    used: Bools,
    iid: float,
    period: Ints,
    k: int,
    dropped: tuple[int, ...],
    perfect: bool,
) -> Contrast:
    """Add the small-sample factors: k coefficients and the period effects are counted."""
    roots, df = counted(task, used, [relevel(period[used])], k)
    return Contrast(estimate, influence, used, iid, roots, df, dropped, perfect)


@guarded
def _path(task: Task, relative: Floats, periods_: tuple[int, ...], reference: int) -> Path | Failure:
    """Run one projection per horizon: the change since ``reference``, on entering treatment.

    Horizons before treatment are compared with units that are untreated on entering,
    later ones with units that still are at the horizon. The covariance between horizons
    is that of their influences, with each one's own small-sample factor.
    """
    assert task.cohort is not None
    calendar = _calendar(task)
    period, cohort = calendar.period[calendar.place], calendar.steps(task.cohort)
    names, found, size, reasons = [], [], [], {}
    for horizon in periods_:
        seen = calendar.shifted(min(horizon, reference), max(horizon, reference))
        change = (seen[:, -1] - seen[:, 0]) * (1.0 if horizon >= reference else -1.0)
        entering, clean = compared(_laid(task, change, calendar, cohort, max(horizon, 0)), period)
        if entering.any():
            names.append(horizon)
            found.append(contrast(task, change, entering, clean, period))
            size.append(int((entering & found[-1].used).sum()))
        else:
            reasons[horizon] = NOBODY_AT
    if not found:
        return Failure("no_treatment_variation", "at no horizon is an entering unit seen beside a clean control")
    used = np.logical_or.reduce([f.used for f in found])
    influences = np.column_stack([f.influence for f in found])
    roots = np.column_stack([f.roots for f in found])
    one = path_of(task, tuple(names), np.array([f.estimate for f in found]), influences, used, np.array(size), roots)
    return replace(one, left_out=reasons, binned=False, from_reference=True)


def _words(treated: Treated, options: Mapping[str, object]) -> str:
    """Say which average it is, and of which periods."""
    window = options.get("post_window")
    span = "the periods that all compared cohorts reach" if window is None else f"periods 0 to {window}"
    span = "the period of adoption" if window == 0 else span
    effect = "average effect on the treated" if options.get("reweight") else "variance-weighted effect on the treated"
    return f"{effect} over {span}{where_zero(treated)} (local projections)"


def _alone(options: Mapping[str, object]) -> str:
    """Say what is done, by the options in force."""
    if options.get("reweight"):
        return (
            "changes of the outcome are compared with those of clean controls of the same period, every entering unit "
            "alike; controls are fitted on the clean controls alone (regression adjustment), those of periods in which "
            "nobody enters too"
        )
    return (
        "changes of the outcome are regressed on entering treatment, beside period effects and controls; rows of "
        "periods in which nobody enters count in N and clusters, as in Stata's lpdid"
    )


def _cautions(found: Mapping[str, Floats]) -> Iterable[Caution]:
    return list(_said(found))


def _said(found: Mapping[str, Floats]) -> Iterator[Caution]:
    window, lost, units = (found[n] for n in ("post_window", "n_cohorts_left_out", "n_treated_left_out"))
    gone, logs = (found.get(n, np.zeros(len(window))) for n in ("n_missing", "n_log0"))
    yield window_averaged("lpdid", window)
    if (lost > 0).any():
        worst = int(np.argmax(lost))
        every, reach = int(lost[worst] + found["n_cohorts"][worst]), int(window[worst])
        seen = (
            f"from the period before to {reach} period{'s' * (reach > 1)} after beside a unit still untreated "
            "(a smaller post_window may take them in)"
            if reach
            else "in the period before and that of adoption beside a unit still untreated"
        )
        yield Caution(
            "serious",
            "cohorts_left_out",
            f"lpdid leaves out {int(lost[worst])} of {every} cohorts that adopt: no unit of theirs is seen {seen}; "
            f"{many(int(units[worst]), 'treated unit', 'are')} not in the average effect (column n_treated_left_out)"
            f"{_gaps(gone[worst], logs[worst])}",
            specifications=int((lost > 0).sum()),
        )
    if (apart := (units > 0) & (lost == 0)).any():
        yield Caution(
            "serious",
            "cohorts_left_out",
            f"lpdid: up to {many(int(units[apart].max()), 'treated unit', 'are')} not in the average effect: never "
            "seen untreated, without rows in some period, or beside nobody who is untreated (column "
            f"n_treated_left_out){_gaps(gone[apart].max(), logs[apart].max())}",
            specifications=int(apart.sum()),
        )


def _gaps(missing: float, logs: float) -> str:
    """Say how many rows are gaps because a variable is missing, a reason of its own for no change to be seen."""
    if not missing > 0:
        return ""
    of = f", {int(logs):,} of them for the log of 0 or less" if logs > 0 else ""
    rows = many(int(missing), "row", "lack")
    return f"; {rows} the outcome or another variable{of}, and no change is taken from or to such a row"


def _factor(errors: Errors) -> str:
    """Write the small-sample factor over n, G, k and counted."""
    if errors.rule == "none":
        return "1.0"
    if errors.rule == "glm":
        return "G / (G - 1)"  # without clusters G is n
    used = "k" if errors.rule in ("areg", "lsdv") else "counted"
    return f"n / (n - {used})" if errors.kind == "hetero" else f"(n - 1) / (n - {used}) * G / (G - 1)"


ESTIMATOR = Estimator(
    name="lpdid",
    title="LP-DiD",
    estimand="variance-weighted effect on the treated over the periods that all compared cohorts reach "
    "(local projections)",
    settings=(
        EstimatorSetting(
            "pre_window",
            NumberValue(whole=True),
            "Periods before adoption; the pooled effect uses none: leads are an [event_study]'s.",
            "5",
        ),
        POST_WINDOW,
        control("notyet"),
        EstimatorSetting(
            "reweight",
            Flag(),
            "Whether every entering unit counts alike; else by variances.",
            "true",
            False,
        ),
    ),
    honours=frozenset({"outcome", "treatment", "controls", "sample", "weights"}),
    effects="unit + time",
    cohort=True,
    binary=True,
    absorbing=True,
    batched=False,
    vcovs=frozenset({"iid", "hetero", "cluster", "twoway"}),
    fit=_fit,
    slopes=False,
    doc="Controls enter at their value in the period of entering; a row without them is in no N, but its outcome "
    "still is an end of other rows' changes, as in Stata's lpdid. "
    "Rows of periods in which nobody enters count in N and clusters; reweight without controls leaves them out. "
    "Takes no other fixed effects.",
    path=_path,
    changes="controls",
    alone=_alone,
    beside=compared_with("notyet"),
    words=_words,
    ssc=EVERY_RULE,
    cautions=_cautions,
    refuses=refusal(_begin),
    columns=frozenset({"n_cohorts", "n_cohorts_left_out", "n_treated_left_out", "post_window"}),
    programs={
        "python": Program(template("lpdid.py", factor=_factor), python.PYFIXEST),
        "r": Program(template("lpdid.R"), ("fixest",)),
        "stata": Program(template("lpdid.do"), ("reghdfe",)),
    },
)  # fmt: skip
