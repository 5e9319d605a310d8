"""Synthetic difference in differences on a balanced panel, its effects by period, and three standard errors.

Of a cohort with n units, treated in the last T₁ of T periods, and N₀ units never treated,

    τ = (ȳ − ω'Y₀) (λ⁻),   λ⁻ = (−λ, 1/T₁ … 1/T₁),

with ȳ the mean of the cohort's units by period. ω weights units so that they run parallel to ȳ before treatment, λ
periods before treatment so that they foresee the controls' mean after it, both up to a constant. ζ is
(n T₁)^¼ σ for ω and 10⁻⁶ σ for λ, and the steps end at 10⁻⁵ σ; σ is the standard deviation of the controls' changes
from period to period before treatment (Arkhangelsky and others 2021, algorithm 1, and R's synthdid). Cohorts are
averaged by their treated cells n T₁ (Clarke and others 2023, equation 6 and Stata's sdid).

The effect in one period t of a cohort is (ȳ − ω'Y₀) (eₜ − λ), of which τ is the mean after adoption; cohorts are then
averaged by their units (Ciccia 2024, A short note on event-study synthetic difference-in-differences estimators, and
Stata's sdid_event). Before adoption it is what ω leaves of the gap that it makes small.

Controls x are taken out of the outcome first: y − x'β with β from a regression of y on x, unit and period effects,
on the units never treated (Kranz 2022, and ``projected`` in Stata's sdid).

jackknife  (G − 1)/G Σ (τ₋g − τ̄)², where G are clusters of units and τ₋g is without the units of one, with λ and,
           scaled to one, ω as they are; β and the cells of cohorts are those of the units that are left (algorithm 3).
bootstrap  the standard deviation of τ over draws with replacement of as many clusters of units; one without units
           treated, or without any never treated, is drawn again (algorithm 2). A cohort that is not drawn has no cells.
placebo    the standard deviation of τ among the never treated, some of whom are given the cohorts (algorithm 4).

In draws weights are found anew, from those of the estimate and with its ζ, as in synthdid.

The weights, on a simplex, are by Frank and Wolfe's algorithm, stopped where R's synthdid stops.
They minimise ‖A x − b‖² / m + ζ² ‖x‖² over x ≥ 0, Σ x = 1. Each step goes towards the corner at which the
gradient is least, as far as is best on that line; the steps end when the objective falls by no more than the square
of ``least``. After 100 steps weights up to a quarter of the largest are set to zero and the steps begin again from
what is left (Arkhangelsky and others 2021; R's synthdid, ``sc.weight.fw``). Where the steps end is part of the
published numbers: an exact solution of the same program has other digits.

Since Σ x = 1, m times the objective is q = x'Hx with H = (A − b)'(A − b) + m ζ² I. With h = Hx the step towards
corner i is s = (q − hᵢ) / (Hᵢᵢ − 2 hᵢ + q), within 0 and 1, and takes s (2 (q − hᵢ) − s (Hᵢᵢ − 2 hᵢ + q)) off q. Many
programs are solved at once, each as it would be alone; of shorter ones the last rows or columns are none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

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


STREAM = 1 << 40
"""Keeps these draws apart from those of the nulls, which use the same seed."""


@dataclass(frozen=True, slots=True)
class BalancedPanel:
    """Every unit in every period.

    Attributes
    ----------
    outcome : (N, T)
    controls : (K, N, T)
    first : (N,) int64, place of a unit's first treated period, T for the never treated
    """

    outcome: Floats
    controls: Floats
    first: Ints

    @property
    def periods(self) -> int:
        """Return T."""
        return int(self.outcome.shape[1])

    @property
    def never(self) -> Ints:
        """Return the units never treated."""
        return np.flatnonzero(self.first == self.periods)

    @property
    def cohorts(self) -> list[int]:
        """Return the places of the periods in which some unit is first treated."""
        return [int(a) for a in np.unique(self.first) if a < self.periods]

    def adjusted(self, never: Ints) -> Floats:
        """Return the outcome less what the controls explain among ``never``."""
        beta = np.linalg.lstsq(*_within(self, never), rcond=None)[0] if len(self.controls) else np.zeros(0)
        return self.outcome - np.tensordot(beta, self.controls, 1)


def _within(panel: BalancedPanel, units: Ints) -> tuple[Floats, Floats]:
    """Return controls (n T, K) and outcome (n T,) of some units, net of unit and period means."""
    stacked = np.concatenate([panel.controls[:, units], panel.outcome[None, units]])
    net = stacked - stacked.mean(axis=2, keepdims=True)
    net = net - net.mean(axis=1, keepdims=True)
    flat = net.reshape(len(net), -1)
    return flat[:-1].T, flat[-1]


def net_controls(panel: BalancedPanel, units: Ints) -> Floats:
    """Return the controls of some units net of unit and period means, (n T, K)."""
    return _within(panel, units)[0]


@dataclass(frozen=True, slots=True)
class Cohort:
    """The effect on one cohort.

    ``omega`` (N₀,) weights of the never treated, ``lam`` (a,) of the periods before its first, ``a``; ``capped``, how
    many of the two were not settled when their steps were cut off.
    """

    first: int
    omega: Floats
    lam: Floats
    unit_penalty: Penalty
    time_penalty: Penalty
    capped: int = 0


@dataclass(frozen=True, slots=True)
class Aims:
    """Of what averages over cohorts are taken, m of them.

    ``weights`` (m, C, T) of the periods that are compared with λ's; ``cells`` (m, C), treated cells of each of a
    cohort's units, 0 for one that is not averaged.
    """

    weights: Floats
    cells: Floats


def contrast(weights: Floats, lam: Floats) -> Floats:
    """Return ``weights`` (T,) of periods less λ (…, a), (…, T)."""
    found = np.tile(weights, (*lam.shape[:-1], 1)) if lam.ndim > 1 else weights.copy()
    found[..., : lam.shape[-1]] -= lam
    return found


def overall(panel: BalancedPanel) -> Aims:
    """Return the one average over all treated cells."""
    after = np.arange(panel.periods) >= np.array(panel.cohorts)[:, None]
    cells = after.sum(axis=1)
    return Aims((after / cells[:, None])[None], cells[None].astype(np.float64))


def estimate_cohorts(panel: BalancedPanel) -> tuple[Cohort, ...]:
    """Find the weights of every cohort."""
    y, never = panel.adjusted(panel.never), panel.never
    return tuple(
        _cohort(y[never], y[panel.first == a].mean(axis=0), a, (panel.first == a).sum()) for a in panel.cohorts
    )


def _cohort(controls: Floats, treated: Floats, first: int, size: int) -> Cohort:
    sigma = float(np.std(np.diff(controls[:, :first], axis=1), ddof=1))
    eta = float(size * (controls.shape[1] - first)) ** 0.25
    units, times = Penalty(eta * sigma, 1e-5 * sigma), Penalty(1e-6 * sigma, 1e-5 * sigma)
    blank = Cohort(first, np.zeros(0), np.zeros(0), units, times)
    omega, lam, capped = _weighted(controls[None], treated[None], blank)
    return replace(blank, omega=omega[0], lam=lam[0], capped=int(capped[0]))


def _weighted(
    controls: Floats,
    treated: Floats,
    cohort: Cohort,
    omega: Floats | None = None,
    lam: Floats | None = None,
    sizes: Ints | None = None,
) -> tuple[Floats, Floats, Ints]:
    """Find ω (B, N₀) and λ (B, a) with the penalties of a cohort, for ``controls`` (B, N₀, T), ``treated`` (B, T).

    Of ``controls`` the first ``sizes`` (B,) count. The third counts which of the two were cut off, (B,).
    """
    before, after = controls[:, :, : cohort.first], controls[:, :, cohort.first :].mean(axis=2)
    real = None if sizes is None else np.arange(controls.shape[1]) < sizes[:, None]
    times, late = simplex_weights(before, after, cohort.time_penalty, lam, rows=sizes)
    columns, target = before.transpose(0, 2, 1), treated[:, : cohort.first]
    units, cut = simplex_weights(columns, target, cohort.unit_penalty, omega, real=real)
    return units, times, late.astype(np.int64) + cut


def averages(panel: BalancedPanel, cohorts: Sequence[Cohort], aims: Aims) -> Floats:
    """Return the effects, (m,)."""
    everyone = np.zeros(len(panel.first), np.int64)
    return _without(panel, cohorts, aims, everyone, -1)


def left_out(panel: BalancedPanel, cohorts: Sequence[Cohort], aims: Aims, clusters: Ints) -> Floats | None:
    """Return the effects without each cluster of units, (G, m); None where some cluster leaves nothing to compare.

    ``clusters`` (N,) are codes from 0 without gaps.
    """
    weighted = np.array([c.omega for c in cohorts])
    for c in range(int(clusters.max()) + 1):
        stays = clusters != c
        if not all((stays & (panel.first == a.first)).any() for a in cohorts):
            return None
        if not (weighted[:, stays[panel.never]].sum(axis=1) > 0).all():
            return None
    return np.array([_without(panel, cohorts, aims, clusters, c) for c in range(int(clusters.max()) + 1)])


def _without(panel: BalancedPanel, cohorts: Sequence[Cohort], aims: Aims, clusters: Ints, gone: int) -> Floats:
    stays = clusters != gone
    kept = stays[panel.never]
    y = panel.adjusted(panel.never[kept])
    effects, cells = np.zeros(aims.cells.shape), np.zeros(aims.cells.shape)
    for k, one in enumerate(cohorts):
        own, omega = stays & (panel.first == one.first), one.omega[kept]
        for m, weights in enumerate(aims.weights[:, k]):
            change = y @ contrast(weights, one.lam)
            effects[m, k] = change[own].mean() - omega @ change[panel.never[kept]] / omega.sum()
        cells[:, k] = own.sum() * aims.cells[:, k]
    return np.asarray((effects * cells).sum(axis=1) / cells.sum(axis=1))


def jackknife(estimates: Floats) -> Floats:
    """Return the jackknife's covariance (m, m) from the estimates without each cluster, (G, m)."""
    return drawn(estimates) * (len(estimates) - 1)


def drawn(estimates: Floats) -> Floats:
    """Return the covariance (m, m) of estimates on draws, (D, m)."""
    apart = estimates - estimates.mean(axis=0)
    return np.asarray(apart.T @ apart / len(apart))


@dataclass(frozen=True, slots=True)
class _Draw:
    """Other units, some perhaps more than once: places among the never treated, and each cohort's units."""

    never: Ints
    treated: tuple[Ints, ...]


def _again(panel: BalancedPanel, cohorts: Sequence[Cohort], aims: Aims, draws: Sequence[_Draw]) -> Floats:
    """Estimate on draws of units, (D, m).

    Weights start from those of the estimate. All draws are solved at once.
    """
    effects, cells = (np.zeros((len(draws), *aims.cells.shape)) for _ in range(2))
    adjusted = [panel.adjusted(panel.never[d.never]) for d in draws]
    for k, one in enumerate(cohorts):
        at = [i for i, d in enumerate(draws) if len(d.treated[k])]
        if not at:
            continue
        sizes = np.array([len(draws[i].never) for i in at])
        controls, start = np.zeros((len(at), sizes.max(), panel.periods)), np.zeros((len(at), sizes.max()))
        for row, i in enumerate(at):
            controls[row, : sizes[row]] = adjusted[i][panel.never[draws[i].never]]
            own = one.omega[draws[i].never]
            start[row, : sizes[row]] = own / own.sum() if own.sum() > 0 else 1.0 / sizes[row]
        treated = np.array([adjusted[i][draws[i].treated[k]].mean(axis=0) for i in at])
        many = None if (sizes == sizes[0]).all() else sizes
        omega, lam, _ = _weighted(controls, treated, one, start, np.repeat(one.lam[None], len(at), axis=0), many)
        gap = treated - (omega[:, None, :] @ controls)[:, 0]
        for m, weights in enumerate(aims.weights[:, k]):
            effects[at, m, k] = (gap * contrast(weights, lam)).sum(axis=1)
        cells[at, :, k] = np.array([len(draws[i].treated[k]) for i in at])[:, None] * aims.cells[:, k]
    return np.asarray((effects * cells).sum(axis=2) / cells.sum(axis=2))


def placebos(panel: BalancedPanel, cohorts: Sequence[Cohort], aims: Aims, draws: int, seed: int) -> Floats:
    """Return the effects of placebos, (draws, m).

    The last of a permutation of the never treated get the cohorts.
    """
    sizes = [int((panel.first == c.first).sum()) for c in cohorts]
    ends = np.cumsum([len(panel.never) - sum(sizes), *sizes])
    found = []
    for generator in _generators(draws, seed):
        order = generator.permutation(len(panel.never))
        into = tuple(panel.never[np.sort(order[a:b])] for a, b in pairwise(ends))
        found.append(_Draw(np.sort(order[: ends[0]]), into))
    return _again(panel, cohorts, aims, found)


def resampled(panel: BalancedPanel, aims: Aims, clusters: Ints) -> bool:
    """Say whether draws of clusters tell how effects vary: two hold treated units of each, and two never treated."""
    who = [panel.never, *(np.flatnonzero(np.isin(panel.first, _in(panel, c))) for c in aims.cells)]
    return all(len(np.unique(clusters[units])) > 1 for units in who)


def _in(panel: BalancedPanel, cells: Floats) -> Ints:
    return np.array(panel.cohorts)[cells > 0]


def resamples(
    panel: BalancedPanel, cohorts: Sequence[Cohort], aims: Aims, clusters: Ints, draws: int, seed: int
) -> Floats:
    """Return the effects on draws of clusters, (draws, m).

    A draw that lacks some effect, or units never treated, is drawn again.
    """
    members = [np.flatnonzero(clusters == g) for g in range(int(clusters.max()) + 1)]
    found = []
    for generator in _generators(draws, seed):
        while True:
            units = np.sort(np.concatenate([members[g] for g in generator.integers(len(members), size=len(members))]))
            first = panel.first[units]
            never = np.searchsorted(panel.never, units[first == panel.periods])
            into = tuple(units[first == c.first] for c in cohorts)
            if len(never) and (aims.cells @ [len(t) for t in into] > 0).all():
                break
        found.append(_Draw(never, into))
    return _again(panel, cohorts, aims, found)


def _generators(draws: int, seed: int) -> Iterator[np.random.Generator]:
    """Give a generator for each draw, seeded by the draw's own number."""
    for draw in range(draws):
        yield np.random.Generator(np.random.Philox(key=[seed % 2**64, STREAM + draw]))
