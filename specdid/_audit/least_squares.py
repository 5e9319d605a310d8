"""Least squares by a way of its own: what is estimable, and the numbers, without anything of the engine.

Effects are taken out by orthogonal bases. The one with the most levels has its dummies, and slopes
on the same levels, orthonormal level by level; the columns of the others, net of it, get a pivoted
QR. A singular value decomposition of what is left of the regressors, each at unit length, gives
the null space N of the design and the shortest solution. A weighted sum c'b of coefficients is
estimable where c is in the row space, ‖N'c‖ ≤ 1e-8 ‖c‖ with coefficients at the regressors' unit
lengths (Searle 1971, Linear Models, 5.4), and is then the same for every solution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Slopes = Sequence[tuple[Ints, Floats]]

ESTIMABLE = 1e-8
"""Share of a weighted sum outside the row space up to which it is estimable."""
RANK = 1e-9
"""Singular values of unit-length regressors, as a share of the largest, that count as zero."""
ROUNDING = 1e-14
"""Share of a column's own size that is its rounding."""
LARGEST_BASIS = 5e7
"""Numbers that the other effects' columns may be; where they are more, each column is solved for."""


@dataclass(frozen=True, slots=True)
class Solved:
    """A regression, and what of it is estimable.

    Attributes
    ----------
    outside : share of the weighted sum that lies outside the row space
    tied : places of the columns that it cannot be told apart from, and its own, where it does
    estimate : of the weighted sum
    influence : (n,) each row's part in it by its residual, times √weight
    residual : (n,) times √weight
    rank : of the regressors net of the effects
    condition : largest by smallest singular value that is not zero
    absorbed : rank of the effects
    """

    outside: float
    tied: tuple[int, ...]
    estimate: float
    influence: Floats
    residual: Floats
    rank: int
    condition: float
    absorbed: int

    @property
    def identified(self) -> bool:
        """Whether the weighted sum is estimable."""
        return self.outside <= ESTIMABLE


class Design:
    """Regressors on some rows, net of fixed effects.

    Parameters
    ----------
    columns : (n, k), in any order
    effects : levels of each effect, (n,); none is an intercept, unless there are slopes
    slopes : levels and values of each
    weights : (n,) or None
    """

    def __init__(self, columns: Floats, effects: Sequence[Ints], slopes: Slopes = (), weights: Floats | None = None):
        n = len(columns)
        self.root = np.ones(n) if weights is None else np.sqrt(weights / weights.mean())
        known = list(effects) if len(effects) or len(slopes) else [np.zeros(n, np.int64)]
        self.effects = _Effects(known, slopes, self.root)
        scaled, size = _scaled(columns * self.root[:, None])
        net = self.effects.out_of(scaled)
        length = np.linalg.norm(net, axis=0)
        centred = np.linalg.norm(scaled - self.root[:, None] * (self.root @ scaled / (self.root @ self.root)), axis=0)
        gone = length <= np.maximum(RANK * centred, ROUNDING * np.linalg.norm(scaled, axis=0))
        length = np.where(gone, np.maximum(centred, np.finfo(float).tiny), length)
        self.length = length * size
        self._decompose(np.where(gone, 0.0, net / length))

    def _decompose(self, units: Floats) -> None:
        if not units.shape[1]:
            self.left, self.values, self.right = np.zeros((len(units), 0)), np.zeros(0), np.zeros((0, 0))
            self.null = np.zeros((0, 0))
            return
        q, r = np.linalg.qr(units)
        u, values, right = np.linalg.svd(r)
        kept = values > RANK * max(values[0], np.finfo(float).tiny)
        self.left, self.values = q @ u[:, : len(values)][:, kept], values[kept]
        self.right, self.null = right[: len(values)][kept], np.delete(right, np.flatnonzero(kept), axis=0)

    def solve(self, outcome: Floats, average: Floats) -> Solved:
        """Estimate ``average`` @ coefficients, (k,) weights of the columns' own units."""
        wanted = average / self.length
        size = float(np.linalg.norm(wanted))
        direction = self.null.T @ (self.null @ wanted)
        scaled, unit = _scaled((outcome * self.root)[:, None])
        y = self.effects.out_of(scaled)[:, 0]
        residual = y - self.left @ (self.left.T @ y)
        residual = residual - self.left @ (self.left.T @ residual)
        influence = self.left @ ((self.right @ wanted) / self.values)
        largest = np.abs(direction).max(initial=0.0)
        return Solved(
            outside=float(np.linalg.norm(direction)) / size if size else 0.0,
            tied=tuple(np.flatnonzero(np.abs(direction) > 1e-6 * largest).tolist()) if largest else (),
            estimate=float(influence @ y) * float(unit[0]),
            influence=influence,
            residual=residual * float(unit[0]),
            rank=len(self.values),
            condition=float(self.values[0] / self.values[-1]) if len(self.values) else 1.0,
            absorbed=self.effects.rank,
        )

    def left_of(self, columns: Floats) -> Floats:
        """Return the share of each column, (n, m), that is no combination of effects and regressors, (m,)."""
        scaled, _ = _scaled(columns * self.root[:, None])
        net = self.effects.out_of(scaled)
        net = net - self.left @ (self.left.T @ net)
        net = net - self.left @ (self.left.T @ net)
        centred = scaled - self.root[:, None] * (self.root @ scaled / (self.root @ self.root))
        size = np.linalg.norm(centred, axis=0)
        return np.asarray(np.linalg.norm(net, axis=0) / np.where(size > 0, size, 1.0))


def _scaled(columns: Floats) -> tuple[Floats, Floats]:
    """Bring the largest value of each column to about one, exactly: squares of 1e200 are no numbers."""
    power = np.frexp(np.abs(columns).max(axis=0, initial=0.0))[1]
    return np.ldexp(columns, -power), np.ldexp(1.0, power)


class _Effects:
    """The span of fixed effects and slopes, on rows times ``root``."""

    def __init__(self, effects: Sequence[Ints], slopes: Slopes, root: Floats) -> None:
        codes = [np.unique(c, return_inverse=True)[1].reshape(-1) for c in effects]
        sloped = [(np.unique(c, return_inverse=True)[1].reshape(-1), x) for c, x in slopes]
        every = [*codes, *(c for c, _ in sloped)]
        self.main = every[int(np.argmax([int(c.max(initial=-1)) for c in every]))]
        spans = [(c, root) for c in codes] + [(c, root * _scaled(x[:, None])[0][:, 0]) for c, x in sloped]
        others = [(c, x) for c, x in spans if not np.array_equal(c, self.main)]
        self.vectors: list[Floats] = []
        self.rank = 0
        for c, vector in spans:
            if np.array_equal(c, self.main):
                self._add(vector)
        self.basis = np.zeros((len(root), 0))
        self.sparse: Any = None
        width = sum(int(c.max(initial=-1)) + 1 for c, _ in others)
        if width * len(root) > LARGEST_BASIS:
            self._solve_for(others)
        elif width:
            self._orthogonal(others)

    def _add(self, vector: Floats) -> None:
        """Make a vector orthonormal within each level of the main effect."""
        size = np.sqrt(np.bincount(self.main, vector**2))
        net = self._within(self._within(vector[:, None]))[:, 0]
        length = np.sqrt(np.bincount(self.main, net**2))
        there = length > RANK * size
        self.vectors.append(net * np.where(there, 1.0 / np.where(there, length, 1.0), 0.0)[self.main])
        self.rank += int(there.sum())

    def _within(self, columns: Floats) -> Floats:
        columns = np.array(columns)
        for vector in self.vectors:
            for column in columns.T:
                column -= np.bincount(self.main, vector * column)[self.main] * vector
        return columns

    def _columns(self, others: Sequence[tuple[Ints, Floats]]) -> Floats:
        blocks = []
        for codes, values in others:
            block = np.zeros((len(codes), int(codes.max()) + 1))
            block[np.arange(len(codes)), codes] = values
            blocks.append(block / np.linalg.norm(block, axis=0).clip(np.finfo(float).tiny))
        return np.hstack(blocks)

    def _orthogonal(self, others: Sequence[tuple[Ints, Floats]]) -> None:
        from scipy.linalg import qr

        net = self._within(self._within(self._columns(others)))
        q, r, _ = qr(net, mode="economic", pivoting=True)
        rank = int(np.count_nonzero(np.abs(np.diag(r)) > RANK))
        self.basis = self._within(q[:, :rank])
        self.rank += rank

    def _solve_for(self, others: Sequence[tuple[Ints, Floats]]) -> None:
        """Keep the other effects' columns as they are; their rank is that of unconnected effects at the most."""
        from scipy import sparse

        rows = np.arange(len(self.main))
        self.sparse = sparse.hstack([sparse.csr_array((x, (rows, c))) for c, x in others], format="csr")
        self.rank += self.sparse.shape[1] - len(others)

    def out_of(self, columns: Floats) -> Floats:
        """Take the effects out of columns, (n, k)."""
        for _ in range(2):  # once more, for what rounding left
            columns = self._within(columns)
            columns = columns - self.basis @ (self.basis.T @ columns)
            if self.sparse is not None:
                columns = np.column_stack([self._solved(c) for c in columns.T])
        return columns

    def _solved(self, column: Floats) -> Floats:
        from scipy.sparse.linalg import LinearOperator, lsmr

        operator = LinearOperator(
            self.sparse.shape,
            matvec=lambda b: self._within((self.sparse @ b)[:, None])[:, 0],
            rmatvec=lambda y: self.sparse.T @ self._within(y[:, None])[:, 0],
            dtype=float,
        )
        found = lsmr(operator, column, atol=1e-15, btol=1e-15, conlim=0, maxiter=20_000)[0]
        return np.asarray(column - operator.matvec(found))
