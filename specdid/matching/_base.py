"""What a matching method declares and what it is given: the contract of the shelf.

A plug-in is one module ``specdid/matching/<name>.py`` with ``MATCHING: Matching``. The
module's top level imports nothing but numpy; scipy is imported where it is used. A whole one,
``specdid/matching/example_match.py``::

    # Everybody but the second is matched, in groups that have a treated unit.
    import numpy as np
    from specdid.matching._base import Matched, Matching


    def match(candidates, settings):
        groups = np.zeros(len(candidates)) if candidates.groups is None else candidates.groups
        beside = np.isin(groups, groups[candidates.treated])
        return Matched(1.0 * (beside & (np.arange(len(candidates)) != 1)))


    MATCHING = Matching("example_match", "everybody but one", frozenset(), lambda settings: False, match)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from specdid._arrays import Bools, Floats, Ints
from specdid._plan.records import MatchSettings


@dataclass(frozen=True, slots=True)
class Candidates:
    """The units of one cross-section, n of them, in the order of their codes.

    Attributes
    ----------
    treated : (n,) bool
    covariates : (n, k) float64, complete and finite; what is matched on
    groups : (n,) int64 or None; only units of one group may be matched with each other
    """

    treated: Bools
    covariates: Floats
    groups: Ints | None = None

    def __len__(self) -> int:
        return len(self.treated)


@dataclass(frozen=True, slots=True)
class Matched:
    """A match.

    Attributes
    ----------
    weights : (n,) float64
        0 where a unit is not matched. As MatchIt defines them for the effect on the
        treated: 1 for the treated, and for controls proportional to how much of a
        treated unit they stand for, with mean 1 over the matched controls.
    score : (n,) float64 or None, the propensity score
    pairs : (n_treated, r) int64 or None
        For each treated candidate in order, the positions of its matches, nearest
        first; -1 where there is none.
    tied : treated units with more equally near controls than they take
    """

    weights: Floats
    score: Floats | None = None
    pairs: Ints | None = None
    tied: int = 0


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Why there is no match, in words for a researcher."""

    message: str


@dataclass(frozen=True, slots=True)
class Matching:
    """A declaration the plan can read without importing any library.

    ``settings`` are the keys of ``match = {…}`` that change the result, beside ``on``,
    ``treated``, ``at`` and ``exact``, which all methods honour; of each set in ``needs``
    one must be written. ``weighted`` says whether weights other than 1 can come out.
    """

    name: str
    title: str
    settings: frozenset[str]
    weighted: Callable[[MatchSettings], bool]
    match: Callable[[Candidates, MatchSettings], Matched | Unmatched]
    needs: tuple[frozenset[str], ...] = ()
