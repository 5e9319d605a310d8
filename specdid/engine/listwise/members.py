"""The listwise path as a whole: which members it takes, and their fits."""

from __future__ import annotations

from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from specdid.engine import ssc
from specdid.engine.blocks import blank_fits
from specdid.engine.dense import NOT_POSITIVE
from specdid.engine.effect_components import Grid
from specdid.engine.listwise.chunk import Solved, solve
from specdid.engine.listwise.groups import base_rows, chunks, group_keys, lay_out, make_group
from specdid.engine.listwise.scratch import Scratch
from specdid.engine.problem import Fits, Ints, Members, Problem

LARGEST_SECOND = 64
"""Levels of the second effect in one component that are still eliminated mask by mask."""
FULL_ENOUGH = 0.2
"""Least share of the grid that rows fill: the rest is arithmetic on nothing."""


def supports(problem: Problem, members: Members) -> NDArray[np.bool_]:
    """Tell which members this path can take: up to two effects without slopes, that fit a grid.

    Parameters
    ----------
    problem, members : a study's columns and its least-squares specifications

    Returns
    -------
    (S,) bool
    """
    able = np.zeros(len(members), dtype=bool)
    for key, mine in group_keys(members):
        effects = problem.effects[key[1]]
        if effects.slopes or len(effects.fixed) > 2:
            continue
        base = base_rows(problem, *key)
        able[mine] = len(base) > 0 and _fits(lay_out(problem, base, key[1]), len(base))
    return able & (members.sunab < 0)


def _fits(grid: Grid, n: int) -> bool:
    small = grid.n_effects < 2 or grid.n_second <= LARGEST_SECOND
    return small and n >= FULL_ENOUGH * grid.cells


def fit(problem: Problem, members: Members) -> tuple[Fits, NDArray[np.bool_]]:
    """Estimate members that `supports` takes, each on its own complete rows.

    The masks of a chunk of members are columns of a matrix: second moments under all of
    them are products with it, the fixed effects are taken out of the moments, and the
    rows are formed once more for the scores. Chunks depend on ``members`` alone.

    Returns
    -------
    fits : all members, in their order; in place of signatures, the digests of their rows
    undecided : (S,) bool
        True where the numbers are not to be used: a failure whose reason, or a
        near-collinearity whose digits, need the columns themselves.
    """
    fits = blank_fits(members.index, len(problem.vcovs))
    undecided = np.ones(len(members), dtype=bool)
    for key, mine in group_keys(members):
        group = make_group(problem, members, key, mine)
        scratch = Scratch()
        for chunk in chunks(group):
            began = perf_counter()
            solved = solve(group, members, chunk, scratch)
            undecided[chunk] = solved.undecided
            _enter(fits, chunk, solved)
            fits.seconds[chunk] = (perf_counter() - began) / len(chunk)
    _infer(fits, problem.alpha)
    return fits, undecided


def _enter(fits: Fits, chunk: Ints, solved: Solved) -> None:
    """Put a chunk's numbers into their places."""
    for name in ("estimate", "nobs", "n_missing", "n_log0", "n_singletons", "n_eff", "y_mean", "r2_within"):
        getattr(fits, name)[chunk] = getattr(solved, name)
    columns = (fits.n_units, fits.n_treated, fits.n_control, fits.n_always_treated)
    for column, values in zip(columns, solved.units, strict=True):
        column[chunk] = values
    for v, found in enumerate(solved.variances):
        positive = found.variance > 0
        fits.std_error[chunk, v] = np.sqrt(np.where(positive, found.variance, np.nan))
        fits.df[chunk, v] = np.where(positive, found.df, np.nan)
        fits.vcov_code[chunk, v] = np.where(positive, 0, NOT_POSITIVE)
        fits.n_clusters[chunk, v] = found.n_clusters
    fits.dropped.update({int(chunk[m]): lost for m, lost in solved.dropped.items()})
    fits.signature[chunk] = solved.rows_digest


def _infer(fits: Fits, alpha: float) -> None:
    """Add what follows from estimates and standard errors."""
    found = ssc.t_inference(fits.estimate[:, None], fits.std_error, fits.df, alpha)
    columns = (fits.statistic, fits.p_value, fits.conf_low, fits.conf_high)
    for column, values in zip(columns, found, strict=True):
        column[:] = values
