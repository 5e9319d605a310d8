"""[labels] name outcomes and scales wherever they head something; labels that would run are written as text."""

from __future__ import annotations

import csv
import re
import warnings
from urllib.parse import unquote

import numpy as np
import polars as pl
import pytest
import specdid
from curves import plan_of, results_of
from markdown_it import MarkdownIt
from matplotlib.text import Text
from small_studies import small_panel, small_study
from specdid._describe.curve_tests import NullMedian
from specdid.figures import multiverse, null_density, spec_curve, volcano

SCALE, OUTCOME, OPTION = "Logpunkte", "Umsatz je Kopf", "späte Jahre"
QUANTILES = np.linspace(-1, 1, 201)
LABELS = {"log points": SCALE, "second": OUTCOME, "late": OPTION, "id": "Betrieb"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("labels")
    study = small_study(
        outcome={"first": {"formula": "y", "scale": "log points"}, "second": "y * 2"},
        controls={"none": "1", "one": "x1"},
        sample={"all": "TRUE", "late": "year > 2002"},
        labels=LABELS,
        inference={"draws": 19, "null": ["wild"]},
        figure={"formats": ["svg"]},
        event_study={"window": [-2, 2]},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        curve = specdid.run(study, small_panel(), out=directory, jobs=1, audit=0)
    return curve, directory


def test_words_and_pages_have_them(run):
    curve, directory = run
    summary = curve.summary()
    assert f"## Estimates in {SCALE}" in summary
    assert f"## Effect on {OUTCOME}" in summary
    assert f"| median estimate ({SCALE};" in summary
    assert re.search(r"\bsecond\b", summary) is None
    for name in ("appendix.md", "appendix.tex", "inference.tex", "report.html"):
        text = (directory / name).read_text(encoding="utf-8")
        assert SCALE in text, name
        assert OUTCOME in text, name
    for name in ("summary.md", "details.md", "appendix.md", "appendix.tex", "inference.tex"):
        assert "log points" not in (directory / name).read_text(encoding="utf-8"), name
    assert f"median estimate ({SCALE};" in curve._repr_html_()


def test_two_options_that_stand_for_one_outcome_are_one_group(tmp_path):
    """A draft of a do-file has "both" for two columns beside one of them: such a run ended in a traceback."""
    together = [{"dimensions": ["outcome", "controls"], "options": [["both", "n"], ["y", "x"], ["both", "more"]]}]
    study = small_study(
        outcome={"both": "c(y, z)", "y": "y"}, controls={"n": "1", "x": "x1", "more": "x1 + x2"}, together=together
    )
    curve = specdid.run(study, small_panel(), out=tmp_path, jobs=1, audit=0)
    # two fixed effects; the second row means `y` of either option
    assert [(g.name, len(g.members)) for g in curve.results.groups()] == [("y", 8), ("z", 4)]
    assert "## Effect on y" in (tmp_path / "details.md").read_text("utf-8")


def test_files_of_numbers_keep_the_spec_files_own(run):
    _, directory = run
    for name in ("inference.csv", "choices.csv", "results.csv"):
        text = (directory / name).read_text(encoding="utf-8")
        assert "log points" in text, name
        assert SCALE not in text, name


def test_a_comparison_has_them(run):
    _, directory = run
    found = specdid.compare(directory, directory)
    assert f"Estimates in {SCALE}" in found.summary()
    assert f"Effect on {OUTCOME}" in found.summary()
    assert f"median estimate ({SCALE};" in found.summary() or f"median estimate ({SCALE})" in found.summary()
    assert "log points" not in found.summary()
    texts = {t.get_text() for t in found.plot().findobj(Text)}
    assert f"Effect in {SCALE}" in texts or SCALE in texts


def labelled():
    planned = plan_of(
        {"outcome": ["first", "second"], "sample": ["all", "late"]},
        scales={"first": "log points"},
        display=LABELS,
        vcovs=("~id",),
    )
    return results_of(planned)


@pytest.mark.parametrize("name", ["curve", "volcano", "multiverse", "null_density"])
def test_figures_have_them_and_find_their_nulls(name):
    results = labelled()
    null = NullMedian("wild", "wild null", "log points", "ATT", 2, 0.1, 0.5, QUANTILES, 0.03, 0.02, (0.9, 0.01))
    figure = {
        "curve": lambda: spec_curve.FIGURE.draw(spec_curve.FIGURE.data(results)),
        "volcano": lambda: volcano.FIGURE.draw(volcano.FIGURE.data(results, (null,))),
        "multiverse": lambda: multiverse.FIGURE.draw(multiverse.FIGURE.data(results)),
        "null_density": lambda: null_density.FIGURE.draw(null_density.FIGURE.data((null,), results)),
    }[name]()
    said = " | ".join(t.get_text() for t in figure.findobj(Text))
    assert SCALE in said
    assert "log points" not in said
    assert name == "null_density" or OUTCOME in said
    assert name != "volcano" or "90% negative" in said
    assert name not in ("curve", "volcano") or "(standard errors: Betrieb)" in said


CELLS = ("=1+1", "+cmd|'/c canary'!A1", "-2+3+cmd", "@SUM(A1)", "-cmd", '=HYPERLINK("http://a","b")')
TEX = r"\input{canary} $x_1^2$ 5% & {a} #1 ~ \write18{canary} <b>"
MARKDOWN = "[canary](http://c.example) ![canary](c.png) | `x <b>"
HTML = "<script>canary()</script>\"'&"


def study():
    """Every place where a user's words stand holds words that something would run."""
    return {
        "study": {"title": f"=title {HTML} {TEX} {MARKDOWN}", "unit": "id", "time": "year", "seed": 1},
        "outcome": {CELLS[0]: {"formula": "y", "scale": CELLS[1]}, HTML: {"formula": "log(z)", "scale": CELLS[1]}},
        "treatment": {CELLS[3]: {"term": "d", "cohort": "cohort", "estimand": CELLS[2]}},
        "controls": {CELLS[2]: "1", TEX: "x1", CELLS[4]: "x1 + factor(t)", "subsets": "mvsw(x1, x3)"},
        "fixed_effects": {CELLS[0]: "id + year", HTML: "id"},
        "sample": {CELLS[5]: "TRUE", TEX: "year > 2001"},
        "weights": {CELLS[1]: "1"},
        "estimator": {CELLS[2]: "feols"},
        "variant": {
            CELLS[0] + " variant": {CELLS[1]: {}, TEX: {"where": "group != 1"}},
            "@plain": {"-a": {}, "+b": {"add": "x3"}},
        },
        "vcov": {CELLS[0]: "~id", CELLS[3]: "hetero"},
        "exclude": [{"when": {"sample": TEX, "outcome": HTML}, "because": f"{CELLS[0]} {HTML} {MARKDOWN}"}],
        "labels": {"x1": CELLS[1], "x3": TEX, "d": HTML, "x2": MARKDOWN},
        "inference": {"draws": 19, "null": ["wild", "permutation"], "assign": "cohort + d"},
        "figure": {"formats": ["svg"]},
        "run": {"jobs": 1, "backend": "serial"},
        "table": {CELLS[0]: {"vary": ["controls"]}},
        "event_study": {CELLS[3]: {"window": [-2, 2], "reference": -1}},
        "heterogeneity": {CELLS[1]: {"groups": {CELLS[0]: "group <= 2", TEX: "group > 2"}}},
        "mechanism": {CELLS[2]: {"moderator": "x3"}},
        "hausman": {HTML: {}},
        "placebo": {MARKDOWN: {"draws": 19}},
    }


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    out = tmp_path_factory.mktemp("hostile") / "out"
    data = small_panel(units=16, periods=6).with_columns(t=pl.Series([CELLS[k % 3] for k in range(96)]))
    curve = specdid.run(study(), data=data, out=out, audit=0)
    assert curve.counts.ok > 20
    return out


def test_no_cell_of_any_csv_would_run(results):
    files = sorted(results.rglob("*.csv"))
    assert len(files) >= 12
    for path in files:
        with path.open(newline="", encoding="utf-8") as file:
            for line in csv.reader(file):
                for cell in line:
                    if re.match(r"[=+\-@\t\r]", cell):
                        assert re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|-?inf", cell), f"{path.name}: {cell!r}"


_COMMANDS = re.compile(r"\\([A-Za-z@]+)")


def test_no_label_of_any_tex_file_is_a_command(results):
    files = sorted(results.rglob("*.tex"))
    assert len(files) >= 5
    for path in files:
        text = path.read_text("utf-8")
        assert not {"write", "immediate", "openout"} & set(_COMMANDS.findall(text)), path.name
        for name in re.findall(r"\\(?:input|include|includegraphics)(?:\[[^\]]*\])?\{([^}]*)\}", text):
            assert re.fullmatch(r"(\\\w+ )?[\w./-]+", name), f"{path.name}: {name}"
        for place in re.finditer(r"(?<!\\)(?:\\\\)*([%#&])", re.sub(r"(?m)(^|\s)%.*$", "", text)):
            around = text[max(0, place.start() - 8) : place.end() + 4]
            assert place.group(1) == "&" or "5%" not in around, f"{path.name}: {around!r}"
        assert "5%" not in text.replace("\\%", ""), path.name
        assert "canary}" not in text.replace(r"canary\}", ""), path.name


def test_no_label_of_any_page_is_a_tag(results):
    pages = sorted((*results.rglob("*.html"), *results.rglob("*.svg")))
    assert pages
    for path in pages:
        assert "<script>canary" not in path.read_text("utf-8"), path.name
        assert "\"'&<" not in path.read_text("utf-8"), path.name


def test_no_label_of_any_markdown_file_is_a_tag_a_link_or_an_image(results):
    files = sorted(results.rglob("*.md"))
    assert {path.name for path in files} >= {"summary.md", "appendix.md"}
    for path in files:
        text = path.read_text("utf-8")
        assert "canary" in text, path.name
        html = MarkdownIt("commonmark").enable("table").render(text)
        found = set(re.findall(r"<(?!/)([^ >]+)", html))
        if path.name == "summary.md":
            # It links to files of the run, and to nothing else.
            links = re.findall(r'<a href="([^"]*)">', html)
            assert links
            assert all((results / unquote(link)).is_file() for link in links)
            found -= {"a"}
        texts = {"p", "code", "em", "strong", "ul", "ol", "li", "h1", "h2", "h3", "blockquote", "br", "hr"}
        assert found <= texts | {"table", "thead", "tbody", "tr", "th", "td", "img"}, path.name
        assert all(re.fullmatch(r"[\w.%-]+", source) for source in re.findall(r'<img src="([^"]*)"', html)), path.name
        assert 'src="c.png"' not in html, path.name
        assert not re.search(r"(?<!\\)http://|(?<!\\)www\.", text), path.name
