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

TABLE_KEYS = ("fix", "groups")
"""Keys of an analysis that hold a table, so that they are not names of analyses."""

FILE_SUFFIXES = ("draws", "effects", "equality", "joint", "love", "pretrend", "scores", "tests", "timing")
"""What analyses put behind their own name in the names of further files: `[placebo."timing"]` would meet one."""

STEPS = ("year", "half", "quarter", "month", "week", "day")
BACKENDS = ("serial", "loky", "threading", "dask", "ray")
FORMATS = ("pdf", "png", "svg")
APPENDIX_FORMATS = ("tex", "md", "docx")
