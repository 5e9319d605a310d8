"""[mechanism."Tertiary share"]: whom the effect depends on, or what it passes through.

A moderator enters with the interaction and both main effects, at its value before the
treatment unless ``at = false``; of a treatment that is an interaction itself, with all that is
below theirs, as in a triple difference. A mediator is an outcome first; the outcome's regression
with it is no causal effect of its own (Acharya, Blackwell and Sen 2016, APSR 110).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from specdid._arrays import Bools, Floats
from specdid._decode.table import Table
from specdid._diagnostics import Fault, fault_at
from specdid._format import Either, Flag, Formula, Key
from specdid._records.numerals import minus
from specdid._study import Core, Expression
from specdid._words import later, say, told
from specdid.analyses._base import Analysis, Bench, Caution, Cell, CellFit, Cells, Chart, Extra, Finding, Request
from specdid.analyses._fit import COEFFICIENT, SIZES, Coefficient, failed, numbers_of, sizes_of
from specdid.analyses._timing import timing
from specdid.analyses._words import (
    PANELS,
    axis_of,
    decimals,
    labels_of,
    listed,
    number,
    p_is,
    scale_of,
    shown,
    time_name,
    unit_name,
    units_text,
)
from specdid.analyses.table import (
    Labelled,
    by_term,
    coefficient_rows,
    coefficients,
    notes,
    numbered,
    spanners,
    statistics,
)
from specdid.figures import marginal_effect
from specdid.inference._assignment import made_of
from specdid.language import bind, lower_order, write
from specdid.language.tree import Name
from specdid.tables._base import PrintTable, Row, TidyTable, Value

NEEDS = ((("moderator", "mediator"), 'write moderator = "ind3", or mediator = "ind3"'),)
EQUATIONS = ("outcome", "mediator", "outcome with mediator")
CAVEAT = later(
    "The effect on the mediator is as credible as that on the outcome. The regression with the "
    "mediator is not: it gives a direct effect only where nothing unobserved moves both mediator and "
    "outcome, and where the mediator's own effect does not depend on the treatment; the difference "
    "is not a proven share."
)
KEYS = (
    Key(
        "moderator",
        Formula("value"),
        "Whom the effect depends on: the treatment is interacted with it, and both main effects are in; of a treatment "
        "`a:b` also `a` and `b` interacted with it, as in a triple difference.",
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
POINTS = {
    later("minimum"): 0.0, later("10% quantile"): 0.1, later("25% quantile"): 0.25, later("median"): 0.5,
    later("75% quantile"): 0.75, later("90% quantile"): 0.9, later("maximum"): 1.0,
}  # fmt: skip
GRID = 61
_PLACES = 6
"""Decimals of a figure's interaction at most."""


def decode(found: Mapping[str, Any], table: Table) -> ModeratorConfig:
    """Take a moderator or a mediator, and when a moderator is taken."""
    item, at = table.get("at"), found["at"]
    if item is not None and at is True:
        help_ = 'write at = "year == 2011", or at = false for the same period as the outcome'
        table.log.add(item.origin, "out_of_range", "`at` says when the moderator is taken", help_)
    if {"moderator", "mediator"} <= table.rows.keys():
        table.log.add(
            table.rows["mediator"].key,
            "contradiction",
            "a mechanism has a moderator or a mediator, not both",
            "write two tables, each with a name",
        )
    elif item is not None and "mediator" in table.rows:
        table.log.add(item.key, "contradiction", "`at` is for moderators: a mediator is taken as it is", "leave it out")
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
            "wrong_type",
            f"`{given.text}` is text",
            "a moderator or mediator is a number; (x == 'a') is 0 or 1",
        )
    elif config.moderator is not None:
        yield from moderator_faults(bench, request, cells[0])
    elif given is not None and (shared := shared_columns(bench, cells[0], given)):
        yield fault_at(
            given.origin,
            given.tree.span,
            "bad_moderator",
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
    tidy = _equations(bench, request, cells, done)
    said = [*cells.notes]
    others = [cells.shown(c) for c in cells if c not in taken]
    said += [Caution("note", "not_estimated", f"{where}: a mediator is for least squares") for where in others]
    for m in done:
        where = cells.shown(m.cell)
        pairs = zip(EQUATIONS, m.fits, strict=True)
        failed = [(name, f.failure) for name, f in pairs if f.failure is not None]
        said += [Caution("note", "not_estimated", f"{where}, {name}: {why}") for name, why in failed]
        if why := m.fits[2].open.get(m.name):
            said.append(
                Caution("note", "not_identified", f"{where}: {m.name} has no coefficient beside the treatment: {why}")
            )
        if m.held:
            words = f"{where}: {m.name} is among the controls; it is left out where it is not the mediator"
            said.append(Caution("note", "mediator_is_control", words))
    return Finding((tidy,), (), tuple(said))


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


def _equations(bench: Bench, request: Request, cells: Cells, done: Sequence[Mediated]) -> TidyTable:
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
    return TidyTable(header, tuple(rows), _mediator_printed(bench, request, cells, done) if done else None)


def _mediator_printed(bench: Bench, request: Request, cells: Cells, done: Sequence[Mediated]) -> PrintTable:
    fits = [f for m in done for f in m.fits]
    columns = tuple(
        text
        for m in done
        for text in (say("outcome"), bench.label(m.name), say("outcome, given {label}", label=bench.label(m.name)))
    )
    known = [f for f in fits if f.failure is None]
    places = decimals(f.coefficient(term).std_error for f in known for term in f.terms)
    through = Row(say("Difference"), tuple(c for m in done for c in ("", "", number(m.through, places))))
    lines = tuple(tuple((text, 3 * width) for text, width in line) for line in spanners(bench, cells))
    blocks = (coefficients(bench, fits), (through,), statistics(fits))
    names = (
        columns
        if len(done) == 1
        else [f"{cells.shown(m.cell)}, {c}" for m, c in zip([m for m in done for _ in range(3)], columns, strict=True)]
    )
    said = (
        say("Difference: the effect without the mediator minus that with it."),
        say(CAVEAT),
        *notes(bench, fits, names=names),
    )
    return PrintTable(request.title, columns, blocks, lines, said)


@dataclass(frozen=True, slots=True)
class Moderated:
    """A cell with its interaction.

    Attributes
    ----------
    plain : without the moderator, on the same rows
    fit : with it; ``names`` are its terms of the interaction and the main effect
    below : its terms between these, where the treatment is an interaction itself
    treated, control : the moderator of the units in the regression (of rows, where it moves)
    lost : units that have no moderator, of those that the estimate without it has, ``of_units``
    """

    cell: Cell = field(repr=False)
    plain: CellFit = field(repr=False)
    fit: CellFit = field(repr=False)
    names: tuple[str, str]
    treated: Floats = field(repr=False)
    control: Floats = field(repr=False)
    when: str
    lost: int = 0
    of_units: int = 0
    below: tuple[str, ...] = ()

    @property
    def values(self) -> Floats:
        """The moderator of treated and controls."""
        return np.concatenate([self.treated, self.control])

    @property
    def known(self) -> bool:
        """Whether there is an interaction to show."""
        return self.fit.failure is None and self.names[0] not in self.fit.open

    def points(self) -> dict[str, float]:
        """Return the values shown in tables: every one where there are few, quantiles otherwise."""
        distinct = np.unique(self.values)
        if len(distinct) <= marginal_effect.FEW:
            return {f"{value:.6g}": value for value in distinct.tolist()}
        found = np.quantile(self.values, list(POINTS.values())).tolist()
        return dict(zip(POINTS, found, strict=True))

    def effects(self, at: Floats, vcov: int = 0) -> tuple[Coefficient, ...]:
        """Return the treatment's effect where the moderator is ``at`` (m,), by the delta method."""
        weights = np.zeros((len(at), len(self.fit.estimate)))
        weights[:, 0] = 1.0
        weights[:, self.fit.place(self.names[0])] = at
        return self.fit.combine(weights, (), vcov)


def run_moderator(bench: Bench, request: Request, cells: Cells) -> Finding:
    """Estimate every cell with the moderator."""
    config: ModeratorConfig = request.config
    done = [moderate(bench, cell, config) for cell in cells]
    tables = (_coefficients(bench, request, cells, done), _effects(bench, cells, done))
    drawn = [(k, m) for k, m in enumerate(done, 1) if m.known]
    panels = tuple(_panel(cells, m, k, _places([m for _, m in drawn[:PANELS]])) for k, m in drawn[:PANELS])
    charts: tuple[Chart, ...] = ()
    if panels and config.moderator is not None:
        level = f"{1 - bench.study.inference.alpha:.0%}"
        axis = f"{bench.label(config.moderator.text)} ({done[0].when})"
        note = say("The treatment's effect at values of the moderator; standard errors: {errors}.", errors=bench.errors)
        note += shown(len(drawn))
        charts = (Chart("marginal_effect", marginal_effect.EffectData(request.title, axis, level, panels, note)),)
    warnings = tuple(w for m in done for w in _warnings(cells, m))
    return Finding(tables, charts, (*cells.notes, *warnings))


def moderate(bench: Bench, cell: Cell, config: ModeratorConfig) -> Moderated:
    """Estimate a cell with the interaction, both main effects and what is between them."""
    assert config.moderator is not None
    moderator = moderator_of(bench, cell, config)
    name = config.moderator.text
    known = np.isfinite(moderator.values)
    plain = bench.fit(cell, where=known)
    if plain.failure is None and (plain.full is None or plain.full.cells is not None):
        fit = failed(cell, "a moderator is for least squares (feols)", (), plain.alpha, len(bench.study.vcov))
        return Moderated(cell, plain, fit, ("", name), np.zeros(0), np.zeros(0), moderator.when)
    treatment = plain.terms[0] if plain.terms else cell.labels["treatment"]
    names = (f"{treatment}:{name}", name)
    product = bench.treatment(cell) * moderator.values
    below = tuple(_below(bench, cell, moderator.values, name))
    fit = bench.fit(cell, extra=(Extra(names[0], product), Extra(names[1], moderator.values), *below))
    treated, control = _units(bench, cell, fit, moderator, config.now)
    lost = _lost_units(bench, cell, known)
    between = tuple(extra.label for extra in below)
    return Moderated(cell, plain, fit, names, treated, control, moderator.when, *lost, between)


def _below(bench: Bench, cell: Cell, moderator: Floats, name: str) -> Iterator[Extra]:
    """Yield the moderator times each term below a treatment that is an interaction, but for those among the controls.

    Of an arm, the other arms times the moderator too: what the arms share is then theirs together.
    """
    choice = cell.plan.grid.treatments[int(cell.plan.codes[cell.place, Core.TREATMENT])]
    if len(choice.term.factors) < 2:
        return
    problem, treatment = cell.compiled.problem, int(cell.compiled.members.treatment[cell.member])
    parts = [(problem.labels[c], problem.values[:, c]) for c in problem.arms.get(treatment, ())]
    for term in lower_order(choice.term):
        columns = bench.evaluator.term(tuple(bind(f, cell.setting.scope) for f in term.factors))
        parts += [(term.text if len(columns) == 1 else c.label, c.numbers) for c in columns]
    given = [control.numbers for control in bench.controls(cell)]
    for label, values in parts:
        product = values * moderator
        if not any(np.array_equal(product, other, equal_nan=True) for other in given):
            yield Extra(f"{label}:{name}", product)


def _lost_units(bench: Bench, cell: Cell, known: Bools) -> tuple[int, int]:
    """Count the units that the cell's estimate loses where only the rows ``known`` are left, and those it has."""
    units = bench.panel.unit_codes
    if units is None or not (bench.in_sample(cell) & ~known).any():
        return 0, 0
    rows = bench.fit(cell).rows
    every = np.unique(units[rows])
    return len(np.setdiff1d(every, units[rows[known[rows]]])), len(every)


def _units(bench: Bench, cell: Cell, fit: CellFit, moderator: Moderator, by_row: bool) -> tuple[Floats, Floats]:
    """Return the moderator of treated and control units in the regression; of rows where it moves."""
    rows, units = fit.rows, bench.panel.unit_codes
    if units is None:
        treated = bench.treatment(cell)[rows] != 0
        return moderator.values[rows[treated]], moderator.values[rows[~treated]]
    on = np.zeros(int(units.max()) + 1, dtype=bool)
    on[units[rows[bench.treatment(cell)[rows] != 0]]] = True
    if not by_row:
        rows = rows[np.unique(units[rows], return_index=True)[1]]
    values, treated = moderator.values[rows], on[units[rows]]
    return values[treated], values[~treated]


def _coefficients(bench: Bench, request: Request, cells: Cells, done: Sequence[Moderated]) -> TidyTable:
    header = (*labels_of(cells), "vcov", "term", "role", *COEFFICIENT, *SIZES, "message")
    rows: list[tuple[Value, ...]] = []
    for m in done:
        for v, vcov in enumerate(bench.study.vcov):
            lead: tuple[Value, ...] = (*m.cell.labels.values(), vcov.name)
            if m.fit.failure is not None:
                rows.append((*lead, None, None, *numbers_of(None), *sizes_of(m.fit, v), m.fit.failure))
                continue
            for term in m.fit.terms:
                c = m.fit.coefficient(term, v)
                rows.append((*lead, term, _role(m, term), *numbers_of(c), *sizes_of(m.fit, v), c.note or None))
            for term in m.fit.dropped:
                rows.append((*lead, term, _role(m, term), *numbers_of(None), *sizes_of(m.fit, v), m.fit.open[term]))
    return TidyTable(header, tuple(rows), _moderator_printed(bench, request, cells, done))


def _role(m: Moderated, term: str) -> str:
    roles = dict.fromkeys(m.below, "lower-order interaction")
    roles |= {m.fit.terms[0]: "treatment", m.names[0]: "interaction", m.names[1]: "moderator"}
    return roles.get(term, "control")


def _effects(bench: Bench, cells: Cells, done: Sequence[Moderated]) -> TidyTable:
    """Return marginal effects at quantiles of the moderator."""
    header = (*labels_of(cells), "vcov", "at", "moderator", *COEFFICIENT, "message")
    rows: list[tuple[Value, ...]] = []
    for m in (m for m in done if m.known):
        points = m.points()
        places = np.array(list(points.values()))
        for v, vcov in enumerate(bench.study.vcov):
            lead = (*m.cell.labels.values(), vcov.name)
            for (name, value), c in zip(points.items(), m.effects(places, v), strict=True):
                rows.append((*lead, name, value, *numbers_of(c), c.note or None))
    return TidyTable(header, tuple(rows), suffix="effects")


def _moderator_printed(bench: Bench, request: Request, cells: Cells, done: Sequence[Moderated]) -> PrintTable:
    fits = [m.fit for m in done]
    own, config = by_term(bench, fits), request.config
    rows = coefficient_rows([*own, *_effects_at(done)])
    blocks = [rows[: len(own)], rows[len(own) :], statistics(fits)]
    said = [say("The moderator is taken {when}.", when=done[0].when) if done else "", *notes(bench, fits)]
    if any(m.known for m in done) and not config.now:
        said.append(
            say(
                "Units that differ in the moderator may also have moved apart for other reasons: i(time, moderator) "
                "among the controls lets them."
            )
        )
    for why in dict.fromkeys(m.fit.open[m.names[1]] for m in done if m.names[1] in m.fit.open):
        said.insert(1, say("Its main effect has no coefficient: {why}.", why=told(why, True)))
    return PrintTable(request.title, numbered(done), tuple(b for b in blocks if b), spanners(bench, cells), tuple(said))


def _effects_at(done: Sequence[Moderated]) -> list[Labelled]:
    """Return the effect in each column at the values of the moderator that are of interest."""
    found = [m.points() if m.known else {} for m in done]
    rows: list[Labelled] = []
    for name in dict.fromkeys(n for points in found for n in points):
        pairs = zip(done, found, strict=True)
        effects = [m.effects(np.array([points[name]]))[0] if name in points else None for m, points in pairs]
        label = (
            say("Effect at the {name}", name=say(name))
            if name in POINTS
            else say("Effect where the moderator is {name}", name=name)
        )
        rows.append((label, effects))
    return rows


def _places(drawn: Sequence[Moderated]) -> int:
    """Return the decimals of all interactions of a figure: those of a table, or as many as show two digits of each."""
    found = [m.fit.coefficient(m.names[0]) for m in drawn]
    two = [1 - int(np.floor(np.log10(abs(c.estimate)))) for c in found if np.isfinite(c.estimate) and c.estimate]
    return max(decimals([c.std_error for c in found]), *(n for n in two if n <= _PLACES), 0)


def _panel(cells: Cells, m: Moderated, column: int, places: int) -> marginal_effect.EffectPanel:
    values = np.unique(m.values)
    at = values if len(values) <= marginal_effect.FEW else np.linspace(values[0], values[-1], GRID)
    found = m.effects(at)
    effect, low, high = (np.array([getattr(c, k) for c in found]) for k in ("estimate", "conf_low", "conf_high"))
    c = m.fit.coefficient(m.names[0])
    fact = say(
        "interaction {estimate}, p {p_value}",
        estimate=number(c.estimate, places),
        p_value=p_is(c.p_value),
    )
    average = m.plain.coefficient().estimate if m.plain.failure is None else np.nan
    name = cells.shown(m.cell)
    return marginal_effect.EffectPanel(
        name,
        (fact,),
        at,
        effect,
        low,
        high,
        m.treated,
        m.control,
        average,
        f"({column}) {name}",
        axis_of(m.cell),
        scale_of(m.cell, cells),
    )


def _warnings(cells: Cells, m: Moderated) -> Iterator[Caution]:
    where = cells.shown(m.cell)
    if m.fit.failure is not None:
        yield Caution("note", "not_estimated", f"{where}: {m.fit.failure}")
    elif not m.known:
        yield Caution("note", "not_estimated", f"{where}: the interaction has no coefficient: {m.fit.open[m.names[0]]}")
    if m.lost:
        said = f"{where}: {m.lost:,} of {units_text(m.of_units)} without a value of the moderator {m.when} left out"
        yield Caution("note", "no_moderator", said)
    if m.known and len(m.treated):
        outside = float(np.mean((m.values < m.treated.min()) | (m.values > m.treated.max())))
        if outside > 0.1:
            yield Caution(
                "note",
                "extrapolated",
                f"{where}: {outside:.0%} of units lie outside the moderator's range among the treated "
                f"({_value(m.treated.min())} to {_value(m.treated.max())}), where the effect is extrapolated",
            )


def _value(moderator: float) -> str:
    return minus(f"{moderator:.4g}")


@dataclass(frozen=True, slots=True)
class ModeratorConfig:
    """The table's own keys: one of moderator and mediator; ``now`` is ``at = false``."""

    moderator: Expression | None
    mediator: Expression | None
    at: Expression | None
    now: bool


@dataclass(frozen=True, slots=True)
class Moderator:
    """A moderator on all rows, and when it is taken: "in 2011", or "in the same period"."""

    values: Floats = field(repr=False)
    when: str


def moderator_of(bench: Bench, cell: Cell, config: ModeratorConfig) -> Moderator:
    """Evaluate the moderator; at baseline a unit has one value, NaN where it has none."""
    assert config.moderator is not None
    values = bench.numbers(config.moderator, cell)
    if config.now:
        return Moderator(values, say("in the same period"))
    units, rows = bench.panel.unit_codes, np.flatnonzero(baseline(bench, cell, config))
    assert units is not None
    by_unit = np.full(int(units.max()) + 1, np.nan)
    known = rows[np.isfinite(values[rows])]
    by_unit[units[known[::-1]]] = values[known[::-1]]
    when = say("in {period}", period=time_name(bench.panel, int(rows[0]))) if len(rows) else say("in no period")
    if config.at is not None and (bench.periods is None or len(np.unique(bench.periods[rows])) != 1):
        when = say("where {condition}", condition=config.at.text)
    return Moderator(by_unit[units], when)


def baseline(bench: Bench, cell: Cell, config: ModeratorConfig) -> Bools:
    """Mark the rows the moderator is taken from: ``at``, or the last period before any treatment."""
    if config.at is not None:
        return bench.condition(config.at, cell)
    periods, start = bench.periods, timing(bench, cell).start
    assert periods is not None
    before = periods[periods < start] if np.isfinite(start) else periods[:0]
    return np.asarray(periods == (before.max() if len(before) else -np.inf))


def moderator_faults(bench: Bench, request: Request, cell: Cell) -> Iterator[Fault]:
    """Find a moderator that cannot be one."""
    config: ModeratorConfig = request.config
    given = config.moderator
    assert given is not None
    where = (given.origin, given.tree.span)
    if not config.now and (bench.panel.unit_codes is None or bench.periods is None):
        yield fault_at(
            *where,
            "no_unit",
            "a moderator at baseline needs units and periods",
            "declare `unit` and `time` in [study], or write at = false",
        )
        return
    if shared := shared_columns(bench, cell, given):
        yield fault_at(
            *where,
            "bad_moderator",
            f"`{given.text}` is made of {listed(shared)}, as the treatment is",
            "a moderator is something that the treatment's effect may depend on, not the treatment itself",
        )
        return
    if config.now:
        yield fault_at(
            request.origin("at"),
            None,
            "moderator_now",
            f"`{given.text}` is taken in the same period as the outcome: where the treatment changes it, "
            "it is a bad control",
            "leave `at` out to take it in the last period before the treatment",
            severity="warning",
        )
    else:
        found = list(_baseline_faults(bench, request, cell))
        yield from found
        if found:
            return
    values = moderator_of(bench, cell, config).values[bench.in_sample(cell)]
    known = values[np.isfinite(values)]
    if not len(known) or np.ptp(known) == 0:
        why = "is missing everywhere" if not len(known) else "is the same for all units"
        yield fault_at(*where, "bad_moderator", f"`{given.text}` {why}", "a moderator differs between units")


def is_text(bench: Bench, cell: Cell, given: Expression) -> bool:
    """Return whether an expression's values are texts."""
    return bench.evaluator.column(bind(given.tree, cell.setting.scope)).is_text


def shared_columns(bench: Bench, cell: Cell, given: Expression) -> list[str]:
    """Return the columns that an expression and the treatment are both made of, but for unit and time."""
    place = int(cell.compiled.members.treatment[cell.member])
    theirs = made_of(bench.panel, cell.compiled.value_recipes[place].bounds)
    return [name for name in made_of(bench.panel, [bind(given.tree, cell.setting.scope)]) if name in theirs]


def _baseline_faults(bench: Bench, request: Request, cell: Cell) -> Iterator[Fault]:
    config: ModeratorConfig = request.config
    given, units, periods = config.moderator, bench.panel.unit_codes, bench.periods
    assert given is not None
    assert units is not None
    assert periods is not None
    mask = baseline(bench, cell, config) & bench.in_sample(cell)
    origin, span = (given.origin, given.tree.span) if config.at is None else (config.at.origin, config.at.tree.span)
    if not mask.any():
        message = (
            "no row of the sample has this period"
            if config.at is not None
            else "there is no period before the first treated one to take the moderator in"
        )
        yield fault_at(origin, span, "no_pre_period", message, 'write at = "…", a period before the treatment')
        return
    late = np.flatnonzero(mask & (periods >= timing(bench, cell).first))
    if len(late):
        many = len(np.unique(units[late]))
        treated, verb = units_text(many), "is" if many == 1 else "are"
        yield fault_at(
            origin,
            span,
            "moderator_after_treatment",
            f"`{given.text}` is taken when {treated} {verb} treated already, so the treatment may have changed it",
            "take it before the treatment, or leave `at` out"
            if config.at is not None
            else "these are never seen untreated: leave them out of the sample, or write at = false to take the "
            "moderator in every row as it is there",
            notes=(f"for example {unit_name(bench.panel, int(late[0]))} in {time_name(bench.panel, int(late[0]))}",),
        )
        return
    values = bench.numbers(given, cell)
    rows = np.flatnonzero(mask & np.isfinite(values))
    first = np.full(int(units.max()) + 1, np.nan)
    first[units[rows[::-1]]] = values[rows[::-1]]
    several = rows[values[rows] != first[units[rows]]]
    if len(several):
        yield fault_at(
            origin,
            span,
            "several_values",
            f"`{given.text}` has several values for {unit_name(bench.panel, int(several[0]))}",
            f"select one period, such as {write(Name(bench.panel.time or 'time'))} == "
            f"{time_name(bench.panel, int(several[0]))}",
        )


ANALYSIS = Analysis("mechanism", later("Mechanism"), decode, run, check, KEYS, NEEDS, dates=_dates)
