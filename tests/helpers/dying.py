"""Work that kills the process it is done in."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def square(item: tuple[int, str]) -> int:
    """Square a number; the first to come to 7 kills its process (``item`` names a file that then exists)."""
    number, flag = item
    time.sleep(0.01)
    if number == 7 and not Path(flag).exists():
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def always(item: tuple[int, int]) -> int:
    """Kill every process but the one with this id."""
    number, parent = item
    if os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return number + 1
