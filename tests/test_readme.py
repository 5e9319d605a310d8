"""What the README and the pages of docs/ say, runs: their code, commands, spec files, tables, numbers and links."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import specdid
from browser import open_browser
from command import call_specdid
from generated_pages import ROOT, compared, habits, with_table
from pace import patience
from specdid import _plugins
from specdid._cli import main
from specdid._cli.exits import Exit
from specdid._columns import COLUMNS, OF_ESTIMATORS, OF_INSTRUMENTS
from specdid._run.manifest import default_directory
from specdid.language import parse

README = "README.md"
PAGES = [
    README,
    *sorted(p.relative_to(ROOT).as_posix() for p in (ROOT / "docs").rglob("*.md") if "design" not in p.parts),
]


def text(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text(page), re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[str]:
    return re.findall(r"^\$ (.+)$", "".join(blocks(page, "console")), re.MULTILINE)


def first_table(page: str) -> list[list[str]]:
    """Cells of the first table of a page, without its header."""
    lines = re.search(r"(?:^\|.*\n)+", text(page), re.MULTILINE)[0].splitlines()
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in lines[2:]]


@pytest.mark.usefixtures("audit_here")
def test_python_blocks_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.chdir(ROOT)
    (code,) = blocks("docs/python.md", "python")
    names: dict[str, object] = {}

    exec(compile(code, "python.md", "exec"), names)

    curve = names["curve"]
    assert curve.counts.ok == len(curve.table) == 16
    assert str(curve.counts) in capsys.readouterr().out


@pytest.mark.usefixtures("audit_here")
def test_what_python_asserts_of_instruments_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("docs/howto/instruments.md", "python")
    assert code.count("\nassert ") == 3
    exec(compile(code, "instruments.md", "exec"), {})


def test_check_prints_the_json_of_the_page(tmp_path: Path) -> None:
    """The file is not on the page: its fourth line names a column that the data spell otherwise."""
    (shown,) = blocks("docs/commands.md", "json")
    spec = '[study]\ndata = "panel.csv"\ntime = "year"\nunit = "citty"\noutcome = "y"\ntreatment = "d"\n'
    (tmp_path / "study.toml").write_text(spec, "utf-8")
    rows = [f"{i},{t},{i * t % 7},{i % 2 * (t > 2)}" for i in range(8) for t in range(5)]
    (tmp_path / "panel.csv").write_text("\n".join(["city,year,y,d", *rows]), "utf-8")
    done = call_specdid(["check", "study.toml", "--format", "json"], tmp_path)
    assert json.loads(done.stdout) == json.loads(shown)
    assert done.stdout.splitlines() == shown.splitlines()


def test_the_examples_write_where_git_does_not_look() -> None:
    """The README's first command leaves `git status` clean: none of its files is tracked, all are ignored."""
    if not (ROOT / ".git").exists():
        pytest.skip("no clone")
    (spec,) = re.findall(r"specdid run (specs/\w+\.toml)", text(README).split("```bash")[1])
    directory = default_directory(specdid.read(ROOT / spec))
    shown = [path.name for path in (ROOT / "specs" / "results" / directory.name).iterdir()]
    assert len(shown) > 20
    files = [(directory / name).as_posix() for name in (*shown, "report.html", "timings.parquet", ".specdid-cache/x")]

    def git(*words: str) -> list[str]:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.splitlines()

    assert git("ls-files", "outputs") == []
    assert git("check-ignore", *files) == files
    assert (ROOT / "specs/results" / directory.name / "curve.png").relative_to(ROOT).as_posix() in text(README)


@pytest.mark.usefixtures("audit_here", "coarse")
def test_console_blocks_run_in_order(tmp_path: Path) -> None:
    """Those of the README, of the commands and of interrupted runs are about one study."""
    listed = []
    for command in [c for page in (README, "docs/commands.md", "docs/howto/interrupted.md") for c in commands(page)]:
        program, *arguments = shlex.split(command)
        assert program == "specdid"
        done = call_specdid(arguments, tmp_path)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        listed.append(command)

    assert len(listed) >= 7
    results = tmp_path / "outputs" / "demo"
    for name in re.findall(r"`(\w*\.\w+)`", " ".join(row[0] for row in first_table("docs/results.md"))):
        assert list(results.glob(f"*{name}")), name


@pytest.mark.usefixtures("audit_here", "undrawn_test")
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    page = "docs/tutorial.md"
    (code,), (spec,), (shown,) = (blocks(page, language) for language in ("python", "toml", "text"))
    with contextlib.chdir(tmp_path):
        exec(compile(code, "tutorial.md", "exec"), {})

    said = []
    for command in commands(page):
        if len(said) == 3:
            (tmp_path / "study/study.toml").write_text(spec, "utf-8")
        done = call_specdid(shlex.split(command)[1:], tmp_path)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        said.append(done.stdout)

    assert all(line in said[0] for line in shown.splitlines())
    assert "32 planned = 32 ok" in said[4]
    out = tmp_path / "outputs/study"
    assert all((out / name).exists() for name in ("summary.md", "report.html", "appendix.tex", "appendix_main.tex"))
    assert "log(so2)" in said[5]


def test_regressions_of_the_page_are_drafted(tmp_path: Path) -> None:
    page = "docs/howto/from-code.md"
    (code,), (shown,) = blocks(page, "stata"), blocks(page, "text")
    shutil.copy(ROOT / "specs/data/castle.csv", tmp_path)
    (tmp_path / "tables.do").write_text(code, "utf-8")

    said = [call_specdid(shlex.split(command)[1:], tmp_path) for command in commands(page)]

    assert [done.returncode for done in said] == [0, 0]
    assert said[0].stdout.startswith(shown)
    assert "5 planned = 5 to estimate" in said[1].stdout


def specs() -> list:
    """Every spec in TOML: the first of a page is whole, the others stand in its place table by table."""
    found = []
    for page in PAGES:
        whole: dict = {}
        for k, block in enumerate(blocks(page, "toml") if page != "docs/tutorial.md" else []):
            given = tomllib.loads(block)
            whole = {**whole, **given}
            found.append(pytest.param(whole, id=f"{page}-{k}"))
    return found


@pytest.mark.parametrize("spec", [one for one in specs() if "spec-file" in one.id])
def test_the_spec_with_every_table_has_no_fault(spec: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    """It plans thousands of specifications, so it is not run."""
    monkeypatch.chdir(ROOT / "specs")

    faults = specdid.check(spec)

    assert [fault.message for fault in faults.errors] == []


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("spec", [one for one in specs() if "spec-file" not in one.id])
def test_specs_of_the_pages_run(
    spec: dict, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each option has a number, no analysis fails, results.csv has what the page names; counts are those it says."""
    page, _, place = request.node.callspec.id.rpartition("-")
    monkeypatch.chdir(ROOT / "specs")
    # Draws are what takes long, and tests of their own are about them.
    spec = {**spec, "inference": {"draws": 0}}
    if "placebo" in spec:
        spec["placebo"] = {**spec["placebo"], "draws": 19}
    curve = specdid.run(spec, out=tmp_path, jobs=1, audit=0)
    assert set(curve.table["status"]) <= {"ok", "duplicate", "excluded"}, curve.table["message"].to_list()
    assert curve.table.groupby("estimator")["estimate"].count().min() > 0
    assert "analysis_failed" not in (tmp_path / "warnings.csv").read_text("utf-8")
    known = {column.name for column in (*COLUMNS, *OF_INSTRUMENTS, *OF_ESTIMATORS)}
    known |= {name for own in _plugins.owned().values() for name in own.meanings.get("columns", ())}
    if page != "docs/results.md":  # which is of any study
        assert set(re.findall(r"`(\w+)`", text(page))) & known <= set(curve.table)
    if place == "0":
        for planned in re.findall(r"^([\d,]+) specifications:|= ([\d,]+) specifications", text(page), re.MULTILINE):
            assert curve.counts.planned == int("".join(planned).replace(",", ""))
        for column, value in re.findall(r"Here `(\w+)` is (\d+)", text(page)):
            assert curve.table[column].max() == int(value)


GALLERY = [
    ("enterprise_zones", {"treatment": "Δ zone", "fixed_effects": "year", "vcov": "independent"}),
    ("training_grants", {"treatment": "grant", "controls": "grant_1", "vcov": "independent"}),
    ("training_grants", {"treatment": "grant a year ago", "controls": "grant", "vcov": "independent"}),
    ("incinerator", {"outcome": "price", "controls": "none", "vcov": "independent"}),
    ("incinerator", {"outcome": "price", "controls": "age", "vcov": "independent"}),
    ("incinerator", {"outcome": "price", "controls": "all", "vcov": "independent"}),
    ("work_injuries", {"outcome": "ln weeks", "controls": "none", "fixed_effects": "earnings + period",
                       "sample": "both states", "vcov": "independent"}),
    ("work_injuries", {"outcome": "ln weeks", "controls": "worker, injury", "fixed_effects": "earnings + period",
                       "sample": "both states", "vcov": "independent"}),
    ("union_wages", {"controls": "married + I(exper^2)", "fixed_effects": "man + year", "sample": "all years",
                     "vcov": "man"}),
    ("beer_tax", {"outcome": "deaths", "controls": "none", "fixed_effects": "state", "sample": "all years",
                  "vcov": "state, not corrected"}),
    ("beer_tax", {"outcome": "deaths", "controls": "none", "fixed_effects": "state + year", "sample": "all years",
                  "vcov": "state, not corrected"}),
    ("organ_donations", {"outcome": "rate", "fixed_effects": "state + quarter", "sample": "all quarters"}),
    ("medicaid", {"sample": "all states", "weights": "unweighted", "estimator": "two-way OLS"}),
    ("medicaid", {"sample": "all states", "weights": "unweighted", "estimator": "Callaway-Sant'Anna"}),
    ("medicaid", {"sample": "states that expanded", "weights": "unweighted", "estimator": "two-way OLS"}),
    ("medicaid", {"sample": "states that expanded", "weights": "unweighted", "estimator": "Callaway-Sant'Anna"}),
    *[("minimum_wage", {"estimator": "Sun-Abraham", "vcov": "county", "period": k}) for k in range(4)],
    *[("schooling", {"controls": "and where he grew up", "sample": "all", "vcov": "robust", "instruments": name})
      for name in ("least squares", "near a four-year college", "near colleges of both kinds")],
    ("castle", {"outcome": "ln homicide", "controls": "all controls", "fixed_effects": "state + region×year",
                "weights": "population", "sample": "all states", "vcov": "state"}),
]  # fmt: skip
"""For every row of the page's table: a spec, and the specification or effect of it that was printed."""
ANALYSES = ("inference", "event_study", "placebo", "figure", "appendix", "labels")


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory):
    import pandas as pd

    # The results of two are in the repository, and are held to their spec.
    found = {
        "castle": pd.read_csv(ROOT / "specs/results/castle/results.csv"),
        "minimum_wage": pd.read_csv(ROOT / "specs/results/minimum_wage/event_study.csv"),
    }
    for name in {name for name, _ in GALLERY} - set(found):
        spec = tomllib.loads(text(f"specs/{name}.toml"))
        spec = {key: value for key, value in spec.items() if key not in ANALYSES} | {"inference": {"draws": 0}}
        with contextlib.chdir(ROOT / "specs"):
            found[name] = specdid.run(spec, jobs=1, audit=0).table
    return found


def as_printed(value: float, example: str) -> str:
    """A number with as many digits as another has, in the page's way of writing."""
    digits = len(example.partition(".")[2])
    return re.sub(r"^(−?)0\.", r"\1.", f"{value:,.{digits}f}".replace("-", "−"))


def test_the_gallery_prints_what_is_found(gallery) -> None:
    """The column `here` is a run's number with the printed number of digits; the page counts how many agree."""
    rows = first_table("docs/gallery.md")
    assert len(rows) == len(GALLERY)
    agreed = 0
    for (name, choice), (_, what, printed, here, source) in zip(GALLERY, rows, strict=True):
        table = gallery[name]
        for key, label in choice.items():
            table = table[table[key] == label]
        (row,) = table.to_dict("records")
        numbers = [row["estimate"], row["std_error"]]
        parts = [
            as_printed(n, p) for n, p in zip(numbers, printed.replace("(", "").replace(")", "").split(), strict=False)
        ]
        assert here == parts[0] + "".join(f" ({part})" for part in parts[1:]), (name, what)
        assert source, what
        agreed += printed == here
    assert f"{agreed} of {len(rows)} agree to the digits that are printed" in text("docs/gallery.md")


def test_the_gallery_has_every_spec_with_a_picture() -> None:
    """Every example on real data is a study of the page, with its command, picture and data described."""
    page, data = text("docs/gallery.md"), text("specs/data/README.md")
    for path in (ROOT / "specs").glob("*.toml"):
        if path.stem != "smart_city":
            assert f"$ specdid run specs/{path.name}" in page, path.name
            assert f"](images/{path.stem}.png)" in page, path.name
            used = tomllib.loads(path.read_text("utf-8"))["study"]["data"]
            assert f"| `{Path(used).name}` |" in data, path.name
    assert len(re.findall(r"^\$ specdid run", page, re.MULTILINE)) >= 8


@pytest.mark.parametrize(
    "formula",
    sorted(
        {
            formula
            for row in first_table("docs/dictionary.md")
            for formula in re.findall(r'(?:= |`)"([^"]+)"(?! =)', row[1].replace("\\|", "|"))
        }
    ),
)
def test_dictionary_formulas_are_in_the_language(formula: str) -> None:
    assert parse(formula) is not None


def test_dictionary_is_worth_having() -> None:
    assert len(first_table("docs/dictionary.md")) >= 15


def test_commands_are_those_of_the_program() -> None:
    written = {re.match(r"`specdid (\w+)", row[0]).group(1) for row in first_table("docs/commands.md")}

    assert written == set(main.commands)


def test_exit_codes_are_those_of_the_program() -> None:
    said = text("docs/commands.md").split("Exit codes:", 1)[1].split("\n\n", 1)[0]

    assert [int(code) for code in re.findall(r"\b(\d+) ", said)] == [int(code) for code in Exit]


def test_every_estimator_and_analysis_is_on_the_pages_that_list_them() -> None:
    estimators, page = set(_plugins.names("estimators")), text("docs/spec-file.md")
    (listed,) = re.findall(r"^\[estimator\] .* among them (.*)$", page, re.MULTILINE)
    methods = set(re.findall(r"\*\*(\w+)\*\*", text("docs/method.md")))

    assert set(listed.split(", ")) == estimators
    assert methods >= estimators - {"feols"}  # which the whole page is about
    assert set(re.findall(r"`\[(\w+)\]`", page)) >= set(_plugins.names("analyses"))


def test_every_figure_of_a_run_is_on_the_page_of_results() -> None:
    drawn = {f.name for f in _plugins.every("figures") if f.curve is not None}
    rows = [set(re.findall(r"`(\w+)`", row[0])) for row in first_table("docs/results.md")]

    assert drawn in rows


def test_whom_the_page_of_methods_cites_it_lists() -> None:
    """By first name and year, in order."""
    body, sources = text("docs/method.md").split("## Sources")
    listed = re.findall(r"^- (?:de )?([\w']+),.*? \((\d{4})\)", sources, re.MULTILINE)
    others = r"(?:,? [\w', -]{0,60}?)?"
    cited = re.findall(rf"\b([A-Z][\w']+){others} \(?((?:19|20)\d\d)\b", " ".join(body.split()))
    assert len(cited) >= 20
    assert set(cited) <= set(listed)
    assert listed == sorted(listed, key=lambda source: source[0].lower())


def anchor(heading: str) -> str:
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading.replace("`", "")).strip().lower())


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text(page)):
        name, _, part = target.partition("#")
        place = (ROOT / page).parent / name if name else ROOT / page
        assert place.exists(), target
        # What lies outside of docs/ is no page of the site.
        assert page == README or (ROOT / "docs") in place.resolve().parents, target
        if part and page != "docs/reference.md":
            headings = re.findall(r"^#+ (.+)$", place.read_text("utf-8"), re.MULTILINE)
            assert part in map(anchor, headings), target


def test_every_page_is_in_the_navigation() -> None:
    named = re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    assert sorted(f"docs/{name}" for name in named) == [page for page in PAGES if page != README]


@pytest.mark.parametrize("name", ["habits", "validation"])
def test_generated_pages_are_up_to_date(name: str) -> None:
    path = ROOT / f"docs/{name}.md"
    made = habits() if name == "habits" else with_table(path.read_text("utf-8"), compared())
    if os.environ.get("SPECDID_UPDATE_GOLDEN"):
        path.write_text(made, "utf-8", newline="\n")
    assert path.read_text("utf-8") == made


def test_the_api_page_has_every_public_name() -> None:
    """Each name of `specdid.__all__` stands once on docs/api.md, where mkdocstrings puts its docstring."""
    named = re.findall(r"^::: specdid\.(\w+)$", text("docs/api.md"), re.MULTILINE)
    assert sorted(named) == sorted(set(specdid.__all__) - {"__version__"})


@pytest.mark.skipif(
    importlib.util.find_spec("zensical") is None or importlib.util.find_spec("mkdocstrings_handlers") is None,
    reason="the extra docs is not installed",
)
def test_the_site_is_built_strictly_and_searched_from_the_disk(tmp_path: Path) -> None:
    """`.ci/site` as it stands, with a report of eight specifications in place of the flagship's 960."""
    for name in ("docs", "specs", "specdid", ".ci"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("results", "live", "__pycache__"))
    shutil.copytree(ROOT / "tests/bench/results", tmp_path / "tests/bench/results")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    build = ["bash", ".ci/site", "specs/training_grants.toml"]
    done = subprocess.run(
        build, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with open_browser() as browser:
        page = browser.new_page(viewport={"width": 1300, "height": 900})
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((tmp_path / "site/live.html").as_uri())
        report = page.frame_locator("iframe[title^='The report']")
        report.locator("#chart canvas").first.wait_for(timeout=1000 * patience(60))
        page.goto((tmp_path / "site/api.html").as_uri())
        shown = {heading.split()[0].strip("¶") for heading in page.locator("article h3").all_inner_texts()}
        assert shown == {f"specdid.{name}" for name in specdid.__all__} - {"specdid.__version__"}
        page.goto((tmp_path / "site/dictionary.html").as_uri())
        assert "y ~ d + x | id + year" in page.locator("article").inner_text()
        page.goto((tmp_path / "site/howto/staggered.html").as_uri())
        page.locator(".md-search__button").first.click()
        page.keyboard.type("caliper", delay=60)
        page.get_by_text("Ways to match").last.wait_for(timeout=1000 * patience(60))
        page.set_viewport_size({"width": 420, "height": 900})
        for name in ("reference", "gallery", "habits"):  # nothing of a table lies beside the screen
            page.goto((tmp_path / f"site/{name}.html").as_uri())
            page.locator(".md-typeset__scrollwrap").first.wait_for(timeout=1000 * patience(60))
            wide = "boxes => boxes.filter(box => box.scrollWidth > box.clientWidth + 1).length"
            assert page.eval_on_selector_all(".md-typeset__scrollwrap", wide) == 0, name
        page.goto((tmp_path / "site/404.html").as_uri())  # with its styles and links, from the disk as well
        assert page.eval_on_selector(".md-header", "header => getComputedStyle(header).position") == "sticky"
        page.locator("article a", has_text="tutorial").click()
        page.wait_for_url((tmp_path / "site/tutorial.html").as_uri())
        assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    for name, up in (("validation", ""), ("howto/staggered", "../")):  # what was measured is a link
        found = re.findall(r'<a href="([^"]+)"><code>tests/bench/', (tmp_path / f"site/{name}.html").read_text("utf-8"))
        assert found
        assert all(
            one.startswith(f"{up}bench/") and (tmp_path / "site" / one.removeprefix("../")).is_file() for one in found
        )
    missing = (tmp_path / "site/404.html").read_text("utf-8")
    assert {f"{name}.html" for name in ("index", "tutorial", "reference")} <= set(
        re.findall(r'href="([^"]+)"', re.search("<h1>Not found</h1><p>.*", missing)[0])
    )


@pytest.mark.parametrize(
    "command", ["pip install -e . && specdid run specs/smart_city.toml", "pip install -e '.[test]' && pytest"]
)
def test_ci_runs_the_readme_s_commands_to_the_letter(command: str) -> None:
    assert command in text(README)
    assert command in (ROOT / ".ci/run").read_text("utf-8")
