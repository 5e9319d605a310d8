"""One batch, estimated: its columns prepared once, its specifications solved chunk by chunk.

The regressions of a chunk come from columns of R. With S a specification's controls, D its treatment
and y its outcome (columns of R):

    A = R_S'R_S,   γ = A⁻¹R_S'[R_D, R_y],   v = R_t − R_S γ,   γ += A⁻¹R_S'v     (one refinement)
    β = v_D·v_y / v_D·v_D,   e = v_y − β v_D,   RSS = e·e

A is eliminated for all specifications at once, specifications along the last axis. A
pivot is the share of a column's variation that the earlier ones leave; a column with less
than `Basis.least` is collinear and dropped. Pivots that A's rounding cannot decide, and
solutions it would cost digits, are taken from R_S itself, in extended precision.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Bools, Floats, Ints
from specdid._records.fits import blank_fits, failure_message, trimmed
from specdid.engine import ssc
from specdid.engine.demean import LARGEST, Absorber, for_many_columns, make_absorber, relevel
from specdid.engine.instruments import (
    STATISTICS,
    FirstStages,
    Law,
    first_stages,
    second_stage,
    statistics,
    verdicts,
)
from specdid.engine.problem import Code, Fits, Members, Problem, VcovCode
from specdid.engine.qr_basis import Basis, independent, make_basis, project_out
from specdid.engine.rows import count_units, effective_rows, other_arms
from specdid.engine.scores import Meat, clusters_of, make_meat, squared_scores
from specdid.engine.sunab import cohort_cells, make_block, why_open

CHUNK = 256
"""Specifications solved together: a function of the plan alone, so that numbers never depend on jobs."""
PERFECT = 1e-18
"""Share of the outcome's variation, net of the effects, that is left by a perfect fit."""
NO_VARIANCE = 1e-24
"""Share of Σd²·Σe² below which a sum of squared scores is rounding."""
CANCELLED = 1e-12
"""Share of V₁ + V₂ + V₁₂ below which V₁ + V₂ − V₁₂ is."""
EPS = float(np.finfo(np.float64).eps)
NEAR = 100.0
"""A column of which less is left than so many times what single precision rounds has not two digits by itself."""
DOUBTFUL = 1e-7
"""A pivot below this is taken from the columns themselves, unless it clearly is none."""


@dataclass(frozen=True, slots=True)
class BatchColumns:
    """What all members of a batch need together.

    Attributes
    ----------
    rows : (n,) int64, rows of the panel
    columns, treatments : columns of Problem.values in any role, and as treatment, ascending
    """

    rows: Ints
    columns: Ints
    treatments: Ints


@dataclass(frozen=True, slots=True)
class PreparedBatch:
    """A batch's rows, ready for its chunks.

    Attributes
    ----------
    place : (p,) int64, place in the basis of each column of Problem.values, or -1
    block : columns of a Sun-Abraham block, which is in every specification and out of the basis
    treatment : place of its aggregate, or -1
    open : why the average of a Sun-Abraham block is not identified, whatever the controls; or empty
    means : (K,) float64, of each column over the rows, unweighted
    corrections : per vcov
    units : treatment, and whether with its other arms -> n_units, n_treated, n_control, n_always_treated
    """

    nobs: int
    place: Ints
    block: int
    treatment: int
    open: str
    means: Floats
    basis: Basis
    meat: Meat
    absorber: Absorber
    corrections: tuple[ssc.Correction, ...]
    units: dict[tuple[int, bool], tuple[int, int, int, int]]
    n_eff: float


def prepare_batch(problem: Problem, members: Members, need: BatchColumns) -> PreparedBatch:
    """Demean every column a batch needs, and factorise.

    Parameters
    ----------
    members : at least one of the batch, for what they share
    need : what all of them need

    Raises nothing: what cannot be estimated is found member by member.
    """
    rows, weight = need.rows, int(members.weights[0])
    weights = None if weight < 0 else problem.values[rows, weight]
    absorber = make_absorber(problem, problem.effects[members.effects[0]], rows, weights)
    place = np.full(problem.values.shape[1], -1, dtype=np.int64)
    place[need.columns] = np.arange(len(need.columns))
    raw = np.empty((len(rows), len(need.columns)), order="F")
    for k, column in enumerate(need.columns):
        raw[:, k] = problem.values[rows, column]
    means, units = raw.mean(axis=0), _units(problem, need, raw, place)
    block, undetermined = None, ""
    if members.sunab[0] >= 0:
        aggregate = members.aggregates[members.sunab[0]]
        time, cohort = problem.values[rows, aggregate.period], problem.values[rows, aggregate.cohort]
        cells = cohort_cells(time, cohort, weights, aggregate)
        absorber = for_many_columns(absorber, len(cells.size) + raw.shape[1])
        block = make_block(cells, absorber)
        if block.lost.any():
            effects, slopes = effects_text(problem, int(members.effects[0])), len(absorber.slopes) > 0
            undetermined = why_open(cells, block.lost, time, cohort, aggregate, effects, slopes, problem.calendar)
        raw = np.asfortranarray(np.column_stack([raw, block.treatment]))
    basis = make_basis(raw, absorber, None if block is None else block.others)
    if block is not None and not block.converged:
        basis = replace(basis, converged=False)
    codes = clusters_of(problem, rows)
    meat = make_meat(problem.vcovs, codes, basis.q)
    corrections = tuple(
        ssc.correction(v.kind, v.ssc, absorber.codes, absorber.slopes, tuple(codes[c] for c in v.clusters))
        for v in problem.vcovs
    )
    return PreparedBatch(
        len(rows),
        place,
        0 if block is None else block.others.shape[1],
        -1 if block is None else len(need.columns),
        undetermined,
        means,
        basis,
        meat,
        absorber,
        corrections,
        units,
        effective_rows(len(rows), weights),
    )


def _units(
    problem: Problem, need: BatchColumns, raw: Floats, place: Ints
) -> dict[tuple[int, bool], tuple[int, int, int, int]]:
    treatments = need.treatments.tolist()
    if problem.unit < 0:
        return dict.fromkeys([(t, among) for t in treatments for among in (False, True)], (-1, -1, -1, -1))
    unit = relevel(np.maximum(problem.codes[need.rows, problem.unit], 0))
    found = {(t, False): count_units(unit, raw[:, place[t]]) for t in treatments}
    arms = {t: place[[*problem.arms[t]]] for t in treatments if problem.arms.get(t)}
    inside = {t: at for t, at in arms.items() if (at >= 0).all()}
    return found | {(t, True): count_units(unit, raw[:, place[t]], raw[:, at]) for t, at in inside.items()}


TOO_MANY_LEVELS = (
    f"the fixed effects and slopes beside the largest have more than {LARGEST:,} levels, too many to solve for where "
    "there are slopes: absorb fewer levels, or leave the slopes out"
)


def effects_text(problem: Problem, choice: int) -> str:
    """Write a fixed-effects option, slopes as ``unit[year]``."""
    effects = problem.effects[choice]
    slopes = [f"{problem.effect_labels[c]}[{problem.labels[x]}]" for c, x in effects.slopes]
    return " + ".join([*(problem.effect_labels[c] for c in effects.fixed), *slopes])


def fit_members(problem: Problem, members: Members, prepared: PreparedBatch) -> Fits:
    """Estimate ``members`` of the batch chunk by chunk (without counts of lost rows and signatures)."""
    with np.errstate(over="ignore", invalid="ignore"):  # what is no number is seen when it is recorded
        return _fit_chunks(problem, members, prepared)


def _fit_chunks(problem: Problem, members: Members, prepared: PreparedBatch) -> Fits:
    extra = {name: np.full(len(members), np.nan) for name in STATISTICS if (members.instruments >= 0).any()}
    fits = blank_fits(members.index, len(problem.vcovs), extra)
    kept = np.zeros(len(members.controls), dtype=bool)
    for first in range(0, len(members), CHUNK):
        at = np.arange(first, min(first + CHUNK, len(members)))
        chunk = members.take(at)
        kept[members.start[first] : members.start[at[-1] + 1]] = fit_chunk(problem, chunk, prepared, fits, at)
    found = ssc.t_inference(fits.estimate[:, None], fits.std_error, fits.df, problem.alpha)
    for column, values in zip((fits.statistic, fits.p_value, fits.conf_low, fits.conf_high), found, strict=True):
        column[:] = values
    _enter_dropped(members, kept, fits)
    return trimmed(fits)


def fit_chunk(problem: Problem, members: Members, prepared: PreparedBatch, fits: Fits, at: Ints) -> Bools:
    """Estimate a chunk and write it at positions ``at`` of ``fits``.

    Returns
    -------
    (len(members.controls),) bool
        Which controls are in the regressions.
    """
    began = perf_counter()
    controls, treatment, outcome = _places(members, prepared)
    instruments = prepared.place[members.instruments_of(0)]
    solved = solve_chunk(prepared.basis, controls, treatment, outcome, instruments)
    code, culprit = _verdict(prepared, solved, members, controls, treatment, outcome)
    if solved.instrumented is not None:
        _instrumented_verdict(problem, members, solved.instrumented, code, culprit, fits, at)
    ok = code == Code.OK
    unit = prepared.basis.unit[outcome] / prepared.basis.unit[treatment]
    fits.code[at], fits.culprit[at] = code, culprit
    if prepared.open:
        fits.detail.update(dict.fromkeys(at[code == Code.NOT_IDENTIFIED].tolist(), prepared.open))
    if prepared.absorber.slopes:
        fits.detail.update(dict.fromkeys(at[code == Code.NOT_CONVERGED].tolist(), TOO_MANY_LEVELS))
    effects = effects_text(problem, int(members.effects[0]))  # those that a variant absorbs among them
    for m in np.flatnonzero(code == Code.ABSORBED) if effects else ():
        term = problem.labels[members.treatment[m]]
        fits.detail[int(at[m])] = failure_message(Code.ABSORBED, term, "", effects, "")
    fits.nobs[at], fits.n_eff[at] = prepared.nobs, prepared.n_eff
    fits.estimate[at] = np.where(ok, solved.estimate * unit, np.nan)
    fits.y_mean[at] = prepared.means[outcome]
    if problem.effects[members.effects[0]].fixed or problem.effects[members.effects[0]].slopes:
        within = prepared.basis.within[outcome]
        fits.r2_within[at] = np.where(ok, 1.0 - solved.rss / np.where(within > 0, within, 1.0), np.nan)
    among = [bool(problem.arms) and len(other_arms(problem.arms, members, s)) > 0 for s in range(len(at))]
    treatments = members.treatment.tolist()
    units = np.array([prepared.units[key] for key in zip(treatments, among, strict=True)], dtype=np.int64)
    fits.n_units[at], fits.n_treated[at], fits.n_control[at], fits.n_always_treated[at] = units.T
    _enter_errors(problem, prepared, solved, outcome, ok, unit, fits, at)
    _enter_near(members, prepared, solved, (controls, treatment), ok, fits, at)
    if solved.instrumented is not None:
        _enter_instrumented(problem, members, prepared, solved, ok, unit, fits, at)
    owner, rank = _layout(members)
    fits.seconds[at] = (perf_counter() - began) / len(at)
    return np.asarray(solved.kept[rank, owner])


def _layout(members: Members) -> tuple[Ints, Ints]:
    """Return each control's member and its place among that member's controls."""
    lengths = np.diff(members.start)
    owner = np.repeat(np.arange(len(members)), lengths)
    return owner, np.arange(len(owner)) - np.repeat(members.start[:-1], lengths)


def _places(members: Members, prepared: PreparedBatch) -> tuple[Ints, Ints, Ints]:
    """Return the places in the basis of controls (q, M), padded with its last column, treatment and outcome."""
    lengths = np.diff(members.start)
    padding = prepared.basis.gram.shape[0] - 1
    controls = np.full((int(lengths.max(initial=0)), len(members)), padding, dtype=np.int64)
    owner, rank = _layout(members)
    controls[rank, owner] = prepared.place[members.controls]
    treatment = prepared.place[members.treatment]
    if prepared.treatment >= 0:
        treatment = np.full(len(members), prepared.treatment)
    return controls, treatment, prepared.place[members.outcome]


def _verdict(
    prepared: PreparedBatch, solved: BasisRegressions, members: Members, controls: Ints, treatment: Ints, outcome: Ints
) -> tuple[NDArray[np.int8], Ints]:
    """Say which specifications have an estimate, and for the others why not and which column it is."""
    basis = prepared.basis
    lost = (solved.own_squares < basis.least[treatment]) | bool(prepared.open)
    tests = [
        (basis.flat[outcome], Code.NO_OUTCOME_VARIATION, members.outcome),
        (basis.constant[treatment], Code.NO_TREATMENT_VARIATION, members.treatment),
        (basis.absorbed[treatment], Code.ABSORBED, members.treatment),
        (lost, Code.NOT_IDENTIFIED, _loading(solved, members, controls)),
        (np.full(len(lost), not basis.converged), Code.NOT_CONVERGED, np.full(len(lost), -1)),
    ]
    code = np.full(len(lost), Code.OK, dtype=np.int8)
    culprit = np.full(len(lost), -1, dtype=np.int64)
    for failed, why, column in reversed(tests):
        code[failed] = why
        culprit[failed] = column[failed]
    return code, culprit


def _instrumented_verdict(
    problem: Problem,
    members: Members,
    stages: FirstStages,
    code: NDArray[np.int8],
    culprit: Ints,
    fits: Fits,
    at: Ints,
) -> None:
    """Fail what has no second stage, with what is wrong with which instruments."""
    columns = members.instruments_of(0)
    named = " + ".join(problem.labels[c] for c in columns)
    for failed, why, said in verdicts(stages):
        for m in np.flatnonzero(failed & (code == Code.OK)).tolist():
            code[m], culprit[m] = why, columns[0]
            fits.detail[int(at[m])] = said.format(f"`{named}`")


def _enter_instrumented(
    problem: Problem,
    members: Members,
    prepared: PreparedBatch,
    solved: BasisRegressions,
    ok: Bools,
    unit: Floats,
    fits: Fits,
    at: Ints,
) -> None:
    """Write what is known of the instruments, and which of them were dropped."""
    stages = solved.instrumented
    assert stages is not None
    law = Law(problem.vcovs[0], prepared.meat, prepared.corrections[0], prepared.nobs, problem.alpha)
    second = (solved.treatment, solved.residual, solved.squares, solved.rss, solved.estimate)
    found = statistics(stages, second, solved.kept.sum(axis=0), prepared.basis.q, law)
    for name, values in found.items():
        own = unit if name in ("ar_low", "ar_high", "ar_gap_low", "ar_gap_high") else 1.0
        fits.extra[name][at] = np.where(ok, values * own, np.nan)
    columns = members.instruments_of(0)
    for m in np.flatnonzero(ok & ~stages.kept.all(axis=0)).tolist():
        fits.dropped[int(at[m])] = tuple(columns[~stages.kept[:, m]].tolist())


def _loading(solved: BasisRegressions, members: Members, controls: Ints) -> Ints:
    """Return the last control the treatment loads on: the one that would be dropped beside it."""
    size = np.abs(solved.on_controls) * solved.kept
    loads = size > 1e-6 * size.max(axis=0, initial=1e-300)
    own = len(controls)
    last = own - 1 - np.argmax(loads[::-1], axis=0) if own else np.zeros(len(members), np.int64)
    columns = np.append(members.controls, -1)
    found = np.minimum(members.start[:-1] + last, len(members.controls))
    return np.asarray(np.where(loads.any(axis=0), columns[found], members.treatment))


def _enter_errors(
    problem: Problem,
    prepared: PreparedBatch,
    solved: BasisRegressions,
    outcome: Ints,
    ok: Bools,
    unit: Floats,
    fits: Fits,
    at: Ints,
) -> None:
    """Write standard errors and what follows from them, for every vcov."""
    meat = prepared.meat
    scores = squared_scores(meat, prepared.basis.q, solved.treatment, solved.residual)
    squares = np.where(solved.squares > 0, solved.squares, np.nan)
    perfect = solved.rss < PERFECT * prepared.basis.within[outcome]
    k = solved.kept.sum(axis=0) + 1 + prepared.block
    for v, vcov in enumerate(problem.vcovs):
        correction, count = prepared.corrections[v], meat.n_clusters[v]
        factor = correction.factor(prepared.nobs, k, count)
        if vcov.kind == "iid":
            bare = solved.rss / squares
            positive = bare > 0
        else:
            total = np.sum([sign * scores[p] for sign, p in meat.parts[v]], axis=0)
            gross = np.sum([scores[p] for _, p in meat.parts[v]], axis=0)
            bare = total / squares**2
            positive = (total > NO_VARIANCE * squares * solved.rss) & (total > CANCELLED * gross)
        df = ssc.freedom(vcov.distribution, correction.t_df(prepared.nobs, k, count))
        few = np.full(len(at), vcov.kind == "cluster" and count < 2)
        note = np.select(
            [few, prepared.nobs <= correction.df_k(k), perfect, ~positive, np.isnan(factor)],
            [VcovCode.FEW_CLUSTERS, VcovCode.NO_DF, VcovCode.PERFECT_FIT, VcovCode.NOT_POSITIVE, VcovCode.UNCOUNTED],
            0,
        )
        usable = ok & (note == 0)
        fits.vcov_code[at, v] = np.where(ok, note, 0)
        fits.n_clusters[at, v] = count
        root = np.sqrt(np.where(usable, bare * factor, 0.0)) * np.abs(unit)
        fits.std_error[at, v] = np.where(usable, root, np.nan)
        fits.df[at, v] = np.where(usable, df, np.nan)
    _all_too_few(problem, ok, fits, at)


def _enter_near(
    members: Members,
    prepared: PreparedBatch,
    solved: BasisRegressions,
    columns: tuple[Ints, Ints],
    ok: Bools,
    fits: Fits,
    at: Ints,
) -> None:
    """Write of which column the others leave so little that single precision may have made it.

    A control is judged after those before it, by its own rounding. What rounding leaves of the treatment, D − Wγ,
    is that of D and γ times that of W; where a control is rounding itself its γ means nothing, and that of D is taken.
    """
    controls, treatment = columns
    rounding = prepared.basis.rounding
    of_controls = solved.kept & ok & (solved.pivots < NEAR**2 * rounding[controls])
    own = np.einsum("qm,qm->m", solved.on_controls**2, rounding[controls])
    own = np.where(of_controls.any(axis=0), 0.0, own) + rounding[treatment]
    if prepared.treatment >= 0:  # an average of dummies
        own[:] = 0.0
    left, noise = np.vstack([solved.own_squares, solved.pivots]), np.vstack([own, rounding[controls]])
    near = np.vstack([ok & (solved.own_squares < NEAR**2 * own), of_controls])
    for m in np.flatnonzero(near.any(axis=0)).tolist():
        times = np.sqrt(left[near[:, m], m] / noise[near[:, m], m])
        which = np.flatnonzero(near[:, m])
        k = 0 if near[0, m] else int(np.argmin(times))
        column = members.treatment[m] if which[k] == 0 else members.controls[members.start[m] + which[k] - 1]
        fits.near[int(at[m])] = int(column), float(times[k])


def _all_too_few(problem: Problem, ok: Bools, fits: Fits, at: Ints) -> None:
    """Fail the specifications that have too few clusters under every vcov."""
    failed = ok & (fits.vcov_code[at] == VcovCode.FEW_CLUSTERS).all(axis=1) & (len(problem.vcovs) > 0)
    fits.code[at[failed]] = Code.TOO_FEW_CLUSTERS
    fits.estimate[at[failed]] = np.nan


def _enter_dropped(members: Members, kept: Bools, fits: Fits) -> None:
    """Write dropped terms."""
    ok = fits.code == Code.OK
    owner, _ = _layout(members)
    for m in np.flatnonzero((np.bincount(owner[~kept], minlength=len(members)) > 0) & ok):
        mine = slice(members.start[m], members.start[m + 1])
        fits.dropped[int(m)] = (*members.controls[mine][~kept[mine]].tolist(), *fits.dropped.get(int(m), ()))


@dataclass(frozen=True, slots=True)
class BasisRegressions:
    """M regressions in the units of the basis; r its rank.

    Attributes
    ----------
    treatment, residual : (r, M), v_D and e: Q times these are the rows
    squares, rss : (M,), v_D·v_D and e·e
    estimate : (M,), β
    kept : (q, M) bool, controls in the regression
    on_controls : (q, M), coefficients of the treatment on the controls
    instrumented : the first stages where the treatment is instrumented: ``treatment`` is then what they fit of it,
        ``squares`` are its, and ``own_squares`` those of v_D
    own_squares : (M,)
    pivots : (q, M), squares of what the controls before it leave of a control
    """

    treatment: Floats
    residual: Floats
    squares: Floats
    rss: Floats
    estimate: Floats
    kept: Bools
    on_controls: Floats
    instrumented: FirstStages | None
    own_squares: Floats
    pivots: Floats


@dataclass(frozen=True, slots=True)
class _Triangles:
    """A unit lower triangle and pivots for each specification; 0 where a column was dropped."""

    lower: Floats
    inverse: Floats
    doubtful: Bools
    pivots: Floats

    def solve(self, right: Floats) -> Floats:
        """Solve A x = right for (q, t, M), overwriting it."""
        size = len(right)
        for j in range(size):
            right[j + 1 :] -= self.lower[j + 1 :, j, None] * right[j]
        right *= self.inverse[:, None]
        for j in range(size - 1, 0, -1):
            right[:j] -= self.lower[j, :j, None] * right[j]
        return right


NONE: Ints = np.zeros(0, np.int64)


def solve_chunk(
    basis: Basis, controls: Ints, treatment: Ints, outcome: Ints, instruments: Ints = NONE
) -> BasisRegressions:
    """Regress outcome[m] on treatment[m] and controls[:, m] for each m, by two-stage least squares where asked.

    Parameters
    ----------
    controls : (q, M) int64, columns of the basis in written order, its last where there is none
    treatment, outcome : (M,) int64
    instruments : (L,) int64, of the treatment in all of them
    """
    each = np.arange(len(treatment))
    targets = np.stack([treatment, outcome, *(np.full_like(treatment, z) for z in instruments.tolist())])
    which = np.arange(len(targets))[:, None]
    factor = _factorise(basis, controls)
    gamma = factor.solve(basis.gram[controls[:, None], targets])
    coefficients = np.zeros((basis.gram.shape[0], len(targets), len(each)))
    coefficients[controls[:, None], which, each] = -gamma
    coefficients[targets, which, each] += 1.0
    left = _times(basis.r, coefficients)
    correction = factor.solve(_times(basis.r.T, left)[controls[:, None], which, each])
    gamma += correction
    coefficients[controls[:, None], which, each] -= correction
    left = _times(basis.r, coefficients)
    kept = factor.inverse != 0
    for m in np.flatnonzero(factor.doubtful):
        kept[:, m], factor.pivots[:, m], gamma[:, 0, m], left[:, :, m] = _by_qr(basis, controls[:, m], targets[:, m])
    on_controls = np.ascontiguousarray(gamma[:, 0])
    if not len(instruments):
        return _regress(left, kept, on_controls, factor.pivots)
    stages = first_stages(basis, instruments, left)
    fitted, residual, squares, rss, estimate = second_stage(stages, left)
    return BasisRegressions(
        fitted, residual, squares, rss, estimate, kept, on_controls, stages, stages.squares, factor.pivots
    )


def _times(matrix: Floats, stacked: Floats) -> Floats:
    return np.asarray((matrix @ stacked.reshape(len(stacked), -1)).reshape(len(matrix), *stacked.shape[1:]))


def _regress(left: Floats, kept: Bools, on_controls: Floats, pivots: Floats) -> BasisRegressions:
    """Regress the outcome's part that the controls leave on the treatment's."""
    d, y = np.ascontiguousarray(left[:, 0]), left[:, 1]
    squares = np.einsum("rm,rm->m", d, d)
    safe = np.where(squares > 0, squares, 1.0)
    estimate = np.einsum("rm,rm->m", d, y) / safe
    residual = y - estimate * d
    slip = np.einsum("rm,rm->m", d, residual) / safe
    residual -= slip * d
    rss = np.einsum("rm,rm->m", residual, residual)
    return BasisRegressions(d, residual, squares, rss, estimate + slip, kept, on_controls, None, squares, pivots)


def _factorise(basis: Basis, controls: Ints) -> _Triangles:
    size = len(controls)
    system = basis.gram[controls[:, None], controls]
    least = basis.least[controls]
    known = basis.absorbed[controls]
    inverse, pivots = np.zeros(controls.shape), np.zeros(controls.shape)
    doubtful = np.zeros(controls.shape[1], dtype=bool)
    smallest = np.ones(controls.shape[1])
    for j in range(size):
        pivots[j] = pivot = system[j, j]
        lost = (pivot < 0.25 * least[j]) & (0.25 * least[j] * smallest > 8 * EPS) | known[j]
        doubtful |= ~lost & (pivot < DOUBTFUL)
        inverse[j] = np.where(lost, 0.0, 1.0 / np.where(pivot > 0, pivot, 1.0))
        smallest = np.where(lost, smallest, np.minimum(smallest, pivot))
        row = system[j, j + 1 :].copy()
        system[j + 1 :, j] *= inverse[j]
        system[j + 1 :, j + 1 :] -= system[j + 1 :, None, j] * row
    return _Triangles(system, inverse, doubtful, pivots)


def _by_qr(basis: Basis, controls: Ints, targets: Ints) -> tuple[Bools, Floats, Floats, Floats]:
    """Decide and solve one specification by QR of the columns themselves.

    Returns
    -------
    kept, pivots, on_controls : (q,), left : (r, targets)
    """
    kept, pivots = independent(basis, controls)
    here = np.flatnonzero(kept)
    coefficients, left = project_out(basis.r[:, controls[here]], basis.r[:, targets])
    on_controls = np.zeros(len(controls))
    on_controls[here] = coefficients[:, 0]
    return kept, pivots, on_controls, left
