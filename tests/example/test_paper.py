"""specs/paper.py on a small run of the smart-city study, in a temporary directory."""

import csv
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import specdid

pytestmark = pytest.mark.usefixtures("undrawn")

ROOT = Path(__file__).parents[2]
FULL = "pgdp + I(pgdp^2) + ind2 + ln_open + ln_pat"
KEPT = ("zone trends", "later batches")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run every analysis, and a curve of a few specifications without its tests."""
    spec = tomllib.loads((ROOT / "specs/smart_city.toml").read_text("utf-8"))
    spec["study"]["data"] = str(ROOT / "specs/data/smart_city.csv")
    spec["study"]["one_at_a_time"] = list(KEPT)
    spec["variant"] = {name: spec["variant"][name] for name in KEPT}
    spec["controls"] = {"none or all": f"sw0({FULL})"}
    spec["estimator"] = {"OLS": "feols"}
    del spec["together"]  # which ties the treatment to estimators
    spec["inference"]["null"] = []
    spec["placebo"]["draws"] = 19
    spec["figure"]["formats"] = ["svg"]
    directory = tmp_path_factory.mktemp("smart_city")
    specdid.run(specdid.read(spec), out=directory, jobs=1, audit=0)
    return directory


@pytest.fixture(scope="module")
def page(out: Path) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, str(ROOT / "specs/paper.py"), str(out)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{out / 'paper.md'}\n"
    return (out / "paper.md").read_text("utf-8")


def minus(number: object) -> str:
    return str(number).replace("-", "−")


def test_no_analysis_of_the_example_failed(out: Path) -> None:
    assert "could not be run" not in (out / "details.md").read_text("utf-8")


def test_first_line_says_that_the_panel_is_synthetic(page: str) -> None:
    first = page.splitlines()[0]

    assert "synthetic" in first
    assert "illustrate the method" in first


def test_tables_1_and_2_stand_beside_the_study_with_what_is_wrong_in_them(page: str) -> None:
    section = page.split("\n## Tables 1 and 2: Hausman tests\n")[1].split("\n## ")[0]

    assert "prints no χ²" in section
    assert "- 11 of 16 cells have lost their exponent" in section
    assert "- 8 of 16 cells have lost their exponent" in section
    assert section.count(" is printed") == 1
    assert (
        "- ind: −0.000863 − 8.5e−05 is −0.000948, and −0.0001713 is printed; with one more zero in the first it is."
        in section
    )
    assert section.count("| Mundlak, cluster-robust |") == 2


@pytest.mark.parametrize("table", ["T3", "T4", "T5", "T6", "T7", "T8"])
def test_every_printed_number_is_there(page: str, table: str) -> None:
    def numbers(part: object) -> list[object]:
        if isinstance(part, dict):
            return [
                n
                for key, p in part.items()
                if key not in ("bins", "controls", "cols_printed", "cols_meant")
                for n in numbers(p)
            ]
        if isinstance(part, list):
            return [n for p in part for n in numbers(p)]
        return [] if part is None else [part]

    paper = json.loads((ROOT / "specs/data/paper_tables.json").read_text("utf-8"))
    section = page.split(f"\n## Table {table[1]}:")[1].split("\n## ")[0]

    assert [n for n in numbers(paper[table]) if minus(n) not in section] == []


def test_numbers_beside_them_are_the_study_s(out: Path, page: str) -> None:
    with (out / "table_Table_3.csv").open(encoding="utf-8", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["term"] == "did12" and r["vcov"] == "city"]
    line = next(line for line in page.splitlines() if line.startswith("| dudt / `did12` |"))
    cells = [cell.strip() for cell in line.split("|")][2:-1]

    assert [cell.split(" ")[0] for cell in cells[::2]] == ["−0.2324", "−0.2132", "−0.0967", "−0.1911"]
    assert [cell.split(" ")[0] for cell in cells[1::2]] == [minus(f"{float(r['estimate']):.3f}") for r in rows]


def test_eleven_warnings_with_what_the_tool_raises(page: str) -> None:
    told = page.split("\n## Eleven warnings\n")[1].strip().splitlines()[2:]

    assert [line.split(".")[0] for line in told] == [str(k) for k in range(1, 12)]
    assert all("*Here:*" in line for line in told)
    assert "−0.0967 is −9.2%, −0.1911 is −17.4%" in told[0]
    assert "column 3 is headed “waste water” and is so2" in told[1]
    assert "2009 (p 0.042) and 2010 (p 0.089)" in told[2]
    assert "“smart city, from 2013”" in told[3]
    assert "“dropped”" in told[3]
    assert "`>100` and `100-500` overlap: 144 units in both" in told[8]
    assert "without the main effect of `did12`" in told[9]
