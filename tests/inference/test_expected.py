"""Outcomes expected in opposite directions, and the primary test."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import specdid
from small_studies import small_panel, small_study
from specdid._records.results import statistic_name
from specdid._study import STATISTICS
from specdid.figures.null_density import FIGURE

pytestmark = pytest.mark.usefixtures("undrawn")

NULLS = {"draws": 99, "null": ["wild", "permutation"], "assign": "cohort"}


def panel(units: int = 30) -> pl.DataFrame:
    """Add an outcome that rises and one that falls by the same effect."""
    frame = small_panel(5, units)
    noise = np.random.default_rng(3).normal(size=(2, len(frame))) * [[0.5], [0.1]]
    up = pl.Series(noise[0]) + frame["d"]
    return frame.with_columns(up=up, down=pl.Series(noise[1]) - up)


def run(outcome, frame=None, inference=NULLS, out=None, **changes):
    study = small_study(
        outcome=outcome,
        controls={"none": "1", "one": "x1"},
        inference=inference,
        derive={"d": "(cohort > 0) & (year >= cohort)"},
        figure={"formats": ["svg"]},
        **changes,
    )
    return specdid.run(study, panel() if frame is None else frame, audit=0, out=out)


def option(formula, expect=None, **more):
    return {"formula": formula, "scale": "points", **({"expect": expect} if expect else {}), **more}


def rows(curve):
    return {(t.null, statistic_name(t.kind, t.group, t.estimand)): t for t in curve.joint}


def test_opposite_directions_cancel_and_the_run_says_so():
    curve = run({"up": option("up"), "down": option("down")})
    found = rows(curve)
    assert found["wild", "Stouffer's Z"].p_value > 0.05  # 0.01 where directions are expected
    assert found["wild", "median t"].p_value > 0.05
    (said,) = (c for c in curve.warnings if c.code == "opposite_signs")
    assert said.severity == "serious"
    assert "negative “down” (median t -" in said.message
    assert "positive “up” (median t " in said.message
    assert said.specifications == 8
    assert {t.direction for t in curve.joint} == {"estimated"}


def test_joint_statistics_are_of_estimates_times_the_expected_sign():
    """The same as turning the outcome round by hand; the estimates themselves stay as they are."""
    given = run({"up": option("up", "positive"), "down": option("down", "negative")})
    turned = run({"up": option("up"), "down": option("-down")})
    expected, by_hand = rows(given), rows(turned)
    assert list(expected) == list(by_hand)
    assert {name.partition(" (")[0] for _, name in expected} == set(STATISTICS)
    for key, test in expected.items():
        other = by_hand[key]
        assert test.direction == "expected"
        assert test.p_value == other.p_value
        for name in ("value", "low", "high"):
            assert getattr(test, name) == pytest.approx(getattr(other, name), rel=1e-8)
    assert expected["wild", "Stouffer's Z"].p_value == 0.01
    assert expected["permutation", "median t"].p_value <= 0.02
    raw = run({"up": option("up"), "down": option("down")})
    assert given.table.drop(columns="spec_id").equals(raw.table.drop(columns="spec_id"))
    np.testing.assert_array_equal(given.tests[0].adjusted.p_adjusted, raw.tests[0].adjusted.p_adjusted)
    assert given.null_shares == raw.null_shares
    assert not [c for c in given.warnings if c.code == "opposite_signs"]
    said = given.summary()
    assert "times the sign expected of their outcome (negative for down; positive for up)" in said
    assert "in the expected direction; p = 0.010 (wild bootstrap null, the smallest p of 99 draws)" in said


def test_a_p_value_stands_beside_the_statistic_that_it_is_of(tmp_path):
    """The median of two outcomes that move apart is near 0; the p is of the median in the expected direction."""
    curve = run({"up": option("up", "positive"), "down": option("down", "negative")}, out=tmp_path / "out")
    (test,) = (t for t in curve.joint if t.kind == "median estimate" and t.null == "wild")
    assert test.value > 0.8
    assert abs(float(np.median(curve.table.estimate))) < 0.8 * test.value
    named = "median of estimates times the expected sign"
    assert test.statistic == f"{named} (points; {test.estimand})"
    written = pl.read_csv(tmp_path / "out" / "inference.csv").filter(pl.col("direction") == "expected")["statistic"]
    times = ("median t", "share significant, dominant sign", "Stouffer's Z")
    assert {w.partition(" (")[0] for w in written} == {named, *(f"{t} times the expected sign" for t in times)}
    for name in ("details.md", "appendix.md", "report.html"):
        text = (tmp_path / "out" / name).read_text().lower().replace("&#x27;", "'")
        assert named in text, name
        assert "median estimate (" not in text.replace(f"{named} (", ""), name
    data = FIGURE.curve(curve.results, tuple(p for t in curve.tests for p in t.null_medians))
    words = " ".join(t.get_text() for t in FIGURE.draw(data, 6.5).texts)
    assert "observed median of estimate × expected sign: " in words
    assert "the larger of two shares" in curve.summary()


def test_what_goes_against_expectation_is_called_so():
    curve = run({"up": option("up", "negative"), "down": option("down", "positive")})
    assert "Primary test, median t times the expected sign: −" in curve.summary()
    assert ", against the expected direction; p = " in curve.summary()


@pytest.mark.parametrize(
    ("primary", "expect", "language"),
    [
        ("median t", "negative", "zh"),
        ("median estimate", "positive", "en"),
        ("share significant, dominant sign", "negative", "en"),
        ("share significant, dominant sign", "negative", "zh"),
        ("Stouffer's Z", "positive", "zh"),
    ],
)
def test_every_statistic_points_where_the_estimates_do(primary, expect, language, tmp_path):
    """A share is never negative: 12.5% significantly below 0 and none above stood as in a positive direction."""
    inference = {"draws": 19, "null": ["wild"], "primary": primary}
    curve = run(
        {"up": option("up", expect)},
        inference=inference,
        out=tmp_path,
        study={**small_study()["study"], "language": language},
    )
    assert {t.side for t in curve.joint} == {"above" if expect == "positive" else "below"}
    words = {
        "en": ("in the expected direction", "against the expected direction"),
        "zh": ("与预期方向一致", "与预期方向相反"),
    }
    right, wrong = words[language] if expect == "positive" else words[language][::-1]
    for name in ("summary.md", "appendix.md", "appendix.tex", "report.html", "details.md"):
        text = (
            (tmp_path / name)
            .read_text("utf-8")
            .replace("Z 为正值表示与预期方向一致", "")
            .replace("Z lie in the expected direction", "")
        )
        assert right in text, name
        assert wrong not in text, name
    assert set(pl.read_csv(tmp_path / "inference.csv")["side"]) == {t.side for t in curve.joint}


def test_signs_that_may_be_chance_are_a_note():
    frame = panel().with_columns(up=pl.col("up") - pl.col("d"), down=pl.col("down") + pl.col("d"))
    curve = run({"up": option("up"), "down": option("down")}, frame)
    median = {o: curve.table[curve.table.outcome == o].statistic.median() for o in ("up", "down")}
    assert median["up"] * median["down"] < 0
    assert [c.severity for c in curve.warnings if c.code == "opposite_signs"] == ["note"]
    alike = run({"up": option("up"), "down": option("0 - down")}, panel())
    assert not [c for c in alike.warnings if c.code == "opposite_signs"]


def test_directions_of_all_or_of_none():
    outcome = {"up": option("up", "positive"), "down": option("down")}
    study = small_study(outcome=outcome, inference={"draws": 19})
    with pytest.raises(specdid.SpecError) as refused:
        specdid.run(study, panel(), audit=0)
    (fault,) = refused.value.faults
    assert (fault.code, fault.path) == ("no_direction", ("outcome", "down"))
    outcome["down"]["type"] = "uncertain"
    assert specdid.run(study, panel(), audit=0).counts.ok
    without = small_study(outcome={"up": option("up", "positive"), "down": option("down")})
    assert not specdid.check(specdid.read(without), panel())


@pytest.mark.parametrize(
    ("changes", "path", "help_"),
    [
        ({"outcome": {"up": option("up", "negativ")}}, ("outcome", "up", "expect"), "did you mean `negative`?"),
        ({"outcome": {"up": option("up", "up")}}, ("outcome", "up", "expect"), "`expect` is one of negative, positive"),
        ({"inference": {"primary": "median-t"}}, ("inference", "primary"), "did you mean `median t`?"),
        ({"inference": {"primary": "share significant"}}, ("inference", "primary"), "`primary` is one of median t"),
    ],
)
def test_what_is_no_direction_and_no_statistic(changes, path, help_):
    with pytest.raises(specdid.SpecError) as refused:
        specdid.read(small_study(**changes))
    (fault,) = refused.value.faults
    assert fault.path == path
    assert help_ in f"{fault.help} {fault.notes}"


def test_the_primary_test_comes_first(tmp_path):
    outcome = {"up": option("up"), "b": option("up + x1")}
    curve = run(outcome, inference={**NULLS, "primary": "Stouffer's Z"}, out=tmp_path)
    written = pl.read_csv(tmp_path / "inference.csv")
    for null in ("wild", "permutation"):
        mine = written.filter(pl.col("null") == null)
        assert mine["role"].to_list() == ["primary"] + ["secondary"] * (len(mine) - 1)
        assert mine["statistic"][0] == "Stouffer's Z"
        assert (mine["specifications"] == curve.counts.ok).all()
    lines = curve.summary().splitlines()
    lead = next(line for line in lines if line.startswith("Primary test, Stouffer's Z: "))
    assert not any(line.startswith("## ") for line in lines[: lines.index(lead)])
    p = {t.null: t.p_value for t in curve.joint if t.role == "primary"}
    assert set(p.values()) == {0.01}
    least = "the smallest p of 99 draws"
    assert f"p = 0.010 (wild bootstrap null, {least}), p = 0.010 (permutation null, {least})" in lead
    assert curve.test().role.tolist() == written["role"].to_list()
    assert "primary test, Stouffer's Z: p = " in (tmp_path / "report.html").read_text("utf-8")
    assert "primary test p = " in (tmp_path / "appendix.tex").read_text("utf-8")
    assert "Stouffer's Z (primary) & " in (tmp_path / "inference.tex").read_text("utf-8")


@pytest.mark.parametrize("primary", STATISTICS)
def test_every_statistic_may_be_the_primary_one(primary):
    curve = run({"up": option("up")}, inference={"draws": 19, "primary": primary})
    assert [t.statistic.partition(" (")[0] for t in curve.joint if t.role == "primary"] == [primary]
    assert curve.joint[0].role == "primary"
    assert f"\nPrimary test, {primary}" in curve.summary()


def test_a_primary_test_that_cannot_be_had():
    """Poisson has no wild bootstrap: that null has no specification, and says so; a part is called a part."""
    poisson = {"P": "fepois"}
    fewer = {**NULLS, "draws": 19}
    alone = run({"z": option("z")}, inference={**fewer, "null": ["wild"]}, estimator=poisson)
    (said,) = (c for c in alone.warnings if c.code == "no_primary")
    assert said.where == "wild cluster bootstrap"
    assert said.message == "the primary test (median t) cannot be had: no specification is in this null"
    both = run({"z": option("z")}, inference=fewer, estimator={"OLS": "feols", **poisson})
    assert not [c for c in both.warnings if c.code == "no_primary"]
    assert "(wild bootstrap null, 4 of 8 specifications, the smallest p of 19 draws)" in both.summary()


def test_draws_that_can_never_reject_are_said_before():
    study = small_study(inference={"draws": 10})
    (said,) = specdid.check(specdid.read(study), small_panel())
    assert (said.code, said.severity, said.path) == ("draws_too_few", "warning", ("inference", "draws"))
    assert said.message == "10 draws give no p of 0.05 or less, and no simultaneous band"
    assert not specdid.check(specdid.read(small_study(inference={"draws": 19})), small_panel())
    assert specdid.check(specdid.read(small_study(inference={"draws": 98, "alpha": 0.01})), small_panel())
    curve = specdid.run(study, small_panel(), audit=0)
    assert [c.severity for c in curve.warnings if c.code == "draws_too_few"] == ["serious"]
    assert "10 draws are too few for a p of at most 0.05: the smallest p is 0.0909." in curve.summary()
