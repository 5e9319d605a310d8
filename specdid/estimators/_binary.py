"""Models of an outcome of 0 and 1 with fixed effects, unconditional (pyfixest's feglm): logit and probit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from specdid._arrays import Floats
from specdid._programs import python
from specdid._records import Caution
from specdid.estimators._base import Estimate, Estimator, Failure, Program, Task, coefficient_words
from specdid.estimators._glm import SETTINGS, fit_glm, with_rows_per_level
from specdid.estimators._glm_programs import write_python, write_r, write_stata
from specdid.estimators._pyfixest import guarded


def binary_model(name: str, title: str, effect: str, unit: str, needs: tuple[str, ...] = ()) -> Estimator:
    """Declare the model with link ``name``, whose coefficient is an ``effect`` in ``unit``."""

    def refuses(task: Task) -> Failure | None:
        if not np.all((task.outcome == 0) | (task.outcome == 1)):
            return Failure("estimator_error", f"{name} needs an outcome of 0 and 1; this one has other values")
        if np.all(task.outcome == task.outcome[0]):
            return Failure("no_outcome_variation", f"the outcome is {task.outcome[0]:.0f} in every row")
        return None

    @guarded
    def fit(task: Task) -> Estimate | Failure:
        if (why := refuses(task)) is not None:
            return why
        found = fit_glm("feglm", task, sure=lambda lowest, highest: lowest == highest, family=name)
        return with_rows_per_level(task, found)

    return Estimator(
        name=name,
        title=title,
        estimand=effect,
        settings=SETTINGS,
        honours=frozenset({"outcome", "treatment", "controls", "fixed_effects", "sample"}),
        effects="any",
        cohort=False,
        binary=False,
        batched=False,
        vcovs=frozenset({"iid", "hetero", "cluster", "twoway"}),
        fit=fit,
        slopes=False,
        words=lambda treated, options: coefficient_words(treated, effect),
        doc="Levels of a fixed effect in which the outcome never varies are dropped (separation).",
        cautions=lambda found: _cautions(name, found),
        ssc=frozenset({"fixest", "lsdv", "glm", "none"}),
        refuses=refuses,
        unit=unit,
        unfit=_unfit,
        columns=frozenset({"n_separated", "rows_per_level"}),
        programs={
            "python": Program(write_python, (*python.PYFIXEST, *needs)),
            "r": Program(write_r, ("fixest",)),
            "stata": Program(write_stata, numbered=True),
        },
        likelihood=True,
        offset=True,
    )


def _unfit(outcome: Floats) -> str:
    if not np.isin(outcome, (0.0, 1.0)).all():
        return "an outcome of 0 and 1"
    return "an outcome that varies" if np.all(outcome == outcome[0]) else ""


BIASED, NEARLY = 30.0, 100.0
"""Rows to a level of a fixed effect below which the bias is 3.4% or more, and 1% or more."""


def _cautions(name: str, found: Mapping[str, Floats]) -> Iterator[Caution]:
    """Warn of incidental parameters, and of rows that say nothing.

    Each fixed effect is estimated from the rows of its level alone. With T of them a logit's coefficient is
    too far from zero, by T/(T − 1) to first order: twice at T = 2, exactly (Abrevaya 1997), and 3.4%
    at T = 30 (Greene 2004). A probit's is so by much the same in Greene's and in our simulations. No standard error
    shows it.
    """
    rows = found["rows_per_level"]
    few = rows[rows < NEARLY]
    if len(few):
        least = float(few.min())
        size = f"as few as T = {least:.3g} rows to a level"
        about = f"about {least / (least - 1):.2f} times the true one" if least > 1 else "without any meaning"
        yield Caution(
            "serious" if least < BIASED else "note",
            "incidental_parameters",
            f"{name} has fixed effects with {size}: its coefficient is biased away from zero, {about} "
            "(T/(T − 1); incidental parameters), which no standard error shows; "
            "compare with least squares, or take coarser fixed effects",
            specifications=int(np.sum(rows < (BIASED if least < BIASED else NEARLY))),
        )
    lost = found["n_separated"] / (found["nobs"] + found["n_separated"])
    if (lost > 0).any():
        yield Caution(
            "note",
            "outcome_never_varies",
            f"{name}: up to {lost.max():.0%} of the rows are in levels of a fixed effect whose outcome never varies; "
            "they say nothing of the effect and are not used",
            specifications=int(np.sum(lost > 0)),
        )
