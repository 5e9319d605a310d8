"""Whole processes: start, check, and complete runs, against the time pf.feols needs for the estimates alone.

What a user waits for, the first file of the curve and the flagship example, is against a process that imports pyfixest
and calls it once. The curve's files are looked for where a run puts them together.

Bytecode is compiled first; every process runs without PYTHONDONTWRITEBYTECODE and with
the library's own thread settings on top of those printed. Run as
``python tests/bench/process.py [--quick]``.
"""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import _bench
import numpy as np
from _panels import EFFECTS, make_members, make_panel
from _reference import formula, mean_seconds

SPEC = """\
[study]
title = "Benchmark"
data = "panel.csv"
unit = "city"
time = "year"
seed = 1
missing = "listwise"

[outcome]
"y0" = {{ formula = "y0", scale = "units" }}
"y1" = {{ formula = "y1", scale = "units" }}

[treatment]
"d" = "d"

[controls]
"any" = "mvsw({controls})"

[fixed_effects]
{effects}

[sample]
{samples}

[vcov]
"city" = "~city"

[inference]
draws = 999
null = ["wild"]

[run]
jobs = {jobs}
"""
EFFECT_NAMES = tuple(EFFECTS)
_ENVIRONMENT = dict(os.environ, PYTHONPATH=str(_bench.ROOT))


def write_study(folder: Path, controls: int, effects: int, samples: int, missing: float) -> tuple[Path, int]:
    """Write panel.csv and study.toml; give the spec file and how many specifications it plans."""
    panel = make_panel(controls=controls, missing=missing)
    frame = panel.frame()
    frame.to_csv(folder / "panel.csv", index=False, float_format="%.17g")
    written = "\n".join(f'"{e}" = "{"0" if e == "none" else e}"' for e in EFFECT_NAMES[:effects])
    conditions = ["TRUE", *(f"city != {i}" for i in range(1, samples))]
    spec = SPEC.format(
        controls=", ".join(f"x{i}" for i in range(controls)),
        effects=written,
        jobs=os.cpu_count(),
        samples="\n".join(f'"s{i}" = "{c}"' for i, c in enumerate(conditions)),
    )
    (folder / "study.toml").write_text(spec, encoding="utf-8")
    return folder / "study.toml", 2 * 2**controls * effects * samples


def process_seconds(*command: str, cwd: Path = _bench.ROOT, repeats: int = 1) -> float:
    """Give the median wall time of a command; an exit code other than 0 ends the benchmark."""

    def once() -> None:
        done = subprocess.run(command, cwd=cwd, env=_ENVIRONMENT, capture_output=True, text=True, check=False)
        if done.returncode:
            said = f"{done.stdout}\n{done.stderr}"
            raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{said}")

    return _bench.seconds(once, repeats)


def specdid(*arguments: str, cwd: Path = _bench.ROOT, repeats: int = 1) -> float:
    """Time ``python -m specdid …``."""
    return process_seconds(sys.executable, "-m", "specdid", *arguments, cwd=cwd, repeats=repeats)


def reference_seconds(controls: int, missing: float, picked: int) -> float:
    """Time one pf.feols call on the study's models, all rows: the mean over a random few."""
    panel = make_panel(controls=controls, missing=missing)
    members = make_members(panel, 4)
    rng = np.random.default_rng(1)
    chosen = rng.choice(len(members), picked, replace=False)
    return mean_seconds(panel, [formula(panel, members, s, EFFECT_NAMES) for s in chosen], {"CRV1": "city"})


def start_rows() -> list[list[object]]:
    """Measure --help and check, beyond the interpreter's own start."""
    bare = process_seconds(sys.executable, "-c", "pass", repeats=7)
    with tempfile.TemporaryDirectory() as name:
        spec, _ = write_study(Path(name), 8, 4, 5, 0.0)
        helped = specdid("--help", repeats=7) - bare
        checked = specdid("check", str(spec), repeats=5) - bare
    return [
        ["specdid --help beyond the interpreter, s", helped, 0.3, _met(helped, 0.3)],
        ["specdid check, 10,240 specifications, beyond the interpreter, s", checked, 1.0, _met(checked, 1.0)],
    ]


def run_rows(title: str, controls: int, samples: int, missing: float, part: float) -> list[list[object]]:
    """Measure one complete run against pf.feols for the estimates alone."""
    effects = len(EFFECT_NAMES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec, planned = write_study(folder, controls, effects, samples, missing)
        began = perf_counter()
        specdid("run", str(spec), "--out", str(folder / "out"), cwd=folder)
        spent = perf_counter() - began
        written = sorted(p.name for p in (folder / "out").iterdir())
    if "results.csv" not in written or "curve.pdf" not in written:
        raise RuntimeError(f"the run wrote {written} only")
    one = reference_seconds(controls, missing, 16 if _bench.quick() else 64)
    share = spent / (one * planned)
    return [
        [f"{title}: {planned} specifications, s", spent, "", ""],
        [f"{title}: share of {one * 1e3:.1f} ms × {planned}", share, part, _met(share, part)],
    ]


_FIRST_CALL = "import pyfixest as pf; pf.feols('Y ~ X1', pf.get_data(N=100))"


def waiting_rows(repeats: int) -> list[list[object]]:
    """Measure when a small run has its first curve, and smart_city with its figures, beside pyfixest's first call."""
    call = process_seconds(sys.executable, "-c", _FIRST_CALL, repeats=repeats)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, planned = write_study(folder, 5, 3, 1, 0.0)
        first = min(first_curve(small, folder / str(k)) for k in range(repeats))
        whole, drawing = min(city_seconds(folder / f"city{k}") for k in range(1 if _bench.quick() else 2))
    return [
        ["import pyfixest and a first call, s", call, "", ""],
        [f"first file of the curve, {planned} specifications, s", first, 1.5, _met(first, 1.5)],
        ["the same, first calls of pyfixest", first / call, "", ""],
        ["smart_city, s", whole, "", ""],
        ["the same, first calls of pyfixest", whole / call, 11, _met(whole / call, 11)],
        ["smart_city's figures and appendix, s", drawing, 3.0, _met(drawing, 3.0)],
        ["the same, first calls of pyfixest", drawing / call, "", ""],
    ]


def first_curve(spec: Path, out: Path) -> float:
    """Return the seconds until a run has written a file of the curve."""
    command = (sys.executable, "-m", "specdid", "run", str(spec), "--out", str(out), "--quiet")
    began = perf_counter()
    with subprocess.Popen(command, env=_ENVIRONMENT) as process:
        while process.poll() is None:
            if any(out.glob(".specdid-new-*/curve.*")):
                break
            sleep(0.002)
        return perf_counter() - began


def city_seconds(out: Path) -> tuple[float, float]:
    """Return the seconds that the flagship example takes, and those of its figures."""
    command = (sys.executable, "-m", "specdid", "run", "smart_city.toml", "--out", str(out))
    told: dict[str, float] = {}
    began = perf_counter()
    options: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=_bench.ROOT / "specs", env=_ENVIRONMENT, **options) as process:
        assert process.stderr is not None
        for line in process.stderr:
            told.setdefault(line.strip(), perf_counter() - began)
    return perf_counter() - began, told["writing results"] - told["drawing the curve"]


def _met(value: float, bar: float) -> str:
    return "yes" if value <= bar else "NO"


def main() -> None:
    """Measure everything, print and keep the table."""
    compileall.compile_dir(str(_bench.ROOT / "specdid"), quiet=2)
    rows = [*start_rows(), *waiting_rows(3)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec, planned = write_study(folder, 5, 3, 1, 0.0)
        specdid("run", str(spec), "--out", str(folder / "warm"), cwd=folder)
        small = specdid("run", str(spec), "--out", str(folder / "out"), cwd=folder)
    rows.append([f"specdid run, {planned} specifications, s", small, 4.0, _met(small, 4.0)])
    controls, samples = (5, 2) if _bench.quick() else (8, 5)
    rows += run_rows("specdid run, common sample", controls, samples, 0.0, 1 / 8)
    rows += run_rows("specdid run, 3% missing, listwise", controls, samples, 0.03, 1 / 5)
    _bench.report("process", "Whole processes", ["what", "value", "bar", "met"], rows)


if __name__ == "__main__":
    main()
