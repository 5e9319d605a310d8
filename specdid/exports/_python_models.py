"""Least squares, Poisson and logit in a Python program: the lines end with estimate and std_error."""

from __future__ import annotations

from collections.abc import Iterator

from specdid.exports._names import listed, quoted
from specdid.exports._script import Errors, Script

DEMEANER = "demeaner=pf.MapDemeaner(fixef_tol=1e-12, fixef_maxiter=100_000)"


def formula(outcome: str, regressors: str, script: Script) -> str:
    """Write a formula; the fixed effects are joined by " + ", which pyfixest 0.60 needs to count them."""
    effects = " + ".join(e.name for e in script.fixed)
    return f'{outcome} ~ {regressors}{" | " + effects if effects else ""}'


def least_squares(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Give the lines of a least-squares regression."""
    yield from countable(script, used)
    yield from prepare(script, (script.outcome, *script.regressors), used)
    yield from feols(script, script.treatment)
    yield from coefficient(script, f'sd["{script.outcome}"] / sd["{script.treatment}"]', used)


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
    text = formula(script.outcome, " + ".join([treatment, *slopes, *script.controls]), script)
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
    """Give the factor of a standard error by which slopes are counted as fixest counts them."""
    if script.corrected:
        return " * factor"
    return " * np.sqrt(left / (left - unkept))" if script.slopes else ""


def _vcov(errors: Errors) -> str:
    if errors.kind != "cluster":
        return quoted(errors.kind)
    return f'{{"CRV1": "{" + ".join(errors.clusters)}"}}'


def first_vcov(script: Script) -> str:
    """Give the vcov to fit with: clustered, which pyfixest can take also where no degree of freedom is left."""
    return next((_vcov(e) for e in script.errors if e.kind == "cluster"), '"iid"')


def weighted(script: Script) -> str:
    """Give the argument for weights."""
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


def glm(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Give the lines of a Poisson or logit regression."""
    poisson = script.method == "fepois"
    yield from _separation(script, poisson)
    yield from prepare(script, script.regressors, used)
    options = ", ".join(f"{name}={value!r}" for name, value in sorted(script.options.items()))
    family = "" if poisson else 'family="logit", '
    yield f"fit = pf.{'fepois' if poisson else 'feglm'}("
    yield f'    "{formula(script.outcome, " + ".join(script.regressors), script)}",'
    yield f'    d, {family}vcov="iid", fixef_rm="singleton", separation_check=[],'
    yield f"    {weighted(script)}{options}, {DEMEANER},"
    yield ")"
    yield from coefficient(script, f'1.0 / sd["{script.treatment}"]', used, generalised=True)


def _separation(script: Script, poisson: bool) -> Iterator[str]:
    """Drop what the fixed effects alone predict, and singletons, to a fixpoint."""
    if not script.fixed:
        return
    names = ", ".join(f'"{e.name}"' for e in script.fixed)
    what = "is always zero" if poisson else "never varies"
    test = 'y.transform("max") > 0' if poisson else 'y.transform("min") < y.transform("max")'
    yield f"# levels in which the outcome {what} say nothing, nor do singletons: drop them until none are left"
    yield "rows = 0"
    yield "while len(d) != rows:"
    yield "    rows = len(d)"
    yield f"    for effect in [{names}]:"
    yield f'        y = d.groupby(effect)["{script.outcome}"]'
    yield f'        d = d[({test}) & (y.transform("size") > 1)]'
    yield "d = d.reset_index(drop=True)"
