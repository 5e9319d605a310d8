"""A moderator's values: at baseline or as they are in every row, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from specdid._diagnostics import Fault, fault_at
from specdid._study import Expression
from specdid.analyses._base import Bench, Cell, Request
from specdid.analyses._groups import units_text
from specdid.analyses._timing import timing
from specdid.analyses._words import listed, time_name, unit_name
from specdid.engine.problem import Floats
from specdid.language import Scope, bind, write
from specdid.language.sources import sources
from specdid.language.tree import Name

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Config:
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


def moderator_of(bench: Bench, cell: Cell, config: Config) -> Moderator:
    """Evaluate the moderator; at baseline a unit has one value, NaN where it has none."""
    assert config.moderator is not None
    values = bench.numbers(config.moderator, cell)
    if config.now:
        return Moderator(values, "in the same period")
    units, rows = bench.panel.unit_codes, np.flatnonzero(baseline(bench, cell, config))
    assert units is not None
    by_unit = np.full(int(units.max()) + 1, np.nan)
    known = rows[np.isfinite(values[rows])]
    by_unit[units[known[::-1]]] = values[known[::-1]]
    when = f"where {config.at.text}" if config.at is not None else f"in {_period(bench, rows)}"
    return Moderator(by_unit[units], when)


def _period(bench: Bench, rows: NDArray[np.int64]) -> str:
    return time_name(bench.panel, int(rows[0])) if len(rows) else "no period"


def baseline(bench: Bench, cell: Cell, config: Config) -> Bools:
    """Mark the rows the moderator is taken from: ``at``, or the last period before any treatment."""
    if config.at is not None:
        return bench.condition(config.at, cell)
    periods, start = bench.periods, timing(bench, cell).start
    assert periods is not None
    before = periods[periods < start] if np.isfinite(start) else periods[:0]
    return np.asarray(periods == (before.max() if len(before) else -np.inf))


def moderator_faults(bench: Bench, request: Request, cell: Cell) -> Iterator[Fault]:
    """Find a moderator that cannot be one."""
    config: Config = request.config
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
            "moderator_is_treatment",
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
        told = "is missing everywhere" if not len(known) else "is the same for all units"
        yield fault_at(*where, "moderator_constant", f"`{given.text}` {told}", "a moderator differs between units")


def is_text(bench: Bench, cell: Cell, given: Expression) -> bool:
    """Say whether an expression's values are texts."""
    return bench.evaluator.column(bind(given.tree, _scope(cell))).is_text


def _scope(cell: Cell) -> Scope:
    return cell.plan.grid.settings[int(cell.plan.setting[cell.place])].scope


def shared_columns(bench: Bench, cell: Cell, given: Expression) -> list[str]:
    """Return the columns that an expression and the treatment are both made of, but for unit and time."""
    compiled = cell.compiled
    place = int(compiled.members.treatment[cell.member])
    mine = sources(bind(given.tree, _scope(cell)))
    theirs = [sources(b) for b in compiled.value_recipes[place].bounds]
    names = [n for n in bench.panel.columns if n in mine and n not in (bench.panel.unit, bench.panel.time)]
    return [n for n in names if any(n in found for found in theirs)]


def _baseline_faults(bench: Bench, request: Request, cell: Cell) -> Iterator[Fault]:
    config: Config = request.config
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
            f"select one period, such as {_write_period(bench, int(several[0]))}",
        )


def _write_period(bench: Bench, row: int) -> str:
    return f"{write(Name(bench.panel.time or 'time'))} == {time_name(bench.panel, row)}"
