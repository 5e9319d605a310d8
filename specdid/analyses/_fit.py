"""Estimate a cell's regression in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from specdid import _plugins
from specdid._records import Code
from specdid._records.fits import VCOV_NOTES, failure_message
from specdid.analyses._cells import Cell
from specdid.analyses._coefficients import CONSTANT_LABEL, CellFit
from specdid.analyses._derive import Extra, derive
from specdid.analyses._words import listed
from specdid.engine.coefficient_table import CELL, CONSTANT, FullFit, combine, fit_full, inseparable
from specdid.engine.demean import relevel
from specdid.engine.one_by_one import Method, OneByOneWork, fit_in_full
from specdid.engine.problem import Ints, Members, Problem
from specdid.engine.rows import count_units, cut_rows
from specdid.engine.scores import missing_clusters
from specdid.estimators._base import CONSTANT as OWN_CONSTANT
from specdid.estimators._base import TREATMENT, Coefficients, Estimate

NAMED = 4
"""Terms that a reason names; the others are counted."""
_CELLS = "the cohorts' effects by period"
LEFT_OUT = "not identified: a combination of the fixed effects and other terms"


def fit_cell(
    cell: Cell,
    extra: Sequence[Extra] = (),
    treatment: Extra | None = None,
    outcome: Extra | None = None,
    controls: bool = True,
    where: NDArray[np.bool_] | None = None,
    within: Ints | None = None,
    joint: bool = False,
) -> CellFit:
    """Estimate a cell; see ``_base``."""
    plain = treatment is not None or outcome is not None or bool(extra) or not controls
    if not cell.compiled.batched[cell.member]:
        if plain or within is not None:
            raise ValueError(f"{cell.method} is no least-squares estimator: it takes no columns of an analysis")
        return _one(cell, where)
    problem, members = derive(cell, extra, treatment, outcome, controls, where, within)
    return record_fit(cell, problem, members, fit_full(problem, members, joint=joint))


def refit(cell: Cell, where: NDArray[np.bool_], reference: int) -> tuple[CellFit, tuple[int, ...]]:
    """Estimate a Sun-Abraham cell with ``reference`` left out, unless its option names others.

    Returns
    -------
    fit, and the reference periods
    """
    problem, one = derive(cell, where=where)
    aggregate = one.aggregates[int(one.sunab[0])]
    options = cell.plan.grid.estimators[cell.compiled.method[cell.member]].options
    if "reference" not in options:
        aggregate = replace(aggregate, reference=(reference,))
    one = replace(one, sunab=np.zeros(1, np.int64), aggregates=(aggregate,))
    return record_fit(cell, problem, one, fit_full(problem, one)), aggregate.reference


def record_fit(cell: Cell, problem: Problem, one: Members, full: FullFit) -> CellFit:
    """Turn the engine's record into terms; the cells of a Sun-Abraham model into their average."""
    effects = effect_texts(problem, one)
    if full.code != Code.OK:
        return failed(cell, _why(cell, problem, one, full), effects, problem.alpha, len(problem.vcovs))
    lead = len(full.columns) if full.cells is None else len(full.cells.relative)
    weights = np.eye(len(full.columns))
    if full.cells is not None:
        weights = np.vstack([full.weights, weights[lead:]])
    estimate, _, vcov = combine(full, weights)
    labels = [_CELLS if c == CELL else _label(problem, c) for c in (*full.columns.tolist(), *full.dropped)]
    columns = full.columns if full.cells is None else np.concatenate([one.treatment, full.columns[lead:]])
    terms = tuple(_label(problem, c) for c in columns.tolist())
    units = (-1, -1, -1, -1)
    if problem.unit >= 0:
        treated = problem.values[full.rows, one.treatment[0]]
        units = count_units(relevel(problem.codes[full.rows, problem.unit]), treated)
    return CellFit(
        cell,
        None,
        terms,
        estimate,
        vcov,
        _vcov_words(problem, full),
        full.df,
        full.n_clusters,
        full.rows,
        full.nobs,
        *units,
        full.r2,
        full.r2_within,
        tuple(problem.labels[c] for c in full.dropped),
        effects,
        problem.alpha,
        full,
        open={labels[k]: why_open([labels[t] for t in tied], effects) for k, tied in inseparable(full).items()},
    )


def _label(problem: Problem, column: int) -> str:
    return CONSTANT_LABEL if column == CONSTANT else problem.labels[column]


def why_open(tied: Sequence[str], effects: Sequence[str]) -> str:
    """Say of a term that has no coefficient of its own what it cannot be told apart from."""
    within = f"the fixed effects `{' + '.join(effects)}`" if effects else "the constant"
    if not tied:
        return f"{within} absorb{'' if effects else 's'} it"
    names = [f"`{t}`" if t not in (CONSTANT_LABEL, _CELLS) else t for t in dict.fromkeys(tied)]
    if len(names) > NAMED:
        names = [*names[:NAMED], f"{len(names) - NAMED} more terms"]
    return f"not identified: given {within} it cannot be told apart from {listed(names)}"


def _vcov_words(problem: Problem, full: FullFit) -> tuple[str, ...]:
    """Say of each vcov why it has no errors, "" where it has."""
    missing = missing_clusters(problem, full.rows)
    return tuple(missing.get(v) or VCOV_NOTES[code] for v, code in enumerate(full.vcov_code))


def effect_texts(problem: Problem, one: Members) -> tuple[str, ...]:
    """Write the fixed effects of a member, slopes as ``id[year]``."""
    effects = problem.effects[one.effects[0]]
    slopes = [f"{problem.effect_labels[c]}[{problem.labels[x]}]" for c, x in effects.slopes]
    return (*(problem.effect_labels[c] for c in effects.fixed), *slopes)


def _why(cell: Cell, problem: Problem, one: Members, full: FullFit) -> str:
    if full.detail:
        return full.detail
    culprit = problem.labels[full.culprit] if full.culprit >= 0 else ""
    return failure_message(
        full.code,
        problem.labels[one.treatment[0]],
        _outcome_text(cell, problem, one),
        " + ".join(effect_texts(problem, one)),
        culprit,
    )


def _outcome_text(cell: Cell, problem: Problem, one: Members) -> str:
    """Return the outcome's label, or that of the column an analysis put in its place."""
    own = int(one.outcome[0]) < cell.compiled.problem.values.shape[1]
    return cell.labels["outcome"] if own else problem.labels[one.outcome[0]]


def failed(cell: Cell, why: str, effects: tuple[str, ...], alpha: float, vcovs: int) -> CellFit:
    """Return the fit of a cell that has no numbers."""
    nothing, none = np.zeros(0), np.zeros(0, np.int64)
    return CellFit(
        cell,
        why,
        (),
        nothing,
        np.zeros((vcovs, 0, 0)),
        ("",) * vcovs,
        np.full(vcovs, np.nan),
        np.full(vcovs, -1),
        none,
        0,
        0,
        0,
        0,
        0,
        np.nan,
        np.nan,
        (),
        effects,
        alpha,
    )


def _one(cell: Cell, where: NDArray[np.bool_] | None) -> CellFit:
    """Estimate a cell whose estimator takes specifications one at a time: what it gives of its table."""
    compiled = cell.compiled
    problem, one = derive(cell, where=where)
    choice = cell.plan.grid.estimators[compiled.method[cell.member]]
    work = OneByOneWork(
        problem,
        one,
        (Method(choice.method, choice.options),),
        np.zeros(1, np.int64),
        compiled.cohort[[cell.member]],
        compiled.time,
    )
    fits, found = fit_in_full(work)
    effects = effect_texts(problem, one)
    if found is None:
        code, culprit = Code(int(fits.code[0])), int(fits.culprit[0])
        said = fits.detail.get(0) or failure_message(
            code,
            problem.labels[one.treatment[0]],
            cell.labels["outcome"],
            " + ".join(effects),
            problem.labels[culprit] if culprit >= 0 else "",
        )
        return failed(cell, said, effects, problem.alpha, len(problem.vcovs))
    units = (int(fits.n_units[0]), int(fits.n_treated[0]), int(fits.n_control[0]), int(fits.n_always_treated[0]))
    notes = tuple(fits.vcov_detail.get((0, v)) or VCOV_NOTES[code] for v, code in enumerate(fits.vcov_code[0]))
    whole, rows = whole_table(found), cut_rows(problem, one, 0).rows
    terms, dropped = own_terms(problem, one, whole), tuple(problem.labels[c] for c in fits.dropped.get(0, ()))
    lost = [t for t, b in zip(terms, whole.estimate, strict=True) if np.isnan(b)]
    reasons = {t: why_open([other for other in (*lost, *dropped) if other != t], effects) for t in lost}
    return CellFit(
        cell,
        None,
        terms,
        whole.estimate,
        whole.vcov,
        notes,
        fits.df[0],
        fits.n_clusters[0],
        rows if found.keep is None else rows[found.keep],
        int(fits.nobs[0]),
        *units,
        whole.r2,
        float(fits.r2_within[0]),
        dropped,
        effects,
        problem.alpha,
        open=dict.fromkeys(dropped, LEFT_OUT) | reasons,
        pseudo_r2=whole.pseudo_r2,
        alone=_plugins.load("estimators", choice.method).alone,
    )


def whole_table(found: Estimate) -> Coefficients:
    """Return an estimator's coefficients, the treatment's where it has no others."""
    if found.coefficients is not None:
        return found.coefficients
    with np.errstate(over="ignore"):
        squares = np.array(found.std_error, dtype=np.float64)[:, None, None] ** 2
    return Coefficients((TREATMENT,), np.array([found.estimate]), np.where(np.isfinite(squares), squares, np.nan))


def own_terms(problem: Problem, one: Members, whole: Coefficients) -> tuple[str, ...]:
    """Write the terms of an estimator's coefficients."""
    controls = [problem.labels[c] for c in one.controls_of(0)]
    named = {TREATMENT: problem.labels[one.treatment[0]], OWN_CONSTANT: CONSTANT_LABEL}
    return tuple(named[c] if c in named else controls[c] for c in whole.columns)
