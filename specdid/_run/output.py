"""The output directory: who may write to it, and what is left there."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from specdid._diagnostics import OutputError
from specdid.engine.store import clean

LOCK = ".specdid.lock"
STAGE = ".specdid-new"
SYNCED = ("results.parquet", "results.csv")
"""Files that a power cut must not empty (4 ms each); the others are drawn again in no time."""


@contextmanager
def output_directory(directory: Path, stem: str) -> Iterator[Path]:
    """Make ``directory`` and hold it for this run.

    Raises
    ------
    OutputError
        It cannot be written, another run holds it, or it has another spec's results.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the output directory {directory}: {error.strerror}") from error
    _refuse_foreign(directory, stem)
    with _locked(directory):
        yield directory


@contextmanager
def staged(directory: Path) -> Iterator[Path]:
    """Give a directory to write to; its files take their places in ``directory`` once all are there.

    Until then the results of an earlier run stay as they are, all of one run.

    Raises
    ------
    OutputError
        The files cannot be put in place.
    """
    new = directory / STAGE
    try:
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        yield new
        for name in SYNCED:
            _sync(new / name)
        for path in sorted(new.iterdir()):
            path.replace(directory / path.name)
    except OutputError as error:
        raise OutputError(str(error).replace(str(new), str(directory))) from error
    except OSError as error:
        raise OutputError(f"cannot write to {directory}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _sync(path: Path) -> None:
    """Have the disk keep a file whatever happens to the power."""
    if path.exists():
        with path.open("rb+") as file:
            os.fsync(file.fileno())


def clean_output(directory: Path) -> int:
    """Remove what runs left in ``directory`` to go on from; gives the bytes freed.

    Raises
    ------
    OutputError
        It is no directory, a run holds it, or it cannot be written.
    """
    if not directory.is_dir():
        raise OutputError(f"there is no directory {directory}")
    with _locked(directory):
        return clean(directory)


def _refuse_foreign(directory: Path, stem: str) -> None:
    manifest = directory / "manifest.json"
    if not manifest.exists():
        return
    try:
        found = json.loads(manifest.read_text(encoding="utf-8")).get("spec", {}).get("stem")
    except (OSError, ValueError, AttributeError):
        return
    if found is not None and found != stem:
        raise OutputError(
            f"{directory} holds the results of `{found}`, not of `{stem}`: give another directory with --out"
        )


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold an advisory lock that the system releases however the process ends."""
    path = directory / LOCK
    with _opened(path) as file:
        if not _try_lock(file.fileno()) or not _is_still(path, file.fileno()):
            raise OutputError(
                f"another run is writing to {directory}: wait for it, or give --out another directory"
            )
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _opened(path: Path) -> TextIO:
    try:
        return path.open("a+")
    except OSError as error:
        raise OutputError(f"cannot write to {path.parent}: {error.strerror}") from error


def _is_still(path: Path, descriptor: int) -> bool:
    """Say whether the locked file is the one of that name: a run that just ended removed its own."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _try_lock(descriptor: int) -> bool:
    if os.name == "nt":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
