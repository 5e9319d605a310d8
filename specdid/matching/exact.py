"""Exact matching: treated and controls that agree in every variable."""

from __future__ import annotations

import numpy as np

from specdid._plan.records import MatchSettings
from specdid._words import later
from specdid.matching._base import Candidates, Matched, Matching, Unmatched
from specdid.matching._score import att_weights


def match(candidates: Candidates, settings: MatchSettings) -> Matched | Unmatched:
    """Keep the strata that hold both treated and controls; controls stand for their stratum's treated."""
    columns = [candidates.covariates]
    if candidates.groups is not None:
        columns.append(candidates.groups[:, None].astype(np.float64))
    stratum = np.unique(np.hstack(columns), axis=0, return_inverse=True)[1].reshape(-1)
    treated = candidates.treated
    n_treated = np.bincount(stratum, treated)[stratum]
    n_controls = np.bincount(stratum, ~treated)[stratum]
    both = (n_treated > 0) & (n_controls > 0)
    if not both.any():
        return Unmatched("no treated unit has a control with the same values of the variables in `on`")
    shares = np.where(both, n_treated / np.maximum(n_controls, 1), 0.0)
    return Matched(att_weights(treated, both, shares))


MATCHING = Matching(
    name="exact",
    title=later("the same values of every variable"),
    settings=frozenset(),
    weighted=lambda settings: True,
    match=match,
)
