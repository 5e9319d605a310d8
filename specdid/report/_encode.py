"""Columns for the page: little-endian bytes in base64, words once with codes, JSON that no label can end."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid._records import TextColumn

Encoded = dict[str, Any]


def numbers(values: NDArray[Any], kind: str = "f8") -> Encoded:
    """Encode (n,) numbers, NaN and -1 as in the records; a constant column is one number.

    Parameters
    ----------
    values
        Floats or whole numbers.
    kind
        ``f8`` or ``f4`` for floats; whole numbers take the narrowest type that holds them.
    """
    if len(values) and (values == values[0]).all():
        value = values[0].item()
        return {"n": len(values), "c": value if np.isfinite(value) else f"{'-' if value < 0 else ''}Infinity"}
    if values.dtype.kind != "f":
        kind = next(k for k in ("i1", "i2", "i4") if np.iinfo(k).max >= values.max(initial=0))
    return {"n": len(values), "t": kind, "d": b64encode(values.astype(f"<{kind}").tobytes()).decode("ascii")}


def texts(column: TextColumn, places: NDArray[np.int64]) -> Encoded:
    """Encode a column of text at some places; only the words that occur there."""
    return words(column.words, column.codes[places])


def words(labels: Sequence[str], codes: NDArray[Any]) -> Encoded:
    """Encode codes into labels; only those that occur, in their order."""
    used, inverse = np.unique(codes, return_inverse=True)
    absent = int(len(used) > 0 and used[0] < 0)
    known = [labels[c] for c in used[absent:].tolist()]
    return {"words": known, "codes": numbers(inverse.reshape(-1).astype(np.int64) - absent)}


def embedded(content: object) -> str:
    """Write JSON for a script element: ``<``, ``>`` and ``&`` as escapes, so that no label can end the element."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
