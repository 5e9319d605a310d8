"""The signs of the wild bootstrap: which law, one of its own for every seed, cluster and draw."""

import numpy as np
import pytest
from specdid.inference.wild import cluster_signs

WEBB = [-np.sqrt(1.5), -1.0, -np.sqrt(0.5), np.sqrt(0.5), 1.0, np.sqrt(1.5)]


@pytest.mark.parametrize(("clusters", "points"), [(11, WEBB), (12, [-1.0, 1.0])])
def test_few_clusters_have_six_points_and_others_two(clusters, points):
    """Webb (2023): six points, each as likely, with mean 0 and variance 1; enough of them from 12 clusters on."""
    signs = cluster_signs(np.arange(clusters), 5000, 3)
    assert (signs[:, 0] == 1).all()  # the data
    found, counts = np.unique(signs[:, 1:], return_counts=True)
    np.testing.assert_allclose(found, points, rtol=1e-15)
    np.testing.assert_allclose(counts * len(points) / counts.sum(), 1.0, atol=0.05)
    assert signs[:, 1:].var() == pytest.approx(1.0, abs=0.02)


def test_draws_clusters_and_seeds_are_independent():
    """By their correlations, which are within 5.5 standard errors of 0."""
    draws = cluster_signs(np.arange(400), 300, 3)[:, 1:]
    other = cluster_signs(np.arange(400), 300, 4)[:, 1:]
    between_draws, between_clusters, between_seeds = draws.T @ draws / 400, draws @ draws.T / 300, draws.T @ other / 400
    np.fill_diagonal(between_draws, 0.0)
    np.fill_diagonal(between_clusters, 0.0)
    for found, count in ((between_draws, 400), (between_clusters, 300), (between_seeds, 400)):
        assert np.abs(found).max() < 5.5 / np.sqrt(count)


def test_a_draw_is_that_of_its_number_however_many_are_drawn():
    np.testing.assert_array_equal(cluster_signs(np.arange(30), 99, 3), cluster_signs(np.arange(30), 400, 3)[:, :100])
