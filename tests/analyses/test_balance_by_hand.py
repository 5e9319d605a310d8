"""Balance statistics against least squares and logit by other means."""

import numpy as np
import pytest
from specdid.analyses.balance import balance, joint_test


@pytest.fixture
def sample():
    rng = np.random.default_rng(3)
    columns = rng.normal(size=(120, 3)) * [1.0, 5.0, 0.2]
    treated = rng.random(120) < 1 / (1 + np.exp(1 - columns[:, 0]))
    weights = np.where(treated, 1.0, rng.choice([0.0, 0.5, 1.0, 2.5], 120))
    return columns, treated, weights


def test_before_matching_everything_is_textbook(sample):
    stats = pytest.importorskip("scipy.stats")
    columns, treated, weights = sample
    found = balance(columns, treated, weights)
    one, zero = columns[treated], columns[~treated]
    pooled = np.sqrt((one.var(axis=0, ddof=1) + zero.var(axis=0, ddof=1)) / 2)
    np.testing.assert_allclose(found.bias[0], 100 * (one.mean(axis=0) - zero.mean(axis=0)) / pooled)
    np.testing.assert_allclose(found.variance_ratio[0], one.var(axis=0, ddof=1) / zero.var(axis=0, ddof=1))
    t, p = stats.ttest_ind(one, zero)
    np.testing.assert_allclose(found.t[0], t)
    np.testing.assert_allclose(found.p_value[0], p)
    assert (found.n_treated[0], found.n_control[0]) == (treated.sum(), (~treated).sum())


def test_after_matching_t_is_that_of_weighted_least_squares(sample):
    models = pytest.importorskip("statsmodels.regression.linear_model")
    columns, treated, weights = sample
    found = balance(columns, treated, weights)
    used = weights > 0
    design = np.column_stack([np.ones(used.sum()), treated[used]])
    for k in range(3):
        fit = models.WLS(columns[used, k], design, weights=weights[used]).fit()
        assert found.mean_treated[1, k] - found.mean_control[1, k] == pytest.approx(fit.params[1])
        assert found.t[1, k] == pytest.approx(fit.tvalues[1])
        assert found.p_value[1, k] == pytest.approx(fit.pvalues[1])


def test_bias_keeps_its_denominator_and_reduction_its_sign(sample):
    columns, treated, weights = sample
    for denominator in ("pooled", "treated"):
        found = balance(columns, treated, weights, denominator)
        difference = found.mean_treated - found.mean_control
        np.testing.assert_allclose(found.bias[0] / difference[0], found.bias[1] / difference[1])
        np.testing.assert_allclose(found.reduction, 100 * (1 - np.abs(difference[1] / difference[0])))


def test_the_effective_number_of_controls_is_kishs(sample):
    columns, treated, weights = sample
    found = balance(columns, treated, weights)
    control = weights[~treated]
    assert found.n_control[1] == np.count_nonzero(control)
    assert found.n_eff_control[1] == pytest.approx(control.sum() ** 2 / (control**2).sum())
    assert found.n_eff_control[0] == found.n_control[0]


def test_a_constant_variable_has_no_bias_and_stops_nothing(sample):
    columns, treated, weights = sample
    found = balance(np.column_stack([columns, np.ones(120)]), treated, weights)
    assert np.isnan(found.bias[:, 3]).all()
    assert np.isfinite(found.bias[:, :3]).all()


def test_the_joint_test_is_the_likelihood_ratio_of_the_logit(sample):
    models = pytest.importorskip("statsmodels.genmod.generalized_linear_model")
    families = pytest.importorskip("statsmodels.genmod.families")
    columns, treated, weights = sample
    for w in (np.ones(120), weights):
        used = w > 0
        design = np.column_stack([np.ones(used.sum()), columns[used]])
        fit = models.GLM(treated[used].astype(float), design, family=families.Binomial(), freq_weights=w[used]).fit(
            tol=1e-14
        )
        found = joint_test(columns, treated, w)
        assert found.chi2 == pytest.approx(2 * (fit.llf - fit.llnull), rel=1e-8)
        assert found.df == 3
        assert found.pseudo_r2 == pytest.approx(1 - fit.llf / fit.llnull, rel=1e-8)


def test_separated_samples_have_no_joint_test():
    found = joint_test(np.arange(10.0)[:, None], np.arange(10) > 4, np.ones(10))
    assert np.isnan(found.p_value)
