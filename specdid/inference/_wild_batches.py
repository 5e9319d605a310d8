"""The wild bootstrap of some batches: a batch's sums made once, its specifications stacked by their controls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from specdid.engine import ssc
from specdid.engine.demean import Absorber, demean
from specdid.engine.problem import Members, Problem
from specdid.inference._base import Floats, Ints
from specdid.inference._batches import Batch, Laid, kept_controls, lay_out, positions
from specdid.inference._crossed_effects import Net, carried_levels, carry, connect, cross_products, take_out
from specdid.inference._scaling import standardised
from specdid.inference._wild_kernel import Blocks, Family, cluster_gram, wild_draws

FEW = 12
"""Clusters of the panel below which Webb's six points are drawn, not signs."""
CHUNK = 16
"""Regressions whose draws are formed together: what fits the cache."""

Shared = tuple[Problem, Members, dict[int, tuple[int, ...]], Ints, Floats]
DRAWN = ("estimate", "statistic", "imposed", "error", "facts")


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn.

    Attributes
    ----------
    places : (S,) positions among the members.
    estimate, statistic : (S, 1 + B), the first of the data.
    imposed : (S, 3, B), how the statistics of the draws change with the effect imposed; see `wild_draws`.
    error : (S,) standard error of the data.
    facts : (S, 2), clusters and treated clusters.
    """

    places: Ints
    estimate: Floats
    statistic: Floats
    imposed: Floats
    error: Floats
    facts: Ints

    @classmethod
    def empty(cls, count: int, draws: int) -> Drawn:
        """Return room for ``count`` specifications."""
        table = np.full((count, draws + 1), np.nan)
        imposed = np.full((count, 3, draws), np.nan)
        facts = np.zeros((count, 2), np.int64)
        return cls(np.arange(count), table, table.copy(), imposed, np.full(count, np.nan), facts)


def draw_part(shared: Shared, batches: list[Batch]) -> Drawn:
    """Draw a part's specifications."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what is no number is left out
        return _drawn_batches(*shared, batches)


def _drawn_batches(
    problem: Problem,
    members: Members,
    dropped: dict[int, tuple[int, ...]],
    cluster: Ints,
    signs: Floats,
    batches: list[Batch],
) -> Drawn:
    places = np.concatenate([b.members for b in batches])
    local = {int(p): k for k, p in enumerate(places)}
    drawn = Drawn.empty(len(places), signs.shape[1] - 1)
    squares = signs**2 if len(signs) < FEW else None
    for batch in batches:
        if _slopes_across(problem, batch, cluster):
            continue
        prepared = _prepare(problem, members, batch, cluster, signs)
        at = np.array([local[int(p)] for p in batch.members])
        drawn.facts[at] = _cluster_facts(problem, members, batch, prepared)
        for places_, family in _families(members, dropped, batch, prepared):
            mine = None if squares is None else among(prepared.present, squares)
            b, t, se, imposed = wild_draws(prepared.blocks, family, prepared.signs, mine)
            scale = prepared.scale[family.outcome] / prepared.scale[family.treatment]
            at = np.array([local[int(p)] for p in places_])
            drawn.estimate[at] = b * scale[:, None]
            drawn.statistic[at] = t
            drawn.imposed[at] = imposed[:, :, 1:].transpose(1, 0, 2)
            drawn.error[at] = se[:, 0] * scale
    return replace(drawn, places=places)


def _slopes_across(problem: Problem, batch: Batch, cluster: Ints) -> bool:
    """Say whether a slope's levels lie across clusters: these are not carried."""
    codes = [problem.codes[batch.rows, f] for f, _ in batch.effects.slopes]
    return any(not ssc.is_nested(c, (cluster[batch.rows],)) for c in codes)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A batch's sums, which clusters are in it, and what the correction needs."""

    laid: Laid
    blocks: Blocks
    signs: Floats
    present: Ints
    scale: Floats
    nobs: int
    absorbed: int
    intercept: int
    clusters: Ints


def _prepare(problem: Problem, members: Members, batch: Batch, cluster: Ints, signs: Floats) -> _Prepared:
    present, clusters = _clusters_present(cluster[batch.rows], len(signs))
    mine = among(present, signs)
    laid = lay_out(problem, members, batch)
    absorber, plain = laid.absorber, not batch.effects.fixed and not batch.effects.slopes
    residual, scale = standardised(laid.values)
    nested = [] if plain else [ssc.is_nested(e, (clusters,)) for e in absorber.codes]
    net = _residualise(residual, absorber, nested, plain, clusters)
    root = None if absorber.weights is None else np.sqrt(absorber.weights)
    if root is not None:
        residual *= root[:, None]
    shared = mine if len(batch.members) > len(batch.columns) else None
    carried = () if net is None else carry(residual, clusters, len(present), net, root, shared)
    gram = cluster_gram(residual, clusters, len(present))
    blocks = Blocks(gram, gram.sum(axis=0), carried)
    counts = np.zeros(0, np.int64) if plain else absorber.levels
    absorbed = int(ssc.absorbed_parameters(counts, np.array(nested, dtype=bool), absorber.slope_levels.sum()))
    return _Prepared(laid, blocks, mine, present, scale, len(clusters), absorbed, int(plain), clusters)


def _residualise(columns: Floats, absorber: Absorber, nested: list[bool], plain: bool, clusters: Ints) -> Net | None:
    """Take a batch's effects out of its columns; gives the net of those that are carried, if any are.

    The dummies' cross products, needed for the draws anyhow, give the residuals in less time than
    alternating projections where they are exact counts: without weights or slopes, and with one nested effect.
    """
    effects = list(absorber.codes[: len(nested)])
    levels, total = carried_levels(effects, nested, plain, len(clusters))
    if not levels:
        demean(columns, absorber)
        return None
    inner = [e for e, inside in zip(effects, nested, strict=True) if inside]
    crossed = cross_products(levels, inner, list(absorber.slopes), absorber.weights)
    net = connect(clusters, int(clusters.max()) + 1, levels, total, crossed)
    direct = absorber.weights is None and not absorber.slopes and len(inner) <= 1
    if not (direct and take_out(columns, net, inner)):
        demean(columns, absorber)
    return net


def _clusters_present(cluster: Ints, count: int) -> tuple[Ints, Ints]:
    """Return the clusters among ``count`` that rows have, and each row's place among these."""
    seen = np.bincount(cluster, minlength=count) > 0
    return np.flatnonzero(seen), (np.cumsum(seen) - 1)[cluster]


def among(present: Ints, table: Floats) -> Floats:
    """Take the rows of the clusters that are present; no copy where all are."""
    return table if len(present) == len(table) else table[present]


def _families(
    members: Members, dropped: dict[int, tuple[int, ...]], batch: Batch, prepared: _Prepared
) -> Iterator[tuple[Ints, Family]]:
    """Stack the batch's members by their number of controls, in chunks."""
    laid = prepared.laid
    by_size: dict[int, list[tuple[int, Ints]]] = defaultdict(list)
    for s in batch.members.tolist():
        kept = np.concatenate([positions(laid, kept_controls(members, dropped, s)), laid.block])
        by_size[len(kept)].append((s, kept))
    for size in sorted(by_size):
        entries = by_size[size]
        df_k = 1 + size + prepared.intercept + prepared.absorbed
        factor = float(ssc.variance_factor("cluster", prepared.nobs, df_k, len(prepared.present)))
        for start in range(0, len(entries), CHUNK):
            part = entries[start : start + CHUNK]
            places = np.array([s for s, _ in part], np.int64)
            treatment = positions(laid, members.treatment[places])
            yield (
                places,
                Family(
                    positions(laid, members.outcome[places]),
                    treatment if laid.treatment < 0 else np.full(len(part), laid.treatment),
                    np.array([kept for _, kept in part], np.int64).reshape(len(part), size),
                    np.full(len(part), factor),
                ),
            )


def _cluster_facts(problem: Problem, members: Members, batch: Batch, prepared: _Prepared) -> Ints:
    """Count clusters, and clusters in which the treatment is ever not zero; (m, 2)."""
    out = np.empty((len(batch.members), 2), np.int64)
    out[:, 0] = len(prepared.present)
    for treatment in np.unique(members.treatment[batch.members]):
        on = problem.values[batch.rows, treatment] != 0
        mine = members.treatment[batch.members] == treatment
        out[mine, 1] = np.count_nonzero(np.bincount(prepared.clusters[on]))
    return out
