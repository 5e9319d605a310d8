"""Stacked difference in differences in Python, R and Stata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from specdid._programs import python, r
from specdid._programs.names import listed, quoted
from specdid._programs.script import Levels, Script
from specdid._programs.stata import IN_STEPS, Stata, filled, uncorrected

_EFFECTS = (Levels("_unit", ("_unit",)), Levels("_when", ("_when",)))


def _offered(script: Script) -> Script:
    """Leave the errors that the estimator offers, whose cluster may still part a unit's rows."""
    return replace(script, errors=script.one_way, fixed=_EFFECTS)


def _windows(script: Script) -> tuple[int, int]:
    return int(str(script.options["pre_window"])), int(str(script.options["post_window"]))


def write_python(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines of one regression on stacked rows."""
    unit, (before, after) = script.unit, _windows(script)
    yield from python.cohorts(script, used)
    yield from python.IN_STEPS
    yield 'd["_cohort"] = d["_cohort"].where(d["_cohort"] <= d["_period"].max())'
    yield f'd["_w"] = {f"d[{quoted(script.weight)}]" if script.weight else "1.0"}'
    yield f"before, after = {before}, {after}"
    yield "# a stack for each cohort: it and its clean controls, in the periods of the window, where all are seen"
    yield "stacks = []"
    yield 'for a in np.sort(d.loc[d["_cohort"] > 0, "_cohort"].unique()):'
    later = "" if script.options["control"] == "never" else ' | (d["_cohort"] > a + after)'
    yield f'    part = d[((d["_cohort"] == a) | d["_cohort"].isna(){later})]'
    yield '    part = part[part["_period"].between(a - before, a + after)]'
    yield f'    part = part[part.groupby("{unit}")["_period"].transform("size") == before + after + 1]'
    yield '    treated = part["_cohort"] == a'
    yield "    if treated.any() and not treated.all():"
    yield '        stacks.append(part.assign(_stack=a, _treated=1.0 * treated, _since=part["_period"] - a))'
    yield "d = pd.concat(stacks, ignore_index=True)"
    if script.options["weighting"] == "corrected":
        yield "# Wing, Freedman and Hollingsworth (2024): stacks count by their treated units"
        yield 'base = d[d["_since"] == -1]'
        yield 'into = (base["_w"] * base["_treated"]).groupby(base["_stack"]).sum()'
        yield 'beside = (base["_w"] * (1 - base["_treated"])).groupby(base["_stack"]).sum()'
        yield "factor = into / into.sum() * beside.sum() / beside"
        yield 'd["_w"] *= np.where(d["_treated"] == 1, 1.0, d["_stack"].map(factor))'
    yield 'd["_w"] = d["_w"] / d["_w"].mean()'
    yield f'd["_unit"] = d.groupby(["_stack", "{unit}"]).ngroup()'
    yield 'd["_when"] = d.groupby(["_stack", "_period"]).ngroup()'
    yield "at = {k: f'_at{k + before}' for k in range(-before, after + 1) if k != -1}".replace("'", '"')
    yield "for k, name in at.items():"
    yield '    d[name] = d["_treated"] * (d["_since"] == k)'
    if script.controls:
        yield from listed("controls = [", (f'"{c}"' for c in script.controls), "]")
        yield "d[controls] = (d[controls] - d[controls].mean()) / d[controls].std(ddof=0).replace(0.0, 1.0)"
    yield "# pyfixest's tolerances are absolute: the outcome enters in standard deviations"
    yield f'sd = d["{script.outcome}"].std(ddof=0) or 1.0'
    yield f'd["_y"] = (d["{script.outcome}"] - d["{script.outcome}"].mean()) / sd'
    yield "fit = pf.feols("
    controls = "".join(f" + {c}" for c in script.controls)
    yield f'    f"_y ~ {{\' + \'.join(at.values())}}{controls} | _unit + _when", d, weights="_w", vcov="iid",'
    yield '    fixef_rm="singleton", demeaner=pf.MapDemeaner(fixef_tol=1e-12, fixef_maxiter=100_000),'
    yield ")"
    yield "share = pd.Series(0.0, index=fit._coefnames)"
    yield "share[[name for k, name in at.items() if k >= 0]] = 1 / (after + 1)"
    yield "estimate = share @ fit.coef().loc[share.index] * sd"
    offered = _offered(script)
    yield from python.each_vcov(offered, used)
    yield f"    std_error[label] = np.sqrt(share @ fit._vcov @ share) * sd{python.correction(offered)}"
    for errors in offered.errors:
        if errors.clusters[0] != unit:
            yield f'if d.groupby("{unit}")["{errors.clusters[0]}"].nunique().max() > 1:  # it parts a unit\'s rows'
            yield f"    del std_error[{quoted(errors.label)}]"


def write_r(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines of one regression on stacked rows."""
    unit, (before, after) = script.unit, _windows(script)
    yield from r.cohorts(script, used)
    yield from r.IN_STEPS
    yield "d$.cohort[d$.cohort > max(d$.period)] <- NA"
    yield f"d$.w <- {f'd${script.weight} + 0' if script.weight else 'rep(1, nrow(d))'}"
    yield f"before <- {before}"
    yield f"after <- {after}"
    yield "# a stack for each cohort: it and its clean controls, in the periods of the window, where all are seen"
    yield "stacked <- c()"
    yield "for (a in sort(unique(d$.cohort[(d$.cohort > 0) %in% TRUE]))) {"
    later = "" if script.options["control"] == "never" else " | (d$.cohort > a + after) %in% TRUE"
    yield f"  clean <- is.na(d$.cohort){later}"
    yield "  inside <- (d$.cohort %in% a | clean) & d$.period >= a - before & d$.period <= a + after"
    yield "  part <- d[which(inside), , drop = FALSE]"
    yield "  part$.one <- rep(1, nrow(part))"
    yield f"  part <- part[ave(part$.one, part${unit}, FUN = sum) == before + after + 1, , drop = FALSE]"
    yield "  part$.treated <- as.numeric(part$.cohort %in% a)"
    yield "  if (sum(part$.treated) > 0 & sum(1 - part$.treated) > 0) {"
    yield "    part$.stack <- rep(a, nrow(part))"
    yield "    part$.since <- part$.period - a"
    yield "    stacked <- rbind(stacked, part)"
    yield "  }"
    yield "}"
    yield "d <- stacked"
    if script.options["weighting"] == "corrected":
        yield "# Wing, Freedman and Hollingsworth (2024): stacks count by their treated units"
        yield "base <- as.numeric(d$.since == -1)"
        yield "into <- ave(base * d$.w * d$.treated, d$.stack, FUN = sum)"
        yield "beside <- ave(base * d$.w * (1 - d$.treated), d$.stack, FUN = sum)"
        yield "all_into <- sum(base * d$.w * d$.treated)"
        yield "all_beside <- sum(base * d$.w * (1 - d$.treated))"
        yield "d$.w <- d$.w * ifelse(d$.treated == 1, 1, into / all_into * all_beside / beside)"
    yield "d$.w <- d$.w / mean(d$.w)"
    yield f'd$.unit <- paste(d$.stack, d${unit}, sep = "\\r")'
    yield 'd$.when <- paste(d$.stack, d$.period, sep = "\\r")'
    yield "cells <- c()"
    yield "for (k in c(" + ", ".join(str(k) for k in range(-before, after + 1) if k != -1) + ")) {"
    yield '  cell <- paste0(".at", k + before)'
    yield "  d[[cell]] <- d$.treated * as.numeric(d$.since == k)"
    yield "  cells <- c(cells, cell)"
    yield "}"
    offered = _offered(script)
    rest = "".join(f" + {c}" for c in script.controls)
    yield from r.SSC
    yield "fit <- feols("
    yield f'  as.formula(paste("{script.outcome} ~", paste(cells, collapse = " + "), "{rest} | .unit + .when")),'
    yield f'  data = d, weights = ~ .w, vcov = "iid", fixef.rm = "singleton", {r.TIGHT}'
    yield ")"
    yield 'kept <- paste0(".at", before + 0:after)'
    yield "share <- rep(1 / (after + 1), after + 1)"
    yield "estimate <- sum(share * coef(fit)[kept])"
    yield "whole <- function(x) {  # whether clusters hold units whole"
    yield f"  length(unique(paste(d${unit}, x))) == length(unique(d${unit}))"
    yield "}"
    yield from r.entries("offered <- c", [f"{quoted(e.label)} = whole(d${e.clusters[0]})" for e in offered.errors])
    yield from r.vcovs(offered)
    if offered.corrected:
        error = "sqrt(drop(share %*% vcov(fit, vcov = vcovs[[k]], ssc = sscs[[k]])[kept, kept] %*% share))"
        yield from r.print_corrected(offered, "sum(share * coef(fit)[kept])", f"ifelse(offered[k] == 1, {error}, NA)")
        return
    yield "for (label in names(vcovs)[offered == 1]) {"
    yield "  V <- vcov(fit, vcov = vcovs[[label]])[kept, kept]"
    yield '  cat(label, ": ", format(estimate, digits = 10), " (standard error ",'
    yield '      format(sqrt(drop(share %*% V %*% share)), digits = 10), ")\\n", sep = "")'
    yield "}"


def write_stata(script: Script, numbers: Mapping[str, str]) -> Iterator[str]:
    """Return the lines of one regression on stacked rows."""
    do, (before, after) = Stata(script, numbers), _windows(script)
    yield from do.cohorts()
    yield from IN_STEPS
    yield "quietly summarize _now"
    yield "replace _cohort = . if _cohort > r(max)"
    yield f"generate double _w = {script.weight or '1'}"
    yield f"local before = {before}"
    yield f"local after = {after}"
    yield "* a stack for each cohort: it and its clean controls, in the periods of the window, where all are seen"
    yield "quietly levelsof _cohort if _cohort > 0, local(cohorts)"
    yield "tempfile panel"
    yield "tempfile stacked"
    yield "quietly save `panel'"
    yield "scalar _stacks = 0"
    yield "foreach a of local cohorts {"
    yield "    quietly use `panel', clear"
    yield "    generate byte _treated = _cohort == `a'"
    later = "" if script.options["control"] == "never" else " | _cohort > `a' + `after'"
    yield f"    keep if _now >= `a' - `before' & _now <= `a' + `after' & (_treated == 1 | missing(_cohort){later})"
    yield "    generate byte _one = 1"
    yield f"    egen double _seen = total(_one), by({script.unit})"
    yield "    keep if _seen == `before' + `after' + 1"
    yield "    quietly count if _treated == 1"
    yield "    local into = r(N)"
    yield "    quietly count if _treated == 0"
    yield "    local beside = r(N)"
    yield "    if `into' > 0 & `beside' > 0 {"
    yield "        generate double _stack = `a'"
    yield "        generate double _since = _now - `a'"
    yield "        if _stacks > 0 {"
    yield "            append using `stacked'"
    yield "        }"
    yield "        quietly save `stacked', replace"
    yield "        scalar _stacks = _stacks + 1"
    yield "    }"
    yield "}"
    yield "quietly use `stacked', clear"
    if script.options["weighting"] == "corrected":
        yield "* Wing, Freedman and Hollingsworth (2024): stacks count by their treated units"
        yield "generate double _in = _w * (_treated == 1) * (_since == -1)"
        yield "generate double _out = _w * (_treated == 0) * (_since == -1)"
        yield "egen double _into = total(_in), by(_stack)"
        yield "egen double _beside = total(_out), by(_stack)"
        yield "quietly summarize _in"
        yield "scalar _all_in = r(sum)"
        yield "quietly summarize _out"
        yield "scalar _all_out = r(sum)"
        yield "replace _w = _w * _into / _all_in * _all_out / _beside if _treated == 0"
    yield f"egen long _unit = group(_stack {script.unit})"
    yield "egen long _when = group(_stack _now)"
    effects, cells = [], []
    for k in (k for k in range(-before, after + 1) if k != -1):
        cells.append(f"_cell{k + before}")
        yield f"generate byte {cells[-1]} = _treated == 1 & _since == {k}"
        effects += [f"{1 / (after + 1)!r} * {cells[-1]}"] if k >= 0 else []
    yield f"egen long _panel = group({script.unit})"
    yield from do.dof()
    for errors in _offered(script).errors:
        cluster = do.number(errors.clusters[0])
        yield from do.parted(cluster)
        yield "if `parted' == 0 {  // clusters hold units whole"
        yield from do.reghdfe(
            [script.outcome, *cells, *script.controls], "absorb(_unit _when)", errors, " [aweight = _w]"
        )
        yield from filled("quietly lincom", " + ".join(effects).split(" "), "")
        yield f'display %14.10g r(estimate) "  (standard error " %14.10g r(se){uncorrected(errors)} ")"'
        yield "}"
