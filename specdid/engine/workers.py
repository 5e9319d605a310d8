"""Work spread over workers, one thread each; the items of a worker that died are done again."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")

ATTEMPTS = 3
"""How often workers are started anew after one died; what is then left is done without them."""
WAVE = 8
"""Items per worker that a backend without a stream of results is given at a time."""

_log = logging.getLogger("specdid")


def parallel(function: Callable[[S, T], R], shared: S, items: Sequence[T], jobs: int, backend: str) -> Iterator[R]:
    """Return ``function(shared, item)`` for each item, in order; see `as_done`."""
    waiting: dict[int, R] = {}
    following = 0
    for place, result in as_done(function, shared, items.__getitem__, range(len(items)), jobs, backend):
        waiting[place] = result
        while following in waiting:
            yield waiting.pop(following)
            following += 1


def as_done(
    function: Callable[[S, T], R],
    shared: S,
    make: Callable[[int], T],
    places: Sequence[int],
    jobs: int,
    backend: str,
) -> Iterator[tuple[int, R]]:
    """Return (place, ``function(shared, make(place))``) for each place as it is done, in any order.

    Each worker computes on one thread: BLAS and pyfixest's own threads only contend. Where a
    worker dies, what has not come back is given out again.

    Parameters
    ----------
    shared : data that every item needs; with "loky" its arrays are mapped into memory, with "dask"
        and "ray" it is sent once to each worker or machine
    jobs, backend : joblib's
    """
    left = dict.fromkeys(places)
    with single_threaded():
        if backend != "serial" and jobs not in (0, 1):
            for _ in range(ATTEMPTS):
                if not left:
                    return
                try:
                    for place, result in _spread(function, shared, make, list(left), jobs, backend):
                        del left[place]
                        yield place, result
                except _deaths(backend) as death:
                    _log.warning("warning: a worker process died (%s): its work is done again", type(death).__name__)
            if left:
                _log.warning("warning: worker processes keep dying: the rest is done without them")
        for place in left:
            yield place, function(shared, make(place))


def _spread(
    function: Callable[[S, T], R],
    shared: S,
    make: Callable[[int], T],
    places: Sequence[int],
    jobs: int,
    backend: str,
) -> Iterator[tuple[int, R]]:
    from joblib import Parallel, delayed, parallel_config

    options: dict[str, Any] = {}
    sent: Any = shared
    task: Any = _placed if backend in ("loky", "threading") else _afar
    if backend == "loky":
        from joblib.externals.loky.backend import resource_tracker

        options = {"inner_max_num_threads": 1, "initializer": _end_with, "initargs": (os.getpid(),)}
        with safe_imports():
            resource_tracker.ensure_running()  # as it starts it lets Ctrl-C through again
    elif backend == "dask":
        options["scatter"] = [shared]  # joblib then sends a reference wherever it finds this object
    elif backend == "ray":
        sent = _InRay.put(shared)
    streams = backend in ("loky", "threading", "dask")
    wave = len(places) if streams else WAVE * max(1, jobs if jobs > 0 else os.cpu_count() or 1)
    with safe_imports(), parallel_config(backend=backend, n_jobs=jobs, **options), ExitStack() as stack:
        with uninterrupted():
            pool = stack.enter_context(
                Parallel(return_as="generator_unordered" if streams else "list", pre_dispatch="3 * n_jobs")
            )
        for first in range(0, len(places), wave):
            given = list(places[first : first + wave])
            with uninterrupted():
                results = pool(delayed(task)(function, sent, place, make(place)) for place in given)
            with _hushed():
                yield from results


def _placed(function: Callable[[S, T], R], sent: S | _InRay, place: int, item: T) -> tuple[int, R]:
    shared: Any = sent.get() if isinstance(sent, _InRay) else sent
    return place, function(shared, item)


def _end_with(parent: int) -> None:
    """End this worker soon after ``parent``, which may be killed without a word to it, or be gone already.

    By itself it would wait for minutes: it holds both ends of its queue, and so never finds it closed.
    """
    below = os.getppid() == parent  # not where a script stands for Python and starts it

    def watch() -> None:
        while os.getppid() == parent if below else _runs(parent):
            time.sleep(1)
        os._exit(1)

    if os.name != "nt":  # there a process keeps its parent's number, and a signal to ask for it would end it
        threading.Thread(target=watch, daemon=True).start()


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _afar(function: Callable[[S, T], R], sent: S | _InRay, place: int, item: T) -> tuple[int, R]:
    """Compute in a process that somebody else started."""
    _one_thread()
    return _placed(function, sent, place, item)


@cache
def _one_thread() -> Any:
    """Hold BLAS, and Rust threads not yet begun, to one as long as this process lives."""
    os.environ["RAYON_NUM_THREADS"] = "1"
    return pools().limit(limits=1)


@dataclass(frozen=True, slots=True)
class _InRay:
    """Data in Ray's object store; a worker keeps what it got last."""

    reference: Any

    @classmethod
    def put(cls, shared: object) -> _InRay:
        """Store data for every worker."""
        import ray

        return cls(ray.put(shared))

    def get(self) -> Any:
        """Return the data, read once a process."""
        if _last.get("reference") != self.reference:
            import ray

            _last.update(reference=self.reference, shared=ray.get(self.reference))
        return _last["shared"]


_last: dict[str, Any] = {}


def _deaths(backend: str) -> tuple[type[BaseException], ...]:
    """Return what joblib raises where a worker of this backend died."""
    if backend == "dask":
        from distributed import KilledWorker
        from distributed.comm import CommClosedError

        return (BrokenExecutor, CancelledError, KilledWorker, CommClosedError)
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


def safe_path() -> list[str]:
    """Return the places to import from, without the working directory that -m, -c and a prompt put first."""
    first = 0 if sys.flags.safe_path or sys.path[:1] != [str(Path.cwd())] else 1
    return [place for place in sys.path[first:] if place]


@contextmanager
def safe_imports() -> Iterator[None]:
    """Let the processes that start meanwhile import nothing from the working directory, which may be a stranger's.

    They take over this process's path, and put the working directory first where they start with -m or -c.
    """
    path, before = sys.path[:], os.environ.get("PYTHONSAFEPATH")
    sys.path[:] = safe_path()
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        sys.path[:] = path
        if before is None:
            os.environ.pop("PYTHONSAFEPATH", None)
        else:
            os.environ["PYTHONSAFEPATH"] = before


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Keep Ctrl-C from the processes that start meanwhile: it is for this one, which ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _hushed() -> Iterator[None]:
    """Silence the error of joblib's own thread, whose queue Ctrl-C takes away."""
    before = threading.excepthook

    def hook(of: threading.ExceptHookArgs) -> None:
        if of.thread is None or of.thread.name != "ExecutorManagerThread" or of.exc_type is not KeyError:
            before(of)

    threading.excepthook = hook
    yield
    threading.excepthook = before  # not after Ctrl-C: the thread ends when it likes


@cache
def pools() -> Any:
    """Find the thread pools of the libraries that compute; looking for them takes a millisecond."""
    import scipy.linalg  # noqa: F401 - has a BLAS of its own
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped,unused-ignore]

    return ThreadpoolController()
