"""One entry for every key, plug-in, function, column, code and word, made of what declares them; screens and pages."""

from __future__ import annotations

import textwrap
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from specdid import _plugins
from specdid._columns import COLUMNS, OF_ESTIMATORS, OF_INSTRUMENTS, ResultColumn
from specdid._format import (
    FILE,
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
    nested,
)
from specdid.language import FUNCTIONS
from specdid.language.functions import PATTERNS, SAMPLE_PATTERNS

GROUPS = {
    "tables": "Tables of the spec file",
    "keys": "Keys of the spec file",
    "estimators": "Estimators",
    "functions": "Functions of the language",
    "nulls": "Nulls",
    "matching": "Ways to match",
    "columns": "Columns of the results",
    "files": "Columns of the other CSV files",
    "results": "Why a specification has no number",
    "warnings": "Warnings beside the numbers",
    "faults": "Faults of a spec file or its data",
    "commands": "Commands of Stata, functions of R and Python",
    "words": "Words of the field as they are used here",
}
"""Every group of entries and its heading, in the order in which they are listed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one word: sentences, then facts as name and value."""

    group: str
    name: str
    text: str
    facts: tuple[tuple[str, str], ...] = ()

    @property
    def last(self) -> str:
        """The name without the table before it."""
        return self.name.rpartition(".")[2]


@cache
def entries() -> tuple[Entry, ...]:
    """Return all entries in the order of their groups."""
    meanings = tomllib.loads((Path(__file__).parent / "meanings.toml").read_text("utf-8"))
    files, commands = meanings.pop("files"), meanings.pop("commands")
    for own in _plugins.owned().values():
        for group, texts in own.meanings.items():
            name, _, file = group.partition(".")
            if group != "columns":
                known = (files if file else meanings).setdefault(file or name, {})
                known |= {word: text for word, text in texts.items() if word not in known}
    others = (Entry("files", n, t, (("in", _named(file)),)) for file, texts in files.items() for n, t in texts.items())
    coded = (Entry(group, name, text) for group, texts in meanings.items() for name, text in texts.items())
    ours = (*_tables(), *_estimators(), *_functions(), *_nulls(), *_matching(), *_columns(), *others, *coded)
    found = (*ours, *_commands(commands, {entry.name for entry in ours}))
    return tuple(sorted(found, key=lambda entry: list(GROUPS).index(entry.group)))


def _named(file: str) -> str:
    """Return the name of a file of results, which a set of files has not."""
    return file if " " in file else f"{file}.csv"


def find(word: str) -> tuple[Entry, ...]:
    """Return the entries of a word: those of its name, the keys called so in any table, or those with such a value."""
    wanted = " ".join(word.casefold().removesuffix("()").strip("[]").split()).lstrip(".")
    ways = {wanted, wanted.replace(" ", "_")}
    named = tuple(e for e in entries() if ways & {e.name.casefold(), e.last.casefold()})
    found = named or tuple(e for e in entries() if e.group == wanted)
    if not found:
        keys = {name for name, key in _keys() if ways & {word.casefold() for word in choices(key.kind)}}
        found = tuple(e for e in entries() if e.group == "keys" and e.name in keys)
    return found or (find(wanted.removesuffix("s")) if wanted.endswith("s") else ())


def formats() -> Iterator[TableKeys]:
    """Return the format of every table: of the file, of tables inside them, of analyses and of estimators."""
    seen: set[str] = set()
    waiting = [FILE, *(analysis.form for analysis in _plugins.every("analyses"))]
    while waiting:
        table = waiting.pop(0)
        if table.name not in seen:
            seen.add(table.name)
            yield table
            waiting[:0] = [inner for key in table.keys for inner in nested(key.kind)]
    for estimator in _plugins.every("estimators"):
        if estimator.settings:
            yield settings_of(estimator)


def settings_of(estimator: Any) -> TableKeys:
    """Return the settings of an estimator as a table."""
    doc = f"Settings of {estimator.name}, beside `method`."
    header = f'[estimator] "label" = {{ method = "{estimator.name}", … }}'
    return TableKeys(estimator.name, header, doc, estimator.settings)


def _keys() -> Iterator[tuple[str, Key]]:
    """Return every key with its name in the manual."""
    for table in formats():
        own = "" if table is FILE else f"{table.name}."
        yield from ((f"{own}{key.name}", key) for key in table.keys)


def choices(kind: Kind) -> tuple[str, ...]:
    """Return the words that a value of a kind may be, as far as they are listed."""
    match kind:
        case Word():
            return kind.choices
        case Many(inner) | Lines(inner):
            return choices(inner)
        case Either(kinds):
            return tuple(word for one in kinds for word in choices(one))
        case _:
            return ()


def described(kind: Kind) -> str:
    """Say in words what a value of a kind is."""
    match kind:
        case TextValue():
            return "text"
        case NumberValue(rule, whole):
            return ("a whole number" if whole else "a number") + (f", {rule}" if rule else "")
        case Flag():
            return "true or false"
        case Word():
            return "one of " + ", ".join(f'"{c}"' if "," in c else c for c in kind.choices)
        case Formula(role):
            return _ROLES[role]
        case ColumnValue():
            return "the name of a column"
        case Many(inner, exactly, alone):
            if exactly or not alone:
                return f"a list of {exactly}: {described(inner)}" if exactly else f"a list of: {described(inner)}"
            return f"{described(inner)}; or a list of them"
        case Lines(inner, label):
            return f"lines {label} = value; a value is {described(inner)}"
        case Nested(table):
            return f"a table ({table.name})"
        case Either(kinds):
            return ", or ".join(described(one) for one in kinds)


_ROLES = {
    "outcome": "an expression, or several in c()",
    "terms": "terms, as on the right-hand side of a formula",
    "effects": "fixed effects",
    "condition": "a condition",
    "sample": "a condition, or a pattern of samples",
    "split": "a column, or a pattern of samples",
    "value": "an expression of columns",
    "names": "columns joined by +",
    "formula": "a formula",
}


def toml(value: object) -> str:
    """Write a value as TOML does."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple | list):
        return f"[{', '.join(toml(one) for one in value)}]"
    if isinstance(value, Mapping):
        return "{}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def unwritten(key: Key) -> str:
    """Say what holds where a key is not written."""
    if key.required:
        return "it must be written"
    if key.otherwise:
        return key.otherwise
    return toml(key.default) if key.default is not None else "nothing"


def _tables() -> Iterator[Entry]:
    for table in formats():
        if table is not FILE:
            keys = ", ".join([*table.names, *([table.more] if table.more else [])])
            yield Entry("tables", table.name, table.doc, (("written", table.header), ("keys", keys)))
        own = "" if table is FILE else f"{table.name}."
        for key in table.keys:
            facts = [("value", described(key.kind)), ("not written", unwritten(key))]
            facts += [("example", f"{key.name} = {key.example}")] if key.example else []
            yield Entry("keys", f"{own}{key.name}", key.doc, tuple(facts))


def _estimators() -> Iterator[Entry]:
    for one in _plugins.every("estimators"):
        needs = [
            ("a cohort", one.cohort),
            ("a treatment of 0 and 1", one.binary),
            ("a treatment that stays on", one.absorbing),
        ]
        facts = [
            ("estimate", one.estimand),
            ("takes", ", ".join(sorted(one.honours))),
            ("effects", "any" if one.effects == "any" else "unit + time, no others"),
            ("needs", ", ".join(word for word, asked in needs if asked) or "nothing of its own"),
            ("vcov", ", ".join(sorted(one.vcovs)) + _by_unit(one)),
            ("ssc", ", ".join(sorted(one.ssc))),
            ("settings", ", ".join(s.name for s in one.settings) or "none"),
            ("event study", _event_study(one)),
            ("example", f'[estimator] "label" = "{one.name}"'),
        ]
        yield Entry("estimators", one.name, f"{one.title}. {one.doc}", tuple(facts))


def _event_study(one: Any) -> str:
    """Say whether there are effects by relative period, and what cohort they want where estimates want none."""
    if not (one.path or one.batched):
        return "no"
    if one.dates_itself:
        return f"yes, by a cohort: a unit's first change, 0 for never, where all estimators are {one.name}"
    return "yes" if one.cohort else "yes, by a cohort"


def _by_unit(one: Any) -> str:
    """Name the options whose errors go by unit alone."""
    if one.only_by_unit is None:
        return ""
    tried = [(s.name, v) for s in one.settings if isinstance(s.kind, Word) for v in s.kind.choices]
    found = [f"{name} = {toml(value)}" for name, value in tried if one.only_by_unit({name: value})]
    return f" (with {' or '.join(found)} by unit alone)"


def _functions() -> Iterator[Entry]:
    told = {
        "value": "any expression of columns",
        "terms": "a right-hand side",
        "list": "behind %in%, and in an argument",
        "columns": "where terms stand",
        "stepwise": "a formula that stands for several",
        "sample": "[sample], a variant's `where`, [study] split",
    }
    for functions in (FUNCTIONS, SAMPLE_PATTERNS):
        for one in functions.values():
            facts = [("written", one.signature), ("stands in", told[one.where])]
            facts += [("needs", "unit and time")] if one.by_unit else []
            facts += [("later", "a row depends on later periods")] if one.later else []
            facts += [("instead", one.instead)] if one.instead else []
            yield Entry("functions", one.name, f"{one.doc[:1].upper()}{one.doc[1:]}.", tuple(facts))
    assert set(PATTERNS) <= set(FUNCTIONS)


def _nulls() -> Iterator[Entry]:
    for one in _plugins.every("inference"):
        refit = one.name.endswith(_plugins.REFIT)
        facts = [("asked for", f"with {one.name.removesuffix(_plugins.REFIT)}" if refit else f'null = ["{one.name}"]')]
        facts += [("needs", "[inference] assign")] if one.assigns else []
        yield Entry("nulls", one.name, f"{one.title[:1].upper()}{one.title[1:]}. {one.doc}", tuple(facts))


def _matching() -> Iterator[Entry]:
    for one in _plugins.every("matching"):
        needs = ", ".join(" or ".join(sorted(names)) for names in one.needs) or "nothing beside `on`"
        facts = (("settings", ", ".join(sorted(one.settings)) or "none"), ("needs", needs))
        yield Entry("matching", one.name, f"{one.title[:1].upper()}{one.title[1:]}.", facts)


def _commands(told: Mapping[str, str], ours: Set[str]) -> Iterator[Entry]:
    """Yield what others call differently, several names to a text; what has a name here has an entry of its own."""
    for names, text in told.items():
        yield from (Entry("commands", name, text) for name in names.split() if name not in ours)


def _columns() -> Iterable[Entry]:
    for one in (*COLUMNS, *OF_INSTRUMENTS):
        yield _column(one.name, one.doc, one.null, one.form)
    for one in (*OF_ESTIMATORS, *_own_columns()):
        by = [estimator.name for estimator in _plugins.every("estimators") if one.name in estimator.columns]
        yield _column(one.name, one.doc, f"except with {', '.join(by)}", one.form)


def _own_columns() -> Iterator[ResultColumn]:
    """Yield the columns of results that the files of estimators describe."""
    for own in _plugins.owned().values():
        for name, doc in own.meanings.get("columns", {}).items():
            if name not in {column.name for column in OF_ESTIMATORS}:
                yield replace(OF_ESTIMATORS[0], name=name, doc=doc.rstrip("."))


def _column(name: str, doc: str, empty: str, form: str) -> Entry:
    return Entry("columns", name, f"{doc[:1].upper()}{doc[1:]}.", (("empty", empty), ("written as", form)))


WIDTH = 100
LONGEST = 24
"""Lines of a screen, beside the prompt."""


def screen(found: Sequence[Entry]) -> str:
    """Return the entries of a word as text of 100 columns, what is below them in few words where they are many."""
    full = "\n\n".join(_shown(entry) for entry in found)
    if full.count("\n") < LONGEST:
        return f"{full}\n"
    width = max(len(entry.name) for entry in found)
    shown = "\n".join(_one_line(entry, width) for entry in found)
    if len(found) > LONGEST:
        shown = "\n".join(textwrap.wrap(", ".join(entry.name for entry in found), WIDTH))
    return f"{shown}\n\nspecdid explain NAME shows one of them in full\n"


def listing() -> str:
    """Return the groups, with how many entries each has and the first of them."""
    lines = []
    for group, heading in GROUPS.items():
        names = [entry.name for entry in entries() if entry.group == group]
        shown = textwrap.shorten(", ".join(names), WIDTH - 4, placeholder=" …")
        lines += [f"{group} ({len(names)}): {heading}", f"    {shown}"]
    return (
        "\n".join([*lines, "", "specdid explain GROUP lists a group; specdid explain WORD says what a word is"]) + "\n"
    )


def _one_line(entry: Entry, width: int) -> str:
    return f"{entry.name:<{width}}  {textwrap.shorten(entry.text, WIDTH - width - 2, placeholder=' …')}"


def _shown(entry: Entry) -> str:
    heading = f"{entry.name}  ({GROUPS[entry.group][:1].lower()}{GROUPS[entry.group][1:]})"
    lines = [heading, *textwrap.wrap(entry.text, WIDTH - 2, initial_indent="  ", subsequent_indent="  ")]
    width = max((len(name) for name, _ in entry.facts), default=0)
    for name, value in entry.facts:
        lines += textwrap.wrap(
            value,
            WIDTH - 2,
            initial_indent=f"  {name:<{width}}  ",
            subsequent_indent=" " * (width + 4),
            break_long_words=False,
        )
    return "\n".join(lines)


def markdown() -> str:
    """Return the reference manual."""
    lines = [
        "# Reference",
        "",
        "Made by `specdid explain --all` from what the program itself reads; `specdid explain WORD` shows one entry.",
    ]
    lines += ["", f"## {GROUPS['tables']}", "", FILE.doc]
    for table in formats():
        lines += _table(table)
    for group in list(GROUPS)[2:]:
        lines += ["", f"## {GROUPS[group]}", ""]
        found = [entry for entry in entries() if entry.group == group]
        if group == "estimators":
            lines += [line for entry in found for line in _paragraph(entry)]
            continue
        names = tuple(dict.fromkeys(name for entry in found for name, _ in entry.facts))
        rows = [(f"`{e.name}`", e.text, *(dict(e.facts).get(name, "") for name in names)) for e in found]
        lines += _rows((group, "meaning", *names), rows)
    return "\n".join(lines) + "\n"


def _table(table: TableKeys) -> list[str]:
    heading = [] if table is FILE else ["", f"### `{table.header}`", "", table.doc]
    rows = []
    for key in table.keys:
        example = f"`{key.name} = {key.example}`" if key.example else ""
        rows.append((f"`{key.name}`", key.doc, described(key.kind), unwritten(key), example))
    return [*heading, "", *_rows(("key", "does", "value", "not written", "example"), rows)]


def _paragraph(entry: Entry) -> list[str]:
    facts = "; ".join(f"{name}: {value}" for name, value in entry.facts)
    return [f"- **`{entry.name}`** {entry.text} {facts[:1].upper()}{facts[1:]}."]


def _rows(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *cells)]
