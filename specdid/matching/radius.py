"""Radius matching: every control within the caliper, with equal weights."""

from __future__ import annotations

import numpy as np

from specdid._arrays import Floats
from specdid._plan.records import MatchSettings
from specdid._words import later
from specdid.matching._base import Candidates, Matched, Matching, Unmatched
from specdid.matching._score import caliper, propensity_score, spread, supported


def match(candidates: Candidates, settings: MatchSettings) -> Matched | Unmatched:
    """Match each treated unit with all controls within the caliper (Dehejia and Wahba 2002)."""
    score = propensity_score(candidates)
    if isinstance(score, Unmatched):
        return score
    allowed = supported(candidates.treated, score, settings)
    widest = caliper(score[allowed], settings)

    def within(difference: Floats) -> Floats:
        return (np.abs(difference) <= widest).astype(np.float64)

    return spread(candidates, score, allowed, within, widest, "the caliper")


MATCHING = Matching(
    name="radius",
    title=later("all controls within a radius of the propensity score"),
    settings=frozenset({"caliper", "caliper_sd", "common_support"}),
    weighted=lambda settings: True,
    match=match,
    needs=(frozenset({"caliper", "caliper_sd"}),),
)
