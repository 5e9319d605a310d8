"""The corrected QR against extended precision."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from specdid.engine import qr_basis
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
