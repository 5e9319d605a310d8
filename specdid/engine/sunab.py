"""Sun and Abraham's (2021) interaction-weighted estimator as least squares, its aggregate as a coefficient.

With D the cohort × relative-period dummies (reference periods left out), β their
coefficients and w ≥ 0 the shares of the post-treatment cells in the sample (Σw = 1), the
effect on the treated is w'β. Choose N, a basis of {b : w'b = 0} among the post cells
together with every pre cell; then D β = (D ι_post) w'β + (D N) α with ι_post one for each
post cell, because β − ι_post w'β lies in the span of N. So w'β is the coefficient of the
post indicator D ι_post once the columns D N are among the regressors, and a Sun-Abraham
model is one more member of a batch, with columns that depend on its rows.

As in fixest, a cohort treated in its first period seen is left out. Other cells that the
effects leave open are not: w'β is estimated as labelled, or not at all. Where cells are
collinear and w'β is identified all the same (`estimable`), the dropped ones are D_X = D_K A
and their effects move into the kept ones, β_K + A β_X, so that w_K'(β_K + A β_X) = w'β: the
kept cells keep their shares, which then sum to less than one.
``control = "notyet"`` has no dummies before treatment, so that rows not yet treated are
the comparison; without a never-treated cohort the last one serves, until it is treated.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._records.numerals import minus
from specdid.engine.demean import Absorber
from specdid.engine.estimable import null_space
from specdid.engine.problem import Code, Sunab
from specdid.engine.qr_basis import Basis, Factors, householder, make_basis, triangle
from specdid.panel.times import Calendar


@dataclass(frozen=True, slots=True)
class SunabComparison:
    """Which rows a Sun-Abraham model uses.

    Attributes
    ----------
    keep : (n,) bool
    cohort : (n,) float64, NaN for the comparison group
    code : NO_TREATMENT_VARIATION or NOT_IDENTIFIED where there is nothing to compare, else OK
    why : the same in words, else empty
    """

    keep: Bools
    cohort: Floats
    code: Code
    why: str = ""


NEVER_BEFORE = "no cohort is seen both before and after its treatment"
NO_NEVER = (
    'no unit is never treated, and `control = "never"` compares with such units alone; write '
    'control = "notyet", which compares with units that are not yet treated'
)
ONE_COHORT = "all units are treated in the same period, so that there is no unit to compare them with"


def comparison(time: Floats, cohort: Floats, control: str) -> SunabComparison:
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
        return SunabComparison(keep, cohort, Code.NO_TREATMENT_VARIATION, NEVER_BEFORE)
    if np.isnan(cohort[keep]).any():
        return SunabComparison(keep, cohort, Code.OK)
    if control == "never" or len(treated) == 1:
        why = ONE_COHORT if len(treated) == 1 else NO_NEVER
        return SunabComparison(keep, cohort, Code.NOT_IDENTIFIED, why)
    keep &= time < treated[-1]
    return SunabComparison(keep, np.where(cohort == treated[-1], np.nan, cohort), Code.OK)


@dataclass(frozen=True, slots=True)
class SunabCells:
    """Cohort × relative-period cells in use.

    Attributes
    ----------
    dummies : (n, m) float64
    cohort, relative : (m,) float64
    size : (m,) float64, (weighted) rows
    share : (m,) float64
        Of the (weighted) rows after treatment, 0 for cells before.
    """

    dummies: Floats
    cohort: Floats
    relative: Floats
    size: Floats
    share: Floats

    def take(self, kept: Bools) -> SunabCells:
        """Return some of the cells, with the shares that they have among all."""
        if kept.all():
            return self
        dummies = np.asfortranarray(self.dummies[:, kept])
        return SunabCells(dummies, self.cohort[kept], self.relative[kept], self.size[kept], self.share[kept])


@dataclass(frozen=True, slots=True)
class CellCodes:
    """The cells that make_cells has, without their dummies; ``cell`` (n,) int64 is each row's, -1 in none."""

    cell: Ints
    cohort: Floats
    relative: Floats
    size: Floats
    share: Floats


def cell_codes(time: Floats, cohort: Floats, weights: Floats | None, aggregate: Sunab) -> CellCodes:
    """Return the cells of a sample, numbered in the order of relative period, then cohort."""
    times, of_time = np.unique(time, return_inverse=True)
    cohorts = code_cohorts(comparison(time, cohort, aggregate.control).cohort)
    return number_cells(times, of_time.reshape(-1), *cohorts, weights, aggregate)


def code_cohorts(cohort: Floats) -> tuple[Floats, Ints]:
    """Return the cohorts in order and each row's place among them, behind the last where it is in none."""
    cohorts = np.unique(cohort[~np.isnan(cohort)])
    return cohorts, np.searchsorted(cohorts, cohort)


def number_cells(
    times: Floats, of_time: Ints, cohorts: Floats, of_cohort: Ints, weights: Floats | None, aggregate: Sunab
) -> CellCodes:
    """Return the cells of rows by their places among the periods and the cohorts; see `cell_codes`."""
    shape = len(times), len(cohorts) + 1
    pair = of_time * shape[1] + of_cohort
    seen = np.bincount(pair, minlength=shape[0] * shape[1]).reshape(shape)[:, :-1] > 0
    relative = times[:, None] - cohorts
    used = relative >= 0 if aggregate.control == "notyet" else ~np.isin(relative, aggregate.reference)
    t, c = np.nonzero(seen & used)
    order = np.lexsort((c, relative[t, c]))
    t, c = t[order], c[order]
    place = np.full(shape, -1, dtype=np.int64)
    place[t, c] = np.arange(len(t))
    cell = place.ravel()[pair]
    inside = cell >= 0
    of_rows = None if weights is None else weights[inside]
    size = np.bincount(cell[inside], of_rows, len(t)).astype(np.float64)
    after = np.where(relative[t, c] >= 0, size, 0.0)
    share = after / after.sum() if after.any() else after
    return CellCodes(cell, cohorts[c], relative[t, c], size, share)


def cohort_cells(time: Floats, cohort: Floats, weights: Floats | None, aggregate: Sunab) -> SunabCells:
    """Make the dummies of a sample, in the order of relative period, then cohort."""
    found = cell_codes(time, cohort, weights, aggregate)
    dummies = np.zeros((len(time), len(found.size)), order="F")
    rows = np.flatnonzero(found.cell >= 0)
    dummies[rows, found.cell[rows]] = 1.0
    return SunabCells(dummies, found.cohort, found.relative, found.size, found.share)


def independent_cells(cells: SunabCells, absorber: Absorber) -> SunabCells:
    """Leave out the cells that are a combination of the effects and earlier cells, of an identified average."""
    return cells.take(_open(cells, absorber, triangle)[1])


def open_cells(cells: SunabCells, absorber: Absorber) -> Bools:
    """Mark the cells in the average whose effects are open, where the effects leave the average open: (m,)."""
    return _open(cells, absorber, triangle)[2]


def _open(cells: SunabCells, absorber: Absorber, factors: Factors) -> tuple[Basis, Bools, Bools]:
    """Return a basis of the cells, which are kept, and, if the average is not identified, those of it that are open."""
    basis = make_basis(cells.dummies.copy(order="F"), absorber, factors=factors)
    kept, null = null_space(basis, np.arange(len(cells.size)))
    lost = np.zeros(len(cells.size), dtype=bool)
    if not null.estimable(cells.share[None])[0]:
        lost = (cells.share > 0) & ~null.estimable(np.eye(len(lost)))
    return basis, kept, lost


def aggregate_columns(dummies: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Reparameterise so that the average effect is one coefficient.

    Parameters
    ----------
    dummies : (n, m), cells that are not collinear
    share : (m,), of the post cells, 0 for the others

    Returns
    -------
    treatment : (n,), D ι_post / Σ share
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
    return np.asarray(dummies[:, post].sum(axis=1) / share[post].sum()), np.hstack(others)


@dataclass(frozen=True, slots=True)
class SunabBlock:
    """A Sun-Abraham model beside its controls.

    Attributes
    ----------
    treatment : (n,) float64, D ι_post over the sum of its shares
    others : (n, m - 1) float64, orthonormal: what D N spans, on √weight and net of the effects
    lost : (cells,) bool
        Where the average is not identified, the cells in it whose effects are open; the block
        then stands for nothing.
    converged : whether the effects could be taken out
    """

    treatment: Floats
    others: Floats
    lost: Bools
    converged: bool


def make_block(cells: SunabCells, absorber: Absorber) -> SunabBlock:
    """Reparameterise the independent cells, on the rows of one QR of them all."""
    basis, kept, lost = _open(cells, absorber, householder)
    if lost.any():
        after = cells.dummies[:, cells.share > 0].sum(axis=1)
        return SunabBlock(after, np.zeros((len(after), 0)), lost, basis.converged)
    found = cells.take(kept)
    treatment, others = aggregate_columns(np.eye(len(found.size)), found.share)
    of_cells = basis.r[:, :-1][:, kept] * basis.unit[:-1][kept]
    return SunabBlock(found.dummies @ treatment, basis.q @ np.linalg.qr(of_cells @ others)[0], lost, basis.converged)


def why_open(
    cells: SunabCells,
    lost: Bools,
    time: Floats,
    cohort: Floats,
    aggregate: Sunab,
    effects: str,
    slopes: bool,
    calendar: Calendar | None,
) -> str:
    """Say which cohorts' effects are open, and what to do.

    Parameters
    ----------
    lost : (cells,) bool, not all False, as in `SunabBlock`
    time, cohort : (n,) as given to `cohort_cells`
    effects : the fixed effects, as text
    slopes : whether slopes are among them
    calendar : of the panel
    """
    cohorts = np.unique(cells.cohort[lost])
    said = f"the effects of {_cohorts(cohorts, aggregate)} cannot be told apart from the fixed effects `{effects}`"
    relative = time - comparison(time, cohort, aggregate.control).cohort
    measured = np.isin(relative, aggregate.reference) if aggregate.control == "never" else relative < 0
    unmeasured = np.array([g for g in cohorts if not measured[cohort == g].any()])
    if len(unmeasured):
        reference = ", ".join(minus(f"{k}") for k in aggregate.reference)
        if (width := _apart(time)) > 1 and all(name == f"{t:g}" for t, name in aggregate.names):
            elsewhere = "" if calendar is None else calendar.between(time, width)
            write = f'write step = "{width}" in [study]' if calendar is None else calendar.write_step(width)
            if elsewhere:
                write = (
                    f"only rows not used here stand between ({elsewhere}): leave these out of the data and {write}; "
                    "where other samples use them, do so in a study of this sample alone"
                )
            return (
                f"{said}: periods{' of these rows' * bool(elsewhere)} are {width} apart, so that no row is in period "
                f"{reference} from treatment, against which effects are measured; {write}"
            )
        why = (
            f"{said}: {_cohorts(unmeasured, aggregate)} {'have' if len(unmeasured) > 1 else 'has'} no row in period "
            f"{reference} from treatment, against which effects are measured; write reference = "
            f"{_reference_that_works(time, cohort, aggregate)}, so that every cohort has such a row, or leave "
            f"{'these cohorts' if len(unmeasured) > 1 else 'this cohort'} out of the sample"
        )
        others = lost & ~np.isin(cells.cohort, unmeasured)
        if not others.any():
            return why
        alone = _without_comparison(cells, others, time, measured | np.isnan(relative))
        rest = np.unique(cells.cohort[others])
        if len(alone):
            return (
                f"{why}; in {_listed(alone, aggregate)} every row is of a treated cohort, so that "
                f"{_cohorts(rest, aggregate)} {'have' if len(rest) > 1 else 'has'} no comparison there"
            )
        return f"{why}; {_cohorts(rest, aggregate)} {'are' if len(rest) > 1 else 'is'} open together with these"
    alone = _without_comparison(cells, lost, time, measured | np.isnan(relative))
    if len(alone):
        return f"{said}: in {_listed(alone, aggregate)} every row is of a treated cohort: there is no comparison"
    if slopes and aggregate.control == "never":
        return (
            f'{said}: a dummy for every cohort and period leaves the slopes open; write control = "notyet", which '
            "has no dummies before treatment, so that these periods settle the slopes"
        )
    if slopes:
        return f"{said}: there are too few periods before treatment to settle the slopes"
    return f"{said}: no other unit shares their levels; take coarser effects, or leave these cohorts out of the sample"


def absorbed_cohorts(time: Floats, cohort: Floats, effects: Iterable[Ints], aggregate: Sunab) -> Floats:
    """Return the cohorts without a row in a reference period, whose cells sum to levels of an effect: open for sure.

    Parameters
    ----------
    time, cohort : (n,) as given to `cohort_cells`, of the rows that `comparison` keeps
    effects : each the (n,) levels of fixed effects from 0
    """
    if aggregate.control != "never":
        return np.zeros(0)
    relative = time - comparison(time, cohort, aggregate.control).cohort
    cohorts, known = np.unique(cohort[~np.isnan(relative)]), np.isin(relative, aggregate.reference)
    open_ = [g for g in cohorts if (relative[cohort == g] >= 0).any() and not known[cohort == g].any()]
    nested = [g for g in open_ if any(not np.isin(e[cohort != g], e[cohort == g]).any() for e in effects)]
    return np.array(nested, dtype=np.float64)


def _reference_that_works(time: Floats, cohort: Floats, aggregate: Sunab) -> str:
    """Return the last period before treatment in which every cohort has a row; else the periods asked for and more."""
    found = comparison(time, cohort, aggregate.control)
    treated = found.keep & ~np.isnan(found.cohort)
    cohorts, relative = found.cohort[treated], (time - found.cohort)[treated]
    before = [set(relative[(cohorts == g) & (relative < 0)].tolist()) for g in np.unique(cohorts)]
    if shared := set.intersection(*before):
        return f"{max(shared):g}"
    periods = [float(r) for r in aggregate.reference]
    periods += sorted({max(mine) for mine in before if not mine.intersection(periods)}, reverse=True)
    return f"[{', '.join(f'{r:g}' for r in periods)}]"


def _without_comparison(cells: SunabCells, lost: Bools, time: Floats, compared: Bools) -> Floats:
    """Return the periods of lost cells in which no row is one that others are compared with."""
    periods = np.unique((cells.cohort + cells.relative)[lost])
    return np.array([t for t in periods if not compared[time == t].any()])


def _apart(time: Floats) -> int:
    """Return the distance that all distances between periods are multiples of."""
    return int(np.gcd.reduce(np.rint(np.diff(np.unique(time))).astype(np.int64)))


def _cohorts(cohorts: Floats, aggregate: Sunab) -> str:
    return f"cohort{'s' * (len(cohorts) > 1)} {_listed(cohorts, aggregate)}"


def _listed(periods: Floats, aggregate: Sunab) -> str:
    """Write periods as the data do, four at most."""
    names = dict(aggregate.names)
    words = [names.get(float(t), f"{t:g}") for t in periods]
    if len(words) > 4:
        words = [*words[:3], f"{len(words) - 3:,} more"]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
