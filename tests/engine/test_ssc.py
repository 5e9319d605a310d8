"""Small-sample corrections: counts of parameters, factors, t."""

import numpy as np
import pytest
from scipy import stats
from specdid.engine import ssc


def test_absorbed_parameters_count_one_constant_for_all_effects():
    assert ssc.absorbed_parameters([210]) == 210
    assert ssc.absorbed_parameters([210, 13]) == 222
    assert ssc.absorbed_parameters([210, 13], [True, False]) == 13
    assert ssc.absorbed_parameters([210, 13], [True, True]) == 1
    assert ssc.absorbed_parameters([1]) == ssc.absorbed_parameters([1], [False]) == 1
    assert ssc.absorbed_parameters([210, 13], None, 210) == 432


def test_absorbed_parameters_of_many_samples():
    levels = np.array([[210, 200, 5], [13, 13, 2]])
    assert ssc.absorbed_parameters(levels, [True, False]).tolist() == [13, 13, 2]
    nested = np.array([[True, False, False], [False, False, True]])
    assert ssc.absorbed_parameters(levels, nested).tolist() == [13, 212, 5]


def test_nested_is_within_any_cluster():
    city = np.array([0, 0, 1, 1, 2, 2])
    province = np.array([0, 0, 0, 0, 1, 1])
    year = np.array([0, 1, 0, 1, 0, 1])
    assert ssc.is_nested(city, (province,))
    assert not ssc.is_nested(province, (city,))
    assert ssc.is_nested(year, (city, year))
    assert not ssc.is_nested(year, (city,))


def test_factors():
    assert ssc.variance_factor("iid", 100, 10) == pytest.approx(1 / 90)
    assert ssc.variance_factor("hetero", 100, 10) == pytest.approx(100 / 90)
    assert ssc.variance_factor("cluster", 100, 10, 5) == pytest.approx(99 / 90 * 5 / 4)
    assert np.isnan(ssc.variance_factor("iid", 10, 10))
    assert np.isnan(ssc.variance_factor("cluster", 10, 5, 1))
    assert ssc.t_df("cluster", 100, 10, 5) == 4
    assert ssc.t_df("hetero", 100, 10) == 90


@pytest.mark.parametrize("df", [1.0, 12.0, 209.0, np.inf])
def test_t_inference(df):
    t, p, low, high = ssc.t_inference(np.array([-0.3]), np.array([0.1]), np.array([df]), 0.1)
    reference = stats.norm() if np.isinf(df) else stats.t(df)
    assert t[0] == pytest.approx(-3.0)
    assert p[0] == pytest.approx(2 * reference.sf(3.0), rel=1e-12)
    assert (low[0], high[0]) == pytest.approx((-0.3 - 0.1 * reference.ppf(0.95), -0.3 + 0.1 * reference.ppf(0.95)))


def test_nothing_follows_from_nothing():
    found = ssc.t_inference(np.array([1.0]), np.array([np.nan]), np.array([np.nan]), 0.05)
    assert all(np.isnan(x[0]) for x in found)
