"""What is warned of and not refused."""

import pytest
from checked_studies import faults, marked

WARNINGS = {
    "empty sample": (
        {"sample": '"s" = "year > 2020"\n"a" = "TRUE"'},
        "empty_sample",
        "no row satisfies this condition",
        "year > 2020",
    ),
    "empty variant": ({"variant__v": '"a" = { where = "x > 9" }\n"b" = {}'}, "empty_sample", "no row", "x > 9"),
    "no such value": ({"sample": '"s" = "zone != \'aa\'"'}, "no_level", "no row has the value “aa”", "'aa'"),
    "no such value in a list": ({"derive": "q = \"zone %in% c('a', 'A')\""}, "no_level", "value “A”", "'A'"),
    "empty cells": ({"sample": '"s" = "zone != \'\'"'}, "no_level", "no row has the value “”", "''"),
    "missing condition": ({"sample": '"s" = "gap > 0"'}, "condition_missing", "in 1 row of 1 unit", "gap > 0"),
    "codes": ({"controls": '"c" = "cut(x, c(1, 2))"'}, "codes_as_number", "one slope for all", "cut(x, c(1, 2))"),
    "derived codes": (
        {"derive": 'g = "group(zone, year)"', "controls": '"c" = "g + factor(g)"'},
        "codes_as_number",
        "`g` is a number here",
        "g",
    ),
    "weights of 0": ({"weights": '"w" = "1 - pilot"'}, "weights_some_zero", "count in n_missing", "1 - pilot"),
    "missing weights": ({"weights": '"w" = "gap"'}, "weights_missing", "missing in row 5", "gap"),
    "scale": (
        {"outcome": '"y" = { formula = "y", scale = "logs" }\n"z" = { formula = "z", scale = "Logs" }'},
        "scale_spelling",
        "`Logs` and `logs` are two curves",
        "z",
    ),
    "no scale": (
        {"outcome": '"y" = { formula = "y", scale = "logs" }\n"z" = "z"'},
        "no_scale",
        "no scale",
        "z",
    ),
    "overwritten": ({"derive": 'x = "y * 2"'}, "overwrites", "`x` replaces a column", "y * 2"),
    "labels": ({"labels": 'xx = "income"'}, "no_column", "no column `xx`", "xx"),
    "cohort unused": (
        {"treatment": '"d" = { term = "pilot", cohort = "first" }', "fixed_effects": '"f" = "year"'},
        "cohort_differs",
        "in 2 rows",
        "pilot",
    ),
    "empty outcome": (
        {"outcome": '"y" = "log(-abs(y))"\n"z" = "z"'},
        "outcome_missing",
        "missing in every row",
        "log(-abs(y))",
    ),
}


@pytest.mark.parametrize("case", WARNINGS)
def test_warnings(tmp_path, case):
    tables, code, message, underlined = WARNINGS[case]
    found = faults(tmp_path, **tables)
    assert found.errors == ()
    (fault,) = found.warnings
    assert fault.code == code
    assert message in fault.message
    assert marked(fault).strip('"') == underlined


@pytest.mark.parametrize("where", ["gap < 99", "gap == 1 & year > 0", "!is.na(gap) & gap > 0", "is.na(gap) | gap > 0"])
def test_a_condition_that_stata_reads_alike_is_not_warned_of(tmp_path, where):
    assert "condition_missing" not in {f.code for f in faults(tmp_path, sample=f'"s" = "{where}"')}


def test_labels_may_name_options_scales_and_dimensions(tmp_path):
    outcome = '"prod" = { formula = "y", scale = "logs" }'
    labels = 'prod = "output"\nlogs = "log points"\nsample = "cities"'
    assert tuple(faults(tmp_path, outcome=outcome, labels=labels)) == ()
