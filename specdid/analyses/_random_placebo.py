"""Random placebos: the treatment's paths dealt out again, by the machinery of the permutation null."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from specdid import _plugins, language
from specdid._study import Expression
from specdid.analyses._base import Bench, Caution, Cell, CellFit
from specdid.engine.problem import Floats, Ints
from specdid.inference._assignment import made_of
from specdid.inference._base import Context, Null, draw_null
from specdid.language import bind, referenced, write
from specdid.language.tree import Name

NOTHING = "no draw can be compared with its estimate"
WHY = {
    "not_least_squares": "random placebos are for least squares and Sun-Abraham models",
    "not_moved": "its treatment is not made of what is dealt out",
    "costly": "its rows or cohorts move, and estimating it anew in every draw would take too long: ask for fewer",
    "no_cluster_variance": "it has no cluster-robust variance",
}
"""Words for what the null says of many specifications, by its code."""


@dataclass(frozen=True, slots=True)
class Placebos:
    """The draws of one cell.

    Attributes
    ----------
    estimate, statistic, std_error, p_value : with the real assignment, errors by [inference] cluster
    df : degrees of freedom of the t
    null_estimate, null_statistic, null_p : (B,) of the draws
    notes : what is left out and why; with no draws, why there are none
    """

    estimate: float
    statistic: float
    std_error: float
    p_value: float
    df: float
    null_estimate: Floats = field(repr=False)
    null_statistic: Floats = field(repr=False)
    null_p: Floats = field(repr=False)
    notes: tuple[Caution, ...] = ()


def moved_columns(bench: Bench, cell: Cell) -> tuple[str, ...]:
    """Return the columns that an assignment consists of.

    They are those of [inference] ``assign``; without it, what the treatment and its cohort are
    made of but for the unit and the time.
    """
    given = bench.study.inference.assign
    if given is not None:
        return tuple(dict.fromkeys(name.name for name in referenced(given.tree)))
    return treatment_columns(bench, cell)


def treatment_columns(bench: Bench, cell: Cell) -> tuple[str, ...]:
    """Return the data columns that a cell's treatment and its cohort are made of, but for the unit and the time."""
    compiled = cell.compiled
    places = (int(compiled.members.treatment[cell.member]), int(compiled.cohort[cell.member]))
    return made_of(bench.panel, [b for p in places if p >= 0 for b in compiled.value_recipes[p].bounds])


def draw_placebos(bench: Bench, cell: Cell, fit: CellFit, draws: int, strata: Expression | None) -> Placebos:
    """Estimate a cell under permuted assignments; the draws are those of the study's seed."""
    null: Null = _plugins.load("inference", "permutation")
    if fit.failure is None and (_cluster(bench, cell)[fit.rows] < 0).any():
        return _nothing("the cluster of [inference] is missing in some of its rows")
    found = draw_null(null, _context(bench, cell, fit, draws, strata))
    if not len(found.index):
        left_out = {note.code for note in found.left_out}
        return _nothing(fit.failure or next((words for code, words in WHY.items() if code in left_out), NOTHING))
    df, t = float(found.df[0]), found.null_statistic.of_rows(slice(1))[0]
    notes = found.left_out
    if found.dropped_draws:
        said = f"{found.dropped_draws:,} draws gave no estimate and are left out"
        notes = (*notes, Caution("note", "draws_failed", said))
    return Placebos(
        float(found.estimate[0]),
        float(found.statistic[0]),
        float(found.std_error[0]),
        float(two_sided(found.statistic[:1], df)[0]),
        df,
        found.null_estimate.of_rows(slice(1))[0],
        t,
        two_sided(t, df),
        notes,
    )


def _nothing(why: str) -> Placebos:
    nothing = np.zeros(0)
    note = Caution("note", "no_placebo", why)
    return Placebos(np.nan, np.nan, np.nan, np.nan, np.nan, nothing, nothing, nothing, (note,))


def two_sided(t: Floats, df: float) -> Floats:
    """Return two-sided p-values of t statistics."""
    from scipy.special import stdtr

    return np.asarray(2.0 * stdtr(df, -np.abs(t)))


def _context(bench: Bench, cell: Cell, fit: CellFit, draws: int, strata: Expression | None) -> Context:
    asked = bench.study.inference
    text = " + ".join(write(Name(name)) for name in moved_columns(bench, cell))
    assign = asked.assign or Expression(text, language.parse(text), asked.origin)
    inference = replace(asked, assign=assign, strata=strata or asked.strata)
    plan = replace(cell.plan, study=replace(cell.plan.study, inference=inference))
    dropped = {} if fit.full is None else {0: fit.full.dropped}
    return Context(
        plan,
        bench.panel,
        bench.evaluator,
        cell.compiled,
        np.array([cell.member], np.int64),
        dropped,
        _cluster(bench, cell),
        draws,
        bench.study.seed,
        bench.jobs,
        bench.backend,
        _quiet,
        bench.store,
    )


def _cluster(bench: Bench, cell: Cell) -> Ints:
    expression = bench.study.inference.cluster
    if expression is None:
        assert bench.panel.unit_codes is not None
        return bench.panel.unit_codes
    return bench.evaluator.codes((bind(expression.tree, cell.plan.grid.settings[0].scope),))


def _quiet(what: str, done: int, total: int) -> None:
    """Take no notice of progress."""
