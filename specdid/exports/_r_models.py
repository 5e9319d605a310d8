"""The regressions of an R program, all through fixest but for did2s."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from specdid._study import Rule
from specdid.exports._names import listed, quoted
from specdid.exports._script import Errors, Levels, Script
from specdid.exports._trees import plain_number

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
    text = f"{outcome} ~ {' + '.join(regressors)}" + (f" | {behind}" if behind else "")
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
    generalised = script.method in ("fepois", "logit")
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


def _corrected(script: Script, estimate: str, error: str) -> Iterator[str]:
    """Print estimates whose errors have corrections; ``error`` is in terms of vcovs[[k]] and sscs[[k]]."""
    yield from corrections(script)
    yield "for (k in seq_along(vcovs)) {"
    yield f"  error <- {error} * factors[k]"
    yield f"  estimate <- {estimate}"
    yield '  cat(names(vcovs)[k], ": ", format(estimate, digits = 10), " (standard error ",'
    yield '      format(error, digits = 10), ", p = ", format(p_value(estimate / error, k), digits = 6),'
    yield '      ")\\n", sep = "")'
    yield "}"


def _weights(script: Script) -> str:
    return f", weights = ~ {script.weight}" if script.weight else ""


def _report(script: Script) -> Iterator[str]:
    yield from vcovs(script)
    if script.corrected:
        name = f'"{script.treatment}"'
        yield from _corrected(script, f"coef(fit)[[{name}]]", f"se(fit, vcov = vcovs[[k]], ssc = sscs[[k]])[[{name}]]")
        return
    yield "for (label in names(vcovs)) {"
    yield "  cat(label, \"\\n\")"
    yield "  print(summary(fit, vcov = vcovs[[label]]))"
    yield f'  print(coeftable(fit, vcov = vcovs[[label]])["{script.treatment}", ], digits = 10)'
    yield "}"


def least_squares(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Give the lines of a least-squares regression."""
    yield from SSC
    yield "fit <- feols("
    yield from formula(script.outcome, script.regressors, script)
    yield f'  data = d{_weights(script)}, vcov = "iid", fixef.rm = "singleton", {TIGHT}'
    yield ")"
    yield from _report(script)


def glm(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Give the lines of a Poisson or logit regression."""
    poisson = script.method == "fepois"
    yield from _separation(script, poisson, used)
    yield from SSC
    yield f"fit <- {'fepois' if poisson else 'feglm'}("
    yield from formula(script.outcome, script.regressors, script)
    family = "" if poisson else ', family = binomial("logit")'
    yield f'  data = d{family}{_weights(script)}, vcov = "iid", fixef.rm = "none",'
    yield f"  glm.tol = {script.options['iwls_tol']!r}, glm.iter = {script.options['iwls_maxiter']!r}, {TIGHT}"
    yield ")"
    yield from _report(script)


def _separation(script: Script, poisson: bool, used: dict[str, None]) -> Iterator[str]:
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
    yield f"  for (effect in list({_lists(script)})) {{"
    yield '    level <- do.call(paste, c(d[effect], sep = "\\r"))'
    yield f"    highest <- ave(d${script.outcome}, level, FUN = max)"
    if not poisson:
        yield f"    lowest <- ave(d${script.outcome}, level, FUN = min)"
    yield f"    d <- d[{test} & table(level)[level] > 1, ]"
    yield "  }"
    yield "  if (nrow(d) == rows) break"
    yield "}"


def _lists(script: Script) -> str:
    return ", ".join("c(" + ", ".join(f'"{f}"' for f in e.factors) + ")" for e in script.fixed)


def _without_singletons(script: Script, used: dict[str, None]) -> Iterator[str]:
    if script.fixed:
        used["without_singletons"] = None
        yield f"d <- without_singletons(d, list({_lists(script)}))"


def _cohorts(script: Script) -> Iterator[str]:
    numbered = script.step not in (None, "year")
    yield f"# the first treated period; missing is never treated: {script.never_words}"
    yield f"d$.cohort <- d${script.cohort}"
    values = "".join(f" | d$.cohort == {plain_number(v)}" for v in script.never)
    yield f"d$.cohort[!is.finite(d$.cohort){values} | d$.cohort > {plain_number(script.last)}] <- NA"
    if numbered:
        yield "d$.cohort <- periods(d$.cohort)"
    yield f"d$.period <- periods(d${script.time})" if numbered else f"d$.period <- d${script.time}"


def sunab(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Give the lines of Sun and Abraham's estimator."""
    notyet = script.options["control"] == "notyet"
    yield from _without_singletons(script, used)
    yield from _cohorts(script)
    yield "d$.cohort[d$.cohort > max(d$.period)] <- NA"
    yield "# cohorts that are treated in all of their rows are left out"
    yield "starts <- tapply(d$.period, d$.cohort, min)[as.character(d$.cohort)]"
    yield "d <- d[!((starts >= d$.cohort) %in% TRUE), ]"
    if notyet:
        yield "if (!anyNA(d$.cohort)) {  # no cohort is never treated: the last one serves, until its treatment"
        yield "  last <- max(d$.cohort)"
        yield "  d <- d[d$.period < last, ]"
        yield "  d$.cohort[d$.cohort == last] <- NA"
        yield "}"
    yield from _without_singletons(script, used)
    yield "# Sun and Abraham (2021): a dummy for each cohort and period since treatment, averaged by their rows; with"
    yield '# never-treated units the same as summary(feols(y ~ sunab(cohort, period) + ...), agg = "ATT")'
    yield "d$.since <- d$.period - d$.cohort"
    yield 'pairs <- unique(d[!is.na(d$.since), c(".since", ".cohort")])'
    yield "pairs <- pairs[order(pairs$.since, pairs$.cohort), ]"
    yield f"pairs <- pairs[{_chosen(script, notyet)}, ]"
    yield 'cells <- paste0(".cell", seq_len(nrow(pairs)))'
    yield "for (k in seq_along(cells)) {"
    yield "  d[[cells[k]]] <- as.numeric(d$.since %in% pairs$.since[k] & d$.cohort %in% pairs$.cohort[k])"
    yield "}"
    yield from SSC
    behind = effects(script)
    rest = "".join(f" + {c}" for c in script.controls) + (f" | {behind}" if behind else "")
    yield "fit <- feols("
    yield f'  as.formula(paste("{script.outcome} ~", paste(cells, collapse = " + "), "{rest}")),'
    yield f'  data = d{_weights(script)}, vcov = "iid", fixef.rm = "singleton", {TIGHT}'
    yield ")"
    weight = f"d${script.weight} * " if script.weight else ""
    yield f"share <- sapply(cells[pairs$.since >= 0], function(cell) sum({weight}d[[cell]]))"
    yield "share <- share / sum(share)"
    yield "kept <- intersect(names(coef(fit)), names(share))  # the effect of a cell that is dropped is in others"
    yield "share <- share[kept]"
    yield "estimate <- sum(share * coef(fit)[kept])"
    yield from vcovs(script)
    if script.corrected:
        error = "sqrt(drop(share %*% vcov(fit, vcov = vcovs[[k]], ssc = sscs[[k]])[kept, kept] %*% share))"
        yield from _corrected(script, "sum(share * coef(fit)[kept])", error)
        return
    yield "for (label in names(vcovs)) {"
    yield "  V <- vcov(fit, vcov = vcovs[[label]])[kept, kept]"
    yield '  cat(label, ": ", format(estimate, digits = 10), " (standard error ",'
    yield '      format(sqrt(drop(share %*% V %*% share)), digits = 10), ")\\n", sep = "")'
    yield "}"


def _chosen(script: Script, notyet: bool) -> str:
    if notyet:
        return "pairs$.since >= 0"
    reference = script.options["reference"]
    skipped = list(reference) if isinstance(reference, list | tuple) else [reference]
    return f"!(pairs$.since %in% c({', '.join(map(repr, skipped))}))"


def lpdid(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Give the lines of local projections."""
    never = script.options["control"] == "never"
    yield from _without_singletons(script, used)
    yield from _cohorts(script)
    yield "# periods in steps of the panel, from its first"
    yield "values <- sort(unique(d$.period))"
    yield "divisor <- function(a, b) if (b == 0) a else divisor(b, a %% b)"
    yield "step <- if (length(values) > 1) Reduce(divisor, round(diff(values))) else 1"
    yield "d$.cohort <- ceiling((d$.cohort - values[1]) / step)"
    yield "d$.period <- round((d$.period - values[1]) / step)"
    yield f"window <- {script.options['post_window']!r}"
    yield "# Dube et al. (2025): the mean outcome of periods 0 to window less that of period -1"
    yield "shifted <- function(h) {"
    yield f"  d${script.outcome}[match(paste(d${script.unit}, d$.period + h), paste(d${script.unit}, d$.period))]"
    yield "}"
    yield "d$.change <- rowMeans(sapply(0:window, shifted)) - shifted(-1)"
    yield "d$.enters <- as.numeric((d$.period == d$.cohort & d$.period > 0) %in% TRUE)"
    late = "" if never else " | (d$.period + window < d$.cohort) %in% TRUE"
    yield f"d$.clean <- as.numeric(is.na(d$.cohort){late})"
    yield "d <- d[!is.na(d$.change) & (d$.enters == 1 | d$.clean == 1), ]"
    yield "d <- d[d$.clean == 1 | ave(d$.clean, d$.period, FUN = max) == 1, ]  # those with a clean control"
    yield f"d$.w <- {f'd${script.weight} / mean(d${script.weight})' if script.weight else '1'}"
    controls = "".join(f" + {c}" for c in script.controls)
    if script.options["reweight"] and script.controls:
        yield "# regression adjustment: controls and period effects from the clean controls alone. The standard"
        yield "# errors of specdid take both steps together, with every row's influence; here is the estimate."
        yield f"first <- feols(.change ~{controls[2:]} | .period, data = d[d$.clean == 1, ], weights = ~ .w, {TIGHT})"
        yield "left <- d$.change - predict(first, newdata = d)"
        yield 'cat("estimate:", format(weighted.mean(left[d$.enters == 1], d$.w[d$.enters == 1]), digits = 10), "\\n")'
        return
    if script.options["reweight"]:
        yield "# one over the clean share of each period, so that entering units count alike"
        yield "d <- d[ave(d$.enters, d$.period, FUN = max) == 1, ]"
        yield "share <- ave(d$.w * d$.clean, d$.period, FUN = sum) / ave(d$.w, d$.period, FUN = sum)"
        yield "d$.w <- d$.w / share"
    yield from SSC
    yield "fit <- feols("
    yield f"  .change ~ .enters{controls} | .period, data = d, weights = ~ .w,"
    yield f'  vcov = "iid", fixef.rm = "singleton", {TIGHT}'
    yield ")"
    yield from vcovs(script)
    if script.corrected:
        error = 'se(fit, vcov = vcovs[[k]], ssc = sscs[[k]])[[".enters"]]'
        yield from _corrected(script, 'coef(fit)[[".enters"]]', error)
        return
    yield "for (label in names(vcovs)) {"
    yield '  cat(label, "\\n")'
    yield '  print(coeftable(fit, vcov = vcovs[[label]])[".enters", ], digits = 10)'
    yield "}"


def did2s(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Give the lines of Gardner's estimator, with the standard errors of the R package did2s."""
    yield from _without_singletons(script, used)
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
    yield from _first_stage(script)
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
    yield "between <- function(...) sum(tapply(influence, paste(..., sep = \"\\r\"), sum)^2)"
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


def _first_stage(script: Script) -> Iterator[str]:
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
