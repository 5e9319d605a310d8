"""What is warned of and not refused."""

import pytest
from checked_studies import DATA, faults, marked, write
from specdid._records.cautions import SERIOUS_FAULTS
from specdid._run.prepare import examine
from specdid._words import known

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


@pytest.mark.parametrize(
    ("weight", "of_2010", "of_all"),
    [
        ("gap", [], ["weights_missing"]),  # row 5 alone, of 2011
        ("ifelse(year > 2010, 0, 1)", [], ["weights_some_zero"]),
        ("d == 0", [], ["weights_some_zero"]),
        ("state - 1", ["weights_some_zero"], ["weights_some_zero"]),
        ("ifelse(id == 1, NA, w)", ["weights_missing"], ["weights_missing"]),
    ],
)
def test_weights_are_told_of_rows_that_a_sample_has(tmp_path, weight, of_2010, of_all):
    for sample, told in (('"s" = "year == 2010"', of_2010), ('"s" = "year == 2010"\n"a" = "TRUE"', of_all)):
        found = faults(tmp_path, weights=f'"w" = "{weight}"', sample=sample)
        assert [f.code for f in found if f.code.startswith("weights")] == told


def test_a_time_that_is_derived_is_told_that_it_cannot_be(tmp_path):
    path = write(tmp_path, derive='yr = "year + 0"')
    path.write_text(path.read_text().replace('time = "year"', 'time = "yr"'))
    (fault,) = (f for f in examine(path)[1] if f.code == "no_column")
    assert fault.help.startswith("the time cannot be derived: [derive] follows it; write `yr` into the file")


@pytest.mark.parametrize(
    ("by", "warned"),
    [
        ("zone^year", False),
        ("group(zone, year)", False),
        ("group(zone, group(id, year))", False),
        ("zy", False),
        ("alias^zone", False),
        ("group(zone, later)", False),
        ("zone^later", False),
        ("zone^half", True),
        ("zone", True),
        ("group(zone, id)", True),
        ("power", True),
    ],
)
def test_means_of_groups_within_a_period_hold_no_later_values(tmp_path, by, warned):
    derive = 'zy = "group(zone, year)"\nalias = "zy"\npower = "x^year"\nlater = "year + 1974"\nhalf = "year %/% 2"'
    found = faults(tmp_path, derive=derive, controls=f'"c" = "mean(x, by = {by})"')
    assert ("later_values" in {f.code for f in found}) == warned


CALLED = DATA.replace("zone", "T", 1)


@pytest.mark.parametrize(
    ("tables", "underlined"),
    [
        ({"sample": '"s" = "T == \'b\'"'}, "T"),
        ({"sample": '"s" = "T"'}, "T"),
        ({"derive": 'v = "y * T"', "controls": '"c" = "v"'}, "T"),
        ({"sample": '"s" = "`T` == \'b\'"'}, ""),
        ({"sample": '"s" = "TRUE"'}, ""),
        ({"derive": 'v = "scale(y, center = T)"', "controls": '"c" = "v"'}, ""),
    ],
)
def test_a_constant_that_is_a_columns_name_is_told(tmp_path, tables, underlined):
    """A condition on bare `T` keeps every row; it is R's TRUE, whatever the file has."""
    found = [f for f in faults(tmp_path, data=CALLED, **tables) if f.code == "constant_column"]
    assert [marked(f).strip('"') for f in found] == [underlined] * bool(underlined)
    for fault in found:
        assert fault.message == "`T` is the constant TRUE here, and a column is called so, too"
        assert known(fault.message, "zh")
        assert "constant_column" in SERIOUS_FAULTS


@pytest.mark.parametrize("where", ["gap < 99", "gap == 1 & year > 0", "!is.na(gap) & gap > 0", "is.na(gap) | gap > 0"])
def test_a_condition_that_stata_reads_alike_is_not_warned_of(tmp_path, where):
    assert "condition_missing" not in {f.code for f in faults(tmp_path, sample=f'"s" = "{where}"')}


def test_labels_may_name_options_scales_and_dimensions(tmp_path):
    outcome = '"prod" = { formula = "y", scale = "logs" }'
    labels = 'prod = "output"\nlogs = "log points"\nsample = "cities"'
    assert tuple(faults(tmp_path, outcome=outcome, labels=labels)) == ()


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("x < 5", "`x < 5` holds in every row, as `x` is 0.1 to 0.9"),
        ("w >= 0.5 & id > 0", "`w >= 0.5` holds in every row, as `w` is 1 to 3"),
        ("between(w, 0.5, 4)", "as `w` is 1 to 3"),
        ("x < 1", None),
        ("x < 999", None),
        ("x > 0", None),
        ("w >= 1", None),
        ("x <= 5 & w == 1", None),
        ("!is.na(x)", None),
        ("w != 5", None),
        ("year > 1990", None),
        ("TRUE", None),
    ],
)
def test_samples_of_every_row(tmp_path, where, told):
    found = [f for f in faults(tmp_path, sample=f'"s" = "{where}"') if f.code == "sample_whole"]
    assert [told in f.message for f in found] == [True] * (told is not None)
    assert all(known(f.message, "zh") for f in found)
