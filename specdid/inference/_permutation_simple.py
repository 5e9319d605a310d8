"""Permuted treatments where nothing else moves: outcome and controls residualised once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from specdid.engine import ssc
from specdid.engine.demean import demean, make_absorber
from specdid.engine.problem import Members, Problem
from specdid.inference._base import Floats, Ints
from specdid.inference._batches import Batch, kept_controls, make_batches
from specdid.inference._many_columns import make_residuals
from specdid.inference._permutation_kernel import Sums, make_pairs, make_sums, permutation_draws
from specdid.inference._scaling import ordinary_weights, standardised, unit_sized


def draw_simple(
    problem: Problem, members: Members, dropped: Mapping[int, tuple[int, ...]], treatments: Mapping[int, Floats]
) -> Floats:
    """Give estimate, t and standard error of every member in every draw, (3, S, 1 + B).

    Parameters
    ----------
    problem : with the inference cluster as its only vcov
    dropped : position -> columns of values dropped as collinear
    treatments : column of values -> (n, 1 + B), the treatment in every draw
    """
    width = next(iter(treatments.values())).shape[1] if treatments else 0
    table = np.full((3, len(members), width), np.nan)
    sized = {column: unit_sized(drawn) for column, drawn in treatments.items()}
    for batch in make_batches(problem, members):
        for mine, sums, facts in _batch_sums(problem, members, batch, {c: d for c, (d, _) in sized.items()}):
            pairs = make_pairs(sums) if len(mine) > sums.moved.shape[1] else None
            column = {int(c): k for k, c in enumerate(facts.columns)}
            for s in mine.tolist():
                kept = kept_controls(members, dropped, s)
                at = np.array([column[int(c)] for c in kept], np.int64)
                outcome = column[int(members.outcome[s])]
                beta, t, se = permutation_draws(sums, pairs, outcome, at, facts.factor(len(kept)))
                power = sized[int(members.treatment[s])][1]
                of_unit = [np.ldexp(value * facts.scale[outcome], -power) for value in (beta, se)]
                table[:, s] = of_unit[0], t, of_unit[1]
    return table


@dataclass(frozen=True, slots=True)
class _Facts:
    """What turns a batch's sums into numbers: fixed columns, their scales, and the correction."""

    columns: Ints
    scale: Floats
    nobs: int
    clusters: int
    absorbed: int
    intercept: int

    def factor(self, controls: int) -> float:
        """Give the CRV1 factor of a regression with so many controls."""
        df_k = 1 + controls + self.intercept + self.absorbed
        return float(ssc.variance_factor("cluster", self.nobs, df_k, self.clusters))


def _batch_sums(
    problem: Problem, members: Members, batch: Batch, treatments: Mapping[int, Floats]
) -> Iterator[tuple[Ints, Sums, _Facts]]:
    """Residualise a batch once, then each of its treatments under all draws."""
    rows, cluster, n_clusters = _by_cluster(problem, batch.rows)
    weights = ordinary_weights(problem.values[rows, batch.weights]) if batch.weights >= 0 else None
    absorber = make_absorber(problem, batch.effects, rows, weights)
    own = np.unique(members.treatment[batch.members])
    fixed = np.setdiff1d(batch.columns, own[~np.isin(own, _regressors(members, batch))])
    columns, scale = standardised(problem.values[np.ix_(rows, fixed)])
    demean(columns, absorber)
    if weights is not None:
        columns *= np.sqrt(weights)[:, None]
    columns = np.ascontiguousarray(columns)
    facts = _facts(problem, batch, rows, fixed, scale, cluster, n_clusters)
    for treatment in own.tolist():
        moved = make_residuals(treatments[treatment], rows, absorber)
        mine = batch.members[members.treatment[batch.members] == treatment]
        yield mine, make_sums(columns, moved, cluster, n_clusters), facts


def _by_cluster(problem: Problem, rows: Ints) -> tuple[Ints, Ints, int]:
    """Put rows in the order of their clusters, and number these from 0."""
    codes = problem.codes[rows, problem.vcovs[0].clusters[0]]
    if (np.diff(codes) < 0).any():
        rows = rows[np.argsort(codes, kind="stable")]
        codes = problem.codes[rows, problem.vcovs[0].clusters[0]]
    present, cluster = np.unique(codes, return_inverse=True)
    return rows, cluster, len(present)


def _regressors(members: Members, batch: Batch) -> Ints:
    parts = [members.controls[members.start[s] : members.start[s + 1]] for s in batch.members]
    return np.unique(np.concatenate([*parts, members.outcome[batch.members]]))


def _facts(
    problem: Problem, batch: Batch, rows: Ints, fixed: Ints, scale: Floats, cluster: Ints, n_clusters: int
) -> _Facts:
    codes = [problem.codes[rows, c] for c in batch.effects.fixed]
    nested = [ssc.is_nested(c, (cluster,)) for c in codes]
    counts = [len(np.unique(c)) for c in codes]
    slopes = sum(len(np.unique(problem.codes[rows, c])) for c, _ in batch.effects.slopes)
    absorbed = int(ssc.absorbed_parameters(counts, np.array(nested, dtype=bool), slopes))
    return _Facts(fixed, scale, len(rows), n_clusters, absorbed, int(not codes and not slopes))
