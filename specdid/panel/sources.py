"""The study's data as read: its own file or frame, reshaped where it is wide, with the files that are joined.

Of a file only the columns are read that the study mentions, the others are known by name. Frames in memory
(pandas, polars or Arrow) come through narwhals.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from specdid._diagnostics import Document, Fault, Origin, fault_at, many
from specdid._study import UNIT, AnalysisTable, EstimatorOption, Expression, JoinedFile, Reshape, Study, VariantOption
from specdid.language import LanguageError, parse, referenced
from specdid.language.functions import PATTERNS, argument
from specdid.language.resolve import UNNAMEABLE, matching
from specdid.language.tree import Call, Node, Text, walk
from specdid.panel.columns import UNREAD, Column, ReadColumns, ReadError, combined, merge_levels
from specdid.panel.delimited import refuse_repeated
from specdid.panel.files import Wanted, convert, read_columns, refuse_large
from specdid.panel.joined import Join, SourceFile, join, meeting_fault, names_joined, text_and_number
from specdid.panel.reshape import WideLayout, reshaped, wide_layout

_STUDY = Origin(("study",))


@dataclass(frozen=True, slots=True)
class Sources:
    """The data of a study.

    Attributes
    ----------
    columns : all columns, in the order of the study's own rows; its hash is of every file and how they are joined
    name : what messages call the study's own data
    files : the study's own, then those that are joined, then those of options
    """

    columns: ReadColumns
    name: str
    files: tuple[SourceFile, ...]


def read_sources(study: Study, data: Any = None) -> tuple[Sources | None, tuple[Fault, ...]]:
    """Read the data of ``study``, or take the frame ``data`` for its own file, and join the others.

    Returns
    -------
    The data, None where the study's own file cannot be read, and the faults of every file with warnings. Where one
    is an error, the columns of that file are not there.
    """
    origin = study.data_origin or _STUDY
    found: list[Fault] = []
    try:
        main, name, layout = _own(study, data)
        main = _with_unit(main, study, name)
    except ReadError as error:
        return None, (_located(error, origin), *_unreadable(study))
    found += _remarks(main, name, origin)
    columns: Mapping[str, Column] = main.columns
    files = [SourceFile(name, None, None if data is not None else study.data, main.sha256, main.n_rows,
                        {n: n for n in columns if n != UNIT or not study.unit_columns}, layout)]  # fmt: skip
    for file in study.files:
        columns, joined, faults = _join(study, file, columns, main.n_rows, name)
        found += faults
        files += [joined] if joined is not None else []
    for variant in study.variants:
        for option in variant.options:
            if option.data is not None:
                columns, joined, faults = _option(study, (variant.name, option), columns, main.n_rows, files[0])
                found += faults
                files += [joined] if joined is not None else []
    whole = replace(main, columns=dict(columns), sha256=_content(study, files))
    return Sources(whole, name, tuple(files)), tuple(found)


def _own(study: Study, data: Any) -> tuple[ReadColumns, str, WideLayout | None]:
    """Read the study's own file or frame."""
    if data is not None:
        source, name = read_frame(data), "the data frame"
    elif study.data is None:
        raise ReadError(
            "no_data",
            "the study names no data",
            help='write `data = "file.csv"` in [study], or give a data frame',
        )
    else:
        name = data_name(study)
        source = read_columns(study.data, name, _wanted(study.reshape, partial(mentioned, study)))
    if study.reshape is None:
        return source, name, None
    layout = wide_layout(list(source.columns), study.reshape)
    return reshaped(source, layout), f"{name} (reshaped)", layout


def _with_unit(source: ReadColumns, study: Study, name: str) -> ReadColumns:
    """Put first the column that several columns of [study] ``unit`` make: their combinations, as 1^2008.

    Where one of them is not there, or is missing in a row, none is made; the panel says so of that one.
    """
    parts = study.unit_columns
    if not parts:
        return source
    if UNIT in source.columns:
        raise ReadError(
            "bad_name",
            f"a unit of several columns makes a column `{UNIT}`, which {name} has already",
            help="rename that column in the data",
            origin=study.unit_origin,
        )
    columns = [source.columns.get(part) for part in parts]
    known = [column for column in columns if column is not None and not column.missing.any()]
    if len(known) < len(parts):
        return source
    return replace(source, columns={UNIT: combined(known), **source.columns})


def _wanted(reshape: Reshape | None, wanted: Wanted) -> Wanted:
    """Return what says which columns of a file to read, where ``wanted`` speaks of those that it is reshaped to."""
    if reshape is None:
        return wanted

    def of_wide(names: Sequence[str]) -> Collection[str]:
        layout = wide_layout(names, reshape)
        return layout.file_columns(wanted(layout.names))

    return of_wide


def _join(
    study: Study, file: JoinedFile, columns: Mapping[str, Column], n_rows: int, data: str
) -> tuple[Mapping[str, Column], SourceFile | None, tuple[Fault, ...]]:
    """Read a file and join it to ``columns``."""
    name = _written_name(study, file.file, file.file_origin)
    used = partial(needed, study)

    def wanted(names: Sequence[str]) -> Collection[str]:
        named = names_joined(file, names, columns, used)[0]
        chosen = mentioned(study, list(named.values()))
        return {theirs for _, theirs in file.by} | {old for old, new in named.items() if new in chosen}

    try:
        source = read_columns(file.file, name, _wanted(file.reshape, wanted))
        layout = None if file.reshape is None else wide_layout(list(source.columns), file.reshape)
        source = source if layout is None else reshaped(source, layout)
        refuse_large(n_rows * 8 * sum(column is not UNREAD for column in source.columns.values()))
    except ReadError as error:
        return columns, None, (_located(error, file.file_origin, name),)
    said = tuple(_remarks(source, name, file.file_origin))
    named, meeting = names_joined(file, list(source.columns), columns, used)
    shown = f"{name} (reshaped)" if layout else name
    columns, found, faults = join(columns, n_rows, data, Join(file, shown, source, named, layout))
    if meeting:
        faults = (*faults, meeting_fault(file, name, meeting))
    return columns, found, (*said, *faults)


def _option(
    study: Study, named: tuple[str, VariantOption], columns: Mapping[str, Column], n_rows: int, own: SourceFile
) -> tuple[Mapping[str, Column], SourceFile | None, tuple[Fault, ...]]:
    """Put beside the study's columns those of an option's file that differ from them.

    The file must have the study's units and periods, and every column of the study's own file that it uses.
    """
    variant, option = named
    assert option.data is not None
    origin = option.data_origin or option.origin
    if study.unit is None or study.time is None:
        said = "a data file as an option is compared by unit and time, which the study does not both have"
        return columns, None, (fault_at(origin, None, "bad_option_file", said, "write unit and time in [study]"),)
    name = _written_name(study, option.data, origin)
    keys = (*study.unit_parts, study.time)
    used = [column for column in mentioned(study, list(own.columns)) if column not in keys]
    by = tuple((key, key) for key in keys)
    file = JoinedFile(option.label, option.data, by, None, study.reshape, option.origin, origin, origin)
    try:
        source = read_columns(option.data, name, _wanted(study.reshape, lambda _: {*used, *keys}))
        layout = None if study.reshape is None else wide_layout(list(source.columns), study.reshape)
        source = source if layout is None else reshaped(source, layout)
        refuse_large(2 * n_rows * 8 * len(used))
    except ReadError as error:
        return columns, None, (_located(error, origin, name),)
    lacking = [column for column in own.columns if column in used and column not in source.columns]
    if lacking:
        listed = ", ".join(f"`{column}`" for column in lacking[:3]) + (" …" if len(lacking) > 3 else "")
        said = f"{name} has no {listed}, which the study uses of {own.name}"
        return columns, None, (fault_at(origin, None, "bad_option_file", said, SOURCE_HELP),)
    new = {column: f"{column} {UNNAMEABLE} {name}" for column in own.columns if column in used}
    both, found, faults = join(columns, n_rows, own.name, Join(file, name, source, new, layout))
    if found is not None and (found.unmatched or found.unused):
        lone, are = many(found.unmatched, "row"), "is" if found.unused == 1 else "are"
        idle = f"{found.unused:,} of its {found.n_rows:,} rows {are} not there"
        said = f"{name} does not have the units and periods of {own.name}: it lacks {lone} of {own.name}, and {idle}"
        notes = tuple(note for fault in faults for note in fault.notes)
        faults = (fault_at(origin, None, "bad_option_file", said, SOURCE_HELP, notes=notes),)
    if found is None or any(fault.severity == "error" for fault in faults):
        return columns, None, faults
    wrong = tuple(_other_types(both, new, own.name, name, origin))
    if wrong:
        return columns, None, wrong
    same = [old for old, added in new.items() if _equal(both[old], both[added])]
    kept = {added: old for old, added in new.items() if old not in same}
    found = replace(found, option=(variant, option.label), columns=kept)
    return {n: c for n, c in both.items() if n in columns or n in kept}, found, tuple(_remarks(source, name, origin))


SOURCE_HELP = (
    "an option is the same study on another file; of a file with other rows or columns, join those that it has: "
    '[data."name"] with a suffix, and { derive = { so2 = "so2_name" } } as the option'
)


def _other_types(
    both: Mapping[str, Column], new: Mapping[str, str], own: str, name: str, origin: Origin
) -> Iterator[Fault]:
    """Find columns that are numbers in one file and text in the other; one without a value is neither."""
    for column, added in new.items():
        ours, theirs = both[column], both[added]
        if ours.is_text != theirs.is_text and not (ours.missing.all() or theirs.missing.all()):
            written, numeric = (column, ours, own), (column, theirs, name)
            written, numeric = (written, numeric) if ours.is_text else (numeric, written)
            message, help_ = text_and_number(written, numeric)
            yield fault_at(origin, None, "bad_option_file", message, help_)


def _equal(one: Column, other: Column) -> bool:
    """Say whether two columns hold the same values, missing ones included."""
    if one.numbers is not None and other.numbers is not None:
        return np.array_equal(one.numbers, other.numbers, equal_nan=True)
    if one.codes is None or other.codes is None:
        return False
    _, (ours, theirs) = merge_levels([one, other])
    return bool(np.array_equal(ours, theirs))


def _unreadable(study: Study) -> Iterator[Fault]:
    """Say also which of the files that are joined cannot be read, where the study's own cannot."""
    for file in study.files:
        try:
            read_columns(file.file, _written_name(study, file.file, file.file_origin), lambda names: names[:1])
        except ReadError as error:
            yield _located(error, file.file_origin)


def _content(study: Study, files: Sequence[SourceFile]) -> str:
    """Hash the files and what is made of them; of one file that stays as it is, its own hash."""
    if len(files) == 1 and files[0].layout is None and not study.unit_columns:
        return files[0].sha256
    rules: list[object] = [(f.suffix, f.by, _patterns(f.reshape)) for f in study.files]
    rules += [study.unit_columns] if study.unit_columns else []
    return sha256(repr(([f.sha256 for f in files], _patterns(study.reshape), rules)).encode()).hexdigest()


def _patterns(reshape: Reshape | None) -> object:
    return reshape and (reshape.time, [(c.name, c.before, c.after) for c in reshape.columns])


def _located(error: ReadError, origin: Origin, name: str = "the file") -> Fault:
    message = error.message.replace("the file", name, 1)
    return fault_at(error.origin or origin, None, error.code, message, error.help, notes=error.notes)


def _remarks(source: ReadColumns, name: str, origin: Origin) -> Iterator[Fault]:
    for remark in source.remarks:
        message = remark.message.replace("the file", name, 1)
        yield fault_at(remark.origin or origin, None, remark.code, message, remark.help, severity="warning")


def data_name(study: Study) -> str:
    """Name the data file as the spec does, relative to the spec file."""
    assert study.data is not None
    return _written_name(study, study.data, study.data_origin)


def _written_name(study: Study, file: Path, origin: Origin | None) -> str:
    base = Path(study.document.name).parent if study.document else Path()
    place = origin.place() if origin else None
    if place is not None:
        written = place.line_text[place.column - 1 : place.column - 1 + place.length]
        if base / written == file:
            return written
    return str(file.relative_to(base)) if file.is_relative_to(base) else str(file)


def mentioned(study: Study, names: Sequence[str]) -> frozenset[str]:
    """Return the columns that the study uses, of a file those that are read.

    Without units, which of equally near neighbours is taken depends on the order of rows. It may
    not change with what else the study holds, so that all columns count.
    """
    nearest = any(s.match is not None and s.match.method == "nearest" for s in study.sample)
    return frozenset(names) if study.unit is None and nearest else needed(study, names)


def needed(study: Study, columns: Sequence[str]) -> frozenset[str]:
    """Return those of ``columns`` that any expression of ``study`` names or matches by a pattern.

    Texts that may be expressions (those of the analyses) count too; one that is none mentions nothing.
    """
    found = {study.unit, study.time, *study.unit_columns, *(ours for file in study.files for ours, _ in file.by)}
    for tree in _trees(study):
        found |= {name.name for name in referenced(tree)}
        found.update(*(_matched(node, columns) for node in walk(tree) if isinstance(node, Call)))
    return frozenset(column for column in columns if column in found)


def _trees(value: object) -> Iterator[Node]:
    """Return every expression below ``value``; each kind of object is entered, whatever its fields are called."""
    if isinstance(value, Expression):
        yield value.tree
    elif isinstance(value, AnalysisTable):
        yield from _written(value.values)
    elif isinstance(value, EstimatorOption):
        yield from _written(value.options)
    elif is_dataclass(value) and not isinstance(value, (Origin, Document, Fault)):
        for field in fields(value):
            yield from _trees(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _trees(inner)
    elif isinstance(value, tuple):
        for inner in value:
            yield from _trees(inner)


def _written(value: object) -> Iterator[Node]:
    """Return the expressions among TOML values."""
    if isinstance(value, str):
        try:
            yield parse(value)
        except LanguageError:
            return
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _written(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _written(inner)


def _matched(call: Call, columns: Sequence[str]) -> Sequence[str]:
    pattern = argument(call, "pattern") if call.function in PATTERNS else None
    if not isinstance(pattern, Text):
        return ()
    try:
        return matching(call, pattern, columns)
    except LanguageError:
        return ()


def read_frame(data: Any) -> ReadColumns:
    """Take over the columns of a pandas, polars or Arrow frame; the frame itself is never changed.

    Raises
    ------
    ReadError
        Where it is no frame, is empty, has two columns of one name, or a column mixes types.
    """
    frame = data if isinstance(data, pl.DataFrame) else _to_polars(data)
    if not frame.height:
        raise ReadError("no_rows", "the data frame has no rows")
    columns, n_rows, remarks = convert(frame)
    return ReadColumns(columns, n_rows, content_hash(columns), remarks)


def _to_polars(data: Any) -> pl.DataFrame:
    import narwhals as nw

    if hasattr(data, "iloc"):  # only pandas lets a name occur twice
        refuse_repeated([str(name) for name in data.columns])
    try:
        frame = nw.from_native(data)
    except TypeError:
        raise ReadError(
            "not_readable",
            f"`data` is a {type(data).__name__}, not a pandas, polars or Arrow frame",
            help="give a data frame, or leave `data` out to read the file of the spec",
        ) from None
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    series = [_one(name, frame[name]) for name in frame.columns]
    return pl.DataFrame(series)


def _one(name: str, column: Any) -> pl.Series:
    try:
        return column.to_frame().to_polars().to_series().rename(str(name))  # type: ignore[no-any-return]
    except Exception as error:
        raise ReadError(
            "not_readable",
            f"the column `{name}` cannot be read: {str(error).splitlines()[0]}",
            help="give it one type: numbers or text",
        ) from None


def content_hash(columns: Mapping[str, Column]) -> str:
    """Hash names and values, the same for every kind of frame that holds them."""
    digest = sha256()
    for name, column in columns.items():
        digest.update(f"{len(name)}:{name}:{column.kind}:".encode())
        if column.numbers is not None:
            values = np.where(np.isnan(column.numbers), np.nan, column.numbers + 0.0)
            digest.update(b"n" + values.astype("<f8").tobytes())
        else:
            assert column.codes is not None
            digest.update(b"t" + "".join(f"{len(v)}:{v}" for v in column.levels).encode())
            digest.update(column.codes.astype("<i8").tobytes())
    return digest.hexdigest()
