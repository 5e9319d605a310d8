"""More than one machine: dask and ray behind joblib, started or connected to for the time of a run.

Workers of somebody else's cluster are asked what they compute with: numbers may not depend on who makes them.
"""

from __future__ import annotations

import os
import socket
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager
from importlib.util import find_spec
from typing import Any

from specdid._diagnostics import SpecdidError
from specdid.engine.cache_keys import surroundings
from specdid.engine.workers import safe_imports, uninterrupted

NEEDS = {"dask": "distributed", "ray": "ray"}
"""Backend -> the package it needs, an extra of specdid of the backend's name."""
ADDRESS = {"dask": "DASK_SCHEDULER_ADDRESS", "ray": "RAY_ADDRESS"}
"""Backend -> the package's own environment variable, read where SPECDID_ADDRESS is not set."""


def missing_package(backend: str) -> str | None:
    """Return the package that ``backend`` needs and that is not installed."""
    package = NEEDS.get(backend)
    return package if package is not None and find_spec(package) is None else None


PATIENCE = 30
"""Seconds to wait for a scheduler, and for its first worker."""


@contextmanager
def connected(backend: str, jobs: int) -> Iterator[None]:
    """Connect to a cluster, or start one of ``jobs`` local processes; nothing for other backends.

    The cluster's address is the environment's, never the spec file's: what answers there is trusted.
    """
    if backend not in NEEDS:
        yield
        return
    where = os.environ.get("SPECDID_ADDRESS") or os.environ.get(ADDRESS[backend])
    count = jobs if jobs > 0 else os.cpu_count() or 1
    with _dask(where, count) if backend == "dask" else _ray(where, count):
        yield


@contextmanager
def _dask(address: str | None, jobs: int) -> Iterator[None]:
    from distributed import Client, LocalCluster

    if address is not None:
        try:
            client = Client(address, set_as_default=True, timeout=PATIENCE)
            client.wait_for_workers(1, timeout=PATIENCE)
        except OSError as error:
            raise _unreachable("dask", address, "is `dask scheduler` running, and `dask worker` beside it?") from error
        with client:
            # The scheduler unpacks what it hands on, and is silent where it cannot.
            at_scheduler = client.run_on_scheduler(_question())
            _refuse_other({"scheduler": at_scheduler, **client.run(_question())})
            yield
        return
    with uninterrupted(), safe_imports():
        cluster = LocalCluster(n_workers=jobs, threads_per_worker=1, processes=True, dashboard_address=None)
    with cluster, Client(cluster, set_as_default=True):
        yield


@contextmanager
def _ray(address: str | None, jobs: int) -> Iterator[None]:
    import ray
    from ray.util.joblib import register_ray

    options: dict[str, Any] = {"address": address}
    if address is None:  # "local", lest ray takes a cluster that it finds on this machine
        options = {"address": "local", "num_cpus": jobs, "include_dashboard": False}
    try:
        if address is not None:
            _knock(address)
        # Ray puts the driver's working directory, which may be a stranger's, first on the path of its workers.
        with uninterrupted(), safe_imports(), chdir(sysconfig.get_path("stdlib")):
            ray.init(log_to_driver=False, configure_logging=False, **options)
    except (OSError, ValueError, RuntimeError) as error:
        if address is None:
            raise SpecdidError(f"ray cannot be started here: {error}") from error
        question = "is `ray start --head` running, with the same RAY_AUTH_TOKEN as here?"
        raise _unreachable("ray", address, question) from error
    try:
        if address is not None:
            _refuse_other(_of_nodes())
        register_ray()
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Find out whether anybody listens: ray would go on trying for minutes."""
    host, _, port = address.rpartition("/")[2].rpartition(":")
    if port.isdecimal():
        socket.create_connection((host, int(port)), PATIENCE).close()


def _of_nodes() -> dict[str, dict[str, str]]:
    """Ask a process on every machine of the cluster what it computes with."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    names = {n["NodeID"]: n["NodeManagerAddress"] for n in ray.nodes() if n["Alive"] and n["Resources"].get("CPU")}
    ask = ray.remote(num_cpus=1)(_question())
    found = [ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(n, soft=False)).remote() for n in names]
    return dict(zip(names.values(), ray.get(found), strict=True))


def _question() -> Callable[[], dict[str, str]]:
    """Return a function to send: a local one travels as its code, to processes that may have no specdid."""

    def surroundings_there() -> dict[str, str]:
        try:
            from specdid.engine.cache_keys import surroundings
        except ImportError as error:
            return {"no_specdid": str(error)}
        return surroundings()

    return surroundings_there


def _unreachable(backend: str, address: str, question: str) -> SpecdidError:
    return SpecdidError(f"no {backend} worker can be reached at {address}: {question}")


def _refuse_other(found: Mapping[str, Mapping[str, str]]) -> None:
    """Refuse a cluster in which a number would depend on the worker that makes it."""
    here = surroundings()
    for who, there in found.items():
        if "no_specdid" in there:
            raise SpecdidError(f"{who} has not this specdid ({there['no_specdid']}): install the same there")
        for name, mine in here.items():
            if there.get(name) != mine:
                raise SpecdidError(
                    f"{who} has {name} {there.get(name)}, here it is {mine}: "
                    "results would depend on who computes them; make them the same, or leave it out"
                )
