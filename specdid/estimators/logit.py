"""Logit with fixed effects, unconditional (pyfixest's feglm)."""

from __future__ import annotations

import numpy as np

from specdid.estimators._base import Estimate, Estimator, Failure, Task, coefficient_words
from specdid.estimators._glm import SETTINGS, fit_glm
from specdid.estimators._pyfixest import guarded


@guarded
def _fit(task: Task) -> Estimate | Failure:
    if not np.all((task.outcome == 0) | (task.outcome == 1)):
        return Failure("estimator_error", "logit needs an outcome of 0 and 1; this one has other values")
    if np.all(task.outcome == task.outcome[0]):
        return Failure("no_outcome_variation", f"the outcome is {task.outcome[0]:.0f} in every row")
    return fit_glm("feglm", task, sure=lambda lowest, highest: lowest == highest, family="logit")


ESTIMATOR = Estimator(
    name="logit",
    title="Logit",
    estimand="log odds ratio",
    settings=SETTINGS,
    honours=frozenset({"outcome", "treatment", "controls", "fixed_effects", "sample"}),
    effects="any",
    cohort=False,
    binary=False,
    batched=False,
    vcovs=frozenset({"iid", "hetero", "cluster", "twoway"}),
    fit=_fit,
    slopes=False,
    words=lambda treated, options: coefficient_words(treated, "log odds ratio"),
    doc="Levels of a fixed effect in which the outcome never varies are dropped (separation).",
    ssc=frozenset({"fixest", "lsdv", "glm", "none"}),
)
