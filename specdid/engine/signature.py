"""Hashes that tell the same model twice: 128 bits, the same in every process and on every path.

A set (rows, kept terms) hashes to the sum of its elements' words modulo 2^64, so that it
can be formed in any order, and for many row masks at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from specdid.engine.problem import Code, Effects, Fits, Ints, Members

Words = NDArray[np.uint64]

_GOLDEN = 0x9E3779B97F4A7C15
_ROWS, _TERMS, _MODEL = 1, 2, 3


def words(index: Ints, stream: int) -> Words:
    """Give two words for each index (splitmix64); different streams are unrelated.

    Returns
    -------
    (len(index), 2) uint64
    """
    both = np.repeat(index.astype(np.uint64) * np.uint64(2), 2).reshape(-1, 2)
    both[:, 1] += np.uint64(1)
    return _mix(both + np.uint64(stream * 0x632BE59BD9B4E019 % 2**64))


def _mix(x: Words) -> Words:
    with np.errstate(over="ignore"):
        x = (x + np.uint64(1)) * np.uint64(_GOLDEN)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def row_words(n: int) -> Words:
    """Give the words of the rows 0 to n - 1 of a panel, (n, 2) uint64."""
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
    effects : (M,) int64, first index of an equal option, from `canonical_effects`
    """
    total = _mix(rows) * np.uint64(3) + _mix(terms + np.uint64(1)) * np.uint64(5)
    for place, part in enumerate((outcome, treatment, weights, effects, sunab)):
        of_part = words(np.arange(int(part.max(initial=-1)) + 2), _MODEL + place)
        total = total + of_part[part + 1]
    total = _mix(total)
    return np.where(total == 0, np.uint64(1), total)


def sign(fits: Fits, members: Members, rows: Words, effects: tuple[Effects, ...]) -> Words:
    """Give the signatures of fits: zero where there is no estimate.

    Parameters
    ----------
    fits, members : of the same M specifications
    rows : (M, 2) uint64, digests of the rows that they use
    effects : the study's fixed-effects options

    Returns
    -------
    (M, 2) uint64
    """
    owner = np.repeat(np.arange(len(members)), np.diff(members.start))
    kept = np.ones(len(owner), dtype=bool)
    for m, lost in fits.dropped.items():
        span = slice(members.start[m], members.start[m + 1])
        kept[span] = ~np.isin(members.controls[span], lost)
    terms = terms_digest(members.controls[kept], owner[kept], len(members))
    effect = canonical_effects(effects)[members.effects]
    signed = signature(rows, terms, members.outcome, members.treatment, members.weights, effect, members.sunab)
    return np.where((fits.code == Code.OK)[:, None], signed, np.uint64(0))


def canonical_effects(effects: tuple[Effects, ...]) -> Ints:
    """Give, for each fixed-effects option, the first one that absorbs the same."""
    first: dict[tuple[tuple[int, ...], tuple[tuple[int, int], ...]], int] = {}
    same = [
        first.setdefault((tuple(sorted(set(e.fixed))), tuple(sorted(set(e.slopes)))), place)
        for place, e in enumerate(effects)
    ]
    return np.array(same, dtype=np.int64)
