"""What was computed, kept on disk under the hash of its content, so that a run can go on where one stopped.

A pack is a file to which records are appended: a head with the record's key and signature,
then arrays. A record is there whole or not at all: one that was cut off or changed is found by
its signature, said, and computed again. Keys hash everything a result depends on; see `cache_keys`.

A directory of results may come from a stranger, who can write any numbers with right checksums.
So each record is signed (HMAC-SHA256, RFC 2104) with a secret of the user's own, which lies
elsewhere; the signed text holds the record's key, so that none can be shown in place of another.

The secret lies in a file that only the user can read, and never leaves this process: workers compute, and the
process that conducts them signs and verifies.
"""

from __future__ import annotations

import hmac
import json
import logging
import mmap
import os
import re
import secrets
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from struct import Struct
from time import monotonic
from typing import Any, NoReturn, TypeVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from specdid._diagnostics import OutputError, SpecdidError
from specdid._records.files import StrangeFileError, is_regular, opened, replacing
from specdid.engine.cache_keys import Content
from specdid.engine.problem import Problem

NAME = ".specdid-cache"
"""The directory of packs in a directory of results."""
MARK = b"\x9especd2\n"
UNSIGNED = b"\x9especd1\n"
"""The mark of packs that earlier versions wrote: never taken, and removed as specdid's own."""
_PACK = re.compile(r"[0-9]{4,9}\.pack")
HEAD = Struct("<8s32s8s16sQI")
"""Mark, signature of all that follows, whose secret signed, key, bytes of arrays, checksum of the last three."""
SIGNED = 40
"""Where the signed text of a record begins."""
PASSED_OVER = 2**20
"""Records of others, and places without a record, after which no more of a directory is read: a second's work."""
DRAWN_AGAIN = 3
"""Parts of a null's draws, of those that were stored, that are drawn again to be compared."""
SYNC_SECONDS = 2.0
"""How much work a power cut may cost: records reach the disk at least so often (4 ms each time)."""

_log = logging.getLogger("specdid")

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class _Place:
    pack: Path
    start: int
    size: int


class Store:
    """The packs of one directory of results; one process at a time holds it.

    Parameters
    ----------
    directory : of results
    secret : what the user's records are signed with; None neither takes nor keeps anything
    fresh : remove what is there
    audited : whether a sample of the draws that are found is drawn again

    Attributes
    ----------
    directory : where the packs are
    taken, made : how many records were found, and stored
    foreign : how many records another secret signed, or none
    drawn_again, differing : parts of stored draws that were drawn again, and those that came out otherwise

    What is found damaged is said once a file, as a warning of the logger "specdid".
    """

    def __init__(self, directory: Path, secret: bytes | None, fresh: bool = False, audited: bool = False) -> None:
        self.directory = directory / NAME
        self.taken = self.made = self.foreign = self.drawn_again = self.differing = 0
        self._secret, self._audited = secret, audited
        self._owner = b"" if secret is None else hmac.digest(secret, b"owner", "sha256")[:8]
        self._sampled: Counter[str] = Counter()
        self._damaged: set[Path] = set()
        self._passed_over = 0
        self._places: dict[bytes, _Place] = {}
        self._used: set[bytes] = set()
        self._content: Content | None = None
        self._file: tuple[Path, FileIO] | None = None
        self._synced = monotonic()
        if fresh:
            clean(directory)
        if secret is not None:
            with writing(directory):
                for path in packs(directory):
                    self._scan(path)

    def __reduce__(self) -> NoReturn:
        """Refuse to be sent to a worker: the secret stays in this process."""
        raise TypeError("a Store stays in its process")

    def _scan(self, path: Path) -> None:
        """Note where the records of a pack are; what cannot be read is skipped and said."""
        with path.open("rb") as file:
            if not path.stat().st_size:
                return
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                if content[: len(UNSIGNED)] == UNSIGNED:
                    self.foreign += 1
                    return
                most = PASSED_OVER - self._passed_over
                unreadable, foreign = _enter(path, content, self._owner, self._places, most)
        self.foreign += foreign
        self._passed_over += unreadable + foreign
        if unreadable:
            self._say_damaged(path)

    def _say_damaged(self, path: Path) -> None:
        if path not in self._damaged:
            _log.warning("warning: %s is damaged, cut off or changed: what cannot be read is computed again", path)
        self._damaged.add(path)

    def content(self, problem: Problem) -> Content:
        """Return the hashes of a problem's columns; those of the last problem are kept."""
        if self._content is None or self._content.problem is not problem:
            self._content = Content(problem)
        return self._content

    def get(self, key: bytes) -> dict[str, NDArray[Any]] | None:
        """Return the arrays stored under ``key``, or None."""
        payload = self._read(key)
        if payload is None:
            return None
        self._used.add(key)
        self.taken += 1
        return decode(payload)

    def _read(self, key: bytes) -> bytes | None:
        """Read what is stored under ``key``, if its signature is right."""
        place = self._places.get(key)
        if place is None:
            return None
        with place.pack.open("rb") as file:
            file.seek(place.start - HEAD.size)
            head, payload = file.read(HEAD.size), file.read(place.size)
        if not hmac.compare_digest(self._sign(head[SIGNED:], payload), head[len(MARK) : SIGNED]):
            del self._places[key]
            self._say_damaged(place.pack)
            return None
        return payload

    def _sign(self, *parts: bytes | memoryview) -> bytes:
        assert self._secret is not None
        signature = hmac.new(self._secret, digestmod="sha256")
        for part in parts:
            signature.update(part)
        return signature.digest()

    def begin(self) -> None:
        """Begin a stage: parts of its draws are chosen anew."""
        self._sampled.clear()

    def sample(self, null: str, keys: Sequence[bytes]) -> int | None:
        """Choose which of a null's stored parts is drawn again, if one is; who lacks the secret cannot foresee it."""
        if not (self._audited and keys) or self._sampled[null] == DRAWN_AGAIN:
            return None
        self._sampled[null] += 1
        return min(range(len(keys)), key=lambda k: self._sign(b"sample", keys[k]))

    def compare(self, key: bytes, arrays: Arrays) -> None:
        """Note whether what was computed again is, byte for byte, what is stored under ``key``."""
        self.drawn_again += 1
        self.differing += self._read(key) != bytes(encode(arrays))

    def put(self, key: bytes, arrays: Arrays) -> None:
        """Store ``arrays`` under ``key``, whole or not at all.

        Raises
        ------
        OutputError
            The directory cannot be written, or the disk is full.
        """
        self._used.add(key)
        self.made += 1
        if self._secret is None or key in self._places:
            return
        record = memoryview(encode(arrays, HEAD.size))
        size = len(record) - HEAD.size
        head = _described(self._owner, key, size)
        record[SIGNED : HEAD.size] = head
        record[:SIGNED] = MARK + self._sign(record[SIGNED:])
        with writing(self.directory.parent):
            pack, start = self._append(record)
        self._places[key] = _Place(pack, start + HEAD.size, size)

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
        if self._secret is None:
            return
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


def _described(owner: bytes, key: bytes, size: int) -> bytes:
    """Write the part of a head that is signed."""
    text = HEAD.pack(b"", b"", owner, key, size, 0)[SIGNED:-4]
    return text + crc32(text).to_bytes(4, "little")


def _enter(path: Path, content: mmap.mmap, owner: bytes, places: dict[bytes, _Place], most: int) -> tuple[int, int]:
    """Enter the places of a pack's records that ``owner`` signed.

    Returns
    -------
    How many places that are no record, and records that others signed, were passed over. At
    ``most`` of both, what follows counts as one place that is no record.
    """
    at, unreadable, foreign = 0, 0, 0
    while at < len(content):
        if unreadable + foreign >= most:
            return unreadable + 1, foreign
        head = content[at : at + HEAD.size]
        if len(head) == HEAD.size and head.startswith(MARK):
            _, _, signer, key, size, _ = HEAD.unpack(head)
            if _described(signer, key, size) == head[SIGNED:] and at + HEAD.size + size <= len(content):
                if signer == owner:
                    places[key] = _Place(path, at + HEAD.size, size)
                else:
                    foreign += 1
                at += HEAD.size + size
                continue
        unreadable += 1
        found = content.find(MARK, at + 1)
        at = len(content) if found < 0 else found
    return unreadable, foreign


def _rewrite(path: Path, starts: Iterable[int]) -> None:
    """Keep only the records whose arrays begin at ``starts``."""
    with replacing(path) as new, path.open("rb") as old, new.open("wb") as file:
        for start in starts:
            old.seek(start - HEAD.size)
            head = old.read(HEAD.size)
            file.write(head)
            file.write(old.read(HEAD.unpack(head)[4]))
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
        return any(m.startswith(content[: len(m)]) or content.find(m) >= 0 for m in (MARK, UNSIGNED))


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
    null: str = "",
) -> Iterator[tuple[int, R]]:
    """Return ``count`` results by number, in any order: those that are stored, then the others, storing each.

    Parameters
    ----------
    key : gives the key of a result's content
    pack, unpack : turn a result into arrays and back
    compute : computes the results of these numbers, giving each as it is done
    null : the null whose draws they are, of which a stored one is drawn again and compared
    """
    if store is None:
        yield from compute(list(range(count)))
        return
    keys = [key(k) for k in range(count)]
    missing, taken = [], []
    for k in range(count):
        found = store.get(keys[k])
        if found is None:
            missing.append(k)
        else:
            taken.append(k)
            yield k, unpack(k, found)
    again = store.sample(null, [keys[k] for k in taken]) if null else None
    wanted = missing if again is None else [*missing, taken[again]]
    for k, result in compute(wanted):
        if again is not None and k == taken[again]:
            store.compare(keys[k], pack(k, result))
        else:
            store.put(keys[k], pack(k, result))
            yield k, result


Arrays = Mapping[str, NDArray[Any]]


def encode(arrays: Arrays, room: int = 0) -> bytearray:
    """Lay arrays out one after another, after ``room`` bytes; of one that is everywhere the same, a single element."""
    heads, parts = [], []
    for name, array in arrays.items():
        flat = np.ascontiguousarray(array).reshape(-1)
        bits = flat.view(f"u{flat.itemsize}")
        if len(bits) > 1 and bits[0] == bits[-1] and (bits == bits[0]).all():
            flat = flat[:1]
        heads.append((name, array.dtype.str, array.shape, len(flat)))
        parts.append(flat)
    head = json.dumps(heads, ensure_ascii=False, separators=(",", ":")).encode()
    out = bytearray(room + 4 + len(head) + sum(part.nbytes for part in parts))
    at = room + 4 + len(head)
    out[room:at] = len(head).to_bytes(4, "little") + head
    for part in parts:
        out[at : at + part.nbytes] = part.view(np.uint8).data
        at += part.nbytes
    return out


def decode(payload: bytes | bytearray) -> dict[str, NDArray[Any]]:
    """Undo `encode`; the arrays are read-only."""
    at = 4 + int.from_bytes(payload[:4], "little")
    found = {}
    for name, dtype, shape, count in json.loads(payload[4:at]):
        flat = np.frombuffer(payload, dtype, count, at)
        at += flat.nbytes
        whole = count != 1
        found[name] = flat.reshape(shape) if whole else np.broadcast_to(flat.reshape((1,) * len(shape)), shape)
    return found


SECRET_FILE = "cache.key"
SECRET_SIZE = 32
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class NoSecretError(SpecdidError):
    """There is no secret that could be trusted; the words say why."""


def own_secret(directory: Path) -> bytes:
    """Return the user's secret, which is made where there is none.

    Parameters
    ----------
    directory : of results, in which the secret must not lie: such directories are given to others

    Raises
    ------
    NoSecretError
        Its place cannot be written, or what is there cannot be trusted.
    """
    path = _place() / SECRET_FILE
    if path.parent.resolve().is_relative_to(directory.resolve()):
        raise NoSecretError(f"{path}, with which it would be signed, would lie within {directory}")
    try:
        if not os.path.lexists(path):
            _make(path)
        return _read(path)
    except StrangeFileError as error:
        raise NoSecretError(f"{path}: {error}; take it away, and a new one is made") from None
    except OSError as error:
        raise NoSecretError(f"{path}: {error.strerror or error}") from None


def _place() -> Path:
    """Return where the system has programs keep their state; a relative place would be a stranger's to fill."""
    base = Path(os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_STATE_HOME", ""))
    if not base.is_absolute() and os.name != "nt":
        with suppress(RuntimeError):  # nobody has this user's number
            base = Path.home() / ("Library/Application Support" if sys.platform == "darwin" else ".local/state")
    if not base.is_absolute():
        raise NoSecretError("this user has no home directory for the key that it would be signed with")
    return base / "specdid"


def _make(path: Path) -> None:
    """Write a secret whole under another name, then give it its own unless another run was first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        _write(new)
        try:
            os.link(new, path)
        except FileExistsError:
            return
        except OSError:  # a disk without hard links
            with suppress(FileExistsError):
                _write(path)
    finally:
        new.unlink(missing_ok=True)


def _write(path: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags, 0o600), "wb") as file:  # noqa: PTH123 - a descriptor
        file.write(secrets.token_bytes(SECRET_SIZE))
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> bytes:
    with opened(path) as file:
        state = os.fstat(file.fileno())
        if os.name != "nt":
            if state.st_uid != os.geteuid():
                raise StrangeFileError("it is another user's file")
            if state.st_mode & _OTHERS:
                raise StrangeFileError("others can read it (chmod 600)")
        found = file.read(SECRET_SIZE + 1)
    if len(found) != SECRET_SIZE or state.st_size != SECRET_SIZE:
        raise StrangeFileError(f"it has {state.st_size:,} bytes, not {SECRET_SIZE}")
    return found
