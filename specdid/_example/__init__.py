"""The example panel: synthetic cities with known effects, for the README, the tests and ``specdid init``."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_NAME = "study"
"""What the starter is called in its own comments, and in a directory without a name."""


def write_starter(directory: Path) -> tuple[Path, Path]:
    """Write the starter spec and its synthetic panel, over nothing that exists.

    Returns
    -------
    tuple of Path
        The spec file, called as its directory is so that two studies keep their results apart,
        and the data file.

    Raises
    ------
    FileExistsError
        One of the two exists; then neither is written.
    """
    from specdid._example.smart_city import make_panel, write_csv

    name = directory.resolve().name
    name = name if name.isprintable() and name else _NAME
    spec, data = directory / f"{name}.toml", directory / "smart_city.csv"
    for path in (spec, data):
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    directory.mkdir(parents=True, exist_ok=True)
    text = (Path(__file__).parent / "starter.toml").read_text("utf-8")
    text = text.replace(f"{_NAME}.toml", f"{name}.toml").replace(f"outputs/{_NAME}/", f"outputs/{name}/")
    spec.write_text(text, "utf-8", newline="\n")
    write_csv(data, make_panel())
    return spec, data
