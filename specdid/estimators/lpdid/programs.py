"""Local projections in Python, R and Stata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from specdid._programs import python, r
from specdid._programs.names import listed, quoted
from specdid._programs.script import Errors, Levels, Script
from specdid._programs.stata import IN_STEPS, Stata, filled, uncorrected


def write_python(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines of local projections: the mean change over the post window, on entering treatment."""
    assert script.unit is not None  # the check sees to it
    never = script.options["control"] == "never"
    yield from python.cohorts(script, used)
    yield from python.IN_STEPS
    yield f"window = {script.options['post_window']!r}"
    yield "# Dube et al. (2025): the mean outcome of periods 0 to window less that of period -1"
    yield f'outcome = d.set_index(["{script.unit}", "_period"])["{script.outcome}"]'
    yield "def shifted(h):"
    yield f'    return outcome.reindex(pd.MultiIndex.from_arrays([d["{script.unit}"], d["_period"] + h])).to_numpy()'
    yield 'd["_change"] = np.mean([shifted(h) for h in range(window + 1)], axis=0) - shifted(-1)'
    yield 'd["_enters"] = 1.0 * ((d["_period"] == d["_cohort"]) & (d["_period"] > 0))'
    clean = 'd["_cohort"].isna()' + ("" if never else ' | (d["_period"] + window < d["_cohort"])')
    yield f'd["_clean"] = 1.0 * ({clean})'
    if script.later:
        yield "# controls are those of the period itself; a row without them still was an end of a change"
        yield f"d = d.dropna(subset=[{', '.join(map(quoted, script.later))}])"
    yield 'd = d[d["_change"].notna() & ((d["_enters"] == 1) | (d["_clean"] == 1))]'
    yield "# entering units that have a clean control in their period"
    yield 'd = d[(d["_clean"] == 1) | (d.groupby("_period")["_clean"].transform("max") == 1)]'
    yield f'd["_w"] = {_own_weight(script)}'
    if script.options["reweight"] and script.controls:
        yield from _regression_adjustment(script)
        return
    if script.options["reweight"]:
        yield "# one over the clean share of each period, so that entering units count alike"
        yield 'd = d[d.groupby("_period")["_enters"].transform("max") == 1]'
        yield 'share = (d["_w"] * d["_clean"]).groupby(d["_period"]).transform("sum")'
        yield 'd["_w"] = d["_w"] * d["_w"].groupby(d["_period"]).transform("sum") / share'
    yield 'd = d[d.groupby("_period")["_period"].transform("size") > 1].reset_index(drop=True)'
    yield from _standardised(script)
    yield "# pyfixest's tolerances are absolute: the change enters in standard deviations"
    yield 'sd = d["_change"].std(ddof=0) or 1.0'
    yield 'd["_change"] = (d["_change"] - d["_change"].mean()) / sd'
    yield "fit = pf.feols("
    yield f'    "_change ~ {" + ".join((*script.controls, "_enters"))} | _period", d, vcov="iid", weights="_w",'
    yield '    fixef_rm="singleton", demeaner=pf.MapDemeaner(fixef_tol=1e-12, fixef_maxiter=100_000),'
    yield ")"
    yield 'estimate = fit.coef()["_enters"] * sd'
    yield from python.each_vcov(replace(script, fixed=(Levels("_period", ("_period",)),)), used)
    yield f'    std_error[label] = fit.se()["_enters"] * sd{python.correction(script)}'


def _own_weight(script: Script) -> str:
    return f'd["{script.weight}"] / d["{script.weight}"].mean()' if script.weight else "1.0"


def _standardised(script: Script) -> Iterator[str]:
    if script.controls:
        yield from listed("controls = [", (f'"{c}"' for c in script.controls), "]")
        yield "d[controls] = (d[controls] - d[controls].mean()) / d[controls].std(ddof=0).replace(0.0, 1.0)"


def _regression_adjustment(script: Script) -> Iterator[str]:
    """Impute the entering units' changes from the clean controls; errors are of both steps together."""
    yield "d = d.reset_index(drop=True)"
    yield from _standardised(script)
    yield "# regression adjustment: controls and period effects from the clean controls alone"
    yield 'enters, clean = d["_enters"].to_numpy(), d["_clean"].to_numpy() == 1'
    yield 'w, y = d["_w"].to_numpy(), d["_change"].to_numpy()'
    yield 'X = np.column_stack([pd.get_dummies(d["_period"]).to_numpy(float), d[controls]])'
    yield "root = np.sqrt(w)[:, None]"
    yield "first = (X * root)[clean]"
    yield "left = y - X @ np.linalg.lstsq(first, (root[:, 0] * y)[clean], rcond=None)[0]"
    yield "total = (w * enters).sum()"
    yield "estimate = (w * enters * left).sum() / total"
    yield "h = np.linalg.pinv(first.T @ first) @ (X.T @ (w * enters))"
    yield "influence = (w * enters * (left - estimate) - np.where(clean, w * (X @ h), 0.0) * left) / total"
    yield "k = np.linalg.matrix_rank(first) + 1  # the effect, controls and periods"
    yield from python.BETWEEN
    yield 'std_error, n, T = {}, len(d), d["_period"].nunique()'
    for errors in script.errors:
        if errors.kind == "iid":
            continue
        names, variance = python.of_influences(errors)
        yield f"G = min([{', '.join([*(f'd[{n}].nunique()' for n in names), 'n'])}])"
        nested = [f'(d.groupby("_period")[{n}].nunique() == 1).all()' for n in names]
        yield f"counted = k - (T - 1) * ({' or '.join(nested)})" if nested else "counted = k"
        yield f"std_error[{quoted(errors.label)}] = np.sqrt(({variance}) * {_factor(errors)})"


def _factor(errors: Errors) -> str:
    """Write the small-sample factor over n, G, k and counted."""
    if errors.rule == "none":
        return "1.0"
    if errors.rule == "glm":
        return "G / (G - 1)"  # without clusters G is n
    used = "k" if errors.rule in ("areg", "lsdv") else "counted"
    return f"n / (n - {used})" if errors.kind == "hetero" else f"(n - 1) / (n - {used}) * G / (G - 1)"


def write_r(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines of local projections."""
    never = script.options["control"] == "never"
    yield from r.cohorts(script, used)
    yield from r.IN_STEPS
    yield f"window <- {script.options['post_window']!r}"
    yield "# Dube et al. (2025): the mean outcome of periods 0 to window less that of period -1"
    yield "shifted <- function(h) {"
    yield f"  d${script.outcome}[match(paste(d${script.unit}, d$.period + h), paste(d${script.unit}, d$.period))]"
    yield "}"
    yield "d$.change <- rowMeans(sapply(0:window, shifted)) - shifted(-1)"
    yield "d$.enters <- as.numeric((d$.period == d$.cohort & d$.period > 0) %in% TRUE)"
    late = "" if never else " | (d$.period + window < d$.cohort) %in% TRUE"
    yield f"d$.clean <- as.numeric(is.na(d$.cohort){late})"
    if script.later:
        yield "# controls are those of the period itself; a row without them still was an end of a change"
        yield "d <- d[complete.cases(d[later]), , drop = FALSE]"
    yield "d <- d[!is.na(d$.change) & (d$.enters == 1 | d$.clean == 1), ]"
    yield "d <- d[d$.clean == 1 | ave(d$.clean, d$.period, FUN = max) == 1, ]  # those with a clean control"
    yield f"d$.w <- {f'd${script.weight} / mean(d${script.weight})' if script.weight else '1'}"
    controls = "".join(f" + {c}" for c in script.controls)
    if script.options["reweight"] and script.controls:
        yield "# regression adjustment: controls and period effects from the clean controls alone. The standard"
        yield "# errors of specdid take both steps together, with every row's influence; here is the estimate."
        yield f"first <- feols(.change ~{controls[2:]} | .period, data = d[d$.clean == 1, ], weights = ~ .w, {r.TIGHT})"
        yield "left <- d$.change - predict(first, newdata = d)"
        yield 'cat("estimate:", format(weighted.mean(left[d$.enters == 1], d$.w[d$.enters == 1]), digits = 10), "\\n")'
        return
    if script.options["reweight"]:
        yield "# one over the clean share of each period, so that entering units count alike"
        yield "d <- d[ave(d$.enters, d$.period, FUN = max) == 1, ]"
        yield "share <- ave(d$.w * d$.clean, d$.period, FUN = sum) / ave(d$.w, d$.period, FUN = sum)"
        yield "d$.w <- d$.w / share"
    yield from r.SSC
    yield "fit <- feols("
    yield f"  .change ~ .enters{controls} | .period, data = d, weights = ~ .w,"
    yield f'  vcov = "iid", fixef.rm = "singleton", {r.TIGHT}'
    yield ")"
    yield from r.vcovs(script)
    if script.corrected:
        error = 'se(fit, vcov = vcovs[[k]], ssc = sscs[[k]])[[".enters"]]'
        yield from r.print_corrected(script, 'coef(fit)[[".enters"]]', error)
        return
    yield "for (label in names(vcovs)) {"
    yield '  cat(label, "\\n")'
    yield '  print(coeftable(fit, vcov = vcovs[[label]])[".enters", ], digits = 10)'
    yield "}"


def write_stata(script: Script, numbers: Mapping[str, str]) -> Iterator[str]:
    """Return the lines of local projections."""
    do = Stata(script, numbers)
    window = script.options["post_window"]
    never = script.options["control"] == "never"
    yield from do.cohorts()
    yield from IN_STEPS
    yield f"local window = {window!r}"
    yield "* Dube et al. (2025): the mean outcome of periods 0 to window less that of period -1"
    yield f"egen long _panel = group({script.unit})"
    yield "tsset _panel _now"
    yield "generate double _ahead = 0"
    yield "forvalues h = 0/`window' {"
    yield f"    replace _ahead = _ahead + F`h'.{script.outcome}"
    yield "}"
    yield f"generate double _change = _ahead / (`window' + 1) - L1.{script.outcome}"
    yield "generate byte _enters = _now == _cohort & _now > 0"
    late = "" if never else " | (_now + `window' < _cohort)"
    yield f"generate byte _clean = missing(_cohort){late}"
    if script.later:
        yield "* controls are those of the period itself; a row without them still was an end of a change"
        yield from filled("foreach name in", list(script.later), " {")
        yield "    drop if missing(`name')"
        yield "}"
    yield "keep if !missing(_change) & (_enters == 1 | _clean == 1)"
    yield "egen byte _beside = max(_clean), by(_now)"
    yield "keep if _beside == 1  // those with a clean control in their period"
    yield f"generate double _w = {script.weight or '1'}"
    if script.options["reweight"] and script.controls:
        yield "* regression adjustment: controls and period effects from the clean controls alone. The standard"
        yield "* errors of specdid take both steps together, with every row's influence; here is the estimate."
        yield from filled("regress _change", [*script.controls, "i._now"], " [aweight = _w] if _clean == 1")
        yield "predict double _left, residuals"
        yield "summarize _left [aweight = _w] if _enters == 1"
        yield "display %14.10g r(mean)"
        return
    if script.options["reweight"]:
        yield "* one over the clean share of each period, so that entering units count alike"
        yield "egen byte _entered = max(_enters), by(_now)"
        yield "keep if _entered == 1"
        yield "egen double _all = total(_w), by(_now)"
        yield "egen double _out = total(_w * _clean), by(_now)"
        yield "replace _w = _w * _all / _out"
    yield from do.dof()
    for errors in script.errors:
        yield from do.reghdfe(("_change", "_enters", *script.controls), "absorb(_now)", errors, " [aweight = _w]")
        yield do.shown("_enters", uncorrected(errors))
