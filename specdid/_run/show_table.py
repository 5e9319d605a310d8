"""The regression table of one specification, estimated anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from specdid import _plugins
from specdid._records.fits import VCOV_NOTES, Code, Fits, failure_message
from specdid._run.prepare import Prepared
from specdid._study import Core
from specdid.analyses._fit import CONSTANT_LABEL, own_terms, whole_table
from specdid.engine.coefficient_table import CELL, CONSTANT, FullFit, by_relative_period, combine, fit_full
from specdid.engine.compile import Compiled
from specdid.engine.execute import estimate_all, silent
from specdid.engine.one_by_one import Method, OneByOneWork, fit_in_full
from specdid.engine.problem import Floats
from specdid.engine.ssc import t_inference
from specdid.estimators._base import NEVER, TREATMENT, Coefficients, Estimator
from specdid.exports._build import compile_one
from specdid.language import write

_NOTHING = Coefficients((), np.zeros(0), np.zeros((0, 0, 0)))


def regression_table(prepared: Prepared, place: int) -> Iterator[str]:
    """Estimate the specification at ``place`` and return the lines of its table."""
    plan = prepared.plan
    compiled, s = compile_one(plan, prepared.panel, prepared.evaluator, place)
    at = np.array([s], np.int64)
    one = replace(
        compiled,
        members=compiled.members.take(at),
        method=compiled.method[at],
        cohort=compiled.cohort[at],
        batched=compiled.batched[at],
    )
    fits, full, whole = _estimate(prepared, one)
    if fits.code[0] != Code.OK:
        yield f"Failed ({Code(int(fits.code[0])).name.lower()}): {_failure(prepared, place, one, fits)}"
        return
    vcovs = [v.name for v in plan.study.vcov]
    if full is not None:
        yield from _coefficients(prepared, place, one, full, vcovs)
    else:
        yield from _own_coefficients(one, fits, whole, vcovs)
    yield ""
    yield from _other_vcovs(fits, vcovs)
    yield from _footer(prepared, one, fits, full)
    yield from _fit_of(prepared, one, fits, whole if full is None else full)


def _estimate(prepared: Prepared, one: Compiled) -> tuple[Fits, FullFit | None, Coefficients]:
    """Estimate in the engine, or by an estimator of its own, whose coefficients come last."""
    estimators = prepared.plan.grid.estimators
    if not one.batched[0]:
        methods = tuple(Method(e.method, dict(e.options)) for e in estimators)
        fits, found = fit_in_full(OneByOneWork(one.problem, one.members, methods, one.method, one.cohort, one.time))
        return fits, None, _NOTHING if found is None else whole_table(found)
    outcome = estimate_all(one, estimators, 1, "serial", silent)
    fits = next(b for b in outcome.blocks if len(b.index))
    full = fit_full(one.problem, one.members)
    if full.code in (Code.OK, Code.TOO_FEW_CLUSTERS):
        return fits, full, _NOTHING
    return fits, None, Coefficients((TREATMENT,), fits.estimate[:1], fits.std_error[0][:, None, None] ** 2)


def _failure(prepared: Prepared, place: int, one: Compiled, fits: Fits) -> str:
    plan, codes = prepared.plan, prepared.plan.codes[place].tolist()
    if 0 in fits.detail:
        return fits.detail[0]
    labels = one.problem.labels
    culprit = int(fits.culprit[0])
    return failure_message(
        Code(int(fits.code[0])),
        plan.grid.treatments[codes[Core.TREATMENT]].term.text,
        write(plan.grid.outcomes[codes[Core.OUTCOME]]),
        " + ".join(e.text for e in plan.grid.fixed_effects[codes[Core.FIXED_EFFECTS]]),
        labels[culprit] if culprit >= 0 else "",
    )


def _table(names: Sequence[str], estimates: Floats, errors: Floats, df: float, alpha: float) -> Iterator[str]:
    """Lay out rows of estimate, standard error, t, p and interval."""
    statistic, p, low, high = t_inference(estimates, errors, np.full(len(estimates), df), alpha)
    head = ["estimate", "std. error", _letter(df), "p", f"{100 * (1 - alpha):g}% CI low", "high"]
    rows = [
        [_number(v) for v in row[:2]] + [_fixed(row[2], 3), _fixed(row[3], 4), _number(row[4]), _number(row[5])]
        for row in zip(estimates, errors, statistic, p, low, high, strict=True)
    ]
    first = max(len(n) for n in names)
    widths = [max(len(h), *(len(r[k]) for r in rows)) for k, h in enumerate(head)]
    yield " " * first + "  " + "  ".join(f"{h:>{w}}" for h, w in zip(head, widths, strict=True))
    for name, row in zip(names, rows, strict=True):
        yield f"{name:<{first}}  " + "  ".join(f"{c:>{w}}" for c, w in zip(row, widths, strict=True))


def _letter(df: float) -> str:
    """Name the statistic: z where p-values are from the normal distribution."""
    return "z" if np.isinf(df) else "t"


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.6g}"


def _fixed(value: float, digits: int) -> str:
    return "" if np.isnan(value) else f"{value:.{digits}f}"


def _heading(label: str, clusters: int) -> str:
    return f"Standard errors: {label}" + (f", {clusters:,} clusters" if clusters >= 0 else "")


def _coefficients(prepared: Prepared, place: int, one: Compiled, full: FullFit, vcovs: Sequence[str]) -> Iterator[str]:
    """Return every coefficient under the first vcov."""
    labels, alpha = one.problem.labels, one.problem.alpha
    names = ["(constant)" if c == CONSTANT else "" if c == CELL else labels[c] for c in full.columns.tolist()]
    weights = np.eye(len(full.estimate))[[c != CELL for c in full.columns]]
    if full.cells is not None:
        periods, of_period = by_relative_period(full)
        weights = np.vstack([full.weights, of_period, weights])
        term = prepared.plan.grid.treatments[int(prepared.plan.codes[place, Core.TREATMENT])].term.text
        since = [f"  period {int(p):+d}" if p else "  period 0" for p in periods]
        names = [f"{term} (mean of the cohorts)", *since, *(n for n in names if n)]
    estimates, spread, _ = combine(full, weights)
    yield _heading(vcovs[0], int(full.n_clusters[0]))
    yield from _table(names, estimates, spread[0], float(full.df[0]), alpha)
    if np.isnan(estimates).any():
        yield "Without a number: not identified, they cannot be told apart from each other or from what was left out"


def _own_coefficients(one: Compiled, fits: Fits, whole: Coefficients, vcovs: Sequence[str]) -> Iterator[str]:
    """Return the coefficients of another estimator than least squares; the treatment's error is the results'."""
    terms = own_terms(one.problem, one.members, whole)
    names = ["(constant)" if t == CONSTANT_LABEL else t for t in terms]
    variance = np.diagonal(whole.vcov[0])
    errors = np.sqrt(np.where(variance > 0, variance, np.nan))
    errors[0] = fits.std_error[0, 0]
    yield _heading(vcovs[0], int(fits.n_clusters[0, 0]))
    yield from _table(names, whole.estimate, errors, float(fits.df[0, 0]), one.problem.alpha)


def _other_vcovs(fits: Fits, vcovs: Sequence[str]) -> Iterator[str]:
    """Return the treatment's standard error under the other vcovs, and why one has none."""
    for v, label in enumerate(vcovs):
        note = fits.vcov_detail.get((0, v)) or VCOV_NOTES[int(fits.vcov_code[0, v])]
        if note:
            yield f"{label}: {note}"
        elif v:
            yield (
                f"{label}: std. error {_number(fits.std_error[0, v])}, "
                f"{_letter(fits.df[0, v])} {_fixed(fits.statistic[0, v], 3)}, "
                f"p {_fixed(fits.p_value[0, v], 4)}, CI {_number(fits.conf_low[0, v])} to "
                f"{_number(fits.conf_high[0, v])}"
                + (f", {int(fits.n_clusters[0, v]):,} clusters" if fits.n_clusters[0, v] >= 0 else "")
            )


def _footer(prepared: Prepared, one: Compiled, fits: Fits, full: FullFit | None) -> Iterator[str]:
    """Return rows, units and fixed effects."""
    units = f"; {int(fits.n_units[0]):,} units" if fits.n_units[0] >= 0 else ""
    estimator, options = _estimator(prepared, one)
    control = NEVER if estimator.beside is None else estimator.beside(options)
    kinds = (("treated", fits.n_treated), (control, fits.n_control), ("always treated", fits.n_always_treated))
    counted = ", ".join(f"{int(n[0]):,} {word}" for word, n in kinds if n[0] > 0)
    yield f"Rows: {int(fits.nobs[0]):,}{units}" + (f" ({counted})" if counted else "")
    lost = f"{int(fits.n_missing[0]):,} missing{_logs(fits)}, {int(fits.n_singletons[0]):,} singletons"
    yield f"Dropped: {lost}{_separated(fits)}"
    effects = one.problem.effects[one.members.effects[0]]
    names = [one.problem.effect_labels[c] for c in effects.fixed]
    sizes = list(full.levels) if full is not None and len(full.levels) == len(names) else []
    shown = [f"{n} ({sizes[k]:,} levels)" if sizes else n for k, n in enumerate(names)]
    shown += [f"{one.problem.effect_labels[c]}[{one.problem.labels[x]}]" for c, x in effects.slopes]
    yield f"Fixed effects: {', '.join(shown) or 'none'}"
    if effects.slopes and one.problem.vcovs[0].ssc == "fixest":
        yield "Standard errors count a parameter per level of a slope, nested in the clusters or not, as fixest does"


def _fit_of(prepared: Prepared, one: Compiled, fits: Fits, fit: FullFit | Coefficients) -> Iterator[str]:
    """Return measures of fit, what was left out, and why there may be one coefficient only."""
    measures = [("R²", fit.r2), ("Within R²", float(fits.r2_within[0]))]
    if isinstance(fit, Coefficients):
        measures.append(("Pseudo R²", fit.pseudo_r2))
    known = [f"{name}: {value:.4f}" for name, value in measures if not np.isnan(value)]
    if known:
        yield "; ".join(known)
    yield f"Mean of the outcome: {_number(fits.y_mean[0])}"
    dropped = [one.problem.labels[c] for c in fits.dropped.get(0, ())]
    if dropped:
        yield f"Collinear, left out: {' + '.join(dropped)}"
    estimator, options = _estimator(prepared, one)
    if estimator.alone is not None:
        yield f"Only the treatment's coefficient is given: {estimator.alone(options)}."


def _estimator(prepared: Prepared, one: Compiled) -> tuple[Estimator, Mapping[str, object]]:
    choice = prepared.plan.grid.estimators[int(one.method[0])]
    return _plugins.load("estimators", choice.method), choice.options


def _separated(fits: Fits) -> str:
    count = fits.extra.get("n_separated", np.zeros(1))[0]
    return f", {int(count):,} predicted perfectly by the fixed effects" if count > 0 else ""


def _logs(fits: Fits) -> str:
    count = int(fits.n_log0[0])
    return f" ({count:,} of them for the log of a non-positive value)" if count > 0 else ""
