"""Effects that are not nested in the cluster: their dummies, by the sets of clusters they connect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from specdid.inference._base import Floats, Ints
from specdid.inference._net import Net


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
class Stack:
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
) -> tuple[Carried, ...] | Stack:
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
        return Stack(index, table, net.inverse)
    parts = []
    for c in range(count):
        mine, own = index[c, : net.clusters_in[c]], slice(net.levels_in[c])
        part = np.ascontiguousarray(table[:, c, : len(mine), own])
        signed = None if signs is None else part.transpose(0, 2, 1) @ signs[mine]
        parts.append(Carried(mine, part, signed, net.inverse[c, own, own]))
    return tuple(parts)
