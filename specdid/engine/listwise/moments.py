"""Second moments of many columns under many row masks at once, net of the fixed effects; regressions and variances.

The rows of treatment and residual, net of everything, are formed once and summed by cluster; units are counted
in the same way, so that each mask has its own cluster counts and nested effects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Bools, Floats, Ints
from specdid.engine import ssc
from specdid.engine.listwise.grid import (
    EffectGrid,
    ListwiseSample,
    Scratch,
    back_substitute,
    eliminate,
    first_sums,
    second_sums,
)
from specdid.engine.problem import Vcov

ROW_BLOCK = 2048
"""Rows multiplied pairwise at a time, so that the products stay in cache."""
TRUSTED = 1e-5
"""Least share of a column's variation that the earlier ones may leave: below, `least_squares` decides."""
UNABSORBED = 1e-6
"""The same before and after the effects, where cancellation costs the digits."""
COLLINEAR = 1e-8
"""The same of its variation before the effects: `least_squares` drops a column below a tenth of this."""
WITNESSES = 64
"""Pairs of rows tried before a mask's nesting is worked out on its rows."""

ROUNDING = 1e-10
"""Share of its parts below which a difference, or a sum of scores, is rounding and nothing else."""


@dataclass(frozen=True, slots=True)
class ListwiseMoments:
    """For k columns and M masks.

    Attributes
    ----------
    raw : (k, M), squares before the effects are taken out
    within : (k, k, M), products net of the effects
    first_inverse : (blocks, levels, M), one over the weight of each level of the first effect
    system, pivots : the second effect's triangle (b, b + k, blocks * M) and one over its pivots, or None
    doubtful : (M,) bool, masks whose second effect is hardly connected
    """

    raw: Floats
    within: Floats
    first_inverse: Floats
    system: Floats | None
    pivots: Floats | None
    doubtful: NDArray[np.bool_]

    @property
    def rank(self) -> Ints:
        """Return the rank of the effects' dummies under each mask, (M,)."""
        found = (self.first_inverse > 0).sum((0, 1))
        if self.pivots is None:
            return np.asarray(found)
        return np.asarray(found + (self.pivots > 0).reshape(-1, len(found)).sum(0))


def moments(grid: EffectGrid, columns: Floats, mask: Floats, scratch: Scratch) -> ListwiseMoments:
    """Compute the moments of ``columns`` (g, k) under ``mask`` (g, M), weights multiplied in."""
    n_masks, k = mask.shape[1], columns.shape[1]
    within = _products(columns, mask, scratch)
    raw = np.einsum("kkm->km", within).copy()
    by_mask = scratch.array("by mask", (n_masks, len(mask)))
    by_mask[:] = mask.T
    wide = _first_sums(grid, columns, by_mask, scratch)
    weight = first_sums(grid, mask)
    inverse = np.zeros_like(weight)
    np.divide(1.0, weight, out=inverse, where=weight > 0)
    wide *= np.sqrt(inverse).transpose(2, 0, 1)[..., None]
    within -= _squares(wide[..., -k:].reshape(n_masks, -1, k))
    if grid.n_effects < 2:
        return ListwiseMoments(raw, within, inverse, None, None, np.zeros(n_masks, dtype=bool))
    system, second = _second_system(grid, wide, columns, mask, scratch)
    pivots, doubtful = eliminate(system, second)
    _subtract_second(within, system, pivots, grid.n_blocks)
    doubt = np.asarray(doubtful.reshape(-1, n_masks).any(0))
    return ListwiseMoments(raw, within, inverse, system, pivots, doubt)


def _products(columns: Floats, mask: Floats, scratch: Scratch) -> Floats:
    """Sum pairwise products of columns under each mask: (k, k, M)."""
    k = columns.shape[1]
    left, right = np.triu_indices(k)
    total = np.zeros((len(left), mask.shape[1]))
    for start in range(0, len(columns), ROW_BLOCK):
        part = np.ascontiguousarray(columns[start : start + ROW_BLOCK].T)
        pairs = scratch.array("pairs", (len(left), part.shape[1]))
        place = 0
        for one in range(k):
            np.multiply(part[one], part[one:], out=pairs[place : place + k - one])
            place += k - one
        total += pairs @ mask[start : start + ROW_BLOCK]
    products = np.empty((k, k, mask.shape[1]))
    products[left, right] = total
    products[right, left] = total
    return products


def _first_sums(grid: EffectGrid, columns: Floats, by_mask: Floats, scratch: Scratch) -> Floats:
    """Sum columns by level of the first effect, after the weights of its cells where a second follows.

    Returns
    -------
    (M, blocks, levels, b + k), without the first b for one effect
    """
    n_masks, k = len(by_mask), columns.shape[1]
    b = grid.n_second if grid.n_effects == 2 else 0
    levels = grid.n_blocks * grid.n_first
    wide = scratch.array("by first", (n_masks, levels, b + k))
    if b:
        cells = by_mask.reshape(n_masks, levels, b, grid.n_slots)
        wide[..., :b] = cells[..., 0] if grid.n_slots == 1 else cells.sum(3)
    rows = by_mask.reshape(n_masks, levels, -1)
    sums = np.matmul(rows.transpose(1, 0, 2), columns.reshape(levels, -1, k))
    wide[..., b:] = sums.transpose(1, 0, 2)
    return wide.reshape(n_masks, grid.n_blocks, grid.n_first, b + k)


def _squares(wide: Floats) -> Floats:
    """Sum products over the middle axis of (M, rows, k): (k, k, M)."""
    products: Floats = np.matmul(wide.transpose(0, 2, 1), wide).transpose(1, 2, 0)
    return products


def _second_system(
    grid: EffectGrid, wide: Floats, columns: Floats, mask: Floats, scratch: Scratch
) -> tuple[Floats, Floats]:
    """Set up the second effect net of the first, with the columns as right-hand sides."""
    n_masks, k = mask.shape[1], columns.shape[1]
    n_blocks, b = grid.n_blocks, grid.n_second
    crossed = np.matmul(wide[..., :b].transpose(0, 1, 3, 2), wide)
    rows = mask.reshape(*grid.shape, n_masks).transpose(0, 2, 1, 3, 4).reshape(n_blocks, b, -1, n_masks)
    across = columns.reshape(*grid.shape, k).transpose(0, 2, 4, 1, 3).reshape(n_blocks, b, k, -1)
    by_second = np.matmul(across, rows)
    weight = second_sums(grid, mask).transpose(1, 0, 2)
    system = scratch.array("system", (b, b + k, n_blocks, n_masks))
    np.negative(crossed.transpose(2, 3, 1, 0), out=system)
    system[:, b:] += by_second.transpose(1, 2, 0, 3)
    steps = np.arange(b)
    system[steps, steps] += weight
    return system.reshape(b, b + k, -1), weight.reshape(b, -1)


def _subtract_second(within: Floats, system: Floats, pivots: Floats, n_blocks: int) -> None:
    """Take the eliminated second effect out of the products."""
    b, k, n_masks = len(pivots), len(within), within.shape[2]
    reduced = system[:, b:] * np.sqrt(pivots)[:, None]
    wide = np.ascontiguousarray(reduced.reshape(b, k, n_blocks, n_masks).transpose(3, 0, 2, 1))
    within -= _squares(wide.reshape(n_masks, -1, k))


@dataclass(frozen=True, slots=True)
class Partial:
    """Treatment and outcome net of the controls, for M specifications over k columns.

    Attributes
    ----------
    treatment, residual : (k, M), coefficients on the columns: Z @ treatment is the treatment
        net of the controls, Z @ residual the regression's residual
    estimate : (M,), in the columns' units
    doubtful : (M,) bool, too ill-conditioned for moments
    """

    treatment: Floats
    residual: Floats
    estimate: Floats
    doubtful: NDArray[np.bool_]


def partial_out(net: ListwiseMoments, share: Floats, controls: Ints, treatment: Ints, outcome: Ints) -> Partial:
    """Regress, for each mask m, outcome[m] on treatment[m] and controls[:, m].

    Parameters
    ----------
    net : moments of k columns under M masks
    share : (k,), part of the columns' variance that the effects leave
    controls : (c, M) int64, columns; k where a specification has fewer
    """
    given = np.vstack([controls, treatment, outcome])
    system = _gather(net.within, given)
    each = np.arange(given.shape[1])
    before = np.vstack([net.raw, np.ones(len(each))])[given, each]
    kept = np.append(np.maximum(share, np.finfo(float).tiny), 1.0)[given]
    left = np.einsum("qqm->qm", system).copy()
    doubtful = ~(left > UNABSORBED * before).all(0)
    doubtful |= _eliminate(system, np.maximum(TRUSTED * left, COLLINEAR * before / kept))
    estimate = np.where(doubtful, 0.0, system[-2, -1])
    gamma = _back(system)
    on_treatment, on_outcome = np.zeros((2, *given.shape))
    on_treatment[:-2], on_treatment[-2] = -gamma[:, 0], 1.0
    on_outcome[:-2], on_outcome[-2], on_outcome[-1] = estimate * gamma[:, 0] - gamma[:, 1], -estimate, 1.0
    net_of = np.zeros((2, len(net.raw) + 1, len(each)))
    net_of[0, given, each] = np.where(doubtful, 0.0, on_treatment)
    net_of[1, given, each] = np.where(doubtful, 0.0, on_outcome)
    return Partial(net_of[0, :-1], net_of[1, :-1], estimate, doubtful)


def _gather(within: Floats, given: Ints) -> Floats:
    """Pick each specification's own rows and columns; an absent control is a unit column of its own."""
    k, _, n_masks = within.shape
    padded = np.zeros((k + 1, k + 1, n_masks))
    padded[:k, :k] = within
    system = padded[given[:, None, :], given[None, :, :], np.arange(n_masks)]
    steps, masks = np.nonzero(given == k)
    system[steps, steps, masks] = 1.0
    return np.asarray(system)


def _eliminate(system: Floats, least: Floats) -> NDArray[np.bool_]:
    """Eliminate all but the outcome in place, rows divided by their pivots; tell where one is too small."""
    doubtful = np.zeros(system.shape[2], dtype=bool)
    for step in range(len(system) - 1):
        pivot = system[step, step]
        trusted = pivot > least[step]
        doubtful |= ~trusted
        factor = system[step, step + 1 :] / np.where(trusted, pivot, 1.0)
        system[step + 1 :, step + 1 :] -= factor[:, None] * system[step, None, step + 1 :]
        system[step, step + 1 :] = factor
    return doubtful


def _back(system: Floats) -> Floats:
    """Coefficients (controls, 2, M) of treatment and outcome on the controls, from the triangle."""
    size = len(system) - 2
    gamma = np.zeros((size, 2, system.shape[2]))
    for step in range(size - 1, -1, -1):
        gamma[step] = system[step, size:]
        if step + 1 < size:
            gamma[step] -= np.einsum("sm,scm->cm", system[step, step + 1 : size], gamma[step + 1 :])
    return gamma


@dataclass(frozen=True, slots=True)
class Clusters:
    """One vcov on the places of a grid: nothing for iid and hetero.

    Attributes
    ----------
    sums : sparse (clusters, places) of each variable, then of their pairs where there are two
    effects, codes : levels of the effects and of the cluster variables at each place
    always : (m,) bool
        Whether an effect is nested in the clusters under every mask.
    witnesses : for each effect and each variable (2, w)
        Places in one level and in different clusters: where both are in a mask, the effect
        is not nested in that variable.
    """

    vcov: Vcov
    sums: tuple[Any, ...]
    codes: tuple[Ints, ...]
    effects: tuple[Ints, ...]
    always: Bools
    witnesses: tuple[tuple[Ints, ...], ...]


@dataclass(frozen=True, slots=True)
class Variance:
    """Variance of M estimates over the sandwich's bread, degrees of freedom and clusters (-1: none)."""

    variance: Floats
    df: Floats
    n_clusters: Ints


def level_sums(codes: Ints, place: Ints, n_places: int) -> Any:
    """Make the matrix that sums places by level, for rows at ``place`` with ``codes`` from 0."""
    from scipy.sparse import csr_array

    size = int(codes.max(initial=-1)) + 1
    return csr_array((np.ones(len(codes)), (codes, place)), shape=(size, n_places))


def make_clusters(vcov: Vcov, clusters: tuple[Ints, ...], grid: EffectGrid) -> Clusters:
    """Prepare a vcov for rows on a grid; ``clusters`` are the codes (n,) of its variables."""
    levels = tuple(level[grid.place] for level in grid.levels())
    dense = tuple(np.unique(c, return_inverse=True)[1].astype(np.int64) for c in clusters)
    grouped = dense
    if len(dense) == 2:
        pairs = np.unique(dense[0] * (int(dense[1].max(initial=0)) + 1) + dense[1], return_inverse=True)[1]
        grouped = (*dense, pairs.astype(np.int64))
    sums = tuple(level_sums(codes, grid.place, grid.cells) for codes in grouped)
    always = np.array([ssc.is_nested(level, dense) for level in levels], dtype=bool)
    witnesses = tuple(tuple(grid.place[_witnesses(level, c)] for c in dense) for level in levels)
    return Clusters(vcov, sums, dense, levels, always, witnesses)


def _witnesses(level: Ints, cluster: Ints) -> Ints:
    """Find pairs of rows (2, w) of one level in different clusters, spread over the rows."""
    first = np.zeros(int(level.max(initial=0)) + 1, dtype=np.int64)
    first[level[::-1]] = np.arange(len(level))[::-1]
    other = np.flatnonzero(cluster != cluster[first[level]])
    chosen = other[np.linspace(0, len(other) - 1, min(WITNESSES, len(other))).astype(np.int64)]
    return np.stack([first[level[chosen]], chosen])


def variance(
    clusters: Clusters, place: Ints, sums: ListwiseScores, mask: Floats, nobs: Ints, k: Ints, levels: Ints, rank: Ints
) -> Variance:
    """Return the variance of M estimates, in units of the columns.

    Parameters
    ----------
    place : (n,), the grid's
    mask : (g, M)
    nobs, k : (M,), rows and coefficients
    levels : (m, M), levels of each effect that are left
    rank : (M,), of their dummies together
    """
    vcov, nested = clusters.vcov, None
    n_clusters = np.full(len(nobs), -1, dtype=np.int64)
    if vcov.kind == "iid":
        meat = sums.residual * sums.treatment
    elif vcov.kind == "hetero":
        meat = np.einsum("gm,gm->m", sums.score, sums.score)
    else:
        nested = _nested(clusters, place, mask)
        sizes = [(group @ mask > 0).sum(0) for group in clusters.sums[:2]]
        n_clusters = np.minimum.reduce(sizes).astype(np.int64)
        meat = _clustered(clusters, sums.score)
    # Scores can be zero row by row, as where the treated rows are fitted perfectly.
    meat = np.where(np.abs(meat) > ROUNDING**2 * sums.treatment * sums.residual, meat, np.nan)
    correction = _correction(vcov, levels, nested, rank)
    factor = correction.factor(nobs, k, n_clusters)
    bread = np.where(sums.treatment > 0, sums.treatment, np.nan) ** 2
    df = ssc.freedom(vcov.distribution, correction.t_df(nobs, k, n_clusters))
    return Variance(meat / bread * factor, df, n_clusters)


def _correction(vcov: Vcov, levels: Ints, nested: Bools | None, rank: Ints) -> ssc.Correction:
    """Count what at most two effects take under each mask; see `ssc.correction`."""
    counted = ssc.absorbed_parameters(levels, nested)
    inside = np.zeros(len(rank), dtype=bool) if nested is None else nested.any(axis=0)
    if vcov.ssc in ("lsdv", "areg"):
        counted = rank
    elif vcov.ssc == "reghdfe":  # effects beside a nested one have no other to be connected with
        counted = np.where(inside, counted, rank)
    return ssc.Correction(vcov.kind, vcov.ssc, counted, inside.astype(np.int64))


def _clustered(clusters: Clusters, score: Floats) -> Floats:
    """Sum squared scores by cluster, of two variables less their pairs; NaN where all is rounding."""
    by_cluster = [group @ score for group in clusters.sums]
    parts = [np.einsum("gm,gm->m", s, s) for s in by_cluster]
    meat = parts[0] if len(parts) == 1 else parts[0] + parts[1] - parts[2]
    rounding = ROUNDING * (sum(parts[1:], start=parts[0]) if len(parts) > 1 else 0.0)
    return np.asarray(np.where(np.abs(meat) > rounding, meat, np.nan))


def _nested(clusters: Clusters, place: Ints, mask: Floats) -> Bools:
    """Tell which effects are nested in the clusters under each mask: (m, M)."""
    nested = np.repeat(clusters.always[:, None], mask.shape[1], axis=1)
    for effect in np.flatnonzero(~clusters.always):
        refuted = np.ones(mask.shape[1], dtype=bool)
        for one, two in clusters.witnesses[effect]:
            refuted &= ((mask[one] > 0) & (mask[two] > 0)).any(0)
        for m in np.flatnonzero(~refuted):
            rows = mask[place, m] > 0
            inside = tuple(codes[rows] for codes in clusters.codes)
            nested[effect, m] = ssc.is_nested(clusters.effects[effect][rows], inside)
    return nested


@dataclass(frozen=True, slots=True)
class ListwiseScores:
    """What the rows of M regressions say.

    Attributes
    ----------
    score : (g, M), weight × treatment net of effects and controls × residual; 0 outside the mask
    treatment, residual : (M,), their (weighted) sums of squares
    estimate : (M,), refined on the rows
    """

    score: Floats
    treatment: Floats
    residual: Floats
    estimate: Floats


def scores(
    sample: ListwiseSample,
    columns: Floats,
    mask: Floats,
    weighted: Floats,
    net: ListwiseMoments,
    fit: Partial,
    scratch: Scratch,
) -> ListwiseScores:
    """Form treatment and residual on the rows and take the effects out of them.

    The rows do not inherit the moments' cancellation: an error in the coefficients enters
    the sums of squares and the estimate squared.

    Parameters
    ----------
    mask, weighted : (g, M) float64, the rows used, without and with the weights
    """
    d, e = scratch.array("treatment", mask.shape), scratch.array("residual", mask.shape)
    _net_rows(sample.grid, columns, weighted, net, (fit.treatment, fit.residual), (d, e))
    if sample.weights is None:
        d *= mask
        e *= mask
        residual, squares = _summed_products(e, e), _summed_products(d, d)
        score = np.multiply(d, e, out=e)
    else:
        spare = scratch.array("spare", mask.shape)
        residual = _summed_products(e, np.multiply(e, weighted, out=spare))
        score = np.multiply(d, spare, out=e)
        squares = _summed_products(d, np.multiply(d, weighted, out=spare))
    safe = np.where(squares > 0, squares, 1.0)
    return ListwiseScores(score, squares, residual, fit.estimate + score.sum(0) / safe)


def _net_rows(
    grid: EffectGrid,
    columns: Floats,
    weighted: Floats,
    net: ListwiseMoments,
    directions: tuple[Floats, Floats],
    out: tuple[Floats, Floats],
) -> None:
    """Form two sums of columns, (k, M), on the rows, net of the effects; rows outside the mask are arbitrary."""
    second = _second_effect(grid, net, directions) if net.system is not None else (None, None)
    for part, on_columns, effect in zip(out, directions, second, strict=True):
        np.matmul(columns, on_columns, out=part)
        if effect is not None:
            cells = part.reshape(*grid.shape, -1)
            cells -= effect[:, None, :, None]
        _take_first_out(grid, part, weighted, net.first_inverse)


def _take_first_out(grid: EffectGrid, part: Floats, weighted: Floats, inverse: Floats) -> None:
    """Subtract the weighted mean of each level of the first effect, in place; rows outside are arbitrary."""
    shape = grid.n_blocks, grid.n_first, grid.n_second * grid.n_slots, -1
    cells = part.reshape(shape)
    total = np.einsum("bfsm,bfsm->bfm", cells, weighted.reshape(shape))
    cells -= (total * inverse)[:, :, None]


def _summed_products(one: Floats, two: Floats) -> Floats:
    sums: Floats = np.einsum("gm,gm->m", one, two)
    return sums


def _second_effect(grid: EffectGrid, net: ListwiseMoments, directions: tuple[Floats, Floats]) -> Floats:
    """Coefficients of the second effect for two sums of columns: (2, blocks, levels, M)."""
    assert net.system is not None
    assert net.pivots is not None
    b, n_masks = len(net.pivots), directions[0].shape[1]
    reduced = net.system[:, b:].reshape(b, -1, grid.n_blocks, n_masks)
    right = np.empty((b, 2, grid.n_blocks, n_masks))
    for place, coefficients in enumerate(directions):
        np.einsum("bkcm,km->bcm", reduced, coefficients, out=right[:, place])
    solved = back_substitute(net.system, net.pivots, right.reshape(b, 2, -1))
    return np.ascontiguousarray(solved.reshape(b, 2, grid.n_blocks, n_masks).transpose(1, 2, 0, 3))


@dataclass(frozen=True, slots=True)
class UnitValues:
    """Distinct values of a treatment within units, on the places of a grid.

    ``pairs`` sums places by (unit, value), ``units`` and ``zeros`` sum pairs by unit: all
    of them, and those with value 0. ``arms`` sums places in other arms by unit, or is None.
    """

    pairs: Any
    units: Any
    zeros: Any
    arms: Any = None


def unit_values(unit: Ints, treatment: Floats, place: Ints, n_places: int, taken: Bools | None = None) -> UnitValues:
    """Prepare the counts for rows at ``place`` (NaN: the row is in no mask that needs the treatment).

    ``taken`` marks rows in other arms.
    """
    from scipy.sparse import csr_array

    codes = np.unique(unit, return_inverse=True)[1].astype(np.int64)
    values, which = np.unique(treatment, return_inverse=True)
    found, pair = np.unique(codes * len(values) + which, return_inverse=True)
    owner, value = np.divmod(found, len(values))
    shape = (int(codes.max(initial=-1)) + 1, len(found))
    units = csr_array((np.ones(len(found)), (owner, np.arange(len(found)))), shape=shape)
    zeros = csr_array(((values[value] == 0).astype(np.float64), (owner, np.arange(len(found)))), shape=shape)
    arms = None
    if taken is not None:
        entries = (taken.astype(np.float64), (codes, place))
        arms = csr_array(entries, shape=(shape[0], n_places))
    return UnitValues(level_sums(pair.astype(np.int64), place, n_places), units, zeros, arms)


def count_units(values: UnitValues, mask: Floats) -> Ints:
    """Count units, and those whose treatment varies, is always zero, or always one other value: (4, M)."""
    present = (values.pairs @ mask > 0).astype(np.float64)
    distinct = values.units @ present
    zero = values.zeros @ present > 0
    once = distinct == 1
    never = once & zero if values.arms is None else once & zero & ~(values.arms @ mask > 0)
    kinds = (distinct > 0, distinct > 1, never, once & ~zero)
    return np.array([kind.sum(0) for kind in kinds], dtype=np.int64)
