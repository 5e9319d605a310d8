"""Confidence sets for an effect when parallel trends may fail, and how far they may before zero is in the set.

Rambachan and Roth (2023, Review of Economic Studies 90): estimates are β = δ + τ, normal with a known covariance;
δ is what the treated would have done differently anyway, zero in the reference period; τ are effects, zero before
it. θ = l'τ is the effect asked for. Two restrictions of δ:

Relative magnitudes (their section 2.4.1). From one period to the next δ changes after the reference by at most M̄
times its largest change before. The set is the union, over which change before is the largest and its sign, of those
under ±(δ_t − δ_{t−1}) ≤ M̄ v for every t after the reference, v being that change. Each inverts the
hybrid of the least favorable and the conditional test of Andrews, Roth and Pakes (2023), "C-LF" in the authors'
HonestDiD, on the same moments. HonestDiD solves a linear program for each θ. Here the program is solved by hand. With
d_t = δ_t − δ_{t−1} and L_t = Σ_{s≥t} l_s, the null says l'β − θ = Σ_t L_t d_t =: b, and the program is the least η with

    −M̄v − η σ_t⁻ ≤ d_t ≤ M̄v + η σ_t⁺ for all t,   Σ_t L_t d_t = b,

where σ_t^± is the standard deviation of ±(β_t − β_{t−1}) − M̄v. Intervals that are not empty and hold b in their sum
are T + 2 inequalities in η, which are the vertices of the dual:

    η = max{ (±b − M̄ Σ|L_t| v) / Σ_t |L_t| σ_t^{± sign L_t},   −2M̄v / (σ_t⁺ + σ_t⁻), t = 1..T }.

All are linear in the pair (b, v), so that the critical value of the least favorable test is an integral over an
angle, where HonestDiD draws 1,000 times; and nothing is searched for but the ends of the set.

Smoothness (their section 2.4.2). The slope of δ changes by at most M between periods. The interval is the shortest
of fixed length around w'β_pre + l'β_post (their section 4). Bias is finite where linear trends cancel, and at most
M(K + Σ|c_j|), c_j being the weight on the j-th change of slope before the reference and K those on the later ones,
which l alone fixes. The weights c determine w, so that the frontier of bias and variance is a lasso in c, whose path
is piecewise linear.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np

from specdid._arrays import Bools, Floats

KAPPA = 0.1
"""Share of the level that the first stage of the hybrid test takes, as in HonestDiD."""
MOST = 1000.0
"""Bounds beyond it are not looked for."""
_ANGLES = 256
"""Points of the integral over the angle: the critical value's error is about 1e-4."""
_SCAN = np.concatenate([np.linspace(0.0, 3.0, 61), np.geomspace(3.1, MOST, 40)])
"""Bounds at which zero is looked for, before the first is bisected for."""
_POINTS = 400
_HALVINGS = 40
_FINE = 24


@dataclass(frozen=True)
class Estimates:
    """An event study as the restrictions see it.

    Attributes
    ----------
    pre : (P,) estimates of consecutive periods before the reference, the earliest first
    post : (T,) estimates of the consecutive periods after it
    vcov : (P + T, P + T) their covariance
    weights : (T,) l, the effect asked for is l'τ
    alpha : one less the level of the sets
    """

    pre: Floats
    post: Floats
    vcov: Floats = field(repr=False)
    weights: Floats
    alpha: float = 0.05

    @property
    def effect(self) -> float:
        """The estimate of the effect under parallel trends."""
        return float(self.weights @ self.post)

    @property
    def std_error(self) -> float:
        """Its standard error."""
        t = len(self.post)
        return float(np.sqrt(np.maximum(self.weights @ self.vcov[-t:, -t:] @ self.weights, 0.0)))


@dataclass(frozen=True)
class _Moments:
    """The vertices of the dual for given bounds: ``on`` (n, 2P, 4, 2) their weights on (b, v), ``critical`` (n, 2P)."""

    on: Floats
    critical: Floats


@dataclass(frozen=True)
class RelativeMagnitudes:
    """Sets for δ that changes after the reference by at most M̄ times its largest change before."""

    of: Estimates

    @cached_property
    def _changes(self) -> tuple[Floats, Floats]:
        """Return the matrices that take estimates to changes before and after the reference, (P, P + T), (T, P + T)."""
        p, t = len(self.of.pre), len(self.of.post)
        levels = np.insert(np.eye(p + t), p, 0.0, axis=0)
        changes = np.diff(levels, axis=0)
        return changes[:p], changes[p:]

    @cached_property
    def _largest(self) -> Floats:
        """The (2P, P + T) combinations of which one is the largest change: each with either sign."""
        before, _ = self._changes
        return np.vstack([before, -before])

    @cached_property
    def _pair(self) -> tuple[float, Floats, Floats]:
        """Return l'β, the (2P,) estimates of v and the (2P, 2, 2) roots of the covariances of (b, v)."""
        one = self.of
        effect = np.concatenate([np.zeros(len(one.pre)), one.weights])
        size = self._largest @ np.concatenate([one.pre, one.post])
        var_b, cov = effect @ one.vcov @ effect, self._largest @ one.vcov @ effect
        var_v = np.einsum("jk,kl,jl->j", self._largest, one.vcov, self._largest)
        root = np.zeros((len(size), 2, 2))
        root[:, 0, 0] = np.sqrt(var_b)
        root[:, 1, 0] = cov / np.sqrt(var_b)
        root[:, 1, 1] = np.sqrt(np.maximum(var_v - root[:, 1, 0] ** 2, 0.0))
        return one.effect, size, root

    def _moments(self, bound: Floats) -> _Moments:
        """Return the moments for (n,) bounds."""
        one, (_, after) = self.of, self._changes
        var = np.einsum("tk,kl,tl->t", after, one.vcov, after)
        cov = self._largest @ one.vcov @ after.T
        var_v = np.einsum("jk,kl,jl->j", self._largest, one.vcov, self._largest)
        m = bound[:, None, None]
        square = var + m**2 * var_v[:, None]
        up, down = (np.sqrt(np.maximum(square - s * 2 * m * cov, 1e-20 * square)) for s in (1.0, -1.0))
        later = np.cumsum(one.weights[::-1])[::-1]
        right = np.where(later >= 0, up, down) @ np.abs(later)
        left = np.where(later >= 0, down, up) @ np.abs(later)
        both = up + down
        m, reach = bound[:, None], np.abs(later).sum()
        zero = np.zeros_like(right)
        on = np.stack(
            [
                np.stack([1.0 / right, -m * reach / right], axis=-1),
                np.stack([-1.0 / left, -m * reach / left], axis=-1),
                np.stack([zero, -2.0 * m / both.max(axis=-1)], axis=-1),
                np.stack([zero, -2.0 * m / both.min(axis=-1)], axis=-1),
            ],
            axis=-2,
        )
        return _Moments(on, least_favorable(on @ self._pair[2], KAPPA * one.alpha))

    def _accepts(self, theta: Floats, moments: _Moments) -> Bools:
        """Tell for (n,) values of θ whether any of the 2P tests accepts; ``moments`` of n bounds or of one."""
        return np.asarray(self._accepts_each(theta, moments).any(axis=-1))

    def _accepts_each(self, theta: Floats, moments: _Moments) -> Bools:
        """Tell which tests accept, (n, 2P)."""
        from scipy.special import log_ndtr

        estimate, size, root = self._pair
        alpha = self.of.alpha
        pair = np.stack(np.broadcast_arrays(estimate - theta[:, None], size), axis=-1)
        value = np.einsum("njmk,njk->njm", np.broadcast_to(moments.on, (len(theta), *moments.on.shape[1:])), pair)
        eta, at = value.max(axis=-1), value.argmax(axis=-1)
        half = moments.on @ root
        half = np.broadcast_to(half, (len(theta), *half.shape[1:]))
        chosen = np.take_along_axis(half, at[..., None, None], axis=2)
        variance = (chosen**2).sum(axis=-1)
        ratio = (half * chosen).sum(axis=-1) / variance
        # Conditional on the vertex and on what is independent of its value, it is normal between these ends.
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = (value - ratio * eta[..., None]) / (1.0 - ratio)
        low = np.where(ratio < 1.0 - 1e-9, ends, -np.inf).max(axis=-1)
        high = np.where(ratio > 1.0 + 1e-9, ends, np.inf).min(axis=-1)
        high = np.minimum(high, moments.critical)
        deviation = np.sqrt(variance[..., 0])
        below, beyond, tail = (log_ndtr(-x / deviation) for x in (low, high, eta))
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            p = (np.exp(tail - below) - np.exp(beyond - below)) / -np.expm1(beyond - below)
        level = alpha * (1 - KAPPA) / (1 - KAPPA * alpha)
        rejects = (eta > 0) & ((eta > moments.critical) | (p < level))
        return np.asarray(~rejects)

    def confidence_set(self, bound: float) -> tuple[float, float]:
        """Return the ends of the set at a bound M̄; values between them may be rejected too, which ends do not say."""
        estimate, size, root = self._pair
        moments = self._moments(np.array([bound]))
        reach = np.abs(np.cumsum(self.of.weights[::-1])).sum()
        spread = np.sqrt((root[:, 1] ** 2).sum(axis=-1))
        width = bound * reach * float((np.abs(size) + 4 * spread).max()) + 5 * float(root[0, 0, 0])
        for _ in range(20):
            grid = estimate + np.linspace(-width, width, 2 * _POINTS + 1)
            inside = np.flatnonzero(self._accepts(grid, moments))
            if not len(inside):
                return np.nan, np.nan
            if inside[0] > 0 and inside[-1] < len(grid) - 1:
                break
            width *= 2.0
        ends = np.array([grid[inside[0]], grid[inside[-1]]])
        outside = np.array([grid[inside[0] - 1], grid[inside[-1] + 1]])
        for _ in range(_HALVINGS):
            middle = (ends + outside) / 2
            accepted = self._accepts(middle, moments)
            ends, outside = np.where(accepted, middle, ends), np.where(accepted, outside, middle)
        return float(ends[0]), float(ends[1])

    def breakdown(self) -> tuple[float, bool]:
        """Return the bound up to which zero is outside every set; NaN where it is inside at 0, inf beyond ``MOST``.

        Also whether zero is outside again at a larger bound: tests need not be nested as the restrictions are.
        """

        def inside(bounds: Floats) -> Bools:
            return self._accepts(np.zeros(len(bounds)), self._moments(bounds))

        return _first(inside, _SCAN)


@dataclass(frozen=True)
class Smoothness:
    """Intervals of fixed length for δ whose slope changes by at most M from one period to the next."""

    of: Estimates

    @cached_property
    def _frontier(self) -> tuple[Floats, Floats]:
        """Return bias at M = 1, (n,), and weights of all estimates, (n, P + T), along the path, knots among them."""
        one = self.of
        p, t = len(one.pre), len(one.post)
        back = np.arange(p, 0, -1.0)
        ahead = np.arange(1, t + 1.0)
        # Weights w of the estimates before: linear trends cancel, and c_j are the weights on changes of slope.
        system = np.vstack([back, np.maximum(back - np.arange(1, p)[:, None], 0.0)])
        solved = np.linalg.inv(system)
        start = np.concatenate([solved[:, 0] * (one.weights @ ahead), one.weights])
        move = np.vstack([solved[:, 1:], np.zeros((t, p - 1))])
        path = lasso_path(move.T @ one.vcov @ move, move.T @ one.vcov @ start)
        if len(path) > 1:
            share = np.linspace(0.0, 1.0, _FINE, endpoint=False)[:, None]
            between = [a + share * (b - a) for a, b in pairwise(path)]
            path = np.vstack([*between, path[-1:]])
        later = np.maximum(ahead - np.arange(t)[:, None], 0.0) @ one.weights
        return np.abs(path).sum(axis=1) + np.abs(later).sum(), start + path @ move.T

    def _shortest(self, bound: Floats) -> tuple[Floats, Floats]:
        """Return centre and half length of the shortest interval for (n,) bounds."""
        bias, weights = self._frontier
        at = self._half_length(bound[:, None], bias, weights).argmin(axis=1)
        # Between points of the path weights and bias are linear: look again between the neighbours.
        place = np.clip(at[:, None] + np.linspace(-1, 1, 4 * _FINE + 1), 0, len(bias) - 1)
        left = np.minimum(place.astype(np.int64), max(len(bias) - 2, 0))
        right = np.minimum(left + 1, len(bias) - 1)
        share = place - left
        bias = bias[left] + share * (bias[right] - bias[left])
        weights = weights[left] + share[..., None] * (weights[right] - weights[left])
        half = self._half_length(bound[:, None], bias, weights)
        best = half.argmin(axis=1)
        rows = np.arange(len(bound))
        centre = weights[rows, best] @ np.concatenate([self.of.pre, self.of.post])
        return np.asarray(centre), np.asarray(half[rows, best])

    def _half_length(self, bound: Floats, bias: Floats, weights: Floats) -> Floats:
        deviation = np.sqrt(np.maximum(((weights @ self.of.vcov) * weights).sum(axis=-1), 0.0))
        return np.asarray(deviation * folded_quantile(bound * bias / deviation, self.of.alpha))

    def confidence_set(self, bound: float) -> tuple[float, float]:
        """Return the ends of the shortest interval of fixed length at a bound M, in units of the outcome."""
        centre, half = self._shortest(np.array([bound]))
        return float(centre[0] - half[0]), float(centre[0] + half[0])

    def breakdown(self) -> tuple[float, bool]:
        """Return the bound up to which zero is outside every interval; NaN where it is inside at 0.

        Also whether zero is outside again at a larger bound.
        """
        bias, weights = self._frontier
        centre = weights @ np.concatenate([self.of.pre, self.of.post])

        def inside(bounds: Floats) -> Bools:
            middle, half = self._shortest(bounds)
            return np.asarray(np.abs(middle) <= half)

        most = float(np.abs(centre).max() / bias.min()) * 1.01 + self.of.std_error * 1e-3
        return _first(inside, np.linspace(0.0, most, 101))


def _first(inside: Callable[[Floats], Bools], scan: Floats) -> tuple[float, bool]:
    """Return where ``inside`` first holds, looked for along ``scan``, and whether it fails again beyond."""
    found = inside(scan)
    if found[0]:
        return float("nan"), bool((~found).any())
    if not found.any():
        return float("inf"), False
    at = int(found.argmax())
    outside, within = scan[at - 1], scan[at]
    for _ in range(_HALVINGS):
        middle = (outside + within) / 2
        if inside(np.array([middle]))[0]:
            within = middle
        else:
            outside = middle
    return float(outside), bool((~found[at:]).any())


def least_favorable(on: Floats, kappa: float) -> Floats:
    """Return the 1 − kappa quantile of the largest of several linear functions of two independent normals.

    Parameters
    ----------
    on : (..., m, 2) their weights
    kappa : float

    Notes
    -----
    In polar coordinates the largest is r h(φ), and P(r h > c) = exp(−c²/2h²) for h > 0.
    """
    angle = (np.arange(_ANGLES) + 0.5) * (2 * np.pi / _ANGLES)
    height = (on @ np.stack([np.cos(angle), np.sin(angle)])).max(axis=-2)
    with np.errstate(divide="ignore"):
        rate = np.where(height > 0, 0.5 / np.maximum(height, 1e-300) ** 2, np.inf)
    # In u = c² the log of the mean is convex and falls: from beyond its root Newton steps over once, then closes in.
    least = rate.min(axis=-1)
    u = -np.log(kappa) / least
    for _ in range(12):
        with np.errstate(invalid="ignore"):
            each = np.exp(-u[..., None] * rate)
            slope = np.where(np.isfinite(rate), rate * each, 0.0).sum(axis=-1) / each.sum(axis=-1)
        u = np.maximum(u + (np.log(each.mean(axis=-1)) - np.log(kappa)) / slope, 0.0)
    return np.asarray(np.sqrt(u))


def lasso_path(quadratic: Floats, linear: Floats) -> Floats:
    """Return the knots of argmin ½c'Qc + q'c + λ|c|₁ from c = 0 to λ = 0, (knots, p); Q is positive definite.

    The homotopy of Osborne, Presnell and Turlach (2000): between knots c is linear in λ.
    """
    p = len(linear)
    c = np.zeros(p)
    knots = [c.copy()]
    if not p or not np.abs(linear).max() > 0:
        return np.array(knots)
    penalty = float(np.abs(linear).max())
    active = [int(np.abs(linear).argmax())]
    signs = {active[0]: -float(np.sign(linear[active[0]]))}
    for _ in range(20 * p + 20):
        a = np.array(active)
        s = np.array([signs[k] for k in active])
        inverse = np.linalg.solve(quadratic[np.ix_(a, a)], np.column_stack([linear[a], s]))
        # c_A = −inverse[:, 0] − λ inverse[:, 1]; gradients of the others are linear in λ too.
        rest = np.array([k for k in range(p) if k not in signs], dtype=np.int64)
        gain = linear[rest] - quadratic[np.ix_(rest, a)] @ inverse[:, 0]
        lean = -quadratic[np.ix_(rest, a)] @ inverse[:, 1]
        slack = penalty * (1 - 1e-12)
        with np.errstate(divide="ignore", invalid="ignore"):
            enter = np.stack([gain / (1 - lean), -gain / (1 + lean)])
            leave = -inverse[:, 0] / inverse[:, 1]
        enter = np.where((enter > 0) & (enter < slack), enter, 0.0)
        leave = np.where((leave > 0) & (leave < slack), leave, 0.0)
        penalty = max(enter.max(initial=0.0), leave.max(initial=0.0))
        c = np.zeros(p)
        c[a] = -inverse[:, 0] - penalty * inverse[:, 1]
        if not penalty > 0:
            knots.append(c)
            break
        if leave.max(initial=0.0) >= enter.max(initial=0.0):
            gone = active.pop(int(leave.argmax()))
            del signs[gone]
            c[gone] = 0.0
        else:
            sign, which = np.unravel_index(int(enter.argmax()), enter.shape)
            new = int(rest[which])
            active.append(new)
            signs[new] = -1.0 if sign == 0 else 1.0
        knots.append(c)
        if not active:
            break
    return np.array(knots)


def folded_quantile(mean: Floats, alpha: float) -> Floats:
    """Return the 1 − alpha quantile of |N(mean, 1)|, mean ≥ 0."""
    from scipy.special import ndtr, ndtri

    # Left of the root, where the distribution is concave: Newton closes in without stepping over.
    c = mean + ndtri(1 - alpha)
    for _ in range(8):
        excess = 1 - alpha - (ndtr(c - mean) - ndtr(-c - mean))
        density = (np.exp(-0.5 * (c - mean) ** 2) + np.exp(-0.5 * (c + mean) ** 2)) / np.sqrt(2 * np.pi)
        c = c + excess / density
    return np.asarray(c)
