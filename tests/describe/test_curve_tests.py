"""Statistics of a curve, by their definitions.

The nulls do not depend on units, nor on the size of weights, however far from 1.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import specdid
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from small_studies import small_panel, small_study
from specdid._arrays import ordinary_weights, standardised, unit_sized
from specdid._describe import curve_tests as s
from specdid._describe.curve_tests import null_median
from specdid.inference._base import NullDraws
from specdid.inference._draw_tables import DrawTable
from specdid.inference._partialled_out import Residuals, make_sums, permutation_draws

RNG = np.random.default_rng(5)
S, B = 40, 199


def draws(shift: float = 0.0) -> NullDraws:
    null = RNG.standard_t(30, size=(S, B))
    t = RNG.standard_t(30, size=S) + shift
    tables = DrawTable.of(null * 0.1), DrawTable.of(null)
    return NullDraws("wild", np.arange(S), t * 0.1, t, np.full(S, 0.1), np.full(S, 30.0), *tables)


@given(st.integers(19, 60), st.integers(0, 2**16), st.integers(0, 3))
def test_the_null_range_ends_where_p_does(draws, seed, tied):
    """A value beyond the range has p <= .05, one on or within it has not; the range holds 95% of the draws."""
    rng = np.random.default_rng(seed)
    null = np.round(rng.normal(size=draws) * 4, 1 if tied else 9)
    low, high = s.null_range(null)
    assert low == -high
    assert s.p_value(high, null) > 0.05
    assert s.p_value(np.nextafter(high * (1 + 1e-9), np.inf), null) <= 0.05
    assert np.mean(np.abs(null) <= high) >= 0.95
    assert s.null_range(np.abs(null), share=True) == (0.0, high)


def test_p_value_is_never_zero_and_counts_ties():
    null = np.array([-1.0, 0.5, 2.0, 3.0])
    assert s.p_value(10.0, null) == 1 / 5
    assert s.p_value(2.0, null) == 3 / 5
    assert s.p_value(0.1, np.array([np.nan, 0.0])) == 2 / 3


def test_median_and_shares():
    d = draws(1.0)
    everyone = np.ones(S, dtype=bool)
    median = s.median_estimate(d, everyone, "median")
    assert median.value == pytest.approx(np.median(d.estimate))
    null = np.abs(np.median(np.asarray(d.null_estimate), axis=0))
    assert median.p_value == (1 + (null >= abs(median.value)).sum()) / (B + 1)
    rows = {t.statistic: t for t in s.statistic_tests(d, everyone, 0.05, "")}
    critical = stats.t.ppf(0.975, 30)
    share = max((d.statistic > critical).mean(), (d.statistic < -critical).mean())
    assert rows["share significant, dominant sign"].value == pytest.approx(share)
    z = stats.norm.ppf(stats.t.cdf(d.statistic, 30))
    assert rows["Stouffer's Z"].value == pytest.approx(z.sum() / np.sqrt(S), rel=1e-9)


def test_the_dominant_share_is_that_of_one_sign():
    t = np.array([[3.0, 3.0, -3.0, 0.0], [-3.0, 3.0, -3.0, 1.9], [1.0, -2.1, -2.1, -1.9], [2.1, 0.0, 2.1, 1.0]])
    assert s.dominant_share(t, np.full(4, 2.0)).tolist() == [0.5, 0.5, 0.75, 0.0]
    sides = [s.dominant_side(column, np.full(4, 2.0)) for column in (*t.T, -t[:, 0], np.array([3.0, -3.0, 0.0, 0.0]))]
    assert sides == ["above", "above", "below", "", "below", "both"]


def test_a_placebo_has_the_shares_of_each_sign_by_two_sided_p():
    d = draws(1.0)
    d = replace(d, df=np.where(np.arange(S) % 2, 5.0, 30.0))
    some = np.arange(S) < 25
    found = null_median(d, some, "title", "scale", "", 0.1)
    p, null_p = (2 * stats.t.sf(np.abs(t[some]).T, d.df[some]).T for t in (d.statistic, np.asarray(d.null_statistic)))
    for sign, real, null in ((-1, found.real[0], found.negative), (1, found.real[1], found.positive)):
        assert real == pytest.approx(np.mean((p < 0.1) & (np.sign(d.statistic[some]) == sign)))
        assert null == pytest.approx(np.mean((null_p < 0.1) & (np.sign(np.asarray(d.null_statistic)[some]) == sign)))
    assert found.value == np.median(d.estimate[some])


def test_table_of_normal_scores_agrees_with_the_formula():
    t = RNG.standard_t(20, size=200_000)
    np.testing.assert_allclose(s.normal_scores(t, 20.0), stats.norm.ppf(stats.t.cdf(t, 20)), atol=2e-6)
    assert np.isfinite(s.normal_scores(np.full(100_000, 60.0), 200.0)).all()


def test_step_down_by_its_definition():
    d = draws(1.5)
    got = s.adjust(d, 0.05)
    order = np.argsort(-np.abs(d.statistic))
    expected, largest = np.empty(S), 0.0
    for j, k in enumerate(order):
        rest = np.abs(np.asarray(d.null_statistic)[order[j:]]).max(axis=0)
        largest = max(largest, (1 + (rest >= abs(d.statistic[k])).sum()) / (B + 1))
        expected[k] = largest
    np.testing.assert_allclose(got.p_adjusted, expected)
    assert (got.p_adjusted >= got.p_null - 1e-15).all()
    highest = np.sort(np.abs(np.asarray(d.null_statistic)).max(axis=0))
    assert (highest > got.critical).mean() <= 0.05
    assert np.isnan([got.band_low, got.band_high]).all()  # these draws do not say how t changes with the effect


def test_a_draw_that_is_no_number_is_the_most_extreme_of_all():
    d = draws(1.5)
    null = np.array(d.null_statistic)
    null[RNG.integers(0, S, 30), RNG.integers(0, B, 30)] = np.nan
    found, want = (
        s.adjust(replace(d, null_statistic=DrawTable.of(table)), 0.05)
        for table in (null, np.where(np.isnan(null), np.inf, null))
    )
    assert (want.p_null > s.adjust(d, 0.05).p_null).any()
    for name in ("p_null", "p_adjusted", "critical"):
        np.testing.assert_array_equal(getattr(found, name), getattr(want, name))


def test_rank_band():
    null = RNG.normal(size=(S, B))
    band = s.rank_band(DrawTable.of(null), np.arange(len(null)))
    np.testing.assert_allclose(band[1], np.median(np.sort(null, axis=0), axis=1))
    assert (np.diff(band[1]) >= 0).all()


def test_ties_of_a_share_are_ordered_by_a_second_statistic():
    shares, seconds = np.array([0.5, 0.25, 0.25, 0.25, 0.0]), np.array([0.1, -3.0, 2.0, 1.0, 9.0])
    assert s.p_of_share((0.25, 2.5), (shares, seconds)) == 3 / 6
    assert s.p_of_share((0.25, 0.5), (shares, seconds)) == 5 / 6
    assert s.p_of_share((0.25, -3.0), (shares, seconds)) == 3 / 6  # equal to a draw: it counts
    assert s.p_of_share((0.0, 99.0), (shares, seconds)) == 1.0  # nothing significant is never evidence
    assert np.isnan(s.p_of_share((float("nan"), 1.0), (shares, seconds)))


def test_the_share_rejects_as_often_as_it_says():
    """With few specifications, all ties counted, it would reject 1% of the time."""
    rng = np.random.default_rng(7)
    rejected, by_all_ties, runs = 0, 0, 2000
    for _ in range(runs):
        t = rng.standard_t(30, size=(1, 200)) * 0.9 + rng.standard_t(30, size=(4, 200)) * 0.45
        share, median = s.dominant_share(t, np.full(4, 2.0)), np.median(t, axis=0)
        rejected += s.p_of_share((share[0], median[0]), (share[1:], median[1:])) <= 0.05
        by_all_ties += s.p_value(share[0], share[1:]) <= 0.05
    assert 0.04 <= rejected / runs <= 0.06
    assert by_all_ties < rejected


DATA = small_panel().with_columns(x2=pl.col("x2").fill_null(0.0))


def nulls_of(data):
    spec = small_study(
        outcome={"y": "y"},
        controls={"some": "mvsw(x1, x2)"},
        weights={"none": "1", "w": "w"},
        fixed_effects={"two-way": "id + year", "none": "0", "slope": "id[x3] + year"},
        treatment={"d": "d"},
        inference={"draws": 19, "null": ["wild", "permutation"], "assign": "d", "strata": "group"},
        run={"backend": "serial"},
    )
    curve = specdid.run(spec, data, audit=0)
    assert set(curve.table.status) <= {"ok", "duplicate"}
    assert not [w for w in curve.warnings if w.code in ("not_moved", "no_cluster_variance", "draws_failed")]
    return np.array([(r.p_value, r.draws) for r in curve.joint if "estimate" not in r.statistic]), curve


@pytest.fixture(scope="module")
def ordinary():
    return nulls_of(DATA)[0]


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
def test_extreme_units_change_no_test(column, size, ordinary):
    found, _ = nulls_of(DATA.with_columns(pl.col(column) * size))
    np.testing.assert_array_equal(found, ordinary)


def test_a_control_of_denormal_numbers_is_no_end_of_the_run(ordinary):
    rng = np.random.default_rng(0)
    found, curve = nulls_of(DATA.with_columns(x1=pl.Series(rng.integers(-200, 200, len(DATA)) * 5e-324)))
    assert len(found) == len(ordinary)
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
