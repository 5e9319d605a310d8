"""Synthetic difference in differences on a balanced panel, and two standard errors of it.

Of a cohort with n units, treated in the last T₁ of T periods, and N₀ units never treated,

    τ = (ȳ − ω'Y₀) (λ⁻),   λ⁻ = (−λ, 1/T₁ … 1/T₁),

with ȳ the mean of the cohort's units by period. ω weights units so that they run parallel to ȳ before treatment, λ
periods before treatment so that they foresee the controls' mean after it, both up to a constant. ζ is
(n T₁)^¼ σ for ω and 10⁻⁶ σ for λ, and the steps end at 10⁻⁵ σ; σ is the standard deviation of the controls' changes
from period to period before treatment (Arkhangelsky and others 2021, algorithm 1, and R's synthdid). Cohorts are
averaged by their treated cells n T₁ (Clarke and others 2023, equation 6 and Stata's sdid).

Controls x are taken out of the outcome first: y − x'β with β from a regression of y on x, unit and period effects,
on the units never treated (Kranz 2022, and ``projected`` in Stata's sdid).

jackknife  (G − 1)/G Σ (τ₋g − τ̄)², where G are clusters of units and τ₋g is without the units of one, with λ and,
           scaled to one, ω as they are; β and the cells of cohorts are those of the units that are left (algorithm 3).
placebo    the standard deviation of τ among the never treated, some of whom are given the cohorts (algorithm 4).

In placebos weights are found anew, from those of the estimate and with its ζ, as in synthdid.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from specdid._arrays import Floats, Ints
from specdid.estimators.sdid.weights import Penalty, simplex_weights

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

    def contrast(self, periods: int) -> Floats:
        """Return −λ, then the mean of the periods after it, (T,)."""
        after = periods - self.first
        return np.concatenate([-self.lam, np.full(after, 1.0 / after)])


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
    controls: Floats, treated: Floats, cohort: Cohort, omega: Floats | None = None, lam: Floats | None = None
) -> tuple[Floats, Floats, Ints]:
    """Find ω (B, N₀) and λ (B, a) with the penalties of a cohort, for ``controls`` (B, N₀, T), ``treated`` (B, T).

    The third counts which of the two were cut off, (B,).
    """
    before, after = controls[:, :, : cohort.first], controls[:, :, cohort.first :].mean(axis=2)
    times, late = simplex_weights(before, after, cohort.time_penalty, lam)
    units, cut = simplex_weights(before.transpose(0, 2, 1), treated[:, : cohort.first], cohort.unit_penalty, omega)
    return units, times, late.astype(np.int64) + cut


def average(panel: BalancedPanel, cohorts: Sequence[Cohort]) -> float:
    """Return the effect over all treated cells."""
    everyone = np.zeros(len(panel.first), np.int64)
    return float(_without(panel, cohorts, everyone, -1))


def left_out(panel: BalancedPanel, cohorts: Sequence[Cohort], clusters: Ints) -> Floats | None:
    """Return the estimate without each cluster of units, (G,); None where some cluster leaves nothing to compare.

    ``clusters`` (N,) are codes from 0 without gaps.
    """
    weighted = np.array([c.omega for c in cohorts])
    for c in range(int(clusters.max()) + 1):
        stays = clusters != c
        if not all((stays & (panel.first == a.first)).any() for a in cohorts):
            return None
        if not (weighted[:, stays[panel.never]].sum(axis=1) > 0).all():
            return None
    return np.array([_without(panel, cohorts, clusters, c) for c in range(int(clusters.max()) + 1)])


def _without(panel: BalancedPanel, cohorts: Sequence[Cohort], clusters: Ints, gone: int) -> float:
    stays = clusters != gone
    kept = stays[panel.never]
    y = panel.adjusted(panel.never[kept])
    effects, cells = [], []
    for one in cohorts:
        change = y @ one.contrast(panel.periods)
        own, omega = stays & (panel.first == one.first), one.omega[kept]
        effects.append(change[own].mean() - omega @ change[panel.never[kept]] / omega.sum())
        cells.append(own.sum() * (panel.periods - one.first))
    return float(np.average(effects, weights=cells))


def jackknife(estimates: Floats) -> float:
    """Return the jackknife's standard error from the estimates without each cluster."""
    count = len(estimates)
    return float(np.sqrt((count - 1) / count * ((estimates - estimates.mean()) ** 2).sum()))


@dataclass(frozen=True, slots=True)
class _Draw:
    """Other units: places among the never treated, and each cohort's units."""

    never: Ints
    treated: tuple[Ints, ...]


def _again(panel: BalancedPanel, cohorts: Sequence[Cohort], draws: Sequence[_Draw]) -> tuple[Floats, Ints]:
    """Estimate on draws of units, (D,), and count the weights that were cut off, (D,).

    Weights start from those of the estimate. Draws with equally many never treated are solved at once.
    """
    effects, cells = (np.zeros((len(draws), len(cohorts))) for _ in range(2))
    capped = np.zeros(len(draws), np.int64)
    adjusted = [panel.adjusted(panel.never[d.never]) for d in draws]
    for k, one in enumerate(cohorts):
        sizes = np.array([len(d.never) if len(d.treated[k]) else 0 for d in draws])
        for size in np.unique(sizes[sizes > 0]):
            at = np.flatnonzero(sizes == size).tolist()
            controls = np.array([adjusted[i][panel.never[draws[i].never]] for i in at])
            treated = np.array([adjusted[i][draws[i].treated[k]].mean(axis=0) for i in at])
            start = np.array([one.omega[draws[i].never] for i in at])
            start = np.where(start.sum(axis=1, keepdims=True) > 0, start, 1.0)
            start = start / start.sum(axis=1, keepdims=True)
            omega, lam, cut = _weighted(controls, treated, one, start, np.repeat(one.lam[None], len(at), axis=0))
            capped[at] += cut
            after = np.full((len(at), panel.periods - one.first), 1.0 / (panel.periods - one.first))
            change = treated - (omega[:, None, :] @ controls)[:, 0]
            effects[at, k] = (change * np.concatenate([-lam, after], axis=1)).sum(axis=1)
            cells[at, k] = [len(draws[i].treated[k]) * (panel.periods - one.first) for i in at]
    return np.asarray((effects * cells).sum(axis=1) / cells.sum(axis=1)), capped


def placebos(panel: BalancedPanel, cohorts: Sequence[Cohort], draws: int, seed: int) -> tuple[Floats, Ints]:
    """Return the estimates of placebos and how many of their weights were cut off, (draws,) each.

    The last of a permutation of the never treated get the cohorts.
    """
    sizes = [int((panel.first == c.first).sum()) for c in cohorts]
    ends = np.cumsum([len(panel.never) - sum(sizes), *sizes])
    drawn = []
    for generator in _generators(draws, seed):
        order = generator.permutation(len(panel.never))
        into = tuple(panel.never[np.sort(order[a:b])] for a, b in pairwise(ends))
        drawn.append(_Draw(np.sort(order[: ends[0]]), into))
    return _again(panel, cohorts, drawn)


def _generators(draws: int, seed: int) -> Iterator[np.random.Generator]:
    """Give a generator for each draw, seeded by the draw's own number."""
    for draw in range(draws):
        yield np.random.Generator(np.random.Philox(key=[seed % 2**64, STREAM + draw]))
