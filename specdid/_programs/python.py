"""Pieces of Python programs: regressions with pyfixest, whose lines end with estimate and std_error."""

from __future__ import annotations

from collections.abc import Iterator

from specdid._programs.names import listed, plain_number, quoted
from specdid._programs.script import Errors, Script

DEMEANER = "demeaner=pf.MapDemeaner(fixef_tol=1e-12, fixef_maxiter=100_000)"

PYFIXEST = ("import pyfixest as pf",)
"""Program.needs of those that use it."""


def formula(outcome: str, regressors: str, script: Script) -> str:
    """Write a formula; the fixed effects are joined by " + ", which pyfixest 0.60 needs to count them."""
    effects = " + ".join(e.name for e in script.fixed)
    return f"{outcome} ~ {regressors}{' | ' + effects if effects else ''}"


def prepare(script: Script, columns: tuple[str, ...], used: dict[str, None]) -> Iterator[str]:
    """Write slopes out, scale ``columns`` where their size asks for it, and normalise weights."""
    if script.weight:
        yield "# analytic weights: only their ratios matter"
        yield f'd["_weight"] = d["{script.weight}"] / d["{script.weight}"].mean()'
    if script.slopes:
        yield from _slopes(script, used)
    if script.scaled:
        yield from _scaled(script, columns)


def feols(script: Script, treatment: str) -> Iterator[str]:
    """Call feols; ``treatment`` may be an expression in braces.

    Slopes come before the controls, so that of collinear ones the control is dropped.
    """
    slopes = ["{' + '.join(slopes)}"] if script.slopes else []
    regressors = [*slopes, *script.controls] if script.instruments else [treatment, *slopes, *script.controls]
    text = formula(script.outcome, " + ".join(regressors) or "1", script)
    if script.instruments:
        text += f" | {treatment} ~ {' + '.join(script.instruments)}"
    prefix = "f" if "{" in text else ""
    yield "fit = pf.feols("
    yield f'    {prefix}"{text}",'
    yield f'    d, vcov={first_vcov(script)}, fixef_rm="singleton", {weighted(script)}{DEMEANER},'
    yield ")"


def coefficient(script: Script, unit: str, used: dict[str, None], generalised: bool = False) -> Iterator[str]:
    """Read the treatment's coefficient under every vcov; ``unit`` turns scaled columns back."""
    times = " * unit" if script.scaled else ""
    if script.scaled:
        yield f"unit = {unit}  # back to the data's own units"
    yield f'estimate = fit.coef()["{script.treatment}"]{times}'
    yield from each_vcov(script, used, generalised)
    yield f'    std_error[label] = fit.se()["{script.treatment}"]{times}{correction(script)}'


def countable(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Take singletons out ahead of the regression, where a correction counts parameters on its rows."""
    if script.corrected and not script.slopes:
        yield from without_singletons(script, used)


def each_vcov(script: Script, used: dict[str, None], generalised: bool = False) -> Iterator[str]:
    """Begin a loop over the study's variance estimators; ``generalised`` where the model has no dispersion."""
    yield "std_error = {}"
    if script.corrected:
        yield from _each_corrected(script, used, generalised)
        return
    yield "for label, vcov in {"
    for errors in script.errors:
        yield f"    {quoted(errors.label)}: {_vcov(errors)},"
    yield "}.items():"
    yield "    fit.vcov(vcov)"
    if script.slopes:
        yield "    left = fit._N - fit._df_k  # pyfixest counts the slopes it kept, fixest and reghdfe all of them"
        yield "    unkept = len(slopes) - sum(name in slopes for name in fit._coefnames)"


def _each_corrected(script: Script, used: dict[str, None], generalised: bool) -> Iterator[str]:
    """Begin the loop where errors have corrections of their own."""
    used["small_sample"] = None
    effects = ", ".join(f'"{e.name}"' for e in script.fixed)
    slopes = ", ".join(f'("{e.name}", "{x}")' for e, x in script.slopes)
    yield "for label, (vcov, rule, kind, clusters) in {"
    for errors in script.errors:
        columns = ", ".join(f'"{c}"' for c in errors.clusters)
        yield f'    {quoted(errors.label)}: ({_vcov(errors)}, "{errors.rule}", "{errors.kind}", [{columns}]),'
    yield "}.items():"
    yield "    fit.vcov(vcov)"
    more = ", dispersion=False" if generalised else ""
    yield f"    factor = small_sample(fit, d, rule, kind, clusters, [{effects}], [{slopes}]{more})"


def correction(script: Script) -> str:
    """Return the factor of a standard error by which slopes are counted as fixest counts them."""
    if script.corrected:
        return " * factor"
    return " * np.sqrt(left / (left - unkept))" if script.slopes else ""


def _vcov(errors: Errors) -> str:
    if errors.kind != "cluster":
        return quoted(errors.kind)
    return f'{{"CRV1": "{" + ".join(errors.clusters)}"}}'


def first_vcov(script: Script) -> str:
    """Return the vcov to fit with: clustered, which pyfixest can take also where no degree of freedom is left."""
    return next((_vcov(e) for e in script.errors if e.kind == "cluster"), '"iid"')


def weighted(script: Script) -> str:
    """Return the argument for weights."""
    return 'weights="_weight", ' if script.weight else ""


def _scaled(script: Script, columns: tuple[str, ...]) -> Iterator[str]:
    """Scale columns whose size pyfixest's absolute tolerances could not deal with."""
    names = [*(f'"{c}"' for c in dict.fromkeys(columns)), *(["*slopes"] if script.slopes else [])]
    yield "# pyfixest's tolerances are absolute: columns enter centred, in standard deviations"
    yield from listed("sd = d[[", names, "]].std(ddof=0).replace(0.0, 1.0)")
    yield "d[sd.index] = (d[sd.index] - d[sd.index].mean()) / sd"


def _slopes(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Write varying slopes out as a column for each level."""
    yield from without_singletons(script, used)
    yield "# pyfixest has no varying slopes: a column for each level"
    yield "slopes = {}"
    for levels, column in script.slopes:
        yield f'for level in np.unique(d["{levels.name}"]):'
        yield f'    slopes[f"_slope_{{len(slopes)}}"] = np.where(d["{levels.name}"] == level, d["{column}"], 0.0)'
    yield "d = pd.concat([d, pd.DataFrame(slopes, index=d.index)], axis=1)"


def without_singletons(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Drop singletons, where there are effects."""
    if not script.fixed:
        return
    used["without_singletons"] = None
    names = ", ".join(f'"{e.name}"' for e in script.fixed)
    yield f"d = without_singletons(d, [{names}]).reset_index(drop=True)"


def cohorts(script: Script, used: dict[str, None], singletons: bool = False) -> Iterator[str]:
    """Return the lines that drop singletons, or keep them, and number periods and cohorts; never treated is missing."""
    if not singletons:
        yield from without_singletons(script, used)
    yield f"# the first treated period; missing is never treated: {script.never_words}"
    yield f'cohort = d["{script.cohort}"]'
    last = plain_number(script.last)
    others = "".join(f" & (cohort != {plain_number(v)})" for v in script.never)
    yield f"cohort = cohort.where(np.isfinite(cohort){others} & (cohort <= {last}))"
    yield from clock(script, used)
    yield f'd["_cohort"] = {_period("cohort", script, used)}'


def clock(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the line that numbers periods in ``_period``, so that a step is 1."""
    time = f'd["{script.time}"]'
    yield f'd["_period"] = {_period(time, script, used)}'


def _period(values: str, script: Script, used: dict[str, None]) -> str:
    if script.step in (None, "year"):
        return values
    used["periods"] = None
    return f"periods({values})"


IN_STEPS = (
    "# periods in steps of the panel, from its first",
    'values = np.unique(d["_period"])',
    "step = max(int(np.gcd.reduce(np.diff(values).round().astype(int))), 1) if len(values) > 1 else 1",
    'd["_cohort"] = np.ceil((d["_cohort"] - values[0]) / step)',
    'd["_period"] = ((d["_period"] - values[0]) / step).round()',
)
"""Lines below `cohorts` that count periods in the largest step that all distances between them are multiples of."""

BETWEEN = (
    "def between(*columns):",
    "    return (pd.Series(influence, index=d.index).groupby([d[c] for c in columns]).sum() ** 2).sum()",
)
"""The sum of squares of the influences, summed within joint levels of columns."""


def of_influences(errors: Errors) -> tuple[list[str], str]:
    """Return the quoted clusters, and the variance from the influences of rows; two ways add up less their cells."""
    names = [f'"{c}"' for c in errors.clusters]
    variance = " + ".join(f"between({n})" for n in names) or "influence @ influence"
    return names, variance + (f" - between({', '.join(names)})" if len(names) == 2 else "")


def clustered_influences(script: Script, whole: str) -> Iterator[str]:
    """Sum ``influence`` by cluster, without small-sample correction but "glm".

    ``whole`` tells, with a cluster's quoted name for ``{}``, whether it holds units whole: there is no error else.
    """
    yield from BETWEEN
    yield "std_error = {}"
    for errors in script.one_way:
        (name,), variance = of_influences(errors)
        if errors.rule == "glm":
            yield f"G = d[{name}].nunique()"
            variance = f"({variance}) * G / (G - 1)"
        own = errors.clusters[0] == script.unit
        if not own:
            yield f"if {whole.format(name)}:  # clusters hold units whole"
        yield f"{'' if own else '    '}std_error[{quoted(errors.label)}] = np.sqrt({variance})"
