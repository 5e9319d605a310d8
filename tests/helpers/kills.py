"""Runs that are killed and started again: a journal of what was computed, and what two directories differ in."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHILD = """
import os, sys
from specdid._run import analyse, pipeline
from specdid.engine import store
def note(*words):
    with open(os.environ["KILLS_JOURNAL"], "a") as file:
        file.write(" ".join(words) + "\\n")
def announced(module, name, phase):
    function = getattr(module, name)
    def inner(*given, **named):
        note("phase", phase)
        return function(*given, **named)
    setattr(module, name, inner)
announced(pipeline, "estimate_all", "estimating")
announced(pipeline, "run_nulls", "nulls")
announced(analyse, "run_analyses", "analyses")
announced(pipeline, "_draw", "drawing")
announced(pipeline, "_write", "writing")
put = store.Store.put
def journalled(self, key, arrays):
    note("computed", key.hex())
    put(self, key, arrays)
    note("stored", key.hex())
store.Store.put = journalled
from specdid._cli import main
main()
"""
"""The command line, with a line for each phase, each result that came back and each that was stored."""
BEFORE = "starting, reading, planning"
PHASES = (BEFORE, "estimating", "nulls", "analyses", "drawing", "writing")
APART = ("timings.parquet", "manifest.json")
"""Files that hold seconds; of the manifest all but SECONDS and the size of the first must be equal."""
SECONDS = ("wall_seconds", "taken_from_an_earlier_run")


@dataclass
class Tally:
    """What was done and what it cost.

    Attributes
    ----------
    process, worker : kills of the process and of one of its workers
    phases : of them, in which phase of the run they fell
    stored_before : how many results were stored at each kill
    runs : runs that came to their end, each compared with the one nobody stopped
    started : processes started
    computed, stored : results that came back, and that were stored
    again : computed though stored before
    lost : came back, but the kill fell before they were stored
    different : files that were not the same bytes
    """

    process: int = 0
    worker: int = 0
    phases: Counter[str] = field(default_factory=Counter)
    stored_before: list[int] = field(default_factory=list)
    runs: int = 0
    started: int = 0
    computed: int = 0
    stored: int = 0
    again: int = 0
    lost: int = 0
    different: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """All kills."""
        return self.process + self.worker

    def note(self, journal: Path, begun: int) -> None:
        """Note where a run is that is about to be killed; its lines begin at ``begun``."""
        lines = read(journal)
        phases = [line for line in lines[begun:].split(b"\n") if line.startswith(b"phase ")]
        self.phases[phases[-1].split()[1].decode() if phases else BEFORE] += 1
        self.stored_before.append(lines.count(b"stored"))


def start(spec: Path, out: Path, journal: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Start a run with a journal."""
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    here = {**os.environ, **threads, "PYTHONPATH": str(ROOT), "KILLS_JOURNAL": str(journal), **environment}
    with out.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", CHILD, "run", str(spec), "--out", str(out), "--audit", "0"],
            env=here,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd=spec.parent,
        )


def descendants(pid: int) -> Iterator[tuple[int, str]]:
    """Give the processes below one, with their command lines."""
    for child in _children(pid):
        try:
            yield child, Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        yield from descendants(child)


def _children(pid: int) -> list[int]:
    """Give the children of every thread; none where the process is gone."""
    found = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in listing.read_text().split()]
        except OSError:
            continue
    return found


def workers(pid: int) -> list[int]:
    """Give the loky workers of a process (not the one that watches over shared memory)."""
    return [p for p, command in descendants(pid) if "popen_loky_posix" in command]


def kill_until_done(spec: Path, out: Path, tally: Tally, rng: random.Random, most: int, longest: float) -> None:
    """Start a run, kill it or a worker at a random moment, start it again, until one comes to its end.

    ``longest`` bounds the seconds before a kill; after ``most`` kills in all it is left alone.
    """
    journal = out.with_suffix(".journal")
    while True:
        begun = len(read(journal))
        running = start(spec, out, journal)
        tally.started += 1
        while tally.kills < most:
            try:
                running.wait(rng.uniform(0.0, longest))
                break
            except subprocess.TimeoutExpired:
                tally.note(journal, begun)
            below = workers(running.pid)
            if below and rng.random() < 0.5:
                os.kill(rng.choice(below), signal.SIGKILL)
                tally.worker += 1
            else:
                running.kill()
                tally.process += 1
                break
        code = running.wait()
        if code == 0:
            break
        if code != -signal.SIGKILL:
            raise AssertionError(f"ended with {code}: {out.with_suffix('.log').read_text()[-2000:]}")
    tally.runs += 1
    _count(journal, tally)


def read(journal: Path) -> bytes:
    """Give a journal as far as it is; nothing where there is none yet."""
    return journal.read_bytes() if journal.exists() else b""


def _count(journal: Path, tally: Tally) -> None:
    lines = [line.split() for line in journal.read_text().splitlines()]
    stored: Counter[str] = Counter()
    computed = 0
    for word, key in lines:
        if word == "stored":
            stored[key] += 1
        elif word == "computed":
            computed += 1
            tally.again += stored[key] > 0
    tally.computed += computed
    tally.stored += len(stored)
    tally.lost += computed - sum(stored.values())


def compare(out: Path, whole: Path) -> list[str]:
    """Give the files of two directories of results that are not the same bytes."""
    names = [{p.name for p in d.iterdir() if not p.name.startswith(".")} for d in (out, whole)]
    wrong = sorted(names[0] ^ names[1])
    for name in sorted((names[0] & names[1]) - set(APART)):
        if (out / name).read_bytes() != (whole / name).read_bytes():
            wrong.append(name)
    manifests = [json.loads((d / "manifest.json").read_text()) for d in (out, whole)]
    for manifest in manifests:
        manifest["files"].pop("timings.parquet", None)
    for key in manifests[0].keys() | manifests[1].keys():
        if key not in SECONDS and manifests[0].get(key) != manifests[1].get(key):
            wrong.append(f"manifest.json: {key}")
    return wrong


def run_whole(spec: Path, out: Path) -> float:
    """Run without a kill; gives the seconds."""
    began = time.perf_counter()
    running = start(spec, out, out.with_suffix(".journal"))
    if running.wait():
        raise AssertionError(out.with_suffix(".log").read_text()[-2000:])
    return time.perf_counter() - began
