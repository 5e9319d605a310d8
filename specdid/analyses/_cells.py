"""The columns of an analysis: specifications at [preferred], moved by ``fix`` and ``vary``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from specdid._diagnostics import SpecError, fault_at
from specdid._plan import Dimension, Grid, Plan, PlanStatus, build_plan
from specdid._plan.records import Codes
from specdid._plan.selectors import select
from specdid._records import Caution
from specdid._study import DIMENSIONS, Core, Selector, Study
from specdid.analyses._request import Request
from specdid.engine.compile import Compiled, compile_plan
from specdid.language import relabel
from specdid.language.tree import Node
from specdid.panel import Evaluator, Panel

MOST = 200
"""Columns of one analysis: more is a mistake in `vary`."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One column: a specification that can be estimated.

    Attributes
    ----------
    labels : dimension -> label
    place : row of ``plan``
    member : row of ``compiled.members``
    preferred : whether every dimension that differs, but the outcome, is at its preferred choice
    """

    labels: Mapping[str, str]
    place: int
    member: int
    preferred: bool
    plan: Plan = field(repr=False)
    compiled: Compiled = field(repr=False)

    @property
    def method(self) -> str:
        """The estimator's name."""
        return self.plan.grid.estimators[int(self.plan.codes[self.place, Core.ESTIMATOR])].method


@dataclass(frozen=True, slots=True)
class Cells(Sequence[Cell]):
    """The columns in order, what differs between them, what was left out, and [labels]."""

    items: tuple[Cell, ...]
    varying: tuple[str, ...]
    notes: tuple[Caution, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Cell]:
        return iter(self.items)

    def heading(self, cell: Cell) -> tuple[str, ...]:
        """Return a cell's labels in the dimensions that differ, or its outcome alone."""
        return tuple(worded(name, cell.labels[name]) for name in self.varying or ("outcome",))

    def shown(self, cell: Cell) -> str:
        """Return a cell's heading in one line, as readers know it."""
        return ", ".join(headed(name, cell.labels[name], self.names) for name in self.varying or ("outcome",))


def headed(dimension: str, label: str, names: Mapping[str, str]) -> str:
    """Return an option's text where nothing beside it says of which dimension it is."""
    if dimension in DIMENSIONS:
        return relabel(worded(dimension, label), names)
    return f"{relabel(dimension, names)}: {relabel(label, names)}"


def worded(dimension: str, label: str) -> str:
    """Write a label that stands alone: a variant's with its name, no controls in words."""
    if (dimension, label) == ("controls", "1"):
        return "no controls"
    return label if dimension in DIMENSIONS else f"{dimension}: {label}"


def make_cells(request: Request, panel: Panel, evaluator: Evaluator) -> Cells:
    """Plan and compile the columns of an analysis; raises as ``plan_cells``."""
    planned = plan_cells(request, panel, evaluator)
    return _cells(planned, compile_plan(planned.plan, panel, evaluator))


@dataclass(frozen=True, slots=True)
class PlannedCells:
    """The plan of an analysis, the dimensions that differ, and each dimension's preferred choice."""

    plan: Plan
    varying: tuple[str, ...]
    preferred: tuple[int, ...]


def plan_cells(request: Request, panel: Panel, evaluator: Evaluator) -> PlannedCells:
    """Plan the columns of an analysis, once for each request.

    Raises
    ------
    SpecError
        An option expands to nothing, a treatment lacks main effects, the columns are too many.
    """
    planned: PlannedCells | None = request.layout.planned.get(evaluator)
    if planned is None:
        planned = request.layout.planned[evaluator] = _plan_cells(request, panel, evaluator)
    return planned


def _plan_cells(request: Request, panel: Panel, evaluator: Evaluator) -> PlannedCells:
    study = request.layout.study
    order: list[str] = []
    preferred: list[int] = []

    def choose(
        dimensions: Sequence[Dimension], grid: Grid, macros: Mapping[str, Node], columns: Sequence[str]
    ) -> Codes:
        chosen = [_choices(request, study, d, grid, macros, columns) for d in dimensions]
        by_name = {d.name: c for d, c in zip(dimensions, chosen, strict=True)}
        order.extend(_order(request, by_name))
        preferred.extend(_preferred(study, d, grid, macros, columns) for d in dimensions)
        return _product([d.name for d in dimensions], by_name, order, request)

    plan = build_plan(study, panel, evaluator, choose)
    return PlannedCells(plan, tuple(order), tuple(preferred))


def _choices(
    request: Request,
    study: Study,
    dimension: Dimension,
    grid: Grid,
    macros: Mapping[str, Node],
    columns: Sequence[str],
) -> list[int]:
    """Return a dimension's choices: fixed in written order, all where it varies, else the preferred."""
    name, layout = dimension.name, request.layout
    if name not in layout.fix and (name in layout.vary or name == "outcome"):
        return np.flatnonzero(dimension.option < _declared(request, dimension)).tolist()

    def meant(selector: Selector | int) -> list[int]:
        if isinstance(selector, int):
            return np.flatnonzero(dimension.option == selector).tolist()
        return np.flatnonzero(select(dimension, (selector,), grid, macros, columns)).tolist()

    if name in layout.fix:
        return list(dict.fromkeys(c for selector in layout.fix[name] for c in meant(selector)))
    return [_preferred(study, dimension, grid, macros, columns)]


def _preferred(
    study: Study, dimension: Dimension, grid: Grid, macros: Mapping[str, Node], columns: Sequence[str]
) -> int:
    """Return a dimension's choice in the preferred specification: the first where none is written."""
    chosen = select(dimension, study.preferred.get(dimension.name, ()), grid, macros, columns)
    return int(np.argmax(chosen))


def _declared(request: Request, dimension: Dimension) -> int:
    """Count the options that the study itself declares."""
    own = [s for s in request.layout.fix.get(dimension.name, ()) if isinstance(s, int)]
    return min(own, default=len(dimension.declared))


def _order(request: Request, chosen: Mapping[str, list[int]]) -> list[str]:
    """Return the dimensions with several choices: outcome, what is fixed at several, then ``vary``."""
    vary = request.layout.vary
    first = [n for n in ("outcome", *request.layout.fix) if n not in vary]
    return [n for n in dict.fromkeys([*first, *vary]) if len(chosen[n]) > 1]


def _product(names: Sequence[str], chosen: Mapping[str, list[int]], order: Sequence[str], request: Request) -> Codes:
    count = int(np.prod([len(chosen[n]) for n in names], dtype=np.float64))
    if count > MOST:
        raise SpecError(
            (
                fault_at(
                    request.key("vary"),
                    None,
                    "too_many",
                    f"these are {count:,} columns, more than {MOST}",
                    'name fewer dimensions in `vary`, or fix some: fix = { controls = ["…", "…"] }',
                ),
            )
        )
    codes = np.zeros((count, len(names)), np.int32)
    for d, name in enumerate(names):
        if name not in order and chosen[name]:
            codes[:, d] = chosen[name][0]
    place = [names.index(n) for n in order]
    for row, combination in enumerate(product(*(chosen[n] for n in order))):
        codes[row, place] = combination
    return codes


def _cells(planned: PlannedCells, compiled: Compiled) -> Cells:
    plan, varying, preferred = planned.plan, planned.varying, planned.preferred
    member = {int(place): m for m, place in enumerate(compiled.members.index)}
    differing = [d for d, one in enumerate(plan.dimensions) if one.name in varying and one.name != "outcome"]
    items, notes = [], []
    for place in range(len(plan)):
        labels = {d.name: d.labels[c] for d, c in zip(plan.dimensions, plan.codes[place], strict=True)}
        shown = ", ".join(labels[n] for n in varying or ("outcome",))
        if plan.status[place] == PlanStatus.EXCLUDED:
            why = plan.reasons[plan.reason[place]].message
            notes.append(Caution("note", "no_column", f"no column for {shown}: {why}"))
            continue
        if plan.status[place] == PlanStatus.DUPLICATE:
            notes.append(Caution("note", "no_column", f"no column for {shown}: it is the same model as another column"))
            continue
        chosen = all(plan.codes[place, d] == preferred[d] for d in differing)
        items.append(Cell(labels, place, member[place], chosen, plan, compiled))
    return Cells(tuple(items), varying, tuple(notes), plan.study.labels)
