"""Faults of estimators' options, and of labels in rules and in the preferred specification."""

import pytest
import specdid
from checked_studies import DATA, assert_says, faults

ERRORS = {
    # case: (tables, code, message, what is underlined, help)
    "unknown option": (
        {"estimator": '"s" = { method = "sunab", contrl = "never" }'},
        "unknown_key",
        "unknown key `contrl` in the estimator option `s`",
        "contrl",
        "did you mean `control`?",
    ),
    "option of no estimator": (
        {"estimator": '"o" = { method = "feols", zz = 1 }'},
        "unknown_key",
        "unknown key `zz` in the estimator option `o`",
        "zz",
        "the estimator option `o` takes method, type, why",
    ),
    "option's type": (
        {"estimator": '"l" = { method = "lpdid", pre_window = true }'},
        "wrong_type",
        "expected a whole number, found true or false",
        "true",
        "for example, pre_window = 5",
    ),
    "option's value": (
        {"estimator": '"s" = { method = "sunab", control = "no" }'},
        "bad_choice",
        "`control` cannot be `no`",
        "no",
        "`control` is one of never, notyet",
    ),
    "an option that does nothing": (
        {"estimator": '"s" = { method = "sunab", control = "notyet", reference = -2 }'},
        "not_honoured",
        '`reference` does nothing beside `control = "notyet"`: all periods before treatment are the reference, and '
        "there are no leads",
        "reference",
        "take `reference` away",
    ),
    "option's list": (
        {"estimator": '"s" = { method = "sunab", reference = [-1, 0.5] }'},
        "wrong_type",
        "expected a whole number, found a decimal number",
        "0.5",
        "for example, reference = -2",
    ),
    "label in exclude": (
        {"estimator": '"OLS" = "feols"', "[exclude]": 'when = { estimator = "OSL" }\nbecause = "x"'},
        "unknown_name",
        "no option of estimator is `OSL`",
        "OSL",
        "did you mean `OLS`?",
    ),
    "formula in preferred": (
        {"controls": '"c" = "mvsw(x, z)"', "preferred": 'controls = "x + w"'},
        "unknown_name",
        "no option of controls is `x + w`",
        "x + w",
        "did you mean `x + z`?",
    ),
    "has and lacks": (
        {"controls": '"c" = "csw(x, z)"', "preferred": 'controls = { has = "z", lacks = "x" }'},
        "unknown_name",
        "no option of controls has `z` and lacks `x`",
        '{ has = "z", lacks = "x" }',
        None,
    ),
    "several preferred": (
        {"controls": '"c" = "csw(x, z)"', "preferred": 'controls = "c"'},
        "preferred_several",
        "this stands for 2 options of controls",
        "c",
        "such as `x`",
    ),
    "preferred outcome of two lists": (
        {"outcome": '"a" = "c(y, x)"\n"b" = "c(x, w)"', "preferred": 'outcome = "x"'},
        "preferred_several",
        "this stands for 2 options of outcome",
        "x",
        "leave it out of all but one",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(tmp_path, case):
    tables, code, message, underlined, advice = ERRORS[case]
    (fault,) = faults(tmp_path, **tables).errors
    assert_says(fault, code, message, underlined, advice)


@pytest.mark.parametrize(
    ("outcome", "place"),
    [
        ('"both" = "c(y, x)"\n"x" = "x"', 2),
        ('"x" = "x"\n"both" = "c(y, x)"', 0),
        ('"both" = "c(y, x)"\n"level" = "w"', 1),
    ],
)
def test_the_option_that_is_written_out_is_the_preferred_one_beside_lists_that_have_it(tmp_path, outcome, place):
    found = faults(tmp_path, outcome=outcome, preferred='outcome = "x"')
    assert "preferred_several" not in [fault.code for fault in found.errors]
    plan = specdid.plan(tmp_path / "s.toml")
    assert plan.codes[plan.preferred, 0] == place


SPACED = DATA.replace("first", "first year").replace("zone", "births and deaths")
BARE = {
    "assign": {"inference": 'draws = 9\nnull = ["permutation"]\nassign = "first year"'},
    "cohort": {"treatment": '"d" = { term = "d", cohort = "first year" }'},
    "within a function": {"outcome": '"y" = "log(first year)"'},
    "with another after it": {"controls": '"c" = "x + first year + w"'},
    "clusters": {"vcov": '"v" = "~first year"'},
    "derived": {"derive": 'e = "first year"'},
    "condition": {"sample": '"s" = "first year > 0"'},
    "with a word of other languages": {"controls": '"c" = "births and deaths"'},
}


@pytest.mark.parametrize("case", BARE)
def test_a_name_with_blanks_is_told_to_stand_in_backticks(tmp_path, case):
    (fault,) = [f for f in faults(tmp_path, data=SPACED, **BARE[case]) if f.severity == "error"]
    name = "births and deaths" if "word" in case else "first year"
    assert fault.help == f"in backticks where the column is meant: `` `{name}` ``"


def test_what_is_no_column_is_not_told_to_stand_in_backticks(tmp_path):
    (fault,) = faults(tmp_path, data=SPACED, controls='"c" = "first yearly"').errors
    assert "backticks" not in fault.help


@pytest.mark.parametrize("wrong", ["x y", "nowhere", "log(text)"])
def test_a_selector_by_a_name_that_is_wrong_is_no_further_fault(tmp_path, wrong):
    found = faults(tmp_path, derive=f'e = "{wrong}"', controls='"c" = "mvsw(e, x)"', preferred='controls = "e + x"')
    assert found.errors
    assert not [f for f in found if f.code == "unknown_name"]


def test_assignment_is_not_judged_where_the_time_is_not_known(tmp_path):
    data = DATA + "note,,,,,,,,,,,,\n"
    asked = {
        "treatment": '"t" = "e"',
        "derive": 'e = "pilot * (year >= 2011)"',
        "inference": 'draws = 9\nnull = ["permutation"]\nassign = "pilot"',
    }
    found = faults(tmp_path, data=data, **asked)
    assert [f.code for f in found.errors] == ["missing_key"]
    assert not [f for f in found if f.code.startswith("assign")]


def test_a_unit_of_several_words_is_told_of_backticks_where_no_data_can_be_read(tmp_path):
    spec = tmp_path / "s.toml"
    spec.write_text('[study]\ndata = "none.csv"\nunit = "District code"\ntime = "year"\n', encoding="utf-8")
    (fault,) = (f for f in specdid.check(spec) if f.path == ("study", "unit"))
    assert fault.help == "a column's name of several words stands in backticks: `` `…` ``"
