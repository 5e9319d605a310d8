"""Arrays as bytes, for the store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


def encode(arrays: Arrays, room: int = 0) -> bytearray:
    """Lay arrays out one after another, after ``room`` bytes; of one that is everywhere the same, a single element."""
    heads, parts = [], []
    for name, array in arrays.items():
        flat = np.ascontiguousarray(array).reshape(-1)
        bits = flat.view(f"u{flat.itemsize}")
        if len(bits) > 1 and bits[0] == bits[-1] and (bits == bits[0]).all():
            flat = flat[:1]
        heads.append((name, array.dtype.str, array.shape, len(flat)))
        parts.append(flat)
    head = json.dumps(heads, ensure_ascii=False, separators=(",", ":")).encode()
    out = bytearray(room + 4 + len(head) + sum(part.nbytes for part in parts))
    at = room + 4 + len(head)
    out[room:at] = len(head).to_bytes(4, "little") + head
    for part in parts:
        out[at : at + part.nbytes] = part.view(np.uint8).data
        at += part.nbytes
    return out


def decode(payload: bytes | bytearray) -> dict[str, NDArray[Any]]:
    """Undo `encode`; the arrays are read-only."""
    at = 4 + int.from_bytes(payload[:4], "little")
    found = {}
    for name, dtype, shape, count in json.loads(payload[4:at]):
        flat = np.frombuffer(payload, dtype, count, at)
        at += flat.nbytes
        whole = count != 1
        found[name] = flat.reshape(shape) if whole else np.broadcast_to(flat.reshape((1,) * len(shape)), shape)
    return found
