"""When the units of a cell adopt, and placebos in time: the treatment moved some periods earlier.

Adoption is dated by the declared cohort; without one by the first treated row, which is late
where a unit lacks the row in which its treatment begins.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from specdid import _plugins
from specdid._arrays import Bools, Floats, Ints
from specdid._describe.clusters import FEW
from specdid._describe.design_warnings import splits_units
from specdid._diagnostics import many
from specdid._records.cautions import CautionSeverity
from specdid.analyses._base import Bench, Cell, CellFit, Extra
from specdid.analyses._fit import failed
from specdid.engine.ssc import is_nested
from specdid.inference._assignment import fill_path

LEAST = 3
"""Treated clusters below which a clustered error has no meaning: it is of what one or two happen to be."""


def never_before(fit: CellFit) -> str:
    """Say that an average of cohort × period cells has units without a row before treatment, as of the curve's."""
    problem, members, k = fit.cell.compiled.problem, fit.cell.compiled.members, fit.cell.member
    if fit.failure is not None or fit.n_always <= 0 or problem.unit < 0 or members.sunab[k] < 0:
        return ""
    if not any(splits_units(problem, column) for column in problem.effects[members.effects[k]].fixed):
        return ""
    return (
        f"{many(fit.n_always, 'unit', 'are')} treated in all rows used and in the average effect all the same, by what "
        "changed after the first of these rows: no effect on the treated since before; leave them out by [sample]"
    )


@dataclass(frozen=True, slots=True)
class Timing:
    """When the units of a cell are treated.

    Attributes
    ----------
    first : (n,) float64, the unit's first treated period, inf for never treated units
    adopted : (n,) bool, rows of the sample whose unit adopts within the data: after the first period and,
        dated by rows, not treated when it is first seen
    before : (n,) bool, rows of units not treated so far, in periods before the last adoption
    undated : units that the data do not show just before their first treated row: without a cohort
        nothing says that they adopted then
    moved : by how many periods earlier, the treatment of every row, once it is made
    """

    first: Floats = field(repr=False)
    adopted: Bools = field(repr=False)
    before: Bools = field(repr=False)
    undated: int = 0
    moved: dict[int, Floats] = field(default_factory=dict, repr=False, compare=False)

    @property
    def start(self) -> float:
        """The first period in which a unit of the sample adopts, inf where none does."""
        return float(self.first[self.adopted].min(initial=np.inf))

    def most(self, periods: Ints) -> int:
        """Return the most periods that a treatment can be moved with one left before it."""
        adopted = self.first[np.isfinite(self.first) & self.before]
        return int(adopted.max() - periods[self.before].min() - 1) if len(adopted) else 0


def timing(bench: Bench, cell: Cell) -> Timing:
    """Find when treatment begins; the panel must have units and periods."""
    units, periods = bench.panel.unit_codes, bench.periods
    assert units is not None
    assert periods is not None
    cohort, undated, seen = bench.cohort(cell), 0, np.ones(len(periods), dtype=bool)
    if cohort is not None:
        first = np.where(np.isnan(cohort), np.inf, cohort)
    else:
        first, seen, undated = _by_rows(bench.treatment(cell), units, periods)
    sample = bench.in_sample(cell) & np.isfinite(bench.treatment(cell))
    adopted = sample & np.isfinite(first) & (first > periods.min()) & seen
    last = first[adopted].max(initial=-np.inf)
    return Timing(first, adopted, sample & (periods < first) & (periods < last), undated)


def _by_rows(treated: Floats, units: Ints, periods: Ints) -> tuple[Floats, Bools, int]:
    """Date units by their first treated row; mark those seen untreated before, and count gaps before it."""
    count = int(units.max()) + 1
    first, last_before, known = np.full(count, np.inf), np.full(count, -np.inf), np.isfinite(treated)
    on = known & (treated != 0)
    np.minimum.at(first, units[on], periods[on].astype(np.float64))
    before = known & (periods < first[units])
    np.maximum.at(last_before, units[before], periods[before].astype(np.float64))
    present = np.unique(periods)
    previous = np.full(count, -np.inf)
    dated = np.isfinite(first)
    place = np.searchsorted(present, first[dated])
    previous[dated] = np.where(place > 0, present[np.maximum(place - 1, 0)], -np.inf)
    gaps = dated & np.isfinite(last_before) & (last_before < previous)
    return first[units], np.isfinite(last_before)[units], int(np.count_nonzero(gaps))


def fit_earlier(bench: Bench, cell: Cell, when: Timing, earlier: int) -> CellFit:
    """Estimate a cell by its own estimator, its treatment and cohort ``earlier`` periods ahead, untreated rows only."""
    cohort = bench.cohort(cell)
    if why := _not_moved(cell, when):
        problem = cell.compiled.problem
        return failed(cell, why, (), problem.alpha, len(problem.vcovs))
    moved = when.moved[earlier] = _moved(bench, cell, when, earlier)
    first = None if cohort is None else Extra(f"cohort {earlier} earlier", cohort - earlier)
    return bench.fit(cell, treatment=Extra(f"treatment {earlier} earlier", moved), cohort=first, where=when.before)


def _moved(bench: Bench, cell: Cell, when: Timing, earlier: int) -> Floats:
    """Return the treatment of every row, ``earlier`` periods ahead."""
    units, periods, treated = bench.panel.unit_codes, bench.periods, bench.treatment(cell)
    cohort = bench.cohort(cell)
    assert units is not None
    assert periods is not None
    known = treated[np.isfinite(treated)]
    if cohort is not None and np.isin(known, (0.0, 1.0)).all():
        return (periods + earlier >= when.first).astype(np.float64)
    present, place = np.unique(periods, return_inverse=True)
    path = fill_path(treated, units, place.reshape(-1), (int(units.max()) + 1, len(present)))
    return np.asarray(path[units, np.searchsorted(present, periods + earlier, side="right") - 1])


def _not_moved(cell: Cell, when: Timing) -> str:
    """Say why an estimator has no placebo in time by a treatment that is moved; empty where it has one."""
    estimator = _plugins.load("estimators", cell.method)
    if estimator.dates_itself:
        return (
            f"{cell.method} takes switches to less and units that were always treated from the treatment itself, which "
            "a treatment moved earlier does not have; its placebos are its leads in [event_study]"
        )
    if estimator.balanced and len(np.unique(when.first[when.adopted])) > 1:
        return (
            f"{cell.method} needs every unit in every period, and the placebo has no rows of a unit from its adoption "
            "on: with several cohorts no panel is left"
        )
    return ""


def treated_earlier(bench: Bench, cell: Cell, fit: CellFit, moved: Floats) -> Ints:
    """Return the rows of a placebo in time in which its treatment, ``moved`` earlier, is on.

    With effects of units, not those of units that are treated in all rows used: such do not show an effect.
    """
    assert bench.panel.unit_codes is not None
    problem, members, k = cell.compiled.problem, cell.compiled.members, cell.member
    on = np.nan_to_num(moved[fit.rows]) != 0
    if any(splits_units(problem, column) for column in problem.effects[members.effects[k]].fixed):
        units = bench.panel.unit_codes[fit.rows]
        on &= np.isin(units, units[~on])
    return np.asarray(fit.rows[on], np.int64)


def treated_clusters(bench: Bench, cell: Cell, rows: Ints, v: int = 0) -> tuple[int, str]:
    """Count the clusters of a vcov among treated rows, of two clusterings the fewer; without clusters the units.

    Clusters of whole periods are not counted: nobody is treated in another.
    """
    problem, units = cell.compiled.problem, bench.panel.unit_codes
    by = [problem.codes[:, c] for c in problem.vcovs[v].clusters]
    what = "cluster" if by else "unit"
    by = [codes for codes in by if not _of_periods(bench, codes)]
    if what == "unit" and units is not None:
        by = [units]
    found = (np.unique(codes[rows]) for codes in by)
    return min((int(np.count_nonzero(codes >= 0)) for codes in found), default=FEW), what


def _of_periods(bench: Bench, codes: Ints) -> bool:
    """Return whether the period says which cluster a row is in."""
    if bench.periods is None:
        return False
    known = codes >= 0
    return is_nested(bench.periods[known] - bench.periods.min(), (codes[known],))


def few_treated(count: int, what: str) -> str:
    """Say what a rejection is worth where so few are treated; empty where they are enough."""
    if count >= FEW:
        return ""
    errors = f"by errors of {many(count, f'treated {what}')}, which"
    if count < LEAST:
        return f", {errors} have no meaning: it shows nothing for or against the design"
    return f", {errors} reject a true null far too often: alone it is no evidence against the design"


def severity_of(count: int) -> CautionSeverity:
    """Return how grave a rejection by so few treated clusters is: where errors have no meaning it is no verdict."""
    return "note" if count < LEAST else "serious"
