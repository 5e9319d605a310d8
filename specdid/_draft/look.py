"""What a panel's columns are: unit and time, treatments and cohorts, candidates for outcomes, groups and weights.

Unit and time are taken where exactly one pair of columns is a key: one row for each unit and period, units seen in
several periods. A treatment is taken where exactly one column is 0/1 and switches from 0 to 1 once in each unit that
it reaches, at times that differ between units. Anything less is refused with what was found, so that a person says it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._diagnostics import Fault, SpecError, did_you_mean, first_few, many
from specdid._study import UNIT
from specdid._toml import toml_text
from specdid.language import LanguageError, Scope, bind, write, write_name
from specdid.language import parse as parse_expression
from specdid.language.tree import Name, Text
from specdid.panel import Column, Evaluator, Panel, StepError, missing_codes, number_text, period_numbers
from specdid.panel.columns import (
    cell_text,
    join_codes,
    listed_rows,
    number,
    parted_time_advice,
    rank,
    repeats_advice,
)
from specdid.panel.labels import labelled_missing
from specdid.panel.operators import (
    DATED,
    STATA_DATES,
    examples,
    number_advice,
    numbers_as_text,
    parse,
    read_number,
    reading,
)
from specdid.panel.reshape import are_years
from specdid.panel.times import fitting_step, numbered, text_time_advice

TIME_NAMES = re.compile(
    r"(?i)^(t|tt|year|years|yr|fyear|time|period|per|date|month|quarter|qtr|week|wave|round|day|ym|yq|anno|annee|jahr)$"
    r"|(^|_|\.)(year|yr|date|period)($|_|\.)|^(年|年份|年度|时间|日期)$"
)
UNIT_NAMES = re.compile(
    r"(?i)^(id|nr|unit|code|fips|firm|state|county|country|city|district|school)$|id$|code$|_id|编号"
)
WEIGHT_NAMES = re.compile(r"(?i)pop(ulation|wt)?(?![a-z])|weight|wt$|wgt|人口")
NO_SIZE = re.compile(
    r"(?i)percent|pct|perc|share|rate|ratio|densit|growth|aged|birth|body|over|under|(^|_)(ln|log|l)(_|$)|%|[比率度]|log|^ln"
)
"""What the name of a share, a growth rate or a log says: no size, and no weight."""
MOST_SHOWN = 12
"""Columns that a list names."""
MOST_PARTS = 4
"""Columns whose combinations may be units."""
SCREENED = 2_000
"""Rows of one period in which combinations must differ before all rows are looked at."""
SPAN = 5
"""Periods before and after adoption that a draft's event study shows at most."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a person says in place of the columns."""

    unit: tuple[str, ...] = ()
    time: str | None = None
    treatment: str | None = None
    outcome: str | None = None
    expression: str | None = None  # of which the treatment is made


@dataclass(frozen=True, slots=True)
class PanelKey:
    """A unit and a time: one row for each pair.

    ``codes`` and ``periods`` (n,) number units and periods; ``same`` are other columns that number the same units.
    ``parts`` are the columns whose combinations units are; where they are several, ``unit`` is the column they make.
    """

    unit: str
    time: str
    step: str | None
    codes: Ints
    periods: Ints
    written: Floats
    units: int
    times: int
    parts: tuple[str, ...] = ()
    same: tuple[str, ...] = ()

    @property
    def of(self) -> str:
        """Name the unit in a message."""
        return " × ".join(self.parts)


@dataclass(frozen=True, slots=True)
class Treatment:
    """A 0/1 treatment, and since when.

    ``term`` is a column, or None where it follows from ``cohort``, a column of first treated periods, or from ``group``
    and ``after``, 0/1 columns of who is treated and since when; ``first`` (n,) is the period number, inf for never.
    ``never`` is what [study] never must say.
    """

    why: str
    term: str | None = None
    cohort: str | None = None
    group: str | None = None
    after: str | None = None
    first: Floats | None = None
    never: tuple[float | str, ...] = ()
    lags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found in a file; ``others`` are columns that might be treatments, with what speaks against each.

    ``decided`` is the group, larger than the unit, in which all are treated alike at every time.
    ``aside`` are the outcomes that are no controls beside the first one, and why; ``text_numbers`` are columns of text
    whose cells are numbers, and how they become numbers; ``made`` are outcomes of text: the name in [derive] of their
    numbers, and the expression that reads them;
    ``codes`` are numbers of outcomes that may mean missing, and in how many rows they stand; ``called`` are the value
    labels of those that the file labels as missing; ``infinite`` are columns that would be outcomes without their
    infinite cells, and where these are, and columns of durations.
    """

    name: str
    n_rows: int
    key: PanelKey
    treatment: Treatment
    outcomes: tuple[str, ...]
    outcome_given: bool
    others: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, tuple[int, bool]] = field(default_factory=dict)
    decided: str | None = None
    weights: tuple[str, ...] = ()
    missing: Mapping[str, int] = field(default_factory=dict)
    positive: frozenset[str] = frozenset()
    aside: Mapping[str, str] = field(default_factory=dict)
    text_numbers: Mapping[str, str] = field(default_factory=dict)
    made: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    codes: Mapping[str, tuple[tuple[float, int], ...]] = field(default_factory=dict)
    infinite: Mapping[str, str] = field(default_factory=dict)
    called: Mapping[str, Mapping[float, str]] = field(default_factory=dict)
    expression: str | None = None


def look(columns: dict[str, Column], n_rows: int, name: str, chosen: Chosen) -> Looked:
    """Look at the columns of the file ``name``.

    Raises
    ------
    SpecError
        Where unit, time or treatment cannot be known from the data, or what ``chosen`` names is not there; with what
        else there is to be mended, as far as that can be known.
    """
    try:
        return _look(*_with_treatment(columns, n_rows, name, chosen))
    except SpecError as error:
        *first, last = error.faults
        said = "".join(f"{f.message}{f.help}{f.notes}" for f in error.faults)
        texts = {n: number_advice(c, write_name(n)) for n, c in columns.items() if c.is_text}
        notes = [f"`{n}` is text: {advice}" for n, advice in texts.items() if advice and f"`{n}`" not in said]
        raise SpecError([*first, replace(last, notes=(*last.notes, *notes[:MOST_SHOWN]))]) from None


def _with_treatment(
    columns: dict[str, Column], n_rows: int, name: str, chosen: Chosen
) -> tuple[dict[str, Column], int, str, Chosen]:
    """Make a column of a treatment that is an expression of columns."""
    written = chosen.treatment
    if written is None or written in columns:
        return columns, n_rows, name, chosen
    try:
        tree = parse_expression(written)
        if isinstance(tree, Name):
            return columns, n_rows, name, chosen
        value = Evaluator(Panel(columns, n_rows)).column(bind(tree, Scope.of(columns))).broadcast(n_rows)
    except LanguageError as error:
        first = error.problems[0]
        raise _refused("draft_treatment", f"`{written}` is no treatment: {first.message}", first.help) from None
    made = "treated"
    while made in columns:
        made += "_1"
    return {**columns, made: value}, n_rows, name, replace(chosen, treatment=made, expression=written)


def _look(columns: dict[str, Column], n_rows: int, name: str, chosen: Chosen) -> Looked:
    absent = [n for n in (*chosen.unit, chosen.time, chosen.treatment, chosen.outcome) if n and n not in columns]
    if absent:
        raise _together(
            [_refused("no_column", f"no column `{n}` in {name}", _meant(n, columns, chosen)) for n in absent]
        )
    usable = {n: c for n, c in columns.items() if not c.kind and len(c.missing) == n_rows}
    outcome = None if chosen.outcome is None else columns[chosen.outcome]
    wrong = _text_outcome(chosen.outcome, outcome, name) if chosen.outcome and outcome and outcome.is_text else []
    try:
        key = _key(columns, usable, n_rows, name, chosen)
    except SpecError as error:
        if (whole := _without_end(columns, n_rows)) < n_rows:
            try:
                _look({n: c.in_order(np.arange(whole)) for n, c in columns.items()}, whole, name, chosen)
            except SpecError as further:
                wrong = [further]
        raise _together([error, *wrong]) from None
    rest = {n: c for n, c in usable.items() if n not in (key.unit, key.time, *key.same)}
    try:
        treatment, others = _treatment(rest, key, name, chosen.treatment, columns)
    except SpecError as error:
        free = {n: c for n, c in rest.items() if n != chosen.treatment}
        if not wrong and not any(_outcomes(free, key)) and not any(_read(c, n) for n, c in free.items()):
            wrong = [_no_outcome(free, dict(_infinite(free, key)), key, name)]
        raise _together([error, *wrong]) from None
    used = {treatment.term, treatment.cohort, treatment.group, treatment.after, *treatment.lags, *others}
    free = {n: c for n, c in rest.items() if n not in used}
    outcomes = tuple(_outcomes(free, key))
    infinite = dict(_infinite(free, key))
    made: dict[str, tuple[str, str]] = {}
    if not outcomes or (outcome is not None and outcome.is_text):
        named = list(free) if chosen.outcome is None else [chosen.outcome]
        read = {n: r for n in named if (r := _read(columns[n], write_name(n))) is not None}
        numeric = {n: column for n, (column, _) in read.items()}
        found = tuple(numeric) if chosen.outcome is not None else tuple(_outcomes(numeric, key))
        made = {n: (_new_name(n, columns), read[n][1]) for n in found}
        columns, usable, outcomes = columns | numeric, usable | numeric, (*found, *outcomes)
    if chosen.outcome is not None:
        if wrong:
            raise _together(wrong)
        outcomes = (chosen.outcome, *(n for n in outcomes if n != chosen.outcome))
    if not outcomes:
        raise _no_outcome(free, infinite, key, name)
    groups = dict(_groups(rest, key, treatment))
    called = {n: labelled_missing(c.labels, c.numbers) for n in outcomes if (c := columns[n]).numbers is not None}
    return Looked(
        name,
        n_rows,
        key,
        treatment,
        outcomes,
        chosen.outcome is not None,
        others,
        groups,
        _decided(groups, rest, key, treatment),
        tuple(n for n in outcomes if WEIGHT_NAMES.search(n) and not NO_SIZE.search(n) and _positive(columns[n])),
        {n: int(c.missing.sum()) for n, c in usable.items() if c.missing.any()},
        frozenset(n for n in outcomes if _positive(columns[n])),
        dict(_aside(outcomes, columns, key, treatment)),
        {
            n: advice
            for n, c in rest.items()
            if n not in used and n not in made and c.is_text and (advice := number_advice(c, write_name(n)))
        },
        made,
        dict(_codes(outcomes, columns, called)),
        {n: said for n, said in infinite.items() if n not in outcomes}
        | {n: "of durations: write them as numbers" for n, c in columns.items() if c.kind == "durations"},
        called,
        chosen.expression,
    )


def _meant(absent: str, columns: Mapping[str, Column], chosen: Chosen) -> str | None:
    parts = [part for part in re.split(r"[\s,^+*:]+", absent) if part in columns]
    if absent in chosen.unit and len(parts) > 1:
        return f"several columns are given one by one: {' '.join(f'--unit {shlex.quote(part)}' for part in parts)}"
    return did_you_mean(absent, list(columns))


def _together(errors: Sequence[SpecError]) -> SpecError:
    return SpecError([fault for error in errors for fault in error.faults])


def _text_outcome(outcome: str, column: Column, name: str) -> list[SpecError]:
    """Return what is wrong with an outcome of text that is named; nothing where its numbers can be read."""
    if _read(column, write_name(outcome)) is not None:
        return []
    advice = number_advice(column, write_name(outcome)) or f"its values are {examples(column)}"
    return [_refused("draft_outcome", f"`{outcome}` is text in {name}, and an outcome is a number", advice)]


def _no_outcome(free: Mapping[str, Column], infinite: Mapping[str, str], key: PanelKey, name: str) -> SpecError:
    message = f"no numeric column of {name} varies within `{key.of}` beside the treatment"
    notes = [
        f"`{n}` is text: {advice}" for n, c in free.items() if c.is_text and (advice := number_advice(c, write_name(n)))
    ]
    notes += [f"`{n}` is {said}" for n, said in infinite.items()]
    return _refused("draft_outcome", message, "name the outcome: --outcome COLUMN", notes[:MOST_SHOWN])


def _codes(
    outcomes: Sequence[str], columns: Mapping[str, Column], called: Mapping[str, Mapping[float, str]]
) -> Iterator[tuple[str, tuple[tuple[float, int], ...]]]:
    """Return the columns with numbers that may mean missing, and these with their rows."""
    for n in outcomes:
        if (values := columns[n].numbers) is not None:
            far, labels = missing_codes(values), called.get(n, {})
            labelled = [(code, int(np.count_nonzero(values == code))) for code in labels]
            if codes := (*(code for code in far if code[0] not in labels), *labelled):
                yield n, codes


def _refused(code: str, message: str, help: str | None, notes: Sequence[str] = ()) -> SpecError:
    return SpecError([Fault(code, message, help=help, notes=tuple(notes))])


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{n}`" for n in names[:MOST_SHOWN])
    return shown + (f" and {len(names) - MOST_SHOWN:,} more" if len(names) > MOST_SHOWN else "")


# unit and time


@dataclass(frozen=True, slots=True)
class _Time:
    name: str
    step: str | None
    periods: Ints
    written: Floats
    times: int


def _key(
    columns: Mapping[str, Column], usable: Mapping[str, Column], n_rows: int, name: str, chosen: Chosen
) -> PanelKey:
    times = _times(columns, usable, name, chosen.time)
    wanted = [chosen.unit] if chosen.unit else [(n,) for n in usable]
    found = [
        key
        for time in times
        for unit in wanted
        if (key := _pair(usable, unit, time, n_rows, bool(chosen.unit))) is not None
    ]
    if not found and not chosen.unit:
        found = list(_of_several(usable, times, n_rows))
    classes: list[PanelKey] = []
    for key in found:
        same = next((k for k in classes if _same(k.codes, key.codes) and _same(k.periods, key.periods)), None)
        if same is None:
            classes.append(key)
        elif len(key.parts) == 1 and key.unit != same.unit and key.time == same.time and key.unit not in same.same:
            classes[classes.index(same)] = _merged(same, key)
    if len(classes) == 1:
        return classes[0]
    if not classes:
        raise _no_key(usable, times, n_rows, name, chosen)
    notes = [f"{_key_name(k.parts, k.time)}: {k.units:,} units, {k.times:,} periods" for k in classes[:MOST_SHOWN]]
    message = f"several pairs of columns of {name} have one row each: which is unit and time cannot be known"
    raise _refused("draft_keys", message, "say it: --unit COLUMN --time COLUMN", notes)


def _key_name(unit: Sequence[str], *time: str) -> str:
    return " × ".join(f"`{n}`" for n in (*unit, *time))


def _merged(one: PanelKey, other: PanelKey) -> PanelKey:
    """Join two columns of the same units; the one that is called like a unit is taken, else the first."""
    first, second = one, other
    if UNIT_NAMES.search(other.unit) and not UNIT_NAMES.search(one.unit):
        first, second = other, one
    return replace(first, same=(*one.same, second.unit))


def _of_several(usable: Mapping[str, Column], times: Sequence[_Time], n_rows: int) -> Iterator[PanelKey]:
    """Return the smallest sets of columns, pairs first, that are a key with a time.

    Only sets that differ in every row of one period are looked at in all rows. Of columns that part the rows alike
    the first counts.
    """
    codes: dict[str, Ints] = {}
    for n, column in usable.items():
        if column.missing.any() or (
            column.numbers is not None and not (column.numbers == np.round(column.numbers)).all()
        ):
            continue
        coded, levels = rank(column)
        if 2 <= levels <= n_rows / 4 and not TIME_NAMES.search(n) and not any(_same(coded, c) for c in codes.values()):
            codes[n] = coded
    for size in range(2, MOST_PARTS + 1):
        found = False
        for time in times:
            values, counts = np.unique(time.periods, return_counts=True)
            there = np.flatnonzero(time.periods == values[counts.argmax()])[:SCREENED]
            screen = {n: (c[there], int(c.max()) + 1) for n, c in codes.items() if n != time.name}
            for parts in combinations(screen, size):
                joined, _ = join_codes([screen[n] for n in parts])
                if len(np.unique(joined)) < len(there) or _part_of_time(usable, parts, time.name):
                    continue
                if (key := _pair(usable, parts, time, n_rows, False)) is not None:
                    found = True
                    yield key
        if found:
            return


def _times(columns: Mapping[str, Column], usable: Mapping[str, Column], name: str, given: str | None) -> list[_Time]:
    if given is not None:
        time = _time(given, columns[given])
        if time is None:
            message = f"`{given}` cannot be the time of {name}: it is {_not_time(columns[given])}"
            raise _refused("draft_time", message, _time_help(given, columns))
        return [time]
    found = []
    for n, column in usable.items():
        time = _time(n, column)
        if time is not None and (TIME_NAMES.search(n) or _years(time.written)):
            found.append(time)
    if found:
        return found
    dates = [n for n, c in columns.items() if c.kind in STATA_DATES and _time(n, c) is not None]
    texts = [n for n, c in columns.items() if TIME_NAMES.search(n) and _time(n, c) is None]
    notes = [f"`{n}` is {_not_time(columns[n])}" for n in texts[:3]]
    message = f"no column of {name} looks like the time: whole numbers without gaps, called year or so, or years"
    gaps = [columns[n].missing for n in texts]
    footers = [said for gap in gaps if (said := _headings_between(columns, gap))]
    footers += [said for n in texts if (said := _untimed(n, columns))]
    written = [text_time_advice(columns[n]) for n in texts if columns[n].levels]
    asked = f"say which it is: --time {' or --time '.join(dates[:3])}" if dates else "say which it is: --time COLUMN"
    notes += [f"`{n}` is a date of Stata, {columns[n].kind}" for n in dates[:3]]
    wide = [] if written else [*_wide(columns)]
    advice = next(iter(footers + written + wide), asked)
    raise _refused("draft_time", message, advice, notes)


def _wide(names: Iterable[str]) -> Iterator[str]:
    """Say how a file with a column per year, y_1998, y_1999, …, is read, if its columns are called so."""
    patterns: dict[str, list[str]] = {}
    brief: dict[str, dict[str, str]] = {}  # y_98
    for name in names:
        if len(parts := re.split(r"(?<!\d)(?:19|20)\d\d(?!\d)", name)) == 2:
            patterns.setdefault("{year}".join(parts), []).append(name)
        elif (short := re.fullmatch(r"(.*\D)(\d\d)", name)) is not None:
            brief.setdefault(f"{short[1]}{{year}}", {})[short[2]] = name
    patterns |= {pattern: [*found.values()] for pattern, found in brief.items() if are_years(found)}
    wide = {pattern: found for pattern, found in patterns.items() if len(found) > 2}
    if wide:
        texts = ", ".join(map(toml_text, [*wide][:3]))
        columns = '{ value = "{year}" }' if "{year}" in wide else f"[{texts}]"  # a new column needs a name
        some = _named(wide.get("{year}", next(iter(wide.values())))[:2])
        yield (
            f"if each year has a column, as {some}, write the file of the study by hand "
            f'with reshape = {{ time = "year", columns = {columns} }} in [study], or bring the data into long '
            "format, a row per unit and year; else say which it is: --time COLUMN"
        )


def _time_help(name: str, columns: Mapping[str, Column]) -> str:
    column = columns[name]
    if not column.is_text and column.missing.any():
        return (
            _headings_between(columns, column.missing)
            or _untimed(name, columns)
            or "every row needs its time: fill these cells, or delete the rows"
        )
    return text_time_advice(column)


def _headings_between(columns: Mapping[str, Column], missing: Bools) -> str:
    """Say that rows without a time hold one text alone, in a column that is blank in all others; "" where it is not."""
    rows = np.flatnonzero(missing)
    filled = [n for n, c in columns.items() if len(c.missing) == len(missing) and not c.missing[rows].all()]
    if len(filled) != 1 or rows.size < 2 or not (columns[filled[0]].missing == ~missing).all():
        return ""
    return (
        f"{listed_rows(rows)} hold `{filled[0]}` alone (“{cell_text(columns[filled[0]], int(rows[0]))}”), and no other "
        "row has it: where it is that of the rows below, write it into each of them, and delete the rows that hold "
        "nothing else"
    )


def _untimed(name: str, columns: Mapping[str, Column]) -> str:
    """Say what the rows hold in which a column is missing that else would be the time; "" where it would not."""
    rows, column = np.flatnonzero(columns[name].missing), columns[name]
    known = np.flatnonzero(~column.missing)
    if column.is_text or not rows.size or not known.size or _time(name, column.in_order(known)) is None:
        return ""
    texts = [c for c in columns.values() if c.codes is not None and len(c.codes) == len(column.missing)]
    held = next((c for c in texts if not c.missing[rows[0]]), None)
    there = f"`{name}` is missing in {listed_rows(rows)}"
    them = "the rows" if rows.size > 1 else "the row"
    if held is None or held.codes is None or np.isin(held.codes[known], held.codes[rows[0]]).any():
        cells = "these cells" if rows.size > 1 else "this cell"
        return f"{there}: every row needs its time; fill {cells}, or delete {them}"
    return (
        f"{there} (“{cell_text(held, int(rows[0]))[:60]}”): delete {them} where that is a total, a note or units of "
        "measurement, else write the time into the file"
    )


def _without_end(columns: Mapping[str, Column], n_rows: int) -> int:
    """Return how many rows there are without those at the end that lack a column that else would be the time."""
    for n, c in columns.items():
        if TIME_NAMES.search(n) and not c.is_text and len(c.missing) == n_rows and _untimed(n, columns):
            known = int(np.argmin(~c.missing))
            return known if c.missing[known:].all() else n_rows
    return n_rows


def _time(name: str, column: Column) -> _Time | None:
    """Return a column as time, if it can be: whole numbers, none missing, at least two."""
    values = column.numbers
    if values is None or np.isnan(values).any() or not np.isfinite(values).all():
        return None
    distinct = np.unique(values)
    if not 2 <= len(distinct) <= max(2, len(values) / 2) or np.abs(distinct).max() > 1e9:
        return None
    step = fitting_step(distinct) if distinct.min() >= 10_000 and not column.kind else None
    try:
        if step is None and (gaps := np.diff(distinct)).min() > 1 and (gaps == np.round(gaps)).all():
            width = int(np.gcd.reduce(gaps.astype(np.int64)))
            step = str(width) if width > 1 else None
        periods = period_numbers(np.asarray(values), step, float(distinct[0]))
    except StepError:
        return None
    return _Time(name, step, periods.astype(np.int64), np.asarray(values), len(distinct))


def _not_time(column: Column) -> str:
    if column.kind:
        return column.kind if column.kind == "durations" else f"a {column.kind}"
    if column.is_text:
        return "text"
    if column.missing.any():
        return f"missing in {listed_rows(np.flatnonzero(column.missing))}"
    return "no whole numbers that repeat"


def _years(values: Floats) -> bool:
    return bool(values.min() >= 1500 and values.max() <= 2200)


def _part_of_time(usable: Mapping[str, Column], parts: Sequence[str], time: str) -> bool:
    """Say whether one of ``parts`` is a quarter or the like, and the time its year."""
    for part in parts:
        others = [n for n in parts if n != part]
        if parted_time_advice({n: usable[n] for n in (*parts, time)}, others, time):
            return True
    return False


def _pair(
    usable: Mapping[str, Column], unit: tuple[str, ...], time: _Time, n_rows: int, given: bool
) -> PanelKey | None:
    """Return unit × time if it is a key whose units are seen in several periods."""
    columns = [usable[n] for n in unit if n in usable]
    if len(columns) < len(unit) or time.name in unit or (not given and any(TIME_NAMES.search(n) for n in unit)):
        return None
    if any(
        c.missing.any() or (c.numbers is not None and not (c.numbers == np.round(c.numbers)).all()) for c in columns
    ):
        return None
    codes, units = join_codes([rank(column) for column in columns])
    if not 2 <= units <= n_rows * 0.75:
        return None
    _, place = np.unique(time.periods, return_inverse=True)
    if len(np.unique(codes * time.times + place.reshape(-1))) < n_rows:
        return None
    if (np.bincount(codes) > 1).mean() < 0.5:  # units seen once are no units
        return None
    named = unit[0] if len(unit) == 1 else UNIT
    return PanelKey(named, time.name, time.step, codes, time.periods, time.written, units, time.times, unit)


def _same(one: Ints, other: Ints) -> bool:
    """Say whether two codings part the rows alike."""
    return _pairs(one, other) == len(np.unique(one)) == len(np.unique(other))


def _pairs(one: Ints, other: Ints) -> int:
    """Count the combinations of two codings that occur."""
    first, second = (np.unique(codes, return_inverse=True)[1].reshape(-1) for codes in (one, other))
    return len(np.unique(first * (int(second.max()) + 1) + second))


def _no_key(usable: Mapping[str, Column], times: Sequence[_Time], n_rows: int, name: str, chosen: Chosen) -> SpecError:
    notes = []
    closest: list[tuple[int, tuple[str, ...], str]] = []
    for time in times[:3]:
        best: list[tuple[int, tuple[str, ...]]] = []
        for unit in [chosen.unit] if chosen.unit else [(n,) for n in usable]:
            columns = [usable[n] for n in unit if n in usable]
            if len(columns) < len(unit) or time.name in unit or any(c.missing.any() for c in columns):
                continue
            codes, units = join_codes([rank(column) for column in columns])
            if not 2 <= units <= n_rows * 0.75:
                continue
            repeats = n_rows - _pairs(codes, time.periods)
            if (
                chosen.unit
                or UNIT_NAMES.search(unit[0])
                or (columns[0].is_text and units <= n_rows / 2 and repeats <= 0.05 * n_rows)
            ):
                best.append((repeats, unit))
        for repeats, unit in sorted(best)[:3]:
            told = f"repeats in {many(repeats, 'row')}" if repeats else "has one row each, but most units are seen once"
            twice = _twice(join_codes([rank(usable[n]) for n in unit])[0], time) if repeats else ""
            notes.append(f"{_key_name(unit, time.name)} {told}{twice}")
            closest.append((repeats, unit, time.name))
        closest.sort()
        blank = list(_blank_units(usable, time, n_rows, chosen.unit))
        notes += blank
        if not best and not blank:
            notes.append(f"with `{time.name}` as time no column names units")
    what = "no column and a time have one row each"
    if chosen.unit:
        what = f"{_key_name(chosen.unit)} and time are no key"
    help_ = (
        "a panel has one row for each unit and period; for repeated cross-sections write the file by hand, without unit"
    )
    if closest and 0 < closest[0][0] <= 0.9 * n_rows:
        advice = repeats_advice(usable, *closest[0][1:])
        help_ = f"{advice}; for repeated cross-sections write the file by hand, without unit"
    parted = (parted_time_advice(usable, unit, time) for _, unit, time in closest)
    help_ = next(filter(None, parted), help_)
    return _refused("draft_keys", f"{what} in {name}", help_, notes)


def _blank_units(usable: Mapping[str, Column], time: _Time, n_rows: int, given: Sequence[str]) -> Iterator[str]:
    """Say which column would name units but for few rows in which it is missing."""
    for name in given or usable:
        column = usable.get(name)
        if column is None or name == time.name or not (missing := np.flatnonzero(column.missing)).size:
            continue
        codes, units = rank(column)
        known = codes >= 0
        if not 2 <= units < n_rows / 2:
            told, cause = f"`{name}` is missing in {many(missing.size, 'row')}", False
        else:
            cause = 10 * missing.size <= n_rows and bool(UNIT_NAMES.search(name) or column.is_text)
            cause = cause and _pairs(codes[known], time.periods[known]) == int(known.sum())
            told = f"`{name}` is missing (a blank, or a word as NA) in {listed_rows(missing)}"
            told += ": every row needs its unit; where NA is a name, as a country's code, write another, as NAM" * cause
        if cause or given:
            yield told


def _twice(codes: Ints, time: _Time) -> str:
    """Name the first two rows of one unit and period."""
    cell = codes * (int(time.periods.max() - time.periods.min()) + 1) + time.periods - time.periods.min()
    order = np.argsort(cell, kind="stable")
    (places,) = np.nonzero(np.diff(cell[order]) == 0)
    return f", first data rows {order[places[0]] + 1:,} and {order[places[0] + 1] + 1:,}"


# treatments


def _binary(column: Column) -> Floats | None:
    values = column.numbers
    if values is None:
        return None
    known = values[~np.isnan(values)]
    return values if known.size and set(np.unique(known)) == {0.0, 1.0} else None


@dataclass(frozen=True, slots=True)
class _Path:
    """A 0/1 column along units: who ever has it, whether it goes back, and whether it tells units apart.

    ``late`` is of a column that is 1 in the last of several periods alone: that it stays 1 is not seen.
    """

    values: Floats
    by_unit: bool
    by_time: bool
    back: int
    first: Floats
    gaps: bool
    late: bool


def _path(values: Floats, key: PanelKey) -> _Path:
    known = ~np.isnan(values)
    order = np.lexsort((key.periods, key.codes))
    order = order[known[order]]
    unit, value = key.codes[order], values[order]
    within = unit[1:] == unit[:-1]
    fell = within & (value[1:] < value[:-1])
    ones = known & (values == 1)
    first = np.full(key.units, np.inf)
    np.minimum.at(first, key.codes[ones], key.periods[ones].astype(np.float64))
    return _Path(
        values,
        not (within & (value[1:] != value[:-1])).any(),
        _constant(values, key.periods),
        len(np.unique(unit[1:][fell])),
        first[key.codes],
        not bool(known.all()),
        key.times > 2 and bool((key.periods[ones] == key.periods.max()).all()),
    )


def _constant(values: Floats, codes: Ints) -> bool:
    """Say whether a column is one value in each group, rows without a value aside."""
    known = ~np.isnan(values)
    _, place = np.unique(codes, return_inverse=True)
    place = place.reshape(-1)[known]
    low, high = np.full(place.max(initial=0) + 1, np.inf), np.full(place.max(initial=0) + 1, -np.inf)
    np.minimum.at(low, place, values[known])
    np.maximum.at(high, place, values[known])
    return bool((low >= high).all())


def _treatment(
    rest: Mapping[str, Column], key: PanelKey, name: str, given: str | None, columns: Mapping[str, Column]
) -> tuple[Treatment, dict[str, str]]:
    """Return the treatment and the columns that are none, with why not."""
    paths = {n: _path(v, key) for n, c in rest.items() if (v := _binary(c)) is not None}
    cohorts = {n: t for n, c in rest.items() if (t := _cohort(n, c, key)) is not None}
    if given is not None:
        return _given(given, rest, paths, cohorts, key, columns[given]), _others(paths, cohorts, {given})
    switches = {n: p for n, p in paths.items() if not (p.by_unit or p.by_time or p.back or p.gaps or p.late)}
    partial = _partial(rest, key)
    leading = [
        n for n in switches if not any(_follows(switches[n], switches[m], key, n, m) for m in switches if m != n)
    ]
    dated = {n: [c for c, t in cohorts.items() if _agree(paths[n], t, key)] for n in leading}
    told = [n for n in leading if dated[n]]
    rivals = [n for n, p in partial.items() if not any(_equal(p, switches[m]) for m in leading)]
    if rivals and not told:
        raise _no_treatment(rest, paths, cohorts, [*leading, *rivals], name, key, columns)
    if len(told) == 1:
        n = told[0]
        lags = tuple(m for m in switches if m != n and m not in leading)
        cohort = cohorts[dated[n][0]]
        why = f"0/1, switches once in a {key.of}, exactly when `{cohort.cohort}` says"
        return Treatment(why, n, cohort.cohort, first=cohort.first, never=cohort.never, lags=lags), _others(
            paths, cohorts, {n, *dated[n], *lags}
        )
    made = {n: of for n in leading if (of := _product(n, paths)) is not None}
    if len(made) == 1 and {*leading} <= {*made, *(one for of in made.values() for one in of)}:
        ((n, (group, after)),) = made.items()
        lags = tuple(m for m in switches if m not in leading)
        why = f"0/1, is `{group}` × `{after}`: who is treated, and since when"
        return Treatment(why, n, first=paths[n].first, lags=lags), _others(paths, cohorts, {n, *lags})
    if len(leading) == 1:
        n = leading[0]
        lags = tuple(m for m in switches if m != n)
        starts = np.unique(paths[n].first)
        when = "at times that differ" if np.isfinite(starts).sum() > 1 else "in one period"
        why = f"0/1, switches from 0 to 1 once and never back in a {key.of}, {when}"
        return Treatment(why, n, first=paths[n].first, lags=lags), _others(paths, cohorts, {n, *lags})
    if not leading and len(cohorts) == 1:
        ((n, cohort),) = cohorts.items()
        assert cohort.first is not None
        for who in _who(paths):
            treated = paths[who].values == 1
            begins = np.isfinite(cohort.first)
            if TREATED_NAMES.search(who) and begins[treated].all() and begins[~treated].any():
                message = f"`{who}` is 0 in rows for which `{n}` has a first treated period: which is the treatment?"
                help_ = f"{_who_since(who, n, rest, key)}; if all that `{n}` names are treated: --treatment {n}"
                raise _refused("draft_treatment", message, help_)
        return cohort, _others(paths, cohorts, {cohort.cohort or ""})
    raise _no_treatment(rest, paths, cohorts, leading, name, key, columns)


TREATED_NAMES = re.compile(r"(?i)treat|pilot|处理|试点")


def _who(paths: Mapping[str, _Path]) -> list[str]:
    """Return the 0/1 columns that may say who is treated: one value for a unit; called so first."""
    found = [n for n, p in paths.items() if p.by_unit and not p.gaps]
    return sorted(found, key=lambda n: not TREATED_NAMES.search(n))


def _moments(rest: Mapping[str, Column], key: PanelKey) -> list[str]:
    """Return the columns that hold one period for all units, not the first one: since when, perhaps."""
    found = []
    for n, c in rest.items():
        values = np.empty(0) if c.numbers is None else np.unique(c.numbers[~np.isnan(c.numbers)])
        if len(values) == 1 and values[0] in key.written and values[0] > key.written.min():
            found.append(n)
    return found


def _who_since(who: str, since: str, rest: Mapping[str, Column], key: PanelKey) -> str:
    group, start = write_name(who), write_name(since)
    made = f"{group} * ({write_name(key.time)} >= {start})"
    if rest[since].missing.any():
        made = f"ifelse(is.na({start}), 0, {made})"
    return (
        f"if `{who}` is who is treated and `{since}` since when, the treatment is {made}: write it as a 0/1 column "
        "into the file, or start from `specdid init` alone and make it in [derive]"
    )


def _product(name: str, paths: Mapping[str, _Path]) -> tuple[str, str] | None:
    """Return the 0/1 column of who is treated and the one of since when whose product a column is, if it is one."""
    values = paths[name].values
    around = {n: p for n, p in paths.items() if n != name and not (p.gaps or p.back) and (p.values >= values).all()}
    for group, who in around.items():
        for after, since in around.items():
            if who.by_unit and not since.by_unit and (who.values * since.values == values).all():
                return group, after
    return None


def _partial(rest: Mapping[str, Column], key: PanelKey) -> dict[str, tuple[_Path, _Path]]:
    """Return columns from 0 to 1 that never fall and are parts in between, as a law is in its first year.

    Each as two 0/1 columns: where it is 1, and where it is above 0.
    """
    found = {}
    for n, c in rest.items():
        values = c.numbers
        if values is None or np.isnan(values).any() or values.min() != 0 or values.max() != 1 or _binary(c) is not None:
            continue
        parts = (values > 0) & (values < 1)
        whole, begun = _path((values == 1).astype(float), key), _path((values > 0).astype(float), key)
        if parts.mean() < 0.2 and not (whole.by_time or whole.by_unit or whole.back or begun.back):
            found[n] = whole, begun
    return found


def _equal(partial: tuple[_Path, _Path], path: _Path) -> bool:
    return any(bool((p.values == path.values).all()) for p in partial)


def _no_treatment(
    rest: Mapping[str, Column],
    paths: Mapping[str, _Path],
    cohorts: Mapping[str, Treatment],
    leading: Sequence[str],
    name: str,
    key: PanelKey,
    columns: Mapping[str, Column],
) -> SpecError:
    help_ = (
        "say which it is: --treatment COLUMN (a 0/1 column, one of first treated periods, or one of who is treated "
        "beside one of since when)"
    )
    if leading:
        several = len(leading) > 1
        message = (
            f"{len(leading)} column{'s' * several} of {name} switch{'es' * (not several)} from 0 to 1 in a {key.of}"
        )
        message += ", at once or by a part of the first period: which is the treatment?"
        notes = [_named(leading)]
        if cohorts:
            notes.append(f"first treated periods, one for a {key.of}, could stand in {_named(list(cohorts))}")
        return _refused("draft_treatment", message, help_, notes)
    if cohorts:
        message = f"{len(cohorts)} columns of {name} could be first treated periods: {_named(list(cohorts))}"
        return _refused("draft_treatment", message, help_)
    notes = [f"`{n}` {why}" for n, why in _others(paths, cohorts, set()).items()][:MOST_SHOWN]
    notes += [
        f"`{n}` has two texts, {examples(c)}: if they are who is treated, `--treatment {n}` says how to write that"
        for n, c in rest.items()
        if n not in paths and c.is_text and len(c.levels) == 2
    ][:MOST_SHOWN]
    notes += [said for n, c in rest.items() if n not in paths and n not in cohorts and (said := _nearly(n, c, key))]
    notes += [said for n, c in columns.items() if n not in rest and (said := _adoption(n, c, key))]
    notes += [
        f"`{n}` could be first treated periods, some of them before the data: `--treatment {shlex.quote(n)}` takes it"
        for n, c in rest.items()
        if _cohort(n, c, key, before=True) is not None
    ][:MOST_SHOWN]
    message = f"no column of {name} is 0/1 and switches once in a {key.of}, at times that differ"
    who = _who(paths)
    if who and (moments := _moments(rest, key)):
        help_ = f"{_who_since(who[0], moments[0], rest, key)}; else {help_}"
    if len(since := _since(paths)) == 1 and who:
        help_ = f"who is treated since `{since[0]}` is 1? --treatment {who[0]}" + ", or another of these" * (
            len(who) > 1
        )
    return _refused("draft_treatment", message, help_, notes)


def _nearly(name: str, column: Column, key: PanelKey) -> str:
    """Say what keeps a column from being a 0/1 treatment, or the first treated years: a code, or the years' text."""
    if column.numbers is not None:
        values, counts = np.unique(column.numbers[~np.isnan(column.numbers)], return_counts=True)
        odd = ~np.isin(values, (0.0, 1.0))
        if len(values) == 1 and values[0] == 1 and (blank := int(column.missing.sum())):
            return f"`{name}` is 1, and missing in {many(blank, 'row')}: if these are untreated write 0 in the file"
        if len(values) == 3 and odd.sum() == 1 and counts[odd][0] <= FEW * counts.sum():
            value, rows = number_text(float(values[odd][0])), many(int(counts[odd][0]), "row")
            return f"`{name}` is 0 or 1, but {value} in {rows}: if that means missing, empty these cells"
        return ""
    if said := _adoption(name, column, key):
        return said
    assert column.codes is not None
    if len(column.levels) == 1 and len(column.levels[0].strip()) == 1 and column.missing.any():
        return f"`{name}` is “{column.levels[0]}” or missing: if that is treated or not write 1 and 0 in the file"
    words = [level for level in column.levels if not re.match(r"[12]\d{3}(?!\d)", level.strip())]
    if len(words) > 1 or len(column.levels) <= len(words) or not _constant(column.codes.astype(float), key.codes):
        return ""
    year = next(level for level in column.levels if level not in words)
    never = f", and 0 for “{words[0]}” if that is never" if words else ""
    return (
        f"`{name}` is text, one for a {key.of}, as “{year}”: if that is since when, "
        f"write {_as_time(year.strip(), key)} in the file{never}"
    )


def _adoption(name: str, column: Column, key: PanelKey) -> str:
    """Say what makes a treatment of a date of adoption, one for a unit; "" of other columns."""
    if key.step is not None or not _years(key.written):
        return ""
    values, words, example = column.numbers, write_name(name), ""
    if column.codes is not None and len(column.codes) == len(key.codes):
        dated = [level for level in column.levels if (day := DATED.fullmatch(level.strip())) and day[4]]
        others = [level for level in column.levels if level not in dated]
        if not dated or len(others) > 1 or len(column.missing) != len(key.codes):
            return ""
        values = np.where(column.missing, np.nan, column.codes)
        known = f"ifelse({words} == {write(Text(others[0]))}, NA, {words})" if others else words
        iso = all(re.match(r"\d{4}-\d\d-\d\d", level) for level in dated)
        year = f"year({known})" if iso else f"parse_number(substr(trimws({known}), 1, 4))"
        example = f", {dated[0].strip()[:4]} for “{dated[0]}”"
    elif column.kind in STATA_DATES and values is not None:
        known, year, others = words, f"year({words})", []
    else:
        return ""
    if not _constant(values, key.codes) or len(np.unique(values[~np.isnan(values)])) < 2:
        return ""
    made, gaps = f"{write_name(key.time)} >= {year}", bool(np.isnan(values).any())
    if others or gaps:
        never = f"is.na({known})" if gaps else f"{words} == {write(Text(others[0]))}"
        made = f"ifelse({never}, 0, {made})"
    return (
        f"`{name}` is a date, one for a {key.of}: if that is since when, write its year into the file{example}, "
        f"and nothing for never, or start from `specdid init` alone and write the treatment in [derive], {made}"
    )


def _as_time(cell: str, key: PanelKey) -> str:
    """Say what a period of text, 2004 or 2004 Q3, is in the numbers of the panel's time."""
    low, high = key.written.min(), key.written.max()
    if low >= 1500 and high <= 2500:
        return cell[:4]
    number_, step = numbered(cell) or ("", None)
    if step == key.step and step is not None:
        return number_
    return f"the period as `{key.time}` numbers it, {number_text(float(low))} to {number_text(float(high))},"


FEW = 0.05
"""Share of the rows that a code for missing may have in a 0/1 column."""


def _others(paths: Mapping[str, _Path], cohorts: Mapping[str, Treatment], used: set[str]) -> dict[str, str]:
    """Say of every other 0/1 column, and of what may be cohorts, what it is."""
    found = {}
    for n, p in paths.items():
        if n in used:
            continue
        if p.by_unit:
            found[n] = "is 0/1 and never changes within a unit"
        elif p.by_time:
            found[n] = "is 0/1 and the same for all in a period"
        elif p.back:
            found[n] = f"is 0/1 and goes back to 0 in {p.back:,} unit{'s' * (p.back != 1)}"
        elif p.late:
            found[n] = "is 0/1, and 1 in the last period alone"
        elif p.gaps:
            found[n] = "is 0/1 and has missing values"
        else:
            found[n] = "is 0/1 and switches once"
    found |= {n: "holds periods, one for a unit" for n in cohorts if n not in used}
    return found


def _follows(path: _Path, lead: _Path, key: PanelKey, name: str, other: str) -> bool:
    """Say whether a switch is another one some periods later (a lag); of two that are equal the second is one."""
    treated = np.isfinite(lead.first) & np.isfinite(path.first)
    if not treated.any() or (np.isfinite(path.first) & ~np.isfinite(lead.first)).any():
        return False
    shift = path.first[treated] - lead.first[treated]
    if (shift != shift[0]).any() or shift[0] < 0:
        return False
    expected = key.periods >= lead.first + shift[0]
    return bool((path.values == expected).all()) and (shift[0] > 0 or other < name)


def _agree(path: _Path, cohort: Treatment, key: PanelKey) -> bool:
    return bool((path.values == (key.periods >= cohort.first)).all()) if cohort.first is not None else False


def _cohort(name: str, column: Column, key: PanelKey, before: bool = False) -> Treatment | None:
    """Return a column as first treated periods: one for a unit, periods of the data, or a code of never.

    With ``before`` some may lie before the data, by up to LONG_BEFORE: these units are treated throughout.
    """
    values = column.numbers
    if values is None or _binary(column) is not None:
        return None
    empty = np.isnan(values)
    written, last = key.written, key.written.max()
    never = empty | (values == 0) | (values > last)
    treated = ~never
    if not treated.any() or (written.min() <= 0 and (values == 0).any()):
        return None
    early = treated & before & (values < written.min()) & (values >= written.min() - LONG_BEFORE)
    if not np.isin(values[treated & ~early], written).all() or not (treated & ~early).any():
        return None
    if not _constant(np.where(never, -1.0, values), key.codes):
        return None
    start = np.full(key.units, np.inf)
    np.minimum.at(start, key.codes, written)
    if (values[treated] == start[key.codes][treated]).mean() > 0.5:  # since when a unit is observed
        return None
    if len(np.unique(values[treated])) < 2 and not never.any():  # all at once: a constant
        return None
    table = dict(zip(written.tolist(), key.periods.tolist(), strict=True))
    first = np.full(len(values), np.inf)
    first[treated] = [table.get(v, key.periods.min()) for v in values[treated].tolist()]
    codes: tuple[float | str, ...] = tuple(float(v) for v in np.unique(values[values > last]) if np.isfinite(v))
    said = codes + (("empty",) if empty.any() else ())
    why = f"one value for a {key.of}, a period of `{key.time}`"
    if early.any():
        shown = first_few([number_text(v) for v in np.unique(values[early]).tolist()], MOST_SHOWN)
        why += f", or before the first of them ({shown}): these units are treated throughout"
    whole = (0.0, *said) if said else ()
    return Treatment(why, cohort=name, first=first, never=whole if len(codes) <= 3 else ())


LONG_BEFORE = 100
"""So far before the first period, in the time column's numbers, a number that is named may be a first treated one."""


def _since(paths: Mapping[str, _Path]) -> list[str]:
    """Return the 0/1 columns that say since when: the same for all units, and 1 up to the end."""
    return [n for n, p in paths.items() if p.by_time and not (p.by_unit or p.back or p.gaps or p.late)]


def _since_when(who: str, key: PanelKey) -> str:
    return f'say it, with the first period for YYYY: --treatment "{write_name(who)} * ({write_name(key.time)} >= YYYY)"'


def _given(
    given: str,
    rest: Mapping[str, Column],
    paths: Mapping[str, _Path],
    cohorts: Mapping[str, Treatment],
    key: PanelKey,
    own: Column,
) -> Treatment:
    why = "named by you"
    if found := cohorts.get(given) or _cohort(given, rest[given], key, before=True) if given in rest else None:
        return Treatment(f"{why}: {found.why}", cohort=given, first=found.first, never=found.never)
    path = paths.get(given)
    if path is not None and path.by_unit and not path.gaps:
        after = _since(paths)
        if len(after) == 1:
            first = np.where(path.values == 1, paths[after[0]].first.min(), np.inf)
            told = f"{why}: who is treated, and `{after[0]}` the one column of since when"
            return Treatment(told, group=given, after=after[0], first=first)
        notes = [f"columns of since when: {_named(after)}"] if after else []
        message = f"`{given}` never changes within a `{key.of}`: since when is it treated?"
        dated_by = [*_moments(rest, key), *cohorts]
        help_ = _who_since(given, dated_by[0], rest, key) if dated_by and not after else _since_when(given, key)
        raise _refused("draft_treatment", message, help_, notes)
    if given in _moments(rest, key) and (who := _who(paths)):
        message = f"`{given}` is the same for all rows: who is treated?"
        raise _refused("draft_treatment", message, _who_since(who[0], given, rest, key))
    if path is not None and not (path.back or path.gaps or path.by_time):
        dated = [c for c, t in cohorts.items() if _agree(path, t, key)]
        cohort = cohorts[dated[0]] if dated else Treatment("")
        return Treatment(f"{why}: 0/1, switches once", given, cohort.cohort, first=path.first, never=cohort.never)
    column = rest.get(given)
    if said := _adoption(given, own, key):
        message, advice = said.split(": ", 1)
        raise _refused("draft_treatment", message, advice)
    if column is None or column.is_text:
        message = f"`{given}` is {'no column that a treatment can be' if column is None else 'text'}"
        raise _refused("draft_treatment", message, _no_treatment_help(given, column))
    back = f": 0/1, goes back to 0 in {many(path.back, 'unit')}" if path is not None and path.back else ""
    return Treatment(why + back, given)


def _no_treatment_help(name: str, column: Column | None) -> str:
    """Say what a treatment is, and what makes one of a column of text."""
    asked = "a treatment is a 0/1 column, or one of first treated periods"
    words = write_name(name)
    if column is None or not column.levels:
        return asked
    if alike := numbers_as_text(column):
        others = [level for level in column.levels if level not in set(alike)]
        if len(others) != 1 or not parse(alike) or re.search(r"\d", others[0]):
            return asked
        made = f"parse_number(ifelse({words} == {write(Text(others[0]))}, NA, {words}))"
        return (
            f"{asked}: empty the cells “{others[0]}” in the file, or start from `specdid init` alone and write {made} "
            "in [derive]"
        )
    treated = next((v for v in column.levels if v.strip().casefold() in ("yes", "treated", "true", "是")), None)
    shown = write(Text(treated if treated is not None else column.levels[-1]))
    return (
        f"{asked}; its values are {examples(column)}: write 1 and 0 in the file, or start from `specdid init` alone "
        f"and write {words} == {shown}, or which of them is treated, in [derive]"
    )


# the rest


def _outcomes(free: Mapping[str, Column], key: PanelKey) -> Iterator[str]:
    """Return numeric columns that vary within units, between units and otherwise than time; complete ones first."""
    found = []
    for n, c in free.items():
        values = c.numbers
        if values is None or _binary(c) is not None:
            continue
        known = ~np.isnan(values)
        finite = bool(np.isfinite(values[known]).all())
        if known.sum() < 0.5 * len(values) or not finite or len(np.unique(values[known])) < 3:
            continue
        if _constant(values, key.codes) or _constant(values, key.periods) or _moves_with_time(values, key):
            continue
        found.append((known.mean() < 0.9, n))
    yield from (n for late, n in sorted(found, key=lambda pair: pair[0]))


def _infinite(free: Mapping[str, Column], key: PanelKey) -> Iterator[tuple[str, str]]:
    """Return the columns that infinite cells alone keep from being outcomes, and where these are."""
    for n, c in free.items():
        if c.numbers is None or not (cells := np.isinf(c.numbers)).any():
            continue
        if any(_outcomes({n: number(np.where(cells, np.nan, c.numbers))}, key)):
            rows = np.flatnonzero(cells)
            what = "it where it means" if len(rows) == 1 else "these cells where they mean"
            yield n, f"{number_text(float(c.numbers[rows[0]]))} in {listed_rows(rows)}: empty {what} missing"


def _read(column: Column, words: str) -> tuple[Column, str] | None:
    """Return the numbers of a column of text and the expression that reads them, where there is no doubt of either."""
    if column.codes is None or not (made := reading(column, words)):
        return None
    table = [found if (found := read_number(level)) is not None else np.nan for level in column.levels]
    return number(np.array([*table, np.nan])[np.atleast_1d(column.codes).reshape(-1)]), made


def _new_name(name: str, columns: Mapping[str, Column]) -> str:
    made = "".join(c if write_name(f"x{c}") == f"x{c}" else "_" for c in name)
    made = re.sub("__+", "_", made).strip("_") + "_number"
    made = made if made[0].isalpha() else f"x_{made}"
    while made in columns:
        made += "_1"
    return made


def _moves_with_time(values: Floats, key: PanelKey) -> bool:
    """Say whether a column changes alike in all units from period to period, as age does."""
    order = np.lexsort((key.periods, key.codes))
    unit, time, value = key.codes[order], key.periods[order], values[order]
    within = (unit[1:] == unit[:-1]) & ~np.isnan(value[1:]) & ~np.isnan(value[:-1])
    change, pair = (value[1:] - value[:-1])[within], time[1:][within] * 10_000 + (time[1:] - time[:-1])[within]
    return bool(change.size) and _constant(np.round(change, 9), pair)


def _aside(
    outcomes: Sequence[str], columns: Mapping[str, Column], key: PanelKey, treatment: Treatment
) -> Iterator[tuple[str, str]]:
    """Return the candidates that are the treatment in another form, or a part or the whole of the first outcome."""
    first, *others = outcomes
    outcome = columns[first].numbers
    assert outcome is not None
    values = {n: v for n in others if (v := columns[n].numbers) is not None}
    row = int(np.argmax(~np.isnan(outcome)))
    there = np.array([v[row] for v in values.values()])  # one row tells which pairs to compare in all
    for n, v in values.items():
        if treatment.first is not None and _is_treatment(v, key, treatment.first):
            yield n, "is the treatment, but for the first treated period"
        elif _in_line(v, outcome):
            yield n, f"moves with `{first}` exactly"
        elif any(m != n and _adds_up(v, values[m], outcome) for m in _matching(v[row], there, outcome[row], values)):
            yield n, f"is a part of `{first}`: with another column it adds up to it"
        elif _words(n) & _words(first) and (_within(v, outcome) or _within(outcome, v)):
            part = f"a part of `{first}`" if _within(v, outcome) else f"a whole of which `{first}` is a part"
            yield n, f"looks like {part}, by name and values"


def _is_treatment(values: Floats, key: PanelKey, first: Floats) -> bool:
    """Say whether a column has one value before and another after the first treated period, whatever it is in it."""
    seen = ~np.isnan(values) & (key.periods != first)
    treated = key.periods > first
    before, after = np.unique(values[seen & ~treated]), np.unique(values[seen & treated])
    return len(before) == len(after) == 1 and before[0] != after[0]


def _in_line(values: Floats, outcome: Floats) -> bool:
    known = ~(np.isnan(values) | np.isnan(outcome))
    x, y = values[known] - values[known].mean(), outcome[known] - outcome[known].mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    return size > 0 and abs(float(x @ y)) > (1 - 1e-10) * size


def _matching(value: float, there: Floats, whole: float, names: Iterable[str]) -> Iterator[str]:
    """Return the names whose value in a row, where it is known, makes up the whole with this one."""
    gap = np.abs(there + value - whole)
    near = ~(gap > 1e-9 * abs(whole))
    return (n for n, may in zip(names, near.tolist(), strict=True) if may)


def _adds_up(one: Floats, other: Floats, whole: Floats) -> bool:
    known = ~(np.isnan(one) | np.isnan(other) | np.isnan(whole))
    varies = known.sum() > 2 and len(np.unique(other[known])) > 1
    return bool(varies and np.allclose(one[known] + other[known], whole[known], rtol=1e-9, atol=0))


def _within(part: Floats, whole: Floats) -> bool:
    known = ~(np.isnan(part) | np.isnan(whole))
    return bool(known.any() and (part[known] >= 0).all() and (part[known] <= whole[known]).all())


_ANY_NAME = {"total", "rate", "percent", "number", "share", "year", "population", "index", "value", "mean", "average"}


def _words(name: str) -> set[str]:
    """Return the words of a name that say of what it is."""
    return {w for w in re.findall(r"[^\W\d_]{4,}", name.casefold()) if w not in _ANY_NAME}


def _path_of(rest: Mapping[str, Column], treatment: Treatment) -> Floats | None:
    """Return what of the treatment must be the same in a group: since when, else its value in each period."""
    if treatment.first is not None:
        return np.where(np.isinf(treatment.first), -1e9, treatment.first)
    return None if treatment.term is None else rest[treatment.term].numbers


def _groups(rest: Mapping[str, Column], key: PanelKey, treatment: Treatment) -> Iterator[tuple[str, tuple[int, bool]]]:
    """Return columns that hold whole units, and whether units of one group are treated alike."""
    path, since = _path_of(rest, treatment), treatment.first is not None
    place = np.unique(key.periods, return_inverse=True)[1].reshape(-1)
    for n, c in rest.items():
        if n == treatment.cohort or c.missing.any() or _binary(c) is not None:
            continue
        if c.numbers is not None and not (c.numbers == np.round(c.numbers)).all():
            continue
        codes, levels = rank(c)
        if not 3 <= levels <= key.units / 2 or not _constant(codes.astype(np.float64), key.codes):
            continue
        within = codes if since else codes * key.times + place
        yield n, (levels, path is not None and _constant(path, within))


def _decided(
    groups: Mapping[str, tuple[int, bool]], rest: Mapping[str, Column], key: PanelKey, treatment: Treatment
) -> str | None:
    """Return the largest group in which all are treated alike; one that follows from the treatment says nothing."""
    path = _path_of(rest, treatment)
    if path is None or _constant(path, key.periods):
        return None
    since = np.unique(path, return_inverse=True)[1].reshape(-1)
    found = [
        (levels, n)
        for n, (levels, alike) in groups.items()
        if alike and not _constant(rank(rest[n])[0].astype(np.float64), since)
    ]
    return min(found)[1] if found else None


def _positive(column: Column) -> bool:
    values = column.numbers
    return values is not None and bool((values[~np.isnan(values)] > 0).all())


def shown_values(values: Sequence[float | str]) -> str:
    """Write what [study] never says as TOML."""
    return "[" + ", ".join(f'"{v}"' if isinstance(v, str) else number_text(v) for v in values) + "]"
