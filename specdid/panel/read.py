"""From a study to its panel: read the data, check unit × time, and say everything that is wrong.

Of a file only the columns that the study uses are read, the others are known by name. Frames in memory
(pandas, polars or Arrow) come through narwhals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from specdid._diagnostics import Document, Fault, Origin, did_you_mean, fault_at
from specdid._study import AnalysisTable, EstimatorOption, Expression, Study
from specdid.language import LanguageError, parse, referenced
from specdid.language.functions import PATTERNS, argument
from specdid.language.patterns import matching
from specdid.language.tree import Call, Node, Text, walk
from specdid.panel.cells import ReadColumns, ReadError, Remark
from specdid.panel.columns import Column, Ints, cell_text, number_text, rank
from specdid.panel.delimited import refuse_repeated
from specdid.panel.files import convert, read_columns
from specdid.panel.panel import Panel, order_by_content, order_rows, repeated
from specdid.panel.times import STEPS, StepError, fitting_step, known_step, odd_times, period_numbers, time_fault

_STUDY = Origin(("study",))
MOST_PERIODS = 2.0**52
"""Periods from 0 beyond which a number may not tell one from the next."""


def read_panel(study: Study, data: Any = None, in_part: bool = False) -> tuple[Panel | None, tuple[Fault, ...]]:
    """Read the data of ``study``, or take the frame ``data``.

    Of a file only the columns are read that the study mentions.

    Parameters
    ----------
    data
        A pandas, polars or Arrow frame that takes the place of the file.
    in_part
        Give the columns also where unit or time is wrong, without it.

    Returns
    -------
    The panel, or None where an error stands in the way, and the faults with warnings.
    """
    origin = study.data_origin or _STUDY
    try:
        source, name, path = _source(study, data)
    except ReadError as error:
        return None, (fault_at(origin, None, error.code, error.message, error.help, notes=error.notes),)
    warnings = tuple(_warning(origin, name, r) for r in source.remarks)
    panel, faults = _structure(study, source, name, path)
    if panel is None and in_part:
        panel = _columns_alone(study, source, name, path, faults)
    return panel, warnings + faults


def _columns_alone(
    study: Study, source: ReadColumns, name: str, path: Path | None, faults: tuple[Fault, ...]
) -> Panel | None:
    """Return the panel without the key that a fault is about; without both, where each alone is right."""
    wrong = {f.path[-1] for f in faults if f.path[:1] == ("study",)}
    unit = None if "unit" in wrong else study.unit
    time = None if wrong & {"time", "step"} else study.time
    if (unit, time) == (study.unit, study.time):
        unit = time = None
    keyless = replace(study, unit=unit, time=time, step=study.step if time else None)
    return _structure(keyless, source, name, path)[0]


def _source(study: Study, data: Any) -> tuple[ReadColumns, str, Path | None]:
    if data is not None:
        return read_frame(data), "the data frame", None
    if study.data is None:
        raise ReadError(
            "no_data",
            "the study names no data",
            help='write `data = "file.csv"` in [study], or give a data frame',
        )
    name = data_name(study)
    return read_columns(study.data, name, partial(_mentioned, study)), name, study.data


def data_name(study: Study) -> str:
    """Name the data file as the spec does, relative to the spec file."""
    assert study.data is not None
    base = Path(study.document.name).parent if study.document else Path()
    place = study.data_origin.place() if study.data_origin else None
    if place is not None:
        written = place.line_text[place.column - 1 : place.column - 1 + place.length]
        if base / written == study.data:
            return written
    return str(study.data.relative_to(base)) if study.data.is_relative_to(base) else str(study.data)


def _warning(origin: Origin, name: str, remark: Remark) -> Fault:
    message = remark.message.replace("the file", name, 1)
    return fault_at(origin, None, remark.code, message, remark.help, severity="warning")


def _structure(
    study: Study, source: ReadColumns, name: str, path: Path | None
) -> tuple[Panel | None, tuple[Fault, ...]]:
    """Code units and number periods; unit × time must be complete and unique."""
    faults = [*_key_faults(study.unit, study.unit_origin, source, name, "unit")]
    faults += _key_faults(study.time, study.time_origin, source, name, "time")
    if not known_step(study.step):
        faults.append(_unknown_step(study))
    if faults:
        return None, tuple(faults)
    units = _units(study, source)
    periods, problems = _periods(study, source, name)
    if problems:
        return None, problems
    keys = None
    if units is not None and periods is not None:
        try:
            order, keys = order_rows(units[0], periods)
        except OverflowError:
            return None, (time_fault(study, "time_span", f"`{study.time}` spans too many periods"),)
        twice = repeated(keys)
        if twice.any():
            return None, (_duplicates(study, source, name, order, twice),)
    else:
        codes = units[0] if units is not None else periods
        order = order_by_content(source.columns, _mentioned(study, list(source.columns)), codes, source.n_rows)
    panel = Panel(
        source.columns,
        source.n_rows,
        study.unit,
        study.time,
        study.step,
        source.sha256,
        path,
        name,
        None if units is None else units[0],
        () if units is None else units[1],
        periods,
        study.never,
        keys,
    )
    odd = () if periods is None else odd_times(study, source.columns[study.time or ""], periods, name)
    return _in_order(panel, order), odd


def _in_order(panel: Panel, order: Ints) -> Panel:
    """Put the rows in this order, where the file has another."""
    if (order[1:] > order[:-1]).all():
        return panel
    codes = {name: getattr(panel, name) for name in ("unit_codes", "periods")}
    codes = {name: values[order] for name, values in codes.items() if values is not None}
    for values in (*codes.values(), order):
        values.setflags(write=False)
    columns = {name: column.in_order(order) for name, column in panel.columns.items()}
    return replace(panel, columns=columns, file_rows=order, **codes)


def _mentioned(study: Study, names: Sequence[str]) -> frozenset[str]:
    """Return the columns that the study uses, of a file those that are read.

    Without units, which of equally near neighbours is taken depends on the order of rows. It may
    not change with what else the study holds, so that all columns count.
    """
    nearest = any(s.match is not None and s.match.method == "nearest" for s in study.sample)
    return frozenset(names) if study.unit is None and nearest else needed(study, names)


def _key_faults(key: str | None, origin: Origin | None, source: ReadColumns, name: str, role: str) -> tuple[Fault, ...]:
    if key is None:
        return ()
    origin = origin or Origin(("study", role))
    column = source.columns.get(key)
    if column is None:
        advice = did_you_mean(key, source.columns) or _some_columns(source)
        return (fault_at(origin, None, "no_column", f"no column `{key}` in {name}", advice),)
    gaps = np.flatnonzero(column.missing)
    if gaps.size:
        rows = ", ".join(f"{row + 1:,}" for row in gaps[:3])
        more = f" and {gaps.size - 3:,} more" if gaps.size > 3 else ""
        word = "row" if gaps.size == 1 else "rows"
        message = f"`{key}` is missing in {word} {rows}{more} of {name}"
        return (fault_at(origin, None, f"missing_{role}", message, help=f"every row needs its {role}"),)
    return ()


def _some_columns(source: ReadColumns) -> str:
    names = list(source.columns)
    return "its columns: " + ", ".join(f"`{n}`" for n in names[:8]) + (" …" if len(names) > 8 else "")


def _unknown_step(study: Study) -> Fault:
    advice = did_you_mean(study.step or "", STEPS) or "a step is " + ", ".join(STEPS) + ' or a number as "5"'
    origin = Origin(("study", "step"), study.document)
    return fault_at(origin, None, "step", f"`{study.step}` is no step of time", advice)


def _units(study: Study, source: ReadColumns) -> tuple[Ints, tuple[str, ...]] | None:
    if study.unit is None:
        return None
    column = source.columns[study.unit]
    codes, count = rank(column)
    first = np.zeros(count, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    codes.setflags(write=False)
    return codes, tuple(cell_text(column, int(row)) for row in first)


def _periods(study: Study, source: ReadColumns, name: str) -> tuple[Ints | None, tuple[Fault, ...]]:
    if study.time is None:
        return None, ()
    column = source.columns[study.time]
    if column.numbers is None:
        what = "a date" if column.kind == "date" else "text"
        example = cell_text(column, 0)
        advice = "number the periods in a column, as 2012 or 201212 (with step)"
        if column.odd:
            advice = f"cells that are no number: {', '.join(column.odd)}"
        message = f"`{study.time}` is {what} in {name}, as “{example}”"
        return None, (time_fault(study, "time_not_numeric", message, advice),)
    try:
        written = np.asarray(column.numbers)
        start = written[np.isfinite(written)].min(initial=np.inf)
        numbers = period_numbers(written, study.step, float(start) if np.isfinite(start) else 0.0)
    except StepError as error:
        shown = ", ".join(number_text(float(v)) for v in error.examples)
        advice = 'give the `step` of time in [study]: "month" reads 201212, "0.25" reads 2012.25'
        if study.step is not None:
            advice = f"correct these values, or the `step`, which is {study.step} now"
            fits = fitting_step(written)
            advice = advice if fits is None else f'write step = "{fits}" in [study]'
        return None, (time_fault(study, "time_step", f"`{study.time}` holds {shown}, which {error}", advice),)
    if not np.isfinite(numbers).all():
        return None, (time_fault(study, "time_not_numeric", f"`{study.time}` is infinite in rows of {name}"),)
    if np.abs(numbers).max(initial=0.0) > MOST_PERIODS:
        return None, (time_fault(study, "time_span", f"`{study.time}` spans too many periods"),)
    periods = numbers.astype(np.int64)
    periods.setflags(write=False)
    return periods, ()


def _duplicates(study: Study, source: ReadColumns, name: str, order: Ints, twice: np.ndarray) -> Fault:
    unit, time = source.columns[study.unit or ""], source.columns[study.time or ""]
    places = np.flatnonzero(twice)
    notes = tuple(
        f"{study.unit} {cell_text(unit, order[p])}, {study.time} {cell_text(time, order[p])}: "
        f"rows {order[p - 1] + 1:,} and {order[p] + 1:,}"
        for p in places[:3]
    )
    rows = "row repeats" if places.size == 1 else "rows repeat"
    return fault_at(
        study.unit_origin or Origin(("study", "unit")),
        None,
        "unit_time",
        f"{places.size:,} {rows} a `{study.unit}` × `{study.time}` that is already in {name}",
        help="each unit may have one row a period",
        notes=notes,
    )


def needed(study: Study, columns: Sequence[str]) -> frozenset[str]:
    """Return those of ``columns`` that any expression of ``study`` names or matches by a pattern.

    Texts that may be expressions (those of the analyses) count too; one that is none mentions nothing.
    """
    found = {study.unit, study.time}
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
            "data_type",
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
            "mixed_types",
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
