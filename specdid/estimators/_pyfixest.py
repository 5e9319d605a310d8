"""The boundary to pyfixest: arrays in, small records out, its exceptions in a researcher's words.

pyfixest sees a data frame with columns y, w, x0.., d0.., f0_0.., c0_0.. and formulas over
these names only. Fixed effects are joined by " + ": without the spaces pyfixest may take
the wrong effect for nested in the cluster, depending on the process's hash seed.

`read` turns a fit into an Estimate: coefficients and covariances in the task's units.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid.engine import ssc
from specdid.engine.demean import Absorber, relevel
from specdid.engine.estimable import null_space
from specdid.engine.least_squares import NO_VARIANCE
from specdid.engine.qr_basis import make_basis, triangle
from specdid.estimators._base import CONSTANT, TREATMENT, Coefficients, Estimate, Failure, Task

INTERCEPT = "Intercept"


class Refusal(Exception):  # noqa: N818 - carries a Failure out of nested calls, is never shown
    """A Failure met on the way."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(code, message)


@dataclass(frozen=True, slots=True)
class Model:
    """A task as pyfixest takes it.

    Attributes
    ----------
    formula : text over the columns of ``data``
    data : pandas DataFrame of n rows
    keep : (n of the task,) bool, the task's rows in ``data``
    names : m names of the treatment's columns
    unit, mean : by column, treatments, controls and slopes
        What one unit of the column in ``data``, and its zero, are in the task's units.
    outcome_unit, outcome_mean : the same for the outcome
    count_unit : the same for a count, whose slopes do not depend on it but whose iid variance does
    """

    formula: str
    data: Any
    keep: Bools
    names: tuple[str, ...]
    unit: Mapping[str, float]
    mean: Mapping[str, float]
    outcome_unit: float = 1.0
    outcome_mean: float = 0.0
    count_unit: float = 1.0


class _Quiet:
    """Silences warnings; threads share their filters, so the first in saves and the last out restores."""

    def __init__(self) -> None:
        self.lock, self.depth, self.saved = Lock(), 0, warnings.catch_warnings()

    def __enter__(self) -> None:
        with self.lock:
            if self.depth == 0:
                self.saved = warnings.catch_warnings()
                self.saved.__enter__()
                warnings.simplefilter("ignore")
            self.depth += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.depth -= 1
            if self.depth == 0:
                self.saved.__exit__(None, None, None)


_quiet = _Quiet()
_loading = Lock()


def load_pyfixest() -> Any:
    """Import pyfixest with all that estimates, for one thread at a time: two could wait for each other."""
    with _loading:
        import pyfixest as pf

        _ = pf.feols, pf.fepois
    return pf


P = ParamSpec("P")
R = TypeVar("R")


def guarded(
    fit: Callable[Concatenate[Task, P], R | Failure],
) -> Callable[Concatenate[Task, P], R | Failure]:
    """Turn everything an estimator raises into a Failure; no warning reaches the user."""

    def fit_guarded(task: Task, /, *more: P.args, **named: P.kwargs) -> R | Failure:
        with _quiet, np.errstate(all="ignore"):
            try:
                return fit(task, *more, **named)
            except Refusal as refusal:
                return refusal.failure
            except (KeyboardInterrupt, SystemExit, MemoryError):
                raise
            except BaseException as error:  # one is a row, never the run's end; a Rust panic is no Exception
                return translate(error)

    return fit_guarded


def refusal(begin: Callable[[Task], object]) -> Callable[[Task], Failure | None]:
    """Return `Estimator.refuses` of an estimator that begins so: its Refusal, if there is one."""

    def refuses(task: Task) -> Failure | None:
        try:
            begin(task)
        except Refusal as refused:
            return refused.failure
        return None

    return refuses


def translate(error: BaseException) -> Failure:
    """Put an exception of pyfixest, numpy or scipy into words."""
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    if "Demeaning failed" in text:
        return Failure("not_converged", "demeaning by the fixed effects did not converge")
    if type(error).__name__ == "NonConvergenceError" or "Step-halving failed" in text:
        return Failure("not_converged", "the iterations did not converge")
    if isinstance(error, np.linalg.LinAlgError):
        return Failure("not_identified", "the coefficients cannot be told apart")
    return Failure("estimator_error", f"the estimation stopped: {text}")


def standardised(column: Floats) -> tuple[Floats, float]:
    """Centre and scale to unit SD (pyfixest's tolerances are absolute); give the SD too.

    The largest value is made about one first: squares of 1e200 are no numbers, those of 1e-200 are 0.
    """
    power = np.frexp(np.abs(column).max(initial=0.0))[1]
    small = np.ldexp(column, -power)
    centred = small - small.mean()
    sd = float(np.sqrt(np.mean(centred**2)))
    return (centred / sd, float(np.ldexp(sd, power))) if sd > 0 else (centred, 1.0)


def mean_of(column: Floats) -> float:
    """Return the mean that `standardised` takes off, in the column's units."""
    power = np.frexp(np.abs(column).max(initial=0.0))[1]
    return float(np.ldexp(np.ldexp(column, -power).mean(), power))


def effect_names(count: int) -> list[str]:
    """Name fixed effects so that pyfixest keeps their order.

    It passes the names through a set, whose order changes with the process's hash seed,
    and with the order of demeaning the last digits change. So names are tried until this
    process's set leaves them as they are.
    """
    attempt = 0
    while True:
        names = [f"f{j}_{attempt}" for j in range(count)]
        if list(set(names)) == names:
            return names
        attempt += 1


def model(task: Task, treatments: Floats, keep: Bools | None = None, scale_outcome: bool = False) -> Model:
    """Lay out ``task`` with the columns of ``treatments`` (n, m) last, on the rows ``keep``."""
    import pandas as pd

    rows = np.ones(len(task.outcome), bool) if keep is None else keep
    outcome, outcome_unit, outcome_mean = task.outcome[rows], 1.0, 0.0
    if scale_outcome:
        outcome_mean = mean_of(outcome)
        outcome, outcome_unit = standardised(outcome)
    names = tuple(f"d{j}" for j in range(treatments.shape[1]))
    regressors = {f"x{j}": column for j, column in enumerate(task.controls[rows].T)}
    regressors |= _slope_columns(task, rows) | dict(zip(names, treatments[rows].T, strict=True))
    scaled = {name: standardised(column) for name, column in regressors.items()}
    columns: dict[str, Floats | Ints] = {"y": outcome} | {name: pair[0] for name, pair in scaled.items()}
    fixed = effect_names(len(task.effects))
    columns |= {name: codes[rows] for name, codes in zip(fixed, task.effects, strict=True)}
    if task.weights is not None:
        columns["w"] = task.weights[rows] / task.weights[rows].mean()
    for v, clusters in enumerate(task.clusters):
        for j, codes in enumerate(clusters):
            columns[f"c{v}_{j}"] = codes[rows]
    effects = " + ".join(fixed)
    formula = f"y ~ {' + '.join(regressors)}" + (f" | {effects}" if effects else "")
    unit, mean = ({n: p[1] for n, p in scaled.items()}, {n: mean_of(c) for n, c in regressors.items()})
    return Model(formula, pd.DataFrame(columns), rows, names, unit, mean, outcome_unit, outcome_mean)


def _slope_columns(task: Task, rows: Bools) -> dict[str, Floats]:
    """Write varying slopes out as one column per level; pyfixest has none of its own."""
    return {
        f"s{j}_{level}": np.where(codes[rows] == level, values[rows], 0.0)
        for j, (codes, values) in enumerate(task.slopes)
        for level in np.unique(codes[rows])
    }


def estimate_with(function: str, laid: Model, **options: Any) -> Any:
    """Call ``pyfixest.<function>`` on a Model with a tight demeaner."""
    pf = load_pyfixest()
    if "w" in laid.data:
        options["weights"] = "w"
    try:
        return getattr(pf, function)(
            laid.formula,
            laid.data,
            vcov="iid",
            copy_data=False,
            demeaner=pf.MapDemeaner(fixef_tol=1e-12, fixef_maxiter=100_000),
            **options,
        )
    except ValueError as error:
        if "All variables are collinear" in str(error):
            raise unidentified(laid) from None
        raise


def unidentified(laid: Model) -> Refusal:
    """Say whether the fixed effects alone absorb the treatment, or the controls with them."""
    absorbed = Refusal("absorbed", "the fixed effects absorb the treatment")
    if " | " not in laid.formula or "x0" not in laid.data:
        return absorbed
    effects = laid.formula.split(" | ")[1]
    weights = "w" if "w" in laid.data else None
    try:
        load_pyfixest().feols(f"y ~ {' + '.join(laid.names)} | {effects}", laid.data, vcov="iid", weights=weights)
    except ValueError:
        return absorbed
    return Refusal("not_identified", "the treatment is a combination of the controls and fixed effects")


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
    if INTERCEPT in names:
        row = np.array([1.0 if n == INTERCEPT else -laid.mean[n] / laid.unit[n] for n in names])
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
    k = sum(not name.startswith("s") and name != INTERCEPT for name in fit._coefnames)
    own = float(ssc.variance_factor(kind, fit._N, fit._df_k, clusters))
    df = float(asked.t_df(fit._N, k, clusters))
    if glm and kind == "iid":
        return (float("nan") if rule == "reghdfe" else (fit._N - fit._df_k) / (fit._N - 1)), df
    return float(asked.factor(fit._N, k, clusters)) / own, df
