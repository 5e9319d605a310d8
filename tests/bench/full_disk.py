"""A disk that is full at every stage of a run: exit code 5, the results of before whole, and then a run as ever.

Run as root as ``python tests/bench/full_disk.py [--quick]``: a file system in memory takes the results, and a
file of ballast leaves a little more room each time, from nothing until the run succeeds.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

import _bench
from small_studies import small_panel, small_study
from toml_text import write_toml

SIZE = 24 * 2**20
STEP = 2**20 // (1 if _bench.quick() else 8)
BY_RUN = {"manifest.json", "timings.parquet", ".specdid.lock"}


def contents(place: Path) -> dict[str, bytes]:
    """Return the files that a run publishes, whose bytes are a function of the study."""
    return {p.name: p.read_bytes() for p in sorted(place.iterdir()) if p.is_file() and p.name not in BY_RUN}


def run(spec: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "specdid",
        "run",
        str(spec),
        "--out",
        str(out),
        "--audit",
        "0",
        "--jobs",
        "1",
        "-q",
    ]
    return subprocess.run(command, capture_output=True, text=True, cwd=spec.parent)


def study(seed: int) -> dict:
    made = small_study(controls={"any": "mvsw(x1, x2, x3)"}, inference={"draws": 199})
    made["study"]["seed"] = seed
    return made


def main(folder: Path, disk: Path) -> list[list[object]]:
    small_panel(units=30).write_csv(folder / "given.csv")
    spec, out, ballast = folder / "study.toml", disk / "out", disk / "ballast"
    write_toml(study(1), spec)
    assert run(spec, out).returncode == 0
    before = contents(out)
    write_toml(study(2), spec)
    assert run(spec, folder / "clean").returncode == 0
    clean, found = contents(folder / "clean"), Counter[str]()
    left = 0
    while left < SIZE:
        free = int(
            subprocess.run(["df", "--output=avail", "-B1", disk], capture_output=True, text=True).stdout.split()[-1]
        )
        ballast.write_bytes(b"\0" * max(free - left, 0))
        done = run(spec, out)
        ballast.unlink()
        found["runs"] += 1
        if done.returncode == 0:
            break
        marked = (out / "INCOMPLETE.txt").exists()
        found["exit code 5"] += done.returncode == 5
        found["other exit codes"] += done.returncode != 5
        found["without a reason"] += not done.stderr.strip()
        found["tracebacks"] += "Traceback" in done.stderr
        found["results of before whole"] += contents(out) == before
        found["marked as incomplete"] += marked
        found["neither whole nor marked"] += contents(out) != before and not marked
        left += STEP
        print(f"{left / 2**20:.2f} MiB of room: {done.returncode} {done.stderr.strip()[-90:]}", flush=True)
    found["room when it succeeded, MiB"] = round(left / 2**20, 1)
    differ = [name for name, content in clean.items() if contents(out).get(name) != content]
    found["files that differ from a run with room"] = len(differ)
    print("differing:", *differ)
    return [[what, count] for what, count in found.items()]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        disk = Path(place) / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", disk], check=True)
        try:
            rows = main(Path(place), disk)
        finally:
            subprocess.run(["umount", disk], check=True)
    _bench.report("full_disk", "A full disk", ["what", "count"], rows)
