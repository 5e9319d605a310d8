"""The summary on a terminal: as wide as it is, words and numbers whole, labels never markup."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from specdid._cli.running import print_markdown
from specdid.report.summary import table

LINE = "- [bold]bad[/bold] control? `ln_pat` (p = 0.006) differs with the treatment given 城市和年份固定效应"
TABLE = table(
    ("estimand", "n", "median", "p < 0.05, < 0", "under the null"),
    [("average effect | [red]two-way[/red] fixed effects weights", "1,234", "-0.1621", "92.5%", "3.1%")],
)
SUMMARY = "\n".join(["# Title", "", "320 planned = 320 ok + 0 failed + 0 excluded + 0 duplicate", "", LINE, "", *TABLE])


@pytest.fixture
def printed(monkeypatch, capsys):
    def at(width):
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TERM", "dumb")
        print_markdown(SUMMARY)
        return capsys.readouterr().out

    return at


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_and_no_word_or_number_is_broken(printed, width):
    text = printed(width)
    assert max(map(cell_len, text.splitlines())) <= width
    words = text.split()
    for word in ("duplicate", "[bold]bad[/bold]", "treatment", "1,234", "-0.1621", "[red]two-way[/red]"):
        assert any(w.startswith(word) for w in words), word
    assert "\\|" not in text


def test_further_lines_of_an_item_are_indented(printed):
    text = printed(40).splitlines()
    first = next(k for k, line in enumerate(text) if line.startswith("- "))
    assert text[first + 1].startswith("  ")


def test_numbers_that_have_no_place_beside_each_other_stand_under_their_names(printed):
    assert "median: -0.1621" in printed(40)
    wide = next(line for line in printed(120).splitlines() if "estimand" in line)
    assert "median" in wide
