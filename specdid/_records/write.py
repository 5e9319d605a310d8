"""results.parquet, results.csv, timings.parquet and manifest.json, by blocks of rows as Arrow columns."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from specdid._columns import ResultColumn, schema
from specdid._records.files import replacing
from specdid._records.results import CODES, Planned, Results, Status, TextColumn

if TYPE_CHECKING:
    import pyarrow as pa

_SPREADSHEET = ("=", "+", "-", "@", "\t", "\r")
STATUS_WORDS = tuple(s.name.lower() for s in Status)
ROWS = 65_536
"""Rows of one row group, so that memory does not grow with the plan."""


def numbers(values: NDArray[Any], absent: NDArray[np.bool_] | None = None) -> pa.Array:
    """Return numbers or truth values, null where ``absent``."""
    import pyarrow as pa

    data = np.packbits(values, bitorder="little") if values.dtype == bool else np.ascontiguousarray(values)
    known = None
    if absent is not None and absent.any():
        known = pa.py_buffer(np.packbits(~absent, bitorder="little"))
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [known, pa.py_buffer(data)])


def texts(words: Sequence[str]) -> pa.Array:
    """Return texts."""
    import pyarrow as pa

    encoded = [word.encode() for word in words]
    offsets = np.zeros(len(words) + 1, np.int32)
    np.cumsum([len(e) for e in encoded], out=offsets[1:])
    return pa.StringArray.from_buffers(len(words), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))


class Encoder:
    """Turns specifications ``start`` to ``stop`` into rows, the vcov varying fastest.

    Parameters
    ----------
    results
        What to write.
    guarded
        For results.csv: numbers rounded to 12 significant digits and text guarded
        against spreadsheets.
    """

    def __init__(self, results: Results, guarded: bool = False) -> None:
        import pyarrow as pa

        planned = results.planned
        self._results, self._guarded = results, guarded
        self._vcovs = len(planned.vcovs)
        self._columns = schema(planned.dimensions, tuple(results.extra))
        self._texts = {name: (self._dictionary(t.words), t.codes) for name, t in _texts(results).items()}
        kinds = {"int": pa.int64(), "float": pa.float64(), "text": pa.string(), "bool": pa.bool_()}
        self.schema = pa.schema([pa.field(c.name, kinds[c.kind], nullable=c.null != "never") for c in self._columns])

    def table(self, start: int, stop: int) -> pa.Table:
        """Return the rows of these specifications under every vcov."""
        import pyarrow as pa

        arrays = [self._column(c, start, stop) for c in self._columns]
        return pa.Table.from_arrays(arrays, schema=self.schema)

    def _column(self, column: ResultColumn, start: int, stop: int) -> pa.Array:
        planned, name = self._results.planned, column.name
        if name in self._texts:
            words, codes = self._texts[name]
            taken = self._rows(codes[start:stop])
            return words.take(numbers(taken, taken < 0))
        if name == "formula":
            return self._dictionary(planned.formulas(start, stop)).take(self._places(start, stop))
        if name == "spec_id":
            return hexadecimal(np.repeat(planned.ids[start:stop], self._vcovs))
        if name == "twin":
            twin = np.repeat(self._results.twin[start:stop], self._vcovs)
            ids = planned.ids[np.maximum(twin, 0)] if len(planned) else planned.ids
            return hexadecimal(ids, twin < 0)
        if name == "index":
            return numbers(np.repeat(np.arange(start + 1, stop + 1), self._vcovs))
        if name == "preferred":
            return numbers(np.repeat(np.arange(start, stop) == planned.preferred, self._vcovs))
        return self._number(self._numbers(column)[start:stop])

    def _numbers(self, column: ResultColumn) -> NDArray[Any]:
        source = self._results.extra if column.level == "extra" else self._results.numbers
        return source[column.name]

    def _number(self, values: NDArray[Any]) -> pa.Array:
        rows = self._rows(values)
        if rows.dtype.kind != "f":
            return numbers(rows.astype(np.int64), rows < 0)
        return numbers(significant(rows) if self._guarded else rows, np.isnan(rows))

    def _rows(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return one value per row: (S, V) row by row, (S,) repeated for every vcov."""
        return values.reshape(-1) if values.ndim == 2 else np.repeat(values, self._vcovs)

    def _places(self, start: int, stop: int) -> pa.Array:
        return numbers(np.repeat(np.arange(stop - start), self._vcovs))

    def _dictionary(self, words: Sequence[str]) -> pa.Array:
        return texts([guard(w) for w in words] if self._guarded else words)


def _texts(results: Results) -> dict[str, TextColumn]:
    """Return the columns that are a dictionary and codes; 2-d codes hold one text per vcov."""
    planned = results.planned
    n, v = len(results), len(planned.vcovs)
    message, note = results.message, results.vcov_note
    beside = np.where(note.codes >= 0, note.codes + len(message.words), -1)
    both = np.where(message.codes[:, None] >= 0, message.codes[:, None], beside)
    code = np.where(results.code > 0, results.code, -1)
    return {name: planned.dimension(name) for name in planned.dimensions} | {
        "vcov": TextColumn(planned.vcovs, np.broadcast_to(np.arange(v, dtype=np.int32), (n, v))),
        "term": planned.term,
        "estimand": planned.estimand,
        "scale": planned.scale,
        "dropped": results.dropped,
        "status": TextColumn(STATUS_WORDS, results.status.astype(np.int32)),
        "code": TextColumn(CODES, code.astype(np.int32)),
        "message": TextColumn((*message.words, *note.words), both.astype(np.int32)),
    }


def guard(text: str) -> str:
    """Put ``'`` before a text that a spreadsheet would take for a formula."""
    return "'" + text if text.startswith(_SPREADSHEET) else text


def hexadecimal(ids: NDArray[np.uint64], absent: NDArray[np.bool_] | None = None) -> pa.Array:
    """Write each id as 16 hex digits, without a Python object per row."""
    import pyarrow as pa

    digits = ids.astype(">u8").tobytes().hex().encode("ascii")
    offsets = np.arange(0, 16 * len(ids) + 1, 16, dtype=np.int32)
    text = pa.StringArray.from_buffers(len(ids), pa.py_buffer(offsets), pa.py_buffer(digits))
    if absent is None:
        return text
    return text.take(numbers(np.arange(len(ids)), absent))


def significant(values: NDArray[np.float64], digits: int = 12) -> NDArray[np.float64]:
    """Round to significant digits so that the shortest text of each value has no more.

    The rounded integer and the power of ten are exact in a double up to 10^22, and their
    quotient correctly rounded is the double nearest to the decimal; the few values
    outside that range go through Python's own formatting.
    """
    result = np.array(values, dtype=np.float64) + 0.0
    finite = np.flatnonzero(np.isfinite(result) & (result != 0))
    x = result[finite]
    power = digits - 1 - np.floor(np.log10(np.abs(x)))
    near = (power >= 0) & (power <= 22)
    scale = 10.0 ** np.where(near, power, 0)
    result[finite[near]] = (np.rint(x * scale) / scale)[near]
    far = finite[~near]
    result[far] = [float(f"{v:.{digits - 1}e}") for v in result[far].tolist()]
    return result


def write_parquet(results: Results, path: Path) -> None:
    """Write results.parquet: null where there is nothing, never NaN; no dates, so same bytes."""
    import pyarrow.parquet as pq

    encoder = Encoder(results)
    schema = encoder.schema.with_metadata({b"specdid": _header(results)})
    with replacing(path) as new, pq.ParquetWriter(new, schema, compression="zstd") as writer:
        for start, stop in _blocks(results):
            writer.write_table(encoder.table(start, stop).cast(schema))


def write_csv(results: Results, path: Path) -> None:
    r"""Write results.csv: UTF-8, ``\n``, 12 significant digits, empty cells, text guarded.

    A text cell that a spreadsheet would read as a formula gets a leading ``'``.
    """
    import polars as pl

    encoder = Encoder(results, guarded=True)
    with replacing(path) as new, new.open("wb") as file:
        file.write(_header_line(encoder.schema.names))
        for start, stop in _blocks(results):
            frame = pl.DataFrame(pl.from_arrow(encoder.table(start, stop)))
            frame.write_csv(file, include_header=False)


def _header_line(names: Sequence[str]) -> bytes:
    """Write the names, the user's own dimensions among them, guarded as every text is."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([guard(name) for name in names])
    return line.getvalue().encode()


def write_timings(results: Results, path: Path) -> None:
    """Write timings.parquet: seconds by specification, apart so that results do not change."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "index": numbers(np.arange(1, len(results) + 1)),
            "spec_id": hexadecimal(results.planned.ids),
            "seconds": numbers(results.seconds, np.isnan(results.seconds)),
        }
    )
    with replacing(path) as new:
        pq.write_table(table, new, compression="zstd", row_group_size=ROWS)


def write_manifest(path: Path, content: Mapping[str, object]) -> None:
    """Write manifest.json: keys as given, numbers that are not finite as null."""
    text = json.dumps(_plain(content), ensure_ascii=False, indent=2, allow_nan=False)
    with replacing(path) as new:
        new.write_text(text + "\n", encoding="utf-8", newline="\n")


def _blocks(results: Results) -> Iterator[tuple[int, int]]:
    """Cut the plan so that one block has at most ROWS rows; an empty plan is one block."""
    step = max(1, ROWS // len(results.planned.vcovs))
    for start in range(0, max(1, len(results)), step):
        yield start, min(len(results), start + step)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def _header(results: Results) -> bytes:
    """Return what the figure needs beside the rows, so that they can be drawn again."""
    planned = results.planned
    members = _members(planned)
    header = {
        "version": 1,
        "title": planned.title,
        "alpha": planned.alpha,
        "dimensions": planned.dimensions,
        "extra": tuple(results.extra),
        "control_terms": planned.control_terms,
        "control_members": base64.b64encode(np.packbits(members).tobytes()).decode("ascii"),
        "control_options": len(members),
        "display": dict(planned.display),
        "types": {name: dict(types) for name, types in planned.types.items()},
        "together": planned.together,
        "language": planned.language,
    }
    return json.dumps(header, ensure_ascii=False).encode()


def _members(planned: Planned) -> NDArray[np.bool_]:
    """Return the rows of control_members in the order in which labels appear in the results."""
    if "controls" not in planned.dimensions or not len(planned.control_members):
        return planned.control_members
    controls = planned.dimension("controls")
    _, first = np.unique(controls.codes, return_index=True)
    seen: dict[str, int] = {}
    for code in controls.codes[np.sort(first)].tolist():
        seen.setdefault(controls.words[code], code)
    return planned.control_members[list(seen.values())]


def arrow_table(results: Results) -> pa.Table:
    """Return all rows as one Arrow table, with the columns of results.parquet."""
    import pyarrow as pa

    encoder = Encoder(results)
    tables = [encoder.table(start, stop) for start, stop in _blocks(results)]
    return pa.concat_tables(tables)


def read_header(metadata: Mapping[bytes, bytes] | None) -> dict[str, Any] | None:
    """Return the header that write_parquet left in a file's schema, or None."""
    if not metadata or b"specdid" not in metadata:
        return None
    try:
        header: dict[str, Any] = json.loads(metadata[b"specdid"])
    except RecursionError as error:
        raise ValueError("its header is nested too deeply") from error
    shape = (header["control_options"], len(header["control_terms"]))
    bits = np.frombuffer(base64.b64decode(header["control_members"]), dtype=np.uint8)
    header["control_members"] = np.unpackbits(bits, count=shape[0] * shape[1]).astype(bool).reshape(shape)
    return header
