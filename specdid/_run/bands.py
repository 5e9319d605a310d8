"""The null curves by rank, stored so that the figure can be drawn again without any draw."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid._records.write import replacing

Floats = NDArray[np.float64]
FILE = "inference_bands.parquet"
POINTS = ("low", "median", "high")


@dataclass(frozen=True, slots=True)
class NullFigure:
    """What the figure of the curve shows of the first null.

    Attributes
    ----------
    bands : scale (or outcome) -> (3, n) the 2.5, 50 and 97.5% curves by rank.
    shares : scale (or outcome) -> shares significantly negative and positive that it expects.
    """

    bands: Mapping[str, Floats] = field(default_factory=dict)
    shares: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def write_bands(nulls: Mapping[str, Mapping[str, Floats]], shown: NullFigure, directory: Path) -> None:
    """Write a row per null, scale and rank; the first null's shares stand in the file's metadata.

    Parameters
    ----------
    nulls : null -> scale -> (3, n).
    shown : of the first null; where there is no null, the file is removed.
    directory : of the results.
    """
    path = directory / FILE
    if not nulls:
        path.unlink(missing_ok=True)
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = [(null, scale, band) for null, bands in nulls.items() for scale, band in bands.items()]
    sizes = [band.shape[1] for _, _, band in parts]
    whole = np.concatenate([np.zeros((3, 0)), *(band for _, _, band in parts)], axis=1)
    table = pa.table({
        "null": pa.array(np.repeat([null for null, _, _ in parts], sizes).tolist(), pa.string()),
        "scale": pa.array(np.repeat([scale for _, scale, _ in parts], sizes).tolist(), pa.string()),
        "rank": pa.array(np.concatenate([np.zeros(0, np.int64), *(np.arange(1, n + 1) for n in sizes)])),
        **{name: pa.array(values) for name, values in zip(POINTS, whole, strict=True)},
    })
    header = {"version": 1, "null": next(iter(nulls)), "shares": {k: list(v) for k, v in shown.shares.items()}}
    table = table.replace_schema_metadata({b"specdid": json.dumps(header, ensure_ascii=False).encode()})
    with replacing(path) as new:
        pq.write_table(table, new, compression="zstd")


def read_bands(directory: Path) -> NullFigure:
    """Read what the figure shows of the first null; nothing where no null was run."""
    path = directory / FILE
    if not path.is_file():
        return NullFigure()
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        header: dict[str, Any] = json.loads((table.schema.metadata or {})[b"specdid"])
    except (pa.ArrowException, OSError, KeyError, ValueError):
        return NullFigure()
    rows = pl.DataFrame(pl.from_arrow(table)).filter(pl.col("null") == header["null"])
    bands = {
        str(scale): np.ascontiguousarray(part.select(POINTS).to_numpy().T)
        for (scale,), part in rows.group_by("scale", maintain_order=True)
    }
    return NullFigure(bands, {k: (float(v[0]), float(v[1])) for k, v in header["shares"].items()})
