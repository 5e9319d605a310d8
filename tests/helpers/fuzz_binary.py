"""Stata, parquet and feather files of every type, damaged ones and some that swell."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Any

import numpy as np
import polars as pl
from fuzz_frames import damaged, frame
from small_studies import small_panel

EPOCH = datetime(2026, 1, 1)
"""In place of the time of day: a case is a function of its number."""


def stata(random: Random) -> tuple[str, bytes]:
    import pandas as pd

    panel = small_panel(seed=random.randrange(5), units=8, periods=5).to_pandas()
    panel["t"] = [random.choice(("a", "b", "上海", "=1+1", "é")) for _ in range(len(panel))]
    match random.randrange(7):
        case 0:
            panel["t"] = pd.Categorical(panel["t"], categories=["=1+1", "b", "上海", "é", "a"])
        case 1:
            panel["x1"] = panel["x1"].astype("float32")
        case 2:
            panel["x1"] = pd.to_datetime("2012-01-01") + pd.to_timedelta(panel["id"], "D")
        case 3:
            panel["x1"] = random.choice((1e307, -1e307, 1e-300, 0.0))
        case 4:
            panel["id"] = panel["id"].astype("int8")
        case 5:
            panel["t"] = ["x" * random.choice((1, 244, 2045)) for _ in range(len(panel))]
        case _:
            panel["x2"] = np.nan
    out = io.BytesIO()
    labels = {"id": {k: f"label {k}" for k in range(5)}} if random.random() < 0.3 else None
    try:
        version = random.choice((114, 117, 118, 119))
        panel.to_stata(out, write_index=False, version=version, value_labels=labels, time_stamp=EPOCH)
    except (ValueError, UnicodeError):
        out = io.BytesIO()
        panel.assign(t="a").to_stata(out, write_index=False, version=118, time_stamp=EPOCH)
    return "dta", out.getvalue()


def stata_damaged(random: Random) -> tuple[str, bytes]:
    return "dta", damaged(stata(random)[1], random)


def parquet(random: Random) -> tuple[str, bytes]:
    """Types of every kind: nested, decimals, dictionaries, times, unsigned, half floats, many row groups."""
    panel = frame(random)
    name = random.choice(panel.columns)
    rows = panel.height
    kinds: tuple[Callable[[], pl.Series], ...] = (
        lambda: pl.Series([[1.0, 2.0]] * rows),
        lambda: pl.Series([{"a": 1, "b": "x"}] * rows),
        lambda: pl.Series(["1.25"] * rows).cast(pl.Decimal(10, 2)),
        lambda: pl.Series([random.choice(("b", "=1", "中", None)) for _ in range(rows)], dtype=pl.Categorical),
        lambda: pl.Series([random.choice(("b", "a")) for _ in range(rows)], dtype=pl.Enum(["b", "unused", "a"])),
        lambda: pl.Series([2**40] * rows, dtype=pl.Int64).cast(pl.Datetime("ms")),
        lambda: pl.Series([14_000] * rows, dtype=pl.Int32).cast(pl.Date),
        lambda: pl.Series([10**9] * rows, dtype=pl.Int64).cast(pl.Duration("us")),
        lambda: pl.Series([10**9] * rows, dtype=pl.Int64).cast(pl.Time),
        lambda: pl.Series([2**64 - 1] * rows, dtype=pl.UInt64),
        lambda: pl.Series([random.randrange(-128, 127) for _ in range(rows)], dtype=pl.Int8),
        lambda: pl.Series([b"\xff\x00"] * rows, dtype=pl.Binary),
        lambda: pl.Series([None] * rows, dtype=pl.Null),
        lambda: pl.Series([True, None] * (rows // 2), dtype=pl.Boolean),
        lambda: pl.Series([[[1], []]] * rows),
        lambda: pl.Series([1.5] * rows, dtype=pl.Float32),
    )
    if random.random() < 0.8:
        panel = panel.with_columns(random.choice(kinds)().alias(name))
    out = io.BytesIO()
    if random.random() < 0.15:
        panel.write_ipc(out, compression=random.choice(("uncompressed", "lz4", "zstd")))
        return "feather", out.getvalue()
    compression: Any = random.choice(("zstd", "snappy", "gzip", "uncompressed", "lz4", "brotli"))
    panel.write_parquet(
        out, compression=compression, row_group_size=random.choice((3, 1000)), statistics=random.random() < 0.5
    )
    return "parquet", out.getvalue()


def parquet_damaged(random: Random) -> tuple[str, bytes]:
    ending, content = parquet(random)
    match random.randrange(5):
        case 0:
            return ending, content[: random.randrange(len(content))]
        case 1:
            return ending, content[:-8] + struct.pack("<I", random.choice((0, 1, 2**31 - 1, 2**32 - 1))) + content[-4:]
        case 2:
            footer = struct.unpack("<I", content[-8:-4])[0] if ending == "parquet" else 400
            cut = max(0, len(content) - 8 - footer)
            return ending, content[:cut] + damaged(content[cut:-8], random) + content[-8:]
        case _:
            return ending, damaged(content, random)


def parquet_swelling(random: Random) -> tuple[str, bytes]:
    """Many rows from few bytes."""
    out = io.BytesIO()
    rows = random.choice((10_000, 1_000_000, 20_000_000))
    panel = pl.select(id=pl.int_range(rows) // 10, year=2000 + pl.int_range(rows) % 10, y=pl.lit(1.0), d=pl.lit(0))
    more = {k: pl.lit(1.0) for k in ("x1", "x2", "x3", "w")}
    panel.with_columns(t=pl.lit("a"), **more).write_parquet(out, compression="zstd")
    return "parquet", out.getvalue()


def parquet_of(panel: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    panel.write_parquet(out)
    return out.getvalue()
