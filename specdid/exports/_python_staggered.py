"""Estimators for staggered adoption in a Python program: the lines end with estimate and std_error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from specdid.exports._names import listed, quoted
from specdid.exports._python_models import correction, each_vcov, feols, prepare, without_singletons
from specdid.exports._script import Errors, Levels, Script
from specdid.exports._trees import plain_number


def cohorts(script: Script) -> Iterator[str]:
    """Give the lines that number periods and cohorts; never treated is missing."""
    numbered = script.step not in (None, "year")
    yield f"# the first treated period; missing is never treated: {script.never_words}"
    yield f'cohort = d["{script.cohort}"]'
    last = plain_number(script.last)
    others = "".join(f" & (cohort != {plain_number(v)})" for v in script.never)
    yield f"cohort = cohort.where(np.isfinite(cohort){others} & (cohort <= {last}))"
    time = f'd["{script.time}"]'
    yield f'd["_period"] = periods({time})' if numbered else f'd["_period"] = {time}'
    yield 'd["_cohort"] = periods(cohort)' if numbered else 'd["_cohort"] = cohort'


def sunab(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Give the lines of Sun and Abraham's estimator: cohort × period dummies, averaged by their rows."""
    notyet = script.options["control"] == "notyet"
    yield from without_singletons(script, used)
    yield from cohorts(script)
    yield 'd["_cohort"] = d["_cohort"].where(d["_cohort"] <= d["_period"].max())'
    yield "# cohorts that are treated in all of their rows are left out"
    yield 'd = d[~(d.groupby("_cohort")["_period"].transform("min") >= d["_cohort"])]'
    if notyet:
        yield 'if d["_cohort"].notna().all():  # no cohort is never treated: the last one serves, until its treatment'
        yield '    last = d["_cohort"].max()'
        yield '    d = d[d["_period"] < last]'
        yield '    d["_cohort"] = d["_cohort"].mask(d["_cohort"] == last)'
    yield from without_singletons(script, used)
    yield "# Sun and Abraham (2021): a dummy for each cohort and period since treatment"
    yield 'd["_since"] = d["_period"] - d["_cohort"]'
    yield 'pairs = d[["_since", "_cohort"]].dropna().drop_duplicates().sort_values(["_since", "_cohort"])'
    yield f"pairs = pairs[{_chosen(script, notyet)}]"
    yield 'cells = {f"_cell_{k}": pair for k, pair in enumerate(pairs.itertuples(index=False, name=None))}'
    yield 'dummies = {k: 1.0 * ((d["_since"] == r) & (d["_cohort"] == g)) for k, (r, g) in cells.items()}'
    yield "d = pd.concat([d, pd.DataFrame(dummies, index=d.index)], axis=1)"
    yield from prepare(script, (script.outcome, *script.controls), used)
    yield from feols(script, "{' + '.join(cells)}")
    yield "# the effect is the mean of the cells since treatment, by their rows"
    yield "share = pd.Series(0.0, index=fit._coefnames)"
    yield "for cell in share.index.intersection(list(cells)):"
    rows = '(d["_weight"] * d[cell]).sum()' if script.weight else "d[cell].sum()"
    yield f"    share[cell] = {rows} if cells[cell][0] >= 0 else 0.0"
    yield f"share = share / {_treated_rows(script)}"
    unit = f' * sd["{script.outcome}"]' if script.scaled else ""
    yield f"estimate = share @ fit.coef().loc[share.index]{unit}"
    yield from each_vcov(script, used)
    yield f"    std_error[label] = np.sqrt(share @ fit._vcov @ share){unit}{correction(script)}"


def _treated_rows(script: Script) -> str:
    """Count the rows since treatment: of all cells, those too that pyfixest drops, whose effects are then in others."""
    rows = '(d["_since"] >= 0)'
    return f'd.loc[{rows}, "_weight"].sum()' if script.weight else f"{rows}.sum()"


def _chosen(script: Script, notyet: bool) -> str:
    if notyet:
        return 'pairs["_since"] >= 0'
    reference = script.options["reference"]
    skipped = list(reference) if isinstance(reference, list | tuple) else [reference]
    return f'~pairs["_since"].isin({skipped!r})'


def lpdid(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Give the lines of local projections: the mean change over the post window, on entering treatment."""
    assert script.unit is not None  # the check sees to it
    never = script.options["control"] == "never"
    yield from without_singletons(script, used)
    yield from cohorts(script)
    yield "# periods in steps of the panel, from its first"
    yield 'values = np.unique(d["_period"])'
    yield "step = max(int(np.gcd.reduce(np.diff(values).round().astype(int))), 1) if len(values) > 1 else 1"
    yield 'd["_cohort"] = np.ceil((d["_cohort"] - values[0]) / step)'
    yield 'd["_period"] = ((d["_period"] - values[0]) / step).round()'
    yield f"window = {script.options['post_window']!r}"
    yield "# Dube et al. (2025): the mean outcome of periods 0 to window less that of period -1"
    yield f'outcome = d.set_index(["{script.unit}", "_period"])["{script.outcome}"]'
    yield "def shifted(h):"
    yield f'    return outcome.reindex(pd.MultiIndex.from_arrays([d["{script.unit}"], d["_period"] + h])).to_numpy()'
    yield 'd["_change"] = np.mean([shifted(h) for h in range(window + 1)], axis=0) - shifted(-1)'
    yield 'd["_enters"] = 1.0 * ((d["_period"] == d["_cohort"]) & (d["_period"] > 0))'
    clean = 'd["_cohort"].isna()' + ("" if never else ' | (d["_period"] + window < d["_cohort"])')
    yield f'd["_clean"] = 1.0 * ({clean})'
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
    yield from each_vcov(replace(script, fixed=(Levels("_period", ("_period",)),)), used)
    yield f'    std_error[label] = fit.se()["_enters"] * sd{correction(script)}'


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
    yield "def between(*columns):"
    yield "    return (pd.Series(influence, index=d.index).groupby([d[c] for c in columns]).sum() ** 2).sum()"
    yield "std_error, n, T = {}, len(d), d[\"_period\"].nunique()"
    for errors in script.errors:
        if errors.kind == "iid":
            continue
        names = [f'"{c}"' for c in errors.clusters]
        variance = " + ".join(f"between({n})" for n in names) or "influence @ influence"
        variance += f" - between({', '.join(names)})" if len(names) == 2 else ""
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


def did2s(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Give the lines of Gardner's estimator, with the standard errors of the R package did2s."""
    effects = ", ".join(f'"{e.name}"' for e in (*script.fixed, *(e for e, _ in script.slopes)))
    yield from without_singletons(script, used)
    if effects:
        yield f'untreated = d[d["{script.treatment}"] != 1]'
        yield "keep = pd.Series(True, index=d.index)  # rows whose fixed effects are seen untreated"
        yield f"for effect in [{effects}]:"
        yield "    keep &= d[effect].isin(untreated[effect])"
        yield "d = d[keep].reset_index(drop=True)"
    yield f'treated = (d["{script.treatment}"] == 1).to_numpy()'
    weight = f'(d["{script.weight}"] / d["{script.weight}"].mean()).to_numpy()'
    yield f"w = {weight}" if script.weight else "w = np.ones(len(d))"
    yield from _first_stage(script)
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


def _first_stage(script: Script) -> Iterator[str]:
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
    yield "def between(*columns):"
    yield "    return (pd.Series(influence, index=d.index).groupby([d[c] for c in columns]).sum() ** 2).sum()"
    yield "std_error = {}"
    for errors in script.errors:
        if errors.kind == "iid":
            continue
        names = [f'"{c}"' for c in errors.clusters]
        variance = " + ".join(f"between({n})" for n in names) or "influence @ influence"
        variance += f" - between({', '.join(names)})" if len(names) == 2 else ""
        if errors.rule == "glm":
            counts = [f"d[{n}].nunique()" for n in names] or ["len(d)"]
            yield f"G = {counts[0] if len(counts) == 1 else 'min(' + ', '.join(counts) + ')'}"
            variance = f"({variance}) * G / (G - 1)"
        yield f"std_error[{quoted(errors.label)}] = np.sqrt({variance})"
