"""What radius and kernel matching share: every control near a treated unit stands for a part of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from specdid.matching._base import Bools, Candidates, Floats, Matched, Unmatched
from specdid.matching._neighbours import BLOCK, line_up
from specdid.matching._weights import att_weights


def spread(
    candidates: Candidates, score: Floats, allowed: Bools, kernel: Callable[[Floats], Floats], reach: float, words: str
) -> Matched | Unmatched:
    """Spread each treated unit over the controls of its group.

    Parameters
    ----------
    allowed : (n,) bool; treated units that may be matched
    kernel : weights from differences in score (controls less treated); 0 is not matched
    reach : differences beyond which the kernel is 0
    words : what no treated unit has a control within
    """
    treated = np.flatnonzero(candidates.treated & allowed)
    treated = treated[np.argsort(score[treated], kind="stable")]
    line = line_up(score, candidates.groups, treated, np.flatnonzero(~candidates.treated))
    along, found = np.zeros(len(line.place)), np.zeros(len(candidates), dtype=bool)
    within = line.high > line.low  # a group without controls stands at the place of the next one's
    for low in np.unique(line.low[within]):
        mine = np.flatnonzero(within & (line.low == low))
        controls = slice(int(low), int(line.high[mine[0]]))
        along[controls], found[treated[mine]] = _shares(score[treated[mine]], line.score[controls], kernel, reach)
    if not found.any():
        return Unmatched(f"no treated unit has a control within {words}")
    shares = np.zeros(len(candidates))
    shares[line.place] = along
    return Matched(att_weights(candidates.treated, found, shares), score)


def _shares(own: Floats, others: Floats, kernel: Callable[[Floats], Floats], reach: float) -> tuple[Floats, Bools]:
    """Add up the shares of controls with scores ``others``, (c,), and say which treated have any, (t,).

    Both are sorted, so that treated units next to each other have nearly the same controls in reach.
    """
    shares, found = np.zeros(len(others)), np.zeros(len(own), dtype=bool)
    reach *= 1 + 1e-9  # the kernel decides at the very end of it
    first, last = np.searchsorted(others, own - reach), np.searchsorted(others, own + reach, "right")
    start = 0
    while start < len(own):
        ahead = slice(start, start + BLOCK)
        size = (last[ahead] - first[start]) * np.arange(1, len(own[ahead]) + 1)
        stop = start + max(1, int(np.searchsorted(size, BLOCK, "right")))
        near = slice(int(first[start]), int(last[stop - 1]))
        weight = kernel(others[near] - own[start:stop, None])
        total = weight.sum(axis=1)
        found[start:stop] = total > 0
        shares[near] += (weight[total > 0] / total[total > 0, None]).sum(axis=0)
        start = stop
    return shares, found
