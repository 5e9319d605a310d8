"""Synthetic difference in differences in Python, R and Stata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from specdid._programs import python, r
from specdid._programs.names import listed, quoted
from specdid._programs.script import Script
from specdid._programs.stata import Stata, filled

_WEIGHTS = (
    "def descend(A, b, zeta, least, x, most):",
    "    # Frank and Wolfe's steps on |A x - b|^2 / m + zeta^2 |x|^2, weights x: non-negative, of sum 1",
    "    eta, before = len(A) * zeta**2, np.inf",
    "    error = A @ x - b",
    "    for step in range(most):",
    "        gradient = error @ A + eta * x",
    "        towards = -x",
    "        towards[gradient.argmin()] += 1",
    "        moved = A @ towards",
    "        curvature = moved @ moved + eta * towards @ towards",
    "        if curvature > 0:",
    "            x = x + min(1.0, max(0.0, -(gradient @ towards) / curvature)) * towards",
    "            error = A @ x - b",
    "        value = zeta**2 * x @ x + error @ error / len(A)",
    "        if step and before - value <= least**2:",
    "            break",
    "        before = value",
    "    return x",
    "def weights(A, b, zeta, least, x):",
    "    A, b = A - A.mean(axis=0), b - b.mean()",
    "    x = descend(A, b, zeta, least, x, 100)",
    "    x = np.where(x > x.max() / 4, x, 0.0)",
    "    return descend(A, b, zeta, least, x / x.sum(), 10_000)",
    "def both(y0, y1, a, penalty, omega, lam):",
    "    # weights of units never treated, y0, and of the periods before a",
    "    zeta, sigma = penalty",
    "    lam = weights(y0[:, :a], y0[:, a:].mean(axis=1), 1e-6 * sigma, 1e-5 * sigma, lam)",
    "    omega = weights(y0[:, :a].T, y1[:a], zeta, 1e-5 * sigma, omega)",
    "    return omega, lam",
    "def contrast(lam):",
    "    return np.concatenate([-lam, np.full(T - len(lam), 1 / (T - len(lam)))])",
)


def write_python(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines of weights, effects by cohort, their average, and its standard error."""
    unit = script.unit
    yield from python.cohorts(script, used)
    columns = [script.outcome, "_cohort", *script.controls]
    yield from listed(f'wide = d.pivot(index="{unit}", columns="_period", values=[', (f'"{c}"' for c in columns), "])")
    yield f'Y = wide["{script.outcome}"].to_numpy(float)'
    yield "Y = Y - Y.mean(axis=1, keepdims=True)  # which changes nothing but rounding"
    yield "N, T = Y.shape"
    yield 'times = np.sort(d["_period"].unique())'
    yield 'first = np.searchsorted(times, wide["_cohort"].iloc[:, 0].fillna(np.inf))'
    yield "never, cohorts = np.flatnonzero(first == T), np.unique(first[first < T])"
    if script.controls:
        yield from listed(
            "X = np.array([wide[c].to_numpy(float) for c in (", (f'"{c}"' for c in script.controls), ",)])"
        )
        yield "spread = X.std(axis=(1, 2), keepdims=True)"
        yield "X = (X - X.mean(axis=(1, 2), keepdims=True)) / np.where(spread > 0, spread, 1.0)"
        yield "def adjusted(own):"
        yield "    # the outcome less what controls explain among units never treated"
        yield "    net = np.concatenate([X[:, own], Y[None, own]])"
        yield "    net = net - net.mean(axis=2, keepdims=True)"
        yield "    net = (net - net.mean(axis=1, keepdims=True)).reshape(len(net), -1)"
        yield "    x = np.where(net[:-1].std(axis=1, keepdims=True) > 1e-7, net[:-1], 0.0).T"
        yield "    return Y - np.tensordot(np.linalg.lstsq(x, net[-1], rcond=1e-9)[0], X, 1)"
    else:
        yield "def adjusted(own):"
        yield "    return Y"
    yield from _WEIGHTS
    yield "found, penalties = [], []"
    yield "y = adjusted(never)"
    yield "for a in cohorts:"
    yield "    sigma = np.diff(y[never, :a], axis=1).std(ddof=1)"
    yield "    penalties.append((((first == a).sum() * (T - a)) ** 0.25 * sigma, sigma))"
    yield "    start = np.full(len(never), 1 / len(never)), np.full(a, 1 / a)"
    yield "    found.append(both(y[never], y[first == a].mean(axis=0), a, penalties[-1], *start))"
    yield "def effect(stays):"
    yield "    # of the units that stay, with the weights as they are"
    yield "    y, kept = adjusted(never[stays[never]]), stays[never]"
    yield "    effects, cells = [], []"
    yield "    for a, (omega, lam) in zip(cohorts, found):"
    yield "        change, own, omega = y @ contrast(lam), stays & (first == a), omega[kept]"
    yield "        effects.append(change[own].mean() - omega @ change[never[kept]] / omega.sum())"
    yield "        cells.append(own.sum() * (T - a))"
    yield "    return np.average(effects, weights=cells)"
    yield "estimate = effect(np.ones(N, bool))"
    yield "std_error = {}"
    if script.options["vce"] == "placebo":
        yield from _python_placebos(script)
        return
    if script.options["vce"] == "bootstrap":
        yield from _python_draws(script)
    for errors in script.one_way:
        cluster = errors.clusters[0]
        if cluster == unit:
            yield "cluster = np.arange(N)"
        else:
            yield f'cluster = d.groupby("{unit}")["{cluster}"].first().to_numpy()'
            yield f'if d.groupby("{unit}")["{cluster}"].nunique().max() == 1:  # clusters hold units whole'
        space = "" if cluster == unit else "    "
        if script.options["vce"] == "bootstrap":
            yield f"{space}std_error[{quoted(errors.label)}] = np.std(draws(cluster))"
            continue
        yield f"{space}left = np.array([effect(cluster != g) for g in pd.unique(cluster)])"
        yield f"{space}share = (len(left) - 1) / len(left)"
        yield f"{space}std_error[{quoted(errors.label)}] = np.sqrt(share * ((left - left.mean()) ** 2).sum())"


def _python_draws(script: Script) -> Iterator[str]:
    """Draw clusters of units with replacement, with the draws of specdid."""
    yield "def draws(cluster):"
    yield "    # bootstrap: as many clusters of units with replacement, and weights from the estimate's"
    yield "    members, left = [np.flatnonzero(cluster == g) for g in np.unique(cluster)], []"
    yield f"    for draw in range({script.options['replications']}):"
    yield f"        key = [{int(str(script.options['seed'])) % 2**64}, 2**40 + draw]"
    yield "        generator, own, units = np.random.Generator(np.random.Philox(key=key)), [], []"
    yield "        while len(own) in (0, len(units)):  # none treated, or none never treated: drawn again"
    yield "            drawn = generator.integers(len(members), size=len(members))"
    yield "            units = np.sort(np.concatenate([members[g] for g in drawn]))"
    yield "            own = np.searchsorted(never, units[first[units] == T])"
    yield "        y, effects, cells = adjusted(never[own]), [], []"
    yield "        for a, (omega, lam), penalty in zip(cohorts, found, penalties):"
    yield "            into = units[first[units] == a]"
    yield "            if len(into):"
    yield "                y1 = y[into].mean(axis=0)"
    yield "                start = omega[own] if omega[own].sum() > 0 else np.ones(len(own))"
    yield "                o, m = both(y[never[own]], y1, a, penalty, start / start.sum(), lam)"
    yield "                effects.append((y1 - o @ y[never[own]]) @ contrast(m))"
    yield "                cells.append(len(into) * (T - a))"
    yield "        left.append(np.average(effects, weights=cells))"
    yield "    return left"


def _python_placebos(script: Script) -> Iterator[str]:
    """Give the cohorts to units never treated, with the draws of specdid."""
    yield "# placebos: the last of a permutation of the units never treated are given the cohorts"
    yield "left, sizes = [], [(first == a).sum() for a in cohorts]"
    yield f"for draw in range({script.options['replications']}):"
    yield f"    key = [{int(str(script.options['seed'])) % 2**64}, 2**40 + draw]"
    yield "    order = np.random.Generator(np.random.Philox(key=key)).permutation(len(never))"
    yield "    ends = np.cumsum([len(never) - sum(sizes), *sizes])"
    yield "    own = np.sort(order[: ends[0]])"
    yield "    y, effects = adjusted(never[own]), []"
    yield "    for k, (a, (omega, lam)) in enumerate(zip(cohorts, found)):"
    yield "        y1 = y[never[order[ends[k] : ends[k + 1]]]].mean(axis=0)"
    yield "        start = omega[own] if omega[own].sum() > 0 else np.ones(len(own))"
    yield "        o, m = both(y[never[own]], y1, a, penalties[k], start / start.sum(), lam)"
    yield "        effects.append((y1 - o @ y[never[own]]) @ contrast(m))"
    yield "    left.append(np.average(effects, weights=sizes * (T - cohorts)))"
    for errors in script.one_way:
        if errors.clusters[0] == script.unit:
            yield f"std_error[{quoted(errors.label)}] = np.std(left)"


def write_r(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines of synthdid's weights by cohort, the effects' average, and its jackknife."""
    unit = script.unit
    yield from r.cohorts(script, used)
    yield f"units <- sort(unique(d${unit}))"
    yield "times <- sort(unique(d$.period))"
    yield "wide <- function(values) {  # units by periods"
    yield f'  key <- paste(d${unit}, d$.period, sep = "\\r")'
    yield '  sapply(times, function(t) values[match(paste(units, t, sep = "\\r"), key)])'
    yield "}"
    yield f"Y <- wide(d${script.outcome})"
    yield f"first <- d$.cohort[match(units, d${unit})]"
    yield "never <- is.na(first)"
    yield "cohorts <- sort(unique(first[!never]))"
    yield from _r_adjusted(script)
    yield "y <- adjusted(never)"
    yield "omegas <- c()"
    yield "contrasts <- c()"
    yield "for (a in cohorts) {"
    yield "  into <- first %in% a"
    yield "  before <- sum(times < a)"
    yield "  after <- sum(times >= a)"
    yield "  both <- rbind(y[never, , drop = FALSE], y[into, , drop = FALSE])"
    yield "  fit <- synthdid_estimate(both, sum(never), before)"
    yield '  w <- attr(fit, "weights")'
    yield "  omegas <- cbind(omegas, w$omega)"
    yield "  contrasts <- cbind(contrasts, c(-w$lambda, rep(1 / after, after)))"
    yield "}"
    yield "effect <- function(stays) {  # of the units that stay, with the weights as they are"
    yield "  y <- adjusted(never & stays)"
    yield "  total <- 0"
    yield "  cells <- 0"
    yield "  for (k in seq_along(cohorts)) {"
    yield "    change <- drop(y %*% contrasts[, k])"
    yield "    own <- which(stays & first %in% cohorts[k])"
    yield "    omega <- omegas[, k] * stays[never]"
    yield "    here <- mean(change[own]) - sum(omega * change[never]) / sum(omega)"
    yield "    size <- length(own) * sum(times >= cohorts[k])"
    yield "    total <- total + size * here"
    yield "    cells <- cells + size"
    yield "  }"
    yield "  total / cells"
    yield "}"
    yield "estimate <- effect(rep(TRUE, length(units)))"
    if script.options["vce"] != "jackknife":
        yield from _r_draws(script)
        return
    for errors in script.one_way:
        cluster = errors.clusters[0]
        yield f"cluster <- d${cluster}[match(units, d${unit})]"
        yield f"if (length(unique(paste(d${unit}, d${cluster}))) == length(units)) {{  # clusters hold units whole"
        yield "  left <- sapply(unique(cluster), function(g) effect(cluster != g))"
        yield "  share <- (length(left) - 1) / length(left)"
        yield f'  cat({quoted(errors.label)}, ": ", format(estimate, digits = 10), " (standard error ",'
        yield '      format(sqrt(share * sum((left - mean(left))^2)), digits = 10), ")\\n", sep = "")'
        yield "}"


def _r_draws(script: Script) -> Iterator[str]:
    """Show synthdid's own draws, which are others."""
    vce, count = script.options["vce"], script.options["replications"]
    yield "# synthdid has other draws, of one cohort: the error differs from specdid's, as between two seeds"
    yield f"set.seed({script.options['seed']})"
    yield f'error <- sqrt(vcov(fit, method = "{vce}", replications = {count})[1, 1])'
    yield "if (length(cohorts) > 1) error <- NA"
    for errors in script.one_way:
        if errors.clusters[0] == script.unit:
            yield f'cat({quoted(errors.label)}, ": ", format(estimate, digits = 10), " (standard error ",'
            yield '    format(error, digits = 10), ")\\n", sep = "")'


def _r_adjusted(script: Script) -> Iterator[str]:
    if not script.controls:
        yield "adjusted <- function(own) Y"
        return
    yield "net <- function(m) {"
    yield "  m <- m - rowMeans(m)"
    yield "  c(t(t(m) - colMeans(m)))"
    yield "}"
    yield "clean <- function(x) ifelse(abs(x) < 1e-7, 0, x)  # what is left of a combination of the effects"
    yield "standardised <- function(x) if (sd(x) > 0) (x - mean(x)) / sd(x) else x - mean(x)"
    for k, control in enumerate(script.controls, 1):
        yield f"X{k} <- wide(standardised(d${control}))"
    yield "adjusted <- function(own) {  # the outcome less what controls explain among units never treated"
    yield "  x <- cbind("
    for k in range(1, len(script.controls) + 1):
        yield f"    clean(net(X{k}[own, , drop = FALSE])){',' if k < len(script.controls) else ''}"
    yield "  )"
    yield "  q <- qr(x, tol = 1e-7)"
    yield "  k <- q$pivot[seq_len(q$rank)]"
    yield "  beta <- rep(0, length(x[1, ]))"
    yield "  z <- x[, k, drop = FALSE]"
    yield "  beta[k] <- drop(solve(crossprod(z, z)) %*% crossprod(z, net(Y[own, , drop = FALSE])))"
    terms = "".join(f" - beta[{k}] * X{k}" for k in range(1, len(script.controls) + 1))
    yield f"  Y{terms}"
    yield "}"


def write_stata(script: Script, numbers: Mapping[str, str]) -> Iterator[str]:
    """Return the lines of sdid; where errors are clustered by more than units, of a jackknife with its weights."""
    do = Stata(script, numbers)
    yield from do.cohorts()
    yield f"egen long _panel = group({script.unit})"
    yield "egen long _at = group(_now)"
    yield "generate byte _treated = !missing(_cohort) & _now >= _cohort"
    vce = str(script.options["vce"])
    drawn = vce != "jackknife"
    if not drawn and any(e.clusters[0] != script.unit for e in script.one_way):
        yield from _MATA
    if drawn:
        yield "* other draws than specdid's: the error differs from its, as between two seeds"
    controls = f"covariates({' '.join(script.controls)}, projected) " if script.controls else ""
    model = [script.outcome, "_panel", "_at", "_treated,", "///"]
    for errors in script.one_way:
        own = errors.clusters[0] == script.unit
        if own:
            yield do.label(errors)
            more = ""
            if drawn:
                more = f" reps({script.options['replications']}) seed({max(int(str(script.options['seed'])), 1)})"
            yield from filled("sdid", model, "")
            yield f"    {controls}vce({vce}){more}"
            yield 'display %14.10g e(ATT) "  (standard error " %14.10g e(se) ")"'
        elif not drawn:
            cluster = do.number(errors.clusters[0])
            yield from do.parted(cluster)
            yield "if `parted' == 0 {  // clusters hold units whole: a jackknife by cluster, with sdid's weights"
            yield do.label(errors)
            yield from filled("sdid", model, "")
            yield f"    {controls}vce(noinference)"
            yield "scalar _effect = e(ATT)"
            yield f'mata: by_cluster("{script.outcome}", "{" ".join(script.controls)}", "{cluster}")'
            yield 'display %14.10g _effect "  (standard error " %14.10g _error ")"'
            yield "}"


_MATA = (
    "* Estimates without each cluster, with sdid's weights as they are: e(omega) has the adoption in its last row and",
    "* the units in its last column, e(lambda) the adoption in its last row.",
    "mata:",
    "real colvector net(real matrix m)",
    "{",
    "    real matrix own",
    "    own = m :- rowsum(m) / cols(m)",
    "    return(vec(own :- mean(own)))",
    "}",
    "void by_cluster(string scalar outcome, string scalar controls, string scalar cluster)",
    "{",
    "    real matrix Y, Z, O, L, x, z",
    "    real colvector y, u, t, d, c, first, group, levels, left, stays, never, here, id, keep, change, own, beta",
    "    real scalar i, k, a, g, last, total, cells, size",
    "    string rowvector names",
    "    pointer(real matrix) colvector X",
    '    O = st_matrix("e(omega)")',
    '    L = st_matrix("e(lambda)")',
    "    y = st_data(., outcome)",
    '    u = st_data(., "_panel")',
    '    t = st_data(., "_at")',
    '    d = st_data(., "_treated")',
    "    c = st_data(., cluster)",
    "    names = tokens(controls)",
    "    last = max(t)",
    "    Y = J(max(u), last, .)",
    "    first = group = J(max(u), 1, .)",
    "    for (i = 1; i <= rows(y); i++) {",
    "        Y[u[i], t[i]] = y[i]",
    "        group[u[i]] = c[i]",
    "        if (d[i] == 1) first[u[i]] = min((first[u[i]], t[i]))",
    "    }",
    "    X = J(cols(names), 1, NULL)",
    "    for (k = 1; k <= cols(names); k++) {",
    "        x = st_data(., names[k])",
    "        z = J(max(u), last, .)",
    "        for (i = 1; i <= rows(y); i++) z[u[i], t[i]] = x[i]",
    "        X[k] = &(z :* 1)",
    "    }",
    "    never = first :>= .",
    "    id = O[|1, cols(O) \\ rows(O) - 1, cols(O)|]",
    "    levels = uniqrows(group)",
    "    left = J(rows(levels), 1, .)",
    "    for (g = 1; g <= rows(levels); g++) {",
    "        stays = group :!= levels[g]",
    "        Z = Y",
    "        if (cols(names)) {",
    "            here = selectindex(never :& stays)",
    "            x = J(rows(here) * last, 0, .)",
    "            for (k = 1; k <= cols(names); k++) x = x, net((*X[k])[here, .])",
    "            beta = invsym(cross(x, x)) * cross(x, net(Y[here, .]))",
    "            for (k = 1; k <= cols(names); k++) Z = Z - beta[k] * (*X[k])",
    "        }",
    "        total = cells = 0",
    "        for (k = 1; k < cols(O); k++) {",
    "            a = O[rows(O), k]",
    "            change = rowsum(Z[|1, a \\ rows(Z), last|]) / (last - a + 1)",
    "            change = change - Z[|1, 1 \\ rows(Z), a - 1|] * L[|1, k \\ a - 1, k|]",
    "            keep = O[|1, k \\ rows(O) - 1, k|] :* stays[id]",
    "            own = selectindex(stays :& (first :== a))",
    "            size = rows(own) * (last - a + 1)",
    "            total = total + size * (mean(change[own]) - sum(keep :* change[id]) / sum(keep))",
    "            cells = cells + size",
    "        }",
    "        left[g] = total / cells",
    "    }",
    "    g = rows(levels)",
    '    st_numscalar("_error", sqrt((g - 1) / g * sum((left :- mean(left)) :^ 2)))',
    "}",
    "end",
)
