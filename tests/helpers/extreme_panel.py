"""A small panel spoilt towards the ends of floating point, runs of it, and the oracle's answer."""

import numpy as np
import polars as pl
import specdid
from exact import least_squares

UNITS, PERIODS = 10, 5
N = UNITS * PERIODS
UNIT, YEAR = np.repeat(np.arange(1, UNITS + 1), PERIODS), np.tile(np.arange(2001, 2001 + PERIODS), UNITS)
COHORT = np.where(UNIT % 3 == 0, 2003, np.where(UNIT % 3 == 1, 2004, 0))
D = ((COHORT > 0) & (YEAR >= COHORT)).astype(float)
RNG = np.random.default_rng(20)
X1, X2, NOISE = RNG.normal(size=(3, N))
Y = RNG.normal(size=UNITS)[UNIT - 1] + 0.1 * (YEAR - 2000) + 0.3 * D + 0.2 * X1 + 0.5 * RNG.normal(size=N)
Z = np.round(2 * np.exp(0.5 * Y)) + 1
B = (0.4 * X1 + RNG.logistic(size=N) > 0).astype(float)
BASE = {
    "id": UNIT, "year": YEAR, "cohort": COHORT, "d": D, "x1": X1, "x2": X2, "y": Y, "z": Z, "b": B,
    "w": RNG.uniform(0.5, 2, N), "one": np.ones(N), "half": (UNIT > 5).astype(float),
}  # fmt: skip


def at(values, place, value):
    out = np.array(values, dtype=float)
    out[place] = value
    return out


SCALES = (1e150, 1e-150, 1e299, 1e-299)
CASES = {
    "as it is": {},
    **{f"x2 = x1 + {e:g} noise": {"x2": X1 + e * NOISE} for e in (1e-4, 1e-6, 1e-8, 1e-10, 1e-12, 1e-14, 0.0)},
    **{f"x1 = d + {e:g} noise": {"x1": D + e * NOISE} for e in (1e-4, 1e-6, 1e-8, 1e-10, 1e-12, 1e-14, 0.0)},
    **{f"{c} × {s:g}": {c: BASE[c] * s} for c in ("y", "d", "x1", "w") for s in SCALES},
    "x1 + 1e12": {"x1": X1 + 1e12},
    "outcome almost constant": {"y": 1e8 + 1e-6 * NOISE},
    "outcome constant": {"y": np.full(N, 3.3), "z": np.full(N, 3.0), "b": np.ones(N)},
    "outcome zero": {"y": np.zeros(N), "z": np.zeros(N), "b": np.zeros(N)},
    "perfect fit": {"y": 2 * D + UNIT + YEAR + 3 * X1 - X2},
    "infinite outcomes": {"y": at(Y, [3, 7], np.inf), "z": at(Z, 3, np.inf)},
    "infinite control": {"x1": at(X1, 5, -np.inf)},
    "infinite weight": {"w": at(BASE["w"], 5, np.inf)},
    "all infinite": {"y": np.full(N, np.inf), "z": np.full(N, np.inf)},
    "treatment is a unit": {"d": (UNIT == 1).astype(float)},
    "treatment is a period": {"d": (YEAR == 2003).astype(float)},
    "treatment is a cell": {"d": ((UNIT == 2) & (YEAR == 2003)).astype(float)},
    "treatment of 1e-12": {"d": D + 1e-12 * NOISE},
    "weights of some units zero": {"w": np.where(UNIT <= 2, 0.0, 1.0)},
    "weights of the treated zero": {"w": np.where(D == 1, 0.0, 1.0)},
    "weights 1e-12 and 1e12": {"w": np.where(np.arange(N) % 2 == 0, 1e-12, 1e12)},
    "weights 1e-6 and 1e6": {"w": np.where(np.arange(N) % 2 == 0, 1e-6, 1e6)},
}
FACTS = {"i": "iid", "h": "hetero", "c": "~id", "one": "~one", "two": "~half"}


OUTCOMES = {"fepois": "z", "logit": "b"}


def reads(estimator, columns, weights="1"):
    """Say whether the runs of an estimator below use one of these columns; what they do not changes nothing."""
    used = {"id", "year", "cohort", "d", OUTCOMES.get(estimator, "y"), weights}
    return not columns or not (used | (set() if estimator == "lpdid" else {"x1", "x2"})).isdisjoint(columns)


def run(changes, estimator, fixed_effects="id + year", weights="1", rows=slice(None), draws=0, controls="x1 + x2"):
    """Give the rows of the results, or the codes of the faults."""
    outcome = OUTCOMES.get(estimator, "y")
    study = {
        "study": {"unit": "id", "time": "year"},
        "outcome": {"y": outcome},
        "weights": {"w": weights},
        "treatment": {"d": {"term": "d", "cohort": "cohort"}},
        "controls": {"c": "1" if estimator == "lpdid" else controls},
        "fixed_effects": {"f": fixed_effects},
        "estimator": {"e": estimator},
        "vcov": FACTS,
        "inference": {"draws": draws},
    }
    data = pl.DataFrame({name: np.asarray(column)[rows] for name, column in (BASE | changes).items()})
    try:
        return specdid.run(study, data=data, audit=0, jobs=1)
    except specdid.SpecError as error:
        return tuple(fault.code for fault in error.faults.errors)


def regression(changes, fixed_effects, weights, dropped, controls=("x1", "x2")):
    """Give the oracle's answer on the rows that count, and these rows."""
    data = {k: np.asarray(v, float) for k, v in (BASE | changes).items()}
    names = [c for c in controls if c not in dropped]
    used = np.all([np.isfinite(data[c]) for c in ("y", "d", *names)], axis=0)
    w = None
    if weights != "1":
        used &= np.isfinite(data["w"]) & (data["w"] > 0)
        w = data["w"][used]
    effects = [data[e][used] for e in fixed_effects.split(" + ") if e != "0"]
    return least_squares(data["y"][used], [data[c][used] for c in (*names, "d")], effects, w), used
