"""The columns of an analysis: one table of the file, decoded, and the specifications it asks for.

They stand at [preferred], moved by ``fix`` and ``vary``. To fix or vary a dimension that an analysis does not
read is a fault, not silence. A table is planned once for each request; what is estimated is compiled of that plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np

from specdid._decode.options import Options, WrittenOption
from specdid._decode.selectors import read_selectors
from specdid._decode.table import Item, Log, Table, lines_of, several
from specdid._diagnostics import Fault, Origin, SpecError, fault_at
from specdid._format import FIX, TableKeys
from specdid._plan import Dimension, Grid, Plan, PlanStatus, build_plan
from specdid._plan.build import preferred_choices
from specdid._plan.exclude import Tied, select, tied_choices
from specdid._plan.records import Codes, Setting
from specdid._records import Caution
from specdid._records.cautions import capital
from specdid._study import (
    DIMENSIONS,
    INSTRUMENTS,
    AnalysisTable,
    Core,
    EstimatorOption,
    Expression,
    SampleOption,
    Selector,
    Study,
)
from specdid._words import later, say, say_choice, speaking, told
from specdid.engine.compile import Compiled, compile_plan
from specdid.language import relabel
from specdid.language.check import Role
from specdid.language.tree import Node
from specdid.panel import Evaluator, Panel

MOST = 200
"""Columns of one analysis: more is a mistake in `vary`."""
MOST_CROSSED = 20_000
"""Combinations among which those of [[together]] are looked for."""
NAMED = 3
"""Columns left out for one reason that are named one by one."""


@dataclass(frozen=True, slots=True)
class ColumnsAsked:
    """Which options the columns of an analysis take.

    Attributes
    ----------
    fix : dimension -> what it is fixed at: selectors, or the place of an option in ``study``
    vary : dimensions that take all their options, or those they are fixed at
    study : the study, with the options that only this analysis has at the end of their dimensions
    planned : plans that were made of these columns, by evaluator of the data; see ``plan_cells``
    """

    fix: Mapping[str, tuple[Selector | int, ...]]
    vary: tuple[str, ...]
    study: Study = field(repr=False)
    planned: dict[Evaluator, PlannedCells] = field(default_factory=dict, init=False, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Request:
    """A table of the spec file, ready to run.

    Attributes
    ----------
    table : as written
    config : what the analysis's ``decode`` made of its own keys
    layout : its columns
    expressions : every expression of its keys with its role, for the check of names
    """

    table: AnalysisTable
    config: Any
    layout: ColumnsAsked
    expressions: tuple[tuple[Expression, Role], ...] = ()

    @property
    def title(self) -> str:
        """The table's name, or its kind in words."""
        return self.table.name or told(self.table.kind.replace("_", " ").capitalize())

    @property
    def header(self) -> str:
        """The table's header as written: [kind] or [kind."name"]."""
        return header_of(self.table)

    def origin(self, *path: str) -> Origin:
        """Say where the value under ``path`` stands; where it is not written, the table's header."""
        return self.table.origins.get(path, self.table.origin)

    def key(self, *path: str) -> Origin:
        """Say where the key ``path`` stands; where it is not written, the table's header."""
        return self.table.keys.get(path, self.table.origin)


class _Log(Log):
    """A log that remembers the expressions it read."""

    def __init__(self) -> None:
        super().__init__()
        self.expressions: list[tuple[Expression, Role]] = []

    def expression(self, item: Item | None, role: Role) -> Expression | None:
        found = super().expression(item, role)
        if found is not None:
            self.expressions.append((found, role))
        return found


def read_request(
    study: Study, table: AnalysisTable, form: TableKeys, decode: Callable[[Mapping[str, Any], Table], Any]
) -> tuple[Request, tuple[Fault, ...]]:
    """Decode a table as its analysis declares; the request is to be run only where there are no faults."""
    log = _Log()
    reader = Table(item_of(table), log, form, header_of(table))
    found = reader.read(fix=lambda item: item, vary=lambda item: item)
    fix, vary = found.pop("fix"), found.pop("vary")
    config = decode(found, reader)
    own = tuple(log.expressions)
    return Request(table, config, _layout(study, fix, vary, log), own), tuple(log.faults)


def header_of(table: AnalysisTable) -> str:
    """Return a table's header."""
    return f'[{table.kind}."{table.name}"]' if table.name is not None else f"[{table.kind}]"


def item_of(table: AnalysisTable) -> Item:
    """Return a table's values with their places again."""
    content = {key: _item(table, value, (key,)) for key, value in table.values.items()}
    return Item(content, table.origin, table.origin)


def _item(table: AnalysisTable, value: object, path: tuple[str, ...]) -> Item:
    content: object = value
    if isinstance(value, Mapping):
        content = {key: _item(table, inner, (*path, key)) for key, inner in value.items()}
    elif isinstance(value, list | tuple):
        content = tuple(_item(table, inner, (*path, f"[{i}]")) for i, inner in enumerate(value))
    return Item(content, table.origins[path], table.keys[path])


def _layout(study: Study, fix: Item | None, vary: Item | None, log: Log) -> ColumnsAsked:
    names = (*DIMENSIONS, *(v.name for v in study.variants))
    added: dict[str, list[Any]] = {}
    found: dict[str, tuple[Selector | int, ...]] = {}
    for name, item in lines_of(fix, log, f"for example, fix = {FIX.example}").items():
        chosen: list[Selector | int] = []
        for one in several(item):
            if _is_option(one, name):
                chosen += _option(study, name, one, added, log)
            else:
                chosen += read_selectors({name: one}, names, _options(log, study)).get(name, ())
        if chosen:
            found[name] = tuple(chosen)
    listed = () if vary is None else several(vary)
    varied = [log.one_of(item, names, "dimension") for item in listed]
    more: dict[str, Any] = {name: (*getattr(study, name), *options) for name, options in added.items()}
    varying = tuple(dict.fromkeys(name for name in varied if name is not None))
    return ColumnsAsked(found, varying, replace(study, **more))


def _is_option(item: Item, dimension: str) -> bool:
    """Tell an option written as a table from a selector written as one."""
    written = item.value
    return dimension in DIMENSIONS and isinstance(written, dict) and not written.keys() <= {"has", "lacks"}


def _option(study: Study, name: str, item: Item, added: dict[str, list[Any]], log: Log) -> list[int]:
    """Read an option that only this analysis has; return its place in the dimension."""
    options = _options(log, study)
    makers: dict[str, Callable[[WrittenOption], Any]] = {
        "outcome": lambda row: options.outcome(row, None),
        "treatment": lambda row: options.treatment(row, None),
        "sample": options.sample,
        "estimator": options.estimator,
    }
    option = options.one(name, None, item, makers.get(name, options.formula))
    if option is None:
        return []
    mine = added.setdefault(name, [])
    with speaking(study.language):  # labels are written before the run speaks
        mine.append(_named(option))
    return [len(getattr(study, name)) + len(mine) - 1]


def _named(option: Any) -> Any:
    """Return an option without a label one that tells it from the study's own."""
    if isinstance(option, EstimatorOption) and option.options:
        written = ", ".join(f"{k} = {v}" for k, v in option.options.items())
        return replace(option, label=f"{option.method}({written})")
    if isinstance(option, SampleOption) and option.match is not None:
        where = "" if option.where.text == "TRUE" else f"{option.where.text}, "
        name = option.match.name or option.match.method
        return replace(option, label=say("{where}matched by {name}", where=where, name=name))
    return option


def _options(log: Log, study: Study) -> Options:
    options = Options(log)
    options.unread |= study.unread
    options.matches = study.matches
    return options


def not_read(request: Request, study: Study, names: Sequence[str], why: str) -> Iterator[Fault]:
    """Find what ``fix`` and ``vary`` say of dimensions that change nothing in this analysis.

    A dimension of [[together]] may be named in ``fix``, for what is planned with it.
    """
    tied = {name for tie in study.together for name in tie.dimensions}
    for name in names:
        message = f"`{name}` changes nothing in [{request.table.kind}]: {why}"
        if name in request.layout.fix and name not in tied:
            yield fault_at(request.key("fix", name), None, "not_honoured", message, "leave it out of `fix`")
        if name in request.layout.vary:
            yield fault_at(_varied(request, name), None, "not_honoured", message, "leave it out of `vary`")


def unable(request: Request, cells: Cells, able: Callable[[Cell], bool], what: str, help_: str) -> Iterator[Fault]:
    """Warn of estimators that this analysis has nothing of."""
    wrong = [cell for cell in cells if not able(cell)]
    if any(cell.instrumented for cell in wrong):
        place, say = request.key("fix", INSTRUMENTS), f"{what} two-stage least squares"
        said = "fix = { instruments = … } with an option that has none asks for least squares"
        yield fault_at(place, None, "not_honoured", say, said, "warning")
    for method in dict.fromkeys(cell.method for cell in wrong if not cell.instrumented):
        place = request.key("fix", "estimator")
        yield fault_at(place, None, "not_honoured", f"{what} `{method}`", help_, "warning")


def _varied(request: Request, name: str) -> Origin:
    """Say where a name stands in ``vary``, which may be a list or one text."""
    written = request.table.values.get("vary")
    if isinstance(written, str):
        return request.origin("vary")
    return request.origin("vary", f"[{list(written).index(name)}]")  # type: ignore[call-overload]


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
    def setting(self) -> Setting:
        """The options of the variants it has."""
        return self.plan.grid.settings[int(self.plan.setting[self.place])]

    @property
    def method(self) -> str:
        """The estimator's name."""
        return self.plan.grid.estimators[int(self.plan.codes[self.place, Core.ESTIMATOR])].method

    @property
    def instrumented(self) -> bool:
        """Whether it is two-stage least squares."""
        return int(self.compiled.members.instruments[self.member]) >= 0

    @property
    def plain(self) -> bool:
        """Whether it is least squares on the treatment itself, with no average over cohorts."""
        return bool(self.compiled.batched[self.member]) and int(self.compiled.members.sunab[self.member]) < 0


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


_NO_CONTROLS = later("no controls")


def headed(dimension: str, label: str, names: Mapping[str, str]) -> str:
    """Return an option's text where nothing beside it says of which dimension it is."""
    if dimension in DIMENSIONS:
        text = worded(dimension, label)
        return relabel(text, names) if text != _NO_CONTROLS or text in names else say(text)
    return f"{relabel(dimension, names)}: {relabel(label, names)}"


def worded(dimension: str, label: str) -> str:
    """Write a label that stands alone: a variant's with its name, no controls in words."""
    if (dimension, label) == ("controls", "1"):
        return _NO_CONTROLS
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
    planned = request.layout.planned.get(evaluator)
    if planned is None:
        planned = request.layout.planned[evaluator] = _plan_cells(request, panel, evaluator)
    return planned


def shared_sample(request: Request, evaluator: Evaluator) -> str:
    """Return the sample and the options of variants that all columns have, where the study has several of them."""
    shared = _shared(request, evaluator)
    return _listed(request, {n: label for n, label in shared.items() if n == "sample" or n not in DIMENSIONS})


def drawn_specification(request: Request, evaluator: Evaluator) -> str:
    """Say in a sentence what all columns have of what the study has several of, and whether that is [preferred].

    A figure has neither rows of controls nor a column's heading where all columns are of one specification.
    """
    planned = request.layout.planned.get(evaluator)
    shared = _shared(request, evaluator)
    words = _listed(request, {n: label for n, label in shared.items() if n != "outcome"})
    if planned is None or not len(planned.plan):
        return ""
    at = [d for d, one in enumerate(planned.plan.dimensions) if one.name in shared and one.name != "outcome"]
    first = planned.plan.codes[0]
    if not request.layout.study.preferred or any(first[d] != planned.preferred[d] for d in at):
        return say("{sample}.", sample=capital(words)) if words else ""
    if set(planned.varying) <= {"outcome"}:
        return (
            say("The preferred specification ({listed}).", listed=words)
            if words
            else say("The preferred specification.")
        )
    return say("Otherwise the preferred specification ({listed}).", listed=words) if words else ""


def _shared(request: Request, evaluator: Evaluator) -> dict[str, str]:
    """Return dimension and label of what all columns have, where the study has several options."""
    planned = request.layout.planned.get(evaluator)
    if planned is None or not len(planned.plan):
        return {}
    codes = planned.plan.codes
    return {
        one.name: one.labels[codes[0, d]]
        for d, one in enumerate(planned.plan.dimensions)
        if len(one) > 1 and one.name not in planned.varying and bool((codes[:, d] == codes[0, d]).all())
    }


def _listed(request: Request, options: Mapping[str, str]) -> str:
    """Write options behind what they are of: ``sample: all cities, weights: none``."""
    names = request.layout.study.labels
    found = []
    for dimension, label in options.items():
        name = relabel(dimension, names) if dimension in names else say_choice(dimension, spaced=False)
        text = headed(dimension, label, names) if dimension in DIMENSIONS else relabel(label, names)
        found.append(say("{words}: {name}", words=name, name=text))
    return say(", ").join(found)


def _plan_cells(request: Request, panel: Panel, evaluator: Evaluator) -> PlannedCells:
    study = request.layout.study
    order: list[str] = []
    preferred: list[int] = []

    def choose(
        dimensions: Sequence[Dimension], grid: Grid, macros: Mapping[str, Node], columns: Sequence[str]
    ) -> Codes:
        ties = tied_choices(study, dimensions, grid, macros, columns)
        preferred.extend(preferred_choices(study, dimensions, grid, ties, macros, columns))
        by_name = {
            d.name: _choices(request, d, max(own, 0), grid, macros, columns)
            for d, own in zip(dimensions, preferred, strict=True)
        }
        order.extend(_order(request, by_name))
        return _product([d.name for d in dimensions], by_name, order, request, ties)

    plan = build_plan(study, panel, evaluator, choose)
    return PlannedCells(plan, tuple(order), tuple(preferred))


def _choices(
    request: Request,
    dimension: Dimension,
    preferred: int,
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
    return [preferred]


def _declared(request: Request, dimension: Dimension) -> int:
    """Count the options that the study itself declares."""
    own = [s for s in request.layout.fix.get(dimension.name, ()) if isinstance(s, int)]
    return min(own, default=len(dimension.declared))


def _order(request: Request, chosen: Mapping[str, list[int]]) -> list[str]:
    """Return the dimensions with several choices: outcome, what is fixed at several, then ``vary``."""
    vary = request.layout.vary
    first = [n for n in ("outcome", *request.layout.fix) if n not in vary]
    return [n for n in dict.fromkeys([*first, *vary]) if len(chosen[n]) > 1]


def _product(
    names: Sequence[str], chosen: Mapping[str, list[int]], order: Sequence[str], request: Request, ties: Sequence[Tied]
) -> Codes:
    """Return the columns; of more than can stand in a table those alone that [[together]] plans."""
    count = int(np.prod([len(chosen[n]) for n in names], dtype=np.float64))
    codes = np.zeros((count if count <= MOST_CROSSED else 0, len(names)), np.int32)
    for d, name in enumerate(names):
        if name not in order and chosen[name]:
            codes[:, d] = chosen[name][0]
    place = [names.index(n) for n in order]
    for row, combination in zip(range(len(codes)), product(*(chosen[n] for n in order)), strict=False):
        codes[row, place] = combination
    if count > MOST and len(codes) and ties:
        codes = codes[np.logical_and.reduce([tie.holds(codes) | ~tie.named(codes) for tie in ties])]
        count = len(codes) or count
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
    return codes


def _cells(planned: PlannedCells, compiled: Compiled) -> Cells:
    plan, varying, preferred = planned.plan, planned.varying, planned.preferred
    member = {int(place): m for m, place in enumerate(compiled.members.index)}
    differing = [d for d, one in enumerate(plan.dimensions) if one.name in varying and one.name != "outcome"]
    items: list[Cell] = []
    without: dict[str, list[str]] = {}
    for place in range(len(plan)):
        labels = {d.name: d.labels[c] for d, c in zip(plan.dimensions, plan.codes[place], strict=True)}
        shown = ", ".join(labels[n] for n in varying or ("outcome",))
        if plan.status[place] == PlanStatus.EXCLUDED:
            without.setdefault(plan.reasons[plan.reason[place]].message, []).append(shown)
        elif plan.status[place] == PlanStatus.DUPLICATE:
            without.setdefault("it is the same model as another column", []).append(shown)
        else:
            chosen = all(plan.codes[place, d] == preferred[d] for d in differing)
            items.append(Cell(labels, place, member[place], chosen, plan, compiled))
    notes = tuple(_without(without, len(plan)))
    return Cells(tuple(items), varying, notes, plan.study.labels)


def _without(found: Mapping[str, Sequence[str]], of: int) -> Iterator[Caution]:
    """Say which columns there are not: a few by name, those that one reason takes by their number."""
    for why, which in found.items():
        few = len(which) <= NAMED
        for shown in which if few else [f"{len(which):,} of {of:,}, the first {which[0]}"]:
            yield Caution("note", "no_column", f"no column for {shown}: {why}")
