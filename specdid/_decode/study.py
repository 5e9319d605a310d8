"""The whole file: [study] and every other table.

``[study] name`` is what the study's directory and its LaTeX labels are called.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast
from unicodedata import normalize

from specdid._decode.analyses import read_analyses
from specdid._decode.dimensions import DimensionReader
from specdid._decode.items import Item, finite
from specdid._decode.options import Options
from specdid._decode.selectors import read_exclusions, read_preferred
from specdid._decode.settings import read_appendix, read_figure, read_inference, read_run
from specdid._decode.table import MOST_UNKNOWN, Log, Table, as_table
from specdid._decode.variants import read_definitions, read_labels, read_variants
from specdid._decode.words import STEPS
from specdid._diagnostics import Document, Origin, Span, did_you_mean
from specdid._study import DIMENSIONS, Never, Study
from specdid._toml import AGAIN

DEFAULT_SEED = 1

STUDY_KEYS = (
    "title", "name", "data", "unit", "time", "step", "seed", "missing", "never", "one_at_a_time",
    "formula", "scale", "cohort", *DIMENSIONS, "vcov",
)  # fmt: skip
TABLES = (
    "study", "derive", "macros", *DIMENSIONS, "variant", "vcov", "exclude", "preferred",
    "inference", "run", "figure", "appendix", "labels",
)  # fmt: skip
"""In the order in which messages list them."""


@dataclass(frozen=True, slots=True)
class Shelves:
    """The names of the plug-ins that a spec can mention."""

    estimators: Sequence[str]
    matchers: Sequence[str]
    analyses: Sequence[str]
    nulls: Sequence[str]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a spec comes from: its document, and the directory that ``data`` is relative to."""

    document: Document | None
    directory: Path
    stem: str


def decode(root: Item, source: Source, shelves: Shelves, log: Log) -> Study:
    """Make a study of a spec's values; what is wrong is noted in ``log`` and left out.

    What could be read is there also where nothing can be run, so that the data can be checked;
    ``Study.unread`` names what could not.
    """
    top = Table(root, log, "a spec file", (*TABLES, *shelves.analyses))
    tables = {**top.rows, **top.meant}
    study = _study_table(top)
    labels, label_origins = read_labels(top.get("labels"), log)
    options = Options(log, shelves.estimators, shelves.matchers)
    variants = read_variants(top.get("variant"), options)
    names = (*DIMENSIONS, *(v.name for v in variants))
    unit, time = study.column("unit"), study.column("time")
    reader = DimensionReader(tables, study, options, (unit, time))
    dimensions = reader.read()
    name = read_name(study.get("name"), log)
    found = Study(
        document=source.document,
        stem=source.stem,
        title=study.text("title") or name or source.stem,
        data=_data_path(study.get("data"), source.directory, log),
        data_origin=study.origin("data") or study.item.key,
        unit=unit,
        time=time,
        step=_step(study.get("step"), log),
        unit_origin=study.origin("unit"),
        time_origin=study.origin("time"),
        seed=_seed(study),
        missing="common" if study.choice("missing", ("listwise", "common")) == "common" else "listwise",
        never=_never(study, log),
        one_at_a_time=_one_at_a_time(study, names, log),
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
        inference=read_inference(top.get("inference"), shelves.nulls, log),
        run=read_run(top.get("run"), log),
        figure=read_figure(top.get("figure"), names, log),
        labels=labels,
        analyses=read_analyses(tables, shelves.analyses, log),
        label_origins=label_origins,
        appendix=read_appendix(top.get("appendix"), log),
        given_name=name,
    )
    study.close()
    _close_file(top)
    keys = (("data", found.data), ("unit", found.unit), ("time", found.time), ("step", found.step))
    options.unread |= {("study", key) for key, value in keys if key in study and value is None}
    return replace(found, unread=frozenset(options.unread))


def _close_file(top: Table) -> None:
    """Report the tables nobody knows, and keys of [study] that stand before any table."""
    tables = f"tables: {', '.join(dict.fromkeys(top.known))}"
    unknown = [k for k, item in top.rows.items() if k not in top.known and AGAIN not in k and not item.unread]
    for key in unknown[:MOST_UNKNOWN]:
        item = top.rows[key]
        near = did_you_mean(key, top.known) or did_you_mean(key, STUDY_KEYS)
        if isinstance(item.value, dict | tuple):
            top.log.add(item.key, "unknown_key", f"unknown table [{key}]", near or tables)
        else:
            help_ = "write it below [study]" if key in STUDY_KEYS else near or tables
            top.log.add(item.key, "unknown_key", f"`{key}` stands outside any table", help_)


def _study_table(top: Table) -> Table:
    """Read [study], with the keys of it that stand before any table."""
    item = top.get("study")
    hint = "write [study] and below it title, data, unit and time"
    table = as_table(item, top.log, "[study]", hint, STUDY_KEYS) if item else None
    if item is None:
        help_ = 'begin with [study] and below it data = "file.csv", unit and time'
        top.log.add(top.item.key, "missing_study", "there is no [study] table", help_)
    if table is not None and item is not None and not table.rows:
        top.log.add(item.key, "missing_study", "[study] is empty", 'write data = "file.csv", unit and time below it')
    nothing = Item({}, top.item.origin, item.key if item else top.item.key)
    table = table or Table(nothing, top.log, "[study]", STUDY_KEYS)
    astray = {k: v for k, v in top.rows.items() if k in STUDY_KEYS and not isinstance(v.value, dict | tuple)}
    table.meant |= {key: row for key, row in astray.items() if key not in table}
    return table


def _data_path(item: Item | None, directory: Path, log: Log) -> Path | None:
    """Return the data file's path; only a path of this machine's files is one."""
    text = log.text(item, 'name a file: "panel.csv"')
    if item is None or text is None:
        return None
    wrong: tuple[str, str | None] | None = None
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", text):
        wrong = ("a URL is not read", "download the file, so that the study can be repeated")
    elif text.startswith("~"):
        wrong = ("`~` is not replaced in `data`", "write the path in full, or relative to this file")
    elif not text.isprintable():
        help_ = "between double quotes TOML reads `\\t` as a tab: use single quotes, or `/`"
        wrong = ("a path cannot hold control characters", help_)
    elif "|" in text or "*" in text or "?" in text:
        wrong = ("`data` names one file: pipes and patterns are not read", None)
    if wrong:
        log.add(item.origin, "bad_path", *wrong)
        return None
    return directory / text


def _step(item: Item | None, log: Log) -> str | None:
    """Return the step of time: a name, or a number such as 5 for every fifth period."""
    if item is None:
        return None
    if isinstance(item.value, int | float) and not isinstance(item.value, bool):
        if item.value > 0:
            return str(item.value)
        log.add(item.origin, "out_of_range", "`step` must be above 0")
        return None
    text = log.text(item)
    if text is not None and re.fullmatch(r"\d+(\.\d+)?", text) and float(text) > 0:
        return text
    return log.one_of(item, STEPS, "step") if text is not None else None


NEVER = ("default", "empty")
NEVER_HELP = '"default" is 0, "empty" an empty cohort too; a list says exactly which: [0, 2000], ["empty", 2000]'


def _never(study: Table, log: Log) -> Never:
    """Read which cohorts are never treated: "default", "empty", or a list that says exactly which values are."""
    items = study.list_of("never")
    if items is None:
        return Never()
    item = study.get("never")
    listed = item is not None and isinstance(item.value, tuple)
    values: dict[float, None] = {}
    empty, faults = False, len(log.faults)
    for item in items:
        if finite(item.value):
            values[float(cast("float", item.value))] = None
        elif item.value in NEVER:
            empty = empty or item.value == "empty"
            if item.value == "default" or not listed:
                values[0.0] = None
        elif isinstance(item.value, str):
            number = re.fullmatch(r"\s*-?\d+(\.\d*)?\s*", item.value)
            help_ = f"write {item.value.strip()} without quotes" if number else NEVER_HELP
            log.add(item.origin, "bad_choice", f"`never` cannot be the text `{item.value}`", help_)
        elif item.value != float("inf"):  # which is never treated anyhow
            log.wrong_type(item, '"default", "empty" or a list of values', NEVER_HELP)
    return Never() if len(log.faults) > faults else Never(tuple(sorted(values)), empty)


def _seed(study: Table) -> int:
    seed = study.whole("seed", "0 or more", lambda n: n >= 0)
    return DEFAULT_SEED if seed is None else seed


def _one_at_a_time(study: Table, names: Sequence[str], log: Log) -> tuple[tuple[str, Origin], ...]:
    found: dict[str, Origin] = {}
    for item in study.list_of("one_at_a_time") or ():
        name = log.one_of(item, names, "dimension")
        if name is not None and name in found:
            log.add(item.origin, "repeated", f"`{name}` is named twice", "take one away")
        elif name is not None:
            found[name] = item.origin
    return tuple(found.items())


LONGEST = 60
"""Characters; at most four bytes each, so that every file system takes the name."""

_SEPARATORS = "/\\"
_WINDOWS = ':*?"<>|'
_LATEX = "#%$~&^{}"
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices, whatever their ending."""


def read_name(item: Item | None, log: Log) -> str | None:
    """Read ``name``; None where it is absent or cannot be a directory's name everywhere."""
    text = log.text(item, 'a name is a few words: name = "smart-city"')
    if item is None or text is None:
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
