"""The GitHub Action, its shell lines run as GitHub runs them; the recipe and the paper, as far as can be checked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A pull request's files: a good spec, a bad one, one whose name a shell would trip on."""
    (tmp_path / "specs/more dir").mkdir(parents=True)
    (tmp_path / "specs/data").mkdir()
    shutil.copy(ROOT / "specs/data/training_grants.csv", tmp_path / "specs/data")
    shutil.copy(ROOT / "specs/training_grants.toml", tmp_path / "specs/good.toml")
    text = (ROOT / "specs/training_grants.toml").read_text("utf-8")
    text = text.replace('"fcode"', '"fcod"', 1).replace("data/", "../data/")
    (tmp_path / "specs/more dir/bad $(touch hacked).toml").write_text(text, "utf-8")
    return tmp_path


def run_step(repository: Path, name: str, given: dict[str, str]) -> subprocess.CompletedProcess[str]:
    (step,) = [step for step in ACTION["runs"]["steps"] if step.get("id") == name]
    assert set(step["env"]) == set(given)
    environment = {
        **os.environ,
        **given,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    script = repository / "step.sh"
    script.write_text(step["run"], "utf-8")
    # As GitHub starts bash.
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
    return subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)


def run_check(repository: Path, specs: str) -> subprocess.CompletedProcess[str]:
    return run_step(repository, "check", {"SPECS": specs})


def test_faults_fail_the_step(repository: Path) -> None:
    done = run_check(repository, "specs/*.toml specs/*/*.toml")
    assert done.returncode == 2, done.stderr
    assert not (repository / "hacked").exists()
    assert "did you mean `fcode`" in done.stderr + done.stdout


def test_good_specs_pass_and_no_file_is_a_fault(repository: Path) -> None:
    done = run_check(repository, "specs/*.toml")
    assert done.returncode == 0, done.stderr
    done = run_check(repository, "nothing/*.toml")
    assert done.returncode == 2
    assert "::error::no file matches: nothing/*.toml" in done.stdout


@pytest.fixture
def hostile(repository: Path) -> Path:
    """The same with folders called as modules, a spec called as an option, and one with a command in its name."""
    for name in ("pip", "specdid", "secrets"):
        (repository / name).mkdir()
        for file in ("__init__.py", "__main__.py"):
            (repository / name / file).write_text("open('hacked', 'w')", "utf-8")
    shutil.copy(repository / "specs/good.toml", repository / "-x.toml")
    (repository / "-x.toml").write_text((repository / "-x.toml").read_text("utf-8").replace("data/", "specs/data/"))
    (repository / "bad\n::set-env name=A::b.toml").write_text("[study]\n::warning::c\n", "utf-8")
    return repository


@pytest.mark.parametrize("isolated", [True, False])
def test_no_folder_of_the_checkout_is_run(hostile: Path, isolated: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is it seen by the same lines without -I, which shows that the folders would be."""
    if not isolated:
        steps = [{**s, "run": s["run"].replace("python -I", "python")} for s in ACTION["runs"]["steps"] if "run" in s]
        monkeypatch.setitem(ACTION["runs"], "steps", steps)
    run_step(hostile, "install", {"WANTED": "./nothing"})
    assert (hostile / "hacked").exists() != isolated
    (hostile / "hacked").unlink(missing_ok=True)
    run_step(hostile, "check", {"SPECS": "specs/*.toml"})
    assert (hostile / "hacked").exists() != isolated


def test_a_file_called_as_an_option_is_a_file_and_texts_are_no_commands(hostile: Path) -> None:
    done = run_check(hostile, "*.toml")
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    commands = [k for k, line in enumerate(lines) if line.startswith(("::", "##["))]
    assert lines[commands[0]].startswith("::stop-commands::")
    assert lines[commands[-1]] == f"::{lines[commands[0]].rpartition('::')[2]}::"
    good = run_check(hostile, "-x.toml")
    assert good.returncode == 0, good.stderr


def test_a_line_break_in_an_input_writes_no_command(hostile: Path) -> None:
    done = run_check(hostile, "nothing/*.toml\n::warning::50%*\r")
    assert done.returncode == 2
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("::")]
    assert line.startswith("::error::") and line.endswith("%0A::warning::50%25*%0D")  # noqa: PT018


def test_inputs_are_not_pasted_into_shell_lines() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
    used = set(re.findall(r"inputs\.([\w-]+)", (ROOT / "action.yml").read_text("utf-8")))
    assert used == set(ACTION["inputs"])


def test_the_recipe_asks_for_what_the_wheel_asks_for() -> None:
    recipe = yaml.safe_load((ROOT / "conda/recipe.yaml").read_text("utf-8"))
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project = pyproject["project"]
    wanted = {re.sub(r"^(\S+?)([<>=].*)?$", r"\1 \2", line) for line in project["dependencies"]}
    lowest = recipe["context"]["python_min"]
    lines = [line.replace("${{ python_min }}", lowest) for line in recipe["requirements"]["run"]]
    run = {line.replace("matplotlib-base", "matplotlib") for line in lines}
    assert run == wanted | {f"python {project['requires-python']}"}
    assert f"Programming Language :: Python :: {lowest}" in project["classifiers"]
    ((build, least),) = (line.split(">=") for line in pyproject["build-system"]["requires"])
    assert recipe["requirements"]["host"][1:] == ["pip", f"{build} >={least}"]
    assert recipe["context"]["version"] == project["version"]
    ((name, entry),) = project["scripts"].items()
    assert recipe["build"]["python"]["entry_points"] == [f"{name} = {entry}"]


def test_the_paper_cites_what_its_bibliography_has() -> None:
    paper = (ROOT / "paper/paper.md").read_text("utf-8")
    cited = set(re.findall(r"@(\w+)", paper.split("---", 2)[2]))
    assert cited == set(re.findall(r"^@\w+\{(\w+),", (ROOT / "paper/paper.bib").read_text("utf-8"), re.MULTILINE))
    # Those that the journal asks for; it takes 750 to 1,750 words.
    for heading in ("Summary", "Statement of need", "State of the field", "Software design",
                    "Research impact statement", "AI usage disclosure", "Acknowledgements", "References"):  # fmt: skip
        assert f"\n# {heading}\n" in paper
    assert 750 <= len(paper.split("---", 2)[2].split()) <= 1750
    studies = len(re.findall(r"^\$ specdid run", (ROOT / "docs/gallery.md").read_text("utf-8"), re.MULTILINE))
    assert studies == 11
    assert "repeats eleven published studies" in paper
    (agreed,) = re.findall(r"^(\d+) of \1 agree", (ROOT / "docs/gallery.md").read_text("utf-8"), re.MULTILINE)
    assert re.search(rf"of {agreed} printed numbers of eleven\s+published studies {agreed} agree", paper)
