"""Callaway and Sant'Anna's (2021) group-time average treatment effects, averaged to one number.

ATT(g, t) of every cohort and period since its treatment is estimated by `group_time` and averaged:

    group      each cohort over its periods, cohorts by their size (the default of R's aggte)
    simple     all cells by their cohort's size
    dynamic    each time since treatment by the cohorts' size, these times alike
    calendar   each period by the cohorts' size, periods alike

A cohort's size is the number of its units in the sample, those that enter no comparison too; with
weights the sum of what each weighs in the first of its rows, as in R's did. The shares are
estimated, and their part is in the standard errors, which are of units' influences, summed by
cluster, without small-sample correction; p-values are normal: R's did 2.5.1 with analytic errors.
Units treated in all periods are left out. A cell without treated or comparison units is left out of
the average and counted. With unbalanced data a change is of the units seen at both its ends
("pairs", as Stata's csdid), of those seen in every period ("drop", as R's did), or a difference of
the means of whoever is seen ("rows", as R's did with allow_unbalanced_panel = TRUE).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from specdid._arrays import Bools, Floats
from specdid._diagnostics import many
from specdid._format import NumberValue, Word
from specdid._programs.templates import template
from specdid._records import Caution
from specdid.estimators._base import Estimate, Estimator, EstimatorSetting, Failure, Path, Program, Task, where_zero
from specdid.estimators._cohorts import compared_with, control, first_and_step, one_unit_cohorts, refuse_apart
from specdid.estimators._influences import UNCOUNTED, by_units, errors_of, path_of, without_rounding
from specdid.estimators._pyfixest import Refusal, guarded, refusal
from specdid.estimators.csdid.group_time import CohortEffect, UnitsByPeriod, Way, alike, compare, lay_out, pooled

if TYPE_CHECKING:
    from specdid._plan.estimands import Treated

NOBODY = "no unit of the cohort, or none to compare it with, is seen in it and in the base period"

BINS = (
    "ends of csdid's window average its effects there and beyond by size of cohort: Stata's `estat event` and R's "
    "`aggte` have no such number"
)


UNEVEN = (
    "some periods of these rows lie further apart than others, and csdid counts {} in periods that have rows; write "
    'aggregate = "group" or "simple" without anticipation, or take a sample whose periods are as far apart'
)
OLDER = "effects of csdid are changes since period {}, of cohorts without rows there since their last period before it"
MERGED = (
    "two cohorts begin between the same periods of these rows, of which csdid makes one cohort: in no period have they "
    "been treated for as long; leave out by [sample] the cohort that begins where there are no rows"
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The options, read."""

    aggregate: str
    never: bool
    way: Way
    universal: bool
    anticipation: int
    unbalanced: str

    @property
    def rows(self) -> bool:
        return self.unbalanced == "rows"


def _asked(task: Task) -> _Asked:
    given = {s.name: s.default for s in ESTIMATOR.settings} | dict(task.options)
    return _Asked(
        str(given["aggregate"]),
        given["control"] == "never",
        cast("Way", given["est_method"]),
        given["base_period"] == "universal",
        int(str(given["anticipation"])),
        str(given["unbalanced"]),
    )


def _every_row(options: Mapping[str, object]) -> bool:
    return options.get("unbalanced") == "rows"


def _no_controls(options: Mapping[str, object]) -> str:
    if not _every_row(options):
        return ""
    return (
        'unbalanced = "rows" compares means of rows and takes no controls: leave them out, or write "pairs" or "drop"'
    )


def _begin(task: Task) -> tuple[_Asked, UnitsByPeriod]:
    """Lay the units out.

    Raises
    ------
    Refusal
        Nobody adopts in these rows, nobody is never treated, or the options do not go together.
    """
    asked = _asked(task)
    if task.controls.shape[1] and (why := _no_controls(task.options)):
        raise Refusal("not_identified", why)
    panel = lay_out(task, asked.anticipation, asked.unbalanced)
    if not panel.cohorts:
        lack = f"; {many(panel.lost, 'unit', 'lack')} a period" if panel.lost else ""
        always = many(panel.always, "unit", "are")
        gone = f"; {always} treated in all that could be compared" if panel.always else ""
        raise Refusal("no_treatment_variation", f"no unit enters treatment in these rows{gone}{lack}")
    if asked.never and not (panel.cohort == panel.periods).any():
        raise Refusal(
            "not_identified", 'no unit is never treated in these rows; control = "notyet" compares with later cohorts'
        )
    if asked.anticipation:
        _refuse_uneven(panel, "anticipation")
        refuse_apart(panel.times, task.calendar)
    return asked, panel


def _averaged(task: Task) -> tuple[_Asked, UnitsByPeriod]:
    """Lay the units out for an average, which by time since treatment counts periods."""
    asked, panel = _begin(task)
    if asked.aggregate == "dynamic":
        _refuse_uneven(panel, "time since treatment")
        _refuse_merged(panel)
    return asked, panel


def _refuse_uneven(panel: UnitsByPeriod, counted: str) -> None:
    """Refuse what counts periods where some lie further apart than others: their places do not count time."""
    _, step = first_and_step(panel.times)
    if (np.diff(panel.times) > step).any():
        raise Refusal("not_identified", UNEVEN.format(counted))


def _by_time_since(task: Task) -> tuple[_Asked, UnitsByPeriod]:
    """Lay the units out for a path, which has one time since treatment for every cohort and period."""
    asked, panel = _begin(task)
    _refuse_merged(panel)
    return asked, panel


def _refuse_merged(panel: UnitsByPeriod) -> None:
    if len(np.unique(panel.start[panel.cohort < panel.periods])) > len(panel.cohorts):
        raise Refusal("not_identified", MERGED)


def _base(asked: _Asked, cohort: int, period: int, last: int) -> int:
    """Return the base period: ``last``, the cohort's last untouched one, or of earlier periods the one before."""
    return last if asked.universal or period > last else period - 1


@guarded
def _fit(task: Task) -> Estimate | Failure:
    asked, panel = _averaged(task)
    wanted = [(g, t) for g in panel.cohorts for t in range(g, panel.periods)]
    found = [_cell(asked, panel, g, t, g - 1 - asked.anticipation) for g, t in wanted]
    cells = [c for c in found if c is not None]
    if not cells:
        return Failure("not_identified", f"of no cohort and period is there a comparison: {NOBODY}")
    estimate, influence = _aggregate(asked.aggregate, panel, cells)
    used = _ends(panel, cells, len(task.outcome))
    errors = by_units(task, errors_of(task, _by_row(task, panel, influence[:, None]), used), "normal")
    treated = np.logical_or.reduce([c.treated for c in cells])
    control = np.logical_or.reduce([c.control for c in cells])
    adopts = panel.cohort < panel.periods
    sized = _sized(asked.aggregate, panel, cells)
    force: dict[str, object] = {"base_period": None}
    entered = panel.places[np.logical_or.reduce([c.entered for c in cells])]
    if not len(entered):
        force["est_method"] = None
    return Estimate(
        estimate=estimate,
        std_error=errors.std_error,
        df=errors.df,
        n_clusters=errors.n_clusters,
        nobs=int(used.sum()),
        dropped=tuple(j for j in range(task.controls.shape[1]) if j not in entered),
        keep=used,
        in_force=force,
        reads=used,
        sizes=_sizes(panel, sized, len(task.outcome)),
        vcov_notes=errors.notes,
        extra={
            "n_cells": float(len(cells)),
            "n_cells_left_out": float(len(wanted) - len(cells)),
            "n_cohorts": float(len({c.cohort for c in cells})),
            "n_one_unit_cohorts": float(sum((panel.cohort == g).sum() == 1 for g in {c.cohort for c in cells})),
            "n_treated_left_out": float((adopts & ~treated).sum() + panel.always),
            "n_units_left_out": float(panel.lost),
        },
        units=(
            int((treated | control).sum()),
            int(treated.sum()),
            int((control & ~treated).sum()),
            0,
        ),
    )


def _cell(asked: _Asked, panel: UnitsByPeriod, cohort: int, period: int, base: int) -> CohortEffect | None:
    return compare(
        panel,
        cohort,
        period,
        base,
        never=asked.never,
        anticipation=asked.anticipation,
        way=asked.way,
        rows=asked.rows,
    )


def _aggregate(aggregate: str, panel: UnitsByPeriod, cells: Sequence[CohortEffect]) -> tuple[float, Floats]:
    if aggregate == "group":
        found = []
        for own in _grouped(cells, lambda c: c.cohort):
            effect, influence = alike([(c.effect, c.influence) for c in own])
            found.append(replace(own[0], effect=effect, influence=influence))
        return pooled(panel, found)
    return alike([pooled(panel, own) for own in _grouped(cells, _WITHIN[aggregate])])


_WITHIN: dict[str, Callable[[CohortEffect], int]] = {
    "group": lambda c: 0,
    "simple": lambda c: 0,
    "dynamic": lambda c: c.period - c.cohort,
    "calendar": lambda c: c.period,
}
"""Within what cohorts are averaged by their size."""


def _sized(aggregate: str, panel: UnitsByPeriod, cells: Sequence[CohortEffect]) -> Bools:
    """Mark the units whose cohort is averaged with another by size: of one alone no size matters."""
    together = ({c.cohort for c in own} for own in _grouped(cells, _WITHIN[aggregate]))
    return np.isin(panel.cohort, [g for cohorts in together if len(cohorts) > 1 for g in cohorts])


def _grouped(cells: Sequence[CohortEffect], key: Callable[[CohortEffect], int]) -> list[list[CohortEffect]]:
    return [[c for c in cells if key(c) == one] for one in sorted({key(c) for c in cells})]


def _sizes(panel: UnitsByPeriod, sized: Bools, size: int) -> Floats:
    """Give each unit's part in the size of its cohort in the unit's first row: of a cohort alone no size is read."""
    found = np.full(size, np.nan)
    found[panel.first[sized]] = panel.share[sized]
    return found


def _ends(panel: UnitsByPeriod, cells: Sequence[CohortEffect], size: int) -> Bools:
    """Mark the rows of the task that are an end of a change."""
    read = np.zeros(panel.row.shape, bool)
    for cell in cells:
        for at in (cell.period, cell.base):
            read[:, at] |= (cell.treated | cell.control) & panel.seen[:, at]
    used = np.zeros(size, bool)
    used[panel.row[read & (panel.row >= 0)]] = True
    return used


def _by_row(task: Task, panel: UnitsByPeriod, influence: Floats) -> Floats:
    """Put the units' influences, (U, m), into a row of each."""
    rows = np.zeros((len(task.outcome), influence.shape[1]))
    rows[panel.first] = influence
    return without_rounding(rows, task.outcome)


@guarded
def _path(task: Task, relative: Floats, periods: tuple[int, ...], reference: int) -> Path | Failure:
    """Average the cells of each relative period by their cohorts' units.

    With one base period all effects are changes since ``reference``, or since the last period that
    anticipation leaves untouched. Otherwise ``reference`` is a lead like others, and has a change of its own.
    """
    asked, panel = _by_time_since(task)
    if not asked.universal:
        periods = tuple(sorted({*periods, reference}))
    place = _places(panel, relative)
    untouched = min(reference, -1 - asked.anticipation)
    found: list[CohortEffect] = []
    where: list[int] = []
    failed: dict[int, str] = {}
    older = False
    for g in panel.cohorts:
        before = np.flatnonzero(place[g] <= untouched)
        older |= bool(len(before)) and bool(place[g][before].max() < untouched)
        for t in np.flatnonzero(np.isin(place[g], periods)) if len(before) else ():
            k, last = int(place[g][t]), int(before.max())
            base = _base(asked, g, int(t), last)
            if base < 0 or base == t:
                continue
            try:
                cell = _cell(asked, panel, g, int(t), base)
            except Refusal as refused:
                failed.setdefault(k, refused.failure.message)
                continue
            if cell is None:
                failed.setdefault(k, "") if k not in where else None
            else:
                found.append(cell)
                where.append(k)
    names = [k for k in periods if k in where and not failed.get(k)]
    if not names:
        return Failure(
            "not_identified", next((w for w in failed.values() if w), f"in no period is there a comparison: {NOBODY}")
        )
    estimates, influences, size = [], [], []
    for k in names:
        cells = [c for c, at in zip(found, where, strict=True) if at == k]
        one, influence = pooled(panel, cells)
        estimates.append(one)
        influences.append(influence)
        size.append(sum(int((c.treated & panel.seen[:, c.period]).sum()) for c in cells))
    used = _ends(panel, [c for c, k in zip(found, where, strict=True) if k in names], len(task.outcome))
    rows = _by_row(task, panel, np.column_stack(influences))
    path = path_of(task, tuple(names), np.array(estimates), rows, used, np.array(size), by_unit="normal")
    return replace(
        path,
        left_out={k: w or NOBODY for k, w in failed.items() if k not in names},
        from_reference=asked.universal and untouched == reference and not older,
        note=OLDER.format(untouched) if older else _note(asked, reference, untouched),
        from_previous=not asked.universal and untouched == reference == -1 and not older,
        of_bins=BINS,
    )


def _places(panel: UnitsByPeriod, relative: Floats) -> dict[int, Floats]:
    """Return each cohort's places on the axis by period, NaN where none of its rows stands there."""
    found = {}
    for g in panel.cohorts:
        rows = panel.row[panel.cohort == g]
        at = np.where(rows >= 0, relative[rows], np.nan)
        there = ~np.isnan(at)
        found[g] = np.where(there.any(axis=0), at[there.argmax(axis=0), np.arange(at.shape[1])], np.nan)
    return found


def _note(asked: _Asked, reference: int, untouched: int) -> str:
    since = f"effects of csdid are changes since period {untouched}, which anticipation leaves untouched"
    if not asked.universal:
        return (
            'leads of csdid are changes since the period before each (base_period = "varying"), that of the reference '
            "period too"
        )
    return since if untouched != reference else ""


_WORDS = {
    "group": "average effect on the treated (group-time effects; each cohort's periods alike, cohorts by size)",
    "simple": "average effect on the treated (group-time effects; each by the size of its cohort)",
    "dynamic": "average effect on the treated (group-time effects; times since treatment alike)",
    "calendar": "average effect on the treated (group-time effects; calendar periods alike)",
}


def _words(treated: Treated, options: Mapping[str, object]) -> str:
    """Say how group-time effects are averaged."""
    effect, how = _WORDS[str(options.get("aggregate") or "group")].split(" (", 1)
    return f"{effect}{where_zero(treated)} ({how}"


def _cautions(found: Mapping[str, Floats]) -> Iterable[Caution]:
    return list(_said(found))


def _said(found: Mapping[str, Floats]) -> Iterator[Caution]:
    cells, treated, lost = (found[n] for n in ("n_cells_left_out", "n_treated_left_out", "n_units_left_out"))
    why = (
        "they are treated in all periods, are not seen both in a period and in its base, or nobody untreated is seen "
        "beside them"
    )
    if (some := cells > 0).any():
        worst = int(np.argmax(cells))
        every = int(cells[worst] + found["n_cells"][worst])
        message = (
            f"csdid averages {int(found['n_cells'][worst])} of {every} cohorts × periods since treatment, and every "
            "treated unit is in some of these; the others are not seen both in the period and in its base, or stand "
            "beside nobody untreated (column n_cells_left_out)"
        )
        if treated[worst] > 0:
            message = (
                f"csdid averages {int(found['n_cells'][worst])} of {every} cohorts × periods since treatment, and "
                f"{many(int(treated[worst]), 'treated unit', 'are')} in none of these: {why} (columns "
                "n_cells_left_out, n_treated_left_out)"
            )
        yield Caution(
            "serious",
            "cells_left_out",
            message,
            specifications=int(some.sum()),
        )
    if (apart := (treated > 0) & (cells == 0)).any():
        yield Caution(
            "serious",
            "cohorts_left_out",
            f"csdid: up to {many(int(treated[apart].max()), 'treated unit', 'are')} not in the average effect: {why} "
            "(column n_treated_left_out)",
            specifications=int(apart.sum()),
        )
    yield from one_unit_cohorts("csdid", found)
    if (lost > 0).any():
        yield Caution(
            "serious",
            "units_left_out",
            f"csdid leaves out up to {many(int(lost.max()), 'unit')} without rows in every period "
            '(unbalanced = "drop"; "pairs" keeps what is seen of them)',
            specifications=int((lost > 0).sum()),
        )


ESTIMATOR = Estimator(
    name="csdid",
    title="Callaway–Sant'Anna",
    estimand=_WORDS["group"],
    settings=(
        EstimatorSetting(
            "aggregate",
            Word(("group", "simple", "dynamic", "calendar")),
            "How effects by cohort and period are averaged, by the size of cohorts (their units or, with weights, "
            "what these weigh in their first rows): within cohorts first, all alike, within times since treatment "
            "first, or within calendar periods first.",
            '"simple"',
            "group",
        ),
        control("never"),
        EstimatorSetting(
            "est_method",
            Word(("dr", "ipw", "reg")),
            "How controls enter: doubly robust, by inverse probability weights, or by outcome regression. "
            "The first two need a logit in every cell, which few units and many controls do not give: "
            "the specification then fails.",
            '"reg"',
            "dr",
        ),
        EstimatorSetting(
            "base_period",
            Word(("universal", "varying")),
            "What leads of an [event_study] are changes since: the reference period, or the period before each. The "
            "latter is the default of Stata's csdid and R's did: the row of the reference is then a change too (Tm1).",
            '"varying"',
            "universal",
        ),
        EstimatorSetting(
            "anticipation",
            NumberValue("0 or more", whole=True, least=0),
            "Periods before treatment in which it may have effects; the base period is the one before these.",
            "1",
            0,
        ),
        EstimatorSetting(
            "unbalanced",
            Word(("pairs", "drop", "rows")),
            "What a unit that lacks periods is part of: changes whose two ends are seen, nothing, or each period's "
            "mean that it is seen in (without controls; of units with one row, too).",
            '"drop"',
            "pairs",
        ),
    ),
    honours=frozenset({"outcome", "treatment", "controls", "sample", "weights"}),
    effects="unit + time",
    cohort=True,
    binary=True,
    absorbing=True,
    every_row=_every_row,
    no_controls=_no_controls,
    batched=False,
    vcovs=frozenset({"cluster"}),
    fit=_fit,
    slopes=False,
    doc="Controls and weights are those of the earlier of the two periods compared. Cohorts count by their units in "
    "the sample, compared or not; with weights, by what these weigh in their first row. Clusters must hold units "
    "whole. Takes no other fixed effects.",
    path=_path,
    changes="whole",
    alone=lambda options: "effects of cohorts and periods are averaged; controls have no coefficients of their own",
    beside=compared_with("never"),
    words=_words,
    ssc=UNCOUNTED,
    cautions=_cautions,
    refuses=refusal(_averaged),
    refuses_path=refusal(_by_time_since),
    columns=frozenset(
        {
            "n_cells",
            "n_cells_left_out",
            "n_cohorts",
            "n_one_unit_cohorts",
            "n_treated_left_out",
            "n_units_left_out",
        }
    ),
    programs={
        "python": Program(template("csdid.py")),
        "r": Program(template("csdid.R")),
        "stata": Program(template("csdid.do")),
    },
)
