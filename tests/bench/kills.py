"""A hundred kills at random moments over a run of 2,000 specifications: the same bytes, nothing stored computed again.

Run as ``python tests/bench/kills.py [--quick]``. Each kill is a SIGKILL to the process or to
one of its workers; the run is started again at once, until it comes to its end, and its files
are compared with those of a run that nobody stopped. Then the next run begins, until the
kills are used up.
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

import _bench
from kills import PHASES, SECONDS, Tally, compare, kill_until_done, read, run_whole
from small_studies import small_panel, small_study
from toml_text import write_toml

SEED = 20121201


def study() -> dict:
    """2,040 specifications that are not excluded: least squares, Sun-Abraham, and 120 of Poisson one by one."""
    return small_study(
        outcome={"y": {"formula": "y", "scale": "y"}, "z": {"formula": "z", "scale": "z"}},
        controls={"any": "mvsw(x1, x2, x3)"},
        fixed_effects={"two-way": "id + year", "grouped": "id + group^year"},
        sample={f"without {k}": f"id != {k}" for k in range(1, 15)} | {"all": "TRUE"},
        weights={"none": "1", "w": "w"},
        estimator={"OLS": "feols", "SA": "sunab", "Poisson": {"method": "fepois", "type": "nonequivalent"}},
        exclude=[
            {
                "when": {"estimator": "Poisson"},
                "because": "a few are enough",
                "unless": {"outcome": "z", "fixed_effects": "two-way", "weights": "none"},
            }
        ],
        inference={"draws": 999, "null": ["wild", "permutation"], "assign": "d + cohort"},
        figure={"formats": ["svg"]},
        run={"backend": "loky", "jobs": 2},
    )


def _count(journal: Path) -> int:
    return read(journal).count(b"stored")


if __name__ == "__main__":
    kills = 5 if _bench.quick() else 100
    rng, tally = random.Random(SEED), Tally()
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "kills.toml"
        small_panel(units=40, periods=8).write_csv(Path(folder) / "given.csv")
        write_toml(study(), spec)
        whole = Path(folder) / "whole"
        seconds = run_whole(spec, whole)
        while tally.kills < kills:
            out = Path(folder) / f"run{tally.runs}"
            kill_until_done(spec, out, tally, rng, kills, seconds)
            tally.different += [f"run {tally.runs}: {name}" for name in compare(out, whole)]
            print(tally, flush=True)
        files = len([p for p in whole.iterdir() if not p.name.startswith(".")])
        account = next(line for line in (whole / "summary.md").read_text().splitlines() if " planned" in line)
        each = _count(whole.with_suffix(".journal"))
    rows = [
        ["specifications", account, "", ""],
        ["results stored by one run that nobody stopped", each, "", ""],
        ["kills", tally.kills, kills, "yes" if tally.kills >= kills else "NO"],
        ["of the process", tally.process, "", ""],
        ["of a worker", tally.worker, "", ""],
        *([f"while {phase}", tally.phases[phase], "", ""] for phase in PHASES),
        ["after some results were stored and before all were", sum(0 < n < each for n in tally.stored_before), "", ""],
        ["processes started", tally.started, "", ""],
        ["runs that came to their end", tally.runs, "", ""],
        [f"files of each that are compared, not timings.parquet, not {SECONDS[0]} of manifest.json", files - 1, "", ""],
        ["files that differed", len(tally.different), 0, "yes" if not tally.different else "NO"],
        ["results computed", tally.computed, "", ""],
        ["results stored", tally.stored, "", ""],
        ["came back, killed before they were stored", tally.lost, "", ""],
        ["computed again though stored", tally.again, 0, "yes" if not tally.again else "NO"],
    ]
    _bench.report("kills", "Kills at random moments", ["what", "count", "bar", "met"], rows)
