"""Sums of squared cluster scores for a chunk of specifications.

The score of cluster g is s_g = Σ_{i∈g} (Q v_D)_i (Q e)_i = v_D' C_g e with C_g = Q_g'Q_g,
so that with C the matrix of all C_g's upper triangles s = C · sym(v_D ⊗ e): one product
for a chunk. Where clusters are nearly as many as rows (hetero: rows are clusters), the
rows are formed instead, a block at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from specdid._arrays import Floats, Ints
from specdid.engine.demean import relevel
from specdid.engine.problem import Problem, Vcov

BLOCK = 2**13
"""Rows or clusters whose products are held at once."""


@dataclass(frozen=True, slots=True)
class Clustering:
    """One way to sum scores.

    Attributes
    ----------
    size : number of clusters
    products : (size, r (r + 1) / 2) float64, or None: the rows are formed
    order : (n,) int64, rows by cluster, and starts : (size,) of each; None where rows are clusters
    """

    size: int
    products: Floats | None
    order: Ints | None
    starts: Ints | None


@dataclass(frozen=True, slots=True)
class Meat:
    """What the study's vcovs need: distinct clusterings, and each vcov's as (sign, place) pairs.

    ``n_clusters`` is -1 for iid and hetero and the smaller one for two-way clusters.
    """

    clusterings: tuple[Clustering, ...]
    parts: tuple[tuple[tuple[int, int], ...], ...]
    n_clusters: tuple[int, ...]


def make_meat(vcovs: tuple[Vcov, ...], codes: Mapping[int, Ints], q: Floats) -> Meat:
    """Prepare the clusterings of a batch.

    Parameters
    ----------
    codes : the columns of Problem.codes that are clusters, on the batch's rows
    q : (n, r) float64, the basis
    """
    place: dict[tuple[int, ...], int] = {}
    parts, counts = [], []
    for vcov in vcovs:
        wanted = wanted_clusterings(vcov)
        parts.append(tuple((sign, place.setdefault(key, len(place))) for sign, key in wanted))
    clusterings = tuple(_make_clustering(key, codes, q) for key in place)
    for vcov, part in zip(vcovs, parts, strict=True):
        sizes = [clusterings[p].size for sign, p in part if sign > 0]
        counts.append(min(sizes) if vcov.kind == "cluster" else -1)
    return Meat(clusterings, tuple(parts), tuple(counts))


def wanted_clusterings(vcov: Vcov) -> list[tuple[int, tuple[int, ...]]]:
    """Return the signed clusterings a vcov adds up: columns of codes, none where rows are clusters."""
    if vcov.kind == "iid":
        return []
    wanted: list[tuple[int, tuple[int, ...]]] = [(1, (c,)) for c in vcov.clusters] or [(1, ())]
    if len(vcov.clusters) == 2:
        wanted.append((-1, tuple(sorted(vcov.clusters))))
    return wanted


def clusters_of(problem: Problem, rows: Ints) -> dict[int, Ints]:
    """Return the columns of codes that any vcov clusters by, on ``rows``.

    A column that is missing in one of them is -1 in all: one cluster, which has no variance.
    """
    columns = dict.fromkeys(c for vcov in problem.vcovs for c in vcov.clusters)
    codes = {c: problem.codes[rows, c] for c in columns}
    return {c: np.full_like(found, -1) if found.min(initial=0) < 0 else found for c, found in codes.items()}


def missing_clusters(problem: Problem, rows: Ints) -> dict[int, str]:
    """Say, for each vcov whose cluster is missing in some of ``rows``, that it cannot be had."""
    found = {}
    for v, vcov in enumerate(problem.vcovs):
        for column in vcov.clusters:
            count = int(np.count_nonzero(problem.codes[rows, column] < 0))
            if count:
                label = problem.effect_labels[column]
                found[v] = f"`{label}` is missing in {count:,} of these rows, so this variance cannot be computed"
    return found


def by_cluster(influence: Floats, cluster: Ints) -> Floats:
    """Sum rows' influences on m estimates, (n, m), by cluster: (G, m)."""
    return np.array([np.bincount(cluster, column) for column in influence.T]).T


def cluster_codes(codes: Mapping[int, Ints], key: tuple[int, ...]) -> Ints:
    """Return the joint levels of the columns ``key`` of codes, without gaps."""
    joint = relevel(codes[key[0]])
    for column in key[1:]:
        other = relevel(codes[column])
        joint = np.unique(joint * (int(other.max()) + 1) + other, return_inverse=True)[1].reshape(-1)
    return joint


def _make_clustering(key: tuple[int, ...], codes: Mapping[int, Ints], q: Floats) -> Clustering:
    n, r = q.shape
    if not key:
        return Clustering(n, None, None, None)
    joint = cluster_codes(codes, key)
    size = int(joint.max()) + 1
    if size == n:
        return Clustering(n, None, None, None)
    order = np.argsort(joint, kind="stable")
    starts = np.searchsorted(joint[order], np.arange(size))
    if size * (r + 1) > 4 * n:
        return Clustering(size, None, order, starts)
    return Clustering(size, _products(q, order, starts), order, starts)


def _products(q: Floats, order: Ints, starts: Ints) -> Floats:
    """Sum the products of the basis's columns by cluster, (size, r (r + 1) / 2)."""
    r = q.shape[1]
    found = np.empty((len(starts), r * (r + 1) // 2))
    for rows, groups, local in _blocks(order, starts):
        part = np.ascontiguousarray(q[rows].T)
        at = 0
        for a in range(r):
            found[groups, at : at + r - a] = np.add.reduceat(part[a:] * part[a], local, axis=1).T
            at += r - a
    return found


def _blocks(order: Ints, starts: Ints) -> list[tuple[Ints, slice, Ints]]:
    """Cut clusters into runs of about BLOCK rows: their rows, their places, their starts within the run."""
    runs = []
    first = 0
    while first < len(starts):
        last = max(first + 1, int(np.searchsorted(starts, starts[first] + BLOCK, side="right")) - 1)
        if starts[first] + BLOCK >= len(order):
            last = len(starts)
        stop = int(starts[last]) if last < len(starts) else len(order)
        runs.append((order[starts[first] : stop], slice(first, last), starts[first:last] - starts[first]))
        first = last
    return runs


def squared_scores(meat: Meat, q: Floats, treatment: Floats, residual: Floats) -> Floats:
    """Return Σ_g s_g² for each clustering and specification.

    Parameters
    ----------
    treatment, residual : (r, M), v_D and e

    Returns
    -------
    (clusterings, M) float64
    """
    found = np.zeros((len(meat.clusterings), treatment.shape[1]))
    pairs = None
    for place, clustering in enumerate(meat.clusterings):
        if clustering.products is None:
            for scores in _score_blocks(clustering, q, treatment, residual):
                found[place] += np.einsum("gm,gm->m", scores, scores)
            continue
        if pairs is None:
            pairs = _symmetric(treatment, residual)
        for first in range(0, clustering.size, BLOCK):
            scores = clustering.products[first : first + BLOCK] @ pairs
            found[place] += np.einsum("gm,gm->m", scores, scores)
    return found


def crossed_scores(clustering: Clustering, q: Floats, left: Floats, right: Floats) -> Floats:
    """Return Σ_g s_g s_g' with s_g the scores of every pair of a left and a right column.

    Parameters
    ----------
    left, right : (r, L, M) and (r, T, M)

    Returns
    -------
    (M, TL, TL) float64, left columns within right ones
    """
    pairs, m = left.shape[1] * right.shape[1], left.shape[2]
    found = np.zeros((m, pairs, pairs))
    step = max(1, BLOCK * 8 // (min(clustering.size, BLOCK) * pairs))
    for first in range(0, m, step):
        here = slice(first, min(first + step, m))
        a, b = left[:, None, :, here], right[:, :, None, here]
        shape = (len(left), pairs * (here.stop - first))
        wide = [np.ascontiguousarray(np.broadcast_to(x, (len(left), *np.broadcast_shapes(a.shape[1:], b.shape[1:]))))
                for x in (a, b)]  # fmt: skip
        for scores in _score_blocks(clustering, q, wide[0].reshape(shape), wide[1].reshape(shape)):
            each = scores.reshape(len(scores), pairs, -1)
            found[here] += np.einsum("gpm,gqm->mpq", each, each)
    return found


def _score_blocks(clustering: Clustering, q: Floats, treatment: Floats, residual: Floats) -> Iterator[Floats]:
    """Return the clusters' scores, (clusters, M), a block of clusters or rows at a time."""
    if clustering.products is not None:
        pairs = _symmetric(treatment, residual)
        for first in range(0, clustering.size, BLOCK):
            yield clustering.products[first : first + BLOCK] @ pairs
    elif clustering.order is None or clustering.starts is None:
        for first in range(0, len(q), BLOCK):
            rows = q[first : first + BLOCK]
            yield (rows @ treatment) * (rows @ residual)
    else:
        for rows_, _, local in _blocks(clustering.order, clustering.starts):
            rows = q[rows_]
            yield np.add.reduceat((rows @ treatment) * (rows @ residual), local, axis=0)


def _symmetric(d: Floats, e: Floats) -> Floats:
    """Return d_a e_b + d_b e_a for a < b and d_a e_a: (r (r + 1) / 2, M)."""
    r = len(d)
    found = np.empty((r * (r + 1) // 2, d.shape[1]))
    at = 0
    for a in range(r):
        block = found[at : at + r - a]
        np.multiply(d[a], e[a:], out=block)
        block[1:] += d[a + 1 :] * e[a]
        at += r - a
    return found
