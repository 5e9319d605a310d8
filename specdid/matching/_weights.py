"""Matching weights as MatchIt defines them for the effect on the treated."""

from __future__ import annotations

import numpy as np

from specdid.matching._base import Bools, Floats, Ints


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
