"""From a study to its panel: read the data, check unit × time, and say everything that is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from specdid._arrays import Ints
from specdid._diagnostics import Fault, Origin, did_you_mean, fault_at
from specdid._study import Study
from specdid.panel.cells import ReadColumns
from specdid.panel.columns import cell_text, number_text, rank
from specdid.panel.panel import Panel, order_by_content, order_rows, repeated
from specdid.panel.sources import Sources, mentioned, read_sources
from specdid.panel.times import STEPS, StepError, fitting_step, known_step, odd_times, period_numbers, time_fault

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
        Give the columns also where unit or time is wrong, without it, and where a file that is joined is wrong,
        without its columns.

    Returns
    -------
    The panel, or None where an error stands in the way, and the faults with warnings.
    """
    sources, said = read_sources(study, data)
    if sources is None:
        return None, said
    panel, faults = _structure(study, sources)
    if panel is None and in_part:
        panel = _columns_alone(study, sources, faults)
    whole = in_part or not any(fault.severity == "error" for fault in said)
    return panel if whole else None, said + faults


def _columns_alone(study: Study, sources: Sources, faults: tuple[Fault, ...]) -> Panel | None:
    """Return the panel without the key that a fault is about; without both, where each alone is right."""
    wrong = {f.path[-1] for f in faults if f.path[:1] == ("study",)}
    unit = None if "unit" in wrong else study.unit
    time = None if wrong & {"time", "step"} else study.time
    if (unit, time) == (study.unit, study.time):
        unit = time = None
    keyless = replace(study, unit=unit, time=time, step=study.step if time else None)
    return _structure(keyless, sources)[0]


def _structure(study: Study, sources: Sources) -> tuple[Panel | None, tuple[Fault, ...]]:
    """Code units and number periods; unit × time must be complete and unique."""
    source, name = sources.columns, sources.name
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
        order = order_by_content(source.columns, mentioned(study, list(source.columns)), codes, source.n_rows)
    panel = Panel(
        source.columns,
        source.n_rows,
        study.unit,
        study.time,
        study.step,
        source.sha256,
        sources.files[0].path,
        name,
        None if units is None else units[0],
        () if units is None else units[1],
        periods,
        study.never,
        keys,
        files=sources.files,
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
