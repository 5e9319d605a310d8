"""Frames in memory: pandas, polars or Arrow, through narwhals."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import numpy as np
import polars as pl

from specdid.panel.columns import Column
from specdid.panel.delimited import refuse_repeated
from specdid.panel.files import convert
from specdid.panel.sources import ReadError, Source


def read_frame(data: Any) -> Source:
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
    return Source(columns, n_rows, content_hash(columns), remarks)


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
