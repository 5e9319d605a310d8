"""2^20 specifications as a whole: plan, ids, labels, estimates, p, CI and results.parquet, one process.

Run as ``python tests/bench/whole_grid.py [--quick]``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import perf_counter

import _bench
from _panels import make_panel
from specdid._records import collect
from specdid._records.collect import planned_records
from specdid._records.write import write_parquet
from specdid._run.pipeline import drained
from specdid._run.prepare import prepare
from specdid.engine.compile import compile_plan
from specdid.engine.execute import estimate_all


def study(controls: int) -> dict:
    """Give every subset of ``controls`` controls for two outcomes under city and year effects."""
    names = ", ".join(f"x{k}" for k in range(controls))
    return {
        "study": {"title": "grid", "data": "given.csv", "unit": "city", "time": "year", "treatment": "d"},
        "outcome": {"y0": "y0", "y1": "y1"},
        "controls": {"any": f"mvsw({names})"},
        "inference": {"draws": 0},
    }


if __name__ == "__main__":
    controls = 13 if _bench.quick() else 19
    panel = make_panel(controls=controls)
    frame = panel.frame()
    _bench.reset_peak()
    began = perf_counter()
    prepared = prepare(study(controls), frame)
    planned = perf_counter()
    compiled = compile_plan(prepared.plan, prepared.panel, prepared.evaluator)
    found = estimate_all(compiled, prepared.plan.grid.estimators, 1, "serial", lambda *a: None)
    estimated = perf_counter()
    blocks, labels = list(found.blocks), compiled.problem.labels
    del found, compiled
    results = collect(planned_records(prepared.plan), drained(blocks), labels)
    with tempfile.TemporaryDirectory() as folder:
        write_parquet(results, Path(folder) / "results.parquet")
        megabytes = (Path(folder) / "results.parquet").stat().st_size / 1e6
    ended = perf_counter()
    peak = _bench.peak_bytes() / 2**20
    assert results.counts.ok == results.counts.planned
    rows = [
        ["specifications", results.counts.planned, "", ""],
        ["plan, ids and labels, s", planned - began, "", ""],
        ["estimates, p and CI, s", estimated - planned, "", ""],
        ["records and results.parquet, s", ended - estimated, "", ""],
        ["all, s", ended - began, 30.0, "yes" if ended - began <= 30 else "NO"],
        ["peak memory of the process, MiB", peak, 1024.0, "yes" if peak <= 1024 else "NO"],
        ["results.parquet, MB", megabytes, "", ""],
    ]
    _bench.report("whole_grid", "A whole grid of 2^20 specifications", ["what", "value", "bar", "met"], rows)
