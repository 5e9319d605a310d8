"""Work spread over workers, one thread each; what a worker that died had in hand is done again."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

ATTEMPTS = 3
"""How often workers are started anew after one died; what is then left is done without them."""
WAVE = 8
"""Items per worker that a backend without a stream of results is given at a time."""

_log = logging.getLogger("specdid")


def parallel(function: Callable[[T], R], items: Sequence[T], jobs: int, backend: str) -> Iterator[R]:
    """Give ``function(item)`` for each item, in order; ``jobs`` and ``backend`` are joblib's."""
    waiting: dict[int, R] = {}
    following = 0
    for place, result in as_done(function, items.__getitem__, range(len(items)), jobs, backend):
        waiting[place] = result
        while following in waiting:
            yield waiting.pop(following)
            following += 1


def as_done(
    function: Callable[[T], R], make: Callable[[int], T], places: Sequence[int], jobs: int, backend: str
) -> Iterator[tuple[int, R]]:
    """Give (place, ``function(make(place))``) for each place as it is done, in any order.

    Each worker computes on one thread: BLAS and pyfixest's own threads only contend. Where a
    worker dies, what has not come back is given out again.
    """
    left = dict.fromkeys(places)
    with single_threaded():
        if backend != "serial" and jobs not in (0, 1):
            for _ in range(ATTEMPTS):
                if not left:
                    return
                try:
                    for place, result in _spread(function, make, list(left), jobs, backend):
                        del left[place]
                        yield place, result
                except _deaths(backend) as death:
                    _log.warning("warning: a worker process died (%s): its work is done again", type(death).__name__)
            if left:
                _log.warning("warning: worker processes keep dying: the rest is done without them")
        for place in left:
            yield place, function(make(place))


def _spread(
    function: Callable[[T], R], make: Callable[[int], T], places: Sequence[int], jobs: int, backend: str
) -> Iterator[tuple[int, R]]:
    from joblib import Parallel, delayed, parallel_config

    streams = backend in ("loky", "threading", "dask")
    limits = {"inner_max_num_threads": 1} if backend == "loky" else {}
    wave = len(places) if streams else WAVE * max(1, jobs if jobs > 0 else os.cpu_count() or 1)
    with (
        parallel_config(backend=backend, n_jobs=jobs, **limits),
        Parallel(return_as="generator_unordered" if streams else "list", pre_dispatch="3 * n_jobs") as pool,
    ):
        for first in range(0, len(places), wave):
            given = list(places[first : first + wave])
            yield from pool(delayed(_numbered)(function, place, make(place)) for place in given)


def _numbered(function: Callable[[T], R], place: int, item: T) -> tuple[int, R]:
    return place, function(item)


def _deaths(backend: str) -> tuple[type[BaseException], ...]:
    """Give what joblib raises where a worker of this backend died."""
    if backend == "dask":
        from distributed import KilledWorker

        return (BrokenExecutor, KilledWorker)
    if backend == "ray":
        from ray.exceptions import RayError

        return (BrokenExecutor, RayError)
    return (BrokenExecutor,)


@contextmanager
def single_threaded() -> Iterator[None]:
    """Hold BLAS, and the Rust threads of processes started meanwhile, to one."""
    before = os.environ.get("RAYON_NUM_THREADS")
    os.environ["RAYON_NUM_THREADS"] = "1"
    try:
        with pools().limit(limits=1):
            yield
    finally:
        if before is None:
            del os.environ["RAYON_NUM_THREADS"]
        else:
            os.environ["RAYON_NUM_THREADS"] = before


@cache
def pools() -> Any:
    """Find the thread pools of the libraries that compute; looking for them takes a millisecond."""
    import scipy.linalg  # noqa: F401 - has a BLAS of its own
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped,unused-ignore]

    return ThreadpoolController()
