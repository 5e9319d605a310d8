"""Poisson and logit regressions in Python, R and Stata: what they share."""

from __future__ import annotations

from collections.abc import Iterator

from specdid._programs import python, r
from specdid._programs.script import Errors, Script
from specdid._programs.stata import Stata
from specdid._programs.stata_names import filled


def write_python(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines of a Poisson or logit regression."""
    poisson = script.method == "fepois"
    yield from _python_separation(script, poisson)
    yield from python.prepare(script, script.regressors, used)
    options = ", ".join(f"{name}={value!r}" for name, value in sorted(script.options.items()))
    family = "" if poisson else 'family="logit", '
    yield f"fit = pf.{'fepois' if poisson else 'feglm'}("
    yield f'    "{python.formula(script.outcome, " + ".join(script.regressors), script)}",'
    yield f'    d, {family}vcov="iid", fixef_rm="singleton", separation_check=[],'
    yield f"    {python.weighted(script)}{options}, {python.DEMEANER},"
    yield ")"
    yield from python.coefficient(script, f'1.0 / sd["{script.treatment}"]', used, generalised=True)


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
    yield f'  data = d{family}{r.weights(script)}, vcov = "iid", fixef.rm = "none",'
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
