"""Arrays kept from one chunk to the next."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


class Scratch:
    """Named work arrays: the pages of a fresh large array cost more than the sums that fill it."""

    __slots__ = ("_arrays",)

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[np.float64]] = {}

    def array(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return an array of this shape with arbitrary content; the next call by this name may reuse it."""
        size = math.prod(shape)
        kept = self._arrays.get(name)
        if kept is None or kept.size < size:
            kept = self._arrays[name] = np.empty(size)
        return kept[:size].reshape(shape)
