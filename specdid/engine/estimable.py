"""Which weighted sums of coefficients a design identifies.

A weighted sum c'b of the coefficients of y = X b + e has one value at every least-squares
solution if and only if c lies in the row space of X: it is orthogonal to every direction v
with X v = 0 (Searle 1971, Linear Models, section 5.4). Any other sum is what the columns that
happened to be dropped make of it. With X = [X_K, X_D], the kept columns independent and
X_D = X_K A, these directions are the columns of [A; −I].

Columns are net of the fixed effects and scaled, so that "cannot be told apart" is meant
within the effects and does not depend on units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid.engine.qr_basis import Basis, independent

TOLERANCE = 1e-8
"""Largest share of a sum of coefficients that may lie outside the row space of an identified one."""


@dataclass(frozen=True, slots=True)
class NullSpace:
    """What of k coefficients the data leave open.

    Attributes
    ----------
    combinations : (k, q) float64
        For each column that was dropped, −1 for itself and its coefficients on those kept: changes
        of the scaled coefficients that change no fitted value.
    directions : (k, q) float64, orthonormal, with the same span
    unit : (k,) float64
        What one unit of a scaled coefficient is in the column's own units.
    """

    combinations: Floats
    directions: Floats
    unit: Floats

    @classmethod
    def nothing(cls, count: int) -> NullSpace:
        """Leave nothing open of ``count`` coefficients."""
        return cls(np.zeros((count, 0)), np.zeros((count, 0)), np.ones(count))

    def share_outside(self, weights: Floats) -> Floats:
        """Return the share of weighted sums of the coefficients, (m, k), outside the row space: (m,), 0 to 1."""
        scaled = weights / self.unit
        size = np.linalg.norm(scaled, axis=1)
        return np.asarray(np.linalg.norm(scaled @ self.directions, axis=1) / np.where(size > 0, size, 1.0))

    def estimable(self, weights: Floats) -> Bools:
        """Tell which weighted sums of the coefficients, (m, k), the data identify: (m,)."""
        if not self.directions.shape[1]:
            return np.ones(len(weights), dtype=bool)
        return np.asarray(self.share_outside(weights) <= TOLERANCE)

    def tied_to(self, column: int) -> Ints:
        """Return the columns that a coefficient cannot be told apart from, itself left out."""
        ties = np.abs(self.combinations) > TOLERANCE
        found = np.flatnonzero(ties[:, ties[column]].any(axis=1))
        return np.asarray(found[found != column])

    def of_sums(self, weights: Floats) -> NullSpace:
        """Return what is open of m weighted sums of the coefficients, (m, k), each used as one coefficient."""
        scaled: Floats = weights / self.unit
        size = np.linalg.norm(scaled, axis=1)
        size = np.where(size > 0, size, 1.0)
        scaled = scaled / size[:, None]
        return NullSpace(scaled @ self.combinations, scaled @ self.directions, 1.0 / size)


def null_space(basis: Basis, columns: Ints) -> tuple[Bools, NullSpace]:
    """Find which columns are independent of the effects and of those before them, and what that leaves open.

    Parameters
    ----------
    columns : (k,) int64, places in the basis, in the order in which they are kept

    Returns
    -------
    kept : (k,) bool
    NullSpace
    """
    kept, k = independent(basis, columns)[0], len(columns)
    unit = basis.unit[columns]
    here, gone = np.flatnonzero(kept), np.flatnonzero(~kept)
    if not len(gone):
        return kept, NullSpace(np.zeros((k, 0)), np.zeros((k, 0)), unit)
    absorbed = basis.absorbed[columns[gone]]
    found = np.zeros((k, len(gone)))
    found[gone, np.arange(len(gone))] = -1.0
    found[np.ix_(here, ~absorbed)] = _combinations(basis.r[:, columns[here]], basis.r[:, columns[gone[~absorbed]]])
    return kept, NullSpace(found, np.linalg.qr(found)[0], unit)


def _combinations(kept: Floats, dropped: Floats) -> Floats:
    """Return A with ``dropped`` = ``kept`` A, corrected once for what rounding left."""
    if not kept.shape[1] or not dropped.shape[1]:
        return np.zeros((kept.shape[1], dropped.shape[1]))
    from scipy.linalg import solve_triangular

    q, r = np.linalg.qr(kept)
    found = solve_triangular(r, q.T @ dropped)
    return np.asarray(found + solve_triangular(r, q.T @ (dropped - kept @ found)))
