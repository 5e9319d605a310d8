"""Work that kills the process it is done in."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def square(flag: str, number: int) -> int:
    """Square a number; the first to come to 7 kills its process, and ``flag`` is then a file."""
    time.sleep(0.01)
    if number == 7 and not Path(flag).exists():
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def always(parent: int, number: int) -> int:
    """Add one in the process with this id; kill every other."""
    if os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return number + 1


def slowly(folder: str, number: int) -> int:
    """Leave this process's id as a file, and take long."""
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(100)
    return number
