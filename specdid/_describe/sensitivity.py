"""How strong an omitted confounder must be: robustness value, partial R² and Oster's delta.

Fixed effects are taken out of every regression; everything is within them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from specdid._arrays import extreme_power
from specdid.engine.coefficient_table import CONSTANT, FullFit, fit_full
from specdid.engine.demean import demean, make_absorber
from specdid.engine.problem import Code, Members, Problem, Vcov


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Of one least-squares specification.

    Attributes
    ----------
    partial_r2 : of the treatment with the outcome.
    rv : the robustness value for an estimate of zero (q = 1).
    rv_alpha : the same for an estimate that is not significant at alpha, classical errors.
    alpha
    delta : Oster's, for an effect of zero; NaN without controls.
    r_max : the R² at which it is taken.
    """

    partial_r2: float
    rv: float
    rv_alpha: float
    alpha: float
    delta: float
    r_max: float


@dataclass(frozen=True, slots=True)
class Moments:
    """What delta is made of: the coefficient and R² without and with controls, and variances.

    ``x`` is the variance of the treatment and ``rest`` that of its residual on the controls.
    """

    short: float
    r_short: float
    long: float
    r_long: float
    y: float
    x: float
    rest: float


def sensitivity(problem: Problem, members: Members, s: int) -> Sensitivity | None:
    """Compute it for plain least-squares member ``s``; None where it cannot be estimated."""
    classical = replace(problem, vcovs=(Vcov("iid"),))
    fit = fit_full(classical, members, s)
    if fit.code != Code.OK or fit.cells is not None or not np.isfinite(fit.df[0]):
        return None
    t, df = float(fit.estimate[0] / fit.std_error[0, 0]), float(fit.df[0])
    found = moments(problem, members, s, fit)
    r_max = min(1.0, 1.3 * found.r_long)
    controlled = len(fit.columns) > 2
    return Sensitivity(
        t**2 / (t**2 + df),
        robustness_value(t, df),
        robustness_value(t, df, problem.alpha),
        problem.alpha,
        oster_delta(found, r_max) if controlled else float("nan"),
        r_max,
    )


def robustness_value(t: float, df: float, alpha: float = 1.0, q: float = 1.0) -> float:
    """Return the partial R² with treatment and outcome that takes away a share q of the estimate.

    Cinelli and Hazlett (2020, JRSS B 82), equations 18 to 20 and supplement; ``alpha`` 1 is
    for the estimate itself, less for its significance.
    """
    f = q * abs(t) / np.sqrt(df)
    critical = abs(float(stdtrit(df - 1, alpha / 2))) / np.sqrt(df - 1) if alpha < 1 else 0.0
    left = f - critical
    if left <= 0:
        return 0.0
    if critical > 0 and f > 1 / critical:
        return float((f**2 - critical**2) / (1 + f**2))
    return float(0.5 * (np.sqrt(left**4 + 4 * left**2) - left**2))


def moments(problem: Problem, members: Members, s: int, fit: FullFit) -> Moments:
    """Take the moments on the rows of the full regression, after its fixed effects."""
    rows, weight = fit.rows, int(members.weights[s])
    weights = None if weight < 0 else problem.values[rows, weight]
    columns = fit.columns[fit.columns != CONSTANT]
    wanted = np.concatenate([[members.outcome[s]], columns])
    values = np.asfortranarray(problem.values[np.ix_(rows, wanted)])
    for column in values.T:  # the unit of a variable is without effect on delta and the robustness value
        np.ldexp(column, -extreme_power(column), out=column)
    demean(values, make_absorber(problem, problem.effects[members.effects[s]], rows, weights))
    if weights is not None:
        values *= np.sqrt(weights / weights.mean())[:, None]
    y, x, controls = values[:, 0], values[:, 1], values[:, 2:]
    n, basis = len(rows), np.linalg.qr(controls)[0]
    left_x, left_y = x - basis @ (basis.T @ x), y - basis @ (basis.T @ y)
    short, long = float(x @ y / (x @ x)), float(left_x @ left_y / (left_x @ left_x))
    rss = float(np.sum((left_y - long * left_x) ** 2))
    total = float(y @ y)
    return Moments(
        short,
        short**2 * float(x @ x) / total,
        long,
        1 - rss / total,
        total / n,
        float(x @ x) / n,
        float(left_x @ left_x) / n,
    )


def oster_delta(m: Moments, r_max: float, beta: float = 0.0) -> float:
    """Return the selection on unobservables, relative to observables, under which the effect is ``beta``.

    Oster (2019, JBES 37), proposition 3.
    """
    gap, moved, room = m.long - beta, m.short - m.long, (r_max - m.r_long) * m.y
    cubic = gap**3 * (m.rest * m.x - m.rest**2)
    above = (
        gap * (m.r_long - m.r_short) * m.y * m.rest
        + gap * m.x * m.rest * moved**2
        + 2 * gap**2 * m.rest * moved * m.x
        + cubic
    )
    below = room * moved * m.x + gap * room * (m.x - m.rest) + gap**2 * m.rest * moved * m.x + cubic
    return above / below if below else float("inf")
