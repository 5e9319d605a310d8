"""Sun and Abraham's (2021) interaction-weighted estimator as least squares, its aggregate as a coefficient.

With D the cohort × relative-period dummies (reference periods left out), β their
coefficients and w ≥ 0 the shares of the post-treatment cells in the sample (Σw = 1), the
effect on the treated is w'β. Choose N, a basis of {b : w'b = 0} among the post cells
together with every pre cell; then D β = (D ι_post) w'β + (D N) α with ι_post one for each
post cell, because β − ι_post w'β lies in the span of N. So w'β is the coefficient of the
post indicator D ι_post once the columns D N are among the regressors, and a Sun-Abraham
model is one more member of a batch, with columns that depend on its rows.

fixest's conventions: a cohort treated in its first period seen is left out, and a cell
that is collinear with the effects and earlier cells is left out of the average.
``control = "notyet"`` has no dummies before treatment, so that rows not yet treated are
the comparison; without a never-treated cohort the last one serves, until it is treated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specdid.engine.demean import Absorber
from specdid.engine.gram import Basis, Factors, make_basis
from specdid.engine.orthogonal import householder, triangle
from specdid.engine.problem import Code, Floats, Sunab
from specdid.engine.solve import independent


@dataclass(frozen=True, slots=True)
class Comparison:
    """Which rows a Sun-Abraham model uses.

    Attributes
    ----------
    keep : (n,) bool
    cohort : (n,) float64, NaN for the comparison group
    code : NO_TREATMENT_VARIATION or NOT_IDENTIFIED where there is nothing to compare, else OK
    """

    keep: NDArray[np.bool_]
    cohort: Floats
    code: Code


def comparison(time: Floats, cohort: Floats, control: str) -> Comparison:
    """Choose the rows and the comparison group.

    Parameters
    ----------
    time, cohort : (n,) float64, periods and first treated periods (NaN: never)
    """
    keep = np.ones(len(time), dtype=bool)
    cohort = np.where(cohort > time.max(), np.nan, cohort)
    treated = []
    for first in np.unique(cohort[~np.isnan(cohort)]):
        mine = cohort == first
        if time[mine].min() >= first:
            keep &= ~mine
        else:
            treated.append(first)
    if not treated:
        return Comparison(keep, cohort, Code.NO_TREATMENT_VARIATION)
    if np.isnan(cohort[keep]).any():
        return Comparison(keep, cohort, Code.OK)
    if control == "never" or len(treated) == 1:
        return Comparison(keep, cohort, Code.NOT_IDENTIFIED)
    keep &= time < treated[-1]
    return Comparison(keep, np.where(cohort == treated[-1], np.nan, cohort), Code.OK)


@dataclass(frozen=True, slots=True)
class Cells:
    """Cohort × relative-period cells in use.

    Attributes
    ----------
    dummies : (n, m) float64
    cohort, relative : (m,) float64
    size : (m,) float64, (weighted) rows
    """

    dummies: Floats
    cohort: Floats
    relative: Floats
    size: Floats


def make_cells(time: Floats, cohort: Floats, weights: Floats | None, aggregate: Sunab) -> Cells:
    """Make the dummies of a sample, in the order of relative period, then cohort."""
    cohort = comparison(time, cohort, aggregate.control).cohort
    relative = time - cohort
    known = ~np.isnan(relative)
    periods, of_period = np.unique(relative[known], return_inverse=True)
    cohorts, of_cohort = np.unique(cohort[known], return_inverse=True)
    used = periods >= 0 if aggregate.control == "notyet" else ~np.isin(periods, aggregate.reference)
    seen = np.zeros((len(periods), len(cohorts)), dtype=bool)
    seen[of_period, of_cohort] = True
    place = np.where(seen & used[:, None], np.cumsum(seen & used[:, None]).reshape(seen.shape) - 1, -1)
    cell = place[of_period, of_cohort]
    rows, cell = np.flatnonzero(known)[cell >= 0], cell[cell >= 0]
    period, which = np.nonzero(place >= 0)
    dummies = np.zeros((len(time), len(period)), order="F")
    dummies[rows, cell] = 1.0
    size = np.bincount(cell, None if weights is None else weights[rows], len(period)).astype(np.float64)
    return Cells(dummies, cohorts[which], periods[period], size)


def independent_cells(cells: Cells, absorber: Absorber) -> Cells:
    """Leave out the cells that are a combination of the effects and earlier cells."""
    return _independent(cells, absorber, triangle)[0]


def _independent(cells: Cells, absorber: Absorber, factors: Factors) -> tuple[Cells, Basis, NDArray[np.bool_]]:
    """Give the cells that are independent, a basis of all cells, and which were kept."""
    basis = make_basis(cells.dummies.copy(order="F"), absorber, factors=factors)
    kept = independent(basis, np.arange(len(cells.relative)))
    dummies = cells.dummies if kept.all() else np.asfortranarray(cells.dummies[:, kept])
    return Cells(dummies, cells.cohort[kept], cells.relative[kept], cells.size[kept]), basis, kept


def shares(cells: Cells) -> Floats:
    """Give each post cell's share of the (weighted) treated rows, 0 for pre cells: (m,)."""
    size = np.where(cells.relative >= 0, cells.size, 0.0)
    total = size.sum()
    return np.asarray(size / total if total > 0 else size)


def aggregate_columns(dummies: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Reparameterise so that the average effect is one coefficient.

    Parameters
    ----------
    dummies : (n, m), cells that are not collinear
    share : (m,), summing to one over the post cells, 0 for the others

    Returns
    -------
    treatment : (n,), D ι_post
    others : (n, m - 1), D N
    """
    post = np.flatnonzero(share > 0)
    if not len(post):
        return np.zeros(len(dummies)), dummies
    others = [dummies[:, share == 0]]
    # e_j − (w_j / w_last) e_last is orthogonal to w; dividing by the largest share keeps N well scaled.
    last = post[np.argmax(share[post])]
    rest = post[post != last]
    others.append(dummies[:, rest] - np.outer(dummies[:, last], share[rest] / share[last]))
    return np.asarray(dummies[:, post].sum(axis=1)), np.hstack(others)


@dataclass(frozen=True, slots=True)
class Block:
    """A Sun-Abraham model beside its controls.

    Attributes
    ----------
    treatment : (n,) float64, D ι_post
    others : (n, m - 1) float64, orthonormal: what D N spans, on √weight and net of the effects
    converged : whether the effects could be taken out
    """

    treatment: Floats
    others: Floats
    converged: bool


def make_block(cells: Cells, absorber: Absorber) -> Block:
    """Reparameterise the independent cells, on the rows of one QR of them all."""
    found, basis, kept = _independent(cells, absorber, householder)
    treatment, others = aggregate_columns(np.eye(len(found.size)), shares(found))
    of_cells = basis.r[:, :-1][:, kept] * basis.unit[:-1][kept]
    return Block(found.dummies @ treatment, basis.q @ np.linalg.qr(of_cells @ others)[0], basis.converged)
