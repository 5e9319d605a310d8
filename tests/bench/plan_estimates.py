"""What `specdid plan` says a run takes beside what it took: the three examples and `specdid init`.

Run it: python tests/bench/plan_estimates.py        (results in tests/bench/results/plan_estimates.*)

Processor time of the run and of its audit's process, with one job. The counts are those of
specdid/_run/cost.py, whose seconds per unit are fitted to this table.
"""

from __future__ import annotations

import csv
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from specdid._run.cost import SECONDS, Work, count_work, estimate_cost
from specdid._run.prepare import prepare
from specdid.engine.compile import compile_plan

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("results")


def planned(spec: Path) -> Work:
    prepared = prepare(spec)
    compiled = compile_plan(prepared.plan, prepared.panel, prepared.evaluator)
    return count_work(prepared, compiled, estimate_cost(compiled))


def taken(spec: Path, directory: Path) -> float:
    """Processor seconds of a run with one job, its children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "specdid", "run", str(spec), "--jobs", "1", "--quiet", "--out", str(directory)],
        check=True,
        cwd=directory.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as place:
        subprocess.run([sys.executable, "-m", "specdid", "init", f"{place}/demo"], check=True, capture_output=True)
        specs = [Path(place, "demo/demo.toml"), *sorted((ROOT / "specs").glob("*.toml"))]
        for spec in specs:
            work = planned(spec)
            measured = taken(spec, Path(place, f"out_{spec.stem}"))
            counts = {name: getattr(work, name) for name in Work.__dataclass_fields__ if name != "estimates"}
            rows.append(
                {
                    "study": spec.stem,
                    **counts,
                    "planned_seconds": round(work.seconds, 1),
                    "processor_seconds": round(measured, 1),
                    "ratio": round(work.seconds / measured, 2),
                }
            )
            print(rows[-1], flush=True)
    with (RESULTS / "plan_estimates.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    names = list(rows[0])
    lines = ["# What `specdid plan` says beside what a run takes", "", __doc__.split("\n\n", 2)[2].strip(), ""]
    lines += [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
    lines += [f"| {' | '.join(str(v) for v in row.values())} |" for row in rows]
    lines += ["", "Seconds per unit: " + ", ".join(f"{k} {v:g}" for k, v in SECONDS.items()) + "."]
    (RESULTS / "plan_estimates.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
