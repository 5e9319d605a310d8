"""Sun and Abraham's (2021) interaction-weighted estimator, averaged to one ATT as fixest's sunab does.

With ``control = "notyet"`` there are no leads: Wooldridge's (2021) extended two-way fixed effects, averaged alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from specdid._format import Many, NumberValue, Word
from specdid._programs import python, r
from specdid._programs.script import Script
from specdid._programs.stata import Stata, uncorrected
from specdid.engine.problem import Code, Sunab
from specdid.engine.qr_basis import make_basis
from specdid.engine.sunab import absorbed_cohorts, cohort_cells, comparison, open_cells, why_open
from specdid.estimators._base import (
    EVERY_RULE,
    CellAverage,
    Estimate,
    Estimator,
    EstimatorSetting,
    Failure,
    Program,
    Task,
    where_zero,
)
from specdid.estimators._pyfixest import Refusal, absorber_of, estimate_with, guarded, model, read


def _cells(options: Mapping[str, object]) -> CellAverage:
    reference = options.get("reference", -1)
    references = tuple(reference) if isinstance(reference, list | tuple) else (int(str(reference)),)
    return CellAverage(references, "notyet" if options.get("control") == "notyet" else "never")


def _refuses(task: Task) -> Failure | None:
    assert task.time is not None and task.cohort is not None  # noqa: PT018 - the plan sees to it
    asked = _cells(task.options)
    found, aggregate = comparison(task.time, task.cohort, asked.control), Sunab(0, 0, asked.reference, asked.control)
    if found.code != Code.OK:
        return Failure(found.code.name.lower(), found.why)
    time, cohort = task.time[found.keep], task.cohort[found.keep]
    if not len(absorbed := absorbed_cohorts(time, cohort, [e[found.keep] for e in task.effects], aggregate)):
        return None
    cells = cohort_cells(time, cohort, None, aggregate)
    lost = (cells.share > 0) & np.isin(cells.cohort, absorbed)
    effects = " + ".join(task.effect_labels)
    return Failure(
        "not_identified", why_open(cells, lost, time, cohort, aggregate, effects, bool(task.slopes), task.calendar)
    )


@guarded
def _fit(task: Task) -> Estimate | Failure:
    assert task.time is not None and task.cohort is not None  # noqa: PT018 - the plan sees to it
    asked = _cells(task.options)
    aggregate = Sunab(0, 0, asked.reference, asked.control)
    found = comparison(task.time, task.cohort, asked.control)
    if found.code != Code.OK:
        return Failure(found.code.name.lower(), found.why)
    time, cohort = task.time[found.keep], task.cohort[found.keep]
    cells = cohort_cells(time, cohort, None if task.weights is None else task.weights[found.keep], aggregate)
    absorber = absorber_of(task, found.keep)
    lost = open_cells(cells, absorber)
    if lost.any():
        after = cells.dummies[:, cells.share > 0].sum(axis=1, keepdims=True)
        if make_basis(np.asfortranarray(after), absorber).absorbed[0]:
            raise Refusal("absorbed", "the fixed effects absorb the treatment")
        effects = " + ".join([*task.effect_labels, *(["slopes"] if task.slopes else [])])
        why = why_open(cells, lost, time, cohort, aggregate, effects, bool(task.slopes), task.calendar)
        raise Refusal("not_identified", why)
    columns = np.zeros((len(task.time), len(cells.share)))
    columns[found.keep] = cells.dummies
    laid = model(task, columns, found.keep, scale_outcome=True)
    return read(estimate_with("feols", laid), laid, task, cells.share)


_WORDS = "average effect on the treated (cohort shares)"
_EXTENDED = "average effect on the treated (extended two-way fixed effects)"


def _words(options: Mapping[str, object]) -> str:
    return _WORDS if _cells(options).control == "never" else _EXTENDED


def write_python(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines of Sun and Abraham's estimator: cohort × period dummies, averaged by their rows."""
    notyet = script.options["control"] == "notyet"
    yield from python.cohorts(script, used)
    yield 'd["_cohort"] = d["_cohort"].where(d["_cohort"] <= d["_period"].max())'
    yield "# cohorts that are treated in all of their rows are left out"
    yield 'd = d[~(d.groupby("_cohort")["_period"].transform("min") >= d["_cohort"])]'
    if notyet:
        yield 'if d["_cohort"].notna().all():  # no cohort is never treated: the last one serves, until its treatment'
        yield '    last = d["_cohort"].max()'
        yield '    d = d[d["_period"] < last]'
        yield '    d["_cohort"] = d["_cohort"].mask(d["_cohort"] == last)'
    yield from python.without_singletons(script, used)
    yield f"# {_whose(notyet)}: a dummy for each cohort and period since treatment"
    yield 'd["_since"] = d["_period"] - d["_cohort"]'
    yield 'pairs = d[["_since", "_cohort"]].dropna().drop_duplicates().sort_values(["_since", "_cohort"])'
    yield f"pairs = pairs[{_python_cells(script, notyet)}]"
    yield 'cells = {f"_cell_{k}": pair for k, pair in enumerate(pairs.itertuples(index=False, name=None))}'
    yield 'dummies = {k: 1.0 * ((d["_since"] == r) & (d["_cohort"] == g)) for k, (r, g) in cells.items()}'
    yield "d = pd.concat([d, pd.DataFrame(dummies, index=d.index)], axis=1)"
    yield from python.prepare(script, (script.outcome, *script.controls), used)
    yield from python.feols(script, "{' + '.join(cells)}")
    yield "# the effect is the mean of the cells since treatment, by their rows"
    yield "share = pd.Series(0.0, index=fit._coefnames)"
    yield "for cell in share.index.intersection(list(cells)):"
    rows = '(d["_weight"] * d[cell]).sum()' if script.weight else "d[cell].sum()"
    yield f"    share[cell] = {rows} if cells[cell][0] >= 0 else 0.0"
    yield f"share = share / {_treated_rows(script)}"
    unit = f' * sd["{script.outcome}"]' if script.scaled else ""
    yield f"estimate = share @ fit.coef().loc[share.index]{unit}"
    yield from python.each_vcov(script, used)
    yield f"    std_error[label] = np.sqrt(share @ fit._vcov @ share){unit}{python.correction(script)}"


def _whose(notyet: bool) -> str:
    return "Wooldridge (2021), extended two-way fixed effects" if notyet else "Sun and Abraham (2021)"


def _treated_rows(script: Script) -> str:
    """Count the rows since treatment: of all cells, those too that pyfixest drops, whose effects are then in others."""
    rows = '(d["_since"] >= 0)'
    return f'd.loc[{rows}, "_weight"].sum()' if script.weight else f"{rows}.sum()"


def _references(script: Script) -> list[object]:
    """Return the periods that effects are measured against."""
    reference = script.options["reference"]
    return list(reference) if isinstance(reference, list | tuple) else [reference]


def _python_cells(script: Script, notyet: bool) -> str:
    if notyet:
        return 'pairs["_since"] >= 0'
    return f'~pairs["_since"].isin({_references(script)!r})'


def write_r(script: Script, used: dict[str, None]) -> Iterator[str]:
    """Return the lines of Sun and Abraham's estimator."""
    notyet = script.options["control"] == "notyet"
    yield from r.cohorts(script, used)
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
    yield from r.without_singletons(script, used)
    yield f"# {_whose(notyet)}: a dummy for each cohort and period since treatment, averaged by their rows"
    if notyet:
        yield "# of treated units before treatment none has a dummy: not sunab(cohort, period), which has leads"
    elif _references(script) == [-1]:
        yield '# With never-treated units the same as summary(feols(y ~ sunab(cohort, period) + ...), agg = "ATT")'
    yield "d$.since <- d$.period - d$.cohort"
    yield 'pairs <- unique(d[!is.na(d$.since), c(".since", ".cohort")])'
    yield "pairs <- pairs[order(pairs$.since, pairs$.cohort), ]"
    yield f"pairs <- pairs[{_r_cells(script, notyet)}, ]"
    yield 'cells <- paste0(".cell", seq_len(nrow(pairs)))'
    yield "for (k in seq_along(cells)) {"
    yield "  d[[cells[k]]] <- as.numeric(d$.since %in% pairs$.since[k] & d$.cohort %in% pairs$.cohort[k])"
    yield "}"
    yield from r.SSC
    behind = r.effects(script)
    rest = "".join(f" + {c}" for c in script.controls) + (f" | {behind}" if behind else "")
    yield "fit <- feols("
    yield f'  as.formula(paste("{script.outcome} ~", paste(cells, collapse = " + "), "{rest}")),'
    yield f'  data = d{r.weights(script)}, vcov = "iid", fixef.rm = "singleton", {r.TIGHT}'
    yield ")"
    weight = f"d${script.weight} * " if script.weight else ""
    yield f"share <- sapply(cells[pairs$.since >= 0], function(cell) sum({weight}d[[cell]]))"
    yield "share <- share / sum(share)"
    yield "kept <- intersect(names(coef(fit)), names(share))  # the effect of a cell that is dropped is in others"
    yield "share <- share[kept]"
    yield "estimate <- sum(share * coef(fit)[kept])"
    yield from r.vcovs(script)
    if script.corrected:
        error = "sqrt(drop(share %*% vcov(fit, vcov = vcovs[[k]], ssc = sscs[[k]])[kept, kept] %*% share))"
        yield from r.print_corrected(script, "sum(share * coef(fit)[kept])", error)
        return
    yield "for (label in names(vcovs)) {"
    yield "  V <- vcov(fit, vcov = vcovs[[label]])[kept, kept]"
    yield '  cat(label, ": ", format(estimate, digits = 10), " (standard error ",'
    yield '      format(sqrt(drop(share %*% V %*% share)), digits = 10), ")\\n", sep = "")'
    yield "}"


def _r_cells(script: Script, notyet: bool) -> str:
    if notyet:
        return "pairs$.since >= 0"
    return f"!(pairs$.since %in% c({', '.join(map(repr, _references(script)))}))"


def write_stata(script: Script, numbers: Mapping[str, str]) -> Iterator[str]:
    """Return the lines of Sun and Abraham's estimator."""
    do = Stata(script, numbers)
    notyet = script.options["control"] == "notyet"
    yield from do.cohorts()
    yield "quietly summarize _now"
    yield "replace _cohort = . if _cohort > r(max)"
    yield "* cohorts that are treated in all of their rows are left out"
    yield "egen double _starts = min(_now), by(_cohort)"
    yield "drop if _starts >= _cohort & !missing(_cohort)"
    if notyet:
        yield "quietly count if missing(_cohort)"
        yield "if r(N) == 0 {  // no cohort is never treated: the last one serves, until its treatment"
        yield "    quietly summarize _cohort"
        yield "    local last = r(max)"
        yield "    keep if _now < `last'"
        yield "    replace _cohort = . if _cohort == `last'"
        yield "}"
    yield f"* {_whose(notyet)}: a dummy for each cohort and period since treatment, averaged by their rows"
    yield "generate double _since = _now - _cohort"
    chosen = "_since >= 0" if notyet else f"!inlist(_since, {', '.join(map(repr, _references(script)))})"
    yield f"egen long _cell = group(_since _cohort) if !missing(_since) & {chosen}"
    yield "quietly levelsof _cell, local(cells)"
    yield "foreach k of local cells {"
    yield "    generate byte _cell`k' = _cell == `k'"
    yield "}"
    yield f"generate double _rows = {script.weight or '1'}"
    yield from do.dof()
    for position, errors in enumerate(script.errors):
        model = [script.outcome, "_cell?*", *script.controls]
        yield from do.reghdfe(model, do.absorb(), errors, do.weight())
        if not position:
            yield from _AVERAGE
        yield "quietly lincom `effect'"
        yield f'display %14.10g r(estimate) "  (standard error " %14.10g r(se){uncorrected(errors)} ")"'


_AVERAGE = (
    "* the effect of a cell that is omitted as collinear is in others",
    "scalar _total = 0",
    "foreach k of local cells {",
    "    quietly summarize _since if _cell == `k'",
    "    scalar _n`k' = 0",
    "    if r(mean) >= 0 {",
    "        quietly summarize _rows if _cell == `k' & e(sample)",
    "        scalar _n`k' = r(sum)",
    "    }",
    "    scalar _total = _total + _n`k'",
    "}",
    'local effect "0"',
    "foreach k of local cells {",
    "    local share = _n`k' / _total",
    "    if `share' > 0 & _se[_cell`k'] > 0 local effect \"`effect' + `share' * _cell`k'\"",
    "}",
)


ESTIMATOR = Estimator(
    name="sunab",
    title="Sun–Abraham",
    estimand=_WORDS,
    settings=(
        EstimatorSetting(
            "reference",
            Many(NumberValue("-1 or less", whole=True, most=-1)),
            "The relative period left out, or several.",
            "-2",
            -1,
            idle=("control", "notyet", "all periods before treatment are the reference, and there are no leads"),
        ),
        EstimatorSetting(
            "control",
            Word(("never", "notyet")),
            'The comparison group: the never treated, or those not yet treated too. "notyet" is another estimator: '
            "without leads, all periods before treatment being the reference, it is the extended two-way fixed effects "
            "of Wooldridge (2021; jwdid, etwfe), in a balanced panel without controls and weights the estimate of "
            "did_imputation.",
            '"notyet"',
            "never",
        ),
    ),
    honours=frozenset({"outcome", "treatment", "controls", "fixed_effects", "sample", "weights"}),
    effects="any",
    cohort=True,
    binary=True,
    absorbing=True,
    batched=True,
    vcovs=frozenset({"iid", "hetero", "cluster", "twoway"}),
    fit=_fit,
    words=lambda treated, options: f"{_words(options)}{where_zero(treated)}",
    doc="Least squares on cohort × period dummies, averaged by the treated rows of each, or under weights by what "
    'these weigh; the engine estimates it in batches. With `control = "notyet"` it is Wooldridge\'s extended two-way '
    "fixed effects.",
    ssc=EVERY_RULE,
    refuses=_refuses,
    columns=frozenset({"n_treated_left_out", "n_treated_rows_left_out"}),
    cells=_cells,
    called=lambda options: "Sun–Abraham" if _cells(options).control == "never" else "extended two-way fixed effects",
    programs={
        "python": Program(write_python, python.PYFIXEST),
        "r": Program(write_r, ("fixest",)),
        "stata": Program(write_stata, ("reghdfe",)),
    },
)
