"""Least squares with fixed effects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from specdid._programs import python, r
from specdid._programs.script import Script
from specdid._programs.stata import ALONE, Stata, uncorrected
from specdid.estimators._base import EVERY_RULE, Estimate, Estimator, Failure, Program, Task, coefficient_words
from specdid.estimators._pyfixest import estimate_with, guarded, model, read


@guarded
def _fit(task: Task) -> Estimate | Failure:
    laid = model(task, task.treatment[:, None], scale_outcome=True)
    return read(estimate_with("feols", laid), laid, task, np.ones(1))


def _python(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines of a least-squares regression."""
    yield from python.countable(script, used)
    yield from python.prepare(script, (script.outcome, *script.regressors, *script.instruments), used)
    yield from python.feols(script, script.treatment)
    yield from python.coefficient(script, f'sd["{script.outcome}"] / sd["{script.treatment}"]', used)


def _r(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines of a least-squares regression."""
    if len(script.fixed) > 1:  # fixest goes through the effects once: what is alone then stays
        yield from r.without_singletons(script, used)
    yield from r.SSC
    yield "fit <- feols("
    yield from r.formula(script.outcome, script.controls if script.instruments else script.regressors, script)
    yield f'  data = d{r.weights(script)}, vcov = "iid", fixef.rm = "singleton", {r.TIGHT}'
    yield ")"
    yield from r.report(script)
    if script.instruments:
        yield "fitstat(fit, ~ ivf1 + ivwald1 + wh + sargan)  # of the instruments"


def _stata(script: Script, numbers: Mapping[str, str]) -> Iterator[str]:
    """Return the lines of a least-squares regression."""
    do = Stata(script, numbers)
    yield from do.dof()
    if script.fixed:
        yield from ALONE
    if script.instruments:
        yield "* ivreghdfe passes dofadjustments() on to reghdfe; where an effect is nested in the clusters it may"
        yield "* count a parameter more or less than fixest: errors may differ by a factor near 1, estimates not."
    for errors in script.errors:
        if script.instruments:
            stage = f"({script.treatment} = {' '.join(script.instruments)})"
            model = [script.outcome, *script.controls, stage]
            yield from do.ivreghdfe(model, do.absorb(), errors, do.weight())
        else:
            model = [script.outcome, *script.regressors]
            yield from do.reghdfe(model, do.absorb(), errors, do.weight())
        yield do.shown(script.treatment, uncorrected(errors))


ESTIMATOR = Estimator(
    name="feols",
    title="OLS",
    estimand="average effect (regression weights)",
    settings=(),
    honours=frozenset({"outcome", "treatment", "controls", "fixed_effects", "sample", "weights", "instruments"}),
    effects="any",
    cohort=False,
    binary=False,
    batched=True,
    vcovs=frozenset({"iid", "hetero", "cluster", "twoway"}),
    fit=_fit,
    words=lambda treated, options: coefficient_words(treated, "average effect", "regression weights"),
    doc="Least squares; the engine estimates in batches, fit() is the plain pyfixest call.",
    ssc=EVERY_RULE,
    programs={
        "python": Program(_python, python.PYFIXEST),
        "r": Program(_r, ("fixest",)),
        "stata": Program(_stata, ("reghdfe",)),
    },
)
