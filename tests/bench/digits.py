"""Correct digits on ill-conditioned data, against 60-digit arithmetic.

    python tests/bench/digits.py

writes results/digits.md. Columns: this engine; a Householder QR on data demeaned to
convergence; pyfixest with a demeaner at 1e-12; and
pyfixest as it comes. A panel of 24 cities and 8 years, a fifth of it missing, city and
year effects, standard errors clustered by city.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import _bench  # noqa: F401 - before numpy
import mpmath as mp
import numpy as np
import pandas as pd
from specdid.engine.execute import run
from specdid.engine.problem import Effects, Members, Problem, Vcov

HERE = Path(__file__).parent
CITIES, YEARS, DRAWS = 24, 8, 31
mp.mp.dps = 60


def panel() -> tuple[np.ndarray, np.ndarray]:
    """Four of five city-years."""
    city, year = (a.ravel() for a in np.meshgrid(np.arange(CITIES), np.arange(YEARS), indexing="ij"))
    keep = np.random.default_rng(1).random(len(city)) < 0.8
    return city[keep], year[keep]


CITY, YEAR = panel()
N = len(CITY)


def cases(seed: int) -> dict[str, tuple[np.ndarray, np.ndarray, list[np.ndarray]]]:
    """Give outcome, treatment and controls by name."""
    rng = np.random.default_rng([20121201, seed])
    noise = rng.normal(size=(N, 6))
    d = ((YEAR >= 4) & (CITY % 3 == 0)).astype(float)
    gdp = 4e4 * np.exp(0.08 * YEAR + 0.3 * rng.normal(size=CITIES)[CITY] + 0.1 * noise[:, 0])
    x = noise[:, 1] + 0.5 * d
    y = 2.0 + 0.3 * d + 0.2 * x + rng.normal(size=CITIES)[CITY] + noise[:, 2]
    cell = rng.normal(size=CITIES)[CITY] + rng.normal(size=YEARS)[YEAR]
    return {
        "plain": (y, d, [x]),
        "control × 1e7": (y, d, [x * 1e7]),
        "control × 1e−7": (y, d, [x * 1e-7]),
        "control × 1e−11": (y, d, [x * 1e-11]),
        "treatment × 1e7": (y, d * 1e7, [x]),
        "treatment × 1e−7": (y, d * 1e-7, [x]),
        "outcome × 1e7": (y * 1e7, d, [x]),
        "outcome × 1e−11": (y * 1e-11, d, [x]),
        "control + 1e8": (y, d, [x + 1e8]),
        "gdp and gdp², uncentred": (y, d, [gdp, gdp**2]),
        "gdp, gdp² and gdp³": (y, d, [gdp, gdp**2, gdp**3]),
        "near-collinear controls, 1e−4": (y, d, [x, x + 1e-4 * noise[:, 3]]),
        "near-collinear controls, 1e−6": (y, d, [x, x + 1e-6 * noise[:, 3]]),
        "treatment near a control, 1e−4": (y, x + 1e-4 * noise[:, 4], [x]),
        "treatment near a control, 1e−6": (y, x + 1e-6 * noise[:, 4], [x]),
        "treatment nearly absorbed, 1e−4": (y, cell + 1e-4 * noise[:, 5], [x]),
        "treatment nearly absorbed, 1e−6": (y, cell + 1e-6 * noise[:, 5], [x]),
    }


def exact(y: np.ndarray, d: np.ndarray, controls: list[np.ndarray]) -> tuple[mp.mpf, mp.mpf]:
    """Solve with dummies in 60 digits: estimate and CRV1 standard error."""
    dummies = [np.eye(CITIES)[CITY], np.eye(YEARS)[YEAR][:, 1:]]
    x = mp.matrix(np.column_stack([d, *controls, *dummies]).tolist())
    outcome = mp.matrix(y.tolist())
    inverse = (x.T * x) ** -1
    beta = inverse * (x.T * outcome)
    residual = outcome - x * beta
    influence = x * inverse[:, 0]
    scores = [mp.mpf(0)] * CITIES
    for i, c in enumerate(CITY):
        scores[c] += influence[i] * residual[i]
    k = 1 + len(controls)
    factor = mp.mpf(N - 1) / (N - (k + YEARS)) * CITIES / (CITIES - 1)
    return beta[0], mp.sqrt(factor * sum(s * s for s in scores))


def engine(y: np.ndarray, d: np.ndarray, controls: list[np.ndarray]) -> tuple[float, float]:
    values = np.asfortranarray(np.column_stack([y, d, *controls]))
    labels = tuple(f"v{j}" for j in range(values.shape[1]))
    problem = Problem(
        values,
        np.asfortranarray(np.column_stack([CITY, YEAR])),
        np.ones((1, N), bool),
        None,
        labels,
        ("city", "year"),
        (Effects((0, 1)),),
        (Vcov("cluster", (0,)),),
        0,
        0.05,
    )
    one, none = np.zeros(1, np.int64), np.full(1, -1, np.int64)
    members = Members(
        one, one, one + 1, np.array([0, len(controls)]), np.arange(2, 2 + len(controls)), one, one, none, none, none
    )
    fits = run(problem, members)
    return float(fits.estimate[0]), float(fits.std_error[0, 0])


def by_qr(y: np.ndarray, d: np.ndarray, controls: list[np.ndarray]) -> tuple[float, float]:
    """Demean the columns to convergence by pyfixest's demeaner, then regress by QR."""
    from pyfixest.core.demean import demean

    columns = np.column_stack([*controls, d, y])
    size = columns.std(axis=0)  # its tolerance is absolute
    columns = demean(columns / size, np.column_stack([CITY, YEAR]), np.ones(N), 1e-14, 10_000)[0] * size
    qx, r = np.linalg.qr(columns[:, :-1])
    beta = np.linalg.solve(r, qx.T @ columns[:, -1])
    residual = columns[:, -1] - columns[:, :-1] @ beta
    influence = qx[:, -1] / r[-1, -1]
    scores = np.bincount(CITY, influence * residual)
    k = 1 + len(controls)
    factor = (N - 1) / (N - (k + YEARS)) * CITIES / (CITIES - 1)
    return float(beta[-1]), float(np.sqrt(factor * (scores @ scores)))


def pyfixest(y: np.ndarray, d: np.ndarray, controls: list[np.ndarray], tight: bool) -> tuple[float, float]:
    import pyfixest as pf

    names = [f"x{j}" for j in range(len(controls))]
    frame = pd.DataFrame({"y": y, "d": d, **dict(zip(names, controls, strict=True)), "city": CITY, "year": YEAR})
    options = {"demeaner": pf.MapDemeaner(fixef_tol=1e-12)} if tight else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fit = pf.feols(f"y ~ {' + '.join(['d', *names])} | city + year", frame, vcov={"CRV1": "city"}, **options)
        except ValueError:
            return np.nan, np.nan
    if list(fit._coefnames) != ["d", *names]:
        return np.nan, np.nan
    return float(fit._beta_hat[0]), float(fit._se[0])


def digits(got: float, want: mp.mpf) -> float:
    """Count correct significant digits, 16 at most; NaN for no number."""
    if not np.isfinite(got):
        return np.nan
    error = abs((mp.mpf(got) - want) / want)
    return float(min(mp.mpf(16), -mp.log10(error))) if error else 16.0


def measure(y: np.ndarray, d: np.ndarray, controls: list[np.ndarray]) -> np.ndarray:
    """Give the digits of estimate and standard error, (methods, 2)."""
    want = exact(y, d, controls)
    methods = [engine(y, d, controls), by_qr(y, d, controls)]
    methods += [pyfixest(y, d, controls, tight) for tight in (True, False)]
    return np.array([[digits(got, truth) for got, truth in zip(m, want, strict=True)] for m in methods])


def text_of(found: np.ndarray) -> str:
    """Write the median digits, `–` where most draws have no number."""
    lost = np.isnan(found).mean(axis=0) > 0.5
    middle = np.nanmedian(np.where(lost, 0.0, found), axis=0)
    return ", ".join("–" if gone else f"{m:.0f}" for gone, m in zip(lost, middle, strict=True))


def main() -> None:
    """Measure every case on DRAWS panels and write the table."""
    draws = [cases(seed) for seed in range(DRAWS)]
    rows = []
    for name in draws[0]:
        found = np.array([measure(*case[name]) for case in draws])
        rows.append(f"| {name} | " + " | ".join(text_of(found[:, m]) for m in range(found.shape[1])) + " |")
    lines = [
        "# Correct digits: estimate, standard error",
        "",
        f"Against 60-digit arithmetic, the median of {DRAWS} panels; `–` is no number, or a term dropped that",
        "is there. Half a digit is luck of the draw. `python tests/bench/digits.py`",
        "",
        "| data | specdid | QR on demeaned data | pyfixest, demeaner at 1e-12 | pyfixest |",
        "|---|---|---|---|---|",
        *rows,
    ]
    text = "\n".join(lines) + "\n"
    (HERE / "results" / "digits.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
