"""Bias of estimators for staggered adoption where effects differ, and size of their standard errors.

Run as ``python tests/bench/staggered_effects.py [--quick]``: the table, and docs/images/staggered_effects.png.

10 periods. Some units adopt in period 4 with an effect of 1 that grows by .5 a period, as many in period 7 with .3,
others never. Outcomes have unit and period effects and errors with a serial correlation of .5. Each estimator is held
against the mean of the effects that its `estimand` names; two-way fixed effects against the mean over treated rows.

Models of counts and of 0/1 have no estimand where effects differ. They are held against one effect: .3 on the
logarithm of a mean with unit and period effects, of which counts are negative binomial with theta 2; .5 on a probit's
index with period effects and one for each cohort, errors being the sum of a part of the unit and one of the row.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import _bench
import numpy as np
import pandas as pd

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "helpers")]
from small_problems import task_of  # noqa: E402
from specdid import _plugins  # noqa: E402
from specdid.engine.ssc import critical_values  # noqa: E402
from specdid.estimators._base import Failure  # noqa: E402

DRAWS, FEWER = (10, 4) if _bench.quick() else (500, 200)
"""Panels, and those on which what takes long is estimated: errors that are drawn, models of counts and of 0/1."""
PERIODS = np.arange(10.0)
DESIGNS = {"25 and 25 of 100 units adopt": (25, 25, 50), "6 and 6 of 40 units adopt": (6, 6, 28)}
DRAWN = {"replications": 50}
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
    "did_multiplegt_dyn, total": ("did_multiplegt_dyn", {"effects": 6}, "rows"),
    "did_multiplegt_dyn, third effect": ("did_multiplegt_dyn", {"effects": 3, "aggregate": "effect"}, "third"),
    "sdid, jackknife": ("sdid", {}, "rows"),
    "sdid, bootstrap": ("sdid", {"vce": "bootstrap", **DRAWN}, "rows"),
    "sdid, placebo": ("sdid", {"vce": "placebo", **DRAWN}, "rows"),
}
ONE_EFFECT = {
    "fepois": ("fepois", ("unit", "t"), "count", 0.3),
    "fenegbin": ("fenegbin", ("unit", "t"), "count", 0.3),
    "probit": ("probit", ("cohorts", "t"), "binary", 0.5),
}


def effects() -> pd.DataFrame:
    """The true effect of every treated row; cohorts are of one size."""
    rows = [(g, t, 1 + 0.5 * (t - g) if g == 4 else 0.3) for g in (4.0, 7.0) for t in PERIODS if t >= g]
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
        "third": rows[rows.since == 2].effect.mean(),
    }


def draw(rng: np.random.Generator, sizes: tuple[int, int, int]) -> pd.DataFrame:
    """One panel."""
    adopts, count = np.repeat([4.0, 7.0, np.nan], sizes), sum(sizes)
    unit, t = np.repeat(np.arange(float(count)), 10), np.tile(PERIODS, count)
    cohort = np.repeat(adopts, 10)
    error = rng.normal(size=(count, 10))
    for k in range(1, 10):
        error[:, k] = 0.5 * error[:, k - 1] + np.sqrt(0.75) * error[:, k]
    treated = t >= cohort
    effect = np.where(treated, np.where(cohort == 4, 1 + 0.5 * (t - 4), 0.3), 0.0)
    own = np.repeat(rng.normal(size=count), 10)
    y = own + 0.2 * t + effect + error.ravel()
    mean = np.exp(1 + 0.5 * own + 0.05 * t + 0.3 * treated)
    frame = pd.DataFrame({"unit": unit, "t": t, "cohort": cohort, "d": 1.0 * treated, "y": y})
    frame["count"] = 1.0 * rng.poisson(mean * rng.gamma(2.0, 0.5, len(mean)))
    frame["cohorts"] = np.nan_to_num(cohort)
    index = -0.5 + 0.05 * t + 0.2 * (cohort == 4) + 0.5 * treated + np.sqrt(0.3) * own
    frame["binary"] = 1.0 * (index + np.sqrt(0.7) * rng.normal(size=len(index)) > 0)
    return frame


def numbers(frame: pd.DataFrame, spec: tuple, options: dict[str, object], true: float) -> tuple[float, float, float]:
    """Error of the estimate, its standard error, and whether the true value is rejected; NaN where there is none."""
    method = spec[-1]
    layout = {"unit": "unit", "time": "t", "vcovs": ("unit",), "cohort": "cohort", "options": {method: options}}
    one = _plugins.load("estimators", method).estimate(task_of(frame, spec, **layout))
    if isinstance(one, Failure):
        raise ValueError(f"{method}: {one.message}")  # noqa: TRY004
    away, error = one.estimate - true, one.std_error[0]
    limit = critical_values(np.array([one.df[0]]), 0.05)[0] if np.isfinite(error) else np.nan
    return away, error, np.nan if np.isnan(error) else float(abs(away) > limit * error)


def simulate(design: int, sizes: tuple[int, int, int], panels: range) -> dict[str, tuple[float, np.ndarray]]:
    """By estimator: the true value, and (panels, 3) of `numbers`; of what takes long those up to FEWER."""
    true = truths()
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in (*OPTIONS, *ONE_EFFECT)}
    values = {name: true[target] for name, (_, _, target) in OPTIONS.items()}
    values |= {name: effect for name, (*_, effect) in ONE_EFFECT.items()}
    for replication in panels:
        frame = draw(np.random.default_rng([18, design, replication]), sizes)
        for name, (method, options, _) in OPTIONS.items():
            drawn = "replications" in options
            if drawn and replication >= FEWER:
                continue
            seeded = {"seed": replication} if drawn else {}
            spec = ("y", "d", (), ("unit", "t"), None, method)
            found[name].append(numbers(frame, spec, options | seeded, values[name]))
        single = ONE_EFFECT if not design and replication < FEWER else {}
        for name, (method, absorbed, outcome, effect) in single.items():
            found[name].append(numbers(frame, (outcome, "d", (), absorbed, None, method), {}, effect))
    return {name: (values[name], np.array(rows)) for name, rows in found.items() if rows}


def table(found: dict[str, tuple[float, np.ndarray]]) -> list[str]:
    """Lines of Markdown."""
    header = ("panels", "truth", "bias", "SD of estimates", "mean standard error", "true value rejected at 5%")
    lines = [f"| estimator | {' | '.join(header)} |", "|---|--:|--:|--:|--:|--:|--:|"]
    for name, (value, rows) in found.items():
        away, error, rejects = rows.T
        known = ~np.isnan(error)
        last = f"{error[known].mean():.3f} | {rejects[known].mean():.1%}" if known.any() else "none | none"
        lines.append(f"| {name} | {len(away)} | {value:.3f} | {away.mean():+.3f} | {away.std():.3f} | {last} |")
    return lines


def draw_figure(found: dict[str, dict[str, tuple[float, np.ndarray]]], path: Path) -> None:
    """Draw bias with one standard deviation, and rates of rejection."""
    from matplotlib.figure import Figure
    from specdid.figures._style import BAND95, DEFAULT, FAINT, INK, MARKERS, SERIES, own_style

    names = [*OPTIONS, *ONE_EFFECT]
    with own_style():
        figure = Figure(figsize=(DEFAULT, 4.6), dpi=160, layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        margin = 1.96 * np.sqrt(0.05 * 0.95 / DRAWS)
        right.axvspan(5 - 100 * margin, 5 + 100 * margin, color=BAND95, lw=0)
        for axis, at in ((left, 0.0), (right, 5.0)):
            axis.axvline(at, color=FAINT, lw=0.8)
        for k, (design, every) in enumerate(found.items()):
            for row, name in ((r, n) for r, n in enumerate(names) if n in every):
                away, error, rejects = every[name][1].T
                y, look = row + 0.3 * (k - 0.5), {"color": SERIES[k], "marker": MARKERS[k], "ms": 3.5, "lw": 1.0}
                left.plot(away.mean() + np.array([-1, 1]) * away.std(), [y, y], color=SERIES[k], lw=1.0)
                left.plot(away.mean(), y, label=design if not row else None, **look)
                known = ~np.isnan(error)
                if known.any():
                    rate = 100 * rejects[known].mean()
                    right.plot(min(rate, 22.0), y, **look)
                    if rate > 22:
                        right.annotate(f"{rate:.0f}% ", (22, y), ha="right", va="center", fontsize=6.5, color=SERIES[k])
        right.set_xlim(0, 23)
        left.set_yticks(range(len(names)), names, fontsize=7)
        left.invert_yaxis()
        left.set_xlabel("Bias, ± one standard deviation of the estimates", fontsize=7)
        right.set_xlabel("True value rejected, %, where 5 are wanted", fontsize=7)
        for axis in (left, right):
            axis.tick_params(axis="x", labelsize=6.5, colors=INK)
            axis.spines[["top", "right"]].set_visible(False)
            axis.axhline(len(OPTIONS) - 0.5, color=FAINT, lw=0.5, ls=":")
        figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize=7, frameon=False)
        figure.savefig(path, metadata={"Software": None})


def main() -> None:
    """Print the tables, and draw the figure."""
    found = {words: simulate(k, sizes, range(DRAWS)) for k, (words, sizes) in enumerate(DESIGNS.items())}
    for words, every in found.items():
        print(f"\n## {words}\n")
        print("\n".join(table(every)))
    folder = Path(tempfile.gettempdir()) if _bench.quick() else _bench.ROOT / "docs" / "images"
    draw_figure(found, folder / "staggered_effects.png")


if __name__ == "__main__":
    main()
