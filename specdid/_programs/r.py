"""Pieces of R programs: regressions with fixest, whose estimates are printed under every vcov."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from specdid._programs.names import listed, plain_number, quoted
from specdid._programs.script import Errors, Levels, Script
from specdid._study import Rule

TIGHT = "fixef.tol = 1e-10, fixef.iter = 1e5"

SSC = (
    "# fixest's small-sample corrections are its defaults, which specdid takes over: (N - 1) / (N - K) with the",
    "# fixed effects that are nested in a cluster left out of K, G / (G - 1), two clusters with the smaller G.",
)


def effects(script: Script) -> str:
    """Write the part behind the bar: interacted effects as a^b, varying slopes as f[x] or f[[x]]."""
    by_levels: dict[str, list[str]] = {}
    for levels, column in script.slopes:
        by_levels.setdefault(levels.name, []).append(column)
    texts = []
    for levels in script.fixed:
        slopes = by_levels.pop(levels.name, None)
        texts.append(_levels(levels, slopes is not None) + (f"[{', '.join(slopes)}]" if slopes else ""))
    only = {levels.name: levels for levels, _ in script.slopes}
    texts += [f"{_levels(only[name], True)}[[{', '.join(x)}]]" for name, x in by_levels.items()]
    return " + ".join(texts)


def _levels(levels: Levels, enclosed: bool) -> str:
    text = "^".join(levels.factors)
    return f"({text})" if enclosed and len(levels.factors) > 1 else text


def formula(outcome: str, regressors: tuple[str, ...], script: Script) -> list[str]:
    """Write a formula, filled into lines."""
    behind = effects(script)
    text = f"{outcome} ~ {' + '.join(regressors) or '1'}" + (f" | {behind}" if behind else "")
    if script.instruments:
        text += f" | {script.treatment} ~ {' + '.join(script.instruments)}"
    lines, current = [], "  "
    for word in text.split(" "):
        if len(current) + len(word) > 100:
            lines.append(current.rstrip())
            current = "    "
        current += word + " "
    return [*lines, current.rstrip() + ","]


def vcovs(script: Script) -> Iterator[str]:
    """List the study's variance estimators."""
    entries = [f"{quoted(e.label)} = {_vcov(e)}" for e in script.errors]
    yield from listed("vcovs <- list(", entries, ")")


def _vcov(errors: Errors) -> str:
    return f"~ {' + '.join(errors.clusters)}" if errors.kind == "cluster" else f'"{errors.kind}"'


_RULES: dict[Rule, str] = {
    "fixest": "ssc()",
    "reghdfe": "ssc(fixef.force_exact = TRUE)",
    "areg": 'ssc(fixef.K = "full", fixef.force_exact = TRUE)',
    "lsdv": 'ssc(fixef.K = "full", fixef.force_exact = TRUE)',
    "glm": "ssc(adj = FALSE)",
    "none": "ssc(adj = FALSE, cluster.adj = FALSE)",
}


def corrections(script: Script) -> Iterator[str]:
    """List the corrections and what errors are multiplied with, where some error asks for one."""
    if not script.corrected:
        return
    generalised = script.likelihood
    yield "# small-sample corrections: reghdfe counts no redundant parameters, areg and lsdv all dummies, glm has"
    yield "# N / (N - 1) or G / (G - 1) alone (as ppmlhdfe has), none nothing"
    entries, factors, normal = [], [], []
    for e in script.errors:
        rule: Rule = "glm" if e.rule == "reghdfe" and generalised else e.rule
        ml = e.kind == "iid" and not generalised and e.rule in ("glm", "none")
        asis = e.kind == "iid" and generalised and e.rule != "fixest"  # the inverse of the information
        entries.append(f"{quoted(e.label)} = {_RULES['glm'] if asis else 'ssc()' if ml else _RULES[rule]}")
        factors.append("sqrt((fit$nobs - fit$nparams) / fit$nobs)" if ml and e.rule == "none" else "1")
        law = e.distribution or ("normal" if generalised else "t")
        normal.append("TRUE" if law == "normal" else "FALSE")
    yield from listed("sscs <- list(", entries, ")")
    yield f"factors <- c({', '.join(factors)})  # iid without a correction is RSS / N"
    yield f"normal <- c({', '.join(normal)})  # p-values from the normal distribution, not from t"
    yield "p_value <- function(z, k) {"
    yield '  df <- degrees_freedom(fit, type = "t", vcov = vcovs[[k]])'
    yield "  2 * (if (normal[k]) pnorm(-abs(z)) else pt(-abs(z), df))"
    yield "}"


def print_corrected(script: Script, estimate: str, error: str) -> Iterator[str]:
    """Print estimates whose errors have corrections; ``error`` is in terms of vcovs[[k]] and sscs[[k]]."""
    yield from corrections(script)
    yield "for (k in seq_along(vcovs)) {"
    yield f"  error <- {error} * factors[k]"
    yield f"  estimate <- {estimate}"
    yield '  cat(names(vcovs)[k], ": ", format(estimate, digits = 10), " (standard error ",'
    yield '      format(error, digits = 10), ", p = ", format(p_value(estimate / error, k), digits = 6),'
    yield '      ")\\n", sep = "")'
    yield "}"


def weights(script: Script) -> str:
    """Return the argument for weights, with the comma before it."""
    return f", weights = ~ {script.weight}" if script.weight else ""


def report(script: Script) -> Iterator[str]:
    """Print the treatment's coefficient under every vcov."""
    yield from vcovs(script)
    own = f"fit_{script.treatment}" if script.instruments else script.treatment
    if script.corrected:
        name = f'"{own}"'
        error = f"se(fit, vcov = vcovs[[k]], ssc = sscs[[k]])[[{name}]]"
        yield from print_corrected(script, f"coef(fit)[[{name}]]", error)
        return
    yield "for (label in names(vcovs)) {"
    yield '  cat(label, "\\n")'
    yield "  print(summary(fit, vcov = vcovs[[label]]))"
    yield f'  print(coeftable(fit, vcov = vcovs[[label]])["{own}", ], digits = 10)'
    yield "}"


def lists(script: Script) -> str:
    """Return the columns of each fixed effect as a vector."""
    return ", ".join("c(" + ", ".join(f'"{f}"' for f in e.factors) + ")" for e in script.fixed)


def without_singletons(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Drop singletons, where there are effects."""
    if script.fixed:
        used["without_singletons"] = None
        yield f"d <- without_singletons(d, list({lists(script)}))"


def cohorts(script: Script, used: dict[str, None], singletons: bool = False) -> Iterator[str]:
    """Return the lines that drop singletons, or keep them, and number periods and cohorts; never treated is missing."""
    if not singletons:
        yield from without_singletons(script, used)
    yield f"# the first treated period; missing is never treated: {script.never_words}"
    yield f"d$.cohort <- d${script.cohort}"
    values = "".join(f" | d$.cohort == {plain_number(v)}" for v in script.never)
    yield f"d$.cohort[!is.finite(d$.cohort){values} | d$.cohort > {plain_number(script.last)}] <- NA"
    if script.step not in (None, "year"):
        yield "d$.cohort <- periods(d$.cohort)"
    yield from clock(script, used)


def clock(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the line that numbers periods in ``.period``, so that a step is 1."""
    numbered = script.step not in (None, "year")
    if numbered:
        used["periods"] = None
    yield f"d$.period <- periods(d${script.time})" if numbered else f"d$.period <- d${script.time}"


def entries(call: str, given: Sequence[str]) -> Iterator[str]:
    """Call a function with entries, one a line."""
    yield f"{call}("
    for k, entry in enumerate(given, 1):
        yield f"  {entry}{',' if k < len(given) else ''}"
    yield ")"


BETWEEN = (
    'between <- function(...) sum(tapply(influence, paste(..., sep = "\\r"), sum)^2)',
    "groups <- function(x) length(unique(x))",
)
"""The sum of squares of the influences, summed within joint levels of columns; and how many levels there are."""


def clustered_influences(script: Script) -> Iterator[str]:
    """Show the estimate with errors clustered one way that are ``offered``, without correction but "glm"."""
    variances = []
    for errors in script.one_way:
        (cluster,) = errors.clusters
        factor = f" * groups(d${cluster}) / (groups(d${cluster}) - 1)" if errors.rule == "glm" else ""
        variances.append(f"{quoted(errors.label)} = between(d${cluster}){factor}")
    yield from show_influences(variances, "[offered == 1]")


def show_influences(variances: Sequence[str], which: str = "") -> Iterator[str]:
    """Show the estimate with the root of each of ``variances``, which are entries by label."""
    yield from entries("variances <- c", variances)
    yield f"for (label in names(variances){which}) {{"
    yield '  cat(label, ": ", format(estimate, digits = 10), " (standard error ",'
    yield '      format(sqrt(variances[[label]]), digits = 10), ")\\n", sep = "")'
    yield "}"


IN_STEPS = (
    "# periods in steps of the panel, from its first",
    "values <- sort(unique(d$.period))",
    "divisor <- function(a, b) if (b == 0) a else divisor(b, a %% b)",
    "step <- if (length(values) > 1) Reduce(divisor, round(diff(values))) else 1",
    "d$.cohort <- ceiling((d$.cohort - values[1]) / step)",
    "d$.period <- round((d$.period - values[1]) / step)",
)
"""Lines below `cohorts` that count periods in the largest step that all distances between them are multiples of."""
