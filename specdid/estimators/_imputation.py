"""What imputing the untreated outcomes of treated rows rests on: fixed effects and controls of the untreated rows.

Gardner (2021) and Borusyak, Jaravel and Spiess (2024) share the estimate, and which rows have one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid.estimators._base import Task
from specdid.estimators._pyfixest import Refusal, refusal, standardised

TOLERANCE = 1e-14
ITERATIONS = 50_000
NO_COUNTERFACTUAL = "not identified: the untreated rows leave the counterfactual open"
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


refuses = refusal(lambda task: imputable(task, task.treatment == 1))
"""Say why nothing can be imputed, None where something can."""


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
    effects = first_stage(replace(task, controls=task.controls[:, :0]))
    first = effects[untreated].multiply(root[untreated][:, None]).tocsr()
    basis, dropped = np.zeros((len(keep), 0)), []
    for j in range(count):
        column = standardised(task.controls[:, j])[0]
        rest = column - effects @ least_squares(first, root[untreated] * column[untreated])
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


@dataclass(frozen=True, slots=True)
class Imputed:
    """Averages of what the first stage leaves, and how they come about.

    Attributes
    ----------
    estimate : (m,), NaN where the untreated rows do not identify the counterfactual
    left : (n,) outcomes less the fitted ones, in units of ``unit``, as ``estimate``
    share : (n, m) weights of the treated rows; ``total`` (m,) their sums
    through : (n, m) weights with which the untreated rows impute the treated ones, before division by ``total``
    """

    estimate: Floats
    left: Floats
    share: Floats
    total: Floats
    through: Floats
    unit: float


def impute(task: Task, treated: Bools, keep: Bools, columns: Floats) -> Imputed:
    """Average what the first stage leaves over each of ``columns``, (n, m) of 0 and 1 without overlap.

    The weights of the untreated rows are √w h with h the shortest solution of X₀'h = X'Wd, those with which
    they impute the rows of column d.
    """
    weights = np.ones(len(keep)) if task.weights is None else task.weights / task.weights.mean()
    root, untreated = np.sqrt(weights), keep & ~treated
    design = first_stage(task)
    first = design[untreated].multiply(root[untreated][:, None]).tocsr()
    outcome, unit = standardised(task.outcome)
    coefficients = least_squares(first, root[untreated] * outcome[untreated])
    left = outcome - design @ coefficients
    left[untreated & (np.abs(left) < PERFECT)] = 0.0
    m = columns.shape[1]
    estimate, share, total, through = np.zeros(m), np.zeros(columns.shape), np.zeros(m), np.zeros(columns.shape)
    for k, column in enumerate(columns.T):
        share[:, k] = weights * column * keep
        total[k] = share[:, k].sum()
        estimate[k] = share[:, k] @ left / total[k]
        target = design.T @ share[:, k]
        solution = least_squares(first.T.tocsr(), target)
        through[untreated, k] = solution * root[untreated]
        if np.linalg.norm(first.T @ solution - target) > 1e-8 * np.linalg.norm(target):
            estimate[k] = np.nan
    return Imputed(estimate, left, share, total, through, unit)


def why_open(task: Task, treated: Bools, keep: Bools) -> str:
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


def first_stage(task: Task) -> Any:
    """Return the first stage's regressors, sparse (n, p): dummies, slopes, controls."""
    from scipy import sparse

    rows = np.arange(len(task.outcome))
    parts = [(codes, np.ones(len(rows))) for codes in task.effects] or [(0 * rows, np.ones(len(rows)))]
    parts += [(codes, standardised(values)[0]) for codes, values in task.slopes]
    blocks = [sparse.csr_array((values, (rows, codes))) for codes, values in parts]
    blocks += [sparse.csr_array(standardised(column)[0][:, None]) for column in task.controls.T]
    return sparse.hstack(blocks, format="csr")


def least_squares(matrix: Any, target: Floats) -> Floats:
    """Return the shortest least-squares solution; columns are scaled, which leaves that of X₀'h alone."""
    from scipy.sparse.linalg import lsmr

    solution, stop, *_ = lsmr(matrix, target, atol=TOLERANCE, btol=TOLERANCE, conlim=0, maxiter=ITERATIONS)
    if stop == 7:
        raise Refusal("not_converged", "the first stage did not converge")
    return np.asarray(solution, dtype=np.float64)
