"""The words of a spec file that several readers share."""

from __future__ import annotations

from specdid.language.check import Role

ROLES: dict[str, Role] = {
    "outcome": "outcome",
    "treatment": "terms",
    "controls": "terms",
    "fixed_effects": "effects",
    "sample": "condition",
    "weights": "value",
}
"""Dimension -> what its expressions are."""

DIMENSIONS = (*ROLES, "estimator")
"""In the order of the plan."""

TABLE_KEYS = ("fix", "groups")
"""Keys of an analysis that hold a table, so that they are not names of analyses."""

FILE_SUFFIXES = ("draws", "effects", "equality", "joint", "love", "pretrend", "scores", "tests", "timing")
"""What analyses put behind their own name in the names of further files: `[placebo."timing"]` would meet one."""

RESERVED = (
    *DIMENSIONS, "vcov", "index", "spec_id", "formula", "term", "estimand", "scale", "estimate", "std_error",
    "statistic", "p_value", "conf_low", "conf_high", "df", "nobs", "n_units", "n_treated", "n_control",
    "n_always_treated", "n_clusters", "n_missing", "n_log0", "n_singletons", "n_eff", "y_mean", "r2_within",
    "dropped", "status", "code", "message", "twin", "preferred",
)  # fmt: skip
"""Columns of the results, which a variant cannot be called."""

STEPS = ("year", "half", "quarter", "month", "week", "day")
BACKENDS = ("serial", "loky", "threading", "dask", "ray")
FORMATS = ("pdf", "png", "svg")
APPENDIX_FORMATS = ("tex", "md", "docx")
