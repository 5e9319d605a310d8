"""Gardner's estimator in Python, R and Stata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from specdid._programs import python, r
from specdid._programs.names import quoted
from specdid._programs.script import Errors, Script
from specdid._programs.stata import Stata


def write_python(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines of Gardner's estimator, with the standard errors of the R package did2s."""
    effects = ", ".join(f'"{e.name}"' for e in (*script.fixed, *(e for e, _ in script.slopes)))
    yield from python.without_singletons(script, used)
    if effects:
        yield f'untreated = d[d["{script.treatment}"] != 1]'
        yield "keep = pd.Series(True, index=d.index)  # rows whose fixed effects are seen untreated"
        yield f"for effect in [{effects}]:"
        yield "    keep &= d[effect].isin(untreated[effect])"
        yield "d = d[keep].reset_index(drop=True)"
    yield f'treated = (d["{script.treatment}"] == 1).to_numpy()'
    weight = f'(d["{script.weight}"] / d["{script.weight}"].mean()).to_numpy()'
    yield f"w = {weight}" if script.weight else "w = np.ones(len(d))"
    yield from _python_first_stage(script)
    yield "# Gardner (2021): fixed effects and controls from untreated rows; what is left of the treated is the effect"
    yield f'root, y = np.sqrt(w), d["{script.outcome}"].to_numpy()'
    yield "centre, sd = y.mean(), y.std()"
    yield "y = (y - centre) / sd"
    yield "first = X[~treated].multiply(root[~treated][:, None]).tocsr()"
    yield "left = y - X @ solve(first, root[~treated] * y[~treated])"
    yield "effect = w[treated] @ left[treated] / w[treated].sum()"
    yield "h = solve(first.T.tocsr(), X[treated].T @ w[treated])"
    yield "influence = np.zeros(len(d))  # of each row on the estimate: both stages as one GMM problem"
    yield "influence[treated] = w[treated] * (left[treated] - effect)"
    yield "influence[~treated] = -h * root[~treated] * left[~treated]"
    yield "influence *= sd / w[treated].sum()"
    yield "estimate = effect * sd"
    yield from _did2s_errors(script)


def _python_first_stage(script: Script) -> Iterator[str]:
    yield "def dummies(effect, values):"
    yield "    codes = np.unique(d[effect], return_inverse=True)[1]"
    yield "    return sparse.csr_array((values, (np.arange(len(d)), codes)))"
    yield "def standardised(column):"
    yield "    values = d[column].to_numpy(float)"
    yield "    return (values - values.mean()) / (values.std() or 1.0)"
    yield "def solve(matrix, target):"
    yield "    return sparse.linalg.lsmr(matrix, target, atol=1e-14, btol=1e-14, conlim=0, maxiter=50_000)[0]"
    blocks = [f'dummies("{e.name}", np.ones(len(d)))' for e in script.fixed]
    blocks = blocks or ["sparse.csr_array(np.ones((len(d), 1)))"]
    blocks += [f'dummies("{e.name}", standardised("{x}"))' for e, x in script.slopes]
    blocks += [f'sparse.csr_array(standardised("{c}")[:, None])' for c in script.controls]
    yield "X = sparse.hstack(["
    for block in blocks:
        yield f"    {block},"
    yield '], format="csr")'


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
    yield from r.without_singletons(script, used)
    treatment = script.treatment
    groups = dict.fromkeys(e.factors for e in (*script.fixed, *(e for e, _ in script.slopes)))
    if groups:
        yield "# rows whose fixed effects are seen untreated"
        yield "keep <- rep(TRUE, nrow(d))"
        yield f"for (effect in list({', '.join(map(_columns, groups))})) {{"
        yield '  level <- do.call(paste, c(d[effect], sep = "\\r"))'
        yield f"  keep <- keep & level %in% level[d${treatment} != 1]"
        yield "}"
        yield "d <- d[keep, , drop = FALSE]"
    yield f"treated <- d${treatment} == 1"
    yield f"w <- d${script.weight} / mean(d${script.weight})" if script.weight else "w <- rep(1, nrow(d))"
    yield "# Gardner (2021): fixed effects and controls from untreated rows; what is left of the treated is the effect."
    yield "# For one clustering and small data the same as did2s::did2s(d, first_stage = ~ controls | effects, ...)"
    yield from _r_first_stage(script)
    yield f"y <- d${script.outcome} - mean(d${script.outcome})"
    yield "first <- qr(sqrt(w[!treated]) * X[!treated, , drop = FALSE], tol = 1e-9)"
    yield "kept <- first$pivot[seq_len(first$rank)]"
    yield "Q <- qr.Q(first)[, seq_len(first$rank), drop = FALSE]"
    yield "R <- qr.R(first)[seq_len(first$rank), seq_len(first$rank), drop = FALSE]"
    yield "beta <- backsolve(R, crossprod(Q, sqrt(w[!treated]) * y[!treated]))"
    yield "left <- y - drop(X[, kept, drop = FALSE] %*% beta)"
    yield "share <- w * treated / sum(w[treated])"
    yield "estimate <- sum(share * left)"
    yield "# each row's influence on the estimate: both stages as one GMM problem"
    yield "influence <- share * (left - estimate)"
    yield "h <- Q %*% backsolve(R, crossprod(X[, kept, drop = FALSE], share), transpose = TRUE)"
    yield "influence[!treated] <- -drop(h) * sqrt(w[!treated]) * left[!treated]"
    yield 'between <- function(...) sum(tapply(influence, paste(..., sep = "\\r"), sum)^2)'
    yield "groups <- function(x) length(unique(x))"
    yield "# did2s makes no small-sample correction, nor does specdid"
    yield "variances <- c("
    yield from _indented_entries(_variances(script))
    yield ")"
    yield "for (label in names(variances)) {"
    yield '  cat(label, ": ", format(estimate, digits = 10), " (standard error ",'
    yield '      format(sqrt(variances[[label]]), digits = 10), ")\\n", sep = "")'
    yield "}"


def _columns(factors: tuple[str, ...]) -> str:
    return "c(" + ", ".join(f'"{f}"' for f in factors) + ")"


def _r_first_stage(script: Script) -> Iterator[str]:
    """Write the regressors of the first stage out: dummies, slopes, controls about their means."""
    yield "dummies <- function(...) {"
    yield '  level <- paste(..., sep = "\\r")'
    yield '  1 * outer(level, unique(level), "==")'
    yield "}"
    yield "standardised <- function(x) if (sd(x) > 0) (x - mean(x)) / sd(x) else x - mean(x)"
    blocks = [f"dummies({', '.join(f'd${f}' for f in e.factors)})" for e in script.fixed] or ["rep(1, nrow(d))"]
    for levels, column in script.slopes:
        blocks.append(f"dummies({', '.join(f'd${f}' for f in levels.factors)}) * standardised(d${column})")
    blocks += [f"standardised(d${c})" for c in script.controls]
    yield "X <- cbind("
    yield from _indented_entries(blocks)
    yield ")"


def _indented_entries(entries: Sequence[str]) -> Iterator[str]:
    for k, entry in enumerate(entries, 1):
        yield f"  {entry}{',' if k < len(entries) else ''}"


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
    yield from do.without_singletons()
    levels = dict.fromkeys([*do.effects(), *(do.number(e.name) for e, _ in script.slopes)])
    if levels:
        yield "* rows whose fixed effects are seen untreated"
        for k, name in enumerate(levels, 1):
            yield f"egen byte _seen{k} = max({script.treatment} != 1), by({name})"
        yield f"keep if {' & '.join(f'_seen{k} == 1' for k in range(1, len(levels) + 1))}"
    yield f"generate double _weight = {script.weight or '1'}"
    yield "quietly summarize _weight"
    yield "replace _weight = _weight / r(mean)"
    yield from _TWO_STAGE
    blocks = [f'dummies("{e}")' for e in do.effects()] or ["J(st_nobs(), 1, 1)"]
    blocks += [f'dummies("{do.number(e.name)}") :* standardised("{x}")' for e, x in script.slopes]
    blocks += [f'standardised("{c}")' for c in script.controls]
    yield f"mata: X = {blocks[0]}"
    for block in blocks[1:]:
        yield f"mata: X = X, {block}"
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
    "real matrix dummies(string scalar name)",
    "{",
    "    real colvector v",
    "    v = st_data(., name)",
    "    return(v :== uniqrows(v)')",
    "}",
    "real colvector standardised(string scalar name)",
    "{",
    "    real colvector v",
    "    v = st_data(., name)",
    "    v = v :- mean(v)",
    "    return(mean(v:^2) > 0 ? v / sqrt(mean(v:^2)) : v)",
    "}",
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
