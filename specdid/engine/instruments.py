"""Two-stage least squares on a batch's basis: the estimate, and what a reader must know of the instruments.

With D the treatment, y the outcome and Z the instruments, all net of the controls (and of effects, times √weight),
and U an orthonormal basis of Z:

    π = U'D,  ρ = U'y  (first stage and reduced form),   D̂ = Uπ,   β = π'ρ / π'π,   e = y − βD

and the variance of β is that of a regression on D̂ whose residual is e. With Ω the variance of (π, ρ) under the first
vcov, from the residuals of first stage and reduced form, and L instruments:

    first_stage_f         π'π / (L s²), iid whatever the vcov (fixest's ivf)
    kleibergen_paap_f     π' Ω_ππ⁻¹ π / L (Kleibergen and Paap 2006, with one treatment)
    effective_f           π'π / tr Ω_ππ (Montiel Olea and Pflueger 2013)
    effective_f_critical  its critical value at 5% for a Nagar bias of at most 10% of the worst case (their simplified
                          procedure; 23.1 with one instrument)
    wu_hausman            of the residual of the first stage beside D, under the vcov (Wu 1973; Hausman 1978)
    sargan                n (U'e)'(U'e) / e'e, χ² with L − 1 (Sargan 1958), L > 1
    hansen_j              of two-step GMM with the vcov's weights (Hansen 1982), L > 1
    AR(b)                 (ρ − bπ)' W(b)⁻¹ (ρ − bπ) / L,  W(b) = Ω_ρρ − b(Ω_ρπ + Ω_πρ) + b² Ω_ππ
                          (Anderson and Rubin 1949)

The law of AR is F(L, df) under iid errors, df the vcov's, else that of Hotelling's T², df / (df - L + 1) times
F(L, df - L + 1). With one instrument its p-value at 0 is that of the t-test of the reduced form. The set of b that it
does not reject is exact: its ends are the real b at which AR is the critical value, where the determinant of
[[W(b), g(b)], [g(b)', cL]] is zero, a quadratic eigenvalue problem. It may be one interval, the line without one, the
line, several, or empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._columns import OF_INSTRUMENTS
from specdid.engine.problem import Code, Vcov
from specdid.engine.qr_basis import Basis
from specdid.engine.scores import Meat, crossed_scores
from specdid.engine.ssc import Correction, freedom

STATISTICS = tuple(column.name for column in OF_INSTRUMENTS)
"""Columns of the results that two-stage least squares has, and no other."""
DETERMINED = 1e-12
"""Share of the treatment that its instruments leave, below which they are the treatment."""
UNRELATED = 1e-20
"""Share of the treatment that its instruments explain, below which it is rounding."""
SINGULAR = 1e-13
"""Smallest eigenvalue of a variance, as a share of the largest, from which on it has an inverse."""
BIAS = 10.0
"""One over the largest share of the worst-case bias that is tolerated: 10%."""


@dataclass(frozen=True, slots=True)
class FirstStages:
    """M first stages in the units of the basis; r its rank, L instruments at the most.

    Attributes
    ----------
    instruments : (r, L, M), U, zero where an instrument was dropped
    kept : (L, M) bool, instruments that are no combination of effects, controls and earlier ones
    first, reduced : (L, M), π and ρ
    residuals : (r, 2, M), of the first stage and of the reduced form
    squares : (M,), D'D
    """

    instruments: Floats
    kept: Bools
    first: Floats
    reduced: Floats
    residuals: Floats
    squares: Floats

    @property
    def count(self) -> Ints:
        """Instruments that are left, (M,)."""
        return np.asarray(self.kept.sum(axis=0))


def first_stages(basis: Basis, instruments: Ints, left: Floats) -> FirstStages:
    """Regress treatment and outcome on the instruments.

    Parameters
    ----------
    instruments : (L,) int64, columns of the basis
    left : (r, 2 + L, M), treatment, outcome and instruments net of the controls
    """
    r, _, m = left.shape
    unit = np.zeros((r, len(instruments), m))
    kept = np.zeros((len(instruments), m), dtype=bool)
    for j, column in enumerate(instruments.tolist()):
        z = left[:, 2 + j].copy()
        for _ in range(2):
            z -= np.einsum("rlm,lm->rm", unit[:, :j], np.einsum("rlm,rm->lm", unit[:, :j], z))
        size = np.einsum("rm,rm->m", z, z)
        kept[j] = (size >= basis.least[column]) & (size > 0) & (not basis.absorbed[column])
        unit[:, j] = z / np.sqrt(np.where(kept[j], size, np.inf))
    targets = np.ascontiguousarray(left[:, :2])
    squares = np.einsum("rm,rm->m", targets[:, 0], targets[:, 0])
    on = np.einsum("rlm,rtm->ltm", unit, targets)
    residuals = targets - np.einsum("rlm,ltm->rtm", unit, on)
    again = np.einsum("rlm,rtm->ltm", unit, residuals)
    residuals -= np.einsum("rlm,ltm->rtm", unit, again)
    on += again
    return FirstStages(unit, kept, on[:, 0], on[:, 1], residuals, squares)


def second_stage(stages: FirstStages, left: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return D̂ (r, M), e (r, M), D̂'D̂ (M,), e'e (M,) and β (M,)."""
    fitted = np.einsum("rlm,lm->rm", stages.instruments, stages.first)
    squares = np.einsum("lm,lm->m", stages.first, stages.first)
    safe = np.where(squares > 0, squares, 1.0)
    estimate = np.einsum("lm,lm->m", stages.first, stages.reduced) / safe
    residual = left[:, 1] - estimate * left[:, 0]
    slip = np.einsum("rm,rm->m", fitted, residual) / safe
    residual -= slip * left[:, 0]
    return fitted, residual, squares, np.einsum("rm,rm->m", residual, residual), estimate + slip


def verdicts(stages: FirstStages) -> Iterator[tuple[Bools, Code, str]]:
    """Say which specifications have no second stage, by which code, and why; ``{}`` are the instruments."""
    explained = np.einsum("lm,lm->m", stages.first, stages.first)
    unexplained = np.einsum("rm,rm->m", stages.residuals[:, 0], stages.residuals[:, 0])
    none = stages.count == 0
    said = "no instrument is left: {} is absorbed by the fixed effects, or a combination of the controls"
    yield none, Code.NOT_IDENTIFIED, said
    said = "the treatment is not related at all to {} in these rows, given the controls and fixed effects"
    yield ~none & ~(explained > UNRELATED * stages.squares), Code.NOT_IDENTIFIED, said
    said = (
        "{} determines the treatment: the first stage has an R² of 1, so that two-stage least squares would be "
        "least squares; take it as the treatment, or leave it out"
    )
    yield ~none & (unexplained < DETERMINED * stages.squares), Code.NOT_IDENTIFIED, said


@dataclass(frozen=True, slots=True)
class Law:
    """What the first vcov says on a batch's rows: its kind, correction, clusters, and α."""

    vcov: Vcov
    meat: Meat
    correction: Correction
    nobs: int
    alpha: float


def statistics(
    stages: FirstStages, second: tuple[Floats, Floats, Floats, Floats, Floats], controls: Ints, q: Floats, law: Law
) -> dict[str, Floats]:
    """Return every statistic of STATISTICS, (M,), NaN where it cannot be had; AR's ends in units of the basis.

    Parameters
    ----------
    controls : (M,), controls that were kept
    q : (n, r), the basis
    """
    fitted, residual, squares, rss, estimate = second
    size, nobs, count = stages.count, law.nobs, law.meat.n_clusters[0]
    found = {name: np.full(len(size), np.nan) for name in STATISTICS}
    unexplained = np.einsum("rm,rm->m", stages.residuals[:, 0], stages.residuals[:, 0])
    found["n_instruments"] = size.astype(np.float64)
    found["first_stage_r2"] = squares / np.where(stages.squares > 0, stages.squares, np.nan)
    left = nobs - law.correction.df_k(controls + size)
    found["first_stage_f"] = np.where(left > 0, squares / size / (unexplained / np.where(left > 0, left, 1)), np.nan)
    beyond = np.einsum("rlm,rm->lm", stages.instruments, residual)
    over = size > 1
    sargan = nobs * np.einsum("lm,lm->m", beyond, beyond) / rss
    found["sargan"] = np.where(over, sargan, np.nan)
    found["sargan_p"] = _chi2(found["sargan"], size - 1)
    factor = law.correction.factor(nobs, controls + size, count)
    df = np.broadcast_to(freedom(law.vcov.distribution, law.correction.t_df(nobs, controls + size, count)), len(size))
    omega = variance(stages.instruments, stages.residuals, q, law)
    omega = omega * np.where(left > 0, factor, np.nan)[:, None, None]
    usable = _definite(omega, size, len(stages.first))
    for m in np.flatnonzero(usable).tolist():
        here = np.flatnonzero(stages.kept[:, m])
        both = np.concatenate([here, here + len(stages.first)])
        one = omega[m][np.ix_(both, both)]
        pair = (stages.first[here, m], stages.reduced[here, m])
        _of_one(found, m, pair, one, float(df[m]), law, float(estimate[m]))
    if over.any() and law.vcov.kind != "iid":
        _hansen(found, stages, residual, q, law, over)
    _wu_hausman(found, stages, (fitted, squares), q, law, controls)
    return found


def variance(left: Floats, right: Floats, q: Floats, law: Law) -> Floats:
    """Return the sum of scores' products under the first vcov, uncorrected, (M, TL, TL).

    Parameters
    ----------
    left : (r, L, M), orthonormal
    right : (r, T, M), residuals; the products are those of each with every column of ``left``
    """
    size = left.shape[1]
    if law.vcov.kind == "iid":
        inner = np.einsum("rsm,rtm->mst", right, right)
        found: Floats = np.einsum("mst,kl->msktl", inner, np.eye(size))
        return found.reshape(len(inner), right.shape[1] * size, -1)
    total: Floats = np.zeros((left.shape[2], right.shape[1] * size, right.shape[1] * size))
    for sign, place in law.meat.parts[0]:
        total += sign * crossed_scores(law.meat.clusterings[place], q, left, right)
    return total


def _definite(omega: Floats, size: Ints, instruments: int) -> Bools:
    """Say whether the variances of π and of ρ have inverses; those of both together need none."""
    good = np.isfinite(omega).all(axis=(1, 2)) & (size > 0)
    for block in (slice(0, instruments), slice(instruments, None)):
        part = np.where(good[:, None, None], omega[:, block, block], 0.0)
        values = np.linalg.eigvalsh(part)
        # What was dropped has a variance of zero: as many eigenvalues as instruments must stand clear of it.
        smallest = values[np.arange(len(size)), np.minimum(instruments - size, instruments - 1)]
        good &= (smallest > SINGULAR * values[:, -1]) & (values[:, 0] > -SINGULAR * values[:, -1])
    return np.asarray(good)


def _of_one(
    found: dict[str, Floats], m: int, pair: tuple[Floats, Floats], omega: Floats, df: float, law: Law, start: float
) -> None:
    """Write strength and Anderson-Rubin set of specification ``m``."""
    first, reduced = pair
    size = len(first)
    own = omega[:size, :size]
    trace = float(np.trace(own))
    found["kleibergen_paap_f"][m] = float(first @ np.linalg.solve(own, first)) / size
    found["effective_f"][m] = float(first @ first) / trace
    found["effective_f_critical"][m] = effective_f_critical(own)
    inflated, left = hotelling(size, df) if law.vcov.kind != "iid" else (1.0, df)
    if not left > 0:
        return
    found["ar_p"][m] = f_tail(anderson_rubin(first, reduced, omega, 0.0) / inflated, size, left)
    critical = inflated * f_quantile(law.alpha, size, left)
    parts = anderson_rubin_set(first, reduced, omega, critical, start)
    found["ar_intervals"][m] = len(parts)
    if parts:
        low, high = parts[0][0], parts[-1][1]
        found["ar_low"][m] = low if np.isfinite(low) else np.nan
        found["ar_high"][m] = high if np.isfinite(high) else np.nan
    if len(parts) > 1:
        gaps = [(after[0] - before[1], before[1], after[0]) for before, after in pairwise(parts)]
        _, found["ar_gap_low"][m], found["ar_gap_high"][m] = max(gaps)


def anderson_rubin(first: Floats, reduced: Floats, omega: Floats, b: float) -> float:
    """Return AR(b): that the instruments have no effect on the outcome less b times the treatment."""
    g, w = reduced - b * first, _under(omega, b)
    return float(g @ np.linalg.solve(w, g)) / len(first)


def _under(omega: Floats, b: float) -> Floats:
    size = len(omega) // 2
    cross = omega[:size, size:]
    return np.asarray(omega[size:, size:] - b * (cross + cross.T) + b * b * omega[:size, :size], np.float64)


def anderson_rubin_set(
    first: Floats, reduced: Floats, omega: Floats, critical: float, start: float = 0.0
) -> list[tuple[float, float]]:
    """Return the intervals of b with AR(b) at most ``critical``, ascending; their ends may be infinite.

    Parameters
    ----------
    first, reduced : (L,), coefficients of the first stage and of the reduced form
    omega : (2L, 2L), their variance, that of ``first`` first
    start : a b near which numbers are ordinary, such as the estimate
    """
    size = len(first)
    moved = reduced - start * first
    # In units in which both ends of a Wald interval are ordinary.
    known = float(first @ first) + float(np.trace(omega[:size, :size]))
    unit = np.sqrt(max(float(np.trace(_under(omega, start))), 1e-300) / max(known, 1e-300))
    cross = omega[:size, size:] - start * omega[:size, :size]
    level, slope, square = (
        _bordered(part, border, corner)
        for part, border, corner in (
            (_under(omega, start), moved, critical * size),
            (-unit * (cross + cross.T), -unit * first, 0.0),
            (unit**2 * omega[:size, :size], np.zeros(size), 0.0),
        )
    )
    scale = 1.0 / np.sqrt(np.append(np.diag(_under(omega, start)), max(critical * size, 1e-300)))
    level, slope, square = (matrix * np.outer(scale, scale) for matrix in (level, slope, square))
    roots = [start + unit * x for x in _real_roots(level, slope, square)]
    ends = [-np.inf, *sorted(roots), np.inf]
    inside = [_between(first, reduced, omega, critical, pair) for pair in pairwise(ends)]
    parts: list[tuple[float, float]] = []
    for (low, high), held in zip(pairwise(ends), inside, strict=True):
        if held and parts and parts[-1][1] == low:
            parts[-1] = (parts[-1][0], high)
        elif held and high > low:
            parts.append((low, high))
    return parts


def _bordered(matrix: Floats, border: Floats, corner: float) -> Floats:
    return np.block([[matrix, border[:, None]], [border[None, :], np.array([[corner]])]])


def _real_roots(level: Floats, slope: Floats, square: Floats) -> list[float]:
    """Return the real x at which level + x slope + x² square is singular."""
    from scipy.linalg import eigvals

    k = len(level)
    nothing, one = np.zeros((k, k)), np.eye(k)
    top = np.block([[nothing, one], [-level, -slope]])
    above, below = eigvals(top, np.block([[one, nothing], [nothing, square]]), homogeneous_eigvals=True)
    finite = np.abs(below) > 1e-10 * np.abs(above)
    roots = above[finite] / below[finite]
    return [float(x.real) for x in roots if abs(x.imag) <= 1e-7 * max(1.0, abs(x.real))]


def _between(first: Floats, reduced: Floats, omega: Floats, critical: float, ends: tuple[float, float]) -> bool:
    """Say whether AR is at most ``critical`` between two neighbouring roots."""
    low, high = ends
    if np.isinf(low) and np.isinf(high):
        return _at_infinity(first, omega) <= critical
    if np.isinf(low) or np.isinf(high):
        return _at_infinity(first, omega) <= critical
    return anderson_rubin(first, reduced, omega, 0.5 * (low + high)) <= critical


def _at_infinity(first: Floats, omega: Floats) -> float:
    size = len(first)
    return float(first @ np.linalg.solve(omega[:size, :size], first)) / size


def _hansen(found: dict[str, Floats], stages: FirstStages, residual: Floats, q: Floats, law: Law, over: Bools) -> None:
    """Write J of two-step GMM, weighted by the variance of the moments at the two-stage estimate."""
    moments = variance(stages.instruments, residual[:, None], q, law)
    for m in np.flatnonzero(over).tolist():
        here = np.flatnonzero(stages.kept[:, m])
        weight = moments[m][np.ix_(here, here)]
        values = np.linalg.eigvalsh(weight)
        count = law.meat.n_clusters[0]
        if not values[0] > SINGULAR * values[-1] or 0 <= count <= len(here):  # J would be the number of clusters
            continue
        first, reduced = stages.first[here, m], stages.reduced[here, m]
        solved = np.linalg.solve(weight, np.column_stack([first, reduced]))
        b = float(first @ solved[:, 1]) / float(first @ solved[:, 0])
        found["hansen_j"][m] = float((reduced - b * first) @ (solved[:, 1] - b * solved[:, 0]))
    found["hansen_p"] = _chi2(found["hansen_j"], stages.count - 1)


def _wu_hausman(
    found: dict[str, Floats],
    stages: FirstStages,
    fit: tuple[Floats, Floats],
    q: Floats,
    law: Law,
    controls: Ints,
) -> None:
    """Write the test that the residual of the first stage has no coefficient beside the treatment.

    D̂ and that residual v are orthogonal: y = aD̂ + cv + u is the regression, and c − a the coefficient of v beside D.
    """
    (fitted, squares), v = fit, stages.residuals[:, 0]
    own = np.einsum("rm,rm->m", v, v)
    y = np.einsum("rlm,lm->rm", stages.instruments, stages.reduced) + stages.residuals[:, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        a = np.einsum("rm,rm->m", fitted, y) / squares
        c = np.einsum("rm,rm->m", v, y) / own
        direction = v / own - fitted / squares
    rest = y - a * fitted - c * v
    good = np.isfinite(direction).all(axis=0)
    direction = np.where(good, direction, 0.0)
    count = law.meat.n_clusters[0]
    k = controls + 2
    if law.vcov.kind == "iid":
        total = np.einsum("rm,rm->m", direction, direction) * np.einsum("rm,rm->m", rest, rest)
    else:
        total = variance(direction[:, None], rest[:, None], q, law)[:, 0, 0]
    left = law.nobs - law.correction.df_k(k)
    size = total * law.correction.factor(law.nobs, k, count)
    df = np.broadcast_to(freedom(law.vcov.distribution, law.correction.t_df(law.nobs, k, count)), len(size))
    good &= (size > 0) & (left > 0)
    found["wu_hausman"] = np.where(good, (c - a) ** 2 / np.where(size > 0, size, np.nan), np.nan)
    found["wu_hausman_p"] = np.array([f_tail(f, 1, d) for f, d in zip(found["wu_hausman"], df, strict=True)])


def effective_f_critical(omega: Floats) -> float:
    """Return the critical value of the effective F at 5% for a bias of at most 10% of the worst case.

    Montiel Olea and Pflueger (2013), section 3.2, simplified: with K the effective degrees of freedom, the .95 quantile
    of a noncentral χ² with K degrees of freedom and noncentrality K x, over K, where x = 1 / .10.
    """
    trace, largest = float(np.trace(omega)), float(np.linalg.eigvalsh(omega)[-1])
    effective = trace**2 * (1 + 2 * BIAS) / (float(np.sum(omega**2)) + 2 * BIAS * trace * largest)
    return _noncentral(round(effective, 12))


@lru_cache(maxsize=4096)
def _noncentral(effective: float) -> float:
    from scipy.special import chndtrix

    return float(chndtrix(0.95, effective, BIAS * effective)) / effective


def hotelling(size: int, df: float) -> tuple[float, float]:
    """Return by what AR of ``size`` instruments exceeds F(size, .), and that F's degrees of freedom: Hotelling's T².

    A robust variance of several coefficients has errors of its own: with F(size, G - 1) a set of 8 instruments and 40
    clusters covered .84 at a nominal .95 (tests/bench/results/instruments.md). One instrument's t-test stays as it is.
    """
    left = df - size + 1
    return (1.0, df) if np.isinf(df) else (df / left if left > 0 else np.nan, left)


def f_tail(value: float, size: int, df: float) -> float:
    """Return the p-value of F(size, df); of χ²(size) / size where df is infinite."""
    from scipy.special import chdtrc, fdtrc

    if np.isnan(value) or not df > 0:
        return float("nan")
    return float(chdtrc(size, max(value, 0.0) * size) if np.isinf(df) else fdtrc(size, df, max(value, 0.0)))


def f_quantile(alpha: float, size: int, df: float) -> float:
    """Return the value that F(size, df) exceeds with probability α."""
    from scipy.special import chdtri, fdtri

    return float(chdtri(size, alpha)) / size if np.isinf(df) else float(fdtri(size, df, 1.0 - alpha))


def _chi2(value: Floats, df: Ints) -> Floats:
    from scipy.special import chdtrc

    return np.asarray(np.where(np.isfinite(value), chdtrc(np.maximum(df, 1), np.where(value > 0, value, 0.0)), np.nan))
