"""What fepois and logit share: separation by fixed effects, convergence, scores of a GLM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid.estimators._base import Estimate, Failure, Floats, Ints, Task
from specdid.estimators._pyfixest import Bools, estimate_with, model, read, relevelled

Sure = Callable[[Floats, Floats], NDArray[np.bool_]]
"""From the lowest and highest outcome of each level: is it predicted perfectly?"""


def fit_glm(function: str, task: Task, sure: Sure, **options: Any) -> Estimate | Failure:
    """Fit after dropping the rows that the fixed effects alone predict perfectly."""
    keep = unseparated(task.outcome, task.effects, sure)
    if not keep.any():
        return Failure("no_rows", "the fixed effects predict every row perfectly (separation)")
    if np.ptp(task.treatment[keep]) == 0:
        return Failure("no_treatment_variation", "the treatment does not vary in the rows that count")
    laid = model(_relevelled(task, keep), task.treatment[:, None], keep)
    settings = {"iwls_tol": 1e-10, "iwls_maxiter": 100, **task.options}
    fit = estimate_with(function, laid, separation_check=[], **settings, **options)
    if not fit.convergence or not np.all(np.isfinite(fit._beta_hat)):
        return Failure("not_converged", f"no convergence within {settings['iwls_maxiter']} iterations")
    result = read(fit, laid, task, np.ones(1), normal=True)
    return replace(result, extra={"n_separated": float(np.sum(~keep))})


def unseparated(outcome: Floats, effects: tuple[Ints, ...], sure: Sure) -> Bools:
    """Give the rows left when perfectly predicted levels, and singletons then, are gone.

    Dropping one effect's levels can leave another's without variation: to a fixpoint,
    as in ppmlhdfe and fixest.
    """
    keep = np.ones(len(outcome), bool)
    while True:
        before = int(keep.sum())
        for codes in effects:
            size = int(codes.max()) + 1
            lowest, highest, rows = np.full(size, np.inf), np.full(size, -np.inf), codes[keep]
            np.minimum.at(lowest, rows, outcome[keep])
            np.maximum.at(highest, rows, outcome[keep])
            gone = sure(lowest, highest) | (np.bincount(rows, minlength=size) == 1)
            keep &= ~gone[codes]
        if int(keep.sum()) == before:
            return keep


def _relevelled(task: Task, keep: Bools) -> Task:
    if keep.all():
        return task
    full = [np.zeros_like(codes) for codes in task.effects]
    for target, codes in zip(full, task.effects, strict=True):
        target[keep] = relevelled(codes[keep])
    return replace(task, effects=tuple(full))
