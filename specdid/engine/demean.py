"""Fixed effects and unit-specific slopes taken out of columns.

One effect: subtract the level means, exactly. Several: alternating projections, by
pyfixest's Rust demeaner. Slopes, many rows or columns with few levels beside the largest
effect (years), or slow convergence: by their normal equations, see `elimination`. Where
these are too many, pyfixest's preconditioned LSMR. This module and estimators/ are the only
places that import pyfixest.

Columns come centred and at unit SD, because the tolerances are absolute.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from specdid.engine.elimination import BLOCK, FEW_LEVELS, MANY_COLUMNS, Elimination, make_elimination
from specdid.engine.problem import Effects, Floats, Ints, Problem

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
    codes = [relevel(problem.codes[rows, c]) for c in effects.fixed]
    slopes = [(relevel(problem.codes[rows, c]), problem.values[rows, x]) for c, x in effects.slopes]
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
    sizes = np.concatenate([absorber.levels, absorber.slope_levels])
    others = int(sizes.sum() - sizes.max())
    if absorber.elimination is not None:
        absorber.elimination.take_out(columns)
        return True
    if not absorber.slopes and (len(columns) < MANY_ROWS or others > SMALL) and _sweep(columns, absorber):
        return True
    if others <= LARGEST:
        make_elimination(absorber.codes, absorber.slopes, absorber.weights).take_out(columns)
        return True
    return not absorber.slopes and _krylov(columns, absorber)


def subtract_means(columns: Floats, codes: Ints, weights: Floats | None) -> None:
    """Subtract each level's mean from (n, K) columns, in place."""
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
    if len(sizes) < 2 or count < MANY_COLUMNS or sum(sizes) - max(sizes) > FEW_LEVELS:
        return absorber
    return replace(absorber, elimination=make_elimination(absorber.codes, absorber.slopes, absorber.weights))
