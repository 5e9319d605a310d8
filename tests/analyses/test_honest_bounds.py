"""Honest bounds against other programs, printed tables, linear programs and simulation: none shares their algebra.

`honest_moderndid.json` has 30 random event studies with the sets that moderndid 0.4.1 (MIT) computed, by a grid of 400
values of θ and a linear program for each; the Medicaid estimates are of the data that moderndid brings (`ehec_data`),
and the intervals beside them what the README of R's HonestDiD prints.
"""

import json
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linprog, minimize
from scipy.stats import foldnorm, multivariate_normal, norm
from specdid.analyses._honest_bounds import (
    KAPPA,
    Estimates,
    RelativeMagnitudes,
    Smoothness,
    _first,
    folded_quantile,
    lasso_path,
    least_favorable,
)

REFERENCE = Path(__file__).parents[1] / "reference" / "did"


@cache
def studies():
    return json.loads((REFERENCE / "honest_moderndid.json").read_text(encoding="utf-8"))


def estimates(row):
    beta, p = np.array(row["beta"]), row["p"]
    return Estimates(beta[:p], beta[p:], np.array(row["vcov"]), np.array(row["l"]))


def medicaid(weights):
    row = json.loads((REFERENCE / "honest_medicaid.json").read_text(encoding="utf-8"))
    return estimates({**row, "p": 5, "l": weights})


@pytest.mark.parametrize("k", range(30))
def test_relative_magnitudes_agree_with_moderndid(k):
    """To a step of its grid, and the error of 1,000 draws in its critical value."""
    row = studies()[k]
    one = estimates(row)
    low, high = RelativeMagnitudes(one).confidence_set(row["mbar"])
    tolerance = 1.01 * row["step"] + 0.11 * one.std_error
    assert low == pytest.approx(row["relative_magnitudes"][0], abs=tolerance)
    assert high == pytest.approx(row["relative_magnitudes"][1], abs=tolerance)


@pytest.mark.parametrize("k", range(30))
def test_smoothness_agrees_with_moderndid(k):
    row = studies()[k]
    one = estimates(row)
    low, high = Smoothness(one).confidence_set(row["m"])
    assert (high - low) / 2 == pytest.approx(row["half_length"], rel=2e-4)
    assert (high - low) / 2 <= row["half_length"] * (1 + 2e-5)
    assert [low, high] == pytest.approx(row["smoothness"], abs=0.02 * one.std_error)


@pytest.mark.parametrize(
    ("bound", "low", "high"),
    [(0.5, 0.0240, 0.0672), (1, 0.0170, 0.0720), (1.5, 0.00824, 0.0797), (2, -0.000916, 0.0881)],
)
def test_medicaid_relative_magnitudes_are_those_that_honestdid_prints(bound, low, high):
    found = RelativeMagnitudes(medicaid([1, 0])).confidence_set(bound)
    assert found == pytest.approx((low, high), abs=4e-4)  # R's grid has steps of 0.0003


@pytest.mark.parametrize(
    ("bound", "low", "high"),
    [(0, 0.0259, 0.0607), (0.01, 0.0132, 0.0787), (0.02, 0.00286, 0.0907), (0.03, -0.00714, 0.101)],
)
def test_medicaid_smoothness_is_that_which_honestdid_prints(bound, low, high):
    assert Smoothness(medicaid([1, 0])).confidence_set(bound) == pytest.approx((low, high), abs=3e-4)


def moments(one, bound, combination):
    """The inequalities as HonestDiD writes them: A(β − (0, τ)) ≤ 0 for all periods after the reference."""
    p, t = len(one.pre), len(one.post)
    levels = np.insert(np.eye(p + t), p, 0.0, axis=0)
    after = np.diff(levels, axis=0)[p:]
    return np.vstack([after - bound * combination, -after - bound * combination])


def least_eta(y, a, one, theta):
    """The program in τ: least η with A(y − (0, τ)) ≤ η σ and l'τ = θ."""
    p, t = len(one.pre), len(one.post)
    sd = np.sqrt(np.diag(a @ one.vcov @ a.T))
    found = linprog(
        np.r_[1.0, np.zeros(t)],
        A_ub=np.column_stack([-sd, -a[:, p:]]),
        b_ub=-(a @ y),
        A_eq=np.r_[0.0, one.weights][None],
        b_eq=[theta],
        bounds=[(None, None)] * (t + 1),
        method="highs",
    )
    assert found.status == 0
    return found.fun, -found.ineqlin.marginals


def combinations(one):
    p, t = len(one.pre), len(one.post)
    before = np.diff(np.insert(np.eye(p + t), p, 0.0, axis=0), axis=0)[:p]
    return np.vstack([before, -before])


@pytest.mark.parametrize("k", range(0, 30, 5))
def test_the_program_solved_by_hand_is_the_linear_program(k):
    """Statistic and conditional bounds, by solving the program in τ anew along the line that the test conditions on."""
    row = studies()[k]
    one, bound = estimates(row), max(row["mbar"], 0.3)
    rng = np.random.default_rng(k)
    tests, y = RelativeMagnitudes(one), np.concatenate([one.pre, one.post])
    made = tests._moments(np.array([bound]))
    checked = 0
    for j, combination in enumerate(combinations(one)):
        a = moments(one, bound, combination)
        for theta in one.effect + one.std_error * rng.normal(size=2) * 3:
            eta, gamma = least_eta(y, a, one, theta)
            pair = np.array([one.effect - theta, combination @ y])
            mine = made.on[0, j] @ pair
            assert mine.max() == pytest.approx(eta, rel=1e-6, abs=1e-8)
            if eta <= 0.05:
                continue
            checked += 1
            # β moved so that the statistic changes and what is independent of it does not.
            direction = one.vcov @ (a.T @ gamma)
            variance = direction @ (a.T @ gamma)
            low, high = ends(y, a, one, theta, eta, direction / variance)
            s = np.sqrt(variance)
            critical = made.critical[0, j]
            high = min(high, critical)
            p = (norm.sf(eta / s) - norm.sf(high / s)) / (norm.sf(low / s) - norm.sf(high / s))
            level = 0.05 * (1 - KAPPA) / (1 - KAPPA * 0.05)
            rejects = eta > critical or p < level
            alone = tests._accepts_each(np.array([theta]), made)[0, j]
            if abs(p - level) > 1e-4:
                assert alone == (not rejects)
    assert checked


def ends(y, a, one, theta, eta, step):
    """Bisect for how far the statistic moves one for one along the line."""

    def moved(change):
        return abs(least_eta(y + change * step, a, one, theta)[0] - (eta + change)) < 1e-7

    found = []
    for sign in (-1.0, 1.0):
        near, far = 0.0, sign * 60.0
        if moved(far):
            found.append(sign * np.inf)
            continue
        for _ in range(40):
            middle = (near + far) / 2
            near, far = (middle, far) if moved(middle) else (near, middle)
        found.append(eta + near)
    return found


def test_the_least_favorable_critical_value_is_a_quantile_of_the_maximum():
    rng = np.random.default_rng(5)
    for _ in range(8):
        on = rng.normal(size=(4, 2))
        on /= np.linalg.norm(on, axis=1)[:, None]
        value = float(least_favorable(on, 0.005))
        draws = (rng.standard_normal((2_000_000, 2)) @ on.T).max(axis=1)
        assert np.mean(draws > value) == pytest.approx(0.005, abs=3e-4)
    for correlation in (-0.9, 0.0, 0.7):
        on = np.array([[1.0, 0.0], [correlation, np.sqrt(1 - correlation**2)]])
        value = float(least_favorable(on, 0.005))
        joint = multivariate_normal([0, 0], [[1, correlation], [correlation, 1]]).cdf([value, value])
        assert 1 - joint == pytest.approx(0.005, rel=2e-3)


def test_a_single_moment_has_the_normal_quantile():
    assert float(least_favorable(np.array([[2.0, 0.0]]), 0.005)) == pytest.approx(2 * norm.isf(0.005), rel=2e-3)


def test_the_folded_normal_quantile_is_scipys():
    mean = np.array([0.0, 0.01, 0.3, 1.0, 2.0, 5.0, 40.0])
    for alpha in (0.01, 0.05, 0.1):
        assert folded_quantile(mean, alpha) == pytest.approx(foldnorm.isf(alpha, mean), rel=1e-9)


def test_the_lasso_path_fulfils_the_conditions_of_a_minimum():
    rng = np.random.default_rng(2)
    for p in (1, 2, 5, 12):
        root = rng.normal(size=(p, p + 2))
        quadratic, linear = root @ root.T, rng.normal(size=p)
        path = lasso_path(quadratic, linear)
        assert np.allclose(quadratic @ path[-1], -linear)
        assert not path[0].any()
        for a, b in pairwise(path):
            c = (a + b) / 2
            gradient = quadratic @ c + linear
            on = np.abs(c) > 1e-12
            penalty = np.abs(gradient[on]).max()
            assert np.allclose(gradient[on], -penalty * np.sign(c[on]))
            assert (np.abs(gradient) <= penalty * (1 + 1e-9)).all()


def second_differences(p, t):
    """(P + T − 1, P + T): the changes of slope of δ, which is zero at the reference."""
    return np.diff(np.insert(np.eye(p + t), p, 0.0, axis=0), n=2, axis=0)


@pytest.mark.parametrize("k", [2, 3, 12])
def test_the_shortest_interval_is_that_of_a_search_with_the_worst_bias_by_a_linear_program(k):
    row = studies()[k]
    one, bound = estimates(row), row["m"]
    p, t = len(one.pre), len(one.post)
    changes = second_differences(p, t)

    def worst(w):
        found = linprog(
            -w,
            A_ub=np.vstack([changes, -changes]),
            b_ub=np.full(2 * len(changes), bound),
            bounds=[(None, None)] * len(w),
        )
        return -found.fun if found.status == 0 else np.inf

    trend = np.concatenate([np.arange(-p, 0.0), np.arange(1.0, t + 1)])
    start = np.concatenate([np.zeros(p), one.weights])
    start[p - 1] = one.weights @ trend[p:]
    assert start @ trend == pytest.approx(0)
    free = np.linalg.svd(trend[None, :p])[2][1:]

    def half(c):
        w = start + np.concatenate([c @ free, np.zeros(t)])
        s = np.sqrt(w @ one.vcov @ w)
        return s * foldnorm.isf(0.05, worst(w) / s)

    mine = Smoothness(one).confidence_set(bound)
    best = (
        min(
            minimize(half, x0, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-10, "maxiter": 600}).fun
            for x0 in (np.zeros(p - 1), np.random.default_rng(k).normal(size=p - 1) * 0.3)
        )
        if p > 1
        else half(np.zeros(0))
    )
    assert (mine[1] - mine[0]) / 2 <= best * (1 + 1e-6)
    if p < 5:  # the search does not find the minimum over more weights
        assert (mine[1] - mine[0]) / 2 == pytest.approx(best, rel=2e-3)


@pytest.mark.parametrize("k", range(0, 30, 4))
@pytest.mark.parametrize("kind", [RelativeMagnitudes, Smoothness])
def test_zero_enters_the_set_at_the_breakdown(kind, k):
    tests = kind(estimates(studies()[k]))
    value, again = tests.breakdown()
    assert not again
    if np.isnan(value):
        low, high = tests.confidence_set(0.0)
        assert low <= 0 <= high
        return
    for bound, inside in ((value * (1 - 1e-4) - 1e-9, False), (value * (1 + 1e-4) + 1e-9, True)):
        low, high = tests.confidence_set(bound)
        assert (low <= 0 <= high) == inside


def test_where_zero_enters_and_whether_it_leaves_again():
    scan = np.linspace(0.0, 3.0, 61)
    assert _first(lambda bound: bound > 1.23, scan) == (pytest.approx(1.23), False)
    assert _first(lambda bound: (bound > 1.23) & (bound < 2), scan) == (pytest.approx(1.23), True)
    assert _first(lambda bound: bound >= 0, scan) == (pytest.approx(np.nan, nan_ok=True), False)
    assert _first(lambda bound: bound < 1, scan) == (pytest.approx(np.nan, nan_ok=True), True)
    assert _first(lambda bound: bound < 0, scan) == (np.inf, False)


def test_a_bound_of_zero_gives_the_normal_interval():
    """The hybrid's two levels add up to the whole: half of 5% beyond either end."""
    one = estimates(studies()[3])
    half = norm.isf(0.025) * one.std_error
    assert RelativeMagnitudes(one).confidence_set(0.0) == pytest.approx(
        (one.effect - half, one.effect + half), abs=5e-4 * one.std_error
    )


def test_without_sampling_error_the_set_is_the_identified_one():
    """Section 2.4.1 by hand: l'β ± M̄ |L| times the largest change before."""
    pre, post = np.array([0.3, -0.1, 0.2]), np.array([1.0, 1.5])
    weights = np.array([0.5, 0.5])
    one = Estimates(pre, post, np.eye(5) * 1e-10, weights)
    for bound in (0.5, 1.0, 2.0):
        reach = bound * 0.4 * (1.0 + 0.5)  # the first change is in both effects, the second in half
        found = RelativeMagnitudes(one).confidence_set(bound)
        assert found == pytest.approx((1.25 - reach, 1.25 + reach), abs=2e-4)
    value, _ = RelativeMagnitudes(one).breakdown()
    assert value == pytest.approx(1.25 / (0.4 * 1.5), rel=1e-3)


def test_one_period_before_and_one_after():
    """One change before: with M̄ = 1 the worst difference is what it was."""
    one = Estimates(np.array([0.1]), np.array([1.0]), np.diag([1e-6, 1e-6]), np.array([1.0]))
    low, high = RelativeMagnitudes(one).confidence_set(1.0)
    assert 0.89 < low < 0.9
    assert 1.1 < high < 1.11
    low, high = Smoothness(one).confidence_set(0.0)  # linear extrapolation: 1 + 0.1
    assert (low + high) / 2 == pytest.approx(1.1)


def test_turning_the_sign_turns_the_set():
    row = studies()[3]
    one = estimates(row)
    other = Estimates(-one.pre, -one.post, one.vcov, one.weights)
    for kind, bound in ((RelativeMagnitudes, 0.7), (Smoothness, 0.01)):
        low, high = kind(one).confidence_set(bound)
        assert kind(other).confidence_set(bound) == pytest.approx((-high, -low), rel=1e-6)
        assert kind(other).breakdown()[0] == pytest.approx(kind(one).breakdown()[0], rel=1e-6, nan_ok=True)


def test_the_unit_of_the_outcome_changes_no_breakdown_of_relative_magnitudes():
    row = studies()[0]
    one = estimates(row)
    for factor in (1e-9, 1e7):
        other = Estimates(one.pre * factor, one.post * factor, one.vcov * factor**2, one.weights)
        assert RelativeMagnitudes(other).breakdown()[0] == pytest.approx(
            RelativeMagnitudes(one).breakdown()[0], rel=1e-6
        )
        assert Smoothness(other).breakdown()[0] == pytest.approx(Smoothness(one).breakdown()[0] * factor, rel=1e-5)
