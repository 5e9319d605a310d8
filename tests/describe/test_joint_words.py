"""The primary test beside those of single medians: whose specifications each one is of."""

import re
from dataclasses import replace
from types import SimpleNamespace

import polars as pl
import specdid
from simulated import SPEC, simulated
from specdid._describe.curve_tests import marked, primary_lines, shares_words, side_of
from specdid._records import JointTest
from specdid._records.numerals import p_text
from specdid._records.results import MEDIAN, SHARE
from specdid.analyses._words import p_value

MANY = JointTest("wild", "median t", 2.3, -1.4, 1.4, 0.005, 199, "primary", specifications=336)
OWN = JointTest("wild", MEDIAN, -0.06, -0.05, 0.05, 0.05, 199, specifications=144, group="logs", estimand="ATT")
OTHER = JointTest("wild", MEDIAN, -0.06, -0.03, 0.03, 0.01, 199, specifications=192, group="logs", estimand="VWATT")


def test_a_primary_test_of_several_estimands_has_each_ones_beside_it():
    first, second = primary_lines([MANY, OWN, OTHER], 492)
    assert "p = 0.005" in first
    assert "336 of 492" in first
    assert re.search(r"ATT, 144 .*p = 0\.050 .*VWATT, 192 .*p = 0\.010", second)
    many = [replace(OWN, estimand=f"e{k}") for k in range(9)]
    assert "5 more" in primary_lines([MANY, *many], 492)[1]


def test_a_primary_test_of_several_scales_names_them():
    apart = replace(OTHER, group="hours")
    assert "median t, of 2 curves together (logs; hours): 2.3" in primary_lines([MANY, OWN, apart], 492)[0]
    assert "curves together" not in primary_lines([MANY, OWN, OTHER], 492)[0]


def test_a_median_times_the_expected_sign_says_in_which_direction_it_lies():
    """A p of .02 stood below a table whose median, of estimates as they are, has the other sign."""
    expected = [replace(t, direction="expected", side=side_of(t.value)) for t in (MANY, OWN, OTHER)]
    assert "ATT, against the expected direction, 144 specifications" in primary_lines(expected, 492)[1]
    assert "expected direction" not in primary_lines([MANY, OWN, OTHER], 492)[1]


def test_of_one_estimand_the_primary_test_stands_alone():
    alone = JointTest("wild", MEDIAN, -0.06, -0.05, 0.05, 0.05, 199, specifications=336, group="logs", estimand="ATT")
    assert len(primary_lines([MANY, alone], 492)) == 1


def test_a_p_at_its_floor_is_marked():
    assert "the smallest p of 199 draws" in primary_lines([MANY], 336)[0]
    assert "smallest" not in primary_lines([replace(MANY, p_value=0.01)], 336)[0]


def test_a_p_beside_alpha_never_reads_as_a_rejection_or_its_contrary():
    assert p_text(8 / 159) == "p = 0.0503"
    assert p_text(0.04996) == "p = 0.04996"
    assert p_value(0.0999) == "0.0999"
    assert p_text(10 / 200) == "p = 0.050"  # exactly so
    assert [p_text(p) for p in (0.0004, 0.049, 0.0512, 0.9999)] == ["p < 0.001", "p = 0.049", "p = 0.051", "p = 1.000"]


def test_the_headline_says_how_many_draws_counted():
    assert ", 158 of 199 draws" in primary_lines([replace(MANY, draws=158, dropped=41)], 336)[0]
    assert "of 199 draws" not in primary_lines([replace(MANY, p_value=0.01)], 336)[0]


def test_the_headline_has_the_test_of_what_it_counts(tmp_path):
    data = simulated(units=30, cohorts=(2003, 2005)).with_columns(z=pl.col("x") * pl.col("size"))
    spec = {**SPEC, "controls": {"x": "x", "z": "x + z", "none": "1"}, "estimator": {"o": "feols", "s": "sunab"}}
    spec |= {"inference": {"draws": 19, "null": ["wild"]}, "preferred": {"estimator": "s", "controls": "x"}}
    curve = specdid.run(spec, data, audit=0, out=tmp_path)
    (own,) = (t for t in curve.joint if t.kind == MEDIAN and "cohort shares" in t.estimand)
    (primary,) = (t for t in curve.joint if t.role == "primary")
    assert (own.specifications, primary.specifications) == (3, 6)
    finding = re.search(r'<p class="finding">(.*?)</p>', (tmp_path / "report.html").read_text("utf-8"), re.S)[1]
    headed = re.sub("<[^>]+>", "", finding)
    assert "3 estimates" in headed
    assert f"test of this median: p = {own.p_value:.3f}" in headed
    assert "of all 6 specifications tested" in headed
    joint = next(x for x in (tmp_path / "appendix.md").read_text("utf-8").splitlines() if "**Joint tests.**" in x)
    assert "of all 6 specifications tested" in joint


def test_a_median_of_few_specifications_says_how_many_beside_its_name():
    assert marked(replace(OWN, specifications=3), "median") == "median, of only 3 specifications"
    assert marked(OWN, "median") == "median"
    assert marked(replace(MANY, specifications=3), "median t") == "median t (primary)"


def test_the_share_is_explained_once_for_all_nulls():
    shares = [replace(MANY, kind=SHARE, role="", side=side) for side in ("above", "below")]
    nulls = [SimpleNamespace(title=f"{name} null", tests=[one]) for name, one in zip("ab", shares, strict=True)]
    told = list(shares_words(nulls))
    assert "Of draws with the same share above 0, those count for its p whose median t is as large" in told[0]
    assert len(told) == 3
    assert not told[0].count("Here it is")
    assert told[1:] == [
        "A null: the share of those significantly above 0.", "B null: the share of those significantly below 0."
    ]  # fmt: skip
    assert len(list(shares_words(nulls[:1] * 2))) == 1
