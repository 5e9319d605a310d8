"""A matched sample: what it is matched on and how."""

from __future__ import annotations

from dataclasses import dataclass, field

from specdid import _plugins
from specdid._diagnostics import Origin
from specdid._study import Match
from specdid.language import Term, terms
from specdid.language.tree import Node


@dataclass(frozen=True, slots=True)
class MatchSettings:
    """How to match, with defaults in place.

    ``caliper`` is on the propensity score, ``caliper_sd`` in its standard deviations;
    ``bandwidth`` defaults to .06, as in psmatch2 (Leuven and Sianesi 2003).
    ``common_support`` leaves out treated units whose score no control's reaches.
    """

    ratio: int = 1
    replace: bool = False
    caliper: float | None = None
    caliper_sd: float | None = None
    bandwidth: float = 0.06
    common_support: bool = False


@dataclass(frozen=True, slots=True)
class MatchChoice:
    """How a sample is matched.

    ``treated`` None is ever treated under the specification's treatment; ``at`` None is
    period by period; only units that agree in every variable of ``exact`` are matched.
    """

    on: tuple[Term, ...]
    treated: Node | None
    at: Node | None
    exact: tuple[Node, ...]
    method: str
    settings: MatchSettings
    origin: Origin = field(compare=False)

    @property
    def weighted(self) -> bool:
        """Say whether weights other than 1 can come of it."""
        return bool(_plugins.load("matching", self.method).weighted(self.settings))


def match_choice(match: Match, on: tuple[Term, ...]) -> MatchChoice:
    """Make the choice of a written ``match`` whose ``on`` stands for the terms ``on``."""
    honoured = _plugins.load("matching", match.method).settings
    names = [name for name in MatchSettings.__slots__ if name in honoured]
    written = {name: getattr(match, name) for name in names if getattr(match, name) is not None}
    return MatchChoice(
        on,
        match.treated.tree if match.treated else None,
        match.at.tree if match.at else None,
        tuple(t.factors[0] for t in terms(match.exact.tree).terms) if match.exact else (),
        match.method,
        MatchSettings(**written),
        match.origin,
    )
