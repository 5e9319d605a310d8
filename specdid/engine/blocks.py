"""Blocks of fits: made blank, put together, and stored.

A stored block is without its places in the plan; columns go by their place among those in use.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Floats, Ints
from specdid.engine.problem import Fits

_BY_POSITION = ("detail", "dropped")
_APART = (*_BY_POSITION, "vcov_detail", "extra")
_COLUMNS = tuple(f.name for f in fields(Fits) if f.name not in _APART)
_STORED_APART = ("index", "culprit", "detail", "dropped", "vcov_detail", "extra")
_STORED = tuple(f.name for f in fields(Fits) if f.name not in _STORED_APART)


def blank_fits(index: Ints, vcovs: int, extra: Mapping[str, Floats] | None = None) -> Fits:
    """Return a block for specifications at ``index`` with nothing in it, to be filled in place."""
    n = len(index)

    def floats(*shape: int) -> Floats:
        return np.full(shape, np.nan)

    def counts(*shape: int) -> Ints:
        return np.full(shape, -1, np.int64)

    return Fits(
        index=np.array(index, np.int64),
        code=np.zeros(n, np.int8),
        culprit=counts(n),
        detail={},
        estimate=floats(n),
        std_error=floats(n, vcovs),
        statistic=floats(n, vcovs),
        p_value=floats(n, vcovs),
        conf_low=floats(n, vcovs),
        conf_high=floats(n, vcovs),
        df=floats(n, vcovs),
        vcov_code=np.zeros((n, vcovs), np.int8),
        n_clusters=counts(n, vcovs),
        nobs=counts(n),
        n_units=counts(n),
        n_treated=counts(n),
        n_control=counts(n),
        n_always_treated=counts(n),
        n_missing=counts(n),
        n_log0=counts(n),
        n_singletons=counts(n),
        n_eff=floats(n),
        y_mean=floats(n),
        r2_within=floats(n),
        dropped={},
        signature=np.zeros((n, 2), np.uint64),
        seconds=np.zeros(n),
        extra={} if extra is None else extra,
    )


def place(total: Fits, part: Fits, at: Ints, which: Ints | None = None) -> None:
    """Write ``part`` (its positions ``which``, by default all) at positions ``at`` of ``total``."""
    taken = np.arange(len(part.index)) if which is None else which
    for name in _COLUMNS:
        if name != "index":
            getattr(total, name)[at] = getattr(part, name)[taken]
    target = dict(zip(taken.tolist(), at.tolist(), strict=True))
    for name in _BY_POSITION:
        found = getattr(part, name)
        getattr(total, name).update({target[p]: found[p] for p in sorted(found) if p in target})


def join(parts: Iterable[tuple[Ints, Fits]], index: Ints, vcovs: int) -> Fits:
    """Put least-squares parts, each with its positions, together in the order of ``index``."""
    total = blank_fits(index, vcovs)
    for at, part in parts:
        place(total, part, at)
    return total


def take(fits: Fits, which: Ints) -> Fits:
    """Return the fits at positions ``which``, in that order."""
    total = blank_fits(fits.index[which], fits.std_error.shape[1])
    place(total, fits, np.arange(len(which)), which)
    return total


def pack_fits(fits: Fits, columns: Ints, at: slice = slice(None)) -> dict[str, NDArray[Any]]:
    """Turn the fits at positions ``at`` into arrays.

    Parameters
    ----------
    columns : ascending, the columns of Problem.values that ``culprit`` and ``dropped`` may name
    """
    found = {name: getattr(fits, name)[at] for name in _STORED}
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
        **{name: arrays[name] for name in _STORED},
    )
