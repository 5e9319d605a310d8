"""One regression of several groups with everything interacted: treatment, controls and fixed effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from specdid.analyses._cells import Cell
from specdid.analyses._coefficients import CellFit
from specdid.analyses._derive import derive, interact_effects
from specdid.analyses._fit import failed, record_fit
from specdid.engine.coefficient_table import fit_full
from specdid.engine.problem import Code, Floats, Ints, Members, Problem

Bools = NDArray[np.bool_]


def fit_interacted(cell: Cell, groups: Sequence[Bools]) -> CellFit:
    """Estimate the treatment's effect in every group at once.

    The groups' rows are stacked: a row that is in two groups stands there twice, and its
    cluster with it, so that a covariance by clusters holds where groups overlap.

    Parameters
    ----------
    groups : (n,) masks of rows of the panel, and-ed to the cell's sample.

    Returns
    -------
    CellFit
        The first ``len(groups)`` terms are the groups' effects, ``terms[k]`` of ``groups[k]``.
    """
    problem, one = derive(cell)
    parts = [np.flatnonzero(problem.rows[one.rows[0]] & group) for group in groups]
    code = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    stacked, members = _columns(_stack(problem, np.concatenate(parts)), one, code, len(parts))
    stacked, members = interact_effects(stacked, members, code)
    full = fit_full(stacked, members)
    effects = np.arange(len(parts)) + int(members.treatment[0])
    if full.code == Code.OK and full.columns[: len(parts)].tolist() != effects.tolist():
        why = "with everything interacted the groups' effects are not separately identified"
        return failed(cell, why, (), problem.alpha, len(problem.vcovs))
    return record_fit(cell, stacked, members, full)


def _stack(problem: Problem, rows: Ints) -> Problem:
    return replace(
        problem,
        values=np.asfortranarray(problem.values[rows]),
        codes=np.asfortranarray(problem.codes[rows]),
        rows=np.ones((1, len(rows)), dtype=bool),
        log0=None,
    )


def _columns(problem: Problem, one: Members, code: Ints, count: int) -> tuple[Problem, Members]:
    """Interact the treatment and every control with the group: one column each per group."""
    first, added, labels = problem.values.shape[1], [], []
    for column in (int(one.treatment[0]), *one.controls.tolist()):
        values: Floats = problem.values[:, column]
        for k in range(count):
            added.append(np.where(code == k, values, 0.0))
            labels.append(f"{problem.labels[column]} in group {k + 1}")
    values = np.asfortranarray(np.column_stack([problem.values, *added]))
    controls = np.arange(first + 1, first + len(added))
    none = np.full(1, -1, np.int64)
    members = replace(
        one,
        treatment=np.array([first]),
        controls=controls,
        start=np.array([0, len(controls)]),
        rows=np.zeros(1, np.int64),
        sunab=none,
    )
    return replace(problem, values=values, labels=(*problem.labels, *labels)), members
