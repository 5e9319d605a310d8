"""Faults of estimators' options, and of labels in rules and in the preferred specification."""

import pytest
from checked_studies import assert_says, faults

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
    "option's list": (
        {"estimator": '"s" = { method = "sunab", reference = [-1, 0.5] }'},
        "wrong_type",
        "expected a whole number, found a decimal number",
        "0.5",
        "for example, reference = -2",
    ),
    "label in exclude": (
        {"estimator": '"OLS" = "feols"', "[exclude]": 'when = { estimator = "OSL" }\nbecause = "x"'},
        "no_option",
        "no option of estimator is `OSL`",
        "OSL",
        "did you mean `OLS`?",
    ),
    "formula in preferred": (
        {"controls": '"c" = "mvsw(x, z)"', "preferred": 'controls = "x + w"'},
        "no_option",
        "no option of controls is `x + w`",
        "x + w",
        "did you mean `x + z`?",
    ),
    "has and lacks": (
        {"controls": '"c" = "csw(x, z)"', "preferred": 'controls = { has = "z", lacks = "x" }'},
        "no_option",
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
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(tmp_path, case):
    tables, code, message, underlined, advice = ERRORS[case]
    (fault,) = faults(tmp_path, **tables).errors
    assert_says(fault, code, message, underlined, advice)
