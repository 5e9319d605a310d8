"""A null leaves out the very columns that the estimate left out, whatever they are called."""

import dataclasses

import numpy as np
import pytest
import specdid
from small_studies import small_panel, small_study
from specdid._run.infer import agreeing
from specdid.inference._base import NullDraws
from specdid.inference._tables import DrawTable
from specdid.inference._wild_draws import BatchSums, RegressionFamily, wild_draws

NULLS = {"draws": 99, "null": ["wild", "permutation"], "assign": "cohort + d", "cluster": "id"}


def p_values(**changes):
    given = {"outcome": {"y": "y"}, "fixed_effects": {"two": "id + year"}, "inference": NULLS}
    curve = specdid.run(small_study(**given | changes), data=small_panel(units=16), audit=0)
    tests = curve.tests
    assert [t.null for t in tests] == ["wild", "permutation"]
    return curve.table, [t.adjusted.p_null.tolist() for t in tests]


@pytest.mark.parametrize(
    ("controls", "dropped"),
    [
        ("x1 + x3 + I(x1 + x3)", "I(x1 + x3)"),
        ("x1 + x3 + I(x1 - x3) + group", "I(x1 - x3) + group"),
        ("x1 + x3 + factor(group)", None),
    ],
)
def test_terms_whose_label_holds_a_plus(controls, dropped):
    table, found = p_values(controls={"all": controls})
    _, plain = p_values(controls={"all": "x1 + x3"})
    assert table["dropped"].iloc[0]
    assert dropped is None or table["dropped"].iloc[0] == dropped
    assert found == [pytest.approx(p) for p in plain]


def test_one_label_with_another_content_in_each_variant():
    """ave(cohort, y) is the unit's cohort where y has no ties, and something else where it is winsorized."""
    variant = {"cut": {"none": {}, "5%": {"derive": {"y": "winsorize(y, 0.05)"}}}}
    table, found = p_values(controls={"mean": "ave(cohort, y)"}, variant=variant)
    _, plain = p_values(controls={"none": "1"})
    first = table.drop_duplicates("index")
    assert first["dropped"].tolist()[:1] == ["ave(cohort, y)"]
    assert [p[0] for p in found] == [pytest.approx(p[0]) for p in plain]


def test_a_singular_regression_has_no_test_and_costs_the_others_nothing():
    rng = np.random.default_rng(1)
    z = rng.normal(size=(30, 4))
    z[:, 3] = 0.0
    gram = np.stack([part.T @ part for part in np.split(z, 6)])
    blocks = BatchSums(gram, gram.sum(axis=0), ())
    signs = np.ones((6, 3))
    two = RegressionFamily(np.array([0, 0]), np.array([1, 1]), np.array([[2], [3]]), np.ones(2))
    one = RegressionFamily(np.array([0]), np.array([1]), np.array([[2]]), np.ones(1))
    estimate, statistic, *_ = wild_draws(blocks, two, signs, signs**2)
    assert np.isnan(estimate[1]).all()
    assert np.isnan(statistic[1]).all()
    assert statistic[0] == pytest.approx(wild_draws(blocks, one, signs, signs**2)[1][0])


def test_a_null_that_finds_another_estimate_is_left_out():
    curve = specdid.run(small_study(inference={"draws": 0}), data=small_panel(), audit=0)
    index = np.flatnonzero(curve.results.status == 0)[:3]
    exact = curve.results.estimate[index]
    table, ones = DrawTable.of(np.zeros((3, 5))), np.ones(3)
    draws = NullDraws("wild", index, exact.copy(), ones, np.full(3, 0.1), ones, table, table, (), 0, 9, 9, (table,) * 3)
    assert agreeing(draws, curve.results) is draws
    off = dataclasses.replace(draws, estimate=exact + np.array([0.0, 1e-4, 0.0]))
    kept = agreeing(off, curve.results)
    assert kept.index.tolist() == index[[0, 2]].tolist()
    assert kept.null_statistic.shape == (2, 5)
    assert [t.shape for t in kept.imposed] == [(2, 5)] * 3
    assert [c.message for c in kept.left_out] == [
        "1 specification is too near to collinear for this null, and left out of it"
    ]
