"""Labels that a spreadsheet, LaTeX or a browser would run are written as text in every file of a run."""

import csv
import re

import polars as pl
import pytest
import specdid
from markdown_it import MarkdownIt
from small_studies import small_panel

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
        "hausman": {HTML: {"controls": "d + x1"}},
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
        texts = {"p", "code", "em", "strong", "ul", "ol", "li", "h1", "h2", "h3", "blockquote", "br", "hr"}
        assert found <= texts | {"table", "thead", "tbody", "tr", "th", "td", "img"}, path.name
        assert all(re.fullmatch(r"[\w.%-]+", source) for source in re.findall(r'<img src="([^"]*)"', html)), path.name
        assert 'src="c.png"' not in html, path.name
        assert not re.search(r"(?<!\\)http://|(?<!\\)www\.", text), path.name
