"""Figures of one specification say in their notes which it is, and whether it is the preferred one."""

from __future__ import annotations

import pytest
from figure_texts import texts_of
from specdid import _plugins
from specdid._words import speaking
from studies import run_tables

PREFERRED = '[preferred]\ncontrols = "all controls"\nestimator = "OLS"\ntreatment = "pilot"\n'
TABLES = {
    "event_study": "[event_study]\nwindow = [-3, 3]\n",
    "honest": "[honest]\nrelative_magnitudes = [1]\n",
    "placebo": "[placebo]\ndraws = 19\nperiods = [1]\n",
}
FIXED = 'fix = {{ outcome = "ln SO2", treatment = "{treatment}", sample = "batch 1", estimator = "{estimator}" }}\n'


def notes(directory, table, keys, preferred="", width=6.5):
    (found,) = run_tables(directory, f"{preferred}{TABLES[table]}{keys}")
    assert found.failure is None
    drawn = [_plugins.load("figures", c.figure).draw(c.data, width) for c in found.finding.charts]
    return [" ".join(texts_of(figure)) for figure in drawn]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("width", [3.5, 6.5])
def test_the_note_says_which_specification_is_drawn(tmp_path, table, width):
    fixed = FIXED.format(treatment="pilot", estimator="OLS")
    for note in notes(tmp_path, table, fixed, width=width):
        assert "Treatment: pilot, controls: none, sample: batch 1, estimator: OLS." in note
        assert "referred" not in note


@pytest.mark.parametrize("table", TABLES)
def test_the_note_says_that_it_is_the_preferred_one(tmp_path, table):
    said = "treatment: pilot, controls: all controls, sample: all cities, estimator: OLS)."
    for note in notes(tmp_path, table, "", PREFERRED):
        assert f"The preferred specification ({said}" in note
    for note in notes(tmp_path, table, 'fix = { sample = "batch 1" }\n', PREFERRED):
        assert "Treatment: pilot, controls: all controls, sample: batch 1, estimator: OLS." in note


def test_what_varies_is_in_the_key_and_what_does_not_in_the_note(tmp_path):
    (note,) = notes(
        tmp_path, "event_study", 'vary = ["estimator"]\nfix = { estimator = ["OLS", "lpdid"] }\n', PREFERRED
    )
    assert "Otherwise the preferred specification (treatment: pilot, controls: all controls" in note
    assert "estimator: " not in note
    with speaking("zh"):
        (note,) = notes(tmp_path, "event_study", "", PREFERRED)
    assert "所绘为首选设定（处理变量：pilot、控制变量：allcontrols、样本：allcities" in note.replace(" ", "")
