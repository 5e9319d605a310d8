"""The user's own secret, with which what runs keep to go on from is signed.

It lies outside every directory of results, in a file that only the user can read, and never
leaves this process: workers compute, and the process that conducts them signs and verifies.
"""

from __future__ import annotations

import os
import secrets
import stat
import sys
from contextlib import suppress
from pathlib import Path

from specdid._diagnostics import SpecdidError
from specdid._records.files import StrangeFileError, opened

FILE = "cache.key"
SIZE = 32
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
    path = _place() / FILE
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
        file.write(secrets.token_bytes(SIZE))
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
        found = file.read(SIZE + 1)
    if len(found) != SIZE or state.st_size != SIZE:
        raise StrangeFileError(f"it has {state.st_size:,} bytes, not {SIZE}")
    return found
