"""Keeps a caged process: gives it commands, stops it when one hangs, and judges what it answers."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pace import too_long

CAGE = Path(__file__).with_name("fuzz_cage.py")
CODES = frozenset((0, 2, 3, 4, 5))
SECONDS = 10.0
PATIENCE = 20
"""A process that waits (for a pipe, a device) is stopped after so many times its seconds."""
MEGABYTES = 2048
MOST_RUN = 300
"""Specifications up to which a fuzzed grid is run."""


@dataclass(frozen=True, slots=True)
class Case:
    """Files to write into the sandbox, and the commands to run on them."""

    name: str
    files: dict[str, bytes]
    commands: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One command that did what no command may."""

    kind: str
    case: str
    command: str
    detail: str


@dataclass(slots=True)
class Tally:
    """What the cases of one fuzzer came to."""

    cases: Counter[str] = field(default_factory=Counter)
    codes: Counter[tuple[str, int]] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    slowest: float = 0.0
    slowest_case: str = ""
    peak: float = 0.0
    restarts: int = 0

    def count(self, kind: str) -> int:
        return sum(f.kind == kind for f in self.findings)


def _specifications(answer: dict[str, Any]) -> int:
    """Read how many specifications ``check`` counted."""
    counted = re.search(r"no errors; ([\d,]+) specification", answer["stdout"])
    return int(counted[1].replace(",", "")) if counted else 0


def processor_seconds(process: int) -> float:
    """Give the seconds that a process has worked: on a busy machine the clock says nothing of it."""
    try:
        words = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _have_secret(path: Path) -> None:
    """Write the key that caches are signed with, which a first run would make outside of its directory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_bytes(os.urandom(32))
        path.chmod(0o600)


class Keeper:
    """One caged process and its sandbox; a process that hangs or dies is replaced."""

    def __init__(self, sandbox: Path, warm: str, seconds: float = SECONDS, megabytes: int = MEGABYTES) -> None:
        self.sandbox, self.warm, self.seconds, self.megabytes = sandbox, warm, seconds, megabytes
        self.process: subprocess.Popen[bytes] | None = None
        self.tally = Tally()

    def __enter__(self) -> Keeper:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def try_all(self, cases: Iterable[Case]) -> Tally:
        """Run every case; the tally says what went wrong."""
        for case in cases:
            self.try_one(case)
        return self.tally

    def try_one(self, case: Case) -> list[dict[str, Any]]:
        """Write a case's files, run its commands, note findings; gives the answers."""
        for name, content in case.files.items():
            path = self.sandbox / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self.tally.cases[case.name.partition(":")[0]] += 1
        answers = []
        for command in case.commands:
            answer = self._ask(command) or self._ask(command, again=True)
            self._judge(case, command, answer)
            if answer is not None:
                answers.append(answer)
            if answer is None or answer.get("code") != 0 or _specifications(answer) > MOST_RUN:
                break  # a spec with faults gives the same faults again; a large grid takes long by right
        return answers

    def _judge(self, case: Case, command: Sequence[str], answer: dict[str, Any] | None) -> None:
        tally, words = self.tally, " ".join(command[:1])
        if answer is None:
            self._note("hang", case, words, f"no answer in {self.seconds:g} s of its processor, twice")
            return
        if "died" in answer:
            self._note("died", case, words, answer["died"])
            return
        tally.codes[words, answer["code"]] += 1
        tally.peak = max(tally.peak, answer["peak"])
        if answer["seconds"] > tally.slowest:
            tally.slowest, tally.slowest_case = answer["seconds"], f"{case.name} {words}"
        if answer["code"] not in CODES:
            self._note("exit code", case, words, f"{answer['code']}: {answer['stderr'][-1500:]}")
        if "Traceback (most recent call last)" in answer["stderr"] + answer["stdout"]:
            self._note("traceback", case, words, answer["stderr"][-1500:])
        if answer["code"] == 2 and "error" not in answer["stderr"].lower():
            self._note("silence", case, words, "refused without a reason")
        for event in answer["events"]:
            self._note("execution", case, words, event)
        for left in self.sandbox.glob("*canary*"):
            self._note("execution", case, words, f"{left.name} was made")
            left.unlink()

    def _note(self, kind: str, case: Case, command: str, detail: str) -> None:
        self.tally.findings.append(Finding(kind, case.name, command, detail))

    def _ask(self, command: Sequence[str], again: bool = False) -> dict[str, Any] | None:
        """Run a command; None where it hangs."""
        process = self._running()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(list(command)).encode() + b"\n")
            process.stdin.flush()
            answer = self._answer(process, self.seconds)
        except BrokenPipeError:
            answer = b""
        if answer is None:
            self._stop()
            return None
        if not answer:
            died = process.wait()
            self._stop()
            return {"died": f"signal {-died}" if died < 0 else f"exit code {died}"}
        return dict(json.loads(answer))

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            environment = {
                **os.environ,
                "OPENBLAS_NUM_THREADS": "1",
                "RAYON_NUM_THREADS": "1",
                "POLARS_MAX_THREADS": "1",
                "PYTHONPATH": str(CAGE.parents[2]),
                "TMPDIR": str(self.sandbox / "tmp"),
                "XDG_STATE_HOME": str(self.sandbox / "state"),
            }
            (self.sandbox / "tmp").mkdir(exist_ok=True)
            _have_secret(self.sandbox / "state" / "specdid" / "cache.key")
            arguments = [sys.executable, str(CAGE), str(self.sandbox), self.warm, str(self.megabytes)]
            log = (self.sandbox / "cage.log").open("ab")
            self.process = subprocess.Popen(
                arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment
            )
            log.close()
            self.tally.restarts += 1
            if not self._answer(self.process, 120):
                raise RuntimeError(f"the cage did not start; see {self.sandbox / 'cage.log'}")
        return self.process

    @staticmethod
    def _answer(process: subprocess.Popen[bytes], seconds: float) -> bytes | None:
        """Read a line: None when it worked for ``seconds`` or did nothing for long; empty where it is gone."""
        assert process.stdout is not None
        begun, line = processor_seconds(process.pid), b""
        end = time.monotonic() + PATIENCE * seconds
        while not line.endswith(b"\n"):
            if select.select([process.stdout], [], [], 0.25)[0]:
                piece = os.read(process.stdout.fileno(), 1 << 16)
                if not piece:
                    return b""
                line += piece
            elif too_long(processor_seconds(process.pid) - begun, seconds) or time.monotonic() > end:
                return None
        return line

    def _stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for stream in (self.process.stdin, self.process.stdout):
                if stream is not None:
                    stream.close()
            self.process = None
