"""The example panel: synthetic cities with known effects, for the README, the tests and ``specdid init``."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def write_starter(directory: Path) -> tuple[Path, Path]:
    """Write the starter spec and its synthetic panel, over nothing that exists.

    Returns
    -------
    tuple of Path
        The spec file and the data file.

    Raises
    ------
    FileExistsError
        One of the two exists; then neither is written.
    """
    from specdid._example.smart_city import make_panel, write_csv

    spec, data = directory / "study.toml", directory / "smart_city.csv"
    for path in (spec, data):
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    directory.mkdir(parents=True, exist_ok=True)
    spec.write_bytes((Path(__file__).parent / "starter.toml").read_bytes())
    write_csv(data, make_panel())
    return spec, data
