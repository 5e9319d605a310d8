"""Backends of more than one machine: a plain fault without the package, the same bytes with it."""

from __future__ import annotations

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


@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_same_bytes(tmp_path, backend):
    pytest.importorskip(clusters.NEEDS[backend])
    found = []
    for name in ("serial", backend):
        folder = tmp_path / name
        folder.mkdir()
        small_panel().write_csv(folder / "given.csv")
        estimators = {"OLS": "feols", "2S": "did2s"}
        study = small_study(estimator=estimators, run={"backend": name}, figure={"formats": ["svg"]})
        write_toml(study, folder / "s.toml")
        done = run_specdid(["run", "s.toml", "--jobs", "2", "--audit", "0"], folder)
        assert done.returncode == 0, done.stderr
        found.append((folder / "outputs/s/results.csv").read_bytes())
    assert found[0] == found[1]
