"""Signatures tell the same model twice: 128 bits, the same in every process and on every path.

One rule for every estimator: two specifications are the same model where they have the same
estimator, with the same options in force, on the same rows, and where on these rows the values
that the estimator reads are equal: outcome, treatment, kept controls as a set, fixed effects as
partitions, slopes, weights up to a factor (none of them uses more than their ratios), and the
cohort where it is read. Names decide nothing. ``Values`` is the rule. ``sign`` is a quicker look
at many least-squares models, by columns that are equal on the whole panel; `same_models` has
the rule decide where that may miss something.

A set (rows, kept terms) hashes to the sum of its elements' words modulo 2^64, so that it
can be formed in any order, and for many row masks at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from specdid._hashing import GOLDEN, digest_of, spread
from specdid.engine.problem import Code, Effects, Fits, Floats, Ints, Members, Problem, Sunab

Words = NDArray[np.uint64]
A = TypeVar("A", np.float64, np.int64)
Form = Callable[[NDArray[A]], NDArray[A]]

_ROWS, _TERMS, _MODEL = 1, 2, 3


def words(index: Ints, stream: int) -> Words:
    """Return two words for each index (splitmix64); different streams are unrelated.

    Returns
    -------
    (len(index), 2) uint64
    """
    both = np.repeat(index.astype(np.uint64) * np.uint64(2), 2).reshape(-1, 2)
    both[:, 1] += np.uint64(1)
    return _mix(both + np.uint64(stream * 0x632BE59BD9B4E019 % 2**64))


def _mix(x: Words) -> Words:
    with np.errstate(over="ignore"):
        return spread((x + np.uint64(1)) * np.uint64(GOLDEN))


def mixed(*columns: NDArray[np.float64] | Ints) -> NDArray[np.uint64]:
    """Return a word for each row of columns of numbers, by their values."""
    total = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        total = _mix(total ^ (column.astype(np.float64) + 0.0).view(np.uint64))
    return total


def row_words(n: int) -> Words:
    """Return the words of the rows 0 to n - 1 of a panel, (n, 2) uint64."""
    return words(np.arange(n), _ROWS)


def rows_digest(mask: NDArray[np.bool_], of_row: Words) -> Words:
    """Hash one row mask (n,): the sum of its rows' words, (2,) uint64."""
    return np.asarray(of_row[mask].sum(axis=0, dtype=np.uint64))


def masks_digest(masks: NDArray[np.float64], of_row: Words) -> Words:
    """Hash many row masks at once, exactly and by one matrix product.

    Parameters
    ----------
    masks : (n, M) float64, 0 and 1; n below 2^37

    Returns
    -------
    (M, 2) uint64, equal to `rows_digest` of each
    """
    part = np.uint64(0xFFFF)
    shifts = np.arange(4, dtype=np.uint64) * np.uint64(16)
    pieces = ((of_row[:, :, None] >> shifts) & part).astype(np.float64).reshape(len(of_row), 8)
    sums = (masks.T @ pieces).astype(np.uint64).reshape(-1, 2, 4)
    return np.asarray((sums << shifts).sum(axis=2, dtype=np.uint64))


def terms_digest(columns: Ints, owner: Ints, n: int) -> Words:
    """Hash the sets of columns ``columns[owner == m]`` for m below n, (n, 2) uint64."""
    of_column = words(np.arange(int(columns.max(initial=-1)) + 1), _TERMS)
    total = np.zeros((n, 2), dtype=np.uint64)
    for half in range(2):
        np.add.at(total[:, half], owner, of_column[columns, half])
    return total


def signature(
    rows: Words, terms: Words, outcome: Ints, treatment: Ints, weights: Ints, effects: Ints, sunab: Ints
) -> Words:
    """Hash models: equal where rows, kept controls and everything else are equal.

    Parameters
    ----------
    rows, terms : (M, 2) uint64, from `masks_digest` and `terms_digest`
    outcome, treatment, weights, sunab : (M,) int64 as in Members, -1 for none
    effects : (M,) int64, first index of an equal option, from `equal_on_panel`
    """
    total = _mix(rows) * np.uint64(3) + _mix(terms + np.uint64(1)) * np.uint64(5)
    for place, part in enumerate((outcome, treatment, weights, effects, sunab)):
        of_part = words(np.arange(int(part.max(initial=-1)) + 2), _MODEL + place)
        total = total + of_part[part + 1]
    total = _mix(total)
    return np.where(total == 0, np.uint64(1), total)


def sign(fits: Fits, members: Members, rows: Words, equal: Equal) -> Words:
    """Return the signatures of least-squares fits: zero where there is no estimate.

    Parameters
    ----------
    fits, members : of the same M specifications
    rows : (M, 2) uint64, digests of the rows that they use
    equal : the problem's columns that are equal

    Returns
    -------
    (M, 2) uint64
    """
    owner = np.repeat(np.arange(len(members)), np.diff(members.start))
    kept = np.ones(len(owner), dtype=bool)
    for m, lost in fits.dropped.items():
        span = slice(members.start[m], members.start[m + 1])
        kept[span] = ~np.isin(members.controls[span], lost)
    terms = terms_digest(equal.values[members.controls[kept]], owner[kept], len(members))
    outcome, treatment = equal.values[members.outcome], equal.values[members.treatment]
    weights = np.append(equal.values, -1)[members.weights]
    effects, sunab = equal.effects[members.effects], np.append(equal.aggregates, -1)[members.sunab]
    signed = signature(rows, terms, outcome, treatment, weights, effects, sunab)
    return np.where((fits.code == Code.OK)[:, None], signed, np.uint64(0))


@dataclass(frozen=True, slots=True)
class Equal:
    """What is equal on the whole panel, each named by the first of its kind.

    Attributes
    ----------
    values : (p,) int64, the first column of Problem.values with the same values
    effects : (options,) int64, the first option that absorbs the same
    aggregates : (aggregates,) int64, the first that is the same average
    """

    values: Ints
    effects: Ints
    aggregates: Ints


PROBE = 1024
"""Rows of a column that are looked at before it is compared as a whole."""


def equal_on_panel(problem: Problem, aggregates: tuple[Sunab, ...] = ()) -> Equal:
    """Find the columns, fixed-effects options and aggregates that are the same on all rows."""
    step = max(len(problem.values) // PROBE, 1)
    values = _first_equal(problem.values, lambda c: c[::step] + 0.0, lambda c: c + 0.0)
    codes = _first_equal(problem.codes, lambda c: first_seen(c[::step]), first_seen)
    absorbed = [
        (sorted(codes[list(e.fixed)].tolist()), sorted((codes[c], values[x]) for c, x in e.slopes))
        for e in problem.effects
    ]
    averages = [(values[a.cohort], values[a.period], aggregate_options(a)) for a in aggregates]
    return Equal(values, _first_of(map(repr, absorbed)), _first_of(map(repr, averages)))


def _first_equal(table: NDArray[A], probe: Form[A], whole: Form[A]) -> Ints:
    """Return for each column the first whose probe, and whose whole, is the same."""
    alike: dict[bytes, list[int]] = {}
    first = np.arange(table.shape[1])
    for place, column in enumerate(table.T):
        others = alike.setdefault(probe(column).tobytes(), [])
        same = (k for k in others if np.array_equal(whole(column), whole(table[:, k]), equal_nan=True))
        first[place] = next(same, place)
        if first[place] == place:
            others.append(place)
    return first


def _first_of(texts: Iterable[str]) -> Ints:
    place: dict[str, int] = {}
    return np.array([place.setdefault(text, k) for k, text in enumerate(texts)], dtype=np.int64)


def first_seen(codes: Ints) -> Ints:
    """Name each level by its first row, so that equal partitions are equal."""
    _, first, level = np.unique(codes, return_index=True, return_inverse=True)
    return np.asarray(first[level.reshape(-1)], np.int64)


def aggregate_options(aggregate: Sunab) -> str:
    """Name what distinguishes averages of the same cohorts; without leads there are no reference periods."""
    reference = () if aggregate.control == "notyet" else tuple(sorted(set(aggregate.reference)))
    return repr(("sunab", aggregate.control, reference))


RATIOS = 2.0**24
"""Weights are compared as multiples of this part of the largest: 6e-8, coarse beside rounding."""


class Values:
    """Hashes of what a problem's columns hold on some rows, each formed once; gives signatures by the rule."""

    def __init__(self, problem: Problem, rows: Ints) -> None:
        self.problem, self.rows = problem, rows
        self._rows = digest_of(rows)
        self._found: dict[tuple[str, int], bytes] = {}

    def signature(
        self,
        what: str,
        outcome: int,
        treatment: int,
        controls: Iterable[int],
        effects: Effects,
        weights: int,
        cohort: Floats | None = None,
    ) -> Words:
        """Return a model's signature.

        Parameters
        ----------
        what : the estimator with the options in force
        outcome, treatment, controls, weights : columns of values, the controls that are kept, weights or -1
        cohort : (rows,) float64, where it is read

        Returns
        -------
        (2,) uint64
        """
        parts = [what.encode(), self._rows, self._value(outcome), self._value(treatment)]
        parts += [b"controls", *sorted({self._value(c) for c in controls})]
        parts += [b"effects", *sorted(self._level(c) for c in effects.fixed)]
        parts += [b"slopes", *sorted(self._level(c) + self._value(x) for c, x in effects.slopes)]
        parts += [b"weights", self._weight(weights)]
        if cohort is not None:
            parts.append(digest_of(np.where(np.isnan(cohort), np.nan, cohort + 0.0)))
        return np.frombuffer(digest_of(*parts), np.uint64)

    def _once(self, kind: str, column: int, form: Callable[[], NDArray[np.float64] | Ints]) -> bytes:
        if (kind, column) not in self._found:
            self._found[kind, column] = digest_of(form())
        return self._found[kind, column]

    def _value(self, column: int) -> bytes:
        return self._once("value", column, lambda: self.problem.values[self.rows, column] + 0.0)

    def _level(self, column: int) -> bytes:
        return self._once("level", column, lambda: first_seen(self.problem.codes[self.rows, column]))

    def _weight(self, column: int) -> bytes:
        if column < 0:
            return self._once("weight", -1, lambda: np.full(len(self.rows), RATIOS))
        return self._once("weight", column, lambda: self._ratios(self.problem.values[self.rows, column]))

    def _ratios(self, weights: Floats) -> Floats:
        return np.asarray(np.rint(weights / weights.max(initial=0.0) * RATIOS))
