"""[mechanism."Tertiary share"]: whom the effect depends on, or what it passes through.

A moderator enters with the interaction and both main effects, at its value before the
treatment unless ``at = false``. A mediator is an outcome first; the outcome's regression
with it is no causal effect of its own (Acharya, Blackwell and Sen 2016, APSR 110).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from specdid._decode.table import Table
from specdid._diagnostics import Fault, fault_at
from specdid._format import Either, Flag, Formula, Key
from specdid.analyses._base import Analysis, Bench, Caution, Cell, CellFit, Cells, Extra, Finding, Request
from specdid.analyses._fit import COEFFICIENT, SIZES, numbers_of, sizes_of
from specdid.analyses._moderation import ModeratorConfig, is_text, moderator_faults, run_moderator, shared_columns
from specdid.analyses._words import decimals, labels_of, listed, number, p_value
from specdid.analyses.table import coefficients, notes, spanners, statistics
from specdid.tables._base import Cell as Value
from specdid.tables._base import PrintTable, Row, TidyTable

NEEDS = ((("moderator", "mediator"), 'write moderator = "ind3", or mediator = "ind3"'),)
EQUATIONS = ("outcome", "mediator", "outcome with mediator")
CAVEAT = (
    "The effect on the mediator is as credible as that on the outcome. The regression with the mediator is not: "
    "it gives a direct effect only where nothing unobserved moves both mediator and outcome, and where the "
    "mediator's own effect does not depend on the treatment; the difference is not a proven share."
)


KEYS = (
    Key(
        "moderator",
        Formula("value"),
        "Whom the effect depends on: the treatment is interacted with it, and both main effects are in.",
        '"ind3"',
        otherwise="a `mediator` is needed",
    ),
    Key(
        "mediator",
        Formula("value"),
        "What the effect passes through: it is an outcome first, then a control of the outcome's regression.",
        '"ind3"',
        otherwise="a `moderator` is needed",
    ),
    Key(
        "at",
        Either((Flag(), Formula("condition"))),
        "The period in which a moderator is taken; false takes it in the same period as the outcome.",
        '"year == 2011"',
        otherwise="the last period before treatment",
    ),
)


def decode(found: Mapping[str, Any], table: Table) -> ModeratorConfig:
    """Take a moderator or a mediator, and when a moderator is taken."""
    item, at = table.get("at"), found["at"]
    if item is not None and at is True:
        help_ = 'write at = "year == 2011", or at = false for the same period as the outcome'
        table.log.add(item.origin, "bad_at", "`at` says when the moderator is taken", help_)
    if {"moderator", "mediator"} <= table.rows.keys():
        table.log.add(
            table.rows["mediator"].key,
            "two_mechanisms",
            "a mechanism has a moderator or a mediator, not both",
            "write two tables, each with a name",
        )
    elif item is not None and "mediator" in table.rows:
        table.log.add(item.key, "unused_at", "`at` is for moderators: a mediator is taken as it is", "leave it out")
    held = None if isinstance(at, bool) else at
    return ModeratorConfig(found["moderator"], found["mediator"], held, at is False)


def check(bench: Bench, request: Request) -> Iterator[Fault]:
    """Find moderators and mediators that cannot be that."""
    config: ModeratorConfig = request.config
    cells = bench.cells(request)
    if not len(cells):
        return
    given = config.moderator or config.mediator
    if given is not None and is_text(bench, cells[0], given):
        yield fault_at(
            given.origin,
            given.tree.span,
            "not_numbers",
            f"`{given.text}` is text",
            "a moderator or mediator is a number; (x == 'a') is 0 or 1",
        )
    elif config.moderator is not None:
        yield from moderator_faults(bench, request, cells[0])
    elif given is not None and (shared := shared_columns(bench, cells[0], given)):
        yield fault_at(
            given.origin,
            given.tree.span,
            "mediator_is_treatment",
            f"`{given.text}` is made of {listed(shared)}, as the treatment is",
            "a mediator is something that the treatment may change",
        )


def run(bench: Bench, request: Request) -> Finding:
    """Estimate the interaction, or the effect on the mediator and with it."""
    config: ModeratorConfig = request.config
    run_one = run_moderator if config.moderator is not None else run_mediator
    return run_one(bench, request, bench.cells(request))


def _dates(values: Mapping[str, object]) -> bool:
    """Say whether the moderator is held at a date before adoption, which it is by default."""
    return "moderator" in values and "at" not in values


@dataclass(frozen=True, slots=True)
class Mediated:
    """A cell's three regressions on the same rows; ``held`` where the mediator was a control."""

    cell: Cell = field(repr=False)
    fits: tuple[CellFit, CellFit, CellFit]
    name: str
    held: bool

    @property
    def through(self) -> float:
        """The effect without the mediator minus that with it."""
        if any(f.failure is not None for f in self.fits) or self.name in self.fits[2].open:
            return np.nan
        return self.fits[0].coefficient().estimate - self.fits[2].coefficient().estimate


def run_mediator(bench: Bench, request: Request, cells: Cells) -> Finding:
    """Estimate every cell's three regressions."""
    config: ModeratorConfig = request.config
    taken = [cell for cell in cells if cell.compiled.batched[cell.member]]
    done = [mediate(bench, cell, config) for cell in taken]
    tidy = _tidy(bench, request, cells, done)
    said = [*cells.notes]
    others = [cells.shown(c) for c in cells if c not in taken]
    said += [Caution("note", "not_estimated", f"{where}: a mediator is for least squares") for where in others]
    for m in done:
        where = cells.shown(m.cell)
        pairs = zip(EQUATIONS, m.fits, strict=True)
        failed = [(name, f.failure) for name, f in pairs if f.failure is not None]
        said += [Caution("note", "not_estimated", f"{where}, {name}: {why}") for name, why in failed]
        if why := m.fits[2].open.get(m.name):
            said.append(Caution("note", "not_identified", f"{where}: {m.name} beside the treatment is {why}"))
        if m.held:
            words = f"{where}: {m.name} is among the controls; it is left out where it is not the mediator"
            said.append(Caution("note", "mediator_is_control", words))
    return Finding((tidy,), (), tuple(said), tuple(_lines(cells, done)))


def mediate(bench: Bench, cell: Cell, config: ModeratorConfig) -> Mediated:
    """Estimate a cell without the mediator, the effect on it, and with it, on the same rows."""
    assert config.mediator is not None
    name = config.mediator.text
    values, outcome = bench.numbers(config.mediator, cell), bench.outcome(cell)
    given = bench.controls(cell)
    others = tuple(c for c in given if not np.array_equal(c.numbers, values, equal_nan=True))
    where = np.isfinite(values) & np.isfinite(outcome)
    mediator = Extra(name, values)
    fits = (
        bench.fit(cell, extra=others, controls=False, where=where),
        bench.fit(cell, extra=others, controls=False, outcome=mediator, where=where),
        bench.fit(cell, extra=(mediator, *others), controls=False, where=where),
    )
    return Mediated(cell, fits, name, len(others) < len(given))


def _tidy(bench: Bench, request: Request, cells: Cells, done: Sequence[Mediated]) -> TidyTable:
    header = (*labels_of(cells), "equation", "vcov", "term", *COEFFICIENT, *SIZES, "message")
    rows: list[tuple[Value, ...]] = []
    for m in done:
        for equation, fit in zip(EQUATIONS, m.fits, strict=True):
            for v, vcov in enumerate(bench.study.vcov):
                lead = (*m.cell.labels.values(), equation, vcov.name)
                if fit.failure is not None:
                    rows.append((*lead, None, *numbers_of(None), *sizes_of(fit, v), fit.failure))
                for term in fit.terms:
                    c = fit.coefficient(term, v)
                    rows.append((*lead, term, *numbers_of(c), *sizes_of(fit, v), c.note or None))
    return TidyTable(header, tuple(rows), _printed(bench, request, cells, done) if done else None)


def _printed(bench: Bench, request: Request, cells: Cells, done: Sequence[Mediated]) -> PrintTable:
    fits = [f for m in done for f in m.fits]
    columns = tuple(
        text for m in done for text in ("outcome", bench.label(m.name), f"outcome, given {bench.label(m.name)}")
    )
    places = decimals(m.fits[0].coefficient().std_error for m in done if m.fits[0].failure is None)
    through = Row("Difference", tuple(c for m in done for c in ("", "", number(m.through, places))))
    lines = tuple(tuple((text, 3 * width) for text, width in line) for line in spanners(bench, cells))
    blocks = (coefficients(bench, fits), (through,), statistics(fits))
    said = ("Difference: the effect without the mediator minus that with it.", CAVEAT, *notes(bench, fits))
    return PrintTable(request.title, columns, blocks, lines, said)


def _lines(cells: Cells, done: Sequence[Mediated]) -> Iterator[str]:
    for m in done:
        if any(f.failure is not None for f in m.fits):
            continue
        total, on, given = (f.coefficient() for f in m.fits)
        yield (
            f"- {cells.shown(m.cell)}: {number(total.estimate)} (p {p_value(total.p_value)}); on {m.name} "
            f"{number(on.estimate)} (p {p_value(on.p_value)}); with {m.name} held {number(given.estimate)} "
            f"(p {p_value(given.p_value)}), a difference of {number(m.through)}."
            if np.isfinite(m.through)
            else f"- {cells.shown(m.cell)}: {m.name} beside the treatment is {m.fits[2].open[m.name]}."
        )
    yield f"  {CAVEAT}"


ANALYSIS = Analysis("mechanism", "Mechanism", decode, run, check, KEYS, NEEDS, dates=_dates)
