"""Poisson pseudo-maximum likelihood with fixed effects (Correia, Guimarães and Zylkin 2020)."""

from __future__ import annotations

import numpy as np

from specdid._arrays import Floats
from specdid._programs import python
from specdid._programs.templates import template
from specdid.estimators._base import Estimate, Estimator, Failure, Program, Task, coefficient_words
from specdid.estimators._glm import SETTINGS, fit_glm
from specdid.estimators._pyfixest import guarded


def _unfit(outcome: Floats) -> str:
    if np.any(outcome < 0):
        return "an outcome of zero or more"
    return "" if np.any(outcome > 0) else "an outcome that is not zero in every row"


def _refuses(task: Task) -> Failure | None:
    if np.any(task.outcome < 0):
        return Failure("estimator_error", f"Poisson needs {_unfit(task.outcome)}; some values are negative")
    if _unfit(task.outcome):
        return Failure("no_outcome_variation", "the outcome is zero in every row")
    return None


@guarded
def _fit(task: Task) -> Estimate | Failure:
    return _refuses(task) or fit_glm("fepois", task, sure=lambda lowest, highest: highest == 0)


ESTIMATOR = Estimator(
    name="fepois",
    title="PPML",
    estimand="semi-elasticity (Poisson)",
    settings=SETTINGS,
    honours=frozenset({"outcome", "treatment", "controls", "fixed_effects", "sample", "weights"}),
    effects="any",
    cohort=False,
    binary=False,
    batched=False,
    vcovs=frozenset({"iid", "hetero", "cluster", "twoway"}),
    fit=_fit,
    slopes=False,
    words=lambda treated, options: coefficient_words(treated, "semi-elasticity", "Poisson"),
    doc="Levels of a fixed effect in which the outcome is always zero are dropped (separation).",
    ssc=frozenset({"fixest", "reghdfe", "lsdv", "glm", "none"}),
    refuses=_refuses,
    unit="log points",
    unfit=_unfit,
    columns=frozenset({"n_separated"}),
    programs={
        "python": Program(template("glm.py"), python.PYFIXEST),
        "r": Program(template("glm.R"), ("fixest",)),
        "stata": Program(template("fepois.do"), ("reghdfe", "ppmlhdfe")),
    },
    likelihood=True,
    offset=True,
)
