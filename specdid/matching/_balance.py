"""How alike treated and controls are, before and after matching."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid.matching._score import fit_logit


@dataclass(frozen=True, slots=True)
class Balance:
    """Balance of k variables; the first axis of length 2 is before and after matching.

    Attributes
    ----------
    mean_treated, mean_control : (2, k) float64
    bias : (2, k) float64
        Standardised bias in per cent, by the standard deviation before matching.
    reduction : (k,) float64
        By how many per cent the absolute bias fell; negative where it grew.
    variance_ratio : (2, k) float64, variance of the treated over that of the controls
    t, p_value : (2, k) float64, of a (weighted) regression of the variable on treated
    n_treated, n_control : (2,) int64
    n_eff_control : (2,) float64, Kish's effective number of controls
    """

    mean_treated: Floats
    mean_control: Floats
    bias: Floats
    reduction: Floats
    variance_ratio: Floats
    t: Floats
    p_value: Floats
    n_treated: Ints
    n_control: Ints
    n_eff_control: Floats


@dataclass(frozen=True, slots=True)
class BalanceTest:
    """Likelihood-ratio test that no variable predicts treatment in a (weighted) logit.

    NaN where the variables separate treated and controls.
    """

    chi2: float
    df: int
    p_value: float
    pseudo_r2: float


def balance(
    columns: Floats,
    treated: Bools,
    weights: Floats,
    denominator: Literal["pooled", "treated"] = "pooled",
) -> Balance:
    """Compare treated and controls variable by variable.

    Parameters
    ----------
    columns : (n, k) float64, complete
    treated : (n,) bool
    weights : (n,) float64, of the match; 0 where not matched
    denominator
        What standardises: "pooled", √((s²₁ + s²₀) / 2) (Rosenbaum and Rubin 1985; Stata's
        pstest), or "treated", s₁ (MatchIt).
    """
    stages = (np.ones(len(treated)), weights)
    treat = [_moments(columns[treated], w[treated]) for w in stages]
    control = [_moments(columns[~treated], w[~treated]) for w in stages]
    means = np.array([m for m, _ in treat]), np.array([m for m, _ in control])
    spreads = np.array([v for _, v in treat]), np.array([v for _, v in control])
    squared = spreads[0][0] if denominator == "treated" else (spreads[0][0] + spreads[1][0]) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        bias = 100.0 * (means[0] - means[1]) / np.sqrt(squared)
        reduction = 100.0 * (1.0 - np.abs(bias[1]) / np.abs(bias[0]))
        ratio = spreads[0] / spreads[1]
    t, p = np.array([_t_test(columns, treated, w) for w in stages]).swapaxes(0, 1)
    n_treated, n_control, n_eff = _sizes(treated, stages)
    return Balance(*means, bias, reduction, ratio, t, p, n_treated, n_control, n_eff)


def _sizes(treated: Bools, stages: tuple[Floats, ...]) -> tuple[Ints, Ints, Floats]:
    controls = [w[~treated] for w in stages]
    return (
        np.array([np.count_nonzero(w[treated]) for w in stages], np.int64),
        np.array([np.count_nonzero(w) for w in controls], np.int64),
        np.array([w.sum() ** 2 / (w**2).sum() if w.any() else 0.0 for w in controls]),
    )


def _moments(columns: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return weighted means and variances, (k,) each; with equal weights the variance has n - 1."""
    total = weights.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = weights @ columns / total
        spread = weights @ (columns - mean) ** 2 * total / (total**2 - (weights**2).sum())
    return mean, spread


def _t_test(columns: Floats, treated: Bools, weights: Floats) -> tuple[Floats, Floats]:
    """Test equal means by weighted least squares on the rows with a weight, as pstest does."""
    from scipy.special import stdtr

    used = weights > 0
    w, on, X = weights[used], treated[used], columns[used]
    df = len(w) - 2
    one, zero = w * on, w * ~on
    with np.errstate(divide="ignore", invalid="ignore"):
        means = one @ X / one.sum(), zero @ X / zero.sum()
        residual = X - np.where(on[:, None], *means)
        variance = w @ residual**2 / df * (1 / one.sum() + 1 / zero.sum())
        t = (means[0] - means[1]) / np.sqrt(variance)
    return t, 2.0 * stdtr(df, -np.abs(t))


def joint_test(columns: Floats, treated: Bools, weights: Floats) -> BalanceTest:
    """Test all variables at once on the rows with a weight.

    Parameters
    ----------
    columns : (n, k) float64, complete
    treated : (n,) bool
    weights : (n,) float64; ones for the test before matching

    Notes
    -----
    Pseudo-R² and likelihood ratio of the treatment equation estimated again on the
    matched sample (Sianesi 2004), by logit as the score is.
    """
    from scipy.special import chdtrc

    used = weights > 0
    fit = fit_logit(treated[used], columns[used], weights[used])
    if fit.separated:
        return BalanceTest(np.nan, fit.df, np.nan, np.nan)
    share = float(weights[treated].sum() / weights.sum())
    null = float(weights.sum() * (share * np.log(share) + (1 - share) * np.log1p(-share)))
    chi2 = max(2.0 * (fit.log_likelihood - null), 0.0)
    return BalanceTest(chi2, fit.df, float(chdtrc(fit.df, chi2)), 1.0 - fit.log_likelihood / null)
