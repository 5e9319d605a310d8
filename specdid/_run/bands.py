"""The null curves by rank, stored so that the figure can be drawn again without any draw."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid._records import NullShares, write
from specdid._records.files import is_regular, replacing, strange
from specdid.inference._base import null_title
from specdid.inference._curve_tests import Bands

Floats = NDArray[np.float64]
FILE = "inference_bands.parquet"
POINTS = ("low", "median", "high")


@dataclass(frozen=True, slots=True)
class NullFigure:
    """What the figure of the curve shows of the nulls.

    Attributes
    ----------
    bands : (scale or outcome, estimand) -> (3, n) the 2.5, 50 and 97.5% curves by rank, of the
        first null that has them; the estimand is "" where all of the scale are one curve.
    shares : scale (or outcome) -> shares significant beside those expected.
    nulls : of every curve in ``bands``, the words for the null that it is of.
    """

    bands: Bands = field(default_factory=dict)
    shares: Mapping[str, NullShares] = field(default_factory=dict)
    nulls: Mapping[tuple[str, str], str] = field(default_factory=dict)


def first_bands(nulls: Iterable[Bands]) -> dict[tuple[str, str], Floats]:
    """Return every curve's band of the first null that has it."""
    found: dict[tuple[str, str], Floats] = {}
    for bands in nulls:
        found = {**bands, **found}
    return found


def first_nulls(nulls: Iterable[tuple[str, Bands]]) -> dict[tuple[str, str], str]:
    """Return for every curve the words for the first null that has it; ``nulls`` are pairs of name and curves."""
    found: dict[tuple[str, str], str] = {}
    for name, bands in nulls:
        found = {**dict.fromkeys(bands, null_title(name)), **found}
    return found


def write_bands(nulls: Mapping[str, Bands], shown: NullFigure, directory: Path) -> None:
    """Write a row per null, scale, estimand and rank; the figure's shares stand in the file's metadata.

    Parameters
    ----------
    nulls : null -> (scale, estimand) -> (3, n), in the order of the nulls.
    shown : whose shares are kept; where there is no null, no file is written.
    directory : of the results.
    """
    path = directory / FILE
    if not nulls:
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = [((null, *key), band) for null, bands in nulls.items() for key, band in bands.items()]
    sizes = [band.shape[1] for _, band in parts]
    whole = np.concatenate([np.zeros((3, 0)), *(band for _, band in parts)], axis=1)
    table = pa.table(
        {
            **{
                name: write.texts(np.repeat([key[k] for key, _ in parts], sizes).tolist())
                for k, name in enumerate(("null", "scale", "estimand"))
            },
            "rank": write.numbers(np.concatenate([np.zeros(0, np.int64), *(np.arange(1, n + 1) for n in sizes)])),
            **{name: write.numbers(values) for name, values in zip(POINTS, whole, strict=True)},
        }
    )
    header = {"version": 2, "nulls": list(nulls), "shares": {k: asdict(v) for k, v in shown.shares.items()}}
    table = table.replace_schema_metadata({b"specdid": json.dumps(header, ensure_ascii=False).encode()})
    with replacing(path) as new:
        pq.write_table(table, new, compression="zstd")


def read_bands(directory: Path) -> NullFigure:
    """Read what the figure shows of the nulls; nothing where none was run, or an older version wrote the file.

    Raises
    ------
    SpecError
        It is not the file that a run writes.
    """
    path = directory / FILE
    if not os.path.lexists(path):
        return NullFigure()
    if not is_regular(path):
        raise strange(path)
    import pyarrow as pa

    try:
        return _stored(path)
    except (pa.ArrowException, OSError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise strange(path) from error


def _stored(path: Path) -> NullFigure:
    """Read a file that a run wrote; another raises."""
    import polars as pl
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    header: dict[str, Any] = json.loads((table.schema.metadata or {})[b"specdid"])
    if header["version"] != 2:
        return NullFigure()
    types = [str(f.type) for f in table.schema]
    if table.column_names != ["null", "scale", "estimand", "rank", *POINTS]:
        raise ValueError("its columns are not those of null curves")
    if types != ["string"] * 3 + ["int64"] + ["double"] * 3 or any(c.null_count for c in table.columns):
        raise ValueError("its columns are not those of null curves")
    nulls: dict[str, dict[tuple[str, str], Floats]] = {name: {} for name in header["nulls"]}
    rows = pl.DataFrame(pl.from_arrow(table)).group_by("null", "scale", "estimand", maintain_order=True)
    for (null, scale, estimand), part in rows:
        band = np.ascontiguousarray(part.select(POINTS).to_numpy().T)
        if not np.isfinite(band).all():
            raise ValueError("a null curve is not finite")
        nulls[str(null)][str(scale), str(estimand)] = band
    shares = {k: _shares(v) for k, v in header["shares"].items()}
    return NullFigure(first_bands(nulls.values()), shares, first_nulls(nulls.items()))


def _shares(stored: Mapping[str, Any]) -> NullShares:
    found = NullShares(**stored)
    numbers = (found.negative, found.positive, found.null_negative, found.null_positive)
    if not (
        isinstance(found.tested, int)
        and isinstance(found.errors, str)
        and isinstance(found.null, str)
        and all(0 <= n <= 1 for n in numbers)
    ):
        raise ValueError("a share is none")
    return found
