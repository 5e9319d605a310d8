"""Panels full of holes, members over them, and their answers by plain least squares with dummies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from specdid.engine.model_identity import equal_on_panel, sign
from specdid.engine.problem import Effects, Members, Problem, Vcov

CITY, YEAR, PROVINCE, PROVINCE_YEAR = range(4)
Y0, Y1, D, X0 = 0, 1, 2, 3
EFFECTS = (
    Effects(), Effects((CITY,)), Effects((CITY, YEAR)), Effects((CITY, PROVINCE_YEAR)),
    Effects((PROVINCE, YEAR)), Effects((YEAR,)),
)  # fmt: skip
VCOVS = (
    Vcov("cluster", (CITY,)), Vcov("iid"), Vcov("hetero"), Vcov("cluster", (PROVINCE,)),
    Vcov("cluster", (CITY, YEAR)), Vcov("cluster", (YEAR,)),
)  # fmt: skip


Spec = tuple[int, int, tuple[int, ...], int, int, int]
"""Outcome, treatment, controls, rows, effects, weights."""


def make_problem(seed: int, cities: int = 24, years: int = 7, missing: float = 0.08, controls: int = 3) -> Problem:
    """A panel whose rows, effects and columns all have holes."""
    rng = np.random.default_rng(seed)
    city, year = np.repeat(np.arange(cities), years), np.tile(np.arange(years), cities)
    n, province = len(city), city % 5
    x = rng.normal(size=(n, controls)) + rng.normal(size=(cities, controls))[city]
    d = ((city % 3 == 0) & (year >= 3 + city % 2)).astype(float)
    y = 0.3 * d[:, None] + x[:, :1] + rng.normal(size=(n, 2)) + 2 * rng.normal(size=(cities, 2))[city]
    values = np.column_stack([y, d, x, rng.uniform(0.5, 2, n), rng.normal(size=cities)[city]])
    values[:, : X0 + controls][rng.random((n, X0 + controls)) < missing] = np.nan
    codes = np.column_stack([city, year, province, province * years + year]).astype(np.int64)
    codes[rng.random(n) < 0.01, PROVINCE_YEAR] = -1
    rows = np.stack([np.ones(n, dtype=bool), rng.random(n) < 0.8])
    labels = ("y0", "y1", "d", *(f"x{i}" for i in range(controls)), "w", "z")
    log0 = np.isnan(values) & (rng.random(values.shape) < 0.3)
    return Problem(
        np.asfortranarray(values),
        np.asfortranarray(codes),
        rows,
        log0,
        labels,
        ("city", "year", "province", "py"),
        EFFECTS,
        VCOVS,
        CITY,
        0.05,
    )


def make_members(specs: list[Spec]) -> Members:
    """Members from (outcome, treatment, controls, rows, effects, weights)."""
    s = len(specs)
    outcome, treatment, controls, rows, effects, weights = zip(*specs, strict=True)
    none = np.full(s, -1, dtype=np.int64)
    as_ints = [np.array(a, dtype=np.int64) for a in (outcome, treatment, rows, effects, weights)]
    start = np.concatenate([[0], np.cumsum([len(c) for c in controls])]).astype(np.int64)
    flat = np.array([c for some in controls for c in some], dtype=np.int64)
    return Members(np.arange(s), as_ints[0], as_ints[1], start, flat, as_ints[2], as_ints[3], as_ints[4], none, none)


ROUNDINGS = 20
"""So many times a first-order bound of the error by rounding, two computations may be apart."""


@dataclass(frozen=True)
class Plain:
    """Least squares written out, with how far rounding may move what it gives.

    Attributes
    ----------
    off_estimate, off_r2 : of the estimate and the within R², absolute
    off_variance : of each variance, relative to it; 1 and more where its sign is not known either
    """

    estimate: float
    std_error: tuple[float, ...]
    df: tuple[float, ...]
    rows: NDArray[np.bool_]
    n_missing: int
    r2_within: float
    off_estimate: float
    off_variance: tuple[float, ...]
    off_r2: float


def complete_rows(problem: Problem, spec: Spec) -> NDArray[np.bool_]:
    outcome, treatment, controls, rows, effects, weights = spec
    used = [outcome, treatment, *controls, *([weights] if weights >= 0 else [])]
    coded = (problem.codes[:, list(problem.effects[effects].fixed)] >= 0).all(1)
    return problem.rows[rows] & np.isfinite(problem.values[:, used]).all(1) & coded


def by_dummies(problem: Problem, spec: Spec) -> Plain:
    """One specification, written out: dummies, Frisch-Waugh by QR twice, sandwiches by hand."""
    outcome, treatment, controls, sample, effects, weights = spec
    rows = complete_rows(problem, spec)
    n_missing = int(problem.rows[sample].sum() - rows.sum())
    fixed = [problem.codes[:, c] for c in problem.effects[effects].fixed]
    while True:
        alone = np.zeros(len(rows), dtype=bool)
        for codes in fixed:
            alone |= rows & (np.bincount(codes[rows], minlength=codes.max() + 1)[codes] == 1)
        if not alone.any():
            break
        rows = rows & ~alone
    w = np.ones(rows.sum()) if weights < 0 else problem.values[rows, weights]
    dummies = [(c[rows][:, None] == np.unique(c[rows])).astype(float) for c in fixed]
    absorbed = np.hstack(dummies) if fixed else np.ones((rows.sum(), 1))
    root = np.sqrt(w)[:, None]
    kept = [problem.values[rows][:, c] for c in controls if not _absorbed(problem.values[rows, c], absorbed)]
    others = np.column_stack([absorbed, *kept]) * root
    whole = [problem.values[rows, c] * root[:, 0] for c in (treatment, outcome)]
    d, y = (_residual(column[:, None], others)[:, 0] for column in whole)
    total = np.linalg.norm(_residual(whole[1][:, None], absorbed * root))
    estimate = d @ y / (d @ d)
    e = y - estimate * d
    k = 1 + len(kept) + (not fixed)
    unit = ROUNDINGS * np.finfo(float).eps * _condition(others)
    off_d = unit * np.linalg.norm(whole[0])
    off_e = unit * np.linalg.norm(whole[1]) + abs(estimate) * off_d
    found = [_error(problem, v, rows, (d, off_d), (e, off_e), k, [c[rows] for c in fixed]) for v in problem.vcovs]
    errors, df, off_variance = zip(*found, strict=True)
    r2_within = 1 - e @ e / total**2 if fixed else float("nan")
    return Plain(
        estimate,
        errors,
        df,
        rows,
        n_missing,
        r2_within,
        off_e / np.linalg.norm(d),
        off_variance,
        2 * np.linalg.norm(e) * off_e / total**2 + unit,
    )


def _condition(columns: NDArray[np.float64]) -> float:
    """The condition number of scaled columns, without the combinations that are zero."""
    size = np.linalg.svd(columns / np.linalg.norm(columns, axis=0), compute_uv=False)
    return float(size[0] / size[size > 1e-10 * size[0]][-1])


def _absorbed(column: NDArray[np.float64], dummies: NDArray[np.float64]) -> bool:
    return bool(np.abs(_residual(column[:, None], dummies)).max() < 1e-8)


def _residual(columns: NDArray[np.float64], on: NDArray[np.float64]) -> NDArray[np.float64]:
    for _ in range(2):
        columns = columns - on @ np.linalg.lstsq(on, columns, rcond=1e-10)[0]
    return columns


def _error(problem, vcov, rows, treatment, residual, k, fixed):
    """The standard error, its degrees of freedom, and how far rounding may move the variance."""
    (d, off_d), (e, off_e) = treatment, residual
    n, score = len(d), d * e
    size_d, size_e = np.linalg.norm(d), np.linalg.norm(e)
    off_score, off_square = size_d * off_e + size_e * off_d, 4 * off_d / size_d
    clusters = [np.unique(problem.codes[rows, c], return_inverse=True)[1] for c in vcov.clusters]
    levels = [len(np.unique(c)) for c in fixed]
    nested = [any(_inside(f, c) for c in clusters) for f in fixed]
    df_k = k + sum(levels) - max(len(levels) - 1, 0)
    if vcov.kind == "iid":
        return size_e / np.sqrt(n - df_k) / size_d, n - df_k, 2 * off_e / size_e + off_square
    if vcov.kind == "hetero":
        meat, sizes, scale, df = score @ score, [np.linalg.norm(score)], n / (n - df_k), n - df_k
    else:
        df_k += -sum(size for size, inside in zip(levels, nested, strict=True) if inside) + sum(nested)
        sums = [np.bincount(c, score) for c in clusters]
        if len(clusters) == 2:
            sums.append(np.bincount(clusters[0] * n + clusters[1], score))
        sizes = [np.linalg.norm(s) for s in sums]
        meat = sum(sign * s @ s for sign, s in zip((1, 1, -1), sums, strict=False))
        g = min(int(c.max()) + 1 for c in clusters)
        scale, df = (n - 1) / (n - df_k) * g / (g - 1), g - 1
    off_meat = sum(2 * size * off_score + ROUNDINGS * np.finfo(float).eps * size**2 for size in sizes)
    std_error = np.sqrt(meat * scale) / size_d**2 if meat > 0 else float("nan")
    return std_error, df, off_meat / abs(meat) + off_square


def _inside(effect: NDArray[np.int64], cluster: NDArray[np.int64]) -> bool:
    return all(len(np.unique(cluster[effect == level])) == 1 for level in np.unique(effect))


SPECS = [
    (y, D, controls, rows, effects, weights)
    for y in (Y0, Y1)
    for controls in ((), (X0,), (X0 + 1, X0), (X0, X0 + 1, X0 + 2))
    for rows in (0, 1)
    for effects in range(len(EFFECTS))
    for weights in (-1, X0 + 3)
]


def signatures(problem, members, fits):
    return sign(fits, members, fits.signature, equal_on_panel(problem))
