"""What was computed, kept on disk under the hash of its content, so that a run can go on where one stopped.

A pack is a file to which records are appended: a head with the record's key and checksums,
then arrays. A record is there whole or not at all: one that was cut off or changed is found by
its checksum, said, and computed again. Keys hash everything a result depends on; see `content`.
"""

from __future__ import annotations

import logging
import mmap
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from struct import Struct
from time import monotonic
from typing import Any, TypeVar
from zlib import crc32

from numpy.typing import NDArray

from specdid._diagnostics import OutputError
from specdid._records.files import is_regular, replacing
from specdid.engine.content import Content
from specdid.engine.encoding import Arrays, decode, encode
from specdid.engine.problem import Problem

NAME = ".specdid-cache"
"""The directory of packs in a directory of results."""
MARK = b"\x9especd1\n"
_PACK = re.compile(r"[0-9]{4,9}\.pack")
HEAD = Struct("<8s16sQII")
"""Mark, key, bytes of arrays, their checksum, the head's checksum."""
SYNC_SECONDS = 2.0
"""How much work a power cut may cost: records reach the disk at least so often (4 ms each time)."""

_log = logging.getLogger("specdid")

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class _Place:
    pack: Path
    start: int
    size: int
    check: int


class Store:
    """The packs of one directory of results; one process at a time holds it.

    Attributes
    ----------
    directory : where the packs are
    taken, made : how many records were found, and stored

    What is found damaged is said once a file, as a warning of the logger "specdid".
    """

    def __init__(self, directory: Path, fresh: bool = False) -> None:
        self.directory = directory / NAME
        self.taken = self.made = 0
        self._damaged: set[Path] = set()
        self._places: dict[bytes, _Place] = {}
        self._used: set[bytes] = set()
        self._content: Content | None = None
        self._file: tuple[Path, FileIO] | None = None
        self._synced = monotonic()
        if fresh:
            clean(directory)
        with writing(directory):
            for path in packs(directory):
                self._scan(path)

    def _scan(self, path: Path) -> None:
        """Note where the records of a pack are; what cannot be read is skipped and said."""
        with path.open("rb") as file:
            if not path.stat().st_size:
                return
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                whole = _enter(path, content, self._places)
        if not whole:
            self._say_damaged(path)

    def _say_damaged(self, path: Path) -> None:
        if path not in self._damaged:
            _log.warning("warning: %s is damaged or cut off: what cannot be read is computed again", path)
        self._damaged.add(path)

    def content(self, problem: Problem) -> Content:
        """Give the hashes of a problem's columns; those of the last problem are kept."""
        if self._content is None or self._content.problem is not problem:
            self._content = Content(problem)
        return self._content

    def get(self, key: bytes) -> dict[str, NDArray[Any]] | None:
        """Give the arrays stored under ``key``, or None."""
        place = self._places.get(key)
        if place is None:
            return None
        with place.pack.open("rb") as file:
            file.seek(place.start)
            payload = file.read(place.size)
        if len(payload) != place.size or crc32(payload) != place.check:
            del self._places[key]
            self._say_damaged(place.pack)
            return None
        self._used.add(key)
        self.taken += 1
        return decode(payload)

    def put(self, key: bytes, arrays: Arrays) -> None:
        """Store ``arrays`` under ``key``, whole or not at all.

        Raises
        ------
        OutputError
            The directory cannot be written, or the disk is full.
        """
        self._used.add(key)
        self.made += 1
        if key in self._places:
            return
        record = memoryview(encode(arrays, HEAD.size))
        payload = record[HEAD.size :]
        check = crc32(payload)
        head = HEAD.pack(MARK, key, len(payload), check, 0)
        record[: HEAD.size] = head[:-4] + crc32(head[:-4]).to_bytes(4, "little")
        with writing(self.directory.parent):
            pack, start = self._append(record)
        self._places[key] = _Place(pack, start + HEAD.size, len(payload), check)

    def _append(self, record: memoryview) -> tuple[Path, int]:
        pack, file = self._opened()
        start = file.tell()
        written = 0
        try:
            while written < len(record):
                written += file.write(record[written:]) or 0
            if monotonic() - self._synced > SYNC_SECONDS:
                os.fsync(file.fileno())
                self._synced = monotonic()
        except OSError:
            file.truncate(start)
            file.seek(start)
            raise
        return pack, start

    def _opened(self) -> tuple[Path, FileIO]:
        if self._file is None:
            self.directory.mkdir(parents=True, exist_ok=True)
            last = max((int(p.stem) for p in self.directory.iterdir() if _PACK.fullmatch(p.name)), default=0)
            path = self.directory / f"{last + 1:04d}.pack"
            self._file = path, FileIO(path, "x")
        return self._file

    def close(self) -> None:
        """Let the file go; what was stored stays."""
        if self._file is not None:
            self._file[1].close()
            self._file = None

    def sweep(self) -> None:
        """Remove the records that were neither read nor written since the store was opened.

        Raises
        ------
        OutputError
            The directory cannot be written.
        """
        self.close()
        used: dict[Path, list[_Place]] = {path: [] for path in packs(self.directory.parent)}
        for key, place in self._places.items():
            if key in self._used:
                used[place.pack].append(place)
        with writing(self.directory.parent):
            for path, places in used.items():
                size = sum(HEAD.size + place.size for place in places)
                if not size:
                    path.unlink()
                elif size < path.stat().st_size:
                    _rewrite(path, sorted(place.start for place in places))


def _enter(path: Path, content: mmap.mmap, places: dict[bytes, _Place]) -> bool:
    """Enter the places of a pack's records; False where there is anything else in it."""
    at, whole = 0, True
    while at < len(content):
        head = content[at : at + HEAD.size]
        if len(head) == HEAD.size and head[:8] == MARK and crc32(head[:-4]) == int.from_bytes(head[-4:], "little"):
            _, key, size, check, _ = HEAD.unpack(head)
            if at + HEAD.size + size <= len(content):
                places[key] = _Place(path, at + HEAD.size, size, check)
                at += HEAD.size + size
                continue
        whole = False
        found = content.find(MARK, at + 1)
        at = len(content) if found < 0 else found
    return whole


def _rewrite(path: Path, starts: Iterable[int]) -> None:
    """Keep only the records whose arrays begin at ``starts``."""
    with replacing(path) as new, path.open("rb") as old, new.open("wb") as file:
        for start in starts:
            old.seek(start - HEAD.size)
            head = old.read(HEAD.size)
            file.write(head)
            file.write(old.read(HEAD.unpack(head)[2]))
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Say of what goes wrong where it was to be written, as an OutputError."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write to {directory}: {error.strerror or error}") from error


def packs(directory: Path) -> list[Path]:
    """Return the packs of a directory of results: regular files that carry the mark, or are empty.

    Raises
    ------
    OutputError
        Their place is a link, which could lead anywhere.
    """
    place = directory / NAME
    if place.is_symlink():
        raise OutputError(f"{place} is a link: take it away")
    if not place.is_dir():
        return []
    return sorted(p for p in place.iterdir() if _PACK.fullmatch(p.name) and is_regular(p) and _has_mark(p))


def _has_mark(path: Path) -> bool:
    """Say whether a file is a pack: damaged ones have the mark further on, those cut at once are empty."""
    if not path.stat().st_size:
        return True
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return MARK.startswith(content[: len(MARK)]) or content.find(MARK) >= 0


def clean(directory: Path) -> int:
    """Remove the packs of a directory of results, and nothing else; gives the bytes freed.

    Raises
    ------
    OutputError
        They cannot be removed.
    """
    freed = 0
    with writing(directory):
        for path in packs(directory):
            freed += path.stat().st_size
            path.unlink()
    with suppress(OSError):
        (directory / NAME).rmdir()
    return freed


def recall(
    store: Store | None,
    count: int,
    key: Callable[[int], bytes],
    pack: Callable[[int, R], Arrays],
    unpack: Callable[[int, dict[str, NDArray[Any]]], R],
    compute: Callable[[list[int]], Iterator[tuple[int, R]]],
) -> Iterator[tuple[int, R]]:
    """Give ``count`` results by number, in any order: those that are stored, then the others, storing each.

    Parameters
    ----------
    key : gives the key of a result's content
    pack, unpack : turn a result into arrays and back
    compute : computes the results of these numbers, giving each as it is done
    """
    if store is None:
        yield from compute(list(range(count)))
        return
    keys = [key(k) for k in range(count)]
    missing = []
    for k in range(count):
        found = store.get(keys[k])
        if found is None:
            missing.append(k)
        else:
            yield k, unpack(k, found)
    for k, result in compute(missing):
        store.put(keys[k], pack(k, result))
        yield k, result
