"""A run that will not fit is refused before it begins, with what would make it fit."""

from __future__ import annotations

import pytest
import specdid
from command import run_specdid
from small_studies import small_panel, small_study
from specdid._run import memory
from toml_text import write_toml


@pytest.mark.parametrize(
    ("free", "changes", "words"),
    [
        (2e6, {"inference": {"draws": 9999}}, "write `draws = "),
        (1e5, {"sample": {f"s{k}": f"id != {k}" for k in range(1, 21)}}, "specifications: sample has 20 options"),
    ],
)
def test_too_large_says_what_to_do(monkeypatch, free, changes, words):
    monkeypatch.setattr(memory, "available", lambda: free)
    study = specdid.read(small_study(**changes))
    with pytest.raises(specdid.SpecError) as refused:
        specdid.run(study, small_panel(), audit=0)
    (fault,) = refused.value.faults
    assert fault.code == "too_large"
    assert "this run needs about" in fault.message
    assert words in (fault.help or "")
    assert "--ignore-memory" in (fault.help or "")


def test_the_advice_is_enough(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 2e6)
    study = small_study(inference={"draws": 9999})
    with pytest.raises(specdid.SpecError) as refused:
        specdid.run(specdid.read(study), small_panel(), audit=0)
    draws = int((refused.value.faults[0].help or "").split("draws = ")[1].split("`")[0])
    assert 0 < draws < 9999
    study["inference"] = {"draws": draws}
    assert specdid.run(specdid.read(study), small_panel(), audit=0).counts.ok == 32


def test_columns_are_named_where_they_are_most(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 5e5)
    study = specdid.read(small_study(controls={"x": "x1"}, fixed_effects={"unit": "id"}))
    with pytest.raises(specdid.SpecError) as refused:
        specdid.run(study, small_panel(units=4000), audit=0)
    assert 'use fewer columns or rows, or `missing = "common"`' in (refused.value.faults[0].help or "")


def test_it_may_be_ignored(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 0.0)
    assert specdid.run(specdid.read(small_study()), small_panel(), audit=0, ignore_memory=True).counts.ok == 32


def test_the_command_line(tmp_path):
    small_panel().write_csv(tmp_path / "given.csv")
    write_toml(small_study(
        inference={"draws": 1_000_000}, sample={f"s{k}": f"id != {k}" for k in range(1, 150)}
    ), tmp_path / "s.toml")
    done = run_specdid(["run", "s.toml"], tmp_path)
    assert done.returncode == 2
    assert "error: this run needs about" in done.stderr
    assert "Traceback" not in done.stderr
    assert "MB more in memory" in run_specdid(["plan", "s.toml"], tmp_path).stdout
