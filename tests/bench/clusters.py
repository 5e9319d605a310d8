"""Whole runs on dask and ray, on a cluster of their own and on one started by hand: the bytes of a serial run.

Run as ``python tests/bench/clusters.py [--quick]``. Each is done again with a worker killed midway.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

import _bench
from kills import compare, descendants, read, start
from small_studies import small_panel, small_study
from toml_text import write_toml

PORT = 18786
RAY_PORT = 6399
WORKER = {"dask": "spawn_main", "ray": "ray::PoolActor"}
"""What the command line of a worker holds."""
JOBS = {"dask": 3, "ray": 2}


def study(backend: str) -> dict:
    """Least squares and Sun-Abraham, and a few of Poisson, two-stage and local projections; both nulls."""
    return small_study(
        outcome={"y": {"formula": "y", "scale": "y"}, "z": {"formula": "z", "scale": "z"}},
        controls={"any": "mvsw(x1, x2)"},
        sample={"all": "TRUE", "without 1": "id != 1", "without 2": "id != 2"},
        weights={"none": "1", "w": "w"},
        estimator={"OLS": "feols", "SA": "sunab", "2S": "did2s", "LP": "lpdid", "Poisson": "fepois"},
        exclude=[
            {
                "when": {"estimator": ["2S", "LP", "Poisson"]},
                "because": "a few are enough",
                "unless": {"weights": "none", "sample": "all"},
            },
            {"when": {"estimator": "Poisson", "outcome": "y"}, "because": "not positive"},
        ],
        inference={"draws": 39, "null": ["wild", "permutation"], "assign": "d + cohort"},
        figure={"formats": ["svg"]},
        run={"backend": backend, "jobs": JOBS.get(backend, 1)},
    )


@contextmanager
def cluster(backend: str) -> Iterator[dict[str, str]]:
    """Start a cluster by its own commands; gives the variable that names its address."""
    python, commands = Path(sys.executable).parent, []
    if backend == "dask":
        address = f"tcp://127.0.0.1:{PORT}"
        commands.append(["dask", "scheduler", "--host", "127.0.0.1", "--port", str(PORT), "--no-dashboard"])
        commands += [["dask", "worker", address, "--nworkers", "1", "--no-dashboard"]] * JOBS["dask"]
        variable = "DASK_SCHEDULER_ADDRESS"
    else:
        address, variable = f"127.0.0.1:{RAY_PORT}", "RAY_ADDRESS"
        commands.append(
            [
                "ray",
                "start",
                "--head",
                "--block",
                "--port",
                str(RAY_PORT),
                "--num-cpus",
                "2",
                "--node-ip-address",
                "127.0.0.1",
                "--include-dashboard",
                "false",
                "--disable-usage-stats",
            ]
        )
    shared = {variable: address}
    if backend == "ray":  # a token of this cluster's own
        shared |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    here = {**os.environ, "PYTHONPATH": str(_bench.ROOT), **shared}
    for name in _bench.THREADS:  # as a user's shell has it
        here.pop(name, None)
    started = [
        subprocess.Popen(
            [str(python / command), *rest],
            env=here,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for command, *rest in commands
    ]
    try:
        time.sleep(15 if backend == "ray" else 0)
        yield {**shared, "CLUSTER": " ".join(str(p.pid) for p in started)}
    finally:
        for process in started:
            below = [pid for pid, _ in descendants(process.pid)]
            process.terminate()
            process.wait()
            for pid in below:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def run(backend: str, out: Path, extra: dict[str, str], kill: bool) -> str:
    """Run a study; gives how many workers were killed and of how many, or how the run ended instead of well."""
    folder = out.parent / "study"  # one name for all: the report's programs name the spec's path
    folder.mkdir(exist_ok=True)
    small_panel(units=40, periods=8).write_csv(folder / "given.csv")
    write_toml(study(backend), folder / "study.toml")
    journal = out.with_suffix(".journal")
    running = start(folder / "study.toml", out, journal, **extra)
    killed = ""
    if kill:
        while running.poll() is None and read(journal).count(b"stored") < 3:
            time.sleep(0.01)
        roots = [running.pid, *map(int, extra.get("CLUSTER", "").split())]
        workers = [pid for root in roots for pid, command in descendants(root) if WORKER[backend] in command]
        if running.poll() is not None or not workers:
            return "no worker was there to be killed"
        os.kill(workers[0], signal.SIGKILL)
        killed = f"1 of {len(workers)}"
    code = running.wait()
    return killed if code == 0 else f"ended with {code}: {out.with_suffix('.log').read_text()[-300:]}"


def differing(out: Path, whole: Path) -> list[str]:
    """Give the files that differ but for the spec's hash and, in the manifest, the backend: the spec names it."""
    for folder in (out, whole):
        path = folder / "manifest.json"
        manifest = json.loads(path.read_text())
        spec = manifest["spec"].pop("sha256", "")
        manifest["run"].pop("backend", None)
        path.write_text(json.dumps(manifest))
        if spec:
            page = folder / "report.html"
            page.write_text(page.read_text().replace(spec, "(the spec's hash)"))
    # The record of the spec file differs: it names the backend.
    return [name for name in compare(out, whole) if name != "manifest.json: spec"]


if __name__ == "__main__":
    rows = []
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        whole = base / "whole"
        run("serial", whole, {}, False)
        account = next(line for line in (whole / "summary.md").read_text().splitlines() if " planned" in line)
        files = len([p for p in whole.iterdir() if not p.name.startswith(".")]) - 1
        rows.append(["serial", 1, "", account, files, "", ""])
        for backend in ("dask",) if _bench.quick() else ("dask", "ray"):
            for by_hand in (False, True):
                for kill in (False, True):
                    out = base / f"{backend}{by_hand}{kill}"
                    if by_hand:
                        with cluster(backend) as extra:
                            said = run(backend, out, extra, kill)
                    else:
                        said = run(backend, out, {}, kill)
                    good = (out / "results.csv").exists()
                    wrong = differing(out, whole) if good else ["all"]
                    where = f"{backend}, {'cluster started by hand' if by_hand else 'started by the run'}"
                    met = good and not wrong and (said.startswith("1 of") if kill else not said)
                    rows.append(
                        [
                            where,
                            JOBS[backend],
                            said,
                            account if good else "",
                            files,
                            ", ".join(wrong) or 0,
                            "yes" if met else "NO",
                        ]
                    )
                    print(rows[-1], flush=True)
    _bench.report(
        "clusters",
        "Dask and ray against a serial run",
        ["backend", "workers", "killed midway", "specifications", "files compared", "files that differ", "met"],
        rows,
    )
