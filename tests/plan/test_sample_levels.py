"""``each(f)`` and ``drop_each(f)`` in [sample] are the samples that one would write by hand."""

from __future__ import annotations

import polars as pl
import pytest
import specdid
from hypothesis import given
from hypothesis import strategies as st
from small_studies import small_panel, small_study
from specdid._plan import write_out

REGION = pl.Series([["East", "West", "中部"][i % 3] for i in range(24)])


@pytest.fixture(scope="module")
def panel() -> pl.DataFrame:
    """Regions, missing for unit 24; tier is a number, with a negative one."""
    region = pl.col("id").replace_strict({i + 1: r for i, r in enumerate(REGION)})
    tier = pl.col("id").replace_strict({i + 1: [-1.5, 2.0][i % 2] for i in range(24)})
    return small_panel().with_columns(
        pl.when(pl.col("id") == 24).then(None).otherwise(region).alias("region"), tier.alias("tier")
    )


def study(**changes):
    base = {"controls": {"none": "1"}, "outcome": {"y": "y"}, "fixed_effects": {"two-way": "id + year"}}
    return small_study(**{**base, **changes})


def run(panel, **changes):
    table = specdid.run(study(**changes), panel, audit=0).table
    return table[table.vcov == table.vcov.iloc[0]].set_index("sample") if "vcov" in table else table.set_index("sample")


def numbers(table):
    return table[["estimate", "std_error", "nobs", "status"]].astype(object).where(table.estimate.notna(), "").to_dict()


def test_they_are_what_one_would_write_by_hand(panel):
    by_pattern = run(panel, sample={"all": "TRUE", "region": "each(region) & year > 2001", "out": "drop_each(region)"})
    by_hand = run(
        panel,
        sample={
            "all": "TRUE",
            **{f"region: {r}": f"region == '{r}' & year > 2001" for r in ("East", "West", "中部")},
            **{f"out: without {r}": f"is.na(region) | region != '{r}'" for r in ("East", "West", "中部")},
        },
    )
    assert by_pattern.index.tolist() == by_hand.index.tolist()
    assert numbers(by_pattern) == numbers(by_hand)


def test_a_row_without_a_level_is_in_no_sample_of_each_and_leaves_none_of_drop_each(panel):
    table = run(panel, sample={"in": "each(region)", "out": "drop_each(region)", "all": "TRUE"})
    inside = table.nobs[[f"in: {r}" for r in ("East", "West", "中部")]]
    rows = panel.filter(pl.col("region").is_not_null()).height
    assert inside.sum() == rows == 23 * 7
    assert table.nobs["out: without East"] == table.nobs["all"] - table.nobs["in: East"]


def test_numbers_levels_of_expressions_and_levels_that_other_conditions_leave(panel):
    assert run(panel, sample={"tier": "each(tier)"}).index.unique().tolist() == ["tier: -1.5", "tier: 2"]
    found = run(panel, sample={"a": "each(id %% 4) & id %% 4 != 1"})
    assert found.index.unique().tolist() == ["a: 0", "a: 2", "a: 3"]
    assert run(panel, sample={"a": "each(paste('t', tier))"}).index.unique().tolist()[0] == "a: t -1.5"


def test_exclusions_and_the_preferred_one_name_a_level_or_all_of_them(panel):
    curve = specdid.run(
        study(
            outcome={"y": "y", "z": "z"},
            sample={"all": "TRUE", "region": "each(region)"},
            exclude=[
                {"when": {"sample": "region", "outcome": "z"}, "because": "levels"},
                {"when": {"sample": "region: West"}, "because": "too small"},
            ],
            preferred={"sample": "region: East"},
        ),
        panel,
        audit=0,
    )
    table = curve.table.drop_duplicates(["sample", "outcome"]).set_index(["sample", "outcome"]).status
    assert set(table[table == "excluded"].index) == {
        ("region: East", "z"), ("region: 中部", "z"), ("region: West", "z"), ("region: West", "y"),
    }  # fmt: skip
    assert set(curve.table[curve.table.preferred == 1]["sample"]) == {"region: East"}
    wrong = study(sample={"region": "each(region)"}, preferred={"sample": "region: North"})
    assert ["no option of sample is `region: North`" in str(f) for f in specdid.check(wrong, panel).errors] == [True]


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        ("each(region) | id > 3", "`each()` stands within another expression"),
        ("!each(region)", "`each()` stands within another expression"),
        ("each(log(each(x1)))", "stands for several columns"),
        ("each(region) & drop_each(tier)", "a sample has one pattern"),
        ("each()", "`each()` lacks its argument `f`"),
        ("drop_each(region, tier)", "`drop_each()` takes no further argument"),
        ("each(by = region)", "`each()` has no argument `by`"),
        ("halves(0)", "`0` is not a whole number from 1 to"),
        ("halves(101)", "101 divisions are 202 samples; at most 200"),
        ("halves(2, by = d) & d == 1", "`d` has one level in these rows"),
        ("window(year, 7)", "`year` spans 7 periods: a window of 7 is no smaller"),
        ("window(x1, 3)", "`x1` holds values that are no whole numbers"),
        ("window(region, 3)", "`region` is text, which has no order in time"),
        ("window(year, 3) & year == 2001", "`year` has one value in these rows"),
        ("drop_first(year, 7)", "`year` has 7 values: without 7 none is left"),
        ("drop_last(id, 500) & id > 30", "`id` has no value in these rows"),
        ("!window(year, 3)", "`window()` stands within another expression"),
        ("each(nothing)", "no column `nothing`"),
        ("each(d) & d == 1", "`d` has one level in these rows"),
        ("each(d) & id > 99", "`d` has no level in these rows"),
    ],
)
def test_faults_are_located_and_say_what_to_do(panel, sample, said):
    faults = specdid.check(study(sample={"s": sample}), panel)
    (fault,) = faults.errors
    assert said in str(fault)
    assert fault.path == ("sample", "s")
    assert fault.help or "several columns" in said or "whole number" in said


def test_too_many_levels_are_refused(panel, monkeypatch):
    monkeypatch.setattr(write_out, "MOST", 23)
    (fault,) = specdid.check(study(sample={"s": "drop_each(id)"}), panel).errors
    assert "`id` has 24 levels, and each would be a sample; at most 23" in str(fault)


def test_a_pattern_outside_a_sample_is_sent_there(panel):
    (fault,) = specdid.check(study(derive={"x": "drop_each(region)"}), panel).errors
    assert fault.code == "unknown_name"
    assert "[sample]" in fault.help


def test_labels_that_meet_are_a_fault(panel):
    faults = specdid.check(study(sample={"r": "each(region)", "r: East": "TRUE"}), panel).errors
    assert any("stands twice" in str(f) or "two different things" in str(f) for f in faults)


def test_without_data_the_rest_is_checked(tmp_path):
    content = study(sample={"r": "each(region)"}, outcome={"y": "log(y, z, x1)"})
    content["study"]["data"] = str(tmp_path / "none.csv")
    said = [str(f) for f in specdid.check(content).errors]
    assert not any("each" in s for s in said)
    assert any("none.csv" in s for s in said)


@given(
    st.lists(st.sampled_from(["a", "b", "c d", "é", "中", "", "x'y", '"', "NA", "1", "TRUE"]), min_size=24, max_size=24)
)
def test_any_text_makes_samples_that_part_the_rows(levels):
    panel = small_panel().with_columns(pl.Series("region", [levels[i - 1] for i in small_panel()["id"]]))
    missing = {"", "NA"}
    known = sorted(set(levels) - missing)
    faults = specdid.check(study(sample={"s": "each(region)"}), panel)
    if len(known) < 2:
        return
    assert not [f for f in faults.errors if f.code == "wrong_place"]
