"""Where stdout is closed, full, or its reader has gone: a word and the right exit code, never a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest
from small_studies import small_panel, small_study
from toml_text import write_toml

FULL = Path("/dev/full")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    directory = tmp_path_factory.mktemp("streams")
    write_toml(small_study(preferred={"outcome": "y"}, fixed_effects={"two-way": "id + year"}), directory / "spec.toml")
    small_panel().write_csv(directory / "given.csv")
    (directory / "wrong.toml").write_text("[study]\nunit = 1\n")
    return directory


def shell(place, words, redirection):
    line = f'"{sys.executable}" -m specdid {words} {redirection}'
    command = ["bash", "-o", "pipefail", "-c", line]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=120)


COMMANDS = ("--help", "--version", "check spec.toml", "plan spec.toml", "show spec.toml preferred")


@pytest.mark.skipif(not FULL.exists(), reason="the system has no device that is full")
@pytest.mark.parametrize("words", COMMANDS)
def test_full(place, words):
    ended = shell(place, words, "> /dev/full")
    assert ended.returncode == 5
    assert ended.stderr == "error: cannot write to standard output: No space left on device\n"


@pytest.mark.parametrize("words", COMMANDS)
def test_closed(place, words):
    ended = shell(place, words, ">&-")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize("words", ["plan spec.toml", "show spec.toml preferred"])
def test_a_reader_that_goes_away(place, words):
    ended = shell(place, words, "| true")
    assert ended.returncode == 0
    assert ended.stderr == ""


def test_faults_keep_their_code_where_nobody_listens(place):
    assert shell(place, "check wrong.toml", "2>&-").returncode == 2
