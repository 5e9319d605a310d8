"""The listwise path against plain least squares with dummies, member by member.

The listwise path against the dense one and against pyfixest, and what it leaves to others.
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from examples import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from listwise_problems import (
    CITY,
    EFFECTS,
    PROVINCE,
    SPECS,
    X0,
    Y0,
    Y1,
    YEAR,
    D,
    by_dummies,
    complete_rows,
    make_members,
    make_problem,
    signatures,
)
from specdid.engine import execute, listwise, ssc
from specdid.engine.listwise import members as listwise_members
from specdid.engine.problem import Effects, Members, Problem, Vcov
from specdid.engine.rows import row_words, rows_digest


def check(problem: Problem, specs: list, fits, undecided) -> int:
    """Compare all columns of the members that are decided; say how many these are."""
    for s in np.flatnonzero(~undecided):
        plain = by_dummies(problem, specs[s])
        words = str(specs[s])
        assert abs(fits.estimate[s] - plain.estimate) <= plain.off_estimate, words
        known = np.array(plain.off_variance) < 1
        real = np.isfinite(plain.std_error) & known
        found, expected = fits.std_error[s][real], np.array(plain.std_error)[real]
        assert (np.abs((found / expected) ** 2 - 1) <= np.array(plain.off_variance)[real]).all(), words
        np.testing.assert_array_equal(fits.df[s][real], np.array(plain.df)[real], err_msg=words)
        np.testing.assert_array_equal(fits.vcov_code[s][known], np.where(real, 0, 2)[known])
        assert fits.nobs[s] == plain.rows.sum()
        assert fits.n_missing[s] == plain.n_missing
        np.testing.assert_allclose(fits.r2_within[s], plain.r2_within, rtol=0, atol=plain.off_r2)
    return int((~undecided).sum())


@settings(max_examples=examples(12))
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.05, 0.25]))
@example(319, 0.0)  # an estimate of 9e-7 with an error of .4
def test_equals_least_squares_with_dummies(seed: int, missing: float):
    problem = make_problem(seed, missing=missing)
    members = make_members(SPECS)
    assert listwise.supports(problem, members).all()
    fits, undecided = listwise.fit(problem, members)
    assert check(problem, SPECS, fits, undecided) >= 0.6 * len(SPECS)


@settings(max_examples=examples(25))
@given(st.integers(0, 2**32 - 1))
def test_sparse_panels_whose_components_split(seed: int):
    problem = make_problem(seed, cities=12, years=4, missing=0.3, controls=1)
    specs = [(y, D, c, 0, e, -1) for y in (Y0, Y1) for c in ((), (X0,)) for e in range(len(EFFECTS))]
    fits, undecided = listwise.fit(problem, make_members(specs))
    check(problem, specs, fits, undecided)


@pytest.fixture(scope="module")
def fitted():
    problem = make_problem(7)
    fits, undecided = listwise.fit(problem, make_members(SPECS))
    assert not undecided.any()
    return problem, fits


def test_t_p_and_limits_follow(fitted):
    problem, fits = fitted
    t, p, low, high = ssc.t_inference(fits.estimate[:, None], fits.std_error, fits.df, problem.alpha)
    columns = (fits.statistic, fits.p_value, fits.conf_low, fits.conf_high)
    for column, values in zip(columns, (t, p, low, high), strict=True):
        np.testing.assert_array_equal(column, values)


def test_counts_of_units_and_rows(fitted):
    problem, fits = fitted
    for s in range(0, len(SPECS), 5):
        outcome, treatment, controls, sample, _, weights = SPECS[s]
        rows = by_dummies(problem, SPECS[s]).rows
        d, city = problem.values[rows, treatment], problem.codes[rows, CITY]
        values = [set(d[city == c]) for c in np.unique(city)]
        assert fits.n_units[s] == len(values)
        assert fits.n_treated[s] == sum(len(v) > 1 for v in values)
        assert fits.n_control[s] == sum(v == {0.0} for v in values)
        assert fits.n_always_treated[s] == sum(len(v) == 1 and v != {0.0} for v in values)
        assert fits.n_singletons[s] == complete_rows(problem, SPECS[s]).sum() - rows.sum()
        used = [outcome, treatment, *controls] + ([weights] if weights >= 0 else [])
        assert fits.n_log0[s] == (problem.rows[sample] & problem.log0[:, used].any(1)).sum()
        assert fits.y_mean[s] == pytest.approx(problem.values[rows, outcome].mean(), rel=1e-12)
        w = problem.values[rows, weights] if weights >= 0 else np.ones(rows.sum())
        assert fits.n_eff[s] == pytest.approx(w.sum() ** 2 / (w @ w), rel=1e-12)


def test_signatures_tell_models_apart_and_the_same_model_together(fitted):
    problem, fits = fitted
    keys = {tuple(s) for s in signatures(problem, make_members(SPECS), fits).tolist()}
    assert len(keys) == len(SPECS)
    constant_within_cities = len(problem.labels) - 1
    plain, with_constant = (Y0, D, (X0,), 0, 1, -1), (Y0, D, (X0, constant_within_cities), 0, 1, -1)
    specs = [plain, with_constant, (Y0, D, (X0,), 0, 5, -1)]
    again, _ = listwise.fit(problem, make_members(specs))
    assert again.dropped == {1: (constant_within_cities,)}
    one, same, other = signatures(problem, make_members(specs), again).tolist()
    assert one == same != other
    assert again.estimate[0] == pytest.approx(again.estimate[1], rel=1e-12)


def test_the_digest_of_rows_is_the_dense_paths(fitted):
    problem, _ = fitted
    from specdid.engine.listwise.grid import Scratch
    from specdid.engine.listwise.members import group_keys, make_group, solve

    members = make_members(SPECS[:3])
    key, mine = group_keys(members)[0]
    group = make_group(problem, members, key, mine)
    solved = solve(group, members, group.members[:1], Scratch())
    rows = by_dummies(problem, SPECS[group.members[0]]).rows
    assert solved.rows_digest[0].tolist() == rows_digest(rows, row_words(len(rows))).tolist()


def test_extra_rows_must_be_complete_too():
    problem = make_problem(3)
    spec = (Y0, D, (X0,), 0, 2, -1)
    members = make_members([spec, spec])
    members = replace(members, extra_rows=np.array([-1, X0 + 1]))
    fits, _ = listwise.fit(problem, members)
    hidden = problem.values.copy()
    hidden[np.isnan(hidden[:, X0 + 1]), Y0] = np.nan
    plain = by_dummies(replace(problem, values=hidden), spec)
    assert fits.nobs.tolist() == [by_dummies(problem, spec).rows.sum(), plain.rows.sum()]
    assert fits.estimate[1] == pytest.approx(plain.estimate, rel=1e-11)


def test_a_treatment_that_is_not_binary_counts_units():
    problem = make_problem(5)
    spec = (Y0, X0, (D,), 0, 2, -1)
    fits, undecided = listwise.fit(problem, make_members([spec]))
    assert check(problem, [spec], fits, undecided) == 1
    assert fits.n_treated[0] == fits.n_units[0]


def test_columns_far_from_zero_and_of_any_scale_keep_their_digits():
    problem = make_problem(13)
    values = problem.values.copy()
    values[:, X0] = 1e7 + values[:, X0]
    values[:, X0 + 1] *= 1e-9
    values[:, Y0] *= 1e6
    problem = replace(problem, values=values)
    specs = [(Y0, D, (X0, X0 + 1), 0, e, -1) for e in range(len(EFFECTS))]
    fits, undecided = listwise.fit(problem, make_members(specs))
    assert not undecided.any()
    for s, spec in enumerate(specs):
        shifted = values.copy()
        shifted[:, X0] -= 1e7
        shifted[:, X0 + 1] *= 1e9
        plain = by_dummies(replace(problem, values=shifted), spec)
        np.testing.assert_allclose(fits.estimate[s], plain.estimate, rtol=1e-9)
        np.testing.assert_allclose(fits.std_error[s], plain.std_error, rtol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_a_treatment_close_to_a_control_keeps_twelve_digits(seed):
    """Moments leave ten; the rows have the others."""
    problem = make_problem(seed)
    values = problem.values.copy()
    values[:, D] = values[:, X0] + 0.005 * values[:, X0 + 1]
    values[:, Y0] += values[:, D]
    problem, spec = replace(problem, values=values), (Y0, D, (X0,), 0, 2, -1)
    fits, undecided = listwise.fit(problem, make_members([spec]))
    assert not undecided.any()
    assert fits.estimate[0] == pytest.approx(by_dummies(problem, spec).estimate, rel=2e-12)


def undecided_for(values_of, controls=(X0,), effects=2) -> bool:
    problem = make_problem(11)
    values = problem.values.copy()
    values_of(values, problem.codes)
    members = make_members([(Y0, D, controls, 0, effects, -1)])
    _, undecided = listwise.fit(replace(problem, values=values), members)
    return bool(undecided[0])


def test_what_moments_cannot_decide_is_left():
    def near_copy(values, codes):
        values[:, X0 + 1] = values[:, X0] + 1e-4 * values[:, X0 + 2]

    def treatment_absorbed(values, codes):
        values[:, D] = codes[:, CITY] % 2

    def control_is_treatment(values, codes):
        values[:, X0] = 2 * values[:, D]

    def constant_outcome(values, codes):
        values[:, Y0] = 3.0

    def perfect_fit(values, codes):
        values[:, Y0] = 2 * values[:, D] + values[:, X0]

    def no_rows(values, codes):
        values[:, X0] = np.nan

    def sum_of_effects(values, codes):
        values[:, X0] = np.sqrt(codes[:, CITY] + 2.0) + np.log(codes[:, YEAR] + 2.0)

    assert not undecided_for(lambda values, codes: None)
    assert undecided_for(near_copy, (X0, X0 + 1, X0 + 2))
    changes = [treatment_absorbed, control_is_treatment, constant_outcome, perfect_fit, no_rows]
    for change in (*changes, sum_of_effects):
        assert undecided_for(change), change.__name__


def test_slopes_three_effects_wide_effects_and_aggregates_are_not_supported():
    problem = make_problem(17)
    many = np.arange(len(problem.values), dtype=np.int64) // 2
    rng = np.random.default_rng(0)
    codes = np.column_stack([problem.codes, many, rng.permutation(many)])
    effects = (Effects((0,), ((1, X0),)), Effects((0, 1, 2)), Effects((4, 5)), Effects((0, 1)))
    problem = replace(problem, codes=codes, effects=effects)
    members = make_members([(Y0, D, (), 0, e, -1) for e in range(4)])
    assert listwise.supports(problem, members).tolist() == [False, False, False, True]
    assert not listwise.supports(problem, replace(members, sunab=np.zeros(4, dtype=np.int64))).any()


def test_the_same_members_give_the_same_bytes():
    problem = make_problem(19)
    members = make_members(SPECS)
    one, two = listwise.fit(problem, members)[0], listwise.fit(problem, members)[0]
    for name in ("estimate", "std_error", "p_value", "r2_within", "signature"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_where_a_chunk_ends_changes_nothing_but_rounding(size):
    """Every member is in one chunk, and a chunk that is half full has one outcome."""
    problem, members = make_problem(19), make_members(SPECS)
    whole = listwise.fit(problem, members)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listwise_members, "CHUNK", size)
        for key, mine in listwise.group_keys(members):
            group = listwise_members.make_group(problem, members, key, mine)
            runs = list(listwise_members.chunks(group, members))
            np.testing.assert_array_equal(np.concatenate(runs), group.members)
            for run in runs:
                assert len(run) <= size
                assert len(set(members.outcome[run[size // 2 :]].tolist())) <= 1
        cut = listwise.fit(problem, members)
    np.testing.assert_array_equal(cut[1], whole[1])
    sure = ~whole[1]
    for name in ("estimate", "std_error", "r2_within", "y_mean"):
        np.testing.assert_allclose(getattr(cut[0], name)[sure], getattr(whole[0], name)[sure], rtol=1e-9)
    for name in ("nobs", "n_missing", "n_singletons", "n_units", "n_treated", "signature"):
        assert getattr(cut[0], name).tobytes() == getattr(whole[0], name).tobytes()


def both_paths(problem: Problem, members: Members):
    """Fits of the dense path and of the listwise one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "MANY_MASKS", 10**9)
        dense = execute.run(problem, members)
    fits, undecided = listwise.fit(problem, members)
    return dense, replace(fits, signature=signatures(problem, members, fits)), undecided


@settings(max_examples=examples(6))
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.01, 0.2]))
def test_every_column_is_the_dense_paths(seed: int, missing: float):
    problem = make_problem(seed, missing=missing)
    dense, fits, undecided = both_paths(problem, make_members(SPECS))
    decided = np.flatnonzero(~undecided)
    assert not dense.code[decided].any()
    largest = np.nanmax(dense.std_error[decided], axis=1, keepdims=True)
    squares = [one.std_error[decided] ** 2 for one in (fits, dense)]
    np.testing.assert_allclose(*(np.nan_to_num(s) / largest**2 for s in squares), rtol=0, atol=1e-10)
    whole = dense.std_error[decided] > 0.01 * largest
    assert whole.mean() > 0.9
    assert not {*fits.near, *dense.near} & {*decided.tolist()}
    for field in fields(fits):
        if field.name in ("detail", "dropped", "near", "seconds", "vcov_detail", "extra"):
            continue
        found, expected = getattr(fits, field.name)[decided], getattr(dense, field.name)[decided]
        if field.name in ("std_error", "statistic", "p_value", "conf_low", "conf_high"):
            # A two-way variance is a difference: where little is left of it, so is of its digits.
            found, expected = found[whole], expected[whole]
        if found.dtype.kind == "f":
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=field.name)
        else:
            np.testing.assert_array_equal(found, expected, err_msg=field.name)
    assert {s: d for s, d in dense.dropped.items() if s in decided} == fits.dropped


def test_logs_of_nothing_in_the_weights_are_counted():
    problem = make_problem(9)
    values, log0, heavy = problem.values.copy(), problem.log0.copy(), problem.labels.index("w")
    gone = np.flatnonzero(np.isfinite(values[:, [Y0, D, X0]]).all(axis=1))[:3]
    values[gone, heavy], log0[gone, heavy] = np.nan, True
    problem = replace(problem, values=values, log0=log0)
    specs = [(Y0, D, (X0,), 0, 2, w) for w in (-1, heavy)]
    dense, fits, _ = both_paths(problem, make_members(specs))
    np.testing.assert_array_equal(fits.n_log0, dense.n_log0)
    assert fits.n_log0[1] == fits.n_log0[0] + 3
    assert fits.n_missing[1] >= fits.n_missing[0] + 3


@pytest.mark.parametrize("effects", [1, 2])
def test_an_effect_is_nested_where_the_rows_that_part_it_are_missing(effects):
    """A city that changes its province in one row: nested in one of two clusters where a control is missing there."""
    problem = make_problem(5)
    codes, values = problem.codes.copy(), problem.values.copy()
    odd = int(np.flatnonzero(np.isfinite(values[:, [Y0, D]]).all(axis=1) & (codes[:, CITY] == 1))[0])
    codes[odd, PROVINCE], values[odd, X0] = 4, np.nan
    vcovs = tuple(Vcov("cluster", c) for c in ((PROVINCE,), (PROVINCE, YEAR)))
    problem = replace(problem, codes=codes, values=values, vcovs=vcovs)
    specs = [(Y0, D, controls, 0, effects, -1) for controls in ((), (X0,))]
    dense, fits, undecided = both_paths(problem, make_members(specs))
    assert not undecided.any()
    np.testing.assert_allclose(fits.std_error, dense.std_error, rtol=1e-9)


def test_a_run_uses_both_paths_and_gives_every_member():
    problem = make_problem(23, missing=0.25)
    members = make_members([*SPECS, (Y0, X0, (D, X0 + 1), 0, 2, -1)])
    dense, fits, undecided = both_paths(problem, members)
    mixed = execute.run(problem, members)
    np.testing.assert_array_equal(mixed.code, dense.code)
    np.testing.assert_array_equal(mixed.signature, dense.signature)
    assert undecided.any()
    assert mixed.estimate[~undecided].tobytes() == fits.estimate[~undecided].tobytes()
    np.testing.assert_allclose(mixed.std_error, dense.std_error, rtol=1e-9)


def test_equals_pyfixest():
    import pandas as pd
    import pyfixest as pf

    problem = make_problem(29)
    names = ("city", "year", "province", "py")
    frame = pd.DataFrame(problem.values, columns=list(problem.labels))
    frame = frame.assign(**{n: problem.codes[:, c] for c, n in enumerate(names)})
    frame["py"] = frame["py"].where(frame["py"] >= 0)
    specs = [SPECS[s] for s in range(0, len(SPECS), 7) if SPECS[s][3] == 0]
    fits, undecided = listwise.fit(problem, make_members(specs))
    assert not undecided.any()
    clusters = [{"CRV1": c} for c in ("city", "province", "city + year", "year")]
    vcovs = [clusters[0], "iid", "hetero", *clusters[1:]]
    for s, (outcome, _, controls, _, effects, weights) in enumerate(specs):
        right = " + ".join(["d", *(problem.labels[c] for c in controls)])
        absorbed = " + ".join(names[c] for c in problem.effects[effects].fixed)
        formula = f"{problem.labels[outcome]} ~ {right}" + (f" | {absorbed}" if absorbed else "")
        model = pf.feols(
            formula,
            frame,
            vcov="iid",
            weights="w" if weights >= 0 else None,
            demeaner=pf.MapDemeaner(fixef_tol=1e-12),
        )
        for v, vcov in enumerate(vcovs):
            row = model.vcov(vcov).tidy().loc["d"]
            expected = row[["Estimate", "Std. Error", "t value", "Pr(>|t|)", "2.5%", "97.5%"]].to_numpy(float)
            found = [
                fits.estimate[s],
                fits.std_error[s, v],
                fits.statistic[s, v],
                fits.p_value[s, v],
                fits.conf_low[s, v],
                fits.conf_high[s, v],
            ]
            np.testing.assert_allclose(found, expected, rtol=1e-8, err_msg=f"{formula} {vcov}")
        assert fits.nobs[s] == model._N
