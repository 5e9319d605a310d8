"""Borusyak, Jaravel and Spiess's estimator in Python, R and Stata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from specdid._programs import python, r
from specdid._programs.names import quoted
from specdid._programs.script import Errors, Script
from specdid._programs.stata import Stata
from specdid.estimators._imputation_programs import (
    MATA_COLUMNS,
    R_WEIGHTS,
    indented_entries,
    python_stages,
    r_stages,
    stata_design,
    stata_rows,
)

_ABOUT = (
    "# Borusyak, Jaravel and Spiess (2024): fixed effects and controls from untreated rows; what is left of treated",
    "# ones is the effect. Without weights the same as didimputation::did_imputation(d, ...).",
)
_CENTRED = "# outcomes by their weights in the estimate; of treated rows about the mean of their cohort and period"


def _clustered(script: Script) -> list[Errors]:
    """Return the errors that the estimator offers, whose cluster may still part a unit's rows."""
    return [e for e in script.errors if len(e.clusters) == 1]


def write_python(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines of imputation with the method's own standard errors."""
    yield from python.cohorts(script, used)
    yield from python_stages(script, used, "\n".join(_ABOUT))
    yield _CENTRED
    yield "v = np.zeros(len(d))"
    yield "v[treated], v[~treated] = w[treated], -h * root[~treated]"
    yield "v = v / w[treated].sum()"
    yield 'cell = [d["_cohort"], d["_period"]]'
    yield "own = pd.DataFrame(dict(size=v**2 * treated, product=v**2 * treated * left), d.index).groupby(cell)"
    yield 'mean = own["product"].transform("sum") / own["size"].transform("sum")'
    yield "influence = v * (left - np.where(treated, mean, 0.0)) * sd"
    yield "estimate = effect * sd"
    yield from python.BETWEEN
    yield "std_error = {}"
    for errors in _clustered(script):
        (name,), variance = python.of_influences(errors)
        if errors.rule == "glm":
            variance = f"({variance}) * d[{name}].nunique() / (d[{name}].nunique() - 1)"
        own = errors.clusters[0] == script.unit
        if not own:
            yield f'if (d.groupby("{script.unit}")[{name}].nunique() == 1).all():  # clusters hold units whole'
        yield f"{'' if own else '    '}std_error[{quoted(errors.label)}] = np.sqrt({variance})"


def write_r(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines of imputation with the method's own standard errors."""
    yield from r.cohorts(script, used)
    yield from r_stages(script, used, _ABOUT)
    yield _CENTRED
    yield R_WEIGHTS
    yield "v <- share"
    yield "v[!treated] <- -drop(h) * sqrt(w[!treated])"
    yield 'cell <- paste(d$.cohort, d$.period, sep = "\\r")'
    yield "size <- ave(ifelse(treated, v^2, 0), cell, FUN = sum)"
    yield "centre <- ave(ifelse(treated, v^2 * left, 0), cell, FUN = sum) / ifelse(size > 0, size, 1)"
    yield "influence <- v * (left - ifelse(treated, centre, 0))"
    yield 'between <- function(...) sum(tapply(influence, paste(..., sep = "\\r"), sum)^2)'
    yield "groups <- function(x) length(unique(x))"
    yield "whole <- function(x) {  # whether clusters hold units whole"
    yield f"  groups(paste(d${script.unit}, x)) == groups(d${script.unit})"
    yield "}"
    yield "offered <- c("
    yield from indented_entries([f"{quoted(e.label)} = whole(d${e.clusters[0]})" for e in _clustered(script)])
    yield ")"
    yield "variances <- c("
    yield from indented_entries([f"{quoted(e.label)} = {_r_variance(e)}" for e in _clustered(script)])
    yield ")"
    yield "for (label in names(variances)[offered == 1]) {"
    yield '  cat(label, ": ", format(estimate, digits = 10), " (standard error ",'
    yield '      format(sqrt(variances[[label]]), digits = 10), ")\\n", sep = "")'
    yield "}"


def _r_variance(errors: Errors) -> str:
    (cluster,) = errors.clusters
    variance = f"between(d${cluster})"
    return f"{variance} * groups(d${cluster}) / (groups(d${cluster}) - 1)" if errors.rule == "glm" else variance


def write_stata(script: Script, numbers: Mapping[str, str]) -> Iterator[str]:
    """Return the lines of imputation with the method's own standard errors."""
    do = Stata(script, numbers)
    yield from do.cohorts()
    yield from stata_rows(do)
    yield from _MATA
    yield from stata_design(do)
    yield f'mata: imputation(X, "{script.outcome}", "{script.treatment}")'
    yield "* outcomes by their weights in the estimate; of treated rows about the mean of their cohort and period"
    yield f"generate double _square = _v^2 if {script.treatment} == 1"
    yield f"generate double _product = _v^2 * _left if {script.treatment} == 1"
    yield "egen double _size = total(_square), by(_cohort _now)"
    yield "egen double _mean = total(_product), by(_cohort _now)"
    yield "generate double _influence = _v * _left"
    yield f"replace _influence = _v * (_left - _mean / _size) if {script.treatment} == 1 & _size > 0"
    yield f"egen long _panel = group({script.unit})"
    for errors in _clustered(script):
        cluster = do.number(errors.clusters[0])
        yield f"egen double _low = min({cluster}), by(_panel)"
        yield f"egen double _high = max({cluster}), by(_panel)"
        yield "quietly count if _low != _high"
        yield "local parted = r(N)"
        yield "drop _low _high"
        yield "if `parted' == 0 {  // clusters hold units whole"
        yield do.label(errors)
        yield f"egen double _sum = total(_influence), by({cluster})"
        yield "generate double _part = _influence * _sum"
        yield "quietly summarize _part"
        yield "scalar _variance = r(sum)"
        yield "drop _sum _part"
        if errors.rule == "glm":
            yield f"quietly levelsof {cluster}"
            yield "scalar _variance = _variance * r(r) / (r(r) - 1)"
        yield 'display %14.10g _effect "  (standard error " %14.10g sqrt(_variance) ")"'
        yield "}"


_MATA = (
    "* Borusyak, Jaravel and Spiess (2024): fixed effects and controls from untreated rows; what is left of treated",
    "* ones is the effect. Without weights the same as did_imputation.",
    "mata:",
    *MATA_COLUMNS,
    "void imputation(real matrix X, string scalar outcome, string scalar treatment)",
    "{",
    "    real colvector y, w, treated, U, root, left, v",
    "    real matrix P",
    "    y = st_data(., outcome)",
    "    y = y :- mean(y)",
    '    w = st_data(., "_weight")',
    "    treated = st_data(., treatment) :== 1",
    "    U = selectindex(!treated)",
    "    root = sqrt(w[U])",
    "    P = pinv(root :* X[U, .])",
    "    left = y - X * (P * (root :* y[U]))",
    "    v = w :* treated / sum(w :* treated)",
    '    st_numscalar("_effect", sum(v :* left))',
    "    v[U] = -(P' * (X' * v)) :* root",
    '    st_store(., st_addvar("double", "_v"), v)',
    '    st_store(., st_addvar("double", "_left"), left)',
    "}",
    "end",
)
