"""Probit with fixed effects, unconditional; errors by the expected information, as R's glm and fixest's feglm."""

from __future__ import annotations

from specdid.estimators._glm import binary_model

ESTIMATOR = binary_model(
    "probit",
    "Probit",
    "probit coefficient",
    "probit index",
    needs=("from scipy.stats import norm",),
    errors="Errors are by the expected information, as in R's glm (with `ssc = \"glm\"`) and fixest; Stata's probit "
    "takes the observed one.",
)
