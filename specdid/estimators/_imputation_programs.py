"""What programs of imputation share: the first stage on the untreated rows, and the average of what it leaves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from specdid._programs import python, r
from specdid._programs.script import Script
from specdid._programs.stata import Stata


def python_stages(script: Script, used: dict[str, None], about: str) -> Iterator[str]:
    """Fit the untreated rows and average what is left of the treated; ``h`` are the weights that impute them."""
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
    yield about
    yield f'root, y = np.sqrt(w), d["{script.outcome}"].to_numpy()'
    yield "centre, sd = y.mean(), y.std()"
    yield "y = (y - centre) / sd"
    yield "first = X[~treated].multiply(root[~treated][:, None]).tocsr()"
    yield "left = y - X @ solve(first, root[~treated] * y[~treated])"
    yield "effect = w[treated] @ left[treated] / w[treated].sum()"
    yield "h = solve(first.T.tocsr(), X[treated].T @ w[treated])"


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


def r_stages(script: Script, used: dict[str, None], about: Sequence[str]) -> Iterator[str]:
    """Do in R what `python_stages` does, below the comment ``about``."""
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
    yield from about
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


R_WEIGHTS = "h <- Q %*% backsolve(R, crossprod(X[, kept, drop = FALSE], share), transpose = TRUE)"
"""The weights that impute the treated rows, by √w."""


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
    yield from r.entries("X <- cbind", blocks)


def stata_rows(do: Stata) -> Iterator[str]:
    """Keep the rows that can be imputed, with weights of mean one."""
    script = do.script
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


def stata_design(do: Stata) -> Iterator[str]:
    """Write the regressors of the first stage to X."""
    script = do.script
    blocks = [f'dummies("{e}")' for e in do.effects()] or ["J(st_nobs(), 1, 1)"]
    blocks += [f'dummies("{do.number(e.name)}") :* standardised("{x}")' for e, x in script.slopes]
    blocks += [f'standardised("{c}")' for c in script.controls]
    yield f"mata: X = {blocks[0]}"
    for block in blocks[1:]:
        yield f"mata: X = X, {block}"


MATA_COLUMNS = (
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
)
"""Mata functions that the design is made of."""
