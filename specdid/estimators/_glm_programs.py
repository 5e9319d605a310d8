"""Regressions by maximum likelihood in Python, R and Stata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from specdid._programs import python, r
from specdid._programs.names import quoted
from specdid._programs.script import Errors, Script
from specdid._programs.stata import Stata, filled


def write_python(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines of a regression by maximum likelihood."""
    poisson = script.method == "fepois"
    yield from _python_separation(script, poisson or script.method == "fenegbin")
    yield from python.prepare(script, script.regressors, used)
    # pyfixest stops a probit early, and has errors of a logit by the weights before its last step.
    if not poisson:
        yield from _python_reweighted(script, used)
        return
    options = ", ".join(f"{name}={value!r}" for name, value in sorted(script.options.items()))
    yield "fit = pf.fepois("
    yield f'    "{python.formula(script.outcome, " + ".join(script.regressors), script)}",'
    yield '    d, vcov="iid", fixef_rm="singleton", separation_check=[],'
    offset = f'offset="{script.offset}", ' if script.offset else ""
    yield f"    {python.weighted(script)}{offset}{options}, {python.DEMEANER},"
    yield ")"
    yield from python.coefficient(script, f'1.0 / sd["{script.treatment}"]', used, generalised=True)


def _python_reweighted(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return a likelihood by iteratively reweighted least squares: pyfixest has no such function, or an inexact one."""
    way = _WAYS[script.method]
    offset = f' - d["{script.offset}"].to_numpy()' if script.offset else ""
    back = f' + d["{script.offset}"].to_numpy()' if script.offset else ""
    yield f"# the last step has the coefficients, scores and information of the {way.name}"
    yield f'y, change = d["{script.outcome}"].to_numpy(), np.inf'
    yield f"predictor = {way.start}"
    if way.dispersed:
        yield "theta = np.inf  # the variance is mean + mean**2 / theta, at first the Poisson's"
    yield f"for _ in range({script.options['iwls_maxiter']!r}):"
    yield f"    mean = {way.mean}"
    yield f"    slope = {way.slope}"
    if way.dispersed:
        yield "    if change < 1e-3:  # theta at the maximum of the likelihood, given the means"
        yield "        def score(k):"
        yield "            of_gammas = digamma(y + np.exp(k)) - digamma(np.exp(k))"
        yield "            return np.sum(of_gammas - np.log1p(mean / np.exp(k)) - (y - mean) / (np.exp(k) + mean))"
        yield ""
        yield "        theta = np.exp(brentq(score, -40, 40, xtol=1e-13, rtol=1e-13))"
    yield f'    d["_weight"], d["_target"] = {way.weight}, predictor + (y - mean) / slope{offset}'
    yield "    fit = pf.feols("
    yield f'        "{python.formula("_target", " + ".join(script.regressors), script)}",'
    yield f'        d, vcov="iid", fixef_rm="singleton", weights="_weight", {python.DEMEANER},'
    yield "    )"
    yield f'    before, predictor = predictor, d["_target"].to_numpy(){back} - fit.resid()'
    yield "    change = np.abs(predictor - before).max()"
    yield "    if change < 1e-9:"
    yield "        break"
    yield from python.coefficient(script, f'1.0 / sd["{script.treatment}"]', used, generalised=True)
    if labels := [errors.label for errors in script.errors if errors.kind == "iid"]:
        yield "# there is no dispersion of residuals to estimate, which least squares does"
        yield 'dispersion = np.sum(d["_weight"] * fit.resid() ** 2) / (len(d) - 1)'
        yield from (f"std_error[{quoted(label)}] /= np.sqrt(dispersion)" for label in labels)


@dataclass(frozen=True, slots=True)
class _Way:
    """A likelihood by iteratively reweighted least squares, in Python."""

    name: str
    start: str
    mean: str
    slope: str
    weight: str
    dispersed: bool = False


_WAYS = {
    "logit": _Way(
        "logit", "np.log((y + 0.5) / (1.5 - y))", "1 / (1 + np.exp(-predictor))", "mean * (1 - mean)", "slope"
    ),
    "probit": _Way(
        "probit",
        "norm.ppf((y + 0.5) / 2)",
        "norm.cdf(predictor)",
        "norm.pdf(predictor)",
        "slope**2 / (mean * (1 - mean))",
    ),
    "fenegbin": _Way(
        "negative binomial",
        "np.log((y + y.mean()) / 2)",
        "np.exp(predictor)",
        "mean",
        "mean / (1 + mean / theta)",
        dispersed=True,
    ),
}


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
    """Return the lines of a regression by maximum likelihood."""
    poisson = script.method == "fepois"
    yield from _r_separation(script, poisson or script.method == "fenegbin", used)
    yield from r.SSC
    if script.method == "fenegbin":
        yield from _r_negative_binomial(script)
        return
    yield f"fit <- {'fepois' if poisson else 'feglm'}("
    yield from r.formula(script.outcome, script.regressors, script)
    family = "" if poisson else f', family = binomial("{script.method}")'
    offset = f", offset = ~{script.offset}" if script.offset else ""
    yield f'  data = d{family}{r.weights(script)}{offset}, vcov = "iid", fixef.rm = "none",'
    yield f"  glm.tol = {script.options['iwls_tol']!r}, glm.iter = {script.options['iwls_maxiter']!r}, {r.TIGHT}"
    yield ")"
    yield from r.report(script)


def _r_negative_binomial(script: Script) -> Iterator[str]:
    """Return iterated least squares, whose errors take theta as known; those of fixest's fenegbin do not."""
    offset = f" - d${script.offset}" if script.offset else ""
    back = f" + d${script.offset}" if script.offset else ""
    yield "# the coefficients and theta are those of fixest's fenegbin, the errors those of MASS's glm.nb: the expected"
    yield "# information, with theta taken as known"
    yield f"y <- d${script.outcome}"
    yield "predictor <- log((y + mean(y)) / 2)"
    yield "theta <- Inf"
    yield "change <- Inf"
    yield f"for (step in 1:{script.options['iwls_maxiter']!r}) {{"
    yield "  mu <- exp(predictor)"
    yield "  if (change < 1e-3) {  # theta at the maximum of the likelihood, given the means"
    yield "    score <- function(k) {"
    yield "      sum(digamma(y + exp(k)) - digamma(exp(k)) - log1p(mu / exp(k)) - (y - mu) / (exp(k) + mu))"
    yield "    }"
    yield "    theta <- exp(uniroot(score, c(-40, 40), tol = 1e-13)$root)"
    yield "  }"
    yield "  d$.weight <- mu / (1 + mu / theta)"
    yield f"  d$.target <- predictor + (y - mu) / mu{offset}"
    yield "  fit <- feols("
    yield from (f"  {line}" for line in r.formula(".target", script.regressors, script))
    yield f'    data = d, weights = ~.weight, vcov = "iid", fixef.rm = "none", {r.TIGHT}'
    yield "  )"
    yield "  before <- predictor"
    yield f"  predictor <- d$.target{back} - resid(fit)"
    yield "  change <- max(abs(predictor - before))"
    yield "  if (change < 1e-9) break"
    yield "}"
    yield "# there is no dispersion of residuals to estimate, which least squares does"
    yield "dispersion <- sum(d$.weight * resid(fit)^2) / (nrow(d) - 1)"
    scales = ", ".join("sqrt(dispersion)" if e.kind == "iid" else "1" for e in script.errors)
    yield f"scale <- c({scales})"
    yield from r.vcovs(script)
    yield from r.corrections(script)
    ssc = ", ssc = sscs[[k]]" if script.corrected else ""
    yield "for (k in seq_along(vcovs)) {"
    yield f'  error <- se(fit, vcov = vcovs[[k]]{ssc})[["{script.treatment}"]] / scale[k]'
    yield f'  cat(names(vcovs)[k], ": ", format(coef(fit)[["{script.treatment}"]], digits = 10), " (standard error ",'
    yield '      format(error, digits = 10), ")\\n", sep = "")'
    yield "}"


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


@dataclass(frozen=True, slots=True)
class _Command:
    """A command of Stata, what stands behind its comma, and its name for errors of the information."""

    name: str
    options: str
    iid: str


_IRLS = "irls ltolerance(1e-12) iterate(1000)"
_COMMANDS = {
    "logit": _Command("logit", "tolerance(1e-10)", "vce(oim)"),
    "probit": _Command("glm", f"family(bernoulli) link(probit) {_IRLS}", "vce(eim)"),
    "fenegbin": _Command("glm", f"family(nbinomial ml) link(log) {_IRLS}", "vce(eim)"),
}


def write_stata(script: Script, numbers: Mapping[str, str]) -> Iterator[str]:
    """Return the lines of a regression by maximum likelihood with a dummy for every level."""
    do = Stata(script, numbers)
    command = _COMMANDS[script.method]
    yield from stata_separation(do, poisson=script.method == "fenegbin")
    yield FACTOR.format(command=command.name)
    model = [script.outcome, *script.regressors, *(f"i.{e}" for e in do.effects())]
    for errors in script.errors:
        if len(errors.clusters) == 2:
            yield from _two_ways(do, command, model, errors)
            continue
        vce = command.iid if errors.kind == "iid" else do.vce(errors)
        yield do.label(errors)
        yield from filled(command.name, model, f", {vce} {command.options}{_offset(script)}")
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


def _two_ways(do: Stata, command: _Command, model: list[str], errors: Errors) -> Iterator[str]:
    """Add the variances of both clusterings, less that of their cells; each without its G / (G - 1)."""
    first, second = map(do.number, errors.clusters)
    name = do.script.treatment
    yield do.label(errors)
    yield f"egen long _cells = group({first} {second})"
    yield "scalar _variance = 0"
    yield "scalar _groups = ."
    for cluster, sign in ((first, "+"), (second, "+"), ("_cells", "-")):
        options = f", vce(cluster {cluster}) {command.options}{_offset(do.script)}"
        yield from filled(f"quietly {command.name}", model, options)
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
