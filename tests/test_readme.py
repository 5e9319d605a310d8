"""What the README says, runs: its code, its commands, its spec file, its tables and links."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import specdid
from specdid import _plugins
from specdid._cli import main
from specdid._cli.exits import Exit
from specdid._run.manifest import default_directory
from specdid.language import parse

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def table_after(heading: str) -> list[list[str]]:
    """Cells of the first table below a heading, without its header."""
    text = README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows[2:]]


@pytest.mark.parametrize("code", blocks("python"))
def test_python_blocks_run(code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}

    exec(compile(code, "README.md", "exec"), names)

    curve = names["curve"]
    assert curve.counts.ok == len(curve.table) == 16
    assert str(curve.counts) in capsys.readouterr().out


def test_the_examples_write_where_git_does_not_look() -> None:
    """The README's first command leaves `git status` clean: none of its files is tracked, all are ignored."""
    if not (ROOT / ".git").exists():
        pytest.skip("no clone")
    (spec,) = re.findall(r"specdid run (specs/\w+\.toml)", README.split("```bash")[1])
    directory = default_directory(specdid.read(ROOT / spec))
    shown = [path.name for path in (ROOT / "specs" / "results" / directory.name).iterdir()]
    assert len(shown) > 20
    files = [(directory / name).as_posix() for name in (*shown, "report.html", "timings.parquet", ".specdid-cache/x")]

    def git(*words: str) -> list[str]:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.splitlines()

    assert git("ls-files", "outputs") == []
    assert git("check-ignore", *files) == files
    assert (ROOT / "specs/results" / directory.name / "curve.png").relative_to(ROOT).as_posix() in README


def test_console_blocks_run_in_order(tmp_path: Path) -> None:
    commands = re.findall(r"^\$ (.+)$", "".join(blocks("console")), re.MULTILINE)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "specdid"
        done = subprocess.run(
            [sys.executable, "-m", "specdid", *arguments],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"

    results = tmp_path / "outputs" / "demo"
    for name in re.findall(r"`(\w*\.\w+)`", " ".join(row[0] for row in table_after("Reading the results"))):
        assert list(results.glob(f"*{name}")), name


def test_spec_file_on_one_page_has_no_fault(tmp_path: Path) -> None:
    (spec_text,) = blocks("toml")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "smart_city.csv").write_bytes((ROOT / "specs/data/smart_city.csv").read_bytes())
    (tmp_path / "page.toml").write_text(spec_text, "utf-8")

    faults = specdid.check(tmp_path / "page.toml")

    assert [str(fault.message) for fault in faults.errors] == []


@pytest.mark.parametrize(
    "formula",
    sorted(
        {
            formula
            for row in table_after("Dictionary for R and Stata users")
            for formula in re.findall(r'(?:= |`)"([^"]+)"(?! =)', row[1].replace("\\|", "|"))
        }
    ),
)
def test_dictionary_formulas_are_in_the_language(formula: str) -> None:
    assert parse(formula) is not None


def test_dictionary_is_worth_having() -> None:
    assert len(table_after("Dictionary for R and Stata users")) >= 15


def test_commands_are_those_of_the_program() -> None:
    written = {re.match(r"`specdid (\w+)", row[0]).group(1) for row in table_after("Commands")}

    assert written == set(main.commands)


def test_exit_codes_are_those_of_the_program() -> None:
    text = README.split("Exit codes:", 1)[1].split("\n\n", 1)[0]

    assert [int(code) for code in re.findall(r"\b(\d+) ", text)] == [int(code) for code in Exit]


def test_estimators_are_those_on_the_shelf() -> None:
    line = next(line for line in blocks("toml")[0].splitlines() if line.startswith("[estimator]"))

    assert set(line.split("# ", 1)[1].split(", ")) == set(_plugins.names("estimators"))


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_links_lead_somewhere(target: str) -> None:
    assert (ROOT / target).exists()


@pytest.mark.parametrize(
    "command", ["pip install -e . && specdid run specs/smart_city.toml", "pip install -e '.[test]' && pytest"]
)
def test_ci_runs_the_readme_s_commands_to_the_letter(command: str) -> None:
    assert command in README
    assert command in (ROOT / ".ci/run").read_text("utf-8")
