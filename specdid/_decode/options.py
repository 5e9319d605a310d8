"""The options of every dimension: a text, or a table with metadata; ``match = {…}`` of a sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from specdid import _plugins
from specdid._decode.table import Item, Log, Table, as_table, fixed, lines_of, plain_value
from specdid._diagnostics import did_you_mean
from specdid._format import MATCH, OPTIONS, Flag, NumberValue, TableKeys
from specdid._study import (
    Direction,
    EstimatorOption,
    Expression,
    FormulaOption,
    Match,
    Meta,
    OutcomeOption,
    SampleOption,
    TreatmentOption,
)
from specdid.language.tree import Constant

_Option = TypeVar("_Option")

SETTINGS = tuple(key.name for key in MATCH.keys if isinstance(key.kind, NumberValue | Flag))
"""Keys of a match that change the result of some methods only."""


@dataclass(frozen=True, slots=True)
class WrittenOption:
    """One option as written; in the short form it has no label, and text is a table of one key."""

    label: str | None
    item: Item
    table: Table


class Options:
    """Reads dimensions, and remembers the labels it could not read: nobody shall miss them again."""

    def __init__(self, log: Log, directory: Path = Path()) -> None:
        self.log, self.methods = log, _plugins.names("estimators")
        self.directory = directory
        self.unread: set[tuple[str, str]] = set()
        self.matches: Mapping[str, Match] = {}

    def named(self, dimension: str, item: Item, make: Callable[[WrittenOption], _Option | None]) -> tuple[_Option, ...]:
        """Read the options under a dimension's header."""
        hint = f'write [{dimension}] and below it "label" = …'
        rows = lines_of(item, self.log, hint)
        if item.value == {}:
            help_ = 'write "label" = … below it, or take the header away'
            self.log.add(item.key, "missing_key", f"[{dimension}] has no options", help_)
        options = []
        for inner in rows.values():
            label = self.log.label(inner)
            option = self.one(dimension, label, inner, make)
            if option is None:
                self.unread.add((dimension, label))
            else:
                options.append(option)
        return tuple(options)

    def one(
        self, dimension: str, label: str | None, item: Item, make: Callable[[WrittenOption], _Option | None]
    ) -> _Option | None:
        """Read one option; None where it is wrong."""
        form = OPTIONS[dimension]
        title = f"the {dimension} option `{label}`" if label else f"`{dimension}`"
        table = item
        if isinstance(item.value, str):
            table = Item({form.names[0]: item}, item.origin, item.key)
        elif not isinstance(item.value, dict):
            self.log.wrong_type(item, "text or a table", self.log.as_text(item))
            return None
        return make(WrittenOption(label, item, Table(table, self.log, form, title)))

    def outcome(self, row: WrittenOption, scale: str | None) -> OutcomeOption | None:
        """Read an outcome; ``scale`` is the one that [study] declares for all."""
        found = row.table.read()
        expect = cast("Direction | None", found["expect"])
        if expect is None and "expect" in row.table:
            expect = "positive"  # it is wrong, and has been said to be; it is not missing
        if found["formula"] is None:
            return None
        return OutcomeOption(row.label, found["formula"], found["scale"] or scale, meta_of(found), row.item.key, expect)

    def treatment(self, row: WrittenOption, cohort: Expression | None) -> TreatmentOption | None:
        """Read a treatment; ``cohort`` is the one of [study]."""
        found = row.table.read()
        own, estimand = found["cohort"] or cohort, found["estimand"]
        if found["term"] is None:
            return None
        return TreatmentOption(row.label, found["term"], found["with"], own, estimand, meta_of(found), row.item.key)

    def formula(self, row: WrittenOption) -> FormulaOption | None:
        """Read an option of controls, fixed_effects or weights."""
        found = row.table.read()
        formula = found["formula"]
        return FormulaOption(row.label, formula, meta_of(found), row.item.key) if formula else None

    def sample(self, row: WrittenOption) -> SampleOption | None:
        """Read a sample, matched or not; a match alone takes all rows."""
        found = row.table.read(match=lambda item: read_match(item, self))
        where, match, matched = found["where"], found["match"], "match" in row.table
        if "where" not in row.table and matched:
            where = fixed(Constant(True), row.item.key)
        if where is None or (matched and match is None):
            return None
        return SampleOption(row.label, where, match, meta_of(found), row.item.key)

    def estimator(self, row: WrittenOption) -> EstimatorOption | None:
        """Read an estimator with its settings, which stay as they are written."""
        table, common = row.table, OPTIONS["estimator"]
        method = table.rows.get("method")
        if method is not None and method.value in self.methods:
            settings = _plugins.load("estimators", str(method.value)).settings
            form = TableKeys(common.name, common.header, common.doc, (*common.keys, *settings))
            table = Table(table.item, self.log, form, table.title)
            for name, (other, value, why) in ((s.name, s.idle) for s in settings if s.idle and s.name in table.rows):
                if other in table.rows and table.rows[other].value == value:
                    message = f'`{name}` does nothing beside `{other} = "{value}"`: {why}'
                    self.log.add(table.rows[name].key, "not_honoured", message, f"take `{name}` away")
        found = table.read(method=lambda item: self.log.one_of(item, self.methods, "estimator"))
        if found["method"] is None:
            return None
        own = {k: plain_value(v) for k, v in table.rows.items() if k not in common.names}
        return EstimatorOption(row.label, found["method"], own, meta_of(found), row.item.key)


def meta_of(found: Mapping[str, Any]) -> Meta:
    """Return ``type`` and ``why``, which every option may have."""
    return Meta(found["type"], found["why"])


def read_matches(item: Item | None, options: Options) -> Mapping[str, Match]:
    """Read [match]: what samples and analyses use by name."""
    found: dict[str, Match] = {}
    for row in lines_of(item, options.log, 'write [match."nearest"] and below it on = "x1 + x2"').values():
        name = options.log.label(row)
        match = _match_of(row, options.log, f'[match."{name}"]')
        if match is None:
            options.unread.add(("match", name))
        else:
            found[name] = replace(match, name=name)
    return found


def read_match(item: Item, options: Options) -> Match | None:
    """Read how a sample is matched, by the name of a [match] or itself; None where that is wrong."""
    if not isinstance(item.value, str):
        return _match_of(item, options.log, "`match`")
    name = options.log.text(item)
    if name is None or ("match", name) in options.unread:
        return None
    if name not in options.matches:
        near = did_you_mean(name, options.matches)
        help_ = near or f'write [match."{name}"] and below it on = "x1 + x2", or match = {{ on = "x1 + x2" }} here'
        options.log.add(item.origin, "unknown_name", f"no [match] is called `{name}`", help_)
    return options.matches.get(name)


def _match_of(item: Item, log: Log, title: str) -> Match | None:
    table = as_table(item, log, MATCH, title, 'write match = { on = "x1 + x2", method = "nearest" }')
    if table is None:
        return None
    found = table.read()
    if "caliper" in table.rows and "caliper_sd" in table.rows:
        message = "`caliper` and `caliper_sd` say the same thing twice"
        help_ = "keep the one that is meant: on the score, or in its standard deviations"
        log.add(table.rows["caliper_sd"].key, "contradiction", message, help_)
    _check_settings(table, found["method"], log)
    return Match(**found, origin=table.item.key) if found["on"] is not None else None


def _check_settings(table: Table, method: str, log: Log) -> None:
    """Say which settings the method would ignore, and which it cannot do without."""
    declared = _plugins.load("matching", method)
    takes = [name for name in SETTINGS if name in declared.settings]
    for name in SETTINGS:
        if name in table.rows and name not in takes:
            help_ = f"{method} matching takes {', '.join(takes) or 'no settings'}"
            message = f"{method} matching would ignore `{name}`"
            log.add(table.rows[name].key, "not_honoured", message, help_)
    for names in declared.needs:
        if not any(name in table for name in names):
            listed = " or ".join(f"`{name}`" for name in SETTINGS if name in names)
            log.add(table.item.key, "missing_key", f"{method} matching needs {listed}")
