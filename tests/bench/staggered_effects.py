"""Bias and size of estimators for staggered adoption where effects differ.

Run as ``python tests/bench/staggered_effects.py``.

100 units, 10 periods: 25 adopt in period 4 with an effect of 1 that grows by .5 a period, 25 in period 7 with .3,
50 never. Outcomes have unit and period effects and errors with a serial correlation of .5. Each estimator is held
against the mean of the effects that its `estimand` names; two-way fixed effects against the mean over treated rows.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "helpers")]
from small_problems import task_of  # noqa: E402
from specdid import _plugins  # noqa: E402
from specdid.engine.ssc import critical_values  # noqa: E402

DRAWS = 400
ADOPTS = np.repeat([4.0, 7.0, np.nan], [25, 25, 50])
PERIODS = np.arange(10.0)
OPTIONS = {
    "OLS, two-way": ("feols", {}, "rows"),
    "sunab": ("sunab", {}, "rows"),
    "did2s": ("did2s", {}, "rows"),
    "did_imputation": ("did_imputation", {}, "rows"),
    "csdid, simple": ("csdid", {"aggregate": "simple"}, "rows"),
    "csdid, group": ("csdid", {}, "cohorts"),
    "csdid, group, notyet": ("csdid", {"control": "notyet"}, "cohorts"),
    "csdid, dynamic": ("csdid", {"aggregate": "dynamic"}, "times"),
    "csdid, calendar": ("csdid", {"aggregate": "calendar"}, "calendar"),
    "stackedev": ("stackedev", {"post_window": 2}, "window"),
    "lpdid, reweight": ("lpdid", {"post_window": 2, "reweight": True}, "window"),
}


def effects() -> pd.DataFrame:
    """The true effect of every treated row."""
    rows = [
        (g, t, 1 + 0.5 * (t - g) if g == 4 else 0.3) for g in ADOPTS[np.isfinite(ADOPTS)] for t in PERIODS if t >= g
    ]
    return pd.DataFrame(rows, columns=["g", "t", "effect"])


def truths() -> dict[str, float]:
    """The means that estimands name."""
    rows = effects()
    rows["since"] = rows.t - rows.g
    window = rows[rows.since <= 2]
    return {
        "rows": rows.effect.mean(),
        "cohorts": rows.groupby("g").effect.mean().mean(),
        "times": rows.groupby("since").effect.mean().mean(),
        "calendar": rows.groupby("t").effect.mean().mean(),
        "window": window.effect.mean(),
    }


def draw(rng: np.random.Generator) -> pd.DataFrame:
    """One panel."""
    unit, t = np.repeat(np.arange(100.0), 10), np.tile(PERIODS, 100)
    cohort = np.repeat(ADOPTS, 10)
    error = rng.normal(size=(100, 10))
    for k in range(1, 10):
        error[:, k] = 0.5 * error[:, k - 1] + np.sqrt(0.75) * error[:, k]
    treated = t >= cohort
    effect = np.where(treated, np.where(cohort == 4, 1 + 0.5 * (t - 4), 0.3), 0.0)
    y = np.repeat(rng.normal(size=100), 10) + 0.2 * t + effect + error.ravel()
    return pd.DataFrame({"unit": unit, "t": t, "cohort": cohort, "d": 1.0 * treated, "y": y})


def main() -> None:
    """Print the table."""
    rng, true, found = np.random.default_rng(18), truths(), {name: [] for name in OPTIONS}
    for _ in range(DRAWS):
        frame = draw(rng)
        for name, (method, options, target) in OPTIONS.items():
            spec = ("y", "d", (), ("unit", "t"), None, method)
            task = task_of(
                frame, spec, unit="unit", time="t", vcovs=("unit",), cohort="cohort", options={method: options}
            )
            one = _plugins.load("estimators", method).estimate(task)
            error, away = one.std_error[0], one.estimate - true[target]
            limit = critical_values(np.array([one.df[0]]), 0.05)[0]
            found[name].append((away, error, abs(away) > limit * error))
    print("| estimator | truth | bias | SD of estimates | mean standard error | true value rejected at 5% |")
    print("|---|--:|--:|--:|--:|--:|")
    for name, rows in found.items():
        away, error, rejects = np.array(rows, float).T
        value = true[OPTIONS[name][2]]
        shown = f"{value:.3f} | {away.mean():+.3f} | {away.std():.3f} | {error.mean():.3f} | {rejects.mean():.1%}"
        print(f"| {name} | {shown} |")


if __name__ == "__main__":
    main()
