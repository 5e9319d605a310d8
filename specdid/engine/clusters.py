"""More than one machine: dask and ray behind joblib, started or connected to for the time of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

NEEDS = {"dask": "distributed", "ray": "ray"}
"""Backend -> the package it needs, an extra of specdid of the backend's name."""
ADDRESS = {"dask": "DASK_SCHEDULER_ADDRESS", "ray": "RAY_ADDRESS"}
"""Backend -> the environment variable read where [run] has no address."""


def missing_package(backend: str) -> str | None:
    """Give the package that ``backend`` needs and that is not installed."""
    package = NEEDS.get(backend)
    return package if package is not None and find_spec(package) is None else None


@contextmanager
def connected(backend: str, jobs: int, address: str | None) -> Iterator[None]:
    """Connect to a cluster, or start one of ``jobs`` local processes; nothing for other backends."""
    if backend not in NEEDS:
        yield
        return
    where = address or os.environ.get(ADDRESS[backend])
    count = jobs if jobs > 0 else os.cpu_count() or 1
    with _dask(where, count) if backend == "dask" else _ray(where, count):
        yield


@contextmanager
def _dask(address: str | None, jobs: int) -> Iterator[None]:
    from distributed import Client, LocalCluster

    if address is not None:
        with Client(address, set_as_default=True):
            yield
        return
    cluster = LocalCluster(n_workers=jobs, threads_per_worker=1, processes=True, dashboard_address=None)
    with cluster, Client(cluster, set_as_default=True):
        yield


@contextmanager
def _ray(address: str | None, jobs: int) -> Iterator[None]:
    import ray
    from ray.util.joblib import register_ray

    options = {"address": address} if address is not None else {"num_cpus": jobs, "include_dashboard": False}
    ray.init(log_to_driver=False, configure_logging=False, **options)
    register_ray()
    try:
        yield
    finally:
        ray.shutdown()
