"""Backends of more than one machine: a plain fault without the package, the same bytes with it."""

from __future__ import annotations

import os
import signal
import sys
import time

import kills
import pytest
import specdid
from command import run_specdid
from small_studies import small_panel, small_study
from specdid.engine import clusters
from toml_text import write_toml


@pytest.mark.parametrize(("backend", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_a_backend_without_its_package_is_a_fault(monkeypatch, backend, package):
    monkeypatch.setattr(clusters, "find_spec", lambda name: None)
    faults = specdid.check(small_study(run={"backend": backend}), small_panel())
    assert [f.code for f in faults] == ["no_backend"]
    assert package in faults[0].message
    assert f"specdid[{backend}]" in (faults[0].help or "")


def test_other_backends_need_nothing():
    assert all(clusters.missing_package(b) is None for b in ("serial", "loky", "threading"))
    with clusters.connected("loky", 2, None):
        pass


def written(folder, backend: str, jobs: int):
    """A study whose specifications go to workers in pieces, in a folder of its own."""
    folder.mkdir()
    small_panel().write_csv(folder / "given.csv")
    estimators = {"OLS": "feols", "2S": "did2s"}
    sample = {"all": "TRUE", "fewer": "id > 3"}
    run = {"backend": backend, "jobs": jobs}
    figure = {"formats": ["svg"]}
    study = small_study(estimator=estimators, sample=sample, run=run, figure=figure)
    write_toml(study, folder / "s.toml")
    return folder


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    folder = written(tmp_path_factory.mktemp("serial") / "s", "serial", 1)
    assert run_specdid(["run", "s.toml", "--audit", "0"], folder).returncode == 0
    return (folder / "outputs/s/results.csv").read_bytes()


@pytest.mark.parametrize(("backend", "jobs"), [("dask", 3), ("ray", 2)])
def test_same_bytes(tmp_path, serial, backend, jobs):
    pytest.importorskip(clusters.NEEDS[backend])
    folder = written(tmp_path / "s", backend, jobs)
    done = run_specdid(["run", "s.toml", "--audit", "0"], folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "outputs/s/results.csv").read_bytes() == serial


@pytest.mark.parametrize(("backend", "jobs", "name"), [("dask", 3, "spawn_main"), ("ray", 2, "ray::PoolActor")])
@pytest.mark.skipif(sys.platform != "linux", reason="workers are found in /proc")
def test_a_killed_worker_changes_nothing(tmp_path, serial, backend, jobs, name):
    pytest.importorskip(clusters.NEEDS[backend])
    folder = written(tmp_path / "s", backend, jobs)
    running = kills.start(folder / "s.toml", folder / "o", folder / "journal")
    while running.poll() is None and b"stored" not in kills.read(folder / "journal"):
        time.sleep(0.01)
    workers = [pid for pid, command in kills.descendants(running.pid) if name in command]
    assert len(workers) >= jobs, "they ended before one could be killed"
    os.kill(workers[0], signal.SIGKILL)
    assert running.wait() == 0, (folder / "o.log").read_text()
    assert (folder / "o/results.csv").read_bytes() == serial
    stored = [line for line in (folder / "journal").read_text().splitlines() if line.startswith("stored")]
    assert len(stored) == len(set(stored))
