"""A plug-in is one file on any of the seven shelves: it runs, is shown, exported, appended and reported.

Each dummy works, stands in a distribution of others, and is used by the command line in a process
of its own, as somebody would who installed it.
"""

from __future__ import annotations

import ast
import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from command import run_several, run_specdid
from outsiders import example_of, plugins, write_outsiders
from small_studies import small_panel
from specdid import _plugins
from specdid._words import catalogue

SPEC = """\
[study]
title = "dummies"
data = "given.csv"
unit = "id"
time = "year"
[outcome]
"y" = "y"
[treatment]
"d" = { term = "d", cohort = "cohort" }
[controls]
"none" = "1"
"x" = "x1 + x3"
[sample]
"all" = "TRUE"
[sample."matched"]
match = { on = "x1", at = "year == 2003", method = "example_match" }
[estimator]
"OLS" = "feols"
"Dummy" = "dummy_ols"
"Means" = "example_means"
"Later" = { method = "sunab", control = "notyet" }
"Cells" = "dummy_cells"
[vcov]
"unit" = "~id"
"robust" = "hetero"
[preferred]
estimator = "Dummy"
[inference]
draws = 19
null = ["wild", "example_null"]
alpha = 0.1
[example_count]
from = 40
vary = ["controls"]
[event_study]
[run]
backend = "serial"
[figure]
formats = ["png"]
[appendix]
formats = ["tex", "md"]
show = ["#1"]
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("outsiders")
    write_outsiders(directory / "site")
    small_panel().write_csv(directory / "given.csv")
    (directory / "s.toml").write_text(SPEC, encoding="utf-8")
    return directory


ROOT = Path(_plugins.__file__).parents[1]


def specdid(place: Path, *arguments: str) -> tuple[int, str, str]:
    done = run_specdid(arguments, place, PYTHONPATH=f"{ROOT}:{place / 'site'}")
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def ran(place) -> Path:
    code, out, err = specdid(place, "run", "s.toml", "--out", "out", "--jobs", "1")
    assert code == 0, out + err
    return place / "out"


PREFERRED = ("show", "s.toml", "preferred")
ASKED = (
    (*PREFERRED, "--out", "out"),
    (*PREFERRED, "--out", "out", "--code", "all"),
    *((*PREFERRED, "--code", language) for language in ("example_words", "stata", "python")),
    ("show", "--help"),
    ("check", "wrong.toml"),
    ("explain", "column"),
)


@pytest.fixture(scope="module")
def asked(place, ran) -> dict[tuple[str, ...], tuple[int, str, str]]:
    """What is answered after the run to each command of ASKED, by one process: most of each would be its start."""
    wrong = SPEC.replace('null = ["wild", "example_null"]', 'null = ["dummy_nul"]')
    (place / "wrong.toml").write_text(wrong, encoding="utf-8")
    answers = run_several(ASKED, place, PYTHONPATH=f"{ROOT}:{place / 'site'}")
    return dict(zip(ASKED, answers, strict=True))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def estimates(ran: Path) -> list[dict[str, str]]:
    """Return the rows of results.csv with clustered errors."""
    return [r for r in rows(ran / "results.csv") if r["vcov"] == "unit"]


def test_there_is_a_dummy_on_every_shelf():
    assert {shelf for shelf, _ in plugins()} == set(_plugins.DECLARED)


def test_a_new_estimator_and_a_new_match_give_the_numbers_of_feols(ran):
    found = estimates(ran)
    assert {r["status"] for r in found if r["estimator"] != "Means"} <= {"ok", "duplicate"}
    mine = {(r["controls"], r["sample"]): r for r in found if r["estimator"] == "Dummy"}
    others = {(r["controls"], r["sample"]): r for r in found if r["estimator"] == "OLS"}
    assert len(mine) == len(others) == 4
    for key, row in mine.items():
        assert row["estimate"], row
        assert float(row["estimate"]) == pytest.approx(float(others[key]["estimate"]), rel=1e-8)


def test_the_example_of_the_contract_gives_the_difference_in_means(place, ran):
    """Rows without fixed effects and controls, which it honours none of, and its own standard errors."""
    found = [r for r in rows(ran / "results.csv") if r["estimator"] == "Means"]
    assert {(r["controls"], r["status"]) for r in found} == {("none", "ok"), ("x", "excluded")}
    d = pl.read_csv(place / "given.csv")
    sides = [d.filter(pl.col("d") == k)["y"] for k in (1, 0)]
    (robust,) = [r for r in found if (r["vcov"], r["sample"], r["controls"]) == ("robust", "all", "none")]
    assert float(robust["estimate"]) == pytest.approx(sides[0].mean() - sides[1].mean(), rel=1e-9)
    error = sum(y.var(ddof=0) / len(y) for y in sides) ** 0.5
    assert float(robust["std_error"]) == pytest.approx(error, rel=1e-9)
    assert not [r for r in found if r["vcov"] == "unit" and r["std_error"]]


def test_a_new_average_of_cohorts_and_periods_is_the_engines(ran):
    found = estimates(ran)
    later, mine = ({(r["controls"], r["sample"]): r for r in found if r["estimator"] == e} for e in ("Later", "Cells"))
    assert len(later) == len(mine) == 4
    for key, row in mine.items():
        twin = row if row["status"] == "ok" else next(r for r in found if r["spec_id"] == row["twin"])
        assert twin["estimate"] == later[key]["estimate"], row


def test_a_new_null_tests_the_curve(ran):
    assert {r["null"] for r in rows(ran / "inference.csv")} == {"wild", "example_null"}
    assert "normal draws" in (ran / "details.md").read_text(encoding="utf-8")
    assert "example_null" in {r["null"] for r in rows(ran / "inference_specifications.csv")}


def test_a_new_table_format_prints_every_table(ran):
    printed = {p.name for p in ran.glob("*.example.txt")}
    assert printed == {"inference.example.txt", "example_count.example.txt", "event_study.example.txt"}
    assert "column 1 | 41" in (ran / "example_count.example.txt").read_text(encoding="utf-8")


def test_a_new_analysis_and_a_new_figure_are_written(ran):
    assert [r["n"] for r in rows(ran / "example_count.csv")] == ["40", "41"]
    assert (ran / "example_count.png").read_bytes()[:4] == b"\x89PNG"
    assert (ran / "example_dots.png").read_bytes()[:4] == b"\x89PNG"  # of the whole curve
    assert any(r["code"] == "example" for r in rows(ran / "warnings.csv"))
    assert "EXAMPLE LINE" in (ran / "details.md").read_text(encoding="utf-8")


def test_the_dummies_pass_the_conformance_tests(place):
    """As ARCHITECTURE says it to who adds one; the dummies of all shelves that have such tests at once."""
    tests = Path(__file__).parents[1]
    shelves = ("estimators", "inference", "matching", "analyses", "figures")
    found = sorted(path for shelf in shelves for path in (tests / shelf).glob("test_*.py"))
    # The others go over no shelf: importing them would take most of the time.
    files = [str(path) for path in found if "_plugins.names(" in path.read_text(encoding="utf-8")]
    options = ["-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-k", "dummy or example_", "-rN"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *files],
        cwd=tests.parent,
        env={**os.environ, "PYTEST_ADDOPTS": "", "PYTHONPATH": f"{tests.parent}:{place / 'site'}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 60, done.stdout


@pytest.mark.parametrize("shelf", _plugins.DECLARED)
def test_who_copies_a_contracts_example_has_chinese_of_all_it_says(shelf):
    _, text = example_of(shelf)
    names = {}
    exec(text, names)
    own, declared = names.get("OWN", _plugins.Own()), names[_plugins.DECLARED[shelf]]
    calls = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    said = {call.args[0].value for call in calls if call.func.id in ("say", "later")}
    assert said <= {*own.zh, *catalogue("zh")}
    kept = {call.args[2].value for call in calls if call.func.id == "Caution"}
    if shelf == "estimators":
        kept |= {declared.estimand, declared.alone({})}
    assert kept <= {*own.zh_kept}


def test_an_event_study_takes_the_new_estimators_effects_by_period(ran):
    assert sum(r["estimate"] not in ("", "0") for r in rows(ran / "event_study.csv")) > 3


def test_the_appendix_has_all_of_them(ran):
    text = (ran / "appendix.md").read_text(encoding="utf-8")
    assert "Example count" in text
    assert "example_count.png" in text
    assert "Normal draws" in text
    tex = (ran / "appendix.tex").read_text(encoding="utf-8") + (ran / "appendix_selected.tex").read_text("utf-8")
    assert "Dummy" in tex


def test_the_report_has_all_of_them(ran):
    page = (ran / "report.html").read_text(encoding="utf-8")
    told = "Example dots; numbers beside it: results.csv"
    for words in ("Example dots", told, "example_count.csv", "EXAMPLE LINE", "normal draws"):
        assert words in page, words


def test_show_has_the_table_the_nulls_and_every_language(asked):
    code, shown, err = asked[*PREFERRED, "--out", "out"]
    assert code == 0, err
    assert re.search(r"dummy_ols \(Dummy OLS\)", shown)
    assert "Code that reproduces it: --code example_words, --code python and --code r\n" in shown
    code, programs, err = asked[*PREFERRED, "--out", "out", "--code", "all"]
    assert code == 0, err
    assert "== English ==\n\nEXAMPLE: regress y on" in programs
    assert "== Python (pyfixest) ==\n\n# Spec" in programs
    assert "== Stata (reghdfe, ppmlhdfe) ==\n\nThere is no code in Stata (reghdfe, ppmlhdfe) for Dummy OLS" in programs


def test_a_new_language_is_on_the_command_line(asked):
    code, out, err = asked[*PREFERRED, "--code", "example_words"]
    assert (code, out) == (0, "EXAMPLE: regress y on d_v2 by dummy_ols\n"), err
    assert "example_words" in asked["show", "--help"][1]


def test_what_a_language_lacks_is_a_message_with_what_there_is(asked):
    code, out, err = asked[*PREFERRED, "--code", "stata"]
    assert (code, out) == (2, "")
    assert "no code in Stata (reghdfe, ppmlhdfe) for Dummy OLS: the estimator brings none" in err
    assert "--code example_words, --code python and --code r" in err


def test_the_new_estimators_program_gives_its_row(asked, ran):
    code, program, err = asked[*PREFERRED, "--code", "python"]
    assert code == 0, err
    names: dict = {}
    exec(program, names)
    (row,) = [r for r in estimates(ran) if r["preferred"].lower() == "true"]
    assert names["estimate"] == pytest.approx(float(row["estimate"]), rel=1e-8)
    assert names["std_error"]["unit"] == pytest.approx(float(row["std_error"]), rel=1e-6)


def test_a_wrong_name_lists_the_plug_ins_of_others_too(asked):
    code, _, err = asked["check", "wrong.toml"]
    assert code == 2
    assert "example_null" in err


def test_it_brings_its_chinese_and_its_meanings(place, asked):
    """Of a plug-in of others, too: no catalogue of ours knows it."""
    chinese = SPEC.replace('title = "dummies"', 'title = "dummies"\nlanguage = "zh"')
    (place / "zh.toml").write_text(chinese, encoding="utf-8")
    code, _, err = specdid(place, "run", "zh.toml", "--out", "zh", "--jobs", "1", "--audit", "0")
    assert code == 0, err
    read = {name: (place / "zh" / name).read_text(encoding="utf-8") for name in ("details.md", "appendix.md")}
    assert "示例计数" in read["details.md"]
    assert "示例在此。" in read["details.md"]
    assert "示例点图" in read["appendix.md"]
    assert "The example was here." in (place / "zh" / "warnings.csv").read_text(encoding="utf-8")
    code, told, _ = asked["explain", "column"]
    assert code == 0
    assert "A column's number, from 0 on." in told


def test_a_plug_in_that_cannot_be_imported_is_a_message_and_not_the_end(place):
    """One that the study uses is named; one that it does not use stands among the warnings of its run."""
    broken = place / "broken"
    write_outsiders(broken)
    for _, name in plugins():
        (broken / f"outsiders_{name}.py").write_text("import nothing_of_this_name\n", encoding="utf-8")
    plain = "\n".join(line for line in SPEC.splitlines() if "dummy" not in line.casefold() and "example" not in line)
    plain = plain.replace("[preferred]\n", "").replace('[sample."matched"]\n', "").replace("from = 40\nvary", "#")
    plain = plain.replace("[event_study]\n", "").partition("[appendix]")[0]
    (place / "plain.toml").write_text(plain, encoding="utf-8")
    commands = (
        ("check", "s.toml"),
        ("run", "plain.toml", "--out", "plain", "--jobs", "1", "--audit", "0"),
        ("show", "plain.toml", "#1", "--out", "plain", "--code", "all"),
    )
    used, done, shown = run_several(commands, place, PYTHONPATH=f"{ROOT}:{broken}")
    assert used[0] == 2
    assert "the plug-in `example_match` (outsiders_example_match) cannot be loaded: ModuleNotFoundError" in used[2]
    assert done[0] == 0, done[2]
    said = [r["message"] for r in rows(place / "plain" / "warnings.csv") if r["code"] == "plugin_failed"]
    assert [name for name in ("example_text", "example_dots") if any(f"`{name}`" in s for s in said)] == [
        "example_text",
        "example_dots",
    ]
    assert "== example_words ==\n\nthe plug-in `example_words`" in shown[1], shown[2]


SMALL = (
    SPEC.partition("[controls]")[0]
    + """
[estimator]
"Dummy" = "dummy_ols"
[inference]
draws = 19
null = ["example_null"]
[figure]
formats = ["svg"]
"""
)


def taken(place: Path) -> int:
    found = json.loads((place / "small" / "manifest.json").read_text(encoding="utf-8"))
    return found["taken_from_an_earlier_run"]["specifications"]


def test_what_a_changed_plug_in_would_compute_is_not_taken_from_the_cache(place):
    """Whichever of its files changed: an estimator may keep its arithmetic in another module."""
    (place / "small.toml").write_text(SMALL, encoding="utf-8")
    command = ("run", "small.toml", "--out", "small", "--jobs", "1", "--audit", "0")
    run_several([command, command], place, PYTHONPATH=f"{ROOT}:{place / 'site'}")
    before = taken(place)
    path = place / "site" / "outsiders_example_null.py"
    path.write_text(path.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    specdid(place, *command)
    assert before > 0
    assert taken(place) == 0
