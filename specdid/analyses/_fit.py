"""A cell's regression in full: coefficients, covariances, combinations and Wald tests.

The engine's problem of the cell may have columns and rows of the analysis's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from specdid import _plugins
from specdid._arrays import Floats, Ints
from specdid._plan.records import EstimatorChoice
from specdid._records import Code
from specdid._records.fits import NOT_POSITIVE, VCOV_NOTES, failure_message
from specdid._words import later
from specdid.analyses._cells import Cell
from specdid.analyses._words import listed
from specdid.engine.coefficient_table import CELL, CONSTANT, FullFit, combine, fit_full, inseparable
from specdid.engine.demean import relevel
from specdid.engine.one_by_one import Method, OneByOneWork, fit_in_full, rows_for
from specdid.engine.problem import Effects, Members, Problem
from specdid.engine.rows import count_units, other_arms
from specdid.engine.scores import missing_clusters
from specdid.engine.ssc import t_inference
from specdid.estimators._base import CONSTANT as OWN_CONSTANT
from specdid.estimators._base import TREATMENT, Coefficients, Estimate
from specdid.language import without_ticks
from specdid.tables._base import Value

NAMED = 4
"""Terms that a reason names; the others are counted."""
_CELLS = "the cohorts' effects by period"
LEFT_OUT = "not identified: a combination of the fixed effects and other terms"
CONSTANT_LABEL = later("Constant")
COEFFICIENT = ("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high", "df")
SIZES = ("nobs", "n_units", "n_treated", "n_control", "n_clusters", "r2", "r2_within")


def fit_cell(
    cell: Cell,
    extra: Sequence[Extra] = (),
    treatment: Extra | None = None,
    outcome: Extra | None = None,
    controls: bool = True,
    where: NDArray[np.bool_] | None = None,
    within: Ints | None = None,
    joint: bool = False,
    cohort: Extra | None = None,
    known: bool = False,
) -> CellFit:
    """Estimate a cell, with columns and rows of the analysis's own.

    ``joint``: where the treatment is not identified, and others are, it is empty and no failure.
    ``known``: the cell is of the results, which have its estimate.
    ``cohort`` goes with ``treatment``: with both the cell's own estimator is used; with ``treatment`` alone a
    Sun-Abraham cell is least squares.

    Raises
    ------
    ValueError
        The cell's estimator is not least squares and columns are given that it does not take.
    """
    plain = treatment is not None or outcome is not None or bool(extra) or not controls
    if not cell.compiled.in_engine[cell.member]:
        if outcome is not None or extra or not controls or within is not None:
            raise ValueError(f"{cell.method} is no least-squares estimator: it takes no columns of an analysis")
        return _one(cell, where, treatment, cohort)
    problem, members = derive(cell, extra, treatment, outcome, controls, where, within, cohort)
    if plain and cell.instrumented:  # whose instruments are the treatment's, and of none of these columns
        why = "it is of least squares, and this specification is two-stage least squares"
        return failed(cell, why, effect_texts(problem, members), problem.alpha, len(problem.vcovs))
    return record_fit(cell, problem, members, fit_full(problem, members, joint=joint, known=known))


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
    missing = missing_clusters(problem, full.rows)
    units = (-1, -1, -1, -1)
    if problem.unit >= 0:
        treated = problem.values[full.rows, one.treatment[0]]
        others = problem.values[np.ix_(full.rows, other_arms(problem.arms, one, 0))]
        units = count_units(relevel(problem.codes[full.rows, problem.unit]), treated, others)
    return CellFit(
        cell,
        None,
        terms,
        estimate,
        vcov,
        tuple(missing.get(v) or VCOV_NOTES[code] for v, code in enumerate(full.vcov_code)),
        full.df,
        counted(full.n_clusters, missing),
        full.rows,
        full.nobs,
        *units,
        full.r2,
        full.r2_within,
        tuple(problem.labels[c] for c in full.dropped),
        effects,
        full,
        alpha=problem.alpha,
        open={labels[k]: why_open([labels[t] for t in tied], effects) for k, tied in inseparable(full).items()},
    )


def _label(problem: Problem, column: int) -> str:
    return CONSTANT_LABEL if column == CONSTANT else problem.labels[column]


def why_open(tied: Sequence[str], effects: Sequence[str]) -> str:
    """Say of a term that has no coefficient of its own what it cannot be told apart from."""
    within = f"the fixed effects `{without_ticks(' + '.join(effects))}`" if effects else "the constant"
    if not tied:
        return f"{within} absorb{'' if effects else 's'} it"
    names = [f"`{without_ticks(t)}`" if t not in (CONSTANT_LABEL, _CELLS) else t for t in dict.fromkeys(tied)]
    if len(names) > NAMED:
        names = [*names[:NAMED], f"{len(names) - NAMED} more terms"]
    return f"not identified: given {within} it cannot be told apart from {listed(names)}"


def counted(clusters: Sequence[int] | Ints, missing: Mapping[int, str]) -> Ints:
    """Return the clusters of each vcov, -1 where these are missing in some rows."""
    return np.array([-1 if v in missing else int(n) for v, n in enumerate(clusters)], np.int64)


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
    return CellFit(
        cell,
        why,
        vcov=np.zeros((vcovs, 0, 0)),
        vcov_notes=("",) * vcovs,
        df=np.full(vcovs, np.nan),
        n_clusters=np.full(vcovs, -1),
        effects=effects,
        alpha=alpha,
    )


def _one(
    cell: Cell, where: NDArray[np.bool_] | None, treatment: Extra | None = None, cohort: Extra | None = None
) -> CellFit:
    """Estimate a cell whose estimator takes specifications one at a time: what it gives of its table."""
    compiled = cell.compiled
    problem, one = derive(cell, treatment=treatment, where=where, cohort=cohort)
    last = problem.values.shape[1] - 1
    choice = cell.plan.grid.estimators[compiled.method[cell.member]]
    work = OneByOneWork(
        problem,
        one,
        (Method(choice.method, choice.options),),
        np.zeros(1, np.int64),
        compiled.cohort[[cell.member]] if cohort is None else np.array([last], np.int64),
        compiled.time,
    )
    fits, found = fit_in_full(work)
    declared = _plugins.load("estimators", choice.method)
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
    whole, rows = whole_table(found), rows_for(problem, one, 0, declared, choice.options).rows
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
        alpha=problem.alpha,
        open=dict.fromkeys(dropped, LEFT_OUT) | reasons,
        pseudo_r2=whole.pseudo_r2,
        alone=_alone(choice),
    )


def _alone(choice: EstimatorChoice) -> str:
    said = _plugins.load("estimators", choice.method).alone
    return said(choice.options) if said is not None else ""


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


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A number with its error under one vcov; NaN where ``note`` says why."""

    label: str
    estimate: float
    std_error: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float
    df: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Wald:
    """A joint test that combinations are zero: F = chi² / df1 with df2 degrees (inf: chi²)."""

    statistic: float
    df1: int
    df2: float
    p_value: float


@dataclass(frozen=True, slots=True)
class CellFit:
    """What one regression gave.

    Attributes
    ----------
    failure : None, or why there are no numbers (everything else is then empty)
    terms : (k,) texts: the treatment, extras, controls that were kept, "Constant"
    estimate : (k,), vcov : (V, k, k), df and n_clusters : (V,)
        NaN for coefficients that are not identified.
    vcov_notes : (V,) texts, why a vcov has no standard errors
    rows : rows of the panel used
    n_units, n_treated, n_control, n_always : units, those whose treatment varies, never, always treated
    dropped : terms dropped as collinear
    effects : the fixed effects, as texts, with their levels
    full : the engine's own record, of least squares
    pseudo_r2 : McFadden's, NaN where the estimator has none
    alone : why the treatment's is the only coefficient, empty where all are there
    open : why terms of ``terms`` and ``dropped`` have no coefficient of their own
    """

    cell: Cell = field(repr=False)
    failure: str | None
    terms: tuple[str, ...] = ()
    estimate: Floats = field(default_factory=lambda: np.zeros(0))
    vcov: Floats = field(default_factory=lambda: np.zeros((0, 0, 0)), repr=False)
    vcov_notes: tuple[str, ...] = ()
    df: Floats = field(default_factory=lambda: np.zeros(0))
    n_clusters: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    rows: Ints = field(default_factory=lambda: np.zeros(0, np.int64), repr=False)
    nobs: int = 0
    n_units: int = 0
    n_treated: int = 0
    n_control: int = 0
    n_always: int = 0
    r2: float = float("nan")
    r2_within: float = float("nan")
    dropped: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    alpha: float = field(kw_only=True)
    full: FullFit | None = field(default=None, repr=False)
    pseudo_r2: float = float("nan")
    alone: str = ""
    open: Mapping[str, str] = field(default_factory=dict)

    def place(self, term: str | int) -> int:
        """Return the position of a term, which is 0 for the treatment; ValueError if it is not there."""
        return term if isinstance(term, int) else self.terms.index(term)

    def coefficient(self, term: str | int = 0, vcov: int = 0) -> Coefficient:
        """Return one coefficient under one vcov."""
        weights = np.zeros((1, len(self.estimate)))
        weights[0, self.place(term)] = 1.0
        return self.combine(weights, (self.terms[self.place(term)],), vcov)[0]

    def combine(self, weights: Floats, labels: Sequence[str] = (), vcov: int = 0) -> tuple[Coefficient, ...]:
        """Return linear combinations; weights are (m, k)."""
        here = (weights != 0).any(axis=0)  # what is not identified is NaN, and would spread
        weights = weights[:, here]
        estimate = weights @ self.estimate[here]
        variance = np.einsum("mk,kl,ml->m", weights, self.vcov[vcov][np.ix_(here, here)], weights)
        error = np.sqrt(np.where(variance > 0, variance, np.nan))
        df = np.full(len(estimate), self.df[vcov])
        numbers = t_inference(estimate, error, df, self.alpha)
        names = labels or [""] * len(estimate)
        table = np.column_stack([estimate, error, *numbers, df]).tolist()
        note = self.vcov_notes[vcov]

        def why(name: str, b: float, se: float) -> str:
            return self.open.get(name, note or (NOT_POSITIVE if np.isfinite(b) and np.isnan(se) else ""))

        return tuple(
            Coefficient(name, b, se, t, p, low, high, freedom, why(name, b, se))
            for name, (b, se, t, p, low, high, freedom) in zip(names, table, strict=True)
        )

    def wald(self, weights: Floats, vcov: int = 0) -> Wald:
        """Test jointly that combinations (q, k) are zero, F with df2 of the vcov's t (clusters − 1).

        NaN where a combination is not identified, or the covariance of all is singular or not there.
        """
        here = (weights != 0).any(axis=0)
        variance = weights[:, here] @ self.vcov[vcov][np.ix_(here, here)] @ weights[:, here].T
        return joint_test(weights[:, here] @ self.estimate[here], variance, float(self.df[vcov]))


INDEFINITE = (
    "the variance matrix under this vcov is not positive semi-definite: no joint test and no band, and single standard "
    "errors from it may be far too small"
)
SINGULAR = "the variance matrix of what is tested is singular, as with fewer clusters than terms: no joint test"
_ROUNDING = 1e-8


def semidefinite(variance: Floats) -> bool:
    """Return whether a covariance matrix has no negative eigenvalue beyond rounding; true where there is no matrix.

    Clustered by two variables it is a difference of matrices, and need not be (Cameron, Gelbach and Miller 2011).
    """
    diagonal = np.diag(variance)
    if not len(diagonal) or not np.isfinite(variance).all():
        return True
    if (diagonal < 0).any():
        return False
    unit = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    values = np.linalg.eigvalsh(variance / np.outer(unit, unit))
    return bool(values[0] >= -_ROUNDING * max(float(values[-1]), 1.0))


def joint_test(value: Floats, variance: Floats, df2: float) -> Wald:
    """Test that ``value`` (q,) with covariance (q, q) is zero: F with df2 degrees, inf for chi²."""
    from scipy.special import chdtrc, fdtrc

    q = len(value)
    if not q or not np.isfinite(variance).all():
        return Wald(np.nan, q, df2, np.nan)
    # Two-way clustered covariances need not be positive definite: there is no test then.
    diagonal = np.diag(variance)
    if not (diagonal > 0).all():
        return Wald(np.nan, q, df2, np.nan)
    unit = np.sqrt(diagonal)
    scaled, correlation = value / unit, variance / np.outer(unit, unit)
    values = np.linalg.eigvalsh(correlation)
    if values[0] <= q * np.finfo(float).eps * values[-1]:
        return Wald(np.nan, q, df2, np.nan)
    statistic = float(scaled @ np.linalg.solve(correlation, scaled)) / q
    p_value = chdtrc(q, statistic * q) if np.isinf(df2) else fdtrc(q, df2, statistic)
    return Wald(statistic, q, df2, float(p_value))


@dataclass(frozen=True, slots=True)
class Extra:
    """A column that is not in the study: numbers on all rows of the panel, NaN missing."""

    label: str
    numbers: Floats = field(repr=False)


def derive(
    cell: Cell,
    extra: Sequence[Extra] = (),
    treatment: Extra | None = None,
    outcome: Extra | None = None,
    controls: bool = True,
    where: NDArray[np.bool_] | None = None,
    within: Ints | None = None,
    cohort: Extra | None = None,
) -> tuple[Problem, Members]:
    """Return the engine's problem of one cell with an analysis's own columns and rows; a cohort's is the last.

    In place of the treatment another has no value where the cell's own is missing: an analysis is of the cell's rows.
    """
    problem = cell.compiled.problem
    one = cell.compiled.members.take(np.array([cell.member], np.int64))
    if treatment is not None:
        known = np.isfinite(problem.values[:, one.treatment[0]])
        treatment = replace(treatment, numbers=np.where(known, treatment.numbers, np.nan))
    new = [*extra, *(e for e in (treatment, outcome, cohort) if e is not None)]
    if new:
        first = problem.values.shape[1]
        values = np.asfortranarray(np.column_stack([problem.values, *(e.numbers for e in new)]))
        log0 = problem.log0
        if log0 is not None:
            log0 = np.asfortranarray(np.column_stack([log0, np.zeros((len(log0), len(new)), bool)]))
        problem = replace(problem, values=values, log0=log0, labels=(*problem.labels, *(e.label for e in new)))
        column = {id(e): np.array([first + k], np.int64) for k, e in enumerate(new)}
        kept = one.controls if controls else one.controls[:0]
        lines = np.concatenate([*(column[id(e)] for e in extra), kept]).astype(np.int64)
        one = replace(one, controls=lines, start=np.array([0, len(lines)], np.int64))
        if treatment is not None:
            arms = {**problem.arms, int(column[id(treatment)][0]): problem.arms.get(int(one.treatment[0]), ())}
            problem = replace(problem, arms=arms)
            sunab, aggregates = int(one.sunab[0]), one.aggregates
            if cohort is None:
                sunab = -1
            elif sunab >= 0:
                sunab, aggregates = 0, (replace(aggregates[sunab], cohort=int(column[id(cohort)][0])),)
            one = replace(
                one, treatment=column[id(treatment)], sunab=np.array([sunab], np.int64), aggregates=aggregates
            )
        if outcome is not None:
            one = replace(one, outcome=column[id(outcome)])
    elif not controls:
        one = replace(one, controls=one.controls[:0], start=np.zeros(2, np.int64))
    if where is not None:
        problem = replace(problem, rows=problem.rows[one.rows] & where)
        one = replace(one, rows=np.zeros(1, np.int64))
    return (problem, one) if within is None else interact_effects(problem, one, within)


def interact_effects(problem: Problem, one: Members, within: Ints) -> tuple[Problem, Members]:
    """Interact every fixed effect with codes; without effects there is one constant per code."""
    effects = problem.effects[one.effects[0]]
    used = dict.fromkeys([*effects.fixed, *(c for c, _ in effects.slopes)])
    first, columns, labels = problem.codes.shape[1], [], []
    for code in used:
        both = problem.codes[:, code] * (int(within.max()) + 1) + within
        columns.append(np.where((problem.codes[:, code] < 0) | (within < 0), -1, both))
        labels.append(problem.effect_labels[code])
    place = {code: first + k for k, code in enumerate(used)}
    fixed = tuple(place[c] for c in effects.fixed)
    if not used:
        columns, labels, fixed = [within], ["group"], (first,)
    codes = np.asfortranarray(np.column_stack([problem.codes, *columns]))
    crossed = Effects(fixed, tuple((place[c], x) for c, x in effects.slopes))
    problem = replace(problem, codes=codes, effect_labels=(*problem.effect_labels, *labels), effects=(crossed,))
    return problem, replace(one, effects=np.zeros(1, np.int64))


def numbers_of(coefficient: Coefficient | None) -> tuple[Value, ...]:
    """Return a coefficient's numbers in the order of COEFFICIENT, empty where there is none."""
    if coefficient is None:
        return (None,) * len(COEFFICIENT)
    c = coefficient
    return (c.estimate, c.std_error, c.statistic, c.p_value, c.conf_low, c.conf_high, c.df)


def sizes_of(fit: CellFit, vcov: int) -> tuple[Value, ...]:
    """Return what a regression counts and explains, in the order of SIZES; empty where it failed."""
    if fit.failure is not None:
        return (None,) * len(SIZES)
    found = (fit.nobs, fit.n_units, fit.n_treated, fit.n_control, int(fit.n_clusters[vcov]))
    return (*(n if n >= 0 else None for n in found), fit.r2, fit.r2_within)
