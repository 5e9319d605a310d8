"""The panel: every column of the data, read-only, and how its rows hang together over time.

`read_panel` goes from a study to its panel: it reads the data, checks unit × time and says everything that is wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Bools, Floats, Ints
from specdid._diagnostics import Fault, Origin, did_you_mean, fault_at
from specdid._hashing import Words, spread, text_word
from specdid._study import Never, Study
from specdid.panel.columns import (
    Column,
    ReadColumns,
    cell_text,
    listed_rows,
    number_text,
    rank,
    repeats_advice,
)
from specdid.panel.joined import SourceFile
from specdid.panel.operators import USABLE
from specdid.panel.sources import Sources, mentioned, read_sources
from specdid.panel.times import (
    STEPS,
    Calendar,
    StepError,
    calendar_of,
    fitting_step,
    known_step,
    odd_times,
    period_numbers,
    text_time_advice,
    time_fault,
)

MOST_PERIODS = 2.0**52
"""Periods from 0 beyond which a number may not tell one from the next."""


@dataclass(frozen=True, slots=True)
class Panel:
    """The data of a study, its rows by unit and period (see `order_rows`).

    Attributes
    ----------
    columns : name -> Column, in data order.
    n_rows : int
    unit, time : the names of the columns, None where the study declares none.
    unit_columns : of a unit that several columns make: those; ``unit`` is then the column of their combinations.
    step : how one period follows another (see ``panel.times``); None is whole numbers.
    sha256 : hex digest of the file, or of the columns of a frame in memory; of several files, of all and their joins.
    path : the study's own file, None for a frame in memory.
    name : the data as messages call them.
    files : what the columns come from: the study's own file or frame, then those that are joined.
    unit_codes : (n,) int64 or None
        Units from 0 in sorted order.
    unit_levels : the units as text, by code.
    periods : (n,) int64 or None
        Period numbers; one step is 1.
    never : which cohorts mean never treated.
    sorted_keys : (n,) int64 or None
        What rows are sorted by: unit × span + period, where there are both.
    file_rows : (n,) int64 or None
        Where each row stands in the file, from 0; None where it is the same place.
    """

    columns: Mapping[str, Column]
    n_rows: int
    unit: str | None = None
    time: str | None = None
    step: str | None = None
    sha256: str = ""
    path: Path | None = None
    name: str = "data"
    unit_codes: Ints | None = None
    unit_levels: tuple[str, ...] = ()
    periods: Ints | None = None
    never: Never = field(default_factory=Never)
    sorted_keys: Ints | None = field(default=None, repr=False)
    file_rows: Ints | None = field(default=None, repr=False)
    files: tuple[SourceFile, ...] = ()
    unit_columns: tuple[str, ...] = ()

    @property
    def names(self) -> str:
        """Name all files that the columns come from."""
        others = dict.fromkeys(file.name for file in self.files[1:] if file.option is None)
        joined = [name for name in others if name != self.name]
        return " and ".join([", ".join([self.name, *joined[:-1]]), *joined[-1:]])

    @property
    def accounts(self) -> tuple[str, ...]:
        """Say how each file was reshaped and joined."""
        reshaped = ((file.name.removesuffix(" (reshaped)"), file.layout) for file in self.files)
        found = [f"{name}: {layout.words}" for name, layout in reshaped if layout is not None]
        return (*found, *(file.account(self.n_rows) for file in self.files[1:]))

    @property
    def calendar(self) -> Calendar | None:
        """Return whose rows stand in which periods, where there are units and periods."""
        written = None if self.time is None else self.columns[self.time].numbers
        return calendar_of(self.periods, self.unit_codes, self.unit_levels, self.step, written)

    def row_numbers(self, rows: Ints) -> Ints:
        """Return the numbers of rows in the file, from 1: how messages and written programs call them."""
        return (rows if self.file_rows is None else self.file_rows[rows]) + 1

    def row_number(self, row: int) -> int:
        """Return the number of one row in the file."""
        return int(self.row_numbers(np.array(row)))

    def to_periods(self, values: Floats) -> Floats:
        """Return the periods of values written like the time column; inf and NaN stay.

        A value after the last one of the panel that is no period (999999) becomes inf.

        Raises
        ------
        StepError
            Where any other value is no period (201213 with months).
        """
        written = self.columns[self.time].numbers if self.time else None
        if written is None or not len(written):
            return period_numbers(values, self.step)
        start = float(written.min())
        try:
            return period_numbers(values, self.step, start)
        except StepError:
            return period_numbers(np.where(values > written.max(), np.inf, values), self.step, start)

    def unit_names(self, codes: Ints, rows: Ints | None = None) -> NDArray[np.str_]:
        """Return the units' names by ``codes``, which number the units of all rows or of ``rows``; -1 is none."""
        assert self.unit_codes is not None
        first = np.unique(codes, return_index=True)[1]
        first = first[codes[first] >= 0]
        return np.array(self.unit_levels)[self.unit_codes[first if rows is None else rows[first]]]

    def shifted_rows(self, shift: int) -> Ints:
        """Give, for each row, the row of the same unit ``shift`` periods earlier, -1 where none.

        A panel with unit and time is required; ``shift`` may be negative (later).
        """
        assert self.unit_codes is not None
        assert self.periods is not None
        assert self.sorted_keys is not None
        low, width = _span(self.periods)
        wanted = self.periods - low - shift
        key = self.unit_codes * width + wanted
        place = np.minimum(np.searchsorted(self.sorted_keys, key), self.n_rows - 1)
        found = (self.sorted_keys[place] == key) & (wanted >= 0) & (wanted < width)
        return np.where(found, place, -1)


def _order_rows(unit_codes: Ints, periods: Ints) -> tuple[Ints, Ints]:
    """Sort rows by unit and period; gives the order and the sorted keys (unit × span + period).

    Raises
    ------
    OverflowError
        Where periods span so much that a key has no room in 63 bits.
    """
    low, width = _span(periods)
    if (int(unit_codes.max()) + 1) * width >= 2**62:
        raise OverflowError(width)
    key = unit_codes * width + (periods - low)
    order = np.argsort(key, kind="stable")
    return order, key[order]


def _span(periods: Ints) -> tuple[int, int]:
    """Return the first period, and how many there are to the last."""
    low = int(periods.min())
    return low, int(periods.max()) - low + 1


def _repeated(keys: Ints) -> Bools:
    """Mark, among sorted keys, those equal to the one before."""
    same = np.zeros(len(keys), dtype=bool)
    same[1:] = keys[1:] == keys[:-1]
    return same


def _order_by_content(columns: Mapping[str, Column], names: Iterable[str], codes: Ints | None, n_rows: int) -> Ints:
    """Sort rows by ``codes`` (of units or periods) where there are any, then by a hash of their cells.

    Parameters
    ----------
    names : the columns that are hashed, in any order
    """
    words = np.zeros(n_rows, np.uint64)
    for name in names:
        column = columns[name]
        if column.kind in USABLE:  # others hold nothing that can be used
            words += spread(_cell_words(column) ^ np.uint64(_seed(name)))
    return np.lexsort((words,) if codes is None else (words, codes))


def _cell_words(column: Column) -> Words:
    """Return a word for each cell: the same for equal cells, and for all missing ones."""
    if column.numbers is not None:
        numbers = np.where(np.isnan(column.numbers), np.nan, column.numbers + 0.0)
        return spread(numbers.view(np.uint64))
    assert column.codes is not None
    table = np.array([*map(_seed, column.levels), 0], dtype=np.uint64)
    return np.asarray(table[column.codes])


def _seed(text: str) -> int:
    return text_word(text, "little")


def declared_never(panel: Panel, cohort: Floats) -> Bools:
    """Mark the rows whose cohort holds one of the values that [study] ``never`` declares."""
    found = np.isin(cohort, panel.never.values)
    return found | np.isnan(cohort) if panel.never.empty else found


def never_treated(panel: Panel, cohort: Floats) -> Bools:
    """Mark the rows of never treated units: the declared values, +inf, and after the last period.

    ``cohort`` (n,) is written as the time column is.
    """
    found = declared_never(panel, cohort)
    written = panel.columns[panel.time].numbers if panel.time is not None else None
    last = np.inf if written is None or not len(written) else written.max()
    return np.asarray(found | (cohort > last) | (cohort == np.inf))


def first_periods(panel: Panel, cohort: Floats) -> Floats:
    """Turn a cohort into the numbers of first treated periods, (n,); NaN is never treated.

    Raises
    ------
    StepError
        Where a value is neither a period nor one that means never treated.
    """
    first = np.full(panel.n_rows, np.nan)
    treated = ~(never_treated(panel, cohort) | np.isnan(cohort))
    first[treated] = panel.to_periods(cohort[treated])
    return first


def period_names(panel: Panel, cohort: Floats | None = None) -> dict[float, str]:
    """Return the panel's periods, and first treated periods, as the data write them: by number, in order.

    ``cohort`` (n,) is written as the time column is.
    """
    names = {}
    if cohort is not None:
        first = first_periods(panel, cohort)
        known = np.flatnonzero(np.isfinite(first))
        periods, row = np.unique(first[known], return_index=True)
        names = dict(zip(periods.tolist(), map(number_text, cohort[known[row]].tolist()), strict=True))
    if panel.periods is not None and panel.time is not None:
        periods, row = np.unique(panel.periods, return_index=True)
        names |= {float(t): cell_text(panel.columns[panel.time], k) for t, k in zip(periods, row.tolist(), strict=True)}
    return dict(sorted(names.items()))


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
    parts = study.unit_columns if unit else ()
    keyless = replace(study, unit=unit, unit_columns=parts, time=time, step=study.step if time else None)
    return _structure(keyless, sources)[0]


def _structure(study: Study, sources: Sources) -> tuple[Panel | None, tuple[Fault, ...]]:
    """Code units and number periods; unit × time must be complete and unique."""
    source, name = sources.columns, sources.name
    derived = study.derive.keys()
    time = study.time
    faults: list[Fault] = []
    for part in study.unit_parts:
        faults += _key_faults(part, study.unit_origin, source, name, "unit", derived)
    faults += _key_faults(time, study.time_origin, source, name, "time", derived)
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
            order, keys = _order_rows(units[0], periods)
        except OverflowError:
            return None, (time_fault(study, "bad_time", f"`{study.time}` spans too many periods"),)
        twice = _repeated(keys)
        if twice.any():
            return None, (_duplicates(study, source, name, order, twice),)
    else:
        codes = units[0] if units is not None else periods
        order = _order_by_content(source.columns, mentioned(study, list(source.columns)), codes, source.n_rows)
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
        unit_columns=study.unit_columns,
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


def _key_faults(
    key: str | None,
    origin: Origin | None,
    source: ReadColumns,
    name: str,
    role: str,
    derived: Collection[str],
) -> tuple[Fault, ...]:
    if key is None:
        return ()
    origin = origin or Origin(("study", role))
    column = source.columns.get(key)
    if column is None:
        advice = did_you_mean(key, source.columns) or _some_columns(source)
        if key in derived:
            advice = f"the {role} cannot be derived: [derive] follows it; write `{key}` into the file; {advice}"
        return (fault_at(origin, None, "no_column", f"no column `{key}` in {name}", advice),)
    gaps = np.flatnonzero(column.missing)
    if gaps.size:
        message = f"`{key}` is missing in {listed_rows(gaps)} of {name}"
        return (fault_at(origin, None, "missing_key", message, help=f"every row needs its {role}"),)
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
        advice = text_time_advice(column)
        message = f"`{study.time}` is {what} in {name}, as “{example}”"
        return None, (time_fault(study, "bad_time", message, advice),)
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
        return None, (time_fault(study, "bad_time", f"`{study.time}` holds {shown}, which {error}", advice),)
    if not np.isfinite(numbers).all():
        return None, (time_fault(study, "bad_time", f"`{study.time}` is infinite in rows of {name}"),)
    if np.abs(numbers).max(initial=0.0) > MOST_PERIODS:
        return None, (time_fault(study, "bad_time", f"`{study.time}` spans too many periods"),)
    periods = numbers.astype(np.int64)
    periods.setflags(write=False)
    return periods, ()


def _duplicates(study: Study, source: ReadColumns, name: str, order: Ints, twice: np.ndarray) -> Fault:
    unit, time = source.columns[study.unit or ""], source.columns[study.time or ""]
    places = np.flatnonzero(twice)
    notes = tuple(
        f"{study.unit} {cell_text(unit, order[p])}, {study.time} {cell_text(time, order[p])}: "
        f"data rows {order[p - 1] + 1:,} and {order[p] + 1:,}"
        for p in places[:3]
    )
    rows = "row repeats" if places.size == 1 else "rows repeat"
    return fault_at(
        study.unit_origin or Origin(("study", "unit")),
        None,
        "unit_time",
        f"{places.size:,} {rows} a `{study.unit}` × `{study.time}` that is already in {name}",
        help=repeats_advice(source.columns, study.unit_parts, study.time or ""),
        notes=notes,
    )
