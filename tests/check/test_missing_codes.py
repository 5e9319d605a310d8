"""Numbers that stand for missing values, like -999, are said; what data have of their own is not."""

import numpy as np
import polars as pl
import pytest
import specdid
from small_studies import small_panel, small_study
from specdid._words import known
from specdid.panel import missing_codes

N = small_panel().height


def found(values, **changes):
    study = small_study(**{"outcome": {"c": "c"}, **changes})
    frame = small_panel().with_columns(c=pl.Series(values, dtype=pl.Float64))
    return [f for f in specdid.check(study, frame) if f.code == "missing_code"]


def percentages(*codes):
    values = 40 + 30 * np.sin(np.arange(N))
    values[: len(codes)] = codes
    return values


def test_the_column_the_value_its_rows_and_what_to_do():
    (fault,) = found(percentages(-999, -999))
    assert fault.severity == "warning"
    assert fault.message.startswith("`c` is -999 in 2 rows")
    assert "ifelse(c == -999, NA, c)" in fault.help
    assert [note.endswith(": -999") for note in fault.notes] == [True, True]


def test_several_codes_of_one_column():
    (fault,) = found(percentages(-99, -99, -999))
    assert "-999 in 1 row and -99 in 2 rows" in fault.message
    assert "ifelse(c == -99, NA, ifelse(c == -999, NA, c))" in fault.help


def test_the_advice_makes_it_missing_and_a_sample_without_the_rows_needs_none():
    values = percentages(-999, -999)
    assert not found(values, derive={"known": "ifelse(c == -999, NA, c)"}, outcome={"c": "known"})
    assert not found(values, derive={"known": "ifelse(c < 0, NA, c)"}, outcome={"c": "known"})
    assert not found(values, sample={"known": "c >= 0"})
    assert found(values, derive={"twice": "2 * c"}, outcome={"c": "twice"})
    assert found(values, outcome={"y": "y"}, controls={"c": "x1 + c"})


def test_a_code_that_a_condition_alone_uses_is_looked_at_where_it_holds():
    values = percentages(999, 999)
    (fault,) = found(values, outcome={"y": "y"}, sample={"all": "TRUE", "large": "c > 50"})
    assert fault.message.startswith("`c` is 999 in 2 rows, far from its other values, and the condition `c > 50` holds")
    assert known(fault.message, "zh")
    assert not found(values, outcome={"y": "y"}, sample={"all": "TRUE", "small": "c < 50"})
    assert not found(values, outcome={"y": "y"}, sample={"all": "TRUE", "large": "c > 50 & c != 999"})


@pytest.mark.parametrize("by", ["group(c, year)", "c", "g"])
def test_a_code_that_only_groups_rows_is_no_value(by):
    derive = {"g": "group(c, year)", "peers": f"mean(x1, by = {by})"}
    (fault,) = found(percentages(-999, -999), outcome={"y": "y"}, derive=derive, controls={"peers": "peers"})
    assert fault.message.startswith("`c` is -999 in 2 rows, far from its other values, and `by` makes a group")
    assert known(fault.message, "zh")
    both = found(percentages(-999, -999), outcome={"y": "y"}, derive=derive, controls={"p": "peers", "c": "c"})
    assert [f.message == fault.message for f in both] == [True, False]


def test_never_treated_written_9999_is_no_missing_value():
    frame = small_panel()
    first = np.where(frame["cohort"] > 0, frame["cohort"], 9999)
    study = {"derive": {"late": "year >= c"}, "outcome": {"y": "y"}, "treatment": {"late": "late"}}
    assert not found(first, **study)


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ([1, 2, 3, 4, 5, 9, 9], ()),
        ([0, 1, 9, 9], ((9.0, 2),)),
        ([0, 1, 9], ()),
        ([3, 40, 88, 999, 999], ((999.0, 2),)),
        ([3, 40, 88, 98, 99, 99], ()),
        ([3, 40, 88, -99, -99], ((-99.0, 2),)),
        ([-30, 40, 88, -99, -99], ()),
        ([30, 60, -9, -9], ()),
        ([1, 5, -9, -9], ()),
        ([1, 3, -9, -9], ((-9.0, 2),)),
        ([0, 120_000, -999, -999], ((-999.0, 2),)),
        ([-50, 3_000, -9999], ((-9999.0, 1),)),
        ([-8_000, 3_000, -9999, -9999], ()),
        ([7, 7, 999, 999], ()),
        ([12_360, 667_208, 9_999_999], ((9_999_999.0, 1),)),
        ([12_360, 667_208, 999_999], ()),
        ([12_360, 667_208, -99], ((-99.0, 1),)),
        ([-5, 30, 60, -99], ()),
        ([*range(20), -9, -9], ((-9.0, 2),)),
        ([*range(20), -9], ()),
        ([*np.linspace(0.47, 0.91, 50), -9], ((-9.0, 1),)),
        ([*np.linspace(-0.47, 0.91, 50), -9], ((-9.0, 1),)),
        ([*np.linspace(0.47, 0.91, 50), 8], ((8.0, 1),)),
        ([*np.linspace(9, 53, 50), 999], ((999.0, 1),)),
        ([*np.linspace(9, 53, 50), 99], ()),
        ([*np.linspace(9, 53, 50), -9], ((-9.0, 1),)),
        ([*np.linspace(49_886, 3e6, 50), 99], ((99.0, 1),)),
        ([*np.linspace(49_886, 3e6, 50), 999], ()),
        ([*([0] * 90), *range(1, 6), 9], ()),
        ([12_360, 667_208, -1000], ((-1000.0, 1),)),
        ([3, 100, 1000], ()),
        ([*range(20), -88], ((-88.0, 1),)),
        ([*range(11, 31), -1], ((-1.0, 1),)),
        ([*range(11, 31), -1, -1], ((-1.0, 2),)),
        ([*range(10, 30), -1], ()),
        ([*np.linspace(0.1, 5, 95), *[-1] * 5], ((-1.0, 5),)),
        ([*range(1, 96), -2, -2, -1, -1, -1], ((-2.0, 2), (-1.0, 3))),
        ([*range(1, 96), *[-5] * 5], ((-5.0, 5),)),
        ([*range(96), *[-1] * 5], ()),
        ([*range(1, 96), -1], ()),
        ([*range(1, 96), -1, -1, -0.5, -0.5], ()),
        ([1, 2, 3, 4, 5, *[-1] * 5], ()),
        ([11, 30, 12, -1], ()),
        ([*np.linspace(9_990, 10_010, 50), 0], ((0.0, 1),)),
        ([*np.linspace(9_990, 10_010, 50), 0, 0], ()),
        ([*np.linspace(9_000, 10_000, 50), 0], ()),
        ([*np.linspace(9_990, 10_010, 50), *[0] * 20], ()),
        ([np.nan, np.inf], ()),
    ],
)
def test_what_is_a_code_and_what_a_value(values, codes):
    assert missing_codes(np.array(values, float)) == codes


@pytest.mark.parametrize("code", [99.9, 99.99, 999.9, -99.9, -999.9, float(np.float32(99.9))])
@pytest.mark.parametrize("rows", [1, 3])
def test_nines_with_a_decimal_are_codes_too(code, rows):
    values = np.abs(10 + 10 * np.sin(np.arange(N)))
    values[:rows] = code
    assert missing_codes(values) == ((code, rows),)


@pytest.mark.parametrize("code", [88.0, 98.0, 99.0])
def test_two_digits_in_five_rows_far_above_weeks_are_a_code(code):
    weeks = np.arange(300.0) % 52
    weeks[:5] = code
    assert missing_codes(weeks) == ((code, 5),)
    weeks[0] = 3
    assert not missing_codes(weeks)
    weeks[:5] = 99, 99, 98, 98, 98
    assert not missing_codes(weeks)
    weeks[:10] = [98] * 5 + [99] * 5
    assert missing_codes(weeks) == ((98.0, 5), (99.0, 5))
    assert not missing_codes(weeks, repeats=False)


def test_ninety_nine_among_percentages_ages_years_and_temperatures_is_a_value():
    rng = np.random.default_rng(1)
    for values in (
        rng.uniform(0, 100, 500).round(),
        np.minimum(rng.gamma(2, 15, 2000).round(), 99),
        rng.integers(18, 90, 500),
        rng.integers(60, 99, 500),
        rng.normal(60, 15, 500).round(),
        rng.integers(1, 60, 500),
        100 - rng.gamma(1, 5, 500).round(),
    ):
        values = np.asarray(values, float)
        values[:6] = [99, 99, 99, 99, 99, 98]
        if values[6:].max() > 66:
            assert not missing_codes(values)
    few = np.tile([0.0, 20.0, 50.0, 99.0], 20)
    assert not missing_codes(few)


def test_ninety_nine_that_never_changes_within_a_unit_is_a_value():
    unit = small_panel()["id"].rank("dense").to_numpy().astype(float)
    counties = np.where(unit == 1, 99, 2 * unit)
    assert len(np.unique(unit)) > 10
    assert (unit == 1).sum() >= 5
    assert not found(counties * 1.0, outcome={"y": "y"}, controls={"c": "c:year"})
    weeks = np.arange(N) % 52.0
    weeks[np.arange(0, N, N // 6)] = 99
    (fault,) = found(weeks)
    assert fault.message.startswith("`c` is 99 in ")


def test_a_share_near_a_hundred_is_no_code():
    shares = np.linspace(60, 99.8, N)
    shares[:3] = 99.9
    assert not missing_codes(shares)
    low = np.linspace(0, 50, N)
    low[0] = 99.9
    assert not missing_codes(low)


def test_a_code_whose_logarithm_is_missing_is_in_no_estimate_through_that():
    trend = {"trend": "at(log(c), year == 2003):year"}
    assert not found(percentages(-999, -999), outcome={"c": "log(c)"}, controls=trend)
    assert found(percentages(-999, -999), outcome={"c": "c"}, controls=trend)


def labelled(tmp_path, values, labels, **changes):
    frame = small_panel().with_columns(c=pl.Series(values, dtype=pl.Float64))
    frame.to_pandas().to_stata(tmp_path / "d.dta", write_index=False, version=118, value_labels={"c": labels})
    study = small_study(**{"outcome": {"c": "c"}, **changes})
    study["study"]["data"] = str(tmp_path / "d.dta")
    return [f for f in specdid.check(study) if f.code == "missing_code"]


def answers(*codes):
    values = 1 + np.arange(N) % 5
    values[: len(codes)] = codes
    return values


DONT_KNOW = {1: "not at all", 5: "fully", 9: "Don't know"}


@pytest.mark.parametrize(
    "label",
    [
        "Don’t know",
        "9. dk",
        "[9] REFUSED",
        "refused/don't know",
        "N.A.",
        "Not applicable",
        "No answer",
        "不知道",
        "拒答",
    ],
)
def test_what_is_labelled_as_missing_is_said(tmp_path, label):
    (fault,) = labelled(tmp_path, answers(9, 9, 9), {**DONT_KNOW, 9: label})
    assert fault.message.startswith(f"`c` is 9 (“{label}”) in 3 rows, labelled as missing, and every estimate takes")
    assert "ifelse(c == 9, NA, c)" in fault.help
    assert known(fault.message, "zh")


@pytest.mark.parametrize("table", [{"controls": {"c": "x1 + c"}}, {"weights": {"c": "c"}}, {"sample": {"c": "c > 1"}}])
def test_a_label_of_missing_is_said_wherever_values_are_taken(tmp_path, table):
    (fault,) = labelled(tmp_path, answers(9, 9), DONT_KNOW, outcome={"y": "y"}, **table)
    assert fault.message.startswith("`c` is 9 (“Don't know”) in 2 rows, labelled as missing, and ")
    assert known(fault.message, "zh")


def test_numbers_far_away_stand_beside_those_that_are_labelled(tmp_path):
    (fault,) = labelled(tmp_path, answers(9, 9, -999), DONT_KNOW)
    assert "-999 in 1 row and 9 (“Don't know”) in 2 rows, far from its other values or labelled" in fault.message
    assert known(fault.message, "zh")


@pytest.mark.parametrize(
    ("values", "labels", "changes"),
    [
        (answers(), DONT_KNOW, {}),  # no row has it
        (answers(9, 9) * 1.0, {9: "no school"}, {}),
        (answers(9, 9) * 1.0, {9: "missing a leg"}, {}),
        (np.arange(N) % 2, {0: "known", 1: "missing"}, {}),
        (answers(9, 9), DONT_KNOW, {"derive": {"k": "ifelse(c == 9, NA, c)"}, "outcome": {"c": "k"}}),
        (answers(9, 9), DONT_KNOW, {"sample": {"known": "c < 9"}}),
        (answers(9, 9), DONT_KNOW, {"outcome": {"y": "y"}, "controls": {"c": "factor(c)"}}),
        (answers(9, 9), DONT_KNOW, {"outcome": {"y": "y"}, "controls": {"c": "i(c)"}}),
        (answers(9, 9), DONT_KNOW, {"outcome": {"y": "y"}, "fixed_effects": {"c": "id + c^year"}}),
        (
            answers(9, 9),
            DONT_KNOW,
            {"outcome": {"y": "y"}, "derive": {"m": "mean(x1, by = c)"}, "controls": {"m": "m"}},
        ),
        (answers(9, 9), DONT_KNOW, {"outcome": {"y": "y"}, "derive": {"a": "c == 9"}, "controls": {"a": "a"}}),
    ],
)
def test_labels_of_values_and_of_groups_are_silent(tmp_path, values, labels, changes):
    assert not labelled(tmp_path, values, labels, **changes)


def test_negative_digits_that_are_most_of_the_rows_are_values():
    rng = np.random.default_rng(0)
    high = rng.integers(1, 60, 200)
    few, most = np.repeat((-3, -1), (12, 8)), np.repeat((-3, -1), (240, 80))
    assert [code for code, _ in missing_codes(np.concatenate([high, few]).astype(float))] == [-3, -1]
    assert not missing_codes(np.concatenate([high, most]).astype(float))
