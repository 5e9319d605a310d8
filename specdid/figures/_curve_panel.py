"""What the specification curve shows, as records."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from specdid._records import KINDS, NullShares
from specdid._records.cautions import Against
from specdid._records.numerals import decimals_for, ordinal

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

MARKS = 300
"""Up to so many have a mark each in the choice panel; more are shares of neighbours."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the choice panel: ``chosen`` (n,) in the order of the curve."""

    label: str
    chosen: Flags


@dataclass(frozen=True, slots=True)
class Choices:
    """The rows under one heading; ``always`` are controls that every option has."""

    heading: str
    rows: tuple[Row, ...]
    always: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Series:
    """The specifications that share an estimand and an estimator; ``colour`` is that of all panels."""

    label: str
    estimand: int
    n: int
    median: float
    colour: int = 0


@dataclass(frozen=True, slots=True)
class Preferred:
    """Where the preferred specification stands; ``place`` from 0 from the left.

    ``rank`` is by estimate from the lowest, among the ``of`` specifications with its
    estimand and kind; ``among`` says so where the panel has others.
    """

    place: int
    rank: int
    of: int
    estimate: float
    among: str = ""

    @property
    def words(self) -> str:
        """Return the rank as it is printed: ``41st of 384``."""
        return f"{ordinal(self.rank)} of {self.of:,}{self.among}"


@dataclass(frozen=True, slots=True)
class Segment:
    """Specifications from ``start`` to ``stop`` that stand together, apart from others; ``kind`` is of KINDS."""

    start: int
    stop: int
    kind: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One curve: the estimated specifications that share a scale, in the order drawn.

    Attributes
    ----------
    name : the scale, or the outcome where none is declared, as readers know it.
    scaled : whether a scale is declared.
    positions : (n,) places in the plan, from 0.
    estimate, low90, high90, low95, high95 : (n,) float64; NaN intervals where the vcov failed.
    significant : (n,) p < alpha under the first vcov.
    nobs : (n,) int64.
    which : (n,) index into ``series``.
    pieces : the curves drawn, one after the other.
    segments : what enters the joint tests, and apart from it what does not; at least one.
    choices : the headings of the choice panel and their rows.
    preferred : None where it is not among these.
    failed : planned specifications of this scale that could not be estimated.
    null_band : (3, n) 2.5, 50 and 97.5% of the sorted null curves, NaN but below the curves that
        a null has whole; or None.
    null_shares : shares significant beside those the null expects, or None; without them none is printed.
    group : the name as in the results, by which nulls are found.
    """

    name: str
    scaled: bool
    positions: Ints
    estimate: Floats
    low90: Floats
    high90: Floats
    low95: Floats
    high95: Floats
    significant: Flags
    nobs: Ints
    which: Ints
    series: tuple[Series, ...]
    pieces: tuple[tuple[int, int], ...]
    segments: tuple[Segment, ...]
    choices: tuple[Choices, ...]
    preferred: Preferred | None
    failed: int
    null_band: Floats | None = None
    null_shares: NullShares | None = None
    group: str = ""

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def decimals(self) -> int:
        """Decimals with which this panel's estimates are written."""
        return decimals_for(self.estimate)

    @property
    def breaks(self) -> tuple[int, ...]:
        """Where another estimand's curve begins within a segment."""
        return tuple(start for start, _ in self.pieces if start not in {s.start for s in self.segments})

    @property
    def apart(self) -> bool:
        """Whether some, or all, stand apart as not entering the joint tests."""
        return self.segments[-1].kind != KINDS[0]

    @property
    def gap(self) -> float:
        """The room between segments, in the room of one specification."""
        return max(1.0, 0.03 * len(self))

    @property
    def extent(self) -> float:
        """The width of the whole axis, in the room of one specification."""
        return len(self) + self.gap * (len(self.segments) - 1)

    def across(self, places: Floats | Ints | int) -> Floats:
        """Return where on the axis these places begin: moved by the gaps before them."""
        starts = [s.start for s in self.segments[1:]]
        return np.asarray(places + self.gap * np.searchsorted(starts, places, side="right"), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class CurveData:
    """All panels of the figure; those without any estimate are left out.

    ``absent`` says why the preferred specification is not marked, or is empty; ``found`` is what
    stands against the estimates, which is written above them.
    """

    title: str
    alpha: float
    vcov: str
    panels: tuple[Panel, ...]
    absent: str = ""
    found: Against = field(default_factory=Against)
