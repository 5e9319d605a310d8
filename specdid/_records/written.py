"""Which files a run has written: kept by whoever asks, noted by whoever writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

Written = dict[Path, None]
"""Paths in the order of their first writing."""

_asking: ContextVar[Written | None] = ContextVar("written", default=None)


@contextmanager
def recording() -> Iterator[Written]:
    """Give a record that fills with the paths of all files written inside."""
    found: Written = {}
    token = _asking.set(found)
    try:
        yield found
    finally:
        _asking.reset(token)


def note(path: Path) -> None:
    """Say that a file was written."""
    found = _asking.get()
    if found is not None:
        found[path] = None
