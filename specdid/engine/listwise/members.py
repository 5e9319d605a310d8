"""The listwise path as a whole: which members it takes, how they are gathered and cut, and their fits.

Members are gathered by rows, effects and weights; a gathering is prepared once and estimated in chunks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Floats, Ints
from specdid._hashing import Words
from specdid._records.fits import blank_fits
from specdid.engine import ssc
from specdid.engine.demean import places
from specdid.engine.listwise.grid import (
    EffectGrid,
    ListwiseSample,
    Scratch,
    complete_rows,
    drop_singletons,
    make_grid,
    make_sample,
)
from specdid.engine.listwise.moments import (
    Clusters,
    UnitValues,
    Variance,
    count_units,
    make_clusters,
    moments,
    partial_out,
    scores,
    unit_values,
    variance,
)
from specdid.engine.problem import Fits, Members, Problem, VcovCode
from specdid.engine.rows import masks_digest, other_arms, row_words, sample_rows

LARGEST_SECOND = 64
"""Levels of the second effect in one component that are still eliminated mask by mask."""
FULL_ENOUGH = 0.2
"""Least share of the grid that rows fill: the rest is arithmetic on nothing."""
PERFECT = 1e-10
"""Residual share of the outcome's variation below which `least_squares` decides on a perfect fit."""
CHUNK = 136
"""Masks at a time; not a power of two, at which a transposed copy uses a few lines of the cache: 5 times the time."""
CHUNK_CELLS = 2**23
"""Fewer where a mask over all rows is long: cells of one row array."""


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
        base = base_rows(problem, key)
        able[mine] = len(base) > 0 and _fits(lay_out(problem, base, key[1]), len(base))
    return able & (members.sunab < 0) & (members.instruments < 0)


def _fits(grid: EffectGrid, n: int) -> bool:
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
        for chunk in chunks(group, members):
            began = perf_counter()
            solved = solve(group, members, chunk, scratch)
            undecided[chunk] = solved.undecided
            _enter(fits, chunk, solved)
            fits.seconds[chunk] = (perf_counter() - began) / len(chunk)
    _infer(fits, problem.alpha)
    return fits, undecided


def _enter(fits: Fits, chunk: Ints, solved: ListwiseNumbers) -> None:
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
        fits.vcov_code[chunk, v] = np.where(positive, 0, VcovCode.NOT_POSITIVE)
        fits.n_clusters[chunk, v] = found.n_clusters
    fits.dropped.update({int(chunk[m]): lost for m, lost in solved.dropped.items()})
    fits.signature[chunk] = solved.rows_digest


def _infer(fits: Fits, alpha: float) -> None:
    """Add what follows from estimates and standard errors."""
    found = ssc.t_inference(fits.estimate[:, None], fits.std_error, fits.df, alpha)
    columns = (fits.statistic, fits.p_value, fits.conf_low, fits.conf_high)
    for column, values in zip(columns, found, strict=True):
        column[:] = values


@dataclass(frozen=True, slots=True)
class ChunkColumns:
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
class ListwiseNumbers:
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


def design(group: ListwiseGroup, members: Members, chunk: Ints) -> ChunkColumns:
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
    return ChunkColumns(columns, controls, place[treatment], place[outcome], needed, dropped, lost)


def solve(group: ListwiseGroup, members: Members, chunk: Ints, scratch: Scratch) -> ListwiseNumbers:
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
    return ListwiseNumbers(
        doubt,
        sums.estimate * ratio,
        tuple(replace(v, variance=v.variance * ratio**2) for v in variances),
        masks_digest(mask, group.row_words),
        nobs,
        group.n_sample - complete,
        _count_log0(group, what),
        n_singletons,
        _units(group, members, chunk, mask),
        _kish(sample, weighted, nobs),
        _outcome_mean(group, members, chunk, mask, nobs),
        r2_within,
        what.dropped,
    )


def _count_log0(group: ListwiseGroup, what: ChunkColumns) -> Ints:
    if group.log0 is None:
        return np.zeros(what.needed.shape[1], dtype=np.int64)
    return np.asarray((group.log0 @ what.needed > 0).sum(0), dtype=np.int64)


def _kish(sample: ListwiseSample, weighted: Floats, nobs: Ints) -> Floats:
    """Return Kish's effective number of rows, (Σw)² / Σw²."""
    if sample.weights is None:
        return nobs.astype(np.float64)
    squares = np.einsum("gm,gm->m", weighted, weighted)
    return np.asarray(weighted.sum(0) ** 2 / np.where(squares > 0, squares, np.nan))


def _outcome_mean(group: ListwiseGroup, members: Members, chunk: Ints, mask: Floats, nobs: Ints) -> Floats:
    outcome = np.searchsorted(group.used, members.outcome[chunk])
    columns, which = np.unique(outcome, return_inverse=True)
    sums = group.levels[:, columns].T @ mask
    return np.asarray(sums[which, np.arange(len(chunk))] / np.where(nobs > 0, nobs, 1))


def _units(group: ListwiseGroup, members: Members, chunk: Ints, mask: Floats) -> Ints:
    """Count units, treated, control and always treated ones: (4, M); -1 in a study without units."""
    found = np.full((4, len(chunk)), -1, dtype=np.int64)
    treatment = members.treatment[chunk]
    among = np.zeros(len(chunk), dtype=bool)
    if group.arms:
        among[:] = [len(other_arms(group.arms, members, s)) > 0 for s in chunk.tolist()]
    for (column, with_arms), values in group.units.items():
        here = np.flatnonzero((treatment == column) & (among == with_arms))
        if len(here):
            found[:, here] = count_units(values, mask if len(here) == len(chunk) else mask[:, here])
    return found


@dataclass(frozen=True, slots=True)
class ListwiseGroup:
    """Members with the same rows, fixed effects and weights.

    Attributes
    ----------
    members : (m,) positions, by outcome, treatment and number of controls
    base : (n,) rows of the panel on which nothing but a model's own variables can be missing
    used : (k,) columns of Problem.values, those of ``sample.columns``
    sample, clusters : prepared on the grid
    arms : those of the problem
    units : of each treatment, and whether with its other arms, its values within units (empty without units)
    log0 : (r, k + 1) float64 or None, 1 where a log of a non-positive value was taken
    n_sample : rows of the sample
    levels : (places, k) float64, columns in their own units, 0 where missing
    row_words : (places, 2) uint64, the rows' words, 0 where there is none
    """

    members: Ints
    base: Ints
    used: Ints
    sample: ListwiseSample
    clusters: tuple[Clusters, ...]
    arms: Mapping[int, tuple[int, ...]]
    units: dict[tuple[int, bool], UnitValues]
    log0: Floats | None
    n_sample: int
    levels: Floats
    row_words: Words


def group_keys(members: Members) -> list[tuple[tuple[int, int, int], Ints]]:
    """Gather positions by (rows, effects, weights), in the order of the keys."""
    keys = np.stack([members.rows, members.effects, members.weights], axis=1)
    distinct, which = np.unique(keys, axis=0, return_inverse=True)
    which = which.reshape(-1)
    return [((int(a), int(b), int(c)), np.flatnonzero(which == g)) for g, (a, b, c) in enumerate(distinct)]


def base_rows(problem: Problem, key: tuple[int, int, int]) -> Ints:
    """Find the rows of a sample on which the effects and weights are there."""
    rows, effects, weights = key
    return np.flatnonzero(sample_rows(problem, rows, effects, weights=weights))


def lay_out(problem: Problem, base: Ints, effects: int) -> EffectGrid:
    """Lay the base rows out by an option's fixed effects."""
    return make_grid(tuple(problem.codes[base, code] for code in problem.effects[effects].fixed), len(base))


def make_group(problem: Problem, members: Members, key: tuple[int, int, int], mine: Ints) -> ListwiseGroup:
    """Prepare a gathering of members, of which at least one row is left."""
    rows, effects, weights = key
    base = base_rows(problem, key)
    grid = lay_out(problem, base, effects)
    spans = [members.controls_of(s) for s in mine]
    extra = members.extra_rows[mine]
    alone = (members.outcome[mine], members.treatment[mine], extra[extra >= 0])
    used = np.unique(np.concatenate([*alone, *spans]))
    heavy = None if weights < 0 else problem.values[base, weights]
    values = problem.values[np.ix_(base, used)]
    sample = make_sample(values, grid, heavy)
    levels = np.zeros((grid.cells, len(used)))
    levels[grid.place] = np.where(np.isfinite(values), values, 0.0)
    clusters = tuple(make_clusters(v, tuple(problem.codes[base, c] for c in v.clusters), grid) for v in problem.vcovs)
    units = {}
    if problem.unit >= 0:
        unit = problem.codes[base, problem.unit]
        for column in np.unique(members.treatment[mine]):
            numbers = problem.values[base, column]
            units[int(column), False] = unit_values(unit, numbers, grid.place, grid.cells)
            if others := problem.arms.get(int(column)):
                taken = (problem.values[np.ix_(base, np.array(others))] != 0).any(axis=1)
                units[int(column), True] = unit_values(unit, numbers, grid.place, grid.cells, taken)
    counts = np.diff(members.start)[mine]
    order = np.lexsort((mine, counts, members.treatment[mine], members.outcome[mine]))
    hashed = np.zeros((grid.cells, 2), dtype=np.uint64)
    hashed[grid.place] = row_words(len(problem.values))[base]
    n_sample = int(problem.rows[rows].sum())
    return ListwiseGroup(
        mine[order],
        base,
        used,
        sample,
        clusters,
        problem.arms,
        units,
        _logs_of_nothing(problem, key, used),
        n_sample,
        levels,
        hashed,
    )


def _logs_of_nothing(problem: Problem, key: tuple[int, int, int], used: Ints) -> Floats | None:
    """Mark the logs of non-positive values on the sample's rows that have any: (r, k + 1)."""
    if problem.log0 is None:
        return None
    rows, _, weights = key
    marked = problem.log0[problem.rows[rows]]
    last = marked[:, weights] if weights >= 0 else np.zeros(len(marked), dtype=bool)
    here = np.column_stack([marked[:, used], last])
    here = here[here.any(1)]
    return here.astype(np.float64) if len(here) else None


def chunks(group: ListwiseGroup, members: Members) -> Iterator[Ints]:
    """Cut a group's members into runs small enough to hold a row array for each.

    A run that is half full ends with its outcome: the next one would add a column to all products.
    """
    size = max(1, min(CHUNK, CHUNK_CELLS // group.sample.grid.cells))
    ends = np.append(np.flatnonzero(np.diff(members.outcome[group.members])) + 1, len(group.members))
    start = 0
    while start < len(group.members):
        last = min(start + size, len(group.members))
        early = ends[(ends >= start + (size + 1) // 2) & (ends <= last)]
        stop = int(early[0]) if len(early) else last
        yield group.members[start:stop]
        start = stop
