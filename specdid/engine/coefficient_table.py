"""One least-squares specification in full: every coefficient, their covariance matrices, the constant.

For tables, event studies, Wald tests and everything that needs more than the treatment's
line; the constant is what reghdfe reports, ȳ − x̄'β.

With x̃ the columns net of the effects, A = x̃'x̃ and e the residuals, coefficient j has the
influences ψ_ij = (A⁻¹ x̃_i)_j e_i; a sandwich is Σ_g ψ_g ψ_g' times its correction. The
constant is ȳ − x̄'β, with influences e_i / n − x̄'ψ_i.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Floats, Ints
from specdid.engine import ssc
from specdid.engine.demean import Absorber, make_absorber
from specdid.engine.estimable import NullSpace, null_space
from specdid.engine.least_squares import (
    CANCELLED,
    NO_VARIANCE,
    PERFECT,
    BatchColumns,
    fit_members,
    prepare_batch,
)
from specdid.engine.problem import Code, Members, Problem, Vcov, VcovCode
from specdid.engine.qr_basis import Basis, independent, make_basis
from specdid.engine.rows import rows_of, rows_of_members
from specdid.engine.scores import by_cluster, cluster_codes, clusters_of, wanted_clusterings
from specdid.engine.sunab import SunabCells, cohort_cells

CONSTANT, CELL = -1, -2
"""What FullFit.columns has for the constant and for a Sun-Abraham cell."""


@dataclass(frozen=True, slots=True)
class FullFit:
    """A specification's regression table.

    Attributes
    ----------
    code, culprit : as in Fits; where code is not OK the arrays are empty
    rows : (n,) int64, rows of the panel
    columns : (k,) int64
        Column of Problem.values of each coefficient: the treatment (a Sun-Abraham model:
        its cells, CELL), then the controls that were kept, in written order, then CONSTANT.
    estimate : (k,) float64
        One solution, in which what was dropped is 0. Only what `combine` gives of it is identified.
    vcov : (V, k, k) float64, NaN where ``vcov_code`` (V,) says why, as in Fits
    df, n_clusters : (V,)
    cells : cohort × period cells of a Sun-Abraham model, or None
    weights : (k,) float64
        The effect of the treatment is ``weights @ estimate``.
    dropped : columns of values dropped as collinear
    null : what the data leave open of all coefficients: as in ``columns``, then of ``dropped``
    detail : words for ``code`` of the engine's own, or empty
    effective_f : of the first stage under the first vcov, where the treatment is instrumented
    n_missing, n_log0, n_singletons : rows lost
    levels : levels of each fixed effect
    rss : (weighted, weights of mean 1) residual sum of squares
    r2, r2_within : r2_within is NaN without fixed effects
    """

    code: Code
    culprit: int
    rows: Ints
    columns: Ints
    estimate: Floats
    vcov: Floats
    vcov_code: Ints
    df: Floats
    n_clusters: Ints
    cells: SunabCells | None
    weights: Floats
    dropped: tuple[int, ...]
    n_missing: int
    n_log0: int
    n_singletons: int
    levels: tuple[int, ...]
    rss: float
    r2: float
    r2_within: float
    null: NullSpace
    detail: str = ""
    effective_f: float = float("nan")

    @property
    def nobs(self) -> int:
        """Rows used."""
        return len(self.rows)

    @property
    def std_error(self) -> Floats:
        """Standard errors, (V, k)."""
        return _roots(self.vcov)


def combine(fit: FullFit, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Form linear combinations of coefficients.

    Parameters
    ----------
    weights : (m, k) float64

    Returns
    -------
    estimate : (m,), std_error : (V, m), vcov : (V, m, m)
        NaN for combinations that are not identified.
    """
    gone = ~fit.null.estimable(np.pad(weights, ((0, 0), (0, len(fit.dropped)))))
    estimate = np.where(gone, np.nan, weights @ fit.estimate)
    vcov = np.where(gone | gone[:, None], np.nan, np.einsum("mk,vkl,nl->vmn", weights, fit.vcov, weights))
    return estimate, _roots(vcov), vcov


def inseparable(fit: FullFit) -> dict[int, Ints]:
    """Return, for each of ``columns`` and ``dropped`` not identified alone, what it cannot be told apart from.

    Both are positions in ``columns`` followed by ``dropped``; nothing where the fixed effects
    alone leave it open. The constant is that of the coefficients left, by convention.
    """
    open_ = np.flatnonzero(~fit.null.estimable(np.eye(len(fit.columns) + len(fit.dropped))))
    return {int(k): fit.null.tied_to(int(k)) for k in open_}


def by_relative_period(fit: FullFit) -> tuple[Floats, Floats]:
    """Return what averages the cohorts of a Sun-Abraham fit in each relative period, by their rows.

    Returns
    -------
    periods : (m,) float64, weights : (m, k) float64

    Raises
    ------
    ValueError
        The fit has no cells.
    """
    if fit.cells is None:
        raise ValueError("only a Sun-Abraham fit has relative periods")
    size = fit.cells.size
    periods = np.unique(fit.cells.relative)
    weights = np.zeros((len(periods), len(fit.estimate)))
    for m, period in enumerate(periods):
        here = np.flatnonzero(fit.cells.relative == period)
        weights[m, here] = size[here] / size[here].sum()
    return periods, weights


LARGEST_UNIT = 1e140
"""Units whose squares, the covariances, are still numbers."""


def fit_full(problem: Problem, members: Members, s: int = 0, joint: bool = False, known: bool = False) -> FullFit:
    """Estimate member ``s`` in full.

    ``joint``: the treatment is one of several coefficients that are asked for; where it is not
    identified the others are still given. ``known``: a batch has estimated it, which need not be done again to say
    whether it can be. Raises nothing: ``code`` says why there are no numbers.
    """
    one = members.take(np.array([s], dtype=np.int64))
    samples = rows_of_members(problem, one)[1]
    rows = rows_of(samples.packed[0], len(problem.values))
    lost = (int(samples.n_missing[0]), int(samples.n_log0[0]), int(samples.n_singletons[0]))
    if samples.code[0] != Code.OK:
        return _failed(problem, Code(int(samples.code[0])), int(one.treatment[0]), rows, lost, samples.why[0])
    if known and one.instruments[0] < 0:
        return _regress(problem, one, rows, lost)
    used = np.unique(np.concatenate([one.controls, one.treatment, one.outcome, one.instrument_columns]))
    need = BatchColumns(rows, used, one.treatment)
    tried = fit_members(problem, one, prepare_batch(problem, one, need))
    code = Code(int(tried.code[0]))
    usable = (Code.OK, Code.TOO_FEW_CLUSTERS, *((Code.NOT_IDENTIFIED, Code.ABSORBED) if joint else ()))
    if code not in usable:
        return _failed(problem, code, int(tried.culprit[0]), rows, lost, tried.detail.get(0, ""))
    found = _regress(problem, one, rows, lost)
    strength = tried.extra.get("effective_f")
    return found if strength is None else replace(found, effective_f=float(strength[0]))


def _failed(
    problem: Problem, code: Code, culprit: int, rows: Ints, lost: tuple[int, int, int], detail: str = ""
) -> FullFit:
    v, nothing = len(problem.vcovs), np.zeros(0)
    return FullFit(
        code,
        culprit,
        rows,
        np.zeros(0, np.int64),
        nothing,
        np.zeros((v, 0, 0)),
        np.zeros(v, np.int64),
        np.full(v, np.nan),
        np.full(v, -1),
        None,
        nothing,
        (),
        *lost,
        (),
        np.nan,
        np.nan,
        np.nan,
        NullSpace.nothing(0),
        detail,
    )


@dataclass(frozen=True, slots=True)
class _Design:
    """Columns in the order of the table, then the outcome, then instruments, on the basis."""

    basis: Basis
    origin: Ints
    means: Floats
    cells: SunabCells | None
    absorber: Absorber


def _design(problem: Problem, one: Members, rows: Ints) -> _Design:
    weight, sunab = int(one.weights[0]), int(one.sunab[0])
    weights = None if weight < 0 else problem.values[rows, weight]
    absorber = make_absorber(problem, problem.effects[one.effects[0]], rows, weights)
    cells, lead, origin = None, problem.values[np.ix_(rows, one.treatment)], one.treatment
    if sunab >= 0:
        aggregate = one.aggregates[sunab]
        time, cohort = problem.values[rows, aggregate.period], problem.values[rows, aggregate.cohort]
        cells = cohort_cells(time, cohort, absorber.weights, aggregate)
        lead, origin = cells.dummies, np.full(len(cells.relative), CELL)
    rest = np.concatenate([one.controls, one.outcome, one.instruments_of(0)])
    raw = np.asfortranarray(np.hstack([lead, problem.values[np.ix_(rows, rest)]]))
    means = np.average(raw, axis=0, weights=weights)
    return _Design(make_basis(raw, absorber), np.concatenate([origin, one.controls]), means, cells, absorber)


def _regress(problem: Problem, one: Members, rows: Ints, lost: tuple[int, int, int]) -> FullFit:
    design = _design(problem, one, rows)
    basis, last = design.basis, len(design.origin)
    alone, null = null_space(basis, np.arange(last))
    kept = np.flatnonzero(alone)
    if not len(kept):
        return _failed(problem, Code.ABSORBED, int(one.treatment[0]), rows, lost)
    regressors, y = basis.r[:, kept], basis.r[:, last]
    q, r = np.linalg.qr(_first_stage(basis, kept, last, one) if one.instruments[0] >= 0 else regressors)
    first = q.T @ y
    residual = y - q @ first
    again = q.T @ residual
    residual -= q @ again
    with np.errstate(over="ignore"):
        unit = basis.unit[last] / basis.unit[kept]
    own = np.append(unit, basis.unit[last])
    if not np.all((own > 1 / LARGEST_UNIT) & (own < LARGEST_UNIT)):
        return _failed(problem, Code.ESTIMATOR_ERROR, -1, rows, lost)
    inverse = np.linalg.inv(r)
    solved = inverse @ (first + again)
    if one.instruments[0] >= 0:
        residual = y - regressors @ solved
    beta = solved * unit
    lead = last - len(one.controls)
    effect = np.zeros(last + 1)
    if design.cells is not None:
        effect[:lead] = design.cells.share
    else:  # the treatment, or the first column that is identified
        effect[int(np.argmax(null.estimable(np.eye(last))))] = 1.0
    solution = Solution(
        basis.q @ np.column_stack([q, residual]),
        inverse,
        float(residual @ residual),
        float(y @ y),
        unit,
        float(basis.unit[last]),
        design.means[kept],
        effect[[*kept, last]],
    )
    # Cells stay, with 0 where they were dropped: an average that is identified is the same for any choice of these.
    here = np.concatenate([np.arange(lead), kept[kept >= lead]])
    gone = np.setdiff1d(np.arange(lead, last), kept)
    place = np.append(np.searchsorted(here, kept), len(here))
    estimate, vcov = np.zeros(len(here) + 1), np.zeros((len(problem.vcovs), len(here) + 1, len(here) + 1))
    estimate[place] = np.append(beta, design.means[last] - design.means[kept] @ beta)
    found, note, df, clusters = errors(problem.vcovs, clusters_of(problem, rows), design.absorber, solution)
    vcov[:, place[:, None], place] = found
    rss, outcome = solution.rss, problem.values[rows, one.outcome[0]]
    w = np.ones(len(rows)) if design.absorber.weights is None else design.absorber.weights
    total = float(w / w.mean() @ (outcome - design.means[last]) ** 2)
    effects = problem.effects[one.effects[0]]
    absorbs = bool(effects.fixed or effects.slopes)
    scale = basis.unit[last] ** 2
    return FullFit(
        Code.OK,
        -1,
        rows,
        np.append(design.origin[here], CONSTANT),
        estimate,
        vcov,
        note,
        df,
        clusters,
        design.cells,
        effect[[*here, last]],
        tuple(design.origin[gone].tolist()),
        *lost,
        tuple(design.absorber.levels.tolist()) if absorbs else (),
        rss * scale,
        1.0 - rss * scale / total,
        1.0 - rss / solution.within if absorbs else np.nan,
        _with_constant(null, design, here, gone),
    )


def _first_stage(basis: Basis, kept: Ints, last: int, one: Members) -> Floats:
    """Return the regressors with what instruments and controls fit of the treatment in its place.

    Estimates are those of a regression on these, and residuals those of the regressors themselves.
    """
    beside = np.append(kept[1:], np.arange(last + 1, last + 1 + len(one.instruments_of(0))))
    q = np.linalg.qr(basis.r[:, beside[independent(basis, beside)[0]]])[0]
    treatment = basis.r[:, kept[0]]
    fitted = q @ (q.T @ treatment)
    fitted += q @ (q.T @ (treatment - fitted))
    return np.column_stack([fitted, basis.r[:, kept[1:]]])


def stages_apart(problem: Problem, members: Members, full: FullFit) -> tuple[FullFit, FullFit]:
    """Regress the treatment of an instrumented specification, and its outcome, on the instruments and controls.

    Parameters
    ----------
    members : of one
    full : its fit, for its rows

    Returns
    -------
    the first stage, and the reduced form, on the same rows
    """
    kept = [int(c) for c in members.instruments_of(0) if c not in full.dropped]
    kept = [c for c in kept if c not in members.controls.tolist()]
    mask = np.zeros((1, len(problem.values)), dtype=bool)
    mask[0, full.rows] = True
    controls = np.concatenate([np.array(kept[1:], np.int64), members.controls])
    none = np.full(1, -1, np.int64)
    one = replace(
        members,
        treatment=np.array(kept[:1], np.int64),
        controls=controls,
        start=np.array([0, len(controls)], np.int64),
        rows=np.zeros(1, np.int64),
        extra_rows=none,
        instruments=none,
    )
    on = replace(problem, rows=mask, arms={})
    first, reduced = (fit_full(on, replace(one, outcome=o), joint=True) for o in (members.treatment, members.outcome))
    return first, reduced


def _with_constant(null: NullSpace, design: _Design, here: Ints, gone: Ints) -> NullSpace:
    """Put the columns in the order ``here``, constant, ``gone``.

    The constant ȳ − x̄'β moves with what is open of β. By convention it does not with a column that
    the effects absorb by themselves, which is as if it had never been there.
    """
    count = len(design.origin)
    table = np.eye(count + 1, count)
    table[count] = np.where(design.basis.absorbed[:count], 0.0, design.means[:count])
    return null.of_sums(table[[*here, count, *gone]])


def _roots(vcov: NDArray[np.float64]) -> Floats:
    variance = np.einsum("vkk->vk", vcov)
    return np.asarray(np.sqrt(np.where(variance > 0, variance, np.nan)))


@dataclass(frozen=True, slots=True)
class Solution:
    """A regression on k columns of a basis.

    Attributes
    ----------
    rows : (n, k + 1) float64, orthonormal columns and the residual, times √weight
    inverse : (k, k), of R, so that rows[:, :k] @ R are the columns
    rss, within : squares of the residual, and of the outcome net of the effects
    unit : (k,), what a coefficient on the basis is in the columns' own units
    scale : the same for the outcome
    means : (k,), (weighted) means of the columns
    effect : (k + 1,), weights of the treatment's effect, the constant last
    """

    rows: Floats
    inverse: Floats
    rss: float
    within: float
    unit: Floats
    scale: float
    means: Floats
    effect: Floats


def errors(
    vcovs: tuple[Vcov, ...], codes: Mapping[int, Ints], absorber: Absorber, solution: Solution
) -> tuple[Floats, Ints, Floats, Ints]:
    """Return covariance matrices with the constant last, their codes, degrees of freedom and clusters."""
    n, k, effect = len(solution.rows), len(solution.unit), solution.effect
    influence, bread = _influence(absorber, solution)
    rss = solution.rss
    vcov = np.full((len(vcovs), k + 1, k + 1), np.nan)
    note, df = np.zeros(len(vcovs), np.int64), np.full(len(vcovs), np.nan)
    clusters = np.full(len(vcovs), -1)
    for v, kind in enumerate(vcovs):
        meat, gross, clusters[v] = _meat(kind, codes, influence, bread * rss, effect)
        of = tuple(codes[c] for c in kind.clusters)
        correction = ssc.correction(kind.kind, kind.ssc, absorber.codes, absorber.slopes, of)
        factor = float(correction.factor(n, k, clusters[v]))
        if kind.kind == "cluster" and clusters[v] < 2:
            note[v] = VcovCode.FEW_CLUSTERS
        elif n <= correction.df_k(k):
            note[v] = VcovCode.NO_DF
        elif rss < PERFECT * solution.within:
            note[v] = VcovCode.PERFECT_FIT
        elif not _positive(meat, gross, bread * rss, effect):
            note[v] = VcovCode.NOT_POSITIVE
        elif np.isnan(factor):
            note[v] = VcovCode.UNCOUNTED
        else:
            vcov[v] = meat * factor
            df[v] = float(ssc.freedom(kind.distribution, correction.t_df(n, k, clusters[v])))
    return vcov, note, df, clusters


def _positive(meat: Floats, gross: float, iid: Floats, effect: Floats) -> bool:
    variance, reference = float(effect @ meat @ effect), float(effect @ iid @ effect)
    return variance > NO_VARIANCE * reference and variance > CANCELLED * gross


def _influence(absorber: Absorber, solution: Solution) -> tuple[Floats, Floats]:
    """Return the rows' influences (n, k + 1), in own units, and the bread for an RSS in the basis's."""
    rows, scale = solution.rows, solution.scale
    n = len(rows)
    residual = rows[:, -1:]
    slopes = rows[:, :-1] @ (solution.inverse.T * solution.unit) * residual
    weights = absorber.weights
    root = np.ones(n) if weights is None else np.sqrt(weights / weights.mean())
    constant = root * residual[:, 0] * scale / n - slopes @ solution.means
    half = (solution.inverse * solution.unit[:, None]).T
    half = np.column_stack([half, -half @ solution.means])
    bread = half.T @ half
    bread[-1, -1] += scale**2 / n
    return np.column_stack([slopes, constant]), bread


def _meat(
    vcov: Vcov, codes: Mapping[int, Ints], influence: Floats, iid: Floats, effect: Floats
) -> tuple[Floats, float, int]:
    """Return the matrix before its correction, the effect's variance without signs, and the clusters."""
    if vcov.kind == "iid":
        return iid, 0.0, -1
    total, gross, sizes = np.zeros_like(iid), 0.0, []
    for sign, key in wanted_clusterings(vcov):
        scores = influence
        if key:
            cluster = cluster_codes(codes, key)
            sizes += [int(cluster.max()) + 1] if sign > 0 else []
            scores = by_cluster(influence, cluster)
        total += sign * (scores.T @ scores)
        gross += float(((scores @ effect) ** 2).sum())
    return total, gross, min(sizes, default=-1)
