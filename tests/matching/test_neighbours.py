"""The search along the score against every distance written out, and ties whatever the order of the rows.

Scores and balancing weights solve their equations to rounding, where scipy stops at 1e-8.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pace import within
from specdid._plan.records import MatchSettings
from specdid.matching import _score, kernel, nearest, radius
from specdid.matching._base import Candidates, Matched
from specdid.matching._score import fit_logit
from specdid.matching.entropy import match


def by_all_distances(treated, score, groups, settings):
    """Pairs and ties by all distances, one treated unit after the other."""
    mine, controls = np.flatnonzero(treated), np.flatnonzero(~treated)
    queue = sorted(range(len(mine)), key=lambda t: (-score[mine[t]], mine[t]))
    free = dict.fromkeys(controls.tolist())
    pairs, tied = np.full((len(mine), settings.ratio), -1), np.zeros(len(mine), bool)
    widest = np.inf if settings.caliper is None else settings.caliper
    for part in [range(settings.ratio)] if settings.replace else [[r] for r in range(settings.ratio)]:
        for t in queue:
            near = sorted(
                (abs(score[c] - score[mine[t]]), c)
                for c in free
                if groups[c] == groups[mine[t]] and abs(score[c] - score[mine[t]]) <= widest
            )
            count = len(part)
            tied[t] |= len(near) > count and near[count - 1][0] == near[count][0]
            for r, (_, c) in zip(part, near, strict=False):
                pairs[t, r] = c
                if not settings.replace:
                    del free[c]
    return pairs, tied


PROBLEMS = st.integers(2, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.booleans(), min_size=n, max_size=n).filter(lambda x: any(x) and not all(x)),
        st.lists(st.integers(0, 12), min_size=n, max_size=n),
        st.lists(st.integers(0, 2), min_size=n, max_size=n),
    )
)


@pytest.mark.parametrize("block", [1, 2**18])
@given(PROBLEMS, st.integers(1, 4), st.booleans(), st.booleans(), st.sampled_from([None, 0.0, 0.125, 0.3]))
def test_pairs_are_those_of_all_distances(block, problem, ratio, replace, grouped, caliper):
    treated, score, groups = (np.array(column) for column in problem)
    score = score / 16  # differences are exact, and many are equal
    groups = groups if grouped else np.zeros(len(groups), np.int64)
    settings = MatchSettings(ratio=ratio, replace=replace, caliper=caliper)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "propensity_score", lambda candidates: score)
        patch.setattr(_score, "BLOCK", block)
        found = nearest.match(Candidates(treated, score[:, None], groups if grouped else None), settings)
    pairs, tied = by_all_distances(treated, score, groups, settings)
    if not (pairs >= 0).any():
        assert not isinstance(found, Matched)
        return
    assert found.pairs.tolist() == pairs.tolist()
    assert found.tied == tied.sum()


@pytest.mark.parametrize("method", [radius, kernel])
@given(PROBLEMS, st.booleans(), st.sampled_from([1 / 16, 0.2, 3.0]), st.sampled_from([1, 7, 2**18]))
def test_shares_are_those_of_all_distances(method, problem, grouped, reach, block):
    treated, score, groups = (np.array(column) for column in problem)
    score = score / 16
    settings = MatchSettings(caliper=reach, bandwidth=reach)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(method, "propensity_score", lambda candidates: score)
        patch.setattr("specdid.matching._score.BLOCK", block)
        found = method.match(Candidates(treated, score[:, None], groups if grouped else None), settings)
    distance = np.abs(score[treated][:, None] - score[~treated])
    weight = (distance <= reach) * 1.0 if method is radius else np.maximum(1 - (distance / reach) ** 2, 0)
    if grouped:
        weight = weight * (groups[treated][:, None] == groups[~treated])
    total = weight.sum(axis=1)
    if not total.any():
        assert not isinstance(found, Matched)
        return
    assert (found.weights[treated] == (total > 0)).all()
    shares = (weight[total > 0] / total[total > 0, None]).sum(axis=0)
    np.testing.assert_allclose(found.weights[~treated], shares / shares[shares > 0].mean(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("n", [7, 64, 1000, 4099])
def test_the_same_values_have_the_same_score_to_the_last_bit(n):
    """A product of matrices rounds equal rows otherwise at its edges."""
    rng = np.random.default_rng(n)
    kinds = rng.normal(size=(5, 4))
    which = rng.integers(0, 5, n)
    score = fit_logit(rng.random(n) < 0.4, kinds[which]).probability
    assert all(len(np.unique(score[which == k])) == 1 for k in np.unique(which))


@pytest.mark.parametrize("settings", [MatchSettings(ratio=5, replace=True), MatchSettings(ratio=5)])
def test_a_hundred_thousand_are_matched_in_one_pass(settings):
    rng = np.random.default_rng(1)
    score = rng.random(100_000)
    treated = rng.random(100_000) < 0.3 + 0.4 * score
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "propensity_score", lambda candidates: score)
        with within(10):  # .4 and 1.4 on a quiet machine; more than 60 by all distances
            found = nearest.match(Candidates(treated, score[:, None]), settings)
    assert (found.pairs[:, 0] >= 0).mean() > 0.9


@pytest.mark.parametrize("method", [radius, kernel])
def test_the_treated_of_a_group_without_controls_take_none_of_another_group(method, monkeypatch):
    treated = np.array([True, True, False, False, True])
    groups = np.array([0, 1, 1, 1, 1])
    monkeypatch.setattr(method, "propensity_score", lambda candidates: np.full(5, 0.5))
    found = method.match(Candidates(treated, np.zeros((5, 1)), groups), MatchSettings(caliper=0.1, bandwidth=0.1))
    assert found.weights.tolist() == [0.0, 1.0, 1.0, 1.0, 1.0]


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
