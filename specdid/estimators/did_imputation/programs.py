"""Borusyak, Jaravel and Spiess's estimator in Python, R and Stata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from specdid._programs import python, r
from specdid._programs.names import quoted
from specdid._programs.script import Script
from specdid._programs.stata import Stata
from specdid.estimators._imputation_programs import (
    MATA_COLUMNS,
    R_WEIGHTS,
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
    yield from python.clustered_influences(script, f'(d.groupby("{script.unit}")[{{}}].nunique() == 1).all()')


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
    yield from r.BETWEEN
    yield "whole <- function(x) {  # whether clusters hold units whole"
    yield f"  groups(paste(d${script.unit}, x)) == groups(d${script.unit})"
    yield "}"
    yield from r.entries("offered <- c", [f"{quoted(e.label)} = whole(d${e.clusters[0]})" for e in script.one_way])
    yield from r.clustered_influences(script)


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
    for errors in script.one_way:
        cluster = do.number(errors.clusters[0])
        yield from do.parted(cluster)
        yield "if `parted' == 0 {  // clusters hold units whole"
        yield from do.clustered_influences(errors)
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
