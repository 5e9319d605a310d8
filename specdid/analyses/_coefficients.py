"""What a regression of an analysis gave: coefficients, covariances, combinations and Wald tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from specdid.analyses._cells import Cell
from specdid.engine.coefficient_table import FullFit
from specdid.engine.problem import Floats, Ints
from specdid.engine.ssc import t_inference

CONSTANT_LABEL = "Constant"


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A number with its error under one vcov; NaN where ``note`` says why."""

    label: str
    estimate: float
    std_error: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float
    df: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Wald:
    """A joint test that combinations are zero: F = chi² / df1 with df2 degrees (inf: chi²)."""

    statistic: float
    df1: int
    df2: float
    p_value: float


@dataclass(frozen=True, slots=True)
class CellFit:
    """What one regression gave.

    Attributes
    ----------
    failure : None, or why there are no numbers (everything else is then empty)
    terms : (k,) texts: the treatment, extras, controls that were kept, "Constant"
    estimate : (k,), vcov : (V, k, k), df and n_clusters : (V,)
        NaN for coefficients that are not identified.
    vcov_notes : (V,) texts, why a vcov has no standard errors
    rows : rows of the panel used
    n_units, n_treated, n_control, n_always : units, those whose treatment varies, never, always treated
    dropped : terms dropped as collinear
    effects : the fixed effects, as texts, with their levels
    full : the engine's own record, of least squares
    pseudo_r2 : McFadden's, NaN where the estimator has none
    alone : why the treatment's is the only coefficient, empty where all are there
    open : why terms of ``terms`` and ``dropped`` have no coefficient of their own
    """

    cell: Cell = field(repr=False)
    failure: str | None
    terms: tuple[str, ...]
    estimate: Floats
    vcov: Floats = field(repr=False)
    vcov_notes: tuple[str, ...]
    df: Floats
    n_clusters: Ints
    rows: Ints = field(repr=False)
    nobs: int
    n_units: int
    n_treated: int
    n_control: int
    n_always: int
    r2: float
    r2_within: float
    dropped: tuple[str, ...]
    effects: tuple[str, ...]
    alpha: float
    full: FullFit | None = field(default=None, repr=False)
    pseudo_r2: float = float("nan")
    alone: str = ""
    open: Mapping[str, str] = field(default_factory=dict)

    def place(self, term: str | int) -> int:
        """Return the position of a term, which is 0 for the treatment; ValueError if it is not there."""
        return term if isinstance(term, int) else self.terms.index(term)

    def coefficient(self, term: str | int = 0, vcov: int = 0) -> Coefficient:
        """Return one coefficient under one vcov."""
        weights = np.zeros((1, len(self.estimate)))
        weights[0, self.place(term)] = 1.0
        return self.combine(weights, (self.terms[self.place(term)],), vcov)[0]

    def combine(self, weights: Floats, labels: Sequence[str] = (), vcov: int = 0) -> tuple[Coefficient, ...]:
        """Return linear combinations; weights are (m, k)."""
        here = (weights != 0).any(axis=0)  # what is not identified is NaN, and would spread
        weights = weights[:, here]
        estimate = weights @ self.estimate[here]
        variance = np.einsum("mk,kl,ml->m", weights, self.vcov[vcov][np.ix_(here, here)], weights)
        error = np.sqrt(np.where(variance > 0, variance, np.nan))
        df = np.full(len(estimate), self.df[vcov])
        numbers = t_inference(estimate, error, df, self.alpha)
        names = labels or [""] * len(estimate)
        table = np.column_stack([estimate, error, *numbers, df]).tolist()
        note = self.vcov_notes[vcov]
        return tuple(
            Coefficient(name, b, se, t, p, low, high, freedom, self.open.get(name, note))
            for name, (b, se, t, p, low, high, freedom) in zip(names, table, strict=True)
        )

    def wald(self, weights: Floats, vcov: int = 0) -> Wald:
        """Test jointly that combinations (q, k) are zero, F with df2 of the vcov's t (clusters − 1).

        NaN where a combination is not identified, or the covariance of all is singular or not there.
        """
        here = (weights != 0).any(axis=0)
        variance = weights[:, here] @ self.vcov[vcov][np.ix_(here, here)] @ weights[:, here].T
        return joint_test(weights[:, here] @ self.estimate[here], variance, float(self.df[vcov]))


def joint_test(value: Floats, variance: Floats, df2: float) -> Wald:
    """Test that ``value`` (q,) with covariance (q, q) is zero: F with df2 degrees, inf for chi²."""
    from scipy.special import chdtrc, fdtrc

    q = len(value)
    if not q or not np.isfinite(variance).all():
        return Wald(np.nan, q, df2, np.nan)
    # Two-way clustered covariances need not be positive definite: there is no test then.
    diagonal = np.diag(variance)
    if not (diagonal > 0).all():
        return Wald(np.nan, q, df2, np.nan)
    unit = np.sqrt(diagonal)
    scaled, correlation = value / unit, variance / np.outer(unit, unit)
    values = np.linalg.eigvalsh(correlation)
    if values[0] <= q * np.finfo(float).eps * values[-1]:
        return Wald(np.nan, q, df2, np.nan)
    statistic = float(scaled @ np.linalg.solve(correlation, scaled)) / q
    p_value = chdtrc(q, statistic * q) if np.isinf(df2) else fdtrc(q, df2, statistic)
    return Wald(statistic, q, df2, float(p_value))
