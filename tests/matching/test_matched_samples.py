"""A matched sample in the plan and the engine: rows, weights, exclusions, warnings."""

import re

import numpy as np
import pandas as pd
import pytest
import specdid
from specdid import SpecError
from specdid._plan import PlanStatus
from specdid._run.prepare import prepare
from specdid._words import known, speaking, told
from specdid.engine.columns import evaluate, row_mask
from specdid.engine.compile import compile_plan
from specdid.engine.execute import run
from specdid.engine.problem import Code
from specdid.language.scope import sources

UNITS, PERIODS = 60, (2010, 2011, 2012, 2013)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(11)
    unit = np.repeat(np.arange(UNITS), len(PERIODS))
    year = np.tile(PERIODS, UNITS)
    x, size = rng.normal(size=UNITS), rng.integers(1, 9, UNITS)
    pilot = rng.random(UNITS) < 1 / (1 + np.exp(0.6 - x))
    frame = pd.DataFrame(
        {"unit": unit, "year": year, "x": x[unit] + rng.normal(size=len(unit)) / 9, "size": size[unit]}
    )
    frame["pilot"] = pilot[unit].astype(int)
    frame["late"] = ((unit % 3 == 0) & (year >= 2012)).astype(int)
    frame["d"] = frame["pilot"] * (year >= 2012)
    frame["high"] = ((unit > 40) & (year >= 2012)).astype(int)
    frame["region"] = np.where(unit % 2, "north", "south")
    frame["y"] = frame["d"] + frame["x"] + rng.normal(size=len(frame))
    return frame


def spec(match, where="TRUE", **tables):
    base = {
        "study": {"unit": "unit", "time": "year"},
        "outcome": {"y": "y"},
        "treatment": {"d": "d"},
        "sample": {"m": {"where": where, "match": {"on": "x", **match}}},
        "inference": {"draws": 0},
    }
    return base | tables


def compiled(study, data):
    prepared = prepare(study, data)
    return prepared, compile_plan(prepared.plan, prepared.panel, prepared.evaluator)


def test_matched_units_keep_all_their_periods(data):
    _, found = compiled(spec({"treated": "pilot", "at": "year == 2011"}), data)
    rows = found.problem.rows[found.members.rows[0]]
    kept = data.loc[rows].groupby("unit").size()
    assert (kept == len(PERIODS)).all()
    one, zero = (data.loc[rows & (data["pilot"] == v), "unit"].nunique() for v in (1, 0))
    assert one == zero > 0
    assert found.members.weights[0] == -1


def test_the_sample_condition_cuts_candidates_and_rows(data):
    study = spec({"treated": "pilot", "at": "year == 2011"}, where='region == "north" & year != 2013')
    _, found = compiled(study, data)
    rows = found.problem.rows[found.members.rows[0]]
    assert set(data.loc[rows, "region"]) == {"north"}
    assert set(data.loc[rows, "year"]) == {2010, 2011, 2012}


def test_without_at_every_period_is_matched_on_its_own(data):
    _, found = compiled(spec({"treated": "pilot", "caliper": 0.01}), data)
    rows = found.problem.rows[found.members.rows[0]]
    by_year = data.loc[rows].groupby(["year", "pilot"]).size().unstack()
    assert (by_year[0] == by_year[1]).all()
    assert data.loc[rows].groupby("unit").size().min() < len(PERIODS)


def test_treated_is_by_default_whoever_is_ever_treated(data):
    by_default = compiled(spec({"at": "year == 2011"}), data)[1]
    written = compiled(spec({"treated": "pilot", "at": "year == 2011"}), data)[1]
    np.testing.assert_array_equal(by_default.problem.rows, written.problem.rows)


def test_by_default_each_treatment_has_its_own_match(data):
    treatments = {"d": "d", "late": "late"}
    prepared, found = compiled(spec({"at": "year == 2011"}, treatment=treatments), data)
    masks = found.problem.rows[found.members.rows]
    assert len(masks) == 2
    for mask, column in zip(masks, ("d", "late"), strict=True):
        ever = data.loc[data[column] == 1, "unit"].unique()
        kept = data.loc[mask, "unit"].unique()
        assert 2 * np.isin(kept, ever).sum() == len(kept)
    together = compiled(spec({"at": "year == 2011", "treated": "pilot"}, treatment=treatments), data)[1]
    assert together.members.rows[0] == together.members.rows[1]
    assert prepared.plan.ids[0] != prepared.plan.ids[1]


def test_weights_multiply_the_weights_option(data):
    weights = {"none": "1", "size": "size"}
    _, found = compiled(spec({"treated": "pilot", "at": "year == 2011", "method": "kernel"}, weights=weights), data)
    plain, sized = (found.problem.values[:, c] for c in found.members.weights)
    rows = found.problem.rows[found.members.rows[0]]
    np.testing.assert_allclose(sized[rows], (plain * data["size"])[rows])
    assert (plain[rows] > 0).all()
    assert (plain[~rows] == 0).all()
    treated = data["pilot"] == 1
    assert (plain[rows & treated] == 1).all()


def test_a_unit_weighted_match_is_the_plain_estimate_on_its_rows(data):
    _, found = compiled(spec({"treated": "pilot", "at": "year == 2011"}), data)
    matched = run(found.problem, found.members)
    rows = found.problem.rows[found.members.rows[0]]
    study = spec({}) | {"sample": {"all": "TRUE"}}
    _, cut = compiled(study, data.loc[rows].reset_index(drop=True))
    assert matched.estimate[0] == pytest.approx(run(cut.problem, cut.members).estimate[0], rel=1e-10)


@pytest.mark.parametrize("cohort", [{}, {"cohort": "pilot * 2012"}])
def test_a_unit_whose_treatment_is_nowhere_known_is_no_control(data, cohort):
    """Its cohort says never treated; no regression has its rows."""
    unknown = data["unit"] % 4 == 1
    study = spec({"at": "year == 2011"}, treatment={"d": {"term": "d", **cohort}})
    _, found = compiled(study, data.assign(d=data["d"].astype(float).mask(unknown)))
    _, without = compiled(study, data[~unknown].reset_index(drop=True))
    rows, kept = found.problem.rows[found.members.rows[0]], without.problem.rows[without.members.rows[0]]
    assert not rows[unknown].any()
    np.testing.assert_array_equal(rows[~unknown], kept)


def test_variants_cut_before_matching(data):
    variant = {"regions": {"all": {}, "north": {"where": 'region == "north"'}}}
    _, found = compiled(spec({"treated": "pilot", "at": "year == 2011"}, variant=variant), data)
    everywhere, north = found.problem.rows[found.members.rows]
    assert set(data.loc[north, "region"]) == {"north"}
    assert not np.array_equal(north, everywhere & (data["region"] == "north"))


def test_estimators_without_weights_take_a_match_only_where_all_weights_are_one(data):
    study = spec({"treated": "pilot", "at": "year == 2011"}, estimator={"l": "logit"}, outcome={"high": "y > 1"})
    study["treatment"] = {"d": {"term": "d", "cohort": "pilot * 2012"}}
    assert (prepare(study, data).plan.status == PlanStatus.PLANNED).all()
    study["sample"]["m"]["match"]["replace"] = True
    (fault,) = specdid.check(study, data).errors
    assert fault.code == "nothing_planned"
    assert "1 since logit takes no weights, and this match gives weights" in fault.message
    study["estimator"]["o"] = "feols"
    plan = prepare(study, data).plan
    assert plan.status.tolist() == [PlanStatus.EXCLUDED, PlanStatus.PLANNED]
    assert plan.reasons[0].code == "not_honoured"


def test_the_same_match_written_otherwise_is_the_same_specification(data):
    match = {"on": "x + size", "treated": "pilot", "at": "year == 2011"}
    same = {"on": "size + x", "treated": "pilot", "at": "year == 2011", "ratio": 1, "method": "nearest"}
    other = match | {"caliper": 0.2}
    samples = {k: {"match": m} for k, m in (("a", match), ("b", same), ("c", other))}
    plan = prepare(spec({}) | {"sample": samples}, data).plan
    assert plan.status.tolist() == [PlanStatus.PLANNED, PlanStatus.DUPLICATE, PlanStatus.PLANNED]


def test_whose_match_says_who_is_treated_is_matched_alike_whatever_the_cohort(data):
    first = 2012 * data["pilot"]
    treatments = {name: {"term": "d", "cohort": name} for name in ("first", "again")}
    frame = data.assign(first=first, again=first)
    for match, second in (({"treated": "pilot"}, PlanStatus.DUPLICATE), ({}, PlanStatus.PLANNED)):
        plan = prepare(spec({"at": "year == 2011", **match}, treatment=treatments), frame).plan
        assert plan.status.tolist() == [PlanStatus.PLANNED, second]


def test_macros_and_factors_are_matched_on(data):
    study = spec({"on": "..both", "treated": "pilot", "at": "year == 2011"}, macros={"both": "x + region"})
    _, found = compiled(study, data)
    assert found.problem.rows[found.members.rows[0]].any()


def test_recipes_match_again(data):
    """What the permutation null evaluates on moved assignments gives the same on the data themselves."""
    study = spec({"at": "year == 2011", "method": "radius", "caliper": 0.1}, weights={"size": "size"})
    prepared, found = compiled(study, data)
    weight = found.members.weights[0]
    again = evaluate(found.value_recipes[weight], prepared.panel, prepared.evaluator)
    np.testing.assert_array_equal(again, found.problem.values[:, weight])
    mask = row_mask(found.row_recipes[0], prepared.panel, prepared.evaluator)
    np.testing.assert_array_equal(mask, found.problem.rows[0])
    assert "d" in {name for bound in found.row_recipes[0].bounds for name in sources(bound)}


def messages(study, data):
    return [fault.message for fault in compiled(study, data)[1].warnings]


def test_treated_without_a_match_are_counted(data):
    study = spec({"treated": "pilot", "at": "year == 2011", "caliper": 1e-3})
    _, found = compiled(study, data)
    rows = found.problem.rows[0] & (data["pilot"] == 1) & (data["year"] == 2011)
    total = ((data["pilot"] == 1) & (data["year"] == 2011)).sum()
    (fault,) = found.warnings
    assert fault.severity == "warning"
    assert fault.path == ("sample", "m", "match")
    assert fault.message == (
        f"the sample `m`: {rows.sum()} of {total} treated units found a match; the others are left out"
    )


def test_fewer_controls_than_treated_is_said(data):
    study = spec({"treated": "1 - (unit %in% c(1, 2, 3, 4, 5))", "at": "year == 2011"})
    assert messages(study, data) == ["the sample `m`: 5 of 55 treated units found a match; the others are left out"]


def test_units_that_lack_a_variable_are_counted(data):
    gaps = data.assign(x=data["x"].where((data["unit"] > 3) | (data["year"] != 2011)))
    treated = gaps.loc[(gaps["unit"] <= 3) & (gaps["year"] == 2011), "pilot"].sum()
    said = messages(spec({"treated": "pilot", "at": "year == 2011", "method": "kernel"}), gaps)
    words = f"4 of 60 units ({treated} treated) lack a variable to match on and are left out"
    assert f"the sample `m`: {words}" in said


def test_units_that_lack_the_treatment_or_a_group_are_said_to(data):
    gaps = data.assign(d=data["d"].where(data["unit"] > 3), size=data["size"].where(data["unit"] != 9))
    said = messages(spec({"at": "year == 2011", "method": "kernel"}), gaps)
    assert (
        said.count("the sample `m`: 4 of 60 units lack the treatment, which says on which side, and are left out") == 1
    )
    assert not any("variable to match on" in words for words in said)
    said = messages(spec({"treated": "pilot", "at": "year == 2011", "exact": "size"}), gaps)
    words = "1 of 60 units lack a value of `exact`, which they are matched within, and are left out"
    assert f"the sample `m`: {words}" in said
    assert known(words, "zh")


def test_treated_that_lack_a_variable_are_not_those_that_lack_a_group(data):
    one, other = data.loc[data["pilot"] == 1, "unit"].unique()[:2]
    gaps = data.assign(x=data["x"].where(data["unit"] != one), size=data["size"].where(data["unit"] != other))
    said = messages(spec({"treated": "pilot", "at": "year == 2011", "exact": "size"}), gaps)
    assert any("1 of 60 units (1 treated) lack a variable to match on" in words for words in said)


def test_units_without_a_row_of_at_are_counted_and_the_treated_of_the_sample(data):
    gaps = data[~((data["unit"] <= 5) & (data["year"] == 2011))]
    gone = gaps.loc[(gaps["unit"] <= 5) & (gaps["year"] == 2010), "pilot"].sum()
    total = gaps.loc[gaps["year"] == 2010, "pilot"].sum()
    said = messages(spec({"treated": "pilot", "at": "year == 2011", "caliper": 1e-2}), gaps)
    absent = f"6 of 60 units ({gone} treated) have no row where `at` holds, and are left out in all others"
    assert f"the sample `m`: {absent}" in said
    assert any(f" of {total - gone} treated units (of {total} in the sample) found a match" in words for words in said)
    with speaking("zh"):
        for words in said:
            assert not re.search("[a-z]{4}", told(words, ours=True).replace("radius", "").replace("kernel", ""))


def test_scores_that_do_not_overlap_leave_no_rows_and_a_reason(data):
    apart = data.assign(z=data["x"] + 0.0, w=np.where(data["pilot"] == 1, 1.0, -1.0) - data["x"])
    study = spec({"on": "z + w", "treated": "pilot", "at": "year == 2011"})
    _, found = compiled(study, apart)
    assert not found.problem.rows.any()
    assert found.warnings[0].message.startswith("the sample `m`: nothing is matched: the propensity score cannot")
    assert run(found.problem, found.members).code.tolist() == [Code.NO_ROWS]


def test_periods_without_a_match_are_named(data):
    study = spec({"treated": "pilot * (year != 2010)"})
    assert messages(study, data)[0] == (
        "the sample `m`: nothing is matched in 1 of 4 periods (2010): none of the rows to match is treated"
    )


def test_warnings_name_treatment_and_variant(data):
    variant = {"regions": {"all": {}, "north": {"where": 'region == "north"'}}}
    study = spec({"at": "year == 2011", "caliper": 1e-9}, treatment={"d": "d", "late": "late"}, variant=variant)
    said = messages(study, data)
    nothing = "nothing is matched: no treated unit has a control within the caliper"
    assert said == [
        f"the sample `m`, treatment `{treatment}`, regions `{regions}`: {nothing}"
        for regions in ("all", "north")
        for treatment in ("d", "late")
    ]


def test_on_must_not_branch(data):
    with pytest.raises(SpecError, match="stands for 2 choices"):
        prepare(spec({"on": "sw(x, size)", "at": "year == 2011"}), data)


WRONG = {
    "a setting the method ignores": (
        {"method": "kernel", "ratio": 2},
        "kernel matching would ignore `ratio`",
    ),
    "a radius without a caliper": ({"method": "radius"}, "radius matching needs `caliper` or `caliper_sd`"),
    "treated that is a number": ({"treated": "size"}, "`treated` must be 0 or 1; it is "),
    "nothing to match on": ({"on": "1"}, "`on` names no variable to match on"),
    "at with several rows": ({"at": "year > 2011"}, "`at` must select one row per unit; unit 0 has 2"),
    "no treated": (
        {"treated": "pilot * 0"},
        "there is nothing to match: none of the 60 complete rows is treated",
    ),
    "no controls": ({"treated": "1"}, "there is nothing to match: none of the 60 complete rows is untreated"),
    "no overlap": (
        {"on": "size + unit", "treated": "unit > 40"},
        "treated and controls do not overlap in `unit`",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_faults(case, data):
    match, message = WRONG[case]
    with pytest.raises(SpecError) as caught:
        prepare(spec({"at": "year == 2011", **match}), data)
    assert [f.message[: len(message)] for f in caught.value.faults] == [message]


def test_one_treatment_without_overlap_is_a_warning(data):
    treatments = {"d": "d", "high": "high"}
    found = prepare(spec({"on": "unit", "at": "year == 2011"}, treatment=treatments), data)
    (warning,) = found.warnings
    assert warning.code == "no_overlap"
    assert "(treatment `high`)" in warning.message


def test_the_curve_carries_the_warnings(data):
    study = spec({"treated": "pilot", "at": "year == 2011", "caliper": 1e-9})
    curve = specdid.run(study, data, jobs=1, audit=0)
    assert any(message.startswith("the sample `m`: nothing is matched") for message in map(str, curve.warnings))
    assert curve.table["code"].tolist() == ["no_rows"]


def test_ties_that_unit_numbers_decide_are_counted(data):
    coarse = data.assign(x=data["x"].round())
    found = compiled(spec({"treated": "pilot", "at": "year == 2011", "ratio": 2, "replace": True}), coarse)[1]
    (note,) = found.warnings
    tied, of = (int(word) for word in note.message.split(": ", 1)[1].split(" treated ")[0].split(" of "))
    assert of == coarse.loc[coarse["pilot"] == 1, "unit"].nunique()
    assert 0 < tied <= of
    assert "more equally near controls than they take" in note.message
    fine = compiled(spec({"treated": "pilot", "at": "year == 2011", "ratio": 2, "replace": True}), data)[1]
    assert not fine.warnings


@pytest.mark.parametrize("replace", [True, False])
def test_details_say_how_a_sample_was_matched_and_of_its_weights(data, tmp_path, replace):
    study = spec({"treated": "pilot", "at": "year == 2011", "replace": replace})
    how = "nearest neighbours on the propensity score (`x, at = year == 2011, ratio = 1, replace = "
    curve = specdid.run(study, data, out=tmp_path / "out", jobs=1, audit=0)
    (line,) = (line for line in curve.summary().splitlines() if line.startswith("- m: nearest"))
    assert line.startswith(f"- m: {how}{str(replace).lower()}")
    assert line.endswith(", with the match's weights") == replace
