"""Effects that are not nested in the cluster: their levels, the clusters these connect, and taking them out.

Their dummies are laid out by the sets of clusters that they connect.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from specdid._arrays import Floats, Ints
from specdid.engine import ssc
from specdid.engine.demean import Absorber, components, demean, places, runs, subtract_means

SPLIT = 64
"""Levels below which components are not looked for: taking several as one is as right."""
PASSES = 4
"""Solutions after which a dummy regression that has not settled is left to the demeaner."""
NOTHING = 1e-10
"""Share of the largest eigenvalue below which one is a dependence."""
SETTLED = 1e-12
"""Largest coefficient of the last pass, in SDs of the columns."""


@dataclass(frozen=True, slots=True)
class Net:
    """Dummies of the carried effects, by connected component; all padded to the same size.

    Attributes
    ----------
    levels : for each effect its (n,) levels, numbered over all effects from 0.
    of_cluster, cluster_place : (G,) component of each cluster, and its place in it.
    of_level, level_place : the same of each level.
    clusters_in, levels_in : (C,) sizes.
    inverse : (C, L, L) float64
        Pseudo-inverse of the dummies' cross product after the nested effects.
    """

    levels: tuple[Ints, ...]
    of_cluster: Ints
    cluster_place: Ints
    clusters_in: Ints
    of_level: Ints
    level_place: Ints
    levels_in: Ints
    inverse: Floats


def connect(
    clusters: Ints,
    n_clusters: int,
    levels: Sequence[Ints],
    n_levels: int,
    crossed: Callable[[Ints, Ints, int], Floats],
) -> Net:
    """Find the components and invert their dummies' cross products.

    ``crossed`` maps (component of rows, place of levels in it, C) to (C, L, L) cross products
    after the nested effects, padded with zeros.
    """
    if n_levels < SPLIT:
        of_cluster, of_level = np.zeros(n_clusters, np.int64), np.zeros(n_levels, np.int64)
    else:
        of_cluster, of_level = components(clusters, n_clusters, levels, n_levels)
    count = int(max(of_cluster.max(), of_level.max())) + 1
    cluster_place, clusters_in = _within(of_cluster, count)
    level_place, levels_in = _within(of_level, count)
    inverse = _inverse(crossed(of_cluster[clusters], level_place, count), levels_in)
    return Net(tuple(levels), of_cluster, cluster_place, clusters_in, of_level, level_place, levels_in, inverse)


def _within(component: Ints, count: int) -> tuple[Ints, Ints]:
    """Return places within components, and the size of each."""
    if count == 1:
        return np.arange(len(component)), np.array([len(component)])
    return places(component), np.bincount(component, minlength=count)


def take_out(columns: Floats, net: Net, inner: Sequence[Ints]) -> bool:
    """Take at most one nested effect and the carried ones out of unweighted (n, K) columns, in place.

    M x - M F a with (F'MF) a = F'Mx, where M takes out the nested effect and F are the dummies;
    again for what rounding left. Says whether that settled: the columns are then at their residuals.
    """
    size = net.inverse.shape[1]
    cells = [(net.of_level * size + net.level_place)[level] for level in net.levels]
    width, count = columns.shape[1], len(net.inverse) * size
    dummies = _dummies(cells, count) if count < SPLIT else None
    known = [runs(effect) for effect in inner]
    for _ in range(PASSES):
        for effect, ordered in zip(inner, known, strict=True):
            subtract_means(columns, effect, None, ordered)
        sums = _summed(columns, cells, count) if dummies is None else columns.T @ dummies
        solution = net.inverse @ sums.reshape(width, -1, size).transpose(1, 2, 0)
        if np.abs(solution).max(initial=0.0) <= SETTLED:
            return True
        flat = np.ascontiguousarray(solution.reshape(-1, width).T)
        if dummies is not None:
            columns -= (flat @ dummies.T).T
            continue
        for cell in cells:
            for k in range(width):
                columns[:, k] -= flat[k][cell]
    return False


def _dummies(cells: list[Ints], count: int) -> Floats:
    """Return how often a row has each level, (n, L)."""
    dummies = np.zeros((len(cells[0]), count), order="F")
    for cell in cells:
        dummies[np.arange(len(cell)), cell] += 1.0
    return dummies


def _summed(columns: Floats, cells: list[Ints], count: int) -> Floats:
    """Sum columns by level, (K, L)."""
    sums = np.zeros((columns.shape[1], count))
    for cell in cells:
        for k in range(len(sums)):
            sums[k] += np.bincount(cell, columns[:, k], count)
    return sums


def carried_levels(effects: list[Ints], nested: list[bool], plain: bool, n: int) -> tuple[list[Ints], int]:
    """Return numbers to the levels of the effects not nested in the cluster, over all of them from 0.

    Without any effect the intercept is what is carried. An effect that another carried
    one is finer than adds nothing.
    """
    carried = [e for e, inside in zip(effects, nested, strict=True) if not inside]
    if plain:
        carried = [np.zeros(n, np.int64)]
    levels, total = [], 0
    for effect in finest(carried):
        levels.append(effect + total)
        total += int(effect.max()) + 1
    return levels, total


def cross_products(
    levels: list[Ints],
    inner: list[Ints],
    slopes: list[tuple[Ints, Floats]],
    weights: Floats | None,
) -> Callable[[Ints, Ints, int], Floats]:
    """Return the function that forms the dummies' cross products after the nested effects; see `carry`."""
    if len(inner) > 1 or slopes:
        return lambda component, place, count: _swept(levels, inner, slopes, weights, component, place, count)
    return lambda component, place, count: _counted(levels, inner, weights, component, place, count)


def _swept(
    levels: list[Ints],
    inner: list[Ints],
    slopes: list[tuple[Ints, Floats]],
    weights: Floats | None,
    component: Ints,
    place: Ints,
    count: int,
) -> Floats:
    """Cross products of dummies that are residualised themselves."""
    size = int(place.max()) + 1
    out = np.zeros((count, size, size))
    for c in range(count):
        dummies = np.zeros((len(component), size))
        for level in levels:
            rows = np.flatnonzero(component == c)
            dummies[rows, place[level[rows]]] = 1.0
        dummies = residualise(dummies, inner, slopes, weights)
        out[c] = dummies.T @ (dummies if weights is None else dummies * weights[:, None])
    return out


def _counted(
    levels: list[Ints], inner: list[Ints], weights: Floats | None, component: Ints, place: Ints, count: int
) -> Floats:
    """Cross products of dummies from counts: F'F less the part within the one nested effect's levels."""
    size = int(place.max()) + 1
    local = [place[level] for level in levels]
    crossed, each = np.zeros((count, size, size)), np.arange(size)
    for k, a in enumerate(local):
        at = component * size + a
        crossed[:, each, each] += np.bincount(at, weights, count * size).reshape(count, size)
        for b in local[:k]:
            pairs = np.bincount(at * size + b, weights, crossed.size).reshape(crossed.shape)
            crossed += pairs + pairs.transpose(0, 2, 1)
    if inner:
        level = inner[0]
        found = int(level.max()) + 1
        cells = np.zeros(found * size)
        for a in local:
            cells += np.bincount(level * size + a, weights=weights, minlength=len(cells))
        shares = cells.reshape(found, size)
        mass = np.bincount(level, weights=weights, minlength=found)
        of_inner = np.zeros(found, np.int64)
        of_inner[level] = component
        place, sizes = _within(of_inner, count)
        padded = np.zeros((count, int(sizes.max()), size))
        padded[of_inner, place] = shares / np.sqrt(mass)[:, None]
        crossed -= padded.transpose(0, 2, 1) @ padded
    return crossed


def finest(effects: list[Ints]) -> list[Ints]:
    """Drop effects whose levels are unions of another's."""
    keep: list[Ints] = []
    for k, coarse in enumerate(effects):
        finer = [
            fine
            for j, fine in enumerate(effects)
            if j != k and ssc.is_nested(fine, (coarse,)) and (j < k or not ssc.is_nested(coarse, (fine,)))
        ]
        if not finer:
            keep.append(coarse)
    return keep


def residualise(
    columns: Floats, effects: list[Ints], slopes: list[tuple[Ints, Floats]], weights: Floats | None
) -> Floats:
    """Take effects and slopes out of (n, K) columns."""
    sizes = [np.array([int(c.max()) + 1 for c in group], np.int64) for group in (effects, [c for c, _ in slopes])]
    swept = np.asfortranarray(columns)
    demean(swept, Absorber(tuple(effects), sizes[0], tuple(slopes), sizes[1], weights))
    return swept


def _inverse(crossed: Floats, levels_in: Ints) -> Floats:
    """Invert (C, L, L) on their ranges: dummies of a component have one dependence or more.

    Where the sum of a component's dummies is the only one, and this is added, the matrix is regular.
    """
    size = crossed.shape[1]
    if size == 1:
        return np.divide(1.0, crossed, out=np.zeros_like(crossed), where=crossed > 0)
    real = np.arange(size) < levels_in[:, None]
    largest = np.maximum(crossed.max(axis=(1, 2)), 1e-300)
    if (np.abs(crossed.sum(axis=1)) <= NOTHING * size * largest[:, None]).all():
        sums = real[:, :, None] & real[:, None, :]
        filled = crossed + (largest / levels_in)[:, None, None] * sums
        filled[:, np.arange(size), np.arange(size)] += largest[:, None] * ~real
        with suppress(np.linalg.LinAlgError):
            regular = np.linalg.inv(filled)
            if (np.abs(regular).max(axis=(1, 2)) * largest < 1.0 / NOTHING).all():
                return np.asarray((regular - (1.0 / (largest * levels_in))[:, None, None]) * sums)
    values, vectors = np.linalg.eigh(crossed)
    usable = values > NOTHING * np.maximum(values[:, -1:], 1e-300)
    scaled = vectors * np.where(usable, 1.0 / np.where(usable, values, 1.0), 0.0)[:, None, :]
    return np.asarray(scaled @ vectors.transpose(0, 2, 1))


@dataclass(frozen=True, slots=True)
class Carried:
    """Dummies of effects not nested in the cluster, within one set of clusters they connect.

    Attributes
    ----------
    clusters : (G_b,) int64, positions among the batch's clusters.
    cells : (K, G_b, L) float64
        Sums of each column within cluster × level.
    signed : (K, L, B) float64 or None
        The same, signed and summed over clusters: shared where a batch has many members.
    inverse : (L, L) float64
        Pseudo-inverse of the dummies' cross product after the nested effects.
    """

    clusters: Ints
    cells: Floats
    signed: Floats | None
    inverse: Floats


@dataclass(frozen=True, slots=True)
class CarriedStack:
    """All sets at once, where each has few clusters: padded to the same size.

    Attributes
    ----------
    clusters : (C, G_b) int64, padded with G.
    cells : (K, C, G_b, L) float64, padded with zeros.
    inverse : (C, L, L) float64
    """

    clusters: Ints
    cells: Floats
    inverse: Floats


def carry(
    columns: Floats, clusters: Ints, n_clusters: int, net: Net, root: Floats | None, signs: Floats | None
) -> tuple[Carried, ...] | CarriedStack:
    """Lay out the dummies of effects not nested in the cluster, by connected component.

    Parameters
    ----------
    columns : (n, K), residualised on all effects and times the root of the weights.
    root : (n,) root of the weights, or None.
    signs : (G, B) float64, or None where the signed sums are not worth sharing
    """
    count, size = len(net.levels_in), int(net.levels_in.max())
    g = int(net.clusters_in.max())
    weighted = columns if root is None else columns * root[:, None]
    cells = np.zeros((columns.shape[1], count * g * size))
    first = (net.of_cluster * g + net.cluster_place)[clusters] * size
    for effect in net.levels:
        place = first + net.level_place[effect]
        for k in range(len(cells)):
            cells[k] += np.bincount(place, weights=weighted[:, k], minlength=cells.shape[1])
    table = cells.reshape(-1, count, g, size)
    index = np.full((count, g), n_clusters)
    index[net.of_cluster, net.cluster_place] = np.arange(n_clusters)
    if g <= size + 1:
        return CarriedStack(index, table, net.inverse)
    parts = []
    for c in range(count):
        mine, own = index[c, : net.clusters_in[c]], slice(net.levels_in[c])
        part = np.ascontiguousarray(table[:, c, : len(mine), own])
        signed = None if signs is None else part.transpose(0, 2, 1) @ signs[mine]
        parts.append(Carried(mine, part, signed, net.inverse[c, own, own]))
    return tuple(parts)
