"""Nearest-neighbour matching on the propensity score, 1:n, with or without replacement."""

from __future__ import annotations

import numpy as np

from specdid._plan.matches import MatchSettings
from specdid.matching._base import Bools, Candidates, Floats, Ints, Matched, Matching, Unmatched
from specdid.matching._score import caliper, propensity_score, same_group, supported
from specdid.matching._weights import att_weights, shares_of_pairs


def match(candidates: Candidates, settings: MatchSettings) -> Matched | Unmatched:
    """Match each treated unit with its ``ratio`` nearest controls.

    Greedy, the largest score first (MatchIt's ``m.order = "largest"``); without
    replacement every treated unit gets a match before any gets another (Ho, Imai, King
    and Stuart 2011). Of equally near controls the first is taken.
    """
    score = propensity_score(candidates)
    if isinstance(score, Unmatched):
        return score
    allowed = supported(candidates.treated, score, settings)
    pairs = _pairs(candidates, score, allowed, settings)
    treated = np.flatnonzero(candidates.treated)
    found = np.zeros(len(candidates), dtype=bool)
    found[treated] = (pairs >= 0).any(axis=1)
    if not found.any():
        return Unmatched("no treated unit has a control within the caliper")
    weights = att_weights(candidates.treated, found, shares_of_pairs(pairs, len(candidates)))
    return Matched(weights, score, pairs)


def _pairs(candidates: Candidates, score: Floats, allowed: Bools, settings: MatchSettings) -> Ints:
    treated, controls = np.flatnonzero(candidates.treated), np.flatnonzero(~candidates.treated)
    order = np.argsort(-score[treated], kind="stable")
    pairs = np.full((len(treated), settings.ratio), -1, np.int64)
    widest = caliper(score[allowed], settings)
    free = np.ones(len(controls), dtype=bool)
    rounds = [slice(None)] if settings.replace else [slice(r, r + 1) for r in range(settings.ratio)]
    for part in rounds:
        for t in order[allowed[treated[order]]]:
            distance = np.abs(score[controls] - score[treated[t]])
            open_ = free & (distance <= widest) & same_group(candidates, int(treated[t]), controls)
            nearest = _nearest(np.where(open_, distance, np.inf), pairs[t, part].size)
            pairs[t, part][: len(nearest)] = controls[nearest]
            free[nearest] = settings.replace
    return pairs


def _nearest(distance: Floats, count: int) -> Ints:
    """Give the positions of the ``count`` smallest finite distances, the first of equal ones first."""
    if count == 1:
        nearest = np.array([int(distance.argmin())], np.int64)
    else:
        nearest = np.argsort(distance, kind="stable")[:count].astype(np.int64)
    return nearest[np.isfinite(distance[nearest])]


def _weighted(settings: MatchSettings) -> bool:
    return settings.replace or settings.ratio > 1


MATCHING = Matching(
    name="nearest",
    title="nearest neighbours on the propensity score",
    settings=frozenset({"ratio", "replace", "caliper", "caliper_sd", "common_support"}),
    weighted=_weighted,
    match=match,
)
