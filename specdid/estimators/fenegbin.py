"""Negative binomial regression with fixed effects, unconditional: variance μ + μ²/θ (NB2), θ by maximum likelihood.

Coefficients and θ are those of fixest's fenegbin, Stata's nbreg with dummies and MASS::glm.nb. Standard errors are of
the expected information with θ taken as known, as in glm.nb and Stata's glm, family(nbinomial ml) irls; fenegbin and
nbreg take the observed information with θ, which differs in the third or fourth digit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from specdid._arrays import Floats
from specdid._programs import python
from specdid._programs.templates import template
from specdid._records import Caution
from specdid.estimators._base import Estimate, Estimator, Failure, Program, Task, coefficient_words
from specdid.estimators._glm import SETTINGS, fit_glm, with_rows_per_level
from specdid.estimators._pyfixest import guarded


def _unfit(outcome: Floats) -> str:
    if np.any(outcome < 0) or np.any(outcome != np.round(outcome)):
        return "an outcome of counts (0, 1, 2, …)"
    return "" if np.any(outcome > 0) else "an outcome that is not zero in every row"


def _refuses(task: Task) -> Failure | None:
    if not np.any(task.outcome != 0):
        return Failure("no_outcome_variation", "the outcome is zero in every row")
    if lacks := _unfit(task.outcome):
        return Failure("estimator_error", f"a negative binomial needs {lacks}; for other values take `fepois`")
    return None


@guarded
def _fit(task: Task) -> Estimate | Failure:
    if (why := _refuses(task)) is not None:
        return why
    found = fit_glm("fenegbin", task, sure=lambda lowest, highest: highest == 0, family="negbin")
    return with_rows_per_level(task, found)


FEW = 30.0
"""Rows to a level of a fixed effect below which θ is too large, and errors that rest on it are too small."""


def _cautions(found: Mapping[str, Floats]) -> Iterator[Caution]:
    """Warn of levels with few rows: the coefficient bears them (Allison and Waterman 2002), the dispersion does not."""
    rows = found["rows_per_level"]
    few = rows[rows < FEW]
    if len(few):
        yield Caution(
            "note",
            "incidental_parameters",
            f"fenegbin has fixed effects with as few as T = {few.min():.3g} rows to a level: theta is too large, "
            "so that errors under `iid` are too small; errors clustered by unit do not rest on it "
            "(incidental parameters)",
            specifications=len(few),
        )


ESTIMATOR = Estimator(
    name="fenegbin",
    title="Negative binomial",
    estimand="semi-elasticity (negative binomial)",
    settings=SETTINGS,
    honours=frozenset({"outcome", "treatment", "controls", "fixed_effects", "sample"}),
    effects="any",
    cohort=False,
    binary=False,
    batched=False,
    vcovs=frozenset({"iid", "hetero", "cluster", "twoway"}),
    fit=_fit,
    slopes=False,
    words=lambda treated, options: coefficient_words(treated, "semi-elasticity", "negative binomial"),
    doc="Levels of a fixed effect in which the outcome is always zero are dropped (separation). Standard errors take "
    "theta as known (MASS::glm.nb).",
    cautions=_cautions,
    ssc=frozenset({"fixest", "lsdv", "glm", "none"}),
    refuses=_refuses,
    unit="log points",
    unfit=_unfit,
    columns=frozenset({"n_separated", "rows_per_level", "theta"}),
    programs={
        "python": Program(
            template("glm.py"),
            (*python.PYFIXEST, "from scipy.optimize import brentq", "from scipy.special import digamma"),
        ),
        "r": Program(template("glm.R"), ("fixest",)),
        "stata": Program(template("glm.do"), numbered=True),
    },
    likelihood=True,
    offset=True,
)
