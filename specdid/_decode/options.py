"""The options of every dimension: a text, or a table with metadata; ``match = {…}`` of a sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from specdid import _plugins
from specdid._decode.other_programs import estimator_help
from specdid._decode.table import Item, Log, Table, as_table, fixed, plain_value
from specdid._diagnostics import closest
from specdid._study import (
    Direction,
    EstimatorOption,
    Expression,
    FormulaOption,
    Match,
    Meta,
    OptionType,
    OutcomeOption,
    SampleOption,
    TreatmentOption,
)
from specdid.language.check import Role
from specdid.language.tree import Constant

Option = TypeVar("Option")

META = ("type", "why")
TYPES = ("equivalent", "nonequivalent", "uncertain")
CONTENT = {
    "outcome": ("formula", "scale", "expect"),
    "treatment": ("term", "with", "cohort", "estimand"),
    "controls": ("formula",),
    "fixed_effects": ("formula",),
    "sample": ("where", "match"),
    "weights": ("formula",),
    "estimator": ("method",),
}
"""Dimension -> an option's keys; the first is what a text alone stands for."""
KEYS = (
    "on", "treated", "at", "method", "ratio", "replace", "caliper", "caliper_sd", "bandwidth", "exact",
    "common_support",
)  # fmt: skip
SETTINGS = ("ratio", "replace", "caliper", "caliper_sd", "bandwidth", "common_support")


@dataclass(frozen=True, slots=True)
class WrittenOption:
    """One option as written; in the short form it has no label, and text is a table of one key."""

    label: str | None
    item: Item
    table: Table


class Options:
    """Reads dimensions, and remembers the labels it could not read: nobody shall miss them again."""

    def __init__(self, log: Log, methods: Sequence[str], matchers: Sequence[str]) -> None:
        self.log, self.methods, self.matchers = log, methods, matchers
        self.unread: set[tuple[str, str]] = set()

    def named(self, dimension: str, item: Item, make: Callable[[WrittenOption], Option | None]) -> tuple[Option, ...]:
        """Read the options under a dimension's header."""
        hint = f'write [{dimension}] and below it "label" = …'
        table = as_table(item, self.log, f"[{dimension}]", hint)
        if table is None:
            return ()
        if not table.rows:
            help_ = 'write "label" = … below it, or take the header away'
            self.log.add(item.key, "empty_dimension", f"[{dimension}] has no options", help_)
        options = []
        for inner in table.rows.values():
            label = self.log.label(inner)
            option = self.one(dimension, label, inner, make)
            if option is None:
                self.unread.add((dimension, label))
            else:
                options.append(option)
        return tuple(options)

    def one(
        self, dimension: str, label: str | None, item: Item, make: Callable[[WrittenOption], Option | None]
    ) -> Option | None:
        """Read one option; None where it is wrong."""
        keys = CONTENT[dimension]
        title = f"the {dimension} option `{label}`" if label else f"`{dimension}`"
        if isinstance(item.value, str):
            row = WrittenOption(label, item, Table(Item({keys[0]: item}, item.origin, item.key), self.log, title))
        elif not isinstance(item.value, dict):
            self.log.wrong_type(item, "text or a table", self.log.as_text(item))
            return None
        elif dotted_label(item, (*keys, *META), self.log):
            return None
        else:
            takes = () if dimension == "estimator" else (*keys, *META)
            row = WrittenOption(label, item, Table(item, self.log, title, takes))
        return make(row)

    def outcome(self, row: WrittenOption, scale: str | None) -> OutcomeOption | None:
        """Read an outcome; ``scale`` is the one that [study] declares for all."""
        formula = self._content(row, "formula", "outcome")
        own = row.table.text("scale") or scale
        expect = cast("Direction | None", row.table.choice("expect", ("negative", "positive")))
        if expect is None and "expect" in row.table.rows:
            expect = "positive"  # it is wrong, and has been said to be; it is not missing
        meta = read_meta(row.table)
        row.table.close()
        return OutcomeOption(row.label, formula, own, meta, row.item.key, expect) if formula else None

    def treatment(self, row: WrittenOption, cohort: Expression | None) -> TreatmentOption | None:
        """Read a treatment; ``cohort`` is the one of [study]."""
        term = self._content(row, "term", "terms")
        with_ = row.table.expression("with", "terms")
        own = row.table.expression("cohort", "value") or cohort
        estimand = row.table.text("estimand")
        meta = read_meta(row.table)
        row.table.close()
        if term is None:
            return None
        return TreatmentOption(row.label, term, with_, own, estimand, meta, row.item.key)

    def formula(self, row: WrittenOption, role: Role) -> FormulaOption | None:
        """Read an option of controls, fixed_effects or weights."""
        formula = self._content(row, "formula", role)
        meta = read_meta(row.table)
        row.table.close()
        return FormulaOption(row.label, formula, meta, row.item.key) if formula else None

    def sample(self, row: WrittenOption) -> SampleOption | None:
        """Read a sample, matched or not; a match alone takes all rows."""
        matched = row.table.get("match")
        everything = fixed(Constant(True), row.item.key) if matched else None
        where = self._content(row, "where", "sample", everything)
        match = read_match(matched, self.matchers, self.log)
        meta = read_meta(row.table)
        row.table.close()
        if where is None or (matched is not None and match is None):
            return None
        return SampleOption(row.label, where, match, meta, row.item.key)

    def estimator(self, row: WrittenOption) -> EstimatorOption | None:
        """Read an estimator; its own options are checked where the estimator is known."""
        method = row.table.get("method")
        meta = read_meta(row.table)
        if method is None:
            help_ = f"write method = …, one of {', '.join(self.methods)}"
            row.table.missing("method", f"{row.table.title} has no `method`", help_)
            return None
        name = self._method(method)
        others = {k: v for k, v in row.table.rows.items() if k not in row.table.known and not v.unread}
        options = {k: plain_value(v) for k, v in others.items()}
        origins = {k: row.table.rows[k].origin for k in options}
        keys = {k: row.table.rows[k].key for k in options}
        return EstimatorOption(row.label, name, options, meta, row.item.key, origins, keys) if name else None

    def _method(self, item: Item) -> str | None:
        """Return an estimator of the shelf; of another program's command, say which it is here."""
        known = estimator_help(item.value, self.methods) if isinstance(item.value, str) else None
        if known is None or item.value in self.methods:
            return self.log.one_of(item, self.methods, "estimator")
        listed = f"there are {', '.join(self.methods)}"
        self.log.add(item.origin, "no_estimator", f"no estimator `{item.value}`", known, notes=(listed,))
        return None

    def _content(
        self, row: WrittenOption, key: str, role: Role, default: Expression | None = None
    ) -> Expression | None:
        if key not in row.table and default is None:
            row.table.missing(key, f"{row.table.title} has no `{key}`", f'write {key} = "…" in it')
        found = row.table.expression(key, role)
        return found if key in row.table else default


def dotted_label(item: Item, known: Sequence[str], log: Log) -> bool:
    """Say whether an option is a table only because its label has a dot outside quotes."""
    rows = cast("dict[str, Item]", item.value)
    if not item.dotted or not rows or any(closest(key, known) for key in rows):
        return False
    *table, outer = item.key.path
    label = f"{outer}.{next(iter(rows))}"
    header = ".".join(table)
    log.add(
        item.key,
        "dotted_label",
        f"the dot in `{label}` makes `{outer}` a table that holds `{next(iter(rows))}`",
        f'put a label with a dot in quotes: "{label}" = … in [{header}], or [{header}."{label}"]',
    )
    return True


def read_meta(table: Table) -> Meta:
    """Read ``type`` and ``why``, which every option may have."""
    kind = table.choice("type", TYPES)
    return Meta(cast("OptionType | None", kind), table.text("why"))


def read_match(item: Item | None, methods: Sequence[str], log: Log) -> Match | None:
    """Read how a sample is matched; None where it is not, or wrongly."""
    hint = 'write match = { on = "x1 + x2", method = "nearest" }'
    table = as_table(item, log, "`match`", hint, KEYS) if item else None
    if table is None:
        return None
    if "on" not in table:
        table.missing("on", "`match` has no `on`", 'name what to match on: on = "x1 + x2"')
    positive = ("above 0", lambda x: x > 0)
    match = {
        "on": table.expression("on", "terms"),
        "treated": table.expression("treated", "value"),
        "at": table.expression("at", "condition"),
        "method": table.choice("method", methods) or "nearest",
        "ratio": table.whole("ratio", "1 or more", lambda n: n >= 1),
        "replace": table.flag("replace"),
        "caliper": table.number("caliper", *positive),
        "caliper_sd": table.number("caliper_sd", *positive),
        "bandwidth": table.number("bandwidth", *positive),
        "exact": table.expression("exact", "names"),
        "common_support": table.flag("common_support"),
    }
    table.close()
    if "caliper" in table.rows and "caliper_sd" in table.rows:
        message = "`caliper` and `caliper_sd` say the same thing twice"
        help_ = "keep the one that is meant: on the score, or in its standard deviations"
        log.add(table.rows["caliper_sd"].key, "contradiction", message, help_)
    _check_settings(table, str(match["method"]), log)
    return Match(**match, origin=table.item.key) if match["on"] is not None else None  # type: ignore[arg-type]


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
            log.add(table.item.key, "missing_setting", f"{method} matching needs {listed}")
