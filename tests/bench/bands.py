"""Joint coverage of simultaneous bands: null imposed, joint inversion, and the truth imposed.

Run as ``python tests/bench/bands.py [--replications N] [--state FILE] [--quick]``. Seeded; what FILE
holds of an interrupted run is not computed again.

A panel has 30 clusters of 1 to 25 units and 10 periods. Outcomes have errors of variance 1, half
of the cluster and half of the unit, each AR(1) with rho .8; two outcomes correlate at .5. Three
AR(1) controls vary alike, two of them move the outcomes. Clusters are treated from period 6 on: 6
or 15 of them by chance, the 6 largest, or the 6 smallest; the effect is the same on every outcome.
A study has 8 specifications (2 outcomes, 4 sets of controls) or 40 (5 outcomes, 8 sets), all with
unit and period effects and errors by cluster; B = 399 of the wild bootstrap, nominal 95%.

"null imposed" is the quantile of max|t| without any effect, times the standard errors, on either
side (what the step-down tests use); "joint inversion" is the band of the package; "truth imposed"
takes the same draws with the true effect, which a study does not know. q are means of the critical
values; of the joint inversion the mean of both sides.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import _bench
import numpy as np
from _panels import Panel, all_subsets, make_members, make_problem
from specdid._describe.curve_tests import adjust, most_extreme, quantile
from specdid.engine.problem import Effects, Members, Problem, Vcov
from specdid.inference import wild
from specdid.inference._base import NullDraws
from specdid.inference._batches import draw_batches
from specdid.inference._draw_tables import DrawTable
from specdid.inference._wild_draws import draw_part

CLUSTERS, PERIODS, CONTROLS, DRAWS, ALPHA, RHO = 30, 10, 3, 399, 0.05, 0.8
SIZES = np.round(np.linspace(1, 25, CLUSTERS)).astype(int)
CHUNK = 25
"""Replications after which the state is written."""
HEADER = [
    "treated clusters", "effect", "specifications", "replications", "null imposed", "joint inversion", "truth imposed",
    "inversion - truth", "q, null imposed", "q, joint inversion", "q, truth imposed", "95% point of max|t - b/se|",
    "unbounded",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Design:
    """Which clusters are treated, the effect, and how many outcomes and controls a study crosses."""

    words: str
    treated: int
    effect: float
    outcomes: int = 2
    controls: int = 2

    @property
    def specifications(self) -> int:
        """Outcomes times sets of controls."""
        return self.outcomes * 2**self.controls


DESIGNS = (
    Design("6 at random", 6, 3.0),
    Design("6 at random", 6, 0.0),
    Design("15 at random", 15, 1.0),
    Design("15 at random", 15, 3.0),
    Design("6 largest", 6, 3.0),
    Design("6 smallest", 6, 3.0),
    Design("6 at random", 6, 0.0, 5, 3),
    Design("6 at random", 6, 3.0, 5, 3),
)


def autoregressive(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Draw stationary AR(1) series of variance 1 along the second axis."""
    out = rng.normal(size=shape)
    for t in range(1, shape[1]):
        out[:, t] = RHO * out[:, t - 1] + np.sqrt(1 - RHO**2) * out[:, t]
    return out


def make_study(
    rng: np.random.Generator, sizes: np.ndarray, paths: np.ndarray, effect: float, outcomes: int, controls: int
) -> tuple[Problem, Members]:
    """Draw a panel of clusters of ``sizes`` units with the treatment ``paths``, (G, T), and lay out its study."""
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    units = len(cluster)

    def series(count: int) -> np.ndarray:
        of_cluster = autoregressive(rng, len(sizes), PERIODS, count)[cluster]
        return np.sqrt(0.5) * of_cluster + np.sqrt(0.5) * autoregressive(rng, units, PERIODS, count)

    errors = np.sqrt(0.5) * series(1) + np.sqrt(0.5) * series(outcomes)
    x = series(CONTROLS)
    d = paths[cluster][:, :, None]
    y = effect * d + 0.3 * x[:, :, :2].sum(axis=2, keepdims=True) + errors
    cells = np.concatenate([y, d, x[:, :, :controls], np.ones_like(d)], axis=2).reshape(units * PERIODS, -1)
    places = np.column_stack([np.arange(units).repeat(PERIODS), np.tile(np.arange(PERIODS), units)])
    codes = np.asfortranarray(np.column_stack([places, cluster.repeat(PERIODS)]))
    labels = (*(f"y{k}" for k in range(outcomes)), "d", *(f"x{k}" for k in range(controls)), "w")
    panel = Panel(np.asfortranarray(cells), codes, labels, outcomes, controls)
    problem = make_problem(panel, (Effects((0, 1)),), (Vcov("cluster", (2,)),))
    return problem, make_members(panel, 1, all_subsets(controls))


def wild_null(problem: Problem, members: Members, draws: int, seed: int) -> NullDraws:
    """Draw the wild null of a study by the package's kernels."""
    cluster = problem.codes[:, 2]
    signs = wild.cluster_signs(cluster, draws, seed)
    (batch,) = draw_batches(problem, members)
    found = draw_part((problem, members, {}, cluster, signs), [batch])
    order = np.argsort(found.places)
    a, b, c = (DrawTable.of(found.imposed[order, k]) for k in range(3))
    return NullDraws(
        "wild",
        members.index,
        found.estimate[order, 0],
        found.statistic[order, 0],
        found.error[order],
        np.full(len(members), int(cluster.max()) * 1.0),
        DrawTable.of(found.estimate[order, 1:]),
        DrawTable.of(found.statistic[order, 1:]),
        imposed=(a, b, c),
    )


def draw_study(rng: np.random.Generator, design: Design, seed: int) -> NullDraws:
    """Draw a panel and the wild null of its study."""
    if design.words.endswith("random"):
        treated = np.isin(np.arange(CLUSTERS), rng.choice(CLUSTERS, design.treated, replace=False))
    else:
        treated = np.argsort(SIZES if design.words.endswith("smallest") else -SIZES).argsort() < design.treated
    paths = (treated[:, None] & (np.arange(PERIODS) >= PERIODS // 2)).astype(np.float64)
    study = make_study(rng, SIZES, paths, design.effect, design.outcomes, design.controls)
    return wild_null(*study, DRAWS, seed)


def replicate(place: int, replication: int) -> list[float]:
    """Give which of the three cover, their critical values, the largest deviation, and the ends without bound."""
    design = DESIGNS[place]
    rng = np.random.default_rng([20121201, place, replication])
    draws = draw_study(rng, design, 1_000_000 * place + replication)
    found = adjust(draws, ALPHA)
    a, b, c = (np.asarray(part) for part in draws.imposed or ())
    x = -(design.effect / draws.std_error)[:, None]
    true = np.abs(np.asarray(draws.null_statistic) + a * x) / np.sqrt(1 + b * x + c * x**2)
    oracle = quantile(true.max(axis=0), most_extreme(ALPHA, DRAWS))
    apart = (draws.estimate - design.effect) / draws.std_error
    ends = np.nan_to_num(np.array([found.band.below, found.band.above]), nan=np.inf)
    unbounded = int(np.isinf(ends).sum())
    inside = apart.max() <= ends[0] and -apart.min() <= ends[1]
    largest = float(np.abs(apart).max())
    reach = float(ends[np.isfinite(ends)].mean()) if unbounded < 2 else np.nan
    return [largest <= found.critical, inside, largest <= oracle, found.critical, reach, oracle, largest, unbounded]


def rows_of(state: dict[tuple[int, int], list[float]]) -> list[list[object]]:
    """Lay out a row a design."""
    rows: list[list[object]] = []
    for place, design in enumerate(DESIGNS):
        table = np.array([v for (p, _), v in sorted(state.items()) if p == place])
        if len(table):
            cover, q = table[:, :3].mean(axis=0), np.nanmean(table[:, 3:6], axis=0)
            head = [design.words, design.effect, design.specifications, len(table)]
            numbers = [*(f"{v:.3f}" for v in cover), f"{cover[1] - cover[2]:+.3f}", *(f"{v:.2f}" for v in q)]
            rows.append([*head, *numbers, f"{np.quantile(table[:, 6], 1 - ALPHA):.2f}", int(table[:, 7].sum())])
    return rows


def main(replications: int, path: Path) -> None:
    """Replicate every design, chunk by chunk; the table is written again after each."""
    state: dict[tuple[int, int], list[float]] = {}
    if path.exists():
        for row in csv.reader(path.open(encoding="utf-8")):
            state[int(row[0]), int(row[1])] = [float(v) for v in row[2:]]
    for start in range(0, replications, CHUNK):
        for place in range(len(DESIGNS)):
            todo = [r for r in range(start, min(start + CHUNK, replications)) if (place, r) not in state]
            new = {(place, r): replicate(place, r) for r in todo}
            state |= new
            with path.open("a", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([*key, *(f"{float(v):.17g}" for v in values)] for key, values in new.items())
    used = {key: values for key, values in state.items() if key[1] < replications}
    title = "Joint coverage of simultaneous bands at a nominal 95%"
    _bench.report("bands", title, HEADER, rows_of(used))
    if not _bench.quick():
        assert __doc__ is not None
        error = np.sqrt(ALPHA * (1 - ALPHA) / replications)
        note = f"The Monte Carlo standard error of a coverage of .95 is {error:.4f}."
        report = _bench.RESULTS / "bands.md"
        text = report.read_text(encoding="utf-8") + "\n" + __doc__.split("\n\n", 2)[2] + "\n" + note + "\n"
        report.write_text(text, encoding="utf-8")


def _option(name: str, default: str) -> str:
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default


if __name__ == "__main__":
    many = int(_option("--replications", "20" if _bench.quick() else "500"))
    place = Path(tempfile.gettempdir()) / ("specdid-bands-quick.csv" if _bench.quick() else "specdid-bands.csv")
    main(many, Path(_option("--state", str(place))))
