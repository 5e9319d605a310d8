"""[event_study]: leads and lags around adoption, their joint pre-trend test, bands and figure.

Relative time is the period less the treatment option's cohort. Least squares has a dummy
per relative period of the treated, ``i(rel, ever, ref = -1)`` in fixest; Sun-Abraham
averages its cohorts in each period; did2s and lpdid give their own (Gardner 2021; Dube
et al. 2023). With ``time = "calendar"`` the periods are those of the data: effects on the
units treated by then and, before the first adoption, leads of all that will be; with one
cohort these are the same numbers, ``i(year, ever, ref = 2011)`` in fixest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from specdid._decode.table import STEPS, Table
from specdid.analyses._base import Analysis, Bench, Caution, Cell, Cells, Chart, Finding, Request
from specdid.analyses._event_clock import Config, check, clock_of
from specdid.analyses._event_paths import EventPath, path
from specdid.analyses._event_tables import event_table, pretrend_table, printed, title_of, words_of
from specdid.analyses._print import number, p_is
from specdid.analyses._words import listed
from specdid.engine.problem import Floats
from specdid.figures.event_study import EventData, EventPanel, EventSeries

ENDS = ("bin", "drop")
TIMES = ("relative", "calendar")
FEW = 4
"""Curves whose doubts are told one by one."""


def decode(table: Table) -> Config:
    """Read window, reference, ends and time."""
    calendar = (table.choice("time", TIMES) or TIMES[0]) == "calendar"
    window = _window(table, calendar)
    item = table.rows.get("reference")
    if calendar:
        reference = table.whole("reference", "a period of the data, such as 2011", lambda k: True)
    else:
        reference = table.whole("reference", "before treatment, such as -1", lambda k: k < 0)
    if item is not None and reference is not None and window and not window[0] <= reference <= window[1]:
        table.log.add(
            item.origin,
            "reference_outside",
            f"the reference period {reference} is outside the window [{window[0]}, {window[1]}]",
            "the window must hold the period that all others are compared with",
        )
    return Config(window, reference, table.choice("ends", ENDS) or "bin", calendar)


def _window(table: Table, calendar: bool) -> tuple[int, int] | None:
    item = table.get("window")
    if item is None:
        return None
    ends = item.value if isinstance(item.value, tuple) else ()
    numbers = [e.value for e in ends if isinstance(e.value, int) and not isinstance(e.value, bool)]
    if len(numbers) != 2 or len(ends) != 2:
        help_ = "write window = [-7, 5]: from 7 before to 5 after"
        table.log.wrong_type(item, "two whole numbers", "write window = [2005, 2017]" if calendar else help_)
        return None
    first, last = numbers
    if (calendar and first < last) or (not calendar and first < -1 and last >= 0):
        return first, last
    table.log.add(
        item.origin,
        "bad_window",
        f"the window [{first}, {last}] must begin "
        + ("before it ends" if calendar else "at -2 or before and end at 0 or after"),
        "in calendar time it goes from one period of the data to another"
        if calendar
        else 'it counts periods from the first treated one, which is 0; for years write time = "calendar"',
    )
    return None


def run(bench: Bench, request: Request) -> Finding:
    """Estimate every curve."""
    cells = bench.cells(request)
    paths = [path(bench, cell, clock_of(bench, cell, request.config)) for cell in cells]
    good = [p for p in paths if p.failure is None]
    tables = (event_table(bench, cells, paths), pretrend_table(bench, cells, paths))
    if not good:
        return Finding(tables, warnings=(*cells.notes, *_failures(cells, paths)))
    main, tests = tables
    main = type(main)(main.header, main.rows, printed(bench, request, cells, paths))
    return Finding(
        (main, tests),
        (Chart("event_study", figure_data(bench, request, cells, good)),),
        (*cells.notes, *_failures(cells, paths), *_doubts(bench, cells, good)),
        _lines(bench, cells, good),
    )


def _failures(cells: Cells, paths: Sequence[EventPath]) -> list[Caution]:
    failed = [p for p in paths if p.failure is not None]
    return [Caution("note", "not_estimated", f"{words_of(cells, p)}: {p.failure}") for p in failed]


def _doubts(bench: Bench, cells: Cells, paths: Sequence[EventPath]) -> Iterator[Caution]:
    """Say what speaks against reading the curves as effects."""
    alpha = bench.study.inference.alpha
    joint, single = [], []
    for one in paths:
        words, test, leads = words_of(cells, one), one.pretrend(), one.leads
        alone = _significant(one, alpha) & leads
        if test.p_value < alpha:
            said = f"F({test.df1}, {test.df2:g}) = {number(test.statistic, 2)}, p {p_is(test.p_value)}"
            joint.append(f"{words}: the leads are jointly different from zero ({said})")
        elif alone.any():
            said = listed([one.clock.text(int(k)) for k in one.periods[alone]])
            single.append(f"{words}: single leads differ from zero, though not jointly (period {said})")
        elif not leads.any() and one.leads_left_out:
            said = f"{words}: no lead is identified, so that there is no pre-trend test"
            yield Caution("serious", "leads_not_tested", said)
        elif leads.any() and np.isnan(test.p_value):
            said = f"{words}: the leads cannot be tested jointly under the first vcov"
            yield Caution("note", "leads_not_tested", said)
    for told in _told(joint, f"the leads are jointly different from zero (p < {alpha:g})", len(paths)):
        yield Caution("serious", "pretrend", f"{told}{_of_many(len(joint), len(paths))}")
    for told in _told(single, f"single leads, though not all jointly, differ from zero (p < {alpha:g})", len(paths)):
        yield Caution("note", "single_leads", told)
    if any(p.cell.method == "feols" and len(_cohorts(bench, p.cell)) > 1 for p in paths):
        yield Caution(
            "note",
            "leads_mixed",
            "with several cohorts, leads and lags of least squares mix each other's effects "
            "(Sun and Abraham 2021); compare with sunab",
        )
    for one in (p for p in paths if p.left_out):
        when = listed([one.clock.text(k) for k in sorted(one.left_out)])
        said = f"{words_of(cells, one)}: the effect in period {when} is not identified"
        yield Caution("note", "not_identified", said)
    for note in dict.fromkeys(n for p in paths for n in p.notes):
        which = [words_of(cells, p) for p in paths if note in p.notes]
        whose = which[0] if len(which) == 1 else f"{len(which)} of {len(paths)} curves"
        yield Caution("note", "curves_differ", f"{whose}: {note}")


def _of_many(found: int, of: int) -> str:
    """Say of how many curves such a one is: of many tests some fail by chance."""
    return f"; {found} of {of} curves" if found <= FEW and of > 1 else ""


def _told(said: Sequence[str], words: str, of: int) -> Iterator[str]:
    """Return a few sentences one by one, of many the count."""
    if len(said) <= FEW:
        yield from said
    else:
        yield f"{words} in {len(said)} of {of} curves"


def _significant(one: EventPath, alpha: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    with np.errstate(invalid="ignore"):
        margin = one.margins(alpha, 0)[0] if len(one.periods) else 0.0
        return np.asarray(np.abs(one.estimate) > margin * one.std_error())


def _cohorts(bench: Bench, cell: Cell) -> Floats:
    cohort = bench.cohort(cell)
    assert cohort is not None
    rows = bench.in_sample(cell) & ~np.isnan(cohort)
    return np.unique(cohort[rows])


def _lines(bench: Bench, cells: Cells, paths: Sequence[EventPath]) -> tuple[str, ...]:
    """Return the joint tests for the summary."""
    found = ["Joint tests of the leads:", ""]
    for one in paths:
        test = one.pretrend()
        said = "no leads" if not test.df1 and not one.leads_left_out else "no test"
        if np.isfinite(test.p_value):
            said = f"F({test.df1}, {test.df2:g}) = {number(test.statistic, 2)}, p {p_is(test.p_value)}"
        without = f", without period {one.leads_left_out}, not identified" if one.leads_left_out else ""
        found.append(f"- {words_of(cells, one)}: {said}{without}; {one.nobs:,} rows")
    return tuple(found)


def figure_data(bench: Bench, request: Request, cells: Cells, paths: Sequence[EventPath]) -> EventData:
    """Return what the figure draws: a panel per outcome, a series per specification."""
    study, clock = bench.study, paths[0].clock
    panels = []
    for outcome in dict.fromkeys(p.cell.labels["outcome"] for p in paths):
        mine = [p for p in paths if p.cell.labels["outcome"] == outcome]
        panels.append(EventPanel(bench.label(outcome), tuple(_series(bench, cells, p) for p in mine)))
    return EventData(
        title_of(request),
        tuple(panels),
        clock.reference,
        (clock.first, clock.last),
        study.inference.alpha,
        bench.errors,
        _unit(bench),
        tuple(dict.fromkeys(p.clock.start for p in paths)),
        clock.names,
    )


def _unit(bench: Bench) -> str:
    """Return the word for a period: the step's, or the time column's name where that is one."""
    words = (bench.study.step or "", (bench.study.time or "").lower())
    return next((w for w in words if w in STEPS), "period")


def _series(bench: Bench, cells: Cells, one: EventPath) -> EventSeries:
    names = [n for n in cells.varying if n != "outcome"]
    label = " · ".join(bench.heading(n, one.cell.labels[n]) for n in names) or one.cell.method
    pointwise, band = one.margins(bench.study.inference.alpha, bench.study.seed)
    test = one.pretrend()
    return EventSeries(
        label,
        one.periods.astype(float),
        one.estimate,
        pointwise * one.std_error(),
        band * one.std_error(),
        one.references,
        (test.statistic, test.df1, test.df2, test.p_value),
        one.nobs,
        one.cell.preferred,
        one.bins,
    )


ANALYSIS = Analysis(
    "event_study", "Event study: leads and lags around adoption", decode, run, check, dates=lambda values: True
)
