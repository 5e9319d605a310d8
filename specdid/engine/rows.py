"""Rows: what each specification has left after missing values and singletons, found once per pattern, and its units.

A row is in the sample of a model where the sample's condition holds, every variable is
finite (as in pyfixest, infinite is missing), every effect has a level, and
the weight is positive (fixest drops rows of weight zero; pyfixest refuses them). A missing
cluster takes no row away: that variance is not computed. Rows
alone in a level of an effect then go, again until none is (fixef_rm = "singleton").
Sun-Abraham models further lose always-treated cohorts; see `sunab`.

Members are first numbered by what decides their rows (a key), without looking at rows;
masks are formed per key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Bools, Floats, Ints
from specdid._hashing import Words, words
from specdid.engine.problem import Code, Members, Problem
from specdid.engine.sunab import comparison

ROWS_STREAM = 1
"""The stream of the words of rows; those of terms and models are others, in `model_identity`."""
SLICE = 2**16
"""Members looked at together, to bound memory."""


@dataclass(frozen=True, slots=True)
class Patterns:
    """Distinct missing patterns of the columns in use.

    Attributes
    ----------
    of_column : (p,) int64, pattern of each column of Problem.values, -1 where complete or unused
    missing, log0 : (P, n) bool
    """

    of_column: Ints
    missing: Bools
    log0: Bools


@dataclass(frozen=True, slots=True)
class Keys:
    """What decides the rows of each member.

    Attributes
    ----------
    of_member : (S,) int64, key
    first : (K,) int64, the first member with the key
    bits : (K, W) uint64, the patterns of its outcome, treatment and controls
    """

    of_member: Ints
    first: Ints
    bits: Words


@dataclass(frozen=True, slots=True)
class Samples:
    """The rows of each key.

    Attributes
    ----------
    packed : K arrays of uint8, the row mask's bits (numpy.packbits)
    code : (K,) int64, a Code: NO_ROWS, or why a Sun-Abraham model has no comparison
    why : K texts, the latter in words, else empty
    left_out : (K, 2) int64
        Treated rows that a Sun-Abraham model does not use, and units of which it uses no treated row.
    nobs, n_missing, n_log0, n_singletons : (K,) int64
    words : (K, 2) uint64, digest of the rows
    """

    packed: tuple[NDArray[np.uint8], ...]
    code: Ints
    why: tuple[str, ...]
    left_out: Ints
    nobs: Ints
    n_missing: Ints
    n_log0: Ints
    n_singletons: Ints
    words: Words


def missing_patterns(problem: Problem, members: Members) -> Patterns:
    """Find the distinct missing patterns of the columns that members use."""
    extra = members.extra_rows[members.extra_rows >= 0]
    instruments = members.instrument_columns
    used = np.unique(np.concatenate([members.outcome, members.treatment, members.controls, extra, instruments]))
    n, p = problem.values.shape
    of_column = np.full(p, -1, dtype=np.int64)
    place: dict[bytes, int] = {}
    missing, log0 = [], []
    for column in used.tolist():
        lost = ~np.isfinite(problem.values[:, column])
        if not lost.any():
            continue
        marked = np.zeros(n, dtype=bool) if problem.log0 is None else problem.log0[:, column]
        digest = blake2b(np.packbits(lost).tobytes() + np.packbits(marked).tobytes()).digest()
        if digest not in place:
            missing.append(lost)
            log0.append(marked)
        of_column[column] = place.setdefault(digest, len(place))
    shape = (len(missing), n)
    return Patterns(of_column, np.array(missing, bool).reshape(shape), np.array(log0, bool).reshape(shape))


def row_keys(members: Members, patterns: Patterns) -> Keys:
    """Return a number to members by sample, effects, weights, aggregate, instruments and missing patterns."""
    count = (len(patterns.missing) + 63) // 64
    bits = np.zeros((len(members), count), dtype=np.uint64)
    for word in range(count):
        inside = patterns.of_column // 64 == word
        shift = np.where(inside, patterns.of_column % 64, 0).astype(np.uint64)
        of_column = np.where(inside, np.uint64(1) << shift, np.uint64(0))
        for start in range(0, len(members), SLICE):
            bits[start : start + SLICE, word] = _or_by_member(members, of_column, start)
    table = (members.rows, members.effects, members.weights, members.sunab, members.instruments)
    first, of_member = number_rows(*table, *bits.T)
    return Keys(of_member, first, bits[first])


def _or_by_member(members: Members, bits: Words, start: int) -> Words:
    stop = min(start + SLICE, len(members))
    here = slice(start, stop)
    extra = members.extra_rows[here]
    found = bits[members.outcome[here]] | bits[members.treatment[here]]
    found |= np.where(extra >= 0, bits[extra], np.uint64(0))
    if members.instrument_sets:
        of_set = [np.bitwise_or.reduce(bits[list(columns)]) for columns in members.instrument_sets]
        found |= np.array([*of_set, 0], np.uint64)[members.instruments[here]]
    begin = members.start[start : stop + 1]
    some = begin[1:] > begin[:-1]
    if some.any():
        controls = bits[members.controls[begin[0] : begin[-1]]]
        found[some] |= np.bitwise_or.reduceat(controls, begin[:-1][some] - begin[0])
    return np.asarray(found)


def number_rows(*columns: NDArray[np.int64] | Words) -> tuple[Ints, Ints]:
    """Tell the distinct rows of a table apart: the first row of each number, and every row's number."""
    number = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        if len(column) and (column != column[0]).any():
            _, level = np.unique(column, return_inverse=True)
            joint = number * (int(level.max()) + 1) + level.reshape(-1)
            number = np.unique(joint, return_inverse=True)[1].reshape(-1).astype(np.int64)
    first = np.unique(number, return_index=True)[1].astype(np.int64)
    return first, number


def find_samples(problem: Problem, members: Members, keys: Keys, patterns: Patterns, which: Ints) -> Samples:
    """Form the masks of the keys ``which``; the others stay empty.

    Returns
    -------
    Samples
        For all keys; of those not in ``which`` nothing is known (nobs -1).
    """
    n_keys = len(keys.first)
    of_row = row_words(len(problem.values))
    packed: list[NDArray[np.uint8]] = [np.zeros(0, np.uint8)] * n_keys
    found = np.full((n_keys, 5), -1, dtype=np.int64)
    words = np.zeros((n_keys, 2), dtype=np.uint64)
    why, left_out = [""] * n_keys, np.zeros((n_keys, 2), dtype=np.int64)
    bases: dict[tuple[int, ...], tuple[Bools, Bools, Bools]] = {}
    present = ~patterns.missing
    for key in which.tolist():
        member = int(keys.first[key])
        same = tuple(int(a[member]) for a in (members.rows, members.effects, members.weights, members.sunab))
        if same not in bases:
            bases[same] = _base(problem, members, member)
        sample, base, log0 = bases[same]
        base, log0 = base.copy(), log0.copy()
        for pattern in _set_bits(keys.bits[key]):
            base &= present[pattern]
            log0 |= patterns.log0[pattern]
        complete = np.count_nonzero(base)
        rows = without_singletons(np.flatnonzero(base), _effect_codes(problem, members, member))
        singletons = complete - len(rows)
        rows, code, why[key], left_out[key] = _compared(problem, members, member, rows)
        mask = np.zeros(len(base), dtype=bool)
        mask[rows] = True
        packed[key] = np.packbits(mask)
        words[key] = rows_digest(mask, of_row)
        lost = np.count_nonzero(sample) - complete
        found[key] = (code, len(rows), lost, np.count_nonzero(log0 & sample), singletons)
    codes, nobs, n_missing, n_log0, n_singletons = (found[:, j] for j in range(5))
    return Samples(tuple(packed), codes, tuple(why), left_out, nobs, n_missing, n_log0, n_singletons, words)


def rows_of_members(problem: Problem, members: Members) -> tuple[Keys, Samples]:
    """Find the rows of every member: its key, and the mask of each key."""
    patterns = missing_patterns(problem, members)
    keys = row_keys(members, patterns)
    return keys, find_samples(problem, members, keys, patterns, np.arange(len(keys.first)))


def used_rows(problem: Problem, members: Members) -> Bools:
    """Mark the rows, (n,), that any member uses: complete, and not alone in a level of an effect."""
    samples = rows_of_members(problem, members)[1]
    used = np.zeros(len(problem.values), dtype=bool)
    for packed in samples.packed:
        used[rows_of(packed, len(used))] = True
    return used


def complete_rows(problem: Problem, members: Members) -> Bools:
    """Mark the rows, (n,), that are complete in some member's sample, be they alone in a level of an effect."""
    patterns = missing_patterns(problem, members)
    keys, present = row_keys(members, patterns), ~patterns.missing
    found, bases = np.zeros(len(problem.values), dtype=bool), dict[tuple[int, ...], Bools]()
    for member, bits in zip(keys.first.tolist(), keys.bits, strict=True):
        same = tuple(int(a[member]) for a in (members.rows, members.effects, members.weights, members.sunab))
        if same not in bases:
            bases[same] = _base(problem, members, member)[1]
        complete = bases[same].copy()
        for pattern in _set_bits(bits):
            complete &= present[pattern]
        found |= complete
    return found


def rows_of(packed: NDArray[np.uint8], n: int) -> Ints:
    """Return the row numbers of a packed mask over n rows."""
    return np.flatnonzero(np.unpackbits(packed, count=n).view(np.bool_)).astype(np.int64, copy=False)


def without_singletons(rows: Ints, effects: tuple[Ints, ...]) -> Ints:
    """Drop rows that are alone in a level of an effect, again until none is.

    Parameters
    ----------
    rows : (k,) int64
    effects : (n,) int64 each, levels of all rows of the panel
    """
    while len(rows):
        before = len(rows)
        for codes in effects:
            level = codes[rows]
            count = np.bincount(level)
            if (count == 1).any():
                rows = rows[count[level] > 1]
        if len(rows) == before:
            break
    return rows


def sample_rows(problem: Problem, rows: int, effects: int, *needed: int, weights: int = -1) -> Bools:
    """Mark the sample's rows, (n,), that have effects, slopes, positive weights and finite ``needed`` columns."""
    option = problem.effects[effects]
    keep: Bools = problem.rows[rows].copy()
    for code in dict.fromkeys((*option.fixed, *(c for c, _ in option.slopes))):
        keep &= problem.codes[:, code] >= 0
    if weights >= 0:
        keep &= problem.values[:, weights] > 0
    for column in (*(x for _, x in option.slopes), *needed, *((weights,) if weights >= 0 else ())):
        keep &= np.isfinite(problem.values[:, column])
    return keep


def _base(problem: Problem, members: Members, member: int) -> tuple[Bools, Bools, Bools]:
    """Return the sample, its rows with effects, weights and slopes, and the logs of nothing."""
    sample = problem.rows[members.rows[member]]
    weight = int(members.weights[member])
    period = [members.aggregates[members.sunab[member]].period] if members.sunab[member] >= 0 else []
    keep = sample_rows(problem, members.rows[member], members.effects[member], *period, weights=weight)
    log0 = np.zeros(len(keep), dtype=bool)
    if problem.log0 is not None:
        slopes = [x for _, x in problem.effects[members.effects[member]].slopes]
        for column in (*slopes, *period, *([weight] if weight >= 0 else [])):
            log0 |= problem.log0[:, column]
    return sample, keep, log0


def _effect_codes(problem: Problem, members: Members, member: int) -> tuple[Ints, ...]:
    fixed = problem.effects[members.effects[member]].fixed
    return tuple(problem.codes[:, c] for c in fixed)


def _compared(problem: Problem, members: Members, member: int, rows: Ints) -> tuple[Ints, int, str, tuple[int, int]]:
    """Drop what a Sun-Abraham model does not use.

    Returns
    -------
    rows, code and words where nothing is left to compare, and `Samples.left_out`
    """
    if not len(rows):
        return rows, Code.NO_ROWS, "", (0, 0)
    if members.sunab[member] < 0:
        return rows, Code.OK, "", (0, 0)
    aggregate = members.aggregates[members.sunab[member]]
    time, cohort = problem.values[rows, aggregate.period], problem.values[rows, aggregate.cohort]
    found = comparison(time, cohort, aggregate.control)
    used = without_singletons(rows[found.keep], _effect_codes(problem, members, member))
    treated = rows[time >= cohort]
    kept = np.isin(treated, used)
    units = 0
    if problem.unit >= 0:
        unit = problem.codes[:, problem.unit]
        units = len(np.setdiff1d(unit[treated], unit[treated[kept]]))
    left_out = int(np.count_nonzero(~kept)), units
    if not len(used):
        return used, Code.NO_ROWS if found.code == Code.OK else found.code, found.why, left_out
    return used, found.code, found.why, left_out


def _set_bits(bits: Words) -> list[int]:
    flags = np.unpackbits(bits.view(np.uint8), bitorder="little")
    return np.flatnonzero(flags).tolist()


def row_words(n: int) -> Words:
    """Return the words of the rows 0 to n - 1 of a panel, (n, 2) uint64."""
    return words(np.arange(n), ROWS_STREAM)


def rows_digest(mask: NDArray[np.bool_], of_row: Words) -> Words:
    """Hash one row mask (n,): the sum of its rows' words, (2,) uint64."""
    return np.asarray(mask.astype(np.uint64) @ of_row)


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


@dataclass(frozen=True, slots=True)
class Cut:
    """The rows of one specification.

    Attributes
    ----------
    rows : (n,) int64, rows of the panel that are left
    record : (m,) int64
        Where the estimator takes changes: those that lack nothing but controls, or those of the sample with a
        treatment; else ``rows``.
    known : (m,) bool, rows of ``record`` whose outcome may be read
    n_missing, n_log0, n_singletons : rows of the sample that are not, and why
    """

    rows: Ints
    record: Ints
    known: Bools
    n_missing: int
    n_log0: int
    n_singletons: int


def cut_rows(problem: Problem, members: Members, s: int, changes: str = "", singletons: bool = False) -> Cut:
    """Drop the rows with a missing or infinite variable, and singletons to a fixpoint.

    Of ``changes``, a row without "controls" still is an end of a change of the outcome, and no
    other row is a singleton for its sake; without "outcome", or a weight, a row still has a treatment. With
    ``singletons`` they stay: of what absorbs nothing, or asks for a balanced panel, where rows are missing beside them.
    """
    sample, complete, logs = _base(problem, members, s)
    controls = members.controls_of(s)
    own = [members.outcome[s], members.treatment[s]]
    own += [members.extra_rows[s]] if members.extra_rows[s] >= 0 else []
    own += members.instruments_of(s).tolist()
    complete &= np.isfinite(problem.values[:, own]).all(axis=1)
    controlled = np.asarray(np.isfinite(problem.values[:, controls]).all(axis=1), bool)
    if problem.log0 is not None:
        logs |= problem.log0[:, [*own, *controls]].any(axis=1)
    rows = np.flatnonzero(complete & controlled)
    effects = () if singletons else _effect_codes(problem, members, s)
    record = without_singletons(np.flatnonzero(complete) if changes == "controls" else rows, effects)
    kept = record[controlled[record]]
    if changes == "outcome":
        record = np.flatnonzero(sample_rows(problem, members.rows[s], members.effects[s], members.treatment[s]))
    counts = int(sample.sum()) - len(rows), int((sample & logs).sum()), len(rows) - len(kept)
    return Cut(kept, record, np.asarray(complete[record]), *counts)


def other_arms(arms: Mapping[int, tuple[int, ...]], members: Members, s: int) -> Ints:
    """Return the other arms of a member's treatment, columns of values, where they are in its regression."""
    found = np.array(arms.get(int(members.treatment[s]), ()), np.int64)
    return found if np.isin(found, members.controls_of(s)).all() else found[:0]


def count_units(unit: Ints, treatment: Floats, others: Floats | None = None) -> tuple[int, int, int, int]:
    """Count units, those whose treatment varies, is always zero, is always one other value.

    A unit that ever takes one of ``others`` is not among those whose treatment is always zero.

    Parameters
    ----------
    unit : (n,) int64, levels without gaps
    treatment : (n,) float64
    others : (n, k) float64, other arms of the same factor
    """
    low, high = unit_bounds(unit, treatment)
    varies, zero = low != high, (low == 0) & (high == 0)
    always = int((~varies & ~zero).sum())
    if others is not None:
        zero[unit[(others != 0).any(axis=1)]] = False
    return len(low), int(varies.sum()), int(zero.sum()), always


def unit_bounds(unit: Ints, values: Floats) -> tuple[Floats, Floats]:
    """Return the least and the largest value of every unit; inf and -inf of one without rows.

    Parameters
    ----------
    unit : (n,) int64, from 0
    values : (n,) float64, none missing
    """
    size = int(unit.max(initial=-1)) + 1
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(low, unit, values)
    np.maximum.at(high, unit, values)
    return low, high


def effective_rows(n: int, weights: Floats | None) -> float:
    """Return Kish's effective sample size, (Σw)² / Σw²."""
    if weights is None:
        return float(n)
    scaled = weights / weights.max()
    return float(scaled.sum() ** 2 / (scaled @ scaled))
