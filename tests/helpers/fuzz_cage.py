"""A process in which strangers' files are read while an audit hook looks on.

Started as a program it reads one JSON list of command-line arguments a line from stdin, runs
specdid's command line on each in this very process, and answers one JSON object a line:
exit code, what was printed to stderr, the events that should not have happened, seconds of its processor and MiB.
"""

from __future__ import annotations

import ast
import io
import json
import os
import re
import resource
import sys
import time
from contextlib import redirect_stderr, redirect_stdout, suppress
from importlib.metadata import packages_distributions
from pathlib import Path
from types import FrameType
from typing import Any

CANARY = "canary"
"""Stands in every hostile text that would run code; no text of ours that is compiled holds it."""

ROOT = Path(__file__).resolve().parents[2]
_HOMES = (sys.prefix, sys.base_prefix, str(ROOT / "specdid"), "/usr/share", "/usr/lib", "/etc/fonts")
_SYSTEM = (
    "/proc/self/statm",
    "/proc/self/status",
    "/proc/self/maps",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/sys/",
    "/dev/null",
    "/dev/urandom",
)
_MODEL_NAMES = re.compile(r"(?:__fixed_effect__|[ydxwcfsCI]?[\d_]+|[ydxwcfsCI()\d ,:+|~*-])*")
_MAKERS = ("/dataclasses.py", "/collections/__init__.py", "/typing.py", "/traceback.py")
_NEVER = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "subprocess.Popen", "pty.spawn",
    "socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request", "ftplib.connect",
    "http.client.connect", "smtplib.connect", "pickle.find_class", "marshal.loads", "code.__new__", "sqlite3.connect",
    "webbrowser.open", "os.chmod", "os.chown", "os.link", "os.symlink",
)  # fmt: skip
_WRITING = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.utime", "shutil.rmtree")


class Watch:
    """The audit hook: notes what a data file or a spec may never bring about."""

    def __init__(self, sandbox: Path) -> None:
        self.sandbox = str(sandbox.resolve())
        self.installed = frozenset(packages_distributions()) | {"specdid"}
        self.events: list[str] = []
        self.on = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        self.on = False
        try:
            if event == "open":
                self._open(*arguments[:3])
            elif event in _WRITING:
                self._inside(event, arguments[0])
            elif event == "import":
                self._import(str(arguments[0]))
            elif event == "compile":
                self._text(event, arguments[0], str(arguments[1]))
            elif event == "exec":
                self._code(arguments[0])
            elif event in _NEVER and not _importing(sys._getframe(1)):
                self.note(event, arguments)
        finally:
            self.on = True

    def note(self, event: str, what: object) -> None:
        if len(self.events) < 20:
            self.events.append(f"{event}: {str(what)[:200]}")

    def _open(self, path: object, mode: object, flags: int) -> None:
        if not isinstance(path, str | bytes):
            return
        place = os.path.realpath(os.fsdecode(path))
        if place.startswith(self.sandbox):
            return
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) or bool(set("wax+") & set(str(mode or "")))
        place = place.replace(f"/proc/{os.getpid()}/", "/proc/self/")
        if writes or not place.startswith((*_HOMES, *_SYSTEM)):
            self.note("open", f"{place} {mode}")

    def _inside(self, event: str, path: object) -> None:
        if not isinstance(path, str | bytes):
            return
        # A link itself is moved or removed, not what it leads to.
        place = Path(os.fsdecode(path))
        if not str(place.parent.resolve() / place.name).startswith(self.sandbox):
            self.note(event, path)

    def _import(self, module: str) -> None:
        top = module.partition(".")[0]
        known = top in self.installed or top in sys.stdlib_module_names or top in sys.modules
        if CANARY in module or not (known or _by_library(sys._getframe(2))):
            self.note("import", module)

    def _text(self, event: str, source: object, file: str) -> None:
        text = source.decode("utf-8", "replace") if isinstance(source, bytes) else source
        frame = sys._getframe(2)
        if isinstance(text, str) and CANARY in text:
            self.note(event, text)
        elif not (_ours(file) or _importing(frame) or _made_by_library(frame, text)):
            self.note(event, f"{file}: {text}")

    def _code(self, code: Any) -> None:
        frame = sys._getframe(2)
        names = " ".join((*code.co_names, *(str(c) for c in code.co_consts)))
        if CANARY in names:
            self.note("exec", names)
        elif not (_ours(code.co_filename) or _importing(frame) or _made_by_library(frame, " ".join(code.co_names))):
            self.note("exec", f"{code.co_filename}: {names}")


def _ours(file: str) -> bool:
    return file.startswith(("<frozen", *_HOMES)) and file.endswith((".py", ">"))


def _importing(frame: FrameType | None) -> bool:
    """Say whether a module is being imported further up: its own code may do as it likes."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _by_library(frame: FrameType | None) -> bool:
    """Say whether an installed package looks for another, which it can do without."""
    while frame is not None and frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None and "/site-packages/" in frame.f_code.co_filename


def _made_by_library(frame: FrameType | None, source: object) -> bool:
    """Say whether a class is being made, a traceback printed, or formulaic evaluates names the engine gave."""
    while frame is not None and frame.f_code.co_filename.endswith("/ast.py"):
        frame = frame.f_back
    caller = frame.f_code.co_filename if frame is not None else ""
    if "/fontTools/" in caller or caller.endswith(_MAKERS):
        return True
    text = ast.unparse(source) if isinstance(source, ast.AST) else source
    return "/formulaic/" in caller and isinstance(text, str) and _MODEL_NAMES.fullmatch(text) is not None


def run_command(arguments: list[str], watch: Watch) -> dict[str, object]:
    """Run one command of specdid; whatever escapes it is code 1."""
    from specdid._cli import main

    out, err = io.StringIO(), io.StringIO()
    watch.events.clear()
    began = time.process_time()
    with redirect_stdout(out), redirect_stderr(err):
        watch.on = True
        try:
            main.main(args=arguments, prog_name="specdid", standalone_mode=True)
            code: object = 0
        except SystemExit as stop:
            code = 0 if stop.code is None else stop.code
        except BaseException as error:
            import traceback

            watch.on = False
            err.write("".join(traceback.format_exception(error)))
            code = 1
        watch.on = False
    return {
        "code": code,
        "stdout": out.getvalue()[-2000:],
        "stderr": err.getvalue()[-6000:],
        "events": list(watch.events),
        "seconds": time.process_time() - began,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def warm_up(sandbox: Path, spec: str) -> None:
    """Load every library before the hook looks on: what is imported later is imported for a file's sake."""
    import fastexcel  # noqa: F401
    import formulaic  # noqa: F401
    import pandas as pd
    import pyarrow.parquet  # noqa: F401
    import pyfixest
    from specdid._cli import main

    _ = pyfixest.feols, pd.read_stata
    for command in (["check", spec], ["run", spec, "--audit", "0", "--jobs", "1", "--out", "warm", "--quiet"]):
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), suppress(SystemExit):
            main.main(args=command, prog_name="specdid", standalone_mode=True)


def serve(sandbox: Path, spec: str, megabytes: int) -> None:
    """Answer commands until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    os.chdir(sandbox)
    sys.dont_write_bytecode = True  # a module imported late would be written beside its source, outside the sandbox
    warm_up(sandbox, spec)
    limit = _virtual() + megabytes * 1024**2
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    watch = Watch(sandbox)
    sys.addaudithook(watch)
    print(json.dumps({"ready": True}), file=answers)
    for line in sys.stdin:
        print(json.dumps(run_command(json.loads(line), watch)), file=answers)


def _virtual() -> int:
    status = Path("/proc/self/statm").read_text(encoding="ascii")
    return int(status.split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
