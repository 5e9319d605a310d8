"""Panels of 5.5 and of 10 million rows: what the audit says, and its seconds beside those of the estimates.

Run as ``python tests/bench/large_audit.py [--quick]``. The panel is balanced, y = .3 d + unit + period + noise with
five controls; 32 specifications under two clusterings, 25 of them audited, in a process of its own.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from time import perf_counter

import _bench
import numpy as np
import polars as pl
from _children import child_arguments, measure_apart

PERIODS, CONTROLS = 10, 5
SPEC = """
[study]
data = "panel.parquet"
unit = "id"
time = "t"
[outcome]
y = "y"
[treatment]
d = "d"
[controls]
"any subset" = "mvsw(x0, x1, x2, x3, x4)"
[vcov]
unit = "~id"
state = "~state"
[inference]
draws = 0
"""


def panel(units: int) -> pl.DataFrame:
    """Half of the units are treated from the sixth period on."""
    rng = np.random.default_rng(20261206)
    unit, period = np.repeat(np.arange(units), PERIODS), np.tile(np.arange(PERIODS), units)
    treated = (unit % 2 == 0) & (period >= PERIODS // 2)
    outcome = 0.3 * treated + rng.normal(size=units)[unit] + 0.1 * period + rng.normal(size=len(unit))
    columns = {"id": unit, "t": period, "d": treated.astype(int), "y": outcome, "state": unit % 50}
    return pl.DataFrame(columns | {f"x{j}": rng.normal(size=len(unit)) for j in range(CONTROLS)})


def measured(units: int) -> dict[str, object]:
    """Run the command line on the panel; time its estimates and its audit."""
    from specdid._cli import main as command
    from specdid._run import pipeline

    spent: dict[str, float] = {}

    def timed(name: str) -> None:
        function = getattr(pipeline, name)

        def call(*given: object) -> object:
            began = perf_counter()
            found = function(*given)
            spent[name] = perf_counter() - began
            return found

        setattr(pipeline, name, call)

    timed("estimate_all")
    timed("audit_results")
    with tempfile.TemporaryDirectory() as place:
        panel(units).write_parquet(Path(place) / "panel.parquet")
        (Path(place) / "study.toml").write_text(SPEC, "utf-8")
        out = Path(place) / "out"
        began = perf_counter()
        try:
            command(["run", f"{place}/study.toml", "--out", str(out), "--quiet", "--audit", "25", "--ignore-memory"])
            code = 0
        except SystemExit as done:
            code = int(done.code or 0)
        whole = perf_counter() - began
        audit = json.loads((out / "manifest.json").read_text("utf-8"))["audit"]
    return {"units": units, "code": code, "whole": whole, "audit": audit} | spent


def main() -> None:
    """Measure both sizes and keep the table."""
    sizes = (20_100, 30_000) if _bench.quick() else (550_000, 1_000_000)
    found = [measure_apart(__file__, units=str(units)) for units in sizes]
    names = [f"{int(one['units']) * PERIODS:,} rows" for one in found]
    rows = [
        ["exit code", *(str(one["code"]) for one in found)],
        ["audit", *(one["audit"]["verdict"] for one in found)],
        ["audited, of specifications", *("{checked} of {eligible}".format(**one["audit"]) for one in found)],
        ["on units, of", *("{:,} of {:,}".format(*one["audit"]["units"]) for one in found)],
        ["largest |Δβ| / se", *(one["audit"]["estimate_gap"] for one in found)],
        ["estimates, seconds", *(one["estimate_all"] for one in found)],
        ["audit, seconds", *(one["audit_results"] for one in found)],
        ["the whole run, seconds", *(one["whole"] for one in found)],
    ]
    _bench.report("large_audit", "The audit of large panels", ["what", *names], rows)


if __name__ == "__main__":
    arguments = child_arguments()
    if arguments is None:
        main()
    else:
        print(json.dumps(measured(int(arguments["units"]))))
