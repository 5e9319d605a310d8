"""The output directory: who may write to it, which files are specdid's, and how those of a run take their places."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from specdid._diagnostics import OutputError
from specdid._records.files import is_regular, read_bytes, read_json
from specdid._records.read import INCOMPLETE, INCOMPLETE_WORDS, is_marked
from specdid._run.manifest import refuse_foreign
from specdid._study import Study
from specdid.engine.store import clean
from specdid.panel import Panel

LOCK = ".specdid.lock"
MANIFEST = "manifest.json"
EARLY = (
    "results.parquet", "results.csv", "timings.parquet", "summary.md", "details.md", "report.html", "inference.csv",
    "curve.pdf", "curve.png", "curve.svg", "appendix.tex", "appendix.md", "choices.csv", "warnings.csv", MANIFEST,
)  # fmt: skip
"""Files of nearly every run: where they are somebody's own, the run is refused before its work, not after."""
_OWN_DIRECTORY = re.compile(r"\.specdid-(new|old)-[0-9a-f]{16}")
SYNCED = ("results.parquet", "results.csv")
"""Files that a power cut must not empty (4 ms each); the others are drawn again in no time."""


@dataclass(frozen=True, slots=True)
class OutputDirectory:
    """A directory that this run holds.

    Attributes
    ----------
    path : of the directory
    inputs : files that no output may replace: the spec and its data
    """

    path: Path
    inputs: tuple[Path, ...] = ()


@contextmanager
def output_directory(
    directory: Path, study: Study, panel: Panel, inputs: Iterable[Path | None] = (), chosen: bool = True
) -> Iterator[OutputDirectory]:
    """Make ``directory`` and hold it for this run.

    Parameters
    ----------
    study, panel : whose results it is to hold
    inputs : files that no output may replace: the spec and its data
    chosen : whether the user named the directory; of the default one, which a cloned folder may
        have planted, no part below the working directory may be a link

    Raises
    ------
    OutputError
        It cannot be written, another run holds it, it is a link, or it has something else in it.
    """
    _refuse_links(directory, chosen)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the output directory {directory}: {error.strerror}") from error
    held = OutputDirectory(directory, tuple(path for path in inputs if path is not None))
    with _locked(directory):
        refuse_own_files(held, EARLY)
        refuse_foreign(directory, study, panel)
        yield held


def listed(directory: Path) -> Mapping[str, int]:
    """Return the files that the directory's manifest lists, with their bytes; none where it has no such list."""
    found = read_json(directory / MANIFEST)
    files = found.get("files") if isinstance(found, dict) else None
    if not isinstance(files, dict):
        return {}
    return {name: size for name, size in files.items() if _is_plain(name) and isinstance(size, int)}


def clean_output(directory: Path) -> int:
    """Remove what runs left in ``directory`` to go on from; return the bytes freed.

    Raises
    ------
    OutputError
        It is no directory or a link, a run holds it, or it cannot be written.
    """
    if not directory.is_dir():
        raise OutputError(f"there is no directory {directory}")
    _refuse_links(directory, chosen=True)
    with _locked(directory):
        remove_leftovers(directory)
        return clean(directory)


def marked(directory: Path) -> Mapping[str, int]:
    """Return the files, with their bytes, that runs which were killed were putting in place."""
    if not is_marked(directory):
        return {}
    text = read_bytes(directory / INCOMPLETE).decode("utf-8")
    lines = [line.rpartition("\t") for line in text.removeprefix(INCOMPLETE_WORDS).splitlines()]
    return {name: int(size) for name, _, size in lines if _is_plain(name) and size.isdecimal() and len(size) < 20}


def refuse_own_files(output: OutputDirectory, names: Iterable[str]) -> None:
    """Refuse to replace what specdid did not write, or what the study reads."""
    directory = output.path
    ours = {*listed(directory), *marked(directory)}
    ours |= {INCOMPLETE} if is_marked(directory) else set()
    if is_regular(directory / MANIFEST) and _has_mark(read_json(directory / MANIFEST)):
        ours.add(MANIFEST)
    for name in [*names, INCOMPLETE]:
        path = directory / name
        if is_input(path, output.inputs):
            raise OutputError(
                f"{path} is what the study reads, and would be replaced: give another directory with --out"
            )
        if not os.path.lexists(path):
            continue
        if name not in ours:
            raise OutputError(
                f"{path} is not listed in a manifest of specdid, so it may be your own: move it, or give another "
                "directory with --out"
            )
        if path.is_dir() and not path.is_symlink():
            raise OutputError(f"{path} is a directory where a file is to be written: move it, or give another --out")


def _has_mark(manifest: object) -> bool:
    return isinstance(manifest, dict) and "specdid" in manifest and isinstance(manifest.get("spec"), dict)


def is_input(path: Path, inputs: tuple[Path, ...]) -> bool:
    """Say whether a path is one of the files that the study reads, by whatever name."""
    for mine in inputs:
        try:
            if path.samefile(mine):
                return True
        except OSError:
            continue
    return False


def _is_plain(name: object) -> bool:
    """Say whether a name is that of a file in the directory itself, and not the manifest's."""
    plain = isinstance(name, str) and name == Path(name).name and not {"\0", "\n", "\t"} & set(name)
    return plain and name not in ("", ".", "..", MANIFEST)


def remove_leftovers(directory: Path) -> None:
    """Remove directories in which killed runs made their files; links and other names stay."""
    for path in directory.iterdir():
        if _OWN_DIRECTORY.fullmatch(path.name) and not path.is_symlink() and path.is_dir():
            shutil.rmtree(path, ignore_errors=True)


def _refuse_links(directory: Path, chosen: bool) -> None:
    """Refuse a directory that is a link: a cloned folder can plant one that leads anywhere."""
    parts = [directory] if chosen or directory.is_absolute() else [directory, *list(directory.parents)[:-1]]
    for part in parts:
        if part.is_symlink():
            raise OutputError(f"{part} is a link: give the directory itself, with --out {_target(part)}")


def _target(link: Path) -> str:
    try:
        return str(link.resolve())
    except (OSError, RuntimeError):
        return "DIRECTORY"


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold an advisory lock that the system releases however the process ends."""
    path = directory / LOCK
    descriptor = _opened(path)
    try:
        if not _try_lock(descriptor) or not _is_still(path, descriptor):
            raise OutputError(f"another run is writing to {directory}: wait for it, or give --out another directory")
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    """Open the lock file; a link, a pipe or somebody's own file of that name is refused, not touched."""
    if os.path.lexists(path) and not (is_regular(path) and path.lstat().st_size == 0):
        raise OutputError(f"{path} is not the lock file of a run: move it away")
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    except OSError as error:
        raise OutputError(f"cannot write to {path.parent}: {error.strerror}") from error


def _is_still(path: Path, descriptor: int) -> bool:
    """Say whether the locked file is the one of that name: a run that just ended removed its own."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
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
    """Return the files that only an earlier run wrote, unchanged since."""
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
