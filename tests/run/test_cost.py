"""What a run will need and do: one that will not fit is refused before it begins; counts are those of the run."""

from __future__ import annotations

import pytest
import specdid
from command import call_specdid
from small_studies import small_panel, small_study
from specdid._run import cost
from toml_text import write_toml

pytestmark = pytest.mark.usefixtures("audit_here", "undrawn")


@pytest.mark.parametrize(
    ("free", "changes", "words"),
    [
        (2e6, {"inference": {"draws": 9999}}, "write `draws = "),
        (1e5, {"sample": {f"s{k}": f"id != {k}" for k in range(1, 21)}}, "specifications: sample has 20 options"),
    ],
)
def test_too_large_says_what_to_do(monkeypatch, free, changes, words):
    monkeypatch.setattr(cost, "available", lambda: free)
    study = specdid.read(small_study(**changes))
    with pytest.raises(specdid.SpecError) as refused:
        specdid.run(study, small_panel(), audit=0)
    (fault,) = refused.value.faults
    assert fault.code == "too_large"
    assert "this run needs about" in fault.message
    assert words in (fault.help or "")
    assert "--ignore-memory" in (fault.help or "")


def test_the_advice_is_enough(monkeypatch):
    monkeypatch.setattr(cost, "available", lambda: 2e6)
    study = small_study(inference={"draws": 9999})
    with pytest.raises(specdid.SpecError) as refused:
        specdid.run(specdid.read(study), small_panel(), audit=0)
    draws = int((refused.value.faults[0].help or "").split("draws = ")[1].split("`")[0])
    assert 0 < draws < 9999
    study["inference"] = {"draws": draws}
    assert specdid.run(specdid.read(study), small_panel(), audit=0).counts.ok == 32


def test_columns_are_named_where_they_are_most(monkeypatch):
    monkeypatch.setattr(cost, "available", lambda: 5e5)
    study = specdid.read(small_study(controls={"x": "x1"}, fixed_effects={"unit": "id"}))
    with pytest.raises(specdid.SpecError) as refused:
        specdid.run(study, small_panel(units=4000), audit=0)
    assert 'use fewer columns or rows, or `missing = "common"`' in (refused.value.faults[0].help or "")


def test_draws_that_do_not_fit_on_the_disk(monkeypatch, tmp_path):
    """Large tables of draws are files: these are not counted as memory."""
    monkeypatch.setattr(cost, "LARGE", 10_000)
    usage = type("Usage", (), {"free": 1e6})
    monkeypatch.setattr(cost.shutil, "disk_usage", lambda path: usage)
    study = small_study(inference={"draws": 9999})
    with pytest.raises(specdid.SpecError) as refused:
        specdid.run(specdid.read(study), small_panel(), audit=0, out=tmp_path / "o")
    (fault,) = refused.value.faults
    assert fault.message == f"the draws of this run need about 16 MB on the disk, and 1 MB are free in {tmp_path}"
    assert (fault.help or "").startswith("write `draws = 650` in [inference], or plan fewer specifications")


def test_it_may_be_ignored(monkeypatch):
    monkeypatch.setattr(cost, "available", lambda: 0.0)
    assert specdid.run(specdid.read(small_study()), small_panel(), audit=0, ignore_memory=True).counts.ok == 32


def test_the_command_line(tmp_path):
    small_panel().write_csv(tmp_path / "given.csv")
    samples = {f"s{k} {y}": f"id != {k} & year != {y}" for k in range(1, 150) for y in range(2001, 2009)}
    if cost.shutil.disk_usage(tmp_path).free > 8e11:
        pytest.skip("the disk has room for this")
    write_toml(small_study(inference={"draws": 1_000_000}, sample=samples), tmp_path / "s.toml")
    done = call_specdid(["run", "s.toml"], tmp_path)
    assert done.returncode == 2
    assert "error: the draws of this run need about" in done.stderr
    assert "Traceback" not in done.stderr
    planned = call_specdid(["plan", "s.toml"], tmp_path).stdout
    assert "MB of memory: " in planned
    assert "MB of draws on the disk while the run lasts" in planned
