"""Results read back from a directory, once it is certain that a run wrote them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from specdid._columns import NUMBERS, RESERVED, schema
from specdid._diagnostics import Fault, SpecError
from specdid._hashing import DIGITS, begins_id
from specdid._records.files import is_regular, read_bytes
from specdid._records.results import CODES, KINDS, Numbers, Planned, Results, TextColumn
from specdid._records.write import STATUS_WORDS, read_header
from specdid._words import ENGLISH, LANGUAGES

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ROWS = 2**26
"""Specifications × vcovs: beyond what a run can have been."""
INCOMPLETE = "INCOMPLETE.txt"
INCOMPLETE_WORDS = """\
A run of specdid was stopped while its files took their places here: they may be of two runs.
Do not use them. Give the same command again; what was computed is kept. The files are:
"""
_RUN_FIRST = "give the directory that `specdid run` wrote, such as outputs/smart_city"
_KINDS = {"int": "int64", "float": "double", "text": "string", "bool": "bool"}
_ERRORS = ("std_error", "statistic", "p_value", "conf_low", "conf_high", "df")
_LONGEST = 20_000


def read_results(directory: Path) -> Results:
    """Read the results that a run left in ``directory``.

    Raises
    ------
    SpecError
        There is no results.parquet, or specdid did not write it.
    """
    path = directory / "results.parquet"
    if is_marked(directory):
        help_ = "give the command of the run again: what was computed is kept"
        raise _no_results(f"the files of {directory} may be of two runs, see {INCOMPLETE}", help_)
    if not os.path.lexists(path):
        raise _no_results(f"no results.parquet in {directory}", _RUN_FIRST)
    import pyarrow as pa

    try:
        return _Reader(*_stored(path)).results()
    except (pa.ArrowException, OSError, ArithmeticError, LookupError, TypeError, ValueError, MemoryError) as error:
        raise _no_results(f"{path} is not the file that a run writes: {_why(error)}", _RUN_FIRST) from error


def _no_results(message: str, help: str) -> SpecError:
    return SpecError([Fault("no_results", message, help=help)])


def _stored(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    """Read the table and its header; a ValueError says what is wrong with them."""
    import pyarrow.parquet as pq

    if not is_regular(path):
        raise ValueError("it is no regular file")
    file = pq.ParquetFile(path)
    if file.metadata.num_rows > MOST_ROWS:
        raise ValueError(f"it has {file.metadata.num_rows:,} rows, more than {MOST_ROWS:,}")
    header = read_header(file.schema_arrow.metadata)
    if header is None:
        raise ValueError("specdid did not write it")
    validate_header(header)
    table = file.read().combine_chunks()
    validate_table(table, header)
    return table, header


def _why(error: Exception) -> str:
    """Return the first line of what went wrong, fit for a terminal."""
    said = str(error) if isinstance(error, (ValueError, OSError)) else f"it is damaged ({type(error).__name__})"
    return "".join(c for c in said.splitlines()[0][:200] if c.isprintable()) if said else "it is damaged"


def is_marked(directory: Path) -> bool:
    """Say whether a run was killed while its files took their places in ``directory``."""
    try:
        return read_bytes(directory / INCOMPLETE).startswith(INCOMPLETE_WORDS.encode())
    except (OSError, ValueError):
        return False


@dataclass(frozen=True, slots=True)
class _Formulas:
    """The stored formulas, read on demand."""

    column: pa.ChunkedArray
    step: int

    def __call__(self, start: int, stop: int) -> Sequence[str]:
        rows = self.column.slice(start * self.step, (stop - start) * self.step)
        texts: list[str] = rows.to_pylist()
        return texts[:: self.step]


@dataclass(frozen=True, slots=True)
class _Reader:
    table: pa.Table
    header: dict[str, Any]

    @property
    def vcovs(self) -> tuple[str, ...]:
        index = self.table["index"].to_numpy()
        return tuple(self.table["vcov"].slice(0, int(np.sum(index == 1))).to_pylist())

    def results(self) -> Results:
        n = self.table.num_rows // max(1, len(self.vcovs))
        ids = self._ids("spec_id")
        twin_ids = self._ids("twin")
        messages = self._text("message", every=True)
        ok = self._codes("status", STATUS_WORDS) == 0
        by_vcov = messages.codes.reshape(n, -1)
        return Results(
            self._planned(ids),
            status=self._codes("status", STATUS_WORDS).astype(np.int8),
            code=np.maximum(self._codes("code", CODES), 0).astype(np.int8),
            message=TextColumn(messages.words, np.where(ok, -1, by_vcov[:, :1].reshape(-1)).astype(np.int32)),
            twin=_positions(ids, twin_ids, ok),
            numbers=self._numbers(n),
            vcov_note=TextColumn(messages.words, np.where(ok[:, None], by_vcov, -1).astype(np.int32)),
            dropped=self._text("dropped"),
            extra={name: self._extra(name) for name in self.header["extra"]},
            seconds=np.full(n, np.nan),
        )

    def _planned(self, ids: np.ndarray[Any, np.dtype[np.uint64]]) -> Planned:
        dimensions = tuple(self.header["dimensions"])
        columns = [self._text(name) for name in dimensions]
        preferred = np.flatnonzero(self._first("preferred").to_numpy(zero_copy_only=False))
        return Planned(
            self.header["title"],
            self.header["alpha"],
            dimensions,
            tuple(c.words for c in columns),
            np.stack([c.codes for c in columns], axis=1),
            ids,
            self.vcovs,
            _Formulas(self.table["formula"], len(self.vcovs)),
            self._text("term"),
            self._text("estimand"),
            self._text("scale"),
            status=self._codes("status", STATUS_WORDS).astype(np.int8),
            code=np.maximum(self._codes("code", CODES), 0).astype(np.int8),
            reason=TextColumn((), np.full(len(ids), -1, dtype=np.int32)),
            twin=np.full(len(ids), -1, dtype=np.int64),
            preferred=int(preferred[0]) if len(preferred) else -1,
            control_terms=tuple(self.header["control_terms"]),
            control_members=self.header["control_members"],
            display=self.header["display"],
            types=self.header.get("types", {}),
            together=tuple(map(tuple, self.header.get("together", ()))),
            language=self.header.get("language", ENGLISH),
        )

    def _first(self, name: str) -> pa.Array:
        """Return a column at the first vcov of every specification."""
        rows = np.arange(0, self.table.num_rows, max(1, len(self.vcovs)))
        return self.table[name].combine_chunks().take(rows)

    def _text(self, name: str, every: bool = False) -> TextColumn:
        column = self.table[name].combine_chunks() if every else self._first(name)
        coded = column.dictionary_encode()
        codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return TextColumn(tuple(coded.dictionary.to_pylist()), codes.astype(np.int32))

    def _codes(self, name: str, words: Sequence[str]) -> np.ndarray[Any, np.dtype[np.int32]]:
        found = self._text(name)
        places = np.asarray([*(words.index(w) for w in found.words), -1], dtype=np.int32)
        return places[found.codes]

    def _ids(self, name: str) -> np.ndarray[Any, np.dtype[np.uint64]]:
        digits = "".join(self._first(name).fill_null("0" * 16).to_pylist())
        return np.frombuffer(bytes.fromhex(digits), dtype=">u8").astype(np.uint64)

    def _floats(self, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        values = self.table[name].to_numpy()
        return np.asarray(values, dtype=np.float64)

    def _extra(self, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        return self._floats(name).reshape(-1, len(self.vcovs))[:, 0]

    def _numbers(self, n: int) -> Numbers:
        numbers = {}
        for column in NUMBERS:
            values = self._floats(column.name).reshape(n, -1)
            if column.kind == "int":
                values = np.where(np.isnan(values), -1, values).astype(np.int32)
            numbers[column.name] = values if column.level == "vcov" else values[:, 0]
        return numbers


def _positions(
    ids: np.ndarray[Any, np.dtype[np.uint64]],
    twins: np.ndarray[Any, np.dtype[np.uint64]],
    ok: np.ndarray[Any, np.dtype[np.bool_]],
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Find each twin's position: the ok row of that id, else the first one; -1 without a twin."""
    place = {int(i): s for s, i in reversed(list(enumerate(ids.tolist())))}
    place |= {int(ids[s]): int(s) for s in np.flatnonzero(ok)}
    return np.asarray([place.get(t, -1) if t else -1 for t in twins.tolist()], dtype=np.int64)


def validate_header(header: Any) -> None:
    """Check what the file's schema holds beside the columns.

    Raises
    ------
    ValueError
        With what is wrong.
    """
    _require(isinstance(header, dict) and header.get("version") == 1, "its header has no version 1")
    _require(_is_text(header["title"]), "its title is no text")
    _require(header.get("language", ENGLISH) in LANGUAGES, "its language is unknown")
    alpha = header["alpha"]
    _require(isinstance(alpha, float) and 0 < alpha < 1, "its alpha is not between 0 and 1")
    for name in ("dimensions", "extra", "control_terms"):
        words = header[name]
        _require(isinstance(words, list) and all(map(_is_text, words)), f"its {name} are no list of texts")
        _require(len(set(words)) == len(words), f"its {name} name one twice")
    names = [*header["dimensions"], *header["extra"]]
    _require(len(set(names)) == len(names) and not {*names} & {*RESERVED}, "two of its columns have one name")
    _require(_is_words(header["display"]), "its labels are no texts")
    types = header.get("types", {})
    _require(isinstance(types, dict) and set(types) <= set(header["dimensions"]), "its types are of no dimension")
    _require(all(_is_words(t) and set(t.values()) <= set(KINDS) for t in types.values()), "a type is unknown")
    together = header.get("together", [])
    _require(isinstance(together, list) and all(isinstance(t, list) for t in together), "its ties are no lists")
    tied = [name for tie in together for name in tie]
    known = all(map(_is_text, tied)) and set(tied) <= set(header["dimensions"])
    _require(known and len(set(tied)) == len(tied), "its ties are of no dimension, or of one twice")


def validate_table(table: pa.Table, header: Mapping[str, Any]) -> None:
    """Check the columns against each other and against the header.

    Raises
    ------
    ValueError
        With what is wrong.
    """
    columns = schema(header["dimensions"], header["extra"])
    found = [(f.name, str(f.type)) for f in table.schema]
    _require(found == [(c.name, _KINDS[c.kind]) for c in columns], "its columns are not those of results")
    for column in columns:
        if column.null == "never":
            _require(not table[column.name].null_count, f"`{column.name}` has empty cells")
        if column.kind == "text":
            words = table[column.name].unique().to_pylist()
            _require(all(w is None or _is_text(w) for w in words), f"`{column.name}` has control characters")
    _validate_rows(table)
    _validate_words(table, header)
    _validate_numbers(table)


def _validate_rows(table: pa.Table) -> None:
    """Every specification stands once under each vcov, in the order of the plan."""
    index = table["index"].to_numpy()
    step = int(np.sum(index == 1))
    _require((step == 0) == (len(index) == 0) and (not step or len(index) % step == 0), "rows are missing")
    if not step:
        return
    n = len(index) // step
    _require(np.array_equal(index, np.repeat(np.arange(1, n + 1), step)), "its rows are not in the order of the plan")
    vcovs = table["vcov"].to_pylist()
    _require(len(set(vcovs[:step])) == step and vcovs == vcovs[:step] * n, "its vcovs are not the same everywhere")
    ids = table["spec_id"].to_pylist()
    _require(all(map(_is_id, ids)) and ids == [i for i in ids[::step] for _ in range(step)], "an id is none")
    _require(all(t is None or _is_id(t) for t in table["twin"].to_pylist()), "a twin is no id")


def _validate_words(table: pa.Table, header: Mapping[str, Any]) -> None:
    status = table["status"].to_pylist()
    _require(set(status) <= set(STATUS_WORDS), "a status is unknown")
    _require({c for c in table["code"].to_pylist() if c is not None} <= set(CODES), "a code is unknown")
    members = header["control_members"]
    shown = len(table["controls"].unique()) if "controls" in header["dimensions"] else 0
    _require(not members.size or len(members) == shown, "its control terms are not those of its controls")


def _validate_numbers(table: pa.Table) -> None:
    ok = np.asarray(table["status"].to_numpy(zero_copy_only=False) == "ok", dtype=bool)
    numbers = {c.name: np.asarray(table[c.name].to_numpy(), dtype=np.float64) for c in NUMBERS}
    _require(not np.isinf(numbers["estimate"]).any(), "an estimate is infinite")
    _require(bool(np.isfinite(numbers["estimate"][ok]).all()), "an estimate is missing where the status is ok")
    _require(not np.isfinite(numbers["estimate"][~ok]).any(), "there is an estimate where the status is not ok")
    for column in NUMBERS:
        if column.kind == "int":
            values = numbers[column.name][np.isfinite(numbers[column.name])]
            _require(bool(np.all((values >= 0) & (values < 2**31))), f"`{column.name}` is no count")
    error, p = numbers["std_error"], numbers["p_value"]
    missing = np.stack([np.isnan(numbers[name]) for name in _ERRORS])
    _require(bool(np.all(missing == missing[0])), "an error, its t or p is missing beside the others")
    _require(not np.any(error < 0) and not np.any((p < 0) | (p > 1)), "an error or p is out of its range")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST and (value.isprintable() or not value)


def _is_words(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, [*value, *value.values()]))


def _is_id(value: str) -> bool:
    return len(value) == DIGITS and begins_id(value) and value == value.lower()
