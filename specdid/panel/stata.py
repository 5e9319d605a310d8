"""Stata's .dta: numbers as stored (no value labels, no dates), float32 widened."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import polars as pl

_UNICODE_SINCE = 118


def read_stata(
    raw: bytes, wanted: Callable[[Sequence[str]], Collection[str]]
) -> tuple[list[str], pl.DataFrame]:
    """Read a .dta file; gives the names of all columns, and those that are wanted.

    Labelled values stay numbers, as in a regression in Stata; %tm and the like stay the
    whole numbers that Stata counts, so that a step is 1.
    """
    import pandas as pd

    with warnings.catch_warnings(), pd.read_stata(
        io.BytesIO(raw), convert_categoricals=False, convert_dates=False, preserve_dtypes=True, iterator=True
    ) as reader:
        warnings.simplefilter("ignore")  # of text that is not the encoding its version asks for
        frame = reader.read()
        version = int(getattr(reader, "_format_version", _UNICODE_SINCE))
    legacy = version < _UNICODE_SINCE
    names = [_repair(str(name)) if legacy else str(name) for name in frame.columns]
    chosen = wanted(names)
    places = [place for place, name in enumerate(names) if name in chosen] or [0][: len(names)]
    return names, pl.DataFrame([_series(names[place], frame.iloc[:, place], legacy) for place in places])


def _series(name: str, values: Any, legacy: bool) -> pl.Series:
    if values.dtype.kind in "biuf":
        return pl.Series(name, values.to_numpy(dtype=np.float64, na_value=np.nan))
    texts = [v if isinstance(v, str) and v else None for v in values.tolist()]
    return pl.Series(name, [_repair(t) if legacy and t else t for t in texts], dtype=pl.String)


def _repair(text: str) -> str:
    """Undo the reading of Chinese bytes as Latin-1, which is all that old files let one know."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("gb2312")
    except UnicodeError:
        return text
