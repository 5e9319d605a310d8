"""Rows of the results as Arrow columns, a block of specifications at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from specdid._columns import Column, schema
from specdid._records import arrow
from specdid._records.results import CODES, Results, Status, Text

if TYPE_CHECKING:
    import pyarrow as pa

_SPREADSHEET = ("=", "+", "-", "@", "\t", "\r")
STATUS_WORDS = tuple(s.name.lower() for s in Status)


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

    def _column(self, column: Column, start: int, stop: int) -> pa.Array:
        planned, name = self._results.planned, column.name
        if name in self._texts:
            words, codes = self._texts[name]
            taken = self._rows(codes[start:stop])
            return words.take(arrow.numbers(taken, taken < 0))
        if name == "formula":
            return self._dictionary(planned.formulas(start, stop)).take(self._places(start, stop))
        if name == "spec_id":
            return hexadecimal(np.repeat(planned.ids[start:stop], self._vcovs))
        if name == "twin":
            twin = np.repeat(self._results.twin[start:stop], self._vcovs)
            ids = planned.ids[np.maximum(twin, 0)] if len(planned) else planned.ids
            return hexadecimal(ids, twin < 0)
        if name == "index":
            return arrow.numbers(np.repeat(np.arange(start + 1, stop + 1), self._vcovs))
        if name == "preferred":
            return arrow.numbers(np.repeat(np.arange(start, stop) == planned.preferred, self._vcovs))
        return self._number(self._numbers(column)[start:stop])

    def _numbers(self, column: Column) -> NDArray[Any]:
        source = self._results.extra if column.level == "extra" else self._results.numbers
        return source[column.name]

    def _number(self, values: NDArray[Any]) -> pa.Array:
        rows = self._rows(values)
        if rows.dtype.kind != "f":
            return arrow.numbers(rows.astype(np.int64), rows < 0)
        return arrow.numbers(significant(rows) if self._guarded else rows, np.isnan(rows))

    def _rows(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return one value per row: (S, V) row by row, (S,) repeated for every vcov."""
        return values.reshape(-1) if values.ndim == 2 else np.repeat(values, self._vcovs)

    def _places(self, start: int, stop: int) -> pa.Array:
        return arrow.numbers(np.repeat(np.arange(stop - start), self._vcovs))

    def _dictionary(self, words: Sequence[str]) -> pa.Array:
        return arrow.texts([guard(w) for w in words] if self._guarded else words)


def _texts(results: Results) -> dict[str, Text]:
    """Return the columns that are a dictionary and codes; 2-d codes hold one text per vcov."""
    planned = results.planned
    n, v = len(results), len(planned.vcovs)
    message, note = results.message, results.vcov_note
    beside = np.where(note.codes >= 0, note.codes + len(message.words), -1)
    both = np.where(message.codes[:, None] >= 0, message.codes[:, None], beside)
    code = np.where(results.code > 0, results.code, -1)
    return {name: planned.dimension(name) for name in planned.dimensions} | {
        "vcov": Text(planned.vcovs, np.broadcast_to(np.arange(v, dtype=np.int32), (n, v))),
        "term": planned.term,
        "estimand": planned.estimand,
        "scale": planned.scale,
        "dropped": results.dropped,
        "status": Text(STATUS_WORDS, results.status.astype(np.int32)),
        "code": Text(CODES, code.astype(np.int32)),
        "message": Text((*message.words, *note.words), both.astype(np.int32)),
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
    return text.take(arrow.numbers(np.arange(len(ids)), absent))


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
