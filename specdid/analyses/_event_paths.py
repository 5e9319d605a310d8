"""Effects by relative period: the time axis, what each estimator gives on it, joint tests and bands.

Time is counted from adoption, or by the calendar; what the data do not fill of the axis is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from specdid import _plugins
from specdid._arrays import Bools, Floats, Ints
from specdid._diagnostics import Fault, fault_at, many
from specdid._records.fits import VCOV_NOTES
from specdid._records.numerals import minus
from specdid.analyses._base import Bench, Cell, CellFit, Extra, Request
from specdid.analyses._cells import unable
from specdid.analyses._fit import INDEFINITE, SINGULAR, Wald, counted, joint_test, refit, semidefinite
from specdid.analyses._timing import treated_clusters
from specdid.analyses._words import decimals, listed, number
from specdid.engine.coefficient_table import combine
from specdid.engine.scores import missing_clusters
from specdid.engine.ssc import critical_values
from specdid.estimators._base import VCOV_NOTES as NOTES
from specdid.estimators._base import Failure, Path
from specdid.language import without_ticks
from specdid.panel.times import StepError

DRAWS = 100_000
"""Draws for the critical value of a simultaneous band: its error is about half a percent."""
NO_PART = (
    "no cluster's part in this effect differs from zero, as where one treated unit is compared with one other: a "
    "variance of zero is no standard error"
)
"""Of a period that has no variance where others of its curve have one."""
OPEN_PERIOD = "not identified: the cohorts' effects in this period cannot be told apart from the fixed effects `{}`"
WHOLE = 'ends = "drop" leaves some out, ends = "bin" shows the window alone'
GIVE_COHORT = 'give it one: { term = "…", cohort = "…" }'
PERIOD = "period "
"""What the labels of event-time dummies begin with."""


@dataclass(frozen=True, slots=True)
class EventStudyConfig:
    """The table's keys; ``window`` None is all that the data show, ``reference`` None the period before treatment.

    In calendar time both are written as the time column is.
    """

    window: tuple[int, int] | None
    reference: int | None
    ends: str
    calendar: bool = False


@dataclass(frozen=True, slots=True)
class Clock:
    """A cell's time axis.

    Attributes
    ----------
    place : (n,) float64
        Where a row stands on the axis, ends binned; NaN for rows whose effect is not asked for.
        In relative time these are the never treated. In calendar time a unit stands there once
        it is treated and, as a lead, before ``start``; between the two it is a control.
    keep : (n,) bool, rows inside the window
    periods : periods to estimate, without the reference
    reference : int
    first, last : the window
    start : the first treated period: 0, or of the calendar; leads come before
    beyond : (n,) float64, ``place`` before ends are binned
    binned : ends are binned: they hold what lies beyond them, where something does
    names : in calendar time the periods of the window as the data write them
    """

    place: Floats = field(repr=False)
    keep: Bools = field(repr=False)
    periods: tuple[int, ...]
    reference: int
    first: int
    last: int
    start: int
    beyond: Floats = field(repr=False)
    binned: bool
    names: tuple[str, ...] = ()

    @property
    def calendar(self) -> bool:
        """Whether the axis is the calendar."""
        return bool(self.names)

    def bins(self, rows: Ints) -> dict[int, float]:
        """Return the ends that hold what lies beyond them in ``rows``, each with the mean period of its rows.

        An end that holds nothing else is one period.
        """
        if not self.binned:
            return {}
        here = self.beyond[rows]
        ends = ((self.first, here <= self.first), (self.last, here >= self.last))
        return {end: float(here[inside].mean()) for end, inside in ends if (here[inside] != end).any()}

    def text(self, period: int, plus: bool = False) -> str:
        """Write a period: −1, or 2011; ``plus`` marks those after adoption."""
        if self.calendar:
            return self.names[period - self.first]
        return f"+{period}" if plus and period > 0 else minus(f"{period}")

    def written(self, period: int) -> int | str:
        """Return a period for a tidy table: relative, or as the data write it."""
        text = self.text(period)
        return period if not self.calendar else int(text) if text.isdecimal() else text


def clock_of(bench: Bench, cell: Cell, config: EventStudyConfig) -> Clock:
    """Set the time axis of a cell, which must have a cohort; StepError where a written period is none."""
    place, start = _places(bench, cell, config)
    here = place[_known(bench, cell)]
    lowest, highest = int(np.nanmin(here)), int(np.nanmax(here))
    first, last = _window(bench, config) or (lowest, highest)
    reference = _reference(bench, config, start)
    keep, beyond = np.ones(len(place), bool), place
    if config.ends == "bin":
        place = np.clip(place, first, last)
    else:
        keep = np.isnan(place) | ((place >= first) & (place <= last))
        if config.calendar and bench.periods is not None:
            keep &= (bench.periods >= first) & (bench.periods <= last)
    periods = tuple(k for k in range(first, last + 1) if k != reference)
    names = tuple(_names(bench, first, last)) if config.calendar else ()
    return Clock(place, keep, periods, reference, first, last, start, beyond, config.ends == "bin", names)


def _places(bench: Bench, cell: Cell, config: EventStudyConfig) -> tuple[Floats, int]:
    """Return each row's place on the axis, ends not binned yet, and the first treated period."""
    cohort, periods = bench.cohort(cell), bench.periods
    assert cohort is not None
    assert periods is not None
    if not config.calendar:
        return np.asarray(periods - cohort), 0
    rows = _known(bench, cell) & np.isfinite(cohort)
    # Units treated before the data begin have no leads, and do not say when treatment starts.
    adopted = cohort[rows][cohort[rows] > periods[rows].min()] if rows.any() else cohort[:0]
    start = int(np.ceil(adopted.min())) if len(adopted) else int(periods.min())
    treated = periods >= cohort
    stands = np.isfinite(cohort) & (treated == (periods >= start))
    return np.where(stands, periods, np.nan), start


def _known(bench: Bench, cell: Cell) -> Bools:
    """Mark the rows of a cell's sample whose outcome and treatment are known."""
    known = np.isfinite(bench.outcome(cell)) & np.isfinite(bench.treatment(cell))
    return np.asarray(bench.in_sample(cell) & known)


def _period(bench: Bench, written: int) -> int:
    return int(bench.panel.to_periods(np.array([float(written)]))[0])


def _window(bench: Bench, config: EventStudyConfig) -> tuple[int, int] | None:
    if config.window is None or not config.calendar:
        return config.window
    return _period(bench, config.window[0]), _period(bench, config.window[1])


def _reference(bench: Bench, config: EventStudyConfig, start: int) -> int:
    if config.reference is None:
        return start - 1
    return _period(bench, config.reference) if config.calendar else config.reference


def _names(bench: Bench, first: int, last: int) -> Iterator[str]:
    """Write the periods of a window as the data do; one that no row has as its number."""
    names = bench.period_names()
    for k in range(first, last + 1):
        yield names.get(k, str(k))


def check(bench: Bench, request: Request) -> Iterator[Fault]:
    """Find treatments without a cohort or a pre-period, and windows that the data do not fill."""
    config: EventStudyConfig = request.config
    cells = bench.cells(request)
    without = dict.fromkeys(c.labels["treatment"] for c in cells if bench.cohort(c) is None)
    arms = {option.label for option in bench.study.treatment if option.arm is not None}
    for label in without:
        of_one = f"{GIVE_COHORT}, the first treated period, 0 for never"
        methods = sorted({c.method for c in cells if c.labels["treatment"] == label})
        own = [f"`{method}`" for method in methods if _plugins.load("estimators", method).dates_itself]
        if own:
            of_one = (
                f"{GIVE_COHORT}, the first period in which the treatment changes, 0 for never, in a spec file whose "
                f"estimators are all {listed(own)}: see docs/howto/switching.md"
            )
        yield fault_at(
            request.table.origin,
            None,
            "no_cohort",
            f"the treatment `{label}` has no cohort, so there is no time relative to adoption",
            "an event study is of one treatment: write its arm as a treatment of its own" if label in arms else of_one,
        )
    yield from unable(
        request,
        cells,
        lambda cell: cell.compiled.batched[cell.member] or _plugins.load("estimators", cell.method).path is not None,
        "there are no effects by relative period of",
        f'fix = {{ estimator = "…" }} asks for one that has them: {", ".join(_with_effects())}',
    )
    usable = [c for c in cells if c.labels["treatment"] not in without]
    dummies = (c for c in usable if c.plain and int(c.compiled.members.sunab[c.member]) < 0)
    for said in dict.fromkeys(
        said for c in dummies for said in _not_per_unit(bench, c, np.flatnonzero(_known(bench, c)))
    ):
        per_unit = "the curve is per unit of it: two numbers of one figure or text are not of the same"
        yield fault_at(request.table.origin, None, "dose_effects", said, per_unit, "warning")
    if bench.periods is None or not usable:
        return
    if wrong := list(_unwritten(bench, request)):
        yield from wrong
        return
    axes = [(place[_known(bench, c)], start) for c in usable for place, start in [_places(bench, c, config)]]
    known = np.unique(np.concatenate([place for place, _ in axes]))
    known = known[~np.isnan(known)].astype(int)
    start = min(first for _, first in axes)
    if not (known < start).any():
        yield fault_at(
            request.table.origin,
            None,
            "no_pre_period",
            "no treated unit is seen before its first treated period, so there are no leads",
            "an event study needs periods before treatment; check the cohort and the sample",
        )
    elif config.calendar:
        yield from _outside_calendar(bench, request, known.tolist(), start)
    else:
        yield from _outside(request, known.tolist())
    yield from _refused(bench, request, usable)


def _refused(bench: Bench, request: Request, cells: Sequence[Cell]) -> Iterator[Fault]:
    """Warn of curves that their estimator refuses, as is known without estimating."""
    said: dict[str, None] = {}
    for cell in cells:
        refuses = _plugins.load("estimators", cell.method).refuses_path
        rows, task = bench.sample(cell, where=clock_of(bench, cell, request.config).keep) if refuses else ((), None)
        if refuses and len(rows) and (why := refuses(task)) is not None:
            said[f"there are no effects by relative period of `{cell.method}`: {why.message}"] = None
    for message in said:
        yield fault_at(request.table.origin, None, "no_path", message, severity="warning")


def _with_effects() -> Iterator[str]:
    """Name the estimators of the shelf that have effects by period."""
    for name in sorted(set(_plugins.names("estimators")) - set(_plugins.broken("estimators"))):
        declared = _plugins.load("estimators", name)
        if declared.path is not None or declared.batched:
            yield name


def _unwritten(bench: Bench, request: Request) -> Iterator[Fault]:
    """Find calendar periods that are none: month 201213."""
    config: EventStudyConfig = request.config
    given: list[tuple[int, tuple[str, ...]]] = [(v, ("window", f"[{k}]")) for k, v in enumerate(config.window or ())]
    given += [(config.reference, ("reference",))] if config.reference is not None else []
    for value, path in given if config.calendar else ():
        try:
            _period(bench, value)
        except (StepError, OverflowError) as error:
            said = str(error) if isinstance(error, StepError) else "is no period"
            yield fault_at(
                request.origin(*path),
                None,
                "out_of_range",
                f"{value} {said}",
                f"in calendar time periods are written as in {bench.panel.time}",
            )


def _outside(request: Request, known: Sequence[int]) -> Iterator[Fault]:
    """Compare window and reference with the relative periods in the data."""
    config: EventStudyConfig = request.config
    low, high = min(known), max(known)
    runs = f"relative periods in the data run from {low} to {high}"
    for k, (end, beyond) in enumerate(zip(config.window or (), (-1, 1), strict=False)):
        if (end - (low, high)[k]) * beyond > 0:
            side = "before" if beyond < 0 else "after"
            message = f"no treated unit is seen {many(abs(end), 'period')} {side} its first treated one"
            yield fault_at(request.origin("window", f"[{k}]"), None, "window_outside", message, runs)
    reference = -1 if config.reference is None else config.reference
    if reference not in known:
        message = f"no treated unit is seen in the reference period {reference}"
        yield fault_at(request.origin("reference"), None, "reference_unseen", message, runs)


def _outside_calendar(bench: Bench, request: Request, known: Sequence[int], start: int) -> Iterator[Fault]:
    """Compare window and reference with the calendar periods in the data."""
    config: EventStudyConfig = request.config
    low, high = min(known), max(known)
    first, last, begins = (next(_names(bench, k, k)) for k in (low, high, start))
    runs = f"treated units are seen from {first} to {last}, the first are treated in {begins}"
    for k, (end, written) in enumerate(zip(_window(bench, config) or (), config.window or (), strict=True)):
        side = ("has no period before treatment", "has no treated period")[k]
        if not low <= end <= high or (end >= start) != (k == 1):
            message = f"the window {side}" if low <= end <= high else f"no treated unit is seen in {written}"
            yield fault_at(request.origin("window", f"[{k}]"), None, "window_outside", message, runs)
    reference = _reference(bench, config, start)
    if reference not in known or reference >= start:
        (name,) = _names(bench, reference, reference)
        message = f"no treated unit is seen in the reference period {name}"
        message = message if reference < start else f"the reference period {name} is not before treatment"
        yield fault_at(request.origin("reference"), None, "reference_unseen", message, runs)


def treated_rows(bench: Bench, cell: Cell, clock: Clock) -> Bools:
    """Mark the rows inside the window of units that adopt, or will."""
    cohort = bench.cohort(cell)
    assert cohort is not None
    return np.asarray(_known(bench, cell) & clock.keep & np.isfinite(cohort))


def lead_clusters(bench: Bench, one: EventPath, v: int = 0) -> dict[int, tuple[int, str]]:
    """Count the treated clusters behind each lead that has an estimate, and name one; without clusters the units."""
    leads = {*one.periods[one.leads].tolist()}
    return {k: treated_clusters(bench, one.cell, rows, v) for k, rows in rows_behind(bench, one) if k in leads}


def rows_behind(bench: Bench, one: EventPath) -> Iterator[tuple[int, Ints]]:
    """Return the treated rows of each period that has an estimate."""
    rows = np.flatnonzero(treated_rows(bench, one.cell, one.clock))
    rows = rows if one.fit is None else np.intersect1d(rows, one.fit.rows)
    place = one.clock.place[rows]
    yield from ((k, rows[place == k]) for k in one.periods.tolist())


@dataclass(frozen=True, slots=True)
class EventPath:
    """One event-study curve.

    Attributes
    ----------
    clock : its time axis
    failure : None, or why there is none (all else is then empty)
    periods : (m,) int64
    estimate : (m,), vcov : (V, m, m), df, n_clusters : (V,), vcov_notes : (V,)
    size : (m,) treated rows behind each estimate
    references : periods whose effect is zero by construction
    fit : the regression behind it where it is one, with the controls
    notes : of what units and in what unit the effects are, and what differs from other estimators'
    left_out : periods that have no estimate, and why
    ends : the ends of the window that hold what lies beyond them in these rows, each with the mean period of its rows
    always : what units that are treated in all their rows do to the path; empty where there are none
    moved : by how many standard errors an effect changes at most when they leave
    from_previous : leads are changes since the period before each, effects since the reference
    untestable : why leads are no test of parallel trends, where they are not
    per_unit : estimates are divided by the treatment of their period
    by_ends : what identifies the periods inside the window, where only that their ends are held constant does
    thin : by vcov, the leads of few treated clusters, once they are counted
    """

    cell: Cell = field(repr=False)
    clock: Clock = field(repr=False)
    failure: str | None = None
    periods: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    estimate: Floats = field(default_factory=lambda: np.zeros(0))
    vcov: Floats = field(default_factory=lambda: np.zeros((0, 0, 0)), repr=False)
    df: tuple[float, ...] = ()
    n_clusters: tuple[int, ...] = ()
    vcov_notes: tuple[str, ...] = ()
    size: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    nobs: int = 0
    references: tuple[int, ...] = ()
    fit: CellFit | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    left_out: Mapping[int, str] = field(default_factory=dict)
    ends: Mapping[int, float] = field(default_factory=dict)
    always: str = ""
    moved: float = 0.0
    from_previous: bool = False
    untestable: str = ""
    per_unit: bool = False
    by_ends: str = ""
    thin: dict[int, dict[int, tuple[int, str]]] = field(default_factory=dict, repr=False, compare=False)

    def std_error(self, v: int = 0) -> Floats:
        """Return the standard errors under a vcov, NaN where there are none."""
        variance = np.diagonal(self.vcov[v])
        return np.asarray(np.sqrt(np.where(variance > 0, variance, np.nan)))

    @property
    def bins(self) -> tuple[int, ...]:
        """The periods of the curve that hold what lies beyond them; another end is a single period."""
        return tuple(k for k in self.ends if k in self.references or (self.periods == k).any())

    @property
    def since_reference(self) -> Floats:
        """Periods since the only reference, (m,); a bin stands at the mean period of its rows."""
        return np.array([self._place(k) for k in self.periods.tolist()]) - self._place(self.references[0])

    def _place(self, period: int) -> float:
        return self.ends.get(period, float(period))

    @property
    def leads(self) -> NDArray[np.bool_]:
        """Mark the periods before treatment."""
        return np.asarray(self.periods < self.clock.start)

    @property
    def leads_left_out(self) -> str:
        """The periods before treatment that have no estimate, in words; empty where there is none."""
        return listed([self.clock.text(k) for k in sorted(self.left_out) if k < self.clock.start])

    def pretrend(self, v: int = 0) -> Wald:
        """Test that all leads that have an estimate are zero."""
        leads = np.flatnonzero(self.leads)
        if self.untestable or not semidefinite(self._known(v)):
            return Wald(np.nan, len(leads), self.df[v], np.nan)
        return joint_test(self.estimate[leads], self.vcov[v][np.ix_(leads, leads)], self.df[v])

    @property
    def _has_slopes(self) -> bool:
        compiled = self.cell.compiled
        return bool(compiled.problem.effects[compiled.members.effects[self.cell.member]].slopes)

    def trend_found(self, alpha: float, power: float, v: int = 0) -> float:
        """Return the linear trend per period that the test of the leads finds with probability ``power``.

        Were treated and untreated apart by so much more in each period, with no effect of the treatment, the joint F
        would be noncentral: Roth (2022, AER: Insights 4), with the joint test in place of single ones. A bin
        stands at the mean period of its rows. NaN without such a test, where leads
        are not relative to one period or are per unit of treatment, and where units have slopes, which take such a
        trend out.
        """
        leads = np.flatnonzero(self.leads)
        no_step = len(self.references) != 1 or self.per_unit or self._has_slopes
        if no_step or not len(leads) or not np.isfinite(self.pretrend(v).p_value):
            return float("nan")
        step = self.since_reference[leads]
        per_period = float(step @ np.linalg.solve(self.vcov[v][np.ix_(leads, leads)], step))
        return float(np.sqrt(noncentrality(len(leads), self.df[v], alpha, power) / per_period))

    def doubt(self, v: int = 0) -> str:
        """Say why the whole covariance under a vcov is not there, or not to be relied on; empty where it is."""
        return self.vcov_notes[v] or ("" if semidefinite(self._known(v)) else INDEFINITE)

    def _known(self, v: int) -> Floats:
        """Return the covariance of the periods that have a variance."""
        known = ~np.isnan(np.diagonal(self.vcov[v]))
        return np.asarray(self.vcov[v][np.ix_(known, known)])

    def without_part(self, v: int = 0) -> list[int]:
        """List the periods that have no variance under a vcov where others have one."""
        return [] if self.vcov_notes[v] else self.periods[np.isnan(np.diagonal(self.vcov[v]))].tolist()

    def untested(self, v: int = 0) -> str:
        """Say why the leads have no joint test under a vcov; empty where they have one."""
        if not self.leads.any():
            return "there are no leads"
        blank = listed([self.clock.text(k) for k in self.without_part(v) if k < self.clock.start])
        why = f"there is no standard error in period {blank}" if blank else SINGULAR
        return self.untestable or self.doubt(v) or (why if np.isnan(self.pretrend(v).p_value) else "")

    def margins(self, alpha: float, seed: int, v: int = 0) -> tuple[float, float]:
        """Return the critical values of pointwise intervals and of the simultaneous band."""
        pointwise = float(critical_values(np.array([self.df[v]]), alpha)[0])
        return pointwise, simultaneous(self._known(v), self.df[v], alpha, seed, pointwise)


@cache
def noncentrality(df1: int, df2: float, alpha: float, power: float) -> float:
    """Return the noncentrality with which an F test of level ``alpha`` rejects with probability ``power``."""
    from scipy.optimize import brentq
    from scipy.stats import chi2, f, ncf, ncx2

    def rejects(value: float) -> float:
        if np.isinf(df2):
            return float(ncx2.sf(chi2.isf(alpha, df1), df1, value))
        return float(ncf.sf(f.isf(alpha, df1, df2), df1, df2, value))

    high = 1.0
    while rejects(high) < power:
        high *= 2.0
    return float(brentq(lambda value: rejects(value) - power, 0.0, high, xtol=1e-10))


def simultaneous(vcov: Floats, df: float, alpha: float, seed: int, pointwise: float) -> float:
    """Return the 1 − alpha quantile of max |t|: the sup-t band of Montiel Olea and Plagborg-Møller (2019).

    The draws are of a t distribution with the estimates' correlation and the degrees of
    freedom of the pointwise intervals, seeded by the study.
    """
    variance = np.diagonal(vcov)
    if not (len(variance) and np.isfinite(variance).all() and (variance > 0).all() and semidefinite(vcov)):
        return float("nan")
    spread = np.sqrt(variance)
    values, vectors = np.linalg.eigh(vcov / np.outer(spread, spread))
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    normal, chi = _draws(seed, len(spread), float(df))
    largest = np.abs(np.einsum("kd,kj->jd", normal, root)).max(axis=0) / chi
    # More than one estimate cannot have a narrower band than one; the quantile's error could say so.
    return max(pointwise, round(float(np.quantile(largest, 1 - alpha)), 6))


@lru_cache(maxsize=4)
def _draws(seed: int, count: int, df: float) -> tuple[Floats, Floats]:
    """Return (count, DRAWS) normal draws and what they are divided by; curves of as many periods share them."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, count])))
    normal = np.ascontiguousarray(rng.standard_normal((DRAWS, count)).T)
    return normal, np.sqrt(rng.chisquare(df, DRAWS) / df) if np.isfinite(df) else np.ones(DRAWS)


def path(bench: Bench, cell: Cell, clock: Clock) -> EventPath:
    """Estimate a cell by relative period, in the way of its estimator."""
    found = _path(bench, cell, clock)
    if found.failure is not None or found.fit is None:  # other estimators choose among these rows
        return found
    return replace(found, notes=(*found.notes, *_in_leads_only(bench, cell, clock, found.fit.rows)))


def _in_leads_only(bench: Bench, cell: Cell, clock: Clock, rows: Ints) -> Iterator[str]:
    """Say how many units that are treated while the sample lasts have rows before that and none since."""
    cohort, periods = bench.cohort(cell), bench.periods
    assert cohort is not None and periods is not None  # noqa: PT018
    last = periods[bench.in_sample(cell) & clock.keep].max()
    unit, mine = _adopters(bench, cell), rows[np.isfinite(cohort[rows]) & (cohort[rows] <= last)]
    treated, after = np.unique(unit[mine]), np.unique(unit[mine[periods[mine] >= cohort[mine]]])
    n, what = len(treated) - len(after), "cohort" if bench.panel.unit_codes is None else "unit"
    if n and len(after):
        yield (
            f"{n:,} of {len(treated):,} treated {what}s {'stands' if n == 1 else 'stand'} in leads only, without a row "
            "since treatment that has all values: leads and effects are not of the same"
        )


def _path(bench: Bench, cell: Cell, clock: Clock) -> EventPath:
    if int(cell.compiled.members.sunab[cell.member]) >= 0:
        return _beside_always(bench, cell, clock, _interaction_weighted)
    declared = _plugins.load("estimators", cell.method)
    if declared.path is None and cell.plain:
        return _beside_always(bench, cell, clock, _by_dummies)
    if declared.path is None:
        what = "two-stage least squares" if cell.instrumented else cell.method
        return EventPath(cell, clock, f"{what} gives no effects by relative period")
    if clock.calendar and not declared.calendar:
        return EventPath(cell, clock, f"{cell.method} gives effects by relative time, not by calendar time")
    if declared.balanced and not clock.keep[_known(bench, cell)].all():
        return EventPath(cell, clock, f"{cell.method} needs every unit in every period: {WHOLE}")
    rows, task = bench.sample(cell, where=clock.keep)
    ends = clock.bins(rows)
    if not len(rows):
        return EventPath(cell, clock, "no row is left after the sample condition, missing values and singletons")
    found = declared.effects_by_period(task, clock.place[rows], clock.periods, clock.reference)
    if isinstance(found, Failure):
        return EventPath(cell, clock, found.message)
    missing = missing_clusters(cell.compiled.problem, rows)
    words = tuple(missing.get(v) or VCOV_NOTES[NOTES.index(note)] for v, note in enumerate(found.vcov_notes))
    return EventPath(
        cell,
        clock,
        None,
        np.array(found.periods),
        found.estimate,
        found.vcov,
        found.df,
        tuple(counted(found.n_clusters, missing).tolist()),
        words,
        found.size,
        found.nobs,
        (clock.reference,) if found.from_reference else (),
        None,
        tuple(_notes(bench, cell, clock, found, ends)),
        left_out=found.left_out,
        ends=ends if found.binned else {},
        from_previous=found.from_previous,
        untestable=found.untestable,
        per_unit=found.per_unit,
    )


def _notes(bench: Bench, cell: Cell, clock: Clock, found: Path, ends: Mapping[int, float]) -> Iterator[str]:
    if found.note:
        yield found.note
    if not clock.keep[_known(bench, cell)].all():
        yield f"{cell.method} has no rows beyond the window, which moves effects inside it, too"
    if ends and found.binned and found.of_bins:
        yield found.of_bins
    if ends and not found.binned:
        yield f"the ends of {cell.method}'s window are single periods: it does not bin"


def _beside_always(
    bench: Bench, cell: Cell, clock: Clock, estimated: Callable[[Bench, Cell, Clock], EventPath]
) -> EventPath:
    """Estimate a path that units treated in all their rows may move, and say what it is without them."""
    found = estimated(bench, cell, clock)
    always = np.zeros(len(clock.keep), bool) if found.fit is None else _always_treated(bench, cell, found.fit.rows)
    if found.failure is not None or not always.any():
        return found
    n = len(np.unique(_adopters(bench, cell)[always]))
    what = "cohort" if bench.panel.unit_codes is None else "unit"
    its = "its" if n == 1 else "their"
    who = f"{n:,} {what}{' is' if n == 1 else 's are'} treated in all {its} rows and {'stands' if n == 1 else 'stand'} "
    who += f"in treated periods without one of {its} own before to be compared with"
    without = estimated(bench, cell, replace(clock, keep=clock.keep & ~always))
    common = np.intersect1d(found.periods, without.periods)
    if without.failure is not None or not len(common):
        return replace(found, always=f"{who}; without {'it' if n == 1 else 'them'} there is no path", moved=np.inf)
    one, other = (p.estimate[np.searchsorted(p.periods, common)] for p in (found, without))
    error = found.std_error()[np.searchsorted(found.periods, common)]
    most = int(np.argmax(np.abs(other - one)))
    places = decimals([float(error[most])])
    said = f"from {number(float(one[most]), places)} to {number(float(other[most]), places)}"
    said = f"the effect in period {clock.text(int(common[most]))} changes most, {said}"
    moved = float(np.nanmax(np.abs(other - one) / error)) if np.isfinite(error).any() else np.inf
    return replace(found, always=f"{who}; without {'it' if n == 1 else 'them'} {said}", moved=moved)


def _always_treated(bench: Bench, cell: Cell, rows: Ints) -> Bools:
    """Mark, on all rows, those used of units that are treated in every row used."""
    cohort, unit = bench.cohort(cell), _adopters(bench, cell)
    assert cohort is not None and bench.periods is not None  # noqa: PT018
    found = np.zeros(len(unit), bool)
    before = np.unique(unit[rows][~(bench.periods[rows] >= cohort[rows])])
    found[rows] = ~np.isin(unit[rows], before)
    return found


def _adopters(bench: Bench, cell: Cell) -> Ints:
    """Return the codes of who adopts: units, or the cohorts of a study of repeated cross-sections."""
    units, cohort = bench.panel.unit_codes, bench.cohort(cell)
    assert cohort is not None
    return units if units is not None else np.unique(cohort, return_inverse=True)[1]


def _by_dummies(bench: Bench, cell: Cell, clock: Clock) -> EventPath:
    rows, _ = bench.sample(cell, where=clock.keep)
    place = clock.place[rows]
    seen = [k for k in clock.periods if (place == k).any()]
    if not seen:
        return EventPath(cell, clock, "no treated unit is seen outside the reference period")
    dummies = {f"{PERIOD}{k}": Extra(f"{PERIOD}{k}", (clock.place == k).astype(float)) for k in seen}
    first, *rest = dummies.values()
    fit = bench.fit(cell, treatment=first, extra=rest, where=clock.keep, joint=True)
    if fit.failure is not None:
        return EventPath(cell, clock, fit.failure, fit=fit)
    left_out = {k: fit.open[name] for k, name in zip(seen, dummies, strict=True) if name in fit.open}
    periods = np.array([k for k in seen if k not in left_out])
    if not len(periods):
        return EventPath(cell, clock, _all_open(fit), fit=fit)
    at = np.array([fit.terms.index(f"{PERIOD}{k}") for k in periods])
    used = clock.place[fit.rows]
    return EventPath(
        cell,
        clock,
        None,
        periods,
        fit.estimate[at],
        fit.vcov[:, at[:, None], at],
        tuple(fit.df.tolist()),
        tuple(fit.n_clusters.tolist()),
        fit.vcov_notes,
        np.array([(used == k).sum() for k in periods]),
        fit.nobs,
        (clock.reference,),
        fit,
        notes=tuple(_not_per_unit(bench, cell, fit.rows)),
        left_out=left_out,
        ends=clock.bins(fit.rows),
        by_ends=_held_by_ends(bench, cell, clock, periods, fit),
    )


def _held_by_ends(bench: Bench, cell: Cell, clock: Clock, periods: Ints, fit: CellFit) -> str:
    """Say which ends identify the periods inside the window; empty where the data do without them.

    Rank tells: with an indicator for every period beyond the ends, too, a coefficient inside is estimable, or its
    number is what the constant ends make of it.
    """
    rows, ends = fit.rows, clock.bins(fit.rows)
    inside = {f"{PERIOD}{k}" for k in periods.tolist() if k not in ends}
    if not ends or not inside:
        return ""
    here = np.unique(clock.beyond[rows])
    seen = [int(k) for k in here[np.isfinite(here)] if k != clock.reference]
    first, *rest = (Extra(f"{PERIOD}{k}", (clock.beyond == k).astype(float)) for k in seen)
    free = bench.fit(cell, treatment=first, extra=rest, where=clock.keep, joint=True)
    if free.failure is None and inside.isdisjoint(free.open):
        return ""
    why = "effects have trends" if any("[" in effect for effect in fit.effects) else "no unit is never treated"
    return f"leads and lags are identified only by holding effects constant in the binned ends, as {why}"


def _not_per_unit(bench: Bench, cell: Cell, rows: Ints) -> Iterator[str]:
    """Say that dummies of the cohort have another unit than the coefficient of a treatment that is not 0 or 1."""
    values = bench.treatment(cell)[rows]
    if not np.isin(values[~np.isnan(values)], (0.0, 1.0)).all():
        term = cell.compiled.problem.labels[cell.compiled.members.treatment[cell.member]]
        yield f"effects are of being treated, not per unit of `{term}`, which has other values than 0 and 1"


def _all_open(fit: CellFit) -> str:
    """Say why no period has an effect of its own: leads and lags lie on a line that the effects leave open."""
    effects = without_ticks(" + ".join(fit.effects))
    said = f"no period's effect is identified: given the fixed effects `{effects}`, leads and lags lie on one line; "
    if "[" in effects:
        return said + "leave the trends out"
    return said + "add never treated units, or bin the ends of the window if effects are constant there"


def _interaction_weighted(bench: Bench, cell: Cell, clock: Clock) -> EventPath:
    """Average a Sun-Abraham model's cells in each period, by their rows; ends are averages too."""
    fit, references = refit(cell, clock.keep, clock.reference - clock.start)
    if fit.failure is not None or fit.full is None or fit.full.cells is None:
        return EventPath(cell, clock, fit.failure or "the model has no cells", fit=fit)
    cells = fit.full.cells
    axis, cohorts = cells.relative, np.unique(cells.cohort)
    if clock.calendar:
        axis = np.where((cells.relative >= 0) == (axis + cells.cohort >= clock.start), axis + cells.cohort, np.nan)
        references = tuple(int(cohorts[0]) + k for k in references) if len(cohorts) == 1 else ()
    ends = np.clip(axis, clock.first, clock.last) if clock.binned else axis
    wanted = np.array([k for k in np.unique(ends) if clock.first <= k <= clock.last])
    share = (ends == wanted[:, None]) * cells.size
    size, weights = share.sum(axis=1), np.zeros((len(wanted), len(fit.full.estimate)))
    weights[:, : len(axis)] = share / size[:, None]
    estimate, _, vcov = combine(fit.full, weights)
    known = np.isfinite(estimate)
    why = OPEN_PERIOD.format(without_ticks(" + ".join(fit.effects)))
    left_out = dict.fromkeys(wanted[~known].astype(int).tolist(), why)
    wanted, estimate, vcov, size = wanted[known], estimate[known], vcov[:, known][:, :, known], size[known]
    notes = []
    if not (wanted < clock.start).any():
        references, notes = (), ["the not-yet-treated comparison has no leads"]
    elif clock.calendar and len(cohorts) > 1:
        notes = [
            f"each cohort of {cell.method} is measured against its own period before treatment, so no period is zero"
        ]
    return EventPath(
        cell,
        clock,
        None,
        wanted.astype(np.int64),
        estimate,
        vcov,
        tuple(fit.df.tolist()),
        tuple(fit.n_clusters.tolist()),
        fit.vcov_notes,
        size.round().astype(np.int64),
        fit.nobs,
        references,
        fit,
        tuple(notes),
        left_out=left_out,
        ends=clock.bins(fit.rows),
    )
