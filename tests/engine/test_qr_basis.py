"""The corrected QR against extended precision.

Units, large means, near-collinearity and near-absorption cost no digits that a QR would keep.
"""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from panels import members_of, reference_problem
from specdid.engine import qr_basis
from specdid.engine.execute import run
from specdid.engine.problem import Code, Vcov
from specdid.engine.qr_basis import factorise, project_out


def columns(n: int, k: int, seed: int) -> np.ndarray:
    """Columns of norm near 1, the last nearly the first."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, k))
    x[:, -1] = x[:, 0] + 1e-5 * x[:, -1]
    return np.asfortranarray(x / np.sqrt(n))


def exactly(x: np.ndarray) -> mpmath.matrix:
    return mpmath.matrix(x.tolist())


def largest(x: mpmath.matrix) -> float:
    return float(max(abs(v) for v in x))


@pytest.mark.parametrize(("n", "k"), [(40, 5), (200, 8), (7, 7)])
def test_the_product_and_the_orthonormality_hold_to_the_last_bit(n: int, k: int) -> None:
    z = columns(n, k, n)
    q, r = (exactly(part) for part in factorise(z.copy(order="F")))
    with mpmath.workdps(40):
        assert largest(q * r - exactly(z)) < 2e-16
        assert largest(q.T * q - mpmath.eye(k)) < 2e-16


def test_gram_matrices_are_nearer_than_householders() -> None:
    errors = np.zeros(2)
    for seed in range(5):
        z = columns(300, 6, seed)
        found = [f(z.copy(order="F"))[1] for f in (factorise, qr_basis.householder)]
        with mpmath.workdps(40):
            truth = exactly(z).T * exactly(z)
            errors += [largest(exactly(r).T * exactly(r) - truth) for r in found]
    assert errors[0] < 0.7 * errors[1], errors


def test_many_cells_are_factorised_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    z = columns(50, 4, 2)
    want = factorise(z.copy(order="F"))
    monkeypatch.setattr(qr_basis, "CELLS", 100)
    q, r = factorise(z.copy(order="F"))
    np.testing.assert_allclose(q @ r, z, atol=1e-15)
    np.testing.assert_allclose(np.abs(r), np.abs(want[1]), atol=1e-14)


def test_zero_and_collinear_columns_leave_the_others_right() -> None:
    z = columns(60, 5, 3)
    z[:, 1] = 0.0
    z[:, 3] = z[:, 2]
    q, r = factorise(z.copy(order="F"))
    assert np.isfinite(q).all()
    np.testing.assert_allclose(q @ r, z, atol=1e-15)


def test_fewer_rows_than_columns() -> None:
    z = columns(4, 6, 4)
    q, r = factorise(z.copy(order="F"))
    assert q.shape == (4, 4)
    assert r.shape == (4, 6)
    np.testing.assert_allclose(q @ r, z, atol=1e-15)


def test_projection_against_sixty_digits() -> None:
    x, y = columns(30, 4, 5), np.random.default_rng(6).normal(size=(30, 2))
    coefficients, left = project_out(x, y)
    with mpmath.workdps(60):
        exact, right = exactly(x), exactly(y)
        want = (exact.T * exact) ** -1 * (exact.T * right)
        residual = right - exact * want
    np.testing.assert_allclose(coefficients, np.array(want.tolist(), dtype=float), rtol=1e-12)
    np.testing.assert_allclose(left, np.array(residual.tolist(), dtype=float), atol=1e-15)


def test_nothing_to_project_on() -> None:
    coefficients, left = project_out(np.zeros((5, 0)), np.arange(10.0).reshape(5, 2))
    assert coefficients.shape == (0, 2)
    np.testing.assert_array_equal(left, np.arange(10.0).reshape(5, 2))


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
