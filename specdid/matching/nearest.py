"""Nearest-neighbour matching on the propensity score, 1:n, with or without replacement."""

from __future__ import annotations

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._plan.records import MatchSettings
from specdid._words import later
from specdid.matching._base import Candidates, Matched, Matching, Unmatched
from specdid.matching._score import (
    att_weights,
    caliper,
    line_up,
    propensity_score,
    shares_of_pairs,
    supported,
    with_replacement,
    without_replacement,
)


def match(candidates: Candidates, settings: MatchSettings) -> Matched | Unmatched:
    """Match each treated unit with its ``ratio`` nearest controls.

    Greedy, the largest score first (MatchIt's ``m.order = "largest"``); without
    replacement every treated unit gets a match before any gets another (Ho, Imai, King
    and Stuart 2011). Of equally near controls, and of treated units with the same score, the
    first in the candidates' order is taken: sorted units, whatever the order of the data's rows.
    """
    score = propensity_score(candidates)
    if isinstance(score, Unmatched):
        return score
    pairs, tied = _pairs(candidates, score, settings)
    treated = np.flatnonzero(candidates.treated)
    found = np.zeros(len(candidates), dtype=bool)
    found[treated] = (pairs >= 0).any(axis=1)
    if not found.any():
        return Unmatched("no treated unit has a control within the caliper")
    weights = att_weights(candidates.treated, found, shares_of_pairs(pairs, len(candidates)))
    return Matched(weights, score, pairs, int(tied.sum()))


def _pairs(candidates: Candidates, score: Floats, settings: MatchSettings) -> tuple[Ints, Bools]:
    allowed = supported(candidates.treated, score, settings)
    treated = np.flatnonzero(candidates.treated)
    mine = allowed[treated]
    line = line_up(score, candidates.groups, treated[mine], np.flatnonzero(~candidates.treated))
    search = with_replacement if settings.replace else without_replacement
    pairs, tied = np.full((len(treated), settings.ratio), -1, np.int64), np.zeros(len(treated), dtype=bool)
    pairs[mine], tied[mine] = search(line, score, settings.ratio, caliper(score[allowed], settings))
    return pairs, tied


def _weighted(settings: MatchSettings) -> bool:
    return settings.replace or settings.ratio > 1


MATCHING = Matching(
    name="nearest",
    title=later("nearest neighbours on the propensity score"),
    settings=frozenset({"ratio", "replace", "caliper", "caliper_sd", "common_support"}),
    weighted=_weighted,
    match=match,
)
