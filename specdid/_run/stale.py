"""Files that an earlier run left in the output directory and the present one has no more."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from specdid._run.write import writing


def settle(directory: Path, written: Iterable[Path], whole: bool) -> dict[str, int]:
    """Remove what only an earlier run wrote; gives the names and bytes of the files to list in manifest.json.

    A file is removed where the directory's manifest lists it, with its present size, and this
    run did not write it. A file that was changed since, or never listed, is somebody's own.

    Parameters
    ----------
    whole : whether the run got to its end; one that did not removes nothing.

    Raises
    ------
    OutputError
        A file cannot be removed.
    """
    mine = {path.name: path.stat().st_size for path in written if path.parent == directory and path.is_file()}
    old = {name: size for name, size in listed(directory).items() if name not in mine}
    left = {name: size for name, size in old.items() if _is_unchanged(directory / name, size)}
    if not whole:
        return {**left, **mine}
    with writing(directory):
        for name in left:
            (directory / name).unlink(missing_ok=True)
    return mine


def listed(directory: Path) -> Mapping[str, int]:
    """Give the files that the directory's manifest lists; none where it has no such list."""
    try:
        found = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))["files"]
        return {name: size for name, size in found.items() if _is_plain(name) and isinstance(size, int)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _is_plain(name: str) -> bool:
    """Say whether a name is that of a file in the directory itself, and not the manifest's."""
    return name == Path(name).name and name not in ("", ".", "..", "manifest.json")


def _is_unchanged(path: Path, size: int) -> bool:
    return path.is_file() and not path.is_symlink() and path.stat().st_size == size
