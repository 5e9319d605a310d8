"""How the files of a run take their places: all of them, or none.

They are made in a new directory inside the output directory. Then those of an earlier run are
moved aside and the new ones put in their places; where one cannot be replaced (a spreadsheet
has it open), all is put back. A run that is killed meanwhile leaves INCOMPLETE.txt, which says
what happened; `plot` and `compare` refuse such a directory and the next run mends it.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from specdid._diagnostics import OutputError
from specdid._records.files import is_regular
from specdid._records.read import INCOMPLETE, INCOMPLETE_WORDS
from specdid._run.output import (
    MANIFEST,
    OutputDirectory,
    is_input,
    listed,
    marked,
    refuse_own_files,
    remove_leftovers,
)

SYNCED = ("results.parquet", "results.csv")
"""Files that a power cut must not empty (4 ms each); the others are drawn again in no time."""


@contextmanager
def staged(output: OutputDirectory) -> Iterator[Path]:
    """Return a directory to write to; its files take their places in the output directory once all are there.

    Until then the results of an earlier run stay as they are, all of one run. Of those, what this
    run has not written and its manifest does not list is removed (see :func:`kept_files`).

    Raises
    ------
    OutputError
        The files cannot be put in place: the directory is then as before, or marked by INCOMPLETE.txt.
    """
    directory = output.path
    new = directory / f".specdid-new-{secrets.token_hex(8)}"
    try:
        new.mkdir()
        yield new
        _publish(output, new)
    except OutputError as error:
        raise OutputError(str(error).replace(str(new), str(directory))) from error
    except OSError as error:
        raise OutputError(f"cannot write to {directory}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)


def kept_files(output: OutputDirectory, new: Path, whole: bool) -> dict[str, int]:
    """Return the names and bytes of the files to list in the manifest.

    They are those in ``new``; where the run did not get to its end, also those of an earlier run
    that are still as that run wrote them.
    """
    made = {path.name: path.stat().st_size for path in _files(new)}
    if whole:
        return made
    old = {n: size for n, size in listed(output.path).items() if n not in made}
    return {**{n: size for n, size in old.items() if _is_unchanged(output.path / n, size)}, **made}


def _publish(output: OutputDirectory, new: Path) -> None:
    """Put the files of ``new`` in place of those of an earlier run; all of them, or none.

    Raises
    ------
    OutputError
        A name is taken by a file that is not specdid's, or a file cannot be replaced or removed.
    """
    directory = output.path
    names = sorted((path.name for path in _files(new)), key=lambda name: (name == MANIFEST, name))
    refuse_own_files(output, names)
    for name in SYNCED:
        _sync(new / name)
    gone = _no_more(output, {*names, *listed(new)})
    old = directory / f".specdid-old-{secrets.token_hex(8)}"
    moved: list[str] = []
    placed: list[str] = []
    mark = directory / INCOMPLETE
    was_marked = mark.exists()
    at = INCOMPLETE
    try:
        _write_mark(mark, {**marked(directory), **{name: (new / name).stat().st_size for name in names}})
        old.mkdir()
        for at in [*gone, *names]:
            if os.path.lexists(directory / at):
                moved.append(at)
                (directory / at).rename(old / at)
            if at not in gone:
                placed.append(at)
                (new / at).rename(directory / at)
        mark.unlink()
    except BaseException as error:
        reason = getattr(error, "strerror", None) or str(error) or "interrupted"
        if not _put_back(directory, new, old, placed, moved):
            raise OutputError(
                f"the files of {directory} are of two runs, as {INCOMPLETE} there says ({reason}): "
                "give the command again"
            ) from error
        if not was_marked:
            mark.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise OutputError(
            f"cannot replace {directory / at} ({reason}): close the program that holds it and give the command "
            "again; the results of the earlier run are as they were"
        ) from error
    remove_leftovers(directory)


def _put_back(directory: Path, new: Path, old: Path, placed: list[str], moved: list[str]) -> bool:
    """Undo what was put in place; says whether the directory is as before."""
    whole = True
    for names, here, there in ((placed, directory, new), (moved, old, directory)):
        for name in reversed(names):
            try:
                # The last one noted may not have been moved at all.
                if os.path.lexists(here / name) and not os.path.lexists(there / name):
                    (here / name).rename(there / name)
            except OSError:
                whole = False
    with suppress(OSError):
        old.rmdir()
    return whole


def _no_more(output: OutputDirectory, keep: set[str]) -> list[str]:
    """Return the files that only an earlier run wrote, and that nobody has changed since."""
    directory = output.path
    earlier = {**listed(directory), **marked(directory)}
    gone = [name for name, size in earlier.items() if name not in keep and _is_unchanged(directory / name, size)]
    return sorted(name for name in gone if not is_input(directory / name, output.inputs))


def _write_mark(mark: Path, sizes: Mapping[str, int]) -> None:
    """Write INCOMPLETE.txt anew; one that is no mark of this program was refused before."""
    mark.unlink(missing_ok=True)
    with mark.open("x", encoding="utf-8", newline="\n") as file:
        file.write(INCOMPLETE_WORDS + "".join(f"{name}\t{size}\n" for name, size in sizes.items()))
        file.flush()
        os.fsync(file.fileno())


def _files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if not path.name.startswith("."))


def _sync(path: Path) -> None:
    """Have the disk keep a file whatever happens to the power."""
    if path.exists():
        with path.open("rb+") as file:
            os.fsync(file.fileno())


def _is_unchanged(path: Path, size: int) -> bool:
    return is_regular(path) and path.stat().st_size == size
