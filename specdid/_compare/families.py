"""How the curve of one scale and estimand moved, and which options account for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specdid._compare.pairs import Ints, Pairs, Renamed
from specdid._describe.choices import variance_shares
from specdid._describe.factors import Family, families, variance_factors
from specdid._records import Results, Status

Floats = NDArray[np.float64]


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
    """The curve of one scale and estimand, before and after.

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
    """

    group: str
    estimand: str
    scaled: bool
    old: Side
    new: Side
    places_old: Ints
    places_new: Ints
    both_old: Ints
    both_new: Ints
    median_both: float
    options: tuple[OptionMove, ...]


def family_moves(old: Results, new: Results, pairs: Pairs, relabelled: tuple[Renamed, ...]) -> tuple[FamilyMove, ...]:
    """Compare family by family; an outcome that was renamed stays the same family."""
    outcomes = {r.old: r.new for r in relabelled if r.dimension == "outcome"}
    before, after = _families(old, outcomes), _families(new, {})
    ok = (old.status[pairs.old] == Status.OK) & (new.status[pairs.new] == Status.OK)
    return tuple(
        _move(old, new, key, before.get(key), after.get(key), pairs.old[ok], pairs.new[ok])
        for key in dict.fromkeys([*after, *before])
    )


def _families(results: Results, outcomes: Mapping[str, str]) -> dict[tuple[str, str, bool], Family]:
    """Return the families by scale (or outcome, under its new label), estimand and whether a scale is declared."""
    scaled = {g.name: g.scale is not None for g in results.groups()}
    return {
        (f.group if scaled[f.group] else outcomes.get(f.group, f.group), f.estimand, scaled[f.group]): f
        for f in families(results)
    }


def _move(
    old: Results,
    new: Results,
    key: tuple[str, str, bool],
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
    estimate = results.estimate[family.places]
    place = results.preferred
    inside = place >= 0 and bool(np.any(family.places == place))
    return Side(
        len(estimate),
        float(np.median(estimate)),
        float(estimate.min()),
        float(estimate.max()),
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
