"""`check` for machines, completion, colours: the same faults as for people, at the same places."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
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


def test_sarif_is_valid_by_its_schema(folder):
    """The schema is that of the npm package @microsoft/jest-sarif 1.0.0-beta.0 (MIT)."""
    from jsonschema import Draft7Validator

    validator = Draft7Validator(json.loads((ROOT / "tests/reference/sarif-2.1.0.json").read_text("utf-8")))
    named = folder / "Ünicode {x} und Leer.toml"
    named.write_text((folder / "bad.toml").read_text("utf-8"), "utf-8")
    for files in (["bad.toml"], ["good.toml"], ["nowhere.toml"], ["bad.toml", "good.toml", "nowhere.toml", named.name]):
        done = call_specdid(["check", *files, "--format", "sarif"], folder)
        log = json.loads(done.stdout)
        assert [error.message for error in validator.iter_errors(log)] == [], files
        results = log["runs"][0]["results"]
        assert len(results) >= len(files) - files.count("good.toml")
        for result in results:
            for location in result["locations"]:
                assert re.fullmatch(r"[\w./~%-]+", location["physicalLocation"]["artifactLocation"]["uri"], re.ASCII)
    # A log that says something else is not taken for one.
    assert list(validator.iter_errors({**log, "version": "2.0.0"}))


def test_sarif_names_rules_lines_and_files(folder):
    done = call_specdid(["check", "bad.toml", "--format", "sarif"], folder)
    assert done.returncode == 2
    found = json.loads(done.stdout)
    assert found["version"] == "2.1.0"
    (run,) = found["runs"]
    rules = run["tool"]["driver"]["rules"]
    first = run["results"][0]
    assert rules[first["ruleIndex"]]["id"] == first["ruleId"] == "no_column"
    assert rules[0]["shortDescription"]["text"]
    assert first["level"] == "error"
    place = first["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "bad.toml"},
        "region": {"startLine": 3, "startColumn": 9, "endColumn": 12},
    }
    clean = json.loads(call_specdid(["check", "good.toml", "--format", "sarif"], folder).stdout)
    assert clean["runs"][0]["results"] == []


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


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_of_that_shell(folder, shell):
    done = call_specdid(["completion", shell], folder)
    assert done.returncode == 0
    assert f"_SPECDID_COMPLETE={shell}_complete" in done.stdout


def test_commands_options_and_words_are_completed(folder):
    def completed(line: str) -> list[str]:
        environment = {
            **os.environ, "PYTHONPATH": str(ROOT), "_SPECDID_COMPLETE": "bash_complete",
            "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1),
        }  # fmt: skip
        code = "from specdid._cli import main; main(prog_name='specdid')"
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
        )
        return [row.partition(",")[2] for row in done.stdout.splitlines()]

    assert completed("specdid che") == ["check"]
    assert "winsorize" in completed("specdid explain wins")


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


@pytest.mark.parametrize("line", ["# 城市\n".encode("gb18030"), b"#" + b" " * 200_000 + b"\n"])
def test_a_missing_column_in_a_file_of_odd_bytes_is_a_fault(folder, line):
    """The hint of a draft's open lines reads the file again: of a comment that is no UTF-8 too, and once through it."""
    (folder / "odd.toml").write_bytes((folder / "bad.toml").read_bytes() + line + b'# yy = "log(x1)"\n')
    done = call_specdid(["check", "odd.toml"], folder)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "no column `idd`" in done.stderr
