"""Least squares with fixed effects."""

from __future__ import annotations

import numpy as np

from specdid.estimators._base import EVERY_RULE, Estimate, Estimator, Failure, Task, coefficient_words
from specdid.estimators._pyfixest import estimate_with, guarded, model
from specdid.estimators._read import read


@guarded
def _fit(task: Task) -> Estimate | Failure:
    laid = model(task, task.treatment[:, None], scale_outcome=True)
    return read(estimate_with("feols", laid), laid, task, np.ones(1))


ESTIMATOR = Estimator(
    name="feols",
    title="OLS",
    estimand="average effect (regression weights)",
    settings=(),
    honours=frozenset({"outcome", "treatment", "controls", "fixed_effects", "sample", "weights"}),
    effects="any",
    cohort=False,
    binary=False,
    batched=True,
    vcovs=frozenset({"iid", "hetero", "cluster", "twoway"}),
    fit=_fit,
    words=lambda treated, options: coefficient_words(treated, "average effect", "regression weights"),
    doc="Least squares; the engine estimates in batches, fit() is the plain pyfixest call.",
    ssc=EVERY_RULE,
)
