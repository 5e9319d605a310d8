"""Least squares with dummies in 60 digits: what a number has to agree with, or be absent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import mpmath as mp
import numpy as np

DIGITS = 60


@dataclass(frozen=True)
class Exact:
    """Coefficients of the last columns, residuals and what a covariance needs."""

    beta: mp.matrix
    left: mp.matrix
    inverse: mp.matrix
    design: mp.matrix
    weights: list[mp.mpf]
    rank: int


def dummies(*codes: np.ndarray) -> list[list[int]]:
    """Write fixed effects out: all levels of the first, all but one of the others."""
    columns = []
    for place, code in enumerate(codes):
        levels = np.unique(code)[1 if place else 0 :]
        columns += [[int(v == level) for v in code] for level in levels]
    return columns or [[1] * 0]


def least_squares(
    outcome: Sequence[float],
    regressors: Sequence[Sequence[float]],
    effects: Sequence[np.ndarray],
    weights: Sequence[float] | None = None,
) -> Exact | None:
    """Regress on the columns and the effects' dummies; None where the last column is not identified."""
    with mp.workdps(DIGITS):
        given = tuple(map(_numbers, effects)), None if weights is None else _numbers(weights), len(outcome)
        known = _solved(tuple(map(_numbers, regressors)), *given)
        if known is None:
            return None
        x, wx, inverse, w = known
        y = mp.matrix([mp.mpf(float(v)) for v in outcome])
        beta = inverse * (wx.T * y)
        return Exact(beta, y - x * beta, inverse, x, w, x.cols)


def _numbers(values: Sequence[float]) -> tuple[float | int, ...]:
    return tuple(float(v) if isinstance(v, (float, np.floating)) else int(v) for v in values)


@cache
def _solved(
    regressors: tuple, effects: tuple, weights: tuple | None, n: int
) -> tuple[mp.matrix, mp.matrix, mp.matrix, list[mp.mpf]] | None:
    """Give the design, weighted too, its inverse and the weights; many outcomes are regressed on one design."""
    before, w, basis, kept = _of_effects(effects, weights, n)
    columns = [*before, *([mp.mpf(v) for v in column] for column in regressors)]
    kept = [*kept, *_independent(columns, w, [*basis], len(before))]
    if len(columns) - 1 not in kept:
        return None
    size = [mp.sqrt(mp.fsum(v * v for v in column)) or mp.mpf(1) for column in columns]
    x = mp.matrix([[columns[k][i] for k in kept] for i in range(n)])
    wx = mp.matrix([[w[i] * x[i, k] for k in range(len(kept))] for i in range(n)])
    shrink = mp.diag([1 / size[k] for k in kept])  # mpmath's inverse takes very unequal sizes for singular
    return x, wx, shrink * (shrink * (wx.T * x) * shrink) ** -1 * shrink, w


@cache
def _of_effects(effects: tuple, weights: tuple | None, n: int) -> tuple[list, list, list, list[int]]:
    """Give the effects' dummies, the weights, and the basis of the dummies that are kept, for many regressions."""
    columns = [[mp.mpf(v) for v in c] for c in (dummies(*map(np.asarray, effects)) if effects else [[1] * n])]
    w = [mp.mpf(v) for v in ([1] * n if weights is None else weights)]
    total = mp.fsum(w)
    w = [v * n / total for v in w]
    basis: list[list[mp.mpf]] = []
    return columns, w, basis, _independent(columns, w, basis, 0)


def _independent(columns: list[list[mp.mpf]], w: list[mp.mpf], basis: list[list[mp.mpf]], first: int) -> list[int]:
    """Give the columns from ``first`` that are no combination of those before (to 50 digits); lengthen their basis."""
    kept = []
    for place, column in enumerate(columns[first:], first):
        size = mp.sqrt(mp.fsum(a * b * b for a, b in zip(w, column, strict=True)))
        rest = list(column)
        for _ in range(2):
            for q in basis:
                along = mp.fsum(a * b * c for a, b, c in zip(w, q, rest, strict=True))
                rest = [r - along * b for r, b in zip(rest, q, strict=True)]
        norm = mp.sqrt(mp.fsum(a * b * b for a, b in zip(w, rest, strict=True)))
        if size > 0 and norm > size * mp.mpf(10) ** -45:
            basis.append([r / norm for r in rest])
            kept.append(place)
    return kept


def standard_error(exact: Exact, kind: str, clusters: Sequence[np.ndarray], factor: float) -> mp.mpf:
    """Give the error of the last coefficient: iid, hetero or clustered, times the root of ``factor``."""
    with mp.workdps(DIGITS):
        n, k = exact.design.rows, exact.design.cols
        row = exact.inverse[k - 1, :]
        if kind == "iid":
            rss = mp.fsum(exact.weights[i] * exact.left[i] ** 2 for i in range(n))
            return mp.sqrt(rss * exact.inverse[k - 1, k - 1] * factor)
        part = [
            exact.weights[i] * exact.left[i] * mp.fsum(row[0, j] * exact.design[i, j] for j in range(k))
            for i in range(n)
        ]
        if kind == "hetero":
            return mp.sqrt(mp.fsum(p * p for p in part) * factor)
        code = clusters[0]
        sums = [mp.fsum(part[i] for i in np.flatnonzero(code == g)) for g in np.unique(code)]
        return mp.sqrt(mp.fsum(s * s for s in sums) * factor)


def newton(kind: str, outcome: np.ndarray, regressors: np.ndarray, steps: int = 60) -> tuple[mp.mpf, mp.mpf]:
    """Give the last coefficient of a Poisson or logit and its iid error, by Newton's method in 40 digits."""
    with mp.workdps(40):
        n, k = regressors.shape
        x = mp.matrix(regressors.tolist())
        beta = mp.matrix(k, 1)
        if kind == "fepois":
            beta = (x.T * x) ** -1 * (x.T * mp.matrix([mp.log(float(v) + 0.5) for v in outcome]))
        for _ in range(steps):
            eta = x * beta
            mu = [mp.exp(v) if kind == "fepois" else 1 / (1 + mp.exp(-v)) for v in eta]
            weight = mu if kind == "fepois" else [m * (1 - m) for m in mu]
            score = x.T * mp.matrix([mp.mpf(float(outcome[i])) - mu[i] for i in range(n)])
            information = x.T * mp.matrix([[weight[i] * x[i, j] for j in range(k)] for i in range(n)])
            step = information**-1 * score
            beta += step
            if max(abs(v) for v in step) < mp.mpf(10) ** -30:
                break
        else:
            raise ArithmeticError("Newton's method did not converge")
        return beta[k - 1], mp.sqrt((information**-1)[k - 1, k - 1])
