"""From a pyfixest fit to an Estimate: coefficients and covariances in the task's units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from specdid.engine import ssc
from specdid.engine.demean import Absorber, relevel
from specdid.engine.dense import NO_VARIANCE
from specdid.engine.estimable import null_space
from specdid.engine.qr_basis import make_basis, triangle
from specdid.estimators._base import CONSTANT, TREATMENT, Coefficients, Estimate, Floats, Ints, Task
from specdid.estimators._pyfixest import Bools, Model, unidentified

_INTERCEPT = "Intercept"


@dataclass(frozen=True, slots=True)
class _Rows:
    """The coefficients asked for as ``matrix @ pyfixest's + offset``, the treatment's first."""

    columns: tuple[int, ...]
    matrix: Floats
    offset: Floats


def read(fit: Any, laid: Model, task: Task, shares: Floats, normal: bool = False) -> Estimate:
    """Read the ``shares``-weighted mean of the treatment's coefficients, and the others.

    Parameters
    ----------
    shares : (m,) float64
        Weights of the treatment's columns, made to sum to one. A column may be dropped where it
        leaves this mean as it is: the others have its effect then.
    normal : p-values from the normal distribution (fepois, logit), not from t.
    """
    names = list(fit._coefnames)
    kept = np.array([name in names for name in laid.names])
    if not np.any(kept & (shares != 0)):
        raise unidentified(laid)
    rows = _rows(names, laid, shares / shares.sum(), task.controls.shape[1])
    used = np.zeros(len(laid.keep), bool)
    used[np.flatnonzero(laid.keep)[fit._data.index.to_numpy()]] = True
    plain = fit._vcov.copy()  # of iid errors, which the fit comes with
    errors = [_error(fit, laid, task, v, rows.matrix, plain, normal) for v in range(len(task.vcovs))]
    estimate = rows.matrix @ fit._beta_hat + rows.offset
    r2 = float("nan") if normal else float(fit._r2)
    open_ = ~_identified(task, used, rows.columns)
    vcov = np.array([e[4] for e in errors])
    vcov[:, open_], vcov[:, :, open_] = np.nan, np.nan
    return Estimate(
        estimate=float(estimate[0]),
        std_error=tuple(e[0] for e in errors),
        df=tuple(e[1] for e in errors),
        n_clusters=tuple(e[2] for e in errors),
        nobs=int(fit._N),
        dropped=tuple(j for j in range(task.controls.shape[1]) if f"x{j}" not in names),
        r2_within=float(fit._r2_within) if task.effects and not normal else float("nan"),
        keep=None if used.all() else used,
        vcov_notes=tuple(e[3] for e in errors),
        coefficients=Coefficients(rows.columns, np.where(open_, np.nan, estimate), vcov, r2),
    )


def absorber_of(task: Task, rows: Bools) -> Absorber:
    """Return the effects of some rows of a task."""
    codes = tuple(relevel(c[rows]) for c in task.effects)
    slopes = tuple((relevel(c[rows]), values[rows]) for c, values in task.slopes)
    if not codes and not slopes:
        codes = (np.zeros(int(rows.sum()), np.int64),)
    sizes = [np.array([int(c.max()) + 1 for c in part], np.int64) for part in (codes, [c for c, _ in slopes])]
    return Absorber(codes, sizes[0], slopes, sizes[1], None if task.weights is None else task.weights[rows])


def _identified(task: Task, used: Bools, columns: tuple[int, ...]) -> Bools:
    """Tell which coefficients of a table are identified: of controls that a dropped one is made of, none is.

    What is open does not depend on weights, and so not on the iterations of a GLM.
    """
    count = task.controls.shape[1]
    if sum(c >= 0 for c in columns) == count:
        return np.ones(len(columns), bool)
    controls = np.asfortranarray(task.controls[used])
    means, table = controls.mean(axis=0), np.zeros((len(columns), count))
    basis = make_basis(controls, absorber_of(task, used), factors=triangle)
    for k, c in enumerate(columns):
        if c == CONSTANT:  # it moves with what is open, but not with a column that is as if it were not there
            table[k] = np.where(basis.absorbed[:count], 0.0, means)
        elif c >= 0:
            table[k, c] = 1.0
    return null_space(basis, np.arange(count))[1].estimable(table)


def _rows(names: list[str], laid: Model, shares: Floats, controls: int) -> _Rows:
    """Undo the scaling; slopes of fixed effects are no coefficients of the table."""
    found = [(TREATMENT, np.zeros(len(names)), 0.0)]
    for name, share in zip(laid.names, shares, strict=True):
        if name in names:
            found[0][1][names.index(name)] = share / laid.unit[name] * laid.outcome_unit
    for j in range(controls):
        if f"x{j}" in names:
            row = np.zeros(len(names))
            row[names.index(f"x{j}")] = laid.outcome_unit / laid.unit[f"x{j}"]
            found.append((j, row, 0.0))
    if _INTERCEPT in names:
        row = np.array([1.0 if n == _INTERCEPT else -laid.mean[n] / laid.unit[n] for n in names])
        found.append((CONSTANT, row * laid.outcome_unit, laid.outcome_mean + float(np.log(laid.count_unit))))
    return _Rows(tuple(f[0] for f in found), np.array([f[1] for f in found]), np.array([f[2] for f in found]))


def uncounted_slopes(fit: Any, levels: tuple[Ints, ...]) -> int:
    """Count the slopes that pyfixest dropped as collinear; as in fixest each one is a parameter.

    Parameters
    ----------
    fit : with the columns of slope j named s{j}_{level}
    levels : (n,) int64 for each slope
    """
    kept = [name for name in fit._coefnames if name.startswith("s")]
    return sum(len(np.unique(codes)) for codes in levels) - len(kept)


def _error(
    fit: Any, laid: Model, task: Task, v: int, rows: Floats, plain: Floats, normal: bool
) -> tuple[float, float, int, str, Floats]:
    """Return the treatment's standard error, df, clusters, the note of vcov ``v``, and all covariances.

    ``plain`` is the covariance of iid errors, beside which one that is rounding is none.
    """
    nan, clusters, argument, nothing = float("nan"), -1, task.vcovs[v], np.full((len(rows), len(rows)), np.nan)
    if argument == "cluster":
        columns = [f"c{v}_{j}" for j in range(len(task.clusters[v]))]
        clusters = min(int(fit._data[c].nunique()) for c in columns)
        if clusters < 2:
            return nan, nan, clusters, "few_clusters", nothing
        argument = {"CRV1": " + ".join(columns)}  # type: ignore[assignment]
    fit.vcov(argument)
    kept = np.flatnonzero(laid.keep)[fit._data.index.to_numpy()]
    uncounted = uncounted_slopes(fit, tuple(codes[kept] for codes, _ in task.slopes))
    left = fit._N - fit._df_k - uncounted
    if left <= 0:
        return nan, nan, clusters, "no_df", nothing
    factor, t_df = (left + uncounted) / left, float(clusters - 1 if clusters > 0 else left)
    if task.rule(v) != "fixest":
        factor, t_df = _by_rule(fit, task, v, kept, clusters, normal)
        if np.isnan(factor):
            return nan, nan, clusters, "not_offered" if normal and argument == "iid" else "uncounted", nothing
    size = np.abs(rows).max(axis=1)  # its square may be no number
    if argument == "iid":
        size, rows = size / np.sqrt(laid.count_unit), rows / np.sqrt(laid.count_unit)
    rows = rows / size[:, None]
    variance = rows @ fit._vcov @ rows.T * factor
    df = float("inf") if normal and task.distribution(v) != "t" else t_df
    if not variance[0, 0] > NO_VARIANCE * float(rows[0] @ plain @ rows[0]):  # else it is rounding
        return nan, df, clusters, "not_positive", nothing
    whole = np.outer(size, size) * variance
    return float(np.sqrt(variance[0, 0]) * size[0]), df, clusters, "", np.where(np.isfinite(whole), whole, np.nan)


def _by_rule(fit: Any, task: Task, v: int, kept: Ints, clusters: int, glm: bool) -> tuple[float, float]:
    """Return what turns pyfixest's variance into that of another rule than fixest's, and the df of t.

    A Poisson or logit model has no dispersion to estimate: its iid variance is the inverse of the
    information, as it is. ppmlhdfe, reghdfe's sister, counts no parameters.
    """
    kind, rule = task.vcovs[v], task.rule(v)
    codes = [relevel(c[kept]) for c in task.effects] or [np.zeros(len(kept), np.int64)]
    slopes = tuple((relevel(c[kept]), x[kept]) for c, x in task.slopes)
    of = tuple(c[kept] for c in task.clusters[v])
    counting = "glm" if glm and rule == "reghdfe" else rule
    asked = ssc.correction(kind, counting, tuple(codes), slopes, of)
    k = sum(not name.startswith("s") and name != _INTERCEPT for name in fit._coefnames)
    own = float(ssc.variance_factor(kind, fit._N, fit._df_k, clusters))
    df = float(asked.t_df(fit._N, k, clusters))
    if glm and kind == "iid":
        return (float("nan") if rule == "reghdfe" else (fit._N - fit._df_k) / (fit._N - 1)), df
    return float(asked.factor(fit._N, k, clusters)) / own, df
