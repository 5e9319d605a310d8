"""The whole file: [study] and every other table.

``[study] name`` is what the study's directory and its LaTeX labels are called.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import cast
from unicodedata import normalize

from specdid import _plugins
from specdid._decode.dimensions import DimensionReader, read_definitions, read_labels, read_split, read_variants
from specdid._decode.files import read_joined, read_path, read_reshape
from specdid._decode.options import Options, read_matches
from specdid._decode.selectors import read_exclusions, read_preferred, read_together
from specdid._decode.table import FILE_SUFFIXES, Item, Log, Table, as_table, finite, named_tables, plain_value, several
from specdid._diagnostics import Document, Origin, Span, did_you_mean
from specdid._format import APPENDIX, FIGURE, FILE, INFERENCE, RUN, STEPS, STUDY
from specdid._study import (
    DIMENSIONS,
    INSTRUMENTS,
    UNIT,
    AnalysisTable,
    AppendixOptions,
    Expression,
    FigureOptions,
    Inference,
    Never,
    RunOptions,
    Study,
)
from specdid.language.tree import chain


@dataclass(frozen=True, slots=True)
class SpecSource:
    """Where a spec comes from: its document, and the directory that ``data`` is relative to."""

    document: Document | None
    directory: Path
    stem: str
    base: Document | None = None


_NO_SETTINGS = ("run", "figure", "appendix", "labels")
_FILES = ("data", "file", "extends")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def _settings(item: Item, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every value by its key, ``outcome."ln wage".formula``; of a file the name alone, of a list its items."""
    if isinstance(item.value, dict):
        for key, inner in item.value.items():
            if path or key not in _NO_SETTINGS:
                name = key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)
                yield from _settings(inner, f"{path}.{name}" if path else name)
    elif isinstance(item.value, tuple) and any(isinstance(one.value, dict) for one in item.value):
        for k, inner in enumerate(item.value, 1):
            yield from _settings(inner, f"{path}[{k}]")
    else:
        plain = plain_value(item)
        if isinstance(plain, str) and path.rpartition(".")[2] in _FILES:
            plain = PurePath(plain).name
        yield path, json.dumps(plain, ensure_ascii=False, default=str)


def decode(root: Item, source: SpecSource, log: Log) -> Study:
    """Make a study of a spec's values; what is wrong is noted in ``log`` and left out.

    What could be read is there also where nothing can be run, so that the data can be checked;
    ``Study.unread`` names what could not.
    """
    kinds = _plugins.names("analyses")
    top = Table(root, log, FILE, also=kinds)
    study = _study_table(top)
    labels, label_origins = read_labels(top.get("labels"), log)
    options = Options(log, source.directory)
    options.matches = read_matches(top.get("match"), options)
    variants = read_variants(top.get("variant"), options)
    found = study.read(
        name=lambda item: read_name(item, log),
        data=lambda item: read_path(item, source.directory, log),
        reshape=lambda item: read_reshape(item, log),
        unit=lambda item: _unit(item, log),
        step=lambda item: _step(item, log),
        never=lambda item: _never(item, log),
        extends=lambda item: _extends(item, source, log),
        **dict.fromkeys((*DIMENSIONS, INSTRUMENTS, "vcov", "one_at_a_time"), lambda item: item),
    )
    units: tuple[str, ...] = found["unit"] or ()
    found["unit"] = UNIT if len(units) > 1 else units[0] if units else None
    reader = DimensionReader(top, study, found, options)
    variants = (*reader.instruments(), *read_split(found, study, variants, log))
    names = (*DIMENSIONS, *(v.name for v in variants))
    dimensions = reader.read()
    unread = {
        ("study", key) for key in ("data", "reshape", "unit", "time", "step") if key in study and found[key] is None
    }
    read = Study(
        document=source.document,
        settings=dict(_settings(root)),
        stem=source.stem,
        title=found["title"] or found["name"] or source.stem,
        data=found["data"],
        data_origin=study.origin("data") or study.item.key,
        unit=found["unit"],
        unit_columns=units if len(units) > 1 else (),
        time=found["time"],
        step=found["step"],
        unit_origin=study.origin("unit"),
        time_origin=study.origin("time"),
        seed=found["seed"],
        missing=found["missing"],
        never=found["never"] or Never(),
        one_at_a_time=_one_at_a_time(found["one_at_a_time"], names, log),
        derive=read_definitions(top.get("derive"), log, "derive", "value", options.unread),
        macros=read_definitions(top.get("macros"), log, "macros", "terms", options.unread),
        outcome=dimensions.outcome,
        treatment=dimensions.treatment,
        controls=dimensions.controls,
        fixed_effects=dimensions.fixed_effects,
        sample=dimensions.sample,
        weights=dimensions.weights,
        estimator=dimensions.estimator,
        variants=variants,
        vcov=reader.vcov(),
        exclude=read_exclusions(top.get("exclude"), names, options),
        preferred=read_preferred(top.get("preferred"), names, options),
        inference=read_inference(top.get("inference"), log),
        run=read_run(top.get("run"), log),
        figure=read_figure(top.get("figure"), names, log),
        labels=labels,
        analyses=read_analyses(top.rows, kinds, log),
        label_origins=label_origins,
        appendix=read_appendix(top.get("appendix"), source.directory, log),
        given_name=found["name"],
        together=read_together(top.get("together"), names, options),
        reshape=found["reshape"],
        files=read_joined(top.get("data"), source.directory, log, options.unread),
        matches=options.matches,
        base=source.base,
        language=found["language"],
    )
    _close_file(top)
    return replace(read, unread=frozenset(options.unread | unread))


def _close_file(top: Table) -> None:
    """Report the tables nobody knows, and keys of [study] that stand before any table."""
    tables = f"tables: {', '.join(top.known)}"
    data = top.rows.get("data")
    astray = ["data"] if data is not None and not isinstance(data.value, dict | tuple) else []  # it is a table there
    for key in (*top.unknown(), *astray):
        item = top.rows[key]
        near = did_you_mean(key, top.known) or did_you_mean(key, STUDY.names)
        if isinstance(item.value, dict | tuple):
            top.log.add(item.key, "unknown_key", f"unknown table [{key}]", near or tables)
        else:
            help_ = "write it below [study]" if key in STUDY.names else near or tables
            top.log.add(item.key, "unknown_key", f"`{key}` stands outside any table", help_)


def _study_table(top: Table) -> Table:
    """Read [study]."""
    item = top.get("study")
    table = as_table(item, top.log, STUDY, help="write [study] and below it title, data, unit and time")
    if item is None:
        top.log.add(top.item.key, "missing_study", "there is no [study] table", FILE["study"].required)
    elif item.value == {}:
        top.log.add(item.key, "missing_study", "[study] is empty", 'write data = "file.csv", unit and time below it')
    nothing = Item({}, top.item.origin, item.key if item else top.item.key)
    return table or Table(nothing, top.log, STUDY)


def _extends(item: Item, source: SpecSource, log: Log) -> None:
    """Refuse what has no place to begin from; the file has been read before."""
    if source.document is None and log.text(item) is not None:
        message = "a study that is no file cannot extend one"
        log.add(item.origin, "bad_path", message, "merge the two dicts, or give the path of a spec file")


def _unit(item: Item, log: Log) -> tuple[str, ...] | None:
    """Return the columns whose combinations are units; None where one is wrong, or there is none."""
    if item.value == ():
        log.wrong_type(item, "a column or a list of columns", 'for example, unit = ["state", "industry"]')
        return None
    found = [log.column(one, several=True) for one in several(item)]
    return None if None in found else tuple(dict.fromkeys(name for name in found if name is not None))


def _step(item: Item, log: Log) -> str | None:
    """Return the step of time: a name, or a number such as 5 for every fifth period."""
    if isinstance(item.value, int | float) and not isinstance(item.value, bool):
        if item.value > 0:
            return str(item.value)
        log.add(item.origin, "out_of_range", "`step` must be above 0")
        return None
    text = log.text(item)
    if text is not None and re.fullmatch(r"\d+(\.\d+)?", text) and float(text) > 0:
        return text
    return log.choice(item, STEPS, "step") if text is not None else None


NEVER = ("default", "empty")
NEVER_HELP = '"default" is 0, "empty" an empty cohort too; a list says exactly which: [0, 2000], ["empty", 2000]'


def _never(item: Item, log: Log) -> Never:
    """Read which cohorts are never treated: "default", "empty", or a list that says exactly which values are."""
    listed = isinstance(item.value, tuple)
    values: dict[float, None] = {}
    empty, faults = False, len(log.faults)
    for one in several(item):
        value = one.value
        if finite(value):
            values[float(cast("float", value))] = None
        elif value in NEVER:
            empty = empty or value == "empty"
            if value == "default" or not listed:
                values[0.0] = None
        elif isinstance(value, str):
            number = re.fullmatch(r"\s*-?\d+(\.\d*)?\s*", value)
            help_ = f"write {value.strip()} without quotes" if number else NEVER_HELP
            log.add(one.origin, "bad_choice", f"`never` cannot be the text `{value}`", help_)
        elif value != float("inf"):  # which is never treated anyhow
            log.wrong_type(one, '"default", "empty" or a list of values', NEVER_HELP)
    return Never() if len(log.faults) > faults else Never(tuple(sorted(values)), empty)


def _one_at_a_time(item: Item | None, names: Sequence[str], log: Log) -> tuple[tuple[str, Origin], ...]:
    found: dict[str, Origin] = {}
    for one in several(item) if item is not None else ():
        name = log.one_of(one, names, "dimension")
        if name is not None and name in found:
            log.add(one.origin, "contradiction", f"`{name}` is named twice", "take one away")
        elif name is not None:
            found[name] = one.origin
    return tuple(found.items())


LONGEST = 60
"""Characters; at most four bytes each, so that every file system takes the name."""

_SEPARATORS = "/\\"
_WINDOWS = ':*?"<>|'
_LATEX = "#%$~&^{}"
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices, whatever their ending."""


def read_name(item: Item, log: Log) -> str | None:
    """Read ``name``; None where it cannot be a directory's name everywhere."""
    text = log.text(item, 'a name is a few words: name = "smart-city"')
    if text is None:
        return None
    name = normalize("NFC", text)
    wrong = _wrong(name)
    if wrong is None:
        return name
    message, help_, span = wrong
    log.add(item.origin, "bad_name", message, help_, span if name == text else None)
    return None


def _wrong(name: str) -> tuple[str, str | None, Span | None] | None:
    """Say why a directory cannot have this name on every system, nor LaTeX read from it."""
    for at, character in enumerate(name):
        span = Span(at, at + 1)
        if character in _SEPARATORS:
            return f"`{character}` in a name", "a name is no path; `--out DIR` puts results elsewhere", span
        if character in _WINDOWS:
            return f"`{character}` in a name", "Windows allows it in no file's name", span
        if character in _LATEX:
            return f"`{character}` in a name", "LaTeX cannot read files from a directory called so", span
        if not character.isprintable():
            help_ = "letters of any language, digits, spaces and `-_.,()` can stand in a name"
            return f"a character that nobody sees (U+{ord(character):04X}) in a name", help_, span
    if len(name) > LONGEST:
        return f"a name has at most {LONGEST} characters; this one has {len(name):,}", None, None
    if name != name.strip(" ") or name.endswith("."):
        return "a name cannot begin or end with a space, nor end with a dot", f'write "{name.strip(" .")}"', None
    if name[0] in ".-":
        return f"a name cannot begin with `{name[0]}`", "the shell would hide it or take it for an option", None
    if _RESERVED.fullmatch(name):
        return f"Windows keeps the name `{name}` for a device", "write another, such as `my-study`", None
    return None


LONGEST_STEM = 200
"""Bytes of UTF-8; systems take 255 for a whole name, and an analysis's own suffix and ending come behind it."""


def read_analyses(tables: Mapping[str, Item], kinds: Sequence[str], log: Log) -> tuple[AnalysisTable, ...]:
    """Return every table of an analysis in file order, named ones each on their own."""
    found: list[AnalysisTable] = []
    for kind, item in tables.items():
        if kind in kinds and log.is_table(item, f'write [{kind}], or [{kind}."name"]'):
            found += _of_kind(kind, item, log)
    _check_files(found, log)
    return tuple(found)


def _check_files(tables: Sequence[AnalysisTable], log: Log) -> None:
    """Refuse names whose files would be one file, on systems that ignore case too, or that no system takes."""
    taken: dict[str, AnalysisTable] = {}
    for table in tables:
        if (size := len(table.stem.encode())) > LONGEST_STEM:
            message = f"this name makes a file name of {size:,} bytes; {LONGEST_STEM} are left for it"
            log.add(table.origin, "bad_name", message, "give it a shorter name")
        for suffix in ("", *FILE_SUFFIXES):
            other = taken.setdefault(_as_file(f"{table.stem}_{suffix}" if suffix else table.stem), table)
            if other is not table:
                first, second = (f"[{t.kind}]" if t.name is None else f'[{t.kind}."{t.name}"]' for t in (other, table))
                message = f"{first} and {second} would write the same file: {table.stem}{suffix and '_' + suffix}.csv"
                log.add(table.origin, "bad_name", message, "name one of them so that letters or digits differ")
                break


def _as_file(stem: str) -> str:
    """Return what two names have in common that one of Linux, macOS and Windows takes for the same."""
    return unicodedata.normalize("NFKC", stem).casefold()


def _of_kind(kind: str, item: Item, log: Log) -> Iterator[AnalysisTable]:
    """Tell a table's own keys from names: a name holds a table, and is not a key that does.

    [balance] without keys beside [balance.name] is an analysis too: whoever writes it wants it.
    """
    rows: dict[str, Item] = item.value  # type: ignore[assignment]
    named = named_tables(kind, item)
    own = {k: v for k, v in rows.items() if k not in named}
    if own or not named or all(_has_header(one) for one in (item, *named.values())):
        yield _table(kind, None, Item(own, item.origin, item.key))
    for inner in named.values():
        yield _table(kind, log.label(inner), inner)


def _has_header(item: Item) -> bool:
    """Say whether a table is written as [a] or [a.b], and not inline, nor only as the parent of others."""
    document = item.origin.document
    return document is not None and not item.dotted and document.text[item.origin.offsets[0]] == "["


def _table(kind: str, name: str | None, item: Item) -> AnalysisTable:
    rows: dict[str, Item] = item.value  # type: ignore[assignment]
    origins: dict[tuple[str, ...], Origin] = {}
    keys: dict[tuple[str, ...], Origin] = {}
    for path, inner in _below(item, ()):
        origins[path] = inner.origin
        keys[path] = inner.key
    values = {key: plain_value(inner) for key, inner in rows.items()}
    return AnalysisTable(kind, name, values, origins, item.key, keys)


def _below(item: Item, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Item]]:
    rows: Iterable[tuple[str, Item]] = ()
    if isinstance(item.value, dict):
        rows = item.value.items()
    elif isinstance(item.value, tuple):
        rows = [(f"[{i}]", one) for i, one in enumerate(item.value)]
    for key, one in rows:
        yield (*path, key), one
        yield from _below(one, (*path, key))


def read_inference(item: Item | None, log: Log) -> Inference:
    """Read [inference]; what is not written has the contract's defaults."""
    table = as_table(item, log, INFERENCE)
    if table is None:
        return Inference()
    found = table.read(cluster=lambda inner: _cluster(inner, log))
    moving = [name for name in found["null"] if _plugins.load("inference", name).assigns]
    if moving and "assign" not in table and found["draws"]:
        log.add(
            table.origin("null") or table.item.key,
            "no_assign",
            f"{moving[0]} needs `assign`",
            'name the columns that assignment consists of: assign = "pilot + batch"',
        )
    return Inference(**found, written=True, origin=table.item.key, draws_origin=table.origin("draws"))


def _cluster(item: Item, log: Log) -> Expression | None:
    """Read `cluster`: one column, since the wild bootstrap changes signs by one grouping of the rows."""
    found = log.expression(item, "names")
    if found is not None and len(nodes := chain(found.tree, "+")) > 1:
        log.add(
            found.origin,
            "bad_choice",
            f"the tests of the curve cluster by one column, not {len(nodes)}",
            "name the coarser one; two-way standard errors are for [vcov]",
            found.tree.span,
        )
        return None
    return found


def read_run(item: Item | None, log: Log) -> RunOptions:
    """Read [run]."""
    table = as_table(item, log, RUN)
    if table is None:
        return RunOptions()
    return RunOptions(**table.read(), limit_origin=table.origin("limit"))


def read_figure(item: Item | None, dimensions: Sequence[str], log: Log) -> FigureOptions:
    """Read [figure]."""
    table = as_table(item, log, FIGURE)
    if table is None:
        return FigureOptions()
    found = table.read(sort=lambda inner: log.choice(inner, ("estimate", "declared", *dimensions), "sort"))
    return FigureOptions(**found | {"formats": found["formats"] or FigureOptions().formats})


def read_appendix(item: Item | None, directory: Path, log: Log) -> AppendixOptions:
    """Read [appendix]; an empty list of formats writes none."""
    table = as_table(item, log, APPENDIX)
    if not table:
        return AppendixOptions()
    found = table.read(show=lambda inner: _shown(inner, log), reference=lambda inner: read_path(inner, directory, log))
    named = item.value.get("reference") if item is not None and isinstance(item.value, dict) else None
    return AppendixOptions(**found, reference_at=named.origin if named else None)


def _shown(item: Item, log: Log) -> tuple[tuple[str, Origin], ...]:
    help_ = 'name specifications by id or rank: show = ["3f2a", "#41"]'
    listed = [(log.text(one, help_), one.origin) for one in several(item)]
    return tuple((text.strip(), origin) for text, origin in listed if text is not None)
