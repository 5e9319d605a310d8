"""Faults of treatments and cohorts, and the spellings of never treated."""

import pytest
from checked_studies import assert_says, faults, write
from specdid._run.prepare import examine

ERRORS = {
    # case: (tables, code, message, what is underlined, help)
    "text treatment": (
        {"treatment": '"t" = "zone"'},
        "treatment_text",
        "the treatment `zone` is text",
        "zone",
        "write a condition that holds where it is treated",
    ),
    "treatment of several": (
        {"treatment": '"t" = "factor(state):d"'},
        "treatment_terms",
        "is 2 variables; it must be one",
        "factor(state):d",
        None,
    ),
    "constant treatment": (
        {"derive": 'k = "d * 0"', "treatment": '"t" = "k"'},
        "treatment_constant",
        "`k` is 0 in every row",
        "k",
        None,
    ),
    "missing treatment": (
        {"derive": 'k = "log(d - 1)"', "treatment": '"t" = "k"'},
        "treatment_missing",
        "missing in every row",
        "k",
        None,
    ),
    "empty cohort": (
        {"derive": 'c = "ifelse(first == 0, NA, first)"', "treatment": '"d" = { term = "d", cohort = "c" }'},
        "cohort_missing",
        "the cohort is empty in rows 4, 5, 6 and 3 more",
        "c",
        'never = "empty"',
    ),
    "changing cohort": (
        {"derive": 'c = "first * (year > 2010)"', "treatment": '"d" = { term = "d", cohort = "c" }'},
        "cohort_varies",
        "the cohort changes within id 1",
        "c",
        "at()",
    ),
    "cohort that is no period": (
        {
            "derive": 'c = "ifelse(first == 2012, 2011.5, 0)"',
            "treatment": '"d" = { term = "d", cohort = "c" }',
        },
        "cohort_period",
        "the cohort holds 2011.5, which is no whole number",
        "c",
        None,
    ),
    "text cohort": (
        {"treatment": '"d" = { term = "d", cohort = "zone" }'},
        "not_numeric",
        "`zone` is text",
        "zone",
        None,
    ),
    "cohort against term": (
        {"treatment": '"d" = { term = "pilot", cohort = "first" }', "estimator": '"s" = "sunab"'},
        "cohort_differs",
        "`pilot` differs from `year >= first` in 2 rows",
        "pilot",
        None,
    ),
    "main effects": (
        {"treatment": '"t" = "d:x"'},
        "no_main_effects",
        "without the main effect",
        "d:x",
        "with",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(tmp_path, case):
    tables, code, message, underlined, advice = ERRORS[case]
    (fault,) = faults(tmp_path, **tables).errors
    assert_says(fault, code, message, underlined, advice)


def test_rows_where_term_and_cohort_differ_are_named(tmp_path):
    (fault,) = faults(tmp_path, treatment='"d" = { term = "pilot", cohort = "first" }', estimator='"s" = "sunab"')
    assert fault.notes == (
        "row 1 (id 1, year 2010): the term is 1 and the cohort says 0",
        "row 2 (id 1, year 2011): the term is 1 and the cohort says 0",
    )


def test_an_excluded_cohort_estimator_does_not_need_the_cohort(tmp_path):
    path = write(
        tmp_path,
        treatment='"d" = { term = "pilot", cohort = "first" }',
        estimator='"OLS" = "feols"\n"SA" = "sunab"',
        fixed_effects='"f" = "year"',
        **{"[exclude]": 'when = { estimator = "SA" }\nbecause = "x"'},
    )
    (fault,) = examine(path)[1]
    assert (fault.code, fault.severity) == ("cohort_differs", "warning")


@pytest.mark.parametrize("cohort", ["first", "ifelse(first == 0, 9999, first)", "ifelse(first == 0, 1 / 0, first)"])
def test_never_treated_in_its_spellings(tmp_path, cohort):
    found = faults(tmp_path, treatment=f'"d" = {{ term = "d", cohort = "{cohort}" }}', estimator='"s" = "sunab"')
    assert tuple(found) == ()


def test_an_empty_cohort_may_be_declared_never_treated(tmp_path):
    found = faults(
        tmp_path,
        study='never = "empty"',
        treatment='"d" = { term = "d", cohort = "ifelse(first == 0, NA, first)" }',
    )
    assert tuple(found) == ()


def test_a_cohort_estimator_needs_unit_and_time(tmp_path):
    path = write(tmp_path)
    path.write_text(
        '[study]\ndata = "d.csv"\n[outcome]\ny = "y"\n[treatment]\nd = "d"\n[estimator]\ns = "sunab"\n'
        "[inference]\ndraws = 0\n"
    )
    (fault,) = examine(path)[1]
    assert fault.message == "sunab needs the unit and time of the panel"
