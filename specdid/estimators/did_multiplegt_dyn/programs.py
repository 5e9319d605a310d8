"""The authors' estimator in Python (moderndid), R (DIDmultiplegtDYN) and Stata (did_multiplegt_dyn)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from specdid._programs.names import quoted
from specdid._programs.script import Script
from specdid._programs.stata import Stata, filled

_FLAGS = ("normalized", "same_switchers", "only_never_switchers")
_FILLED = "rows that are missing after a switch count as the treatment switched to"
_HELD = "a row without an outcome or a weight still has a treatment"
_UNKNOWN = (
    "# who switches where rows are missing, nobody knows when, is a control until then, as by the authors' packages"
)


def write_python(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines that call moderndid, which needs Python 3.12."""
    options, errors = script.options, script.one_way
    yield f"# {_HELD}"
    yield f'd.loc[d[[{", ".join(map(quoted, script.later))}]].isna().any(axis=1), "{script.outcome}"] = np.nan'
    if script.weight:
        yield f'd.loc[~(d["{script.weight}"] > 0), "{script.outcome}"] = np.nan'
    yield f'd["_panel"], d["_at"] = (d.groupby(name).ngroup() for name in ("{script.unit}", "{script.time}"))'
    yield "# moderndid asks for a treatment of 0 or more"
    yield f'd["_dose"] = d["{script.treatment}"] - min(d["{script.treatment}"].min(), 0.0)'
    weight = (
        f'(d["{script.weight}"] / d["{script.weight}"].mean()).fillna(0.0).clip(lower=0.0)' if script.weight else "1.0"
    )
    yield f'd["_w"] = {weight}'
    yield 'd = d.sort_values(["_panel", "_at"]).reset_index(drop=True)'
    yield _UNKNOWN
    yield 'changed = d[d["_dose"] != d.groupby("_panel")["_dose"].transform("first")].groupby("_panel")["_at"].min()'
    yield 'first = d["_panel"].map(changed)'
    yield 'before = d[~(d["_at"] >= first)].groupby("_panel")["_at"].max()'
    yield 'd = d[~((d["_at"] >= first) & (first - d["_panel"].map(before) > 1))].reset_index(drop=True)'
    if options["normalized"]:
        yield f"# {_FILLED}"
        yield 'after = d[d["_at"] == d["_panel"].map(changed)].set_index("_panel")["_dose"]'
        yield 'every = pd.MultiIndex.from_product([d["_panel"].unique(), d["_at"].unique()], names=["_panel", "_at"])'
        yield 'd = d.set_index(["_panel", "_at"]).reindex(every).sort_index().reset_index()'
        yield 'late = d["_dose"].isna() & (d["_at"] > d["_panel"].map(changed))'
        yield 'd.loc[late, "_dose"] = d["_panel"].map(after)'
        yield 'd.loc[late, "_w"] = 0.0'
        yield 'd = d[d["_dose"].notna()].reset_index(drop=True)'
    for name in dict.fromkeys(e.clusters[0] for e in errors):
        yield f'd["{name}"] = d.groupby("_panel")["{name}"].transform("first")'
    yield "std_error = {}"
    yield "for label, name in {"
    yield from (f"    {quoted(e.label)}: {quoted(e.clusters[0])}," for e in errors)
    yield "}.items():"
    yield '    d["_cluster"] = d.groupby(name).ngroup()'
    yield "    fit = did_multiplegt("
    yield f'        d[["{script.outcome}", "_at", "_panel", "_dose", "_cluster", "_w"]], yname="{script.outcome}",'
    yield '        tname="_at", idname="_panel", dname="_dose", cluster="_cluster", weightsname="_w",'
    flags = ", ".join(f"{name}={bool(options[name])}" for name in _FLAGS)
    yield f"        effects={options['effects']}, {flags},"
    yield "    )"
    if options["aggregate"] == "total":
        yield "    estimate, std_error[label] = fit.ate.estimate, fit.ate.std_error"
    else:
        yield f"    assert len(fit.effects.estimates) == {options['effects']}  # what nobody reaches is cut off"
        yield "    estimate, std_error[label] = fit.effects.estimates[-1], fit.effects.std_errors[-1]"
    for e in errors:
        if e.rule == "glm":
            yield f'clusters = d["{e.clusters[0]}"].nunique()'
            yield f"std_error[{quoted(e.label)}] *= np.sqrt(clusters / (clusters - 1))"


def write_r(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines that call the authors' package."""
    options = script.options
    yield f"# {_HELD}"
    if script.weight:
        yield f"d${script.weight}[!((d${script.weight} > 0) %in% TRUE)] <- NA"
    yield f"d${script.outcome}[!complete.cases(d[later])] <- NA"
    yield f"d$.panel <- match(d${script.unit}, sort(unique(d${script.unit})))"
    yield f"d$.at <- match(d${script.time}, sort(unique(d${script.time})))"
    clusters = {e.clusters[0]: f".cluster{k}" for k, e in enumerate(script.one_way)}
    for name, number in clusters.items():
        yield f"d${number} <- match(d${name}, sort(unique(d${name})))"
    if options["normalized"]:
        yield f"# {_FILLED}"
        yield "d <- merge(expand.grid(.panel = unique(d$.panel), .at = unique(d$.at)), d, all.x = TRUE)"
    for number in clusters.values():
        yield f"d${number} <- ave(d${number}, d$.panel, FUN = function(x) x[!is.na(x)][1])"
    weight = quoted(script.weight) if script.weight else "NULL"
    flags = ", ".join(f"{name} = {'TRUE' if options[name] else 'FALSE'}" for name in _FLAGS)
    for errors in script.one_way:
        name = errors.clusters[0]
        yield "fit <- did_multiplegt_dyn("
        yield f'  df = d, outcome = "{script.outcome}", group = ".panel", time = ".at",'
        yield f'  treatment = "{script.treatment}", effects = {options["effects"]}, placebo = 0,'
        yield f"  {flags},"
        yield f"  weight = {weight}, cluster = {'NULL' if name == script.unit else quoted(clusters[name])}, "
        yield "  graph_off = TRUE"
        yield ")"
        row = "ATE" if options["aggregate"] == "total" else "Effects"
        yield f"found <- fit$results${row}[{1 if row == 'ATE' else options['effects']}, 1:2]"
        factor = ""
        if errors.rule == "glm":
            yield f"clusters <- length(unique(d${clusters[name]}))"
            factor = " * sqrt(clusters / (clusters - 1))"
        yield f'cat({quoted(errors.label)}, "estimate:", format(found[1], digits = 10),'
        yield f'    "standard error:", format(found[2]{factor}, digits = 10), "\\n")'


def write_stata(script: Script, numbers: Mapping[str, str]) -> Iterator[str]:
    """Return the lines that call the authors' command."""
    do = Stata(script, numbers)
    options = script.options
    yield f"* {_HELD}"
    if script.weight:
        yield f"replace {script.weight} = . if !({script.weight} > 0)"
    yield from filled("foreach name in", list(script.later), " {")
    yield f"    replace {script.outcome} = . if missing(`name')"
    yield "}"
    yield f"egen long _panel = group({script.unit})"
    yield f"egen long _at = group({script.time})"
    clusters = {e.clusters[0]: f"_cluster{k}" for k, e in enumerate(script.one_way)}
    for name, number in clusters.items():
        yield f"egen double {number} = max({do.number(name)}), by(_panel)"
    if options["normalized"]:
        yield f"* {_FILLED}"
        yield "tsset _panel _at"
        yield "tsfill, full"
        for number in clusters.values():
            yield f"egen double {number}_all = max({number}), by(_panel)"
    flags = "".join(f" {name}" for name in _FLAGS if options[name])
    weight = f" weight({script.weight})" if script.weight else ""
    total = options["aggregate"] == "total"
    found = "Av_tot_effect" if total else f"Effect_{options['effects']}"
    error = "se_avg_total_effect" if total else f"se_effect_{options['effects']}"
    for errors in script.one_way:
        name = errors.clusters[0]
        own = clusters[name] + ("_all" if options["normalized"] else "")
        cluster = "" if name == script.unit else f" cluster({own})"
        yield do.label(errors)
        yield f"did_multiplegt_dyn {script.outcome} _panel _at {script.treatment}, ///"
        yield f"    effects({options['effects']}){flags}{weight}{cluster} graph_off"
        factor = ""
        if errors.rule == "glm":
            yield f"quietly levelsof {own}"
            factor = " * sqrt(r(r) / (r(r) - 1))"
        yield f'display %14.10g e({found}) "  (standard error " %14.10g e({error}){factor} ")"'
