"""The same model twice among the least-squares fits, where only values on their rows can tell.

`sign` knows columns that are equal on the whole panel. Two treatments may be equal on a sample
alone, weights may be multiples of each other, fixed effects the same on the rows that are left.
What is the same model has the same numbers: only fits whose numbers are equal as far as
rounding goes, and whose signatures are not, get signatures by their values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from specdid.engine.masks import find_samples, missing_patterns, row_keys, rows_of
from specdid.engine.model_identity import Values, Words, aggregate_options, mixed
from specdid.engine.problem import Fits, Floats, Ints, Members, Problem
from specdid.engine.sunab import comparison
from specdid.engine.tasks import controls_of

SAME = 1e-6
"""How near numbers are, in standard errors, that may be those of one model: the audit's limit."""


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
    for d, words in zip(doubtful.tolist(), found, strict=True):
        signatures[int(block[d])][place[d]] = words
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
    patterns = missing_patterns(problem, members)
    keys = row_keys(members, patterns)
    samples = find_samples(problem, members, keys, patterns, np.arange(len(keys.first)))
    for key in range(len(keys.first)):
        values = Values(problem, rows_of(samples.packed[key], len(problem.values)))
        for s in np.flatnonzero(keys.of_member == key).tolist():
            out[s] = _sign_one(values, members, s, dropped[s])
    return out


def _sign_one(values: Values, members: Members, s: int, dropped: Sequence[int]) -> Words:
    kept = [int(c) for c in controls_of(members, s) if c not in dropped]
    what, cohort, problem = "feols", None, values.problem
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
