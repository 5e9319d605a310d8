"""Sums of squared cluster scores, a block at a time, against the scores summed row by row."""

import numpy as np
import pytest
from panels import random_problem
from specdid.engine import scores
from specdid.engine.problem import Vcov
from specdid.engine.scores import clusters_of, make_meat, squared_scores

RNG = np.random.default_rng(6)
N, R, M = 400, 5, 7


@pytest.mark.parametrize("block", [1, 13, 100, scores.BLOCK])
@pytest.mark.parametrize("clusters", [3, 60, 180, 390])
def test_scores_of_blocks_are_those_of_clusters(block, clusters, monkeypatch):
    """Few clusters by products, many by rows, of unequal sizes and in no order."""
    monkeypatch.setattr(scores, "BLOCK", block)
    one, two = (RNG.integers(0, clusters, N) ** 2 // clusters for _ in range(2))
    q, treatment, residual = RNG.normal(size=(N, R)), RNG.normal(size=(R, M)), RNG.normal(size=(R, M))
    meat = make_meat((Vcov("hetero"), Vcov("cluster", (0,)), Vcov("cluster", (0, 1))), {0: one, 1: two}, q)
    found = squared_scores(meat, q, treatment, residual)
    rows = (q @ treatment) * (q @ residual)

    def summed(codes):
        return sum(rows[codes == c].sum(axis=0) ** 2 for c in np.unique(codes))

    joint = one * (two.max() + 1) + two
    want = [(rows**2).sum(axis=0), summed(one), summed(one) + summed(two) - summed(joint)]
    for part, total in zip(meat.parts, want, strict=True):
        np.testing.assert_allclose(sum(sign * found[place] for sign, place in part), total, rtol=1e-10)
    assert meat.n_clusters == (-1, len(np.unique(one)), min(len(np.unique(one)), len(np.unique(two))))


def test_a_cluster_that_is_missing_in_a_row_is_one_cluster_of_them_all():
    problem = random_problem(3, 12, 6, 1.0, False)
    problem.codes[7, 2] = -1
    rows = np.arange(20)
    found = clusters_of(problem, rows)
    assert set(found) == {c for vcov in problem.vcovs for c in vcov.clusters}
    for column, codes in found.items():
        assert codes.tolist() == ([-1] * 20 if column == 2 else problem.codes[rows, column].tolist())
