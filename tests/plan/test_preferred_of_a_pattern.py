"""Where a pattern makes the samples, it is said which one the preferred specification has, and how much it is of."""

from __future__ import annotations

import pytest
import specdid
from small_studies import small_panel, small_study
from specdid.figures.event_study import note
from specdid.report import summary

pytestmark = pytest.mark.usefixtures("undrawn")

LINE = 'name the one that is meant in [preferred]: {} = "{}"'


def study(keys=(), **changes):
    base = {"controls": {"none": "1", "ctl": "x1"}, "outcome": {"y": "y"}, "fixed_effects": {"two-way": "id + year"}}
    base |= {"preferred": {"controls": "ctl"}, "study": {"unit": "id", "time": "year", **dict(keys)}}
    return small_study(**{**base, **changes})


@pytest.fixture(scope="module")
def panel():
    """Units 1 to 24; 9 of them in region a."""
    return small_panel().with_columns(
        region=small_panel()["id"].is_in(range(1, 10)).replace_strict({True: "a", False: "b"})
    )


def told(made, panel):
    return [(f.message, f.help) for f in specdid.check(made, panel) if f.code == "preferred_level"]


@pytest.mark.parametrize(
    ("made", "dimension", "label", "units", "options"),
    [
        (study({"split": "region"}), "split", "region: a", 9, 2),
        (study(sample={"r": "each(region)"}), "sample", "r: a", 9, 2),
        (study(sample={"r": "drop_each(region)"}), "sample", "r: without a", 15, 2),
    ],
)
def test_check_says_which_level_the_preferred_specification_has(panel, made, dimension, label, units, options):
    assert told(made, panel) == [
        (
            f"the preferred specification has the {dimension} `{label}`, {units} of 24 units: "
            f"it is the first of {options} that [preferred] leaves open",
            LINE.format(dimension, label),
        )
    ]


def test_analyses_without_a_preferred_specification_have_the_first_level_too(panel):
    made = study({"split": "region"}, preferred={}, event_study={"window": [-2, 2]}, table={"vary": ["split"]})
    advice = LINE.format("split", "region: a")
    message = "[event_study] has the split `region: a`, 9 of 24 units: it is the first of 2, as there is no [preferred]"
    assert told(made, panel) == [(message, advice)]
    assert not told(study({"split": "region"}, preferred={}), panel)
    assert not told(study({"split": "region"}, preferred={}, table={"fix": {"split": "region: b"}}), panel)


def test_nothing_is_said_of_all_rows_or_of_a_level_that_is_named(panel):
    assert not told(study({"full_split": "region"}), panel)
    assert not told(study({"split": "region"}, preferred={"split": "region: b"}), panel)
    assert not told(study(sample={"all": "TRUE", "r": "each(region)"}), panel)


def test_the_sample_stands_beside_the_preferred_number_and_below_tables(panel, tmp_path):
    made = study({"split": "region"}, event_study={"window": [-2, 2]}, table={"T": {"vary": ["controls"]}})
    curve = specdid.run(made, panel, out=tmp_path, audit=0)
    assert "preferred_level" in {w.code for w in curve.warnings}
    assert "from the lowest estimate (split: region: a)." in summary.terminal_summary(curve)
    assert "`y ~ d + x1 | id + year` (split: region: a)" in (tmp_path / "details.md").read_text()
    for name in ("table_T.tex", "event_study.tex"):
        assert "Split: region: a." in (tmp_path / name).read_text(), name
    (chart,) = next(a.finding.charts for a in curve.analyses if a.kind == "event_study")
    assert "The preferred specification (controls: ctl, split: region: a)." in note(chart.data)


def test_columns_that_are_the_samples_have_no_such_note(panel, tmp_path):
    made = study({"split": "region"}, table={"T": {"vary": ["split"]}})
    specdid.run(made, panel, out=tmp_path, audit=0)
    assert "Split: region" not in (tmp_path / "table_T.tex").read_text()
