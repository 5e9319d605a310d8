"""The command line: as a process, and in this one."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pace import patience
from specdid._cli import main


def run_specdid(
    arguments: Sequence[str], directory: Path, timeout: float = 300, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m specdid`` in ``directory``."""
    return _python(["-m", "specdid", *arguments], directory, timeout, environment)


def _python(
    arguments: Sequence[str], directory: Path, timeout: float, environment: dict[str, str], given: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        input=given,
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
        capture_output=True,
        text=True,
        timeout=patience(timeout),
        check=False,
    )


SEVERAL = f"""
import json, sys
from pathlib import Path
sys.path.append({str(Path(__file__).parent)!r})
from command import call_specdid
for arguments in json.load(sys.stdin):
    done = call_specdid(arguments, Path.cwd())
    print(json.dumps([done.returncode, done.stdout, done.stderr]))
"""


def run_several(
    commands: Sequence[Sequence[str]], directory: Path, timeout: float = 300, **environment: str
) -> list[tuple[int, str, str]]:
    """Run commands one after another in one process of their own; give each one's exit code and what it said."""
    given = json.dumps([list(command) for command in commands])
    done = _python(["-c", SEVERAL], directory, timeout, environment, given)
    assert done.returncode == 0, done.stderr
    code, out, err = zip(*map(json.loads, done.stdout.splitlines()), strict=True)
    return list(zip(code, out, err, strict=True))


def call_specdid(arguments: Sequence[str], directory: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in this process, where what is tested is what it says and not how a process starts and ends.

    A process takes seconds to import what is imported here already.
    """
    out, err = io.StringIO(), io.StringIO()
    # A process prints what is logged, since nobody has set up logging there.
    logged = logging.StreamHandler(err)
    logged.setLevel(logging.WARNING)
    logging.getLogger().addHandler(logged)
    code: str | int | None = 0
    try:
        with contextlib.chdir(directory), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main(list(arguments), prog_name="specdid")
    except SystemExit as end:
        code = end.code
    finally:
        logging.getLogger().removeHandler(logged)
    return subprocess.CompletedProcess(list(arguments), int(code or 0), out.getvalue(), err.getvalue())
