"""How often the joint test rejects on the synthetic smart-city panel without any effect.

Run as ``python tests/bench/null_city.py [--seeds N] [--until HH:MM] [--quick]``.

Seeds 1, 2, ... of the example's generator with ``effect=False``; the dirt is kept, controls
listwise. 32 specifications: two outcomes, four sets of controls, two samples of years, with and
without the four municipalities; the first batch against never pilots. City and zone-by-year
effects: the zone is the generator's confounder; the last grid has year effects in their place,
and shows what the test does when every specification is confounded. Wild null, 199 draws. At a
nominal 5% and 200 seeds, 4 to 18 rejections are the central 98.5%.
"""

from __future__ import annotations

import datetime
import sys
from typing import Any

import _bench
import numpy as np
import polars as pl
import specdid
from specdid._example.smart_city import make_panel

TESTS = ("median t", "share significant, dominant sign", "Stouffer's Z")
GRIDS = {
    "zone × year, clusters: city": ("city_id + tcz^year", "city_id"),
    "zone × year, clusters: province": ("city_id + tcz^year", "province"),
    "year only (confounded), clusters: city": ("city_id + year", "city_id"),
}


def study(effects: str, cluster: str) -> dict[str, Any]:
    """Give the spec."""
    return {
        "study": {"data": "smart_city.csv", "unit": "city_id", "time": "year", "seed": 20121201},
        "derive": {"did": "pilot * (year >= 2012)"},
        "outcome": {
            "SO2": {"formula": "log(so2 / pop)", "scale": "log points"},
            "wastewater": {"formula": "log(ww / pop)", "scale": "log points"},
        },
        "treatment": {"pilot": "did"},
        "controls": {"any": "mvsw(ind2, log(trade))"},
        "fixed_effects": {"effects": effects},
        "sample": {"first batch": "batch %in% c(0, 2012)"},
        "variant": {
            "years": {"to 2017": {}, "to 2015": {"where": "year <= 2015"}},
            "municipalities": {"kept": {}, "dropped": {"where": "municipality == 0"}},
        },
        "inference": {"draws": 199, "null": ["wild"], "cluster": cluster},
    }


def p_values(grid: tuple[str, str], frame: pl.DataFrame, seed: int) -> dict[str, float]:
    """Run the study; give each joint test's p."""
    spec = study(*grid)
    spec["study"]["seed"] = seed
    curve = specdid.run(spec, frame, jobs=1, audit=0)
    tests = curve.tests[0]
    return {test.statistic: test.p_value for test in tests.tests}


def rows_of(found: dict[str, list[dict[str, float]]]) -> list[list[object]]:
    """Count the rejections: one row a grid."""
    rows: list[list[object]] = []
    for name, values in found.items():
        counts = [sum(v[test] <= 0.05 for v in values) for test in TESTS]
        rows.append([name, len(values), *counts, f"{np.mean([v[TESTS[0]] for v in values]):.3f}"])
    return rows


def main(seeds: int, until: str | None) -> None:
    found: dict[str, list[dict[str, float]]] = {name: [] for name in GRIDS}
    for seed in range(1, seeds + 1):
        if until is not None and datetime.datetime.now().strftime("%H:%M") >= until:
            break
        frame = pl.DataFrame(make_panel(seed, effect=False))
        for name, grid in GRIDS.items():
            found[name].append(p_values(grid, frame, seed))
        if seed % 10 == 0:
            print(seed, *rows_of(found), flush=True)
    header = ["effects and clusters", "seeds", *(f"rejected by {test}" for test in TESTS), "mean p of median t"]
    title = "Smart-city generator without effect: joint tests at a nominal 5%, expected 4 to 18 of 200"
    _bench.report("null_city", title, header, rows_of(found))
    if not _bench.quick():
        assert __doc__ is not None
        path = _bench.RESULTS / "null_city.md"
        path.write_text(path.read_text(encoding="utf-8") + "\n" + __doc__.split("\n\n", 2)[2], encoding="utf-8")


def _option(name: str) -> str | None:
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else None


if __name__ == "__main__":
    main(int(_option("--seeds") or (10 if _bench.quick() else 200)), _option("--until"))
