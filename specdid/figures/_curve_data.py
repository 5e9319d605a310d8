"""What the specification curve shows, as arrays: computed apart from drawing, tested without pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from specdid._records import CODES, Group, Results, Status
from specdid._records.numerals import decimals_for, ordinal

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

POINTS = 100
"""Up to so many specifications are points and bars; more are ribbons."""
MARKS = 300
"""Up to so many have a mark each in the choice panel; more are shares of neighbours."""

_HEADINGS = {"fixed_effects": "Fixed effects"}


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
    """The specifications that share an estimand and an estimator."""

    label: str
    estimand: int
    n: int
    median: float


@dataclass(frozen=True, slots=True)
class Preferred:
    """Where the preferred specification stands; ``place`` from 0 from the left.

    ``rank`` is by estimate from the lowest, among the ``of`` specifications with its
    estimand; ``among`` says so where the panel has others.
    """

    place: int
    rank: int
    of: int
    estimate: float
    among: str = ""

    @property
    def words(self) -> str:
        """Give the rank as it is printed: ``41st of 384``."""
        return f"{ordinal(self.rank)} of {self.of:,}{self.among}"


@dataclass(frozen=True, slots=True)
class Panel:
    """One curve: the estimated specifications that share a scale, in the order drawn.

    Attributes
    ----------
    name : the scale, or the outcome where none is declared.
    scaled : whether a scale is declared.
    positions : (n,) places in the plan, from 0.
    estimate, low90, high90, low95, high95 : (n,) float64; NaN intervals where the vcov failed.
    significant : (n,) p < alpha under the first vcov.
    nobs : (n,) int64.
    which : (n,) index into ``series``.
    breaks : places where another estimand's curve begins, if they stand one after the other.
    choices : the headings of the choice panel and their rows.
    preferred : None where it is not among these.
    failed : planned specifications of this scale that could not be estimated.
    null_band : (3, n) 2.5, 50 and 97.5% of the sorted null curves, or None.
    null_shares : shares significantly negative and positive that the null expects, or None.
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
    breaks: tuple[int, ...]
    choices: tuple[Choices, ...]
    preferred: Preferred | None
    failed: int
    null_band: Floats | None = None
    null_shares: tuple[float, float] | None = None

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def decimals(self) -> int:
        """Decimals with which this panel's estimates are written."""
        return decimals_for(self.estimate)

    @property
    def pieces(self) -> tuple[tuple[int, int], ...]:
        """Where each curve begins and ends; one piece unless estimands stand one after the other."""
        return tuple(pairwise((0, *self.breaks, len(self))))


@dataclass(frozen=True, slots=True)
class CurveData:
    """All panels of the figure; those without any estimate are left out.

    ``absent`` says why the preferred specification is not marked, or is empty.
    """

    title: str
    alpha: float
    vcov: str
    panels: tuple[Panel, ...]
    absent: str = ""


def curve_data(
    results: Results,
    sort: str = "estimate",
    null_bands: Mapping[str, Floats] | None = None,
    null_shares: Mapping[str, tuple[float, float]] | None = None,
) -> CurveData:
    """Compute what the figure shows.

    Parameters
    ----------
    results
        The records of a run.
    sort
        ``estimate`` (above POINTS specifications estimand by estimand, since ribbons that
        alternate cannot be read), ``declared`` (plan order) or a dimension: its options in
        declared order, by estimate within each.
    null_bands
        By group name (scale, or outcome), (3, n) for the sorted curve.
    null_shares
        By group name, the shares significantly negative and positive under the null.

    Raises
    ------
    ValueError
        ``sort`` is neither of the two nor a dimension.
    """
    planned = results.planned
    if sort not in ("estimate", "declared", *planned.dimensions):
        raise ValueError(f"sort must be estimate, declared or a dimension, not {sort!r}")
    bands = (null_bands or {}) if sort == "estimate" else {}
    expected = null_shares or {}
    panels = tuple(
        replace(_panel(results, group, order, sort, bands.get(group.name)), null_shares=expected.get(group.name))
        for group in results.groups()
        if len(order := _ordered(results, group, sort))
    )
    return CurveData(planned.title, planned.alpha, planned.vcovs[0], panels, _absent(results))


def shares(chosen: Flags, bins: int) -> Floats:
    """Give the share of chosen specifications in each of ``bins`` runs of neighbours, (bins,)."""
    edges = np.linspace(0, len(chosen), bins + 1).round().astype(np.int64)
    counts = np.concatenate([[0], np.cumsum(chosen)])
    return np.asarray((counts[edges[1:]] - counts[edges[:-1]]) / np.diff(edges))


def _ordered(results: Results, group: Group, sort: str) -> Ints:
    order = results.order(group)
    if sort == "estimate":
        estimand = results.planned.estimand.codes[order]
        return np.take(order, np.argsort(estimand, kind="stable")) if len(order) > POINTS else order
    if sort == "declared":
        return np.sort(order)
    option = results.planned.dimension(sort).codes[order]
    return np.take(order, np.argsort(option, kind="stable"))


def _panel(results: Results, group: Group, order: Ints, sort: str, band: Floats | None) -> Panel:
    which, series = _series(results, order)
    estimate = results.estimate[order]
    low90, high90 = _interval(results, order, 0.90)
    low95, high95 = _interval(results, order, 0.95)
    return Panel(
        group.name, group.scale is not None, order,
        estimate, low90, high90, low95, high95,
        results.first("p_value")[order] < results.planned.alpha,
        results.first("nobs")[order].astype(np.int64),
        which, series, _breaks(results, order) if sort == "estimate" else (),
        tuple(_choices(results, group, order)), _preferred(results, order),
        failed=int(np.sum(results.status[group.members] == Status.FAILED)),
        null_band=band if band is not None and band.shape == (3, len(order)) else None,
    )  # fmt: skip


def _interval(results: Results, order: Ints, level: float) -> tuple[Floats, Floats]:
    """Give the ends of a confidence interval from the standard error and its degrees of freedom."""
    from scipy.special import ndtri, stdtrit

    df = results.first("df")[order]
    tail = (1 + level) / 2
    finite = np.where(np.isfinite(df), df, 1.0)
    width = np.where(np.isinf(df), ndtri(tail), stdtrit(finite, tail)) * results.first("std_error")[order]
    estimate = results.estimate[order]
    return estimate - width, estimate + width


def _series(results: Results, order: Ints) -> tuple[Ints, tuple[Series, ...]]:
    """Group by estimand and estimator, in order of their options."""
    planned = results.planned
    estimator = planned.dimension("estimator").codes[order] if "estimator" in planned.dimensions else 0
    key = estimator * len(planned.estimand.words) + planned.estimand.codes[order]
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    places = order[first]
    several = len(set(planned.estimand.codes[places].tolist())) > 1
    series = []
    for k, place in enumerate(places.tolist()):
        words = planned.estimand.at(place) or "estimate"
        if "estimator" in planned.dimensions:
            method = planned.shown(planned.dimension("estimator").at(place) or "")
            words = f"{method}: {words}" if several else method
        values = results.estimate[order][which.reshape(-1) == k]
        estimand = int(planned.estimand.codes[place])
        series.append(Series(words, estimand, len(values), float(np.median(values))))
    return which.reshape(-1).astype(np.int64), tuple(series)


def _breaks(results: Results, order: Ints) -> tuple[int, ...]:
    """Give where the estimand changes in an order that has each estimand's curve in one piece."""
    estimand = results.planned.estimand.codes[order]
    changes = np.flatnonzero(np.diff(estimand)) + 1
    return tuple(changes.tolist()) if len(changes) == len(np.unique(estimand)) - 1 else ()


def _preferred(results: Results, order: Ints) -> Preferred | None:
    place = np.flatnonzero(order == results.preferred)
    if not len(place):
        return None
    rank, of = results.rank(results.preferred)
    among = " with its estimand" if of < len(order) else ""
    return Preferred(int(place[0]), rank, of, float(results.estimate[results.preferred]), among)


def _absent(results: Results) -> str:
    """Say why the preferred specification is not on the curve, where there is one that is not."""
    if results.preferred < 0 or results.status[results.preferred] == Status.OK:
        return ""
    return f"The preferred specification has no estimate ({CODES[results.code[results.preferred]]})."


def _choices(results: Results, group: Group, order: Ints) -> Iterator[Choices]:
    """Give the headings and rows of every dimension that varies within the group."""
    planned = results.planned
    tried = group.members[results.status[group.members] != Status.EXCLUDED]
    for d, name in enumerate(planned.dimensions):
        options = np.unique(planned.codes[tried, d])
        if len(options) < 2:
            continue
        codes = planned.codes[order, d]
        if name == "controls" and planned.control_terms:
            yield _controls(results, options, codes)
            continue
        rows = tuple(Row(planned.shown(planned.labels[d][o]), codes == o) for o in options.tolist())
        yield Choices(_HEADINGS.get(name, _capital(name)), rows)


def _controls(results: Results, options: NDArray[np.int32], codes: NDArray[np.int32]) -> Choices:
    """One row per term that some options have and others have not."""
    planned = results.planned
    members = planned.control_members[options]
    names = tuple(map(planned.shown, planned.control_terms))
    rows = tuple(
        Row(names[k], planned.control_members[codes, k])
        for k in np.flatnonzero(members.any(axis=0) & ~members.all(axis=0)).tolist()
    )
    always = tuple(names[k] for k in np.flatnonzero(members.all(axis=0)).tolist())
    return Choices("Controls", rows, always)


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
