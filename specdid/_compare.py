"""What two runs differ in, as records and as rows, and how the curve of every scale and estimand moved.

Specifications are paired by content; labels that differ on the same content were renamed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Bools, Floats, Ints
from specdid._describe.choices import variance_factors, variance_shares
from specdid._records import CODES, Family, Results, Status
from specdid._records.write import guard, significant

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

ALIKE = 1e-6
"""An estimate or standard error that moved by fewer standard errors is the same, as in the audit."""
Tests = Mapping[tuple[str, str], tuple[float, float]]
"""(null, statistic) -> value and p."""
CHANGES = ("same", "changed", "redefined", "status", "added", "removed")
_MADE_OF = {"study", "derive", "macros", "match", "variant", "instruments", "together"}
"""Tables whose change may give options of any dimension other content."""
_NUMBERS = ("estimate", "std_error", "p_value", "nobs")


@dataclass(frozen=True, slots=True)
class PairedSpecifications:
    """Places in the plans, from 0; every distinct content counts once.

    Attributes
    ----------
    old, new : (P,) each, in the order of the new plan: the same content, or, where
        ``redefined``, other content under the same labels.
    redefined : (P,) bool.
    removed, added : places in the old and in the new plan without a partner.
    """

    old: Ints
    new: Ints
    redefined: Bools
    removed: Ints
    added: Ints


@dataclass(frozen=True, slots=True)
class Renamed:
    """A label, or where ``dimension`` is empty a dimension, with the same content under another name."""

    dimension: str
    old: str
    new: str


def pair(old: Results, new: Results) -> PairedSpecifications:
    """Match two runs by content; what is left by its labels, where these name one of each."""
    first_old, first_new = _distinct(old), _distinct(new)
    ids_old, ids_new = old.planned.ids[first_old], new.planned.ids[first_new]
    _, at_old, at_new = np.intersect1d(ids_old, ids_new, assume_unique=True, return_indices=True)
    removed, added = np.delete(first_old, at_old), np.delete(first_new, at_new)
    left, right = _by_labels(old, new, removed, added)
    both_old = np.concatenate([first_old[at_old], removed[left]])
    both_new = np.concatenate([first_new[at_new], added[right]])
    order = np.argsort(both_new, kind="stable")
    redefined = np.arange(len(both_new)) >= len(at_new)
    return PairedSpecifications(
        both_old[order],
        both_new[order],
        redefined[order],
        np.sort(np.delete(removed, left)),
        np.sort(np.delete(added, right)),
    )


def _distinct(results: Results) -> Ints:
    """Return one place per content: the ok one, else the first that is not a duplicate."""
    order = np.lexsort((np.arange(len(results)), results.status, results.planned.ids))
    ids = results.planned.ids[order]
    first = np.ones(len(ids), dtype=bool)
    first[1:] = ids[1:] != ids[:-1]
    return np.sort(order[first]).astype(np.int64)


def _by_labels(old: Results, new: Results, removed: Ints, added: Ints) -> tuple[Ints, Ints]:
    """Return positions in ``removed`` and ``added`` whose labels agree and occur once on either side."""
    shared = [d for d in new.planned.dimensions if d in old.planned.dimensions]
    key_old, key_new = np.zeros(len(removed), np.int64), np.zeros(len(added), np.int64)
    for name in shared:
        words, codes = _common_codes(old, new, name, removed, added)
        key = np.concatenate([key_old, key_new]) * len(words) + np.concatenate(codes)
        _, key = np.unique(key, return_inverse=True)
        key_old, key_new = key[: len(removed)], key[len(removed) :]
    once_old, once_new = _once(key_old), _once(key_new)
    _, left, right = np.intersect1d(key_old[once_old], key_new[once_new], assume_unique=True, return_indices=True)
    return once_old[left], once_new[right]


def _once(key: Ints) -> Ints:
    """Return the positions whose key occurs once."""
    _, first, counts = np.unique(key, return_index=True, return_counts=True)
    return np.asarray(first[counts == 1], dtype=np.int64)


def _common_codes(
    old: Results, new: Results, name: str, places_old: Ints, places_new: Ints
) -> tuple[Sequence[str], tuple[Ints, Ints]]:
    """Return one dictionary for both runs' labels of a dimension, and the codes of these places."""
    a, b = old.planned.dimension(name), new.planned.dimension(name)
    place = {word: k for k, word in enumerate(dict.fromkeys([*a.words, *b.words]))}
    to_a, to_b = (np.array([place[w] for w in t.words], dtype=np.int64) for t in (a, b))
    return tuple(place), (to_a[a.codes[places_old]], to_b[b.codes[places_new]])


def renamed(old: Results, new: Results, pairs: PairedSpecifications) -> tuple[Renamed, ...]:
    """Find labels and dimensions of one run whose content the other calls otherwise."""
    same = ~pairs.redefined
    places = pairs.old[same], pairs.new[same]
    shared = [d for d in new.planned.dimensions if d in old.planned.dimensions]
    found = [Renamed(name, *words) for name in shared for words in _renamed_labels(old, new, name, name, *places)]
    gone = [d for d in old.planned.dimensions if d not in shared]
    come = [d for d in new.planned.dimensions if d not in shared]
    for name in gone:
        other = next((o for o in come if _one_to_one(old, new, name, o, *places)), None)
        if other is not None:
            come.remove(other)
            found.append(Renamed("", name, other))
            found += [Renamed(other, *words) for words in _renamed_labels(old, new, name, other, *places)]
    return tuple(found)


def _label_pairs(
    old: Results, new: Results, name: str, other: str, places_old: Ints, places_new: Ints
) -> Iterator[tuple[str, str]]:
    """Return every pair of labels that stands on the same content, in order of the new labels."""
    a, b = old.planned.dimension(name), new.planned.dimension(other)
    key = np.unique(b.codes[places_new].astype(np.int64) * len(a.words) + a.codes[places_old])
    for k in key.tolist():
        yield a.words[k % len(a.words)], b.words[k // len(a.words)]


def _renamed_labels(
    old: Results, new: Results, name: str, other: str, places_old: Ints, places_new: Ints
) -> Iterator[tuple[str, str]]:
    """Return labels that only one run has; where another still has the label, an option became two."""
    words_old, words_new = set(old.planned.dimension(name).words), set(new.planned.dimension(other).words)
    for before, after in _label_pairs(old, new, name, other, places_old, places_new):
        if before != after and before not in words_new and after not in words_old:
            yield before, after


def _one_to_one(old: Results, new: Results, name: str, other: str, places_old: Ints, places_new: Ints) -> bool:
    """Say whether two dimensions part the shared specifications in the same way, into more than one."""
    found = list(_label_pairs(old, new, name, other, places_old, places_new))
    return len(found) > 1 and len({a for a, _ in found}) == len({b for _, b in found}) == len(found)


def pair_vcovs(old: Results, new: Results, pairs: PairedSpecifications) -> tuple[tuple[int, int], ...]:
    """Match variance estimators by label, and what is left where most standard errors agree."""
    found = [
        (old.planned.vcovs.index(label), k) for k, label in enumerate(new.planned.vcovs) if label in old.planned.vcovs
    ]
    left = [v for v in range(len(old.planned.vcovs)) if v not in [a for a, _ in found]]
    for k in range(len(new.planned.vcovs)):
        same = next((v for v in left if _same_errors(old, new, pairs, v, k)), None)
        if k not in [b for _, b in found] and same is not None:
            left.remove(same)
            found.append((same, k))
    return tuple(sorted(found, key=lambda both: both[1]))


def _same_errors(old: Results, new: Results, pairs: PairedSpecifications, v: int, k: int) -> bool:
    same = ~pairs.redefined
    a = np.asarray(old.numbers["std_error"])[pairs.old[same], v]
    b = np.asarray(new.numbers["std_error"])[pairs.new[same], k]
    known = np.isfinite(a) & np.isfinite(b)
    return bool(known.any() and np.mean(np.isclose(a[known], b[known], rtol=1e-6, atol=0.0)) >= 0.5)


@dataclass(frozen=True, slots=True)
class StatusChange:
    """Specifications that went from one status to another for one reason; ``example`` is a new place."""

    old: Status
    new: Status
    code: str
    message: str
    n: int
    example: int


@dataclass(frozen=True, slots=True)
class Joint:
    """A joint test in both runs; NaN where a run has not got it."""

    null: str
    statistic: str
    old: float
    new: float
    p_old: float
    p_new: float
    primary: str = ""
    """In which run it is the primary one: "old", "new", "both" or in none."""


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A value of the spec file, by its key, that differs; "" where a run has not got it."""

    setting: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs of a study, before and after a revision; specifications are matched by content.

    Attributes
    ----------
    names
        How the two runs are called, usually their directories.
    old, new
        Their results.
    pairs
        Which specification is which.
    vcovs
        Pairs of places in the two lists of variance estimators.
    changed : (P,) bool
        Of ``pairs``: under a shared vcov the estimate or the standard error
        moved by more than 1e-6 standard errors.
    renamed
        Labels and dimensions with the same content under another name.
    statuses
        Changes of status, by reason.
    families
        How the curve moved, by scale and estimand.
    tests
        The joint tests of both runs.
    setup
        What else differs, one line each.
    failed
        Which of the runs must not be used, one line each.
    settings
        What the spec files say otherwise, where both runs kept it.
    """

    names: tuple[str, str]
    old: Results
    new: Results
    pairs: PairedSpecifications
    vcovs: tuple[tuple[int, int], ...]
    changed: NDArray[np.bool_]
    renamed: tuple[Renamed, ...]
    statuses: tuple[StatusChange, ...]
    families: tuple[FamilyMove, ...]
    tests: tuple[Joint, ...] = ()
    setup: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    draw: Callable[..., Any] | None = None
    summarise: Callable[[Comparison], str] | None = None
    settings: tuple[SettingChange, ...] = ()

    def __repr__(self) -> str:
        pairs = self.pairs
        moved = int(np.count_nonzero(self.changed))
        return (
            f"<Comparison {self.names[0]} → {self.names[1]}: {len(pairs.new):,} in both, {moved:,} of them changed, "
            f"{len(pairs.added):,} added, {len(pairs.removed):,} removed>"
        )

    @property
    def moves(self) -> NDArray[np.float64]:
        """Moves of the pairs in old standard errors, (P,); NaN where one has no estimate."""
        return in_errors(self.old, self.new, self.pairs.old, self.pairs.new)

    @property
    def largest(self) -> Ints:
        """Return the positions of the pairs that moved, those with the largest move in standard errors first."""
        moves = np.abs(self.moves)
        moved = np.flatnonzero(moves > ALIKE)
        return np.asarray(moved[np.argsort(-moves[moved], kind="stable")])

    @property
    def table(self) -> pd.DataFrame:
        """One row per specification and vcov of either run, as a pandas data frame."""
        return rows(self).to_pandas()

    def summary(self) -> str:
        """Say what changed, as Markdown."""
        return self.summarise(self) if self.summarise else repr(self)

    def plot(self, **options: Any) -> Any:
        """Draw both curves by rank and every specification's move; ``width`` is in inches.

        Returns
        -------
        matplotlib.figure.Figure
        """
        if self.draw is None:
            raise TypeError("this comparison was made without a figure: use specdid.compare")
        return self.draw(self, **options)


def redefined_options(comparison: Comparison) -> dict[str, tuple[str, ...]]:
    """Return by dimension the labels that stand on other content alone: in pairs that are redefined and in no other.

    Where only tables of dimensions changed in the spec file, those of others are not among them: an estimator that
    is tied to a redefined outcome is none.
    """
    pairs, planned = comparison.pairs, comparison.new.planned
    tables = {change.setting.partition(".")[0] for change in comparison.settings}
    direct = tables & {*planned.dimensions} if not tables & _MADE_OF else set()
    found = {}
    for name in (d for d in planned.dimensions if d in comparison.old.planned.dimensions):
        column = planned.dimension(name)
        codes = column.codes[pairs.new]
        kept = set(codes[~pairs.redefined].tolist())
        other = [column.words[c] for c in np.unique(codes[pairs.redefined]).tolist() if c not in kept]
        if other and (not direct or name in direct):
            found[name] = tuple(other)
    return found


def shown_group(comparison: Comparison, family: FamilyMove) -> str:
    """Name a family's scale or outcome as readers know it, by the new run's [labels] or else the old one's."""
    new = comparison.new.planned.shown(family.group)
    return new if new != family.group else comparison.old.planned.shown(family.group)


def compare_results(
    old: Results, new: Results, names: tuple[str, str] = ("old", "new"), tests: tuple[Tests, Tests] = ({}, {})
) -> Comparison:
    """Compare two runs.

    Parameters
    ----------
    old, new : results before and after.
    names : how to call them.
    tests : (null, statistic) -> value and p, of each run.
    """
    pairs = pair(old, new)
    vcovs = pair_vcovs(old, new, pairs)
    relabelled = renamed(old, new, pairs)
    vcov_labels = [(old.planned.vcovs[a], new.planned.vcovs[b]) for a, b in vcovs]
    return Comparison(
        names,
        old,
        new,
        pairs,
        vcovs,
        _changed(old, new, pairs, vcovs),
        (*relabelled, *(Renamed("vcov", a, b) for a, b in vcov_labels if a != b)),
        _statuses(old, new, pairs),
        family_moves(old, new, pairs, relabelled),
        _joint(*tests),
    )


def _changed(
    old: Results, new: Results, pairs: PairedSpecifications, vcovs: tuple[tuple[int, int], ...]
) -> NDArray[np.bool_]:
    changed = np.abs(new.estimate[pairs.new] - old.estimate[pairs.old]) > ALIKE * _unit(old, pairs, 0)
    for a, b in vcovs:
        error_old = np.asarray(old.numbers["std_error"])[pairs.old, a]
        error_new = np.asarray(new.numbers["std_error"])[pairs.new, b]
        changed |= np.abs(error_new - error_old) > ALIKE * _unit(old, pairs, a)
        changed |= np.isnan(error_new) != np.isnan(error_old)
    both = (old.status[pairs.old] == Status.OK) & (new.status[pairs.new] == Status.OK)
    return np.asarray(changed & both)


def _unit(old: Results, pairs: PairedSpecifications, vcov: int) -> NDArray[np.float64]:
    """Return what a move is measured by: the old standard error, or the estimate where there is none."""
    error = np.asarray(old.numbers["std_error"], dtype=np.float64)[pairs.old, vcov]
    return np.where(error > 0, error, np.abs(old.estimate[pairs.old]))


def _statuses(old: Results, new: Results, pairs: PairedSpecifications) -> tuple[StatusChange, ...]:
    """Count changes of status by reason, those away from ok first, then the most frequent."""
    was, now = old.status[pairs.old], new.status[pairs.new]
    at = np.flatnonzero(was != now)
    # A specification that is ok again has no reason now: the one it had before is given.
    texts = [(old, int(pairs.old[k])) if now[k] == Status.OK else (new, int(pairs.new[k])) for k in at.tolist()]
    reasons = [(CODES[int(r.code[s])], r.message.at(s) or "") for r, s in texts]
    keys = [(int(was[k]), int(now[k]), *reason) for k, reason in zip(at.tolist(), reasons, strict=True)]
    example = {key: int(pairs.new[k]) for k, key in zip(reversed(at.tolist()), reversed(keys), strict=True)}
    counts = Counter(keys)
    ordered = sorted(counts, key=lambda key: (key[0] != Status.OK, -counts[key], key))
    return tuple(StatusChange(Status(k[0]), Status(k[1]), k[2], k[3], counts[k], example[k]) for k in ordered)


def _joint(old: Tests, new: Tests) -> tuple[Joint, ...]:
    none = (float("nan"), float("nan"))
    found = []
    for key in dict.fromkeys([*new, *old]):
        before, after = old.get(key, none), new.get(key, none)
        found.append(Joint(*key, before[0], after[0], before[1], after[1]))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Side:
    """One run's curve.

    Attributes
    ----------
    n : ok specifications.
    median, low, high : of their estimates; NaN where there are none.
    preferred : estimate of the preferred specification, NaN where it is not among these.
    rank, of : of it, from the lowest estimate, among so many of its kind; 0 where it is not among these.
    """

    n: int = 0
    median: float = np.nan
    low: float = np.nan
    high: float = np.nan
    preferred: float = np.nan
    rank: int = 0
    of: int = 0


@dataclass(frozen=True, slots=True)
class OptionMove:
    """What the specifications with one option moved by.

    Attributes
    ----------
    dimension, choice, option : as readers know them; ``choice`` is a variable for controls.
    share : of the variance of the moves that this choice explains, the same for its options.
    n : specifications estimated in both runs.
    mean : mean move, in the units of the estimate.
    mean_se : mean move in old standard errors.
    """

    dimension: str
    choice: str
    option: str
    share: float
    n: int
    mean: float
    mean_se: float


@dataclass(frozen=True, slots=True)
class FamilyMove:
    """The curve of one scale, estimand and kind, before and after.

    Attributes
    ----------
    group, estimand : as in the new run, or the old one where the new has none.
    scaled : whether a scale is declared, else ``group`` is the outcome.
    old, new : the whole curves.
    places_old, places_new : their places in the plans, by estimate.
    both_old, both_new : places estimated in both runs, paired.
    median_both : move of the median among these; the rest of the median's move is due to
        what was added, removed or changed its status.
    options : by the share of their choice.
    apart : the kind, where no joint test takes it.
    """

    group: str
    estimand: str
    scaled: bool
    apart: str
    old: Side
    new: Side
    places_old: Ints
    places_new: Ints
    both_old: Ints
    both_new: Ints
    median_both: float
    options: tuple[OptionMove, ...]


def family_moves(
    old: Results, new: Results, pairs: PairedSpecifications, relabelled: tuple[Renamed, ...]
) -> tuple[FamilyMove, ...]:
    """Compare pool by pool; an outcome that was renamed stays the same family."""
    outcomes = {r.old: r.new for r in relabelled if r.dimension == "outcome"}
    before, after = _pools(old, outcomes), _pools(new, {})
    ok = (old.status[pairs.old] == Status.OK) & (new.status[pairs.new] == Status.OK)
    return tuple(
        _move(old, new, key, before.get(key), after.get(key), pairs.old[ok], pairs.new[ok])
        for key in dict.fromkeys([*after, *before])
    )


def _pools(results: Results, outcomes: Mapping[str, str]) -> dict[tuple[str, str, bool, str], Family]:
    """Return the pools by scale (or outcome, under its new label), estimand, whether a scale is declared, and kind."""
    return {
        (f.group if f.scaled else outcomes.get(f.group, f.group), f.estimand, f.scaled, f.apart): f
        for f in results.pools
    }


def _move(
    old: Results,
    new: Results,
    key: tuple[str, str, bool, str],
    before: Family | None,
    after: Family | None,
    both_old: Ints,
    both_new: Ints,
) -> FamilyMove:
    inside = np.isin(both_new, after.places) if after else np.zeros(len(both_new), dtype=bool)
    inside &= np.isin(both_old, before.places) if before else False
    a, b = both_old[inside], both_new[inside]
    y_old, y_new = old.estimate[a], new.estimate[b]
    median = float(np.median(y_new) - np.median(y_old)) if len(a) else float("nan")
    return FamilyMove(
        *key,
        _side(old, before),
        _side(new, after),
        _sorted(old, before),
        _sorted(new, after),
        a,
        b,
        median,
        _options(old, new, a, b),
    )


def _sorted(results: Results, family: Family | None) -> Ints:
    places = family.places if family else np.zeros(0, np.int64)
    return np.take(places, np.argsort(results.estimate[places], kind="stable"))


def _side(results: Results, family: Family | None) -> Side:
    if family is None or not len(family.places):
        return Side()
    place = results.preferred
    inside = place in family
    return Side(
        len(family.places),
        *results.spread(family),
        float(results.estimate[place]) if inside else float("nan"),
        *(results.rank(place) if inside else (0, 0)),
    )


def in_errors(old: Results, new: Results, places_old: Ints, places_new: Ints) -> Floats:
    """Return moves in old standard errors under the first vcov, or in new ones where the old has none."""
    error = old.first("std_error")[places_old]
    error = np.where(error > 0, error, new.first("std_error")[places_new])
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = (new.estimate[places_new] - old.estimate[places_old]) / error
    return np.asarray(np.where(np.isfinite(moves), moves, np.nan))


def _options(old: Results, new: Results, places_old: Ints, places_new: Ints) -> tuple[OptionMove, ...]:
    """Return the mean move of every option, the choices that explain most of the moves' variance first."""
    if len(places_new) < 2:
        return ()
    moves = new.estimate[places_new] - old.estimate[places_old]
    errors = in_errors(old, new, places_old, places_new)
    factors = variance_factors(new, places_new)
    shares = variance_shares(factors, moves).share
    found = []
    for f in np.argsort(-shares, kind="stable").tolist():
        factor = factors[f]
        for level in range(len(factor.labels)):
            mine = factor.codes == level
            known = errors[mine][np.isfinite(errors[mine])]
            in_se = float(known.mean()) if len(known) else float("nan")
            told = factor.dimension, factor.name, factor.words(level), float(shares[f])
            found.append(OptionMove(*told, int(np.count_nonzero(mine)), float(moves[mine].mean()), in_se))
    return tuple(found)


def rows(comparison: Comparison, guarded: bool = False) -> pl.DataFrame:
    """Lay out specifications of the new plan in its order, then what was removed.

    Columns: change (same, changed: other numbers; redefined: other content under the same
    labels; status; added; removed), spec_id and index of both runs, the labels, vcov,
    status, estimate, std_error, p_value and nobs of both runs, the move and the move in old
    standard errors of this vcov, and the reason where there is no number.

    Parameters
    ----------
    guarded
        For a CSV file: 12 significant digits, and text guarded against spreadsheets.
    """
    import polars as pl

    places = _places(comparison)
    vcovs = _vcovs(comparison)
    parts = [_part(comparison, *places, v, k, label) for label, v, k in vcovs]
    frame = pl.concat(parts).sort("row", "vcov_place", maintain_order=True).drop("row", "vcov_place")
    if not guarded:
        return frame
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    floats = [name for name, kind in frame.schema.items() if kind == pl.Float64]
    written = {name: pl.Series(name, significant(frame[name].fill_null(np.nan).to_numpy())) for name in floats}
    return frame.with_columns(
        *(pl.col(name).map_elements(guard, return_dtype=pl.String) for name in texts),
        *(series.fill_nan(None) for series in written.values()),
    )


def _places(comparison: Comparison) -> tuple[Ints, Ints, NDArray[np.int8]]:
    """Return places in the old and new plan, -1 where there is none, and the kind of change."""
    pairs = comparison.pairs
    was, now = comparison.old.status[pairs.old], comparison.new.status[pairs.new]
    kind = {word: k for k, word in enumerate(CHANGES)}
    change = np.where(comparison.changed, kind["changed"], kind["same"])
    change[was != now] = kind["status"]
    change[pairs.redefined] = kind["redefined"]
    added, removed = np.full(len(pairs.added), -1), np.full(len(pairs.removed), -1)
    old = np.concatenate([pairs.old, added, pairs.removed])
    new = np.concatenate([pairs.new, pairs.added, removed])
    change = np.concatenate([change, np.full_like(added, kind["added"]), np.full_like(removed, kind["removed"])])
    order = np.argsort(np.where(new >= 0, new, len(comparison.new)), kind="stable")
    return old[order].astype(np.int64), new[order].astype(np.int64), change[order].astype(np.int8)


def _vcovs(comparison: Comparison) -> list[tuple[str, int, int]]:
    """Return every variance estimator of either run under the new label, -1 where a run has not got it."""
    before, after = comparison.old.planned.vcovs, comparison.new.planned.vcovs
    old = {b: a for a, b in comparison.vcovs}
    found = [(label, old.get(k, -1), k) for k, label in enumerate(after)]
    return found + [(label, v, -1) for v, label in enumerate(before) if v not in old.values()]


def _part(
    comparison: Comparison, old: Ints, new: Ints, change: NDArray[np.int8], v: int, k: int, label: str
) -> pl.DataFrame:
    """Return the rows of one vcov; a run without it has no standard errors in them."""
    import polars as pl

    a, b = comparison.old, comparison.new
    columns: dict[str, Any] = {
        "row": np.arange(len(new)),
        "vcov_place": np.full(len(new), k if k >= 0 else len(b.planned.vcovs) + v),
        "change": pl.Series([CHANGES[c] for c in change.tolist()], dtype=pl.String),
        "old_index": _places_from_1(old),
        "new_index": _places_from_1(new),
        "old_spec_id": _ids(a, old),
        "new_spec_id": _ids(b, new),
    }
    for name in dict.fromkeys([*b.planned.dimensions, *a.planned.dimensions]):
        columns[name] = _labels(a, b, old, new, name)
    columns["vcov"] = pl.Series([label] * len(new), dtype=pl.String)
    columns |= {"old_status": _status(a, old), "new_status": _status(b, new)}
    numbers = {name: (_numbers(a, old, name, v), _numbers(b, new, name, k)) for name in _NUMBERS}
    for name, (before, after) in numbers.items():
        written = _whole if name == "nobs" else _real
        columns |= {f"old_{name}": written(before), f"new_{name}": written(after)}
    move = numbers["estimate"][1] - numbers["estimate"][0]
    with np.errstate(divide="ignore", invalid="ignore"):
        in_se = move / numbers["std_error"][0]
    columns |= {"move": _real(move), "move_se": _real(in_se), "message": _messages(a, b, old, new)}
    return pl.DataFrame(columns)


def _labels(a: Results, b: Results, old: Ints, new: Ints, name: str) -> pl.Series:
    """Return the new labels of a dimension, the old ones where there is no new specification or dimension."""
    found = np.full(len(new), None, dtype=object)
    for results, places in ((a, old), (b, new)):
        if name in results.planned.dimensions:
            text = results.planned.dimension(name)
            mine = places >= 0
            found[mine] = np.asarray(text.words, dtype=object)[text.codes[places[mine]]]
    import polars as pl

    return pl.Series(found.tolist(), dtype=pl.String)


def _numbers(results: Results, places: Ints, name: str, vcov: int) -> NDArray[np.float64]:
    values = np.asarray(results.numbers[name], dtype=np.float64)
    if values.ndim == 2:
        values = values[:, vcov] if vcov >= 0 else np.full(len(values), np.nan)
    if name == "nobs":
        values = np.where(values < 0, np.nan, values)
    return np.asarray(np.where(places >= 0, values[places], np.nan))


def _real(values: NDArray[np.float64]) -> pl.Series:
    import polars as pl

    return pl.Series(np.where(np.isfinite(values), values, np.nan)).fill_nan(None)


def _whole(values: NDArray[np.float64]) -> pl.Series:
    import polars as pl

    return _real(values).cast(pl.Int64)


def _places_from_1(places: Ints) -> pl.Series:
    return _whole(np.where(places >= 0, places + 1.0, np.nan))


def _ids(results: Results, places: Ints) -> pl.Series:
    import polars as pl

    texts = [results.planned.spec_id(s) if s >= 0 else None for s in places.tolist()]
    return pl.Series(texts, dtype=pl.String)


def _status(results: Results, places: Ints) -> pl.Series:
    import polars as pl

    words = [s.name.lower() for s in Status]
    texts = [words[results.status[s]] if s >= 0 else None for s in places.tolist()]
    return pl.Series(texts, dtype=pl.String)


def _messages(a: Results, b: Results, old: Ints, new: Ints) -> pl.Series:
    """Return why the new specification has no number, or the old one where there is no new one."""
    import polars as pl

    texts = [b.message.at(n) if n >= 0 else a.message.at(o) for o, n in zip(old.tolist(), new.tolist(), strict=True)]
    return pl.Series(texts, dtype=pl.String)
