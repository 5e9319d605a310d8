"""[event_study]: leads and lags around adoption, their joint pre-trend test, bands and figure.

Relative time is the period less the treatment option's cohort. Least squares has a dummy
per relative period of the treated, ``i(rel, ever, ref = -1)`` in fixest; Sun-Abraham
averages its cohorts in each period; did2s and lpdid give their own (Gardner 2021; Dube
et al. 2023). With ``time = "calendar"`` the periods are those of the data: effects on the
units treated by then and, before the first adoption, leads of all that will be. With one
cohort these are the same numbers, ``i(year, ever, ref = 2011)`` in fixest; with several they
are not, since that has a unit among the treated of a year before its own adoption, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from specdid._arrays import Floats, Ints
from specdid._decode.table import Table
from specdid._describe.clusters import FEW as FEW_CLUSTERS
from specdid._diagnostics import many
from specdid._format import Key, Many, NumberValue, Word
from specdid._records.cautions import capital
from specdid._records.fits import NOT_POSITIVE
from specdid._records.numerals import degrees
from specdid._words import later, said_list, say, told
from specdid.analyses._base import Analysis, Bench, Caution, Cell, Cells, Chart, Finding, Request
from specdid.analyses._cells import drawn_specification
from specdid.analyses._event_paths import (
    NO_PART,
    PERIOD,
    EventPath,
    EventStudyConfig,
    check,
    clock_of,
    lead_clusters,
    path,
    rows_behind,
)
from specdid.analyses._fit import CONSTANT_LABEL, INDEFINITE, joint_test
from specdid.analyses._timing import few_treated, severity_of, treated_clusters
from specdid.analyses._words import (
    axis_of,
    count,
    decimals,
    estimate_and_error,
    listed,
    number,
    of_columns,
    p_is,
    p_value,
)
from specdid.analyses.table import error_note, numbered, spanners
from specdid.engine.ssc import t_inference
from specdid.figures.event_study import EventData, EventPanel, EventSeries, ends_note
from specdid.figures.forest import SMALL_SIGN
from specdid.panel.times import YEARLY
from specdid.tables._base import PrintTable, Row, TidyTable, Value

ENDS = ("bin", "drop")
TIMES = ("relative", "calendar")
FEW = 4
"""Leads of few clusters that are named one by one."""
HEADER = (
    "vcov", "term", "period", "end", "reference", "estimate", "std_error", "statistic", "p_value", "conf_low",
    "conf_high", "band_low", "band_high", "df", "n_treated_rows", "nobs", "n_clusters", "message",
)  # fmt: skip
TEST_HEADER = (
    "vcov", "statistic", "df1", "df2", "p_value", "chi2", "trend_50", "trend_80", "nobs", "n_clusters", "message",
)  # fmt: skip
POWER = 0.8
"""Power at which a trend is told that the test of the leads would have found."""


_UNITS = (later("year"), later("half"), later("quarter"), later("month"), later("week"), later("day"), later("period"))
"""Words for a period."""
KEYS = (
    Key(
        "time",
        Word(TIMES),
        "What periods are counted from: relative to the first treated one, which is 0, or the calendar's. In calendar "
        "time a unit counts in its cohort's first period and after and, as a lead, before the first of all. With one "
        "cohort that is fixest's `i(year, ever, ref = 2011)`, which with several has all ever treated in every year: "
        "for that give them one cohort, in `fix` a `treatment` of `ever * (year >= 2012)`, derived, with the cohort "
        "`ifelse(ever == 1, 2012, 0)`.",
        '"calendar"',
        "relative",
    ),
    Key(
        "window",
        Many(NumberValue(whole=True), exactly=2),
        "The first and last period shown: [-7, 5] is from 7 before adoption to 5 after; in calendar time [2005, 2017].",
        "[-7, 5]",
        otherwise="all periods of the data",
    ),
    Key(
        "reference",
        NumberValue(whole=True),
        "The period that all others are compared with; in calendar time one of the data.",
        "-1",
        otherwise="the last period before treatment",
    ),
    Key(
        "ends",
        Word(ENDS),
        "What lies beyond the window: binned into its first and last period, or dropped. Dropped are rows, so that "
        "effects inside the window change too: cohorts lose base periods and comparisons. Of Sun-Abraham and csdid an "
        "end is the average of its cells there and beyond, each estimated on its own: no period is binned in the "
        "regression, and `estat event` of Stata's csdid has no such number.",
        '"drop"',
        "bin",
    ),
)


def decode(found: Mapping[str, Any], table: Table) -> EventStudyConfig:
    """Take a window that holds adoption or goes forward in time, and a reference inside it."""
    calendar = found["time"] == "calendar"
    window, reference, item = _window(found, table, calendar), found["reference"], table.get("reference")
    if item is not None and reference is not None and not calendar and reference >= 0:
        table.log.add(item.origin, "out_of_range", "`reference` must be before treatment, such as -1")
        reference = None
    if item is not None and reference is not None and window and not window[0] <= reference <= window[1]:
        table.log.add(
            item.origin,
            "out_of_range",
            f"the reference period {reference} is outside the window [{window[0]}, {window[1]}]",
            "the window must hold the period that all others are compared with",
        )
    return EventStudyConfig(window, reference, found["ends"], calendar)


def _window(found: Mapping[str, Any], table: Table, calendar: bool) -> tuple[int, int] | None:
    item = table.get("window")
    if item is None or found["window"] is None:
        return None
    first, last = found["window"]
    if (calendar and first < last) or (not calendar and first < -1 and last >= 0):
        return first, last
    table.log.add(
        item.origin,
        "out_of_range",
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
    main, tests = event_table(bench, cells, paths), pretrend_table(bench, cells, paths)
    failed = [Caution("note", "not_estimated", f"{cells.shown(p.cell)}: {p.failure}") for p in paths if p.failure]
    if not good:
        return Finding((main, tests), warnings=(*cells.notes, *failed))
    main = replace(main, print=printed(bench, request, cells, paths))
    chart = Chart("event_study", figure_data(bench, request, cells, paths))
    return Finding((main, tests), (chart,), (*cells.notes, *failed, *_doubts(bench, cells, good)))


def _doubts(bench: Bench, cells: Cells, paths: Sequence[EventPath]) -> Iterator[Caution]:
    """Say what speaks against reading the curves as effects."""
    rejected = len(_rejected(bench, paths))
    tested = [p for p in paths if np.isfinite(p.pretrend().p_value)]
    of = f"; {rejected} of {len(tested)} curves" if rejected and len(tested) > 1 else ""
    for one in paths:
        words = cells.shown(one.cell)
        yield from _of_leads(bench, one, words, of)
        for v, vcov in enumerate(bench.study.vcov):
            if why := one.doubt(v):
                code = "no_errors" if why == NOT_POSITIVE and len(vcov.clusters) < 2 else "variance_indefinite"
                yield Caution("note" if v else "serious", code, f"{words}, `{vcov.name}`: {why}")
            if without := one.without_part(v):
                when = listed([one.clock.text(k) for k in without])
                said = f"{words}, `{vcov.name}`: there is no standard error in period {when}: {NO_PART}"
                yield Caution("note", "no_errors", said)
        if one.by_ends:
            yield Caution("serious", "identified_by_ends", f"{words}: {one.by_ends}: the data cannot test this")
        if one.always:
            yield Caution("serious" if one.moved > 1 else "note", "always_treated", f"{words}: {one.always}")
        if one.left_out:
            when = listed([one.clock.text(k) for k in sorted(one.left_out)])
            yield Caution("note", "not_identified", f"{words}: the effect in period {when} is not identified")
    if any(p.fit is not None and p.cell.plain and len(_cohorts(bench, p.cell)) > 1 for p in paths):
        yield Caution(
            "note",
            "leads_mixed",
            "with several cohorts, leads and lags of least squares mix each other's effects "
            "(Sun and Abraham 2021); compare with sunab",
        )


def _of_leads(bench: Bench, one: EventPath, words: str, of: str) -> Iterator[Caution]:
    """Say that the leads of a curve are jointly different from zero, or why they cannot be tested."""
    alpha, test = bench.study.inference.alpha, one.pretrend()
    if one.untestable:
        return
    if test.p_value < alpha:
        found = f"F({test.df1}, {degrees(test.df2)}) = {number(test.statistic, 2)}, p {p_is(test.p_value)}"
        said, thin = f"{words}: the leads are jointly different from zero ({found})", _thin(bench, one)
        on = f"; {_rests_on(one, thin)}" if thin else ""
        if _by_thin_alone(one, thin, alpha):
            count_, what = max(thin.values())
            few = few_treated(count_, what)
            yield Caution(severity_of(count_), "pretrend_few_treated", f"{said}{few}{on}{of}")
        else:
            yield Caution("serious", "pretrend", f"{said}{on}{of}")
    elif not one.leads.any() and one.leads_left_out:
        said = f"{words}: no lead is identified, so that there is no pre-trend test"
        yield Caution("serious", "leads_not_tested", said)
    elif one.leads.any() and np.isnan(test.p_value):
        said = f"{words}: the leads cannot be tested jointly under the first vcov: {one.untested()}"
        yield Caution("note", "leads_not_tested", said)


def _rejected(bench: Bench, paths: Sequence[EventPath]) -> list[EventPath]:
    """Return the curves whose leads are jointly different from zero, not by those of few treated clusters alone."""
    alpha = bench.study.inference.alpha
    found = [p for p in paths if p.pretrend().p_value < alpha and not p.untestable]
    return [p for p in found if not _by_thin_alone(p, _thin(bench, p), alpha)]


def _thin(bench: Bench, one: EventPath, v: int = 0) -> dict[int, tuple[int, str]]:
    """Return the leads of fewer treated clusters than errors want, with their number; counted once for a path."""
    if v not in one.thin:
        one.thin[v] = {k: found for k, found in lead_clusters(bench, one, v).items() if found[0] < FEW_CLUSTERS}
    return one.thin[v]


def _rests_on(one: EventPath, thin: Mapping[int, tuple[int, str]]) -> str:
    """Say on how few treated clusters leads rest; empty where on enough."""
    if not thin:
        return ""
    each = [f"period {one.clock.text(k)} on {many(n, f'treated {what}')}" for k, (n, what) in thin.items()]
    if len(each) > FEW:
        fewest, most = min(thin.values()), max(thin.values())
        each = [f"{len(each)} periods on {fewest[0]} to {many(most[0], f'treated {most[1]}')}"]
    return f"leads rest on few: {listed(each)}"


def _by_thin_alone(one: EventPath, thin: Mapping[int, tuple[int, str]], alpha: float) -> bool:
    """Return whether the test of the leads rejects by leads of few treated clusters, and not without them."""
    if not thin:
        return False
    others = np.flatnonzero(one.leads & ~np.isin(one.periods, list(thin)))
    return not joint_test(one.estimate[others], one.vcov[0][np.ix_(others, others)], one.df[0]).p_value < alpha


def _cohorts(bench: Bench, cell: Cell) -> Floats:
    cohort = bench.cohort(cell)
    assert cohort is not None
    rows = bench.in_sample(cell) & ~np.isnan(cohort)
    return np.unique(cohort[rows])


def _remarks(paths: Sequence[EventPath], names: Sequence[str]) -> list[str]:
    """Say what of curves is not as it seems, in sentences; each with the curves it is about where not with all."""
    found: dict[str, list[str]] = {}
    for one, name in zip(paths, names, strict=True):
        for text in (one.by_ends, *one.notes, _composition(one)):
            if text:
                found.setdefault(told(text, True), []).append(name)
    return [
        say("{sample}.", sample=capital(text) if len(mine) == len(paths) else f"{said_list(mine)}{say(': ')}{text}")
        for text, mine in found.items()
    ]


def _composition(one: EventPath) -> str:
    """Say that periods hold other treated units, where the single ones have a fifth fewer rows than the most."""
    single = np.array([int(k) not in one.bins for k in one.periods], dtype=bool)
    size, periods = one.size[single], one.periods[single]
    if not len(size) or size.min() > 0.8 * size.max():
        return ""
    return say(
        "not every treated unit is in every period, {least} rows in {a} and {most} in {b}, so that effects differ by "
        "who is in them too",
        least=count(int(size.min())),
        a=one.clock.text(int(periods[size.argmin()])),
        most=count(int(size.max())),
        b=one.clock.text(int(periods[size.argmax()])),
    )


def _few(bench: Bench, one: EventPath) -> tuple[int, ...]:
    """Return the periods whose effects rest on too few treated units or clusters for their errors."""
    codes = bench.panel.unit_codes

    def least(rows: Ints) -> int:
        units = len(rows) if codes is None else len(np.unique(codes[rows]))
        return min(units, treated_clusters(bench, one.cell, rows)[0])

    return tuple(k for k, rows in rows_behind(bench, one) if least(rows) < FEW_CLUSTERS)


def figure_data(bench: Bench, request: Request, cells: Cells, paths: Sequence[EventPath]) -> EventData:
    """Return what the figure draws: a panel per outcome, a series per specification."""
    failed = [p for p in paths if p.failure is not None]
    paths = [p for p in paths if p.failure is None]
    study, clock = bench.study, paths[0].clock
    panels = []
    for outcome, per_unit in dict.fromkeys((p.cell.labels["outcome"], p.per_unit) for p in paths):
        mine = [p for p in paths if (p.cell.labels["outcome"], p.per_unit) == (outcome, per_unit)]
        series = tuple(_series(bench, cells, p) for p in mine)
        name, axis = bench.label(outcome), axis_of(mine[0].cell)
        if per_unit:  # another unit than that of the same outcome's other effects
            name, axis = (say("{outcome}, per unit of treatment", outcome=text) for text in (name, axis))
        panels.append(EventPanel(name, series, axis))
    remarks = _remarks(paths, [cells.shown(p.cell) for p in paths])
    if any(s.few for p in panels for s in p.series):
        said = say(
            " {sign}: fewer than {few} treated units or clusters, so that errors and p cannot be trusted.",
            sign=SMALL_SIGN,
            few=FEW_CLUSTERS,
        )
        remarks.append(said.strip())
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
        drawn_specification(request, bench.evaluator),
        tuple(say("{name}: {why}", name=cells.shown(p.cell), why=told(p.failure or "", True)) for p in failed),
        tuple(remarks),
        _doubt(bench, paths, len(_rejected(bench, paths))),
    )


def _doubt(bench: Bench, paths: Sequence[EventPath], rejected: int) -> str:
    """Say in how many curves the leads are different from zero."""
    tested = sum(bool(np.isfinite(p.pretrend().p_value)) for p in paths)
    of = f" in {rejected} of {tested} curves" if tested > 1 else ""
    said = told(f"the leads are jointly different from zero (p < {bench.study.inference.alpha:g}){of}")
    return say("{sample}.", sample=capital(said)) if rejected else ""


def _unit(bench: Bench) -> str:
    """Return the word for a period: the step's, or the time column's name where one of its units is a period."""
    named = bench.study.step in (None, "", "1", YEARLY)
    words = (bench.study.step or "", (bench.study.time or "").lower() * named)
    word = next((w for w in words if w in _UNITS), "period")
    return say(word)


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
        _place(bench, one.cell),
        _few(bench, one),
    )


def _place(bench: Bench, cell: Cell) -> int:
    """Return the place of a cell's estimator among those of the study."""
    names = [option.label or option.method for option in bench.study.estimator]
    label = cell.labels.get("estimator", "")
    return names.index(label) if label in names else 0


def title_of(request: Request) -> str:
    """Return the title of table and figure."""
    return say("Event study: {name}", name=request.table.name) if request.table.name else say("Event study")


def event_table(bench: Bench, cells: Cells, paths: Sequence[EventPath]) -> TidyTable:
    """Return every coefficient under every vcov, controls included."""
    names = tuple(cells[0].labels) if len(cells) else ()
    rows: list[tuple[Value, ...]] = []
    for k, one in enumerate(paths):
        for v, vcov in enumerate(bench.study.vcov):
            lead: tuple[Value, ...] = (k + 1, *one.cell.labels.values(), vcov.name)
            if one.failure is None:
                rows += ((*lead, *line) for line in _period_lines(bench, one, v))
            else:
                rows.append((*lead, *(None,) * (len(HEADER) - 2), one.failure))
    return TidyTable(("column", *names, *HEADER), tuple(rows))


def _period_lines(bench: Bench, one: EventPath, v: int) -> Iterator[tuple[Value, ...]]:
    """Return periods in order, the references among them, then what else is in the regression."""
    alpha = bench.study.inference.alpha
    error, df = one.std_error(v), float(one.df[v])
    numbers = t_inference(one.estimate, error, np.full(len(error), df), alpha)
    band = one.margins(alpha, bench.study.seed, v)[1] * error
    table = np.column_stack([one.estimate, error, *numbers, one.estimate - band, one.estimate + band])
    clusters = int(one.n_clusters[v]) if one.n_clusters[v] >= 0 else None
    doubt = one.doubt(v)
    place = {int(k): m for m, k in enumerate(one.periods)}
    for k in sorted({*place, *one.references, *one.left_out}):
        end, written = _end(one, k), one.clock.written(k)
        if k in place:
            missing = NOT_POSITIVE if np.isnan(error[place[k]]) and not one.vcov_notes[v] else ""
            missing = NO_PART if k in one.without_part(v) else missing
            note = "; ".join(text for text in (missing, doubt) if text)
            tail = (df, int(one.size[place[k]]), one.nobs, clusters, note or None)
            yield ("period", written, end, False, *table[place[k]].tolist(), *tail)
        elif k in one.left_out:
            yield ("period", written, end, False, *(None,) * 10, one.nobs, clusters, one.left_out[k])
        else:
            yield ("period", written, end, True, 0.0, *(None,) * 8, None, one.nobs, clusters, "reference")
    for term in other_terms(one):
        if one.fit is not None:
            c = one.fit.coefficient(term, v)
            found = (c.estimate, c.std_error, c.statistic, c.p_value, c.conf_low, c.conf_high)
            yield (term, None, None, False, *found, None, None, c.df, None, one.nobs, clusters, c.note or None)


def other_terms(one: EventPath) -> tuple[str, ...]:
    """Return the terms of a curve's regression that are no periods: controls, and a constant that no effect absorbs."""
    if one.fit is None:
        return ()
    terms = one.fit.terms if one.cell.plain else one.fit.terms[1:]
    absorbed = CONSTANT_LABEL if one.fit.effects else ""
    return tuple(t for t in terms if t != absorbed and not t.startswith(PERIOD))


def _end(one: EventPath, period: int) -> str | None:
    if period not in one.bins:
        return None
    return {one.clock.first: "and earlier", one.clock.last: "and later"}.get(period)


def pretrend_table(bench: Bench, cells: Cells, paths: Sequence[EventPath]) -> TidyTable:
    """Return the joint tests of the leads under every vcov."""
    names = tuple(cells[0].labels) if len(cells) else ()
    rows: list[tuple[Value, ...]] = []
    for k, one in enumerate(p for p in paths if p.failure is None):
        for v, vcov in enumerate(bench.study.vcov):
            test = one.pretrend(v)
            clusters = int(one.n_clusters[v]) if one.n_clusters[v] >= 0 else None
            left = one.leads_left_out
            without = f"without period {left}, whose effect is not identified" if left else ""
            said = "; ".join(t for t in (without, one.untested(v) or _rests_on(one, _thin(bench, one, v))) if t) or None
            trends = (one.trend_found(bench.study.inference.alpha, power, v) for power in (0.5, POWER))
            numbers = (test.statistic, test.df1, test.df2, test.p_value, test.statistic * test.df1, *trends)
            labels = one.cell.labels.values()
            rows.append((k + 1, *labels, vcov.name, *numbers, one.nobs, clusters, said))
    return TidyTable(("column", *names, *TEST_HEADER), tuple(rows), suffix="pretrend")


def printed(bench: Bench, request: Request, cells: Cells, paths: Sequence[EventPath]) -> PrintTable:
    """Lay the curves out side by side, periods down the page."""
    whose = {int(k): p for p in reversed(paths) for k in (*p.periods, *p.references, *p.left_out)}
    errors = [e for p in paths if p.failure is None for e in p.std_error()]
    places = decimals(errors)
    rows = {k: _row(k, paths, whose[k], places) for k in sorted(whose)}
    blocks = (
        tuple(row for k, row in rows.items() if k < whose[k].clock.start),
        tuple(row for k, row in rows.items() if k >= whose[k].clock.start),
        _controls(bench, paths),
        _tests(bench, paths),
    )
    return PrintTable(
        title_of(request),
        numbered(paths),
        tuple(b for b in blocks if b),
        spanners(bench, cells),
        _notes(bench, paths),
        say("Period"),
    )


def _row(period: int, paths: Sequence[EventPath], first: EventPath, places: int) -> Row:
    """Return a period's row; ``first`` is the first curve that has it."""
    cells, under = [], []
    for one in paths:
        at = np.flatnonzero(one.periods == period)
        reference = period in one.references
        pair = ("0" * reference, "")
        if len(at):
            pair = estimate_and_error(float(one.estimate[at[0]]), float(one.std_error()[at[0]]), places)
        cells.append(pair[0])
        under.append(pair[1])
    words = first.clock.text(period, plus=True)
    bins = all(period in one.bins for one in paths if _has(one, period))
    end = (
        {"and earlier": say(" or earlier"), "and later": say(" or later")}.get(_end(first, period) or "", "")
        if bins
        else ""
    )
    reference_ = say(" (reference)") if any(period in p.references for p in paths) else ""
    return Row(words + end + reference_, tuple(cells), tuple(under))


def _has(one: EventPath, period: int) -> bool:
    return period in one.references or bool((one.periods == period).any())


def _controls(bench: Bench, paths: Sequence[EventPath]) -> tuple[Row, ...]:
    """Say which controls are in, without their coefficients: those are in the CSV file."""
    own = [tuple(t for t in other_terms(p) if t != CONSTANT_LABEL) for p in paths]
    every = dict.fromkeys(t for terms in own for t in terms)
    return tuple(Row(bench.label(t), tuple(say("yes") if t in o else say("no") for o in own)) for t in every)


def _tests(bench: Bench, paths: Sequence[EventPath]) -> tuple[Row, ...]:
    tests = [p.pretrend() if p.failure is None else None for p in paths]
    known = [t if t is not None and np.isfinite(t.p_value) else None for t in tests]
    good = [p.failure is None for p in paths]
    found = [
        p.trend_found(bench.study.inference.alpha, POWER) if t else np.nan for p, t in zip(paths, known, strict=True)
    ]
    places = decimals([trend for trend in found if np.isfinite(trend)])
    rows = (
        Row(say("Leads, joint F"), tuple(number(t.statistic, 2) if t else "" for t in known)),
        Row(say("Degrees of freedom"), tuple(f"{t.df1}, {degrees(t.df2)}" if t else "" for t in known)),
        Row("p", tuple(p_value(t.p_value) if t else "" for t in known)),
        Row(say("Trend found with power {power:g}", power=POWER), tuple(number(trend, places) for trend in found)),
        Row(say("Observations"), tuple(count(p.nobs) if g else "" for p, g in zip(paths, good, strict=True))),
        Row(say("Clusters"), tuple(count(p.n_clusters[0]) if g else "" for p, g in zip(paths, good, strict=True))),
    )
    return tuple(r for r in rows if any(r.cells))


def _notes(bench: Bench, paths: Sequence[EventPath]) -> tuple[str, ...]:
    clock = next(p.clock for p in paths if p.failure is None)
    found = [_about(paths), error_note(bench)]
    curves = [(f"({k})", p.bins) for k, p in enumerate(paths, 1) if p.failure is None]
    found.append(ends_note(curves, (clock.first, clock.last)))
    good = [(p, f"({k})") for k, p in enumerate(paths, 1) if p.failure is None]
    found += _remarks([p for p, _ in good], [name for _, name in good])
    found += of_columns((k, told(p.always, True)) for k, p in enumerate(paths, 1))
    if any(np.isfinite(p.trend_found(bench.study.inference.alpha, POWER)) for p in paths if p.failure is None):
        found.append(
            say(
                "The trend is the linear one per {unit} between treated and untreated that the joint test of the "
                "leads finds with probability {power:g} (after Roth 2022): smaller ones it mostly misses. A bin stands "
                "at the mean period of its rows.",
                unit=_unit(bench),
                power=POWER,
            )
        )
    indefinite = [k for k, p in enumerate(paths, 1) if p.failure is None and p.doubt() == INDEFINITE]
    found += of_columns((k, told(INDEFINITE, True)) for k in indefinite)
    if any(p.left_out for p in paths):
        found.append(
            say("Periods without a number are not identified in that column, and not in its test of the leads.")
        )
    if any(p.failure is not None for p in paths):
        found.append(say("Empty columns could not be estimated."))
        found += of_columns((k, told(p.failure, True)) for k, p in enumerate(paths, 1) if p.failure is not None)
    return tuple(note for note in found if note)


def _about(paths: Sequence[EventPath]) -> str:
    """Say what the periods are, and which one is the reference."""
    clock = next(p.clock for p in paths if p.failure is None)
    reference = clock.text(clock.reference)
    if not clock.calendar:
        return say(
            "Effects by period relative to the first treated one, which is 0; the reference is period {reference}.",
            reference=reference,
        )
    starts = dict.fromkeys(p.clock.text(p.clock.start) for p in paths if p.clock.start <= p.clock.last)
    return say(
        "Effects by calendar period on units treated by then; the first are treated in {listed}. Before, "
        "leads of all that will be treated; the reference is {reference}.",
        listed=say(" or ").join(starts),
        reference=reference,
    )


ANALYSIS = Analysis(
    "event_study",
    later("Event study: leads and lags around adoption"),
    decode,
    run,
    check,
    KEYS,
    dates=lambda values: True,
)
