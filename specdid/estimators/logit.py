"""Logit with fixed effects, unconditional."""

from __future__ import annotations

from specdid.estimators._glm import binary_model

ESTIMATOR = binary_model("logit", "Logit", "log odds ratio", "log odds")
