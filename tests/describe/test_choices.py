from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from curves import fits_of, plan_of, results_of, smart_city, subsets
from pace import within
from specdid._describe import choices
from specdid._describe.choices import (
    Factor,
    change_factors,
    describe_choices,
    mean_changes,
    variance_factors,
    variance_shares,
)
from specdid._records import Code, collect
from specdid._records.results import TextColumn


def factor(name, codes, reference=0):
    codes = np.asarray(codes, np.int64)
    return Factor(name, name, tuple(str(k) for k in range(codes.max() + 1)), codes, reference)


def factorial(*sizes):
    return [factor(f"f{d}", g.reshape(-1)) for d, g in enumerate(np.indices(sizes))]


def r2(factors, y):
    dummies = np.column_stack([np.ones(len(y)), *(np.eye(f.codes.max() + 1)[f.codes] for f in factors)])
    left = y - dummies @ np.linalg.lstsq(dummies, y, rcond=None)[0]
    return 1 - left @ left / np.sum((y - y.mean()) ** 2)


def by_all_orders(factors, y, first=-1, last=()):
    total = np.zeros(len(factors))
    orders = [o for o in permutations(range(len(factors))) if all(o.index(first) < o.index(f) for f in last)]
    for order in orders:
        for k, f in enumerate(order):
            before = r2([factors[j] for j in order[:k]], y) if k else 0.0
            total[f] += r2([factors[j] for j in order[: k + 1]], y) - before
    return total / len(orders)


def test_a_full_factorial_is_the_analysis_of_variance():
    factors = factorial(2, 3, 4)
    y = np.random.default_rng(1).normal(size=24)
    found = variance_shares(factors, y)
    total = np.sum((y - y.mean()) ** 2)
    for f, share in zip(factors, found.share, strict=True):
        means = np.array([y[f.codes == k].mean() for k in range(f.codes.max() + 1)])
        assert np.isclose(share, np.sum((means[f.codes] - y.mean()) ** 2) / total)
    assert found.balanced
    assert np.isclose(found.share.sum() + found.rest, 1)


def test_without_balance_it_is_the_mean_over_all_orders():
    rng = np.random.default_rng(2)
    keep = np.sort(rng.choice(48, 31, replace=False))
    factors = [factor(f.name, f.codes[keep]) for f in factorial(2, 3, 2, 4)]
    y = rng.normal(size=31) + factors[1].codes
    found = variance_shares(factors, y)
    assert not found.balanced
    np.testing.assert_allclose(found.share, by_all_orders(factors, y), atol=1e-10)


def tied_controls():
    """Three rows of a tie, each with its own control in half of its specifications, under two samples."""
    tie, half, sample = (f.codes for f in factorial(3, 2, 2))
    controls = [factor(f"x{k}", (tie == k) & (half == 1)) for k in range(3)]
    return [replace(f, dimension="controls", within="tie") for f in controls[:2]] + [
        factor("tie", tie),
        replace(controls[2], dimension="controls", within="tie"),
        factor("sample", sample),
    ]


@pytest.mark.parametrize("exact", [True, False])
def test_tied_controls_come_after_what_they_are_tied_to(exact, monkeypatch):
    factors = tied_controls()
    y = 5.0 * factors[2].codes + sum(f.codes for f in factors) + np.random.default_rng(4).normal(size=12) / 10
    expected = by_all_orders(factors, y, first=2, last=(0, 1, 3))
    if not exact:
        monkeypatch.setattr(choices, "EXACT", 1)
    found = variance_shares(factors, y).share
    np.testing.assert_allclose(found, expected, atol=1e-10 if exact else 0.01)
    assert found[2] > 0.9 > by_all_orders(factors, y)[2]


def test_two_choices_that_always_go_together_share_equally():
    a = factorial(2, 3)
    found = variance_shares([a[0], a[0], a[1]], np.arange(6.0))
    assert np.isclose(found.share[0], found.share[1])
    assert np.isclose(found.share.sum(), 1)


def test_many_unbalanced_choices_are_averaged_over_the_same_orders(monkeypatch):
    rng = np.random.default_rng(3)
    keep = np.sort(rng.choice(2**6, 50, replace=False))
    factors = [factor(f.name, f.codes[keep]) for f in factorial(*[2] * 6)]
    y = rng.normal(size=50) + factors[0].codes
    exact = variance_shares(factors, y)
    monkeypatch.setattr(choices, "EXACT", 3)
    sampled = variance_shares(factors, y)
    np.testing.assert_allclose(sampled.share, exact.share, atol=0.01)
    assert np.array_equal(sampled.share, variance_shares(factors, y).share)


def test_controls_are_a_factor_per_variable_and_those_always_together_one():
    planned = plan_of({"sample": ["all", "east"]}, [(), ("a", "b"), ("a", "b", "c"), ("c",)])
    results = results_of(planned)
    (family,) = results.families
    assert [f.name for f in variance_factors(results, family.places)] == ["a + b", "c", "sample"]
    assert [f.name for f in change_factors(results, family.places)] == ["a + b", "c", "sample"]
    nested = results_of(plan_of({"sample": ["all", "east"]}, [(), ("a",), ("a", "b")]))
    (family,) = nested.families
    assert [f.name for f in variance_factors(nested, family.places)] == ["a", "b", "sample"]
    assert [f.name for f in change_factors(nested, family.places)] == ["controls", "sample"]


def test_changes_are_means_over_pairs_equal_in_all_else_against_the_preferred():
    planned = smart_city(3, preferred=200)
    results = results_of(planned, fails={7: Code.ABSORBED, 201: Code.ABSORBED})
    (family,) = results.families
    y = results.estimate
    changes = describe_choices(results, family).changes
    d = planned.dimensions.index("sample")
    for change in (c for c in changes if c.factor.dimension == "sample"):
        wanted = planned.labels[d].index(change.factor.labels[change.level])
        differences = []
        for s in range(len(planned)):
            twin = planned.codes[s].copy()
            twin[d] = planned.codes[200, d]
            (t,) = np.flatnonzero((planned.codes == twin).all(axis=1))
            if planned.codes[s, d] == wanted and np.isfinite(y[s]) and np.isfinite(y[t]):
                differences.append(y[s] - y[t])
        assert change.pairs == len(differences)
        assert np.isclose(change.mean, np.mean(differences))
    assert {c.factor.labels[c.factor.reference] for c in changes if c.factor.dimension == "sample"} == {
        planned.labels[d][planned.codes[200, d]]
    }


def test_a_sparse_grid_gives_the_same_changes_as_a_full_one():
    full = factorial(2, 3, 2)
    y = np.random.default_rng(8).normal(size=12)
    blank = factor("never", np.zeros(12, int))
    wide = [*full, Factor("wide", "wide", tuple("abcdefghijklmnopqrstuvwxyz"), blank.codes, 0)]
    sparse = [c for c in mean_changes([*wide, *[wide[-1]] * 2], y) if c.factor.name != "wide"]
    assert [(c.mean, c.pairs) for c in sparse] == [(c.mean, c.pairs) for c in mean_changes(full, y)]


def test_an_option_without_a_pair_has_no_change():
    (change,) = mean_changes([factor("a", [0, 1]), factor("b", [0, 1])], np.array([1.0, 2.0]))[:1]
    assert change.pairs == 0
    assert np.isnan(change.mean)


def test_spread_compares_modelling_with_sampling_variance():
    planned = smart_city(1, preferred=3)
    results = results_of(planned)
    (family,) = results.families
    found = describe_choices(results, family).spread
    b, se = results.estimate, results.first("std_error")
    assert np.isclose(found.modelling, np.mean((b - b.mean()) ** 2))
    assert np.isclose(found.sampling, np.mean(se**2))
    assert np.isclose(found.ratio, np.std(b) / np.sqrt(np.mean(se**2)))
    assert np.isclose(found.robustness, b[3] / np.sqrt(np.var(b) + np.mean(se**2)))
    assert np.isclose(found.sign, np.mean((b < 0) == (b[3] < 0)))
    assert found.of_preferred


def test_families_part_scales_and_estimands():
    planned = plan_of(
        {"outcome": ["y", "z"], "estimator": ["OLS", "did2s"]},
        scales={"y": "logs", "z": "logs"},
        estimands={"OLS": "one", "did2s": "other"},
    )
    assert [(f.group, f.estimand, f.places.tolist()) for f in results_of(planned).families] == [
        ("logs", "one", [0, 2]),
        ("logs", "other", [1, 3]),
    ]


def test_equal_estimates_have_no_shares():
    found = variance_shares(factorial(2, 2), np.full(4, 3.0))
    assert found.share.tolist() == [0, 0]


@pytest.mark.parametrize("failing", [0, 40])
def test_a_hundred_thousand_take_seconds(failing):
    names = [f"x{k}" for k in range(11)]
    planned = plan_of(
        {
            "sample": ["a", "b", "c"],
            "weights": ["1", "pop"],
            "fixed_effects": ["u", "v"],
            "winsor": ["0", "1", "2", "5"],
        },
        subsets(*names),
    )
    bad = np.random.default_rng(0).choice(len(planned), failing, replace=False)
    results = collect(planned, [fits_of(planned, fails=dict.fromkeys(bad.tolist(), Code.ABSORBED))], ["x"])
    (family,) = results.families
    with within(20):
        found = describe_choices(results, family)
    assert len(planned) == 98_304
    assert len(found.factors) == 15
    assert found.shares.balanced == (failing == 0)


def left_out(results, dropped):
    """Results whose specifications lost controls as collinear, by their sets of terms."""
    planned = results.planned
    d = planned.dimensions.index("controls")
    texts = [dropped.get(planned.labels[d][code]) for code in planned.codes[:, d].tolist()]
    return replace(results, dropped=TextColumn.encode(texts))


def test_a_control_that_is_dropped_is_credited_with_nothing():
    """`b` is absorbed in all of its regressions: those with and without it are the same."""
    results = results_of(plan_of({"outcome": ["y"]}, [("a", "c"), ("c", "b")]))
    (family,) = results.families
    assert {f.name for f in describe_choices(results, family).factors} == {"a", "b"}
    assert not describe_choices(results, family).left_out
    found = describe_choices(left_out(results, {"c + b": "b"}), family)
    assert [f.name for f in found.factors] == ["a"]
    assert found.shares.share == pytest.approx([1.0])
    assert found.left_out


def test_a_factor_that_is_dropped_whole_is_credited_with_nothing():
    results = results_of(plan_of({"outcome": ["y"]}, [("a",), ("a", "factor(g)"), ("a", "b")]))
    (family,) = results.families
    for text, factors in (("factor(g)", {"b"}), ("factor(g)2", {"factor(g)", "b"})):
        found = describe_choices(left_out(results, {"a + factor(g)": text}), family)
        assert {f.name for f in found.factors} == factors


def test_a_control_counts_where_it_was_estimated():
    results = results_of(plan_of({"outcome": ["y"]}, subsets("I(x + b)", "b")))
    (family,) = results.families
    whole = describe_choices(results, family)
    same = describe_choices(left_out(results, {"I(x + b)": "I(x + b)"}), family)
    counted = {f.name: sum(f.codes.tolist()) for f in same.factors}
    assert counted == {"I(x + b)": 1, "b": 2}  # a name inside of another that was dropped is not dropped
    part = describe_choices(left_out(results, {"b": "factor(z)2"}), family)  # of a control that is no choice
    assert not part.left_out
    assert part.shares.share == pytest.approx(whole.shares.share)


def test_controls_that_go_together_are_one_choice_where_any_of_them_was_estimated():
    results = results_of(plan_of({"outcome": ["y"]}, [(), ("a", "b")]))
    (family,) = results.families
    (factor,) = describe_choices(left_out(results, {"a + b": "a"}), family).factors
    assert (factor.name, factor.codes.tolist()) == ("b", [0, 1])
    assert describe_choices(left_out(results, {"a + b": "a + b"}), family).factors == ()
