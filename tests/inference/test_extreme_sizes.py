"""The nulls do not depend on units, nor on the size of weights, however far from 1."""

import numpy as np
import polars as pl
import pytest
import specdid
from small_studies import small_panel, small_study
from specdid.inference._partialled_out import Residuals, make_sums, permutation_draws
from specdid.inference._scaling import ordinary_weights, standardised, unit_sized

DATA = small_panel().with_columns(x2=pl.col("x2").fill_null(0.0))


def nulls_of(data):
    spec = small_study(
        outcome={"y": "y"},
        controls={"some": "mvsw(x1, x2)"},
        weights={"none": "1", "w": "w"},
        fixed_effects={"two-way": "id + year", "none": "0", "slope": "id[x3] + year"},
        treatment={"d": "d"},
        inference={"draws": 19, "null": ["wild", "permutation"], "assign": "d", "strata": "group"},
    )
    curve = specdid.run(spec, data, audit=0)
    assert set(curve.table.status) <= {"ok", "duplicate"}
    assert not [w for w in curve.warnings if w.code in ("not_moved", "no_cluster_variance", "draws_failed")]
    return np.array([(r.p_value, r.draws) for r in curve.joint if "estimate" not in r.statistic]), curve


ORDINARY = nulls_of(DATA)[0]


@pytest.mark.parametrize(
    ("column", "size"),
    [
        ("x1", 2.0**-1000),
        ("x1", 2.0**990),
        ("x3", 2.0**-990),
        ("y", 2.0**-990),
        ("y", 2.0**980),
        ("d", 2.0**-900),
        ("d", 2.0**900),
        ("w", 2.0**-1000),
        ("w", 2.0**980),
        ("w", 2.0**-333),
    ],
)
def test_extreme_units_change_no_test(column, size):
    found, _ = nulls_of(DATA.with_columns(pl.col(column) * size))
    np.testing.assert_array_equal(found, ORDINARY)


def test_a_control_of_denormal_numbers_is_no_end_of_the_run():
    rng = np.random.default_rng(0)
    found, curve = nulls_of(DATA.with_columns(x1=pl.Series(rng.integers(-200, 200, len(DATA)) * 5e-324)))
    assert len(found) == len(ORDINARY)
    assert set(curve.table.status) == {"ok"}


def test_controls_that_cannot_be_told_apart_have_no_numbers():
    columns = np.ones((4, 3))
    draws = Residuals(np.arange(8.0).reshape(4, 2), np.arange(4), (), None)
    sums = make_sums(columns, draws, np.array([0, 0, 1, 1]), 2)
    for numbers in permutation_draws(sums, None, 2, np.array([0, 1]), 1.0):
        assert np.isnan(numbers).all()


def test_scaling_is_exact_and_leaves_ordinary_numbers():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 2))
    columns, scale = standardised(values * [1.0, 2.0**-1000])
    np.testing.assert_array_equal(columns, standardised(values)[0])
    np.testing.assert_array_equal(scale, standardised(values)[1] * [1.0, 2.0**-1000])
    assert ordinary_weights(values[:, 0] ** 2) is not None
    np.testing.assert_array_equal(ordinary_weights(np.abs(values[:, 0])), np.abs(values[:, 0]))
    dummies = (values > 0).astype(float)
    assert unit_sized(dummies)[0] is dummies
    numbers, power = unit_sized(dummies * 2.0**-700)
    assert power == -700
    np.testing.assert_array_equal(numbers, dummies)
    assert unit_sized(np.zeros(3))[1] == 0
