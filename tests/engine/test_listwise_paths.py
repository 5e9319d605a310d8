"""The listwise path against the dense one and against pyfixest, and what it leaves to others."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listwise_problems import (
    CITY,
    SPECS,
    X0,
    Y0,
    YEAR,
    D,
    make_members,
    make_problem,
    signatures,
)
from specdid.engine import execute, listwise
from specdid.engine.problem import Effects, Members, Problem


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


def both_paths(problem: Problem, members: Members):
    """Fits of the dense path and of the listwise one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "MANY_MASKS", 10**9)
        dense = execute.run(problem, members)
    fits, undecided = listwise.fit(problem, members)
    return dense, replace(fits, signature=signatures(problem, members, fits)), undecided


@settings(max_examples=6)
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
    for field in fields(fits):
        if field.name in ("detail", "dropped", "seconds", "vcov_detail", "extra"):
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
