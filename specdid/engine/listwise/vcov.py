"""Variances of many estimates at once, with each mask's own cluster counts and nested effects.

The rows of treatment and residual, net of everything, are formed once and summed by cluster; units are counted
in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from specdid.engine import ssc
from specdid.engine.listwise.grid import EffectGrid, ListwiseSample, Scratch, back_substitute, first_sums
from specdid.engine.listwise.moments import ListwiseMoments, Partial
from specdid.engine.problem import Bools, Floats, Ints, Vcov

WITNESSES = 64
"""Pairs of rows tried before a mask's nesting is worked out on its rows."""

ROUNDING = 1e-10
"""Share of its parts below which a difference, or a sum of scores, is rounding and nothing else."""


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
    bread = np.where(sums.treatment > 0, sums.treatment, np.nan) ** 2
    df = ssc.freedom(vcov.distribution, correction.t_df(nobs, k, n_clusters))
    return Variance(meat / bread * correction.factor(nobs, k, n_clusters), df, n_clusters)


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
    spare = scratch.array("spare", mask.shape)
    second = _second_effect(sample.grid, net, fit) if net.system is not None else (None, None)
    for part, on_columns, effect in zip((d, e), (fit.treatment, fit.residual), second, strict=True):
        np.matmul(columns, on_columns, out=part)
        if effect is not None:
            cells = part.reshape(*sample.grid.shape, -1)
            cells -= effect[:, None, :, None]
        _take_first_out(sample.grid, part, weighted, net.first_inverse, spare)
    if sample.weights is None:
        d *= mask
        residual = _squares(e, np.multiply(e, mask, out=spare))
        squares, score = _squares(d, d), np.multiply(d, e, out=e)
    else:
        residual = _squares(e, np.multiply(e, weighted, out=spare))
        score = np.multiply(d, spare, out=e)
        squares = _squares(d, np.multiply(d, weighted, out=spare))
    safe = np.where(squares > 0, squares, 1.0)
    return ListwiseScores(score, squares, residual, fit.estimate + score.sum(0) / safe)


def _take_first_out(grid: EffectGrid, part: Floats, weighted: Floats, inverse: Floats, spare: Floats) -> None:
    """Subtract the weighted mean of each level of the first effect, in place; rows outside are arbitrary."""
    total = first_sums(grid, np.multiply(part, weighted, out=spare))
    cells = part.reshape(grid.n_blocks, grid.n_first, grid.n_second * grid.n_slots, -1)
    cells -= (total * inverse)[:, :, None]


def _squares(one: Floats, two: Floats) -> Floats:
    sums: Floats = np.einsum("gm,gm->m", one, two)
    return sums


def _second_effect(grid: EffectGrid, net: ListwiseMoments, fit: Partial) -> Floats:
    """Coefficients of the second effect for the treatment and the residual: (2, blocks, levels, M)."""
    assert net.system is not None
    assert net.pivots is not None
    b, n_masks = len(net.pivots), len(fit.estimate)
    reduced = net.system[:, b:].reshape(b, -1, grid.n_blocks, n_masks)
    right = np.empty((b, 2, grid.n_blocks, n_masks))
    for place, coefficients in enumerate((fit.treatment, fit.residual)):
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
