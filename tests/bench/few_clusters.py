"""Size of tests where few clusters are treated or untreated, or where clusters are unequal.

Run as ``python tests/bench/few_clusters.py [--replications N] [--state FILE] [--quick]``.
What FILE holds of an interrupted run is not computed again.

No effect; panels as in bands.py: clusters of so many units, 10 periods, errors half of the
cluster and half of the unit, AR(1) with rho .8; 8 specifications (2 outcomes, 4 sets of controls),
unit and period effects, B = 199. Treatment is by cluster, from period 6 on; "staggered" is from
period 4, 6 or 8 on. Rates of rejection at a nominal 5%: of one specification by its clustered
errors and t(G - 1), and of the curve by the median t and the median estimate, by the wild
bootstrap and by permutation of whole paths between clusters. The effective number of clusters is
the mean over the panels of that of the first specification (_describe/clusters.py).
"""

from __future__ import annotations

import csv
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import _bench
import numpy as np
from bands import ALPHA, PERIODS, make_study, wild_null
from scipy.special import stdtr
from specdid._describe.clusters import cluster_leverage
from specdid._describe.curve_tests import median_estimate, statistic_tests
from specdid.inference._base import NullDraws
from specdid.inference._draw_tables import DrawTable
from specdid.inference._partialled_out import draw_simple

DRAWS = 199
EQUAL, UNEQUAL = (5,) * 40, tuple(np.round(np.linspace(1, 25, 30)).astype(int).tolist())


@dataclass(frozen=True, slots=True)
class Design:
    """Clusters by their units in ascending order, and which are treated."""

    words: str
    sizes: tuple[int, ...]
    treated: int
    which: str = "random"
    staggered: bool = False


DESIGNS = (
    *(Design(f"40 equal, {k} treated", EQUAL, k) for k in (2, 5, 10, 20, 30, 35, 38)),
    Design("40 equal, 38 treated, staggered", EQUAL, 38, staggered=True),
    Design("40 equal, all treated, staggered", EQUAL, 40, staggered=True),
    *(Design(f"30 unequal, {k} {which}", UNEQUAL, k, which) for k in (6, 15, 24) for which in ("smallest", "largest")),
    Design("30 unequal, 6 at random", UNEQUAL, 6),
)


def draw_paths(rng: np.random.Generator, design: Design) -> np.ndarray:
    """Draw each cluster's path, (G, T)."""
    g = len(design.sizes)
    treated = np.zeros(g, dtype=bool)
    at = {"smallest": np.arange(design.treated), "largest": np.arange(g - design.treated, g)}
    treated[at.get(design.which, rng.permutation(g)[: design.treated])] = True
    first = rng.choice((3, 5, 7), g) if design.staggered else np.full(g, PERIODS // 2)
    return (treated[:, None] & (np.arange(PERIODS) >= first[:, None])).astype(np.float64)


def replicate(place: int, replication: int) -> list[float]:
    """Give which tests reject, and the effective number of clusters."""
    design = DESIGNS[place]
    rng = np.random.default_rng([20121202, place, replication])
    sizes, paths = np.array(design.sizes), draw_paths(rng, design)
    problem, members = make_study(rng, sizes, paths, 0.0, 2, 2)
    cluster = problem.codes[:, 2]
    wild = wild_null(problem, members, DRAWS, 1_000_000 * place + replication)
    found = cluster_leverage(problem, members, 0, (), cluster)
    effective = np.nan if found is None else found.effective
    moved = np.stack([paths[o] for o in (np.arange(len(sizes)), *map(rng.permutation, [len(sizes)] * DRAWS))], axis=2)
    treatment = int(members.treatment[0])
    rows = moved[cluster, np.arange(len(cluster)) % PERIODS]
    estimate, statistic, error = draw_simple(problem, members, {}, {treatment: rows})
    permuted = NullDraws(
        "permutation",
        members.index,
        estimate[:, 0],
        statistic[:, 0],
        error[:, 0],
        wild.df,
        DrawTable.of(estimate[:, 1:]),
        DrawTable.of(statistic[:, 1:]),
    )
    single = 2 * float(stdtr(wild.df[0], -abs(wild.statistic[0]))) <= ALPHA
    everyone = np.ones(len(members), dtype=bool)
    tests = [
        test.p_value <= ALPHA
        for null in (wild, permuted)
        for test in (statistic_tests(null, everyone, ALPHA, "")[0], median_estimate(null, everyone, ""))
    ]
    return [single, *tests, effective]


def main(replications: int, path: Path) -> None:
    """Replicate every design; one that ``path`` has with as many replications is not replicated again."""
    header = [
        "clusters",
        "replications",
        "effective",
        "clustered errors",
        "wild, median t",
        "wild, median estimate",
        "permutation, median t",
        "permutation, median estimate",
    ]
    known = {row[0]: row for row in csv.reader(path.open(encoding="utf-8"))} if path.exists() else {}
    rows: list[list[str]] = []
    for place, design in enumerate(DESIGNS):
        row = known.get(design.words, ["", "0"])
        if int(row[1]) < replications:
            found = np.array([replicate(place, r) for r in range(replications)], float).mean(axis=0)
            row = [design.words, str(replications), f"{found[-1]:.1f}", *(f"{rate:.3f}" for rate in found[:-1])]
            with path.open("a", newline="", encoding="utf-8") as file:
                csv.writer(file).writerow(row)
        rows.append(row)
    _bench.report("few_clusters", "Rejection rates at a nominal 5% with few or unequal clusters", header, rows)
    if not _bench.quick():
        assert __doc__ is not None
        fewest = min(int(row[1]) for row in rows)
        note = f"The Monte Carlo standard error of .05 is {(0.0475 / fewest) ** 0.5:.4f} with {fewest:,} replications."
        page = _bench.RESULTS / "few_clusters.md"
        text = "\n".join([page.read_text(encoding="utf-8"), __doc__.split("\n\n", 2)[2], note, ""])
        page.write_text(text, encoding="utf-8")


def _option(name: str) -> str | None:
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else None


if __name__ == "__main__":
    state = Path(tempfile.gettempdir()) / f"specdid-few-clusters{'-quick' * _bench.quick()}.csv"
    main(int(_option("--replications") or (10 if _bench.quick() else 1000)), Path(_option("--state") or state))
