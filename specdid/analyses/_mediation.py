"""A mediator: the effect on it, and the outcome's regression without and with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from specdid.analyses._base import Bench, Caution, Cell, CellFit, Cells, Extra, Finding, Request
from specdid.analyses._moderator import Config
from specdid.analyses._print import decimals, number, p_value
from specdid.analyses._words import COEFFICIENT, SIZES, heading, labels_of, numbers_of, sizes_of
from specdid.analyses.table import coefficients, notes, spanners, statistics
from specdid.tables._base import Cell as Value
from specdid.tables._base import PrintTable, Row, TidyTable

EQUATIONS = ("outcome", "mediator", "outcome with mediator")
CAVEAT = (
    "The effect on the mediator is as credible as that on the outcome. The regression with the mediator is not: "
    "it gives a direct effect only where nothing unobserved moves both mediator and outcome, and where the "
    "mediator's own effect does not depend on the treatment; the difference is not a proven share."
)


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
    config: Config = request.config
    taken = [cell for cell in cells if cell.compiled.batched[cell.member]]
    done = [mediate(bench, cell, config) for cell in taken]
    tidy = _tidy(bench, request, cells, done)
    said = [*cells.notes]
    others = [heading(cells, c) for c in cells if c not in taken]
    said += [Caution("note", "not_estimated", f"{where}: a mediator is for least squares") for where in others]
    for m in done:
        where = heading(cells, m.cell)
        pairs = zip(EQUATIONS, m.fits, strict=True)
        failed = [(name, f.failure) for name, f in pairs if f.failure is not None]
        said += [Caution("note", "not_estimated", f"{where}, {name}: {why}") for name, why in failed]
        if why := m.fits[2].open.get(m.name):
            said.append(Caution("note", "not_identified", f"{where}: {m.name} beside the treatment is {why}"))
        if m.held:
            words = f"{where}: {m.name} is among the controls; it is left out where it is not the mediator"
            said.append(Caution("note", "mediator_is_control", words))
    return Finding((tidy,), (), tuple(said), tuple(_lines(cells, done)))


def mediate(bench: Bench, cell: Cell, config: Config) -> Mediated:
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
                lead = (*m.cell.labels.values(), equation, vcov.label or vcov.text)
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
    blocks = (coefficients(bench, fits), (through,), statistics(bench, fits))
    said = ("Difference: the effect without the mediator minus that with it.", CAVEAT, *notes(bench, fits))
    return PrintTable(request.title, columns, blocks, lines, said)


def _lines(cells: Cells, done: Sequence[Mediated]) -> Iterator[str]:
    for m in done:
        if any(f.failure is not None for f in m.fits):
            continue
        total, on, given = (f.coefficient() for f in m.fits)
        yield (
            f"- {heading(cells, m.cell)}: {number(total.estimate)} (p {p_value(total.p_value)}); on {m.name} "
            f"{number(on.estimate)} (p {p_value(on.p_value)}); with {m.name} held {number(given.estimate)} "
            f"(p {p_value(given.p_value)}), a difference of {number(m.through)}."
            if np.isfinite(m.through)
            else f"- {heading(cells, m.cell)}: {m.name} beside the treatment is {m.fits[2].open[m.name]}."
        )
    yield f"  {CAVEAT}"
