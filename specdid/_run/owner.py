"""Whose results a directory holds: what the manifest says of its study, and whether that is this one.

A name is not enough: every folder of a project may have its own ``study.toml``. A study is known by
its spec file's place relative to its results, which moves with the project and with a copy of it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from specdid._diagnostics import OutputError
from specdid._records.files import read_json
from specdid._study import Study
from specdid.panel import Panel


def default_directory(study: Study) -> Path:
    """Return where results go unless ``--out`` says otherwise."""
    return Path("outputs") / study.name


def spec_record(study: Study, directory: Path | None) -> dict[str, Any]:
    """Return what the manifest in ``directory`` says of the spec.

    ``file`` is the spec file's path from there, None of a study that is no file.
    """
    return {
        "name": study.name,
        "file": None if directory is None else _place(study, directory),
        "stem": study.stem,
        "sha256": None if study.document is None else _hash(study.document.text),
        "title": study.title,
    }


def data_record(study: Study, panel: Panel) -> dict[str, Any]:
    """Return what the manifest says of the data."""
    return {"file": study.data.name if study.data else None, "sha256": panel.sha256, "rows": panel.n_rows}


def refuse_foreign(directory: Path, study: Study, panel: Panel) -> None:
    """Let nobody write over the results of another study.

    Raises
    ------
    OutputError
        ``directory`` has a manifest of another study.
    """
    found = read_record(directory)
    other = None if found is None else _other(found, study, panel, directory)
    if other is not None:
        said = "".join(c if c.isprintable() else " " for c in other)  # a stranger's manifest may hold anything
        raise OutputError(f"{directory} holds the results of {said}")


def read_record(directory: Path) -> Mapping[str, Any] | None:
    """Read what a manifest says of study and data; None where there is none that specdid wrote."""
    found = read_json(directory / "manifest.json")
    if not isinstance(found, dict) or not isinstance(found.get("spec"), dict):
        return None
    data = found.get("data")
    return {"spec": found["spec"], "data": data if isinstance(data, dict) else {}}


def _other(found: Mapping[str, Any], study: Study, panel: Panel, directory: Path) -> str | None:
    """Name the other study whose manifest this is, and say what to do; None where it is the same."""
    spec, data = found["spec"], found["data"]
    mine, my_data = spec_record(study, directory), data_record(study, panel)
    name = spec.get("name", spec.get("stem"))
    if name != mine["name"]:
        return f"`{name}`, not of `{mine['name']}`: give another directory with --out"
    same_data = data.get("sha256") == my_data["sha256"]
    same_text = study.document is not None and spec.get("sha256") == mine["sha256"]
    if _same_place(spec, mine, study) or (same_data and same_text):
        return None
    old = spec.get("file")
    moved = not isinstance(old, str) or not _exists(directory.resolve() / old)
    if moved and spec.get("title") == mine["title"] and (same_data or "file" not in spec):
        return None
    shown = f"“{spec.get('title')}”" if not isinstance(old, str) else os.path.relpath(directory.resolve() / old)
    me = f"“{study.title}”" if study.document is None else study.document.name
    return (
        f'another study called `{name}` ({shown}), not of {me}: write name = "…" in [study], or give another '
        f"directory with --out; if they are of an earlier version of this study, move them away"
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # of a path that no system has
        return False


def _same_place(spec: Mapping[str, Any], mine: Mapping[str, Any], study: Study) -> bool:
    """Say whether the manifest names this spec file; of a study that is no file, the name or title it was given."""
    if study.document is None:
        return spec.get("file") is None and (study.given_name is not None or spec.get("title") == mine["title"])
    file = spec.get("file")
    return isinstance(file, str) and os.path.normcase(file) == os.path.normcase(str(mine["file"]))


def _place(study: Study, directory: Path) -> str | None:
    if study.document is None:
        return None
    spec = Path(study.document.name).resolve()
    try:
        return Path(os.path.relpath(spec, directory.resolve())).as_posix()
    except ValueError:  # another drive of Windows
        return spec.as_posix()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
