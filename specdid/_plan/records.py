"""The plan's records: dimensions with their choices, matched samples, and specifications as columns of indices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from specdid import _html, _plugins
from specdid._diagnostics import Origin
from specdid._hashing import id_text
from specdid._study import Match, Meta, Study
from specdid.language import Effect, Scope, Term, TermSets, terms, write
from specdid.language.tree import Node

Codes = NDArray[np.int32]


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

    @property
    def words(self) -> str:
        """How it matches, and whether its weights stand in the estimates, for a reader."""
        method = _plugins.load("matching", self.method)
        weights = ", with the match's weights" if self.weighted else ""
        return f"matched on {self.asked} ({self.method}: {method.title}){weights}"

    @property
    def asked(self) -> str:
        """Write what is matched on, where and by which settings."""
        method = _plugins.load("matching", self.method)
        given = [(name, getattr(self.settings, name)) for name in MatchSettings.__slots__ if name in method.settings]
        settings = "".join(f", {name} = {str(value).lower()}" for name, value in given if value is not None)
        at = f", at = {write(self.at)}" if self.at is not None else ""
        exact = f", exact = {' + '.join(write(node) for node in self.exact)}" if self.exact else ""
        return f"{' + '.join(t.text for t in self.on)}{at}{exact}{settings}"


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


class PlanStatus(IntEnum):
    """What the plan says of a specification before anything is estimated."""

    PLANNED = 0
    EXCLUDED = 1
    DUPLICATE = 2


@dataclass(frozen=True, slots=True)
class Dimension:
    """One thing that varies: its choices, in plan order.

    An option of the file that expands becomes several choices; ``option[c]`` is the
    position of choice ``c``'s option in the file and ``declared`` that option's own
    label (None where it was written without one).
    """

    name: str
    labels: tuple[str, ...]
    declared: tuple[str | None, ...]
    option: Codes
    metas: tuple[Meta, ...]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class TreatmentChoice:
    term: Term
    with_: tuple[Term, ...]
    cohort: Node | None
    estimand: str | None
    arm: str | None = None


@dataclass(frozen=True, slots=True)
class SampleChoice:
    where: Node
    match: MatchChoice | None


@dataclass(frozen=True, slots=True)
class EstimatorChoice:
    method: str
    options: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Setting:
    """What one combination of the user's variants changes: names, terms, effects, rows, instruments."""

    choices: tuple[int, ...]
    scope: Scope
    add: tuple[Term, ...]
    absorb: tuple[Effect, ...]
    where: tuple[Node, ...]
    instruments: tuple[Term, ...] = ()


@dataclass(frozen=True, slots=True)
class Grid:
    """The content of every choice, by dimension."""

    outcomes: tuple[Node, ...]
    scales: tuple[str | None, ...]
    treatments: tuple[TreatmentChoice, ...]
    controls: TermSets
    fixed_effects: tuple[tuple[Effect, ...], ...]
    samples: tuple[SampleChoice, ...]
    weights: tuple[Node | None, ...]
    estimators: tuple[EstimatorChoice, ...]
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why specifications are excluded: a code of the contract and one line of words."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All specifications of a study.

    Attributes
    ----------
    dimensions
        In plan order: the core dimensions, then the variants; the last varies fastest.
    codes : (S, D) int32
        The choice of each dimension.
    setting : (S,) int32
        Index into ``grid.settings``.
    status : (S,) uint8
        A PlanStatus.
    reason : (S,) int32
        Index into ``reasons`` for excluded specifications, else -1.
    twin : (S,) int64
        For a duplicate by content: the place of the specification that has the numbers.
    ids : (S,) uint64
        The content hash; written as 16 hex digits.
    preferred
        The place of the preferred specification, or -1.
    estimands
        What estimates are estimates of, in words, each once.
    estimand : (S,) int32
        Places in ``estimands``.
    scales
        What estimates are in, each once.
    scale : (S,) int32
        Places in ``scales``, -1 where none is declared.
    """

    study: Study
    dimensions: tuple[Dimension, ...]
    grid: Grid
    codes: Codes
    setting: Codes
    status: NDArray[np.uint8]
    reason: Codes
    reasons: tuple[Reason, ...]
    twin: NDArray[np.int64]
    ids: NDArray[np.uint64]
    preferred: int
    estimands: tuple[str, ...]
    estimand: Codes
    scales: tuple[str, ...]
    scale: Codes

    def __len__(self) -> int:
        return len(self.codes)

    def spec_id(self, place: int) -> str:
        """Return the id of the specification at ``place`` as 16 hex digits."""
        return id_text(self.ids[place])

    @property
    def account(self) -> str:
        """Return the line of counts: planned = to estimate + excluded + duplicate."""
        excluded, duplicate = (int(np.sum(self.status == s)) for s in (PlanStatus.EXCLUDED, PlanStatus.DUPLICATE))
        left = len(self) - excluded - duplicate
        return f"{len(self):,} planned = {left:,} to estimate + {excluded:,} excluded + {duplicate:,} duplicate"

    def __repr__(self) -> str:
        return f"<Plan {self.study.title!r}: {self.account}>"

    def _repr_html_(self) -> str:
        rows = [(d.name, f"{len(d):,}", _html.shortened(d.labels)) for d in self.dimensions]
        counts = np.bincount(self.reason[self.reason >= 0], minlength=len(self.reasons)).tolist()
        excluded = [f"{n:,} excluded: {r.message}" for n, r in zip(counts, self.reasons, strict=True) if n]
        table = _html.table(("dimension", "options", "labels"), rows, texts=3)
        head = _html.heading(self.study.title) + _html.paragraph(self.account)
        return f"<div>{head}{table}{_html.listing(excluded)}</div>"
