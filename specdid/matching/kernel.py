"""Kernel matching with the Epanechnikov kernel."""

from __future__ import annotations

import numpy as np

from specdid._arrays import Floats
from specdid._plan.records import MatchSettings
from specdid._words import later
from specdid.matching._base import Candidates, Matched, Matching, Unmatched
from specdid.matching._score import propensity_score, spread, supported

NOTHING = 1e-12
"""Weights up to this are rounding errors at the very end of the bandwidth."""


def match(candidates: Candidates, settings: MatchSettings) -> Matched | Unmatched:
    """Weight controls by 1 - u², u their distance in bandwidths (Heckman, Ichimura and Todd 1997)."""
    score = propensity_score(candidates)
    if isinstance(score, Unmatched):
        return score

    def epanechnikov(difference: Floats) -> Floats:
        weight = 1.0 - (difference / settings.bandwidth) ** 2
        return np.where(weight > NOTHING, weight, 0.0)

    allowed = supported(candidates.treated, score, settings)
    return spread(candidates, score, allowed, epanechnikov, settings.bandwidth, "the bandwidth")


MATCHING = Matching(
    name="kernel",
    title=later("Epanechnikov kernel on the propensity score"),
    settings=frozenset({"bandwidth", "common_support"}),
    weighted=lambda settings: True,
    match=match,
)
