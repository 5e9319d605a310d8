"""Blocks of fits: made blank, and put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields

import numpy as np

from specdid.engine.problem import Fits, Floats, Ints

_BY_POSITION = ("detail", "dropped")
_APART = (*_BY_POSITION, "vcov_detail", "extra")
_COLUMNS = tuple(f.name for f in fields(Fits) if f.name not in _APART)


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
