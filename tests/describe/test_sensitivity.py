import numpy as np
import pytest
from panels import members_of, reference_problem
from scipy.optimize import brentq
from scipy.stats import t as student
from specdid._describe.sensitivity import Moments, moments, oster_delta, robustness_value, sensitivity
from specdid.engine.coefficient_table import fit_full

SPECS = [(0, 2, (3, 4, 5), 0, f, w) for f in range(4) for w in (-1, 7)]


@pytest.fixture(scope="module")
def problem():
    return reference_problem()


def dummies_out(problem, members, s, fit):
    """Outcome, treatment and controls after a regression on dummies, by weighted least squares."""
    rows = fit.rows
    effects = problem.effects[members.effects[s]]
    blocks = [np.ones((len(rows), 1))]
    for c in effects.fixed:
        blocks.append(np.eye(problem.codes[:, c].max() + 1)[problem.codes[rows, c]])
    for c, x in effects.slopes:
        one = np.eye(problem.codes[:, c].max() + 1)[problem.codes[rows, c]]
        blocks.append(one * problem.values[rows, x][:, None])
    w = np.ones(len(rows)) if members.weights[s] < 0 else problem.values[rows, members.weights[s]]
    root = np.sqrt(w)[:, None]
    f = np.hstack(blocks) * root
    columns = np.concatenate([[members.outcome[s]], fit.columns[fit.columns >= 0]])
    v = problem.values[np.ix_(rows, columns)] * root
    v = v - f @ np.linalg.lstsq(f, v, rcond=None)[0]
    return v[:, 0], v[:, 1], v[:, 2:], np.linalg.matrix_rank(f)


@pytest.mark.parametrize("s", range(len(SPECS)))
def test_partial_r2_is_what_the_treatment_adds_by_dummies(problem, s):
    members = members_of(SPECS)
    fit = fit_full(problem, members, s)
    y, d, x, _ = dummies_out(problem, members, s, fit)
    rss = [np.sum((y - z @ np.linalg.lstsq(z, y, rcond=None)[0]) ** 2) for z in (x, np.column_stack([d, x]))]
    found = sensitivity(problem, members, s)
    assert found.partial_r2 == pytest.approx(1 - rss[1] / rss[0], rel=1e-6)


@pytest.mark.parametrize("s", range(len(SPECS)))
def test_moments_are_regressions_within_the_same_effects_and_rows(problem, s):
    members = members_of(SPECS)
    fit = fit_full(problem, members, s)
    y, d, x, _ = dummies_out(problem, members, s, fit)
    m = moments(problem, members, s, fit)
    b = np.linalg.lstsq(np.column_stack([d, x]), y, rcond=None)[0]
    left = y - np.column_stack([d, x]) @ b
    assert m.short == pytest.approx(d @ y / (d @ d), rel=1e-8)
    assert m.long == pytest.approx(b[0], rel=1e-8)
    assert m.long == pytest.approx(fit.estimate[0], rel=1e-8)
    assert m.r_long == pytest.approx(1 - left @ left / (y @ y), rel=1e-7)
    assert m.r_long == pytest.approx(fit.r2_within, rel=1e-7, nan_ok=True) or np.isnan(fit.r2_within)
    rest = d - x @ np.linalg.lstsq(x, d, rcond=None)[0]
    assert m.rest / m.x == pytest.approx((rest @ rest) / (d @ d), rel=1e-8)


@pytest.mark.parametrize("confounded", [0.02, 0.2, 0.45])
def test_a_confounder_as_strong_as_the_robustness_value_makes_the_estimate_zero(confounded):
    """Build a confounder with partial R² = RV with outcome and treatment: the bias is the estimate."""
    t, df = 12.0 * confounded / (1 - confounded) + 1, 150.0
    rv = robustness_value(t, df)
    bias = np.sqrt(rv * rv / (1 - rv) * df)  # |bias| in classical standard errors, equation 14
    assert bias == pytest.approx(t, rel=1e-10)


def test_robustness_value_of_significance_solves_its_definition():
    t, df, alpha = 5.0, 120.0, 0.05
    rv = robustness_value(t, df, alpha)

    def adjusted(r2):
        error = np.sqrt((1 - r2) / (1 - r2) * df / (df - 1))
        return (t - np.sqrt(r2 * r2 / (1 - r2) * df)) / error - student.ppf(1 - alpha / 2, df - 1)

    assert rv == pytest.approx(brentq(adjusted, 1e-9, 0.999), rel=1e-9)
    assert robustness_value(1.0, df, alpha) == 0.0
    assert rv < robustness_value(t, df)


@pytest.mark.parametrize("delta", [-0.7, 0.3, 1.0, 2.5])
@pytest.mark.parametrize("beta", [0.0, 0.4])
@pytest.mark.parametrize("noise", [0.0, 0.8])
def test_delta_is_the_one_with_which_the_population_was_made(delta, beta, noise):
    """Y = beta X + W1 + W2 + noise with cov(X, W2) / var(W2) = delta cov(X, W1) / var(W1)."""
    v1, v2, with_1, own = 1.3, 0.6, 0.35, 1.1
    with_2 = delta * with_1 / v1 * v2
    x = own + with_1**2 / v1 + with_2**2 / v2
    s = np.array([[x, with_1, with_2], [with_1, v1, 0], [with_2, 0, v2]])
    b = np.array([beta, 1.0, 1.0])
    y = b @ s @ b + noise

    def regress(which):
        inner, cross = s[np.ix_(which, which)], (s @ b)[which]
        coefficient = np.linalg.solve(inner, cross)
        return coefficient[0], coefficient @ cross / y

    (short, r_short), (long, r_long), (_, r_max) = regress([0]), regress([0, 1]), regress([0, 1, 2])
    m = Moments(short, r_short, long, r_long, y, x, x - with_1**2 / v1)
    assert oster_delta(m, r_max, beta) == pytest.approx(delta, rel=1e-9)


def test_without_controls_there_is_no_delta(problem):
    found = sensitivity(problem, members_of([(0, 2, (), 0, 1, -1)]), 0)
    assert np.isnan(found.delta)
    assert found.rv > 0
