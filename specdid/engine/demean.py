"""Fixed effects and unit-specific slopes taken out of columns.

One effect: subtract the level means, exactly. Several: alternating projections, by
pyfixest's Rust demeaner. Slopes, many rows or columns with few levels beside the largest
effect (years), or slow convergence: by their normal equations, see below. Where
these are too many, pyfixest's preconditioned LSMR. This module and estimators/ are the only
places that import pyfixest.

Columns come centred and at unit SD, because the tolerances are absolute.

In `Elimination` the largest effect, with its slopes, is projected out exactly and the others are solved for,

    x̃ = M₁(x − W a),   (W' M₁ W) a = W' M₁ x,   M₁ = I − E E',

with E the first effect's dummies and slopes, orthonormal within level, and W the other
effects' columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from specdid._arrays import Floats, Ints
from specdid.engine.problem import Effects, Problem

TOLERANCE = 1e-14
"""Largest change in a sweep of alternating projections, in SDs; pyfixest's default is 1e-6."""
LEAST_CHANGE = 2.0**-52
"""The same as a share of the largest value: less than rounding moves it cannot be asked."""
KRYLOV = 1e-13
"""The same for LSMR, whose residual does not fall further."""
SWEEPS = 2_000
"""Sweeps before another way is tried; a slower convergence would also cost digits."""
MANY_ROWS = 20_000
SMALL = 64
"""From so many rows on, so few levels beside the first effect's are solved for rather than swept."""
LARGEST = 3_000
"""Levels beside the first effect's up to which they can be solved for."""
MANY_COLUMNS, FEW_LEVELS = 16, 512
"""From so many columns on, the normal equations of so few levels are worth their price on a few rows too."""
SHORT = 4
"""Passes along the rows after which components are found by a library of graphs."""
BLOCK = 2**20
"""Cells that are demeaned together."""
NULL = 1e-10
"""A pivot below this share of its column is a linear dependence among the effects."""


@dataclass(frozen=True, slots=True)
class Absorber:
    """The effects of a sample, levels numbered without gaps.

    Attributes
    ----------
    codes : m of (n,) int64; one effect of one level where the model has an intercept only
    levels : (m,) int64, levels of each
    slopes : of ((n,) int64 codes, (n,) float64 values)
    slope_levels : (len(slopes),) int64
    weights : (n,) float64 or None
    elimination : the normal equations, where they were formed ahead; see `for_many_columns`
    """

    codes: tuple[Ints, ...]
    levels: Ints
    slopes: tuple[tuple[Ints, Floats], ...]
    slope_levels: Ints
    weights: Floats | None
    elimination: Elimination | None = None


def make_absorber(problem: Problem, effects: Effects, rows: Ints, weights: Floats | None) -> Absorber:
    """Prepare the levels that ``rows`` have."""
    codes = [relevel(problem.codes[:, c].take(rows)) for c in effects.fixed]
    slopes = [(relevel(problem.codes[:, c].take(rows)), problem.values[:, x].take(rows)) for c, x in effects.slopes]
    if not codes and not slopes:
        codes = [np.zeros(len(rows), dtype=np.int64)]
    return Absorber(tuple(codes), _sizes(codes), tuple(slopes), _sizes([c for c, _ in slopes]), weights)


def _sizes(codes: list[Ints]) -> Ints:
    return np.array([int(c.max()) + 1 for c in codes], dtype=np.int64)


def relevel(codes: Ints) -> Ints:
    """Return the levels of ``codes`` numbers from 0 without gaps, in their order; -1 may be one of them."""
    lowest = int(codes.min(initial=0))
    if lowest < 0:
        codes = codes - lowest
    seen = np.zeros(int(codes.max(initial=-1)) + 1, dtype=bool)
    seen[codes] = True
    return np.asarray((np.cumsum(seen) - 1)[codes])


def demean(columns: Floats, absorber: Absorber) -> bool:
    """Take the effects out of ``columns`` (n, K), Fortran order, in place.

    Returns
    -------
    bool
        Whether it converged.
    """
    if len(absorber.codes) == 1 and not absorber.slopes:
        subtract_means(columns, absorber.codes[0], absorber.weights)
        return True
    if absorber.elimination is not None:
        absorber.elimination.take_out(columns)
        return True
    others = _beside_the_first(absorber)
    if not absorber.slopes and (len(columns) < MANY_ROWS or others > SMALL) and _sweep(columns, absorber):
        return True
    if others <= LARGEST:
        make_elimination(absorber.codes, absorber.slopes, absorber.weights).take_out(columns)
        return True
    return not absorber.slopes and _krylov(columns, absorber)


def _beside_the_first(absorber: Absorber) -> int:
    """Count the columns of all effects but the first with its slopes, which are projected out and not solved for."""
    if not absorber.slopes:
        return int(absorber.levels.sum() - absorber.levels.max())
    every = [*absorber.codes, *(codes for codes, _ in absorber.slopes)]
    return _beside(_first(absorber.codes, absorber.slopes), every)


def _beside(first: Ints, every: Sequence[Ints]) -> int:
    return sum(int(c.max()) + 1 for c in every if not np.array_equal(c, first))


def runs(level: Ints) -> tuple[Ints, Ints] | None:
    """Return where each level (without gaps) begins and its rows, where rows lie in the order of their levels."""
    if not len(level) or (level[1:] < level[:-1]).any():
        return None
    counts = np.bincount(level)
    return np.cumsum(counts) - counts, counts


def subtract_means(
    columns: Floats, codes: Ints, weights: Floats | None, known: tuple[Ints, Ints] | None = None
) -> None:
    """Subtract each level's mean from (n, K) columns, in place; ``known`` are its `runs`, where they were found."""
    found = known if known is not None else runs(codes) if weights is None else None
    if weights is None and found is not None:
        starts, counts = found
        some = max(1, BLOCK // len(codes))
        for k in range(0, columns.shape[1], some):
            rows = columns[:, k : k + some].T
            rows -= np.repeat(np.add.reduceat(rows, starts, axis=1) / counts, counts, axis=1)
        return
    total = np.bincount(codes, weights)
    for k in range(columns.shape[1]):
        x = columns[:, k]
        x -= (np.bincount(codes, x if weights is None else x * weights) / total)[codes]


def _sweep(columns: Floats, absorber: Absorber) -> bool:
    """Alternate projections, a few columns at a time where they are long; False where convergence is slow."""
    from pyfixest.core.demean import demean as alternate

    codes = np.column_stack(absorber.codes).astype(np.uint64)
    weights = _relative_weights(columns, absorber)
    step = max(1, BLOCK // len(columns))
    for start in range(0, columns.shape[1], step):
        block = columns[:, start : start + step]
        tolerance = max(TOLERANCE, LEAST_CHANGE * float(max(block.max(), -block.min())))
        swept, converged = alternate(block, codes, weights, tolerance, SWEEPS)
        if not converged:
            return False
        block[:] = swept
    return True


def _krylov(columns: Floats, absorber: Absorber) -> bool:
    """Solve for all effects by preconditioned LSMR."""
    from pyfixest.core.demean import demean_within

    codes = np.column_stack(absorber.codes).astype(np.uint32)
    weights = _relative_weights(columns, absorber)
    swept, converged, _ = demean_within(columns, codes, weights, KRYLOV, 10 * SWEEPS)
    columns[:] = swept
    return bool(converged)


def _relative_weights(columns: Floats, absorber: Absorber) -> Floats:
    return np.ones(len(columns)) if absorber.weights is None else absorber.weights / absorber.weights.mean()


def for_many_columns(absorber: Absorber, count: int) -> Absorber:
    """Form the normal equations ahead, where ``count`` columns to come are worth them."""
    sizes = [*absorber.levels.tolist(), *absorber.slope_levels.tolist()]
    if len(sizes) < 2 or count < MANY_COLUMNS:
        return absorber
    if min(sum(sizes) - max(sizes), _beside_the_first(absorber)) > FEW_LEVELS:
        return absorber
    return replace(absorber, elimination=make_elimination(absorber.codes, absorber.slopes, absorber.weights))


@dataclass(frozen=True, slots=True)
class _EffectPart:
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


def _part(pieces: Sequence[tuple[Ints, Floats | None]], weights: Floats | None) -> _EffectPart:
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
    return _EffectPart(tuple(pieces), sizes, weights, table)


@dataclass(frozen=True, slots=True)
class Elimination:
    """The first effect, orthonormal within its levels, the others, and the solver of their normal equations.

    ``rank`` is that of the others' columns net of the first.
    """

    first: _EffectPart
    rest: _EffectPart | None
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
) -> tuple[_EffectPart, _EffectPart | None]:
    """Choose the first effect; the others are the rest.

    The first comes as an orthonormal basis within its levels.
    """
    codes = _first(effects, slopes)
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


def _first(effects: Sequence[Ints], slopes: Sequence[tuple[Ints, Floats]]) -> Ints:
    """Return the effect that is projected out: of those with slopes unless too many levels are left beside it."""
    sloped = [c for c, _ in slopes]
    found = _with_most_levels(sloped or effects)
    every = [*effects, *sloped]
    return _with_most_levels(every) if slopes and _beside(found, every) > LARGEST else found


def _with_most_levels(effects: Sequence[Ints]) -> Ints:
    return effects[int(np.argmax([int(c.max()) for c in effects]))]


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


def _normal_equations(first: _EffectPart, rest: _EffectPart) -> tuple[Callable[[Floats], Floats], int]:
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


def count_components(first: Ints, second: Ints) -> int:
    """Count the connected components of two effects, levels from 0 without gaps."""
    of_first, _ = components(first, int(first.max()) + 1, (second,), int(second.max()) + 1)
    return int(of_first.max(initial=-1)) + 1


def components(first: Ints, n_first: int, others: Sequence[Ints], n_others: int) -> tuple[Ints, Ints]:
    """Return the number of each level's component, of ``first`` and of ``others``, which are numbered together.

    Rows tie a level of the first to one of each other.
    """
    lowest = _lowest_of_component(first, n_first, others, n_others)
    if lowest is not None:
        number = np.cumsum(lowest[0] == np.arange(n_first)) - 1
        return number[lowest[0]], number[lowest[1]]
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    size = n_first + n_others
    rows, columns = np.concatenate([first] * len(others)), np.concatenate(list(others)) + n_first
    order = np.argsort(rows, kind="stable")
    ends = np.cumsum(np.bincount(rows, minlength=size))
    links = csr_array((np.ones(len(rows)), columns[order], np.concatenate([[0], ends])), shape=(size, size))
    labels = connected_components(links, directed=False)[1].astype(np.int64)
    return labels[:n_first], labels[n_first:]


def _lowest_of_component(first: Ints, n_first: int, others: Sequence[Ints], n_others: int) -> tuple[Ints, Ints] | None:
    """Return the lowest level of ``first`` in each level's component; None where it is not found in a few passes.

    Where all rows agree on it, the components are found: their chains are short as a rule (cities of a province).
    """
    lowest = np.arange(n_first)
    for _ in range(SHORT):
        known = lowest[first]
        of_other = np.full(n_others, n_first)
        for other in others:
            np.minimum.at(of_other, other, known)
        for other in others:
            np.minimum.at(lowest, first, of_other[other])
        if (lowest[first] == known).all():
            return (lowest, of_other) if (of_other < n_first).all() else None
    return None


def places(labels: Ints) -> Ints:
    """Count, for each element, the earlier ones with its label."""
    order = np.argsort(labels, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(labels))])
    found = np.empty(len(labels), dtype=np.int64)
    found[order] = np.arange(len(labels)) - starts[labels[order]]
    return found
