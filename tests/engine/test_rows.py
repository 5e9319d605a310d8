"""Rows: missing patterns, singletons to a fixpoint, counts of what was lost, digests."""

from dataclasses import replace

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from panels import COLUMNS, members_of, random_problem
from specdid.engine.demean import relevel
from specdid.engine.execute import run
from specdid.engine.problem import Code, Effects, Sunab
from specdid.engine.rows import (
    count_units,
    cut_rows,
    number_rows,
    other_arms,
    rows_of,
    rows_of_members,
    without_singletons,
)

D, X1, MISSING, INFINITE, W = (COLUMNS.index(c) for c in ("d", "x1", "missing", "infinite", "w"))


def rows_of_member(problem, members, s):
    keys, samples = rows_of_members(problem, members)
    return rows_of(samples.packed[keys.of_member[s]], len(problem.values))


def test_members_with_the_same_patterns_share_a_key():
    problem = random_problem(3, 12, 6, 0.9, False)
    specs = [(0, D, (X1,), 0, 2, -1), (0, D, (), 0, 2, -1), (0, D, (MISSING,), 0, 2, -1), (0, D, (X1,), 0, 1, -1)]
    keys, samples = rows_of_members(problem, members_of(specs))
    assert keys.of_member[0] == keys.of_member[1]
    assert len(set(keys.of_member.tolist())) == 3
    assert len({tuple(w) for w in samples.words.tolist()}) >= 2


def test_infinite_is_missing_and_counted():
    problem = random_problem(3, 12, 6, 1.0, False)
    rows = rows_of_member(problem, members_of([(0, D, (INFINITE,), 0, 0, -1)]), 0)
    assert rows.tolist() == np.flatnonzero(np.isfinite(problem.values[:, [0, D, INFINITE]]).all(axis=1)).tolist()


def test_rows_of_weight_zero_or_less_go():
    problem = random_problem(3, 12, 6, 1.0, True)
    values = problem.values.copy(order="F")
    values[5, W] = -1.0
    problem = replace(problem, values=values)
    rows = rows_of_member(problem, members_of([(0, D, (), 0, 0, W)]), 0)
    assert (values[rows, W] > 0).all()
    assert len(rows) == ((values[:, W] > 0) & np.isfinite(values[:, 0])).sum()


@pytest.mark.parametrize("size", [1.0, 1e200])
def test_effective_rows_are_kishs(size):
    problem = random_problem(3, 12, 6, 1.0, False)
    values = problem.values.copy(order="F")
    values[:, W] *= size
    fits = run(replace(problem, values=values), members_of([(0, D, (), 0, 2, W), (0, D, (), 0, 2, -1)]))
    w = problem.values[rows_of_member(problem, members_of([(0, D, (), 0, 2, W)]), 0), W]
    assert fits.n_eff == pytest.approx([w.sum() ** 2 / (w**2).sum(), fits.nobs[1]], rel=1e-12)


def test_rows_without_a_level_of_an_effect_go_and_those_without_a_cluster_stay():
    problem = random_problem(3, 12, 6, 1.0, False)
    codes = problem.codes.copy(order="F")
    codes[7, 0] = -1  # an effect and a cluster
    codes[9, 4] = -1  # a cluster only
    problem = replace(problem, codes=codes)
    rows = rows_of_member(problem, members_of([(0, D, (), 0, 2, -1)]), 0)
    assert {7, 9} & set(rows.tolist()) == {9}
    found = run(problem, members_of([(0, D, (), 0, 2, -1)]))
    assert found.code[0] == Code.OK
    by_it = [4 in v.clusters for v in problem.vcovs]
    assert any(by_it)
    np.testing.assert_array_equal(np.isnan(found.std_error[0]), by_it)


def test_an_extra_column_must_be_complete_too():
    problem = random_problem(3, 12, 6, 1.0, False)
    plain = members_of([(0, D, (), 0, 0, -1)])
    common = replace(plain, extra_rows=np.array([MISSING]))
    rows = rows_of_member(problem, common, 0)
    assert np.isfinite(problem.values[rows, MISSING]).all()
    assert len(rows) < len(rows_of_member(problem, plain, 0))


def test_logs_of_nothing_are_counted_once_per_row():
    problem = random_problem(3, 12, 6, 1.0, False)
    log0 = np.zeros(problem.values.shape, bool)
    lost = np.flatnonzero(np.isnan(problem.values[:, MISSING]))[:3]
    log0[lost, MISSING] = True
    values = problem.values.copy(order="F")
    values[lost[0], 0] = np.nan
    log0[lost[0], 0] = True
    problem = replace(problem, values=values, log0=np.asfortranarray(log0))
    fits = run(problem, members_of([(0, D, (MISSING,), 0, 1, -1), (0, D, (), 0, 1, -1)]))
    assert fits.n_log0.tolist() == [3, 1]
    assert (fits.n_missing >= fits.n_log0).all()


def test_singletons_go_until_there_are_none():
    """Row 0 is alone in a level; without it row 1 is alone in its own, and so on along a chain."""
    length = 7
    one = np.repeat(np.arange(length), 2)[1 : 2 * length]
    two = np.repeat(np.arange(length), 2)[: 2 * length - 1]
    rows = without_singletons(np.arange(len(one)), (one.astype(np.int64), two.astype(np.int64)))
    assert len(rows) == 0


@settings(max_examples=examples(60))
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=40))
def test_what_is_left_has_no_singletons_and_nothing_else_went(pairs):
    one, two = np.array(pairs, np.int64).T
    rows = without_singletons(np.arange(len(one)), (one, two))
    for codes in (one, two):
        assert not (np.bincount(codes[rows]) == 1).any()
    kept = set(range(len(one)))
    while True:
        alone = {
            i for i in kept if sum(one[j] == one[i] for j in kept) == 1 or sum(two[j] == two[i] for j in kept) == 1
        }
        if not alone:
            break
        kept -= alone
    assert set(rows.tolist()) == kept


def test_no_rows_is_said():
    problem = random_problem(3, 12, 6, 1.0, False)
    problem = replace(problem, rows=np.zeros_like(problem.rows))
    fits = run(problem, members_of([(0, D, (), 0, 2, -1)]))
    assert fits.code[0] == Code.NO_ROWS
    assert fits.nobs[0] == 0
    assert fits.culprit[0] == -1


@pytest.mark.parametrize("columns", [([1, 1, 0, 1], [0, 0, 0, 2]), ([3, 3, 3, 3], [1, 1, 1, 1])])
def test_numbering_rows(columns):
    first, number = number_rows(*(np.array(c, np.int64) for c in columns))
    pairs = list(zip(*columns, strict=True))
    assert len(first) == len(set(pairs))
    for i, a in enumerate(pairs):
        assert pairs[first[number[i]]] == a


def test_more_patterns_than_a_word_has_bits():
    rng = np.random.default_rng(0)
    problem = random_problem(3, 12, 6, 1.0, False)
    n = len(problem.values)
    extra = rng.normal(size=(n, 70))
    extra[np.arange(70) % n, np.arange(70)] = np.nan
    extra[(np.arange(70) * 7 + 3) % n, np.arange(70)] = np.nan
    values = np.asfortranarray(np.hstack([problem.values, extra]))
    p = problem.values.shape[1]
    problem = replace(problem, values=values, labels=tuple(map(str, range(values.shape[1]))))
    members = members_of([(0, D, (p, p + 69), 0, 0, -1), (0, D, (p + 65,), 0, 0, -1)])
    for s, used in enumerate(([0, D, p, p + 69], [0, D, p + 65])):
        rows = rows_of_member(problem, members, s)
        assert rows.tolist() == np.flatnonzero(np.isfinite(values[:, used]).all(axis=1)).tolist()


@pytest.mark.parametrize("codes", [[], [3], [5, 0, 5, 2], [-1, 4, 4, -1, 0]])
def test_levels_are_numbered_without_gaps(codes):
    before = np.array(codes, np.int64)
    found = relevel(before)
    assert found.dtype == np.int64
    assert found.tolist() == np.unique(before, return_inverse=True)[1].tolist()
    assert before.tolist() == codes


def test_logs_of_nothing_among_weights_and_slopes_are_counted():
    problem = random_problem(3, 12, 6, 1.0, False)
    log0 = np.zeros(problem.values.shape, bool)
    log0[[1, 2, 3], W], log0[[3, 4], X1] = True, True
    problem = replace(problem, log0=log0, effects=(*problem.effects, Effects((0,), ((0, X1),))))
    sloped = len(problem.effects) - 1
    members = members_of(
        [(0, D, (), 0, 0, W), (0, D, (), 0, sloped, -1), (0, D, (), 0, sloped, W), (0, D, (), 0, 0, -1)]
    )
    keys, samples = rows_of_members(problem, members)
    assert samples.n_log0[keys.of_member].tolist() == [3, 2, 4, 0]
    assert [cut_rows(problem, members, s).n_log0 for s in range(4)] == [3, 2, 4, 0]


def test_rows_that_lack_controls_alone_are_records_of_changes_and_no_singletons():
    problem = random_problem(3, 12, 6, 1.0, False)
    values = problem.values.copy(order="F")
    values[:, MISSING] = 1.0
    values[problem.codes[:, 0] == 2, MISSING] = np.nan  # a unit without the control, but for one row
    values[np.flatnonzero(problem.codes[:, 0] == 2)[0], MISSING] = 1.0
    problem = replace(problem, values=values)
    members = members_of([(0, D, (MISSING,), 0, 1, -1)])
    plain, changes = cut_rows(problem, members, 0), cut_rows(problem, members, 0, changes="controls")
    assert (plain.n_singletons, changes.n_singletons) == (1, 0)
    assert np.setdiff1d(changes.rows, plain.rows).tolist() == [np.flatnonzero(problem.codes[:, 0] == 2)[0]]
    assert set(changes.rows.tolist()) < set(changes.record.tolist())
    assert plain.record.tolist() == plain.rows.tolist()
    assert plain.n_missing == changes.n_missing == len(values) - len(plain.rows) - 1


def test_treated_rows_that_sun_and_abraham_leave_out_are_counted_with_the_units_that_lose_all():
    """Without never treated units the last cohort serves until it is treated: 2 units, which stay with earlier rows."""
    unit, time = np.repeat(np.arange(6), 5), np.tile(np.arange(5.0), 6)
    cohort = np.array([2.0, 2.0, 3.0, 3.0, 0.0, 2.0])[unit]  # unit 4 is treated from the start
    base = random_problem(3, 6, 5, 1.0, False)
    values = np.column_stack([np.zeros(30), time >= cohort, time, cohort])
    problem = replace(
        base,
        values=values,
        codes=np.column_stack([unit, time.astype(int)]),
        rows=np.ones((1, 30), bool),
        labels=("y", "d", "time", "cohort"),
        effect_labels=("unit", "time"),
        log0=None,
        unit=0,
    )
    members = members_of([(0, 1, (), 0, 2, -1)], [0], (Sunab(3, 2, control="notyet"),))
    keys, samples = rows_of_members(problem, members)
    # 2 rows each of units 2 and 3, 5 of unit 4, and the others' from period 3 on, of which one row each stays
    assert samples.left_out[keys.of_member[0]].tolist() == [4 + 5 + 3 * 2, 3]


def test_units_are_counted_by_what_they_ever_take():
    unit, treatment = np.repeat(np.arange(4), 2), np.array([0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0])
    assert count_units(unit, treatment) == (4, 1, 2, 1)
    other = np.array([[0.0], [0.0], [0.0], [1.0], [0.0], [0.0], [0.0], [0.0]])
    assert count_units(unit, treatment, other) == (4, 1, 1, 1)


def test_other_arms_are_those_of_a_regression_that_has_them_all():
    arms = {D: (X1, MISSING)}
    members = members_of([(0, D, (X1, MISSING), 0, 0, -1), (0, D, (X1,), 0, 0, -1), (0, X1, (MISSING,), 0, 0, -1)])
    assert [other_arms(arms, members, s).tolist() for s in range(3)] == [[X1, MISSING], [], []]
