"""One measurement in a process of its own, so that its peak memory is its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def measure_apart(program: str, **arguments: object) -> dict[str, float]:
    """Run ``program --child '{...}'`` and give the numbers it prints as JSON on its last line."""
    command = [sys.executable, str(Path(program).resolve()), "--child", json.dumps(arguments)]
    command += [a for a in sys.argv[1:] if a == "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def child_arguments() -> dict[str, object] | None:
    """Give what `measure_apart` passed, or None in the program itself."""
    if "--child" not in sys.argv:
        return None
    found: dict[str, object] = json.loads(sys.argv[sys.argv.index("--child") + 1])
    return found
