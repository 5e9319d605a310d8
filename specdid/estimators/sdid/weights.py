"""Weights on a simplex by Frank and Wolfe's algorithm, stopped where R's synthdid stops.

The weights minimise ‖A x − b‖² / m + ζ² ‖x‖² over x ≥ 0, Σ x = 1. Each step goes towards the corner at which the
gradient is least, as far as is best on that line; the steps end when the objective falls by no more than the square
of ``least``. After 100 steps weights up to a quarter of the largest are set to zero and the steps begin again from
what is left (Arkhangelsky and others 2021; R's synthdid, ``sc.weight.fw``). Where the steps end is part of the
published numbers: an exact solution of the same program has other digits.

Since Σ x = 1, m times the objective is q = x'Hx with H = (A − b)'(A − b) + m ζ² I. With h = Hx the step towards
corner i is s = (q − hᵢ) / (Hᵢᵢ − 2 hᵢ + q), within 0 and 1, and takes s (2 (q − hᵢ) − s (Hᵢᵢ − 2 hᵢ + q)) off q. Many
programs of one shape are solved at once, each as it would be alone.
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


@dataclass(frozen=True, slots=True)
class Penalty:
    """ζ, and the root of the decrease of the objective at which the steps end."""

    zeta: float
    least: float


def simplex_weights(
    columns: Floats, targets: Floats, penalty: Penalty, starts: Floats | None = None
) -> tuple[Floats, Bools]:
    """Return weights of ``columns`` (B, m, k) that fit ``targets`` (B, m) up to a constant.

    They begin from ``starts`` (B, k), alike without. Of tied corners the first is taken.

    Returns
    -------
    weights : (B, k)
    capped : (B,) bool, whether steps were still worth taking after ``MOST``
    """
    count, _, width = columns.shape
    begin = np.full((count, width), 1.0 / width) if starts is None else starts
    size = max(1, LARGEST // width**2)
    parts = [slice(at, at + size) for at in range(0, count, size)]
    found = [_weights(columns[p], targets[p], penalty, begin[p]) for p in parts]
    return np.concatenate([w for w, _ in found]), np.concatenate([capped for _, capped in found])


def _weights(columns: Floats, targets: Floats, penalty: Penalty, starts: Floats) -> tuple[Floats, Bools]:
    apart = columns - targets[:, :, None]
    apart = apart - apart.mean(axis=1, keepdims=True)
    m, eta = apart.shape[1], apart.shape[1] * penalty.zeta**2
    row = _rows(apart, eta)
    rough, _ = _descend(row, starts, m * penalty.least**2, FIRST)
    rough = np.where(rough > rough.max(axis=1, keepdims=True) / 4, rough, 0.0)
    return _descend(row, rough / rough.sum(axis=1, keepdims=True), m * penalty.least**2, MOST)


Rows = Callable[[Ints], Floats]


def _rows(apart: Floats, eta: float) -> Rows:
    """Return a function that gives row iᵦ of each program's H, (B, k); H itself is formed where it is not too large."""
    count, _, width = apart.shape
    each = np.arange(count)
    if count * width**2 <= LARGEST:
        whole = apart.transpose(0, 2, 1) @ apart
        whole[:, np.arange(width), np.arange(width)] += eta
        return lambda corner: np.asarray(whole[each, corner])

    def row(corner: Ints) -> Floats:
        found: Floats = (apart[each, :, corner][:, None, :] @ apart)[:, 0]
        found[each, corner] += eta
        return found

    return row


def _descend(row: Rows, starts: Floats, least: float, most: int) -> tuple[Floats, Bools]:
    """Take the steps of each program, and go on with those that have not ended; mark those that had not at ``most``.

    A single program's take most of an estimate's time: its numbers are kept out of arrays of one.
    """
    x = starts.copy()
    each = np.arange(len(x))
    h = np.zeros_like(x)
    for corner in np.flatnonzero(x.any(axis=0)):
        h += x[:, corner, None] * row(np.full(len(x), corner))
    q = (x * h).sum(axis=1)
    if len(x) == 1:
        alone, capped = _descend_alone(row, x[0], h[0], float(q[0]), least, most)
        return alone[None], np.array([capped])
    going = np.ones(len(x), bool)
    for step in range(most):
        corner = h.argmin(axis=1)
        towards = row(corner)
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
            if not going.any():
                break
    return x, going


def _descend_alone(row: Rows, x: Floats, h: Floats, q: float, least: float, most: int) -> tuple[Floats, bool]:
    known: dict[int, Floats] = {}
    for step in range(most):
        corner = int(h.argmin())
        if corner not in known:
            known[corner] = row(np.array([corner]))[0]
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
