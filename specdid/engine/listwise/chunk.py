"""One chunk of members of a group: from their columns to their numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specdid.engine.effect_components import places
from specdid.engine.listwise.counts import count_units
from specdid.engine.listwise.groups import Group
from specdid.engine.listwise.masks import complete_rows, drop_singletons
from specdid.engine.listwise.moments import moments
from specdid.engine.listwise.sample import Sample
from specdid.engine.listwise.scores import scores
from specdid.engine.listwise.scratch import Scratch
from specdid.engine.listwise.solve import partial_out
from specdid.engine.listwise.vcov import Variance, variance
from specdid.engine.model_identity import Words, masks_digest
from specdid.engine.problem import Floats, Ints, Members

PERFECT = 1e-10
"""Residual share of the outcome's variation below which the dense path decides on a perfect fit."""


@dataclass(frozen=True, slots=True)
class Design:
    """Which of a group's columns M specifications use.

    Attributes
    ----------
    columns : (c,) columns of the group's sample that some specification regresses on or explains
    controls : (q, M) int64, places in ``columns``, ``c`` where a specification has fewer
    treatment, outcome : (M,) int64, places in ``columns``
    needed : (k + 1, M) float64, 1 for each column that has to be there, dropped ones too
    dropped : specification -> columns of Problem.values that the effects absorb
    absorbed : (M,) bool, the effects absorb the treatment or the outcome
    """

    columns: Ints
    controls: Ints
    treatment: Ints
    outcome: Ints
    needed: Floats
    dropped: dict[int, tuple[int, ...]]
    absorbed: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Solved:
    """Numbers of M specifications; ``undecided`` ones mean nothing."""

    undecided: NDArray[np.bool_]
    estimate: Floats
    variances: tuple[Variance, ...]
    rows_digest: Words
    nobs: Ints
    n_missing: Ints
    n_log0: Ints
    n_singletons: Ints
    units: Ints
    n_eff: Floats
    y_mean: Floats
    r2_within: Floats
    dropped: dict[int, tuple[int, ...]]


def design(group: Group, members: Members, chunk: Ints) -> Design:
    """Translate members' columns into places."""
    absorbed, n = group.sample.absorbed, len(chunk)
    mine, each = members.take(chunk), np.arange(n)
    treatment, outcome = (np.searchsorted(group.used, c) for c in (mine.treatment, mine.outcome))
    placed, owner = np.searchsorted(group.used, mine.controls), np.repeat(each, np.diff(mine.start))
    needed = np.zeros((len(group.used) + 1, n))
    needed[-1] = needed[treatment, each] = needed[outcome, each] = needed[placed, owner] = 1.0
    extra = mine.extra_rows >= 0
    needed[np.searchsorted(group.used, mine.extra_rows[extra]), each[extra]] = 1.0
    dropped: dict[int, tuple[int, ...]] = {}
    for control, m in zip(mine.controls[absorbed[placed]], owner[absorbed[placed]], strict=True):
        dropped[int(m)] = (*dropped.get(int(m), ()), int(control))
    placed, owner = placed[~absorbed[placed]], owner[~absorbed[placed]]
    columns = np.unique(np.concatenate([treatment, outcome, placed]))
    place = np.zeros(len(group.used), dtype=np.int64)
    place[columns] = np.arange(len(columns))
    controls = np.full((int(np.bincount(owner, minlength=1).max()), n), len(columns))
    controls[places(owner), owner] = place[placed]
    lost = absorbed[treatment] | absorbed[outcome]
    return Design(columns, controls, place[treatment], place[outcome], needed, dropped, lost)


def solve(group: Group, members: Members, chunk: Ints, scratch: Scratch) -> Solved:
    """Estimate the members of a chunk."""
    sample, grid = group.sample, group.sample.grid
    what = design(group, members, chunk)
    mask = complete_rows(sample, what.needed, scratch)
    complete = mask.sum(0).astype(np.int64)
    counts, n_singletons = drop_singletons(grid, mask)
    nobs = complete - n_singletons
    weighted = mask
    if sample.weights is not None:
        weighted = np.multiply(mask, sample.weights, out=scratch.array("weighted", mask.shape))
    columns = np.ascontiguousarray(sample.columns[:, what.columns])
    net = moments(grid, columns, weighted, scratch)
    fit = partial_out(net, sample.share[what.columns], what.controls, what.treatment, what.outcome)
    sums = scores(sample, columns, mask, weighted, net, fit, scratch)
    k = (what.controls < len(what.columns)).sum(0) + 1 + (grid.n_effects == 0)
    levels = np.array([(c > 0).sum((0, 1)) for c in counts], dtype=np.int64).reshape(len(counts), len(chunk))
    asked = grid.n_effects and any(v.vcov.ssc in ("areg", "lsdv", "reghdfe") for v in group.clusters)
    rank = net.rank if asked else np.zeros(len(chunk), dtype=np.int64)
    variances = tuple(variance(v, grid.place, sums, mask, nobs, k, levels, rank) for v in group.clusters)
    each = np.arange(len(chunk))
    total = net.within[what.outcome, what.outcome, each]
    doubt = net.doubtful | fit.doubtful | what.absorbed | ~(sums.residual > PERFECT * total)
    doubt |= np.logical_or.reduce([~np.isfinite(v.variance) for v in variances])
    scale = sample.scale[what.columns]
    ratio = scale[what.outcome] / scale[what.treatment]
    explained = 1.0 - sums.residual / np.where(total > 0, total, np.nan)
    r2_within = explained if grid.n_effects else np.full(len(chunk), np.nan)
    return Solved(
        doubt,
        sums.estimate * ratio,
        tuple(_in_units(v, ratio) for v in variances),
        masks_digest(mask, group.row_words),
        nobs,
        group.n_sample - complete,
        _log0(group, what),
        n_singletons,
        _units(group, members, chunk, mask),
        _kish(sample, weighted, nobs),
        _outcome_mean(group, members, chunk, mask, nobs),
        r2_within,
        what.dropped,
    )


def _in_units(v: Variance, ratio: Floats) -> Variance:
    return Variance(v.variance * ratio**2, v.df, v.n_clusters)


def _log0(group: Group, what: Design) -> Ints:
    if group.log0 is None:
        return np.zeros(what.needed.shape[1], dtype=np.int64)
    return np.asarray((group.log0 @ what.needed > 0).sum(0), dtype=np.int64)


def _kish(sample: Sample, weighted: Floats, nobs: Ints) -> Floats:
    """Return Kish's effective number of rows, (Σw)² / Σw²."""
    if sample.weights is None:
        return nobs.astype(np.float64)
    squares = np.einsum("gm,gm->m", weighted, weighted)
    return np.asarray(weighted.sum(0) ** 2 / np.where(squares > 0, squares, np.nan))


def _outcome_mean(group: Group, members: Members, chunk: Ints, mask: Floats, nobs: Ints) -> Floats:
    outcome = np.searchsorted(group.used, members.outcome[chunk])
    columns, which = np.unique(outcome, return_inverse=True)
    sums = group.levels[:, columns].T @ mask
    return np.asarray(sums[which, np.arange(len(chunk))] / np.where(nobs > 0, nobs, 1))


def _units(group: Group, members: Members, chunk: Ints, mask: Floats) -> Ints:
    """Count units, treated, control and always treated ones: (4, M); -1 in a study without units."""
    found = np.full((4, len(chunk)), -1, dtype=np.int64)
    treatment = members.treatment[chunk]
    for column, values in group.units.items():
        here = np.flatnonzero(treatment == column)
        if len(here):
            found[:, here] = count_units(values, mask if len(here) == len(chunk) else mask[:, here])
    return found
