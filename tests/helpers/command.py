"""The command line as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def run_specdid(
    arguments: Sequence[str], directory: Path, timeout: float = 900, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m specdid`` in ``directory``."""
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment}
    return subprocess.run(
        [sys.executable, "-m", "specdid", *arguments],
        cwd=directory, env=here, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
