"""The boundary to pyfixest: arrays in, small records out, its exceptions in a researcher's words.

pyfixest sees a data frame with columns y, w, x0.., d0.., f0_0.., c0_0.. and formulas over
these names only. Fixed effects are joined by " + ": without the spaces pyfixest may take
the wrong effect for nested in the cluster, depending on the process's hash seed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from specdid.estimators._base import Failure, Floats, Ints, Task

Bools = NDArray[np.bool_]


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
        if len(task.outcome) == 0:
            return Failure("no_rows", "no rows are left")
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
