"""Weights on a simplex by Frank and Wolfe's algorithm, stopped where R's synthdid stops.

The weights minimise ‖A x − b‖² / m + ζ² ‖x‖² over x ≥ 0, Σ x = 1. Each step goes towards the corner at which the
gradient is least, as far as is best on that line; the steps end when the objective falls by no more than the square
of ``least``. After 100 steps weights up to a quarter of the largest are set to zero and the steps begin again from
what is left (Arkhangelsky and others 2021; R's synthdid, ``sc.weight.fw``). Where the steps end is part of the
published numbers: an exact solution of the same program has other digits.

Since Σ x = 1, m times the objective is q = x'Hx with H = (A − b)'(A − b) + m ζ² I. With h = Hx the step towards
corner i is s = (q − hᵢ) / (Hᵢᵢ − 2 hᵢ + q), within 0 and 1, and takes s (2 (q − hᵢ) − s (Hᵢᵢ − 2 hᵢ + q)) off q. Many
programs are solved at once, each as it would be alone; of shorter ones the last rows or columns are none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from specdid._arrays import Bools, Floats, Ints

FIRST, MOST = 100, 10_000
"""Steps before small weights are set to zero, and after it."""
LARGEST = 2**22
"""Numbers that the matrices H of programs solved at once may have."""
FAR = 1e200
"""The gradient towards a corner that is none."""


@dataclass(frozen=True, slots=True)
class Penalty:
    """ζ, and the root of the decrease of the objective at which the steps end."""

    zeta: float
    least: float


def simplex_weights(
    columns: Floats,
    targets: Floats,
    penalty: Penalty,
    starts: Floats | None = None,
    rows: Ints | None = None,
    real: Bools | None = None,
) -> tuple[Floats, Bools]:
    """Return weights of ``columns`` (B, m, k) that fit ``targets`` (B, m) up to a constant.

    They begin from ``starts`` (B, k), alike without. Of tied corners the first is taken. Each program has the first
    ``rows`` (B,) of the rows and the columns that are ``real`` (B, k), without these all; ``starts`` are 0 in others.

    Returns
    -------
    weights : (B, k)
    capped : (B,) bool, whether steps were still worth taking after ``MOST``
    """
    count, most, width = columns.shape
    begin = np.full((count, width), 1.0 / width) if starts is None else starts
    rows = np.full(count, most) if rows is None else rows
    size = max(1, LARGEST // width**2)
    parts = [slice(at, at + size) for at in range(0, count, size)]
    found = [
        _weights(columns[p], targets[p], penalty, begin[p], rows[p], None if real is None else real[p]) for p in parts
    ]
    return np.concatenate([w for w, _ in found]), np.concatenate([capped for _, capped in found])


def _weights(
    columns: Floats, targets: Floats, penalty: Penalty, starts: Floats, m: Ints, real: Bools | None
) -> tuple[Floats, Bools]:
    own = (np.arange(columns.shape[1]) < m[:, None])[:, :, None]
    apart = np.where(own, columns - targets[:, :, None], 0.0)
    apart = np.where(own, apart - apart.sum(axis=1, keepdims=True) / m[:, None, None], 0.0)
    size = m.astype(np.float64)
    row = _rows(apart, size * penalty.zeta**2, real)
    rough, _ = _descend(row, starts, size * penalty.least**2, FIRST)
    rough = np.where(rough > rough.max(axis=1, keepdims=True) / 4, rough, 0.0)
    return _descend(row, rough / rough.sum(axis=1, keepdims=True), size * penalty.least**2, MOST)


Rows = Callable[[Ints, Ints], Floats]


def _rows(apart: Floats, eta: Floats, real: Bools | None) -> Rows:
    """Return what gives row iᵦ of the H of some programs, (b, k); H itself is formed where it is not too large."""
    count, _, width = apart.shape
    if count * width**2 <= LARGEST:
        whole = apart.transpose(0, 2, 1) @ apart
        whole[:, np.arange(width), np.arange(width)] += eta[:, None]
        if real is not None:
            whole = np.where(real[:, None], whole, FAR)
        return lambda programs, corner: np.asarray(whole[programs, corner])

    def row(programs: Ints, corner: Ints) -> Floats:
        found: Floats = (apart[programs, :, corner][:, None, :] @ apart[programs])[:, 0]
        found[np.arange(len(programs)), corner] += eta[programs]
        return found if real is None else np.where(real[programs], found, FAR)

    return row


def _descend(row: Rows, starts: Floats, least: Floats, most: int) -> tuple[Floats, Bools]:
    """Take the steps of each program; mark those that had not ended at ``most``.

    Those that have ended are put away once they are half of them.
    """
    found, capped = starts.copy(), np.zeros(len(starts), bool)
    at, x = np.arange(len(starts)), starts.copy()
    h = np.zeros_like(x)
    for corner in np.flatnonzero(x.any(axis=0)):
        h += x[:, corner, None] * row(at, np.full(len(x), corner))
    q = (x * h).sum(axis=1)
    going = np.ones(len(x), bool)
    for step in range(most):
        if len(x) == 1:
            found[at[0]], capped[at[0]] = _descend_alone(row, at, x[0], h[0], float(q[0]), float(least[0]), step, most)
            return found, capped
        each = np.arange(len(x))
        corner = h.argmin(axis=1)
        towards = row(at, corner)
        gap = q - h[each, corner]
        curvature = towards[each, corner] - 2.0 * h[each, corner] + q
        share = np.where(curvature > 0, np.clip(gap / np.where(curvature > 0, curvature, 1.0), 0.0, 1.0), 0.0) * going
        fall = share * (2.0 * gap - share * curvature)
        h += share[:, None] * (towards - h)
        x *= (1.0 - share)[:, None]
        x[each, corner] += share
        q -= fall
        if step:
            going &= fall > least
            if 2 * going.sum() <= len(x):
                found[at] = x
                at, x, h, q, least = at[going], x[going], h[going], q[going], least[going]
                going = going[going]
                if not len(at):
                    return found, capped
    found[at], capped[at] = x, going
    return found, capped


def _descend_alone(
    row: Rows, program: Ints, x: Floats, h: Floats, q: float, least: float, begun: int, most: int
) -> tuple[Floats, bool]:
    """Go on with one program: its numbers are kept out of arrays of one, which take most of an estimate's time."""
    known: dict[int, Floats] = {}
    for step in range(begun, most):
        corner = int(h.argmin())
        if corner not in known:
            known[corner] = row(program, np.array([corner]))[0]
        towards, at = known[corner], float(h[corner])
        gap, curvature = q - at, float(towards[corner]) - 2.0 * at + q
        share = min(max(gap / curvature, 0.0), 1.0) if curvature > 0 else 0.0
        fall = share * (2.0 * gap - share * curvature)
        h += share * (towards - h)
        x *= 1.0 - share
        x[corner] += share
        q -= fall
        if step and fall <= least:
            return x, False
    return x, True
