"""The groups of [heterogeneity]: their conditions, and what is wrong with them on the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specdid._decode.table import Table
from specdid._diagnostics import Fault, fault_at
from specdid._study import Expression
from specdid.analyses._base import Bench, Cell, Request
from specdid.analyses._timing import timing
from specdid.analyses._words import listed, time_name, unit_name
from specdid.language import referenced, write

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class UnitGroup:
    """A label and the condition for its rows."""

    label: str
    condition: Expression


@dataclass(frozen=True, slots=True)
class GroupsConfig:
    """The table's own keys."""

    groups: tuple[UnitGroup, ...]
    overlap: bool


def decode(table: Table) -> GroupsConfig:
    """Read ``groups`` and ``overlap``."""
    overlap = bool(table.flag("overlap"))
    given = table.table("groups")
    help_ = 'write groups = { "small" = "pop <= 100", "large" = "pop > 100" }'
    if given is None:
        if "groups" not in table.rows:
            table.missing("groups", f"{table.title} has no groups", help_)
        return GroupsConfig((), overlap)
    read = [(given.log.label(item), given.expression(key, "condition")) for key, item in given.rows.items()]
    if len(read) < 2:
        table.log.add(given.item.origin, "few_groups", "effects are compared between two groups or more", help_)
    return GroupsConfig(tuple(UnitGroup(label, e) for label, e in read if e is not None), overlap)


def masks(bench: Bench, cell: Cell, groups: Sequence[UnitGroup]) -> list[Bools]:
    """Mark the rows of each group in the cell's sample."""
    sample = bench.in_sample(cell)
    return [bench.condition(group.condition, cell) & sample for group in groups]


def check(bench: Bench, request: Request) -> Iterator[Fault]:
    """Find groups without rows, groups that overlap and units that change group."""
    config: GroupsConfig = request.config
    found = [(cell, masks(bench, cell, config.groups)) for cell in bench.cells(request)]
    for k, group in enumerate(config.groups):
        if found and not any(rows[k].any() for _, rows in found):
            yield fault_at(
                group.condition.origin,
                group.condition.tree.span,
                "empty_group",
                f"the group `{group.label}` has no rows",
                "its condition holds in no row of the sample",
            )
    for find in () if config.overlap else (_overlapping,):
        yield from next((faults for _, rows in found if (faults := find(bench, config, rows))), [])
    yield from next((faults for c, rows in found if (faults := _changing(bench, config, c, rows))), [])


def _overlapping(bench: Bench, config: GroupsConfig, rows: Sequence[Bools]) -> list[Fault]:
    """Say which groups share units, with an example, at the later of the two."""
    found = []
    for later in range(len(rows)):
        for earlier in range(later):
            both = np.flatnonzero(rows[later] & rows[earlier])
            if not len(both):
                continue
            a, b = config.groups[earlier], config.groups[later]
            units = count_units_of(bench, both)
            found.append(
                fault_at(
                    b.condition.origin,
                    b.condition.tree.span,
                    "groups_overlap",
                    f"`{a.label}` and `{b.label}` overlap: {units_text(units)} in both",
                    "change a condition, or write overlap = true where that is meant",
                    notes=(f"for example {_named(bench, both)}",),
                )
            )
    return found


def _changing(bench: Bench, config: GroupsConfig, cell: Cell, rows: Sequence[Bools]) -> list[Fault]:
    """Say which units are in a group in some of their rows only, at the first group of which that holds."""
    codes = bench.panel.unit_codes
    if codes is None:
        return []
    sample = bench.in_sample(cell)
    size = np.bincount(codes[sample], minlength=int(codes.max()) + 1)
    for group, mine in zip(config.groups, rows, strict=True):
        inside = np.bincount(codes[mine], minlength=len(size))
        changing = (inside > 0) & (inside < size)
        if not changing.any():
            continue
        every = _all_changing(codes, size, rows)
        first = int(np.flatnonzero(changing)[0])
        return [
            fault_at(
                group.condition.origin,
                group.condition.tree.span,
                "unit_changes_group",
                f"{units_text(int(every.sum()))} change{'s' if every.sum() == 1 else ''} group over time",
                _advice(bench, group, cell),
                notes=(_example(bench, config, rows, sample & (codes == first)),),
            )
        ]
    return []


def _all_changing(codes: NDArray[np.int64], size: NDArray[np.int64], rows: Sequence[Bools]) -> Bools:
    changing = np.zeros(len(size), dtype=bool)
    for mine in rows:
        inside = np.bincount(codes[mine], minlength=len(size))
        changing |= (inside > 0) & (inside < size)
    return changing


def _example(bench: Bench, config: GroupsConfig, rows: Sequence[Bools], unit: Bools) -> str:
    """Name a unit with the groups it is in, in the order of time."""
    order = np.flatnonzero(unit)
    if bench.periods is not None:
        order = order[np.argsort(bench.periods[order], kind="stable")]
    told: dict[str, str] = {}
    for row in order.tolist():
        inside = [f"`{g.label}`" for g, mine in zip(config.groups, rows, strict=True) if mine[row]]
        told.setdefault(listed(inside) or "no group", time_name(bench.panel, row))
    words = [f"{group} in {time}" for group, time in told.items()]
    return f"for example {unit_name(bench.panel, int(order[0]))}: {listed(words[:3])}"


def _advice(bench: Bench, group: UnitGroup, cell: Cell) -> str:
    """Say how to hold a condition fixed, in the last period before treatment where that is known."""
    names = referenced(group.condition.tree)
    name = write(names[0]) if names else "x"
    when, periods = "…", bench.periods
    if periods is not None and bench.panel.unit_codes is not None and np.isfinite(start := timing(bench, cell).start):
        before = periods[periods < start]
        row = int(np.flatnonzero(periods == before.max())[0]) if len(before) else -1
        when = time_name(bench.panel, row) if row >= 0 else when
    return f"hold the groups fixed with the value of one period: at({name}, {bench.panel.time} == {when})"


def count_units_of(bench: Bench, rows: NDArray[np.int64]) -> int:
    """Count the units of some rows, or the rows where the study has no unit."""
    return len(rows) if bench.panel.unit_codes is None else len(np.unique(bench.panel.unit_codes[rows]))


def units_text(count: int, word: str = "unit") -> str:
    """Write a count: ``1 unit``, ``12 clusters``."""
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def _named(bench: Bench, rows: NDArray[np.int64]) -> str:
    """Name the units of some rows, three at most."""
    names = list(dict.fromkeys(unit_name(bench.panel, row) for row in rows[:500].tolist()))
    return listed(names[:3])
