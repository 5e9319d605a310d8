"""Scores and balancing weights solve their equations to rounding, where scipy stops at 1e-8."""

import numpy as np
import pytest
from specdid._plan.matches import MatchSettings
from specdid.matching._base import Candidates, Matched
from specdid.matching._score import fit_logit
from specdid.matching.entropy import match


def drawn(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(200, 4)) * [1.0, 10.0, 0.1, 1e3] + [0.0, 50.0, 1.0, 0.0]
    return X, rng.random(200) < 1 / (1 + np.exp(1.5 - X[:, 0]))


@pytest.mark.parametrize("seed", range(40))
def test_feasible_means_are_always_reached(seed):
    X, treated = drawn(seed)
    found = match(Candidates(treated, X), MatchSettings())
    assert isinstance(found, Matched)
    mean = np.average(X[~treated], axis=0, weights=found.weights[~treated])
    np.testing.assert_allclose((mean - X[treated].mean(axis=0)) / X.std(axis=0), 0, atol=1e-13)


@pytest.mark.parametrize("seed", range(10))
def test_scores_solve_the_likelihood_equations(seed):
    X, treated = drawn(seed)
    left = treated - fit_logit(treated, X).probability
    np.testing.assert_allclose(left @ X / len(X) / X.std(axis=0), 0, atol=1e-13)
