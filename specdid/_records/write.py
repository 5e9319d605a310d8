"""results.parquet, results.csv, timings.parquet and manifest.json, by blocks of rows."""

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

from specdid._records import arrow
from specdid._records.blocks import Encoder, guard, hexadecimal
from specdid._records.files import replacing
from specdid._records.results import Planned, Results

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 65_536
"""Rows of one row group, so that memory does not grow with the plan."""


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
            "index": arrow.numbers(np.arange(1, len(results) + 1)),
            "spec_id": hexadecimal(results.planned.ids),
            "seconds": arrow.numbers(results.seconds, np.isnan(results.seconds)),
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
