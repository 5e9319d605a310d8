"""Callaway and Sant'Anna's estimator in Python, R and Stata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from specdid._programs import python, r
from specdid._programs.names import listed, quoted
from specdid._programs.script import Script
from specdid._programs.stata import Stata


def _by_hand(script: Script) -> str:
    """Say how controls enter: "" where there are none."""
    return str(script.options["est_method"]) if script.controls else ""


def _every_row(script: Script) -> bool:
    return script.options["unbalanced"] == "rows"


def write_python(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines of group-time effects and their average, with units' influences on it."""
    unit, anticipation = script.unit, script.options["anticipation"]
    yield from python.cohorts(script, used, _every_row(script))
    yield f'd["_w"] = {f"d[{quoted(script.weight)}]" if script.weight else "1.0"}'
    yield "# units by periods"
    yield "def wide(column):"
    yield f'    return d.pivot(index="{unit}", columns="_period", values=column)'
    yield f'Y, W = wide("{script.outcome}"), wide("_w")'
    yield "units, times = Y.index, Y.columns"
    yield f'starts = d.groupby("{unit}")["_cohort"].first().loc[units].fillna(np.inf)'
    yield "first, never = np.searchsorted(times, starts), len(times)  # place of the first treated period"
    yield "share = W.bfill(axis=1).iloc[:, 0].to_numpy()  # a unit's part in its cohort"
    whole = " & W.notna().all(axis=1).to_numpy()" if script.options["unbalanced"] == "drop" else ""
    yield f"kept = (first > {anticipation}){whole}  # those treated in all periods are left out"
    if script.controls:
        yield from listed("controls = [", (f'"{c}"' for c in script.controls), "]")
        yield "d[controls] = (d[controls] - d[controls].mean()) / d[controls].std(ddof=0).replace(0.0, 1.0)"
        yield "X = [wide(c).loc[units, times].to_numpy()[kept] for c in controls]"
    yield "Y, W, first, share, units = Y.to_numpy()[kept], W.to_numpy()[kept], first[kept], share[kept], units[kept]"
    yield from _python_contrast(script)
    yield "# Callaway and Sant'Anna (2021): effects by cohort and period, and each unit's influence on them"
    yield "cells = []"
    yield "for g in np.unique(first[first < never]):"
    yield f"    base = g - 1 - {anticipation}"
    yield "    for t in range(g, never):"
    later = "" if script.options["control"] == "never" else f" | ((first > t + {anticipation}) & (first != g))"
    yield f"        into, beside = first == g, (first == never){later}"
    if _every_row(script):
        yield "        parts = [(into, t, 1), (into, base, -1), (beside, t, -1), (beside, base, 1)]"
        yield "        if all((~np.isnan(Y[group, at] + W[group, at])).any() for group, at, _ in parts):"
        yield "            means = [mean(Y[:, at], group, W[:, at]) for group, at, _ in parts]"
        yield "            effect = sum(sign * m for (m, _), (*_, sign) in zip(means, parts))"
        yield "            influence = sum(sign * i for (_, i), (*_, sign) in zip(means, parts))"
        yield "            cells.append((g, t, effect, influence))"
    else:
        yield "        seen = ~np.isnan(Y[:, t] + Y[:, base] + W[:, base])"
        yield "        into, beside = into & seen, beside & seen"
        yield "        if into.any() and beside.any():"
        given = ", np.column_stack([x[:, base] for x in X])" if script.controls else ""
        yield f"            effect, influence = contrast(Y[:, t] - Y[:, base], into, beside, W[:, base]{given})"
        yield "            cells.append((g, t, effect, influence))"
    yield "def pooled(cells):  # by the size of the cohorts, which is estimated"
    yield "    size = np.array([share[first == g].sum() for g, *_ in cells])"
    yield "    effect = sum(n * e for n, (_, _, e, _) in zip(size, cells)) / size.sum()"
    yield "    influence = sum(n * i for n, (*_, i) in zip(size, cells))"
    yield "    influence = influence + sum((e - effect) * share * (first == g) for g, _, e, _ in cells)"
    yield "    return effect, influence / size.sum()"
    yield "def alike(found):"
    yield "    return np.mean([e for e, _ in found]), np.mean([i for _, i in found], axis=0)"
    aggregate = script.options["aggregate"]
    if aggregate == "group":
        yield "cohorts = {g: [c[2:] for c in cells if c[0] == g] for g, *_ in cells}"
        yield "estimate, of_unit = pooled([(g, None, *alike(own)) for g, own in cohorts.items()])"
    elif aggregate == "simple":
        yield "estimate, of_unit = pooled(cells)"
    else:
        key = "c[1] - c[0]" if aggregate == "dynamic" else "c[1]"
        yield f"keys = [{key} for c in cells]"
        yield "estimate, of_unit = alike("
        yield "    [pooled([c for c, key in zip(cells, keys) if key == one]) for one in sorted(set(keys))]"
        yield ")"
    clusters = {e.clusters[0]: None for e in script.one_way if e.clusters[0] != unit}
    if clusters:
        yield "# clusters that hold units whole"
        yield f'whole = d.groupby("{unit}")[[{", ".join(map(quoted, clusters))}]].nunique().max() == 1'
    yield f'd = d.drop_duplicates("{unit}").set_index("{unit}").loc[units].reset_index()'
    yield "influence = np.asarray(of_unit)"
    yield from python.clustered_influences(script, "whole[{}]")


def _python_contrast(script: Script) -> Iterator[str]:
    """Write the comparison of one cohort with others: means, or with controls by Sant'Anna and Zhao (2020)."""
    way = _by_hand(script)
    if not way:
        yield "def mean(values, group, w):"
        yield "    w = np.where(group & ~np.isnan(values + w), w, 0.0)"
        yield "    m = w @ np.nan_to_num(values) / w.sum()"
        yield "    return m, w * np.nan_to_num(values - m) / w.sum()"
        if script.options["unbalanced"] != "rows":
            yield "def contrast(change, into, beside, w):"
            yield "    (one, of_one), (other, of_other) = mean(change, into, w), mean(change, beside, w)"
            yield "    return one - other, of_one - of_other"
        return
    yield "def contrast(change, into, beside, w, x):"
    yield "    here = into | beside"
    yield "    y, w, treated = change[here], w[here], 1.0 * into[here]"
    yield "    x = np.column_stack([np.ones(len(y)), x[here]])"
    yield "    w1, w0 = w * treated, w * (1 - treated)"
    if way == "ipw":
        yield "    left, of_fit = y, np.zeros(x.shape)"
    else:
        yield "    moments = np.linalg.pinv(x.T @ (w0[:, None] * x), rcond=1e-12, hermitian=True)"
        yield "    left = y - x @ (moments @ (x.T @ (w0 * y)))"
        yield "    of_fit = (x * (w0 * left)[:, None]) @ moments"
    yield "    effect = w1 @ left / w1.sum()"
    yield "    influence = w1 * (left - effect) / w1.sum() - of_fit @ (w1 @ x) / w1.sum()"
    if way != "reg":
        yield "    beta = np.zeros(x.shape[1])  # a logit"
        yield "    beta[0] = np.log(w1.sum() / w0.sum())"
        yield "    for _ in range(50):"
        yield "        p = 1 / (1 + np.exp(-x @ beta))"
        yield "        hessian = np.linalg.pinv(x.T @ ((w * p * (1 - p))[:, None] * x), rcond=1e-12, hermitian=True)"
        yield "        beta = beta + hessian @ (x.T @ (w * (treated - p)))"
        yield "    p = 1 / (1 + np.exp(-x @ beta))"
        yield "    of_logit = (x * (w * (treated - p))[:, None]) @ hessian"
        yield "    odds = w0 * p / (1 - p)"
        yield "    mean = odds @ left / odds.sum()"
        yield "    part = odds * (left - mean) + of_logit @ ((odds * (left - mean)) @ x) - of_fit @ (odds @ x)"
        yield "    effect, influence = effect - mean, influence - part / odds.sum()"
    yield "    out = np.zeros(len(here))"
    yield "    out[here] = influence"
    yield "    return effect, out"


def write_r(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines of group-time effects and their average, with units' influences on it."""
    unit, anticipation = script.unit, script.options["anticipation"]
    rows = _every_row(script)
    yield from r.cohorts(script, used, rows)
    yield f"d$.w <- {f'd${script.weight} + 0' if script.weight else 'rep(1, nrow(d))'}"
    yield f"units <- unique(d${unit})"
    yield "times <- sort(unique(d$.period))"
    yield "at <- function(x, t) {  # the values of units in a period"
    yield f"  x[match(paste(units, times[t]), paste(d${unit}, d$.period))]"
    yield "}"
    yield "never <- length(times) + 1"
    yield f"starts <- d$.cohort[match(units, d${unit})]"
    yield "first <- findInterval(starts, times, left.open = TRUE) + 1  # place of the first treated period"
    yield "first[is.na(starts)] <- never"
    yield "share <- rep(NA_real_, length(units))  # a unit's part in its cohort: the weight it is first seen with"
    if script.options["unbalanced"] == "drop":
        yield "whole <- rep(TRUE, length(units))"
    yield "for (t in seq_along(times)) {"
    yield "  w <- at(d$.w, t)"
    yield "  share <- ifelse(is.na(share), w, share)"
    if script.options["unbalanced"] == "drop":
        yield "  whole <- whole & !is.na(w)"
    yield "}"
    whole = " & whole" if script.options["unbalanced"] == "drop" else ""
    yield f"kept <- which((first > {int(str(anticipation)) + 1}){whole})  # those treated in all periods are left out"
    yield "units <- units[kept]"
    yield "first <- first[kept]"
    yield "share <- share[kept]"
    yield from _r_contrast(script)
    yield "# Callaway and Sant'Anna (2021): effects by cohort and period, and each unit's influence on them. Where no"
    yield "# unit lacks a period, the same as did::att_gt(...) and did::aggte(type = ...) with analytic errors."
    yield "cohorts <- c()"
    yield "periods <- c()"
    yield "effects <- c()"
    yield "parts <- c()"
    yield "for (g in sort(unique(first[first < never]))) {"
    yield f"  base <- g - 1 - {anticipation}"
    yield "  for (t in seq_along(times)[seq_along(times) >= g]) {"
    later = "" if script.options["control"] == "never" else f" | (first > t + {anticipation} & first != g)"
    yield "    into <- first == g"
    yield f"    beside <- first == never{later}"
    yield f"    Yt <- at(d${script.outcome}, t)"
    yield f"    Yb <- at(d${script.outcome}, base)"
    if rows:
        yield "    Wt <- at(d$.w, t)"
        yield "    Wb <- at(d$.w, base)"
        yield "    sizes <- c(sum(into & !is.na(Yt + Wt)), sum(into & !is.na(Yb + Wb)),"
        yield "               sum(beside & !is.na(Yt + Wt)), sum(beside & !is.na(Yb + Wb)))"
        yield "    if (min(sizes) > 0) {"
        yield "      m1 <- average(Yt, into, Wt)"
        yield "      m2 <- average(Yb, into, Wb)"
        yield "      m3 <- average(Yt, beside, Wt)"
        yield "      m4 <- average(Yb, beside, Wb)"
        yield "      found <- list(effect = m1$effect - m2$effect - m3$effect + m4$effect,"
        yield "                    part = m1$part - m2$part - m3$part + m4$part)"
    else:
        yield "    W <- at(d$.w, base)"
        yield "    seen <- !is.na(Yt + Yb + W)"
        yield "    into <- into & seen"
        yield "    beside <- beside & seen"
        yield "    if (sum(into) > 0 & sum(beside) > 0) {"
        yield f"      found <- contrast(Yt - Yb, into, beside, W{', base' if script.controls else ''})"
    yield "      cohorts <- c(cohorts, g)"
    yield "      periods <- c(periods, t)"
    yield "      effects <- c(effects, found$effect)"
    yield "      parts <- cbind(parts, found$part)"
    yield "    }"
    yield "  }"
    yield "}"
    yield from _R_POOLED
    aggregate = script.options["aggregate"]
    if aggregate == "group":
        yield "parts <- sapply(unique(cohorts), function(g) rowMeans(parts[, cohorts == g, drop = FALSE]))"
        yield "effects <- sapply(unique(cohorts), function(g) mean(effects[cohorts == g]))"
        yield "cohorts <- unique(cohorts)"
    keys = {"dynamic": "periods - cohorts", "calendar": "periods"}.get(str(aggregate), "rep(1, length(cohorts))")
    yield f"keys <- {keys}"
    yield "estimate <- 0"
    yield "of_unit <- 0 * first"
    yield "for (key in unique(keys)) {"
    yield "  found <- pooled(which(keys == key))"
    yield "  estimate <- estimate + found$effect / length(unique(keys))"
    yield "  of_unit <- of_unit + found$part / length(unique(keys))"
    yield "}"
    yield "whole <- function(x) {  # whether clusters hold units whole"
    yield f"  length(unique(paste(d${unit}, x))) == length(unique(d${unit}))"
    yield "}"
    yield from r.entries("offered <- c", [f"{quoted(e.label)} = whole(d${e.clusters[0]})" for e in script.one_way])
    yield f"d <- d[match(units, d${unit}), , drop = FALSE]"
    yield "influence <- of_unit"
    yield from r.BETWEEN
    yield from r.clustered_influences(script)


def _r_contrast(script: Script) -> Iterator[str]:
    way = _by_hand(script)
    if not way:
        yield "average <- function(values, group, w) {"
        yield "  w <- ifelse(group & !is.na(values + w), w, 0)"
        yield "  y <- ifelse(is.na(values), 0, values)"
        yield "  m <- sum(w * y) / sum(w)"
        yield "  list(effect = m, part = w * (y - m) / sum(w))"
        yield "}"
        yield "contrast <- function(change, into, beside, w) {"
        yield "  one <- average(change, into, w)"
        yield "  other <- average(change, beside, w)"
        yield "  list(effect = one$effect - other$effect, part = one$part - other$part)"
        yield "}"
        return
    yield "standardised <- function(x) {"
    yield "  x <- x - mean(x, na.rm = TRUE)"
    yield "  if (sd(x, na.rm = TRUE) > 0) x / sd(x, na.rm = TRUE) else x"
    yield "}"
    for control in script.controls:
        yield f"d${control} <- standardised(d${control})"
    yield "contrast <- function(change, into, beside, w, base) {"
    yield "  here <- which(into | beside)"
    yield "  x <- cbind("
    yield "    rep(1, length(here)),"
    for k, control in enumerate(script.controls, 1):
        yield f"    at(d${control}, base)[here]{',' if k < len(script.controls) else ''}"
    yield "  )"
    yield "  y <- change[here]"
    yield "  w <- w[here]"
    yield "  treated <- as.numeric(into[here])"
    yield "  w1 <- w * treated"
    yield "  w0 <- w * (1 - treated)"
    yield "  bread <- function(v) {  # inverse of x'vx, without combinations of the columns before them"
    yield "    q <- qr(sqrt(v) * x, tol = 1e-7)"
    yield "    k <- q$pivot[seq_len(q$rank)]"
    yield "    list(k = k, inverse = solve(crossprod(v * x[, k, drop = FALSE], x[, k, drop = FALSE])))"
    yield "  }"
    if way == "ipw":
        yield "  left <- y"
        yield "  of_fit <- 0 * x"
        yield "  along <- seq_len(length(x[1, ]))"
    else:
        yield "  fit <- bread(w0)"
        yield "  along <- fit$k"
        yield "  z <- x[, along, drop = FALSE]"
        yield "  left <- y - drop(z %*% (fit$inverse %*% crossprod(z, w0 * y)))"
        yield "  of_fit <- (w0 * left * z) %*% fit$inverse"
    yield "  effect <- sum(w1 * left) / sum(w1)"
    yield "  through <- crossprod(x[, along, drop = FALSE], w1)"
    yield "  part <- (w1 * (left - effect) - drop(of_fit %*% through)) / sum(w1)"
    if way != "reg":
        yield "  z <- x[, bread(w)$k, drop = FALSE]  # a logit, by Newton's steps"
        yield "  index <- rep(log(sum(w1) / sum(w0)), length(y))"
        yield "  for (step in seq_len(50)) {"
        yield "    p <- 1 / (1 + exp(-index))"
        yield "    hessian <- solve(crossprod(w * p * (1 - p) * z, z))"
        yield "    index <- index + drop(z %*% (hessian %*% crossprod(z, w * (treated - p))))"
        yield "  }"
        yield "  p <- 1 / (1 + exp(-index))"
        yield "  of_logit <- (w * (treated - p) * z) %*% hessian"
        yield "  odds <- w0 * p / (1 - p)"
        yield "  m <- sum(odds * left) / sum(odds)"
        yield "  other <- odds * (left - m) + drop(of_logit %*% crossprod(z, odds * (left - m)))"
        yield "  other <- other - drop(of_fit %*% crossprod(x[, along, drop = FALSE], odds))"
        yield "  effect <- effect - m"
        yield "  part <- part - other / sum(odds)"
    yield "  out <- rep(0, length(into))"
    yield "  out[here] <- part"
    yield "  list(effect = effect, part = out)"
    yield "}"


_R_POOLED = (
    "pooled <- function(k) {  # by the size of the cohorts, which is estimated",
    "  size <- sapply(cohorts[k], function(g) sum(share[first == g]))",
    "  effect <- sum(size * effects[k]) / sum(size)",
    "  part <- drop(parts[, k, drop = FALSE] %*% size)",
    "  for (j in k) part <- part + (effects[j] - effect) * share * (first == cohorts[j])",
    "  list(effect = effect, part = part / sum(size))",
    "}",
)


def write_stata(script: Script, numbers: Mapping[str, str]) -> Iterator[str]:
    """Return the lines of group-time effects and their average, in Mata."""
    do = Stata(script, numbers)
    yield from do.cohorts(_every_row(script))
    yield f"generate double _w = {script.weight or '1'}"
    yield f"egen long _panel = group({script.unit})"
    yield "egen long _at = group(_now)"
    yield "sort _panel _at"
    yield from _MATA
    options = script.options
    never = int(options["control"] == "never")
    words = " ".join(script.controls)
    yield (
        f'mata: group_time("{script.outcome}", "{words}", {never}, {options["anticipation"]}, '
        f'"{options["est_method"]}", "{options["aggregate"]}", "{options["unbalanced"]}")'
    )
    yield "* did makes no small-sample correction, nor does specdid"
    for errors in script.one_way:
        cluster = do.number(errors.clusters[0])
        if errors.clusters[0] != script.unit:
            yield from do.parted(cluster)
        else:
            yield "local parted = 0"
        yield "if `parted' == 0 {  // clusters hold units whole"
        yield from do.clustered_influences(errors, " if _used == 1")
        yield "}"


_MATA = (
    "* Callaway and Sant'Anna (2021): effects by cohort and period, their average, and each unit's influence on it.",
    "* Where no unit lacks a period, the same as csdid with asymptotic errors (agg(group), agg(simple), ...).",
    "mata:",
    "void contrast(real colvector y, real colvector d, real matrix z, real colvector w, string scalar way,",
    "    real scalar effect, real colvector part)",
    "{",
    "    real colvector w1, w0, left, index, p, odds, other",
    "    real matrix x, of_fit, inverse",
    "    real scalar m, step",
    "    x = cols(z) ? (J(rows(y), 1, 1), z) : J(rows(y), 1, 1)",
    "    w1 = w :* d",
    "    w0 = w :* (1 :- d)",
    "    left = y",
    "    of_fit = J(rows(x), cols(x), 0)",
    '    if (way != "ipw" | cols(x) == 1) {',
    "        inverse = invsym(cross(x, w0, x))",
    "        left = y - x * (inverse * cross(x, w0, y))",
    "        of_fit = (x :* (w0 :* left)) * inverse",
    "    }",
    "    effect = sum(w1 :* left) / sum(w1)",
    "    part = (w1 :* (left :- effect) - of_fit * cross(x, w1)) / sum(w1)",
    '    if (way == "reg" | cols(x) == 1) return',
    "    index = J(rows(y), 1, ln(sum(w1) / sum(w0)))  // a logit",
    "    for (step = 1; step <= 50; step++) {",
    "        p = invlogit(index)",
    "        inverse = invsym(cross(x, w :* p :* (1 :- p), x))",
    "        index = index + x * (inverse * cross(x, w :* (d - p)))",
    "    }",
    "    p = invlogit(index)",
    "    odds = w0 :* p :/ (1 :- p)",
    "    m = sum(odds :* left) / sum(odds)",
    "    other = odds :* (left :- m) - of_fit * cross(x, odds)",
    "    other = other + (x :* (w :* (d - p))) * (inverse * cross(x, odds :* (left :- m)))",
    "    effect = effect - m",
    "    part = part - other / sum(odds)",
    "}",
    "void group_time(string scalar outcome, string scalar controls, real scalar never, real scalar anticipation,",
    "    string scalar way, string scalar aggregate, string scalar unbalanced)",
    "{",
    "    real matrix Y, W, ROW, X, parts, P",
    "    real colvector y, w, c, u, t, times, first, share, kept, into, beside, seen",
    "    real colvector here, part, k, keys, size, out, one, one_of",
    "    real scalar i, g, s, base, effect, total, j",
    "    real rowvector cells, effects, E",
    "    y = st_data(., outcome)",
    '    w = st_data(., "_w")',
    '    u = st_data(., "_panel")',
    '    t = st_data(., "_at")',
    '    c = st_data(., "_cohort")',
    '    times = uniqrows(st_data(., "_now"))',
    '    X = controls == "" ? J(rows(y), 0, 0) : st_data(., tokens(controls))',
    "    for (j = 1; j <= cols(X); j++) {",
    "        total = variance(X[., j])",
    "        X[., j] = (X[., j] :- mean(X[., j])) / sqrt(total > 0 ? total : 1)",
    "    }",
    "    Y = W = J(max(u), rows(times), .)",
    "    ROW = J(max(u), rows(times), 0)",
    "    first = share = out = J(max(u), 1, .)",
    "    for (i = rows(y); i >= 1; i--) {",
    "        Y[u[i], t[i]] = y[i]",
    "        W[u[i], t[i]] = w[i]",
    "        ROW[u[i], t[i]] = i",
    "        first[u[i]] = c[i] < . ? 1 + sum(times :< c[i]) : rows(times) + 1  // place of the first treated period",
    "        if (w[i] < .) share[u[i]] = w[i]",
    "        out[u[i]] = i",
    "    }",
    "    kept = first :> 1 + anticipation  // those treated in all periods are left out",
    '    if (unbalanced == "drop") kept = kept :& (rowmissing(W) :== 0)',
    "    cells = effects = J(1, 0, .)",
    "    keys = J(0, 1, .)",
    "    parts = J(max(u), 0, .)",
    "    for (g = 2; g <= rows(times); g++) {",
    "        for (s = g; s <= rows(times); s++) {",
    "            base = g - 1 - anticipation",
    "            into = kept :& (first :== g)",
    "            beside = first :== rows(times) + 1",
    "            if (!never) beside = beside :| ((first :> s + anticipation) :& (first :!= g))",
    "            beside = kept :& beside",
    "            if (sum(into) == 0 | base < 1) continue",
    "            one = J(max(u), 1, 0)",
    '            if (unbalanced == "rows") {',
    "                effect = 0",
    "                for (j = 1; j <= 4; j++) {",
    "                    i = mod(j, 2) ? s : base",
    "                    here = selectindex((j <= 2 ? into : beside) :& (Y[., i] + W[., i] :< .))",
    "                    if (!rows(here)) break",
    "                    total = mean(Y[here, i], W[here, i])",
    "                    effect = effect + (j == 1 | j == 4 ? 1 : -1) * total",
    "                    part = W[here, i] :* (Y[here, i] :- total) / sum(W[here, i])",
    "                    one[here] = one[here] + (j == 1 | j == 4 ? 1 : -1) * part",
    "                }",
    "                if (!rows(here)) continue",
    "            }",
    "            else {",
    "                seen = Y[., s] + Y[., base] + W[., base] :< .",
    "                here = selectindex((into :| beside) :& seen)",
    "                if (sum(into :& seen) == 0 | sum(beside :& seen) == 0) continue",
    "                contrast(Y[here, s] - Y[here, base], into[here], X[ROW[here, base], .], W[here, base], way,",
    "                    effect, part)",
    "                one[here] = part",
    "            }",
    "            cells = cells, g",
    "            effects = effects, effect",
    "            parts = parts, one",
    '            keys = keys \\ (aggregate == "calendar" ? s : aggregate == "dynamic" ? s - g : 0)',
    "        }",
    "    }",
    '    if (aggregate == "group") {  // cohorts over their periods first',
    "        k = uniqrows(cells')",
    "        E = J(1, 0, .)",
    "        P = J(max(u), 0, .)",
    "        for (j = 1; j <= rows(k); j++) {",
    "            E = E, mean(select(effects, cells :== k[j])')",
    "            P = P, rowsum(select(parts, cells :== k[j])) / sum(cells :== k[j])",
    "        }",
    "        cells = k'",
    "        effects = E",
    "        parts = P",
    "        keys = J(rows(k), 1, 0)",
    "    }",
    "    total = 0",
    "    one = J(max(u), 1, 0)",
    "    k = uniqrows(keys)",
    "    for (i = 1; i <= rows(k); i++) {  // by the size of the cohorts, which is estimated",
    "        here = selectindex(keys :== k[i])",
    "        size = J(rows(here), 1, 0)",
    "        for (j = 1; j <= rows(here); j++) size[j] = sum(select(share, kept :& (first :== cells[here[j]])))",
    "        effect = effects[here] * size / sum(size)",
    "        part = parts[., here] * size",
    "        for (j = 1; j <= rows(here); j++) {",
    "            one_of = editmissing(share, 0) :* kept :* (first :== cells[here[j]])",
    "            part = part + (effects[here[j]] - effect) * one_of",
    "        }",
    "        total = total + effect / rows(k)",
    "        one = one + part / sum(size) / rows(k)",
    "    }",
    '    st_numscalar("_effect", total)',
    "    part = J(rows(y), 1, 0)",
    "    part[out] = one",
    '    st_store(., st_addvar("double", "_influence"), part)',
    "    part = J(rows(y), 1, 0)",
    "    part[select(out, kept)] = J(sum(kept), 1, 1)",
    '    st_store(., st_addvar("byte", "_used"), part)',
    "}",
    "end",
)
