"""How much memory is left for data: what the machine, the container and the process's own limit allow."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_CONTAINER = Path("/sys/fs/cgroup")


def available() -> float:
    """Return the bytes that may still be asked for; inf where the system does not say."""
    return max(min(_machine(), _container(), _limit()), 0.0)


def _machine() -> float:
    if sys.platform == "linux":
        with Path("/proc/meminfo").open("rb") as file:
            for line in file:
                if line.startswith(b"MemAvailable:"):
                    return float(line.split()[1]) * 1024
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return float("inf")


def _container() -> float:
    try:
        most = (_CONTAINER / "memory.max").read_text("ascii").strip()
        used = (_CONTAINER / "memory.current").read_text("ascii")
        return float(most) - float(used) if most != "max" else float("inf")
    except (OSError, ValueError):
        return float("inf")


def _limit() -> float:
    """Return what `ulimit -v` leaves."""
    try:
        import resource

        most = resource.getrlimit(resource.RLIMIT_AS)[0]
        if most == resource.RLIM_INFINITY:
            return float("inf")
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        return float(most - pages * resource.getpagesize())
    except (ImportError, OSError, ValueError):
        return float("inf")
