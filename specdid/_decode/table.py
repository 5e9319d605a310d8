"""Reading a table key by key, from TOML or a dict alike, with the place of every value and every fault gathered."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, cast

from specdid import _plugins, language
from specdid._diagnostics import Document, Fault, Origin, Severity, Span, did_you_mean, fault_at
from specdid._format import (
    ColumnValue,
    Either,
    Flag,
    Formula,
    Key,
    Kind,
    Lines,
    Many,
    Nested,
    NumberValue,
    TableKeys,
    TextValue,
    Word,
)
from specdid._study import Expression
from specdid._toml import KeyPath, Spot, Toml
from specdid.language import LanguageError, Mistake
from specdid.language.check import Role
from specdid.language.tree import Name, Node

_PARTS = ("breakdown", "draws", "effects", "equality", "joint", "love", "pretrend", "scores", "tests", "timing")
FILE_SUFFIXES = (*_PARTS, "figure", *(f"{part}_figure" for part in _PARTS))
"""What analyses put behind their own name in the names of further files: `[placebo."timing"]` would meet one."""

MAX_DEPTH = 40

_WORDS = (
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a decimal number"),
    (str, "text"),
    (Mapping, "a table"),
    (tuple, "a list"),
    ((datetime.date, datetime.time), "a date or time"),
)
NOTHING = {"terms": '"1"', "effects": '"0"', "condition": '"TRUE"', "sample": '"TRUE"', "value": '"1"'}
"""Role -> how "nothing" is written."""
MOST_UNKNOWN = 50
LONGEST_LABEL = 200


@dataclass(frozen=True, slots=True)
class Item:
    """One value of a spec.

    ``value`` is a text, number, boolean or date, a tuple of items, or a dict of items.
    ``origin`` is the value's, ``key`` that of its key; ``dotted`` says that the key was
    followed by another one in the same dotted key or header.
    """

    value: object
    origin: Origin
    key: Origin
    dotted: bool = False

    def kind(self) -> str:
        """Name the kind of value for a message."""
        named = (word for kinds, word in _WORDS if isinstance(self.value, kinds))
        return next(named, type(self.value).__name__)


def item_of_document(toml: Toml, document: Document) -> Item:
    """Return the table that a document is."""
    whole = Origin((), document, _first_line(document))
    return _located(toml.values, (), toml.spots, document, whole)


def _first_line(document: Document) -> tuple[int, int]:
    """Mark the first line that says something, for what is missing from the whole file."""
    text = document.text
    start = len(text) - len(text.lstrip())
    end = text.find("\n", start)
    return start, end if end >= 0 else len(text)


def _located(value: object, path: KeyPath, spots: Mapping[KeyPath, Spot], document: Document, parent: Origin) -> Item:
    spot = spots.get(path)
    names = written(path)
    key = Origin(names, document, spot.key if spot else parent.offsets)
    origin = Origin(names, document, (spot.offsets or spot.value) if spot else parent.offsets)
    content: object = value
    if isinstance(value, dict):
        content = {k: _located(v, (*path, k), spots, document, key) for k, v in value.items()}
    elif isinstance(value, list):
        content = tuple(_located(v, (*path, i), spots, document, key) for i, v in enumerate(value))
    return Item(content, origin, key, bool(spot and spot.dotted))


def written(path: KeyPath) -> tuple[str, ...]:
    """Return a key path as texts: items of lists become ``[0]``."""
    return tuple(part if isinstance(part, str) else f"[{part}]" for part in path)


def item_of_mapping(mapping: Mapping[Any, object], faults: list[Fault]) -> Item:
    """Return the table that a dict is; what TOML could not hold becomes a fault."""
    return _plain(mapping, (), faults)


def _plain(value: object, path: tuple[str, ...], faults: list[Fault]) -> Item:
    origin = Origin(path)
    content: object = value
    if len(path) > MAX_DEPTH:
        faults.append(Fault("too_large", "tables and lists are nested too deep", path=path[:4]))
        content = ""
    elif isinstance(value, Mapping):
        content = {key: _plain(v, (*path, key), faults) for key, v in _text_keys(value, path, faults)}
    elif isinstance(value, list | tuple):
        content = tuple(_plain(v, (*path, f"[{i}]"), faults) for i, v in enumerate(value))
    elif isinstance(value, PurePath):
        content = str(value)
    elif hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        content = value.item()
    return Item(content, origin, origin)


def _text_keys(
    mapping: Mapping[Any, object], path: tuple[str, ...], faults: list[Fault]
) -> Iterable[tuple[str, object]]:
    for key, value in mapping.items():
        if isinstance(key, str):
            yield str(key), value
        else:
            faults.append(Fault("wrong_type", f"the key {key!r} is not text", path=path))


def plain_value(item: Item) -> object:
    """Return an item's value with nothing but dicts, lists, texts, numbers and dates."""
    if isinstance(item.value, dict):
        return {key: plain_value(inner) for key, inner in item.value.items()}
    if isinstance(item.value, tuple):
        return [plain_value(inner) for inner in item.value]
    return item.value


def several(item: Item) -> tuple[Item, ...]:
    """Return the items of a list; one value alone counts as a list of one."""
    return item.value if isinstance(item.value, tuple) else (item,)


def finite(value: object) -> bool:
    """Say whether ``value`` is a number (not a boolean) that is neither infinite nor NaN, nor too large for a float."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


class Log:
    """The faults of one spec, in the order they are met."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def add(
        self,
        origin: Origin,
        code: str,
        message: str,
        help: str | None = None,
        span: Span | None = None,
        severity: Severity = "error",
        notes: tuple[str, ...] = (),
    ) -> None:
        """Note a fault at ``origin``."""
        self.faults.append(fault_at(origin, span, code, message, help, severity, notes=notes))

    def wrong_type(self, item: Item, wanted: str, help: str | None = None) -> None:
        """Say that a value is of another kind than ``wanted``."""
        self.add(item.origin, "wrong_type", f"expected {wanted}, found {item.kind()}", help)

    def problems(self, problems: Sequence[Mistake], origin: Origin) -> None:
        """Locate what the language says of a text of the spec."""
        for problem in problems:
            self.add(origin, problem.code, problem.message, problem.help, problem.span)

    def text(self, item: Item | None, help: str | None = None) -> str | None:
        """Return a text that is not empty."""
        if item is None:
            return None
        if not isinstance(item.value, str):
            self.wrong_type(item, "text", self.as_text(item) or help)
            return None
        if not item.value.strip():
            self.add(item.origin, "missing_key", "this text is empty", help)
            return None
        return item.value

    def words(self, item: Item | None) -> str | None:
        """Return a text for readers, in one line; control and invisible characters are refused.

        Such characters could move a terminal's cursor, reverse what is read, or break a file.
        """
        text = self.text(item)
        if item is None or text is None:
            return None
        for at, c in enumerate(text):
            if not (c.isprintable() or c in "\n\t"):
                message = f"this text holds the control or invisible character U+{ord(c):04X}"
                self.add(item.origin, "bad_name", message, "take it away", Span(at, at + 1))
                return None
        return " ".join(text.split())

    def as_text(self, item: Item) -> str | None:
        """Return the help for a number that stands where text belongs."""
        number = isinstance(item.value, int | float) and not isinstance(item.value, bool)
        return f'write "{item.value}"' if number else None

    def one_of(self, item: Item, choices: Sequence[str], what: str) -> str | None:
        """Return a text that is one of ``choices``; ``what`` names them."""
        text = self.text(item)
        if text is None or text in choices:
            return text
        listed = f"there are {', '.join(choices)}"
        near = did_you_mean(text, choices)
        notes = (listed,) if near else ()
        code = "unknown_name" if what == "dimension" else "bad_choice"
        self.add(item.origin, code, f"no {what} `{text}`", near or listed, notes=notes)
        return None

    def choice(self, item: Item, choices: Sequence[str], key: str) -> str | None:
        """Return a text that is one of the values that ``key`` takes."""
        text = self.text(item)
        if text is None or text in choices:
            return text
        listed = f"`{key}` is one of {', '.join(choices)}"
        near = did_you_mean(text, choices)
        message = f"`{key}` cannot be `{text}`"
        self.add(item.origin, "bad_choice", message, near or listed, notes=(listed,) if near else ())
        return None

    def label(self, item: Item) -> str:
        """Return the key of ``item`` as a label, noting what a label cannot be."""
        label = item.key.path[-1]
        if not label.strip():
            self.add(item.key, "bad_name", "a label cannot be empty", "name the option in a few words")
        elif not label.isprintable():
            self.add(item.key, "bad_name", "a label cannot hold line breaks or control characters")
        elif len(label) > LONGEST_LABEL:
            self.add(item.key, "bad_name", f"a label has at most {LONGEST_LABEL} characters")
        return label

    def expression(self, item: Item | None, role: Role) -> Expression | None:
        """Parse and check a text of the formula language; None where it is absent or wrong."""
        nothing = NOTHING.get(role)
        text = self.text(item, f"write {nothing} for none" if nothing else None)
        if item is None or text is None:
            return None
        try:
            tree = language.parse(text)
        except LanguageError as error:
            self.problems(error.problems, item.origin)
            return None
        found = language.check(tree, role)
        self.problems(found, item.origin)
        return None if found else Expression(text, tree, item.origin)

    def column(self, item: Item | None, several: bool = False) -> str | None:
        """Return the one column that a text names; ``several``: the key takes a list of them, too."""
        text = self.text(item)
        if item is None or text is None:
            return None
        try:
            tree = language.parse(text)
        except LanguageError as error:
            self.problems(error.problems, item.origin)
            return None
        if isinstance(tree, Name):
            return tree.name
        help_ = 'name one column; a name that holds spaces or signs stands in backticks: "`city code`"'
        names = list(dict.fromkeys(language.write_name(name.name) for name in language.referenced(tree)))
        if several and len(names) > 1:
            listed = json.dumps(names, ensure_ascii=False)
            help_ = f"a unit of several columns is a list: {item.key.path[-1]} = {listed}"
        self.add(item.origin, "wrong_type", "expected one column", help_)
        return None

    def is_table(self, item: Item, help: str | None = None) -> bool:
        """Say whether ``item`` is a table, and report it where it is not."""
        if not isinstance(item.value, dict):
            self.wrong_type(item, "a table", help)
        return isinstance(item.value, dict)

    def value(self, item: Item, key: Key, kind: Kind | None = None) -> Any:
        """Return the value of ``key``, or one of ``kind`` inside it; None where it is wrong."""
        example = f"for example, {key.name} = {key.example}"
        match kind or key.kind:
            case TextValue(shown=True):
                return self.words(item)
            case TextValue():
                return self.text(item, example)
            case Word() as word:
                return self.choice(item, word.choices, key.name)
            case Formula(role):
                return self.expression(item, role)
            case ColumnValue(several=more):
                return self.column(item, more)
            case Flag():
                if isinstance(item.value, bool):
                    return item.value
                self.wrong_type(item, "true or false", example)
            case NumberValue() as number:
                return self._number(item, number, key.name, example)
            case Many(inner, exactly):
                if exactly and not (isinstance(item.value, tuple) and len(item.value) == exactly):
                    size = f" of {len(item.value)}" if isinstance(item.value, tuple) else ""
                    message = f"expected a list of {exactly} values, found {item.kind()}{size}"
                    self.add(item.origin, "wrong_type", message, example)
                    return None
                found = [self.value(one, key, inner) for one in several(item)]
                if exactly:
                    return None if None in found else tuple(found)
                return tuple(dict.fromkeys(one for one in found if one is not None))
            case Lines(inner):
                rows = lines_of(item, self, example)
                return {self.label(row): self.value(row, key, inner) for row in rows.values()}
            case Nested(table):
                found_table = as_table(item, self, table, f"`{key.name}`", example)
                return found_table.read() if found_table else None
            case Either(kinds):
                fitting = next((one for one in kinds if _fits(item.value, one)), kinds[-1])
                return self.value(item, key, fitting)
        return None

    def _number(self, item: Item, kind: NumberValue, key: str, example: str) -> float | None:
        right = isinstance(item.value, int) and not isinstance(item.value, bool) if kind.whole else finite(item.value)
        if not right:
            self.wrong_type(item, "a whole number" if kind.whole else "a number", example)
            return None
        value = cast("int | float", item.value)
        if abs(value) < 2**62 and kind.holds(value):
            return value if kind.whole else float(value)
        self.add(item.origin, "out_of_range", f"`{key}` must be {kind.rule}")
        return None


def named_tables(kind: str, item: Item) -> dict[str, Item]:
    """Return the named tables of an analysis: a name holds a table, and is no key of the analysis that does."""
    hold_tables = {key.name for key in _plugins.load("analyses", kind).form.keys if _fits({}, key.kind)}
    rows = cast("dict[str, Item]", item.value)
    return {k: v for k, v in rows.items() if isinstance(v.value, dict) and k not in hold_tables}


def _fits(value: object, kind: Kind) -> bool:
    """Say whether a value of TOML can be of a kind."""
    match kind:
        case Flag():
            return isinstance(value, bool)
        case NumberValue():
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Many():
            return isinstance(value, tuple)
        case Lines() | Nested():
            return isinstance(value, dict)
        case Either(kinds):
            return any(_fits(value, one) for one in kinds)
        case _:
            return isinstance(value, str)


class Table:
    """A table being read by its format: whoever reads a key that has no entry, or leaves one out, is wrong.

    ``title`` is what messages call the table, ``subject`` what they say lacks a key; ``also`` are further keys that it
    takes.
    """

    def __init__(
        self, item: Item, log: Log, form: TableKeys, title: str = "", subject: str = "", also: Sequence[str] = ()
    ) -> None:
        self.item, self.log, self.form = item, log, form
        self.title = title or form.header
        self.subject = subject or self.title
        self.known = (*form.names, *also)
        self.rows: dict[str, Item] = item.value if isinstance(item.value, dict) else {}
        self._unread = dict.fromkeys(form.names)

    def __contains__(self, key: str) -> bool:
        return key in self.rows

    def get(self, key: str) -> Item | None:
        """Return the item of ``key``, None where it is not written."""
        if key not in self.known:
            raise KeyError(f"{self.form.name}.{key} has no entry in the format")
        self._unread.pop(key, None)
        return self.rows.get(key)

    def origin(self, key: str) -> Origin | None:
        """Return where the value of ``key`` stands."""
        item = self.rows.get(key)
        return item.origin if item else None

    def read(self, **own: Callable[[Item], Any]) -> dict[str, Any]:
        """Return the value of every key, or its default where it is not written or wrong, and report other keys.

        ``own`` reads what a kind does not say.
        """
        found = {}
        for key in self.form.keys:
            item, value = self.get(key.name), None
            if item is not None:
                value = own.pop(key.name)(item) if key.name in own else self.log.value(item, key)
            elif key.required:
                listed = ", ".join(key.kind.choices) if isinstance(key.kind, Word) else ""
                help_ = key.required.replace("{choices}", listed)
                self.missing(key.name, f"{self.subject} has no `{key.name}`", help_)
            found[key.name] = key.default if value is None else value
        for names, help_ in self.form.needs:
            if not any(name in self for name in names):
                neither = " nor ".join(f"`{name}`" for name in names)
                self.missing(names[0], f"{self.subject} has neither {neither}", help_)
        self.close()
        return found

    def missing(self, key: str, message: str, help: str) -> None:
        """Say that a key is missing from this table."""
        self.log.add(self.item.key, "missing_key", message, help)

    def close(self) -> None:
        """Report the keys that the format does not have, of very many the first."""
        if self._unread:
            raise KeyError(f"{self.form.name}: nothing reads {', '.join(self._unread)}")
        for key in self.unknown():
            allowed = f"{self.title} takes {', '.join(self.known)}"
            near = did_you_mean(key, self.known)
            notes = (allowed,) if near else ()
            message = f"unknown key `{key}` in {self.title}"
            self.log.add(self.rows[key].key, "unknown_key", message, near or allowed, notes=notes)

    def unknown(self) -> list[str]:
        """Return the first keys that the format does not have."""
        if self.form.more:
            return []
        found = [k for k in self.rows if k not in self.known]
        return found[:MOST_UNKNOWN]


def fixed(tree: Node, origin: Origin) -> Expression:
    """Return the expression of a default; its origin is that of what it is a default for."""
    return Expression(language.write(tree), tree, origin)


def part_of(text: str, node: Node, origin: Origin) -> Expression:
    """Return the part of an expression that ``node`` is, with its own text where it stands alone."""
    start, stop = node.span.start, node.span.stop
    offsets = origin.offsets[start : stop + 1]
    try:
        tree = language.parse(text[start:stop])
    except LanguageError:
        tree = None
    if tree is None or tree != node:
        return Expression(text, node, origin)
    return Expression(text[start:stop], tree, replace(origin, offsets=offsets))


def as_table(
    item: Item | None, log: Log, form: TableKeys, title: str = "", help: str | None = None, subject: str = ""
) -> Table | None:
    """Read ``item`` as a table of this format, or say that it is none; None where it is not written."""
    if item is None or not log.is_table(item, help):
        return None
    return Table(item, log, form, title, subject)


def lines_of(item: Item | None, log: Log, help: str) -> dict[str, Item]:
    """Return the lines of a table whose keys are the user's own; none where it is not written, or no table."""
    return cast("dict[str, Item]", item.value) if item is not None and log.is_table(item, help) else {}
