"""The draws of a null for many specifications: blocks of draws, in memory or in a file where they are large.

A grid of 40,960 specifications and 999 draws has 330 MB a table. Statistics look at all
specifications in some draws, and the parts that are drawn have all draws of some
specifications: each block of draws lies in one piece, and of a large table no more than
a block is in this process's memory.

Draws that an earlier run has stored are not drawn again.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Floats, Ints
from specdid.engine.store import Store, recall
from specdid.engine.workers import as_done

LARGE = 2**26
"""Bytes from which on a table is kept in a file."""
BLOCK = 128
"""Draws that are worked on together."""
BLOCK_BYTES = 2**25
"""What a block may take: fewer draws where there are many specifications."""
S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DrawTable:
    """Numbers of S specifications in B draws.

    Attributes
    ----------
    blocks : of (N, w) float64, the draws side by side
    rows : (S,) int64, the rows of the blocks that are meant; None is all
    draws : (sum of w,) bool, the draws that are meant; None is all
    directory : for the files of large tables, or None
    file : what the blocks are views of, or None
    """

    blocks: tuple[Floats, ...]
    rows: Ints | None = None
    draws: NDArray[np.bool_] | None = None
    directory: Path | None = None
    file: mmap.mmap | None = None

    @classmethod
    def of(cls, table: Floats) -> DrawTable:
        """Wrap an (S, B) array."""
        return cls(tuple(table[:, b : b + BLOCK] for b in range(0, table.shape[1], BLOCK)))

    @classmethod
    def empty(cls, count: int, draws: int, directory: Path | None = None) -> DrawTable:
        """Return room for ``count`` specifications, without numbers; large ones have a file in ``directory``.

        Raises
        ------
        OSError
            Where the file does not fit on the disk.
        """
        width = int(min(BLOCK, max(1, BLOCK_BYTES // (8 * max(count, 1)))))
        bounds = [(b, min(b + width, draws)) for b in range(0, draws, width)]
        if 8 * count * draws <= LARGE:
            blocks = (np.full((count, stop - start), np.nan) for start, stop in bounds)
            return cls(tuple(blocks), directory=directory)
        file = _file_of_nan(count, [stop - start for start, stop in bounds], directory)
        flat = np.frombuffer(file, np.float64)
        views = (flat[count * start : count * stop].reshape(count, stop - start) for start, stop in bounds)
        return cls(tuple(views), directory=directory, file=file)

    def alike(self, count: int) -> DrawTable:
        """Return room for as many draws of ``count`` other specifications, in the same directory."""
        return self.empty(count, self.shape[1], self.directory)

    @property
    def shape(self) -> tuple[int, int]:
        """Specifications and draws."""
        count = len(self.blocks[0]) if self.blocks else 0
        draws = sum(block.shape[1] for block in self.blocks) if self.draws is None else int(self.draws.sum())
        return (count if self.rows is None else len(self.rows)), draws

    def enter(self, places: Ints, table: Floats, first: int = 0) -> None:
        """Write (len(places), k) numbers of the draws from ``first`` on; only before rows or draws are taken."""
        start, stop = 0, first + table.shape[1]
        for block in self.blocks:
            end = start + block.shape[1]
            low, high = max(start, first), min(end, stop)
            if low < high:
                block[places, low - start : high - start] = table[:, low - first : high - first]
            start = end
        self._leave()

    def read(self) -> Iterator[Floats]:
        """Return (S, w) blocks of draws in order."""
        start = 0
        for block in self.blocks:
            end = start + block.shape[1]
            some = block if self.rows is None else block[self.rows]
            if self.draws is None:
                yield some
            elif self.draws[start:end].any():
                yield some[:, self.draws[start:end]]
            start = end
            self._leave()

    def of_rows(self, rows: Ints | slice) -> Floats:
        """Return all draws of some of the specifications, (len(rows), B)."""
        parts = [block[rows] for block in self.read()]
        return np.concatenate(parts, axis=1) if parts else np.zeros((len(np.arange(self.shape[0])[rows]), 0))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Floats:
        """Return all of it as one array."""
        return np.asarray(self.of_rows(slice(None)), dtype=dtype)

    def take(self, rows: Ints) -> DrawTable:
        """Mean only some of the specifications."""
        return replace(self, rows=rows if self.rows is None else self.rows[rows])

    def keep(self, draws: NDArray[np.bool_]) -> DrawTable:
        """Mean only some of the draws; of a table that means all."""
        return replace(self, draws=draws)

    def _leave(self) -> None:
        """Let the file go from this process's memory; the system keeps of it what it has room for."""
        if self.file is not None and hasattr(mmap, "MADV_DONTNEED"):
            self.file.madvise(mmap.MADV_DONTNEED)


def scratch(directory: Path | None) -> Path:
    """Return a directory for files without a name: ``directory`` where there is one."""
    return directory if directory is not None and directory.is_dir() else Path(tempfile.gettempdir())


def _file_of_nan(count: int, widths: list[int], directory: Path | None) -> mmap.mmap:
    """Map a file without a name that is full of nan: a disk without room for it is found here."""
    with tempfile.TemporaryFile(dir=scratch(directory), prefix=".specdid-draws-") as file:
        for width in widths:
            file.write(np.full(count * width, np.nan).data)
        file.flush()
        return mmap.mmap(file.fileno(), 0)


def recall_table(
    store: Store | None,
    key: Callable[[int], bytes],
    function: Callable[[S, T], Floats],
    shared: S,
    items: Sequence[T],
    jobs: int,
    backend: str,
    null: str = "permutation",
) -> Iterator[tuple[int, Floats]]:
    """Return (number, ``function(shared, item)``) for each item, in any order; ``key`` is called only with a store.

    ``null`` names the null, for the audit of draws that are found.
    """

    def pack(_: int, table: Floats) -> dict[str, Any]:
        return {"table": table}

    def unpack(_: int, arrays: dict[str, Any]) -> Floats:
        return arrays["table"]  # type: ignore[no-any-return]

    def compute(missing: list[int]) -> Iterator[tuple[int, Floats]]:
        return as_done(function, shared, items.__getitem__, missing, jobs, backend)

    return recall(store, len(items), key, pack, unpack, compute, null)
