"""All combinations of choices, as rows of indices in plan order."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from specdid._plan.records import Codes


def grid_size(sizes: Sequence[int], starred: Sequence[int]) -> int:
    """Count the combinations; at most one of the ``starred`` dimensions leaves its first choice."""
    free = math.prod(size for d, size in enumerate(sizes) if d not in starred)
    return free * (1 + sum(sizes[d] - 1 for d in starred))


def enumerate_grid(sizes: Sequence[int], starred: Sequence[int]) -> Codes:
    """Give every combination, (S, D) int32, the last dimension varying fastest."""
    if not starred:
        return _product(sizes)
    first = [1 if d in starred else size for d, size in enumerate(sizes)]
    blocks = [_product(first)]
    for d in starred:
        if sizes[d] > 1:
            moved = [sizes[d] - 1 if k == d else n for k, n in enumerate(first)]
            block = _product(moved)
            block[:, d] += 1
            blocks.append(block)
    codes = np.concatenate(blocks)
    return codes[np.lexsort(codes.T[::-1])]


def _product(sizes: Sequence[int]) -> Codes:
    total = math.prod(sizes)
    codes = np.empty((total, len(sizes)), np.int32)
    repeat = total
    for d, size in enumerate(sizes):
        repeat //= size
        codes[:, d] = np.tile(np.repeat(np.arange(size, dtype=np.int32), repeat), total // (size * repeat))
    return codes
