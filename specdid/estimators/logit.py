"""Logit with fixed effects, unconditional (pyfixest's feglm)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from specdid._arrays import Floats
from specdid._programs import python
from specdid._programs.script import Errors, Script
from specdid._programs.stata import Stata, filled
from specdid._records import Caution
from specdid.estimators._base import Estimate, Estimator, Failure, Program, Task, coefficient_words
from specdid.estimators._glm import (
    FACTOR,
    SETTINGS,
    every_dummy,
    fit_glm,
    stata_corrected,
    stata_separation,
    write_python,
    write_r,
)
from specdid.estimators._pyfixest import guarded


def _unfit(outcome: Floats) -> str:
    if not np.isin(outcome, (0.0, 1.0)).all():
        return "an outcome of 0 and 1"
    return "an outcome that varies" if np.all(outcome == outcome[0]) else ""


def _refuses(task: Task) -> Failure | None:
    if not np.all((task.outcome == 0) | (task.outcome == 1)):
        return Failure("estimator_error", "logit needs an outcome of 0 and 1; this one has other values")
    if np.all(task.outcome == task.outcome[0]):
        return Failure("no_outcome_variation", f"the outcome is {task.outcome[0]:.0f} in every row")
    return None


@guarded
def _fit(task: Task) -> Estimate | Failure:
    if (why := _refuses(task)) is not None:
        return why
    found = fit_glm("feglm", task, sure=lambda lowest, highest: lowest == highest, family="logit")
    if isinstance(found, Failure):
        return found
    used = slice(None) if found.keep is None else found.keep
    sizes = [found.nobs / len(np.unique(codes[used])) for codes in task.effects]
    return replace(found, extra={**found.extra, "rows_per_level": min(sizes, default=float("nan"))})


BIASED, NEARLY = 30.0, 100.0
"""Rows to a level of a fixed effect below which the bias is 3.4% or more, and 1% or more."""


def _cautions(found: Mapping[str, Floats]) -> Iterator[Caution]:
    """Warn of incidental parameters, and of rows that say nothing.

    Each fixed effect is estimated from the rows of its level alone. With T of them the coefficient is
    too far from zero, by T/(T − 1) to first order: twice at T = 2, exactly (Abrevaya 1997), and 3.4%
    at T = 30 (Greene 2004). No standard error shows it.
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
            f"logit has fixed effects with {size}: its coefficient is biased away from zero, {about} "
            "(T/(T − 1); incidental parameters), which no standard error shows; "
            "compare with least squares, or take coarser fixed effects",
            specifications=int(np.sum(rows < (BIASED if least < BIASED else NEARLY))),
        )
    lost = found["n_separated"] / (found["nobs"] + found["n_separated"])
    if (lost > 0).any():
        yield Caution(
            "note",
            "outcome_never_varies",
            f"logit: up to {lost.max():.0%} of the rows are in levels of a fixed effect whose outcome never varies; "
            "they say nothing of the effect and are not used",
            specifications=int(np.sum(lost > 0)),
        )


def _stata(script: Script, numbers: Mapping[str, str]) -> Iterator[str]:
    """Return the lines of a logit regression."""
    do = Stata(script, numbers)
    yield from stata_separation(do, poisson=False)
    yield FACTOR.format(command="logit")
    model = [script.outcome, *script.regressors, *(f"i.{e}" for e in do.effects())]
    for errors in script.errors:
        if len(errors.clusters) == 2:
            yield from _two_ways(do, model, errors)
            continue
        vce = "vce(oim)" if errors.kind == "iid" else do.vce(errors)
        yield do.label(errors)
        yield from filled("logit", model, f", {vce} tolerance(1e-10){_offset(script)}")
        yield from _kept(do)
        yield from stata_corrected(do, errors, "`k'")


def _offset(script: Script) -> str:
    return f" offset({script.offset})" if script.offset else ""


def _kept(do: Stata) -> Iterator[str]:
    """Count the coefficients that are not omitted as collinear."""
    yield "local k = 0"
    yield from filled("foreach x in", do.script.regressors, " {")
    yield "    if _se[`x'] > 0 local k = `k' + 1"
    yield "}"


def _two_ways(do: Stata, model: list[str], errors: Errors) -> Iterator[str]:
    """Add the variances of both clusterings, less that of their cells; each without its G / (G - 1)."""
    first, second = map(do.number, errors.clusters)
    name = do.script.treatment
    yield do.label(errors)
    yield f"egen long _cells = group({first} {second})"
    yield "scalar _variance = 0"
    yield "scalar _groups = ."
    for cluster, sign in ((first, "+"), (second, "+"), ("_cells", "-")):
        yield from filled("quietly logit", model, f", vce(cluster {cluster}) tolerance(1e-10){_offset(do.script)}")
        yield f"scalar _variance = _variance {sign} _se[{name}]^2 * (e(N_clust) - 1) / e(N_clust)"
        if sign == "+":
            yield "scalar _groups = min(_groups, e(N_clust))"
    yield "drop _cells"
    factor = ""
    if errors.rule == "lsdv" and len(do.script.fixed) > 1:
        yield f"scalar _estimate = _b[{name}]"
        yield from every_dummy(do)
        shown = "sqrt(_variance * _groups / (_groups - 1)) * _factor"
        yield f'display %14.10g _estimate "  (standard error " %14.10g {shown} ")"'
        return
    if errors.rule in ("fixest", "lsdv"):
        effects = f" effects({' '.join(do.effects())})" if do.script.fixed else ""
        clusters = f" clusters({first} {second})" if errors.rule == "fixest" else ""
        yield from _kept(do)
        yield f"small_sample, k(`k'){effects}{clusters}"
        factor = " * r(factor)"
    groups = "" if errors.rule == "none" else " * _groups / (_groups - 1)"
    yield f'display %14.10g _b[{name}] "  (standard error " %14.10g sqrt(_variance{groups}){factor} ")"'


ESTIMATOR = Estimator(
    name="logit",
    title="Logit",
    estimand="log odds ratio",
    settings=SETTINGS,
    honours=frozenset({"outcome", "treatment", "controls", "fixed_effects", "sample"}),
    effects="any",
    cohort=False,
    binary=False,
    batched=False,
    vcovs=frozenset({"iid", "hetero", "cluster", "twoway"}),
    fit=_fit,
    slopes=False,
    words=lambda treated, options: coefficient_words(treated, "log odds ratio"),
    doc="Levels of a fixed effect in which the outcome never varies are dropped (separation).",
    cautions=_cautions,
    ssc=frozenset({"fixest", "lsdv", "glm", "none"}),
    refuses=_refuses,
    unit="log odds",
    unfit=_unfit,
    columns=frozenset({"n_separated", "rows_per_level"}),
    programs={
        "python": Program(write_python, python.PYFIXEST),
        "r": Program(write_r, ("fixest",)),
        "stata": Program(_stata, numbered=True),
    },
    likelihood=True,
    offset=True,
)
