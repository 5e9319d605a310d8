"""What radius and kernel matching share: every control near a treated unit stands for a part of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from specdid.matching._base import Bools, Candidates, Floats, Matched, Unmatched
from specdid.matching._score import same_group
from specdid.matching._weights import att_weights


def spread(
    candidates: Candidates, score: Floats, allowed: Bools, kernel: Callable[[Floats], Floats], words: str
) -> Matched | Unmatched:
    """Spread each treated unit over the controls of its group.

    Parameters
    ----------
    allowed : (n,) bool; treated units that may be matched
    kernel : weights from differences in score (controls less treated); 0 is not matched
    words : what no treated unit has a control within
    """
    treated, controls = candidates.treated, np.flatnonzero(~candidates.treated)
    shares, found = np.zeros(len(candidates)), np.zeros(len(candidates), dtype=bool)
    for unit in np.flatnonzero(treated & allowed):
        weight = kernel(score[controls] - score[unit]) * same_group(candidates, int(unit), controls)
        total = weight.sum()
        if total > 0:
            found[unit] = True
            shares[controls] += weight / total
    if not found.any():
        return Unmatched(f"no treated unit has a control within {words}")
    return Matched(att_weights(treated, found, shares), score)
