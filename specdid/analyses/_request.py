"""One table of an analysis, decoded: its own keys, and what ``fix`` and ``vary`` move.

To fix or vary a dimension that an analysis does not read is a fault, not silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from specdid import _plugins
from specdid._decode.options import Options, WrittenOption
from specdid._decode.selectors import read_selectors
from specdid._decode.table import ROLES, Item, Log, Table
from specdid._diagnostics import Fault, Origin, fault_at
from specdid._study import DIMENSIONS, AnalysisTable, EstimatorOption, Expression, SampleOption, Selector, Study
from specdid.language import Place
from specdid.language.check import Role
from specdid.panel import Evaluator


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
    planned: dict[Evaluator, Any] = field(default_factory=dict, init=False, repr=False, compare=False)


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
        return self.table.name or self.table.kind.replace("_", " ")

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

    def expression(self, item: Item | None, role: Role, place: Place | None = None) -> Expression | None:
        found = super().expression(item, role, place)
        if found is not None:
            self.expressions.append((found, role))
        return found


def read_request(
    study: Study, table: AnalysisTable, decode: Callable[[Table], Any]
) -> tuple[Request, tuple[Fault, ...]]:
    """Decode a table; the request is to be run only where there are no faults."""
    log = _Log()
    header = f'[{table.kind}."{table.name}"]' if table.name is not None else f"[{table.kind}]"
    reader = Table(item_of(table), log, header)
    config = decode(reader)
    own = tuple(log.expressions)
    layout = _layout(study, reader, log)
    reader.close()
    return Request(table, config, layout, own), tuple(log.faults)


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


def _layout(study: Study, reader: Table, log: Log) -> ColumnsAsked:
    names = (*DIMENSIONS, *(v.name for v in study.variants))
    fix = reader.table("fix", f"`fix` of {reader.title}")
    added: dict[str, list[Any]] = {}
    found: dict[str, tuple[Selector | int, ...]] = {}
    for name, item in fix.rows.items() if fix is not None else ():
        several = item.value if isinstance(item.value, tuple) else (item,)
        chosen: list[Selector | int] = []
        for one in several:
            if _is_option(one, name):
                chosen += _option(study, name, one, added, log)
            else:
                part = Table(Item({name: one}, item.origin, item.key), log, reader.title)
                chosen += read_selectors(part, names, _options(log, study)).get(name, ())
        if chosen:
            found[name] = tuple(chosen)
    varied = [log.one_of(item, names, "dimension") for item in reader.list_of("vary") or ()]
    vary = tuple(dict.fromkeys(name for name in varied if name is not None))
    more: dict[str, Any] = {name: (*getattr(study, name), *options) for name, options in added.items()}
    return ColumnsAsked(found, vary, replace(study, **more))


def _is_option(item: Item, dimension: str) -> bool:
    """Tell an option written as a table from a selector written as one."""
    written = item.value
    return dimension in DIMENSIONS and isinstance(written, dict) and not written.keys() <= {"has", "lacks"}


def _option(study: Study, name: str, item: Item, added: dict[str, list[Any]], log: Log) -> list[int]:
    """Read an option that only this analysis has; gives its place in the dimension."""
    options = _options(log, study)
    makers: dict[str, Callable[[WrittenOption], Any]] = {
        "outcome": lambda row: options.outcome(row, None),
        "treatment": lambda row: options.treatment(row, None),
        "sample": options.sample,
        "estimator": options.estimator,
    }
    role = ROLES.get(name)
    make = makers.get(name) or (lambda row: options.formula(row, role or "terms"))
    option = options.one(name, None, item, make)
    if option is None:
        return []
    mine = added.setdefault(name, [])
    mine.append(_named(option))
    return [len(getattr(study, name)) + len(mine) - 1]


def _named(option: Any) -> Any:
    """Return an option without a label one that tells it from the study's own."""
    if isinstance(option, EstimatorOption) and option.options:
        written = ", ".join(f"{k} = {v}" for k, v in option.options.items())
        return replace(option, label=f"{option.method}({written})")
    if isinstance(option, SampleOption) and option.match is not None:
        where = "" if option.where.text == "TRUE" else f"{option.where.text}, "
        return replace(option, label=f"{where}matched by {option.match.method}")
    return option


def _options(log: Log, study: Study) -> Options:
    options = Options(log, _plugins.names("estimators"), _plugins.names("matching"))
    options.unread |= study.unread
    return options


def not_read(request: Request, names: Sequence[str], why: str) -> Iterator[Fault]:
    """Find what ``fix`` and ``vary`` say of dimensions that change nothing in this analysis."""
    for name in names:
        message = f"`{name}` changes nothing in [{request.table.kind}]: {why}"
        if name in request.layout.fix:
            yield fault_at(request.key("fix", name), None, "not_honoured", message, "leave it out of `fix`")
        if name in request.layout.vary:
            yield fault_at(_varied(request, name), None, "not_honoured", message, "leave it out of `vary`")


def _varied(request: Request, name: str) -> Origin:
    """Say where a name stands in ``vary``, which may be a list or one text."""
    written = request.table.values.get("vary")
    if isinstance(written, str):
        return request.origin("vary")
    return request.origin("vary", f"[{list(written).index(name)}]")  # type: ignore[call-overload]
