"""Tables of draws that are kept: those that are stored are not drawn again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from specdid.engine.store import Store, recall
from specdid.engine.workers import as_done
from specdid.inference._base import Floats

S = TypeVar("S")
T = TypeVar("T")


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
