"""Peak memory and seconds of whole runs with 999 draws of a null, each in a process of its own.

Run as ``python tests/bench/null_memory.py [--quick]``.

Subsets of controls x two outcomes x five sets of effects on 210 cities x 13 years; results are
written. A table of draws beyond 64 MB is a file, of which a block of draws is in memory at a time:
peak memory is to grow with the specifications' own results (.6 kB each), not with the draws.
"""

from __future__ import annotations

import json
import tempfile
from time import perf_counter

import _bench
from _children import child_arguments, measure_apart
from _panels import make_panel

DRAWS = 99 if _bench.quick() else 999
CONTROLS = (4, 6) if _bench.quick() else (8, 10, 12)


def study(controls: int, null: str) -> dict:
    """Give the spec."""
    return {
        "study": {"title": "draws", "data": "given.csv", "unit": "city", "time": "year"},
        "outcome": {"y0": "y0", "y1": "y1"},
        "treatment": {"d": "d"},
        "controls": {"any": f"mvsw({', '.join(f'x{k}' for k in range(controls))})"},
        "fixed_effects": {
            "none": "0",
            "city": "city",
            "year": "year",
            "both": "city + year",
            "province": "city + province^year",
        },
        "inference": {"draws": DRAWS, "null": [null], "assign": "d"},
        "run": {"backend": "serial"},
    }


def child(controls: int, null: str) -> dict[str, float]:
    """Run one study and give what it took."""
    import specdid

    frame = make_panel(controls=controls).frame()
    _bench.reset_peak()
    began = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        curve = specdid.run(study(controls, null), frame, out=folder, jobs=1, audit=0)
    return {
        "specifications": float(len(curve.results)),
        "seconds": perf_counter() - began,
        "peak": _bench.peak_bytes() / 2**20,
    }


def main() -> None:
    """Measure both nulls at three sizes."""
    rows: list[list[object]] = []
    for null in ("wild", "permutation"):
        for controls in CONTROLS:
            found = measure_apart(__file__, controls=controls, null=null)
            count = int(found["specifications"])
            tables = 16 * count * DRAWS / 2**20
            rows.append([null, count, DRAWS, tables, found["peak"], found["seconds"]])
    header = ["null", "specifications", "draws", "estimates and t of all draws, MiB", "peak of the process, MiB", "s"]
    _bench.report("null_memory", "Memory of runs with a null", header, rows)


if __name__ == "__main__":
    given = child_arguments()
    if given is None:
        main()
    else:
        print(json.dumps(child(int(str(given["controls"])), str(given["null"]))))
