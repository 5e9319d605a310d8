"""Matching weights as MatchIt defines them for the effect on the treated.

Radius and kernel matching share that every control near a treated unit stands for a part of it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from specdid.matching._base import Bools, Candidates, Floats, Ints, Matched, Unmatched
from specdid.matching._neighbours import BLOCK, line_up


def att_weights(treated: Bools, matched: Bools, shares: Floats) -> Floats:
    """Return weights from the ``shares`` of treated units that controls stand for.

    Parameters
    ----------
    treated, matched : (n,) bool; ``matched`` is read for the treated only
    shares : (n,) float64; read for the controls only, 0 where not matched

    Returns
    -------
    (n,) float64: 1 for matched treated; controls' shares scaled to mean 1 over those above 0, so that
    the weights of the matched controls sum to their number (MatchIt). psmatch2's ``_weight`` are
    frequencies, which sum to the number of matched treated: the same but for a factor on the controls,
    which changes a regression where the weight of controls relative to the treated matters.
    """
    weights = np.where(treated & matched, 1.0, 0.0)
    used = ~treated & (shares > 0)
    if used.any():
        weights[used] = shares[used] / shares[used].mean()
    return weights


def shares_of_pairs(pairs: Ints, n: int) -> Floats:
    """Add up, for n candidates, 1 / (number of matches) over the treated they are matched to."""
    shares = np.zeros(n)
    size = (pairs >= 0).sum(axis=1, keepdims=True)
    each = np.broadcast_to(1.0 / np.maximum(size, 1), pairs.shape)
    np.add.at(shares, pairs[pairs >= 0], each[pairs >= 0])
    return shares


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
