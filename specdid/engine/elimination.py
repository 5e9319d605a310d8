"""Effects and slopes taken out of columns by their normal equations.

The largest effect, with its slopes, is projected out exactly and the others are solved for,

    x̃ = M₁(x − W a),   (W' M₁ W) a = W' M₁ x,   M₁ = I − E E',

with E the first effect's dummies and slopes, orthonormal within level, and W the other
effects' columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from specdid.engine.problem import Floats, Ints

MANY_COLUMNS, FEW_LEVELS = 16, 512
"""From so many columns on, the normal equations of so few levels are worth their price on a few rows too."""
BLOCK = 2**20
"""Cells that are demeaned together."""
NULL = 1e-10
"""A pivot below this share of its column is a linear dependence among the effects."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Effects E side by side: (codes, values or None for dummies) and the number of levels of each.

    ``table`` is E'w, (levels, n) sparse, where many columns are summed at once.
    """

    pieces: tuple[tuple[Ints, Floats | None], ...]
    sizes: tuple[int, ...]
    weights: Floats | None
    table: Any

    def sums(self, x: Floats) -> Floats:
        """Return E'wx for x (n, K); K is 1 without a table."""
        if self.table is not None:
            return np.asarray(self.table @ x)
        column = x[:, 0] if self.weights is None else self.weights * x[:, 0]
        found = [np.bincount(c, column if v is None else column * v, k) for (c, v), k in self.each()]
        return np.asarray(np.concatenate(found), np.float64)[:, None]

    def subtract(self, x: Floats, coefficients: Floats) -> None:
        """Take E c out of x in place."""
        start = 0
        for (codes, values), size in self.each():
            part = np.take(coefficients[start : start + size], codes, axis=0)
            x -= part if values is None else part * values[:, None]
            start += size

    def crossed(self, codes: Ints, size: int, x: Floats) -> Any:
        """Return the sums of x E over the levels of ``codes``, sparse (size, columns of E)."""
        from scipy.sparse import csr_array, hstack

        blocks = [csr_array((x if v is None else x * v, (codes, c)), shape=(size, k)) for (c, v), k in self.each()]
        return csr_array(hstack(blocks))

    def each(self) -> Iterable[tuple[tuple[Ints, Floats | None], int]]:
        """Return every effect's codes and values, and its number of columns."""
        return zip(self.pieces, self.sizes, strict=True)


def _part(pieces: Sequence[tuple[Ints, Floats | None]], weights: Floats | None) -> _Part:
    sizes = tuple(int(codes.max()) + 1 for codes, _ in pieces)
    n, table = len(pieces[0][0]), None
    if n * MANY_COLUMNS <= BLOCK:
        from scipy.sparse import csr_array

        starts = np.cumsum((0, *sizes))
        w = np.ones(n) if weights is None else weights
        places = np.column_stack([codes + start for (codes, _), start in zip(pieces, starts[:-1], strict=True)])
        values = np.column_stack([w if x is None else w * x for _, x in pieces])
        rows = np.arange(0, values.size + 1, len(pieces))
        table = csr_array((values.ravel(), places.ravel(), rows), shape=(n, starts[-1])).T
    return _Part(tuple(pieces), sizes, weights, table)


@dataclass(frozen=True, slots=True)
class Elimination:
    """The first effect, orthonormal within its levels, the others, and the solver of their normal equations.

    ``rank`` is that of the others' columns net of the first.
    """

    first: _Part
    rest: _Part | None
    solve: Callable[[Floats], Floats] | None
    rank: int

    def take_out(self, columns: Floats) -> None:
        """Project out the first effect and solve for the others, in place; twice, which is one refinement."""
        step = 1 if self.first.table is None else BLOCK // len(columns)
        for start in range(0, columns.shape[1], step):
            x = np.ascontiguousarray(columns[:, start : start + step])
            for _ in range(2):
                if self.rest is not None and self.solve is not None:
                    self.first.subtract(x, self.first.sums(x))
                    self.rest.subtract(x, self.solve(self.rest.sums(x)))
                self.first.subtract(x, self.first.sums(x))
            columns[:, start : start + step] = x


def make_elimination(
    codes: Sequence[Ints], slopes: Sequence[tuple[Ints, Floats]], weights: Floats | None
) -> Elimination:
    """Form the normal equations of effects with levels numbered without gaps."""
    first, rest = _split(codes, slopes, weights)
    if rest is None:
        return Elimination(first, None, None, 0)
    return Elimination(first, rest, *_normal_equations(first, rest))


def rank_of(codes: Sequence[Ints], slopes: Sequence[tuple[Ints, Floats]]) -> int:
    """Count the parameters of effects and slopes together: the rank of their dummies and columns."""
    found = make_elimination(codes, slopes, None)
    own = sum(int((np.bincount(c, e * e) > 0).sum()) for c, e in found.first.pieces if e is not None)
    return own + found.rank


def _split(
    effects: Sequence[Ints], slopes: Sequence[tuple[Ints, Floats]], weights: Floats | None
) -> tuple[_Part, _Part | None]:
    """Choose the first effect, the one with slopes, else the one with most levels; the others are the rest.

    The first comes as an orthonormal basis within its levels.
    """
    of_first = [c for c, _ in slopes] if slopes else effects
    codes = of_first[int(np.argmax([int(c.max()) for c in of_first]))]
    inside: list[Floats | None] = [None for c in effects if np.array_equal(c, codes)]
    inside += [x for c, x in slopes if np.array_equal(c, codes)]
    plain: list[tuple[Ints, Floats | None]] = [(c, None) for c in effects]
    scaled = [(c, x / (np.abs(x).max() or 1.0)) for c, x in slopes]
    rest = [(c, x) for c, x in [*plain, *scaled] if not np.array_equal(c, codes)]
    size = int(codes.max()) + 1
    basis: list[Floats] = []
    for x in inside:
        _extend(basis, codes, size, x, weights)
    first = _part([(codes, e) for e in basis], weights)
    return first, _part(rest, weights) if rest else None


def _extend(basis: list[Floats], codes: Ints, size: int, x: Floats | None, weights: Floats | None) -> None:
    """Add a column to the orthonormal basis within levels, zero where it is a combination of the earlier."""
    w = np.ones(len(codes)) if weights is None else weights
    e = np.ones(len(codes)) if x is None else x / (np.abs(x).max() or 1.0)
    before = np.bincount(codes, w * e * e, size)
    for _ in range(2):
        for b in basis:
            e = e - b * np.bincount(codes, w * e * b, size)[codes]
    norm = np.bincount(codes, w * e * e, size)
    scale = np.where(norm > NULL * before, 1.0 / np.sqrt(np.where(norm > 0, norm, 1.0)), 0.0)
    basis.append(e * scale[codes])


def _normal_equations(first: _Part, rest: _Part) -> tuple[Callable[[Floats], Floats], int]:
    """Return a solver of (W' M₁ W) a = g and the rank; dependent columns of W get 0."""
    from scipy.linalg import cho_solve
    from scipy.linalg.lapack import dpstrf

    w = np.ones(len(first.pieces[0][0])) if rest.weights is None else rest.weights
    system = np.vstack([rest.crossed(c, k, w if x is None else w * x).toarray() for (c, x), k in rest.each()])
    diagonal = np.sqrt(np.maximum(system.diagonal(), np.finfo(float).tiny))
    for (c, e), k in first.each():
        cross = rest.crossed(c, k, w if e is None else w * e)
        system -= (cross.T @ cross).toarray()
    factor, pivots, rank, _ = dpstrf(system / np.outer(diagonal, diagonal), tol=NULL, lower=0)
    kept = pivots[:rank] - 1
    upper = np.ascontiguousarray(factor[:rank, :rank])
    scale = diagonal[kept, None]

    def solve(g: Floats) -> Floats:
        a = np.zeros_like(g)
        a[kept] = cho_solve((upper, False), g[kept] / scale, check_finite=False) / scale
        return a

    return solve, int(rank)
