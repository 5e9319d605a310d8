"""What the specification curve shows, as arrays: computed apart from drawing, tested without pixels."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Bools, Floats, Ints
from specdid._describe.choices import estimated_controls, sizes_of_changes, variance_factors
from specdid._describe.curve_tests import Bands
from specdid._records import CODES, KINDS, Caution, NullShares, Planned, Results, ScaleGroup, Status
from specdid._records.cautions import Against, against, capital
from specdid._records.numerals import decimals_for, ordinal
from specdid._records.results import Choice
from specdid._words import say, say_choice, told
from specdid.figures._curve_order import Piece, arrange, lay_bands
from specdid.language import briefly

LONGEST_ESTIMAND = 60
"""Characters of an estimand that a key of the figure says in full."""
MANY = 6
"""Series of a panel beyond which a key has short names, and the note their estimands."""
MARKS = 300
"""Up to so many have a mark each in the choice panel; more are shares of neighbours."""
AND = " + "
"""Between controls that always go together."""
TIED = 3
"""From so many tied dimensions on, labels that have all of them would be cut where they differ."""
STILL = 0.01
"""A share of the range of the estimates that is no move."""


@dataclass(frozen=True, slots=True)
class ChoiceRow:
    """One line of the choice panel: ``chosen`` (n,) in the order of the curve."""

    label: str
    chosen: Bools


@dataclass(frozen=True, slots=True)
class ChoiceRows:
    """The rows under one heading; ``always`` are controls that every option has.

    ``usual``: options of many tied dimensions are named by what differs from this one.

    ``common``: by dimension, what […] in the labels stands for.

    ``moves`` is the largest mean change that an option makes, as a share of the estimates' range, infinite
    where none can be compared with another; ``still``: no pair of specifications moves by STILL of the range.
    """

    heading: str
    rows: tuple[ChoiceRow, ...]
    always: tuple[str, ...] = ()
    moves: float = np.inf
    still: bool = False
    usual: str = ""
    common: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Series:
    """The specifications that share an estimand and an estimator; ``colour`` is that of all panels.

    ``n`` and ``median`` are of those that joint tests take, or of the nearest kind where they take none.
    ``short`` is what a key of many says: the estimator where no other series of the panel has it.
    """

    label: str
    estimand: int
    n: int
    median: float
    colour: int = 0
    short: str = ""
    words: str = ""


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
        return say("{rank} of {of:,}{among}", rank=ordinal(self.rank), of=self.of, among=self.among)


SURVIVES = 1.0
"""The M̄ that specifications survive or not: a change after as large as the largest before."""
APART = 1e-6
"""Breakdown values that differ by a smaller share of themselves are one."""


@dataclass(frozen=True, slots=True)
class Breakdowns:
    """How far parallel trends may fail before zero is in the robust set of an effect, by specification.

    Attributes
    ----------
    values : (specifications planned,) M̄, NaN where zero is inside at 0 or nothing is known
    known : (specifications planned,) bool, those that have an event study with bounds
    effect : the effect in a word
    bound : the bound that is drawn as a line: specifications above it survive it
    several : points of the curve whose specifications, one model, have event studies with other values
    """

    values: Floats
    known: Bools
    effect: str
    bound: float = SURVIVES
    several: int = 0

    @property
    def inside(self) -> int:
        """How many have zero in their set at 0 already."""
        return int(np.count_nonzero(self.known & ~(self.values > 0)))

    def of_points(self, twin: Ints) -> Breakdowns:
        """Give each point of the curve the lowest value of its specifications.

        Which of them has the estimate is a matter of the order of options; ``twin`` is that of Results.
        """
        values, known = np.where(np.isnan(self.values) & self.known, 0.0, self.values), self.known.copy()
        mine = np.flatnonzero(self.known)
        point = np.where(twin[mine] >= 0, twin[mine], mine)
        lowest, highest = np.full(len(values), np.inf), np.full(len(values), -np.inf)
        np.minimum.at(lowest, point, values[mine])
        np.maximum.at(highest, point, values[mine])
        known[:] = False
        known[point] = True
        differ = known & (lowest < highest * (1 - APART))
        return replace(
            self,
            values=np.where(known & (lowest > 0), lowest, np.nan),
            known=known,
            several=int(np.count_nonzero(differ)),
        )


@dataclass(frozen=True, slots=True)
class Segment:
    """Specifications from ``start`` to ``stop`` that stand together, apart from others; ``kind`` is of KINDS."""

    start: int
    stop: int
    kind: str


@dataclass(frozen=True, slots=True)
class CurvePanel:
    """One curve: the estimated specifications that share a scale, in the order drawn.

    Attributes
    ----------
    name : the scale, or the outcome where none is declared, as readers know it.
    scaled : whether a scale is declared.
    positions : (n,) places in the plan, from 0.
    estimate, low90, high90, low95, high95 : (n,) float64; NaN intervals where the vcov failed.
    significant : (n,) p < alpha under the first vcov.
    tested : (n,) whether there is a p-value under it: what has none is neither significant nor not.
    nobs : (n,) int64.
    which : (n,) index into ``series``.
    pieces : the curves drawn, one after the other.
    segments : what enters the joint tests, and apart from it what does not; at least one.
    choices : the headings of the choice panel and their rows.
    preferred : None where it is not among these.
    null_band : (3, n) 2.5, 50 and 97.5% of the sorted null curves, NaN but below the curves that
        a null has whole; or None.
    null_shares : by estimand, shares significant beside those a null expects; without them none is printed.
    group : the name as in the results, by which nulls are found.
    band_nulls : (estimand, or nothing where they are one curve; the null in words) of the curves in ``null_band``.
    breakdowns : their breakdown values under [honest], drawn below the curve.
    """

    name: str
    scaled: bool
    positions: Ints
    estimate: Floats
    low90: Floats
    high90: Floats
    low95: Floats
    high95: Floats
    significant: Bools
    tested: Bools
    nobs: Ints
    which: Ints
    series: tuple[Series, ...]
    pieces: tuple[tuple[int, int], ...]
    segments: tuple[Segment, ...]
    choices: tuple[ChoiceRows, ...]
    preferred: Preferred | None
    null_band: Floats | None = None
    null_shares: tuple[tuple[str, NullShares], ...] = ()
    group: str = ""
    band_nulls: tuple[tuple[str, str], ...] = ()
    breakdowns: Breakdowns | None = None

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def decimals(self) -> int:
        """Decimals with which this panel's estimates are written."""
        return decimals_for(self.estimate)

    @property
    def many(self) -> bool:
        """Whether a key has no room for all that there is to say of each series."""
        return len(self.series) > MANY

    def short(self, estimand: str) -> str:
        """Return the name of the one of many series that has an estimand, or the estimand as it is told."""
        of = [s.short for s in self.series if s.words == estimand]
        return of[0] if self.many and len(of) == 1 else told(estimand)

    @property
    def nobs_varies(self) -> bool:
        """Whether specifications have different numbers of rows."""
        return bool(self.nobs.min() < self.nobs.max())

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
    stands against the estimates, which is written above them; ``without_error`` says why some have no standard error.
    ``failed`` are all planned specifications that could not be estimated, in panels or not.
    """

    title: str
    alpha: float
    vcov: str
    panels: tuple[CurvePanel, ...]
    absent: str = ""
    found: Against = field(default_factory=Against)
    without_error: str = ""
    failed: int = 0


def curve_data(
    results: Results,
    sort: str = "estimate",
    null_bands: Bands | None = None,
    null_shares: Mapping[tuple[str, str], NullShares] | None = None,
    cautions: Sequence[Caution] = (),
    null_names: Mapping[tuple[str, str], str] | None = None,
    choices: bool = True,
    breakdowns: Breakdowns | None = None,
) -> CurveData:
    """Compute what the figure shows.

    Parameters
    ----------
    results
        The records of a run.
    sort
        ``estimate`` (see :func:`arrange`), ``declared`` (plan order) or a dimension: its options
        in declared order, by estimate within each. What does not enter the joint tests comes
        last in all of them.
    null_bands
        By group name (scale, or outcome) and estimand, (3, n) for the sorted curve.
    null_shares
        By group name and estimand, the shares significant in the data and under the null.
    cautions
        What is known to speak against the estimates, worst first.
    null_names
        By group name and estimand, the null in words that ``null_bands`` has the curve of.
    choices
        Whether panels have the rows of their choices.
    breakdowns
        What [honest] found of the specifications.

    Raises
    ------
    ValueError
        ``sort`` is neither of the two nor a dimension.
    """
    planned = results.planned
    if sort not in ("estimate", "declared", *planned.dimensions):
        raise ValueError(f"sort must be estimate, declared or a dimension, not {sort!r}")
    bands = (null_bands or {}) if sort == "estimate" else {}
    expected = (null_shares or {}).items()
    panels = tuple(
        replace(
            _panel(results, group, sort, bands, choices),
            null_shares=tuple((words, s) for (name, words), s in expected if name == group.name),
        )
        for group in results.groups()
        if np.any(results.status[group.members] == Status.OK)
    )
    panels = tuple(
        replace(
            p, band_nulls=tuple((words, null) for (name, words), null in (null_names or {}).items() if name == p.group)
        )
        for p in panels
    )
    panels = _coloured(results, panels)
    if breakdowns is not None:
        panels = tuple(replace(p, breakdowns=_breakdowns_of(p, breakdowns)) for p in panels)
    errors = planned.shown(planned.vcovs[0].removeprefix("~"))
    found = against(cautions).shown(planned.shown)
    why = say("; ").join(told(reason, True) for reason in results.without_error())
    failed = results.counts.failed
    return CurveData(planned.title, planned.alpha, errors, panels, _absent(results), found, why, failed)


def _breakdowns_of(panel: CurvePanel, found: Breakdowns) -> Breakdowns | None:
    """Return the breakdown values of a panel in its order, None where it has none."""
    known = found.known[panel.positions]
    return replace(found, values=found.values[panel.positions], known=known) if known.any() else None


def shares(chosen: Bools, bins: int) -> Floats:
    """Return the share of chosen specifications in each of ``bins`` runs of neighbours, (bins,)."""
    edges = np.linspace(0, len(chosen), bins + 1).round().astype(np.int64)
    counts = np.concatenate([[0], np.cumsum(chosen)])
    return np.asarray((counts[edges[1:]] - counts[edges[:-1]]) / np.diff(edges))


def _ordered(results: Results, group: ScaleGroup, sort: str, bands: Bands) -> tuple[Ints, tuple[Piece, ...]]:
    """Return the places in the plan in the order drawn, and the curves under which nulls may have bands."""
    if sort == "estimate":
        arranged = arrange(results, group, bands)
        return arranged.order, arranged.pieces
    order = np.sort(results.order(group)) if sort == "declared" else results.order(group)
    if sort != "declared":
        order = np.take(order, np.argsort(results.planned.dimension(sort).codes[order], kind="stable"))
    return np.take(order, np.argsort(results.planned.kind[order], kind="stable")), ()


def _segments(results: Results, order: Ints) -> tuple[Segment, ...]:
    kind = results.planned.kind[order]
    edges = (0, *(np.flatnonzero(np.diff(kind)) + 1).tolist(), len(order))
    return tuple(Segment(a, b, KINDS[kind[a]]) for a, b in pairwise(edges))


def _panel(results: Results, group: ScaleGroup, sort: str, bands: Bands, choices: bool) -> CurvePanel:
    order, pieces = _ordered(results, group, sort, bands)
    segments = _segments(results, order)
    which, series = _series(results, order)
    estimate = results.estimate[order]
    low90, high90 = _interval(results, order, 0.90)
    low95, high95 = _interval(results, order, 0.95)
    return CurvePanel(
        group.shown,
        group.scale is not None,
        order,
        estimate,
        low90,
        high90,
        low95,
        high95,
        results.first("p_value")[order] < results.planned.alpha,
        np.isfinite(results.first("p_value")[order]),
        results.first("nobs")[order].astype(np.int64),
        which,
        series,
        tuple((p.start, p.stop) for p in pieces or segments),
        segments,
        tuple(_choices(results, group, order)) if choices else (),
        _preferred(results, order),
        null_band=lay_bands(group, pieces, len(order), bands),
        group=group.name,
    )


def _interval(results: Results, order: Ints, level: float) -> tuple[Floats, Floats]:
    """Return the ends of a confidence interval from the standard error and its degrees of freedom."""
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
    methods = len(np.unique(estimator))
    series = []
    alone = methods == len(places)
    full = [told(planned.estimand.at(place) or say("estimate")) for place in places.tolist()]
    brief = [_brief(words) for words in full]
    named = brief if len({*brief}) == len({*full}) else full
    for k, (place, words) in enumerate(zip(places.tolist(), named, strict=True)):
        short = words
        if "estimator" in planned.dimensions:
            method = planned.shown(planned.dimension("estimator").at(place) or "")
            short = method if alone else short
            if methods > 1:
                words = say("{words}: {name}", words=method, name=words) if several else method
        mine = order[which.reshape(-1) == k]
        values = results.estimate[mine[planned.kind[mine] == planned.kind[mine].min()]]
        estimand = int(planned.estimand.codes[place])
        median = float(np.median(values))
        series.append(Series(words, estimand, len(values), median, short=short, words=planned.estimand.at(place) or ""))
    return which.reshape(-1).astype(np.int64), tuple(series)


def _brief(words: str) -> str:
    """Leave out how a long estimand averages, as "; times since treatment alike": tables have it."""
    return words if len(words) <= LONGEST_ESTIMAND else re.sub(r"[;；][^()（）]*(?=[)）]$)", "", words)


def _coloured(results: Results, panels: tuple[CurvePanel, ...]) -> tuple[CurvePanel, ...]:
    """Give an estimator the colour of its place in all panels; of several estimands in one panel each has its own."""
    planned = results.planned
    keys: list[list[tuple[int, int]]] = []
    for panel in panels:
        firsts = panel.positions[[int(np.argmax(panel.which == k)) for k in range(len(panel.series))]]
        estimator = planned.dimension("estimator").codes[firsts] if "estimator" in planned.dimensions else firsts * 0
        keys.append(list(zip(estimator.tolist(), planned.estimand.codes[firsts].tolist(), strict=True)))
    alone = "estimator" in planned.dimensions and all(len({e for e, _ in key}) == len(key) for key in keys)
    every = sorted({one for key in keys for one in key})
    places = {key: key[0] if alone else k for k, key in enumerate(every)}
    return tuple(
        replace(p, series=tuple(replace(s, colour=places[one]) for s, one in zip(p.series, key, strict=True)))
        for p, key in zip(panels, keys, strict=True)
    )


def _preferred(results: Results, order: Ints) -> Preferred | None:
    place = np.flatnonzero(order == results.preferred)
    if not len(place):
        return None
    rank, of = results.rank(results.preferred)
    kind = results.planned.kind
    same = int(np.count_nonzero(kind[order] == kind[results.preferred]))
    among = [say(" {kind} ones", kind=say(KINDS[kind[results.preferred]]))] if same < len(order) else []
    among += [say(" with its estimand")] if of < same else []
    return Preferred(int(place[0]), rank, of, float(results.estimate[results.preferred]), "".join(among))


def _absent(results: Results) -> str:
    """Say why the preferred specification is not on the curve, where there is one that is not."""
    if results.preferred < 0 or results.status[results.preferred] == Status.OK:
        return ""
    return say(
        "The preferred specification has no estimate ({codes}).", codes=told(CODES[results.code[results.preferred]])
    )


def _choices(results: Results, group: ScaleGroup, order: Ints) -> Iterator[ChoiceRows]:
    """Return the headings and rows of every dimension that varies within the group."""
    planned = results.planned
    tried = group.members[results.status[group.members] != Status.EXCLUDED]
    moved = _moved(results, group)
    for choice in planned.choices(tried):
        options, _ = planned.combined(choice, tried)
        if len(options) < 2:
            continue
        codes = [planned.codes[order, d] for d in choice.places]
        if choice.name == "controls" and planned.control_terms:
            yield replace(_controls(results, options[:, 0], order), **moved(choice.name))
            continue
        chosen = (np.logical_and.reduce([c == o for c, o in zip(codes, row, strict=True)]) for row in options.tolist())
        usual = _usual(results, choice)
        common = planned.common(choice.name)
        labels = [briefly(_differing(planned, choice, row, usual), common) for row in options.tolist()]
        rows = tuple(ChoiceRow(label, flags) for label, flags in zip(labels, chosen, strict=True))
        heading = capital(say_choice(choice.name, spaced=False))
        held = (planned.labels[d][code] for d, code in zip(choice.places, usual, strict=False))
        named = ", ".join(map(planned.shown, held))
        yield replace(ChoiceRows(heading, rows, usual=named, common=common), **moved(choice.name))


def _usual(results: Results, choice: Choice) -> list[int]:
    """Return what most options of many tied dimensions have of each; nothing of few, which labels have room for.

    It is that of the whole plan, so that a label means the same on every panel.
    """
    if len(choice.places) < TIED:
        return []
    tried = np.flatnonzero(results.status != Status.EXCLUDED)
    options, _ = results.planned.combined(choice, tried)
    usual = [int(np.bincount(column).argmax()) for column in options.T]
    labels = {_differing(results.planned, choice, row, usual) for row in options.tolist()}
    # Where dimensions share a label, it does not tell which differs.
    return usual if len(labels) == len(options) else []


def _differing(planned: Planned, choice: Choice, row: Sequence[int], usual: Sequence[int]) -> str:
    """Name an option by what differs from the usual one, which is named in full."""
    kept = [k for k, code in enumerate(row) if not usual or code != usual[k]] or range(len(row))
    return ", ".join(planned.shown(planned.labels[choice.places[k]][row[k]]) for k in kept)


def _moved(results: Results, group: ScaleGroup) -> Callable[[str], dict[str, Any]]:
    """Return what says of a choice how far it moves the estimates of any estimand of the scale."""
    found: dict[str, list[tuple[float, float]]] = {}
    families = [f for f in results.families if (f.group, f.scaled) == (group.name, group.scale is not None)]
    for family in families:
        y = results.estimate[family.places]
        reach = float(y.max() - y.min())
        factors = variance_factors(results, family.places) if reach else ()
        for factor, sizes in zip(factors, sizes_of_changes(factors, y), strict=True):
            for name in factor.dimension.split(" + "):
                found.setdefault(name, []).append((sizes[0] / reach, sizes[1] / reach))

    def of(choice: str) -> dict[str, Any]:
        sizes = [one for name in choice.split(" + ") for one in found.get(name, []) if np.isfinite(one[1])]
        if choice == "estimator" and (not sizes or len(families) > 1):
            # Estimators of different estimands are told by their colours, unless these are many; no pair compares them.
            return {"moves": 0.0 if len(families) <= MANY else np.inf}
        if not sizes:
            return {}
        means, pairs = zip(*sizes, strict=True)
        return {"moves": max(means), "still": max(pairs) < STILL}

    return of


def _controls(results: Results, options: NDArray[np.int32], order: Ints) -> ChoiceRows:
    """One row per term that some options have and others have not; terms that always go together share one.

    A mark stands where a specification was estimated with one of them.
    """
    planned = results.planned
    sets, which = estimated_controls(results, order)
    members = planned.control_members[options]
    names = tuple(map(planned.shown, planned.control_terms))
    together: dict[bytes, list[int]] = {}
    for k in np.flatnonzero(members.any(axis=0) & ~members.all(axis=0)).tolist():
        together.setdefault(members[:, k].tobytes(), []).append(k)
    rows = tuple(
        ChoiceRow(AND.join(names[k] for k in terms), np.asarray(sets[:, terms].any(axis=1))[which])
        for terms in together.values()
    )
    always = tuple(names[k] for k in np.flatnonzero(members.all(axis=0)).tolist())
    return ChoiceRows(say("Controls"), rows, always)
