"""Synthetic difference in differences from its definition, for the audit: unit by unit, and without shortcuts.

Weights are those of R's synthdid: Frank and Wolfe's steps on ‖A x − b‖² / m + ζ² ‖x‖², with A and b centred, written
by residuals and not by cross-products as the estimator has them. A jackknife's estimate is that on the panel from
which the units are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from specdid._arrays import Floats


def weights_of(controls: Floats, treated: Floats, size: int, first: int) -> tuple[Floats, Floats]:
    """Return the weights of controls (n, T) and of the periods before ``first``, for ``size`` units' mean (T,)."""
    before = controls[:, :first]
    changes = (before[:, 1:] - before[:, :-1]).ravel()
    sigma = float(np.sqrt(((changes - changes.mean()) ** 2).sum() / (len(changes) - 1)))
    zeta = (size * (controls.shape[1] - first)) ** 0.25 * sigma
    after = controls[:, first:].mean(axis=1)
    periods = _fit(before, after, 1e-6 * sigma, 1e-5 * sigma)
    return _fit(before.T, treated[:first], zeta, 1e-5 * sigma), periods


def _fit(columns: Floats, target: Floats, zeta: float, least: float) -> Floats:
    a, b = columns - columns.mean(axis=0), target - target.mean()
    x = np.full(a.shape[1], 1.0 / a.shape[1])
    for most in (100, 10_000):
        x = _steps(a, b, zeta, least, x, most)
        if most == 100:
            x = np.where(x <= x.max() / 4, 0.0, x)
            x = x / x.sum()
    return x


def _steps(a: Floats, b: Floats, zeta: float, least: float, x: Floats, most: int) -> Floats:
    eta = len(a) * zeta**2
    values: list[float] = []
    while len(values) < most and (len(values) < 2 or values[-2] - values[-1] > least**2):
        fitted = a @ x
        gradient = (fitted - b) @ a + eta * x
        corner = int(np.argmin(gradient))
        move = -x
        move[corner] = 1.0 - x[corner]
        change = a[:, corner] - fitted
        length = float(change @ change + eta * (move @ move))
        if length > 0:
            x = x + float(np.clip(-(gradient @ move) / length, 0.0, 1.0)) * move
        rest = a @ x - b
        values.append(float(zeta**2 * (x @ x) + rest @ rest / len(a)))
    return x


class Synthetic:
    """A balanced panel.

    Parameters
    ----------
    outcome : (N, T)
    controls : (N, T) each
    first : (N,) places of first treated periods, T for the never treated
    """

    def __init__(self, outcome: Floats, controls: Sequence[Floats], first: Any) -> None:
        self.outcome, self.controls, self.first = outcome, controls, np.asarray(first)
        self.never = self.first == outcome.shape[1]
        self.cohorts = [int(a) for a in np.unique(self.first[~self.never])]
        y = self._net(np.ones(len(self.first), bool))
        self.weights = {
            a: weights_of(y[self.never], y[self.first == a].mean(axis=0), int((self.first == a).sum()), a)
            for a in self.cohorts
        }

    def _net(self, stays: Any) -> Floats:
        """Take the controls out, with dummies of units and periods on those never treated that stay."""
        if not self.controls:
            return self.outcome
        own, last = np.flatnonzero(self.never & stays), self.outcome.shape[1]
        unit, time = np.repeat(np.arange(len(own)), last), np.tile(np.arange(last), len(own))
        dummies = [unit[:, None] == np.arange(len(own)), time[:, None] == np.arange(1, last)]
        columns = [(x - x.mean()) / (x.std() or 1.0) for x in self.controls]
        design = np.column_stack([*(x[own].ravel() for x in columns), *dummies]).astype(np.float64)
        beta = np.linalg.lstsq(design, self.outcome[own].ravel(), rcond=1e-10)[0]
        return np.asarray(self.outcome - sum(b * x for b, x in zip(beta, columns, strict=False)))

    def estimate(self, stays: Any = None) -> float:
        """Return the average over treated cells of the units that stay."""
        stays = np.ones(len(self.first), bool) if stays is None else stays
        y, total, cells = self._net(stays), 0.0, 0
        for a in self.cohorts:
            omega, lam = self.weights[a]
            omega = omega * stays[self.never]
            if not omega.sum() > 0 or not (stays & (self.first == a)).any():
                return float("nan")
            synthetic = omega @ y[self.never] / omega.sum()
            for own in y[stays & (self.first == a)]:
                gap = own - synthetic
                total += (y.shape[1] - a) * float(gap[a:].mean() - lam @ gap[:a])
                cells += y.shape[1] - a
        return total / cells

    def jackknife(self, clusters: Any) -> float:
        """Return the standard error from estimates without each cluster, NaN where one leaves nothing to compare."""
        left = np.array([self.estimate(clusters != g) for g in np.unique(clusters)])
        return float(np.sqrt((len(left) - 1) / len(left) * ((left - left.mean()) ** 2).sum()))
