"""Poisson pseudo-maximum likelihood with fixed effects (Correia, Guimarães and Zylkin 2020)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from specdid._arrays import Floats
from specdid._programs import python
from specdid._programs.script import Errors, Script
from specdid._programs.stata import Stata, filled
from specdid.estimators._base import Estimate, Estimator, Failure, Program, Task, coefficient_words
from specdid.estimators._glm import SETTINGS, fit_glm
from specdid.estimators._glm_programs import FACTOR, stata_corrected, stata_separation, write_python, write_r
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


def _stata(script: Script, numbers: Mapping[str, str]) -> Iterator[str]:
    """Return the lines of a Poisson regression."""
    do = Stata(script, numbers)
    yield from stata_separation(do, poisson=True)
    yield FACTOR.format(command="ppmlhdfe")
    weight = f" [pweight = {script.weight}]" if script.weight else ""
    for errors in script.errors:
        yield do.label(errors)
        yield from filled("ppmlhdfe", [script.outcome, *script.regressors], f"{weight}, ///")
        vce = "vce(robust)" if errors.kind == "iid" else do.vce(errors)
        saved = " d(_effects)" if errors.kind == "iid" and script.fixed else ""
        offset = f" offset({script.offset})" if script.offset else ""
        yield f"    {do.absorb()} {vce} tolerance(1e-10){offset}{saved}"
        if errors.kind == "iid":
            yield from _information(do, errors)
        else:
            yield from stata_corrected(do, errors, "`=e(df_m)'")


def _information(do: Stata, errors: Errors) -> Iterator[str]:
    """Return the error of the inverse information: of the treatment net of the rest, weighted by the means."""
    treatment, *controls = do.script.regressors
    yield "* ppmlhdfe's unadjusted errors estimate a dispersion; here it is 1, the variance the inverse information"
    yield "local k = e(df_m)"
    yield f"local effect = _b[{treatment}]"
    yield "predict double _mean, mu"
    weight = do.script.weight
    if weight:
        yield f"quietly summarize {weight}"
    yield f"generate double _information = _mean{f' * {weight} / r(mean)' if weight else ''}"
    yield from filled(f"quietly reghdfe {treatment}", controls, " [aweight = _information], ///")
    yield f"    {do.absorb()} residuals(_net) tolerance(1e-12)"
    yield "generate double _part = _information * _net^2"
    yield "quietly summarize _part"
    yield "scalar _error = 1 / sqrt(r(sum))"
    yield f"drop _mean _information _net _part{' _effects' if do.script.fixed else ''}"
    effects = f" effects({' '.join(do.effects())})" if do.script.fixed else ""
    if errors.rule == "fixest":
        yield f"small_sample, k(`k'){effects}"
    factor = " * r(factor)" if errors.rule == "fixest" else ""
    yield f'display %14.10g `effect\' "  (standard error " %14.10g _error{factor} ")"'


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
        "python": Program(write_python, python.PYFIXEST),
        "r": Program(write_r, ("fixest",)),
        "stata": Program(_stata, ("reghdfe", "ppmlhdfe")),
    },
    likelihood=True,
    offset=True,
)
