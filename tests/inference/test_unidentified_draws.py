"""A draw whose treatment the effects and controls make up has no statistic: rounding is no placebo."""

import numpy as np
import pytest
from panels import levels, members_of
from specdid.engine.problem import Effects, Problem, Vcov
from specdid.inference._partialled_out import draw_simple

UNITS, PERIODS = 12, 8


def panel(effects):
    rng = np.random.default_rng(0)
    unit, time = np.repeat(np.arange(UNITS), PERIODS), np.tile(np.arange(PERIODS), UNITS)
    here = rng.random(len(unit)) < 0.93
    unit, time = unit[here], time[here]
    x = rng.normal(size=len(unit))
    real = treated(unit, time, (0, 2))
    made = treated(unit, time, (1, 5)) + 0.1 * time + x
    values = np.column_stack([rng.normal(size=len(unit)), real, x, made, rng.uniform(0.5, 2, len(unit))])
    codes = np.column_stack([levels(unit), levels(time), levels(100 * (unit // 2) + time)])
    problem = Problem(
        np.asfortranarray(values),
        np.asfortranarray(codes),
        np.ones((1, len(unit)), bool),
        None,
        ("y", "d", "x", "made", "w"),
        ("id", "t", "region^t"),
        (effects,),
        (Vcov("cluster", (0,)),),
        0,
        0.05,
    )
    # The data; a whole region of two; another assignment; all units; nobody; what controls and time effects make up.
    dealt = [(0, 2), (2, 3), (4, 7), range(UNITS), (), (1, 5)]
    return problem, np.column_stack([treated(unit, time, ids) for ids in dealt])


def treated(unit, time, ids):
    return (np.isin(unit, list(ids)) & (time >= 4)).astype(float)


@pytest.mark.parametrize("weights", [-1, 4])
@pytest.mark.parametrize(
    ("effects", "controls", "open_"),
    [
        (Effects((0, 2)), (), [1, 3, 4]),
        (Effects((0, 2)), (2,), [1, 3, 4]),
        (Effects((0, 1)), (), [3, 4]),
        (Effects((0, 1)), (2,), [3, 4]),
        (Effects((0, 1)), (2, 3), [3, 4, 5]),
        (Effects((0, 2)), (2, 3), [1, 3, 4, 5]),
        (Effects((0, 1), ((0, 2),)), (), [3, 4]),
    ],
)
def test_draws_that_are_open_have_no_number_and_the_others_are_refits(effects, controls, open_, weights):
    problem, dealt = panel(effects)
    members = members_of([(0, 1, controls, 0, 0, weights)])
    estimate, t, error = draw_simple(problem, members, {}, {1: dealt})[:, 0]
    for found in (estimate, t, error):
        assert np.flatnonzero(np.isnan(found)).tolist() == open_
    root = np.ones(len(dealt)) if weights < 0 else np.sqrt(problem.values[:, weights])
    parts = [np.eye(c.max() + 1)[c] for c in problem.codes[:, list(effects.fixed)].T]
    parts += [np.eye(UNITS)[problem.codes[:, c]] * problem.values[:, [x]] for c, x in effects.slopes]
    rest = np.hstack([*parts, problem.values[:, list(controls)]])
    for b in range(dealt.shape[1]):
        design = np.column_stack([dealt[:, b], rest]) * root[:, None]
        both = [np.linalg.matrix_rank(part, tol=1e-9) for part in (design, design[:, 1:])]
        assert (both[0] == both[1]) == (b in open_)
        if b not in open_:
            beta = np.linalg.lstsq(design, problem.values[:, 0] * root, rcond=1e-11)[0]
            assert estimate[b] == pytest.approx(beta[0], rel=1e-8)
