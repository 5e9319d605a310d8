"""Splits, halves of units and spans of time are the samples one would write by hand, and are told of at `check`."""

from __future__ import annotations

import polars as pl
import pytest
import specdid
from small_studies import small_panel, small_study

pytestmark = pytest.mark.usefixtures("undrawn")

REGIONS = ["East", "North", "South", "West"]


@pytest.fixture(scope="module")
def panel() -> pl.DataFrame:
    """Four regions, missing for unit 24; a text name of each unit; months that cross a year."""
    region = pl.col("id").map_elements(lambda i: REGIONS[i % 4], return_dtype=pl.String)
    return small_panel().with_columns(
        pl.when(pl.col("id") == 24).then(None).otherwise(region).alias("region"),
        pl.format("unit {}", "id").alias("name"),
        (pl.lit(201209) + pl.col("year") - 2001 + 88 * (pl.col("year") > 2004)).alias("month"),
    )


def study(study=(), **changes):
    base = {"controls": {"none": "1"}, "outcome": {"y": "y"}, "fixed_effects": {"two-way": "id + year"}}
    base["figure"] = {"formats": ["svg"]}
    keys = {"unit": "id", "time": "year", "seed": 7, **dict(study)}
    return small_study(**{**base, "study": keys, **changes})


def table(made, panel):
    return specdid.run(made, panel, audit=0).table


def files(made, panel, directory):
    specdid.run(made, panel, out=directory, audit=0)
    return (directory / "results.csv").read_bytes()


def warned(made, panel):
    return {f.code: f.message for f in specdid.check(made, panel) if f.code.startswith("levels")}


def test_split_and_full_split_are_a_dimension_of_levels_crossed_with_samples(panel, tmp_path):
    samples = {"all": "TRUE", "late": "year > 2001"}
    split = study({"full_split": "region"}, sample=samples)
    by_hand = study(
        sample=samples,
        variant={"split": {"all rows": {}, **{f"region: {r}": {"where": f"region == '{r}'"} for r in REGIONS}}},
    )
    assert files(split, panel, tmp_path / "a") == files(by_hand, panel, tmp_path / "b")
    found = table(split, panel)
    assert len(found) == 2 * 5 * 2
    assert (
        table(study({"split": "region"}, sample=samples), panel).split.unique().tolist()
        == found.split.unique().tolist()[1:]
    )


def test_every_pattern_gives_the_bytes_of_conditions_written_by_hand(panel, tmp_path):
    patterns = {"each": "each(region)", "drop": "drop_each(region) & id > 2", "h": "halves(2)", "w": "window(year, 5)",
                "first": "drop_first(year, 2)", "last": "drop_last(year, 2)"}  # fmt: skip
    units = halves(panel, sample={"h": "halves(2)"})
    by_hand = {f"each: {r}": f"region == '{r}'" for r in REGIONS}
    by_hand |= {f"drop: without {r}": f"!(region %in% '{r}') & id > 2" for r in REGIONS}
    by_hand |= {k: f"id %in% c({', '.join(sorted(ids, key=int))})" for k, ids in units.items()}
    by_hand |= {f"w: {k}–{k + 4}": f"year >= {k} & year <= {k + 4}" for k in (2001, 2002, 2003)}
    by_hand |= {f"first: from {k}": f"year >= {k}" for k in (2002, 2003)}
    by_hand |= {f"last: to {k}": f"year <= {k}" for k in (2006, 2005)}
    expected = files(study(sample=by_hand), panel, tmp_path / "b")
    assert files(study(sample=patterns), panel, tmp_path / "a") == expected
    assert expected.count(b",ok,") == 2 * (len(by_hand) - 2)  # from 2003 and to 2005 are windows, too


def test_it_counts_as_one_dimension_in_choices(panel):
    curve = specdid.run(study({"full_split": "region"}), panel, audit=0)
    (mine,) = [factor for found in curve.choices for factor in found.factors if factor.dimension == "split"]
    assert len(mine.labels) == 5


@pytest.mark.parametrize("pattern", ["each(region) & year > 2002", "drop_each(region)", "window(year, 4)", "halves(2)"])
def test_a_split_by_a_pattern_is_the_same_as_a_sample_or_a_variant_of_it(panel, pattern):
    sample = table(study(sample={"": pattern} and {"s": pattern}), panel).estimate.tolist()
    assert len(sample) > 2
    assert table(study({"split": pattern}), panel).estimate.tolist() == sample
    variant = study(variant={"my own": {"s": {"where": pattern}}})
    assert table(variant, panel).estimate.tolist() == sample


def test_a_variant_that_makes_the_column_it_is_split_by(panel):
    made = study(variant={"size": {"by": {"derive": {"x3": "1 * (id > 12)"}, "where": "each(x3)"}}})
    found = table(made, panel)
    assert found["size"].unique().tolist() == ["by: 0", "by: 1"]
    assert found.nobs.unique().tolist() == [84]
    assert not [f for f in specdid.check(made, panel) if f.code == "empty_sample"]


def test_windows_move_by_periods_of_the_step(panel):
    years = table(study(sample={"w": "window(year, 4, step = 3)"}), panel)
    assert years["sample"].unique().tolist() == ["w: 2001–2004", "w: 2004–2007"]
    by_hand = table(study(sample={"a": "year %in% 2001:2004", "b": "year %in% 2004:2007"}), panel)
    assert years.estimate.tolist() == by_hand.estimate.tolist()
    months = study({"time": "month", "step": "month"}, sample={"w": "window(month, 4)"}, treatment={"d": "d"})
    months = table({**months, "fixed_effects": {"e": "id + month"}}, panel)
    assert months["sample"].unique().tolist() == [
        "w: 201209–201212", "w: 201210–201301", "w: 201211–201302", "w: 201212–201303",
    ]  # fmt: skip
    assert set(months.nobs) == {24 * 4}


def test_ends_are_dropped_one_after_the_other(panel):
    found = table(study(sample={"first": "drop_first(year, 2)", "last": "drop_last(year, 2) & id > 2"}), panel)
    hand = {"a": "year >= 2002", "b": "year >= 2003", "c": "year <= 2006 & id > 2", "d": "year <= 2005 & id > 2"}
    assert found["sample"].unique().tolist() == [
        "first: from 2002",
        "first: from 2003",
        "last: to 2006",
        "last: to 2005",
    ]
    assert found.estimate.tolist() == table(study(sample=hand), panel).estimate.tolist()


def halves(panel, seed=7, **changes):
    """The units of each half, by sample."""
    plan = specdid.plan(study({"seed": seed}, **{"sample": {"h": "halves(3)"}, **changes}), panel)
    found = {o.label: o.where.text for o in plan.study.sample if ":" in (o.label or "")}
    return {label: frozenset(text.partition("c(")[2].rstrip(")").split(", ")) for label, text in found.items()}


def test_halves_are_of_units_and_each_division_is_whole(panel):
    found = halves(panel)
    assert list(found) == [f"h: {k}{half}" for k in (1, 2, 3) for half in "ab"]
    for k in (1, 2, 3):
        a, b = found[f"h: {k}a"], found[f"h: {k}b"]
        assert len(a) == len(b) == 12
        assert a | b == {str(i) for i in range(1, 25)}
    assert len({found["h: 1a"], found["h: 2a"], found["h: 3a"]}) == 3
    nobs = table(study(sample={"h": "halves(3)"}), panel).nobs
    assert set(nobs) == {12 * 7}


def test_halves_are_seeded_by_what_they_are_of(panel):
    found = halves(panel)
    assert halves(panel.sample(fraction=1, shuffle=True, seed=1)) == found
    more = halves(panel, sample={"all": "TRUE", "h": "halves(4)"}, variant={"v": {"a": {}, "b": {"where": "id > 2"}}})
    assert {label: units for label, units in more.items() if label in found} == found
    assert halves(panel, seed=8) != found
    fewer = halves(panel.filter(pl.col("id") < 24))
    moved = [(found[label] ^ units) - {"24"} for label, units in fewer.items()]
    assert max(map(len, moved)) <= 1


def test_halves_look_random(panel):
    """Of 100 divisions, two units are together in half of those with 11/23 of the others: 47.8 of 100."""
    found = halves(panel, sample={"h": "halves(100)"})
    together = [sum({str(i), "1"} <= units for units in found.values()) for i in range(2, 25)]
    assert 47.8 - 3 * 5 < min(together) <= max(together) < 47.8 + 3 * 5 + 1
    assert abs(sum(together) / 23 - 47.8) < 2.0


def test_halves_of_groups_and_without_a_unit(panel):
    made = {"sample": {"h": "halves(1, by = region)"}}
    plan = specdid.plan(study(**made), panel)
    assert all("region %in% c(" in o.where.text for o in plan.study.sample)
    none = {"study": {"treatment": "d"}, "outcome": {"y": "y"}, "inference": {"draws": 0}, "sample": {"h": "halves(1)"}}
    (fault,) = specdid.check(none, panel).errors
    assert "needs the unit of the panel, or `by = `" in fault.message


def test_one_of_split_and_full_split_and_no_variant_of_that_name(panel):
    both = specdid.check(study({"split": "region", "full_split": "region"}), panel).errors
    assert [f.code for f in both] == ["contradiction"]
    named = specdid.check(study({"split": "region"}, variant={"split": {"a": {}}}), panel).errors
    assert [(f.code, f.path) for f in named] == [("contradiction", ("variant", "split"))]
    wrong = specdid.check(study({"split": "regoin"}), panel).errors
    assert any("no column `regoin`" in f.message and f.path == ("study", "split") for f in wrong)


def test_exclusions_and_the_preferred_one_name_a_part(panel):
    made = study(
        {"full_split": "region"},
        outcome={"y": "y", "z": "z"},
        exclude=[{"when": {"split": "region", "outcome": "z"}, "because": "levels of y only"}],
        preferred={"split": "region: West"},
    )
    found = table(made, panel)
    assert set(found[found.status == "excluded"].split) == {f"region: {r}" for r in REGIONS}
    assert set(found[found.preferred == 1].split) == {"region: West"}


def test_check_says_how_many_units_are_in_several_samples(panel):
    told = warned(study(sample={"d": "drop_each(x1 > 0)"}), panel)["levels_change"]
    assert told == "`x1 > 0` changes within 13 of 24 units, which have rows in several of its samples"
    for same in ("each(year)", "each(region)", "each(at(x1, year == 2003) > 0)"):
        assert "levels_change" not in warned(study(sample={"e": same}), panel), same


def test_check_says_which_rows_are_in_none_or_in_all(panel):
    assert warned(study({"split": "region"}), panel)["levels_missing"] == (
        "`region` is missing in 7 rows of 1 unit, which are in none of its samples"
    )
    assert (
        "which are in all of its samples" in warned(study(sample={"d": "drop_each(region)"}), panel)["levels_missing"]
    )
    assert "levels_missing" not in warned(study(sample={"d": "drop_each(region) & id < 24"}), panel)
    assert "levels_missing" not in warned(study(sample={"d": "each(region) & id < 24"}), panel)
    late = warned(study(sample={"w": "window(year, 4, step = 2)"}), panel)["levels_missing"]
    assert late == "24 rows of 24 units lie behind the last window, in no sample"
    assert "levels_missing" not in warned(study(sample={"w": "window(year, 4, step = 3)"}), panel)


def test_check_says_where_levels_are_small_or_never_treated(panel):
    region = warned(study({"split": "region"}), panel)["levels_small"]
    assert region.startswith(
        "there are 5 to 6 units in `region: East`, `region: North`, `region: South`, `region: West`"
    )
    units = warned(study(sample={"c": "each(id)", "all": "TRUE"}), panel)
    assert units["levels_small"].startswith("there is 1 unit in `c: 1`, `c: 3`, `c: 4`, `c: 6` and 12 more")
    assert units["levels_untreated"] == (
        "the treatment `d` is the same in all rows of `c: 2`, `c: 5`, `c: 8`, `c: 11` and 4 more, which will fail"
    )
    fails = [
        f.message
        for f in specdid.check(study(sample={"c": "each(id)", "all": "TRUE"}), panel)
        if f.code == "option_fails"
    ]
    assert len(fails) == 1
    assert fails[0].startswith(
        "every specification with the samples `c: 1`, `c: 2`, `c: 3`, `c: 4` and 20 more will fail"
    )
    assert not {"levels_small", "levels_untreated"} & set(warned(study(sample={"h": "halves(1)"}), panel))


def test_the_warnings_stand_in_the_curve(panel):
    codes = {w.code for w in specdid.run(study({"split": "region"}), panel, audit=0).warnings}
    assert {"levels_missing", "levels_small"} <= codes


def test_check_counts_windows_that_are_shorter_than_their_width(panel):
    found = [f for f in specdid.check(study(sample={"w": "window(month, 4)"}), panel) if f.code == "levels_short"]
    (short,) = found  # 201209 to 201212, then 201301 to 201303
    assert short.message == (
        "6 of 7 windows have 1 to 3 periods of `month`, fewer than 4: "
        "`w: 201210–201212`, `w: 201211–201212`, `w: 201212–201212`, `w: 201301–201301` and 2 more"
    )
    assert "number its periods 1, 2, 3, … in a column" in short.help
    gap = panel.filter(pl.col("year") != 2004)
    (short,) = [f for f in specdid.check(study(sample={"w": "window(year, 3)"}), gap) if f.code == "levels_short"]
    assert short.message.startswith("3 of 5 windows have 2 periods of `year`, fewer than 3: `w: 2002–2003`, ")
    assert short.help == "periods without rows count in the width"
    assert "levels_short" not in {f.code for f in specdid.check(study(sample={"w": "window(year, 3)"}), panel)}


def test_check_counts_units_that_halves_by_a_column_divide(panel):
    early = panel.with_columns(part=pl.when(pl.col("id") < 6).then(pl.col("year") > 2003).otherwise(False).cast(int))
    (told,) = [
        f for f in specdid.check(study(sample={"h": "halves(2, by = part)"}), early) if f.code == "halves_divide"
    ]
    assert told.message == "`part` changes within 5 of 24 units, which may have rows in both halves"
    for by in ("region", "name"):
        made = study(sample={"h": f"halves(1, by = {by})"})
        assert "halves_divide" not in {f.code for f in specdid.check(made, panel)}
