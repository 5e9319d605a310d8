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
from specdid._diagnostics import SpecdidError
from specdid.engine import distributed
from specdid.engine.cache_keys import surroundings
from toml_text import write_toml


@pytest.mark.parametrize(("backend", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_a_backend_without_its_package_is_a_fault(monkeypatch, backend, package):
    monkeypatch.setattr(distributed, "find_spec", lambda name: None)
    faults = specdid.check(small_study(run={"backend": backend}), small_panel())
    assert [f.code for f in faults] == ["no_backend"]
    assert package in faults[0].message
    assert f"specdid[{backend}]" in (faults[0].help or "")


def test_other_backends_need_nothing():
    assert all(distributed.missing_package(b) is None for b in ("serial", "loky", "threading"))
    with distributed.connected("loky", 2):
        pass


def written(folder, backend: str, jobs: int):
    """A study whose specifications go to workers in pieces, in a folder of its own."""
    folder.mkdir()
    small_panel().write_csv(folder / "given.csv")
    outcome, estimators = {"y": "y"}, {"OLS": "feols", "2S": "did2s"}
    sample = {"all": "TRUE", "fewer": "id > 3"}
    run = {"backend": backend, "jobs": jobs}
    figure = {"formats": ["svg"]}
    study = small_study(outcome=outcome, estimator=estimators, sample=sample, run=run, figure=figure)
    write_toml(study, folder / "s.toml")
    return folder


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    folder = written(tmp_path_factory.mktemp("serial") / "s", "serial", 1)
    assert run_specdid(["run", "s.toml", "--audit", "0"], folder).returncode == 0
    return (folder / "outputs/s/results.csv").read_bytes()


@pytest.mark.parametrize(("backend", "jobs", "name"), [("dask", 3, "spawn_main"), ("ray", 2, "ray::PoolActor")])
@pytest.mark.skipif(sys.platform != "linux", reason="workers are found in /proc")
def test_same_bytes_though_a_worker_is_killed(tmp_path, serial, backend, jobs, name):
    pytest.importorskip(distributed.NEEDS[backend])
    folder = written(tmp_path / "s", backend, jobs)
    running = kills.start(folder / "s.toml", folder / "o", folder / "journal")
    while running.poll() is None and b"stored" not in kills.read(folder / "journal"):
        time.sleep(0.01)
    running.send_signal(signal.SIGSTOP)  # what is not handed out yet waits until a worker is killed
    workers = [pid for pid, command in kills.descendants(running.pid) if name in command]
    assert len(workers) >= jobs, "they ended before one could be killed"
    os.kill(workers[0], signal.SIGKILL)
    running.send_signal(signal.SIGCONT)
    assert running.wait() == 0, (folder / "o.log").read_text()
    assert (folder / "o/results.csv").read_bytes() == serial
    stored = [line for line in (folder / "journal").read_text().splitlines() if line.startswith("stored")]
    assert len(stored) == len(set(stored))


@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_a_cluster_that_is_not_there_is_said(monkeypatch, backend):
    pytest.importorskip(distributed.NEEDS[backend])
    monkeypatch.setattr(distributed, "PATIENCE", 0.5)
    address = "tcp://127.0.0.1:9" if backend == "dask" else "127.0.0.1:9"
    said = f"no {backend} worker can be reached at {address}"
    monkeypatch.setenv("SPECDID_ADDRESS", address)
    with pytest.raises(SpecdidError, match=said), distributed.connected(backend, 2):
        pass


@pytest.mark.parametrize(
    ("there", "word"),
    [
        ({"no_specdid": "No module named 'specdid'"}, "has not this specdid"),
        ({**surroundings(), "numpy": "1.0"}, "worker has numpy 1.0, here it is"),
    ],
)
def test_workers_that_would_give_other_numbers_are_refused(there, word):
    distributed._refuse_other({"worker": surroundings()})
    with pytest.raises(SpecdidError, match=word):
        distributed._refuse_other({"worker": there})


def test_a_spec_file_names_no_cluster():
    faults = specdid.check(small_study(run={"backend": "dask", "address": "tcp://203.0.113.1:8786"}), small_panel())
    (fault,) = [f for f in faults if f.code == "unknown_key"]
    assert fault.severity == "error"
