"""`check` for machines, colours: the same faults as for people, at the same places."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from command import call_specdid
from small_studies import small_panel, small_study
from toml_text import write_toml

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    small_panel().write_csv(tmp_path / "given.csv")
    write_toml(small_study(controls={"none": "1", "x": "x1"}), tmp_path / "good.toml")
    bad = '[study]\ndata = "given.csv"\nunit = "idd"\ntime = "year"\noutcome = "yy"\ntreatment = "d"\n'
    (tmp_path / "bad.toml").write_text(bad, "utf-8")
    return tmp_path


def test_json_has_every_fault_with_its_place(folder):
    done = call_specdid(["check", "bad.toml", "good.toml", "--format", "json"], folder)
    assert done.returncode == 2
    assert done.stderr == ""
    bad, good = json.loads(done.stdout)["files"]
    assert (bad["file"], bad["errors"], bad["specifications"]) == ("bad.toml", 2, None)
    unit, outcome = bad["faults"]
    assert (unit["code"], unit["key"], unit["line"], unit["column"], unit["length"]) == (
        "no_column",
        "study.unit",
        3,
        9,
        3,
    )
    assert unit["help"] == "did you mean `id`?"
    assert (outcome["line"], outcome["severity"]) == (5, "error")
    assert (good["errors"], good["specifications"], good["faults"]) == (0, 8, [])
    told = call_specdid(["check", "bad.toml"], folder)
    assert all(fault["message"] in told.stderr for fault in bad["faults"])


def test_a_file_that_is_not_there_is_a_fault_in_json_too(folder):
    done = call_specdid(["check", "nowhere.toml", "--format", "json"], folder)
    assert done.returncode == 2
    (one,) = json.loads(done.stdout)["files"]
    assert one["errors"] == 1
    assert one["faults"][0]["line"] is None


@pytest.mark.parametrize(
    ("set_to", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, False),
    ],
)
def test_colours_are_as_the_environment_says(folder, monkeypatch, set_to, coloured):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in set_to.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b[" in call_specdid(["check", "bad.toml"], folder).stderr) == coloured


def test_the_version_is_said_shortly(folder):
    assert call_specdid(["-V"], folder).stdout == call_specdid(["--version"], folder).stdout


def test_the_hook_for_other_repositories_is_the_command():
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert hook["entry"] == "specdid check"
    assert hook["language"] == "python"
    config = (ROOT / "docs/commands.md").read_text("utf-8").split("```yaml\n")[1].split("```")[0]
    assert yaml.safe_load(config)["repos"][0]["hooks"][0]["id"] == hook["id"]


def test_the_documented_object_has_the_keys_of_a_real_one(folder):
    shown = json.loads((ROOT / "docs/commands.md").read_text("utf-8").split("```json\n")[1].split("```")[0])
    real = json.loads(call_specdid(["check", "bad.toml", "--format", "json"], folder).stdout)
    assert list(shown) == list(real)
    assert list(shown["files"][0]) == list(real["files"][0])
    assert list(shown["files"][0]["faults"][0]) == list(real["files"][0]["faults"][0])
