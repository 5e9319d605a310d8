"""What fepois and logit share: separation by fixed effects, convergence, scores of a GLM, and their programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Bools, Floats, Ints
from specdid._format import NumberValue
from specdid._programs import python, r
from specdid._programs.names import quoted
from specdid._programs.script import Errors, Script
from specdid._programs.stata import Stata, filled
from specdid.engine.demean import relevel
from specdid.estimators._base import Estimate, EstimatorSetting, Failure, Task
from specdid.estimators._pyfixest import Model, Refusal, estimate_with, model, read, standardised

SETTINGS = (
    EstimatorSetting(
        "iwls_tol",
        NumberValue("above 0", above=0),
        "The relative change of the deviance at which iterations stop.",
        "1e-10",
        1e-12,
    ),
    EstimatorSetting(
        "iwls_maxiter",
        NumberValue("1 or more", whole=True, least=1),
        "Iterations after which a specification fails as not converged.",
        "200",
        100,
    ),
)
"""The options of both, with the defaults that the exported programs write out too."""

NEAR_BOUND = 1e-4
"""How near to 0 (or 1) a fitted value has to be before separation is looked for."""

LONGEST = 30.0
"""Seconds after which the search for separation gives up."""

SEPARATED = (
    "{rows} predicted perfectly by the treatment, controls and fixed effects together (separation), "
    "so that a coefficient is infinite: leave out a control, or join groups"
)

Sure = Callable[[Floats, Floats], NDArray[np.bool_]]
"""From the lowest and highest outcome of each level: is it predicted perfectly?"""


def fit_glm(function: str, task: Task, sure: Sure, **options: Any) -> Estimate | Failure:
    """Fit after dropping the rows that the fixed effects alone predict perfectly."""
    if task.offsets:
        return _fit_beside(function, task, sure, options)
    return _fit(function, task, sure, options, None)


def _fit_beside(function: str, task: Task, sure: Sure, options: dict[str, Any]) -> Estimate | Failure:
    """Fit with offsets, which stand among the controls and are none: places are those of all controls again."""
    free = [j for j in range(task.controls.shape[1]) if j not in task.offsets]
    labels = tuple(task.control_labels[j] for j in free)
    rest = replace(task, controls=task.controls[:, free], control_labels=labels, offsets=())
    found = _fit(function, rest, sure, options, task.controls[:, list(task.offsets)].sum(axis=1))
    if isinstance(found, Failure) or found.coefficients is None:
        return found
    columns = tuple(free[c] if c >= 0 else c for c in found.coefficients.columns)
    whole = replace(found.coefficients, columns=columns)
    return replace(found, coefficients=whole, dropped=tuple(free[j] for j in found.dropped))


def _fit(function: str, task: Task, sure: Sure, options: dict[str, Any], offset: Floats | None) -> Estimate | Failure:
    keep = unseparated(task.outcome, task.effects, sure)
    if not keep.any():
        return Failure("no_rows", "the fixed effects predict every row perfectly (separation)")
    if np.ptp(task.treatment[keep]) == 0:
        return Failure("no_treatment_variation", "the treatment does not vary in the rows that count")
    outcome, unit = (task.outcome, 1.0) if function != "fepois" else ordinary(task.outcome, keep)
    laid = model(replace(_relevelled(task, keep), outcome=outcome), task.treatment[:, None], keep)
    laid = replace(laid, count_unit=unit)
    settings: dict[str, Any] = {s.name: s.default for s in SETTINGS} | dict(task.options)
    if offset is not None and function == "feglm":
        fit = reweighted_logit(laid, offset[keep], **settings)
    else:
        if offset is not None:
            laid.data["o"], options = offset[keep], options | {"offset": "o"}
        fit = estimate_with(function, laid, separation_check=[], **settings, **options)
    if not fit.convergence or not np.all(np.isfinite(fit._beta_hat)):
        return Failure("not_converged", f"no convergence within {settings['iwls_maxiter']} iterations")
    if at_bounds(fit, laid, function) and (apart := predicted(_relevelled(task, keep), keep, function)):
        return Failure("not_converged", SEPARATED.format(rows=f"{apart:,} row{'s are' if apart > 1 else ' is'}"))
    result = read(fit, laid, task, np.ones(1), normal=True)
    assert result.coefficients is not None
    r2 = pseudo_r2(fit, laid, function) if offset is None else float("nan")
    whole = replace(result.coefficients, pseudo_r2=r2)
    extra, in_force = {"n_separated": float(np.sum(~keep))}, {"iwls_maxiter": None}
    return replace(result, extra=extra, coefficients=whole, reads=result.keep, in_force=in_force)


def reweighted_logit(laid: Model, offset: Floats, iwls_tol: float, iwls_maxiter: int) -> Any:
    """Fit a logit with an offset, which pyfixest's feglm does not take, by iteratively reweighted least squares.

    The last step is a weighted regression with the coefficients, scores and information of the logit: its sandwich
    is the logit's, and the inverse information its variance under iid errors.

    Returns
    -------
    pyfixest's fit of the last step, with ``convergence`` and the fitted probabilities, as a fit of feglm has them
    """
    outcome = laid.data["y"].to_numpy()
    step = replace(laid, formula=laid.formula.replace("y ~", "z ~", 1))
    mean = (outcome + 0.5) / 2
    predictor, deviance, fit, settled = np.log(mean / (1 - mean)), np.inf, None, False
    for _ in range(iwls_maxiter):
        slope = mean * (1 - mean)
        target = predictor + (outcome - mean) / slope
        step.data["z"], step.data["w"] = target - offset, slope
        fit = estimate_with("feols", step)
        direction = target - fit._u_hat.ravel() / np.sqrt(slope) - predictor
        size, before = 1.0, deviance
        while not (deviance := _logit_deviance(outcome, predictor + size * direction)) <= before and size > SMALLEST:
            size /= 2
        predictor = predictor + size * direction
        mean = 1 / (1 + np.exp(-predictor))
        settled = abs(before - deviance) <= iwls_tol * (0.1 + abs(deviance))
        if settled or not slope.all():
            break
    assert fit is not None
    fit.convergence, fit._Y_hat_response = settled, mean
    fit._vcov_iid = lambda: fit._bread
    fit.vcov("iid")
    return fit


SMALLEST = 1e-4
"""Share of a step below which halving it again is of no use."""


def _logit_deviance(outcome: Floats, predictor: Floats) -> float:
    return 2 * float(np.sum(np.logaddexp(0, predictor) - outcome * predictor))


def unseparated(outcome: Floats, effects: tuple[Ints, ...], sure: Sure) -> Bools:
    """Return the rows left when perfectly predicted levels, and singletons then, are gone.

    Dropping one effect's levels can leave another's without variation: to a fixpoint,
    as in ppmlhdfe and fixest.
    """
    keep = np.ones(len(outcome), bool)
    while True:
        before = int(keep.sum())
        for codes in effects:
            size = int(codes.max()) + 1
            lowest, highest, rows = np.full(size, np.inf), np.full(size, -np.inf), codes[keep]
            np.minimum.at(lowest, rows, outcome[keep])
            np.maximum.at(highest, rows, outcome[keep])
            gone = sure(lowest, highest) | (np.bincount(rows, minlength=size) == 1)
            keep &= ~gone[codes]
        if int(keep.sum()) == before:
            return keep


def ordinary(outcome: Floats, keep: Bools) -> tuple[Floats, float]:
    """Return the outcome in a unit in which its mean is ordinary, as pyfixest's tolerances suppose, and the unit."""
    power = int(np.frexp(outcome[keep].mean())[1])
    if -10 <= power <= 14:
        return outcome, 1.0
    return np.ldexp(outcome, -power), float(np.ldexp(1.0, power))


def at_bounds(fit: Any, laid: Model, function: str) -> bool:
    """Say whether fitted values are so near to an outcome at its bound that it may be predicted perfectly."""
    outcome = laid.data["y"].loc[fit._data.index].to_numpy()
    fitted = np.asarray(fit._Y_hat_response, dtype=np.float64).ravel()
    if function == "fepois":
        return bool(np.any((outcome == 0) & (fitted < NEAR_BOUND * outcome.mean())))
    return bool(np.any(np.abs(outcome - fitted) < NEAR_BOUND))


def pseudo_r2(fit: Any, laid: Model, function: str) -> float:
    """Return McFadden's R², one less the log likelihood by that of a constant; NaN with weights, as in pyfixest."""
    from scipy.special import gammaln, xlogy

    if "w" in laid.data:
        return float("nan")
    y = laid.data["y"].loc[fit._data.index].to_numpy() * laid.count_unit
    fitted = np.asarray(fit._Y_hat_response, dtype=np.float64).ravel() * laid.count_unit
    constant = np.full(len(y), y.mean())
    if function == "fepois":
        mine, null = (float(np.sum(xlogy(y, m) - m - gammaln(y + 1))) for m in (fitted, constant))
    else:
        mine, null = (float(np.sum(xlogy(y, m) + xlogy(1 - y, 1 - m))) for m in (fitted, constant))
    return 1 - mine / null


def predicted(task: Task, keep: Bools, function: str) -> int:
    """Count the rows that some combination of the regressors predicts perfectly (separation).

    There is a direction γ along which the likelihood never falls: Xγ = 0 where the outcome is
    inside its bounds, and Xγ points outwards, or is 0, where it is at one (Albert and Anderson
    1984; Correia, Guimarães and Zylkin 2019). A linear program finds the most such rows.
    """
    from scipy import sparse
    from scipy.optimize import linprog

    outcome = task.outcome[keep]
    design = _design(task, keep)
    outwards = np.where(outcome == 0, -1.0, 1.0)
    bound = outcome == 0 if function == "fepois" else np.ones(len(outcome), bool)
    signed = sparse.diags_array(outwards[bound]) @ design[bound]
    limits = np.concatenate([np.ones(signed.shape[0]), np.zeros(signed.shape[0])])
    inside = design[~bound]
    found = linprog(
        -np.asarray(signed.sum(axis=0)).ravel(),
        A_ub=sparse.vstack([signed, -signed], format="csr"),
        b_ub=limits,
        A_eq=inside if inside.shape[0] else None,
        b_eq=np.zeros(inside.shape[0]) if inside.shape[0] else None,
        bounds=(None, None),
        method="highs",
        options={"time_limit": LONGEST},
    )
    if not found.success:
        raise Refusal("not_converged", "outcomes may be predicted perfectly (separation), which could not be ruled out")
    return int(np.count_nonzero(signed @ found.x > 1e-6))


def _design(task: Task, keep: Bools) -> Any:
    """Return the regressors of the kept rows, sparse (n, p): controls, treatment, slopes, dummies."""
    from scipy import sparse

    rows = int(keep.sum())
    columns = [*task.controls[keep].T, task.treatment[keep]]
    blocks = [sparse.csr_array(np.column_stack([np.ones(rows), *(standardised(c)[0] for c in columns)]))]
    slopes = [(codes[keep], standardised(values[keep])[0]) for codes, values in task.slopes]
    for codes, values in [*((codes[keep], np.ones(rows)) for codes in task.effects), *slopes]:
        blocks.append(sparse.csr_array((values, (np.arange(rows), relevel(codes)))))
    return sparse.hstack(blocks, format="csr")


def _relevelled(task: Task, keep: Bools) -> Task:
    if keep.all():
        return task
    full = [np.zeros_like(codes) for codes in task.effects]
    for target, codes in zip(full, task.effects, strict=True):
        target[keep] = relevel(codes[keep])
    return replace(task, effects=tuple(full))


def write_python(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines of a Poisson or logit regression."""
    poisson = script.method == "fepois"
    yield from _python_separation(script, poisson)
    yield from python.prepare(script, script.regressors, used)
    if script.offset and not poisson:
        yield from _python_reweighted(script, used)
        return
    options = ", ".join(f"{name}={value!r}" for name, value in sorted(script.options.items()))
    family = "" if poisson else 'family="logit", '
    yield f"fit = pf.{'fepois' if poisson else 'feglm'}("
    yield f'    "{python.formula(script.outcome, " + ".join(script.regressors), script)}",'
    yield f'    d, {family}vcov="iid", fixef_rm="singleton", separation_check=[],'
    offset = f'offset="{script.offset}", ' if script.offset else ""
    yield f"    {python.weighted(script)}{offset}{options}, {python.DEMEANER},"
    yield ")"
    yield from python.coefficient(script, f'1.0 / sd["{script.treatment}"]', used, generalised=True)


def _python_reweighted(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return a logit with an offset by iteratively reweighted least squares: pyfixest's feglm takes no offset."""
    yield "# the last step has the coefficients, scores and information of the logit"
    yield f'y, offset = d["{script.outcome}"].to_numpy(), d["{script.offset}"].to_numpy()'
    yield "mean, deviance = (y + 0.5) / 2, np.inf"
    yield "predictor = np.log(mean / (1 - mean))"
    yield f"for _ in range({script.options['iwls_maxiter']!r}):"
    yield "    slope = mean * (1 - mean)"
    yield '    d["_slope"], d["_target"] = slope, predictor + (y - mean) / slope - offset'
    yield "    fit = pf.feols("
    yield f'        "{python.formula("_target", " + ".join(script.regressors), script)}",'
    yield f'        d, vcov="iid", fixef_rm="singleton", weights="_slope", {python.DEMEANER},'
    yield "    )"
    yield '    predictor = d["_target"].to_numpy() + offset - fit.resid()'
    yield "    mean, before = 1 / (1 + np.exp(-predictor)), deviance"
    yield "    deviance = 2 * np.sum(np.logaddexp(0, predictor) - y * predictor)"
    yield f"    if abs(before - deviance) <= {script.options['iwls_tol']!r} * (0.1 + deviance):"
    yield "        break"
    yield from python.coefficient(script, f'1.0 / sd["{script.treatment}"]', used, generalised=True)
    if labels := [errors.label for errors in script.errors if errors.kind == "iid"]:
        yield "# a logit has no dispersion to estimate, which least squares does"
        yield 'dispersion = np.sum(d["_slope"] * fit.resid() ** 2) / (len(d) - 1)'
        yield from (f"std_error[{quoted(label)}] /= np.sqrt(dispersion)" for label in labels)


def _python_separation(script: Script, poisson: bool) -> Iterator[str]:
    """Drop what the fixed effects alone predict, and singletons, to a fixpoint."""
    if not script.fixed:
        return
    names = ", ".join(f'"{e.name}"' for e in script.fixed)
    what = "is always zero" if poisson else "never varies"
    test = 'y.transform("max") > 0' if poisson else 'y.transform("min") < y.transform("max")'
    yield f"# levels in which the outcome {what} say nothing, nor do singletons: drop them until none are left"
    yield "rows = 0"
    yield "while len(d) != rows:"
    yield "    rows = len(d)"
    yield f"    for effect in [{names}]:"
    yield f'        y = d.groupby(effect)["{script.outcome}"]'
    yield f'        d = d[({test}) & (y.transform("size") > 1)]'
    yield "d = d.reset_index(drop=True)"


def write_r(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines of a Poisson or logit regression."""
    poisson = script.method == "fepois"
    yield from _r_separation(script, poisson, used)
    yield from r.SSC
    yield f"fit <- {'fepois' if poisson else 'feglm'}("
    yield from r.formula(script.outcome, script.regressors, script)
    family = "" if poisson else ', family = binomial("logit")'
    offset = f", offset = ~{script.offset}" if script.offset else ""
    yield f'  data = d{family}{r.weights(script)}{offset}, vcov = "iid", fixef.rm = "none",'
    yield f"  glm.tol = {script.options['iwls_tol']!r}, glm.iter = {script.options['iwls_maxiter']!r}, {r.TIGHT}"
    yield ")"
    yield from r.report(script)


def _r_separation(script: Script, poisson: bool, used: dict[str, None]) -> Iterator[str]:
    if script.fixed:
        yield from _without_sure(script, poisson)
    if script.weight:
        yield f"d${script.weight} <- d${script.weight} / mean(d${script.weight})"


def _without_sure(script: Script, poisson: bool) -> Iterator[str]:
    what = "is always zero" if poisson else "never varies"
    test = "highest > 0" if poisson else "lowest < highest"
    yield f"# levels in which the outcome {what} say nothing, nor do singletons: drop them until none are left"
    yield "repeat {"
    yield "  rows <- nrow(d)"
    yield f"  for (effect in list({r.lists(script)})) {{"
    yield '    level <- do.call(paste, c(d[effect], sep = "\\r"))'
    yield f"    highest <- ave(d${script.outcome}, level, FUN = max)"
    if not poisson:
        yield f"    lowest <- ave(d${script.outcome}, level, FUN = min)"
    yield f"    d <- d[{test} & table(level)[level] > 1, ]"
    yield "  }"
    yield "  if (nrow(d) == rows) break"
    yield "}"


def stata_separation(do: Stata, poisson: bool) -> Iterator[str]:
    """Drop what the fixed effects alone predict, and singletons, to a fixpoint."""
    if not do.script.fixed:
        return
    what = "is always zero" if poisson else "never varies"
    test = "`high' == 0" if poisson else "`high' == `low'"
    y = do.script.outcome
    yield f"* levels in which the outcome {what} say nothing, nor do singletons: drop them until none are left"
    yield "local rows = 0"
    yield "while _N != `rows' {"
    yield "    local rows = _N"
    yield f"    foreach f of varlist {' '.join(do.effects())} {{"
    yield "        tempvar high low size"
    yield f"        egen double `high' = max({y}), by(`f')"
    yield f"        egen double `low' = min({y}), by(`f')"
    yield "        bysort `f': generate long `size' = _N"
    yield f"        drop if `size' == 1 | {test}"
    yield "        drop `high' `low' `size'"
    yield "    }"
    yield "}"


def stata_corrected(do: Stata, errors: Errors, k: str) -> Iterator[str]:
    """Display the treatment's coefficient and its error under the correction asked for; ``k`` counts coefficients."""
    if errors.rule in ("reghdfe", "glm", "none"):
        count = "e(N_clust)" if errors.kind == "cluster" else "e(N)"
        none = f" * sqrt(({count} - 1) / {count})" if errors.rule == "none" and errors.kind != "iid" else ""
        yield do.shown(do.script.treatment, none)
        return
    if errors.kind == "iid" and errors.rule != "fixest":  # the inverse of the information, as it is
        yield do.shown(do.script.treatment)
        return
    if errors.rule == "lsdv" and len(do.script.fixed) > 1:
        name = do.script.treatment
        yield f"scalar _estimate = _b[{name}]"
        yield f"scalar _error = _se[{name}]"
        yield from every_dummy(do)
        yield 'display %14.10g _estimate "  (standard error " %14.10g _error * _factor ")"'
        return
    effects = f" effects({' '.join(do.effects())})" if do.script.fixed else ""
    counted = errors.clusters if errors.rule == "fixest" else ()
    clusters = f" clusters({' '.join(map(do.number, counted))})" if counted else ""
    yield f"small_sample, k({k}){effects}{clusters}"
    yield do.shown(do.script.treatment, " * r(factor)")


def every_dummy(do: Stata) -> Iterator[str]:
    """Have reghdfe count every dummy that is not redundant, for a model of the treatment on the rest."""
    treatment, *controls = do.script.regressors
    yield "* reghdfe counts the dummies: of levels that no row connects, each group has one redundant"
    yield from filled(f"quietly reghdfe {treatment}", controls, " if e(sample), ///")
    yield f"    {do.absorb()} dofadjustments(pairwise continuous)"
    yield "scalar _factor = sqrt((e(N) - 1) / (e(N) - 1 - e(df_m) - e(df_a)))"


FACTOR = """* sqrt((N - 1) / (N - K)): {command} leaves this correction out, fixest and specdid make it. K is the
* coefficients, a constant, and the levels but one of each fixed effect that is not nested in a cluster.
capture program drop small_sample
program small_sample, rclass
    syntax, k(integer) [effects(varlist) clusters(varlist)]
    local K = `k' + 1
    foreach f of local effects {{
        local nested = 0
        foreach c of local clusters {{
            tempvar low high
            quietly egen double `low' = min(`c') if e(sample), by(`f')
            quietly egen double `high' = max(`c') if e(sample), by(`f')
            quietly count if `low' != `high' & e(sample)
            if r(N) == 0 local nested = 1
            drop `low' `high'
        }}
        if !`nested' {{
            quietly levelsof `f' if e(sample)
            local K = `K' + r(r) - 1
        }}
    }}
    return scalar factor = sqrt((e(N) - 1) / (e(N) - `K'))
end"""
