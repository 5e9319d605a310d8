"""The command line: exit codes, what is printed where, what is loaded."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command import call_specdid, run_specdid
from pace import patience
from small_studies import small_panel, small_study
from specdid._records import Disagreement
from specdid._run import pipeline
from toml_text import write_toml

pytestmark = pytest.mark.usefixtures("audit_here")
HEAVY = ("pandas", "scipy", "formulaic", "pyfixest", "matplotlib")


@pytest.fixture
def folder(tmp_path):
    small_panel().write_csv(tmp_path / "given.csv")
    write_toml(small_study(controls={"none": "1", "x": "x1"}, figure={"formats": ["png"]}), tmp_path / "s.toml")
    return tmp_path


def test_run_writes_every_file_and_prints_the_summary(folder):
    done = run_specdid(["run", "s.toml", "--audit", "2"], folder)
    assert done.returncode == 0, done.stderr
    out = folder / "outputs/s"
    for name in ("results.parquet", "results.csv", "curve.png", "summary.md", "manifest.json", "timings.parquet"):
        assert (out / name).stat().st_size > 0
    assert "8 planned = 8 ok + 0 failed + 0 excluded + 0 duplicate" in done.stdout
    assert "files are in outputs/s/" in done.stdout
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["spec"]["stem"] == "s"
    assert manifest["audit"]["checked"] == 2
    assert [p.name for p in out.iterdir() if p.name.startswith(".")] == [".specdid-cache"]
    quiet = run_specdid(["run", "s.toml", "--quiet", "--audit", "0"], folder)
    assert (quiet.stdout, quiet.stderr) == ("", "")
    drawn = call_specdid(["plot", "outputs/s", "--format", "svg"], folder)
    assert drawn.returncode == 0
    assert (out / "curve.svg").exists()


def test_a_wrong_spec_is_2(folder):
    head = {"data": "given.csv", "unit": "idd", "time": "year", "outcome": "y", "treatment": "d"}
    write_toml({"study": head}, folder / "bad.toml")
    for start, command in ((call_specdid, "run"), (run_specdid, "check"), (call_specdid, "plan")):
        done = start([command, "bad.toml"], folder)
        assert done.returncode == 2
        assert "did you mean `id`?" in done.stderr
        assert "bad.toml:3" in done.stderr
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
    assert call_specdid(["run", "nowhere.toml"], folder).returncode == 2
    assert call_specdid(["run"], folder).returncode == 2
    assert call_specdid(["run", "s.toml", "--audit", "some"], folder).returncode == 2


def test_nothing_estimated_is_3(folder):
    write_toml(small_study(controls={"the treatment again": "I(d * 2)"}), folder / "s.toml")
    done = call_specdid(["run", "s.toml"], folder)
    assert done.returncode == 3
    assert (folder / "outputs/s/results.csv").exists()


def python(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=here, capture_output=True, text=True, check=False
    )


@pytest.mark.usefixtures("undrawn_test")
def test_an_audit_that_disagrees_is_4(folder, monkeypatch):
    true = pipeline.audit_results

    def wrong(*given):
        one = Disagreement("0" * 16, 1, 0.5, 0.75, 0.1, 0.1, 2.5, 0.0, "id", "the coefficient differs")
        return dataclasses.replace(true(*given), disagreements=(one,))

    monkeypatch.setattr(pipeline, "audit_results", wrong)
    done = call_specdid(["run", "s.toml", "--audit", "1"], folder)
    assert done.returncode == 4
    assert done.stdout.startswith("# AUDIT FAILED: do not use these numbers\n")
    assert done.stderr.rstrip().endswith("error: AUDIT FAILED: do not use these numbers")
    done = call_specdid(["run", "s.toml", "--audit", "1", "-q"], folder)
    assert (done.returncode, done.stdout) == (4, "")
    assert "place 1: estimate 0.5, again 0.75; standard error (id) 0.1, again 0.1; likely cause: the co" in done.stderr


@pytest.mark.usefixtures("undrawn_test")
def test_output_that_is_anothers_or_cannot_be_written_is_5(folder):
    assert call_specdid(["run", "s.toml", "--audit", "0", "--out", "o"], folder).returncode == 0
    write_toml(small_study(controls={"none": "1"}), folder / "t.toml")
    done = call_specdid(["run", "t.toml", "--audit", "0", "--out", "o"], folder)
    assert done.returncode == 5
    assert "holds the results of `s`" in done.stderr
    (folder / "file").write_text("x")
    assert call_specdid(["run", "s.toml", "--out", "file/o"], folder).returncode == 5


def test_interrupted_is_130_and_keeps_what_was_done(folder):
    controls = {"any": "mvsw(x1, x2, x3)"}
    effects = {"two-way": "id + year", "grouped": "id + group^year"}
    samples = {f"s{k}": f"id != {k}" for k in range(1, 24)}
    grid = {"controls": controls, "fixed_effects": effects, "sample": samples, "figure": {"formats": ["svg"]}}
    write_toml(small_study(**grid, estimator={"P": "fepois"}, outcome={"z": "z"}), folder / "s.toml")
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "specdid", "run", "s.toml", "--jobs", "1", "--audit", "0"],
        cwd=folder,
        env=here,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "estimating" not in (line := process.stderr.readline()):
        assert line, "ended before it estimated"
    until = time.monotonic() + patience(300)
    while not any(pack.stat().st_size for pack in (folder / "outputs/s/.specdid-cache").glob("*.pack")):
        assert time.monotonic() < until, "nothing was stored"
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=patience(300))
    assert process.returncode == 130, err
    assert "what was done is kept" in err
    assert "interrupted" in (folder / "outputs/s/results.csv").read_text()
    assert "planned =" in out


def loaded_by(arguments: list[str], folder: Path) -> set[str]:
    script = (
        "import sys\n"
        "try:\n"
        "    from specdid._cli import main\n"
        f"    main({arguments!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        f"print('LOADED', *[m for m in {HEAVY!r} if m in sys.modules])\n"
    )
    done = python(script, folder)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("LOADED")[2].split())


@pytest.mark.parametrize("arguments", [["--help"], ["check", "s.toml"], ["check", "p.toml"]])
def test_help_and_check_load_no_heavy_library(folder, arguments):
    small_panel().write_parquet(folder / "given.parquet")
    study = small_study()
    study["study"] = {**study["study"], "data": "given.parquet"}
    write_toml(study, folder / "p.toml")
    assert loaded_by(arguments, folder) == set()


def test_import_loads_nothing_heavy(folder):
    script = f"import sys, specdid; print([m for m in {(*HEAVY, 'numpy', 'polars', 'lark')!r} if m in sys.modules])"
    done = python(script, folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_init_gives_a_study_that_runs_and_never_writes_over_files(folder):
    done = call_specdid(["init", "new"], folder)
    assert done.returncode == 0
    assert "next:" in done.stdout
    assert "specdid run   new/new.toml" in done.stdout
    spec = next((folder / "new").rglob("*.toml"))
    assert call_specdid(["check", str(spec)], folder).returncode == 0
    assert call_specdid(["init", "new"], folder).returncode == 5


def test_check_says_that_no_specification_is_preferred(folder):
    said = "  no specification is preferred: a table [preferred] names one"
    for spec in folder.glob("*.toml"):
        lines = call_specdid(["check", str(spec)], folder).stdout.splitlines()
        assert (said in lines) == ("[preferred]" not in spec.read_text("utf-8"))


def test_plan_prints_the_account(folder):
    done = call_specdid(["plan", "s.toml"], folder)
    assert done.returncode == 0
    for words in ("8 planned = 8 to estimate + 0 excluded + 0 duplicate", "y ~ d | id + year", "MB"):
        assert words in done.stdout


def test_plan_shows_formulas_that_differ(folder):
    write_toml(small_study(sample={"all": "TRUE", "late": "year > 2002"}, outcome={"y": "y"}), folder / "t.toml")
    lines = call_specdid(["plan", "t.toml"], folder).stdout.splitlines()
    start = lines.index("formulas, first and last:") + 1
    shown = [line.split(maxsplit=1) for line in lines[start : lines.index("", start)]]
    assert shown == [
        ["1", "y ~ d | id + year"],
        ["3", "y ~ d | id"],
        ["5", "y ~ d + x1 | id + year"],
        ["32", "y ~ d + x1 + x2 + x3 | id"],
    ]


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
    return subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=patience(120))


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
