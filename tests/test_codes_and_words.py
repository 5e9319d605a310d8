"""What is done depends on codes, never on the words that people read."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest
from curves import plan_of, results_of
from simulated import analysed, simulated
from specdid import language
from specdid._records import JointTest, Section
from specdid._run.appendix import _section
from specdid._run.infer import _primary_first
from specdid.analyses._base import Analysed, Chart, Finding
from specdid.report.page import _sections
from specdid.tables._base import PrintTable, TidyTable

PACKAGE = Path(language.__file__).parents[1]
MATCHING = {"startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition", "split", "find"}
WORDS = re.compile(r"[A-Za-z]{2,},? [A-Za-z]{2,}|^[A-Z][a-z]+: ")
OTHERS = {"estimators/_pyfixest.py"}
"""Files that read the messages of other programs, which have no codes."""


def literals(node: ast.AST) -> list[str]:
    return [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]


def matched(tree: ast.Module) -> list[tuple[int, str]]:
    """Line and text of every string literal of several words that a text is matched with."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MATCHING:
            found += [(node.lineno, text) for argument in node.args for text in literals(argument)]
        if isinstance(node, ast.Compare) and any(isinstance(o, ast.In | ast.NotIn) for o in node.ops):
            found += [(node.lineno, text) for text in literals(node.left)]
    return [(line, text) for line, text in found if WORDS.search(text)]


def test_the_search_finds_what_it_is_for():
    assert matched(ast.parse('x.startswith(("Which choices", "b"))')) == [(1, "Which choices")]
    assert matched(ast.parse('"no clusters" in note')) == [(1, "no clusters")]
    assert matched(ast.parse('h.removeprefix("Table: ")')) == [(1, "Table: ")]
    assert matched(ast.parse('codes.split(" ")')) == []


def test_no_module_matches_words():
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name not in OTHERS and (hits := matched(ast.parse(path.read_text(encoding="utf-8")))):
            found[name] = hits
    assert not found


def test_a_label_does_not_take_the_note_on_standard_errors_away():
    """Notes that hold the word `constant` were left out, also where that was the cluster's label."""
    at = "at(size, year == 2003)"
    groups = {"groups": {"small": f"{at} < 4", "large": f"{at} >= 4"}}
    found = analysed("heterogeneity", groups, simulated(), labels={"id": "constant household"})
    table = next(t.print for t in found.finding.tables if t.print is not None)
    assert "Standard errors in parentheses, clustered by constant household." in table.notes
    assert not any("The constant is" in note for note in table.notes)


def test_a_median_is_renamed_by_its_scale_and_not_by_how_its_name_begins():
    planned = plan_of({"outcome": ("a", "b")}, scales={"a": "log", "b": "log; per head"}, display={"log": "log points"})
    results = results_of(planned)
    assert results.shown_statistic("median estimate (log; ATT)") == "median estimate (log points; ATT)"
    shown = results.shown_statistic("median estimate (log; per head; ATT)")
    assert shown == f"median estimate ({planned.shown('log; per head')}; ATT)"


def test_the_primary_test_is_found_by_its_kind():
    numbers = (1.0, -1.0, 1.0, 0.5, 19)
    rows = [
        JointTest("wild", "median t", *numbers),
        JointTest("wild", "median estimate", *numbers, group="log (x)", estimand="a (b)"),
    ]
    found = _primary_first(rows, "median estimate")
    assert [(t.statistic, t.role) for t in found] == [
        ("median estimate (log (x); a (b))", "primary"),
        ("median t", "secondary"),
    ]


def test_the_page_shows_sections_that_are_meant_for_it():
    class Curve:
        sections = (
            Section("Which choices matter to the author", ("an analysis's own",)),
            Section("Whatever", ("for the page",), on_page=True),
        )

    page = _sections(Curve())
    assert "for the page" in page
    assert "an analysis's own" not in page


def titles(kind: str, name: str | None, title: str) -> str:
    heading = kind.replace("_", " ").capitalize() + (f": {name}" if name is not None else "")
    table = TidyTable(("a",), ((1,),), PrintTable(title, ("a",), ()))
    return _section(Analysed(kind, name, "stem", heading, Finding((table,)))).tables[0][1].title


@pytest.mark.parametrize(
    ("kind", "name", "title", "printed"),
    [
        ("table", "Table 3", "Table 3", "Regressions (Table 3 of the study)"),
        ("heterogeneity", "City size", "City size", "Heterogeneity: City size"),
        ("heterogeneity", "Of cities: Effects", "Effects", "Effects"),
    ],
)
def test_tables_of_the_appendix_are_titled_by_kind_and_name(kind, name, title, printed):
    assert titles(kind, name, title) == printed


def test_two_charts_of_one_analysis_are_captioned_apart():
    """A suffix that happens to be part of the figure's title was left out of its caption."""
    finding = Finding(charts=(Chart("forest", None, "plot"), Chart("forest", None, "timing")))
    captions = [words for _, words in _section(Analysed("placebo", None, "placebo", "Placebo", finding)).figures]
    assert captions == ["Placebo: plot. Forest plot", "Placebo: timing. Forest plot"]


def test_numbers_below_the_least_are_relations():
    from specdid.analyses._words import p_is

    assert [p_is(p) for p in (0.0, 0.0009, 0.001, 0.5)] == ["< 0.001", "< 0.001", "= 0.001", "= 0.500"]
    assert p_is(np.nan) == "= "
