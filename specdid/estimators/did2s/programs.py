"""Gardner's estimator in Python, R and Stata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from specdid._programs import python, r
from specdid._programs.names import quoted
from specdid._programs.script import Errors, Script
from specdid._programs.stata import Stata
from specdid.estimators._imputation_programs import (
    MATA_COLUMNS,
    R_WEIGHTS,
    python_stages,
    r_stages,
    stata_design,
    stata_rows,
)


def write_python(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines of Gardner's estimator, with the standard errors of the R package did2s."""
    yield from python_stages(script, used, _ABOUT[0].removesuffix("."))
    yield "influence = np.zeros(len(d))  # of each row on the estimate: both stages as one GMM problem"
    yield "influence[treated] = w[treated] * (left[treated] - effect)"
    yield "influence[~treated] = -h * root[~treated] * left[~treated]"
    yield "influence *= sd / w[treated].sum()"
    yield "estimate = effect * sd"
    yield from _did2s_errors(script)


def _did2s_errors(script: Script) -> Iterator[str]:
    """Sum squares of the influences by cluster, without small-sample correction, as in did2s."""
    yield from python.BETWEEN
    yield "std_error = {}"
    for errors in script.errors:
        if errors.kind == "iid":
            continue
        names, variance = python.of_influences(errors)
        if errors.rule == "glm":
            counts = [f"d[{n}].nunique()" for n in names] or ["len(d)"]
            yield f"G = {counts[0] if len(counts) == 1 else 'min(' + ', '.join(counts) + ')'}"
            variance = f"({variance}) * G / (G - 1)"
        yield f"std_error[{quoted(errors.label)}] = np.sqrt({variance})"


def write_r(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines of Gardner's estimator, with the standard errors of the R package did2s."""
    yield from r_stages(script, used, _ABOUT)
    yield "# each row's influence on the estimate: both stages as one GMM problem"
    yield "influence <- share * (left - estimate)"
    yield R_WEIGHTS
    yield "influence[!treated] <- -drop(h) * sqrt(w[!treated]) * left[!treated]"
    yield from r.BETWEEN
    yield "# did2s makes no small-sample correction, nor does specdid"
    yield from r.show_influences(_variances(script))


_ABOUT = (
    "# Gardner (2021): fixed effects and controls from untreated rows; what is left of the treated is the effect.",
    "# For one clustering and small data the same as did2s::did2s(d, first_stage = ~ controls | effects, ...)",
)


def _variances(script: Script) -> list[str]:
    found = []
    for errors in script.errors:
        if errors.kind == "iid":
            continue
        names = [f"d${c}" for c in errors.clusters]
        variance = " + ".join(f"between({n})" for n in names) or "sum(influence^2)"
        variance += f" - between({', '.join(names)})" if len(names) == 2 else ""
        if errors.rule == "glm":
            counts = [f"groups({n})" for n in names] or ["nrow(d)"]
            groups = counts[0] if len(counts) == 1 else f"min({', '.join(counts)})"
            variance = f"({variance}) * {groups} / ({groups} - 1)"
        found.append(f"{quoted(errors.label)} = {variance}")
    return found


def write_stata(script: Script, numbers: Mapping[str, str]) -> Iterator[str]:
    """Return the lines of Gardner's estimator, with the standard errors of the R package did2s."""
    do = Stata(script, numbers)
    yield from stata_rows(do)
    yield from _TWO_STAGE
    yield from stata_design(do)
    yield f'mata: two_stage(X, "{script.outcome}", "{script.treatment}")'
    yield "* did2s makes no small-sample correction, nor does specdid"
    for errors in script.errors:
        if errors.kind != "iid":
            yield from _of_influences(do, errors)


def _of_influences(do: Stata, errors: Errors) -> Iterator[str]:
    """Sum influences by cluster and square them: each row's with the sum of its cluster."""
    clusters = [do.number(c) for c in errors.clusters]
    yield do.label(errors)
    if not clusters:
        yield "generate double _part = _influence^2"
    else:
        signs = [("+", c) for c in clusters] + ([("-", " ".join(clusters))] if len(clusters) == 2 else [])
        yield "generate double _part = 0"
        for sign, by in signs:
            yield f"egen double _sum = total(_influence), by({by})"
            yield f"replace _part = _part {sign} _influence * _sum"
            yield "drop _sum"
    yield "quietly summarize _part"
    yield "scalar _variance = r(sum)"
    yield "drop _part"
    if errors.rule == "glm":
        yield "scalar _groups = _N" if not clusters else "scalar _groups = ."
        for cluster in clusters:
            yield f"quietly levelsof {cluster}"
            yield "scalar _groups = min(_groups, r(r))"
        yield "scalar _variance = _variance * _groups / (_groups - 1)"
    yield 'display %14.10g _effect "  (standard error " %14.10g sqrt(_variance) ")"'


_TWO_STAGE = (
    "* Gardner (2021): fixed effects and controls from untreated rows; what is left of the treated is the effect, and",
    "* each row's influence on it is that of both stages as one GMM problem. did2s gives the same for one clustering.",
    "mata:",
    *MATA_COLUMNS,
    "void two_stage(real matrix X, string scalar outcome, string scalar treatment)",
    "{",
    "    real colvector y, w, treated, U, root, left, share, influence",
    "    real matrix P",
    "    real scalar effect",
    "    y = st_data(., outcome)",
    "    y = y :- mean(y)",
    '    w = st_data(., "_weight")',
    "    treated = st_data(., treatment) :== 1",
    "    U = selectindex(!treated)",
    "    root = sqrt(w[U])",
    "    P = pinv(root :* X[U, .])",
    "    left = y - X * (P * (root :* y[U]))",
    "    share = w :* treated / sum(w :* treated)",
    "    effect = share' * left",
    "    influence = share :* (left :- effect)",
    "    influence[U] = -(P' * (X' * share)) :* root :* left[U]",
    '    st_numscalar("_effect", effect)',
    '    st_store(., st_addvar("double", "_influence"), influence)',
    "}",
    "end",
)
