"""Effects by relative period: what each estimator gives, their joint tests and bands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from specdid import _plugins
from specdid._records.fits import VCOV_NOTES
from specdid.analyses._base import Bench, Cell, CellFit, Extra
from specdid.analyses._coefficients import Wald, joint_test
from specdid.analyses._event_clock import Clock
from specdid.analyses._fit import refit
from specdid.analyses._words import listed
from specdid.engine.coefficient_table import combine
from specdid.engine.problem import Floats, Ints
from specdid.engine.scores import missing_clusters
from specdid.engine.ssc import critical_values
from specdid.estimators._base import VCOV_NOTES as NOTES
from specdid.estimators._base import Failure

DRAWS = 100_000
"""Draws for the critical value of a simultaneous band: its error is about half a percent."""

OPEN_PERIOD = "not identified: the cohorts' effects in this period cannot be told apart from the fixed effects `{}`"
PERIOD = "period "
"""What the labels of event-time dummies begin with."""


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
    notes : what differs from the others
    left_out : periods that have no estimate, and why
    ends : the ends of the window that hold what lies beyond them in these rows
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
    ends: tuple[int, ...] = ()

    def std_error(self, v: int = 0) -> Floats:
        """Return the standard errors under a vcov, NaN where there are none."""
        variance = np.diagonal(self.vcov[v])
        return np.asarray(np.sqrt(np.where(variance > 0, variance, np.nan)))

    @property
    def bins(self) -> tuple[int, ...]:
        """The periods of the curve that hold what lies beyond them; another end is a single period."""
        return tuple(k for k in self.ends if k in self.references or (self.periods == k).any())

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
        return joint_test(self.estimate[leads], self.vcov[v][np.ix_(leads, leads)], self.df[v])

    def margins(self, alpha: float, seed: int, v: int = 0) -> tuple[float, float]:
        """Return the critical values of pointwise intervals and of the simultaneous band."""
        pointwise = float(critical_values(np.array([self.df[v]]), alpha)[0])
        return pointwise, simultaneous(self.vcov[v], self.df[v], alpha, seed, pointwise)


def simultaneous(vcov: Floats, df: float, alpha: float, seed: int, pointwise: float) -> float:
    """Return the 1 − alpha quantile of max |t|: the sup-t band of Montiel Olea and Plagborg-Møller (2019).

    The draws are of a t distribution with the estimates' correlation and the degrees of
    freedom of the pointwise intervals, seeded by the study.
    """
    variance = np.diagonal(vcov)
    if not (len(variance) and np.isfinite(variance).all() and (variance > 0).all()):
        return float("nan")
    spread = np.sqrt(variance)
    values, vectors = np.linalg.eigh(vcov / np.outer(spread, spread))
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, len(spread)])))
    largest = np.abs(np.einsum("dk,kj->dj", rng.standard_normal((DRAWS, len(spread))), root)).max(axis=1)
    if np.isfinite(df):
        largest = largest / np.sqrt(rng.chisquare(df, DRAWS) / df)
    # More than one estimate cannot have a narrower band than one; the quantile's error could say so.
    return max(pointwise, round(float(np.quantile(largest, 1 - alpha)), 6))


def path(bench: Bench, cell: Cell, clock: Clock) -> EventPath:
    """Estimate a cell by relative period, in the way of its estimator."""
    if cell.method == "feols":
        return _least_squares(bench, cell, clock)
    if int(cell.compiled.members.sunab[cell.member]) >= 0:
        return _interaction_weighted(bench, cell, clock)
    declared = _plugins.load("estimators", cell.method)
    if declared.path is None:
        return EventPath(cell, clock, f"{cell.method} gives no effects by relative period")
    if clock.calendar and not declared.calendar:
        return EventPath(cell, clock, f"{cell.method} gives effects by relative time, not by calendar time")
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
        found.n_clusters,
        words,
        found.size,
        found.nobs,
        (clock.reference,) if cell.method == "lpdid" else (),
        None,
        _notes(cell, () if found.binned else ends),
        found.left_out,
        ends if found.binned else (),
    )


def _notes(cell: Cell, unbinned: tuple[int, ...]) -> tuple[str, ...]:
    if cell.method == "did2s":
        return ("leads of did2s are measured against all untreated rows, not against the reference period",)
    if unbinned:
        return (f"the ends of {cell.method}'s window are single periods: it does not bin",)
    return ()


def _least_squares(bench: Bench, cell: Cell, clock: Clock) -> EventPath:
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
        (),
        left_out,
        clock.bins(fit.rows),
    )


def _all_open(fit: CellFit) -> str:
    """Say why no period has an effect of its own: leads and lags lie on a line that the effects leave open."""
    return (
        f"no period's effect is identified: given the fixed effects `{' + '.join(fit.effects)}`, leads and lags cannot "
        "be told apart from each other; a window whose ends are binned, units that are never treated, or effects "
        "without trends settle them"
    )


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
    left_out = dict.fromkeys(wanted[~known].astype(int).tolist(), OPEN_PERIOD.format(" + ".join(fit.effects)))
    wanted, estimate, vcov, size = wanted[known], estimate[known], vcov[:, known][:, :, known], size[known]
    notes = []
    if not (wanted < clock.start).any():
        references, notes = (), ["the not-yet-treated comparison has no leads"]
    elif clock.calendar and len(cohorts) > 1:
        notes = ["each cohort of sunab is measured against its own period before treatment, so no period is zero"]
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
        left_out,
        clock.bins(fit.rows),
    )
