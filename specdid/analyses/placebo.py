"""[placebo]: the treatment given to others at random, and moved to earlier periods.

Random placebos share the draws of the curve's permutation null: whole paths of the assigned
columns are dealt out again between units, within strata; the p-value is the share of draws
at least as extreme as the estimate (Fisher 1935). The timing placebo moves the treatment a
few periods earlier and estimates it on periods before it really began.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from specdid._decode.table import Table
from specdid._diagnostics import Fault, fault_at
from specdid._study import Expression
from specdid.analyses._base import Analysis, Bench, Caution, Cell, CellFit, Cells, Chart, Finding, Request
from specdid.analyses._placebos import (
    Placed,
    disagreement,
    draw_placebos,
    draws_table,
    main_table,
    moved_columns,
    panel_of,
    placebo_words,
    timing_chart,
    timing_table,
    title_of,
    treatment_columns,
)
from specdid.analyses._timing import few_treated, fit_earlier, timing, treated_now
from specdid.analyses._words import PANELS, heading, number, p_value, shown, time_name, unit_name
from specdid.engine.problem import Ints
from specdid.figures import placebo_density
from specdid.inference._assignment import make_assignment
from specdid.language import write
from specdid.language.tree import Name

DRAWS = 500
ENOUGH = 100
"""Draws that can show that placebos are significant too often."""


@dataclass(frozen=True, slots=True)
class PlaceboConfig:
    """The table's own keys; ``periods`` are those of the timing placebo."""

    draws: int
    strata: Expression | None
    periods: tuple[int, ...]


def decode(table: Table) -> PlaceboConfig:
    """Read ``draws``, ``strata`` and ``periods``."""
    draws = table.whole("draws", "from 19 to 100,000", lambda n: 19 <= n <= 100_000)
    strata = table.expression("strata", "names")
    periods: list[int] = []
    for item in table.list_of("periods") or ():
        if not isinstance(item.value, int) or isinstance(item.value, bool):
            table.log.wrong_type(item, "a whole number", "write periods = [1, 2, 3, 4]")
        elif item.value < 1:
            help_ = "periods count how much earlier the treatment is moved: 1, 2, 3"
            table.log.add(item.origin, "out_of_range", "`periods` must be 1 or more", help_)
        else:
            periods.append(item.value)
    return PlaceboConfig(DRAWS if draws is None else draws, strata, tuple(dict.fromkeys(periods)))


def check(bench: Bench, request: Request) -> Iterator[Fault]:
    """Check that there is something to deal out, and periods to move the treatment to."""
    config: PlaceboConfig = request.config
    cells = bench.cells(request)
    if bench.panel.unit is None and bench.study.inference.level is None:
        yield fault_at(
            request.table.origin,
            None,
            "no_level",
            "a placebo needs to know who was assigned",
            'declare `unit` in [study], or write level = "…" in [inference]',
        )
        return
    if len(cells) and not moved_columns(bench, cells[0]):
        yield fault_at(
            request.table.origin,
            None,
            "nothing_moves",
            "the treatment is made of the unit and the time alone, so there is nothing to deal out",
            'write assign = "…" in [inference], the columns that an assignment consists of',
        )
        return
    own = bench.study.inference.assign is None  # what is written is checked with [inference]
    faults = list(_assigned(bench, request, cells[0])) if len(cells) and own else []
    if config.strata is not None and len(cells):
        faults += _strata(bench, config.strata, cells[0])
    yield from faults or _moving(bench, request, cells)
    yield from _periods(bench, request, cells)


def _level(bench: Bench, cell: Cell) -> Ints:
    """Return the codes of who was assigned, by row."""
    level = bench.study.inference.level
    node = level.tree if level is not None else Name(bench.panel.unit or "")
    return bench.codes(node, cell)


def _assigned(bench: Bench, request: Request, cell: Cell) -> Iterator[Fault]:
    """Check that what is dealt out is one value for a level and period."""
    level, periods = _level(bench, cell), bench.periods
    period = np.zeros(len(level), np.int64) if periods is None else periods - periods.min()
    key = level * (int(period.max()) + 1) + period
    for name in moved_columns(bench, cell):
        column = bench.panel.columns[name]
        values = column.numbers if column.numbers is not None else np.asarray(column.codes, np.float64)
        rows = np.flatnonzero(~np.isnan(values) & (level >= 0))
        first = np.full(int(key.max()) + 1, np.nan)
        first[key[rows[::-1]]] = values[rows[::-1]]
        wrong = rows[values[rows] != first[key[rows]]]
        if len(wrong):
            asked = bench.study.inference
            level_text = asked.level.text if asked.level is not None else bench.panel.unit
            yield fault_at(
                request.table.origin,
                None,
                "assignment_varies",
                f"`{name}`, which is dealt out, changes within {level_text}"
                + ("" if periods is None else f" and {bench.panel.time}")
                + f": {unit_name(bench.panel, int(wrong[0]))}",
                "declare `time` in [study]" if periods is None else "set [inference] level to who was assigned",
            )
            return


def _strata(bench: Bench, strata: Expression, cell: Cell) -> Iterator[Fault]:
    """Check that a stratum holds whole levels."""
    of_level = _level(bench, cell)
    stratum = bench.codes(strata, cell)
    first = np.full(int(of_level.max()) + 1, -2, np.int64)
    first[of_level[::-1]] = stratum[::-1]
    wrong = np.flatnonzero((stratum != first[of_level]) | (stratum < 0))
    if len(wrong):
        row = int(wrong[0])
        what = "is missing for" if stratum[row] < 0 else "changes within"
        yield fault_at(
            strata.origin,
            strata.tree.span,
            "strata_change",
            f"`{strata.text}` {what} {unit_name(bench.panel, row)} ({time_name(bench.panel, row)})",
            "strata hold whole units, in every period",
        )


def _moving(bench: Bench, request: Request, cells: Cells) -> Iterator[Fault]:
    """Find treatments that what is dealt out does not touch, and strata within which it changes nothing."""
    config: PlaceboConfig = request.config
    still = {}
    for cell in cells:
        own, moved = treatment_columns(bench, cell), moved_columns(bench, cell)
        if not set(own) & set(moved):
            still[cell.labels["treatment"]] = " + ".join(write(Name(n)) for n in own)
    for label, names in still.items():
        assign = bench.study.inference.assign
        yield fault_at(
            request.table.origin,
            None,
            "assign_still",
            f"`assign` does not move the treatment `{label}`",
            f'write assign = "{names}" in [inference]' if names else "name the columns that say who is treated",
            "error" if len(still) == len({c.labels["treatment"] for c in cells}) else "warning",
            notes=() if assign is None else (f'it is "{assign.text}" now',),
        )
    strata = config.strata or bench.study.inference.strata
    if not len(cells) or still or strata is None:
        return
    codes = _level(bench, cells[0]), bench.codes(strata, cells[0])
    if make_assignment(bench.panel, moved_columns(bench, cells[0]), *codes).different() == 0:
        yield fault_at(
            strata.origin,
            strata.tree.span,
            "nothing_moves",
            f"dealing out within `{strata.text}` changes nothing: no stratum has two assignments",
            "take coarser strata",
        )


def _periods(bench: Bench, request: Request, cells: Cells) -> Iterator[Fault]:
    config: PlaceboConfig = request.config
    if not config.periods:
        return
    if bench.panel.unit_codes is None or bench.periods is None:
        yield fault_at(
            request.key("periods"),
            None,
            "no_time",
            "a timing placebo needs units and periods",
            "declare `unit` and `time` in [study]",
        )
        return
    most = max((timing(bench, c).most(bench.periods) for c in cells), default=0)
    for k, earlier in enumerate(config.periods):
        if earlier > most:
            one = request.origin("periods", f"[{k}]")
            yield fault_at(
                request.origin("periods") if one == request.table.origin else one,
                None,
                "no_pre_period",
                f"a treatment moved {earlier} periods earlier has no period before it",
                f"it can be moved by {most} at most" if most >= 1 else "the treatment begins too early in the data",
            )


def run(bench: Bench, request: Request) -> Finding:
    """Draw the random placebos of every cell, and estimate the timing placebos."""
    config: PlaceboConfig = request.config
    cells = bench.cells(request)
    placed = [_place(bench, cell, config) for cell in cells]
    strata = config.strata or bench.study.inference.strata
    note = placebo_words(moved_columns(bench, cells[0]) if len(cells) else (), strata, bench)
    tables = [main_table(bench, request, cells, placed, note), draws_table(cells, placed)]
    drawn = [(k, p) for k, p in enumerate(placed, 1) if len(p.random.null_estimate)]
    panels = tuple(panel_of(bench, cells, p, k) for k, p in drawn[:PANELS])
    charts = []
    if panels:
        said, alpha = note + shown(len(drawn)), bench.study.inference.alpha
        data = placebo_density.PlaceboData(title_of(request), alpha, panels, said)
        charts.append(Chart("placebo_density", data))
    if any(p.earlier for p in placed):
        tables.append(timing_table(bench, cells, placed))
        charts += timing_chart(bench, request, cells, placed)
    warnings = _warnings(bench, cells, placed, config)
    return Finding(tuple(tables), tuple(charts), (*cells.notes, *warnings), tuple(_lines(bench, cells, placed, note)))


def _place(bench: Bench, cell: Cell, config: PlaceboConfig) -> Placed:
    fit = bench.fit(cell)
    random = draw_placebos(bench, cell, fit, config.draws, config.strata)
    earlier: list[tuple[int, CellFit]] = []
    if config.periods and bench.periods is not None and cell.compiled.batched[cell.member]:
        when = timing(bench, cell)
        earlier = [(k, fit_earlier(bench, cell, when, k)) for k in config.periods]
    return Placed(cell, fit, random, tuple(earlier))


def _warnings(bench: Bench, cells: Cells, placed: Sequence[Placed], config: PlaceboConfig) -> Iterator[Caution]:
    alpha = bench.study.inference.alpha
    drawn = [p for p in placed if len(p.random.null_p)]
    shares = [float(np.mean(p.random.null_p < alpha)) for p in drawn]
    over = [s for p, s in zip(drawn, shares, strict=True) if s > 2 * alpha and len(p.random.null_p) >= ENOUGH]
    if over:
        yield Caution(
            "serious",
            "placebo_rejects",
            f"more than {2 * alpha:.0%} of placebos have p < {alpha:g} in {len(over):,} of {len(drawn):,} columns "
            f"(at most {max(over):.0%}), so clustered errors are too small",
        )
    moved = [fit.coefficient().p_value < alpha for p in placed for _, fit in p.earlier if fit.failure is None]
    for one in placed:
        where, r = heading(cells, one.cell), one.random
        yield from (replace(note, message=f"{where}: {note.message}") for note in r.notes)
        if (found := disagreement(one, alpha)) is not None:
            yield replace(found, message=f"{where}: {found.message}")
        if config.periods and not one.earlier:
            said = f"{where}: no timing placebo for {one.cell.method}, it is for least squares"
            yield Caution("note", "no_timing", said)
        if one.earlier and (undated := timing(bench, one.cell).undated):
            said = f"{where}: the timing placebo dates {undated:,} units by their first treated row, though they lack "
            yield Caution("serious", "undated", said + "the row before it: declare a `cohort` to date them")
        if one.earlier and one.cell.method != "feols":
            said = f"{where}: the timing placebo is by least squares, without cohorts"
            yield Caution("note", "timing_two_way", said)
        for k, fit in one.earlier:
            if fit.failure is not None:
                yield Caution("note", "not_estimated", f"{where}, moved {k} earlier: {fit.failure}")
            elif (c := fit.coefficient()).p_value < alpha:
                words = f"{number(c.estimate)} (p {p_value(c.p_value)})"
                few = few_treated(bench, one.cell, treated_now(bench, one.cell))
                said = f"{where}: moved {k} earlier the treatment has an effect of {words}{few}"
                # Of many placebos some have an effect by chance.
                of = f"; {sum(moved)} of {len(moved)} such placebos" if len(moved) > 1 else ""
                code = "placebo_timing_few_treated" if few else "placebo_timing"
                yield Caution("serious", code, f"{said}{of}")


def _lines(bench: Bench, cells: Cells, placed: Sequence[Placed], note: str) -> Iterator[str]:
    yield note
    yield ""
    alpha = bench.study.inference.alpha
    for one in placed:
        r = one.random
        if not len(r.null_estimate):
            continue
        low, high = np.quantile(r.null_estimate, [0.025, 0.975]).tolist()
        p, p_t = one.p_values()
        yield (
            f"- {heading(cells, one.cell)}: {number(r.estimate)}, 95% of {len(r.null_estimate):,} placebos from "
            f"{number(low)} to {number(high)}; permutation p {p:.3f}, by t {p_t:.3f}; "
            f"{float(np.mean(r.null_p < alpha)):.1%} of placebos have p < {alpha:g}."
        )
        found = [(k, f.coefficient()) for k, f in one.earlier if f.failure is None]
        told = [f"{k}: {number(c.estimate)} (p {p_value(c.p_value)})" for k, c in found]
        if told:
            yield f"  Moved earlier by periods: {'; '.join(told)}."


ANALYSIS = Analysis("placebo", "Placebos", decode, run, check, permutes=True, dates=lambda values: "periods" in values)
