"""Every matching method on small cases worked out by hand, and what all methods must hold to."""

import subprocess
import sys

import numpy as np
import pytest
from specdid import _plugins
from specdid._plan.records import MatchSettings
from specdid.matching import _score, entropy, exact, kernel, nearest, radius
from specdid.matching._base import Candidates, Matched, Unmatched

METHODS = _plugins.names("matching")


def overlapping(seed=0, n=80, k=3, groups=None):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, k))
    treated = rng.random(n) < 1 / (1 + np.exp(-(X[:, 0] - 1)))
    return Candidates(treated, X, groups)


@pytest.fixture
def scored(monkeypatch):
    """Candidates with given scores, so that distances are known."""

    def make(treated, controls, groups=None):
        score = np.array([*treated, *controls], float)
        for module in (nearest, radius, kernel):
            monkeypatch.setattr(module, "propensity_score", lambda candidates: score)
        flags = np.arange(len(score)) < len(treated)
        return Candidates(flags, np.zeros((len(score), 1)), None if groups is None else np.array(groups))

    return make


def test_the_shelf_has_the_methods_of_the_contract():
    assert METHODS == ("entropy", "exact", "kernel", "nearest", "radius")


@pytest.mark.parametrize("name", METHODS)
def test_declarations_load_without_scipy(name):
    load = f"import sys; from specdid import _plugins; _plugins.load('matching', {name!r})"
    code = f"{load}; print('scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("grouped", [False, True])
def test_weights_are_one_for_treated_and_one_on_average_for_controls(name, grouped):
    groups = np.arange(200) % 2 if grouped else None
    candidates = overlapping(n=200, groups=groups)
    if name == "exact":
        candidates = Candidates(candidates.treated, np.round(candidates.covariates), groups)
    found = _plugins.load("matching", name).match(candidates, MatchSettings(caliper=0.1))
    assert isinstance(found, Matched)
    treated = found.weights[candidates.treated]
    controls = found.weights[~candidates.treated]
    assert set(treated) <= {0.0, 1.0}
    assert treated.any()
    assert controls[controls > 0].mean() == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("name", METHODS)
def test_groups_are_matched_apart(name):
    """Controls of a group without treated get no weight, whatever they look like."""
    base = overlapping(n=200)
    groups = np.where(base.treated, 1, np.arange(200) % 2)
    columns = np.round(base.covariates) if name == "exact" else base.covariates
    candidates = Candidates(base.treated, columns, groups)
    found = _plugins.load("matching", name).match(candidates, MatchSettings(caliper=0.1))
    assert found.weights[(groups == 0)].max() == 0
    assert found.weights[(groups == 1) & ~base.treated].max() > 0


@pytest.mark.parametrize("name", METHODS)
def test_units_do_not_matter(name):
    base = overlapping(n=120)
    columns = np.round(base.covariates) if name == "exact" else base.covariates
    method, settings = _plugins.load("matching", name), MatchSettings(caliper=0.2)
    plain = method.match(Candidates(base.treated, columns), settings).weights
    scaled = Candidates(base.treated, columns * np.array([1e6, -1e-6, 3.0]) + np.array([0.0, 1.0, 1e3]))
    np.testing.assert_allclose(method.match(scaled, settings).weights, plain, rtol=1e-6, atol=1e-9)


def test_nearest_takes_the_largest_score_first(scored):
    """0.6 takes 0.55, which 0.5 would have liked as well."""
    found = nearest.match(scored([0.5, 0.6], [0.55, 0.3, 0.9]), MatchSettings())
    assert found.pairs.tolist() == [[3], [2]]
    assert found.weights.tolist() == [1, 1, 1, 1, 0]


def test_nearest_with_replacement_uses_a_control_twice(scored):
    found = nearest.match(scored([0.5, 0.6], [0.55, 0.3, 0.9]), MatchSettings(replace=True))
    assert found.pairs.tolist() == [[2], [2]]
    assert found.weights.tolist() == [1, 1, 1, 0, 0]


def test_without_replacement_everyone_gets_a_match_before_anyone_a_second(scored):
    found = nearest.match(scored([0.5, 0.6], [0.58, 0.59, 0.1]), MatchSettings(ratio=2))
    assert found.pairs.tolist() == [[2, -1], [3, 4]]


def test_a_treated_unit_with_fewer_matches_gives_each_more_weight(scored):
    """The first has one match, the second two: shares 1, 1/2 and 1/2, with mean 1."""
    found = nearest.match(scored([0.5, 0.8], [0.49, 0.81, 0.78]), MatchSettings(ratio=2, caliper=0.05))
    assert found.pairs.tolist() == [[2, -1], [3, 4]]
    np.testing.assert_allclose(found.weights, [1, 1, 1.5, 0.75, 0.75])


def test_of_equally_near_controls_the_first_is_taken(scored):
    found = nearest.match(scored([0.5], [0.75, 0.25, 0.25]), MatchSettings(ratio=2))
    assert found.pairs.tolist() == [[1, 2]]


def test_a_caliper_includes_its_end_and_leaves_out_what_is_farther(scored):
    found = nearest.match(scored([0.5, 0.75], [0.25, 0.0]), MatchSettings(caliper=0.25))
    assert found.pairs.tolist() == [[2], [-1]]
    assert found.weights.tolist() == [1, 0, 1, 0]


def test_a_caliper_in_standard_deviations_is_of_all_scores(scored):
    scores = [0.5, 0.6], [0.45, 0.1, 0.2]
    width = np.std([*scores[0], *scores[1]], ddof=1)
    by_sd = nearest.match(scored(*scores), MatchSettings(caliper_sd=0.3))
    plain = nearest.match(scored(*scores), MatchSettings(caliper=0.3 * width))
    assert by_sd.pairs.tolist() == plain.pairs.tolist() == [[2], [-1]]


def test_common_support_leaves_out_treated_beyond_the_controls(scored):
    found = nearest.match(scored([0.5, 0.95, 0.1], [0.4, 0.9, 0.2]), MatchSettings(common_support=True))
    assert found.weights[:3].tolist() == [1, 0, 0]
    assert (nearest.match(scored([0.5, 0.95, 0.1], [0.4, 0.9, 0.2]), MatchSettings()).weights == 1).all()


def test_no_control_within_the_caliper_is_said(scored):
    found = nearest.match(scored([0.9], [0.1, 0.2]), MatchSettings(caliper=0.05))
    assert found == Unmatched("no treated unit has a control within the caliper")


def test_radius_weighs_all_within_alike(scored):
    """The first treated has two controls, the second one of them and another: shares 1/2, 1, 1/2."""
    found = radius.match(scored([0.5, 0.6], [0.44, 0.55, 0.66, 0.9]), MatchSettings(caliper=0.1))
    np.testing.assert_allclose(found.weights, [1, 1, 0.75, 1.5, 0.75, 0])


def test_kernel_is_epanechnikovs(scored):
    found = kernel.match(scored([0.5], [0.5, 0.55, 0.6, 0.7]), MatchSettings(bandwidth=0.1))
    shares = np.array([1.0, 0.75, 0.0, 0.0])
    np.testing.assert_allclose(found.weights[1:], shares / shares[:2].mean(), atol=1e-12)


def test_exact_weighs_controls_by_the_treated_of_their_stratum():
    values = np.array([0, 0, 1, 0, 1, 1, 2.0])[:, None]
    treated = np.array([1, 1, 1, 0, 0, 0, 0], bool)
    found = exact.match(Candidates(treated, values), MatchSettings())
    np.testing.assert_allclose(found.weights, [1, 1, 1, 2, 0.5, 0.5, 0])


def test_exact_without_a_common_value_is_said():
    candidates = Candidates(np.array([True, False]), np.array([[1.0], [2.0]]))
    assert "same values" in exact.match(candidates, MatchSettings()).message


def test_entropy_balances_means_and_stays_exponential():
    """Log weights are linear in the variables: the solution of Hainmueller's equation 8."""
    candidates = overlapping(n=150)
    found = entropy.match(candidates, MatchSettings())
    X, treated = candidates.covariates, candidates.treated
    weights = found.weights[~treated]
    np.testing.assert_allclose(weights @ X[~treated] / weights.sum(), X[treated].mean(axis=0), atol=1e-9)
    design = np.column_stack([np.ones(len(weights)), X[~treated]])
    left = np.log(weights) - design @ np.linalg.lstsq(design, np.log(weights), rcond=None)[0]
    assert np.abs(left).max() < 1e-9


def test_entropy_balancing_says_what_is_out_of_reach():
    X = np.array([5.0, 6.0, 1.0, 2.0, 3.0])[:, None]
    found = entropy.match(Candidates(np.array([1, 1, 0, 0, 0], bool), X), MatchSettings())
    assert "no weights of the controls" in found.message


SEPARATED = {
    "by one variable": np.column_stack([np.arange(20.0), np.sin(np.arange(20.0))]),
    "but for one value they share": np.column_stack([np.r_[np.arange(10.0), 9.0, np.arange(10.0, 19)]]),
    "by a combination": np.column_stack(
        [np.tile([0.0, 1.0], 10), np.r_[np.full(10, -0.6), np.full(10, 0.6)] - np.tile([0.0, 1.0], 10)]
    ),
}


@pytest.mark.parametrize("case", SEPARATED)
def test_separation_is_said(case):
    found = _score.propensity_score(Candidates(np.arange(20) >= 10, SEPARATED[case]))
    assert "separates treated and controls" in found.message


def test_a_far_outlier_is_not_separation():
    base = overlapping(n=300)
    X = base.covariates.copy()
    X[np.flatnonzero(~base.treated)[0], 0] = -60.0
    assert isinstance(_score.propensity_score(Candidates(base.treated, X)), np.ndarray)


def test_the_score_is_the_logit_of_statsmodels():
    logit = pytest.importorskip("statsmodels.discrete.discrete_model").Logit
    candidates = overlapping(seed=4, n=400, k=6)
    X = np.column_stack([np.ones(400), candidates.covariates])
    fit = logit(candidates.treated.astype(float), X).fit(disp=0, tol=1e-12)
    np.testing.assert_allclose(_score.propensity_score(candidates), fit.predict(X), rtol=1e-9)


def test_combinations_of_other_variables_change_nothing():
    candidates = overlapping(n=100)
    X = candidates.covariates
    more = Candidates(candidates.treated, np.column_stack([X, X[:, 0] - 2 * X[:, 1], np.ones(100)]))
    np.testing.assert_allclose(_score.propensity_score(more), _score.propensity_score(candidates), rtol=1e-9)


@pytest.mark.parametrize("treated", [np.zeros(4, bool), np.ones(4, bool)])
def test_one_side_alone_cannot_be_matched(treated):
    assert "to match" in _score.propensity_score(Candidates(treated, np.arange(4.0)[:, None])).message
