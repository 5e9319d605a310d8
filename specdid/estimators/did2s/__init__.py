"""Gardner's (2021) two-stage difference in differences, with the standard errors of the R package did2s.

First stage: the outcome on fixed effects and controls, on the untreated rows only. Second
stage: what is left of the outcome, on the treatment, on all rows. The standard error is
that of the two stages as one GMM problem (Gardner 2021, section 4), without small-sample
correction, as in did2s. pyfixest's own version stops at always-treated units and at
levels with one untreated row, and this one does not.

Treated rows of units that are never seen untreated, and of periods in which nobody is, are
left out, as in did2s, and counted. Where the untreated rows leave open the counterfactual of
others, as under province-by-year effects where a whole province is treated, the average effect
on the treated is not identified, and there is none (Borusyak, Jaravel and Spiess 2024).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from specdid.estimators._base import Estimate, Estimator, Failure, Floats, Ints, Path, Program, Task
from specdid.estimators._influences import UNCOUNTED, errors_of, path_of
from specdid.estimators._pyfixest import Bools, Refusal, guarded, standardised
from specdid.estimators.did2s.programs import write_python, write_r, write_stata

TOLERANCE = 1e-14
ITERATIONS = 50_000
_NO_COUNTERFACTUAL = "not identified: the untreated rows leave the counterfactual open"
COLLINEAR = 1e-7
"""What is left of a control beside the others, as a share of it, below which it is a combination of them."""

NOT_TOLD_APART = (
    "`{label}` is, among the untreated rows, a combination of the fixed effects and the other controls, "
    "but not among the treated ones: their counterfactual is not identified"
)

NOBODY_UNTREATED = (
    "{rows} treated rows are in levels of `{label}` in which no row is untreated: nothing says what they would have "
    "been, and the average effect on the treated is not identified; leave them out of the sample, or take coarser "
    "effects"
)

PERFECT = 1e-11
"""Residuals in SDs of the outcome below which nothing is left but rounding."""


def _refuses(task: Task) -> Failure | None:
    try:
        imputable(task, task.treatment == 1)
    except Refusal as refused:
        return refused.failure
    return None


@guarded
def _fit(task: Task) -> Estimate | Failure:
    treated = task.treatment == 1
    keep = imputable(task, treated)
    used, dropped = without_collinear(task, treated, keep)
    estimate, influence = two_stage(used, treated, keep)
    errors = errors_of(task, influence[:, None], keep)
    return Estimate(
        estimate=estimate,
        std_error=errors.std_error,
        df=errors.df,
        n_clusters=errors.n_clusters,
        nobs=int(keep.sum()),
        dropped=dropped,
        keep=None if keep.all() else keep,
        reads=keep,
        extra=left_out(task, treated, keep),
        vcov_notes=errors.notes,
    )


def imputable(task: Task, treated: Bools) -> Bools:
    """Return the rows whose every fixed-effect level is seen untreated.

    Raises
    ------
    Refusal
        No treated row is, or one is not whose unit and period are seen untreated.
    """
    seen = [_seen_untreated(codes, treated) for codes in (*task.effects, *(c for c, _ in task.slopes))]
    keep: Bools = np.logical_and.reduce([np.ones(len(treated), bool), *seen])
    if not (keep & treated).any():
        raise Refusal("absorbed", "each treated row has a fixed effect that no untreated row shares")
    lost = treated & ~keep
    for codes in (task.unit, None if task.time is None else np.unique(task.time, return_inverse=True)[1]):
        if codes is not None:
            lost &= _seen_untreated(codes, treated)
    if lost.any():
        labels = [*task.effect_labels, *("slopes" for _ in task.slopes)]
        label = labels[next(k for k, s in enumerate(seen) if (lost & ~s).any())]
        raise Refusal("not_identified", NOBODY_UNTREATED.format(rows=f"{int(lost.sum()):,}", label=label))
    return keep


def _seen_untreated(codes: Ints, treated: Bools) -> Bools:
    """Mark the rows whose level has an untreated row."""
    return np.asarray((np.bincount(codes[~treated], minlength=int(codes.max()) + 1) > 0)[codes])


def left_out(task: Task, treated: Bools, keep: Bools) -> dict[str, float]:
    """Count the treated units and rows that are not in the average."""
    found = {"n_treated_rows_left_out": float(np.count_nonzero(treated & ~keep))}
    if task.unit is not None:
        units = np.setdiff1d(task.unit[treated], task.unit[treated & keep])
        found["n_treated_left_out"] = float(len(units))
    return found


def without_collinear(task: Task, treated: Bools, keep: Bools) -> tuple[Task, tuple[int, ...]]:
    """Leave out controls that the untreated rows cannot tell from the fixed effects and those before them.

    Such a control is left out where it is the same combination in the treated rows; where it is
    not, their counterfactual is not identified.
    """
    count = task.controls.shape[1]
    if not count:
        return task, ()
    weights = np.ones(len(keep)) if task.weights is None else task.weights / task.weights.mean()
    root, untreated = np.sqrt(weights), keep & ~treated
    effects = _design(replace(task, controls=task.controls[:, :0]))
    first = effects[untreated].multiply(root[untreated][:, None]).tocsr()
    basis, dropped = np.zeros((len(keep), 0)), []
    for j in range(count):
        column = standardised(task.controls[:, j])[0]
        rest = column - effects @ _least_squares(first, root[untreated] * column[untreated])
        for _ in range(2):  # once more, for what rounding left
            rest = rest - basis @ ((basis[untreated] * weights[untreated, None]).T @ rest[untreated])
        size = float(np.linalg.norm(root[untreated] * rest[untreated]))
        if size > COLLINEAR * max(float(np.linalg.norm(root[untreated] * column[untreated])), PERFECT):
            basis = np.column_stack([basis, rest / size])
        elif np.linalg.norm(rest[keep & treated]) > 10 * COLLINEAR * np.linalg.norm(column[keep & treated]):
            raise Refusal("not_identified", NOT_TOLD_APART.format(label=task.control_labels[j]))
        else:
            dropped.append(j)
    kept = [j for j in range(count) if j not in dropped]
    return replace(task, controls=task.controls[:, kept]), tuple(dropped)


def two_stage(task: Task, treated: Bools, keep: Bools) -> tuple[float, Floats]:
    """Return the ATT and each row's influence on it (n,), 0 outside ``keep``."""
    estimate, influence = second_stage(task, treated, keep, treated[:, None].astype(np.float64))
    if np.isnan(estimate[0]):
        raise Refusal("not_identified", _why_open(task, treated, keep))
    return float(estimate[0]), influence[:, 0]


def second_stage(task: Task, treated: Bools, keep: Bools, columns: Floats) -> tuple[Floats, Floats]:
    """Average what the first stage leaves over each of ``columns``, (n, m) of 0 and 1 without overlap.

    With h the shortest solution of X₀'h = X'Wd, the weights with which the untreated rows
    impute those of column d, a row's influence is d w (ũ − β) − h √w ũ, over Σ w d.

    Returns
    -------
    estimate : (m,), influence : (n, m), 0 outside ``keep``
        NaN where the untreated rows do not identify the counterfactual.
    """
    weights = np.ones(len(keep)) if task.weights is None else task.weights / task.weights.mean()
    root, untreated = np.sqrt(weights), keep & ~treated
    design = _design(task)
    first = design[untreated].multiply(root[untreated][:, None]).tocsr()
    outcome, unit = standardised(task.outcome)
    coefficients = _least_squares(first, root[untreated] * outcome[untreated])
    left = outcome - design @ coefficients
    left[untreated & (np.abs(left) < PERFECT)] = 0.0
    estimate, influence = np.zeros(columns.shape[1]), np.zeros(columns.shape)
    for k, column in enumerate(columns.T):
        share = weights * column * keep
        total = share.sum()
        estimate[k] = share @ left / total
        target = design.T @ share
        through = _least_squares(first.T.tocsr(), target)
        if np.linalg.norm(first.T @ through - target) > 1e-8 * np.linalg.norm(target):
            estimate[k], influence[:, k] = np.nan, np.nan
            continue
        apart = left - estimate[k]
        influence[:, k] = share * np.where(np.abs(apart) < PERFECT, 0.0, apart) / total
        influence[untreated, k] -= through * root[untreated] * left[untreated] / total
    return estimate * unit, influence * unit


def _why_open(task: Task, treated: Bools, keep: Bools) -> str:
    """Say why the untreated rows leave the counterfactual open."""
    needed = 1 + len(task.slopes)
    for codes, _ in task.slopes[:1]:
        rows = np.bincount(codes[~treated], minlength=int(codes.max()) + 1)
        few = int(np.count_nonzero(rows[np.unique(codes[treated & keep])] < needed))
        if few:
            return (
                f"the untreated rows do not identify the counterfactual: {few:,} level{'s' * (few > 1)} of the slopes "
                f"{'have' if few > 1 else 'has'} fewer than {needed} of them; leave what is treated there out of "
                "the sample"
            )
    return (
        "the untreated rows do not identify the counterfactual of the treated ones: leave out of the sample what no "
        "untreated row is comparable with, or take coarser effects"
    )


@guarded
def _path(task: Task, relative: Floats, periods: tuple[int, ...], reference: int) -> Path | Failure:
    """Average by relative period; leads are residuals of the first stage, against all untreated rows."""
    treated = task.treatment == 1
    keep = imputable(task, treated)
    task, _ = without_collinear(task, treated, keep)
    every = relative[:, None] == np.array(periods)
    columns = every & keep[:, None]
    seen = np.flatnonzero(columns.any(axis=0))
    if not len(seen):
        return Failure("no_treatment_variation", "no treated unit is seen in these periods")
    estimate, influence = second_stage(task, treated, keep, columns[:, seen].astype(np.float64))
    known = np.isfinite(estimate)
    if not known.any():
        return Failure("not_identified", _why_open(task, treated, keep))
    reasons = {periods[k]: _NO_COUNTERFACTUAL for k in np.flatnonzero(every.any(axis=0)) if k not in seen[known]}
    seen, estimate, influence = seen[known], estimate[known], influence[:, known]
    size = columns.sum(axis=0)[seen]
    found = path_of(task, tuple(periods[k] for k in seen), estimate, influence, keep, size)
    note = "leads of did2s are measured against all untreated rows, not against the reference period"
    return replace(found, left_out=reasons, note=note)


def _design(task: Task) -> Any:
    """Return the first stage's regressors, sparse (n, p): dummies, slopes, controls."""
    from scipy import sparse

    rows = np.arange(len(task.outcome))
    parts = [(codes, np.ones(len(rows))) for codes in task.effects] or [(0 * rows, np.ones(len(rows)))]
    parts += [(codes, standardised(values)[0]) for codes, values in task.slopes]
    blocks = [sparse.csr_array((values, (rows, codes))) for codes, values in parts]
    blocks += [sparse.csr_array(standardised(column)[0][:, None]) for column in task.controls.T]
    return sparse.hstack(blocks, format="csr")


def _least_squares(matrix: Any, target: Floats) -> Floats:
    """Return the shortest least-squares solution; columns are scaled, which leaves that of X₀'h alone."""
    from scipy.sparse.linalg import lsmr

    solution, stop, *_ = lsmr(matrix, target, atol=TOLERANCE, btol=TOLERANCE, conlim=0, maxiter=ITERATIONS)
    if stop == 7:
        raise Refusal("not_converged", "the first stage did not converge")
    return np.asarray(solution, dtype=np.float64)


ESTIMATOR = Estimator(
    name="did2s",
    title="Two-stage (Gardner)",
    estimand="average effect on the treated (imputation)",
    settings=(),
    honours=frozenset({"outcome", "treatment", "controls", "fixed_effects", "sample", "weights"}),
    effects="any",
    cohort=False,
    binary=True,
    absorbing=True,
    batched=False,
    vcovs=frozenset({"hetero", "cluster", "twoway"}),
    fit=_fit,
    doc="Fixed effects and controls are fitted on untreated rows; always-treated units are dropped.",
    path=_path,
    calendar=True,
    alone=lambda options: "controls and fixed effects belong to the first stage, on the untreated rows",
    ssc=UNCOUNTED,
    uncorrected=True,
    refuses=_refuses,
    columns=frozenset({"n_treated_left_out", "n_treated_rows_left_out"}),
    programs={
        "python": Program(write_python, ("from scipy import sparse", "import scipy.sparse.linalg")),
        "r": Program(write_r),
        "stata": Program(write_stata, numbered=True),
    },
)
