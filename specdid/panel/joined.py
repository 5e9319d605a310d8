"""Files that are joined to the study's data: each row takes the row of the file with the same keys, or none.

Keys are compared by value: numbers with numbers, texts with texts, letter by letter. A missing key has no partner.
A file has at most one row of each key, so that rows of the study are neither lost nor repeated.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from specdid._arrays import Ints
from specdid._diagnostics import Fault, Origin, did_you_mean, fault_at, many
from specdid._study import JoinedFile
from specdid.panel.columns import UNREAD, Column, ReadColumns, cell_text, join_codes, merge_levels, number, rank, text
from specdid.panel.operators import STATA_DATES
from specdid.panel.reshape import WideLayout

EXACT_SINGLE = 2.0**24
"""Whole numbers up to which single precision has all."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that the panel's columns come from.

    Attributes
    ----------
    name : as the spec writes it
    label : what [data] calls it, None for the study's own file
    path : None for a frame in memory
    sha256 : of the file; of a frame's content
    n_rows : rows, after reshaping
    columns : name in the panel -> name in the file, or in what reshaping makes of it
    layout : how it was reshaped
    by : (column of the study's data, column of the file) whose values are equal
    unmatched : rows of the study's data without a partner
    missing_keys : of these, the rows whose key is missing
    unused : rows of the file that are no row's partner
    option : of a file that is an option, its dimension and label; ``columns`` are then those that differ
    """

    name: str
    label: str | None
    path: Path | None
    sha256: str
    n_rows: int
    columns: Mapping[str, str]
    layout: WideLayout | None = None
    by: tuple[tuple[str, str], ...] = ()
    unmatched: int = 0
    missing_keys: int = 0
    unused: int = 0
    option: tuple[str, str] | None = None

    def account(self, n_rows: int) -> str:
        """Say how its rows and those of the study, ``n_rows``, belong together."""
        if self.option is not None:
            differ = ", ".join(f"`{name}`" for name in self.columns.values()) or "nothing that is used"
            return f"{self.option[0]} = {self.option[1]} is {self.name}, with the same rows; it differs in {differ}"
        keys = " × ".join(f"`{ours}`" for ours, _ in self.by)
        matched = n_rows - self.unmatched
        found = f"{matched:,} of {n_rows:,} rows {'has' if matched == 1 else 'have'} a partner in {self.name} by {keys}"
        empty = f" ({self.missing_keys:,} of the others lack a key)" if self.missing_keys else ""
        belong = "belongs" if self.unused == 1 else "belong"
        return f"{found}{empty}; {self.unused:,} of its {self.n_rows:,} rows {belong} to none of them"


@dataclass(frozen=True, slots=True)
class Join:
    """A file as read, to be joined; ``named`` renames its columns, and lacks those that are not taken over."""

    file: JoinedFile
    name: str
    source: ReadColumns
    named: Mapping[str, str]
    layout: WideLayout | None


def names_joined(
    file: JoinedFile, names: Sequence[str], taken: Collection[str], used: Callable[[Sequence[str]], Collection[str]]
) -> tuple[dict[str, str], list[str]]:
    """Return how a file's columns are called beside those that are ``taken``, and names that meet.

    Parameters
    ----------
    used : returns those of some names that the study mentions

    Returns
    -------
    named
        Name in the file -> name in the panel. Its keys are not taken over, nor a column whose name is taken and
        that the study does not mention.
    meeting
        Names that would be two columns.
    """
    keys = {theirs for _, theirs in file.by}
    new = {n: n + file.suffix if n in taken and file.suffix else n for n in names if n not in keys}
    mentioned = set(used(list(new.values())))
    counts = Counter(new.values())
    unclear = {n for n in new.values() if n in taken or counts[n] > 1}
    named = {old: name for old, name in new.items() if name not in unclear}
    meeting = sorted(n for n in unclear if file.suffix or n in mentioned)
    return named, meeting


def join(
    columns: Mapping[str, Column], n_rows: int, data: str, right: Join
) -> tuple[Mapping[str, Column], SourceFile | None, tuple[Fault, ...]]:
    """Join a file to the columns of the study's data.

    Parameters
    ----------
    columns : those of the study's data, and of the files joined before
    data : what messages call the study's data

    Returns
    -------
    The columns with those of the file behind them, what became of the file (None where an error
    stands in the way), and the faults with warnings.
    """
    file, source = right.file, right.source
    faults = tuple(_key_faults(columns, data, right))
    if faults:
        return columns, None, faults
    pairs = [(columns[ours], source.columns[theirs]) for ours, theirs in file.by]
    codes, count = join_codes([_coded(a, b) for a, b in pairs])
    left, here = codes[:n_rows], codes[n_rows:]
    known = np.flatnonzero(here >= 0)
    order = known[np.argsort(here[known], kind="stable")]
    again = np.flatnonzero(here[order[1:]] == here[order[:-1]]) + 1
    if again.size:
        return columns, None, (_duplicates(right, order, again),)
    row_of = np.full(count + 1, -1, dtype=np.int64)
    row_of[here[known]] = known
    partner = row_of[left]  # the last place is that of -1
    used = np.zeros(source.n_rows, dtype=bool)
    used[partner[partner >= 0]] = True
    found = SourceFile(
        right.name,
        file.name,
        file.file,
        source.sha256,
        source.n_rows,
        {new: old for old, new in right.named.items()},
        right.layout,
        file.by,
        int(np.count_nonzero(partner < 0)),
        int(np.count_nonzero(left < 0)),
        int(np.count_nonzero(~used)),
    )
    added = {new: _taken(source.columns[old], partner) for old, new in right.named.items()}
    return {**columns, **added}, found, _unmatched(columns, n_rows, data, right, found, partner, used)


def _coded(ours: Column, theirs: Column) -> tuple[Ints, int]:
    """Code the values of two columns alike, one behind the other."""
    if ours.numbers is not None and theirs.numbers is not None:
        return rank(number(np.concatenate([ours.numbers, theirs.numbers])))
    levels, codes = merge_levels([ours, theirs])
    return rank(text(np.concatenate(codes), levels))


def _taken(column: Column, partner: Ints) -> Column:
    if column is UNREAD:
        return column
    return replace(
        column.take(partner),
        kind=column.kind,
        odd=column.odd,
        labels=column.labels,
    )


def _key_faults(columns: Mapping[str, Column], data: str, right: Join) -> list[Fault]:
    """Find keys that are not there, or that cannot be compared."""
    faults = []
    for ours, theirs in right.file.by:
        sides = ((ours, columns, data), (theirs, right.source.columns, right.name))
        lacking = [side for side in sides if side[0] not in side[1]]
        for key, among, name in lacking:
            help_ = did_you_mean(key, among) or 'a name of its own in the file: by = { city_id = "code" }'
            faults.append(_at(right, "no_column", f"no column `{key}` in {name}", help_))
        if not lacking:
            one, other = ((key, among[key], name) for key, among, name in sides)
            faults += [fault for fault in (_types(right, one, other),) if fault is not None]
    return faults


JoinSide = tuple[str, Column, str]
"""A column's name, its values, and what its data are called."""


def _types(right: Join, one: JoinSide, other: JoinSide) -> Fault | None:
    """Say that two columns cannot be compared, and what to do."""
    for key, column, name in (one, other):
        if column.missing.all():
            return _at(right, "bad_join", f"`{key}` has no value in {name}", "name a column that has")
    if one[1].is_text != other[1].is_text:
        written, numeric = (one, other) if one[1].is_text else (other, one)
        message, help_ = text_and_number(written, numeric)
        return _at(right, "bad_join", message, help_)
    if (one[1].kind in STATA_DATES or other[1].kind in STATA_DATES) and one[1].kind != other[1].kind:
        dated, plain = (one, other) if one[1].kind in STATA_DATES else (other, one)
        counted, there = (cell_text(side[1], _first(side[1])) for side in (dated, plain))
        message = f"`{dated[0]}` is counted from 1960 in {dated[2]} ({dated[1].kind}), as {counted}, and not so in "
        message += f"{plain[2]}, as {there}"
        help_ = "make it a number such as 2012 or 201212 in both files: generate year = year(dofm(month)), in Stata"
        return _at(right, "bad_join", message, help_)
    for key, column, name in (one, other):
        if column.single and column.numbers is not None:
            wrong = (np.abs(column.numbers) >= EXACT_SINGLE) | (column.numbers != np.floor(column.numbers))
            rows = np.flatnonzero(wrong & ~column.missing)
            if rows.size:
                message = (
                    f"`{key}` is stored in single precision (float) in {name}, which does not keep values such as "
                    f"{cell_text(column, int(rows[0]))} exactly: {many(rows.size, 'row')} may belong to another unit"
                )
                help_ = "make the file again with the key as long, double or text; recast does not bring digits back"
                return _at(right, "bad_join", message, help_)
    return None


def text_and_number(written: JoinSide, numeric: JoinSide) -> tuple[str, str]:
    """Return that a column is text in one file and a number in the other, and what to do."""
    sample = cell_text(written[1], _first(written[1]))
    zeros = next((level for level in written[1].levels if level[:1] == "0" and level[1:].isdigit()), None)
    shown = zeros or sample
    message = (
        f"`{written[0]}` is text in {written[2]}, as “{shown}”, and `{numeric[0]}` a number in {numeric[2]}, "
        f"as {cell_text(numeric[1], _first(numeric[1]))}"
    )
    if written[1].kind == "date":
        help_ = f"make of the date what the other file has, in a column of {written[2]}: its year, say"
    elif zeros is not None:
        help_ = f"a number has no leading zeros: write both as text of {len(zeros)} digits, or both as numbers"
    elif written[1].odd:
        help_ = f"cells that are no number: {', '.join(written[1].odd)}"
    else:
        help_ = "store both as numbers or both as text: destring or tostring in Stata, as.numeric or as.character in R"
    return message, help_


def _first(column: Column) -> int:
    return int(np.argmin(column.missing))


def _duplicates(right: Join, order: Ints, again: Ints) -> Fault:
    columns = right.source.columns
    keys = [theirs for _, theirs in right.file.by]
    notes = tuple(
        f"{_key(columns, keys, int(order[k]))}: data rows {order[k - 1] + 1:,} and {order[k] + 1:,}"
        for k in again[:_SHOWN]
    )
    rows = "row repeats" if again.size == 1 else "rows repeat"
    message = f"{again.size:,} {rows} a {' × '.join(f'`{k}`' for k in keys)} that is already in {right.name}"
    help_ = "a key has one row: add the column that tells its rows apart to `by`, or sum them up before"
    return _at(right, "bad_join", message, help_, notes)


def _key(columns: Mapping[str, Column], keys: Sequence[str], row: int) -> str:
    return ", ".join(f"{key} {cell_text(columns[key], row)}" for key in keys)


def _unmatched(
    columns: Mapping[str, Column],
    n_rows: int,
    data: str,
    right: Join,
    found: SourceFile,
    partner: Ints,
    used: np.ndarray,
) -> tuple[Fault, ...]:
    """Tell how many rows have no partner, on both sides, with examples; where none has one that is an error."""
    if not found.unmatched and not found.unused:
        return ()
    ours, theirs = [a for a, _ in right.file.by], [b for _, b in right.file.by]
    lone, idle = np.flatnonzero(partner < 0), np.flatnonzero(~used)
    sides = ((columns, ours, lone, data), (right.source.columns, theirs, idle, right.name))
    notes = tuple(
        f"only in {name}: {'; '.join(_examples(among, keys, rows))}" for among, keys, rows, name in sides if rows.size
    )
    near = _nearly(right, columns, lone, idle)
    if found.unmatched == n_rows:
        message = f"no row of {data} has a partner in {right.name}"
        help_ = near or "compare the values: both must be written alike"
        return (_at(right, "bad_join", message, help_, notes),)
    origin = right.file.origin
    return (fault_at(origin, None, "key_unmatched", found.account(n_rows), near, "warning", notes=notes),)


def _examples(columns: Mapping[str, Column], keys: Sequence[str], rows: Ints) -> list[str]:
    """Name the first different keys of some rows."""
    found: dict[str, None] = {}
    for row in rows[:1000].tolist():
        found[_key(columns, keys, row)] = None
        if len(found) == _SHOWN:
            break
    return list(found)


def _nearly(right: Join, columns: Mapping[str, Column], lone: Ints, idle: Ints) -> str | None:
    """Find texts of rows without a partner that differ only in case, width, spaces or leading zeros."""
    for ours, theirs in right.file.by:
        one, other = columns[ours], right.source.columns[theirs]
        if not one.is_text or not lone.size or not idle.size:
            continue
        there = {_loose(level): level for level in _levels(other, idle)}
        for level in _levels(one, lone):
            near = there.get(_loose(level))
            if near is not None and near != level:
                return f"“{level}” and “{near}” differ in case, width, spaces or leading zeros: write them alike"
    return None


def _levels(column: Column, rows: Ints) -> list[str]:
    assert column.codes is not None
    return [column.levels[code] for code in np.unique(column.codes[rows]).tolist() if code >= 0]


def _loose(value: str) -> str:
    return "".join(unicodedata.normalize("NFKC", value).casefold().split()).lstrip("0")


def _at(right: Join, code: str, message: str, help: str | None, notes: tuple[str, ...] = ()) -> Fault:
    return fault_at(right.file.by_origin, None, code, message, help, notes=notes)


def meeting_fault(file: JoinedFile, name: str, meeting: Sequence[str]) -> Fault:
    """Say that columns would have one name."""
    listed = ", ".join(f"`{n}`" for n in meeting[:_SHOWN]) + (" …" if len(meeting) > _SHOWN else "")
    have = "is a column" if len(meeting) == 1 else "are columns"
    message = f"{listed} of {name} {have} of the study's data, or of a file joined before, too"
    help_ = f'ask for another name: suffix = "_{file.name}" in [data."{file.name}"]'
    if file.suffix:
        message, help_ = f"{listed} {have} of the data already, with the suffix too", "write another suffix"
    origin: Origin = file.origin
    return fault_at(origin, None, "bad_join", message, help_)
