"""Fits as they are stored: without their places in the plan, columns by their place among those in use."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid.engine.problem import Fits, Floats, Ints

_APART = ("index", "culprit", "detail", "dropped", "vcov_detail", "extra")
_PLAIN = tuple(f.name for f in fields(Fits) if f.name not in _APART)


def pack_fits(fits: Fits, columns: Ints, at: slice = slice(None)) -> dict[str, NDArray[Any]]:
    """Turn the fits at positions ``at`` into arrays.

    Parameters
    ----------
    columns : ascending, the columns of Problem.values that ``culprit`` and ``dropped`` may name
    """
    found = {name: getattr(fits, name)[at] for name in _PLAIN}
    culprit = fits.culprit[at]
    found["culprit"] = np.where(culprit < 0, -1, np.searchsorted(columns, culprit))
    place = {p: k for k, p in enumerate(range(*at.indices(len(fits.index))))}
    dropped = [(place[p], c) for p, lost in sorted(fits.dropped.items()) if p in place for c in lost]
    if dropped:
        pairs = np.array(dropped, np.int64)
        found["dropped"] = np.column_stack([pairs[:, 0], np.searchsorted(columns, pairs[:, 1])])
    words = {
        "detail": {place[p]: text for p, text in sorted(fits.detail.items()) if p in place},
        "vcov_detail": [(place[p], v, text) for (p, v), text in sorted(fits.vcov_detail.items()) if p in place],
    }
    if any(words.values()):
        found["words"] = np.frombuffer(json.dumps(words).encode(), np.uint8)
    for name, values in fits.extra.items():
        # A column that none of these has would not be there if they were estimated alone.
        if np.isfinite(values[at]).any():
            found[f"extra:{name}"] = values[at]
    return found


def unpack_fits(arrays: dict[str, NDArray[Any]], index: Ints, columns: Ints) -> Fits:
    """Undo `pack_fits` for specifications at ``index`` of the plan."""
    culprit = arrays["culprit"]
    dropped: dict[int, tuple[int, ...]] = {}
    for p, c in arrays["dropped"].tolist() if "dropped" in arrays else ():
        dropped[p] = (*dropped.get(p, ()), int(columns[c]))
    words = json.loads(arrays["words"].tobytes()) if "words" in arrays else {"detail": {}, "vcov_detail": []}
    extra: dict[str, Floats] = {n.removeprefix("extra:"): a for n, a in arrays.items() if n.startswith("extra:")}
    return Fits(
        index=index,
        culprit=np.where(culprit < 0, -1, np.append(columns, -1)[culprit]),
        detail={int(p): text for p, text in words["detail"].items()},
        dropped=dropped,
        vcov_detail={(p, v): text for p, v, text in words["vcov_detail"]},
        extra=extra,
        **{name: arrays[name] for name in _PLAIN},
    )
