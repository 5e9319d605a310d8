"""A million rows × 256 specifications under two clusterings, against one warm pf.feols fit.

Run as ``python tests/bench/million_rows.py [--quick]``. The engine and pyfixest run in
processes of their own; peak memory is counted above the loaded panel.
"""

from __future__ import annotations

import json
from time import perf_counter

import _bench
import numpy as np
from _children import child_arguments, measure_apart
from _panels import EFFECTS, Panel, make_members, make_panel, make_problem
from _reference import formula
from specdid.engine import execute
from specdid.engine.problem import Members, Vcov

FITS, MEMORY = 1.5, 3.0
"""Bars: warm pf.feols fits that the engine may take, dense columns that it may hold."""
EFFECT = ("city + year",)
BY_CITY_AND_PROVINCE = (Vcov("cluster", (0,)), Vcov("cluster", (2,)))


def study() -> tuple[Panel, Members]:
    """One outcome × 2^8 control subsets, two-way effects."""
    rows = 100_000 if _bench.quick() else 1_000_000
    panel = make_panel(cities=rows // 10, years=10, controls=8, outcomes=1)
    return panel, make_members(panel, 1)


def engine() -> dict[str, float]:
    """Estimate all 256 under both clusterings, after a small problem that loads the libraries."""
    panel, members = study()
    problem = make_problem(panel, (EFFECTS[EFFECT[0]],), BY_CITY_AND_PROVINCE)
    small = make_panel(cities=30, years=10, controls=2, outcomes=1)
    execute.run(make_problem(small, problem.effects, problem.vcovs), make_members(small, 1))
    loaded = _bench.reset_peak()
    began = perf_counter()
    fits = execute.run(problem, members)
    spent = perf_counter() - began
    columns = 8 * len(panel.values) * len(np.unique(np.concatenate([members.controls, [0, 1]])))
    above = _bench.peak_bytes() - loaded
    largest = len(members) - 1
    return {
        "seconds": spent,
        "above": above,
        "columns": columns,
        "rows": len(panel.values),
        "estimate": fits.estimate[largest],
        "city": fits.std_error[largest, 0],
        "province": fits.std_error[largest, 1],
    }


def reference() -> dict[str, float]:
    """Fit the largest specification once to warm up, then once more, timed."""
    import pyfixest as pf

    panel, members = study()
    frame, text = panel.frame(), formula(panel, members, len(members) - 1, EFFECT)
    pf.feols(text, frame, vcov={"CRV1": "city"})
    began = perf_counter()
    pf.feols(text, frame, vcov={"CRV1": "city"})
    spent = perf_counter() - began
    model = pf.feols(text, frame, vcov={"CRV1": "city"}, demeaner=pf.MapDemeaner(fixef_tol=1e-12))
    city = model.tidy().loc["d"]
    province = model.vcov({"CRV1": "province"}).tidy().loc["d"]
    return {
        "seconds": spent,
        "estimate": city["Estimate"],
        "city": city["Std. Error"],
        "province": province["Std. Error"],
    }


def main() -> None:
    """Measure both, compare the largest specification, print and keep the table."""
    ours, theirs = measure_apart(__file__, which="engine"), measure_apart(__file__, which="reference")
    worst = max(abs(ours[k] / theirs[k] - 1) for k in ("estimate", "city", "province"))
    fits, memory = ours["seconds"] / theirs["seconds"], ours["above"] / ours["columns"]
    rows = [
        ["rows × specifications × clusterings", f"{int(ours['rows'])} × 256 × 2", "", ""],
        ["engine, seconds", ours["seconds"], "", ""],
        ["one warm pf.feols fit, seconds", theirs["seconds"], "", ""],
        ["engine, in fits", fits, FITS, "yes" if fits <= FITS else "NO"],
        ["peak above the loaded panel, MB", ours["above"] / 1e6, "", ""],
        ["the same, in dense columns used", memory, MEMORY, "yes" if memory <= MEMORY else "NO"],
        ["largest relative difference", worst, 1e-8, "yes" if worst <= 1e-8 else "NO"],
    ]
    title = "A million rows, 256 specifications, two clusterings"
    _bench.report("million_rows", title, ["what", "value", "bar", "met"], rows)


if __name__ == "__main__":
    arguments = child_arguments()
    if arguments is None:
        main()
    else:
        print(json.dumps(engine() if arguments["which"] == "engine" else reference()))
