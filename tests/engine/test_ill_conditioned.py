"""Units, large means, near-collinearity and near-absorption cost no digits that a QR would keep."""

from dataclasses import replace

import numpy as np
import pytest
from panels import members_of, reference_problem
from specdid.engine.execute import run
from specdid.engine.problem import Code, Vcov

D, PGDP, IND2 = 2, 3, 4


def problem_with(change, column):
    """The panel's complete rows with one column changed, under ~city."""
    base = reference_problem()
    keep = np.isfinite(base.values[:, :8]).all(axis=1)
    values = base.values[keep].copy(order="F")
    values[:, column] = change(values)
    return replace(
        base,
        values=values,
        codes=np.asfortranarray(base.codes[keep]),
        rows=np.ones((1, keep.sum()), bool),
        vcovs=(Vcov("cluster", (0,)),),
    )


MEMBERS = members_of([(0, D, (PGDP, IND2), 0, 2, -1)])


@pytest.fixture(scope="module")
def plain():
    fits = run(problem_with(lambda v: v[:, PGDP], PGDP), MEMBERS)
    return fits.estimate[0], fits.std_error[0, 0]


@pytest.mark.parametrize("scale", [1e7, 1e-7, 1e-11, 1e150, 1e-150])
@pytest.mark.parametrize("column", [0, D, PGDP])
def test_units_do_not_matter(plain, scale, column):
    fits = run(problem_with(lambda v: v[:, column] * scale, column), MEMBERS)
    unit = {0: scale, D: 1 / scale, PGDP: 1.0}[column]
    assert fits.code[0] == Code.OK
    assert fits.estimate[0] / unit == pytest.approx(plain[0], rel=1e-11)
    assert fits.std_error[0, 0] / unit == pytest.approx(plain[1], rel=1e-11)


def test_a_large_mean_costs_what_the_data_lost(plain):
    values = problem_with(lambda v: v[:, PGDP], PGDP).values[:, PGDP]
    shifted = (values + 1e8) - 1e8  # what is left of the column's own digits
    direct = run(problem_with(lambda v: shifted, PGDP), MEMBERS)
    fits = run(problem_with(lambda v: v[:, PGDP] + 1e8, PGDP), MEMBERS)
    assert fits.estimate[0] == pytest.approx(direct.estimate[0], rel=1e-12)


@pytest.mark.parametrize(("size", "tolerance"), [(1e-4, 1e-10), (1e-6, 1e-8)])
def test_near_collinear_controls_are_kept(size, tolerance):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=4000)
    near = run(problem_with(lambda v: v[:, PGDP] + size * noise[: len(v)], IND2), MEMBERS)
    apart = run(problem_with(lambda v: noise[: len(v)], IND2), MEMBERS)
    assert near.dropped == {}
    assert near.estimate[0] == pytest.approx(apart.estimate[0], rel=tolerance)
    assert near.std_error[0, 0] == pytest.approx(apart.std_error[0, 0], rel=tolerance)


@pytest.mark.parametrize("size", [1e-4, 1e-6])
def test_nearly_absorbed_treatments_are_estimated(size):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=4000)

    def nearly(v):
        return v[:, 9] - 2010 + size * noise[: len(v)]  # the year, and something

    near = run(problem_with(nearly, D), MEMBERS)
    apart = run(problem_with(lambda v: noise[: len(v)], D), MEMBERS)
    assert near.code[0] == Code.OK
    assert near.estimate[0] * size == pytest.approx(apart.estimate[0], rel=1e-13 / size + 1e-9)


@pytest.mark.parametrize("copy", [lambda v: v[:, PGDP], lambda v: -3 * v[:, PGDP] + 2, lambda v: v[:, PGDP] * 1e-9])
def test_copies_are_dropped_whatever_their_units(copy, plain):
    fits = run(problem_with(copy, IND2), MEMBERS)
    assert fits.dropped == {0: (IND2,)}
