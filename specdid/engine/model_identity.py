"""Signatures tell the same model twice: 128 bits, the same in every process and on every path.

One rule for every estimator: two specifications are the same model where they have the same
estimator, with the same options in force, on the same rows, and where on these rows the values
that the estimator reads are equal: outcome, treatment, kept controls as a set, fixed effects as
partitions, slopes, weights up to a factor (none of them uses more than their ratios), and the
cohort where it is read. Names decide nothing. ``Values`` is the rule. ``sign`` is a quicker look
at many least-squares models, by columns that are equal on the whole panel; `settle` has
the rule decide where that may miss something.

A set (rows, kept terms) hashes to the sum of its elements' words modulo 2^64, so that it
can be formed in any order, and for many row masks at once.

`sign` knows columns that are equal on the whole panel. Two treatments may be equal on a sample
alone, weights may be multiples of each other, fixed effects the same on the rows that are left.
What is the same model has the same numbers: only fits whose numbers are equal as far as
rounding goes, and whose signatures are not, get signatures by their values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Floats, Ints
from specdid._hashing import Words, digest_of, mix, words
from specdid.engine.problem import Code, Effects, Fits, Members, Problem, Sunab
from specdid.engine.rows import rows_of, rows_of_members
from specdid.engine.sunab import comparison

A = TypeVar("A", np.float64, np.int64)
Form = Callable[[NDArray[A]], NDArray[A]]

_TERMS, _MODEL = 2, 3
SAME = 1e-6
"""How near numbers are, in standard errors, that may be those of one model: the audit's limit."""


def mixed(*columns: NDArray[np.float64] | Ints) -> NDArray[np.uint64]:
    """Return a word for each row of columns of numbers, by their values."""
    total = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        total = mix(total ^ (column.astype(np.float64) + 0.0).view(np.uint64))
    return total


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
    total = mix(rows) * np.uint64(3) + mix(terms + np.uint64(1)) * np.uint64(5)
    for place, part in enumerate((outcome, treatment, weights, effects, sunab)):
        of_part = words(np.arange(int(part.max(initial=-1)) + 2), _MODEL + place)
        total = total + of_part[part + 1]
    total = mix(total)
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
    for m in np.flatnonzero(members.instruments >= 0).tolist():
        own = [c for c in members.instruments_of(m).tolist() if c not in fits.dropped.get(m, ())]
        own = sorted({*equal.values[own].tolist()})
        signed[m] = mix(signed[m] ^ np.frombuffer(digest_of(b"instruments", np.array(own, np.int64)), np.uint64))
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
    """Hashes of what a problem's columns hold on some rows, each formed once, and the signatures made of them."""

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
        parts = [what.encode(), self._rows, self.value(outcome), self.value(treatment)]
        parts += [b"controls", *sorted({self.value(c) for c in controls})]
        parts += [b"effects", *sorted(self._level(c) for c in effects.fixed)]
        parts += [b"slopes", *sorted(self._level(c) + self.value(x) for c, x in effects.slopes)]
        parts += [b"weights", self._weight(weights)]
        if cohort is not None:
            parts.append(digest_of(np.where(np.isnan(cohort), np.nan, cohort + 0.0)))
        return np.frombuffer(digest_of(*parts), np.uint64)

    def _once(self, kind: str, column: int, form: Callable[[], NDArray[np.float64] | Ints]) -> bytes:
        if (kind, column) not in self._found:
            self._found[kind, column] = digest_of(form())
        return self._found[kind, column]

    def value(self, column: int) -> bytes:
        """Hash a column's values on the rows."""
        return self._once("value", column, lambda: self.problem.values[self.rows, column] + 0.0)

    def _level(self, column: int) -> bytes:
        return self._once("level", column, lambda: first_seen(self.problem.codes[self.rows, column]))

    def _weight(self, column: int) -> bytes:
        if column < 0:
            return self._once("weight", -1, lambda: np.full(len(self.rows), RATIOS))
        return self._once("weight", column, lambda: self._ratios(self.problem.values[self.rows, column]))

    def _ratios(self, weights: Floats) -> Floats:
        """Scale weights by the largest; rows of a record that have none count as 0."""
        known = np.where(np.isfinite(weights), weights, 0.0).clip(min=0.0)
        return np.asarray(np.rint(known / known.max(initial=0.0) * RATIOS))


def settle(problem: Problem, members: Members, batched: NDArray[np.bool_], blocks: Sequence[Fits]) -> tuple[Fits, ...]:
    """Return the blocks with one signature for each least-squares model.

    Parameters
    ----------
    members, batched : every specification, in plan order, and which are least squares
    blocks : fits of some or all of them, in any order

    Returns
    -------
    tuple of Fits
    """
    able = [batched[np.searchsorted(members.index, b.index)] & b.signature.any(axis=1) for b in blocks]
    chosen = [np.flatnonzero(a) for a in able]
    block = np.repeat(np.arange(len(blocks)), [len(c) for c in chosen])
    place = np.concatenate([np.zeros(0, np.int64), *chosen])
    if not len(place):
        return tuple(blocks)

    def gather(name: str) -> NDArray[np.float64]:
        return np.concatenate([getattr(b, name)[c] for b, c in zip(blocks, chosen, strict=True)])

    signature = np.concatenate([b.signature[c] for b, c in zip(blocks, chosen, strict=True)])
    doubtful = _alike(gather("estimate"), gather("std_error")[:, 0], gather("nobs"), signature)
    signatures = {k: blocks[k].signature.copy() for k in np.unique(block[doubtful]).tolist()}
    index = np.array([blocks[block[d]].index[place[d]] for d in doubtful], np.int64)
    dropped = [blocks[block[d]].dropped.get(int(place[d]), ()) for d in doubtful]
    found = by_values(problem, members.take(np.searchsorted(members.index, index)), dropped)
    for d, signed in zip(doubtful.tolist(), found, strict=True):
        signatures[int(block[d])][place[d]] = signed
    return tuple(replace(b, signature=signatures.get(k, b.signature)) for k, b in enumerate(blocks))


def _alike(estimate: Floats, error: Floats, nobs: Floats, signature: Words) -> Ints:
    """Return the positions of fits with the same numbers as one of another signature.

    Numbers are the same where they fall into one cell of a grid; a second grid, shifted by half,
    has those together that the first one's edges part.
    """
    size = np.where(error > 0, error, np.where(estimate != 0, np.abs(estimate), 1.0))
    with np.errstate(invalid="ignore"):  # estimates beyond all numbers are failures later
        ratio, logarithm = np.arcsinh(estimate / size) / SAME, np.log(size) / SAME
    found = np.zeros(len(estimate), dtype=bool)
    for shift in (0.0, 0.5):
        cell = mixed(np.rint(ratio + shift), np.rint(logarithm + shift), nobs)
        order = np.argsort(cell)
        next_cell = cell[order][1:] != cell[order][:-1]
        apart = signature[order][1:] != signature[order][:-1]
        other = ~next_cell & (apart[:, 0] | apart[:, 1])
        group = np.concatenate([[0], np.cumsum(next_cell)])
        several = np.zeros(len(cell), dtype=bool)
        several[group[1:][other]] = True
        found[order[several[group]]] = True
    return np.flatnonzero(found)


def by_values(problem: Problem, members: Members, dropped: Sequence[Sequence[int]]) -> Words:
    """Return the signatures of least-squares specifications by their values on their rows.

    Parameters
    ----------
    dropped : the controls that each lost as collinear

    Returns
    -------
    (M, 2) uint64
    """
    out = np.zeros((len(members), 2), np.uint64)
    keys, samples = rows_of_members(problem, members)
    for key in range(len(keys.first)):
        values = Values(problem, rows_of(samples.packed[key], len(problem.values)))
        for s in np.flatnonzero(keys.of_member == key).tolist():
            out[s] = _sign_one(values, members, s, dropped[s])
    return out


def _sign_one(values: Values, members: Members, s: int, dropped: Sequence[int]) -> Words:
    kept = [int(c) for c in members.controls_of(s) if c not in dropped]
    what, cohort, problem = "feols", None, values.problem
    instruments = [int(c) for c in members.instruments_of(s) if c not in dropped]
    if instruments:
        what = "2sls " + repr(sorted({values.value(c).hex() for c in instruments}))
    if members.sunab[s] >= 0:
        aggregate = members.aggregates[members.sunab[s]]
        time, first = (problem.values[values.rows, c] for c in (aggregate.period, aggregate.cohort))
        what, cohort = aggregate_options(aggregate), comparison(time, first, aggregate.control).cohort
    return values.signature(
        what,
        int(members.outcome[s]),
        int(members.treatment[s]),
        kept,
        problem.effects[members.effects[s]],
        int(members.weights[s]),
        cohort,
    )
