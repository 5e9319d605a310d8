"""Fixed and random effects of a one-way panel, and the tests between them.

Swamy and Arora's variance components, as Baltagi and Chang (1994, J. Econometrics 62) have
them for unbalanced panels: those of R's plm and of Stata's ``xtreg, re sa``. linearmodels
has them too (``small_sample=True``, equal to 1e-13), but it brings statsmodels and pyhdfe,
takes a second to import and has neither the tests nor the units' theta: what is below is
five weighted regressions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from specdid.engine.problem import Bools, Floats, Ints

TIED = 1e-8
"""A part of a dropped column, as a share of its length, that another contributes."""
COLLINEAR = 1e-9
"""A column with less than this share of its length left is a combination of those before it."""


@dataclass(frozen=True, slots=True)
class Regression:
    """Least squares on the columns ``kept``: estimates (k,), (X'X)⁻¹ (k, k), residuals (n,).

    ``open`` (k,) marks estimates that are not identified: another column is a combination of theirs.
    """

    kept: Ints
    estimate: Floats
    inverse: Floats
    residuals: Floats = field(repr=False)
    open: Bools

    @property
    def rss(self) -> float:
        """The sum of squared residuals."""
        return float(self.residuals @ self.residuals)


@dataclass(frozen=True, slots=True)
class FixedAndRandom:
    """Both estimators; K is the number of columns of X.

    NaN stands where a column was dropped, or is one of those that a dropped one is made of: within
    units, or at all, these cannot be told apart.

    Attributes
    ----------
    fe, re : (K,) estimates
    fe_vcov, re_vcov : (K, K)
    theta : (n_units,), the share of a unit's mean that random effects take off
    variance_e, variance_u : of the errors and of the unit effects; 0 where it came out negative
    open : (K,) columns that a dropped one is made of, in either estimator
    """

    fe: Floats
    fe_vcov: Floats
    re: Floats
    re_vcov: Floats
    theta: Floats
    variance_e: float
    variance_u: float
    open: Bools

    @property
    def common(self) -> Ints:
        """The columns that both have."""
        return np.flatnonzero(np.isfinite(self.fe) & np.isfinite(self.re))


@dataclass(frozen=True, slots=True)
class Test:
    """A Wald test; ``df2`` is inf for chi², else the statistic is an F.

    ``definite`` says whether the covariance that it inverts is positive definite; p is NaN
    where the statistic is negative.
    """

    statistic: float
    df: int
    df2: float
    p_value: float
    definite: bool = True


def least_squares(y: Floats, X: Floats, size: Floats | None = None) -> Regression:
    """Regress y on the columns of X that are no combinations of earlier ones.

    ``size`` are the lengths, (k,), against which what is left of a column is small.
    """
    length = np.linalg.norm(X, axis=0) if size is None else size
    kept: list[int] = []
    made: list[int] = []
    basis = np.empty((len(X), 0))
    for k in range(X.shape[1]):
        left = X[:, k] - basis @ (basis.T @ X[:, k])
        left -= basis @ (basis.T @ left)
        rest = np.linalg.norm(left)
        if rest > COLLINEAR * length[k]:
            kept.append(k)
            basis = np.column_stack([basis, left / rest])
        else:
            made.append(k)
    columns = X[:, kept]
    triangle = basis.T @ columns
    back = np.linalg.solve(triangle, np.eye(len(kept)))
    estimate = back @ (basis.T @ y)
    share = np.abs(back @ (basis.T @ X[:, made])) * np.linalg.norm(columns, axis=0)[:, None]
    tied = (share > TIED * length[made]).any(axis=1)
    return Regression(np.array(kept, np.int64), estimate, back @ back.T, y - columns @ estimate, tied)


def unit_means(units: Ints, columns: Floats) -> Floats:
    """Return the mean of each unit, (n_units, k)."""
    sums = [np.bincount(units, column) for column in columns.T]
    return np.column_stack(sums) / np.bincount(units)[:, None]


def both_effects(y: Floats, X: Floats, units: Ints) -> FixedAndRandom | str:
    """Estimate fixed and random unit effects, or say why not.

    Parameters
    ----------
    y : (N,) float64
    X : (N, K) float64, no constant
    units : (N,) int64, from 0 without gaps
    """
    means, number = unit_means(units, np.column_stack([y, X])), int(units.max()) + 1
    within = least_squares(y - means[units, 0], X - means[units, 1:], np.linalg.norm(X, axis=0))
    df = len(y) - number - len(within.kept)
    if not len(within.kept):
        return "no term of the right-hand side varies within units"
    if df < 1:
        return "there are no more observations than units and terms"
    variance_e = within.rss / df
    periods = np.bincount(units).astype(np.float64)
    found = _unit_variance(means, periods, variance_e)
    if isinstance(found, str):
        return found
    theta = 1 - np.sqrt(variance_e / (periods * found + variance_e))
    random = least_squares(*_quasi_demeaned(y, X, units, theta))
    spread = random.rss / (len(y) - len(random.kept))
    fe, fe_vcov = _placed(within, variance_e, X.shape[1], 0)
    re, re_vcov = _placed(random, spread, X.shape[1], 1)
    open_ = np.zeros(X.shape[1], bool)
    open_[within.kept[within.open]] = True
    open_[random.kept[random.open & (random.kept > 0)] - 1] = True
    return FixedAndRandom(fe, fe_vcov, re, re_vcov, theta, variance_e, found, open_)


def _unit_variance(means: Floats, periods: Floats, variance_e: float) -> float | str:
    """Return the variance of the unit effects, from a regression of means weighted by periods."""
    Z = np.column_stack([np.ones(len(means)), means[:, 1:]])
    root = np.sqrt(periods)
    between = least_squares(means[:, 0] * root, Z * root[:, None])
    df = len(means) - len(between.kept)
    if df < 1:
        return f"there are too few units ({len(means):,}) for a regression of their means on the terms"
    kept = Z[:, between.kept]
    trace = float(np.trace(between.inverse @ (kept.T * periods**2) @ kept))
    return max((between.rss - df * variance_e) / (float(periods.sum()) - trace), 0.0)


def _quasi_demeaned(y: Floats, X: Floats, units: Ints, theta: Floats) -> tuple[Floats, Floats]:
    """Take theta times the unit's mean off the outcome, a constant and the columns."""
    full = np.column_stack([y, np.ones(len(y)), X])
    moved = full - (theta[:, None] * unit_means(units, full))[units]
    return moved[:, 0], moved[:, 1:]


def _placed(fit: Regression, variance: float, count: int, lead: int) -> tuple[Floats, Floats]:
    """Return estimates and covariances by column, without the ``lead`` first ones."""
    estimate, vcov = np.full(count + lead, np.nan), np.full((count + lead,) * 2, np.nan)
    estimate[fit.kept] = fit.estimate
    vcov[np.ix_(fit.kept, fit.kept)] = variance * fit.inverse
    estimate[fit.kept[fit.open]] = np.nan
    vcov[fit.kept[fit.open]], vcov[:, fit.kept[fit.open]] = np.nan, np.nan
    return estimate[lead:], vcov[lead:, lead:]


def hausman(effects: FixedAndRandom, tested: Bools | None = None) -> Test:
    """Test that fixed and random effects differ by chance only (Hausman 1978), iid errors assumed.

    The statistic is (b - B)'(V_b - V_B)⁻¹(b - B) with its sign: where V_b - V_B is not
    positive definite it may be negative, and has no p-value then. ``tested`` (K,) leaves
    columns out of it: those that are the same for all units in a period, of which both
    estimators say the same (Wooldridge 2010, section 10.7.3).
    """
    from scipy.special import chdtrc

    c = effects.common if tested is None else effects.common[tested[effects.common]]
    if not len(c):
        return Test(np.nan, 0, np.inf, np.nan, False)
    difference = effects.fe[c] - effects.re[c]
    variance = (effects.fe_vcov - effects.re_vcov)[np.ix_(c, c)]
    scale = np.sqrt(np.diag(effects.fe_vcov)[c])
    roots = np.linalg.eigvalsh(variance / np.outer(scale, scale))
    if np.abs(roots).min() < 1e-12:
        return Test(np.nan, len(c), np.inf, np.nan, False)
    statistic = float(difference @ np.linalg.solve(variance, difference))
    p = float(chdtrc(len(c), statistic)) if statistic >= 0 else np.nan
    return Test(statistic, len(c), np.inf, p, bool(roots.min() > 0))


def mundlak(y: Floats, X: Floats, units: Ints, theta: Floats, tested: Bools | None = None) -> Test:
    """Test that the unit means do not belong into the random-effects regression (Mundlak 1978).

    Cluster-robust by unit, F with units - 1 degrees of freedom; it needs neither iid errors
    nor efficient random effects (Wooldridge 2010, section 10.7.3).
    """
    from scipy.special import fdtrc

    means = unit_means(units, X)[units]
    lead = X.shape[1] + 1
    outcome, columns = _quasi_demeaned(y, np.column_stack([X, means]), units, theta)
    fit = least_squares(outcome, columns)
    mean = fit.kept >= lead
    if tested is not None:
        mean[mean] = tested[fit.kept[mean] - lead]
    place = np.flatnonzero(mean)
    groups, q = len(theta), len(place)
    if not q or groups <= q:
        return Test(np.nan, q, float(groups - 1), np.nan, False)
    scores = columns[:, fit.kept] * fit.residuals[:, None]
    sums = np.column_stack([np.bincount(units, s) for s in scores.T])
    correction = groups / (groups - 1) * (len(y) - 1) / (len(y) - len(fit.kept))
    vcov = (correction * fit.inverse @ (sums.T @ sums) @ fit.inverse)[np.ix_(place, place)]
    value = fit.estimate[place]
    statistic = float(value @ np.linalg.solve(vcov, value)) / q
    return Test(statistic, q, float(groups - 1), float(fdtrc(q, groups - 1, statistic)))
