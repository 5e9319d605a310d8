"""What every benchmark does first and last: one thread, which kernel, seconds, and a small table on disk.

Import this before numpy: thread counts and OpenBLAS's kernel are read when it is loaded.
"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

if "numpy" in sys.modules:
    raise ImportError("import _bench before numpy: it sets thread counts")

THREADS = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "RAYON", "MKL")}
os.environ.update(THREADS)
# An older machine's work-around that some images set; it makes a current OpenBLAS slow.
for _name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONDONTWRITEBYTECODE"):
    os.environ.pop(_name, None)

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
RESULTS = Path(__file__).parent / "results"


def quick() -> bool:
    """Tell whether ``--quick`` was given: smaller problems, the same programs."""
    return "--quick" in sys.argv[1:]


def conditions() -> str:
    """Say on what the figures were measured: threads, kernel, versions."""
    import platform

    import numpy as np
    from threadpoolctl import threadpool_info

    kernels = sorted(
        {
            f"{d['internal_api']} {d['architecture']} {d['num_threads']} thread(s)"
            for d in threadpool_info()
            if "architecture" in d
        }
    )
    load = os.getloadavg()[0]
    return (
        f"{', '.join(kernels)}; {', '.join(f'{k}={v}' for k, v in THREADS.items())}; "
        f"{os.cpu_count()} cores, load {load:.1f}; Python {platform.python_version()}, numpy {np.__version__}"
        + ("; --quick" if quick() else "")
    )


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Give the median of the wall times of ``repeats`` runs."""
    times = []
    for _ in range(repeats):
        began = perf_counter()
        work()
        times.append(perf_counter() - began)
    return sorted(times)[len(times) // 2]


def peak_bytes() -> int:
    """Give the process's largest resident size since `reset_peak`."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def reset_peak() -> int:
    """Start a new peak; give the resident size now."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_bytes()


def report(name: str, title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table and write it as results/<name>.md and .csv (nothing is written with --quick)."""
    text = [[_cell(value) for value in row] for row in rows]
    lines = ["| " + " | ".join(line) + " |" for line in [list(header), ["---"] * len(header), *text]]
    page = "\n".join([f"# {title}", "", conditions(), "", *lines, ""])
    print(page)
    if quick():
        return
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(page, encoding="utf-8")
    with (RESULTS / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *text])


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
