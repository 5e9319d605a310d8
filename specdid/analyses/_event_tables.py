"""An event study's tables: every period, the joint tests, and the printed form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from specdid.analyses._base import Bench, Cells, Request
from specdid.analyses._coefficients import CONSTANT_LABEL
from specdid.analyses._event_paths import PERIOD, EventPath
from specdid.analyses._print import count, decimals, in_parentheses, number, p_value
from specdid.analyses.table import error_note, spanners
from specdid.engine.ssc import t_inference
from specdid.figures._event_data import ends_note
from specdid.tables._base import Cell as Value
from specdid.tables._base import PrintTable, Row, TidyTable

HEADER = (
    "vcov", "term", "period", "end", "reference", "estimate", "std_error", "statistic", "p_value", "conf_low",
    "conf_high", "band_low", "band_high", "df", "n_treated_rows", "nobs", "n_clusters", "message",
)  # fmt: skip
TEST_HEADER = ("vcov", "statistic", "df1", "df2", "p_value", "chi2", "nobs", "n_clusters", "message")


def title_of(request: Request) -> str:
    """Return the title of table and figure."""
    return f"Event study: {request.table.name}" if request.table.name else "Event study"


def words_of(cells: Cells, one: EventPath) -> str:
    """Name a curve by what differs between the curves."""
    return cells.shown(one.cell)


def event_table(bench: Bench, cells: Cells, paths: Sequence[EventPath]) -> TidyTable:
    """Return every coefficient under every vcov, controls included."""
    names = tuple(cells[0].labels) if len(cells) else ()
    rows: list[tuple[Value, ...]] = []
    for k, one in enumerate(paths):
        for v, vcov in enumerate(bench.study.vcov):
            lead: tuple[Value, ...] = (k + 1, *one.cell.labels.values(), vcov.label or vcov.text)
            if one.failure is None:
                rows += ((*lead, *line) for line in _lines(bench, one, v))
            else:
                rows.append((*lead, *(None,) * (len(HEADER) - 2), one.failure))
    return TidyTable(("column", *names, *HEADER), tuple(rows))


def _lines(bench: Bench, one: EventPath, v: int) -> Iterator[tuple[Value, ...]]:
    """Return periods in order, the references among them, then what else is in the regression."""
    alpha = bench.study.inference.alpha
    error, df = one.std_error(v), float(one.df[v])
    numbers = t_inference(one.estimate, error, np.full(len(error), df), alpha)
    band = one.margins(alpha, bench.study.seed, v)[1] * error
    table = np.column_stack([one.estimate, error, *numbers, one.estimate - band, one.estimate + band])
    clusters = int(one.n_clusters[v]) if one.n_clusters[v] >= 0 else None
    note = one.vcov_notes[v] or None
    place = {int(k): m for m, k in enumerate(one.periods)}
    for k in sorted({*place, *one.references, *one.left_out}):
        end, written = _end(one, k), one.clock.written(k)
        if k in place:
            tail = (df, int(one.size[place[k]]), one.nobs, clusters, note)
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
    terms = one.fit.terms if one.cell.method == "feols" else one.fit.terms[1:]
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
            said = one.vcov_notes[v] or (None if test.df1 else "there are no leads")
            if one.leads_left_out:
                said = f"without period {one.leads_left_out}, whose effect is not identified"
            numbers = (test.statistic, test.df1, test.df2, test.p_value, test.statistic * test.df1)
            labels = one.cell.labels.values()
            rows.append((k + 1, *labels, vcov.label or vcov.text, *numbers, one.nobs, clusters, said))
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
        _tests(paths),
    )
    columns = tuple(f"({k})" for k in range(1, len(paths) + 1))
    return PrintTable(
        title_of(request),
        columns,
        tuple(b for b in blocks if b),
        spanners(bench, cells),
        _notes(bench, paths),
        "Period",
    )


def _row(period: int, paths: Sequence[EventPath], first: EventPath, places: int) -> Row:
    """Return a period's row; ``first`` is the first curve that has it."""
    cells, under = [], []
    for one in paths:
        at = np.flatnonzero(one.periods == period)
        reference = period in one.references
        cells.append(number(float(one.estimate[at[0]]), places) if len(at) else "0" * reference)
        under.append(in_parentheses(float(one.std_error()[at[0]]), places) if len(at) else "")
    words = first.clock.text(period, plus=True)
    bins = all(period in one.bins for one in paths if _has(one, period))
    end = {"and earlier": " or earlier", "and later": " or later"}.get(_end(first, period) or "", "") if bins else ""
    reference_ = " (reference)" if any(period in p.references for p in paths) else ""
    return Row(words + end + reference_, tuple(cells), tuple(under))


def _has(one: EventPath, period: int) -> bool:
    return period in one.references or bool((one.periods == period).any())


def _controls(bench: Bench, paths: Sequence[EventPath]) -> tuple[Row, ...]:
    """Say which controls are in, without their coefficients: those are in the CSV file."""
    own = [tuple(t for t in other_terms(p) if t != CONSTANT_LABEL) for p in paths]
    every = dict.fromkeys(t for terms in own for t in terms)
    return tuple(Row(bench.label(t), tuple("yes" if t in o else "no" for o in own)) for t in every)


def _tests(paths: Sequence[EventPath]) -> tuple[Row, ...]:
    tests = [p.pretrend() if p.failure is None else None for p in paths]
    known = [t if t is not None and np.isfinite(t.p_value) else None for t in tests]
    good = [p.failure is None for p in paths]
    rows = (
        Row("Leads, joint F", tuple(number(t.statistic, 2) if t else "" for t in known)),
        Row("Degrees of freedom", tuple(f"{t.df1}, {t.df2:g}" if t else "" for t in known)),
        Row("p", tuple(p_value(t.p_value) if t else "" for t in known)),
        Row("Observations", tuple(count(p.nobs) if g else "" for p, g in zip(paths, good, strict=True))),
        Row("Clusters", tuple(count(p.n_clusters[0]) if g else "" for p, g in zip(paths, good, strict=True))),
    )
    return tuple(r for r in rows if any(r.cells))


def _notes(bench: Bench, paths: Sequence[EventPath]) -> tuple[str, ...]:
    clock = next(p.clock for p in paths if p.failure is None)
    found = [_about(paths), error_note(bench)]
    curves = [(f"({k})", p.bins) for k, p in enumerate(paths, 1) if p.failure is None]
    found.append(ends_note(curves, (clock.first, clock.last)))
    found += dict.fromkeys(f"{note[0].upper()}{note[1:]}." for p in paths for note in p.notes)
    if any(p.left_out for p in paths):
        found.append("Periods without a number are not identified in that column, and not in its test of the leads.")
    if any(p.failure is not None for p in paths):
        found.append("Empty columns could not be estimated.")
    return tuple(note for note in found if note)


def _about(paths: Sequence[EventPath]) -> str:
    """Say what the periods are, and which one is the reference."""
    clock = next(p.clock for p in paths if p.failure is None)
    reference = clock.text(clock.reference)
    if not clock.calendar:
        return f"Effects by period relative to the first treated one, which is 0; the reference is period {reference}."
    starts = dict.fromkeys(p.clock.text(p.clock.start) for p in paths if p.clock.start <= p.clock.last)
    return (
        f"Effects by calendar period on units treated by then; the first are treated in {' or '.join(starts)}. "
        f"Before, leads of all that will be treated; the reference is {reference}."
    )
