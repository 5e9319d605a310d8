"""The example panel: synthetic cities with known effects, for the README, the tests and ``specdid init``."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_NAME = "study"
"""What the starter is called in its own comments, and in a directory without a name."""


SCHEMA = "specdid.schema.json"
"""The file that a starter's first line tells editors of."""


def write_starter(directory: Path, schema: str) -> tuple[Path, Path, Path]:
    """Write the starter spec, its synthetic panel and ``schema``, over nothing that exists.

    Returns
    -------
    tuple of Path
        The spec file, called as its directory is so that two studies keep their results apart,
        the data file and the schema.

    Raises
    ------
    FileExistsError
        One of them exists; then none is written.
    """
    from specdid._example.smart_city import make_panel, write_csv

    name = directory.resolve().name
    name = name if name.isprintable() and name else _NAME
    paths = (directory / f"{name}.toml", directory / "smart_city.csv", directory / SCHEMA)
    for path in paths:
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    directory.mkdir(parents=True, exist_ok=True)
    text = (Path(__file__).parent / "starter.toml").read_text("utf-8")
    text = text.replace(f"{_NAME}.toml", f"{name}.toml").replace(f"outputs/{_NAME}/", f"outputs/{name}/")
    spec, data, described = paths
    spec.write_text(f"#:schema ./{SCHEMA}\n{text}", "utf-8", newline="\n")
    write_csv(data, make_panel())
    described.write_text(schema, "utf-8", newline="\n")
    return paths
